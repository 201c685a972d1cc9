#include "release.h"

#define IMAGE(version) WORKLOAD("image: 'reg/c:" version "'", "")
#define WITH(version, value)                                                                       \
    WORKLOAD("image: 'reg/c:" version "', env: [{name: X, value: " value "}]", "")

static enum cm_rc try_to_renew(const struct hub_hold *hold, const char *promoted,
                               struct hub_hold **out) {
    struct cm_err err = {0};
    struct release r;

    release_init(&r, promoted);
    enum cm_rc rc =
        hub_hold_renew(hold, WORKLOAD_KEY, r.objects, r.count, "cccccccccccccccccccc", out, &err);
    release_done(&r);
    return rc;
}

// renewed makes a Hold of two releases, and takes in what was promoted since.
static struct hub_hold *renewed(const char *good, const char *bad, const char *promoted) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = must_make(good, bad);
    struct hub_hold *out = NULL;

    assert_int_equal(try_to_renew(hold, promoted, &out), CM_OK);
    assert_true(hub_hold_same(hold, out) || hold->identity_count > out->identity_count);
    assert_string_not_equal(hold->name, out->name);
    assert_string_equal(hold->event, out->event);
    assert_int_equal(out->cluster_count, hold->cluster_count);
    return out;
}

// assert_becomes tells what a Hold makes of what Git says.
static void assert_becomes(const struct hub_hold *hold, const char *git, const char *wanted) {
    struct release r;
    struct release w;
    bool applied = false;

    release_init(&r, git);
    release_init(&w, wanted);
    struct hub_hold_objects objects = release_objects(&r);
    assert_int_equal(hub_hold_apply(&hold, 1, &objects, &applied), SIZE_MAX);
    for (size_t i = 0; i < w.count; i++) {
        const struct cm_json *tree = release_find(&r, w.objects[i].key);

        if (tree == NULL || !cm_json_equal(tree, w.trees[i])) {
            fail_msg("%s", release_text(&r, w.objects[i].key));
        }
    }
    release_done(&r);
    release_done(&w);
}

static void what_was_promoted_last_runs_in_the_place_of_the_rejected_one(void **state) {
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *hold = renewed(WITH("1", "a"), WITH("2", "b"), WITH("9", "c"));

    (void)state;
    assert_string_equal(hold->good_revision, "cccccccccccccccccccc");
    assert_becomes(hold, WITH("2", "b"), WITH("9", "c"));
    assert_becomes(hold, WITH("2", "c"), WITH("9", "c")); // a bot sets the image alone
    assert_becomes(hold, WITH("2", "z"), WITH("9", "z")); // and who edits edits
    assert_becomes(hold, WITH("3", "c"), WITH("3", "c"));
}

static void it_is_so_each_time(void **state) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = renewed(IMAGE("1"), IMAGE("2"), IMAGE("3"));
    struct hub_hold *again = NULL;

    (void)state;
    assert_int_equal(try_to_renew(hold, IMAGE("4"), &again), CM_OK);
    assert_becomes(again, IMAGE("2"), IMAGE("4"));
    hub_hold_free(again);
}

static void what_it_restores_or_rejects_anyway_changes_nothing(void **state) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = must_make(WITH("1", "a"), WITH("2", "b"));
    struct hub_hold *out = NULL;

    (void)state;
    assert_int_equal(try_to_renew(hold, WITH("1", "z"), &out), CM_EEXISTS); // with an edit
    assert_int_equal(try_to_renew(hold, WITH("2", "z"), &out), CM_EEXISTS); // tried again
    assert_int_equal(
        try_to_renew(hold, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", &out),
        CM_EBUSY); // the workload is gone
    assert_null(out);
}

// Another container may be another one by then; that does not make the rejected release another.
static void what_makes_it_the_rejected_release_stays(void **state) {
#define TWO(version, other)                                                                        \
    WORKLOAD("image: 'reg/c:" version "'", "      - {name: side, image: 'reg/s:" other "'}\n")
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *hold = renewed(TWO("1", "1"), TWO("2", "1"), TWO("9", "5"));

    (void)state;
    assert_int_equal(hold->identity_count, 1);
    assert_becomes(hold, TWO("2", "5"), TWO("9", "5"));
    assert_becomes(hold, TWO("2", "1"), TWO("9", "1"));
}

#define FILE_IN(image, lines)                                                                      \
    WORKLOAD("image: '" image "', envFrom: [{configMapRef: {name: f}}]",                           \
             "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: f, namespace: prod}\n"        \
             "data: {app.conf: \"" lines "\"}\n")

static void rejected_configuration_becomes_that_of_the_promoted_release(void **state) {
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *hold =
        renewed(FILE_IN("r:1", "a\\nb\\nc\\n"), FILE_IN("r:1", "a\\nBAD\\nc\\n"),
                FILE_IN("r:9", "a\\nb\\nc\\nd\\n"));

    (void)state;
    assert_becomes(hold, FILE_IN("r:9", "a\\nBAD\\nc\\n"), FILE_IN("r:9", "a\\nb\\nc\\nd\\n"));
    assert_becomes(hold, FILE_IN("r:9", "a\\nb\\nc\\nd\\n"), FILE_IN("r:9", "a\\nb\\nc\\nd\\n"));
}

// Lines that came with the rejected release, and are in what was promoted, are no fault of it.
static void
a_file_that_was_promoted_with_the_rejected_lines_does_not_let_the_image_in(void **state) {
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *hold =
        renewed(FILE_IN("r:1", "a\\nb\\nc\\n"), FILE_IN("r:2", "a\\nNEW\\nc\\n"),
                FILE_IN("r:9", "a\\nNEW\\nc\\nd\\n"));

    (void)state;
    assert_becomes(hold, FILE_IN("r:2", "a\\nNEW\\nc\\nd\\n"),
                   FILE_IN("r:9", "a\\nNEW\\nc\\nd\\n"));
    assert_becomes(hold, FILE_IN("r:2", "a\\nNEW\\nc\\n"), FILE_IN("r:9", "a\\nNEW\\nc\\nd\\n"));
}

static void a_configmap_with_a_digest_in_its_name_is_that_of_the_promoted_release(void **state) {
#define GENERATED(image, name)                                                                     \
    WORKLOAD("image: '" image "', envFrom: [{configMapRef: {name: " name "}}]",                    \
             "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: " name ", namespace: prod}\n" \
             "data: {of: " name "}\n")
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *hold =
        renewed(GENERATED("r:1", "f-1"), GENERATED("r:2", "f-2"), GENERATED("r:9", "f-9"));

    (void)state;
    assert_int_equal(hold->keep_count, 1);
    assert_string_equal(hold->keep[0], "ConfigMap/prod/f-9");
    assert_becomes(hold, GENERATED("r:2", "f-2"), GENERATED("r:9", "f-9"));
}

#define SIDE(value, other)                                                                         \
    WORKLOAD("image: 'reg/c:1', env: [{name: X, value: " value "}]",                               \
             "      - {name: side, image: 'reg/s:" other "'}\n")

static void where_the_promoted_release_has_nothing_in_its_place_it_stays(void **state) {
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *hold = must_make(SIDE("a", "1"), SIDE("b", "2"));
    struct hub_hold *out = NULL;

    (void)state;
    assert_int_equal(try_to_renew(hold, WITH("1", "c"), &out), CM_ENOTFOUND); // no such container
    assert_null(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_promoted_last_runs_in_the_place_of_the_rejected_one),
        cmocka_unit_test(it_is_so_each_time),
        cmocka_unit_test(what_it_restores_or_rejects_anyway_changes_nothing),
        cmocka_unit_test(what_makes_it_the_rejected_release_stays),
        cmocka_unit_test(rejected_configuration_becomes_that_of_the_promoted_release),
        cmocka_unit_test(
            a_file_that_was_promoted_with_the_rejected_lines_does_not_let_the_image_in),
        cmocka_unit_test(a_configmap_with_a_digest_in_its_name_is_that_of_the_promoted_release),
        cmocka_unit_test(where_the_promoted_release_has_nothing_in_its_place_it_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
