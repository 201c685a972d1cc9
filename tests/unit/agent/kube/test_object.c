#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/object.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/support/json.h"

static const struct kube_mark MARK = {"applyset-x-v1", "shop"};

static void an_object_gets_its_marks_and_namespace(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *o =
        parse(a, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
                 "\"uid\":\"u\",\"managedFields\":[]},\"status\":{}}");
    struct cm_str text = {0};
    struct cm_err err;

    (void)state;
    assert_int_equal(kube_object_prepare(a, o, &MARK, "ns", &err), CM_OK);
    cm_json_write_compact(o, &text);
    assert_string_equal(
        cm_str_get(&text),
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
        "\"namespace\":\"ns\",\"labels\":{\"applyset.kubernetes.io/part-of\":"
        "\"applyset-x-v1\",\"holdfast.dev/app\":\"shop\"}}}");
    cm_str_done(&text);
}

static void a_cluster_scoped_object_loses_its_namespace(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *o = parse(a, "{\"metadata\":{\"name\":\"a\",\"namespace\":\"b\"}}");
    struct cm_err err;

    (void)state;
    assert_int_equal(kube_object_prepare(a, o, &MARK, "", &err), CM_OK);
    assert_null(cm_json_path(o, "metadata", "namespace", NULL));
    assert_int_equal(kube_object_prepare(a, parse(a, "[]"), &MARK, "", &err), CM_EINVAL);
}

static void the_plain_data_of_a_secret_is_packed(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *o =
        parse(a, "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"a\"},"
                 "\"stringData\":{\"p\":\"x\"},\"data\":{\"q\":\"eQ==\"}}");
    struct cm_err err;

    (void)state;
    assert_int_equal(kube_object_prepare(a, o, &MARK, "ns", &err), CM_OK);
    assert_null(cm_json_get(o, "stringData"));
    assert_string_equal(cm_json_string(cm_json_path(o, "data", "p", NULL)), "eA==");
    assert_string_equal(cm_json_string(cm_json_path(o, "data", "q", NULL)), "eQ==");
}

static void what_yaml_would_misread_is_escaped(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *o = cm_json_new_string(a, "a\xc2\x85"
                                              "b\xe2\x80\xa8"
                                              "c\xef\xbb\xbf"
                                              "d\x7f"
                                              "e\xc3\xa4\xf0\x9f\x98\x80");
    struct cm_str text = {0};

    (void)state;
    kube_object_write(o, &text);
    assert_string_equal(cm_str_get(&text),
                        "\"a\\u0085b\\u2028c\\ufeffd\\u007fe\xc3\xa4\xf0\x9f\x98\x80\"");
    cm_str_done(&text);
}

static void a_print_leaves_out_what_the_server_writes(void **state) {
    static const char before[] =
        "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"1\",\"labels\":{\"l\":\"1\"}},"
        "\"spec\":{\"n\":1},\"status\":{\"s\":1}}";
    static const char same[] =
        "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"2\",\"labels\":{\"l\":\"1\"},"
        "\"generation\":3,\"managedFields\":[1]},\"spec\":{\"n\":1},\"status\":{\"s\":2}}";
    static const char *const others[] = {
        "{\"metadata\":{\"name\":\"a\",\"labels\":{\"l\":\"2\"}},\"spec\":{\"n\":1}}",
        "{\"metadata\":{\"name\":\"a\",\"labels\":{\"l\":\"1\"}},\"spec\":{\"n\":2}}",
        "{\"metadata\":{\"name\":\"a\",\"labels\":{\"l\":\"1\"}},\"spec\":{\"n\":\"1\"}}",
        "{\"metadata\":{\"name\":\"a\",\"labels\":{\"l\":\"1\"}},\"spec\":[{\"n\":1}]}",
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    uint64_t print = kube_object_print(parse(a, before));

    (void)state;
    assert_true(print == kube_object_print(parse(a, same)));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_true(print != kube_object_print(parse(a, others[i])));
    }
}

static void versions_are_numbers_or_nothing(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_true(kube_object_version(parse(a, "{\"metadata\":{\"resourceVersion\":\"12\"}}")) == 12);
    assert_true(kube_object_version(parse(a, "{\"metadata\":{\"resourceVersion\":\"1x\"}}")) == 0);
    assert_true(kube_object_version(parse(a, "{}")) == 0);
}

// applied_by is an object whose label has this manager, with this operation.
static struct cm_json *applied_by(struct cm_arena *a, const char *manager, const char *operation,
                                  const char *more) {
    CM_AUTOFREE char *text =
        cm_strf("{\"metadata\":{\"name\":\"a\",\"managedFields\":[{\"manager\":\"x\"},{\"manager\":"
                "\"%s\",\"operation\":\"%s\",\"fieldsV1\":{\"f:metadata\":{\"f:labels\":{"
                "\"f:applyset.kubernetes.io/part-of\":{}}}}}]%s}}",
                manager, operation, more);

    return parse(a, text);
}

static void only_who_applied_the_mark_counts_as_its_owner(void **state) {
    static const char owned[] = ",\"ownerReferences\":[{\"kind\":\"Node\"}]";
    static const char controlled[] =
        ",\"ownerReferences\":[{\"kind\":\"Node\"},{\"kind\":\"Service\",\"controller\":true}]";
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_true(kube_object_is_applied_by(applied_by(a, "holdfast", "Apply", ""), "holdfast"));
    assert_true(kube_object_is_applied_by(applied_by(a, "holdfast", "Apply", owned), "holdfast"));
    assert_false(
        kube_object_is_applied_by(applied_by(a, "holdfast", "Apply", controlled), "holdfast"));
    assert_false(kube_object_is_applied_by(applied_by(a, "holdfast", "Update", ""), "holdfast"));
    assert_false(kube_object_is_applied_by(applied_by(a, "mirror", "Apply", ""), "holdfast"));
    assert_false(kube_object_is_applied_by(parse(a, "{\"metadata\":{}}"), "holdfast"));
}

static void keys_are_filled_and_taken_apart(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_string_equal(kube_key_fill(a, "ConfigMap//a", "ns"), "ConfigMap/ns/a");
    assert_string_equal(kube_key_fill(a, "Node/x/a", ""), "Node//a");
    assert_string_equal(kube_key_name("Role.r/ns/system:x"), "system:x");
}

#define ENTRY(name, time) "{\"manager\":\"" name "\",\"time\":\"2026-11-" time "T10:00:00Z\"}"
#define STATUS_OF(name) "{\"manager\":\"" name "\",\"subresource\":\"status\",\"time\":\"2026-12\"}"
#define MANAGED(entries) "{\"metadata\":{\"managedFields\":[" entries "]}}"

static void who_changed_an_object_last_is_known(void **state) {
    static const char all[] =
        MANAGED(ENTRY("b", "02") "," ENTRY("c", "03") "," ENTRY("a", "01") "," STATUS_OF("d"));
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_string_equal(kube_object_changed_by(parse(a, all)), "c");
    assert_string_equal(kube_object_changed_by(parse(a, MANAGED("1,{}"))), "");
    assert_string_equal(kube_object_changed_by(parse(a, "{}")), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_gets_its_marks_and_namespace),
        cmocka_unit_test(a_cluster_scoped_object_loses_its_namespace),
        cmocka_unit_test(the_plain_data_of_a_secret_is_packed),
        cmocka_unit_test(what_yaml_would_misread_is_escaped),
        cmocka_unit_test(a_print_leaves_out_what_the_server_writes),
        cmocka_unit_test(versions_are_numbers_or_nothing),
        cmocka_unit_test(only_who_applied_the_mark_counts_as_its_owner),
        cmocka_unit_test(keys_are_filled_and_taken_apart),
        cmocka_unit_test(who_changed_an_object_last_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
