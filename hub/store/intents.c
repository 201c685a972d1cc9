#include "hub/store/intents.h"

#include <stdlib.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/store/db.h"

#define HOUR_MS ((int64_t)60 * 60 * 1000)
#define KEPT_MS (7 * 24 * HOUR_MS) // what is done or failed

// What a row counts as: the clusters of a Hold come one after the other, and it is one decision.
// But that its file was taken away, and is written once more, may go round in circles.
#define ONCE(KIND, CAUSE, ARGS, ID)                                                                \
    "iif(" KIND " = 'hold' AND " CAUSE " <> '' AND json_extract(" ARGS                             \
    ", '$.again') IS NULL, " CAUSE ", " ID ")"

static enum cm_rc check_rate(struct hub_db *db, const struct hub_intent_row *row, int64_t most,
                             struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err,
        "SELECT count(DISTINCT once) FROM (SELECT " ONCE(
            "kind", "cause", "args",
            "id") " AS once FROM intent WHERE app = ?1 AND automatic = 1 AND"
                  " made_ms > ?2) WHERE once <> " ONCE("?3", "?4", "?5", "?6"),
        "titttt", row->app, row->made_ms - HOUR_MS, row->kind, row->cause, row->args, row->id);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0) {
        return rc;
    }
    if (hub_stmt_int(stmt, 0) >= most) {
        return cm_fail(err, CM_EBUSY,
                       "%lld decisions about the App '%.100s' were written within an hour: nothing "
                       "more is written by itself until that is less",
                       (long long)hub_stmt_int(stmt, 0), row->app);
    }
    return CM_OK;
}

static enum cm_rc is_there(struct hub_db *db, const char *id, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, "SELECT 1 FROM intent WHERE id = ?1", "t", id);

    return rc < 0 ? rc : hub_stmt_next(stmt, err);
}

enum cm_rc hub_intents_add(struct hub_db *db, const struct hub_intent_row *row, int64_t most,
                           bool *out_new, struct cm_err *err) {
    enum cm_rc rc =
        hub_db_run(db, err, "DELETE FROM intent WHERE state != 'waiting' AND ended_ms < ?1", "i",
                   row->made_ms - KEPT_MS);

    rc = rc < 0 ? rc : is_there(db, row->id, err);
    if (rc != CM_ENOTFOUND) {
        *out_new = false;
        return rc;
    }
    if (row->automatic && check_rate(db, row, most, err) < 0) {
        return err->code;
    }
    rc = hub_db_run(db, err,
                    "INSERT INTO intent (id, repo, kind, app, cluster, cause, args, actor,"
                    " automatic, made_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                    "ttttttttii", row->id, row->repository, row->kind, row->app, row->cluster,
                    row->cause, row->args, row->actor, (int64_t)row->automatic, row->made_ms);
    *out_new = rc == CM_OK;
    return rc;
}

enum cm_rc hub_intents_each(struct hub_db *db,
                            void (*visit)(void *ctx, const struct hub_intent_row *row), void *ctx,
                            struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT id, repo, kind, app, cluster, cause, args, actor,"
                                 " automatic, made_ms, pull FROM intent WHERE state = 'waiting'"
                                 " ORDER BY number",
                                 "");

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        visit(ctx, &(struct hub_intent_row){.id = hub_stmt_text(stmt, 0),
                                            .repository = hub_stmt_text(stmt, 1),
                                            .kind = hub_stmt_text(stmt, 2),
                                            .app = hub_stmt_text(stmt, 3),
                                            .cluster = hub_stmt_text(stmt, 4),
                                            .cause = hub_stmt_text(stmt, 5),
                                            .args = hub_stmt_text(stmt, 6),
                                            .actor = hub_stmt_text(stmt, 7),
                                            .automatic = hub_stmt_int(stmt, 8) != 0,
                                            .made_ms = hub_stmt_int(stmt, 9),
                                            .pull = hub_stmt_int(stmt, 10)});
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

enum cm_rc hub_intents_end(struct hub_db *db, const char *id, const char *state,
                           const char *revision, const char *message, int64_t at_ms,
                           struct cm_err *err) {
    return hub_db_run(db, err,
                      "UPDATE intent SET state = ?2, revision = ?3, message = ?4, ended_ms = ?5"
                      " WHERE id = ?1",
                      "tttti", id, state, revision, message, at_ms);
}

enum cm_rc hub_intents_note(struct hub_db *db, const char *id, const char *message, int64_t pull,
                            struct cm_err *err) {
    return hub_db_run(db, err, "UPDATE intent SET message = ?2, pull = ?3 WHERE id = ?1", "tti", id,
                      message, pull);
}

void hub_located_done(struct hub_located *l) {
    free(l->repository);
    free(l->path);
    free(l->removal);
    *l = (struct hub_located){0};
}

enum cm_rc hub_intents_locate(struct hub_db *db, const char *app, const char *cluster,
                              struct hub_located *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        app != NULL
            ? hub_db_query(db, &stmt, err, "SELECT repo, path FROM app WHERE name = ?1", "t", app)
            : hub_db_query(db, &stmt, err, "SELECT repo, path FROM cluster WHERE name = ?1", "t",
                           cluster);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_ENOTFOUND) {
        return cm_fail(err, rc, "Git has no %s '%.80s'", app != NULL ? "App" : "cluster",
                       app != NULL ? app : cluster);
    }
    if (rc == CM_OK) {
        out->repository = cm_strdup(hub_stmt_text(stmt, 0));
        out->path = cm_strdup(hub_stmt_text(stmt, 1));
    }
    return rc;
}

#define WAITING_TOLD 10

// add_waiting adds what waits, of one App its removals, else the Apps. It tells whether anything
// does.
static bool add_waiting(struct hub_db *db, const char *app, struct cm_str *out) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_err ignored;
    enum cm_rc rc = hub_db_query(db, &stmt, &ignored,
                                 "SELECT DISTINCT iif(?1 IS NULL, app, waits) FROM pair"
                                 " WHERE waits <> '' AND (?1 IS NULL OR app = ?1) ORDER BY 1"
                                 " LIMIT ?2",
                                 "ti", app, (int64_t)WAITING_TOLD + 1);
    int count = 0;

    while (rc == CM_OK && (rc = hub_stmt_next(stmt, &ignored)) == CM_OK) {
        count++;
        cm_str_addf(out, "%s%s", count == 1 ? "" : ", ",
                    count > WAITING_TOLD ? "…" : hub_stmt_text(stmt, 0));
    }
    return count > 0;
}

static enum cm_rc fail_none(struct hub_db *db, const char *app, const char *removal,
                            struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str names = {0};
    bool any = add_waiting(db, NULL, &names);

    if (app == NULL) {
        return any ? cm_fail(err, CM_EINVAL, "name the App, removals of these wait: %s",
                             cm_str_get(&names))
                   : cm_fail(err, CM_ENOTFOUND, "no removal waits for a Confirmation");
    }
    return cm_fail(err, CM_ENOTFOUND,
                   "no%s removal of the App '%.80s' waits for a Confirmation%s%s",
                   removal != NULL ? " such" : "", app, any ? "; these have one that does: " : "",
                   cm_str_get(&names));
}

static enum cm_rc fail_several(struct hub_db *db, const char *app, struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str names = {0};

    (void)add_waiting(db, app, &names);
    return cm_fail(err, CM_EINVAL,
                   "several removals of the App '%.80s' wait: name one of %s, which 'holdfast get "
                   "problems' tells",
                   app, cm_str_get(&names));
}

enum cm_rc hub_intents_find_removal(struct hub_db *db, const char *app, const char *removal,
                                    struct hub_located *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        db, &stmt, err,
        "SELECT DISTINCT ifnull((SELECT repo FROM app WHERE name = ?1), repo), waits FROM pair"
        " WHERE app = ?1 AND waits != '' AND (?2 IS NULL OR waits = ?2)",
        "tt", app, removal);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_ENOTFOUND) {
        return fail_none(db, app, removal, err);
    }
    if (rc < 0) {
        return rc;
    }
    struct hub_located found = {.repository = cm_strdup(hub_stmt_text(stmt, 0)),
                                .removal = cm_strdup(hub_stmt_text(stmt, 1))};
    rc = hub_stmt_next(stmt, err);
    if (rc == CM_ENOTFOUND) {
        *out = found;
        return CM_OK;
    }
    hub_located_done(&found);
    return rc < 0 ? rc : fail_several(db, app, err);
}

enum cm_rc hub_intents_find_hold(struct hub_db *db, const char *app, const char *name,
                                 struct hub_located *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT max(repo), max(path), max(event) FROM hold"
                                 " WHERE app = ?1 AND retry = 0"
                                 " AND CASE WHEN ?2 IS NULL THEN in_force > 0 ELSE name = ?2 END"
                                 " GROUP BY name LIMIT 2",
                                 "tt", app, name);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_ENOTFOUND) {
        return cm_fail(err, rc, "no%s Hold keeps a release of the App '%.80s' out",
                       name != NULL ? " such" : "", app);
    }
    if (rc < 0) {
        return rc;
    }
    if (hub_stmt_text(stmt, 0)[0] == '\0') {
        return cm_fail(err, CM_EBUSY,
                       "the Hold of the App '%.80s' is not in Git yet: try again when 'holdfast "
                       "get holds -o wide' shows its file",
                       app);
    }
    struct hub_located found = {.repository = cm_strdup(hub_stmt_text(stmt, 0)),
                                .path = cm_strdup(hub_stmt_text(stmt, 1)),
                                .decided = hub_stmt_text(stmt, 2)[0] != '\0'};
    rc = hub_stmt_next(stmt, err);
    if (rc == CM_ENOTFOUND) {
        *out = found;
        return CM_OK;
    }
    hub_located_done(&found);
    return rc < 0 ? rc
                  : cm_fail(err, CM_EINVAL,
                            "several Holds of the App '%.80s' are in force: name one, as 'holdfast "
                            "get holds' does",
                            app);
}

static enum cm_rc find_document(struct hub_stmt *stmt, const char *kind, const char *name,
                                struct hub_located *out, struct cm_err *err) {
    enum cm_rc rc = hub_stmt_next(stmt, err);

    if (rc == CM_ENOTFOUND) {
        return cm_fail(err, rc, "there is no %s '%.80s'", kind, name);
    }
    if (rc == CM_OK) {
        out->repository = cm_strdup(hub_stmt_text(stmt, 0));
        out->path = cm_strdup(hub_stmt_text(stmt, 1));
    }
    return rc;
}

enum cm_rc hub_intents_find_ban(struct hub_db *db, const char *name, struct hub_located *out,
                                struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err, "SELECT repo, path FROM ban WHERE name = ?1", "t", name);

    return rc < 0 ? rc : find_document(stmt, "Ban", name, out, err);
}

// fail_site: what only an object on a cluster says ends there.
static enum cm_rc fail_site(struct hub_db *db, const char *name, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err,
                                 "SELECT cluster, said FROM site_exemption WHERE name = ?1"
                                 " AND git = 0 AND began_ms > 0 AND ended_ms = 0",
                                 "t", name);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    return rc == CM_OK
               ? cm_fail(err, CM_EINVAL,
                         "the Exemption '%.80s' is not in Git yet: delete the object '%.80s' "
                         "on cluster '%.80s', or wait until Git has it",
                         name, hub_stmt_text(stmt, 1), hub_stmt_text(stmt, 0))
               : rc;
}

enum cm_rc hub_intents_find_exemption(struct hub_db *db, const char *name, struct hub_located *out,
                                      struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc =
        hub_db_query(db, &stmt, err, "SELECT repo, path FROM exemption WHERE name = ?1", "t", name);
    struct cm_err site;

    rc = rc < 0 ? rc : find_document(stmt, "Exemption", name, out, err);
    if (rc == CM_ENOTFOUND && fail_site(db, name, &site) == CM_EINVAL) {
        *err = site;
    }
    return rc == CM_ENOTFOUND ? err->code : rc;
}
