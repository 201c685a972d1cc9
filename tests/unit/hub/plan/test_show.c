// What people see of a plan, held against files in golden/. HOLDFAST_GOLDEN=write writes them anew.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/plan/show.h"
#include "world.h"

static const struct hub_plan_view view = {.from = "main (3f2a1c9)", .to = "8d1e0b2", .folder = ""};

struct story {
    struct world world;
    struct hub_plan_before *before;
    struct hub_plan *plan;
};

static void begin(struct story *s) {
    world_init(&s->world);
    s->world.repo = HUB_PLAN_HERE;
}

static void remember(struct story *s) {
    (void)world_commit_all(&s->world);
    s->before = hub_plan_remember(s->world.fleet);
}

static void make(struct story *s, const struct hub_plan_filter *filter) {
    (void)world_commit(&s->world);
    s->plan = hub_plan_make(s->before, s->world.fleet, filter);
}

static void end(struct story *s) {
    hub_plan_free(s->plan);
    hub_plan_before_free(s->before);
    world_done(&s->world);
}

static void expect(const char *name, const struct cm_str *text) {
    CM_AUTOFREE char *path = cm_strf("%s/%s", GOLDEN, name);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *golden = NULL;
    struct cm_err err = {0};

    if (getenv("HOLDFAST_GOLDEN") != NULL) {
        assert_int_equal(cm_fsys_replace(path, cm_str_get(text), text->len, 0644, &err), CM_OK);
        return;
    }
    if (cm_fsys_read(path, (size_t)1 << 24, &golden, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    if (golden->size != text->len || memcmp(golden->data, cm_str_get(text), text->len) != 0) {
        fail_msg("%s should be:\n%.*s\nbut is:\n%s", name, (int)golden->size,
                 (const char *)golden->data, cm_str_get(text));
    }
}

static void expect_seen(const struct story *s, const struct hub_plan_view *seen, const char *name) {
    CM_AUTOFREE char *text_name = cm_strf("%s.txt", name);
    CM_AUTOFREE char *markdown_name = cm_strf("%s.md", name);
    CM_AUTOFREE char *json_name = cm_strf("%s.json", name);
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    CM_CLEANUP(cm_str_done) struct cm_str markdown = {0};
    CM_CLEANUP(cm_str_done) struct cm_str json = {0};

    hub_plan_text(s->plan, seen, &text);
    expect(text_name, &text);
    hub_plan_markdown(s->plan, seen, HUB_PLAN_MARKDOWN_MAX, &markdown);
    expect(markdown_name, &markdown);
    cm_json_write_canonical(hub_plan_json(arena, s->plan, seen), &json);
    expect(json_name, &json);
}

static void expect_all(const struct story *s, const char *name) {
    expect_seen(s, &view, name);
}

static void put_clusters(struct story *s, int count) {
    for (int i = 1; i <= count; i++) {
        CM_AUTOFREE char *name = cm_strf("eu-%03d", i);
        CM_AUTOFREE char *values = cm_strf("address: 10.0.0.%d, replicas: %d", i, i == 3 ? 5 : 2);

        world_put_cluster(&s->world, name, "region: eu", values);
    }
}

static void put_web(struct story *s, const char *image, const char *replicas) {
    CM_AUTOFREE char *text = cm_strf("apiVersion: apps/v1\n"
                                     "kind: Deployment\n"
                                     "metadata: {name: web, namespace: shop}\n"
                                     "spec:\n"
                                     "  replicas: %s\n"
                                     "  selector: {matchLabels: {app: web}}\n"
                                     "  template:\n"
                                     "    metadata: {labels: {app: web}}\n"
                                     "    spec:\n"
                                     "      containers:\n"
                                     "        - name: web\n"
                                     "          image: example.com/shop:%s\n",
                                     replicas, image);

    world_put(&s->world, "apps/shop/web.yaml", text);
}

#define ALL "  targets:\n    - clusterSelector: {}\n"

// ---- Stories

static void a_new_image_and_one_cluster_that_gets_more(void **state) {
    struct story s = {0};

    (void)state;
    begin(&s);
    put_clusters(&s, 12);
    world_put_app(&s.world, "shop", ALL);
    put_web(&s, "1.4.2", "${replicas}");
    remember(&s);
    put_web(&s, "1.5.0", "${replicas}");
    world_put_cluster(&s.world, "eu-007", "region: eu", "address: 10.0.0.7, replicas: 9");
    make(&s, NULL);
    expect_all(&s, "image");
    end(&s);
}

static void deletions_come_first(void **state) {
    struct story s = {0};

    (void)state;
    begin(&s);
    put_clusters(&s, 6);
    world_put_app(&s.world, "shop", "  prunePrecious: true\n" ALL);
    put_web(&s, "1", "1");
    world_put(&s.world, "apps/shop/data.yaml",
              "apiVersion: v1\nkind: PersistentVolumeClaim\n"
              "metadata: {name: data, namespace: shop}\n");
    world_put_app(&s.world, "old", ALL);
    world_put_config(&s.world, "old", "a", "1");
    world_put_config(&s.world, "old", "b", "1");
    world_put_app(&s.world, "kept", "  prune: false\n" ALL);
    world_put_config(&s.world, "kept", "one", "1");
    world_put_config(&s.world, "kept", "two", "1");
    world_put_app(&s.world, "regional",
                  "  onTargetLoss: orphan\n  targets:\n    - cluster: eu-001\n");
    world_put_config(&s.world, "regional", "r", "1");
    remember(&s);
    put_web(&s, "2", "1");
    world_remove(&s.world, "apps/shop/data.yaml");
    world_remove(&s.world, "apps/old/app.yaml");
    world_remove(&s.world, "apps/kept/two.yaml");
    world_put_app(&s.world, "regional",
                  "  onTargetLoss: orphan\n  targets:\n    - cluster: eu-002\n");
    world_remove(&s.world, "clusters/eu-006.yaml");
    world_put_cluster(&s.world, "eu-100", "region: eu", "address: x, replicas: 1");
    make(&s, NULL);
    expect_all(&s, "deletions");
    end(&s);
}

static void values_of_their_own_are_folded(void **state) {
    struct story s = {0};

    (void)state;
    begin(&s);
    put_clusters(&s, 9);
    world_put_app(&s.world, "shop", ALL);
    world_put_config(&s.world, "shop", "site", "http://${address}");
    remember(&s);
    world_put_config(&s.world, "shop", "site", "https://${address}");
    make(&s, NULL);
    expect_all(&s, "ways");
    end(&s);
}

static void put_secret(struct story *s, const char *password) {
    CM_AUTOFREE char *text = cm_strf("apiVersion: v1\nkind: Secret\n"
                                     "metadata: {name: db, namespace: shop}\n"
                                     "stringData: {password: %s, user: shop}\n",
                                     password);

    world_put(&s->world, "apps/shop/secret.yaml", text);
}

static void secrets_stay_secret(void **state) {
    struct story s = {0};

    (void)state;
    begin(&s);
    put_clusters(&s, 2);
    world_put_app(&s.world, "shop", "  plainSecrets: allow\n" ALL);
    put_secret(&s, "hunter2");
    remember(&s);
    put_secret(&s, "correct-horse");
    world_put(&s.world, "apps/shop/other.yaml",
              "apiVersion: v1\nkind: Secret\nmetadata: {name: new, namespace: shop}\n"
              "stringData: {token: battery-staple}\n");
    make(&s, NULL);
    expect_all(&s, "secret");
    end(&s);
}

static void problems_options_and_moves(void **state) {
    struct story s = {0};

    (void)state;
    begin(&s);
    put_clusters(&s, 3);
    world_put_app(&s.world, "a", ALL);
    world_put_config(&s.world, "a", "moves", "1");
    world_put_config(&s.world, "a", "stays", "1");
    world_put_app(&s.world, "b", ALL);
    world_put_config(&s.world, "b", "other", "1");
    world_put_app(&s.world, "broken", ALL);
    world_put_config(&s.world, "broken", "x", "${undefined}");
    world_put_app(&s.world, "breaks", ALL);
    world_put_config(&s.world, "breaks", "third", "1");
    world_put_app(&s.world, "mended", ALL);
    world_put_config(&s.world, "mended", "z", "${undefined}");
    remember(&s);
    world_remove(&s.world, "apps/a/moves.yaml");
    world_put_config(&s.world, "b", "moves", "2");
    world_put_app(&s.world, "b",
                  "  suspend: true\n  drift: correct\n  dependsOn: [{name: a}]\n" ALL);
    world_put_config(&s.world, "breaks", "third", "${undefined}");
    world_put_config(&s.world, "mended", "z", "1");
    make(&s, NULL);
    expect_all(&s, "problems");
    end(&s);
}

static void texts_of_several_lines_are_compared_by_line(void **state) {
    struct story s = {0};

    (void)state;
    begin(&s);
    put_clusters(&s, 1);
    world_put_app(&s.world, "shop", ALL);
    world_put_config(&s.world, "shop", "nginx",
                     "\"listen 80;\\nserver_name a;\\nroot /srv;\\nindex x;\\n\"");
    remember(&s);
    world_put_config(&s.world, "shop", "nginx",
                     "\"listen 80;\\nserver_name b;\\nroot /srv;\\ngzip on;\\nindex x;\\n\"");
    make(&s, NULL);
    expect_all(&s, "lines");
    end(&s);
}

static void nothing_is_said_of_what_does_not_change(void **state) {
    struct story s = {0};

    (void)state;
    begin(&s);
    put_clusters(&s, 3);
    world_put_app(&s.world, "shop", ALL);
    put_web(&s, "1", "1");
    remember(&s);
    world_put(&s.world, "README.md", "hello");
    make(&s, NULL);
    expect_all(&s, "nothing");
    end(&s);
}

// ---- Bounds and hostile texts

static void hooks_run_and_options_decide_of_later(void **state) {
    struct story s = {0};

    (void)state;
    begin(&s);
    put_clusters(&s, 2);
    world_put_app(&s.world, "shop", ALL "  releaseGroup: front");
    world_put_app(&s.world, "web", ALL);
    world_put_config(&s.world, "web", "one", "a");
    put_web(&s, "1.4.2", "2");
    world_put(&s.world, "apps/shop/migrate.yaml",
              "apiVersion: batch/v1\nkind: Job\n"
              "metadata: {name: migrate, namespace: shop,\n"
              "  annotations: {holdfast.dev/hook: pre-apply}}\n"
              "spec: {template: {spec: {containers: [{name: a, image: i}]}}}\n");
    remember(&s);
    put_web(&s, "1.5.0", "2");
    world_put_app(&s.world, "shop", ALL);
    world_put_app(&s.world, "web", ALL "  onTargetLoss: prune");
    make(&s, NULL);
    expect_all(&s, "later");
    end(&s);
}

static void what_agents_said_of_owners_is_told(void **state) {
    static const char *const both[] = {"eu-001", "eu-002"};
    static const char *const away[] = {"us-001"};
    static const struct hub_plan_owned owned[] = {
        {"shop", "ConfigMap/shop/cfg", "Flux (Kustomization 'flux-system/apps')", both, 2},
        {"shop", "Deployment.apps/shop/web", "Argo CD (Application 'shop')", both, 1},
        {"tools", "Secret/tools/`key`", "Rancher Fleet (object set 'x')", both, 2},
    };
    static const struct hub_plan_blind blind[] = {{"no agent is connected", away, 1}};
    static const struct hub_plan_live found = {owned, 3, blind, 1, 2};
    static const struct hub_plan_live nothing = {.looked = 2};
    struct hub_plan_view seen = view;
    struct story s = {0};

    (void)state;
    begin(&s);
    remember(&s);
    make(&s, NULL);
    seen.live = &found;
    expect_seen(&s, &seen, "live");
    seen.live = &nothing;
    expect_seen(&s, &seen, "live-none");
    end(&s);
}

static void a_comment_keeps_its_bound(void **state) {
    struct story s = {0};
    CM_CLEANUP(cm_str_done) struct cm_str markdown = {0};

    (void)state;
    begin(&s);
    put_clusters(&s, 2);
    for (int app = 0; app < 40; app++) {
        CM_AUTOFREE char *name = cm_strf("app-%d", app);

        world_put_app(&s.world, name, ALL);
        for (int i = 0; i < 60; i++) {
            CM_AUTOFREE char *object = cm_strf("%s-a-rather-long-name-of-an-object-%d", name, i);
            world_put_config(&s.world, name, object, "1");
        }
    }
    s.before = hub_plan_remember(s.world.fleet);
    make(&s, NULL);
    hub_plan_markdown(s.plan, &view, HUB_PLAN_MARKDOWN_MAX, &markdown);
    assert_in_range(markdown.len, HUB_PLAN_MARKDOWN_MAX / 2, HUB_PLAN_MARKDOWN_MAX);
    assert_non_null(strstr(markdown.data, "more Apps: see `holdfast plan`"));
    cm_str_clear(&markdown);
    hub_plan_markdown(s.plan, &view, 4096, &markdown);
    assert_true(markdown.len <= 4096);
    end(&s);
}

static void a_text_cannot_leave_its_block(void **state) {
    struct story s = {0};
    CM_CLEANUP(cm_str_done) struct cm_str markdown = {0};
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    (void)state;
    begin(&s);
    put_clusters(&s, 1);
    world_put_app(&s.world, "shop", ALL);
    remember(&s);
    world_put_config(&s.world, "shop", "one",
                     "\"````` <img src=x> @everyone \\u202e \\x9b2J \\x7f\"");
    world_put_config(&s.world, "shop", "two", "\"a\"");
    make(&s, NULL);
    world_put_config(&s.world, "shop", "two", "\"````\\n\\x9b2J\\n\\u202e\"");
    hub_plan_before_free(s.before);
    s.before = hub_plan_remember(s.world.fleet);
    hub_plan_free(s.plan);
    make(&s, NULL);
    hub_plan_markdown(s.plan, &view, HUB_PLAN_MARKDOWN_MAX, &markdown);
    assert_non_null(strstr(markdown.data, "\n`````diff\n"));
    hub_plan_text(s.plan, &view, &text);
    assert_non_null(strstr(text.data, "+ ?2J\n"));
    assert_null(strstr(text.data, "\xc2\x9b"));
    assert_null(strstr(text.data, "\xe2\x80\xae"));
    assert_null(strstr(markdown.data, "\xe2\x80\xae"));
    end(&s);
}

static void annotations_escape_what_has_a_meaning(void **state) {
    const struct hub_problem problem = {.repo = HUB_PLAN_HERE,
                                        .path = "a,b:c%.yaml",
                                        .line = 3,
                                        .column = 7,
                                        .message = "50% of: this,\nand that",
                                        .cluster = "eu-1",
                                        .clusters = 2};
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    (void)state;
    hub_problem_annotation(&problem, "fleet/", "error", &text);
    assert_string_equal(text.data, "::error file=fleet/a%2Cb%3Ac%25.yaml,line=3,col=7,"
                                   "title=holdfast::50%25 of: this,%0Aand that (on 2 clusters, "
                                   "first eu-1)\n");
}

static void a_problem_of_another_repository_is_told_with_its_name(void **state) {
    const struct hub_problem problem = {
        .repo = "shop-config", .path = "web.yaml", .line = 3, .column = 7, .message = "wrong"};
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    (void)state;
    hub_problem_line(&problem, "fleet/", &text);
    hub_problem_annotation(&problem, "fleet/", "error", &text);
    assert_string_equal(text.data, "shop-config:web.yaml:3:7: wrong"
                                   "::error title=holdfast::shop-config:web.yaml:3:7: wrong\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_image_and_one_cluster_that_gets_more),
        cmocka_unit_test(deletions_come_first),
        cmocka_unit_test(values_of_their_own_are_folded),
        cmocka_unit_test(secrets_stay_secret),
        cmocka_unit_test(problems_options_and_moves),
        cmocka_unit_test(texts_of_several_lines_are_compared_by_line),
        cmocka_unit_test(nothing_is_said_of_what_does_not_change),
        cmocka_unit_test(hooks_run_and_options_decide_of_later),
        cmocka_unit_test(what_agents_said_of_owners_is_told),
        cmocka_unit_test(a_comment_keeps_its_bound),
        cmocka_unit_test(a_text_cannot_leave_its_block),
        cmocka_unit_test(annotations_escape_what_has_a_meaning),
        cmocka_unit_test(a_problem_of_another_repository_is_told_with_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
