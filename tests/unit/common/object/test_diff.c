#include "common/object/diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/common/object/docs.h"

// What the API server made of desired_web, with what it and others filled in.
static const char desired_web[] =
    "apiVersion: apps/v1\n"
    "kind: Deployment\n"
    "metadata: {name: web, namespace: shop, labels: {app.kubernetes.io/name: web}, "
    "creationTimestamp: null}\n"
    "spec:\n"
    "  replicas: 3\n"
    "  minReadySeconds: 0\n"
    "  selector: {matchLabels: {app: web}}\n"
    "  template:\n"
    "    metadata: {labels: {app: web}, creationTimestamp: null}\n"
    "    spec:\n"
    "      hostNetwork: false\n"
    "      tolerations: []\n"
    "      nodeSelector: {}\n"
    "      securityContext: {}\n"
    "      volumes:\n"
    "      - name: info\n"
    "        projected: {sources: [{downwardAPI: {items: [{path: n, fieldRef: {fieldPath: "
    "metadata.name}}]}}]}\n"
    "      containers:\n"
    "      - name: web\n"
    "        image: nginx:1.25\n"
    "        args: [--a, --b]\n"
    "        ports: [{containerPort: 80}, {containerPort: 53, protocol: UDP}]\n"
    "        resources: {limits: {cpu: 1, memory: 0.5Gi}, requests: {cpu: 1000m}}\n"
    "status: {}\n";

static const char live_web[] =
    "apiVersion: apps/v1\n"
    "kind: Deployment\n"
    "metadata:\n"
    "  name: web\n"
    "  namespace: shop\n"
    "  uid: 0f1e2d3c-1111-2222-3333-444455556666\n"
    "  resourceVersion: '4711'\n"
    "  generation: 2\n"
    "  creationTimestamp: '2026-11-01T00:00:00Z'\n"
    "  labels: {app.kubernetes.io/name: web, team: a}\n"
    "  annotations: {deployment.kubernetes.io/revision: '1'}\n"
    "spec:\n"
    "  progressDeadlineSeconds: 600\n"
    "  replicas: 3\n"
    "  selector: {matchLabels: {app: web}}\n"
    "  strategy: {type: RollingUpdate}\n"
    "  template:\n"
    "    metadata: {labels: {app: web}}\n"
    "    spec:\n"
    "      containers:\n"
    "      - name: sidecar\n"
    "        image: mesh:1\n"
    "      - name: web\n"
    "        image: nginx:1.25\n"
    "        imagePullPolicy: IfNotPresent\n"
    "        args: [--a, --b]\n"
    "        ports: [{containerPort: 80, protocol: TCP}, {containerPort: 53, protocol: UDP}]\n"
    "        resources: {limits: {cpu: '1', memory: 512Mi}, requests: {cpu: '1'}}\n"
    "      volumes:\n"
    "      - name: info\n"
    "        projected: {defaultMode: 420, sources: [{downwardAPI: {items: [{path: n, fieldRef: "
    "{apiVersion: v1, fieldPath: metadata.name}}]}}]}\n"
    "      restartPolicy: Always\n"
    "status: {replicas: 3}\n";

static struct cm_differences diff(void **state, const char *desired, const char *actual) {
    struct cm_differences out;

    cm_object_diff(*state, yaml(state, desired), yaml(state, actual), 100, &out);
    return out;
}

static struct cm_differences changes(void **state, const char *before, const char *after) {
    struct cm_differences out;

    cm_object_changes(*state, yaml(state, before), yaml(state, after), 100, &out);
    return out;
}

static void assert_item(void **state, const struct cm_differences *all, size_t i, const char *path,
                        const char *desired, const char *actual) {
    assert_true(i < all->count);
    assert_string_equal(all->items[i].path, path);
    assert_string_equal(cm_difference_text(*state, all->items[i].desired, 200), desired);
    assert_string_equal(cm_difference_text(*state, all->items[i].actual, 200), actual);
}

// replace returns the live object with some text replaced.
static const char *replace(void **state, const char *from, const char *to) {
    const char *at = strstr(live_web, from);

    assert_non_null(at);
    return cm_arena_strf(*state, "%.*s%s%s", (int)(at - live_web), live_web, to, at + strlen(from));
}

static void what_the_server_fills_in_is_no_difference(void **state) {
    struct cm_differences found = diff(state, desired_web, live_web);

    for (size_t i = 0; i < found.count; i++) {
        print_error("%s\n", found.items[i].path);
    }
    assert_int_equal(found.count, 0);
    assert_false(found.more);
}

static void a_changed_scalar_is_found_with_both_values(void **state) {
    struct cm_differences found =
        diff(state, desired_web, replace(state, "replicas: 3", "replicas: 5"));

    assert_int_equal(found.count, 1);
    assert_item(state, &found, 0, "spec.replicas", "3", "5");
}

static void entries_of_lists_are_found_by_their_keys(void **state) {
    struct cm_differences found =
        diff(state, desired_web, replace(state, "image: nginx:1.25", "image: nginx:evil"));

    assert_int_equal(found.count, 1);
    assert_item(state, &found, 0, "spec.template.spec.containers[name=web].image", "\"nginx:1.25\"",
                "\"nginx:evil\"");
}

static void a_missing_entry_is_one_difference(void **state) {
    struct cm_differences found =
        diff(state, desired_web, replace(state, ", {containerPort: 53, protocol: UDP}", ""));

    assert_int_equal(found.count, 1);
    assert_item(state, &found, 0,
                "spec.template.spec.containers[name=web].ports[containerPort=53,protocol=UDP]",
                "{\"containerPort\":53,\"protocol\":\"UDP\"}", "<none>");
}

static void names_that_are_no_words_are_quoted(void **state) {
    struct cm_differences found = diff(
        state, desired_web,
        replace(state, "app.kubernetes.io/name: web, team", "app.kubernetes.io/name: x, team"));

    assert_int_equal(found.count, 1);
    assert_item(state, &found, 0, "metadata.labels['app.kubernetes.io/name']", "\"web\"", "\"x\"");
}

static void an_atomic_list_differs_as_a_whole(void **state) {
    struct cm_differences found =
        diff(state, desired_web, replace(state, "args: [--a, --b]", "args: [--a]"));

    assert_int_equal(found.count, 1);
    assert_item(state, &found, 0, "spec.template.spec.containers[name=web].args",
                "[\"--a\",\"--b\"]", "[\"--a\"]");
}

static void an_atomic_list_may_not_be_longer(void **state) {
    struct cm_differences found =
        diff(state, desired_web, replace(state, "args: [--a, --b]", "args: [--a, --b, --c]"));

    assert_int_equal(found.count, 1);
}

static void a_selector_has_one_owner(void **state) {
    struct cm_differences found =
        diff(state, "{apiVersion: v1, kind: Service, spec: {selector: {app: web}}}",
             "{apiVersion: v1, kind: Service, spec: {selector: {app: web, track: old}}}");

    assert_int_equal(found.count, 1);
    assert_item(state, &found, 0, "spec.selector", "{\"app\":\"web\"}",
                "{\"app\":\"web\",\"track\":\"old\"}");
}

static void an_element_of_a_set_may_be_missing(void **state) {
    struct cm_differences found =
        diff(state, "{apiVersion: v1, kind: ConfigMap, metadata: {finalizers: [a/b, c/d]}}",
             "{apiVersion: v1, kind: ConfigMap, metadata: {finalizers: [x/y, c/d]}}");

    assert_int_equal(found.count, 1);
    assert_item(state, &found, 0, "metadata.finalizers[=a/b]", "\"a/b\"", "<none>");
}

static void quantities_are_equal_by_value_only_where_there_are_some(void **state) {
    assert_int_equal(diff(state, "{apiVersion: v1, kind: ResourceQuota, spec: {hard: {cpu: 2}}}",
                          "{apiVersion: v1, kind: ResourceQuota, spec: {hard: {cpu: 2000m}}}")
                         .count,
                     0);
    assert_int_equal(diff(state, "{apiVersion: v1, kind: ConfigMap, data: {cpu: '2'}}",
                          "{apiVersion: v1, kind: ConfigMap, data: {cpu: 2000m}}")
                         .count,
                     1);
    assert_int_equal(
        diff(state, "{apiVersion: a.b/v1, kind: W, spec: {resources: {limits: {cpu: 2}}}}",
             "{apiVersion: a.b/v1, kind: W, spec: {resources: {limits: {cpu: 2000m}}}}")
            .count,
        0);
}

static void a_zero_that_is_stored_is_a_difference(void **state) {
    // runAsUser is a pointer in Go: 0 is root and absent is not.
    struct cm_differences found =
        diff(state, "{apiVersion: v1, kind: Pod, spec: {securityContext: {runAsUser: 0}}}",
             "{apiVersion: v1, kind: Pod, spec: {securityContext: {}}}");

    assert_int_equal(found.count, 1);
    assert_item(state, &found, 0, "spec.securityContext.runAsUser", "0", "<none>");
}

static void an_empty_list_or_map_says_nothing(void **state) {
    assert_int_equal(
        diff(state, "{apiVersion: v1, kind: Pod, spec: {tolerations: [], nodeSelector: {}, a: ~}}",
             "{apiVersion: v1, kind: Pod, spec: {tolerations: [{key: a}], nodeSelector: {a: b}, a: "
             "1}}")
            .count,
        0);
}

static void a_type_that_changed_is_a_difference(void **state) {
    struct cm_differences found = diff(state, "{apiVersion: a/v1, kind: A, spec: {a: [1]}}",
                                       "{apiVersion: a/v1, kind: A, spec: {a: {b: 1}}}");

    assert_int_equal(found.count, 1);
    assert_item(state, &found, 0, "spec.a", "[1]", "{\"b\":1}");
}

static void status_version_and_server_metadata_do_not_count(void **state) {
    assert_int_equal(diff(state,
                          "{apiVersion: a/v1, kind: A, metadata: {name: a, uid: b, generation: 3}, "
                          "status: {x: 1}}",
                          "{apiVersion: a/v2, kind: A, metadata: {name: a}}")
                         .count,
                     0);
    assert_int_equal(diff(state, "{apiVersion: a/v1, kind: A, metadata: {}, spec: {uid: b}}",
                          "{apiVersion: a/v1, kind: A, metadata: {}, spec: {uid: c}}")
                         .count,
                     1);
    assert_int_equal(diff(state, "{apiVersion: a/v1, kind: A, spec: {metadata: {uid: b}}}",
                          "{apiVersion: a/v1, kind: A, spec: {metadata: {uid: c}}}")
                         .count,
                     1);
}

static void at_most_so_many_differences_are_listed(void **state) {
    struct cm_differences out;

    cm_object_diff(*state, yaml(state, "{apiVersion: v1, kind: A, data: {a: 1, b: 2, c: 3}}"),
                   yaml(state, "{apiVersion: v1, kind: A, data: {}}"), 2, &out);
    assert_int_equal(out.count, 2);
    assert_true(out.more);
    cm_object_diff(*state, yaml(state, "{apiVersion: v1, kind: A, data: {a: 1, b: 2}}"),
                   yaml(state, "{apiVersion: v1, kind: A, data: {x: 1}}"), 2, &out);
    assert_int_equal(out.count, 2);
    assert_false(out.more);
}

static void a_secret_is_compared_as_it_is_stored_and_never_shown(void **state) {
    const char *live = "{apiVersion: v1, kind: Secret, data: {a: aGVsbG8=, b: Yg==}}";
    struct cm_differences found = diff(
        state, "{apiVersion: v1, kind: Secret, stringData: {a: hello}, data: {b: \"Yg\\n==\"}}",
        live);

    assert_int_equal(found.count, 0);
    found = diff(state, "{apiVersion: v1, kind: Secret, stringData: {a: hi, c: x}}", live);
    assert_int_equal(found.count, 2);
    assert_item(state, &found, 0, "data.a", "\"***\"", "\"***\"");
    assert_item(state, &found, 1, "data.c", "\"***\"", "<none>");
    found = diff(state, "{apiVersion: v1, kind: Secret, data: {a: aGVsbG8=}}",
                 "{apiVersion: v1, kind: Secret}");
    assert_item(state, &found, 0, "data", "{\"a\":\"***\"}", "<none>");
}

static void a_mask_hides_what_is_in_a_secret(void **state) {
    struct cm_json *secret =
        yaml(state, "{apiVersion: v1, kind: Secret, metadata: {name: s, annotations: "
                    "{kubectl.kubernetes.io/last-applied-configuration: hello, x: z}}, data: {a: "
                    "aGVsbG8=}, stringData: {b: hello}, type: Opaque}");
    struct cm_json *config = yaml(state, "{apiVersion: v1, kind: ConfigMap, data: {a: b}}");

    cm_object_mask(*state, secret);
    cm_object_mask(*state, config);
    assert_compact(secret,
                   "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\","
                   "\"annotations\":{\"kubectl.kubernetes.io/last-applied-configuration\":\"***\","
                   "\"x\":\"z\"}},\"data\":{\"a\":\"***\"},\"stringData\":{\"b\":\"***\"},\"type\":"
                   "\"Opaque\"}");
    assert_compact(config, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"a\":\"b\"}}");
}

static void changes_go_both_ways(void **state) {
    struct cm_differences found = changes(
        state,
        "{apiVersion: v1, kind: Service, metadata: {finalizers: [a/b]}, spec: {ports: [{port: 80, "
        "name: a}, {port: 81}], type: X, selector: {a: b}, empty: {}}}",
        "{apiVersion: v1, kind: Service, metadata: {finalizers: [c/d]}, spec: {ports: [{port: 80}, "
        "{port: 82}], selector: {a: c}, clusterIP: None, nothing: []}}");

    assert_int_equal(found.count, 8);
    assert_item(state, &found, 0, "metadata.finalizers[=a/b]", "\"a/b\"", "<none>");
    assert_item(state, &found, 1, "metadata.finalizers[=c/d]", "null", "\"c/d\"");
    assert_item(state, &found, 2, "spec.ports[port=80,protocol=TCP].name", "\"a\"", "<none>");
    assert_item(state, &found, 3, "spec.ports[port=81,protocol=TCP]", "{\"port\":81}", "<none>");
    assert_item(state, &found, 4, "spec.ports[port=82,protocol=TCP]", "null", "{\"port\":82}");
    assert_item(state, &found, 5, "spec.type", "\"X\"", "<none>");
    assert_item(state, &found, 6, "spec.selector.a", "\"b\"", "\"c\"");
    assert_item(state, &found, 7, "spec.clusterIP", "null", "\"None\"");
}

static void many_entries_in_another_order_are_equal(void **state) {
    struct cm_str a = {0};
    struct cm_str b = {0};

    cm_str_add(&a, "{apiVersion: v1, kind: Pod, spec: {containers: [{name: x, env: [");
    cm_str_add(&b, cm_str_get(&a));
    for (int i = 0; i < 5000; i++) {
        cm_str_addf(&a, "{name: e%d, value: x},", i);
        cm_str_addf(&b, "{name: e%d, value: %s},", 4999 - i, i == 7 ? "other" : "x");
    }
    cm_str_add(&a, "]}]}}");
    cm_str_add(&b, "]}]}}");
    struct cm_differences found = diff(state, cm_str_get(&a), cm_str_get(&b));
    assert_int_equal(found.count, 1);
    assert_string_equal(found.items[0].path, "spec.containers[name=x].env[name=e4992].value");
    cm_str_done(&a);
    cm_str_done(&b);
}

static void a_long_value_is_cut_between_characters(void **state) {
    const struct cm_json *value = yaml(state, "ab\xc3\xa9"
                                              "cdefgh");

    assert_string_equal(cm_difference_text(*state, value, 100), "\"ab\xc3\xa9"
                                                                "cdefgh\"");
    assert_string_equal(cm_difference_text(*state, value, 8), "\"ab\xc3\xa9\xe2\x80\xa6");
    assert_string_equal(cm_difference_text(*state, value, 7), "\"ab\xe2\x80\xa6");
}

static void parts_of_objects_can_be_compared_too(void **state) {
    struct cm_differences found =
        diff(state, "{status: 1, a: [1, {b: 2}]}", "{status: 2, a: [1, {b: 2, c: 3}]}");

    assert_int_equal(found.count, 1);
    assert_item(state, &found, 0, "status", "1", "2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_server_fills_in_is_no_difference),
        cmocka_unit_test(a_changed_scalar_is_found_with_both_values),
        cmocka_unit_test(entries_of_lists_are_found_by_their_keys),
        cmocka_unit_test(a_missing_entry_is_one_difference),
        cmocka_unit_test(names_that_are_no_words_are_quoted),
        cmocka_unit_test(an_atomic_list_differs_as_a_whole),
        cmocka_unit_test(an_atomic_list_may_not_be_longer),
        cmocka_unit_test(a_selector_has_one_owner),
        cmocka_unit_test(an_element_of_a_set_may_be_missing),
        cmocka_unit_test(quantities_are_equal_by_value_only_where_there_are_some),
        cmocka_unit_test(a_zero_that_is_stored_is_a_difference),
        cmocka_unit_test(an_empty_list_or_map_says_nothing),
        cmocka_unit_test(a_type_that_changed_is_a_difference),
        cmocka_unit_test(status_version_and_server_metadata_do_not_count),
        cmocka_unit_test(at_most_so_many_differences_are_listed),
        cmocka_unit_test(a_secret_is_compared_as_it_is_stored_and_never_shown),
        cmocka_unit_test(a_mask_hides_what_is_in_a_secret),
        cmocka_unit_test(changes_go_both_ways),
        cmocka_unit_test(many_entries_in_another_order_are_equal),
        cmocka_unit_test(a_long_value_is_cut_between_characters),
        cmocka_unit_test(parts_of_objects_can_be_compared_too),
    };

    return cmocka_run_group_tests(tests, set_up, take_down);
}
