// How much of the store one agent may use up.
#include "hub/session/allowance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NOW_MS 1000000

static void there_is_room_for_a_full_report_of_a_large_cluster(void **state) {
    struct hub_allowance a = {0};

    (void)state;
    for (int sent = 0; sent < 128; sent++) {
        assert_true(hub_allowance_take(&a, (size_t)1 << 20, NOW_MS));
    }
    assert_false(hub_allowance_take(&a, 1, NOW_MS));
}

static void it_fills_again_with_time(void **state) {
    struct hub_allowance a = {.used_bytes = HUB_ALLOWANCE_BYTES, .at_ms = NOW_MS};

    (void)state;
    assert_false(hub_allowance_take(&a, 1, NOW_MS));
    assert_true(hub_allowance_take(&a, HUB_ALLOWANCE_BYTES_PER_MS, NOW_MS + 1));
    assert_false(hub_allowance_take(&a, 1, NOW_MS + 1));
}

static void a_debt_is_paid_before_anything_else(void **state) {
    struct hub_allowance a = {.used_bytes = HUB_ALLOWANCE_BYTES - 1, .at_ms = NOW_MS};

    (void)state;
    assert_true(hub_allowance_take(&a, 10 * HUB_ALLOWANCE_BYTES_PER_MS, NOW_MS));
    assert_false(hub_allowance_take(&a, 1, NOW_MS + 9));
    assert_true(hub_allowance_take(&a, 1, NOW_MS + 10));
}

static void it_holds_no_more_than_when_it_was_new(void **state) {
    struct hub_allowance a = {.used_bytes = 5, .at_ms = NOW_MS};

    (void)state;
    assert_true(hub_allowance_take(&a, (size_t)HUB_ALLOWANCE_BYTES, INT64_MAX / 2));
    assert_false(hub_allowance_take(&a, 1, INT64_MAX / 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_room_for_a_full_report_of_a_large_cluster),
        cmocka_unit_test(it_fills_again_with_time),
        cmocka_unit_test(a_debt_is_paid_before_anything_else),
        cmocka_unit_test(it_holds_no_more_than_when_it_was_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
