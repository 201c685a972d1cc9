// journal: what an agent did while there was no hub goes into the database, in its order.
//
// Each entry is taken as the report that the hub would have had then, so it becomes the same
// events, with the agent's time beside the time at which they became known. What was committed
// before (the acknowledgement was lost) is passed over by its number. What was scaled over a window
// of time becomes an event of its own (hub/past/scaling.h).
//
// Threads: the loop.
#pragma once

#include <stdint.h>

#include "common/err.h"
#include "proto/holdfast.pb-c.h"

struct cm_arena;
struct hub_store;

struct hub_journal_result {
    uint64_t entries; // that were new, and happened while there was no hub
    uint64_t scaled;  // that were new, of what was scaled
    uint64_t dropped; // that the agent had no room for
    size_t degraded;  // as of reports
    size_t recovered;
};

struct hub_journal_done {
    void (*done)(void *ctx, const struct cm_err *err, const struct hub_journal_result *result);
    void *ctx;
};

// hub_journal_commit takes the arena, in which the journal was unpacked.
void hub_journal_commit(struct hub_store *store, const char *cluster, struct cm_arena *arena,
                        const Holdfast__V1__Journal *journal, const struct hub_journal_done *done);
