#include "hub/hold/hours.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"

static int64_t ms(const char *text) {
    int64_t at = 0;

    assert_true(cm_clock_parse(text, &at));
    return at;
}

static void expect(const char *hours, const char *at, const char *next) {
    struct hub_hours h;
    struct cm_err err;

    if (hub_hours_parse(hours, &h, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(hub_hours_next(&h, ms(at)), ms(next));
}

static void within_them_it_is_the_moment_itself(void **state) {
    (void)state;
    expect("Mon-Fri 08:00-17:00", "2026-10-01T08:00:00Z", "2026-10-01T08:00:00Z"); // a Thursday
    expect("Mon-Fri 08:00-17:00", "2026-10-01T16:59:59Z", "2026-10-01T16:59:59Z");
    expect("Mon-Sun 00:00-24:00", "2026-10-03T23:59:59Z", "2026-10-03T23:59:59Z");
}

static void outside_it_is_when_they_begin_next(void **state) {
    (void)state;
    expect("Mon-Fri 08:00-17:00", "2026-10-01T03:00:00Z", "2026-10-01T08:00:00Z");
    expect("Mon-Fri 08:00-17:00", "2026-10-01T17:00:00Z", "2026-10-02T08:00:00Z");
    expect("Mon-Fri 08:00-17:00", "2026-10-02T18:00:00Z", "2026-10-05T08:00:00Z");
    expect("Thu 08:00-17:00", "2026-10-01T17:00:00Z", "2026-10-08T08:00:00Z");
}

static void they_are_those_of_the_place(void **state) {
    (void)state;
    expect("Mon-Fri 08:00-17:00 +02:00", "2026-10-01T06:30:00Z", "2026-10-01T06:30:00Z");
    expect("Mon-Fri 08:00-17:00 +02:00", "2026-10-01T15:30:00Z", "2026-10-02T06:00:00Z");
    expect("Mon 00:00-09:00 -08:00", "2026-10-05T07:30:00Z", "2026-10-05T08:00:00Z");
}

static void days_are_ranges_and_lists(void **state) {
    (void)state;
    expect("Sat-Mon,Wed 10:00-12:00", "2026-10-01T09:00:00Z", "2026-10-03T10:00:00Z");
    expect("Sat-Mon,Wed 10:00-12:00", "2026-10-05T12:00:00Z", "2026-10-07T10:00:00Z");
}

static void they_may_go_over_midnight_and_belong_to_the_day_on_which_they_begin(void **state) {
    (void)state;
    expect("Mon-Fri 22:00-06:00", "2026-10-01T23:00:00Z", "2026-10-01T23:00:00Z"); // a Thursday
    expect("Mon-Fri 22:00-06:00", "2026-10-02T05:59:59Z", "2026-10-02T05:59:59Z");
    expect("Mon-Fri 22:00-06:00", "2026-10-02T06:00:00Z", "2026-10-02T22:00:00Z");
    expect("Mon-Fri 22:00-06:00", "2026-10-03T05:00:00Z", "2026-10-03T05:00:00Z"); // Friday's
    expect("Mon-Fri 22:00-06:00", "2026-10-03T06:00:00Z", "2026-10-05T22:00:00Z");
    expect("Mon-Fri 22:00-06:00", "2026-10-05T03:00:00Z", "2026-10-05T22:00:00Z"); // no Sunday's
    expect("Sun 22:00-06:00 +02:00", "2026-10-05T03:59:59Z", "2026-10-05T03:59:59Z");
}

static void what_is_none_is_refused_with_an_example(void **state) {
    static const char *const wrong[] = {"",
                                        "Mon",
                                        "Mon-Fri",
                                        "mon-fri 08:00-17:00",
                                        "Mon-Fri 8:00-17:00",
                                        "Mon-Fri 17:00-17:00",
                                        "Mon-Fri 24:00-17:00",
                                        "Mon-Fri 08:00-25:00",
                                        "Mon-Fri 08:60-17:00",
                                        "Mon- 08:00-17:00",
                                        "Mon,,Fri 08:00-17:00",
                                        "Mon-Fri 08:00-17:00 Europe/Berlin",
                                        "Mon-Fri 08:00-17:00 +15:00",
                                        "Mon-Fri 08:00-17:00+02:00",
                                        "Mon-Fri 08:00-17:00 "};
    struct hub_hours h;
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(hub_hours_parse(wrong[i], &h, &err), CM_EINVAL);
        assert_non_null(strstr(err.msg, "write them as 'Mon-Fri"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(within_them_it_is_the_moment_itself),
        cmocka_unit_test(outside_it_is_when_they_begin_next),
        cmocka_unit_test(they_are_those_of_the_place),
        cmocka_unit_test(days_are_ranges_and_lists),
        cmocka_unit_test(they_may_go_over_midnight_and_belong_to_the_day_on_which_they_begin),
        cmocka_unit_test(what_is_none_is_refused_with_an_example),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
