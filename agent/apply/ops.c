// One object on its way to the target and back, with what must be on disk before and after.
#include <stdlib.h>
#include <string.h>

#include "agent/apply/internal.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/fault.h"
#include "common/log.h"
#include "common/mem.h"

static void op_free(struct op *op) {
    agent_bundle_unref(op->bundle);
    free(op->key);
    free(op->app);
    free(op);
}

static void op_end(struct op *op, const struct cm_err *error, int64_t retry_after_ms) {
    if (op->bundle != NULL) {
        apply_object_over(op->run, op->sent_ms);
    }
    run_op_ended(op->run, op->step, op->key, error, retry_after_ms);
    op_free(op);
}

static struct op *op_new(struct run *r, size_t step, const char *key) {
    struct op *op = cm_new(1, sizeof(*op));

    op->run = r;
    op->step = step;
    op->key = cm_strdup(key);
    op->app = cm_strdup(r->app);
    r->in_flight++;
    return op;
}

static struct agent_owned owned_of(const struct agent_item *item) {
    return (struct agent_owned){.app = item->app,
                                .key = item->key,
                                .default_namespace = item->default_namespace,
                                .uid = item->uid,
                                .note = item->note,
                                .account = item->account,
                                .propagation = item->propagation};
}

// owned_by names the account that the App says now; of one that is gone, the one that it said last:
// the tombstone knows it although a disk was lost.
static struct agent_owned owned_by(const struct run *r, const struct agent_item *item) {
    struct agent_owned owned = owned_of(item);

    if (r->bundle != NULL) {
        owned.account = r->bundle->account;
    } else if (r->account != NULL) {
        owned.account = r->account;
    }
    return owned;
}

// recorded: what came of applying is on disk.
static void recorded(void *ctx, const struct cm_err *error) {
    struct op *op = ctx;
    struct agent_apply *a = op->run->owner;
    const struct agent_item *item = agent_cache_item(a->cache, op->key);

    if (error->code != CM_OK) {
        op_end(op, error, 0);
        return;
    }
    if (item != NULL && !a->shut) {
        struct agent_owned owned = owned_of(item);

        a->driver->ops->track(a->driver, &owned);
        a->host.applied(a->host.ctx, item);
    }
    op_end(op, NULL, 0);
}

// propagation_of: the pods of a hook go with its Job, whatever the App says.
static uint8_t propagation_of(const struct op *op) {
    return op->hook ? AGENT_PROPAGATION_BACKGROUND : op->bundle->propagation;
}

static void applied(void *ctx, const struct agent_applied *result) {
    struct op *op = ctx;
    struct agent_apply *a = op->run->owner;

    if (result->error.code != CM_OK) {
        op_end(op, &result->error, result->retry_after_ms);
        return;
    }
    CM_FAULT_POINT("object-applied");
    if (result->written || result->besides != AGENT_BESIDES_NOTHING) {
        a->host.written(a->host.ctx, op->app, op->key, result);
    }
    agent_cache_put_item(a->cache, &(struct agent_item){.key = op->key,
                                                        .app = op->app,
                                                        .default_namespace = op->bundle->namespace,
                                                        .uid = result->uid,
                                                        .note = result->note,
                                                        .account = op->bundle->account,
                                                        .sha256 = op->entry->sha256,
                                                        .keep = op->entry->keep,
                                                        .wave = op->entry->wave,
                                                        .propagation = propagation_of(op),
                                                        .applied = true});
    agent_cache_commit(a->cache, recorded, op);
}

// may_recreate: what holds data goes only if the object itself says so.
static bool may_recreate(const struct op *op) {
    const struct agent_driver *d = op->run->owner->driver;
    struct agent_place place = {0};

    d->ops->place(d, op->key, &place);
    return op->entry->recreate || (op->bundle->recreate && !place.precious);
}

// sparing_of says what is let be.
static struct agent_sparing sparing_of(const struct op *op) {
    const struct agent_drift_rules *rules = agent_bundle_rules(op->bundle, op->entry);
    bool correcting = op->step == CORRECTION;

    return (struct agent_sparing){
        .rules = rules->rules,
        .how = correcting ? rules->correcting : rules->applying,
        .count = rules->count,
        .otherwise = correcting ? agent_drift_correcting(op->bundle->drift) : CM_SPARE_NEVER,
        .added = rules->correcting,
        .takes_added = op->bundle->drift == AGENT_DRIFT_CORRECT,
    };
}

// form_before is the form that was applied last, as far as that matters: what is gone back to is
// new where the one that may have come between says something else.
static const struct cm_sha256 *form_before(const struct op *op, const struct agent_item *item) {
    static const struct cm_sha256 none;
    bool back =
        cm_sha256_equal(&item->sha256, &op->entry->sha256) && !cm_sha256_equal(&item->sent, &none);

    return back ? &item->sent : &item->sha256;
}

// read_before reads the form that was applied last, if that matters.
static void read_before(const struct op *op, struct cm_buf **out) {
    struct agent_cache *cache = op->run->owner->cache;
    const struct agent_item *item = agent_cache_item(cache, op->key);
    struct cm_err ignored;

    if (agent_bundle_rules(op->bundle, op->entry)->count > 0 && item != NULL && item->applied) {
        enum cm_rc rc =
            agent_cache_blob(cache, form_before(op, item), op->entry->secret, out, &ignored);
        (void)rc; // then it is not known
    }
}

// is_overtaken: what has not begun begins no more.
static bool is_overtaken(const struct op *op, struct cm_err *err) {
    bool overtaken = op->run->superseded || op->run->owner->shut;

    if (overtaken) {
        (void)cm_fail(err, CM_ECANCELED, "a newer manifest came");
    }
    return overtaken;
}

// read_forms: it is its turn at the target.
static enum cm_rc read_forms(void *ctx, struct agent_read *out, struct cm_err *err) {
    struct op *op = ctx;
    const struct agent_entry *entry = op->entry;

    if (is_overtaken(op, err)) {
        return err->code;
    }
    enum cm_rc rc =
        agent_cache_blob(op->run->owner->cache, &entry->sha256, entry->secret, &out->bytes, err);
    if (rc < 0) {
        return rc;
    }
    read_before(op, &out->before);
    agent_cache_set_sent(op->run->owner->cache, op->key, &entry->sha256);
    if (op->sent_ms == 0) {
        apply_object_sent(op->run);
    }
    op->sent_ms = cm_clock_now_ms();
    return CM_OK;
}

static void send_apply(struct op *op) {
    struct agent_apply *a = op->run->owner;
    const struct agent_object object = {.app = op->app,
                                        .key = op->key,
                                        .default_namespace = op->bundle->namespace,
                                        .read = read_forms,
                                        .size = agent_cache_blob_size(a->cache, &op->entry->sha256),
                                        .sha256 = op->entry->sha256,
                                        .secret = op->entry->secret,
                                        .adopt = op->bundle->adopt,
                                        .yields = op->bundle->yields,
                                        .recreate = may_recreate(op),
                                        .once = op->entry->once,
                                        .account = op->bundle->account,
                                        .sparing = sparing_of(op)};
    if (op->hook && op->entry->hook_delete != AGENT_HOOK_NEVER) {
        a->driver->ops->run(a->driver, &object, applied, op);
    } else {
        a->driver->ops->apply(a->driver, &object, applied, op);
    }
}

// intended: the inventory on disk owns the object now.
static void intended(void *ctx, const struct cm_err *error) {
    struct op *op = ctx;
    struct cm_err err;

    if (error->code != CM_OK) {
        op_end(op, error, 0);
    } else if (is_overtaken(op, &err)) {
        op_end(op, &err, 0);
    } else {
        send_apply(op);
    }
}

static void put_hook(struct run *r, const char *key, bool done) {
    agent_cache_put_hook(r->owner->cache, &(struct agent_hook){.key = key,
                                                               .app = r->app,
                                                               .bundle = r->bundle->hooks_for,
                                                               .done = done});
}

// put_intent makes the App own the object; what is known of it from another App is kept.
static void put_intent(struct op *op) {
    struct agent_apply *a = op->run->owner;
    const struct agent_item *old = agent_cache_item(a->cache, op->key);
    struct agent_item item = {.key = op->key, .uid = "", .note = ""};

    if (old != NULL) {
        item = *old;
    }
    CM_AUTOFREE char *uid = cm_strdup(item.uid);
    CM_AUTOFREE char *note = cm_strdup(item.note);
    // What is there was made for another bundle, is another App's or may have lost our mark.
    item.applied = item.applied && !op->hook && !item.release && strcmp(item.app, op->app) == 0;
    item.release = false;
    item.key = op->key;
    item.app = op->app;
    item.default_namespace = op->bundle->namespace;
    item.keep = item.keep || op->entry->keep;
    item.uid = uid;
    item.note = note;
    item.wave = op->entry->wave;
    item.account = op->bundle->account;
    agent_cache_put_item(a->cache, &item);
    if (op->hook) {
        put_hook(op->run, op->key, false);
    }
    agent_cache_commit(a->cache, intended, op);
}

// move_on sees to it that what is in another place, because the App's default namespace was another
// one, is not forgotten. CM_EBUSY: nobody can tell yet where it is.
static enum cm_rc move_on(const struct op *op, bool *is_new, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct agent_apply *apply = op->run->owner;
    const struct agent_item *item = agent_cache_item(apply->cache, op->key);
    const char *there = NULL;

    if (item == NULL || (!item->applied && item->uid[0] == '\0') ||
        strcmp(item->default_namespace, op->bundle->namespace) == 0) {
        return CM_OK;
    }
    enum apply_where where = apply_locate(apply, a, item, op->bundle->namespace, &there);
    if (where == APPLY_UNKNOWN_PLACE) {
        return cm_fail(err, CM_EBUSY,
                       "the App's namespace was '%.100s', and where this object is cannot be told "
                       "while its kind is not known: apply its definition first",
                       item->default_namespace);
    }
    if (where == APPLY_OTHER_PLACE) {
        apply_leave_behind(apply, item, there);
        *is_new = true;
    }
    return CM_OK;
}

void op_apply(struct run *r, size_t step, const struct agent_entry *entry, bool is_new) {
    struct op *op = op_new(r, step, entry->key);
    struct cm_err err;

    op->bundle = agent_bundle_ref(r->bundle);
    op->entry = entry;
    apply_object_begins(r);
    if (move_on(op, &is_new, &err) < 0) {
        op_end(op, &err, 0);
    } else if (is_new) {
        put_intent(op);
    } else {
        send_apply(op);
    }
}

static void forgotten(void *ctx, const struct cm_err *error) {
    struct op *op = ctx;
    struct agent_apply *a = op->run->owner;

    if (error->code == CM_OK && !a->shut) {
        a->host.removed(a->host.ctx, op->app, op->key);
    }
    op_end(op, error->code == CM_OK ? NULL : error, 0);
}

static void release(struct op *op, const struct agent_item *item);

// leave: it stays where it is. An App that is gone has no place to say so, and lets it go. Another
// App may have claimed it meanwhile.
static void leave(struct op *op, const char *why) {
    struct agent_apply *a = op->run->owner;
    const struct agent_item *item = agent_cache_item(a->cache, op->key);
    bool theirs = item != NULL && !a->shut && strcmp(item->app, op->app) == 0;

    if (theirs && op->run->gone) {
        op->told = true;
        cm_log(CM_LOG_INFO, "agent.orphan", why, "app", op->app, "object", op->key, NULL);
        agent_cache_set_release(a->cache, op->key);
        agent_cache_commit(a->cache, NULL, NULL);
        release(op, item);
        return;
    }
    if (theirs) {
        a->host.left(a->host.ctx, op->app, op->key, why);
    }
    op_end(op, NULL, 0);
}

static void removed(void *ctx, const struct cm_err *error, int64_t retry_after_ms) {
    struct op *op = ctx;
    struct agent_apply *a = op->run->owner;

    if (error->code == CM_EEXISTS) {
        leave(op, error->msg);
        return;
    }
    if (error->code != CM_OK) {
        op_end(op, error, retry_after_ms);
        return;
    }
    CM_FAULT_POINT("object-removed");
    a->driver->ops->untrack(a->driver, op->key);
    agent_cache_drop_item(a->cache, op->key);
    agent_cache_commit(a->cache, forgotten, op);
}

void op_remove(struct run *r, size_t step, const struct agent_item *item) {
    struct op *op = op_new(r, step, item->key);
    struct agent_owned owned = owned_by(r, item);

    r->owner->driver->ops->remove(r->owner->driver, &owned, removed, op);
}

// released: it does not carry our mark any more. Another App may have claimed it meanwhile. An
// account may have lost its rights with its App; what is ours we let go ourselves then.
static void released(void *ctx, const struct cm_err *error, int64_t retry_after_ms) {
    struct op *op = ctx;
    struct agent_apply *a = op->run->owner;
    const struct agent_item *item = agent_cache_item(a->cache, op->key);

    bool go = item != NULL && item->release;

    if (error->code == CM_EAUTH && go && op->run->gone && !op->own && !a->shut) {
        op->own = true;
        release(op, item);
        return;
    }
    if (error->code != CM_OK || !go) {
        op_end(op, error->code == CM_OK ? NULL : error, retry_after_ms);
        return;
    }
    if (!op->told) {
        cm_log(CM_LOG_INFO, "agent.orphan", "an object is left where it is, and no longer ours",
               "app", op->app, "object", op->key, NULL);
    }
    agent_cache_drop_item(a->cache, op->key);
    agent_cache_commit(a->cache, forgotten, op);
}

static void release(struct op *op, const struct agent_item *item) {
    struct agent_driver *d = op->run->owner->driver;
    struct agent_owned owned = owned_by(op->run, item);

    owned.account = op->own ? "" : owned.account;
    d->ops->untrack(d, op->key);
    d->ops->release(d, &owned, released, op);
}

void op_release(struct run *r, size_t step, const struct agent_item *item) {
    release(op_new(r, step, item->key), item);
}

void op_forget(struct agent_apply *a, const struct agent_item *item) {
    CM_AUTOFREE char *key = cm_strdup(item->key);
    CM_AUTOFREE char *app = cm_strdup(item->app);

    a->driver->ops->untrack(a->driver, key);
    agent_cache_drop_item(a->cache, key);
    a->host.removed(a->host.ctx, app, key);
}

void op_run(struct run *r, size_t step, const struct agent_entry *entry) {
    struct op *op = op_new(r, step, entry->key);

    op->bundle = agent_bundle_ref(r->bundle);
    op->entry = entry;
    op->hook = true;
    apply_object_begins(r);
    put_intent(op);
}

// settled: that the hook has run is on disk; what it made goes now, or is let go.
static void settled(void *ctx, const struct cm_err *error) {
    struct op *op = ctx;
    struct agent_apply *a = op->run->owner;
    const struct agent_item *item = agent_cache_item(a->cache, op->key);

    if (error->code != CM_OK || item == NULL || a->shut ||
        op->entry->hook_delete == AGENT_HOOK_BEFORE_CREATION) {
        op_end(op, error->code == CM_OK ? NULL : error, 0);
    } else if (op->entry->hook_delete == AGENT_HOOK_NEVER) {
        release(op, item);
    } else {
        struct agent_owned owned = owned_of(item);

        a->driver->ops->remove(a->driver, &owned, removed, op);
    }
}

void op_settle(struct run *r, size_t step, const struct agent_entry *entry) {
    struct op *op = op_new(r, step, entry->key);

    op->entry = entry;
    put_hook(r, op->key, true);
    if (entry->hook_delete == AGENT_HOOK_NEVER) {
        agent_cache_set_release(r->owner->cache, entry->key);
    }
    agent_cache_commit(r->owner->cache, settled, op);
}

static void explained(void *ctx, const char *text, const struct cm_err *error) {
    struct op *op = ctx;

    hook_explained(op->run, op->step, text, error);
    op_free(op);
}

void op_explain(struct run *r, size_t step, const char *key) {
    struct agent_driver *d = r->owner->driver;

    if (d->ops->tail == NULL) {
        const struct cm_err none = {0};

        r->in_flight++;
        hook_explained(r, step, "", &none);
        return;
    }
    d->ops->tail(d, key, explained, op_new(r, step, key));
}
