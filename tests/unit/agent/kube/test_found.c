#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/found.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"

static struct cm_json *object(struct cm_arena *a, const char *metadata, const char *spec) {
    const char *text = cm_arena_strf(
        a,
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\","
        "\"namespace\":\"shop\"%s},\"spec\":{%s}}",
        metadata, spec);
    struct cm_json *tree = NULL;
    struct cm_err err;

    assert_int_equal(cm_json_parse(a, text, strlen(text), NULL, &tree, &err), CM_OK);
    return tree;
}

static void assert_group(const char *metadata, const char *group) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_found found;

    assert_true(kube_found_of(a, object(a, metadata, ""), &found));
    assert_string_equal(found.group, group);
}

#define INSTANCE "\"app.kubernetes.io/instance\":\"front\",\"app.kubernetes.io/name\":\"nginx\""

static void a_workload_is_a_part_of_what_its_own_tool_calls_it(void **state) {
    (void)state;
    assert_group("", "app.shop.web");
    assert_group(",\"labels\":{\"app.kubernetes.io/name\":\"nginx\"}", "app.shop.nginx");
    assert_group(",\"labels\":{" INSTANCE "}", "app.shop.front");
    assert_group(",\"annotations\":{\"meta.helm.sh/release-name\":\"front\","
                 "\"meta.helm.sh/release-namespace\":\"apps\"},\"labels\":{" INSTANCE "}",
                 "helm.apps.front");
    assert_group(",\"annotations\":{\"objectset.rio.cattle.io/id\":\"default-shop\","
                 "\"meta.helm.sh/release-name\":\"front\"}",
                 "fleet.default-shop");
    assert_group(",\"labels\":{\"objectset.rio.cattle.io/hash\":\"3ff0\"}", "fleet.3ff0");
    assert_group(",\"labels\":{" INSTANCE ",\"helm.toolkit.fluxcd.io/name\":\"front\","
                 "\"helm.toolkit.fluxcd.io/namespace\":\"apps\"}",
                 "helmrelease.apps.front");
    assert_group(",\"labels\":{\"kustomize.toolkit.fluxcd.io/name\":\"apps\","
                 "\"kustomize.toolkit.fluxcd.io/namespace\":\"flux-system\"}",
                 "kustomization.flux-system.apps");
    assert_group(",\"labels\":{\"argocd.argoproj.io/instance\":\"front\"}", "argocd.front");
    assert_group(",\"annotations\":{\"argocd.argoproj.io/tracking-id\":"
                 "\"team_front:apps/Deployment:shop/web\"}",
                 "argocd.team_front");
}

static void what_cannot_stand_in_a_name_is_left_out_of_it(void **state) {
    (void)state;
    assert_group(",\"annotations\":{\"argocd.argoproj.io/tracking-id\":\"../a b\\n:x\"}",
                 "argocd...-a-b-");
}

static void it_runs_the_images_of_its_pods(void **state) {
    static const char pod[] = "\"template\":{\"spec\":{\"initContainers\":[{\"image\":\"init:1\"}],"
                              "\"containers\":[{\"image\":\"web:1\"},{\"name\":\"x\"}]}}";
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_found found;

    (void)state;
    assert_true(kube_found_of(a, object(a, "", pod), &found));
    assert_string_equal(found.runs, "init:1\nweb:1\n");
    const char *job = cm_arena_strf(a, "\"jobTemplate\":{\"spec\":{%s}}", pod);
    assert_true(kube_found_of(a, object(a, "", job), &found));
    assert_string_equal(found.runs, "init:1\nweb:1\n");
    assert_true(kube_found_of(a, object(a, "", "\"targetRef\":{\"name\":\"web\"}"), &found));
    assert_string_equal(found.runs, "");
}

static void nothing_of_it_is_desired_but_that_it_is_there(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_found found;

    (void)state;
    assert_true(kube_found_of(
        a, object(a, ",\"labels\":{" INSTANCE "}", "\"replicas\":3,\"template\":{\"spec\":{}}"),
        &found));
    assert_null(strstr(found.form, "replicas"));
    assert_null(strstr(found.form, "labels"));
    assert_non_null(strstr(found.form, "\"template\": {}"));
}

#define OWNER(version, kind, controller)                                                           \
    ",\"ownerReferences\":[{\"apiVersion\":\"" version "\",\"kind\":\"" kind                       \
    "\",\"name\":\"web\",\"controller\":" controller "}]"

static void what_a_controller_makes_of_another_workload_is_told_by_that(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_found found;

    (void)state;
    assert_false(
        kube_found_of(a, object(a, OWNER("flagger.app/v1beta1", "Canary", "true"), ""), &found));
    assert_true(
        kube_found_of(a, object(a, OWNER("flagger.app/v1beta1", "Canary", "false"), ""), &found));
    assert_true(kube_found_of(a, object(a, OWNER("example.com/v1", "Canary", "true"), ""), &found));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_workload_is_a_part_of_what_its_own_tool_calls_it),
        cmocka_unit_test(what_cannot_stand_in_a_name_is_left_out_of_it),
        cmocka_unit_test(it_runs_the_images_of_its_pods),
        cmocka_unit_test(nothing_of_it_is_desired_but_that_it_is_there),
        cmocka_unit_test(what_a_controller_makes_of_another_workload_is_told_by_that),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
