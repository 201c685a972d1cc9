// metrics: counters, gauges and histograms for /metrics, in Prometheus' text format 0.0.4.
//
// A metric is made once, at start, and lives as long as the process; changing it is one atomic
// operation. Names follow Prometheus: base units, _total for counters.
//
// Threads: any for add, set, observe and write; new from one thread at start.
#pragma once

#include <stdint.h>

struct cm_str;
struct cm_metrics;
struct cm_metric;

struct cm_metrics *cm_metrics_new(void);
void cm_metrics_free(struct cm_metrics *m);

// cm_metrics_counter and cm_metrics_gauge add a metric. `labels` is NULL or the inside of the
// braces, already escaped, e.g. `result="ok"`; metrics of one name share help and type. Asking
// again for the same name and labels returns the same metric.
struct cm_metric *cm_metrics_counter(struct cm_metrics *m, const char *name, const char *labels,
                                     const char *help);
struct cm_metric *cm_metrics_gauge(struct cm_metrics *m, const char *name, const char *labels,
                                   const char *help);

// cm_metrics_histogram adds a histogram of seconds with buckets from 1 ms to 60 s.
struct cm_metric *cm_metrics_histogram(struct cm_metrics *m, const char *name, const char *labels,
                                       const char *help);

// cm_metrics_seconds adds a counter of seconds that somebody else counts, in milliseconds.
struct cm_metric *cm_metrics_seconds(struct cm_metrics *m, const char *name, const char *help);

void cm_metric_add(struct cm_metric *metric, int64_t n);
void cm_metric_set(struct cm_metric *metric, int64_t value); // of a gauge, or of seconds
void cm_metric_observe_ms(struct cm_metric *metric, int64_t ms);

void cm_metrics_write(struct cm_metrics *m, struct cm_str *out);
