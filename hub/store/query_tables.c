#include "hub/store/query_tables.h"

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "hub/store/db.h"

static enum cm_rc read_number(struct hub_db *db, const char *sql, int64_t *out,
                              struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query_texts(db, &stmt, err, sql, NULL, 0);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = hub_stmt_int(stmt, 0);
    }
    return rc;
}

static enum cm_rc list_tables(struct hub_db *db, struct cm_arena *a, struct cm_json *rows,
                              struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT name FROM sqlite_master WHERE type = 'table'"
                                 " AND name NOT LIKE 'sqlite%' ORDER BY name",
                                 "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        cm_json_set_int(a, rows, hub_stmt_text(stmt, 0), 0);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_query_tables(struct hub_db *db, struct cm_arena *a, struct cm_json **out,
                            struct cm_err *err) {
    struct cm_json *answer = cm_json_new(a, CM_OBJECT);
    struct cm_json *names = cm_json_new(a, CM_OBJECT);
    struct cm_json *rows = cm_json_new(a, CM_OBJECT);
    int64_t number = 0;
    enum cm_rc rc = read_number(db, "PRAGMA user_version", &number, err);

    cm_json_set_int(a, answer, "schema", number);
    rc = rc < 0 ? rc : list_tables(db, a, names, err);
    for (const struct cm_json *at = names->first; rc == CM_OK && at != NULL; at = at->next) {
        rc =
            read_number(db, cm_arena_strf(a, "SELECT count(*) FROM \"%s\"", at->key), &number, err);
        cm_json_set_int(a, rows, at->key, number);
    }
    cm_json_set(a, answer, "rows", rows);
    if (rc == CM_OK) {
        *out = answer;
    }
    return rc;
}
