#include "hub/store/unwritten.h"

#include <string.h>

#include "common/mem.h"
#include "hub/store/db.h"

// As agents report it (proto, enum Health).
enum { UNKNOWN = 0, MISSING = 4 };

// is_due: what is due later than anything waits was noted while the clock was ahead.
#define IS_DUE(now) "due_ms NOT BETWEEN " now " + 1 AND " now " + 300000"
_Static_assert(HUB_UNWRITTEN_WAIT_MAX_MS == 300000, "as IS_DUE has it");

static enum cm_rc query(struct hub_db *db, const struct hub_unwritten_due *which, int64_t most,
                        struct hub_stmt **out, struct cm_err *err) {
    static const char desired[] = "SELECT number, cluster, app, held, revision, removal"
                                  " FROM unwritten ORDER BY number LIMIT ?1";
    static const char actual[] = "SELECT number, cluster, app, 0, '', '' FROM unobserved"
                                 " WHERE " IS_DUE("?2") " ORDER BY number LIMIT ?1";

    return which->list == HUB_UNWRITTEN_DESIRED
               ? hub_db_query(db, out, err, desired, "i", most)
               : hub_db_query(db, out, err, actual, "ii", most, which->now_ms);
}

enum cm_rc hub_unwritten_each(struct hub_db *db, const struct hub_unwritten_due *which, size_t most,
                              enum cm_rc (*visit)(void *ctx, const struct hub_unwritten_row *row,
                                                  struct cm_err *err),
                              void *ctx, int64_t *out_last, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = query(db, which, (int64_t)most, &stmt, err);

    *out_last = 0;
    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        *out_last = hub_stmt_int(stmt, 0);
        rc = visit(ctx,
                   &(struct hub_unwritten_row){.cluster = hub_stmt_text(stmt, 1),
                                               .app = hub_stmt_text(stmt, 2),
                                               .held = hub_stmt_int(stmt, 3) != 0,
                                               .revision = hub_stmt_text(stmt, 4),
                                               .removal = hub_stmt_text(stmt, 5)},
                   err);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_unwritten_explain(struct hub_db *db, const struct hub_unwritten_row *row,
                                 struct cm_err *err) {
    return hub_db_run(db, err,
                      "UPDATE unwritten SET held = ?3, revision = ?4, removal = ?5"
                      " WHERE cluster = ?1 AND app = ?2",
                      "ttitt", row->cluster, row->app, (int64_t)row->held, row->revision,
                      row->removal);
}

enum cm_rc hub_unwritten_remove(struct hub_db *db, const struct hub_unwritten_due *which,
                                int64_t last, struct cm_err *err) {
    return which->list == HUB_UNWRITTEN_DESIRED
               ? hub_db_run(db, err, "DELETE FROM unwritten WHERE number <= ?1", "i", last)
               : hub_db_run(db, err, "DELETE FROM unobserved WHERE number <= ?1 AND " IS_DUE("?2"),
                            "ii", last, which->now_ms);
}

enum cm_rc hub_unwritten_wait(struct hub_db *db, const char *cluster, const char *app,
                              int64_t due_ms, struct cm_err *err) {
    return hub_db_run(db, err,
                      "INSERT OR REPLACE INTO unobserved (cluster, app, due_ms) SELECT ?1, ?2,"
                      " min(?3, ifnull((SELECT due_ms FROM unobserved WHERE cluster = ?1"
                      " AND app = ?2), ?3))",
                      "tti", cluster, app, due_ms);
}

enum cm_rc hub_unwritten_hurry(struct hub_db *db, const char *cluster, const char *app,
                               struct cm_err *err) {
    return hub_db_run(db, err,
                      "INSERT OR REPLACE INTO unobserved (cluster, app) SELECT cluster, app"
                      " FROM unobserved WHERE cluster = ?1 AND app = ?2",
                      "tt", cluster, app);
}

enum cm_rc hub_unwritten_add_all(struct hub_db *db, struct cm_err *err) {
    enum cm_rc rc = hub_db_run(db, err,
                               "INSERT OR REPLACE INTO unwritten (cluster, app, held)"
                               " SELECT cluster, app, held <> '' FROM pair",
                               "");

    return rc < 0 ? rc
                  : hub_db_run(db, err,
                               "INSERT OR REPLACE INTO unobserved (cluster, app)"
                               " SELECT cluster, app FROM status",
                               "");
}

enum cm_rc hub_unwritten_commit(struct hub_db *db, const char *revision,
                                void (*visit)(void *ctx, const char *repo, const char *author),
                                void *ctx, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err, "SELECT repo, author FROM revision WHERE id = ?1 LIMIT 1", "t", revision);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        visit(ctx, hub_stmt_text(stmt, 0), hub_stmt_text(stmt, 1));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_unwritten_confirmation(struct hub_db *db, const char *removal,
                                      void (*visit)(void *ctx, const char *name), void *ctx,
                                      struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err, "SELECT name FROM confirmation WHERE removal = ?1 LIMIT 1", "t", removal);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        visit(ctx, hub_stmt_text(stmt, 0));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_unwritten_holds(struct hub_db *db, const char *cluster, const char *app,
                               void (*visit)(void *ctx, const char *name, const char *controller),
                               void *ctx, struct cm_err *err) {
    static const char sql[] = "SELECT name, controller FROM hold WHERE app = ?2 AND in_force > 0"
                              " AND EXISTS (SELECT 1 FROM json_each(clusters) WHERE value = ?1)";
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "tt", cluster, app);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        visit(ctx, hub_stmt_text(stmt, 0), hub_stmt_text(stmt, 1));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_unwritten_count(struct hub_db *db, enum hub_unwritten which, int64_t *out,
                               struct cm_err *err) {
    static const char *const sqls[] = {
        [HUB_UNWRITTEN_DESIRED] = "SELECT count(*) FROM unwritten",
        [HUB_UNWRITTEN_ACTUAL] = "SELECT count(*) FROM unobserved",
    };
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sqls[which], "");

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = hub_stmt_int(stmt, 0);
    }
    return rc;
}

// hash_of reads a hash; it tells whether there was one.
static bool hash_of(struct hub_stmt *stmt, int column, struct cm_sha256 *out) {
    size_t size;
    const void *bytes = hub_stmt_blob(stmt, column, &size);

    if (size != sizeof(out->bytes)) {
        return false;
    }
    memcpy(out->bytes, bytes, size);
    return true;
}

enum cm_rc hub_unwritten_apps(struct hub_db *db, enum hub_unwritten which, const char *cluster,
                              void (*visit)(void *ctx, const struct hub_unwritten_app *app),
                              void *ctx, struct cm_err *err) {
    static const char *const sqls[] = {
        [HUB_UNWRITTEN_DESIRED] =
            "SELECT app, bundle, repo, revision, 0, 0 FROM pair WHERE cluster = ?1 ORDER BY app",
        [HUB_UNWRITTEN_ACTUAL] =
            "SELECT app, bundle, '', revision, applied = 6, applied = 6 AND (EXISTS (SELECT 1 FROM"
            " object o INDEXED BY object_app WHERE o.cluster = ?1 AND o.app = status.app AND"
            " (o.health IN (0, 4) OR o.drift_more)) OR EXISTS (SELECT 1 FROM drift d INDEXED BY"
            " drift_app WHERE d.cluster = ?1 AND d.app = status.app AND d.class <> 'noise') OR"
            " NOT EXISTS (SELECT 1 FROM object o INDEXED BY object_app WHERE o.cluster = ?1 AND"
            " o.app = status.app) OR EXISTS (SELECT 1 FROM app a WHERE a.name = status.app AND"
            " a.drift = 'off')) FROM status WHERE cluster = ?1 ORDER BY app",
    };
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sqls[which], "t", cluster);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct hub_unwritten_app app = {.app = hub_stmt_text(stmt, 0),
                                        .repo = hub_stmt_text(stmt, 2),
                                        .revision = hub_stmt_text(stmt, 3),
                                        .observed = hub_stmt_int(stmt, 4) != 0,
                                        .differs = hub_stmt_int(stmt, 5) != 0};

        (void)hash_of(stmt, 1, &app.bundle);
        visit(ctx, &app);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_unwritten_objects(struct hub_db *db, const char *cluster, const char *app,
                                 void (*visit)(void *ctx, const struct hub_unwritten_object *o),
                                 void *ctx, struct cm_err *err) {
    static const char sql[] =
        "SELECT key, sha256, health, drift_more, actual FROM object INDEXED BY object_app"
        " WHERE cluster = ?1 AND app = ?2 ORDER BY key"; // SQLite would read all of the cluster
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "tt", cluster, app);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct hub_unwritten_object o = {.key = hub_stmt_text(stmt, 0),
                                         .found = hub_stmt_int(stmt, 2) != UNKNOWN,
                                         .missing = hub_stmt_int(stmt, 2) == MISSING,
                                         .more = hub_stmt_int(stmt, 3) != 0};

        o.applied = hash_of(stmt, 1, &o.sha256);
        o.actual = hub_stmt_blob(stmt, 4, &o.actual_size);
        visit(ctx, &o);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_unwritten_drift(struct hub_db *db, const char *cluster, const char *app,
                               void (*visit)(void *ctx, const struct hub_unwritten_field *f),
                               void *ctx, struct cm_err *err) {
    static const char sql[] =
        "SELECT key, path, actual, manager, user FROM drift INDEXED BY drift_app"
        " WHERE cluster = ?1 AND app = ?2 AND class <> 'noise' ORDER BY key, path";
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "tt", cluster, app);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        visit(ctx, &(struct hub_unwritten_field){.key = hub_stmt_text(stmt, 0),
                                                 .path = hub_stmt_text(stmt, 1),
                                                 .actual = hub_stmt_text(stmt, 2),
                                                 .manager = hub_stmt_text(stmt, 3),
                                                 .user = hub_stmt_text(stmt, 4)});
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}
