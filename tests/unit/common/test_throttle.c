#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/throttle.h"

static int take(struct cm_throttle *t, const char *key, int times, int64_t now_ms) {
    int got = 0;

    for (int i = 0; i < times; i++) {
        got += cm_throttle_take(t, key, now_ms);
    }
    return got;
}

static void a_burst_is_allowed_and_then_so_many_in_a_time(void **state) {
    struct cm_throttle *t = cm_throttle_new(3, 100);

    (void)state;
    assert_int_equal(take(t, "a", 5, 1000), 3);
    assert_int_equal(take(t, "a", 5, 1099), 0);
    assert_int_equal(take(t, "a", 5, 1250), 2);
    assert_int_equal(take(t, "a", 5, 1299), 0);
    assert_int_equal(take(t, "a", 5, 1300), 1);
    cm_throttle_free(t);
}

static void to_look_takes_nothing(void **state) {
    struct cm_throttle *t = cm_throttle_new(1, 100);

    (void)state;
    assert_true(cm_throttle_has(t, "a", 1000));
    assert_true(cm_throttle_has(t, "a", 1000));
    assert_int_equal(take(t, "a", 1, 1000), 1);
    assert_false(cm_throttle_has(t, "a", 1099));
    assert_true(cm_throttle_has(t, "a", 1100));
    assert_true(cm_throttle_has(t, "b", 1000));
    cm_throttle_free(t);
}

static void a_long_pause_fills_the_bucket_and_no_more(void **state) {
    struct cm_throttle *t = cm_throttle_new(3, 1);

    (void)state;
    assert_int_equal(take(t, "a", 5, 0), 3);
    assert_int_equal(take(t, "a", 9, INT64_MAX / 2), 3);
    cm_throttle_free(t);
}

static void keys_have_buckets_of_their_own(void **state) {
    struct cm_throttle *t = cm_throttle_new(1, 100);

    (void)state;
    assert_int_equal(take(t, "a", 2, 0), 1);
    assert_int_equal(take(t, "b", 2, 0), 1);
    cm_throttle_free(t);
}

static void of_too_many_keys_the_one_used_longest_ago_is_forgotten(void **state) {
    struct cm_throttle *t = cm_throttle_new(1, 1000000);
    char key[16];

    (void)state;
    for (int i = 0; i < 256; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(take(t, key, 1, i), 1);
    }
    assert_int_equal(take(t, "one more", 1, 300), 1);
    assert_int_equal(take(t, "k255", 1, 300), 0);
    assert_int_equal(take(t, "k0", 1, 300), 1);
    cm_throttle_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_is_allowed_and_then_so_many_in_a_time),
        cmocka_unit_test(to_look_takes_nothing),
        cmocka_unit_test(a_long_pause_fills_the_bucket_and_no_more),
        cmocka_unit_test(keys_have_buckets_of_their_own),
        cmocka_unit_test(of_too_many_keys_the_one_used_longest_ago_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
