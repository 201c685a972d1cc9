#include "hub/jobs/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/fault.h"
#include "common/json.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "common/tls/ssh_sign.h"
#include "hub/config/config.h"
#include "hub/jobs/overrule.h"
#include "hub/jobs/writer_state.h"
#include "hub/store/events.h"
#include "hub/store/intents.h"
#include "hub/store/pulls.h"

#define QUIET_MS 2000
#define LONGEST_MS 10000
#define RETRY_MIN_MS 2000
#define RETRY_MAX_MS ((int64_t)10 * 60 * 1000)
#define TOLD_MS ((int64_t)60 * 60 * 1000)
#define THREADS 2
#define LOOK_EACH_MS 1000 // pause between two looks, for each pull request that is open
#define LOOK_MIN_MS 2000
#define LOOK_MAX_MS ((int64_t)60 * 1000) // without a fetch

struct place {
    struct hub_writer *owner;
    const struct hub_repository *config;
    char *folder; // the writer's own
    struct cm_list waiting;
    struct cm_list recording; // asks that are about to be on record
    struct cm_timer timer;
    struct cm_backoff backoff;
    int64_t since_ms; // when the first of what is to be flushed came; 0: nothing has
    bool busy;
    bool fresh;    // something waits that no flush has taken yet
    bool look;     // at pull requests: the repository was fetched
    bool by_pulls; // all goes into pull requests
    int64_t looked_ms;
    struct hub_forge *forge; // the flush's while it is under way; NULL: there is none
    struct hub_pulls pulls;  // those that are not merged or closed
    char *holds;             // as struct hub_flush has it
    bool unshown;            // likewise
    struct cm_map *proofs;   // the flush's while it is under way
    struct cm_metric *metric_pulls;
    bool has_pushed; // since the start:
    struct hub_repo_id pushed;
    char *told; // why it cannot be written, as it is on record; NULL: it can
    struct cm_metric *metric_written;
    struct cm_metric *metric_failures;
    struct cm_metric *metric_waiting;
};

struct hub_writer {
    struct hub_writer_config config;
    struct hub_writer_world world;
    struct place *places;
    size_t place_count;
    struct cm_workers *push;
    struct cm_workers *look;
    struct cm_workers *prove; // likewise, what takes long
    int cancel_fd;
    struct cm_map *told; // when it was told last that no more is written of an App, by its name
    char *name;          // in trailers
    size_t jobs;
    bool stopping;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

// ---- Intents in memory

struct hub_writing *hub_writing_new(const struct hub_intent *intent) {
    struct hub_writing *w = cm_new(1, sizeof(*w));
    const char **texts[HUB_WRITING_TEXTS] = {&w->intent.id,      &w->intent.kind,  &w->intent.app,
                                             &w->intent.cluster, &w->intent.cause, &w->intent.args,
                                             &w->intent.actor};

    w->intent = *intent;
    for (size_t i = 0; i < HUB_WRITING_TEXTS; i++) {
        w->texts[i] = cm_strdup(*texts[i] != NULL ? *texts[i] : "");
        *texts[i] = w->texts[i];
    }
    w->asks_pull = hub_write_asks_pull(&w->intent);
    return w;
}

void hub_writing_free(struct hub_writing *w) {
    if (w == NULL) {
        return;
    }
    for (size_t i = 0; i < HUB_WRITING_TEXTS; i++) {
        free(w->texts[i]);
    }
    free(w);
}

static struct hub_writing *find_waiting(struct place *p, const char *id) {
    for (struct cm_list *at = p->waiting.next; at != &p->waiting; at = at->next) {
        struct hub_writing *w = CM_CONTAINER(at, struct hub_writing, in_list);

        if (strcmp(w->intent.id, id) == 0) {
            return w;
        }
    }
    return NULL;
}

static struct place *find_place(const struct hub_writer *w, const char *repository) {
    for (size_t i = 0; i < w->place_count; i++) {
        if (strcmp(w->places[i].config->name, repository) == 0) {
            return &w->places[i];
        }
    }
    return NULL;
}

static void job_ended(struct hub_writer *w) {
    w->jobs--;
    if (w->stopping && w->jobs == 0 && w->stopped != NULL) {
        void (*stopped)(void *) = w->stopped;

        w->stopped = NULL;
        stopped(w->stopped_ctx);
    }
}

// ---- What is put on record afterwards

struct note {
    struct hub_store_job job;
    struct hub_writer *owner;
    const char *id;    // NULL: only the event
    const char *state; // NULL: it waits, and why
    const char *revision;
    const char *message;
    int64_t pull;     // number of the pull request that it is in
    const char *kind; // of the event; NULL: none
    const char *app;
    const char *cluster;
    const char *actor;
    const char *overruled; // path of the Hold that people do not want; NULL: none
    const char *reverted;  // path of the one that may have been reverted instead; NULL: none
    char *texts[10];       // the above
};

static enum cm_rc run_note(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    const struct note *n = CM_CONTAINER(job, struct note, job);
    int64_t now_ms = cm_clock_unix_ms();
    const struct hub_event event = {.at_ms = now_ms,
                                    .kind = n->kind,
                                    .app = n->app,
                                    .cluster = n->cluster,
                                    .revision = n->revision,
                                    .actor = n->actor,
                                    .message = n->message};
    enum cm_rc rc = CM_OK;

    if (n->id != NULL) {
        rc = n->state != NULL
                 ? hub_intents_end(db, n->id, n->state, n->revision, n->message, now_ms, err)
                 : hub_intents_note(db, n->id, n->message, n->pull, err);
    }
    if (rc == CM_OK && n->overruled != NULL) {
        rc = hub_overrule(db, n->app, n->overruled, err);
    }
    if (rc == CM_OK && n->reverted != NULL) {
        rc = hub_overrule_answer(db, n->app, n->reverted, err);
    }
    return rc < 0 || n->kind == NULL ? rc : hub_events_add(db, &event, err);
}

static void note_done(struct hub_store_job *job, const struct cm_err *err) {
    struct note *n = CM_CONTAINER(job, struct note, job);
    struct hub_writer *w = n->owner;

    if (err->code != CM_OK) { // the history says the same after a restart
        cm_log(CM_LOG_WARN, "store.failed", err->msg, NULL);
    } else if (n->overruled != NULL) {
        w->config.overruled(w->config.ctx, n->app, n->overruled);
    } else if (n->reverted != NULL) {
        w->config.reverted(w->config.ctx, n->app, n->reverted);
    }
    for (size_t i = 0; i < sizeof(n->texts) / sizeof(n->texts[0]); i++) {
        free(n->texts[i]);
    }
    free(n);
    job_ended(w);
}

static void submit_note(struct hub_writer *w, const struct note *what) {
    struct note *n = cm_new(1, sizeof(*n));
    const char **texts[] = {&n->id,  &n->state,   &n->revision, &n->message,   &n->kind,
                            &n->app, &n->cluster, &n->actor,    &n->overruled, &n->reverted};

    *n = *what;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        n->texts[i] = cm_strdup(*texts[i]);
        *texts[i] = n->texts[i];
    }
    n->owner = w;
    n->job.run = run_note;
    n->job.done = note_done;
    w->jobs++;
    hub_store_submit(w->config.store, &n->job);
}

// ---- Pull requests

struct pull_note {
    struct hub_store_job job;
    struct hub_writer *owner;
    struct hub_pulls one; // a copy
    const char *repository;
    bool is_new;
};

static const char *pull_state(const struct hub_pull *p) {
    return p->state == HUB_FORGE_MERGED   ? "merged"
           : p->state == HUB_FORGE_CLOSED ? "closed"
                                          : "open";
}

static enum cm_rc run_pull_note(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    const struct pull_note *n = CM_CONTAINER(job, struct pull_note, job);
    const struct hub_pull *p = &n->one.items[0];
    bool open = p->state == HUB_FORGE_IS_OPEN;
    int64_t now_ms = cm_clock_unix_ms();
    CM_AUTOFREE char *kind = cm_strf("pull-request.%s", open ? "opened" : pull_state(p));
    CM_AUTOFREE char *message = cm_strf("%s: %s", p->title, p->url);
    const struct hub_event event = {
        .at_ms = now_ms, .kind = kind, .app = p->app, .actor = "hub", .message = message};
    const struct hub_pull_row row = {.repository = n->repository,
                                     .branch = p->branch,
                                     .number = p->number,
                                     .app = p->app,
                                     .title = p->title,
                                     .url = p->url,
                                     .state = pull_state(p),
                                     .head = p->head,
                                     .content = p->content,
                                     .at_ms = now_ms};
    enum cm_rc rc = hub_pulls_put(db, &row, err);

    return rc < 0 || (open && !n->is_new) ? rc : hub_events_add(db, &event, err);
}

static void pull_note_done(struct hub_store_job *job, const struct cm_err *err) {
    struct pull_note *n = CM_CONTAINER(job, struct pull_note, job);
    struct hub_writer *w = n->owner;

    if (err->code != CM_OK) { // the provider says the same after a restart
        cm_log(CM_LOG_WARN, "store.failed", err->msg, NULL);
    }
    hub_pulls_done(&n->one);
    free(n);
    job_ended(w);
}

static void submit_pull(struct place *p, struct hub_pull *pull, bool is_new) {
    struct pull_note *n = cm_new(1, sizeof(*n));
    const struct hub_pulls one = {.items = pull, .count = 1};

    hub_pulls_copy(&one, &n->one);
    n->owner = p->owner;
    n->repository = p->config->name;
    n->is_new = is_new;
    n->job = (struct hub_store_job){.run = run_pull_note, .done = pull_note_done};
    p->owner->jobs++;
    hub_store_submit(p->owner->config.store, &n->job);
    if (is_new || pull->state != HUB_FORGE_IS_OPEN) {
        cm_log(CM_LOG_INFO, "write.pull_request", pull->title, "repository", p->config->name,
               "state", pull_state(pull), "url", pull->url, NULL);
    }
}

static bool is_on_record(const struct place *p, const struct hub_pull *pull) {
    const struct hub_pull *before = hub_pulls_find(&p->pulls, pull->branch);

    return before != NULL && before->number == pull->number;
}

// keep_pull tells whether there is more to come of it.
static bool keep_pull(const struct hub_pull *pull) {
    return pull->state == HUB_FORGE_IS_OPEN ||
           (pull->state == HUB_FORGE_MISSING && pull->head[0] != '\0');
}

// take_pulls puts on record what is open, and keeps it.
static void take_pulls(struct place *p, struct hub_flush *f) {
    struct hub_pulls kept = {.items = cm_new(f->pulls.count + 1, sizeof(*kept.items))};
    bool merged = false;

    for (size_t i = 0; i < f->pulls.count; i++) {
        struct hub_pull *pull = &f->pulls.items[i];

        if (pull->changed && pull->state == HUB_FORGE_IS_OPEN) {
            submit_pull(p, pull, !is_on_record(p, pull));
        }
        merged = merged || pull->state == HUB_FORGE_MERGED;
        pull->changed = false;
        if (keep_pull(pull)) {
            kept.items[kept.count++] = *pull;
            *pull = (struct hub_pull){0};
        }
    }
    hub_pulls_done(&p->pulls);
    p->pulls = kept;
    free(p->holds);
    p->holds = CM_TAKE(f->holds);
    p->unshown = f->unshown;
    p->by_pulls = f->by_pulls;
    p->looked_ms = cm_clock_now_ms();
    cm_metric_set(p->metric_pulls, (int64_t)kept.count);
    if (merged) {
        p->owner->config.pushed(p->owner->config.ctx, p->config->name);
    }
}

// end_pulls puts on record what has ended; what it had in it is there before, or a kill in between
// would let it wait for ever, and be proposed once more.
static void end_pulls(struct place *p, struct hub_flush *f) {
    for (size_t i = 0; i < f->pulls.count; i++) {
        struct hub_pull *pull = &f->pulls.items[i];

        if (pull->number != 0) {
            submit_pull(p, pull, false);
        }
    }
}

static const struct hub_pull *pull_of(const struct place *p, const struct hub_intent *intent) {
    CM_AUTOFREE char *branch = hub_write_branch(intent);

    return hub_pulls_find(&p->pulls, branch);
}

// note_pulls puts on record which pull request a change has come into.
static void note_pulls(struct place *p, const struct hub_flush *f) {
    for (size_t i = 0; i < f->count; i++) {
        const struct hub_writing *now = f->items[i].writing;
        struct hub_writing *waiting = find_waiting(p, now->intent.id);

        if (waiting == NULL || waiting->pull == now->pull) {
            continue;
        }
        const struct hub_pull *pull = pull_of(p, &now->intent);
        CM_AUTOFREE char *words =
            cm_strf("it waits to be merged: %s", pull != NULL ? pull->url : "");
        waiting->pull = now->pull;
        submit_note(p->owner,
                    &(struct note){.id = now->intent.id, .message = words, .pull = now->pull});
    }
}

// ---- Flushes

static void flush(struct place *p);

// has_work tells whether there is something to write or to look at.
static bool has_work(const struct place *p) {
    return !cm_list_empty(&p->waiting) || p->pulls.count > 0 || p->unshown;
}

// schedule_look looks at pull requests after a fetch, and once a minute.
static void schedule_look(struct place *p) {
    int64_t now_ms = cm_clock_now_ms();
    int64_t pause_ms = (int64_t)p->pulls.count * LOOK_EACH_MS;

    pause_ms = pause_ms < LOOK_MIN_MS ? LOOK_MIN_MS : pause_ms;
    pause_ms = !p->look && pause_ms < LOOK_MAX_MS ? LOOK_MAX_MS : pause_ms;
    int64_t due_ms = p->looked_ms + pause_ms;
    if (has_work(p)) {
        cm_timer_start(p->owner->config.loop, &p->timer, due_ms > now_ms ? due_ms - now_ms : 0);
    }
}

static bool goes_by_pull(const struct place *p, const struct hub_writing *w) {
    return p->by_pulls || w->asks_pull;
}

// all_by_pull: then what waits may do so for people.
static bool all_by_pull(const struct place *p) {
    for (struct cm_list *at = p->waiting.next; at != &p->waiting; at = at->next) {
        if (!goes_by_pull(p, CM_CONTAINER(at, struct hub_writing, in_list))) {
            return false;
        }
    }
    return true;
}

static void schedule(struct place *p) {
    int64_t now_ms = cm_clock_now_ms();
    int64_t due_ms = now_ms + QUIET_MS;

    if (p->busy || p->owner->stopping) {
        return;
    }
    if (cm_list_empty(&p->waiting) || (!p->fresh && all_by_pull(p))) {
        schedule_look(p);
        return;
    }
    p->since_ms = p->since_ms == 0 ? now_ms : p->since_ms;
    due_ms = due_ms < p->since_ms + LONGEST_MS ? due_ms : p->since_ms + LONGEST_MS;
    cm_timer_start(p->owner->config.loop, &p->timer, due_ms > now_ms ? due_ms - now_ms : 0);
}

struct flush_job {
    struct cm_job job;
    struct place *place;
    struct hub_flush flush;
};

static void run_flush(struct cm_job *job) {
    hub_flush_run(&CM_CONTAINER(job, struct flush_job, job)->flush);
}

// hold_path gives the file of a Hold below the root of the fleet; the caller frees it.
static char *hold_path(const struct place *p, const struct hub_intent *intent) {
    size_t root = strlen(p->config->path);
    char *path = strcmp(intent->kind, "hold") == 0 ? hub_write_path(intent) : NULL;

    if (path != NULL && root > 0 && strlen(path) > root) {
        memmove(path, path + root + 1, strlen(path) - root);
    }
    return path;
}

// proof_of returns what was proven of a Hold before it was written; "" where nothing was. The
// caller frees it.
static char *proof_of(const struct hub_intent *intent) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *args = NULL;
    struct cm_err ignored;
    bool read =
        strcmp(intent->kind, "hold") == 0 &&
        cm_json_parse(a, intent->args, strlen(intent->args), NULL, &args, &ignored) == CM_OK;
    const char *proof = read ? cm_json_string(cm_json_path(args, "trailers", "Proof", NULL)) : NULL;

    return proof == NULL ? cm_strdup("") : cm_strf("proof: %s", proof);
}

static void end_one(struct place *p, const struct hub_flush_item *item) {
    const struct hub_intent *intent = &item->writing->intent;
    CM_AUTOFREE char *overruled = item->overruled ? hold_path(p, intent) : NULL;
    bool done = item->what == HUB_WRITTEN_DONE;
    CM_AUTOFREE char *reverted = done && hub_write_may_revert(intent) ? hold_path(p, intent) : NULL;
    CM_AUTOFREE char *words =
        done ? cm_strf("%s: %s", intent->kind,
                       item->revision[0] != '\0' ? "it is in Git" : "Git said so already")
             : cm_strf("%s: %s", intent->kind, item->why);
    struct hub_writing *waiting = find_waiting(p, intent->id);
    CM_AUTOFREE char *proof = proof_of(intent);

    submit_note(p->owner, &(struct note){.id = intent->id,
                                         .state = done ? "done" : "failed",
                                         .revision = item->revision,
                                         .message = done ? proof : item->why,
                                         .overruled = overruled,
                                         .reverted = reverted,
                                         .kind = done ? "write.done" : "write.impossible",
                                         .app = intent->app,
                                         .cluster = intent->cluster,
                                         .actor = intent->actor});
    cm_log(done ? CM_LOG_INFO : CM_LOG_WARN, done ? "write.done" : "write.impossible", words,
           "repository", p->config->name, "id", intent->id, "revision", item->revision, NULL);
    cm_metric_add(p->metric_written, done ? 1 : 0);
    if (waiting != NULL) {
        cm_metric_add(p->metric_waiting, -1);
        cm_list_remove(&waiting->in_list);
        hub_writing_free(waiting);
    }
}

// note_waiting puts on record why what still waits does so.
static void note_waiting(struct place *p, const struct hub_flush *f, bool news) {
    for (size_t i = 0; i < f->count; i++) {
        const char *id = f->items[i].writing->intent.id;
        struct hub_writing *waiting = find_waiting(p, id);

        if (waiting != NULL && (news || !waiting->noted)) {
            waiting->noted = true;
            submit_note(p->owner,
                        &(struct note){.id = id, .message = p->told, .pull = waiting->pull});
        }
    }
}

// tell_trouble makes an event and a line in the log of a failure when its words change.
static void tell_trouble(struct place *p, const struct hub_flush *f) {
    bool news = p->told == NULL || strcmp(p->told, f->err.msg) != 0;

    cm_metric_add(p->metric_failures, 1);
    if (news) {
        free(p->told);
        p->told = cm_strdup(f->err.msg);
        cm_log(CM_LOG_WARN, "write.failed", p->told, "repository", p->config->name, NULL);
        submit_note(p->owner,
                    &(struct note){.message = p->told, .kind = "write.failed", .actor = "hub"});
    }
    note_waiting(p, f, news);
}

static void take_flush(struct place *p, struct hub_flush *f) {
    CM_FAULT_POINT("before-record");
    take_pulls(p, f);
    note_pulls(p, f);
    for (size_t i = 0; i < f->count; i++) {
        if (f->items[i].what != HUB_WRITTEN_NOT_YET) {
            end_one(p, &f->items[i]);
        }
    }
    end_pulls(p, f);
    if (f->pushed) {
        p->has_pushed = true;
        p->pushed = f->commit;
        p->owner->config.pushed(p->owner->config.ctx, p->config->name);
    }
    if (f->err.code == CM_OK) {
        cm_backoff_reset(&p->backoff);
        free(p->told);
        p->told = NULL;
        p->fresh = p->fresh || f->again;
        schedule(p);
        return;
    }
    tell_trouble(p, f);
    int64_t pause_ms = cm_backoff_next(&p->backoff);
    cm_timer_start(p->owner->config.loop, &p->timer, pause_ms > f->wait_ms ? pause_ms : f->wait_ms);
}

static void flush_done(struct cm_job *job) {
    struct flush_job *j = CM_CONTAINER(job, struct flush_job, job);
    struct place *p = j->place;
    struct hub_writer *w = p->owner;

    p->busy = false;
    if (!job->canceled && !w->stopping) {
        take_flush(p, &j->flush);
    }
    hub_flush_done(&j->flush);
    free(j);
    job_ended(w);
}

static void flush(struct place *p) {
    struct flush_job *j = cm_new(1, sizeof(*j));

    j->place = p;
    j->flush = (struct hub_flush){.repository = p->config,
                                  .world = &p->owner->world,
                                  .folder = p->folder,
                                  .writer = p->owner->name,
                                  .hub_id = p->owner->config.hub_id,
                                  .secret = p->owner->config.secret,
                                  .epoch = p->owner->config.epoch,
                                  .cancel_fd = p->owner->cancel_fd,
                                  .now_ms = cm_clock_unix_ms(),
                                  .forge = p->forge,
                                  .by_pulls = p->by_pulls};
    j->flush.holds = cm_strdup(p->holds);
    j->flush.unshown = p->unshown;
    j->flush.proofs = p->proofs;
    hub_pulls_copy(&p->pulls, &j->flush.pulls);
    hub_flush_fill(&j->flush, &p->waiting);
    p->busy = true;
    p->fresh = false;
    p->look = false;
    p->since_ms = 0;
    j->job = (struct cm_job){.run = run_flush, .done = flush_done, .home = p->owner->config.loop};
    p->owner->jobs++;
    cm_workers_submit(p->owner->push, &j->job);
}

static void on_timer(void *ctx) {
    struct place *p = ctx;

    if (!p->busy && !p->owner->stopping && has_work(p)) {
        flush(p);
    }
}

bool hub_writer_by_pulls(const struct hub_writer *w, const char *repository) {
    const struct place *p = find_place(w, repository);

    return p != NULL && p->by_pulls;
}

void hub_writer_retry(struct hub_writer *w, const char *repository) {
    struct place *p = find_place(w, repository);

    if (p != NULL && !p->busy && !w->stopping && p->told != NULL) {
        cm_backoff_reset(&p->backoff);
        cm_timer_start(w->config.loop, &p->timer, 0);
    }
}

// ---- Asking

struct ask {
    struct cm_job look;
    struct hub_store_job record;
    struct cm_list in_list;
    struct place *place;
    struct hub_writing *writing;
    bool dry_run;
    hub_writer_fn done;
    void *ctx;
    struct hub_repo_id after; // what was pushed last; the mirror may not have it yet
    bool has_after;
    bool fresh; // it has
    struct hub_write_edit edit;
    struct cm_err err;
    bool is_new;
};

static void answer(struct ask *a, const struct cm_err *err, enum hub_writer_state state) {
    CM_AUTOFREE char *diff = a->edit.path != NULL ? hub_write_diff(&a->edit) : NULL;
    struct hub_writer *w = a->place->owner;
    bool by_pull = a->writing != NULL && goes_by_pull(a->place, a->writing);
    const struct hub_pull *pull = by_pull ? pull_of(a->place, &a->writing->intent) : NULL;

    a->done(a->ctx, err,
            &(struct hub_writer_answer){.state = state,
                                        .pull = pull != NULL ? pull->url : "",
                                        .by_pull = by_pull,
                                        .id = a->writing != NULL ? a->writing->intent.id : "",
                                        .diff = diff != NULL ? diff : "",
                                        .path = a->edit.path != NULL ? a->edit.path : ""});
    hub_write_edit_done(&a->edit);
    hub_writing_free(a->writing);
    free(a);
    job_ended(w);
}

static enum cm_rc run_record(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct ask *a = CM_CONTAINER(job, struct ask, record);
    const struct hub_intent *intent = &a->writing->intent;
    const struct hub_intent_row row = {.id = intent->id,
                                       .repository = a->place->config->name,
                                       .kind = intent->kind,
                                       .app = intent->app,
                                       .cluster = intent->cluster,
                                       .cause = intent->cause,
                                       .args = intent->args,
                                       .actor = intent->actor,
                                       .automatic = a->writing->automatic,
                                       .made_ms = intent->made_ms};

    return hub_intents_add(db, &row, HUB_WRITER_MOST, &a->is_new, err);
}

// is_news: what is asked for again and again is told once an hour.
static bool is_news(struct hub_writer *w, const char *app) {
    int64_t *told_ms = cm_map_get(w->told, app);
    int64_t now_ms = cm_clock_now_ms();

    if (told_ms != NULL && now_ms - *told_ms < TOLD_MS) {
        return false;
    }
    told_ms = cm_new(1, sizeof(*told_ms));
    *told_ms = now_ms;
    cm_map_put(w->told, app, told_ms);
    return true;
}

static void record_done(struct hub_store_job *job, const struct cm_err *err) {
    struct ask *a = CM_CONTAINER(job, struct ask, record);
    struct place *p = a->place;

    CM_FAULT_POINT("intent-recorded");
    cm_list_remove(&a->in_list);
    if (err->code == CM_OK && a->is_new) {
        struct hub_writing *waiting = hub_writing_new(&a->writing->intent);

        waiting->automatic = a->writing->automatic;
        cm_list_append(&p->waiting, &waiting->in_list);
        cm_metric_add(p->metric_waiting, 1);
        p->fresh = true;
        schedule(p);
    } else if (err->code == CM_EBUSY && is_news(p->owner, a->writing->intent.app)) {
        cm_log(CM_LOG_WARN, "write.breaker", err->msg, "app", a->writing->intent.app, NULL);
        submit_note(p->owner, &(struct note){.message = err->msg,
                                             .kind = "write.breaker",
                                             .app = a->writing->intent.app,
                                             .actor = "hub"});
    }
    answer(a, err, HUB_WRITER_WAITING);
}

static void run_look(struct cm_job *job) {
    struct ask *a = CM_CONTAINER(job, struct ask, look);

    const struct place *p = a->place;

    a->err.code = hub_look(&p->owner->world, p->config, &a->writing->intent,
                           a->has_after ? &a->after : NULL, &a->edit, &a->fresh, &a->err);
}

static const struct hub_writing *later(const struct hub_writing *now, const struct hub_writing *w,
                                       const struct hub_intent *intent) {
    return hub_write_is_same_target(&w->intent, intent) ? w : now;
}

// find_last finds what has the last word about a target of all that is not in Git yet; while that
// is so a tip says nothing of it. NULL: nothing has.
static const struct hub_writing *find_last(struct place *p, const struct hub_intent *intent) {
    const struct hub_writing *last = NULL;

    for (struct cm_list *at = p->waiting.next; at != &p->waiting; at = at->next) {
        last = later(last, CM_CONTAINER(at, struct hub_writing, in_list), intent);
    }
    for (struct cm_list *at = p->recording.next; at != &p->recording; at = at->next) {
        last = later(last, CM_CONTAINER(at, struct ask, in_list)->writing, intent);
    }
    return last;
}

// find_same finds what is on record, says the same, and has the last word.
static const struct hub_writing *find_same(struct place *p, const struct hub_intent *intent) {
    const struct hub_writing *last = find_last(p, intent);
    bool same = last != NULL && strcmp(last->intent.kind, intent->kind) == 0 &&
                strcmp(last->intent.app, intent->app) == 0 &&
                strcmp(last->intent.cluster, intent->cluster) == 0 &&
                strcmp(last->intent.args, intent->args) == 0;

    return same ? find_waiting(p, last->intent.id) : NULL;
}

// record puts it on record, unless the same waits already.
static void record(struct ask *a) {
    static const struct cm_err ok = {.code = CM_OK};
    const struct hub_writing *same = find_same(a->place, &a->writing->intent);

    if (same != NULL) {
        struct hub_writing *copy = hub_writing_new(&same->intent);

        hub_writing_free(a->writing);
        a->writing = copy;
        answer(a, &ok, HUB_WRITER_WAITING);
        return;
    }
    a->record.run = run_record;
    a->record.done = record_done;
    cm_list_append(&a->place->recording, &a->in_list);
    hub_store_submit(a->place->owner->config.store, &a->record);
}

// What the hub decides by itself is put on record though the repository is not read yet.
static bool may_record(const struct ask *a) {
    return a->err.code == CM_OK || (a->err.code == CM_EBUSY && a->writing->automatic);
}

// is_so tells whether there is nothing to do: the tip says so, it has what was pushed until now,
// and nothing is on its way that changes it.
static bool is_so(const struct ask *a) {
    struct place *p = a->place;
    bool pushed_since =
        p->has_pushed && (!a->has_after || memcmp(&a->after, &p->pushed, sizeof(a->after)) != 0);

    return a->err.code == CM_OK && a->edit.path == NULL && a->fresh && !pushed_since &&
           find_last(p, &a->writing->intent) == NULL;
}

static void look_done(struct cm_job *job) {
    static const struct cm_err ok = {.code = CM_OK};
    struct ask *a = CM_CONTAINER(job, struct ask, look);
    struct hub_writer *w = a->place->owner;

    if (job->canceled || w->stopping) {
        (void)cm_fail(&a->err, CM_ECANCELED, "the hub is stopping");
    }
    if (!may_record(a)) {
        answer(a, &a->err, HUB_WRITER_WAITING);
    } else if (is_so(a)) {
        answer(a, &ok, HUB_WRITER_SO);
    } else if (a->dry_run) {
        answer(a, &ok, HUB_WRITER_SHOWN);
    } else if (a->place->config->write == HUB_WRITE_OFF) {
        answer(a, &ok, HUB_WRITER_OFF);
    } else {
        record(a);
    }
}

static struct hub_writing *writing_of(const struct hub_writer_ask *ask) {
    char made[CM_UUID_MAX];
    const struct hub_intent intent = {.id = ask->id != NULL ? ask->id : made,
                                      .kind = ask->kind,
                                      .app = ask->app,
                                      .cluster = ask->cluster,
                                      .cause = ask->cause,
                                      .args = ask->args != NULL ? ask->args : "{}",
                                      .actor = ask->actor,
                                      .made_ms = cm_clock_unix_ms()};

    cm_uuid(made);
    struct hub_writing *w = hub_writing_new(&intent);
    w->automatic = ask->automatic;
    return w;
}

void hub_writer_add(struct hub_writer *w, const struct hub_writer_ask *ask, hub_writer_fn done,
                    void *ctx) {
    struct place *p = find_place(w, ask->repository);
    struct cm_err err = {.code = CM_OK};

    if (p == NULL || w->stopping) {
        (void)cm_fail(&err, p == NULL ? CM_ENOTFOUND : CM_ECANCELED, "%s",
                      p == NULL ? "no repository with documents has this name any more"
                                : "the hub is stopping");
        done(ctx, &err, &(struct hub_writer_answer){.id = "", .diff = "", .path = "", .pull = ""});
        return;
    }
    struct ask *a = cm_new(1, sizeof(*a));
    a->place = p;
    a->writing = writing_of(ask);
    a->dry_run = ask->dry_run;
    a->has_after = p->has_pushed;
    a->after = p->pushed;
    a->done = done;
    a->ctx = ctx;
    a->look = (struct cm_job){.run = run_look, .done = look_done, .home = w->config.loop};
    w->jobs++;
    cm_workers_submit(hub_write_is_proven(&a->writing->intent) ? w->prove : w->look, &a->look);
}

// ---- The whole

static void make_metrics(struct place *p) {
    struct cm_metrics *m = p->owner->config.metrics;
    CM_AUTOFREE char *label = cm_strf("repository=\"%s\"", p->config->name);

    p->metric_written = cm_metrics_counter(m, "holdfast_writes_total", label,
                                           "Changes that are in Git because the hub was asked to.");
    p->metric_failures = cm_metrics_counter(m, "holdfast_write_failures_total", label,
                                            "Tries to write that failed.");
    p->metric_waiting =
        cm_metrics_gauge(m, "holdfast_writes_waiting", label, "Changes that are not in Git yet.");
    p->metric_pulls = cm_metrics_gauge(m, "holdfast_pull_requests_open", label,
                                       "Pull requests of the hub that wait for people.");
}

static void add_places(struct hub_writer *w) {
    const struct hub_repositories *list = w->config.repositories;

    w->places = cm_new(list->count + 1, sizeof(*w->places));
    for (size_t i = 0; i < list->count; i++) {
        struct place *p = &w->places[w->place_count];

        if (list->items[i].source_only) {
            continue;
        }
        w->place_count++;
        p->owner = w;
        p->config = &list->items[i];
        p->folder = cm_strf("%s/writes/%s", w->config.data_dir, p->config->name);
        p->timer = (struct cm_timer){.run = on_timer, .ctx = p};
        p->backoff = (struct cm_backoff){.min_ms = RETRY_MIN_MS, .max_ms = RETRY_MAX_MS};
        p->proofs = hub_proofs_new();
        cm_list_init(&p->waiting);
        cm_list_init(&p->recording);
        make_metrics(p);
    }
}

// load_one: what is for a repository that is not written to any more goes on waiting.
static void load_one(void *ctx, const struct hub_intent_row *row) {
    struct place *p = find_place(ctx, row->repository);
    const struct hub_intent intent = {.id = row->id,
                                      .kind = row->kind,
                                      .app = row->app,
                                      .cluster = row->cluster,
                                      .cause = row->cause,
                                      .args = row->args,
                                      .actor = row->actor,
                                      .made_ms = row->made_ms};

    if (p != NULL && p->config->write != HUB_WRITE_OFF) {
        struct hub_writing *w = hub_writing_new(&intent);

        w->pull = row->pull;
        w->automatic = row->automatic;
        cm_list_append(&p->waiting, &w->in_list);
        cm_metric_add(p->metric_waiting, 1);
        p->fresh = true;
    }
}

// load_pull: with one that is open the branch was found to be protected, but for captures, which
// may have asked for it; then that is found out once more.
static void load_pull(void *ctx, const struct hub_pull_row *row) {
    struct place *p = find_place(ctx, row->repository);

    if (p == NULL || p->forge == NULL || hub_pulls_find(&p->pulls, row->branch) != NULL) {
        return;
    }
    struct hub_pull *pull = hub_pulls_add(&p->pulls, row->branch, row->app);
    free(pull->title);
    free(pull->content);
    pull->title = cm_strdup(row->title);
    pull->content = cm_strdup(row->content);
    pull->number = row->number;
    pull->state = HUB_FORGE_IS_OPEN;
    (void)snprintf(pull->url, sizeof(pull->url), "%s", row->url);
    (void)snprintf(pull->head, sizeof(pull->head), "%s", row->head);
    p->by_pulls = p->by_pulls || strncmp(row->branch, HUB_WRITE_CAPTURE_BRANCH,
                                         strlen(HUB_WRITE_CAPTURE_BRANCH)) != 0;
    cm_metric_add(p->metric_pulls, 1);
}

static enum cm_rc open_forge(struct place *p, struct cm_err *err) {
    const struct hub_repository *r = p->config;
    CM_CLEANUP(hub_forge_project_done) struct hub_forge_project project = {0};

    p->by_pulls = r->write == HUB_WRITE_PULL_REQUEST;
    if (r->provider == NULL || r->write == HUB_WRITE_OFF) {
        return CM_OK;
    }
    if (hub_forge_project_of(hub_forge_provider_find(r->provider), r->url, r->api_url, r->project,
                             &project, err) < 0) {
        return err->code;
    }
    return hub_forge_new(
        &(struct hub_forge_config){.project = project,
                                   .token = r->api_token != NULL ? r->api_token : r->token,
                                   .ca_file = r->ca_file,
                                   .cancel_fd = p->owner->cancel_fd},
        &p->forge, err);
}

static enum cm_rc open_forges(struct hub_writer *w, struct cm_err *err) {
    for (size_t i = 0; i < w->place_count; i++) {
        if (open_forge(&w->places[i], err) < 0) {
            return cm_wrap(err, "repository '%s'", w->places[i].config->name);
        }
    }
    return CM_OK;
}

static enum cm_rc check_keys(const struct hub_repositories *list, struct cm_err *err) {
    for (size_t i = 0; i < list->count; i++) {
        const char *key = list->items[i].signing_key;

        if (key != NULL && cm_ssh_key_check(key, err) < 0) {
            return cm_wrap(err, "repository '%s': signingKeyFile", list->items[i].name);
        }
    }
    return CM_OK;
}

enum cm_rc hub_writer_new(const struct hub_writer_config *config, struct hub_writer **out,
                          struct cm_err *err) {
    struct hub_writer *w = cm_new(1, sizeof(*w));

    if (check_keys(config->repositories, err) < 0) {
        free(w);
        return err->code;
    }
    w->config = *config;
    w->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->world = (struct hub_writer_world){config->repositories, config->data_dir, w->cancel_fd};
    w->name = cm_strf("%s/epoch-%llu", config->hub_id, (unsigned long long)config->epoch);
    w->push = cm_workers_new("write", THREADS, NULL);
    w->look = cm_workers_new("look", 1, NULL);
    w->prove = cm_workers_new("prove", 1, NULL);
    w->told = cm_map_new(free);
    add_places(w);
    if (open_forges(w, err) < 0 ||
        hub_intents_each(hub_store_db(config->store), load_one, w, err) < 0 ||
        hub_pulls_each_open(hub_store_db(config->store), load_pull, w, err) < 0) {
        hub_writer_free(w);
        return err->code;
    }
    *out = w;
    return CM_OK;
}

void hub_writer_start(struct hub_writer *w) {
    for (size_t i = 0; i < w->place_count; i++) {
        schedule(&w->places[i]);
    }
}

void hub_writer_fetched(struct hub_writer *w, const char *repository) {
    struct place *p = find_place(w, repository);

    if (p != NULL && (p->by_pulls || p->pulls.count > 0) && p->told == NULL) {
        p->look = true;
        schedule(p);
    }
}

void hub_writer_stop(struct hub_writer *w, void (*stopped)(void *ctx), void *ctx) {
    w->stopping = true;
    w->stopped = stopped;
    w->stopped_ctx = ctx;
    // It fails only if the counter is full, and then the descriptor is readable.
    (void)eventfd_write(w->cancel_fd, 1);
    for (size_t i = 0; i < w->place_count; i++) {
        cm_timer_stop(w->config.loop, &w->places[i].timer);
    }
    w->jobs++;
    job_ended(w);
}

static void free_place(struct place *p) {
    while (!cm_list_empty(&p->waiting)) {
        struct hub_writing *w = CM_CONTAINER(p->waiting.next, struct hub_writing, in_list);

        cm_list_remove(&w->in_list);
        hub_writing_free(w);
    }
    hub_pulls_done(&p->pulls);
    free(p->holds);
    cm_map_free(p->proofs);
    hub_forge_free(p->forge);
    free(p->folder);
    free(p->told);
}

void hub_writer_free(struct hub_writer *w) {
    if (w == NULL) {
        return;
    }
    struct cm_workers *pools[] = {w->push, w->look, w->prove};
    for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
        cm_workers_stop(pools[i], false);
        cm_workers_free(pools[i]);
    }
    for (size_t i = 0; i < w->place_count; i++) {
        free_place(&w->places[i]);
    }
    free(w->places);
    cm_map_free(w->told);
    free(w->name);
    (void)close(w->cancel_fd);
    free(w);
}
