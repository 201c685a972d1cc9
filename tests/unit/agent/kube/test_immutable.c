#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/immutable.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "tests/support/json.h"

#define ANSWER(field, message)                                                                     \
    "{\"message\":\"x is invalid: " field ": " message "\",\"details\":{\"causes\":[{\"field\":"   \
    "\"" field "\",\"message\":\"" message "\"},{\"field\":\"other\",\"message\":\"too long\"}]}}"

// What a server of version 1.36 says.
static const struct {
    const char *answer;
    const char *fields;
} cases[] = {
    {ANSWER("spec.selector", "Invalid value: {}: field is immutable"), "spec.selector"},
    {ANSWER("spec.template", "Invalid value: {}: field is immutable"), "spec.template"},
    {ANSWER("spec", "Forbidden: updates to statefulset spec for fields other than 'replicas', "
                    "'ordinals' are forbidden"),
     "spec"},
    {ANSWER("spec.clusterIPs[0]", "Invalid value: [\\\"a\\\"]: may not change once set"),
     "spec.clusterIPs[0]"},
    {ANSWER("value", "Forbidden: may not be changed in an update."), "value"},
    {ANSWER("roleRef", "Invalid value: {}: cannot change roleRef"), "roleRef"},
    {ANSWER("provisioner", "Forbidden: updates to provisioner are forbidden."), "provisioner"},
    {ANSWER("spec", "Forbidden: spec is immutable after creation except resources.requests"),
     "spec"},
    {ANSWER("data", "Forbidden: field is immutable when `immutable` is set"), "data"},
    {ANSWER("spec.nodeName", "Invalid value: \\\"a\\\": Value is immutable"), "spec.nodeName"},
    {"{\"message\":\"admission webhook denied it: immutable field\"}", ""},
};

static void a_refusal_for_ever_names_its_fields(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        const struct cm_json *answer = parse(a, cases[i].answer);

        assert_true(kube_immutable_is(422, answer));
        assert_false(kube_immutable_is(403, answer));
        assert_string_equal(kube_immutable_fields(a, answer), cases[i].fields);
    }
}

static void any_other_refusal_is_none(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    assert_false(kube_immutable_is(422, parse(a, ANSWER("spec.replicas", "must be positive"))));
    assert_false(kube_immutable_is(422, NULL));
}

#define SET(spec) "{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"spec\":" spec "}"

static void of_a_spec_the_fields_that_differ_and_may_not_are_named(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_json *live = parse(a, SET("{\"replicas\":1,\"serviceName\":\"a\"}"));
    const struct cm_json *desired = parse(
        a, SET("{\"replicas\":2,\"serviceName\":\"b\",\"template\":{\"metadata\":{\"labels\":{"
               "\"a\":\"b\"}}},\"podManagementPolicy\":\"Parallel\"}"));

    (void)state;
    assert_string_equal(kube_immutable_names(a, "spec", desired, live),
                        "spec.serviceName, spec.podManagementPolicy");
    assert_string_equal(kube_immutable_names(a, "", desired, live),
                        "spec.serviceName, spec.podManagementPolicy");
    assert_string_equal(kube_immutable_names(a, "roleRef", desired, live), "roleRef");
    assert_string_equal(kube_immutable_names(a, "spec", live, live), "spec");
    assert_string_equal(kube_immutable_names(a, "", live, live), "a field");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_for_ever_names_its_fields),
        cmocka_unit_test(any_other_refusal_is_none),
        cmocka_unit_test(of_a_spec_the_fields_that_differ_and_may_not_are_named),
    };

    return cmocka_run_group_tests_name("agent.kube.immutable", tests, NULL, NULL);
}
