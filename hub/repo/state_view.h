// state_view: the state repository as a reader sees it: what a branch was at a moment, and in which
// files two of its folders differ.
//
// Only what is on disk is read, so it may be written meanwhile; each view has handles of its own.
//
// Threads: one at a time; blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "hub/repo/id.h"

struct hub_view;

#define HUB_VIEW_COMMITS_MAX 200000 // that are walked to find a moment

// hub_view_open opens the repository. CM_ENOTFOUND: there is none.
CM_MUSTUSE enum cm_rc hub_view_open(const char *path, struct hub_view **out, struct cm_err *err);
void hub_view_close(struct hub_view *v); // NULL is fine

// hub_view_at finds the commit that a branch was at at a moment (Unix ms), as its committers' times
// tell it; Git keeps seconds. CM_ENOTFOUND: the branch is younger, that month (state_shards.h) is
// not kept, or there are more commits since than HUB_VIEW_COMMITS_MAX.
CM_MUSTUSE enum cm_rc hub_view_at(struct hub_view *v, const char *branch, int64_t at_ms,
                                  struct hub_repo_id *out, struct cm_err *err);

// A folder of a commit; one that is not there is an empty one.
struct hub_view_side {
    struct hub_repo_id commit;
    const char *folder; // "16/paris"
};

// A file that is not the same. Bytes are the view's until the call returns; NULL: it is not there.
struct hub_view_file {
    const char *path; // in the folders
    const char *from;
    size_t from_size;
    const char *to;
    size_t to_size;
};

// Who is told of files. A visit that fails ends it.
struct hub_view_visitor {
    enum cm_rc (*visit)(void *ctx, const struct hub_view_file *file, struct cm_err *err);
    void *ctx;
    size_t max; // files
};

// hub_view_compare visits the first files that differ, by path; *more: there were others.
CM_MUSTUSE enum cm_rc hub_view_compare(struct hub_view *v, const struct hub_view_side *from,
                                       const struct hub_view_side *to,
                                       const struct hub_view_visitor *visitor, bool *more,
                                       struct cm_err *err);

// hub_view_walk visits all files of a folder of a branch, and of the folders in it, in the order of
// their paths; `from` NULL, `to` its bytes; first as they were at the end of each month that is
// kept, oldest first. *out_commit is where the branch is; a folder that is not there has none.
// CM_ENOTFOUND: there is no such branch.
CM_MUSTUSE enum cm_rc hub_view_walk(struct hub_view *v, const char *branch, const char *folder,
                                    const struct hub_view_visitor *visitor,
                                    struct hub_repo_id *out_commit, struct cm_err *err);
