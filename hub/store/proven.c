#include "hub/store/proven.h"

#include <string.h>

#include "common/mem.h"
#include "hub/hold/hold.h"
#include "hub/store/db.h"

static enum cm_rc find_agent(struct hub_db *db, const struct hub_proven_row *row, bool *out_earlier,
                             struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err, "SELECT agent FROM proven WHERE cluster = ?1 AND key = ?2",
                     "tt", row->cluster, row->key);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    *out_earlier = rc == CM_OK && strcmp(hub_stmt_text(stmt, 0), row->agent) != 0;
    return CM_OK;
}

enum cm_rc hub_proven_put(struct hub_db *db, const struct hub_proven_row *row, bool *out_earlier,
                          struct cm_err *err) {
    enum cm_rc rc = find_agent(db, row, out_earlier, err);

    return rc < 0 ? rc
                  : hub_db_run(db, err,
                               "INSERT OR REPLACE INTO proven (cluster, key, agent, app, needs,"
                               " revision, bundle) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                               "ttttttb", row->cluster, row->key, row->agent, row->app, row->needs,
                               row->revision, row->bundle.bytes, (size_t)CM_SHA256_SIZE);
}

static struct cm_sha256 hash_at(struct hub_stmt *stmt, int column) {
    struct cm_sha256 hash = {{0}};
    size_t size = 0;
    const void *bytes = hub_stmt_blob(stmt, column, &size);

    if (size == sizeof(hash.bytes)) {
        memcpy(hash.bytes, bytes, size);
    }
    return hash;
}

enum cm_rc hub_proven_find(struct hub_db *db, const char *cluster, const char *key,
                           void (*visit)(void *ctx, const struct hub_proven_row *row), void *ctx,
                           struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT agent, app, needs, revision, bundle FROM proven WHERE"
                                 " cluster = ?1 AND key = ?2",
                                 "tt", cluster, key);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        visit(ctx, &(struct hub_proven_row){.cluster = cluster,
                                            .agent = hub_stmt_text(stmt, 0),
                                            .app = hub_stmt_text(stmt, 1),
                                            .key = key,
                                            .needs = hub_stmt_text(stmt, 2),
                                            .revision = hub_stmt_text(stmt, 3),
                                            .bundle = hash_at(stmt, 4)});
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static struct hub_proven_before read_before(struct hub_stmt *stmt) {
    return (struct hub_proven_before){.row = {.cluster = hub_stmt_text(stmt, 0),
                                              .agent = hub_stmt_text(stmt, 1),
                                              .app = hub_stmt_text(stmt, 2),
                                              .key = hub_stmt_text(stmt, 3),
                                              .needs = hub_stmt_text(stmt, 4),
                                              .revision = hub_stmt_text(stmt, 5),
                                              .bundle = hash_at(stmt, 6)},
                                      .in_force = hash_at(stmt, 7),
                                      .held = hub_stmt_text(stmt, 8)[0] != '\0'};
}

#define BEFORE                                                                                     \
    "SELECT p.cluster, a.id, p.app, p.key, p.needs, p.revision, p.bundle, ifnull(q.bundle, x''),"  \
    " ifnull(q.held, '') FROM proven p"                                                            \
    " JOIN agent a ON a.cluster = p.cluster AND a.state = 'active' AND a.id <> p.agent"            \
    " LEFT JOIN pair q ON q.cluster = p.cluster AND q.app = p.app"

enum cm_rc hub_proven_each_before(struct hub_db *db, const char *cluster,
                                  void (*visit)(void *ctx, const struct hub_proven_before *before),
                                  void *ctx, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = cluster != NULL
                        ? hub_db_query(db, &stmt, err,
                                       BEFORE " WHERE p.cluster = ?1 ORDER BY p.key", "t", cluster)
                        : hub_db_query(db, &stmt, err, BEFORE " ORDER BY p.cluster, p.key", "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct hub_proven_before before = read_before(stmt);

        visit(ctx, &before);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_proven_take(struct hub_db *db, const struct hub_proven_row *row,
                           struct cm_err *err) {
    return hub_db_run(db, err, "UPDATE proven SET agent = ?3 WHERE cluster = ?1 AND key = ?2",
                      "ttt", row->cluster, row->key, row->agent);
}

// ---- What nobody begins with

static enum cm_rc read_bool(struct hub_stmt *stmt, enum cm_rc rc, bool *out, struct cm_err *err) {
    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = hub_stmt_int(stmt, 0) != 0;
    }
    return rc;
}

enum cm_rc hub_proven_any(struct hub_db *db, const char *app, const char *revision, bool *out,
                          struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT ?2 <> '' AND EXISTS (SELECT 1 FROM proven WHERE app = ?1"
                                 " AND revision = ?2)",
                                 "tt", app, revision);

    return read_bool(stmt, rc, out, err);
}

enum cm_rc hub_proven_is_awaited(struct hub_db *db, const struct hub_proven_row *row, bool *out,
                                 struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT EXISTS (SELECT 1 FROM beginning WHERE cluster = ?1"
                                 " AND app = ?2) OR EXISTS (SELECT 1 FROM decision WHERE app = ?2"
                                 " AND bad_revision = ?3 AND settled = 1) AND NOT EXISTS"
                                 " (SELECT 1 FROM proven WHERE app = ?2 AND revision = ?3"
                                 " AND cluster <> ?1)",
                                 "ttt", row->cluster, row->app, row->revision);

    return read_bool(stmt, rc, out, err);
}

enum cm_rc hub_proven_forget(struct hub_db *db, const char *cluster, const char *app,
                             struct cm_err *err) {
    enum cm_rc rc = hub_db_run(
        db, err,
        "DELETE FROM proven WHERE cluster = ?1 AND app = ?2 AND NOT EXISTS (SELECT 1"
        " FROM decision d WHERE d.app = ?2 AND d.bad_revision = proven.revision AND d.settled = 1)",
        "tt", cluster, app);

    return rc < 0
               ? rc
               : hub_db_run(db, err, "UPDATE proven SET needs = '' WHERE cluster = ?1 AND app = ?2",
                            "tt", cluster, app);
}

#define OF_ONE                                                                                     \
    "SELECT p.cluster, p.app, p.needs, p.revision FROM proven p JOIN agent a ON a.cluster = "      \
    "p.cluster"                                                                                    \
    " AND a.state = 'active' AND a.id = p.agent WHERE p.cluster = ?1"
#define OF_ALL                                                                                     \
    "SELECT '', d.app, '', d.bad_revision FROM (SELECT DISTINCT app, bad_revision FROM decision"   \
    " WHERE settled = 1 AND bad_revision <> '') d WHERE EXISTS (SELECT 1 FROM proven p"            \
    " WHERE p.app = d.app AND p.revision = d.bad_revision) UNION ALL"                              \
    " SELECT p.cluster, p.app, p.needs, p.revision FROM beginning b CROSS JOIN proven p"           \
    " ON p.cluster = b.cluster AND +p.app = b.app JOIN agent a ON a.cluster = p.cluster"           \
    " AND a.state = 'active' AND a.id = p.agent"

enum cm_rc hub_proven_each_release(struct hub_db *db, const char *cluster,
                                   void (*visit)(void *ctx, const struct hub_proven_row *row),
                                   void *ctx, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = cluster != NULL ? hub_db_query(db, &stmt, err, OF_ONE, "t", cluster)
                                    : hub_db_query(db, &stmt, err, OF_ALL, "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        visit(ctx, &(struct hub_proven_row){.cluster = hub_stmt_text(stmt, 0),
                                            .app = hub_stmt_text(stmt, 1),
                                            .needs = hub_stmt_text(stmt, 2),
                                            .revision = hub_stmt_text(stmt, 3)});
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// Nobody has heard what was found elsewhere, or what holdfast does itself.
#define HEARD "settled = 1 AND (why = '' OR substr(why, 1, length(?1)) = ?1)"

// An index finds what was rejected; of a cluster there is less than of an App, which + says.
#define FRESH(which)                                                                               \
    "SELECT q.cluster, q.app FROM pair q JOIN agent a ON a.cluster = q.cluster"                    \
    " AND a.state = 'active' WHERE " which " AND NOT EXISTS (SELECT 1 FROM status s"               \
    " WHERE s.cluster = q.cluster AND s.app = q.app) AND NOT EXISTS (SELECT 1 FROM beginning b"    \
    " WHERE b.cluster = q.cluster AND b.app = q.app) AND NOT EXISTS (SELECT 1 FROM proven p"       \
    " WHERE p.cluster = q.cluster AND +p.app = q.app) AND NOT EXISTS (SELECT 1 FROM decision e"    \
    " WHERE e.cluster = q.cluster AND +e.app = q.app)"

enum cm_rc hub_proven_each_fresh(struct hub_db *db, const char *cluster,
                                 void (*visit)(void *ctx, const char *cluster, const char *app),
                                 void *ctx, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        cluster != NULL
            ? hub_db_query(db, &stmt, err,
                           FRESH("q.cluster = ?2 AND EXISTS (SELECT 1 FROM decision"
                                 " WHERE app = q.app AND " HEARD ")"),
                           "tt", HUB_HOLD_JOINS, cluster)
            : hub_db_query(db, &stmt, err,
                           FRESH("q.app IN (SELECT DISTINCT app FROM decision WHERE " HEARD ")"),
                           "t", HUB_HOLD_JOINS);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        visit(ctx, hub_stmt_text(stmt, 0), hub_stmt_text(stmt, 1));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}
