// groups: Apps that are one release, and what each of them was before.
//
// Only of Apps in a release group it is kept what was in force on a cluster before their present
// commit: it is what they go back to with an App that is rejected.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct hub_db;

// hub_groups_put says of which group an App is (NULL: of none), and what becomes of it where a
// release is rejected; NULL: the App is gone.
CM_MUSTUSE enum cm_rc hub_groups_put(struct hub_db *db, const char *app, const char *group,
                                     const char *on_reject, struct cm_err *err);

// hub_groups_any tells whether hub_groups_leave has anything to do for any App.
CM_MUSTUSE enum cm_rc hub_groups_any(struct hub_db *db, bool *out, struct cm_err *err);

// hub_groups_leave keeps what a pair is in place of what it was before, if it is about to become
// what another commit says; of an App of no group nothing is kept.
CM_MUSTUSE enum cm_rc hub_groups_leave(struct hub_db *db, const char *cluster, const char *app,
                                       const char *revision, struct cm_err *err);

// hub_groups_forget forgets what an App was on a cluster, or ("") all Apps.
CM_MUSTUSE enum cm_rc hub_groups_forget(struct hub_db *db, const char *cluster, const char *app,
                                        struct cm_err *err);

struct hub_group_member {
    const char *app;
    struct cm_sha256 before; // bundle
    const char *revision;    // of that
    // The same of the App that was rejected; zeros and "": not known.
    struct cm_sha256 own_before;
    const char *own_revision;
};

// hub_groups_each_member visits the Apps that go back with one that was rejected at a commit on a
// cluster: those of its group that are what the same commit made them; none if it goes back alone.
CM_MUSTUSE enum cm_rc hub_groups_each_member(
    struct hub_db *db, const char *cluster, const char *app, const char *revision,
    void (*visit)(void *ctx, const struct hub_group_member *m), void *ctx, struct cm_err *err);
