// Scopes of kinds that CustomResourceDefinitions among the manifests of a repository define.
#include <string.h>

#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/internal.h"
#include "hub/render/edition.h"
#include "hub/render/source.h"

static void kind_key(struct cm_str *out, const char *group, const char *kind) {
    cm_str_clear(out);
    cm_str_addf(out, "%s/%s", group, kind);
}

static enum cm_object_scope scope_in(const struct hub_repo *repo, const char *key) {
    const struct hub_crd *crd = cm_map_get(repo->crds, key);

    if (crd == NULL || (crd->namespaced > 0) == (crd->cluster > 0)) {
        return CM_SCOPE_UNKNOWN;
    }
    return crd->namespaced > 0 ? CM_SCOPE_NAMESPACED : CM_SCOPE_CLUSTER;
}

enum cm_object_scope hub_crds_scope(void *ctx, const char *group, const char *kind) {
    const struct hub_app *app = ctx;
    enum cm_object_scope scope = CM_SCOPE_UNKNOWN;
    struct cm_str key = {0};

    kind_key(&key, group, kind);
    if (app->tree != NULL) {
        scope = scope_in(app->tree, cm_str_get(&key));
    }
    if (scope == CM_SCOPE_UNKNOWN) {
        scope = scope_in(app->named.doc->file->repo, cm_str_get(&key));
    }
    cm_str_done(&key);
    return scope;
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
    cm_map_put(u->kinds, cm_str_get(&key), u);
    if (crd->cluster == 0 && crd->namespaced == 0) {
        (void)cm_map_remove(repo->crds, cm_str_get(&key));
    }
    cm_str_done(&key);
}

void hub_crds_count(struct hub_update *u, struct hub_repo *repo, const struct hub_source *source,
                    bool add) {
    for (size_t i = 0; i < source->count; i++) {
        count_crd(u, repo, source->templates[i].object, add);
    }
}

// ---- Kinds whose scope may have changed

static bool has_changed(const struct hub_update *u, const struct hub_template *t) {
    const char *kind = cm_json_string(cm_json_get(t->object, "kind"));
    const char *version = cm_json_string(cm_json_get(t->object, "apiVersion"));
    const char *slash = version != NULL ? strchr(version, '/') : NULL;

    if (kind == NULL || slash == NULL) {
        return false;
    }
    CM_AUTOFREE char *key = cm_strf("%.*s/%s", (int)(slash - version), version, kind);
    return cm_map_get(u->kinds, key) != NULL;
}

static void forget_templates(struct hub_update *u, struct hub_app *app,
                             struct hub_template *const *templates, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (has_changed(u, templates[i])) {
            hub_render_forget(templates[i]);
            app->render_dirty = true;
            hub_content_list(u, app);
        }
    }
}

static bool forget_kinds(void *ctx, const char *name, void *value) {
    struct hub_app *app = value;

    (void)name;
    forget_templates(ctx, app, app->templates, app->template_count);
    for (size_t i = 0; i < app->edition_count; i++) {
        if (app->editions[i].made != NULL) {
            forget_templates(ctx, app, app->editions[i].templates, app->editions[i].template_count);
        }
    }
    return true;
}

void hub_crds_forget(struct hub_update *u) {
    if (cm_map_len(u->kinds) > 0) {
        cm_map_each(u->fleet->names[HUB_APP], forget_kinds, u);
    }
}
