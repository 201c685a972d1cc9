// Trees of other repositories that Apps want. A tree lives while an App wants it; its files are
// read as each of these Apps wants them.
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/ignore.h"
#include "hub/fleet/internal.h"
#include "hub/render/source.h"

char *hub_fleet_source_name(const char *repository, enum hub_ref ref, const char *text) {
    static const char *const kinds[] = {[HUB_REF_DEFAULT] = "default",
                                        [HUB_REF_BRANCH] = "branch",
                                        [HUB_REF_TAG] = "tag",
                                        [HUB_REF_SEMVER] = "semver",
                                        [HUB_REF_COMMIT] = "commit"};

    return cm_strf("%s@%s%s%s", repository, kinds[ref], ref == HUB_REF_DEFAULT ? "" : ":", text);
}

bool hub_sources_is_name(const char *repo) {
    return strchr(repo, '@') != NULL;
}

// ---- Repositories

static void free_crd(void *p) {
    free(p);
}

struct hub_repo *hub_repo_new(const char *name) {
    struct hub_repo *repo = cm_new(1, sizeof(*repo));

    repo->name = cm_strdup(name);
    repo->root = hub_file_tree_new();
    repo->crds = cm_map_new(free_crd);
    return repo;
}

void hub_file_free(struct hub_file *file) {
    hub_documents_release_file(file);
    hub_source_free(file->source);
    hub_ignore_free(file->ignore);
    cm_buf_unref(file->path);
    free(file);
}

void hub_repo_free(void *p) {
    struct hub_repo *repo = p;

    hub_file_tree_free(repo->root, hub_file_free);
    cm_map_free(repo->crds);
    hub_set_done(&repo->users);
    free((void *)(uintptr_t)repo->source.repository);
    free((void *)(uintptr_t)repo->source.text);
    free(repo->why);
    free(repo->name);
    free(repo);
}

// ---- Who wants what

static struct hub_repo *get_tree(struct hub_fleet *f, const struct hub_source_doc *doc) {
    CM_AUTOFREE char *name = hub_fleet_source_name(doc->repository.name, doc->ref, doc->ref_text);
    struct hub_repo *tree = cm_map_get(f->trees, name);

    if (tree == NULL) {
        tree = hub_repo_new(name);
        tree->source_only = true;
        tree->source = (struct hub_fleet_source){
            .name = tree->name,
            .repository = cm_strdup(doc->repository.name),
            .ref = doc->ref,
            .text = cm_strdup(doc->ref_text),
        };
        cm_map_put(f->trees, name, tree);
    }
    return tree;
}

void hub_sources_leave(struct hub_app *app) {
    if (app->tree != NULL) {
        (void)hub_set_remove(&app->tree->users, app);
        app->tree = NULL;
    }
}

void hub_sources_want(struct hub_update *u, struct hub_app *app) {
    const struct hub_doc *doc = app->named.doc;
    struct hub_repo *tree = NULL;

    if (doc != NULL && doc->app.source.repository.name != NULL) {
        tree = get_tree(u->fleet, &doc->app.source);
    }
    if (tree == app->tree) {
        return;
    }
    u->sources = true;
    hub_sources_leave(app);
    app->tree = tree;
    if (tree != NULL) {
        hub_set_add(&tree->users, app);
    }
}

void hub_sources_touch(struct hub_update *u, const struct hub_repo *tree) {
    for (size_t i = 0; i < tree->users.count; i++) {
        hub_content_dirty(u, tree->users.items[i]);
    }
}

// is_below tells whether a path is in the folder that an App's source names.
static bool is_below(const char *path, const char *folder) {
    size_t len = strlen(folder);

    return len == 0 || (strncmp(path, folder, len) == 0 && path[len] == '/');
}

void hub_sources_changed(struct hub_update *u, const struct hub_file *file) {
    const struct hub_set *users = &file->repo->users;

    for (size_t i = 0; i < users->count; i++) {
        struct hub_app *app = users->items[i];
        const struct hub_doc *doc = app->named.doc;

        if (doc != NULL && is_below((const char *)file->path->data, doc->app.source.path.name)) {
            hub_content_dirty(u, app);
        }
    }
}

bool hub_sources_path(const struct hub_app *app, const char *path, const char **out) {
    const char *name = app->tree != NULL ? app->tree->name : NULL;
    size_t len = name != NULL ? strlen(name) : 0;

    if (name == NULL || strncmp(path, name, len) != 0 || path[len] != ':') {
        return false;
    }
    *out = path + len + 1;
    return true;
}

// ---- After an update

static void forget_unreadable(void *ctx, struct hub_file *file) {
    struct hub_fleet *f = ctx;

    if (file->unreadable) {
        (void)hub_set_remove(&f->unreadable, file);
    }
}

static bool sweep_tree(void *ctx, const char *name, void *value) {
    struct hub_update *u = ctx;
    struct hub_repo *tree = value;

    if (tree->users.count == 0) {
        hub_file_tree_each(tree->root, false, forget_unreadable, u->fleet);
        (void)cm_map_remove(u->fleet->trees, name);
    }
    return true;
}

void hub_sources_sweep(struct hub_update *u) {
    struct hub_fleet *f = u->fleet;

    if (!u->sources && (u->repo == NULL || !u->repo->source_only)) {
        return;
    }
    cm_map_each(f->trees, sweep_tree, u);
    CM_AUTOFREE const char **names = cm_map_keys(f->trees);
    free(f->sources);
    f->source_count = cm_map_len(f->trees);
    f->sources = cm_new(f->source_count + 1, sizeof(*f->sources));
    for (size_t i = 0; i < f->source_count; i++) {
        const struct hub_repo *tree = cm_map_get(f->trees, names[i]);

        f->sources[i] = tree->source;
        f->sources[i].loaded = tree->loaded;
    }
}

bool hub_fleet_source_tell(struct hub_fleet *f, const char *name, const char *why) {
    struct hub_repo *tree = cm_map_get(f->trees, name);

    if (tree == NULL || tree->loaded) {
        return false;
    }
    free(tree->why);
    tree->why = why != NULL ? cm_strdup(why) : NULL;
    for (size_t i = 0; i < tree->users.count; i++) {
        struct hub_app *app = tree->users.items[i];

        if (app->waiting) {
            hub_content_wait(app);
        }
    }
    return hub_problems_make(f);
}

const struct hub_fleet_source *hub_fleet_sources(const struct hub_fleet *f, size_t *count) {
    *count = f->source_count;
    return f->sources;
}
