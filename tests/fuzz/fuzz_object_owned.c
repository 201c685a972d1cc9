// What a manager owns of an object is a part of the object, whatever managedFields say.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/owned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// is_part tells whether each member of `part` is one of `whole`, and each element one of its.
static bool is_part(const struct cm_json *part, const struct cm_json *whole) {
    if (part->type == CM_OBJECT && whole->type == CM_OBJECT) {
        const struct cm_json *m = part->first;
        const struct cm_json *there = NULL;

        while (m != NULL && (there = cm_json_get(whole, m->key)) != NULL && is_part(m, there)) {
            m = m->next;
        }
        return m == NULL;
    }
    if (part->type == CM_ARRAY && whole->type == CM_ARRAY) {
        const struct cm_json *e = part->first;

        for (const struct cm_json *w = whole->first; w != NULL && e != NULL; w = w->next) {
            e = is_part(e, w) ? e->next : e;
        }
        return e == NULL;
    }
    return cm_json_equal(part, whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct cm_json_limits limits = {.max_bytes = 1 << 20, .max_depth = 64, .max_nodes = 9999};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_manager manager;
    struct cm_json *live;
    struct cm_err err;

    if (cm_json_parse(a, (const char *)data, size, &limits, &live, &err) != CM_OK) {
        return 0;
    }
    const struct cm_json *metadata = cm_json_get(live, "metadata");
    struct cm_json *part = cm_object_restrict(a, live, "m");
    if (live->type == CM_OBJECT && (metadata == NULL || metadata->type == CM_OBJECT)) {
        assert(is_part(part, live));
    }
    const char *path = cm_json_string(cm_json_get(live, "path"));
    if (path != NULL && cm_object_manager_of(live, path, &manager)) {
        assert(manager.name != NULL && manager.time != NULL);
    }
    return 0;
}
