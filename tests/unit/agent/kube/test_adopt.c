#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/adopt.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "tests/support/json.h"

#define ENTRY(manager, operation, more, fields)                                                    \
    "{\"manager\":\"" manager "\",\"operation\":\"" operation "\"" more ",\"fieldsV1\":" fields "}"
#define SIZE "{\"f:data\":{\"f:size\":{}}}"
#define LIVE(entries)                                                                              \
    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","                  \
    "\"resourceVersion\":\"7\",\"managedFields\":[" entries "]},\"data\":{\"color\":\"black\"}}"
#define TEST "{\"op\":\"test\",\"path\":\"/metadata/resourceVersion\",\"value\":\"7\"}"
#define OURS                                                                                       \
    "{\"manager\":\"holdfast\",\"operation\":\"Apply\",\"apiVersion\":\"v1\",\"fieldsType\":"      \
    "\"FieldsV1\""
#define REPLACED(entries)                                                                          \
    "[" TEST ",{\"op\":\"replace\",\"path\":\"/metadata/managedFields\",\"value\":[" entries "]}]"

static const struct {
    const char *live;
    const char *patch; // NULL: none
    bool tools;
} cases[] = {
    {LIVE(ENTRY("kubectl-client-side-apply", "Update", ",\"time\":\"2026-01-02T00:00:00Z\"", SIZE)),
     REPLACED(OURS ",\"time\":\"2026-01-02T00:00:00Z\",\"fieldsV1\":" SIZE "}"), false},
    // All of them become one entry; what others have stays theirs, also what is of a subresource.
    {LIVE(ENTRY("helm", "Update", "", "{\"f:data\":{\".\":{},\"f:a\":{}}}") "," ENTRY(
         "somebody", "Update", "",
         SIZE) "," ENTRY("kubectl", "Update", ",\"subresource\":\"scale\"",
                         SIZE) "," ENTRY("kubectl-edit", "Update", "",
                                         "{\"f:data\":{\"f:b\":{}},\"f:x\":{}}")),
     REPLACED(ENTRY("somebody", "Update", "", SIZE) "," ENTRY(
         "kubectl", "Update", ",\"subresource\":\"scale\"",
         SIZE) "," OURS ",\"fieldsV1\":{\"f:data\":{\".\":{},\"f:a\":{},\"f:b\":{}},\"f:x\":{}}}"),
     false},
    // The field itself and what is below it.
    {LIVE(ENTRY("helm", "Update", "", "{\"f:data\":{}}") "," ENTRY("kubectl", "Apply", "", SIZE)),
     REPLACED(OURS ",\"fieldsV1\":{\"f:data\":{\".\":{},\"f:size\":{}}}}"), false},
    {LIVE(ENTRY("holdfast", "Update", "", SIZE) "," ENTRY("holdfast", "Apply", "", "{\"f:y\":{}}")),
     REPLACED(OURS ",\"fieldsV1\":{\"f:data\":{\"f:size\":{}},\"f:y\":{}}}"), false},
    {LIVE(ENTRY("holdfast", "Apply", "", SIZE)), NULL, false},
    {LIVE(ENTRY("kubectl-rollout", "Update", "", SIZE)), NULL, false},
    {LIVE(ENTRY("before-first-apply", "Apply", "", SIZE)), NULL, false},
    {LIVE(ENTRY("helm-operator", "Update", "", SIZE)), NULL, false},
    {LIVE(ENTRY("kustomize-controller", "Apply", "", SIZE)), NULL, false},
    {LIVE(ENTRY("kustomize-controller", "Apply", "", SIZE)),
     REPLACED(OURS ",\"fieldsV1\":" SIZE "}"), true},
    {LIVE(ENTRY("kubectl", "Apply", "", "[]")), REPLACED(""), false},
    {LIVE(""), NULL, true},
    {"{\"metadata\":{\"managedFields\":{}}}", NULL, true},
    {"{\"metadata\":{\"resourceVersion\":\"7\",\"annotations\":{"
     "\"kubectl.kubernetes.io/last-applied-configuration\":\"{}\"}}}",
     "[" TEST ",{\"op\":\"remove\",\"path\":\"/metadata/annotations/"
     "kubectl.kubernetes.io~1last-applied-configuration\"}]",
     false},
};

static void what_people_set_becomes_ours(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        const char *patch =
            kube_adopt_patch(a, parse(a, cases[i].live), "holdfast", "v1", cases[i].tools);

        if (cases[i].patch == NULL) {
            assert_null(patch);
        } else {
            assert_non_null(patch);
            assert_string_equal(patch, cases[i].patch);
        }
    }
}

static void what_was_set_to_something_else_is_told_with_who_did_it(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_json *live =
        parse(a, LIVE(ENTRY("painter", "Update", "", "{\"f:data\":{\"f:color\":{}}}")));

    (void)state;
    assert_string_equal(
        kube_adopt_words(a, live,
                         parse(a, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{"
                                  "\"color\":\"red\",\"new\":\"1\"}}")),
        "the object was there already and is ours now: data.color was set by 'painter'");
    assert_string_equal(kube_adopt_words(a, live, live),
                        "the object was there already and is ours now");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_people_set_becomes_ours),
        cmocka_unit_test(what_was_set_to_something_else_is_told_with_who_did_it),
    };

    return cmocka_run_group_tests_name("agent.kube.adopt", tests, NULL, NULL);
}
