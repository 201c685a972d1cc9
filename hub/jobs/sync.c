#include "hub/jobs/sync.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "hub/config/config.h"
#include "hub/jobs/decided.h"
#include "hub/jobs/found.h"
#include "hub/jobs/presence.h"
#include "hub/jobs/proven.h"
#include "hub/jobs/sync_state.h"

#define STORE_RETRY_MIN_MS 1000
#define STORE_RETRY_MAX_MS 60000
#define PROVEN_RETRY_MIN_MS 10000
#define PROVEN_RETRY_MAX_MS 60000
#define TOLD_MS ((int64_t)60 * 60 * 1000)
#define LOOK_MS 60000 // at the clock, which may be set

static void make_metrics(struct hub_sync *s) {
    struct cm_metrics *m = s->config.metrics;

    hub_fetching_make_metrics(&s->fetching, m, s->config.repositories);
    s->metric_commits = cm_metrics_counter(m, "holdfast_commits_resolved_total", NULL,
                                           "Commits that were resolved.");
    s->metric_published = cm_metrics_counter(m, "holdfast_manifests_published_total", NULL,
                                             "Manifests of clusters that were put in force.");
    s->metric_ahead = cm_metrics_counter(
        m, "holdfast_agents_ahead_total", NULL,
        "How often an agent was found to hold a newer manifest than the hub made.");
    s->metric_resolve =
        cm_metrics_histogram(m, "holdfast_commit_resolve_seconds", NULL,
                             "From a commit that was fetched until what it changes is in force.");
    s->metric_steps =
        cm_metrics_gauge(m, "holdfast_resolve_queue_length", NULL,
                         "Commits and other news that wait to be resolved, with the one at work.");
    s->metric_ready =
        cm_metrics_gauge(m, "holdfast_ready", NULL,
                         "1: every repository that was known before is read since the start.");
    s->metric_fetches_waiting =
        cm_metrics_gauge(m, "holdfast_git_queue_length", NULL, "Fetches that wait for a worker.");
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
        struct hub_tracked *t = &s->repositories[s->repository_count];

        if (list->items[i].source_only) {
            continue;
        }
        t->owner = s;
        t->config = &list->items[i];
        t->index = s->repository_count++;
        t->name = cm_strdup(t->config->name);
        t->folder = cm_strf("%s/git/%s", s->config.data_dir, t->name);
        struct hub_fetcher_config config = hub_watch_config(t);
        t->fetcher = hub_fetcher_new(&config);
    }
}

static struct hub_planner *make_planner(const struct hub_sync *s) {
    struct hub_planner_source *sources = cm_new(s->repository_count + 1, sizeof(*sources));

    for (size_t i = 0; i < s->repository_count; i++) {
        const struct hub_tracked *t = &s->repositories[i];

        sources[i] = (struct hub_planner_source){.name = t->name,
                                                 .folder = t->folder,
                                                 .prefix = t->config->path,
                                                 .writes = t->config->write != HUB_WRITE_OFF};
    }
    struct hub_planner *planner =
        hub_planner_new(&(struct hub_planner_config){.authority = s->config.authority,
                                                     .sources = sources,
                                                     .source_count = s->repository_count,
                                                     .epoch = s->config.epoch,
                                                     .guard = s->config.guard});
    free(sources);
    return planner;
}

static void on_idle(void *ctx) {
    hub_sync_check_stopped(ctx);
}

static void begin_fetching(struct hub_sync *s) {
    s->fetching = (struct hub_fetching){.loop = s->config.loop,
                                        .store = s->config.store,
                                        .git = cm_workers_new("git", s->config.git_workers, NULL),
                                        .cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                                        .idle = on_idle,
                                        .ctx = s};
}

static bool look_again(void *ctx, const char *cluster, void *value) {
    (void)value;
    hub_sync_enrolled(ctx, cluster, "");
    return true;
}

static void retry_proven(void *ctx) {
    struct hub_sync *s = ctx;
    struct cm_map *clusters = s->unproven;

    s->unproven = cm_map_new(NULL);
    cm_map_each(clusters, look_again, s);
    cm_map_free(clusters);
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
    s->retry_record = (struct cm_timer){.run = hub_sync_retry_record, .ctx = s};
    s->unproven = cm_map_new(NULL);
    s->told_ahead = cm_map_new(free);
    s->retry_proven = (struct cm_timer){.run = retry_proven, .ctx = s};
    s->proven_backoff =
        (struct cm_backoff){.min_ms = PROVEN_RETRY_MIN_MS, .max_ms = PROVEN_RETRY_MAX_MS};
    s->due = (struct cm_timer){.run = hub_sync_due, .ctx = s};
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
    for (size_t i = 0; i < s->repository_count; i++) {
        hub_fetcher_in_force(s->repositories[i].fetcher, hub_planner_taken(s->planner, i));
    }
    s->plan = cm_workers_new("sync", 1, NULL);
    *out = s;
    return CM_OK;
}

void hub_sync_start(struct hub_sync *s) {
    struct hub_outcome *o = hub_planner_start(s->planner);

    hub_sync_publish(s, o);
    hub_outcome_free(o);
    hub_sync_note_ready(s);
    for (size_t i = 0; i < s->repository_count; i++) {
        hub_step_add(s, HUB_STEP_RESUME, NULL, NULL)->source = i;
    }
    hub_sync_decided(s);
    hub_steps_go(s);
    for (size_t i = 0; i < s->repository_count; i++) {
        hub_fetcher_now(s->repositories[i].fetcher);
    }
}

static bool is_of(const struct hub_tracked *t, const char *repository) {
    return t->config != NULL && (repository == NULL || strcmp(t->config->name, repository) == 0);
}

enum cm_rc hub_sync_now(struct hub_sync *s, const char *repository, struct cm_err *err) {
    if (repository != NULL && hub_watch_repository(s, repository) == NULL) {
        return cm_fail(err, CM_ENOTFOUND, "no repository is named '%s'", repository);
    }
    if (s->stopping) {
        return CM_OK;
    }
    for (size_t i = 0; i < s->repository_count; i++) {
        if (is_of(&s->repositories[i], repository)) {
            hub_sync_tell_news(&s->repositories[i]);
            hub_fetcher_now(s->repositories[i].fetcher);
        }
    }
    for (struct cm_list *at = s->trees.next; at != &s->trees; at = at->next) {
        const struct hub_tracked *t = CM_CONTAINER(at, struct hub_tracked, in_trees);

        if (is_of(t, repository)) {
            hub_fetcher_now(t->fetcher);
        }
    }
    return CM_OK;
}

struct enrolling {
    struct hub_sync *sync;
    char *cluster;
    char *cluster_id;
};

static void note_unproven(struct hub_sync *s, const char *cluster, const struct cm_err *err) {
    cm_log(CM_LOG_ERROR, "store.failed", err->msg, "what",
           "until it can be read, a cluster goes by what Git says, tried there or not", "cluster",
           cluster, NULL);
    if (!s->stopping && cm_map_len(s->unproven) == 0) {
        cm_timer_start(s->config.loop, &s->retry_proven, cm_backoff_next(&s->proven_backoff));
    }
    cm_map_put(s->unproven, cluster, s);
}

static void on_proven(void *ctx, const struct cm_err *err, struct hub_proven_list *list) {
    struct enrolling *e = ctx;
    struct hub_sync *s = e->sync;

    s->jobs--;
    if (err->code != CM_OK) {
        note_unproven(s, e->cluster, err);
    } else {
        cm_backoff_reset(&s->proven_backoff);
    }
    if (!s->stopping && (err->code == CM_OK || e->cluster_id[0] != '\0')) {
        hub_step_add(s, HUB_STEP_ENROLL, e->cluster, e->cluster_id)->proven = CM_TAKE(list);
        hub_steps_go(s);
    }
    hub_proven_free(list);
    free(e->cluster);
    free(e->cluster_id);
    free(e);
    hub_sync_check_stopped(s);
}

void hub_sync_overruled(struct hub_sync *s, const char *app, const char *path) {
    (void)hub_step_add(s, HUB_STEP_OVERRULE, app, path);
    hub_steps_go(s);
}

void hub_sync_reverted(struct hub_sync *s, const char *app, const char *path) {
    (void)hub_step_add(s, HUB_STEP_REVERTED, app, path);
    hub_steps_go(s);
}

void hub_sync_enrolled(struct hub_sync *s, const char *cluster, const char *cluster_id) {
    struct enrolling *e = cm_new(1, sizeof(*e));

    if (s->stopping) {
        free(e);
        return;
    }
    *e = (struct enrolling){s, cm_strdup(cluster), cm_strdup(cluster_id)};
    s->jobs++;
    hub_proven_look(s->config.store, cluster,
                    &(struct hub_proven_done){.done = on_proven, .ctx = e});
}

// is_news: an agent that is ahead is found to be so each time that it connects.
static bool is_news(struct hub_sync *s, const char *cluster) {
    int64_t *told_ms = cm_map_get(s->told_ahead, cluster);
    int64_t now_ms = cm_clock_now_ms();

    if (told_ms != NULL && now_ms - *told_ms < TOLD_MS) {
        return false;
    }
    told_ms = cm_new(1, sizeof(*told_ms));
    *told_ms = now_ms;
    cm_map_put(s->told_ahead, cluster, told_ms);
    return true;
}

static void tell_ahead(struct hub_sync *s, const char *cluster, uint64_t epoch,
                       uint64_t generation) {
    CM_AUTOFREE char *words =
        cm_strf("the agent holds a newer manifest (epoch %llu, generation %llu) than this hub "
                "made; was an older database restored, or did Git not name the cluster for a "
                "while? It is sent the next one once every repository was fetched",
                (unsigned long long)epoch, (unsigned long long)generation);

    cm_metric_add(s->metric_ahead, 1);
    if (is_news(s, cluster)) {
        cm_log(CM_LOG_WARN, "agent.ahead", words, "cluster", cluster, NULL);
        hub_presence_tell(s->config.store, cluster, "agent.ahead", words);
    }
}

void hub_sync_behind(struct hub_sync *s, const char *cluster, uint64_t epoch, uint64_t generation,
                     bool new_disk) {
    struct hub_step *step = hub_step_add(s, HUB_STEP_RAISE, cluster, NULL);

    if (!new_disk) {
        tell_ahead(s, cluster, epoch, generation);
    }
    step->epoch = epoch;
    step->generation = generation;
    step->new_disk = new_disk;
    hub_steps_go(s);
}

// One step, however many there are. Names hold no NUL, so it ends each in one text.
static char *join(const char *const *apps, size_t count) {
    size_t size = 1;

    for (size_t i = 0; i < count; i++) {
        size += strlen(apps[i]) + 1;
    }
    char *text = cm_new(1, size);
    char *at = text;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(apps[i]) + 1;

        memcpy(at, apps[i], len);
        at += len;
    }
    return text;
}

void hub_sync_removed(struct hub_sync *s, const char *cluster, const char *const *apps,
                      size_t count) {
    hub_step_add(s, HUB_STEP_FORGET, cluster, NULL)->text = join(apps, count);
    hub_steps_go(s);
}

static void on_decided(void *ctx, const struct cm_err *err, struct hub_decided_list *list) {
    struct hub_sync *s = ctx;
    bool found = err->code == CM_OK && list->count > 0 && !s->stopping;

    s->jobs--;
    if (err->code != CM_OK) {
        cm_log(CM_LOG_ERROR, "store.failed", err->msg, "what",
               "what controllers decided waits until the next decision, or the next start", NULL);
    }
    if (found) {
        hub_step_add(s, HUB_STEP_DECIDE, NULL, NULL)->decided = CM_TAKE(list);
        hub_steps_go(s);
    }
    hub_decided_free(list);
    if (!found) {
        hub_sync_looked(s);
    }
    hub_sync_check_stopped(s);
}

// Until what was found is on record as settled it would be found again: nobody looks meanwhile.
void hub_sync_looked(struct hub_sync *s) {
    bool again = s->look_again;

    s->looking = false;
    s->look_again = false;
    if (again) {
        hub_sync_decided(s);
    }
}

// hub_sync_decided looks once for all that was decided meanwhile.
void hub_sync_decided(struct hub_sync *s) {
    if (s->looking || s->stopping) {
        s->look_again = true;
        return;
    }
    s->looking = true;
    s->jobs++;
    hub_decided_look(s->config.store, &(struct hub_decided_done){.done = on_decided, .ctx = s});
}

void hub_sync_due(void *sync) {
    struct hub_sync *s = sync;

    if (!s->stopping) {
        hub_step_add(s, HUB_STEP_TIME, NULL, NULL);
        hub_steps_go(s);
    }
}

// hub_sync_wait_due looks again now and then, as the clock may be set.
void hub_sync_wait_due(struct hub_sync *s) {
    int64_t due_ms = hub_planner_due_ms(s->planner);
    int64_t left_ms = due_ms == INT64_MAX ? INT64_MAX : due_ms - cm_clock_unix_ms();

    cm_timer_stop(s->config.loop, &s->due);
    if (left_ms < INT64_MAX && !s->stopping) {
        left_ms = left_ms < 0 ? 0 : left_ms;
        cm_timer_start(s->config.loop, &s->due, left_ms < LOOK_MS ? left_ms : LOOK_MS);
    }
}

void hub_sync_note_ready(struct hub_sync *s) {
    s->ready = hub_planner_is_ready(s->planner);
    cm_metric_set(s->metric_ready, s->ready);
}

void hub_sync_measure(struct hub_sync *s) {
    cm_metric_set(s->metric_fetches_waiting, (int64_t)cm_workers_waiting(s->fetching.git));
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
        hub_watch_drop(CM_CONTAINER(s->trees.next, struct hub_tracked, in_trees));
    }
}

static void stop_timers(struct hub_sync *s) {
    cm_timer_stop(s->config.loop, &s->retry_record);
    cm_timer_stop(s->config.loop, &s->due);
    cm_timer_stop(s->config.loop, &s->retry_proven);
}

void hub_sync_stop(struct hub_sync *s, void (*stopped)(void *ctx), void *ctx) {
    s->stopping = true;
    s->stopped = stopped;
    s->stopped_ctx = ctx;
    // It fails only if the counter is full, and then the descriptor is readable.
    (void)eventfd_write(s->fetching.cancel_fd, 1);
    stop_timers(s);
    drop_all(s);
    hub_sync_check_stopped(s);
}

void hub_sync_free(struct hub_sync *s) {
    if (s == NULL) {
        return;
    }
    stop_timers(s);
    drop_all(s);
    cm_workers_stop(s->fetching.git, false);
    cm_workers_free(s->fetching.git);
    if (s->plan != NULL) {
        cm_workers_stop(s->plan, false);
    }
    cm_workers_free(s->plan);
    while (!cm_list_empty(&s->steps)) {
        struct hub_step *step = CM_CONTAINER(s->steps.next, struct hub_step, in_steps);

        cm_list_remove(&step->in_steps);
        hub_step_free(step);
    }
    hub_planner_free(s->planner);
    cm_map_free(s->unproven);
    cm_map_free(s->told_ahead);
    for (size_t i = 0; i < s->repository_count; i++) {
        hub_found_free(s->repositories[i].found);
        free(s->repositories[i].name);
        free(s->repositories[i].folder);
    }
    free(s->repositories);
    (void)close(s->fetching.cancel_fd);
    free(s);
}
