// One object on its way to the target and back, with what must be on disk before and after.
#include <stdlib.h>
#include <string.h>

#include "agent/apply/internal.h"
#include "common/buf.h"
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
        apply_object_over(op->run);
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
                                .note = item->note};
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

static void applied(void *ctx, const struct agent_applied *result) {
    struct op *op = ctx;
    struct agent_apply *a = op->run->owner;

    if (result->error.code != CM_OK) {
        op_end(op, &result->error, result->retry_after_ms);
        return;
    }
    agent_cache_put_item(a->cache, &(struct agent_item){.key = op->key,
                                                        .app = op->app,
                                                        .default_namespace = op->bundle->namespace,
                                                        .uid = result->uid,
                                                        .note = result->note,
                                                        .sha256 = op->entry->sha256,
                                                        .wave = op->entry->wave,
                                                        .applied = true});
    agent_cache_commit(a->cache, recorded, op);
}

static void send_apply(struct op *op) {
    struct agent_apply *a = op->run->owner;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    struct cm_err err;

    if (agent_cache_blob(a->cache, &op->entry->sha256, &bytes, &err) < 0) {
        op_end(op, &err, 0);
        return;
    }
    const struct agent_object object = {.app = op->app,
                                        .key = op->key,
                                        .default_namespace = op->bundle->namespace,
                                        .bytes = bytes,
                                        .sha256 = op->entry->sha256,
                                        .secret = op->entry->secret,
                                        .adopt = op->bundle->adopt};
    a->driver->ops->apply(a->driver, &object, applied, op);
}

// intended: the inventory on disk owns the object now.
static void intended(void *ctx, const struct cm_err *error) {
    struct op *op = ctx;
    struct cm_err err;

    if (error->code != CM_OK) {
        op_end(op, error, 0);
    } else if (op->run->superseded || op->run->owner->shut) {
        (void)cm_fail(&err, CM_ECANCELED, "a newer manifest came");
        op_end(op, &err, 0);
    } else {
        send_apply(op);
    }
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
    item.key = op->key;
    item.app = op->app;
    item.default_namespace = op->bundle->namespace;
    item.uid = uid;
    item.note = note;
    item.wave = op->entry->wave;
    agent_cache_put_item(a->cache, &item);
    agent_cache_commit(a->cache, intended, op);
}

void op_apply(struct run *r, size_t step, const struct agent_entry *entry, bool is_new) {
    struct op *op = op_new(r, step, entry->key);

    op->bundle = agent_bundle_ref(r->bundle);
    op->entry = entry;
    apply_object_begins(r);
    if (is_new) {
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

// leave: it stays where it is. An App that is gone has no place to say so.
static void leave(struct op *op, const char *why) {
    struct agent_apply *a = op->run->owner;
    const struct agent_item *item = agent_cache_item(a->cache, op->key);

    if (item != NULL && !a->shut && op->run->gone) {
        cm_log(CM_LOG_INFO, "agent.orphan", why, "app", op->app, "object", op->key, NULL);
        op_forget(a, item);
        agent_cache_commit(a->cache, NULL, NULL);
    } else if (item != NULL && !a->shut) {
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
    a->driver->ops->untrack(a->driver, op->key);
    agent_cache_drop_item(a->cache, op->key);
    agent_cache_commit(a->cache, forgotten, op);
}

void op_remove(struct run *r, size_t step, const struct agent_item *item) {
    struct op *op = op_new(r, step, item->key);
    struct agent_owned owned = owned_of(item);

    r->owner->driver->ops->remove(r->owner->driver, &owned, removed, op);
}

void op_forget(struct agent_apply *a, const struct agent_item *item) {
    CM_AUTOFREE char *key = cm_strdup(item->key);
    CM_AUTOFREE char *app = cm_strdup(item->app);

    a->driver->ops->untrack(a->driver, key);
    agent_cache_drop_item(a->cache, key);
    a->host.removed(a->host.ctx, app, key);
}
