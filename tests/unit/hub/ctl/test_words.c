#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/ctl/words.h"

static void a_list_holds_its_words(void **state) {
    (void)state;
    assert_true(ctl_has_word("app cluster", "app"));
    assert_true(ctl_has_word("app cluster", "cluster"));
    assert_true(ctl_has_word("server-only server", "server"));
}

static void a_part_of_a_word_is_no_word_of_a_list(void **state) {
    (void)state;
    assert_false(ctl_has_word("server-only", "server"));
    assert_false(ctl_has_word("server-only", "only"));
    assert_false(ctl_has_word("apps", "app"));
    assert_false(ctl_has_word("app", ""));
    assert_false(ctl_has_word("", "app"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_holds_its_words),
        cmocka_unit_test(a_part_of_a_word_is_no_word_of_a_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
