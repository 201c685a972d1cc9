// What an App that is only observed was looked at beside.
//
// Its objects are looked at one after the other. Until all were looked at beside a newer bundle the
// App is told as before: else what was not seen to differ yet would seem to be there already.
#include <stdlib.h>
#include <string.h>

#include "agent/watch/internal.h"
#include "common/list.h"
#include "common/mem.h"

// is_behind tells whether an object is still to be looked at beside what is desired now.
static bool is_behind(const struct agent_watch *w, const struct seen *s) {
    const struct agent_claim *claim = watch_claim(w, s);

    return claim != NULL && !s->telling.removed && strcmp(claim->app->name, s->app->name) == 0 &&
           !agent_entry_is_hook(claim->entry) &&
           !cm_sha256_equal(&claim->entry->sha256, &s->beside);
}

static bool is_any_behind(const struct agent_watch *w, const struct app *a) {
    for (struct cm_list *l = a->seen.next; l != &a->seen; l = l->next) {
        if (is_behind(w, CM_CONTAINER(l, struct seen, of_app))) {
            return true;
        }
    }
    return false;
}

bool watch_hold_back(struct agent_watch *w, struct app *a, const struct agent_app_state *state) {
    bool newer = w->apply != NULL && agent_apply_observes(w->apply) && a->has_state &&
                 !cm_sha256_equal(&a->bundle_sha256, &state->bundle_sha256);

    free(a->next_revision);
    a->next_revision = NULL;
    if (!newer || !is_any_behind(w, a)) {
        return false;
    }
    a->next_revision = cm_strdup(state->revision);
    a->next_bundle = state->bundle_sha256;
    return true;
}

void watch_looked(struct agent_watch *w, struct app *a) {
    if (a->next_revision == NULL || is_any_behind(w, a)) {
        return;
    }
    free(a->revision);
    a->revision = CM_TAKE(a->next_revision);
    a->bundle_sha256 = a->next_bundle;
    watch_dirty_app(w, a);
}

void watch_note_beside(struct agent_watch *w, struct seen *s, enum agent_health health) {
    const struct agent_claim *claim = watch_claim(w, s);

    if (claim != NULL && (health != AGENT_HEALTH_UNKNOWN || !w->unreachable)) {
        s->beside = claim->entry->sha256;
    }
    watch_looked(w, s->app);
}
