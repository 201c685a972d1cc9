// The queue of operations.
//
// An operation waits for its turn, perhaps for a round of discovery, perhaps for the ApplySet's
// parent, and then runs; at most max_in_flight run at once, all but a few of them one App's: one
// whose requests hang (a webhook that does not answer) keeps no other waiting. Two operations on
// one object never run together.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/internal.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/mem.h"

enum { FOR_OTHERS = 2 };

void kube_op_free(struct kube_op *op) {
    cm_list_remove(&op->at);
    cm_timer_stop(op->k->loop, &op->timer);
    cm_arena_free(op->arena);
    cm_buf_unref(op->bytes);
    free(op->app);
    free(op->key);
    free(op->default_namespace);
    free(op->uid);
    free(op->path);
    free(op->said);
    free(op);
}

static void give_slot_back(struct kube_op *op) {
    if (op->has_slot) {
        op->has_slot = false;
        op->k->ops.in_flight--;
        kube_ops_wake(op->k);
    }
}

static void tell(struct kube_op *op, const struct cm_err *err, int64_t retry_after_ms,
                 const struct agent_applied *applied) {
    struct agent_applied failed = {.retry_after_ms = retry_after_ms, .uid = "", .note = ""};

    if (op->type == KUBE_REMOVE) {
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
    give_slot_back(op);
    tell(op, err, retry_after_ms, applied); // the entry stays while it has an operation
    if (e != NULL) {
        e->op = NULL;
        kube_entry_after_op(e);
    }
    kube_op_free(op);
}

static void move(struct kube_op *op, struct cm_list *to) {
    cm_list_remove(&op->at);
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

static bool is_free(struct kube_op *op) {
    struct kube_entry *e = kube_entry_find(op->k, op->key);

    return e == NULL || e->op == NULL || e->op == op;
}

// has_room tells whether the op's App may have one more under way.
static bool has_room(const struct kube_op *op) {
    struct agent_kube *k = op->k;
    size_t most = k->max_in_flight > FOR_OTHERS ? k->max_in_flight - FOR_OTHERS : 1;
    size_t count = 0;

    for (struct cm_list *at = k->ops.running.next; at != &k->ops.running; at = at->next) {
        const struct kube_op *other = CM_CONTAINER(at, struct kube_op, at);

        count += strcmp(other->app, op->app) == 0 ? 1 : 0;
    }
    return count < most;
}

static void begin(struct kube_op *op) {
    struct agent_kube *k = op->k;

    move(op, &k->ops.running);
    if (op->type == KUBE_APPLY || op->cleared) {
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
    give_slot_back(op);
    begin(op);
}

static void run_queue(void *ctx) {
    struct agent_kube *k = ctx;
    struct kube_ops *ops = &k->ops;
    struct cm_list *next;

    ops->posted = false;
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
        if (is_free(op) && has_room(op)) {
            begin(op);
        }
    }
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

static struct kube_op *new_op(struct agent_kube *k, enum kube_op_type type, void *ctx) {
    struct kube_op *op = cm_new(1, sizeof(*op));

    op->k = k;
    op->type = type;
    op->ctx = ctx;
    cm_list_append(&k->ops.queue, &op->at);
    kube_ops_wake(k);
    return op;
}

static struct kube_op *new_write(struct agent_kube *k, enum kube_op_type type,
                                 const struct agent_object *object, agent_applied_fn done,
                                 void *ctx) {
    struct kube_op *op = new_op(k, type, ctx);

    op->app = cm_strdup(object->app);
    op->key = cm_strdup(object->key);
    op->default_namespace = cm_strdup(object->default_namespace);
    op->bytes = cm_buf_ref(object->bytes);
    op->secret = object->secret;
    op->adopt = object->adopt;
    op->yields = object->yields;
    op->recreate = object->recreate;
    op->once = object->once;
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

void kube_ops_remove(struct agent_kube *k, const struct agent_owned *object, agent_removed_fn done,
                     void *ctx) {
    struct kube_op *op = new_op(k, KUBE_REMOVE, ctx);

    op->app = cm_strdup(object->app);
    op->key = cm_strdup(object->key);
    op->default_namespace = cm_strdup(object->default_namespace);
    op->uid = cm_strdup(object->uid);
    op->remembered = object->note[0] != '\0';
    op->removed = done;
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

void kube_ops_fail_all(struct agent_kube *k, const struct cm_err *why) {
    fail_list(&k->ops.queue, why, 0);
    fail_list(&k->ops.waiting_kind, why, 0);
    fail_list(&k->ops.waiting_parent, why, 0);
    fail_list(&k->ops.waiting_owners, why, 0);
}

// kube_ops_stop ends what has no request on its way; the calls of all others are canceled by now,
// and end them.
void kube_ops_stop(struct agent_kube *k) {
    struct cm_err why;

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
