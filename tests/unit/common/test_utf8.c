#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/utf8.h"

static void a_text_that_fits_is_taken_whole(void **state) {
    (void)state;
    assert_int_equal(cm_utf8_fit("", 0), 0);
    assert_int_equal(cm_utf8_fit("abc", 3), 3);
    assert_int_equal(cm_utf8_fit("äö", 4), 4);
}

static void a_text_is_cut_between_two_characters(void **state) {
    (void)state;
    assert_int_equal(cm_utf8_fit("abc", 2), 2);
    assert_int_equal(cm_utf8_fit("aäö", 2), 1);
    assert_int_equal(cm_utf8_fit("aäö", 3), 3);
    assert_int_equal(cm_utf8_fit("a\xf0\x9f\x98\x80", 4), 1);
    assert_int_equal(cm_utf8_fit("ä", 1), 0);
}

static void what_is_no_utf8_becomes_a_question_mark(void **state) {
    static const struct {
        const char *is;
        const char *becomes;
    } cases[] = {
        {"", ""},
        {"grün", "grün"},
        {"\xc3", "?"},
        {"a\xc3z\xff", "a?z?"},
        {"an end \xe4\xbd", "an end ??"},
        {"\xc0\xaf and \xed\xa0\x80", "?? and ???"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[32];

        memcpy(text, cases[i].is, strlen(cases[i].is) + 1);
        cm_utf8_mend(text);
        assert_string_equal(text, cases[i].becomes);
    }
}

static void what_steers_a_terminal_is_found(void **state) {
    static const struct {
        const char *text;
        size_t size;
    } cases[] = {{"", 0},
                 {"a", 0},
                 {"ä", 0},
                 {"\xe2\x80\x93", 0},
                 {"\n", 1},
                 {"\x7f", 1},
                 {"\xc2\x9b", 2},
                 {"\xd8\x9c", 2},
                 {"\xe2\x80\xae", 3},
                 {"\xe2\x80\xa8", 3},
                 {"\xe2\x81\xa6", 3},
                 {"\xe2", 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(cm_utf8_steering(cases[i].text), cases[i].size);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_that_fits_is_taken_whole),
        cmocka_unit_test(a_text_is_cut_between_two_characters),
        cmocka_unit_test(what_is_no_utf8_becomes_a_question_mark),
        cmocka_unit_test(what_steers_a_terminal_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
