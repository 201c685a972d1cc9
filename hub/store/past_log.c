// past_log.c: what happened, an item for each action over all clusters.
//
// Rows are read newest first. A row joins the action of the same App, kind and revision if that
// went on within GAP_MS; so a release that rolls through the fleet for an hour is one action, and
// one that is tried again the next day another.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/who.h"
#include "common/str.h"
#include "hub/past/entries.h"
#include "hub/store/db.h"
#include "hub/store/past_log.h"
#include "hub/store/past_read.h"

#define GAP_MS ((int64_t)30 * 60 * 1000) // of releases; of what happens to them a minute
#define SHORT_GAP_MS ((int64_t)60 * 1000)
#define FEW_MAX 32 // clusters

static const char *const verdicts[] = {"",       "healthy", "progressing", "degraded",
                                       "failed", "drifted", "suspended"};
#define VERDICTS (sizeof(verdicts) / sizeof(verdicts[0]))

static const char *kind_of(const struct past_log_row *row) {
    switch (row->axis) {
    case HUB_PAST_VERDICT:
        return row->value < VERDICTS ? verdicts[row->value] : "";
    case HUB_PAST_SEEN:
        return row->value != 0 ? "connected" : "disconnected";
    case HUB_PAST_IMAGES:
    case HUB_PAST_DIGESTS:
        return ""; // who changed what is told by events
    default:
        return row->value != 0 ? "release" : "removal";
    }
}

// What Git suspends is no release that nobody has done yet.
static const char *kind_with(const char *kind, const struct past_log_row *row,
                             const struct past_info *info) {
    return row->axis == HUB_PAST_DESIRED && info->suspended ? "suspend" : kind;
}

static bool is_asked(const struct past_log *l, const char *kind, const struct past_log_row *row) {
    if (l->releases) {
        return row->axis == HUB_PAST_DESIRED;
    }
    return kind[0] != '\0' &&
           (l->kind[0] != '\0' ? strcmp(kind, l->kind) == 0 : strcmp(kind, "progressing") != 0);
}

// may_be_asked tells the same before it is known what Git says of the bundle.
static bool may_be_asked(const struct past_log *l, const char *kind,
                         const struct past_log_row *row) {
    return is_asked(l, kind, row) ||
           (strcmp(l->kind, "suspend") == 0 && row->axis == HUB_PAST_DESIRED && row->value != 0);
}

// What controllers decided: kinds as they are on record.
static const char *const decisions[] = {"promoted", "rejected",  "failed_forward", "timed_out",
                                        "undone",   "restarted", "waiting"};

static const char *decision_kind(const char *verdict) {
    for (size_t i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++) {
        if (strcmp(verdict, decisions[i]) == 0) {
            return decisions[i];
        }
    }
    return "";
}

static int64_t gap_of(const char *kind, const struct past_info *info) {
    return info->value != 0 || strcmp(kind, PAST_LOG_SCALED) == 0 ? GAP_MS : SHORT_GAP_MS;
}

// Rows come newest first, so of the actions with a key only the one found last may go on.
struct past_action *past_log_find(struct past_log *l, const struct past_log_row *row,
                                  const char *kind, const struct past_info *info) {
    struct cm_arena *a = l->read->arena;
    const char *key = cm_arena_strf(a, "%s %s %s %s", kind, row->app, info->release, row->text);
    struct past_action *found = cm_map_get(l->last, key);

    if (found != NULL && found->from_ms - row->at_ms < gap_of(kind, info)) {
        return found;
    }
    found = cm_arena_get(a, sizeof(*found));
    *found = (struct past_action){.kind = kind,
                                  .app = cm_arena_strdup(a, row->app),
                                  .info = info,
                                  .in_desired = cm_arena_get(a, l->read->count / 8 + 1),
                                  .in_applied = cm_arena_get(a, l->read->count / 8 + 1),
                                  .from_ms = row->at_ms,
                                  .to_ms = row->at_ms};
    cm_map_put(l->last, key, found);
    *l->end = found;
    l->end = &found->older;
    l->count++;
    return found;
}

void past_log_add(struct past_log *l, struct past_action *action, const struct past_log_row *row,
                  const struct hub_entry *entry) {
    bool applied = row->axis == HUB_PAST_ACTUAL;
    uint8_t *in = (applied ? action->in_applied : action->in_desired) + entry->cluster / 8;
    uint8_t bit = (uint8_t)(1u << entry->cluster % 8);

    if ((*in & bit) == 0) {
        *in |= bit;
        past_fold_add(l->read, applied ? &action->applied : &action->desired, entry->cluster,
                      entry->at_ms);
    }
    action->from_ms = entry->at_ms < action->from_ms ? entry->at_ms : action->from_ms;
    action->to_ms = entry->at_ms > action->to_ms ? entry->at_ms : action->to_ms;
}

int64_t past_log_heard_by(const struct past_log *l) {
    return l->scope->when.known ? l->scope->when.at_ms : INT64_MAX;
}

// few_of lists those of a group by the names of its clusters. One that nothing is known of may be
// asked for by its own.
static const char *few_of(const struct past_log *l) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_arena *a = l->read->arena;
    struct cm_json *list = cm_json_new(a, CM_ARRAY);
    const char *target = l->scope->select.target;

    if (!l->scope->grouped && target[0] != '\0') {
        cm_json_append(list, cm_json_new_string(a, target));
    }
    for (size_t i = 0; l->scope->grouped && i < l->read->count && list->count <= FEW_MAX; i++) {
        if (l->scope->in[i] && l->read->names[i] != NULL) {
            cm_json_append(list, cm_json_new_string(a, l->read->names[i]));
        }
    }
    if (list->count > FEW_MAX || target[0] == '\0') {
        return "";
    }
    cm_json_write_compact(list, &text);
    return cm_arena_strdup(a, cm_str_get(&text));
}

bool past_log_counts(const struct past_log *l, const struct hub_entry *entry) {
    return entry->cluster < l->read->count && l->scope->in[entry->cluster] &&
           entry->at_ms <= l->scope->when.at_ms && entry->at_ms >= l->read->kept_from_ms;
}

static enum cm_rc add_entries(struct past_log *l, const struct past_log_row *row, const char *kind,
                              struct hub_entries walk, struct cm_err *err) {
    struct past_info *info;
    struct past_action *action = NULL;
    struct hub_entry entry;
    bool named = row->axis == HUB_PAST_DESIRED || row->axis == HUB_PAST_ACTUAL;
    enum cm_rc rc = past_info_find(l->read, named ? row->value : 0, &info, err);

    kind = rc == CM_OK ? kind_with(kind, row, info) : kind;
    if (rc < 0 || !is_asked(l, kind, row)) {
        return rc;
    }
    while (hub_entries_next(&walk, &entry)) {
        if (past_log_counts(l, &entry)) {
            action = action == NULL ? past_log_find(l, row, kind, info) : action;
            past_log_add(l, action, row, &entry);
        }
    }
    return rc;
}

// note_edge finds out, once there are enough actions, how far back their rows may reach.
static void note_edge(struct past_log *l) {
    int64_t earliest = INT64_MAX;
    const struct past_action *at = l->first;

    for (size_t i = 0; i < l->limit && at != NULL; i++, at = at->older) {
        earliest = at->from_ms < earliest ? at->from_ms : earliest;
    }
    l->edge_ms = l->count >= l->limit ? earliest - GAP_MS : INT64_MIN;
}

static enum cm_rc read_row(struct past_log *l, struct hub_stmt *stmt, struct cm_err *err) {
    const struct past_log_row row = {.text = "",
                                     .app = hub_stmt_text(stmt, 0),
                                     .axis = hub_stmt_int(stmt, 1),
                                     .value = (uint32_t)hub_stmt_int(stmt, 2),
                                     .at_ms = hub_stmt_int(stmt, 3)};
    const char *kind = kind_of(&row);
    size_t size;
    const uint8_t *bytes = hub_stmt_blob(stmt, 4, &size);

    return may_be_asked(l, kind, &row)
               ? add_entries(l, &row, kind, (struct hub_entries){bytes, bytes + size, row.at_ms},
                             err)
               : CM_OK;
}

bool past_log_is_enough(struct past_log *l, int64_t at_ms, size_t rows) {
    if (rows % 64 == 0) {
        note_edge(l);
    }
    return at_ms < l->edge_ms;
}

static enum cm_rc read_rows(struct past_log *l, struct hub_stmt *stmt, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    for (size_t rows = 0; rc == CM_OK && !l->cut; rows++) {
        rc = hub_stmt_next(stmt, err);
        if (rc < 0 || past_log_is_enough(l, hub_stmt_int(stmt, 3), rows)) {
            break;
        }
        rc = read_row(l, stmt, err);
        l->cut = rows == PAST_LOG_ROWS_MAX || l->count > l->limit + PAST_LOG_ACTIONS_MORE;
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// ---- What controllers decided

// decider_of returns who decided: the controller, if it was nobody else.
static const char *decider_of(struct cm_arena *a, const char *controller, const char *actor) {
    bool other = strcmp(actor, controller) != 0 && cm_who_else(a, actor)[0] != '\0';

    return cm_arena_strdup(a, other ? actor : controller);
}

static void add_decision(struct past_log *l, struct hub_stmt *stmt) {
    struct cm_arena *a = l->read->arena;
    const char *actor = decider_of(a, hub_stmt_text(stmt, 3), hub_stmt_text(stmt, 8));
    const char *text = cm_arena_strdup(a, hub_stmt_text(stmt, 4));
    const struct past_log_row row = {.app = hub_stmt_text(stmt, 0),
                                     .axis = HUB_PAST_DESIRED,
                                     .at_ms = hub_stmt_int(stmt, 5),
                                     .text = cm_arena_strf(a, "by %s %s", actor, text)};
    const struct hub_entry entry = {(uint32_t)hub_stmt_int(stmt, 6), row.at_ms};
    const char *kind = decision_kind(hub_stmt_text(stmt, 1));

    if (is_asked(l, kind, &row) && past_log_counts(l, &entry)) {
        struct past_info *info = cm_arena_get(a, sizeof(*info));

        *info = (struct past_info){.app = "",
                                   .revision = cm_arena_strdup(a, hub_stmt_text(stmt, 2)),
                                   .repo = cm_arena_strdup(a, hub_stmt_text(stmt, 7)),
                                   .held = ""};
        info->release = info->revision;
        struct past_action *action = past_log_find(l, &row, kind, info);
        action->actor = actor;
        action->text = text;
        past_log_add(l, action, &row, &entry);
    }
}

// Those of some clusters, which are few, of an App, or all have an index each; steps are not told.
#define DECISIONS_OF(WHERE)                                                                        \
    "SELECT app, verdict, r, controller, text, at_ms, ifnull((SELECT number FROM past_cluster"     \
    " WHERE name = cluster), 0), ifnull((SELECT repo FROM past_value WHERE revision = r"           \
    " LIMIT 1), ''), actor FROM (SELECT *, iif(verdict = 'promoted', good_revision, bad_revision)" \
    " AS r FROM decision WHERE " WHERE " AND +seen_ms <= ?3 AND NOT (verdict IN ('weight',"        \
    " 'started'))) ORDER BY at_ms DESC"
static const char decided_all[] = DECISIONS_OF("?4 = '' AND ?5 = '' AND at_ms BETWEEN ?2 AND ?1");
static const char decided_kind[] =
    DECISIONS_OF("?4 = '' AND (?5 = '' OR +app = ?5) AND verdict = ?6 AND at_ms BETWEEN ?2 AND ?1");
static const char decided_app[] = DECISIONS_OF("?4 = '' AND app = ?5 AND at_ms BETWEEN ?2 AND ?1");
static const char decided_few[] =
    DECISIONS_OF("cluster IN (SELECT value FROM json_each(?4)) AND (?5 = '' OR +app = ?5) AND "
                 "+at_ms BETWEEN ?2 AND ?1");

static enum cm_rc read_decisions(struct past_log *l, struct cm_err *err) {
    const char *app = l->scope->select.app;
    const char *few = l->few;
    const char *sql = few[0] != '\0'       ? decided_few
                      : l->kind[0] != '\0' ? decided_kind
                      : app[0] != '\0'     ? decided_app
                                           : decided_all;
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(l->read->db, &stmt, err, sql, "iiittt", l->scope->when.at_ms,
                                 l->edge_ms, past_log_heard_by(l), few, app, l->kind);

    for (size_t rows = 0; rc == CM_OK; rows++) {
        rc = hub_stmt_next(stmt, err);
        if (rc < 0 || past_log_is_enough(l, hub_stmt_int(stmt, 5), rows)) {
            break;
        }
        if (rows == PAST_LOG_ROWS_MAX) {
            l->cut = true;
            break;
        }
        add_decision(l, stmt);
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// ---- What was frozen

static void add_freeze_action(struct past_log *l, const struct past_freeze *f, bool ended) {
    static const struct past_info none = {.app = "", .revision = "", .release = "", .held = ""};
    struct cm_arena *a = l->read->arena;
    const char *kind = ended ? "unfrozen" : "frozen";
    const struct past_log_row row = {.app = f->app,
                                     .axis = HUB_PAST_SEEN,
                                     .at_ms = ended ? f->to_ms : f->from_ms,
                                     .text =
                                         ended ? past_thaw_words(a, f) : past_freeze_words(a, f)};
    struct past_action *action = NULL;
    bool asked = l->kind[0] == '\0' || strcmp(l->kind, kind) == 0;

    for (size_t i = 0; asked && i < l->read->count; i++) {
        const struct hub_entry entry = {(uint32_t)i, row.at_ms};

        if (f->on[i] && past_log_counts(l, &entry)) {
            action = action == NULL ? past_log_find(l, &row, kind, &none) : action;
            past_log_add(l, action, &row, &entry);
        }
    }
    if (action != NULL) {
        action->actor = ended ? f->ended_by : f->actor;
        action->text = row.text;
    }
}

static void add_freeze(void *ctx, const struct past_freeze *f) {
    add_freeze_action(ctx, f, false);
    if (f->to_ms != 0) {
        add_freeze_action(ctx, f, true);
    }
}

static enum cm_rc read_freezes(struct past_log *l, struct cm_err *err) {
    const struct hub_past_span span = {.from_ms = l->edge_ms, .to_ms = l->scope->when.at_ms};

    return past_frozen_each(l->read, &span, l->scope->select.app, add_freeze, l, err);
}

// ---- What sites allowed themselves

static void add_site(struct past_log *l, struct hub_stmt *stmt, bool ended) {
    static const struct past_info none = {.app = "", .revision = "", .release = "", .held = ""};
    struct cm_arena *a = l->read->arena;
    const char *kind = ended ? "unexempted" : "exempted";
    const char *field = hub_stmt_text(stmt, 3);
    const char *what = cm_arena_strf(a, "the site's '%s': %s%s%s", hub_stmt_text(stmt, 1),
                                     hub_stmt_text(stmt, 2), field[0] == '\0' ? "" : ", ", field);
    const struct past_log_row row = {
        .app = hub_stmt_text(stmt, 0),
        .axis = HUB_PAST_SEEN,
        .at_ms = hub_stmt_int(stmt, ended ? 8 : 7),
        .text = cm_arena_strf(a, "%s (%s)", what, hub_stmt_text(stmt, ended ? 6 : 4))};
    const struct hub_entry entry = {(uint32_t)hub_stmt_int(stmt, 9), row.at_ms};

    if (row.at_ms == 0 || (l->kind[0] != '\0' && strcmp(l->kind, kind) != 0) ||
        !past_log_counts(l, &entry)) {
        return;
    }
    struct past_action *action = past_log_find(l, &row, kind, &none);
    action->actor = cm_arena_strdup(a, hub_stmt_text(stmt, 5));
    action->text = row.text;
    past_log_add(l, action, &row, &entry);
}

static enum cm_rc read_sites(struct past_log *l, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(
        l->read->db, &stmt, err,
        "SELECT app, said, object, field, reason, iif(actor = '', manager, actor), message,"
        " began_ms, ended_ms, ifnull((SELECT number FROM past_cluster WHERE name = cluster), 0)"
        " FROM site_exemption WHERE began_ms > 0 AND began_ms <= ?1"
        " AND (ended_ms = 0 OR ended_ms >= ?2) AND (?3 = '' OR app = ?3) AND seen_ms <= ?4",
        "iiti", l->scope->when.at_ms, l->edge_ms, l->scope->select.app, past_log_heard_by(l));

    for (size_t rows = 0; rc == CM_OK && rows < PAST_LOG_ROWS_MAX; rows++) {
        rc = hub_stmt_next(stmt, err);
        if (rc == CM_OK) {
            add_site(l, stmt, false);
            add_site(l, stmt, true);
        }
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// ---- All of it

// An App of one's own has an index; all together are read in the order in which they came.
#define ROWS "SELECT app, axis, value, at_ms, entries FROM past_change"
#define UP_TO "at_ms <= ?1 AND seen_ms <= ?2 ORDER BY at_ms DESC"
static const char of_all[] = ROWS " WHERE ?3 = '' AND " UP_TO;
static const char of_app[] = ROWS " WHERE app = ?3 AND " UP_TO;
static const char of_releases[] = ROWS " WHERE ?3 = '' AND axis = 0 AND " UP_TO;
static const char of_releases_app[] = ROWS " WHERE app = ?3 AND axis = 0 AND " UP_TO;
static const char of_verdict[] =
    ROWS " WHERE axis = 2 AND value = ?4 AND (?3 = '' OR +app = ?3) AND " UP_TO;

// changes_of returns what finds the changes that may be asked for; NULL: none is.
static const char *changes_of(const struct past_log *l, uint32_t *verdict) {
    bool all = l->scope->select.app[0] == '\0';

    for (*verdict = 0; l->kind[0] != '\0' && *verdict < VERDICTS; ++*verdict) {
        if (strcmp(l->kind, verdicts[*verdict]) == 0) {
            return of_verdict;
        }
    }
    if (l->kind[0] != '\0' && (decision_kind(l->kind)[0] != '\0' || past_log_events_tell(l->kind) ||
                               strcmp(l->kind, PAST_LOG_SCALED) == 0)) {
        return NULL;
    }
    return l->releases ? (all ? of_releases : of_releases_app) : all ? of_all : of_app;
}

static enum cm_rc read_changes(struct past_log *l, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    uint32_t verdict = 0;
    const char *sql = changes_of(l, &verdict);

    if (sql == NULL) {
        return CM_OK;
    }
    enum cm_rc rc =
        hub_db_query(l->read->db, &stmt, err, sql, "iiti", l->scope->when.at_ms + GAP_MS,
                     past_log_heard_by(l), l->scope->select.app, (int64_t)verdict);
    return rc < 0 ? rc : read_rows(l, stmt, err);
}

static bool wants_scaled(const struct past_log *l) {
    return l->kind[0] == '\0' || strcmp(l->kind, PAST_LOG_SCALED) == 0;
}

static enum cm_rc read_log(struct past_log *l, struct cm_err *err) {
    l->last = cm_map_new(NULL);
    l->end = &l->first;
    l->few = few_of(l);
    enum cm_rc rc = read_changes(l, err);
    note_edge(l);
    rc = rc < 0 || l->releases ? rc : read_decisions(l, err);
    rc = rc < 0 || l->releases ? rc : read_freezes(l, err);
    rc = rc < 0 || l->releases ? rc : read_sites(l, err);
    rc = rc < 0 || l->releases ? rc : past_log_events(l, err);
    rc = rc < 0 || l->releases || !wants_scaled(l) ? rc : past_log_scaled(l, err);
    cm_map_freep(&l->last);
    return rc;
}

// ---- The answer

static int newest_first(const void *a, const void *b) {
    const struct past_action *left = *(struct past_action *const *)a;
    const struct past_action *right = *(struct past_action *const *)b;

    return left->to_ms == right->to_ms ? 0 : left->to_ms > right->to_ms ? -1 : 1;
}

static struct past_action **sorted(struct past_log *l) {
    struct past_action **list =
        cm_arena_get(l->read->arena, (l->count + 1) * sizeof(struct past_action *));
    size_t count = 0;

    for (struct past_action *at = l->first; at != NULL; at = at->older) {
        if (!at->told) {
            list[count++] = at;
        }
    }
    if (count > 0) {
        qsort(list, count, sizeof(*list), newest_first);
    }
    return list;
}

static enum cm_rc make_item(struct past_read *r, struct past_action *action, struct cm_json *list,
                            struct cm_err *err) {
    struct cm_json *item = cm_json_new(r->arena, CM_OBJECT);
    const struct past_info *info = action->info;
    bool committed = info->revision[0] != '\0';
    bool desired = action->desired.clusters > 0;
    struct past_fold fold = desired ? action->desired : action->applied;
    enum cm_rc rc = CM_OK;

    cm_json_set_string(r->arena, item, "kind", action->kind);
    cm_json_set_string(r->arena, item, "app", action->app);
    if (committed || info->value != 0) { // else it is of no release
        struct cm_json *images = NULL;

        rc = committed ? past_revision_set(r, item, info, err) : CM_OK;
        rc = rc < 0 ? rc : past_images_make(r, info->value, &images, err);
        cm_json_set(r->arena, item, "images", images);
    }
    if (action->actor != NULL) {
        cm_json_set_string(r->arena, item, "actor", action->actor);
        cm_json_set_string(r->arena, item, "text",
                           action->more ? cm_arena_strf(r->arena, "%s, and more", action->text)
                                        : action->text);
    }
    fold.from_ms = action->from_ms;
    fold.to_ms = action->to_ms;
    past_fold_set(r, &fold, item);
    cm_json_set_int(r->arena, item, "clusters", (int64_t)action->desired.clusters);
    cm_json_set_int(r->arena, item, "applied", (int64_t)action->applied.clusters);
    cm_json_append(list, item);
    return rc;
}

static enum cm_rc make_items(struct past_log *l, struct cm_json *answer, struct cm_err *err) {
    struct cm_json *list = cm_json_new(l->read->arena, CM_ARRAY);
    struct past_action **actions = sorted(l);
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < l->count && i < l->limit; i++) {
        rc = make_item(l->read, actions[i], list, err);
    }
    cm_json_set(l->read->arena, answer, "items", list);
    cm_json_set(l->read->arena, answer, "more",
                cm_json_new_bool(l->read->arena, l->cut || l->count > l->limit));
    return rc;
}

static size_t limit_of(const struct hub_past_ask *ask) {
    int64_t limit = ask->limit > 0 ? ask->limit : HUB_PAST_LOG_DEFAULT;

    return (size_t)(limit > HUB_PAST_LOG_MAX ? HUB_PAST_LOG_MAX : limit);
}

static enum cm_rc answer_log(struct past_read *r, struct cm_json *answer, struct cm_err *err) {
    struct hub_select select;
    struct past_scope scope = {0};
    struct past_log l = {.read = r,
                         .scope = &scope,
                         .kind = r->ask->kind == NULL ? "" : r->ask->kind,
                         .limit = limit_of(r->ask)};
    enum cm_rc rc = hub_select_parse(r->arena, r->ask->select, r->ask->now_ms, &select, err);

    rc = rc < 0 ? rc : past_scope_find(r, &select, &scope, err);
    rc = rc < 0 ? rc : read_log(&l, err);
    cm_json_set_int(r->arena, answer, "atMs", r->ask->now_ms);
    past_members_set(r, &scope, answer);
    if (r->kept_from_ms > 0) {
        cm_json_set_int(r->arena, answer, "keptFromMs", r->kept_from_ms);
    }
    rc = rc < 0 ? rc : past_gaps_set(r, &scope, answer, err);
    return rc < 0 ? rc : make_items(&l, answer, err);
}

enum cm_rc hub_past_log(struct hub_db *db, struct cm_arena *a, const struct hub_past_ask *ask,
                        struct cm_json **out, struct cm_err *err) {
    struct cm_json *answer = cm_json_new(a, CM_OBJECT);
    struct past_read r;
    enum cm_rc rc = past_read_begin(&r, db, a, ask, err);

    rc = rc < 0 ? rc : answer_log(&r, answer, err);
    past_read_end(&r);
    *out = answer;
    return rc;
}

enum cm_rc past_back_find(struct past_read *r, const struct past_scope *scope, int64_t *out_ms,
                          struct cm_err *err) {
    struct past_log l = {
        .read = r, .scope = scope, .kind = "", .releases = true, .limit = scope->select.back};
    enum cm_rc rc = read_log(&l, err);

    if (rc == CM_OK && l.count < l.limit) {
        return l.cut
                   ? cm_fail(err, CM_EINVAL, "too much happened to count so far back: give a time")
                   : cm_fail(err, CM_ENOTFOUND, "only %zu changes are known of '%.200s'%s", l.count,
                             r->ask->select, past_kept_words(r));
    }
    if (rc == CM_OK) {
        *out_ms = sorted(&l)[l.limit - 1]->from_ms - 1;
    }
    return rc;
}
