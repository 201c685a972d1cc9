#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "hub/ctl/table.h"

#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

static void assert_age(long long ago_ms, const char *expected) {
    char text[CTL_AGE_MAX];

    assert_string_equal(ctl_age(cm_clock_unix_ms() - ago_ms, text), expected);
}

static void an_age_has_the_unit_that_people_think_in(void **state) {
    (void)state;
    assert_age(3 * MINUTE + SECOND, "3m");
    assert_age(3 * HOUR + MINUTE, "3h");
    assert_age(72 * HOUR + MINUTE, "3d");
}

static void no_time_has_no_age(void **state) {
    char text[CTL_AGE_MAX];

    (void)state;
    assert_string_equal(ctl_age(0, text), "-");
}

static void a_clock_that_is_ahead_makes_no_negative_age(void **state) {
    (void)state;
    assert_age(-HOUR, "0s");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_age_has_the_unit_that_people_think_in),
        cmocka_unit_test(no_time_has_no_age),
        cmocka_unit_test(a_clock_that_is_ahead_makes_no_negative_age),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
