// A line of the past that is taken, written anew, is read the same, and as it was written then. An
// event that is taken has a kind.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/past/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void take_line(struct cm_arena *a, const char *text, size_t size) {
    CM_CLEANUP(cm_str_done) struct cm_str once = {0};
    CM_CLEANUP(cm_str_done) struct cm_str twice = {0};
    struct hub_line line;
    struct cm_err err;

    if (hub_line_parse(a, text, size, false, &line, &err) < 0) {
        return;
    }
    hub_line_write(a, &line, &once);
    require(memchr(once.data, '\n', once.len) == once.data + once.len - 1);
    require(hub_line_parse(a, once.data, once.len, false, &line, &err) == CM_OK);
    hub_line_write(a, &line, &twice);
    require(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_line_event event;
    struct cm_err err;

    take_line(a, (const char *)data, size);
    if (hub_line_parse_event(a, (const char *)data, size, &event, &err) == CM_OK) {
        require(event.kind[0] != '\0' && event.message != NULL);
    }
    return 0;
}
