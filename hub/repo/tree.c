#include "hub/repo/tree.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "hub/repo/git.h"
#include "hub/repo/repo.h"
#include "hub/repo/walk.h"

// A walk over one tree, or two that are compared.
struct tree_walk {
    struct hub_walk base;
    struct hub_repo *repo;
};

struct commit_tree {
    struct hub_repo *repo; // borrowed
    git_oid root;
};

// check_entry: a folder in which a name is there twice, or not in Git's order, means different
// things to different readers.
static enum cm_rc check_entry(const git_tree *tree, const git_tree_entry *entry,
                              struct cm_err *err) {
    if (git_tree_entry_byname(tree, git_tree_entry_name(entry)) != entry) {
        char hex[HUB_REPO_ID_HEX_MAX];

        (void)git_oid_tostr(hex, sizeof(hex), git_tree_id(tree));
        return cm_fail(err, CM_EINVAL,
                       "the folder %s is malformed: it is not sorted, or a name is there twice",
                       hex);
    }
    return CM_OK;
}

static enum hub_entry_type type_of(const git_tree_entry *entry) {
    return hub_git_entry_type(git_tree_entry_filemode(entry));
}

static bool is_folder(const git_tree_entry *entry) {
    return entry != NULL && git_tree_entry_filemode(entry) == GIT_FILEMODE_TREE;
}

static void add(struct tree_walk *w, const git_tree_entry *entry, const char *path, bool safe,
                enum hub_entry_change change) {
    struct hub_entry out = {
        .path = path,
        .type = safe ? type_of(entry) : HUB_ENTRY_UNSAFE,
        .change = change,
        .executable = git_tree_entry_filemode(entry) == GIT_FILEMODE_BLOB_EXECUTABLE,
    };

    memcpy(out.id.bytes, git_tree_entry_id(entry)->id, HUB_REPO_ID_SIZE);
    hub_walk_add(&w->base, &out);
}

struct place {
    const char *path; // of the folder
    size_t depth;
};

static enum cm_rc walk_folder(struct tree_walk *w, const git_oid *id, struct place at,
                              enum hub_entry_change change, struct cm_err *err);

// take reports one entry, or all that is below it. An unsafe folder is one entry: its name makes
// all paths below it useless.
static enum cm_rc take(struct tree_walk *w, const git_tree_entry *entry, struct place at,
                       enum hub_entry_change change, struct cm_err *err) {
    const char *path = NULL;
    bool safe = true;

    if (hub_walk_path(&w->base, at.path, git_tree_entry_name(entry), &path, &safe, err) < 0) {
        return err->code;
    }
    if (!is_folder(entry) || !safe) {
        add(w, entry, path, safe, change);
        return CM_OK;
    }
    return walk_folder(w, git_tree_entry_id(entry),
                       (struct place){.path = path, .depth = at.depth + 1}, change, err);
}

static enum cm_rc walk_folder(struct tree_walk *w, const git_oid *id, struct place at,
                              enum hub_entry_change change, struct cm_err *err) {
    CM_CLEANUP(hub_git_treep) git_tree *tree = NULL;

    if (at.depth > w->base.limits->max_depth) {
        return hub_walk_too_deep(&w->base, at.path, err);
    }
    if (hub_repo_read_tree(w->repo, id, w->base.limits->max_tree_bytes, &tree, err) < 0) {
        return cm_wrap(err, "the folder '%.100s'", at.path);
    }
    for (size_t i = 0; i < git_tree_entrycount(tree); i++) {
        const git_tree_entry *entry = git_tree_entry_byindex(tree, i);

        if (hub_walk_visit(&w->base, err) < 0 || check_entry(tree, entry, err) < 0 ||
            take(w, entry, at, change, err) < 0) {
            return err->code;
        }
    }
    return CM_OK;
}

// find_entry looks a path up below a tree. Every tree on the way is held to the cap.
static enum cm_rc find_entry(struct tree_walk *w, const git_oid *root, const char *path,
                             git_tree_entry **out, struct cm_err *err) {
    CM_AUTOFREE char *copy = cm_strdup(path);
    git_oid at = *root;
    char *rest = copy;

    for (;;) {
        CM_CLEANUP(hub_git_treep) git_tree *tree = NULL;
        const char *name = strsep(&rest, "/");

        if (hub_repo_read_tree(w->repo, &at, w->base.limits->max_tree_bytes, &tree, err) < 0) {
            return err->code;
        }
        const git_tree_entry *entry = git_tree_entry_byname(tree, name);
        if (entry == NULL || (rest != NULL && !is_folder(entry))) {
            return cm_fail(err, CM_ENOTFOUND, "there is no '%.200s'", path);
        }
        if (rest == NULL) {
            return git_tree_entry_dup(out, entry) == 0 ? CM_OK
                                                       : hub_git_fail(err, CM_EIO, "copy an entry");
        }
        at = *git_tree_entry_id(entry);
    }
}

// parent_of returns the path of the folder that a path is in; the caller frees it.
static char *parent_of(const char *path) {
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;
    char *out = cm_new(1, len + 1);

    memcpy(out, path, len);
    return out;
}

static size_t depth_of(const char *path) {
    size_t depth = 0;

    for (; *path != '\0'; path++) {
        depth += *path == '/' ? 1 : 0;
    }
    return depth;
}

static enum cm_rc list_below(struct tree_walk *w, const git_oid *root, const char *prefix,
                             struct cm_err *err) {
    CM_CLEANUP(hub_git_tree_entryp) git_tree_entry *entry = NULL;
    CM_AUTOFREE char *parent = parent_of(prefix);

    if (prefix[0] == '\0') {
        return walk_folder(w, root, (struct place){.path = ""}, HUB_ENTRY_SAME, err);
    }
    if (find_entry(w, root, prefix, &entry, err) < 0) {
        return err->code;
    }
    return take(w, entry, (struct place){.path = parent, .depth = depth_of(prefix)}, HUB_ENTRY_SAME,
                err);
}

static enum cm_rc list(void *ctx, const char *prefix, const struct hub_tree_limits *limits,
                       struct hub_entries *out, struct cm_err *err) {
    const struct commit_tree *tree = ctx;
    struct tree_walk w = {.repo = tree->repo};

    hub_walk_init(&w.base, limits);
    enum cm_rc rc = list_below(&w, &tree->root, prefix, err);
    if (rc == CM_OK) {
        hub_walk_finish(&w.base, out);
    }
    hub_walk_done(&w.base);
    return rc;
}

static enum cm_rc read_path(void *ctx, const char *path, size_t max, struct cm_buf **out,
                            struct cm_err *err) {
    const struct commit_tree *tree = ctx;
    struct tree_walk w = {.repo = tree->repo, .base.limits = &hub_tree_limits_default};
    CM_CLEANUP(hub_git_tree_entryp) git_tree_entry *entry = NULL;
    struct hub_repo_id id;

    if (find_entry(&w, &tree->root, path, &entry, err) < 0) {
        return err->code;
    }
    if (type_of(entry) != HUB_ENTRY_FILE) {
        return cm_fail(err, CM_EINVAL, "'%.200s' is no regular file", path);
    }
    memcpy(id.bytes, git_tree_entry_id(entry)->id, HUB_REPO_ID_SIZE);
    enum cm_rc rc = hub_repo_read_blob(tree->repo, &id, max, out, err);
    if (rc == CM_ENOTFOUND) {
        err->code = CM_EIO; // the path is there
    }
    return rc < 0 ? cm_wrap(err, "read '%.200s'", path) : CM_OK;
}

static enum cm_rc read_id(void *ctx, const struct hub_repo_id *id, size_t max, struct cm_buf **out,
                          struct cm_err *err) {
    const struct commit_tree *tree = ctx;

    return hub_repo_read_blob(tree->repo, id, max, out, err);
}

enum cm_rc hub_repo_tree(struct hub_repo *repo, const struct hub_repo_id *commit,
                         struct hub_tree **out, struct cm_err *err) {
    static const struct hub_tree_ops ops = {
        .list = list, .read = read_path, .read_id = read_id, .free = free};
    git_oid root;

    if (hub_repo_commit_tree(repo, commit, &root, err) < 0) {
        return err->code;
    }

    struct commit_tree *tree = cm_new(1, sizeof(*tree));
    *tree = (struct commit_tree){.repo = repo, .root = root};
    *out = hub_tree_new(&ops, tree);
    return CM_OK;
}

static bool same(const git_tree_entry *a, const git_tree_entry *b) {
    return git_oid_equal(git_tree_entry_id(a), git_tree_entry_id(b)) &&
           git_tree_entry_filemode_raw(a) == git_tree_entry_filemode_raw(b);
}

static enum cm_rc compare_folders(struct tree_walk *w, const git_oid *old, const git_oid *now,
                                  struct place at, struct cm_err *err);

// compare_entries compares what has the same name on both sides; one may be NULL.
static enum cm_rc compare_entries(struct tree_walk *w, const git_tree_entry *old,
                                  const git_tree_entry *now, struct place at, struct cm_err *err) {
    const char *path = NULL;
    bool safe = true;

    if (old == NULL || now == NULL) {
        return take(w, old != NULL ? old : now, at,
                    old != NULL ? HUB_ENTRY_REMOVED : HUB_ENTRY_ADDED, err);
    }
    if (same(old, now)) {
        return CM_OK;
    }
    if (hub_walk_path(&w->base, at.path, git_tree_entry_name(now), &path, &safe, err) < 0) {
        return err->code;
    }
    if (!safe || (!is_folder(old) && !is_folder(now))) {
        add(w, now, path, safe, HUB_ENTRY_MODIFIED);
        return CM_OK;
    }
    if (is_folder(old) && is_folder(now)) {
        return compare_folders(w, git_tree_entry_id(old), git_tree_entry_id(now),
                               (struct place){.path = path, .depth = at.depth + 1}, err);
    }
    if (take(w, old, at, HUB_ENTRY_REMOVED, err) < 0) {
        return err->code;
    }
    return take(w, now, at, HUB_ENTRY_ADDED, err);
}

static enum cm_rc read_pair(struct tree_walk *w, const git_oid *old, const git_oid *now,
                            git_tree **out_old, git_tree **out_now, struct cm_err *err) {
    size_t max = w->base.limits->max_tree_bytes;

    if (hub_repo_read_tree(w->repo, old, max, out_old, err) < 0) {
        return err->code;
    }
    return hub_repo_read_tree(w->repo, now, max, out_now, err);
}

// compare_sides goes over the entries of one folder and compares each with its namesake in the
// other one. Those of `now` that have one were compared from the other side.
static enum cm_rc compare_sides(struct tree_walk *w, const git_tree *from, const git_tree *other,
                                struct place at, bool from_old, struct cm_err *err) {
    for (size_t i = 0; i < git_tree_entrycount(from); i++) {
        const git_tree_entry *entry = git_tree_entry_byindex(from, i);
        const git_tree_entry *twin = git_tree_entry_byname(other, git_tree_entry_name(entry));
        enum cm_rc rc = CM_OK;

        if (hub_walk_visit(&w->base, err) < 0 || check_entry(from, entry, err) < 0) {
            return err->code;
        }
        if (from_old) {
            rc = compare_entries(w, entry, twin, at, err);
        } else if (twin == NULL) {
            rc = compare_entries(w, NULL, entry, at, err);
        }
        if (rc < 0) {
            return rc;
        }
    }
    return CM_OK;
}

static enum cm_rc compare_folders(struct tree_walk *w, const git_oid *old, const git_oid *now,
                                  struct place at, struct cm_err *err) {
    CM_CLEANUP(hub_git_treep) git_tree *old_tree = NULL;
    CM_CLEANUP(hub_git_treep) git_tree *now_tree = NULL;

    if (git_oid_equal(old, now)) {
        return CM_OK;
    }
    if (at.depth > w->base.limits->max_depth) {
        return hub_walk_too_deep(&w->base, at.path, err);
    }
    if (read_pair(w, old, now, &old_tree, &now_tree, err) < 0) {
        return cm_wrap(err, "the folder '%.100s'", at.path);
    }
    if (compare_sides(w, old_tree, now_tree, at, true, err) < 0) {
        return err->code;
    }
    return compare_sides(w, now_tree, old_tree, at, false, err);
}

// find_or_null: nothing of that name is no failure here.
static enum cm_rc find_or_null(struct tree_walk *w, const git_oid *root, const char *path,
                               git_tree_entry **out, struct cm_err *err) {
    enum cm_rc rc = find_entry(w, root, path, out, err);

    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc compare_below(struct tree_walk *w, const git_oid *old, const git_oid *now,
                                const char *prefix, struct cm_err *err) {
    CM_CLEANUP(hub_git_tree_entryp) git_tree_entry *old_entry = NULL;
    CM_CLEANUP(hub_git_tree_entryp) git_tree_entry *now_entry = NULL;
    CM_AUTOFREE char *parent = parent_of(prefix);

    if (prefix[0] == '\0') {
        return compare_folders(w, old, now, (struct place){.path = ""}, err);
    }
    if (find_or_null(w, old, prefix, &old_entry, err) < 0 ||
        find_or_null(w, now, prefix, &now_entry, err) < 0) {
        return err->code;
    }
    if (old_entry == NULL && now_entry == NULL) {
        return CM_OK;
    }
    return compare_entries(w, old_entry, now_entry,
                           (struct place){.path = parent, .depth = depth_of(prefix)}, err);
}

static enum cm_rc compare(struct tree_walk *w, const struct hub_repo_range *range,
                          struct cm_err *err) {
    git_oid old;
    git_oid now;

    if (hub_repo_commit_tree(w->repo, &range->old, &old, err) < 0 ||
        hub_repo_commit_tree(w->repo, &range->now, &now, err) < 0) {
        return err->code;
    }
    return compare_below(w, &old, &now, range->prefix, err);
}

enum cm_rc hub_repo_diff(struct hub_repo *repo, const struct hub_repo_range *range,
                         const struct hub_tree_limits *limits, struct hub_entries *out,
                         struct cm_err *err) {
    struct tree_walk w = {.repo = repo};

    if (hub_prefix_check(range->prefix, err) < 0) {
        return err->code;
    }
    hub_walk_init(&w.base, limits != NULL ? limits : &hub_tree_limits_default);
    enum cm_rc rc = compare(&w, range, err);
    if (rc == CM_OK) {
        hub_walk_finish(&w.base, out);
    }
    hub_walk_done(&w.base);
    return rc;
}
