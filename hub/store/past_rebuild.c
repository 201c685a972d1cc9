#include "hub/store/past_rebuild.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/past/entries.h"
#include "hub/store/db.h"
#include "hub/store/decisions.h"
#include "hub/store/events.h"
#include "hub/store/freezes.h"
#include "hub/store/meta.h"
#include "hub/store/past.h"
#include "hub/store/past_alias.h"
#include "hub/store/past_state.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)

static enum cm_rc run_all(struct hub_db *db, const char *const *sqls, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    for (; rc == CM_OK && *sqls != NULL; sqls++) {
        rc = hub_db_run(db, err, *sqls, "");
    }
    return rc;
}

static enum cm_rc clear(struct hub_db *db, struct cm_err *err) {
    static const char *const sqls[] = {"DELETE FROM past_cluster",
                                       "DELETE FROM past_value",
                                       "DELETE FROM past_image",
                                       "DELETE FROM past_value_image",
                                       "DELETE FROM past_now",
                                       "DELETE FROM past_change",
                                       "DELETE FROM past_checkpoint",
                                       "DELETE FROM freeze_past",
                                       "DELETE FROM freeze_past_cluster",
                                       NULL};

    return run_all(db, sqls, err);
}

enum cm_rc hub_past_rebuild_begin(struct hub_past_rebuild *r, struct hub_db *db,
                                  struct cm_err *err) {
    struct hub_event_marks marks = {0};

    *r = (struct hub_past_rebuild){.db = db, .epoch = 1};
    enum cm_rc rc = hub_meta_get_int(db, "epoch", &r->epoch, err);
    rc = rc < 0 && rc != CM_ENOTFOUND ? rc : hub_events_marks(db, &marks, err);
    r->restored = marks.restored;
    rc = rc < 0 ? rc : hub_past_alias_begin(db, err);
    return rc < 0 ? rc : clear(db, err);
}

// ---- Lines

#define TEXT(name) line->of[HUB_LINE_M_##name].text
#define NUM(name) line->of[HUB_LINE_M_##name].number

static struct cm_sha256 hash_of(const char *hex) {
    struct cm_sha256 hash = {{0}};

    (void)cm_sha256_parse(hex, &hash); // the line's parser has looked at it
    return hash;
}

// Changes name a cluster, and make one whose line is missing: its number is then that of another.
static enum cm_rc take_cluster(struct hub_db *db, const struct hub_line *line, struct cm_err *err) {
    return hub_db_run(db, err,
                      "INSERT INTO past_cluster (number, name) VALUES ((SELECT ?1 WHERE NOT EXISTS"
                      " (SELECT 1 FROM past_cluster WHERE number = ?1)), ?2)"
                      " ON CONFLICT (name) DO NOTHING",
                      "it", NUM(NUMBER), TEXT(CLUSTER));
}

static enum cm_rc take_value(struct hub_db *db, const struct hub_line *line, struct cm_err *err) {
    struct cm_sha256 bundle = hash_of(TEXT(BUNDLE));

    return hub_db_run(db, err,
                      "INSERT INTO past_value (number, app, bundle, revision, repo, held,"
                      " suspended) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
                      " ON CONFLICT (app, bundle, revision) DO NOTHING",
                      "itbttti", NUM(NUMBER), TEXT(APP), bundle.bytes, sizeof(bundle.bytes),
                      TEXT(REVISION), TEXT(REPO), TEXT(HELD), NUM(SUSPENDED));
}

static enum cm_rc take_image(struct hub_db *db, const struct hub_line *line, struct cm_err *err) {
    return hub_past_image(db, NUM(VALUE), TEXT(IMAGE), err);
}

static struct hub_past_change change_of(const struct hub_line *line) {
    return (struct hub_past_change){.app = TEXT(APP),
                                    .axis = (enum hub_past_axis)NUM(AXIS),
                                    .cluster = TEXT(CLUSTER),
                                    .value = NUM(VALUE),
                                    .at_ms = NUM(AT),
                                    .seen_ms = NUM(SEEN)};
}

static enum cm_rc take_change(struct hub_db *db, const struct hub_line *line, struct cm_err *err) {
    const struct hub_past_change change = change_of(line);

    return hub_past_replay(db, &change, err);
}

static enum cm_rc take_row(struct hub_db *db, const struct hub_line *line, struct cm_err *err) {
    const struct hub_past_change change = change_of(line);

    return hub_past_replay_row(db, &change, NUM(LATE) != 0, line->places, line->place_count, err);
}

// What was told late, and after the checkpoint, is not in it, so readers look at it (`upto`).
static enum cm_rc put_checkpoint(struct hub_db *db, const struct hub_line *line,
                                 const struct cm_str *state, struct cm_err *err) {
    return hub_db_run(db, err,
                      "INSERT OR REPLACE INTO past_checkpoint (app, axis, at_ms, upto, state)"
                      " SELECT ?1, ?2, ?3, ifnull((SELECT min(number) - 1 FROM past_change WHERE"
                      " app = ?1 AND axis = ?2 AND late AND seen_ms > ?3),"
                      " (SELECT max(number) FROM past_change)), ?4",
                      "tiib", TEXT(APP), NUM(AXIS), NUM(AT), state->data, state->len);
}

static enum cm_rc take_checkpoint(struct hub_db *db, const struct hub_line *line,
                                  struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str cells = {0};
    const struct hub_past_when when = {.at_ms = NUM(AT), .known = true};
    struct hub_past_state state = {0};
    enum cm_rc rc = hub_past_clusters(db, &state.count, err);

    rc = rc < 0
             ? rc
             : hub_past_read(db, a, TEXT(APP), (enum hub_past_axis)NUM(AXIS), &when, &state, err);
    for (size_t i = 0; rc == CM_OK && i < state.count; i++) {
        const struct hub_past_cell *cell = &state.cells[i];
        const struct hub_cell known = {(uint32_t)i, cell->value, cell->since_ms};

        if (cell->since_ms != 0) {
            hub_cells_add(&cells, &known, NUM(AT));
        }
    }
    return rc < 0 ? rc : put_checkpoint(db, line, &cells, err);
}

// A number that another decision has is of a database from before a restore. What became of one
// that holds is the database's to say: it has the Hold. Older lines have the time of an agent whose
// clock was wrong.
static enum cm_rc take_decision(struct hub_db *db, const struct hub_line *line,
                                struct cm_err *err) {
    static const char sql[] =
        "INSERT INTO decision (number, id, cluster, cluster_id, app, key, controller,"
        " controller_key, verdict, bad, good, bad_bundle, good_bundle, bad_revision,"
        " good_revision, good_object, text, weight, at_ms, seen_ms, actor, provisional, settled,"
        " proof)"
        " VALUES ((SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM decision WHERE number = ?1)), ?2, ?3,"
        " ?4, ?5, ?6, ?7, ?8, ?9, zeroblob(32), zeroblob(32), zeroblob(32), zeroblob(32), ?10, ?11,"
        " x'', ?12, iif(?17 = '', -1, CAST(?17 AS INTEGER)), iif(?13 > ?14 OR ?13 <= 0, ?14, ?13),"
        " ?14, ?15, 0, ?16, ?18)"
        " ON CONFLICT (id) DO UPDATE SET settled = iif(provisional, settled, excluded.settled),"
        " proof = iif(excluded.proof = '', proof, excluded.proof),"
        " text = iif(instr(excluded.text, '" HUB_LINE_PURGED "') > 0, excluded.text, text)";
    struct cm_sha256 id = hash_of(TEXT(ID));
    enum cm_rc rc =
        hub_db_run(db, err, sql,
                   "ibttttttt"
                   "ttt"
                   "iititt",
                   NUM(NUMBER), id.bytes, sizeof(id.bytes), TEXT(CLUSTER), TEXT(CLUSTER_ID),
                   TEXT(APP), TEXT(KEY), TEXT(CONTROLLER), TEXT(CONTROLLER_KEY), TEXT(VERDICT),
                   TEXT(BAD_REVISION), TEXT(GOOD_REVISION), TEXT(TEXT), NUM(AT), NUM(SEEN),
                   TEXT(ACTOR), NUM(SETTLED), TEXT(WEIGHT), TEXT(PROOF));

    return rc < 0 ? rc : hub_decisions_trim(db, TEXT(CLUSTER), err);
}

static enum cm_rc take_verdict(struct hub_db *db, const struct hub_line *line, struct cm_err *err) {
    return hub_verdicts_put(db,
                            &(struct hub_verdict_row){.cluster_id = TEXT(CLUSTER_ID),
                                                      .app = TEXT(APP),
                                                      .identity = TEXT(IDENTITY),
                                                      .verdict = TEXT(VERDICT),
                                                      .revision = TEXT(REVISION),
                                                      .at_ms = NUM(AT),
                                                      .by = TEXT(ACTOR)},
                            err);
}

static enum cm_rc take_proven(struct hub_db *db, const struct hub_line *line, struct cm_err *err) {
    struct cm_sha256 bundle = hash_of(TEXT(BUNDLE));

    return hub_db_run(db, err,
                      "INSERT OR REPLACE INTO proven (cluster, key, agent, app, needs, revision,"
                      " bundle) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                      "ttttttb", TEXT(CLUSTER), TEXT(KEY), TEXT(AGENT), TEXT(APP), TEXT(NEEDS),
                      TEXT(REVISION), bundle.bytes, sizeof(bundle.bytes));
}

static enum cm_rc take_freeze(struct hub_db *db, const struct hub_line *line, struct cm_err *err) {
    return hub_db_run(db, err,
                      "INSERT OR REPLACE INTO freeze_past (id, name, app, reason, actor, source,"
                      " from_ms, until_ms, to_ms, ended_by, ended_why)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                      "itttttiiitt", NUM(NUMBER), TEXT(NAME), TEXT(APP), TEXT(REASON), TEXT(ACTOR),
                      TEXT(SOURCE), NUM(FROM), NUM(UNTIL), NUM(TO), TEXT(ENDED_BY),
                      TEXT(ENDED_WHY));
}

static enum cm_rc take_frozen(struct hub_db *db, const struct hub_line *line, struct cm_err *err) {
    return hub_db_run(db, err,
                      "INSERT OR REPLACE INTO freeze_past_cluster (freeze, cluster, from_ms, to_ms)"
                      " VALUES (?1, ?2, ?3, ?4)",
                      "itii", NUM(NUMBER), TEXT(CLUSTER), NUM(FROM), NUM(TO));
}

static enum cm_rc take_begin(struct hub_db *db, const struct hub_line *line, struct cm_err *err) {
    (void)line;
    return clear(db, err);
}

typedef enum cm_rc take_fn(struct hub_db *db, const struct hub_line *line, struct cm_err *err);

static take_fn *const takes[HUB_LINE_KINDS] = {
    [HUB_LINE_BEGIN] = take_begin,
    [HUB_LINE_CLUSTER] = take_cluster,
    [HUB_LINE_VALUE] = take_value,
    [HUB_LINE_IMAGE] = take_image,
    [HUB_LINE_CHANGE] = take_change,
    [HUB_LINE_ROW] = take_row,
    [HUB_LINE_CHECKPOINT] = take_checkpoint,
    [HUB_LINE_DECISION] = take_decision,
    [HUB_LINE_VERDICT] = take_verdict,
    [HUB_LINE_PROVEN] = take_proven,
    [HUB_LINE_FREEZE] = take_freeze,
    [HUB_LINE_FROZEN] = take_frozen,
    [HUB_LINE_BASE] = take_begin,
};

// begins tells whether a line is one with which all that is known begins. A `base` does not if the
// line before it is known.
static bool begins(struct hub_past_rebuild *r, const struct hub_line *line) {
    bool same = line->epoch == r->last_epoch && line->n == r->last_n;

    if (line->kind == HUB_LINE_BASE && r->began && (same || r->hidden)) {
        r->listing = false; // what follows is repeated
        return false;
    }
    return line->kind == HUB_LINE_BASE || line->kind == HUB_LINE_BEGIN;
}

// is_news tells whether a line was not told before, and remembers it.
static bool is_news(struct hub_past_rebuild *r, const struct hub_line *line) {
    bool same = line->epoch == r->last_epoch && line->n == r->last_n;
    bool later =
        line->epoch > r->last_epoch || (line->epoch == r->last_epoch && line->n > r->last_n);

    if (begins(r, line)) {
        r->began = true;
        r->listing = true;
        r->begun = line->epoch;
        r->kept_from_ms = NUM(AT);
    } else if (line->kind == HUB_LINE_BASE) {
        r->last_n = line->n;
        return false;
    } else if (!later && !(same && r->listing)) {
        return false;
    } else if (!same) {
        r->listing = false;
    }
    r->last_epoch = line->epoch;
    r->last_n = line->n;
    return true;
}

enum cm_rc hub_past_rebuild_take(struct hub_past_rebuild *r, const struct hub_line *line,
                                 struct cm_err *err) {
    if (line->kind == HUB_LINE_PURGED_KIND) {
        r->purged++;
        r->hidden = true;
        return CM_OK;
    }
    bool news = is_news(r, line) && r->began;
    r->hidden = false;
    if (!news) {
        r->repeated++;
        return CM_OK;
    }
    r->lines++;
    if (line->kind == HUB_LINE_LOST) {
        r->lost++;
        return CM_OK;
    }
    struct hub_line here = *line;
    enum cm_rc rc = line->epoch == r->begun ? CM_OK : hub_past_alias_apply(r->db, &here, err);
    rc = rc < 0 ? rc : takes[here.kind](r->db, &here, err);
    return rc < 0 ? cm_wrap(err, "change %llu/%lld", (unsigned long long)line->epoch,
                            (long long)line->n)
                  : CM_OK;
}

// ---- Events

static struct hub_past_epoch *epoch_of(struct hub_past_rebuild *r, uint64_t epoch) {
    for (size_t i = 0; i < r->epoch_count; i++) {
        if (r->epochs[i].epoch == epoch) {
            return &r->epochs[i];
        }
    }
    r->epochs = cm_resize(r->epochs, (r->epoch_count + 1) * sizeof(*r->epochs));
    r->epochs[r->epoch_count] = (struct hub_past_epoch){.epoch = epoch, .first = INT64_MAX};
    return &r->epochs[r->epoch_count++];
}

void hub_past_rebuild_event_seen(struct hub_past_rebuild *r, const struct hub_line_event *e) {
    struct hub_past_epoch *epoch = epoch_of(r, e->epoch);

    if (e->n > 0 && strcmp(e->kind, "state.gap") != 0) {
        epoch->first = e->n < epoch->first ? e->n : epoch->first;
        epoch->last = e->n > epoch->last ? e->n : epoch->last;
    }
}

// The last number of the newest epoch, if that is an older one than the database's.
static int64_t last_before(const struct hub_past_rebuild *r) {
    const struct hub_past_epoch *newest = NULL;

    for (size_t i = 0; i < r->epoch_count; i++) {
        newest = newest == NULL || r->epochs[i].epoch > newest->epoch ? &r->epochs[i] : newest;
    }
    return newest == NULL || newest->epoch >= (uint64_t)r->epoch ? 0 : newest->last;
}

// Numbers go away from zero and come back, for each is the only one of its kind all the time.
enum cm_rc hub_past_rebuild_make_room(struct hub_past_rebuild *r, struct cm_err *err) {
    int64_t more = last_before(r) - r->restored + 1;

    if (r->restored == 0 || more <= 0) {
        return CM_OK;
    }
    enum cm_rc rc =
        hub_db_run(r->db, err, "UPDATE event SET number = -(number + ?2) WHERE number >= ?1", "ii",
                   r->restored, more);
    rc = rc < 0 ? rc
                : hub_db_run(r->db, err, "UPDATE event SET number = -number WHERE number < 0", "");
    r->restored += more;
    return rc;
}

// is_ours: what came after a backup that was restored later has numbers that mean other events.
static bool is_ours(const struct hub_past_rebuild *r, const struct hub_line_event *e) {
    bool ours =
        e->epoch == (uint64_t)r->epoch || (e->epoch < (uint64_t)r->epoch && e->n < r->restored);

    for (size_t i = 0; i < r->epoch_count; i++) {
        ours = ours && (r->epochs[i].epoch <= e->epoch || e->n < r->epochs[i].first);
    }
    return ours;
}

enum cm_rc hub_past_rebuild_event(struct hub_past_rebuild *r, const struct hub_line_event *e,
                                  struct cm_err *err) {
    static const char sql[] =
        "INSERT INTO event (number, at_ms, happened_ms, kind, cluster, app, key, revision, actor,"
        " message) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (number)"
        " DO UPDATE SET message = excluded.message, actor = excluded.actor"
        " WHERE instr(excluded.message || excluded.actor, '" HUB_LINE_PURGED "') > 0"
        " AND kind = excluded.kind AND at_ms = excluded.at_ms";

    if (e->n == 0 || !is_ours(r, e) || strcmp(e->kind, "state.gap") == 0) {
        return CM_OK;
    }
    enum cm_rc rc =
        hub_db_run(r->db, err, sql, "iiittttttt", e->n, e->at_ms, e->happened_ms, e->kind,
                   e->cluster, e->app, e->key, e->revision, e->actor, e->message);
    r->events += rc == CM_OK && hub_db_changes(r->db) > 0 ? 1 : 0;
    return rc;
}

// ---- The end

static enum cm_rc count(struct hub_db *db, const char *sql, int64_t *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "");

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = hub_stmt_int(stmt, 0);
    }
    return rc;
}

// put_unknown: a release whose line was lost, or had to go, is one of which nothing is known but
// when it ran where.
static enum cm_rc put_unknown(struct hub_past_rebuild *r, struct cm_err *err) {
    enum cm_rc rc =
        hub_db_run(r->db, err,
                   "INSERT INTO past_value (number, app, bundle, revision, repo) SELECT value,"
                   " min(app), CAST(printf('%032d', value) AS BLOB), 'unknown', '' FROM past_change"
                   " WHERE axis IN (0, 1, 4, 5) AND value <> 0 AND value NOT IN (SELECT number "
                   "FROM past_value)"
                   " GROUP BY value",
                   "");

    r->unknown = rc < 0 ? 0 : (size_t)hub_db_changes(r->db);
    return rc;
}

// A freeze whose record was lost with a database is not in force any more.
static enum cm_rc end_freezes(struct hub_db *db, int64_t now_ms, struct cm_err *err) {
    enum cm_rc rc = hub_db_run(db, err,
                               "UPDATE freeze_past SET to_ms = ?1, ended_by = 'hub',"
                               " ended_why = 'its record was lost' WHERE to_ms = 0 AND name NOT IN"
                               " (SELECT name FROM freeze WHERE ended_ms = 0)",
                               "i", now_ms);

    return rc < 0 ? rc
                  : hub_db_run(db, err,
                               "UPDATE freeze_past_cluster SET to_ms = ?1 WHERE to_ms = 0 AND"
                               " freeze IN (SELECT id FROM freeze_past WHERE to_ms != 0)",
                               "i", now_ms);
}

enum cm_rc hub_past_rebuild_end(struct hub_past_rebuild *r, int64_t now_ms, struct cm_err *err) {
    enum cm_rc rc = put_unknown(r, err);

    rc = rc < 0 ? rc : hub_past_drop(r->db, now_ms, err);
    rc = rc < 0 ? rc : hub_freezes_keep(r->db, now_ms - HUB_PAST_DAYS * DAY_MS, err);
    rc = rc < 0 ? rc : end_freezes(r->db, now_ms, err);
    rc = rc < 0 ? rc : hub_meta_set_int(r->db, HUB_PAST_KEPT_FROM, r->kept_from_ms, err);
    rc = rc < 0 ? rc : count(r->db, "SELECT count(*) FROM past_cluster", &r->clusters, err);
    rc = rc < 0 ? rc : count(r->db, "SELECT count(*) FROM past_value", &r->values, err);
    return rc < 0 ? rc : count(r->db, "SELECT count(*) FROM past_change", &r->rows, err);
}

void hub_past_rebuild_done(struct hub_past_rebuild *r) {
    free(r->epochs);
    r->epochs = NULL;
}
