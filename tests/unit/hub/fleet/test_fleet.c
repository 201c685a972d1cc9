#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_app_reaches_the_clusters_that_its_target_means),
        TEST(clusters_that_differ_in_unused_values_share_a_bundle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
