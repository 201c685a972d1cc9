#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_faked_clock_moves_only_when_told(void **state) {
    (void)state;

    cm_clock_fake(1000);
    assert_int_equal(cm_clock_now_ms(), 1000);
    assert_int_equal(cm_clock_now_us(), 1000000);
    assert_int_equal(cm_clock_unix_ms(), 1000);
    cm_clock_advance(42);
    assert_int_equal(cm_clock_now_ms(), 1042);
    cm_clock_fake(-1);
    assert_true(cm_clock_unix_ms() > INT64_C(1700000000000));
}

static void the_real_clock_does_not_go_back(void **state) {
    (void)state;
    int64_t before = cm_clock_now_us();

    assert_true(cm_clock_now_us() >= before);
}

static const char *format(int64_t ms) {
    static char text[CM_CLOCK_TEXT_MAX];

    cm_clock_format(ms, text);
    return text;
}

static void times_are_written_in_utc_with_milliseconds(void **state) {
    (void)state;

    assert_string_equal(format(0), "1970-01-01T00:00:00.000Z");
    assert_string_equal(format(INT64_C(1790856000123)), "2026-10-01T12:00:00.123Z");
    assert_string_equal(format(-1), "1969-12-31T23:59:59.999Z");
    assert_string_equal(format(INT64_MAX), "9999-12-31T23:59:59.999Z");
    assert_string_equal(format(INT64_MIN), "0000-01-01T00:00:00.000Z");
}

static void times_are_read_with_any_fraction_and_offset(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-10-01T12:00:00.123Z", INT64_C(1790856000123)},
        {"2026-10-01T12:00:00.1Z", INT64_C(1790856000100)},
        {"2026-10-01T12:00:00.123456789z", INT64_C(1790856000123)},
        {"2026-10-01T14:00:00+02:00", INT64_C(1790856000000)},
        {"2026-10-01t06:30:00-05:30", INT64_C(1790856000000)},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800000)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000)},
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t ms = -7;

        assert_true(cm_clock_parse(good[i].text, &ms));
        assert_int_equal(ms, good[i].ms);
    }
}

static void what_is_no_time_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "2026",
        "2026-10-01",
        "2026-10-01T12:00:00",
        "2026-10-01 12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-00-01T12:00:00Z",
        "2026-02-29T12:00:00Z",
        "2026-04-31T12:00:00Z",
        "2026-10-00T12:00:00Z",
        "2026-10-01T24:00:00Z",
        "2026-10-01T12:60:00Z",
        "2026-10-01T12:00:61Z",
        "2026-10-01T12:00:00.Z",
        "2026-10-01T12:00:00Zx",
        "2026-10-01T12:00:00+0200",
        "2026-10-01T12:00:00+24:00",
        "26-10-01T12:00:00Z",
        "2026-10-01T12:00:00+02:",
        "2026-1-01T12:00:00Z",
        "-026-10-01T12:00:00Z",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ms = -7;

        assert_false(cm_clock_parse(bad[i], &ms));
        assert_int_equal(ms, -7);
    }
}

static void what_is_written_is_read_back(void **state) {
    (void)state;

    for (int64_t ms = INT64_C(-62167219200000); ms <= INT64_C(253402300799999);
         ms += INT64_C(123456789012)) {
        int64_t back;

        assert_true(cm_clock_parse(format(ms), &back));
        assert_int_equal(back, ms);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_faked_clock_moves_only_when_told),
        cmocka_unit_test(the_real_clock_does_not_go_back),
        cmocka_unit_test(times_are_written_in_utc_with_milliseconds),
        cmocka_unit_test(times_are_read_with_any_fraction_and_offset),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(what_is_written_is_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
