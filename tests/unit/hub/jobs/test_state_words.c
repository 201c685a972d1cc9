#include "hub/jobs/state_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/store/events.h"

static int open_arena(void **state) {
    *state = cm_arena_new(0);
    return 0;
}

static int close_arena(void **state) {
    cm_arena_free(*state);
    return 0;
}

static void a_cluster_has_a_folder_by_the_hash_of_its_name(void **state) {
    assert_string_equal(hub_state_folder(*state, "c01"), "12/c01");
    assert_string_equal(hub_state_folder(*state, "paris"), "16/paris"); // as the reference says
    assert_string_equal(hub_state_folder(*state, "rome"), "a8/rome");
}

static void an_object_has_a_file_by_what_it_is(void **state) {
    const char *const cases[][2] = {
        {"Deployment.apps/shop/web", "shop/Deployment.apps.web.json"},
        {"ConfigMap/shop/cfg", "shop/ConfigMap.core.cfg.json"},
        {"Namespace//shop", "_cluster/Namespace.core.shop.json"},
        {"ClusterRole.rbac.authorization.k8s.io//system:view",
         "_cluster/ClusterRole.rbac.authorization.k8s.io.system%3Aview.json"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(hub_state_file(*state, cases[i][0]), cases[i][1]);
    }
    assert_null(hub_state_file(*state, "no key"));
    assert_null(hub_state_file(*state, ""));
}

static void a_long_name_is_cut_and_told_apart_by_its_hash(void **state) {
    char key[400];

    (void)snprintf(key, sizeof(key), "ConfigMap/shop/%0250d", 1);
    const char *one = hub_state_file(*state, key);
    key[strlen(key) - 1] = '2';
    const char *other = hub_state_file(*state, key);
    assert_string_not_equal(one, other);
    assert_true(strlen(strrchr(one, '/') + 1) <= 255);
}

static void a_name_cannot_leave_its_folder(void **state) {
    assert_string_equal(hub_state_part(*state, "../rome"), "%2E.%2Frome");
    assert_string_equal(hub_state_part(*state, HUB_STATE_META), "%5Fmeta.json");
    assert_string_equal(hub_state_part(*state, ""), "%");
    assert_string_equal(hub_state_file(*state, "ConfigMap/../x"), "%2E./ConfigMap.core.x.json");
    assert_string_equal(hub_state_file(*state, "File.host//..%2Fetc"),
                        "_cluster/File.host.%2E.%252Fetc.json");
}

static void a_secret_is_told_by_its_keyed_hash(void **state) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    const struct cm_sha256 name = {{0xab}};

    hub_state_named(*state, "Secret/shop/login", &name, true, &text);
    assert_string_equal(cm_str_get(&text),
                        "{\n  \"hmac\": "
                        "\"ab00000000000000000000000000000000000000000000000000000000000000\",\n"
                        "  \"kind\": \"Secret\",\n  \"metadata\": {\n    \"name\": \"login\",\n"
                        "    \"namespace\": \"shop\"\n  }\n}\n");
}

static void fill(struct hub_state_news *n, size_t clusters) {
    hub_state_news_init(n, "desired");
    for (size_t i = 0; i < clusters; i++) {
        CM_AUTOFREE char *name = cm_strf("c%02zu", i);

        hub_state_news_add(n->clusters, name);
    }
    n->epoch = 2;
    n->event = 17;
    n->hub_id = "hub-1";
}

static void a_message_says_what_where_why_and_who(void **state) {
    CM_CLEANUP(hub_state_news_done) struct hub_state_news n = {0};
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    (void)state;
    fill(&n, 2);
    hub_state_news_add(n.apps, "shop");
    hub_state_news_add(n.causes, "commit fleet@4f1c");
    hub_state_news_add(n.actors, "Ada\nHoldfast-Action: none");
    n.only_removed = false;
    hub_state_message(&n, &text);
    assert_string_equal(cm_str_get(&text),
                        "desired: shop on 2 clusters\n\nApps: shop\nClusters: c00 c01\n\n"
                        "Holdfast-Action: change\nHoldfast-App: shop\nHoldfast-Clusters: 2\n"
                        "Holdfast-Cause: commit fleet@4f1c\n"
                        "Holdfast-Actor: Ada Holdfast-Action: none\n"
                        "Holdfast-Event: 2/17\nHoldfast-Writer: hub-1/epoch-2\n");
}

static void many_are_counted_and_what_is_unknown_is_said_to_be(void **state) {
    CM_CLEANUP(hub_state_news_done) struct hub_state_news n = {0};
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    (void)state;
    fill(&n, 23);
    hub_state_news_add(n.apps, "shop");
    hub_state_news_add(n.apps, "web");
    hub_state_message(&n, &text);
    const char *message = cm_str_get(&text);
    assert_non_null(strstr(message, "desired: 2 Apps removed on 23 clusters\n"));
    assert_non_null(strstr(message, " c19 (+3)\n"));
    assert_non_null(strstr(message, "\nHoldfast-Action: remove\n"));
    assert_non_null(strstr(message, "\nHoldfast-Cause: unknown\nHoldfast-Actor: unknown\n"));
}

static const struct hub_event drift = {
    .at_ms = INT64_C(1764364445123),
    .kind = "drift.found",
    .cluster = "c01",
    .app = "web",
    .key = "Deployment.apps/shop/web",
    .revision = "",
    .actor = "kubectl-edit",
    .message = "spec.template.spec.containers[name=web].env[name=PASSWORD].value: \"a\" -> \"b\"",
};

static void an_event_is_a_line_without_the_values_that_differ(void **state) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    hub_state_event_line(*state, 1, 7, &drift, &text);
    assert_string_equal(
        cm_str_get(&text),
        "{\"n\":7,\"epoch\":1,\"at\":\"2025-11-28T21:14:05.123Z\",\"kind\":\"drift.found\","
        "\"cluster\":\"c01\",\"app\":\"web\",\"key\":\"Deployment.apps/shop/web\","
        "\"actor\":\"kubectl-edit\",\"message\":"
        "\"spec.template.spec.containers[name=web].env[name=PASSWORD].value\"}\n");
}

static void an_event_does_not_tell_what_a_program_wrote(void **state) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    const struct hub_event e = {.kind = "app.degraded",
                                .message = "web: it crashes; its log ends: password canary"};

    hub_state_event_line(*state, 1, 7, &e, &text);
    assert_string_equal(cm_str_get(&text), "{\"n\":7,\"epoch\":1,\"kind\":\"app.degraded\","
                                           "\"message\":\"web: it crashes; its log ends: \"}\n");
}

static void an_event_belongs_to_its_hour(void **state) {
    struct hub_state_hour hour;

    (void)state;
    hub_state_hour(INT64_C(1764364445123), &hour);
    assert_string_equal(hour.folder, "events/2025/11/28");
    assert_string_equal(hour.prefix, "21-");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_cluster_has_a_folder_by_the_hash_of_its_name),
        TEST(an_object_has_a_file_by_what_it_is),
        TEST(a_long_name_is_cut_and_told_apart_by_its_hash),
        TEST(a_name_cannot_leave_its_folder),
        TEST(a_secret_is_told_by_its_keyed_hash),
        TEST(a_message_says_what_where_why_and_who),
        TEST(many_are_counted_and_what_is_unknown_is_said_to_be),
        TEST(an_event_is_a_line_without_the_values_that_differ),
        TEST(an_event_does_not_tell_what_a_program_wrote),
        TEST(an_event_belongs_to_its_hour),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
