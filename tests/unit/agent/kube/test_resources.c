#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/resources.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "tests/support/json.h"

static const char AGGREGATED[] =
    "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{\"name\":\"apps\"},"
    "\"versions\":[{\"version\":\"v1\",\"freshness\":\"Current\",\"resources\":["
    "{\"resource\":\"deployments\",\"responseKind\":{\"kind\":\"Deployment\"},"
    "\"scope\":\"Namespaced\",\"subresources\":[{\"subresource\":\"scale\"}]}]},"
    "{\"version\":\"v1beta1\",\"resources\":[{\"resource\":\"deployments\","
    "\"responseKind\":{\"kind\":\"Deployment\"},\"scope\":\"Namespaced\"}]}]}]}";

static void add(struct kube_resources *r, const char *text) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_err err = {0};

    if (kube_resources_add(r, parse(a, text), &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

static void the_first_version_is_preferred(void **state) {
    struct kube_resources *r = kube_resources_new();

    (void)state;
    add(r, AGGREGATED);
    assert_string_equal(kube_resources_find(r, "apps", NULL, "Deployment")->version, "v1");
    assert_string_equal(kube_resources_find(r, "apps", "v1beta1", "Deployment")->version,
                        "v1beta1");
    assert_null(kube_resources_find(r, "apps", "v2", "Deployment"));
    assert_null(kube_resources_find(r, "", NULL, "Deployment"));
    assert_false(kube_resources_stale(r));
    kube_resources_free(r);
}

static void the_older_form_leaves_out_subresources(void **state) {
    struct kube_resources *r = kube_resources_new();

    (void)state;
    add(r, "{\"kind\":\"APIResourceList\",\"groupVersion\":\"v1\",\"resources\":["
           "{\"name\":\"pods\",\"kind\":\"Pod\",\"namespaced\":true},"
           "{\"name\":\"pods/binding\",\"kind\":\"Binding\",\"namespaced\":true},"
           "{\"name\":\"nodes\",\"kind\":\"Node\",\"namespaced\":false}]}");
    assert_true(kube_resources_find(r, "", "v1", "Pod")->namespaced);
    assert_false(kube_resources_find(r, "", "", "Node")->namespaced);
    assert_null(kube_resources_find(r, "", "v1", "Binding"));
    kube_resources_free(r);
}

static void a_group_that_is_away_makes_it_stale(void **state) {
    struct kube_resources *r = kube_resources_new();

    (void)state;
    add(r, "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{\"name\":\"m\"},"
           "\"versions\":[{\"version\":\"v1\",\"freshness\":\"Stale\"}]}]}");
    assert_true(kube_resources_stale(r));
    kube_resources_free(r);
}

static void names_that_would_change_a_url_are_left_out(void **state) {
    struct kube_resources *r = kube_resources_new();

    (void)state;
    add(r, "{\"kind\":\"APIResourceList\",\"groupVersion\":\"x.io/v1\",\"resources\":["
           "{\"name\":\"../secrets\",\"kind\":\"A\",\"namespaced\":true},"
           "{\"name\":\"b?c\",\"kind\":\"B\",\"namespaced\":true}]}");
    assert_null(kube_resources_find(r, "x.io", "v1", "A"));
    assert_null(kube_resources_find(r, "x.io", "v1", "B"));
    kube_resources_free(r);
}

static void an_older_server_names_its_groups_preferred_versions_first(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char **paths = NULL;
    size_t count = 0;
    struct cm_err err;

    (void)state;
    assert_int_equal(
        kube_resources_groups(
            a,
            parse(a, "{\"kind\":\"APIGroupList\",\"groups\":[{\"name\":\"x\",\"versions\":["
                     "{\"groupVersion\":\"x/v1beta1\"},{\"groupVersion\":\"x/v1\"}],"
                     "\"preferredVersion\":{\"groupVersion\":\"x/v1\"}}]}"),
            &paths, &count, &err),
        CM_OK);
    assert_int_equal(count, 2);
    assert_string_equal(paths[0], "/apis/x/v1");
    assert_string_equal(paths[1], "/apis/x/v1beta1");
    assert_int_equal(kube_resources_groups(a,
                                           parse(a, "{\"kind\":\"APIVersions\",\"versions\":["
                                                    "\"v1\"]}"),
                                           &paths, &count, &err),
                     CM_OK);
    assert_string_equal(paths[0], "/api/v1");
}

static void something_else_is_an_error(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_resources *r = kube_resources_new();
    struct cm_err err;

    (void)state;
    assert_int_equal(kube_resources_add(r, parse(a, "{\"kind\":\"Pod\"}"), &err), CM_EINVAL);
    assert_int_equal(kube_resources_add(r, NULL, &err), CM_EINVAL);
    kube_resources_free(r);
}

static void paths_are_escaped(void **state) {
    struct kube_resource role = {"rbac.authorization.k8s.io", "v1", "Role", "roles", true};
    struct kube_resource node = {"", "v1", "Node", "nodes", false};
    CM_AUTOFREE char *one = kube_resource_path(&role, "a/b", "system:x");
    CM_AUTOFREE char *all = kube_resource_path(&role, "", NULL);
    CM_AUTOFREE char *cluster = kube_resource_path(&node, "ignored", "n");

    (void)state;
    assert_string_equal(one,
                        "/apis/rbac.authorization.k8s.io/v1/namespaces/a%2Fb/roles/system%3Ax");
    assert_string_equal(all, "/apis/rbac.authorization.k8s.io/v1/roles");
    assert_string_equal(cluster, "/api/v1/nodes/n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_version_is_preferred),
        cmocka_unit_test(the_older_form_leaves_out_subresources),
        cmocka_unit_test(a_group_that_is_away_makes_it_stale),
        cmocka_unit_test(names_that_would_change_a_url_are_left_out),
        cmocka_unit_test(an_older_server_names_its_groups_preferred_versions_first),
        cmocka_unit_test(something_else_is_an_error),
        cmocka_unit_test(paths_are_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
