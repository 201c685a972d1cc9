// How many operations are under way, and whose.
//
// At most max_in_flight run at once (KUBE_QUICK). What is under way for longer than two seconds
// leaves its slot to others and takes one of those for what takes long (KUBE_SLOW), of which there
// are as many. So a server that is slow is not asked for more and more at once. But what hangs (a
// webhook that does not answer) while others of its kind are answered, or none of them is, does not
// count among these, of which there are KUBE_SLOW_TIMES as many in all; where all are taken, the
// one that hangs longest is cut off, and its operation fails for now. So slots come free within
// seconds, however many Apps have requests that hang, and there is a bound to what is under way.
//
// A kind of which nothing is answered for seconds may also have a server that stalls as a whole:
// from outside that looks the same, for nothing else may be asked of it. So such a server has up to
// four times max_in_flight requests, and some are cut off and sent anew.
//
// An App of which something took long begins what else it wants in slow slots only, and cuts nobody
// off: it waits until one is free, in turn with others like it, each with a part of them. It is one
// of the quick ones again when something of it has ended in time and it has no slow slot any more.
// An App of which nothing has ended yet has one operation under way, so that all those whose
// requests are going to hang do not take all slots together. Other Apps have nearly all, but not
// all.
//
// An object costs many times its size while it is applied. So few large ones are under way at once,
// and as few of those that take long beside them; they wait for each other only. What waits was not
// read yet (agent/driver.h), so that it costs little, whatever its number.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/internal.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/map.h"
#include "common/mem.h"

enum {
    FOR_OTHERS = 2,
    HEAVY_BYTES = 64 << 10, // of an object that waits for others as large
    HEAVY_MAX = 1 << 20,    // bytes of such objects at once, of each pace
    SLOW_MS = 2000,         // what takes longer makes room for others
    HANGS_MS = 5000,        // what takes longer may hang
    SILENT_MS = 5000,       // without any answer to its kind
    FORGET_MS = 600000,     // that something of an App took long which does nothing any more
};

// What one App has under way.
struct kube_share {
    size_t ops;
    size_t running;
    size_t slow_ops; // that have a slow slot
    enum kube_pace pace;
    int64_t slow_at_ms; // when something took long last; monotonic
    bool proven;        // something has ended in time
    struct cm_list parked;
};

// When operations on objects of a kind were answered.
struct kube_pulse {
    int64_t ended_ms;   // the last one; monotonic
    int64_t in_time_ms; // the youngest of those in time had begun
};

static struct kube_pulse *pulse_of(struct agent_kube *k, const char *key) {
    CM_AUTOFREE char *kind = cm_strndup(key, strcspn(key, "/"));
    struct kube_pulse *pulse = cm_map_get(k->ops.pulses, kind);

    if (pulse == NULL) {
        pulse = cm_new(1, sizeof(*pulse));
        cm_map_put(k->ops.pulses, kind, pulse);
    }
    return pulse;
}

// ---- Shares

void kube_share_join(struct kube_op *op) {
    struct cm_map *shares = op->k->ops.shares;

    op->share = cm_map_get(shares, op->app);
    if (op->share == NULL) {
        op->share = cm_new(1, sizeof(*op->share));
        cm_list_init(&op->share->parked);
        cm_map_put(shares, op->app, op->share);
    }
    op->share->ops++;
    op->pulse = pulse_of(op->k, op->key);
}

// kube_share_part: of an App that is slow that is remembered, for it comes again.
void kube_share_part(struct kube_op *op) {
    if (--op->share->ops == 0 && op->share->pace == KUBE_QUICK) {
        (void)cm_map_remove(op->k->ops.shares, op->app);
    }
}

enum kube_pace kube_share_pace(const struct kube_op *op) {
    return op->share->pace;
}

// unpark has one that was parked wait for its turn again: before all others, but slow ones take
// turns.
static void unpark(struct kube_share *share, struct cm_list *one) {
    kube_slots_queue(CM_CONTAINER(one, struct kube_op, at), share->pace == KUBE_QUICK);
}

static void unpark_all(struct kube_share *share) {
    while (!cm_list_empty(&share->parked)) {
        unpark(share, share->parked.prev);
    }
}

void kube_share_rests(struct kube_op *op) {
    if (op->counted) {
        op->counted = false;
        op->share->running--;
        if (!cm_list_empty(&op->share->parked)) {
            unpark(op->share, op->share->parked.next);
        }
    }
}

void kube_share_park(struct kube_op *op) {
    cm_list_remove(&op->at);
    cm_list_append(&op->share->parked, &op->at);
}

static size_t slots_of(const struct agent_kube *k, enum kube_pace pace) {
    return k->max_in_flight * (pace == KUBE_SLOW ? KUBE_SLOW_TIMES : 1);
}

bool kube_share_has_room(const struct kube_op *op) {
    const struct kube_share *share = op->share;
    size_t max = slots_of(op->k, share->pace);
    size_t most = 1;

    if (share->pace == KUBE_SLOW) {
        most = max / (op->k->ops.slow_apps + 1);
    } else if (share->proven && max > FOR_OTHERS) {
        most = max - FOR_OTHERS;
    }
    return share->running < (most > 0 ? most : 1);
}

// kube_share_begins: there may be room for more than when they were parked.
void kube_share_begins(struct kube_op *op) {
    op->counted = true;
    op->share->running++;
    if (!cm_list_empty(&op->share->parked) && kube_share_has_room(op)) {
        unpark(op->share, op->share->parked.next);
    }
}

// hurry moves what waits for a slow slot to where its App is now, before what was parked.
static void hurry(struct agent_kube *k, const struct kube_share *share) {
    struct cm_list *queue = &k->ops.queues[KUBE_SLOW];
    struct cm_list *prev;

    for (struct cm_list *at = queue->prev; at != queue; at = prev) {
        struct kube_op *op = CM_CONTAINER(at, struct kube_op, at);

        prev = at->prev;
        if (op->share == share) {
            kube_slots_queue(op, true);
        }
    }
}

// set_pace: what was parked may have room now. What waits for a quick slot is moved when one is
// free; a slow one may not be for long.
static void set_pace(const struct kube_op *op, enum kube_pace pace, bool proven) {
    struct kube_share *share = op->share;
    enum kube_pace before = share->pace;

    if (before != pace || share->proven != proven) {
        share->pace = pace;
        share->proven = proven;
        unpark_all(share);
    }
    if (before == KUBE_SLOW && pace == KUBE_QUICK) {
        hurry(op->k, share);
    }
}

static void was_in_time(const struct kube_op *op) {
    if (op->share->slow_ops == 0) {
        set_pace(op, KUBE_QUICK, true);
    }
}

static void took_long(const struct kube_op *op) {
    op->share->slow_at_ms = cm_clock_now_ms();
    set_pace(op, KUBE_SLOW, false);
}

// ---- Slots

// heavy_of is the size of an object that counts as large; 0: it does not.
static size_t heavy_of(const struct kube_op *op) {
    return op->size < HEAVY_BYTES ? 0 : op->size;
}

static bool has_space(const struct kube_pool *pool, size_t heavy) {
    return heavy == 0 || pool->heavy == 0 || pool->heavy + heavy <= HEAVY_MAX;
}

// hangs tells whether a request is not only slow like all others of its kind.
static bool hangs(const struct kube_op *op) {
    const struct kube_pulse *pulse = op->pulse;
    int64_t now_ms = cm_clock_now_ms();

    return op->call != NULL && op->since_ms + HANGS_MS <= now_ms &&
           (op->since_ms + SLOW_MS <= pulse->in_time_ms || pulse->ended_ms + SILENT_MS <= now_ms);
}

// count_slow counts what has a slow slot and does not hang.
static size_t count_slow(const struct agent_kube *k) {
    size_t count = 0;

    for (struct cm_list *at = k->ops.running.next; at != &k->ops.running; at = at->next) {
        const struct kube_op *op = CM_CONTAINER(at, struct kube_op, at);

        count += op->pool == &k->ops.pools[KUBE_SLOW] && !hangs(op) ? 1 : 0;
    }
    return count;
}

bool kube_slots_are_full(const struct agent_kube *k, enum kube_pace pace) {
    return k->ops.pools[pace].ops >= slots_of(k, pace) ||
           (pace == KUBE_SLOW && count_slow(k) >= k->max_in_flight);
}

bool kube_slots_fit(const struct kube_op *op) {
    return has_space(&op->k->ops.pools[op->share->pace], heavy_of(op));
}

static void enter(struct kube_op *op, enum kube_pace pace) {
    struct kube_ops *ops = &op->k->ops;

    op->pool = &ops->pools[pace];
    op->pool->ops++;
    op->pool->heavy += heavy_of(op);
    if (pace == KUBE_SLOW) {
        ops->slow_apps += op->share->slow_ops++ == 0 ? 1 : 0;
    }
}

static void leave(struct kube_op *op) {
    struct kube_ops *ops = &op->k->ops;

    op->pool->ops--;
    op->pool->heavy -= heavy_of(op);
    if (op->pool == &ops->pools[KUBE_SLOW]) {
        ops->slow_apps -= --op->share->slow_ops == 0 ? 1 : 0;
    }
    op->pool = NULL;
}

static void look_in(struct agent_kube *k, int64_t ms) {
    if (k->ops.slow.at == 0 && !k->stopping) {
        cm_timer_start(k->loop, &k->ops.slow, ms);
    }
}

void kube_op_take_slot(struct kube_op *op) {
    struct agent_kube *k = op->k;

    assert(op->pool == NULL);
    op->since_ms = cm_clock_now_ms();
    enter(op, op->share->pace);
    look_in(k, SLOW_MS);
}

void kube_slots_give(struct kube_op *op) {
    if (op->pool == NULL) {
        return;
    }
    struct kube_pulse *pulse = op->pulse;
    int64_t now_ms = cm_clock_now_ms();

    leave(op);
    pulse->ended_ms = op->cut ? pulse->ended_ms : now_ms;
    if (!op->cut && now_ms - op->since_ms < SLOW_MS) {
        pulse->in_time_ms = op->since_ms > pulse->in_time_ms ? op->since_ms : pulse->in_time_ms;
        was_in_time(op);
    } else {
        took_long(op);
    }
    kube_ops_wake(op->k);
}

void kube_slots_queue(struct kube_op *op, bool first) {
    struct cm_list *queue = &op->k->ops.queues[op->share->pace];

    cm_list_remove(&op->at);
    cm_list_append(first ? queue->next : queue, &op->at); // before the first one, or at the end
    if (op->share->pace == KUBE_SLOW) {
        look_in(op->k, SLOW_MS / 2); // what is slow hangs after a while, though nothing happens
    }
    kube_ops_wake(op->k);
}

// ---- What takes long

// may_be_cut: a hook may be made all the same, and would then run twice.
static bool may_be_cut(const struct kube_op *op) {
    return op->pool == &op->k->ops.pools[KUBE_SLOW] && hangs(op) &&
           !(op->type == KUBE_RUN && op->cleared);
}

// cut_off ends the request that has had a slow slot longest, of an object that is as large at
// least. It tells whether there is one.
static bool cut_off(struct agent_kube *k, size_t size) {
    struct kube_op *oldest = NULL;

    for (struct cm_list *at = k->ops.running.next; at != &k->ops.running; at = at->next) {
        struct kube_op *op = CM_CONTAINER(at, struct kube_op, at);

        if (heavy_of(op) >= size && may_be_cut(op) &&
            (oldest == NULL || op->since_ms < oldest->since_ms)) {
            oldest = op;
        }
    }
    if (oldest == NULL) {
        return false;
    }
    oldest->cut = true;
    kube_slots_give(oldest);
    kube_call_cancel(oldest->call);
    return true;
}

// slow_down gives an operation a slow slot instead of its own, if it gets one.
static void slow_down(struct kube_op *op) {
    struct agent_kube *k = op->k;
    const struct kube_pool *slow = &k->ops.pools[KUBE_SLOW];
    size_t heavy = heavy_of(op);

    took_long(op);
    if (count_slow(k) >= k->max_in_flight) {
        return;
    }
    while (slow->ops >= slots_of(k, KUBE_SLOW) && cut_off(k, 0)) {
    }
    while (!has_space(slow, heavy) && cut_off(k, HEAVY_BYTES)) {
    }
    if (!kube_slots_are_full(k, KUBE_SLOW) && has_space(slow, heavy)) {
        leave(op);
        enter(op, KUBE_SLOW);
    }
}

// on_slow looks again when the next one of those with a quick slot may take long, and soon while
// anything waits for a slow one.
static void on_slow(void *ctx) {
    struct agent_kube *k = ctx;
    int64_t now_ms = cm_clock_now_ms();
    int64_t next_ms = INT64_MAX;

    for (struct cm_list *at = k->ops.running.next; at != &k->ops.running; at = at->next) {
        struct kube_op *op = CM_CONTAINER(at, struct kube_op, at);

        if (op->pool == &k->ops.pools[KUBE_QUICK] && op->since_ms + SLOW_MS <= now_ms) {
            slow_down(op);
        }
        if (op->pool == &k->ops.pools[KUBE_QUICK] && op->since_ms < next_ms) {
            next_ms = op->since_ms;
        }
    }
    if (!cm_list_empty(&k->ops.queues[KUBE_SLOW]) && next_ms > now_ms - SLOW_MS / 2) {
        next_ms = now_ms - SLOW_MS / 2;
    }
    if (next_ms != INT64_MAX) {
        int64_t left_ms = next_ms + SLOW_MS - now_ms;

        cm_timer_start(k->loop, &k->ops.slow, left_ms > 0 ? left_ms : SLOW_MS / 2);
    }
    kube_ops_wake(k);
}

// ---- All of it

void kube_slots_init(struct agent_kube *k) {
    k->ops.slow = (struct cm_timer){.run = on_slow, .ctx = k};
    k->ops.shares = cm_map_new(free);
    k->ops.pulses = cm_map_new(free);
}

void kube_slots_free(struct agent_kube *k) {
    cm_map_free(k->ops.shares);
    cm_map_free(k->ops.pulses);
}

void kube_slots_stop(struct agent_kube *k) {
    cm_timer_stop(k->loop, &k->ops.slow);
}

static bool forget(void *ctx, const char *app, void *value) {
    const struct kube_share *share = value;
    struct agent_kube *k = ctx;

    if (share->ops == 0 && share->slow_at_ms + FORGET_MS < cm_clock_now_ms()) {
        (void)cm_map_remove(k->ops.shares, app);
    }
    return true;
}

void kube_slots_minute(struct agent_kube *k) {
    cm_map_each(k->ops.shares, forget, k);
}

static bool unpark_share(void *ctx, const char *app, void *value) {
    (void)ctx;
    (void)app;
    unpark_all(value);
    return true;
}

void kube_slots_unpark_all(struct agent_kube *k) {
    cm_map_each(k->ops.shares, unpark_share, NULL);
}
