#include "common/object/patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "docs.h"

static struct cm_json *copy(void *ctx, const struct cm_json *node) {
    return cm_json_copy(ctx, node);
}

static enum cm_rc apply(struct cm_arena *a, const struct cm_json *document,
                        const struct cm_json *operations, struct cm_patched *out,
                        struct cm_err *err) {
    struct cm_patch with = {.a = a, .copy = copy, .ctx = a};

    return cm_patch_apply(&with, document, operations, out, err);
}

static struct cm_json *read_cases(struct cm_arena *a, const char *name) {
    CM_AUTOFREE char *path = cm_strf("%s/%s", CASES_DIR, name);
    FILE *file = fopen(path, "re");
    CM_AUTOFREE char *text = cm_new(1, 65536);
    struct cm_json *cases;
    struct cm_err err;

    assert_non_null(file);
    size_t size = fread(text, 1, 65536, file);
    (void)fclose(file);
    // Cases of malformed JSON are the reader's to refuse.
    if (cm_json_parse(a, text, size, NULL, &cases, &err) < 0) {
        fail_msg("%s: %s", path, err.msg);
    }
    return cases;
}

static void run_case(struct cm_arena *a, const struct cm_json *test) {
    const struct cm_json *expected = cm_json_get(test, "expected");
    const char *error = cm_json_string(cm_json_get(test, "error"));
    const char *comment = cm_json_string(cm_json_get(test, "comment"));
    struct cm_json *before = cm_json_copy(a, cm_json_get(test, "doc"));
    struct cm_patched out = {0};
    struct cm_err err = {0};
    enum cm_rc rc = apply(a, cm_json_get(test, "doc"), cm_json_get(test, "patch"), &out, &err);

    if ((rc == CM_OK) != (error == NULL) ||
        (expected != NULL && !cm_json_equal(out.document, expected))) {
        fail_msg("%s: %s", comment != NULL ? comment : error, rc < 0 ? err.msg : "another result");
    }
    assert_true((rc < 0) == (out.wrong != NULL));
    assert_true(cm_json_equal(before, cm_json_get(test, "doc")));
}

static size_t run_cases(struct cm_arena *a, const char *name) {
    size_t count = 0;

    for (const struct cm_json *n = read_cases(a, name)->first; n != NULL; n = n->next) {
        if (cm_json_get(n, "patch") != NULL && !cm_json_true(cm_json_get(n, "disabled"))) {
            run_case(a, n);
            count++;
        }
    }
    return count;
}

static void the_published_cases_hold(void **state) {
    assert_true(run_cases(*state, "tests.json") > 80);
}

static void the_examples_of_the_rfc_hold(void **state) {
    assert_true(run_cases(*state, "spec_tests.json") > 15);
}

static void assert_refused(void **state, const char *document, const char *operations,
                           const char *words) {
    struct cm_patched out = {0};
    struct cm_err err = {0};

    assert_int_equal(apply(*state, yaml(state, document), yaml(state, operations), &out, &err),
                     CM_EINVAL);
    assert_string_equal(err.msg, words);
    assert_null(out.document);
    assert_non_null(out.wrong);
}

static void what_cannot_be_done_is_said(void **state) {
    assert_refused(state, "{a: {b: 1}}", "{op: add}",
                   "a JSON patch is a list of operations, not an object");
    assert_refused(state, "{a: {b: 1}}", "[{op: ad, path: /a}]",
                   "an operation has an 'op' that is add, remove, replace, move, copy or test");
    assert_refused(state, "{a: {b: 1}}", "[{op: add, path: /a}]",
                   "the operation has no 'value': add it");
    assert_refused(state, "{a: {b: 1}}", "[{op: remove, path: a}]",
                   "'a' is no JSON pointer: begin it with '/'");
    assert_refused(state, "{a: {b: 1}}", "[{op: remove, path: /~2}]",
                   "'~2' is no part of a JSON pointer: write ~0 for '~' and ~1 for '/'");
    assert_refused(state, "{a: {b: 1}}", "[{op: remove, path: 3}]",
                   "'path' must be a JSON pointer, not a number");
    assert_refused(state, "{a: {b: 1}}", "[{op: replace, path: /a/c, value: 1}]",
                   "the object has no '/a/c' here: check the path, or add what is missing first");
    assert_refused(state, "{a: {b: 1}}", "[{op: add, path: /x/y/z, value: 1}]",
                   "the object has no '/x/y' here: check the path, or add what is missing first");
    assert_refused(state, "{a: [1, 2]}", "[{op: add, path: /a/3, value: 1}]",
                   "'3' is no index of a list of 2: use 0 to 2, or '-' for its end");
    assert_refused(state, "{a: [1, 2]}", "[{op: remove, path: /a/-}]",
                   "'-' is no index of a list of 2: use 0 to 1");
    assert_refused(state, "{a: [1, 2]}", "[{op: remove, path: ''}]",
                   "the whole object cannot be removed: use 'remove: true'");
    assert_refused(state, "{a: {b: 1}}", "[{op: move, from: /a, path: /a/b}]",
                   "a value cannot be moved into itself: use 'copy'");
    assert_refused(
        state, "{a: {b: 1}}", "[{op: test, path: /a/b, value: 2}]",
        "the value at '/a/b' is 1, not what the test expects: correct the test, or remove it");
}

static void a_failure_names_the_node_that_is_wrong(void **state) {
    struct cm_patched out = {0};
    struct cm_err err = {0};

    assert_int_equal(apply(*state, yaml(state, "{a: 1}"),
                           yaml(state, "- {op: add, path: /b, value: 1}\n- op: replace\n"
                                       "  path: /c/d\n  value: 1\n"),
                           &out, &err),
                     CM_EINVAL);
    assert_int_equal(out.wrong->line, 3);
    assert_int_equal(out.wrong->column, 9);
}

static void copies_of_copies_do_not_fill_the_memory(void **state) {
    struct cm_str text = {0};

    cm_str_add(&text, "[");
    for (int i = 0; i < 40; i++) {
        cm_str_addf(&text, "%s{op: copy, from: /a, path: /a/b%d}", i > 0 ? "," : "", i);
    }
    cm_str_add(&text, "]");
    assert_refused(state, "{a: {b: 1}}", cm_str_get(&text),
                   "the operations make too much of the object: copy less");
    cm_str_done(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_published_cases_hold, set_up, take_down),
        cmocka_unit_test_setup_teardown(the_examples_of_the_rfc_hold, set_up, take_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_done_is_said, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_failure_names_the_node_that_is_wrong, set_up, take_down),
        cmocka_unit_test_setup_teardown(copies_of_copies_do_not_fill_the_memory, set_up, take_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
