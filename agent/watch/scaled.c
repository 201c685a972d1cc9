// Replicas that belong to somebody else: an autoscaler's, a canary controller's, or of a workload
// of which Git does not say how many.
//
// Nothing is done about them. How they changed is gathered over a window (agent/plan/scale.h), and
// goes into the journal when that is over, when they are nobody's any more, when the object is gone
// or the program ends. What a program that was killed had gathered is lost: the next one begins
// with the replicas that it finds.
//
// So many objects have windows of their own at once; all others of an App share one.
#include <stdlib.h>
#include <string.h>

#include "agent/watch/internal.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/object/id.h"
#include "common/str.h"
#include "proto/wire.h"

#define LONGEST_MS ((int64_t)60 * 60 * 1000)
#define OBJECTS_MAX 64
#define MANAGERS_MAX 128 // bytes

// While nobody hears of it, a window may last for ever: the journal has room for so much.
static int64_t longest_ms(const struct agent_watch *w) {
    return w->connected ? LONGEST_MS : INT64_MAX / 4;
}

static struct scaling *scaling_new(struct app *app, const struct seen *of) {
    struct scaling *s = cm_new(1, sizeof(*s));

    cm_list_init(&s->open);
    s->app = app;
    s->of = of;
    return s;
}

static void forget_words(struct scaling *s) {
    free(s->owner);
    free(s->managers);
    s->owner = NULL;
    s->managers = NULL;
}

void watch_scaling_free(struct scaling *s) {
    if (s != NULL) {
        cm_list_remove(&s->open);
        forget_words(s);
        free(s);
    }
}

// ---- The end of a window

static uint32_t count_of(int64_t replicas) {
    return replicas < 0 ? 0 : replicas > UINT32_MAX ? UINT32_MAX : (uint32_t)replicas;
}

static void note(struct agent_watch *w, const struct scaling *s) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct agent_scale *window = &s->window;
    const struct app *app = s->of == NULL ? s->app : s->of->app;
    Holdfast__V1__Scaled m;

    holdfast__v1__scaled__init(&m);
    m.app = watch_clip(a, app->name, WIRE_NAME_MAX);
    m.key = watch_clip(a, s->of == NULL ? "" : s->of->key, CM_OBJECT_KEY_MAX);
    m.owner = watch_clip(a, s->owner, CM_OBJECT_KEY_MAX);
    m.manager = watch_clip(a, s->managers, MANAGERS_MAX);
    m.from = count_of(window->from);
    m.least = count_of(window->least);
    m.most = count_of(window->most);
    m.last = count_of(window->last);
    m.changes = window->changes;
    m.first_ms = window->first_ms;
    m.last_ms = window->last_ms;
    watch_note_scaled(w, &m);
}

void watch_scaling_end(struct agent_watch *w, struct scaling *s) {
    if (s == NULL || cm_list_empty(&s->open)) {
        return;
    }
    note(w, s);
    cm_list_remove(&s->open);
    agent_scale_end(&s->window, cm_clock_now_ms());
    forget_words(s);
}

// end_those closes the windows that are over, or all.
static void end_those(struct agent_watch *w, bool all) {
    int64_t now_ms = cm_clock_now_ms();
    int64_t next_ms = INT64_MAX;
    struct cm_list *next;

    for (struct cm_list *l = w->scalings.next; l != &w->scalings; l = next) {
        struct scaling *s = CM_CONTAINER(l, struct scaling, open);
        int64_t due_ms = agent_scale_due_ms(&s->window);

        next = l->next;
        if (all || due_ms <= now_ms) {
            watch_scaling_end(w, s);
        } else {
            next_ms = due_ms < next_ms ? due_ms : next_ms;
        }
    }
    if (next_ms != INT64_MAX) {
        cm_timer_start(w->loop, &w->scaled, next_ms - now_ms);
    }
}

void watch_scaled(void *watch) {
    end_those(watch, false);
}

// watch_scaled_connected: somebody hears of it now, so no window lasts as if nobody did.
void watch_scaled_connected(struct agent_watch *w) {
    for (struct cm_list *l = w->scalings.next; l != &w->scalings; l = l->next) {
        struct agent_scale *window = &CM_CONTAINER(l, struct scaling, open)->window;

        window->length_ms = window->length_ms < LONGEST_MS ? window->length_ms : LONGEST_MS;
    }
    end_those(w, false);
}

void agent_watch_last(struct agent_watch *w) {
    end_those(w, true);
    watch_lately_end(w, w->connected && w->keeps_lately);
}

// ---- Changes

// is_among tells whether a name is one of several with ", " between.
static bool is_among(const char *names, const char *name) {
    size_t size = strlen(name);
    const char *at = names;

    while (at != NULL && (strncmp(at, name, size) != 0 || (at[size] != ',' && at[size] != '\0'))) {
        at = strchr(at, ' ');
        at = at == NULL ? NULL : at + 1;
    }
    return at != NULL;
}

// note_manager keeps the names of all who changed something, as far as there is room.
static void note_manager(struct scaling *s, const char *manager) {
    const char *before = s->managers == NULL ? "" : s->managers;
    bool fits = strlen(before) + strlen(manager) + 2 <= MANAGERS_MAX;

    if (manager[0] == '\0' || is_among(s->managers, manager) || !fits) {
        return;
    }
    char *all = cm_strf("%s%s%s", before, before[0] == '\0' ? "" : ", ", manager);
    free(s->managers);
    s->managers = all;
}

static size_t count_of_objects(const struct agent_watch *w) {
    size_t count = 0;

    for (struct cm_list *l = w->scalings.next; l != &w->scalings; l = l->next) {
        count += CM_CONTAINER(l, struct scaling, open)->of != NULL ? 1 : 0;
    }
    return count;
}

// window_of returns in which window a change of an object counts.
static struct scaling *window_of(struct agent_watch *w, struct seen *of) {
    struct app *app = of->app;

    if (!cm_list_empty(&of->scaling->open) || count_of_objects(w) < OBJECTS_MAX) {
        return of->scaling;
    }
    if (app->scaling == NULL) {
        app->scaling = scaling_new(app, NULL);
    }
    return app->scaling;
}

static void change(struct agent_watch *w, struct seen *of, const struct agent_scaled *what) {
    const struct agent_scale_time at = {.now_ms = cm_clock_now_ms(), .unix_ms = cm_clock_unix_ms()};
    struct scaling *s = window_of(w, of);
    bool opens = cm_list_empty(&s->open);

    agent_scale_add(&s->window, of->scaling->replicas, what->replicas, &at, longest_ms(w));
    free(s->owner);
    s->owner = cm_strdup(what->owner);
    note_manager(s, what->manager);
    if (opens) {
        cm_list_append(&w->scalings, &s->open);
        end_those(w, false); // and the timer is right
    }
}

void agent_watch_scaled(void *watch, const struct agent_scaled *what) {
    struct agent_watch *w = watch;
    struct seen *s = cm_map_get(w->objects, what->key);

    if (s == NULL || s->telling.removed || w->shut) {
        return;
    }
    bool first = s->scaling == NULL;
    if (first) {
        s->scaling = scaling_new(s->app, s);
    } else if (what->theirs && what->replicas != s->scaling->replicas) {
        change(w, s, what);
    } else if (!what->theirs) {
        watch_scaling_end(w, s->scaling);
    }
    s->scaling->replicas = what->replicas;
}
