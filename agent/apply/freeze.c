// What is frozen, and until when.
//
// Whether a freeze has ended says this clock, which is looked at once a minute, too: somebody may
// set it back. Setting it on ends none: as long as the process runs so much time must have passed
// as the hub said. One that has ended by time stays on record until the hub says what there is; it
// means nothing any more.
#include <string.h>

#include "agent/apply/internal.h"
#include "common/clock.h"
#include "common/log.h"

enum { LOOK_MS = 60000 };

static bool is_over(const struct agent_freeze *f, int64_t now_ms) {
    return f->until_ms != 0 && f->until_ms <= now_ms;
}

static void note_time(struct agent_apply *a) {
    a->heard_unix_ms = cm_clock_unix_ms();
    a->heard_ms = cm_clock_now_ms();
}

static int64_t time_ms(const struct agent_apply *a) {
    int64_t passed_ms = a->heard_unix_ms + cm_clock_now_ms() - a->heard_ms;
    int64_t unix_ms = cm_clock_unix_ms();

    return unix_ms < passed_ms ? unix_ms : passed_ms;
}

const struct agent_freeze *apply_freeze_of(const struct agent_apply *a, const char *app) {
    size_t count;
    const struct agent_freeze *all = agent_cache_freezes(a->cache, &count);
    int64_t now_ms = count == 0 ? 0 : time_ms(a);

    for (size_t i = 0; i < count; i++) {
        if (!is_over(&all[i], now_ms) && (all[i].app[0] == '\0' || strcmp(all[i].app, app) == 0)) {
            return &all[i];
        }
    }
    return NULL;
}

bool agent_apply_is_frozen(const struct agent_apply *a, const char *app) {
    return apply_freeze_of(a, app) != NULL;
}

static bool go_on(void *ctx, const char *app, void *value) {
    (void)ctx;
    (void)app;
    run_go(value);
    return true;
}

static void look_again(struct agent_apply *a) {
    size_t count;
    const struct agent_freeze *all = agent_cache_freezes(a->cache, &count);
    int64_t now_ms = time_ms(a);
    int64_t soonest_ms = INT64_MAX;

    for (size_t i = 0; i < count; i++) {
        if (all[i].until_ms != 0 && !is_over(&all[i], now_ms) && all[i].until_ms < soonest_ms) {
            soonest_ms = all[i].until_ms;
        }
    }
    cm_timer_stop(a->loop, &a->thaw);
    if (soonest_ms != INT64_MAX && !a->shut) {
        int64_t left_ms = soonest_ms - now_ms;

        cm_timer_start(a->loop, &a->thaw, left_ms < LOOK_MS ? left_ms : LOOK_MS);
    }
}

static void refrozen(struct agent_apply *a) {
    look_again(a);
    cm_map_each(a->runs, go_on, NULL);
    a->host.refrozen(a->host.ctx);
}

static void thaw(void *ctx) {
    struct agent_apply *a = ctx;

    if (!a->shut) {
        refrozen(a);
    }
}

void apply_freeze_init(struct agent_apply *a) {
    a->thaw = (struct cm_timer){.run = thaw, .ctx = a};
    note_time(a);
}

static bool is_among(const struct agent_freeze *f, const struct agent_freeze *all, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i].name, f->name) == 0) {
            return true;
        }
    }
    return false;
}

// tell_what_changed logs those of `all` that are not among `others`.
static void tell_what_changed(const struct agent_freeze *all, size_t count,
                              const struct agent_freeze *others, size_t other_count, bool begins) {
    for (size_t i = 0; i < count; i++) {
        if (is_among(&all[i], others, other_count)) {
            continue;
        }
        if (begins) {
            cm_log(CM_LOG_WARN, "agent.frozen", all[i].why, "freeze", all[i].name, "app",
                   all[i].app, "who", all[i].who, NULL);
        } else {
            cm_log(CM_LOG_INFO, "agent.thawed", "a freeze has ended", "freeze", all[i].name, "app",
                   all[i].app, NULL);
        }
    }
}

void agent_apply_freeze(struct agent_apply *a, const struct agent_freeze *all, size_t count) {
    size_t old_count;
    const struct agent_freeze *old = agent_cache_freezes(a->cache, &old_count);

    if (a->shut || (count == 0 && old_count == 0)) {
        return;
    }
    tell_what_changed(all, count, old, old_count, true);
    tell_what_changed(old, old_count, all, count, false);
    agent_cache_set_freezes(a->cache, all, count);
    note_time(a);
    refrozen(a);
}

void agent_apply_begin_freezes(struct agent_apply *a) {
    note_time(a);
    look_again(a);
}
