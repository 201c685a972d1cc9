// validate.c: `holdfast validate`: all that is wrong with a fleet repository, before it is pushed.
#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/offline.h"
#include "hub/ctl/print.h"
#include "hub/ctl/range.h"
#include "hub/fleet/fleet.h"
#include "hub/plan/show.h"

struct report {
    struct ctl *c;
    const struct ctl_offline *o;
    struct cm_json *list; // -o json
    struct cm_str text;
    size_t errors;
    size_t warnings;
    size_t clusters;
    struct cm_map *apps;           // their names
    struct cm_map *release_groups; // name -> how many Apps it has
};

static void add(struct report *r, const struct hub_problem *p, const char *level) {
    bool warning = level[0] == 'w';

    *(warning ? &r->warnings : &r->errors) += 1;
    if (ctl_output_is(r->c, "github")) {
        hub_problem_annotation(p, r->o->in_repo, level, &r->text);
    } else if (ctl_output_is_tree(r->c)) {
        struct cm_json *row = hub_problem_json(r->c->arena, p);

        cm_json_set_string(r->c->arena, row, "level", level);
        cm_json_append(r->list, row);
    } else {
        cm_str_add(&r->text, warning ? "warning: " : "");
        hub_problem_line(p, r->o->shown, &r->text);
        cm_str_add_char(&r->text, '\n');
    }
}

static void add_errors(struct report *r) {
    size_t count;
    const struct hub_problem *problems = hub_fleet_problems(r->o->fleet, &count);

    for (size_t i = 0; i < count; i++) {
        if (!problems[i].waiting) {
            add(r, &problems[i], "error");
        }
    }
}

static void add_unchecked(struct report *r) {
    size_t count;
    const struct hub_problem *problems = hub_fleet_problems(r->o->fleet, &count);

    for (size_t i = 0; i < count; i++) {
        if (problems[i].waiting) {
            struct hub_problem problem = problems[i];

            problem.message = "this App is not checked: its manifests are in another repository; "
                              "say where that is with --source NAME=DIR";
            add(r, &problem, "warning");
        }
    }
}

// ---- Warnings: what is right and surely not meant

static void warn(struct report *r, struct hub_problem at, const char *message) {
    at.message = message;
    add(r, &at, "warning");
}

static void count_cluster(void *ctx, const struct hub_cluster_info *info) {
    struct report *r = ctx;

    (void)info;
    r->clusters++;
}

static void look_at_app(void *ctx, const struct hub_app_info *info) {
    struct report *r = ctx;

    cm_map_put(r->apps, info->name, r);
    if (info->clusters == 0 && info->source == NULL && r->errors == 0) {
        CM_AUTOFREE char *message =
            cm_strf("App '%s' is on no cluster: no target of it matches one", info->name);

        warn(r, (struct hub_problem){.repo = info->repo, .path = info->path, .app = info->name},
             message);
    }
}

// ---- Release groups

static void count_group(void *ctx, const struct hub_app_info *info) {
    struct report *r = ctx;

    if (info->release_group != NULL) {
        size_t *count = cm_map_get(r->release_groups, info->release_group);

        if (count == NULL) {
            count = cm_new(1, sizeof(*count));
            cm_map_put(r->release_groups, info->release_group, count);
        }
        (*count)++;
    }
}

static void look_at_release_group(void *ctx, const struct hub_app_info *info) {
    struct report *r = ctx;
    const size_t *count =
        info->release_group != NULL ? cm_map_get(r->release_groups, info->release_group) : NULL;

    if (count == NULL || *count > 1 || r->errors > 0) {
        return;
    }
    CM_AUTOFREE char *message = cm_strf("no other App is in the release group '%s': correct the "
                                        "name, or remove it",
                                        info->release_group);
    warn(r,
         (struct hub_problem){.repo = info->repo,
                              .path = info->path,
                              .line = info->group_line,
                              .column = info->group_column,
                              .app = info->name},
         message);
}

static void look_at_group(void *ctx, const struct hub_group_info *info) {
    struct report *r = ctx;

    if (info->cluster_count == 0 && r->errors == 0) {
        CM_AUTOFREE char *message = cm_strf(
            "group '%s' has no members: no cluster has the labels that it selects", info->name);

        warn(r, (struct hub_problem){.repo = info->repo, .path = info->path}, message);
    }
}

// look_at_confirmation: that an App is not there may be what it confirms; a name that is nearly
// that of another App is a mistake.
static void look_at_confirmation(void *ctx, const struct hub_confirmation_info *info) {
    struct report *r = ctx;

    if (cm_map_get(r->apps, info->app) != NULL) {
        return;
    }
    CM_AUTOFREE const char **names = cm_map_keys(r->apps);
    const char *nearest = cm_str_nearest(info->app, names, cm_map_len(r->apps));
    if (nearest == NULL) {
        return;
    }
    CM_AUTOFREE char *message = cm_strf(
        "no App is named '%s', so it may confirm nothing; did you mean '%s'?", info->app, nearest);
    warn(r,
         (struct hub_problem){.repo = info->repo,
                              .path = info->path,
                              .line = info->line,
                              .column = info->column,
                              .app = info->app},
         message);
}

// look_at_hold: what the hub wrote may name what is gone; of what people wrote that is an error.
static void look_at_hold(void *ctx, const struct hub_hold_info *info) {
    const char *name = info->gone_app != NULL ? info->gone_app : info->gone_cluster;

    if (name == NULL) {
        return;
    }
    CM_AUTOFREE char *message =
        cm_strf("no %s is named '%s': if it is gone, the hub takes this Hold out once no cluster "
                "of it has the App any more; else correct the name",
                info->gone_app != NULL ? "App" : "Cluster", name);
    warn(ctx, (struct hub_problem){.repo = info->repo, .path = info->path}, message);
}

// ---- The verdict

static const char *plural(size_t count) {
    return count == 1 ? "" : "s";
}

static void add_verdict(struct report *r) {
    const char *holds = r->o->holds; // may be what is wrong

    if (r->errors == 0) {
        cm_str_addf(&r->text, "%zu App%s on %zu cluster%s%s%s: no problems", cm_map_len(r->apps),
                    plural(cm_map_len(r->apps)), r->clusters, plural(r->clusters),
                    holds != NULL ? ", with " : "", holds != NULL ? holds : "");
    } else {
        cm_str_addf(&r->text, "%zu problem%s%s%s", r->errors, plural(r->errors),
                    holds != NULL ? ", with " : "", holds != NULL ? holds : "");
    }
    if (r->warnings > 0) {
        cm_str_addf(&r->text, ", %zu warning%s", r->warnings, plural(r->warnings));
    }
    cm_str_add_char(&r->text, '\n');
}

static int print(struct ctl *c, const struct ctl_offline *o) {
    struct report r = {.c = c,
                       .o = o,
                       .list = cm_json_new(c->arena, CM_ARRAY),
                       .apps = cm_map_new(NULL),
                       .release_groups = cm_map_new(free)};
    int code = CTL_DONE;

    add_errors(&r);
    add_unchecked(&r);
    hub_fleet_each_cluster(o->fleet, count_cluster, &r);
    hub_fleet_each_app(o->fleet, look_at_app, &r);
    hub_fleet_each_app(o->fleet, count_group, &r);
    hub_fleet_each_app(o->fleet, look_at_release_group, &r);
    hub_fleet_each_group(o->fleet, look_at_group, &r);
    hub_fleet_each_confirmation(o->fleet, look_at_confirmation, &r);
    hub_fleet_each_hold(o->fleet, look_at_hold, &r);
    if (ctl_output_is_tree(c)) {
        code = ctl_print_value(c, r.list) < 0 ? CTL_ERROR : CTL_DONE;
    } else {
        if (!ctl_output_is(c, "github")) {
            add_verdict(&r);
        }
        (void)fwrite(cm_str_get(&r.text), 1, r.text.len, stdout);
    }
    cm_map_free(r.release_groups);
    cm_map_free(r.apps);
    cm_str_done(&r.text);
    return code == CTL_DONE && r.errors > 0 ? CTL_NO : code;
}

int ctl_validate(struct ctl *c) {
    CM_CLEANUP(ctl_offline_done) struct ctl_offline o = {0};

    if (c->argc > 1) {
        return ctl_fail(c, CM_EINVAL, "validate: name one folder");
    }
    if (c->argc == 1 && !ctl_range_is_folder(c->argv[0])) {
        return ctl_fail(c, CM_ENOTFOUND,
                        "there is no folder '%.200s': name the root folder of the fleet",
                        c->argv[0]);
    }
    if (ctl_offline_open(c, c->argc == 0 ? "." : c->argv[0], ctl_offline_wants_commit(c), &o) < 0 ||
        ctl_offline_load(c, &o) < 0) {
        return CTL_ERROR;
    }
    int code = print(c, &o);
    ctl_offline_hint(&o);
    return code;
}
