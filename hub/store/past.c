#include "hub/store/past.h"

#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/past/entries.h"
#include "hub/store/db.h"
#include "hub/store/past_lines.h"
#include "hub/store/past_state.h"

#define ROW_ENTRIES_MAX 128
#define LATE_MS HUB_PAST_SPAN_MS
#define DAY_MS ((int64_t)24 * 3600 * 1000)

// find_number reads one number; CM_ENOTFOUND: there is no row.
static enum cm_rc find_number(struct hub_stmt *stmt, enum cm_rc rc, int64_t *out,
                              struct cm_err *err) {
    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = hub_stmt_int(stmt, 0);
    }
    return rc;
}

// ---- Numbers of names and values

static enum cm_rc find_image(struct hub_db *db, const char *image, int64_t *out,
                             struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err, "SELECT number FROM past_image WHERE image = ?1", "t", image);

    return find_number(stmt, rc, out, err);
}

static enum cm_rc number_of_image(struct hub_db *db, const char *image, int64_t *out,
                                  struct cm_err *err) {
    enum cm_rc rc = find_image(db, image, out, err);

    if (rc != CM_ENOTFOUND) {
        return rc;
    }
    rc = hub_db_run(db, err, "INSERT INTO past_image (image) VALUES (?1)", "t", image);
    *out = hub_db_last_id(db);
    return rc;
}

static enum cm_rc find_value(struct hub_db *db, const struct hub_past_bundle *b, int64_t *out,
                             struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err,
                     "SELECT number FROM past_value WHERE app = ?1 AND bundle = ?2"
                     " AND revision = ?3",
                     "tbt", b->app, b->bundle.bytes, sizeof(b->bundle.bytes), b->revision);

    return find_number(stmt, rc, out, err);
}

enum cm_rc hub_past_value(struct hub_db *db, const struct hub_past_bundle *b, int64_t *out,
                          bool *made, struct cm_err *err) {
    enum cm_rc rc = find_value(db, b, out, err);

    *made = rc == CM_ENOTFOUND;
    if (rc != CM_ENOTFOUND) {
        return rc;
    }
    rc = hub_db_run(db, err,
                    "INSERT INTO past_value (app, bundle, revision, repo, held, suspended)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    "tbttti", b->app, b->bundle.bytes, sizeof(b->bundle.bytes), b->revision,
                    b->repo, b->held == NULL ? "" : b->held, (int64_t)b->suspended);
    *out = hub_db_last_id(db);
    return rc;
}

enum cm_rc hub_past_image(struct hub_db *db, int64_t value, const char *image, struct cm_err *err) {
    int64_t number = 0;
    enum cm_rc rc = number_of_image(db, image, &number, err);

    return rc < 0 ? rc
                  : hub_db_run(db, err,
                               "INSERT OR IGNORE INTO past_value_image (image, value)"
                               " VALUES (?1, ?2)",
                               "ii", number, value);
}

// ---- One change

// find_known finds a cluster and how it is there now; CM_ENOTFOUND: it has no number yet.
static enum cm_rc find_known(struct hub_db *db, const struct hub_past_change *c, int64_t *cluster,
                             struct hub_cell *now, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err,
                     "SELECT c.number, n.value, ifnull(n.since_ms, ?4) FROM past_cluster c"
                     " LEFT JOIN past_now n ON n.app = ?2 AND n.axis = ?3 AND n.cluster = c.number"
                     " WHERE c.name = ?1",
                     "ttii", c->cluster, c->app, (int64_t)c->axis, now->since_ms);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *cluster = hub_stmt_int(stmt, 0);
        now->value = (uint32_t)hub_stmt_int(stmt, 1);
        now->since_ms = hub_stmt_int(stmt, 2);
    }
    return rc;
}

// The newest row of this value, if the entry fits in.
struct open_row {
    int64_t number;
    int64_t at_ms;
    struct cm_str entries;
};

static bool is_late(const struct hub_past_change *c) {
    return c->seen_ms - c->at_ms > LATE_MS;
}

static bool is_near(int64_t a, int64_t b) {
    return a - b < HUB_PAST_SPAN_MS && b - a < HUB_PAST_SPAN_MS;
}

static bool takes(struct hub_stmt *stmt, const struct hub_past_change *c) {
    return is_near(hub_stmt_int(stmt, 1), c->at_ms) && is_near(hub_stmt_int(stmt, 2), c->seen_ms) &&
           hub_stmt_int(stmt, 3) < ROW_ENTRIES_MAX && (hub_stmt_int(stmt, 4) != 0) == is_late(c);
}

static enum cm_rc find_open(struct hub_db *db, const struct hub_past_change *c,
                            struct open_row *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err,
                     "SELECT number, at_ms, seen_ms, count, late, entries FROM past_change"
                     " WHERE app = ?1 AND axis = ?2 AND value = ?3 ORDER BY number DESC LIMIT 1",
                     "tii", c->app, (int64_t)c->axis, c->value);
    size_t size;

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0 || !takes(stmt, c)) {
        return rc < 0 ? rc : CM_ENOTFOUND;
    }
    out->number = hub_stmt_int(stmt, 0);
    out->at_ms = hub_stmt_int(stmt, 1);
    const void *entries = hub_stmt_blob(stmt, 5, &size);
    cm_str_add_n(&out->entries, entries, size);
    return CM_OK;
}

static enum cm_rc extend_row(struct hub_db *db, struct open_row *row, const struct hub_entry *entry,
                             int64_t seen_ms, struct cm_err *err) {
    hub_entries_add(&row->entries, entry, row->at_ms);
    return hub_db_run(db, err,
                      "UPDATE past_change SET entries = ?2, count = count + 1,"
                      " seen_ms = max(seen_ms, ?3) WHERE number = ?1",
                      "ibi", row->number, row->entries.data, row->entries.len, seen_ms);
}

static enum cm_rc begin_row(struct hub_db *db, const struct hub_past_change *c,
                            const struct hub_entry *entry, struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str entries = {0};

    hub_entries_add(&entries, entry, c->at_ms);
    return hub_db_run(db, err,
                      "INSERT INTO past_change (app, axis, value, at_ms, seen_ms, count, late,"
                      " entries) VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7)",
                      "tiiiiib", c->app, (int64_t)c->axis, c->value, c->at_ms, c->seen_ms,
                      (int64_t)is_late(c), entries.data, entries.len);
}

static enum cm_rc add_entry(struct hub_db *db, const struct hub_past_change *c, int64_t cluster,
                            struct cm_err *err) {
    const struct hub_entry entry = {.cluster = (uint32_t)cluster, .at_ms = c->at_ms};
    struct open_row row = {0};
    enum cm_rc rc = find_open(db, c, &row, err);

    rc = rc == CM_OK          ? extend_row(db, &row, &entry, c->seen_ms, err)
         : rc == CM_ENOTFOUND ? begin_row(db, c, &entry, err)
                              : rc;
    cm_str_done(&row.entries);
    return rc;
}

static enum cm_rc put_now(struct hub_db *db, const struct hub_past_change *c, int64_t cluster,
                          struct cm_err *err) {
    return hub_db_run(db, err,
                      "INSERT OR REPLACE INTO past_now (app, axis, cluster, value, since_ms)"
                      " VALUES (?1, ?2, ?3, ?4, ?5)",
                      "tiiii", c->app, (int64_t)c->axis, cluster, c->value, c->at_ms);
}

static enum cm_rc apply(struct hub_db *db, const struct hub_past_change *c, int64_t cluster,
                        const struct hub_cell *now, struct cm_err *err) {
    enum cm_rc rc = add_entry(db, c, cluster, err);

    return rc < 0 || c->at_ms < now->since_ms ? rc : put_now(db, c, cluster, err);
}

// find_place finds the cluster and how it is there now: since INT64_MIN if nothing is known.
static enum cm_rc find_place(struct hub_db *db, const struct hub_past_change *c, int64_t *cluster,
                             struct hub_cell *now, struct cm_err *err) {
    *now = (struct hub_cell){.since_ms = INT64_MIN};
    enum cm_rc rc = find_known(db, c, cluster, now, err);

    if (rc != CM_ENOTFOUND) {
        return rc;
    }
    rc = hub_db_run(db, err, "INSERT INTO past_cluster (name) VALUES (?1)", "t", c->cluster);
    *cluster = hub_db_last_id(db);
    return rc;
}

enum cm_rc hub_past_note(struct hub_db *db, const struct hub_past_change *change,
                         struct cm_err *err) {
    struct hub_past_change c = *change;
    struct hub_cell now;
    int64_t cluster = 0;
    enum cm_rc rc = find_place(db, &c, &cluster, &now, err);

    c.at_ms = c.at_ms < c.seen_ms ? c.at_ms : c.seen_ms; // a clock may be ahead
    if (rc < 0 || now.value == (uint32_t)c.value) {
        return rc; // also: nothing is known, and nothing is the case
    }
    rc = apply(db, &c, cluster, &now, err);
    return rc < 0 ? rc : hub_past_lines_change(db, &c, err);
}

enum cm_rc hub_past_replay(struct hub_db *db, const struct hub_past_change *change,
                           struct cm_err *err) {
    struct hub_cell now;
    int64_t cluster = 0;
    enum cm_rc rc = find_place(db, change, &cluster, &now, err);
    bool told = now.value == (uint32_t)change->value && now.since_ms == change->at_ms;

    return rc < 0 || told ? rc : apply(db, change, cluster, &now, err);
}

static enum cm_rc replay_now(struct hub_db *db, const struct hub_past_change *change,
                             const struct hub_line_place *place, struct cm_str *entries,
                             struct cm_err *err) {
    struct hub_past_change c = *change;
    struct hub_cell now;
    int64_t cluster = 0;

    c.cluster = place->cluster;
    c.at_ms += place->after_ms;
    enum cm_rc rc = find_place(db, &c, &cluster, &now, err);
    const struct hub_entry entry = {.cluster = (uint32_t)cluster, .at_ms = c.at_ms};

    hub_entries_add(entries, &entry, change->at_ms);
    return rc < 0 || c.at_ms < now.since_ms ? rc : put_now(db, &c, cluster, err);
}

enum cm_rc hub_past_replay_row(struct hub_db *db, const struct hub_past_change *change, bool late,
                               const struct hub_line_place *places, size_t count,
                               struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str entries = {0};
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < count; i++) {
        rc = replay_now(db, change, &places[i], &entries, err);
    }
    return rc < 0 ? rc
                  : hub_db_run(db, err,
                               "INSERT INTO past_change (app, axis, value, at_ms, seen_ms, count,"
                               " late, entries) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                               "tiiiiiib", change->app, (int64_t)change->axis, change->value,
                               change->at_ms, change->seen_ms, (int64_t)count, (int64_t)late,
                               entries.data, entries.len);
}

// ---- Many at once

// Names, each ended by NUL.
static enum cm_rc find_names(struct hub_db *db, const char *sql, const char *cluster,
                             struct cm_str *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "t", cluster);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        const char *name = hub_stmt_text(stmt, 0);

        cm_str_add_n(out, name, strlen(name) + 1);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc note_none(struct hub_db *db, const struct hub_past_change *of,
                            const struct cm_str *apps, struct cm_err *err) {
    struct hub_past_change change = *of;
    enum cm_rc rc = CM_OK;

    for (size_t at = 0; rc == CM_OK && at < apps->len; at += strlen(change.app) + 1) {
        change.app = apps->data + at;
        rc = hub_past_note(db, &change, err);
    }
    return rc;
}

enum cm_rc hub_past_forget(struct hub_db *db, const char *cluster, int64_t now_ms,
                           struct cm_err *err) {
    static const char sql[] = "SELECT n.app FROM past_now n JOIN past_cluster c"
                              " ON c.number = n.cluster"
                              " WHERE c.name = ?1 AND n.axis = 0 AND n.value <> 0";
    const struct hub_past_change none = {
        .axis = HUB_PAST_DESIRED, .cluster = cluster, .at_ms = now_ms, .seen_ms = now_ms};
    CM_CLEANUP(cm_str_done) struct cm_str apps = {0};
    enum cm_rc rc = find_names(db, sql, cluster, &apps, err);

    return rc < 0 ? rc : note_none(db, &none, &apps, err);
}

enum cm_rc hub_past_lost(struct hub_db *db, const char *cluster, int64_t now_ms,
                         struct cm_err *err) {
    static const char sql[] = "SELECT app FROM status WHERE cluster = ?1 AND full = 1";
    struct hub_past_change none = {
        .axis = HUB_PAST_ACTUAL, .cluster = cluster, .at_ms = now_ms, .seen_ms = now_ms};
    CM_CLEANUP(cm_str_done) struct cm_str apps = {0};
    enum cm_rc rc = find_names(db, sql, cluster, &apps, err);

    rc = rc < 0 ? rc : note_none(db, &none, &apps, err);
    none.axis = HUB_PAST_VERDICT;
    rc = rc < 0 ? rc : note_none(db, &none, &apps, err);
    none.axis = HUB_PAST_IMAGES;
    rc = rc < 0 ? rc : note_none(db, &none, &apps, err);
    none.axis = HUB_PAST_DIGESTS;
    return rc < 0 ? rc : note_none(db, &none, &apps, err);
}

// When each cluster that was connected was heard last.
static enum cm_rc find_seen(struct hub_db *db, struct cm_str *names, struct cm_str *times,
                            struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT c.name, max(n.since_ms, ifnull(p.seen_ms, 0))"
                                 " FROM past_now n JOIN past_cluster c ON c.number = n.cluster"
                                 " LEFT JOIN presence p ON p.cluster = c.name"
                                 " WHERE n.app = '' AND n.axis = 3 AND n.value <> 0",
                                 "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        const char *name = hub_stmt_text(stmt, 0);
        int64_t at_ms = hub_stmt_int(stmt, 1);

        cm_str_add_n(names, name, strlen(name) + 1);
        cm_str_add_n(times, &at_ms, sizeof(at_ms));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc note_unseen(struct hub_db *db, const struct cm_str *names,
                              const struct cm_str *times, int64_t now_ms, struct cm_err *err) {
    struct hub_past_change unseen = {
        .app = "", .axis = HUB_PAST_SEEN, .cluster = names->data, .seen_ms = now_ms};
    enum cm_rc rc = CM_OK;

    for (size_t at = 0; rc == CM_OK && at < times->len; at += sizeof(unseen.at_ms)) {
        memcpy(&unseen.at_ms, times->data + at, sizeof(unseen.at_ms));
        rc = hub_past_note(db, &unseen, err);
        unseen.cluster += strlen(unseen.cluster) + 1;
    }
    return rc;
}

enum cm_rc hub_past_unseen(struct hub_db *db, int64_t now_ms, struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str names = {0};
    CM_CLEANUP(cm_str_done) struct cm_str times = {0};
    enum cm_rc rc = find_seen(db, &names, &times, err);

    return rc < 0 ? rc : note_unseen(db, &names, &times, now_ms, err);
}

enum cm_rc hub_past_is_empty(struct hub_db *db, bool *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, "SELECT 1 FROM past_cluster LIMIT 1", "");

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    *out = rc == CM_ENOTFOUND;
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// ---- Checkpoints

static enum cm_rc read_cells(struct hub_db *db, const char *app, int64_t axis, int64_t now_ms,
                             struct cm_str *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT cluster, value, since_ms FROM past_now WHERE app = ?1"
                                 " AND axis = ?2",
                                 "ti", app, axis);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        hub_cells_add(out,
                      &(struct hub_cell){.cluster = (uint32_t)hub_stmt_int(stmt, 0),
                                         .value = (uint32_t)hub_stmt_int(stmt, 1),
                                         .since_ms = hub_stmt_int(stmt, 2)},
                      now_ms);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc put_checkpoint(struct hub_db *db, const char *app, int64_t axis, int64_t now_ms,
                                 struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str state = {0};
    enum cm_rc rc = read_cells(db, app, axis, now_ms, &state, err);

    return rc < 0 ? rc
                  : hub_db_run(db, err,
                               "INSERT OR REPLACE INTO past_checkpoint (app, axis, at_ms, upto,"
                               " state) SELECT ?1, ?2, ?3, max(number), ?4 FROM past_change",
                               "tiib", app, axis, now_ms, state.data, state.len);
}

// Apps and axes, each with a time.
struct parts {
    struct cm_str apps;  // names, each ended by NUL
    struct cm_str axes;  // a character each
    struct cm_str times; // an int64_t each
};

static void parts_done(struct parts *p) {
    cm_str_done(&p->apps);
    cm_str_done(&p->axes);
    cm_str_done(&p->times);
}

static enum cm_rc read_parts(struct hub_stmt *stmt, struct parts *out, struct cm_err *err) {
    enum cm_rc rc;

    while ((rc = hub_stmt_next(stmt, err)) == CM_OK) {
        const char *app = hub_stmt_text(stmt, 0);
        int64_t at_ms = hub_stmt_int(stmt, 2);

        cm_str_add_n(&out->apps, app, strlen(app) + 1);
        cm_str_add_char(&out->axes, (char)hub_stmt_int(stmt, 1));
        cm_str_add_n(&out->times, (const char *)&at_ms, sizeof(at_ms));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// Those with many rows since their last checkpoint, by what the index has.
static enum cm_rc find_due(struct hub_db *db, int64_t now_ms, struct parts *out,
                           struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err,
        HUB_PAST_APPS
        ", p(app, axis) AS (SELECT '', 3 UNION ALL SELECT app, value FROM apps,"
        " (SELECT 0 AS value UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 4))"
        " SELECT app, axis, ?2 FROM p WHERE (SELECT count(*) FROM past_change c"
        " WHERE c.app = p.app AND c.axis = p.axis AND c.at_ms > ifnull((SELECT max(k.at_ms)"
        " FROM past_checkpoint k WHERE k.app = p.app AND k.axis = p.axis), 0)) > ?1",
        "ii", (int64_t)HUB_PAST_ROWS, now_ms);

    return rc < 0 ? rc : read_parts(stmt, out, err);
}

static enum cm_rc each_part(struct hub_db *db, const struct parts *parts,
                            enum cm_rc (*run)(struct hub_db *db, const char *app, int64_t axis,
                                              int64_t at_ms, struct cm_err *err),
                            struct cm_err *err) {
    const char *app = parts->apps.data;
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < parts->axes.len; i++) {
        int64_t at_ms;

        memcpy(&at_ms, parts->times.data + i * sizeof(at_ms), sizeof(at_ms));
        rc = run(db, app, parts->axes.data[i], at_ms, err);
        app += strlen(app) + 1;
    }
    return rc;
}

// The newest checkpoint that is old enough: it tells how it was then, so rows may go up to it.
static enum cm_rc find_old(struct hub_db *db, int64_t before_ms, struct parts *out,
                           struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT app, axis, max(at_ms) FROM past_checkpoint"
                                 " WHERE at_ms < ?1 GROUP BY app, axis",
                                 "i", before_ms);

    return rc < 0 ? rc : read_parts(stmt, out, err);
}

static enum cm_rc drop_old(struct hub_db *db, const char *app, int64_t axis, int64_t at_ms,
                           struct cm_err *err) {
    enum cm_rc rc = hub_db_run(db, err,
                               "DELETE FROM past_checkpoint WHERE app = ?1 AND axis = ?2"
                               " AND at_ms < ?3",
                               "tii", app, axis, at_ms);

    return rc < 0 ? rc
                  : hub_db_run(db, err,
                               "DELETE FROM past_change WHERE app = ?1 AND axis = ?2"
                               " AND at_ms < ?3",
                               "tii", app, axis, at_ms - HUB_PAST_SPAN_MS);
}

enum cm_rc hub_past_drop(struct hub_db *db, int64_t now_ms, struct cm_err *err) {
    struct parts old = {0};
    enum cm_rc rc = find_old(db, now_ms - HUB_PAST_DAYS * DAY_MS, &old, err);

    rc = rc < 0 ? rc : each_part(db, &old, drop_old, err);
    parts_done(&old);
    return rc < 0 ? rc : hub_past_images_drop(db, err);
}

enum cm_rc hub_past_keep(struct hub_db *db, int64_t now_ms, struct cm_err *err) {
    struct parts due = {0};
    enum cm_rc rc = find_due(db, now_ms, &due, err);

    rc = rc < 0 ? rc : each_part(db, &due, put_checkpoint, err);
    rc = rc < 0 ? rc : hub_past_drop(db, now_ms, err);
    parts_done(&due);
    return rc < 0 ? cm_wrap(err, "keep the past short") : CM_OK;
}
