#include "hub/jobs/fetcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/backoff.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "common/workers.h"
#include "hub/config/config.h"
#include "hub/jobs/store.h"
#include "hub/repo/id.h"
#include "hub/store/events.h"
#include "hub/store/repositories.h"

#define RETRY_MIN_MS 2000
#define RETRY_MAX_MS ((int64_t)10 * 60 * 1000)

enum { TEXTS = 6 };

struct repository_metrics {
    struct cm_metric *fetches;
    struct cm_metric *failures;
    struct cm_metric *seconds;
    struct cm_metric *succeeded;
    struct cm_metric *taken;
};

struct hub_fetcher {
    struct hub_fetcher_config config;
    struct repository_metrics metrics;
    char *texts[TEXTS]; // of the configuration
    struct cm_timer timer;
    struct cm_backoff backoff;
    struct cm_job job;
    bool fetching;
    bool again; // somebody asked while a fetch was running
    bool dropped;
    bool begun;  // what is to be known before is
    bool taken;  // the tip is where it belongs, or on its way there
    bool listed; // the store has a row of it
    char *told;  // failure that is an event already; NULL: it works
    struct hub_repo_fetched fetched;
    enum hub_repo_trouble trouble;
    struct cm_err err;
    int64_t began_ms;
    int64_t began_unix_ms;
    int64_t checked_ms;                 // when the last fetch began that is over
    struct hub_repo_id tip;             // that it found
    char in_force[HUB_REPO_ID_HEX_MAX]; // what was taken in last; "": not known
    char before[HUB_REPO_ID_HEX_MAX];   // that, when the fetch began; the worker's
    size_t untaken;                     // commits that were handed on, and nothing is known of yet
};

static void fetch(struct hub_fetcher *f);

// ---- Metrics: a repository's, whichever of its trees is fetched

// The name of a repository needs no escapes.
static struct repository_metrics metrics_of(struct cm_metrics *m, const char *repository) {
    CM_AUTOFREE char *label = cm_strf("repository=\"%s\"", repository);

    return (struct repository_metrics){
        .fetches =
            cm_metrics_counter(m, "holdfast_git_fetches_total", label, "Fetches that were begun."),
        .failures = cm_metrics_counter(m, "holdfast_git_fetch_failures_total", label,
                                       "Fetches that failed, or brought what cannot be read."),
        .seconds = cm_metrics_histogram(m, "holdfast_git_fetch_seconds", label,
                                        "How long fetches took, also those that failed."),
        .succeeded = cm_metrics_gauge(
            m, "holdfast_git_last_success_timestamp_seconds", label,
            "When the last fetch began that went well, in Unix time; 0: none yet."),
        .taken = cm_metrics_gauge(m, "holdfast_git_last_commit_timestamp_seconds", label,
                                  "When a commit was taken in last, in Unix time; 0: none yet."),
    };
}

void hub_fetching_make_metrics(struct hub_fetching *f, struct cm_metrics *metrics,
                               const struct hub_repositories *repositories) {
    f->metrics = metrics;
    for (size_t i = 0; i < repositories->count; i++) {
        (void)metrics_of(metrics, repositories->items[i].name);
    }
}

static void job_ended(struct hub_fetching *shared) {
    if (--shared->jobs == 0) {
        shared->idle(shared->ctx);
    }
}

// ---- Events

struct event_job {
    struct hub_store_job job;
    struct hub_fetching *shared;
    const char *kind;
    char *message;
};

static enum cm_rc run_event(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    const struct event_job *e = CM_CONTAINER(job, struct event_job, job);

    return hub_events_add(
        db,
        &(struct hub_event){
            .at_ms = cm_clock_unix_ms(), .kind = e->kind, .actor = "hub", .message = e->message},
        err);
}

static void event_done(struct hub_store_job *job, const struct cm_err *err) {
    struct event_job *e = CM_CONTAINER(job, struct event_job, job);
    struct hub_fetching *shared = e->shared;

    if (err->code != CM_OK) {
        cm_log(CM_LOG_WARN, "store.failed", err->msg, NULL);
    }
    free(e->message);
    free(e);
    job_ended(shared);
}

static void add_event(const struct hub_fetcher *f, const char *kind, const char *message) {
    struct event_job *e = cm_new(1, sizeof(*e));

    e->shared = f->config.shared;
    e->kind = kind;
    e->message = cm_strf("repository '%s': %s", f->config.name, message);
    e->job.run = run_event;
    e->job.done = event_done;
    e->shared->jobs++;
    hub_store_submit(e->shared->store, &e->job);
}

// ---- What is on record

struct row_job {
    struct hub_store_job job;
    struct hub_fetching *shared;
    struct hub_repository_row row;
    char *texts[4]; // of the row
    bool drop;
};

static enum cm_rc run_row(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    const struct row_job *r = CM_CONTAINER(job, struct row_job, job);

    return r->drop ? hub_repositories_drop(db, r->row.name, err)
                   : hub_repositories_put(db, &r->row, err);
}

static void row_done(struct hub_store_job *job, const struct cm_err *err) {
    struct row_job *r = CM_CONTAINER(job, struct row_job, job);
    struct hub_fetching *shared = r->shared;

    if (err->code != CM_OK) {
        cm_log(CM_LOG_WARN, "store.failed", err->msg, NULL);
    }
    for (size_t i = 0; i < sizeof(r->texts) / sizeof(r->texts[0]); i++) {
        free(r->texts[i]);
    }
    free(r);
    job_ended(shared);
}

static void submit_row(struct hub_fetcher *f, const struct hub_repository_row *row, bool drop) {
    struct row_job *r = cm_new(1, sizeof(*r));
    const char **texts[] = {&r->row.name, &r->row.url, &r->row.revision, &r->row.failure};

    r->shared = f->config.shared;
    r->row = *row;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        r->texts[i] = cm_strdup(*texts[i]);
        *texts[i] = r->texts[i];
    }
    r->drop = drop;
    r->job.run = run_row;
    r->job.done = row_done;
    r->shared->jobs++;
    hub_store_submit(r->shared->store, &r->job);
}

// put_row records how the last fetch went; revision NULL: it brought nothing.
static void put_row(struct hub_fetcher *f, const char *revision, const char *failure) {
    f->listed = true;
    submit_row(f,
               &(struct hub_repository_row){.name = f->config.name,
                                            .url = f->config.repository->url,
                                            .revision = revision,
                                            .failure = failure,
                                            .checked_ms = f->checked_ms},
               false);
}

void hub_fetcher_forget(struct hub_fetcher *f) {
    if (f != NULL && f->listed) {
        submit_row(f,
                   &(struct hub_repository_row){.name = f->config.name, .url = "", .failure = ""},
                   true);
    }
}

// ---- What is told

static void tell_failure(struct hub_fetcher *f, const struct cm_err *err) {
    bool news = f->told == NULL || strcmp(f->told, err->msg) != 0;

    cm_metric_add(f->metrics.failures, 1);
    put_row(f, NULL, err->msg);
    cm_log(news ? CM_LOG_WARN : CM_LOG_DEBUG, "sync.failed", err->msg, "repository", f->config.name,
           NULL);
    if (!news) {
        return;
    }
    free(f->told);
    f->told = cm_strdup(err->msg);
    add_event(f, "sync.failed", f->told);
    f->config.trouble(f->config.ctx, f, f->told);
}

static void tell_recovery(struct hub_fetcher *f) {
    static const char words[] = "it can be read again";

    cm_log(CM_LOG_INFO, "sync.recovered", words, "repository", f->config.name, NULL);
    free(f->told);
    f->told = NULL;
    add_event(f, "sync.recovered", words);
    f->config.trouble(f->config.ctx, f, NULL);
}

static void schedule(struct hub_fetcher *f, int64_t pause_ms) {
    cm_timer_start(f->config.shared->loop, &f->timer, pause_ms);
}

// put_tip records what is in force, unless a later commit is still on its way there.
static void put_tip(struct hub_fetcher *f) {
    char revision[HUB_REPO_ID_HEX_MAX];

    if (f->untaken == 0) {
        hub_repo_id_hex(&f->tip, revision);
        put_row(f, revision, "");
    }
}

static void works(struct hub_fetcher *f) {
    put_tip(f);
    cm_backoff_reset(&f->backoff);
    if (f->told != NULL) {
        tell_recovery(f);
    }
}

static void answered(struct hub_fetcher *f) {
    f->untaken -= f->untaken > 0 ? 1 : 0;
}

void hub_fetcher_in_force(struct hub_fetcher *f, const char *revision) {
    (void)snprintf(f->in_force, sizeof(f->in_force), "%s", revision);
}

void hub_fetcher_taken(struct hub_fetcher *f, const struct hub_repo_id *commit) {
    hub_repo_id_hex(commit, f->in_force);
    answered(f);
    cm_metric_set(f->metrics.taken, cm_clock_unix_ms() / 1000);
    works(f);
}

void hub_fetcher_refused(struct hub_fetcher *f, const struct cm_err *err) {
    answered(f);
    f->taken = false;
    tell_failure(f, err);
    schedule(f, cm_backoff_next(&f->backoff));
}

// ---- Fetching

struct hub_repo_source hub_fetcher_source(const struct hub_repository *c) {
    return (struct hub_repo_source){
        .name = c->name,
        .url = c->url,
        .branch = c->branch,
        .token = c->token,
        .username = c->username,
        .password = c->password,
        .ca_file = c->ca_file,
        .ssh_key_file = c->ssh_key_file,
        .ssh_passphrase = c->ssh_passphrase,
        .known_hosts_file = c->known_hosts_file,
        .allow_private_hosts = c->allow_private_hosts,
    };
}

static bool names_ref(const struct hub_fetcher_config *c) {
    return c->ref.branch != NULL || c->ref.tag != NULL || c->ref.semver != NULL ||
           c->ref.commit != NULL;
}

static void run_fetch(struct cm_job *job) {
    struct hub_fetcher *f = CM_CONTAINER(job, struct hub_fetcher, job);
    const struct hub_fetcher_config *c = &f->config;
    struct hub_repo_source source = hub_fetcher_source(c->repository);
    struct hub_repo_limits limits = hub_repo_limits_default;
    struct hub_repo_job fetch_job = {
        .folder = c->folder, .limits = &limits, .cancel_fd = c->shared->cancel_fd};
    struct cm_err compact_err;

    if (names_ref(c)) {
        source.branch = c->ref.branch;
        source.tag = c->ref.tag;
        source.semver = c->ref.semver;
        source.commit = c->ref.commit;
    }
    if (source.tag == NULL && source.semver == NULL && source.commit == NULL) {
        source.in_force = f->before;
    }
    limits.deadline_ms = c->repository->timeout_ms;
    f->err.code = CM_OK;
    if (!f->begun && c->before != NULL && c->before(c->ctx, c->shared->cancel_fd, &f->err) < 0) {
        return;
    }
    f->begun = true;
    if (hub_repo_fetch(&source, &fetch_job, &f->fetched, &f->trouble, &f->err) < 0) {
        return;
    }
    f->err.code = CM_OK;
    if (f->fetched.packs >= HUB_REPO_PACKS_MAX && hub_repo_compact(&fetch_job, &compact_err) < 0) {
        cm_log(CM_LOG_WARN, "git.compact", compact_err.msg, "repository", c->name, NULL);
    }
}

int64_t hub_fetcher_pause_ms(const struct hub_fetcher_config *config) {
    int64_t poll_ms = config->repository->poll_ms;

    return config->ref.commit != NULL ? 0 : poll_ms + cm_jitter_ms(poll_ms / 10);
}

static void succeeded(struct hub_fetcher *f) {
    int64_t pause_ms = hub_fetcher_pause_ms(&f->config);

    if (pause_ms > 0) {
        schedule(f, pause_ms);
    }
    cm_metric_set(f->metrics.succeeded, f->began_unix_ms / 1000);
    f->tip = f->fetched.commit;
    if (f->fetched.changed || !f->taken) {
        f->taken = true;
        f->untaken++;
        f->config.fetched(f->config.ctx, f, &f->fetched.commit);
    } else {
        works(f);
    }
}

static void free_fetcher(struct hub_fetcher *f) {
    for (size_t i = 0; i < TEXTS; i++) {
        free(f->texts[i]);
    }
    free(f->told);
    free(f);
}

static void fetch_done(struct cm_job *job) {
    struct hub_fetcher *f = CM_CONTAINER(job, struct hub_fetcher, job);
    struct hub_fetching *shared = f->config.shared;
    bool again = f->again;

    f->fetching = false;
    f->again = false;
    if (f->dropped) {
        free_fetcher(f);
        job_ended(shared);
        return;
    }
    if (!job->canceled && f->err.code != CM_ECANCELED) {
        f->checked_ms = f->began_unix_ms;
        cm_metric_observe_ms(f->metrics.seconds, cm_clock_now_ms() - f->began_ms);
        if (f->err.code == CM_OK) {
            succeeded(f);
        } else {
            tell_failure(f, &f->err);
            schedule(f, cm_backoff_next(&f->backoff));
        }
        if (again) {
            fetch(f);
        }
    }
    job_ended(shared);
}

static void fetch(struct hub_fetcher *f) {
    struct hub_fetching *shared = f->config.shared;

    if (f->fetching) {
        f->again = true;
        return;
    }
    cm_timer_stop(shared->loop, &f->timer);
    f->fetching = true;
    memcpy(f->before, f->in_force, sizeof(f->before));
    f->began_ms = cm_clock_now_ms();
    if (!f->listed) {
        put_row(f, NULL, ""); // nothing is known yet
    }
    f->began_unix_ms = cm_clock_unix_ms();
    f->job = (struct cm_job){.run = run_fetch, .done = fetch_done, .home = shared->loop};
    cm_metric_add(f->metrics.fetches, 1);
    shared->jobs++;
    cm_workers_submit(shared->git, &f->job);
}

void hub_fetcher_now(struct hub_fetcher *f) {
    fetch(f);
}

static void on_timer(void *ctx) {
    fetch(ctx);
}

// ---- The whole

enum cm_rc hub_fetcher_check(const struct hub_repository *repository, struct cm_err *err) {
    struct hub_repo_source source = hub_fetcher_source(repository);

    return hub_repo_source_check(&source, err);
}

static void copy_texts(struct hub_fetcher *f) {
    struct hub_fetcher_config *c = &f->config;
    const char **texts[TEXTS] = {&c->name,    &c->folder,     &c->ref.branch,
                                 &c->ref.tag, &c->ref.semver, &c->ref.commit};

    for (size_t i = 0; i < TEXTS; i++) {
        f->texts[i] = cm_strdup(*texts[i]);
        *texts[i] = f->texts[i];
    }
}

struct hub_fetcher *hub_fetcher_new(const struct hub_fetcher_config *config) {
    struct hub_fetcher *f = cm_new(1, sizeof(*f));
    int64_t most_ms = config->repository->poll_ms;

    f->config = *config;
    f->metrics = metrics_of(config->shared->metrics, config->repository->name);
    copy_texts(f);
    f->timer = (struct cm_timer){.run = on_timer, .ctx = f};
    f->backoff = (struct cm_backoff){
        .min_ms = RETRY_MIN_MS,
        .max_ms = most_ms > RETRY_MIN_MS && most_ms < RETRY_MAX_MS ? most_ms : RETRY_MAX_MS};
    return f;
}

void hub_fetcher_drop(struct hub_fetcher *f) {
    if (f == NULL) {
        return;
    }
    cm_timer_stop(f->config.shared->loop, &f->timer);
    f->dropped = true;
    if (!f->fetching) {
        free_fetcher(f);
    }
}
