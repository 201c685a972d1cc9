#include "common/object/spare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/diff.h"
#include "common/str.h"
#include "tests/support/json.h"

#define WEB(replicas, image, env)                                                                  \
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\"},"         \
    "\"spec\":{\"replicas\":" replicas ",\"template\":{\"spec\":{\"containers\":["                 \
    "{\"name\":\"side\",\"image\":\"s:1\"},"                                                       \
    "{\"name\":\"web\",\"image\":\"" image "\",\"env\":[{\"name\":\"A\",\"value\":\"" env          \
    "\"}]}]}}}}"
// Somebody put a container before ours.
#define LIVE                                                                                       \
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\"},"         \
    "\"spec\":{\"replicas\":5,\"template\":{\"spec\":{\"containers\":["                            \
    "{\"name\":\"injected\",\"image\":\"i:1\"},{\"name\":\"side\",\"image\":\"s:1\"},"             \
    "{\"name\":\"web\",\"image\":\"w:9\",\"env\":[{\"name\":\"A\",\"value\":\"x\"}]}]}}}}"
#define WIDGET(one, two)                                                                           \
    "{\"apiVersion\":\"e.org/v1\",\"kind\":\"Widget\",\"metadata\":{\"name\":\"w\"},"              \
    "\"spec\":{\"parts\":[{\"name\":\"a\",\"size\":" one ",\"n\":" two "}]}}"

static const char *nobody(void *ctx, const char *path) {
    (void)path;
    return ctx == NULL ? "" : ctx;
}

static bool kept(void *ctx, const char *path) {
    (void)ctx;
    return strcmp(path, "spec.replicas") == 0;
}

// sorted returns "path:rule" of all differences, with spaces between them; the arena's.
static const char *sorted(struct cm_arena *a, const struct cm_spare *s, const char *desired,
                          const char *live) {
    struct cm_json *want = parse(a, desired);
    struct cm_json *have = parse(a, live);
    struct cm_differences all;
    const char *text = "";
    size_t rules[16];

    cm_object_diff(a, want, have, 16, &all);
    cm_spare_sort(a, s, want, have, &all, rules);
    for (size_t i = 0; i < all.count; i++) {
        const char *rule = rules[i] == CM_SPARE_NO_RULE ? "-" : cm_arena_strf(a, "%zu", rules[i]);

        text = cm_arena_strf(a, "%s%s%s:%s", text, i == 0 ? "" : " ", all.items[i].path, rule);
    }
    return text;
}

static const char *applied(struct cm_arena *a, const struct cm_spare *s, enum cm_spare_how how,
                           enum cm_spare_how otherwise, const char *before, const char *desired,
                           const char *live, bool *taken) {
    enum cm_spare_how hows[4] = {how, how, how, how};
    struct cm_json *want = parse(a, desired);
    struct cm_str text = {0};

    *taken = cm_spare_apply(a, s, hows, otherwise, before == NULL ? NULL : parse(a, before), want,
                            parse(a, live));
    cm_json_write_compact(want, &text);
    const char *copy = cm_arena_strdup(a, cm_str_get(&text));
    cm_str_done(&text);
    return copy;
}

static const char *const replicas[] = {"/spec/replicas"};
static const char *const image[] = {"/spec/template/spec/containers/1/image"};
static const char *const by_key[] = {"/spec/template/spec/containers/[name=web]/env"};
static const char *const by_path[] = {"spec.template.spec.containers[name=web].image"};
static const char *const all_of[] = {"/spec/template/spec/containers/*/image"};

static void the_first_rule_that_is_about_a_field_counts(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_spare_rule rules[] = {
        {replicas, 1, NULL, 0, NULL}, {by_key, 1, NULL, 0, NULL}, {NULL, 0, NULL, 0, NULL}};
    const struct cm_spare s = {rules, 3, nobody, NULL, NULL, NULL};
    const struct cm_spare two = {rules, 2, nobody, NULL, NULL, NULL};

    (void)state;
    assert_string_equal(sorted(a, &s, WEB("3", "w:1", "y"), LIVE),
                        "spec.replicas:0 spec.template.spec.containers[name=web].image:2 "
                        "spec.template.spec.containers[name=web].env[name=A].value:1");
    assert_string_equal(sorted(a, &two, WEB("5", "w:1", "x"), LIVE),
                        "spec.template.spec.containers[name=web].image:-");
}

static void an_index_is_that_of_git_and_paths_and_stars_do_too(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *const *const ways[] = {image, by_path, all_of};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct cm_spare_rule rule = {ways[i], 1, NULL, 0, NULL};
        const struct cm_spare s = {&rule, 1, nobody, NULL, NULL, NULL};

        assert_string_equal(sorted(a, &s, WEB("5", "w:1", "x"), LIVE),
                            "spec.template.spec.containers[name=web].image:0");
    }
}

static void a_manager_is_who_set_the_field(void **state) {
    static const char *const managers[] = {"other", "hpa"};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_spare_rule rule = {NULL, 0, managers, 2, NULL};
    struct cm_spare s = {&rule, 1, nobody, NULL, NULL, (void *)(uintptr_t) "hpa"};

    (void)state;
    assert_string_equal(sorted(a, &s, WEB("3", "w:9", "x"), LIVE), "spec.replicas:0");
    s.ctx = NULL;
    assert_string_equal(sorted(a, &s, WEB("3", "w:9", "x"), LIVE), "spec.replicas:-");
}

static void a_field_inside_of_a_whole_list_is_let_be_by_itself(void **state) {
    static const char *const sizes[] = {"/spec/parts/0/size"};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_spare_rule rule = {sizes, 1, NULL, 0, NULL};
    const struct cm_spare s = {&rule, 1, nobody, NULL, NULL, NULL};
    bool taken;

    (void)state;
    assert_string_equal(sorted(a, &s, WIDGET("1", "1"), WIDGET("9", "1")), "spec.parts:0");
    assert_string_equal(sorted(a, &s, WIDGET("1", "1"), WIDGET("9", "9")), "spec.parts:-");
    assert_string_equal(applied(a, &s, CM_SPARE_ALWAYS, CM_SPARE_NEVER, NULL, WIDGET("1", "1"),
                                WIDGET("9", "9"), &taken),
                        WIDGET("9", "1"));
    assert_true(taken);
}

static void a_whole_list_is_put_right_if_nothing_else_of_it_differs(void **state) {
    static const char *const sizes[] = {"/spec/parts/0/size"};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_spare_rule rule = {sizes, 1, NULL, 0, NULL};
    const struct cm_spare s = {&rule, 1, nobody, NULL, NULL, NULL};
    bool taken;

    (void)state;
    assert_string_equal(applied(a, &s, CM_SPARE_NEVER, CM_SPARE_ALWAYS, NULL, WIDGET("1", "1"),
                                WIDGET("9", "1"), &taken),
                        WIDGET("1", "1"));
    assert_false(taken);
    assert_string_equal(applied(a, &s, CM_SPARE_NEVER, CM_SPARE_ALWAYS, NULL, WIDGET("1", "1"),
                                WIDGET("9", "9"), &taken),
                        WIDGET("9", "9"));
}

static void what_somebody_keeps_is_left_out_and_what_nobody_keeps_taken_over(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_spare_rule rules[] = {{replicas, 1, NULL, 0, NULL}, {image, 1, NULL, 0, NULL}};
    struct cm_spare s = {rules, 2, nobody, kept, NULL, NULL};
    bool taken;

    (void)state;
    const char *text =
        applied(a, &s, CM_SPARE_ALWAYS, CM_SPARE_NEVER, NULL, WEB("3", "w:1", "y"), LIVE, &taken);
    assert_null(strstr(text, "replicas"));
    assert_non_null(strstr(text, "w:9"));
    assert_non_null(strstr(text, "\"y\""));
    assert_true(taken);
    s.count = 1;
    text =
        applied(a, &s, CM_SPARE_ALWAYS, CM_SPARE_NEVER, NULL, WEB("3", "w:1", "y"), LIVE, &taken);
    assert_null(strstr(text, "replicas"));
    assert_false(taken);
}

static bool exists(void *ctx, const char *owner) {
    return strcmp(ctx, owner) == 0;
}

static void a_rule_with_an_owner_holds_while_that_exists(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_spare_rule rules[] = {{replicas, 1, NULL, 0, "HPA/a"},
                                          {NULL, 0, NULL, 0, "HPA/b"}};
    struct cm_spare s = {rules, 2, nobody, NULL, exists, (void *)(uintptr_t) "HPA/a"};
    bool taken;

    (void)state;
    assert_string_equal(sorted(a, &s, WEB("3", "w:9", "x"), LIVE), "spec.replicas:0");
    assert_string_equal(
        applied(a, &s, CM_SPARE_ALWAYS, CM_SPARE_NEVER, NULL, WEB("3", "w:1", "x"), LIVE, &taken),
        WEB("5", "w:1", "x"));
    s.ctx = (void *)(uintptr_t) "HPA/b";
    assert_string_equal(sorted(a, &s, WEB("3", "w:9", "x"), LIVE), "spec.replicas:1");
    s.ctx = (void *)(uintptr_t) "HPA/c";
    assert_string_equal(sorted(a, &s, WEB("3", "w:9", "x"), LIVE), "spec.replicas:-");
    assert_string_equal(
        applied(a, &s, CM_SPARE_ALWAYS, CM_SPARE_NEVER, NULL, WEB("3", "w:1", "x"), LIVE, &taken),
        WEB("3", "w:1", "x"));
    assert_false(taken);
}

static void what_git_says_anew_is_applied(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_spare_rule rule = {replicas, 1, NULL, 0, NULL};
    const struct cm_spare s = {&rule, 1, nobody, NULL, NULL, NULL};
    const enum cm_spare_how how = CM_SPARE_UNLESS_NEW;
    bool taken;

    (void)state;
    assert_string_equal(applied(a, &s, how, CM_SPARE_NEVER, WEB("3", "w:1", "y"),
                                WEB("3", "w:2", "y"), LIVE, &taken),
                        WEB("5", "w:2", "y"));
    assert_string_equal(applied(a, &s, how, CM_SPARE_NEVER, WEB("2", "w:1", "y"),
                                WEB("3", "w:2", "y"), LIVE, &taken),
                        WEB("3", "w:2", "y"));
    assert_false(taken);
    assert_string_equal(
        applied(a, &s, how, CM_SPARE_NEVER, NULL, WEB("3", "w:2", "y"), LIVE, &taken),
        WEB("5", "w:2", "y"));
}

static void what_no_rule_is_about_is_let_be_if_so_said(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_spare_rule rule = {replicas, 1, NULL, 0, NULL};
    const struct cm_spare s = {&rule, 1, nobody, NULL, NULL, NULL};
    bool taken;

    (void)state;
    assert_string_equal(
        applied(a, &s, CM_SPARE_NEVER, CM_SPARE_ALWAYS, NULL, WEB("3", "w:1", "y"), LIVE, &taken),
        WEB("3", "w:9", "x"));
}

static void what_the_live_object_lacks_is_left_out(void **state) {
    static const char *const sized[] = {"/data/size"};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_spare_rule rule = {sized, 1, NULL, 0, NULL};
    const struct cm_spare s = {&rule, 1, nobody, NULL, NULL, NULL};
    bool taken;

    (void)state;
    assert_string_equal(
        applied(
            a, &s, CM_SPARE_ALWAYS, CM_SPARE_NEVER, NULL,
            "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"a\":\"1\",\"size\":\"L\"}}",
            "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"a\":\"2\"}}", &taken),
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"a\":\"1\"}}");
    assert_false(taken);
}

static void what_names_no_field_is_refused(void **state) {
    static const char *const good[] = {"/spec/replicas", "/a/[name=web]/b", "spec.a[name=b].c",
                                       "/metadata/annotations/a~1b", ""};
    static const char *const bad[] = {"/a~b", "/a/[name=", "a[b", "[", NULL};
    struct cm_err err;

    (void)state;
    for (size_t i = 0; good[i][0] != '\0'; i++) {
        assert_int_equal(cm_spare_field_check(good[i], &err), CM_OK);
    }
    for (size_t i = 0; bad[i] != NULL; i++) {
        assert_int_equal(cm_spare_field_check(bad[i], &err), CM_EINVAL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_rule_that_is_about_a_field_counts),
        cmocka_unit_test(an_index_is_that_of_git_and_paths_and_stars_do_too),
        cmocka_unit_test(a_manager_is_who_set_the_field),
        cmocka_unit_test(a_field_inside_of_a_whole_list_is_let_be_by_itself),
        cmocka_unit_test(a_whole_list_is_put_right_if_nothing_else_of_it_differs),
        cmocka_unit_test(what_somebody_keeps_is_left_out_and_what_nobody_keeps_taken_over),
        cmocka_unit_test(a_rule_with_an_owner_holds_while_that_exists),
        cmocka_unit_test(what_git_says_anew_is_applied),
        cmocka_unit_test(what_no_rule_is_about_is_let_be_if_so_said),
        cmocka_unit_test(what_the_live_object_lacks_is_left_out),
        cmocka_unit_test(what_names_no_field_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
