#include "common/object/secret.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/json_members.h"
#include "common/mem.h"
#include "common/tls/digest.h"

static bool is_core(const struct cm_json *object, const char *kind) {
    const char *version = cm_json_string(cm_json_get(object, "apiVersion"));
    const char *name = cm_json_string(cm_json_get(object, "kind"));

    return version != NULL && name != NULL && strcmp(version, "v1") == 0 && strcmp(name, kind) == 0;
}

bool cm_secret_is(const struct cm_json *object) {
    return is_core(object, "Secret");
}

static void set_text(struct cm_arena *a, struct cm_json *node, const char *text) {
    node->type = CM_STRING;
    node->text = cm_arena_strdup(a, text);
    node->len = strlen(text);
}

static void join_lines(struct cm_arena *a, struct cm_json *node) {
    char *text = cm_arena_strdup(a, node->text);
    size_t len = 0;

    for (const char *c = node->text; *c != '\0'; c++) {
        if (*c != '\r' && *c != '\n') {
            text[len++] = *c;
        }
    }
    text[len] = '\0';
    node->text = text;
    node->len = len;
}

// drop_line_ends mends base64 that was written over several lines.
static void drop_line_ends(struct cm_arena *a, struct cm_json *data) {
    if (data == NULL || data->type != CM_OBJECT) {
        return;
    }
    for (struct cm_json *m = data->first; m != NULL; m = m->next) {
        if (m->type == CM_STRING && strpbrk(m->text, "\r\n") != NULL) {
            join_lines(a, m);
        }
    }
}

static bool all_strings(const struct cm_json *object) {
    const struct cm_json *m = object->first;

    while (m != NULL && m->type == CM_STRING) {
        m = m->next;
    }
    return m == NULL;
}

static void encode(struct cm_arena *a, struct cm_json *node) {
    CM_AUTOFREE char *text = cm_base64(node->text, node->len);

    set_text(a, node, text);
}

// merge moves the members of stringData to data, where they win.
static void merge(struct cm_arena *a, struct cm_json *data, struct cm_json *strings) {
    CM_CLEANUP(cm_json_index_done) struct cm_json_index index;
    struct cm_json added = {.type = CM_OBJECT};
    struct cm_json *next;

    cm_json_index_init(&index, data);
    for (struct cm_json *m = strings->first; m != NULL; m = next) {
        struct cm_json *old = cm_json_index_find(&index, m->key);

        next = m->next;
        encode(a, m);
        if (old == NULL) {
            cm_json_append(&added, m);
            continue;
        }
        old->type = CM_STRING;
        old->first = old->last = NULL;
        old->text = m->text;
        old->len = m->len;
    }
    for (struct cm_json *m = added.first; m != NULL; m = next) {
        next = m->next;
        cm_json_append(data, m);
    }
}

void cm_secret_settle(struct cm_arena *a, struct cm_json *object) {
    struct cm_json *strings = cm_json_get(object, "stringData");
    struct cm_json *data = cm_json_get(object, "data");

    if (is_core(object, "ConfigMap")) {
        drop_line_ends(a, cm_json_get(object, "binaryData"));
    }
    if (!cm_secret_is(object)) {
        return;
    }
    drop_line_ends(a, data);
    if (strings == NULL || strings->type != CM_OBJECT || !all_strings(strings) ||
        (data != NULL && data->type != CM_OBJECT && data->type != CM_NULL)) {
        return;
    }
    (void)cm_json_remove(object, "stringData");
    if (data == NULL || data->type == CM_NULL) {
        data = cm_json_new(a, CM_OBJECT);
        cm_json_set(a, object, "data", data);
    }
    merge(a, data, strings);
}

bool cm_secret_hides(const char *name, bool at_root) {
    if (strcmp(name, "kubectl.kubernetes.io/last-applied-configuration") == 0) {
        return true;
    }
    return at_root && (strcmp(name, "data") == 0 || strcmp(name, "stringData") == 0);
}

static void mask(struct cm_json *node) {
    if (node->type != CM_OBJECT && node->type != CM_ARRAY) {
        node->type = CM_STRING;
        node->text = CM_SECRET_MASK;
        node->len = strlen(CM_SECRET_MASK);
    }
    for (struct cm_json *item = node->first; item != NULL; item = item->next) {
        mask(item);
    }
}

struct cm_json *cm_secret_mask(struct cm_arena *a, const struct cm_json *value) {
    if (value == NULL) {
        return NULL;
    }
    struct cm_json *copy = cm_json_copy(a, value);
    mask(copy);
    return copy;
}
