#include "hub/store/events.h"

#include <stdbool.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/store/db.h"
#include "hub/store/meta.h"
#include "hub/store/past_gap.h"
#include "hub/store/past_lines_sql.h"

// What agents can make happen, as often as they like.
#define BY_AGENTS                                                                                  \
    "(kind GLOB 'app.*' OR kind GLOB 'drift.*' OR kind GLOB 'object.*' OR kind = 'field.taken'"    \
    " OR kind GLOB 'release.*' OR kind GLOB 'site.*'"                                              \
    " OR kind IN ('agent.connected', 'agent.disconnected', 'agent.upgraded', 'agent.too_old',"     \
    " 'agent.clock_wrong', 'agent.clock_right', 'agent.renewed', 'agent.expired_renewed',"         \
    " 'agent.returned', 'agent.silent', 'agent.disk_outdated', 'agent.ahead', 'agent.protocol',"   \
    " 'agent.trusts', 'journal.gap'))"

// What comes and goes, and what else is kept by number: the log of the past tells the rest.
#define CHATTER "(" BY_AGENTS " AND NOT (" EVENT_IS_TOLD "))"
#define BY_OTHERS "(NOT " BY_AGENTS " AND NOT (" EVENT_IS_TOLD "))"

// Of what is told there may be far more: it is not read for the rest.
#define UNTOLD "event INDEXED BY event_untold"
#define SCALED "event INDEXED BY event_scaled_cluster"

#define SCALED_SHARE 4 // one in so many of what comes and goes

#define LATEST_MS INT64_C(253402300799999) // the end of the year 9999

static const char *text(const char *s) {
    return s == NULL ? "" : s;
}

// time_or_none: an agent may say anything.
static int64_t time_or_none(int64_t ms) {
    return ms < 0 || ms > LATEST_MS ? 0 : ms;
}

enum cm_rc hub_events_add(struct hub_db *db, const struct hub_event *event, struct cm_err *err) {
    static const char sql[] = "INSERT INTO event (at_ms, kind, cluster, app, key, revision, actor,"
                              " message, happened_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

    return hub_db_run(db, err, sql, "ittttttti", event->at_ms, text(event->kind),
                      text(event->cluster), text(event->app), text(event->key),
                      text(event->revision), text(event->actor), text(event->message),
                      time_or_none(event->happened_ms));
}

// ---- Reading

enum cm_rc hub_events_marks(struct hub_db *db, struct hub_event_marks *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct hub_event_marks marks = {0};
    enum cm_rc rc = hub_meta_get_int(db, HUB_EVENTS_TRIMMED, &marks.trimmed, err);

    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    rc = hub_db_query(db, &stmt, err,
                      "SELECT ifnull((SELECT max(number) FROM event), 0),"
                      " ifnull((SELECT max(number) FROM event WHERE kind = 'hub.restored'), 0),"
                      " ifnull((SELECT at_ms FROM event ORDER BY number LIMIT 1), 0)",
                      "");
    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        marks.newest = hub_stmt_int(stmt, 0);
        marks.restored = hub_stmt_int(stmt, 1);
        marks.oldest_ms = hub_stmt_int(stmt, 2);
        *out = marks;
    }
    return rc;
}

enum cm_rc hub_events_last_ms(struct hub_db *db, const char *cluster, const char *kind,
                              int64_t *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT at_ms FROM event WHERE cluster = ?1 AND kind = ?2"
                                 " ORDER BY number DESC LIMIT 1",
                                 "tt", cluster, kind);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    *out = rc == CM_OK ? hub_stmt_int(stmt, 0) : 0;
    return CM_OK;
}

static struct hub_event read_event(struct hub_stmt *stmt) {
    return (struct hub_event){
        .at_ms = hub_stmt_int(stmt, 1),
        .happened_ms = hub_stmt_int(stmt, 2),
        .kind = hub_stmt_text(stmt, 3),
        .cluster = hub_stmt_text(stmt, 4),
        .app = hub_stmt_text(stmt, 5),
        .key = hub_stmt_text(stmt, 6),
        .revision = hub_stmt_text(stmt, 7),
        .actor = hub_stmt_text(stmt, 8),
        .message = hub_stmt_text(stmt, 9),
    };
}

enum cm_rc hub_events_each_after(struct hub_db *db, int64_t after, size_t most,
                                 enum cm_rc (*visit)(void *ctx, int64_t number,
                                                     const struct hub_event *event,
                                                     struct cm_err *err),
                                 void *ctx, struct cm_err *err) {
    static const char sql[] =
        "SELECT number, at_ms, happened_ms, kind, cluster, app, key, revision, actor, message"
        " FROM event WHERE number > ?1 ORDER BY number LIMIT ?2";
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "ii", after, (int64_t)most);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct hub_event event = read_event(stmt);

        rc = visit(ctx, hub_stmt_int(stmt, 0), &event, err);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// ---- Trimming

struct loud {
    const char *cluster;
    struct loud *next;
};

struct trimming {
    struct hub_db *db;
    int64_t last; // number of the newest event that was removed; 0: none
};

// find gives the newest event that is too many, or 0.
static enum cm_rc find(struct hub_db *db, const char *sql, const char *cluster, int64_t keep,
                       int64_t *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "it", keep, cluster);

    *out = 0;
    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = hub_stmt_int(stmt, 0);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// note_scaled notes since when all is kept that was scaled, of a cluster or of all, if what is up
// to that number goes.
static enum cm_rc note_scaled(struct hub_db *db, const char *cluster, int64_t number,
                              struct cm_err *err) {
    return hub_db_run(db, err,
                      "INSERT INTO past_gap (source, cluster, from_ms) SELECT 'scaled',"
                      " ifnull(?2, ''), last + 1 FROM (SELECT max(at_ms) AS last FROM " SCALED
                      " WHERE " EVENT_IS_SCALED " AND number <= ?1 AND (?2 IS NULL OR"
                      " cluster = ?2)) WHERE last IS NOT NULL " PAST_GAP_STAYS,
                      "it", number, cluster);
}

static enum cm_rc remove_up_to(struct trimming *t, const char *sql, const char *cluster,
                               int64_t number, struct cm_err *err) {
    if (number == 0) {
        return CM_OK;
    }
    t->last = number > t->last ? number : t->last;
    return hub_db_run(t->db, err, sql, "it", number, cluster);
}

// trim removes what `sql_find` finds and all that is older, as `sql_remove` says it.
static enum cm_rc trim(struct trimming *t, const char *sql_find, const char *sql_remove,
                       const char *cluster, int64_t keep, struct cm_err *err) {
    int64_t number = 0;
    enum cm_rc rc = find(t->db, sql_find, cluster, keep, &number, err);

    return rc < 0 ? rc : remove_up_to(t, sql_remove, cluster, number, err);
}

// What of agents one cluster may have no more of than half while there is too much of all.
struct share {
    const char *loudest; // whose agent makes most of it
    const char *find;
    const char *remove;
    const char *find_of_cluster;
    const char *remove_of_cluster;
};

#define SHARE(OF_ALL, OF_CLUSTER, WHAT)                                                            \
    {                                                                                              \
        .loudest = "SELECT cluster FROM " OF_ALL " WHERE cluster <> '' AND " WHAT                  \
                   " GROUP BY cluster ORDER BY count(*) DESC LIMIT 1",                             \
        .find = "SELECT number FROM " OF_ALL " WHERE ?2 IS NULL AND " WHAT                         \
                " ORDER BY number DESC LIMIT 1 OFFSET ?1",                                         \
        .remove = "DELETE FROM " OF_ALL " WHERE number <= ?1 AND ?2 IS NULL AND " WHAT,            \
        .find_of_cluster = "SELECT number FROM " OF_CLUSTER " WHERE cluster = ?2 AND " WHAT        \
                           " ORDER BY number DESC LIMIT 1 OFFSET ?1",                              \
        .remove_of_cluster =                                                                       \
            "DELETE FROM " OF_CLUSTER " WHERE number <= ?1 AND cluster = ?2 AND " WHAT,            \
    }

static const struct share chatter = SHARE(UNTOLD, "event", CHATTER);
static const struct share scaled = SHARE(SCALED, SCALED, EVENT_IS_SCALED);

static enum cm_rc find_loudest(struct hub_db *db, const char *sql, char **out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "");

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = cm_strdup(hub_stmt_text(stmt, 0));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// trim_noted: what is removed may be of what was scaled.
static enum cm_rc trim_noted(struct trimming *t, const char *sql_find, const char *sql_remove,
                             const char *cluster, int64_t keep, struct cm_err *err) {
    int64_t number = 0;
    enum cm_rc rc = find(t->db, sql_find, cluster, keep, &number, err);

    rc = rc < 0 ? rc : note_scaled(t->db, cluster, number, err);
    return rc < 0 ? rc : remove_up_to(t, sql_remove, cluster, number, err);
}

static enum cm_rc trim_share(struct trimming *t, const struct share *s, int64_t keep,
                             struct cm_err *err) {
    CM_AUTOFREE char *loudest = NULL;
    int64_t number = 0;
    enum cm_rc rc = find(t->db, s->find, NULL, keep, &number, err);

    if (rc < 0 || number == 0) {
        return rc;
    }
    rc = find_loudest(t->db, s->loudest, &loudest, err);
    rc = rc < 0 || loudest == NULL
             ? rc
             : trim_noted(t, s->find_of_cluster, s->remove_of_cluster, loudest, keep / 2, err);
    return rc < 0 ? rc : trim_noted(t, s->find, s->remove, NULL, keep, err);
}

static enum cm_rc trim_others(struct trimming *t, int64_t keep, struct cm_err *err) {
    return trim(t,
                "SELECT number FROM " UNTOLD " WHERE ?2 IS NULL AND " BY_OTHERS
                " ORDER BY number DESC LIMIT 1 OFFSET ?1",
                "DELETE FROM " UNTOLD " WHERE number <= ?1 AND ?2 IS NULL AND " BY_OTHERS, NULL,
                keep, err);
}

// ---- What the past tells

// An agent may tell without end.
static enum cm_rc trim_told(struct trimming *t, const char *cluster, struct cm_err *err) {
    int64_t before = t->last;

    t->last = 0;
    enum cm_rc rc = trim(t,
                         "SELECT number FROM event WHERE cluster = ?2 AND " EVENT_IS_TOLD
                         " ORDER BY number DESC LIMIT 1 OFFSET ?1",
                         "DELETE FROM event WHERE number <= ?1 AND cluster = ?2 AND " EVENT_IS_TOLD,
                         cluster, HUB_EVENTS_TOLD, err);
    if (rc == CM_OK && t->last > 0) {
        rc = hub_db_run(t->db, err,
                        "INSERT INTO past_gap (source, cluster, from_ms) SELECT"
                        " 'events', ?1, at_ms FROM event WHERE cluster = ?1 AND " EVENT_IS_TOLD
                        " ORDER BY number LIMIT 1 " PAST_GAP_STAYS,
                        "t", cluster);
    }
    t->last = t->last > before ? t->last : before;
    return rc;
}

// loud_json lists the clusters of which too much is told.
static enum cm_rc find_loud(struct hub_db *db, struct cm_arena *a, struct loud *out,
                            struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT cluster FROM event WHERE cluster <> '' AND " EVENT_IS_TOLD
                                 " GROUP BY cluster HAVING count(*) > ?1",
                                 "i", (int64_t)HUB_EVENTS_TOLD);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct loud *one = cm_arena_get(a, sizeof(*one));

        *one =
            (struct loud){.cluster = cm_arena_strdup(a, hub_stmt_text(stmt, 0)), .next = out->next};
        out->next = one;
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc trim_loud(struct trimming *t, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct loud loud = {0};
    enum cm_rc rc = find_loud(t->db, a, &loud, err);

    for (const struct loud *at = loud.next; rc == CM_OK && at != NULL; at = at->next) {
        rc = trim_told(t, at->cluster, err);
    }
    return rc;
}

// trim_old drops what the past does not tell any more.
static enum cm_rc trim_old(struct trimming *t, int64_t before_ms, struct cm_err *err) {
    int64_t number = 0;
    enum cm_rc rc = find(t->db,
                         "SELECT max(number) FROM event INDEXED BY event_told_at WHERE at_ms < ?1"
                         " AND ?2 IS NULL AND " EVENT_IS_TOLD,
                         NULL, before_ms, &number, err);

    if (rc < 0 || number == 0) {
        return rc;
    }
    t->last = number > t->last ? number : t->last;
    rc =
        hub_db_run(t->db, err,
                   "DELETE FROM event INDEXED BY event_told_at WHERE at_ms < ?1 AND " EVENT_IS_TOLD,
                   "i", before_ms);
    return rc < 0 ? rc
                  : hub_db_run(t->db, err,
                               "INSERT INTO past_gap (source, cluster, from_ms) VALUES"
                               " ('events', '', ?1) " PAST_GAP_STAYS,
                               "i", before_ms);
}

enum cm_rc hub_events_trim(struct hub_db *db, int64_t keep, int64_t before_ms, struct cm_err *err) {
    struct trimming t = {.db = db};
    int64_t before = 0;
    enum cm_rc rc = hub_meta_get_int(db, HUB_EVENTS_TRIMMED, &before, err);

    rc = rc < 0 && rc != CM_ENOTFOUND ? rc : trim_share(&t, &scaled, keep / SCALED_SHARE, err);
    rc = rc < 0 ? rc : trim_share(&t, &chatter, keep, err);
    rc = rc < 0 ? rc : trim_others(&t, keep, err);
    rc = rc < 0 ? rc : trim_old(&t, before_ms, err);
    rc = rc < 0 ? rc : trim_loud(&t, err);
    return rc < 0 || t.last <= before ? rc : hub_meta_set_int(db, HUB_EVENTS_TRIMMED, t.last, err);
}
