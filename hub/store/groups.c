#include "hub/store/groups.h"

#include <string.h>

#include "common/mem.h"
#include "hub/store/db.h"

enum cm_rc hub_groups_put(struct hub_db *db, const char *app, const char *group,
                          const char *on_reject, struct cm_err *err) {
    if (on_reject == NULL || (group == NULL && strcmp(on_reject, "alone") == 0)) {
        return hub_db_run(db, err, "DELETE FROM app_group WHERE app = ?1", "t", app);
    }
    return hub_db_run(db, err,
                      "INSERT OR REPLACE INTO app_group (app, name, on_reject) VALUES (?1, ?2, ?3)",
                      "ttt", app, group == NULL ? "" : group, on_reject);
}

enum cm_rc hub_groups_any(struct hub_db *db, bool *out, struct cm_err *err) {
    return hub_db_ask(db,
                      "SELECT EXISTS (SELECT 1 FROM app_group WHERE name <> '')"
                      " OR EXISTS (SELECT 1 FROM pair_before)",
                      out, err);
}

enum cm_rc hub_groups_leave(struct hub_db *db, const char *cluster, const char *app,
                            const char *revision, struct cm_err *err) {
    // Of an App that is of no group any more, what it was long ago is not what it was before.
    enum cm_rc rc = hub_db_run(db, err,
                               "DELETE FROM pair_before WHERE cluster = ?1 AND app = ?2 AND EXISTS"
                               " (SELECT 1 FROM pair p WHERE p.cluster = ?1 AND p.app = ?2 AND"
                               " p.revision <> ?3)",
                               "ttt", cluster, app, revision);

    if (rc < 0) {
        return rc;
    }
    return hub_db_run(
        db, err,
        "INSERT INTO pair_before (cluster, app, bundle, revision) SELECT"
        " p.cluster, p.app, p.bundle, p.revision FROM app_group g CROSS JOIN pair p"
        " WHERE g.app = ?2 AND g.name <> '' AND p.cluster = ?1 AND p.app = ?2 AND p.revision <> ?3",
        "ttt", cluster, app, revision);
}

enum cm_rc hub_groups_forget(struct hub_db *db, const char *cluster, const char *app,
                             struct cm_err *err) {
    return hub_db_run(db, err, "DELETE FROM pair_before WHERE cluster = ?1 AND ?2 IN ('', app)",
                      "tt", cluster, app);
}

static bool hash_at(struct hub_stmt *stmt, int column, struct cm_sha256 *out) {
    size_t size = 0;
    const void *bytes = hub_stmt_blob(stmt, column, &size);

    if (size == sizeof(out->bytes)) {
        memcpy(out->bytes, bytes, size);
    }
    return size == sizeof(out->bytes);
}

enum cm_rc hub_groups_each_member(struct hub_db *db, const char *cluster, const char *app,
                                  const char *revision,
                                  void (*visit)(void *ctx, const struct hub_group_member *m),
                                  void *ctx, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err,
        "SELECT b.app, b.bundle, b.revision, own.bundle, ifnull(own.revision, '') FROM app_group "
        "mine JOIN app_group g ON g.name ="
        " mine.name AND g.app <> mine.app JOIN pair p ON p.cluster = ?1 AND p.app = g.app AND"
        " p.revision = ?3 JOIN pair_before b ON b.cluster = p.cluster AND b.app = p.app"
        " LEFT JOIN pair_before own ON own.cluster = p.cluster AND own.app = mine.app WHERE "
        "mine.app = ?2 AND mine.on_reject = 'group' AND mine.name <> '' AND ?3 <> '' ORDER "
        "BY b.app",
        "ttt", cluster, app, revision);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct hub_group_member m = {.app = hub_stmt_text(stmt, 0),
                                     .revision = hub_stmt_text(stmt, 2),
                                     .own_revision = hub_stmt_text(stmt, 4)};

        (void)hash_at(stmt, 3, &m.own_before);
        if (hash_at(stmt, 1, &m.before)) {
            visit(ctx, &m);
        }
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}
