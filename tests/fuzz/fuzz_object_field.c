// A field, named by a pointer or a path on the first line, and an object after it: what is put
// there by names and places is found there, and what is taken away is gone; where it cannot be, or
// nothing is there to be taken away, the object stays as it was.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

// Others name an element by what is in it, which may be what is changed.
static bool goes_by_names(const struct cm_path *path) {
    for (size_t i = 0; i < path->count; i++) {
        if (path->segments[i].type != CM_SEGMENT_MEMBER) {
            return false;
        }
    }
    return true;
}

static struct cm_json *find(struct cm_arena *a, const struct cm_json *object,
                            const struct cm_path *path, size_t count) {
    return cm_field_walk(cm_field_root(a, object), path->segments, count).node;
}

static void check_put(struct cm_arena *a, const struct cm_json *object,
                      const struct cm_path *path) {
    struct cm_json *copy = cm_json_copy(a, object);
    struct cm_json *value = cm_json_new_string(a, "held");

    if (!cm_field_set(a, copy, path, value) || !goes_by_names(path)) {
        return;
    }
    const struct cm_json *parent = find(a, copy, path, path->count - 1);
    const struct cm_json *node = find(a, copy, path, path->count);
    require(parent != NULL);
    if (node == NULL) { // it came last
        require(parent->type == CM_ARRAY);
        node = parent->last;
    }
    require(node != NULL && cm_json_equal(node, value));
}

static void check_take(struct cm_arena *a, const struct cm_json *object,
                       const struct cm_path *path) {
    struct cm_json *copy = cm_json_copy(a, object);
    const struct cm_json *had = find(a, object, path, path->count);

    require(cm_field_set(a, copy, path, NULL) || had == NULL);
    require(cm_json_equal(copy, object) == (had == NULL));
    const struct cm_json *parent = find(a, object, path, path->count - 1);
    if (had != NULL && parent->type == CM_OBJECT && goes_by_names(path)) {
        require(find(a, copy, path, path->count) == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct cm_json_limits limits = {65536, 64, 10000};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const uint8_t *line = size == 0 ? NULL : memchr(data, '\n', size);
    struct cm_path path;
    struct cm_json *object;
    struct cm_err err;

    if (line == NULL) {
        return 0;
    }
    size_t len = (size_t)(line - data);
    const char *name = cm_arena_strndup(a, (const char *)data, len);
    if (!cm_field_parse(a, name, &path)) {
        return 0;
    }
    require(path.count > 0);
    if (cm_json_parse(a, (const char *)line + 1, size - len - 1, &limits, &object, &err) == CM_OK &&
        object->type == CM_OBJECT) {
        check_put(a, object, &path);
        check_take(a, object, &path);
    }
    return 0;
}
