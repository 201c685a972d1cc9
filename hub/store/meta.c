#include "hub/store/meta.h"

#include "common/mem.h"
#include "hub/store/db.h"

static enum cm_rc find(struct hub_db *db, const char *name, struct hub_stmt **out,
                       struct cm_err *err) {
    enum cm_rc rc = hub_db_query(db, out, err, "SELECT value FROM meta WHERE name = ?1", "t", name);

    rc = rc < 0 ? rc : hub_stmt_next(*out, err);
    return rc < 0 ? cm_wrap(err, "read '%s'", name) : CM_OK;
}

enum cm_rc hub_meta_get_int(struct hub_db *db, const char *name, int64_t *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = find(db, name, &stmt, err);

    if (rc == CM_OK) {
        *out = hub_stmt_int(stmt, 0);
    }
    return rc;
}

enum cm_rc hub_meta_get_text(struct hub_db *db, const char *name, char **out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = find(db, name, &stmt, err);

    if (rc == CM_OK) {
        *out = cm_strdup(hub_stmt_text(stmt, 0));
    }
    return rc;
}

enum cm_rc hub_meta_set_int(struct hub_db *db, const char *name, int64_t value,
                            struct cm_err *err) {
    return hub_db_run(db, err, "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", "ti",
                      name, value);
}

enum cm_rc hub_meta_set_text(struct hub_db *db, const char *name, const char *value,
                             struct cm_err *err) {
    return hub_db_run(db, err, "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", "tt",
                      name, value);
}
