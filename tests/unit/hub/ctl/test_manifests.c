#include "hub/ctl/manifests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/yaml.h"

static const struct ctl_manifests whole = {
    .image = "registry.example.com/agent:1.0", .hub = "hub.example.com:7421", .token = "hfj_1_2_3"};

// The documents that are printed, read back.
static struct cm_yaml_docs print(struct cm_arena *a, const struct ctl_manifests *m) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_yaml_docs docs;
    struct cm_err err;

    assert_int_equal(ctl_manifests_check(m, &err), CM_OK);
    ctl_manifests_write(a, m, &text);
    char *copy = cm_arena_strdup(a, cm_str_get(&text));
    assert_int_equal(cm_yaml_parse(a, copy, strlen(copy), NULL, &docs, &err), CM_OK);
    return docs;
}

// The number-th object of a kind, or NULL.
static const struct cm_json *find(const struct cm_yaml_docs *docs, const char *kind,
                                  size_t number) {
    for (size_t i = 0; i < docs->count; i++) {
        const char *its = cm_json_string(cm_json_get(docs->docs[i], "kind"));

        if (its != NULL && strcmp(its, kind) == 0 && number-- == 0) {
            return docs->docs[i];
        }
    }
    return NULL;
}

static const char *text_at(const struct cm_json *object, const char *first, const char *second) {
    return cm_json_string(cm_json_path(object, first, second, NULL));
}

static size_t rule_count(const struct cm_json *role) {
    return cm_json_get(role, "rules")->count;
}

static void the_agent_comes_with_image_and_token(void **state) {
    struct cm_yaml_docs docs = print(*state, &whole);
    const struct cm_json *deployment = find(&docs, "Deployment", 0);
    const struct cm_json *containers =
        cm_json_path(deployment, "spec", "template", "spec", "containers", NULL);
    const struct cm_json *secret = find(&docs, "Secret", 0);

    assert_string_equal(cm_json_string(cm_json_get(containers->first, "image")), whole.image);
    assert_string_equal(text_at(secret, "stringData", "hub"), whole.hub);
    assert_string_equal(text_at(secret, "stringData", "token"), whole.token);
}

static void without_limits_it_may_do_all_in_the_whole_cluster(void **state) {
    struct cm_yaml_docs docs = print(*state, &whole);
    const struct cm_json *role = find(&docs, "ClusterRole", 0);

    assert_int_equal(rule_count(role), 2);
    assert_non_null(find(&docs, "ClusterRoleBinding", 0));
    assert_null(find(&docs, "Role", 1)); // that of its own namespace is the first
}

static void each_namespace_gets_a_role_of_its_own(void **state) {
    struct ctl_manifests m = whole;

    m.namespaces = "shop,holdfast-system";
    struct cm_yaml_docs docs = print(*state, &m);
    assert_null(find(&docs, "ClusterRole", 0));
    assert_string_equal(text_at(find(&docs, "Role", 1), "metadata", "namespace"), "shop");
    assert_int_equal(rule_count(find(&docs, "Role", 1)), 1);
    // The agent's own namespace has a role of the usual name already.
    assert_string_equal(text_at(find(&docs, "Role", 2), "metadata", "name"), "holdfast-agent-apps");
    assert_string_equal(text_at(find(&docs, "RoleBinding", 2), "roleRef", "name"),
                        "holdfast-agent-apps");
}

static void resources_are_one_rule_each(void **state) {
    struct ctl_manifests m = whole;

    m.resources = "configmaps,deployments.apps";
    struct cm_yaml_docs docs = print(*state, &m);
    const struct cm_json *rules = cm_json_get(find(&docs, "ClusterRole", 0), "rules");
    assert_int_equal(rules->count, 2);
    const struct cm_json *second = rules->first->next;
    assert_string_equal(cm_json_string(cm_json_get(rules->first, "apiGroups")->first), "");
    assert_string_equal(cm_json_string(cm_json_get(second, "apiGroups")->first), "apps");
    assert_string_equal(cm_json_string(cm_json_get(second, "resources")->first), "deployments");
}

static void the_right_to_impersonate_is_given_where_the_others_are(void **state) {
    struct ctl_manifests m = whole;

    m.namespaces = "shop";
    m.resources = "configmaps";
    m.impersonate = true;
    struct cm_yaml_docs docs = print(*state, &m);
    const struct cm_json *rules = cm_json_get(find(&docs, "Role", 1), "rules");
    assert_int_equal(rules->count, 2);
    assert_string_equal(cm_json_string(cm_json_get(rules->first, "resources")->first),
                        "serviceaccounts");
    assert_string_equal(cm_json_string(cm_json_get(rules->first, "verbs")->first), "impersonate");
}

static void with_an_audit_log_the_agent_runs_where_that_is_and_reads_its_folder(void **state) {
    struct ctl_manifests m = whole;

    m.audit_log = "/var/log/kubernetes/audit/audit.log";
    struct cm_yaml_docs docs = print(*state, &m);
    const struct cm_json *pod =
        cm_json_path(find(&docs, "Deployment", 0), "spec", "template", "spec", NULL);
    const struct cm_json *container = cm_json_get(pod, "containers")->first;
    const struct cm_json *args = cm_json_get(container, "args");
    const struct cm_json *mount = cm_json_get(container, "volumeMounts")->first;
    const struct cm_json *volume = cm_json_get(pod, "volumes")->first;

    assert_string_equal(cm_json_string(args->first), "--audit-log");
    assert_string_equal(cm_json_string(args->first->next), m.audit_log);
    assert_string_equal(cm_json_string(args->first->next->next), "--data-dir");
    assert_string_equal(cm_json_string(cm_json_get(mount, "mountPath")),
                        "/var/log/kubernetes/audit");
    assert_true(cm_json_true(cm_json_get(mount, "readOnly")));
    assert_string_equal(cm_json_string(cm_json_get(mount, "name")),
                        cm_json_string(cm_json_get(volume, "name")));
    assert_string_equal(text_at(volume, "hostPath", "path"), "/var/log/kubernetes/audit");
    assert_int_equal(cm_json_get(pod, "volumes")->count, 2);
    assert_int_equal(cm_json_int(cm_json_path(pod, "securityContext", "runAsUser", NULL), -1), 0);
    assert_null(cm_json_path(pod, "securityContext", "runAsNonRoot", NULL));
    assert_non_null(cm_json_path(pod, "affinity", "nodeAffinity", NULL));
    assert_int_equal(cm_json_get(pod, "tolerations")->count, 1);
}

static void who_may_observe_some_namespaces_looks_into_no_others(void **state) {
    struct ctl_manifests m = whole;

    m.observes = true;
    m.namespaces = "shop,web";
    struct cm_yaml_docs docs = print(*state, &m);
    const struct cm_json *containers =
        cm_json_path(find(&docs, "Deployment", 0), "spec", "template", "spec", "containers", NULL);
    const struct cm_json *args = cm_json_get(containers->first, "args");
    const struct cm_json *option = args->first->next->next;
    assert_string_equal(cm_json_string(option), "--observe-namespaces");
    assert_string_equal(cm_json_string(option->next), "shop,web");
}

static void who_observes_may_only_read(void **state) {
    struct ctl_manifests m = whole;

    m.observes = true;
    struct cm_yaml_docs docs = print(*state, &m);
    const struct cm_json *rules = cm_json_get(find(&docs, "ClusterRole", 0), "rules");
    const struct cm_json *verbs = cm_json_get(rules->first, "verbs");
    const struct cm_json *deployment = find(&docs, "Deployment", 0);
    const struct cm_json *containers =
        cm_json_path(deployment, "spec", "template", "spec", "containers", NULL);
    assert_int_equal(rules->count, 1);
    assert_int_equal(verbs->count, 3);
    assert_string_equal(cm_json_string(verbs->first), "get");
    assert_string_equal(cm_json_string(verbs->first->next->next), "watch");
    assert_null(find(&docs, "Role", 0)); // it has no inventory
    assert_null(find(&docs, "RoleBinding", 0));
    const struct cm_json *args = cm_json_get(containers->first, "args");
    assert_string_equal(cm_json_string(args->first), "--mode");
    assert_string_equal(cm_json_string(args->first->next), "observe");
    assert_string_equal(cm_json_string(cm_json_get(containers->first, "image")), whole.image);
}

static void refused(struct ctl_manifests m, const char *words) {
    struct cm_err err;

    assert_int_equal(ctl_manifests_check(&m, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, words));
}

static void what_is_no_name_is_refused(void **state) {
    struct ctl_manifests m = whole;

    (void)state;
    m.image = NULL;
    refused(m, "--image: say which image");
    m.image = "a b";
    refused(m, "--image: say which image");
    m = whole;
    m.namespaces = "shop,";
    refused(m, "--namespaces: '' is no name");
    m = whole;
    m.observes = true;
    m.impersonate = true;
    refused(m, "--impersonate: an agent that observes");
    m = whole;
    m.audit_log = "/audit.log";
    refused(m, "--audit-log: '/audit.log' is no file in a folder");
    m.audit_log = "/var/log/a b";
    refused(m, "--audit-log: ");
    m.audit_log = "/var/../audit.log";
    refused(m, "--audit-log: ");
    m.audit_log = "//audit.log";
    refused(m, "--audit-log: ");
    m.audit_log = "/./audit.log";
    refused(m, "--audit-log: ");
    m = whole;
    m.resources = "Deployment";
    refused(m, "--resources: 'Deployment' is no name; write them as deployments.apps,configmaps");
}

static int make(void **state) {
    *state = cm_arena_new(0);
    return 0;
}

static int drop(void **state) {
    cm_arena_free(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_agent_comes_with_image_and_token, make, drop),
        cmocka_unit_test_setup_teardown(without_limits_it_may_do_all_in_the_whole_cluster, make,
                                        drop),
        cmocka_unit_test_setup_teardown(each_namespace_gets_a_role_of_its_own, make, drop),
        cmocka_unit_test_setup_teardown(resources_are_one_rule_each, make, drop),
        cmocka_unit_test_setup_teardown(the_right_to_impersonate_is_given_where_the_others_are,
                                        make, drop),
        cmocka_unit_test_setup_teardown(
            with_an_audit_log_the_agent_runs_where_that_is_and_reads_its_folder, make, drop),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test_setup_teardown(who_observes_may_only_read, make, drop),
        cmocka_unit_test_setup_teardown(who_may_observe_some_namespaces_looks_into_no_others, make,
                                        drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
