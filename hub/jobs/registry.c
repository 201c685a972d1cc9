#include "hub/jobs/registry.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/fsys.h"
#include "common/list.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "common/workers.h"
#include "hub/access/registry.h"
#include "hub/jobs/store.h"
#include "hub/store/agents.h"

#define SOON_MS ((int64_t)500) // what comes together is written once
#define AGAIN_MS ((int64_t)60 * 1000)
#define HOUR_MS ((int64_t)3600 * 1000)

struct hub_registry_writer {
    struct hub_registry_config config;
    char *path;
    char *copy;
    struct cm_workers *disk;
    struct cm_timer timer;
    struct hub_store_job read;
    struct cm_job write;
    struct cm_str text;
    struct cm_err failure; // of the write
    struct cm_metric *metric_failed;
    bool busy;
    bool touched; // while busy
    bool stopped;
    bool over; // its worker has ended
};

static void add_agent(void *ctx, const struct hub_agent_row *row, const char *state,
                      int64_t enrolled_ms) {
    struct hub_registered agent = {.id = row->id,
                                   .cluster = row->cluster,
                                   .key = row->key,
                                   .state = state,
                                   .at_ms = enrolled_ms,
                                   .begins_ms = row->begins_ms};

    hub_registry_write_agent(ctx, &agent);
}

static enum cm_rc run_read(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct hub_registry_writer *w = CM_CONTAINER(job, struct hub_registry_writer, read);

    hub_registry_write_hub(&w->text, w->config.hub_id, w->config.epoch);
    return hub_agents_each_ever(db, add_agent, &w->text, err);
}

static void run_write(struct cm_job *job) {
    struct hub_registry_writer *w = CM_CONTAINER(job, struct hub_registry_writer, write);
    enum cm_rc rc = cm_fsys_replace(w->path, w->text.data, w->text.len, 0600, &w->failure);

    if (rc == CM_OK && w->copy != NULL) {
        rc = cm_fsys_replace(w->copy, w->text.data, w->text.len, 0600, &w->failure);
    }
    w->failure.code = rc;
}

static void ended(struct hub_registry_writer *w, const struct cm_err *err) {
    bool failed = err->code != CM_OK;

    cm_str_done(&w->text);
    w->busy = false;
    if (w->stopped) {
        return;
    }
    cm_metric_set(w->metric_failed, failed ? 1 : 0);
    if (failed) {
        cm_log(CM_LOG_WARN, "registry.failed", err->msg, NULL);
    }
    cm_timer_start(w->config.loop, &w->timer, w->touched ? SOON_MS : failed ? AGAIN_MS : HOUR_MS);
}

static void write_done(struct cm_job *job) {
    struct hub_registry_writer *w = CM_CONTAINER(job, struct hub_registry_writer, write);

    ended(w, &w->failure);
}

static void read_done(struct hub_store_job *job, const struct cm_err *err) {
    struct hub_registry_writer *w = CM_CONTAINER(job, struct hub_registry_writer, read);

    if (err->code != CM_OK || w->stopped) {
        ended(w, err);
        return;
    }
    w->failure = (struct cm_err){0};
    w->write = (struct cm_job){.run = run_write, .done = write_done, .home = w->config.loop};
    cm_workers_submit(w->disk, &w->write);
}

static void on_timer(void *ctx) {
    struct hub_registry_writer *w = ctx;

    w->busy = true;
    w->touched = false;
    w->read = (struct hub_store_job){.run = run_read, .done = read_done};
    hub_store_submit(w->config.store, &w->read);
}

struct hub_registry_writer *hub_registry_start(const struct hub_registry_config *config) {
    struct hub_registry_writer *w = cm_new(1, sizeof(*w));

    w->config = *config;
    w->path = cm_strdup(config->path);
    w->copy = cm_strdup(config->copy);
    w->disk = cm_workers_new("registry", 1, NULL);
    w->metric_failed =
        cm_metrics_gauge(config->metrics, "holdfast_registry_failed", NULL,
                         "1 while the registry of agents, or its copy, cannot be written.");
    w->timer = (struct cm_timer){.run = on_timer, .ctx = w};
    cm_timer_start(config->loop, &w->timer, 0);
    return w;
}

void hub_registry_touch(struct hub_registry_writer *w) {
    if (w == NULL || w->stopped || w->touched) {
        return;
    }
    w->touched = true;
    if (!w->busy) {
        cm_timer_start(w->config.loop, &w->timer, SOON_MS);
    }
}

void hub_registry_stop(struct hub_registry_writer *w) {
    if (w != NULL) {
        w->stopped = true;
        cm_timer_stop(w->config.loop, &w->timer);
    }
}

void hub_registry_end(struct hub_registry_writer *w) {
    if (w != NULL && !w->over) {
        w->over = true;
        cm_workers_stop(w->disk, true);
    }
}

void hub_registry_free(struct hub_registry_writer *w) {
    if (w == NULL) {
        return;
    }
    cm_workers_free(w->disk);
    cm_str_done(&w->text);
    free(w->path);
    free(w->copy);
    free(w);
}
