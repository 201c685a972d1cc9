#include "agent/agent.h"

#include <stdlib.h>
#include <string.h>

#include "agent/apply/apply.h"
#include "agent/apply/found.h"
#include "agent/cache/cache.h"
#include "agent/driver.h"
#include "agent/exempt.h"
#include "agent/link/link.h"
#include "agent/look.h"
#include "agent/prove.h"
#include "agent/watch/watch.h"
#include "common/backoff.h"
#include "common/buf.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"

enum {
    REPORT_INTERVAL_MS = 800,
    RECONNECT_MIN_MS = 1000,
    RECONNECT_MAX_MS = 60000,
    RECOVER_MIN_MS = 1000,
    RECOVER_MAX_MS = 60000,
};

struct agent {
    struct cm_loop *loop;
    struct agent_driver *driver;
    struct agent_cache *cache;
    struct agent_link *link;
    struct agent_apply *apply;
    struct agent_watch *watch;
    struct agent_look *look;
    struct agent_prove *prove;
    struct agent_exempt *exempt;

    // A manifest that waits until it is known what the target holds already (a new disk).
    struct agent_desired *waiting;
    bool has_been_told; // of a manifest in force
    bool started;
    bool recovering;
    char *recover_error; // why it did not succeed yet; NULL if it has not failed
    struct cm_backoff recover_backoff;
    struct cm_timer recover_timer;
    struct agent_mark disk; // what the disk had at the start
    struct agent_mark mark; // what the target had; zeros: nothing, or it was not asked
    bool outdated;          // the disk has only an older one, and the hub nothing newer yet
    struct cm_task refetch;
    bool refetch_posted;
    struct cm_task held;
    bool held_posted;

    bool stopping;
    bool killed;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

// ---- What the driver asks and tells

static const struct agent_desired *present(const struct agent *a) {
    const struct agent_desired *d = agent_apply_desired(a->apply);

    return a->waiting != NULL ? a->waiting : d;
}

static struct cm_buf *driver_desired(void *ctx, const char *key) {
    const struct agent *a = ctx;
    const struct agent_desired *d = present(a);
    const struct agent_claim *claim = d == NULL ? NULL : agent_desired_claim(d, key);
    struct cm_buf *bytes = NULL;
    struct cm_err err;

    if (claim == NULL) {
        return agent_apply_found_form(a->apply, key);
    }
    return agent_cache_blob(a->cache, &claim->entry->sha256, claim->entry->secret, &bytes, &err) < 0
               ? NULL
               : bytes;
}

static void driver_health(void *ctx, const char *app, struct agent_health_options *out) {
    const struct agent_desired *d = present(ctx);
    const struct agent_desired_app *wanted = d == NULL ? NULL : agent_desired_app(d, app);

    *out = (struct agent_health_options){.account = ""};
    if (wanted != NULL && wanted->bundle != NULL) {
        *out = wanted->bundle->health;
        out->account = wanted->bundle->account;
        out->yields = wanted->bundle->yields;
        out->corrects = wanted->bundle->drift == AGENT_DRIFT_CORRECT;
        out->goes_back = out->goes_back && !wanted->bundle->suspend &&
                         !agent_apply_is_frozen(((struct agent *)ctx)->apply, app);
    }
}

static void driver_ready(void *ctx, const char *key) {
    const struct agent *a = ctx;

    agent_apply_ready(a->apply, key);
}

static const struct cm_spare_rule *driver_rules(void *ctx, const char *key, size_t *count) {
    const struct agent_desired *d = present(ctx);
    const struct agent_claim *claim = d == NULL ? NULL : agent_desired_claim(d, key);

    if (claim == NULL) {
        *count = 0;
        return NULL;
    }
    const struct agent_drift_rules *rules = agent_bundle_rules(claim->app->bundle, claim->entry);
    *count = rules->count;
    return rules->rules;
}

static void driver_observed(void *ctx, const struct agent_observation *what) {
    agent_watch_observed(((struct agent *)ctx)->watch, what);
}

static void driver_reachable(void *ctx, bool yes, const struct cm_err *why) {
    agent_watch_reachable(((struct agent *)ctx)->watch, yes, why);
}

static void driver_released(void *ctx, const char *key, const char *token, bool promoted) {
    agent_watch_released(((struct agent *)ctx)->watch, key, token, promoted);
}

static void driver_decided(void *ctx, const struct agent_decision *what) {
    agent_watch_decided(((struct agent *)ctx)->watch, what);
}

static void driver_scaled(void *ctx, const struct agent_scaled *what) {
    agent_watch_scaled(((struct agent *)ctx)->watch, what);
}

static void driver_digests(void *ctx, const struct agent_digests *what) {
    agent_watch_digests(((struct agent *)ctx)->watch, what);
}

static void driver_exempted(void *ctx, const struct agent_site_object *all, size_t count) {
    agent_exempt_found(((struct agent *)ctx)->exempt, all, count);
}

static void driver_found(void *ctx, const struct agent_found *what) {
    agent_apply_found(((struct agent *)ctx)->apply, what);
}

static void driver_lost(void *ctx, const char *key) {
    agent_apply_lost(((struct agent *)ctx)->apply, key);
}

static void driver_surveyed(void *ctx) {
    const struct agent *a = ctx;

    agent_apply_surveyed(a->apply);
    agent_watch_surveyed(a->watch);
}

// ---- What the site allows

static void exempt_changed(void *ctx) {
    struct agent *a = ctx;

    if (!a->stopping) {
        agent_link_exempted(a->link);
    }
}

static bool exempt_send(void *ctx, struct cm_buf *exempted) {
    return agent_link_send_exempted(((struct agent *)ctx)->link, exempted);
}

static void exempt_say(void *ctx, const struct agent_site_object *object, bool taken,
                       const char *words) {
    struct agent *a = ctx;

    if (a->driver->ops->say != NULL && !a->stopping) {
        a->driver->ops->say(a->driver, object, taken, words);
    }
}

static const struct agent_desired *exempt_desired(void *ctx) {
    return present(ctx);
}

// ---- What the link tells and asks

static bool is_older(const struct agent *a, uint64_t epoch, uint64_t generation) {
    return agent_mark_is_older(epoch, generation, &a->mark);
}

// tell_why_not says of each App why nothing is done about it. Of those that an older copy of the
// disk names some may have gone long ago.
static void tell_why_not(struct agent *a) {
    if (a->waiting == NULL || is_older(a, a->waiting->epoch, a->waiting->generation)) {
        return;
    }
    for (size_t i = 0; i < a->waiting->app_count; i++) {
        const struct agent_desired_app *app = &a->waiting->apps[i];

        agent_watch_app_state(a->watch,
                              &(struct agent_app_state){.app = app->name,
                                                        .revision = app->revision,
                                                        .bundle_sha256 = app->bundle_sha256,
                                                        .applied = AGENT_APP_PENDING,
                                                        .message = a->recover_error});
    }
}

// pass_over drops what an older copy of the disk would have be done: nothing is applied, removed or
// compared with it.
static void pass_over(struct agent *a) {
    agent_desired_free(a->waiting);
    a->waiting = NULL;
}

// look_again: that it is missing may have been seen before it was known that nobody names it.
static void look_again(void *ctx, const struct agent_item *item) {
    const struct agent *a = ctx;

    if (item->applied && !agent_apply_names(a->apply, item->app)) {
        a->driver->ops->observe(a->driver, item->key);
    }
}

static void take_over(struct agent *a) {
    const struct agent_mark mark = {a->waiting->epoch, a->waiting->generation};
    bool was_outdated = a->outdated;

    a->outdated = false;
    agent_apply_set(a->apply, CM_TAKE(a->waiting));
    if (was_outdated) {
        cm_log(CM_LOG_INFO, "agent.disk_current", "the hub has said what counts now", "cluster",
               agent_link_cluster(a->link), NULL);
        agent_cache_each_item(a->cache, look_again, a);
    }
    if (a->driver->ops->remember != NULL && !a->driver->observes) {
        a->driver->ops->remember(a->driver, &mark);
    }
}

static void activate(struct agent *a) {
    if (a->waiting == NULL || !a->started || a->recovering || a->stopping) {
        return;
    }
    if (is_older(a, a->waiting->epoch, a->waiting->generation)) {
        pass_over(a);
    } else {
        take_over(a);
    }
}

// may_have_sent: what a freeze or a suspension keeps from being applied it has not, nor what
// another App has that lists it, too.
static bool may_have_sent(const struct agent *a, const struct agent_desired *d,
                          const struct agent_claim *c) {
    return !c->app->bundle->suspend && !agent_apply_is_frozen(a->apply, c->app->name) &&
           agent_desired_claim(d, c->entry->key) == c;
}

// note_sent: the process before may have applied what was in force, and not have put that down.
static void note_sent(struct agent *a, const struct agent_desired *d) {
    for (size_t i = 0; i < d->claim_count && !a->has_been_told; i++) {
        const struct agent_claim *c = &d->claims[i];

        if (may_have_sent(a, d, c)) {
            agent_cache_set_sent(a->cache, c->entry->key, &c->entry->sha256);
        }
    }
    a->has_been_told = true;
}

static void link_in_force(void *ctx, struct agent_desired *desired) {
    struct agent *a = ctx;

    note_sent(a, desired);
    agent_desired_free(a->waiting);
    a->waiting = desired;
    if (a->recover_error != NULL) {
        tell_why_not(a);
    }
    activate(a);
    agent_exempt_in_force(a->exempt);
}

static void link_takes_exempted(void *ctx, bool takes, bool full) {
    agent_exempt_connected(((struct agent *)ctx)->exempt, takes, full);
}

static void link_exempted_acked(void *ctx, uint64_t number, const struct cm_sha256 *over,
                                size_t count) {
    agent_exempt_acked(((struct agent *)ctx)->exempt, number, over, count);
}

static void link_connected(void *ctx, bool full_report, bool takes_journal, bool knows_reports,
                           bool takes_decisions) {
    agent_watch_connected(((struct agent *)ctx)->watch, full_report, takes_journal, knows_reports,
                          takes_decisions);
}

static void link_value_key(void *ctx, const uint8_t *key) {
    agent_watch_actual(((struct agent *)ctx)->watch, key);
}

static void link_disconnected(void *ctx) {
    agent_exempt_disconnected(((struct agent *)ctx)->exempt);
    agent_watch_disconnected(((struct agent *)ctx)->watch);
}

static void link_acked(void *ctx, const char *run, uint64_t number) {
    agent_watch_acked(((struct agent *)ctx)->watch, run, number);
}

static void link_journal_acked(void *ctx, const char *run, uint64_t number) {
    agent_watch_journal_acked(((struct agent *)ctx)->watch, run, number);
}

static void link_decisions_acked(void *ctx, const char *run, uint64_t number) {
    agent_watch_decisions_acked(((struct agent *)ctx)->watch, run, number);
}

static void link_can_send(void *ctx) {
    agent_watch_can_send(((struct agent *)ctx)->watch);
    agent_exempt_can_send(((struct agent *)ctx)->exempt);
}

static void link_sync(void *ctx, const char *app) {
    struct agent *a = ctx;

    cm_log(CM_LOG_INFO, "agent.sync", "the hub asks to apply again", "cluster",
           agent_link_cluster(a->link), "app", app, NULL);
    if (!agent_apply_sync(a->apply, app)) {
        cm_log(CM_LOG_WARN, "agent.sync_unknown", "there is no such App here", "app", app, NULL);
    }
}

// A freeze is in force at once, and acknowledged when it is on disk.
struct freezing {
    struct agent *agent;
    uint64_t number;
};

static void on_frozen(void *ctx, const struct cm_err *error) {
    struct freezing *f = ctx;

    if (error->code == CM_OK) {
        agent_link_send_frozen(f->agent->link, f->number);
    }
    free(f);
}

static void link_freeze(void *ctx, const struct agent_freeze *all, size_t count, uint64_t number) {
    struct agent *a = ctx;

    if (a->stopping) {
        return;
    }
    struct freezing *f = cm_new(1, sizeof(*f));
    *f = (struct freezing){.agent = a, .number = number};
    agent_apply_freeze(a->apply, all, count);
    agent_cache_commit(a->cache, on_frozen, f);
}

static void link_look(void *ctx, uint32_t id, const char *ns, const char *const *keys,
                      size_t count) {
    struct agent *a = ctx;

    if (a->started && !a->stopping) {
        agent_look_ask(a->look, id, ns, keys, count);
    }
}

static void look_send(void *ctx, struct cm_buf *found) {
    agent_link_send_found(((struct agent *)ctx)->link, found);
}

static void link_prove(void *ctx, const struct Holdfast__V1__Prove *what) {
    struct agent *a = ctx;

    if (a->started && !a->stopping) {
        agent_prove_ask(a->prove, what);
    }
}

static void prove_send(void *ctx, struct cm_buf *proven) {
    agent_link_send_proven(((struct agent *)ctx)->link, proven);
}

static const char *link_target_version(void *ctx) {
    const struct agent *a = ctx;

    return a->driver->ops->target_version(a->driver);
}

static bool watch_send(void *ctx, struct cm_buf *report) {
    return agent_link_send_report(((struct agent *)ctx)->link, report);
}

static bool watch_tell(void *ctx, struct cm_buf *journal) {
    return agent_link_send_journal(((struct agent *)ctx)->link, journal);
}

static bool watch_decide(void *ctx, struct cm_buf *decisions) {
    return agent_link_send_decisions(((struct agent *)ctx)->link, decisions);
}

static const char *watch_cluster_id(void *ctx) {
    return agent_link_cluster_id(((struct agent *)ctx)->link);
}

static const char *watch_author(void *ctx, const char *key, const char *name, int64_t at_ms,
                                bool *never) {
    struct agent *a = ctx;

    return a->driver->ops->author(a->driver, key, name, at_ms, never);
}

static void watch_good(void *ctx, const struct agent_proof_ask *what, agent_good_fn done,
                       void *done_ctx) {
    struct agent *a = ctx;

    a->driver->ops->good(a->driver, what, done, done_ctx);
}

// watch_held: whoever decided is not to meet with runs that begin and end.
static void watch_held(void *ctx) {
    struct agent *a = ctx;

    if (!a->held_posted && !a->stopping) {
        a->held_posted = true;
        cm_loop_post(a->loop, &a->held);
    }
}

static void run_held(void *ctx) {
    struct agent *a = ctx;

    a->held_posted = false;
    if (!a->stopping) {
        agent_link_held(a->link);
    }
}

// ---- The disk

static void on_trouble(void *ctx, const struct cm_err *why) {
    const struct agent *a = ctx;

    if (why != NULL) {
        cm_log(CM_LOG_ERROR, "agent.disk_failed", why->msg, "cluster", agent_link_cluster(a->link),
               NULL);
    } else {
        cm_log(CM_LOG_INFO, "agent.disk_back", "the disk can be written again", "cluster",
               agent_link_cluster(a->link), NULL);
    }
}

static void run_refetch(void *ctx) {
    struct agent *a = ctx;

    a->refetch_posted = false;
    if (!a->stopping) {
        agent_link_refetch(a->link);
    }
}

static void on_damage(void *ctx) {
    struct agent *a = ctx;

    cm_log(CM_LOG_ERROR, "agent.blob_damaged",
           "the disk did not give back what was written; it is fetched again", "cluster",
           agent_link_cluster(a->link), NULL);
    if (!a->refetch_posted && !a->stopping) {
        a->refetch_posted = true;
        cm_loop_post(a->loop, &a->refetch);
    }
}

// ---- An older copy of the disk

static void begin_recover(struct agent *a);

// begin_work: what is desired is set in the same turn as what is owned is tracked, so that nothing
// is seen without being compared.
static void begin_work(struct agent *a) {
    agent_watch_start(a->watch, a->apply);
    agent_apply_track_all(a->apply);
    activate(a);
}

static void try_again(struct agent *a, const struct cm_err *error) {
    cm_log(CM_LOG_WARN, "agent.recover_failed", error->msg, "cluster", agent_link_cluster(a->link),
           NULL);
    free(a->recover_error);
    a->recover_error = cm_strf("waits until this is possible: %s", error->msg);
    tell_why_not(a);
    cm_timer_start(a->loop, &a->recover_timer, cm_backoff_next(&a->recover_backoff));
}

// has_come tells whether the target has answered; if it has not it is asked again.
static bool has_come(struct agent *a, const struct cm_err *error) {
    if (a->stopping || error->code == CM_ECANCELED) {
        return false;
    }
    if (error->code != CM_OK) {
        try_again(a, error);
        return false;
    }
    free(a->recover_error);
    a->recover_error = NULL;
    return true;
}

static void note_outdated(struct agent *a) {
    const struct agent_in_force *f = agent_cache_in_force(a->cache);
    char held[CM_LOG_INT_MAX];
    char there[CM_LOG_INT_MAX];

    a->outdated = true;
    cm_log(CM_LOG_ERROR, "agent.disk_outdated",
           "the disk is an older copy: a newer manifest was applied in this cluster; nothing is "
           "applied or removed until the hub has said what counts now",
           "cluster", agent_link_cluster(a->link), "generation",
           cm_log_int((int64_t)a->disk.generation, held), "applied",
           cm_log_int((int64_t)a->mark.generation, there), NULL);
    agent_cache_doubt(a->cache, is_older(a, f->epoch, f->generation));
    agent_link_outdated(a->link, a->disk.generation, a->mark.epoch, a->mark.generation);
}

// claim_mark: the disk is new, but a manifest that is not below this one is all that counts here.
// The hub may have begun to count anew, for Git did not name the cluster for a while.
static void claim_mark(struct agent *a) {
    bool come = a->waiting != NULL && !is_older(a, a->waiting->epoch, a->waiting->generation);

    if (is_older(a, a->disk.epoch, a->disk.generation) && !come) {
        agent_link_outdated(a->link, 0, a->mark.epoch, a->mark.generation);
    }
}

static void on_recalled(void *ctx, const struct agent_mark *mark, const struct cm_err *error) {
    struct agent *a = ctx;

    if (!has_come(a, error)) {
        return;
    }
    a->recovering = false;
    a->mark = *mark;
    if (a->disk.generation == 0) {
        claim_mark(a);
        begin_work(a);
    } else if (agent_mark_is_older(a->disk.epoch, a->disk.generation, mark)) {
        note_outdated(a);
        begin_recover(a);
    } else {
        begin_work(a);
    }
}

// begin_recall asks the target which manifest was in force last.
static void begin_recall(struct agent *a) {
    a->recovering = false;
    if (a->driver->ops->recall == NULL || a->driver->observes || a->outdated) {
        begin_work(a);
        return;
    }
    a->recovering = true;
    a->driver->ops->recall(a->driver, on_recalled, a);
}

// ---- Recovering the inventory of a new disk, or an old one, from the target

static void run_recover(void *ctx) {
    struct agent *a = ctx;

    if (a->stopping) {
        return;
    }
    if (agent_cache_recovered(a->cache)) {
        begin_recall(a);
    } else {
        begin_recover(a);
    }
}

static void on_found(void *ctx, const struct agent_owned *found) {
    struct agent *a = ctx;

    const struct agent_item *known = agent_cache_item(a->cache, found->key);

    if (known != NULL && strcmp(known->uid, found->uid) != 0) { // it was made anew since
        struct agent_item item = *known;

        item.uid = found->uid;
        item.note = found->note;
        item.applied = true;
        item.sha256 = (struct cm_sha256){{0}}; // nobody knows in which form
        agent_cache_put_item(a->cache, &item);
    } else if (known == NULL) {
        agent_cache_put_item(a->cache,
                             &(struct agent_item){.key = found->key,
                                                  .app = found->app,
                                                  .default_namespace = found->default_namespace,
                                                  .uid = found->uid,
                                                  .note = found->note,
                                                  .account = "", // the target does not tell
                                                  .keep = found->keep,
                                                  .applied = true});
    }
}

// on_inventory: what the target holds is on disk.
static void on_inventory(void *ctx, const struct cm_err *error) {
    struct agent *a = ctx;

    if (error->code != CM_OK || a->stopping) {
        return;
    }
    begin_recall(a);
}

static void on_recovered(void *ctx, const struct cm_err *error) {
    struct agent *a = ctx;

    if (has_come(a, error)) {
        agent_cache_set_recovered(a->cache);
        agent_cache_commit(a->cache, on_inventory, a);
    }
}

static void begin_recover(struct agent *a) {
    a->recovering = true;
    a->driver->ops->recover(a->driver, on_found, on_recovered, a);
}

// ---- Life

// identify tells the driver who the agent is: a cluster of a hub, whatever its disk remembers.
static void identify(struct agent *a) {
    const char *cluster = agent_link_cluster(a->link);
    CM_AUTOFREE char *name = cm_strf("%s/%s", agent_link_hub_id(a->link), cluster);
    struct cm_sha256 hash = cm_sha256(name, strlen(name));
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&hash, hex);
    CM_AUTOFREE char *who = cm_strf("%s-%.10s", cluster, hex);
    a->driver->ops->identify(a->driver, who);
}

static void begin(struct agent *a) {
    const struct agent_in_force *f = agent_cache_in_force(a->cache);

    identify(a);
    a->disk = (struct agent_mark){f->epoch, f->generation};
    if (agent_cache_recovered(a->cache) || a->driver->observes) {
        begin_recall(a);
    } else {
        begin_recover(a);
    }
}

static void link_enrolled(void *ctx) {
    struct agent *a = ctx;

    if (!a->stopping) {
        begin(a);
    }
}

static enum cm_rc make_link(struct agent *a, struct cm_workers *disk,
                            const struct agent_config *config, struct cm_err *err) {
    const struct agent_link_config link = {
        .loop = a->loop,
        .disk = disk,
        .cache = a->cache,
        .data_dir = config->data_dir,
        .join_token = config->join_token,
        .hub = config->hub,
        .enroll_hub = config->enroll_hub,
        .driver = a->driver->ops->name,
        .observes = a->driver->observes,
        .reconnect_min_ms =
            config->reconnect_min_ms > 0 ? config->reconnect_min_ms : RECONNECT_MIN_MS,
        .reconnect_max_ms =
            config->reconnect_max_ms > 0 ? config->reconnect_max_ms : RECONNECT_MAX_MS,
        .host = {.enrolled = link_enrolled,
                 .in_force = link_in_force,
                 .connected = link_connected,
                 .disconnected = link_disconnected,
                 .acked = link_acked,
                 .journal_acked = link_journal_acked,
                 .decisions_acked = link_decisions_acked,
                 .value_key = link_value_key,
                 .can_send = link_can_send,
                 .sync = link_sync,
                 .freeze = link_freeze,
                 .takes_exempted = link_takes_exempted,
                 .exempted_acked = link_exempted_acked,
                 .look = link_look,
                 .prove = link_prove,
                 .target_version = link_target_version,
                 .ctx = a},
    };

    return agent_link_new(&link, &a->link, err);
}

static void make_parts(struct agent *a, const struct agent_config *config) {
    const struct agent_watch_host watch = {.send = watch_send,
                                           .tell = watch_tell,
                                           .decide = watch_decide,
                                           .held = watch_held,
                                           .cluster_id = watch_cluster_id,
                                           .author =
                                               a->driver->ops->author == NULL ? NULL : watch_author,
                                           .author_wait_ms = config->author_wait_ms,
                                           .good = a->driver->ops->good == NULL ? NULL : watch_good,
                                           .ctx = a};

    a->watch = agent_watch_new(
        a->loop, a->cache,
        config->report_interval_ms > 0 ? config->report_interval_ms : REPORT_INTERVAL_MS, &watch);
    const struct agent_apply_host apply = {.app_state = agent_watch_app_state,
                                           .app_removed = agent_watch_app_removed,
                                           .written = agent_watch_written,
                                           .applied = agent_watch_applied,
                                           .listed = agent_watch_listed,
                                           .failed = agent_watch_failed,
                                           .removed = agent_watch_removed,
                                           .left = agent_watch_left,
                                           .health = agent_watch_health,
                                           .why = agent_watch_why,
                                           .app_health = agent_watch_app_health,
                                           .app_why = agent_watch_app_why,
                                           .app_late = agent_watch_app_late,
                                           .wrong = agent_watch_wrong,
                                           .afresh = agent_watch_afresh,
                                           .refrozen = agent_watch_refrozen,
                                           .ctx = a->watch};
    a->apply = agent_apply_new(a->loop, a->driver, a->cache, &apply);
    if (config->observe_max > 0) {
        agent_apply_set_found_max(a->apply, config->observe_max);
    }
    a->look = agent_look_new(a->driver, look_send, a);
    a->prove = agent_prove_new(a->driver, a->cache, prove_send, a);
    a->exempt = agent_exempt_new(a->loop, a->cache,
                                 &(struct agent_exempt_host){.changed = exempt_changed,
                                                             .send = exempt_send,
                                                             .say = exempt_say,
                                                             .desired = exempt_desired,
                                                             .ctx = a});
    agent_cache_on_trouble(a->cache, on_trouble, a);
    agent_cache_on_damage(a->cache, on_damage, a);
}

static void agent_freep(struct agent **a) {
    agent_free(*a);
}

enum cm_rc agent_new(struct cm_loop *loop, struct cm_workers *disk,
                     const struct agent_config *config, struct agent_driver *driver,
                     struct agent **out, struct cm_err *err) {
    CM_CLEANUP(agent_freep) struct agent *a = cm_new(1, sizeof(*a));

    a->loop = loop;
    a->driver = driver;
    a->recover_backoff = (struct cm_backoff){.min_ms = RECOVER_MIN_MS, .max_ms = RECOVER_MAX_MS};
    a->recover_timer = (struct cm_timer){.run = run_recover, .ctx = a};
    a->refetch = (struct cm_task){.run = run_refetch, .ctx = a};
    a->held = (struct cm_task){.run = run_held, .ctx = a};
    enum cm_rc rc = agent_cache_open(loop, disk, config->data_dir, &a->cache, err);
    if (rc == CM_OK) {
        rc = make_link(a, disk, config, err);
    }
    if (rc < 0) {
        return rc;
    }
    make_parts(a, config);
    *out = CM_TAKE(a);
    return CM_OK;
}

void agent_start(struct agent *a) {
    const struct agent_driver_host host = {.observed = driver_observed,
                                           .reachable = driver_reachable,
                                           .desired = driver_desired,
                                           .health = driver_health,
                                           .ready = driver_ready,
                                           .rules = driver_rules,
                                           .released = driver_released,
                                           .decided = driver_decided,
                                           .scaled = driver_scaled,
                                           .digests = driver_digests,
                                           .exempted = driver_exempted,
                                           .found = driver_found,
                                           .lost = driver_lost,
                                           .surveyed = driver_surveyed,
                                           .ctx = a};

    agent_exempt_start(a->exempt);
    agent_apply_begin_freezes(a->apply);
    if (a->driver->surveys) {
        agent_watch_survey(a->watch);
    }
    agent_link_load(a->link); // `desired` answers from now on
    a->driver->ops->start(a->driver, &host);
    a->started = true;
    if (agent_link_is_enrolled(a->link)) {
        begin(a);
    }
    agent_link_start(a->link);
}

static void cache_closed(void *ctx) {
    struct agent *a = ctx;

    a->stopped(a->stopped_ctx);
}

static void driver_stopped(void *ctx) {
    struct agent *a = ctx;

    agent_cache_close(a->cache, !a->killed, cache_closed, a);
}

static void stop_driver(struct agent *a) {
    if (a->started) {
        a->driver->ops->stop(a->driver, driver_stopped, a);
    } else {
        driver_stopped(a);
    }
}

static void link_stopped(void *ctx) {
    stop_driver(ctx);
}

static void stop(struct agent *a, bool kill, void (*stopped)(void *ctx), void *ctx) {
    a->stopping = true;
    a->killed = kill;
    a->stopped = stopped;
    a->stopped_ctx = ctx;
    cm_timer_stop(a->loop, &a->recover_timer);
    agent_exempt_stop(a->exempt);
    agent_apply_shut(a->apply);
    if (!kill) {
        agent_watch_last(a->watch);
    }
    agent_watch_shut(a->watch);
    agent_link_stop(a->link, kill, link_stopped, a);
}

void agent_stop(struct agent *a, void (*stopped)(void *ctx), void *ctx) {
    stop(a, false, stopped, ctx);
}

void agent_kill(struct agent *a, void (*stopped)(void *ctx), void *ctx) {
    stop(a, true, stopped, ctx);
}

void agent_free(struct agent *a) {
    if (a == NULL) {
        return;
    }
    if (a->driver != NULL) {
        a->driver->ops->free(a->driver);
    }
    agent_look_free(a->look);
    agent_prove_free(a->prove);
    agent_exempt_free(a->exempt);
    agent_apply_free(a->apply);
    agent_watch_free(a->watch);
    agent_link_free(a->link);
    agent_cache_free(a->cache);
    agent_desired_free(a->waiting);
    free(a->recover_error);
    free(a);
}

void agent_state_get(const struct agent *a, struct agent_state *out) {
    const struct agent_desired *d = present(a);
    struct agent_watch_counts counts;

    agent_watch_counts_get(a->watch, &counts);
    *out = (struct agent_state){.enrolled = agent_link_is_enrolled(a->link),
                                .connected = agent_link_is_up(a->link),
                                .cluster = agent_link_cluster(a->link),
                                .generation = d == NULL ? 0 : d->generation,
                                .apps = counts.apps,
                                .apps_applied = counts.apps_applied,
                                .apps_healthy = counts.apps_healthy,
                                .objects = counts.objects,
                                .drifted = counts.drifted,
                                .outdated = a->outdated,
                                .untold = counts.dirty > 0 || counts.unacked,
                                .report_run = agent_cache_report_run(a->cache),
                                .reports_acked = agent_cache_reports_acked(a->cache)};
}
