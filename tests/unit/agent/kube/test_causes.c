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
#include "common/utf8.h"
#include "tests/support/json.h"

// The causes of pods with these statuses.
static const char *causes(struct cm_arena *a, const char *const *statuses, size_t count) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_str_add(&text, "{\"items\":[");
    for (size_t i = 0; i < count; i++) {
        cm_str_addf(&text, "%s{\"metadata\":{\"name\":\"p%zu\"},\"status\":{%s}}",
                    i == 0 ? "" : ",", i, statuses[i]);
    }
    cm_str_add(&text, "]}");
    struct kube_causes found;
    kube_causes_find(a, parse(a, cm_str_get(&text)), false, &found);
    return found.words;
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

static struct kube_causes find(struct cm_arena *a, const char *status, bool logs) {
    struct kube_causes found;

    kube_causes_find(a,
                     parse(a, cm_arena_strf(a,
                                            "{\"items\":[{\"metadata\":{\"name\":\"p\",\"uid\":"
                                            "\"u\"},\"status\":{%s}}]}",
                                            status)),
                     logs, &found);
    return found;
}

static const char *words_of(struct cm_arena *a, const char *list) {
    struct kube_causes found;

    kube_causes_find(a, parse(a, list), false, &found);
    return found.words;
}

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
                        "1 pod: container web runs but is not ready");
}

static void an_evicted_pod_says_so(void **state) {
    assert_string_equal(
        cause(*state, "\"phase\":\"Failed\",\"reason\":\"Evicted\",\"message\":\"low on memory\""),
        "1 pod: Evicted: low on memory");
}

static void a_long_message_is_cut_between_two_characters(void **state) {
    CM_CLEANUP(cm_str_done) struct cm_str message = {0};

    cm_str_add(&message, "x");
    for (int i = 0; i < 200; i++) {
        cm_str_add(&message, "ä");
    }
    const char *words =
        cause(*state, cm_arena_strf(*state, "\"reason\":\"Evicted\",\"message\":\"%s\"",
                                    cm_str_get(&message)));
    assert_int_equal(strlen(words), strlen("1 pod: Evicted: ") + 239);
    assert_int_equal(cm_utf8_valid(words, strlen(words)), strlen(words));
}

static void equal_causes_are_counted_and_the_most_frequent_comes_first(void **state) {
    const char *const statuses[] = {CONTAINER("{\"running\":{}}"), CRASHING, READY, CRASHING};

    assert_string_equal(causes(*state, statuses, 4),
                        "2 pods: container web: CrashLoopBackOff: back-off 10s (exit code 137, "
                        "OOMKilled); 1 pod: container web runs but is not ready");
}

#define ENDED(code, more)                                                                          \
    CONTAINER("{\"terminated\":{\"exitCode\":" #code ",\"message\":\"last words\"" more "}}")

static void what_a_container_left_is_told_only_where_logs_are(void **state) {
    assert_string_equal(find(*state, ENDED(2, ""), false).words,
                        "1 pod: container web ended (exit code 2)");
    assert_string_equal(find(*state, ENDED(2, ""), true).words,
                        "1 pod: container web ended (exit code 2): last words");
}

static void the_log_of_a_container_that_crashed_can_be_asked_for(void **state) {
    struct kube_causes crashing = find(*state, CRASHING, true);
    struct kube_causes crashed = find(*state, ENDED(2, ""), true);

    assert_string_equal(crashing.crashed_pod, "p");
    assert_string_equal(crashing.crashed_container, "web");
    assert_true(crashing.crashed_before);
    assert_string_equal(crashed.crashed_container, "web");
    assert_false(crashed.crashed_before);
    assert_null(find(*state, CONTAINER("{\"running\":{}}"), true).crashed_pod);
}

#define WAITING(reason, restarts)                                                                  \
    "\"containerStatuses\":[{\"name\":\"web\",\"restartCount\":" #restarts                         \
    ",\"state\":{\"waiting\":{\"reason\":\"" reason "\"}}}]"

static void what_no_waiting_mends_is_failing(void **state) {
    assert_true(find(*state, WAITING("ImagePullBackOff", 0), false).failing);
    assert_true(find(*state, WAITING("CreateContainerConfigError", 0), false).failing);
    assert_true(find(*state, WAITING("CrashLoopBackOff", 3), false).failing);
    assert_false(find(*state, WAITING("CrashLoopBackOff", 2), false).failing); // it may yet come up
    assert_false(find(*state, WAITING("ErrImagePull", 0), false).failing);
    assert_false(find(*state, CONTAINER("{\"running\":{}}"), false).failing);
}

static void events_are_asked_for_where_a_pod_does_not_say_why(void **state) {
    static const char *const vague[] = {
        CONTAINER("{\"running\":{}}"),
        "\"phase\":\"Pending\"," CONTAINER("{\"waiting\":{\"reason\":\"ContainerCreating\"}}"),
        ENDED(143, ""),
    };

    for (size_t i = 0; i < sizeof(vague) / sizeof(vague[0]); i++) {
        assert_string_equal(find(*state, vague[i], false).ask, "u");
    }
    assert_null(find(*state, ENDED(1, ""), false).ask);
    assert_null(find(*state, ENDED(137, ",\"reason\":\"OOMKilled\""), false).ask);
    assert_null(find(*state, WAITING("ImagePullBackOff", 0), false).ask);
}

static void an_init_container_that_does_not_end_is_a_cause(void **state) {
    assert_string_equal(
        cause(*state,
              "\"initContainerStatuses\":[{\"name\":\"setup\",\"ready\":false,\"state\":"
              "{\"running\":{}}}]," CONTAINER("{\"waiting\":{\"reason\":\"PodInitializing\"}}")),
        "1 pod: init container setup has not ended");
}

static const char *event(struct cm_arena *a, const char *items) {
    return kube_causes_event(a, parse(a, cm_arena_strf(a, "{\"items\":[%s]}", items)));
}

#define EVENT(type, reason, at)                                                                    \
    "{\"type\":\"" type "\",\"reason\":\"" reason "\",\"message\":\"m\",\"lastTimestamp\":\"" at   \
    "\"}"

static void the_newest_warning_says_why(void **state) {
    assert_string_equal(
        event(*state,
              EVENT("Warning", "Old", "2026-01-01T00:00:00Z") "," EVENT(
                  "Warning", "New", "2026-01-01T00:00:09Z") "," EVENT("Normal", "Pulled",
                                                                      "2026-01-01T00:00:10Z")),
        "New: m");
    assert_string_equal(event(*state, EVENT("Warning", "BackOff", "2026-01-01T00:00:00Z")), "");
    assert_string_equal(event(*state, EVENT("Normal", "FailedBinding", "")), "FailedBinding: m");
    assert_string_equal(event(*state, "7,{}"), "");
}

static void what_is_no_list_of_pods_has_no_cause(void **state) {
    static const char *const texts[] = {"{}", "{\"items\":{}}",
                                        "{\"items\":[1,{},{\"status\":[]}]}",
                                        "{\"items\":[{\"status\":{\"containerStatuses\":{}}}]}"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_string_equal(words_of(*state, texts[i]), "");
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
    assert_string_equal(selector(*state,
                                 "\"apiVersion\":\"argoproj.io/v1alpha1\",\"kind\":\"Rollout\"",
                                 "{\"matchLabels\":{\"app\":\"web\"}}"),
                        "app=web");
}

static void what_has_no_pods_or_no_selector_is_not_asked(void **state) {
    assert_null(selector(*state, "\"apiVersion\":\"v1\",\"kind\":\"Service\"",
                         "{\"matchLabels\":{\"app\":\"web\"}}"));
    assert_null(selector(*state, DEPLOYMENT, "{}"));
}

static void nobody_stops_looking_but_the_pauses_grow(void **state) {
    (void)state;
    assert_int_equal(kube_causes_pause_ms(1), 5000);
    assert_int_equal(kube_causes_pause_ms(5), 80000);
    assert_int_equal(kube_causes_pause_ms(6), 300000);
    assert_int_equal(kube_causes_pause_ms(1000), 300000);
}

static void the_next_page_is_asked_for_while_no_pod_has_a_cause(void **state) {
    const struct cm_json *list = parse(*state, "{\"metadata\":{\"continue\":\"abc\"}}");
    const struct cm_json *last = parse(*state, "{\"metadata\":{\"continue\":\"\"}}");
    const struct kube_causes nothing = {.words = ""};
    const struct kube_causes found = {.words = "1 pod: Evicted"};

    assert_string_equal(kube_causes_more(&nothing, list, 1), "abc");
    assert_string_equal(kube_causes_more(&nothing, list, 19), "abc");
    assert_null(kube_causes_more(&nothing, list, 20));
    assert_null(kube_causes_more(&found, list, 1));
    assert_null(kube_causes_more(&nothing, last, 1));
}

static void a_job_itself_says_whether_it_failed(void **state) {
    assert_true(
        kube_causes_says_itself(parse(*state, "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\"}")));
    assert_false(kube_causes_says_itself(parse(*state, "{" DEPLOYMENT "}")));
}

#define FORM(seen) ",\"metadata\":{\"generation\":2},\"status\":{" seen "}}"

static void a_workload_that_its_controller_has_not_seen_has_no_pods_to_ask(void **state) {
    static const struct {
        const char *workload;
        bool unseen;
    } rows[] = {
        {"{" DEPLOYMENT FORM(""), true},
        {"{" DEPLOYMENT FORM("\"observedGeneration\":1"), true},
        {"{" DEPLOYMENT FORM("\"observedGeneration\":2"), false},
        {"{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\"" FORM(""),
         false}, // which says nothing of it
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(kube_causes_unseen(parse(*state, rows[i].workload)), rows[i].unseen);
    }
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
        CAUSE_TEST(a_long_message_is_cut_between_two_characters),
        CAUSE_TEST(equal_causes_are_counted_and_the_most_frequent_comes_first),
        CAUSE_TEST(what_a_container_left_is_told_only_where_logs_are),
        CAUSE_TEST(the_log_of_a_container_that_crashed_can_be_asked_for),
        CAUSE_TEST(what_no_waiting_mends_is_failing),
        CAUSE_TEST(events_are_asked_for_where_a_pod_does_not_say_why),
        CAUSE_TEST(an_init_container_that_does_not_end_is_a_cause),
        CAUSE_TEST(the_newest_warning_says_why),
        CAUSE_TEST(what_is_no_list_of_pods_has_no_cause),
        CAUSE_TEST(pods_are_found_by_the_workloads_selector),
        CAUSE_TEST(what_has_no_pods_or_no_selector_is_not_asked),
        CAUSE_TEST(nobody_stops_looking_but_the_pauses_grow),
        CAUSE_TEST(the_next_page_is_asked_for_while_no_pod_has_a_cause),
        CAUSE_TEST(a_job_itself_says_whether_it_failed),
        CAUSE_TEST(a_workload_that_its_controller_has_not_seen_has_no_pods_to_ask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
