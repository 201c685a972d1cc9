#include "tests/unit/hub/store/memory_db.h"

#include <stdio.h>

#include "hub/store/desired.h"
#include "hub/store/needs.h"

#define NEEDS "SELECT count(*) FROM needs_human"

static void need(struct hub_db *db, const char *app, int number, const char *why) {
    char key[40];
    struct cm_err err;

    (void)snprintf(key, sizeof(key), "Deployment.apps/default/w%d", number);
    assert_int_equal(
        hub_needs_put(
            db,
            &(struct hub_need_row){
                .cluster = "paris", .app = app, .key = key, .why = why, .revision = "", .form = ""},
            &err),
        CM_OK);
}

static int open_with_app(void **state) {
    const struct hub_pair_row row = {
        .cluster = "paris", .app = "web", .repo = "fleet", .revision = "abc", .generation = 1};
    struct cm_err err;

    (void)open_db(state);
    assert_int_equal(hub_desired_put_pair(*state, &row, &err), CM_OK);
    return 0;
}

static void nobody_is_needed_for_an_app_that_is_not_there(void **state) {
    need(*state, "gone", 1, "look");
    assert_int_equal(count_rows(*state, NEEDS), 0);
    need(*state, "web", 1, "look");
    assert_int_equal(count_rows(*state, NEEDS), 1);
}

static void an_agent_can_tell_only_so_much_of_what_needs_people(void **state) {
    for (int i = 0; i < HUB_NEEDS_MAX + 6; i++) {
        need(*state, "web", i, "look");
    }
    assert_int_equal(count_rows(*state, NEEDS), HUB_NEEDS_MAX);
    need(*state, "web", 1, "look again");
    assert_int_equal(count_rows(*state, NEEDS " WHERE why = 'look again'"), 1);
    assert_int_equal(count_rows(*state, NEEDS), HUB_NEEDS_MAX);
}

static void it_is_known_whether_anybody_is_needed_at_all(void **state) {
    struct cm_err err;
    bool any = true;

    assert_int_equal(hub_needs_any(*state, &any, &err), CM_OK);
    assert_false(any);
    need(*state, "web", 1, "look");
    assert_int_equal(hub_needs_any(*state, &any, &err), CM_OK);
    assert_true(any);
}

static void put_wait(struct hub_db *db) {
    struct cm_err err;

    assert_int_equal(hub_needs_put(db,
                                   &(struct hub_need_row){.cluster = "paris",
                                                          .app = "web",
                                                          .key = "Deployment.apps/default/w1",
                                                          .why = "promote it",
                                                          .revision = "",
                                                          .form = "",
                                                          .waits = true},
                                   &err),
                     CM_OK);
}

static void that_somebody_waits_settles_nothing(void **state) {
    need(*state, "web", 1, "look");
    put_wait(*state);
    assert_int_equal(count_rows(*state, NEEDS " WHERE waits = 0 AND why = 'look'"), 1);
    assert_int_equal(count_rows(*state, NEEDS), 1);
}

static void who_waits_is_replaced_by_what_only_people_can_settle(void **state) {
    put_wait(*state);
    put_wait(*state);
    assert_int_equal(count_rows(*state, NEEDS " WHERE waits = 1"), 1);
    need(*state, "web", 1, "look");
    assert_int_equal(count_rows(*state, NEEDS " WHERE waits = 0"), 1);
    assert_int_equal(count_rows(*state, NEEDS), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_is_needed_for_an_app_that_is_not_there,
                                        open_with_app, close_db),
        cmocka_unit_test_setup_teardown(an_agent_can_tell_only_so_much_of_what_needs_people,
                                        open_with_app, close_db),
        cmocka_unit_test_setup_teardown(it_is_known_whether_anybody_is_needed_at_all, open_with_app,
                                        close_db),
        cmocka_unit_test_setup_teardown(that_somebody_waits_settles_nothing, open_with_app,
                                        close_db),
        cmocka_unit_test_setup_teardown(who_waits_is_replaced_by_what_only_people_can_settle,
                                        open_with_app, close_db),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
