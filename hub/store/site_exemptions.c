#include "hub/store/site_exemptions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/store/db.h"
#include "hub/store/events.h"

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)
#define LATE_MS 2000 // what is told at once is not later

#define LOST "its agent does not know of it any more"
#define EXPIRED "its time is over"
#define AGAIN_MS ((int64_t)10 * 60 * 1000) // one that could not be made into a document

#define COLUMNS                                                                                    \
    "s.cluster, s.id, s.name, s.said, s.app, s.object, s.field, s.reason, s.actor, s.manager,"     \
    " s.message, s.until_ms, s.began_ms, s.ended_ms"

static struct hub_site_exemption row_of(struct hub_stmt *stmt) {
    struct hub_site_exemption e = {.cluster = hub_stmt_text(stmt, 0),
                                   .name = hub_stmt_text(stmt, 2),
                                   .said = hub_stmt_text(stmt, 3),
                                   .app = hub_stmt_text(stmt, 4),
                                   .object = hub_stmt_text(stmt, 5),
                                   .field = hub_stmt_text(stmt, 6),
                                   .reason = hub_stmt_text(stmt, 7),
                                   .actor = hub_stmt_text(stmt, 8),
                                   .manager = hub_stmt_text(stmt, 9),
                                   .message = hub_stmt_text(stmt, 10),
                                   .until_ms = hub_stmt_int(stmt, 11),
                                   .began_ms = hub_stmt_int(stmt, 12),
                                   .ended_ms = hub_stmt_int(stmt, 13)};

    (void)snprintf(e.id, sizeof(e.id), "%s", hub_stmt_text(stmt, 1));
    return e;
}

// What was known of one.
struct before {
    bool there;
    int64_t began_ms;
    int64_t ended_ms;
    char *message;
};

static enum cm_rc find(struct hub_db *db, const struct hub_site_exemption *e, struct before *out,
                       struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT began_ms, ended_ms, message FROM site_exemption"
                                 " WHERE cluster = ?1 AND id = ?2",
                                 "tt", e->cluster, e->id);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    *out = (struct before){.there = rc == CM_OK};
    if (rc == CM_OK) {
        out->began_ms = hub_stmt_int(stmt, 0);
        out->ended_ms = hub_stmt_int(stmt, 1);
        out->message = cm_strdup(hub_stmt_text(stmt, 2));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// ---- Events

static char *who_of(const struct hub_site_exemption *e) {
    if (e->actor[0] == '\0') {
        return cm_strdup(e->manager[0] == '\0' ? "unknown" : e->manager);
    }
    return cm_strdup(e->actor);
}

static enum cm_rc tell(struct hub_db *db, const struct hub_site_exemption *e, const char *kind,
                       int64_t at_ms, int64_t now_ms, const char *words, struct cm_err *err) {
    CM_AUTOFREE char *who = who_of(e);
    const struct hub_event event = {.at_ms = now_ms,
                                    .happened_ms = now_ms - at_ms > LATE_MS ? at_ms : 0,
                                    .kind = kind,
                                    .cluster = e->cluster,
                                    .app = e->app,
                                    .key = e->object,
                                    .actor = who,
                                    .message = words};

    return hub_events_add(db, &event, err);
}

static enum cm_rc tell_begin(struct hub_db *db, const struct hub_site_exemption *e, int64_t now_ms,
                             struct cm_err *err) {
    char until[CM_CLOCK_TEXT_MAX];

    cm_clock_format(e->until_ms, until);
    CM_AUTOFREE char *words =
        cm_strf("the site's '%s' allows that %s%s%s is changed by hand until %s (%s), made by %s",
                e->said, e->object, e->field[0] == '\0' ? "" : ", ", e->field, until, e->reason,
                e->manager[0] == '\0' ? "nobody that is known" : e->manager);
    return tell(db, e, "site.exempted", e->began_ms, now_ms, words, err);
}

static enum cm_rc tell_end(struct hub_db *db, const struct hub_site_exemption *e, int64_t now_ms,
                           struct cm_err *err) {
    CM_AUTOFREE char *words = cm_strf("the site's '%s' has ended: %s", e->said, e->message);

    return tell(db, e, "site.ended", e->ended_ms, now_ms, words, err);
}

static enum cm_rc tell_news(struct hub_db *db, const struct hub_site_exemption *e,
                            const struct before *was, int64_t now_ms, struct cm_err *err) {
    bool begins = e->began_ms != 0 && was->began_ms == 0;
    bool ends = e->began_ms != 0 && e->ended_ms != 0 && (was->ended_ms == 0 || begins);
    bool refused = e->began_ms == 0 && (!was->there || strcmp(was->message, e->message) != 0);
    enum cm_rc rc = begins ? tell_begin(db, e, now_ms, err) : CM_OK;

    rc = rc < 0 || !ends ? rc : tell_end(db, e, now_ms, err);
    if (rc == CM_OK && refused) {
        CM_AUTOFREE char *words = cm_strf("the site's '%s' is not taken: %s", e->said, e->message);
        rc = tell(db, e, "site.refused", e->ended_ms, now_ms, words, err);
    }
    return rc;
}

// ---- Rows

enum cm_rc hub_site_exemptions_put(struct hub_db *db, const struct hub_site_exemption *e,
                                   int64_t now_ms, struct cm_err *err) {
    static const char sql[] =
        "INSERT INTO site_exemption (cluster, id, name, said, app, object, field, reason, actor,"
        " manager, message, until_ms, began_ms, ended_ms, seen_ms, git) VALUES (?1, ?2, ?3, ?4, ?5,"
        " ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, CASE WHEN EXISTS (SELECT 1 FROM exemption x"
        " WHERE x.site = ?2 AND EXISTS (SELECT 1 FROM json_each(x.clusters) WHERE value = ?1))"
        " THEN 1 WHEN ?16 THEN 4 ELSE 0 END)"
        " ON CONFLICT (cluster, id) DO UPDATE SET app = ?5, object = ?6, field = ?7, reason = ?8,"
        " actor = ?9, manager = ?10, message = ?11, until_ms = ?12, began_ms = ?13, ended_ms = ?14,"
        " seen_ms = ?15";
    struct before was;
    enum cm_rc rc = find(db, e, &was, err);

    rc = rc < 0 ? rc : tell_news(db, e, &was, now_ms, err);
    free(was.message);
    return rc < 0 ? rc
                  : hub_db_run(db, err, sql, "tttttttttttiiiii", e->cluster, e->id, e->name,
                               e->said, e->app, e->object, e->field, e->reason, e->actor,
                               e->manager, e->message, e->until_ms, e->began_ms, e->ended_ms,
                               now_ms, (int64_t)e->given);
}

// tell_each tells the end of all that a query gives; `ended_ms` 0: when its time was over.
static enum cm_rc tell_each(struct hub_db *db, struct hub_stmt *stmt, int64_t ended_ms,
                            int64_t now_ms, const char *why, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct hub_site_exemption e = row_of(stmt);

        e.ended_ms = ended_ms == 0 ? e.until_ms : ended_ms;
        e.message = why;
        rc = tell_end(db, &e, now_ms, err);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc tell_lost(struct hub_db *db, const char *cluster, int64_t now_ms,
                            struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT " COLUMNS " FROM site_exemption s WHERE s.cluster = ?1"
                                 " AND s.began_ms > 0 AND s.ended_ms = 0 AND s.seen_ms <> ?2",
                                 "ti", cluster, now_ms);

    return rc < 0 ? rc : tell_each(db, stmt, now_ms, now_ms, LOST, err);
}

enum cm_rc hub_site_exemptions_end(struct hub_db *db, const char *cluster, int64_t now_ms,
                                   struct cm_err *err) {
    enum cm_rc rc = tell_lost(db, cluster, now_ms, err);

    rc = rc < 0 ? rc
                : hub_db_run(db, err,
                             "UPDATE site_exemption SET ended_ms = ?2, message ="
                             " '" LOST "' WHERE cluster = ?1"
                             " AND began_ms > 0 AND ended_ms = 0 AND seen_ms <> ?2",
                             "ti", cluster, now_ms);
    return rc < 0 ? rc
                  : hub_db_run(db, err,
                               "DELETE FROM site_exemption WHERE cluster = ?1 AND id IN (SELECT id"
                               " FROM site_exemption WHERE cluster = ?1 AND ended_ms > 0"
                               " AND git NOT IN (1, 3) ORDER BY seen_ms DESC LIMIT -1 OFFSET ?2)",
                               "ti", cluster, (int64_t)HUB_SITE_EXEMPTIONS_KEPT);
}

enum cm_rc hub_site_exemptions_over(struct hub_db *db, const char *cluster, const char *id,
                                    bool loaded, bool *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    CM_AUTOFREE char *intent = hub_site_exemptions_intent(cluster, id, false);
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT 1 FROM site_exemption WHERE cluster = ?1 AND id = ?2"
                                 " AND (git = 2 OR (git = 4 AND ?4) OR (git = 0 AND EXISTS"
                                 " (SELECT 1 FROM intent WHERE id = ?3 AND state = 'failed')))",
                                 "ttti", cluster, id, intent, (int64_t)loaded);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    *out = rc == CM_OK;
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc tell_expired(struct hub_db *db, int64_t now_ms, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT " COLUMNS " FROM site_exemption s WHERE s.began_ms > 0"
                                 " AND s.ended_ms = 0 AND s.until_ms < ?1",
                                 "i", now_ms - DAY_MS);

    return rc < 0 ? rc : tell_each(db, stmt, 0, now_ms, EXPIRED, err);
}

enum cm_rc hub_site_exemptions_expire(struct hub_db *db, int64_t now_ms, struct cm_err *err) {
    enum cm_rc rc = tell_expired(db, now_ms, err);

    return rc < 0 ? rc
                  : hub_db_run(db, err,
                               "UPDATE site_exemption SET ended_ms = until_ms, message = '" EXPIRED
                               "' WHERE ended_ms = 0 AND until_ms < ?1",
                               "i", now_ms - DAY_MS);
}

// ---- Into Git

// What cannot be written now takes no place of what can: neither among a look's, nor of a day's.
enum cm_rc hub_site_exemptions_each_new(struct hub_db *db, const char *writable, int64_t now_ms,
                                        void (*visit)(void *ctx,
                                                      const struct hub_site_exemption *e),
                                        void *ctx, struct cm_err *err) {
    static const char sql[] =
        "SELECT " COLUMNS " FROM (SELECT n.*, row_number() OVER (PARTITION BY n.cluster"
        " ORDER BY n.began_ms, n.id) AS place FROM site_exemption n LEFT JOIN app ON app.name ="
        " n.app WHERE n.git = 0 AND n.asked_ms BETWEEN ?4 AND 0 AND n.began_ms > 0"
        " AND n.ended_ms = 0 AND n.until_ms > ?1 AND (app.repo IS NULL OR app.repo IN (SELECT value"
        " FROM json_each(?5)))) s WHERE s.place + (SELECT count(*) FROM site_exemption t"
        " WHERE t.cluster = s.cluster AND t.asked_ms > ?2) <= ?3 ORDER BY s.began_ms LIMIT 100";
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "iiiit", now_ms, now_ms - DAY_MS,
                                 (int64_t)HUB_SITE_EXEMPTIONS_DAY, AGAIN_MS - now_ms, writable);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct hub_site_exemption e = row_of(stmt);

        visit(ctx, &e);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_site_exemptions_each_gone(struct hub_db *db, int64_t now_ms,
                                         void (*visit)(void *ctx,
                                                       const struct hub_site_exemption_file *e),
                                         void *ctx, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT " COLUMNS ", x.repo, x.path FROM site_exemption s"
                                 " JOIN exemption x ON x.site = s.id AND x.site <> ''"
                                 " AND x.clusters = json_array(s.cluster)"
                                 " WHERE s.git = 1 AND s.ended_ms > 0 AND x.until_ms > ?1",
                                 "i", now_ms);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        const struct hub_site_exemption_file file = {
            .row = row_of(stmt), .repo = hub_stmt_text(stmt, 14), .path = hub_stmt_text(stmt, 15)};

        visit(ctx, &file);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

char *hub_site_exemptions_intent(const char *cluster, const char *id, bool removes) {
    return cm_strf("site-%s%s-%.32s", removes ? "end-" : "", cluster, id);
}

enum cm_rc hub_site_exemptions_asked(struct hub_db *db, const char *cluster, const char *id,
                                     int64_t now_ms, struct cm_err *err) {
    return hub_db_run(db, err,
                      "UPDATE site_exemption SET asked_ms = ?3 WHERE cluster = ?1 AND id = ?2"
                      " AND asked_ms <= 0",
                      "tti", cluster, id, now_ms);
}

enum cm_rc hub_site_exemptions_failed(struct hub_db *db, const char *cluster, const char *id,
                                      int64_t now_ms, struct cm_err *err) {
    return hub_site_exemptions_asked(db, cluster, id, -now_ms, err);
}
