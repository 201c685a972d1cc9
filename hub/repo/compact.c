#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <git2/sys/odb_backend.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/repo/git.h"
#include "hub/repo/mirror.h"
#include "hub/repo/order.h"
#include "hub/repo/packs.h"

// mark_largest lets the pack stay that is larger than all others together.
static void mark_largest(struct hub_packs *packs) {
    struct hub_pack *best = NULL;
    uint64_t total = 0;

    for (size_t i = 0; i < packs->count; i++) {
        if (packs->items[i].retired) {
            continue;
        }
        total += packs->items[i].size;
        if (best == NULL || packs->items[i].size > best->size) {
            best = &packs->items[i];
        }
    }
    if (best != NULL && best->size > total / 2) {
        best->stays = true;
    }
}

static int order_by_size(const void *left, const void *right) {
    const struct hub_pack *a = left;
    const struct hub_pack *b = right;

    return (a->size < b->size) - (a->size > b->size); // largest first
}

// mark_tiers lets packs stay from the largest on while each is twice all smaller ones together.
static void mark_tiers(struct hub_packs *packs) {
    uint64_t smaller = 0;

    qsort(packs->items, packs->count, sizeof(*packs->items), order_by_size);
    for (size_t i = 0; i < packs->count; i++) {
        smaller += packs->items[i].retired ? 0 : packs->items[i].size;
    }
    for (size_t i = 0; i < packs->count; i++) {
        if (packs->items[i].retired) {
            continue;
        }
        smaller -= packs->items[i].size;
        if (packs->items[i].size < 2 * smaller) {
            return;
        }
        packs->items[i].stays = true;
    }
}

static enum cm_rc add_pack(git_odb *odb, const struct hub_pack *pack, struct cm_err *err) {
    CM_AUTOFREE char *index = cm_strf("%s.idx", pack->stem);
    git_odb_backend *backend = NULL;

    if (git_odb_backend_one_pack(&backend, index) < 0) {
        return hub_git_fail(err, CM_EIO, "open '%s'", index);
    }
    if (git_odb_add_backend(odb, backend, 1) < 0) {
        backend->free(backend);
        return hub_git_fail(err, CM_EIO, "open '%s'", index);
    }
    return CM_OK;
}

// open_packs opens an object database of the packs to be replaced, and nothing else.
static enum cm_rc open_packs(const struct hub_packs *packs, git_odb **out, struct cm_err *err) {
    CM_CLEANUP(hub_git_odbp) git_odb *odb = NULL;

    if (git_odb_new(&odb) < 0) {
        return hub_git_fail(err, CM_EIO, "open the packs");
    }
    for (size_t i = 0; i < packs->count; i++) {
        const struct hub_pack *pack = &packs->items[i];

        if (!pack->retired && !pack->stays && add_pack(odb, pack, err) < 0) {
            return err->code;
        }
    }
    *out = CM_TAKE(odb);
    return CM_OK;
}

struct ids {
    git_oid *items;
    size_t count;
    size_t room;
};

static void ids_done(struct ids *ids) {
    free(ids->items);
}

static int add_id(const git_oid *id, void *list) {
    struct ids *ids = list;

    if (ids->count == ids->room) {
        size_t room = ids->room == 0 ? 1024 : ids->room * 2;
        git_oid *items = cm_new(room, sizeof(*items));

        if (ids->count > 0) {
            memcpy(items, ids->items, ids->count * sizeof(*items));
        }
        free(ids->items);
        ids->items = items;
        ids->room = room;
    }
    ids->items[ids->count++] = *id;
    return 0;
}

static int compare_ids(const void *left, const void *right) {
    return git_oid_cmp(left, right);
}

// list_ids lists each object once, by id; libgit2 visits it once for each pack that it lies in.
static int list_ids(git_odb *odb, struct ids *out) {
    size_t kept = 0;
    int rc = git_odb_foreach(odb, add_id, out);

    if (rc == 0 && out->count > 0) {
        qsort(out->items, out->count, sizeof(*out->items), compare_ids);
    }
    for (size_t i = 0; rc == 0 && i < out->count; i++) {
        if (kept == 0 || !git_oid_equal(&out->items[kept - 1], &out->items[i])) {
            out->items[kept++] = out->items[i];
        }
    }
    out->count = kept;
    return rc;
}

struct tips {
    git_repository *git;
    struct ids ids;
};

static void tips_done(struct tips *tips) {
    ids_done(&tips->ids);
}

static int add_tip(const char *name, void *ctx) {
    struct tips *tips = ctx;
    git_oid id;

    return git_reference_name_to_id(&id, tips->git, name) < 0 ? 0 : add_id(&id, &tips->ids);
}

// write_pack writes these objects into one and returns its name.
static enum cm_rc write_pack(git_repository *repo, git_odb *from, const struct ids *ids,
                             char **out_name, struct cm_err *err) {
    CM_CLEANUP(hub_git_packbuilderp) git_packbuilder *builder = NULL;
    CM_CLEANUP(tips_done) struct tips tips = {.git = repo};

    if (git_packbuilder_new(&builder, repo) < 0 ||
        git_reference_foreach_name(repo, add_tip, &tips) < 0) {
        return hub_git_fail(err, CM_EIO, "write a pack");
    }
    enum cm_rc rc =
        hub_order_fill(from, ids->items, ids->count, tips.ids.items, tips.ids.count, builder, err);
    return rc < 0 ? rc : hub_git_write_pack(builder, repo, out_name, err);
}

static enum cm_rc retire(const struct hub_pack *pack, struct cm_err *err) {
    CM_AUTOFREE char *mark = cm_strf("%s.retired", pack->stem);
    int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        return cm_fail(err, CM_EIO, "retire the pack '%s': %s", pack->stem, strerror(errno));
    }
    (void)close(fd);
    return CM_OK;
}

static enum cm_rc retire_all(const struct hub_packs *packs, const char *fresh, struct cm_err *err) {
    for (size_t i = 0; i < packs->count; i++) {
        const struct hub_pack *pack = &packs->items[i];
        const char *name = strrchr(pack->stem, '/') + 1;

        // A pack that held all of the objects already has the name of the new one.
        if (pack->retired || pack->stays || strcmp(name, fresh) == 0) {
            continue;
        }
        if (retire(pack, err) < 0) {
            return err->code;
        }
    }
    return CM_OK;
}

static enum cm_rc rewrite(git_repository *repo, const struct hub_packs *packs, struct cm_err *err) {
    CM_CLEANUP(hub_git_odbp) git_odb *old = NULL;
    CM_CLEANUP(ids_done) struct ids ids = {0};
    CM_AUTOFREE char *fresh = NULL;

    enum cm_rc rc = open_packs(packs, &old, err);
    if (rc == CM_OK && git_odb_foreach(old, add_id, &ids) < 0) {
        rc = hub_git_fail(err, CM_EIO, "list the objects");
    }
    rc = rc < 0 ? rc : write_pack(repo, old, &ids, &fresh, err);
    if (rc < 0) {
        return cm_wrap(err, "write the packs of '%s' into one", git_repository_path(repo));
    }
    assert(fresh != NULL);
    return retire_all(packs, fresh, err);
}

// ---- What nothing names

#define DEAD_SHARE 8 // an object of so many that is dead makes writing all others anew worth it

static void free_walk(git_revwalk **walk) {
    git_revwalk_free(*walk);
}

struct naming {
    git_repository *git;
    git_packbuilder *builder;
};

// insert_tags puts what lies between a name and a commit, which are tags of somebody's, or what is
// named instead of one.
static int insert_tags(const char *name, void *payload) {
    const struct naming *n = payload;
    CM_CLEANUP(hub_git_objectp) git_object *at = NULL;
    git_oid id;
    int rc = git_reference_name_to_id(&id, n->git, name);

    rc = rc < 0 ? rc : git_object_lookup(&at, n->git, &id, GIT_OBJECT_ANY);
    while (rc == 0 && git_object_type(at) == GIT_OBJECT_TAG) {
        git_object *next = NULL;

        rc = git_packbuilder_insert(n->builder, git_object_id(at), NULL);
        rc = rc < 0 ? rc : git_tag_target(&next, (const git_tag *)at);
        git_object_free(at);
        at = next;
    }
    return rc < 0 || git_object_type(at) == GIT_OBJECT_COMMIT
               ? rc
               : git_packbuilder_insert_recur(n->builder, git_object_id(at), NULL);
}

// insert_named puts all that a reference names, or what it names names, into a builder.
static enum cm_rc insert_named(git_repository *git, git_packbuilder *builder, struct cm_err *err) {
    CM_CLEANUP(free_walk) git_revwalk *walk = NULL;
    struct naming naming = {git, builder};

    return git_revwalk_new(&walk, git) < 0 || git_revwalk_push_glob(walk, "refs/*") < 0 ||
                   git_packbuilder_insert_walk(builder, walk) < 0 ||
                   git_reference_foreach_name(git, insert_tags, &naming) < 0
               ? hub_git_fail(err, CM_EIO, "find what is named in '%s'", git_repository_path(git))
               : CM_OK;
}

// keep_named keeps those of all ids, each once, that a builder has. The others it has from then on,
// too.
static enum cm_rc keep_named(git_packbuilder *named, struct ids *ids, struct cm_err *err) {
    size_t kept = 0;

    for (size_t i = 0; i < ids->count; i++) {
        size_t before = git_packbuilder_object_count(named);

        if (git_packbuilder_insert(named, &ids->items[i], NULL) < 0) {
            return hub_git_fail(err, CM_EIO, "find what is named");
        }
        if (git_packbuilder_object_count(named) == before) {
            ids->items[kept++] = ids->items[i];
        }
    }
    ids->count = kept;
    return CM_OK;
}

static enum cm_rc replace_all(git_repository *git, const struct ids *ids,
                              const struct hub_packs *packs, struct cm_err *err) {
    CM_CLEANUP(hub_git_odbp) git_odb *odb = NULL;
    CM_AUTOFREE char *fresh = NULL;

    if (git_repository_odb(&odb, git) < 0) {
        return hub_git_fail(err, CM_EIO, "open the objects of '%s'", git_repository_path(git));
    }
    if (write_pack(git, odb, ids, &fresh, err) < 0) {
        return err->code;
    }
    assert(fresh != NULL);
    for (size_t i = 0; i < packs->count; i++) {
        if (strcmp(strrchr(packs->items[i].stem, '/') + 1, fresh) != 0) {
            hub_packs_remove(&packs->items[i]);
        }
    }
    return CM_OK;
}

enum cm_rc hub_mirror_prune(const char *repo, struct cm_err *err) {
    CM_CLEANUP(hub_packs_done) struct hub_packs packs = {0};
    CM_CLEANUP(hub_git_repositoryp) git_repository *git = NULL;
    CM_CLEANUP(hub_git_odbp) git_odb *odb = NULL;
    CM_CLEANUP(hub_git_packbuilderp) git_packbuilder *named = NULL;
    CM_CLEANUP(ids_done) struct ids ids = {0};

    if (git_repository_open_bare(&git, repo) < 0 || git_repository_odb(&odb, git) < 0 ||
        git_packbuilder_new(&named, git) < 0 || list_ids(odb, &ids) < 0) {
        return hub_git_fail(err, CM_EIO, "open '%s'", repo);
    }
    hub_packs_list(repo, &packs);
    if (insert_named(git, named, err) < 0) {
        return err->code;
    }
    size_t all = ids.count;
    if ((all - git_packbuilder_object_count(named)) * DEAD_SHARE < all) {
        return CM_OK;
    }
    enum cm_rc rc = keep_named(named, &ids, err);
    return rc < 0 ? rc : replace_all(git, &ids, &packs, err);
}

enum cm_rc hub_mirror_compact(const struct hub_mirror *m, struct cm_err *err) {
    CM_CLEANUP(hub_packs_done) struct hub_packs packs = {0};
    CM_CLEANUP(hub_git_repositoryp) git_repository *repo = NULL;

    if (hub_mirror_open(m, &repo, err) < 0) {
        return err->code;
    }
    if (hub_mirror_packs(m) < 2) {
        return CM_OK;
    }
    hub_packs_list(m->repo, &packs);
    mark_largest(&packs);
    return rewrite(repo, &packs, err);
}

enum cm_rc hub_mirror_merge(const char *repo, struct cm_err *err) {
    CM_CLEANUP(hub_packs_done) struct hub_packs packs = {0};
    CM_CLEANUP(hub_git_repositoryp) git_repository *git = NULL;

    if (git_repository_open_bare(&git, repo) < 0) {
        return hub_git_fail(err, CM_EIO, "open '%s'", repo);
    }
    hub_packs_list(repo, &packs);
    mark_tiers(&packs);
    return rewrite(git, &packs, err);
}
