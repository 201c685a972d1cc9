#include "hub/store/needs.h"

#include <string.h>

#include "common/mem.h"
#include "hub/store/db.h"

enum cm_rc hub_needs_put(struct hub_db *db, const struct hub_need_row *row, struct cm_err *err) {
    return hub_db_run(
        db, err,
        "INSERT OR REPLACE INTO needs_human (cluster, app, key, why, revision, form,"
        " bundle, at_ms, waits) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE EXISTS"
        " (SELECT 1 FROM pair WHERE cluster = ?1 AND app = ?2) AND (SELECT count(*)"
        " FROM needs_human WHERE cluster = ?1 AND NOT (app = ?2 AND key = ?3)) < ?10"
        " AND NOT (?9 AND EXISTS (SELECT 1 FROM needs_human WHERE cluster = ?1 AND app = ?2"
        " AND key = ?3 AND waits = 0))",
        "ttttttbiii", row->cluster, row->app, row->key, row->why, row->revision, row->form,
        row->bundle.bytes, (size_t)CM_SHA256_SIZE, row->at_ms, (int64_t)row->waits,
        (int64_t)HUB_NEEDS_MAX);
}

enum cm_rc hub_needs_end(struct hub_db *db, const char *cluster, const char *app, const char *key,
                         struct cm_err *err) {
    return hub_db_run(db, err,
                      "DELETE FROM needs_human WHERE cluster = ?1 AND app = ?2 AND ?3 IN ('', key)",
                      "ttt", cluster, app, key == NULL ? "" : key);
}

enum cm_rc hub_needs_end_wait(struct hub_db *db, const char *cluster, const char *app,
                              const char *key, struct cm_err *err) {
    return hub_db_run(db, err,
                      "DELETE FROM needs_human WHERE cluster = ?1 AND app = ?2 AND key = ?3 AND"
                      " waits = 1",
                      "ttt", cluster, app, key);
}

enum cm_rc hub_needs_end_cluster(struct hub_db *db, const char *cluster, struct cm_err *err) {
    return hub_db_run(db, err, "DELETE FROM needs_human WHERE cluster = ?1", "t", cluster);
}

enum cm_rc hub_needs_any(struct hub_db *db, bool *out, struct cm_err *err) {
    return hub_db_ask(db, "SELECT EXISTS (SELECT 1 FROM needs_human)", out, err);
}

static struct hub_need_row read_row(struct hub_stmt *stmt) {
    struct hub_need_row row = {.cluster = hub_stmt_text(stmt, 0),
                               .app = hub_stmt_text(stmt, 1),
                               .key = hub_stmt_text(stmt, 2),
                               .why = hub_stmt_text(stmt, 3),
                               .revision = hub_stmt_text(stmt, 4),
                               .form = hub_stmt_text(stmt, 5),
                               .at_ms = hub_stmt_int(stmt, 7),
                               .waits = hub_stmt_int(stmt, 8) != 0};
    size_t size = 0;
    const void *bytes = hub_stmt_blob(stmt, 6, &size);

    if (size == sizeof(row.bundle.bytes)) {
        memcpy(row.bundle.bytes, bytes, size);
    }
    return row;
}

#define SELECT                                                                                     \
    "SELECT cluster, app, key, why, revision, form, bundle, at_ms, waits FROM needs_human WHERE "

static enum cm_rc visit_all(struct hub_stmt *stmt,
                            void (*visit)(void *ctx, const struct hub_need_row *row), void *ctx,
                            struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct hub_need_row row = read_row(stmt);

        visit(ctx, &row);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_needs_each(struct hub_db *db, const char *cluster, const char *app,
                          void (*visit)(void *ctx, const struct hub_need_row *row), void *ctx,
                          struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err, SELECT "cluster = ?1 AND app = ?2", "tt", cluster, app);

    return rc < 0 ? rc : visit_all(stmt, visit, ctx, err);
}

enum cm_rc hub_needs_settle(struct hub_db *db, const char *cluster,
                            void (*visit)(void *ctx, const struct hub_need_row *row), void *ctx,
                            struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err, SELECT "cluster = ?1 AND waits = 0 ORDER BY app, key", "t", cluster);

    return rc < 0 ? rc : visit_all(stmt, visit, ctx, err);
}
