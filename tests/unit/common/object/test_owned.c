#include "common/object/owned.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/common/object/docs.h"

// A Deployment that was applied by us, scaled by hand, edited by hand and rolled by the controller.
static const char live_web[] =
    "apiVersion: apps/v1\n"
    "kind: Deployment\n"
    "metadata:\n"
    "  name: web\n"
    "  namespace: shop\n"
    "  uid: 0f1e2d3c-1111-2222-3333-444455556666\n"
    "  labels: {app: web, team.example.com/name: a}\n"
    "  annotations: {deployment.kubernetes.io/revision: '1', note: ours}\n"
    "  finalizers: [example.com/guard, other.example.com/guard]\n"
    "  managedFields:\n"
    "  - manager: holdfast\n"
    "    operation: Apply\n"
    "    apiVersion: apps/v1\n"
    "    time: '2026-11-20T10:00:00Z'\n"
    "    fieldsType: FieldsV1\n"
    "    fieldsV1:\n"
    "      f:metadata:\n"
    "        f:annotations: {f:note: {}}\n"
    "        f:labels: {f:app: {}}\n"
    "        f:finalizers: {'v:\"example.com/guard\"': {}}\n"
    "      f:spec:\n"
    "        f:selector: {}\n"
    "        f:template:\n"
    "          f:metadata: {f:labels: {f:app: {}}}\n"
    "          f:spec:\n"
    "            f:containers:\n"
    "              'k:{\"name\":\"web\"}':\n"
    "                .: {}\n"
    "                f:args: {}\n"
    "                f:name: {}\n"
    "                f:ports:\n"
    "                  'k:{\"containerPort\":80,\"protocol\":\"TCP\"}':\n"
    "                    .: {}\n"
    "                    f:containerPort: {}\n"
    "  - manager: kube-controller-manager\n"
    "    operation: Update\n"
    "    apiVersion: apps/v1\n"
    "    time: '2026-11-20T10:00:05Z'\n"
    "    fieldsType: FieldsV1\n"
    "    fieldsV1:\n"
    "      f:metadata: {f:annotations: {'f:deployment.kubernetes.io/revision': {}}}\n"
    "      f:status: {f:replicas: {}}\n"
    "    subresource: status\n"
    "  - manager: kubectl\n"
    "    operation: Update\n"
    "    apiVersion: apps/v1\n"
    "    time: '2026-11-21T09:00:00Z'\n"
    "    fieldsType: FieldsV1\n"
    "    fieldsV1: {f:spec: {f:replicas: {}}}\n"
    "    subresource: scale\n"
    "  - manager: kubectl-edit\n"
    "    operation: Update\n"
    "    apiVersion: apps/v1\n"
    "    time: '2026-11-22T08:00:00Z'\n"
    "    fieldsType: FieldsV1\n"
    "    fieldsV1:\n"
    "      f:metadata: {f:labels: {'f:team.example.com/name': {}, f:app: {}}}\n"
    "      f:spec:\n"
    "        f:template:\n"
    "          f:spec:\n"
    "            f:containers:\n"
    "              'k:{\"name\":\"web\"}': {f:image: {}}\n"
    "              'k:{\"name\":\"debug\"}': {.: {}, f:name: {}, f:image: {}}\n"
    "spec:\n"
    "  replicas: 5\n"
    "  selector: {matchLabels: {app: web}}\n"
    "  strategy: {type: RollingUpdate}\n"
    "  template:\n"
    "    metadata: {labels: {app: web}}\n"
    "    spec:\n"
    "      containers:\n"
    "      - {name: debug, image: 'busybox:1'}\n"
    "      - name: web\n"
    "        image: nginx:evil\n"
    "        args: [--a]\n"
    "        ports: [{containerPort: 80, protocol: TCP}, {containerPort: 81, protocol: TCP}]\n"
    "      restartPolicy: Always\n"
    "status: {replicas: 5}\n";

static void assert_manager(void **state, const char *path, const char *name, const char *operation,
                           const char *time) {
    struct cm_manager manager = {0};

    assert_true(cm_object_manager_of(yaml(state, live_web), path, &manager));
    assert_string_equal(manager.name, name);
    assert_string_equal(manager.operation, operation);
    assert_string_equal(manager.time, time);
}

static void who_set_a_field_is_known(void **state) {
    struct cm_manager manager;

    assert_manager(state, "spec.template.spec.containers[name=web].image", "kubectl-edit", "Update",
                   "2026-11-22T08:00:00Z");
    assert_manager(state, "spec.template.spec.containers[name=web].args", "holdfast", "Apply",
                   "2026-11-20T10:00:00Z");
    assert_manager(state, "spec.replicas", "kubectl", "Update", "2026-11-21T09:00:00Z");
    assert_true(cm_object_manager_of(yaml(state, live_web), "spec.replicas", &manager));
    assert_string_equal(manager.subresource, "scale");
}

static void paths_of_all_forms_are_understood(void **state) {
    assert_manager(state, "metadata.labels['team.example.com/name']", "kubectl-edit", "Update",
                   "2026-11-22T08:00:00Z");
    assert_manager(state, "metadata.finalizers[=example.com/guard]", "holdfast", "Apply",
                   "2026-11-20T10:00:00Z");
    assert_manager(state,
                   "spec.template.spec.containers[name=web].ports[containerPort=80,protocol=TCP]."
                   "containerPort",
                   "holdfast", "Apply", "2026-11-20T10:00:00Z");
}

static void the_owner_of_a_whole_value_owns_what_is_below(void **state) {
    assert_manager(state, "spec.selector.matchLabels.app", "holdfast", "Apply",
                   "2026-11-20T10:00:00Z");
}

static void of_several_owners_the_latest_is_named(void **state) {
    assert_manager(state, "metadata.labels.app", "kubectl-edit", "Update", "2026-11-22T08:00:00Z");
    assert_manager(state, "spec.template.spec.containers[name=debug]", "kubectl-edit", "Update",
                   "2026-11-22T08:00:00Z");
}

static void nobody_owns_what_the_server_filled_in(void **state) {
    static const char *const paths[] = {"spec.strategy.type",
                                        "spec.template.spec.containers[name=other].image",
                                        "metadata.finalizers[=other.example.com/guard]",
                                        "metadata.labels.gone",
                                        "not a path]",
                                        "",
                                        "spec..a",
                                        "a[",
                                        "a['b",
                                        "a[b",
                                        "a[b=",
                                        "a[=",
                                        "a]b"};
    struct cm_manager manager;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_false(cm_object_manager_of(yaml(state, live_web), paths[i], &manager));
    }
    assert_false(cm_object_manager_of(yaml(state, "{metadata: {}}"), "spec", &manager));
    assert_false(cm_object_manager_of(yaml(state, "{metadata: {managedFields: [1, {}]}}"), "spec",
                                      &manager));
}

static void an_object_is_restricted_to_what_one_manager_owns(void **state) {
    assert_compact(
        cm_object_restrict(*state, yaml(state, live_web), "holdfast"),
        "{\"metadata\":{\"labels\":{\"app\":\"web\"},\"annotations\":{\"note\":\"ours\"},"
        "\"finalizers\":[\"example.com/guard\"],\"name\":\"web\",\"namespace\":\"shop\"},\"spec\":{"
        "\"selector\":{\"matchLabels\":{\"app\":\"web\"}},\"template\":{\"metadata\":{\"labels\":{"
        "\"app\":\"web\"}},\"spec\":{\"containers\":[{\"name\":\"web\",\"args\":[\"--a\"],"
        "\"ports\":[{\"containerPort\":80,\"protocol\":\"TCP\"}]}]}}},\"apiVersion\":\"apps/v1\","
        "\"kind\":\"Deployment\"}");
}

static void entries_of_others_keep_their_keys(void **state) {
    assert_compact(
        cm_object_restrict(*state, yaml(state, live_web), "kubectl-edit"),
        "{\"metadata\":{\"labels\":{\"app\":\"web\",\"team.example.com/name\":\"a\"},\"name\":"
        "\"web\",\"namespace\":\"shop\"},\"spec\":{\"template\":{\"spec\":{\"containers\":[{"
        "\"name\":\"debug\",\"image\":\"busybox:1\"},{\"image\":\"nginx:evil\",\"name\":\"web\"}]}}"
        "},\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\"}");
}

static void who_names_a_field_has_it_before_who_only_made_its_map(void **state) {
    static const char live[] =
        "metadata:\n"
        "  managedFields:\n"
        "  - {manager: kubectl-edit, operation: Update, time: '2026-11-20T10:00:00Z',\n"
        "     fieldsV1: {f:data: {f:color: {}}}}\n"
        "  - {manager: somebody, operation: Update, time: '2026-11-20T10:00:00Z',\n"
        "     fieldsV1: {f:data: {}}}\n";
    struct cm_manager manager;

    assert_true(cm_object_manager_of(yaml(state, live), "data.color", &manager));
    assert_string_equal(manager.name, "kubectl-edit");
    assert_true(cm_object_manager_of(yaml(state, live), "data.size", &manager));
    assert_string_equal(manager.name, "somebody");
}

static void a_manager_of_nothing_leaves_the_identity(void **state) {
    assert_compact(cm_object_restrict(*state, yaml(state, live_web), "helm"),
                   "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":"
                   "\"web\",\"namespace\":\"shop\"}}");
    assert_compact(cm_object_restrict(*state, yaml(state, live_web), "kube-controller-manager"),
                   "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":"
                   "\"web\",\"namespace\":\"shop\"}}");
}

static bool is_anybody(const void *ctx, const struct cm_manager *m) {
    (void)ctx;
    (void)m;
    return true;
}

static bool is_nobody(const void *ctx, const struct cm_manager *m) {
    (void)ctx;
    (void)m;
    return false;
}

static void several_entries_of_a_manager_add_up(void **state) {
    const struct cm_json *live = yaml(
        state,
        "{apiVersion: v1, kind: A, metadata: {name: a, managedFields: [{manager: m, operation: "
        "Apply, fieldsV1: {f:spec: {f:a: {}, f:b: {f:c: {}}}}}, {manager: m, operation: Update, "
        "fieldsV1: {f:spec: {f:b: {f:d: {}}, f:e: {f:g: {}}}}}, {manager: m, fieldsV1: {f:spec: "
        "{f:e: {}}}}]}, spec: {a: 1, b: {c: 2, d: 3, x: 4}, e: {g: 5, h: 6}, x: 7}}");

    assert_compact(cm_object_restrict(*state, live, "m"),
                   "{\"spec\":{\"a\":1,\"b\":{\"c\":2,\"d\":3},\"e\":{\"g\":5,\"h\":6}},"
                   "\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"}}");
}

// As kubectl annotate leaves it whose annotation somebody else has set anew, or who took it away.
static void who_made_a_map_of_labels_or_annotations_has_nothing_of_others_in_it(void **state) {
    const struct cm_json *live = yaml(
        state,
        "{apiVersion: v1, kind: A, metadata: {name: a, annotations: {note: b, hook: c}, labels: "
        "{x: z}, managedFields: [{manager: a, operation: Update, fieldsV1: {f:metadata: "
        "{f:annotations: {}, f:labels: {f:x: {}}}}}, {manager: m, operation: Update, fieldsV1: "
        "{f:metadata: {f:annotations: {f:note: {}}, f:labels: {}}}}]}}");
    const char *note = "metadata.annotations.note";
    const char *hook = "metadata.annotations.hook";

    assert_compact(cm_object_restrict(*state, live, "a"),
                   "{\"metadata\":{\"labels\":{\"x\":\"z\"},\"name\":\"a\"},\"apiVersion\":"
                   "\"v1\",\"kind\":\"A\"}");
    assert_compact(cm_object_restrict_to(*state, live, is_anybody, NULL),
                   "{\"metadata\":{\"annotations\":{\"note\":\"b\"},\"labels\":{\"x\":\"z\"},"
                   "\"name\":\"a\"},\"apiVersion\":\"v1\",\"kind\":\"A\"}");
    assert_true(cm_object_is_held(live, note, is_anybody, NULL));
    assert_false(cm_object_is_held(live, hook, is_anybody, NULL));
    assert_false(cm_object_is_held(live, note, is_nobody, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_set_a_field_is_known),
        cmocka_unit_test(paths_of_all_forms_are_understood),
        cmocka_unit_test(the_owner_of_a_whole_value_owns_what_is_below),
        cmocka_unit_test(of_several_owners_the_latest_is_named),
        cmocka_unit_test(nobody_owns_what_the_server_filled_in),
        cmocka_unit_test(an_object_is_restricted_to_what_one_manager_owns),
        cmocka_unit_test(entries_of_others_keep_their_keys),
        cmocka_unit_test(who_names_a_field_has_it_before_who_only_made_its_map),
        cmocka_unit_test(a_manager_of_nothing_leaves_the_identity),
        cmocka_unit_test(several_entries_of_a_manager_add_up),
        cmocka_unit_test(who_made_a_map_of_labels_or_annotations_has_nothing_of_others_in_it),
    };

    return cmocka_run_group_tests(tests, set_up, take_down);
}
