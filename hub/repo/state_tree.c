#include "hub/repo/state_tree.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"

#define DEPTH_MAX 16

struct entries {
    struct hub_tree_entry *items;
    size_t count;
};

struct work {
    const struct hub_tree_desk *desk;
    struct cm_arena *arena;
};

// Part by part, so that what is below one folder stands together.
static int order_paths(const void *left, const void *right) {
    const unsigned char *a = (const unsigned char *)((const struct hub_state_edit *)left)->path;
    const unsigned char *b = (const unsigned char *)((const struct hub_state_edit *)right)->path;

    while (*a == *b && *a != '\0') {
        a++;
        b++;
    }
    return (*a == '/' ? 1 : *a) - (*b == '/' ? 1 : *b);
}

static int order_names(const struct hub_tree_entry *a, const struct hub_tree_entry *b) {
    size_t len = a->len < b->len ? a->len : b->len;
    int order = memcmp(a->name, b->name, len);

    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static int order_by_name(const void *a, const void *b) {
    return order_names(a, b);
}

static int end_of(const struct hub_tree_entry *e, size_t at) {
    return at < e->len ? (unsigned char)e->name[at] : e->folder ? '/' : 0;
}

static int order_as_git(const void *left, const void *right) {
    const struct hub_tree_entry *a = left;
    const struct hub_tree_entry *b = right;
    size_t len = a->len < b->len ? a->len : b->len;
    int order = memcmp(a->name, b->name, len);

    return order != 0 ? order : end_of(a, len) - end_of(b, len);
}

// ---- Reading and writing a tree object

const char *hub_tree_entry(const char *at, const char *end, struct hub_tree_entry *out) {
    const char *name = memchr(at, ' ', (size_t)(end - at));
    const char *nul = name == NULL ? NULL : memchr(name, '\0', (size_t)(end - name));

    if (nul == NULL || (size_t)(end - nul) < 1 + HUB_REPO_ID_SIZE || nul == name + 1) {
        return NULL;
    }
    *out = (struct hub_tree_entry){
        .name = name + 1, .len = (size_t)(nul - name - 1), .folder = *at == '4'};
    memcpy(out->id.bytes, nul + 1, HUB_REPO_ID_SIZE);
    return nul + 1 + HUB_REPO_ID_SIZE;
}

static enum cm_rc read_entries(struct work *w, const struct hub_repo_id *id, struct entries *out,
                               struct cm_err *err) {
    const void *bytes = NULL;
    size_t size = 0;
    enum cm_rc rc = w->desk->read(w->desk->ctx, w->arena, id, &bytes, &size, err);

    if (rc < 0) {
        return rc;
    }
    const char *end = (const char *)bytes + size;
    // No entry is shorter than its mode, a name of one byte and an id.
    out->items = cm_arena_get(w->arena, (size / (HUB_REPO_ID_SIZE + 7) + 1) * sizeof(*out->items));
    for (const char *at = bytes; at < end; out->count++) {
        at = hub_tree_entry(at, end, &out->items[out->count]);
        if (at == NULL) {
            return cm_fail(err, CM_EIO, "a tree is damaged");
        }
    }
    qsort(out->items, out->count, sizeof(*out->items), order_by_name);
    return CM_OK;
}

static enum cm_rc write_entries(struct work *w, struct entries *list, struct hub_repo_id *out,
                                struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    if (list->count > 0) {
        qsort(list->items, list->count, sizeof(*list->items), order_as_git);
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct hub_tree_entry *e = &list->items[i];

        cm_str_add(&text, e->folder ? "40000 " : "100644 ");
        cm_str_add_n(&text, e->name, e->len);
        cm_str_add_n(&text, "", 1);
        cm_str_add_n(&text, e->id.bytes, sizeof(e->id.bytes));
    }
    return w->desk->add(w->desk->ctx, cm_str_get(&text), text.len, out, err);
}

// ---- Editing

struct group {
    struct hub_state_edit *edits;
    size_t count;
    struct hub_tree_entry entry; // what is there now, then what shall be
    bool leaf;                   // the first edit is of this very name
};

// first_group finds the edits whose path goes on with the same part.
static struct group first_group(struct hub_state_edit *edits, size_t count, size_t skip) {
    const char *part = edits[0].path + skip;
    size_t len = strcspn(part, "/");
    struct group g = {.edits = edits, .count = 1, .entry = {.name = part, .len = len}};

    while (g.count < count && strncmp(edits[g.count].path + skip, part, len) == 0 &&
           strchr("/", edits[g.count].path[skip + len]) != NULL) {
        g.count++;
    }
    g.leaf = part[len] == '\0'; // the first of them then, so that others are equal or inside it
    assert(len > 0);
    return g;
}

static enum cm_rc edit_tree(struct work *w, const struct hub_repo_id *base,
                            const struct group *edits, size_t skip, struct entries *out,
                            struct cm_err *err);

// apply_group says what becomes of one name; *stays: anything does.
static enum cm_rc apply_group(struct work *w, struct group *g, const struct hub_tree_entry *now,
                              size_t skip, bool *stays, struct cm_err *err) {
    const struct hub_repo_id *base = now != NULL && now->folder ? &now->id : NULL;
    struct entries below = {0};

    if (g->leaf) {
        g->entry.folder = g->edits[0].what == HUB_STATE_FOLDER;
        g->entry.id = g->edits[0].id;
        *stays = g->edits[0].what != HUB_STATE_GONE;
        return CM_OK;
    }
    enum cm_rc rc = edit_tree(w, base, g, skip + g->entry.len + 1, &below, err);
    g->entry.folder = true;
    *stays = below.count > 0;
    return rc < 0 || !*stays ? rc : write_entries(w, &below, &g->entry.id, err);
}

// Both lists are sorted by name: a walk along both finds what an edit is about.
static enum cm_rc merge(struct work *w, const struct entries *now, const struct group *edits,
                        size_t skip, struct entries *out, struct cm_err *err) {
    size_t at = 0;
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < edits->count;) {
        struct group g = first_group(edits->edits + i, edits->count - i, skip);
        bool stays = false;

        while (at < now->count && order_names(&now->items[at], &g.entry) < 0) {
            out->items[out->count++] = now->items[at++];
        }
        bool known = at < now->count && order_names(&now->items[at], &g.entry) == 0;
        rc = apply_group(w, &g, known ? &now->items[at] : NULL, skip, &stays, err);
        at += known ? 1 : 0;
        if (stays) {
            out->items[out->count++] = g.entry;
        }
        i += g.count;
    }
    while (at < now->count) {
        out->items[out->count++] = now->items[at++];
    }
    return rc;
}

static enum cm_rc edit_tree(struct work *w, const struct hub_repo_id *base,
                            const struct group *edits, size_t skip, struct entries *out,
                            struct cm_err *err) {
    struct entries now = {0};
    enum cm_rc rc = base == NULL ? CM_OK : read_entries(w, base, &now, err);

    if (rc < 0) {
        return rc;
    }
    out->items = cm_arena_get(w->arena, (now.count + edits->count + 1) * sizeof(*out->items));
    return merge(w, &now, edits, skip, out, err);
}

static void check(const struct hub_state_edit *edits, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t depth = 1;

        for (const char *at = edits[i].path; *at != '\0'; at++) {
            depth += *at == '/' ? 1 : 0;
        }
        assert(depth <= DEPTH_MAX);
    }
}

enum cm_rc hub_tree_edit(const struct hub_tree_desk *desk, const struct hub_repo_id *base,
                         struct hub_state_edit *edits, size_t count, struct hub_repo_id *out,
                         struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct work w = {.desk = desk, .arena = a};
    const struct group all = {.edits = edits, .count = count};
    struct entries list = {0};

    check(edits, count);
    if (count > 0) {
        qsort(edits, count, sizeof(*edits), order_paths);
    }
    enum cm_rc rc = edit_tree(&w, base, &all, 0, &list, err);
    return rc < 0 ? rc : write_entries(&w, &list, out, err);
}
