// proven: which release of a workload was promoted last on a cluster, by the cluster's name.
//
// It outlives the agent that told it. A cluster that is built anew, or that takes the name of
// another one, begins with that release, and not with one that nobody has tried there.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct hub_db;

struct hub_proven_row {
    const char *cluster;
    const char *agent; // id of the one that told it
    const char *app;
    const char *key;   // of the workload
    const char *needs; // key of the object whose controller promotes
    const char *revision;
    struct cm_sha256 bundle;
};

// hub_proven_put tells whether it was an agent before this one that had told it until now.
CM_MUSTUSE enum cm_rc hub_proven_put(struct hub_db *db, const struct hub_proven_row *row,
                                     bool *out_earlier, struct cm_err *err);

// hub_proven_find visits the row of a workload, if there is one.
CM_MUSTUSE enum cm_rc hub_proven_find(struct hub_db *db, const char *cluster, const char *key,
                                      void (*visit)(void *ctx, const struct hub_proven_row *row),
                                      void *ctx, struct cm_err *err);

// A row that an agent before the present one has told, and what is in force.
struct hub_proven_before {
    struct hub_proven_row row; // with the present agent
    struct cm_sha256 in_force; // bundle; zeros: none
    bool held;                 // something is kept out of that
};

// hub_proven_each_before visits these: of one cluster, or of all (NULL).
CM_MUSTUSE enum cm_rc hub_proven_each_before(struct hub_db *db, const char *cluster,
                                             void (*visit)(void *ctx,
                                                           const struct hub_proven_before *before),
                                             void *ctx, struct cm_err *err);

// hub_proven_take makes a row one of the present agent.
CM_MUSTUSE enum cm_rc hub_proven_take(struct hub_db *db, const struct hub_proven_row *row,
                                      struct cm_err *err);
