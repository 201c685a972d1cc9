#include "hub/jobs/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/backoff.h"
#include "common/clock.h"
#include "common/list.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "common/workers.h"
#include "hub/config/config.h"
#include "hub/jobs/planner.h"
#include "hub/jobs/publication.h"
#include "hub/jobs/record.h"
#include "hub/jobs/store.h"
#include "hub/repo/source.h"
#include "hub/store/desired.h"
#include "hub/store/events.h"

#define RETRY_MIN_MS 2000
#define RETRY_MAX_MS ((int64_t)10 * 60 * 1000)
#define STORE_RETRY_MIN_MS 1000
#define STORE_RETRY_MAX_MS 60000

struct repository {
    struct hub_sync *owner;
    const struct hub_repository *config;
    size_t index;
    char *folder;
    struct cm_timer timer;
    struct cm_backoff backoff;
    bool again; // somebody asked while a fetch was running

    // The fetch, one at a time.
    bool fetching;
    struct cm_job job;
    struct hub_repo_fetched fetched;
    enum hub_repo_trouble trouble;
    struct cm_err err;
    int64_t began_ms;
    bool planned; // the tip was given to the planner
    char *told;   // failure that is an event already; NULL: it works
};

enum step_kind { STEP_RESUME, STEP_COMMIT, STEP_ENROLL, STEP_RAISE, STEP_FORGET };

struct step {
    struct hub_sync *owner;
    enum step_kind kind;
    size_t source;
    struct hub_repo_id commit;
    char *cluster;
    char *text; // cluster id, or the App
    uint64_t epoch;
    uint64_t generation;
    struct hub_outcome *outcome;
    struct cm_job plan;
    struct hub_store_job record;
    struct cm_list in_steps;
};

struct hub_sync {
    struct hub_sync_config config;
    struct repository *repositories;
    struct hub_planner_source *sources;
    struct hub_planner *planner;
    struct cm_workers *git;
    struct cm_workers *plan;
    struct cm_list steps; // the first one is under way if `busy`
    bool busy;
    bool ready;
    size_t jobs; // fetches, plans and records that are out
    struct cm_timer retry_record;
    struct cm_backoff record_backoff;
    int cancel_fd;
    bool stopping;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
    struct cm_metric *metric_fetches;
    struct cm_metric *metric_failures;
    struct cm_metric *metric_commits;
    struct cm_metric *metric_published;
    struct cm_metric *metric_seconds;
};

static void next_step(struct hub_sync *s);
static void fetch(struct repository *r);
static void plan_failed(struct repository *r, const struct cm_err *err);
static void works(struct repository *r);

// ---- Steps

static void free_step(struct step *step) {
    hub_outcome_free(step->outcome);
    free(step->cluster);
    free(step->text);
    free(step);
}

static void check_stopped(struct hub_sync *s) {
    if (s->stopping && s->jobs == 0 && s->stopped != NULL) {
        void (*stopped)(void *) = s->stopped;

        s->stopped = NULL;
        stopped(s->stopped_ctx);
    }
}

static void job_began(struct hub_sync *s) {
    s->jobs++;
}

static void job_ended(struct hub_sync *s) {
    s->jobs--;
    check_stopped(s);
}

static void publish(struct hub_sync *s, const struct hub_outcome *o) {
    size_t published = 0;

    for (size_t i = 0; i < o->refreshed_count; i++) {
        s->config.published(s->config.ctx, o->refreshed[i]);
    }
    for (size_t i = 0; i < o->change_count; i++) {
        const struct hub_cluster_change *change = &o->changes[i];

        if (change->now == NULL) {
            s->config.withdrawn(s->config.ctx, change->cluster);
        } else if (change->publication != NULL) {
            s->config.published(s->config.ctx, change->publication);
            published++;
        }
    }
    cm_metric_add(s->metric_published, (int64_t)published);
}

static void end_step(struct hub_sync *s, struct step *step) {
    cm_list_remove(&step->in_steps);
    free_step(step);
    s->busy = false;
    next_step(s);
}

static enum cm_rc run_record(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    const struct step *step = CM_CONTAINER(job, struct step, record);

    return hub_record_outcome(db, step->outcome, err);
}

static void log_commits(struct hub_sync *s, const struct hub_outcome *o) {
    char clusters[CM_LOG_INT_MAX];
    char problems[CM_LOG_INT_MAX];

    for (size_t i = 0; i < o->revision_count; i++) {
        const struct hub_revision_row *row = &o->revisions[i];

        cm_log(CM_LOG_INFO, "sync.resolved", "a commit was resolved", "repository", row->repo,
               "revision", row->id, "clusters", cm_log_int((int64_t)row->clusters, clusters),
               "problems", cm_log_int((int64_t)row->problems, problems), NULL);
        cm_metric_add(s->metric_commits, 1);
    }
}

static void record_done(struct hub_store_job *job, const struct cm_err *err) {
    struct step *step = CM_CONTAINER(job, struct step, record);
    struct hub_sync *s = step->owner;

    if (err->code == CM_OK) {
        cm_backoff_reset(&s->record_backoff);
        publish(s, step->outcome);
        log_commits(s, step->outcome);
        end_step(s, step);
    } else if (!s->stopping) {
        cm_log(CM_LOG_ERROR, "store.failed", err->msg, "what",
               "nothing more is published until it can be recorded", NULL);
        cm_timer_start(s->config.loop, &s->retry_record, cm_backoff_next(&s->record_backoff));
    }
    job_ended(s);
}

static void submit_record(struct step *step) {
    step->record.run = run_record;
    step->record.done = record_done;
    job_began(step->owner);
    hub_store_submit(step->owner->config.store, &step->record);
}

static void on_retry_record(void *ctx) {
    struct hub_sync *s = ctx;

    submit_record(CM_CONTAINER(s->steps.next, struct step, in_steps));
}

static void run_plan(struct cm_job *job) {
    struct step *step = CM_CONTAINER(job, struct step, plan);
    struct hub_planner *p = step->owner->planner;

    switch (step->kind) {
    case STEP_RESUME:
        step->outcome = hub_planner_resume(p, step->source);
        break;
    case STEP_COMMIT:
        step->outcome = hub_planner_commit(p, step->source, &step->commit);
        break;
    case STEP_ENROLL:
        step->outcome = hub_planner_enroll(p, step->cluster, step->text);
        break;
    case STEP_RAISE:
        step->outcome = hub_planner_raise(p, step->cluster, step->epoch, step->generation);
        break;
    case STEP_FORGET:
        hub_planner_forget_gone(p, step->cluster, step->text);
        break;
    }
}

static bool has_something(const struct hub_outcome *o) {
    return o != NULL && (o->change_count > 0 || o->refreshed_count > 0 || o->revision_count > 0 ||
                         o->documents != NULL || o->problems != NULL);
}

static void plan_done(struct cm_job *job) {
    struct step *step = CM_CONTAINER(job, struct step, plan);
    struct hub_sync *s = step->owner;
    bool failed = step->outcome != NULL && step->outcome->err.code != CM_OK;

    if (!job->canceled) {
        s->ready = hub_planner_is_ready(s->planner); // the sync worker rests until the next step
    }
    if (failed) {
        plan_failed(&s->repositories[step->source], &step->outcome->err);
    } else if (step->kind == STEP_COMMIT && !job->canceled) {
        works(&s->repositories[step->source]);
    }
    if (failed || job->canceled || !has_something(step->outcome)) {
        end_step(s, step);
    } else {
        submit_record(step);
    }
    job_ended(s);
}

static void next_step(struct hub_sync *s) {
    if (s->busy || s->stopping || cm_list_empty(&s->steps)) {
        return;
    }
    struct step *step = CM_CONTAINER(s->steps.next, struct step, in_steps);
    s->busy = true;
    step->plan = (struct cm_job){.run = run_plan, .done = plan_done, .home = s->config.loop};
    job_began(s);
    cm_workers_submit(s->plan, &step->plan);
}

static struct step *add_step(struct hub_sync *s, enum step_kind kind, const char *cluster,
                             const char *text) {
    struct step *step = cm_new(1, sizeof(*step));

    step->owner = s;
    step->kind = kind;
    step->cluster = cm_strdup(cluster);
    step->text = cm_strdup(text);
    cm_list_append(&s->steps, &step->in_steps);
    return step;
}

// ---- Fetching

static struct hub_repo_source source_of(const struct hub_repository *c) {
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

static void run_fetch(struct cm_job *job) {
    struct repository *r = CM_CONTAINER(job, struct repository, job);
    struct hub_repo_source source = source_of(r->config);
    struct hub_repo_limits limits = hub_repo_limits_default;
    struct hub_repo_job fetch_job = {
        .folder = r->folder, .limits = &limits, .cancel_fd = r->owner->cancel_fd};
    struct cm_err compact_err;

    limits.deadline_ms = r->config->timeout_ms;
    r->err.code = CM_OK;
    if (hub_repo_fetch(&source, &fetch_job, &r->fetched, &r->trouble, &r->err) < 0) {
        return;
    }
    r->err.code = CM_OK;
    if (r->fetched.packs >= HUB_REPO_PACKS_MAX && hub_repo_compact(&fetch_job, &compact_err) < 0) {
        cm_log(CM_LOG_WARN, "git.compact", compact_err.msg, "repository", r->config->name, NULL);
    }
}

struct failure_job {
    struct hub_store_job job;
    struct hub_sync *owner;
    char *message;
};

static enum cm_rc run_failure(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    const struct failure_job *f = CM_CONTAINER(job, struct failure_job, job);

    return hub_events_add(db,
                          &(struct hub_event){.at_ms = cm_clock_unix_ms(),
                                              .kind = "sync.failed",
                                              .actor = "hub",
                                              .message = f->message},
                          err);
}

static void failure_done(struct hub_store_job *job, const struct cm_err *err) {
    struct failure_job *f = CM_CONTAINER(job, struct failure_job, job);
    struct hub_sync *s = f->owner;

    if (err->code != CM_OK) {
        cm_log(CM_LOG_WARN, "store.failed", err->msg, NULL);
    }
    free(f->message);
    free(f);
    job_ended(s);
}

// A failure is an event and a line in the log when it begins and when its words change.
static void tell_failure(struct repository *r, const struct cm_err *err) {
    struct failure_job *f;

    if (r->told != NULL && strcmp(r->told, err->msg) == 0) {
        cm_log(CM_LOG_DEBUG, "sync.failed", err->msg, "repository", r->config->name, NULL);
        return;
    }
    cm_log(CM_LOG_WARN, "sync.failed", err->msg, "repository", r->config->name, NULL);
    free(r->told);
    r->told = cm_strdup(err->msg);
    f = cm_new(1, sizeof(*f));
    f->owner = r->owner;
    f->message = cm_strf("repository '%s': %s", r->config->name, err->msg);
    f->job.run = run_failure;
    f->job.done = failure_done;
    job_began(r->owner);
    hub_store_submit(r->owner->config.store, &f->job);
}

static void works(struct repository *r) {
    cm_backoff_reset(&r->backoff);
    if (r->told != NULL) {
        cm_log(CM_LOG_INFO, "sync.recovered", "the repository can be read again", "repository",
               r->config->name, NULL);
        free(r->told);
        r->told = NULL;
    }
}

static void schedule(struct repository *r, int64_t pause_ms) {
    if (!r->owner->stopping) {
        cm_timer_start(r->owner->config.loop, &r->timer, pause_ms);
    }
}

static void fetch_failed(struct repository *r) {
    cm_metric_add(r->owner->metric_failures, 1);
    tell_failure(r, &r->err);
    schedule(r, cm_backoff_next(&r->backoff));
}

// The commit is here but cannot be taken in: it is planned again with the next fetch.
static void plan_failed(struct repository *r, const struct cm_err *err) {
    cm_metric_add(r->owner->metric_failures, 1);
    r->planned = false;
    tell_failure(r, err);
    schedule(r, cm_backoff_next(&r->backoff));
}

static void fetch_succeeded(struct repository *r) {
    struct hub_sync *s = r->owner;

    cm_metric_observe_ms(s->metric_seconds, cm_clock_now_ms() - r->began_ms);
    if (r->fetched.changed || !r->planned) {
        struct step *step = add_step(s, STEP_COMMIT, NULL, NULL);

        r->planned = true;
        step->source = r->index;
        step->commit = r->fetched.commit;
        next_step(s);
    } else {
        works(r);
    }
    if (r->config->poll_ms > 0) {
        schedule(r, r->config->poll_ms + cm_jitter_ms(r->config->poll_ms / 10));
    }
}

static void fetch_done(struct cm_job *job) {
    struct repository *r = CM_CONTAINER(job, struct repository, job);
    struct hub_sync *s = r->owner;
    bool again = r->again;

    r->fetching = false;
    r->again = false;
    if (job->canceled || s->stopping) {
        job_ended(s);
        return;
    }
    if (r->err.code == CM_OK) {
        fetch_succeeded(r);
    } else {
        fetch_failed(r);
    }
    if (again) {
        fetch(r);
    }
    job_ended(s);
}

static void fetch(struct repository *r) {
    if (r->owner->stopping) {
        return;
    }
    if (r->fetching) {
        r->again = true;
        return;
    }
    cm_timer_stop(r->owner->config.loop, &r->timer);
    r->fetching = true;
    r->began_ms = cm_clock_now_ms();
    r->job = (struct cm_job){.run = run_fetch, .done = fetch_done, .home = r->owner->config.loop};
    cm_metric_add(r->owner->metric_fetches, 1);
    job_began(r->owner);
    cm_workers_submit(r->owner->git, &r->job);
}

static void on_timer(void *ctx) {
    fetch(ctx);
}

// ---- The whole

static void make_metrics(struct hub_sync *s) {
    struct cm_metrics *m = s->config.metrics;

    s->metric_fetches =
        cm_metrics_counter(m, "holdfast_git_fetches_total", NULL, "Fetches that were begun.");
    s->metric_failures =
        cm_metrics_counter(m, "holdfast_git_fetch_failures_total", NULL, "Fetches that failed.");
    s->metric_seconds =
        cm_metrics_histogram(m, "holdfast_git_fetch_seconds", NULL, "How long fetches took.");
    s->metric_commits = cm_metrics_counter(m, "holdfast_commits_resolved_total", NULL,
                                           "Commits that were resolved.");
    s->metric_published = cm_metrics_counter(m, "holdfast_manifests_published_total", NULL,
                                             "Manifests of clusters that were put in force.");
}

static enum cm_rc check_repositories(const struct hub_repositories *list, struct cm_err *err) {
    for (size_t i = 0; i < list->count; i++) {
        struct hub_repo_source source = source_of(&list->items[i]);

        if (hub_repo_source_check(&source, err) < 0) {
            return cm_wrap(err, "repository '%s'", list->items[i].name);
        }
    }
    return CM_OK;
}

static void add_repositories(struct hub_sync *s) {
    const struct hub_repositories *list = s->config.repositories;

    s->repositories = cm_new(list->count + 1, sizeof(*s->repositories));
    s->sources = cm_new(list->count + 1, sizeof(*s->sources));
    for (size_t i = 0; i < list->count; i++) {
        struct repository *r = &s->repositories[i];
        int64_t poll_ms = list->items[i].poll_ms;

        r->owner = s;
        r->config = &list->items[i];
        r->index = i;
        r->folder = cm_strf("%s/git/%s", s->config.data_dir, r->config->name);
        r->timer = (struct cm_timer){.run = on_timer, .ctx = r};
        r->backoff = (struct cm_backoff){
            .min_ms = RETRY_MIN_MS,
            .max_ms = poll_ms > RETRY_MIN_MS && poll_ms < RETRY_MAX_MS ? poll_ms : RETRY_MAX_MS};
        s->sources[i] = (struct hub_planner_source){
            .name = r->config->name, .folder = r->folder, .prefix = r->config->path};
    }
}

enum cm_rc hub_sync_new(const struct hub_sync_config *config, struct hub_sync **out,
                        struct cm_err *err) {
    if (check_repositories(config->repositories, err) < 0) {
        return err->code;
    }
    struct hub_sync *s = cm_new(1, sizeof(*s));
    s->config = *config;
    cm_list_init(&s->steps);
    s->retry_record = (struct cm_timer){.run = on_retry_record, .ctx = s};
    s->record_backoff =
        (struct cm_backoff){.min_ms = STORE_RETRY_MIN_MS, .max_ms = STORE_RETRY_MAX_MS};
    s->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    make_metrics(s);
    add_repositories(s);
    s->planner =
        hub_planner_new(&(struct hub_planner_config){.authority = config->authority,
                                                     .sources = s->sources,
                                                     .source_count = config->repositories->count,
                                                     .epoch = config->epoch});
    enum cm_rc rc = hub_planner_seed(s->planner, hub_store_db(config->store), err);
    if (rc < 0) {
        hub_sync_free(s);
        return rc;
    }
    s->git = cm_workers_new("git", config->git_workers, NULL);
    s->plan = cm_workers_new("sync", 1, NULL);
    *out = s;
    return CM_OK;
}

void hub_sync_start(struct hub_sync *s) {
    struct hub_outcome *o = hub_planner_start(s->planner);

    publish(s, o);
    hub_outcome_free(o);
    s->ready = hub_planner_is_ready(s->planner);
    for (size_t i = 0; i < s->config.repositories->count; i++) {
        add_step(s, STEP_RESUME, NULL, NULL)->source = i;
    }
    next_step(s);
    for (size_t i = 0; i < s->config.repositories->count; i++) {
        fetch(&s->repositories[i]);
    }
}

enum cm_rc hub_sync_now(struct hub_sync *s, const char *repository, struct cm_err *err) {
    bool found = false;

    for (size_t i = 0; i < s->config.repositories->count; i++) {
        if (repository == NULL || strcmp(s->repositories[i].config->name, repository) == 0) {
            fetch(&s->repositories[i]);
            found = true;
        }
    }
    if (!found && repository != NULL) {
        return cm_fail(err, CM_ENOTFOUND, "no repository is named '%s'", repository);
    }
    return CM_OK;
}

void hub_sync_enrolled(struct hub_sync *s, const char *cluster, const char *cluster_id) {
    (void)add_step(s, STEP_ENROLL, cluster, cluster_id);
    next_step(s);
}

void hub_sync_behind(struct hub_sync *s, const char *cluster, uint64_t epoch, uint64_t generation) {
    struct step *step = add_step(s, STEP_RAISE, cluster, NULL);
    char text[CM_LOG_INT_MAX];

    cm_log(CM_LOG_WARN, "agent.ahead",
           "the agent holds a newer manifest than this hub made; was an older database restored?",
           "cluster", cluster, "generation", cm_log_int((int64_t)generation, text), NULL);
    step->epoch = epoch;
    step->generation = generation;
    next_step(s);
}

void hub_sync_removed(struct hub_sync *s, const char *cluster, const char *app) {
    (void)add_step(s, STEP_FORGET, cluster, app);
    next_step(s);
}

bool hub_sync_is_ready(const struct hub_sync *s) {
    return s->ready;
}

void hub_sync_stop(struct hub_sync *s, void (*stopped)(void *ctx), void *ctx) {
    s->stopping = true;
    s->stopped = stopped;
    s->stopped_ctx = ctx;
    (void)eventfd_write(s->cancel_fd, 1); // fails only if the counter is full: it is readable then
    cm_timer_stop(s->config.loop, &s->retry_record);
    for (size_t i = 0; i < s->config.repositories->count; i++) {
        cm_timer_stop(s->config.loop, &s->repositories[i].timer);
    }
    check_stopped(s);
}

void hub_sync_free(struct hub_sync *s) {
    if (s == NULL) {
        return;
    }
    if (s->git != NULL) {
        cm_workers_stop(s->git, false);
        cm_workers_stop(s->plan, false);
    }
    cm_workers_free(s->git);
    cm_workers_free(s->plan);
    while (!cm_list_empty(&s->steps)) {
        struct step *step = CM_CONTAINER(s->steps.next, struct step, in_steps);

        cm_list_remove(&step->in_steps);
        free_step(step);
    }
    hub_planner_free(s->planner);
    for (size_t i = 0; i < s->config.repositories->count; i++) {
        free(s->repositories[i].folder);
        free(s->repositories[i].told);
    }
    free(s->repositories);
    free(s->sources);
    (void)close(s->cancel_fd);
    free(s);
}
