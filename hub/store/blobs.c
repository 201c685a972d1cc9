#include "hub/store/blobs.h"

#include <string.h>

#include "common/mem.h"
#include "hub/store/db.h"

enum cm_rc hub_blobs_prepare(struct hub_db *db, struct cm_err *err) {
    static const char *const tables[] = {
        "PRAGMA temp_store = MEMORY",
        "CREATE TEMP TABLE kept (sha256 BLOB PRIMARY KEY) WITHOUT ROWID",
        "CREATE TEMP TABLE collecting (yes INTEGER)", // one row while a collection runs
    };
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < sizeof(tables) / sizeof(tables[0]); i++) {
        rc = hub_db_run(db, err, tables[i], "");
    }
    return rc;
}

enum cm_rc hub_blobs_end(struct hub_db *db, struct cm_err *err) {
    enum cm_rc rc = hub_db_run(db, err, "DELETE FROM temp.collecting", "");

    return rc < 0 ? rc : hub_db_run(db, err, "DELETE FROM temp.kept", "");
}

enum cm_rc hub_blobs_begin(struct hub_db *db, struct cm_err *err) {
    enum cm_rc rc = hub_blobs_end(db, err);

    return rc < 0 ? rc : hub_db_run(db, err, "INSERT INTO temp.collecting VALUES (1)", "");
}

enum cm_rc hub_blobs_keep(struct hub_db *db, const struct cm_sha256 *name, struct cm_err *err) {
    return hub_db_run(db, err, "INSERT OR IGNORE INTO temp.kept VALUES (?1)", "b", name->bytes,
                      sizeof(name->bytes));
}

enum cm_rc hub_blobs_is_kept(struct hub_db *db, const struct cm_sha256 *name, bool *out,
                             struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, "SELECT 1 FROM temp.kept WHERE sha256 = ?1", "b",
                                 name->bytes, sizeof(name->bytes));

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    *out = rc == CM_OK;
    return CM_OK;
}

enum cm_rc hub_blobs_note(struct hub_db *db, const struct cm_sha256 *name, struct cm_err *err) {
    return hub_db_run(db, err, "INSERT OR IGNORE INTO temp.kept SELECT ?1 FROM temp.collecting",
                      "b", name->bytes, sizeof(name->bytes));
}

enum cm_rc hub_blobs_walk(struct hub_db *db, const struct hub_blobs_walk *walk, size_t *out_seen,
                          struct cm_err *err) {
    static const char *const sqls[] = {
        [HUB_BLOBS_MANIFESTS] = "SELECT cluster, '', bytes FROM manifest"
                                " WHERE cluster > ?1 ORDER BY cluster LIMIT ?3",
        [HUB_BLOBS_PAIRS] = "SELECT cluster, app, bundle FROM pair"
                            " WHERE (cluster, app) > (?1, ?2) ORDER BY cluster, app LIMIT ?3",
        [HUB_BLOBS_PROVEN] = "SELECT cluster, key, bundle FROM proven"
                             " WHERE (cluster, key) > (?1, ?2) ORDER BY cluster, key LIMIT ?3",
        [HUB_BLOBS_APPLIED] = "SELECT cluster, app, bundle FROM status"
                              " WHERE (cluster, app) > (?1, ?2) ORDER BY cluster, app LIMIT ?3",
        [HUB_BLOBS_REPORTED] = "SELECT cluster, key, sha256 FROM object"
                               " WHERE (cluster, key) > (?1, ?2) ORDER BY cluster, key LIMIT ?3",
        [HUB_BLOBS_GOOD] = "SELECT cluster, key, good_bundle, max(number) FROM decision AS d"
                           " WHERE (cluster, key) > (?1, ?2) AND good_bundle <> zeroblob(32)"
                           " AND EXISTS (SELECT 1 FROM pair WHERE cluster = d.cluster"
                           " AND app = d.app) GROUP BY cluster, key ORDER BY cluster, key LIMIT ?3",
        [HUB_BLOBS_BEFORE] = "SELECT cluster, app, bundle FROM pair_before"
                             " WHERE (cluster, app) > (?1, ?2) ORDER BY cluster, app LIMIT ?3",
    };
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct hub_blobs_use use;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sqls[walk->user], "tti", walk->cluster, walk->name,
                                 (int64_t)walk->limit);

    *out_seen = 0;
    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        use.cluster = hub_stmt_text(stmt, 0);
        use.name = hub_stmt_text(stmt, 1);
        use.bytes = hub_stmt_blob(stmt, 2, &use.size);
        (*out_seen)++;
        rc = walk->visit(walk->ctx, &use, err);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// Moves the cursor over the next names; *seen tells how many there were.
static enum cm_rc advance(struct hub_db *db, struct hub_blobs_cursor *cursor, size_t limit,
                          size_t *seen, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT sha256 FROM blob WHERE sha256 > ?1"
                                 " ORDER BY sha256 LIMIT ?2",
                                 "bi", cursor->name, cursor->size, (int64_t)limit);
    size_t size;

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        const void *name = hub_stmt_blob(stmt, 0, &size);

        cursor->size = size < sizeof(cursor->name) ? size : sizeof(cursor->name);
        memcpy(cursor->name, name, cursor->size);
        (*seen)++;
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_blobs_sweep(struct hub_db *db, struct hub_blobs_cursor *cursor, size_t limit,
                           bool *more, size_t *removed, struct cm_err *err) {
    struct hub_blobs_cursor from = *cursor;
    size_t seen = 0;
    enum cm_rc rc = advance(db, cursor, limit, &seen, err);

    rc = rc < 0 ? rc
                : hub_db_run(db, err,
                             "DELETE FROM blob WHERE sha256 > ?1 AND sha256 <= ?2"
                             " AND sha256 NOT IN (SELECT sha256 FROM temp.kept)",
                             "bb", from.name, from.size, cursor->name, cursor->size);
    if (rc == CM_OK) {
        *more = seen == limit;
        *removed += (size_t)hub_db_changes(db);
    }
    return rc;
}
