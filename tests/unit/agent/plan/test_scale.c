#include "agent/plan/scale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MINUTE INT64_C(60000)
#define LONGEST (60 * MINUTE)

// Both clocks go alike here, a day apart.
#define DAY (24 * 60 * MINUTE)

static void change(struct agent_scale *s, int64_t before, int64_t after, int64_t at_ms) {
    const struct agent_scale_time at = {.now_ms = at_ms, .unix_ms = DAY + at_ms};

    agent_scale_add(s, before, after, &at, LONGEST);
}

static int64_t length(const struct agent_scale *s) {
    return agent_scale_due_ms(s) - s->begun_ms;
}

static void a_window_tells_from_where_to_where_and_what_was_between(void **state) {
    struct agent_scale s = {0};

    (void)state;
    change(&s, 3, 9, 1000);
    change(&s, 9, 1, 2000);
    change(&s, 1, 4, 3000);
    assert_int_equal(s.from, 3);
    assert_int_equal(s.least, 1);
    assert_int_equal(s.most, 9);
    assert_int_equal(s.last, 4);
    assert_int_equal(s.changes, 3);
    assert_int_equal(s.first_ms, DAY + 1000);
    assert_int_equal(s.last_ms, DAY + 3000);
    assert_int_equal(agent_scale_due_ms(&s), 1000 + AGENT_SCALE_WINDOW_MS);
}

static void the_next_window_knows_nothing_of_the_one_before(void **state) {
    struct agent_scale s = {0};

    (void)state;
    change(&s, 3, 9, 0);
    agent_scale_end(&s, 5 * MINUTE);
    assert_int_equal(s.changes, 0);
    change(&s, 4, 5, 6 * MINUTE);
    assert_int_equal(s.from, 4);
    assert_int_equal(s.least, 4);
    assert_int_equal(s.most, 5);
    assert_int_equal(s.changes, 1);
}

static void windows_grow_while_changes_go_on(void **state) {
    static const int64_t minutes[] = {5, 10, 20, 40, 60, 60};
    struct agent_scale s = {0};
    int64_t now_ms = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(minutes) / sizeof(minutes[0]); i++) {
        change(&s, 3, 4, now_ms);
        assert_int_equal(length(&s), minutes[i] * MINUTE);
        now_ms = agent_scale_due_ms(&s);
        agent_scale_end(&s, now_ms);
        now_ms += MINUTE;
    }
}

static void after_a_rest_a_window_is_short_again(void **state) {
    struct agent_scale s = {0};

    (void)state;
    change(&s, 3, 4, 0);
    agent_scale_end(&s, 5 * MINUTE);
    change(&s, 4, 5, 6 * MINUTE);
    agent_scale_end(&s, 16 * MINUTE);
    change(&s, 5, 4, 26 * MINUTE);
    assert_int_equal(length(&s), AGENT_SCALE_WINDOW_MS);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_window_tells_from_where_to_where_and_what_was_between),
    cmocka_unit_test(the_next_window_knows_nothing_of_the_one_before),
    cmocka_unit_test(windows_grow_while_changes_go_on),
    cmocka_unit_test(after_a_rest_a_window_is_short_again),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
