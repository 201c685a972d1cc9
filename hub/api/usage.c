#include "hub/api/usage.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/list.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "hub/jobs/store.h"
#include "hub/store/tokens.h"

#define WRITE_MS 60000

enum { TOKENS_MAX = 256 }; // more are not noted until the next write

struct use {
    char id[HUB_CREDENTIAL_ID_MAX];
    int64_t at_ms;
};

struct uses {
    struct use items[TOKENS_MAX];
    size_t count;
};

struct hub_usage {
    struct cm_loop *loop;
    struct hub_store *store;
    struct cm_timer timer;
    pthread_mutex_t mu; // guards everything below
    struct uses uses;
};

struct write_job {
    struct hub_store_job job;
    struct uses uses;
};

static enum cm_rc run_write(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    const struct write_job *w = CM_CONTAINER(job, struct write_job, job);
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < w->uses.count; i++) {
        rc = hub_api_tokens_used(db, w->uses.items[i].id, w->uses.items[i].at_ms, err);
    }
    return rc;
}

static void write_done(struct hub_store_job *job, const struct cm_err *err) {
    if (err->code != CM_OK) {
        cm_log(CM_LOG_WARN, "store.failed", err->msg, "what", "when API tokens were used", NULL);
    }
    free(CM_CONTAINER(job, struct write_job, job));
}

static void submit(struct hub_usage *u) {
    struct write_job *w = cm_new(1, sizeof(*w));

    (void)pthread_mutex_lock(&u->mu);
    w->uses = u->uses;
    u->uses.count = 0;
    (void)pthread_mutex_unlock(&u->mu);
    if (w->uses.count == 0) {
        free(w);
        return;
    }
    w->job.run = run_write;
    w->job.done = write_done;
    hub_store_submit(u->store, &w->job);
}

static void on_timer(void *ctx) {
    struct hub_usage *u = ctx;

    submit(u);
    cm_timer_start(u->loop, &u->timer, WRITE_MS);
}

struct hub_usage *hub_usage_new(struct cm_loop *loop, struct hub_store *store) {
    struct hub_usage *u = cm_new(1, sizeof(*u));

    u->loop = loop;
    u->store = store;
    u->timer = (struct cm_timer){.run = on_timer, .ctx = u};
    (void)pthread_mutex_init(&u->mu, NULL);
    cm_timer_start(loop, &u->timer, WRITE_MS);
    return u;
}

void hub_usage_note(struct hub_usage *u, const char *token_id, int64_t at_ms) {
    size_t i = 0;

    (void)pthread_mutex_lock(&u->mu);
    while (i < u->uses.count && strcmp(u->uses.items[i].id, token_id) != 0) {
        i++;
    }
    if (i == u->uses.count && i < TOKENS_MAX) {
        (void)snprintf(u->uses.items[i].id, HUB_CREDENTIAL_ID_MAX, "%s", token_id);
        u->uses.count++;
    }
    if (i < TOKENS_MAX) {
        u->uses.items[i].at_ms = at_ms;
    }
    (void)pthread_mutex_unlock(&u->mu);
}

void hub_usage_stop(struct hub_usage *u) {
    cm_timer_stop(u->loop, &u->timer);
    submit(u);
}

void hub_usage_free(struct hub_usage *u) {
    if (u == NULL) {
        return;
    }
    (void)pthread_mutex_destroy(&u->mu);
    free(u);
}
