#include "hub/store/desired.h"

#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "hub/store/blobs.h"
#include "hub/store/db.h"
#include "hub/store/groups.h"

enum cm_rc hub_desired_put_manifest(struct hub_db *db, const struct hub_manifest_row *row,
                                    struct cm_err *err) {
    static const char sql[] = "INSERT OR REPLACE INTO manifest"
                              " (cluster, epoch, generation, sha256, bytes)"
                              " VALUES (?1, ?2, ?3, ?4, ?5)";

    return hub_db_run(db, err, sql, "tiibb", row->cluster, (int64_t)row->epoch,
                      (int64_t)row->generation, row->sha256.bytes, sizeof(row->sha256.bytes),
                      row->bytes->data, row->bytes->size);
}

enum cm_rc hub_desired_put_pair(struct hub_db *db, const struct hub_pair_row *row,
                                struct cm_err *err) {
    static const char sql[] = "INSERT OR REPLACE INTO pair (cluster, app, bundle, repo, revision,"
                              " generation, objects, suspend, stale, waits, held)"
                              " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

    return hub_db_run(db, err, sql, "ttbttiiiitt", row->cluster, row->app, row->bundle.bytes,
                      sizeof(row->bundle.bytes), row->repo, row->revision, (int64_t)row->generation,
                      (int64_t)row->objects, (int64_t)row->suspend, (int64_t)row->stale,
                      row->waits != NULL ? row->waits : "", row->held != NULL ? row->held : "");
}

enum cm_rc hub_desired_put_begins(struct hub_db *db, const char *cluster, const char *app,
                                  const char *needs, struct cm_err *err) {
    return needs == NULL
               ? hub_db_run(db, err, "DELETE FROM beginning WHERE cluster = ?1 AND app = ?2", "tt",
                            cluster, app)
               : hub_db_run(db, err,
                            "INSERT OR REPLACE INTO beginning (cluster, app, needs)"
                            " VALUES (?1, ?2, ?3)",
                            "ttt", cluster, app, needs);
}

enum cm_rc hub_desired_remove_pair(struct hub_db *db, const char *cluster, const char *app,
                                   struct cm_err *err) {
    return hub_db_run(db, err, "DELETE FROM pair WHERE cluster = ?1 AND app = ?2", "tt", cluster,
                      app);
}

enum cm_rc hub_desired_forget_cluster(struct hub_db *db, const char *cluster, struct cm_err *err) {
    enum cm_rc rc = hub_db_run(db, err, "DELETE FROM pair WHERE cluster = ?1", "t", cluster);

    rc = rc < 0 ? rc : hub_groups_forget(db, cluster, "", err);
    rc =
        rc < 0 ? rc : hub_db_run(db, err, "DELETE FROM beginning WHERE cluster = ?1", "t", cluster);
    return rc < 0 ? rc
                  : hub_db_run(db, err, "DELETE FROM manifest WHERE cluster = ?1", "t", cluster);
}

enum cm_rc hub_desired_forget_unknown(struct hub_db *db, struct cm_err *err) {
    enum cm_rc rc =
        hub_db_run(db, err, "DELETE FROM pair WHERE cluster NOT IN (SELECT name FROM cluster)", "");

    rc = rc < 0
             ? rc
             : hub_db_run(db, err,
                          "DELETE FROM beginning WHERE cluster NOT IN (SELECT name FROM cluster)",
                          "");
    return rc < 0
               ? rc
               : hub_db_run(db, err,
                            "DELETE FROM manifest WHERE cluster NOT IN (SELECT name FROM cluster)",
                            "");
}

enum cm_rc hub_desired_put_blob(struct hub_db *db, const struct cm_sha256 *sha256,
                                const void *bytes, size_t size, struct cm_err *err) {
    enum cm_rc rc =
        hub_db_run(db, err, "INSERT OR IGNORE INTO blob (sha256, bytes) VALUES (?1, ?2)", "bb",
                   sha256->bytes, sizeof(sha256->bytes), bytes, size);

    return rc < 0 ? rc : hub_blobs_note(db, sha256, err);
}

enum cm_rc hub_desired_find_blob(struct hub_db *db, const struct cm_sha256 *sha256,
                                 struct cm_buf **out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, "SELECT bytes FROM blob WHERE sha256 = ?1", "b",
                                 sha256->bytes, sizeof(sha256->bytes));
    size_t size;

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0) {
        return rc;
    }
    const void *bytes = hub_stmt_blob(stmt, 0, &size);
    *out = cm_buf_copy(bytes, size);
    return CM_OK;
}

static void visit_manifest(struct hub_stmt *stmt,
                           void (*visit)(void *ctx, const struct hub_manifest_row *row),
                           void *ctx) {
    size_t size;
    const void *bytes = hub_stmt_blob(stmt, 3, &size);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *copy = cm_buf_copy(bytes, size);
    struct hub_manifest_row row = {
        .cluster = hub_stmt_text(stmt, 0),
        .epoch = (uint64_t)hub_stmt_int(stmt, 1),
        .generation = (uint64_t)hub_stmt_int(stmt, 2),
        .sha256 = cm_sha256(copy->data, copy->size),
        .bytes = copy,
    };

    visit(ctx, &row);
}

enum cm_rc hub_desired_each_manifest(struct hub_db *db,
                                     void (*visit)(void *ctx, const struct hub_manifest_row *row),
                                     void *ctx, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err, "SELECT cluster, epoch, generation, bytes FROM manifest", "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        visit_manifest(stmt, visit, ctx);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_documents_begin(struct hub_db *db, struct cm_err *err) {
    static const char *const clear[] = {"DELETE FROM cluster",      "DELETE FROM cluster_group",
                                        "DELETE FROM group_member", "DELETE FROM app",
                                        "DELETE FROM confirmation", "DELETE FROM hold",
                                        "DELETE FROM ban",          "DELETE FROM exemption"};
    // Nothing leaves Git by being written anew: what still says so at the end has left it.
    enum cm_rc rc = hub_db_run(db, err, "UPDATE site_exemption SET git = -1 WHERE git = 1", "");

    for (size_t i = 0; rc == CM_OK && i < sizeof(clear) / sizeof(clear[0]); i++) {
        rc = hub_db_run(db, err, clear[i], "");
    }
    return rc;
}

enum cm_rc hub_documents_end(struct hub_db *db, struct cm_err *err) {
    return hub_db_run(db, err, "UPDATE site_exemption SET git = 2 WHERE git = -1", "");
}

enum cm_rc hub_documents_put_hold(struct hub_db *db, const struct hub_hold_row *row,
                                  struct cm_err *err) {
    static const char sql[] =
        "INSERT OR REPLACE INTO hold (key, name, app, repo, path, rejected, restored, controller,"
        " object, text, at_ms, event, clusters, in_force, retry)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";

    return hub_db_run(db, err, sql, "ttttttttttittii", row->key, row->name, row->app, row->repo,
                      row->path, row->rejected, row->restored, row->controller, row->object,
                      row->text, row->at_ms, row->event, row->clusters, row->in_force,
                      (int64_t)row->retry);
}

enum cm_rc hub_documents_find_hold_event(struct hub_db *db, const struct hub_hold_row *row,
                                         bool *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT 1 FROM event WHERE kind = 'hold.started' AND key = ?1 AND"
                                 " app = ?2 LIMIT 1",
                                 "tt", row->path, row->app);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    *out = rc == CM_OK;
    return CM_OK;
}

enum cm_rc hub_documents_remove_hold(struct hub_db *db, const char *key, struct cm_err *err) {
    return hub_db_run(db, err, "DELETE FROM hold WHERE key = ?1", "t", key);
}

enum cm_rc hub_documents_put_ban(struct hub_db *db, const struct hub_ban_row *row,
                                 struct cm_err *err) {
    static const char sql[] = "INSERT OR REPLACE INTO ban (name, app, repo, path, images, reason)"
                              " VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

    return hub_db_run(db, err, sql, "tttttt", row->name, row->app, row->repo, row->path,
                      row->images, row->reason);
}

enum cm_rc hub_documents_remove_ban(struct hub_db *db, const char *name, struct cm_err *err) {
    return hub_db_run(db, err, "DELETE FROM ban WHERE name = ?1", "t", name);
}

enum cm_rc hub_documents_put_exemption(struct hub_db *db, const struct hub_exemption_row *row,
                                       struct cm_err *err) {
    static const char sql[] =
        "INSERT OR REPLACE INTO exemption (name, app, repo, path, clusters, object, field, reason,"
        " actor, until_ms, site) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

    return hub_db_run(db, err, sql, "tttttttttit", row->name, row->app, row->repo, row->path,
                      row->clusters, row->object, row->field, row->reason, row->actor,
                      row->until_ms, row->site);
}

enum cm_rc hub_documents_remove_exemption(struct hub_db *db, const char *name, struct cm_err *err) {
    return hub_db_run(db, err, "DELETE FROM exemption WHERE name = ?1", "t", name);
}

enum cm_rc hub_documents_put_cluster(struct hub_db *db, const char *name, const char *labels_json,
                                     bool suspend, const char *repo, const char *path,
                                     struct cm_err *err) {
    static const char sql[] = "INSERT OR REPLACE INTO cluster (name, labels, suspend, repo, path)"
                              " VALUES (?1, ?2, ?3, ?4, ?5)";

    return hub_db_run(db, err, sql, "ttitt", name, labels_json, (int64_t)suspend, repo, path);
}

enum cm_rc hub_documents_put_group(struct hub_db *db, const char *name, const char *repo,
                                   const char *path, struct cm_err *err) {
    static const char sql[] = "INSERT OR REPLACE INTO cluster_group (name, repo, path)"
                              " VALUES (?1, ?2, ?3)";

    return hub_db_run(db, err, sql, "ttt", name, repo, path);
}

enum cm_rc hub_documents_put_member(struct hub_db *db, const char *group, const char *cluster,
                                    struct cm_err *err) {
    return hub_db_run(db, err, "INSERT OR REPLACE INTO group_member (grp, cluster) VALUES (?1, ?2)",
                      "tt", group, cluster);
}

enum cm_rc hub_documents_remove_cluster(struct hub_db *db, const char *name, struct cm_err *err) {
    return hub_db_run(db, err, "DELETE FROM cluster WHERE name = ?1", "t", name);
}

enum cm_rc hub_documents_remove_group(struct hub_db *db, const char *name, struct cm_err *err) {
    enum cm_rc rc = hub_db_run(db, err, "DELETE FROM group_member WHERE grp = ?1", "t", name);

    return rc < 0 ? rc
                  : hub_db_run(db, err, "DELETE FROM cluster_group WHERE name = ?1", "t", name);
}

enum cm_rc hub_documents_remove_member(struct hub_db *db, const char *group, const char *cluster,
                                       struct cm_err *err) {
    return hub_db_run(db, err, "DELETE FROM group_member WHERE grp = ?1 AND cluster = ?2", "tt",
                      group, cluster);
}

enum cm_rc hub_documents_remove_app(struct hub_db *db, const char *name, struct cm_err *err) {
    enum cm_rc rc = hub_db_run(db, err, "DELETE FROM app WHERE name = ?1", "t", name);

    return rc < 0 ? rc : hub_groups_put(db, name, NULL, NULL, err);
}

enum cm_rc hub_documents_put_app(struct hub_db *db, const struct hub_app_row *row,
                                 struct cm_err *err) {
    static const char sql[] =
        "INSERT OR REPLACE INTO app (name, repo, path, namespace, drift,"
        " prune, suspend, depends_on, reverts, goes_back, capture, holds_undo) VALUES (?1, ?2, ?3,"
        " ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

    enum cm_rc rc =
        hub_db_run(db, err, sql, "tttttiitiiti", row->name, row->repo, row->path, row->namespace,
                   row->drift, (int64_t)row->prune, (int64_t)row->suspend, row->depends_on,
                   (int64_t)row->reverts, (int64_t)row->goes_back,
                   row->capture != NULL ? row->capture : "", (int64_t)row->holds_undo);

    return rc < 0 ? rc : hub_groups_put(db, row->name, row->release_group, row->on_reject, err);
}

enum cm_rc hub_documents_put_used(struct hub_db *db, const char *confirmation, const char *removal,
                                  struct cm_err *err) {
    return hub_db_run(db, err,
                      "INSERT OR REPLACE INTO confirmation (name, removal) VALUES (?1, ?2)", "tt",
                      confirmation, removal);
}

enum cm_rc hub_documents_remove_used(struct hub_db *db, const char *confirmation,
                                     struct cm_err *err) {
    return hub_db_run(db, err, "DELETE FROM confirmation WHERE name = ?1", "t", confirmation);
}

// The ids of a list with spaces are cut out of it in SQL.
static enum cm_rc add_passed(struct hub_db *db, const struct hub_revision_row *row,
                             struct cm_err *err) {
    static const char sql[] =
        "WITH RECURSIVE one (id, rest) AS (SELECT '', ?4 UNION ALL"
        " SELECT substr(rest, 1, instr(rest, ' ') - 1), substr(rest, instr(rest, ' ') + 1)"
        " FROM one WHERE rest <> '')"
        "INSERT OR REPLACE INTO passed (repo, id, tip, at_ms)"
        " SELECT ?1, id, ?2, ?3 FROM one WHERE id <> ''";

    return row->passed == NULL || row->passed[0] == '\0'
               ? CM_OK
               : hub_db_run(db, err, sql, "ttit", row->repo, row->id, row->resolved_ms,
                            row->passed);
}

enum cm_rc hub_revisions_add(struct hub_db *db, const struct hub_revision_row *row,
                             struct cm_err *err) {
    static const char sql[] =
        "INSERT OR REPLACE INTO revision (repo, id, author, subject, committed_ms, resolved_ms,"
        " clusters, problems) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    enum cm_rc rc = hub_db_run(db, err, sql, "ttttiiii", row->repo, row->id, row->author,
                               row->subject, row->committed_ms, row->resolved_ms,
                               (int64_t)row->clusters, (int64_t)row->problems);

    return rc < 0 ? rc : add_passed(db, row, err);
}

#define PASSED_MAX INT64_C(100000)

enum cm_rc hub_revisions_keep(struct hub_db *db, int64_t since_ms, struct cm_err *err) {
    return hub_db_run(db, err,
                      "DELETE FROM passed WHERE at_ms < max(?1, ifnull((SELECT at_ms FROM passed"
                      " ORDER BY at_ms DESC LIMIT 1 OFFSET ?2), 0))",
                      "ii", since_ms, PASSED_MAX);
}

enum cm_rc hub_problems_begin(struct hub_db *db, struct cm_err *err) {
    return hub_db_run(db, err, "DELETE FROM problem", "");
}

enum cm_rc hub_problems_put(struct hub_db *db, const struct hub_problem_row *row,
                            struct cm_err *err) {
    static const char sql[] = "INSERT INTO problem (repo, path, line, col, message, app, cluster,"
                              " clusters, revision) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

    return hub_db_run(db, err, sql, "ttiitttit", row->repo, row->path, (int64_t)row->line,
                      (int64_t)row->column, row->message, row->app, row->cluster,
                      (int64_t)row->clusters, row->revision);
}

// ---- Reading it back

enum cm_rc hub_desired_each_pair(struct hub_db *db, const char *cluster,
                                 void (*visit)(void *ctx, const struct hub_pair_row *row),
                                 void *ctx, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err,
        "SELECT p.app, p.repo, p.stale, p.waits, p.held, ifnull(b.needs, '') FROM pair p"
        " LEFT JOIN beginning b ON b.cluster = p.cluster AND b.app = p.app"
        " WHERE p.cluster = ?1 ORDER BY p.app",
        "t", cluster);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        visit(ctx, &(struct hub_pair_row){.cluster = cluster,
                                          .app = hub_stmt_text(stmt, 0),
                                          .repo = hub_stmt_text(stmt, 1),
                                          .stale = hub_stmt_int(stmt, 2) != 0,
                                          .waits = hub_stmt_text(stmt, 3),
                                          .held = hub_stmt_text(stmt, 4),
                                          .begins = hub_stmt_text(stmt, 5)});
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_desired_each_of_app(struct hub_db *db, const char *app,
                                   void (*visit)(void *ctx, const struct hub_pair_row *row),
                                   void *ctx, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err,
        "SELECT cluster, bundle, revision FROM pair WHERE app = ?1 ORDER BY cluster", "t", app);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        struct hub_pair_row row = {
            .cluster = hub_stmt_text(stmt, 0), .app = app, .revision = hub_stmt_text(stmt, 2)};
        size_t size;
        const void *bundle = hub_stmt_blob(stmt, 1, &size);

        if (size == sizeof(row.bundle.bytes)) {
            memcpy(row.bundle.bytes, bundle, size);
            visit(ctx, &row);
        }
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_documents_each_app(struct hub_db *db,
                                  void (*visit)(void *ctx, const char *name, const char *repo),
                                  void *ctx, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, "SELECT name, repo FROM app", "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        visit(ctx, hub_stmt_text(stmt, 0), hub_stmt_text(stmt, 1));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_documents_each_used(struct hub_db *db,
                                   void (*visit)(void *ctx, const char *confirmation,
                                                 const char *removal),
                                   void *ctx, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, "SELECT name, removal FROM confirmation", "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        visit(ctx, hub_stmt_text(stmt, 0), hub_stmt_text(stmt, 1));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_documents_each_cluster(struct hub_db *db, const char *first, size_t most,
                                      void (*visit)(void *ctx, const char *name), void *ctx,
                                      struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err, "SELECT name FROM cluster ORDER BY name = ?1 DESC LIMIT ?2",
                     "ti", first, (int64_t)most);

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        visit(ctx, hub_stmt_text(stmt, 0));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_revisions_each_newest(struct hub_db *db,
                                     void (*visit)(void *ctx, const char *repo, const char *id,
                                                   bool in_use),
                                     void *ctx, struct cm_err *err) {
    static const char sql[] =
        "WITH used AS (SELECT repo FROM app UNION SELECT repo FROM cluster"
        " UNION SELECT repo FROM cluster_group)"
        " SELECT repo, id, repo IN (SELECT repo FROM used) FROM revision WHERE number IN"
        " (SELECT max(number) FROM revision GROUP BY repo)";
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        visit(ctx, hub_stmt_text(stmt, 0), hub_stmt_text(stmt, 1), hub_stmt_int(stmt, 2) != 0);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_problems_each(struct hub_db *db,
                             void (*visit)(void *ctx, const struct hub_problem_row *row), void *ctx,
                             struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err, "SELECT repo, path, message, app, cluster, revision FROM problem", "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        visit(ctx, &(struct hub_problem_row){.repo = hub_stmt_text(stmt, 0),
                                             .path = hub_stmt_text(stmt, 1),
                                             .message = hub_stmt_text(stmt, 2),
                                             .app = hub_stmt_text(stmt, 3),
                                             .cluster = hub_stmt_text(stmt, 4),
                                             .revision = hub_stmt_text(stmt, 5)});
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}
