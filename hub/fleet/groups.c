// Members of groups. A group *reaches* itself and the groups that it names, directly or not; its
// members are the clusters that one of these selects or lists. What a group reaches is worked out
// anew when one of these came, went or changed, and who joined or left is kept for Apps to look at.
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "hub/fleet/internal.h"

static struct hub_group *find_named(const struct hub_fleet *f, const char *name) {
    return cm_map_get(f->names[HUB_GROUP], name);
}

// ---- What a group reaches

// names_marked tells whether a group names one whose reach changes.
static bool names_marked(const struct hub_fleet *f, const struct hub_group *g) {
    const struct hub_doc *doc = g->named.doc;

    for (size_t i = 0; doc != NULL && i < doc->group.group_count; i++) {
        const struct hub_group *other = find_named(f, doc->group.groups[i].name);

        if (other != NULL && other->regroup) {
            return true;
        }
    }
    return false;
}

static void mark(struct hub_update *u, struct hub_group *g) {
    g->regroup = true;
    hub_set_add(&u->regrouped, g);
}

static bool mark_if_above(void *ctx, const char *name, void *value) {
    struct hub_update *u = ctx;
    struct hub_group *g = value;

    (void)name;
    if (!g->regroup && names_marked(u->fleet, g)) {
        mark(u, g);
    }
    return true;
}

static void reach_from(const struct hub_fleet *f, struct hub_group *g) {
    hub_set_done(&g->reach);
    if (g->named.doc == NULL) {
        return;
    }
    hub_set_add(&g->reach, g);
    g->reached = true;
    for (size_t i = 0; i < g->reach.count; i++) {
        const struct hub_group *at = g->reach.items[i];
        const struct hub_group_doc *doc = &at->named.doc->group;

        for (size_t k = 0; k < doc->group_count; k++) {
            struct hub_group *next = hub_find_group(f, doc->groups[k].name);

            if (next != NULL && !next->reached) {
                next->reached = true;
                hub_set_add(&g->reach, next);
            }
        }
    }
    for (size_t i = 0; i < g->reach.count; i++) {
        ((struct hub_group *)g->reach.items[i])->reached = false;
    }
}

void hub_groups_reach(struct hub_update *u) {
    size_t before = 0;

    for (size_t i = 0; i < u->touched.count; i++) {
        struct hub_named *named = u->touched.items[i];

        if (named->kind == HUB_GROUP && named->doc != named->before) {
            mark(u, hub_group_of(named));
        }
    }
    while (u->regrouped.count > before) {
        before = u->regrouped.count;
        cm_map_each(u->fleet->names[HUB_GROUP], mark_if_above, u);
    }
    for (size_t i = 0; i < u->regrouped.count; i++) {
        reach_from(u->fleet, u->regrouped.items[i]);
    }
}

// ---- Members

static int compare_mention(const void *name, const void *mention) {
    return strcmp(name, ((const struct hub_mention *)mention)->name);
}

// is_own tells whether a group's own document selects or lists a cluster.
static bool is_own(const struct hub_group *g, const struct hub_cluster *c) {
    const struct hub_group_doc *doc = &g->named.doc->group;

    if (doc->selector != NULL && hub_selector_match(doc->selector, c->named.doc->cluster.labels)) {
        return true;
    }
    return doc->cluster_count > 0 && bsearch(c->named.name, doc->clusters, doc->cluster_count,
                                             sizeof(*doc->clusters), compare_mention) != NULL;
}

static bool is_member(const struct hub_group *g, const struct hub_cluster *c) {
    for (size_t i = 0; i < g->reach.count; i++) {
        if (is_own(g->reach.items[i], c)) {
            return true;
        }
    }
    return false;
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

static void join_own(struct joining *j, const struct hub_group_doc *doc) {
    if (doc->selector != NULL) {
        hub_targets_select(j->u->fleet, doc->selector, join_if_new, j);
    }
    for (size_t i = 0; i < doc->cluster_count; i++) {
        struct hub_cluster *c = hub_find_cluster(j->u->fleet, doc->clusters[i].name);
        if (c != NULL) {
            join_if_new(j, c);
        }
    }
}

static void regroup(struct hub_update *u, struct hub_group *g) {
    struct joining joining = {u, g};

    for (size_t i = g->members.count; i > 0; i--) {
        struct hub_cluster *c = g->members.items[i - 1];

        if (!is_member(g, c)) {
            leave(g, c);
            note_delta(u, g, c);
        }
    }
    for (size_t i = 0; i < g->reach.count; i++) {
        join_own(&joining, &((const struct hub_group *)g->reach.items[i])->named.doc->group);
    }
}

void hub_groups_regroup(struct hub_update *u) {
    for (size_t i = 0; i < u->regrouped.count; i++) {
        struct hub_group *g = u->regrouped.items[i];

        g->regroup = false;
        regroup(u, g);
    }
}

// ---- A cluster that changed

static bool judge_own(void *ctx, const char *name, void *value) {
    const struct hub_cluster *c = ctx;
    struct hub_group *g = value;

    (void)name;
    g->has_own = c->named.doc != NULL && g->named.doc != NULL && is_own(g, c);
    return true;
}

static bool place_in_group(void *ctx, const char *name, void *value) {
    struct hub_cluster *c = ctx;
    struct hub_group *g = value;
    bool was = hub_set_has(&c->groups, g);
    bool is = false;

    (void)name;
    for (size_t i = 0; i < g->reach.count && !is; i++) {
        is = ((const struct hub_group *)g->reach.items[i])->has_own;
    }
    if (was && !is) {
        leave(g, c);
    } else if (is && !was) {
        join(g, c);
    }
    return true;
}

void hub_groups_place(struct hub_update *u, struct hub_cluster *c) {
    cm_map_each(u->fleet->names[HUB_GROUP], judge_own, c);
    cm_map_each(u->fleet->names[HUB_GROUP], place_in_group, c);
}
