#include "agent/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/process.h"
#include "common/str.h"
#include "common/workers.h"

#define EVERY_MS 15000

struct agent_metrics {
    struct cm_loop *loop;
    struct cm_workers *disk;
    const struct agent *agent;
    char *path;
    struct cm_timer timer;
    struct cm_job job; // one at a time
    struct cm_str text;
    struct cm_err result;
    bool writing;
    bool complained;
    struct cm_metrics *all;
    struct cm_process *process;
    struct cm_metric *enrolled;
    struct cm_metric *connected;
    struct cm_metric *contact;
    struct cm_metric *generation;
    struct cm_metric *apps;
    struct cm_metric *applied;
    struct cm_metric *healthy;
    struct cm_metric *objects;
    struct cm_metric *drifted;
    struct cm_metric *outdated;
};

static void make(struct agent_metrics *m) {
    struct cm_metrics *all = m->all = cm_metrics_new();

    m->process = cm_process_new(all);
    m->enrolled = cm_metrics_gauge(all, "holdfast_agent_enrolled", NULL, "1: it has an identity.");
    m->connected =
        cm_metrics_gauge(all, "holdfast_agent_connected", NULL, "1: it is connected to its hub.");
    m->contact = cm_metrics_gauge(all, "holdfast_agent_last_contact_timestamp_seconds", NULL,
                                  "When it was connected last, in Unix time; 0: not since its "
                                  "start.");
    m->generation = cm_metrics_gauge(all, "holdfast_agent_generation", NULL,
                                     "Generation of the manifest that it works on.");
    m->apps = cm_metrics_gauge(all, "holdfast_agent_apps", NULL, "Apps that it shall run.");
    m->applied = cm_metrics_gauge(all, "holdfast_agent_apps_applied", NULL,
                                  "Apps that are applied as its manifest says.");
    m->healthy = cm_metrics_gauge(all, "holdfast_agent_apps_healthy", NULL,
                                  "Apps that are applied and healthy.");
    m->objects = cm_metrics_gauge(all, "holdfast_agent_objects", NULL, "Objects that it watches.");
    m->drifted = cm_metrics_gauge(all, "holdfast_agent_objects_drifted", NULL,
                                  "Objects that somebody changed.");
    m->outdated = cm_metrics_gauge(all, "holdfast_agent_disk_outdated", NULL,
                                   "1: its disk is an older copy, and it waits for the hub.");
}

static void measure(struct agent_metrics *m) {
    struct agent_state state;

    agent_state_get(m->agent, &state);
    cm_process_update(m->process);
    cm_metric_set(m->enrolled, state.enrolled);
    cm_metric_set(m->connected, state.connected);
    if (state.connected) {
        cm_metric_set(m->contact, cm_clock_unix_ms() / 1000);
    }
    cm_metric_set(m->generation, (int64_t)state.generation);
    cm_metric_set(m->apps, (int64_t)state.apps);
    cm_metric_set(m->applied, (int64_t)state.apps_applied);
    cm_metric_set(m->healthy, (int64_t)state.apps_healthy);
    cm_metric_set(m->objects, (int64_t)state.objects);
    cm_metric_set(m->drifted, (int64_t)state.drifted);
    cm_metric_set(m->outdated, state.outdated);
}

static bool write_all(FILE *file, const struct cm_str *text) {
    bool whole = fwrite(text->data, 1, text->len, file) == text->len;

    return fclose(file) == 0 && whole;
}

// Readers see the old or the new text; after a crash nobody needs it, so nothing waits for the
// disk.
static enum cm_rc replace(const char *path, const struct cm_str *text, struct cm_err *err) {
    CM_AUTOFREE char *temporary = cm_strf("%s.new", path);
    FILE *file = fopen(temporary, "we");

    if (file == NULL || !write_all(file, text) || rename(temporary, path) != 0) {
        return cm_fail(err, CM_EIO, "write '%s': %s", path, strerror(errno));
    }
    return CM_OK;
}

static void run(struct cm_job *job) {
    struct agent_metrics *m = CM_CONTAINER(job, struct agent_metrics, job);

    m->result = (struct cm_err){.code = CM_OK};
    (void)replace(m->path, &m->text, &m->result);
}

static void done(struct cm_job *job) {
    struct agent_metrics *m = CM_CONTAINER(job, struct agent_metrics, job);
    bool failed = !job->canceled && m->result.code != CM_OK;

    m->writing = false;
    if (failed && !m->complained) {
        cm_log(CM_LOG_WARN, "agent.metrics_failed", m->result.msg, "path", m->path, NULL);
    }
    m->complained = failed;
}

static void on_timer(void *ctx) {
    struct agent_metrics *m = ctx;

    cm_timer_start(m->loop, &m->timer, EVERY_MS);
    if (m->writing) {
        return; // a slow disk
    }
    measure(m);
    cm_str_clear(&m->text);
    cm_metrics_write(m->all, &m->text);
    m->job = (struct cm_job){.run = run, .done = done, .home = m->loop};
    m->writing = true;
    cm_workers_submit(m->disk, &m->job);
}

struct agent_metrics *agent_metrics_start(struct cm_loop *loop, struct cm_workers *disk,
                                          const struct agent *agent, const char *path) {
    struct agent_metrics *m = cm_new(1, sizeof(*m));

    m->loop = loop;
    m->disk = disk;
    m->agent = agent;
    m->path = cm_strdup(path);
    m->timer = (struct cm_timer){.run = on_timer, .ctx = m};
    make(m);
    on_timer(m);
    return m;
}

void agent_metrics_stop(struct agent_metrics *m) {
    if (m != NULL) {
        cm_timer_stop(m->loop, &m->timer);
    }
}

void agent_metrics_free(struct agent_metrics *m) {
    if (m == NULL) {
        return;
    }
    (void)unlink(m->path);
    cm_process_free(m->process);
    cm_metrics_free(m->all);
    cm_str_done(&m->text);
    free(m->path);
    free(m);
}
