// Which clusters a target means, from an index of labels, and which target counts for a cluster.
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/internal.h"

// ---- The index: "key" and "key=value" -> clusters

static void free_index_entry(void *p) {
    hub_set_done(p);
    free(p);
}

static void index_put(struct hub_fleet *f, const char *key, struct hub_cluster *c) {
    if (f->labels == NULL) {
        f->labels = cm_map_new(free_index_entry);
    }
    struct hub_set *set = cm_map_get(f->labels, key);
    if (set == NULL) {
        set = cm_new(1, sizeof(*set));
        cm_map_put(f->labels, key, set);
    }
    hub_set_add(set, c);
}

static void index_drop(struct hub_fleet *f, const char *key, const struct hub_cluster *c) {
    struct hub_set *set = cm_map_get(f->labels, key);

    (void)hub_set_remove(set, c);
    if (set->count == 0) {
        (void)cm_map_remove(f->labels, key);
    }
}

static void pair_text(struct cm_str *out, const char *key, const char *value) {
    cm_str_clear(out);
    cm_str_addf(out, "%s\x1f%s", key, value);
}

void hub_targets_index(struct hub_fleet *f, struct hub_cluster *c, const struct hub_doc *doc) {
    struct cm_str text = {0};

    for (const struct cm_json *label = doc->cluster.labels->first; label != NULL;
         label = label->next) {
        index_put(f, label->key, c);
        pair_text(&text, label->key, label->text);
        index_put(f, cm_str_get(&text), c);
    }
    hub_set_add(&f->clusters, c);
    cm_str_done(&text);
}

void hub_targets_unindex(struct hub_fleet *f, struct hub_cluster *c, const struct hub_doc *doc) {
    struct cm_str text = {0};

    for (const struct cm_json *label = doc->cluster.labels->first; label != NULL;
         label = label->next) {
        index_drop(f, label->key, c);
        pair_text(&text, label->key, label->text);
        index_drop(f, cm_str_get(&text), c);
    }
    (void)hub_set_remove(&f->clusters, c);
    cm_str_done(&text);
}

// ---- Candidates of a selector

static const struct hub_set no_clusters = {0};

static const struct hub_set *index_find(const struct hub_fleet *f, const char *key) {
    const struct hub_set *set = f->labels != NULL ? cm_map_get(f->labels, key) : NULL;

    return set != NULL ? set : &no_clusters;
}

// smallest returns the smallest set of the index that has all clusters of a selector.
static const struct hub_set *smallest(const struct hub_fleet *f, const struct hub_selector *s) {
    const struct hub_set *best = &f->clusters;
    struct cm_str text = {0};

    for (size_t i = 0; i < s->count; i++) {
        const struct hub_requirement *r = &s->items[i];
        const struct hub_set *set = best;

        if (r->op == HUB_OP_IN && r->value_count == 1) {
            pair_text(&text, r->key, r->values[0]);
            set = index_find(f, cm_str_get(&text));
        } else if (r->op == HUB_OP_IN || r->op == HUB_OP_EXISTS) {
            set = index_find(f, r->key);
        }
        best = set->count < best->count ? set : best;
    }
    cm_str_done(&text);
    return best;
}

static void each_selected(const struct hub_fleet *f, const struct hub_selector *s,
                          void (*visit)(void *ctx, struct hub_cluster *c), void *ctx) {
    const struct hub_set *set = smallest(f, s);

    for (size_t i = 0; i < set->count; i++) {
        struct hub_cluster *c = set->items[i];

        if (hub_selector_match(s, c->named.doc->cluster.labels)) {
            visit(ctx, c);
        }
    }
}

void hub_targets_candidates(const struct hub_fleet *f, const struct hub_target *t,
                            void (*visit)(void *ctx, struct hub_cluster *c), void *ctx) {
    if (t->selector != NULL) {
        each_selected(f, t->selector, visit, ctx);
    } else if (t->cluster.name != NULL) {
        struct hub_cluster *c = hub_find_cluster(f, t->cluster.name);
        if (c != NULL) {
            visit(ctx, c);
        }
    } else {
        const struct hub_group *g = hub_find_group(f, t->group.name);
        for (size_t i = 0; g != NULL && i < g->members.count; i++) {
            visit(ctx, g->members.items[i]);
        }
    }
}

// ---- Groups

static int compare_mention(const void *name, const void *mention) {
    return strcmp(name, ((const struct hub_mention *)mention)->name);
}

static bool is_member(const struct hub_group_doc *doc, const struct hub_cluster *c) {
    if (doc->selector != NULL && hub_selector_match(doc->selector, c->named.doc->cluster.labels)) {
        return true;
    }
    return doc->cluster_count > 0 && bsearch(c->named.name, doc->clusters, doc->cluster_count,
                                             sizeof(*doc->clusters), compare_mention) != NULL;
}

static void dirty_cluster(struct hub_update *u, struct hub_cluster *c) {
    if (!c->dirty) {
        c->dirty = true;
        hub_set_add(&u->dirty_clusters, c);
    }
}

static void names_changed(struct hub_group *g) {
    free(g->names);
    g->names = NULL;
}

static void leave(struct hub_group *g, struct hub_cluster *c) {
    (void)hub_set_remove(&g->members, c);
    (void)hub_set_remove(&c->groups, g);
    names_changed(g);
}

static void join(struct hub_group *g, struct hub_cluster *c) {
    hub_set_add(&g->members, c);
    hub_set_add(&c->groups, g);
    names_changed(g);
}

static void note_delta(struct hub_update *u, struct hub_group *g, struct hub_cluster *c) {
    if (g->delta.count == 0) {
        hub_set_add(&u->changed_groups, g);
    }
    hub_set_add(&g->delta, c);
}

struct joining {
    struct hub_update *u;
    struct hub_group *group;
};

static void join_if_new(void *ctx, struct hub_cluster *c) {
    const struct joining *j = ctx;

    if (!hub_set_has(&c->groups, j->group)) {
        join(j->group, c);
        note_delta(j->u, j->group, c);
    }
}

void hub_targets_group_changed(struct hub_update *u, struct hub_group *g) {
    struct joining joining = {u, g};
    const struct hub_doc *doc = g->named.doc;

    for (size_t i = g->members.count; i > 0; i--) {
        struct hub_cluster *c = g->members.items[i - 1];

        if (doc == NULL || !is_member(&doc->group, c)) {
            leave(g, c);
            note_delta(u, g, c);
        }
    }
    if (doc == NULL) {
        return;
    }
    if (doc->group.selector != NULL) {
        each_selected(u->fleet, doc->group.selector, join_if_new, &joining);
    }
    for (size_t i = 0; i < doc->group.cluster_count; i++) {
        struct hub_cluster *c = hub_find_cluster(u->fleet, doc->group.clusters[i].name);
        if (c != NULL) {
            join_if_new(&joining, c);
        }
    }
}

static bool place_in_group(void *ctx, const char *name, void *value) {
    struct hub_cluster *c = ctx;
    struct hub_group *g = value;
    bool was = hub_set_has(&c->groups, g);
    bool is = c->named.doc != NULL && g->named.doc != NULL && is_member(&g->named.doc->group, c);

    (void)name;
    if (was && !is) {
        leave(g, c);
    } else if (is && !was) {
        join(g, c);
    }
    return true;
}

void hub_targets_cluster_in_groups(struct hub_update *u, struct hub_cluster *c) {
    cm_map_each(u->fleet->names[HUB_GROUP], place_in_group, c);
    dirty_cluster(u, c);
}

// ---- Targets

static bool target_matches(const struct hub_target *t, const struct hub_cluster *c) {
    if (t->selector != NULL) {
        return hub_selector_match(t->selector, c->named.doc->cluster.labels);
    }
    if (t->cluster.name != NULL) {
        return strcmp(t->cluster.name, c->named.name) == 0;
    }
    for (size_t i = 0; i < c->groups.count; i++) {
        const struct hub_group *g = c->groups.items[i];
        if (strcmp(g->named.name, t->group.name) == 0) {
            return true;
        }
    }
    return false;
}

const struct hub_target *hub_targets_find(const struct hub_app *app, const struct hub_cluster *c) {
    const struct hub_app_doc *doc = &app->named.doc->app;

    for (size_t i = 0; i < doc->target_count; i++) {
        const struct hub_target *t = &doc->targets[i];
        if (target_matches(t, c)) {
            return t->do_not_deploy ? NULL : t;
        }
    }
    return NULL;
}

// ---- What Apps refer to

static void report(struct hub_app *app, const struct hub_mention *at, const char *message) {
    hub_diags_add(&app->frozen, (const char *)app->named.doc->file->path->data, at->place.line,
                  at->place.column, "%s", message);
}

static void report_missing(const struct hub_fleet *f, struct hub_app *app, enum hub_kind kind,
                           const struct hub_mention *at) {
    CM_AUTOFREE const char **names = cm_map_keys(f->names[kind]);
    const char *near = cm_str_nearest(at->name, names, cm_map_len(f->names[kind]));
    const char *kind_name = hub_kind_tables[kind].name;
    bool usable = near != NULL && strcmp(near, at->name) != 0;
    CM_AUTOFREE char *message =
        usable ? cm_strf("no %s is named '%s': did you mean '%s'?", kind_name, at->name, near)
               : cm_strf("no %s is named '%s': add it in %s or correct the name", kind_name,
                         at->name, hub_kind_tables[kind].place);

    report(app, at, message);
}

static bool check_mentions(void *ctx, const char *name, void *value) {
    const struct hub_fleet *f = ctx;
    struct hub_app *app = value;

    (void)name;
    app->was_frozen = app->frozen.count > 0;
    hub_diags_done(&app->frozen);
    if (app->named.doc == NULL) {
        return true;
    }
    const struct hub_app_doc *doc = &app->named.doc->app;
    for (size_t i = 0; i < doc->target_count; i++) {
        const struct hub_mention *group = &doc->targets[i].group;
        if (group->name != NULL && hub_find_group(f, group->name) == NULL) {
            report_missing(f, app, HUB_GROUP, group);
        }
    }
    for (size_t i = 0; i < doc->depends_on_count; i++) {
        if (hub_find_app(f, doc->depends_on[i].name) == NULL) {
            report_missing(f, app, HUB_APP, &doc->depends_on[i]);
        }
    }
    return true;
}

// Circles of dependsOn: Apps that wait for nothing are taken out until none is left, then those
// that nothing waits for. What remains goes round in circles.
struct graph {
    const struct hub_fleet *fleet;
    struct hub_set apps;
};

static bool add_to_graph(void *ctx, const char *name, void *value) {
    struct graph *g = ctx;
    struct hub_app *app = value;

    (void)name;
    app->waiters = 0;
    app->in_graph = app->named.doc != NULL && app->named.doc->app.depends_on_count > 0;
    if (app->in_graph) {
        hub_set_add(&g->apps, app);
    }
    return true;
}

// count_waiting adds to what each App that this one waits for is waited for, and tells whether
// there was one.
static bool count_waiting(const struct graph *g, const struct hub_app *app, int add) {
    const struct hub_app_doc *doc = &app->named.doc->app;
    bool found = false;

    for (size_t i = 0; i < doc->depends_on_count; i++) {
        struct hub_app *other = hub_find_app(g->fleet, doc->depends_on[i].name);

        if (other != NULL && other->in_graph) {
            other->waiters = (size_t)((ssize_t)other->waiters + add);
            found = true;
        }
    }
    return found;
}

static bool waits(const struct graph *g, const struct hub_app *app) {
    return count_waiting(g, app, 0);
}

static bool is_waited_for(const struct graph *g, const struct hub_app *app) {
    (void)g;
    return app->waiters > 0;
}

static void peel(struct graph *g, bool (*stays)(const struct graph *g, const struct hub_app *app)) {
    bool again = true;

    while (again) {
        again = false;
        for (size_t i = g->apps.count; i > 0; i--) {
            struct hub_app *app = g->apps.items[i - 1];

            if (!stays(g, app)) {
                (void)count_waiting(g, app, -1);
                app->in_graph = false;
                g->apps.items[i - 1] = g->apps.items[--g->apps.count];
                again = true;
            }
        }
    }
}

static const struct hub_mention *next_in_circle(const struct graph *g, const struct hub_app *app,
                                                struct hub_app **next) {
    const struct hub_app_doc *doc = &app->named.doc->app;

    for (size_t i = 0; i < doc->depends_on_count; i++) {
        struct hub_app *other = hub_find_app(g->fleet, doc->depends_on[i].name);
        if (other != NULL && other->in_graph) {
            *next = other;
            return &doc->depends_on[i];
        }
    }
    return NULL;
}

static void report_circle(const struct graph *g, struct hub_app *app) {
    struct cm_str path = {0};
    struct hub_app *at = app;
    struct hub_app *next = NULL;
    const struct hub_mention *first = next_in_circle(g, app, &next);

    cm_str_add(&path, app->named.name);
    for (size_t i = 0; i <= g->apps.count && next != NULL; i++) {
        cm_str_addf(&path, " -> %s", next->named.name);
        at = next;
        if (at == app || path.len > 300) {
            break;
        }
        next = NULL;
        (void)next_in_circle(g, at, &next);
    }
    CM_AUTOFREE char *message = cm_strf("dependsOn goes in a circle (%s): remove one of these "
                                        "dependencies",
                                        cm_str_get(&path));
    report(app, first, message);
    cm_str_done(&path);
}

static bool mark_changed(void *ctx, const char *name, void *value) {
    struct hub_update *u = ctx;
    struct hub_app *app = value;
    bool frozen = app->frozen.count > 0;

    (void)name;
    if (frozen || app->was_frozen) {
        u->problems = true;
    }
    if (frozen != app->was_frozen) {
        app->targets_dirty = true;
        hub_content_dirty(u, app);
        for (size_t i = 0; i < app->link_count; i++) {
            hub_cluster_touch(u, app->links[i]->cluster);
        }
    }
    return true;
}

void hub_targets_check(struct hub_update *u) {
    struct hub_fleet *f = u->fleet;
    struct graph graph = {.fleet = f};

    cm_map_each(f->names[HUB_APP], check_mentions, f);
    cm_map_each(f->names[HUB_APP], add_to_graph, &graph);
    for (size_t i = 0; i < graph.apps.count; i++) {
        (void)count_waiting(&graph, graph.apps.items[i], 1);
    }
    peel(&graph, waits);
    peel(&graph, is_waited_for);
    for (size_t i = 0; i < graph.apps.count; i++) {
        report_circle(&graph, graph.apps.items[i]);
    }
    cm_map_each(f->names[HUB_APP], mark_changed, u);
    hub_set_done(&graph.apps);
}
