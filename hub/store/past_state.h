// past_state: how it was at a moment, by the number of the cluster.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "hub/store/past.h"

struct cm_arena;
struct hub_db;

// A walk from App to App, however many values each has: a table `apps` for a query to begin with.
#define HUB_PAST_APPS                                                                              \
    "WITH RECURSIVE walk(app) AS (SELECT min(app) FROM past_value UNION ALL SELECT (SELECT"        \
    " min(app) FROM past_value WHERE app > walk.app) FROM walk WHERE walk.app IS NOT NULL),"       \
    " apps(app) AS (SELECT app FROM walk WHERE app IS NOT NULL)"

// When: "was at" counts what happened by then; "known at" only what the hub had heard by then.
struct hub_past_when {
    int64_t at_ms; // Unix
    bool known;
};

struct hub_past_cell {
    int64_t since_ms; // 0: nothing is known
    uint32_t value;
};

struct hub_past_state {
    struct hub_past_cell *cells; // by number of cluster
    size_t count;
};

// hub_past_clusters tells how many numbers of clusters there are: one more than the highest.
CM_MUSTUSE enum cm_rc hub_past_clusters(struct hub_db *db, size_t *out, struct cm_err *err);

// hub_past_read reads one axis of an App ("" for HUB_PAST_SEEN) into as many cells as out->count
// says, which is of hub_past_clusters; the cells are the arena's.
CM_MUSTUSE enum cm_rc hub_past_read(struct hub_db *db, struct cm_arena *a, const char *app,
                                    enum hub_past_axis axis, const struct hub_past_when *when,
                                    struct hub_past_state *out, struct cm_err *err);
