// state_work: what the files of a pass share.
//
//     state_pass.c      the whole: open, stage, write, merge packs
//     state_events.c    the branch `events`
//     state_changes.c   its folder `changes`
//     state_registry.c  its file `registry/agents.jsonl`
//     state_side.c      what `desired` and `actual` have in common: clusters, Apps, the commit
//     state_desired.c   the folder of an App as it is in force
//     state_actual.c    the folder of an App as it is reported
//
// Threads: the pass's.
#pragma once

#include <sys/stat.h>

#include "common/arena.h"
#include "common/backoff.h"
#include "hub/jobs/state_pass.h"
#include "hub/jobs/state_words.h"
#include "hub/repo/state.h"
#include "hub/store/unwritten.h"

struct cm_map;
struct hub_db;

struct hub_state_pass {
    char *folder;
    char *db_path;
    char *hub_id;
    char *registry; // file; NULL: there is none
    uint64_t epoch;
    int64_t keep_months;             // 0: all is one history
    char month[HUB_STATE_MONTH_MAX]; // in which it was looked what is not kept any more; "": none
    bool turns;                      // this pass begins a month of `events`
    int cancel_fd;
    int64_t merge_after_ms; // not before, after one that failed
    int64_t prune_after_ms; // the same
    struct cm_backoff prune_backoff;
    int64_t registry_after_ms; // not looked at before
    struct stat registry_seen; // the file that was looked at last; nothing of it is read again
    uint8_t value_key[32];
    struct hub_db *db;
    struct hub_state *repo;
    struct cm_map *known; // hash of what a folder or file is made of -> its id
    int64_t event;        // the last that is written, or staged
    int64_t change;       // the same of changes of the past
    bool change_known;    // they were told in this epoch
    struct cm_arena *arena;
};

#define HUB_STATE_COMMITTER "holdfast-hub <hub@holdfast.invalid>"

// hub_state_turns tells whether the next commit of a branch begins a month.
CM_MUSTUSE enum cm_rc hub_state_turns(const struct hub_state_pass *p, const char *branch, bool *out,
                                      struct cm_err *err);

// hub_state_events_find reads up to where events are written; *fresh: the repository is new, or of
// another epoch. hub_state_events_stage stages those that came after it.
CM_MUSTUSE enum cm_rc hub_state_events_find(struct hub_state_pass *p, bool *fresh,
                                            struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_state_events_stage(struct hub_state_pass *p, struct hub_state_done *out,
                                             struct cm_err *err);

// Edits that become a commit; the arena's.
struct hub_state_edits {
    struct hub_state_edit *items;
    size_t count;
    size_t room;
};
void hub_state_edits_add(struct hub_state_pass *p, struct hub_state_edits *edits, const char *path,
                         const struct hub_repo_id *id);

struct hub_state_app {
    const char *name;
    struct cm_sha256 bundle;
    const char *repo;
    const char *revision;
    bool observed;         // by an agent that applies nothing
    bool differs;          // what is observed, from its bundle
    struct cm_json *more;  // objects of which not all that differs is told; NULL: none
    struct cm_json *needs; // what only people can settle, by workload; NULL: nothing
};

// One of the two branches while it is staged.
struct hub_state_side {
    struct hub_state_pass *pass;
    enum hub_unwritten list;
    // folder makes the folder of an App on the cluster; *empty: there is nothing in it.
    enum cm_rc (*folder)(struct hub_state_side *s, struct hub_state_app *app,
                         struct hub_repo_id *out, bool *empty, struct cm_err *err);
    // tell says why and who; app NULL: it is gone.
    enum cm_rc (*tell)(struct hub_state_side *s, const struct hub_state_app *app,
                       const struct hub_unwritten_row *row, struct cm_err *err);
    struct hub_state_news news;
    struct cm_map *clusters; // name -> Apps that changed -> their rows
    struct hub_state_edit *edits;
    size_t edit_count;
    const char *cluster; // that is looked at:
    struct hub_state_app *apps;
    size_t app_count;
    size_t app_room;
    struct cm_arena *arena; // of that one
};

// hub_state_side_stage stages what changed of a side, and gives the number of the last row.
CM_MUSTUSE enum cm_rc hub_state_side_stage(struct hub_state_side *s, const char *branch,
                                           struct hub_state_done *out, int64_t *last,
                                           struct cm_err *err);

// hub_state_known finds the file or folder that was made of something before, or NULL;
// hub_state_keep remembers it.
const struct hub_repo_id *hub_state_known(const struct hub_state_pass *p,
                                          const struct cm_sha256 *name);
void hub_state_keep(struct hub_state_pass *p, const struct cm_sha256 *name,
                    const struct hub_repo_id *id);

// hub_state_object makes the file of an object as it was applied, or is to be. A Secret's bytes are
// nowhere in the database; its name is a keyed hash.
CM_MUSTUSE enum cm_rc hub_state_object(struct hub_state_pass *p, const char *key,
                                       const struct cm_sha256 *name, bool secret,
                                       struct hub_repo_id *out, struct cm_err *err);

CM_MUSTUSE enum cm_rc hub_state_desired_stage(struct hub_state_pass *p, struct hub_state_done *out,
                                              struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_state_actual_stage(struct hub_state_pass *p, struct hub_state_done *out,
                                             struct cm_err *err);
