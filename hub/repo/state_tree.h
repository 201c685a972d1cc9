// state_tree: edits of a Git tree that cost what they touch.
//
// A tree object is a list of "MODE NAME", a NUL and the twenty bytes of an id, sorted as if a
// folder's name ended in '/':
//     https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
// A folder in which nothing is left goes, too.
//
// Threads: any; pure but for what its desk does.
#pragma once

#include "hub/repo/state.h"

struct hub_tree_entry {
    const char *name; // ends before NUL or '/'
    size_t len;
    bool folder;
    struct hub_repo_id id;
};

// hub_tree_entry reads the entry that begins at `at` and tells where it ends; NULL: it is none.
const char *hub_tree_entry(const char *at, const char *end, struct hub_tree_entry *out);

struct hub_tree_desk {
    // read gives the bytes of a tree, in the arena.
    enum cm_rc (*read)(void *ctx, struct cm_arena *a, const struct hub_repo_id *id,
                       const void **bytes, size_t *size, struct cm_err *err);
    // add keeps a tree and names it.
    enum cm_rc (*add)(void *ctx, const void *bytes, size_t size, struct hub_repo_id *out,
                      struct cm_err *err);
    void *ctx;
};

// hub_tree_edit makes a tree of another one (NULL: an empty one) and edits, which are sorted in
// place. CM_EIO: a tree is damaged.
CM_MUSTUSE enum cm_rc hub_tree_edit(const struct hub_tree_desk *desk,
                                    const struct hub_repo_id *base, struct hub_state_edit *edits,
                                    size_t count, struct hub_repo_id *out, struct cm_err *err);
