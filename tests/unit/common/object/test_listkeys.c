#include "common/object/listkeys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/common/object/docs.h"

static void assert_keys(const char *group, const char *kind, const char *path, const char *first,
                        const char *second) {
    const struct cm_list_rule *rule = cm_list_rule_find(group, kind, path);

    assert_int_equal(rule->type, CM_LIST_MAP);
    assert_string_equal(rule->keys[0], first);
    if (second == NULL) {
        assert_null(rule->keys[1]);
    } else {
        assert_string_equal(rule->keys[1], second);
    }
}

static void lists_of_pods_are_maps_wherever_the_pod_is(void **state) {
    (void)state;
    assert_keys("", "Pod", "spec.containers", "name", NULL);
    assert_keys("apps", "Deployment", "spec.template.spec.containers", "name", NULL);
    assert_keys("batch", "CronJob", "spec.jobTemplate.spec.template.spec.initContainers", "name",
                NULL);
    assert_keys("apps", "Deployment", "spec.template.spec.containers[].ports", "containerPort",
                "protocol");
    assert_keys("apps", "Deployment", "spec.template.spec.containers[].env", "name", NULL);
    assert_keys("apps", "DaemonSet", "spec.template.spec.containers[].volumeMounts", "mountPath",
                NULL);
    assert_keys("apps", "StatefulSet", "spec.template.spec.volumes", "name", NULL);
    assert_keys("apps", "Deployment", "spec.template.spec.topologySpreadConstraints", "topologyKey",
                "whenUnsatisfiable");
    assert_keys("apps", "Deployment", "spec.template.spec.hostAliases", "ip", NULL);
    assert_keys("apps", "Deployment", "spec.template.spec.imagePullSecrets", "name", NULL);
    assert_keys("apps", "StatefulSet", "spec.volumeClaimTemplates[].metadata.ownerReferences",
                "uid", NULL);
}

static void other_kinds_have_maps_too(void **state) {
    (void)state;
    assert_keys("", "Service", "spec.ports", "port", "protocol");
    assert_string_equal(cm_list_rule_find("", "Service", "spec.ports")->defaults[1], "TCP");
    assert_keys("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "webhooks",
                "name", NULL);
    assert_keys("", "ConfigMap", "metadata.ownerReferences", "uid", NULL);
    assert_keys("example.com", "Widget", "metadata.ownerReferences", "uid", NULL);
    assert_int_equal(cm_list_rule_find("example.com", "Widget", "metadata.finalizers")->type,
                     CM_LIST_SET);
}

static void all_other_lists_are_atomic(void **state) {
    (void)state;
    static const char *const paths[] = {"spec.template.spec.tolerations",
                                        "spec.template.spec.containers[].args",
                                        "spec.template.spec.containers[].envFrom",
                                        "spec.nothing.of[].the[].kind",
                                        "spec",
                                        "",
                                        "spec.template.spec.containers[]"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_int_equal(cm_list_rule_find("apps", "Deployment", paths[i])->type, CM_LIST_ATOMIC);
    }
    assert_int_equal(cm_list_rule_find("networking.k8s.io", "Ingress", "spec.rules")->type,
                     CM_LIST_ATOMIC);
    assert_int_equal(cm_list_rule_find("example.com", "Widget", "spec.containers")->type,
                     CM_LIST_ATOMIC);
}

static void entries_are_the_same_by_their_keys(void **state) {
    const struct cm_list_rule *ports = cm_list_rule_find("", "Service", "spec.ports");

    assert_true(cm_list_same(ports, yaml(state, "{port: 80, name: a}"),
                             yaml(state, "{port: 80, protocol: TCP, name: b}")));
    assert_false(
        cm_list_same(ports, yaml(state, "{port: 80}"), yaml(state, "{port: 80, protocol: UDP}")));
    assert_false(cm_list_same(ports, yaml(state, "{port: 80}"), yaml(state, "{port: 81}")));
    assert_false(cm_list_same(ports, yaml(state, "{port: 80}"), yaml(state, "{protocol: TCP}")));
    assert_false(cm_list_same(ports, yaml(state, "{name: a}"), yaml(state, "{name: a}")));
    assert_false(cm_list_same(ports, yaml(state, "80"), yaml(state, "80")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_pods_are_maps_wherever_the_pod_is),
        cmocka_unit_test(other_kinds_have_maps_too),
        cmocka_unit_test(all_other_lists_are_atomic),
        cmocka_unit_test(entries_are_the_same_by_their_keys),
    };

    return cmocka_run_group_tests(tests, set_up, take_down);
}
