// local: what only a person's own repository has: a working copy, a history that may be cut short.
//
// For the offline verbs. The working copy is compared as `git status` does it, by the index, so
// that only what may have changed is read; files that are not added yet count, ignored ones do not.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "hub/repo/tree.h"

struct hub_repo_source;

// hub_repo_is_shallow tells whether history was cut off when it was fetched.
bool hub_repo_is_shallow(const struct hub_repo *repo);

// hub_repo_nearest returns the branch, tag or branch of origin (as origin/NAME) whose name is
// nearest to a word, or NULL; the caller frees it.
char *hub_repo_nearest(const struct hub_repo *repo, const char *word);

// hub_repo_find_local finds the commit that a source's branch, tag, range of versions or commit
// means in somebody's own clone; a branch that is not there is origin's. CM_ENOTFOUND says what is
// there.
CM_MUSTUSE enum cm_rc hub_repo_find_local(struct hub_repo *repo, const struct hub_repo_source *want,
                                          struct hub_repo_id *out, struct cm_err *err);

// hub_repo_merge_base finds the commit at which two histories parted. CM_ENOTFOUND if there is
// none, or if it was cut off.
CM_MUSTUSE enum cm_rc hub_repo_merge_base(struct hub_repo *repo, const struct hub_repo_id *a,
                                          const struct hub_repo_id *b, struct hub_repo_id *out,
                                          struct cm_err *err);

// hub_repo_work_diff lists what to do to the tree of a commit to get the working copy, at and below
// `prefix` ("" for all). The ids of what is there are made up and mean nothing to the repository:
// hub_repo_work_read reads by path. CM_EINVAL for a bare repository.
CM_MUSTUSE enum cm_rc hub_repo_work_diff(struct hub_repo *repo, const struct hub_repo_id *commit,
                                         const char *prefix, struct hub_entries *out,
                                         struct cm_err *err);

// hub_repo_work_read reads a file of the working copy; links are not followed (CM_EINVAL).
CM_MUSTUSE enum cm_rc hub_repo_work_read(struct hub_repo *repo, const char *path, size_t max,
                                         struct cm_buf **out, struct cm_err *err);
