#include "common/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void pauses_stay_between_min_and_three_times_the_last(void **state) {
    (void)state;

    for (int round = 0; round < 200; round++) {
        struct cm_backoff b = {.min_ms = 100, .max_ms = 30000};
        int64_t last = 100;

        for (int i = 0; i < 20; i++) {
            int64_t pause = cm_backoff_next(&b);

            assert_in_range(pause, 100, last * 3 < 30000 ? last * 3 : 30000);
            last = pause;
        }
    }
}

static void pauses_of_many_agents_are_spread_out(void **state) {
    (void)state;
    int early = 0;

    for (int i = 0; i < 1000; i++) {
        struct cm_backoff b = {.min_ms = 1000, .max_ms = 60000};

        early += cm_backoff_next(&b) < 2000;
    }
    assert_in_range(early, 300, 700); // half of the span from 1000 to 3000
}

static void a_reset_starts_again_at_the_beginning(void **state) {
    (void)state;
    struct cm_backoff b = {.min_ms = 100, .max_ms = 1000000};

    for (int i = 0; i < 100; i++) {
        (void)cm_backoff_next(&b);
    }
    cm_backoff_reset(&b);
    assert_in_range(cm_backoff_next(&b), 100, 300);
}

static void what_is_asked_for_again_doubles_up_to_half_of_max(void **state) {
    (void)state;
    static const int64_t least[] = {5000, 10000, 20000, 30000, 30000};

    for (int round = 0; round < 200; round++) {
        struct cm_backoff b = {.min_ms = 1000, .max_ms = 60000};

        for (int i = 0; i < 5; i++) {
            assert_in_range(cm_backoff_asked(&b, 5000), least[i], 60000);
        }
        cm_backoff_reset(&b);
        assert_in_range(cm_backoff_asked(&b, 5000), 5000, 10000);
    }
}

static void never_less_than_what_was_asked_for(void **state) {
    (void)state;
    struct cm_backoff b = {.min_ms = 10, .max_ms = 100};

    for (int i = 0; i < 5; i++) {
        assert_in_range(cm_backoff_asked(&b, 60000), 60000, 120000);
    }
}

static void jitter_stays_in_its_span(void **state) {
    (void)state;
    bool seen[4] = {false};

    for (int i = 0; i < 1000; i++) {
        int64_t ms = cm_jitter_ms(3);

        assert_in_range(ms, 0, 3);
        seen[ms] = true;
    }
    assert_true(seen[0] && seen[1] && seen[2] && seen[3]);
    assert_int_equal(cm_jitter_ms(0), 0);
    assert_int_equal(cm_jitter_ms(-5), 0);
    assert_true(cm_jitter_ms(INT64_MAX) >= 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_stay_between_min_and_three_times_the_last),
        cmocka_unit_test(pauses_of_many_agents_are_spread_out),
        cmocka_unit_test(a_reset_starts_again_at_the_beginning),
        cmocka_unit_test(what_is_asked_for_again_doubles_up_to_half_of_max),
        cmocka_unit_test(never_less_than_what_was_asked_for),
        cmocka_unit_test(jitter_stays_in_its_span),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
