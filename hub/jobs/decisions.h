// decisions: what controllers in a cluster did with releases goes into the database, as events and
// as verdicts, and what it needs is told to whoever decides what the cluster shall run.
//
// What an agent says is believed of its own cluster. What was committed before (the acknowledgement
// was lost, a disk too) is passed over, by number and by id. Each share of the traffic is on
// record, for the last one is the present one; it becomes an event now and then only.
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

#define HUB_VERDICTS 10 // that are counted apart; hub_verdict_name

struct hub_decisions_result {
    size_t counts[HUB_VERDICTS]; // that were new
    size_t provisional;          // of these, those that are to be looked at (hub/jobs/settle.c)
    bool proven;                 // what a cluster began with, or is not to begin with, was promoted
    const char *cluster;
    const char *cluster_id;
};

struct hub_decisions_done {
    void (*done)(void *ctx, const struct cm_err *err, const struct hub_decisions_result *result);
    void *ctx;
};

// hub_decisions_commit takes the arena, in which they were unpacked.
void hub_decisions_commit(struct hub_store *store, const char *cluster, const char *cluster_id,
                          struct cm_arena *arena, const Holdfast__V1__Decisions *decisions,
                          const struct hub_decisions_done *done);

// hub_verdict_name is the word for a verdict in tables, events (`release.` before it) and metrics;
// NULL beyond the last one, and "unknown" for what a newer agent says.
const char *hub_verdict_name(size_t i);

// hub_release_identity tells what makes a workload's release that one: its images, each with the
// name of its container, sorted; "" if it has none. The arena's.
const char *hub_release_identity(struct cm_arena *a, const void *bytes, size_t size);
