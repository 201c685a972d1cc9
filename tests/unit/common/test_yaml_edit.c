#include "common/yaml_edit.h"

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
#include "common/mem.h"

static const char *const path[] = {"spec", "suspend"};

// change sets spec.suspend of a document, or takes it out; NULL if that is refused. The caller
// frees.
static char *change(const char *text, size_t document, int to) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_yaml_edit edit = {.document = document,
                                      .path = path,
                                      .depth = 2,
                                      .to = to < 0 ? NULL : cm_json_new_bool(a, to > 0)};
    char *out = NULL;
    struct cm_err err = {0};

    if (cm_yaml_edit_text(text, strlen(text), &edit, &out, &err) < 0) {
        assert_int_equal(err.code, CM_EINVAL);
        assert_null(out);
    }
    return out;
}

static void assert_changes(const char *text, size_t document, int to, const char *wanted) {
    CM_AUTOFREE char *got = change(text, document, to);

    assert_non_null(got);
    assert_string_equal(got, wanted);
}

static void a_value_that_is_there_is_replaced_in_its_place(void **state) {
    (void)state;
    assert_changes("spec:\n  # stop\n  suspend:   false   # for now\n  x: 1\n", 0, 1,
                   "spec:\n  # stop\n  suspend:   true   # for now\n  x: 1\n");
    assert_changes("spec: {suspend: no, x: 1}\n", 0, 1, "spec: {suspend: true, x: 1}\n");
    assert_changes("spec:\n  suspend:\n", 0, 1, "spec:\n  suspend: true\n");
    assert_changes("spec: {suspend: true}", 0, 1, "spec: {suspend: true}");
    assert_changes("# \xc3\xa4\xe2\x82\xac\nspec:\n  \xc3\xa4: \xc3\xb6\n  suspend: off\n", 0, 1,
                   "# \xc3\xa4\xe2\x82\xac\nspec:\n  \xc3\xa4: \xc3\xb6\n  suspend: true\n");
}

static void a_new_member_comes_last_and_leaves_comments_where_they_are(void **state) {
    (void)state;
    assert_changes("kind: App\nspec:\n  # where\n  source:\n    path: x # here\n\n# the end\n", 0,
                   1,
                   "kind: App\nspec:\n  # where\n  source:\n    path: x # here\n  suspend: true\n\n"
                   "# the end\n");
    assert_changes("spec:\n    x: 1\nstatus: 2", 0, 1,
                   "spec:\n    x: 1\n    suspend: true\nstatus: 2");
    assert_changes("spec:\n  x: 1", 0, 1, "spec:\n  x: 1\n  suspend: true\n");
    assert_changes("spec:\r\n  x: 1\r\n", 0, 1, "spec:\r\n  x: 1\r\n  suspend: true\r\n");
    assert_changes("spec:\n  x: |\n    a\n    b\nkind: A\n", 0, 1,
                   "spec:\n  x: |\n    a\n    b\n  suspend: true\nkind: A\n");
    assert_changes("spec:\n  x:\n  - a\n  - b: {c: 1}\n", 0, 1,
                   "spec:\n  x:\n  - a\n  - b: {c: 1}\n  suspend: true\n");
}

static void a_mapping_that_is_missing_is_made(void **state) {
    (void)state;
    assert_changes("kind: Cluster\nmetadata:\n  name: paris\n", 0, 1,
                   "kind: Cluster\nmetadata:\n  name: paris\nspec:\n  suspend: true\n");
    assert_changes("kind: Cluster\nspec:\nother: 1\n", 0, 1,
                   "kind: Cluster\nspec:\n  suspend: true\nother: 1\n");
    assert_changes("kind: Cluster\nspec: {}\n", 0, 1, "kind: Cluster\nspec: {\"suspend\": true}\n");
    assert_changes("{\"kind\": \"Cluster\"}", 0, 1,
                   "{\"spec\": {\"suspend\": true}, \"kind\": \"Cluster\"}");
    assert_changes("{\n \"spec\": {\n  \"x\": 1\n }\n}\n", 0, 1,
                   "{\n \"spec\": {\"suspend\": true,\n  \"x\": 1\n }\n}\n");
    assert_changes("{\"spec\": {\"x\": 1}}\n", 0, 1, "{\"spec\": {\"suspend\": true, \"x\": 1}}\n");
}

static void only_the_document_that_is_meant_is_changed(void **state) {
    (void)state;
    const char *text = "---\n# none\n---\nspec:\n  x: 1\n---\nspec:\n  x: 2\n...\n";

    assert_changes(text, 0, 1,
                   "---\n# none\n---\nspec:\n  x: 1\n  suspend: true\n---\nspec:\n  x: 2\n...\n");
    assert_changes(text, 1, 1,
                   "---\n# none\n---\nspec:\n  x: 1\n---\nspec:\n  x: 2\n  suspend: true\n...\n");
    assert_null(change(text, 2, 1));
}

static void a_member_goes_with_its_line(void **state) {
    (void)state;
    assert_changes("spec:\n  x: 1\n  suspend: true # for now\n  y: 2\n", 0, -1,
                   "spec:\n  x: 1\n  y: 2\n");
    assert_changes("spec:\n  x: 1\n  suspend: true", 0, -1, "spec:\n  x: 1\n");
    assert_changes("spec:\n  x: 1\n", 0, -1, "spec:\n  x: 1\n");
    assert_changes("kind: A\n", 0, -1, "kind: A\n");
}

static void what_cannot_go_alone_is_refused(void **state) {
    (void)state;
    assert_null(change("spec:\n  suspend: true\n", 0, -1)); // spec would be nothing, not {}
    assert_null(change("spec: {suspend: true, x: 1}\n", 0, -1));
    assert_null(change("spec:\n  ? suspend\n  : true\n  x: 1\n", 0, -1));
}

static void what_others_refer_to_is_refused(void **state) {
    (void)state;
    assert_null(change("spec:\n  suspend: &s false\nx: *s\n", 0, 1));
    assert_null(change("x: &s false\nspec:\n  suspend: *s\n", 0, 1));
    assert_null(change("x: &s {a: 1}\nspec: *s\n", 0, 1));
    assert_null(change("spec: text\n", 0, 1));
    assert_null(change("spec: [1]\n", 0, 1));
    assert_null(change("spec:\n  suspend: {a: 1}\n", 0, 1));
}

static void anchors_elsewhere_and_merges_stay(void **state) {
    (void)state;
    assert_changes("base: &b\n  suspend: false\nspec:\n  <<: *b\n  x: 1\n", 0, 1,
                   "base: &b\n  suspend: false\nspec:\n  <<: *b\n  x: 1\n  suspend: true\n");
    assert_changes("spec: &s\n  x: 1\nother: *s\n", 0, -1, "spec: &s\n  x: 1\nother: *s\n");
    // what an alias repeats would change, too
    assert_null(change("spec: &s\n  x: 1\nother: *s\n", 0, 1));
}

static void what_cannot_be_read_is_refused(void **state) {
    (void)state;
    assert_null(change("spec: [", 0, 1));
    assert_null(change("", 0, 1));
    assert_null(change("- spec\n", 0, 1));
    assert_null(change("spec:\n  suspend: false\n  suspend: true\n", 0, 1));
}

// add puts {a: [x], b: v} at the end of spec.list; NULL if that is refused.
static char *add(const char *text) {
    static const char *const list[] = {"spec", "list"};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *entry = NULL;
    char *out = NULL;
    struct cm_err err = {0};

    assert_int_equal(cm_json_parse(a, "{\"a\":[\"x\"],\"b\":\"v\"}", 19, NULL, &entry, &err),
                     CM_OK);
    const struct cm_yaml_edit edit = {.path = list, .depth = 2, .add = entry};
    if (cm_yaml_edit_text(text, strlen(text), &edit, &out, &err) < 0) {
        assert_int_equal(err.code, CM_EINVAL);
        assert_null(out);
    }
    return out;
}

static void assert_adds(const char *text, const char *wanted) {
    CM_AUTOFREE char *got = add(text);

    assert_non_null(got);
    assert_string_equal(got, wanted);
}

#define ENTRY "- a:\n    - x\n    b: v\n"

static void an_entry_comes_last_in_its_list(void **state) {
    (void)state;
    assert_adds("spec:\n  list: # of\n  - 1 # one\n  x: 1\n",
                "spec:\n  list: # of\n  - 1 # one\n  " ENTRY "  x: 1\n");
    assert_adds("spec:\n  list:\n    - {c: 1}\n    # more\n",
                "spec:\n  list:\n    - {c: 1}\n    - a:\n      - x\n      b: v\n    # more\n");
    assert_adds("spec:\n  list:\n  - |\n    t\n  x: 1\n",
                "spec:\n  list:\n  - |\n    t\n  " ENTRY "  x: 1\n");
    assert_adds("spec: {list: [1], x: 1}\n",
                "spec: {list: [1, {\"a\":[\"x\"],\"b\":\"v\"}], x: 1}\n");
    assert_adds("spec:\n  list: [\n    1 # one\n  ]\n",
                "spec:\n  list: [\n    1, {\"a\":[\"x\"],\"b\":\"v\"} # one\n  ]\n");
    assert_adds("spec:\n  list: [] # none\n",
                "spec:\n  list: [{\"a\":[\"x\"],\"b\":\"v\"}] # none\n");
}

static void a_list_that_is_missing_is_made(void **state) {
    (void)state;
    assert_adds("spec:\n  x: 1 # one\n# end\n", "spec:\n  x: 1 # one\n  list:\n  " ENTRY "# end\n");
    assert_adds("kind: A\n", "kind: A\nspec:\n  list:\n  " ENTRY);
    assert_adds("spec: {x: 1}\n", "spec: {\"list\": [{\"a\":[\"x\"],\"b\":\"v\"}], x: 1}\n");
    assert_adds("spec:\n  list:\n  x: 1\n",
                "spec:\n  list: [{\"a\":[\"x\"],\"b\":\"v\"}]\n  x: 1\n");
}

static void an_entry_that_is_there_is_not_added_again(void **state) {
    (void)state;
    assert_adds("spec:\n  list: [{b: v, a: [x]}]\n", "spec:\n  list: [{b: v, a: [x]}]\n");
}

static void what_is_no_list_of_its_own_gets_no_entry(void **state) {
    (void)state;
    assert_null(add("spec:\n  list: text\n"));
    assert_null(add("spec:\n  list: {a: 1}\n"));
    assert_null(add("x: &l [1]\nspec:\n  list: *l\n"));
    assert_null(add("spec:\n  list: &l [1]\nx: *l\n"));
    assert_null(add("spec: {list: [1, ], x: 1}\nx: ["));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_comes_last_in_its_list),
        cmocka_unit_test(a_list_that_is_missing_is_made),
        cmocka_unit_test(an_entry_that_is_there_is_not_added_again),
        cmocka_unit_test(what_is_no_list_of_its_own_gets_no_entry),
        cmocka_unit_test(a_value_that_is_there_is_replaced_in_its_place),
        cmocka_unit_test(a_new_member_comes_last_and_leaves_comments_where_they_are),
        cmocka_unit_test(a_mapping_that_is_missing_is_made),
        cmocka_unit_test(only_the_document_that_is_meant_is_changed),
        cmocka_unit_test(a_member_goes_with_its_line),
        cmocka_unit_test(what_cannot_go_alone_is_refused),
        cmocka_unit_test(what_others_refer_to_is_refused),
        cmocka_unit_test(anchors_elsewhere_and_merges_stay),
        cmocka_unit_test(what_cannot_be_read_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
