#include "hub/jobs/registry.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
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
#define END_MS ((int64_t)5 * 1000) // for what is being written as the hub stops

// Each place has a worker of its own: a disk elsewhere may not answer, and nobody waits for it.
struct place {
    struct hub_registry_writer *writer;
    char *path;  // NULL: there is none
    bool mine;   // what is there was written by this process
    bool busy;   // it is being written
    bool behind; // it was when there was something newer
    bool failed;
    bool left; // its worker still was at work in the end
    int64_t since_ms;
    struct cm_workers *disk;
    struct cm_job job;
    struct cm_buf *text;   // that is being written
    struct cm_err failure; // of the job
};

struct hub_registry_writer {
    struct hub_registry_config config;
    struct place own;
    struct place copy;
    struct cm_timer timer;
    struct hub_store_job read;
    struct cm_str text;
    struct cm_metric *metric_failed;
    bool reading;
    bool unread; // the last read failed
    bool touched;
    bool stopped;
    bool over; // its workers have ended
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
static bool covers(const struct cm_buf *text, const struct cm_buf *file) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_registry mine;
    struct hub_registry theirs;
    struct cm_err ignored;

    return hub_registry_read(a, (const char *)text->data, text->size, &mine, &ignored) == CM_OK &&
           hub_registry_read(a, (const char *)file->data, file->size, &theirs, &ignored) == CM_OK &&
           hub_registry_covers(&mine, &theirs);
}

// A hub that lost its database, or was given an older one, must not take away by what it is
// recovered.
static enum cm_rc keep_before(const struct cm_buf *text, const char *path, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *file = NULL;
    enum cm_rc rc = cm_fsys_read(path, HUB_REGISTRY_MAX, &file, err);

    if (rc == CM_ENOTFOUND || (rc == CM_OK && covers(text, file))) {
        return CM_OK;
    }
    return rc == CM_OK || rc == CM_EINVAL ? put_aside(path, err) : rc;
}

// ---- Writing

// One that could not be read again would take the place of one that can be.
static enum cm_rc check_size(const struct cm_buf *text, struct cm_err *err) {
    return text->size <= HUB_REGISTRY_MAX
               ? CM_OK
               : cm_fail(err, CM_EINVAL,
                         "the registry would be too large to be read again (%zu bytes); what was "
                         "there stays",
                         text->size);
}

static void run_write(struct cm_job *job) {
    struct place *p = CM_CONTAINER(job, struct place, job);
    enum cm_rc rc = check_size(p->text, &p->failure);

    rc = rc < 0 || p->mine ? rc : keep_before(p->text, p->path, &p->failure);
    rc = rc < 0 ? rc : cm_fsys_replace(p->path, p->text->data, p->text->size, 0600, &p->failure);
    p->mine = p->mine || rc == CM_OK;
    p->failure.code = rc;
}

static bool has_trouble(const struct hub_registry_writer *w) {
    return w->unread || w->own.failed || w->copy.failed;
}

static bool waits_for_its_turn(const struct place *p) {
    return p->behind && !p->busy;
}

static void go_on_later(struct hub_registry_writer *w) {
    bool soon = w->touched || waits_for_its_turn(&w->own) || waits_for_its_turn(&w->copy);
    bool again = has_trouble(w) || w->own.busy || w->copy.busy;

    if (!w->stopped && !w->reading) {
        cm_metric_set(w->metric_failed, has_trouble(w) ? 1 : 0);
        cm_timer_start(w->config.loop, &w->timer, soon ? SOON_MS : again ? AGAIN_MS : HOUR_MS);
    }
}

static void write_done(struct cm_job *job) {
    struct place *p = CM_CONTAINER(job, struct place, job);

    p->busy = false;
    cm_buf_unref(p->text);
    p->text = NULL;
    p->failed = !job->canceled && p->failure.code != CM_OK;
    if (p->failed && !p->writer->stopped) {
        cm_log(CM_LOG_WARN, "registry.failed", p->failure.msg, NULL);
    }
    go_on_later(p->writer);
}

// note_behind: a disk that takes long only gets the next one later.
static void note_behind(struct place *p) {
    CM_AUTOFREE char *why =
        cm_strf("'%s' is being written for more than a minute: its disk does not answer", p->path);

    p->behind = true;
    if (!p->failed && cm_clock_now_ms() - p->since_ms >= AGAIN_MS) {
        p->failed = true;
        cm_log(CM_LOG_WARN, "registry.failed", why, NULL);
    }
}

static void write_to(struct place *p, struct cm_buf *text) {
    if (p->path == NULL) {
        return;
    }
    if (p->busy) {
        note_behind(p);
        return;
    }
    p->busy = true;
    p->behind = false;
    p->since_ms = cm_clock_now_ms();
    p->text = cm_buf_ref(text);
    p->failure = (struct cm_err){0};
    p->job = (struct cm_job){.run = run_write, .done = write_done, .home = p->writer->config.loop};
    cm_workers_submit(p->disk, &p->job);
}

static void read_done(struct hub_store_job *job, const struct cm_err *err) {
    struct hub_registry_writer *w = CM_CONTAINER(job, struct hub_registry_writer, read);

    w->reading = false;
    w->unread = err->code != CM_OK;
    if (w->stopped) {
        cm_str_done(&w->text);
        return;
    }
    if (w->unread) {
        cm_log(CM_LOG_WARN, "registry.failed", err->msg, NULL);
    } else {
        CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = cm_buf_copy(w->text.data, w->text.len);

        write_to(&w->own, text);
        write_to(&w->copy, text);
    }
    cm_str_done(&w->text);
    go_on_later(w);
}

static void on_timer(void *ctx) {
    struct hub_registry_writer *w = ctx;

    w->reading = true;
    w->touched = false;
    w->read = (struct hub_store_job){.run = run_read, .done = read_done};
    hub_store_submit(w->config.store, &w->read);
}

static struct place place_at(struct hub_registry_writer *w, const char *path) {
    return (struct place){.writer = w,
                          .path = cm_strdup(path),
                          .disk = path == NULL ? NULL : cm_workers_new("registry", 1, NULL)};
}

struct hub_registry_writer *hub_registry_start(const struct hub_registry_config *config) {
    struct hub_registry_writer *w = cm_new(1, sizeof(*w));

    w->config = *config;
    w->own = place_at(w, config->path);
    w->copy = place_at(w, config->copy);
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
    if (!w->reading) {
        cm_timer_start(w->config.loop, &w->timer, SOON_MS);
    }
}

void hub_registry_stop(struct hub_registry_writer *w) {
    if (w != NULL) {
        w->stopped = true;
        cm_timer_stop(w->config.loop, &w->timer);
    }
}

static void end_place(struct place *p) {
    if (p->disk == NULL) {
        return;
    }
    p->left = !cm_workers_leave(p->disk, END_MS);
    if (p->left) {
        cm_log(CM_LOG_WARN, "registry.failed",
               "the registry was being written as the hub stopped, and its disk does not answer",
               "file", p->path, NULL);
    }
}

void hub_registry_end(struct hub_registry_writer *w) {
    if (w != NULL && !w->over) {
        w->over = true;
        end_place(&w->own);
        end_place(&w->copy);
    }
}

static void free_place(struct place *p) {
    cm_workers_free(p->disk);
    cm_buf_unref(p->text);
    free(p->path);
}

// What a worker that hangs was given is his until the process ends.
void hub_registry_free(struct hub_registry_writer *w) {
    if (w == NULL || w->own.left || w->copy.left) {
        return;
    }
    free_place(&w->own);
    free_place(&w->copy);
    cm_str_done(&w->text);
    free(w);
}
