#include "hub/repo/walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/arena.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/utf8.h"

const struct hub_tree_limits hub_tree_limits_default = {
    .max_entries = (size_t)1000 * 1000,
    .max_depth = 64,
    .max_path = 1024,
    .max_tree_bytes = 32U << 20,
    .max_file_bytes = 32U << 20,
};

struct hub_tree {
    const struct hub_tree_ops *ops;
    void *ctx;
};

struct hub_tree *hub_tree_new(const struct hub_tree_ops *ops, void *ctx) {
    struct hub_tree *tree = cm_new(1, sizeof(*tree));

    *tree = (struct hub_tree){.ops = ops, .ctx = ctx};
    return tree;
}

void hub_tree_free(struct hub_tree *tree) {
    if (tree != NULL) {
        tree->ops->free(tree->ctx);
        free(tree);
    }
}

void hub_tree_freep(struct hub_tree **tree) {
    hub_tree_free(*tree);
}

enum cm_rc hub_tree_list(struct hub_tree *tree, const char *prefix,
                         const struct hub_tree_limits *limits, struct hub_entries *out,
                         struct cm_err *err) {
    if (hub_prefix_check(prefix, err) < 0) {
        return err->code;
    }
    return tree->ops->list(tree->ctx, prefix, limits != NULL ? limits : &hub_tree_limits_default,
                           out, err);
}

enum cm_rc hub_tree_read(struct hub_tree *tree, const char *path, size_t max, struct cm_buf **out,
                         struct cm_err *err) {
    if (!cm_fsys_path_ok(path)) {
        return cm_fail(err, CM_EINVAL, "this is no path of a file in a repository");
    }
    return tree->ops->read(tree->ctx, path, max, out, err);
}

enum cm_rc hub_tree_read_id(struct hub_tree *tree, const struct hub_repo_id *id, size_t max,
                            struct cm_buf **out, struct cm_err *err) {
    return tree->ops->read_id(tree->ctx, id, max, out, err);
}

void hub_entries_done(struct hub_entries *e) {
    free(e->items);
    cm_arena_free(e->arena);
    *e = (struct hub_entries){0};
}

void hub_walk_init(struct hub_walk *w, const struct hub_tree_limits *limits) {
    *w = (struct hub_walk){.limits = limits, .entries.arena = cm_arena_new(0)};
}

void hub_walk_done(struct hub_walk *w) {
    hub_entries_done(&w->entries);
}

enum cm_rc hub_walk_visit(struct hub_walk *w, struct cm_err *err) {
    if (++w->visited > w->limits->max_entries) {
        return cm_fail(err, CM_EINVAL,
                       "there are more than %zu files and folders: put less into the repository or "
                       "raise the limit",
                       w->limits->max_entries);
    }
    return CM_OK;
}

enum cm_rc hub_walk_too_deep(const struct hub_walk *w, const char *path, struct cm_err *err) {
    return cm_fail(err, CM_EINVAL, "'%.100s…' lies below more than %zu folders", path,
                   w->limits->max_depth);
}

bool hub_name_is_git(const char *name) {
    // What HFS+ ignores in names: U+200C to U+200F, U+202A to U+202E, U+206A to U+206F, U+FEFF.
    static const char *const ignored[] = {"\xe2\x80", "\xe2\x81", "\xef\xbb"};
    char plain[16];
    size_t len = 0;

    while (*name != '\0' && len < sizeof(plain) - 1) {
        bool skip = false;

        for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
            skip = skip || strncmp(name, ignored[i], 2) == 0;
        }
        if (skip && name[2] != '\0') {
            name += 3;
        } else {
            plain[len++] = *name++;
        }
    }
    plain[len] = '\0';
    plain[strcspn(plain, ":\\")] = '\0'; // NTFS streams, and folders for Windows
    for (len = strlen(plain); len > 0 && (plain[len - 1] == ' ' || plain[len - 1] == '.'); len--) {
        plain[len - 1] = '\0';
    }
    return strcasecmp(plain, ".git") == 0 || strcasecmp(plain, "git~1") == 0;
}

static bool byte_ok(unsigned char c) {
    return c >= 0x20 && c != 0x7f && c != '/' && c != '\\';
}

// write_name appends a name in which nothing is left that could be taken for something else.
static bool write_name(struct cm_str *out, const char *name) {
    bool dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    bool safe = !dots && name[0] != '\0' && !hub_name_is_git(name);
    size_t left = strlen(name);

    while (left > 0) {
        size_t len = cm_utf8_sequence(name, left);

        if (len == 0 || dots || !byte_ok((unsigned char)*name)) {
            cm_str_addf(out, "\\x%02X", (unsigned)(unsigned char)*name);
            safe = false;
            len = 1;
        } else {
            cm_str_add_n(out, name, len);
        }
        name += len;
        left -= len;
    }
    return safe;
}

enum cm_rc hub_walk_path(struct hub_walk *w, const char *folder, const char *name, const char **out,
                         bool *safe, struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str path = {0};

    if (folder[0] != '\0') {
        cm_str_add(&path, folder);
        cm_str_add_char(&path, '/');
    }
    *safe = write_name(&path, name);
    if (name[0] == '\0') {
        cm_str_add(&path, "\\x"); // a name without a byte
    }
    if (path.len > w->limits->max_path) {
        return cm_fail(err, CM_EINVAL, "the path '%.100s…' has more than %zu bytes",
                       cm_str_get(&path), w->limits->max_path);
    }
    *out = cm_arena_strdup(w->entries.arena, cm_str_get(&path));
    return CM_OK;
}

void hub_walk_add(struct hub_walk *w, const struct hub_entry *entry) {
    if (w->entries.count == w->capacity) {
        size_t capacity = w->capacity == 0 ? 64 : w->capacity * 2;
        struct hub_entry *items = cm_new(capacity, sizeof(*items));

        if (w->entries.count > 0) {
            memcpy(items, w->entries.items, w->entries.count * sizeof(*items));
        }
        free(w->entries.items);
        w->entries.items = items;
        w->capacity = capacity;
    }
    w->entries.items[w->entries.count++] = *entry;
}

static int by_path(const void *a, const void *b) {
    const struct hub_entry *x = a;
    const struct hub_entry *y = b;

    return strcmp(x->path, y->path);
}

void hub_walk_finish(struct hub_walk *w, struct hub_entries *out) {
    if (w->entries.count > 1) {
        qsort(w->entries.items, w->entries.count, sizeof(*w->entries.items), by_path);
    }
    *out = w->entries;
    w->entries = (struct hub_entries){0};
}

enum cm_rc hub_prefix_check(const char *prefix, struct cm_err *err) {
    if (prefix[0] != '\0' && !cm_fsys_path_ok(prefix)) {
        return cm_fail(err, CM_EINVAL, "'%.100s' is no path in a repository", prefix);
    }
    return CM_OK;
}
