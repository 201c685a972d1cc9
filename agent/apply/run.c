// One App's way from a manifest to what it says.
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/apply/internal.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"

enum {
    WINDOW = 128,
    FIRST_WINDOW = 16, // while nothing has succeeded
    RETRY_MIN_MS = 1000,
    RETRY_MAX_MS = 60000,
    REFUSED_MS = 300000, // EINVAL: the object must change, or the target
    MESSAGE_MAX = 1000,
};

static void retry_due(void *ctx);

struct run *run_new(struct agent_apply *a, const char *app) {
    struct run *r = cm_new(1, sizeof(*r));

    r->owner = a;
    r->app = cm_strdup(app);
    r->retry = (struct cm_timer){.run = retry_due, .ctx = r};
    r->vanished = (struct cm_backoff){.min_ms = RETRY_MIN_MS, .max_ms = RETRY_MAX_MS};
    cm_list_init(&r->turn);
    cm_list_init(&r->waits);
    cm_list_init(&r->heard);
    return r;
}

// window_of bounds what waits at the target, which may not answer at all. While it does not answer
// some, any number of others may begin.
static size_t window_of(const struct run *r) {
    if (r->answered) {
        return r->late ? FIRST_WINDOW : WINDOW;
    }
    return r->late || r->owner->late > 0 ? 1 : FIRST_WINDOW;
}

static size_t step_count(const struct run *r) {
    return r->phase == RUN_PRUNING ? r->removals.count : r->plan.count;
}

static void drop_steps(struct run *r) {
    for (size_t i = 0; r->steps != NULL && i < r->step_count; i++) {
        free(r->steps[i].why);
    }
    free(r->steps);
    r->steps = NULL;
    r->step_count = 0;
}

// drop_plan frees what is needed only while the run goes on.
static void drop_plan(struct run *r) {
    drop_steps(r);
    cm_arena_free(r->arena);
    r->arena = NULL;
    r->awaited = NULL;
    r->plan = (struct agent_plan){0};
    r->removals = (struct agent_prune){0};
    r->stage = 0;
    r->stage_end = 0;
    r->next = 0;
}

void run_free(struct run *r) {
    if (r == NULL) {
        return;
    }
    cm_timer_stop(r->owner->loop, &r->retry);
    cm_list_remove(&r->turn);
    cm_list_remove(&r->waits);
    drop_plan(r);
    agent_bundle_unref(r->bundle);
    free(r->app);
    free(r->revision);
    free(r->account);
    free(r->error);
    free(r->held);
    free(r->told_message);
    free(r);
}

void run_tell(struct run *r, enum agent_applied_state applied, const char *message) {
    struct agent_apply *a = r->owner;

    if (r->gone || r->superseded || a->shut ||
        (r->was_told && r->told == applied && strcmp(r->told_message, message) == 0)) {
        return;
    }
    free(r->told_message);
    r->told_message = cm_strndup(message, MESSAGE_MAX);
    r->told = applied;
    r->was_told = true;
    a->host.app_state(a->host.ctx, &(struct agent_app_state){.app = r->app,
                                                             .revision = r->revision,
                                                             .bundle_sha256 = r->bundle->sha256,
                                                             .applied = applied,
                                                             .message = r->told_message});
}

static void tellf(struct run *r, enum agent_applied_state applied, const char *fmt, ...)
    CM_PRINTF(3, 4);

static void tellf(struct run *r, enum agent_applied_state applied, const char *fmt, ...) {
    char message[MESSAGE_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    run_tell(r, applied, message);
}

// ---- Steps, whether of applying or of removing

static const char *step_key(const struct run *r, size_t i) {
    return r->phase == RUN_PRUNING ? r->removals.removals[i].key : r->plan.steps[i].entry->key;
}

static size_t stage_end(const struct run *r, size_t from) {
    return r->phase == RUN_PRUNING ? agent_prune_stage(&r->removals, from)
                                   : agent_plan_stage(&r->plan, from);
}

static void step_succeeded(struct run *r, size_t i) {
    r->steps[i].state = STEP_DONE;
    free(r->steps[i].why);
    r->steps[i].why = NULL;
    r->succeeded++;
}

// begin_removal: what nobody lists and somebody else deleted was forgotten meanwhile.
static void begin_removal(struct run *r, size_t i) {
    const struct agent_item *item = agent_cache_item(r->owner->cache, step_key(r, i));

    if (item == NULL) {
        step_succeeded(r, i);
    } else if (r->removals.removals[i].release) {
        op_release(r, i, item);
    } else {
        op_remove(r, i, item);
    }
}

static void begin_step(struct run *r, size_t i) {
    r->steps[i].state = STEP_BUSY;
    if (r->phase == RUN_PRUNING) {
        begin_removal(r, i);
        return;
    }
    const struct agent_step *s = &r->plan.steps[i];
    if (s->hook) {
        hook_begin(r, i);
    } else if (s->changes) {
        op_apply(r, i, s->entry, s->is_new);
    } else { // a gate that is only waited for; what needs it may have moved
        agent_cache_set_wave(r->owner->cache, s->entry->key, s->entry->wave);
        step_succeeded(r, i);
    }
}

// changes tells whether a step asks anything of the target.
static bool changes(const struct run *r, size_t i) {
    return r->phase == RUN_PRUNING || r->plan.steps[i].hook || r->plan.steps[i].changes;
}

// begin_steps starts what the window has room for, in order, and what failed and is due again.
static void begin_steps(struct run *r) {
    bool frozen = apply_freeze_of(r->owner, r->app) != NULL;
    int64_t now = cm_clock_now_ms();

    while (r->next < r->stage_end && r->in_flight < window_of(r) &&
           !(frozen && changes(r, r->next))) {
        size_t i = r->next++;

        if (r->steps[i].state == STEP_TODO) {
            begin_step(r, i);
        }
    }
    for (size_t i = r->stage;
         r->failed > 0 && !frozen && i < r->next && r->in_flight < window_of(r); i++) {
        if (r->steps[i].state == STEP_FAILED && r->steps[i].due_ms <= now) {
            r->failed--;
            begin_step(r, i);
        }
    }
}

struct failures {
    size_t count;      // steps that failed and have not succeeded since
    const char *first; // why
    int64_t due_ms;    // when the next one is tried; INT64_MAX if all are being tried
};

static struct failures look_at_failures(const struct run *r) {
    struct failures f = {.due_ms = INT64_MAX};

    for (size_t i = r->stage; i < r->next; i++) {
        const struct step *s = &r->steps[i];

        if (s->why == NULL) {
            continue;
        }
        f.first = f.count++ == 0 ? s->why : f.first;
        if (s->state == STEP_FAILED && s->due_ms < f.due_ms) {
            f.due_ms = s->due_ms;
        }
    }
    return f;
}

// closed_gate returns a gate of the present stage that is not healthy yet, or NULL.
static const char *closed_gate(const struct run *r) {
    const struct agent_apply_host *host = &r->owner->host;

    for (size_t i = r->stage; r->phase == RUN_STEPPING && i < r->stage_end; i++) {
        const struct agent_step *s = &r->plan.steps[i];

        if (s->gate && host->health(host->ctx, s->entry->key) != AGENT_HEALTH_HEALTHY) {
            return s->entry->key;
        }
    }
    return NULL;
}

// unhealthy_before returns an object of the waves before the present stage that is not healthy, or
// NULL.
static const char *unhealthy_before(const struct run *r) {
    const struct agent_apply_host *host = &r->owner->host;
    const struct agent_step *step = &r->plan.steps[r->stage];

    for (size_t i = 0; i < r->bundle->entry_count; i++) {
        const struct agent_entry *entry = &r->bundle->entries[i];

        if (agent_plan_needs(step, entry) &&
            host->health(host->ctx, entry->key) != AGENT_HEALTH_HEALTHY) {
            return entry->key;
        }
    }
    return NULL;
}

// Waiting for health: what an App of its kind may wait for too long is a failure, though it goes on
// as soon as what it waits for is healthy.

static bool is_late(const struct run *r) {
    return r->owner->host.app_late(r->owner->host.ctx, r->app);
}

static enum agent_applied_state waiting_state(const struct run *r) {
    return is_late(r) ? AGENT_APP_FAILED : AGENT_APP_APPLYING;
}

// why_ill says what ails an object that is waited for; nothing while it is on its way, because then
// the words change by the moment.
static const char *why_ill(const struct run *r, const char *key) {
    const struct agent_apply_host *host = &r->owner->host;
    enum agent_health health = host->health(host->ctx, key);

    if (health == AGENT_HEALTH_MISSING) {
        return "it has vanished, and is made again";
    }
    return is_late(r) || health == AGENT_HEALTH_DEGRADED ? host->why(host->ctx, key) : "";
}

// bring_back makes again what is waited for and has vanished: it belongs to what this run brings
// about, whatever the App says of drift.
static void bring_back(struct run *r, const char *key) {
    const struct agent_apply_host *host = &r->owner->host;
    const struct agent_entry *entry = agent_bundle_find(r->bundle, key);
    int64_t now_ms = cm_clock_now_ms();

    if (host->health(host->ctx, key) != AGENT_HEALTH_MISSING || r->in_flight > 0 ||
        !run_may_correct(r, entry)) {
        return;
    }
    if (now_ms >= r->vanished_due_ms) {
        cm_log(CM_LOG_WARN, "agent.vanished", "what is waited for has vanished, and is made again",
               "app", r->app, "object", key, NULL);
        r->vanished_due_ms = now_ms + cm_backoff_next(&r->vanished);
        op_apply(r, AGAIN, entry, false);
    } else {
        cm_timer_start(r->owner->loop, &r->retry, r->vanished_due_ms - now_ms);
    }
}

// tell_waiting says that something waits until an object is healthy.
static void tell_waiting(struct run *r, const char *who, const char *key) {
    const char *why = why_ill(r, key);

    apply_waits(r);
    tellf(r, waiting_state(r), "%swaits %suntil %s is healthy%s%s", who,
          is_late(r) ? "longer than health.timeout allows " : "", key, why[0] == '\0' ? "" : ": ",
          why);
    bring_back(r, key);
}

// awaited_by returns what the driver says that the present stage waits for, or NULL. What does not
// come up in its time may wait for the very webhook.
static const char *awaited_by(struct run *r) {
    const char *key = apply_awaited(r);

    if (key == NULL || !is_late(r)) {
        return key;
    }
    cm_log(CM_LOG_WARN, "agent.awaited_long",
           "an object is made though what it needs is not healthy: that took longer than "
           "health.timeout allows",
           "app", r->app, "object", r->plan.steps[r->stage].entry->key, "needs", key, NULL);
    return NULL;
}

// may_begin tells whether the present stage has begun or begins now; else it says what it waits
// for.
static bool may_begin(struct run *r) {
    const char *key = r->phase == RUN_STEPPING && !r->stage_begun ? unhealthy_before(r) : NULL;

    const char *awaited =
        r->phase == RUN_STEPPING && !r->stage_begun && key == NULL ? awaited_by(r) : NULL;

    r->stage_begun = key == NULL && awaited == NULL;
    if (!r->stage_begun) {
        const struct agent_step *step = &r->plan.steps[r->stage];
        CM_AUTOFREE char *who = awaited != NULL ? cm_strf("%s ", step->entry->key)
                                : step->hook    ? cm_strf("hook %s ", step->entry->key)
                                                : cm_strf("wave %d ", step->wave);

        tell_waiting(r, who, awaited != NULL ? awaited : key);
    }
    return r->stage_begun;
}

static void tell_frozen(struct run *r, const struct agent_freeze *f) {
    tellf(r, AGENT_APP_PENDING, "frozen by %s ('%s'): %s", f->who[0] == '\0' ? "somebody" : f->who,
          f->name, f->why);
}

// tell_hook says that a hook runs, and how it is doing.
static void tell_hook(struct run *r, const char *key) {
    const char *why = r->owner->host.why(r->owner->host.ctx, key);

    tellf(r, waiting_state(r), "hook %s runs%s%s%s", key,
          is_late(r) ? ", longer than health.timeout allows" : "", why[0] == '\0' ? "" : ": ", why);
}

// tell_progress says that the stage goes on, or what failed, and sees to it that it is tried again.
static void tell_progress(struct run *r) {
    const struct agent_freeze *freeze = apply_freeze_of(r->owner, r->app);
    struct failures f = {.due_ms = INT64_MAX};

    if (freeze != NULL) {
        tell_frozen(r, freeze);
        return;
    }

    if (r->any_failed) {
        f = look_at_failures(r);
    }
    const char *hook = f.count == 0 ? hook_awaited(r) : NULL;
    if (hook_waits(r)) {
        apply_waits(r);
    }
    if (hook != NULL) {
        tell_hook(r, hook);
    } else if (f.count == 0) {
        run_tell(r, AGENT_APP_APPLYING, "");
    } else if (f.count == 1) {
        run_tell(r, AGENT_APP_FAILED, f.first);
    } else {
        tellf(r, AGENT_APP_FAILED, "%s (and %zu more)", f.first, f.count - 1);
    }
    if (f.due_ms != INT64_MAX &&
        r->in_flight < window_of(r)) { // else the next one that ends goes on
        cm_timer_start(r->owner->loop, &r->retry, f.due_ms - cm_clock_now_ms());
    }
}

static void next_stage(struct run *r) {
    r->stage = r->stage_end;
    r->stage_end = stage_end(r, r->stage);
    r->succeeded = 0;
    r->failed = 0;
    r->any_failed = false;
    r->stage_begun = false;
    r->awaited = NULL; // the arena's
}

// go_steps goes on with the present stage, and with the next ones; true when none is left.
static bool go_steps(struct run *r) {
    while (r->stage < step_count(r)) {
        if (!may_begin(r)) {
            return false;
        }
        if (apply_freeze_of(r->owner, r->app) == NULL) {
            hook_look(r);
        }
        begin_steps(r);
        if (r->succeeded < r->stage_end - r->stage) {
            tell_progress(r);
            return false;
        }
        const char *gate = closed_gate(r);
        if (gate != NULL && r->stage_end < step_count(r)) {
            tell_waiting(r, "", gate);
            return false;
        }
        next_stage(r);
    }
    return true;
}

// ---- Phases

static void begin_phase(struct run *r, enum run_phase phase) {
    drop_steps(r);
    r->phase = phase;
    r->step_count = step_count(r);
    r->steps = cm_new(r->step_count + 1, sizeof(*r->steps));
    for (size_t i = 0; i < step_count(r); i++) {
        r->steps[i].backoff = (struct cm_backoff){.min_ms = RETRY_MIN_MS, .max_ms = RETRY_MAX_MS};
    }
    r->next = 0;
    r->stage_end = 0;
    next_stage(r);
}

static void begin_stepping(struct run *r) {
    struct agent_plan_world world = apply_world(r);
    const struct agent_desired_app *app = agent_desired_app(r->owner->desired, r->app);

    assert(app != NULL && app->bundle == r->bundle);
    r->arena = cm_arena_new(0);
    agent_plan_apply(r->arena, &world, app, r->all, &r->plan);
    begin_phase(r, RUN_STEPPING);
}

static const char *why_left(struct cm_arena *a, const struct agent_left *left) {
    static const char *const why[] = {
        [AGENT_KEPT_PRUNE_OFF] = "no longer in Git; it stays, because prune is false",
        [AGENT_KEPT_PRECIOUS] = "no longer in Git; it stays, because removing it would take data "
                                "with it: delete it by hand, or set prunePrecious of the App",
        [AGENT_KEPT_ANNOTATED] = "no longer in Git; it stays, because an annotation on it says "
                                 "that it is not to be pruned",
    };

    return left->why != AGENT_KEPT_FOR_OTHERS
               ? why[left->why]
               : cm_arena_strf(a,
                               "no longer in Git; it stays, because removing it would take %s of "
                               "App '%s' with it, which stays",
                               left->other->key, left->other->app);
}

// settle_left says of what stays why it does, and takes down what is to be released: should the App
// come back before that is done, these objects are none of its own.
static void settle_left(struct run *r) {
    struct agent_apply *a = r->owner;

    r->for_others = false;
    for (size_t i = 0; i < r->removals.left_count; i++) {
        const struct agent_left *l = &r->removals.left[i];

        r->for_others |= l->why == AGENT_KEPT_FOR_OTHERS;
        a->host.left(a->host.ctx, r->app, l->item->key, why_left(r->arena, l));
    }
    for (size_t i = 0; i < r->removals.released; i++) { // they come first
        agent_cache_set_release(a->cache, r->removals.removals[i].key);
    }
    if (r->removals.released > 0) {
        agent_cache_commit(a->cache, NULL, NULL);
    }
}

static void note_of(struct run *r, const char *key, bool hook) {
    if (!hook && agent_cache_hook(r->owner->cache, key) == NULL) {
        agent_cache_set_propagation(r->owner->cache, key, r->bundle->propagation);
    }
}

// note_propagation takes down how the App's objects go when they go: also those that did not
// change, for the day when the App is gone itself, and those that leave now.
static void note_propagation(struct run *r) {
    for (size_t i = 0; !r->gone && i < r->bundle->entry_count; i++) {
        note_of(r, r->bundle->entries[i].key, agent_entry_is_hook(&r->bundle->entries[i]));
    }
    for (size_t i = 0; !r->gone && i < r->removals.count; i++) {
        note_of(r, r->removals.removals[i].key, false);
    }
    agent_cache_commit(r->owner->cache, NULL, NULL);
}

static void begin_pruning(struct run *r) {
    struct agent_apply *a = r->owner;
    struct agent_plan_world world = apply_world(r);
    size_t count = 0;
    CM_AUTOFREE const struct agent_item **items = apply_unowned(a, r->app, &count);

    if (r->arena == NULL) {
        r->arena = cm_arena_new(0);
    }
    agent_plan_prune(r->arena, &world, a->desired, items, count, &r->pruning, &r->removals);
    settle_left(r);
    note_propagation(r);
    begin_phase(r, RUN_PRUNING);
}

static void finish(struct run *r) {
    struct agent_apply *a = r->owner;
    bool makes_room = r->removals.count > 0 && !r->again;
    const struct agent_app_removed removed = {.app = r->app,
                                              .revision = r->revision,
                                              .removed = r->removals.count - r->removals.released,
                                              .left = r->removals.released};

    r->phase = RUN_DONE;
    r->all = false;
    cm_timer_stop(a->loop, &r->retry);
    drop_plan(r);
    hook_forget(r);
    if (r->gone) {
        a->host.app_removed(a->host.ctx, &removed);
    } else {
        run_tell(r, AGENT_APP_APPLIED, r->held == NULL ? "" : r->held);
    }
    agent_apply_woken(a);
    if (makes_room) {
        apply_pruned(a);
    }
}

// needs_changes tells whether there is anything that dependsOn could hold up.
static bool needs_changes(struct run *r) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *scratch = cm_arena_new(0);
    struct agent_plan_world world = apply_world(r);
    struct agent_plan plan;

    agent_plan_apply(scratch, &world, agent_desired_app(r->owner->desired, r->app), r->all, &plan);
    return plan.changes > 0;
}

// tell_held says that an App waits for another one, and what ails that.
static void tell_held(struct run *r, const char *name) {
    const struct agent_apply_host *host = &r->owner->host;
    enum agent_health health = host->app_health(host->ctx, name);
    bool ill = health == AGENT_HEALTH_DEGRADED || health == AGENT_HEALTH_MISSING;
    CM_AUTOFREE char *why = ill ? host->app_why(host->ctx, name) : NULL;

    tellf(r, AGENT_APP_PENDING, "waits for App '%s' to be applied and healthy%s%s", name,
          why == NULL ? "" : ": ", why == NULL ? "" : why);
}

// is_held tells whether an App that this one depends on is not ready, and says so.
static bool is_held(struct run *r) {
    struct agent_apply *a = r->owner;

    for (size_t i = 0; i < r->bundle->depends_on_count; i++) {
        const char *name = r->bundle->depends_on[i];
        const struct run *other = cm_map_get(a->runs, name);

        if (other == NULL || other->gone) {
            tellf(r, AGENT_APP_PENDING, "waits for App '%s', which this cluster does not have",
                  name);
            return true;
        }
        if (other->phase != RUN_DONE ||
            a->host.app_health(a->host.ctx, name) != AGENT_HEALTH_HEALTHY) {
            tell_held(r, name);
            return true;
        }
    }
    return false;
}

void run_prune(struct run *r) {
    r->again = true;
    begin_pruning(r);
    run_go(r);
}

void run_begin(struct run *r) {
    if (r->error != NULL) {
        r->phase = RUN_STUCK;
        run_tell(r, AGENT_APP_FAILED, r->error);
    } else if (r->gone) {
        begin_pruning(r);
        run_go(r);
    } else if (r->owner->driver->observes) {
        r->phase = RUN_SUSPENDED;
        run_tell(r, AGENT_APP_OBSERVED, "");
    } else if (r->bundle->suspend) {
        r->phase = RUN_SUSPENDED;
        run_tell(r, AGENT_APP_SUSPENDED, "");
    } else {
        r->phase = RUN_WAITING;
        run_go(r);
    }
}

static void go(struct run *r) {
    cm_list_remove(&r->waits);
    if (r->phase == RUN_WAITING) {
        if (r->bundle->depends_on_count > 0 && needs_changes(r) && is_held(r)) {
            apply_waits(r);
            return;
        }
        if (!apply_has_turn(r)) {
            return;
        }
        begin_stepping(r);
    }
    if (r->phase == RUN_STEPPING && go_steps(r)) {
        begin_pruning(r);
    }
    if (r->phase == RUN_PRUNING && go_steps(r)) {
        finish(r);
    }
}

// An operation may end while it is being begun: then the outermost call goes on.
void run_go(struct run *r) {
    if (r->superseded || r->owner->shut || r->held_by != NULL) {
        return;
    }
    if (r->going) {
        r->go_again = true;
        return;
    }
    r->going = true;
    do {
        r->go_again = false;
        go(r);
    } while (r->go_again);
    r->going = false;
}

static void retry_due(void *ctx) {
    run_go(ctx);
}

void run_retry_now(struct run *r) {
    for (size_t i = r->stage; r->steps != NULL && i < r->next; i++) {
        if (r->steps[i].state == STEP_FAILED && r->steps[i].code == CM_EIO) {
            r->steps[i].due_ms = 0;
            cm_backoff_reset(&r->steps[i].backoff);
        }
    }
    run_go(r);
}

void run_try(struct run *r, const struct agent_entry *entry) {
    for (size_t i = r->stage; r->steps != NULL && i < r->next; i++) {
        if (r->plan.steps[i].entry == entry && r->steps[i].state == STEP_FAILED) {
            r->steps[i].due_ms = 0;
        }
    }
    run_go(r);
}

// is_busy_with tells whether the present stage is at an object.
static bool is_busy_with(const struct run *r, const struct agent_entry *entry) {
    for (size_t i = r->stage; r->phase == RUN_STEPPING && i < r->stage_end; i++) {
        if (r->plan.steps[i].entry == entry) {
            return r->steps[i].state == STEP_BUSY;
        }
    }
    return false;
}

bool run_may_correct(const struct run *r, const struct agent_entry *entry) {
    const struct agent_item *item = agent_cache_item(r->owner->cache, entry->key);
    bool has_it = item != NULL && item->applied && strcmp(item->app, r->app) == 0 &&
                  cm_sha256_equal(&item->sha256, &entry->sha256);

    if (r->gone || r->held_by != NULL || r->phase == RUN_STUCK || r->phase == RUN_SUSPENDED ||
        apply_freeze_of(r->owner, r->app) != NULL) {
        return false;
    }
    return r->phase == RUN_DONE || (has_it && !is_busy_with(r, entry));
}

// ---- What came of a step

static int64_t pause_of(struct step *s, const struct cm_err *error, int64_t retry_after_ms) {
    if (retry_after_ms > 0) { // never sooner, and not all of them at once
        return retry_after_ms + cm_jitter_ms(retry_after_ms / 4);
    }
    return error->code == CM_EINVAL ? REFUSED_MS : cm_backoff_next(&s->backoff);
}

void run_step_failed(struct run *r, size_t i, const char *why, enum cm_rc code, int64_t pause_ms) {
    struct step *s = &r->steps[i];
    int64_t pause = pause_ms == 0 ? cm_backoff_next(&s->backoff) : pause_ms;

    s->state = STEP_FAILED;
    s->code = code;
    s->due_ms = pause == INT64_MAX ? INT64_MAX : cm_clock_now_ms() + pause;
    free(s->why);
    s->why = cm_strdup(why);
    r->failed++;
    r->any_failed = true;
}

static void step_failed(struct run *r, size_t i, const char *key, const struct cm_err *error,
                        int64_t retry_after_ms) {
    CM_AUTOFREE char *why = cm_strf("%s: %s", key, error->msg);

    run_step_failed(r, i, why, error->code, pause_of(&r->steps[i], error, retry_after_ms));
}

// step_ended: a hook that was made still has to run.
static void step_ended(struct run *r, size_t i) {
    if (r->steps[i].hook == HOOK_MAKING) {
        r->steps[i].hook = HOOK_AWAITED;
    } else {
        step_succeeded(r, i);
    }
}

void run_op_ended(struct run *r, size_t step, const char *key, const struct cm_err *error,
                  int64_t retry_after_ms) {
    struct agent_apply *a = r->owner;
    bool canceled = error != NULL && error->code == CM_ECANCELED;

    r->in_flight--;
    r->answered |= error == NULL;
    if (error != NULL && !canceled && !a->shut) {
        a->host.failed(a->host.ctx, r->app, key, error->msg);
    }
    if (r->superseded) {
        if (r->in_flight == 0) {
            apply_run_over(r);
        }
        return;
    }
    if (a->shut || canceled) {
        return;
    }
    if (step == CORRECTION || step == AGAIN) {
        run_go(r); // its place in the window is free
        return;
    }
    if (error == NULL) {
        step_ended(r, step);
    } else {
        step_failed(r, step, key, error, retry_after_ms);
    }
    run_go(r);
}
