// What Apps and targets change in manifests, and which files count at all.
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
#define CFG "ConfigMap/default/cfg"

static int set_up(void **state) {
    static struct world w;

    world_init(&w);
    world_put_cluster(&w, "paris", "region: eu", "tag: '1.4'");
    world_put_cluster(&w, "austin", "region: us", "tag: '1.4'");
    world_put_cluster(&w, "boston", "region: us", "tag: '1.5'");
    *state = &w;
    return 0;
}

static int tear_down(void **state) {
    world_done(*state);
    return 0;
}

static void put_overlay(struct world *w, const char *path, const char *object, const char *data) {
    CM_AUTOFREE char *full = cm_strf("apps/shop/%s", path);
    CM_AUTOFREE char *content = cm_strf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, "
                                        "namespace: default}\ndata: {%s}\n",
                                        object, data);

    world_put(w, full, content);
}

static bool has(struct world *w, const char *cluster, const char *text) {
    const char *object = world_object(w, cluster, "shop", CFG);

    return object != NULL && strstr(object, text) != NULL;
}

// ---- Editions

static void a_target_changes_manifests_for_its_clusters_only(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop",
                  "  labels: {team: shop}\n"
                  "  targets:\n"
                  "    - clusterSelector: {matchLabels: {region: eu}}\n"
                  "      overlays: [{path: overlays/eu}]\n"
                  "      labels: {team: eu-shop}\n"
                  "    - clusterSelector: {}\n");
    world_put_config(w, "shop", "cfg", "x");
    put_overlay(w, "overlays/eu/cfg.yaml", "cfg", "currency: EUR");
    const struct hub_fleet_result *result = world_commit_all(w);

    assert_string_equal(world_problems(w), "");
    assert_int_equal(result->rendered, 2);
    assert_true(has(w, "paris", "\"currency\": \"EUR\""));
    assert_true(has(w, "paris", "\"team\": \"eu-shop\""));
    assert_false(has(w, "austin", "EUR"));
    assert_true(has(w, "austin", "\"team\": \"shop\""));
    assert_ptr_equal(world_pair(w, "austin", "shop")->bundle,
                     world_pair(w, "boston", "shop")->bundle);
}

static void an_overlay_brings_variables_that_count_from_then_on(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop",
                  "  targets:\n"
                  "    - clusterSelector: {}\n"
                  "      overlays:\n"
                  "        - merge:\n"
                  "            apiVersion: v1\n"
                  "            kind: ConfigMap\n"
                  "            metadata: {name: cfg, namespace: default}\n"
                  "            data:\n"
                  "              tag: \"${tag}\"\n");
    world_put_config(w, "shop", "cfg", "x");
    const struct hub_fleet_result *result = world_commit_all(w);
    assert_string_equal(world_problems(w), "");
    assert_int_equal(result->rendered, 2);
    assert_true(has(w, "paris", "\"tag\": \"1.4\""));
    assert_true(has(w, "boston", "\"tag\": \"1.5\""));
    world_put_cluster(w, "boston", "region: us", "tag: '1.4'");
    result = world_commit(w);
    assert_int_equal(result->changed_count, 1);
    assert_ptr_equal(world_pair(w, "paris", "shop")->bundle,
                     world_pair(w, "boston", "shop")->bundle);
}

static void a_changed_overlay_touches_the_clusters_of_its_target(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop",
                  "  targets:\n"
                  "    - clusterSelector: {matchLabels: {region: eu}}\n"
                  "      overlays: [{path: eu.yaml}]\n"
                  "    - clusterSelector: {}\n");
    world_put_config(w, "shop", "cfg", "x");
    put_overlay(w, "eu.yaml", "cfg", "currency: EUR");
    (void)world_commit_all(w);
    w->reads = 0;
    put_overlay(w, "eu.yaml", "cfg", "currency: euro");
    const struct hub_fleet_result *result = world_commit(w);
    assert_int_equal(w->reads, 1);
    assert_int_equal(result->changed_count, 1);
    assert_true(has(w, "paris", "euro"));
    // The base changes below all of them.
    world_put_config(w, "shop", "cfg", "y");
    result = world_commit(w);
    assert_int_equal(result->changed_count, 3);
    assert_true(has(w, "paris", "euro"));
    assert_true(has(w, "paris", "\"value\": true") || has(w, "paris", "\"value\": \"y\""));
}

static void a_broken_overlay_holds_up_only_the_clusters_of_its_target(void **state) {
    struct world *w = *state;
    size_t count;

    world_put_app(w, "shop",
                  "  targets:\n"
                  "    - clusterSelector: {matchLabels: {region: us}}\n"
                  "      overlays: [{path: us.yaml}]\n"
                  "    - clusterSelector: {}\n");
    world_put_config(w, "shop", "cfg", "x");
    put_overlay(w, "us.yaml", "cfg", "currency: USD");
    (void)world_commit_all(w);
    world_put(w, "apps/shop/us.yaml", "metadata: [");
    world_put_config(w, "shop", "cfg", "new");
    (void)world_commit(w);
    const struct hub_problem *p = hub_fleet_problems(w->fleet, &count);
    assert_int_equal(count, 1);
    assert_string_equal(p->path, "apps/shop/us.yaml");
    assert_int_equal(p->clusters, 2);
    assert_true(world_pair(w, "austin", "shop")->stale);
    assert_true(has(w, "austin", "USD"));
    assert_false(world_pair(w, "paris", "shop")->stale);
    assert_true(has(w, "paris", "new"));
    put_overlay(w, "us.yaml", "cfg", "currency: dollar");
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
    assert_true(has(w, "boston", "dollar"));
}

static void an_overlay_that_does_not_exist_or_match_is_told_with_its_place(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop",
                  "  overlays: [{path: overlay/eu}]\n"
                  "  targets:\n"
                  "    - clusterSelector: {matchLabels: {region: none}}\n"
                  "      overlays: [{path: empty}]\n"
                  "    - clusterSelector: {}\n");
    world_put_config(w, "shop", "cfg", "x");
    put_overlay(w, "overlays/eu/cfg.yaml", "cfg", "a: b");
    world_put(w, "apps/shop/empty/.holdfastignore", "*.yaml");
    world_put(w, "apps/shop/empty/x.yaml", "not: [read");
    (void)world_commit_all(w);
    assert_string_equal(
        world_problems(w),
        "apps/shop/app.yaml:4:9: no overlay names the files in the folder 'overlays' among the "
        "manifests: name them in spec.overlays or those of a target, or leave them out with "
        "spec.source.exclude\n"
        "apps/shop/app.yaml:6:21: there is no file or folder 'overlay/eu' beside app.yaml: did you "
        "mean 'overlays/eu'?\n"
        "apps/shop/app.yaml:9:25: there are no *.yaml files in 'empty': add some or remove the "
        "overlay");
    world_put_app(w, "shop", "  overlays: [{path: overlays}]\n" ALL);
    world_put(w, "apps/shop/overlays/eu/cfg.yaml", "# to be written\n");
    (void)world_commit(w);
    assert_non_null(strstr(world_problems(w), "apps/shop/app.yaml:6:21: there is no object in "
                                              "'overlays': add one or remove the overlay"));
    world_put_app(w, "shop", "  overlays: [{path: overlays/eu}]\n" ALL);
    world_remove(w, "apps/shop/empty/x.yaml");
    put_overlay(w, "overlays/eu/cfg.yaml", "other", "a: b");
    (void)world_commit(w);
    assert_non_null(strstr(world_problems(w), "apps/shop/overlays/eu/cfg.yaml:1:1: "));
    assert_null(world_pair(w, "paris", "shop"));
}

static void an_overlay_that_nothing_is_like_is_told_too(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop", "  overlays: [{path: completely/different}]\n" ALL);
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w),
                        "apps/shop/app.yaml:6:21: there is no file or folder "
                        "'completely/different' beside app.yaml: add it or remove the overlay");
    world_put(w, "apps/shop/completely/different/kustomization.yaml", "resources: []");
    (void)world_commit(w);
    assert_string_equal(world_problems(w),
                        "apps/shop/completely/different/kustomization.yaml:0:0: kustomizations are "
                        "not supported: list plain manifests, and say in spec.overlays of app.yaml "
                        "what differs between clusters");
}

static void an_overlay_of_an_app_on_no_cluster_is_looked_at_too(void **state) {
    struct world *w = *state;
    size_t count;

    world_put_app(w, "shop", "  overlays: [{path: gone}]\n  targets: []");
    world_put_config(w, "shop", "cfg", "x");
    (void)world_commit_all(w);
    const struct hub_problem *p = hub_fleet_problems(w->fleet, &count);
    assert_int_equal(count, 1);
    assert_int_equal(p->clusters, 0);
}

static void an_overlay_in_the_folder_of_another_app_is_refused(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop", "  overlays: [{path: sub/x.yaml}]\n" ALL);
    world_put_config(w, "shop", "cfg", "x");
    world_put(w, "apps/shop/sub/app.yaml",
              "{apiVersion: holdfast/v1alpha1, kind: App, metadata: {name: sub}}");
    world_put(w, "apps/shop/sub/x.yaml", "{apiVersion: v1, kind: Namespace, metadata: {name: x}}");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w),
                        "apps/shop/app.yaml:6:21: 'sub/x.yaml' belongs to another App, which has "
                        "an app.yaml there: name another one");
}

static void images_and_suspension_without_variables_need_no_overlay(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop",
                  "  namespace: shop\n  substitute: false\n  adopt: true\n"
                  "  images: [{name: registry/shop, newTag: '2'}]\n" ALL);
    world_put(w, "apps/shop/pod.yaml",
              "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n"
              "    - {name: c, image: 'registry/shop:1', args: ['${nothing}']}\n");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w), "");
    const char *pod = world_object(w, "paris", "shop", "Pod/shop/p");
    assert_non_null(strstr(pod, "registry/shop:2"));
    assert_non_null(strstr(pod, "${nothing}"));
    assert_true(world_pair(w, "paris", "shop")->bundle->spec.adopt);
    // Variables again: the same file is read anew.
    world_put_app(w, "shop", "  namespace: shop\n" ALL);
    (void)world_commit(w);
    assert_non_null(strstr(world_problems(w), "variable 'nothing' is not defined"));
}

// ---- Which files count

static void what_is_ignored_is_no_manifest(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    world_put(w, "apps/shop/tests/broken.yaml", "not: [read");
    world_put(w, "apps/shop/kustomization.yaml", "for another program");
    world_put(w, ".holdfastignore", "# tests\ntests/\n/apps/*/kustomization.yaml\n");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w), "");
    // A file deeper down is stronger, but cannot take back what is in an ignored folder.
    world_put(w, "apps/shop/.holdfastignore", "!tests/broken.yaml\n!kustomization.yaml\n");
    (void)world_commit(w);
    assert_non_null(strstr(world_problems(w), "apps/shop/kustomization.yaml:0:0: "));
    assert_null(strstr(world_problems(w), "broken.yaml"));
    world_put(w, "apps/shop/.holdfastignore", "!tests/\n!kustomization.yaml\n");
    (void)world_commit(w);
    assert_non_null(strstr(world_problems(w), "apps/shop/tests/broken.yaml:"));
    world_remove(w, "apps/shop/.holdfastignore");
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
    world_remove(w, ".holdfastignore");
    (void)world_commit(w);
    assert_non_null(strstr(world_problems(w), "apps/shop/tests/broken.yaml:"));
}

static void documents_are_never_ignored(void **state) {
    struct world *w = *state;

    world_put(w, ".holdfastignore", "*\n!cfg.yaml\n!*/\n");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    world_put_config(w, "shop", "other", "x");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w), "");
    assert_int_equal(world_pair(w, "paris", "shop")->bundle->spec.object_count, 1);
}

static void an_ignore_file_that_cannot_be_read_holds_up_the_apps_below(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    world_link(w, "apps/.holdfastignore");
    (void)world_commit_all(w);
    assert_string_equal(
        world_problems(w),
        "apps/.holdfastignore:0:0: this is a symbolic link or a submodule, which is "
        "not followed: put the file itself here");
    assert_null(world_pair(w, "paris", "shop"));
}

static void an_ignore_file_that_is_too_large_is_told(void **state) {
    struct world *w = *state;
    struct cm_str text = {0};

    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "cfg", "x");
    cm_str_addf(&text, "#%016384d", 1);
    world_put(w, ".holdfastignore", cm_str_get(&text));
    cm_str_done(&text);
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w), ".holdfastignore:0:0: cannot be read: the file has more "
                                           "than 16384 bytes");
}

static void globs_choose_files_of_a_source(void **state) {
    struct world *w = *state;

    world_put_app(
        w, "shop",
        "  source: {path: deploy, include: ['*.yaml', 'sub/**'], exclude: ['sub/t*']}\n" ALL);
    world_put(w, "apps/shop/deploy/a.yaml",
              "{apiVersion: v1, kind: Namespace, metadata: {name: a}}");
    world_put(w, "apps/shop/deploy/b.yml",
              "{apiVersion: v1, kind: Namespace, metadata: {name: b}}");
    world_put(w, "apps/shop/deploy/x/c.yaml", "not: [read");
    world_put(w, "apps/shop/deploy/sub/d.json",
              "{\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": {\"name\": \"d\"}}");
    world_put(w, "apps/shop/deploy/sub/test.yaml", "not: [read");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w), "");
    assert_int_equal(world_pair(w, "paris", "shop")->bundle->spec.object_count, 2);
    assert_non_null(world_object(w, "paris", "shop", "Namespace//a"));
    assert_non_null(world_object(w, "paris", "shop", "Namespace//d"));
}

static void a_crd_that_is_left_out_tells_no_scope(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop", "  namespace: web\n" ALL);
    world_put(w, "apps/shop/w.yaml",
              "{apiVersion: example.com/v1, kind: Widget, metadata: {name: w}}");
    world_put(w, "apps/shop/crd.yaml",
              "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
              "metadata: {name: widgets.example.com}\n"
              "spec: {group: example.com, scope: Namespaced, names: {kind: Widget}}\n");
    (void)world_commit_all(w);
    assert_non_null(world_object(w, "paris", "shop", "Widget.example.com/web/w"));
    world_put(w, ".holdfastignore", "crd.yaml");
    (void)world_commit(w);
    assert_non_null(world_object(w, "paris", "shop", "Widget.example.com//w"));
    world_remove(w, ".holdfastignore");
    (void)world_commit(w);
    assert_non_null(world_object(w, "paris", "shop", "Widget.example.com/web/w"));
}

static void a_source_that_is_nearly_there_is_proposed(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop", "  source: {path: manifest}\n" ALL);
    world_put(w, "apps/shop/manifests/n.yaml",
              "{apiVersion: v1, kind: Namespace, metadata: {name: a}}");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w),
                        "apps/shop/app.yaml:6:18: there is no folder 'manifest' in the folder of "
                        "app.yaml: did you mean 'manifests'?");
}

static void a_folder_of_manifests_without_any_is_told(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop", "  source: {path: deploy, include: ['*.json']}\n" ALL);
    world_put(w, "apps/shop/deploy/x.yaml", "not: [read");
    (void)world_commit_all(w);
    assert_string_equal(
        world_problems(w),
        "apps/shop/app.yaml:4:9: the App has no manifests: 1 file is left out, 1 by "
        "spec.source.include: correct that, or delete app.yaml to remove the App");
    world_put_app(w, "shop", "  source: {path: deploy}\n" ALL);
    world_put(w, "apps/shop/deploy/x.yaml", "# nothing yet\n");
    (void)world_commit(w);
    assert_string_equal(world_problems(w),
                        "apps/shop/app.yaml:4:9: the App has no manifests: put *.yaml files into "
                        "'deploy', or delete app.yaml to remove the App");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_target_changes_manifests_for_its_clusters_only),
        TEST(an_overlay_brings_variables_that_count_from_then_on),
        TEST(a_changed_overlay_touches_the_clusters_of_its_target),
        TEST(a_broken_overlay_holds_up_only_the_clusters_of_its_target),
        TEST(an_overlay_that_does_not_exist_or_match_is_told_with_its_place),
        TEST(an_overlay_that_nothing_is_like_is_told_too),
        TEST(an_overlay_of_an_app_on_no_cluster_is_looked_at_too),
        TEST(an_overlay_in_the_folder_of_another_app_is_refused),
        TEST(images_and_suspension_without_variables_need_no_overlay),
        TEST(what_is_ignored_is_no_manifest),
        TEST(documents_are_never_ignored),
        TEST(an_ignore_file_that_cannot_be_read_holds_up_the_apps_below),
        TEST(an_ignore_file_that_is_too_large_is_told),
        TEST(globs_choose_files_of_a_source),
        TEST(a_crd_that_is_left_out_tells_no_scope),
        TEST(a_source_that_is_nearly_there_is_proposed),
        TEST(a_folder_of_manifests_without_any_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
