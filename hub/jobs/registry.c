#include "hub/jobs/registry.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/buf.h"
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

struct place {
    char *path;
    bool mine; // what is there was written by this process
};

struct hub_registry_writer {
    struct hub_registry_config config;
    struct place own;
    struct place copy; // its path is NULL: there is none
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
                                   .begins_ms = row->begins_ms,
                                   .held = row->held,
                                   .held_ms = row->held_ms,
                                   .held_key = row->held_key,
                                   .approved_ms = row->approved_ms};

    hub_registry_write_agent(ctx, &agent);
}

static enum cm_rc run_read(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct hub_registry_writer *w = CM_CONTAINER(job, struct hub_registry_writer, read);

    hub_registry_write_hub(&w->text, w->config.hub_id, w->config.epoch);
    return hub_agents_each_ever(db, add_agent, &w->text, err);
}

// ---- What was there before this hub began

static enum cm_rc put_aside(const char *path, struct cm_err *err) {
    CM_AUTOFREE char *before = cm_strf("%s.before", path);

    if (access(before, F_OK) == 0) {
        return cm_fail(err, CM_EEXISTS,
                       "%s has agents that this hub does not know, and there is %s already; look "
                       "whether they are needed, and move both away",
                       path, before);
    }
    if (rename(path, before) < 0) {
        return cm_fail(err, CM_EIO, "cannot rename '%s'", path);
    }
    cm_log(CM_LOG_WARN, "registry.kept",
           "the registry that was there has agents that this hub does not know, or is another "
           "hub's; it is kept beside the new one",
           "file", before, NULL);
    return CM_OK;
}

// Whether all that a file holds is in what takes its place. What is not a registry is not.
static bool covers(const struct cm_str *text, const struct cm_buf *file) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_registry mine;
    struct hub_registry theirs;
    struct cm_err ignored;

    return hub_registry_read(a, text->data, text->len, &mine, &ignored) == CM_OK &&
           hub_registry_read(a, (const char *)file->data, file->size, &theirs, &ignored) == CM_OK &&
           hub_registry_covers(&mine, &theirs);
}

// A hub that lost its database, or was given an older one, must not take away by what it is
// recovered.
static enum cm_rc keep_before(const struct cm_str *text, const char *path, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *file = NULL;
    enum cm_rc rc = cm_fsys_read(path, HUB_REGISTRY_MAX, &file, err);

    if (rc == CM_ENOTFOUND || (rc == CM_OK && covers(text, file))) {
        return CM_OK;
    }
    return rc == CM_OK || rc == CM_EINVAL ? put_aside(path, err) : rc;
}

// ---- Writing

static enum cm_rc put(struct hub_registry_writer *w, struct place *p) {
    enum cm_rc rc = p->mine ? CM_OK : keep_before(&w->text, p->path, &w->failure);

    rc = rc < 0 ? rc : cm_fsys_replace(p->path, w->text.data, w->text.len, 0600, &w->failure);
    p->mine = p->mine || rc == CM_OK;
    return rc;
}

// One that could not be read again would take the place of one that can be.
static enum cm_rc check_size(const struct hub_registry_writer *w, struct cm_err *err) {
    return w->text.len <= HUB_REGISTRY_MAX
               ? CM_OK
               : cm_fail(err, CM_EINVAL,
                         "the registry would be too large to be read again (%zu bytes); what was "
                         "there stays",
                         w->text.len);
}

static void run_write(struct cm_job *job) {
    struct hub_registry_writer *w = CM_CONTAINER(job, struct hub_registry_writer, write);
    enum cm_rc rc = check_size(w, &w->failure);

    rc = rc < 0 ? rc : put(w, &w->own);
    if (rc == CM_OK && w->copy.path != NULL) {
        rc = put(w, &w->copy);
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
    w->own.path = cm_strdup(config->path);
    w->copy.path = cm_strdup(config->copy);
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
    free(w->own.path);
    free(w->copy.path);
    free(w);
}
