#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/own.h"
#include "common/arena.h"
#include "common/json.h"

#define NS "holdfast-system"

static bool has(const char *pod, const char *key, const char *ns) {
    return kube_own_has(&(struct kube_own){"inventories", NS, pod}, key, ns);
}

static void the_namespaces_of_the_agent_and_of_its_inventory_are_its_own(void **state) {
    (void)state;
    assert_true(has("", "Namespace//" NS, ""));
    assert_true(has("", "Namespace//inventories", ""));
    assert_false(has("", "Namespace//shop", ""));
    assert_false(has("", "Namespace.example.com//" NS, ""));
}

static void the_workload_that_its_pod_is_of_is_its_own(void **state) {
    static const char pod[] = "holdfast-agent-7d4b9c6f5x-x2kqz";

    (void)state;
    assert_true(has(pod, "Deployment.apps/" NS "/holdfast-agent", NS));
    assert_true(has(pod, "Deployment.apps//holdfast-agent", NS));
    assert_true(has(pod, "ReplicaSet.apps/" NS "/holdfast-agent-7d4b9c6f5x", NS));
    assert_true(has("holdfast-agent-0", "StatefulSet.apps/" NS "/holdfast-agent", NS));
    assert_true(has("holdfast-agent-x2kqz", "DaemonSet.apps/" NS "/holdfast-agent", NS));
    assert_true(has(pod, "Pod/" NS "/holdfast-agent-7d4b9c6f5x-x2kqz", NS));
}

static void what_is_only_called_alike_is_not(void **state) {
    static const char pod[] = "holdfast-agent-7d4b9c6f5x-x2kqz";

    (void)state;
    assert_false(has(pod, "Deployment.apps/" NS "/holdfast", NS));
    assert_false(has(pod, "Deployment.apps/" NS "/holdfast-agent-7d4b9c6f5x", NS));
    assert_false(has(pod, "Deployment.apps/shop/holdfast-agent", "shop"));
    assert_false(has(pod, "Deployment.example.com/" NS "/holdfast-agent", NS));
    assert_false(has(pod, "ConfigMap/" NS "/holdfast-agent", NS));
    assert_false(has("", "Deployment.apps/" NS "/holdfast-agent", NS));
    assert_false(has("node-1", "Deployment.apps/" NS "/holdfast-agent", NS));
    assert_false(has(pod, "Deployment.apps/inventories/holdfast-agent", "inventories"));
    assert_false(
        has("holdfast-agent-7d4b9c6f5x-x2kq", "Deployment.apps/" NS "/holdfast-agent", NS));
    assert_false(has("holdfast-agent-", "StatefulSet.apps/" NS "/holdfast-agent", NS));
    assert_false(has("holdfast-agent-1a", "StatefulSet.apps/" NS "/holdfast-agent", NS));
}

// has_long tells it of a Deployment whose name has so many bytes, by the name that Kubernetes makes
// of that for a pod.
static bool has_long(const char *kind, size_t size, const char *hash) {
    char name[254] = "";
    char key[300];
    char whole[300];
    char pod[300];

    memset(name, 'a', size);
    (void)snprintf(key, sizeof(key), "%s/" NS "/%s", kind, name);
    (void)snprintf(whole, sizeof(whole), "%s%s-", name, hash);
    (void)snprintf(pod, sizeof(pod), "%.58sx2kqz", whole);
    return has(pod, key, NS);
}

static void a_long_name_is_known_though_that_of_the_pod_was_cut(void **state) {
    (void)state;
    for (size_t size = 1; size < 64; size++) {
        assert_true(has_long("Deployment.apps", size, "-7d4b9c6f5x"));
        assert_true(has_long("ReplicaSet.apps", size, ""));
        assert_true(has_long("DaemonSet.apps", size, ""));
    }
    // Nothing else counts for cut.
    assert_false(has_long("Deployment.apps", 40, ""));
    assert_false(has_long("Deployment.apps", 40, "-other-7d4b9c6f5x"));
    assert_false(has_long("DaemonSet.apps", 40, "-7d4b9c6f5x"));
}

static bool stops(const char *text) {
    struct cm_arena *a = cm_arena_new(0);
    struct cm_json *form = NULL;
    struct cm_err err;

    assert_int_equal(cm_json_parse(a, text, strlen(text), NULL, &form, &err), CM_OK);
    bool answer = kube_own_stops(form);
    cm_arena_free(a);
    return answer;
}

static void none_of_it_runs_with_no_replicas(void **state) {
    (void)state;
    assert_true(stops("{\"spec\":{\"replicas\":0}}"));
    assert_false(stops("{\"spec\":{\"replicas\":1}}"));
    assert_false(stops("{\"spec\":{}}"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_namespaces_of_the_agent_and_of_its_inventory_are_its_own),
        cmocka_unit_test(the_workload_that_its_pod_is_of_is_its_own),
        cmocka_unit_test(what_is_only_called_alike_is_not),
        cmocka_unit_test(a_long_name_is_known_though_that_of_the_pod_was_cut),
        cmocka_unit_test(none_of_it_runs_with_no_replicas),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
