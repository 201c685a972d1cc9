// What is told while it is still being found out what runs there that no App names.
#include "agent/watch/internal.h"

enum { QUIET_MS = 30000 };

static bool is_unseen(const struct agent_watch *w, const struct seen *s) {
    const struct agent_claim *claim =
        s->health == AGENT_HEALTH_UNKNOWN && !s->telling.removed ? watch_claim(w, s) : NULL;

    return claim != NULL && claim->found;
}

static bool find_unseen(void *ctx, const char *key, void *value) {
    struct agent_watch *w = ctx;

    (void)key;
    w->unseen = is_unseen(w, value) ? value : NULL;
    return w->unseen == NULL; // until the first
}

// watch_survey_look ends it once all that was found was seen. While one is known that was not, the
// others are not looked at.
void watch_survey_look(struct agent_watch *w) {
    if (!w->surveyed || !w->surveys || (w->unseen != NULL && is_unseen(w, w->unseen))) {
        return;
    }
    w->unseen = NULL;
    cm_map_each(w->objects, find_unseen, w);
    if (w->unseen == NULL) {
        w->surveys = false;
        w->quiet = false;
        cm_timer_stop(w->loop, &w->survey);
        watch_redo(w); // in full what was told before is told again
    }
}

// watch_survey_late: what cannot be seen now is told as that.
void watch_survey_late(void *watch) {
    struct agent_watch *w = watch;

    w->quiet = false;
    if (w->surveyed) {
        w->surveys = false;
        watch_redo(w);
    }
    watch_schedule(w);
}

void agent_watch_survey(struct agent_watch *w) {
    w->surveys = true;
    w->quiet = true;
    cm_timer_start(w->loop, &w->survey, QUIET_MS);
}

void agent_watch_surveyed(struct agent_watch *w) {
    if (!w->surveys || w->shut) {
        return;
    }
    w->surveyed = true;
    cm_timer_start(w->loop, &w->survey, QUIET_MS);
    watch_survey_look(w);
}
