// Which problems are new, which were there before, which are mended.
//
// A problem is the same if file, words and App are: its line moves when something above it changes.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/plan/internal.h"

static const char *copy(struct cm_arena *a, const char *text) {
    return text == NULL ? NULL : cm_arena_strdup(a, text);
}

static struct hub_problem copy_problem(struct cm_arena *a, const struct hub_problem *p) {
    struct hub_problem own = *p;

    own.repo = copy(a, p->repo);
    own.path = copy(a, p->path);
    own.message = copy(a, p->message);
    own.app = copy(a, p->app);
    own.cluster = copy(a, p->cluster);
    own.removal = copy(a, p->removal);
    return own;
}

struct hub_problem *plan_problems_copy(struct cm_arena *a, const struct hub_problem *problems,
                                       size_t count) {
    struct hub_problem *own = cm_arena_get(a, (count + 1) * sizeof(*own));

    for (size_t i = 0; i < count; i++) {
        own[i] = copy_problem(a, &problems[i]);
    }
    return own;
}

bool plan_problems_touch(const struct hub_problem *problems, size_t count, const char *app) {
    for (size_t i = 0; i < count; i++) {
        if (!problems[i].waiting && problems[i].app != NULL && strcmp(problems[i].app, app) == 0) {
            return true;
        }
    }
    return false;
}

static char *name_of(const struct hub_problem *p) {
    return cm_strf("%s\n%s\n%s\n%s", p->repo, p->path, p->app == NULL ? "" : p->app, p->message);
}

static struct cm_map *names_of(const struct hub_problem *problems, size_t count) {
    struct cm_map *names = cm_map_new(NULL);

    for (size_t i = 0; i < count; i++) {
        CM_AUTOFREE char *name = name_of(&problems[i]);
        cm_map_put(names, name, names);
    }
    return names;
}

// is_wanted: what may concern all, or who knows whom, is never left out.
static bool is_wanted(const struct hub_plan_filter *filter, const struct hub_problem *p) {
    if (filter->app != NULL && p->app != NULL && strcmp(filter->app, p->app) != 0) {
        return false;
    }
    return filter->wants == NULL || p->cluster == NULL || p->clusters != 1 ||
           filter->wants(filter->ctx, p->cluster);
}

struct listing {
    struct plan_making *m;
    struct hub_plan_problem *items;
    size_t count;
};

// list adds the problems that are (or are not) among those named.
static void list(struct listing *l, const struct hub_problem *problems, size_t count,
                 const struct cm_map *others, bool among, enum hub_plan_news news) {
    for (size_t i = 0; i < count; i++) {
        CM_AUTOFREE char *name = name_of(&problems[i]);

        if (!problems[i].waiting && (cm_map_get(others, name) != NULL) == among &&
            is_wanted(l->m->filter, &problems[i])) {
            l->items[l->count++] =
                (struct hub_plan_problem){copy_problem(l->m->arena, &problems[i]), news};
        }
    }
}

void plan_problems_make(struct plan_making *m, const struct hub_plan_before *before,
                        const struct hub_fleet *f, struct hub_plan *plan) {
    size_t count;
    const struct hub_problem *now = hub_fleet_problems(f, &count);
    size_t before_count = before->problem_count;
    CM_CLEANUP(cm_map_freep) struct cm_map *old_names = names_of(before->problems, before_count);
    CM_CLEANUP(cm_map_freep) struct cm_map *new_names = names_of(now, count);
    struct listing l = {.m = m};

    l.items = cm_arena_get(m->arena, (count + before_count + 1) * sizeof(*l.items));
    list(&l, now, count, old_names, false, HUB_PLAN_NEW);
    list(&l, now, count, old_names, true, HUB_PLAN_KNOWN);
    list(&l, before->problems, before_count, new_names, false, HUB_PLAN_MENDED);
    plan->problems = l.items;
    plan->problem_count = l.count;
    plan_unseen_make(m, before, f, plan);
}
