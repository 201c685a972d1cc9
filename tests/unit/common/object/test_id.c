#include "common/object/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/common/object/docs.h"

static void refused(void **state, const char *text, const char *msg) {
    struct cm_object_id id = {.kind = "untouched"};
    struct cm_err err = {0};

    assert_int_equal(cm_object_id_of(*state, yaml(state, text), &id, &err), CM_EINVAL);
    assert_string_equal(err.msg, msg);
    assert_string_equal(id.kind, "untouched");
}

static void an_object_has_group_kind_namespace_and_name(void **state) {
    struct cm_object_id id;
    struct cm_err err;

    assert_int_equal(
        cm_object_id_of(*state,
                        yaml(state, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, "
                                    "namespace: shop}}"),
                        &id, &err),
        CM_OK);
    assert_string_equal(id.group, "apps");
    assert_string_equal(id.version, "v1");
    assert_string_equal(id.kind, "Deployment");
    assert_string_equal(id.namespace, "shop");
    assert_string_equal(id.name, "web");
    assert_string_equal(cm_object_key(*state, &id), "Deployment.apps/shop/web");
}

static void what_has_no_namespace_has_an_empty_one(void **state) {
    struct cm_object_id id;
    struct cm_err err;

    assert_int_equal(
        cm_object_id_of(*state,
                        yaml(state, "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}"),
                        &id, &err),
        CM_OK);
    assert_string_equal(id.group, "");
    assert_string_equal(cm_object_key(*state, &id), "Namespace//shop");
}

static void a_malformed_identity_names_the_field(void **state) {
    refused(state, "[]", "a manifest must be an object, not a list");
    refused(state, "{kind: A, metadata: {name: a}}", "apiVersion is missing or no string: add it");
    refused(state, "{apiVersion: 1, kind: A}", "apiVersion is missing or no string: add it");
    refused(state, "{apiVersion: a/b/c, kind: A}",
            "apiVersion 'a/b/c' is malformed: write it as VERSION or GROUP/VERSION");
    refused(state, "{apiVersion: /v1, kind: A}",
            "apiVersion '/v1' is malformed: write it as VERSION or GROUP/VERSION");
    refused(state, "{apiVersion: apps/, kind: A}",
            "apiVersion 'apps/' is malformed: write it as VERSION or GROUP/VERSION");
    refused(state, "{apiVersion: v1, metadata: {name: a}}", "kind is missing or no string: add it");
    refused(state, "{apiVersion: v1, kind: A.b, metadata: {name: a}}",
            "kind 'A.b' is malformed: use 1 to 63 letters");
    refused(state, "{apiVersion: v1, kind: A}", "metadata.name is missing: add it");
    refused(state, "{apiVersion: v1, kind: A, metadata: [1]}", "metadata.name is missing: add it");
    refused(state, "{apiVersion: v1, kind: A, metadata: {name: 12}}",
            "metadata.name must be a string");
    refused(state, "{apiVersion: v1, kind: A, metadata: {generateName: a-}}",
            "metadata.generateName cannot be applied again: give it a metadata.name");
    refused(state, "{apiVersion: v1, kind: A, metadata: {name: a/b}}",
            "metadata.name 'a/b' is malformed: use 1 to 253 bytes without spaces, '/' and '%'");
    refused(state, "{apiVersion: v1, kind: A, metadata: {name: ..}}",
            "metadata.name '..' is malformed: use 1 to 253 bytes without spaces, '/' and '%'");
    refused(state, "{apiVersion: v1, kind: A, metadata: {name: a, namespace: 1}}",
            "metadata.namespace must be a string, not a number");
    refused(state, "{apiVersion: v1, kind: A, metadata: {name: a, namespace: A_b}}",
            "metadata.namespace 'A_b' is malformed: use 1 to 63 of a-z, 0-9 and '-'");
}

static void a_key_reads_back(void **state) {
    static const char *const keys[] = {
        "Deployment.apps/shop/web", "ConfigMap/shop/cfg", "Namespace//shop",
        "ClusterRole.rbac.authorization.k8s.io//system:node", "File.host//etc%2Fmotd"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct cm_object_id id;

        assert_true(cm_object_key_parse(*state, keys[i], &id));
        assert_string_equal(cm_object_key(*state, &id), keys[i]);
        assert_string_equal(id.version, "");
    }
}

static void what_is_no_key_is_not_read(void **state) {
    static const char *const keys[] = {"",       "A",      "A/b",     "A/b/",   "/b/c",
                                       ".g/b/c", "A./b/c", "A/b/c/d", "A/b/c\n"};
    char *longest = malloc(CM_OBJECT_KEY_MAX + 1);
    struct cm_object_id id;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        assert_false(cm_object_key_parse(*state, keys[i], &id));
    }
    memset(longest, 'a', CM_OBJECT_KEY_MAX);
    longest[CM_OBJECT_KEY_MAX] = '\0';
    longest[1] = longest[2] = '/';
    assert_false(cm_object_key_parse(*state, longest, &id));
    longest[CM_OBJECT_KEY_MAX - 1] = '\0';
    assert_true(cm_object_key_parse(*state, longest, &id));
    free(longest);
}

static void built_in_kinds_have_a_scope(void **state) {
    (void)state;
    assert_int_equal(cm_object_scope("", "Namespace"), CM_SCOPE_CLUSTER);
    assert_int_equal(cm_object_scope("apps", "Deployment"), CM_SCOPE_NAMESPACED);
    assert_int_equal(cm_object_scope("rbac.authorization.k8s.io", "ClusterRole"), CM_SCOPE_CLUSTER);
    assert_int_equal(cm_object_scope("rbac.authorization.k8s.io", "Role"), CM_SCOPE_NAMESPACED);
    assert_int_equal(cm_object_scope("serving.knative.dev", "Service"), CM_SCOPE_UNKNOWN);
}

static void kinds_are_applied_in_an_order(void **state) {
    (void)state;
    const int crd = cm_object_rank("apiextensions.k8s.io", "CustomResourceDefinition");
    const int namespace = cm_object_rank("", "Namespace");
    const int config = cm_object_rank("", "ConfigMap");
    const int deployment = cm_object_rank("apps", "Deployment");
    const int custom = cm_object_rank("example.com", "Widget");
    const int hook =
        cm_object_rank("admissionregistration.k8s.io", "ValidatingWebhookConfiguration");

    assert_true(crd < namespace);
    assert_true(namespace < config);
    assert_true(config < deployment);
    assert_true(deployment < custom);
    assert_true(custom < hook);
    assert_int_equal(cm_object_rank("serving.knative.dev", "Service"), custom);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_has_group_kind_namespace_and_name),
        cmocka_unit_test(what_has_no_namespace_has_an_empty_one),
        cmocka_unit_test(a_malformed_identity_names_the_field),
        cmocka_unit_test(a_key_reads_back),
        cmocka_unit_test(what_is_no_key_is_not_read),
        cmocka_unit_test(built_in_kinds_have_a_scope),
        cmocka_unit_test(kinds_are_applied_in_an_order),
    };

    return cmocka_run_group_tests(tests, set_up, take_down);
}
