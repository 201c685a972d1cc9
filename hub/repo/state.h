// state: the repository in which the hub keeps what was desired and what was there, and when.
//
// Objects are made in memory and named as Git names them; hub_state_stage makes a commit of edits
// that costs what they touch: only trees on the way to an edit are read and made anew. Nothing is
// on disk before hub_state_write, which writes all that is new as one pack and then moves the
// references, each from one whole commit to the next. A crash between leaves a pack that nothing
// names, and references as they were.
//
// Why not git_mempack_dump: libgit2 1.5 packs whole trees of the commits that it holds, and with
// them the objects of the whole fleet. The pack's list of what is new is ours.
//
// Threads: one at a time; blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "hub/repo/id.h"

struct cm_arena;
struct cm_buf;
struct hub_state;

// hub_state_open opens the bare repository, or makes it. What a killed process left is swept away,
// and packs that were merged long enough ago.
CM_MUSTUSE enum cm_rc hub_state_open(const char *path, struct hub_state **out, struct cm_err *err);
void hub_state_close(struct hub_state *s); // NULL is fine

enum hub_state_what { HUB_STATE_GONE, HUB_STATE_FILE, HUB_STATE_FOLDER };

struct hub_state_edit {
    const char
        *path; // "ab/paris/shop"; one inside another edit's, or its equal, counts for nothing
    enum hub_state_what what;
    struct hub_repo_id id; // unless it is gone
};

// hub_state_blob names bytes and keeps them for the next write, unless the repository has them.
CM_MUSTUSE enum cm_rc hub_state_blob(struct hub_state *s, const void *bytes, size_t size,
                                     struct hub_repo_id *out, struct cm_err *err);

// hub_state_tree makes a folder of nothing but these edits; they are sorted in place.
CM_MUSTUSE enum cm_rc hub_state_tree(struct hub_state *s, struct hub_state_edit *edits,
                                     size_t count, struct hub_repo_id *out, struct cm_err *err);

// Months, as text ("2026-11"). hub_state_month_back gives the one so many months earlier.
#define HUB_STATE_MONTH_MAX 8
void hub_state_month(int64_t unix_ms, char out[HUB_STATE_MONTH_MAX]);
void hub_state_month_back(int64_t unix_ms, int64_t months, char out[HUB_STATE_MONTH_MAX]);

struct hub_state_change {
    const char *branch;           // "desired"
    struct hub_state_edit *edits; // sorted in place
    size_t edit_count;
    const char *message;
    const char *committer; // "holdfast-hub <hub@holdfast.invalid>"
    int64_t when_ms;       // Unix time
    bool month;            // it begins a month (state_shards.h): the one that was is named first
    const char *only;      // then: of all that was there this folder stays; NULL: all stays
};

// hub_state_stage makes a commit on the branch, or on what was staged for it before. Edits that
// change nothing make none: then *changed is false. Nothing may be staged before a new month.
CM_MUSTUSE enum cm_rc hub_state_stage(struct hub_state *s, const struct hub_state_change *change,
                                      bool *changed, struct cm_err *err);

// hub_state_write puts all that was made on disk and moves the branches that were staged.
CM_MUSTUSE enum cm_rc hub_state_write(struct hub_state *s, struct cm_err *err);

// hub_state_spill puts what was made so far on disk, where nothing names it yet, if it is much.
CM_MUSTUSE enum cm_rc hub_state_spill(struct hub_state *s, struct cm_err *err);

// hub_state_drop forgets what was made and staged since the last write.
void hub_state_drop(struct hub_state *s);

// hub_state_tip gives the commit of a branch as it was staged, or is on disk, with its message in
// the arena. CM_ENOTFOUND: there is none.
CM_MUSTUSE enum cm_rc hub_state_tip(struct hub_state *s, struct cm_arena *a, const char *branch,
                                    struct hub_repo_id *out, const char **message,
                                    struct cm_err *err);

// hub_state_month_ended tells whether the month of a branch's last commit on disk is over: what
// comes begins another. Where the clock was set back it goes on until all that were named are over.
CM_MUSTUSE enum cm_rc hub_state_month_ended(struct hub_state *s, const char *branch, int64_t now_ms,
                                            bool *out, struct cm_err *err);

// hub_state_forget lets go of what ended before this month, but for the newest months of a branch;
// hub_state_is_owed tells whether what is nowhere named any more is still to be removed from the
// disk (hub_repo_prune), which hub_state_paid ends.
CM_MUSTUSE enum cm_rc hub_state_forget(struct hub_state *s, const char *oldest, size_t keep,
                                       struct cm_err *err);
bool hub_state_is_owed(const struct hub_state *s);
void hub_state_paid(const struct hub_state *s);

// Files of a folder whose names begin with `prefix`, as the branch is on disk.
struct hub_state_place {
    const char *branch;
    const char *folder;
    const char *prefix;
};

// hub_state_last finds the last of them, by name. CM_ENOTFOUND: there is none.
CM_MUSTUSE enum cm_rc hub_state_last(struct hub_state *s, struct cm_arena *a,
                                     const struct hub_state_place *place, const char **out_name,
                                     struct cm_buf **out, struct cm_err *err);

// hub_state_last_folder finds the last folder among them. CM_ENOTFOUND: there is none.
CM_MUSTUSE enum cm_rc hub_state_last_folder(struct hub_state *s, struct cm_arena *a,
                                            const struct hub_state_place *place,
                                            const char **out_name, struct cm_err *err);

// hub_state_packs counts its packs; from HUB_STATE_PACKS_MAX on call hub_repo_merge.
size_t hub_state_packs(const struct hub_state *s, uint64_t *out_bytes);

#define HUB_STATE_PACKS_MAX 24
