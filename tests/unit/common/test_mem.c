#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void new_memory_is_zero(void **state) {
    (void)state;
    CM_AUTOFREE char *p = cm_new(3, 100);

    for (int i = 0; i < 300; i++) {
        assert_int_equal(p[i], 0);
    }
}

static void a_taken_pointer_is_not_freed_by_its_cleanup(void **state) {
    (void)state;
    char *taken;

    {
        CM_AUTOFREE char *p = cm_strdup("kept");
        taken = CM_TAKE(p);
        assert_null(p);
    }
    assert_string_equal(taken, "kept");
    free(taken);
}

static void copies_end_where_they_are_told(void **state) {
    (void)state;
    CM_AUTOFREE char *part = cm_strndup("paris-1", 5);
    CM_AUTOFREE char *whole = cm_strndup("paris", 99);

    assert_string_equal(part, "paris");
    assert_string_equal(whole, "paris");
    assert_null(cm_strdup(NULL));
}

static void a_resized_block_keeps_what_it_had(void **state) {
    (void)state;
    char *p = cm_strdup("abc");

    p = cm_resize(p, 10000);
    assert_string_equal(p, "abc");
    free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_memory_is_zero),
        cmocka_unit_test(a_taken_pointer_is_not_freed_by_its_cleanup),
        cmocka_unit_test(copies_end_where_they_are_told),
        cmocka_unit_test(a_resized_block_keeps_what_it_had),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
