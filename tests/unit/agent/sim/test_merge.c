#include "agent/sim/merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/str.h"
#include "tests/support/json.h"

#define HEAD "\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\"}"

static void expect(const char *before, const char *desired, const char *live,
                   const char *expected) {
    struct cm_arena *a = cm_arena_new(0);
    struct cm_json *tree = parse(a, live);

    agent_sim_merge(a, parse(a, before), parse(a, desired), tree);
    if (!cm_json_equal(tree, parse(a, expected))) {
        struct cm_str text = {0};

        cm_json_write_compact(tree, &text);
        fail_msg("it is now %s", cm_str_get(&text));
    }
    cm_arena_free(a);
}

static void others_fields_stay_and_ours_are_set(void **state) {
    (void)state;
    expect(NULL, "{" HEAD ",\"spec\":{\"replicas\":2}}",
           "{" HEAD ",\"spec\":{\"replicas\":5,\"paused\":true}}",
           "{" HEAD ",\"spec\":{\"replicas\":2,\"paused\":true}}");
}

static void what_we_no_longer_say_is_taken_away(void **state) {
    (void)state;
    expect("{" HEAD ",\"spec\":{\"replicas\":2,\"paused\":true}}",
           "{" HEAD ",\"spec\":{\"replicas\":2}}",
           "{" HEAD ",\"spec\":{\"replicas\":2,\"paused\":true,\"x\":1}}",
           "{" HEAD ",\"spec\":{\"replicas\":2,\"x\":1}}");
}

#define CONTAINERS(list) "{" HEAD ",\"spec\":{\"template\":{\"spec\":{\"containers\":[" list "]}}}}"

static void lists_are_merged_by_their_keys(void **state) {
    (void)state;
    expect(CONTAINERS("{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"gone\",\"image\":\"1\"}"),
           CONTAINERS("{\"name\":\"a\",\"image\":\"2\"}"),
           CONTAINERS("{\"name\":\"injected\",\"image\":\"9\"},{\"name\":\"a\",\"image\":\"1\"},"
                      "{\"name\":\"gone\",\"image\":\"1\"}"),
           CONTAINERS("{\"name\":\"a\",\"image\":\"2\"},{\"name\":\"injected\",\"image\":\"9\"}"));
}

static void a_value_is_set_along_a_path(void **state) {
    struct cm_arena *a = cm_arena_new(0);
    struct cm_json *tree = parse(a, CONTAINERS("{\"name\":\"a\",\"image\":\"1\"}"));

    (void)state;
    assert_true(agent_sim_set(a, tree, "spec.template.spec.containers[name=a].image",
                              cm_json_new_string(a, "2")));
    assert_true(agent_sim_set(a, tree, "metadata.labels['a.b/c']", cm_json_new_string(a, "d")));
    assert_false(agent_sim_set(a, tree, "spec.template.spec.containers[name=z].image",
                               cm_json_new_string(a, "2")));
    assert_false(agent_sim_set(a, tree, "kind.x", cm_json_new_string(a, "2")));
    assert_string_equal(cm_json_string(cm_json_path(tree, "metadata", "labels", "a.b/c", NULL)),
                        "d");
    assert_string_equal(
        cm_json_string(cm_json_get(
            cm_json_path(tree, "spec", "template", "spec", "containers", NULL)->first, "image")),
        "2");
    cm_arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_fields_stay_and_ours_are_set),
        cmocka_unit_test(what_we_no_longer_say_is_taken_away),
        cmocka_unit_test(lists_are_merged_by_their_keys),
        cmocka_unit_test(a_value_is_set_along_a_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
