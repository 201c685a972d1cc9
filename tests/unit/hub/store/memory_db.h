// memory_db: a database in memory for each test.
//
// Threads: one.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/store/db.h"

static inline int open_db(void **state) {
    struct cm_err err;
    struct hub_db *db = NULL;

    assert_int_equal(hub_db_open(":memory:", HUB_DB_WRITER, &db, &err), CM_OK);
    *state = db;
    return 0;
}

static inline int close_db(void **state) {
    hub_db_close(*state);
    return 0;
}

// The SQL may be a text that is made for it: statements are kept by the address of theirs.
static inline int64_t count_rows(struct hub_db *db, const char *sql) {
    struct hub_stmt *stmt = NULL;
    struct cm_err err;

    assert_int_equal(hub_db_query_texts(db, &stmt, &err, sql, NULL, 0), CM_OK);
    assert_int_equal(hub_stmt_next(stmt, &err), CM_OK);
    int64_t count = hub_stmt_int(stmt, 0);
    hub_stmt_end(stmt);
    return count;
}
