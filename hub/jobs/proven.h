// proven: what a cluster begins with whose agent is a new one, or that is new itself, from the
// database to the planner.
//
// Of each workload that a controller releases, the database knows what was promoted last on a
// cluster (hub/store/proven.h). If its present agent did not tell that, the cluster may have been
// built anew, and what is in force may never have been tried on it. Where the two differ the
// cluster is to begin with what was promoted; where they do not, there is nothing to prove. An App
// that no agent of a cluster has ever had is new there: with what others rejected it does not begin
// (hub/fleet/begins.c), unless somebody promoted that.
//
// Threads: the loop; what was found moves to the planner's thread.
#pragma once

#include <stddef.h>

#include "common/err.h"

struct cm_arena;
struct cm_map;
struct hub_db;
struct hub_promoted;
struct hub_proven;
struct hub_store;

// An App that is new to a cluster.
struct hub_proven_fresh {
    const char *cluster;
    const char *app;
};

struct hub_proven_list {
    struct cm_arena *arena;
    struct hub_proven *items;
    const char **clusters; // of each
    size_t count;
    struct hub_proven_fresh *fresh;
    size_t fresh_count;
    struct hub_promoted *promoted; // what the cluster has; of all, what others rejected
    size_t promoted_count;
    struct cm_map *bundles; // by hash in hex; holds their references
};

void hub_proven_free(struct hub_proven_list *list); // NULL is fine

// hub_proven_read reads on the store's thread, now: of one cluster, or of all (NULL).
CM_MUSTUSE enum cm_rc hub_proven_read(struct hub_db *db, const char *cluster,
                                      struct hub_proven_list **out, struct cm_err *err);

struct hub_proven_done {
    // done: the list is the receiver's; NULL after a failure. CM_EIO: the store cannot read.
    void (*done)(void *ctx, const struct cm_err *err, struct hub_proven_list *list);
    void *ctx;
};
void hub_proven_look(struct hub_store *store, const char *cluster,
                     const struct hub_proven_done *done);
