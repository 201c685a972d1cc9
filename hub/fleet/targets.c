// Which clusters a target means, from an index of labels, and which target counts for a cluster.
#include <stdlib.h>
#include <string.h>

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

void hub_targets_select(const struct hub_fleet *f, const struct hub_selector *s,
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
        hub_targets_select(f, t->selector, visit, ctx);
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

bool hub_fleet_find_target(const struct hub_fleet *f, const char *app, const char *cluster,
                           size_t *out) {
    const struct hub_app *a = hub_find_app(f, app);
    const struct hub_cluster *c = hub_find_cluster(f, cluster);
    const struct hub_target *t =
        a != NULL && a->named.doc != NULL && c != NULL ? hub_targets_find(a, c) : NULL;

    if (t == NULL) {
        return false;
    }
    *out = (size_t)(t - a->named.doc->app.targets);
    return true;
}
