#include "hub/store/agents.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "hub/store/db.h"

bool hub_cluster_name_ok(const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t len = strnlen(name, HUB_CLUSTER_NAME_MAX + 1);

    if (len == 0 || len > HUB_CLUSTER_NAME_MAX) {
        return false;
    }
    if (name[0] == '-' || name[len - 1] == '-') {
        return false;
    }
    return strspn(name, allowed) == len;
}

static struct cm_sha256 column_sha256(struct hub_stmt *stmt, int column) {
    struct cm_sha256 hash = {0};
    size_t size;
    const void *bytes = hub_stmt_blob(stmt, column, &size);

    if (size == sizeof(hash.bytes)) {
        memcpy(hash.bytes, bytes, size);
    }
    return hash;
}

#define COLUMNS                                                                                    \
    "id, cluster, key_sha256, next_key, before_key, before_until_ms, begins_ms, ends_ms, held,"    \
    " held_ms, held_key, approved_ms, skew_ms"

static struct hub_agent_row row_of(struct hub_stmt *stmt) {
    return (struct hub_agent_row){.id = hub_stmt_text(stmt, 0),
                                  .cluster = hub_stmt_text(stmt, 1),
                                  .key = column_sha256(stmt, 2),
                                  .next_key = column_sha256(stmt, 3),
                                  .before_key = column_sha256(stmt, 4),
                                  .before_until_ms = hub_stmt_int(stmt, 5),
                                  .begins_ms = hub_stmt_int(stmt, 6),
                                  .ends_ms = hub_stmt_int(stmt, 7),
                                  .held = hub_stmt_text(stmt, 8),
                                  .held_ms = hub_stmt_int(stmt, 9),
                                  .held_key = column_sha256(stmt, 10),
                                  .approved_ms = hub_stmt_int(stmt, 11),
                                  .skew_ms = hub_stmt_int(stmt, 12)};
}

bool hub_agent_is_pending(const struct hub_agent_row *row) {
    return row->held != NULL && row->held[0] != '\0' && cm_sha256_equal(&row->held_key, &row->key);
}

enum cm_rc hub_agents_each(struct hub_db *db,
                           void (*visit)(void *ctx, const struct hub_agent_row *row), void *ctx,
                           struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err, "SELECT " COLUMNS " FROM agent WHERE state = 'active'", "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct hub_agent_row row = row_of(stmt);

        visit(ctx, &row);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// Certificates know whole seconds, so one of the second in question may be from before it. Agents
// renew when at most 60 % of the life of a certificate is over. What ends at another time than the
// one that was made last is one before: the answer was lost, or is on its way.
#define MADE_BEFORE "g.begins_ms <= ?1"
// Nor is known which one an agent has that a person let go on since: it renews when it connects.
#define IS_APPROVED "(g.approved_ms > 0 AND g.begins_ms + ?2 < g.approved_ms)"
#define IS_NOT_SEEN "(r.cert_ends_ms > 0 AND g.ends_ms > 0 AND r.cert_ends_ms <> g.ends_ms)"

enum cm_rc hub_agents_count_before(struct hub_db *db, int64_t made_ms, int64_t early_ms,
                                   uint64_t *out_count, int64_t *out_renewed_ms,
                                   struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err,
        "SELECT count(*), ifnull(max(iif(" MADE_BEFORE " AND r.connected, g.begins_ms +"
        " (g.ends_ms - g.begins_ms) * 6 / 10, 0)), 0) FROM agent g LEFT JOIN presence r"
        " ON r.cluster = g.cluster WHERE g.state = 'active' AND (" MADE_BEFORE " OR " IS_NOT_SEEN
        " OR " IS_APPROVED ")",
        "ii", made_ms, early_ms);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out_count = (uint64_t)hub_stmt_int(stmt, 0);
        *out_renewed_ms = hub_stmt_int(stmt, 1);
    }
    return rc;
}

enum cm_rc hub_agents_each_ever(struct hub_db *db,
                                void (*visit)(void *ctx, const struct hub_agent_row *row,
                                              const char *state, int64_t enrolled_ms),
                                void *ctx, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err, "SELECT " COLUMNS ", state, enrolled_ms FROM agent", "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct hub_agent_row row = row_of(stmt);

        visit(ctx, &row, hub_stmt_text(stmt, 13), hub_stmt_int(stmt, 14));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc is_known(struct hub_db *db, const char *id, bool *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, "SELECT 1 FROM agent WHERE id = ?1", "t", id);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    *out = rc == CM_OK;
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// keep_waiting lets an agent wait for a person as it did, unless one let it go on since. Without
// the newer key an old one that raised the doubt would seem to be that which nobody has accepted.
static enum cm_rc keep_waiting(struct hub_db *db, const struct hub_agent_row *row, bool *out,
                               struct cm_err *err) {
    if (row->held == NULL || row->held[0] == '\0') {
        return CM_OK;
    }
    enum cm_rc rc = hub_db_run(
        db, err,
        "UPDATE agent SET held = ?2, held_ms = ?3, held_key = ?4, key_sha256 = ?5,"
        " next_key = iif(key_sha256 = ?5, next_key, zeroblob(32)), begins_ms = max(begins_ms, ?6)"
        " WHERE id = ?1 AND state = 'active' AND held = '' AND approved_ms < ?3",
        "ttibbi", row->id, row->held, row->held_ms, row->held_key.bytes,
        sizeof(row->held_key.bytes), row->key.bytes, sizeof(row->key.bytes), row->begins_ms);
    *out = rc == CM_OK && hub_db_changes(db) > 0;
    return rc;
}

// What is not active once never is again.
static enum cm_rc end_known(struct hub_db *db, const char *id, const char *state, bool *out,
                            struct cm_err *err) {
    enum cm_rc rc = hub_db_run(
        db, err, "UPDATE agent SET state = ?2 WHERE id = ?1 AND state = 'active'", "tt", id, state);

    *out = rc == CM_OK && hub_db_changes(db) > 0;
    return rc;
}

static enum cm_rc add_ended(struct hub_db *db, const struct hub_agent_row *row, const char *state,
                            int64_t enrolled_ms, struct cm_err *err) {
    return hub_db_run(db, err,
                      "INSERT INTO agent (id, cluster, state, key_sha256, enrolled_ms, begins_ms)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                      "tttbii", row->id, row->cluster, state, row->key.bytes,
                      sizeof(row->key.bytes), enrolled_ms, row->begins_ms);
}

enum cm_rc hub_agents_restrict(struct hub_db *db, const struct hub_agent_row *row,
                               const char *state, int64_t enrolled_ms,
                               struct hub_agents_restricted *out, struct cm_err *err) {
    bool active = strcmp(state, "active") == 0;
    enum cm_rc rc = is_known(db, row->id, &out->known, err);

    if (rc < 0 || (active && !out->known)) {
        return rc;
    }
    if (active) {
        return keep_waiting(db, row, &out->held, err);
    }
    return out->known ? end_known(db, row->id, state, &out->ended, err)
                      : add_ended(db, row, state, enrolled_ms, err);
}

enum cm_rc hub_agents_merge(struct hub_db *db, const struct hub_agent_row *row, const char *state,
                            int64_t enrolled_ms, size_t *out_revoked, size_t *out_added,
                            struct cm_err *err) {
    bool active = strcmp(state, "active") == 0;
    struct hub_agents_restricted done = {.known = false};
    enum cm_rc rc = hub_agents_restrict(db, row, state, enrolled_ms, &done, err);

    *out_revoked += done.ended ? 1 : 0;
    if (rc < 0 || done.known || !active) {
        return rc;
    }
    ++*out_added;
    return hub_agents_enroll(db, row, enrolled_ms, err);
}

static enum cm_rc find_by(struct hub_db *db, const char *sql, const char *what,
                          struct hub_agent_found *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "t", what);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0) {
        return rc;
    }
    out->row = row_of(stmt);
    (void)snprintf(out->id, sizeof(out->id), "%s", out->row.id);
    (void)snprintf(out->cluster, sizeof(out->cluster), "%s", out->row.cluster);
    (void)snprintf(out->held, sizeof(out->held), "%s", out->row.held);
    out->row.id = out->id;
    out->row.cluster = out->cluster;
    out->row.held = out->held;
    return CM_OK;
}

enum cm_rc hub_agents_find(struct hub_db *db, const char *id, struct hub_agent_found *out,
                           struct cm_err *err) {
    return find_by(db, "SELECT " COLUMNS " FROM agent WHERE id = ?1 AND state = 'active'", id, out,
                   err);
}

enum cm_rc hub_agents_find_revoked(struct hub_db *db, const char *id, struct hub_agent_found *out,
                                   struct cm_err *err) {
    return find_by(db, "SELECT " COLUMNS " FROM agent WHERE id = ?1 AND state = 'revoked'", id, out,
                   err);
}

enum cm_rc hub_agents_find_named(struct hub_db *db, const char *cluster,
                                 struct hub_agent_found *out, struct cm_err *err) {
    return find_by(db, "SELECT " COLUMNS " FROM agent WHERE cluster = ?1 AND state = 'active'",
                   cluster, out, err);
}

enum cm_rc hub_agents_last_address(struct hub_db *db, const char *cluster,
                                   char out[HUB_AGENT_ADDRESS_MAX], struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, "SELECT address FROM presence WHERE cluster = ?1",
                                 "t", cluster);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK || rc == CM_ENOTFOUND) {
        (void)snprintf(out, HUB_AGENT_ADDRESS_MAX, "%s", rc == CM_OK ? hub_stmt_text(stmt, 0) : "");
        return CM_OK;
    }
    return rc;
}

enum cm_rc hub_agents_put(struct hub_db *db, const struct hub_agent_row *row, struct cm_err *err) {
    return hub_db_run(
        db, err,
        "UPDATE agent SET key_sha256 = ?2, next_key = ?3, before_key = ?4, before_until_ms = ?5,"
        " begins_ms = ?6, ends_ms = ?7, held = ?8, held_ms = ?9, held_key = ?10, approved_ms = ?11,"
        " skew_ms = ?12 WHERE id = ?1",
        "tbbbiiitibii", row->id, row->key.bytes, sizeof(row->key.bytes), row->next_key.bytes,
        sizeof(row->next_key.bytes), row->before_key.bytes, sizeof(row->before_key.bytes),
        row->before_until_ms, row->begins_ms, row->ends_ms, row->held == NULL ? "" : row->held,
        row->held_ms, row->held_key.bytes, sizeof(row->held_key.bytes), row->approved_ms,
        row->skew_ms);
}

enum cm_rc hub_agents_enroll(struct hub_db *db, const struct hub_agent_row *row, int64_t now_ms,
                             struct cm_err *err) {
    enum cm_rc rc = hub_db_run(db, err,
                               "UPDATE agent SET state = 'superseded'"
                               " WHERE cluster = ?1 AND state = 'active'",
                               "t", row->cluster);

    rc = rc < 0 ? rc
                : hub_db_run(db, err,
                             "INSERT INTO agent (id, cluster, state, key_sha256, enrolled_ms,"
                             " begins_ms, ends_ms, held, held_ms, held_key)"
                             " VALUES (?1, ?2, 'active', ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                             "ttbiiitib", row->id, row->cluster, row->key.bytes,
                             sizeof(row->key.bytes), now_ms, row->begins_ms, row->ends_ms,
                             row->held == NULL ? "" : row->held, row->held_ms, row->held_key.bytes,
                             sizeof(row->held_key.bytes));
    return rc < 0 ? cm_wrap(err, "enroll cluster '%s'", row->cluster) : CM_OK;
}

static enum cm_rc find_active(struct hub_db *db, const char *cluster, char out_id[CM_UUID_MAX],
                              struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err, "SELECT id FROM agent WHERE cluster = ?1 AND state = 'active'",
                     "t", cluster);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        (void)snprintf(out_id, CM_UUID_MAX, "%s", hub_stmt_text(stmt, 0));
    }
    return rc;
}

// Voids the cluster's join tokens that were not used; *out_any tells whether there were some.
static enum cm_rc void_join_tokens(struct hub_db *db, const char *cluster, bool *out_any,
                                   struct cm_err *err) {
    enum cm_rc rc = hub_db_run(
        db, err, "DELETE FROM join_token WHERE cluster = ?1 AND used_ms IS NULL", "t", cluster);

    if (rc == CM_OK) {
        *out_any = hub_db_changes(db) > 0;
    }
    return rc;
}

enum cm_rc hub_agents_revoke(struct hub_db *db, const char *cluster, char out_id[CM_UUID_MAX],
                             struct cm_err *err) {
    char id[CM_UUID_MAX] = "";
    bool voided = false;
    enum cm_rc rc = find_active(db, cluster, id, err);

    rc = rc < 0 && rc != CM_ENOTFOUND ? rc : void_join_tokens(db, cluster, &voided, err);
    if (rc == CM_OK && id[0] == '\0' && !voided) {
        return cm_fail(err, CM_ENOTFOUND,
                       "no agent is enrolled for cluster '%s', and no join token waits for one",
                       cluster);
    }
    rc = rc < 0 ? rc
                : hub_db_run(db, err, "UPDATE agent SET state = 'revoked' WHERE id = ?1", "t", id);
    if (rc < 0) {
        return cm_wrap(err, "revoke cluster '%s'", cluster);
    }
    memcpy(out_id, id, sizeof(id));
    return CM_OK;
}

static enum cm_rc check_not_enrolled(struct hub_db *db, const char *cluster, struct cm_err *err) {
    struct hub_agent_found found;
    enum cm_rc rc = hub_agents_find_named(db, cluster, &found, err);

    if (rc == CM_OK && hub_agent_is_pending(&found.row)) {
        return cm_fail(err, CM_EEXISTS,
                       "an agent enrolled as '%s' already and waits until somebody accepts its "
                       "key: 'holdfast approve' or 'holdfast revoke' it, or say --again for "
                       "another one in its place",
                       cluster);
    }
    if (rc == CM_OK) {
        return cm_fail(err, CM_EEXISTS,
                       "cluster '%s' is enrolled already; if it was built anew, say --again",
                       cluster);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_join_tokens_add(struct hub_db *db, const struct hub_join_token *token, bool again,
                               struct cm_err *err) {
    enum cm_rc rc = again ? CM_OK : check_not_enrolled(db, token->cluster, err);
    bool voided;

    if (rc < 0) {
        return rc;
    }
    rc = void_join_tokens(db, token->cluster, &voided, err);
    rc = rc < 0 ? rc
                : hub_db_run(db, err,
                             "INSERT INTO join_token (id, cluster, secret, expires_ms, made_by,"
                             " needs_approval) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                             "ttbiti", token->id, token->cluster, token->secret.bytes,
                             sizeof(token->secret.bytes), token->expires_ms, token->made_by,
                             (int64_t)token->needs_approval);
    return rc < 0 ? cm_wrap(err, "make a join token for cluster '%s'", token->cluster) : CM_OK;
}

static enum cm_rc fail_token(struct cm_err *err) {
    return cm_fail(err, CM_EAUTH,
                   "the join token is not valid (used, expired or unknown); make a new one with "
                   "'holdfast enroll'");
}

enum cm_rc hub_join_tokens_find(struct hub_db *db, const char *id, int64_t now_ms,
                                struct hub_join_claim *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT cluster, secret, failures, needs_approval"
                                 " FROM join_token WHERE id = ?1"
                                 " AND used_ms IS NULL AND expires_ms > ?2 AND failures < ?3",
                                 "tii", id, now_ms, (int64_t)HUB_TOKEN_FAILURES_MAX);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_ENOTFOUND) {
        return fail_token(err);
    }
    if (rc < 0) {
        return rc;
    }
    (void)snprintf(out->cluster, sizeof(out->cluster), "%s", hub_stmt_text(stmt, 0));
    out->secret = column_sha256(stmt, 1);
    out->failures = hub_stmt_int(stmt, 2);
    out->needs_approval = hub_stmt_int(stmt, 3) != 0;
    return CM_OK;
}

enum cm_rc hub_join_tokens_find_answered(struct hub_db *db, const char *id, int64_t now_ms,
                                         struct hub_join_answered *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err,
        "SELECT t.cluster, t.secret, a.id, a.key_sha256, t.failures FROM join_token t JOIN agent a"
        " ON a.cluster = t.cluster AND a.state = 'active' AND a.enrolled_ms = t.used_ms"
        " WHERE t.id = ?1 AND t.expires_ms > ?2 AND t.failures < ?3",
        "tii", id, now_ms, (int64_t)HUB_TOKEN_FAILURES_MAX);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_ENOTFOUND) {
        return fail_token(err);
    }
    if (rc < 0) {
        return rc;
    }
    (void)snprintf(out->claim.cluster, sizeof(out->claim.cluster), "%s", hub_stmt_text(stmt, 0));
    out->claim.secret = column_sha256(stmt, 1);
    (void)snprintf(out->agent, sizeof(out->agent), "%s", hub_stmt_text(stmt, 2));
    out->key = column_sha256(stmt, 3);
    out->claim.failures = hub_stmt_int(stmt, 4);
    return CM_OK;
}

enum cm_rc hub_join_tokens_use(struct hub_db *db, const char *id, int64_t now_ms,
                               struct cm_err *err) {
    enum cm_rc rc = hub_db_run(db, err,
                               "UPDATE join_token SET used_ms = ?2 WHERE id = ?1"
                               " AND used_ms IS NULL AND expires_ms > ?2",
                               "ti", id, now_ms);

    if (rc < 0) {
        return rc;
    }
    if (hub_db_changes(db) != 1) {
        return cm_fail(err, CM_EAUTH, "the join token was used already");
    }
    return CM_OK;
}

enum cm_rc hub_join_tokens_fail(struct hub_db *db, const char *id, struct cm_err *err) {
    return hub_db_run(db, err, "UPDATE join_token SET failures = failures + 1 WHERE id = ?1", "t",
                      id);
}
