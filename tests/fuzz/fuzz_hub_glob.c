// A pattern of paths means what it says: the same answer each time, nothing for one that is too
// long, and a text without special characters means itself only.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "hub/fleet/glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *text = (const char *)data;
    const char *line = size == 0 ? NULL : memchr(text, '\n', size);
    size_t len = line == NULL ? size : (size_t)(line - text);
    const char *path = line == NULL ? "" : line + 1;
    size_t path_len = line == NULL ? 0 : size - len - 1;
    const char *pattern = cm_arena_strndup(a, text, len);
    const struct hub_glob *here = hub_glob_new(a, pattern, strlen(pattern), false);
    const struct hub_glob *anywhere = hub_glob_new(a, pattern, strlen(pattern), true);
    const char *of = cm_arena_strndup(a, path, path_len);
    bool is_meant = hub_glob_match(here, of, strlen(of));

    require(is_meant == hub_glob_match(here, of, strlen(of)));
    require(!is_meant || hub_glob_match(anywhere, of, strlen(of)));
    require(strlen(pattern) <= HUB_GLOB_MAX || !is_meant);
    if (strpbrk(pattern, "*?[\\") == NULL && pattern[0] != '\0' &&
        strlen(pattern) <= HUB_GLOB_MAX) {
        require(is_meant == (strcmp(pattern, of) == 0));
    }
    return 0;
}
