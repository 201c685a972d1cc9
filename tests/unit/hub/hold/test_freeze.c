#include "hub/hold/freeze.h"

#include "release.h"

static enum cm_rc read_text(struct cm_arena *a, const char *text, struct hub_freeze *out,
                            struct cm_err *err) {
    struct cm_yaml_docs docs;
    const struct cm_json *wrong = NULL;
    enum cm_rc rc = cm_yaml_parse(a, text, strlen(text), NULL, &docs, err);

    assert_int_equal(rc, CM_OK);
    rc = hub_freeze_read(a, docs.docs[0], out, &wrong, err);
    assert_true(rc == CM_OK || wrong != NULL);
    return rc;
}

static void what_is_written_is_read_the_same(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct hub_freeze freeze = {.name = "stop-1",
                                      .app = "shop",
                                      .cluster = "",
                                      .group = "",
                                      .selector = "env=prod,tier!=edge",
                                      .reason = "INC-4711: \"it\" burns # and how",
                                      .actor = "ann",
                                      .at_ms = 1790856000123,
                                      .until_ms = 1790863200000};
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_err err = {0};
    struct hub_freeze again;

    (void)state;
    hub_freeze_write(&freeze, &text);
    assert_int_equal(read_text(a, cm_str_get(&text), &again, &err), CM_OK);
    assert_string_equal(again.name, "stop-1");
    assert_string_equal(again.app, "shop");
    assert_string_equal(again.cluster, "");
    assert_string_equal(again.group, "");
    assert_string_equal(again.selector, freeze.selector);
    assert_string_equal(again.reason, freeze.reason);
    assert_string_equal(again.actor, "ann");
    assert_int_equal(again.at_ms, freeze.at_ms);
    assert_int_equal(again.until_ms, freeze.until_ms);
}

static void what_is_not_said_is_not_written(void **state) {
    const struct hub_freeze freeze = {.name = "all",
                                      .app = "",
                                      .cluster = "",
                                      .group = "",
                                      .selector = "",
                                      .reason = "it burns",
                                      .actor = ""};
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    (void)state;
    hub_freeze_write(&freeze, &text);
    assert_string_equal(cm_str_get(&text), "apiVersion: holdfast/v1alpha1\n"
                                           "kind: Freeze\n"
                                           "metadata:\n"
                                           "  name: all\n"
                                           "spec:\n"
                                           "  reason: it burns\n");
}

static void a_time_or_selector_that_is_none_is_refused(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_freeze freeze;
    struct cm_err err = {0};

    (void)state;
    assert_int_equal(read_text(a, "spec: {until: tomorrow}\n", &freeze, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "spec.until is no moment"));
    assert_int_equal(read_text(a, "spec: {selector: 'env in'}\n", &freeze, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "spec.selector"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_written_is_read_the_same),
    cmocka_unit_test(what_is_not_said_is_not_written),
    cmocka_unit_test(a_time_or_selector_that_is_none_is_refused),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
