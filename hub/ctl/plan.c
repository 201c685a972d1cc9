// plan.c: `holdfast plan`: what a change does on which clusters, before it is merged.
#include "hub/plan/plan.h"

#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/live.h"
#include "hub/ctl/offline.h"
#include "hub/ctl/print.h"
#include "hub/ctl/range.h"
#include "hub/ctl/scope.h"
#include "hub/plan/show.h"

#define CTL_CHANGES 3 // --exit-code

// read_words tells a range from a folder: plan [RANGE] [DIR]. A word that could be both is a range
// if it has "..", and must be written as ./word to be a folder.
static int read_words(struct ctl *c, const char **range, const char **dir) {
    *range = NULL;
    *dir = ".";
    if (c->argc > 2) {
        return ctl_fail(c, CM_EINVAL, "plan: name a range such as main...HEAD, and a folder");
    }
    if (c->argc == 2 && !ctl_range_is_folder(c->argv[1]) && strstr(c->argv[0], "..") == NULL) {
        return ctl_fail(c, CM_EINVAL,
                        "plan: there is no folder '%.100s'; write two commits as "
                        "%.100s..%.100s",
                        c->argv[1], c->argv[0], c->argv[1]);
    }
    if (c->argc == 2) {
        *range = c->argv[0];
        *dir = c->argv[1];
    } else if (c->argc == 1 && ctl_range_is_folder(c->argv[0])) {
        *dir = c->argv[0];
    } else if (c->argc == 1) {
        *range = c->argv[0];
    }
    return CTL_DONE;
}

// take_second takes in the second side and checks the names that narrow the plan.
static enum cm_rc take_second(struct ctl *c, struct ctl_offline *o, const struct ctl_range *range,
                              struct ctl_scope *scope) {
    bool was_empty = ctl_offline_is_empty(o->fleet);

    if (ctl_offline_advance(c, o, &range->from, range->work ? NULL : &range->to) < 0 ||
        ctl_scope_add(c, scope, o->fleet) < 0) {
        return c->err.code;
    }
    if (was_empty && ctl_offline_is_empty(o->fleet)) {
        return ctl_offline_fail_empty(c, o);
    }
    return ctl_scope_check(c, scope);
}

// make reads the first side, with what counts there before it is merged, remembers what is in
// force, takes in the second, and compares; NULL if one of it fails.
static struct hub_plan *make(struct ctl *c, struct ctl_offline *o, struct ctl_range *range,
                             struct ctl_scope *scope) {
    const struct hub_plan_filter filter = {
        .app = c->options.app, .wants = ctl_scope_wants, .ctx = scope};
    struct hub_plan *plan = NULL;

    if (ctl_offline_begin(c, o, &range->from) < 0 || ctl_scope_add(c, scope, o->fleet) < 0) {
        return NULL;
    }
    if (o->holds != NULL) {
        range->from_say = cm_arena_strf(c->arena, "%s with %s", range->from_say, o->holds);
    }
    struct hub_plan_before *before = hub_plan_remember(o->fleet);
    if (take_second(c, o, range, scope) == CM_OK) {
        plan = hub_plan_make(before, o->fleet, &filter);
    }
    hub_plan_before_free(before);
    return plan;
}

static void print_annotations(const struct hub_plan *plan, const struct hub_plan_view *view,
                              struct cm_str *out) {
    for (size_t i = 0; i < plan->problem_count; i++) {
        const struct hub_plan_problem *p = &plan->problems[i];

        if (p->news != HUB_PLAN_MENDED) {
            hub_problem_annotation(&p->problem, view->folder, "error", out);
        }
    }
}

static void put(FILE *file, const struct cm_str *text) {
    (void)fwrite(cm_str_get(text), 1, text->len, file);
}

// print_github writes the comment to the output, to be kept, and annotations beside it, where a
// runner looks for them as well.
static void print_github(const struct hub_plan *plan, const struct hub_plan_view *view) {
    CM_CLEANUP(cm_str_done) struct cm_str comment = {0};
    CM_CLEANUP(cm_str_done) struct cm_str annotations = {0};

    hub_plan_markdown(plan, view, HUB_PLAN_MARKDOWN_MAX, &comment);
    print_annotations(plan, view, &annotations);
    put(stdout, &comment);
    put(stderr, &annotations);
}

static int print_plan(struct ctl *c, const struct hub_plan *plan,
                      const struct hub_plan_view *view) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    if (ctl_output_is_tree(c)) {
        return ctl_print_value(c, hub_plan_json(c->arena, plan, view)) < 0 ? CTL_ERROR : CTL_DONE;
    }
    if (ctl_output_is(c, "github")) {
        print_github(plan, view);
        return CTL_DONE;
    }
    if (ctl_output_is(c, "markdown")) {
        hub_plan_markdown(plan, view, HUB_PLAN_MARKDOWN_MAX, &text);
    } else {
        hub_plan_text(plan, view, &text);
    }
    put(stdout, &text);
    return CTL_DONE;
}

static int verdict(const struct ctl *c, const struct hub_plan *plan) {
    if (hub_plan_count_problems(plan, HUB_PLAN_NEW) +
            hub_plan_count_problems(plan, HUB_PLAN_KNOWN) >
        0) {
        return CTL_NO;
    }
    return c->options.exit_code && hub_plan_changes(plan) ? CTL_CHANGES : CTL_DONE;
}

static int compare(struct ctl *c, struct ctl_offline *o, const char *words) {
    CM_CLEANUP(ctl_scope_done) struct ctl_scope scope;
    struct ctl_range range;

    ctl_scope_init(c, &scope);
    if (ctl_range_find(c, o, words, &range) < 0) {
        return CTL_ERROR;
    }
    CM_CLEANUP(hub_plan_freep) struct hub_plan *plan = make(c, o, &range, &scope);
    if (plan == NULL) {
        return CTL_ERROR;
    }
    struct hub_plan_live live;
    if (c->options.live && ctl_live(c, plan, o->fleet, &live) < 0) {
        return CTL_ERROR;
    }
    const struct hub_plan_view view = {.live = c->options.live ? &live : NULL,
                                       .from = range.from_say,
                                       .to = range.to_say,
                                       .folder = o->in_repo,
                                       .colour = ctl_bold()[0] != '\0'};
    int code = print_plan(c, plan, &view);
    if (!hub_plan_changes(plan)) {
        ctl_offline_hint(o);
    }
    return code == CTL_DONE ? verdict(c, plan) : CTL_ERROR;
}

static void set_guard(const struct ctl *c, const struct ctl_offline *o) {
    const struct hub_fleet_guard guard = {
        .share_percent = (uint32_t)c->options.removal_share_percent,
        .objects_min = (uint32_t)c->options.removal_objects_min,
        .clusters_min = (uint32_t)c->options.removal_clusters_min};

    hub_fleet_set_guard(o->fleet, &guard);
}

int ctl_plan(struct ctl *c) {
    CM_CLEANUP(ctl_offline_done) struct ctl_offline o = {0};
    const char *range;
    const char *dir;

    if (read_words(c, &range, &dir) != CTL_DONE || ctl_offline_open(c, dir, true, &o) < 0) {
        return CTL_ERROR;
    }
    set_guard(c, &o);
    return compare(c, &o, range);
}
