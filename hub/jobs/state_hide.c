#include "hub/jobs/state_hide.h"

#include <stdbool.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/object/actual.h"
#include "common/object/path.h"
#include "common/object/secret.h"

// is_hidden tells whether a path leads to or through where secrets are put. One that cannot be read
// may lead anywhere.
static bool is_hidden(struct cm_arena *a, const char *object_key, const char *text) {
    struct cm_path path;

    if (!cm_path_parse(a, text, &path)) {
        return true;
    }
    for (size_t i = 0; i < path.count; i++) {
        const struct cm_segment *s = &path.segments[i];

        if (s->type == CM_SEGMENT_MEMBER && cm_hiding_holds(object_key, s->name, i == 0)) {
            return true;
        }
    }
    return false;
}

static struct cm_json *hash(const struct hub_state_hiding *h, const char *text, size_t len) {
    return cm_hiding_hash(h->arena, h->key, text, len);
}

static bool is_masked(const struct cm_json *value) {
    return value->type == CM_STRING && strcmp(value->text, CM_SECRET_MASK) == 0;
}

// copy_hidden copies a value with its scalars as hashes: all of them, or those below what holds
// secrets. What an element of a list is called is no secret.
static struct cm_json *copy_hidden(const struct hub_state_hiding *h, const struct cm_json *value,
                                   bool hide) {
    if (value->type != CM_ARRAY && value->type != CM_OBJECT) {
        bool plain = !hide || value->text == NULL || is_masked(value);

        return plain ? cm_json_copy(h->arena, value) : hash(h, value->text, value->len);
    }
    struct cm_json *copy = cm_json_new(h->arena, value->type);
    for (const struct cm_json *n = value->first; n != NULL; n = n->next) {
        if (value->type == CM_ARRAY) {
            cm_json_append(copy, copy_hidden(h, n, hide));
        } else {
            bool below =
                (hide && strcmp(n->key, "name") != 0) || cm_hiding_holds("", n->key, false);

            cm_json_set(h->arena, copy, n->key, copy_hidden(h, n, below));
        }
    }
    return copy;
}

struct cm_json *hub_state_hide(const struct hub_state_hiding *h, const char *object_key,
                               const char *path, const char *value) {
    struct cm_json *tree = NULL;
    struct cm_err err;

    if (value[0] == '\0') {
        return NULL;
    }
    if (cm_json_parse(h->arena, value, strlen(value), NULL, &tree, &err) < 0) {
        return hash(h, value, strlen(value)); // it was cut
    }
    return copy_hidden(h, tree, is_hidden(h->arena, object_key, path));
}
