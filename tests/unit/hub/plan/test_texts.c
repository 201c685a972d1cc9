// What changes between two texts, line by line.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/plan/paint.h"

#define LINES 12
#define RUNS 2000

static void expect(const char *before, const char *after, const char *expected) {
    CM_CLEANUP(cm_str_done) struct cm_str out = {0};
    const struct paint p = {.out = &out};

    paint_texts(&p, 0, before, after);
    assert_string_equal(cm_str_get(&out), expected);
}

static void a_line_that_changes_has_the_one_before_it(void **state) {
    (void)state;
    expect("a\nb\nc\n", "a\nx\nc\n", "a\n- b\n+ x\n");
    expect("b\nc\n", "x\nc\n", "- b\n+ x\n");
}

static void lines_between_changes_are_shortened(void **state) {
    (void)state;
    expect("1\na\n2\n", "x\na\ny\n", "- 1\n+ x\na\n- 2\n+ y\n");
    expect("1\na\nb\nc\nd\n2\n", "x\na\nb\nc\nd\ny\n", "- 1\n+ x\na\n…\nd\n- 2\n+ y\n");
}

static void a_line_end_at_the_end_is_told(void **state) {
    (void)state;
    expect("a\nb", "a\nb\n", "b\nonly how it ends\n");
}

static void long_texts_are_cut(void **state) {
    CM_CLEANUP(cm_str_done) struct cm_str long_text = {0};
    CM_CLEANUP(cm_str_done) struct cm_str out = {0};
    const struct paint p = {.out = &out};

    (void)state;
    for (int i = 0; i < 3000; i++) {
        cm_str_addf(&long_text, "line %d\n", i);
    }
    paint_texts(&p, 0, "", cm_str_get(&long_text));
    assert_non_null(strstr(out.data, "+ line 59\n… and 2940 more lines\n"));
    cm_str_clear(&out);
    paint_texts(&p, 0, "x\ny\n", cm_str_get(&long_text));
    assert_non_null(strstr(out.data, "- x\n- y\n+ line 0\n"));
}

// ---- Done to the first text, the lines give the second

static uint64_t random_state;

static unsigned roll(unsigned n) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 11) % n);
}

static void random_text(struct cm_str *out) {
    for (unsigned i = roll(LINES); i > 0; i--) {
        cm_str_addf(out, "%c\n", 'a' + (int)roll(4));
    }
}

// count adds up how often a line is removed and added.
static int count(const char *told, char line) {
    int sum = 0;

    for (const char *at = told; at != NULL && *at != '\0'; at = strchr(at, '\n') + 1) {
        if ((at[0] == '+' || at[0] == '-') && at[2] == line) {
            sum += at[0] == '+' ? 1 : -1;
        }
    }
    return sum;
}

static int count_in(const char *text, char line) {
    int sum = 0;

    for (; *text != '\0'; text++) {
        sum += *text == line ? 1 : 0;
    }
    return sum;
}

static void what_is_told_is_the_difference(void **state) {
    (void)state;
    random_state = (uint64_t)time(NULL) | 1;
    print_message("seed %llu\n", (unsigned long long)random_state);
    for (int run = 0; run < RUNS; run++) {
        CM_CLEANUP(cm_str_done) struct cm_str before = {0};
        CM_CLEANUP(cm_str_done) struct cm_str after = {0};
        CM_CLEANUP(cm_str_done) struct cm_str out = {0};
        const struct paint p = {.out = &out};

        random_text(&before);
        random_text(&after);
        paint_texts(&p, 0, cm_str_get(&before), cm_str_get(&after));
        for (const char *line = "abcd"; *line != '\0'; line++) {
            assert_int_equal(count(cm_str_get(&out), *line),
                             count_in(cm_str_get(&after), *line) -
                                 count_in(cm_str_get(&before), *line));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_that_changes_has_the_one_before_it),
        cmocka_unit_test(lines_between_changes_are_shortened),
        cmocka_unit_test(a_line_end_at_the_end_is_told),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(what_is_told_is_the_difference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
