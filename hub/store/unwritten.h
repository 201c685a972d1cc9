// unwritten: which Apps on which clusters the state repository does not tell yet as they are.
//
// Triggers of the tables add a row in the transaction that changes what is in force or reported,
// and replace the one that is there, so that it has a new number: who has written all up to a
// number removes these rows and misses nothing that changed meanwhile, killed at any point.
//
// Values that change all the time (replicas of an autoscaler, weights of a canary) are not written
// at each step: such an App is due a while after the first of them. Whatever else changes of it
// makes it due at once.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct hub_db;

// A list for each branch.
enum hub_unwritten { HUB_UNWRITTEN_DESIRED, HUB_UNWRITTEN_ACTUAL };

// Which rows: of a list, those that are due at this Unix time.
struct hub_unwritten_due {
    enum hub_unwritten list;
    int64_t now_ms;
};

#define HUB_UNWRITTEN_WAIT_MAX_MS ((int64_t)5 * 60 * 1000)

// An App on a cluster, and why it is another one there if its pair does not say so. Texts: "" where
// there is none.
struct hub_unwritten_row {
    const char *cluster;
    const char *app;
    bool held;            // Git says what it said before: a release was rejected
    const char *revision; // the commit that took it away
    const char *removal;  // that waited for a confirmation
};

// hub_unwritten_each visits the oldest rows that are due, until a visit fails. *out_last is the
// number of the last one; 0: there is none.
CM_MUSTUSE enum cm_rc hub_unwritten_each(
    struct hub_db *db, const struct hub_unwritten_due *which, size_t most,
    enum cm_rc (*visit)(void *ctx, const struct hub_unwritten_row *row, struct cm_err *err),
    void *ctx, int64_t *out_last, struct cm_err *err);

// hub_unwritten_explain adds the why to a row of what is desired, if there is one.
CM_MUSTUSE enum cm_rc hub_unwritten_explain(struct hub_db *db, const struct hub_unwritten_row *row,
                                            struct cm_err *err);

// hub_unwritten_remove says that all that was due then, up to this number, is written.
CM_MUSTUSE enum cm_rc hub_unwritten_remove(struct hub_db *db, const struct hub_unwritten_due *which,
                                           int64_t last, struct cm_err *err);

// hub_unwritten_wait says that a value changed which may wait until this Unix time, at most
// HUB_UNWRITTEN_WAIT_MAX_MS from now. What waits already waits no longer for that.
CM_MUSTUSE enum cm_rc hub_unwritten_wait(struct hub_db *db, const char *cluster, const char *app,
                                         int64_t due_ms, struct cm_err *err);

// hub_unwritten_hurry makes what waits of an App due.
CM_MUSTUSE enum cm_rc hub_unwritten_hurry(struct hub_db *db, const char *cluster, const char *app,
                                          struct cm_err *err);

// hub_unwritten_commit visits a commit that the hub has resolved; not if it does not know it.
CM_MUSTUSE enum cm_rc hub_unwritten_commit(struct hub_db *db, const char *revision,
                                           void (*visit)(void *ctx, const char *repo,
                                                         const char *author),
                                           void *ctx, struct cm_err *err);

// hub_unwritten_confirmation visits the confirmation that let a removal happen, if one did.
CM_MUSTUSE enum cm_rc hub_unwritten_confirmation(struct hub_db *db, const char *removal,
                                                 void (*visit)(void *ctx, const char *name),
                                                 void *ctx, struct cm_err *err);

// hub_unwritten_holds visits the Holds that are in force for an App on a cluster.
CM_MUSTUSE enum cm_rc hub_unwritten_holds(struct hub_db *db, const char *cluster, const char *app,
                                          void (*visit)(void *ctx, const char *name,
                                                        const char *controller),
                                          void *ctx, struct cm_err *err);

// hub_unwritten_add_all says that nothing is written: the repository is new.
CM_MUSTUSE enum cm_rc hub_unwritten_add_all(struct hub_db *db, struct cm_err *err);

CM_MUSTUSE enum cm_rc hub_unwritten_count(struct hub_db *db, enum hub_unwritten which, int64_t *out,
                                          struct cm_err *err);

// hub_unwritten_apps visits the Apps of a cluster by name: those in force, or those reported.
struct hub_unwritten_app {
    const char *app;
    struct cm_sha256 bundle;
    const char *repo; // "" of what is reported
    const char *revision;
    bool observed; // nothing was applied: the agent told what there is beside this bundle
    bool differs;  // what is observed is not all as that bundle says
};
CM_MUSTUSE enum cm_rc
hub_unwritten_apps(struct hub_db *db, enum hub_unwritten which, const char *cluster,
                   void (*visit)(void *ctx, const struct hub_unwritten_app *app), void *ctx,
                   struct cm_err *err);

// hub_unwritten_objects visits what is reported of an App's objects, by key; hub_unwritten_drift
// visits fields that differ, by key and path.
struct hub_unwritten_object {
    const char *key;
    struct cm_sha256 sha256; // as it was applied
    bool applied;
    bool found;
    bool missing;
    bool more;          // more fields differ than there are rows
    const void *actual; // canonical form of what is there; may be empty
    size_t actual_size;
};
CM_MUSTUSE enum cm_rc hub_unwritten_objects(struct hub_db *db, const char *cluster, const char *app,
                                            void (*visit)(void *ctx,
                                                          const struct hub_unwritten_object *o),
                                            void *ctx, struct cm_err *err);

struct hub_unwritten_field {
    const char *key;
    const char *path;
    const char *actual; // JSON, perhaps cut; "": it is missing
    const char *manager;
    const char *user; // "": not known
};
CM_MUSTUSE enum cm_rc hub_unwritten_drift(struct hub_db *db, const char *cluster, const char *app,
                                          void (*visit)(void *ctx,
                                                        const struct hub_unwritten_field *f),
                                          void *ctx, struct cm_err *err);
