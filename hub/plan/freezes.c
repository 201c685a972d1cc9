// Freezes that matter to a commit: those that it brings or takes away, and those that keep a change
// from being applied for now.
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/str.h"
#include "hub/hold/freeze.h"
#include "hub/plan/internal.h"
#include "hub/plan/show.h"

struct listing {
    struct cm_arena *a;
    struct hub_plan_freeze *items;
    size_t count;
    size_t capacity;
};

static const char *where_of(struct cm_arena *a, const struct hub_freeze *f) {
    if (f->cluster[0] != '\0') {
        return cm_arena_strf(a, "cluster %s", f->cluster);
    }
    if (f->group[0] != '\0') {
        return cm_arena_strf(a, "group %s", f->group);
    }
    return f->selector[0] != '\0' ? cm_arena_strf(a, "clusters with %s", f->selector)
                                  : cm_arena_strdup(a, "all clusters");
}

static const char *until_of(struct cm_arena *a, int64_t ms) {
    char text[CM_CLOCK_TEXT_MAX] = "";

    if (ms != 0) {
        cm_clock_format(ms, text);
    }
    return cm_arena_strdup(a, text);
}

static void list_freeze(void *ctx, const struct hub_freeze_info *info) {
    struct listing *l = ctx;

    l->items = plan_grow(l->a, l->items, l->count, &l->capacity, sizeof(*l->items));
    l->items[l->count++] = (struct hub_plan_freeze){
        .name = cm_arena_strdup(l->a, info->freeze->name),
        .app = cm_arena_strdup(l->a, info->freeze->app),
        .where = where_of(l->a, info->freeze),
        .path = cm_arena_strdup(l->a, info->path),
        .reason = cm_arena_strdup(l->a, info->freeze->reason),
        .until = until_of(l->a, info->freeze->until_ms),
    };
}

void plan_freezes_remember(struct hub_plan_before *before, const struct hub_fleet *f) {
    struct listing l = {.a = before->arena};

    hub_fleet_each_freeze(f, list_freeze, &l);
    before->freezes = l.items;
    before->freeze_count = l.count;
}

static bool is_among(const struct hub_plan_freeze *items, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(items[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

// touches tells whether something of an App ("": of any) changes.
static bool touches(const struct hub_plan *plan, const char *app) {
    for (size_t i = 0; i < plan->app_count; i++) {
        if (plan->apps[i].group_count > 0 &&
            (app[0] == '\0' || strcmp(plan->apps[i].name, app) == 0)) {
            return true;
        }
    }
    return false;
}

static struct hub_plan_freeze copy_gone(struct cm_arena *a, const struct hub_plan_freeze *was) {
    return (struct hub_plan_freeze){.name = cm_arena_strdup(a, was->name),
                                    .app = cm_arena_strdup(a, was->app),
                                    .where = cm_arena_strdup(a, was->where),
                                    .path = cm_arena_strdup(a, was->path),
                                    .reason = cm_arena_strdup(a, was->reason),
                                    .until = cm_arena_strdup(a, was->until),
                                    .gone = true};
}

void plan_freezes_make(struct plan_making *m, const struct hub_plan_before *before,
                       const struct hub_fleet *f, struct hub_plan *plan) {
    const char *only = m->filter->app;
    struct listing now = {.a = m->arena};

    hub_fleet_each_freeze(f, list_freeze, &now);
    for (size_t i = 0; i < now.count; i++) {
        now.items[i].is_new = !is_among(before->freezes, before->freeze_count, now.items[i].name);
    }
    for (size_t i = 0; i < before->freeze_count; i++) {
        if (!is_among(now.items, now.count, before->freezes[i].name)) {
            now.items =
                plan_grow(m->arena, now.items, now.count, &now.capacity, sizeof(*now.items));
            now.items[now.count++] = copy_gone(m->arena, &before->freezes[i]);
        }
    }
    for (size_t i = 0; i < now.count; i++) {
        const struct hub_plan_freeze *one = &now.items[i];
        bool asked = only == NULL || one->app[0] == '\0' || strcmp(only, one->app) == 0;

        if (asked && (one->is_new || one->gone || touches(plan, one->app))) {
            now.items[plan->freeze_count++] = *one;
        }
    }
    plan->freezes = now.items;
}

void hub_plan_freeze_words(const struct hub_plan_freeze *freeze, struct cm_str *out) {
    cm_str_addf(out, "%s%s on %s ", freeze->app[0] == '\0' ? "all Apps" : "App ", freeze->app,
                freeze->where);
    if (freeze->gone) {
        cm_str_addf(out, "%s frozen no longer: what waited is applied",
                    freeze->app[0] == '\0' ? "are" : "is");
    } else {
        cm_str_addf(out, "%s frozen%s%s (%.200s): nothing is applied there meanwhile",
                    freeze->app[0] == '\0' ? "are" : "is",
                    freeze->until[0] == '\0' ? "" : " until ", freeze->until, freeze->reason);
    }
    cm_str_addf(out, ", %s", freeze->path);
}
