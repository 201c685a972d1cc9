// A template of -o jsonpath, on the first line, makes of a document, after it, the same text each
// time, within its bounds; one that is refused is refused in words that name it.
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/jsonpath.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_twice(const struct ctl_jsonpath *path, const struct cm_json *root) {
    CM_CLEANUP(cm_str_done) struct cm_str first = {0};
    CM_CLEANUP(cm_str_done) struct cm_str second = {0};
    struct cm_err err = {0};
    enum cm_rc rc = ctl_jsonpath_print(path, root, &first, &err);

    assert(rc == CM_OK || (rc == CM_EINVAL && strstr(err.msg, "values") != NULL));
    assert(ctl_jsonpath_print(path, root, &second, &err) == rc);
    assert(strcmp(cm_str_get(&first), cm_str_get(&second)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct cm_json_limits limits = {
        .max_bytes = 4096, .max_depth = 16, .max_nodes = 1000};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    const uint8_t *end = memchr(data, '\n', size);
    size_t len = end == NULL ? size : (size_t)(end - data);
    CM_AUTOFREE char *text = cm_strndup((const char *)data, len);
    struct ctl_jsonpath *path = NULL;
    struct cm_json *root = NULL;
    struct cm_err err = {0};
    enum cm_rc rc = ctl_jsonpath_parse(arena, text, &path, &err);

    if (rc < 0) {
        assert(rc == CM_EINVAL && err.code == rc);
        assert(strncmp(err.msg, "jsonpath", 8) == 0);
        return 0;
    }
    if (end != NULL && cm_json_parse(arena, (const char *)end + 1, size - len - 1, &limits, &root,
                                     &err) == CM_OK) {
        print_twice(path, root);
    }
    return 0;
}
