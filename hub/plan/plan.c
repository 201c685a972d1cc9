// The walk over the clusters of before and after.
#include "hub/plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/plan/internal.h"

struct owned_plan {
    struct hub_plan public;
    struct cm_arena *arena;
    struct hub_desired **states; // what changes point into
    size_t state_count;
};

struct names {
    const char **items;
    size_t count;
    size_t capacity;
};

struct walk {
    struct plan_making *m;
    struct owned_plan *plan;
    const struct hub_fleet *fleet;
    const struct hub_plan_before *before;
    size_t at; // in before->states
    size_t state_capacity;
    struct plan_touch *touches;
    size_t touch_count;
    size_t touch_capacity;
    struct names joined;
    struct names unmanaged;
};

static void add_name(struct walk *w, struct names *names, const char *name) {
    names->items =
        plan_grow(w->m->arena, names->items, names->count, &names->capacity, sizeof(const char *));
    names->items[names->count++] = name;
}

static bool is_wanted(const struct walk *w, const char *cluster) {
    const struct hub_plan_filter *filter = w->m->filter;

    return filter->wants == NULL || filter->wants(filter->ctx, cluster);
}

// hold keeps what changes will point into.
static void hold(struct walk *w, struct hub_desired *state) {
    struct owned_plan *plan = w->plan;

    plan->states = plan_grow(w->m->arena, plan->states, plan->state_count, &w->state_capacity,
                             sizeof(struct hub_desired *));
    plan->states[plan->state_count++] = hub_desired_ref(state);
}

// ---- One cluster

static void touch(struct walk *w, const char *app, struct plan_step *step) {
    w->touches =
        plan_grow(w->m->arena, w->touches, w->touch_count, &w->touch_capacity, sizeof(*w->touches));
    w->touches[w->touch_count++] = (struct plan_touch){app, step};
}

static bool is_pruned(const struct hub_desired *state, const char *app) {
    for (size_t i = 0; i < state->gone_count; i++) {
        if (strcmp(state->gone[i].app, app) == 0) {
            return state->gone[i].prune;
        }
    }
    return false;
}

static void leave_pair(struct walk *w, const struct hub_desired *now, const struct hub_pair *old) {
    touch(w, old->app, plan_step_get(w->m, old->bundle, NULL, is_pruned(now, old->app)));
}

static void compare_pair(struct walk *w, const struct hub_pair *old, const struct hub_pair *pair) {
    if (old->bundle != pair->bundle &&
        !cm_sha256_equal(&old->bundle->sha256, &pair->bundle->sha256)) {
        touch(w, pair->app,
              plan_step_get(w->m, old->bundle, pair->bundle, pair->bundle->spec.prune));
    }
}

static const struct hub_pair *pair_at(const struct hub_desired *state, size_t at) {
    return state == NULL || at >= state->pair_count ? NULL : &state->pairs[at];
}

static void compare_pairs(struct walk *w, const struct hub_desired *before,
                          const struct hub_desired *now) {
    const struct hub_pair *old = pair_at(before, 0);
    const struct hub_pair *pair = pair_at(now, 0);
    size_t i = 0;
    size_t k = 0;

    while (old != NULL || pair != NULL) {
        bool shared = old != NULL && pair != NULL && old->bundle == pair->bundle; // as most are
        int order = old != NULL && pair != NULL && !shared ? strcmp(old->app, pair->app) : 0;

        if (pair == NULL || order < 0) {
            leave_pair(w, now, old);
            old = pair_at(before, ++i);
        } else if (old == NULL || order > 0) {
            touch(w, pair->app, plan_step_get(w->m, NULL, pair->bundle, false));
            pair = pair_at(now, ++k);
        } else {
            compare_pair(w, old, pair);
            old = pair_at(before, ++i);
            pair = pair_at(now, ++k);
        }
    }
}

static bool is_counted(const struct walk *w) {
    const char *app = w->m->filter->app;
    bool found = false;

    for (size_t i = 0; i < w->touch_count && !found; i++) {
        found = app == NULL || strcmp(w->touches[i].app, app) == 0;
    }
    return found;
}

static void compare_states(struct walk *w, struct hub_desired *before, struct hub_desired *now) {
    w->touch_count = 0;
    compare_pairs(w, before, now);
    if (w->touch_count == 0) {
        return;
    }
    if (before != NULL) {
        hold(w, before);
    }
    hold(w, now);
    plan_classes_add(w->m, now->cluster, w->touches, w->touch_count);
    w->m->totals.clusters += is_counted(w) ? 1 : 0;
}

static void count_held(struct walk *w, const struct hub_desired *now) {
    const char *app = w->m->filter->app;

    for (size_t i = 0; i < now->pair_count; i++) {
        if (now->pairs[i].stale && (app == NULL || strcmp(app, now->pairs[i].app) == 0)) {
            plan_app_get(w->m, now->pairs[i].app)->held++;
        }
    }
}

// ---- All clusters

static void leave(struct walk *w, struct hub_desired *before) {
    if (is_wanted(w, before->cluster)) {
        hold(w, before);
        add_name(w, &w->unmanaged, before->cluster);
    }
}

// catch_up takes the clusters of before that stand before a name; it returns that of the name.
static struct hub_desired *catch_up(struct walk *w, const char *name) {
    const struct hub_plan_before *before = w->before;

    while (w->at < before->count) {
        int order = name == NULL ? -1 : strcmp(before->states[w->at]->cluster, name);

        if (order > 0) {
            return NULL;
        }
        struct hub_desired *state = before->states[w->at++];
        if (order == 0) {
            return state;
        }
        leave(w, state);
    }
    return NULL;
}

static void visit_cluster(void *ctx, const struct hub_cluster_info *info) {
    struct walk *w = ctx;
    struct hub_desired *before = catch_up(w, info->name);
    struct hub_desired *now = hub_fleet_desired(w->fleet, info->name);

    if (now == NULL || !is_wanted(w, info->name)) {
        return;
    }
    if (before == NULL) {
        hold(w, now);
        add_name(w, &w->joined, now->cluster);
    }
    count_held(w, now);
    if (before != now) {
        compare_states(w, before, now);
    }
}

// ---- The plan

static bool is_compared(const struct hub_plan *plan, const char *app) {
    for (size_t i = 0; i < plan->not_compared_count; i++) {
        if (strcmp(plan->not_compared[i].name, app) == 0) {
            return false;
        }
    }
    return true;
}

static void fold_apps(struct plan_making *m, const struct hub_plan_before *before,
                      struct hub_plan *plan) {
    CM_AUTOFREE const char **names = cm_map_keys(m->apps);
    size_t count = cm_map_len(m->apps);
    struct hub_plan_app *apps = cm_arena_get(m->arena, (count + 1) * sizeof(*apps));

    for (size_t i = 0; i < count; i++) {
        struct plan_app *app = cm_map_get(m->apps, names[i]);

        app->held = is_compared(plan, names[i]) ? app->held : 0;
        if (app->class_count + app->setting_count == 0 && app->held == 0) {
            continue;
        }
        struct hub_plan_app *out = &apps[plan->app_count++];
        plan_fold(m, app, out);
        out->was_wrong = plan_problems_touch(before->problems, before->problem_count, out->name);
    }
    plan->apps = apps;
}

static bool free_app(void *ctx, const char *name, void *value) {
    struct plan_app *app = value;

    (void)ctx;
    (void)name;
    cm_map_free(app->by_key);
    app->by_key = NULL;
    return true;
}

static void make(struct owned_plan *own, struct plan_making *m,
                 const struct hub_plan_before *before, const struct hub_fleet *f) {
    struct hub_plan *plan = &own->public;
    struct walk w = {.m = m, .plan = own, .fleet = f, .before = before};

    hub_fleet_each_cluster(f, visit_cluster, &w);
    (void)catch_up(&w, NULL);
    plan->joined = w.joined.items;
    plan->joined_count = w.joined.count;
    plan->unmanaged = w.unmanaged.items;
    plan->unmanaged_count = w.unmanaged.count;
    plan_problems_make(m, before, f, plan);
    plan_settings_make(m, before, f);
    fold_apps(m, before, plan);
    plan_holds_make(m, before, f, plan);
    plan_freezes_make(m, before, f, plan);
    plan->totals = m->totals;
}

struct hub_plan *hub_plan_make(const struct hub_plan_before *before, const struct hub_fleet *f,
                               const struct hub_plan_filter *filter) {
    static const struct hub_plan_filter all = {0};
    struct owned_plan *own = cm_new(1, sizeof(*own));
    struct plan_making m = {.arena = cm_arena_new(0),
                            .filter = filter != NULL ? filter : &all,
                            .steps = cm_map_new(NULL),
                            .apps = cm_map_new(NULL),
                            .diffs = cm_map_new(NULL),
                            .scratch = cm_arena_new(0)};

    own->arena = m.arena;
    make(own, &m, before, f);
    cm_map_each(m.apps, free_app, NULL);
    cm_map_free(m.apps);
    cm_map_free(m.steps);
    cm_map_free(m.diffs);
    cm_arena_free(m.scratch);
    return &own->public;
}

void hub_plan_free(struct hub_plan *plan) {
    struct owned_plan *own = (struct owned_plan *)(void *)plan;

    if (plan == NULL) {
        return;
    }
    for (size_t i = 0; i < own->state_count; i++) {
        hub_desired_unref(own->states[i]);
    }
    cm_arena_free(own->arena);
    free(own);
}

void hub_plan_freep(struct hub_plan **plan) {
    hub_plan_free(*plan);
}

bool hub_plan_changes(const struct hub_plan *plan) {
    for (size_t i = 0; i < plan->not_compared_count; i++) {
        if (plan->not_compared[i].loses > 0) {
            return true;
        }
    }
    return plan->totals.clusters + plan->totals.settings + plan->joined_count +
               plan->unmanaged_count >
           0;
}

size_t hub_plan_count_problems(const struct hub_plan *plan, enum hub_plan_news news) {
    size_t count = 0;

    for (size_t i = 0; i < plan->problem_count; i++) {
        count += plan->problems[i].news == news ? 1 : 0;
    }
    return count;
}
