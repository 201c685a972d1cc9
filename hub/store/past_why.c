// past_why.c: why an App is as it is on a cluster, or was: the commit, what controllers decided,
// and what happened there before.
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "hub/store/db.h"
#include "hub/store/past_lines_sql.h"
#include "hub/store/past_read.h"
#include "hub/store/query_conditions.h"

#define PULL PULL_OF_HOLD("url")
#define DECISIONS 5
#define EVENTS 10

// Of "KIND/NAME" the group and the namespace may be left out.
#define IS_OBJECT                                                                                  \
    "(?6 = '' OR key = ?6 OR key GLOB substr(?6, 1, instr(?6, '/') - 1) || '.*/' ||"               \
    " substr(?6, instr(?6, '/') + 1) OR key GLOB substr(?6, 1, instr(?6, '/') - 1) || '/*/' ||"    \
    " substr(?6, instr(?6, '/') + 1))"

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

// What is asked of: an App on a cluster, at a time.
struct asking {
    struct past_read *read;
    const struct hub_select *select;
    int64_t heard_by_ms; // what the hub heard later does not count
    bool past;           // another time than now is asked for
    struct cm_json *answer;
};

// object_of returns the object that is asked of; "": all of the App.
static const char *object_of(const struct asking *k) {
    return k->read->ask->object == NULL ? "" : k->read->ask->object;
}

static int64_t heard_by(const struct past_read *r, int64_t at_ms) {
    return r->ask->known ? at_ms : INT64_MAX;
}

static enum cm_rc add_rows(const struct asking *k, struct hub_stmt *stmt,
                           const struct column *columns, size_t count, const char *member,
                           struct cm_err *err) {
    struct cm_json *list = cm_json_new(k->read->arena, CM_ARRAY);

    cm_json_set(k->read->arena, k->answer, member, list);
    return read_rows(k->read->arena, stmt, columns, count, list, err);
}

static enum cm_rc add_decisions(const struct asking *k, struct cm_err *err) {
    static const struct column columns[] = {
        {"controller", false},    {"verdict", false}, {"text", false}, {"badRevision", false},
        {"goodRevision", false},  {"outcome", false}, {"atMs", true},  {"actor", false},
        {"controllerKey", false}, {"proof", false}};
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(k->read->db, &stmt, err,
                     "SELECT controller, verdict, text, bad_revision, good_revision,"
                     " iif(settled = 1, 'held', ''), at_ms, actor, controller_key, proof FROM"
                     " decision WHERE cluster = ?1 AND +app = ?2 AND at_ms <= ?3 AND seen_ms <= ?5"
                     " AND " IS_OBJECT " ORDER BY number DESC LIMIT ?4",
                     "ttiiit", k->select->target, k->select->app, k->select->at_ms,
                     (int64_t)DECISIONS, k->heard_by_ms, object_of(k));

    return rc < 0
               ? rc
               : add_rows(k, stmt, columns, sizeof(columns) / sizeof(columns[0]), "decisions", err);
}

// Of an App there are events, and decisions, of all clusters: it is looked for among those of one.
#define EVENTS_OF(CLUSTER, WHICH)                                                                  \
    "SELECT * FROM (SELECT number, " EVENT_AT " AS at, kind, key, revision, actor, message FROM"   \
    " event WHERE cluster = " CLUSTER " AND +app = ?2 AND at <= ?3 AND at_ms <= ?5 AND " WHICH     \
    " AND " IS_OBJECT " ORDER BY number DESC LIMIT ?4)"
#define OF_CLUSTER EVENTS_OF("?1", "(?6 <> '' OR NOT (" EVENT_IS_SCALED "))")
#define OF_APP EVENTS_OF("''", EVENT_IS_TOLD)

// What is told of the App as a whole concerns it there, too: what was written, and could not be.
static enum cm_rc add_events(const struct asking *k, struct cm_err *err) {
    static const struct column columns[] = {{"atMs", true},   {"kind", false},
                                            {"key", false},   {"revision", false},
                                            {"actor", false}, {"message", false}};
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(k->read->db, &stmt, err,
                                 "SELECT at, kind, key, revision, actor, message FROM (" OF_CLUSTER
                                 " UNION ALL " OF_APP ") ORDER BY number DESC LIMIT ?4",
                                 "ttiiit", k->select->target, k->select->app, k->select->at_ms,
                                 (int64_t)EVENTS, k->heard_by_ms, object_of(k));

    return rc < 0 ? rc
                  : add_rows(k, stmt, columns, sizeof(columns) / sizeof(columns[0]), "events", err);
}

// When a Hold began: one of people says so in no document, but there is an event of its commit.
#define HELD_FROM "iif(hold.at_ms > 0, hold.at_ms, ifnull(e.at_ms, 0))"

// Whether a Hold counted on that cluster then: a decision had been made there that it is of, or
// what was desired says that it did. Others may have joined it since.
#define COUNTED                                                                                    \
    "(?5 = 0 OR (hold.path <> '' AND instr(?6, hold.path) > 0) OR EXISTS (SELECT 1 FROM decision"  \
    " d WHERE d.cluster = ?1 AND +d.app = ?2 AND d.at_ms <= ?3 AND d.seen_ms <= ?4 AND"            \
    " instr(d.hold || char(10), 'name: ' || hold.name || char(10)) > 0))"

// held_of returns what was held in what was desired then.
static const char *held_of(const struct asking *k) {
    const struct cm_json *items = cm_json_get(k->answer, "items");
    const char *held =
        items == NULL ? NULL
                      : cm_json_string(cm_json_get(cm_json_get(items->first, "desired"), "held"));

    return held == NULL ? "" : held;
}

// Those that there are now, of what was decided by then: what one kept out that is gone is told by
// what was desired then. Who wrote it is known by the event of the commit that brought it.
static enum cm_rc add_holds(const struct asking *k, struct cm_err *err) {
    static const struct column columns[] = {
        {"name", false},    {"state", false},       {"rejected", false}, {"restored", false},
        {"atMs", true},     {"controller", false},  {"message", false},  {"repository", false},
        {"path", false},    {"pullRequest", false}, {"proof", false},    {"actor", false},
        {"revision", false}};
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        k->read->db, &stmt, err,
        "SELECT name, " HOLD_STATE ", rejected, restored, " HELD_FROM ", controller, text, repo,"
        " path, " PULL " , " PROOF_OF_HOLD ", ifnull(e.actor, ''), ifnull(e.revision, '')"
        " FROM hold LEFT JOIN event e ON e.number = (SELECT max(number) FROM event WHERE"
        " kind = 'hold.started' AND event.key = hold.path AND event.app = hold.app)"
        " WHERE hold.app = ?2 AND " HELD_FROM " <= ?3 AND ifnull(e.at_ms, 0) <= ?4 AND EXISTS"
        " (SELECT 1 FROM json_each(clusters) WHERE value = ?1) AND " COUNTED
        " ORDER BY 5 DESC, name",
        "ttiiit", k->select->target, k->select->app, k->select->at_ms, k->heard_by_ms,
        (int64_t)k->past, held_of(k));

    return rc < 0 ? rc
                  : add_rows(k, stmt, columns, sizeof(columns) / sizeof(columns[0]), "holds", err);
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
    const struct asking k = {.read = r,
                             .select = &select,
                             .heard_by_ms = heard_by(r, select.at_ms),
                             .past = select.timed || select.back > 0,
                             .answer = answer};
    rc = past_gaps_set(r, &scope, answer, err);
    rc = rc < 0 ? rc : add_holds(&k, err);
    rc = rc < 0 ? rc : add_decisions(&k, err);
    return rc < 0 ? rc : add_events(&k, err);
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
