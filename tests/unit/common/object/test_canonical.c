#include "common/object/canonical.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/common/object/docs.h"

#include "common/buf.h"
#include "common/tls/digest.h"

static void what_the_server_owns_is_left_out(void **state) {
    struct cm_json *object = yaml(
        state, "{apiVersion: v1, kind: Pod, metadata: {name: a, uid: b, generation: 1, selfLink: "
               "/x, resourceVersion: '1', creationTimestamp: null, managedFields: [], labels: {a: "
               "b}}, spec: {uid: kept, status: kept}, status: {x: 1}}");

    cm_object_normalise(*state, object);
    assert_compact(object, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\","
                           "\"labels\":{\"a\":\"b\"}},\"spec\":{\"uid\":\"kept\",\"status\":"
                           "\"kept\"}}");
}

static void members_that_are_null_are_left_out(void **state) {
    struct cm_json *object = yaml(state, "{apiVersion: apps/v1, kind: Deployment, a: ~, b: {c: ~, "
                                         "d: [~, {e: ~}]}, f: 1, metadata: ~, status: ~}");

    cm_object_normalise(*state, object);
    assert_compact(object, "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"b\":{\"d\":[null,"
                           "{}]},\"f\":1}");
}

static void custom_resources_keep_what_is_null_and_their_status(void **state) {
    struct cm_json *object =
        yaml(state, "{apiVersion: a.b/v1, kind: W, metadata: {name: a, uid: b, labels: ~}, spec: "
                    "{values: {resources: ~}}, status: {x: ~}}");

    cm_object_normalise(*state, object);
    assert_compact(object,
                   "{\"apiVersion\":\"a.b/v1\",\"kind\":\"W\",\"metadata\":{\"name\":\"a\"},"
                   "\"spec\":{\"values\":{\"resources\":null}},\"status\":{\"x\":null}}");
}

static void string_data_goes_into_data(void **state) {
    struct cm_json *object =
        yaml(state, "{apiVersion: v1, kind: Secret, data: {a: 'eA==', b: \"aGVs\\nbG8=\"}, "
                    "stringData: {a: hello, c: ''}}");

    cm_object_normalise(*state, object);
    assert_compact(object, "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{\"a\":"
                           "\"aGVsbG8=\",\"b\":\"aGVsbG8=\",\"c\":\"\"}}");
}

static void data_is_made_if_there_is_none(void **state) {
    struct cm_json *object =
        yaml(state, "{apiVersion: v1, kind: Secret, data: ~, stringData: {a: hello}}");

    cm_object_normalise(*state, object);
    assert_compact(object,
                   "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{\"a\":\"aGVsbG8=\"}}");
}

static void a_malformed_secret_stays_for_the_server_to_refuse(void **state) {
    struct cm_json *object =
        yaml(state, "{apiVersion: v1, kind: Secret, data: [], stringData: {a: 1}}");
    struct cm_json *number = yaml(state, "{apiVersion: v1, kind: Secret, stringData: {a: 1}}");

    cm_object_normalise(*state, number);
    assert_compact(number, "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"stringData\":{\"a\":1}}");
    cm_object_normalise(*state, object);
    assert_compact(object, "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":[],\"stringData\":"
                           "{\"a\":1}}");
}

static void other_kinds_may_have_string_data(void **state) {
    struct cm_json *object =
        yaml(state, "{apiVersion: a.b/v1, kind: Secret, stringData: {a: hello}}");

    cm_object_normalise(*state, object);
    assert_compact(object, "{\"apiVersion\":\"a.b/v1\",\"kind\":\"Secret\",\"stringData\":{\"a\":"
                           "\"hello\"}}");
}

static void what_is_no_object_is_left_alone(void **state) {
    struct cm_json *list = yaml(state, "[1, {metadata: 2}]");
    struct cm_json *text = yaml(state, "{metadata: text}");

    cm_object_normalise(*state, list);
    cm_object_normalise(*state, text);
    assert_compact(list, "[1,{\"metadata\":2}]");
    assert_compact(text, "{\"metadata\":\"text\"}");
}

static void a_hash_names_the_canonical_bytes(void **state) {
    const char *bytes = "{\n  \"a\": 1,\n  \"b\": []\n}\n";
    struct cm_sha256 expected = cm_sha256(bytes, strlen(bytes));
    struct cm_sha256 hash;
    struct cm_buf *buf = cm_object_hash(yaml(state, "{b: [], a: 1}"), &hash);

    assert_int_equal(buf->size, strlen(bytes));
    assert_memory_equal(buf->data, bytes, buf->size);
    assert_true(cm_sha256_equal(&hash, &expected));
    cm_buf_unref(buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_server_owns_is_left_out),
        cmocka_unit_test(members_that_are_null_are_left_out),
        cmocka_unit_test(custom_resources_keep_what_is_null_and_their_status),
        cmocka_unit_test(string_data_goes_into_data),
        cmocka_unit_test(data_is_made_if_there_is_none),
        cmocka_unit_test(a_malformed_secret_stays_for_the_server_to_refuse),
        cmocka_unit_test(other_kinds_may_have_string_data),
        cmocka_unit_test(what_is_no_object_is_left_alone),
        cmocka_unit_test(a_hash_names_the_canonical_bytes),
    };

    return cmocka_run_group_tests(tests, set_up, take_down);
}
