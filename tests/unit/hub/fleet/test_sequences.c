// What is left by one commit and met by the next: files that break, move, go and come back.
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
#define APP(name) "apiVersion: holdfast/v1alpha1\nkind: App\nmetadata: {name: " name "}\n"

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

static bool stale(struct world *w, const char *app) {
    return world_pair(w, "c1", app)->stale;
}

// ---- Documents that are wrong

static void a_document_is_wrong_too_when_there_is_no_room_to_say_so(void **state) {
    struct world *w = *state;
    struct cm_str file = {0};

    for (int i = 0; i < 101; i++) {
        cm_str_addf(&file,
                    "---\napiVersion: holdfast/v1alpha1\nkind: Cluster\nmetadata: {name: c%d}\n"
                    "bad: 1\n",
                    i);
    }
    cm_str_add(&file, "---\napiVersion: holdfast/v1alpha1\nkind: Cluster\n");
    world_put(w, "clusters/all.yaml", cm_str_get(&file));
    (void)world_commit_all(w);
    assert_null(hub_fleet_desired(w->fleet, "c100"));
    cm_str_done(&file);
}

static void a_wrong_app_that_moves_on_gives_its_folder_up(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "c1", "", "");
    world_put_app(w, "a", ALL);
    world_put_config(w, "a", "m", "1");
    (void)world_commit_all(w);
    world_put(w, "apps/a/app.yaml", APP("a") "spec: {bad: 1}\n");
    (void)world_commit(w);
    world_remove(w, "apps/a/app.yaml");
    world_put(w, "apps/b/app.yaml", APP("a") "spec: {bad: 2}\n");
    (void)world_commit(w);
    world_put(w, "apps/a/app.yaml",
              APP("c") "spec: {substitute: false, namespace: other, targets: [{cluster: c1}]}\n");
    (void)world_commit(w);
    assert_true(stale(w, "a"));
    world_remove(w, "apps/a/m.yaml");
    (void)world_commit(w);
    assert_non_null(world_object(w, "c1", "a", "ConfigMap/default/m"));
    world_put(w, "apps/b/app.yaml", APP("a") "spec: {targets: [{cluster: c1}]}\n");
    world_put(w, "apps/b/m.yaml",
              "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, namespace: default}\n");
    (void)world_commit(w);
    assert_false(stale(w, "a"));
}

static void a_new_app_with_a_typo_is_not_the_one_that_was_deleted(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "c1", "", "");
    world_put_app(w, "a", ALL);
    world_put_config(w, "a", "m", "1");
    (void)world_commit_all(w);
    world_remove(w, "apps/a/app.yaml");
    world_remove(w, "apps/a/m.yaml");
    world_put(w, "apps/b/app.yaml", APP("b") "spec: {bad: 1}\n");
    world_put_config(w, "b", "other", "1");
    (void)world_commit(w);
    assert_null(world_pair(w, "c1", "a"));
    assert_null(world_pair(w, "c1", "b"));
    assert_int_equal(hub_fleet_desired(w->fleet, "c1")->gone_count, 1);
}

static void of_two_wrong_files_each_keeps_the_app_that_it_names(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "c1", "", "");
    world_put_app(w, "a", ALL);
    world_put_config(w, "a", "m", "1");
    world_put_app(w, "a-b", ALL);
    world_put_config(w, "a-b", "other", "1");
    (void)world_commit_all(w);
    world_remove(w, "apps/a/app.yaml");
    world_remove(w, "apps/a-b/app.yaml");
    world_put(w, "teams/1/app.yaml", "metadata: {\"name\": \"a-b\"}\nspec: [");
    world_put(w, "teams/2/app.yaml", "metadata:\n  name: 'a'\nspec: [");
    (void)world_commit(w);
    assert_true(stale(w, "a"));
    assert_true(stale(w, "a-b"));
    world_remove(w, "teams/2/app.yaml");
    (void)world_commit(w);
    assert_null(world_pair(w, "c1", "a"));
    assert_true(stale(w, "a-b"));
}

static void while_its_document_is_wrong_nothing_of_an_app_changes(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "c1", "", "v: 1");
    world_put_app(w, "a", ALL);
    world_put_config(w, "a", "m", "${v}");
    world_put_config(w, "a", "other", "1");
    (void)world_commit_all(w);
    world_put_app(w, "a", "  prune: flase\n" ALL);
    world_remove(w, "apps/a/other.yaml");
    (void)world_commit(w);
    assert_non_null(world_object(w, "c1", "a", "ConfigMap/default/other"));
    assert_true(stale(w, "a"));
    world_put_cluster(w, "c1", "", "v: 2");
    world_put_cluster(w, "c2", "", "v: 2");
    (void)world_commit(w);
    assert_string_equal(world_pair(w, "c1", "a")->revision, "r1");
    assert_null(world_pair(w, "c2", "a"));
    world_put_app(w, "a", "  prune: false\n" ALL);
    (void)world_commit(w);
    assert_null(world_object(w, "c1", "a", "ConfigMap/default/other"));
    assert_false(world_pair(w, "c1", "a")->bundle->spec.prune);
    assert_non_null(strstr(world_object(w, "c1", "a", "ConfigMap/default/m"), "2"));
    assert_non_null(world_pair(w, "c2", "a"));
    assert_string_equal(world_problems(w), "");
}

// ---- Suspension

static bool suspended(struct world *w, const char *app) {
    return world_pair(w, "c1", app)->bundle->spec.suspend;
}

static void put_suspended_cluster(struct world *w) {
    world_put(w, "clusters/c1.yaml",
              "apiVersion: holdfast/v1alpha1\nkind: Cluster\nmetadata: {name: c1}\n"
              "spec: {suspend: true}\n");
}

static void what_does_not_render_is_suspended_all_the_same(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "c1", "", "");
    world_put_app(w, "a", ALL);
    world_put_config(w, "a", "m", "1");
    (void)world_commit_all(w);
    world_put_config(w, "a", "m", "${none}");
    (void)world_commit(w);
    world_put_app(w, "a", "  suspend: true\n" ALL);
    (void)world_commit(w);
    assert_true(stale(w, "a"));
    assert_true(suspended(w, "a"));
    assert_string_equal(world_pair(w, "c1", "a")->revision, "r1");
    assert_non_null(strstr(world_object(w, "c1", "a", "ConfigMap/default/m"), "1"));
    world_put_app(w, "a", ALL);
    (void)world_commit(w);
    assert_false(suspended(w, "a"));
    world_put(w, "apps/a/app.yaml", "kind: [");
    (void)world_commit(w);
    put_suspended_cluster(w);
    const struct hub_fleet_result *result = world_commit(w);
    assert_int_equal(result->changed_count, 1);
    assert_true(suspended(w, "a"));
}

static void a_release_group_holds_no_suspension_up(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "c1", "", "");
    world_put_app(w, "a", "  releaseGroup: g\n" ALL);
    world_put_config(w, "a", "m", "1");
    world_put_app(w, "b", "  releaseGroup: g\n" ALL);
    world_put_config(w, "b", "other", "1");
    (void)world_commit_all(w);
    world_put_config(w, "a", "m", "${none}");
    world_put_app(w, "b", "  releaseGroup: g\n  suspend: true\n" ALL);
    (void)world_commit(w);
    assert_true(suspended(w, "b"));
    assert_false(stale(w, "b"));
    world_put_config(w, "b", "other", "2");
    world_put_app(w, "b", "  releaseGroup: g\n" ALL);
    (void)world_commit(w);
    assert_false(suspended(w, "b"));
    assert_true(stale(w, "b"));
    assert_non_null(strstr(world_object(w, "c1", "b", "ConfigMap/default/other"), "1"));
}

// ---- Files

static void a_file_that_only_changed_its_mode_can_go(void **state) {
    struct world *w = *state;

    for (int again = 0; again < 2; again++) {
        world_put_cluster(w, "c1", "", "");
        world_put_app(w, "a", ALL);
        world_put_config(w, "a", "m", "1");
        if (again == 0) {
            world_put_config(w, "a", "other", "1");
            (void)world_commit_all(w);
            world_put_config(w, "a", "other", "1");
            (void)world_commit(w);
        }
    }
    (void)world_commit_all(w);
    assert_non_null(world_object(w, "c1", "a", "ConfigMap/default/m"));
    assert_null(world_object(w, "c1", "a", "ConfigMap/default/other"));
}

#define WIDGET "apiVersion: ex.io/v1\nkind: W\nmetadata: {name: w}\n"

static void put_crd(struct world *w, const char *scope) {
    CM_AUTOFREE char *crd =
        cm_strf("apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
                "metadata: {name: ws.ex.io}\nspec: {group: ex.io, names: {kind: W}, scope: %s}\n",
                scope);

    world_put_app(w, "crd", ALL);
    world_put(w, "apps/crd/crd.yaml", crd);
}

static void a_file_that_was_left_out_comes_back_by_the_rules_of_now(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "c1", "", "");
    put_crd(w, "Namespaced");
    world_put_app(w, "a", "  namespace: here\n" ALL);
    world_put_config(w, "a", "m", "1");
    world_put(w, "apps/a/w.yaml", WIDGET);
    (void)world_commit_all(w);
    assert_non_null(world_object(w, "c1", "a", "W.ex.io/here/w"));
    world_put(w, "apps/a/.holdfastignore", "w.yaml\n");
    put_crd(w, "Cluster");
    (void)world_commit(w);
    world_remove(w, "apps/a/.holdfastignore");
    (void)world_commit(w);
    assert_null(world_object(w, "c1", "a", "W.ex.io/here/w"));
    assert_non_null(world_object(w, "c1", "a", "W.ex.io//w"));
}

static void an_overlay_that_becomes_a_manifest_is_one_by_the_rules_of_now(void **state) {
    struct world *w = *state;

    world_put_cluster(w, "c1", "", "");
    put_crd(w, "Namespaced");
    world_put_app(w, "a", "  namespace: here\n" ALL);
    world_put(w, "apps/a/w.yaml", WIDGET);
    (void)world_commit_all(w);
    world_put_app(w, "a", "  namespace: here\n  overlays: [{path: w.yaml}]\n" ALL);
    world_put(w, "apps/a/other.yaml", WIDGET);
    put_crd(w, "Cluster");
    (void)world_commit(w);
    world_put_app(w, "a", "  namespace: here\n" ALL);
    world_remove(w, "apps/a/other.yaml");
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
    assert_null(world_object(w, "c1", "a", "W.ex.io/here/w"));
    assert_non_null(world_object(w, "c1", "a", "W.ex.io//w"));
}

static void an_ignore_file_that_cannot_be_read_is_told_once(void **state) {
    struct world *w = *state;
    size_t count;

    world_put_cluster(w, "c1", "", "");
    world_put_app(w, "a", ALL);
    world_put_config(w, "a", "m", "1");
    world_put_config(w, "a", "other", "1");
    world_put(w, "apps/.holdfastignore", "other.yaml\n");
    w->unreadable = "other.yaml\n";
    (void)world_commit_all(w);
    const struct hub_problem *p = hub_fleet_problems(w->fleet, &count);
    assert_int_equal(count, 1);
    assert_int_equal(p->clusters, 1);
    assert_null(world_pair(w, "c1", "a"));
    w->unreadable = NULL;
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
    assert_null(world_object(w, "c1", "a", "ConfigMap/default/other"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_wrong_app_that_moves_on_gives_its_folder_up),
        TEST(a_new_app_with_a_typo_is_not_the_one_that_was_deleted),
        TEST(of_two_wrong_files_each_keeps_the_app_that_it_names),
        TEST(while_its_document_is_wrong_nothing_of_an_app_changes),
        TEST(what_does_not_render_is_suspended_all_the_same),
        TEST(a_release_group_holds_no_suspension_up),
        TEST(a_file_that_was_left_out_comes_back_by_the_rules_of_now),
        TEST(an_overlay_that_becomes_a_manifest_is_one_by_the_rules_of_now),
        TEST(an_ignore_file_that_cannot_be_read_is_told_once),
        TEST(a_file_that_only_changed_its_mode_can_go),
        TEST(a_document_is_wrong_too_when_there_is_no_room_to_say_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
