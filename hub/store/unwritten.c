#include "hub/store/unwritten.h"

#include <string.h>

#include "common/mem.h"
#include "hub/store/db.h"

enum cm_rc hub_unwritten_each(struct hub_db *db, size_t most,
                              enum cm_rc (*visit)(void *ctx, const char *cluster, const char *app,
                                                  struct cm_err *err),
                              void *ctx, int64_t *out_last, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err, "SELECT number, cluster, app FROM unwritten ORDER BY number LIMIT ?1", "i",
        (int64_t)most);

    *out_last = 0;
    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        *out_last = hub_stmt_int(stmt, 0);
        rc = visit(ctx, hub_stmt_text(stmt, 1), hub_stmt_text(stmt, 2), err);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_unwritten_remove(struct hub_db *db, int64_t last, struct cm_err *err) {
    return hub_db_run(db, err, "DELETE FROM unwritten WHERE number <= ?1", "i", last);
}

enum cm_rc hub_unwritten_add_all(struct hub_db *db, struct cm_err *err) {
    return hub_db_run(db, err,
                      "INSERT OR REPLACE INTO unwritten (cluster, app)"
                      " SELECT cluster, app FROM pair",
                      "");
}

enum cm_rc hub_unwritten_author(struct hub_db *db, const char *revision, char **out,
                                struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err, "SELECT author FROM revision WHERE id = ?1 AND author <> ''",
                     "t", revision);

    *out = NULL;
    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = cm_strdup(hub_stmt_text(stmt, 0));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_unwritten_count(struct hub_db *db, int64_t *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, "SELECT count(*) FROM unwritten", "");

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = hub_stmt_int(stmt, 0);
    }
    return rc;
}

static struct cm_sha256 hash_of(struct hub_stmt *stmt, int column) {
    struct cm_sha256 hash = {{0}};
    size_t size;
    const void *bytes = hub_stmt_blob(stmt, column, &size);

    if (size == sizeof(hash.bytes)) {
        memcpy(hash.bytes, bytes, size);
    }
    return hash;
}

enum cm_rc hub_unwritten_pairs(struct hub_db *db, const char *cluster,
                               void (*visit)(void *ctx, const struct hub_unwritten_pair *pair),
                               void *ctx, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err,
                     "SELECT app, bundle, repo, revision FROM pair WHERE cluster = ?1 ORDER BY app",
                     "t", cluster);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        visit(ctx, &(struct hub_unwritten_pair){.app = hub_stmt_text(stmt, 0),
                                                .bundle = hash_of(stmt, 1),
                                                .repo = hub_stmt_text(stmt, 2),
                                                .revision = hub_stmt_text(stmt, 3)});
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}
