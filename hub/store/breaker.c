#include "hub/store/breaker.h"

#include "common/mem.h"
#include "hub/store/db.h"

#define APPLIED "3"
#define NEVER "2" // HUB_SETTLED_NEVER
#define SAME "3"  // HUB_SETTLED_SAME

enum cm_rc hub_breaker_each(struct hub_db *db, int64_t now_ms,
                            void (*visit)(void *ctx, const struct hub_breaker_row *row), void *ctx,
                            struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err,
        "SELECT d.app, d.cluster, d.key, iif(d.bad_revision <> '', d.bad_revision, hex(d.bad)),"
        " d.seen_ms <= ifnull(here.at_ms, 0),"
        " d.settled <> 0 AND ifnull(s.applied = " APPLIED " AND s.bundle = p.bundle, 0), d.seen_ms,"
        " d.verdict = 'timed_out' AND d.written = 0"
        " FROM decision d JOIN pair p ON p.cluster = d.cluster AND p.app = d.app"
        " LEFT JOIN breaker here ON here.app = d.app AND here.cluster = d.cluster"
        " LEFT JOIN breaker every ON every.app = d.app AND every.cluster = ''"
        " LEFT JOIN status s ON s.cluster = d.cluster AND s.app = d.app"
        // a release that came up after all, before Git held it, was never kept out
        " WHERE d.provisional = 1 AND d.verdict <> 'promoted' AND NOT (d.verdict = 'timed_out'"
        " AND d.written = 0 AND d.retried = 1) AND d.settled <> " SAME " AND d.seen_ms > ?1"
        // and what is only told is not, either, nor what somebody undid and that is no decision
        " AND NOT (d.verdict = 'undone' AND d.settled = " NEVER ")"
        " AND NOT (d.verdict NOT IN ('timed_out', 'undone') AND EXISTS (SELECT 1 FROM app_group g "
        "WHERE"
        " g.app = d.app AND g.on_reject = 'report'))"
        " AND d.seen_ms > ifnull(every.at_ms, 0)"
        " ORDER BY d.app, d.number",
        "i", now_ms - HUB_BREAKER_MS);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        const struct hub_breaker_row row = {.app = hub_stmt_text(stmt, 0),
                                            .cluster = hub_stmt_text(stmt, 1),
                                            .key = hub_stmt_text(stmt, 2),
                                            .release = hub_stmt_text(stmt, 3),
                                            .spent = hub_stmt_int(stmt, 4) != 0,
                                            .landed = hub_stmt_int(stmt, 5) != 0,
                                            .seen_ms = hub_stmt_int(stmt, 6),
                                            .waits = hub_stmt_int(stmt, 7) != 0};

        visit(ctx, &row);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_breaker_tripped(struct hub_db *db, const char *app, const char *cluster,
                               int64_t now_ms, struct cm_err *err) {
    enum cm_rc rc =
        hub_db_run(db, err, "DELETE FROM breaker WHERE at_ms <= ?1", "i", now_ms - HUB_BREAKER_MS);

    return rc < 0 ? rc
                  : hub_db_run(db, err,
                               // what came before is that also if the clock was set back meanwhile
                               "INSERT OR REPLACE INTO breaker (app, cluster, at_ms) VALUES (?1,"
                               " ?2, max(?3, ifnull((SELECT max(seen_ms) FROM decision WHERE"
                               // by its time: of an App there may be a year of them
                               " +app = ?1 AND provisional = 1 AND seen_ms > ?3), 0)))",
                               "tti", app, cluster, now_ms);
}
