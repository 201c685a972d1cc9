#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/resources.h"
#include "agent/kube/status.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/utf8.h"
#include "tests/support/json.h"

static const struct kube_resource DEPLOYMENTS = {"apps", "v1", "Deployment", "deployments", true};
static const struct kube_asked ASKED = {"patch and create", &DEPLOYMENTS, "shop", "web", NULL};

static enum cm_rc error_of(int status, const char *text, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    return kube_status_error(&ASKED, status, text == NULL ? NULL : parse(a, text), err);
}

#define WEBHOOK(why)                                                                               \
    "{\"message\":\"Internal error occurred: failed calling webhook \\\"a.example.com\\\": "       \
    "failed to "                                                                                   \
    "call webhook: Post \\\"https://hook.shop.svc:443/?timeout=10s\\\": " why "\"}"

static const struct {
    const char *answer;
    const char *words;
    int status;
    enum cm_rc code;
} cases[] = {
    {NULL, "credentials", 401, CM_EAUTH},
    {"{\"message\":\"bad field\"}", "bad field", 400, CM_EINVAL},
    {"{\"message\":\"is immutable\"}", "is immutable", 422, CM_EINVAL},
    {"{\"message\":\"try again\"}", "try again", 409, CM_EBUSY},
    {"{\"message\":\"Precondition failed: UID in precondition: a\"}", "", 409, CM_EEXISTS},
    {NULL, "too much to do", 429, CM_EBUSY},
    {WEBHOOK("no endpoints available for service \\\"hook\\\""), "a webhook does not answer", 500,
     CM_EBUSY},
    {WEBHOOK("connection refused"), "connection refused", 422, CM_EBUSY},
    {"{\"message\":\"conversion webhook for example.com/v1, Kind=A failed: Post x: EOF\"}",
     "webhook", 400, CM_EBUSY},
    {"{\"message\":\"admission webhook \\\"a\\\" denied the request: replicas cannot be 0\"}",
     "replicas cannot be 0", 403, CM_EBUSY},
    {NULL, "503", 503, CM_EBUSY},
    {"{\"details\":{\"kind\":\"namespaces\",\"name\":\"shop\"}}", "namespace 'shop' does not exist",
     404, CM_EBUSY},
    {"{\"details\":{\"kind\":\"deployments\",\"name\":\"web\"}}", "", 404, CM_ENOTFOUND},
    {"{\"message\":\"could not find the requested resource\"}", "no longer knows this kind", 404,
     CM_EBUSY},
    {"{\"message\":\"exceeded quota\"}", "exceeded quota", 403, CM_EBUSY},
    {"{\"details\":{\"causes\":[{\"reason\":\"NamespaceTerminating\"}]}}",
     "namespace 'shop' is being deleted", 403, CM_EBUSY},
    {"{\"details\":{\"causes\":[{\"reason\":\"FieldManagerConflict\",\"field\":\".spec.replicas\","
     "\"message\":\"conflict with \\\"scaler\\\" with subresource \\\"scale\\\" using apps/v1\"},"
     "{\"reason\":\"FieldManagerConflict\",\"field\":\".data.a\",\"message\":\"odd\"}]}}",
     "spec.replicas is set by 'scaler', data.a is set by '': take it out of the manifest, or write "
     "'conflicts: force' in the App",
     409, CM_EINVAL},
    {"{\"message\":\"x is attempting to grant RBAC permissions not held\"}", "escalate", 403,
     CM_EAUTH},
};

static void must_hold(const char *text, const char *words) {
    if (strstr(text, words) == NULL) {
        fail_msg("'%s' lacks '%s'", text, words);
    }
}

static void a_status_says_what_to_do_next(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cm_err err;

        assert_int_equal(error_of(cases[i].status, cases[i].answer, &err), cases[i].code);
        must_hold(err.msg, cases[i].words);
    }
}

static void of_many_fields_that_others_have_some_are_named(void **state) {
    struct cm_str answer = {0};
    struct cm_err err;

    (void)state;
    cm_str_add(&answer, "{\"details\":{\"causes\":[{\"reason\":\"Other\"}");
    for (int i = 0; i < 100; i++) {
        cm_str_addf(&answer,
                    ",{\"reason\":\"FieldManagerConflict\",\"field\":\".data.%d\","
                    "\"message\":\"conflict with \\\"a\\\"\"}",
                    i);
    }
    cm_str_add(&answer, "]}}");
    assert_int_equal(error_of(409, cm_str_get(&answer), &err), CM_EINVAL);
    must_hold(err.msg, "data.0 is set by 'a', data.1 is set by 'a'");
    must_hold(err.msg, " more): take it out");
    cm_str_done(&answer);
}

static bool is_early(int status, const char *text) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    return kube_status_is_early(status, text == NULL ? NULL : parse(a, text));
}

static void what_may_appear_at_any_moment_is_told_from_what_hangs(void **state) {
    (void)state;
    assert_true(is_early(404, NULL));
    assert_true(is_early(500, WEBHOOK("no endpoints available for service \\\"hook\\\"")));
    assert_false(is_early(500, WEBHOOK("context deadline exceeded")));
    assert_false(is_early(500, "{\"message\":\"etcd is away\"}"));
    assert_false(is_early(429, NULL));
}

static void a_missing_right_is_named_as_a_rule(void **state) {
    struct cm_err err;

    (void)state;
    assert_int_equal(error_of(403,
                              "{\"message\":\"User x cannot patch resource deployments in API "
                              "group apps\"}",
                              &err),
                     CM_EAUTH);
    assert_string_equal(
        err.msg,
        "the agent may not patch and create deployments in namespace 'shop': add {apiGroups: "
        "[\"apps\"], resources: [\"deployments\"], verbs: [\"patch\", \"create\"]} to its Role "
        "there "
        "or its ClusterRole; the API server says: User x cannot patch resource deployments in API "
        "group apps");
}

static const struct kube_asked AS_SHOP = {"patch and create", &DEPLOYMENTS, "shop", "web",
                                          "shop/web"};

static void a_right_that_a_service_account_lacks_is_its_own(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_err err;

    (void)state;
    assert_int_equal(kube_status_error(&AS_SHOP, 403,
                                       parse(a, "{\"message\":\"User x cannot patch it\"}"), &err),
                     CM_EAUTH);
    must_hold(err.msg, "ServiceAccount 'shop/web' may not patch and create deployments in "
                       "namespace 'shop': add {apiGroups: [\"apps\"], ");
}

static void a_namespace_that_is_not_there_is_told_from_an_object_that_is_not(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_json *none =
        parse(a, "{\"details\":{\"kind\":\"namespaces\",\"name\":\"shop\"}}");
    const struct cm_json *object =
        parse(a, "{\"details\":{\"kind\":\"configmaps\",\"name\":\"shop\"}}");

    (void)state;
    assert_true(kube_status_is_homeless(404, none, "shop"));
    assert_false(kube_status_is_homeless(404, none, "other"));
    assert_false(kube_status_is_homeless(404, none, "")); // it is the object itself
    assert_false(kube_status_is_homeless(409, none, "shop"));
    assert_false(kube_status_is_homeless(404, object, "shop"));
}

static void the_right_to_impersonate_is_the_agents(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_err err;

    (void)state;
    assert_int_equal(kube_status_error(&AS_SHOP, 403,
                                       parse(a, "{\"message\":\"User x cannot impersonate "
                                                "resource y in the namespace shop\"}"),
                                       &err),
                     CM_EAUTH);
    must_hold(err.msg, "the agent may not act as ServiceAccount 'shop/web': add {apiGroups: "
                       "[\"\"], resources: [\"serviceaccounts\"], verbs: [\"impersonate\"]} to "
                       "its Role in namespace 'shop'");
}

static void a_right_that_is_missing_everywhere_belongs_into_a_cluster_role(void **state) {
    static const struct kube_asked asked = {"list", &DEPLOYMENTS, "", NULL, NULL};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_err err;

    (void)state;
    assert_int_equal(
        kube_status_error(&asked, 403, parse(a, "{\"message\":\"x cannot list it\"}"), &err),
        CM_EAUTH);
    must_hold(err.msg, "may not list deployments: add");
    must_hold(err.msg, "verbs: [\"list\"]} to its ClusterRole;");
}

static void a_field_that_no_schema_has_is_the_objects_fault(void **state) {
    struct cm_err err;

    (void)state;
    assert_int_equal(
        error_of(500,
                 "{\"message\":\"failed to create typed patch object (shop/web; /v1, "
                 "Kind=Service): errors:\\n  .spec.prots: field not declared in "
                 "schema\\n  .spec.size: expected string, got &value.valueUnstructured{Value:42}"
                 "\\n  .spec.kind: expected map\"}",
                 &err),
        CM_EINVAL);
    assert_string_equal(err.msg, "the object does not fit the schema of its kind: errors: "
                                 ".spec.prots: field not declared in schema .spec.size: expected "
                                 "string .spec.kind: expected map");
}

// long_answer is a message with a beginning, an end, and a value of `size` characters of `one`
// between them. The caller frees it.
static char *long_answer(const char *one, size_t size) {
    struct cm_str text = {0};

    cm_str_add(&text, "{\"message\":\"Job.batch \\\"good\\\" is invalid: spec.template: ");
    for (size_t i = 0; i < size; i++) {
        cm_str_add(&text, one);
    }
    cm_str_add(&text, ": field is immutable\"}");
    return cm_str_take(&text);
}

static void what_is_wrong_stays_in_a_long_message(void **state) {
    static const char *const characters[] = {"x", "\u00e9", "\u20ac", "\U0001f600"};

    (void)state;
    for (size_t i = 0; i < 4 * 16; i++) {
        CM_AUTOFREE char *answer = long_answer(characters[i % 4], 2000 + i / 4);
        struct cm_err err;

        assert_int_equal(error_of(422, answer, &err), CM_EINVAL);
        must_hold(err.msg, "Job.batch \"good\" is invalid: spec.template: ");
        must_hold(err.msg, " ... ");
        must_hold(err.msg, ": field is immutable");
        assert_in_range(strlen(err.msg), 370, 380);
        assert_int_equal(cm_utf8_valid(err.msg, strlen(err.msg)), strlen(err.msg));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_says_what_to_do_next),
        cmocka_unit_test(of_many_fields_that_others_have_some_are_named),
        cmocka_unit_test(what_may_appear_at_any_moment_is_told_from_what_hangs),
        cmocka_unit_test(a_missing_right_is_named_as_a_rule),
        cmocka_unit_test(a_right_that_is_missing_everywhere_belongs_into_a_cluster_role),
        cmocka_unit_test(a_right_that_a_service_account_lacks_is_its_own),
        cmocka_unit_test(a_namespace_that_is_not_there_is_told_from_an_object_that_is_not),
        cmocka_unit_test(the_right_to_impersonate_is_the_agents),
        cmocka_unit_test(a_field_that_no_schema_has_is_the_objects_fault),
        cmocka_unit_test(what_is_wrong_stays_in_a_long_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
