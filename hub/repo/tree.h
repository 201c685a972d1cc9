// tree: what is in a commit, read without checking it out.
//
// Paths, blob ids and bytes are read from the object store; no file of a repository is ever created
// on the hub's disk, so there is no link to follow and no name that could do harm. What has a name
// that may not be, or is a symbolic link or a submodule, is reported as such and it is for whoever
// needs that path to refuse it: one bad file must not stop the other apps.
//
// A few hundred bytes of Git can name 10^9 files. So everything counts what it visits and fails
// with CM_EINVAL at the limit; nothing that is larger than its cap is read into memory; and a
// change is found by walking two trees side by side, into folders whose ids differ and no others,
// so that it costs what changed and not what is there.
//
// Threads: a repository and its trees belong to one thread at a time; open one per worker, for one
// job (it takes less than a millisecond). The mirror may be fetched into meanwhile.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "hub/repo/id.h"

struct cm_buf;
struct hub_repo;
struct hub_tree;

// hub_repo_open opens the mirror in this folder (hub/repo/source.h). It fails with CM_ENOTFOUND if
// nothing was ever fetched.
CM_MUSTUSE enum cm_rc hub_repo_open(const char *folder, struct hub_repo **out, struct cm_err *err);

// hub_repo_open_local opens somebody's working copy (at or above the path) or a bare repository,
// for the offline verbs. It fails with CM_ENOTFOUND if there is none.
CM_MUSTUSE enum cm_rc hub_repo_open_local(const char *path, struct hub_repo **out,
                                          struct cm_err *err);
void hub_repo_close(struct hub_repo *repo); // NULL is fine
void hub_repo_closep(struct hub_repo **repo);

// hub_repo_work_folder returns the top folder of a working copy, ending in '/', or NULL if bare.
const char *hub_repo_work_folder(const struct hub_repo *repo);

struct hub_commit {
    struct hub_repo_id id;
    struct hub_repo_id tree;
    char *author_name; // texts are valid UTF-8 without control bytes, cut at some hundred bytes
    char *author_email;
    char *committer_email;
    char *subject;
    char *trailers;      // "Key: value" lines, each with its line feed; "" if there are none
    int64_t authored_ms; // Unix time
    int64_t committed_ms;
    size_t parents;
};

void hub_commit_done(struct hub_commit *c); // a zeroed one is fine

// hub_repo_resolve finds a commit: by id (at least 7 digits), by the name of a branch or tag, or
// "HEAD"; a "~N" after it goes back N first parents (at most 10,000). CM_ENOTFOUND, or CM_EINVAL
// if an id is ambiguous.
CM_MUSTUSE enum cm_rc hub_repo_resolve(struct hub_repo *repo, const char *revision,
                                       struct hub_commit *out, struct cm_err *err);

// hub_repo_history visits a commit and those before it, along all parents, the newest first as
// their clocks have it, until a visit returns false. The commit is borrowed. Of more
// than 20,000 commits that come before one another only so many are looked at.
CM_MUSTUSE enum cm_rc hub_repo_history(struct hub_repo *repo, const struct hub_repo_id *from,
                                       bool (*visit)(void *ctx, const struct hub_commit *commit),
                                       void *ctx, struct cm_err *err);

// hub_repo_passed lists the commits that came with `now` since `old` was looked at, without these
// two, as hexadecimal ids with a space after each, the newest first, at most `max`. The
// caller frees *out. It fails if `old` is not here, and if it would read more than 20,000 commits.
CM_MUSTUSE enum cm_rc hub_repo_passed(struct hub_repo *repo, const char *old,
                                      const struct hub_repo_id *now, size_t max, char **out,
                                      struct cm_err *err);

// hub_repo_is_ancestor tells in *out whether `old` is `now` or one of its ancestors. An `old` that
// is not here (forced away, and the mirror made anew) is no ancestor.
CM_MUSTUSE enum cm_rc hub_repo_is_ancestor(struct hub_repo *repo, const struct hub_repo_id *old,
                                           const struct hub_repo_id *now, bool *out,
                                           struct cm_err *err);

// hub_repo_read_blob reads a blob of at most `max` bytes. CM_ENOTFOUND, CM_EINVAL if it is larger
// or no blob.
CM_MUSTUSE enum cm_rc hub_repo_read_blob(struct hub_repo *repo, const struct hub_repo_id *id,
                                         size_t max, struct cm_buf **out, struct cm_err *err);

enum hub_entry_type {
    HUB_ENTRY_FILE,
    HUB_ENTRY_SYMLINK, // the blob holds its target
    HUB_ENTRY_MODULE,  // a submodule; the id is a commit's
    HUB_ENTRY_UNSAFE, // a name such as "..", ".git" or with control bytes, or neither file nor link
};

enum hub_entry_change { HUB_ENTRY_SAME, HUB_ENTRY_ADDED, HUB_ENTRY_MODIFIED, HUB_ENTRY_REMOVED };

struct hub_entry {
    const char *path;      // below the root; cm_fsys_path_ok (what is not is written as \xHH)
    struct hub_repo_id id; // of removed ones: what it was
    enum hub_entry_type type;
    enum hub_entry_change change; // only in diffs
    bool executable;
};

// Sorted by path.
struct hub_entries {
    struct hub_entry *items;
    size_t count;
    struct cm_arena *arena; // holds all of it
};

void hub_entries_done(struct hub_entries *e); // a zeroed one is fine

struct hub_tree_limits {
    size_t max_entries;    // files, links and folders visited
    size_t max_depth;      // folders
    size_t max_path;       // bytes of a path
    size_t max_tree_bytes; // of one folder's tree object
    size_t max_file_bytes; // plain folders only, whose files are read to be named
};

extern const struct hub_tree_limits hub_tree_limits_default; // 1 M, 64, 1024, 32 MiB, 32 MiB

// hub_repo_tree opens the tree of a commit; it needs the repository until hub_tree_free.
CM_MUSTUSE enum cm_rc hub_repo_tree(struct hub_repo *repo, const struct hub_repo_id *commit,
                                    struct hub_tree **out, struct cm_err *err);

// hub_repo_diff lists what to do to a tree of `old` to get that of `now`, at and below `prefix` (""
// for all). A rename is one path removed and one added. `limits` NULL: default.
struct hub_repo_range {
    struct hub_repo_id old; // commits
    struct hub_repo_id now;
    const char *prefix;
};
CM_MUSTUSE enum cm_rc hub_repo_diff(struct hub_repo *repo, const struct hub_repo_range *range,
                                    const struct hub_tree_limits *limits, struct hub_entries *out,
                                    struct cm_err *err);

// A tree is a commit's or a plain folder's (hub/repo/folder.h); what follows works for both.
void hub_tree_free(struct hub_tree *tree); // NULL is fine
void hub_tree_freep(struct hub_tree **tree);

// hub_tree_list lists all files at and below `prefix` ("" for all). It fails with CM_ENOTFOUND if
// there is nothing of that name. `limits` NULL: default.
CM_MUSTUSE enum cm_rc hub_tree_list(struct hub_tree *tree, const char *prefix,
                                    const struct hub_tree_limits *limits, struct hub_entries *out,
                                    struct cm_err *err);

// hub_tree_read reads the file at a path; links are not followed (CM_EINVAL).
CM_MUSTUSE enum cm_rc hub_tree_read(struct hub_tree *tree, const char *path, size_t max,
                                    struct cm_buf **out, struct cm_err *err);

// hub_tree_read_id reads a file by the id that hub_tree_list reported.
CM_MUSTUSE enum cm_rc hub_tree_read_id(struct hub_tree *tree, const struct hub_repo_id *id,
                                       size_t max, struct cm_buf **out, struct cm_err *err);
