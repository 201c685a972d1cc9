#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "hub/past/select.h"

#define NOW_MS ((int64_t)1000000000000)
#define HOUR_MS ((int64_t)3600 * 1000)

static int make_arena(void **state) {
    *state = cm_arena_new(0);
    return 0;
}

static int drop_arena(void **state) {
    cm_arena_free(*state);
    return 0;
}

static void assert_select(const struct hub_select *s, const char *target, const char *app,
                          int64_t at_ms, uint32_t back) {
    assert_string_equal(s->target, target);
    assert_string_equal(s->app, app);
    assert_int_equal(s->at_ms, at_ms);
    assert_int_equal(s->timed, at_ms != NOW_MS);
    assert_int_equal(s->back, back);
}

static struct hub_select parsed(void **state, const char *text) {
    struct hub_select s;
    struct cm_err err = {0};

    if (hub_select_parse(*state, text, NOW_MS, &s, &err) != CM_OK) {
        fail_msg("'%s': %s", text, err.msg);
    }
    return s;
}

static void assert_refused(void **state, const char *text, const char *words) {
    struct hub_select s;
    struct cm_err err = {0};

    assert_int_equal(hub_select_parse(*state, text, NOW_MS, &s, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, words));
}

static void a_name_is_a_target_and_behind_a_colon_an_app(void **state) {
    struct hub_select s = parsed(state, "prod");
    assert_select(&s, "prod", "", NOW_MS, 0);
    s = parsed(state, "eu-017:checkout");
    assert_select(&s, "eu-017", "checkout", NOW_MS, 0);
    s = parsed(state, ":checkout");
    assert_select(&s, "", "checkout", NOW_MS, 0);
    s = parsed(state, "");
    assert_select(&s, "", "", NOW_MS, 0);
}

static void a_time_stands_before_or_behind_the_app(void **state) {
    struct hub_select s = parsed(state, "prod@{2.hours.ago}:checkout");
    assert_select(&s, "prod", "checkout", NOW_MS - 2 * HOUR_MS, 0);
    s = parsed(state, "prod:checkout@{2.hours.ago}");
    assert_select(&s, "prod", "checkout", NOW_MS - 2 * HOUR_MS, 0);
    s = parsed(state, "@{1.hour.ago}");
    assert_select(&s, "", "", NOW_MS - HOUR_MS, 0);
}

static void changes_are_counted_back(void **state) {
    struct hub_select s = parsed(state, "prod~5");
    assert_select(&s, "prod", "", NOW_MS, 5);
    s = parsed(state, "prod~");
    assert_select(&s, "prod", "", NOW_MS, 1);
    s = parsed(state, "prod~12:checkout");
    assert_select(&s, "prod", "checkout", NOW_MS, 12);
}

static void what_is_malformed_says_how_to_write_it(void **state) {
    assert_refused(state, "prod@2.hours.ago", "@{2.hours.ago}");
    assert_refused(state, "prod@{2.hours.ago", "@{2.hours.ago}");
    assert_refused(state, "prod{yesterday}", "@{2.hours.ago}");
    assert_refused(state, "prod:web}", "@{2.hours.ago}");
    assert_refused(state, "prod@{sometime}", "2.hours.ago");
    assert_refused(state, "prod@{1.hour.ago}~2", "two times");
    assert_refused(state, "prod~2@{1.hour.ago}", "two times");
    assert_refused(state, "prod~0", "from 1 to");
    assert_refused(state, "prod~99999", "from 1 to");
    assert_refused(state, "prod:a:b", "two Apps");
    assert_refused(state, "prod@{1.hour.ago}x", "nothing");
}

static void a_range_compares_two(void **state) {
    struct hub_select from, to;
    struct cm_err err;

    assert_int_equal(hub_select_parse_range(*state, "staging..prod", NOW_MS, &from, &to, &err),
                     CM_OK);
    assert_select(&from, "staging", "", NOW_MS, 0);
    assert_select(&to, "prod", "", NOW_MS, 0);
}

static void a_side_that_is_left_out_is_the_other_one_now(void **state) {
    static const char *const texts[] = {"prod:web@{1.hour.ago}..", "prod:web@{1.hour.ago}"};
    struct hub_select from, to;
    struct cm_err err;

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(hub_select_parse_range(*state, texts[i], NOW_MS, &from, &to, &err), CM_OK);
        assert_select(&from, "prod", "web", NOW_MS - HOUR_MS, 0);
        assert_select(&to, "prod", "web", NOW_MS, 0);
    }
    assert_int_equal(
        hub_select_parse_range(*state, "prod~3..@{1.hour.ago}", NOW_MS, &from, &to, &err), CM_OK);
    assert_select(&from, "prod", "", NOW_MS, 3);
    assert_select(&to, "prod", "", NOW_MS - HOUR_MS, 0);
}

static void three_dots_are_refused(void **state) {
    struct hub_select from, to;
    struct cm_err err;

    assert_int_equal(hub_select_parse_range(*state, "a...b", NOW_MS, &from, &to, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "two dots"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_a_target_and_behind_a_colon_an_app),
        cmocka_unit_test(a_time_stands_before_or_behind_the_app),
        cmocka_unit_test(changes_are_counted_back),
        cmocka_unit_test(what_is_malformed_says_how_to_write_it),
        cmocka_unit_test(a_range_compares_two),
        cmocka_unit_test(a_side_that_is_left_out_is_the_other_one_now),
        cmocka_unit_test(three_dots_are_refused),
    };

    return cmocka_run_group_tests_name("select", tests, make_arena, drop_arena);
}
