#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "hub/past/moment.h"

#define HOUR_MS ((int64_t)3600 * 1000)

static int64_t at(const char *rfc3339) {
    int64_t ms = 0;

    assert_true(cm_clock_parse(rfc3339, &ms));
    return ms;
}

static int64_t now_ms(void) {
    return at("2026-10-05T12:00:00Z");
}

static int64_t parsed(const char *text) {
    struct cm_err err = {0};
    int64_t ms = 0;

    if (hub_moment_parse(text, now_ms(), &ms, &err) != CM_OK) {
        fail_msg("'%s': %s", text, err.msg);
    }
    return ms;
}

static void assert_refused(const char *text, const char *words) {
    struct cm_err err = {0};
    int64_t ms = 0;

    assert_int_equal(hub_moment_parse(text, now_ms(), &ms, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, words));
}

static void so_long_ago_is_counted_from_now(void **state) {
    (void)state;
    assert_int_equal(parsed("now"), now_ms());
    assert_int_equal(parsed("2.hours.ago"), now_ms() - 2 * HOUR_MS);
    assert_int_equal(parsed("1.hour.ago"), now_ms() - HOUR_MS);
    assert_int_equal(parsed("90 minutes ago"), now_ms() - 3 * HOUR_MS / 2);
    assert_int_equal(parsed("30.seconds.ago"), now_ms() - 30000);
    assert_int_equal(parsed("yesterday"), now_ms() - 24 * HOUR_MS);
    assert_int_equal(parsed("2.weeks.ago"), now_ms() - 14 * 24 * HOUR_MS);
    assert_int_equal(parsed("1.month.ago"), now_ms() - 30 * 24 * HOUR_MS);
    assert_int_equal(parsed("1.year.ago"), now_ms() - 365 * 24 * HOUR_MS);
}

static void a_time_without_offset_is_utc(void **state) {
    (void)state;
    assert_int_equal(parsed("2026-10-01"), at("2026-10-01T00:00:00Z"));
    assert_int_equal(parsed("2026-10-01T12:00"), at("2026-10-01T12:00:00Z"));
    assert_int_equal(parsed("2026-10-01 12:00"), at("2026-10-01T12:00:00Z"));
    assert_int_equal(parsed("2026-10-01T12:00:30"), at("2026-10-01T12:00:30Z"));
    assert_int_equal(parsed("2026-10-01T12:00:30.250"), at("2026-10-01T12:00:30Z") + 250);
}

static void an_offset_is_counted(void **state) {
    (void)state;
    assert_int_equal(parsed("2026-10-01T12:00+02:00"), at("2026-10-01T10:00:00Z"));
    assert_int_equal(parsed("2026-10-01T12:00Z"), at("2026-10-01T12:00:00Z"));
    assert_int_equal(parsed("2026-10-01T12:00:30-01:30"), at("2026-10-01T13:30:30Z"));
}

static void what_is_no_time_is_an_error_that_shows_one(void **state) {
    static const char *const wrong[] = {"",
                                        "2",
                                        "2.hours",
                                        "two.hours.ago",
                                        "2.hourz.ago",
                                        "2..ago",
                                        "-2.hours.ago",
                                        "2.hours.ago ",
                                        "99999999999999999999.hours.ago",
                                        "2026-13-01",
                                        "2026-10-01T25:00",
                                        "2026-10-01T12",
                                        "2026-10-01+02:00",
                                        "last tuesday"};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_refused(wrong[i], "2.hours.ago");
    }
}

static void what_is_still_to_come_is_refused(void **state) {
    (void)state;
    assert_refused("2026-10-05T12:01", "still to come");
    assert_int_equal(parsed("2026-10-05T12:00"), now_ms());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_long_ago_is_counted_from_now),
        cmocka_unit_test(a_time_without_offset_is_utc),
        cmocka_unit_test(an_offset_is_counted),
        cmocka_unit_test(what_is_no_time_is_an_error_that_shows_one),
        cmocka_unit_test(what_is_still_to_come_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
