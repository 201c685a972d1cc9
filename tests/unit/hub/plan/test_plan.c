// What a plan holds.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/plan/plan.h"
#include "hub/plan/show.h"
#include "world.h"

#define ALL "  targets:\n    - clusterSelector: {}\n"

struct scene {
    struct world w;
    struct hub_plan_before *before;
    struct hub_plan *plan;
};

// Three clusters, two Apps of an object each.
static int begin(void **state) {
    static struct scene s;

    s = (struct scene){0};
    world_init(&s.w);
    for (int i = 1; i <= 3; i++) {
        CM_AUTOFREE char *name = cm_strf("c%d", i);
        world_put_cluster(&s.w, name, "", "v: 1");
    }
    world_put_app(&s.w, "shop", ALL);
    world_put_config(&s.w, "shop", "one", "a");
    world_put_app(&s.w, "web", ALL);
    world_put_config(&s.w, "web", "two", "a");
    (void)world_commit(&s.w);
    s.before = hub_plan_remember(s.w.fleet);
    *state = &s;
    return 0;
}

static int end(void **state) {
    struct scene *s = *state;

    hub_plan_free(s->plan);
    hub_plan_before_free(s->before);
    world_done(&s->w);
    return 0;
}

static const struct hub_plan *make(struct scene *s, const struct hub_plan_filter *filter) {
    (void)world_commit(&s->w);
    hub_plan_free(s->plan);
    s->plan = hub_plan_make(s->before, s->w.fleet, filter);
    return s->plan;
}

static const struct hub_plan_change *only_change(const struct hub_plan *plan) {
    assert_int_equal(plan->app_count, 1);
    assert_int_equal(plan->apps[0].group_count, 1);
    assert_int_equal(plan->apps[0].groups[0].change_count, 1);
    return &plan->apps[0].groups[0].changes[0];
}

static void a_commit_that_changes_nothing_gives_an_empty_plan(void **state) {
    const struct hub_plan *plan;

    world_put(&((struct scene *)*state)->w, "README.md", "hello");
    plan = make(*state, NULL);
    assert_int_equal(plan->app_count, 0);
    assert_false(hub_plan_changes(plan));
}

static void a_field_has_what_it_was_and_what_it_becomes(void **state) {
    struct scene *s = *state;

    world_put_config(&s->w, "shop", "one", "b");
    const struct hub_plan *plan = make(s, NULL);
    const struct hub_plan_change *change = only_change(plan);

    assert_int_equal(change->action, HUB_PLAN_FIELD);
    assert_string_equal(change->key, "ConfigMap/default/one");
    assert_string_equal(change->path, "data.value");
    assert_string_equal(change->before->text, "a");
    assert_string_equal(change->after->text, "b");
    assert_int_equal(plan->apps[0].groups[0].cluster_count, 3);
    assert_int_equal(plan->totals.changed, 3);
    assert_int_equal(plan->totals.clusters, 3);
}

static void a_version_of_the_api_is_a_field(void **state) {
    struct scene *s = *state;

    world_put(&s->w, "apps/shop/one.yaml",
              "apiVersion: v2\nkind: ConfigMap\nmetadata: {name: one, namespace: default}\n"
              "data: {value: a}\n");
    assert_string_equal(only_change(make(s, NULL))->path, "apiVersion");
}

static void what_means_the_same_is_told_as_written_otherwise(void **state) {
    struct scene *s = *state;
    static const char pod[] =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: default}\n"
        "spec: {containers: [{name: a, image: i, resources: {limits: {cpu: '%s'}}}]}\n";
    CM_AUTOFREE char *whole =
        cm_strf("%.*s1%s", (int)(strstr(pod, "%s") - pod), pod, strstr(pod, "%s") + 2);
    CM_AUTOFREE char *thousandths =
        cm_strf("%.*s1000m%s", (int)(strstr(pod, "%s") - pod), pod, strstr(pod, "%s") + 2);

    world_put(&s->w, "apps/shop/pod.yaml", whole);
    (void)world_commit(&s->w);
    hub_plan_before_free(s->before);
    s->before = hub_plan_remember(s->w.fleet);
    world_put(&s->w, "apps/shop/pod.yaml", thousandths);
    assert_int_equal(only_change(make(s, NULL))->action, HUB_PLAN_REWRITTEN);
}

static void an_object_that_prune_spares_is_released(void **state) {
    struct scene *s = *state;

    world_put_config(&s->w, "shop", "more", "1");
    world_put_app(&s->w, "shop", "  prune: false\n" ALL);
    (void)world_commit(&s->w);
    hub_plan_before_free(s->before);
    s->before = hub_plan_remember(s->w.fleet);
    world_remove(&s->w, "apps/shop/one.yaml");
    const struct hub_plan *plan = make(s, NULL);
    assert_int_equal(only_change(plan)->action, HUB_PLAN_RELEASED);
    assert_int_equal(plan->totals.released, 3);
    assert_int_equal(plan->totals.removed, 0);
}

static void an_app_that_is_deleted_leaves_with_its_objects(void **state) {
    struct scene *s = *state;

    world_remove(&s->w, "apps/shop/app.yaml");
    const struct hub_plan *plan = make(s, NULL);
    const struct hub_plan_group *group = &plan->apps[0].groups[0];

    assert_int_equal(group->change_count, 2);
    assert_int_equal(group->changes[0].action, HUB_PLAN_LEAVES);
    assert_int_equal(group->changes[1].action, HUB_PLAN_REMOVED);
    assert_int_equal(plan->totals.removed, 3);
}

static void a_cluster_that_is_not_in_git_any_more_loses_nothing(void **state) {
    struct scene *s = *state;

    world_remove(&s->w, "clusters/c2.yaml");
    const struct hub_plan *plan = make(s, NULL);
    assert_int_equal(plan->unmanaged_count, 1);
    assert_string_equal(plan->unmanaged[0], "c2");
    assert_int_equal(plan->app_count, 0);
    assert_true(hub_plan_changes(plan));
}

static void a_new_cluster_gets_all_its_apps(void **state) {
    struct scene *s = *state;

    world_put_cluster(&s->w, "c9", "", "v: 1");
    const struct hub_plan *plan = make(s, NULL);
    assert_int_equal(plan->joined_count, 1);
    assert_int_equal(plan->app_count, 2);
    assert_int_equal(plan->totals.added, 2);
}

static void an_app_can_be_looked_at_alone(void **state) {
    struct scene *s = *state;
    const struct hub_plan_filter filter = {.app = "web"};

    world_put_config(&s->w, "shop", "one", "${undefined}");
    world_put_config(&s->w, "web", "two", "b");
    const struct hub_plan *plan = make(s, &filter);
    assert_int_equal(plan->app_count, 1);
    assert_string_equal(plan->apps[0].name, "web");
    assert_int_equal(plan->problem_count, 0);
    assert_int_equal(plan->totals.changed, 3);
}

static bool is_c1(void *ctx, const char *cluster) {
    (void)ctx;
    return strcmp(cluster, "c1") == 0;
}

static void clusters_can_be_looked_at_alone(void **state) {
    struct scene *s = *state;
    const struct hub_plan_filter filter = {.wants = is_c1};

    world_put_config(&s->w, "web", "two", "b");
    world_remove(&s->w, "clusters/c2.yaml");
    const struct hub_plan *plan = make(s, &filter);
    assert_int_equal(plan->apps[0].groups[0].cluster_count, 1);
    assert_int_equal(plan->unmanaged_count, 0);
    assert_int_equal(plan->totals.clusters, 1);
}

static void a_problem_keeps_an_app_as_it_is(void **state) {
    struct scene *s = *state;

    world_put_config(&s->w, "shop", "one", "${undefined}");
    const struct hub_plan *plan = make(s, NULL);
    assert_int_equal(plan->apps[0].held, 3);
    assert_int_equal(plan->apps[0].group_count, 0);
    assert_int_equal(hub_plan_count_problems(plan, HUB_PLAN_NEW), 1);
    assert_false(hub_plan_changes(plan));
}

static void a_problem_that_moved_by_lines_is_known(void **state) {
    struct scene *s = *state;

    world_put_config(&s->w, "shop", "one", "${undefined}");
    (void)world_commit(&s->w);
    hub_plan_before_free(s->before);
    s->before = hub_plan_remember(s->w.fleet);
    world_put(&s->w, "apps/shop/one.yaml",
              "# a comment\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n"
              "data:\n  value: ${undefined}\n");
    const struct hub_plan *plan = make(s, NULL);
    assert_int_equal(hub_plan_count_problems(plan, HUB_PLAN_KNOWN), 1);
    assert_int_equal(hub_plan_count_problems(plan, HUB_PLAN_NEW), 0);
    assert_int_equal(hub_plan_count_problems(plan, HUB_PLAN_MENDED), 0);
}

static void an_app_whose_manifests_went_elsewhere_is_not_compared(void **state) {
    struct scene *s = *state;

    world_put_app(&s->w, "shop", "  source: {repository: elsewhere}\n" ALL);
    const struct hub_plan *plan = make(s, NULL);
    assert_int_equal(plan->app_count, 0);
    assert_int_equal(plan->problem_count, 0);
    assert_int_equal(plan->not_compared_count, 1);
    assert_string_equal(plan->not_compared[0].name, "shop");
    assert_int_equal(plan->not_compared[0].loses, 0);
}

static void that_such_an_app_is_deleted_is_told_all_the_same(void **state) {
    struct scene *s = *state;
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    world_put_app(&s->w, "far", "  source: {repository: elsewhere}\n" ALL);
    (void)world_commit(&s->w);
    hub_plan_before_free(s->before);
    s->before = hub_plan_remember(s->w.fleet);
    world_remove(&s->w, "apps/far/app.yaml");
    const struct hub_plan *plan = make(s, NULL);
    assert_int_equal(plan->not_compared_count, 1);
    assert_true(plan->not_compared[0].gone);
    assert_int_equal(plan->not_compared[0].loses, 3);
    assert_true(hub_plan_changes(plan));
    hub_plan_text(plan, &(struct hub_plan_view){.from = "a", .to = "b", .folder = ""}, &text);
    assert_non_null(strstr(cm_str_get(&text), "App far is no longer in Git"));
    assert_non_null(strstr(cm_str_get(&text), "ALL ITS OBJECTS ARE DELETED"));
    assert_null(strstr(cm_str_get(&text), "nothing changes"));
}

static void what_waits_is_a_problem_with_the_document_to_commit(void **state) {
    struct scene *s = *state;
    CM_CLEANUP(cm_str_done) struct cm_str documents = {0};

    hub_fleet_set_guard(s->w.fleet, &(struct hub_fleet_guard){.clusters_min = 3, .objects_min = 9});
    world_remove(&s->w, "apps/web/app.yaml");
    const struct hub_plan *plan = make(s, NULL);
    assert_int_equal(plan->totals.removed, 0);
    assert_int_equal(hub_plan_count_problems(plan, HUB_PLAN_NEW), 1);
    assert_int_equal(hub_plan_confirmations(plan, &documents), 1);
    assert_non_null(strstr(cm_str_get(&documents), plan->problems[0].problem.removal));
    world_put(&s->w, "confirmations/web.yaml", cm_str_get(&documents));
    plan = make(s, NULL);
    assert_int_equal(plan->totals.removed, 3);
    assert_int_equal(plan->problem_count, 0);
}

static void objects_that_many_clusters_share_are_compared_once(void **state) {
    struct scene *s = *state;

    world_put_config(&s->w, "shop", "own", "${cluster.name}"); // so that no two bundles are alike
    (void)world_commit(&s->w);
    hub_plan_before_free(s->before);
    s->before = hub_plan_remember(s->w.fleet);
    world_put_config(&s->w, "shop", "one", "b");
    assert_int_equal(make(s, NULL)->totals.changed, 3);
    assert_int_equal(s->plan->totals.compared, 1);
}

static void a_hook_runs_with_each_change_of_its_app(void **state) {
    struct scene *s = *state;

    world_put(&s->w, "apps/shop/migrate.yaml",
              "apiVersion: batch/v1\nkind: Job\n"
              "metadata: {name: migrate, namespace: default,\n"
              "  annotations: {holdfast.dev/hook: pre-apply}}\n"
              "spec: {template: {spec: {containers: [{name: a, image: i}]}}}\n");
    (void)world_commit(&s->w);
    hub_plan_before_free(s->before);
    s->before = hub_plan_remember(s->w.fleet);
    world_put_config(&s->w, "shop", "one", "b");
    const struct hub_plan_group *group = &make(s, NULL)->apps[0].groups[0];
    assert_int_equal(group->change_count, 2);
    assert_int_equal(group->changes[0].action, HUB_PLAN_RUNS);
    assert_string_equal(group->changes[0].key, "Job.batch/default/migrate");
    assert_string_equal(group->changes[0].path, "pre-apply");
    world_put_app(&s->w, "shop", ALL "  suspend: true\n");
    group = &make(s, NULL)->apps[0].groups[0];
    for (size_t i = 0; i < group->change_count; i++) {
        assert_int_not_equal(group->changes[i].action, HUB_PLAN_RUNS);
    }
}

static void a_plan_outlives_the_fleet_and_what_was_before(void **state) {
    struct scene *s = *state;

    world_put_config(&s->w, "shop", "new", "b");
    world_remove(&s->w, "apps/web/app.yaml");
    const struct hub_plan *plan = make(s, NULL);
    hub_plan_before_free(s->before);
    s->before = NULL;
    world_put_config(&s->w, "shop", "new", "c");
    (void)world_commit(&s->w);
    assert_string_equal(plan->apps[0].groups[0].changes[0].key, "ConfigMap/default/new");
    assert_string_equal(plan->apps[1].groups[0].clusters[2], "c3");
}

static void put_release(struct scene *s, const char *image) {
    CM_AUTOFREE char *text =
        cm_strf("apiVersion: apps/v1\nkind: Deployment\n"
                "metadata: {name: web, namespace: ns}\nspec: {template: {spec: "
                "{containers: [{name: main, image: 'web:%s'}]}}}\n",
                image);

    world_put(&s->w, "apps/web/web.yaml", text);
}

static void put_hold(struct scene *s, const char *rest) {
    CM_AUTOFREE char *text =
        cm_strf("apiVersion: holdfast/v1alpha1\nkind: Hold\nmetadata: {name: web-2-aa}\nspec:\n"
                "  app: web\n  clusters: [c1, c2]\n  rejects: {identity: [{object: "
                "apps/Deployment/ns/web, at: '/spec/template/spec/containers/[name=main]/image', "
                "value: 'web:2'}]}\n  delta: [{object: apps/Deployment/ns/web, at: "
                "'/spec/template/spec/containers/[name=main]/image', bad: 'web:2', use: 'web:1'}]\n"
                "  cause: {controller: flagger, text: it failed}\n%s",
                rest);

    world_put(&s->w, "holds/web/2-aa.yaml", text);
}

// remember takes what is in force now as what was before.
static void remember(struct scene *s) {
    (void)world_commit(&s->w);
    hub_plan_before_free(s->before);
    s->before = hub_plan_remember(s->w.fleet);
}

static void assert_words(struct scene *s, const char *expected) {
    const struct hub_plan *plan = make(s, NULL);
    CM_CLEANUP(cm_str_done) struct cm_str words = {0};

    assert_int_equal(plan->hold_count, expected[0] != '\0' ? 1 : 0);
    if (plan->hold_count > 0) {
        hub_plan_hold_words(&plan->holds[0], &words);
    }
    assert_string_equal(cm_str_get(&words), expected);
}

static void a_rejected_release_that_is_pushed_again_is_told_as_held(void **state) {
    struct scene *s = *state;

    put_release(s, "1");
    put_hold(s, "");
    remember(s);
    put_release(s, "2");
    assert_words(s,
                 "App web is held on 2 clusters: it stays on 1 instead of 2 (flagger: it failed), "
                 "holds/web/2-aa.yaml");
    assert_int_equal(s->plan->apps[0].clusters, 1);
    remember(s);
    world_put_config(&s->w, "shop", "new", "b");
    assert_words(s, ""); // nothing of it
}

static void a_hold_that_ends_is_told_with_what_is_rolled_out(void **state) {
    struct scene *s = *state;

    put_release(s, "2");
    put_hold(s, "");
    remember(s);
    put_release(s, "3");
    assert_words(s, "App web is held no longer on 2 clusters: Git says another release than 2, "
                    "holds/web/2-aa.yaml");
    assert_int_equal(s->plan->apps[0].clusters, 3);
    put_release(s, "2");
    put_hold(s, "  retry: true\n");
    assert_words(s, "App web tries 2 again on 2 clusters, holds/web/2-aa.yaml");
    world_remove(&s->w, "holds/web/2-aa.yaml");
    assert_words(s,
                 "App web was held on 2 clusters at 1, and the Hold leaves Git: a hub that knows "
                 "the decision keeps 2 out all the same and writes the file again; to try it "
                 "again, set retry: true, holds/web/2-aa.yaml");
}

static void put_freeze(struct scene *s, const char *spec) {
    CM_AUTOFREE char *text = cm_strf("apiVersion: holdfast/v1alpha1\nkind: Freeze\n"
                                     "metadata: {name: stop}\nspec: {%s, reason: it burns}\n",
                                     spec);

    world_put(&s->w, "freezes/stop.yaml", text);
}

static void assert_frozen(struct scene *s, const char *expected) {
    const struct hub_plan *plan = make(s, NULL);
    CM_CLEANUP(cm_str_done) struct cm_str words = {0};

    assert_int_equal(plan->freeze_count, expected[0] != '\0' ? 1 : 0);
    if (plan->freeze_count > 0) {
        hub_plan_freeze_words(&plan->freezes[0], &words);
    }
    assert_string_equal(cm_str_get(&words), expected);
}

static void a_freeze_is_told_where_it_keeps_something_from_being_applied(void **state) {
    struct scene *s = *state;

    put_release(s, "1");
    remember(s);
    put_freeze(s, "app: web, cluster: c1, until: '2026-10-01T12:00:00Z'");
    assert_frozen(s, "App web on cluster c1 is frozen until 2026-10-01T12:00:00.000Z (it burns): "
                     "nothing is applied there meanwhile, freezes/stop.yaml");
    remember(s);
    world_put_config(&s->w, "shop", "new", "b");
    assert_frozen(s, ""); // nothing of it
    put_release(s, "2");
    put_freeze(s, "app: web");
    assert_frozen(s, "App web on all clusters is frozen (it burns): nothing is applied there "
                     "meanwhile, freezes/stop.yaml");
    remember(s);
    world_remove(&s->w, "freezes/stop.yaml");
    assert_frozen(s, "App web on all clusters is frozen no longer: what waited is applied, "
                     "freezes/stop.yaml");
    assert_int_equal(s->plan->app_count, 0); // it changes nothing of what shall run
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_commit_that_changes_nothing_gives_an_empty_plan),
        TEST(a_field_has_what_it_was_and_what_it_becomes),
        TEST(a_version_of_the_api_is_a_field),
        TEST(what_means_the_same_is_told_as_written_otherwise),
        TEST(an_object_that_prune_spares_is_released),
        TEST(an_app_that_is_deleted_leaves_with_its_objects),
        TEST(a_cluster_that_is_not_in_git_any_more_loses_nothing),
        TEST(a_new_cluster_gets_all_its_apps),
        TEST(an_app_can_be_looked_at_alone),
        TEST(clusters_can_be_looked_at_alone),
        TEST(a_problem_keeps_an_app_as_it_is),
        TEST(a_problem_that_moved_by_lines_is_known),
        TEST(an_app_whose_manifests_went_elsewhere_is_not_compared),
        TEST(that_such_an_app_is_deleted_is_told_all_the_same),
        TEST(what_waits_is_a_problem_with_the_document_to_commit),
        TEST(objects_that_many_clusters_share_are_compared_once),
        TEST(a_hook_runs_with_each_change_of_its_app),
        TEST(a_rejected_release_that_is_pushed_again_is_told_as_held),
        TEST(a_hold_that_ends_is_told_with_what_is_rolled_out),
        TEST(a_freeze_is_told_where_it_keeps_something_from_being_applied),
        TEST(a_plan_outlives_the_fleet_and_what_was_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
