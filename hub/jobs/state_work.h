// state_work: what the files of a pass share.
//
// Threads: the pass's.
#pragma once

#include "common/arena.h"
#include "hub/jobs/state_pass.h"
#include "hub/jobs/state_words.h"
#include "hub/repo/state.h"

struct cm_map;
struct hub_db;

struct hub_state_pass {
    char *folder;
    char *db_path;
    char *hub_id;
    uint64_t epoch;
    struct hub_db *db;
    struct hub_state *repo;
    struct cm_map *known; // hash of a bundle or object -> id of its folder or file
    int64_t event;        // the last that is written, or staged
    struct cm_arena *arena;
};

#define HUB_STATE_COMMITTER "holdfast-hub <hub@holdfast.invalid>"

// state_events.c. hub_state_events_find reads up to where events are written; *fresh: the branch is
// not there, or of another epoch. hub_state_events_stage stages those that came after it.
CM_MUSTUSE enum cm_rc hub_state_events_find(struct hub_state_pass *p, bool *fresh,
                                            struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_state_events_stage(struct hub_state_pass *p, struct hub_state_done *out,
                                             struct cm_err *err);

// state_desired.c. hub_state_desired_stage stages what is in force on clusters that changed.
CM_MUSTUSE enum cm_rc hub_state_desired_stage(struct hub_state_pass *p, struct hub_state_done *out,
                                              struct cm_err *err);
