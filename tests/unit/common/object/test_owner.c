#include "common/object/owner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/common/object/docs.h"

#define OURS "applyset-ours-v1"
#define HEAD "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n"

static void assert_owner(void **state, const char *live, const char *owner) {
    struct cm_err err = {0};
    char expected[512];
    char found[CM_OWNER_MAX];

    assert_int_equal(cm_object_owner_check(yaml(state, live), OURS, &err), CM_EINVAL);
    (void)snprintf(expected, sizeof(expected),
                   "it belongs to %s; take it out there, or write 'adopt: true' in the App to "
                   "take it over",
                   owner);
    assert_string_equal(err.msg, expected);
    assert_true(cm_object_owner_find(yaml(state, live), OURS, found));
    assert_string_equal(found, owner);
}

static void assert_free(void **state, const char *live) {
    struct cm_err err = {0};
    char found[CM_OWNER_MAX];

    if (cm_object_owner_check(yaml(state, live), OURS, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_false(cm_object_owner_find(yaml(state, live), OURS, found));
}

static void labels_of_flux_name_the_owner(void **state) {
    assert_owner(state,
                 HEAD "  labels:\n"
                      "    kustomize.toolkit.fluxcd.io/name: apps\n"
                      "    kustomize.toolkit.fluxcd.io/namespace: flux-system\n",
                 "Flux (Kustomization 'flux-system/apps')");
    assert_owner(state, HEAD "  labels: {helm.toolkit.fluxcd.io/name: redis}\n",
                 "Flux (HelmRelease 'redis')");
}

static void the_tracking_id_of_argo_cd_names_the_owner(void **state) {
    assert_owner(state,
                 HEAD "  annotations:\n"
                      "    argocd.argoproj.io/tracking-id: shop:/ConfigMap:default/web\n",
                 "Argo CD (Application 'shop')");
}

static void the_instance_label_of_argo_cd_names_the_owner(void **state) {
    assert_owner(state, HEAD "  labels: {argocd.argoproj.io/instance: shop}\n",
                 "Argo CD (Application 'shop')");
}

static void marks_of_fleet_name_the_owner(void **state) {
    assert_owner(state, HEAD "  annotations: {objectset.rio.cattle.io/id: default-shop}\n",
                 "Rancher Fleet (object set 'default-shop')");
    assert_owner(state, HEAD "  labels: {objectset.rio.cattle.io/hash: 3ff0}\n",
                 "Rancher Fleet (object set '3ff0')");
}

static void another_applyset_is_an_owner(void **state) {
    assert_owner(state, HEAD "  labels: {applyset.kubernetes.io/part-of: applyset-theirs-v1}\n",
                 "ApplySet 'applyset-theirs-v1'");
}

static void another_agent_is_an_owner(void **state) {
    assert_owner(state,
                 HEAD "  labels:\n"
                      "    applyset.kubernetes.io/part-of: applyset-theirs-v1\n"
                      "    holdfast.dev/app: shop\n",
                 "another holdfast agent (App 'shop', ApplySet 'applyset-theirs-v1')");
}

static void managers_of_fields_are_owners(void **state) {
    static const char *const managers[][2] = {
        {"kustomize-controller", "Flux ('kustomize-controller' applied it)"},
        {"helm-controller", "Flux ('helm-controller' applied it)"},
        {"argocd-controller", "Argo CD ('argocd-controller' applied it)"},
        {"argocd-application-controller", "Argo CD ('argocd-application-controller' applied it)"},
        {"fleetagent", "Rancher Fleet ('fleetagent' applied it)"},
    };

    for (size_t i = 0; i < sizeof(managers) / sizeof(managers[0]); i++) {
        char live[256];

        (void)snprintf(live, sizeof(live),
                       HEAD "  managedFields:\n  - {manager: kubectl, operation: Update}\n"
                            "  - {manager: %s, operation: Apply}\n",
                       managers[i][0]);
        assert_owner(state, live, managers[i][1]);
    }
}

static void what_kubectl_or_helm_made_is_free(void **state) {
    assert_free(state, HEAD);
    assert_free(state, HEAD "  labels: {app.kubernetes.io/managed-by: Helm}\n"
                            "  annotations: {meta.helm.sh/release-name: shop}\n"
                            "  managedFields:\n"
                            "  - {manager: helm, operation: Update}\n"
                            "  - {manager: kubectl-client-side-apply, operation: Update}\n");
}

static void ours_is_free_whoever_else_was_there(void **state) {
    assert_free(state, HEAD "  labels:\n"
                            "    applyset.kubernetes.io/part-of: " OURS "\n"
                            "    holdfast.dev/app: shop\n"
                            "    kustomize.toolkit.fluxcd.io/name: apps\n");
}

static void a_manager_of_the_status_is_no_owner(void **state) {
    assert_free(state, HEAD "  managedFields:\n"
                            "  - {manager: helm-controller, operation: Update, subresource: "
                            "status}\n");
}

// Controllers put finalizers on objects of their own kinds, whoever applied them.
static void a_controller_does_not_own_the_objects_of_its_own_kinds(void **state) {
    assert_free(state, "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
                       "metadata:\n  name: apps\n"
                       "  managedFields: [{manager: kustomize-controller, operation: Update}]\n");
    assert_free(state, "apiVersion: argoproj.io/v1alpha1\nkind: Application\n"
                       "metadata:\n  name: apps\n  managedFields:\n"
                       "  - {manager: argocd-application-controller, operation: Update}\n");
    assert_owner(state,
                 "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n"
                 "  managedFields: [{manager: kustomize-controller, operation: Apply}]\n",
                 "Flux ('kustomize-controller' applied it)");
}

// Argo Rollouts has its kinds in the group of Argo CD, which applies them like any other.
static void a_rollout_belongs_to_the_argo_cd_that_applied_it(void **state) {
    assert_owner(state,
                 "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata:\n  name: web\n"
                 "  managedFields: [{manager: argocd-controller, operation: Apply}]\n",
                 "Argo CD ('argocd-controller' applied it)");
    assert_owner(state,
                 "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata:\n"
                 "  name: rate\n"
                 "  managedFields: [{manager: argocd-application-controller, operation: Update}]\n",
                 "Argo CD ('argocd-application-controller' applied it)");
    assert_free(state, "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\n"
                       "metadata:\n  name: apps\n"
                       "  managedFields: [{manager: argocd-controller, operation: Update}]\n");
}

static void without_an_id_of_our_own_every_applyset_is_another(void **state) {
    struct cm_json *live =
        yaml(state, HEAD "  labels: {applyset.kubernetes.io/part-of: " OURS "}\n");
    struct cm_err err = {0};

    assert_int_equal(cm_object_owner_check(live, NULL, &err), CM_EINVAL);
}

static void names_are_cut_to_what_fits_a_message(void **state) {
    assert_owner(state,
                 HEAD "  annotations: {objectset.rio.cattle.io/id: \"evil\\nlevel=error\"}\n",
                 "Rancher Fleet (object set 'evil')");
    assert_owner(state, HEAD "  annotations: {argocd.argoproj.io/tracking-id: ''}\n",
                 "Argo CD (Application '')");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, take_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(labels_of_flux_name_the_owner),
        TEST(the_tracking_id_of_argo_cd_names_the_owner),
        TEST(the_instance_label_of_argo_cd_names_the_owner),
        TEST(marks_of_fleet_name_the_owner),
        TEST(another_applyset_is_an_owner),
        TEST(another_agent_is_an_owner),
        TEST(managers_of_fields_are_owners),
        TEST(what_kubectl_or_helm_made_is_free),
        TEST(ours_is_free_whoever_else_was_there),
        TEST(a_manager_of_the_status_is_no_owner),
        TEST(a_controller_does_not_own_the_objects_of_its_own_kinds),
        TEST(a_rollout_belongs_to_the_argo_cd_that_applied_it),
        TEST(without_an_id_of_our_own_every_applyset_is_another),
        TEST(names_are_cut_to_what_fits_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
