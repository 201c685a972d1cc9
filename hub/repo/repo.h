// repo: an open repository, for the files of this room.
//
// Threads: one at a time.
#pragma once

#include <git2.h>

#include "hub/repo/tree.h"

struct hub_repo {
    git_repository *git;
    git_odb *odb;
};

// hub_repo_read_tree reads one tree object of at most `max` bytes.
CM_MUSTUSE enum cm_rc hub_repo_read_tree(struct hub_repo *repo, const git_oid *id, size_t max,
                                         git_tree **out, struct cm_err *err);

// hub_repo_commit_tree reads the id of the tree of a commit.
CM_MUSTUSE enum cm_rc hub_repo_commit_tree(struct hub_repo *repo, const struct hub_repo_id *commit,
                                           git_oid *out, struct cm_err *err);

// hub_repo_read_commit reads a commit of a size that is looked at first.
CM_MUSTUSE enum cm_rc hub_repo_read_commit(struct hub_repo *repo, const git_oid *id,
                                           git_commit **out, struct cm_err *err);

// hub_repo_describe tells what a commit says.
CM_MUSTUSE enum cm_rc hub_repo_describe(struct hub_repo *repo, const git_oid *id,
                                        struct hub_commit *out, struct cm_err *err);
