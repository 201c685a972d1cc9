// What is dirty, packed into Reports.
#include <string.h>

#include "agent/cache/cache.h"
#include "agent/watch/internal.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/object/hiding.h"
#include "common/utf8.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

enum {
    WINDOW = 8,             // reports sent and not acknowledged
    BYTES_MAX = 700 * 1024, // of one report; a single object is far smaller
    FIELDS_MAX = 16,
    MANAGER_MAX = 128,
    GAP_STEPS = 16, // the first gap is this part of the interval
};

static void dirty(struct agent_watch *w, struct cm_list *list, struct telling *t) {
    t->at_ms = cm_clock_unix_ms();
    if (cm_list_empty(&t->dirty)) {
        cm_list_append(list, &t->dirty);
        w->dirty_count++;
    }
    watch_schedule(w);
}

// next_pause doubles a pause (0: there was none yet) up to the interval; after two intervals of
// quiet it begins anew.
static int64_t next_pause(const struct agent_watch *w, int64_t pause_ms, int64_t since_ms) {
    bool was_quiet = pause_ms == 0 || since_ms >= 2 * w->interval_ms;
    int64_t longer_ms = was_quiet ? w->interval_ms / GAP_STEPS : 2 * pause_ms;

    return longer_ms < w->interval_ms ? longer_ms : w->interval_ms;
}

// hurry sends a report sooner than others. Who goes up and down all the time gains nothing: the
// pause doubles each time, up to the interval, unless two intervals were without.
static void hurry(struct agent_watch *w) {
    int64_t now_ms = cm_clock_now_ms();

    w->hurry_ms = next_pause(w, w->hurry_ms, now_ms - w->hurried_ms);
    w->hurried_ms = now_ms;
    w->hurry = true;
    cm_timer_stop(w->loop, &w->report);
}

// recount keeps one of the sums of Apps; it tells whether the last App went out of it.
static bool recount(size_t *sum, bool *was, bool is) {
    bool ended = *was && !is;

    *sum += is && !*was ? 1 : 0;
    *sum -= ended ? 1 : 0;
    *was = is;
    return ended && *sum == 0;
}

// watch_dirty_app: that the last App is applied, or the last one is well, is what somebody may be
// waiting for. While more are to come, none of them is the last.
void watch_dirty_app(struct agent_watch *w, struct app *a) {
    bool lives = a->has_state && !a->telling.removed;
    size_t unsure = a->by_health[AGENT_HEALTH_PROGRESSING] + a->by_health[AGENT_HEALTH_UNKNOWN];
    bool applied = recount(&w->applying, &a->applying, lives && a->applied == AGENT_APP_APPLYING);
    bool settled = recount(&w->settling, &a->settling, lives && unsure > 0);

    watch_time(w, a);
    if ((applied || settled) && w->apply != NULL && agent_apply_is_idle(w->apply)) {
        hurry(w);
    }
    dirty(w, &w->dirty_apps, &a->telling);
    watch_note_app(w, a);
}

void watch_dirty_object(struct agent_watch *w, struct seen *s) {
    dirty(w, &w->dirty_objects, &s->telling);
}

// owes_full: before the inventory is known (agent_watch_start) nothing can be told in full.
static bool owes_full(const struct agent_watch *w) {
    return w->full && !w->full_ended && w->apply != NULL && !w->surveys;
}

static bool owes_anything(const struct agent_watch *w) {
    return w->dirty_count > 0 || owes_full(w);
}

// awaits_end tells whether Apps are being applied: most soon are, and then one report tells both.
static bool awaits_end(const struct agent_watch *w) {
    return w->applying > 0 && !w->hurry && !owes_full(w);
}

void watch_schedule(struct agent_watch *w) {
    if (!owes_anything(w) || !w->connected || w->shut || w->in_flight >= WINDOW ||
        w->report.at != 0 || w->quiet || watch_waits_for_journal(w) ||
        watch_waits_for_decisions(w)) {
        return;
    }
    int64_t gap_ms = w->hurry && w->hurry_ms < w->gap_ms ? w->hurry_ms : w->gap_ms;
    int64_t in_ms = w->last_sent_ms + gap_ms - cm_clock_now_ms();
    int64_t least_ms = awaits_end(w) ? w->interval_ms / GAP_STEPS : 0;
    cm_timer_start(w->loop, &w->report, in_ms > least_ms ? in_ms : least_ms);
}

// What follows a first change (applying, applied, healthy) comes soon and is told soon; the longer
// it goes on, the more is gathered, up to the interval. Two intervals without a change are quiet.
static void note_sent(struct agent_watch *w) {
    int64_t now_ms = cm_clock_now_ms();

    w->gap_ms = next_pause(w, w->gap_ms, now_ms - w->last_sent_ms);
    w->last_sent_ms = now_ms;
    w->hurry = false;
}

// ---- Packing

// A hub ends a connection that sends what is no UTF-8, so nothing of that sort leaves, wherever it
// comes from.
char *watch_clip(struct cm_arena *a, const char *text, size_t max) {
    char *copy =
        cm_arena_strndup(a, text == NULL ? "" : text, text == NULL ? 0 : cm_utf8_fit(text, max));

    cm_utf8_mend(copy);
    return copy;
}

static ProtobufCBinaryData hash_of(struct cm_arena *a, const struct cm_sha256 *hash) {
    static const struct cm_sha256 none;

    if (cm_sha256_equal(hash, &none)) {
        return (ProtobufCBinaryData){0};
    }
    uint8_t *copy = cm_arena_get(a, sizeof(hash->bytes));
    memcpy(copy, hash->bytes, sizeof(hash->bytes));
    return (ProtobufCBinaryData){.len = sizeof(hash->bytes), .data = copy};
}

Holdfast__V1__Health watch_health_of(enum agent_health health) {
    switch (health) {
    case AGENT_HEALTH_PROGRESSING:
        return HOLDFAST__V1__HEALTH__PROGRESSING;
    case AGENT_HEALTH_HEALTHY:
        return HOLDFAST__V1__HEALTH__HEALTHY;
    case AGENT_HEALTH_DEGRADED:
        return HOLDFAST__V1__HEALTH__DEGRADED;
    case AGENT_HEALTH_MISSING:
        return HOLDFAST__V1__HEALTH__MISSING;
    default:
        return HOLDFAST__V1__HEALTH__HEALTH_UNKNOWN;
    }
}

Holdfast__V1__Applied watch_applied_of(enum agent_applied_state applied) {
    static const Holdfast__V1__Applied all[] = {
        [AGENT_APP_PENDING] = HOLDFAST__V1__APPLIED__PENDING,
        [AGENT_APP_APPLYING] = HOLDFAST__V1__APPLIED__APPLYING,
        [AGENT_APP_APPLIED] = HOLDFAST__V1__APPLIED__APPLIED,
        [AGENT_APP_FAILED] = HOLDFAST__V1__APPLIED__FAILED,
        [AGENT_APP_SUSPENDED] = HOLDFAST__V1__APPLIED__SUSPENDED,
        [AGENT_APP_OBSERVED] = HOLDFAST__V1__APPLIED__OBSERVED,
    };

    return all[applied];
}

static void add_images(struct cm_arena *arena, const struct app *a, Holdfast__V1__AppReport *m) {
    const char *at = a->images == NULL ? "" : a->images;

    m->images = cm_arena_get(arena, WIRE_IMAGES_MAX * sizeof(*m->images));
    for (; *at != '\0' && m->n_images < WIRE_IMAGES_MAX; at += strcspn(at, "\n") + 1) {
        CM_AUTOFREE char *image = cm_strndup(at, strcspn(at, "\n"));

        m->images[m->n_images++] = watch_clip(arena, image, WIRE_IMAGE_MAX);
    }
}

Holdfast__V1__AppReport *watch_app_report(const struct agent_watch *w, struct cm_arena *arena,
                                          const struct app *a) {
    Holdfast__V1__AppReport *m = cm_arena_get(arena, sizeof(*m));

    holdfast__v1__app_report__init(m);
    m->app = watch_clip(arena, a->name, WIRE_NAME_MAX);
    m->at_ms = a->telling.at_ms;
    m->revision = watch_clip(arena, a->revision, WIRE_NAME_MAX / 2);
    m->message = watch_clip(arena, a->message, WIRE_MESSAGE_MAX);
    if (a->telling.removed) {
        m->removed = true;
        m->claimed_by = watch_clip(arena, a->claimed_by, WIRE_NAME_MAX);
        return m;
    }
    m->bundle_sha256 = hash_of(arena, &a->bundle_sha256);
    m->applied = a->has_state ? watch_applied_of(a->applied) : HOLDFAST__V1__APPLIED__PENDING;
    m->health = watch_health_of(watch_app_health(w, a));
    CM_AUTOFREE char *why = watch_app_why(w, a);
    m->health_message = watch_clip(arena, why, WIRE_MESSAGE_MAX);
    m->objects = (uint32_t)a->objects;
    m->drifted = (uint32_t)a->drifted;
    m->unseen = a->unseen > 0;
    add_images(arena, a, m);
    return m;
}

// difference_of: what is foreign and does not count is ignored.
static Holdfast__V1__Difference difference_of(const struct field *f, bool counts) {
    switch (f->difference) {
    case AGENT_DIFFERENCE_RIGHT:
        return HOLDFAST__V1__DIFFERENCE__BY_RIGHT;
    case AGENT_DIFFERENCE_NOISE:
        return HOLDFAST__V1__DIFFERENCE__NOISE;
    default:
        return counts ? HOLDFAST__V1__DIFFERENCE__FOREIGN : HOLDFAST__V1__DIFFERENCE__IGNORED;
    }
}

// is_captured tells whether a rule says that a difference goes into Git.
static bool is_captured(const struct agent_claim *claim, const struct field *f) {
    const struct agent_drift_rules *rules =
        claim == NULL ? NULL : agent_bundle_rules(claim->app->bundle, claim->entry);

    return rules != NULL && f->rule > 0 && f->rule <= rules->count && rules->captures[f->rule - 1];
}

static Holdfast__V1__FieldDrift *field_report(struct cm_arena *a, const struct cm_hiding *h,
                                              const struct field *f, bool counts) {
    Holdfast__V1__FieldDrift *m = cm_arena_get(a, sizeof(*m));

    holdfast__v1__field_drift__init(m);
    m->difference = difference_of(f, counts);
    m->path = watch_clip(a, f->path, WIRE_MESSAGE_MAX);
    m->desired = watch_clip(a, f->desired, WIRE_VALUE_MAX);
    m->actual = watch_clip(a, cm_hiding_text(a, h, f->path, f->actual), WIRE_VALUE_MAX);
    m->manager = watch_clip(a, f->manager, MANAGER_MAX);
    m->user = watch_clip(a, f->user, WIRE_USER_MAX);
    m->operation = watch_clip(a, f->operation, MANAGER_MAX);
    m->at_ms = f->at_ms;
    return m;
}

static const char *message_of(const struct seen *s) {
    if (s->failure != NULL) {
        return s->failure;
    }
    if (s->fight != NULL) {
        return s->fight;
    }
    return s->left != NULL ? s->left : s->message;
}

static Holdfast__V1__DriftEnd drift_end_of(enum drift_end end) {
    static const Holdfast__V1__DriftEnd all[] = {
        [DRIFT_END_UNKNOWN] = HOLDFAST__V1__DRIFT_END__DRIFT_END_UNKNOWN,
        [DRIFT_END_CORRECTED] = HOLDFAST__V1__DRIFT_END__DRIFT_END_CORRECTED,
        [DRIFT_END_PUT_BACK] = HOLDFAST__V1__DRIFT_END__DRIFT_END_PUT_BACK,
    };

    return all[end];
}

static void add_happened(struct cm_arena *a, const struct seen *s, Holdfast__V1__ObjectReport *m) {
    static const Holdfast__V1__What all[HAPPENED_KINDS] = {
        [HAPPENED_ADOPTED] = HOLDFAST__V1__WHAT__ADOPTED,
        [HAPPENED_RECREATED] = HOLDFAST__V1__WHAT__RECREATED,
        [HAPPENED_TAKEN] = HOLDFAST__V1__WHAT__TAKEN,
    };

    if (s->happened == NULL) {
        return;
    }
    m->happened = cm_arena_get(a, HAPPENED_KINDS * sizeof(*m->happened));
    for (size_t i = 0; i < HAPPENED_KINDS; i++) {
        const struct happening *h = &s->happened[i];

        if (h->message != NULL) {
            Holdfast__V1__Happened *one = cm_arena_get(a, sizeof(*one));

            holdfast__v1__happened__init(one);
            one->what = all[i];
            one->who = watch_clip(a, h->who, MANAGER_MAX);
            one->message = watch_clip(a, h->message, WIRE_MESSAGE_MAX);
            one->at_ms = h->at_ms;
            m->happened[m->n_happened++] = one;
        }
    }
}

Holdfast__V1__ObjectReport *watch_object_report(const struct agent_watch *w, struct cm_arena *a,
                                                const struct seen *s) {
    const struct agent_claim *claim = watch_claim(w, s);
    const struct cm_hiding h = watch_hiding(w, s, claim);
    Holdfast__V1__ObjectReport *m = cm_arena_get(a, sizeof(*m));
    size_t fields = s->field_count < FIELDS_MAX ? s->field_count : FIELDS_MAX;

    holdfast__v1__object_report__init(m);
    m->app = watch_clip(a, s->app->name, WIRE_NAME_MAX);
    m->key = watch_clip(a, s->key, strlen(s->key));
    m->at_ms = s->telling.at_ms;
    if (s->telling.removed) {
        m->removed = true;
        return m;
    }
    m->sha256 = hash_of(a, &s->sha256);
    m->health = watch_health_of(s->health);
    m->message = watch_clip(a, message_of(s), WIRE_MESSAGE_MAX);
    m->unseen = s->unseen;
    m->drift_end = drift_end_of(s->ended);
    m->fought = s->fight == NULL ? 0 : s->correction->spent;
    m->drift_more = s->drift_more || s->drift_count > fields || s->actual_large;
    add_happened(a, s, m);
    watch_add_digests(a, s, m);
    m->drift = cm_arena_get(a, (fields + 1) * sizeof(*m->drift));
    for (; m->n_drift < fields; m->n_drift++) {
        bool counts = m->n_drift < s->drift_count;
        const struct field *f = &s->drift[m->n_drift];

        m->drift[m->n_drift] = field_report(a, &h, f, counts);
        m->drift[m->n_drift]->ruled = counts && f->rule > 0;
        m->drift[m->n_drift]->capture = counts && is_captured(claim, f);
    }
    return m;
}

// A report that is being put together.
struct draft {
    struct cm_arena *arena;
    Holdfast__V1__Report m;
    size_t bytes;
};

static bool has_room(const struct draft *d) {
    return d->m.n_apps + d->m.n_objects < WIRE_REPORT_ITEMS_MAX && d->bytes < BYTES_MAX;
}

static void add_dirty(const struct agent_watch *w, struct draft *d) {
    for (struct cm_list *l = w->dirty_apps.next; l != &w->dirty_apps && has_room(d); l = l->next) {
        const struct app *a = CM_CONTAINER(l, struct app, telling.dirty);
        Holdfast__V1__AppReport *m = watch_app_report(w, d->arena, a);

        d->bytes += protobuf_c_message_get_packed_size(&m->base);
        d->m.apps[d->m.n_apps++] = m;
    }
    for (struct cm_list *l = w->dirty_objects.next; l != &w->dirty_objects && has_room(d);
         l = l->next) {
        const struct seen *s = CM_CONTAINER(l, struct seen, telling.dirty);
        Holdfast__V1__ObjectReport *m = watch_object_report(w, d->arena, s);

        watch_add_actual(w, d->arena, s, m);
        d->bytes += protobuf_c_message_get_packed_size(&m->base);
        d->m.objects[d->m.n_objects++] = m;
    }
}

static void begin_draft(struct agent_watch *w, struct draft *d) {
    const struct agent_desired *desired = w->apply == NULL ? NULL : agent_apply_desired(w->apply);
    const struct agent_in_force *f = agent_cache_in_force(w->cache);

    holdfast__v1__report__init(&d->m);
    d->m.run = cm_arena_strdup(d->arena, agent_cache_report_run(w->cache));
    d->m.epoch = desired == NULL ? f->epoch : desired->epoch;
    d->m.generation = desired == NULL ? f->generation : desired->generation;
    d->m.apps = cm_arena_get(d->arena, WIRE_REPORT_ITEMS_MAX * sizeof(void *));
    d->m.objects = cm_arena_get(d->arena, WIRE_REPORT_ITEMS_MAX * sizeof(void *));
    d->m.full = owes_full(w) && !w->full_begun;
    add_dirty(w, d);
    d->m.full_end = owes_full(w) && d->m.n_apps + d->m.n_objects == w->dirty_count;
    d->m.number = agent_cache_next_report(w->cache);
    d->m.now_ms = cm_clock_unix_ms();
}

static void told(struct agent_watch *w, struct cm_list *list, size_t count, uint64_t number) {
    for (size_t i = 0; i < count; i++) {
        struct telling *t = CM_CONTAINER(list->next, struct telling, dirty);

        cm_list_remove(&t->dirty);
        t->sent_in = number;
        watch_lately_sent(t, number);
        w->dirty_count--;
    }
}

// send_one sends a report of what is dirty; false if the connection does not take it now.
static bool send_one(struct agent_watch *w) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    struct draft d = {.arena = arena};

    begin_draft(w, &d);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *report = wire_pack(&d.m.base);
    if (!w->host.send(w->host.ctx, report)) {
        return false;
    }
    told(w, &w->dirty_apps, d.m.n_apps, d.m.number);
    told(w, &w->dirty_objects, d.m.n_objects, d.m.number);
    w->full_begun = w->full_begun || d.m.full;
    if (d.m.full_end) {
        w->full_ended = true;
        w->full_in = d.m.number;
    }
    w->last_number = d.m.number;
    w->in_flight++;
    note_sent(w);
    return true;
}

void watch_report(void *watch) {
    struct agent_watch *w = watch;

    while (w->connected && !w->shut && !w->quiet && w->in_flight < WINDOW && owes_anything(w) &&
           !watch_waits_for_journal(w) && !watch_waits_for_decisions(w)) {
        if (!send_one(w)) {
            return; // agent_watch_can_send follows
        }
    }
}

void agent_watch_can_send(struct agent_watch *w) {
    watch_tell_journal(w);
    watch_tell_decisions(w);
    watch_schedule(w);
}

// ---- The connection

struct redo {
    struct agent_watch *watch;
    uint64_t acked;
    bool full;
};

static bool redo_object(void *ctx, const char *key, void *value) {
    const struct redo *redo = ctx;
    struct seen *s = value;

    (void)key;
    if (redo->full && s->telling.removed) {
        if (!cm_list_empty(&s->telling.dirty)) {
            redo->watch->dirty_count--;
        }
        watch_forget_object(redo->watch, s);
    } else if ((redo->full || s->telling.sent_in > redo->acked) &&
               cm_list_empty(&s->telling.dirty)) {
        cm_list_append(&redo->watch->dirty_objects, &s->telling.dirty);
        redo->watch->dirty_count++;
    }
    return true;
}

static bool redo_app(void *ctx, const char *name, void *value) {
    const struct redo *redo = ctx;
    struct app *a = value;

    (void)name;
    a->noted.told = a->noted.told || redo->watch->connected;
    if ((redo->full || a->telling.sent_in > redo->acked) && cm_list_empty(&a->telling.dirty)) {
        cm_list_append(&redo->watch->dirty_apps, &a->telling.dirty);
        redo->watch->dirty_count++;
    }
    return true;
}

void watch_redo(struct agent_watch *w) {
    struct redo redo = {.watch = w, .acked = w->acked, .full = w->full};

    cm_map_each(w->objects, redo_object, &redo);
    cm_map_each(w->apps, redo_app, &redo);
    watch_schedule(w);
}

void agent_watch_connected(struct agent_watch *w, bool full, bool takes_journal, bool knows_reports,
                           bool takes_decisions) {
    w->connected = true;
    w->full = w->full || full;
    w->full_begun = false;
    w->full_ended = false;
    w->in_flight = 0;
    watch_begin_journal(w, takes_journal, knows_reports);
    watch_scaled_connected(w);
    watch_begin_decisions(w, takes_decisions);
    watch_redo(w);
}

void agent_watch_disconnected(struct agent_watch *w) {
    w->connected = false;
    cm_timer_stop(w->loop, &w->report);
    watch_note_untold(w);
}

static bool settle_object(void *ctx, const char *key, void *value) {
    struct agent_watch *w = ctx;
    struct seen *s = value;

    (void)key;
    bool settled = cm_list_empty(&s->telling.dirty) && s->telling.sent_in <= w->acked;
    w->has_ends = w->has_ends || s->telling.removed || (s->happened != NULL && !settled);
    if (settled) {
        watch_drop_happened(s);
    }
    if (s->telling.removed && settled) {
        watch_forget_object(w, s);
    }
    return true;
}

static bool settle_app(void *ctx, const char *name, void *value) {
    struct agent_watch *w = ctx;
    struct app *a = value;

    (void)name;
    w->has_ends = w->has_ends || a->telling.removed;
    if (a->telling.removed && cm_list_empty(&a->telling.dirty) && a->telling.sent_in <= w->acked) {
        watch_forget_app(w, a);
    }
    return true;
}

void agent_watch_acked(struct agent_watch *w, const char *run, uint64_t number) {
    if (strcmp(run, agent_cache_report_run(w->cache)) != 0 || number > w->last_number ||
        number <= w->acked) {
        return;
    }
    w->acked = number;
    agent_cache_set_reports_acked(w->cache, number);
    watch_lately_acked(w);
    if (w->in_flight > 0) {
        w->in_flight--;
    }
    if (number == w->last_number) {
        w->in_flight = 0;
    }
    if (w->full && w->full_ended && number >= w->full_in) {
        w->full = false;
    }
    if (w->has_ends) {
        w->has_ends = false;
        cm_map_each(w->objects, settle_object, w);
        cm_map_each(w->apps, settle_app, w);
    }
    watch_schedule(w);
}
