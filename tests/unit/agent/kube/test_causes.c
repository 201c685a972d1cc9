#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/causes.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

static struct cm_json *parse(struct cm_arena *a, const char *text) {
    struct cm_json *node = NULL;
    struct cm_err err = {0};

    if (cm_json_parse(a, text, strlen(text), NULL, &node, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return node;
}

// The causes of pods with these statuses.
static const char *causes(struct cm_arena *a, const char *const *statuses, size_t count) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_str_add(&text, "{\"items\":[");
    for (size_t i = 0; i < count; i++) {
        cm_str_addf(&text, "%s{\"metadata\":{\"name\":\"p%zu\"},\"status\":{%s}}",
                    i == 0 ? "" : ",", i, statuses[i]);
    }
    cm_str_add(&text, "]}");
    return kube_causes_of(a, parse(a, cm_str_get(&text)));
}

static const char *cause(struct cm_arena *a, const char *status) {
    return causes(a, &status, 1);
}

#define CONTAINER(state)                                                                           \
    "\"containerStatuses\":[{\"name\":\"web\",\"ready\":false,\"state\":" state "}]"
#define CRASHING                                                                                   \
    "\"containerStatuses\":[{\"name\":\"web\",\"state\":{\"waiting\":{\"reason\":"                 \
    "\"CrashLoopBackOff\",\"message\":\"back-off 10s\"}},\"lastState\":{\"terminated\":"           \
    "{\"exitCode\":137,\"reason\":\"OOMKilled\"}}}]"
#define READY "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]"

static void a_container_that_waits_says_why_and_how_it_ended(void **state) {
    assert_string_equal(cause(*state, CRASHING),
                        "1 pod: container web: CrashLoopBackOff: back-off 10s (exit code 137, "
                        "OOMKilled)");
    assert_string_equal(
        cause(*state, CONTAINER("{\"waiting\":{\"reason\":\"ImagePullBackOff\",\"message\":"
                                "\"registry says no\"}}")),
        "1 pod: container web: ImagePullBackOff: registry says no");
}

static void what_every_container_waits_for_is_no_cause(void **state) {
    assert_string_equal(
        cause(*state, CONTAINER("{\"waiting\":{\"reason\":\"ContainerCreating\"}}")), "");
    assert_string_equal(cause(*state, CONTAINER("{\"waiting\":{}}")), "");
}

static void a_container_that_ended_says_with_which_code(void **state) {
    assert_string_equal(
        cause(*state, CONTAINER("{\"terminated\":{\"exitCode\":2,\"reason\":\"Error\"}}")),
        "1 pod: container web ended (exit code 2)");
    assert_string_equal(cause(*state, CONTAINER("{\"terminated\":{\"exitCode\":0}}")), "");
}

static void an_init_container_comes_first(void **state) {
    assert_string_equal(
        cause(*state, "\"initContainerStatuses\":[{\"name\":\"setup\",\"state\":{\"terminated\":"
                      "{\"exitCode\":1}}}]," CRASHING),
        "1 pod: container setup ended (exit code 1)");
}

static void a_pod_that_no_node_takes_has_the_schedulers_words(void **state) {
    assert_string_equal(
        cause(*state, "\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":"
                      "\"Unschedulable\",\"message\":\"0/3 nodes are available\"}]"),
        "1 pod: Unschedulable: 0/3 nodes are available");
}

static void a_container_that_only_runs_may_fail_its_probe(void **state) {
    assert_string_equal(cause(*state, CONTAINER("{\"running\":{}}")),
                        "1 pod: container web runs but is not ready (its readiness probe?)");
}

static void an_evicted_pod_says_so(void **state) {
    assert_string_equal(
        cause(*state, "\"phase\":\"Failed\",\"reason\":\"Evicted\",\"message\":\"low on memory\""),
        "1 pod: Evicted: low on memory");
}

static void equal_causes_are_counted_and_the_most_frequent_comes_first(void **state) {
    const char *const statuses[] = {CONTAINER("{\"running\":{}}"), CRASHING, READY, CRASHING};

    assert_string_equal(causes(*state, statuses, 4),
                        "2 pods: container web: CrashLoopBackOff: back-off 10s (exit code 137, "
                        "OOMKilled); 1 pod: container web runs but is not ready (its readiness "
                        "probe?)");
}

static void what_is_no_list_of_pods_has_no_cause(void **state) {
    static const char *const texts[] = {"{}", "{\"items\":{}}",
                                        "{\"items\":[1,{},{\"status\":[]}]}",
                                        "{\"items\":[{\"status\":{\"containerStatuses\":{}}}]}"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_string_equal(kube_causes_of(*state, parse(*state, texts[i])), "");
    }
}

static const char *selector(struct cm_arena *a, const char *kind, const char *spec) {
    return kube_causes_selector(
        a, parse(a, cm_arena_strf(a, "{%s,\"spec\":{\"selector\":%s}}", kind, spec)));
}

#define DEPLOYMENT "\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\""

static void pods_are_found_by_the_workloads_selector(void **state) {
    assert_string_equal(
        selector(*state, DEPLOYMENT, "{\"matchLabels\":{\"app\":\"web\",\"tier\":\"x\"}}"),
        "app=web,tier=x");
    assert_string_equal(
        selector(*state, DEPLOYMENT,
                 "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[\"1\","
                 "\"2\"]},{\"key\":\"b\",\"operator\":\"NotIn\",\"values\":[\"3\"]},{\"key\":\"c\","
                 "\"operator\":\"Exists\"},{\"key\":\"d\",\"operator\":\"DoesNotExist\"}]}"),
        "a in (1,2),b notin (3),c,!d");
}

static void what_has_no_pods_or_no_selector_is_not_asked(void **state) {
    assert_null(selector(*state, "\"apiVersion\":\"v1\",\"kind\":\"Service\"",
                         "{\"matchLabels\":{\"app\":\"web\"}}"));
    assert_null(selector(*state, DEPLOYMENT, "{}"));
}

static int make(void **state) {
    *state = cm_arena_new(0);
    return 0;
}

static int drop(void **state) {
    cm_arena_free(*state);
    return 0;
}

#define CAUSE_TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void) {
    const struct CMUnitTest tests[] = {
        CAUSE_TEST(a_container_that_waits_says_why_and_how_it_ended),
        CAUSE_TEST(what_every_container_waits_for_is_no_cause),
        CAUSE_TEST(a_container_that_ended_says_with_which_code),
        CAUSE_TEST(an_init_container_comes_first),
        CAUSE_TEST(a_pod_that_no_node_takes_has_the_schedulers_words),
        CAUSE_TEST(a_container_that_only_runs_may_fail_its_probe),
        CAUSE_TEST(an_evicted_pod_says_so),
        CAUSE_TEST(equal_causes_are_counted_and_the_most_frequent_comes_first),
        CAUSE_TEST(what_is_no_list_of_pods_has_no_cause),
        CAUSE_TEST(pods_are_found_by_the_workloads_selector),
        CAUSE_TEST(what_has_no_pods_or_no_selector_is_not_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
