#include "hub/ctl/scope.h"

#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "common/selector.h"
#include "common/str.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/names.h"
#include "hub/fleet/fleet.h"

enum { CLUSTER, GROUP, APP };

struct adding {
    const struct ctl_options *options;
    struct ctl_scope *scope;
    struct cm_map *members;                   // of --group
    const struct cm_label_selector *selector; // NULL: none
};

static bool is_said(const char *text) {
    return text != NULL && text[0] != '\0';
}

void ctl_scope_init(const struct ctl *c, struct ctl_scope *out) {
    const struct ctl_options *o = &c->options;
    bool narrowed = is_said(o->cluster) || is_said(o->group) || is_said(o->selector);

    *out = (struct ctl_scope){.clusters = narrowed ? cm_map_new(NULL) : NULL};
    for (size_t i = 0; i < sizeof(out->names) / sizeof(out->names[0]); i++) {
        out->names[i] = cm_map_new(NULL);
    }
}

void ctl_scope_done(struct ctl_scope *scope) {
    cm_map_free(scope->clusters);
    for (size_t i = 0; i < sizeof(scope->names) / sizeof(scope->names[0]); i++) {
        cm_map_free(scope->names[i]);
    }
    *scope = (struct ctl_scope){0};
}

static void note(struct ctl_scope *scope, int kind, const char *name) {
    cm_map_put(scope->names[kind], name, scope);
}

static void add_group(void *ctx, const struct hub_group_info *info) {
    struct adding *a = ctx;

    note(a->scope, GROUP, info->name);
    if (!is_said(a->options->group) || strcmp(a->options->group, info->name) != 0) {
        return;
    }
    for (size_t i = 0; i < info->cluster_count; i++) {
        cm_map_put(a->members, info->clusters[i], a);
    }
}

static void add_app(void *ctx, const struct hub_app_info *info) {
    const struct adding *a = ctx;

    note(a->scope, APP, info->name);
}

static void add_cluster(void *ctx, const struct hub_cluster_info *info) {
    const struct adding *a = ctx;
    const struct ctl_options *o = a->options;

    note(a->scope, CLUSTER, info->name);
    if ((is_said(o->cluster) && strcmp(o->cluster, info->name) != 0) ||
        (is_said(o->group) && cm_map_get(a->members, info->name) == NULL) ||
        (a->selector != NULL && !cm_label_selector_match(a->selector, info->labels))) {
        return;
    }
    cm_map_put(a->scope->clusters, info->name, a->scope);
}

// add_broken_apps adds the names of Apps that are not there because something is wrong with them.
static void add_broken_apps(struct ctl_scope *scope, const struct hub_fleet *fleet) {
    size_t count;
    const struct hub_problem *problems = hub_fleet_problems(fleet, &count);

    for (size_t i = 0; i < count; i++) {
        if (problems[i].app != NULL) {
            note(scope, APP, problems[i].app);
        }
    }
}

enum cm_rc ctl_scope_add(struct ctl *c, struct ctl_scope *scope, const struct hub_fleet *fleet) {
    CM_CLEANUP(cm_map_freep) struct cm_map *members = cm_map_new(NULL);
    struct adding a = {.options = &c->options, .scope = scope, .members = members};
    struct cm_label_selector selector;

    if (is_said(c->options.selector)) {
        if (cm_label_selector_parse(c->arena, c->options.selector, &selector, &c->err) < 0) {
            return c->err.code;
        }
        a.selector = &selector;
    }
    hub_fleet_each_group(fleet, add_group, &a);
    hub_fleet_each_app(fleet, add_app, &a);
    add_broken_apps(scope, fleet);
    if (scope->clusters != NULL) {
        hub_fleet_each_cluster(fleet, add_cluster, &a);
    }
    return CM_OK;
}

static enum cm_rc check(struct ctl *c, const struct ctl_scope *scope, int kind, const char *name) {
    static const char *const words[] = {[CLUSTER] = "cluster", [GROUP] = "group", [APP] = "App"};
    const struct cm_map *names = scope->names[kind];

    if (!is_said(name) || cm_map_get(names, name) != NULL) {
        return CM_OK;
    }
    CM_AUTOFREE const char **keys = cm_map_keys(names);
    const char *nearest = cm_str_nearest(name, keys, cm_map_len(names));
    return cm_fail(&c->err, CM_ENOTFOUND, "no %s is named '%.100s'%s%s%s", words[kind], name,
                   nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
                   nearest != NULL ? "'?" : "");
}

enum cm_rc ctl_scope_check(struct ctl *c, const struct ctl_scope *scope) {
    if (check(c, scope, CLUSTER, c->options.cluster) < 0 ||
        check(c, scope, GROUP, c->options.group) < 0 || check(c, scope, APP, c->options.app) < 0) {
        return c->err.code;
    }
    if (is_said(c->options.selector) && !is_said(c->options.cluster) &&
        !is_said(c->options.group) && cm_map_len(scope->clusters) == 0) {
        return ctl_fail_selector(c);
    }
    return CM_OK;
}

enum cm_rc ctl_scope_find_app(struct ctl *c, const struct ctl_scope *scope, const char *name) {
    return check(c, scope, APP, name);
}

bool ctl_scope_wants(void *ctx, const char *cluster) {
    const struct ctl_scope *scope = ctx;

    return scope->clusters == NULL || cm_map_get(scope->clusters, cluster) != NULL;
}
