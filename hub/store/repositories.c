#include "hub/store/repositories.h"

#include <stddef.h>

#include "hub/store/db.h"

enum cm_rc hub_repositories_put(struct hub_db *db, const struct hub_repository_row *row,
                                struct cm_err *err) {
    return hub_db_run(db, err,
                      "INSERT INTO repository (name, url, revision, failure, checked_ms)"
                      " VALUES (?1, ?2, coalesce(?3, ''), ?4, ?5)"
                      " ON CONFLICT (name) DO UPDATE SET url = ?2,"
                      " revision = coalesce(?3, revision), failure = ?4, checked_ms = ?5",
                      "tttti", row->name, row->url, row->revision, row->failure, row->checked_ms);
}

enum cm_rc hub_repositories_drop(struct hub_db *db, const char *name, struct cm_err *err) {
    return hub_db_run(db, err, "DELETE FROM repository WHERE name = ?1", "t", name);
}

enum cm_rc hub_repositories_clear(struct hub_db *db, struct cm_err *err) {
    return hub_db_run(db, err, "DELETE FROM repository", "");
}
