// past_log_events.c: what of the log only events tell, folded by kind, App, who did it, and minute.
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/past/entries.h"
#include "hub/store/db.h"
#include "hub/store/past_lines_sql.h"
#include "hub/store/past_log.h"

#define DRIFTED "drifted"
#define NEAR_MS ((int64_t)60 * 1000)

// What the log calls them; in the SQL that finds them they stand, too (EVENT_IS_TOLD).
static const struct {
    const char *event;
    const char *kind;
} kinds[] = {
    {"drift.found", DRIFTED},
    {"hold.started", "hold"},
    {"hold.retried", "retry"},
    {"hold.void", "void"},
    {"hold.ended", "unhold"},
    {"ban.started", "ban"},
    {"ban.ended", "unban"},
    {"exemption.started", "exempted"},
    {"exemption.ended", "unexempted"},
    {"release.not_held", "not_held"},
    {"release.rollback", "rollback"},
    {"write.impossible", "not_written"},
    {"pull-request.opened", "pull_request"},
    {"pull-request.merged", "pull_request"},
    {"pull-request.closed", "pull_request"},
    {"agent.upgraded", "upgraded"},
};

static const char *kind_of(const char *event) {
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].event, event) == 0) {
            return kinds[i].kind;
        }
    }
    return "";
}

bool past_log_events_tell(const char *kind) {
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].kind, kind) == 0) {
            return strcmp(kind, DRIFTED) != 0;
        }
    }
    return false;
}

enum column { KIND, APP, KEY, REVISION, ACTOR, MESSAGE, AT, CLUSTER, REPO, NUMBER };

static const char *words_of(struct cm_arena *a, struct hub_stmt *stmt) {
    const char *key = hub_stmt_text(stmt, KEY);

    return cm_arena_strf(a, "%s%s%s", key, key[0] == '\0' ? "" : ": ",
                         hub_stmt_text(stmt, MESSAGE));
}

static const struct past_info *info_of(struct cm_arena *a, struct hub_stmt *stmt) {
    struct past_info *info = cm_arena_get(a, sizeof(*info));

    *info = (struct past_info){.app = "",
                               .revision = cm_arena_strdup(a, hub_stmt_text(stmt, REVISION)),
                               .repo = cm_arena_strdup(a, hub_stmt_text(stmt, REPO)),
                               .held = ""};
    info->release = info->revision;
    return info;
}

// What was changed by hand is told by whom it was, with the first of the changes; all else by its
// words.
static void add_event(struct past_log *l, struct hub_stmt *stmt, const char *kind) {
    struct cm_arena *a = l->read->arena;
    const char *words = words_of(a, stmt);
    const char *actor = cm_arena_strdup(a, hub_stmt_text(stmt, ACTOR));
    const struct past_log_row row = {
        .app = hub_stmt_text(stmt, APP),
        .axis = HUB_PAST_SEEN,
        .at_ms = hub_stmt_int(stmt, AT),
        .text = cm_arena_strf(a, "by %s %s", actor, strcmp(kind, DRIFTED) == 0 ? "" : words)};
    const struct hub_entry entry = {(uint32_t)hub_stmt_int(stmt, NUMBER), row.at_ms};
    struct past_action *action = past_log_find(l, &row, kind, info_of(a, stmt));

    action->more |= action->text != NULL && strcmp(action->text, words) != 0;
    action->text = action->text == NULL ? words : action->text;
    action->actor = actor;
    if (entry.cluster > 0) {
        past_log_add(l, action, &row, &entry);
    }
}

// What is of no cluster is told of the fleet as a whole, and of an App.
static bool is_asked(const struct past_log *l, struct hub_stmt *stmt) {
    const struct hub_entry entry = {(uint32_t)hub_stmt_int(stmt, NUMBER), hub_stmt_int(stmt, AT)};
    bool of_cluster = hub_stmt_text(stmt, CLUSTER)[0] != '\0';
    const struct hub_select *select = &l->scope->select;

    return of_cluster ? past_log_counts(l, &entry)
                      : entry.at_ms >= l->read->kept_from_ms &&
                            (select->target[0] == '\0' || select->app[0] != '\0');
}

// asked_json lists the events that are asked for.
static const char *asked_json(const struct past_log *l) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (l->kind[0] == '\0' || strcmp(l->kind, kinds[i].kind) == 0) {
            cm_str_addf(&text, "%s\"%s\"", text.len == 0 ? "" : ",", kinds[i].event);
        }
    }
    return cm_arena_strf(l->read->arena, "[%s]", cm_str_get(&text));
}

static enum cm_rc read_rows(struct past_log *l, struct hub_stmt *stmt, struct cm_err *err) {
    size_t most = l->count + l->limit + PAST_LOG_ACTIONS_MORE;
    enum cm_rc rc = CM_OK;

    for (size_t rows = 0; rc == CM_OK; rows++) {
        rc = hub_stmt_next(stmt, err);
        if (rc == CM_OK && past_log_is_enough(l, hub_stmt_int(stmt, AT), rows)) {
            break;
        }
        if (rc == CM_OK && (rows == PAST_LOG_ROWS_MAX || l->count > most)) {
            l->cut = true;
            break;
        }
        if (rc == CM_OK && is_asked(l, stmt)) {
            add_event(l, stmt, kind_of(hub_stmt_text(stmt, KIND)));
        }
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

#define EVENTS(INDEX, WHERE)                                                                       \
    "SELECT kind, app, key, revision, actor, message, " EVENT_AT ", cluster,"                      \
    " ifnull((SELECT repo FROM past_value v WHERE v.revision = event.revision LIMIT 1), ''),"      \
    " ifnull((SELECT number FROM past_cluster WHERE name = cluster), 0) FROM event"                \
    " INDEXED BY " INDEX " WHERE " EVENT_IS_TOLD " AND " WHERE " AND " EVENT_AT                    \
    " BETWEEN ?2 AND ?1 AND (?3 = '' OR app = ?3 OR (app = '' AND kind GLOB 'ban.*')) AND"         \
    " at_ms <= ?4 AND kind IN (SELECT value FROM json_each(?5)) ORDER BY " EVENT_AT " DESC"
static const char of_all[] = EVENTS("event_told", "?6 = ''");
// What is of no cluster is told of an App.
static const char of_few[] =
    EVENTS("event_told_cluster", "cluster IN (SELECT value FROM json_each(?6) UNION ALL"
                                 " SELECT '' WHERE ?3 <> '')");

static enum cm_rc read_events(struct past_log *l, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    const char *few = l->few;
    enum cm_rc rc = hub_db_query(l->read->db, &stmt, err, few[0] != '\0' ? of_few : of_all,
                                 "iititt", l->scope->when.at_ms, l->edge_ms, l->scope->select.app,
                                 past_log_heard_by(l), asked_json(l), few);

    return rc < 0 ? rc : read_rows(l, stmt, err);
}

// ---- What is told twice

static bool tells_of(const struct past_action *event, const struct past_action *verdict) {
    return event->actor != NULL && strcmp(event->kind, DRIFTED) == 0 &&
           strcmp(event->app, verdict->app) == 0 && event->from_ms <= verdict->to_ms + NEAR_MS &&
           event->to_ms >= verdict->from_ms - NEAR_MS;
}

// is_told tells whether events say of each cluster of it who changed what.
static bool is_told(const struct past_log *l, const struct past_action *verdict) {
    size_t size = l->read->count / 8 + 1;
    uint8_t *left = cm_arena_get(l->read->arena, size);
    uint8_t any = 0;

    memcpy(left, verdict->in_desired, size);
    for (const struct past_action *at = l->first; at != NULL; at = at->older) {
        for (size_t i = 0; tells_of(at, verdict) && i < size; i++) {
            left[i] &= (uint8_t)~at->in_desired[i];
        }
    }
    for (size_t i = 0; i < size; i++) {
        any |= left[i];
    }
    return any == 0;
}

enum cm_rc past_log_events(struct past_log *l, struct cm_err *err) {
    enum cm_rc rc = read_events(l, err);

    for (struct past_action *at = l->first; rc == CM_OK && at != NULL; at = at->older) {
        if (at->actor == NULL && strcmp(at->kind, DRIFTED) == 0) {
            at->told = is_told(l, at);
        }
    }
    for (const struct past_action *at = l->first; at != NULL; at = at->older) {
        l->count -= at->told ? 1 : 0;
    }
    return rc;
}
