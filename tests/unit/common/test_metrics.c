#include "common/metrics.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/str.h"

static void counters_and_gauges_are_written_with_help_and_type(void **state) {
    (void)state;
    struct cm_metrics *m = cm_metrics_new();
    struct cm_metric *ok = cm_metrics_counter(m, "syncs_total", "result=\"ok\"", "Syncs.");
    struct cm_metric *gauge = cm_metrics_gauge(m, "agents", NULL, "Agents\nnow \\ here.");
    struct cm_metric *bad = cm_metrics_counter(m, "syncs_total", "result=\"bad\"", "Syncs.");
    struct cm_str out = {0};

    cm_metric_add(ok, 2);
    cm_metric_add(bad, 1);
    cm_metric_set(gauge, 7);
    cm_metric_add(gauge, -9);
    cm_metrics_write(m, &out);
    assert_string_equal(cm_str_get(&out), "# HELP syncs_total Syncs.\n"
                                          "# TYPE syncs_total counter\n"
                                          "syncs_total{result=\"ok\"} 2\n"
                                          "syncs_total{result=\"bad\"} 1\n"
                                          "# HELP agents Agents\\nnow \\\\ here.\n"
                                          "# TYPE agents gauge\n"
                                          "agents -2\n");
    cm_str_done(&out);
    cm_metrics_free(m);
}

static void a_counter_of_seconds_is_set_in_milliseconds(void **state) {
    (void)state;
    struct cm_metrics *m = cm_metrics_new();
    struct cm_str out = {0};

    cm_metric_set(cm_metrics_seconds(m, "cpu_seconds_total", "CPU."), 61007);
    cm_metrics_write(m, &out);
    assert_string_equal(cm_str_get(&out), "# HELP cpu_seconds_total CPU.\n"
                                          "# TYPE cpu_seconds_total counter\n"
                                          "cpu_seconds_total 61.007\n");
    cm_str_done(&out);
    cm_metrics_free(m);
}

static void the_same_name_and_labels_are_the_same_metric(void **state) {
    (void)state;
    struct cm_metrics *m = cm_metrics_new();
    struct cm_metric *a = cm_metrics_counter(m, "a_total", "x=\"1\"", "A.");

    assert_ptr_equal(cm_metrics_counter(m, "a_total", "x=\"1\"", "A."), a);
    assert_ptr_not_equal(cm_metrics_counter(m, "a_total", NULL, "A."), a);
    cm_metrics_free(m);
}

static void a_histogram_counts_what_is_at_most_each_bucket(void **state) {
    (void)state;
    struct cm_metrics *m = cm_metrics_new();
    struct cm_metric *h = cm_metrics_histogram(m, "wait_seconds", "kind=\"git\"", "Wait.");
    struct cm_str out = {0};

    cm_metric_observe_ms(h, 0);
    cm_metric_observe_ms(h, 1);
    cm_metric_observe_ms(h, 1500);
    cm_metric_observe_ms(h, 100000);
    cm_metrics_write(m, &out);
    const char *text = cm_str_get(&out);
    assert_non_null(strstr(text, "# TYPE wait_seconds histogram\n"));
    assert_non_null(strstr(text, "wait_seconds_bucket{kind=\"git\",le=\"0.001\"} 2\n"));
    assert_non_null(strstr(text, "wait_seconds_bucket{kind=\"git\",le=\"1\"} 2\n"));
    assert_non_null(strstr(text, "wait_seconds_bucket{kind=\"git\",le=\"2.5\"} 3\n"));
    assert_non_null(strstr(text, "wait_seconds_bucket{kind=\"git\",le=\"60\"} 3\n"));
    assert_non_null(strstr(text, "wait_seconds_bucket{kind=\"git\",le=\"+Inf\"} 4\n"));
    assert_non_null(strstr(text, "wait_seconds_sum{kind=\"git\"} 101.501\n"));
    assert_non_null(strstr(text, "wait_seconds_count{kind=\"git\"} 4\n"));
    cm_str_done(&out);
    cm_metrics_free(m);
}

static void a_histogram_without_labels_has_only_le(void **state) {
    (void)state;
    struct cm_metrics *m = cm_metrics_new();
    struct cm_str out = {0};

    (void)cm_metrics_histogram(m, "wait_seconds", NULL, "Wait.");
    cm_metrics_write(m, &out);
    assert_non_null(strstr(cm_str_get(&out), "wait_seconds_bucket{le=\"0.001\"} 0\n"));
    assert_non_null(strstr(cm_str_get(&out), "wait_seconds_sum 0.000\n"));
    cm_str_done(&out);
    cm_metrics_free(m);
}

enum { ADDERS = 4, EACH = 10000 };

static void *add_many(void *arg) {
    for (int i = 0; i < EACH; i++) {
        cm_metric_add(arg, 1);
    }
    return NULL;
}

static void no_addition_of_many_threads_is_lost(void **state) {
    (void)state;
    struct cm_metrics *m = cm_metrics_new();
    struct cm_metric *counter = cm_metrics_counter(m, "a_total", NULL, "A.");
    pthread_t adders[ADDERS];
    struct cm_str out = {0};

    for (int i = 0; i < ADDERS; i++) {
        assert_int_equal(pthread_create(&adders[i], NULL, add_many, counter), 0);
    }
    for (int i = 0; i < ADDERS; i++) {
        (void)pthread_join(adders[i], NULL);
    }
    cm_metrics_write(m, &out);
    assert_non_null(strstr(cm_str_get(&out), "\na_total 40000\n"));
    cm_str_done(&out);
    cm_metrics_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counter_of_seconds_is_set_in_milliseconds),
        cmocka_unit_test(counters_and_gauges_are_written_with_help_and_type),
        cmocka_unit_test(the_same_name_and_labels_are_the_same_metric),
        cmocka_unit_test(a_histogram_counts_what_is_at_most_each_bucket),
        cmocka_unit_test(a_histogram_without_labels_has_only_le),
        cmocka_unit_test(no_addition_of_many_threads_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
