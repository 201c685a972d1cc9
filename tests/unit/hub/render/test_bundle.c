#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/mem.h"
#include "hub/render/bundle.h"

static struct hub_bundle *example(void) {
    static const char *const depends_on[] = {"a", "b"};
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *one = cm_buf_copy("one", 3);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *two = cm_buf_copy("two", 3);
    struct hub_object objects[] = {{.key = "ConfigMap/x/one",
                                    .sha256 = cm_sha256("one", 3),
                                    .bytes = one,
                                    .keep = true,
                                    .care = {.recreate = true},

                                    .order = {.wave = -7}},
                                   {.key = "Secret/x/two",
                                    .sha256 = cm_sha256("key two", 7),
                                    .bytes = two,
                                    .secret = true,
                                    .care = {.once = true},
                                    .drift_list = 1,

                                    .order = {1000, HUB_PHASE_POST_APPLY, HUB_HOOK_NEVER}}};

    static const char *const fields[] = {"/spec/replicas", "/data/a"};
    static const char *const managers[] = {"hpa"};
    static const struct hub_drift_rule rules[] = {
        {.fields = fields, .field_count = 2, .drift = HUB_DRIFT_OFF},
        {.managers = managers,
         .manager_count = 1,
         .owner = "A/b/c",
         .drift = HUB_DRIFT_REPORT,
         .capture = true,
         .until_ms = 1790856000000,
         .keep = true}};
    static const struct hub_drift_list list = {rules, 2};

    return hub_bundle_new(&(struct hub_bundle_spec){.app = "shop",
                                                    .namespace = "x",
                                                    .drift_lists = &list,
                                                    .drift_list_count = 1,
                                                    .drift = HUB_DRIFT_CORRECT,
                                                    .prune = true,
                                                    .adopt = true,
                                                    .prune_precious = true,
                                                    .conflicts = HUB_CONFLICTS_FAIL,
                                                    .propagation = HUB_PROPAGATION_ORPHAN,
                                                    .recreate = true,
                                                    .health = {90, true, false, true, true, "[{}]"},
                                                    .account = "x/web",
                                                    .depends_on = depends_on,
                                                    .depends_on_count = 2,
                                                    .shown = fields,
                                                    .shown_count = 2,
                                                    .objects = objects,
                                                    .object_count = 2});
}

static struct cm_buf *find_public(void *ctx, const struct cm_sha256 *name) {
    struct cm_sha256 one = cm_sha256("one", 3);

    (*(int *)ctx)++;
    return cm_sha256_equal(name, &one) ? cm_buf_copy("one", 3) : NULL;
}

static void a_bundle_is_read_back_as_it_was(void **state) {
    CM_CLEANUP(hub_bundle_unrefp) struct hub_bundle *b = example();
    CM_CLEANUP(hub_bundle_unrefp) struct hub_bundle *back = NULL;
    struct cm_err err;
    int asked = 0;

    (void)state;
    assert_int_equal(hub_bundle_decode(b->bytes, find_public, &asked, &back, &err), CM_OK);
    assert_int_equal(asked, 2);
    assert_true(cm_sha256_equal(&b->sha256, &back->sha256));
    assert_string_equal(back->spec.app, "shop");
    assert_string_equal(back->spec.namespace, "x");
    assert_int_equal(back->spec.drift, HUB_DRIFT_CORRECT);
    assert_true(back->spec.prune);
    assert_false(back->spec.suspend);
    assert_true(back->spec.adopt);
    assert_true(back->spec.prune_precious);
    assert_true(back->spec.objects[0].keep);
    assert_false(back->spec.objects[1].keep);
    assert_int_equal(back->spec.conflicts, HUB_CONFLICTS_FAIL);
    assert_int_equal(back->spec.propagation, HUB_PROPAGATION_ORPHAN);
    assert_true(back->spec.recreate);
    assert_int_equal(back->spec.health.timeout_s, 90);
    assert_true(back->spec.health.addresses && !back->spec.health.logs);
    assert_true(back->spec.health.goes_back && back->spec.health.holds_undo);
    assert_string_equal(back->spec.health.rules, "[{}]");
    assert_string_equal(back->spec.account, "x/web");
    assert_int_equal(back->spec.objects[0].drift_list, 0);
    assert_int_equal(back->spec.objects[1].drift_list, 1);
    assert_int_equal(back->spec.drift_lists[0].count, 2);
    assert_string_equal(back->spec.drift_lists[0].rules[0].fields[1], "/data/a");
    assert_string_equal(back->spec.drift_lists[0].rules[1].managers[0], "hpa");
    assert_null(back->spec.drift_lists[0].rules[0].owner);
    assert_string_equal(back->spec.drift_lists[0].rules[1].owner, "A/b/c");
    assert_int_equal(back->spec.drift_lists[0].rules[1].drift, HUB_DRIFT_REPORT);
    assert_true(back->spec.drift_lists[0].rules[1].capture);
    assert_true(back->spec.drift_lists[0].rules[1].keep);
    assert_int_equal(back->spec.drift_lists[0].rules[1].until_ms, 1790856000000);
    assert_false(back->spec.drift_lists[0].rules[0].capture);
    assert_int_equal(back->spec.shown_count, 2);
    assert_string_equal(back->spec.shown[1], "/data/a");
    assert_true(back->spec.objects[0].care.recreate && !back->spec.objects[0].care.once);
    assert_true(back->spec.objects[1].care.once && !back->spec.objects[1].care.recreate);
    assert_int_equal(back->spec.depends_on_count, 2);
    assert_string_equal(back->spec.depends_on[1], "b");
    assert_int_equal(back->spec.object_count, 2);
    assert_string_equal(back->spec.objects[0].key, "ConfigMap/x/one");
    assert_memory_equal(back->spec.objects[0].bytes->data, "one", 3);
    assert_true(back->spec.objects[1].secret);
    assert_int_equal(back->spec.objects[0].order.wave, -7);
    assert_int_equal(back->spec.objects[1].order.wave, 1000);
    assert_int_equal(back->spec.objects[1].order.phase, HUB_PHASE_POST_APPLY);
    assert_int_equal(back->spec.objects[1].order.hook_delete, HUB_HOOK_NEVER);
    assert_null(back->spec.objects[1].bytes);
}

static void the_largest_bundle_is_one_that_agents_accept(void **state) {
    CM_AUTOFREE struct hub_object *objects = cm_new(HUB_BUNDLE_OBJECTS_MAX, sizeof(*objects));
    CM_AUTOFREE char *keys = cm_new(HUB_BUNDLE_OBJECTS_MAX, 24);
    const char *depends_on[HUB_BUNDLE_DEPENDS_MAX];
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = cm_buf_copy("x", 1);
    CM_CLEANUP(hub_bundle_unrefp) struct hub_bundle *back = NULL;
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < HUB_BUNDLE_OBJECTS_MAX; i++) {
        (void)snprintf(keys + 24 * i, 24, "ConfigMap/x/%06zu", i);
        objects[i] = (struct hub_object){.key = keys + 24 * i, .bytes = bytes};
    }
    for (size_t i = 0; i < HUB_BUNDLE_DEPENDS_MAX; i++) {
        depends_on[i] = "app";
    }
    CM_CLEANUP(hub_bundle_unrefp)
    struct hub_bundle *b =
        hub_bundle_new(&(struct hub_bundle_spec){.app = "shop",
                                                 .namespace = "",
                                                 .account = "",
                                                 .depends_on = depends_on,
                                                 .depends_on_count = HUB_BUNDLE_DEPENDS_MAX,
                                                 .objects = objects,
                                                 .object_count = HUB_BUNDLE_OBJECTS_MAX});
    assert_int_equal(hub_bundle_decode(b->bytes, NULL, NULL, &back, &err), CM_OK);
    assert_int_equal(back->spec.object_count, HUB_BUNDLE_OBJECTS_MAX);
}

static void equal_specs_give_equal_names(void **state) {
    CM_CLEANUP(hub_bundle_unrefp) struct hub_bundle *a = example();
    CM_CLEANUP(hub_bundle_unrefp) struct hub_bundle *b = example();

    (void)state;
    assert_true(cm_sha256_equal(&a->sha256, &b->sha256));
    struct cm_sha256 of_bytes = cm_sha256(a->bytes->data, a->bytes->size);
    assert_true(cm_sha256_equal(&a->sha256, &of_bytes));
}

static void an_object_is_found_by_its_name(void **state) {
    CM_CLEANUP(hub_bundle_unrefp) struct hub_bundle *b = example();
    struct cm_sha256 one = cm_sha256("one", 3);
    struct cm_sha256 none = cm_sha256("none", 4);

    (void)state;
    assert_string_equal(hub_bundle_find(b, &one)->key, "ConfigMap/x/one");
    assert_null(hub_bundle_find(b, &none));
}

static void each_of_many_objects_is_found(void **state) {
    enum { COUNT = 1000 };
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = cm_buf_copy("{}", 2);
    struct hub_object objects[COUNT];
    char keys[COUNT][16];

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "ConfigMap//%03d", i);
        objects[i] = (struct hub_object){
            .key = keys[i], .sha256 = cm_sha256(keys[i], strlen(keys[i])), .bytes = bytes};
    }
    CM_CLEANUP(hub_bundle_unrefp)
    struct hub_bundle *b = hub_bundle_new(&(struct hub_bundle_spec){
        .app = "web", .namespace = "", .account = "", .objects = objects, .object_count = COUNT});
    for (int i = 0; i < COUNT; i++) {
        assert_ptr_equal(hub_bundle_find(b, &objects[i].sha256), &b->spec.objects[i]);
    }
}

static void what_is_no_bundle_is_refused(void **state) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *junk = cm_buf_copy("\xff\xff\xff", 3);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *empty = cm_buf_copy("", 0);
    struct hub_bundle *b = NULL;
    struct cm_err err;

    (void)state;
    assert_int_equal(hub_bundle_decode(junk, NULL, NULL, &b, &err), CM_EINVAL);
    assert_int_equal(hub_bundle_decode(empty, NULL, NULL, &b, &err), CM_EINVAL); // version 0
    assert_null(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bundle_is_read_back_as_it_was),
        cmocka_unit_test(the_largest_bundle_is_one_that_agents_accept),
        cmocka_unit_test(equal_specs_give_equal_names),
        cmocka_unit_test(an_object_is_found_by_its_name),
        cmocka_unit_test(each_of_many_objects_is_found),
        cmocka_unit_test(what_is_no_bundle_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
