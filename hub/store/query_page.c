#include "hub/store/query_page.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/store/db.h"
#include "hub/store/query.h"
#include "hub/store/query_build.h"
#include "hub/store/query_lists.h"

#define CURSOR_MAX 4096

static const char *param(const struct hub_query *query, const char *name) {
    for (size_t i = 0; i < query->param_count; i++) {
        if (strcmp(query->params[i].name, name) == 0) {
            return query->params[i].value;
        }
    }
    return NULL;
}

bool hub_page_is(const char *name) {
    for (size_t i = 0; i < HUB_QUERY_PAGE_PARAMS; i++) {
        if (strcmp(hub_query_page_params[i], name) == 0) {
            return true;
        }
    }
    return false;
}

// ---- limit and total

static enum cm_rc read_limit(const char *text, size_t *out, struct cm_err *err) {
    long limit = HUB_QUERY_LIMIT_DEFAULT;

    if (text != NULL) {
        limit = hub_build_is_number(text) ? strtol(text, NULL, 10) : 0;
    }
    if (limit < 1 || limit > HUB_QUERY_LIMIT_MAX) {
        return cm_fail(err, CM_EINVAL, "limit: '%.40s' is not a number from 1 to %d", text,
                       HUB_QUERY_LIMIT_MAX);
    }
    *out = (size_t)limit;
    return CM_OK;
}

static enum cm_rc read_total(const char *text, bool *out, struct cm_err *err) {
    *out = text != NULL && strcmp(text, "true") == 0;
    if (text != NULL && !*out && strcmp(text, "false") != 0) {
        return cm_fail(err, CM_EINVAL, "total: '%.40s' is neither true nor false", text);
    }
    return CM_OK;
}

// ---- sort and fields: names of members, with commas between

static enum cm_rc fail_member(const char *of, const struct hub_list *list, const char *name,
                              struct cm_err *err) {
    const char *names[HUB_PAGE_COLUMNS_MAX];

    for (size_t i = 0; i < list->column_count; i++) {
        names[i] = list->columns[i].name;
    }
    const char *nearest = cm_str_nearest(name, names, list->column_count);
    if (nearest == NULL) {
        return cm_fail(err, CM_EINVAL, "%s: '%.80s' is no member of %s", of, name, list->name);
    }
    return cm_fail(err, CM_EINVAL, "%s: '%.80s' is no member of %s; did you mean '%s'?", of, name,
                   list->name, nearest);
}

static enum cm_rc add_sort(struct hub_page *page, const struct hub_list *list, const char *word,
                           struct cm_err *err) {
    bool descending = word[0] == '-';
    const char *name = word + descending;
    const struct hub_column *column = hub_list_column(list, name);

    if (column == NULL) {
        return fail_member("sort", list, name, err);
    }
    if (!hub_column_sorts(column->type)) {
        return cm_fail(err, CM_EINVAL, "sort: there is no order of '%s'", name);
    }
    if (page->sort_count == HUB_PAGE_SORTS_MAX - list->key_count) {
        return cm_fail(err, CM_EINVAL, "sort: at most %zu members",
                       HUB_PAGE_SORTS_MAX - list->key_count);
    }
    page->sorts[page->sort_count++] =
        (struct hub_page_sort){.sql = column->sql,
                               .counts = column->type == HUB_COLUMN_COUNT ? list->counts : NULL,
                               .numeric = hub_column_numeric(column->type),
                               .descending = descending};
    return CM_OK;
}

// The keys of the list come last, so that no two rows are equal.
static void add_keys(struct hub_page *page, const struct hub_list *list) {
    for (size_t i = 0; i < list->key_count; i++) {
        page->sorts[page->sort_count++] = (struct hub_page_sort){.sql = list->keys[i].sql,
                                                                 .numeric = list->keys[i].numeric,
                                                                 .descending = list->descending};
    }
}

static enum cm_rc read_sort(struct cm_arena *a, const struct hub_list *list, const char *text,
                            struct hub_page *page, struct cm_err *err) {
    char *rest = text == NULL ? NULL : cm_arena_strdup(a, text);
    enum cm_rc rc = CM_OK;
    char *word;

    page->order = text == NULL ? "" : text;
    while (rc == CM_OK && (word = strsep(&rest, ",")) != NULL) {
        rc = add_sort(page, list, word, err);
    }
    add_keys(page, list);
    return rc;
}

static bool has_column(const struct hub_page *page, const struct hub_column *column) {
    for (size_t i = 0; i < page->column_count; i++) {
        if (page->columns[i] == column) {
            return true;
        }
    }
    return false;
}

static enum cm_rc read_fields(struct cm_arena *a, const struct hub_list *list, const char *text,
                              struct hub_page *page, struct cm_err *err) {
    char *rest = text == NULL ? NULL : cm_arena_strdup(a, text);
    char *word;

    for (size_t i = 0; text == NULL && i < list->column_count; i++) {
        page->columns[page->column_count++] = &list->columns[i];
    }
    while ((word = strsep(&rest, ",")) != NULL) {
        const struct hub_column *column = hub_list_column(list, word);

        if (column == NULL) {
            return fail_member("fields", list, word, err);
        }
        if (!has_column(page, column)) {
            page->columns[page->column_count++] = column;
        }
    }
    return CM_OK;
}

static void measure(const struct hub_list *list, struct hub_page *page) {
    for (size_t i = 0; i < page->column_count; i++) {
        if (page->columns[i]->type == HUB_COLUMN_COUNT) {
            page->counts = list->counts;
        } else {
            page->width++;
        }
    }
    page->width += page->counts != NULL;
}

enum cm_rc hub_page_read(struct cm_arena *a, const struct hub_list *list,
                         const struct hub_query *query, struct hub_page *out, struct cm_err *err) {
    struct hub_page page = {0};
    enum cm_rc rc = read_limit(param(query, "limit"), &page.limit, err);

    rc = rc < 0 ? rc : read_total(param(query, "total"), &page.total, err);
    rc = rc < 0 ? rc : read_sort(a, list, param(query, "sort"), &page, err);
    rc = rc < 0 ? rc : read_fields(a, list, param(query, "fields"), &page, err);
    if (rc == CM_OK) {
        measure(list, &page);
        *out = page;
    }
    return rc;
}

// ---- Cursors

static enum cm_rc fail_cursor(struct cm_err *err) {
    return cm_fail(err, CM_EINVAL, "cursor: not one of ours; begin again without it");
}

static enum cm_rc decode(struct cm_arena *a, const char *text, struct cm_json **out,
                         struct cm_err *err) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    struct cm_err inner;

    if (strlen(text) > CURSOR_MAX || !cm_base64url_decode(text, strlen(text), &bytes, &size)) {
        return fail_cursor(err);
    }
    enum cm_rc rc = cm_json_parse(a, (const char *)bytes, size, NULL, out, &inner);
    free(bytes);
    return rc < 0 || (*out)->type != CM_ARRAY || (*out)->count == 0 ? fail_cursor(err) : CM_OK;
}

// The order in which the cursor was made must be the one of this query.
static enum cm_rc check_order(const struct hub_page *page, const struct cm_json *cursor,
                              struct cm_err *err) {
    const char *order = cm_json_string(cursor->first);

    if (order == NULL || strcmp(order, page->order) != 0) {
        return order == NULL || cursor->count == 1
                   ? fail_cursor(err)
                   : cm_fail(err, CM_EINVAL,
                             "cursor: it belongs to a list in another order; ask with the same "
                             "'sort', or begin again without it");
    }
    return cursor->count == page->sort_count + 1 ? CM_OK : fail_cursor(err);
}

// Binds the values of the cursor; their numbers in the SQL follow one another from *out_first.
static enum cm_rc bind_values(const struct hub_page *page, const struct cm_json *cursor,
                              struct hub_build *b, size_t *out_first, struct cm_err *err) {
    const struct cm_json *value = cursor->first->next;
    enum cm_rc rc = CM_OK;

    *out_first = b->count + 1;
    for (size_t i = 0; rc == CM_OK && i < page->sort_count; i++, value = value->next) {
        const char *text = cm_json_string(value);
        size_t number;

        if (text == NULL || (page->sorts[i].numeric && !hub_build_is_number(text))) {
            return fail_cursor(err);
        }
        rc = hub_build_value(b, text, &number, err);
    }
    return rc;
}

// Columns may be NULL where nothing was reported; keys are not, and stay bare for their indexes.
static void add_expression(const struct hub_page *page, size_t i, struct cm_str *out) {
    const struct hub_page_sort *s = &page->sorts[i];
    bool plain = page->order[0] == '\0';

    if (s->counts != NULL) {
        cm_str_addf(out, "(SELECT %s %s)", s->sql, s->counts);
        return;
    }
    cm_str_addf(out, plain ? "%s" : s->numeric ? "ifnull(%s, 0)" : "ifnull(%s, '')", s->sql);
}

// All counts of a row come as one array, from one look at what is counted.
static void add_counts(const struct hub_page *page, struct cm_str *out) {
    const char *between = "(SELECT json_array(";

    for (size_t i = 0; i < page->column_count; i++) {
        if (page->columns[i]->type == HUB_COLUMN_COUNT) {
            cm_str_addf(out, "%s%s", between, page->columns[i]->sql);
            between = ", ";
        }
    }
    cm_str_addf(out, ") %s), ", page->counts);
}

void hub_page_columns(const struct hub_page *page, struct cm_str *out) {
    for (size_t i = 0; i < page->column_count; i++) {
        if (page->columns[i]->type != HUB_COLUMN_COUNT) {
            cm_str_addf(out, "%s, ", page->columns[i]->sql);
        }
    }
    if (page->counts != NULL) {
        add_counts(page, out);
    }
    for (size_t i = 0; i < page->sort_count; i++) {
        cm_str_add(out, i == 0 ? "" : ", ");
        add_expression(page, i, out);
    }
}

static void add_comparison(const struct hub_page *page, size_t i, const char *op, size_t number,
                           struct cm_str *out) {
    add_expression(page, i, out);
    cm_str_addf(out, page->sorts[i].numeric ? " %s CAST(?%zu AS INTEGER)" : " %s ?%zu", op, number);
}

static bool one_direction(const struct hub_page *page) {
    for (size_t i = 1; i < page->sort_count; i++) {
        if (page->sorts[i].descending != page->sorts[0].descending) {
            return false;
        }
    }
    return true;
}

// (a, b) > (?1, ?2): an index can do this at once.
static void add_row_value(const struct hub_page *page, size_t first, struct cm_str *out) {
    cm_str_add(out, " AND (");
    for (size_t i = 0; i < page->sort_count; i++) {
        cm_str_add(out, i == 0 ? "" : ", ");
        add_expression(page, i, out);
    }
    cm_str_addf(out, ") %s (", page->sorts[0].descending ? "<" : ">");
    for (size_t i = 0; i < page->sort_count; i++) {
        cm_str_addf(out, page->sorts[i].numeric ? "%sCAST(?%zu AS INTEGER)" : "%s?%zu",
                    i == 0 ? "" : ", ", first + i);
    }
    cm_str_add_char(out, ')');
}

// a > ?1 OR a = ?1 AND b < ?2 OR …
static void add_alternatives(const struct hub_page *page, size_t first, struct cm_str *out) {
    cm_str_add(out, " AND (");
    for (size_t last = 0; last < page->sort_count; last++) {
        cm_str_add(out, last == 0 ? "" : " OR ");
        for (size_t i = 0; i < last; i++) {
            add_comparison(page, i, "=", first + i, out);
            cm_str_add(out, " AND ");
        }
        add_comparison(page, last, page->sorts[last].descending ? "<" : ">", first + last, out);
    }
    cm_str_add_char(out, ')');
}

enum cm_rc hub_page_after(const struct hub_page *page, const char *text, struct hub_build *b,
                          struct cm_err *err) {
    struct cm_json *cursor = NULL;
    size_t first = 0;
    enum cm_rc rc = decode(b->arena, text, &cursor, err);

    rc = rc < 0 ? rc : check_order(page, cursor, err);
    rc = rc < 0 ? rc : bind_values(page, cursor, b, &first, err);
    if (rc < 0) {
        return rc;
    }
    if (one_direction(page)) {
        add_row_value(page, first, &b->where);
    } else {
        add_alternatives(page, first, &b->where);
    }
    return CM_OK;
}

void hub_page_order(const struct hub_page *page, struct cm_str *out) {
    for (size_t i = 0; i < page->sort_count; i++) {
        cm_str_add(out, i == 0 ? " ORDER BY " : ", ");
        add_expression(page, i, out);
        cm_str_add(out, page->sorts[i].descending ? " DESC" : "");
    }
}

const char *hub_page_cursor(const struct hub_page *page, struct cm_arena *a, struct hub_stmt *row) {
    struct cm_json *cursor = cm_json_new(a, CM_ARRAY);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_json_append(cursor, cm_json_new_string(a, page->order));
    for (size_t i = 0; i < page->sort_count; i++) {
        cm_json_append(cursor, cm_json_new_string(a, hub_stmt_text(row, (int)(page->width + i))));
    }
    cm_json_write_compact(cursor, &text);
    CM_AUTOFREE char *encoded = cm_base64url(text.data, text.len);
    return cm_arena_strdup(a, encoded);
}
