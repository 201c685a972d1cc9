#include "hub/store/query.h"

#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/store/db.h"
#include "hub/store/query_build.h"
#include "hub/store/query_lists.h"
#include "hub/store/query_page.h"

const char *const hub_query_page_params[HUB_QUERY_PAGE_PARAMS] = {"limit", "cursor", "sort",
                                                                  "fields", "total"};

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
    case HUB_COLUMN_TIME:
        return cm_json_new_int(a, hub_stmt_int(stmt, column));
    case HUB_COLUMN_BOOL:
        return cm_json_new_bool(a, hub_stmt_int(stmt, column) != 0);
    case HUB_COLUMN_LABELS:
    case HUB_COLUMN_NAMES:
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

// Counts are the elements of one array, in the order of their columns (hub_page_columns).
static struct cm_json *read_row(struct cm_arena *a, struct hub_stmt *stmt,
                                const struct hub_page *page) {
    struct cm_json *row = cm_json_new(a, CM_OBJECT);
    const struct cm_json *count =
        page->counts == NULL ? NULL
                             : json_value(a, hub_stmt_text(stmt, (int)page->width - 1))->first;
    int at = 0;

    for (size_t i = 0; i < page->column_count; i++) {
        const struct hub_column *column = page->columns[i];

        if (column->type == HUB_COLUMN_COUNT) {
            cm_json_set_int(a, row, column->name, cm_json_int(count, 0));
            count = count == NULL ? NULL : count->next;
        } else {
            cm_json_set(a, row, column->name, column_value(a, stmt, at++, column->type));
        }
    }
    return row;
}

static enum cm_rc read_rows(struct cm_arena *a, struct hub_stmt *stmt, const struct hub_page *page,
                            struct cm_json *answer, struct cm_err *err) {
    struct cm_json *items = cm_json_new(a, CM_ARRAY);
    const char *cursor = NULL;
    enum cm_rc rc = CM_OK;

    cm_json_set(a, answer, "items", items);
    while ((rc = hub_stmt_next(stmt, err)) == CM_OK) {
        if (items->count == page->limit) {
            cm_json_set_string(a, answer, "next", cursor);
            return CM_OK;
        }
        cm_json_append(items, read_row(a, stmt, page));
        if (items->count == page->limit) {
            cursor = hub_page_cursor(page, a, stmt);
        }
    }
    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// ---- Parameters

static enum cm_rc fail_param(const struct hub_list *list, const char *name, struct cm_err *err) {
    const char *names[2 * HUB_QUERY_PARAMS_MAX];
    size_t count = 0;

    for (; count < HUB_QUERY_PAGE_PARAMS; count++) {
        names[count] = hub_query_page_params[count];
    }
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

static const char *find_param(const struct hub_query *query, const char *name) {
    for (size_t i = 0; i < query->param_count; i++) {
        if (strcmp(query->params[i].name, name) == 0) {
            return query->params[i].value;
        }
    }
    return NULL;
}

static enum cm_rc add_filters(struct hub_build *b, const struct hub_list *list,
                              const struct hub_query *query, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    if (list->required != NULL && find_param(query, list->required) == NULL) {
        return cm_fail(err, CM_EINVAL, "%s needs the parameter '%s'", list->name, list->required);
    }
    for (size_t i = 0; rc == CM_OK && i < query->param_count; i++) {
        const struct hub_query_param *param = &query->params[i];
        const struct hub_filter *filter = hub_filters_find(list->filters, param->name);

        if (filter != NULL) {
            rc = hub_build_filter(b, filter, param->value, err);
        } else if (!hub_page_is(param->name)) {
            rc = fail_param(list, param->name, err);
        }
    }
    return rc;
}

// ---- The whole

static enum cm_rc count_rows(struct hub_db *db, const struct hub_list *list,
                             const struct hub_build *b, struct cm_json *answer,
                             struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    CM_CLEANUP(cm_str_done) struct cm_str sql = {0};

    cm_str_addf(&sql, "SELECT count(*) FROM %s WHERE 1%s", list->from, cm_str_get(&b->where));
    enum cm_rc rc = hub_db_query_texts(db, &stmt, err, cm_str_get(&sql), b->values, b->count);
    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        cm_json_set_int(b->arena, answer, "total", hub_stmt_int(stmt, 0));
    }
    return rc;
}

static void write_rest(const struct hub_list *list, const struct hub_page *page, const char *where,
                       struct cm_str *sql) {
    cm_str_addf(sql, " FROM %s WHERE 1%s", list->from, where);
    hub_page_order(page, sql);
    cm_str_addf(sql, " LIMIT %zu", page->limit + 1);
}

// Rows in another order than that of the keys are all looked at; so first only their keys are, and
// the columns are made of those that the page shows.
static void write_where(const struct hub_list *list, const struct hub_page *page, const char *where,
                        struct cm_str *out) {
    CM_CLEANUP(cm_str_done) struct cm_str keys = {0};

    for (size_t i = 0; i < list->key_count; i++) {
        cm_str_addf(&keys, i == 0 ? "%s" : ", %s", list->keys[i].sql);
    }
    cm_str_add(out, where); // a list may have several rows of a key
    cm_str_addf(out, " AND (%s) IN (SELECT %s", cm_str_get(&keys), cm_str_get(&keys));
    write_rest(list, page, where, out);
    cm_str_add_char(out, ')');
}

static void write_sql(const struct hub_list *list, const struct hub_page *page,
                      const struct hub_build *b, struct cm_str *sql) {
    CM_CLEANUP(cm_str_done) struct cm_str chosen = {0};
    const char *where = cm_str_get(&b->where);

    if (page->order[0] != '\0') {
        write_where(list, page, where, &chosen);
        where = cm_str_get(&chosen);
    }
    cm_str_add(sql, "SELECT ");
    hub_page_columns(page, sql);
    write_rest(list, page, where, sql);
}

static enum cm_rc select_rows(struct hub_db *db, const struct hub_list *list,
                              const struct hub_page *page, const struct hub_build *b,
                              struct cm_json *answer, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    CM_CLEANUP(cm_str_done) struct cm_str sql = {0};

    write_sql(list, page, b, &sql);
    enum cm_rc rc = hub_db_query_texts(db, &stmt, err, cm_str_get(&sql), b->values, b->count);
    return rc < 0 ? rc : read_rows(b->arena, stmt, page, answer, err);
}

// Asked for what came after a certain event, the oldest come first.
static const char *list_of(const struct hub_query *query) {
    bool after = strcmp(query->list, "events") == 0 && find_param(query, "after") != NULL;

    return after ? "events-after" : query->list;
}

enum cm_rc hub_query_run(struct hub_db *db, struct cm_arena *a, const struct hub_query *query,
                         struct cm_json **out, struct cm_err *err) {
    CM_CLEANUP(hub_build_done) struct hub_build b = {.arena = a};
    const struct hub_list *list = hub_list_find(list_of(query));
    const char *cursor = find_param(query, "cursor");
    struct cm_json *answer = cm_json_new(a, CM_OBJECT);
    struct hub_page page;

    if (list == NULL || list->column_count == 0) { // a rollout has filters only
        return cm_fail(err, CM_ENOTFOUND, "there is no list '%.80s'", query->list);
    }
    cm_str_addf(&b.where, "%s", query->also == NULL ? "" : query->also);
    enum cm_rc rc = add_filters(&b, list, query, err);
    rc = rc < 0 ? rc : hub_page_read(a, list, query, &page, err);
    rc = rc < 0 || !page.total ? rc : count_rows(db, list, &b, answer, err);
    rc = rc < 0 || cursor == NULL ? rc : hub_page_after(&page, cursor, &b, err);
    rc = rc < 0 ? rc : select_rows(db, list, &page, &b, answer, err);
    if (rc == CM_OK) {
        *out = answer;
    }
    return rc;
}
