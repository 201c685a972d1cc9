// What is printed where there is no terminal: tables, names, differences.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/json.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/fold.h"
#include "hub/ctl/lines.h"
#include "hub/ctl/print.h"
#include "hub/ctl/rows.h"
#include "hub/ctl/verbs.h"

static const struct ctl_column columns[] = {
    {"NAME", "name", CTL_TEXT, CTL_ALWAYS},
    {"APPS", "apps", CTL_NUMBER, CTL_ALWAYS},
    {"LABELS", "labels", CTL_LABELS, CTL_IF_WIDE},
    {"READY", "healthy apps", CTL_READY, CTL_IF_ROOM},
};

static struct ctl ctl;
static FILE *terminal; // the real standard output
static char *text;
static size_t size;

static int begin(void **state) {
    (void)state;
    ctl = (struct ctl){.arena = cm_arena_new(0), .given = "", .output = "table"};
    ctl.verb = ctl_verb_find("get");
    terminal = stdout;
    stdout = open_memstream(&text, &size);
    return stdout == NULL ? -1 : 0;
}

static int end(void **state) {
    (void)state;
    cm_arena_free(ctl.arena);
    free(text);
    return 0;
}

static const char *printed(void) {
    (void)fclose(stdout);
    stdout = terminal;
    return text;
}

static struct cm_json *rows(const char *json) {
    struct cm_json *list = NULL;

    assert_int_equal(cm_json_parse(ctl.arena, json, strlen(json), NULL, &list, &ctl.err), CM_OK);
    return list;
}

static const char two[] = "[{\"name\": \"paris\", \"apps\": 3, \"healthy\": 2},"
                          " {\"name\": \"rome\", \"apps\": 12, \"labels\": {\"a\": \"b\"}}]";

static void a_table_is_as_wide_as_its_cells(void **state) {
    (void)state;
    ctl_table_print(ctl_table_new(&ctl, columns, 4), rows(two));
    assert_string_equal(printed(), "NAME    APPS   READY\n"
                                   "paris      3   2/3\n"
                                   "rome      12   0/12\n");
}

static void a_wide_table_has_all_columns(void **state) {
    (void)state;
    ctl.output = "wide";
    ctl_table_print(ctl_table_new(&ctl, columns, 4), rows(two));
    assert_string_equal(printed(), "NAME    APPS   LABELS   READY\n"
                                   "paris      3            2/3\n"
                                   "rome      12   a=b      0/12\n");
}

static void later_rows_keep_the_widths_and_have_no_titles(void **state) {
    (void)state;
    struct ctl_table *table = ctl_table_new(&ctl, columns, 2);

    ctl_table_print(table, rows(two));
    ctl_table_print(table, rows("[{\"name\": \"oslo\", \"apps\": 1}]"));
    assert_string_equal(printed(), "NAME    APPS\nparis      3\nrome      12\noslo       1\n");
}

static void what_a_cluster_that_is_away_said_stands_in_brackets(void **state) {
    (void)state;
    static const struct ctl_column known[] = {{"READY", "healthy apps", CTL_READY, CTL_ALWAYS},
                                              {"HEALTH", "health", CTL_STATE, CTL_ALWAYS}};

    ctl_table_print(ctl_table_new(&ctl, known, 2),
                    rows("[{\"healthy\": 1, \"apps\": 1, \"health\": \"healthy\", "
                         "\"connected\": false}, {\"health\": \"failed\", \"connected\": true}]"));
    assert_string_equal(printed(), "READY   HEALTH\n(1/1)   (healthy)\n0/0     failed\n");
}

static void what_runs_an_older_commit_as_the_newer_is_wrong_is_not_told_as_current(void **state) {
    (void)state;
    static const struct ctl_column known[] = {{"UP TO DATE", "upToDate", CTL_CURRENT, CTL_ALWAYS}};

    ctl_table_print(ctl_table_new(&ctl, known, 1),
                    rows("[{\"upToDate\": true, \"stale\": true}, {\"upToDate\": true, "
                         "\"stale\": false}, {\"upToDate\": false, \"stale\": true}]"));
    assert_string_equal(printed(), "UP TO DATE\nstale\nyes\nno\n");
}

static void what_is_wrong_has_a_colour(void **state) {
    (void)state;
    static const struct ctl_column states[] = {{"H", "h", CTL_STATE, CTL_ALWAYS},
                                               {"C", "connected", CTL_YES, CTL_ALWAYS}};

    ctl.options.no_headers = true;
    assert_int_equal(ctl_color_set("always", &ctl.err), CM_OK);
    ctl_table_print(ctl_table_new(&ctl, states, 2),
                    rows("[{\"h\": \"failed\", \"connected\": true}, "
                         "{\"h\": \"healthy\", \"connected\": false}]"));
    assert_int_equal(ctl_color_set("never", &ctl.err), CM_OK);
    assert_string_equal(printed(), "\x1b[31mfailed\x1b[0m      yes\n"
                                   "\x1b[33m(healthy)\x1b[0m   \x1b[33mno\x1b[0m\n");
}

static void titles_may_be_left_out(void **state) {
    (void)state;
    ctl.options.no_headers = true;
    ctl_table_print(ctl_table_new(&ctl, columns, 2), rows(two));
    assert_string_equal(printed(), "paris      3\nrome      12\n");
}

static void names_are_members_with_slashes_between(void **state) {
    (void)state;
    ctl_print_names(&ctl, rows(two), "name apps");
    assert_string_equal(printed(), "paris/3\nrome/12\n");
}

static void a_list_as_a_tree_has_its_items(void **state) {
    (void)state;
    ctl.output = "json";
    assert_int_equal(ctl_print_list(&ctl, rows("[{\"a\": 1}]"), columns, 1, "a"), CM_OK);
    assert_string_equal(printed(), "{\n  \"items\": [\n    {\n      \"a\": 1\n    }\n  ]\n}\n");
}

static void values_stand_below_each_other(void **state) {
    (void)state;
    ctl_lines_diff(&ctl, "4", "9");
    ctl_lines_diff(&ctl, "\"a\"", "");
    assert_string_equal(printed(), "    - 4\n    + 9\n    - \"a\"\n    + (missing)\n");
}

static void of_texts_only_the_lines_that_differ_are_shown(void **state) {
    (void)state;
    ctl_lines_diff(&ctl, "\"a\\nb\\nold\\nc\\nd\\n\"", "\"a\\nb\\nnew\\nmore\\nc\\nd\\n\"");
    assert_string_equal(printed(), "      b\n    - old\n    + new\n    + more\n      c\n");
}

static void lines_at_an_end_may_be_missing(void **state) {
    (void)state;
    ctl_lines_diff(&ctl, "\"a\\nb\"", "\"a\\nb\\nc\"");
    ctl_lines_diff(&ctl, "\"x\\ny\"", "\"y\\nz\"");
    assert_string_equal(printed(), "      b\n    + c\n    - x\n    - y\n    + y\n    + z\n");
}

static void names_are_folded_after_three(void **state) {
    (void)state;
    struct cm_json *four = rows("[{\"n\": \"a\"}, {\"n\": \"b\"}, {\"n\": \"c\"}, {\"n\": \"d\"}]");

    assert_string_equal(ctl_fold_names(&ctl, four, "n"), "a, b, c, …");
    four = ctl_rows_first(ctl.arena, four, 2);
    assert_string_equal(ctl_fold_names(&ctl, four, "n"), "a, b");
    four = ctl_rows_reversed(ctl.arena, four);
    assert_string_equal(ctl_fold_names(&ctl, four, "n"), "b, a");
    (void)printed();
}

static void an_output_of_the_environment_that_a_verb_lacks_gives_way(void **state) {
    (void)state;
    static char wide[] = "wide";

    ctl.verb = ctl_verb_find("wait");
    ctl.options.output = wide;
    assert_int_equal(ctl_output_set(&ctl), CM_OK);
    assert_string_equal(ctl.output, "table");
    ctl.given = " output";
    assert_int_equal(ctl_output_set(&ctl), CM_EINVAL);
    assert_string_equal(ctl.err.msg, "-o wide: use table, json, yaml or jsonpath");
    (void)printed();
}

#define OUTPUT_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        OUTPUT_TEST(a_table_is_as_wide_as_its_cells),
        OUTPUT_TEST(a_wide_table_has_all_columns),
        OUTPUT_TEST(later_rows_keep_the_widths_and_have_no_titles),
        OUTPUT_TEST(what_a_cluster_that_is_away_said_stands_in_brackets),
        OUTPUT_TEST(what_runs_an_older_commit_as_the_newer_is_wrong_is_not_told_as_current),
        OUTPUT_TEST(what_is_wrong_has_a_colour),
        OUTPUT_TEST(titles_may_be_left_out),
        OUTPUT_TEST(names_are_members_with_slashes_between),
        OUTPUT_TEST(a_list_as_a_tree_has_its_items),
        OUTPUT_TEST(values_stand_below_each_other),
        OUTPUT_TEST(of_texts_only_the_lines_that_differ_are_shown),
        OUTPUT_TEST(lines_at_an_end_may_be_missing),
        OUTPUT_TEST(names_are_folded_after_three),
        OUTPUT_TEST(an_output_of_the_environment_that_a_verb_lacks_gives_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
