#include "hub/store/freezes.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/selector.h"
#include "common/str.h"
#include "hub/store/db.h"
#include "hub/store/events.h"

#define KEPT_MS ((int64_t)24 * 60 * 60 * 1000)

#define COLUMNS                                                                                    \
    "name, app, cluster, grp, selector, reason, actor, at_ms, until_ms, repo, path, git,"          \
    " ended_ms, note, source"

char *hub_freezes_where(const struct hub_freeze_row *row) {
    CM_AUTOFREE char *what =
        row->app[0] == '\0' ? cm_strdup("all Apps") : cm_strf("App '%s'", row->app);

    if (row->cluster[0] != '\0') {
        return cm_strf("%s on cluster '%s'", what, row->cluster);
    }
    if (row->group[0] != '\0') {
        return cm_strf("%s on group '%s'", what, row->group);
    }
    return row->selector[0] != '\0' ? cm_strf("%s on clusters with %s", what, row->selector)
                                    : cm_strf("%s on all clusters", what);
}

// ---- Rows

static struct hub_freeze_row row_of(struct hub_stmt *stmt) {
    return (struct hub_freeze_row){.name = hub_stmt_text(stmt, 0),
                                   .app = hub_stmt_text(stmt, 1),
                                   .cluster = hub_stmt_text(stmt, 2),
                                   .group = hub_stmt_text(stmt, 3),
                                   .selector = hub_stmt_text(stmt, 4),
                                   .reason = hub_stmt_text(stmt, 5),
                                   .actor = hub_stmt_text(stmt, 6),
                                   .at_ms = hub_stmt_int(stmt, 7),
                                   .until_ms = hub_stmt_int(stmt, 8),
                                   .repo = hub_stmt_text(stmt, 9),
                                   .path = hub_stmt_text(stmt, 10),
                                   .git = (enum hub_freeze_git)hub_stmt_int(stmt, 11),
                                   .ended_ms = hub_stmt_int(stmt, 12),
                                   .note = hub_stmt_text(stmt, 13),
                                   .source = hub_stmt_text(stmt, 14)};
}

// find begins a query for one; CM_ENOTFOUND. The row is good until the statement ends.
static enum cm_rc find(struct hub_db *db, const char *name, struct hub_stmt **stmt,
                       struct hub_freeze_row *out, struct cm_err *err) {
    enum cm_rc rc =
        hub_db_query(db, stmt, err, "SELECT " COLUMNS " FROM freeze WHERE name = ?1", "t", name);

    rc = rc < 0 ? rc : hub_stmt_next(*stmt, err);
    if (rc < 0) {
        return rc;
    }
    *out = row_of(*stmt);
    return CM_OK;
}

static enum cm_rc insert(struct hub_db *db, const struct hub_freeze_row *row, struct cm_err *err) {
    return hub_db_run(db, err,
                      "INSERT OR REPLACE INTO freeze (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6,"
                      " ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
                      "tttttttiittiitt", row->name, row->app, row->cluster, row->group,
                      row->selector, row->reason, row->actor, row->at_ms, row->until_ms, row->repo,
                      row->path, (int64_t)row->git, row->ended_ms, row->note,
                      row->source == NULL ? "" : row->source);
}

static enum cm_rc add_event(struct hub_db *db, const struct hub_freeze_row *row, const char *kind,
                            const char *actor, int64_t at_ms, const char *why, struct cm_err *err) {
    CM_AUTOFREE char *where = hub_freezes_where(row);
    CM_AUTOFREE char *message = cm_strf("'%s', %s: %s", row->name, where, why);

    return hub_events_add(db,
                          &(struct hub_event){.at_ms = at_ms,
                                              .kind = kind,
                                              .cluster = row->cluster,
                                              .app = row->app,
                                              .actor = actor,
                                              .message = message},
                          err);
}

static enum cm_rc tell_started(struct hub_db *db, const struct hub_freeze_row *row,
                               struct cm_err *err) {
    char until[CM_CLOCK_TEXT_MAX] = "";

    if (row->until_ms != 0) {
        cm_clock_format(row->until_ms, until);
    }
    CM_AUTOFREE char *why = cm_strf("%s%s%s%s%s", row->reason, row->until_ms != 0 ? " (until " : "",
                                    until, row->until_ms != 0 ? ")" : "",
                                    row->git == HUB_FREEZE_WRITTEN ? " (by a commit)" : "");
    return add_event(db, row, "freeze.started", row->actor, cm_clock_unix_ms(), why, err);
}

// ---- The past

static enum cm_rc past_begin(struct hub_db *db, const struct hub_freeze_row *row, int64_t from_ms,
                             struct cm_err *err) {
    return hub_db_run(db, err,
                      "INSERT INTO freeze_past (name, app, reason, actor, source, from_ms,"
                      " until_ms, to_ms, ended_by, ended_why) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7,"
                      " 0, '', '')",
                      "tttttii", row->name, row->app, row->reason, row->actor,
                      row->source == NULL ? "" : row->source, from_ms, row->until_ms);
}

static enum cm_rc past_end(struct hub_db *db, const char *name, const char *actor, const char *why,
                           int64_t now_ms, struct cm_err *err) {
    enum cm_rc rc = hub_db_run(db, err,
                               "UPDATE freeze_past_cluster SET to_ms = ?2 WHERE to_ms = 0 AND"
                               " freeze IN (SELECT id FROM freeze_past WHERE name = ?1 AND"
                               " to_ms = 0)",
                               "ti", name, now_ms);

    return rc < 0 ? rc
                  : hub_db_run(db, err,
                               "UPDATE freeze_past SET to_ms = ?2, ended_by = ?3, ended_why = ?4"
                               " WHERE name = ?1 AND to_ms = 0",
                               "titt", name, now_ms, actor, why);
}

// past_resolve takes over the clusters that freezes are on now.
static enum cm_rc past_resolve(struct hub_db *db, int64_t now_ms, struct cm_err *err) {
    enum cm_rc rc = hub_db_run(
        db, err,
        "UPDATE freeze_past_cluster SET to_ms = ?1 WHERE to_ms = 0 AND NOT EXISTS (SELECT 1 FROM"
        " freeze_past p JOIN freeze_cluster k ON k.freeze = p.name WHERE p.to_ms = 0 AND"
        " p.id = freeze_past_cluster.freeze AND k.cluster = freeze_past_cluster.cluster)"
        " AND freeze IN (SELECT id FROM freeze_past WHERE to_ms = 0)",
        "i", now_ms);

    return rc < 0 ? rc
                  : hub_db_run(db, err,
                               "INSERT OR IGNORE INTO freeze_past_cluster (freeze, cluster,"
                               " from_ms, to_ms) SELECT p.id, k.cluster, ?1, 0 FROM freeze_past p"
                               " JOIN freeze_cluster k ON k.freeze = p.name WHERE p.to_ms = 0 AND"
                               " NOT EXISTS (SELECT 1 FROM freeze_past_cluster c WHERE"
                               " c.freeze = p.id AND c.cluster = k.cluster AND c.to_ms = 0)",
                               "i", now_ms);
}

enum cm_rc hub_freezes_keep(struct hub_db *db, int64_t before_ms, struct cm_err *err) {
    enum cm_rc rc = hub_db_run(db, err,
                               "DELETE FROM freeze_past_cluster WHERE freeze IN (SELECT id FROM"
                               " freeze_past WHERE to_ms != 0 AND to_ms < ?1)",
                               "i", before_ms);

    return rc < 0 ? rc
                  : hub_db_run(db, err, "DELETE FROM freeze_past WHERE to_ms != 0 AND to_ms < ?1",
                               "i", before_ms);
}

// ---- What a freeze names

static enum cm_rc repo_of(struct hub_db *db, const char *sql, const char *what, const char *name,
                          char **out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "t", name);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_ENOTFOUND) {
        return cm_fail(err, rc, "Git has no %s '%.80s': 'holdfast get %ss' lists them", what, name,
                       what[0] == 'A' ? "app" : what);
    }
    if (rc == CM_OK) {
        free(*out);
        *out = cm_strdup(hub_stmt_text(stmt, 0));
    }
    return rc;
}

// look_up finds the repository that a freeze belongs into: an App's, or else the cluster's.
static enum cm_rc look_up(struct hub_db *db, const struct hub_freeze_row *row, char **out,
                          struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    if (row->cluster[0] != '\0') {
        rc = repo_of(db, "SELECT repo FROM cluster WHERE name = ?1", "cluster", row->cluster, out,
                     err);
    } else if (row->group[0] != '\0') {
        rc = repo_of(db, "SELECT repo FROM cluster_group WHERE name = ?1", "group", row->group, out,
                     err);
    }
    if (rc == CM_OK && row->app[0] != '\0') {
        rc = repo_of(db, "SELECT repo FROM app WHERE name = ?1", "App", row->app, out, err);
    }
    return rc;
}

static enum cm_rc check_count(struct hub_db *db, const struct hub_freeze_row *row,
                              struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    bool breaker = row->source != NULL && strcmp(row->source, HUB_FREEZE_BY_BREAKER) == 0;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT count(*), sum(source = ?1) FROM freeze WHERE ended_ms = 0",
                                 "t", HUB_FREEZE_BY_BREAKER);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK && breaker && hub_stmt_int(stmt, 1) >= HUB_FREEZES_BREAKER_MAX) {
        return cm_fail(err, CM_EEXISTS,
                       "App '%.80s' is not frozen%s%.80s: %d freezes of the breaker are in force "
                       "already; end some",
                       row->app, row->cluster[0] == '\0' ? "" : " on cluster ", row->cluster,
                       HUB_FREEZES_BREAKER_MAX);
    }
    if (rc == CM_OK && hub_stmt_int(stmt, 0) >= HUB_FREEZES_MAX) {
        return cm_fail(err, CM_EEXISTS,
                       "%d freezes are in force already: end some, or freeze more with one",
                       HUB_FREEZES_MAX);
    }
    return rc;
}

static enum cm_rc check_name(struct hub_db *db, const char *name, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct hub_freeze_row row;
    enum cm_rc rc = find(db, name, &stmt, &row, err);

    if (rc != CM_OK) {
        return rc == CM_ENOTFOUND ? CM_OK : rc;
    }
    return cm_fail(
        err, CM_EEXISTS,
        row.ended_ms == 0
            ? "a freeze named '%.200s' is in force: end it, or give this one another name"
            : "the freeze '%.200s' has ended, and its file is still to be removed from "
              "Git: give this one another name",
        name);
}

enum cm_rc hub_freezes_start(struct hub_db *db, const struct hub_freeze_row *row,
                             struct cm_err *err) {
    CM_AUTOFREE char *repo = cm_strdup(row->repo);
    struct hub_freeze_row own = *row;
    enum cm_rc rc = check_name(db, row->name, err);

    rc = rc < 0 ? rc : check_count(db, row, err);
    rc = rc < 0 ? rc : look_up(db, row, &repo, err);
    own.repo = repo;
    rc = rc < 0 ? rc : insert(db, &own, err);
    rc = rc < 0 ? rc : past_begin(db, &own, own.at_ms, err);
    return rc < 0 ? rc : tell_started(db, &own, err);
}

// ---- Ending

static enum cm_rc forget_clusters(struct hub_db *db, const char *name, struct cm_err *err) {
    return hub_db_run(db, err, "DELETE FROM freeze_cluster WHERE freeze = ?1", "t", name);
}

static enum cm_rc end(struct hub_db *db, const struct hub_freeze_row *row, const char *actor,
                      const char *why, int64_t now_ms, struct cm_err *err) {
    enum cm_rc rc =
        hub_db_run(db, err, "UPDATE freeze SET ended_ms = ?2, note = '' WHERE name = ?1", "ti",
                   row->name, now_ms);

    rc = rc < 0 ? rc : forget_clusters(db, row->name, err);
    rc = rc < 0 ? rc : past_end(db, row->name, actor, why, now_ms, err);
    return rc < 0 ? rc : add_event(db, row, "freeze.ended", actor, now_ms, why, err);
}

enum cm_rc hub_freezes_end(struct hub_db *db, const char *name, const char *actor, const char *why,
                           int64_t now_ms, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct hub_freeze_row row;
    enum cm_rc rc = find(db, name, &stmt, &row, err);

    if (rc == CM_ENOTFOUND || (rc == CM_OK && row.ended_ms != 0)) {
        return cm_fail(err, CM_ENOTFOUND,
                       "no freeze named '%.200s' is in force: 'holdfast get freezes' lists them",
                       name);
    }
    return rc < 0 ? rc : end(db, &row, actor, why, now_ms, err);
}

static enum cm_rc expire_one(struct hub_db *db, int64_t now_ms, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT " COLUMNS " FROM freeze WHERE ended_ms = 0"
                                 " AND until_ms != 0 AND until_ms <= ?1 LIMIT 1",
                                 "i", now_ms);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0) {
        return rc;
    }
    struct hub_freeze_row row = row_of(stmt);
    return end(db, &row, "hub", "its time is over", now_ms, err);
}

enum cm_rc hub_freezes_expire(struct hub_db *db, int64_t now_ms, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    while (rc == CM_OK) {
        rc = expire_one(db, now_ms, err);
    }
    return rc != CM_ENOTFOUND
               ? rc
               : hub_db_run(db, err,
                            "DELETE FROM freeze WHERE ended_ms != 0 AND git = ?1 AND ended_ms < ?2",
                            "ii", (int64_t)HUB_FREEZE_NOT_WRITTEN, now_ms - KEPT_MS);
}

// ---- What Git says

enum cm_rc hub_freezes_doubt(struct hub_db *db, struct cm_err *err) {
    return hub_db_run(db, err, "UPDATE freeze SET git = ?1 WHERE git = ?2", "ii",
                      (int64_t)HUB_FREEZE_UNSURE, (int64_t)HUB_FREEZE_WRITTEN);
}

static bool is_same(const struct hub_freeze_row *a, const struct hub_freeze_row *b) {
    return a->until_ms == b->until_ms && strcmp(a->app, b->app) == 0 &&
           strcmp(a->cluster, b->cluster) == 0 && strcmp(a->group, b->group) == 0 &&
           strcmp(a->selector, b->selector) == 0 && strcmp(a->reason, b->reason) == 0;
}

// begin takes in a document of which there is no freeze yet, or one that ended.
static enum cm_rc begin(struct hub_db *db, const struct hub_freeze_row *row, struct cm_err *err) {
    struct hub_freeze_row own = *row;
    int64_t now_ms = cm_clock_unix_ms();
    bool over = row->until_ms != 0 && row->until_ms <= now_ms;

    own.ended_ms = over ? now_ms : 0;
    own.at_ms = row->at_ms != 0 ? row->at_ms : now_ms;
    own.actor = row->actor[0] != '\0' ? row->actor : "git";
    own.source = HUB_FREEZE_BY_GIT;
    enum cm_rc rc = insert(db, &own, err);
    rc = rc < 0 || over ? rc : past_begin(db, &own, now_ms, err);
    return rc < 0 || over ? rc : tell_started(db, &own, err);
}

// past_change: what says something else from now on is another time in the past.
static enum cm_rc past_change(struct hub_db *db, const struct hub_freeze_row *row,
                              struct cm_err *err) {
    int64_t now_ms = cm_clock_unix_ms();
    enum cm_rc rc = past_end(db, row->name, "git", "its document changed", now_ms, err);

    return rc < 0 ? rc : past_begin(db, row, now_ms, err);
}

static enum cm_rc follow(struct hub_db *db, const struct hub_freeze_row *row,
                         const struct hub_freeze_row *known, struct cm_err *err) {
    struct hub_freeze_row own = *row;

    own.ended_ms = known->ended_ms;
    own.at_ms = known->at_ms;
    own.actor = known->actor;
    own.source = known->source;
    enum cm_rc rc =
        known->ended_ms != 0 || is_same(known, row) ? CM_OK : past_change(db, &own, err);
    return rc < 0 ? rc : insert(db, &own, err);
}

enum cm_rc hub_freezes_put(struct hub_db *db, const struct hub_freeze_row *row,
                           struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct hub_freeze_row known;
    enum cm_rc rc = find(db, row->name, &stmt, &known, err);

    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    if (rc == CM_ENOTFOUND || (known.ended_ms != 0 && !is_same(&known, row))) {
        return begin(db, row, err);
    }
    return follow(db, row, &known, err);
}

static enum cm_rc drop(struct hub_db *db, const struct hub_freeze_row *row, struct cm_err *err) {
    enum cm_rc rc = row->ended_ms != 0
                        ? CM_OK
                        : end(db, row, "git", "its document left Git", cm_clock_unix_ms(), err);

    return rc < 0 ? rc : hub_db_run(db, err, "DELETE FROM freeze WHERE name = ?1", "t", row->name);
}

enum cm_rc hub_freezes_remove(struct hub_db *db, const char *name, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct hub_freeze_row row;
    enum cm_rc rc = find(db, name, &stmt, &row, err);

    return rc == CM_ENOTFOUND ? CM_OK : rc < 0 ? rc : drop(db, &row, err);
}

static enum cm_rc sweep_one(struct hub_db *db, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err, "SELECT " COLUMNS " FROM freeze WHERE git = ?1 LIMIT 1", "i",
                     (int64_t)HUB_FREEZE_UNSURE);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0) {
        return rc;
    }
    struct hub_freeze_row row = row_of(stmt);
    return drop(db, &row, err);
}

enum cm_rc hub_freezes_sweep(struct hub_db *db, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    while (rc == CM_OK) {
        rc = sweep_one(db, err);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_freezes_note(struct hub_db *db, const char *name, const char *note,
                            struct cm_err *err) {
    return hub_db_run(db, err, "UPDATE freeze SET note = ?2 WHERE name = ?1", "tt", name, note);
}

// ---- Clusters

// A cluster that was on record stays told; one that is new is not yet.
static enum cm_rc put_cluster(struct hub_db *db, const char *freeze, const char *cluster,
                              struct cm_err *err) {
    return hub_db_run(db, err,
                      "INSERT INTO freeze_cluster (freeze, cluster, told_ms, found)"
                      " VALUES (?1, ?2, 0, 1)"
                      " ON CONFLICT (freeze, cluster) DO UPDATE SET found = 1",
                      "tt", freeze, cluster);
}

static enum cm_rc put_query(struct hub_db *db, const char *freeze, const char *sql,
                            const char *name, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "t", name);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        rc = put_cluster(db, freeze, hub_stmt_text(stmt, 0), err);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static bool has_labels(const struct cm_label_selector *selector, const char *text) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *labels = NULL;
    struct cm_err ignored;

    return cm_json_parse(a, text, strlen(text), NULL, &labels, &ignored) == CM_OK &&
           cm_label_selector_match(selector, labels);
}

static enum cm_rc put_selected(struct hub_db *db, const char *freeze, const char *text,
                               struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_label_selector selector;
    enum cm_rc rc = cm_label_selector_parse(a, text, &selector, err);

    rc = rc < 0 ? rc : hub_db_query(db, &stmt, err, "SELECT name, labels FROM cluster", "");
    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        if (has_labels(&selector, hub_stmt_text(stmt, 1))) {
            rc = put_cluster(db, freeze, hub_stmt_text(stmt, 0), err);
        }
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc put_clusters(struct hub_db *db, const struct hub_freeze_row *row,
                               struct cm_err *err) {
    if (row->cluster[0] != '\0') {
        return put_cluster(db, row->name, row->cluster, err);
    }
    if (row->group[0] != '\0') {
        return put_query(db, row->name, "SELECT cluster FROM group_member WHERE grp = ?1",
                         row->group, err);
    }
    return row->selector[0] != '\0'
               ? put_selected(db, row->name, row->selector, err)
               : put_query(db, row->name,
                           "SELECT name FROM cluster UNION SELECT cluster FROM agent"
                           " WHERE state = 'active' AND ?1 = ''",
                           "", err);
}

enum cm_rc hub_freezes_resolve(struct hub_db *db, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_run(db, err, "UPDATE freeze_cluster SET found = 0", "");

    rc = rc < 0
             ? rc
             : hub_db_query(db, &stmt, err,
                            "SELECT " COLUMNS " FROM freeze WHERE ended_ms = 0 ORDER BY name", "");
    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct hub_freeze_row row = row_of(stmt);

        rc = put_clusters(db, &row, err);
    }
    rc = rc != CM_ENOTFOUND ? rc
                            : hub_db_run(db, err, "DELETE FROM freeze_cluster WHERE found = 0", "");
    return rc < 0 ? rc : past_resolve(db, cm_clock_unix_ms(), err);
}

enum cm_rc hub_freezes_told(struct hub_db *db, const char *name, const char *cluster,
                            int64_t now_ms, struct cm_err *err) {
    return hub_db_run(db, err,
                      "UPDATE freeze_cluster SET told_ms = ?3 WHERE freeze = ?1 AND cluster = ?2"
                      " AND told_ms = 0",
                      "tti", name, cluster, now_ms);
}

// ---- Reading

enum cm_rc hub_freezes_each(struct hub_db *db,
                            void (*visit)(void *ctx, const struct hub_freeze_row *row), void *ctx,
                            struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err, "SELECT " COLUMNS " FROM freeze ORDER BY name", "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct hub_freeze_row row = row_of(stmt);

        visit(ctx, &row);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_freezes_each_cluster(struct hub_db *db, const char *name,
                                    void (*visit)(void *ctx, const char *cluster), void *ctx,
                                    struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err, "SELECT cluster FROM freeze_cluster WHERE freeze = ?1 ORDER BY cluster",
        "t", name);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        visit(ctx, hub_stmt_text(stmt, 0));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}
