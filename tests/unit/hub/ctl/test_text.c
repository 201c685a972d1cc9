#include "hub/ctl/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"

static void control_characters_become_spaces(void **state) {
    struct cm_arena *arena = *state;

    assert_string_equal(ctl_one_line(arena, "a\nb\tc"), "a b c");
    assert_string_equal(ctl_one_line(arena, "\x1b[2Jgone\x7f"), " [2Jgone ");
    assert_string_equal(ctl_one_line(arena, "\xc2\x9b"
                                            "2J"),
                        "\xc2\xa0"
                        "2J");
}

static void what_turns_the_direction_of_writing_is_replaced(void **state) {
    struct cm_arena *arena = *state;

    assert_string_equal(ctl_one_line(arena, "a\xe2\x80\xae"
                                            "b\xe2\x81\xa6"
                                            "c\xe2\x80\xa8"
                                            "d\xd8\x9c"
                                            "e"),
                        "a\xef\xbf\xbd"
                        "b\xef\xbf\xbd"
                        "c\xef\xbf\xbd"
                        "d\xc2\xa0"
                        "e");
}

static void lines_may_be_kept(void **state) {
    assert_string_equal(ctl_lines(*state, "a\n\tb\x1b[2J"), "a\n\tb [2J");
}

static void json_gets_escapes_for_what_steers(void **state) {
    (void)state;
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    ctl_add_json(&text, "{\n  \"a\": \"\xc2\x9b"
                        "2J\xe2\x80\xaex\x7f gr\xc3\xbcn …\"\n}\n");
    assert_string_equal(cm_str_get(&text), "{\n  \"a\": \"\\u009b2J\\u202ex\\u007f grün …\"\n}\n");
}

static void other_texts_stay_as_they_are(void **state) {
    struct cm_arena *arena = *state;

    assert_string_equal(ctl_one_line(arena, "grün 世界"), "grün 世界");
    assert_string_equal(ctl_one_line(arena, ""), "");
}

static void a_width_counts_columns_and_not_bytes(void **state) {
    (void)state;
    assert_int_equal(ctl_text_width("grün"), 4);
    assert_int_equal(ctl_text_width("世界"), 4);
    assert_int_equal(ctl_text_width("e\xcc\x81"), 1); // with a combining accent
    assert_int_equal(ctl_text_width(""), 0);
}

static void a_name_that_is_too_long_keeps_both_ends(void **state) {
    struct cm_arena *arena = *state;

    assert_string_equal(ctl_text_elide(arena, "Deployment.apps/shop/checkout", 11), "Deplo…ckout");
    assert_string_equal(ctl_text_elide(arena, "short", 5), "short");
    assert_string_equal(ctl_text_elide(arena, "long", 1), "…");
    assert_string_equal(ctl_text_elide(arena, "世界世界", 5), "世…界");
}

static void a_sentence_that_is_too_long_keeps_its_beginning(void **state) {
    struct cm_arena *arena = *state;

    assert_string_equal(ctl_text_cut(arena, "the image is not there", 10), "the image…");
    assert_string_equal(ctl_text_cut(arena, "世界世界", 4), "世…");
}

static int begin(void **state) {
    *state = cm_arena_new(0);
    return 0;
}

static int end(void **state) {
    cm_arena_free(*state);
    return 0;
}

#define TEXT_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEXT_TEST(control_characters_become_spaces),
        TEXT_TEST(what_turns_the_direction_of_writing_is_replaced),
        TEXT_TEST(lines_may_be_kept),
        TEXT_TEST(json_gets_escapes_for_what_steers),
        TEXT_TEST(other_texts_stay_as_they_are),
        TEXT_TEST(a_width_counts_columns_and_not_bytes),
        TEXT_TEST(a_name_that_is_too_long_keeps_both_ends),
        TEXT_TEST(a_sentence_that_is_too_long_keeps_its_beginning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
