#include "hub/repo/order.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "hub/repo/git.h"
#include "hub/repo/state_tree.h"

#define DEPTH_MAX 16
#define BASIS UINT32_C(2166136261) // FNV-1a
#define PRIME UINT32_C(16777619)

struct slot {
    const git_oid *id; // NULL: it is free
    bool taken;
};

struct order {
    git_odb *odb;
    git_packbuilder *builder;
    struct slot *slots; // twice as many as there are objects, or more
    size_t mask;
};

static void order_done(struct order *o) {
    free(o->slots);
}

// slot_of finds that of an object, or the free one in which it would be. Ids are hashes.
static struct slot *slot_of(const struct order *o, const void *id) {
    uint32_t at;

    memcpy(&at, id, sizeof(at));
    while (o->slots[at & o->mask].id != NULL &&
           memcmp(o->slots[at & o->mask].id->id, id, GIT_OID_RAWSZ) != 0) {
        at++;
    }
    return &o->slots[at & o->mask];
}

static void make_slots(struct order *o, const git_oid *ids, size_t count) {
    size_t room = 4;

    while (room < count * 2) {
        room *= 2;
    }
    o->slots = cm_new(room, sizeof(*o->slots));
    o->mask = room - 1;
    for (size_t i = 0; i < count; i++) {
        slot_of(o, &ids[i])->id = &ids[i];
    }
}

// ---- Names

// libgit2's hash of a name is the sum of its bytes, the last one shifted by 24 bits, each before by
// two less. So each of thirteen digits is two bits of it.
void hub_order_name(unsigned bits, char out[HUB_ORDER_NAME_MAX]) {
    for (int i = HUB_ORDER_NAME_MAX - 2; i >= 0; i--) {
        out[i] = (char)('a' + (bits >> (2 * i) & 3));
    }
    out[HUB_ORDER_NAME_MAX - 1] = '\0';
}

static uint32_t add_hash(uint32_t hash, const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)text[i]) * PRIME;
    }
    return hash;
}

// A name in a tree, and the path of the tree.
struct place {
    uint32_t name;
    uint32_t path;
    int depth;
};

static const struct place top = {BASIS, BASIS, 0};

static struct place place_in(const struct place *tree, const struct hub_tree_entry *entry) {
    uint32_t path = add_hash(tree->path, "/", 1);

    return (struct place){.name = add_hash(BASIS, entry->name, entry->len),
                          .path = add_hash(path, entry->name, entry->len),
                          .depth = tree->depth + 1};
}

// ---- Objects

// take puts an object into the builder, unless it is there or not of ours; *fresh: it did.
static enum cm_rc take(struct order *o, const void *id, const struct place *place, bool *fresh,
                       struct cm_err *err) {
    struct slot *slot = slot_of(o, id);
    char name[HUB_ORDER_NAME_MAX];

    *fresh = slot->id != NULL && !slot->taken;
    if (!*fresh) {
        return CM_OK;
    }
    slot->taken = true;
    hub_order_name((place->name ^ place->name >> 13) << 13 |
                       ((place->path ^ place->path >> 13) & 0x1fff),
                   name);
    return git_packbuilder_insert(o->builder, slot->id, name) < 0
               ? hub_git_fail(err, CM_EIO, "take an object into a pack")
               : CM_OK;
}

static enum cm_rc take_tree(struct order *o, const void *id, const struct place *place,
                            struct cm_err *err);

static enum cm_rc take_entry(struct order *o, const struct place *tree,
                             const struct hub_tree_entry *entry, struct cm_err *err) {
    struct place place = place_in(tree, entry);
    bool fresh = false;

    return entry->folder ? take_tree(o, entry->id.bytes, &place, err)
                         : take(o, entry->id.bytes, &place, &fresh, err);
}

static enum cm_rc take_entries(struct order *o, const git_odb_object *tree,
                               const struct place *place, struct cm_err *err) {
    const char *at = git_odb_object_data((git_odb_object *)(uintptr_t)tree);
    const char *end = at + git_odb_object_size((git_odb_object *)(uintptr_t)tree);
    struct hub_tree_entry entry;
    enum cm_rc rc = CM_OK;

    while (rc == CM_OK && at < end && (at = hub_tree_entry(at, end, &entry)) != NULL) {
        rc = take_entry(o, place, &entry, err);
    }
    return rc;
}

static enum cm_rc take_tree(struct order *o, const void *id, const struct place *place,
                            struct cm_err *err) {
    CM_CLEANUP(hub_git_odb_objectp) git_odb_object *tree = NULL;
    bool fresh = false;
    enum cm_rc rc = take(o, id, place, &fresh, err);

    if (rc < 0 || !fresh || place->depth == DEPTH_MAX) {
        return rc;
    }
    if (git_odb_read(&tree, o->odb, slot_of(o, id)->id) < 0) {
        return hub_git_fail(err, CM_EIO, "read a folder");
    }
    return git_odb_object_type(tree) == GIT_OBJECT_TREE ? take_entries(o, tree, place, err) : CM_OK;
}

// ---- Commits

// "tree " and forty digits begin every commit; of those that have one, "parent " follows.
static bool read_line(const char **at, const char *what, git_oid *out) {
    size_t len = strlen(what);

    if (strncmp(*at, what, len) != 0 || git_oid_fromstrn(out, *at + len, GIT_OID_HEXSZ) < 0) {
        return false;
    }
    *at += len + GIT_OID_HEXSZ + 1;
    return true;
}

// take_commit takes one with its tree; *next: the commit before, or all zeros.
static enum cm_rc take_commit(struct order *o, git_oid *next, struct cm_err *err) {
    CM_CLEANUP(hub_git_odb_objectp) git_odb_object *commit = NULL;
    git_oid id = *next;
    git_oid tree;
    bool fresh = false;
    enum cm_rc rc = take(o, &id, &top, &fresh, err);

    memset(next, 0, sizeof(*next));
    if (rc < 0 || !fresh) {
        return rc;
    }
    if (git_odb_read(&commit, o->odb, &id) < 0) {
        return hub_git_fail(err, CM_EIO, "read a commit");
    }
    const char *at = git_odb_object_data(commit); // ends with NUL
    if (git_odb_object_type(commit) != GIT_OBJECT_COMMIT || !read_line(&at, "tree ", &tree)) {
        return CM_OK;
    }
    if (!read_line(&at, "parent ", next)) {
        memset(next, 0, sizeof(*next));
    }
    return take_tree(o, &tree, &top, err);
}

static enum cm_rc take_line(struct order *o, const git_oid *tip, struct cm_err *err) {
    git_oid next = *tip;
    enum cm_rc rc = CM_OK;

    while (rc == CM_OK && !git_oid_is_zero(&next)) {
        rc = take_commit(o, &next, err);
    }
    return rc;
}

// take_one reads no more of what is not a folder than what it is: it may be a large file.
static enum cm_rc take_one(struct order *o, const git_oid *id, struct cm_err *err) {
    git_object_t type = GIT_OBJECT_INVALID;
    bool fresh = false;
    size_t size = 0;

    if (git_odb_read_header(&size, &type, o->odb, id) < 0) {
        return hub_git_fail(err, CM_EIO, "read what an object is");
    }
    return type == GIT_OBJECT_TREE ? take_tree(o, id, &top, err) : take(o, id, &top, &fresh, err);
}

// take_rest takes what no commit here leads to. Whoever makes objects makes what is in a folder
// before the folder.
static enum cm_rc take_rest(struct order *o, const git_oid *ids, size_t count, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    for (size_t i = count; rc == CM_OK && i > 0; i--) {
        if (!slot_of(o, &ids[i - 1])->taken) {
            rc = take_one(o, &ids[i - 1], err);
        }
    }
    return rc;
}

enum cm_rc hub_order_fill(git_odb *odb, const git_oid *ids, size_t count, const git_oid *tips,
                          size_t tip_count, git_packbuilder *builder, struct cm_err *err) {
    CM_CLEANUP(order_done) struct order o = {.odb = odb, .builder = builder};
    enum cm_rc rc = CM_OK;

    make_slots(&o, ids, count);
    for (size_t i = 0; rc == CM_OK && i < tip_count; i++) {
        rc = take_line(&o, &tips[i], err);
    }
    return rc < 0 ? rc : take_rest(&o, ids, count, err);
}
