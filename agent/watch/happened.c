// What applies did besides making an object what Git says: told once, as events.
//
// A report tells state, not history; so what happened stays with the object until the hub has
// acknowledged a report that told it. It is told with its time, by which the hub knows what it has
// been told before. Of each kind only the last is kept, so that nothing piles up.
#include <stdlib.h>

#include "agent/watch/internal.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"

enum { NAMES_MAX = 3 }; // fields that are named

void watch_drop_happened(struct seen *s) {
    for (size_t i = 0; s->happened != NULL && i < HAPPENED_KINDS; i++) {
        free(s->happened[i].who);
        free(s->happened[i].message);
    }
    free(s->happened);
    s->happened = NULL;
}

void watch_happened(struct agent_watch *w, struct seen *s, enum happened what, const char *who,
                    const char *message) {
    int64_t now_ms = cm_clock_unix_ms();

    if (s->happened == NULL) {
        s->happened = cm_new(HAPPENED_KINDS, sizeof(*s->happened));
    }
    struct happening *h = &s->happened[what];
    free(h->who);
    free(h->message);
    s->happened_ms = now_ms > s->happened_ms ? now_ms : s->happened_ms + 1;
    *h = (struct happening){cm_strdup(who), cm_strdup(message), s->happened_ms};
    w->has_ends = true;
    watch_dirty_object(w, s);
}

static void log_taken(const struct seen *s, const struct field *f) {
    cm_log(CM_LOG_INFO, "agent.taken", "a field is taken back from somebody else", "app",
           s->app->name, "object", s->key, "field", f->path, "manager", f->manager, NULL);
}

void watch_taken(struct agent_watch *w, struct seen *s) {
    CM_CLEANUP(cm_str_done) struct cm_str names = {0};
    const char *who = NULL;
    size_t count = 0;

    for (size_t i = 0; i < s->drift_count; i++) {
        const struct field *f = &s->drift[i];

        if (f->manager[0] == '\0' || f->difference == AGENT_DIFFERENCE_ADDED ||
            f->difference == AGENT_DIFFERENCE_STAYS) {
            continue;
        }
        log_taken(s, f);
        who = who == NULL ? f->manager : who;
        if (count++ < NAMES_MAX) {
            cm_str_addf(&names, "%s%.200s", count == 1 ? "" : ", ", f->path);
        }
    }
    if (count > NAMES_MAX) {
        cm_str_addf(&names, " (and %zu more)", count - NAMES_MAX);
    }
    if (count > 0 && !s->applied_again) { // else it is told as drift that was corrected
        CM_AUTOFREE char *message =
            cm_strf("%s: set by '%.100s', and now as Git says", cm_str_get(&names), who);
        watch_happened(w, s, HAPPENED_TAKEN, who, message);
    }
}
