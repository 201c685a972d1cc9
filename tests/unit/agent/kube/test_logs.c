#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/internal.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/utf8.h"

static bool choose(const char *text, char *pod, char *container) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_log_source from;
    struct cm_json *list = NULL;
    struct cm_err err;

    assert_int_equal(cm_json_parse(a, text, strlen(text), NULL, &list, &err), CM_OK);
    bool found = kube_logs_choose(list, &from);
    if (found) {
        (void)stpcpy(pod, from.pod);
        (void)stpcpy(container, from.container);
    }
    return found;
}

#define POD(name, made, phase, more)                                                               \
    "{\"metadata\":{\"name\":\"" name "\",\"creationTimestamp\":\"2026-01-01T00:00:0" made         \
    "Z\"},\"spec\":{\"containers\":[{\"name\":\"main\"},{\"name\":\"side\"}]},\"status\":{"        \
    "\"phase\":\"" phase "\"" more "}}"

static void the_newest_pod_that_failed_says_most(void **state) {
    char pod[64];
    char container[64];

    (void)state;
    assert_true(choose("{\"items\":[" POD("a", "1", "Failed", "") "," POD(
                           "b", "2", "Failed", "") "," POD("c", "3", "Running", "") "]}",
                       pod, container));
    assert_string_equal(pod, "b");
    assert_string_equal(container, "main");
    assert_true(
        choose("{\"items\":[" POD("a", "1", "Running", "") "," POD("b", "2", "Pending", "") "]}",
               pod, container));
    assert_string_equal(pod, "b");
}

static void the_container_that_ended_badly_says_most(void **state) {
    char pod[64];
    char container[64];

    (void)state;
    assert_true(choose(
        "{\"items\":[" POD("a", "1", "Failed",
                           ",\"containerStatuses\":[{\"name\":\"main\",\"state\":{\"terminated\":{"
                           "\"exitCode\":0}}},{\"name\":\"side\",\"state\":{\"terminated\":{"
                           "\"exitCode\":3}}}]") "]}",
        pod, container));
    assert_string_equal(container, "side");
}

static void without_a_pod_there_is_no_log(void **state) {
    char pod[64];
    char container[64];

    (void)state;
    assert_false(choose("{\"items\":[]}", pod, container));
    assert_false(choose("{\"items\":7}", pod, container));
    assert_false(choose("{\"items\":[{}]}", pod, container));
}

static void assert_joined(const char *text, const char *expected) {
    CM_AUTOFREE char *joined = kube_logs_join(text, strlen(text));

    assert_string_equal(joined, expected);
}

static void the_last_ten_lines_stand_on_one(void **state) {
    (void)state;
    assert_joined("", "");
    assert_joined("\n\n", "");
    assert_joined("one\ttwo\r\nthree\x1b[0m\n", "one two | three[0m");
    assert_joined("0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n",
                  "2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11");
    assert_joined("bad \xff\xfe end", "bad ?? end");
}

static void of_long_lines_the_end_stays(void **state) {
    struct cm_str text = {0};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        cm_str_add(&text, "\u20ac");
    }
    cm_str_add(&text, "the end");
    CM_AUTOFREE char *joined = kube_logs_join(text.data, text.len);
    assert_in_range(strlen(joined), AGENT_TAIL_MAX - 3, AGENT_TAIL_MAX);
    assert_int_equal(cm_utf8_valid(joined, strlen(joined)), strlen(joined));
    assert_string_equal(joined + strlen(joined) - 7, "the end");
    cm_str_done(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_pod_that_failed_says_most),
        cmocka_unit_test(the_container_that_ended_badly_says_most),
        cmocka_unit_test(without_a_pod_there_is_no_log),
        cmocka_unit_test(the_last_ten_lines_stand_on_one),
        cmocka_unit_test(of_long_lines_the_end_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
