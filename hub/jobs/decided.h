// decided: decisions that hold Apps back, from the database to the planner.
//
// Looking reads on the store's thread what nobody has looked at yet, with the bundles of the two
// releases as far as they are still kept, each once however many clusters decided the same.
//
// Threads: the loop; what was found moves to the planner's thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "hub/store/decisions.h"

struct cm_arena;
struct cm_map;
struct hub_bundle;
struct hub_db;
struct hub_store;

// Who decided of a workload last.
struct hub_decided_controller {
    const char *key;
    const char *name;
};

// An App that goes back with the one that was rejected (group.h).
struct hub_decided_member {
    const char *app;
    const char *revision;      // of what it was before
    struct cm_sha256 name;     // of that bundle
    struct hub_bundle *before; // NULL: it is not kept any more
    struct hub_decided_controller *controllers;
    size_t controller_count;
};

struct hub_decided {
    struct hub_decision_row row; // its texts are the list's
    struct hub_bundle *bad;      // NULL: it is not kept any more
    struct hub_bundle *good;     // where the agent knows none: what was promoted there last
    bool promoted;               // some cluster has promoted what this one rejected
    struct hub_decided_member *members;
    size_t member_count;
    // Of the App itself, if there are members: what it was right before, as of a member.
    const char *before_revision; // NULL
    struct hub_bundle *before;
};

struct hub_decided_list {
    struct cm_arena *arena;
    struct hub_decided *items; // oldest first
    size_t count;
    struct cm_map *bundles; // by hash in hex; holds their references
};

void hub_decided_free(struct hub_decided_list *list); // NULL is fine

struct hub_decided_done {
    // done: the list is the receiver's. CM_EIO: the store cannot read.
    void (*done)(void *ctx, const struct cm_err *err, struct hub_decided_list *list);
    void *ctx;
};

// hub_decided_read does the same on the store's thread, now.
CM_MUSTUSE enum cm_rc hub_decided_read(struct hub_db *db, struct hub_decided_list **out,
                                       struct cm_err *err);

void hub_decided_look(struct hub_store *store, const struct hub_decided_done *done);
