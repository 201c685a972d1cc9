// query_page: how a list is cut: its order, its members, and where a page goes on.
//
// A cursor is the order that was asked for and the sort values of the last row, as a JSON array in
// base64url. The next page is what comes after those values, so rows that come and go move nothing.
//
// Threads: any, one at a time for a page.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct cm_arena;
struct cm_str;
struct hub_build;
struct hub_column;
struct hub_list;
struct hub_query;
struct hub_stmt;

#define HUB_PAGE_SORTS_MAX 8
#define HUB_PAGE_COLUMNS_MAX 32

struct hub_page_sort {
    const char *sql;
    const char *counts; // "FROM …", if it is a count
    bool numeric;
    bool descending;
};

struct hub_page {
    size_t limit;
    bool total;
    const char *order; // the parameter, "" for the list's own
    struct hub_page_sort sorts[HUB_PAGE_SORTS_MAX];
    size_t sort_count;
    const struct hub_column *columns[HUB_PAGE_COLUMNS_MAX];
    size_t column_count;
    const char *counts; // "FROM …", if any of the columns is a count
    size_t width;       // columns of a result before the sort values
};

// hub_page_read reads limit, total, sort and fields. CM_EINVAL names the parameter.
CM_MUSTUSE enum cm_rc hub_page_read(struct cm_arena *a, const struct hub_list *list,
                                    const struct hub_query *query, struct hub_page *out,
                                    struct cm_err *err);

// hub_page_is tells whether hub_page_read, or the cursor, is what a parameter is for.
bool hub_page_is(const char *param);

// hub_page_after adds the condition that only rows behind the cursor are meant.
CM_MUSTUSE enum cm_rc hub_page_after(const struct hub_page *page, const char *cursor,
                                     struct hub_build *b, struct cm_err *err);

// hub_page_columns writes what is selected: the columns, all counts as one, and the sort values.
void hub_page_columns(const struct hub_page *page, struct cm_str *out);

// hub_page_order writes " ORDER BY …".
void hub_page_order(const struct hub_page *page, struct cm_str *out);

// hub_page_cursor returns the cursor behind a row.
const char *hub_page_cursor(const struct hub_page *page, struct cm_arena *a, struct hub_stmt *row);
