#include "agent/apply/apply.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/apply/internal.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"

// The objects of an App that no App lists, as they were when the manifest came.
struct keys {
    char **keys;
    size_t count;
};

static void keys_free(void *value) {
    struct keys *k = value;

    for (size_t i = 0; i < k->count; i++) {
        free(k->keys[i]);
    }
    free(k->keys);
    free(k);
}

enum { BUSY_MAX = 64, LATE_MS = 5000 };

static void run_wake(void *ctx);
static void run_turns(void *ctx);
static void on_overdue(void *ctx);

struct agent_apply *agent_apply_new(struct cm_loop *loop, struct agent_driver *driver,
                                    struct agent_cache *cache,
                                    const struct agent_apply_host *host) {
    struct agent_apply *a = cm_new(1, sizeof(*a));

    a->loop = loop;
    a->driver = driver;
    a->cache = cache;
    a->host = *host;
    a->runs = cm_map_new(NULL);
    a->unowned = cm_map_new(keys_free);
    a->observed = cm_map_new(apply_observed_free);
    apply_found_init(a);
    a->wake = (struct cm_task){.run = run_wake, .ctx = a};
    a->overdue = (struct cm_timer){.run = on_overdue, .ctx = a};
    cm_list_init(&a->heard);
    cm_list_init(&a->turns);
    cm_list_init(&a->waiting);
    cm_list_init(&a->woken);
    a->turn = (struct cm_task){.run = run_turns, .ctx = a};
    apply_freeze_init(a);
    return a;
}

void agent_apply_shut(struct agent_apply *a) {
    a->shut = true;
    cm_timer_stop(a->loop, &a->thaw);
    cm_timer_stop(a->loop, &a->overdue);
}

static bool free_run(void *ctx, const char *app, void *value) {
    struct run *r = value;

    (void)ctx;
    (void)app;
    assert(r->in_flight == 0);
    run_free(r);
    return true;
}

void agent_apply_free(struct agent_apply *a) {
    if (a == NULL) {
        return;
    }
    assert(!a->wake_posted && !a->turn_posted && a->draining == 0);
    cm_map_each(a->runs, free_run, NULL);
    cm_map_free(a->runs);
    cm_map_free(a->unowned);
    cm_map_free(a->observed);
    apply_found_done(a);
    agent_desired_free(a->desired);
    free(a);
}

const struct agent_desired *agent_apply_desired(const struct agent_apply *a) {
    return a->desired;
}

// ---- The world that plans are made from

static const struct agent_item *world_item(void *ctx, const char *key) {
    const struct agent_apply *a = ctx;

    return agent_cache_item(a->cache, key);
}

static bool world_wrong(void *ctx, const char *key) {
    const struct agent_apply *a = ctx;

    return a->host.wrong(a->host.ctx, key);
}

static void world_place(void *ctx, const char *key, struct agent_place *out) {
    const struct agent_apply *a = ctx;

    a->driver->ops->place(a->driver, key, out);
}

static bool never_wrong(void *ctx, const char *key) {
    (void)ctx;
    (void)key;
    return false;
}

static bool world_ran(void *ctx, const char *key, const struct agent_bundle *bundle) {
    return hook_has_run(ctx, key, bundle);
}

static bool world_moved(void *ctx, const struct agent_item *item, const char *default_namespace) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *scratch = cm_arena_new(0);
    const struct agent_apply *a = ctx;
    const char *there;

    return apply_locate(a, scratch, item, default_namespace, &there) != APPLY_SAME_PLACE;
}

struct insides {
    const struct agent_apply *a;
    const char *key;
    struct cm_json *form; // of the object that goes; NULL: not known
    void (*take)(void *arg, const struct agent_item *item);
    void *arg;
};

static void give_inside(void *ctx, const struct agent_item *item) {
    struct insides *in = ctx;
    const struct agent_driver *d = in->a->driver;

    if (d->ops->takes(d, in->key, in->form, item->key, item->default_namespace)) {
        in->take(in->arg, item);
    }
}

// is_secret: the hub names a core Secret by a keyed hash, and all else by what it says.
static bool is_secret(const char *key) {
    return strncmp(key, "Secret/", strlen("Secret/")) == 0;
}

struct cm_json *apply_form(const struct agent_apply *a, struct cm_arena *arena,
                           const struct cm_sha256 *sha256, bool keyed) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    struct cm_json *form = NULL;
    struct cm_err ignored;

    return agent_cache_blob(a->cache, sha256, keyed, &bytes, &ignored) == CM_OK &&
                   cm_json_parse(arena, (const char *)bytes->data, bytes->size, NULL, &form,
                                 &ignored) == CM_OK
               ? form
               : NULL;
}

static void world_inside(void *ctx, const char *key,
                         void (*take)(void *arg, const struct agent_item *item), void *arg) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *scratch = cm_arena_new(0);
    const struct agent_apply *a = ctx;
    const struct agent_item *item = agent_cache_item(a->cache, key);
    struct insides in = {a, key, NULL, take, arg};

    if (a->driver->ops->takes == NULL) {
        return;
    }
    in.form = item == NULL ? NULL : apply_form(a, scratch, &item->sha256, is_secret(key));
    agent_cache_each_item(a->cache, give_inside, &in);
}

// world_prunes: an App that is gone has nothing else to do. A run of another bundle is about to
// end.
static bool world_prunes(void *ctx, const char *app) {
    const struct agent_apply *a = ctx;
    const struct agent_desired_app *listed = agent_desired_app(a->desired, app);
    const struct run *r = cm_map_get(a->runs, app);
    bool there = listed == NULL || (r != NULL && r->bundle == listed->bundle &&
                                    (r->phase == RUN_PRUNING || r->phase == RUN_DONE));

    return there && apply_freeze_of(a, app) == NULL;
}

struct agent_plan_world apply_world(struct run *r) {
    return (struct agent_plan_world){.item = world_item,
                                     .wrong = r->heal ? world_wrong : never_wrong,
                                     .place = world_place,
                                     .moved = world_moved,
                                     .inside = world_inside,
                                     .prunes = world_prunes,
                                     .ran = world_ran,
                                     .ctx = r->owner};
}

static void track_item(void *ctx, const struct agent_item *item) {
    struct agent_apply *a = ctx;

    if (item->applied && !item->release) {
        a->driver->ops->track(a->driver,
                              &(struct agent_owned){.app = item->app,
                                                    .key = item->key,
                                                    .default_namespace = item->default_namespace,
                                                    .uid = item->uid,
                                                    .note = item->note,
                                                    .account = ""});
    }
}

void agent_apply_track_all(struct agent_apply *a) {
    if (a->driver->observes) {
        return; // the manifest says what is tracked
    }
    agent_cache_each_item(a->cache, track_item, a);
}

// ---- What nobody lists

static void note_unowned(void *ctx, const struct agent_item *item) {
    struct agent_apply *a = ctx;
    struct keys *k = cm_map_get(a->unowned, item->app);

    if (agent_desired_claim(a->desired, item->key) != NULL) {
        return;
    }
    if (k == NULL) {
        k = cm_new(1, sizeof(*k));
        cm_map_put(a->unowned, item->app, k);
    }
    k->keys = cm_resize(k->keys, (k->count + 1) * sizeof(*k->keys));
    k->keys[k->count++] = cm_strdup(item->key);
}

static void find_unowned(struct agent_apply *a) {
    cm_map_free(a->unowned);
    a->unowned = cm_map_new(keys_free);
    if (!a->desired->doubted) {
        agent_cache_each_item(a->cache, note_unowned, a);
    }
}

const struct agent_item **apply_unowned(struct agent_apply *a, const char *app, size_t *count) {
    const struct keys *k = cm_map_get(a->unowned, app);
    const struct agent_item **items = cm_new(k == NULL ? 1 : k->count, sizeof(*items));

    *count = 0;
    for (size_t i = 0; k != NULL && i < k->count; i++) {
        const struct agent_item *item = agent_cache_item(a->cache, k->keys[i]);

        if (item != NULL && strcmp(item->app, app) == 0) {
            items[(*count)++] = item;
        }
    }
    return items;
}

// ---- What moves, because its App's default namespace is another one

enum apply_where apply_locate(const struct agent_apply *a, struct cm_arena *scratch,
                              const struct agent_item *item, const char *default_namespace,
                              const char **there) {
    const struct agent_driver *d = a->driver;
    const char *here = d->ops->locate(d, scratch, item->key, default_namespace);

    *there = d->ops->locate(d, scratch, item->key, item->default_namespace);
    return here == NULL || *there == NULL ? APPLY_UNKNOWN_PLACE
           : strcmp(here, *there) == 0    ? APPLY_SAME_PLACE
                                          : APPLY_OTHER_PLACE;
}

void apply_leave_behind(struct agent_apply *a, const struct agent_item *item, const char *there) {
    CM_AUTOFREE char *key = cm_strdup(item->key);
    CM_AUTOFREE char *app = cm_strdup(item->app);
    struct agent_item left = *item;

    left.key = there;
    if (agent_cache_item(a->cache, there) == NULL) {
        agent_cache_put_item(a->cache, &left);
    }
    op_forget(a, item);
    item = agent_cache_item(a->cache, there);
    cm_log(CM_LOG_INFO, "agent.moved", "an App has another namespace; what is in the old one goes",
           "app", app, "object", key, "was", there, NULL);
    track_item(a, item);
    a->host.applied(a->host.ctx, item);
    if (!a->desired->doubted) {
        note_unowned(a, item);
    }
}

// ---- Runs

// inherit: what was said of the App need not be said again, if nothing about it changed. Whether
// the target answers it does not depend on what it wants.
static void inherit(struct run *next, struct run *old) {
    bool same = next->bundle != NULL && next->bundle == old->bundle &&
                strcmp(next->revision, old->revision) == 0;

    next->told = old->told;
    next->told_message = CM_TAKE(old->told_message);
    next->was_told = same && old->was_told;
    next->late = old->late;
}

// hold makes `next` (may be NULL) begin when nothing of `old` is in flight any more.
static void hold(struct run *old, struct run *next) {
    old->successor = next;
    if (next != NULL) {
        next->held_by = old;
    }
}

// replace ends an App's run for a new one, or for none.
static void replace(struct agent_apply *a, const char *app, struct run *next) {
    struct run *old = cm_map_take(a->runs, app);

    if (next != NULL) {
        cm_map_put(a->runs, next->app, next);
    }
    if (old != NULL && next != NULL) {
        inherit(next, old);
    }
    if (old != NULL && old->held_by != NULL) {
        hold(old->held_by, next);
        run_free(old);
    } else if (old != NULL && old->in_flight > 0) {
        cm_timer_stop(a->loop, &old->retry);
        old->superseded = true;
        a->draining++;
        hold(old, next);
    } else {
        run_free(old);
        if (next != NULL) {
            run_begin(next);
        }
    }
}

void apply_run_over(struct run *r) {
    struct run *next = r->successor;

    r->owner->draining--;
    run_free(r);
    if (next != NULL && !next->owner->shut) {
        next->held_by = NULL;
        run_begin(next);
    }
}

static struct run *run_for(struct agent_apply *a, const struct agent_desired_app *app, bool all) {
    struct run *r = run_new(a, app->name);

    r->revision = cm_strdup(app->revision);
    r->bundle = agent_bundle_ref(app->bundle);
    r->error = cm_strdup(app->error);
    r->held = cm_strdup(app->held);
    r->pruning = (struct agent_pruning){.prune = app->bundle->prune,
                                        .precious = app->bundle->prune_precious};
    r->all = all;
    return r;
}

// can_go_on tells whether an App's run works on the right bundle already and has not ended.
static bool can_go_on(const struct run *r, const struct agent_desired_app *app) {
    return r != NULL && !r->gone && r->bundle == app->bundle && app->error == NULL &&
           (r->held == NULL) == (app->held == NULL) &&
           (r->phase == RUN_WAITING || r->phase == RUN_STEPPING);
}

// observe_anew asks how the objects of an App are: what counts as drift, or as healthy, is another
// thing now, and of what did not change the driver says nothing by itself.
static void observe_anew(struct agent_apply *a, const struct agent_bundle *bundle) {
    for (size_t i = 0; i < bundle->entry_count; i++) {
        a->driver->ops->observe(a->driver, bundle->entries[i].key);
    }
}

// heals tells whether what somebody changed is put right by the way: where the App is another one
// in Git, or `drift: correct` says so; not where only a rule or an exemption begins or ends.
static bool heals(const struct run *r, const struct agent_desired_app *app) {
    return app->bundle->drift == AGENT_DRIFT_CORRECT ||
           (r != NULL && r->bundle != app->bundle &&
            ((r->heal && r->phase != RUN_DONE) || r->bundle == NULL ||
             r->bundle->drift != app->bundle->drift ||
             !agent_bundle_same_objects(r->bundle, app->bundle)));
}

static void start_app(struct agent_apply *a, const struct agent_desired_app *app) {
    struct run *r = cm_map_get(a->runs, app->name);

    if (can_go_on(r, app)) {
        free(r->revision);
        r->revision = cm_strdup(app->revision);
        if (r->held_by == NULL) {
            run_go(r);
        }
        return;
    }
    if (r != NULL && !r->gone &&
        (!agent_bundle_same_rules(r->bundle, app->bundle) ||
         !agent_bundle_same_health(r->bundle, app->bundle))) {
        observe_anew(a, app->bundle);
    }
    struct run *next = run_for(a, app, false);
    next->heal = heals(r, app);
    if (r != NULL && r->bundle != app->bundle) {
        a->host.afresh(a->host.ctx, app->name);
    }
    replace(a, app->name, next);
}

// end_observed ends what is said of an App that is gone; its objects are let alone.
static void end_observed(struct agent_apply *a, const struct agent_gone *gone) {
    const struct agent_app_removed removed = {.app = gone->name, .revision = gone->revision};

    replace(a, gone->name, NULL);
    a->host.app_removed(a->host.ctx, &removed);
}

static void start_gone(struct agent_apply *a, const struct agent_gone *gone) {
    if (a->driver->observes) {
        end_observed(a, gone);
        return;
    }
    struct run *r = run_new(a, gone->name);

    r->revision = cm_strdup(gone->revision);
    r->account = gone->account[0] == '\0' ? NULL : cm_strdup(gone->account);
    r->gone = true;
    r->pruning = (struct agent_pruning){.prune = gone->prune, .gone = true};
    replace(a, gone->name, r);
}

bool agent_apply_names(const struct agent_apply *a, const char *app) {
    const struct agent_desired *d = a->desired;

    if (d == NULL || agent_desired_app(d, app) != NULL) {
        return true;
    }
    for (size_t i = 0; i < d->gone_count; i++) {
        if (strcmp(d->gone[i].name, app) == 0) {
            return true;
        }
    }
    return false;
}

// drop_unnamed ends the runs of Apps that the manifest says nothing of. What they own stays:
// absence never deletes.
static void drop_unnamed(struct agent_apply *a) {
    CM_AUTOFREE const char **apps = cm_map_keys(a->runs);
    size_t count = cm_map_len(a->runs);

    for (size_t i = 0; i < count; i++) {
        CM_AUTOFREE char *app = cm_strdup(apps[i]);

        if (!agent_apply_names(a, app)) {
            cm_log(CM_LOG_WARN, "agent.app_unnamed",
                   "the manifest no longer speaks of an App; what it owns is left alone", "app",
                   app, NULL);
            replace(a, app, NULL);
        }
    }
}

// has_gate: others may wait for it, perhaps without having been told to (an App's namespace).
static bool has_gate(const struct agent_apply *a, const struct agent_desired_app *app) {
    struct agent_place place = {0};

    for (size_t i = 0; i < app->bundle->entry_count && !place.gate; i++) {
        a->driver->ops->place(a->driver, app->bundle->entries[i].key, &place);
    }
    return place.gate;
}

static void start_apps(struct agent_apply *a, bool with_gate) {
    for (size_t i = 0; i < a->desired->app_count; i++) {
        if (has_gate(a, &a->desired->apps[i]) == with_gate) {
            start_app(a, &a->desired->apps[i]);
        }
    }
}

void agent_apply_set(struct agent_apply *a, struct agent_desired *desired) {
    struct agent_desired *old = a->desired;

    assert(cm_loop_is_owner(a->loop) && !a->shut);
    a->desired = desired;
    find_unowned(a);
    if (a->driver->observes) {
        apply_observe(a);
    }
    drop_unnamed(a);
    for (size_t i = 0; i < desired->gone_count && !desired->doubted; i++) {
        start_gone(a, &desired->gone[i]);
    }
    start_apps(a, true);
    start_apps(a, false);
    agent_desired_free(old);
    agent_apply_woken(a);
}

bool agent_apply_sync(struct agent_apply *a, const char *app) {
    bool any = app[0] == '\0';

    for (size_t i = 0; a->desired != NULL && !a->shut && i < a->desired->app_count; i++) {
        const struct agent_desired_app *d = &a->desired->apps[i];

        if (app[0] == '\0' || strcmp(app, d->name) == 0) {
            a->host.afresh(a->host.ctx, d->name);
            replace(a, d->name, run_for(a, d, true));
            any = true;
        }
    }
    return any;
}

bool agent_apply_correct(struct agent_apply *a, const char *key, bool due) {
    const struct agent_claim *claim =
        a->desired == NULL ? NULL : agent_desired_claim(a->desired, key);
    struct run *r = claim == NULL ? NULL : cm_map_get(a->runs, claim->app->name);

    if (r == NULL || a->shut || !run_may_correct(r, claim->entry)) {
        return false;
    }
    op_apply(r, due ? AGAIN : CORRECTION, claim->entry, false);
    return true;
}

void agent_apply_forget(struct agent_apply *a, const char *key) {
    const struct agent_item *item = agent_cache_item(a->cache, key);
    const struct agent_claim *claim =
        a->desired == NULL ? NULL : agent_desired_claim(a->desired, key);

    if (apply_found_missing(a, key)) {
        return;
    }
    if (item != NULL && !a->shut && (claim == NULL || hook_is_over(a, claim))) {
        op_forget(a, item);
        agent_cache_commit(a->cache, NULL, NULL);
    }
}

// ---- Turns

static bool is_free(const struct agent_apply *a) {
    return a->busy - a->late < BUSY_MAX;
}

// wait_for_late looks for runs that are late, after a while at least.
static void wait_for_late(struct agent_apply *a, int64_t least_ms) {
    const struct run *first = CM_CONTAINER(a->heard.next, struct run, heard);

    if (!cm_list_empty(&a->turns) && !cm_list_empty(&a->heard) && a->overdue.at == 0 && !a->shut) {
        int64_t left_ms = first->heard_ms + LATE_MS - cm_clock_now_ms();

        cm_timer_start(a->loop, &a->overdue, left_ms > least_ms ? left_ms : least_ms);
    }
}

static void post_turns(struct agent_apply *a) {
    if (!a->turn_posted && !a->shut && !cm_list_empty(&a->turns)) {
        a->turn_posted = true;
        cm_loop_post(a->loop, &a->turn);
    }
}

// find_late finds those of whom nothing was heard for long, and of whom something was sent or not.
static void find_late(struct agent_apply *a, bool sent) {
    int64_t long_ago_ms = cm_clock_now_ms() - LATE_MS;
    struct cm_list *next;

    for (struct cm_list *at = a->heard.next; at != &a->heard; at = next) {
        struct run *r = CM_CONTAINER(at, struct run, heard);

        next = at->next;
        if (r->heard_ms > long_ago_ms) {
            return;
        }
        if ((r->sent > 0) == sent) {
            cm_list_remove(&r->heard);
            r->late = true;
            a->late++;
        }
    }
}

// on_overdue: a run that hears nothing of what was sent gives its turn to another one. So do those
// whose objects only wait at the target while it is like that for anybody, for they may wait for
// him; else the target is slow, and they keep it, so that one App after the other comes to its end.
static void on_overdue(void *ctx) {
    struct agent_apply *a = ctx;

    find_late(a, true);
    if (a->late > 0) {
        find_late(a, false);
    }
    post_turns(a);
    wait_for_late(a, LATE_MS / 2);
}

bool apply_has_turn(struct run *r) {
    struct agent_apply *a = r->owner;

    if (is_free(a)) {
        cm_list_remove(&r->turn);
        return true;
    }
    if (cm_list_empty(&r->turn)) { // else it keeps its place
        cm_list_append(&a->turns, &r->turn);
    }
    wait_for_late(a, 0);
    return false;
}

static void run_turns(void *ctx) {
    struct agent_apply *a = ctx;

    a->turn_posted = false;
    while (!a->shut && is_free(a) && !cm_list_empty(&a->turns)) {
        struct run *r = CM_CONTAINER(a->turns.next, struct run, turn);

        cm_list_remove(&r->turn);
        run_go(r);
    }
    wait_for_late(a, 0);
}

static void hear(struct run *r) {
    r->heard_ms = cm_clock_now_ms();
    cm_list_remove(&r->heard);
    cm_list_append(&r->owner->heard, &r->heard);
}

void apply_object_begins(struct run *r) {
    if (r->applying++ > 0) {
        return;
    }
    r->owner->busy++;
    if (r->late) {
        r->owner->late++;
    } else {
        hear(r);
    }
}

void apply_object_sent(struct run *r) {
    if (r->sent++ == 0 && !r->late) {
        hear(r);
    }
}

// hear_end: what ends in time was answered.
static void hear_end(struct run *r, int64_t sent_ms) {
    r->sent--;
    if (r->late && cm_clock_now_ms() - sent_ms < LATE_MS) {
        r->late = false;
        r->owner->late--;
    }
}

void apply_object_over(struct run *r, int64_t sent_ms) {
    struct agent_apply *a = r->owner;

    if (sent_ms != 0) {
        hear_end(r, sent_ms);
    }
    if (--r->applying == 0) {
        a->busy--;
        a->late -= r->late ? 1 : 0;
        cm_list_remove(&r->heard);
    } else if (!r->late) {
        hear(r);
    }
    post_turns(a);
}

bool agent_apply_is_idle(const struct agent_apply *a) {
    return a->busy == 0 && cm_list_empty(&a->turns);
}

// ---- What wakes runs

static bool prune_again(void *ctx, const char *app, void *value) {
    struct run *r = value;

    (void)ctx;
    (void)app;
    if (r->phase == RUN_DONE && r->for_others && !r->gone) {
        run_prune(r);
    }
    return true;
}

void apply_pruned(struct agent_apply *a) {
    if (!a->shut) {
        cm_map_each(a->runs, prune_again, NULL);
    }
}

void apply_waits(struct run *r) {
    if (cm_list_empty(&r->waits)) {
        cm_list_append(&r->owner->waiting, &r->waits);
    }
}

// run_wake: those that still have to wait put themselves on the list again.
static void run_wake(void *ctx) {
    struct agent_apply *a = ctx;

    a->wake_posted = false;
    while (!cm_list_empty(&a->waiting)) {
        struct cm_list *first = a->waiting.next;

        cm_list_remove(first);
        cm_list_append(&a->woken, first);
    }
    while (!cm_list_empty(&a->woken)) {
        struct run *r = CM_CONTAINER(a->woken.next, struct run, waits);

        cm_list_remove(&r->waits);
        run_go(r);
    }
}

void agent_apply_woken(struct agent_apply *a) {
    if (!a->wake_posted && !a->shut) {
        a->wake_posted = true;
        cm_loop_post(a->loop, &a->wake);
    }
}

void agent_apply_ready(struct agent_apply *a, const char *key) {
    const struct agent_claim *claim =
        a->desired == NULL ? NULL : agent_desired_claim(a->desired, key);
    struct run *r = claim == NULL ? NULL : cm_map_get(a->runs, claim->app->name);

    if (r != NULL && !a->shut && r->held_by == NULL && r->phase == RUN_STEPPING) {
        run_try(r, claim->entry);
    }
}

static bool retry_run(void *ctx, const char *app, void *value) {
    struct run *r = value;

    (void)ctx;
    (void)app;
    if (r->held_by == NULL && (r->phase == RUN_STEPPING || r->phase == RUN_PRUNING)) {
        run_retry_now(r);
    }
    return true;
}

void agent_apply_reachable(struct agent_apply *a) {
    if (!a->shut) {
        cm_map_each(a->runs, retry_run, NULL);
    }
}
