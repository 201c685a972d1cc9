// A .holdfastignore and a path, a NUL between them: whatever the patterns are, one that is the path
// itself leaves it out when it comes last, and takes it back with '!'.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/glob.h"
#include "hub/fleet/ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// add_literal adds a pattern that means the path and nothing else.
static void add_literal(struct cm_str *out, const char *path) {
    cm_str_add_char(out, '/');
    for (; *path != '\0'; path++) {
        if (*path != '/') {
            cm_str_add_char(out, '\\');
        }
        cm_str_add_char(out, *path);
    }
    cm_str_add_char(out, '\n');
}

static enum hub_verdict judge(const struct cm_str *text, const char *path) {
    struct hub_ignore *ignore = hub_ignore_new(cm_str_get(text), text->len);
    enum hub_verdict verdict = hub_ignore_judge(ignore, path, strlen(path), false);

    hub_ignore_free(ignore);
    return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
    struct cm_str text = {0};

    if (end == NULL || size > 8192) {
        return 0;
    }
    CM_AUTOFREE char *path = cm_strndup((const char *)end + 1, size - (size_t)(end - data) - 1);
    cm_str_add_n(&text, data, (size_t)(end - data));
    (void)judge(&text, path);
    if (cm_fsys_path_ok(path) && strlen(path) < HUB_GLOB_MAX / 2 - 2) {
        cm_str_add_char(&text, '\n');
        add_literal(&text, path);
        assert(judge(&text, path) == HUB_VERDICT_IGNORED);
        cm_str_add_char(&text, '!');
        add_literal(&text, path);
        assert(judge(&text, path) == HUB_VERDICT_WANTED);
    }
    cm_str_done(&text);
    return 0;
}
