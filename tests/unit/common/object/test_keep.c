// Which objects stay when they leave Git.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/keep.h"
#include "common/str.h"

static struct cm_json *object_with(struct cm_arena *a, const char *annotations) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_json *object = NULL;
    struct cm_err err;

    cm_str_addf(&text, "{\"metadata\":{\"name\":\"a\",\"annotations\":%s}}", annotations);
    assert_int_equal(cm_json_parse(a, cm_str_get(&text), text.len, NULL, &object, &err), CM_OK);
    return object;
}

static void an_annotation_of_any_of_the_tools_keeps_an_object(void **state) {
    static const char *const yes[] = {
        "{\"holdfast.dev/prune\":\"disabled\"}",
        "{\"kustomize.toolkit.fluxcd.io/prune\":\"disabled\"}",
        "{\"helm.sh/resource-policy\":\"keep\"}",
        "{\"argocd.argoproj.io/sync-options\":\"Prune=false\"}",
        "{\"argocd.argoproj.io/sync-options\":\"Replace=true, Prune=false ,Force=true\"}",
    };
    static const char *const no[] = {
        "{}",
        "null",
        "[]",
        "{\"holdfast.dev/prune\":\"enabled\"}",
        "{\"holdfast.dev/prune\":true}",
        "{\"kustomize.toolkit.fluxcd.io/prune\":\"Disabled\"}",
        "{\"argocd.argoproj.io/sync-options\":\"Prune=falsely\"}",
        "{\"argocd.argoproj.io/sync-options\":\"NoPrune=false\"}",
        "{\"argocd.argoproj.io/sync-options\":\",, ,\"}",
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        assert_true(cm_object_says_keep(object_with(a, yes[i])));
    }
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        assert_false(cm_object_says_keep(object_with(a, no[i])));
    }
}

static void a_value_of_ours_that_means_nothing_is_refused(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_err err;

    (void)state;
    assert_int_equal(
        cm_object_keep_check(object_with(a, "{\"holdfast.dev/prune\":\"disabled\"}"), &err), CM_OK);
    assert_int_equal(
        cm_object_keep_check(object_with(a, "{\"holdfast.dev/prune\":\"false\"}"), &err),
        CM_EINVAL);
    assert_non_null(strstr(err.msg, "write 'disabled'"));
}

static void what_holds_others_is_precious(void **state) {
    (void)state;
    assert_true(cm_object_is_precious("Namespace//shop"));
    assert_true(cm_object_is_precious("PersistentVolumeClaim/shop/data"));
    assert_true(cm_object_is_precious("PersistentVolume//data"));
    assert_true(
        cm_object_is_precious("CustomResourceDefinition.apiextensions.k8s.io//widgets.example"));
    assert_false(cm_object_is_precious("Namespace.example.com//shop"));
    assert_false(cm_object_is_precious("ConfigMap/shop/Namespace"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_annotation_of_any_of_the_tools_keeps_an_object),
        cmocka_unit_test(a_value_of_ours_that_means_nothing_is_refused),
        cmocka_unit_test(what_holds_others_is_precious),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
