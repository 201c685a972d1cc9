// What Apps and groups name: whether it exists, and whether it goes round in circles. An App that
// names what does not exist, or a group that does, is frozen: nothing about it changes.
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/internal.h"

#define SEARCHES_MAX 20 // for names that were meant

static const char *path_of(const struct hub_doc *doc) {
    return (const char *)doc->file->path->data;
}

// report adds to what is wrong with what an App or a group names.
static void report(struct hub_named *named, const struct hub_mention *at, const char *message) {
    struct hub_diags *diags =
        named->kind == HUB_APP ? &hub_app_of(named)->frozen : &hub_group_of(named)->wrong;

    hub_diags_add(diags, path_of(named->doc), at->place.line, at->place.column, "%s", message);
}

// ---- Names of what does not exist

// One look at all that is named.
struct checking {
    struct hub_update *u;
    const char **names[HUB_KINDS]; // with a document; once one is searched
    size_t counts[HUB_KINDS];
    struct cm_map *meant[HUB_KINDS]; // by a missing name, the one that is most like it or ""
    size_t searches;
};

static bool list_name(void *ctx, const char *name, void *value) {
    struct checking *c = ctx;
    const struct hub_named *named = value;

    if (named->doc != NULL) {
        c->names[named->kind][c->counts[named->kind]++] = name;
    }
    return true;
}

static const char *search(struct checking *c, enum hub_kind kind, const char *name) {
    const struct cm_map *all = c->u->fleet->names[kind];

    if (c->names[kind] == NULL) {
        c->names[kind] = cm_new(cm_map_len(all) + 1, sizeof(char *));
        cm_map_each(all, list_name, c);
    }
    return cm_str_nearest(name, c->names[kind], c->counts[kind]);
}

// nearest returns the name that was most likely meant, or NULL. Each is searched once, and so many
// only: a list of thousands of wrong names is no slip of the pen.
static const char *nearest(struct checking *c, enum hub_kind kind, const char *name) {
    if (c->meant[kind] == NULL) {
        c->meant[kind] = cm_map_new(free);
    }
    const char *meant = cm_map_get(c->meant[kind], name);

    if (meant == NULL && c->searches < SEARCHES_MAX) {
        meant = search(c, kind, name);
        c->searches++;
        cm_map_put(c->meant[kind], name, cm_strdup(meant != NULL ? meant : ""));
    }
    return meant != NULL && meant[0] != '\0' ? meant : NULL;
}

static void checking_done(struct checking *c) {
    for (size_t i = 0; i < HUB_KINDS; i++) {
        free(c->names[i]);
        cm_map_free(c->meant[i]);
    }
}

static void report_missing(struct checking *c, struct hub_named *named, enum hub_kind kind,
                           const struct hub_mention *at) {
    const char *near = nearest(c, kind, at->name);
    const char *kind_name = hub_kind_tables[kind].name;
    CM_AUTOFREE char *message =
        near != NULL ? cm_strf("no %s is named '%s': did you mean '%s'?", kind_name, at->name, near)
                     : cm_strf("no %s is named '%s': add it in %s or correct the name", kind_name,
                               at->name, hub_kind_tables[kind].place);

    report(named, at, message);
}

static bool check_group(void *ctx, const char *name, void *value) {
    struct checking *c = ctx;
    struct hub_update *u = c->u;
    struct hub_group *g = value;
    const struct hub_doc *doc = g->named.doc;

    (void)name;
    u->problems = u->problems || g->wrong.count > 0;
    hub_diags_done(&g->wrong);
    for (size_t i = 0; doc != NULL && i < doc->group.group_count; i++) {
        const struct hub_mention *other = &doc->group.groups[i];

        if (hub_find_group(u->fleet, other->name) == NULL) {
            u->problems = true;
            report_missing(c, &g->named, HUB_GROUP, other);
        }
    }
    return true;
}

// check_target says whether the group that a target names exists, and can be believed.
static void check_target(struct checking *c, struct hub_app *app, const struct hub_mention *at) {
    const struct hub_group *group = hub_find_group(c->u->fleet, at->name);

    if (group == NULL) {
        report_missing(c, &app->named, HUB_GROUP, at);
        return;
    }
    for (size_t i = 0; i < group->reach.count; i++) {
        const struct hub_group *wrong = group->reach.items[i];

        if (wrong->wrong.count > 0) {
            CM_AUTOFREE char *message =
                cm_strf("who the members of ClusterGroup '%s' are is not certain while '%s' is "
                        "wrong, at %s line %u: mend that",
                        at->name, wrong->named.name, wrong->wrong.items[0].path,
                        wrong->wrong.items[0].line);
            report(&app->named, at, message);
            return;
        }
    }
}

static bool check_app(void *ctx, const char *name, void *value) {
    struct checking *c = ctx;
    struct hub_app *app = value;

    (void)name;
    app->was_frozen = app->frozen.count > 0;
    hub_diags_done(&app->frozen);
    if (app->named.doc == NULL) {
        return true;
    }
    const struct hub_app_doc *doc = &app->named.doc->app;
    for (size_t i = 0; i < doc->target_count; i++) {
        if (doc->targets[i].group.name != NULL) {
            check_target(c, app, &doc->targets[i].group);
        }
    }
    for (size_t i = 0; i < doc->depends_on_count; i++) {
        if (hub_find_app(c->u->fleet, doc->depends_on[i].name) == NULL) {
            report_missing(c, &app->named, HUB_APP, &doc->depends_on[i]);
        }
    }
    return true;
}

// ---- Circles: what names nothing is taken out until none is left, then what nothing names. What
// remains goes round in circles.

struct graph {
    const struct hub_fleet *fleet;
    enum hub_kind kind;
    struct hub_set nodes;
};

// mentions returns what a document names of its own kind.
static const struct hub_mention *mentions(const struct hub_named *named, size_t *count) {
    const struct hub_doc *doc = named->doc;

    if (doc == NULL) {
        *count = 0;
        return NULL;
    }
    *count = named->kind == HUB_APP ? doc->app.depends_on_count : doc->group.group_count;
    return named->kind == HUB_APP ? doc->app.depends_on : doc->group.groups;
}

static bool add_to_graph(void *ctx, const char *name, void *value) {
    struct graph *g = ctx;
    struct hub_named *named = value;
    size_t count;

    (void)name;
    (void)mentions(named, &count);
    named->waiters = 0;
    named->in_graph = count > 0;
    if (named->in_graph) {
        hub_set_add(&g->nodes, named);
    }
    return true;
}

// in_graph returns what is named, if it is another one that may be in a circle.
static struct hub_named *in_graph(const struct graph *g, const struct hub_named *from,
                                  const char *name) {
    struct hub_named *named = cm_map_get(g->fleet->names[g->kind], name);

    return named != NULL && named != from && named->in_graph ? named : NULL;
}

// count_waiting adds to what each one that is named is named by, and tells whether there was one.
static bool count_waiting(const struct graph *g, const struct hub_named *named, int add) {
    size_t count;
    const struct hub_mention *all = mentions(named, &count);
    bool found = false;

    for (size_t i = 0; i < count; i++) {
        struct hub_named *other = in_graph(g, named, all[i].name);

        if (other != NULL) {
            other->waiters = (size_t)((ssize_t)other->waiters + add);
            found = true;
        }
    }
    return found;
}

static bool names_some(const struct graph *g, const struct hub_named *named) {
    return count_waiting(g, named, 0);
}

static bool is_named(const struct graph *g, const struct hub_named *named) {
    (void)g;
    return named->waiters > 0;
}

static void peel(struct graph *g,
                 bool (*stays)(const struct graph *g, const struct hub_named *named)) {
    bool again = true;

    while (again) {
        again = false;
        for (size_t i = g->nodes.count; i > 0; i--) {
            struct hub_named *named = g->nodes.items[i - 1];

            if (!stays(g, named)) {
                (void)count_waiting(g, named, -1);
                named->in_graph = false;
                g->nodes.items[i - 1] = g->nodes.items[--g->nodes.count];
                again = true;
            }
        }
    }
}

static const struct hub_mention *
next_in_circle(const struct graph *g, const struct hub_named *named, struct hub_named **next) {
    size_t count;
    const struct hub_mention *all = mentions(named, &count);

    for (size_t i = 0; i < count; i++) {
        *next = in_graph(g, named, all[i].name);
        if (*next != NULL) {
            return &all[i];
        }
    }
    return NULL;
}

static void report_path(const struct graph *g, struct hub_named *named,
                        const struct hub_mention *at, const char *path) {
    CM_AUTOFREE char *message =
        g->kind == HUB_APP
            ? cm_strf("dependsOn goes in a circle (%s): remove one of these dependencies", path)
            : cm_strf("groups go in a circle (%s): remove one of these names", path);

    report(named, at, message);
}

// report_self reports what names itself, which a longer circle would hide.
static void report_self(struct hub_update *u, const struct graph *g, struct hub_named *named) {
    size_t count;
    const struct hub_mention *all = mentions(named, &count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i].name, named->name) == 0) {
            CM_AUTOFREE char *path = cm_strf("%s -> %s", named->name, named->name);

            u->problems = true;
            report_path(g, named, &all[i], path);
        }
    }
}

static void report_circle(const struct graph *g, struct hub_named *named) {
    struct cm_str path = {0};
    struct hub_named *at = NULL;
    const struct hub_mention *first = next_in_circle(g, named, &at);

    cm_str_add(&path, named->name);
    for (size_t i = 0; i <= g->nodes.count && at != NULL && path.len <= 300; i++) {
        cm_str_addf(&path, " -> %s", at->name);
        if (at == named) {
            break;
        }
        (void)next_in_circle(g, at, &at);
    }
    report_path(g, named, first, cm_str_get(&path));
    cm_str_done(&path);
}

static void find_circles(struct hub_update *u, enum hub_kind kind) {
    struct graph graph = {.fleet = u->fleet, .kind = kind};

    cm_map_each(u->fleet->names[kind], add_to_graph, &graph);
    for (size_t i = 0; i < graph.nodes.count; i++) {
        report_self(u, &graph, graph.nodes.items[i]);
        (void)count_waiting(&graph, graph.nodes.items[i], 1);
    }
    peel(&graph, names_some);
    peel(&graph, is_named);
    for (size_t i = 0; i < graph.nodes.count; i++) {
        u->problems = true;
        report_circle(&graph, graph.nodes.items[i]);
    }
    hub_set_done(&graph.nodes);
}

// ---- All of it

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

void hub_references_check(struct hub_update *u) {
    struct hub_fleet *f = u->fleet;
    struct checking c = {.u = u};

    cm_map_each(f->names[HUB_GROUP], check_group, &c);
    find_circles(u, HUB_GROUP);
    cm_map_each(f->names[HUB_APP], check_app, &c);
    checking_done(&c);
    find_circles(u, HUB_APP);
    cm_map_each(f->names[HUB_APP], mark_changed, u);
}
