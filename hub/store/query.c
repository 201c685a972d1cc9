#include "hub/store/query.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/store/db.h"
#include "hub/store/query_lists.h"
#include "hub/store/selector.h"

#define VALUES_MAX 256
#define CURSOR_MAX 4096
#define NUMBER_MAX 18 // digits

// A query on its way to SQL: text and values grow together, so that values are only ever bound.
struct builder {
    struct cm_arena *arena;
    const struct hub_list *list;
    struct cm_str sql;
    const char *values[VALUES_MAX];
    size_t count;
    size_t limit;
};

static enum cm_rc add_value(struct builder *b, const char *value, struct cm_err *err) {
    if (b->count == VALUES_MAX) {
        return cm_fail(err, CM_EINVAL, "selector: too many values");
    }
    b->values[b->count++] = value;
    return CM_OK;
}

bool hub_query_has(const char *list) {
    return hub_list_find(list) != NULL;
}

// ---- Filters

static const char *label_condition(const struct hub_label_term *term) {
    switch (term->op) {
    case HUB_LABEL_IN:
        return " AND json_extract(c.labels, ?) IN (";
    case HUB_LABEL_NOT_IN:
        return " AND ifnull(json_extract(c.labels, ?), char(0)) NOT IN (";
    case HUB_LABEL_EXISTS:
        return " AND json_extract(c.labels, ?) IS NOT NULL";
    default:
        return " AND json_extract(c.labels, ?) IS NULL";
    }
}

static enum cm_rc add_term(struct builder *b, const struct hub_label_term *term,
                           struct cm_err *err) {
    enum cm_rc rc = add_value(b, cm_arena_strf(b->arena, "$.\"%s\"", term->key), err);

    cm_str_add(&b->sql, label_condition(term));
    for (size_t i = 0; rc == CM_OK && i < term->value_count; i++) {
        cm_str_add(&b->sql, i == 0 ? "?" : ", ?");
        rc = add_value(b, term->values[i], err);
    }
    cm_str_add(&b->sql, term->value_count > 0 ? ")" : "");
    return rc;
}

static enum cm_rc add_selector(struct builder *b, const char *text, struct cm_err *err) {
    struct hub_label_selector selector;
    enum cm_rc rc = hub_label_selector_parse(b->arena, text, &selector, err);

    for (size_t i = 0; rc == CM_OK && i < selector.count; i++) {
        rc = add_term(b, &selector.terms[i], err);
    }
    return rc;
}

static bool is_number(const char *text) {
    size_t len = strnlen(text, NUMBER_MAX + 1);

    return len > 0 && len <= NUMBER_MAX && strspn(text, "0123456789") == len;
}

static enum cm_rc fail_state(const char *value, struct cm_err *err) {
    return cm_fail(err, CM_EINVAL,
                   "state: '%.40s' is none of not-applied, failed, not-healthy, drifted", value);
}

static enum cm_rc add_filter(struct builder *b, const struct hub_filter *filter, const char *value,
                             struct cm_err *err) {
    if (filter->kind == HUB_FILTER_SELECTOR) {
        return add_selector(b, value, err);
    }
    if (filter->kind == HUB_FILTER_STATE) {
        const char *condition = hub_state_condition(value);

        if (condition == NULL) {
            return fail_state(value, err);
        }
        cm_str_addf(&b->sql, " AND %s", condition);
        return CM_OK;
    }
    if (filter->kind == HUB_FILTER_NUMBER && !is_number(value)) {
        return cm_fail(err, CM_EINVAL, "%s: '%.40s' is not a number", filter->name, value);
    }
    cm_str_addf(&b->sql, " AND %s", filter->condition);
    return add_value(b, value, err);
}

static const struct hub_filter *find_filter(const struct hub_list *list, const char *name) {
    for (const struct hub_filter *f = list->filters; f->name != NULL; f++) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

static enum cm_rc fail_param(const struct hub_list *list, const char *name, struct cm_err *err) {
    const char *names[HUB_QUERY_PARAMS_MAX] = {"limit", "cursor"};
    size_t count = 2;

    for (const struct hub_filter *f = list->filters; f->name != NULL; f++) {
        names[count++] = f->name;
    }
    const char *nearest = cm_str_nearest(name, names, count);
    if (nearest == NULL) {
        return cm_fail(err, CM_EINVAL, "'%.80s' is no parameter of %s", name, list->name);
    }
    return cm_fail(err, CM_EINVAL, "'%.80s' is no parameter of %s; did you mean '%s'?", name,
                   list->name, nearest);
}

static enum cm_rc set_limit(struct builder *b, const char *text, struct cm_err *err) {
    long limit = is_number(text) ? strtol(text, NULL, 10) : 0;

    if (limit < 1 || limit > HUB_QUERY_LIMIT_MAX) {
        return cm_fail(err, CM_EINVAL, "limit: '%.40s' is not a number from 1 to %d", text,
                       HUB_QUERY_LIMIT_MAX);
    }
    b->limit = (size_t)limit;
    return CM_OK;
}

// ---- Cursors: the sort columns of the last row, as a JSON array in base64url

static enum cm_rc fail_cursor(struct cm_err *err) {
    return cm_fail(err, CM_EINVAL, "cursor: not one of ours; begin again without it");
}

static enum cm_rc read_cursor(struct builder *b, const char *text, struct cm_json **out,
                              struct cm_err *err) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    struct cm_err inner;

    if (strlen(text) > CURSOR_MAX || !cm_base64url_decode(text, strlen(text), &bytes, &size)) {
        return fail_cursor(err);
    }
    enum cm_rc rc = cm_json_parse(b->arena, (const char *)bytes, size, NULL, out, &inner);
    free(bytes);
    if (rc < 0 || (*out)->type != CM_ARRAY || (*out)->count != b->list->key_count) {
        return fail_cursor(err);
    }
    return CM_OK;
}

static enum cm_rc add_cursor(struct builder *b, const char *text, struct cm_err *err) {
    struct cm_json *keys = NULL;
    enum cm_rc rc = read_cursor(b, text, &keys, err);

    if (rc < 0) {
        return rc;
    }
    cm_str_addf(&b->sql, " AND (%s) %s (", b->list->keys, b->list->descending ? "<" : ">");
    for (const struct cm_json *key = keys->first; key != NULL; key = key->next) {
        const char *value = cm_json_string(key);

        if (value == NULL || (b->list->numeric && !is_number(value))) {
            return fail_cursor(err);
        }
        cm_str_add(&b->sql, key == keys->first ? "" : ", ");
        cm_str_add(&b->sql, b->list->numeric ? "CAST(? AS INTEGER)" : "?");
        rc = add_value(b, value, err);
        if (rc < 0) {
            return rc;
        }
    }
    cm_str_add_char(&b->sql, ')');
    return CM_OK;
}

static const char *write_cursor(struct cm_arena *a, struct hub_stmt *stmt,
                                const struct hub_list *list) {
    struct cm_json *keys = cm_json_new(a, CM_ARRAY);
    struct cm_str text = {0};

    for (size_t i = 0; i < list->key_count; i++) {
        cm_json_append(keys,
                       cm_json_new_string(a, hub_stmt_text(stmt, (int)(list->column_count + i))));
    }
    cm_json_write_compact(keys, &text);
    CM_AUTOFREE char *encoded = cm_base64url(text.data, text.len);
    const char *copy = cm_arena_strdup(a, encoded);
    cm_str_done(&text);
    return copy;
}

// ---- Rows

static struct cm_json *text_value(struct cm_arena *a, const char *text) {
    return cm_json_new_string(a, text);
}

static struct cm_json *json_value(struct cm_arena *a, const char *text) {
    struct cm_json *value = NULL;
    struct cm_err err;

    if (cm_json_parse(a, text, strlen(text), NULL, &value, &err) < 0) {
        return cm_json_new(a, CM_NULL);
    }
    return value;
}

static struct cm_json *hex_value(struct cm_arena *a, struct hub_stmt *stmt, int column) {
    size_t size;
    const void *bytes = hub_stmt_blob(stmt, column, &size);
    CM_AUTOFREE char *hex = cm_hex(bytes, size);

    return cm_json_new_string(a, hex);
}

static struct cm_json *column_value(struct cm_arena *a, struct hub_stmt *stmt, int column,
                                    enum hub_column_type type) {
    switch (type) {
    case HUB_COLUMN_INT:
        return cm_json_new_int(a, hub_stmt_int(stmt, column));
    case HUB_COLUMN_BOOL:
        return cm_json_new_bool(a, hub_stmt_int(stmt, column) != 0);
    case HUB_COLUMN_JSON:
        return json_value(a, hub_stmt_text(stmt, column));
    case HUB_COLUMN_HEX:
        return hex_value(a, stmt, column);
    case HUB_COLUMN_APPLIED:
        return text_value(a, hub_applied_name((int)hub_stmt_int(stmt, column)));
    case HUB_COLUMN_HEALTH:
        return text_value(a, hub_health_name((int)hub_stmt_int(stmt, column)));
    default:
        return text_value(a, hub_stmt_text(stmt, column));
    }
}

static struct cm_json *read_row(struct cm_arena *a, struct hub_stmt *stmt,
                                const struct hub_list *list) {
    struct cm_json *row = cm_json_new(a, CM_OBJECT);

    for (size_t i = 0; i < list->column_count; i++) {
        const struct hub_column *column = &list->columns[i];

        cm_json_set(a, row, column->name, column_value(a, stmt, (int)i, column->type));
    }
    return row;
}

static enum cm_rc read_rows(struct builder *b, struct hub_stmt *stmt, struct cm_json *answer,
                            struct cm_err *err) {
    struct cm_json *items = cm_json_new(b->arena, CM_ARRAY);
    const char *cursor = NULL;
    enum cm_rc rc = CM_OK;

    cm_json_set(b->arena, answer, "items", items);
    while ((rc = hub_stmt_next(stmt, err)) == CM_OK) {
        if (items->count == b->limit) {
            cm_json_set_string(b->arena, answer, "next", cursor);
            return CM_OK;
        }
        cm_json_append(items, read_row(b->arena, stmt, b->list));
        if (items->count == b->limit) {
            cursor = write_cursor(b->arena, stmt, b->list);
        }
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// ---- The whole

static void begin_sql(struct builder *b) {
    const struct hub_list *list = b->list;

    cm_str_add(&b->sql, "SELECT ");
    for (size_t i = 0; i < list->column_count; i++) {
        cm_str_addf(&b->sql, "%s, ", list->columns[i].sql);
    }
    cm_str_addf(&b->sql, "%s FROM %s WHERE 1", list->keys, list->from);
}

static void end_sql(struct builder *b) {
    const char *direction = b->list->descending ? " DESC" : "";

    if (strchr(b->list->keys, ',') == NULL) {
        cm_str_addf(&b->sql, " ORDER BY %s%s", b->list->keys, direction);
    } else {
        cm_str_addf(&b->sql, " ORDER BY %s", b->list->keys);
    }
    cm_str_addf(&b->sql, " LIMIT %zu", b->limit + 1);
}

static enum cm_rc add_param(struct builder *b, const struct hub_query_param *param,
                            struct cm_err *err) {
    const struct hub_filter *filter = find_filter(b->list, param->name);

    if (strcmp(param->name, "limit") == 0) {
        return set_limit(b, param->value, err);
    }
    if (strcmp(param->name, "cursor") == 0) {
        return add_cursor(b, param->value, err);
    }
    if (filter == NULL) {
        return fail_param(b->list, param->name, err);
    }
    return add_filter(b, filter, param->value, err);
}

static bool has_param(const struct hub_query *query, const char *name) {
    for (size_t i = 0; i < query->param_count; i++) {
        if (strcmp(query->params[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static enum cm_rc build(struct builder *b, const struct hub_query *query, struct cm_err *err) {
    if (b->list->required != NULL && !has_param(query, b->list->required)) {
        return cm_fail(err, CM_EINVAL, "%s needs the parameter '%s'", b->list->name,
                       b->list->required);
    }
    begin_sql(b);
    for (size_t i = 0; i < query->param_count; i++) {
        enum cm_rc rc = add_param(b, &query->params[i], err);

        if (rc < 0) {
            return rc;
        }
    }
    end_sql(b);
    return CM_OK;
}

enum cm_rc hub_query_run(struct hub_db *db, struct cm_arena *a, const struct hub_query *query,
                         struct cm_json **out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct builder b = {.arena = a, .limit = HUB_QUERY_LIMIT_DEFAULT};
    struct cm_json *answer = cm_json_new(a, CM_OBJECT);

    // Asked for what came after a certain event, the oldest come first.
    b.list = hub_list_find(strcmp(query->list, "events") == 0 && has_param(query, "after")
                               ? "events-after"
                               : query->list);
    if (b.list == NULL) {
        return cm_fail(err, CM_ENOTFOUND, "there is no list '%.80s'", query->list);
    }
    enum cm_rc rc = build(&b, query, err);
    rc = rc < 0 ? rc : hub_db_query_texts(db, &stmt, err, cm_str_get(&b.sql), b.values, b.count);
    rc = rc < 0 ? rc : read_rows(&b, stmt, answer, err);
    cm_str_done(&b.sql);
    if (rc == CM_OK) {
        *out = answer;
    }
    return rc;
}

// ---- Counts

// Reads one row of numbers into an object, by the names of `columns`.
static enum cm_rc read_counts(struct cm_arena *a, struct hub_stmt *stmt, const char *const *names,
                              struct cm_json *out, struct cm_err *err) {
    enum cm_rc rc = hub_stmt_next(stmt, err);

    for (int i = 0; rc == CM_OK && names[i] != NULL; i++) {
        cm_json_set_int(a, out, names[i], hub_stmt_int(stmt, i));
    }
    return rc;
}

enum cm_rc hub_query_summary(struct hub_db *db, struct cm_arena *a, struct cm_json **out,
                             struct cm_err *err) {
    static const char *const names[] = {"clusters", "enrolled", "connected", "apps",
                                        "problems", "pairs",    "applied",   "failed",
                                        "healthy",  "degraded", "drifted",   NULL};
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_json *answer = cm_json_new(a, CM_OBJECT);
    enum cm_rc rc = hub_db_query(db, &stmt, err, hub_summary_sql, "");

    rc = rc < 0 ? rc : read_counts(a, stmt, names, answer, err);
    if (rc == CM_OK) {
        *out = answer;
    }
    return rc;
}

static enum cm_rc find_revision(struct hub_db *db, struct cm_arena *a, const char *text,
                                const char **out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc;

    if (strlen(text) < 7 || strspn(text, "0123456789abcdef") != strlen(text)) {
        return cm_fail(err, CM_EINVAL,
                       "revision: '%.80s' is no commit id; use at least 7 hexadecimal digits",
                       text);
    }
    rc = hub_db_query(db, &stmt, err,
                      "SELECT id FROM revision WHERE substr(id, 1, length(?1)) = ?1"
                      " ORDER BY number DESC LIMIT 1",
                      "t", text);
    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = cm_arena_strdup(a, hub_stmt_text(stmt, 0));
    }
    return rc;
}

static enum cm_rc first_failure(struct hub_db *db, struct cm_arena *a,
                                const struct hub_rollout_scope *scope, struct cm_json *answer,
                                struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, hub_rollout_failure_sql, "ttt", scope->revision,
                                 scope->app, scope->cluster);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        cm_json_set_string(a, answer, "firstFailure",
                           cm_arena_strf(a, "%s on %s: %s", hub_stmt_text(stmt, 0),
                                         hub_stmt_text(stmt, 1), hub_stmt_text(stmt, 2)));
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static const char *problem_text(struct cm_arena *a, struct hub_stmt *stmt) {
    int64_t line = hub_stmt_int(stmt, 2);
    const char *path = hub_stmt_text(stmt, 1);
    const char *message = hub_stmt_text(stmt, 4);

    return line == 0 ? cm_arena_strf(a, "%s: %s", path, message)
                     : cm_arena_strf(a, "%s:%lld:%lld: %s", path, (long long)line,
                                     (long long)hub_stmt_int(stmt, 3), message);
}

static enum cm_rc add_problems(struct hub_db *db, struct cm_arena *a,
                               const struct hub_rollout_scope *scope, struct cm_json *answer,
                               struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, hub_rollout_problem_sql, "ttt", scope->revision,
                                 scope->app, scope->cluster);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    cm_json_set_int(a, answer, "problems", rc == CM_OK ? hub_stmt_int(stmt, 0) : 0);
    if (rc == CM_OK) {
        cm_json_set_string(a, answer, "firstProblem", problem_text(a, stmt));
    }
    return CM_OK;
}

// Before the first commit is resolved nothing is, not even an empty fleet.
static enum cm_rc any_revision(struct hub_db *db, bool *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, "SELECT EXISTS (SELECT 1 FROM revision)", "");

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = hub_stmt_int(stmt, 0) != 0;
    }
    return rc;
}

static enum cm_rc fail_scope(const char *name, struct cm_err *err) {
    static const char *const names[] = {"revision", "app", "cluster"};
    const char *nearest = cm_str_nearest(name, names, 3);

    if (nearest == NULL) {
        return cm_fail(err, CM_EINVAL,
                       "'%.80s' is no parameter of rollout; it takes revision, app and cluster",
                       name);
    }
    return cm_fail(err, CM_EINVAL, "'%.80s' is no parameter of rollout; did you mean '%s'?", name,
                   nearest);
}

static enum cm_rc read_scope(struct hub_db *db, struct cm_arena *a, const struct hub_query *query,
                             struct hub_rollout_scope *scope, bool *resolved, struct cm_err *err) {
    enum cm_rc any = any_revision(db, resolved, err);

    if (any < 0) {
        return any;
    }
    for (size_t i = 0; i < query->param_count; i++) {
        const struct hub_query_param *param = &query->params[i];
        enum cm_rc rc = CM_OK;

        if (strcmp(param->name, "app") == 0) {
            scope->app = param->value;
        } else if (strcmp(param->name, "cluster") == 0) {
            scope->cluster = param->value;
        } else if (strcmp(param->name, "revision") == 0) {
            scope->revision = param->value;
            rc = find_revision(db, a, param->value, &scope->revision, err);
            *resolved = rc == CM_OK;
        } else {
            return fail_scope(param->name, err);
        }
        if (rc < 0 && rc != CM_ENOTFOUND) {
            return rc;
        }
    }
    return CM_OK;
}

static enum cm_rc check_exists(struct hub_db *db, const char *sql, const char *what,
                               const char *name, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = CM_OK;

    if (name[0] == '\0') {
        return CM_OK;
    }
    rc = hub_db_query(db, &stmt, err, sql, "t", name);
    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    return rc == CM_ENOTFOUND ? cm_fail(err, rc, "no %s is named '%.80s'", what, name) : rc;
}

// What is named must be there, or a wrong name would look like success.
static enum cm_rc check_scope(struct hub_db *db, const struct hub_rollout_scope *scope,
                              struct cm_err *err) {
    enum cm_rc rc = check_exists(db,
                                 "SELECT 1 FROM app WHERE name = ?1 UNION ALL"
                                 " SELECT 1 FROM pair WHERE app = ?1 LIMIT 1",
                                 "App", scope->app, err);

    return rc < 0 ? rc
                  : check_exists(db,
                                 "SELECT 1 FROM cluster WHERE name = ?1 UNION ALL"
                                 " SELECT 1 FROM pair WHERE cluster = ?1 LIMIT 1",
                                 "cluster", scope->cluster, err);
}

enum cm_rc hub_query_rollout(struct hub_db *db, struct cm_arena *a, const struct hub_query *query,
                             struct cm_json **out, struct cm_err *err) {
    static const char *const names[] = {"pairs",  "delivered", "applied", "healthy",
                                        "failed", "degraded",  "offline", NULL};
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct hub_rollout_scope scope = {.revision = "", .app = "", .cluster = ""};
    struct cm_json *answer = cm_json_new(a, CM_OBJECT);
    bool resolved = false;
    enum cm_rc rc = read_scope(db, a, query, &scope, &resolved, err);

    if (rc == CM_OK && resolved) {
        rc = check_scope(db, &scope, err);
    }
    if (rc < 0) {
        return rc;
    }
    cm_json_set_string(a, answer, "revision", scope.revision);
    cm_json_set_bool(a, answer, "resolved", resolved);
    rc = hub_db_query(db, &stmt, err, hub_rollout_sql, "ttt", scope.revision, scope.app,
                      scope.cluster);
    rc = rc < 0 ? rc : read_counts(a, stmt, names, answer, err);
    if (rc < 0) {
        return rc;
    }
    cm_json_set_int(a, answer, "rendered", cm_json_int(cm_json_get(answer, "pairs"), 0));
    rc = first_failure(db, a, &scope, answer, err);
    rc = rc < 0 ? rc : add_problems(db, a, &scope, answer, err);
    if (rc == CM_OK) {
        *out = answer;
    }
    return rc;
}

static enum cm_rc fail_desired(const char *cluster, const char *key, struct cm_err *err) {
    return cm_fail(err, CM_ENOTFOUND,
                   "no object '%.200s' that may be shown is known on cluster '%.80s'", key,
                   cluster);
}

enum cm_rc hub_query_desired(struct hub_db *db, struct cm_arena *a, const char *cluster,
                             const char *key, struct cm_json **out, struct cm_err *err) {
    static const char sql[] =
        "SELECT o.app, b.bytes FROM object o JOIN blob b ON b.sha256 = o.sha256"
        " WHERE o.cluster = ?1 AND o.key = ?2";
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_json *answer = cm_json_new(a, CM_OBJECT);
    struct cm_json *object = NULL;
    size_t size;
    enum cm_rc rc = hub_db_query(db, &stmt, err, sql, "tt", cluster, key);

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_ENOTFOUND) {
        return fail_desired(cluster, key, err);
    }
    if (rc < 0) {
        return rc;
    }
    const void *bytes = hub_stmt_blob(stmt, 1, &size);
    rc = cm_json_parse(a, bytes, size, NULL, &object, err);
    if (rc < 0) { // what the agent reported names something else
        return fail_desired(cluster, key, err);
    }
    cm_json_set_string(a, answer, "cluster", cluster);
    cm_json_set_string(a, answer, "app", hub_stmt_text(stmt, 0));
    cm_json_set_string(a, answer, "key", key);
    cm_json_set(a, answer, "object", object);
    *out = answer;
    return CM_OK;
}
