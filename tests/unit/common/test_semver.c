#include "common/semver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/mem.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void versions_are_read_as_semver_says(void **state) {
    static const char *const good[] = {"0.0.0",   "1.2.3",        "v1.2.3",    "1.0.0-alpha.1",
                                       "1.0.0-0", "1.0.0-a-b.--", "1.0.0+001", "1.0.0-rc.1+b.5"};
    static const char *const bad[] = {
        "",       "1",      "1.2",      "1.2.3.4",    "01.2.3",
        "1.2.03", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "1.2.3+",
        "1.2.x",  "-1.2.3", "1.2.3 ",   "vv1.2.3",    "9999999999999999999.0.0"};
    struct cm_semver v;

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        if (!cm_semver_parse(good[i], &v)) {
            fail_msg("'%s' is a version", good[i]);
        }
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (cm_semver_parse(bad[i], &v)) {
            fail_msg("'%s' is no version", bad[i]);
        }
    }
}

// The example of semver.org, section 11.
static void precedence_is_that_of_semver(void **state) {
    static const char *const order[] = {"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
                                        "1.0.0-beta",  "1.0.0-beta.2",  "1.0.0-beta.11",
                                        "1.0.0-rc.1",  "1.0.0",         "1.0.1",
                                        "1.1.0",       "2.0.0",         "10.0.0"};

    (void)state;
    for (size_t i = 0; i < COUNT(order); i++) {
        for (size_t k = 0; k < COUNT(order); k++) {
            struct cm_semver a;
            struct cm_semver b;

            assert_true(cm_semver_parse(order[i], &a) && cm_semver_parse(order[k], &b));
            int seen = cm_semver_compare(&a, &b);
            assert_int_equal((seen > 0) - (seen < 0), (i > k) - (i < k));
        }
    }
}

static void what_was_built_from_does_not_count(void **state) {
    struct cm_semver a;
    struct cm_semver b;

    (void)state;
    assert_true(cm_semver_parse("1.2.3+a", &a) && cm_semver_parse("1.2.3+b", &b));
    assert_int_equal(cm_semver_compare(&a, &b), 0);
}

static const struct {
    const char *range;
    const char *in; // separated by spaces
    const char *out;
} ranges[] = {
    {"1.2.3", "1.2.3 v1.2.3 1.2.3+b", "1.2.4 1.2.2 1.2.3-rc.1"},
    {"=1.2", "1.2.0 1.2.9", "1.3.0 1.1.9 1.2.1-rc.1"},
    {"!=1.2.3", "1.2.4 0.1.0", "1.2.3"},
    {"!=1.2", "1.3.0", "1.2.0 1.2.7"},
    {">1.2.3", "1.2.4 2.0.0", "1.2.3 1.2.2"},
    {">1.2", "1.3.0", "1.2.9"},
    {">=1.2", "1.2.0 9.0.0", "1.1.9"},
    {"<1.2", "1.1.9 0.0.1", "1.2.0"},
    {"<=1.2", "1.2.9 1.0.0", "1.3.0"},
    {">=1.2.0 <2.0.0", "1.2.0 1.99.0", "1.1.9 2.0.0 2.0.0-rc.1"},
    {">= 1.2.0, < 2.0.0", "1.2.0", "2.0.0"},
    {"~1.2.3", "1.2.3 1.2.9", "1.3.0 1.2.2"},
    {"~1", "1.0.0 1.9.9", "2.0.0 0.9.9"},
    {"~>1.2", "1.2.0 1.2.9", "1.3.0"},
    {"^1.2.3", "1.2.3 1.99.0", "2.0.0 1.2.2 2.0.0-rc.1"},
    {"^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2"},
    {"^0.0.3", "0.0.3", "0.0.4 0.0.2"},
    {"^0.0", "0.0.0 0.0.9", "0.1.0"},
    {"^0", "0.0.1 0.9.9", "1.0.0"},
    {"1.2.x", "1.2.0 1.2.9", "1.3.0"},
    {"1.X", "1.0.0 1.9.9", "2.0.0"},
    {"*", "0.0.1 99.0.0", "1.0.0-rc.1"},
    {"<*", "", "0.0.0 1.0.0"},
    {">*", "", "0.0.0 99.0.0"},
    {"1.2 - 1.4", "1.2.0 1.4.9", "1.5.0 1.1.9"},
    {"1.2.0 - 1.4.0", "1.4.0", "1.4.1"},
    {"^1 || ^3", "1.5.0 3.0.1", "2.0.0 4.0.0"},
    {"<1||>2 !=2.5.0", "0.9.0 3.0.0", "1.0.0 2.5.0"},
    {">=1.2.0-0", "1.2.0-rc.1 1.3.0-rc.1 1.2.0", "1.1.9"},
    {"^1.2.0-beta.2", "1.2.0-beta.3 1.2.0 1.9.0", "1.2.0-beta.1 2.0.0-rc.1"},
    {"1.2.3-rc.1", "1.2.3-rc.1", "1.2.3"},
};

static void expect(const char *range, const char *versions, bool in) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_semver_range *parsed;
    struct cm_err err;
    char *rest = cm_arena_strdup(a, versions);
    char *word;

    if (cm_semver_range_parse(a, range, &parsed, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    while ((word = strsep(&rest, " ")) != NULL) {
        struct cm_semver v;

        if (word[0] == '\0') {
            continue;
        }
        assert_true(cm_semver_parse(word, &v));
        if (cm_semver_range_match(parsed, &v) != in) {
            fail_msg("'%s' %s be in '%s'", word, in ? "must" : "must not", range);
        }
    }
}

static void ranges_take_what_people_mean_by_them(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(ranges); i++) {
        expect(ranges[i].range, ranges[i].in, true);
        expect(ranges[i].range, ranges[i].out, false);
    }
}

static void what_is_no_range_is_refused_with_its_place(void **state) {
    static const struct {
        const char *text;
        const char *place;
    } bad[] = {
        {"", "character 1 on"},          {"latest", "character 1 on"}, {">=", "character 1 on"},
        {"1.2.3 foo", "character 7 on"}, {"1 ||", "character 5 on"},   {"1.2.3,", "character 7 on"},
        {">=1.2.3<2", "character 1 on"}, {"1.x.3", "character 1 on"},  {"1 -", "character 3 on"},
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        const struct cm_semver_range *range;
        struct cm_err err = {0};

        if (cm_semver_range_parse(a, bad[i].text, &range, &err) != CM_EINVAL ||
            strstr(err.msg, bad[i].place) == NULL) {
            fail_msg("'%s' gives: %s", bad[i].text, err.msg);
        }
    }
}

static void a_range_is_bounded(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    char text[CM_SEMVER_TEXT_MAX + 2];
    const struct cm_semver_range *range;
    struct cm_err err;

    (void)state;
    memset(text, '1', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(cm_semver_range_parse(a, text, &range, &err), CM_EINVAL);
    for (size_t i = 0; i < 66; i += 2) {
        text[i] = '1';
        text[i + 1] = i == 64 ? '\0' : ' ';
    }
    assert_int_equal(cm_semver_range_parse(a, text, &range, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "more than 32"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_read_as_semver_says),
        cmocka_unit_test(precedence_is_that_of_semver),
        cmocka_unit_test(what_was_built_from_does_not_count),
        cmocka_unit_test(ranges_take_what_people_mean_by_them),
        cmocka_unit_test(what_is_no_range_is_refused_with_its_place),
        cmocka_unit_test(a_range_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
