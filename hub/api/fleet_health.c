// fleet_health.c: the fleet and its hub in one answer, with what of it wants a person in words.
#include <stdlib.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "hub/access/authority.h"
#include "hub/api/handlers.h"
#include "hub/api/internal.h"
#include "hub/api/readers.h"
#include "hub/api/request.h"
#include "hub/jobs/store.h"
#include "hub/jobs/sync.h"
#include "hub/store/query_health.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)
// The hub makes what ends anew at a start long before; if it has not, its root's key is missing.
#define OWN_ENDING_MS (60 * DAY_MS)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// What wants a person if there is any of it; a cluster that no agent was ever in does not.
static const struct {
    const char *member;
    const char *one;
    const char *many;
} wrongs[] = {
    {"degraded", "cluster is degraded", "clusters are degraded"},
    {"offline", "cluster is offline", "clusters are offline"},
    {"pairsWaiting", "removal waits for its Confirmation", "removals wait for their Confirmation"},
    {"releasesWaiting", "release waits for somebody to let it go on: 'holdfast get problems'",
     "releases wait for somebody to let them go on: 'holdfast get problems'"},
    {"problems", "problem in Git", "problems in Git"},
    {"needsHuman", "release was rejected or failed, and only people can settle it",
     "releases were rejected or failed, and only people can settle that"},
    {"freezes", "freeze is in force: 'holdfast get freezes'",
     "freezes are in force: 'holdfast get freezes'"},
    {"repositoriesFailing", "repository cannot be fetched", "repositories cannot be fetched"},
    {"held", "agent waits for 'holdfast approve'", "agents wait for 'holdfast approve'"},
    {"skewed", "agent has a clock that is more than a minute off",
     "agents have a clock that is more than a minute off"},
    {"certificatesEnding", "agent has a certificate that ends soon, and did not renew it",
     "agents have a certificate that ends soon, and did not renew it"},
    {"certificatesEnded", "agent has a certificate that has ended",
     "agents have a certificate that has ended"},
    {"trustBehind", "agent lacks the newest set of roots", "agents lack the newest set of roots"},
};

static void add_text(struct cm_arena *a, struct cm_json *list, const char *text) {
    cm_json_append(list, cm_json_new_string(a, text));
}

static void judge(const struct hub_api *api, struct cm_arena *a, struct cm_json *health, bool ready,
                  int64_t left_ms) {
    struct cm_json *list = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < COUNT(wrongs); i++) {
        int64_t count = cm_json_int(cm_json_get(health, wrongs[i].member), 0);

        if (count > 0) {
            add_text(a, list,
                     cm_arena_strf(a, "%lld %s", (long long)count,
                                   count == 1 ? wrongs[i].one : wrongs[i].many));
        }
    }
    if (hub_store_is_failing(api->config.store)) {
        add_text(a, list,
                 "the hub cannot write its database, so what is said here may be old: see whether "
                 "its disk is full");
    }
    if (!ready) {
        add_text(a, list, "the hub has not read every repository since its start");
    }
    if (left_ms < OWN_ENDING_MS) {
        add_text(a, list,
                 cm_arena_strf(a, "a certificate of the hub itself ends in %lld days",
                               (long long)(left_ms / DAY_MS)));
    }
    cm_json_set_bool(a, health, "well", list->count == 0);
    cm_json_set(a, health, "wrong", list);
}

static struct cm_json *tell_hub(const struct hub_api *api, struct cm_arena *a, bool ready,
                                int64_t ends_ms) {
    struct cm_json *hub = cm_json_new(a, CM_OBJECT);
    int64_t bytes = 0;
    int64_t waiting = 0;

    hub_store_size(api->config.store, &bytes, &waiting);
    cm_json_set_string(a, hub, "version", HOLDFAST_VERSION);
    cm_json_set_int(a, hub, "epoch", (int64_t)api->config.epoch);
    cm_json_set_bool(a, hub, "ready", ready);
    cm_json_set_int(a, hub, "uptimeMs", cm_clock_unix_ms() - api->started_ms);
    cm_json_set_int(a, hub, "storeBytes", bytes);
    cm_json_set_int(a, hub, "storeQueue", waiting);
    cm_json_set_int(a, hub, "certificatesEndMs", ends_ms);
    return hub;
}

enum cm_rc hub_get_fleet_health(struct hub_request *r, struct cm_err *err) {
    struct hub_api *api = r->api;
    struct hub_health_ask ask = hub_api_health_ask(api);
    int64_t ends_ms = hub_api_certificates_end_ms(api);
    bool ready = hub_sync_is_ready(api->config.sync);
    struct cm_json *health = NULL;
    struct hub_db *db = NULL;
    enum cm_rc rc = hub_readers_take(api->readers, &db, err);

    rc = rc < 0 ? rc : hub_query_health(db, r->arena, &ask, &health, err);
    hub_readers_give(api->readers, db);
    if (rc == CM_OK) {
        cm_json_set(r->arena, health, "hub", tell_hub(api, r->arena, ready, ends_ms));
        judge(api, r->arena, health, ready, ends_ms - ask.now_ms);
        hub_answer_json(r, 200, health);
    }
    return rc;
}
