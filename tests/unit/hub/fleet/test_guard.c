// Removals that wait, and the confirmations that let them happen.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/fleet.h"
#include "hub/render/bundle.h"
#include "world.h"

#define ALL "  targets: [{clusterSelector: {}}]\n"

static int setup(void **state) {
    struct world *w = cm_new(1, sizeof(*w));

    world_init(w);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    world_done(*state);
    free(*state);
    return 0;
}

static void put_objects(struct world *w, const char *app, int from, int to) {
    for (int i = from; i < to; i++) {
        CM_AUTOFREE char *name = cm_strf("o%02d", i);

        world_put_config(w, app, name, "1");
    }
}

static void remove_objects(struct world *w, const char *app, int from, int to) {
    for (int i = from; i < to; i++) {
        CM_AUTOFREE char *path = cm_strf("apps/%s/o%02d.yaml", app, i);

        world_remove(w, path);
    }
}

static void put_clusters(struct world *w, int count) {
    for (int i = 0; i < count; i++) {
        CM_AUTOFREE char *name = cm_strf("c%02d", i);

        world_put_cluster(w, name, "env: prod", "");
    }
}

// fill makes an App of so many objects, on so many clusters.
static void fill(struct world *w, int clusters, int objects) {
    put_clusters(w, clusters);
    world_put_app(w, "shop", "  onTargetLoss: prune\n" ALL);
    put_objects(w, "shop", 0, objects);
    (void)world_commit_all(w);
}

static size_t objects_of(struct world *w, const char *cluster, const char *app) {
    const struct hub_pair *pair = world_pair(w, cluster, app);

    return pair != NULL ? pair->bundle->spec.object_count : 0;
}

// only_wait returns the only problem, which is one that waits.
static const struct hub_problem *only_wait(struct world *w) {
    size_t count;
    const struct hub_problem *problems = hub_fleet_problems(w->fleet, &count);

    if (count != 1 || problems[0].removal == NULL) {
        fail_msg("%zu problems: %s", count, world_problems(w));
    }
    return &problems[0];
}

static void nothing_waits(struct world *w) {
    size_t count;

    (void)hub_fleet_problems(w->fleet, &count);
    if (count != 0) {
        fail_msg("%s", world_problems(w));
    }
}

static void put_confirmation(struct world *w, const char *name, const char *app,
                             const char *removal) {
    CM_AUTOFREE char *path = cm_strf("confirmations/%s.yaml", name);
    CM_AUTOFREE char *text =
        cm_strf("apiVersion: holdfast/v1alpha1\nkind: Confirmation\nmetadata: {name: %s}\n"
                "spec: {app: %s, removal: '%s'}\n",
                name, app, removal);

    world_put(w, path, text);
}

static void confirm(struct world *w, const char *name) {
    const struct hub_problem *p = only_wait(w);

    put_confirmation(w, name, p->app, p->removal);
    (void)world_commit(w);
}

// ---- Most of a cluster

static void few_objects_go_without_a_word(void **state) {
    struct world *w = *state;

    fill(w, 1, 12);
    remove_objects(w, "shop", 0, 9);
    (void)world_commit(w);
    nothing_waits(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 3);
}

static void a_small_share_goes_without_a_word(void **state) {
    struct world *w = *state;

    fill(w, 1, 40);
    remove_objects(w, "shop", 0, 12);
    (void)world_commit(w);
    nothing_waits(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 28);
}

static void most_of_a_cluster_waits_and_says_what_to_commit(void **state) {
    struct world *w = *state;

    fill(w, 2, 30);
    remove_objects(w, "shop", 0, 12);
    (void)world_commit(w);
    const struct hub_problem *p = only_wait(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 30);
    assert_int_equal(p->clusters, 2);
    assert_string_equal(p->path, "apps/shop/app.yaml");
    assert_non_null(strstr(p->message, "12 objects"));
    assert_non_null(strstr(p->message, "ConfigMap/default/o00"));
    assert_non_null(strstr(p->message, p->removal));
    assert_true(world_pair(w, "c00", "shop")->stale);
    assert_string_equal(world_pair(w, "c00", "shop")->waits, p->removal);
}

static void a_confirmation_lets_it_happen_everywhere(void **state) {
    struct world *w = *state;

    fill(w, 2, 30);
    remove_objects(w, "shop", 0, 12);
    (void)world_commit(w);
    confirm(w, "go");
    nothing_waits(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 18);
    assert_int_equal(objects_of(w, "c01", "shop"), 18);
    assert_null(world_pair(w, "c00", "shop")->waits);
}

static void a_confirmation_may_come_with_the_removal(void **state) {
    struct world *w = *state;

    fill(w, 1, 30);
    remove_objects(w, "shop", 0, 12);
    (void)world_commit(w);
    CM_AUTOFREE char *removal = cm_strdup(only_wait(w)->removal);
    put_objects(w, "shop", 0, 12);
    (void)world_commit(w);
    nothing_waits(w);
    remove_objects(w, "shop", 0, 12);
    put_confirmation(w, "go", "shop", removal);
    (void)world_commit(w);
    nothing_waits(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 18);
}

static void a_confirmation_of_another_removal_does_nothing(void **state) {
    struct world *w = *state;

    fill(w, 1, 30);
    remove_objects(w, "shop", 0, 12);
    (void)world_commit(w);
    put_confirmation(w, "go", "shop", only_wait(w)->removal);
    remove_objects(w, "shop", 12, 13);
    (void)world_commit(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 30);
    put_confirmation(w, "other", "bank", only_wait(w)->removal);
    (void)world_commit(w);
    (void)only_wait(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 30);
}

static void a_confirmation_works_once(void **state) {
    struct world *w = *state;

    fill(w, 1, 30);
    remove_objects(w, "shop", 0, 12);
    (void)world_commit(w);
    confirm(w, "go");
    put_objects(w, "shop", 0, 12);
    (void)world_commit(w);
    remove_objects(w, "shop", 0, 12);
    (void)world_commit(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 30);
    confirm(w, "again");
    nothing_waits(w);
}

static void a_confirmation_that_is_written_anew_counts_again(void **state) {
    struct world *w = *state;

    fill(w, 1, 30);
    remove_objects(w, "shop", 0, 12);
    (void)world_commit(w);
    confirm(w, "go");
    world_remove(w, "confirmations/go.yaml");
    put_objects(w, "shop", 0, 12);
    (void)world_commit(w);
    remove_objects(w, "shop", 0, 12);
    (void)world_commit(w);
    confirm(w, "go");
    nothing_waits(w);
}

static void what_waits_goes_on_waiting_though_it_is_a_small_share_by_now(void **state) {
    struct world *w = *state;

    fill(w, 1, 30);
    remove_objects(w, "shop", 0, 12);
    (void)world_commit(w);
    world_put_app(w, "more", ALL);
    put_objects(w, "more", 40, 90);
    (void)world_commit(w);
    (void)only_wait(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 30);
    assert_int_equal(objects_of(w, "c00", "more"), 50);
}

static void what_is_put_back_no_longer_waits(void **state) {
    struct world *w = *state;

    fill(w, 1, 30);
    remove_objects(w, "shop", 0, 12);
    (void)world_commit(w);
    put_objects(w, "shop", 0, 12);
    (void)world_commit(w);
    nothing_waits(w);
    assert_null(world_pair(w, "c00", "shop")->waits);
    assert_false(world_pair(w, "c00", "shop")->stale);
}

static void several_apps_count_together(void **state) {
    struct world *w = *state;

    fill(w, 1, 15);
    world_put_app(w, "bank", ALL);
    put_objects(w, "bank", 20, 35);
    (void)world_commit(w);
    remove_objects(w, "shop", 0, 6);
    remove_objects(w, "bank", 20, 26);
    (void)world_commit(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 15);
    assert_int_equal(objects_of(w, "c00", "bank"), 15);
}

static void what_moves_to_another_app_is_no_removal(void **state) {
    struct world *w = *state;

    fill(w, 1, 30);
    world_put_app(w, "bank", ALL);
    put_objects(w, "bank", 0, 20);
    remove_objects(w, "shop", 0, 20);
    (void)world_commit(w);
    nothing_waits(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 10);
    assert_int_equal(objects_of(w, "c00", "bank"), 20);
}

static void what_moves_to_an_app_that_cannot_take_it_stays(void **state) {
    struct world *w = *state;

    fill(w, 1, 2);
    world_put_app(w, "bank", "  releaseGroup: money\n" ALL);
    put_objects(w, "bank", 0, 1);
    world_put_app(w, "mint", "  releaseGroup: money\n" ALL);
    world_put_config(w, "mint", "wrong", "${no}");
    remove_objects(w, "shop", 0, 1);
    (void)world_commit(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 2);
    assert_non_null(strstr(world_problems(w),
                           "apps/shop/app.yaml:4:9: ConfigMap/default/o00 goes to App 'bank', "
                           "which cannot take it yet: what keeps that App as it is has to be "
                           "settled first"));
}

static void a_release_group_waits_for_an_app_that_keeps_what_another_cannot_take(void **state) {
    struct world *w = *state;

    fill(w, 1, 2);
    world_put_app(w, "till", "  releaseGroup: counter\n" ALL);
    put_objects(w, "till", 10, 11);
    (void)world_commit(w);
    world_put_app(w, "shop", "  releaseGroup: counter\n" ALL);
    put_objects(w, "till", 11, 12);
    world_put_app(w, "bank", "  releaseGroup: money\n" ALL);
    put_objects(w, "bank", 0, 1);
    world_put_app(w, "mint", "  releaseGroup: money\n" ALL);
    world_put_config(w, "mint", "wrong", "${no}");
    remove_objects(w, "shop", 0, 1);
    (void)world_commit(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 2);
    assert_int_equal(objects_of(w, "c00", "till"), 1);
    world_remove(w, "apps/mint/wrong.yaml");
    put_objects(w, "mint", 20, 21);
    (void)world_commit(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 1);
    assert_int_equal(objects_of(w, "c00", "till"), 2);
    assert_int_equal(objects_of(w, "c00", "bank"), 1);
}

static void without_prune_nothing_is_removed_so_nothing_waits(void **state) {
    struct world *w = *state;

    fill(w, 1, 30);
    world_put_app(w, "shop", "  prune: false\n" ALL);
    remove_objects(w, "shop", 0, 20);
    (void)world_commit(w);
    nothing_waits(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 10);
}

static void put_namespaces(struct world *w, bool there) {
    for (int i = 0; i < 20; i++) {
        CM_AUTOFREE char *path = cm_strf("apps/shop/n%d.yaml", i);
        CM_AUTOFREE char *text =
            cm_strf("apiVersion: v1\nkind: Namespace\nmetadata: {name: n%d}\n", i);

        if (there) {
            world_put(w, path, text);
        } else {
            world_remove(w, path);
        }
    }
}

static void precious_objects_do_not_count_for_they_stay(void **state) {
    struct world *w = *state;

    fill(w, 1, 2);
    put_namespaces(w, true);
    (void)world_commit(w);
    put_namespaces(w, false);
    (void)world_commit(w);
    nothing_waits(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 2);
}

static void precious_objects_count_where_the_app_says_that_they_go(void **state) {
    struct world *w = *state;

    fill(w, 1, 2);
    world_put_app(w, "shop", "  prunePrecious: true\n" ALL);
    put_namespaces(w, true);
    (void)world_commit(w);
    put_namespaces(w, false);
    (void)world_commit(w);
    (void)only_wait(w);
}

static void what_an_annotation_keeps_does_not_count(void **state) {
    struct world *w = *state;

    put_clusters(w, 1);
    world_put_app(w, "shop", "  annotations: {holdfast.dev/prune: disabled}\n" ALL);
    put_objects(w, "shop", 0, 30);
    (void)world_commit_all(w);
    remove_objects(w, "shop", 0, 20);
    (void)world_commit(w);
    nothing_waits(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 10);
}

static void an_app_that_becomes_empty_waits_however_small_it_is(void **state) {
    struct world *w = *state;

    fill(w, 1, 1);
    world_put_app(w, "shop", "  overlays:\n    - {target: {kind: ConfigMap}, remove: true}\n" ALL);
    (void)world_commit(w);
    assert_non_null(strstr(only_wait(w)->message, "the App would be empty"));
    assert_int_equal(objects_of(w, "c00", "shop"), 1);
    confirm(w, "go");
    nothing_waits(w);
    assert_non_null(world_pair(w, "c00", "shop"));
    assert_int_equal(objects_of(w, "c00", "shop"), 0);
}

static void apps_of_a_release_group_wait_together(void **state) {
    struct world *w = *state;

    put_clusters(w, 1);
    world_put_app(w, "shop", "  releaseGroup: r\n" ALL);
    world_put_app(w, "bank", "  releaseGroup: r\n" ALL);
    put_objects(w, "shop", 0, 30);
    world_put_config(w, "bank", "vault", "old");
    (void)world_commit_all(w);
    remove_objects(w, "shop", 0, 12);
    world_put_config(w, "bank", "vault", "new");
    (void)world_commit(w);
    assert_non_null(strstr(world_object(w, "c00", "bank", "ConfigMap/default/vault"), "old"));
}

// ---- An App in most places

static void an_app_that_leaves_most_clusters_waits_however_small_it_is(void **state) {
    struct world *w = *state;

    fill(w, 12, 1);
    world_remove(w, "apps/shop/app.yaml");
    (void)world_commit(w);
    const struct hub_problem *p = only_wait(w);
    assert_int_equal(p->clusters, 12);
    assert_string_equal(p->app, "shop");
    assert_string_equal(p->repo, "fleet");
    CM_AUTOFREE char *path = cm_strf("confirmations/shop-%s.yaml", p->removal);
    assert_string_equal(p->path, path);
    assert_non_null(strstr(p->message, "from 12 clusters (c00, c01, c02 and 9 more)"));
    assert_int_equal(objects_of(w, "c05", "shop"), 1);
    confirm(w, "go");
    nothing_waits(w);
    const struct hub_desired *d = hub_fleet_desired(w->fleet, "c05");
    assert_int_equal(d->pair_count, 0);
    assert_int_equal(d->gone_count, 1);
    assert_true(d->gone[0].prune);
}

static void losing_most_targets_waits_as_a_whole(void **state) {
    struct world *w = *state;

    fill(w, 20, 1);
    for (int i = 0; i < 11; i++) {
        CM_AUTOFREE char *name = cm_strf("c%02d", i);

        world_put_cluster(w, name, "env: dev", "");
    }
    world_put_app(w, "shop",
                  "  onTargetLoss: prune\n"
                  "  targets: [{clusterSelector: {matchLabels: {env: prod}}}]\n");
    (void)world_commit(w);
    assert_int_equal(only_wait(w)->clusters, 11);
    assert_string_equal(only_wait(w)->path, "apps/shop/app.yaml");
    assert_int_equal(objects_of(w, "c00", "shop"), 1);
    assert_int_equal(objects_of(w, "c19", "shop"), 1);
    assert_false(world_pair(w, "c19", "shop")->stale);
    confirm(w, "go");
    nothing_waits(w);
    assert_null(world_pair(w, "c00", "shop"));
    assert_non_null(world_pair(w, "c19", "shop"));
}

static void what_is_orphaned_does_not_wait(void **state) {
    struct world *w = *state;

    fill(w, 20, 1);
    world_put_app(w, "shop", "  targets: []\n");
    (void)world_commit(w);
    nothing_waits(w);
    assert_int_equal(hub_fleet_desired(w->fleet, "c00")->gone_count, 1);
    assert_false(hub_fleet_desired(w->fleet, "c00")->gone[0].prune);
}

static void leaving_few_clusters_goes_without_a_word(void **state) {
    struct world *w = *state;

    fill(w, 9, 1);
    world_remove(w, "apps/shop/app.yaml");
    (void)world_commit(w);
    nothing_waits(w);
    assert_int_equal(hub_fleet_desired(w->fleet, "c00")->gone_count, 1);
}

static void a_large_app_that_leaves_one_cluster_waits(void **state) {
    struct world *w = *state;

    fill(w, 1, 12);
    world_remove(w, "apps/shop/app.yaml");
    (void)world_commit(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 12);
    confirm(w, "go");
    nothing_waits(w);
    assert_null(world_pair(w, "c00", "shop"));
}

static void an_app_that_comes_back_no_longer_waits(void **state) {
    struct world *w = *state;

    fill(w, 12, 1);
    world_remove(w, "apps/shop/app.yaml");
    (void)world_commit(w);
    world_put_app(w, "shop", ALL);
    (void)world_commit(w);
    nothing_waits(w);
    assert_int_equal(objects_of(w, "c05", "shop"), 1);
    assert_false(world_pair(w, "c05", "shop")->stale);
}

static void what_waits_may_be_orphaned_instead(void **state) {
    struct world *w = *state;

    fill(w, 12, 1);
    world_put_app(w, "shop", "  onTargetLoss: prune\n  targets: []\n");
    (void)world_commit(w);
    (void)only_wait(w);
    world_put_app(w, "shop", "  onTargetLoss: orphan\n  targets: []\n");
    (void)world_commit(w);
    nothing_waits(w);
    assert_false(hub_fleet_desired(w->fleet, "c05")->gone[0].prune);
}

static void an_app_that_hands_over_everything_leaves_at_once(void **state) {
    struct world *w = *state;

    fill(w, 12, 1);
    world_remove(w, "apps/shop/app.yaml");
    world_put_app(w, "bank", ALL);
    put_objects(w, "bank", 0, 1);
    (void)world_commit(w);
    nothing_waits(w);
    assert_null(world_pair(w, "c05", "shop"));
    assert_int_equal(objects_of(w, "c05", "bank"), 1);
}

static void clusters_that_leave_git_are_not_waited_for(void **state) {
    struct world *w = *state;

    fill(w, 12, 1);
    world_remove(w, "apps/shop/app.yaml");
    (void)world_commit(w);
    world_remove(w, "clusters/c00.yaml");
    (void)world_commit(w);
    assert_int_equal(only_wait(w)->clusters, 11);
    assert_non_null(strstr(only_wait(w)->message, "(c01, "));
}

// ---- History and bounds

static void the_bounds_can_be_moved(void **state) {
    struct world *w = *state;

    hub_fleet_set_guard(w->fleet, &(struct hub_fleet_guard){
                                      .share_percent = 50, .objects_min = 2, .clusters_min = 2});
    fill(w, 1, 4);
    remove_objects(w, "shop", 0, 2);
    (void)world_commit(w);
    nothing_waits(w);
    remove_objects(w, "shop", 2, 4);
    world_put_config(w, "shop", "other", "1");
    (void)world_commit(w);
    (void)only_wait(w);
}

static void in_history_nothing_begins_to_wait(void **state) {
    struct world *w = *state;

    hub_fleet_look_back(w->fleet, true);
    fill(w, 12, 30);
    remove_objects(w, "shop", 0, 12);
    (void)world_commit(w);
    nothing_waits(w);
    world_remove(w, "apps/shop/app.yaml");
    (void)world_commit(w);
    nothing_waits(w);
}

static void what_waits_still_waits_while_history_is_read(void **state) {
    struct world *w = *state;

    fill(w, 1, 30);
    remove_objects(w, "shop", 0, 12);
    (void)world_commit(w);
    hub_fleet_look_back(w->fleet, true);
    remove_objects(w, "shop", 12, 14);
    (void)world_commit(w);
    assert_int_equal(objects_of(w, "c00", "shop"), 30);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(few_objects_go_without_a_word),
        TEST(a_small_share_goes_without_a_word),
        TEST(most_of_a_cluster_waits_and_says_what_to_commit),
        TEST(a_confirmation_lets_it_happen_everywhere),
        TEST(a_confirmation_may_come_with_the_removal),
        TEST(a_confirmation_of_another_removal_does_nothing),
        TEST(a_confirmation_works_once),
        TEST(a_confirmation_that_is_written_anew_counts_again),
        TEST(what_waits_goes_on_waiting_though_it_is_a_small_share_by_now),
        TEST(what_is_put_back_no_longer_waits),
        TEST(several_apps_count_together),
        TEST(what_moves_to_another_app_is_no_removal),
        TEST(what_moves_to_an_app_that_cannot_take_it_stays),
        TEST(a_release_group_waits_for_an_app_that_keeps_what_another_cannot_take),
        TEST(without_prune_nothing_is_removed_so_nothing_waits),
        TEST(precious_objects_do_not_count_for_they_stay),
        TEST(precious_objects_count_where_the_app_says_that_they_go),
        TEST(what_an_annotation_keeps_does_not_count),
        TEST(an_app_that_becomes_empty_waits_however_small_it_is),
        TEST(apps_of_a_release_group_wait_together),
        TEST(an_app_that_leaves_most_clusters_waits_however_small_it_is),
        TEST(losing_most_targets_waits_as_a_whole),
        TEST(what_is_orphaned_does_not_wait),
        TEST(leaving_few_clusters_goes_without_a_word),
        TEST(a_large_app_that_leaves_one_cluster_waits),
        TEST(an_app_that_comes_back_no_longer_waits),
        TEST(what_waits_may_be_orphaned_instead),
        TEST(an_app_that_hands_over_everything_leaves_at_once),
        TEST(clusters_that_leave_git_are_not_waited_for),
        TEST(the_bounds_can_be_moved),
        TEST(in_history_nothing_begins_to_wait),
        TEST(what_waits_still_waits_while_history_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
