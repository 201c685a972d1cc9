// internal: what the files of the API share.
//
// Threads: all of it is set before the server starts and constant afterwards; what the members
// point to says for itself.
#pragma once

#include <stdint.h>

#include "hub/api/api.h"
#include "hub/store/query_health.h"

struct cm_metric;
struct hub_feed;
struct hub_hooks;
struct hub_readers;
struct hub_server;
struct cm_process;
struct cm_str;
struct cm_throttle;
struct hub_request;
struct hub_usage;
struct hub_watch;
struct hub_workers;

enum {
    HUB_STATUSES_MAX = 20,
    HUB_FLEET_COUNTS_MAX = 24,
    HUB_CLUSTER_STATES_MAX = 8,
    HUB_CERTIFICATES = 3
};

struct hub_api {
    struct hub_api_config config;
    struct hub_readers *readers;
    struct hub_workers *workers;
    struct hub_watch *watch;
    struct hub_feed *feed;
    struct hub_hooks *hooks;
    struct cm_throttle *wrong_tokens; // and wrong signatures, by address
    struct cm_throttle *address_rate;
    struct cm_throttle *token_rate;
    struct hub_usage *usage;
    struct hub_server *server;
    int64_t started_ms; // Unix time

    struct cm_metric *metric_seconds;
    struct cm_metric *metric_statuses[HUB_STATUSES_MAX];
    struct cm_metric *metric_uptime;
    struct cm_metric *metric_fleet[HUB_FLEET_COUNTS_MAX];
    struct cm_metric *metric_states[HUB_CLUSTER_STATES_MAX];
    struct cm_metric *metric_certificates[HUB_CERTIFICATES];
    struct cm_process *process;
};

// hooks.c: what webhooks have told that the loop has not heard yet. It is freed once the loop runs
// no more of its tasks.
struct hub_hooks *hub_hooks_new(struct hub_api *api);
void hub_hooks_free(struct hub_hooks *hooks); // NULL is fine

// metrics.c: the API's metrics, and those of the process; when the first of the hub's own
// certificates ends.
void hub_api_make_metrics(struct hub_api *api);
CM_MUSTUSE enum cm_rc hub_api_write_metrics(struct hub_request *r, struct cm_str *out,
                                            struct cm_err *err);
void hub_api_count(struct hub_api *api, unsigned status, int64_t ms);
// hub_api_health_ask is what the health of the fleet is judged by now.
struct hub_health_ask hub_api_health_ask(const struct hub_api *api);
int64_t hub_api_certificates_end_ms(const struct hub_api *api);
