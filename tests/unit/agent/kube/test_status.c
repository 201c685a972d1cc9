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

static struct cm_json *parse(struct cm_arena *a, const char *text) {
    struct cm_json *node = NULL;
    struct cm_err err = {0};

    if (cm_json_parse(a, text, strlen(text), NULL, &node, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return node;
}

static const struct kube_resource DEPLOYMENTS = {"apps", "v1", "Deployment", "deployments", true};
static const struct kube_asked ASKED = {"patch and create", &DEPLOYMENTS, "shop", "web"};

static enum cm_rc error_of(int status, const char *text, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    return kube_status_error(&ASKED, status, text == NULL ? NULL : parse(a, text), err);
}

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
    {"{\"message\":\"failed calling webhook\"}", "webhook", 500, CM_EBUSY},
    {NULL, "503", 503, CM_EBUSY},
    {"{\"details\":{\"kind\":\"namespaces\",\"name\":\"shop\"}}", "namespace 'shop' does not exist",
     404, CM_EBUSY},
    {"{\"details\":{\"kind\":\"deployments\",\"name\":\"web\"}}", "", 404, CM_ENOTFOUND},
    {"{\"message\":\"could not find the requested resource\"}", "no longer knows this kind", 404,
     CM_EBUSY},
    {"{\"message\":\"exceeded quota\"}", "exceeded quota", 403, CM_EBUSY},
    {"{\"details\":{\"causes\":[{\"reason\":\"NamespaceTerminating\"}]}}",
     "namespace 'shop' is being deleted", 403, CM_EBUSY},
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
        "[\"apps\"], resources: [\"deployments\"], verbs: [\"patch\", \"create\"]} to its role; "
        "the API server says: User x cannot patch resource deployments in API group apps");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_says_what_to_do_next),
        cmocka_unit_test(a_missing_right_is_named_as_a_rule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
