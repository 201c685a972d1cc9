#include "hub/jobs/store.h"

#include "common/loop.h"
#include "desk.h"
#include "hub/store/db.h"

struct write {
    struct hub_store_job job;
    enum cm_rc code;
    bool done;
};

static enum cm_rc write_some(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    (void)job;
    return hub_db_run(db, err, "INSERT OR REPLACE INTO meta (name, value) VALUES ('much', 1)", "");
}

static enum cm_rc write_other(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    (void)job;
    return hub_db_run(db, err, "INSERT INTO meta (name, value) VALUES ('other', 1)", "");
}

static enum cm_rc write_third(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    (void)job;
    return hub_db_run(db, err, "INSERT INTO meta (name, value) VALUES ('third', 1)", "");
}

static enum cm_rc write_and_fail(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    enum cm_rc rc = write_some(job, db, err);

    return rc < 0 ? rc : cm_fail(err, CM_EINVAL, "no");
}

static void on_done(struct hub_store_job *job, const struct cm_err *err) {
    struct write *w = (struct write *)(void *)job;

    w->code = err->code;
    w->done = true;
}

static enum cm_rc submit(struct desk *d) {
    struct write w = {.job = {.run = write_some, .done = on_done}};

    hub_store_submit(d->store, &w.job);
    desk_settle(d);
    assert_true(w.done);
    return w.code;
}

static void that_the_disk_is_full_is_known_until_it_is_not(void **state) {
    struct desk *d = *state;

    assert_false(hub_store_is_failing(d->store));
    desk_fail(d);
    assert_int_not_equal(submit(d), CM_OK);
    assert_true(hub_store_is_failing(d->store));
    desk_mend(d);
    assert_int_equal(submit(d), CM_OK);
    assert_false(hub_store_is_failing(d->store));
}

static void a_large_job_that_fails_takes_back_what_it_wrote_and_nothing_else(void **state) {
    struct desk *d = *state;
    struct write before = {.job = {.run = write_other, .done = on_done}};
    struct write large = {.job = {.run = write_and_fail, .done = on_done}};
    struct write after = {.job = {.run = write_third, .done = on_done}};

    hub_store_submit(d->store, &before.job);
    hub_store_submit_large(d->store, &large.job);
    hub_store_submit(d->store, &after.job);
    desk_settle(d);
    assert_int_equal(before.code, CM_OK);
    assert_int_equal(large.code, CM_EINVAL);
    assert_int_equal(after.code, CM_OK);
    assert_false(hub_store_is_failing(d->store));
    assert_int_equal(desk_count(d, "SELECT count(*) FROM meta WHERE name = 'much'"), 0);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM meta WHERE name IN ('other', 'third')"),
                     2);
}

static void a_large_job_is_kept(void **state) {
    struct desk *d = *state;
    struct write large = {.job = {.run = write_some, .done = on_done}};

    hub_store_submit_large(d->store, &large.job);
    desk_settle(d);
    assert_int_equal(large.code, CM_OK);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM meta WHERE name = 'much'"), 1);
}

static void a_large_job_is_told_that_the_disk_is_full(void **state) {
    struct desk *d = *state;
    struct write large = {.job = {.run = write_some, .done = on_done}};

    desk_fail(d);
    hub_store_submit_large(d->store, &large.job);
    desk_settle(d);
    assert_int_not_equal(large.code, CM_OK);
    assert_true(hub_store_is_failing(d->store));
    desk_mend(d);
    assert_int_equal(submit(d), CM_OK);
}

// SQLite takes the transaction back by itself, as when the disk is full.
static enum cm_rc write_and_lose(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    enum cm_rc rc = write_some(job, db, err);

    return rc < 0 ? rc
                  : hub_db_run(db, err,
                               "INSERT OR ROLLBACK INTO meta (name, value)"
                               " VALUES ('much', 2)",
                               "");
}

static void what_sqlite_takes_back_by_itself_is_a_failure_of_the_disk(void **state) {
    struct desk *d = *state;
    struct write large = {.job = {.run = write_and_lose, .done = on_done}};

    // Nothing is submitted after it before its end is known: the next that succeeds ends it.
    hub_store_submit_large(d->store, &large.job);
    while (!large.done) {
        (void)cm_loop_turn(d->loop);
    }
    assert_int_equal(large.code, CM_EIO);
    assert_true(hub_store_is_failing(d->store));
    assert_int_equal(submit(d), CM_OK);
    assert_false(hub_store_is_failing(d->store));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(that_the_disk_is_full_is_known_until_it_is_not, desk_open,
                                        desk_close),
        cmocka_unit_test_setup_teardown(
            a_large_job_that_fails_takes_back_what_it_wrote_and_nothing_else, desk_open,
            desk_close),
        cmocka_unit_test_setup_teardown(a_large_job_is_kept, desk_open, desk_close),
        cmocka_unit_test_setup_teardown(what_sqlite_takes_back_by_itself_is_a_failure_of_the_disk,
                                        desk_open, desk_close),
        cmocka_unit_test_setup_teardown(a_large_job_is_told_that_the_disk_is_full, desk_open,
                                        desk_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
