#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/render/bundle.h"
#include "world.h"

#define ALL "  targets: [{clusterSelector: {}}]"

static int set_up(void **state) {
    static struct world w;

    world_init(&w);
    *state = &w;
    return 0;
}

static int tear_down(void **state) {
    world_done(*state);
    return 0;
}

static void an_app_reaches_the_clusters_that_its_target_means(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "paris", "env: prod", "");
    world_put_cluster(w, "lab", "env: test", "");
    world_put_app(w, "shop", "  targets: [{clusterSelector: {matchLabels: {env: prod}}}]");
    world_put_config(w, "shop", "cfg", "x");
    const struct hub_fleet_result *result = world_commit_all(w);

    assert_string_equal(world_problems(w), "");
    assert_int_equal(result->changed_count, 2);
    assert_int_equal(result->rendered, 1);
    assert_non_null(world_pair(w, "paris", "shop"));
    assert_null(world_pair(w, "lab", "shop"));
    assert_string_equal(world_object(w, "paris", "shop", "ConfigMap/default/cfg"),
                        "{\n"
                        "  \"apiVersion\": \"v1\",\n"
                        "  \"data\": {\n"
                        "    \"value\": \"x\"\n"
                        "  },\n"
                        "  \"kind\": \"ConfigMap\",\n"
                        "  \"metadata\": {\n"
                        "    \"name\": \"cfg\",\n"
                        "    \"namespace\": \"default\"\n"
                        "  }\n"
                        "}\n");
}

static void clusters_that_differ_in_unused_values_share_a_bundle(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "used: 1, unused: 1");
    world_put_cluster(w, "b", "", "used: 1, unused: 2");
    world_put_cluster(w, "c", "", "used: 2, unused: 2");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x-${used}");
    const struct hub_fleet_result *result = world_commit_all(w);

    assert_string_equal(world_problems(w), "");
    assert_int_equal(result->rendered, 2);
    assert_ptr_equal(world_pair(w, "a", "shop")->bundle, world_pair(w, "b", "shop")->bundle);
    assert_ptr_not_equal(world_pair(w, "a", "shop")->bundle, world_pair(w, "c", "shop")->bundle);
}

#define MANY 20

// What work there is grows with what is different, not with clusters times Apps.
static void each_pair_is_looked_at_once_and_each_object_made_once(void **state) {
    struct world *w = *state;

    for (int i = 0; i < MANY; i++) {
        CM_AUTOFREE char *name = cm_strf("c%d", i);
        world_put_cluster(w, name, "env: prod", i % 2 == 0 ? "used: 1" : "used: 2");
    }
    world_put(w, "groups/g.yaml",
              "apiVersion: holdfast/v1alpha1\nkind: ClusterGroup\nmetadata: {name: prod}\n"
              "spec: {clusterSelector: {matchLabels: {env: prod}}}\n");
    world_put_app(w, "one", "  targets: [{clusterGroup: prod}, {clusterSelector: {}}]");
    world_put_config(w, "one", "a", "x");
    world_put_config(w, "one", "b", "x");
    world_put_config(w, "one", "c", "${cluster.name}");
    world_put_app(w, "two", ALL);
    world_put_config(w, "two", "d", "${used}");
    const struct hub_fleet_result *result = world_commit_all(w);
    assert_string_equal(world_problems(w), "");
    assert_int_equal(result->evaluated, 2 * MANY);
    assert_int_equal(result->rendered, MANY + 2);
    assert_int_equal(result->made, 1 + 1 + MANY + 2);
    world_put_config(w, "one", "a", "y");
    result = world_commit(w);
    assert_int_equal(result->evaluated, MANY);
    assert_int_equal(result->rendered, MANY);
    assert_int_equal(result->made, 1);
    world_put_cluster(w, "c3", "env: prod", "used: 1");
    result = world_commit(w);
    assert_int_equal(result->evaluated, 2);
    assert_int_equal(result->made, 0);
}

// ---- Targets

static void the_first_target_that_matches_counts(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "env: prod", "");
    world_put_cluster(w, "b", "env: prod", "");
    world_put_cluster(w, "c", "env: test", "");
    world_put(w, "groups/g.yaml",
              "apiVersion: holdfast/v1alpha1\nkind: ClusterGroup\nmetadata: {name: prod}\n"
              "spec: {clusterSelector: {matchLabels: {env: prod}}}\n");
    world_put_app(w, "shop",
                  "  values: {v: app}\n"
                  "  targets:\n"
                  "    - {cluster: a, doNotDeploy: true}\n"
                  "    - {clusterGroup: prod, values: {v: group}}\n"
                  "    - {clusterSelector: {}, namespace: other}");
    world_put(w, "apps/shop/cfg.yaml",
              "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cfg, namespace: x}\n"
              "data: {v: \"${v}\"}\n");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w), "");
    assert_null(world_pair(w, "a", "shop"));
    assert_non_null(strstr(world_object(w, "b", "shop", "ConfigMap/x/cfg"), "\"v\": \"group\""));
    assert_non_null(strstr(world_object(w, "c", "shop", "ConfigMap/x/cfg"), "\"v\": \"app\""));
    assert_string_equal(world_pair(w, "c", "shop")->bundle->spec.namespace, "other");
}

static void expressions_select_as_kubernetes_does(void **state) {
    static const struct {
        const char *expression;
        const char *clusters;
    } cases[] = {
        {"{key: env, operator: In, values: [prod, test]}", "ab"},
        {"{key: env, operator: NotIn, values: [prod]}", "bc"},
        {"{key: env, operator: Exists}", "ab"},
        {"{key: env, operator: DoesNotExist}", "c"},
        {"{key: env, operator: In, values: [none]}", ""},
        {"{key: env, operator: Exists}, {key: tier, operator: In, values: [x]}", "a"},
    };
    struct world *w = *state;

    world_put_cluster(w, "a", "env: prod, tier: x", "");
    world_put_cluster(w, "b", "env: test", "");
    world_put_cluster(w, "c", "tier: x", "");
    world_put_config(w, "shop", "cfg", "x");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        CM_AUTOFREE char *spec = cm_strf("  targets: [{clusterSelector: {matchExpressions: [%s]}}]",
                                         cases[i].expression);
        char found[8] = "";

        world_put_app(w, "shop", spec);
        (void)world_commit(w);
        for (const char *name = "a\0b\0c\0"; *name != '\0'; name += 2) {
            if (world_pair(w, name, "shop") != NULL) {
                found[strlen(found)] = *name;
            }
        }
        assert_string_equal(found, cases[i].clusters);
    }
}

static void an_app_on_no_cluster_is_fine(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop", "  targets: []");
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w), "");
}

static void suspension_of_cluster_target_or_app_suspends_the_bundle(void **state) {
    struct world *w = *state;

    world_put(w, "clusters/a.yaml",
              "apiVersion: holdfast/v1alpha1\nkind: Cluster\nmetadata: {name: a}\n"
              "spec: {suspend: true}\n");
    world_put_cluster(w, "b", "", "");
    world_put_cluster(w, "c", "", "");
    world_put_app(w, "shop", "  targets: [{cluster: b, suspend: true}, {clusterSelector: {}}]");
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    assert_true(world_pair(w, "a", "shop")->bundle->spec.suspend);
    assert_true(world_pair(w, "b", "shop")->bundle->spec.suspend);
    assert_false(world_pair(w, "c", "shop")->bundle->spec.suspend);
}

// ---- What a commit costs and says

static void a_commit_that_changes_nothing_says_nothing(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    world_put(w, "README.md", "words");
    const struct hub_fleet_result *result = world_commit(w);
    assert_int_equal(result->changed_count + result->rendered + result->documents, 0);
    assert_false(result->problems_changed || result->documents_changed);
    // The same whole tree once more, with a comment that changes no object.
    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x # comment");
    result = world_commit_all(w);
    assert_int_equal(result->changed_count, 0);
    assert_int_equal(result->documents, 0);
    assert_string_equal(world_pair(w, "a", "shop")->revision, "r1");
}

static void only_what_changed_is_read(void **state) {
    struct world *w = *state;

    for (int i = 0; i < 50; i++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "c%d", i);
        world_put_cluster(w, name, "", "");
    }
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "one", "x");
    world_put_config(w, "shop", "two", "x");
    (void)world_commit_all(w);
    w->reads = 0;
    world_put_config(w, "shop", "two", "y");
    const struct hub_fleet_result *result = world_commit(w);
    assert_int_equal(w->reads, 1);
    assert_int_equal(result->rendered, 1);
    assert_int_equal(result->changed_count, 50);
    assert_string_equal(world_pair(w, "c7", "shop")->revision, "r2");
}

static void a_complete_commit_removes_what_it_does_not_name(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_cluster(w, "b", "", "");
    (void)world_commit_all(w);
    world_put_cluster(w, "a", "", "");
    const struct hub_fleet_result *result = world_commit_all(w);
    assert_int_equal(result->removed_count, 1);
    assert_string_equal(result->removed[0], "b");
    assert_null(hub_fleet_desired(w->fleet, "b"));
}

// ---- What goes away

static void a_deleted_app_leaves_a_tombstone_with_its_last_prune(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "keep", "  prune: false\n" ALL);
    world_put_config(w, "keep", "one", "x");
    world_put_app(w, "prune", ALL);
    world_put_config(w, "prune", "two", "x");
    (void)world_commit_all(w);
    world_remove(w, "apps/keep/app.yaml");
    world_remove(w, "apps/prune/app.yaml");
    (void)world_commit(w);
    const struct hub_desired *d = hub_fleet_desired(w->fleet, "a");
    assert_int_equal(d->pair_count, 0);
    assert_int_equal(d->gone_count, 2);
    assert_string_equal(d->gone[0].app, "keep");
    assert_false(d->gone[0].prune);
    assert_string_equal(d->gone[0].revision, "r2");
    assert_string_equal(d->gone[1].app, "prune");
    assert_true(d->gone[1].prune);

    hub_fleet_forget_gone(w->fleet, "a", "keep");
    d = hub_fleet_desired(w->fleet, "a");
    assert_int_equal(d->gone_count, 1);
    assert_string_equal(d->gone[0].app, "prune");
    hub_fleet_forget_gone(w->fleet, "a", "none");
    hub_fleet_forget_gone(w->fleet, "none", "prune");
}

static void an_app_that_leaves_a_cluster_does_as_on_target_loss_says(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "env: prod", "");
    world_put_app(w, "leave", "  targets: [{clusterSelector: {matchLabels: {env: prod}}}]");
    world_put_config(w, "leave", "one", "x");
    world_put_app(w, "prune",
                  "  onTargetLoss: prune\n"
                  "  targets: [{clusterSelector: {matchLabels: {env: prod}}}]");
    world_put_config(w, "prune", "two", "x");
    (void)world_commit_all(w);
    world_put_cluster(w, "a", "env: test", "");
    (void)world_commit(w);
    const struct hub_desired *d = hub_fleet_desired(w->fleet, "a");
    assert_int_equal(d->gone_count, 2);
    assert_false(d->gone[0].prune);
    assert_true(d->gone[1].prune);
    world_put_cluster(w, "a", "env: prod", "");
    (void)world_commit(w);
    d = hub_fleet_desired(w->fleet, "a");
    assert_int_equal(d->gone_count, 0);
    assert_int_equal(d->pair_count, 2);
}

static void a_tombstone_survives_a_return_that_does_not_render(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", "  onTargetLoss: prune\n" ALL);
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    world_put_app(w, "shop", "  onTargetLoss: prune\n  targets: []");
    (void)world_commit(w);
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "${missing}");
    (void)world_commit(w);
    assert_int_equal(hub_fleet_desired(w->fleet, "a")->gone_count, 1);
    assert_true(hub_fleet_desired(w->fleet, "a")->gone[0].held);
    world_put_app(w, "shop", "  targets: []");
    (void)world_commit(w);
    assert_int_equal(hub_fleet_desired(w->fleet, "a")->gone_count, 1);
    assert_true(hub_fleet_desired(w->fleet, "a")->gone[0].prune);
    assert_false(hub_fleet_desired(w->fleet, "a")->gone[0].held);
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "y");
    (void)world_commit(w);
    world_put_app(w, "shop", "  targets: []");
    (void)world_commit(w);
    assert_false(hub_fleet_desired(w->fleet, "a")->gone[0].prune);
}

static void what_stays_behind_does_so_though_the_app_comes_back_broken(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    world_put_app(w, "shop", "  targets: []");
    (void)world_commit(w);
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "${missing}");
    (void)world_commit(w);
    assert_int_equal(hub_fleet_desired(w->fleet, "a")->gone_count, 1);
    assert_false(hub_fleet_desired(w->fleet, "a")->gone[0].held);
}

static void a_tombstone_knows_in_whose_name_the_app_was_changed(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", "  namespace: shop\n  serviceAccountName: deployer\n" ALL);
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    world_remove(w, "apps/shop/app.yaml");
    (void)world_commit(w);
    assert_string_equal(hub_fleet_desired(w->fleet, "a")->gone[0].account, "shop/deployer");
}

// ---- What is wrong stays as it was

static void a_broken_app_holds_up_nothing_but_itself(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "bad", ALL);
    world_put_config(w, "bad", "one", "x");
    world_put_app(w, "good", ALL);
    world_put_config(w, "good", "two", "x");
    (void)world_commit_all(w);
    world_put(w, "apps/bad/one.yaml", "metadata: [");
    world_put_config(w, "good", "two", "y");
    const struct hub_fleet_result *result = world_commit(w);
    assert_true(result->problems_changed);
    assert_string_equal(world_pair(w, "a", "bad")->revision, "r1");
    assert_true(world_pair(w, "a", "bad")->stale);
    assert_string_equal(world_pair(w, "a", "good")->revision, "r2");
    assert_false(world_pair(w, "a", "good")->stale);

    size_t count;
    const struct hub_problem *p = hub_fleet_problems(w->fleet, &count);
    assert_int_equal(count, 1);
    assert_string_equal(p->repo, "fleet");
    assert_string_equal(p->path, "apps/bad/one.yaml");
    assert_string_equal(p->app, "bad");
    assert_null(p->cluster);
    assert_int_equal(p->clusters, 1);

    world_put_config(w, "bad", "one", "x");
    result = world_commit(w);
    assert_true(result->problems_changed);
    assert_string_equal(world_problems(w), "");
    assert_string_equal(world_pair(w, "a", "bad")->revision, "r1");
    assert_false(world_pair(w, "a", "bad")->stale);
}

static void a_variable_that_some_clusters_lack_is_one_problem(void **state) {
    struct world *w = *state;
    size_t count;

    world_put_cluster(w, "a", "", "v: 1");
    world_put_cluster(w, "b", "", "");
    world_put_cluster(w, "c", "", "unused: 1");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "${v}");
    (void)world_commit_all(w);
    const struct hub_problem *p = hub_fleet_problems(w->fleet, &count);
    assert_int_equal(count, 1);
    assert_string_equal(p->path, "apps/shop/cfg.yaml");
    assert_int_equal(p->line, 7);
    assert_string_equal(p->app, "shop");
    assert_string_equal(p->cluster, "b");
    assert_int_equal(p->clusters, 2);
    assert_non_null(world_pair(w, "a", "shop"));
    assert_null(world_pair(w, "b", "shop"));
    world_remove(w, "clusters/b.yaml");
    (void)world_commit(w);
    p = hub_fleet_problems(w->fleet, &count);
    assert_string_equal(p->cluster, "c");
    assert_int_equal(p->clusters, 1);
}

static void a_wrong_file_of_clusters_keeps_those_it_had(void **state) {
    struct world *w = *state;

    world_put(w, "clusters/all.yaml",
              "{apiVersion: holdfast/v1alpha1, kind: Cluster, metadata: {name: a}}\n---\n"
              "{apiVersion: holdfast/v1alpha1, kind: Cluster, metadata: {name: b}}\n");
    (void)world_commit_all(w);
    world_put(w, "clusters/all.yaml",
              "{apiVersion: holdfast/v1alpha1, kind: Cluster, metadata: {nam: a}}\n---\n"
              "{apiVersion: holdfast/v1alpha1, kind: Cluster, metadata: {name: c}}\n");
    const struct hub_fleet_result *result = world_commit(w);
    assert_int_equal(result->removed_count, 0);
    assert_non_null(hub_fleet_desired(w->fleet, "a"));
    assert_non_null(hub_fleet_desired(w->fleet, "b"));
    assert_non_null(hub_fleet_desired(w->fleet, "c"));
    world_put(w, "clusters/all.yaml",
              "{apiVersion: holdfast/v1alpha1, kind: Cluster, metadata: {name: c}}\n");
    result = world_commit(w);
    assert_int_equal(result->removed_count, 2);
}

static void an_app_that_is_moved_and_spoilt_at_once_stays(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    world_remove(w, "apps/shop/app.yaml");
    world_remove(w, "apps/shop/cfg.yaml");
    world_put(w, "teams/shop/app.yaml", "kind: [");
    world_put(w, "teams/shop/cfg.yaml",
              "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cfg, namespace: default}\n"
              "data: {value: x}\n");
    (void)world_commit(w);
    assert_int_equal(hub_fleet_desired(w->fleet, "a")->gone_count, 0);
    assert_string_equal(world_pair(w, "a", "shop")->revision, "r1");
    assert_true(world_pair(w, "a", "shop")->stale);
    world_remove(w, "teams/shop/app.yaml");
    (void)world_commit(w);
    assert_int_equal(hub_fleet_desired(w->fleet, "a")->gone_count, 1);
}

static void an_app_whose_file_gets_a_wrong_name_stays(void **state) {
    static const char *const names[] = {"app.yml", "App.yaml", "application.yaml", "shop.yaml"};
    static const char app[] =
        "apiVersion: holdfast/v1alpha1\nkind: App\nmetadata: {name: shop}\nspec:\n" ALL "\n";

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        CM_CLEANUP(world_done) struct world w;
        CM_AUTOFREE char *path = cm_strf("apps/shop/%s", names[i]);
        CM_AUTOFREE char *said =
            cm_strf("%s:1:1: an App's document must be named app.yaml: rename the file", path);

        (void)state;
        world_init(&w);
        world_put_cluster(&w, "a", "", "");
        world_put_app(&w, "shop", ALL);
        world_put_config(&w, "shop", "cfg", "x");
        (void)world_commit_all(&w);
        world_remove(&w, "apps/shop/app.yaml");
        world_put(&w, path, app);
        (void)world_commit(&w);
        assert_string_equal(world_problems(&w), said);
        assert_int_equal(hub_fleet_desired(w.fleet, "a")->gone_count, 0);
        assert_true(world_pair(&w, "a", "shop")->stale);

        world_put_config(&w, "shop", "cfg", "second"); // nothing of it changes meanwhile
        world_put(&w, "clusters/b.yaml",
                  "{apiVersion: holdfast/v1alpha1, kind: Cluster, "
                  "metadata: {name: b}}");
        (void)world_commit(&w);
        assert_string_equal(world_pair(&w, "a", "shop")->revision, "r1");
        assert_null(world_pair(&w, "b", "shop"));

        world_remove(&w, path);
        world_put_app(&w, "shop", ALL);
        (void)world_commit(&w);
        assert_string_equal(world_problems(&w), "");
        assert_non_null(strstr(world_object(&w, "b", "shop", "ConfigMap/default/cfg"), "second"));
        assert_false(world_pair(&w, "a", "shop")->stale);
    }
}

static void an_app_below_another_whose_file_gets_a_wrong_name_stays(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    world_put(w, "apps/shop/db/app.yaml",
              "apiVersion: holdfast/v1alpha1\nkind: App\nmetadata: {name: db}\nspec:\n" ALL "\n");
    world_put(w, "apps/shop/db/m.yaml", "{apiVersion: v1, kind: Namespace, metadata: {name: db}}");
    (void)world_commit_all(w);
    world_remove(w, "apps/shop/db/app.yaml");
    world_put(w, "apps/shop/db/App.yaml",
              "apiVersion: holdfast/v1alpha1\nkind: App\nmetadata: {name: db}\nspec:\n" ALL "\n");
    (void)world_commit(w);
    assert_int_equal(hub_fleet_desired(w->fleet, "a")->gone_count, 0);
    assert_string_equal(world_pair(w, "a", "db")->revision, "r1");
    assert_null(world_object(w, "a", "shop", "Namespace//db"));
    world_remove(w, "apps/shop/db/App.yaml");
    (void)world_commit(w);
    assert_int_equal(hub_fleet_desired(w->fleet, "a")->gone_count, 1);
    assert_non_null(world_object(w, "a", "shop", "Namespace//db"));
}

static void what_stands_in_a_wrong_place_is_told_and_stays(void **state) {
    struct world *w = *state;

    world_put(w, "clusters/eu/a.yaml",
              "{apiVersion: holdfast/v1alpha1, kind: Cluster, metadata: {name: a}}");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    world_put(w, "z.yaml", "kind: ConfigMap\nmetadata: {name: holdfast/z}\n");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w), "");
    world_remove(w, "clusters/eu/a.yaml");
    world_put(w, "cluster/eu/a.yaml",
              "{apiVersion: holdfast/v1alpha1, kind: Cluster, metadata: {name: a}}");
    world_put(w, "envs/groups/g.yaml",
              "kind: ConfigMap\n---\napiVersion: holdfast/v1alpha1\nkind: ClusterGroup\n");
    world_put(w, "z.yaml", "apiVersion: holdfast/v1alpha1\nkind: Clusters\n");
    const struct hub_fleet_result *result = world_commit(w);
    assert_int_equal(result->removed_count, 0);
    assert_string_equal(
        world_problems(w),
        "cluster/eu/a.yaml:1:1: a Cluster is not looked for here: move the file to "
        "clusters/**/*.yaml\n"
        "envs/groups/g.yaml:3:1: a ClusterGroup is not looked for here: move the file to "
        "groups/**/*.yaml\n"
        "z.yaml:1:1: a document of holdfast is of kind Cluster, ClusterGroup or App: correct the "
        "kind, or remove it");
    assert_non_null(world_pair(w, "a", "shop"));
    world_remove(w, "cluster/eu/a.yaml");
    world_remove(w, "envs/groups/g.yaml");
    world_remove(w, "z.yaml");
    assert_int_equal(world_commit(w)->removed_count, 1);
    assert_string_equal(world_problems(w), "");
}

static void the_document_that_was_first_keeps_its_name(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "v: first");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "${v}");
    (void)world_commit_all(w);
    world_put(w, "clusters/0.yaml",
              "apiVersion: holdfast/v1alpha1\nkind: Cluster\nmetadata:\n  name: a\n"
              "spec: {values: {v: second}}\n");
    (void)world_commit(w);
    assert_string_equal(world_problems(w),
                        "clusters/0.yaml:4:9: a Cluster named 'a' is defined at clusters/a.yaml "
                        "line 4 already: give one of them another name");
    assert_non_null(strstr(world_object(w, "a", "shop", "ConfigMap/default/cfg"), "first"));
    world_remove(w, "clusters/a.yaml");
    const struct hub_fleet_result *result = world_commit(w);
    assert_int_equal(result->removed_count, 0);
    assert_string_equal(world_problems(w), "");
    assert_non_null(strstr(world_object(w, "a", "shop", "ConfigMap/default/cfg"), "second"));
}

static void an_app_overwritten_by_a_copy_of_another_stays(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "one", ALL);
    world_put_config(w, "one", "cfg-1", "x");
    world_put_app(w, "two", ALL);
    world_put_config(w, "two", "cfg-2", "x");
    (void)world_commit_all(w);
    world_put(w, "apps/two/app.yaml",
              "apiVersion: holdfast/v1alpha1\nkind: App\nmetadata: {name: one}\nspec:\n" ALL "\n");
    (void)world_commit(w);
    assert_string_equal(world_problems(w),
                        "apps/two/app.yaml:3:18: an App named 'one' is defined at "
                        "apps/one/app.yaml line 4 already: give one of them another name");
    assert_int_equal(hub_fleet_desired(w->fleet, "a")->gone_count, 0);
    assert_non_null(world_pair(w, "a", "two"));
}

static void what_cannot_be_read_now_is_read_with_the_next_commit(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", ALL);
    world_put(w, "apps/shop/m.yaml", "{apiVersion: v1, kind: Namespace, metadata: {name: x}}");
    w->unreadable = "{apiVersion: v1, kind: Namespace, metadata: {name: x}}";
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w), "apps/shop/m.yaml:0:0: cannot be read: the disk failed");
    w->unreadable = NULL;
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
    assert_non_null(world_pair(w, "a", "shop"));
}

// ---- What Apps refer to

static void what_is_wrong_in_a_new_app_is_told_of_that_app(void **state) {
    struct world *w = *state;
    size_t count;

    world_put_app(w, "new", "  tagrets: []");
    (void)world_commit_all(w);
    const struct hub_problem *problems = hub_fleet_problems(w->fleet, &count);
    assert_int_equal(count, 1);
    assert_string_equal(problems[0].app, "new");
}

static void what_does_not_exist_is_told_and_changes_nothing(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "base", ALL);
    world_put_config(w, "base", "base", "x");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    world_put_app(w, "shop",
                  "  dependsOn: [{name: bse}, {name: nothing-like-it}]\n"
                  "  targets: [{clusterGroup: europe}]");
    world_put_cluster(w, "b", "", "");
    (void)world_commit(w);
    assert_string_equal(world_problems(w),
                        "apps/shop/app.yaml:6:22: no App is named 'bse': did you mean 'base'?\n"
                        "apps/shop/app.yaml:6:35: no App is named 'nothing-like-it': add it in "
                        "**/app.yaml or correct the name\n"
                        "apps/shop/app.yaml:7:28: no ClusterGroup is named 'europe': add it in "
                        "groups/**/*.yaml or correct the name");
    assert_true(world_pair(w, "a", "shop")->stale);
    assert_null(world_pair(w, "b", "shop"));
    assert_non_null(world_pair(w, "b", "base"));
    world_put_app(w, "shop", "  dependsOn: [{name: base}]\n" ALL);
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
    assert_string_equal(world_pair(w, "b", "shop")->bundle->spec.depends_on[0], "base");
}

static void a_group_that_is_removed_freezes_the_apps_that_name_it(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put(w, "groups/g.yaml",
              "apiVersion: holdfast/v1alpha1\nkind: ClusterGroup\nmetadata: {name: g}\n"
              "spec: {clusters: [a]}\n");
    world_put_app(w, "shop", "  targets: [{clusterGroup: g}]");
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    world_remove(w, "groups/g.yaml");
    (void)world_commit(w);
    assert_true(world_pair(w, "a", "shop")->stale);
    assert_int_equal(hub_fleet_desired(w->fleet, "a")->gone_count, 0);
}

static void a_circle_of_dependencies_is_told_of_each_app_in_it(void **state) {
    struct world *w = *state;

    for (const char *const *app = (const char *const[]){"a b", "b c", "c a", "d a", "e e", NULL};
         *app != NULL; app++) {
        char name[2] = {(*app)[0], '\0'};
        CM_AUTOFREE char *spec = cm_strf("  dependsOn: [{name: %c}]", (*app)[2]);
        world_put_app(w, name, spec);
        world_put_config(w, name, name, "x");
    }
    (void)world_commit_all(w);
    assert_string_equal(
        world_problems(w),
        "apps/a/app.yaml:6:22: dependsOn goes in a circle (a -> b -> c -> a): remove one of these "
        "dependencies\n"
        "apps/b/app.yaml:6:22: dependsOn goes in a circle (b -> c -> a -> b): remove one of these "
        "dependencies\n"
        "apps/c/app.yaml:6:22: dependsOn goes in a circle (c -> a -> b -> c): remove one of these "
        "dependencies\n"
        "apps/e/app.yaml:6:22: dependsOn goes in a circle (e -> e): remove one of these "
        "dependencies");
}

static void what_depends_on_itself_is_told_within_a_circle_too(void **state) {
    struct world *w = *state;

    world_put_app(w, "a", "  dependsOn: [{name: c}]");
    world_put_app(w, "c", "  dependsOn: [{name: a}, {name: c}]");
    world_put_config(w, "a", "a", "x");
    world_put_config(w, "c", "c", "x");
    (void)world_commit_all(w);
    assert_string_equal(
        world_problems(w),
        "apps/a/app.yaml:6:22: dependsOn goes in a circle (a -> c -> a): remove one of these "
        "dependencies\n"
        "apps/c/app.yaml:6:22: dependsOn goes in a circle (c -> a -> c): remove one of these "
        "dependencies\n"
        "apps/c/app.yaml:6:33: dependsOn goes in a circle (c -> c): remove one of these "
        "dependencies");
}

static bool stop_at_the_second(void *world) {
    const struct world *w = world;
    static size_t looks;

    assert_non_null(w->tree);
    return ++looks > 2;
}

static void what_nobody_wants_to_know_any_more_is_not_rendered(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "paris", "", "");
    world_put_cluster(w, "rome", "", "");
    world_put_cluster(w, "tokyo", "", "");
    world_put_cluster(w, "oslo", "", "");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    w->stopped = stop_at_the_second;
    const struct hub_fleet_result *result = world_commit_all(w);
    assert_int_equal(result->evaluated, 2);
    assert_int_equal(result->changed_count, 0);
}

static void a_cluster_that_does_not_exist_is_told_and_all_else_goes_on(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "paris", "", "");
    world_put(w, "groups/g.yaml",
              "apiVersion: holdfast/v1alpha1\nkind: ClusterGroup\nmetadata: {name: g}\n"
              "spec: {clusters: [paris, pariss]}\n");
    world_put_app(w, "shop", "  targets: [{cluster: nowhere-at-all}, {clusterGroup: g}]");
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w),
                        "apps/shop/app.yaml:6:23: no Cluster is named 'nowhere-at-all': add it in "
                        "clusters/**/*.yaml or remove the name\n"
                        "groups/g.yaml:4:26: no Cluster is named 'pariss': did you mean 'paris'?");
    assert_false(world_pair(w, "paris", "shop")->stale);
    world_put_cluster(w, "pariss", "", "");
    world_put_cluster(w, "nowhere-at-all", "", "");
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
    assert_non_null(world_pair(w, "pariss", "shop"));
}

static void the_cluster_that_was_meant_is_found_among_thousands(void **state) {
    struct world *w = *state;
    struct cm_str text = {0};

    for (int i = 0; i < 2000; i++) {
        cm_str_addf(&text,
                    "{apiVersion: holdfast/v1alpha1, kind: Cluster, metadata: {name: "
                    "store-%04d}}\n---\n",
                    i);
    }
    world_put(w, "clusters/stores.yaml", cm_str_get(&text));
    cm_str_done(&text);
    world_put_app(w, "shop", "  targets: [{cluster: stor-1234}]");
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w),
                        "apps/shop/app.yaml:6:23: no Cluster is named 'stor-1234': did you mean "
                        "'store-1234'?");
}

// ---- Groups of groups

#define GROUP "apiVersion: holdfast/v1alpha1\nkind: ClusterGroup\nmetadata: {name: "

static void of_many_wrong_names_some_are_told_what_was_meant(void **state) {
    struct world *w = *state;
    size_t meant = 0;

    for (int i = 0; i < 60; i++) {
        CM_AUTOFREE char *name = cm_strf("app-%02d", i);
        CM_AUTOFREE char *spec =
            cm_strf("  dependsOn: [{name: basee}, {name: ap-%02d}]\n  targets: []", i);

        world_put_app(w, name, spec);
    }
    world_put_app(w, "base", "  targets: []");
    (void)world_commit_all(w);
    const char *said = world_problems(w);
    while ((said = strstr(said, "did you mean 'app")) != NULL) {
        meant++;
        said++;
    }
    assert_in_range(meant, 15, 20); // then it is no slip of the pen any more
    meant = 0;
    said = world_problems(w);
    while ((said = strstr(said, "did you mean 'base'")) != NULL) {
        meant++;
        said++;
    }
    assert_int_equal(meant, 60);
}

static void members_of_a_group_are_members_of_those_that_name_it(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "oslo", "region: north", "");
    world_put_cluster(w, "rome", "region: south", "");
    world_put_cluster(w, "lab", "", "");
    world_put(w, "groups/n.yaml",
              GROUP "north}\nspec: {clusterSelector: {matchLabels: {region: "
                    "north}}}\n");
    world_put(w, "groups/s.yaml", GROUP "south}\nspec: {clusters: [rome]}\n");
    world_put(w, "groups/e.yaml", GROUP "europe}\nspec: {groups: [north, south]}\n");
    world_put(w, "groups/w.yaml", GROUP "world}\nspec: {groups: [europe]}\n");
    world_put_app(w, "shop", "  targets: [{clusterGroup: world}]");
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w), "");
    assert_non_null(world_pair(w, "oslo", "shop"));
    assert_non_null(world_pair(w, "rome", "shop"));
    assert_null(world_pair(w, "lab", "shop"));

    world_put(w, "groups/s.yaml", GROUP "south}\nspec: {clusters: [lab]}\n");
    const struct hub_fleet_result *result = world_commit(w);
    assert_int_equal(result->changed_count, 2); // not oslo
    assert_null(world_pair(w, "rome", "shop"));
    assert_non_null(world_pair(w, "lab", "shop"));
}

static void a_group_that_names_none_freezes_the_apps_above_it(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "oslo", "", "");
    world_put(w, "groups/n.yaml", GROUP "north}\nspec: {clusters: [oslo]}\n");
    world_put(w, "groups/e.yaml", GROUP "europe}\nspec: {groups: [north]}\n");
    world_put_app(w, "shop", "  targets: [{clusterGroup: europe}]");
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    world_put(w, "groups/e.yaml", GROUP "europe}\nspec: {groups: [nort]}\n");
    (void)world_commit(w);
    assert_string_equal(
        world_problems(w),
        "apps/shop/app.yaml:6:28: who the members of ClusterGroup 'europe' are is not certain "
        "while "
        "'europe' is wrong, at groups/e.yaml line 4: mend that\n"
        "groups/e.yaml:4:17: no ClusterGroup is named 'nort': did you mean 'north'?");
    assert_true(world_pair(w, "oslo", "shop")->stale);
    assert_int_equal(hub_fleet_desired(w->fleet, "oslo")->gone_count, 0);
    world_put(w, "groups/e.yaml", GROUP "europe}\nspec: {groups: [north]}\n");
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
    assert_false(world_pair(w, "oslo", "shop")->stale);
}

static void a_circle_of_groups_is_named(void **state) {
    struct world *w = *state;

    world_put(w, "groups/all.yaml",
              GROUP "a}\nspec: {groups: [b]}\n---\n" //
              GROUP "b}\nspec: {groups: [c, a]}\n---\n" GROUP "c}\nspec: {groups: [c]}\n");
    (void)world_commit_all(w);
    assert_string_equal(
        world_problems(w),
        "groups/all.yaml:4:17: groups go in a circle (a -> b -> a): remove one of these names\n"
        "groups/all.yaml:9:20: groups go in a circle (b -> a -> b): remove one of these names\n"
        "groups/all.yaml:14:17: groups go in a circle (c -> c): remove one of these names");
    world_put(w, "groups/all.yaml",
              GROUP "a}\nspec: {groups: [b]}\n---\n" //
              GROUP "b}\nspec: {groups: [c]}\n---\n" GROUP
                    "c}\nspec: {groups: [], clusters: []}\n");
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
}

// ---- Objects that two Apps claim

static void the_app_that_has_an_object_keeps_it(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "one", ALL);
    world_put_config(w, "one", "cfg", "1");
    world_put_app(w, "two", ALL);
    world_put_config(w, "two", "other", "2");
    (void)world_commit_all(w);
    world_put_config(w, "two", "cfg", "2");
    world_put_config(w, "one", "cfg", "3");
    (void)world_commit(w);
    assert_string_equal(world_problems(w),
                        "apps/two/cfg.yaml:1:1: ConfigMap/default/cfg belongs to App 'one' too, at "
                        "apps/one/cfg.yaml line 1: remove it from one of the two Apps, or give it "
                        "another name or namespace");
    assert_non_null(strstr(world_object(w, "a", "one", "ConfigMap/default/cfg"), "\"value\": 3"));
    assert_null(world_object(w, "a", "two", "ConfigMap/default/cfg"));
    assert_true(world_pair(w, "a", "two")->stale);
    world_remove(w, "apps/one/cfg.yaml");
    world_put_config(w, "one", "more", "1");
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
    assert_non_null(world_object(w, "a", "two", "ConfigMap/default/cfg"));
}

static void of_two_new_apps_neither_gets_the_object(void **state) {
    struct world *w = *state;
    size_t count;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "one", ALL);
    world_put_config(w, "one", "cfg", "1");
    world_put_app(w, "two", ALL);
    world_put_config(w, "two", "cfg", "2");
    world_put_app(w, "three", ALL);
    world_put_config(w, "three", "other", "3");
    (void)world_commit_all(w);
    (void)hub_fleet_problems(w->fleet, &count);
    assert_int_equal(count, 2);
    assert_null(world_pair(w, "a", "one"));
    assert_null(world_pair(w, "a", "two"));
    assert_non_null(world_pair(w, "a", "three"));
}

static void an_object_moves_from_app_to_app_in_one_commit(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "one", ALL);
    world_put_config(w, "one", "cfg", "1");
    world_put_config(w, "one", "rest", "1");
    world_put_app(w, "two", ALL);
    world_put_config(w, "two", "other", "2");
    (void)world_commit_all(w);
    world_remove(w, "apps/one/cfg.yaml");
    world_put_config(w, "two", "cfg", "2");
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
    assert_null(world_object(w, "a", "one", "ConfigMap/default/cfg"));
    assert_non_null(world_object(w, "a", "two", "ConfigMap/default/cfg"));
}

static void apps_that_share_an_object_on_different_clusters_are_fine(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_cluster(w, "b", "", "");
    world_put_app(w, "one", "  targets: [{cluster: a}]");
    world_put_config(w, "one", "cfg", "1");
    world_put_app(w, "two", "  targets: [{cluster: b}]");
    world_put_config(w, "two", "cfg", "2");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w), "");
}

// ---- Release groups

static void put_group_of_two(struct world *w, const char *value) {
    world_put_cluster(w, "a", "", "v: 1");
    world_put_cluster(w, "b", "", "");
    world_put_app(w, "front", "  releaseGroup: checkout\n" ALL);
    world_put_config(w, "front", "f", value);
    world_put_app(w, "back", "  releaseGroup: checkout\n" ALL);
    world_put_config(w, "back", "b", value);
    world_put_app(w, "other", ALL);
    world_put_config(w, "other", "o", value);
}

static void apps_of_a_release_group_change_together_or_not_at_all(void **state) {
    struct world *w = *state;
    size_t count;

    put_group_of_two(w, "1");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w), "");
    world_put_config(w, "front", "f", "2");
    world_put_config(w, "other", "o", "2");
    world_put_config(w, "back", "b", "x-${v}"); // b has no v
    (void)world_commit(w);
    assert_string_equal(world_pair(w, "a", "front")->revision, "r2");
    assert_string_equal(world_pair(w, "a", "back")->revision, "r2");
    assert_string_equal(world_pair(w, "b", "front")->revision, "r1");
    assert_true(world_pair(w, "b", "front")->stale);
    assert_string_equal(world_pair(w, "b", "other")->revision, "r2");
    assert_non_null(strstr(world_problems(w),
                           "apps/front/app.yaml:6:17: release group 'checkout' waits for App "
                           "'back', which cannot become what Git says: mend that App, or take it "
                           "out of the group"));
    const struct hub_problem *p = hub_fleet_problems(w->fleet, &count);
    assert_int_equal(count, 2);
    assert_string_equal(p[1].app, "front");
    assert_string_equal(p[1].cluster, "b");
    assert_int_equal(p[1].clusters, 1);
    world_put_cluster(w, "b", "", "v: 2");
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
    assert_string_equal(world_pair(w, "b", "front")->revision, "r3");
    assert_string_equal(world_pair(w, "b", "back")->revision, "r3");
}

static void a_new_app_that_does_not_render_holds_its_release_group(void **state) {
    struct world *w = *state;

    put_group_of_two(w, "1");
    world_put_config(w, "back", "b", "${missing}");
    (void)world_commit_all(w);
    assert_null(world_pair(w, "a", "front"));
    assert_non_null(world_pair(w, "a", "other"));
    world_put_app(w, "front", ALL);
    (void)world_commit(w);
    assert_non_null(world_pair(w, "a", "front"));
}

static void an_app_that_loses_an_object_holds_its_release_group(void **state) {
    struct world *w = *state;

    put_group_of_two(w, "1");
    (void)world_commit_all(w);
    world_put_config(w, "front", "f", "2");
    world_put_config(w, "back", "o", "2"); // that is the one of `other`
    (void)world_commit(w);
    assert_string_equal(world_pair(w, "a", "front")->revision, "r1");
    assert_non_null(strstr(world_problems(w), "release group 'checkout' waits for App 'back'"));
    assert_string_equal(world_pair(w, "a", "other")->revision, "r1");
    assert_false(world_pair(w, "a", "other")->stale);
}

// ---- Folders of Apps

static void a_folder_with_an_app_of_its_own_is_taken_out(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "outer", ALL);
    world_put_config(w, "outer", "cfg", "1");
    world_put(w, "apps/outer/inner/m.yaml",
              "{apiVersion: v1, kind: Namespace, metadata: {name: inner}}");
    (void)world_commit_all(w);
    assert_non_null(world_object(w, "a", "outer", "Namespace//inner"));
    world_put(w, "apps/outer/inner/app.yaml",
              "apiVersion: holdfast/v1alpha1\nkind: App\nmetadata: {name: inner}\nspec:\n" ALL
              "\n");
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
    assert_null(world_object(w, "a", "outer", "Namespace//inner"));
    assert_non_null(world_object(w, "a", "inner", "Namespace//inner"));
    world_remove(w, "apps/outer/inner/app.yaml");
    (void)world_commit(w);
    assert_non_null(world_object(w, "a", "outer", "Namespace//inner"));
    assert_null(world_pair(w, "a", "inner"));
}

static void only_the_source_folder_holds_manifests(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", "  source: {path: deploy/all}\n" ALL);
    world_put(w, "apps/shop/deploy/all/m.yml",
              "{apiVersion: v1, kind: Namespace, metadata: {name: x}}");
    world_put(w, "apps/shop/deploy/all/.hidden.yaml", "not: [read");
    world_put(w, "apps/shop/deploy/all/notes.txt", "not: [read");
    world_put(w, "apps/shop/ci.yaml", "not: [read");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w), "");
    assert_int_equal(world_pair(w, "a", "shop")->bundle->spec.object_count, 1);
}

static void what_cannot_be_rendered_yet_is_refused(void **state) {
    static const char *const cases[][2] = {
        {"apps/shop/kustomization.yaml",
         "apps/shop/kustomization.yaml:0:0: kustomizations are not supported: list plain "
         "manifests, and say in spec.overlays of app.yaml what differs between clusters"},
        {"apps/shop/Chart.yaml", "apps/shop/Chart.yaml:0:0: Helm charts are not supported: put the "
                                 "output of 'helm template' here instead"},
        {"apps/shop/fleet.yaml",
         "apps/shop/fleet.yaml:0:0: fleet.yaml is another program's: say in app.yaml what it says, "
         "and remove it"},
        {"apps/shop/overlays/prod/x.yaml",
         "apps/shop/app.yaml:4:9: no overlay names the files in the folder 'overlays' among the "
         "manifests: name them in spec.overlays or those of a target, or leave them out with "
         "spec.source.exclude"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct world *w = *state;

        world_put_cluster(w, "a", "", "");
        world_put_app(w, "shop", ALL);
        world_put_config(w, "shop", "cfg", "x");
        world_put(w, cases[i][0], "{apiVersion: v1, kind: Namespace, metadata: {name: x}}");
        (void)world_commit_all(w);
        assert_string_equal(world_problems(w), cases[i][1]);
        assert_true(world_pair(w, "a", "shop") == NULL || world_pair(w, "a", "shop")->stale);
        world_remove(w, cases[i][0]);
        (void)world_commit(w);
        assert_string_equal(world_problems(w), "");
    }
}

static void an_app_without_manifests_removes_nothing(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    world_remove(w, "apps/shop/cfg.yaml");
    (void)world_commit(w);
    assert_string_equal(world_problems(w),
                        "apps/shop/app.yaml:4:9: the App has no manifests: put *.yaml files into "
                        "the folder of app.yaml, or delete app.yaml to remove the App");
    assert_int_equal(world_pair(w, "a", "shop")->bundle->spec.object_count, 1);
    world_put_app(w, "shop", "  source: {path: none}\n" ALL);
    (void)world_commit(w);
    assert_string_equal(world_problems(w),
                        "apps/shop/app.yaml:6:18: there is no folder 'none' in the folder of "
                        "app.yaml: put *.yaml files into it or correct the path");
}

static void a_source_that_belongs_to_another_app_is_refused(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop", "  source: {path: sub}");
    world_put(w, "apps/shop/sub/app.yaml",
              "{apiVersion: holdfast/v1alpha1, kind: App, metadata: {name: sub}}");
    world_put(w, "apps/shop/sub/m.yaml", "{apiVersion: v1, kind: Namespace, metadata: {name: x}}");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w),
                        "apps/shop/app.yaml:4:9: the folder 'sub' belongs to another App, which "
                        "has an app.yaml there: name another one in spec.source.path");
}

static void links_are_not_followed(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", ALL);
    world_link(w, "apps/shop/m.yaml");
    world_link(w, "clusters/b.yaml");
    (void)world_commit_all(w);
    assert_string_equal(
        world_problems(w),
        "apps/shop/m.yaml:0:0: this is a symbolic link or a submodule, which is not "
        "followed: put the file itself here\n"
        "clusters/b.yaml:0:0: this is a symbolic link or a submodule, which is not "
        "followed: put the file itself here");
}

static void a_name_that_is_no_text_is_told_with_its_bytes(void **state) {
    struct world *w = *state;

    world_link(w, "clusters/gr\\xFCn.yaml");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w),
                        "clusters/gr\\xFCn.yaml:0:0: its name has bytes that no name may have, "
                        "written as \\xHH here: rename it");
}

static void a_crd_of_the_repository_tells_the_scope_of_its_kind(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", "  namespace: web\n" ALL);
    world_put(w, "apps/shop/w.yaml",
              "{apiVersion: example.com/v1, kind: Widget, metadata: {name: w}}");
    (void)world_commit_all(w);
    assert_non_null(world_object(w, "a", "shop", "Widget.example.com//w"));
    world_put_app(w, "crds", ALL);
    world_put(w, "apps/crds/crd.yaml",
              "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
              "metadata: {name: widgets.example.com}\n"
              "spec: {group: example.com, scope: Namespaced, names: {kind: Widget}}\n");
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
    assert_non_null(world_object(w, "a", "shop", "Widget.example.com/web/w"));
    world_remove(w, "apps/crds/app.yaml");
    world_remove(w, "apps/crds/crd.yaml");
    (void)world_commit(w);
    assert_non_null(world_object(w, "a", "shop", "Widget.example.com//w"));
}

// ---- Several repositories, and restarts

static void apps_of_one_repository_run_on_clusters_of_another(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    (void)world_commit_all(w);
    w->repo = "apps";
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    assert_string_equal(world_pair(w, "a", "shop")->repo, "apps");
    assert_string_equal(world_pair(w, "a", "shop")->revision, "r2");
    world_put(w, "clusters/copy.yaml",
              "{apiVersion: holdfast/v1alpha1, kind: Cluster, metadata: {name: a}}\n");
    (void)world_commit(w);
    assert_non_null(strstr(world_problems(w), "is defined at repository fleet, clusters/a.yaml"));
}

// restart gives the fleet to a new one as the store would.
static void restart(struct world *w) {
    static const uint8_t key[32] = "a key for names of Secrets";
    struct hub_fleet *old = w->fleet;
    const struct hub_desired *d = hub_fleet_desired(old, "a");

    w->fleet = hub_fleet_new(key);
    hub_fleet_seed(w->fleet, "a", d->pairs, d->pair_count, d->gone, d->gone_count);
    hub_fleet_free(old);
}

static void after_a_restart_nothing_changed(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    restart(w);
    assert_string_equal(world_pair(w, "a", "shop")->revision, "r1");
    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    const struct hub_fleet_result *result = world_commit_all(w);
    assert_int_equal(result->changed_count, 0);
    assert_string_equal(world_pair(w, "a", "shop")->revision, "r1");
}

static void a_tombstone_that_is_held_survives_a_restart(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    world_remove(w, "apps/shop/app.yaml");
    (void)world_commit(w);
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "${missing}");
    (void)world_commit(w);
    restart(w);
    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "${missing}");
    (void)world_commit_all(w);
    assert_true(hub_fleet_desired(w->fleet, "a")->gone[0].held);
    world_remove(w, "apps/shop/app.yaml");
    (void)world_commit(w);
    assert_int_equal(hub_fleet_desired(w->fleet, "a")->gone_count, 1);
    assert_true(hub_fleet_desired(w->fleet, "a")->gone[0].prune);
    assert_false(hub_fleet_desired(w->fleet, "a")->gone[0].held);
}

static void after_a_restart_an_object_of_an_app_that_is_wrong_stays_its_own(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    restart(w);
    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "${no}");
    world_put_app(w, "bank", ALL);
    world_put_config(w, "bank", "cfg", "y");
    (void)world_commit_all(w);
    assert_non_null(strstr(world_problems(w),
                           "apps/bank/cfg.yaml:1:1: ConfigMap/default/cfg belongs to App 'shop' "
                           "too, in what is in force of it: remove it from one of the two Apps, or "
                           "give it another name or namespace"));
}

static void after_a_restart_what_is_wrong_keeps_running(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    world_put_app(w, "gone", ALL);
    world_put_config(w, "gone", "other", "x");
    (void)world_commit_all(w);
    restart(w);
    world_put(w, "clusters/a.yaml", "kind: [");
    world_put(w, "apps/shop/app.yaml", "kind: [");
    const struct hub_fleet_result *result = world_commit_all(w);
    assert_int_equal(result->removed_count, 0);
    assert_true(world_pair(w, "a", "shop")->stale);
    assert_non_null(world_pair(w, "a", "gone")); // it may be what the broken app.yaml means
    world_put_cluster(w, "a", "", "");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
    assert_string_equal(world_pair(w, "a", "shop")->revision, "r1");
    assert_false(world_pair(w, "a", "shop")->stale);
    assert_null(world_pair(w, "a", "gone"));
    assert_true(hub_fleet_desired(w->fleet, "a")->gone[0].prune);
}

static void what_another_repository_holds_is_not_gone_before_it_is_loaded(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "a", "", "");
    (void)world_commit_all(w);
    w->repo = "apps";
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    restart(w);
    w->repo = "fleet";
    hub_fleet_expect(w->fleet, "fleet");
    hub_fleet_expect(w->fleet, "apps");
    world_put_cluster(w, "a", "", "");
    const struct hub_fleet_result *result = world_commit_all(w);
    assert_int_equal(result->changed_count, 0);
    assert_false(world_pair(w, "a", "shop")->stale);
    w->repo = "apps";
    world_put(w, "README.md", "moved away");
    (void)world_commit_all(w);
    assert_null(world_pair(w, "a", "shop"));
    assert_int_equal(hub_fleet_desired(w->fleet, "a")->gone_count, 1);
}

// ---- What is in force, for others

enum { NOTED_MAX = 256 };

static void note(char *noted, const char *text) {
    size_t used = strlen(noted);

    (void)snprintf(noted + used, NOTED_MAX - used, "%s", text);
}

static void note_cluster(void *ctx, const struct hub_cluster_info *c) {
    note(ctx, c->name);
}

static void note_group(void *ctx, const struct hub_group_info *g) {
    note(ctx, g->name);
    for (size_t i = 0; i < g->cluster_count; i++) {
        note(ctx, g->clusters[i]);
    }
}

static void note_app(void *ctx, const struct hub_app_info *a) {
    note(ctx, a->name);
    note(ctx, a->drift);
    assert_int_equal(a->clusters, 2);
    assert_string_equal(a->path, "apps/shop/app.yaml");
}

static void documents_are_told_sorted_by_name(void **state) {
    struct world *w = *state;
    char said[NOTED_MAX] = "";

    world_put_cluster(w, "b", "", "");
    world_put_cluster(w, "a", "", "");
    world_put(w, "groups/g.yaml",
              "apiVersion: holdfast/v1alpha1\nkind: ClusterGroup\nmetadata: {name: g}\n"
              "spec: {clusterSelector: {}}\n");
    world_put_app(w, "shop", "  drift: correct\n" ALL);
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    hub_fleet_each_cluster(w->fleet, note_cluster, said);
    hub_fleet_each_group(w->fleet, note_group, said);
    hub_fleet_each_app(w->fleet, note_app, said);
    assert_string_equal(said, "abgabshopcorrect");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
static const struct CMUnitTest tests[] = {
    TEST(an_app_reaches_the_clusters_that_its_target_means),
    TEST(clusters_that_differ_in_unused_values_share_a_bundle),
    TEST(each_pair_is_looked_at_once_and_each_object_made_once),
    TEST(the_first_target_that_matches_counts),
    TEST(expressions_select_as_kubernetes_does),
    TEST(an_app_on_no_cluster_is_fine),
    TEST(suspension_of_cluster_target_or_app_suspends_the_bundle),
    TEST(a_commit_that_changes_nothing_says_nothing),
    TEST(only_what_changed_is_read),
    TEST(a_complete_commit_removes_what_it_does_not_name),
    TEST(a_deleted_app_leaves_a_tombstone_with_its_last_prune),
    TEST(an_app_that_leaves_a_cluster_does_as_on_target_loss_says),
    TEST(a_tombstone_survives_a_return_that_does_not_render),
    TEST(a_tombstone_that_is_held_survives_a_restart),
    TEST(what_stays_behind_does_so_though_the_app_comes_back_broken),
    TEST(a_tombstone_knows_in_whose_name_the_app_was_changed),
    TEST(a_broken_app_holds_up_nothing_but_itself),
    TEST(a_variable_that_some_clusters_lack_is_one_problem),
    TEST(a_wrong_file_of_clusters_keeps_those_it_had),
    TEST(an_app_that_is_moved_and_spoilt_at_once_stays),
    TEST(an_app_whose_file_gets_a_wrong_name_stays),
    TEST(an_app_below_another_whose_file_gets_a_wrong_name_stays),
    TEST(what_stands_in_a_wrong_place_is_told_and_stays),
    TEST(the_document_that_was_first_keeps_its_name),
    TEST(an_app_overwritten_by_a_copy_of_another_stays),
    TEST(what_cannot_be_read_now_is_read_with_the_next_commit),
    TEST(what_is_wrong_in_a_new_app_is_told_of_that_app),
    TEST(what_does_not_exist_is_told_and_changes_nothing),
    TEST(a_group_that_is_removed_freezes_the_apps_that_name_it),
    TEST(a_circle_of_dependencies_is_told_of_each_app_in_it),
    TEST(what_depends_on_itself_is_told_within_a_circle_too),
    TEST(a_cluster_that_does_not_exist_is_told_and_all_else_goes_on),
    TEST(the_cluster_that_was_meant_is_found_among_thousands),
    TEST(of_many_wrong_names_some_are_told_what_was_meant),
    TEST(members_of_a_group_are_members_of_those_that_name_it),
    TEST(a_group_that_names_none_freezes_the_apps_above_it),
    TEST(a_circle_of_groups_is_named),
    TEST(the_app_that_has_an_object_keeps_it),
    TEST(of_two_new_apps_neither_gets_the_object),
    TEST(an_object_moves_from_app_to_app_in_one_commit),
    TEST(apps_that_share_an_object_on_different_clusters_are_fine),
    TEST(apps_of_a_release_group_change_together_or_not_at_all),
    TEST(a_new_app_that_does_not_render_holds_its_release_group),
    TEST(an_app_that_loses_an_object_holds_its_release_group),
    TEST(a_folder_with_an_app_of_its_own_is_taken_out),
    TEST(only_the_source_folder_holds_manifests),
    TEST(what_cannot_be_rendered_yet_is_refused),
    TEST(an_app_without_manifests_removes_nothing),
    TEST(a_source_that_belongs_to_another_app_is_refused),
    TEST(links_are_not_followed),
    TEST(a_name_that_is_no_text_is_told_with_its_bytes),
    TEST(a_crd_of_the_repository_tells_the_scope_of_its_kind),
    TEST(apps_of_one_repository_run_on_clusters_of_another),
    TEST(after_a_restart_nothing_changed),
    TEST(after_a_restart_an_object_of_an_app_that_is_wrong_stays_its_own),
    TEST(after_a_restart_what_is_wrong_keeps_running),
    TEST(what_another_repository_holds_is_not_gone_before_it_is_loaded),
    TEST(documents_are_told_sorted_by_name),
    TEST(what_nobody_wants_to_know_any_more_is_not_rendered),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
