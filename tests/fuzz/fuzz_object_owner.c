// Whatever stands on an object, the words about its owner are one line that holds them all.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/owner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct cm_json_limits limits = {.max_bytes = 1 << 20, .max_depth = 64, .max_nodes = 9999};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *live;
    struct cm_err err = {0};

    if (cm_json_parse(a, (const char *)data, size, &limits, &live, &err) != CM_OK ||
        cm_object_owner_check(live, "applyset-ours-v1", &err) == CM_OK) {
        return 0;
    }
    assert(err.code == CM_EINVAL);
    assert(strstr(err.msg, "); take it out there") != NULL ||
           strstr(err.msg, "'; take it out there") != NULL);
    assert(strstr(err.msg, "to take it over") != NULL);
    for (const char *at = err.msg; *at != '\0'; at++) {
        assert(*at >= ' ' && *at < 0x7f);
    }
    return 0;
}
