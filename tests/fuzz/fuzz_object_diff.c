// Nothing differs from itself, paths of differences read back, normalising twice is doing it once.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/object/canonical.h"
#include "common/object/diff.h"
#include "common/object/path.h"
#include "common/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_alone(struct cm_arena *a, struct cm_json *object) {
    struct cm_differences found;

    cm_object_diff(a, object, object, 10, &found);
    assert(found.count == 0 && !found.more);
    cm_object_changes(a, object, cm_json_copy(a, object), 10, &found);
    assert(found.count == 0 && !found.more);

    struct cm_json *once = cm_json_copy(a, object);
    cm_object_normalise(a, once);
    struct cm_json *twice = cm_json_copy(a, once);
    cm_object_normalise(a, twice);
    assert(cm_json_equal(once, twice));
}

static void check_pair(struct cm_arena *a, const struct cm_json *one, const struct cm_json *other) {
    struct cm_differences found;
    struct cm_path path;

    cm_object_diff(a, one, other, 1000, &found);
    cm_object_changes(a, one, other, 1000, &found);
    for (size_t i = 0; i < found.count; i++) {
        bool ok = found.items[i].path[0] == '\0' || cm_path_parse(a, found.items[i].path, &path);
        assert(ok);
        assert(strlen(cm_difference_text(a, found.items[i].actual, 40)) <= 40);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct cm_json_limits limits = {.max_bytes = 1 << 20, .max_depth = 64, .max_nodes = 9999};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_yaml_docs docs;
    struct cm_err err;

    if (cm_yaml_parse(a, (const char *)data, size, &limits, &docs, &err) != CM_OK) {
        return 0;
    }
    for (size_t i = 0; i < docs.count; i++) {
        check_alone(a, docs.docs[i]);
        if (i > 0) {
            check_pair(a, docs.docs[i - 1], docs.docs[i]);
        }
    }
    return 0;
}
