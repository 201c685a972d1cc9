#include "hub/jobs/state.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/backoff.h"
#include "common/clock.h"
#include "common/list.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/workers.h"
#include "hub/jobs/state_pass.h"
#include "hub/jobs/store.h"
#include "hub/store/events.h"
#include "hub/store/past_lines.h"
#include "hub/store/unwritten.h"

#define NICE 10 // of 19
#define RETRY_MAX_MS ((int64_t)60 * 1000)

#define ROWS_OF_MANY 5000 // that change in a window
#define WINDOWS_MAX 5

struct hub_state_writer {
    struct cm_loop *loop;
    struct hub_store *store;
    int64_t window_ms;
    void (*wrote)(void *ctx);
    void *ctx;
    struct cm_workers *workers;
    struct hub_state_pass *pass;
    struct cm_timer timer;
    struct cm_backoff backoff;
    struct cm_job job; // one at a time, then `note`
    struct hub_state_done done;
    struct cm_err err;
    struct hub_store_job note;
    int64_t changes_noted; // up to this line of the past it is on record that they are written
    int64_t since_ms;      // of the oldest that is not written, about; 0: all is
    int64_t began_ms;      // the last pass
    int64_t rows;          // that had changed when this window began
    int windows;           // since the last pass
    int cancel_fd;
    bool owed; // a pass found an empty repository, and that all is to be written is not on record
    bool failing;
    bool stopped;
    struct {
        struct cm_metric *commits;
        struct cm_metric *files;
        struct cm_metric *failures;
        struct cm_metric *lag;
        struct cm_metric *bytes;
        struct cm_metric *seconds;
    } counts;
};

static void make_metrics(struct hub_state_writer *w, struct cm_metrics *m) {
    w->counts.commits = cm_metrics_counter(m, "holdfast_state_commits_total", NULL,
                                           "Commits to the state repository.");
    w->counts.files =
        cm_metrics_counter(m, "holdfast_state_changes_total", NULL,
                           "Apps on clusters, events, and changes of the past, that were "
                           "written to the state repository.");
    w->counts.failures = cm_metrics_counter(m, "holdfast_state_failures_total", NULL,
                                            "Tries to write to the state repository that failed.");
    w->counts.lag = cm_metrics_gauge(m, "holdfast_state_lag_seconds", NULL,
                                     "For how long something has been waiting to be written to the "
                                     "state repository; 0: all is written.");
    w->counts.bytes =
        cm_metrics_gauge(m, "holdfast_state_bytes", NULL, "Size of the state repository's packs.");
    w->counts.seconds = cm_metrics_histogram(m, "holdfast_state_write_seconds", NULL,
                                             "How long it took to write what had changed.");
}

// ---- After a pass: what it wrote, or why not, goes on record

static void start_timer(struct hub_state_writer *w, int64_t in_ms) {
    if (!w->stopped) {
        cm_timer_start(w->loop, &w->timer, in_ms);
    }
}

static enum cm_rc tell(struct hub_db *db, const char *kind, const char *message,
                       struct cm_err *err) {
    return hub_events_add(
        db,
        &(struct hub_event){
            .at_ms = cm_clock_unix_ms(), .kind = kind, .actor = "hub", .message = message},
        err);
}

static bool has_changes(const struct hub_state_writer *w) {
    return w->done.changes_written > w->changes_noted || w->done.changes_listed;
}

static enum cm_rc remove_written(const struct hub_state_writer *w, struct hub_db *db,
                                 struct cm_err *err) {
    const struct hub_unwritten_due desired = {HUB_UNWRITTEN_DESIRED, w->done.now_ms};
    const struct hub_unwritten_due actual = {HUB_UNWRITTEN_ACTUAL, w->done.now_ms};
    enum cm_rc rc = CM_OK;

    if (w->done.desired_written > 0) {
        rc = hub_unwritten_remove(db, &desired, w->done.desired_written, err);
    }
    if (rc == CM_OK && w->done.actual_written > 0) {
        rc = hub_unwritten_remove(db, &actual, w->done.actual_written, err);
    }
    if (rc == CM_OK && has_changes(w)) {
        rc = hub_past_lines_written(db, w->done.changes_written, w->done.changes_listed, err);
    }
    return rc < 0 || !w->done.wants_changes ? rc : hub_past_lines_want(db, true, err);
}

static enum cm_rc run_note(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct hub_state_writer *w = CM_CONTAINER(job, struct hub_state_writer, note);
    bool failed = w->err.code != CM_OK;
    enum cm_rc rc = CM_OK;

    if (!failed && w->done.fresh) {
        rc = hub_unwritten_add_all(db, err);
    } else if (!failed) {
        rc = remove_written(w, db, err);
    }
    if (rc == CM_OK && failed != w->failing) {
        rc = failed ? tell(db, "state.failed", w->err.msg, err)
                    : tell(db, "state.recovered", "all is written", err);
    }
    return rc;
}

// goes_on tells whether the last pass left something for the next one.
static bool goes_on(const struct hub_state_writer *w) {
    return w->done.more || w->done.fresh || w->done.wants_changes;
}

static void note_done(struct hub_store_job *job, const struct cm_err *err) {
    struct hub_state_writer *w = CM_CONTAINER(job, struct hub_state_writer, note);

    if (err->code == CM_OK) {
        w->changes_noted = w->done.changes_written;
        w->failing = w->err.code != CM_OK;
        w->owed = false;
    }
    w->rows = hub_store_rows(w->store); // without those that were taken off the list
    if (err->code != CM_OK || w->err.code != CM_OK) {
        start_timer(w, cm_backoff_next(&w->backoff));
        return;
    }
    cm_backoff_reset(&w->backoff);
    start_timer(w, goes_on(w) ? 0 : w->window_ms);
}

static void count(struct hub_state_writer *w) {
    int64_t now_ms = cm_clock_now_ms();

    if (w->err.code != CM_OK) {
        cm_metric_add(w->counts.failures, 1);
        cm_metric_set(w->counts.lag, (now_ms - w->since_ms) / 1000);
        return;
    }
    if (w->done.commits > 0) {
        cm_metric_add(w->counts.commits, (int64_t)w->done.commits);
        cm_metric_add(w->counts.files, (int64_t)w->done.files);
        cm_metric_observe_ms(w->counts.seconds, now_ms - w->began_ms);
    }
    cm_metric_set(w->counts.bytes, (int64_t)w->done.bytes);
    cm_metric_set(w->counts.lag, w->done.more ? (now_ms - w->since_ms) / 1000 : 0);
    w->since_ms = w->done.more ? w->since_ms : 0;
}

static bool has_news(const struct hub_state_writer *w) {
    bool failed = w->err.code != CM_OK;

    bool wrote = w->done.desired_written > 0 || w->done.actual_written > 0 || has_changes(w) ||
                 w->done.wants_changes;

    return failed != w->failing || (!failed && (w->done.fresh || wrote));
}

static void pass_done(struct cm_job *job) {
    struct hub_state_writer *w = CM_CONTAINER(job, struct hub_state_writer, job);

    if (job->canceled || w->stopped) {
        return; // what is written twice is written the same
    }
    if (w->err.code != CM_OK && !w->failing) {
        cm_log(CM_LOG_ERROR, "state.failed", w->err.msg, "what",
               "nothing is lost: it is tried again, later and later", NULL);
    }
    if (w->err.code == CM_OK && w->done.merge.code != CM_OK) {
        cm_log(CM_LOG_WARN, "state.unmerged", w->done.merge.msg, "what",
               "it is tried again later; until then there are more files", NULL);
    }
    count(w);
    if (w->err.code == CM_OK && w->done.commits > 0 && w->wrote != NULL) {
        w->wrote(w->ctx);
    }
    w->owed = w->err.code == CM_OK && w->done.fresh;
    w->note = (struct hub_store_job){.run = run_note, .done = note_done};
    if (has_news(w)) {
        hub_store_submit(w->store, &w->note);
    } else {
        note_done(&w->note, &(struct cm_err){.code = CM_OK});
    }
}

// ---- A pass

// stand_back lets what clusters wait for go first: a pass can take seconds of a processor.
static void stand_back(void) {
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE); // as well if it may not
}

static void run_pass(struct cm_job *job) {
    struct hub_state_writer *w = CM_CONTAINER(job, struct hub_state_writer, job);

    stand_back();
    if (hub_state_pass_run(w->pass, &w->done, &w->err) == CM_OK) {
        w->err.code = CM_OK;
    }
}

bool hub_state_gathers(int64_t rows, int windows) {
    return rows >= ROWS_OF_MANY && windows < WINDOWS_MAX;
}

// gathers_on ends a window. What the last pass left waits for nothing.
static bool gathers_on(struct hub_state_writer *w) {
    int64_t before = w->rows;

    w->rows = hub_store_rows(w->store);
    w->windows++;
    return hub_state_gathers(w->rows - before, w->windows) && !goes_on(w);
}

// While it is owed that all is written nothing is: a repository with a commit is no longer new.
static void on_timer(void *ctx) {
    struct hub_state_writer *w = ctx;

    if (w->owed) {
        hub_store_submit(w->store, &w->note);
        return;
    }
    w->began_ms = cm_clock_now_ms();
    w->since_ms = w->since_ms == 0 ? w->began_ms : w->since_ms;
    if (gathers_on(w)) {
        cm_metric_set(w->counts.lag, (w->began_ms - w->since_ms) / 1000);
        start_timer(w, w->window_ms);
        return;
    }
    w->windows = 0;
    w->job = (struct cm_job){.run = run_pass, .done = pass_done, .home = w->loop};
    cm_workers_submit(w->workers, &w->job);
}

struct hub_state_writer *hub_state_writer_start(const struct hub_state_writer_config *config) {
    struct hub_state_writer *w = cm_new(1, sizeof(*w));
    int cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct hub_state_pass_config pass = {.folder = config->folder,
                                         .db_path = config->db_path,
                                         .hub_id = config->hub_id,
                                         .registry = config->registry,
                                         .epoch = config->epoch,
                                         .value_key = config->value_key,
                                         .keep_months = config->keep_months,
                                         .cancel_fd = cancel_fd};

    w->cancel_fd = cancel_fd;
    w->loop = config->loop;
    w->store = config->store;
    w->window_ms = config->window_ms;
    w->wrote = config->wrote;
    w->ctx = config->ctx;
    w->pass = hub_state_pass_new(&pass);
    w->workers = cm_workers_new("state", 1, NULL);
    w->backoff = (struct cm_backoff){.min_ms = config->window_ms, .max_ms = RETRY_MAX_MS};
    w->timer = (struct cm_timer){.run = on_timer, .ctx = w};
    make_metrics(w, config->metrics);
    start_timer(w, 0);
    return w;
}

void hub_state_writer_stop(struct hub_state_writer *w) {
    if (w != NULL) {
        w->stopped = true;
        cm_timer_stop(w->loop, &w->timer);
        // It fails only if the counter is full, and then the descriptor is readable.
        (void)eventfd_write(w->cancel_fd, 1);
    }
}

void hub_state_writer_end(struct hub_state_writer *w) {
    if (w != NULL) {
        hub_state_writer_stop(w);
        cm_workers_stop(w->workers, false);
    }
}

void hub_state_writer_free(struct hub_state_writer *w) {
    if (w == NULL) {
        return;
    }
    cm_workers_free(w->workers);
    hub_state_pass_free(w->pass);
    (void)close(w->cancel_fd);
    free(w);
}
