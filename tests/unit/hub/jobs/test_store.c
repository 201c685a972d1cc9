#include "hub/jobs/store.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(that_the_disk_is_full_is_known_until_it_is_not, desk_open,
                                        desk_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
