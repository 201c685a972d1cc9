// Freezes in a fleet: documents that change nothing of what clusters shall run.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/fleet.h"
#include "hub/hold/freeze.h"
#include "world.h"

static void put_freeze(struct world *w, const char *spec) {
    CM_AUTOFREE char *text = cm_strf("apiVersion: holdfast/v1alpha1\nkind: Freeze\n"
                                     "metadata: {name: stop}\nspec: {%s, reason: it burns}\n",
                                     spec);

    world_put(w, "freezes/stop.yaml", text);
}

static void note_freeze(void *ctx, const struct hub_freeze_info *info) {
    struct cm_str *out = ctx;

    cm_str_addf(out, "%s %s %s %s %s %lld", info->path, info->freeze->name, info->freeze->app,
                info->freeze->cluster, info->freeze->reason, (long long)info->freeze->until_ms);
}

static void expect(const struct world *w, const char *wanted) {
    CM_CLEANUP(cm_str_done) struct cm_str all = {0};

    hub_fleet_each_freeze(w->fleet, note_freeze, &all);
    assert_string_equal(cm_str_get(&all), wanted);
}

static void put_shop(struct world *w, const char *colour) {
    CM_AUTOFREE char *text = cm_strf("apiVersion: v1\nkind: ConfigMap\n"
                                     "metadata: {name: web, namespace: prod}\n"
                                     "data: {colour: %s}\n",
                                     colour);

    world_put(w, "apps/shop/web.yaml", text);
}

static void begin(struct world *w) {
    world_init(w);
    world_put_cluster(w, "a", "", "");
    world_put(w, "apps/shop/app.yaml",
              "apiVersion: holdfast/v1alpha1\nkind: App\nmetadata: {name: shop}\n"
              "spec: {targets: [{cluster: a}]}\n");
    put_shop(w, "red");
    (void)world_commit(w);
}

static void a_freeze_is_told_and_keeps_nothing_from_being_resolved(void **state) {
    struct world w;

    (void)state;
    begin(&w);
    CM_AUTOFREE char *before = cm_strdup(world_pair(&w, "a", "shop")->revision);
    put_freeze(&w, "app: shop, cluster: a, until: '2026-10-01T12:00:00Z'");
    put_shop(&w, "blue");
    (void)world_commit(&w);
    expect(&w, "freezes/stop.yaml stop shop a it burns 1790856000000");
    assert_string_not_equal(world_pair(&w, "a", "shop")->revision, before);
    assert_string_equal(world_problems(&w), "");
    world_remove(&w, "freezes/stop.yaml");
    (void)world_commit(&w);
    expect(&w, "");
    world_done(&w);
}

static void a_freeze_that_is_spoilt_stays_as_it_was(void **state) {
    struct world w;

    (void)state;
    begin(&w);
    put_freeze(&w, "app: shop");
    (void)world_commit(&w);
    put_freeze(&w, "app: shop, until: tomorrow");
    (void)world_commit(&w);
    expect(&w, "freezes/stop.yaml stop shop  it burns 0");
    assert_non_null(strstr(world_problems(&w), "freezes/stop.yaml:4:"));
    world_done(&w);
}

static void names_that_do_not_exist_are_problems(void **state) {
    struct world w;

    (void)state;
    begin(&w);
    put_freeze(&w, "app: shpo, clusterGroup: west");
    (void)world_commit(&w);
    assert_string_equal(
        world_problems(&w),
        "freezes/stop.yaml:4:13: no App is named 'shpo': correct the name, or delete the file if "
        "the App is gone\n"
        "freezes/stop.yaml:4:33: no ClusterGroup is named 'west': correct the name, or delete the "
        "file");
    put_freeze(&w, "cluster: b");
    (void)world_commit(&w);
    assert_non_null(strstr(world_problems(&w), "no Cluster is named 'b'"));
    world_done(&w);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_freeze_is_told_and_keeps_nothing_from_being_resolved),
    cmocka_unit_test(a_freeze_that_is_spoilt_stays_as_it_was),
    cmocka_unit_test(names_that_do_not_exist_are_problems),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
