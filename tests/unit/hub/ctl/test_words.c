#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/options.h"
#include "hub/ctl/words.h"

static const struct cm_option options[] = {
    {.name = "app", .type = CM_OPTION_STRING},
    {.name = "output", .type = CM_OPTION_STRING, .short_name = 'o'},
};

static void assert_names(const char *word, const char *name) {
    CM_AUTOFREE char *found = ctl_option_name(options, 2, word);

    if (name == NULL) {
        assert_null(found);
    } else {
        assert_non_null(found);
        assert_string_equal(found, name);
    }
}

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

static void long_options_name_themselves(void **state) {
    (void)state;
    assert_names("--app", "app");
    assert_names("--app=x=y", "app");
}

static void short_options_stand_for_long_ones(void **state) {
    (void)state;
    assert_names("-o", "output");
    assert_names("-ojson", "output");
}

static void arguments_and_unknown_letters_are_no_options(void **state) {
    (void)state;
    assert_names("clusters", NULL);
    assert_names("-", NULL);
    assert_names("-x", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_holds_its_words),
        cmocka_unit_test(a_part_of_a_word_is_no_word_of_a_list),
        cmocka_unit_test(long_options_name_themselves),
        cmocka_unit_test(short_options_stand_for_long_ones),
        cmocka_unit_test(arguments_and_unknown_letters_are_no_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
