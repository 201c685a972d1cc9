// One step after the other: planned by the sync worker, recorded by the store, published here.
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "hub/jobs/decided.h"
#include "hub/jobs/found.h"
#include "hub/jobs/freeze_set.h"
#include "hub/jobs/proven.h"
#include "hub/jobs/record.h"
#include "hub/jobs/sync_state.h"
#include "hub/store/desired.h"

// What a step puts in force at a time, by count and, begun within, by time (what is sent may have
// to be squeezed first): what else there is to do has its turn in between.
#define PIECE 64
#define PIECE_MS 20

void hub_step_free(struct hub_step *step) {
    hub_outcome_free(step->outcome);
    hub_decided_free(step->decided);
    hub_found_free(step->found);
    hub_freeze_set_unref(step->freezes);
    hub_proven_free(step->proven);
    free(step->name);
    free(step->text);
    free(step);
}

void hub_sync_check_stopped(struct hub_sync *s) {
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
    hub_sync_check_stopped(s);
}

static void publish_change(struct hub_sync *s, const struct hub_cluster_change *change) {
    if (change->now == NULL) {
        s->config.withdrawn(s->config.ctx, change->cluster);
    } else if (change->publication != NULL) {
        s->config.published(s->config.ctx, change->publication);
        cm_metric_add(s->metric_published, 1);
    }
}

// publish_some puts in force the next piece of what the outcome says and tells whether more is to
// come.
static bool publish_some(struct hub_sync *s, const struct hub_outcome *o, size_t *at) {
    size_t all = o->refreshed_count + o->change_count;
    size_t end = all - *at > PIECE ? *at + PIECE : all;
    int64_t until_ms = cm_clock_now_ms() + PIECE_MS;

    for (; *at < end && cm_clock_now_ms() <= until_ms; ++*at) {
        if (*at < o->refreshed_count) {
            s->config.published(s->config.ctx, o->refreshed[*at]);
        } else {
            publish_change(s, &o->changes[*at - o->refreshed_count]);
        }
    }
    if (*at == all && o->ask_count > 0) {
        s->config.holds(s->config.ctx, o->asks, o->ask_count);
    }
    return *at < all;
}

void hub_sync_publish(struct hub_sync *s, const struct hub_outcome *o) {
    size_t at = 0;

    while (publish_some(s, o, &at)) {
    }
}

static size_t count_begins(const struct hub_desired *d) {
    size_t count = 0;

    for (size_t i = 0; d != NULL && i < d->pair_count; i++) {
        count += d->pairs[i].begins != NULL ? 1 : 0;
    }
    return count;
}

// look_again: what was promoted before it was on record that a cluster waits for it, nobody heard.
static void look_again(struct hub_sync *s, const struct hub_step *step) {
    const struct hub_outcome *o = step->kind == HUB_STEP_ENROLL ? step->outcome : NULL;

    for (size_t i = 0; o != NULL && !s->stopping && i < o->change_count; i++) {
        if (count_begins(o->changes[i].now) > count_begins(o->changes[i].before)) {
            hub_sync_enrolled(s, o->changes[i].cluster, "");
        }
    }
}

static void end_step(struct hub_sync *s, struct hub_step *step) {
    bool decided = step->kind == HUB_STEP_DECIDE;

    cm_list_remove(&step->in_steps);
    look_again(s, step);
    hub_step_free(step);
    cm_metric_add(s->metric_steps, -1);
    s->busy = false;
    if (decided) {
        hub_sync_looked(s);
    }
    if (hub_planner_decides_again(s->planner)) {
        hub_sync_decided(s);
    }
    hub_steps_go(s);
}

static enum cm_rc run_record(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct hub_step *step = CM_CONTAINER(job, struct hub_step, record);
    enum cm_rc rc = hub_record_outcome(db, step->outcome, err);

    if (rc < 0 || step->outcome->documents == NULL) {
        return rc;
    }
    hub_freeze_set_unref(step->freezes); // of a try that failed
    step->freezes = NULL;
    return hub_freeze_set_load(db, &step->freezes, err);
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

static void publish_more(void *ctx) {
    struct hub_step *step = ctx;
    struct hub_sync *s = step->owner;

    if (publish_some(s, step->outcome, &step->published)) {
        step->more = (struct cm_task){.run = publish_more, .ctx = step};
        cm_loop_post(s->config.loop, &step->more);
        return;
    }
    log_commits(s, step->outcome);
    if (step->kind == HUB_STEP_COMMIT) {
        cm_metric_observe_ms(s->metric_resolve, cm_clock_now_ms() - step->since_ms);
    }
    end_step(s, step);
    job_ended(s);
}

void hub_step_publish(struct hub_step *step) {
    job_began(step->owner);
    publish_more(step);
}

static void record_done(struct hub_store_job *job, const struct cm_err *err) {
    struct hub_step *step = CM_CONTAINER(job, struct hub_step, record);
    struct hub_sync *s = step->owner;

    if (err->code == CM_OK) {
        cm_backoff_reset(&s->record_backoff);
        if (step->freezes != NULL) {
            s->config.frozen(s->config.ctx, step->freezes);
        }
        hub_step_publish(step);
    } else if (!s->stopping) {
        cm_log(CM_LOG_ERROR, "store.failed", err->msg, "what",
               "nothing more is published until it can be recorded", NULL);
        cm_timer_start(s->config.loop, &s->retry_record, cm_backoff_next(&s->record_backoff));
    }
    job_ended(s);
}

static void submit_record(struct hub_step *step) {
    step->record.run = run_record;
    step->record.done = record_done;
    job_began(step->owner);
    hub_store_submit_large(step->owner->config.store, &step->record);
}

void hub_sync_retry_record(void *ctx) {
    struct hub_sync *s = ctx;

    submit_record(CM_CONTAINER(s->steps.next, struct hub_step, in_steps));
}

// `apps`: names, each ended by NUL, and one more.
static void forget_gone(struct hub_planner *p, const char *cluster, const char *apps) {
    for (; *apps != '\0'; apps += strlen(apps) + 1) {
        hub_planner_forget_gone(p, cluster, apps);
    }
}

static void run_plan(struct cm_job *job) {
    struct hub_step *step = CM_CONTAINER(job, struct hub_step, plan);
    struct hub_planner *p = step->owner->planner;
    const struct hub_planner_source tree = {.name = step->name, .folder = step->text, .prefix = ""};

    hub_planner_clock(p, cm_clock_unix_ms());
    switch (step->kind) {
    case HUB_STEP_RESUME:
        step->outcome = hub_planner_resume(p, step->source);
        break;
    case HUB_STEP_COMMIT:
        step->outcome = hub_planner_commit(p, step->source, &step->commit);
        break;
    case HUB_STEP_FOUND:
        step->outcome = hub_planner_found(p, step->found);
        break;
    case HUB_STEP_TREE_RESUME:
        step->outcome = hub_planner_tree(p, &tree, NULL);
        break;
    case HUB_STEP_TREE:
        step->outcome = hub_planner_tree(p, &tree, &step->commit);
        break;
    case HUB_STEP_TROUBLE:
        step->outcome = hub_planner_trouble(p, step->name, step->text);
        break;
    case HUB_STEP_ENROLL:
        step->outcome = hub_planner_enroll(p, step->name, step->text, step->proven);
        break;
    case HUB_STEP_RAISE:
        step->outcome =
            hub_planner_raise(p, step->name, step->epoch, step->generation, step->new_disk);
        break;
    case HUB_STEP_DECIDE:
        step->outcome = hub_planner_decide(p, CM_TAKE(step->decided));
        break;
    case HUB_STEP_OVERRULE:
        step->outcome = hub_planner_overrule(p, step->name, step->text);
        break;
    case HUB_STEP_REVERTED:
        hub_planner_note_reverted(p, step->name, step->text);
        break;
    case HUB_STEP_TIME:
        step->outcome = hub_planner_pass_time(p);
        break;
    case HUB_STEP_FORGET:
        forget_gone(p, step->name, step->text);
        break;
    }
    if (step->outcome != NULL && step->outcome->err.code == CM_OK) {
        hub_planner_ask_holds(p, step->outcome);
    }
}

static bool has_something(const struct hub_outcome *o) {
    return o != NULL && (o->change_count > 0 || o->refreshed_count > 0 || o->revision_count > 0 ||
                         o->documents != NULL || o->problems != NULL || o->settlement_count > 0 ||
                         o->ask_count > 0 || o->mark_count > 0);
}

// answer_fetcher says how it went with the commit that it brought.
static void answer_fetcher(const struct hub_step *step) {
    struct hub_sync *s = step->owner;
    bool commit = step->kind == HUB_STEP_COMMIT;
    const struct hub_tracked *t = commit                        ? &s->repositories[step->source]
                                  : step->kind == HUB_STEP_TREE ? hub_watch_find(s, step->name)
                                                                : NULL;

    if (t == NULL || t->fetcher == NULL) {
        return;
    }
    if (step->outcome->err.code == CM_OK) {
        hub_fetcher_taken(t->fetcher, &step->commit);
    } else {
        hub_fetcher_refused(t->fetcher, &step->outcome->err);
    }
}

static void plan_done(struct cm_job *job) {
    struct hub_step *step = CM_CONTAINER(job, struct hub_step, plan);
    struct hub_sync *s = step->owner;
    bool done = !job->canceled && !s->stopping && step->outcome != NULL;

    if (!job->canceled) {
        hub_sync_note_ready(s); // the sync worker rests until the next step
        hub_sync_wait_due(s);
    }
    if (done) {
        answer_fetcher(step);
        hub_watch_wants(s, step->outcome);
    }
    if (job->canceled || !has_something(step->outcome) || step->outcome->err.code != CM_OK) {
        end_step(s, step);
    } else {
        submit_record(step);
    }
    job_ended(s);
}

void hub_steps_go(struct hub_sync *s) {
    if (s->busy || s->stopping || cm_list_empty(&s->steps)) {
        return;
    }
    struct hub_step *step = CM_CONTAINER(s->steps.next, struct hub_step, in_steps);
    s->busy = true;
    step->plan = (struct cm_job){.run = run_plan, .done = plan_done, .home = s->config.loop};
    job_began(s);
    cm_workers_submit(s->plan, &step->plan);
}

struct hub_step *hub_step_add(struct hub_sync *s, enum hub_step_kind kind, const char *name,
                              const char *text) {
    struct hub_step *step = cm_new(1, sizeof(*step));

    step->owner = s;
    step->kind = kind;
    step->name = cm_strdup(name);
    step->text = cm_strdup(text);
    step->since_ms = cm_clock_now_ms();
    cm_metric_add(s->metric_steps, 1);
    cm_list_append(&s->steps, &step->in_steps);
    return step;
}
