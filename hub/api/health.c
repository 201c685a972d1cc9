#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "hub/api/change.h"
#include "hub/api/handlers.h"
#include "hub/api/internal.h"
#include "hub/api/readers.h"
#include "hub/api/request.h"
#include "hub/jobs/sync.h"
#include "hub/store/query.h"

static const char text_type[] = "text/plain; charset=utf-8";

static const unsigned statuses[] = {200, 201, 202, 204, 304, 400, 401, 403,
                                    404, 405, 409, 413, 429, 500, 503};

_Static_assert(sizeof(statuses) / sizeof(statuses[0]) <= HUB_STATUSES_MAX, "they have room");

// What alerts are made of: the counts of /api/v1/summary.
static const struct {
    const char *member;
    const char *metric;
    const char *help;
} fleet_counts[] = {
    {"clusters", "holdfast_clusters", "Clusters that Git names."},
    {"apps", "holdfast_apps", "Apps that Git names."},
    {"problems", "holdfast_problems", "What is wrong in Git, and held at its last good state."},
    {"pairs", "holdfast_pairs", "Pairs of an App and a cluster that shall run it."},
    {"applied", "holdfast_pairs_applied", "Pairs that run what Git says."},
    {"failed", "holdfast_pairs_failed", "Pairs that could not be applied."},
    {"healthy", "holdfast_pairs_healthy",
     "Pairs that are applied and healthy, on clusters that are connected."},
    {"degraded", "holdfast_pairs_degraded", "Pairs that are degraded."},
    {"offline", "holdfast_pairs_offline", "Pairs on clusters that are not connected."},
    {"drifted", "holdfast_objects_drifted", "Objects that somebody changed in a cluster."},
    {"fought", "holdfast_objects_fought",
     "Objects that somebody changed again after each correction, so that they are left alone."},
};

#define FLEET_COUNTS (sizeof(fleet_counts) / sizeof(fleet_counts[0]))

_Static_assert(FLEET_COUNTS <= HUB_FLEET_COUNTS_MAX, "they have room");

static void make_fleet_metrics(struct hub_api *api) {
    for (size_t i = 0; i < FLEET_COUNTS; i++) {
        api->metric_fleet[i] = cm_metrics_gauge(api->config.metrics, fleet_counts[i].metric, NULL,
                                                fleet_counts[i].help);
    }
}

void hub_api_make_metrics(struct hub_api *api) {
    struct cm_metrics *m = api->config.metrics;

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        char label[24];

        (void)snprintf(label, sizeof(label), "status=\"%u\"", statuses[i]);
        api->metric_statuses[i] = cm_metrics_counter(m, "holdfast_api_requests_total", label,
                                                     "Requests that were answered, by status.");
    }
    api->metric_seconds = cm_metrics_histogram(m, "holdfast_api_request_seconds", NULL,
                                               "How long requests took until they were answered.");
    api->metric_memory = cm_metrics_gauge(m, "process_resident_memory_bytes", NULL,
                                          "Memory of this process that is in use.");
    api->metric_fds =
        cm_metrics_gauge(m, "process_open_fds", NULL, "File descriptors that are open.");
    api->metric_threads = cm_metrics_gauge(m, "process_threads", NULL, "Threads of this process.");
    api->metric_uptime =
        cm_metrics_gauge(m, "holdfast_uptime_seconds", NULL, "Time since the start.");
    make_fleet_metrics(api);
}

void hub_api_count(struct hub_api *api, unsigned status, int64_t ms) {
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (statuses[i] == status) {
            cm_metric_add(api->metric_statuses[i], 1);
        }
    }
    cm_metric_observe_ms(api->metric_seconds, ms);
}

static int64_t count_entries(const char *path) {
    DIR *folder = opendir(path);
    int64_t count = 0;

    if (folder == NULL) {
        return 0;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(folder);
    return count;
}

static int64_t resident_bytes(void) {
    FILE *file = fopen("/proc/self/statm", "re");
    char line[128] = "";
    unsigned long pages = 0;
    char *end;

    if (file == NULL) {
        return 0;
    }
    if (fgets(line, sizeof(line), file) != NULL) {
        (void)strtoul(line, &end, 10); // the size; then what is resident
        pages = strtoul(end, NULL, 10);
    }
    (void)fclose(file);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

// A store that cannot be read fails the scrape: old counts would look like a fleet that is well.
static enum cm_rc count_fleet(struct hub_request *r, struct cm_err *err) {
    struct hub_api *api = r->api;
    struct cm_json *counts = NULL;
    struct hub_db *db = NULL;
    enum cm_rc rc = hub_readers_take(api->readers, &db, err);

    rc = rc < 0 ? rc : hub_query_summary(db, r->arena, &counts, err);
    hub_readers_give(api->readers, db);
    for (size_t i = 0; rc == CM_OK && i < FLEET_COUNTS; i++) {
        const struct cm_json *count = cm_json_get(counts, fleet_counts[i].member);

        cm_metric_set(api->metric_fleet[i], cm_json_int(count, 0));
    }
    return rc;
}

enum cm_rc hub_get_metrics(struct hub_request *r, struct cm_err *err) {
    struct hub_api *api = r->api;
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    enum cm_rc rc = count_fleet(r, err);

    if (rc < 0) {
        return rc;
    }
    cm_metric_set(api->metric_memory, resident_bytes());
    cm_metric_set(api->metric_fds, count_entries("/proc/self/fd") - 1); // without the one just used
    cm_metric_set(api->metric_threads, count_entries("/proc/self/task"));
    cm_metric_set(api->metric_uptime, (cm_clock_unix_ms() - api->started_ms) / 1000);
    cm_metrics_write(api->config.metrics, &text);
    hub_answer_text(r, 200, "text/plain; version=0.0.4; charset=utf-8", cm_str_get(&text));
    return CM_OK;
}

enum cm_rc hub_get_healthz(struct hub_request *r, struct cm_err *err) {
    (void)err;
    hub_answer_text(r, 200, text_type, "ok\n");
    return CM_OK;
}

// Asked of the loop, so that it also shows that the loop runs.
static void begin_ready(struct hub_change *c) {
    struct cm_err err = {.code = CM_OK};

    if (!hub_sync_is_ready(c->api->config.sync)) {
        (void)cm_fail(&err, CM_EBUSY, "not every repository was read since the start yet");
    }
    hub_change_done(c, &err, 200, cm_strdup("ok\n"));
}

enum cm_rc hub_get_readyz(struct hub_request *r, struct cm_err *err) {
    (void)err;
    hub_change_new(r, begin_ready)->type = text_type;
    return CM_OK;
}
