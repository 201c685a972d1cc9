#include "tests/unit/hub/store/memory_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];

static int make_path(void **state) {
    (void)state;
    (void)snprintf(path, sizeof(path), "/tmp/holdfast-test-db-%d.db", (int)getpid());
    return 0;
}

static int remove_path(void **state) {
    char side[80];

    (void)state;
    (void)unlink(path);
    (void)snprintf(side, sizeof(side), "%s-wal", path);
    (void)unlink(side);
    (void)snprintf(side, sizeof(side), "%s-shm", path);
    (void)unlink(side);
    return 0;
}

static void a_failed_job_of_a_batch_takes_nothing_else_with_it(void **state) {
    struct hub_db *db = *state;
    struct cm_err err;
    static const char insert[] = "INSERT INTO meta (name, value) VALUES (?1, ?2)";

    assert_int_equal(hub_db_begin(db, &err), CM_OK);
    assert_int_equal(hub_db_savepoint(db, &err), CM_OK);
    assert_int_equal(hub_db_run(db, &err, insert, "ti", "a", (int64_t)1), CM_OK);
    assert_int_equal(hub_db_savepoint_end(db, true, &err), CM_OK);
    assert_int_equal(hub_db_savepoint(db, &err), CM_OK);
    assert_int_equal(hub_db_run(db, &err, insert, "ti", "b", (int64_t)2), CM_OK);
    assert_int_equal(hub_db_run(db, &err, insert, "ti", "a", (int64_t)3), CM_EEXISTS);
    assert_int_equal(hub_db_savepoint_end(db, false, &err), CM_OK);
    assert_int_equal(hub_db_commit(db, &err), CM_OK);

    assert_int_equal(count_rows(db, "SELECT count(*) FROM meta"), 1);
}

// A reader holds up what would make room in the log; when he is gone it is small again.
static void the_log_is_small_again_after_a_long_read(void **state) {
    struct hub_db *writer = NULL;
    struct hub_db *reader = NULL;
    struct cm_err err;
    struct stat st;
    char log[80];

    (void)state;
    (void)snprintf(log, sizeof(log), "%s-wal", path);
    assert_int_equal(hub_db_open(path, HUB_DB_WRITER, &writer, &err), CM_OK);
    assert_int_equal(hub_db_open(path, HUB_DB_READER, &reader, &err), CM_OK);
    assert_int_equal(hub_db_look(reader, &err), CM_OK);
    assert_true(count_rows(reader, "SELECT count(*) FROM meta") >= 0); // it begins to read now
    assert_int_equal(hub_db_begin(writer, &err), CM_OK);
    for (int64_t i = 0; i < 80; i++) {
        assert_int_equal(hub_db_run(writer, &err,
                                    "INSERT INTO meta (name, value) VALUES (?1, zeroblob(1000000))",
                                    "i", i),
                         CM_OK);
    }
    assert_int_equal(hub_db_commit(writer, &err), CM_OK);
    assert_int_equal(stat(log, &st), 0);
    assert_true(st.st_size > 75000000);
    hub_db_rollback(reader);
    for (int64_t i = 0; i < 2; i++) { // one makes room, the next begins the log anew
        assert_int_equal(hub_db_run(writer, &err, "DELETE FROM meta WHERE name = ?1", "i", i),
                         CM_OK);
    }
    assert_int_equal(stat(log, &st), 0);
    assert_true(st.st_size <= 67108864);
    hub_db_close(reader);
    hub_db_close(writer);
}

static void what_cannot_be_taken_back_is_told(void **state) {
    struct hub_db *db = *state;
    struct cm_err err;

    assert_int_equal(hub_db_begin(db, &err), CM_OK);
    assert_int_equal(hub_db_savepoint_end(db, false, &err), CM_EIO); // none was begun
    hub_db_rollback(db);
}

static void the_same_statement_can_be_open_twice(void **state) {
    static const char sql[] = "SELECT ?1";
    struct hub_db *db = *state;
    struct hub_stmt *one = NULL;
    struct hub_stmt *two = NULL;
    struct cm_err err;

    assert_int_equal(hub_db_query(db, &one, &err, sql, "i", (int64_t)1), CM_OK);
    assert_int_equal(hub_db_query(db, &two, &err, sql, "i", (int64_t)2), CM_OK);
    assert_int_equal(hub_stmt_next(one, &err), CM_OK);
    assert_int_equal(hub_stmt_next(two, &err), CM_OK);
    assert_int_equal(hub_stmt_int(one, 0), 1);
    assert_int_equal(hub_stmt_int(two, 0), 2);
    hub_stmt_end(one);
    hub_stmt_end(two);
}

static void what_was_committed_is_there_after_opening_again(void **state) {
    struct hub_db *db = NULL;
    struct cm_err err;

    (void)state;
    assert_int_equal(hub_db_open(path, HUB_DB_WRITER, &db, &err), CM_OK);
    assert_int_equal(
        hub_db_run(db, &err, "INSERT INTO meta (name, value) VALUES (?1, ?2)", "tt", "hub", "x"),
        CM_OK);
    hub_db_close(db);
    assert_int_equal(hub_db_open(path, HUB_DB_WRITER, &db, &err), CM_OK);
    assert_int_equal(count_rows(db, "SELECT count(*) FROM meta WHERE value = 'x'"), 1);
    hub_db_close(db);
}

// With anything less a machine that goes takes with it what was acknowledged, though a killed
// process does not.
static void each_commit_is_on_the_disk_before_it_is_answered(void **state) {
    struct hub_db *db = NULL;
    struct cm_err err;

    (void)state;
    assert_int_equal(hub_db_open(path, HUB_DB_WRITER, &db, &err), CM_OK);
    assert_int_equal(count_rows(db, "PRAGMA synchronous"), 2);
    hub_db_close(db);
}

static void a_reader_cannot_write(void **state) {
    struct hub_db *writer = NULL;
    struct hub_db *reader = NULL;
    struct cm_err err;

    (void)state;
    assert_int_equal(hub_db_open(path, HUB_DB_WRITER, &writer, &err), CM_OK);
    assert_int_equal(hub_db_open(path, HUB_DB_READER, &reader, &err), CM_OK);
    assert_int_equal(hub_db_run(reader, &err, "DELETE FROM meta", ""), CM_EIO);
    hub_db_close(reader);
    hub_db_close(writer);
}

static void a_database_of_a_newer_version_is_refused(void **state) {
    struct hub_db *db = NULL;
    struct cm_err err;

    (void)state;
    assert_int_equal(hub_db_open(path, HUB_DB_WRITER, &db, &err), CM_OK);
    assert_int_equal(hub_db_run(db, &err, "PRAGMA user_version = 999", ""), CM_OK);
    hub_db_close(db);
    assert_int_equal(hub_db_open(path, HUB_DB_WRITER, &db, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "newer holdfast-hub"));
}

// A query that would take hours.
static enum cm_rc count_for_long(struct hub_db *db, struct cm_err *err) {
    static const char sql[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE"
                              " i < 100000000000) SELECT count(*) FROM n";
    struct hub_stmt *stmt = NULL;

    assert_int_equal(hub_db_query(db, &stmt, err, sql, ""), CM_OK);
    enum cm_rc rc = hub_stmt_next(stmt, err);
    hub_stmt_end(stmt);
    return rc;
}

static void a_query_ends_at_its_deadline_and_the_next_has_its_own(void **state) {
    struct cm_err err;

    hub_db_set_deadline(*state, 1); // long ago
    assert_int_equal(count_for_long(*state, &err), CM_EBUSY);
    assert_non_null(strstr(err.msg, "took too long"));
    hub_db_set_deadline(*state, 0);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM event"), 0);
}

static void a_query_ends_when_it_is_told_to_stop(void **state) {
    atomic_bool stop = true;
    struct cm_err err;

    hub_db_set_deadline(*state, INT64_MAX);
    hub_db_set_stop(*state, &stop);
    assert_int_equal(count_for_long(*state, &err), CM_EBUSY);
    stop = false;
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM event"), 0);
    hub_db_set_stop(*state, NULL);
}

static struct hub_stmt *ask_text(struct hub_db *db, const char *sql, const char *value) {
    struct hub_stmt *stmt = NULL;
    struct cm_err err;

    assert_int_equal(hub_db_query_texts(db, &stmt, &err, sql, &value, 1), CM_OK);
    assert_int_equal(hub_stmt_next(stmt, &err), CM_OK);
    return stmt;
}

static void a_text_is_asked_anew_each_time_also_while_it_is_open(void **state) {
    static const char sql[] = "SELECT ?1";
    char other[32];

    for (int i = 0; i < 100; i++) { // more than are kept
        struct hub_stmt *one = ask_text(*state, sql, "one");
        struct hub_stmt *two = ask_text(*state, sql, "two");

        (void)snprintf(other, sizeof(other), "SELECT ?1 + %d", i);
        struct hub_stmt *three = ask_text(*state, other, "1000");
        assert_string_equal(hub_stmt_text(one, 0), "one");
        assert_string_equal(hub_stmt_text(two, 0), "two");
        assert_int_equal(hub_stmt_int(three, 0), 1000 + i);
        hub_stmt_end(two);
        hub_stmt_end(i % 10 == 0 ? NULL : three); // some stay open for a while
        hub_stmt_end(one);
        if (i % 10 == 0) {
            hub_stmt_end(three);
        }
    }
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM event"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_failed_job_of_a_batch_takes_nothing_else_with_it, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(what_cannot_be_taken_back_is_told, open_db, close_db),
        cmocka_unit_test_setup_teardown(the_same_statement_can_be_open_twice, open_db, close_db),
        cmocka_unit_test_setup_teardown(a_query_ends_at_its_deadline_and_the_next_has_its_own,
                                        open_db, close_db),
        cmocka_unit_test_setup_teardown(a_query_ends_when_it_is_told_to_stop, open_db, close_db),
        cmocka_unit_test_setup_teardown(a_text_is_asked_anew_each_time_also_while_it_is_open,
                                        open_db, close_db),
        cmocka_unit_test_setup_teardown(each_commit_is_on_the_disk_before_it_is_answered, make_path,
                                        remove_path),
        cmocka_unit_test_setup_teardown(what_was_committed_is_there_after_opening_again, make_path,
                                        remove_path),
        cmocka_unit_test_setup_teardown(a_reader_cannot_write, make_path, remove_path),
        cmocka_unit_test_setup_teardown(the_log_is_small_again_after_a_long_read, make_path,
                                        remove_path),
        cmocka_unit_test_setup_teardown(a_database_of_a_newer_version_is_refused, make_path,
                                        remove_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
