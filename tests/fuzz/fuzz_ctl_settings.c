// A file of contexts that is accepted is the same after it was written and read again; one that is
// refused is refused with its line.
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"
#include "hub/ctl/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_json *root = NULL;
    struct cm_json *again = NULL;
    struct cm_err err = {0};
    enum cm_rc rc = ctl_config_parse(arena, (const char *)data, size, &root, &err);

    if (rc < 0) {
        assert(err.code == rc);
        assert(strstr(err.msg, "line ") != NULL || strstr(err.msg, "bytes") != NULL);
        return 0;
    }
    cm_yaml_write(root, &text);
    assert(ctl_config_parse(arena, cm_str_get(&text), text.len, &again, &err) == CM_OK);
    assert(cm_json_equal(root, again));
    return 0;
}
