#include "hub/jobs/problems.h"

#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/lost.h"
#include "hub/jobs/planner.h"
#include "hub/store/desired.h"
#include "hub/store/events.h"

#define PROBLEM_EVENTS_MAX 20 // of one commit; all of them are in the table

struct hub_problem_rows {
    struct hub_problem_row *rows;
    size_t count;
    bool touched;
};

static const char *copy_or_empty(struct cm_arena *a, const char *text) {
    return text == NULL ? "" : cm_arena_strdup(a, text);
}

// A repository that is configured no longer has no file to point at.
static void add_lost(struct cm_arena *a, const struct hub_lost *lost,
                     struct hub_problem_rows *out) {
    for (size_t i = 0; i < lost->count; i++) {
        if (lost->items[i].message != NULL) {
            out->rows[out->count++] = (struct hub_problem_row){
                .repo = cm_arena_strdup(a, lost->items[i].name),
                .path = "(configuration)",
                .message = cm_arena_strdup(a, lost->items[i].message),
                .app = "",
                .cluster = "",
                .revision = "",
            };
        }
    }
}

// What a commit changed, with all the folders that it stands in.
static void add_paths(struct cm_map *touched, struct cm_arena *a, const char *path) {
    char *rest = cm_arena_strdup(a, path);

    while (cm_map_get(touched, rest) == NULL) {
        char *slash = strrchr(rest, '/');

        cm_map_put(touched, rest, touched);
        if (slash == NULL) {
            return;
        }
        *slash = '\0';
    }
}

static bool is_touched(const struct cm_map *touched, struct cm_arena *a,
                       const struct hub_problem *problem) {
    const char *slash = strrchr(problem->path, '/');

    if (cm_map_get(touched, problem->path) != NULL) {
        return true;
    }
    return problem->app != NULL && slash != NULL &&
           cm_map_get(touched, cm_arena_strf(a, "%.*s", (int)(slash - problem->path),
                                             problem->path)) != NULL;
}

static void add_problem(struct cm_arena *a, struct hub_problem_rows *out,
                        const struct hub_problem *problem, const char *revision) {
    out->rows[out->count++] = (struct hub_problem_row){
        .repo = cm_arena_strdup(a, problem->repo),
        .path = cm_arena_strdup(a, problem->path),
        .line = problem->line,
        .column = problem->column,
        .message = cm_arena_strdup(a, problem->message),
        .app = copy_or_empty(a, problem->app),
        .cluster = copy_or_empty(a, problem->cluster),
        .clusters = problem->clusters,
        .revision = revision,
    };
}

struct hub_problem_rows *hub_problem_rows_new(struct cm_arena *a, const struct hub_fleet *fleet,
                                              const struct hub_lost *lost,
                                              const struct hub_fleet_commit *commit) {
    CM_CLEANUP(cm_map_freep) struct cm_map *touched = cm_map_new(NULL);
    struct hub_problem_rows *out = cm_arena_get(a, sizeof(*out));
    const char *revision = cm_arena_strdup(a, commit->revision);
    size_t count;
    const struct hub_problem *problems = hub_fleet_problems(fleet, &count);

    out->rows = cm_arena_get(a, (count + lost->count + 1) * sizeof(*out->rows));
    for (size_t i = 0; count > 0 && i < commit->change_count; i++) {
        add_paths(touched, a, commit->changes[i].path);
    }
    add_lost(a, lost, out);
    for (size_t i = 0; i < count; i++) {
        if (problems[i].waiting) {
            continue; // a moment, and it is here
        }
        bool mine = strcmp(problems[i].repo, commit->repo) == 0 && !commit->complete &&
                    is_touched(touched, a, &problems[i]);

        add_problem(a, out, &problems[i], mine ? revision : "");
        out->touched = out->touched || mine;
    }
    return out;
}

bool hub_problem_rows_touched(const struct hub_problem_rows *rows) {
    return rows->touched;
}

// ---- On record

// One that is on record already; where it is in the file may have changed.
struct known_problem {
    const char *repo;
    const char *path;
    const char *message;
    const char *app;
    const char *cluster;
    const char *revision;
    bool present;
};

struct problem_events {
    struct hub_db *db;
    const struct hub_outcome *outcome;
    size_t told;
    enum cm_rc rc;
    struct cm_err *err;
};

static const char *problem_key(struct cm_arena *a, const char *repo, const char *path,
                               const char *message) {
    return cm_arena_strf(a, "%s\n%s\n%s", repo, path, message);
}

struct known_problems {
    struct cm_arena *arena;
    struct cm_map *by_key;
};

static void note_known(void *ctx, const struct hub_problem_row *row) {
    const struct known_problems *known = ctx;
    struct cm_arena *a = known->arena;
    struct known_problem *k = cm_arena_get(a, sizeof(*k));

    *k = (struct known_problem){.repo = cm_arena_strdup(a, row->repo),
                                .path = cm_arena_strdup(a, row->path),
                                .message = cm_arena_strdup(a, row->message),
                                .app = cm_arena_strdup(a, row->app),
                                .cluster = cm_arena_strdup(a, row->cluster),
                                .revision = cm_arena_strdup(a, row->revision)};
    cm_map_put(known->by_key, problem_key(a, k->repo, k->path, k->message), k);
}

// The commit of this step that a problem comes from: one of its own repository if there is one.
static const struct hub_revision_row *cause(const struct hub_outcome *o, const char *repo) {
    const struct hub_revision_row *found = NULL;

    for (size_t i = 0; i < o->revision_count; i++) {
        if (found == NULL || strcmp(o->revisions[i].repo, repo) == 0) {
            found = &o->revisions[i];
        }
    }
    return found;
}

static void tell(struct problem_events *e, const char *kind, const struct known_problem *what,
                 const char *message) {
    const struct hub_revision_row *why = cause(e->outcome, what->repo);

    if (e->rc < 0 || e->told++ >= PROBLEM_EVENTS_MAX) {
        return;
    }
    e->rc = hub_events_add(e->db,
                           &(struct hub_event){.at_ms = cm_clock_unix_ms(),
                                               .kind = kind,
                                               .cluster = what->cluster,
                                               .app = what->app,
                                               .revision = why == NULL ? "" : why->id,
                                               .actor = why == NULL ? "hub" : why->author,
                                               .message = message},
                           e->err);
}

static void tell_found(struct problem_events *e, const struct hub_problem_row *row) {
    struct cm_arena *a = e->outcome->arena;
    const char *message = row->line == 0 ? cm_arena_strf(a, "%s: %s", row->path, row->message)
                                         : cm_arena_strf(a, "%s:%u:%u: %s", row->path, row->line,
                                                         row->column, row->message);

    tell(e, "problem.found",
         &(struct known_problem){.repo = row->repo, .app = row->app, .cluster = row->cluster},
         message);
}

static bool tell_if_cleared(void *ctx, const char *key, void *value) {
    struct problem_events *e = ctx;
    const struct known_problem *k = value;

    (void)key;
    if (!k->present) {
        tell(e, "problem.cleared", k,
             cm_arena_strf(e->outcome->arena, "%s: %s", k->path, k->message));
    }
    return true;
}

// Whose problem it is: the commit's that touched it, else as before, else the one that brought it.
static const char *revision_of(const struct hub_outcome *o, const struct hub_problem_row *row,
                               const struct known_problem *known) {
    const struct hub_revision_row *why = cause(o, row->repo);

    if (row->revision[0] != '\0') {
        return row->revision;
    }
    if (known != NULL) {
        return known->revision;
    }
    return why == NULL ? "" : why->id;
}

static enum cm_rc write_rows(struct hub_db *db, const struct hub_outcome *o,
                             const struct cm_map *known, struct cm_err *err) {
    enum cm_rc rc = hub_problems_begin(db, err);

    for (size_t i = 0; rc == CM_OK && i < o->problems->count; i++) {
        struct hub_problem_row row = o->problems->rows[i];

        row.revision = revision_of(
            o, &row, cm_map_get(known, problem_key(o->arena, row.repo, row.path, row.message)));
        rc = hub_problems_put(db, &row, err);
    }
    return rc;
}

enum cm_rc hub_problem_rows_write(struct hub_db *db, const struct hub_outcome *o,
                                  struct cm_err *err) {
    CM_CLEANUP(cm_map_freep) struct cm_map *known = cm_map_new(NULL);
    struct problem_events e = {.db = db, .outcome = o, .err = err};
    struct known_problems before = {.arena = o->arena, .by_key = known};
    enum cm_rc rc = hub_problems_each(db, note_known, &before, err);

    for (size_t i = 0; rc == CM_OK && i < o->problems->count; i++) {
        const struct hub_problem_row *row = &o->problems->rows[i];
        struct known_problem *k =
            cm_map_get(known, problem_key(o->arena, row->repo, row->path, row->message));

        if (k == NULL) {
            tell_found(&e, row);
        } else {
            k->present = true;
        }
    }
    cm_map_each(known, tell_if_cleared, &e);
    rc = rc < 0 ? rc : e.rc;
    return rc < 0 ? rc : write_rows(db, o, known, err);
}
