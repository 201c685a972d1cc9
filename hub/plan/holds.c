// Holds that matter to a commit: those that come into force, end, or keep something of it out.
#include <string.h>

#include "common/arena.h"
#include "common/str.h"
#include "hub/hold/hold.h"
#include "hub/plan/internal.h"
#include "hub/plan/show.h"

struct listing {
    struct cm_arena *a;
    struct hub_plan_hold *items;
    size_t count;
    size_t capacity;
};

static void list_hold(void *ctx, const struct hub_hold_info *info) {
    struct listing *l = ctx;
    const struct hub_hold_cause *cause = &info->hold->cause;

    l->items = plan_grow(l->a, l->items, l->count, &l->capacity, sizeof(*l->items));
    l->items[l->count++] = (struct hub_plan_hold){
        .name = cm_arena_strdup(l->a, info->hold->name),
        .app = cm_arena_strdup(l->a, info->hold->app),
        .path = cm_arena_strdup(l->a, info->path),
        .rejected = cm_arena_strdup(l->a, info->rejected),
        .restored = cm_arena_strdup(l->a, info->restored),
        .controller = cm_arena_strdup(l->a, cause->controller),
        .text = cm_arena_strdup(l->a, cause->text),
        .clusters = info->in_force,
        .retry = info->hold->retry,
    };
}

void plan_holds_remember(struct hub_plan_before *before, const struct hub_fleet *f) {
    struct listing l = {.a = before->arena};

    hub_fleet_each_hold(f, list_hold, &l);
    before->holds = l.items;
    before->hold_count = l.count;
}

static const struct hub_plan_hold *find(const struct hub_plan_hold *items, size_t count,
                                        const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(items[i].name, name) == 0) {
            return &items[i];
        }
    }
    return NULL;
}

// touches tells whether something of an App changes.
static bool touches(const struct hub_plan *plan, const char *app) {
    for (size_t i = 0; i < plan->app_count; i++) {
        if (strcmp(plan->apps[i].name, app) == 0) {
            return plan->apps[i].group_count > 0;
        }
    }
    return false;
}

// matters tells whether a Hold is to be told of.
static bool matters(const struct hub_plan *plan, const struct hub_plan_hold *hold) {
    return hold->clusters != hold->before || (hold->clusters > 0 && touches(plan, hold->app));
}

static struct hub_plan_hold copy_gone(struct cm_arena *a, const struct hub_plan_hold *was) {
    struct hub_plan_hold hold = *was;

    hold.name = cm_arena_strdup(a, was->name);
    hold.app = cm_arena_strdup(a, was->app);
    hold.path = cm_arena_strdup(a, was->path);
    hold.rejected = cm_arena_strdup(a, was->rejected);
    hold.restored = cm_arena_strdup(a, was->restored);
    hold.controller = cm_arena_strdup(a, was->controller);
    hold.text = cm_arena_strdup(a, was->text);
    hold.before = was->clusters;
    hold.clusters = 0;
    hold.gone = true;
    return hold;
}

void plan_holds_make(struct plan_making *m, const struct hub_plan_before *before,
                     const struct hub_fleet *f, struct hub_plan *plan) {
    struct listing now = {.a = m->arena};

    hub_fleet_each_hold(f, list_hold, &now);
    for (size_t i = 0; i < now.count; i++) {
        const struct hub_plan_hold *was =
            find(before->holds, before->hold_count, now.items[i].name);

        now.items[i].before = was != NULL ? was->clusters : 0;
    }
    for (size_t i = 0; i < before->hold_count; i++) {
        if (find(now.items, now.count, before->holds[i].name) == NULL) {
            now.items =
                plan_grow(m->arena, now.items, now.count, &now.capacity, sizeof(*now.items));
            now.items[now.count++] = copy_gone(m->arena, &before->holds[i]);
        }
    }
    for (size_t i = 0; i < now.count; i++) {
        const char *only = m->filter->app;

        if (matters(plan, &now.items[i]) && (only == NULL || strcmp(only, now.items[i].app) == 0)) {
            now.items[plan->hold_count++] = now.items[i];
        }
    }
    plan->holds = now.items;
}

static void add_cause(const struct hub_plan_hold *hold, struct cm_str *out) {
    if (hold->controller[0] != '\0' || hold->text[0] != '\0') {
        cm_str_addf(out, " (%s%s%.200s)", hold->controller,
                    hold->controller[0] != '\0' && hold->text[0] != '\0' ? ": " : "", hold->text);
    }
}

void hub_plan_hold_words(const struct hub_plan_hold *hold, struct cm_str *out) {
    const char *plural = (hold->clusters > 0 ? hold->clusters : hold->before) == 1 ? "" : "s";

    cm_str_addf(out, "App %s ", hold->app);
    if (hold->clusters > 0) {
        cm_str_addf(out, "is held on %zu cluster%s: it stays on %s instead of %s", hold->clusters,
                    plural, hold->restored, hold->rejected);
        add_cause(hold, out);
    } else if (hold->gone) {
        cm_str_addf(out,
                    "was held on %zu cluster%s at %s, and the Hold leaves Git: a hub that knows "
                    "the decision keeps %s out all the same and writes the file again; to try it "
                    "again, set retry: true",
                    hold->before, plural, hold->restored, hold->rejected);
    } else if (hold->retry) {
        cm_str_addf(out, "tries %s again on %zu cluster%s", hold->rejected, hold->before, plural);
    } else {
        cm_str_addf(out, "is held no longer on %zu cluster%s: Git says another release than %s",
                    hold->before, plural, hold->rejected);
    }
    cm_str_addf(out, "%s%s", hold->path[0] != '\0' ? ", " : "", hold->path);
}
