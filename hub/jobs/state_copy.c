#include "hub/jobs/state_copy.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/backoff.h"
#include "common/clock.h"
#include "common/list.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/workers.h"
#include "hub/config/config.h"
#include "hub/jobs/fetcher.h"
#include "hub/jobs/store.h"
#include "hub/repo/copy.h"
#include "hub/store/events.h"

#define PAUSE_MIN_MS 1000 // between two pushes
#define RETRY_MAX_MS ((int64_t)600 * 1000)

static const char *const branches[] = {"desired", "actual", "events"};

struct hub_state_copy {
    struct cm_loop *loop;
    struct hub_store *store;
    const struct hub_repository *repository;
    char *from;
    char *folder;
    struct cm_workers *workers;
    struct cm_timer timer;
    struct cm_backoff backoff;
    struct cm_job job; // one at a time, then `note`
    struct cm_err err;
    struct hub_store_job note;
    int64_t since_ms; // what is not pushed, about; 0: all is
    int64_t taken_ms; // since_ms when the push began
    int64_t pause_ms;
    int cancel_fd;
    bool failing;
    bool busy;
    bool stopped;
    struct cm_metric *pushes;
    struct cm_metric *failures;
    struct cm_metric *lag;
};

static void make_metrics(struct hub_state_copy *c, struct cm_metrics *m) {
    c->pushes = cm_metrics_counter(m, "holdfast_state_pushes_total", NULL,
                                   "Pushes of the state repository to its copy.");
    c->failures = cm_metrics_counter(m, "holdfast_state_push_failures_total", NULL,
                                     "Pushes of the state repository to its copy that failed.");
    c->lag = cm_metrics_gauge(m, "holdfast_state_unpushed_seconds", NULL,
                              "For how long something has been waiting to be pushed to the copy of "
                              "the state repository; 0: all is there.");
}

static void start_timer(struct hub_state_copy *c, int64_t in_ms) {
    if (c->repository != NULL && !c->stopped && !c->busy) {
        cm_timer_start(c->loop, &c->timer, in_ms);
    }
}

// ---- After a push

static enum cm_rc run_note(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    const struct hub_state_copy *c = CM_CONTAINER(job, struct hub_state_copy, note);
    bool failed = c->err.code != CM_OK;

    return hub_events_add(
        db,
        &(struct hub_event){.at_ms = cm_clock_unix_ms(),
                            .kind = failed ? "state.unpushed" : "state.pushed",
                            .actor = "hub",
                            .message = failed ? c->err.msg : "the copy has all of it again"},
        err);
}

// go_on waits for the time of the next push, if there is something to push.
static void go_on(struct hub_state_copy *c) {
    c->busy = false;
    if (c->err.code != CM_OK) {
        start_timer(c, cm_backoff_next(&c->backoff));
        return;
    }
    cm_backoff_reset(&c->backoff);
    if (c->since_ms > 0) {
        start_timer(c, c->pause_ms);
    }
}

static void note_done(struct hub_store_job *job, const struct cm_err *err) {
    struct hub_state_copy *c = CM_CONTAINER(job, struct hub_state_copy, note);

    if (err->code == CM_OK) {
        c->failing = c->err.code != CM_OK;
    }
    go_on(c);
}

static void count(struct hub_state_copy *c) {
    bool failed = c->err.code != CM_OK;

    cm_metric_add(failed ? c->failures : c->pushes, 1);
    if (!failed) {
        c->since_ms = c->since_ms == c->taken_ms ? 0 : c->since_ms;
    }
    cm_metric_set(c->lag, c->since_ms == 0 ? 0 : (cm_clock_now_ms() - c->since_ms) / 1000);
}

static void push_done(struct cm_job *job) {
    struct hub_state_copy *c = CM_CONTAINER(job, struct hub_state_copy, job);
    bool failed = c->err.code != CM_OK;

    if (job->canceled || c->stopped) {
        return;
    }
    if (failed && !c->failing) {
        cm_log(CM_LOG_WARN, "state.unpushed", c->err.msg, "what",
               "nothing is lost: it is tried again, later and later", NULL);
    }
    count(c);
    c->note = (struct hub_store_job){.run = run_note, .done = note_done};
    if (failed != c->failing) {
        hub_store_submit(c->store, &c->note);
    } else {
        go_on(c);
    }
}

// ---- A push

static void run_push(struct cm_job *job) {
    struct hub_state_copy *c = CM_CONTAINER(job, struct hub_state_copy, job);
    const struct hub_repo_source source = hub_fetcher_source(c->repository);
    const struct hub_repo_copy copy = {.from = c->from,
                                       .branches = branches,
                                       .branch_count = sizeof(branches) / sizeof(branches[0])};
    struct hub_repo_limits limits = hub_repo_limits_default;
    const struct hub_repo_job how = {
        .folder = c->folder, .limits = &limits, .cancel_fd = c->cancel_fd};
    enum hub_repo_trouble trouble;

    limits.deadline_ms = c->repository->timeout_ms;
    if (hub_repo_copy(&source, &how, &copy, &trouble, &c->err) == CM_OK) {
        c->err.code = CM_OK;
    }
}

static void on_timer(void *ctx) {
    struct hub_state_copy *c = ctx;

    c->busy = true;
    c->taken_ms = c->since_ms;
    c->job = (struct cm_job){.run = run_push, .done = push_done, .home = c->loop};
    cm_workers_submit(c->workers, &c->job);
}

void hub_state_copy_wrote(void *copy) {
    struct hub_state_copy *c = copy;
    bool waits = c->since_ms > 0 && c->since_ms != c->taken_ms;

    c->since_ms = c->repository == NULL || waits ? c->since_ms : cm_clock_now_ms();
    if (!c->failing && c->timer.at == 0) {
        start_timer(c, PAUSE_MIN_MS);
    }
}

// ---- Life

struct hub_state_copy *hub_state_copy_start(const struct hub_state_copy_config *config) {
    struct hub_state_copy *c = cm_new(1, sizeof(*c));

    c->loop = config->loop;
    c->store = config->store;
    c->repository = config->repository;
    c->from = cm_strdup(config->from);
    c->folder = cm_strdup(config->folder);
    c->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->workers = cm_workers_new("state-push", 1, NULL);
    c->pause_ms = PAUSE_MIN_MS;
    if (c->repository != NULL && c->repository->poll_ms > c->pause_ms) {
        c->pause_ms = c->repository->poll_ms;
    }
    c->backoff = (struct cm_backoff){.min_ms = c->pause_ms, .max_ms = RETRY_MAX_MS};
    c->timer = (struct cm_timer){.run = on_timer, .ctx = c};
    make_metrics(c, config->metrics);
    start_timer(c, PAUSE_MIN_MS);
    return c;
}

void hub_state_copy_stop(struct hub_state_copy *c) {
    if (c != NULL) {
        c->stopped = true;
        cm_timer_stop(c->loop, &c->timer);
        // It fails only if the counter is full, and then the descriptor is readable.
        (void)eventfd_write(c->cancel_fd, 1);
    }
}

void hub_state_copy_end(struct hub_state_copy *c) {
    if (c != NULL) {
        hub_state_copy_stop(c);
        cm_workers_stop(c->workers, false);
    }
}

void hub_state_copy_free(struct hub_state_copy *c) {
    if (c == NULL) {
        return;
    }
    cm_workers_free(c->workers);
    (void)close(c->cancel_fd);
    free(c->from);
    free(c->folder);
    free(c);
}
