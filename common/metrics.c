#include "common/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"

enum type { COUNTER, GAUGE, HISTOGRAM, SECONDS };

static const char *const type_names[] = {"counter", "gauge", "histogram", "counter"};

// The upper ends of the buckets, in milliseconds, and as Prometheus is told them, in seconds.
static const struct {
    int64_t ms;
    const char *seconds;
} buckets[] = {
    {1, "0.001"},  {2, "0.002"}, {5, "0.005"},  {10, "0.01"},  {25, "0.025"},
    {50, "0.05"},  {100, "0.1"}, {250, "0.25"}, {500, "0.5"},  {1000, "1"},
    {2500, "2.5"}, {5000, "5"},  {10000, "10"}, {30000, "30"}, {60000, "60"},
};

enum { BUCKETS = sizeof(buckets) / sizeof(buckets[0]) };

struct cm_metric {
    struct cm_metric *next;
    enum type type;
    char *labels;                         // NULL: none
    _Atomic int64_t value;                // of a histogram, of seconds: in milliseconds
    _Atomic uint64_t counts[BUCKETS + 1]; // of a histogram: each bucket alone; the last is +Inf
};

// All metrics of one name.
struct family {
    struct family *next;
    char *name;
    char *help;
    enum type type;
    struct cm_metric *first;
    struct cm_metric *last;
};

struct cm_metrics {
    struct family *first;
    struct family *last;
};

struct cm_metrics *cm_metrics_new(void) {
    return cm_new(1, sizeof(struct cm_metrics));
}

static void free_family(struct family *family) {
    while (family->first != NULL) {
        struct cm_metric *metric = family->first;

        family->first = metric->next;
        free(metric->labels);
        free(metric);
    }
    free(family->name);
    free(family->help);
    free(family);
}

void cm_metrics_free(struct cm_metrics *m) {
    if (m == NULL) {
        return;
    }
    while (m->first != NULL) {
        struct family *family = m->first;

        m->first = family->next;
        free_family(family);
    }
    free(m);
}

static struct family *find_family(const struct cm_metrics *m, const char *name) {
    struct family *family = m->first;

    while (family != NULL && strcmp(family->name, name) != 0) {
        family = family->next;
    }
    return family;
}

static struct family *add_family(struct cm_metrics *m, const char *name, const char *help,
                                 enum type type) {
    struct family *family = cm_new(1, sizeof(*family));

    family->name = cm_strdup(name);
    family->help = cm_strdup(help);
    family->type = type;
    if (m->first == NULL) {
        m->first = family;
    } else {
        m->last->next = family;
    }
    m->last = family;
    return family;
}

static bool same_labels(const char *a, const char *b) {
    return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0;
}

static struct cm_metric *find_metric(const struct family *family, const char *labels) {
    struct cm_metric *metric = family->first;

    while (metric != NULL && !same_labels(metric->labels, labels)) {
        metric = metric->next;
    }
    return metric;
}

static struct cm_metric *add_metric(struct family *family, const char *labels) {
    struct cm_metric *metric = cm_new(1, sizeof(*metric));

    metric->type = family->type;
    metric->labels = cm_strdup(labels);
    if (family->first == NULL) {
        family->first = metric;
    } else {
        family->last->next = metric;
    }
    family->last = metric;
    return metric;
}

// get_metric returns the metric with this name and these labels, made if needed.
static struct cm_metric *get_metric(struct cm_metrics *m, const char *name, const char *labels,
                                    const char *help, enum type type) {
    struct family *family = find_family(m, name);

    if (family == NULL) {
        family = add_family(m, name, help, type);
    }
    assert(family->type == type);
    struct cm_metric *metric = find_metric(family, labels);
    return metric == NULL ? add_metric(family, labels) : metric;
}

struct cm_metric *cm_metrics_counter(struct cm_metrics *m, const char *name, const char *labels,
                                     const char *help) {
    return get_metric(m, name, labels, help, COUNTER);
}

struct cm_metric *cm_metrics_gauge(struct cm_metrics *m, const char *name, const char *labels,
                                   const char *help) {
    return get_metric(m, name, labels, help, GAUGE);
}

struct cm_metric *cm_metrics_histogram(struct cm_metrics *m, const char *name, const char *labels,
                                       const char *help) {
    return get_metric(m, name, labels, help, HISTOGRAM);
}

struct cm_metric *cm_metrics_seconds(struct cm_metrics *m, const char *name, const char *help) {
    return get_metric(m, name, NULL, help, SECONDS);
}

void cm_metric_add(struct cm_metric *metric, int64_t n) {
    assert(metric->type == GAUGE || (metric->type == COUNTER && n >= 0));
    (void)atomic_fetch_add_explicit(&metric->value, n, memory_order_relaxed);
}

void cm_metric_set(struct cm_metric *metric, int64_t value) {
    assert(metric->type == GAUGE || metric->type == SECONDS);
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

void cm_metric_observe_ms(struct cm_metric *metric, int64_t ms) {
    size_t i = 0;

    assert(metric->type == HISTOGRAM);
    while (i < BUCKETS && ms > buckets[i].ms) {
        i++;
    }
    (void)atomic_fetch_add_explicit(&metric->counts[i], 1, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&metric->value, ms > 0 ? ms : 0, memory_order_relaxed);
}

// write_name writes name and suffix with the metric's labels and one more, if there is one.
static void write_name(const struct family *family, const char *suffix, const char *labels,
                       const char *le, struct cm_str *out) {
    bool has_labels = labels != NULL && labels[0] != '\0';

    cm_str_addf(out, "%s%s", family->name, suffix);
    if (has_labels && le != NULL) {
        cm_str_addf(out, "{%s,le=\"%s\"} ", labels, le);
    } else if (has_labels) {
        cm_str_addf(out, "{%s} ", labels);
    } else if (le != NULL) {
        cm_str_addf(out, "{le=\"%s\"} ", le);
    } else {
        cm_str_add_char(out, ' ');
    }
}

static void write_seconds(int64_t ms, struct cm_str *out) {
    cm_str_addf(out, "%" PRId64 ".%03d\n", ms / 1000, (int)(ms % 1000));
}

static void write_histogram(const struct family *family, const struct cm_metric *metric,
                            struct cm_str *out) {
    uint64_t total = 0;

    for (size_t i = 0; i <= BUCKETS; i++) {
        total += metric->counts[i];
        write_name(family, "_bucket", metric->labels, i < BUCKETS ? buckets[i].seconds : "+Inf",
                   out);
        cm_str_addf(out, "%" PRIu64 "\n", total);
    }
    write_name(family, "_sum", metric->labels, NULL, out);
    write_seconds(metric->value, out);
    write_name(family, "_count", metric->labels, NULL, out);
    cm_str_addf(out, "%" PRIu64 "\n", total);
}

static void write_help(const char *help, struct cm_str *out) {
    for (; *help != '\0'; help++) {
        if (*help == '\\') {
            cm_str_add(out, "\\\\");
        } else if (*help == '\n') {
            cm_str_add(out, "\\n");
        } else {
            cm_str_add_char(out, *help);
        }
    }
}

static void write_family(const struct family *family, struct cm_str *out) {
    cm_str_addf(out, "# HELP %s ", family->name);
    write_help(family->help, out);
    cm_str_addf(out, "\n# TYPE %s %s\n", family->name, type_names[family->type]);
    for (const struct cm_metric *metric = family->first; metric != NULL; metric = metric->next) {
        if (family->type == HISTOGRAM) {
            write_histogram(family, metric, out);
            continue;
        }
        write_name(family, "", metric->labels, NULL, out);
        if (family->type == SECONDS) {
            write_seconds(metric->value, out);
        } else {
            cm_str_addf(out, "%" PRId64 "\n", metric->value);
        }
    }
}

void cm_metrics_write(struct cm_metrics *m, struct cm_str *out) {
    for (const struct family *family = m->first; family != NULL; family = family->next) {
        write_family(family, out);
    }
}
