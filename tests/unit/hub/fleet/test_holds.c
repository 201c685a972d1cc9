// Holds and Bans in a fleet: what is in force where releases were rejected.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/fleet/fleet.h"
#include "hub/hold/ban.h"
#include "hub/hold/hold.h"
#include "hub/render/bundle.h"
#include "world.h"

#define KEY "Deployment.apps/prod/web"
#define HOLD_FILE "holds/shop/2-00000000.yaml"

static void put_release(struct world *w, const char *image, const char *more) {
    CM_AUTOFREE char *text = cm_strf("apiVersion: apps/v1\nkind: Deployment\n"
                                     "metadata: {name: web, namespace: prod}\n"
                                     "spec: {%stemplate: {spec: {containers: [{name: main, image: "
                                     "'reg/web:%s'}]}}}\n",
                                     more, image);

    world_put(w, "apps/shop/web.yaml", text);
}

static char *hold_text(const char *name, const char *bad, const char *good, const char *clusters,
                       const char *rest) {
    return cm_strf("apiVersion: holdfast/v1alpha1\nkind: Hold\nmetadata: {name: shop-%s}\nspec:\n"
                   "  app: shop\n  clusters: [%s]\n  rejects:\n    identity:\n"
                   "    - {object: apps/Deployment/prod/web, at: "
                   "'/spec/template/spec/containers/[name=main]/image', value: 'reg/web:%s'}\n"
                   "  delta:\n"
                   "  - {object: apps/Deployment/prod/web, at: "
                   "'/spec/template/spec/containers/[name=main]/image', bad: 'reg/web:%s', use: "
                   "'reg/web:%s'}\n"
                   "  cause: {controller: flagger, text: it failed}\n%s",
                   name, clusters, bad, bad, good, rest);
}

static void put_hold(struct world *w, const char *bad, const char *good, const char *clusters,
                     const char *rest) {
    CM_AUTOFREE char *path = cm_strf("holds/shop/%s-00000000.yaml", bad);
    CM_AUTOFREE char *name = cm_strf("%s-00000000", bad);
    CM_AUTOFREE char *text = hold_text(name, bad, good, clusters, rest);

    world_put(w, path, text);
}

static struct hub_hold *decision(const char *bad, const char *good, const char *cluster,
                                 const char *event) {
    CM_AUTOFREE char *rest = cm_strf("  event: '%s'\n", event);
    CM_AUTOFREE char *name = cm_strf("%s-00000000", bad);
    CM_AUTOFREE char *text = hold_text(name, bad, good, cluster, rest);
    struct hub_hold *hold = NULL;
    struct cm_err err = {0};

    if (hub_hold_parse(text, strlen(text), &hold, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return hold;
}

// Three clusters of which a and b rejected release 2, with Hold and all.
static void put_fleet(struct world *w) {
    world_init(w);
    world_put_cluster(w, "a", "", "");
    world_put_cluster(w, "b", "", "");
    world_put_cluster(w, "c", "", "");
    world_put_app(w, "shop", "  targets: [{clusterSelector: {}}]");
    put_release(w, "1", "");
    (void)world_commit(w);
}

static void put_rejected(struct world *w) {
    put_fleet(w);
    put_release(w, "2", "");
    put_hold(w, "2", "1", "a, b", "");
    (void)world_commit(w);
}

static void assert_runs(struct world *w, const char *cluster, const char *image) {
    CM_AUTOFREE char *wanted = cm_strf("reg/web:%s\"", image);
    const char *text = world_object(w, cluster, "shop", KEY);

    if (text == NULL || strstr(text, wanted) == NULL) {
        fail_msg("%s runs %s\n%s", cluster, text != NULL ? text : "nothing", world_problems(w));
    }
}

static void a_rejected_release_is_kept_out_of_the_clusters_that_are_listed(void **state) {
    struct world w;

    (void)state;
    put_rejected(&w);
    assert_runs(&w, "a", "1");
    assert_runs(&w, "b", "1");
    assert_runs(&w, "c", "2");
    assert_string_equal(world_problems(&w), "");
    const struct hub_pair *a = world_pair(&w, "a", "shop");
    assert_string_equal(a->held, "1 instead of 2 (flagger: it failed), " HOLD_FILE);
    assert_null(world_pair(&w, "c", "shop")->held);
    assert_ptr_equal(a->bundle, world_pair(&w, "b", "shop")->bundle);
    assert_string_equal(a->revision, "r1"); // nothing changed there
    world_done(&w);
}

static void a_hold_costs_one_making_for_all_clusters(void **state) {
    struct world w;

    (void)state;
    put_fleet(&w);
    put_release(&w, "2", "");
    (void)world_commit(&w);
    put_hold(&w, "2", "1", "a, b", "");
    const struct hub_fleet_result *r = world_commit(&w);
    assert_int_equal(r->changed_count, 2);
    assert_int_equal(r->rendered, 0);
    assert_int_equal(r->made, 1);
    put_hold(&w, "2", "1", "a", "");
    r = world_commit(&w);
    assert_int_equal(r->changed_count, 1);
    assert_runs(&w, "a", "1");
    assert_runs(&w, "b", "2");
    world_done(&w);
}

// ---- Hooks

static void put_hooks(struct world *w, const char *image) {
    CM_AUTOFREE char *text = cm_strf(
        "apiVersion: batch/v1\nkind: Job\n"
        "metadata: {name: migrate, namespace: prod, annotations: {holdfast.dev/hook: pre-apply}}\n"
        "spec: {template: {spec: {containers: [{name: main, image: 'reg/web:%s'}]}}}\n---\n"
        "apiVersion: batch/v1\nkind: Job\n"
        "metadata: {name: backup, namespace: prod, annotations: {holdfast.dev/hook: pre-apply}}\n"
        "spec: {template: {spec: {containers: [{name: main, image: tool}]}}}\n",
        image);

    world_put(w, "apps/shop/hooks.yaml", text);
}

static const struct hub_object *object_of(struct world *w, const char *cluster, const char *key) {
    const struct hub_bundle_spec *spec = &world_pair(w, cluster, "shop")->bundle->spec;

    for (size_t i = 0; i < spec->object_count; i++) {
        if (strcmp(spec->objects[i].key, key) == 0) {
            return &spec->objects[i];
        }
    }
    fail_msg("%s has no %s", cluster, key);
    return NULL;
}

static void assert_hooks_as_on_c(struct world *w) {
    const struct hub_bundle *a = world_pair(w, "a", "shop")->bundle;
    const struct hub_bundle *c = world_pair(w, "c", "shop")->bundle;

    assert_false(cm_sha256_equal(&a->sha256, &c->sha256));
    assert_true(cm_sha256_equal(hub_bundle_hooks_for(a), &c->sha256));
    assert_true(cm_sha256_equal(hub_bundle_hooks_for(c), &c->sha256));
}

static void hooks_run_for_what_git_says_and_those_of_a_rejected_release_rest(void **state) {
    struct world w;

    (void)state;
    put_fleet(&w);
    put_hooks(&w, "2");
    put_release(&w, "2", "");
    put_hold(&w, "2", "1", "a, b", "");
    (void)world_commit(&w);
    assert_runs(&w, "a", "1");
    assert_hooks_as_on_c(&w);
    assert_true(object_of(&w, "a", "Job.batch/prod/migrate")->rests);
    assert_false(object_of(&w, "a", "Job.batch/prod/backup")->rests);
    assert_false(object_of(&w, "c", "Job.batch/prod/migrate")->rests);
    put_release(&w, "2", "replicas: 9, "); // an edit lands, with its hooks
    (void)world_commit(&w);
    assert_hooks_as_on_c(&w);
    assert_true(object_of(&w, "a", "Job.batch/prod/migrate")->rests);
    put_release(&w, "3", "");
    put_hooks(&w, "3");
    (void)world_commit(&w);
    assert_false(object_of(&w, "a", "Job.batch/prod/migrate")->rests);
    assert_ptr_equal(world_pair(&w, "a", "shop")->bundle, world_pair(&w, "c", "shop")->bundle);
    world_done(&w);
}

// As a Hold by hand has it: every container of the image gets another one, also those of hooks.
static void put_hold_of_all(struct world *w) {
    world_put(
        w, HOLD_FILE,
        "apiVersion: holdfast/v1alpha1\nkind: Hold\nmetadata: {name: shop-2-00000000}\nspec:\n"
        "  app: shop\n  clusters: [a]\n  rejects:\n    identity:\n"
        "    - {object: apps/Deployment/prod/web, at: "
        "'/spec/template/spec/containers/[name=main]/image', value: 'reg/web:2'}\n"
        "    - {object: batch/Job/prod/migrate, at: "
        "'/spec/template/spec/containers/[name=main]/image', value: 'reg/web:2'}\n"
        "  delta:\n"
        "  - {object: apps/Deployment/prod/web, at: "
        "'/spec/template/spec/containers/[name=main]/image', bad: 'reg/web:2', use: "
        "'reg/web:1'}\n"
        "  - {object: batch/Job/prod/migrate, at: "
        "'/spec/template/spec/containers/[name=main]/image', bad: 'reg/web:2', use: "
        "'reg/web:1'}\n"
        "  cause: {text: by hand}\n");
}

static void a_hook_that_a_hold_made_another_one_of_rests_until_the_hold_goes(void **state) {
    struct world w;

    (void)state;
    put_fleet(&w);
    put_hooks(&w, "2");
    put_release(&w, "2", "");
    put_hold_of_all(&w);
    (void)world_commit(&w);
    assert_string_equal(world_problems(&w), "");
    assert_runs(&w, "a", "1");
    assert_non_null(strstr(world_object(&w, "a", "shop", "Job.batch/prod/migrate"), "reg/web:1"));
    assert_true(object_of(&w, "a", "Job.batch/prod/migrate")->rests);
    assert_false(object_of(&w, "a", "Job.batch/prod/backup")->rests);
    world_remove(&w, HOLD_FILE);
    (void)world_commit(&w);
    assert_runs(&w, "a", "2");
    assert_false(object_of(&w, "a", "Job.batch/prod/migrate")->rests); // and it has never run
    world_done(&w);
}

static void what_hooks_run_for_comes_back_from_the_encoded_form(void **state) {
    struct hub_bundle *back = NULL;
    struct world w;
    struct cm_err err;

    (void)state;
    put_fleet(&w);
    put_hooks(&w, "2");
    put_release(&w, "2", "");
    put_hold(&w, "2", "1", "a, b", "");
    (void)world_commit(&w);
    const struct hub_bundle *a = world_pair(&w, "a", "shop")->bundle;
    assert_int_equal(hub_bundle_decode(a->bytes, NULL, NULL, &back, &err), CM_OK);
    assert_true(cm_sha256_equal(hub_bundle_hooks_for(back), hub_bundle_hooks_for(a)));
    assert_int_equal(back->spec.object_count, a->spec.object_count);
    for (size_t i = 0; i < a->spec.object_count; i++) {
        assert_int_equal(back->spec.objects[i].rests, a->spec.objects[i].rests);
    }
    hub_bundle_unref(back);
    world_done(&w);
}

// ---- What people do later (the table of the design)

struct later {
    const char *what;
    void (*act)(struct world *w);
    const char *runs_on_a; // image
    const char *runs_on_c;
    size_t in_force;
    bool holds;       // a hold is there in the end
    const char *lost; // NULL: no problem
};

static void edit_other_field(struct world *w) {
    put_release(w, "2", "replicas: 9, ");
}

static void bump(struct world *w) {
    put_release(w, "3", "");
}

static void revert(struct world *w) {
    put_release(w, "1", "");
}

static void push_again(struct world *w) {
    put_release(w, "2", "");
    world_put(w, "README", "a bot was here");
}

static void edit_use(struct world *w) {
    put_hold(w, "2", "1.1", "a, b", "");
}

static void retry(struct world *w) {
    put_hold(w, "2", "1", "a, b", "  retry: true\n");
}

static void move_app(struct world *w) {
    world_remove(w, "apps/shop/app.yaml");
    world_remove(w, "apps/shop/web.yaml");
    world_put(w, "teams/x/app.yaml",
              "apiVersion: holdfast/v1alpha1\nkind: App\nmetadata: {name: shop}\n"
              "spec: {targets: [{clusterSelector: {}}]}\n");
    world_put(w, "teams/x/web.yaml",
              "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: prod}\n"
              "spec: {template: {spec: {containers: [{name: main, image: 'reg/web:2'}]}}}\n");
}

static void move_hold(struct world *w) {
    CM_AUTOFREE char *text = hold_text("2-00000000", "2", "1", "a, b", "");

    world_remove(w, HOLD_FILE);
    world_put(w, "holds/other.yaml", text);
}

static void rename_object(struct world *w) {
    world_put(w, "apps/shop/web.yaml",
              "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: site, namespace: prod}\n"
              "spec: {template: {spec: {containers: [{name: main, image: 'reg/web:2'}]}}}\n");
}

static void rename_container(struct world *w) {
    world_put(w, "apps/shop/web.yaml",
              "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: prod}\n"
              "spec: {template: {spec: {containers: [{name: app, image: 'reg/web:2'}]}}}\n");
}

#define DEPLOYMENT(name, containers)                                                               \
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " name ", namespace: prod}\n"         \
    "spec: {template: {spec: {containers: [" containers "]}}}\n"
#define CONTAINER(name, image) "{name: " name ", image: 'reg/web:" image "'}"

// ---- Who else runs the image of a release that web rejected

static void put_shared(struct world *w) {
    put_fleet(w);
    put_release(w, "2", "");
    world_put(w, "apps/shop/worker.yaml",
              DEPLOYMENT("worker", CONTAINER("main", "2") ", " CONTAINER("side", "5")));
    put_hold(w, "2", "1", "a, b", "");
    (void)world_commit(w);
    assert_runs(w, "a", "1");
}

static void what_runs_the_rejected_image_already_is_no_new_name_of_what_is_deleted(void **state) {
    struct world w;

    (void)state;
    put_shared(&w);
    world_remove(&w, "apps/shop/web.yaml");
    (void)world_commit(&w);
    assert_string_equal(world_problems(&w), "");
    assert_null(world_object(&w, "a", "shop", KEY));
    assert_null(world_object(&w, "c", "shop", KEY));
    world_done(&w);
}

static void a_container_that_begins_to_run_it_is_a_new_name_beside_one_that_does(void **state) {
    struct world w;

    (void)state;
    put_shared(&w);
    world_remove(&w, "apps/shop/web.yaml");
    world_put(&w, "apps/shop/worker.yaml",
              DEPLOYMENT("worker", CONTAINER("main", "2") ", " CONTAINER("side", "2")));
    (void)world_commit(&w);
    assert_non_null(strstr(world_problems(&w), "while Deployment.apps/prod/worker would run it"));
    assert_runs(&w, "a", "1");
    world_put(&w, "apps/shop/worker.yaml", DEPLOYMENT("worker", CONTAINER("main", "2")));
    (void)world_commit(&w);
    assert_string_equal(world_problems(&w), "");
    assert_null(world_object(&w, "a", "shop", KEY));
    world_done(&w);
}

// Clusters with the same Holds may have other things in force.
static void whether_it_is_a_new_name_goes_by_what_each_cluster_runs(void **state) {
    struct world w;

    (void)state;
    put_shared(&w);
    world_put(&w, "holds/shop/5-0.yaml", // b went back to another sidecar
              "apiVersion: holdfast/v1alpha1\nkind: Hold\nmetadata: {name: side}\nspec:\n"
              "  app: shop\n  clusters: [b]\n  rejects:\n    identity:\n"
              "    - {object: apps/Deployment/prod/worker, at: "
              "'/spec/template/spec/containers/[name=side]/image', value: 'reg/web:5'}\n"
              "  delta:\n"
              "  - {object: apps/Deployment/prod/worker, at: "
              "'/spec/template/spec/containers/[name=main]/image', bad: 'reg/web:2', use: "
              "'reg/web:4'}\n"
              "  - {object: apps/Deployment/prod/worker, at: "
              "'/spec/template/spec/containers/[name=side]/image', bad: 'reg/web:5', use: "
              "'reg/web:4'}\n");
    (void)world_commit(&w);
    assert_string_equal(world_problems(&w), "");
    world_remove(&w, "holds/shop/5-0.yaml");
    world_remove(&w, "apps/shop/web.yaml");
    (void)world_commit(&w);
    assert_null(world_object(&w, "a", "shop", KEY));
    assert_runs(&w, "b", "1");
    assert_non_null(strstr(world_problems(&w), "while Deployment.apps/prod/worker would run it"));
    world_done(&w);
}

// Another release under another name is another release.
static void rename_and_bump(struct world *w) {
    world_put(w, "apps/shop/web.yaml",
              "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: prod}\n"
              "spec: {template: {spec: {containers: [{name: app, image: 'reg/web:3'}]}}}\n");
}

static const char lost_object[] =
    "holds/shop/2-00000000.yaml:3:18: Hold 'shop-2-00000000' keeps 2 out, and no longer finds "
    "Deployment.apps/prod/web as it was, while Deployment.apps/prod/site would run it: write the "
    "new name into the Hold, or let the release be tried again ('holdfast retry shop'); until then "
    "what is in force stays";
static const char lost_container[] =
    "holds/shop/2-00000000.yaml:3:18: Hold 'shop-2-00000000' keeps 2 out, and no longer finds "
    "Deployment.apps/prod/web as it was, while Deployment.apps/prod/web would run it: write the "
    "new name into the Hold, or let the release be tried again ('holdfast retry shop'); until then "
    "what is in force stays";

static void count_holds(void *ctx, const struct hub_hold_info *h) {
    size_t *counts = ctx;

    counts[0]++;
    counts[1] += h->in_force;
}

static void later_edits_do_what_the_table_says(void **state) {
    static const struct later table[] = {
        {"edits an unrelated field", edit_other_field, "1", "2", 2, true, NULL},
        {"bumps to a new release", bump, "3", "3", 0, true, NULL},
        {"reverts the bad commit", revert, "1", "1", 0, true, NULL},
        {"pushes the rejected one again", push_again, "1", "2", 2, true, NULL},
        {"edits what is used", edit_use, "1.1", "2", 2, true, NULL},
        {"retries", retry, "2", "2", 0, true, NULL},
        {"moves the App", move_app, "1", "2", 2, true, NULL},
        {"moves the Hold", move_hold, "1", "2", 2, true, NULL},
        {"renames the object", rename_object, "1", NULL, 2, true, lost_object},
        {"renames the container", rename_container, "1", "2", 2, true, lost_container},
        {"renames it for another release", rename_and_bump, "3", "3", 0, true, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        size_t counts[2] = {0, 0};
        struct world w;

        put_rejected(&w);
        table[i].act(&w);
        (void)world_commit(&w);
        print_message("%s\n", table[i].what);
        assert_runs(&w, "a", table[i].runs_on_a);
        if (table[i].runs_on_c != NULL) {
            assert_runs(&w, "c", table[i].runs_on_c);
        }
        hub_fleet_each_hold(w.fleet, count_holds, counts);
        assert_int_equal(counts[0] > 0, table[i].holds);
        assert_int_equal(counts[1], table[i].in_force);
        assert_string_equal(world_problems(&w), table[i].lost != NULL ? table[i].lost : "");
        world_done(&w);
    }
}

static void an_edit_lands_on_the_good_image(void **state) {
    struct world w;

    (void)state;
    put_rejected(&w);
    edit_other_field(&w);
    (void)world_commit(&w);
    const char *text = world_object(&w, "a", "shop", KEY);
    assert_non_null(strstr(text, "\"replicas\": 9"));
    assert_non_null(strstr(text, "reg/web:1\""));
    assert_string_equal(world_pair(&w, "a", "shop")->revision, "r3");
    world_done(&w);
}

static void holds_chain(void **state) {
    struct world w;

    (void)state;
    put_rejected(&w);
    put_release(&w, "3", "");
    put_hold(&w, "3", "2", "a", ""); // a human said so, and that is rejected too
    (void)world_commit(&w);
    assert_runs(&w, "a", "1");
    assert_runs(&w, "b", "3");
    world_done(&w);
}

static void where_no_release_is_left_what_is_in_force_stays_and_it_is_told(void **state) {
    struct world w;

    (void)state;
    put_rejected(&w);
    put_hold(&w, "1", "2", "a", "");
    (void)world_commit(&w);
    assert_runs(&w, "a", "1");
    assert_true(world_pair(&w, "a", "shop")->stale);
    assert_false(world_pair(&w, "b", "shop")->stale);
    assert_string_equal(world_problems(&w),
                        "holds/shop/2-00000000.yaml:3:18: Hold 'shop-2-00000000' keeps 2 out, and "
                        "no release is left that may run instead: commit another release, or say "
                        "in 'use' what shall run; until then what is in force stays");
    put_release(&w, "3", "");
    (void)world_commit(&w);
    assert_runs(&w, "a", "3");
    assert_string_equal(world_problems(&w), "");
    world_done(&w);
}

static void a_hold_counts_though_the_app_is_broken(void **state) {
    struct world w;

    (void)state;
    put_fleet(&w);
    put_release(&w, "2", "");
    (void)world_commit(&w);
    world_put(&w, "apps/shop/broken.yaml", "a: [");
    (void)world_commit(&w);
    put_hold(&w, "2", "1", "a", "");
    (void)world_commit(&w);
    assert_runs(&w, "a", "1");
    assert_runs(&w, "b", "2");
    assert_non_null(world_pair(&w, "a", "shop")->held);
    world_remove(&w, "apps/shop/broken.yaml");
    (void)world_commit(&w);
    assert_runs(&w, "a", "1");
    world_done(&w);
}

static void names_that_do_not_exist_and_wrong_fields_are_problems(void **state) {
    struct world w;

    (void)state;
    put_rejected(&w);
    put_hold(&w, "2", "1", "a, bb", "");
    (void)world_commit(&w);
    assert_non_null(strstr(world_problems(&w), HOLD_FILE ":6:17: no Cluster is named 'bb'"));
    put_hold(&w, "2", "1", "a, bb", "  event: e1\n"); // the hub wrote it: bb was there
    (void)world_commit(&w);
    assert_string_equal(world_problems(&w), "");
    world_put(
        &w, HOLD_FILE,
        "apiVersion: holdfast/v1alpha1\nkind: Hold\nmetadata: {name: x}\nspec:\n"
        "  app: shop\n  clusters: [a]\n  rejects: {identity: [{object: Secret/a/b, at: /x}]}\n"
        "  delta: [{object: ConfigMap/a/b, at: /data/x}]\n");
    (void)world_commit(&w);
    assert_non_null(strstr(world_problems(&w), ":7:33: a Hold never holds what is in a Secret"));
    assert_runs(&w, "a", "1"); // its last good version counts
    world_put(&w, HOLD_FILE,
              "apiVersion: holdfast/v1alpha1\nkind: Hold\nmetadata: {name: x}\n"
              "spec: {app: shop, clusters: [a], reject: {}}\n");
    (void)world_commit(&w);
    assert_non_null(strstr(world_problems(&w), "did you mean 'rejects'"));
    world_done(&w);
}

// ---- Decisions

static const struct hub_fleet_result *nothing(struct world *w) {
    return world_commit(w);
}

static void count_missing(void *ctx, const struct hub_hold_info *h) {
    (*(size_t *)ctx)++;
    assert_string_equal(h->path, "");
}

static size_t missing(struct world *w) {
    size_t count = 0;

    hub_fleet_missing_holds(w->fleet, count_missing, &count);
    return count;
}

// decide_as does so under another name than the file of a release has.
static void decide_as(struct world *w, const char *name, const char *bad, const char *good,
                      const char *cluster, const char *event, bool written) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = decision(bad, good, cluster, event);
    struct hub_hold named = *hold;

    named.name = name;
    hub_fleet_hold(w->fleet, &named, written);
}

static void decide(struct world *w, const char *bad, const char *good, const char *cluster,
                   const char *event) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = decision(bad, good, cluster, event);

    hub_fleet_hold(w->fleet, hold, false);
}

static void a_decision_holds_before_git_has_it_and_until_git_says_otherwise(void **state) {
    struct world w;

    (void)state;
    put_fleet(&w);
    put_release(&w, "2", "");
    (void)world_commit(&w);
    decide(&w, "2", "1", "a", "e1");
    assert_int_equal(nothing(&w)->changed_count, 1);
    assert_runs(&w, "a", "1");
    assert_runs(&w, "b", "2");
    assert_int_equal(missing(&w), 1);
    put_hold(&w, "2", "1", "a", "  event: 'e1'\n"); // the writer wrote it
    (void)world_commit(&w);
    assert_runs(&w, "a", "1");
    assert_int_equal(missing(&w), 0);
    decide(&w, "2", "1", "b", "e2"); // the next cluster fails
    (void)nothing(&w);
    assert_runs(&w, "b", "1");
    assert_int_equal(missing(&w), 1);
    put_hold(&w, "2", "1", "a, b", "  event: 'e1'\n");
    (void)world_commit(&w);
    assert_int_equal(missing(&w), 0);
    put_hold(&w, "2", "1", "b", "  event: 'e1'\n"); // a human takes a off the list
    (void)world_commit(&w);
    assert_runs(&w, "a", "2");
    assert_runs(&w, "b", "1");
    assert_int_equal(missing(&w), 0);
    world_remove(&w, HOLD_FILE); // a clean-up
    (void)world_commit(&w);
    assert_runs(&w, "a", "1");
    assert_runs(&w, "b", "1");
    assert_int_equal(missing(&w), 2);
    hub_fleet_unhold(w.fleet, "e1");
    (void)nothing(&w);
    assert_runs(&w, "a", "2");
    world_done(&w);
}

// What a problem advises where a workload has another name by then is done for all of a file's
// decisions, though only one has its event there.
static void a_file_that_people_edited_answers_all_that_it_was_written_of(void **state) {
    CM_AUTOFREE char *text = hold_text("2-00000000", "2", "1", "a, b", "  event: 'e1'\n");
    struct world w;

    (void)state;
    put_fleet(&w);
    put_release(&w, "2", "");
    decide(&w, "2", "1", "a", "e1");
    decide(&w, "2", "1", "b", "e2");
    world_put(&w, HOLD_FILE, text);
    (void)world_commit(&w);
    rename_object(&w);
    (void)world_commit(&w);
    assert_non_null(strstr(world_problems(&w), "would run it"));
    for (char *at = text; (at = strstr(at, "prod/web")) != NULL;) {
        memcpy(at, "prod/new", strlen("prod/new"));
    }
    world_put(&w, "apps/shop/web.yaml", DEPLOYMENT("new", CONTAINER("main", "2")));
    world_put(&w, HOLD_FILE, text);
    (void)world_commit(&w);
    assert_string_equal(world_problems(&w), "");
    assert_non_null(strstr(world_object(&w, "a", "shop", "Deployment.apps/prod/new"), "web:1"));
    assert_non_null(strstr(world_object(&w, "b", "shop", "Deployment.apps/prod/new"), "web:1"));
    assert_non_null(strstr(world_object(&w, "c", "shop", "Deployment.apps/prod/new"), "web:2"));
    assert_int_equal(missing(&w), 0);
    CM_AUTOFREE char *retried = cm_strf("%s  retry: true\n", text);
    world_put(&w, HOLD_FILE, retried);
    (void)world_commit(&w);
    assert_string_equal(world_problems(&w), "");
    assert_non_null(strstr(world_object(&w, "a", "shop", "Deployment.apps/prod/new"), "web:2"));
    assert_non_null(strstr(world_object(&w, "b", "shop", "Deployment.apps/prod/new"), "web:2"));
    world_done(&w);
}

// Two clusters rejected the same; then one promoted another release, of which the other one has not
// heard, and a bot pushes the rejected one again.
static void what_was_promoted_since_is_kept_where_it_was(void **state) {
    struct world w;

    (void)state;
    put_fleet(&w);
    put_release(&w, "2", "");
    decide(&w, "2", "1", "a", "e1");
    decide(&w, "2", "1", "b", "e2");
    put_hold(&w, "2", "1", "a, b", "  event: 'e1'\n");
    (void)world_commit(&w);
    put_release(&w, "9", "");
    world_remove(&w, HOLD_FILE);
    (void)world_commit(&w);
    decide_as(&w, "2-9", "2", "9", "a", "e1", true);
    (void)nothing(&w);
    assert_runs(&w, "a", "9");
    put_release(&w, "2", "");
    (void)world_commit(&w);
    assert_runs(&w, "a", "9");
    assert_runs(&w, "b", "1");
    assert_runs(&w, "c", "2");
    assert_int_equal(missing(&w), 2);
    put_hold(&w, "2", "1", "b",
             "  event: 'e2'\n"); // the file of one comes before that of the other
    (void)world_commit(&w);
    assert_runs(&w, "a", "9");
    assert_runs(&w, "b", "1");
    assert_int_equal(missing(&w), 1);
    world_done(&w);
}

// decide_own is what holdfast decides itself.
static void decide_own(struct world *w, const char *event) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = decision("2", "1", "a", event);
    struct hub_hold own = *hold;

    own.cause.controller = HUB_HOLD_OWN;
    hub_fleet_hold(w->fleet, &own, false);
}

static void count_waiting(void *ctx, const struct hub_hold_info *h) {
    *(size_t *)ctx += h->waits;
}

static size_t waiting(struct world *w) {
    size_t count = 0;

    hub_fleet_each_hold(w->fleet, count_waiting, &count);
    return count;
}

static void what_holdfast_decides_itself_waits_until_git_says_it(void **state) {
    struct world w;

    (void)state;
    put_fleet(&w);
    put_release(&w, "2", "");
    (void)world_commit(&w);
    decide_own(&w, "e1");
    assert_int_equal(nothing(&w)->changed_count, 0);
    assert_runs(&w, "a", "2");
    assert_int_equal(missing(&w), 1);
    assert_int_equal(waiting(&w), 1);
    put_release(&w, "3", ""); // somebody was quicker
    (void)world_commit(&w);
    assert_int_equal(missing(&w), 0);
    put_release(&w, "2", "");
    (void)world_commit(&w);
    assert_int_equal(missing(&w), 1);
    put_hold(&w, "2", "1", "a", "  event: 'e1'\n"); // the writer wrote it
    (void)world_commit(&w);
    assert_runs(&w, "a", "1");
    assert_runs(&w, "b", "2");
    assert_int_equal(missing(&w), 0);
    assert_int_equal(waiting(&w), 0);
    world_remove(&w, HOLD_FILE); // from then on it is like any other
    (void)world_commit(&w);
    assert_runs(&w, "a", "1");
    assert_int_equal(missing(&w), 1);
    world_done(&w);
}

static void what_waits_for_git_is_not_wanted_once_it_may_be_tried_again(void **state) {
    struct world w;

    (void)state;
    put_fleet(&w);
    put_release(&w, "2", "");
    (void)world_commit(&w);
    decide_own(&w, "e1");
    (void)nothing(&w);
    hub_fleet_retry(w.fleet, "e1");
    (void)nothing(&w);
    assert_int_equal(missing(&w), 0);
    assert_runs(&w, "a", "2");
    world_done(&w);
}

// The file is named after the first decision.
static void whom_a_human_takes_off_the_list_is_let_go_whatever_his_own_event_was(void **state) {
    struct world w;

    (void)state;
    put_fleet(&w);
    put_release(&w, "2", "");
    decide(&w, "2", "1", "a", "e1");
    decide(&w, "2", "1", "b", "e2");
    (void)world_commit(&w);
    put_hold(&w, "2", "1", "a, b", "  event: 'e1'\n");
    (void)world_commit(&w);
    put_hold(&w, "2", "1", "a", "  event: 'e1'\n");
    (void)world_commit(&w);
    assert_runs(&w, "a", "1");
    assert_runs(&w, "b", "2");
    assert_int_equal(missing(&w), 0);
    decide(&w, "2", "1", "b", "e2"); // told once more
    (void)nothing(&w);
    assert_runs(&w, "b", "2");
    decide(&w, "2", "1", "c", "e3");
    (void)nothing(&w);
    assert_int_equal(missing(&w), 1);
    put_hold(&w, "2", "1", "a, c", "  event: 'e1'\n");
    (void)world_commit(&w);
    assert_runs(&w, "b", "2");
    assert_int_equal(missing(&w), 0);
    world_done(&w);
}

static void note_retried(void *ctx, const struct hub_hold_info *h) {
    *(bool *)ctx = *(bool *)ctx || (h->path[0] == '\0' && h->retried);
}

static void a_retry_in_the_file_ends_the_decision_for_good(void **state) {
    struct world w;
    bool retried = false;

    (void)state;
    put_fleet(&w);
    put_release(&w, "2", "");
    decide(&w, "2", "1", "a", "e1");
    (void)world_commit(&w);
    put_hold(&w, "2", "1", "a", "  retry: true\n");
    (void)world_commit(&w);
    assert_runs(&w, "a", "2");
    hub_fleet_each_hold(w.fleet, note_retried, &retried);
    assert_true(retried);
    world_remove(&w, HOLD_FILE);
    (void)world_commit(&w);
    assert_runs(&w, "a", "2");
    assert_int_equal(missing(&w), 0);
    world_done(&w);
}

static struct hub_hold *decision_at(const char *cluster, const char *event, const char *at) {
    struct hub_hold *hold = decision("2", "1", cluster, event);

    hold->cause.at = at;
    return hold;
}

static void a_release_that_is_rejected_again_after_a_retry_is_held_again(void **state) {
    struct world w;

    (void)state;
    put_fleet(&w);
    put_release(&w, "2", "");
    decide(&w, "2", "1", "a", "e1");
    put_hold(&w, "2", "1", "a", "  event: 'e1'\n");
    (void)world_commit(&w);
    put_hold(&w, "2", "1", "a", "  event: 'e1'\n  retry: true\n");
    (void)world_commit(&w);
    assert_runs(&w, "a", "2");
    decide(&w, "2", "1", "a", "e2");
    (void)nothing(&w);
    assert_runs(&w, "a", "1");
    assert_int_equal(missing(&w), 1);
    put_hold(&w, "2", "1", "a, b", "  event: 'e1'\n  retry: true\n"); // no act about e2
    (void)world_commit(&w);
    assert_runs(&w, "a", "1");
    decide(&w, "2", "1", "a", "e1"); // told once more
    (void)nothing(&w);
    hub_fleet_unhold(w.fleet, "e2");
    (void)nothing(&w);
    assert_runs(&w, "a", "2");
    decide(&w, "2", "1", "a", "e2");
    put_hold(&w, "2", "1", "a", "  event: 'e1'\n"); // held by the file
    (void)world_commit(&w);
    assert_runs(&w, "a", "1");
    assert_int_equal(missing(&w), 0);
    put_hold(&w, "2", "1", "a", "  event: 'e1'\n  retry: true\n");
    (void)world_commit(&w);
    assert_runs(&w, "a", "2");
    world_done(&w);
}

static void a_retry_is_for_the_clusters_that_it_lists(void **state) {
    struct world w;

    (void)state;
    put_fleet(&w);
    put_release(&w, "2", "");
    decide(&w, "2", "1", "a", "e1");
    decide(&w, "2", "1", "b", "e2");
    (void)world_commit(&w);
    put_hold(&w, "2", "1", "a", "  retry: true\n");
    (void)world_commit(&w);
    assert_runs(&w, "a", "2");
    assert_runs(&w, "b", "1");
    assert_int_equal(missing(&w), 1);
    world_done(&w);
}

// What is retried is not told again after a restart: b's decision was in Git when it was, a's is
// the second one, and came when the file said so already.
static void after_a_restart_a_retry_is_of_what_had_been_in_git(void **state) {
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *again = decision_at("a", "e3", "2026-10-01T14:00:00Z");
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *other = decision_at("b", "e2", "2026-10-01T13:00:00Z");
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *first = decision_at("c", "e1", "2026-10-01T12:00:00Z");
    struct world w;

    (void)state;
    world_init(&w);
    hub_fleet_hold(w.fleet, first, false);
    hub_fleet_hold(w.fleet, again, false);
    hub_fleet_hold(w.fleet, other, true);
    world_put_cluster(&w, "a", "", "");
    world_put_cluster(&w, "b", "", "");
    world_put_cluster(&w, "c", "", "");
    world_put_app(&w, "shop", "  targets: [{clusterSelector: {}}]");
    put_release(&w, "2", "");
    put_hold(&w, "2", "1", "a, b, c", "  event: 'e1'\n  retry: true\n");
    (void)world_commit_all(&w);
    assert_runs(&w, "a", "1");
    assert_runs(&w, "b", "2");
    assert_runs(&w, "c", "2");
    world_done(&w);
}

static void a_void_decision_is_not_missing(void **state) {
    struct world w;

    (void)state;
    put_fleet(&w);
    decide(&w, "2", "1", "a", "e1");
    (void)nothing(&w);
    assert_int_equal(missing(&w), 0);
    put_release(&w, "2", "");
    (void)world_commit(&w);
    assert_runs(&w, "a", "1");
    assert_int_equal(missing(&w), 1);
    world_done(&w);
}

static void a_decision_known_before_a_restart_holds_from_the_first_commit(void **state) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = decision("2", "1", "a", "e1");
    struct world w;

    (void)state;
    put_fleet(&w);
    put_release(&w, "2", "");
    (void)world_commit(&w);
    struct hub_fleet *fresh =
        hub_fleet_new((const uint8_t *)"a key for names of Secrets\0\0\0\0\0");
    hub_fleet_result_free(w.last);
    w.last = NULL;
    hub_fleet_free(w.fleet);
    w.fleet = fresh;
    hub_fleet_hold(w.fleet, hold, true);
    world_load(&w);
    assert_runs(&w, "a", "1");
    assert_runs(&w, "b", "2");
    world_done(&w);
}

// ---- What is kept

static void put_generated(struct world *w, const char *image, const char *name, bool secret) {
    CM_AUTOFREE char *web = cm_strf("apiVersion: apps/v1\nkind: Deployment\n"
                                    "metadata: {name: web, namespace: prod}\n"
                                    "spec: {template: {spec: {containers: [{name: main, image: "
                                    "'reg/web:%s', envFrom: [{secretRef: {name: %s}}]}]}}}\n",
                                    image, name);
    CM_AUTOFREE char *other = cm_strf("apiVersion: v1\nkind: %s\nmetadata: {name: %s, "
                                      "namespace: prod}\ndata: {a: YQ==}\n",
                                      secret ? "Secret" : "ConfigMap", name);

    world_put(w, "apps/shop/web.yaml", web);
    world_put(w, "apps/shop/other.yaml", other);
}

static void a_secret_of_the_good_release_stays_while_it_is_held(void **state) {
    struct world w;

    (void)state;
    put_fleet(&w);
    world_put_app(&w, "shop", "  plainSecrets: allow\n  targets: [{clusterSelector: {}}]");
    put_generated(&w, "1", "s-aa", true);
    (void)world_commit(&w);
    put_generated(&w, "2", "s-bb", true);
    put_hold(&w, "2", "1", "a", "  keep: [Secret/prod/s-aa]\n");
    (void)world_commit(&w);
    assert_non_null(world_object(&w, "a", "shop", "Secret/prod/s-aa"));
    assert_non_null(world_object(&w, "a", "shop", "Secret/prod/s-bb"));
    assert_null(world_object(&w, "b", "shop", "Secret/prod/s-aa"));
    put_generated(&w, "3", "s-bb", true);
    (void)world_commit(&w);
    assert_null(world_object(&w, "a", "shop", "Secret/prod/s-aa"));
    world_done(&w);
}

static struct cm_buf *find_stored(void *ctx, const struct cm_sha256 *name) {
    const struct hub_object *object = hub_bundle_find(ctx, name);

    return object->secret ? NULL : cm_buf_ref(object->bytes);
}

// restart_as_stored gives what a runs to a new fleet as it is stored: without the bytes of Secrets.
static void restart_as_stored(struct world *w) {
    const struct hub_desired *d = hub_fleet_desired(w->fleet, "a");
    struct hub_fleet *fresh =
        hub_fleet_new((const uint8_t *)"a key for names of Secrets\0\0\0\0\0");
    struct hub_pair pair = d->pairs[0];
    CM_CLEANUP(hub_bundle_unrefp) struct hub_bundle *stored = NULL;
    struct cm_err err = {0};

    assert_int_equal(hub_bundle_decode(pair.bundle->bytes, find_stored, pair.bundle, &stored, &err),
                     CM_OK);
    pair.bundle = stored;
    hub_fleet_seed(fresh, "a", &pair, 1, NULL, 0);
    hub_fleet_result_free(w->last);
    w->last = NULL;
    hub_fleet_free(w->fleet);
    w->fleet = fresh;
    world_load(w);
}

static const struct hub_object *find_object(struct world *w, const char *key) {
    const struct hub_bundle_spec *spec = &world_pair(w, "a", "shop")->bundle->spec;

    for (size_t i = 0; i < spec->object_count; i++) {
        if (strcmp(spec->objects[i].key, key) == 0) {
            return &spec->objects[i];
        }
    }
    return NULL;
}

static void a_secret_of_the_good_release_stays_after_a_restart(void **state) {
    struct world w;

    (void)state;
    put_fleet(&w);
    world_put_app(&w, "shop", "  plainSecrets: allow\n  targets: [{clusterSelector: {}}]");
    put_generated(&w, "1", "s-aa", true);
    (void)world_commit(&w);
    put_generated(&w, "2", "s-bb", true);
    put_hold(&w, "2", "1", "a", "  keep: [Secret/prod/s-aa]\n");
    (void)world_commit(&w);
    struct cm_sha256 before = world_pair(&w, "a", "shop")->bundle->sha256;
    size_t size = find_object(&w, "Secret/prod/s-aa")->bytes->size;
    restart_as_stored(&w);
    assert_true(cm_sha256_equal(&world_pair(&w, "a", "shop")->bundle->sha256, &before));
    assert_null(find_object(&w, "Secret/prod/s-aa")->bytes);
    world_put_config(&w, "shop", "more", "x"); // what people commit lands
    (void)world_commit(&w);
    assert_non_null(find_object(&w, "ConfigMap/default/more"));
    assert_int_equal(find_object(&w, "Secret/prod/s-aa")->size, size);
    put_generated(&w, "3", "s-bb", true);
    (void)world_commit(&w);
    assert_null(find_object(&w, "Secret/prod/s-aa"));
    world_done(&w);
}

// ---- Bans

static void put_ban(struct world *w, const char *image, const char *more) {
    CM_AUTOFREE char *text = cm_strf("apiVersion: holdfast/v1alpha1\nkind: Ban\n"
                                     "metadata: {name: cve}\nspec: {%simages: [{name: reg/web, "
                                     "tag: '%s'}], reason: a hole}\n",
                                     more, image);

    world_put(w, "bans/cve.yaml", text);
}

static void a_banned_image_is_not_rolled_out_and_told(void **state) {
    struct world w;

    (void)state;
    put_fleet(&w);
    put_ban(&w, "2*", "");
    put_release(&w, "2.1", "");
    (void)world_commit(&w);
    assert_runs(&w, "a", "1");
    assert_true(world_pair(&w, "a", "shop")->stale);
    assert_string_equal(
        world_problems(&w),
        "apps/shop/app.yaml:4:9: Deployment.apps/prod/web would run reg/web:2.1, which Ban 'cve' "
        "forbids (bans/cve.yaml: a hole): commit another image; until then what is in force stays");
    put_release(&w, "3", "");
    (void)world_commit(&w);
    assert_runs(&w, "a", "3");
    assert_string_equal(world_problems(&w), "");
    put_ban(&w, "3", "app: other, ");
    (void)world_commit(&w);
    assert_string_equal(world_problems(&w),
                        "bans/cve.yaml:4:13: no App is named 'other': correct the name, or delete "
                        "the file if the App is gone");
    assert_false(world_pair(&w, "a", "shop")->stale);
    world_done(&w);
}

static void what_a_hold_would_restore_may_be_banned(void **state) {
    struct world w;

    (void)state;
    put_rejected(&w);
    put_ban(&w, "1", "");
    (void)world_commit(&w);
    assert_runs(&w, "a", "1"); // it runs, and nothing better is known
    assert_runs(&w, "c", "2");
    assert_non_null(strstr(world_problems(&w), "forbids"));
    world_remove(&w, "bans/cve.yaml");
    (void)world_commit(&w);
    assert_string_equal(world_problems(&w), "");
    world_done(&w);
}

static void put_exemption(struct world *w, const char *more) {
    CM_AUTOFREE char *text =
        cm_strf("apiVersion: holdfast/v1alpha1\nkind: Exemption\nmetadata: {name: inc-1}\n"
                "spec: {app: shop, clusters: [a], object: " KEY ", until: '2026-10-01T08:00:00Z', "
                "reason: INC-1%s}\n",
                more);

    world_put(w, "exemptions/inc-1.yaml", text);
}

// first_rule returns the first rule about the object on a cluster; NULL: there is none.
static const struct hub_drift_rule *first_rule(struct world *w, const char *cluster) {
    const struct hub_bundle_spec *spec = &world_pair(w, cluster, "shop")->bundle->spec;

    return spec->objects[0].drift_list > 0
               ? &spec->drift_lists[spec->objects[0].drift_list - 1].rules[0]
               : NULL;
}

static void an_exemption_lets_agents_leave_a_field_alone_until_its_time_is_over(void **state) {
    struct world w;

    (void)state;
    put_fleet(&w);
    hub_fleet_clock(w.fleet, 1000);
    put_exemption(&w, ", field: spec.replicas");
    (void)world_commit(&w);
    const struct hub_drift_rule *rule = first_rule(&w, "a");
    assert_non_null(rule);
    assert_true(rule->keep);
    assert_string_equal(rule->fields[0], "spec.replicas");
    assert_null(world_pair(&w, "a", "shop")->held);
    assert_null(first_rule(&w, "b"));
    int64_t due_ms = hub_fleet_due_ms(w.fleet);
    assert_true(due_ms > 1000 && due_ms < INT64_MAX);
    assert_int_equal(rule->until_ms, due_ms); // also where there is no hub then
    hub_fleet_clock(w.fleet, due_ms);
    (void)world_commit(&w);
    assert_null(first_rule(&w, "a"));
    assert_int_equal(hub_fleet_due_ms(w.fleet), INT64_MAX);
    world_done(&w);
}

static void an_exemption_ends_within_its_working_hours(void **state) {
    struct world w;
    int64_t begin_ms = 0;

    (void)state;
    put_fleet(&w);
    hub_fleet_clock(w.fleet, 1000);
    put_exemption(&w, ", workingHours: 'Mon-Wed 09:00-17:00 +02:00'");
    (void)world_commit(&w);
    assert_true(cm_clock_parse("2026-10-05T09:00:00+02:00", &begin_ms)); // the next Monday
    assert_int_equal(hub_fleet_due_ms(w.fleet), begin_ms);
    assert_int_equal(first_rule(&w, "a")->until_ms, begin_ms);
    world_done(&w);
}

static void what_is_wrong_with_an_exemption_is_told_where_it_stands(void **state) {
    struct world w;

    (void)state;
    put_fleet(&w);
    put_exemption(&w, ", field: /spec/replicas");
    (void)world_commit(&w);
    assert_non_null(strstr(world_problems(&w), "exemptions/inc-1.yaml:4"));
    assert_non_null(strstr(world_problems(&w), "write a path as 'holdfast diff' prints it"));
    CM_AUTOFREE char *long_one = cm_strf(", field: spec.%01100d", 1); // agents take 1,024 bytes
    put_exemption(&w, long_one);
    (void)world_commit(&w);
    assert_non_null(strstr(world_problems(&w), "exemptions/inc-1.yaml:4"));
    world_done(&w);
}

static void count_ban(void *ctx, const struct hub_ban_info *b) {
    (*(size_t *)ctx)++;
    assert_string_equal(b->path, "bans/cve.yaml");
    assert_string_equal(b->ban->reason, "a hole");
}

static void a_new_cluster_never_gets_what_is_banned_or_rejected(void **state) {
    struct world w;
    size_t bans = 0;

    (void)state;
    put_rejected(&w);
    put_ban(&w, "1", "");
    (void)world_commit(&w);
    world_remove(&w, "clusters/a.yaml");
    (void)world_commit(&w);
    world_put_cluster(&w, "a", "", "");
    (void)world_commit(&w);
    assert_null(world_pair(&w, "a", "shop")); // rebuilt: neither of the two
    world_remove(&w, "bans/cve.yaml");
    (void)world_commit(&w);
    assert_runs(&w, "a", "1");
    put_ban(&w, "9", "");
    (void)world_commit(&w);
    hub_fleet_each_ban(w.fleet, count_ban, &bans);
    assert_int_equal(bans, 1);
    world_done(&w);
}

// ---- What is new to a cluster

// reject_2 has a cluster reject release 2, which Git says; then a cluster comes that is new.
static void reject_2(struct world *w, const char *cluster, const char *event) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = decision("2", "1", cluster, event);

    hold->cause.object = KEY;
    hold->bad_revision = "r2";
    hub_fleet_hold(w->fleet, hold, false);
    (void)world_commit(w);
}

static void put_rejected_by_all(struct world *w) {
    put_fleet(w);
    put_release(w, "2", "");
    (void)world_commit(w);
    world_load(w); // from now on it is known what is new
    reject_2(w, "a", "e1");
    reject_2(w, "b", "e2");
}

static void add_cluster(struct world *w, const char *name) {
    world_put_cluster(w, name, "", "");
    (void)world_commit(w);
}

static void promote(struct world *w, const char *cluster, const char *needs, const char *revision) {
    hub_fleet_promoted(
        w->fleet, &(struct hub_promoted){
                      .cluster = cluster, .app = "shop", .needs = needs, .revision = revision});
    (void)world_commit(w);
}

static void a_new_cluster_does_not_begin_with_what_others_rejected(void **state) {
    struct world w;

    (void)state;
    put_rejected_by_all(&w);
    add_cluster(&w, "d");
    assert_runs(&w, "c", "2");
    assert_runs(&w, "d", "1");
    assert_string_equal(world_pair(&w, "d", "shop")->held,
                        "1 instead of 2 (flagger: it failed); the App is new to this cluster, and "
                        "begins with what was not rejected");
    assert_string_equal(world_pair(&w, "d", "shop")->begins, KEY "\n");
    assert_null(strstr(world_pair(&w, "a", "shop")->held, "new to this cluster"));
    put_release(&w, "2", "replicas: 2, ");
    (void)world_commit(&w);
    assert_runs(&w, "d", "1"); // all else that people commit lands
    assert_non_null(strstr(world_object(&w, "d", "shop", KEY), "\"replicas\": 2"));
    promote(&w, "d", "Canary.flagger.app/prod/other", "r1");
    assert_runs(&w, "d", "1");
    promote(&w, "d", KEY, "r1");
    assert_runs(&w, "d", "2"); // through its own canary
    assert_null(world_pair(&w, "d", "shop")->begins);
    assert_runs(&w, "a", "1");
    world_done(&w);
}

static void what_some_rejected_and_some_promoted_is_begun_with(void **state) {
    struct world w;

    (void)state;
    put_rejected_by_all(&w);
    add_cluster(&w, "d");
    assert_runs(&w, "d", "1");
    promote(&w, "c", KEY, "r2");
    assert_runs(&w, "d", "2");
    add_cluster(&w, "e");
    assert_runs(&w, "e", "2");
    world_done(&w);
}

static void an_app_that_no_agent_of_its_cluster_ever_had_is_new_there(void **state) {
    struct world w;

    (void)state;
    put_rejected_by_all(&w);
    hub_fleet_begin_new(w.fleet, "c", "shop");
    (void)world_commit(&w);
    assert_runs(&w, "c", "1");
    put_release(&w, "3", "");
    (void)world_commit(&w);
    assert_runs(&w, "c", "3"); // nobody rejected that
    world_done(&w);
}

static void an_app_that_comes_to_a_cluster_is_new_there(void **state) {
    struct world w;

    (void)state;
    put_rejected_by_all(&w);
    world_put_app(&w, "shop", "  targets: [{cluster: a}, {cluster: b}]");
    (void)world_commit(&w);
    assert_null(world_pair(&w, "c", "shop"));
    world_put_app(&w, "shop", "  targets: [{clusterSelector: {}}]");
    (void)world_commit(&w);
    assert_runs(&w, "c", "1");
    world_done(&w);
}

static void a_fleet_that_is_read_the_first_time_is_not_new(void **state) {
    struct world w;

    (void)state;
    put_fleet(&w);
    put_release(&w, "2", "");
    (void)world_commit(&w);
    hub_fleet_free(w.fleet);
    static const uint8_t key[32] = {0};
    w.fleet = hub_fleet_new(key); // its record is lost, and what is kept out was found elsewhere
    hub_fleet_expect(w.fleet, w.repo);
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = decision("2", "1", "a", "e1");
    hold->cause.object = KEY;
    hub_fleet_hold(w.fleet, hold, false);
    world_load(&w);
    assert_runs(&w, "a", "1");
    assert_runs(&w, "b", "2");
    assert_runs(&w, "c", "2");
    add_cluster(&w, "d");
    assert_runs(&w, "d", "1");
    world_done(&w);
}

static void who_would_never_promote_is_not_waited_for(void **state) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = decision("2", "1", "a", "e1");
    struct world w;

    (void)state;
    put_fleet(&w);
    put_release(&w, "2", "");
    hold->cause.object = "Canary.flagger.app/prod/web"; // Git does not have it
    hub_fleet_hold(w.fleet, hold, false);
    (void)world_commit(&w);
    assert_runs(&w, "a", "1");
    add_cluster(&w, "d");
    assert_runs(&w, "d", "2");
    world_done(&w);
}

static void what_is_tried_again_everywhere_is_begun_with(void **state) {
    struct world w;

    (void)state;
    put_rejected_by_all(&w);
    add_cluster(&w, "d");
    hub_fleet_retry(w.fleet, "e1");
    (void)world_commit(&w);
    assert_runs(&w, "d", "1"); // b keeps it out still
    hub_fleet_retry(w.fleet, "e2");
    (void)world_commit(&w);
    assert_runs(&w, "d", "2");
    world_done(&w);
}

static void a_new_cluster_goes_by_the_file_that_people_edited(void **state) {
    struct world w;

    (void)state;
    put_rejected_by_all(&w);
    put_hold(&w, "2", "1.1", "a, b", "  event: e1\n");
    (void)world_commit(&w);
    assert_runs(&w, "a", "1.1");
    add_cluster(&w, "d");
    assert_runs(&w, "d", "1.1");
    assert_non_null(strstr(world_pair(&w, "d", "shop")->held, HOLD_FILE "; the App is new"));
    put_hold(&w, "2", "1.1", "", "  event: e1\n"); // nobody is kept from it any more
    (void)world_commit(&w);
    assert_runs(&w, "d", "2");
    world_done(&w);
}

static void what_people_hold_on_some_clusters_is_begun_with(void **state) {
    struct world w;

    (void)state;
    put_rejected(&w);
    add_cluster(&w, "d");
    assert_runs(&w, "d", "2");
    world_done(&w);
}

// begin_without has a new cluster come after a release was rejected whose predecessor has another
// Secret or ConfigMap, which Git has no more.
static void begin_without(struct world *w, bool secret, const char *keep, const char *delta) {
    CM_AUTOFREE char *text = hold_text("2-00000000", "2", "1", "a", keep);
    struct hub_hold *hold = NULL;
    struct cm_err err = {0};

    put_fleet(w);
    world_put_app(w, "shop", "  plainSecrets: allow\n  targets: [{clusterSelector: {}}]");
    put_generated(w, "1", "s-aa", secret);
    (void)world_commit(w);
    world_load(w);
    put_generated(w, "2", "s-bb", secret);
    (void)world_commit(w);
    char *cause = strstr(text, "  cause:");
    CM_AUTOFREE char *whole = cm_strf("%.*s%s%s", (int)(cause - text), text, delta, cause);
    if (hub_hold_parse(whole, strlen(whole), &hold, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    hold->cause.object = KEY;
    hold->bad_revision = "r2";
    hub_fleet_hold(w->fleet, hold, false);
    hub_hold_free(hold);
    (void)world_commit(w);
    assert_runs(w, "a", "1");
    add_cluster(w, "d");
}

static void where_a_secret_is_not_at_hand_a_new_cluster_begins_with_what_git_says(void **state) {
    struct world w;

    (void)state;
    begin_without(&w, true, "  keep: [Secret/prod/s-aa]\n  event: e1\n", "");
    assert_runs(&w, "d", "2");
    assert_null(world_pair(&w, "d", "shop")->held);
    world_done(&w);
}

static void what_a_hold_has_itself_a_new_cluster_begins_with(void **state) {
    struct world w;

    (void)state;
    begin_without(&w, false, "  keep: [ConfigMap/prod/s-aa]\n  event: e1\n",
                  "  - {object: ConfigMap/prod/s-aa, at: '', use: {apiVersion: v1, kind: "
                  "ConfigMap, metadata: {name: s-aa, namespace: prod}, data: {a: YQ==}}}\n");
    assert_runs(&w, "d", "1");
    assert_non_null(world_object(&w, "d", "shop", "ConfigMap/prod/s-aa"));
    world_done(&w);
}

static void what_git_still_has_a_new_cluster_begins_with(void **state) {
    struct world w;

    (void)state;
    begin_without(&w, true, "  keep: [Secret/prod/s-bb]\n  event: e1\n", "");
    assert_runs(&w, "d", "1");
    world_done(&w);
}

// ---- Release groups

static void put_pair_of_apps(struct world *w, const char *image) {
    CM_AUTOFREE char *text = cm_strf("apiVersion: apps/v1\nkind: Deployment\n"
                                     "metadata: {name: pay, namespace: prod}\n"
                                     "spec: {template: {spec: {containers: [{name: main, image: "
                                     "'reg/pay:%s'}]}}}\n",
                                     image);

    put_release(w, image, "");
    world_put(w, "apps/pay/pay.yaml", text);
}

// Two Apps of one release group on two clusters, which went from release 1 to 2.
static void put_group(struct world *w) {
    static const char group[] = "  releaseGroup: checkout\n  targets: [{clusterSelector: {}}]";

    world_init(w);
    world_put_cluster(w, "a", "", "");
    world_put_cluster(w, "b", "", "");
    world_put_app(w, "shop", group);
    world_put_app(w, "pay", group);
    put_pair_of_apps(w, "1");
    (void)world_commit(w);
    put_pair_of_apps(w, "2");
    (void)world_commit(w);
}

// `a` rejected release 2 of one of them.
static void put_split_group(struct world *w) {
    put_group(w);
    assert_string_equal(world_problems(w), "");
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = decision("2", "1", "a", "e1");
    hold->bad_revision = "r2";
    hub_fleet_hold(w->fleet, hold, false);
    (void)world_commit(w);
    assert_runs(w, "a", "1");
}

static void what_still_is_of_a_release_that_is_kept_out_of_its_group_is_a_problem(void **state) {
    struct world w;
    size_t count;

    (void)state;
    put_split_group(&w);
    assert_string_equal(
        world_problems(&w),
        "apps/pay/app.yaml:6:17: release group 'checkout' is split: App 'shop' is held at 1, as 2 "
        "was rejected, and this App still is what commit r2 made it: hold it too ('holdfast "
        "hold'), or commit another release");
    const struct hub_problem *p = hub_fleet_problems(w.fleet, &count);
    assert_string_equal(p[0].app, "pay");
    assert_string_equal(p[0].cluster, "a");
    assert_int_equal(p[0].clusters, 1);
    world_done(&w);
}

static void a_group_is_no_longer_split_once_its_apps_are_of_other_releases(void **state) {
    struct world w;

    (void)state;
    put_split_group(&w);
    world_put(&w, "apps/pay/pay.yaml",
              "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: pay, namespace: prod}\n"
              "spec: {template: {spec: {containers: [{name: main, image: 'reg/pay:1'}]}}}\n");
    (void)world_commit(&w);
    assert_string_equal(world_problems(&w), "");
    assert_runs(&w, "a", "1");
    world_done(&w);
}

static void a_release_that_replaces_the_rejected_one_ends_the_split(void **state) {
    struct world w;

    (void)state;
    put_split_group(&w);
    put_release(&w, "3", "");
    (void)world_commit(&w);
    assert_string_equal(world_problems(&w), "");
    assert_runs(&w, "a", "3");
    world_done(&w);
}

#define PAY_KEY "Deployment.apps/prod/pay"

// pay_decision is what pay went back from with shop, whose controller decided of that event.
static struct hub_hold *pay_decision(const char *cluster, const char *event) {
    char hex[CM_SHA256_HEX_MAX];
    struct hub_hold *hold = NULL;
    struct cm_sha256 id;
    struct cm_err err = {0};

    hub_hold_event_with(event, "pay", PAY_KEY, &id);
    cm_sha256_hex(&id, hex);
    CM_AUTOFREE char *text = cm_strf(
        "apiVersion: holdfast/v1alpha1\nkind: Hold\nmetadata: {name: pay-2-00000000}\nspec:\n"
        "  app: pay\n  clusters: [%s]\n  rejects:\n    identity:\n"
        "    - {object: apps/Deployment/prod/pay, at: "
        "'/spec/template/spec/containers/[name=main]/image', value: 'reg/pay:2'}\n"
        "  delta:\n"
        "  - {object: apps/Deployment/prod/pay, at: "
        "'/spec/template/spec/containers/[name=main]/image', bad: 'reg/pay:2', use: 'reg/pay:1'}\n"
        "  cause: {controller: flagger, text: \"with App 'shop' of its release group\"}\n"
        "  event: '%s'\n",
        cluster, hex);
    if (hub_hold_parse(text, strlen(text), &hold, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    hold->cause.object = PAY_KEY;
    hold->bad_revision = "r2";
    return hold;
}

static void reject_pay(struct world *w, const char *cluster, const char *event) {
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = pay_decision(cluster, event);

    hub_fleet_hold(w->fleet, hold, false);
    reject_2(w, cluster, event);
}

// Two clusters rejected release 2 of both: shop's controller did.
static void put_rejected_group(struct world *w) {
    put_group(w);
    world_load(w);
    reject_pay(w, "a", "e1");
    reject_pay(w, "b", "e2");
}

static void assert_both_run(struct world *w, const char *cluster, const char *image) {
    CM_AUTOFREE char *wanted = cm_strf("reg/pay:%s\"", image);

    assert_runs(w, cluster, image);
    assert_non_null(strstr(world_object(w, cluster, "pay", PAY_KEY), wanted));
}

static void a_new_cluster_begins_and_goes_on_with_all_of_a_release_group(void **state) {
    struct world w;

    (void)state;
    put_rejected_group(&w);
    assert_both_run(&w, "a", "1");
    add_cluster(&w, "d");
    assert_both_run(&w, "d", "1");
    assert_string_equal(world_pair(&w, "d", "pay")->begins, KEY "\n");
    promote(&w, "d", PAY_KEY, "r1");
    assert_both_run(&w, "d", "1");
    promote(&w, "d", KEY, "r1");
    assert_both_run(&w, "d", "2");
    assert_null(world_pair(&w, "d", "pay")->begins);
    assert_both_run(&w, "a", "1");
    world_done(&w);
}

static void what_is_promoted_of_a_release_group_is_begun_with_by_all_of_it(void **state) {
    struct world w;

    (void)state;
    put_rejected_group(&w);
    add_cluster(&w, "d");
    add_cluster(&w, "e");
    promote(&w, "e", KEY, "r2");
    assert_both_run(&w, "d", "2");
    world_done(&w);
}

static void what_joins_a_release_group_on_a_cluster_does_as_the_one_that_is_there(void **state) {
    struct world w;

    (void)state;
    put_rejected_group(&w);
    world_put_app(&w, "pay", "  releaseGroup: checkout\n  targets: [{cluster: a}, {cluster: b}]");
    (void)world_commit(&w);
    add_cluster(&w, "d");
    promote(&w, "d", KEY, "r1");
    assert_runs(&w, "d", "2");
    world_put_app(&w, "pay", "  releaseGroup: checkout\n  targets: [{clusterSelector: {}}]");
    (void)world_commit(&w);
    assert_both_run(&w, "d", "2");
    world_done(&w);
}

static void what_a_release_group_waited_for_ends_with_the_app_that_leads_it(void **state) {
    static const char everywhere[] = "  releaseGroup: checkout\n  targets: [{clusterSelector: {}}]";
    static const char before[] =
        "  releaseGroup: checkout\n  targets: [{cluster: a}, {cluster: b}]";
    struct world w;

    (void)state;
    put_rejected_group(&w);
    add_cluster(&w, "d");
    add_cluster(&w, "e");
    assert_both_run(&w, "d", "1");
    world_put_app(&w, "pay", "  releaseGroup: checkout\n  targets: [{cluster: a}, {cluster: d}]");
    (void)world_commit(&w);
    assert_runs(&w, "e", "1"); // who only went with it takes nothing along
    assert_string_equal(world_pair(&w, "e", "shop")->begins, KEY "\n");
    world_put_app(&w, "shop", before);
    (void)world_commit(&w);
    (void)world_commit(&w);
    assert_non_null(strstr(world_object(&w, "d", "pay", PAY_KEY), "reg/pay:2\""));
    assert_null(world_pair(&w, "d", "pay")->begins);
    world_put_app(&w, "shop", everywhere);
    (void)world_commit(&w);
    assert_runs(&w, "d", "1"); // which is new there again
    assert_non_null(strstr(world_object(&w, "d", "pay", PAY_KEY), "reg/pay:2\""));
    world_done(&w);
}

static void where_nobody_leads_a_release_group_any_more_it_is_begun_with(void **state) {
    struct world w;

    (void)state;
    put_rejected_group(&w);
    add_cluster(&w, "d");
    hub_fleet_unhold(w.fleet, "e1");
    hub_fleet_unhold(w.fleet, "e2");
    (void)world_commit(&w);
    assert_both_run(&w, "d", "2");
    world_done(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exemption_lets_agents_leave_a_field_alone_until_its_time_is_over),
        cmocka_unit_test(an_exemption_ends_within_its_working_hours),
        cmocka_unit_test(what_is_wrong_with_an_exemption_is_told_where_it_stands),
        cmocka_unit_test(a_rejected_release_is_kept_out_of_the_clusters_that_are_listed),
        cmocka_unit_test(a_hold_costs_one_making_for_all_clusters),
        cmocka_unit_test(hooks_run_for_what_git_says_and_those_of_a_rejected_release_rest),
        cmocka_unit_test(a_hook_that_a_hold_made_another_one_of_rests_until_the_hold_goes),
        cmocka_unit_test(what_hooks_run_for_comes_back_from_the_encoded_form),
        cmocka_unit_test(later_edits_do_what_the_table_says),
        cmocka_unit_test(what_runs_the_rejected_image_already_is_no_new_name_of_what_is_deleted),
        cmocka_unit_test(a_container_that_begins_to_run_it_is_a_new_name_beside_one_that_does),
        cmocka_unit_test(whether_it_is_a_new_name_goes_by_what_each_cluster_runs),
        cmocka_unit_test(an_edit_lands_on_the_good_image),
        cmocka_unit_test(holds_chain),
        cmocka_unit_test(a_new_cluster_does_not_begin_with_what_others_rejected),
        cmocka_unit_test(what_some_rejected_and_some_promoted_is_begun_with),
        cmocka_unit_test(an_app_that_no_agent_of_its_cluster_ever_had_is_new_there),
        cmocka_unit_test(an_app_that_comes_to_a_cluster_is_new_there),
        cmocka_unit_test(a_fleet_that_is_read_the_first_time_is_not_new),
        cmocka_unit_test(who_would_never_promote_is_not_waited_for),
        cmocka_unit_test(what_is_tried_again_everywhere_is_begun_with),
        cmocka_unit_test(a_new_cluster_goes_by_the_file_that_people_edited),
        cmocka_unit_test(what_people_hold_on_some_clusters_is_begun_with),
        cmocka_unit_test(where_no_release_is_left_what_is_in_force_stays_and_it_is_told),
        cmocka_unit_test(a_hold_counts_though_the_app_is_broken),
        cmocka_unit_test(names_that_do_not_exist_and_wrong_fields_are_problems),
        cmocka_unit_test(a_decision_holds_before_git_has_it_and_until_git_says_otherwise),
        cmocka_unit_test(a_file_that_people_edited_answers_all_that_it_was_written_of),
        cmocka_unit_test(what_was_promoted_since_is_kept_where_it_was),
        cmocka_unit_test(what_holdfast_decides_itself_waits_until_git_says_it),
        cmocka_unit_test(what_waits_for_git_is_not_wanted_once_it_may_be_tried_again),
        cmocka_unit_test(whom_a_human_takes_off_the_list_is_let_go_whatever_his_own_event_was),
        cmocka_unit_test(a_retry_in_the_file_ends_the_decision_for_good),
        cmocka_unit_test(a_release_that_is_rejected_again_after_a_retry_is_held_again),
        cmocka_unit_test(a_retry_is_for_the_clusters_that_it_lists),
        cmocka_unit_test(after_a_restart_a_retry_is_of_what_had_been_in_git),
        cmocka_unit_test(a_void_decision_is_not_missing),
        cmocka_unit_test(a_decision_known_before_a_restart_holds_from_the_first_commit),
        cmocka_unit_test(a_secret_of_the_good_release_stays_while_it_is_held),
        cmocka_unit_test(a_secret_of_the_good_release_stays_after_a_restart),
        cmocka_unit_test(a_banned_image_is_not_rolled_out_and_told),
        cmocka_unit_test(what_a_hold_would_restore_may_be_banned),
        cmocka_unit_test(a_new_cluster_never_gets_what_is_banned_or_rejected),
        cmocka_unit_test(where_a_secret_is_not_at_hand_a_new_cluster_begins_with_what_git_says),
        cmocka_unit_test(what_a_hold_has_itself_a_new_cluster_begins_with),
        cmocka_unit_test(what_git_still_has_a_new_cluster_begins_with),
        cmocka_unit_test(a_new_cluster_begins_and_goes_on_with_all_of_a_release_group),
        cmocka_unit_test(what_is_promoted_of_a_release_group_is_begun_with_by_all_of_it),
        cmocka_unit_test(what_a_release_group_waited_for_ends_with_the_app_that_leads_it),
        cmocka_unit_test(what_joins_a_release_group_on_a_cluster_does_as_the_one_that_is_there),
        cmocka_unit_test(where_nobody_leads_a_release_group_any_more_it_is_begun_with),
        cmocka_unit_test(what_still_is_of_a_release_that_is_kept_out_of_its_group_is_a_problem),
        cmocka_unit_test(a_group_is_no_longer_split_once_its_apps_are_of_other_releases),
        cmocka_unit_test(a_release_that_replaces_the_rejected_one_ends_the_split),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
