// past_why.c: why an App is as it is on a cluster, or was: the commit, what controllers decided,
// and what happened there before.
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "hub/store/db.h"
#include "hub/store/past_read.h"

#define DECISIONS 5
#define EVENTS 10

struct column {
    const char *name;
    bool number;
};

static struct cm_json *read_row(struct cm_arena *a, struct hub_stmt *stmt,
                                const struct column *columns, size_t count) {
    struct cm_json *row = cm_json_new(a, CM_OBJECT);

    for (size_t i = 0; i < count; i++) {
        if (columns[i].number) {
            cm_json_set_int(a, row, columns[i].name, hub_stmt_int(stmt, (int)i));
        } else {
            cm_json_set_string(a, row, columns[i].name, hub_stmt_text(stmt, (int)i));
        }
    }
    return row;
}

static enum cm_rc read_rows(struct cm_arena *a, struct hub_stmt *stmt, const struct column *columns,
                            size_t count, struct cm_json *list, struct cm_err *err) {
    enum cm_rc rc;

    while ((rc = hub_stmt_next(stmt, err)) == CM_OK) {
        cm_json_append(list, read_row(a, stmt, columns, count));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc add_decisions(struct past_read *r, const struct hub_select *s,
                                struct cm_json *answer, struct cm_err *err) {
    static const struct column columns[] = {
        {"controller", false},  {"verdict", false},      {"text", false},
        {"badRevision", false}, {"goodRevision", false}, {"outcome", false},
        {"atMs", true},         {"actor", false},        {"controllerKey", false}};
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_json *list = cm_json_new(r->arena, CM_ARRAY);
    enum cm_rc rc =
        hub_db_query(r->db, &stmt, err,
                     "SELECT controller, verdict, text, bad_revision, good_revision,"
                     " iif(settled = 1, 'held', ''), at_ms, actor, controller_key FROM decision"
                     " WHERE cluster = ?1 AND app = ?2 AND at_ms <= ?3"
                     " ORDER BY number DESC LIMIT ?4",
                     "ttii", s->target, s->app, s->at_ms, (int64_t)DECISIONS);

    rc = rc < 0
             ? rc
             : read_rows(r->arena, stmt, columns, sizeof(columns) / sizeof(columns[0]), list, err);
    cm_json_set(r->arena, answer, "decisions", list);
    return rc;
}

static enum cm_rc add_events(struct past_read *r, const struct hub_select *s,
                             struct cm_json *answer, struct cm_err *err) {
    static const struct column columns[] = {{"atMs", true},   {"kind", false},
                                            {"key", false},   {"revision", false},
                                            {"actor", false}, {"message", false}};
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_json *list = cm_json_new(r->arena, CM_ARRAY);
    enum cm_rc rc = hub_db_query(r->db, &stmt, err,
                                 "SELECT iif(happened_ms > 0, happened_ms, at_ms) AS at, kind, key,"
                                 " revision, actor, message FROM event WHERE cluster = ?1"
                                 " AND app = ?2 AND at <= ?3 ORDER BY number DESC LIMIT ?4",
                                 "ttii", s->target, s->app, s->at_ms, (int64_t)EVENTS);

    rc = rc < 0
             ? rc
             : read_rows(r->arena, stmt, columns, sizeof(columns) / sizeof(columns[0]), list, err);
    cm_json_set(r->arena, answer, "events", list);
    return rc;
}

static enum cm_rc check(struct past_read *r, const struct hub_select *s, struct cm_err *err) {
    for (size_t i = 0; s->app[0] != '\0' && i < r->count; i++) {
        if (r->names[i] != NULL && strcmp(r->names[i], s->target) == 0) {
            return CM_OK;
        }
    }
    return cm_fail(err, s->app[0] == '\0' ? CM_EINVAL : CM_ENOTFOUND,
                   "'%.200s' is no App on a cluster: name both, as in eu-017:checkout",
                   r->ask->select);
}

static enum cm_rc answer_why(struct past_read *r, struct cm_json *answer, struct cm_err *err) {
    struct hub_select select;
    struct past_scope scope;
    enum cm_rc rc = hub_select_parse(r->arena, r->ask->select, r->ask->now_ms, &select, err);

    rc = rc < 0 ? rc : check(r, &select, err);
    rc = rc < 0 ? rc : past_scope_find(r, &select, &scope, err);
    if (rc < 0) {
        return rc;
    }
    select.at_ms = scope.when.at_ms; // with ~N it is another one
    rc = add_decisions(r, &select, answer, err);
    return rc < 0 ? rc : add_events(r, &select, answer, err);
}

enum cm_rc hub_past_why(struct hub_db *db, struct cm_arena *a, const struct hub_past_ask *ask,
                        struct cm_json **out, struct cm_err *err) {
    struct past_read r;
    enum cm_rc rc = hub_past_show(db, a, ask, out, err);

    if (rc < 0) {
        return rc;
    }
    rc = past_read_begin(&r, db, a, ask, err);
    rc = rc < 0 ? rc : answer_why(&r, *out, err);
    past_read_end(&r);
    return rc;
}
