// Apps that are not healthy in the time that Git gives them.
//
// The time counts from the last change of an App, or from when it was healthy; that of an agent
// that was started anew begins again. While the target is away nobody is late.
#include "agent/watch/internal.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"

uint32_t watch_timeout_s(const struct agent_watch *w, const struct app *a) {
    const struct agent_desired *d = w->apply == NULL ? NULL : agent_apply_desired(w->apply);
    const struct agent_desired_app *app = d == NULL ? NULL : agent_desired_app(d, a->name);

    return app == NULL || app->bundle == NULL ? 0 : app->bundle->health_timeout_s;
}

// is_unwell: an App that waits for another one, or is let alone, has time; so has what waits for
// somebody.
static bool is_unwell(const struct app *a) {
    bool is_up = a->applied != AGENT_APP_PENDING && a->applied != AGENT_APP_SUSPENDED &&
                 a->applied != AGENT_APP_OBSERVED;

    return a->has_state && is_up && !a->telling.removed &&
           a->by_health[AGENT_HEALTH_PROGRESSING] + a->by_health[AGENT_HEALTH_MISSING] +
                   a->by_health[AGENT_HEALTH_UNKNOWN] + a->by_health[AGENT_HEALTH_DEGRADED] >
               a->waiting;
}

// wake_at sees to it that the timer comes then, or before.
static void wake_at(struct agent_watch *w, int64_t due_ms) {
    if (w->lateness.at == 0 || due_ms < w->lateness_ms) {
        w->lateness_ms = due_ms;
        cm_timer_start(w->loop, &w->lateness, due_ms - cm_clock_now_ms());
    }
}

void watch_time(struct agent_watch *w, struct app *a) {
    uint32_t timeout_s = watch_timeout_s(w, a);
    int64_t now_ms = cm_clock_now_ms();

    if (!is_unwell(a) || timeout_s == 0) {
        a->unwell_since_ms = 0;
        a->late = false;
        return;
    }
    a->unwell_since_ms = a->unwell_since_ms == 0 ? now_ms : a->unwell_since_ms;
    if (!a->late && !w->shut) {
        wake_at(w, a->unwell_since_ms + (int64_t)timeout_s * 1000);
    }
}

bool watch_time_again(void *ctx, const char *name, void *app) {
    struct app *a = app;

    (void)ctx;
    (void)name;
    a->unwell_since_ms = a->late ? a->unwell_since_ms : 0;
    return true;
}

static void become_late(struct agent_watch *w, struct app *a) {
    CM_AUTOFREE char *why = NULL;

    a->late = true;
    why = watch_app_why(w, a);
    cm_log(CM_LOG_WARN, "agent.app_late", why == NULL ? "an App is not healthy in time" : why,
           "app", a->name, NULL);
    watch_dirty_app(w, a);
    agent_apply_woken(w->apply);
}

static bool look_at_time(void *ctx, const char *name, void *value) {
    struct agent_watch *w = ctx;
    struct app *a = value;
    int64_t due_ms = a->unwell_since_ms + (int64_t)watch_timeout_s(w, a) * 1000;

    (void)name;
    if (a->unwell_since_ms == 0 || a->late) {
        return true;
    }
    if (due_ms > cm_clock_now_ms()) {
        wake_at(w, due_ms);
    } else if (w->unreachable) {
        a->unwell_since_ms = cm_clock_now_ms(); // nobody can know
        watch_time(w, a);
    } else {
        become_late(w, a);
    }
    return true;
}

void watch_late(void *watch) {
    struct agent_watch *w = watch;

    if (!w->shut && w->apply != NULL) {
        cm_map_each(w->apps, look_at_time, w);
    }
}
