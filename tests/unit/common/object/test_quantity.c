#include "common/object/quantity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/common/object/docs.h"

static bool same(void **state, const char *a, const char *b) {
    return cm_quantity_equal(yaml(state, a), yaml(state, b));
}

static void quantities_are_equal_by_value(void **state) {
    assert_true(same(state, "1", "1000m"));
    assert_true(same(state, "'1'", "1.0"));
    assert_true(same(state, "0.5Gi", "512Mi"));
    assert_true(same(state, "1Ki", "1024"));
    assert_true(same(state, "1k", "1e3"));
    assert_true(same(state, "'1e3'", "1E3"));
    assert_true(same(state, "1E", "1000P"));
    assert_true(same(state, "100u", "100000n"));
    assert_true(same(state, "0", "0Gi"));
    assert_true(same(state, "-1", "'-1000m'"));
    assert_true(same(state, "8Ei", "9223372036854775808"));
}

static void other_values_are_not_equal(void **state) {
    assert_false(same(state, "1", "1001m"));
    assert_false(same(state, "1Mi", "1M"));
    assert_false(same(state, "1", "-1"));
    assert_false(same(state, "1", "10"));
    assert_false(same(state, "1024", "1"));
}

static void what_is_no_quantity_equals_none(void **state) {
    assert_false(same(state, "1Zi", "1Zi"));
    assert_false(same(state, "x", "x"));
    assert_false(same(state, "''", "''"));
    assert_false(same(state, "[1]", "[1]"));
    assert_false(same(state, "true", "true"));
    assert_false(same(state, "999999999999999999999999999999999999999", "1"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities_are_equal_by_value),
        cmocka_unit_test(other_values_are_not_equal),
        cmocka_unit_test(what_is_no_quantity_equals_none),
    };

    return cmocka_run_group_tests(tests, set_up, take_down);
}
