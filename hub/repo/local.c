#include "hub/repo/local.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/arena.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/repo/git.h"
#include "hub/repo/repo.h"
#include "hub/repo/walk.h"
#include "hub/repo/want.h"

bool hub_repo_is_shallow(const struct hub_repo *repo) {
    return git_repository_is_shallow(repo->git) == 1;
}

enum cm_rc hub_repo_merge_base(struct hub_repo *repo, const struct hub_repo_id *a,
                               const struct hub_repo_id *b, struct hub_repo_id *out,
                               struct cm_err *err) {
    git_oid one;
    git_oid two;
    git_oid base;

    memcpy(one.id, a->bytes, HUB_REPO_ID_SIZE);
    memcpy(two.id, b->bytes, HUB_REPO_ID_SIZE);
    int rc = git_merge_base(&base, repo->git, &one, &two);
    if (rc == GIT_ENOTFOUND) {
        return cm_fail(err, CM_ENOTFOUND, "the two have no commit in common");
    }
    if (rc < 0) {
        return hub_git_fail(err, hub_git_code(rc), "find where two histories parted");
    }
    memcpy(out->bytes, base.id, HUB_REPO_ID_SIZE);
    return CM_OK;
}

// ---- What a clone has

#define ORIGIN "refs/remotes/origin/"
#define HEADS "refs/heads/"

struct heads {
    git_remote_head *items;
    git_remote_head **list;
    size_t count;
};

static void free_namesp(git_strarray *names) {
    git_strarray_dispose(names);
}

static void free_headsp(struct heads *heads) {
    for (size_t i = 0; i < heads->count; i++) {
        free(heads->items[i].name);
    }
    free(heads->items);
    free(heads->list);
}

// add_head takes a reference up under a name, if a commit stands behind it.
static void add_head(struct hub_repo *repo, struct heads *heads, const char *reference,
                     char *name) {
    CM_CLEANUP(hub_git_referencep) git_reference *found = NULL;
    CM_CLEANUP(hub_git_objectp) git_object *commit = NULL;

    if (git_reference_lookup(&found, repo->git, reference) < 0 ||
        git_reference_peel(&commit, found, GIT_OBJECT_COMMIT) < 0) {
        free(name);
        return;
    }
    git_remote_head *head = &heads->items[heads->count];
    head->name = name;
    head->oid = *git_object_id(commit);
    heads->list[heads->count++] = head;
}

static enum cm_rc list_heads(struct hub_repo *repo, struct heads *out, struct cm_err *err) {
    CM_CLEANUP(free_namesp) git_strarray names = {0};

    if (git_reference_list(&names, repo->git) < 0) {
        return hub_git_fail(err, CM_EIO, "list branches and tags");
    }
    out->items = cm_new(2 * names.count + 1, sizeof(*out->items));
    out->list = cm_new(2 * names.count + 1, sizeof(*out->list));
    for (size_t i = 0; i < names.count; i++) {
        add_head(repo, out, names.strings[i], cm_strdup(names.strings[i]));
    }
    for (size_t i = 0; i < names.count; i++) { // after the clone's own, which count first
        if (strncmp(names.strings[i], ORIGIN, strlen(ORIGIN)) == 0) {
            add_head(repo, out, names.strings[i],
                     cm_strf("%s%s", HEADS, names.strings[i] + strlen(ORIGIN)));
        }
    }
    return CM_OK;
}

// short_name returns what people call a reference, or NULL if they do not.
static const char *short_name(const char *reference) {
    static const char *const before[] = {HEADS, "refs/tags/", "refs/remotes/"};

    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        if (strncmp(reference, before[i], strlen(before[i])) == 0) {
            return reference + strlen(before[i]);
        }
    }
    return NULL;
}

char *hub_repo_nearest(const struct hub_repo *repo, const char *word) {
    CM_CLEANUP(free_namesp) git_strarray references = {0};
    size_t count = 0;

    if (git_reference_list(&references, repo->git) < 0) {
        return NULL;
    }
    CM_AUTOFREE const char **names = cm_new(references.count + 1, sizeof(*names));
    for (size_t i = 0; i < references.count; i++) {
        const char *name = short_name(references.strings[i]);

        names[count] = name;
        count += name != NULL ? 1 : 0;
    }
    const char *nearest = cm_str_nearest(word, names, count);
    return nearest == NULL ? NULL : cm_strdup(nearest);
}

enum cm_rc hub_repo_find_local(struct hub_repo *repo, const struct hub_repo_source *want,
                               struct hub_repo_id *out, struct cm_err *err) {
    CM_CLEANUP(free_headsp) struct heads heads = {0};
    struct hub_want found;
    git_oid tree;

    if (list_heads(repo, &heads, err) < 0 ||
        hub_want_find(want, (const git_remote_head *const *)heads.list, heads.count, &found, err) <
            0) {
        return err->code;
    }
    memcpy(out->bytes, found.oid.id, HUB_REPO_ID_SIZE);
    return hub_repo_commit_tree(repo, out, &tree, err); // a commit may not be here
}

// ---- The working copy

static void free_diffp(git_diff **diff) {
    git_diff_free(*diff);
}

// make_id: unlike any other file's, before and after.
static struct hub_repo_id make_id(const char *path, const git_diff_file *file) {
    CM_AUTOFREE char *text = cm_strf("working copy %s", path);
    struct cm_sha256 hash = cm_sha256(text, strlen(text));
    struct hub_repo_id id;

    for (size_t i = 0; i < HUB_REPO_ID_SIZE; i++) {
        id.bytes[i] = hash.bytes[i] ^ file->id.id[i];
    }
    return id;
}

// take_delta: a path that is gone and one that came are told as such; everything else is read anew.
static enum cm_rc take_delta(struct hub_walk *w, const git_diff_delta *delta, struct cm_err *err) {
    bool removed = delta->status == GIT_DELTA_DELETED;
    const git_diff_file *file = removed ? &delta->old_file : &delta->new_file;

    if (hub_walk_visit(w, err) < 0) {
        return err->code;
    }
    if (!cm_fsys_path_ok(file->path)) {
        return CM_OK; // Git itself refuses to check such a path out
    }
    hub_walk_add(
        w, &(struct hub_entry){
               .path = cm_arena_strdup(w->entries.arena, file->path),
               .id = make_id(file->path, file),
               .type = hub_git_entry_type((git_filemode_t)file->mode),
               .change = removed ? HUB_ENTRY_REMOVED
                         : delta->status == GIT_DELTA_ADDED || delta->status == GIT_DELTA_UNTRACKED
                             ? HUB_ENTRY_ADDED
                             : HUB_ENTRY_MODIFIED,
           });
    return CM_OK;
}

static enum cm_rc open_diff(struct hub_repo *repo, const struct hub_repo_id *commit,
                            const char *prefix, git_diff **out, struct cm_err *err) {
    CM_CLEANUP(hub_git_treep) git_tree *tree = NULL;
    git_diff_options options;
    char *pathspec = (char *)(uintptr_t)prefix;
    git_oid id;

    (void)git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
    options.flags = GIT_DIFF_INCLUDE_UNTRACKED | GIT_DIFF_RECURSE_UNTRACKED_DIRS |
                    GIT_DIFF_INCLUDE_TYPECHANGE | GIT_DIFF_INCLUDE_TYPECHANGE_TREES |
                    GIT_DIFF_DISABLE_PATHSPEC_MATCH | GIT_DIFF_SKIP_BINARY_CHECK;
    if (prefix[0] != '\0') {
        options.pathspec = (git_strarray){.strings = &pathspec, .count = 1};
    }
    if (hub_repo_commit_tree(repo, commit, &id, err) < 0 ||
        hub_repo_read_tree(repo, &id, hub_tree_limits_default.max_tree_bytes, &tree, err) < 0) {
        return err->code;
    }
    int rc = git_diff_tree_to_workdir_with_index(out, repo->git, tree, &options);
    if (rc < 0) {
        return hub_git_fail(err, hub_git_code(rc), "compare the working copy");
    }
    return CM_OK;
}

enum cm_rc hub_repo_work_diff(struct hub_repo *repo, const struct hub_repo_id *commit,
                              const char *prefix, struct hub_entries *out, struct cm_err *err) {
    CM_CLEANUP(free_diffp) git_diff *diff = NULL;
    struct hub_walk w;
    enum cm_rc rc = CM_OK;

    if (hub_repo_work_folder(repo) == NULL) {
        return cm_fail(err, CM_EINVAL, "a bare repository has no working copy");
    }
    if (hub_prefix_check(prefix, err) < 0 || open_diff(repo, commit, prefix, &diff, err) < 0) {
        return err->code;
    }
    hub_walk_init(&w, &hub_tree_limits_default);
    for (size_t i = 0; i < git_diff_num_deltas(diff) && rc == CM_OK; i++) {
        rc = take_delta(&w, git_diff_get_delta(diff, i), err);
    }
    if (rc == CM_OK) {
        hub_walk_finish(&w, out);
    }
    hub_walk_done(&w);
    return rc;
}

enum cm_rc hub_repo_work_read(struct hub_repo *repo, const char *path, size_t max,
                              struct cm_buf **out, struct cm_err *err) {
    CM_AUTOFREE char *full = cm_strf("%s%s", hub_repo_work_folder(repo), path);
    struct stat now;

    if (lstat(full, &now) == 0 && S_ISLNK(now.st_mode)) {
        return cm_fail(err, CM_EINVAL, "'%s' is a symbolic link", path);
    }
    return cm_fsys_read(full, max, out, err);
}
