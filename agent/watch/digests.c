// What runs behind the tags of a workload. Whatever nobody has looked at since the agent began is
// not told at all, so that a hub keeps what it was told before.
#include <stdlib.h>
#include <string.h>

#include "agent/watch/internal.h"
#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/wire.h"

_Static_assert(AGENT_DIGESTS_MAX <= WIRE_DIGESTS_MAX, "all that a driver tells fits into a report");
_Static_assert(AGENT_DIGESTS_IMAGE_MAX <= WIRE_IMAGE_MAX, "so does each");

void watch_drop_digests(struct seen *s) {
    free(s->digests);
    s->digests = NULL;
    s->digests_known = false;
    s->digests_more = false;
}

void agent_watch_digests(void *watch, const struct agent_digests *what) {
    struct agent_watch *w = watch;
    struct seen *s = cm_map_get(w->objects, what->key);
    CM_CLEANUP(cm_str_done) struct cm_str lines = {0};

    if (s == NULL || s->telling.removed || w->shut) {
        return;
    }
    for (size_t i = 0; i < what->count; i++) {
        cm_str_addf(&lines, "%s\n", what->images[i]);
    }
    const char *before = s->digests == NULL ? "" : s->digests;
    bool first = !s->digests_known;
    if (!first && s->digests_more == what->more && strcmp(before, cm_str_get(&lines)) == 0) {
        return;
    }
    free(s->digests);
    s->digests = lines.len == 0 ? NULL : cm_strdup(cm_str_get(&lines));
    s->digests_known = true;
    s->digests_more = what->more;
    watch_dirty_object(w, s);
    if (!first) {
        watch_note_object(w, s);
    }
}

void watch_add_digests(struct cm_arena *a, const struct seen *s, Holdfast__V1__ObjectReport *m) {
    const char *at = s->digests == NULL ? "" : s->digests;

    m->digests_known = s->digests_known;
    m->digests_more = s->digests_more;
    m->digests = *at == '\0' ? NULL : cm_arena_get(a, WIRE_DIGESTS_MAX * sizeof(*m->digests));
    for (; *at != '\0' && m->n_digests < WIRE_DIGESTS_MAX; at += strcspn(at, "\n") + 1) {
        m->digests[m->n_digests++] = cm_arena_strndup(a, at, strcspn(at, "\n"));
    }
}
