#include "hub/render/substitute.h"

#include <string.h>

#include "common/arena.h"

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// name_len returns how long the variable's name at `text` is; 0: there is none.
static size_t name_len(const char *text) {
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./";

    return is_letter(text[0]) ? strspn(text, allowed) : 0;
}

bool hub_variable_ok(const char *name) {
    size_t len = name_len(name);

    return len > 0 && len <= HUB_VARIABLE_MAX && name[len] == '\0';
}

bool hub_text_is_plain(const char *text) {
    return strstr(text, "${") == NULL;
}

static size_t count_dollars(const char *text) {
    size_t count = 0;

    for (const char *at = strstr(text, "${"); at != NULL; at = strstr(at + 2, "${")) {
        count++;
    }
    return count;
}

static enum cm_rc fail_malformed(const char *at, struct cm_err *err) {
    size_t len = strcspn(at, "}\n");

    len = len > 40 ? 40 : len;
    return cm_fail(err, CM_EINVAL,
                   "'%.*s%s' is no variable: write ${name} or ${name:=default}, or $${ for a "
                   "literal ${",
                   (int)len, at, at[len] == '}' ? "}" : "");
}

// scan_variable reads the variable that begins at *at with "${" and moves *at behind it.
static enum cm_rc scan_variable(struct cm_arena *a, const char **at, struct hub_piece *out,
                                struct cm_err *err) {
    const char *name = *at + 2;
    size_t len = name_len(name);
    const char *end = name + len;

    if (len == 0 || len > HUB_VARIABLE_MAX) {
        return fail_malformed(*at, err);
    }
    if (strncmp(end, ":=", 2) == 0) {
        const char *fallback = end + 2;

        end = strchr(fallback, '}');
        if (end == NULL || memmem(fallback, (size_t)(end - fallback), "${", 2) != NULL) {
            return fail_malformed(*at, err);
        }
        out->fallback = cm_arena_strndup(a, fallback, (size_t)(end - fallback));
    }
    if (*end != '}') {
        return fail_malformed(*at, err);
    }
    out->variable = true;
    out->text = cm_arena_strndup(a, name, len);
    out->len = len;
    *at = end + 1;
    return CM_OK;
}

static void add_literal(struct cm_arena *a, struct hub_text *out, const char *from, size_t len) {
    if (len > 0) {
        out->pieces[out->count++] =
            (struct hub_piece){.text = cm_arena_strndup(a, from, len), .len = len};
    }
}

enum cm_rc hub_text_scan(struct cm_arena *a, const char *text, struct hub_text *out, size_t *nth,
                         struct cm_err *err) {
    struct hub_text found = {0};
    size_t dollars = count_dollars(text);
    const char *from = text;
    const char *at = text;

    found.pieces = cm_arena_get(a, (2 * dollars + 1) * sizeof(*found.pieces));
    for (size_t i = 0; i < dollars; i++) {
        const char *dollar = strstr(at, "${");

        if (dollar == NULL) { // it was within a default
            break;
        }
        if (dollar > from && dollar[-1] == '$') {
            add_literal(a, &found, from, (size_t)(dollar - from) - 1);
            from = dollar; // "${" is literal and goes with what follows
            at = dollar + 2;
            continue;
        }
        add_literal(a, &found, from, (size_t)(dollar - from));
        struct hub_piece *piece = &found.pieces[found.count];
        enum cm_rc rc = scan_variable(a, &dollar, piece, err);
        if (rc < 0) {
            *nth = i;
            return rc;
        }
        piece->nth = i;
        found.count++;
        from = at = dollar;
    }
    add_literal(a, &found, from, strlen(from));
    found.whole = found.count == 1 && found.pieces[0].variable;
    *out = found;
    return CM_OK;
}
