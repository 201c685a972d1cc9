// past_log_scaled.c: what autoscalers, and who else has replicas by right, did with them; a row for
// each App and hour over all clusters, or one for each thing that an agent told.
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "hub/past/entries.h"
#include "hub/past/scaling.h"
#include "hub/store/db.h"
#include "hub/store/past_lines_sql.h"
#include "hub/store/past_log.h"

#define HOUR_MS ((int64_t)60 * 60 * 1000)

enum column { APP, KEY, ACTOR, MESSAGE, AT, CLUSTER, NUMBER };

// told_as returns what tells a row from others.
static const char *told_as(const struct past_log *l, struct hub_stmt *stmt) {
    struct cm_arena *a = l->read->arena;

    return l->read->ask->expand
               ? cm_arena_strf(a, "of %lld", (long long)hub_stmt_int(stmt, NUMBER))
               : cm_arena_strf(a, "in %lld", (long long)(hub_stmt_int(stmt, AT) / HOUR_MS));
}

static void sum_up(const struct past_log *l, struct past_action *action, struct hub_stmt *stmt,
                   const struct hub_scaling *s) {
    struct cm_arena *a = l->read->arena;
    struct hub_scaling copy = *s;

    if (action->scaling == NULL) {
        action->scaling = cm_arena_get(a, sizeof(*action->scaling));
        action->actor = cm_arena_strdup(a, hub_stmt_text(stmt, ACTOR));
        action->key = cm_arena_strdup(a, hub_stmt_text(stmt, KEY));
    }
    copy.owner = action->scaling->count == 0 ? cm_arena_strdup(a, s->owner) : s->owner;
    hub_scaling_add(action->scaling, &copy);
}

static void add_event(struct past_log *l, struct hub_stmt *stmt) {
    static const struct past_info none = {.app = "", .revision = "", .release = "", .held = ""};
    const struct past_log_row row = {.app = hub_stmt_text(stmt, APP),
                                     .axis = HUB_PAST_SEEN,
                                     .at_ms = hub_stmt_int(stmt, AT),
                                     .text = told_as(l, stmt)};
    const struct hub_entry entry = {(uint32_t)hub_stmt_int(stmt, CLUSTER), row.at_ms};
    struct hub_scaling s;

    if (past_log_counts(l, &entry) && hub_scaling_read(hub_stmt_text(stmt, MESSAGE), &s)) {
        struct past_action *action = past_log_find(l, &row, PAST_LOG_SCALED, &none);

        sum_up(l, action, stmt, &s);
        past_log_add(l, action, &row, &entry);
    }
}

static enum cm_rc read_rows(struct past_log *l, struct hub_stmt *stmt, struct cm_err *err) {
    size_t most = l->count + l->limit + PAST_LOG_ACTIONS_MORE;
    enum cm_rc rc = CM_OK;

    for (size_t rows = 0; rc == CM_OK; rows++) {
        rc = hub_stmt_next(stmt, err);
        if (rc < 0 || past_log_is_enough(l, hub_stmt_int(stmt, AT), rows)) {
            break;
        }
        if (rows == PAST_LOG_ROWS_MAX || l->count > most) {
            l->cut = true;
            break;
        }
        add_event(l, stmt);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// What a row says of one workload it says with its name.
static void say(const struct past_log *l, struct past_action *action) {
    struct cm_arena *a = l->read->arena;
    const char *words = hub_scaling_sum_words(a, action->scaling);
    bool one = l->read->ask->expand && action->key[0] != '\0';

    action->text = one ? cm_arena_strf(a, "%s: %s", action->key, words) : words;
}

// Of some clusters and of all there is an index each.
#define SCALED(INDEX, WHERE)                                                                       \
    "SELECT app, key, actor, message, " EVENT_AT ", ifnull((SELECT number FROM past_cluster"       \
    " WHERE name = cluster), 0), number FROM event INDEXED BY " INDEX " WHERE " EVENT_IS_SCALED    \
    " AND " WHERE " AND " EVENT_AT " BETWEEN ?2 AND ?1 AND (?3 = '' OR app = ?3) AND at_ms <= ?4"  \
    " ORDER BY " EVENT_AT " DESC"
static const char scaled_all[] = SCALED("event_scaled", "?5 = ''");
static const char scaled_few[] =
    SCALED("event_scaled_cluster", "cluster IN (SELECT value FROM json_each(?5))");

enum cm_rc past_log_scaled(struct past_log *l, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    const char *few = l->few;
    enum cm_rc rc = hub_db_query(l->read->db, &stmt, err, few[0] != '\0' ? scaled_few : scaled_all,
                                 "iitit", l->scope->when.at_ms, l->edge_ms, l->scope->select.app,
                                 past_log_heard_by(l), few);

    rc = rc < 0 ? rc : read_rows(l, stmt, err);
    for (struct past_action *at = l->first; rc == CM_OK && at != NULL; at = at->older) {
        if (at->scaling != NULL) {
            say(l, at);
        }
    }
    return rc;
}
