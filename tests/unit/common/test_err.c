#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_failure_returns_its_code_and_keeps_its_words(void **state) {
    (void)state;
    struct cm_err err;

    assert_int_equal(cm_fail(&err, CM_ENOTFOUND, "no cluster is named '%s'", "x"), CM_ENOTFOUND);
    assert_int_equal(err.code, CM_ENOTFOUND);
    assert_string_equal(err.msg, "no cluster is named 'x'");
}

static void wrapping_puts_words_in_front_and_keeps_the_code(void **state) {
    (void)state;
    struct cm_err err;

    (void)cm_fail(&err, CM_EIO, "disk full");
    assert_int_equal(cm_wrap(&err, "save '%s'", "a"), CM_EIO);
    assert_int_equal(cm_wrap(&err, "sync"), CM_EIO);
    assert_string_equal(err.msg, "sync: save 'a': disk full");
}

static void an_error_may_be_made_from_its_own_message(void **state) {
    (void)state;
    struct cm_err err;

    (void)cm_fail(&err, CM_EIO, "disk full");
    (void)cm_fail(&err, CM_EBUSY, "later: %s", err.msg);
    assert_string_equal(err.msg, "later: disk full");
}

static void a_long_message_is_cut_between_two_characters(void **state) {
    (void)state;
    struct cm_err err;
    char longer[1025];

    for (size_t i = 0; i < 1024; i += 2) {
        memcpy(longer + i, "\xc3\xa9", 2);
    }
    longer[1024] = '\0';
    for (int shift = 0; shift < 2; shift++) {
        (void)cm_fail(&err, CM_EINVAL, "%s%s", shift == 0 ? "" : "x", longer);
        size_t len = strlen(err.msg);
        assert_true(len < sizeof(err.msg));
        assert_string_equal(err.msg + len - 5, "\xc3\xa9...");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_returns_its_code_and_keeps_its_words),
        cmocka_unit_test(wrapping_puts_words_in_front_and_keeps_the_code),
        cmocka_unit_test(an_error_may_be_made_from_its_own_message),
        cmocka_unit_test(a_long_message_is_cut_between_two_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
