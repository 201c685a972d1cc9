// Apps whose manifests are in another repository.
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
#include "hub/render/bundle.h"
#include "world.h"

#define ALL "  targets: [{clusterSelector: {}}]"
#define SOURCE(ref) "  source: {repository: shop-config, path: web, ref: {" ref "}}\n"
#define STABLE "shop-config@semver:>=1.2 <2"
#define CFG "ConfigMap/default/cfg"

static int set_up(void **state) {
    static struct world w;

    world_init(&w);
    world_put_cluster(&w, "paris", "", "v: 1");
    *state = &w;
    return 0;
}

static int tear_down(void **state) {
    world_done(*state);
    return 0;
}

static void put_config(struct world *w, const char *path, const char *name, const char *value) {
    CM_AUTOFREE char *content = cm_strf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, "
                                        "namespace: default}\ndata: {value: \"%s\"}\n",
                                        name, value);

    world_put(w, path, content);
}

// speak_of makes the world's next commits those of a source, or of the fleet's own repository.
static void speak_of(struct world *w, const char *source) {
    w->repo = source != NULL ? source : "fleet";
    w->source_only = source != NULL;
}

static void a_source_has_a_name_by_what_it_wants(void **state) {
    static const struct {
        enum hub_ref ref;
        const char *text;
        const char *name;
    } cases[] = {
        {HUB_REF_DEFAULT, "", "shop-config@default"},
        {HUB_REF_BRANCH, "main", "shop-config@branch:main"},
        {HUB_REF_TAG, "v1.2", "shop-config@tag:v1.2"},
        {HUB_REF_SEMVER, ">=1.2 <2", STABLE},
        {HUB_REF_COMMIT, "4f1c", "shop-config@commit:4f1c"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        CM_AUTOFREE char *name = hub_fleet_source_name("shop-config", cases[i].ref, cases[i].text);
        assert_string_equal(name, cases[i].name);
    }
}

static void an_app_waits_for_its_source_and_then_runs(void **state) {
    struct world *w = *state;
    size_t count;

    world_put_app(w, "shop", SOURCE("semver: '>=1.2 <2'") ALL);
    const struct hub_fleet_result *result = world_commit_all(w);
    assert_true(result->sources_changed);
    const struct hub_fleet_source *sources = hub_fleet_sources(w->fleet, &count);
    assert_int_equal(count, 1);
    assert_string_equal(sources->name, STABLE);
    assert_string_equal(sources->repository, "shop-config");
    assert_int_equal(sources->ref, HUB_REF_SEMVER);
    assert_string_equal(sources->text, ">=1.2 <2");
    assert_false(sources->loaded);
    assert_string_equal(world_problems(w),
                        "apps/shop/app.yaml:6:24: the source '" STABLE "' is not fetched yet: the "
                        "App stays as it is until it is");
    const struct hub_problem *p = hub_fleet_problems(w->fleet, &count);
    assert_true(p->waiting);
    assert_null(world_pair(w, "paris", "shop"));

    speak_of(w, STABLE);
    put_config(w, "web/cfg.yaml", "cfg", "${v}");
    put_config(w, "other/no.yaml", "no", "x");
    world_put(w, "web/README.md", "words");
    result = world_commit_all(w);
    assert_string_equal(world_problems(w), "");
    assert_true(result->problems_changed);
    assert_int_equal(result->changed_count, 1);
    assert_non_null(strstr(world_object(w, "paris", "shop", CFG), "\"value\": \"1\""));
    assert_string_equal(world_pair(w, "paris", "shop")->repo, STABLE);
    assert_string_equal(world_pair(w, "paris", "shop")->revision, "r2");
    assert_int_equal(world_pair(w, "paris", "shop")->bundle->spec.object_count, 1);
    assert_true(hub_fleet_sources(w->fleet, &count)->loaded);
}

static void what_keeps_a_source_from_being_fetched_is_told(void **state) {
    struct world *w = *state;
    size_t count;

    world_put_app(w, "shop", SOURCE("semver: '>=1.2 <2'") ALL);
    (void)world_commit_all(w);
    assert_true(hub_fleet_source_tell(w->fleet, STABLE, "no tag is in the range: push one"));
    assert_false(hub_fleet_source_tell(w->fleet, STABLE, "no tag is in the range: push one"));
    assert_false(hub_fleet_source_tell(w->fleet, "nobody@default", "gone"));
    assert_string_equal(world_problems(w),
                        "apps/shop/app.yaml:6:24: the source '" STABLE
                        "' is not fetched yet: no tag is in the range: push one");
    assert_false(hub_fleet_problems(w->fleet, &count)->waiting);
    world_put(w, "README.md", "words"); // the words stay over other commits
    world_put_app(w, "shop", "  prune: false\n" SOURCE("semver: '>=1.2 <2'") ALL);
    (void)world_commit(w);
    assert_non_null(strstr(world_problems(w), "push one"));
    assert_true(hub_fleet_source_tell(w->fleet, STABLE, NULL));
    assert_true(hub_fleet_problems(w->fleet, &count)->waiting);
    assert_true(hub_fleet_source_tell(w->fleet, STABLE, "again"));
    speak_of(w, STABLE);
    put_config(w, "web/cfg.yaml", "cfg", "x");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w), "");
    assert_false(hub_fleet_source_tell(w->fleet, STABLE, "too late"));
}

// put_shop makes an App run from a source.
static void put_shop(struct world *w) {
    world_put_app(w, "shop", SOURCE("semver: '>=1.2 <2'") ALL);
    (void)world_commit_all(w);
    speak_of(w, STABLE);
    put_config(w, "web/cfg.yaml", "cfg", "x");
    (void)world_commit_all(w);
}

static void a_source_that_moves_touches_only_apps_that_want_it(void **state) {
    struct world *w = *state;

    world_put_app(w, "other", ALL);
    world_put_config(w, "other", "own", "x");
    put_shop(w);
    put_config(w, "web/cfg.yaml", "cfg", "y");
    const struct hub_fleet_result *result = world_commit(w);
    assert_int_equal(result->rendered, 1);
    assert_string_equal(world_pair(w, "paris", "shop")->revision, "r3");
    assert_string_equal(world_pair(w, "paris", "other")->revision, "r1");
    put_config(w, "elsewhere/x.yaml", "x", "y");
    result = world_commit(w);
    assert_int_equal(result->rendered + result->changed_count, 0);
    // A change of the document has the fleet's own commit.
    speak_of(w, NULL);
    world_put_app(w, "shop", "  drift: correct\n" SOURCE("semver: '>=1.2 <2'") ALL);
    (void)world_commit(w);
    assert_string_equal(world_pair(w, "paris", "shop")->repo, "fleet");
    assert_string_equal(world_pair(w, "paris", "shop")->revision, "r5");
}

static void an_app_that_wants_another_ref_waits_for_it_as_it_is(void **state) {
    struct world *w = *state;
    size_t count;

    put_shop(w);
    speak_of(w, NULL);
    world_put_app(w, "shop", SOURCE("tag: v3") ALL);
    const struct hub_fleet_result *result = world_commit(w);
    assert_true(result->sources_changed);
    assert_string_equal(hub_fleet_sources(w->fleet, &count)->name, "shop-config@tag:v3");
    assert_int_equal(count, 1);
    assert_true(world_pair(w, "paris", "shop")->stale);
    assert_non_null(world_object(w, "paris", "shop", CFG));
    // What comes of the old source is for nobody.
    speak_of(w, STABLE);
    put_config(w, "web/cfg.yaml", "cfg", "late");
    result = world_commit_all(w);
    assert_int_equal(result->changed_count, 0);
    speak_of(w, "shop-config@tag:v3");
    put_config(w, "web/cfg.yaml", "cfg", "three");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w), "");
    assert_non_null(strstr(world_object(w, "paris", "shop", CFG), "three"));
    assert_false(world_pair(w, "paris", "shop")->stale);
}

static void documents_in_a_source_mean_nothing(void **state) {
    struct world *w = *state;

    put_shop(w);
    world_put(w, "clusters/x.yaml",
              "{apiVersion: holdfast/v1alpha1, kind: Cluster, metadata: {name: x}}");
    world_put(w, "groups/x.yaml", "[broken");
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
    assert_null(hub_fleet_desired(w->fleet, "x"));
    world_put(w, "web/app.yaml", "{apiVersion: holdfast/v1alpha1, kind: App, metadata: {name: x}}");
    (void)world_commit(w);
    assert_non_null(strstr(world_problems(w), "web/app.yaml:1:1: a document of holdfast stands "
                                              "among an App's manifests"));
}

static void what_is_wrong_in_a_source_is_told_of_its_repository(void **state) {
    struct world *w = *state;
    size_t count;

    put_shop(w);
    world_put(w, "web/bad.yaml", "metadata: [");
    (void)world_commit(w);
    const struct hub_problem *p = hub_fleet_problems(w->fleet, &count);
    assert_int_equal(count, 1);
    assert_string_equal(p->repo, "shop-config");
    assert_string_equal(p->path, "web/bad.yaml");
    assert_string_equal(p->app, "shop");
    assert_false(p->waiting);
    put_config(w, "web/bad.yaml", "good", "${missing}");
    (void)world_commit(w);
    p = hub_fleet_problems(w->fleet, &count);
    assert_string_equal(p->repo, "shop-config");
    assert_string_equal(p->path, "web/bad.yaml");
    assert_int_equal(p->line, 4);
    world_remove(w, "web/bad.yaml");
    world_remove(w, "web/cfg.yaml");
    (void)world_commit(w);
    p = hub_fleet_problems(w->fleet, &count);
    assert_string_equal(p->repo, "fleet");
    assert_string_equal(p->message, "there is no folder 'web' in " STABLE
                                    ": put *.yaml files into it or correct the path");
}

static void files_of_a_source_that_are_refused_are_told_of_its_repository(void **state) {
    static const char *const paths[] = {"web/kustomization.yaml", "web/link.yaml",
                                        "web/.holdfastignore"};
    struct world *w = *state;

    put_shop(w);
    world_put(w, paths[0], "resources: []");
    world_link(w, paths[1]);
    world_link(w, paths[2]);
    (void)world_commit(w);
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        size_t count;
        const struct hub_problem *p = hub_fleet_problems(w->fleet, &count);

        assert_int_equal(count, 3);
        for (; strcmp(p->path, paths[i]) != 0; p++) {
            assert_int_not_equal(--count, 0);
        }
        assert_string_equal(p->repo, "shop-config");
    }
}

static void a_source_without_manifests_is_told(void **state) {
    struct world *w = *state;

    world_put_app(w, "shop", "  source: {repository: shop-config}\n" ALL);
    (void)world_commit_all(w);
    speak_of(w, "shop-config@default");
    world_put(w, "README.md", "words");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w),
                        "apps/shop/app.yaml:4:9: the App has no manifests: put *.yaml files into "
                        "shop-config@default, or choose other files");
}

static void what_an_app_takes_from_elsewhere_is_told(void *ctx, const struct hub_app_info *a) {
    assert_string_equal(a->source, STABLE);
    assert_string_equal(a->release_group, "checkout");
    assert_true(a->adopt);
    ++*(size_t *)ctx;
}

static void those_who_ask_are_told_of_the_source(void **state) {
    struct world *w = *state;
    size_t count = 0;

    world_put_app(w, "shop",
                  "  adopt: true\n  releaseGroup: checkout\n" SOURCE("semver: '>=1.2 <2'") ALL);
    (void)world_commit_all(w);
    hub_fleet_each_app(w->fleet, what_an_app_takes_from_elsewhere_is_told, &count);
    assert_int_equal(count, 1);
}

static void two_apps_share_a_source_but_not_their_rules(void **state) {
    struct world *w = *state;

    world_put_app(w, "deny", SOURCE("branch: main") "  namespace: a\n" ALL);
    world_put_app(w, "allow", SOURCE("branch: main") "  namespace: b\n  plainSecrets: allow\n" ALL);
    (void)world_commit_all(w);
    speak_of(w, "shop-config@branch:main");
    world_put(w, "web/s.yaml",
              "{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {k: v}}");
    (void)world_commit_all(w);
    assert_non_null(world_pair(w, "paris", "allow"));
    assert_null(world_pair(w, "paris", "deny"));
    assert_non_null(strstr(world_problems(w), "web/s.yaml:1:"));
}

static void overlays_of_an_app_lie_beside_its_document(void **state) {
    struct world *w = *state;

    world_put(w, "apps/shop/eu.yaml",
              "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cfg, namespace: default}\n"
              "data: {more: words}\n");
    world_put(w, "apps/shop/unused.yaml", "not: [read");
    world_put_app(w, "shop", "  overlays: [{path: eu.yaml}]\n" SOURCE("semver: '>=1.2 <2'") ALL);
    (void)world_commit_all(w);
    speak_of(w, STABLE);
    put_config(w, "web/cfg.yaml", "cfg", "x");
    (void)world_commit_all(w);
    assert_string_equal(world_problems(w), "");
    assert_non_null(strstr(world_object(w, "paris", "shop", CFG), "words"));
}

static void ignore_files_and_crds_of_a_source_count_in_it(void **state) {
    struct world *w = *state;

    put_shop(w);
    world_put(w, ".holdfastignore", "tests/\n");
    world_put(w, "web/tests/x.yaml", "not: [read");
    world_put(w, "web/w.yaml", "{apiVersion: example.com/v1, kind: Widget, metadata: {name: w}}");
    world_put(w, "web/crd.yaml",
              "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
              "metadata: {name: widgets.example.com}\n"
              "spec: {group: example.com, scope: Cluster, names: {kind: Widget}}\n");
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
    assert_non_null(world_object(w, "paris", "shop", "Widget.example.com//w"));
    world_remove(w, ".holdfastignore");
    (void)world_commit(w);
    assert_non_null(strstr(world_problems(w), "web/tests/x.yaml:"));
}

static void an_unreadable_file_of_a_source_is_read_with_the_next_commit(void **state) {
    struct world *w = *state;

    put_shop(w);
    world_put(w, "web/n.yaml", "{apiVersion: v1, kind: Namespace, metadata: {name: x}}");
    w->unreadable = "{apiVersion: v1, kind: Namespace, metadata: {name: x}}";
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "web/n.yaml:0:0: cannot be read: the disk failed");
    w->unreadable = NULL;
    speak_of(w, NULL);
    world_put(w, "README.md", "words");
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
    assert_non_null(world_object(w, "paris", "shop", "Namespace//x"));
    // And it is forgotten with its source.
    speak_of(w, STABLE);
    world_put(w, "web/m.yaml", "{apiVersion: v1, kind: Namespace, metadata: {name: y}}");
    w->unreadable = "{apiVersion: v1, kind: Namespace, metadata: {name: y}}";
    (void)world_commit(w);
    speak_of(w, NULL);
    world_remove(w, "apps/shop/app.yaml");
    (void)world_commit(w);
    world_put(w, "README.md", "more words");
    (void)world_commit(w);
    assert_string_equal(world_problems(w), "");
}

static void after_a_restart_a_pair_of_a_source_keeps_its_revision(void **state) {
    static const uint8_t key[32] = "a key for names of Secrets";
    struct world *w = *state;

    put_shop(w);
    struct hub_fleet *old = w->fleet;
    const struct hub_desired *d = hub_fleet_desired(old, "paris");
    w->fleet = hub_fleet_new(key);
    hub_fleet_seed(w->fleet, "paris", d->pairs, d->pair_count, d->gone, d->gone_count);
    hub_fleet_expect(w->fleet, "fleet");
    hub_fleet_free(old);
    speak_of(w, NULL);
    world_put_cluster(w, "paris", "", "v: 1");
    world_put_app(w, "shop", SOURCE("semver: '>=1.2 <2'") ALL);
    (void)world_commit_all(w);
    assert_true(hub_fleet_is_loaded(w->fleet));
    assert_string_equal(world_pair(w, "paris", "shop")->revision, "r2");
    speak_of(w, STABLE);
    put_config(w, "web/cfg.yaml", "cfg", "x");
    (void)world_commit_all(w);
    assert_string_equal(world_pair(w, "paris", "shop")->revision, "r2");
    assert_string_equal(world_pair(w, "paris", "shop")->repo, STABLE);
    assert_false(world_pair(w, "paris", "shop")->stale);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_source_has_a_name_by_what_it_wants),
        TEST(an_app_waits_for_its_source_and_then_runs),
        TEST(what_keeps_a_source_from_being_fetched_is_told),
        TEST(a_source_that_moves_touches_only_apps_that_want_it),
        TEST(an_app_that_wants_another_ref_waits_for_it_as_it_is),
        TEST(documents_in_a_source_mean_nothing),
        TEST(what_is_wrong_in_a_source_is_told_of_its_repository),
        TEST(files_of_a_source_that_are_refused_are_told_of_its_repository),
        TEST(a_source_without_manifests_is_told),
        TEST(those_who_ask_are_told_of_the_source),
        TEST(two_apps_share_a_source_but_not_their_rules),
        TEST(overlays_of_an_app_lie_beside_its_document),
        TEST(ignore_files_and_crds_of_a_source_count_in_it),
        TEST(an_unreadable_file_of_a_source_is_read_with_the_next_commit),
        TEST(after_a_restart_a_pair_of_a_source_keeps_its_revision),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
