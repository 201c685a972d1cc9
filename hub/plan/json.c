// A plan as JSON: exact, nothing is folded or cut.
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/object/diff.h"
#include "common/str.h"
#include "hub/plan/show.h"
#include "hub/render/bundle.h"

static const char *const actions[HUB_PLAN_ACTIONS] = {
    [HUB_PLAN_LEAVES] = "leaves", [HUB_PLAN_REMOVED] = "delete",    [HUB_PLAN_RELEASED] = "release",
    [HUB_PLAN_MOVED] = "moveTo",  [HUB_PLAN_COMES] = "comes",       [HUB_PLAN_OPTION] = "option",
    [HUB_PLAN_RUNS] = "runHook",  [HUB_PLAN_ADDED] = "add",         [HUB_PLAN_TAKEN] = "takeFrom",
    [HUB_PLAN_FIELD] = "field",   [HUB_PLAN_REWRITTEN] = "rewrite",
};

static struct cm_json *names(struct cm_arena *a, const char *const *items, size_t count) {
    struct cm_json *list = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < count; i++) {
        cm_json_append(list, cm_json_new_string(a, items[i]));
    }
    return list;
}

static void set_text(struct cm_arena *a, struct cm_json *row, const char *name, const char *text) {
    cm_json_set_string(a, row, name, text[0] == '\0' ? NULL : text);
}

static void set_value(struct cm_arena *a, struct cm_json *row, const char *name,
                      const struct cm_json *value) {
    if (value != NULL) {
        cm_json_set(a, row, name, cm_json_copy(a, value));
    }
}

static void set_object(struct cm_arena *a, struct cm_json *row, const struct hub_object *object) {
    static const struct cm_json_limits limits = {(size_t)1 << 30, CM_JSON_DEPTH_MAX,
                                                 (size_t)1 << 30};
    struct cm_json *tree = NULL;
    struct cm_err err;

    if (object == NULL || object->bytes == NULL ||
        cm_json_parse(a, (const char *)object->bytes->data, object->bytes->size, &limits, &tree,
                      &err) < 0) {
        return;
    }
    cm_object_mask(a, tree);
    cm_json_set(a, row, "content", tree);
}

static struct cm_json *change_row(struct cm_arena *a, const struct hub_plan_change *change) {
    struct cm_json *row = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, row, "action", actions[change->action]);
    set_text(a, row, "object", change->key);
    set_text(a, row, change->action == HUB_PLAN_RUNS ? "hook" : "path", change->path);
    set_text(a, row, "app", change->app);
    set_value(a, row, "before", change->before);
    set_value(a, row, "after", change->after);
    set_object(a, row, change->object);
    return row;
}

static struct cm_json *group_row(struct cm_arena *a, const struct hub_plan_group *group) {
    struct cm_json *row = cm_json_new(a, CM_OBJECT);
    struct cm_json *changes = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < group->change_count; i++) {
        cm_json_append(changes, change_row(a, &group->changes[i]));
    }
    cm_json_set(a, row, "clusters", names(a, group->clusters, group->cluster_count));
    cm_json_set(a, row, "changes", changes);
    return row;
}

static struct cm_json *app_row(struct cm_arena *a, const struct hub_plan_app *app) {
    struct cm_json *row = cm_json_new(a, CM_OBJECT);
    struct cm_json *groups = cm_json_new(a, CM_ARRAY);

    struct cm_json *settings = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < app->group_count; i++) {
        cm_json_append(groups, group_row(a, &app->groups[i]));
    }
    for (size_t i = 0; i < app->setting_count; i++) {
        cm_json_append(settings, change_row(a, &app->settings[i]));
    }
    cm_json_set_string(a, row, "app", app->name);
    cm_json_set_int(a, row, "clusters", (int64_t)app->clusters);
    cm_json_set_int(a, row, "suspended", (int64_t)app->suspended);
    cm_json_set_int(a, row, "held", (int64_t)app->held);
    cm_json_set_bool(a, row, "wasWrong", app->was_wrong);
    cm_json_set(a, row, "later", settings);
    cm_json_set(a, row, "groups", groups);
    return row;
}

static struct cm_json *totals_row(struct cm_arena *a, const struct hub_plan *plan) {
    const struct hub_plan_totals *t = &plan->totals;
    struct cm_json *row = cm_json_new(a, CM_OBJECT);

    cm_json_set_int(a, row, "clusters", (int64_t)t->clusters);
    cm_json_set_int(a, row, "deleted", (int64_t)t->removed);
    cm_json_set_int(a, row, "released", (int64_t)t->released);
    cm_json_set_int(a, row, "moved", (int64_t)t->moved);
    cm_json_set_int(a, row, "added", (int64_t)t->added);
    cm_json_set_int(a, row, "changed", (int64_t)t->changed);
    return row;
}

static struct cm_json *problem_rows(struct cm_arena *a, const struct hub_plan *plan) {
    static const char *const news[] = {
        [HUB_PLAN_NEW] = "new", [HUB_PLAN_KNOWN] = "known", [HUB_PLAN_MENDED] = "mended"};
    struct cm_json *rows = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < plan->problem_count; i++) {
        struct cm_json *row = hub_problem_json(a, &plan->problems[i].problem);

        cm_json_set_string(a, row, "news", news[plan->problems[i].news]);
        cm_json_append(rows, row);
    }
    return rows;
}

static struct cm_json *not_compared_rows(struct cm_arena *a, const struct hub_plan *plan) {
    struct cm_json *list = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < plan->not_compared_count; i++) {
        const struct hub_plan_unseen *unseen = &plan->not_compared[i];
        struct cm_json *row = cm_json_new(a, CM_OBJECT);

        cm_json_set_string(a, row, "app", unseen->name);
        cm_json_set_bool(a, row, "deleted", unseen->gone);
        cm_json_set_int(a, row, "losesClusters", (int64_t)unseen->loses);
        cm_json_append(list, row);
    }
    return list;
}

static struct cm_json *hold_rows(struct cm_arena *a, const struct hub_plan *plan) {
    struct cm_json *list = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < plan->hold_count; i++) {
        const struct hub_plan_hold *hold = &plan->holds[i];
        struct cm_json *row = cm_json_new(a, CM_OBJECT);

        cm_json_set_string(a, row, "hold", hold->name);
        cm_json_set_string(a, row, "app", hold->app);
        cm_json_set_string(a, row, "path", hold->path);
        cm_json_set_string(a, row, "rejected", hold->rejected);
        cm_json_set_string(a, row, "restored", hold->restored);
        cm_json_set_int(a, row, "clusters", (int64_t)hold->clusters);
        cm_json_set_int(a, row, "clustersBefore", (int64_t)hold->before);
        cm_json_set_bool(a, row, "retry", hold->retry);
        cm_json_set_bool(a, row, "deleted", hold->gone);
        cm_json_append(list, row);
    }
    return list;
}

static struct cm_json *freeze_rows(struct cm_arena *a, const struct hub_plan *plan) {
    struct cm_json *list = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < plan->freeze_count; i++) {
        const struct hub_plan_freeze *freeze = &plan->freezes[i];
        struct cm_json *row = cm_json_new(a, CM_OBJECT);

        cm_json_set_string(a, row, "freeze", freeze->name);
        cm_json_set_string(a, row, "app", freeze->app);
        cm_json_set_string(a, row, "where", freeze->where);
        cm_json_set_string(a, row, "path", freeze->path);
        cm_json_set_string(a, row, "reason", freeze->reason);
        cm_json_set_string(a, row, "until", freeze->until);
        cm_json_set_bool(a, row, "deleted", freeze->gone);
        cm_json_append(list, row);
    }
    return list;
}

static struct cm_json *owned_rows(struct cm_arena *a, const struct hub_plan_live *live) {
    struct cm_json *rows = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < live->owned_count; i++) {
        const struct hub_plan_owned *owned = &live->owned[i];
        struct cm_json *row = cm_json_new(a, CM_OBJECT);

        cm_json_set_string(a, row, "app", owned->app);
        cm_json_set_string(a, row, "object", owned->key);
        cm_json_set_string(a, row, "owner", owned->owner);
        cm_json_set(a, row, "clusters", names(a, owned->clusters, owned->cluster_count));
        cm_json_append(rows, row);
    }
    return rows;
}

static struct cm_json *blind_rows(struct cm_arena *a, const struct hub_plan_live *live) {
    struct cm_json *rows = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < live->blind_count; i++) {
        struct cm_json *row = cm_json_new(a, CM_OBJECT);

        cm_json_set_string(a, row, "why", live->blind[i].why);
        cm_json_set(a, row, "clusters",
                    names(a, live->blind[i].clusters, live->blind[i].cluster_count));
        cm_json_append(rows, row);
    }
    return rows;
}

struct cm_json *hub_plan_json(struct cm_arena *a, const struct hub_plan *plan,
                              const struct hub_plan_view *view) {
    struct cm_json *root = cm_json_new(a, CM_OBJECT);
    struct cm_json *apps = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < plan->app_count; i++) {
        cm_json_append(apps, app_row(a, &plan->apps[i]));
    }
    cm_json_set_string(a, root, "from", view->from);
    cm_json_set_string(a, root, "to", view->to);
    cm_json_set_bool(a, root, "changes", hub_plan_changes(plan));
    cm_json_set(a, root, "objects", totals_row(a, plan));
    cm_json_set(a, root, "newClusters", names(a, plan->joined, plan->joined_count));
    cm_json_set(a, root, "unmanagedClusters", names(a, plan->unmanaged, plan->unmanaged_count));
    cm_json_set(a, root, "apps", apps);
    cm_json_set(a, root, "notCompared", not_compared_rows(a, plan));
    cm_json_set(a, root, "holds", hold_rows(a, plan));
    cm_json_set(a, root, "freezes", freeze_rows(a, plan));
    cm_json_set(a, root, "problems", problem_rows(a, plan));
    if (view->live != NULL) {
        cm_json_set(a, root, "owned", owned_rows(a, view->live));
        cm_json_set(a, root, "notLooked", blind_rows(a, view->live));
    }
    return root;
}
