#include "hub/jobs/upkeep.h"

#include "desk.h"

#include "common/clock.h"
#include "common/loop.h"

#define HOUR_MS ((int64_t)3600 * 1000)

static void fill(struct desk *d) {
    desk_run(d, "INSERT INTO blob VALUES (x'0011', 'nobody names it')");
    desk_run(d, "INSERT INTO event (at_ms, kind, cluster, app, key, revision, actor, message)"
                " SELECT 1, 'sync.resolved', '', '', '', '', '', '' FROM"
                " (SELECT 1 UNION SELECT 2 UNION SELECT 3)");
}

static void old_events_and_needless_blobs_go_after_an_hour(void **state) {
    struct desk *d = *state;

    cm_clock_fake(1000);
    fill(d);
    struct hub_upkeep *u = hub_upkeep_start(d->loop, d->store, 2);
    cm_clock_advance(HOUR_MS - 1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event"), 3);
    cm_clock_advance(1);
    desk_settle(d);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event"), 2);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM blob"), 0);
    hub_upkeep_stop(u);
    desk_settle(d);
    hub_upkeep_free(u);
}

static void they_go_again_an_hour_later(void **state) {
    struct desk *d = *state;

    cm_clock_fake(1000);
    struct hub_upkeep *u = hub_upkeep_start(d->loop, d->store, 2);
    cm_clock_advance(HOUR_MS);
    desk_settle(d);
    fill(d);
    cm_clock_advance(HOUR_MS);
    desk_settle(d);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM blob"), 0);
    hub_upkeep_stop(u);
    hub_upkeep_free(u);
}

static void a_disk_that_is_full_puts_it_off(void **state) {
    struct desk *d = *state;

    cm_clock_fake(1000);
    fill(d);
    struct hub_upkeep *u = hub_upkeep_start(d->loop, d->store, 2);
    desk_fail(d);
    cm_clock_advance(HOUR_MS);
    desk_settle(d);
    desk_mend(d);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event"), 3);
    cm_clock_advance(HOUR_MS);
    desk_settle(d);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM blob"), 0);
    hub_upkeep_stop(u);
    hub_upkeep_free(u);
}

static void nothing_begins_once_it_is_stopped(void **state) {
    struct desk *d = *state;

    cm_clock_fake(1000);
    fill(d);
    struct hub_upkeep *u = hub_upkeep_start(d->loop, d->store, 2);
    hub_upkeep_stop(u);
    cm_clock_advance(HOUR_MS);
    desk_settle(d);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event"), 3);
    hub_upkeep_free(u);
}

static void what_is_under_way_when_it_is_stopped_is_the_last(void **state) {
    struct desk *d = *state;

    cm_clock_fake(1000);
    fill(d);
    struct hub_upkeep *u = hub_upkeep_start(d->loop, d->store, 2);
    cm_clock_advance(HOUR_MS);
    assert_true(cm_loop_turn(d->loop));
    hub_upkeep_stop(u);
    cm_clock_advance(HOUR_MS);
    desk_settle(d);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event"), 2);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM blob"), 1);
    hub_upkeep_free(u);
}

#define DESK_TEST(name) cmocka_unit_test_setup_teardown(name, desk_open, desk_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        DESK_TEST(old_events_and_needless_blobs_go_after_an_hour),
        DESK_TEST(they_go_again_an_hour_later),
        DESK_TEST(a_disk_that_is_full_puts_it_off),
        DESK_TEST(nothing_begins_once_it_is_stopped),
        DESK_TEST(what_is_under_way_when_it_is_stopped_is_the_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
