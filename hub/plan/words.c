// Problems and verdicts in words.
#include <string.h>

#include "common/json.h"
#include "common/str.h"
#include "hub/plan/paint.h"
#include "hub/plan/show.h"

// ---- Problems

static void add_where(const struct hub_problem *problem, struct cm_str *out) {
    if (problem->clusters > 1 && problem->cluster != NULL) {
        cm_str_addf(out, " (on %zu clusters, first %s)", problem->clusters, problem->cluster);
    } else if (problem->clusters > 1) {
        cm_str_addf(out, " (on %zu clusters)", problem->clusters);
    } else if (problem->cluster != NULL) {
        cm_str_addf(out, " (on cluster %s)", problem->cluster);
    }
}

static bool is_here(const struct hub_problem *problem) {
    return strcmp(problem->repo, HUB_PLAN_HERE) == 0;
}

static void write_line(const struct hub_problem *problem, const char *folder, struct cm_str *out) {
    cm_str_addf(out, "%s%s%s:", is_here(problem) ? folder : problem->repo,
                is_here(problem) ? "" : ":", problem->path);
    if (problem->line > 0) {
        cm_str_addf(out, "%u:%u:", problem->line, problem->column);
    }
    cm_str_addf(out, " %s", problem->message);
    add_where(problem, out);
}

void hub_problem_line(const struct hub_problem *problem, const char *folder, struct cm_str *out) {
    struct cm_str line = {0};

    write_line(problem, folder, &line);
    paint_safe(out, cm_str_get(&line), line.len);
    cm_str_done(&line);
}

// add_escaped: in a value of a property ':' and ',' mean something too.
static void add_escaped(struct cm_str *out, const char *text, bool property) {
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ','))) {
            cm_str_addf(out, "%%%02X", c);
        } else {
            cm_str_add_char(out, (char)c);
        }
    }
}

// add_place: a file of another repository cannot be annotated here.
static void add_place(const struct hub_problem *problem, const char *folder, struct cm_str *out) {
    if (!is_here(problem)) {
        return;
    }
    cm_str_add(out, "file=");
    add_escaped(out, folder, true);
    add_escaped(out, problem->path, true);
    if (problem->line > 0) {
        cm_str_addf(out, ",line=%u,col=%u", problem->line, problem->column);
    }
    cm_str_add_char(out, ',');
}

void hub_problem_annotation(const struct hub_problem *problem, const char *folder,
                            const char *level, struct cm_str *out) {
    struct cm_str message = {0};

    if (is_here(problem)) {
        cm_str_add(&message, problem->message);
        add_where(problem, &message);
    } else {
        write_line(problem, folder, &message);
    }
    cm_str_addf(out, "::%s ", level);
    add_place(problem, folder, out);
    cm_str_add(out, "title=holdfast::");
    add_escaped(out, cm_str_get(&message), false);
    cm_str_add_char(out, '\n');
    cm_str_done(&message);
}

struct cm_json *hub_problem_json(struct cm_arena *a, const struct hub_problem *problem) {
    struct cm_json *row = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, row, "repository", is_here(problem) ? NULL : problem->repo);
    cm_json_set_string(a, row, "path", problem->path);
    cm_json_set_int(a, row, "line", problem->line);
    cm_json_set_int(a, row, "column", problem->column);
    cm_json_set_string(a, row, "message", problem->message);
    cm_json_set_string(a, row, "app", problem->app);
    cm_json_set_string(a, row, "cluster", problem->cluster);
    cm_json_set_int(a, row, "clusters", (int64_t)problem->clusters);
    if (problem->removal != NULL) {
        cm_json_set_string(a, row, "removal", problem->removal);
    }
    return row;
}

void hub_plan_unseen_loss(const struct hub_plan_unseen *unseen, struct cm_str *out) {
    const char *what = !unseen->gone ? "what becomes of its objects there is not known"
                       : unseen->prune
                           ? "ALL ITS OBJECTS ARE DELETED there; which ones is not known"
                           : "its objects stay there, unmanaged";

    cm_str_addf(out,
                "App %s %s %zu cluster%s: %s, because its manifests are in another repository: "
                "give it with --source NAME=DIR",
                unseen->name, unseen->gone ? "is no longer in Git; it is on" : "is no longer for",
                unseen->loses, paint_plural(unseen->loses), what);
}

// ---- The verdict

static void add_count(struct cm_str *out, size_t count, const char *words) {
    if (count > 0) {
        cm_str_addf(out, "%s%zu %s", out->len > 0 ? ", " : "", count, words);
    }
}

static size_t count_changed_apps(const struct hub_plan *plan) {
    size_t count = 0;

    for (size_t i = 0; i < plan->not_compared_count; i++) {
        count += plan->not_compared[i].loses > 0 ? 1 : 0;
    }
    for (size_t i = 0; i < plan->app_count; i++) {
        count += plan->apps[i].group_count > 0 ? 1 : 0;
    }
    return count;
}

// At least: which clusters an App that cannot be compared loses is not known by name.
static size_t count_clusters(const struct hub_plan *plan) {
    size_t most = plan->totals.clusters;

    for (size_t i = 0; i < plan->not_compared_count; i++) {
        most = plan->not_compared[i].loses > most ? plan->not_compared[i].loses : most;
    }
    return most;
}

static void add_objects(const struct hub_plan_totals *t, struct cm_str *out) {
    struct cm_str counts = {0};

    add_count(&counts, t->removed, "deleted");
    add_count(&counts, t->released, "left unmanaged");
    add_count(&counts, t->moved, "moved between Apps");
    add_count(&counts, t->added, "added");
    add_count(&counts, t->changed, "changed");
    if (counts.len > 0) {
        cm_str_addf(out, "; objects: %s", cm_str_get(&counts));
    }
    cm_str_done(&counts);
}

static bool changes_clusters(const struct hub_plan *plan) {
    return count_clusters(plan) + plan->joined_count + plan->unmanaged_count > 0;
}

void hub_plan_verdict(const struct hub_plan *plan, struct cm_str *out) {
    size_t apps = count_changed_apps(plan);
    size_t fresh = hub_plan_count_problems(plan, HUB_PLAN_NEW);
    size_t known = hub_plan_count_problems(plan, HUB_PLAN_KNOWN);

    if (!changes_clusters(plan)) {
        cm_str_add(out, "nothing changes on any cluster");
    } else {
        cm_str_addf(out, "%zu App%s change%s on %zu cluster%s", apps, paint_plural(apps),
                    apps == 1 ? "s" : "", count_clusters(plan), paint_plural(count_clusters(plan)));
        add_objects(&plan->totals, out);
    }
    if (plan->totals.settings > 0) {
        cm_str_addf(out, "; options of %zu App%s change what happens later", plan->totals.settings,
                    paint_plural(plan->totals.settings));
    }
    if (fresh + known > 0) {
        cm_str_addf(out, "; %zu problem%s (%zu new)", fresh + known, paint_plural(fresh + known),
                    fresh);
    }
}
