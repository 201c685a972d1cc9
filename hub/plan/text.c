// A plan for a terminal.
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/plan/paint.h"
#include "hub/plan/show.h"

static void begin(const struct paint *p) {
    if (p->out->len > 0) {
        cm_str_add_char(p->out, '\n');
    }
}

static void write_deletions(const struct paint *p, const struct hub_plan *plan) {
    if (plan->totals.removed == 0) {
        return;
    }
    begin(p);
    paint_line(p, PAINT_REMOVE, 0, "DELETES %zu object%s (counted on each cluster)",
               plan->totals.removed, paint_plural(plan->totals.removed));
    (void)paint_deletions(p, plan);
}

// write_waits shows the documents that what waits needs, as they can be copied into a file.
static void write_waits(const struct paint *p, const struct hub_plan *plan) {
    CM_CLEANUP(cm_str_done) struct cm_str documents = {0};
    size_t count = hub_plan_confirmations(plan, &documents);

    if (count == 0) {
        return;
    }
    begin(p);
    paint_line(p, PAINT_REMOVE, 0,
               "WAITS: %zu removal%s (see Problems). If %s meant, commit this as a file in "
               "confirmations/:",
               count, paint_plural(count), count == 1 ? "it is" : "they are");
    cm_str_add(p->out, cm_str_get(&documents));
}

static void write_holds(const struct paint *p, const struct hub_plan *plan) {
    for (size_t i = 0; i < plan->hold_count; i++) {
        CM_CLEANUP(cm_str_done) struct cm_str words = {0};

        if (i == 0) {
            begin(p);
        }
        hub_plan_hold_words(&plan->holds[i], &words);
        paint_line(p, plan->holds[i].clusters > 0 ? PAINT_CHANGE : PAINT_NOTE, 0, "%s",
                   cm_str_get(&words));
    }
}

static void write_freezes(const struct paint *p, const struct hub_plan *plan) {
    for (size_t i = 0; i < plan->freeze_count; i++) {
        CM_CLEANUP(cm_str_done) struct cm_str words = {0};

        if (i == 0) {
            begin(p);
        }
        hub_plan_freeze_words(&plan->freezes[i], &words);
        paint_line(p, plan->freezes[i].gone ? PAINT_NOTE : PAINT_CHANGE, 0, "%s",
                   cm_str_get(&words));
    }
}

static void write_clusters(const struct paint *p, const struct hub_plan *plan) {
    CM_CLEANUP(cm_str_done) struct cm_str names = {0};

    if (plan->unmanaged_count > 0) {
        begin(p);
        paint_clusters(plan->unmanaged, plan->unmanaged_count, "", &names);
        paint_line(p, PAINT_REMOVE, 0, "UNMANAGED: %s; what runs there stays and is left alone",
                   cm_str_get(&names));
    }
    if (plan->joined_count > 0) {
        begin(p);
        cm_str_clear(&names);
        paint_clusters(plan->joined, plan->joined_count, "", &names);
        paint_line(p, PAINT_ADD, 0, "new: %s", cm_str_get(&names));
    }
}

static void write_app(const struct paint *p, const struct hub_plan_app *app) {
    begin(p);
    if (app->group_count > 0) {
        paint_line(p, PAINT_HEAD, 0, "App %s changes on %zu cluster%s", app->name, app->clusters,
                   paint_plural(app->clusters));
    } else if (app->setting_count > 0) {
        paint_line(p, PAINT_HEAD, 0, "App %s changes on no cluster now", app->name);
    } else {
        paint_line(p, PAINT_HEAD, 0, "App %s does not change", app->name);
    }
    if (app->held > 0) {
        paint_line(p, PAINT_REMOVE, 1, "a problem keeps it as it is on %zu cluster%s", app->held,
                   paint_plural(app->held));
    }
    if (app->was_wrong && app->group_count > 0) {
        paint_line(p, PAINT_NOTE, 1,
                   "it had a problem before: what a cluster runs of it may be older");
    }
    if (app->suspended > 0) {
        paint_line(p, PAINT_NOTE, 1, "suspended on %zu of them: nothing happens there for now",
                   app->suspended);
    }
    paint_app(p, app);
}

static void write_problems(const struct paint *p, const struct hub_plan *plan,
                           const struct hub_plan_view *view) {
    static const char *const words[] = {
        [HUB_PLAN_NEW] = "new", [HUB_PLAN_KNOWN] = "known", [HUB_PLAN_MENDED] = "mended"};

    if (plan->problem_count > 0) {
        begin(p);
        paint_line(p, PAINT_HEAD, 0, "Problems");
    }
    for (size_t i = 0; i < plan->problem_count; i++) {
        const struct hub_plan_problem *problem = &plan->problems[i];
        enum paint_kind kind = problem->news == HUB_PLAN_NEW      ? PAINT_REMOVE
                               : problem->news == HUB_PLAN_MENDED ? PAINT_ADD
                                                                  : PAINT_CHANGE;
        CM_CLEANUP(cm_str_done) struct cm_str line = {0};

        hub_problem_line(&problem->problem, view->folder, &line);
        paint_line(p, kind, 1, "%s: %s", words[problem->news], cm_str_get(&line));
    }
}

static void write_not_compared(const struct paint *p, const struct hub_plan *plan) {
    bool begun = false;

    for (size_t i = 0; i < plan->not_compared_count; i++) {
        if (plan->not_compared[i].loses > 0) {
            continue; // told first
        }
        if (!begun) {
            begin(p);
        }
        begun = true;
        paint_line(p, PAINT_CHANGE, 0,
                   "App %s is not compared: its manifests are in another repository; give it with "
                   "--source NAME=DIR",
                   plan->not_compared[i].name);
    }
}

static void write_unseen_losses(const struct paint *p, const struct hub_plan *plan) {
    for (size_t i = 0; i < plan->not_compared_count; i++) {
        CM_CLEANUP(cm_str_done) struct cm_str words = {0};

        if (plan->not_compared[i].loses > 0) {
            hub_plan_unseen_loss(&plan->not_compared[i], &words);
            begin(p);
            paint_line(p, PAINT_REMOVE, 0, "%s", cm_str_get(&words));
        }
    }
}

void hub_plan_text(const struct hub_plan *plan, const struct hub_plan_view *view,
                   struct cm_str *out) {
    const struct paint p = {.out = out, .colour = view->colour};
    CM_CLEANUP(cm_str_done) struct cm_str verdict = {0};

    paint_line(&p, PAINT_HEAD, 0, "%s → %s", view->from, view->to);
    write_deletions(&p, plan);
    write_waits(&p, plan);
    write_unseen_losses(&p, plan);
    write_holds(&p, plan);
    write_freezes(&p, plan);
    write_clusters(&p, plan);
    for (size_t i = 0; i < plan->app_count; i++) {
        write_app(&p, &plan->apps[i]);
    }
    if (view->live != NULL) {
        begin(&p);
        paint_live(&p, view->live);
    }
    write_not_compared(&p, plan);
    write_problems(&p, plan, view);
    begin(&p);
    hub_plan_verdict(plan, &verdict);
    paint_line(&p, PAINT_HEAD, 0, "Plan: %s.", cm_str_get(&verdict));
}
