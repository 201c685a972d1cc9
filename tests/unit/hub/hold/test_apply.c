#include "release.h"

#define GOOD WORKLOAD("image: 'reg/c:1.4', env: [{name: A, value: x}, {name: X, value: 'off'}]", "")
#define BAD WORKLOAD("image: 'reg/c:1.5', env: [{name: X, value: 'on'}]", "")

static bool apply(const struct hub_hold *hold, struct release *r) {
    struct hub_hold_objects objects = release_objects(r);
    bool applied = false;

    assert_int_equal(hub_hold_apply(&hold, 1, &objects, &applied), SIZE_MAX);
    return applied;
}

static void the_rejected_release_becomes_exactly_the_good_one(void **state) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = must_make(GOOD, BAD);
    struct release r;
    struct release good;

    (void)state;
    release_init(&r, BAD);
    release_init(&good, GOOD);
    assert_true(apply(hold, &r));
    assert_true(r.touched[0]);
    assert_string_equal(release_text(&r, WORKLOAD_KEY), release_text(&good, WORKLOAD_KEY));
    release_done(&r);
    release_done(&good);
}

static void what_people_commit_lands_on_the_good_image(void **state) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = must_make(GOOD, BAD);
    struct release r;

    (void)state;
    release_init(&r, "apiVersion: apps/v1\nkind: Deployment\n"
                     "metadata: {name: checkout, namespace: prod}\n"
                     "spec: {replicas: 9, template: {metadata: {annotations: {stamp: c7}}, spec: "
                     "{containers: [{name: main, image: 'reg/c:1.5', env: [{name: X, value: mine}, "
                     "{name: M, value: m}]}]}}}\n");
    assert_true(apply(hold, &r));
    const char *text = release_text(&r, WORKLOAD_KEY);
    assert_non_null(strstr(text, "\"image\":\"reg/c:1.4\""));
    assert_non_null(strstr(text, "\"replicas\":9"));
    assert_non_null(strstr(text, "\"stamp\":\"c7\""));
    assert_non_null(strstr(text, "[{\"name\":\"A\",\"value\":\"x\"},{\"name\":\"X\",\"value\":"
                                 "\"mine\"},{\"name\":\"M\",\"value\":\"m\"}]"));
    release_done(&r);
}

static void another_release_makes_it_void(void **state) {
    static const char *const texts[] = {
        WORKLOAD("image: 'reg/c:1.6', env: [{name: X, value: 'on'}]", ""), // newer
        GOOD,                                                              // reverted
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: gone, namespace: prod}\n",
    };
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = must_make(GOOD, BAD);

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct release r;

        release_init(&r, texts[i]);
        CM_AUTOFREE char *before = cm_strdup(release_text(&r, r.objects[0].key));
        assert_false(apply(hold, &r));
        assert_string_equal(release_text(&r, r.objects[0].key), before);
        release_done(&r);
    }
}

static void a_retry_lets_it_go(void **state) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = must_make(GOOD, BAD);
    struct release r;

    (void)state;
    hold->retry = true;
    release_init(&r, BAD);
    assert_false(apply(hold, &r));
    release_done(&r);
}

static void a_rejected_image_that_gets_its_digest_is_still_rejected(void **state) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = must_make(GOOD, BAD);
    struct release r;

    (void)state;
    release_init(&r, WORKLOAD("image: 'reg/c:1.5@sha256:ab'", ""));
    assert_true(apply(hold, &r));
    assert_non_null(strstr(release_text(&r, WORKLOAD_KEY), "reg/c:1.4"));
    release_done(&r);
}

static void holds_chain_and_each_restores_what_ran(void **state) {
#define IMAGE(version) WORKLOAD("image: 'reg/c:" version "'", "")
    CM_CLEANUP(hub_hold_freep) struct hub_hold *first = must_make(IMAGE("1"), IMAGE("2"));
    CM_CLEANUP(hub_hold_freep) struct hub_hold *second = must_make(IMAGE("2"), IMAGE("3"));
    const struct hub_hold *const orders[][2] = {{first, second}, {second, first}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct release r;
        bool applied[2];

        release_init(&r, IMAGE("3"));
        struct hub_hold_objects objects = release_objects(&r);
        assert_int_equal(hub_hold_apply(orders[i], 2, &objects, applied), SIZE_MAX);
        assert_true(applied[0] && applied[1]);
        assert_non_null(strstr(release_text(&r, WORKLOAD_KEY), "reg/c:1\""));
        release_done(&r);
    }
}

static void an_edit_that_fails_on_the_good_image_is_held_on_top(void **state) {
    // Git says image 2 and an env var; what runs is image 1 with it, and that fails too.
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *first = must_make(WORKLOAD("image: 'r:1', env: [{name: X, value: a}]", ""),
                                       WORKLOAD("image: 'r:2', env: [{name: X, value: a}]", ""));
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *second = must_make(WORKLOAD("image: 'r:1', env: [{name: X, value: a}]", ""),
                                        WORKLOAD("image: 'r:1', env: [{name: X, value: b}]", ""));
    const struct hub_hold *const holds[] = {first, second};
    struct release r;
    bool applied[2];

    (void)state;
    release_init(&r, WORKLOAD("image: 'r:2', env: [{name: X, value: b}]", ""));
    struct hub_hold_objects objects = release_objects(&r);
    assert_int_equal(hub_hold_apply(holds, 2, &objects, applied), SIZE_MAX);
    assert_non_null(strstr(release_text(&r, WORKLOAD_KEY), "\"image\":\"r:1\""));
    assert_non_null(strstr(release_text(&r, WORKLOAD_KEY), "\"value\":\"a\""));
    release_done(&r);
}

static void two_that_restore_each_other_are_told(void **state) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *first = must_make(IMAGE("1"), IMAGE("2"));
    CM_CLEANUP(hub_hold_freep) struct hub_hold *second = must_make(IMAGE("2"), IMAGE("1"));
    const struct hub_hold *const holds[] = {first, second};
    struct release r;
    bool applied[2];

    (void)state;
    release_init(&r, IMAGE("2"));
    struct hub_hold_objects objects = release_objects(&r);
    assert_int_equal(hub_hold_apply(holds, 2, &objects, applied), 0);
    release_done(&r);
}

#define USES_FILE "image: 'r:1', envFrom: [{configMapRef: {name: f}}]"
#define FILE_OF(lines)                                                                             \
    "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: f, namespace: prod}\n"                 \
    "data: {app.conf: \"" lines "\"}\n"

static void a_file_is_merged_by_lines_and_a_conflict_stays_held(void **state) {
    static const char *const cases[][2] = {
        {"a=1\\nb=2\\nc=3\\n", "\"a=1\\nb=0\\nc=3\\n\""},
        {"a=1\\nb=2\\nc=3\\nd=4\\n", NULL}, // beside the rejected line
        {"z=9\\na=1\\nb=2\\nc=3\\n", "\"z=9\\na=1\\nb=0\\nc=3\\n\""},
        {"a=1\\nb=7\\nc=3\\n", "\"a=1\\nb=0\\nc=3\\n\""}, // a conflict: the good one
    };
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *hold = must_make(WORKLOAD(USES_FILE, "") FILE_OF("a=1\\nb=0\\nc=3\\n"),
                                      WORKLOAD(USES_FILE, "") FILE_OF("a=1\\nb=2\\nc=3\\n"));

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CM_AUTOFREE char *text = cm_strf("%s---\napiVersion: v1\nkind: ConfigMap\nmetadata: "
                                         "{name: f, namespace: prod}\ndata: {app.conf: \"%s\"}\n",
                                         WORKLOAD(USES_FILE, ""), cases[i][0]);
        struct release r;

        release_init(&r, text);
        assert_true(apply(hold, &r));
        const char *now = release_text(&r, "ConfigMap/prod/f");
        assert_non_null(strstr(now, cases[i][1] != NULL ? cases[i][1] : "b=0\\nc=3\\nd=4"));
        release_done(&r);
    }
    struct release reverted;
    release_init(&reverted, WORKLOAD(USES_FILE, "") FILE_OF("y=1\\na=1\\nb=0\\nc=3\\n"));
    assert_false(apply(hold, &reverted));
    release_done(&reverted);
}

// large_file writes a release with a file of that many lines, the first and the last one given.
static char *large_file(const char *first, const char *last) {
    struct cm_str text = {0};

    cm_str_addf(&text,
                "%s---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: f, namespace: prod}\n"
                "data: {app.conf: \"%s\\n",
                WORKLOAD(USES_FILE, ""), first);
    for (size_t i = 0; i < 2500; i++) {
        cm_str_addf(&text, "%zu\\n", i);
    }
    cm_str_addf(&text, "%s\\n\"}\n", last);
    return cm_str_take(&text);
}

static void of_a_file_that_is_too_large_to_merge_only_the_rejected_one_is_held(void **state) {
    static const struct {
        const char *first;
        const char *last;
        bool held;
    } cases[] = {
        {"bad", "x", true}, {"good", "x", false}, {"good", "y", false}, {"mine", "x", false}};
    CM_AUTOFREE char *good = large_file("good", "x");
    CM_AUTOFREE char *bad = large_file("bad", "x");
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = must_make(good, bad);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CM_AUTOFREE char *text = large_file(cases[i].first, cases[i].last);
        CM_AUTOFREE char *wanted = cm_strf("\"%s\\n0\\n", cases[i].held ? "good" : cases[i].first);
        struct release r;

        release_init(&r, text);
        assert_int_equal(apply(hold, &r), cases[i].held);
        assert_non_null(strstr(release_text(&r, "ConfigMap/prod/f"), wanted));
        release_done(&r);
    }
}

static void an_object_of_the_good_release_comes_back_as_a_whole(void **state) {
#define USES(name) "      volumes: [{name: v, configMap: {name: " name "}}]\n"
#define MADE(name)                                                                                 \
    "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: " name ", namespace: prod}\n"          \
    "data: {a: " name "}\n"
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *hold = must_make(WORKLOAD("image: 'r:1'", USES("f-aa")) MADE("f-aa"),
                                      WORKLOAD("image: 'r:2'", USES("f-bb")) MADE("f-bb"));
    struct release r;

    (void)state;
    release_init(&r, WORKLOAD("image: 'r:2'", USES("f-bb")) MADE("f-bb"));
    assert_true(apply(hold, &r));
    assert_non_null(strstr(release_text(&r, WORKLOAD_KEY), "\"f-aa\""));
    assert_non_null(strstr(release_text(&r, "ConfigMap/prod/f-aa"), "\"a\":\"f-aa\""));
    assert_non_null(strstr(release_text(&r, "ConfigMap/prod/f-bb"), "\"a\":\"f-bb\""));
    release_done(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rejected_release_becomes_exactly_the_good_one),
        cmocka_unit_test(what_people_commit_lands_on_the_good_image),
        cmocka_unit_test(another_release_makes_it_void),
        cmocka_unit_test(a_retry_lets_it_go),
        cmocka_unit_test(a_rejected_image_that_gets_its_digest_is_still_rejected),
        cmocka_unit_test(holds_chain_and_each_restores_what_ran),
        cmocka_unit_test(an_edit_that_fails_on_the_good_image_is_held_on_top),
        cmocka_unit_test(two_that_restore_each_other_are_told),
        cmocka_unit_test(a_file_is_merged_by_lines_and_a_conflict_stays_held),
        cmocka_unit_test(of_a_file_that_is_too_large_to_merge_only_the_rejected_one_is_held),
        cmocka_unit_test(an_object_of_the_good_release_comes_back_as_a_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
