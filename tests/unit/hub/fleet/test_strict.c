// All that is wrong is told at once: nothing that is wrong hides another thing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hub/fleet/fleet.h"
#include "world.h"

#define ALL "  targets: [{clusterSelector: {}}]"

static int set_up(void **state) {
    static struct world w;

    world_init(&w);
    world_put_cluster(&w, "paris", "env: prod", "tag: '1.4'");
    *state = &w;
    return 0;
}

static int tear_down(void **state) {
    world_done(*state);
    return 0;
}

static void assert_told(struct world *w, const char *problems) {
    (void)world_commit(w);
    assert_string_equal(world_problems(w), problems);
}

static void a_document_that_is_no_yaml_hides_no_other_one_of_its_file(void **state) {
    struct world *w = *state;

    world_put(w, "clusters/b.yaml",
              "apiVersion: holdfast/v1alpha1\nkind: Cluster\nmetadata: {name: a, name: b}\n---\n"
              "kind: [\n---\n"
              "apiVersion: holdfast/v1alpha1\nkind: Cluster\nmetadata: {nam: c}\n");
    assert_told(w, "clusters/b.yaml:3:27: 'name' is there twice in one object, first in line 3: "
                   "remove one of the two\n"
                   "clusters/b.yaml:6:1: did not find expected node content while parsing a flow "
                   "node: close what '{' or '[' opened, and put ',' between its members\n"
                   "clusters/b.yaml:9:11: metadata.name is missing: add it\n"
                   "clusters/b.yaml:9:12: unknown field 'nam' in metadata: did you mean 'name'?");
}

static void a_wrong_app_hides_nothing_of_its_manifests(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop", "  prun: false\n  source: {exclude: [other.yaml]}\n" ALL);
    world_put(w, "apps/shop/a.yaml", "kind: [\n---\napiVersion: v1\nkind: Pod\nmetadata: {}\n");
    world_put(w, "apps/shop/other.yaml", "- no manifest\n");
    assert_told(w, "apps/shop/a.yaml:2:1: did not find expected node content while parsing a flow "
                   "node: close what '{' or '[' opened, and put ',' between its members\n"
                   "apps/shop/a.yaml:5:11: metadata.name is missing: add it\n"
                   "apps/shop/app.yaml:6:3: unknown field 'prun' in spec: did you mean 'prune'?");
    world_put(w, "apps/shop/a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {}\n");
    assert_told(w, "apps/shop/a.yaml:3:11: metadata.name is missing: add it\n"
                   "apps/shop/app.yaml:6:3: unknown field 'prun' in spec: did you mean 'prune'?");
    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "a", "x");
    world_remove(w, "apps/shop/other.yaml");
    assert_told(w, "");
    assert_non_null(world_object(w, "paris", "shop", "ConfigMap/default/a"));
}

static void a_wrong_app_that_was_right_hides_nothing_of_its_manifests_either(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "a", "x");
    assert_told(w, "");
    world_put_app(w, "shop", "  prun: false\n" ALL);
    world_put(w, "apps/shop/b.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {}\n");
    assert_told(w, "apps/shop/app.yaml:6:3: unknown field 'prun' in spec: did you mean 'prune'?\n"
                   "apps/shop/b.yaml:3:11: metadata.name is missing: add it");
    assert_non_null(world_object(w, "paris", "shop", "ConfigMap/default/a"));
}

static void an_app_that_is_no_yaml_is_named_by_its_folder(void **state) {
    struct world *w = *state;
    size_t count;

    world_put(w, "apps/shop/app.yaml", "kind: [\n");
    world_put(w, "apps/shop/a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {}\n");
    (void)world_commit(w);
    const struct hub_problem *problems = hub_fleet_problems(w->fleet, &count);
    assert_int_equal(count, 2);
    assert_string_equal(problems[0].path, "apps/shop/a.yaml");
    assert_string_equal(problems[0].app, "shop");
    assert_string_equal(problems[1].path, "apps/shop/app.yaml");
    assert_string_equal(problems[1].app, "shop");
    // Another App may have that name.
    world_put(w, "apps/other/app.yaml",
              "apiVersion: holdfast/v1alpha1\nkind: App\nmetadata: {name: shop}\nspec:\n" ALL);
    world_put_config(w, "other", "a", "x");
    (void)world_commit(w);
    problems = hub_fleet_problems(w->fleet, &count);
    assert_int_equal(count, 2);
    assert_null(problems[1].app);
}

static void a_refused_file_hides_no_variable(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "a", "${no}");
    world_put(w, "apps/shop/kustomization.yaml", "resources: []\n");
    assert_told(
        w, "apps/shop/a.yaml:7:10: variable 'no' is not defined: set it in the values of the App, "
           "the target or the Cluster, or write ${no:=default}, or $${no} for the text itself\n"
           "apps/shop/kustomization.yaml:0:0: kustomizations are not supported: list plain "
           "manifests, and say in spec.overlays of app.yaml what differs between clusters");
    world_remove(w, "apps/shop/kustomization.yaml");
    world_put_config(w, "shop", "a", "yes");
    assert_told(w, "");
}

static void a_manifest_that_is_wrong_hides_nothing_of_others(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop",
                  "  overlays: [{target: {kind: Pod}, remove: true}, {target: {kind: Pot}, remove: "
                  "true}]\n" ALL);
    world_put_config(w, "shop", "a", "${no}");
    world_put(w, "apps/shop/b.yaml",
              "apiVersion: v1\nkind: Pod\nmetadata: {name: A B}\n---\n"
              "apiVersion: v1\nkind: Pod\nmetadata: {name: b, labels: {tier: 1}}\n");
    assert_told(
        w, "apps/shop/a.yaml:7:10: variable 'no' is not defined: set it in the values of the App, "
           "the target or the Cluster, or write ${no:=default}, or $${no} for the text itself\n"
           "apps/shop/app.yaml:6:60: the target selects none of the App's objects: did you "
           "mean 'Pod'? Correct it, or remove the overlay\n"
           "apps/shop/b.yaml:3:18: metadata.name 'A B' is malformed: use 1 to 253 bytes without "
           "spaces, '/' and '%'\n"
           "apps/shop/b.yaml:7:36: metadata.labels.tier must be a string, not a number: put "
           "it in quotes");
    // What cannot be read may be what the overlay means.
    world_put(w, "apps/shop/b.yaml", "kind: [");
    assert_told(
        w, "apps/shop/a.yaml:7:10: variable 'no' is not defined: set it in the values of the App, "
           "the target or the Cluster, or write ${no:=default}, or $${no} for the text itself\n"
           "apps/shop/b.yaml:2:1: did not find expected node content while parsing a flow node: "
           "close what '{' or '[' opened, and put ',' between its members");
}

static void an_overlay_that_is_missing_hides_nothing_of_the_rest(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop",
                  "  overlays: [{path: none}]\n"
                  "  images: [{name: nginx, newTag: '2'}]\n" ALL);
    world_put_config(w, "shop", "a", "${no}");
    assert_told(
        w, "apps/shop/a.yaml:7:10: variable 'no' is not defined: set it in the values of the App, "
           "the target or the Cluster, or write ${no:=default}, or $${no} for the text itself\n"
           "apps/shop/app.yaml:6:21: there is no file or folder 'none' beside app.yaml: add "
           "it or remove the overlay\n"
           "apps/shop/app.yaml:7:12: no container of the App has the image 'nginx': write "
           "its name as in the manifests, without tag and digest, or remove the entry");
}

static void a_part_of_an_overlay_that_is_wrong_hides_nothing_of_the_rest(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop", "  overlays: [{path: eu.yaml}]\n" ALL);
    world_put_config(w, "shop", "a", "x");
    world_put(w, "apps/shop/eu.yaml",
              "kind: ConfigMap\nmetadata: {name: a}\n---\n"
              "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n---\n"
              "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: \"${zz}\"}\n");
    assert_told(
        w,
        "apps/shop/eu.yaml:1:1: apiVersion is missing or no string: add it\n"
        "apps/shop/eu.yaml:4:1: the App has no ConfigMap 'b' that this could change: "
        "correct apiVersion, kind or metadata.name, or remove the overlay\n"
        "apps/shop/eu.yaml:11:12: variable 'zz' is not defined: set it in the values of the App, "
        "the target or the Cluster, or write ${zz:=default}, or $${zz} for the text itself");
}

static void a_document_in_a_file_that_is_not_named_yaml_is_told_and_stays(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop", ALL);
    world_put_config(w, "shop", "a", "x");
    world_put(w, "clusters/README.md", "# Clusters\n\n```\napiVersion: holdfast/v1alpha1\n```\n");
    assert_told(w, "");
    world_remove(w, "clusters/paris.yaml");
    world_put(w, "clusters/paris.txt",
              "apiVersion: holdfast/v1alpha1\nkind: Cluster\nmetadata: {name: paris}\n");
    assert_told(w, "clusters/paris.txt:1:1: a Cluster is not looked for in a file of this name: "
                   "rename it to *.yaml, or delete it");
    assert_non_null(world_object(w, "paris", "shop", "ConfigMap/default/a"));
    world_remove(w, "clusters/paris.txt");
    assert_told(w, "");
    assert_null(world_pair(w, "paris", "shop"));
}

static void what_leaves_out_all_files_of_an_app_is_told(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop", "  source: {include: ['*.yml', b.yaml], exclude: [b.yaml]}\n" ALL);
    world_put_config(w, "shop", "a", "x");
    world_put_config(w, "shop", "b", "x");
    world_put_config(w, "shop", "c", "x");
    assert_told(w, "apps/shop/app.yaml:4:9: the App has no manifests: 3 files are left out, 2 by "
                   "spec.source.include, 1 by spec.source.exclude: correct that, or delete "
                   "app.yaml to remove the App");
    world_put_app(w, "shop", ALL);
    world_remove(w, "apps/shop/b.yaml");
    world_remove(w, "apps/shop/c.yaml");
    world_put(w, "apps/shop/.holdfastignore", "*.yaml\n");
    assert_told(w, "apps/shop/app.yaml:4:9: the App has no manifests: 1 file is left out, 1 by "
                   ".holdfastignore: correct that, or delete app.yaml to remove the App");
}

#define TESTED(path)                                                                               \
    "  overlays: [{target: {name: a}, jsonPatch: [{op: test, path: " path ", value: 1}]}]\n" ALL

static void a_test_that_failed_says_what_is_there_but_of_a_secret(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop", TESTED("/data/k"));
    world_put(w, "apps/shop/a.yaml",
              "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: hunter2}\n");
    assert_told(w, "apps/shop/app.yaml:6:79: ConfigMap 'a': the value at '/data/k' is \"hunter2\", "
                   "not what the test expects: correct the test, or remove it");
    world_put_app(w, "shop", TESTED("/stringData/k"));
    world_put(w, "apps/shop/a.yaml",
              "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {k: hunter2}\n");
    assert_told(w, "apps/shop/app.yaml:6:85: Secret 'a': the value at '/stringData/k' is another "
                   "one, not what the test expects: correct the test, or remove it");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_document_that_is_no_yaml_hides_no_other_one_of_its_file),
        TEST(a_wrong_app_hides_nothing_of_its_manifests),
        TEST(a_wrong_app_that_was_right_hides_nothing_of_its_manifests_either),
        TEST(an_app_that_is_no_yaml_is_named_by_its_folder),
        TEST(a_refused_file_hides_no_variable),
        TEST(a_manifest_that_is_wrong_hides_nothing_of_others),
        TEST(an_overlay_that_is_missing_hides_nothing_of_the_rest),
        TEST(a_document_in_a_file_that_is_not_named_yaml_is_told_and_stays),
        TEST(what_leaves_out_all_files_of_an_app_is_told),
        TEST(a_test_that_failed_says_what_is_there_but_of_a_secret),
        TEST(a_part_of_an_overlay_that_is_wrong_hides_nothing_of_the_rest),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
