// walk: what listing, comparing and plain folders share: entries, their limits, their names.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "hub/repo/tree.h"

struct hub_tree_ops {
    enum cm_rc (*list)(void *ctx, const char *prefix, const struct hub_tree_limits *limits,
                       struct hub_entries *out, struct cm_err *err);
    enum cm_rc (*read)(void *ctx, const char *path, size_t max, struct cm_buf **out,
                       struct cm_err *err);
    enum cm_rc (*read_id)(void *ctx, const struct hub_repo_id *id, size_t max, struct cm_buf **out,
                          struct cm_err *err);
    void (*free)(void *ctx);
};

// hub_tree_new makes a tree of these functions; ctx is freed by it.
struct hub_tree *hub_tree_new(const struct hub_tree_ops *ops, void *ctx);

// A walk collects entries. The path is that of the folder it is in.
struct hub_walk {
    const struct hub_tree_limits *limits;
    struct hub_entries entries;
    size_t capacity;
    size_t visited;
};

void hub_walk_init(struct hub_walk *w, const struct hub_tree_limits *limits);
void hub_walk_done(struct hub_walk *w);

// hub_walk_visit counts one more entry and fails beyond the limit.
CM_MUSTUSE enum cm_rc hub_walk_visit(struct hub_walk *w, struct cm_err *err);

// hub_walk_path appends a name to a folder's path ("" for the root). What may not be in a name is
// written as \xHH and *safe is set to false; so it is for names that Git itself would refuse. No
// safe name has a backslash, so two names never become one path. The
// result is in the arena of the walk.
CM_MUSTUSE enum cm_rc hub_walk_path(struct hub_walk *w, const char *folder, const char *name,
                                    const char **out, bool *safe, struct cm_err *err);

void hub_walk_add(struct hub_walk *w, const struct hub_entry *entry);

// hub_walk_finish sorts and hands over what was collected.
void hub_walk_finish(struct hub_walk *w, struct hub_entries *out);

// hub_walk_too_deep fails with the words for a path below too many folders.
enum cm_rc hub_walk_too_deep(const struct hub_walk *w, const char *path, struct cm_err *err);

// hub_name_is_git tells whether a file system could take the name for ".git": letter case, what
// Windows drops at the end or shortens to git~1, what macOS ignores.
bool hub_name_is_git(const char *name);

// hub_prefix_check fails with CM_EINVAL unless the prefix is "" or a safe path.
CM_MUSTUSE enum cm_rc hub_prefix_check(const char *prefix, struct cm_err *err);
