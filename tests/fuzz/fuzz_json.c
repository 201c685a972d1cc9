// What is read, written canonically and read again is equal, and its canonical form is the same.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str once = {0};
    CM_CLEANUP(cm_str_done) struct cm_str twice = {0};
    CM_CLEANUP(cm_str_done) struct cm_str compact = {0};
    struct cm_json *first;
    struct cm_json *second;
    struct cm_err err;

    if (cm_json_parse(a, (const char *)data, size, NULL, &first, &err) != CM_OK) {
        assert(strncmp(err.msg, "line ", 5) == 0);
        return 0;
    }
    cm_json_write_canonical(first, &once);
    enum cm_rc rc = cm_json_parse(a, once.data, once.len, NULL, &second, &err);
    assert(rc == CM_OK);
    assert(cm_json_equal(first, second));
    assert(cm_json_equal(cm_json_copy(a, first), second));
    cm_json_write_canonical(second, &twice);
    assert(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);

    cm_json_write_compact(first, &compact);
    rc = cm_json_parse(a, compact.data, compact.len, NULL, &second, &err);
    assert(rc == CM_OK);
    assert(cm_json_equal(first, second));
    return 0;
}
