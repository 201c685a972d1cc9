// query_causes.c: why Apps are not healthy on their clusters, equal causes counted together.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/store/cause.h"
#include "hub/store/db.h"
#include "hub/store/query.h"
#include "hub/store/query_build.h"
#include "hub/store/query_conditions.h"
#include "hub/store/query_details.h"
#include "hub/store/query_lists.h"

enum { CAUSES_MAX = 1000, TEXTS_MAX = 4000, ANSWERED_MAX = 20, EXAMPLES_MAX = 3, FAILED = 4 };

#define OTHERS "other causes, too many to tell apart"

struct cause {
    const char *state;
    const char *why; // as it reads where it was met first
    int64_t pairs;
    struct cm_json *examples;
};

struct causes {
    struct cm_arena *arena;
    const char *what;       // whose names the examples have: "app" or "cluster"; NULL: both
    struct cm_map *by_text; // as it was said: most say the same, and need no folding
    struct cm_map *by_form;
    struct cause *items;
    size_t count;
};

// The order of columns in `sql`.
enum { APP, CLUSTER, APPLIED, HEALTH, MESSAGE, HEALTH_MESSAGE };

// Those who say nothing have no cause to tell; the index status_tells has the others, and of an App
// they are fewer than its pairs.
static const char sql[] =
    "SELECT p.app, p.cluster, s.applied, s.health, s.message, s.health_message FROM status s"
    " %s pair p ON p.cluster = s.cluster AND p.app = s.app LEFT JOIN cluster c ON c.name ="
    " p.cluster WHERE (s.applied <> 3 OR s.health <> 2 OR s.message <> '' OR s.health_message <> "
    "'')"
    " AND NOT " WAS_HEALTHY "%s ORDER BY s.app, s.cluster";

static const char *state_of(struct hub_stmt *row) {
    int applied = (int)hub_stmt_int(row, APPLIED);

    return applied == FAILED ? hub_applied_name(applied)
                             : hub_health_name((int)hub_stmt_int(row, HEALTH));
}

static const char *why_of(struct hub_stmt *row) {
    const char *message = hub_stmt_text(row, MESSAGE);
    const char *health = hub_stmt_text(row, HEALTH_MESSAGE);
    bool failed = (int)hub_stmt_int(row, APPLIED) == FAILED;

    return (failed && message[0] != '\0') || health[0] == '\0' ? message : health;
}

static struct cause *fold(struct causes *all, const char *state, const char *why) {
    CM_CLEANUP(cm_str_done) struct cm_str form = {0};

    cm_str_addf(&form, "%s ", state);
    hub_cause_fold(why, &form);
    struct cause *known = cm_map_get(all->by_form, cm_str_get(&form));
    if (known != NULL) {
        return known;
    }
    bool room = all->count < CAUSES_MAX;
    struct cause *cause = &all->items[room ? all->count++ : CAUSES_MAX];
    if (cause->examples == NULL) {
        *cause = (struct cause){.state = cm_arena_strdup(all->arena, state),
                                .why = cm_arena_strdup(all->arena, room ? why : OTHERS),
                                .examples = cm_json_new(all->arena, CM_ARRAY)};
    }
    if (room) {
        cm_map_put(all->by_form, cm_str_get(&form), cause);
    }
    return cause;
}

static struct cause *cause_of(struct causes *all, const char *state, const char *why) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_str_addf(&text, "%s %s", state, why);
    struct cause *known = cm_map_get(all->by_text, cm_str_get(&text));
    if (known == NULL) {
        known = fold(all, state, why);
        if (cm_map_len(all->by_text) < TEXTS_MAX) {
            cm_map_put(all->by_text, cm_str_get(&text), known);
        }
    }
    return known;
}

static const char *name_of(const struct causes *all, struct hub_stmt *row) {
    if (all->what == NULL) {
        return cm_arena_strf(all->arena, "%s on %s", hub_stmt_text(row, APP),
                             hub_stmt_text(row, CLUSTER));
    }
    return hub_stmt_text(row, strcmp(all->what, "app") == 0 ? APP : CLUSTER);
}

static void take_row(struct causes *all, struct hub_stmt *row) {
    const char *why = why_of(row);

    if (why[0] == '\0') {
        return;
    }
    struct cause *cause = cause_of(all, state_of(row), why);
    cause->pairs++;
    if (cause->examples->count < EXAMPLES_MAX) {
        cm_json_append(cause->examples, cm_json_new_string(all->arena, name_of(all, row)));
    }
}

static int most_first(const void *left, const void *right) {
    const struct cause *a = left;
    const struct cause *b = right;

    if (a->pairs != b->pairs) {
        return a->pairs > b->pairs ? -1 : 1;
    }
    int order = strcmp(a->state, b->state);
    return order != 0 ? order : strcmp(a->why, b->why);
}

static struct cm_json *answer_of(struct causes *all) {
    struct cm_json *rows = cm_json_new(all->arena, CM_ARRAY);
    size_t count = all->count + (all->items[CAUSES_MAX].examples != NULL ? 1 : 0);

    qsort(all->items, count, sizeof(*all->items), most_first);
    for (size_t i = 0; i < count && i < ANSWERED_MAX; i++) {
        struct cm_json *row = cm_json_new(all->arena, CM_OBJECT);

        cm_json_set_int(all->arena, row, "pairs", all->items[i].pairs);
        cm_json_set_string(all->arena, row, "state", all->items[i].state);
        cm_json_set_string(all->arena, row, "why", all->items[i].why);
        cm_json_set(all->arena, row, "examples", all->items[i].examples);
        cm_json_append(rows, row);
    }
    return rows;
}

// build makes the conditions, and finds out what the rows differ in.
static enum cm_rc build(const struct hub_query *query, struct hub_build *b, struct causes *all,
                        struct cm_err *err) {
    const struct hub_list *list = hub_list_find(query->list);
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < query->param_count; i++) {
        const struct hub_query_param *p = &query->params[i];

        rc = hub_build_filter(b, hub_filters_find(list->filters, p->name), p->value, err);
        if (strcmp(p->name, "app") == 0) {
            all->what = "cluster";
        } else if (strcmp(p->name, "cluster") == 0) {
            all->what = "app";
        }
    }
    return rc;
}

enum cm_rc hub_query_causes(struct hub_db *db, struct cm_arena *a, const struct hub_query *query,
                            struct cm_json **out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    CM_CLEANUP(hub_build_done) struct hub_build b = {.arena = a};
    CM_CLEANUP(cm_map_freep) struct cm_map *by_text = cm_map_new(NULL);
    CM_CLEANUP(cm_map_freep) struct cm_map *by_form = cm_map_new(NULL);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct causes all = {.arena = a,
                         .by_text = by_text,
                         .by_form = by_form,
                         .items = cm_arena_get(a, (CAUSES_MAX + 1) * sizeof(struct cause))};
    enum cm_rc rc = build(query, &b, &all, err);

    bool of_app = all.what != NULL && strcmp(all.what, "cluster") == 0;
    cm_str_addf(&text, sql, of_app ? "CROSS JOIN" : "JOIN", cm_str_get(&b.where));
    rc = rc < 0 ? rc : hub_db_query_texts(db, &stmt, err, cm_str_get(&text), b.values, b.count);
    while (rc == CM_OK && (rc = hub_stmt_next(stmt, err)) == CM_OK) {
        take_row(&all, stmt);
    }
    if (rc != CM_ENOTFOUND) {
        return rc;
    }
    *out = answer_of(&all);
    return CM_OK;
}
