#include "hub/jobs/upkeep.h"

#include <stdlib.h>

#include "common/list.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "hub/jobs/store.h"
#include "hub/store/events.h"

#define INTERVAL_MS ((int64_t)3600 * 1000)

struct hub_upkeep {
    struct cm_loop *loop;
    struct hub_store *store;
    int64_t events_kept;
    struct cm_timer timer;
    struct hub_store_job job;
    bool stopped;
};

static enum cm_rc run(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    const struct hub_upkeep *u = CM_CONTAINER(job, struct hub_upkeep, job);

    return hub_events_trim(db, u->events_kept, err);
}

static void wait(struct hub_upkeep *u) {
    if (!u->stopped) {
        cm_timer_start(u->loop, &u->timer, INTERVAL_MS);
    }
}

static void done(struct hub_store_job *job, const struct cm_err *err) {
    if (err->code != CM_OK) {
        cm_log(CM_LOG_WARN, "store.failed", err->msg, "what", "old events stay for an hour more",
               NULL);
    }
    wait(CM_CONTAINER(job, struct hub_upkeep, job));
}

static void on_timer(void *ctx) {
    struct hub_upkeep *u = ctx;

    u->job = (struct hub_store_job){.run = run, .done = done};
    hub_store_submit(u->store, &u->job);
}

struct hub_upkeep *hub_upkeep_start(struct cm_loop *loop, struct hub_store *store,
                                    int64_t events_kept) {
    struct hub_upkeep *u = cm_new(1, sizeof(*u));

    *u = (struct hub_upkeep){.loop = loop, .store = store, .events_kept = events_kept};
    u->timer = (struct cm_timer){.run = on_timer, .ctx = u};
    wait(u);
    return u;
}

void hub_upkeep_stop(struct hub_upkeep *u) {
    u->stopped = true;
    cm_timer_stop(u->loop, &u->timer);
}

void hub_upkeep_free(struct hub_upkeep *u) {
    free(u);
}
