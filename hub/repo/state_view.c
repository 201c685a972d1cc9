#include "hub/repo/state_view.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/repo/git.h"
#include "hub/repo/state_marks.h"
#include "hub/repo/state_shards.h"

struct hub_view {
    git_repository *git;
    char *path;
};

static void closep(struct hub_view **v) {
    hub_view_close(*v);
}

enum cm_rc hub_view_open(const char *path, struct hub_view **out, struct cm_err *err) {
    CM_CLEANUP(closep) struct hub_view *v = cm_new(1, sizeof(*v));

    hub_git_start();
    v->path = cm_strdup(path);
    int rc = git_repository_open_bare(&v->git, path);
    if (rc < 0) {
        return hub_git_fail(err, hub_git_code(rc), "open the state repository '%s'", path);
    }
    *out = CM_TAKE(v);
    return CM_OK;
}

void hub_view_close(struct hub_view *v) {
    if (v != NULL) {
        git_repository_free(v->git);
        free(v->path);
        free(v);
    }
}

// ---- A moment

static enum cm_rc find_tip(struct hub_view *v, const char *branch, git_commit **out,
                           struct cm_err *err) {
    CM_AUTOFREE char *name = cm_strf("refs/heads/%s", branch);
    git_oid id;
    int rc = git_reference_name_to_id(&id, v->git, name);

    rc = rc < 0 ? rc : git_commit_lookup(out, v->git, &id);
    return rc < 0 ? hub_git_fail(err, hub_git_code(rc), "read the branch '%s' of '%s'", branch,
                                 v->path)
                  : CM_OK;
}

static bool is_after(const git_commit *commit, int64_t at_ms) {
    return git_commit_time(commit) > at_ms / 1000;
}

// find_ended finds the end of the month before one that begins with a commit.
static enum cm_rc find_ended(struct hub_view *v, const char *branch, const git_commit *first,
                             git_commit **out, struct cm_err *err) {
    char text[CM_CLOCK_TEXT_MAX];
    git_oid id;

    if (!hub_shard_before(first, &id)) {
        return cm_fail(err, CM_ENOTFOUND, "'%s' of the state repository begins later than that",
                       branch);
    }
    int rc = git_commit_lookup(out, v->git, &id);
    if (rc == 0) {
        return CM_OK;
    }
    cm_clock_format(git_commit_time(first) * 1000, text);
    return hub_git_code(rc) == CM_ENOTFOUND
               ? cm_fail(err, CM_ENOTFOUND,
                         "what was before %.19sZ is not kept in the state repository any more "
                         "(--state-keep-months): look in an archive of that month, or in a copy",
                         text)
               : hub_git_fail(err, CM_EIO, "read the history of '%s' of '%s'", branch, v->path);
}

// step goes to the commit before. Branches of the state repository have no merges.
static enum cm_rc step(struct hub_view *v, const char *branch, git_commit **at,
                       struct cm_err *err) {
    git_commit *before = NULL;

    if (git_commit_parentcount(*at) == 0) {
        enum cm_rc rc = find_ended(v, branch, *at, &before, err);

        if (rc < 0) {
            return rc;
        }
    } else if (git_commit_parent(&before, *at, 0) < 0) {
        return hub_git_fail(err, CM_EIO, "read the history of '%s' of '%s'", branch, v->path);
    }
    git_commit_free(*at);
    *at = before;
    return CM_OK;
}

enum cm_rc hub_view_at(struct hub_view *v, const char *branch, int64_t at_ms,
                       struct hub_repo_id *out, struct cm_err *err) {
    CM_CLEANUP(hub_git_commitp) git_commit *at = NULL;
    size_t steps = 0;
    git_oid mark;
    bool marked =
        hub_marks_find(v->git, branch, at_ms, &mark) && git_commit_lookup(&at, v->git, &mark) == 0;
    enum cm_rc rc = marked ? CM_OK : find_tip(v, branch, &at, err);

    while (rc == CM_OK && is_after(at, at_ms)) {
        if (steps++ == HUB_VIEW_COMMITS_MAX) {
            return cm_fail(
                err, CM_ENOTFOUND,
                "'%s' of the state repository has over %d commits since: ask for a later "
                "moment, or ask Git",
                branch, HUB_VIEW_COMMITS_MAX);
        }
        rc = step(v, branch, &at, err);
    }
    if (rc == CM_OK) {
        memcpy(out->bytes, git_commit_id(at)->id, sizeof(out->bytes));
    }
    return rc;
}

// ---- A comparison

// enter goes into a folder of a tree, or leaves NULL where there is none. What is there and cannot
// be read is no empty folder.
static int enter(struct hub_view *v, git_tree **at, const char *name) {
    const git_tree_entry *entry = git_tree_entry_byname(*at, name);
    git_tree *next = NULL;
    int rc = entry == NULL ? 0 : git_tree_lookup(&next, v->git, git_tree_entry_id(entry));

    git_tree_free(*at);
    *at = next;
    return rc;
}

// find_folder gives the tree of a folder; NULL if there is none.
static enum cm_rc find_folder(struct hub_view *v, const struct hub_view_side *side, git_tree **out,
                              struct cm_err *err) {
    CM_CLEANUP(hub_git_commitp) git_commit *commit = NULL;
    CM_CLEANUP(hub_git_treep) git_tree *tree = NULL;
    CM_AUTOFREE char *path = cm_strdup(side->folder);
    git_oid id;

    memcpy(id.id, side->commit.bytes, sizeof(id.id));
    int rc = git_commit_lookup(&commit, v->git, &id);
    rc = rc < 0 ? rc : git_commit_tree(&tree, commit);
    for (char *name = path, *end; rc == 0 && tree != NULL && name != NULL; name = end) {
        end = strchr(name, '/');
        if (end != NULL) {
            *end++ = '\0';
        }
        rc = enter(v, &tree, name);
    }
    if (rc < 0) {
        return hub_git_fail(err, CM_EIO, "read '%s' of the state repository", side->folder);
    }
    *out = CM_TAKE(tree);
    return CM_OK;
}

static void free_diff(git_diff **p) {
    git_diff_free(*p);
}

static void free_blob(git_blob **p) {
    git_blob_free(*p);
}

// open_file gives a side of a delta; NULL if it is not there.
static enum cm_rc open_file(struct hub_view *v, const git_diff_file *file, git_blob **out,
                            struct cm_err *err) {
    if ((file->flags & GIT_DIFF_FLAG_EXISTS) == 0) {
        return CM_OK;
    }
    return git_blob_lookup(out, v->git, &file->id) < 0
               ? hub_git_fail(err, CM_EIO, "read '%s' of the state repository", file->path)
               : CM_OK;
}

static enum cm_rc show_delta(struct hub_view *v, const git_diff_delta *delta,
                             const struct hub_view_visitor *to, struct cm_err *err) {
    CM_CLEANUP(free_blob) git_blob *before = NULL;
    CM_CLEANUP(free_blob) git_blob *after = NULL;
    struct hub_view_file file = {.path = delta->new_file.path};
    enum cm_rc rc = open_file(v, &delta->old_file, &before, err);

    rc = rc < 0 ? rc : open_file(v, &delta->new_file, &after, err);
    if (rc < 0) {
        return rc;
    }
    if (before != NULL) {
        file.from = git_blob_rawcontent(before);
        file.from_size = (size_t)git_blob_rawsize(before);
    }
    if (after != NULL) {
        file.to = git_blob_rawcontent(after);
        file.to_size = (size_t)git_blob_rawsize(after);
    }
    return to->visit(to->ctx, &file, err);
}

static enum cm_rc make_diff(struct hub_view *v, const struct hub_view_side *from,
                            const struct hub_view_side *to, git_diff **out, struct cm_err *err) {
    CM_CLEANUP(hub_git_treep) git_tree *before = NULL;
    CM_CLEANUP(hub_git_treep) git_tree *after = NULL;
    enum cm_rc rc = find_folder(v, from, &before, err);

    rc = rc < 0 ? rc : find_folder(v, to, &after, err);
    if (rc == CM_OK && git_diff_tree_to_tree(out, v->git, before, after, NULL) < 0) {
        return hub_git_fail(err, CM_EIO, "compare '%s' and '%s' of the state repository",
                            from->folder, to->folder);
    }
    return rc;
}

enum cm_rc hub_view_compare(struct hub_view *v, const struct hub_view_side *from,
                            const struct hub_view_side *to, const struct hub_view_visitor *visitor,
                            bool *more, struct cm_err *err) {
    CM_CLEANUP(free_diff) git_diff *diff = NULL;
    enum cm_rc rc = make_diff(v, from, to, &diff, err);
    size_t count = rc < 0 ? 0 : git_diff_num_deltas(diff);

    *more = count > visitor->max;
    for (size_t i = 0; rc == CM_OK && i < (*more ? visitor->max : count); i++) {
        rc = show_delta(v, git_diff_get_delta(diff, i), visitor, err);
    }
    return rc;
}

// ---- All files

struct walking {
    struct hub_view *view;
    const struct hub_view_visitor *to;
    enum cm_rc rc;
    struct cm_err *err;
};

static enum cm_rc visit_blob(struct walking *w, const char *root, const git_tree_entry *entry) {
    CM_CLEANUP(free_blob) git_blob *blob = NULL;
    CM_AUTOFREE char *path = cm_strf("%s%s", root, git_tree_entry_name(entry));

    if (git_blob_lookup(&blob, w->view->git, git_tree_entry_id(entry)) < 0) {
        return hub_git_fail(w->err, CM_EIO, "read '%s' of the state repository", path);
    }
    return w->to->visit(w->to->ctx,
                        &(struct hub_view_file){.path = path,
                                                .to = git_blob_rawcontent(blob),
                                                .to_size = (size_t)git_blob_rawsize(blob)},
                        w->err);
}

// Whoever walks ends at a negative number.
static int walk_entry(const char *root, const git_tree_entry *entry, void *payload) {
    struct walking *w = payload;

    if (git_tree_entry_type(entry) == GIT_OBJECT_BLOB) {
        w->rc = visit_blob(w, root, entry);
    }
    return w->rc < 0 ? -1 : 0;
}

static enum cm_rc walk_commit(struct hub_view *v, const git_oid *commit, const char *folder,
                              const struct hub_view_visitor *visitor, struct cm_err *err) {
    CM_CLEANUP(hub_git_treep) git_tree *tree = NULL;
    struct walking w = {.view = v, .to = visitor, .err = err};
    struct hub_view_side side = {.folder = folder};

    memcpy(side.commit.bytes, commit->id, sizeof(side.commit.bytes));
    enum cm_rc rc = find_folder(v, &side, &tree, err);
    if (rc < 0 || tree == NULL) {
        return rc;
    }
    int walked = git_tree_walk(tree, GIT_TREEWALK_PRE, walk_entry, &w);
    return w.rc < 0 || walked == 0
               ? w.rc
               : hub_git_fail(err, CM_EIO, "read '%s' of the state repository", folder);
}

static enum cm_rc walk_ended(struct hub_view *v, const char *branch, const char *folder,
                             const struct hub_view_visitor *visitor, struct cm_err *err) {
    CM_CLEANUP(hub_shards_done) struct hub_shards months = {0};
    enum cm_rc rc = hub_shards_list(v->git, branch, &months, err);
    git_oid id;

    for (size_t i = 0; rc == CM_OK && i < months.count; i++) {
        rc = git_reference_name_to_id(&id, v->git, months.names[i]) < 0
                 ? hub_git_fail(err, CM_EIO, "read '%s' of '%s'", months.names[i], v->path)
                 : walk_commit(v, &id, folder, visitor, err);
    }
    return rc;
}

enum cm_rc hub_view_walk(struct hub_view *v, const char *branch, const char *folder,
                         const struct hub_view_visitor *visitor, struct hub_repo_id *out_commit,
                         struct cm_err *err) {
    CM_CLEANUP(hub_git_commitp) git_commit *tip = NULL;
    enum cm_rc rc = find_tip(v, branch, &tip, err);

    if (rc < 0) {
        return rc;
    }
    memcpy(out_commit->bytes, git_commit_id(tip)->id, sizeof(out_commit->bytes));
    rc = walk_ended(v, branch, folder, visitor, err);
    return rc < 0 ? rc : walk_commit(v, git_commit_id(tip), folder, visitor, err);
}
