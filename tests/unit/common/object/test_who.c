#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/object/who.h"

#define FLAGGER "system:serviceaccount:flagger-system:flagger"

static void a_user_is_verified_and_a_manager_claimed(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_string_equal(cm_who_text(a, "kubectl-edit", "alice"), "alice (verified)");
    assert_string_equal(cm_who_text(a, "", "alice"), "alice (verified)");
    assert_string_equal(cm_who_text(a, "kubectl-edit", ""), "kubectl-edit (claimed)");
    assert_string_equal(cm_who_text(a, "", ""), "unknown");
}

static void who_takes_a_controllers_name_is_told_from_it(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_string_equal(cm_who_text(a, "flagger", "flagger"),
                        "flagger (verified; claims to be flagger)");
    assert_string_equal(cm_who_text(a, "flagger", FLAGGER), FLAGGER " (verified)");
    assert_true(cm_who_lies("rollouts-controller", FLAGGER));
    assert_false(cm_who_lies("rollouts-controller", "system:serviceaccount:argo:argo-rollouts"));
    assert_false(cm_who_lies("kube-controller-manager", "system:kube-controller-manager"));
    assert_false(cm_who_lies("kube-controller-manager",
                             "system:serviceaccount:kube-system:deployment-controller"));
    assert_true(cm_who_lies("kube-controller-manager", "alice"));
    assert_true(cm_who_lies("flagger", "system:serviceaccount:flagger-demo:default"));
    assert_true(cm_who_lies("kube-controller-manager", "system:serviceaccount:not-kube-system:x"));
    assert_true(cm_who_lies("kube-controller-manager", "system:serviceaccount:a:kube-system"));
    assert_false(cm_who_lies("flagger", "")); // nobody knows
}

static void no_managers_name_is_taken_for_words_about_him(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_string_equal(cm_who_actor(a, "kubectl-edit", ""), "kubectl-edit");
    assert_string_equal(cm_who_actor(a, "", ""), "");
    assert_string_equal(cm_who_actor(a, "alice (verified)", ""), "alice (verified) (claimed)");
    assert_string_equal(cm_who_actor(a, "kubectl-edit", "alice"), "alice (verified)");
}

static void who_decided_is_told_if_no_controller_did(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_string_equal(cm_who_else(a, ""), "");
    assert_string_equal(cm_who_else(a, "rollouts-controller"), "");
    assert_string_equal(cm_who_else(a, FLAGGER " (verified)"), "");
    assert_string_equal(cm_who_else(a, "kubectl-argo-rollouts"), "kubectl-argo-rollouts (claimed)");
    assert_string_equal(cm_who_else(a, "alice (verified)"), "alice (verified)");
    assert_string_equal(cm_who_else(a, "alice (verified; claims to be flagger)"),
                        "alice (verified; claims to be flagger)");
    assert_string_equal(cm_who_else(a, FLAGGER " (verified) (claimed)"),
                        FLAGGER " (verified) (claimed)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_is_verified_and_a_manager_claimed),
        cmocka_unit_test(who_takes_a_controllers_name_is_told_from_it),
        cmocka_unit_test(no_managers_name_is_taken_for_words_about_him),
        cmocka_unit_test(who_decided_is_told_if_no_controller_did),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
