// A registry that is taken, written anew, is read the same; each agent has an id and a state.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/access/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void write_anew(const struct hub_registry *r, struct cm_str *out) {
    hub_registry_write_hub(out, r->hub_id, r->epoch);
    for (size_t i = 0; i < r->count; i++) {
        require(cm_uuid_ok(r->agents[i].id) && r->agents[i].state[0] != '\0');
        hub_registry_write_agent(out, &r->agents[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str once = {0};
    CM_CLEANUP(cm_str_done) struct cm_str twice = {0};
    struct hub_registry r;
    struct cm_err err;

    if (hub_registry_read(a, (const char *)data, size, &r, &err) < 0) {
        return 0;
    }
    write_anew(&r, &once);
    require(hub_registry_read(a, once.data, once.len, &r, &err) == CM_OK);
    write_anew(&r, &twice);
    require(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    return 0;
}
