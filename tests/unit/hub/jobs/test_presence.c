#include "hub/jobs/presence.h"

#include "desk.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"

struct answer {
    size_t count;
    enum cm_rc code;
    struct hub_report_mark last;
};

static void on_connected(void *ctx, const struct cm_err *err, const struct hub_report_mark *last) {
    struct answer *a = ctx;

    a->count++;
    a->code = err->code;
    a->last = *last;
}

static void connect(struct desk *d, const char *cluster, struct answer *a) {
    struct hub_presence_row row = {.cluster = cluster,
                                   .version = "1.0",
                                   .driver = "sim",
                                   .target = "v1",
                                   .address = "192.0.2.1:4711"};

    hub_presence_connected(d->store, &row, on_connected, a);
    desk_settle(d);
}

static void who_connects_is_on_record_with_an_event(void **state) {
    struct desk *d = *state;
    struct answer a = {0};

    cm_clock_fake(5000);
    connect(d, "paris-1", &a);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.code, CM_OK);
    assert_int_equal(desk_count(d, "SELECT seen_ms FROM presence WHERE connected"
                                   " AND cluster = 'paris-1' AND driver = 'sim'"),
                     5000);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event WHERE kind = 'agent.connected'"
                                   " AND message = '192.0.2.1:4711' AND at_ms = 5000"),
                     1);
}

static void the_answer_tells_the_last_report_on_record(void **state) {
    struct desk *d = *state;
    struct answer a = {0};

    connect(d, "paris-1", &a);
    assert_int_equal(a.last.number, 0);
    assert_string_equal(a.last.run, "");
    desk_run(d, "UPDATE presence SET run = 'a-run', report = 7");
    connect(d, "paris-1", &a);
    assert_int_equal(a.last.number, 7);
    assert_string_equal(a.last.run, "a-run");
}

static void who_leaves_is_offline_with_the_reason(void **state) {
    struct desk *d = *state;
    struct answer a = {0};

    cm_clock_fake(5000);
    connect(d, "paris-1", &a);
    cm_clock_advance(4000);
    hub_presence_disconnected(d->store, "paris-1", 8000, "no heartbeat");
    assert_int_equal(desk_count(d, "SELECT seen_ms FROM presence WHERE NOT connected"), 8000);
    assert_int_equal(desk_count(d, "SELECT at_ms FROM event WHERE kind = 'agent.disconnected'"
                                   " AND message = 'no heartbeat'"),
                     9000);
}

static void beats_are_written_for_all_and_never_back_in_time(void **state) {
    struct desk *d = *state;
    struct answer a = {0};
    char name[] = "paris-1";
    struct hub_presence_beat beats[] = {{name, 7000}, {"rome-1", 4000}, {"nowhere", 9000}};

    cm_clock_fake(5000);
    connect(d, "paris-1", &a);
    connect(d, "rome-1", &a);
    hub_presence_seen_all(d->store, beats, 3);
    memset(name, 'x', strlen(name)); // they are copied
    assert_int_equal(desk_count(d, "SELECT seen_ms FROM presence WHERE cluster = 'paris-1'"), 7000);
    assert_int_equal(desk_count(d, "SELECT seen_ms FROM presence WHERE cluster = 'rome-1'"), 5000);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM presence"), 2);
}

static void who_cannot_be_put_on_record_is_told(void **state) {
    struct desk *d = *state;
    struct answer a = {0};

    desk_fail(d);
    connect(d, "paris-1", &a);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.code, CM_EIO);
    desk_mend(d);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM presence"), 0);
}

#define DESK_TEST(name) cmocka_unit_test_setup_teardown(name, desk_open, desk_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        DESK_TEST(who_connects_is_on_record_with_an_event),
        DESK_TEST(the_answer_tells_the_last_report_on_record),
        DESK_TEST(who_leaves_is_offline_with_the_reason),
        DESK_TEST(beats_are_written_for_all_and_never_back_in_time),
        DESK_TEST(who_cannot_be_put_on_record_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
