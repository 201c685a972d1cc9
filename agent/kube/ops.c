// The queue of operations.
//
// An operation waits for its turn, perhaps for a round of discovery, perhaps for the ApplySet's
// parent, and then runs; at most max_in_flight run at once, all but a few of them one App's: one
// whose requests hang (a webhook that does not answer) keeps no other waiting. What such an App
// wants besides is parked, so that nobody looks at it in vain. What is under way for longer than
// two seconds counts no more, up to as many again, so that several such Apps do not fill all slots
// either. Operations on one key run one after the other, in the order in which they came.
//
// An object costs many times its size while it is applied. So few large ones are under way at once;
// they wait for each other only.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/internal.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/map.h"
#include "common/mem.h"

enum {
    FOR_OTHERS = 2,
    HEAVY_BYTES = 64 << 10, // of an object that waits for others as large
    HEAVY_MAX = 1 << 20,    // bytes of such objects at once
    SLOW_MS = 2000,         // what takes longer makes room for others
};

struct kube_line {
    struct cm_list ops;
};

struct kube_share {
    size_t ops;
    size_t running;
    struct cm_list parked;
};

static void on_slow(void *ctx);

void kube_ops_init(struct agent_kube *k) {
    k->ops.slow = (struct cm_timer){.run = on_slow, .ctx = k};
    k->ops.lines = cm_map_new(free);
    k->ops.shares = cm_map_new(free);
}

void kube_ops_free(struct agent_kube *k) {
    cm_map_free(k->ops.lines);
    cm_map_free(k->ops.shares);
}

static void join(struct kube_op *op) {
    struct kube_ops *ops = &op->k->ops;

    op->line = cm_map_get(ops->lines, op->key);
    if (op->line == NULL) {
        op->line = cm_new(1, sizeof(*op->line));
        cm_list_init(&op->line->ops);
        cm_map_put(ops->lines, op->key, op->line);
    }
    cm_list_append(&op->line->ops, &op->in_line);
    op->share = cm_map_get(ops->shares, op->app);
    if (op->share == NULL) {
        op->share = cm_new(1, sizeof(*op->share));
        cm_list_init(&op->share->parked);
        cm_map_put(ops->shares, op->app, op->share);
    }
    op->share->ops++;
}

// unpark lets one that was parked wait for its turn again, before all others.
static void unpark(struct agent_kube *k, struct kube_share *share) {
    struct cm_list *first = share->parked.next;

    if (!cm_list_empty(&share->parked)) {
        cm_list_remove(first);
        cm_list_append(k->ops.queue.next, first);
        kube_ops_wake(k);
    }
}

static void uncount(struct kube_op *op) {
    if (op->counted) {
        op->counted = false;
        op->share->running--;
        unpark(op->k, op->share);
    }
}

static void part(struct kube_op *op) {
    struct kube_ops *ops = &op->k->ops;

    cm_list_remove(&op->in_line);
    if (cm_list_empty(&op->line->ops)) {
        (void)cm_map_remove(ops->lines, op->key);
    } else {
        kube_ops_wake(op->k); // the next one may begin
    }
    if (--op->share->ops == 0) {
        (void)cm_map_remove(ops->shares, op->app);
    }
}

void kube_op_free(struct kube_op *op) {
    cm_list_remove(&op->at);
    uncount(op);
    part(op);
    cm_timer_stop(op->k->loop, &op->timer);
    cm_arena_free(op->arena);
    cm_buf_unref(op->bytes);
    cm_buf_unref(op->sparing.before);
    free(op->app);
    free(op->key);
    free(op->default_namespace);
    free(op->uid);
    free(op->path);
    free(op->said);
    free(op->whose);
    free(op->account);
    free(op->refusal);
    free(op);
}

// heavy_of is the size of an object that counts as large; 0: it does not.
static size_t heavy_of(const struct kube_op *op) {
    size_t size = op->bytes == NULL ? 0 : op->bytes->size;

    return size < HEAVY_BYTES ? 0 : size;
}

// too_heavy tells whether it waits for the large ones that are under way.
static bool too_heavy(const struct kube_op *op) {
    size_t others = op->k->ops.heavy_in_flight;
    size_t size = heavy_of(op);

    return size > 0 && others > 0 && others + size > HEAVY_MAX;
}

void kube_op_take_slot(struct kube_op *op) {
    op->has_slot = true;
    op->since_ms = cm_clock_now_ms();
    op->k->ops.in_flight++;
    op->k->ops.heavy_in_flight += heavy_of(op);
}

static void give_slot_back(struct kube_op *op) {
    if (op->has_slot) {
        op->has_slot = false;
        *(op->is_slow ? &op->k->ops.slow_in_flight : &op->k->ops.in_flight) -= 1;
        op->is_slow = false;
        op->k->ops.heavy_in_flight -= heavy_of(op);
        kube_ops_wake(op->k);
    }
}

static void tell(struct kube_op *op, const struct cm_err *err, int64_t retry_after_ms,
                 const struct agent_applied *applied) {
    struct agent_applied failed = {.retry_after_ms = retry_after_ms, .uid = "", .note = ""};

    if (op->type == KUBE_REMOVE || op->type == KUBE_RELEASE) {
        op->removed(op->ctx, err, retry_after_ms);
    } else if (applied != NULL) {
        op->applied(op->ctx, applied);
    } else {
        failed.error = *err;
        op->applied(op->ctx, &failed);
    }
}

void kube_op_done(struct kube_op *op, const struct cm_err *err, int64_t retry_after_ms,
                  const struct agent_applied *applied) {
    struct kube_entry *e = op->entry;

    cm_list_remove(&op->at);
    uncount(op);
    give_slot_back(op);
    if (!op->lacks) {
        kube_absent_end(op->k, op->key);
    }
    tell(op, err, retry_after_ms, applied); // the entry stays while it has an operation
    if (e != NULL) {
        e->op = NULL;
        kube_entry_after_op(e, op->drift);
    }
    kube_op_free(op);
}

static void move(struct kube_op *op, struct cm_list *to) {
    cm_list_remove(&op->at);
    uncount(op);
    cm_list_append(to, &op->at);
}

void kube_op_wait_for_kind(struct kube_op *op) {
    op->round = kube_discover_want(op->k);
    move(op, &op->k->ops.waiting_kind);
}

void kube_op_wait_for_parent(struct kube_op *op) {
    move(op, &op->k->ops.waiting_parent);
}

void kube_op_wait_for_owners(struct kube_op *op) {
    move(op, &op->k->ops.waiting_owners);
}

void kube_op_linger(struct kube_op *op) {
    move(op, &op->k->ops.lingering);
    give_slot_back(op);
}

void kube_op_again(struct kube_op *op) {
    move(op, &op->k->ops.queue);
    kube_ops_wake(op->k);
}

static bool is_first(const struct kube_op *op) {
    return op->line->ops.next == &op->in_line;
}

// has_room tells whether the op's App may have one more under way.
static bool has_room(const struct kube_op *op) {
    size_t max = op->k->max_in_flight;

    return op->share->running < (max > FOR_OTHERS ? max - FOR_OTHERS : 1);
}

static void begin(struct kube_op *op) {
    struct agent_kube *k = op->k;
    struct cm_err err;

    move(op, &k->ops.running);
    op->counted = true;
    op->share->running++;
    if (k->driver.observes) {
        (void)cm_fail(&err, CM_EAUTH, AGENT_OBSERVES);
        kube_op_done(op, &err, 0, NULL);
    } else if (op->type == KUBE_APPLY || op->cleared) {
        kube_apply_begin(op);
    } else {
        kube_remove_begin(op);
    }
}

// kube_op_cleared goes on with the other half of making an object anew.
void kube_op_cleared(struct kube_op *op) {
    op->cleared = true;
    op->round = 0;
    free(op->path);
    op->path = NULL;
    cm_arena_free(op->arena);
    op->arena = NULL;
    op->desired = NULL;
    op->whole = NULL;
    op->drift = NULL;
    give_slot_back(op);
    begin(op);
}

// make_room moves what takes long to slots of its own, as many as there are others, so that Apps
// whose requests hang do not fill them all.
static void make_room(struct agent_kube *k) {
    struct kube_ops *ops = &k->ops;
    int64_t long_ago_ms = cm_clock_now_ms() - SLOW_MS;

    for (struct cm_list *at = ops->running.next;
         at != &ops->running && ops->slow_in_flight < k->max_in_flight; at = at->next) {
        struct kube_op *op = CM_CONTAINER(at, struct kube_op, at);

        if (op->has_slot && !op->is_slow && op->since_ms <= long_ago_ms) {
            op->is_slow = true;
            ops->in_flight--;
            ops->slow_in_flight++;
        }
    }
}

// wait_for_room looks at the queue again when something begins to take long.
static void wait_for_room(struct agent_kube *k) {
    struct kube_ops *ops = &k->ops;

    if (ops->in_flight >= k->max_in_flight && ops->slow_in_flight < k->max_in_flight &&
        !cm_list_empty(&ops->queue) && !k->stopping) {
        cm_timer_start(k->loop, &ops->slow, SLOW_MS);
    }
}

static void on_slow(void *ctx) {
    kube_ops_wake(ctx);
}

static void run_queue(void *ctx) {
    struct agent_kube *k = ctx;
    struct kube_ops *ops = &k->ops;
    struct cm_list *next;

    ops->posted = false;
    if (ops->in_flight >= k->max_in_flight) {
        make_room(k);
    }
    if (k->reach == KUBE_DOWN) {
        kube_ops_fail_all(k, &k->why_down);
        kube_recover_fail(k, &k->why_down);
    }
    if (k->reach != KUBE_UP) {
        return;
    }
    kube_recover_wake(k);
    for (struct cm_list *at = ops->queue.next; at != &ops->queue; at = next) {
        struct kube_op *op = CM_CONTAINER(at, struct kube_op, at);

        next = at->next;
        if (k->stopping || ops->in_flight >= k->max_in_flight) {
            break;
        }
        if (too_heavy(op)) {
            continue;
        }
        if (is_first(op) && has_room(op)) {
            begin(op);
        } else if (is_first(op)) {
            move(op, &op->share->parked);
        }
    }
    wait_for_room(k);
    if (!cm_list_empty(&ops->waiting_parent)) {
        kube_applyset_write(k);
    }
}

void kube_ops_wake(struct agent_kube *k) {
    if (!k->ops.posted && !k->stopping) {
        k->ops.posted = true;
        k->ops.task = (struct cm_task){.run = run_queue, .ctx = k};
        cm_loop_post(k->loop, &k->ops.task);
    }
}

static struct kube_op *new_op(struct agent_kube *k, enum kube_op_type type, const char *app,
                              const char *key, void *ctx) {
    struct kube_op *op = cm_new(1, sizeof(*op));

    op->k = k;
    op->type = type;
    op->ctx = ctx;
    op->app = cm_strdup(app);
    op->key = cm_strdup(key);
    join(op);
    cm_list_append(&k->ops.queue, &op->at);
    kube_ops_wake(k);
    return op;
}

static char *account_of(const char *account) {
    return account == NULL || account[0] == '\0' ? NULL : cm_strdup(account);
}

static struct kube_op *new_write(struct agent_kube *k, enum kube_op_type type,
                                 const struct agent_object *object, agent_applied_fn done,
                                 void *ctx) {
    struct kube_op *op = new_op(k, type, object->app, object->key, ctx);

    op->default_namespace = cm_strdup(object->default_namespace);
    op->bytes = cm_buf_ref(object->bytes);
    op->secret = object->secret;
    op->adopt = object->adopt;
    op->yields = object->yields;
    op->recreate = object->recreate;
    op->once = object->once;
    op->account = account_of(object->account);
    op->sparing = object->sparing;
    if (op->sparing.before != NULL) {
        (void)cm_buf_ref(op->sparing.before);
    }
    op->applied = done;
    return op;
}

void kube_ops_apply(struct agent_kube *k, const struct agent_object *object, agent_applied_fn done,
                    void *ctx) {
    (void)new_write(k, KUBE_APPLY, object, done, ctx);
}

void kube_ops_run(struct agent_kube *k, const struct agent_object *object, agent_applied_fn done,
                  void *ctx) {
    new_write(k, KUBE_RUN, object, done, ctx)->uid = cm_strdup("");
}

static void new_end(struct agent_kube *k, enum kube_op_type type, const struct agent_owned *object,
                    agent_removed_fn done, void *ctx) {
    struct kube_op *op = new_op(k, type, object->app, object->key, ctx);

    op->default_namespace = cm_strdup(object->default_namespace);
    op->uid = cm_strdup(object->uid);
    op->account = account_of(object->account);
    op->remembered = object->note[0] != '\0';
    op->propagation = object->propagation;
    op->removed = done;
}

void kube_ops_remove(struct agent_kube *k, const struct agent_owned *object, agent_removed_fn done,
                     void *ctx) {
    new_end(k, KUBE_REMOVE, object, done, ctx);
}

void kube_ops_release(struct agent_kube *k, const struct agent_owned *object, agent_removed_fn done,
                      void *ctx) {
    new_end(k, KUBE_RELEASE, object, done, ctx);
}

// requeue puts operations that waited back where they were: before all that have not begun.
static void requeue(struct agent_kube *k, struct cm_list *list, uint64_t round) {
    struct cm_list *prev;

    for (struct cm_list *at = list->prev; at != list; at = prev) {
        struct kube_op *op = CM_CONTAINER(at, struct kube_op, at);

        prev = at->prev;
        if (op->round <= round) {
            cm_list_remove(&op->at);
            cm_list_append(k->ops.queue.next, &op->at); // before the first one
        }
    }
    kube_ops_wake(k);
}

void kube_ops_discovered(struct agent_kube *k) {
    requeue(k, &k->ops.waiting_kind, k->discover_round);
}

void kube_ops_owners_known(struct agent_kube *k) {
    requeue(k, &k->ops.waiting_owners, UINT64_MAX);
}

static void fail_list(struct cm_list *list, const struct cm_err *why, int64_t retry_ms) {
    struct cm_list failing;

    // What the callbacks begin goes into the queue, which must not make this endless.
    cm_list_init(&failing);
    while (!cm_list_empty(list)) {
        move(CM_CONTAINER(list->next, struct kube_op, at), &failing);
    }
    while (!cm_list_empty(&failing)) {
        kube_op_done(CM_CONTAINER(failing.next, struct kube_op, at), why, retry_ms, NULL);
    }
}

void kube_ops_parent_written(struct agent_kube *k, const struct cm_err *err, int64_t retry_ms) {
    if (k->stopping) {
        return;
    }
    if (err->code == CM_OK) {
        requeue(k, &k->ops.waiting_parent, UINT64_MAX);
    } else {
        fail_list(&k->ops.waiting_parent, err, retry_ms);
    }
}

static bool unpark_all(void *ctx, const char *app, void *value) {
    struct kube_share *share = value;
    struct agent_kube *k = ctx;

    (void)app;
    while (!cm_list_empty(&share->parked)) {
        unpark(k, share);
    }
    return true;
}

void kube_ops_fail_all(struct agent_kube *k, const struct cm_err *why) {
    cm_map_each(k->ops.shares, unpark_all, k);
    fail_list(&k->ops.queue, why, 0);
    fail_list(&k->ops.waiting_kind, why, 0);
    fail_list(&k->ops.waiting_parent, why, 0);
    fail_list(&k->ops.waiting_owners, why, 0);
}

// kube_ops_stop ends what has no request on its way; the calls of all others are canceled by now,
// and end them.
void kube_ops_stop(struct agent_kube *k) {
    struct cm_err why;

    cm_timer_stop(k->loop, &k->ops.slow);
    (void)cm_fail(&why, CM_ECANCELED, "the agent stops");
    kube_ops_fail_all(k, &why);
    for (struct cm_list *at = k->ops.lingering.next, *next; at != &k->ops.lingering; at = next) {
        struct kube_op *op = CM_CONTAINER(at, struct kube_op, at);

        next = at->next;
        if (op->call == NULL) {
            kube_op_done(op, &why, 0, NULL);
        }
    }
}
