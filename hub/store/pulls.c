#include "hub/store/pulls.h"

#include <string.h>

#include "common/mem.h"
#include "hub/store/db.h"

#define KEPT_MS ((int64_t)30 * 24 * 60 * 60 * 1000) // those that have ended

enum cm_rc hub_pulls_put(struct hub_db *db, const struct hub_pull_row *row, struct cm_err *err) {
    bool open = strcmp(row->state, "open") == 0;
    enum cm_rc rc = hub_db_run(db, err, "DELETE FROM pull_request WHERE ended_ms BETWEEN 1 AND ?1",
                               "i", row->at_ms - KEPT_MS);

    return rc < 0 ? rc
                  : hub_db_run(db, err,
                               "INSERT INTO pull_request (branch, repo, number, app, title, url,"
                               " state, head, content, opened_ms, ended_ms) VALUES (?1, ?2, ?3, ?4,"
                               " ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO UPDATE SET"
                               " title = ?5, url = ?6, state = ?7, head = ?8, content = ?9,"
                               " ended_ms = ?11",
                               "ttittttttii", row->branch, row->repository, row->number, row->app,
                               row->title, row->url, row->state, row->head, row->content,
                               row->at_ms, open ? (int64_t)0 : row->at_ms);
}

enum cm_rc hub_pulls_each_open(struct hub_db *db,
                               void (*visit)(void *ctx, const struct hub_pull_row *row), void *ctx,
                               struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT branch, repo, number, app, title, url, state, head,"
                                 " content FROM pull_request WHERE state = 'open'"
                                 " ORDER BY repo, number",
                                 "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        visit(ctx, &(struct hub_pull_row){.branch = hub_stmt_text(stmt, 0),
                                          .repository = hub_stmt_text(stmt, 1),
                                          .number = hub_stmt_int(stmt, 2),
                                          .app = hub_stmt_text(stmt, 3),
                                          .title = hub_stmt_text(stmt, 4),
                                          .url = hub_stmt_text(stmt, 5),
                                          .state = hub_stmt_text(stmt, 6),
                                          .head = hub_stmt_text(stmt, 7),
                                          .content = hub_stmt_text(stmt, 8)});
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}
