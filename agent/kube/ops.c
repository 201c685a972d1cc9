// The queue of operations.
//
// An operation waits for its turn (slots.c), perhaps for a round of discovery, perhaps for the
// ApplySet's parent, and then runs. Operations on one key run one after the other, in the order in
// which they came.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/account.h"
#include "agent/kube/internal.h"
#include "agent/kube/own.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/map.h"
#include "common/mem.h"

struct kube_line {
    struct cm_list ops;
};

void kube_ops_init(struct agent_kube *k) {
    k->ops.lines = cm_map_new(free);
    kube_slots_init(k);
}

void kube_ops_free(struct agent_kube *k) {
    cm_map_free(k->ops.lines);
    kube_slots_free(k);
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
    kube_share_join(op);
}

static void part(struct kube_op *op) {
    struct kube_ops *ops = &op->k->ops;

    cm_list_remove(&op->in_line);
    if (cm_list_empty(&op->line->ops)) {
        (void)cm_map_remove(ops->lines, op->key);
    } else {
        kube_ops_wake(op->k); // the next one may begin
    }
    kube_share_part(op);
}

void kube_op_free(struct kube_op *op) {
    cm_list_remove(&op->at);
    kube_share_rests(op);
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

// is_cut_off tells whether it ends only because we did not wait any longer.
static bool is_cut_off(const struct kube_op *op, const struct cm_err *err) {
    return op->cut && err->code == CM_ECANCELED && !op->k->stopping;
}

void kube_op_done(struct kube_op *op, const struct cm_err *err, int64_t retry_after_ms,
                  const struct agent_applied *applied) {
    struct kube_entry *e = op->entry;
    struct cm_err busy;

    if (is_cut_off(op, err)) {
        (void)cm_fail(&busy, CM_EBUSY,
                      "the API server has not answered for %lld s, and others wait: look for a "
                      "webhook that hangs; it is tried again",
                      (long long)(cm_clock_now_ms() - op->since_ms) / 1000);
        err = &busy;
    }

    cm_list_remove(&op->at);
    kube_share_rests(op);
    kube_slots_give(op);
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
    kube_share_rests(op);
    cm_list_append(to, &op->at);
}

void kube_op_drop_forms(struct kube_op *op) {
    if (op->read != NULL) {
        cm_buf_unref(op->bytes);
        cm_buf_unref(op->sparing.before);
        op->bytes = NULL;
        op->sparing.before = NULL;
    }
}

// read_forms gets what is sent, if it is not there yet.
static enum cm_rc read_forms(struct kube_op *op, struct cm_err *err) {
    struct agent_read forms = {0};

    if (op->read == NULL || op->bytes != NULL) {
        return CM_OK;
    }
    enum cm_rc rc = op->read(op->ctx, &forms, err);
    op->bytes = forms.bytes;
    op->sparing.before = forms.before;
    return rc;
}

// wait_in has it wait for what others wait for, too: any number of them.
static void wait_in(struct kube_op *op, struct cm_list *list) {
    move(op, list);
    kube_op_drop_forms(op);
}

void kube_op_wait_for_kind(struct kube_op *op) {
    op->round = kube_discover_want(op->k);
    wait_in(op, &op->k->ops.waiting_kind);
}

void kube_op_wait_for_parent(struct kube_op *op) {
    wait_in(op, &op->k->ops.waiting_parent);
}

void kube_op_wait_for_owners(struct kube_op *op) {
    wait_in(op, &op->k->ops.waiting_owners);
}

void kube_op_linger(struct kube_op *op) {
    move(op, &op->k->ops.lingering);
    kube_slots_give(op);
}

void kube_op_again(struct kube_op *op) {
    kube_share_rests(op);
    kube_slots_queue(op, false);
}

static bool is_first(const struct kube_op *op) {
    return op->line->ops.next == &op->in_line;
}

static void begin(struct kube_op *op) {
    struct agent_kube *k = op->k;
    struct cm_err err;

    move(op, &k->ops.running);
    kube_share_begins(op);
    if (k->driver.observes) {
        (void)cm_fail(&err, CM_EAUTH, AGENT_OBSERVES);
        kube_op_done(op, &err, 0, NULL);
    } else if (read_forms(op, &err) < 0) {
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
    kube_slots_give(op);
    begin(op);
}

// serve begins what waits for slots of a pace, while there are any. What an App may not begin yet
// is parked, so that nobody looks at it in vain.
static void serve(struct agent_kube *k, enum kube_pace pace) {
    struct cm_list *queue = &k->ops.queues[pace];
    struct cm_list *next;

    for (struct cm_list *at = queue->next;
         at != queue && !k->stopping && !kube_slots_are_full(k, pace); at = next) {
        struct kube_op *op = CM_CONTAINER(at, struct kube_op, at);

        next = at->next;
        if (kube_share_pace(op) != pace) {
            kube_slots_queue(op, false);
        } else if (is_first(op) && kube_slots_fit(op)) {
            if (kube_share_has_room(op)) {
                begin(op);
            } else {
                kube_share_park(op);
            }
        }
    }
}

static void run_queue(void *ctx) {
    struct agent_kube *k = ctx;
    struct kube_ops *ops = &k->ops;

    ops->posted = false;
    if (k->reach == KUBE_DOWN) {
        kube_ops_fail_all(k, &k->why_down);
        kube_recover_fail(k, &k->why_down);
        kube_applyset_recall_end(k, &k->why_down);
    }
    if (k->reach != KUBE_UP) {
        return;
    }
    kube_recover_wake(k);
    kube_applyset_recall_wake(k);
    serve(k, KUBE_QUICK);
    serve(k, KUBE_SLOW);
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

bool kube_op_is_own(const struct kube_op *op, const char *ns) {
    const struct kube_own own = {op->k->applyset.ns, op->k->pod_namespace, op->k->pod};

    return kube_own_has(&own, op->key, ns);
}

static struct kube_op *new_op(struct agent_kube *k, enum kube_op_type type, const char *app,
                              const char *key, void *ctx) {
    struct kube_op *op = cm_new(1, sizeof(*op));

    op->k = k;
    op->type = type;
    op->ctx = ctx;
    op->app = cm_strdup(app);
    op->key = cm_strdup(key);
    cm_list_init(&op->at);
    join(op);
    kube_slots_queue(op, false);
    return op;
}

static char *account_of(const char *asked) {
    const char *account = kube_account_given(asked);

    return account == NULL ? NULL : cm_strdup(account);
}

static struct kube_op *new_write(struct agent_kube *k, enum kube_op_type type,
                                 const struct agent_object *object, agent_applied_fn done,
                                 void *ctx) {
    struct kube_op *op = new_op(k, type, object->app, object->key, ctx);

    op->default_namespace = cm_strdup(object->default_namespace);
    op->bytes = object->bytes == NULL ? NULL : cm_buf_ref(object->bytes);
    op->read = object->bytes == NULL ? object->read : NULL;
    op->size = object->bytes == NULL ? object->size : object->bytes->size;
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
            kube_slots_queue(op, true);
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
    kube_slots_unpark_all(k);
    fail_list(&k->ops.queues[KUBE_QUICK], why, 0);
    fail_list(&k->ops.queues[KUBE_SLOW], why, 0);
    fail_list(&k->ops.waiting_kind, why, 0);
    fail_list(&k->ops.waiting_parent, why, 0);
    fail_list(&k->ops.waiting_owners, why, 0);
}

// kube_ops_stop ends what has no request on its way; the calls of all others are canceled by now,
// and end them.
void kube_ops_stop(struct agent_kube *k) {
    struct cm_err why;

    kube_slots_stop(k);
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
