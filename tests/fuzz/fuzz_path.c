// A path that is accepted, put below a root, names something below that root: each part is a name.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/fsys.h"
#include "common/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int is_name(const char *part) {
    return part[0] != '\0' && strcmp(part, ".") != 0 && strcmp(part, "..") != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_AUTOFREE char *path = size == 0 ? cm_strdup("") : cm_strndup((const char *)data, size);
    char *rest = path;
    char *part;

    if (!cm_fsys_path_ok(path)) {
        return 0;
    }
    assert(strlen(path) <= 4096);
    assert(strpbrk(path, "\n\r\t\x1b\x7f") == NULL);
    while ((part = strsep(&rest, "/")) != NULL) {
        assert(is_name(part));
    }
    return 0;
}
