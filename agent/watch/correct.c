// Putting drift right, without losing oneself in a fight.
#include <stdlib.h>

#include "agent/watch/internal.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"

enum {
    FIRST_MS = 1000,
    MOST_MS = 300000,
    QUIET_MS = 600000, // after so long without a correction the next one is a first one
    BUSY_MS = 1000,    // the App's run is not done: look again
};

// shall_correct tells whether an object is to be put right.
static bool shall_correct(const struct agent_watch *w, const struct seen *s) {
    const struct agent_claim *claim = watch_claim(w, s);

    return claim != NULL && !agent_entry_is_hook(claim->entry) && !s->telling.removed &&
           !w->unreachable && !claim->app->bundle->suspend &&
           (s->due || ((s->drift_count > 0 || s->health == AGENT_HEALTH_MISSING) &&
                       claim->app->bundle->drift == AGENT_DRIFT_CORRECT));
}

static void schedule(struct agent_watch *w) {
    int64_t soonest = INT64_MAX;

    for (struct cm_list *l = w->corrections.next; l != &w->corrections; l = l->next) {
        const struct correction *c = CM_CONTAINER(l, struct correction, due);

        soonest = c->due_ms < soonest ? c->due_ms : soonest;
    }
    if (soonest != INT64_MAX && !w->shut) {
        cm_timer_start(w->loop, &w->correct, soonest - cm_clock_now_ms());
    }
}

void watch_consider(struct agent_watch *w, struct seen *s) {
    int64_t now = cm_clock_now_ms();

    if (!shall_correct(w, s)) {
        if (s->correction != NULL) {
            cm_list_remove(&s->correction->due);
        }
        return;
    }
    if (s->correction == NULL) {
        s->correction = cm_new(1, sizeof(*s->correction));
        cm_list_init(&s->correction->due);
        s->correction->of = s;
        s->correction->backoff = (struct cm_backoff){.min_ms = FIRST_MS, .max_ms = MOST_MS};
        s->correction->last_ms = now - QUIET_MS;
    }
    struct correction *c = s->correction;
    if (!cm_list_empty(&c->due)) {
        return;
    }
    if (now - c->last_ms >= QUIET_MS) {
        cm_backoff_reset(&c->backoff);
        c->due_ms = now;
    } else {
        c->due_ms = c->last_ms + cm_backoff_next(&c->backoff);
    }
    cm_list_append(&w->corrections, &c->due);
    schedule(w);
}

static void log_corrected(const struct seen *s) {
    if (s->due) {
        cm_log(CM_LOG_INFO, "agent.applied_again",
               "another controller begins or ends to own fields of an object", "app", s->app->name,
               "object", s->key, NULL);
    } else {
        cm_log(CM_LOG_INFO, "agent.drift_corrected", "a change by somebody else is put right",
               "app", s->app->name, "object", s->key, NULL);
    }
}

static void correct_one(struct agent_watch *w, struct correction *c, int64_t now) {
    struct seen *s = c->of;

    if (!shall_correct(w, s)) {
        cm_list_remove(&c->due);
    } else if (agent_apply_correct(w->apply, s->key)) {
        cm_list_remove(&c->due);
        c->last_ms = now;
        s->applied_again = !s->due;
        log_corrected(s);
    } else {
        c->due_ms = now + BUSY_MS;
    }
}

void watch_correct(void *watch) {
    struct agent_watch *w = watch;
    int64_t now = cm_clock_now_ms();
    struct cm_list *next;

    for (struct cm_list *l = w->corrections.next; l != &w->corrections; l = next) {
        struct correction *c = CM_CONTAINER(l, struct correction, due);

        next = l->next;
        if (c->due_ms <= now) {
            correct_one(w, c, now);
        }
    }
    schedule(w);
}
