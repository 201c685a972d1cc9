// Shares of the traffic that a release has, told now and then: the first at once, and of those that
// come within the pause after it the last one, when the pause is over. What is kept until then is
// in memory alone: a new process is told the present share by its driver.
#include "agent/watch/share.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/map.h"
#include "common/mem.h"

#define PAUSE_MS 30000

struct share {
    int64_t told_ms; // monotonic
    struct cm_arena *arena;
    struct agent_decision *last; // the arena's; NULL: all was told
};

static void drop(struct share *s) {
    cm_arena_free(s->arena);
    s->arena = NULL;
    s->last = NULL;
}

static void share_free(void *value) {
    drop(value);
    free(value);
}

static void keep(struct share *s, const struct agent_decision *what) {
    drop(s);
    s->arena = cm_arena_new(0);
    s->last = cm_arena_get(s->arena, sizeof(*s->last));
    *s->last = *what;
    s->last->key = cm_arena_strdup(s->arena, what->key);
    s->last->uid = cm_arena_strdup(s->arena, what->uid);
    s->last->controller = cm_arena_strdup(s->arena, what->controller);
    s->last->controller_key = cm_arena_strdup(s->arena, what->controller_key);
    s->last->leader = cm_arena_strdup(s->arena, what->leader);
    s->last->bad = cm_arena_strdup(s->arena, what->bad);
    s->last->good = cm_arena_strdup(s->arena, what->good);
    s->last->text = cm_arena_strdup(s->arena, what->text);
    s->last->actor = cm_arena_strdup(s->arena, what->actor);
}

// start: where the timer runs already it may be for one that is due later, which was kept first.
static void start(struct watch_shares *all, int64_t in_ms) {
    if (all->timer.at == 0 || all->timer.due_ms > cm_clock_now_ms() + in_ms) {
        cm_timer_start(all->loop, &all->timer, in_ms);
    }
}

bool watch_share_is_due(struct watch_shares *all, const struct agent_decision *what) {
    int64_t now_ms = cm_clock_now_ms();
    struct share *s = cm_map_get(all->by_key, what->key);

    if (s == NULL) {
        s = cm_new(1, sizeof(*s));
        cm_map_put(all->by_key, what->key, s);
    } else if (now_ms - s->told_ms < PAUSE_MS) {
        keep(s, what);
        start(all, s->told_ms + PAUSE_MS - now_ms);
        return false;
    }
    drop(s);
    s->told_ms = now_ms;
    return true;
}

void watch_share_forget(struct watch_shares *all, const char *key) {
    struct share *s = cm_map_get(all->by_key, key);

    if (s != NULL) {
        drop(s);
    }
}

struct telling_shares {
    struct watch_shares *all;
    int64_t now_ms;
    int64_t next_ms; // until the next is due; 0: none is kept
};

static bool tell_one(void *ctx, const char *key, void *value) {
    struct telling_shares *t = ctx;
    struct share *s = value;
    int64_t in_ms = s->told_ms + PAUSE_MS - t->now_ms;

    (void)key;
    if (s->last != NULL && in_ms <= 0) {
        s->told_ms = t->now_ms;
        t->all->tell(t->all->ctx, s->last);
        drop(s);
    } else if (s->last != NULL && (t->next_ms == 0 || in_ms < t->next_ms)) {
        t->next_ms = in_ms;
    }
    return true;
}

static void tell_due(void *ctx) {
    struct telling_shares t = {.all = ctx, .now_ms = cm_clock_now_ms()};

    cm_map_each(t.all->by_key, tell_one, &t);
    if (t.next_ms > 0) {
        start(t.all, t.next_ms);
    }
}

void watch_shares_init(struct watch_shares *all, struct cm_loop *loop,
                       void (*tell)(void *ctx, const struct agent_decision *what), void *ctx) {
    *all = (struct watch_shares){.loop = loop, .tell = tell, .ctx = ctx};
    all->by_key = cm_map_new(share_free);
    all->timer = (struct cm_timer){.run = tell_due, .ctx = all};
}

void watch_shares_stop(struct watch_shares *all) {
    cm_timer_stop(all->loop, &all->timer);
}

void watch_shares_done(struct watch_shares *all) {
    watch_shares_stop(all);
    cm_map_free(all->by_key);
}
