// query_health: how the fleet is, in numbers that add up: each cluster of Git is in one state.
//
//     unknown      its agent was never connected
//     offline      its agent is not connected now; nobody knows how it is
//     degraded     an App could not be applied there, or is ill
//     waiting      a removal waits for a Confirmation in Git, all else is well
//     progressing  something is not applied or not healthy yet
//     observed     its agent changes nothing; what Git names there is not ill
//     inSync       all of it runs as Git says, and is healthy
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_arena;
struct cm_json;
struct hub_db;

#define HUB_HEALTH_STATES 7
#define HUB_HEALTH_FIRST 5 // names that are told of those that are not well

#define HUB_HEALTH_SILENT_MS ((int64_t)24 * 3600 * 1000)

// hub_health_state names the states, in the order above.
const char *hub_health_state(size_t i);

struct hub_health_ask {
    int64_t now_ms;  // Unix time
    int64_t life_ms; // of agents' certificates
    uint64_t trust;  // the newest set of roots
};

// hub_query_health answers the counts and, for each state but inSync, the first names of clusters.
CM_MUSTUSE enum cm_rc hub_query_health(struct hub_db *db, struct cm_arena *a,
                                       const struct hub_health_ask *ask, struct cm_json **out,
                                       struct cm_err *err);
