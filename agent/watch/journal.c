// What happened while there is no hub, for the journal.
//
// The hub makes its history from how reports differ; while it is away such differences would be
// lost, as a report tells only how things are in the end. So what the hub would have made an event
// of is written down when it happens, in the form of a report, and told before any report is: then
// the hub finds the same differences, with our times.
//
// Only what is settled counts: an App that is applied or failed, healthy or degraded. What a new
// process finds to be well is no news: it was so before, as far as it knows. What is noted although
// the hub knew it makes no event there.
//
// What was gathered over a window (scaled.c) no report tells, so it comes here with or without hub.
#include <stdlib.h>
#include <string.h>

#include "agent/cache/cache.h"
#include "agent/watch/internal.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/mem.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

#define BYTES_MAX ((size_t)700 * 1024) // of one Journal

static bool is_away(const struct agent_watch *w) {
    return !w->connected && !w->shut && w->apply != NULL;
}

// notes tells whether what is news is written down, or kept for the case that it has to be.
static bool notes(const struct agent_watch *w) {
    return is_away(w) || (w->connected && !w->shut && w->keeps_lately);
}

static void put_entry(struct agent_watch *w, int64_t at_ms, Holdfast__V1__JournalEntry *entry) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = wire_pack(&entry->base);

    agent_cache_journal_add(w->cache, at_ms, bytes->data, bytes->size);
}

static void add_entry(struct agent_watch *w, struct telling *t, Holdfast__V1__JournalEntry *entry) {
    if (is_away(w)) {
        put_entry(w, t->at_ms, entry);
    } else {
        watch_lately(w, t, entry);
    }
}

// ---- Apps

// take_applied takes down how an App is applied, if that is settled, and tells whether it is news.
static bool take_applied(struct noted *n, const struct app *a) {
    bool settled = a->applied == AGENT_APP_APPLIED || a->applied == AGENT_APP_FAILED;
    bool same = n->has_applied && n->applied == a->applied &&
                cm_sha256_equal(&n->bundle_sha256, &a->bundle_sha256);

    if (!a->has_state || !settled || same) {
        return false;
    }
    bool news = n->told || n->has_applied || a->applied == AGENT_APP_FAILED;
    n->has_applied = true;
    n->applied = a->applied;
    n->bundle_sha256 = a->bundle_sha256;
    return news;
}

static bool take_health(struct noted *n, enum agent_health health) {
    bool settled = health == AGENT_HEALTH_HEALTHY || health == AGENT_HEALTH_DEGRADED;

    if (!settled || n->health == health) {
        return false;
    }
    bool news = n->told || n->health != AGENT_HEALTH_UNKNOWN || health == AGENT_HEALTH_DEGRADED;
    n->health = health;
    return news;
}

// add_app: what is under way is left out, so that its end is found to be one.
static void add_app(struct agent_watch *w, struct app *a) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    Holdfast__V1__AppReport *m = watch_app_report(w, arena, a);
    Holdfast__V1__JournalEntry entry;

    if (a->noted.has_applied) {
        m->applied = watch_applied_of(a->noted.applied);
        m->bundle_sha256 = (ProtobufCBinaryData){
            .len = CM_SHA256_SIZE, .data = (uint8_t *)(uintptr_t)a->noted.bundle_sha256.bytes};
    }
    m->health = watch_health_of(a->noted.health);
    holdfast__v1__journal_entry__init(&entry);
    entry.app = m;
    add_entry(w, &a->telling, &entry);
}

void watch_note_app(struct agent_watch *w, struct app *a) {
    if (a->telling.removed) {
        a->noted = (struct noted){.told = a->noted.told}; // a report tells it, with its time
        return;
    }
    bool applied = take_applied(&a->noted, a);
    bool health = take_health(&a->noted, watch_app_health(w, a));

    if (notes(w) && (applied || health)) {
        add_app(w, a);
    }
    a->noted.told = a->noted.told || w->connected;
}

// ---- Objects

static void add_object(struct agent_watch *w, struct seen *s) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    Holdfast__V1__JournalEntry entry;

    holdfast__v1__journal_entry__init(&entry);
    entry.object = watch_object_report(w, arena, s);
    add_entry(w, &s->telling, &entry);
}

void watch_note_object(struct agent_watch *w, struct seen *s) {
    if (notes(w) && !s->telling.removed) {
        add_object(w, s);
    }
}

// ---- When the connection ends

// What was not acknowledged, in the order of its times.
struct untold {
    const struct agent_watch *watch;
    struct telling **list;
    size_t count;
};

static bool is_untold(const struct agent_watch *w, const struct telling *t) {
    return !t->removed && (!cm_list_empty(&t->dirty) || t->sent_in > w->acked);
}

static bool find_app(void *ctx, const char *name, void *value) {
    struct untold *u = ctx;
    struct app *a = value;

    (void)name;
    if (is_untold(u->watch, &a->telling) &&
        (a->noted.has_applied || a->noted.health != AGENT_HEALTH_UNKNOWN)) {
        u->list[u->count++] = &a->telling;
    }
    return true;
}

static bool find_object(void *ctx, const char *key, void *value) {
    struct untold *u = ctx;
    struct seen *s = value;

    (void)key;
    if (is_untold(u->watch, &s->telling) &&
        (s->drift_count > 0 || s->fight != NULL || s->ended != DRIFT_END_UNKNOWN)) {
        u->list[u->count++] = &s->telling;
    }
    return true;
}

static int compare_times(const void *a, const void *b) {
    int64_t x = (*(struct telling *const *)a)->at_ms;
    int64_t y = (*(struct telling *const *)b)->at_ms;

    return x < y ? -1 : x > y;
}

void watch_note_untold(struct agent_watch *w) {
    size_t most = cm_map_len(w->apps) + cm_map_len(w->objects);
    CM_AUTOFREE struct telling **list = cm_new(most + 1, sizeof(struct telling *));
    struct untold u = {.watch = w, .list = list};

    watch_lately_end(w, is_away(w) && w->keeps_lately);
    if (!is_away(w)) {
        return;
    }
    cm_map_each(w->apps, find_app, &u);
    size_t apps = u.count;
    cm_map_each(w->objects, find_object, &u);
    qsort(list, apps, sizeof(*list), compare_times);
    qsort(list + apps, u.count - apps, sizeof(*list), compare_times);
    for (size_t i = apps; i < u.count; i++) {
        add_object(w, CM_CONTAINER(list[i], struct seen, telling));
    }
    for (size_t i = 0; i < apps; i++) {
        add_app(w, CM_CONTAINER(list[i], struct app, telling));
    }
}

// ---- Telling

struct packing {
    struct cm_arena *arena;
    const struct agent_journal_gap *decided; // to come in its place; NULL: nothing of that
    Holdfast__V1__Journal m;
    size_t bytes;
    bool is_full;
};

static Holdfast__V1__JournalEntry *next_entry(struct packing *p, uint64_t number, int64_t at_ms) {
    Holdfast__V1__JournalEntry *entry = cm_arena_get(p->arena, sizeof(*entry));

    holdfast__v1__journal_entry__init(entry);
    entry->number = number;
    entry->at_ms = at_ms;
    p->m.entries[p->m.n_entries++] = entry;
    return entry;
}

static void pack_gap(struct packing *p, const struct agent_journal_gap *gap, bool decisions) {
    Holdfast__V1__JournalGap *m = cm_arena_get(p->arena, sizeof(*m));

    if (gap->count > 0) {
        holdfast__v1__journal_gap__init(m);
        m->from_ms = gap->from_ms;
        m->count = gap->count;
        m->decisions = decisions;
        next_entry(p, gap->number, gap->to_ms)->gap = m;
    }
}

// pack_decided packs the gap of decisions, if its number is below this one: the hub passes over
// what is not above the one before.
static void pack_decided(struct packing *p, uint64_t below) {
    if (p->decided != NULL && p->decided->number < below && p->m.n_entries < WIRE_JOURNAL_MAX) {
        pack_gap(p, p->decided, true);
        p->decided = NULL;
    }
}

static bool pack_entry(void *ctx, const struct agent_journal_entry *e) {
    struct packing *p = ctx;
    Holdfast__V1__JournalEntry *what = NULL;
    struct cm_err err;

    pack_decided(p, e->number);
    if (p->m.n_entries == WIRE_JOURNAL_MAX || p->bytes + e->size > BYTES_MAX) {
        p->is_full = true;
        return false;
    }
    Holdfast__V1__JournalEntry *entry = next_entry(p, e->number, e->at_ms);
    if (WIRE_UNPACK(p->arena, Holdfast__V1__JournalEntry, holdfast__v1__journal_entry, e->bytes,
                    e->size, &what, &err) == CM_OK) { // else of a version that says more
        entry->app = what->app;
        entry->object = what->object;
        entry->scaled = what->scaled;
        entry->report = what->report;
    }
    p->bytes += e->size + sizeof(*e);
    return true;
}

static void pack_all(const struct agent_watch *w, struct packing *p) {
    const struct agent_journal_gap *gap = agent_cache_journal_gap(w->cache);

    pack_decided(p, gap->count > 0 ? gap->number : 0);
    pack_gap(p, gap, false);
    agent_cache_journal_each(w->cache, pack_entry, p);
    if (!p->is_full) {
        pack_decided(p, UINT64_MAX);
    }
}

bool watch_waits_for_journal(const struct agent_watch *w) {
    return w->takes_journal && (agent_cache_journal_count(w->cache) > 0 ||
                                agent_cache_journal_gap(w->cache)->count > 0 ||
                                agent_cache_decided_gap(w->cache)->count > 0);
}

void watch_tell_journal(struct agent_watch *w) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    struct packing p = {.arena = arena, .decided = agent_cache_decided_gap(w->cache)};

    if (!w->connected || w->shut || w->journal_sent || !watch_waits_for_journal(w)) {
        return;
    }
    holdfast__v1__journal__init(&p.m);
    p.m.run = cm_arena_strdup(arena, agent_cache_report_run(w->cache));
    p.m.entries = cm_arena_get(arena, WIRE_JOURNAL_MAX * sizeof(void *));
    pack_all(w, &p);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = wire_pack(&p.m.base);
    w->journal_sent = w->host.tell(w->host.ctx, bytes);
    if (w->journal_sent) {
        agent_cache_journal_sent(w->cache, p.m.entries[p.m.n_entries - 1]->number);
    }
}

void agent_watch_journal_acked(struct agent_watch *w, const char *run, uint64_t number) {
    if (strcmp(run, agent_cache_report_run(w->cache)) != 0 || !w->journal_sent) {
        return;
    }
    w->journal_sent = false;
    agent_cache_journal_told(w->cache, number);
    watch_tell_journal(w);
    watch_tell_decisions(w);
    watch_schedule(w);
}

// watch_note_scaled: a hub that takes no journal does not learn it, nor will the next one.
void watch_note_scaled(struct agent_watch *w, Holdfast__V1__Scaled *what) {
    Holdfast__V1__JournalEntry entry;

    if (w->connected && !w->takes_journal) {
        return;
    }
    holdfast__v1__journal_entry__init(&entry);
    entry.scaled = what;
    put_entry(w, what->last_ms, &entry);
    watch_tell_journal(w);
}

// watch_begin_journal: what a hub does not take it will not learn in this order any more, once it
// has had reports.
void watch_begin_journal(struct agent_watch *w, bool takes, bool knows_reports) {
    w->takes_journal = takes;
    w->keeps_lately = takes && knows_reports;
    w->journal_sent = false;
    if (!takes) {
        agent_cache_journal_lose(w->cache);
    }
    watch_tell_journal(w);
}
