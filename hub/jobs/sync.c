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
#include "common/tls/digest.h"
#include "common/workers.h"
#include "hub/config/config.h"
#include "hub/jobs/fetcher.h"
#include "hub/jobs/planner.h"
#include "hub/jobs/publication.h"
#include "hub/jobs/record.h"
#include "hub/jobs/store.h"
#include "hub/repo/source.h"
#include "hub/store/desired.h"
#include "hub/store/events.h"

#define STORE_RETRY_MIN_MS 1000
#define STORE_RETRY_MAX_MS 60000

// A tree that is kept up to date: a repository with documents, or what Apps want of one.
struct tracked {
    struct hub_sync *owner;
    const struct hub_repository *config;
    struct hub_fetcher *fetcher;
    char *name;
    char *folder;
    size_t index;            // of a repository with documents: as the planner counts them
    bool wanted;             // of what Apps want: still, while the list is gone through
    struct cm_list in_trees; // of what Apps want
};

enum step_kind {
    STEP_RESUME,
    STEP_COMMIT,
    STEP_TREE_RESUME,
    STEP_TREE,
    STEP_TROUBLE,
    STEP_ENROLL,
    STEP_RAISE,
    STEP_FORGET,
};

struct step {
    struct hub_sync *owner;
    enum step_kind kind;
    size_t source;
    struct hub_repo_id commit;
    char *name; // of a cluster, or of what Apps want
    char *text; // cluster id, App, folder of the mirror, or trouble
    uint64_t epoch;
    uint64_t generation;
    struct hub_outcome *outcome;
    struct cm_job plan;
    struct hub_store_job record;
    struct cm_list in_steps;
};

struct hub_sync {
    struct hub_sync_config config;
    struct hub_fetching fetching;
    struct tracked *repositories; // with documents
    size_t repository_count;
    struct cm_list trees;
    struct hub_planner *planner;
    struct cm_workers *plan;
    struct cm_list steps; // the first one is under way if `busy`
    bool busy;
    bool ready;
    size_t jobs; // fetches, plans and records that are out
    struct cm_timer retry_record;
    struct cm_backoff record_backoff;
    bool stopping;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
    struct cm_metric *metric_commits;
    struct cm_metric *metric_published;
};

static void next_step(struct hub_sync *s);
static void watch_wants(struct hub_sync *s, const struct hub_outcome *o);

// ---- Steps

static void free_step(struct step *step) {
    hub_outcome_free(step->outcome);
    free(step->name);
    free(step->text);
    free(step);
}

static void check_stopped(struct hub_sync *s) {
    if (s->stopping && s->jobs == 0 && s->fetching.jobs == 0 && s->stopped != NULL) {
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
    const struct hub_planner_source tree = {.name = step->name, .folder = step->text, .prefix = ""};

    switch (step->kind) {
    case STEP_RESUME:
        step->outcome = hub_planner_resume(p, step->source);
        break;
    case STEP_COMMIT:
        step->outcome = hub_planner_commit(p, step->source, &step->commit);
        break;
    case STEP_TREE_RESUME:
        step->outcome = hub_planner_tree(p, &tree, NULL);
        break;
    case STEP_TREE:
        step->outcome = hub_planner_tree(p, &tree, &step->commit);
        break;
    case STEP_TROUBLE:
        step->outcome = hub_planner_trouble(p, step->name, step->text);
        break;
    case STEP_ENROLL:
        step->outcome = hub_planner_enroll(p, step->name, step->text);
        break;
    case STEP_RAISE:
        step->outcome = hub_planner_raise(p, step->name, step->epoch, step->generation);
        break;
    case STEP_FORGET:
        hub_planner_forget_gone(p, step->name, step->text);
        break;
    }
}

static bool has_something(const struct hub_outcome *o) {
    return o != NULL && (o->change_count > 0 || o->refreshed_count > 0 || o->revision_count > 0 ||
                         o->documents != NULL || o->problems != NULL);
}

static struct tracked *find_tree(struct hub_sync *s, const char *name) {
    for (struct cm_list *at = s->trees.next; at != &s->trees; at = at->next) {
        struct tracked *tree = CM_CONTAINER(at, struct tracked, in_trees);

        if (strcmp(tree->name, name) == 0) {
            return tree;
        }
    }
    return NULL;
}

// answer_fetcher says how it went with the commit that it brought.
static void answer_fetcher(const struct step *step) {
    struct hub_sync *s = step->owner;
    bool commit = step->kind == STEP_COMMIT;
    const struct tracked *t = commit                    ? &s->repositories[step->source]
                              : step->kind == STEP_TREE ? find_tree(s, step->name)
                                                        : NULL;

    if (t == NULL || t->fetcher == NULL) {
        return;
    }
    if (step->outcome->err.code == CM_OK) {
        hub_fetcher_taken(t->fetcher);
    } else {
        hub_fetcher_refused(t->fetcher, &step->outcome->err);
    }
}

static void plan_done(struct cm_job *job) {
    struct step *step = CM_CONTAINER(job, struct step, plan);
    struct hub_sync *s = step->owner;
    bool done = !job->canceled && !s->stopping && step->outcome != NULL;

    if (!job->canceled) {
        s->ready = hub_planner_is_ready(s->planner); // the sync worker rests until the next step
    }
    if (done) {
        answer_fetcher(step);
        watch_wants(s, step->outcome);
    }
    if (job->canceled || !has_something(step->outcome) || step->outcome->err.code != CM_OK) {
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

static struct step *add_step(struct hub_sync *s, enum step_kind kind, const char *name,
                             const char *text) {
    struct step *step = cm_new(1, sizeof(*step));

    step->owner = s;
    step->kind = kind;
    step->name = cm_strdup(name);
    step->text = cm_strdup(text);
    cm_list_append(&s->steps, &step->in_steps);
    return step;
}

// ---- What is fetched

static void on_fetched(void *ctx, struct hub_fetcher *f, const struct hub_repo_id *commit) {
    struct tracked *t = ctx;
    bool tree = t->in_trees.next != NULL;
    struct step *step = tree ? add_step(t->owner, STEP_TREE, t->name, t->folder)
                             : add_step(t->owner, STEP_COMMIT, NULL, NULL);

    (void)f;
    step->source = t->index;
    step->commit = *commit;
    next_step(t->owner);
}

static void on_trouble(void *ctx, struct hub_fetcher *f, const char *why) {
    const struct tracked *t = ctx;

    (void)f;
    if (t->in_trees.next != NULL) {
        (void)add_step(t->owner, STEP_TROUBLE, t->name, why);
        next_step(t->owner);
    }
}

static struct hub_fetcher_config fetcher_of(struct tracked *t) {
    return (struct hub_fetcher_config){.shared = &t->owner->fetching,
                                       .repository = t->config,
                                       .name = t->name,
                                       .folder = t->folder,
                                       .fetched = on_fetched,
                                       .trouble = on_trouble,
                                       .ctx = t};
}

static const struct hub_repository *find_repository(const struct hub_sync *s, const char *name) {
    const struct hub_repositories *list = s->config.repositories;

    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

// Names of sources hold what no file name should; the hash of one tells them apart.
static char *tree_folder(const struct hub_sync *s, const struct hub_planner_want *want) {
    struct cm_sha256 hash = cm_sha256(want->name, strlen(want->name));
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&hash, hex);
    return cm_strf("%s/git/%s@%.16s", s->config.data_dir, want->repository, hex);
}

static void set_ref(struct hub_fetcher_config *config, const struct hub_planner_want *want) {
    switch (want->ref) {
    case HUB_REF_DEFAULT:
        break;
    case HUB_REF_BRANCH:
        config->ref.branch = want->text;
        break;
    case HUB_REF_TAG:
        config->ref.tag = want->text;
        break;
    case HUB_REF_SEMVER:
        config->ref.semver = want->text;
        break;
    case HUB_REF_COMMIT:
        config->ref.commit = want->text;
        break;
    }
}

static void watch_tree(struct hub_sync *s, const struct hub_planner_want *want) {
    struct tracked *t = cm_new(1, sizeof(*t));

    t->owner = s;
    t->name = cm_strdup(want->name);
    t->folder = tree_folder(s, want);
    t->wanted = true;
    t->config = find_repository(s, want->repository);
    cm_list_append(&s->trees, &t->in_trees);
    if (t->config == NULL) {
        CM_AUTOFREE char *why = cm_strf("the hub has no repository '%s': add it to the file of "
                                        "repositories",
                                        want->repository);

        (void)add_step(s, STEP_TROUBLE, t->name, why);
        return;
    }
    struct hub_fetcher_config config = fetcher_of(t);
    set_ref(&config, want);
    t->fetcher = hub_fetcher_new(&config);
    (void)add_step(s, STEP_TREE_RESUME, t->name, t->folder);
    hub_fetcher_now(t->fetcher);
}

static void drop_tree(struct tracked *t) {
    hub_fetcher_drop(t->fetcher);
    cm_list_remove(&t->in_trees);
    free(t->name);
    free(t->folder);
    free(t);
}

static void watch_wants(struct hub_sync *s, const struct hub_outcome *o) {
    if (!o->wants_changed) {
        return;
    }
    for (struct cm_list *at = s->trees.next; at != &s->trees; at = at->next) {
        CM_CONTAINER(at, struct tracked, in_trees)->wanted = false;
    }
    for (size_t i = 0; i < o->want_count; i++) {
        struct tracked *t = find_tree(s, o->wants[i].name);

        if (t != NULL) {
            t->wanted = true;
        } else {
            watch_tree(s, &o->wants[i]);
        }
    }
    for (struct cm_list *at = s->trees.next, *next; at != &s->trees; at = next) {
        next = at->next;
        if (!CM_CONTAINER(at, struct tracked, in_trees)->wanted) {
            drop_tree(CM_CONTAINER(at, struct tracked, in_trees));
        }
    }
}

// ---- The whole

static void make_metrics(struct hub_sync *s) {
    struct cm_metrics *m = s->config.metrics;

    hub_fetching_make_metrics(&s->fetching, m);
    s->metric_commits = cm_metrics_counter(m, "holdfast_commits_resolved_total", NULL,
                                           "Commits that were resolved.");
    s->metric_published = cm_metrics_counter(m, "holdfast_manifests_published_total", NULL,
                                             "Manifests of clusters that were put in force.");
}

static enum cm_rc check_repositories(const struct hub_repositories *list, struct cm_err *err) {
    for (size_t i = 0; i < list->count; i++) {
        if (hub_fetcher_check(&list->items[i], err) < 0) {
            return cm_wrap(err, "repository '%s'", list->items[i].name);
        }
    }
    return CM_OK;
}

static void add_repositories(struct hub_sync *s) {
    const struct hub_repositories *list = s->config.repositories;

    s->repositories = cm_new(list->count + 1, sizeof(*s->repositories));
    for (size_t i = 0; i < list->count; i++) {
        struct tracked *t = &s->repositories[s->repository_count];

        if (list->items[i].source_only) {
            continue;
        }
        t->owner = s;
        t->config = &list->items[i];
        t->index = s->repository_count++;
        t->name = cm_strdup(t->config->name);
        t->folder = cm_strf("%s/git/%s", s->config.data_dir, t->name);
        struct hub_fetcher_config config = fetcher_of(t);
        t->fetcher = hub_fetcher_new(&config);
    }
}

static struct hub_planner *make_planner(const struct hub_sync *s) {
    struct hub_planner_source *sources = cm_new(s->repository_count + 1, sizeof(*sources));

    for (size_t i = 0; i < s->repository_count; i++) {
        const struct tracked *t = &s->repositories[i];

        sources[i] = (struct hub_planner_source){
            .name = t->name, .folder = t->folder, .prefix = t->config->path};
    }
    struct hub_planner *planner =
        hub_planner_new(&(struct hub_planner_config){.authority = s->config.authority,
                                                     .sources = sources,
                                                     .source_count = s->repository_count,
                                                     .epoch = s->config.epoch});
    free(sources);
    return planner;
}

static void on_idle(void *ctx) {
    check_stopped(ctx);
}

static void begin_fetching(struct hub_sync *s) {
    s->fetching = (struct hub_fetching){.loop = s->config.loop,
                                        .store = s->config.store,
                                        .git = cm_workers_new("git", s->config.git_workers, NULL),
                                        .cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                                        .idle = on_idle,
                                        .ctx = s};
}

enum cm_rc hub_sync_new(const struct hub_sync_config *config, struct hub_sync **out,
                        struct cm_err *err) {
    if (check_repositories(config->repositories, err) < 0) {
        return err->code;
    }
    struct hub_sync *s = cm_new(1, sizeof(*s));
    s->config = *config;
    cm_list_init(&s->steps);
    cm_list_init(&s->trees);
    s->retry_record = (struct cm_timer){.run = on_retry_record, .ctx = s};
    s->record_backoff =
        (struct cm_backoff){.min_ms = STORE_RETRY_MIN_MS, .max_ms = STORE_RETRY_MAX_MS};
    begin_fetching(s);
    make_metrics(s);
    add_repositories(s);
    s->planner = make_planner(s);
    enum cm_rc rc = hub_planner_seed(s->planner, hub_store_db(config->store), err);
    if (rc < 0) {
        hub_sync_free(s);
        return rc;
    }
    s->plan = cm_workers_new("sync", 1, NULL);
    *out = s;
    return CM_OK;
}

void hub_sync_start(struct hub_sync *s) {
    struct hub_outcome *o = hub_planner_start(s->planner);

    publish(s, o);
    hub_outcome_free(o);
    s->ready = hub_planner_is_ready(s->planner);
    for (size_t i = 0; i < s->repository_count; i++) {
        add_step(s, STEP_RESUME, NULL, NULL)->source = i;
    }
    next_step(s);
    for (size_t i = 0; i < s->repository_count; i++) {
        hub_fetcher_now(s->repositories[i].fetcher);
    }
}

static bool is_of(const struct tracked *t, const char *repository) {
    return t->config != NULL && (repository == NULL || strcmp(t->config->name, repository) == 0);
}

enum cm_rc hub_sync_now(struct hub_sync *s, const char *repository, struct cm_err *err) {
    if (repository != NULL && find_repository(s, repository) == NULL) {
        return cm_fail(err, CM_ENOTFOUND, "no repository is named '%s'", repository);
    }
    if (s->stopping) {
        return CM_OK;
    }
    for (size_t i = 0; i < s->repository_count; i++) {
        if (is_of(&s->repositories[i], repository)) {
            hub_fetcher_now(s->repositories[i].fetcher);
        }
    }
    for (struct cm_list *at = s->trees.next; at != &s->trees; at = at->next) {
        const struct tracked *t = CM_CONTAINER(at, struct tracked, in_trees);

        if (is_of(t, repository)) {
            hub_fetcher_now(t->fetcher);
        }
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

static void drop_all(struct hub_sync *s) {
    for (size_t i = 0; i < s->repository_count; i++) {
        hub_fetcher_drop(s->repositories[i].fetcher);
        s->repositories[i].fetcher = NULL;
    }
    while (!cm_list_empty(&s->trees)) {
        drop_tree(CM_CONTAINER(s->trees.next, struct tracked, in_trees));
    }
}

void hub_sync_stop(struct hub_sync *s, void (*stopped)(void *ctx), void *ctx) {
    s->stopping = true;
    s->stopped = stopped;
    s->stopped_ctx = ctx;
    // It fails only if the counter is full, and then the descriptor is readable.
    (void)eventfd_write(s->fetching.cancel_fd, 1);
    cm_timer_stop(s->config.loop, &s->retry_record);
    drop_all(s);
    check_stopped(s);
}

void hub_sync_free(struct hub_sync *s) {
    if (s == NULL) {
        return;
    }
    drop_all(s);
    cm_workers_stop(s->fetching.git, false);
    cm_workers_free(s->fetching.git);
    if (s->plan != NULL) {
        cm_workers_stop(s->plan, false);
    }
    cm_workers_free(s->plan);
    while (!cm_list_empty(&s->steps)) {
        struct step *step = CM_CONTAINER(s->steps.next, struct step, in_steps);

        cm_list_remove(&step->in_steps);
        free_step(step);
    }
    hub_planner_free(s->planner);
    for (size_t i = 0; i < s->repository_count; i++) {
        free(s->repositories[i].name);
        free(s->repositories[i].folder);
    }
    free(s->repositories);
    (void)close(s->fetching.cancel_fd);
    free(s);
}
