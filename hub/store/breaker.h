// breaker: which releases clusters kept out lately, and where that froze an App before.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct hub_db;

#define HUB_BREAKER_MS ((int64_t)60 * 60 * 1000) // what is older does not count

struct hub_breaker_row {
    const char *app;
    const char *cluster;
    const char *key;     // of the workload
    const char *release; // the commit, or the form of the workload if that is not known
    bool spent;          // the App was frozen on this cluster since
    bool landed;         // what runs instead is applied there
    bool waits;          // nothing runs instead before Git says so
    int64_t seen_ms;
};

// hub_breaker_each visits what was kept out within HUB_BREAKER_MS, by App and as it came; but for
// what came before the App was frozen everywhere. What a cluster says of an App that it has not got
// is nothing, and neither is that a controller rejected what it runs (HUB_SETTLED_SAME), or a
// release of an App that has that only told.
CM_MUSTUSE enum cm_rc hub_breaker_each(struct hub_db *db, int64_t now_ms,
                                       void (*visit)(void *ctx, const struct hub_breaker_row *row),
                                       void *ctx, struct cm_err *err);

// hub_breaker_tripped notes that an App was frozen on a cluster, or everywhere (""): what came
// until then does not do that again.
CM_MUSTUSE enum cm_rc hub_breaker_tripped(struct hub_db *db, const char *app, const char *cluster,
                                          int64_t now_ms, struct cm_err *err);
