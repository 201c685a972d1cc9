// query_counts.c: counts over the fleet, and how far a revision is.
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/store/db.h"
#include "hub/store/query.h"
#include "hub/store/query_build.h"
#include "hub/store/query_conditions.h"
#include "hub/store/query_lists.h"

static const char summary_sql[] =
    "SELECT (SELECT count(*) FROM cluster), (SELECT count(*) FROM agent WHERE state = 'active'),"
    " (SELECT count(*) FROM presence WHERE connected), (SELECT count(*) FROM app),"
    " (SELECT count(*) FROM problem), " SUM("t.pairs") ", " TALLIED(ARE_APPLIED) ", " TALLIED(ARE_FAILED) ", " TALLIED(
        ARE_HEALTHY) ", " TALLIED(ARE_DEGRADED) ", " TALLIED("NOT t.connected") ", " SUM("t."
                                                                                         "drifted") ","
                                                                                                    " (SELECT count(*) FROM object WHERE fought > 0) FROM tally t";

#define IS_DELIVERED "ifnull(r.generation, 0) >= p.generation"
#define COUNTED(condition) ", " SUM(condition)

static const char rollout_counts[] = "count(*)" COUNTED(IS_DELIVERED) COUNTED(IS_APPLIED)
    COUNTED(IS_HEALTHY) COUNTED(IS_FAILED) COUNTED(IS_DEGRADED) COUNTED(IS_OFFLINE);

// The same over all clusters, of counts that are kept. The filters are put in twice.
#define TALLIED_TOO(condition) ", " TALLIED(condition)
#define ALL_PAIRS SUM("t.pairs")
#define UNDELIVERED "(SELECT " ALL_PAIRS " FROM undelivered t WHERE 1%s)"

static const char whole_sql[] =
    "SELECT " ALL_PAIRS ", " ALL_PAIRS " - " UNDELIVERED TALLIED_TOO(ARE_APPLIED)
        TALLIED_TOO(ARE_HEALTHY) TALLIED_TOO(ARE_FAILED) TALLIED_TOO(ARE_DEGRADED)
            TALLIED_TOO("NOT t.connected") " FROM tally t WHERE 1%s";
static const struct hub_filter whole_filters[] = {
    {"revision", HUB_FILTER_REVISION, HUB_OF_REVISION("t.revision"), ""},
    {"app", HUB_FILTER_VALUE, "t.app = ?", ""},
    {0},
};

static const char failure_columns[] =
    "p.app, p.cluster, CASE WHEN " IS_FAILED " THEN s.message ELSE s.health_message END";
static const char failure_tail[] =
    " AND (" IS_FAILED " OR " IS_DEGRADED ") ORDER BY p.app, p.cluster LIMIT 1";

// An App that is held up on a cluster is stale there, however many clusters its problem names. The
// filters of clusters are put in twice.
static const char problem_sql[] =
    "SELECT count(*) OVER (), path, line, col, message FROM problem"
    " WHERE revision BETWEEN ?1 AND CASE ?1 WHEN '' THEN '~' ELSE ?1 END"
    " AND (?2 = '' OR app = ?2) AND (NOT %d OR cluster IN (SELECT p.cluster FROM problem p"
    " LEFT JOIN cluster c ON c.name = p.cluster WHERE p.cluster <> ''%s) OR app IN (SELECT p.app"
    " FROM pair p LEFT JOIN cluster c ON c.name = p.cluster WHERE p.stale%s))"
    " ORDER BY number LIMIT 1";

struct rollout_scope {
    const char *revision; // "": any
    const char *app;
    const char *cluster;
    struct hub_build build;    // of these and the other parameters
    struct hub_build clusters; // of those that choose clusters
    struct hub_build whole;    // of those that do not
};

// Reads one row of numbers into an object, by the names of `columns`.
static enum cm_rc read_counts(struct cm_arena *a, struct hub_stmt *stmt, const char *const *names,
                              struct cm_json *out, struct cm_err *err) {
    enum cm_rc rc = hub_stmt_next(stmt, err);

    for (int i = 0; rc == CM_OK && names[i] != NULL; i++) {
        cm_json_set_int(a, out, names[i], hub_stmt_int(stmt, i));
    }
    return rc;
}

enum cm_rc hub_query_summary(struct hub_db *db, struct cm_arena *a, struct cm_json **out,
                             struct cm_err *err) {
    static const char *const names[] = {"clusters", "enrolled", "connected", "apps",    "problems",
                                        "pairs",    "applied",  "failed",    "healthy", "degraded",
                                        "offline",  "drifted",  "fought",    NULL};
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_json *answer = cm_json_new(a, CM_OBJECT);
    enum cm_rc rc = hub_db_query(db, &stmt, err, summary_sql, "");

    rc = rc < 0 ? rc : read_counts(a, stmt, names, answer, err);
    if (rc == CM_OK) {
        *out = answer;
    }
    return rc;
}

static enum cm_rc find_revision(struct hub_db *db, struct cm_arena *a, const char *text,
                                const char **out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc;

    if (strlen(text) < 7 || strspn(text, "0123456789abcdef") != strlen(text)) {
        return cm_fail(err, CM_EINVAL,
                       "revision: '%.80s' is no commit id; use at least 7 hexadecimal digits",
                       text);
    }
    rc = hub_db_query(db, &stmt, err,
                      "SELECT id FROM (SELECT id, number, 1 AS looked_at FROM revision"
                      " WHERE substr(id, 1, length(?1)) = ?1 UNION ALL"
                      " SELECT tip, at_ms, 0 FROM passed WHERE id >= ?1 AND id < ?1 || 'g')"
                      " ORDER BY looked_at DESC, number DESC LIMIT 1",
                      "t", text);
    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = cm_arena_strdup(a, hub_stmt_text(stmt, 0));
    }
    return rc;
}

static enum cm_rc query_pairs(struct hub_db *db, const struct rollout_scope *scope,
                              const char *columns, const char *tail, struct hub_stmt **out,
                              struct cm_err *err) {
    const struct hub_build *b = &scope->build;
    CM_CLEANUP(cm_str_done) struct cm_str sql = {0};

    cm_str_addf(&sql, "SELECT %s FROM %s WHERE 1%s%s", columns, hub_list_find("rollout")->from,
                cm_str_get(&b->where), tail);
    return hub_db_query_texts(db, out, err, cm_str_get(&sql), b->values, b->count);
}

static enum cm_rc first_failure(struct hub_db *db, struct cm_arena *a,
                                const struct rollout_scope *scope, struct cm_json *answer,
                                struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = query_pairs(db, scope, failure_columns, failure_tail, &stmt, err);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        cm_json_set_string(a, answer, "firstFailure",
                           cm_arena_strf(a, "%s on %s: %s", hub_stmt_text(stmt, 0),
                                         hub_stmt_text(stmt, 1), hub_stmt_text(stmt, 2)));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static const char *problem_text(struct cm_arena *a, struct hub_stmt *stmt) {
    int64_t line = hub_stmt_int(stmt, 2);
    const char *path = hub_stmt_text(stmt, 1);
    const char *message = hub_stmt_text(stmt, 4);

    return line == 0 ? cm_arena_strf(a, "%s: %s", path, message)
                     : cm_arena_strf(a, "%s:%lld:%lld: %s", path, (long long)line,
                                     (long long)hub_stmt_int(stmt, 3), message);
}

static enum cm_rc query_problems(struct hub_db *db, const struct rollout_scope *scope,
                                 struct hub_stmt **out, struct cm_err *err) {
    const struct hub_build *b = &scope->clusters;
    const char *where = cm_str_get(&b->where);
    const char *values[HUB_BUILD_VALUES_MAX];
    CM_CLEANUP(cm_str_done) struct cm_str sql = {0};

    memcpy(values, b->values, sizeof(values));
    values[0] = scope->revision;
    values[1] = scope->app;
    cm_str_addf(&sql, problem_sql, where[0] != '\0', where, where);
    return hub_db_query_texts(db, out, err, cm_str_get(&sql), values, b->count);
}

static enum cm_rc add_problems(struct hub_db *db, struct cm_arena *a,
                               const struct rollout_scope *scope, struct cm_json *answer,
                               struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = query_problems(db, scope, &stmt, err);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    cm_json_set_int(a, answer, "problems", rc == CM_OK ? hub_stmt_int(stmt, 0) : 0);
    if (rc == CM_OK) {
        cm_json_set_string(a, answer, "firstProblem", problem_text(a, stmt));
    }
    return CM_OK;
}

// Before the first commit is resolved nothing is, not even an empty fleet.
static enum cm_rc any_revision(struct hub_db *db, bool *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, "SELECT EXISTS (SELECT 1 FROM revision)", "");

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = hub_stmt_int(stmt, 0) != 0;
    }
    return rc;
}

static enum cm_rc fail_scope(const struct hub_filter *filters, const char *name,
                             struct cm_err *err) {
    const char *names[HUB_QUERY_PARAMS_MAX];
    size_t count = 0;

    for (; filters[count].name != NULL; count++) {
        names[count] = filters[count].name;
    }
    const char *nearest = cm_str_nearest(name, names, count);
    if (nearest == NULL) {
        return cm_fail(err, CM_EINVAL,
                       "'%.80s' is no parameter of rollout; it takes revision, app, cluster, group "
                       "and selector",
                       name);
    }
    return cm_fail(err, CM_EINVAL, "'%.80s' is no parameter of rollout; did you mean '%s'?", name,
                   nearest);
}

// A revision may be shortened; *resolved tells whether it is known.
static enum cm_rc read_revision(struct hub_db *db, struct cm_arena *a, const char *text,
                                struct rollout_scope *scope, bool *resolved, struct cm_err *err) {
    enum cm_rc rc;

    scope->revision = text;
    rc = find_revision(db, a, text, &scope->revision, err);
    *resolved = rc == CM_OK;
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc read_param(struct hub_db *db, const struct hub_query_param *param,
                             struct rollout_scope *scope, bool *resolved, struct cm_err *err) {
    const struct hub_filter *filters = hub_list_find("rollout")->filters;
    const struct hub_filter *filter = hub_filters_find(filters, param->name);
    const char *value = param->value;
    enum cm_rc rc = CM_OK;

    if (filter == NULL) {
        return fail_scope(filters, param->name, err);
    }
    if (strcmp(param->name, "app") == 0) {
        scope->app = value;
    } else if (strcmp(param->name, "cluster") == 0) {
        scope->cluster = value;
    } else if (filter->kind == HUB_FILTER_REVISION) {
        rc = read_revision(db, scope->build.arena, value, scope, resolved, err);
        value = scope->revision;
    }
    rc = rc < 0 ? rc : hub_build_filter(&scope->build, filter, value, err);
    if (rc < 0) {
        return rc;
    }
    const struct hub_filter *whole = hub_filters_find(whole_filters, param->name);
    return whole != NULL ? hub_build_filter(&scope->whole, whole, value, err)
                         : hub_build_filter(&scope->clusters, filter, value, err);
}

// The first two values are for the revision and the App, which are known in the end.
static enum cm_rc begin_clusters(struct rollout_scope *scope, struct cm_err *err) {
    size_t number;
    enum cm_rc rc = hub_build_value(&scope->clusters, "", &number, err);

    return rc < 0 ? rc : hub_build_value(&scope->clusters, "", &number, err);
}

static enum cm_rc read_scope(struct hub_db *db, const struct hub_query *query,
                             struct rollout_scope *scope, bool *resolved, struct cm_err *err) {
    enum cm_rc rc = any_revision(db, resolved, err);

    rc = rc < 0 ? rc : begin_clusters(scope, err);
    for (size_t i = 0; rc == CM_OK && i < query->param_count; i++) {
        rc = read_param(db, &query->params[i], scope, resolved, err);
    }
    return rc;
}

static enum cm_rc check_exists(struct hub_db *db, const char *sql, const char *what,
                               const char *name, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = CM_OK;

    if (name[0] == '\0') {
        return CM_OK;
    }
    rc = hub_db_query(db, &stmt, err, sql, "t", name);
    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    return rc == CM_ENOTFOUND ? cm_fail(err, rc, "no %s is named '%.80s'", what, name) : rc;
}

// What is named must be there, or a wrong name would look like success.
static enum cm_rc check_scope(struct hub_db *db, const struct rollout_scope *scope,
                              struct cm_err *err) {
    enum cm_rc rc = check_exists(db,
                                 "SELECT 1 FROM app WHERE name = ?1 UNION ALL"
                                 " SELECT 1 FROM pair WHERE app = ?1 LIMIT 1",
                                 "App", scope->app, err);

    return rc < 0 ? rc
                  : check_exists(db,
                                 "SELECT 1 FROM cluster WHERE name = ?1 UNION ALL"
                                 " SELECT 1 FROM pair WHERE cluster = ?1 LIMIT 1",
                                 "cluster", scope->cluster, err);
}

// query_counts reads what is kept, unless clusters are chosen.
static enum cm_rc query_counts(struct hub_db *db, const struct rollout_scope *scope,
                               struct hub_stmt **out, struct cm_err *err) {
    const struct hub_build *b = &scope->whole;
    const char *where = cm_str_get(&b->where);
    CM_CLEANUP(cm_str_done) struct cm_str sql = {0};

    if (scope->clusters.where.len > 0) {
        return query_pairs(db, scope, rollout_counts, "", out, err);
    }
    cm_str_addf(&sql, whole_sql, where, where);
    return hub_db_query_texts(db, out, err, cm_str_get(&sql), b->values, b->count);
}

static enum cm_rc count_pairs(struct hub_db *db, struct cm_arena *a,
                              const struct rollout_scope *scope, struct cm_json *answer,
                              struct cm_err *err) {
    static const char *const names[] = {"pairs",  "delivered", "applied", "healthy",
                                        "failed", "degraded",  "offline", NULL};
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = query_counts(db, scope, &stmt, err);

    rc = rc < 0 ? rc : read_counts(a, stmt, names, answer, err);
    if (rc == CM_OK) {
        cm_json_set_int(a, answer, "rendered", cm_json_int(cm_json_get(answer, "pairs"), 0));
    }
    return rc;
}

static bool has_failures(const struct cm_json *counts) {
    return cm_json_int(cm_json_get(counts, "failed"), 0) > 0 ||
           cm_json_int(cm_json_get(counts, "degraded"), 0) > 0;
}

static enum cm_rc answer_rollout(struct hub_db *db, struct cm_arena *a,
                                 const struct hub_query *query, struct rollout_scope *scope,
                                 struct cm_json *answer, struct cm_err *err) {
    bool resolved = false;
    enum cm_rc rc = read_scope(db, query, scope, &resolved, err);

    if (rc == CM_OK && resolved) {
        rc = check_scope(db, scope, err);
    }
    cm_json_set_string(a, answer, "revision", scope->revision);
    cm_json_set_bool(a, answer, "resolved", resolved);
    rc = rc < 0 ? rc : count_pairs(db, a, scope, answer, err);
    if (rc == CM_OK && has_failures(answer)) {
        rc = first_failure(db, a, scope, answer, err);
    }
    return rc < 0 ? rc : add_problems(db, a, scope, answer, err);
}

enum cm_rc hub_query_rollout(struct hub_db *db, struct cm_arena *a, const struct hub_query *query,
                             struct cm_json **out, struct cm_err *err) {
    struct rollout_scope scope = {.revision = "",
                                  .app = "",
                                  .cluster = "",
                                  .build = {.arena = a},
                                  .clusters = {.arena = a},
                                  .whole = {.arena = a}};
    struct cm_json *answer = cm_json_new(a, CM_OBJECT);
    enum cm_rc rc = answer_rollout(db, a, query, &scope, answer, err);

    hub_build_done(&scope.build);
    hub_build_done(&scope.clusters);
    hub_build_done(&scope.whole);
    if (rc == CM_OK) {
        *out = answer;
    }
    return rc;
}
