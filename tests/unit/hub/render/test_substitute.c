#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "hub/render/substitute.h"

static int set_up(void **state) {
    *state = cm_arena_new(0);
    return 0;
}

static int tear_down(void **state) {
    cm_arena_free(*state);
    return 0;
}

// pieces writes what a text is made of: literals in quotes, variables with their defaults.
static const char *pieces(struct cm_arena *a, const char *text) {
    struct hub_text out;
    struct cm_err err;
    size_t nth;
    const char *said = "";

    if (hub_text_scan(a, text, &out, &nth, &err) < 0) {
        return cm_arena_strf(a, "error at %zu: %s", nth, err.msg);
    }
    for (size_t i = 0; i < out.count; i++) {
        const struct hub_piece *p = &out.pieces[i];

        if (!p->variable) {
            said = cm_arena_strf(a, "%s'%s'", said, p->text);
        } else if (p->fallback != NULL) {
            said = cm_arena_strf(a, "%s%s(%s)@%zu", said, p->text, p->fallback, p->nth);
        } else {
            said = cm_arena_strf(a, "%s%s@%zu", said, p->text, p->nth);
        }
    }
    return cm_arena_strf(a, "%s%s", said, out.whole ? " whole" : "");
}

static void a_text_without_variables_is_one_literal(void **state) {
    assert_string_equal(pieces(*state, "plain $x $(y) {z}"), "'plain $x $(y) {z}'");
    assert_string_equal(pieces(*state, ""), "");
}

static void variables_and_literals_take_turns(void **state) {
    assert_string_equal(pieces(*state, "a${b}c${d.e-f}"), "'a'b@0'c'd.e-f@1");
    assert_string_equal(pieces(*state, "${a}${b}"), "a@0b@1");
    assert_string_equal(pieces(*state, "${cluster.labels.topology.kubernetes.io/zone}"),
                        "cluster.labels.topology.kubernetes.io/zone@0 whole");
}

static void a_default_may_be_any_text_without_a_brace(void **state) {
    assert_string_equal(pieces(*state, "${a:=x: y}"), "a(x: y)@0 whole");
    assert_string_equal(pieces(*state, "${a:=}"), "a()@0 whole");
}

static void two_dollars_stand_for_one(void **state) {
    assert_string_equal(pieces(*state, "$${a}"), "'${a}'");
    assert_string_equal(pieces(*state, "x$${a}${b}$${c}"), "'x''${a}'b@1'${c}'");
    assert_string_equal(pieces(*state, "$$${a}"), "'$''${a}'");
    assert_string_equal(pieces(*state, "$$"), "'$$'");
}

static void what_is_no_variable_is_an_error_that_says_where(void **state) {
    static const char *const texts[] = {"x${}",    "x${1a}", "x${a b}", "x${a",       "x${a:-b}",
                                        "x${a:=b", "x${#a}", "x${a%b}", "x${a:=${b}}"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        const char *said = pieces(*state, texts[i]);

        assert_memory_equal(said, "error at 0: '${", 15);
        assert_non_null(strstr(said, "write ${name} or ${name:=default}, or $${ for a literal ${"));
    }
    assert_memory_equal(pieces(*state, "${a}${b!}"), "error at 1: '${b!}'", 19);
}

static void a_name_has_an_end(void **state) {
    char text[600] = "${";

    memset(text + 2, 'a', HUB_VARIABLE_MAX + 1);
    text[2 + HUB_VARIABLE_MAX + 1] = '}';
    assert_memory_equal(pieces(*state, text), "error", 5);
    assert_true(hub_variable_ok("a.b"));
    assert_false(hub_variable_ok(""));
    assert_false(hub_variable_ok(".a"));
    assert_false(hub_variable_ok("a b"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_text_without_variables_is_one_literal),
        TEST(variables_and_literals_take_turns),
        TEST(a_default_may_be_any_text_without_a_brace),
        TEST(two_dollars_stand_for_one),
        TEST(what_is_no_variable_is_an_error_that_says_where),
        TEST(a_name_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
