#include "hub/jobs/upkeep.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/list.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "hub/jobs/collect.h"
#include "hub/jobs/store.h"
#include "hub/store/decisions.h"
#include "hub/store/desired.h"
#include "hub/store/events.h"
#include "hub/store/freezes.h"
#include "hub/store/past.h"

#define PASSED_MS ((int64_t)30 * 24 * 3600 * 1000)
#define INTERVAL_MS ((int64_t)3600 * 1000)

struct hub_upkeep {
    struct cm_loop *loop;
    struct hub_store *store;
    int64_t events_kept;
    struct cm_timer timer;
    struct hub_store_job job; // one at a time
    struct hub_collection collection;
    bool stopped;
};

static enum cm_rc run_trim(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    const struct hub_upkeep *u = CM_CONTAINER(job, struct hub_upkeep, job);

    int64_t past_ms = cm_clock_unix_ms() - HUB_PAST_MS;
    enum cm_rc rc = hub_events_trim(db, u->events_kept, past_ms, err);

    rc = rc < 0 ? rc : hub_decisions_keep(db, past_ms, err);
    rc = rc < 0 ? rc : hub_revisions_keep(db, cm_clock_unix_ms() - PASSED_MS, err);
    rc = rc < 0 ? rc : hub_freezes_keep(db, past_ms, err);
    return rc < 0 ? rc : hub_past_keep(db, cm_clock_unix_ms(), err);
}

static enum cm_rc run_step(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    return hub_collection_step(&CM_CONTAINER(job, struct hub_upkeep, job)->collection, db, err);
}

static void end(struct hub_upkeep *u) {
    char removed[CM_LOG_INT_MAX];

    if (u->collection.removed > 0) {
        cm_log(CM_LOG_INFO, "store.collected",
               "bundles and objects that nothing needs were removed", "removed",
               cm_log_int((int64_t)u->collection.removed, removed), NULL);
    }
    hub_collection_done(&u->collection);
    if (!u->stopped) {
        cm_timer_start(u->loop, &u->timer, INTERVAL_MS);
    }
}

static void done(struct hub_store_job *job, const struct cm_err *err) {
    struct hub_upkeep *u = CM_CONTAINER(job, struct hub_upkeep, job);

    if (err->code != CM_OK && err->code != CM_ECANCELED) {
        cm_log(CM_LOG_WARN, "store.failed", err->msg, "what",
               "what nothing needs stays for an hour more", NULL);
    }
    if (err->code != CM_OK || u->stopped || u->collection.phase == HUB_COLLECT_DONE) {
        end(u);
        return;
    }
    u->job = (struct hub_store_job){.run = run_step, .done = done};
    hub_store_submit(u->store, &u->job);
}

static void on_timer(void *ctx) {
    struct hub_upkeep *u = ctx;

    u->job = (struct hub_store_job){.run = run_trim, .done = done};
    hub_store_submit(u->store, &u->job);
}

struct hub_upkeep *hub_upkeep_start(struct cm_loop *loop, struct hub_store *store,
                                    int64_t events_kept) {
    struct hub_upkeep *u = cm_new(1, sizeof(*u));

    *u = (struct hub_upkeep){.loop = loop, .store = store, .events_kept = events_kept};
    u->timer = (struct cm_timer){.run = on_timer, .ctx = u};
    cm_timer_start(loop, &u->timer, INTERVAL_MS);
    return u;
}

void hub_upkeep_stop(struct hub_upkeep *u) {
    u->stopped = true;
    cm_timer_stop(u->loop, &u->timer);
}

void hub_upkeep_free(struct hub_upkeep *u) {
    if (u != NULL) {
        hub_collection_done(&u->collection);
    }
    free(u);
}
