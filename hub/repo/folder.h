// folder: a plain folder read as if it were a commit, for the offline verbs.
//
// Files are named by the id that Git would give them, so a folder compares with a commit. What is
// called .git is left out. Links are reported, never followed, not even on the way to a file.
//
// Threads: one at a time.
#pragma once

#include "common/err.h"

struct hub_tree;

// hub_folder_open opens a folder as a tree (hub/repo/tree.h). It fails with CM_ENOTFOUND or, if it
// is no folder, CM_EINVAL.
CM_MUSTUSE enum cm_rc hub_folder_open(const char *path, struct hub_tree **out, struct cm_err *err);
