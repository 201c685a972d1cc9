// metrics.c: /metrics: what the API counts, what is counted of the fleet and of the process.
#include <stdio.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/process.h"
#include "common/str.h"
#include "common/tls/keys.h"
#include "hub/access/authority.h"
#include "hub/api/handlers.h"
#include "hub/api/internal.h"
#include "hub/api/readers.h"
#include "hub/api/request.h"
#include "hub/config/config.h"
#include "hub/jobs/store.h"
#include "hub/jobs/sync.h"
#include "hub/store/query.h"
#include "hub/store/query_health.h"

static const unsigned statuses[] = {200, 201, 202, 204, 304, 400, 401, 403,
                                    404, 405, 409, 413, 429, 500, 503};

_Static_assert(sizeof(statuses) / sizeof(statuses[0]) <= HUB_STATUSES_MAX, "they have room");

// What alerts are made of: the counts of /api/v1/summary and of /api/v1/health.
static const struct {
    bool of_health;
    const char *member;
    const char *metric;
    const char *help;
    int64_t unit; // of the metric, in units of the member; 0: the same
} fleet_counts[] = {
    {false, "clusters", "holdfast_clusters", "Clusters that Git names.", 0},
    {false, "apps", "holdfast_apps", "Apps that Git names.", 0},
    {false, "problems", "holdfast_problems",
     "What is wrong in Git, and held at its last good state.", 0},
    {false, "pairs", "holdfast_pairs", "Pairs of an App and a cluster that shall run it.", 0},
    {false, "applied", "holdfast_pairs_applied", "Pairs that run what Git says.", 0},
    {false, "failed", "holdfast_pairs_failed", "Pairs that could not be applied.", 0},
    {false, "healthy", "holdfast_pairs_healthy",
     "Pairs that are applied and healthy, on clusters that are connected.", 0},
    {false, "degraded", "holdfast_pairs_degraded", "Pairs that are degraded.", 0},
    {false, "offline", "holdfast_pairs_offline", "Pairs on clusters that are not connected.", 0},
    {true, "pairsStale", "holdfast_pairs_stale",
     "Pairs that are held at their last good state: what is newer in Git is wrong, or waits.", 0},
    {true, "pairsWaiting", "holdfast_pairs_waiting",
     "Pairs whose removal, or that of much of them, waits for a Confirmation in Git.", 0},
    {true, "needsHuman", "holdfast_releases_need_human",
     "Workloads on clusters whose release was rejected and is not kept out, or failed and serves "
     "all the same: only people can settle that.",
     0},
    {true, "releasesWaiting", "holdfast_releases_waiting",
     "Workloads on clusters whose controller waits for somebody to let a release go on.", 0},
    {false, "drifted", "holdfast_objects_drifted", "Objects that somebody changed in a cluster.",
     0},
    {false, "fought", "holdfast_objects_fought",
     "Objects that somebody changed again after each correction, so that they are left alone.", 0},
    {true, "holds", "holdfast_holds",
     "Holds that are in force: they keep a rejected release off the clusters that they list.", 0},
    {true, "holdsSinceMs", "holdfast_hold_oldest_timestamp_seconds",
     "Since when the oldest Hold that is in force is; 0: none is.", 1000},
    {true, "repositoriesFailing", "holdfast_repositories_failing",
     "Repositories, and states of them that Apps want, whose last fetch failed.", 0},
    {true, "enrolled", "holdfast_agents_enrolled", "Agents that may connect.", 0},
    {true, "silent", "holdfast_agents_silent",
     "Agents that may connect and were not heard for a day.", 0},
    {true, "skewed", "holdfast_agents_skewed",
     "Agents whose clock was more than a minute off when they connected.", 0},
    {true, "certificatesEnding", "holdfast_agents_certificate_ending",
     "Agents whose certificate has less than two sevenths of its life left: it was not renewed.",
     0},
    {true, "certificatesEnded", "holdfast_agents_certificate_ended",
     "Agents whose certificate has ended.", 0},
    {true, "trustBehind", "holdfast_agents_trust_behind",
     "Agents that lack the newest set of roots (holdfast-hub rotate-root).", 0},
};

#define FLEET_COUNTS (sizeof(fleet_counts) / sizeof(fleet_counts[0]))

_Static_assert(FLEET_COUNTS <= HUB_FLEET_COUNTS_MAX, "they have room");
_Static_assert(HUB_HEALTH_STATES <= HUB_CLUSTER_STATES_MAX, "they have room");

static void make_fleet_metrics(struct hub_api *api) {
    struct cm_metrics *m = api->config.metrics;

    for (size_t i = 0; i < FLEET_COUNTS; i++) {
        api->metric_fleet[i] =
            cm_metrics_gauge(m, fleet_counts[i].metric, NULL, fleet_counts[i].help);
    }
    for (size_t i = 0; i < HUB_HEALTH_STATES; i++) {
        char label[40];

        (void)snprintf(label, sizeof(label), "state=\"%s\"", hub_health_state(i));
        api->metric_states[i] =
            cm_metrics_gauge(m, "holdfast_clusters_by_state", label,
                             "Clusters that Git names, each in one state (holdfast fleet health).");
    }
}

// ---- The hub's own certificates

typedef const uint8_t *(*certificate_fn)(const struct hub_authority *a, size_t *out_size);

static const struct {
    const char *label;
    certificate_fn get;
} certificates[HUB_CERTIFICATES] = {{"certificate=\"root\"", hub_authority_root},
                                    {"certificate=\"issuer\"", hub_authority_issuer},
                                    {"certificate=\"signer\"", hub_authority_signer}};

static void make_certificate_metrics(struct hub_api *api) {
    for (size_t i = 0; i < HUB_CERTIFICATES; i++) {
        api->metric_certificates[i] = cm_metrics_gauge(
            api->config.metrics, "holdfast_certificate_expiry_timestamp_seconds",
            certificates[i].label, "When a certificate of the hub's own ends, in Unix time.");
    }
}

static int64_t ends_ms(const struct hub_api *api, size_t i) {
    CM_CLEANUP(cm_cert_freep) struct cm_cert *cert = NULL;
    struct cm_err err;
    size_t size = 0;
    const uint8_t *der = certificates[i].get(api->config.authority, &size);

    return cm_cert_from_der(der, size, &cert, &err) < 0 ? 0 : cm_cert_not_after_ms(cert);
}

static void measure_certificates(struct hub_api *api) {
    for (size_t i = 0; i < HUB_CERTIFICATES; i++) {
        cm_metric_set(api->metric_certificates[i], ends_ms(api, i) / 1000);
    }
}

int64_t hub_api_certificates_end_ms(const struct hub_api *api) {
    int64_t first = INT64_MAX;

    for (size_t i = 0; i < HUB_CERTIFICATES; i++) {
        int64_t ends = ends_ms(api, i);

        first = ends < first ? ends : first;
    }
    return first;
}

// ---- All of them

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
    api->metric_uptime =
        cm_metrics_gauge(m, "holdfast_uptime_seconds", NULL, "Time since the start.");
    api->process = cm_process_new(m);
    make_certificate_metrics(api);
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

static void set_fleet(struct hub_api *api, const struct cm_json *summary,
                      const struct cm_json *health) {
    for (size_t i = 0; i < FLEET_COUNTS; i++) {
        const struct cm_json *from = fleet_counts[i].of_health ? health : summary;

        int64_t unit = fleet_counts[i].unit == 0 ? 1 : fleet_counts[i].unit;

        cm_metric_set(api->metric_fleet[i],
                      cm_json_int(cm_json_get(from, fleet_counts[i].member), 0) / unit);
    }
    for (size_t i = 0; i < HUB_HEALTH_STATES; i++) {
        cm_metric_set(api->metric_states[i],
                      cm_json_int(cm_json_get(health, hub_health_state(i)), 0));
    }
}

struct hub_health_ask hub_api_health_ask(const struct hub_api *api) {
    return (struct hub_health_ask){.now_ms = cm_clock_unix_ms(),
                                   .life_ms = api->config.options->certificate_life_ms,
                                   .trust =
                                       hub_authority_trust(api->config.authority)->set.version};
}

// A store that cannot be read fails the scrape: old counts would look like a fleet that is well.
static enum cm_rc count_fleet(struct hub_request *r, struct cm_err *err) {
    struct hub_api *api = r->api;
    struct cm_json *summary = NULL;
    struct cm_json *health = NULL;
    struct hub_health_ask ask = hub_api_health_ask(api);
    struct hub_db *db = NULL;
    enum cm_rc rc = hub_readers_take(api->readers, &db, err);

    rc = rc < 0 ? rc : hub_query_summary(db, r->arena, &summary, err);
    rc = rc < 0 ? rc : hub_query_health(db, r->arena, &ask, &health, err);
    hub_readers_give(api->readers, db);
    if (rc == CM_OK) {
        set_fleet(api, summary, health);
    }
    return rc;
}

enum cm_rc hub_api_write_metrics(struct hub_request *r, struct cm_str *out, struct cm_err *err) {
    struct hub_api *api = r->api;

    if (count_fleet(r, err) < 0) {
        return err->code;
    }
    measure_certificates(api);
    cm_process_update(api->process);
    hub_store_measure(api->config.store);
    hub_sync_measure(api->config.sync);
    cm_metric_set(api->metric_uptime, (cm_clock_unix_ms() - api->started_ms) / 1000);
    cm_metrics_write(api->config.metrics, out);
    return CM_OK;
}

enum cm_rc hub_get_metrics(struct hub_request *r, struct cm_err *err) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    if (hub_api_write_metrics(r, &text, err) < 0) {
        return err->code;
    }
    hub_answer_text(r, 200, "text/plain; version=0.0.4; charset=utf-8", cm_str_get(&text));
    return CM_OK;
}
