// What is in force, for the store and for those who ask.
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/fleet/internal.h"

static const char *path_of(const struct hub_doc *doc) {
    return (const char *)doc->file->path->data;
}

// each_named visits the names of a kind that have a document, sorted.
static void each_named(const struct hub_fleet *f, enum hub_kind kind,
                       void (*visit)(void *ctx, struct hub_named *named), void *ctx) {
    CM_AUTOFREE const char **names = cm_map_keys(f->names[kind]);
    size_t count = cm_map_len(f->names[kind]);

    for (size_t i = 0; i < count; i++) {
        struct hub_named *named = cm_map_get(f->names[kind], names[i]);

        if (named->doc != NULL) {
            visit(ctx, named);
        }
    }
}

struct cluster_visit {
    void (*visit)(void *ctx, const struct hub_cluster_info *c);
    void *ctx;
};

static void visit_cluster(void *ctx, struct hub_named *named) {
    const struct cluster_visit *v = ctx;
    const struct hub_doc *doc = named->doc;
    struct hub_cluster_info info = {
        .name = named->name,
        .labels = doc->cluster.labels,
        .suspend = doc->cluster.suspend,
        .repo = doc->file->repo->name,
        .path = path_of(doc),
    };

    v->visit(v->ctx, &info);
}

void hub_fleet_each_cluster(const struct hub_fleet *f,
                            void (*visit)(void *ctx, const struct hub_cluster_info *c), void *ctx) {
    struct cluster_visit v = {visit, ctx};

    each_named(f, HUB_CLUSTER, visit_cluster, &v);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char **member_names(struct hub_group *g) {
    if (g->names == NULL) {
        g->names = cm_new(g->members.count + 1, sizeof(*g->names));
        for (size_t i = 0; i < g->members.count; i++) {
            g->names[i] = ((const struct hub_cluster *)g->members.items[i])->named.name;
        }
        qsort(g->names, g->members.count, sizeof(*g->names), compare_names);
    }
    return g->names;
}

struct group_visit {
    void (*visit)(void *ctx, const struct hub_group_info *g);
    void *ctx;
};

static void visit_group(void *ctx, struct hub_named *named) {
    const struct group_visit *v = ctx;
    struct hub_group *g = hub_group_of(named);
    struct hub_group_info info = {
        .name = named->name,
        .repo = named->doc->file->repo->name,
        .path = path_of(named->doc),
        .clusters = member_names(g),
        .cluster_count = g->members.count,
    };

    v->visit(v->ctx, &info);
}

void hub_fleet_each_group(const struct hub_fleet *f,
                          void (*visit)(void *ctx, const struct hub_group_info *g), void *ctx) {
    struct group_visit v = {visit, ctx};

    each_named(f, HUB_GROUP, visit_group, &v);
}

struct app_visit {
    void (*visit)(void *ctx, const struct hub_app_info *a);
    void *ctx;
};

static void visit_app(void *ctx, struct hub_named *named) {
    static const char *const drifts[] = {
        [HUB_DRIFT_REPORT] = "report", [HUB_DRIFT_CORRECT] = "correct", [HUB_DRIFT_OFF] = "off"};
    const struct app_visit *v = ctx;
    const struct hub_app_doc *doc = &named->doc->app;
    CM_AUTOFREE const char **depends_on = cm_new(doc->depends_on_count + 1, sizeof(*depends_on));

    for (size_t i = 0; i < doc->depends_on_count; i++) {
        depends_on[i] = doc->depends_on[i].name;
    }
    struct hub_app_info info = {
        .name = named->name,
        .repo = named->doc->file->repo->name,
        .path = path_of(named->doc),
        .namespace = doc->namespace,
        .drift = doc->capture ? "capture" : drifts[doc->drift],
        .capture = doc->way,
        .prune = doc->prune,
        .suspend = doc->suspend,
        .adopt = doc->adopt,
        .prune_on_loss = doc->prune_on_loss,
        .plain_secrets = doc->plain_secrets,
        .goes_back = doc->goes_back,
        .holds_undo = doc->holds_undo,
        .on_reject = doc->on_reject,
        .reverts = doc->reverts,
        .release_group = doc->release_group.name,
        .group_line = doc->release_group.place.line,
        .group_column = doc->release_group.place.column,
        .source = hub_app_of(named)->tree != NULL ? hub_app_of(named)->tree->name : NULL,
        .depends_on = depends_on,
        .depends_on_count = doc->depends_on_count,
        .clusters = hub_app_of(named)->link_count,
    };
    v->visit(v->ctx, &info);
}

void hub_fleet_each_app(const struct hub_fleet *f,
                        void (*visit)(void *ctx, const struct hub_app_info *a), void *ctx) {
    struct app_visit v = {visit, ctx};

    each_named(f, HUB_APP, visit_app, &v);
}
