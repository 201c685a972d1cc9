#include "hub/store/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/store/db.h"
#include "hub/store/past.h"
#include "hub/store/schema.h"

enum cm_rc hub_status_find(struct hub_db *db, const char *cluster, const char *app,
                           struct hub_status_before *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err,
                     "SELECT applied, health, drifted, bundle, revision, ill, owed FROM status"
                     " WHERE cluster = ?1 AND app = ?2",
                     "tt", cluster, app);
    size_t size;

    *out = (struct hub_status_before){0};
    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_ENOTFOUND) {
        return CM_OK;
    }
    if (rc < 0) {
        return rc;
    }
    out->known = true;
    out->applied = (int)hub_stmt_int(stmt, 0);
    out->health = (int)hub_stmt_int(stmt, 1);
    out->drifted = (uint32_t)hub_stmt_int(stmt, 2);
    out->ill = hub_stmt_int(stmt, 5) != 0;
    out->owed = hub_stmt_int(stmt, 6) != 0;
    const void *bundle = hub_stmt_blob(stmt, 3, &size);
    if (size == sizeof(out->bundle.bytes)) {
        memcpy(out->bundle.bytes, bundle, size);
    }
    (void)snprintf(out->revision, sizeof(out->revision), "%s", hub_stmt_text(stmt, 4));
    return CM_OK;
}

static void read_status(struct hub_stmt *stmt, struct hub_status_row *out) {
    size_t size;
    const void *bundle = hub_stmt_blob(stmt, 2, &size);

    *out = (struct hub_status_row){.cluster = hub_stmt_text(stmt, 0),
                                   .app = hub_stmt_text(stmt, 1),
                                   .revision = hub_stmt_text(stmt, 3),
                                   .applied = (int)hub_stmt_int(stmt, 4),
                                   .message = "",
                                   .health = (int)hub_stmt_int(stmt, 5),
                                   .health_message = "",
                                   .drifted = (uint32_t)hub_stmt_int(stmt, 6),
                                   .at_ms = hub_stmt_int(stmt, 7)};
    if (size == sizeof(out->bundle.bytes)) {
        memcpy(out->bundle.bytes, bundle, size);
    }
}

enum cm_rc hub_status_each(struct hub_db *db,
                           void (*visit)(void *ctx, const struct hub_status_row *row), void *ctx,
                           struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT cluster, app, bundle, revision, applied, health, drifted,"
                                 " at_ms FROM status",
                                 "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct hub_status_row row;

        read_status(stmt, &row);
        visit(ctx, &row);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_status_put(struct hub_db *db, const struct hub_status_row *row, struct cm_err *err) {
    static const char sql[] =
        "INSERT OR REPLACE INTO status (cluster, app, bundle, revision, applied, message, health,"
        " health_message, objects, drifted, at_ms, ill, owed)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";

    return hub_db_run(db, err, sql, "ttbtititiiiii", row->cluster, row->app, row->bundle.bytes,
                      sizeof(row->bundle.bytes), row->revision, (int64_t)row->applied, row->message,
                      (int64_t)row->health, row->health_message, (int64_t)row->objects,
                      (int64_t)row->drifted, row->at_ms, (int64_t)row->ill, (int64_t)row->owed);
}

enum cm_rc hub_status_remove(struct hub_db *db, const char *cluster, const char *app, bool *had,
                             struct cm_err *err) {
    static const char *const clear[] = {
        "DELETE FROM drift WHERE cluster = ?1 AND app = ?2",
        "DELETE FROM object WHERE cluster = ?1 AND app = ?2",
        "DELETE FROM status WHERE cluster = ?1 AND app = ?2",
    };
    enum cm_rc rc = CM_OK;

    *had = false;
    for (size_t i = 0; rc == CM_OK && i < sizeof(clear) / sizeof(clear[0]); i++) {
        rc = hub_db_run(db, err, clear[i], "tt", cluster, app);
        *had = *had || (rc == CM_OK && hub_db_changes(db) > 0);
    }
    return rc;
}

enum cm_rc hub_objects_put(struct hub_db *db, const struct hub_object_row *row,
                           struct cm_err *err) {
    static const char sql[] =
        "INSERT OR REPLACE INTO object (cluster, app, key, sha256, health, message, at_ms,"
        " drift_more, fought, happened_ms, actual, firm, digests) VALUES (?1, ?2, ?3, ?4, ?5, ?6,"
        " ?7, ?8, ?9,"
        " max(?10, ifnull((SELECT happened_ms FROM object WHERE cluster = ?1 AND key = ?3), 0)),"
        " ?11, ?12, iif(?14, ?13, ifnull((SELECT digests FROM object WHERE cluster = ?1 AND"
        " key = ?3), '')))";

    return hub_db_run(db, err, sql,
                      "tttbitiiii"
                      "bbti",
                      row->cluster, row->app, row->key, row->sha256, row->sha256_size,
                      (int64_t)row->health, row->message, row->at_ms, (int64_t)row->drift_more,
                      (int64_t)row->fought, row->happened_ms, row->actual, row->actual_size,
                      row->firm, row->firm_size, row->digests == NULL ? "" : row->digests,
                      (int64_t)(row->digests != NULL));
}

enum cm_rc hub_objects_each_digests(struct hub_db *db, const char *cluster, const char *app,
                                    void (*visit)(void *ctx, const char *lines), void *ctx,
                                    struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT digests FROM object INDEXED BY object_digests WHERE"
                                 " cluster = ?1 AND app = ?2 AND digests <> '' AND health <> 4",
                                 "tt", cluster, app);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        visit(ctx, hub_stmt_text(stmt, 0));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// number_of reads a number of an object; 0 if it is not on record.
static enum cm_rc number_of(struct hub_db *db, const char *sql, const char *cluster,
                            const char *key, int64_t *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "tt", cluster, key);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    *out = rc == CM_OK ? hub_stmt_int(stmt, 0) : 0;
    return CM_OK;
}

enum cm_rc hub_objects_fought(struct hub_db *db, const char *cluster, const char *key,
                              uint32_t *out, struct cm_err *err) {
    int64_t fought = 0;
    enum cm_rc rc = number_of(db, "SELECT fought FROM object WHERE cluster = ?1 AND key = ?2",
                              cluster, key, &fought, err);

    *out = (uint32_t)fought;
    return rc;
}

enum cm_rc hub_objects_happened(struct hub_db *db, const char *cluster, const char *key,
                                int64_t *out, struct cm_err *err) {
    return number_of(db, "SELECT happened_ms FROM object WHERE cluster = ?1 AND key = ?2", cluster,
                     key, out, err);
}

enum cm_rc hub_objects_actual_bytes(struct hub_db *db, const char *cluster, const char *but,
                                    int64_t *out, struct cm_err *err) {
    return number_of(db,
                     "SELECT ifnull(sum(length(actual)), 0) FROM object WHERE cluster = ?1"
                     " AND key <> ?2",
                     cluster, but, out, err);
}

enum cm_rc hub_objects_keep(struct hub_db *db, const struct hub_object_row *row, bool *out,
                            struct cm_err *err) {
    enum cm_rc rc = hub_db_run(db, err,
                               "UPDATE object SET full = 0, health = iif(?4 <> 0, ?4, health),"
                               " message = iif(?4 <> 0 OR ?5 <> '', ?5, message),"
                               " happened_ms = max(happened_ms, ?6)"
                               " WHERE cluster = ?1 AND app = ?2 AND key = ?3",
                               "tttiti", row->cluster, row->app, row->key, (int64_t)row->health,
                               row->message, row->happened_ms);

    *out = rc == CM_OK && hub_db_changes(db) > 0;
    return rc;
}

enum cm_rc hub_objects_remove(struct hub_db *db, const char *cluster, const char *key,
                              struct cm_err *err) {
    enum cm_rc rc = hub_drift_clear(db, cluster, key, err);

    return rc < 0 ? rc
                  : hub_db_run(db, err, "DELETE FROM object WHERE cluster = ?1 AND key = ?2", "tt",
                               cluster, key);
}

enum cm_rc hub_drift_clear(struct hub_db *db, const char *cluster, const char *key,
                           struct cm_err *err) {
    return hub_db_run(db, err, "DELETE FROM drift WHERE cluster = ?1 AND key = ?2", "tt", cluster,
                      key);
}

enum cm_rc hub_drift_keep(struct hub_db *db, const char *cluster, const char *app, const char *key,
                          const char *paths, struct cm_err *err) {
    return hub_db_run(db, err,
                      "DELETE FROM drift WHERE cluster = ?1 AND key = ?3"
                      " AND (app <> ?2 OR path NOT IN (SELECT value FROM json_each(?4)))",
                      "tttt", cluster, app, key, paths);
}

static enum cm_rc run_drift(struct hub_db *db, const char *sql, const struct hub_drift_row *row,
                            struct cm_err *err) {
    return hub_db_run(db, err, sql,
                      "ttttttt"
                      "ttiiti",
                      row->cluster, row->app, row->key, row->path, row->desired, row->actual,
                      row->manager, row->operation, row->class, row->at_ms, (int64_t)row->capture,
                      row->user == NULL ? "" : row->user, row->waits_ms);
}

// What is there already is changed, so that what is told again is no news to the triggers.
enum cm_rc hub_drift_put(struct hub_db *db, const struct hub_drift_row *row, struct cm_err *err) {
    static const char change[] =
        "UPDATE drift SET desired = ?5, actual = ?6, manager = ?7, operation = ?8, class = ?9,"
        " at_ms = ?10, capture = ?11, user = ?12, waits_ms = ?13"
        " WHERE cluster = ?1 AND key = ?3 AND path = ?4 AND app = ?2";
    static const char add[] =
        "INSERT OR REPLACE INTO drift (cluster, app, key, path, desired, actual, manager,"
        " operation, class, at_ms, capture, user, waits_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    enum cm_rc rc = run_drift(db, change, row, err);

    return rc < 0 || hub_db_changes(db) > 0 ? rc : run_drift(db, add, row, err);
}

enum cm_rc hub_drift_paths(struct hub_db *db, const char *cluster, const char *key,
                           void (*visit)(void *ctx, const char *path), void *ctx,
                           struct hub_drift_had *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT path, class = 'foreign', waits_ms FROM drift"
                                 " WHERE cluster = ?1 AND key = ?2",
                                 "tt", cluster, key);

    *out = (struct hub_drift_had){0};
    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        int64_t waits_ms = hub_stmt_int(stmt, 2);

        if (hub_stmt_int(stmt, 1) != 0) {
            visit(ctx, hub_stmt_text(stmt, 0));
        }
        if (waits_ms > 0 && (out->waits_ms == 0 || waits_ms < out->waits_ms)) {
            out->waits_ms = waits_ms;
        }
        out->rows++;
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

#define SEEN                                                                                       \
    "SELECT d.cluster, d.app, d.key, d.path, d.desired, d.actual, d.manager,"                      \
    " ifnull(o.drift_more, 0), a.repo, d.user, a.capture FROM drift d JOIN app a ON a.name = "     \
    "d.app"                                                                                        \
    " LEFT JOIN object o ON o.cluster = d.cluster AND o.key = d.key"

// any_captures spares most fleets the look through all that differs.
static bool any_captures(struct hub_db *db) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_err ignored;

    return hub_db_query(db, &stmt, &ignored,
                        "SELECT 1 FROM app WHERE drift = 'capture' UNION ALL"
                        " SELECT 1 FROM drift WHERE capture = 1 LIMIT 1",
                        "") < 0 ||
           hub_stmt_next(stmt, &ignored) != CM_ENOTFOUND;
}

#define OBJECT_ROWS_MAX 32 // that an agent may tell of an object (proto/limits.c)

static struct hub_drift_seen seen_of(struct hub_stmt *stmt) {
    return (struct hub_drift_seen){.row = {.cluster = hub_stmt_text(stmt, 0),
                                           .app = hub_stmt_text(stmt, 1),
                                           .key = hub_stmt_text(stmt, 2),
                                           .path = hub_stmt_text(stmt, 3),
                                           .desired = hub_stmt_text(stmt, 4),
                                           .actual = hub_stmt_text(stmt, 5),
                                           .manager = hub_stmt_text(stmt, 6),
                                           .user = hub_stmt_text(stmt, 9)},
                                   .more = hub_stmt_int(stmt, 7) != 0,
                                   .repo = hub_stmt_text(stmt, 8),
                                   .way = hub_stmt_text(stmt, 10)};
}

// take_object tells whether a row is of the object before; that is remembered in *object.
static bool take_object(char **object, const struct hub_drift_seen *seen) {
    CM_AUTOFREE char *now = cm_strf("%s\n%s", seen->row.cluster, seen->row.key);
    bool same = *object != NULL && strcmp(*object, now) == 0;

    if (!same) {
        free(*object);
        *object = CM_TAKE(now);
    }
    return same;
}

enum cm_rc hub_drift_foreign(struct hub_db *db, const char *app, const char *cluster, size_t most,
                             void (*visit)(void *ctx, const struct hub_drift_seen *seen), void *ctx,
                             struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    CM_AUTOFREE char *object = NULL;
    size_t seen_count = 0;

    if (app == NULL && !any_captures(db)) {
        return CM_OK;
    }
    enum cm_rc rc =
        app != NULL ? hub_db_query(db, &stmt, err,
                                   SEEN " WHERE d.cluster = ?2 AND d.app = ?1"
                                        " AND d.class = 'foreign' ORDER BY d.key, d.path LIMIT ?3",
                                   "tti", app, cluster, (int64_t)most + OBJECT_ROWS_MAX)
                    : hub_db_query(db, &stmt, err,
                                   SEEN " WHERE (a.drift = 'capture' AND d.capture = 0"
                                        " OR d.capture = 1) AND d.class = 'foreign'"
                                        " AND NOT EXISTS (SELECT 1 FROM presence p"
                                        " WHERE p.cluster = d.cluster AND p.observes)"
                                        " ORDER BY d.cluster, d.key, d.path LIMIT ?1",
                                   "i", (int64_t)most + OBJECT_ROWS_MAX);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        const struct hub_drift_seen seen = seen_of(stmt);

        if (!take_object(&object, &seen) && seen_count >= most) {
            break;
        }
        seen_count++;
        visit(ctx, &seen);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_drift_known(struct hub_db *db, const struct hub_drift_row *row, bool *out,
                           struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err,
                     "SELECT 1 FROM drift WHERE cluster = ?1 AND key = ?2"
                     " AND path = ?3 AND desired = ?4 AND actual = ?5 AND class = 'foreign'",
                     "ttttt", row->cluster, row->key, row->path, row->desired, row->actual);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    *out = rc == CM_OK;
    return CM_OK;
}

enum cm_rc hub_drift_count(struct hub_db *db, const char *cluster, size_t most, size_t *out,
                           struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err, "SELECT count(*) FROM (SELECT 1 FROM drift WHERE cluster = ?1 LIMIT ?2)",
        "ti", cluster, (int64_t)most);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = (size_t)hub_stmt_int(stmt, 0);
    }
    return rc;
}

enum cm_rc hub_status_full_begin(struct hub_db *db, const char *cluster, size_t *marked,
                                 struct cm_err *err) {
    static const char *const mark[] = {
        "UPDATE status SET full = 1 WHERE cluster = ?1 AND full = 0",
        "UPDATE object SET full = 1 WHERE cluster = ?1 AND full = 0",
    };
    enum cm_rc rc = CM_OK;

    *marked = 0;
    for (size_t i = 0; rc == CM_OK && i < sizeof(mark) / sizeof(mark[0]); i++) {
        rc = hub_db_run(db, err, mark[i], "t", cluster);
        *marked += rc == CM_OK ? (size_t)hub_db_changes(db) : 0;
    }
    return rc;
}

#define NOT_NAMED "cluster = ?1 AND key NOT IN (SELECT key FROM object WHERE cluster = ?1)"

static enum cm_rc tell_drift_not_named(struct hub_db *db, const char *cluster, int64_t now_ms,
                                       struct cm_err *err) {
    static const char sql[] =
        "INSERT INTO event (at_ms, kind, cluster, app, key, revision, actor, message)"
        " SELECT ?2, 'drift.cleared', cluster, min(app), key, '', 'agent',"
        " min(path) || iif(count(*) > 1, ' (and ' || (count(*) - 1) || ' more)', '') ||"
        " ': the agent no longer has this object' FROM drift WHERE class = 'foreign' AND " NOT_NAMED
        " GROUP BY key";

    return hub_db_run(db, err, sql, "ti", cluster, now_ms);
}

enum cm_rc hub_status_full_end(struct hub_db *db, const char *cluster, int64_t now_ms,
                               struct cm_err *err) {
    static const char *const clear[] = {
        "DELETE FROM status WHERE cluster = ?1 AND full = 1",
        "DELETE FROM object WHERE cluster = ?1 AND full = 1",
    };
    enum cm_rc rc = hub_past_lost(db, cluster, now_ms, err);

    for (size_t i = 0; rc == CM_OK && i < sizeof(clear) / sizeof(clear[0]); i++) {
        rc = hub_db_run(db, err, clear[i], "t", cluster);
    }
    rc = rc < 0 ? rc : tell_drift_not_named(db, cluster, now_ms, err);
    return rc < 0 ? rc : hub_db_run(db, err, "DELETE FROM drift WHERE " NOT_NAMED, "t", cluster);
}

enum cm_rc hub_presence_put(struct hub_db *db, const struct hub_presence_row *row,
                            struct cm_err *err) {
    static const char sql[] =
        "INSERT INTO presence (cluster, connected, seen_ms, version, driver, target, address,"
        " skew_ms, cert_ends_ms, observes, trust, freezes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
        " ?9, ?10, ?11, ?12)"
        " ON CONFLICT (cluster) DO UPDATE SET connected = ?2, seen_ms = ?3, version = ?4,"
        " driver = ?5, target = ?6, address = ?7, skew_ms = ?8, cert_ends_ms = ?9, observes = ?10,"
        " trust = ?11, freezes = ?12";

    return hub_db_run(db, err, sql, "tiittttiiiii", row->cluster, (int64_t)row->connected,
                      row->seen_ms, row->version, row->driver, row->target, row->address,
                      row->skew_ms, row->cert_ends_ms, (int64_t)row->observes, (int64_t)row->trust,
                      (int64_t)!row->cannot_freeze);
}

enum cm_rc hub_presence_version(struct hub_db *db, const char *cluster, char **out,
                                struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, "SELECT version FROM presence WHERE cluster = ?1",
                                 "t", cluster);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK || rc == CM_ENOTFOUND) {
        *out = cm_strdup(rc == CM_OK ? hub_stmt_text(stmt, 0) : "");
        rc = CM_OK;
    }
    return rc;
}

enum cm_rc hub_presence_set_certificate(struct hub_db *db, const char *cluster, int64_t ends_ms,
                                        struct cm_err *err) {
    return hub_db_run(db, err, "UPDATE presence SET cert_ends_ms = ?2 WHERE cluster = ?1", "ti",
                      cluster, ends_ms);
}

enum cm_rc hub_presence_set_skew(struct hub_db *db, const char *cluster, int64_t skew_ms,
                                 struct cm_err *err) {
    return hub_db_run(db, err, "UPDATE presence SET skew_ms = ?2 WHERE cluster = ?1", "ti", cluster,
                      skew_ms);
}

enum cm_rc hub_presence_set_trust(struct hub_db *db, const char *cluster, uint64_t trust,
                                  struct cm_err *err) {
    return hub_db_run(db, err, "UPDATE presence SET trust = ?2 WHERE cluster = ?1", "ti", cluster,
                      (int64_t)trust);
}

enum cm_rc hub_presence_count_behind(struct hub_db *db, uint64_t trust, uint64_t *out_count,
                                     struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT count(*) FROM agent g LEFT JOIN presence r"
                                 " ON r.cluster = g.cluster WHERE g.state = 'active'"
                                 " AND ifnull(r.trust, 0) < ?1",
                                 "i", (int64_t)trust);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out_count = (uint64_t)hub_stmt_int(stmt, 0);
    }
    return rc;
}

enum cm_rc hub_presence_offline(struct hub_db *db, const char *cluster, int64_t seen_ms,
                                struct cm_err *err) {
    return hub_db_run(db, err, "UPDATE presence SET connected = 0, seen_ms = ?2 WHERE cluster = ?1",
                      "ti", cluster, seen_ms);
}

enum cm_rc hub_presence_seen(struct hub_db *db, const char *cluster, int64_t seen_ms,
                             struct cm_err *err) {
    return hub_db_run(db, err,
                      "UPDATE presence SET seen_ms = ?2 WHERE cluster = ?1 AND seen_ms < ?2", "ti",
                      cluster, seen_ms);
}

enum cm_rc hub_status_is_seen(struct hub_db *db, const struct hub_status_row *row, bool *out,
                              struct cm_err *err) {
    static const char sql[] =
        "SELECT 1 FROM app WHERE name = ?2 AND drift = 'off' UNION ALL SELECT 1 FROM object"
        " INDEXED BY object_app WHERE cluster = ?1 AND app = ?2 AND health IN (0, 4) AND ?3 <> 2";
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err, sql, "tti", row->cluster, row->app, (int64_t)row->health);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    *out = rc == CM_ENOTFOUND;
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_presence_reset(struct hub_db *db, const char *cluster, struct cm_err *err) {
    return hub_db_run(db, err,
                      "UPDATE presence SET generation = 0, run = '', report = 0, journal_run = '',"
                      " journal = 0, decided_run = '', decided = 0 WHERE cluster = ?1",
                      "t", cluster);
}

static enum cm_rc end_connections(struct hub_db *db, int64_t now_ms, const char *why,
                                  struct cm_err *err) {
    enum cm_rc rc =
        hub_db_run(db, err,
                   "INSERT INTO event (at_ms, kind, cluster, app, key, revision, actor, message)"
                   " SELECT ?1, 'agent.disconnected', cluster, '', '', '', 'hub', ?2 FROM presence"
                   " WHERE connected ORDER BY cluster",
                   "it", now_ms, why);

    rc = rc < 0 ? rc : hub_past_unseen(db, now_ms, err);
    hub_db_set_triggers(db, false); // of presence they do nothing but count
    rc = rc < 0 ? rc : hub_db_run(db, err, "UPDATE presence SET connected = 0", "");
    hub_db_set_triggers(db, true);
    return rc < 0 ? rc : hub_schema_count_anew(db, err);
}

enum cm_rc hub_presence_all_offline(struct hub_db *db, int64_t now_ms, const char *why,
                                    struct cm_err *err) {
    enum cm_rc rc = hub_db_begin(db, err);

    rc = rc < 0 ? rc : end_connections(db, now_ms, why, err);
    if (rc < 0) {
        hub_db_rollback(db);
        return rc;
    }
    return hub_db_commit(db, err);
}

enum cm_rc hub_marks_read(struct hub_db *db, const char *sql, const char *cluster,
                          struct hub_report_mark *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "t", cluster);

    *out = (struct hub_report_mark){0};
    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_ENOTFOUND) {
        return CM_OK;
    }
    if (rc == CM_OK) {
        (void)snprintf(out->run, sizeof(out->run), "%s", hub_stmt_text(stmt, 0));
        out->number = (uint64_t)hub_stmt_int(stmt, 1);
    }
    return rc;
}

enum cm_rc hub_reports_last(struct hub_db *db, const char *cluster, struct hub_report_mark *out,
                            struct cm_err *err) {
    return hub_marks_read(db, "SELECT run, report FROM presence WHERE cluster = ?1", cluster, out,
                          err);
}

enum cm_rc hub_journal_last(struct hub_db *db, const char *cluster, struct hub_report_mark *out,
                            struct cm_err *err) {
    return hub_marks_read(db, "SELECT journal_run, journal FROM presence WHERE cluster = ?1",
                          cluster, out, err);
}

enum cm_rc hub_journal_set(struct hub_db *db, const char *cluster,
                           const struct hub_report_mark *mark, struct cm_err *err) {
    return hub_db_run(db, err,
                      "UPDATE presence SET journal_run = ?2, journal = ?3 WHERE cluster = ?1",
                      "tti", cluster, mark->run, (int64_t)mark->number);
}

enum cm_rc hub_reports_set(struct hub_db *db, const char *cluster, const char *run, uint64_t number,
                           uint64_t generation, int64_t now_ms, struct cm_err *err) {
    static const char sql[] = "UPDATE presence SET run = ?2, report = ?3, generation = ?4,"
                              " seen_ms = ?5 WHERE cluster = ?1";

    return hub_db_run(db, err, sql, "ttiii", cluster, run, (int64_t)number, (int64_t)generation,
                      now_ms);
}
