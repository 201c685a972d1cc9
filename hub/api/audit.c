#include "hub/api/audit.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/list.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/api/change.h"
#include "hub/api/internal.h"
#include "hub/jobs/store.h"
#include "hub/store/events.h"

struct event_job {
    struct hub_store_job job;
    struct hub_change *change;
    unsigned status; // the answer
    char *text;
    char *message;
};

enum cm_rc hub_audit_add(struct hub_db *db, const struct hub_change *c, const char *message,
                         struct cm_err *err) {
    CM_AUTOFREE char *text = cm_strf("%s (from %s)", message, c->address);

    return hub_events_add(db,
                          &(struct hub_event){.at_ms = cm_clock_unix_ms(),
                                              .kind = "api.changed",
                                              .cluster = c->cluster,
                                              .app = c->app,
                                              .actor = c->actor,
                                              .message = text},
                          err);
}

void hub_audit_log(const struct hub_change *c, const char *message) {
    cm_log(CM_LOG_INFO, "api.changed", message, "actor", c->actor, "address", c->address, "cluster",
           c->cluster, "app", c->app, NULL);
}

static enum cm_rc run_event(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    const struct event_job *e = CM_CONTAINER(job, struct event_job, job);

    return hub_audit_add(db, e->change, e->message, err);
}

static void event_done(struct hub_store_job *job, const struct cm_err *err) {
    struct event_job *e = CM_CONTAINER(job, struct event_job, job);

    if (err->code != CM_OK) {
        cm_log(CM_LOG_WARN, "store.failed", err->msg, "what", e->message, "actor", e->change->actor,
               NULL);
    }
    // It is done, on record or not.
    hub_change_done(e->change, &(struct cm_err){.code = CM_OK}, e->status, e->text);
    free(e->message);
    free(e);
}

void hub_audit_done(struct hub_change *c, char *message, unsigned status, char *text) {
    struct event_job *e = cm_new(1, sizeof(*e));

    e->job.run = run_event;
    e->job.done = event_done;
    e->change = c;
    e->status = status;
    e->text = text;
    e->message = message;
    hub_audit_log(c, message);
    hub_store_submit(c->api->config.store, &e->job);
}
