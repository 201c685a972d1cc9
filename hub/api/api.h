// api: the hub's HTTP API (deploy/reference/api.md), webhooks, /metrics and health checks.
//
// libmicrohttpd's threads read requests and answer them; each has a connection of its own to the
// database, read only, so a slow reader holds up nothing. What changes something is posted to the
// loop and waited for, with a deadline. Sizes of requests, numbers of connections and time per
// request are bounded. TLS by libmicrohttpd with the hub's own certificate; plain HTTP only on
// loopback and only when asked for.
//
// Threads: start, stop and free: the owner; the loop must run while requests are served.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_loop;
struct cm_metrics;
struct hub_api;
struct hub_authority;
struct hub_config;
struct hub_freezer;
struct hub_repositories;
struct hub_sessions;
struct hub_store;
struct hub_sync;
struct hub_writer;

// How much the server bears; zero stands for the default in parentheses.
struct hub_api_limits {
    unsigned connections;             // (512)
    unsigned connections_per_address; // (128)
    unsigned idle_s;                  // without a byte (30)
    unsigned wrong_burst;             // wrong tokens and signatures of one address (10)
    unsigned requests_per_s;          // with one token (200), five times as many in a burst; from
                                      // one address 2.5 times as many
    unsigned watchers;                // (64)
    int64_t beat_ms;                  // between signs of life to a watcher (15,000)
    int64_t head_ms;                  // until a connection has said what it wants (10,000)
    int64_t request_ms;               // from the connection, or the answer before, to the end of
                                      // the answer (120,000)
};

struct hub_api_config {
    struct cm_loop *loop;
    const char *addr;       // "host:port"
    bool insecure;          // plain HTTP; refused unless addr is a loopback address
    const char *db_path;    // readers are opened on it
    const char *state_path; // of the state repository; NULL: none is kept
    const char *data_dir;   // holds the API tokens' file at the first start: admin.token, mode 0600
    struct hub_store *store;
    struct hub_sync *sync;
    struct hub_writer *writer;
    struct hub_freezer *freezer;
    struct hub_sessions *sessions;
    const struct hub_authority *authority;
    const struct hub_repositories *repositories;
    struct cm_metrics *metrics;
    const struct hub_config *options; // of the hub, for support bundles; NULL: they are not told
    const char *const *advertise;     // told in enrolments
    size_t advertise_count;
    const char *const *advertise_enroll;
    size_t advertise_enroll_count;
    uint64_t epoch;
    struct hub_api_limits limits;
};

// hub_api_start makes the first admin token if there is none (written to data_dir/admin.token) and
// begins to serve.
CM_MUSTUSE enum cm_rc hub_api_start(const struct hub_api_config *config, struct hub_api **out,
                                    struct cm_err *err);
uint16_t hub_api_port(const struct hub_api *api);

// hub_api_stop lets running requests end (those that wait for the loop get 503) and takes no more.
// It blocks, so the loop must no longer be needed: call it when the loop has stopped.
void hub_api_stop(struct hub_api *api);
void hub_api_free(struct hub_api *api); // NULL is fine
