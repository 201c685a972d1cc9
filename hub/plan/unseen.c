// Apps whose manifests are in repositories that are not here: they cannot be compared, but that one
// is deleted, or for fewer clusters, is known and must be told.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/plan/internal.h"

// names_waiting returns the names of Apps that wait for a source.
static struct cm_map *names_waiting(const struct hub_fleet *f) {
    struct cm_map *names = cm_map_new(NULL);
    size_t count;
    const struct hub_problem *problems = hub_fleet_problems(f, &count);

    for (size_t i = 0; i < count; i++) {
        if (problems[i].waiting && problems[i].app != NULL) {
            cm_map_put(names, problems[i].app, names);
        }
    }
    return names;
}

struct listing {
    struct cm_arena *arena;
    struct cm_map *names;
    struct plan_waiting *items;
    size_t count;
    size_t capacity;
};

static void list_app(void *ctx, const struct hub_app_info *info) {
    struct listing *l = ctx;

    if (cm_map_get(l->names, info->name) == NULL) {
        return;
    }
    l->items = plan_grow(l->arena, l->items, l->count, &l->capacity, sizeof(*l->items));
    l->items[l->count++] = (struct plan_waiting){.name = cm_arena_strdup(l->arena, info->name),
                                                 .clusters = info->clusters,
                                                 .prune = info->prune};
}

void plan_unseen_remember(struct hub_plan_before *before, const struct hub_fleet *f) {
    CM_CLEANUP(cm_map_freep) struct cm_map *names = names_waiting(f);
    struct listing l = {.arena = before->arena, .names = names};

    hub_fleet_each_app(f, list_app, &l);
    before->waiting = l.items;
    before->waiting_count = l.count;
}

// ---- Now

static void count_app(void *ctx, const struct hub_app_info *info) {
    size_t *clusters = cm_map_get(ctx, info->name);

    if (clusters != NULL) {
        *clusters = info->clusters;
    }
}

#define IS_GONE SIZE_MAX

// clusters_now tells for each App that waited, or waits now, on how many clusters it is.
static struct cm_map *clusters_now(const struct hub_plan_before *before,
                                   const struct hub_fleet *f) {
    CM_CLEANUP(cm_map_freep) struct cm_map *waiting = names_waiting(f);
    CM_AUTOFREE const char **names = cm_map_keys(waiting);
    struct cm_map *clusters = cm_map_new(free);

    for (size_t i = 0; i < before->waiting_count + cm_map_len(waiting); i++) {
        const char *name =
            i < before->waiting_count ? before->waiting[i].name : names[i - before->waiting_count];
        size_t *count = cm_new(1, sizeof(*count));

        *count = IS_GONE;
        cm_map_put(clusters, name, count);
    }
    hub_fleet_each_app(f, count_app, clusters);
    return clusters;
}

static const struct plan_waiting *find(const struct hub_plan_before *before, const char *name) {
    for (size_t i = 0; i < before->waiting_count; i++) {
        if (strcmp(before->waiting[i].name, name) == 0) {
            return &before->waiting[i];
        }
    }
    return NULL;
}

static struct hub_plan_unseen unseen(struct cm_arena *a, const char *name, size_t now,
                                     const struct plan_waiting *was) {
    size_t left = now == IS_GONE ? 0 : now;

    return (struct hub_plan_unseen){
        .name = cm_arena_strdup(a, name),
        .gone = now == IS_GONE,
        .loses = was != NULL && was->clusters > left ? was->clusters - left : 0,
        .prune = was != NULL && was->prune};
}

void plan_unseen_make(struct plan_making *m, const struct hub_plan_before *before,
                      const struct hub_fleet *f, struct hub_plan *plan) {
    CM_CLEANUP(cm_map_freep) struct cm_map *clusters = clusters_now(before, f);
    CM_AUTOFREE const char **names = cm_map_keys(clusters);
    size_t count = cm_map_len(clusters);
    struct hub_plan_unseen *items = cm_arena_get(m->arena, (count + 1) * sizeof(*items));
    const char *only = m->filter->app;

    for (size_t i = 0; i < count; i++) {
        const size_t *now = cm_map_get(clusters, names[i]);

        if (only == NULL || strcmp(only, names[i]) == 0) {
            items[plan->not_compared_count++] =
                unseen(m->arena, names[i], *now, find(before, names[i]));
        }
    }
    plan->not_compared = items;
}
