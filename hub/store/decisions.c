#include "hub/store/decisions.h"

#include <string.h>

#include "common/mem.h"
#include "hub/hold/hold.h"
#include "hub/store/db.h"
#include "hub/store/past_gap.h"
#include "hub/store/status.h"

static const char *text(const char *s) {
    return s == NULL ? "" : s;
}

#define HASH(hash) (hash)->bytes, (size_t)CM_SHA256_SIZE

#define IS_STEP "verdict IN ('weight', 'started')" // as the indexes of step 47 have it
#define OF_STEPS "cluster = ?1 AND provisional = 0 AND " IS_STEP
#define OF_TOLD "cluster = ?1 AND provisional = 0 AND NOT (" IS_STEP ")"
// A word that is not settled yet may hold nothing in the end.
#define OF_HOLDING                                                                                 \
    "cluster = ?1 AND provisional = 1 AND NOT (settled = 0 AND verdict IN ('timed_out', "          \
    "'promoted'))"
#define TOO_MANY(of)                                                                               \
    " WHERE " of " AND number <= (SELECT number FROM decision WHERE " of                           \
    " ORDER BY number DESC LIMIT 1 OFFSET ?2)"

static enum cm_rc trim_steps(struct hub_db *db, const char *cluster, struct cm_err *err) {
    return hub_db_run(db, err, "DELETE FROM decision" TOO_MANY(OF_STEPS), "ti", cluster,
                      (int64_t)HUB_DECISIONS_KEPT);
}

// trim_told says from when on all is known, if it drops something.
static enum cm_rc trim_told(struct hub_db *db, const char *cluster, struct cm_err *err) {
    enum cm_rc rc = hub_db_run(db, err, "DELETE FROM decision" TOO_MANY(OF_TOLD), "ti", cluster,
                               (int64_t)HUB_DECISIONS_TOLD);

    return rc < 0 || hub_db_changes(db) == 0
               ? rc
               : hub_db_run(db, err,
                            "INSERT INTO past_gap (source, cluster, from_ms) SELECT"
                            " 'decisions', ?1, seen_ms FROM decision WHERE " OF_TOLD
                            " ORDER BY number LIMIT 1 " PAST_GAP_STAYS,
                            "t", cluster);
}

// trim_holding: what keeps nothing out any more still tells.
static enum cm_rc trim_holding(struct hub_db *db, const char *cluster, struct cm_err *err) {
    return hub_db_run(db, err, "UPDATE decision SET provisional = 0" TOO_MANY(OF_HOLDING), "ti",
                      cluster, (int64_t)HUB_DECISIONS_KEPT);
}

enum cm_rc hub_decisions_trim(struct hub_db *db, const char *cluster, struct cm_err *err) {
    enum cm_rc rc = trim_holding(db, cluster, err);

    rc = rc < 0 ? rc : trim_steps(db, cluster, err);
    return rc < 0 ? rc : trim_told(db, cluster, err);
}

// let_go: what a cluster that is gone rejected is kept out of the next one of its name, but not for
// ever.
static enum cm_rc let_go(struct hub_db *db, int64_t before_ms, struct cm_err *err) {
    return hub_db_run(db, err,
                      "UPDATE decision INDEXED BY decision_kept_out SET provisional = 0 WHERE"
                      " seen_ms < ?1 AND provisional = 1 AND NOT EXISTS (SELECT 1 FROM cluster c"
                      " WHERE c.name = decision.cluster) AND NOT EXISTS (SELECT 1 FROM agent a"
                      " WHERE a.cluster = decision.cluster AND a.state = 'active')",
                      "i", before_ms);
}

enum cm_rc hub_decisions_keep(struct hub_db *db, int64_t before_ms, struct cm_err *err) {
    enum cm_rc rc = let_go(db, before_ms, err);

    rc = rc < 0 ? rc
                : hub_db_run(db, err,
                             "DELETE FROM decision INDEXED BY decision_seen WHERE seen_ms < ?1 AND"
                             " provisional = 0",
                             "i", before_ms);
    return rc < 0 || hub_db_changes(db) == 0
               ? rc
               : hub_db_run(db, err,
                            "INSERT INTO past_gap (source, cluster, from_ms) VALUES"
                            " ('decisions', '', ?1) " PAST_GAP_STAYS,
                            "i", before_ms);
}

// forget_told: what only lines told (hub/past/line.h) holds nothing back, so it gives way to what
// does.
static enum cm_rc forget_told(struct hub_db *db, const struct hub_decision_row *row,
                              struct cm_err *err) {
    static const char sql[] =
        "DELETE FROM decision WHERE id = ?1 AND provisional = 0 AND bad = zeroblob(32)"
        " AND good = zeroblob(32) AND bad_bundle = zeroblob(32) AND good_bundle = zeroblob(32)";

    return row->provisional ? hub_db_run(db, err, sql, "b", HASH(&row->id)) : CM_OK;
}

enum cm_rc hub_decisions_add(struct hub_db *db, const struct hub_decision_row *row, bool *out_new,
                             struct cm_err *err) {
    static const char sql[] =
        "INSERT OR IGNORE INTO decision (id, cluster, cluster_id, app, key, controller,"
        " controller_key, verdict, bad, good, bad_bundle, good_bundle, bad_revision,"
        " good_revision, good_object, text, weight, at_ms, seen_ms, actor, provisional)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
        " ?19, ?20, ?21)";
    enum cm_rc rc = forget_told(db, row, err);

    rc = rc < 0 ? rc
                : hub_db_run(db, err, sql,
                             "bttttttt"
                             "bbbb"
                             "ttbtiiiti",
                             HASH(&row->id), row->cluster, row->cluster_id, row->app, row->key,
                             text(row->controller), text(row->controller_key), row->verdict,
                             HASH(&row->bad), HASH(&row->good), HASH(&row->bad_bundle),
                             HASH(&row->good_bundle), text(row->bad_revision),
                             text(row->good_revision),
                             row->good_object == NULL ? "" : row->good_object,
                             row->good_object_size, text(row->text), (int64_t)row->weight,
                             row->at_ms, row->seen_ms, text(row->actor), (int64_t)row->provisional);
    if (rc < 0) {
        return rc;
    }
    *out_new = hub_db_changes(db) > 0;
    return *out_new ? hub_decisions_trim(db, row->cluster, err) : CM_OK;
}

// end_late: what came up after all is no longer gone back from. It is on record together with that:
// a hub that is not ready yet makes nothing else of it, and may be killed.
static enum cm_rc end_late(struct hub_db *db, const struct cm_sha256 *id, struct cm_err *err) {
    return hub_db_run(db, err,
                      "UPDATE decision SET retried = 1 WHERE number IN (SELECT late.number FROM"
                      " decision up JOIN decision late ON late.cluster = up.cluster AND"
                      " late.key = up.key AND late.number < up.number WHERE up.id = ?1 AND"
                      " up.verdict = 'promoted' AND late.app = up.app AND late.verdict ="
                      " 'timed_out' AND late.settled = ?2 AND late.written = 0 AND"
                      // what goes back with another App goes by that one
                      " substr(late.text, 1, length(?3)) <> ?3)",
                      "bit", HASH(id), (int64_t)HUB_SETTLED_HELD, HUB_HOLD_JOINS);
}

enum cm_rc hub_decisions_settle(struct hub_db *db, const struct cm_sha256 *id,
                                enum hub_settled settled, const char *why, const char *hold,
                                struct cm_err *err) {
    enum cm_rc rc = hub_db_run(
        db, err,
        "UPDATE decision SET settled = ?2, why = ?3, hold = ?4, provisional ="
        " provisional AND NOT (?2 = ?5 AND verdict IN ('timed_out', 'promoted')) WHERE id = ?1",
        "bitti", HASH(id), (int64_t)settled, text(why), text(hold), (int64_t)HUB_SETTLED_NEVER);

    return rc < 0 || settled != HUB_SETTLED_NEVER ? rc : end_late(db, id, err);
}

enum cm_rc hub_decisions_mark(struct hub_db *db, const struct cm_sha256 *id, bool written,
                              bool retried, struct cm_err *err) {
    return hub_db_run(db, err, "UPDATE decision SET written = ?2, retried = ?3 WHERE id = ?1",
                      "bii", HASH(id), (int64_t)written, (int64_t)retried);
}

enum cm_rc hub_decisions_renew(struct hub_db *db, const struct cm_sha256 *id, const char *hold,
                               struct cm_err *err) {
    // each change of a proof is a line of the past
    enum cm_rc rc =
        hub_db_run(db, err, "UPDATE decision SET hold = ?2 WHERE id = ?1", "bt", HASH(id), hold);

    return rc < 0
               ? rc
               : hub_db_run(db, err, "UPDATE decision SET proof = '' WHERE id = ?1 AND proof <> ''",
                            "b", HASH(id));
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

static struct hub_decision_row read_row(struct hub_stmt *stmt) {
    struct hub_decision_row row = {
        .id = hash_at(stmt, 0),
        .cluster = hub_stmt_text(stmt, 1),
        .cluster_id = hub_stmt_text(stmt, 2),
        .app = hub_stmt_text(stmt, 3),
        .key = hub_stmt_text(stmt, 4),
        .controller = hub_stmt_text(stmt, 5),
        .controller_key = hub_stmt_text(stmt, 6),
        .verdict = hub_stmt_text(stmt, 7),
        .bad = hash_at(stmt, 8),
        .good = hash_at(stmt, 9),
        .bad_bundle = hash_at(stmt, 10),
        .good_bundle = hash_at(stmt, 11),
        .bad_revision = hub_stmt_text(stmt, 12),
        .good_revision = hub_stmt_text(stmt, 13),
        .text = hub_stmt_text(stmt, 15),
        .weight = (int)hub_stmt_int(stmt, 16),
        .at_ms = hub_stmt_int(stmt, 17),
        .seen_ms = hub_stmt_int(stmt, 18),
        .actor = hub_stmt_text(stmt, 19),
        .provisional = true,
        .settled = (enum hub_settled)hub_stmt_int(stmt, 20),
        .why = hub_stmt_text(stmt, 21),
        .hold = hub_stmt_text(stmt, 22),
        .written = hub_stmt_int(stmt, 23) != 0,
        .retried = hub_stmt_int(stmt, 24) != 0,
    };

    row.good_object = hub_stmt_blob(stmt, 14, &row.good_object_size);
    return row;
}

bool hub_decision_joins(const struct hub_decision_row *row) {
    return strncmp(text(row->text), HUB_HOLD_JOINS, strlen(HUB_HOLD_JOINS)) == 0;
}

// Of each workload that a cluster has decisions of the last one that counts, if it is the App's:
// workloads are few, and looked up by their index; decisions are thousands.
#define LAST_OF_EACH(COLUMNS, COUNTS)                                                              \
    "WITH RECURSIVE k (key) AS (SELECT min(key) FROM decision WHERE cluster = ?1 UNION ALL SELECT" \
    " (SELECT min(key) FROM decision WHERE cluster = ?1 AND key > k.key) FROM k WHERE k.key IS "   \
    "NOT"                                                                                          \
    " NULL) SELECT " COLUMNS " FROM k JOIN decision d ON d.number = (SELECT number FROM decision"  \
    " INDEXED BY decision_key WHERE cluster = ?1 AND key = k.key AND " COUNTS                      \
    " AND substr(text, 1, length(?3)) <> ?3 ORDER BY number DESC LIMIT 1) WHERE d.app = ?2"

enum cm_rc hub_decisions_each_controller(struct hub_db *db, const char *cluster, const char *app,
                                         void (*visit)(void *ctx, const char *key,
                                                       const char *controller),
                                         void *ctx, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, LAST_OF_EACH("d.key, d.controller", "true"), "ttt",
                                 cluster, app, HUB_HOLD_JOINS);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        visit(ctx, hub_stmt_text(stmt, 0), hub_stmt_text(stmt, 1));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_decisions_each_rejected(struct hub_db *db, const char *cluster, const char *app,
                                       void (*visit)(void *ctx, const struct hub_decision_row *row),
                                       void *ctx, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err,
                     LAST_OF_EACH("d.key, d.bad, d.good, d.good_object",
                                  "verdict NOT IN ('weight', 'restarted')") " AND d.verdict ="
                                                                            " 'rejected'",
                     "ttt", cluster, app, HUB_HOLD_JOINS);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct hub_decision_row row = {
            .key = hub_stmt_text(stmt, 0), .bad = hash_at(stmt, 1), .good = hash_at(stmt, 2)};

        row.good_object = hub_stmt_blob(stmt, 3, &row.good_object_size);
        visit(ctx, &row);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// Those that nobody has looked at yet have an index of their own: the others are kept.
#define PROVISIONAL(INDEX, WHERE)                                                                  \
    "SELECT id, cluster, cluster_id, app, key, controller, controller_key, verdict, bad, good,"    \
    " bad_bundle, good_bundle, bad_revision, good_revision, good_object, text, weight, at_ms,"     \
    " seen_ms, actor, settled, why, hold, written, retried FROM decision INDEXED BY " INDEX        \
    " WHERE " WHERE " ORDER BY number"

enum cm_rc hub_decisions_each_provisional(struct hub_db *db, bool only_new,
                                          void (*visit)(void *ctx,
                                                        const struct hub_decision_row *row),
                                          void *ctx, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err,
                     only_new ? PROVISIONAL("decision_unsettled", "provisional = 1 AND settled = 0")
                              : PROVISIONAL("decision_provisional", "provisional = 1"),
                     "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct hub_decision_row row = read_row(stmt);

        visit(ctx, &row);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_decisions_weighed(struct hub_db *db, const char *cluster, const char *key,
                                 int *out_weight, int64_t *out_ms, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT iif(verdict = 'weight', weight, -1), (SELECT"
                                 " ifnull(max(seen_ms), 0) FROM decision WHERE cluster = ?1"
                                 " AND key = ?2 AND verdict = 'weight') FROM decision WHERE"
                                 " cluster = ?1 AND key = ?2 ORDER BY number DESC LIMIT 1",
                                 "tt", cluster, key);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    *out_weight = rc == CM_OK ? (int)hub_stmt_int(stmt, 0) : -1;
    *out_ms = rc == CM_OK ? hub_stmt_int(stmt, 1) : 0;
    return CM_OK;
}

enum cm_rc hub_decisions_last(struct hub_db *db, const char *cluster, struct hub_report_mark *out,
                              struct cm_err *err) {
    return hub_marks_read(db, "SELECT decided_run, decided FROM presence WHERE cluster = ?1",
                          cluster, out, err);
}

enum cm_rc hub_decisions_set(struct hub_db *db, const char *cluster,
                             const struct hub_report_mark *mark, struct cm_err *err) {
    return hub_db_run(db, err,
                      "UPDATE presence SET decided_run = ?2, decided = ?3 WHERE cluster = ?1",
                      "tti", cluster, mark->run, (int64_t)mark->number);
}

enum cm_rc hub_verdicts_put(struct hub_db *db, const struct hub_verdict_row *row,
                            struct cm_err *err) {
    static const char trim_sql[] =
        "DELETE FROM verdict WHERE cluster_id = ?1 AND app = ?2 AND at_ms < (SELECT at_ms FROM"
        " verdict WHERE cluster_id = ?1 AND app = ?2 ORDER BY at_ms DESC LIMIT 1 OFFSET ?3)";
    enum cm_rc rc =
        hub_db_run(db, err,
                   "INSERT OR REPLACE INTO verdict (cluster_id, app, identity, verdict, revision,"
                   " at_ms, by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                   "tttttit", row->cluster_id, row->app, row->identity, row->verdict,
                   text(row->revision), row->at_ms, text(row->by));

    return rc < 0 ? rc
                  : hub_db_run(db, err, trim_sql, "tti", row->cluster_id, row->app,
                               (int64_t)HUB_VERDICTS_KEPT);
}
