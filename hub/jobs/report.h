// report: an agent's report goes into the database, and what changed becomes events.
//
// Threads: the loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "proto/holdfast.pb-c.h"

struct cm_arena;
struct hub_store;

struct hub_report_done {
    // done is called once the report is committed (or was before), or could not be: then the agent
    // keeps it and sends it again. `removed` names Apps that the agent reported as gone.
    void (*done)(void *ctx, const struct cm_err *err, const char *const *removed,
                 size_t removed_count);
    void *ctx;
};

// hub_report_commit takes the arena, in which the report was unpacked.
void hub_report_commit(struct hub_store *store, const char *cluster, struct cm_arena *arena,
                       const Holdfast__V1__Report *report, const struct hub_report_done *done);
