// proven: which release of a workload was promoted last on a cluster, by the cluster's name.
//
// It outlives the agent that told it. A cluster that is built anew, or that takes the name of
// another one, begins with that release, and not with one that nobody has tried there. Where
// nothing was promoted yet, what other clusters rejected and none promoted is not begun with.
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

// hub_proven_any tells whether a release of an App, by its commit, is what was promoted last on
// some cluster.
CM_MUSTUSE enum cm_rc hub_proven_any(struct hub_db *db, const char *app, const char *revision,
                                     bool *out, struct cm_err *err);

// hub_proven_is_awaited tells whether something is kept out until that is promoted: a release with
// which a cluster does not begin, or this one, which a cluster rejected and no other has promoted.
CM_MUSTUSE enum cm_rc hub_proven_is_awaited(struct hub_db *db, const struct hub_proven_row *row,
                                            bool *out, struct cm_err *err);

// hub_proven_forget ends what was promoted of an App on a cluster that it comes to again: that was
// another time. A release that others rejected was promoted all the same: of it that
// is kept, without needs, so it ends nothing that is waited for now.
CM_MUSTUSE enum cm_rc hub_proven_forget(struct hub_db *db, const char *cluster, const char *app,
                                        struct cm_err *err);

// hub_proven_each_release visits what the present agent of a cluster has told (app, needs and
// revision); of all clusters (NULL) what some clusters rejected, with empty cluster and needs, and
// what present agents have told of Apps of which something is still waited for there.
CM_MUSTUSE enum cm_rc hub_proven_each_release(struct hub_db *db, const char *cluster,
                                              void (*visit)(void *ctx,
                                                            const struct hub_proven_row *row),
                                              void *ctx, struct cm_err *err);

// hub_proven_each_fresh visits Apps of which this hub heard that releases were rejected, and of
// which nothing is on record that an agent of a cluster, which has one, ever did: of one cluster,
// or of all (NULL).
CM_MUSTUSE enum cm_rc hub_proven_each_fresh(struct hub_db *db, const char *cluster,
                                            void (*visit)(void *ctx, const char *cluster,
                                                          const char *app),
                                            void *ctx, struct cm_err *err);

// hub_proven_take makes a row one of the present agent.
CM_MUSTUSE enum cm_rc hub_proven_take(struct hub_db *db, const struct hub_proven_row *row,
                                      struct cm_err *err);
