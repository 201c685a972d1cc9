// The desired states and problems of before.
#include <stdlib.h>

#include "common/arena.h"
#include "common/mem.h"
#include "hub/plan/internal.h"

struct remembering {
    const struct hub_fleet *fleet;
    struct hub_plan_before *before;
    size_t capacity;
};

static void remember_cluster(void *ctx, const struct hub_cluster_info *info) {
    struct remembering *r = ctx;
    struct hub_plan_before *before = r->before;
    struct hub_desired *state = hub_fleet_desired(r->fleet, info->name);

    if (state == NULL) {
        return;
    }
    before->states = plan_grow(before->arena, before->states, before->count, &r->capacity,
                               sizeof(struct hub_desired *));
    before->states[before->count++] = hub_desired_ref(state);
}

struct hub_plan_before *hub_plan_remember(const struct hub_fleet *f) {
    struct hub_plan_before *before = cm_new(1, sizeof(*before));
    struct remembering r = {.fleet = f, .before = before};

    before->arena = cm_arena_new(0);
    hub_fleet_each_cluster(f, remember_cluster, &r);
    const struct hub_problem *problems = hub_fleet_problems(f, &before->problem_count);
    before->problems = plan_problems_copy(before->arena, problems, before->problem_count);
    plan_settings_remember(before, f);
    plan_unseen_remember(before, f);
    plan_holds_remember(before, f);
    plan_freezes_remember(before, f);
    return before;
}

void hub_plan_before_free(struct hub_plan_before *before) {
    if (before == NULL) {
        return;
    }
    for (size_t i = 0; i < before->count; i++) {
        hub_desired_unref(before->states[i]);
    }
    cm_arena_free(before->arena);
    free(before);
}
