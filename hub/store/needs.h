// needs: where only people can help, for a release was rejected and is not kept out, or failed and
// serves all the same.
//
// There is one for a workload of an App on a cluster, from when it was decided until a release of
// that workload is promoted there, is kept out, or Git says another one. One that `waits` is that a
// controller waits for somebody to let it go on: until it does.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct hub_db;

struct hub_need_row {
    const char *cluster;
    const char *app;
    const char *key;         // of the workload
    const char *why;         // ends with what to do
    const char *revision;    // of the release; ""
    const char *form;        // digest of its pod template, hex; "": not known
    struct cm_sha256 bundle; // of the release
    int64_t at_ms;
    bool waits;
};

#define HUB_NEEDS_MAX 64 // of a cluster

// hub_needs_put replaces what was needed of the same workload; that a controller waits settles
// nothing, so it replaces only that. Of an App that is not there, and of more than HUB_NEEDS_MAX,
// nothing is kept: that stays an event.
CM_MUSTUSE enum cm_rc hub_needs_put(struct hub_db *db, const struct hub_need_row *row,
                                    struct cm_err *err);

// hub_needs_end forgets those of an App on a cluster; with a key that of one workload.
CM_MUSTUSE enum cm_rc hub_needs_end(struct hub_db *db, const char *cluster, const char *app,
                                    const char *key, struct cm_err *err);

// hub_needs_end_wait forgets that the controller of a workload waits.
CM_MUSTUSE enum cm_rc hub_needs_end_wait(struct hub_db *db, const char *cluster, const char *app,
                                         const char *key, struct cm_err *err);

// hub_needs_end_cluster forgets those of a cluster that left Git.
CM_MUSTUSE enum cm_rc hub_needs_end_cluster(struct hub_db *db, const char *cluster,
                                            struct cm_err *err);

// hub_needs_any tells whether there are any at all.
CM_MUSTUSE enum cm_rc hub_needs_any(struct hub_db *db, bool *out, struct cm_err *err);

// hub_needs_settle visits those of a cluster by App and key that do not merely wait; nothing may be
// written meanwhile.
CM_MUSTUSE enum cm_rc hub_needs_settle(struct hub_db *db, const char *cluster,
                                       void (*visit)(void *ctx, const struct hub_need_row *row),
                                       void *ctx, struct cm_err *err);

// hub_needs_each visits those of an App on a cluster; nothing may be written meanwhile.
CM_MUSTUSE enum cm_rc hub_needs_each(struct hub_db *db, const char *cluster, const char *app,
                                     void (*visit)(void *ctx, const struct hub_need_row *row),
                                     void *ctx, struct cm_err *err);
