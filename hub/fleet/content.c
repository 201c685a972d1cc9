// The folder of an App: which files are its manifests, what they say, and which kinds the CRDs of
// the repository define.
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/internal.h"
#include "hub/render/source.h"

// ---- Reading

static const char *path_of(const struct hub_file *file) {
    return (const char *)file->path->data;
}

struct cm_buf *hub_file_read(struct hub_update *u, struct hub_file *file, size_t max,
                             struct hub_diags *diags) {
    struct cm_buf *bytes = NULL;
    struct cm_err err;

    if (file->special) {
        hub_diags_add(diags, path_of(file), 0, 0,
                      "this is a symbolic link or a submodule, which is not followed: put the file "
                      "itself here");
        return NULL;
    }
    if (u->reader->read(u->reader->ctx, file->repo->name, file->oid, max, &bytes, &err) < 0) {
        hub_diags_add(diags, path_of(file), 0, 0, "cannot be read: %s", err.msg);
        if (err.code != CM_EINVAL && !file->unreadable) {
            file->unreadable = true;
            hub_set_add(&u->fleet->unreadable, file);
        }
        return NULL;
    }
    return bytes;
}

// ---- CRDs

static void kind_key(struct cm_str *out, const char *group, const char *kind) {
    cm_str_clear(out);
    cm_str_addf(out, "%s/%s", group, kind);
}

enum cm_object_scope hub_content_scope(void *repo, const char *group, const char *kind) {
    const struct hub_repo *r = repo;
    struct cm_str key = {0};

    kind_key(&key, group, kind);
    const struct hub_crd *crd = cm_map_get(r->crds, cm_str_get(&key));
    cm_str_done(&key);
    if (crd == NULL || (crd->namespaced > 0) == (crd->cluster > 0)) {
        return CM_SCOPE_UNKNOWN;
    }
    return crd->namespaced > 0 ? CM_SCOPE_NAMESPACED : CM_SCOPE_CLUSTER;
}

// count_crd adds a CustomResourceDefinition to what is known of its kind, or takes it away.
static void count_crd(struct hub_update *u, struct hub_repo *repo, const struct cm_json *object,
                      bool add) {
    const struct cm_json *spec = cm_json_get(object, "spec");
    const char *kind = cm_json_string(cm_json_get(object, "kind"));
    const char *group = cm_json_string(cm_json_get(spec, "group"));
    const char *name = cm_json_string(cm_json_path(spec, "names", "kind", NULL));
    const char *scope = cm_json_string(cm_json_get(spec, "scope"));
    struct cm_str key = {0};

    if (kind == NULL || strcmp(kind, "CustomResourceDefinition") != 0 || group == NULL ||
        name == NULL || scope == NULL) {
        return;
    }
    kind_key(&key, group, name);
    struct hub_crd *crd = cm_map_get(repo->crds, cm_str_get(&key));
    if (crd == NULL) {
        crd = cm_new(1, sizeof(*crd));
        cm_map_put(repo->crds, cm_str_get(&key), crd);
    }
    size_t *count = strcmp(scope, "Cluster") == 0 ? &crd->cluster : &crd->namespaced;
    *count = add ? *count + 1 : *count - 1;
    if (u != NULL) {
        cm_map_put(u->kinds, cm_str_get(&key), u);
    }
    if (crd->cluster == 0 && crd->namespaced == 0) {
        (void)cm_map_remove(repo->crds, cm_str_get(&key));
    }
    cm_str_done(&key);
}

static void count_crds(struct hub_update *u, struct hub_file *file, bool add) {
    for (size_t i = 0; i < file->source->count; i++) {
        count_crd(u, file->repo, file->source->templates[i].object, add);
    }
}

// ---- Which App a file belongs to

struct hub_app *hub_content_owner(const struct hub_folder *folder) {
    while (folder != NULL && folder->app_file == NULL) {
        folder = folder->parent;
    }
    return folder != NULL ? folder->app_file->app : NULL;
}

static void list_dirty(struct hub_update *u, struct hub_app *app) {
    if (!app->listed) {
        app->listed = true;
        hub_set_add(&u->dirty_apps, app);
    }
}

void hub_content_dirty(struct hub_update *u, struct hub_app *app) {
    app->content_dirty = true;
    list_dirty(u, app);
}

void hub_content_drop_source(struct hub_update *u, struct hub_file *file) {
    if (file->app != NULL && u != NULL) {
        hub_content_dirty(u, file->app);
    }
    if (file->source == NULL) {
        return;
    }
    if (file->source->diags.count > 0 && u != NULL) {
        u->problems = true;
    }
    count_crds(u, file, false);
    hub_source_free(file->source);
    file->source = NULL;
}

// ---- Loading

struct loading {
    struct hub_update *u;
    struct hub_app *app;
    size_t templates;
};

static const char *advice_on(const char *name) {
    if (strcmp(name, "Chart.yaml") == 0) {
        return "Helm charts are not supported: put the output of 'helm template' here instead";
    }
    if (strcmp(name, "fleet.yaml") == 0) {
        return "fleet.yaml is another program's: say in app.yaml what it says, and remove it";
    }
    return "kustomizations are not supported: list plain manifests, with ${variables} where "
           "clusters differ";
}

static void parse_manifest(struct hub_update *u, struct hub_file *file) {
    struct hub_diags diags = {0};
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = hub_file_read(u, file, HUB_SOURCE_MAX, &diags);

    if (bytes != NULL) {
        file->source = hub_source_new(file->path, bytes->data, bytes->size);
    } else {
        file->source = hub_source_new(file->path, "", 0);
        file->source->diags = diags;
    }
    count_crds(u, file, true);
}

static void load_file(void *ctx, struct hub_file *file) {
    struct loading *l = ctx;

    if (file->role != HUB_ROLE_MANIFEST && file->role != HUB_ROLE_REFUSED) {
        return;
    }
    file->app = l->app;
    hub_set_add(&l->app->files, file);
    if (file->role == HUB_ROLE_REFUSED) {
        if (strcmp(file->name, "app.yml") != 0) { // reported wherever it is
            hub_diags_add(&l->app->content, path_of(file), 0, 0, "%s", advice_on(file->name));
        }
        return;
    }
    if (file->source == NULL) {
        parse_manifest(l->u, file);
    }
    l->templates += file->source->count;
    if (file->source->diags.count > 0) {
        l->app->content_broken = true;
    }
}

void hub_content_clear(struct hub_app *app) {
    for (size_t i = 0; i < app->files.count; i++) {
        struct hub_file *file = app->files.items[i];
        file->app = NULL;
    }
    hub_set_done(&app->files);
    free(app->templates);
    free(app->used);
    hub_diags_done(&app->content);
    app->templates = NULL;
    app->template_count = 0;
    app->used = NULL;
    app->used_count = 0;
    app->content_broken = false;
}

// crosses tells whether another app.yaml stands between an App's folder and its source.
static bool crosses(const struct hub_folder *source, const struct hub_folder *home) {
    for (; source != NULL && source != home; source = source->parent) {
        if (source->app_file != NULL) {
            return true;
        }
    }
    return false;
}

static void load_files(struct loading *l) {
    struct hub_app *app = l->app;
    const struct hub_doc *doc = app->named.doc;
    struct hub_folder *home = doc->file->folder;
    struct hub_folder *source = hub_file_tree_folder_find(home, doc->app.source.path.name);
    const char *path = path_of(doc->file);

    if (source != NULL && crosses(source, home)) {
        hub_diags_add(&app->content, path, doc->place.line, doc->place.column,
                      "the folder '%s' belongs to another App, which has an app.yaml there: name "
                      "another one in spec.source.path",
                      doc->app.source.path.name);
        return;
    }
    if (source != NULL && hub_file_tree_folder_find(source, "overlays") != NULL) {
        hub_diags_add(
            &app->content, path, doc->place.line, doc->place.column,
            "the folder 'overlays' among the manifests is not supported: use ${variables} "
            "and values per target, and rename the folder if it means something else");
    }
    if (source != NULL) {
        hub_file_tree_each(source, true, load_file, l);
    }
    if (l->templates == 0 && app->content.count == 0 && !app->content_broken) {
        hub_diags_add(
            &app->content, path, doc->place.line, doc->place.column,
            "the App has no manifests: put *.yaml files into %s%s%s, or delete app.yaml to "
            "remove the App",
            doc->app.source.path.name[0] != '\0' ? "'" : "the folder of app.yaml",
            doc->app.source.path.name, doc->app.source.path.name[0] != '\0' ? "'" : "");
    }
}

static void list_templates(struct loading *l) {
    struct hub_app *app = l->app;
    size_t used = 0;

    app->templates = cm_new(l->templates + 1, sizeof(struct hub_template *));
    for (size_t i = 0; i < app->files.count; i++) {
        const struct hub_file *file = app->files.items[i];

        for (size_t k = 0; file->source != NULL && k < file->source->count; k++) {
            app->templates[app->template_count++] = &file->source->templates[k];
            used += file->source->templates[k].used_count;
        }
    }
    app->used = cm_new(used + 1, sizeof(*app->used));
    for (size_t i = 0; i < app->template_count; i++) {
        for (size_t k = 0; k < app->templates[i]->used_count; k++) {
            app->used[app->used_count++] = app->templates[i]->used[k];
        }
    }
    app->used_count = hub_names_sort(app->used, app->used_count);
}

static void load(struct hub_update *u, struct hub_app *app) {
    struct loading l = {.u = u, .app = app};

    app->content_dirty = false;
    app->render_dirty = true;
    if (app->named.doc == NULL) {
        return;
    }
    load_files(&l);
    if (app->content.count > 0) {
        app->content_broken = true;
    }
    if (app->content_broken) {
        u->problems = true;
    }
    list_templates(&l);
}

// ---- Kinds whose scope may have changed

static bool forget_kinds(void *ctx, const char *name, void *value) {
    struct hub_update *u = ctx;
    struct hub_app *app = value;
    struct cm_str key = {0};

    (void)name;
    for (size_t i = 0; i < app->template_count; i++) {
        struct hub_template *t = app->templates[i];
        const char *kind = cm_json_string(cm_json_get(t->object, "kind"));
        const char *version = cm_json_string(cm_json_get(t->object, "apiVersion"));
        const char *slash = version != NULL ? strchr(version, '/') : NULL;

        if (kind == NULL || slash == NULL) {
            continue;
        }
        cm_str_clear(&key);
        cm_str_addf(&key, "%.*s/%s", (int)(slash - version), version, kind);
        if (cm_map_get(u->kinds, cm_str_get(&key)) != NULL) {
            hub_render_forget(t);
            app->render_dirty = true;
            list_dirty(u, app);
        }
    }
    cm_str_done(&key);
    return true;
}

void hub_content_load(struct hub_update *u) {
    for (size_t i = 0; i < u->dirty_apps.count; i++) {
        struct hub_app *app = u->dirty_apps.items[i];

        if (app->content_dirty) {
            u->problems = u->problems || app->content_broken;
            hub_content_clear(app);
        }
    }
    for (size_t i = 0; i < u->dirty_apps.count; i++) {
        struct hub_app *app = u->dirty_apps.items[i];

        if (app->content_dirty) {
            load(u, app);
        }
    }
    if (cm_map_len(u->kinds) > 0) {
        cm_map_each(u->fleet->names[HUB_APP], forget_kinds, u);
    }
}
