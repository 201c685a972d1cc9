#include "common/object/pointer.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"

#define INDEX_DIGITS_MAX 9

static size_t count_of(const char *text, char c) {
    size_t count = 0;

    for (; *text != '\0'; text++) {
        count += *text == c;
    }
    return count;
}

// unescape copies a token of `len` bytes; NULL: a "~" in it is followed by neither 0 nor 1.
static const char *unescape(struct cm_arena *a, const char *from, size_t len) {
    char *token = cm_arena_strndup(a, from, len);
    char *to = token;

    for (const char *at = token; *at != '\0'; at++) {
        if (*at == '~') {
            at++;
            if (*at != '0' && *at != '1') {
                return NULL;
            }
            *to++ = *at == '0' ? '~' : '/';
        } else {
            *to++ = *at;
        }
    }
    *to = '\0';
    return token;
}

enum cm_rc cm_pointer_parse(struct cm_arena *a, const char *text, struct cm_pointer *out,
                            struct cm_err *err) {
    struct cm_pointer p = {0};

    if (text[0] != '\0' && text[0] != '/') {
        return cm_fail(err, CM_EINVAL, "'%.100s' is no JSON pointer: begin it with '/'", text);
    }
    p.tokens = cm_arena_get(a, (count_of(text, '/') + 1) * sizeof(*p.tokens));
    while (*text == '/') {
        size_t len = strcspn(++text, "/");

        p.tokens[p.count] = unescape(a, text, len);
        if (p.tokens[p.count] == NULL) {
            return cm_fail(err, CM_EINVAL,
                           "'%.100s' is no part of a JSON pointer: write ~0 for '~' and ~1 for '/'",
                           text);
        }
        p.count++;
        text += len;
    }
    *out = p;
    return CM_OK;
}

bool cm_pointer_index(const char *token, size_t *out) {
    size_t len = strspn(token, "0123456789");
    size_t index = 0;

    if (len == 0 || len > INDEX_DIGITS_MAX || token[len] != '\0' || (token[0] == '0' && len > 1)) {
        return false;
    }
    for (const char *c = token; *c != '\0'; c++) {
        index = index * 10 + (size_t)(*c - '0');
    }
    *out = index;
    return true;
}

static struct cm_json *element(const struct cm_json *list, const char *token) {
    struct cm_json *n = list->first;
    size_t index;

    if (!cm_pointer_index(token, &index) || index >= list->count) {
        return NULL;
    }
    for (; index > 0; index--) {
        n = n->next;
    }
    return n;
}

struct cm_json *cm_pointer_find(const struct cm_pointer *p, size_t depth, struct cm_json *node) {
    for (size_t i = 0; i < depth && node != NULL; i++) {
        node =
            node->type == CM_ARRAY ? element(node, p->tokens[i]) : cm_json_get(node, p->tokens[i]);
    }
    return node;
}
