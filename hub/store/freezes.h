// freezes: where nothing is to be applied for a while, why, and until when.
//
// A freeze is a row, in force from when it is on record. A document in Git of the same name is the
// same freeze: once it was seen there, Git has the last word of what it says and of when it ends. A
// row whose document vanished goes. One that has ended stays, marked, until its document is gone,
// so that a fetch in between does not begin it anew; only a document that says something else does.
//
// Which clusters it is on is on record beside it (table freeze_cluster), with when each agent said
// that it has stopped; who changes freezes, or what groups and labels say, has it made anew
// (hub_freezes_resolve). What was frozen from when to when, and on which clusters, stays on record
// as long as the past does (tables freeze_past and freeze_past_cluster).
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct hub_db;

#define HUB_FREEZES_MAX 64         // in force at a time
#define HUB_FREEZES_BREAKER_MAX 32 // of them the breaker's: people can always freeze
#define HUB_FREEZE_NAME_MAX 200

// How a freeze stands in Git.
enum hub_freeze_git {
    HUB_FREEZE_NOT_WRITTEN,
    HUB_FREEZE_WRITTEN,
    HUB_FREEZE_UNSURE, // it was, before the hub was started
};

// What made it: somebody, a commit, or the breaker (hub/jobs/breaker.h).
#define HUB_FREEZE_BY_HAND "hand"
#define HUB_FREEZE_BY_GIT "git"
#define HUB_FREEZE_BY_BREAKER "breaker"

// Texts are "" where there is none. At most one of cluster, group and selector.
struct hub_freeze_row {
    const char *name;
    const char *app;
    const char *cluster;
    const char *group;
    const char *selector; // of labels (common/selector.h)
    const char *reason;
    const char *actor;
    int64_t at_ms;
    int64_t until_ms; // 0: until somebody ends it
    const char *repo; // where its document is, or shall be; "": nowhere
    const char *path; // below the root folder of that
    enum hub_freeze_git git;
    int64_t ended_ms;   // 0: it is in force
    const char *note;   // why it is not in Git
    const char *source; // "": it is from before that was on record
};

// hub_freezes_start puts a freeze on record, with an event. `repo` is where it is written if no
// App, cluster or group that it names says otherwise. CM_ENOTFOUND: what it names is not in Git;
// CM_EEXISTS: there is one of that name, or there are too many (of the breaker's own, if it is
// one).
CM_MUSTUSE enum cm_rc hub_freezes_start(struct hub_db *db, const struct hub_freeze_row *row,
                                        struct cm_err *err);

// hub_freezes_end ends one, with an event that says who did it and why. CM_ENOTFOUND: no freeze of
// that name is in force.
CM_MUSTUSE enum cm_rc hub_freezes_end(struct hub_db *db, const char *name, const char *actor,
                                      const char *why, int64_t now_ms, struct cm_err *err);

// hub_freezes_expire ends those whose time is over, and forgets what ended a day ago and never came
// into Git.
CM_MUSTUSE enum cm_rc hub_freezes_expire(struct hub_db *db, int64_t now_ms, struct cm_err *err);

// hub_freezes_doubt begins the record of documents anew, hub_freezes_sweep ends that: what was in
// Git and was not put meanwhile has left it.
CM_MUSTUSE enum cm_rc hub_freezes_doubt(struct hub_db *db, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_freezes_sweep(struct hub_db *db, struct cm_err *err);

// hub_freezes_put takes in what a document says, hub_freezes_remove that it is gone.
CM_MUSTUSE enum cm_rc hub_freezes_put(struct hub_db *db, const struct hub_freeze_row *row,
                                      struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_freezes_remove(struct hub_db *db, const char *name, struct cm_err *err);

// hub_freezes_note says why one is not in Git.
CM_MUSTUSE enum cm_rc hub_freezes_note(struct hub_db *db, const char *name, const char *note,
                                       struct cm_err *err);

// hub_freezes_resolve finds the clusters of those that are in force.
CM_MUSTUSE enum cm_rc hub_freezes_resolve(struct hub_db *db, struct cm_err *err);

// hub_freezes_keep forgets what ended before that.
CM_MUSTUSE enum cm_rc hub_freezes_keep(struct hub_db *db, int64_t before_ms, struct cm_err *err);

// hub_freezes_told notes that the agent of a cluster has stopped what a freeze names.
CM_MUSTUSE enum cm_rc hub_freezes_told(struct hub_db *db, const char *name, const char *cluster,
                                       int64_t now_ms, struct cm_err *err);

// hub_freezes_each visits all rows by name; hub_freezes_each_cluster the clusters of one.
CM_MUSTUSE enum cm_rc hub_freezes_each(struct hub_db *db,
                                       void (*visit)(void *ctx, const struct hub_freeze_row *row),
                                       void *ctx, struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_freezes_each_cluster(struct hub_db *db, const char *name,
                                               void (*visit)(void *ctx, const char *cluster),
                                               void *ctx, struct cm_err *err);

// hub_freezes_where says in words what a freeze is about: "App 'shop' on group 'prod'". The caller
// frees it.
char *hub_freezes_where(const struct hub_freeze_row *row);
