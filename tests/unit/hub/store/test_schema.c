// A database of each version that there ever was, with something in each of its tables, becomes one
// of this version.
#include "tests/unit/hub/store/memory_db.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/store/schema.h"

#define TABLES "FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"

static void run(struct hub_db *db, const char *sql) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_err err = {0};

    if (hub_db_query_texts(db, &stmt, &err, sql, NULL, 0) < 0 ||
        hub_stmt_next(stmt, &err) != CM_ENOTFOUND) {
        fail_msg("%s: %s", sql, err.msg);
    }
}

// The first column of all rows, each ended by NUL.
static struct cm_str texts(struct hub_db *db, const char *sql) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_str out = {0};
    struct cm_err err = {0};

    if (hub_db_query_texts(db, &stmt, &err, sql, NULL, 0) < 0) {
        fail_msg("%s: %s", sql, err.msg);
    }
    while (hub_stmt_next(stmt, &err) == CM_OK) {
        const char *text = hub_stmt_text(stmt, 0);

        cm_str_add_n(&out, text, strlen(text) + 1);
    }
    return out;
}

static void run_each(struct hub_db *db, const char *sql) {
    CM_CLEANUP(cm_str_done) struct cm_str all = texts(db, sql);

    for (size_t at = 0; at < all.len; at += strlen(all.data + at) + 1) {
        run(db, all.data + at);
    }
}

static void go_back(struct hub_db *db, int to) {
    struct cm_err err;

    run_each(db, "SELECT format('DROP %s %s', type, name) FROM sqlite_schema WHERE type IN"
                 " ('view', 'trigger')");
    run_each(db, "SELECT format('DROP TABLE %s', name) " TABLES);
    run(db, "PRAGMA user_version = 0");
    assert_int_equal(hub_schema_take(db, to, &err), CM_OK);
}

// A row for each table, of what its columns are: what is JSON somewhere is it everywhere.
static void fill(struct hub_db *db) {
    run_each(db, "SELECT (SELECT format('INSERT OR IGNORE INTO %s (%s) VALUES (%s)', s.name,"
                 " group_concat(c.name), group_concat(iif(c.type = 'TEXT', '''[\"a\"]''',"
                 " iif(c.type = 'BLOB', 'zeroblob(32)', '1')))) FROM pragma_table_info(s.name) c)"
                 " FROM sqlite_schema s WHERE type = 'table' AND name NOT GLOB 'sqlite_*'");
}

static char *schema_of(struct hub_db *db) {
    struct cm_str all =
        texts(db, "SELECT format('%s %s %s', type, name, sql) FROM sqlite_schema ORDER BY 1");

    for (size_t i = 0; i + 1 < all.len; i++) {
        if (all.data[i] == '\0') {
            all.data[i] = '\n';
        }
    }
    return all.data;
}

static void check_is_kept(struct hub_db *db, int from, const struct cm_str *tables) {
    for (size_t at = 0; at < tables->len; at += strlen(tables->data + at) + 1) {
        const char *name = tables->data + at;
        CM_AUTOFREE char *there = cm_strf("SELECT count(*) " TABLES " AND name = '%s'", name);
        CM_AUTOFREE char *rows = cm_strf("SELECT count(*) FROM %s", name);

        if (count_rows(db, there) == 1 && count_rows(db, rows) == 0) {
            fail_msg("from version %d on the table %s is empty", from, name);
        }
    }
}

static void each_version_becomes_this_one_with_what_is_in_it(void **state) {
    CM_AUTOFREE char *fresh = schema_of(*state);
    struct cm_err err = {0};

    for (int from = 0; from < hub_schema_steps(); from++) {
        go_back(*state, from);
        fill(*state);
        CM_CLEANUP(cm_str_done) struct cm_str tables = texts(*state, "SELECT name " TABLES);
        if (hub_schema_migrate(*state, &err) < 0) {
            fail_msg("from version %d: %s", from, err.msg);
        }
        CM_AUTOFREE char *now = schema_of(*state);
        assert_string_equal(now, fresh);
        check_is_kept(*state, from, &tables);
        assert_int_equal(count_rows(*state, "SELECT count(*) FROM pragma_integrity_check"
                                            " WHERE integrity_check <> 'ok'"),
                         0);
    }
}

// gap_of_47 is from when on all events are known if they were trimmed up to the fifth.
static int64_t gap_of_47(struct hub_db *db, const char *events) {
    struct cm_err err;

    go_back(db, 46);
    run(db, "INSERT OR REPLACE INTO meta (name, value) VALUES ('events_trimmed', 5)");
    run(db, events);
    assert_int_equal(hub_schema_migrate(db, &err), CM_OK);
    assert_int_equal(count_rows(db, "SELECT count(*) FROM past_gap WHERE source = 'events'"), 1);
    return count_rows(db, "SELECT from_ms FROM past_gap WHERE source = 'events'");
}

static void where_events_were_trimmed_a_gap_is_on_record(void **state) {
    int64_t now_ms = count_rows(*state, "SELECT strftime('%s', 'now') * 1000");

    assert_int_equal(gap_of_47(*state, "INSERT INTO event (number, at_ms, kind, cluster, app, key,"
                                       " revision, actor, message) SELECT value, value * 10, 'a',"
                                       " '', '', '', '', '', '' FROM json_each('[4, 6, 7]')"),
                     60);
    assert_int_equal(count_rows(*state, "SELECT from_ms FROM past_gap WHERE source = 'scaled'"),
                     60);
    assert_true(gap_of_47(*state, "DELETE FROM event") >= now_ms); // all of them were
}

static void a_newer_version_is_refused(void **state) {
    struct cm_err err;

    run(*state, "PRAGMA user_version = 1000000");
    assert_int_equal(hub_schema_migrate(*state, &err), CM_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_version_becomes_this_one_with_what_is_in_it, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(where_events_were_trimmed_a_gap_is_on_record, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(a_newer_version_is_refused, open_db, close_db),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
