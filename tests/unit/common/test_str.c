#include "common/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_zeroed_string_is_empty_text(void **state) {
    (void)state;
    struct cm_str s = {0};

    assert_string_equal(cm_str_get(&s), "");
    cm_str_done(&s);
}

static void what_is_added_follows_in_order(void **state) {
    (void)state;
    struct cm_str s = {0};

    cm_str_add(&s, "one");
    cm_str_add_char(&s, ' ');
    cm_str_add_n(&s, "two three", 3);
    cm_str_addf(&s, " %d", 3);
    assert_string_equal(cm_str_get(&s), "one two 3");
    assert_int_equal(s.len, 9);
    cm_str_done(&s);
}

static void a_string_grows_and_may_hold_nul_bytes(void **state) {
    (void)state;
    struct cm_str s = {0};

    for (int i = 0; i < 5000; i++) {
        cm_str_add_n(&s, "a\0", 2);
    }
    assert_int_equal(s.len, 10000);
    assert_memory_equal(s.data + 9998, "a\0\0", 3);
    cm_str_done(&s);
}

static void a_cleared_string_starts_again(void **state) {
    (void)state;
    struct cm_str s = {0};

    cm_str_add(&s, "old");
    cm_str_clear(&s);
    assert_string_equal(cm_str_get(&s), "");
    cm_str_add(&s, "new");
    assert_string_equal(cm_str_get(&s), "new");
    cm_str_done(&s);
}

static void taking_an_empty_string_gives_empty_text(void **state) {
    (void)state;
    struct cm_str s = {0};
    char *text = cm_str_take(&s);

    assert_string_equal(text, "");
    assert_null(s.data);
    free(text);
}

static void a_long_formatted_string_is_whole(void **state) {
    (void)state;
    char *text = cm_strf("%0300d", 7);

    assert_int_equal(strlen(text), 300);
    assert_int_equal(text[299], '7');
    free(text);
}

static void the_nearest_word_is_found_through_a_slip(void **state) {
    (void)state;
    static const char *const words[] = {"listen", "log-level", "poll-interval"};

    assert_string_equal(cm_str_nearest("lisetn", words, 3), "listen");      // swapped
    assert_string_equal(cm_str_nearest("log-levl", words, 3), "log-level"); // left out
    assert_string_equal(cm_str_nearest("pol-intervall", words, 3), "poll-interval");
    assert_string_equal(cm_str_nearest("listen", words, 3), "listen");
    static const char *const word = "map";
    assert_string_equal(cm_str_nearest("amp", &word, 1), "map"); // a swap is one slip, not two
}

static void no_word_is_proposed_when_none_is_near(void **state) {
    (void)state;
    static const char *const words[] = {"listen", "ca"};
    char longer[500];

    memset(longer, 'l', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_null(cm_str_nearest("database", words, 2));
    assert_null(cm_str_nearest("cb", words, 2)); // a third of two letters is none
    assert_null(cm_str_nearest(longer, words, 2));
    assert_null(cm_str_nearest("", words, 2));
    assert_null(cm_str_nearest("listen", NULL, 0));
}

static void durations_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"0s", 0},
        {"500ms", 500},
        {"30s", 30000},
        {"5m", 300000},
        {"1h30m", 5400000},
        {"7d", 604800000},
        {"1d2h3m4s5ms", 93784005},
        {"9223372036854775807ms", INT64_MAX},
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct cm_err err;
        int64_t ms = -1;

        assert_int_equal(cm_str_parse_duration(good[i].text, &ms, &err), CM_OK);
        assert_int_equal(ms, good[i].ms);
    }
}

static void what_is_no_duration_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "5",
        "s",
        "-1s",
        "+1s",
        " 5s",
        "5s ",
        "5 s",
        "1.5s",
        "1m1m",
        "1s1m",
        "5S",
        "5ss",
        "1h30",
        "0x1s",
        "9223372036854775808ms",
        "18446744073709551616ms",
        "999999999999999999d",
        "106751991167d9223372036854775807ms",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cm_err err;
        int64_t ms = -1;

        assert_int_equal(cm_str_parse_duration(bad[i], &ms, &err), CM_EINVAL);
        assert_int_equal(ms, -1);
        assert_non_null(strstr(err.msg, "500ms, 30s or 1h30m"));
    }
}

static void sizes_are_read(void **state) {
    (void)state;
    struct cm_err err;
    uint64_t size;

    assert_int_equal(cm_str_parse_size("4096", &size, &err), CM_OK);
    assert_int_equal(size, 4096);
    assert_int_equal(cm_str_parse_size("64KiB", &size, &err), CM_OK);
    assert_int_equal(size, 65536);
    assert_int_equal(cm_str_parse_size("16MiB", &size, &err), CM_OK);
    assert_int_equal(size, 16777216);
    assert_int_equal(cm_str_parse_size("3GiB", &size, &err), CM_OK);
    assert_int_equal(size, UINT64_C(3221225472));
}

static void what_is_no_size_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "", "KiB", "-1", "1KB", "1 KiB", "1KiB1KiB", "1kib", "18446744073709551616", "99999999TiB",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cm_err err;
        uint64_t size = 7;

        assert_int_equal(cm_str_parse_size(bad[i], &size, &err), CM_EINVAL);
        assert_int_equal(size, 7);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zeroed_string_is_empty_text),
        cmocka_unit_test(what_is_added_follows_in_order),
        cmocka_unit_test(a_string_grows_and_may_hold_nul_bytes),
        cmocka_unit_test(a_cleared_string_starts_again),
        cmocka_unit_test(taking_an_empty_string_gives_empty_text),
        cmocka_unit_test(a_long_formatted_string_is_whole),
        cmocka_unit_test(the_nearest_word_is_found_through_a_slip),
        cmocka_unit_test(no_word_is_proposed_when_none_is_near),
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(what_is_no_size_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
