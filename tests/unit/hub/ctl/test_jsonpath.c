#include "hub/ctl/jsonpath.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

static const char fleet[] =
    "{\"items\": [{\"name\": \"paris\", \"apps\": 3, \"connected\": true,"
    "              \"labels\": {\"env\": \"prod\", \"example.com/tier\": \"edge\"}},"
    "             {\"name\": \"rome\", \"apps\": 12, \"connected\": false, \"labels\": {}},"
    "             {\"name\": \"oslo\", \"apps\": 1.5, \"seen\": null}]}";

static struct cm_arena *arena;
static struct cm_err err;

static int begin(void **state) {
    (void)state;
    arena = cm_arena_new(0);
    return 0;
}

static int end(void **state) {
    (void)state;
    cm_arena_free(arena);
    return 0;
}

static void assert_makes(const char *template, const char *expected) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct ctl_jsonpath *path = NULL;
    struct cm_json *root = NULL;

    assert_int_equal(cm_json_parse(arena, fleet, strlen(fleet), NULL, &root, &err), CM_OK);
    if (ctl_jsonpath_parse(arena, template, &path, &err) < 0) {
        fail_msg("%s: %s", template, err.msg);
    }
    assert_int_equal(ctl_jsonpath_print(path, root, &text, &err), CM_OK);
    assert_string_equal(cm_str_get(&text), expected);
}

static void assert_refused(const char *template, const char *message) {
    struct ctl_jsonpath *path = NULL;

    assert_int_equal(ctl_jsonpath_parse(arena, template, &path, &err), CM_EINVAL);
    assert_string_equal(err.msg, message);
}

static void a_path_prints_what_it_leads_to_separated_by_spaces(void **state) {
    (void)state;
    assert_makes("{.items[*].name}", "paris rome oslo");
    assert_makes("{$.items[0].labels}", "{\"env\":\"prod\",\"example.com/tier\":\"edge\"}");
    assert_makes("{.items[2].apps}", "1.5");
    assert_makes("{.items[0].connected}", "true");
}

static void what_is_missing_prints_nothing(void **state) {
    (void)state;
    assert_makes("{.items[*].color}", "");
    assert_makes("{.items[7].name}", "");
    assert_makes("{.name.first}", "");
    assert_makes("{.items.name}", "");
}

static void an_index_may_count_from_the_end_and_be_a_range(void **state) {
    (void)state;
    assert_makes("{.items[-1].name}", "oslo");
    assert_makes("{.items[0:2].name}", "paris rome");
    assert_makes("{.items[1:].name}", "rome oslo");
    assert_makes("{.items[:-1].name}", "paris rome");
}

static void names_with_dots_are_escaped_or_quoted(void **state) {
    (void)state;
    assert_makes("{.items[0].labels.example\\.com/tier}", "edge");
    assert_makes("{.items[0].labels['example.com/tier']}", "edge");
    assert_makes("{.items[0]['name', 'apps']}", "paris 3");
}

static void a_filter_picks_by_comparison(void **state) {
    (void)state;
    assert_makes("{.items[?(@.name==\"rome\")].apps}", "12");
    assert_makes("{.items[?(@.name!='rome')].name}", "paris oslo");
    assert_makes("{.items[?(@.connected==false)].name}", "rome");
    assert_makes("{.items[?(@.apps>2)].name}", "paris rome");
    assert_makes("{.items[?( @.apps <= 3.0 )].name}", "paris oslo");
    assert_makes("{.items[?(@.name<\"paris\")].name}", "oslo");
    assert_makes("{.items[?(@.labels.env==$.items[0].labels.env)].name}", "paris");
}

static void a_filter_without_a_comparison_picks_what_has_the_member(void **state) {
    (void)state;
    assert_makes("{.items[?(@.labels)].name}", "paris rome");
    assert_makes("{.items[?(@.labels.env)].name}", "paris");
}

static void a_range_repeats_its_body(void **state) {
    (void)state;
    assert_makes("{range .items[*]}{.name}{\"\\t\"}{.apps}{\"\\n\"}{end}",
                 "paris\t3\nrome\t12\noslo\t1.5\n");
    assert_makes("{range .items[*]}{range .labels.*}{@}{';'}{end}{end}", "prod;edge;");
    assert_makes("names: {range .items[0:2]}<{.name}>{end}.", "names: <paris><rome>.");
}

static void two_dots_look_at_every_depth(void **state) {
    (void)state;
    assert_makes("{..env}", "prod");
    assert_makes("{..name}", "paris rome oslo");
}

static void braces_may_be_left_out_around_one_path(void **state) {
    (void)state;
    assert_makes(".items[0].name", "paris");
    assert_makes("items[0].name", "paris");
}

static void errors_name_the_column_and_what_stands_there(void **state) {
    (void)state;
    assert_refused("{.items[*.name}", "jsonpath, column 10: ']' is missing: '.name}'");
    assert_refused("{.items[?(name)]}",
                   "jsonpath, column 11: a filter begins with '@': ?(@.name==\"x\"): 'name)]}'");
    assert_refused("{.items[?(@.a==b)]}",
                   "jsonpath, column 16: compare with a number, true, false, "
                   "null, \"text\" or @.path: 'b)]}'");
    assert_refused("{.a", "jsonpath, column 4: '}' is missing: ''");
    assert_refused("{range .items[*]}{.name}",
                   "jsonpath, column 1: this range has no {end}: '{range .items[*]}{.name}'");
    assert_refused("{.a}{end}", "jsonpath, column 5: there is no range: '{end}'");
    assert_refused("{items}",
                   "jsonpath, column 2: a path begins with '.', text stands in quotes: 'items}'");
    assert_refused("{\"x}", "jsonpath, column 2: this quote is not closed: '\"x}'");
    assert_refused("{.}{.a..}", "jsonpath, column 9: a name is missing: '}'");
    assert_refused("{.items[x]}", "jsonpath, column 9: this is no index: 'x]}'");
    assert_refused("", "jsonpath: say what to print, such as -o jsonpath='{.items[*].name}'");
}

static void depth_and_values_are_bounded(void **state) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    CM_CLEANUP(cm_str_done) struct cm_str out = {0};
    struct ctl_jsonpath *path = NULL;
    struct cm_json *root = NULL;

    (void)state;
    for (int i = 0; i < CTL_JSONPATH_DEPTH_MAX + 1; i++) {
        cm_str_add(&text, "{range .a}");
    }
    assert_int_equal(ctl_jsonpath_parse(arena, cm_str_get(&text), &path, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "nested too deeply"));
    cm_str_clear(&text);
    for (int i = 0; i < 40; i++) {
        cm_str_add(&text, i == 0 ? "{" : "");
        cm_str_add(&text, "['a','a','a']");
    }
    cm_str_add(&text, "}");
    assert_int_equal(ctl_jsonpath_parse(arena, cm_str_get(&text), &path, &err), CM_OK);
    cm_str_clear(&text);
    for (int i = 0; i < 40; i++) {
        cm_str_add(&text, "{\"a\":");
    }
    cm_str_add(&text, "1");
    for (int i = 0; i < 40; i++) {
        cm_str_add(&text, "}");
    }
    assert_int_equal(cm_json_parse(arena, cm_str_get(&text), text.len, NULL, &root, &err), CM_OK);
    assert_int_equal(ctl_jsonpath_print(path, root, &out, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "more than 1000000 values"));
}

#define PATH_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        PATH_TEST(a_path_prints_what_it_leads_to_separated_by_spaces),
        PATH_TEST(what_is_missing_prints_nothing),
        PATH_TEST(an_index_may_count_from_the_end_and_be_a_range),
        PATH_TEST(names_with_dots_are_escaped_or_quoted),
        PATH_TEST(a_filter_picks_by_comparison),
        PATH_TEST(a_filter_without_a_comparison_picks_what_has_the_member),
        PATH_TEST(a_range_repeats_its_body),
        PATH_TEST(two_dots_look_at_every_depth),
        PATH_TEST(braces_may_be_left_out_around_one_path),
        PATH_TEST(errors_name_the_column_and_what_stands_there),
        PATH_TEST(depth_and_values_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
