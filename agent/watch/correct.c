// Putting drift right, without losing oneself in a fight.
//
// Who puts a field back as often as we do is another program, and neither of the two would ever
// stop. So each object has a budget of corrections; one after the other they come later, and when
// all are spent the object is left as it is, and says who is at it and how often. Ten quiet minutes
// fill the budget again; so does Git, when it says something else of the App, and a sync.
#include <stdlib.h>
#include <string.h>

#include "agent/watch/internal.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"

enum {
    FIRST_MS = 1000,
    MOST_MS = 300000,
    QUIET_MS = 600000, // after so long without a correction the next one is a first one
    BUSY_MS = 1000,    // the object is being applied: look again
    BUDGET = 5,        // corrections until it is a fight
};

// is_wrong tells whether something is not as it shall be that is to be corrected.
static bool is_wrong(const struct seen *s, const struct agent_claim *claim) {
    if (s->health == AGENT_HEALTH_MISSING) {
        return claim->app->bundle->drift == AGENT_DRIFT_CORRECT;
    }
    for (size_t i = 0; i < s->drift_count; i++) {
        if (watch_fate(claim, s->drift[i].rule, s->drift[i].difference).corrected) {
            return true;
        }
    }
    return false;
}

// stands_still tells whether nothing can be done about an object now, or nothing is to be.
static bool stands_still(const struct agent_watch *w, const struct seen *s) {
    return w->unreachable || (w->apply != NULL && agent_apply_is_frozen(w->apply, s->app->name));
}

// shall_correct tells whether an object is to be put right.
static bool shall_correct(const struct agent_watch *w, const struct seen *s) {
    const struct agent_claim *claim = watch_claim(w, s);

    return claim != NULL && !agent_apply_observes(w->apply) && !agent_entry_is_hook(claim->entry) &&
           !s->telling.removed && !stands_still(w, s) && !claim->app->bundle->suspend &&
           (s->due || is_wrong(s, claim));
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

static struct correction *correction_of(struct seen *s, int64_t now) {
    struct correction *c = s->correction;

    if (c == NULL) {
        c = cm_new(1, sizeof(*c));
        cm_list_init(&c->due);
        c->of = s;
        c->backoff = (struct cm_backoff){.min_ms = FIRST_MS, .max_ms = MOST_MS};
        c->last_ms = now - QUIET_MS;
        s->correction = c;
    }
    return c;
}

static void refill(struct correction *c) {
    cm_backoff_reset(&c->backoff);
    c->spent = 0;
    c->first_ms = 0;
}

// describe says who is at it. The caller frees it.
static char *describe(const struct seen *s) {
    const struct correction *c = s->correction;
    int64_t seconds = (c->last_ms - c->first_ms + 500) / 1000;
    const char *advice = "it is left alone until Git says something else of the App or somebody "
                         "runs 'holdfast sync'";

    if (s->drift_count == 0) {
        return cm_strf("somebody deleted it again after each of %u corrections in %lld s: %s",
                       c->spent, (long long)seconds, advice);
    }
    const struct field *f = &s->drift[0];
    return cm_strf("%.100s changed %.200s again after each of %u corrections in %lld s: %s",
                   f->manager[0] == '\0' ? "somebody" : f->manager, f->path, c->spent,
                   (long long)seconds, advice);
}

static void give_up(struct agent_watch *w, struct seen *s) {
    if (s->fight == NULL) {
        s->fight = describe(s);
        cm_log(CM_LOG_WARN, "agent.fight", s->fight, "app", s->app->name, "object", s->key, NULL);
        watch_dirty_object(w, s);
        watch_note_object(w, s);
    }
}

static void end_fight(struct agent_watch *w, struct seen *s) {
    if (s->fight != NULL) {
        free(s->fight);
        s->fight = NULL;
        watch_dirty_object(w, s);
    }
}

static void plan_next(struct agent_watch *w, struct correction *c, int64_t now) {
    bool fresh = now - c->last_ms >= QUIET_MS;

    if (fresh && c->of->fight == NULL) {
        refill(c);
    }
    if (c->spent >= BUDGET && !c->of->due) {
        give_up(w, c->of);
        return;
    }
    c->due_ms = fresh ? now : c->last_ms + cm_backoff_next(&c->backoff);
    cm_list_append(&w->corrections, &c->due);
    schedule(w);
}

void watch_consider(struct agent_watch *w, struct seen *s) {
    int64_t now = cm_clock_now_ms();

    if (shall_correct(w, s)) {
        struct correction *c = correction_of(s, now);

        if (cm_list_empty(&c->due)) {
            plan_next(w, c, now);
        }
        return;
    }
    if (s->correction != NULL) {
        cm_list_remove(&s->correction->due);
    }
    if (!stands_still(w, s)) { // it is as it shall be, or nobody wants it corrected any more
        end_fight(w, s);
    }
}

static void forget_fight(struct agent_watch *w, struct seen *s) {
    if (s->correction != NULL) {
        refill(s->correction);
        s->correction->last_ms = cm_clock_now_ms() - QUIET_MS;
        end_fight(w, s);
    }
}

void agent_watch_afresh(void *watch, const char *app) {
    struct agent_watch *w = watch;
    const struct app *a = cm_map_get(w->apps, app);

    for (struct cm_list *l = a == NULL ? NULL : a->seen.next; l != NULL && l != &a->seen;
         l = l->next) {
        struct seen *s = CM_CONTAINER(l, struct seen, of_app);

        forget_fight(w, s);
        if (s->field_count > 0) {
            watch_dirty_object(w, s); // other values may be told of it now
        }
    }
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
    } else if (!watch_leaves_undone(w, s) && agent_apply_correct(w->apply, s->key, s->due)) {
        cm_list_remove(&c->due);
        c->last_ms = now;
        if (!s->due) {
            c->first_ms = c->spent++ == 0 ? now : c->first_ms;
        }
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
