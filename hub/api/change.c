#include "hub/api/change.h"

#include <stdlib.h>

#include "common/list.h"
#include "common/mem.h"
#include "common/tls/keys.h"
#include "hub/api/internal.h"
#include "hub/api/request.h"

static void expire(struct hub_due *due) {
    struct hub_change *c = CM_CONTAINER(due, struct hub_change, due);

    c->expired = true;
    (void)cm_fail(&c->err, CM_EBUSY,
                  "the hub did not get to this in time; see whether it was done before trying "
                  "again");
    hub_change_wake(c->connection);
}

struct hub_change *hub_change_new(struct hub_request *r, void (*begin)(struct hub_change *c)) {
    struct hub_change *c = cm_new(1, sizeof(*c));

    c->api = r->api;
    c->begin = begin;
    c->actor = cm_strdup(r->known ? r->token.name : NULL);
    c->address = cm_strdup(r->address);
    c->connection = r->connection;
    c->type = "application/json";
    c->due.expired = expire;
    c->refs = 1;
    r->change = c;
    return c;
}

void hub_change_unref(struct hub_change *c) {
    if (c == NULL || --c->refs > 0) {
        return;
    }
    free(c->actor);
    free(c->address);
    free(c->cluster);
    free(c->app);
    free(c->repository);
    free(c->key);
    free(c->token);
    free(c->namespace);
    free(c->kind);
    free(c->args);
    for (size_t i = 0; i < c->key_count; i++) {
        free(c->keys[i]);
    }
    free(c->keys);
    cm_secret_free(c->text);
    free(c);
}

static void run(void *ctx) {
    struct hub_change *c = ctx;

    if (c->expired) {
        hub_change_unref(c); // nobody waits any more
    } else {
        c->begin(c);
    }
}

void hub_change_start(struct hub_change *c, int64_t deadline_ms) {
    if (!hub_watch_add(c->api->watch, &c->due, deadline_ms)) {
        expire(&c->due); // the hub is stopping
        return;
    }
    c->refs++; // the loop's; the request keeps its own until it is resumed, which may be now
    c->task = (struct cm_task){.run = run, .ctx = c};
    cm_loop_post_first(c->api->config.loop, &c->task);
}

void hub_change_done(struct hub_change *c, const struct cm_err *err, unsigned status, char *text) {
    if (hub_watch_take(c->api->watch, &c->due)) {
        c->err = *err;
        c->status = err->code == CM_OK ? status : 0;
        c->text = CM_TAKE(text);
        hub_change_wake(c->connection);
    }
    cm_secret_free(text);
    hub_change_unref(c);
}
