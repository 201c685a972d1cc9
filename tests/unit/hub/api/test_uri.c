#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/api/uri.h"

static int set_up(void **state) {
    *state = cm_arena_new(0);
    return 0;
}

static int tear_down(void **state) {
    cm_arena_free(*state);
    return 0;
}

static struct hub_uri parse(void **state, const char *text) {
    struct hub_uri uri;
    struct cm_err err;

    if (hub_uri_parse(*state, text, &uri, &err) < 0) {
        fail_msg("%s: %s", text, err.msg);
    }
    return uri;
}

static void refuses(void **state, const char *text, const char *words) {
    struct hub_uri uri = {0};
    struct cm_err err;

    assert_int_equal(hub_uri_parse(*state, text, &uri, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, words));
    assert_null(uri.path);
}

static void escapes_are_decoded(void **state) {
    struct hub_uri uri = parse(state, "/a%2Fb%C3%A9?x=1%262&y=a+b&z");

    assert_string_equal(uri.path, "/a/b\xc3\xa9");
    assert_string_equal(hub_uri_param(&uri, "x"), "1&2");
    assert_string_equal(hub_uri_param(&uri, "y"), "a b");
    assert_string_equal(hub_uri_param(&uri, "z"), "");
    assert_null(hub_uri_param(&uri, "w"));
}

static void a_plus_in_the_path_is_a_plus(void **state) {
    assert_string_equal(parse(state, "/a+b").path, "/a+b");
}

static void empty_parameters_are_nothing(void **state) {
    assert_int_equal(parse(state, "/a?").param_count, 0);
    assert_int_equal(parse(state, "/a?&&x=1&").param_count, 1);
}

static void what_is_broken_is_refused(void **state) {
    refuses(state, "", "no path");
    refuses(state, "a", "no path");
    refuses(state, "/%", "percent-encoded");
    refuses(state, "/%4", "percent-encoded");
    refuses(state, "/%zz", "percent-encoded");
    refuses(state, "/a%00", "percent-encoded");
    refuses(state, "/a%0a", "percent-encoded");
    refuses(state, "/\x7f", "percent-encoded");
    refuses(state, "/?x=%ff", "'x=%ff' is not percent-encoded");
    refuses(state, "/?x=1&x=2", "'x' is given twice");
    refuses(state, "/?x=1&%78=2", "'x' is given twice");
}

static void sizes_are_bounded(void **state) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_str_add(&text, "/?");
    for (int i = 0; i <= HUB_QUERY_PARAMS_MAX; i++) {
        cm_str_addf(&text, "p%d=1&", i);
    }
    refuses(state, cm_str_get(&text), "more than 16 parameters");
    cm_str_clear(&text);
    cm_str_addf(&text, "/%0*d", HUB_URI_MAX, 1);
    refuses(state, cm_str_get(&text), "longer than 8192 bytes");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(escapes_are_decoded),
        TEST(a_plus_in_the_path_is_a_plus),
        TEST(empty_parameters_are_nothing),
        TEST(what_is_broken_is_refused),
        TEST(sizes_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
