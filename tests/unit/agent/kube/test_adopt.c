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
#include "common/object/diff.h"
#include "common/str.h"
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
    // Other tools for people, as they made it.
    {LIVE(ENTRY("oc", "Update", "", SIZE)), REPLACED(OURS ",\"fieldsV1\":" SIZE "}"), false},
    {LIVE(ENTRY("k9s", "Apply", "", SIZE)), NULL, false},
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

// ---- Of single fields

#define WEB "k:{\\\"name\\\":\\\"web\\\"}"
#define NEW "k:{\\\"name\\\":\\\"NEW\\\"}"
#define FINALIZER "v:\\\"e.org/x\\\""
#define HAS(manager, operation, fields) ENTRY(manager, operation, ",\"apiVersion\":\"v1\"", fields)

static const struct {
    const char *ours; // fields
    const char *theirs;
    const char *path;
    const char *both; // what we have then; NULL: nothing is taken
    const char *left; // what they have then; NULL: they have no entry any more
} moves[] = {
    {"{\"f:y\":{}}", SIZE, "data.size", "{\"f:y\":{},\"f:data\":{\"f:size\":{}}}", NULL},
    // Who made the map keeps it, and what else he has.
    {"{\"f:data\":{\"f:y\":{}}}", "{\"f:data\":{\".\":{},\"f:a\":{},\"f:b\":{}}}", "data.a",
     "{\"f:data\":{\"f:y\":{},\"f:a\":{}}}", "{\"f:data\":{\".\":{},\"f:b\":{}}}"},
    // A map that is ours stays so.
    {"{\"f:data\":{}}", SIZE, "data.size", "{\"f:data\":{\".\":{},\"f:size\":{}}}", NULL},
    // An entry of a list goes with all that is in it.
    {"{\"f:spec\":{\"" WEB "\":{\".\":{},\"f:image\":{}}}}",
     "{\"f:spec\":{\"" WEB "\":{\"f:env\":{\"" NEW "\":{\".\":{},\"f:name\":{}}}}}}",
     "spec[name=web].env[name=NEW]",
     "{\"f:spec\":{\"" WEB "\":{\".\":{},\"f:image\":{},\"f:env\":{\"" NEW
     "\":{\".\":{},\"f:name\":{}}}}}}",
     NULL},
    {"{\"f:y\":{}}", "{\"f:spec\":{\"" FINALIZER "\":{},\"f:z\":{}}}", "spec[=e.org/x]",
     "{\"f:y\":{},\"f:spec\":{\"" FINALIZER "\":{}}}", "{\"f:spec\":{\"f:z\":{}}}"},
    {"{\"f:y\":{}}", SIZE, "data.other", NULL, NULL},
    {"{\"f:y\":{}}", "{\"f:data\":{}}", "data.size", NULL, NULL},
};

static const struct cm_json *of_both(struct cm_arena *a, const char *ours, const char *theirs) {
    CM_AUTOFREE char *text =
        cm_strf(LIVE(HAS("holdfast", "Apply", "%s") "%s%s%s"
                                                    "," HAS("kubectl-edit", "Apply",
                                                            SIZE) "," HAS("robot", "Update", SIZE)),
                ours,
                theirs == NULL ? ""
                               : ",{\"manager\":\"kubectl-edit\",\"operation\":\"Update\","
                                 "\"apiVersion\":\"v1\",\"fieldsV1\":",
                theirs == NULL ? "" : theirs, theirs == NULL ? "" : "}");

    return parse(a, text);
}

// entries_of_patch returns the list that a patch puts there.
static const struct cm_json *entries_of_patch(struct cm_arena *a, const char *patch) {
    const struct cm_json *steps = parse(a, patch);

    assert_int_equal(steps->count, 2);
    assert_string_equal(cm_json_string(cm_json_get(steps->first, "value")), "7");
    assert_string_equal(cm_json_string(cm_json_get(steps->last, "op")), "replace");
    return cm_json_get(steps->last, "value");
}

static const struct cm_json *entries_of(const struct cm_json *live) {
    return cm_json_path(live, "metadata", "managedFields", NULL);
}

static void what_people_have_at_a_path_alone_becomes_ours_and_is_given_back(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        const struct cm_json *before = of_both(a, moves[i].ours, moves[i].theirs);
        struct cm_difference item = {.path = moves[i].path};
        const struct cm_differences which = {.items = &item, .count = 1};
        const char *patch = kube_adopt_fields(a, before, "holdfast", &which);

        if (moves[i].both == NULL) {
            assert_null(patch);
            continue;
        }
        assert_non_null(patch);
        const struct cm_json *after = of_both(a, moves[i].both, moves[i].left);
        assert_true(cm_json_equal(entries_of_patch(a, patch), entries_of(after)));
        const struct cm_json *back = entries_of_patch(a, kube_adopt_undo(a, after, before, after));
        assert_int_equal(back->count, entries_of(before)->count);
        for (const struct cm_json *e = entries_of(before)->first; e != NULL; e = e->next) {
            const struct cm_json *b = back->first;

            while (b != NULL && !cm_json_equal(b, e)) {
                b = b->next;
            }
            assert_non_null(b);
        }
    }
}

static void nothing_is_taken_of_what_we_have_not_applied(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_difference item = {.path = "data.size"};
    const struct cm_differences which = {.items = &item, .count = 1};

    (void)state;
    assert_null(kube_adopt_fields(a, parse(a, LIVE(HAS("kubectl-edit", "Update", SIZE))),
                                  "holdfast", &which));
}

// What has changed since stays.
static void what_is_given_back_is_what_is_still_as_it_was_taken(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_json *before = of_both(a, "{\"f:y\":{}}", SIZE);
    const struct cm_json *after = of_both(a, "{\"f:data\":{\"f:size\":{}},\"f:y\":{}}", NULL);
    const struct cm_json *now =
        of_both(a, "{\"f:data\":{\"f:size\":{}},\"f:y\":{}}", "{\"f:new\":{}}");
    const struct cm_json *back = entries_of_patch(a, kube_adopt_undo(a, now, before, after));

    (void)state;
    assert_true(cm_json_equal(back, entries_of(of_both(a, "{\"f:y\":{}}", "{\"f:new\":{}}"))));
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
        cmocka_unit_test(what_people_have_at_a_path_alone_becomes_ours_and_is_given_back),
        cmocka_unit_test(nothing_is_taken_of_what_we_have_not_applied),
        cmocka_unit_test(what_is_given_back_is_what_is_still_as_it_was_taken),
        cmocka_unit_test(what_was_set_to_something_else_is_told_with_who_did_it),
    };

    return cmocka_run_group_tests_name("agent.kube.adopt", tests, NULL, NULL);
}
