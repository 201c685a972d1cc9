// report: an agent's report goes into the database, and what changed becomes events.
//
// An agent may lie: only so many differences of a cluster are kept, and only so many of one report
// become events; an App that nobody knew and no tombstone names is not told as removed.
//
// Threads: the loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "proto/holdfast.pb-c.h"

struct cm_arena;
struct hub_publication;
struct hub_store;

struct hub_report_result {
    const char *const *removed; // Apps with a tombstone that the agent reported as gone
    size_t removed_count;
    size_t marked;    // rows that were rewritten because a full report began
    size_t degraded;  // Apps that fell ill
    size_t recovered; // Apps that did, and are well again
};

struct hub_report_done {
    // done is called once the report is committed (or was before), or could not be: then the agent
    // keeps it and sends it again.
    void (*done)(void *ctx, const struct cm_err *err, const struct hub_report_result *result);
    void *ctx;
};

// hub_report_commit takes the arena, in which the report was unpacked. `in_force` (a reference is
// taken) says which Apps have a tombstone; NULL: not known, any may have one.
void hub_report_commit(struct hub_store *store, struct hub_publication *in_force,
                       const char *cluster, struct cm_arena *arena,
                       const Holdfast__V1__Report *report, const struct hub_report_done *done);
