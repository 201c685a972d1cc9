#include "hub/repo/state.h"

#include <assert.h>
#include <errno.h>
#include <git2/sys/mempack.h>
#include <git2/sys/odb_backend.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/fault.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/repo/git.h"
#include "hub/repo/mirror.h"
#include "hub/repo/order.h"
#include "hub/repo/packs.h"
#include "hub/repo/state_marks.h"
#include "hub/repo/state_shards.h"
#include "hub/repo/state_tree.h"

#define BRANCHES_MAX 4
#define MEMORY_PRIORITY 1000 // asked before the packs
#define SPILL_BYTES ((size_t)64 << 20)
#define FILE_MAX_BYTES ((size_t)16 << 20)

struct branch {
    char *name;
    git_oid from; // where the reference is; zero: there is none
    git_oid to;
    char *ended; // tag of the month that ended at `from`; NULL: none
};

struct hub_state {
    char *path;
    git_repository *git;
    git_odb *odb;
    git_odb_backend *memory; // the database's; what is new
    git_oid *fresh;          // names of what is new
    size_t fresh_count;
    size_t fresh_room;
    size_t fresh_bytes;
    struct branch branches[BRANCHES_MAX]; // that were staged
    size_t branch_count;
};

// ---- Opening

static enum cm_rc sync_below(const char *folder, const char *name, struct cm_err *err) {
    CM_AUTOFREE char *path = cm_strf("%s/%s", folder, name);

    return cm_fsys_sync(path, err);
}

// put_in_place: what libgit2 makes a repository of is not durable by itself.
static enum cm_rc put_in_place(const char *fresh, const char *path, struct cm_err *err) {
    if (sync_below(fresh, "HEAD", err) < 0 || sync_below(fresh, "config", err) < 0 ||
        sync_below(fresh, "", err) < 0) {
        return err->code;
    }
    if (rename(fresh, path) != 0) {
        return cm_fail(err, CM_EIO,
                       "make the state repository '%s' (moved away, it is made anew): %s", path,
                       strerror(errno));
    }
    return sync_below(path, "..", err);
}

static enum cm_rc make(const char *path, git_repository **out, struct cm_err *err) {
    git_repository_init_options options = {.version = GIT_REPOSITORY_INIT_OPTIONS_VERSION};
    CM_AUTOFREE char *fresh = cm_strf("%s.new", path);
    CM_CLEANUP(hub_git_repositoryp) git_repository *made = NULL;

    options.flags =
        GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKPATH | GIT_REPOSITORY_INIT_NO_REINIT;
    options.mode = 0700;
    options.initial_head = "desired";
    if (cm_fsys_remove_tree(fresh, err) < 0) {
        return err->code;
    }
    if (git_repository_init_ext(&made, fresh, &options) < 0) {
        return hub_git_fail(err, CM_EIO, "make the state repository '%s'", path);
    }
    if (put_in_place(fresh, path, err) < 0) {
        return err->code;
    }
    return git_repository_open_bare(out, path) < 0
               ? hub_git_fail(err, CM_EIO, "open the state repository '%s'", path)
               : CM_OK;
}

static enum cm_rc open_or_make(const char *path, git_repository **out, struct cm_err *err) {
    int rc = git_repository_open_bare(out, path);

    if (rc == GIT_ENOTFOUND) {
        return make(path, out, err);
    }
    return rc < 0
               ? hub_git_fail(err, hub_git_code(rc),
                              "open the state repository '%s' (moved away, it is made anew)", path)
               : CM_OK;
}

static enum cm_rc open_memory(struct hub_state *s, struct cm_err *err) {
    if (git_repository_odb(&s->odb, s->git) < 0 || git_mempack_new(&s->memory) < 0) {
        return hub_git_fail(err, CM_EIO, "open the objects of '%s'", s->path);
    }
    if (git_odb_add_backend(s->odb, s->memory, MEMORY_PRIORITY) < 0) {
        s->memory->free(s->memory);
        return hub_git_fail(err, CM_EIO, "open the objects of '%s'", s->path);
    }
    return CM_OK;
}

static void closep(struct hub_state **s) {
    hub_state_close(*s);
}

enum cm_rc hub_state_open(const char *path, struct hub_state **out, struct cm_err *err) {
    CM_CLEANUP(closep) struct hub_state *s = cm_new(1, sizeof(*s));

    hub_git_start();
    (void)git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
    s->path = cm_strdup(path);
    hub_mirror_sweep(path);
    enum cm_rc rc = open_or_make(path, &s->git, err);
    rc = rc < 0 ? rc : open_memory(s, err);
    if (rc < 0) {
        return rc;
    }
    *out = CM_TAKE(s);
    return CM_OK;
}

void hub_state_close(struct hub_state *s) {
    if (s == NULL) {
        return;
    }
    hub_state_drop(s);
    free(s->fresh);
    git_odb_free(s->odb);
    git_repository_free(s->git);
    free(s->path);
    free(s);
}

// ---- Objects

static void note_fresh(struct hub_state *s, const git_oid *id, size_t size) {
    if (s->fresh_count == s->fresh_room) {
        size_t room = s->fresh_room == 0 ? 256 : s->fresh_room * 2;
        git_oid *ids = cm_new(room, sizeof(*ids));

        if (s->fresh_count > 0) {
            memcpy(ids, s->fresh, s->fresh_count * sizeof(*ids));
        }
        free(s->fresh);
        s->fresh = ids;
        s->fresh_room = room;
    }
    s->fresh[s->fresh_count++] = *id;
    s->fresh_bytes += size;
}

static enum cm_rc add(struct hub_state *s, git_object_t type, const void *bytes, size_t size,
                      git_oid *out, struct cm_err *err) {
    if (git_odb_hash(out, bytes, size, type) < 0) {
        return hub_git_fail(err, CM_EIO, "name an object");
    }
    if (git_odb_exists_ext(s->odb, out, GIT_ODB_LOOKUP_NO_REFRESH)) {
        return CM_OK;
    }
    if (s->memory->write(s->memory, out, bytes, size, type) < 0) {
        return hub_git_fail(err, CM_EIO, "keep an object");
    }
    note_fresh(s, out, size);
    return CM_OK;
}

enum cm_rc hub_state_blob(struct hub_state *s, const void *bytes, size_t size,
                          struct hub_repo_id *out, struct cm_err *err) {
    git_oid id;
    enum cm_rc rc = add(s, GIT_OBJECT_BLOB, bytes, size, &id, err);

    if (rc == CM_OK) {
        memcpy(out->bytes, id.id, sizeof(out->bytes));
    }
    return rc;
}

static enum cm_rc add_tree(void *ctx, const void *bytes, size_t size, struct hub_repo_id *out,
                           struct cm_err *err) {
    git_oid id;
    enum cm_rc rc = add(ctx, GIT_OBJECT_TREE, bytes, size, &id, err);

    if (rc == CM_OK) {
        memcpy(out->bytes, id.id, sizeof(out->bytes));
    }
    return rc;
}

static enum cm_rc read_object(struct hub_state *s, const git_oid *id, git_object_t type,
                              git_odb_object **out, struct cm_err *err) {
    char hex[HUB_REPO_ID_HEX_MAX];
    CM_CLEANUP(hub_git_odb_objectp) git_odb_object *object = NULL;
    int rc = git_odb_read(&object, s->odb, id);

    (void)git_oid_tostr(hex, sizeof(hex), id);
    if (rc < 0) {
        return hub_git_fail(err, CM_EIO, "read the object %s of '%s'", hex, s->path);
    }
    if (git_odb_object_type(object) != type) {
        return cm_fail(err, CM_EIO, "the object %s of '%s' is no %s", hex, s->path,
                       git_object_type2string(type));
    }
    *out = CM_TAKE(object);
    return CM_OK;
}

static enum cm_rc read_tree(void *ctx, struct cm_arena *a, const struct hub_repo_id *id,
                            const void **bytes, size_t *size, struct cm_err *err) {
    CM_CLEANUP(hub_git_odb_objectp) git_odb_object *object = NULL;
    git_oid oid;

    memcpy(oid.id, id->bytes, sizeof(oid.id));
    enum cm_rc rc = read_object(ctx, &oid, GIT_OBJECT_TREE, &object, err);
    if (rc < 0) {
        return rc;
    }
    *size = git_odb_object_size(object);
    void *copy = cm_arena_get(a, *size + 1);
    memcpy(copy, git_odb_object_data(object), *size);
    *bytes = copy;
    return CM_OK;
}

static struct hub_tree_desk desk_of(struct hub_state *s) {
    return (struct hub_tree_desk){.read = read_tree, .add = add_tree, .ctx = s};
}

enum cm_rc hub_state_tree(struct hub_state *s, struct hub_state_edit *edits, size_t count,
                          struct hub_repo_id *out, struct cm_err *err) {
    struct hub_tree_desk desk = desk_of(s);

    return hub_tree_edit(&desk, NULL, edits, count, out, err);
}

// ---- Commits

static struct branch *find_branch(struct hub_state *s, const char *name) {
    for (size_t i = 0; i < s->branch_count; i++) {
        if (strcmp(s->branches[i].name, name) == 0) {
            return &s->branches[i];
        }
    }
    return NULL;
}

// tip_of finds where a branch is, or will be; zero: nowhere.
static enum cm_rc tip_of(struct hub_state *s, const char *name, git_oid *out, struct cm_err *err) {
    const struct branch *staged = find_branch(s, name);
    CM_AUTOFREE char *ref = cm_strf("refs/heads/%s", name);

    memset(out, 0, sizeof(*out));
    if (staged != NULL) {
        *out = staged->to;
        return CM_OK;
    }
    int rc = git_reference_name_to_id(out, s->git, ref);
    return rc == 0 || rc == GIT_ENOTFOUND
               ? CM_OK
               : hub_git_fail(err, CM_EIO, "read the branch '%s' of '%s'", name, s->path);
}

// "tree " and forty digits begin every commit.
static enum cm_rc tree_of(struct hub_state *s, const git_oid *commit, struct hub_repo_id *out,
                          struct cm_err *err) {
    CM_CLEANUP(hub_git_odb_objectp) git_odb_object *object = NULL;
    char hex[HUB_REPO_ID_HEX_MAX] = "";
    enum cm_rc rc = read_object(s, commit, GIT_OBJECT_COMMIT, &object, err);

    if (rc < 0) {
        return rc;
    }
    if (git_odb_object_size(object) > 45) {
        memcpy(hex, (const char *)git_odb_object_data(object) + 5, sizeof(hex) - 1);
    }
    return hub_repo_id_parse(hex, out)
               ? CM_OK
               : cm_fail(err, CM_EIO, "a commit of '%s' is damaged", s->path);
}

static struct branch *set_branch(struct hub_state *s, const char *name, const git_oid *from,
                                 const git_oid *to) {
    struct branch *b = find_branch(s, name);

    if (b == NULL) {
        assert(s->branch_count < BRANCHES_MAX);
        b = &s->branches[s->branch_count++];
        *b = (struct branch){.name = cm_strdup(name), .from = *from};
    }
    b->to = *to;
    return b;
}

// month_at gives the month of a commit.
static enum cm_rc month_at(struct hub_state *s, const git_oid *id, char out[HUB_STATE_MONTH_MAX],
                           struct cm_err *err) {
    CM_CLEANUP(hub_git_commitp) git_commit *commit = NULL;

    if (git_commit_lookup(&commit, s->git, id) < 0) {
        return hub_git_fail(err, CM_EIO, "read a commit of '%s'", s->path);
    }
    hub_state_month(git_commit_time(commit) * 1000, out);
    return CM_OK;
}

// follows tells whether a month that ends at the tip comes after all that ended: names are in the
// order of history, also where a clock was ahead for a while.
static enum cm_rc follows(struct hub_state *s, const char *branch, const char *month,
                          const git_oid *tip, bool *out, struct cm_err *err) {
    CM_CLEANUP(hub_shards_done) struct hub_shards ended = {0};
    CM_AUTOFREE char *name = hub_shard_ref(branch, month);
    enum cm_rc rc = hub_shards_list(s->git, branch, &ended, err);

    if (rc == CM_OK) {
        const char *last = ended.count == 0 ? "" : ended.names[ended.count - 1];
        int order = strcmp(name, last);
        git_oid id;

        *out = order > 0 || (order == 0 && git_reference_name_to_id(&id, s->git, name) == 0 &&
                             git_oid_equal(&id, tip)); // it was killed before the next one began
    }
    return rc;
}

enum cm_rc hub_state_month_ended(struct hub_state *s, const char *branch, int64_t now_ms, bool *out,
                                 struct cm_err *err) {
    char now[HUB_STATE_MONTH_MAX];
    char its[HUB_STATE_MONTH_MAX];
    git_oid tip;
    enum cm_rc rc = tip_of(s, branch, &tip, err);

    *out = false;
    if (rc < 0 || git_oid_is_zero(&tip) || (rc = month_at(s, &tip, its, err)) < 0) {
        return rc;
    }
    hub_state_month(now_ms, now);
    return strcmp(now, its) > 0 ? follows(s, branch, its, &tip, out, err) : CM_OK;
}

// keep_only makes a tree of one folder of another.
static enum cm_rc keep_only(struct hub_state *s, const char *folder, struct hub_repo_id *tree,
                            struct cm_err *err) {
    CM_CLEANUP(hub_git_treep) git_tree *from = NULL;
    struct hub_state_edit edit = {.path = folder, .what = HUB_STATE_FOLDER};
    git_oid id;

    memcpy(id.id, tree->bytes, sizeof(id.id));
    if (git_tree_lookup(&from, s->git, &id) < 0) {
        return hub_git_fail(err, CM_EIO, "read a folder of '%s'", s->path);
    }
    const git_tree_entry *entry = git_tree_entry_byname(from, folder);
    if (entry != NULL) {
        memcpy(edit.id.bytes, git_tree_entry_id(entry)->id, sizeof(edit.id.bytes));
    }
    return hub_state_tree(s, &edit, entry != NULL ? 1 : 0, tree, err);
}

// end_month names the month that ends with the commit before.
static enum cm_rc end_month(struct hub_state *s, struct branch *b, struct cm_err *err) {
    char month[HUB_STATE_MONTH_MAX];
    enum cm_rc rc = month_at(s, &b->from, month, err);

    free(b->ended);
    b->ended = rc < 0 ? NULL : hub_shard_ref(b->name, month);
    return rc;
}

static enum cm_rc add_commit(struct hub_state *s, const struct hub_state_change *change,
                             const struct hub_repo_id *tree, const git_oid *parent, git_oid *out,
                             struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    char hex[HUB_REPO_ID_HEX_MAX];
    long long when_s = (long long)(change->when_ms / 1000);
    bool follows = !git_oid_is_zero(parent);

    hub_repo_id_hex(tree, hex);
    cm_str_addf(&text, "tree %s\n", hex);
    (void)git_oid_tostr(hex, sizeof(hex), parent);
    if (follows && !change->month) {
        cm_str_addf(&text, "parent %s\n", hex);
    }
    cm_str_addf(&text, "author %s %lld +0000\ncommitter %s %lld +0000\n\n", change->committer,
                when_s, change->committer, when_s);
    cm_str_add(&text, change->message);
    if (follows && change->month) {
        cm_str_addf(&text, HUB_SHARD_BEFORE "%s\n", hex);
    }
    return add(s, GIT_OBJECT_COMMIT, cm_str_get(&text), text.len, out, err);
}

enum cm_rc hub_state_stage(struct hub_state *s, const struct hub_state_change *change,
                           bool *changed, struct cm_err *err) {
    struct hub_tree_desk desk = desk_of(s);
    struct hub_repo_id before;
    struct hub_repo_id tree;
    git_oid parent;
    git_oid commit;
    enum cm_rc rc = tip_of(s, change->branch, &parent, err);

    bool first = git_oid_is_zero(&parent);
    bool month = change->month && !first;
    assert(!month || find_branch(s, change->branch) == NULL);
    rc = rc < 0 || first ? rc : tree_of(s, &parent, &before, err);
    rc = rc < 0 || !month || change->only == NULL ? rc : keep_only(s, change->only, &before, err);
    rc = rc < 0 ? rc
                : hub_tree_edit(&desk, first ? NULL : &before, change->edits, change->edit_count,
                                &tree, err);
    if (rc < 0) {
        return rc;
    }
    *changed = first || !hub_repo_id_equal(&before, &tree);
    if (!*changed) {
        return CM_OK;
    }
    rc = add_commit(s, change, &tree, &parent, &commit, err);
    if (rc < 0) {
        return rc;
    }
    struct branch *b = set_branch(s, change->branch, &parent, &commit);
    return month ? end_month(s, b, err) : CM_OK;
}

// ---- Onto the disk

static enum cm_rc write_pack(struct hub_state *s, struct cm_err *err) {
    CM_CLEANUP(hub_git_packbuilderp) git_packbuilder *builder = NULL;
    git_oid tips[BRANCHES_MAX];

    for (size_t i = 0; i < s->branch_count; i++) {
        tips[i] = s->branches[i].to;
    }
    if (git_packbuilder_new(&builder, s->git) < 0) {
        return hub_git_fail(err, CM_EIO, "write a pack of '%s'", s->path);
    }
    enum cm_rc rc =
        hub_order_fill(s->odb, s->fresh, s->fresh_count, tips, s->branch_count, builder, err);
    return rc < 0 ? cm_wrap(err, "write a pack of '%s'", s->path)
                  : hub_git_write_pack(builder, s->git, NULL, err);
}

static void forget_fresh(struct hub_state *s) {
    (void)git_mempack_reset(s->memory);
    s->fresh_count = 0;
    s->fresh_bytes = 0;
}

static enum cm_rc flush(struct hub_state *s, struct cm_err *err) {
    if (s->fresh_count == 0) {
        return CM_OK;
    }
    enum cm_rc rc = write_pack(s, err);

    if (rc == CM_OK && git_odb_refresh(s->odb) < 0) {
        rc = hub_git_fail(err, CM_EIO, "open the new pack of '%s'", s->path);
    }
    if (rc == CM_OK) {
        forget_fresh(s);
    }
    return rc;
}

// name_month comes before the branch moves on: without the name nothing would hold the month.
static enum cm_rc name_month(struct hub_state *s, const struct branch *b, struct cm_err *err) {
    CM_CLEANUP(hub_git_referencep) git_reference *ref = NULL;

    CM_FAULT_POINT("month-ends");
    if (git_reference_create(&ref, s->git, b->ended, &b->from, 1, NULL) < 0) {
        return hub_git_fail(err, CM_EIO, "make '%s' of '%s'", b->ended, s->path);
    }
    CM_FAULT_POINT("month-named");
    return CM_OK;
}

static enum cm_rc move(struct hub_state *s, struct branch *b, struct cm_err *err) {
    CM_CLEANUP(hub_git_referencep) git_reference *ref = NULL;
    CM_AUTOFREE char *name = cm_strf("refs/heads/%s", b->name);

    if (b->ended != NULL && name_month(s, b, err) < 0) {
        return err->code;
    }
    int rc = git_oid_is_zero(&b->from)
                 ? git_reference_create(&ref, s->git, name, &b->to, 0, NULL)
                 : git_reference_create_matching(&ref, s->git, name, &b->to, 1, &b->from, NULL);

    if (rc < 0) {
        return hub_git_fail(err, CM_EIO, "move the branch '%s' of '%s'", b->name, s->path);
    }
    hub_marks_put(s->git, b->name, &b->from, &b->to);
    b->from = b->to;
    return CM_OK;
}

static void forget_branches(struct hub_state *s) {
    while (s->branch_count > 0) {
        struct branch *b = &s->branches[--s->branch_count];

        free(b->name);
        free(b->ended);
    }
}

enum cm_rc hub_state_write(struct hub_state *s, struct cm_err *err) {
    enum cm_rc rc = flush(s, err);

    for (size_t i = 0; rc == CM_OK && i < s->branch_count; i++) {
        rc = move(s, &s->branches[i], err);
    }
    if (rc == CM_OK) {
        forget_branches(s);
    }
    return rc;
}

enum cm_rc hub_state_spill(struct hub_state *s, struct cm_err *err) {
    return s->fresh_bytes < SPILL_BYTES ? CM_OK : flush(s, err);
}

void hub_state_drop(struct hub_state *s) {
    if (s->memory != NULL) {
        forget_fresh(s);
    }
    forget_branches(s);
}

// ---- Reading

enum cm_rc hub_state_tip(struct hub_state *s, struct cm_arena *a, const char *branch,
                         struct hub_repo_id *out, const char **message, struct cm_err *err) {
    CM_CLEANUP(hub_git_odb_objectp) git_odb_object *object = NULL;
    git_oid tip;
    enum cm_rc rc = tip_of(s, branch, &tip, err);

    if (rc == CM_OK && git_oid_is_zero(&tip)) {
        return cm_fail(err, CM_ENOTFOUND, "'%s' has no branch '%s'", s->path, branch);
    }
    rc = rc < 0 ? rc : read_object(s, &tip, GIT_OBJECT_COMMIT, &object, err);
    if (rc < 0) {
        return rc;
    }
    const char *text =
        cm_arena_strndup(a, git_odb_object_data(object), git_odb_object_size(object));
    const char *body = strstr(text, "\n\n");
    *message = body == NULL ? "" : body + 2;
    memcpy(out->bytes, tip.id, sizeof(out->bytes));
    return CM_OK;
}

static const git_tree_entry *last_entry(const git_tree *tree, const char *prefix,
                                        git_object_t type) {
    for (size_t i = git_tree_entrycount(tree); i > 0; i--) {
        const git_tree_entry *entry = git_tree_entry_byindex(tree, i - 1);

        if (strncmp(git_tree_entry_name(entry), prefix, strlen(prefix)) == 0 &&
            git_tree_entry_type(entry) == type) {
            return entry;
        }
    }
    return NULL;
}

static enum cm_rc open_folder(struct hub_state *s, const struct hub_state_place *place,
                              git_tree **out, struct cm_err *err) {
    CM_CLEANUP(hub_git_objectp) git_object *object = NULL;
    CM_AUTOFREE char *spec = cm_strf("refs/heads/%s:%s", place->branch, place->folder);
    int rc = git_revparse_single(&object, s->git, spec);

    if (rc < 0 || git_object_type(object) != GIT_OBJECT_TREE) {
        return rc < 0 ? hub_git_fail(err, hub_git_code(rc), "find '%s' in '%s'", spec, s->path)
                      : cm_fail(err, CM_ENOTFOUND, "'%s' is no folder", spec);
    }
    *out = (git_tree *)CM_TAKE(object);
    return CM_OK;
}

enum cm_rc hub_state_last(struct hub_state *s, struct cm_arena *a,
                          const struct hub_state_place *place, const char **out_name,
                          struct cm_buf **out, struct cm_err *err) {
    CM_CLEANUP(hub_git_treep) git_tree *tree = NULL;
    CM_CLEANUP(hub_git_odb_objectp) git_odb_object *blob = NULL;
    enum cm_rc rc = open_folder(s, place, &tree, err);

    if (rc < 0) {
        return rc;
    }
    const git_tree_entry *entry = last_entry(tree, place->prefix, GIT_OBJECT_BLOB);
    if (entry == NULL) {
        return cm_fail(err, CM_ENOTFOUND, "'%s' has no file '%s…'", place->folder, place->prefix);
    }
    rc = read_object(s, git_tree_entry_id(entry), GIT_OBJECT_BLOB, &blob, err);
    if (rc < 0 || git_odb_object_size(blob) > FILE_MAX_BYTES) {
        return rc < 0 ? rc : cm_fail(err, CM_EINVAL, "a file in '%s' is too large", place->folder);
    }
    *out_name = cm_arena_strdup(a, git_tree_entry_name(entry));
    *out = cm_buf_copy(git_odb_object_data(blob), git_odb_object_size(blob));
    return CM_OK;
}

enum cm_rc hub_state_last_folder(struct hub_state *s, struct cm_arena *a,
                                 const struct hub_state_place *place, const char **out_name,
                                 struct cm_err *err) {
    CM_CLEANUP(hub_git_treep) git_tree *tree = NULL;
    enum cm_rc rc = open_folder(s, place, &tree, err);

    if (rc < 0) {
        return rc;
    }
    const git_tree_entry *entry = last_entry(tree, place->prefix, GIT_OBJECT_TREE);
    if (entry == NULL) {
        return cm_fail(err, CM_ENOTFOUND, "'%s' has no folder '%s…'", place->folder, place->prefix);
    }
    *out_name = cm_arena_strdup(a, git_tree_entry_name(entry));
    return CM_OK;
}

// ---- What is not kept

#define OWED "/holdfast-prune" // a file of the repository: there may be what nothing names

// The file comes first: who is killed in between has something to remove.
enum cm_rc hub_state_forget(struct hub_state *s, const char *oldest, size_t keep,
                            struct cm_err *err) {
    CM_AUTOFREE char *path = cm_strf("%s" OWED, s->path);
    bool owed = hub_state_is_owed(s);
    bool dropped = false;
    enum cm_rc rc = owed ? CM_OK : cm_fsys_replace(path, "", 0, 0600, err);

    rc = rc < 0 ? rc : hub_shards_drop(s->git, oldest, keep, &dropped, err);
    CM_FAULT_POINT("months-dropped");
    if (rc == CM_OK && !dropped && !owed) {
        hub_state_paid(s);
    }
    return rc;
}

bool hub_state_is_owed(const struct hub_state *s) {
    CM_AUTOFREE char *path = cm_strf("%s" OWED, s->path);

    return access(path, F_OK) == 0;
}

void hub_state_paid(const struct hub_state *s) {
    CM_AUTOFREE char *path = cm_strf("%s" OWED, s->path);

    (void)unlink(path); // else it is looked at again
}

size_t hub_state_packs(const struct hub_state *s, uint64_t *out_bytes) {
    CM_CLEANUP(hub_packs_done) struct hub_packs packs = {0};
    size_t count = 0;

    *out_bytes = 0;
    hub_packs_list(s->path, &packs);
    for (size_t i = 0; i < packs.count; i++) {
        *out_bytes += packs.items[i].size;
        count += packs.items[i].retired ? 0 : 1;
    }
    return count;
}
