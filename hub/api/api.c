#include "hub/api/api.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/process.h"
#include "common/throttle.h"
#include "hub/api/admin.h"
#include "hub/api/feed.h"
#include "hub/api/internal.h"
#include "hub/api/readers.h"
#include "hub/api/server.h"
#include "hub/api/usage.h"
#include "hub/api/watch.h"
#include "hub/api/workers.h"
#include "hub/jobs/store.h"

// Wrong tokens and signatures of one address.
#define WRONG_BURST 10
#define WRONG_REFILL_MS 6000

#define REQUESTS_PER_S 200
#define WATCHERS 64
#define WORKERS 4

// How much sooner than the hub's other threads those of the API have their turn (nice). Each gets
// nine times as much of a processor as one of the others beside it. Who asks without end has two
// workers at most: two processors then have a tenth left for these, and a twentieth while several
// ask so. Of more processors than WORKERS the others have the rest.
#define SOONER 10

// Buckets are filled by the millisecond, in whole requests.
static struct cm_throttle *new_rate(unsigned per_s) {
    return cm_throttle_new(5 * per_s, per_s >= 1000 ? 1 : 1000 / per_s);
}

static void make_throttles(struct hub_api *api) {
    unsigned limit = api->config.limits.requests_per_s;
    unsigned per_s = limit > 0 ? limit : REQUESTS_PER_S;

    unsigned wrong = api->config.limits.wrong_burst;

    api->wrong_tokens = cm_throttle_new(wrong > 0 ? wrong : WRONG_BURST, WRONG_REFILL_MS);
    api->token_rate = new_rate(per_s);
    api->address_rate = new_rate(per_s * 5 / 2);
}

// Whoever asks waits for an answer, and needs a few milliseconds for it; the loop, the store and
// Git have work for seconds while the fleet is busy. Threads begin as the one that makes them;
// where the system does not let it come first (RLIMIT_NICE) they take turns with all others.
static int come_first(void) {
    int before = getpriority(PRIO_PROCESS, (id_t)gettid());

    for (int by = SOONER; by > 0; by--) { // as far as it may
        if (setpriority(PRIO_PROCESS, (id_t)gettid(), before - by) == 0) {
            break;
        }
    }
    return before;
}

static void come_as(int before) {
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), before);
}

static enum cm_rc start_threads(struct hub_api *api, struct cm_err *err) {
    const struct hub_api_config *config = &api->config;
    int before = come_first();

    api->workers = hub_workers_new(WORKERS);
    api->watch = hub_watch_new();
    api->feed = hub_feed_new(api->readers,
                             config->limits.watchers > 0 ? config->limits.watchers : WATCHERS);
    enum cm_rc rc = hub_server_start(api, &api->server, err);
    come_as(before);
    return rc;
}

enum cm_rc hub_api_start(const struct hub_api_config *config, struct hub_api **out,
                         struct cm_err *err) {
    int64_t now_ms = cm_clock_unix_ms();
    enum cm_rc rc = hub_admin_ensure(hub_store_db(config->store), config->data_dir, now_ms, err);
    struct hub_api *api;

    if (rc < 0) {
        return rc;
    }
    api = cm_new(1, sizeof(*api));
    api->config = *config;
    api->started_ms = now_ms;
    api->readers = hub_readers_new(config->db_path);
    make_throttles(api);
    api->hooks = hub_hooks_new(api);
    api->usage = hub_usage_new(config->loop, config->store);
    hub_api_make_metrics(api);
    rc = start_threads(api, err);
    if (rc < 0) {
        hub_api_stop(api);
        hub_api_free(api);
        return cm_wrap(err, "the API");
    }
    *out = api;
    return CM_OK;
}

uint16_t hub_api_port(const struct hub_api *api) {
    return hub_server_port(api->server);
}

void hub_api_stop(struct hub_api *api) {
    if (api == NULL) {
        return;
    }
    hub_server_stop(CM_TAKE(api->server));
    hub_feed_stop(api->feed);
    hub_watch_stop(api->watch);
    hub_workers_stop(api->workers);
    hub_usage_stop(api->usage);
}

void hub_api_free(struct hub_api *api) {
    if (api == NULL) {
        return;
    }
    cm_process_free(api->process);
    hub_usage_free(api->usage);
    hub_feed_free(api->feed);
    hub_hooks_free(api->hooks);
    hub_watch_free(api->watch);
    hub_workers_free(api->workers);
    cm_throttle_free(api->wrong_tokens);
    cm_throttle_free(api->token_rate);
    cm_throttle_free(api->address_rate);
    hub_readers_free(api->readers);
    free(api);
}
