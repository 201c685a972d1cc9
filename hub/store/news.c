#include "hub/store/news.h"

#include "common/mem.h"
#include "hub/store/db.h"
#include "hub/store/events.h"

static enum cm_rc read_version(struct hub_db *db, int64_t *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, "PRAGMA data_version", "");

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = hub_stmt_int(stmt, 0);
    }
    return rc;
}

enum cm_rc hub_news_read(struct hub_db *db, struct hub_news *out, struct cm_err *err) {
    // Queries within one: each finds its row at once.
    static const char sql[] =
        "SELECT ifnull((SELECT max(number) FROM event), 0),"
        " ifnull((SELECT min(number) FROM event WHERE number >"
        " ifnull((SELECT value FROM meta WHERE name = '" HUB_EVENTS_TRIMMED "'), 0)), 0)";
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct hub_news news = {0};
    enum cm_rc rc = read_version(db, &news.version, err);

    rc = rc < 0 ? rc : hub_db_query(db, &stmt, err, sql, "");
    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        news.newest = hub_stmt_int(stmt, 0);
        news.oldest = hub_stmt_int(stmt, 1);
        *out = news;
    }
    return rc;
}
