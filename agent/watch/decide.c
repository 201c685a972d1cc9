// What controllers decided about releases: remembered, acted upon, told.
//
// A controller names releases by tokens. When it takes up what was applied last, that is written
// down with the token; so when it speaks of a token later it is known which form of the workload,
// of which bundle and which commit, that is. What was decided goes to disk first. If a release was
// rejected the App is held back from then on, by this agent alone (agent/link/hold.c): what is
// newer in Git would bring the rejected release again. It stays at the bundle that is in force
// then, which may be newer than the one that brought the release: nothing is undone. Then the hub
// is told, before any report, and decides what shall run; its manifest says so.
//
// An edge is told once: by its time, which is the controller's, also after a restart. Of what was
// so when the driver first looked, and of which nothing is known from before, only counts that a
// release is rejected (that Git still asks for it is so, whenever it happened), promoted (a
// cluster that was built anew waits for that), or waits for somebody, who is to know.
#include <stdlib.h>
#include <string.h>

#include "agent/cache/cache.h"
#include "agent/watch/internal.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/fault.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

enum {
    BYTES_MAX = 700 * 1024, // of one Decisions
    WORD_MAX = 128,
    AUTHOR_PAUSE_MS = 100,
    UNDONE_MS = 60000,      // until it is decided what an undo by hand is
    AUTHOR_HOLDS_MS = 2000, // what the hub does something about, and reports, are held back for it
};

// ---- What is known of releases

static bool is_none(const struct cm_sha256 *hash) {
    static const struct cm_sha256 none;

    return cm_sha256_equal(hash, &none);
}

// only_observes: where nothing is applied, what a controller rolls out is somebody else's. What it
// decides is told, and that is all: nothing of it stays here.
static bool only_observes(const struct agent_watch *w) {
    return w->apply != NULL && agent_apply_observes(w->apply);
}

// is_ours tells whether what a controller rolls out is what we applied, in whatever form: that may
// have been lost with the disk's end.
static bool is_ours(const struct agent_item *item) {
    return item != NULL && (item->applied || !is_none(&item->sha256));
}

// find_item returns what a decision may be about: what we applied, or, in *observed, what is
// observed. NULL: it is nothing of that.
static const struct agent_item *find_item(const struct agent_watch *w, const char *key,
                                          struct agent_item *observed) {
    const struct agent_item *item = agent_cache_item(w->cache, key);
    const struct seen *s = cm_map_get(w->objects, key);

    if (!only_observes(w)) {
        return is_ours(item) ? item : NULL;
    }
    if (s == NULL) {
        return NULL;
    }
    *observed = (struct agent_item){.key = s->key, .app = s->app->name};
    return observed;
}

// is_called tells whether a token is meant by a name, which may leave open what is behind ':', or
// be that alone.
static bool is_called(const char *token, const char *name) {
    size_t size = strlen(name);

    if (name[0] == ':') {
        const char *form = strchr(token, ':');

        return form != NULL && strcmp(form, name) == 0;
    }
    return strncmp(token, name, size) == 0 && (token[size] == '\0' || token[size] == ':');
}

// find_release returns the newest release of that name, rather one that was promoted; with no name
// the one that was. NULL: nothing is known.
static const struct agent_release *find_release(const struct agent_releases *all,
                                                const char *name) {
    const struct agent_release *found = NULL;

    for (size_t i = 0; all != NULL && i < all->count; i++) {
        const struct agent_release *r = &all->all[i];
        bool fits = name[0] == '\0' ? r->promoted : is_called(r->token, name);

        if (fits && (found == NULL || r->promoted || !found->promoted)) {
            found = r;
        }
    }
    return found;
}

// in_force returns an App as the manifest in force has it, or NULL.
static const struct agent_desired_app *in_force(const struct agent_watch *w, const char *app) {
    const struct agent_desired *d = w->apply == NULL ? NULL : agent_apply_desired(w->apply);

    return d == NULL ? NULL : agent_desired_app(d, app);
}

// present is the form that was applied last, of the App's bundle if it still is that one's.
static struct agent_release present(const struct agent_watch *w, const struct agent_item *item) {
    const struct agent_desired *d = w->apply == NULL ? NULL : agent_apply_desired(w->apply);
    const struct agent_claim *claim = d == NULL ? NULL : agent_desired_claim(d, item->key);
    struct agent_release r = {.token = "", .revision = "", .sha256 = item->sha256};

    if (claim != NULL && cm_sha256_equal(&claim->entry->sha256, &item->sha256)) {
        r.bundle = claim->app->bundle_sha256;
        r.revision = claim->app->revision;
    }
    return r;
}

void agent_watch_released(void *watch, const char *key, const char *token, bool promoted) {
    struct agent_watch *w = watch;
    const struct agent_item *item = agent_cache_item(w->cache, key);
    const struct agent_releases *all = agent_cache_releases(w->cache, key);
    bool known = false;

    if (!is_ours(item) || is_none(&item->sha256) || only_observes(w) ||
        strlen(token) >= AGENT_TOKEN_MAX || w->shut) {
        return;
    }
    for (size_t i = 0; all != NULL && i < all->count; i++) {
        known |= strcmp(all->all[i].token, token) == 0;
    }
    if (!known) {
        struct agent_release r = present(w, item);

        r.token = token;
        agent_cache_add_release(w->cache, key, &r);
    }
    if (promoted) {
        agent_cache_set_promoted(w->cache, key, token);
    }
    agent_cache_commit(w->cache, NULL, NULL);
}

// ---- What is news

static enum agent_edge edge_of(enum agent_verdict verdict) {
    switch (verdict) {
    case AGENT_VERDICT_STARTED:
    case AGENT_VERDICT_WAITING: // and goes on, which is told as its start
        return AGENT_EDGE_BEGUN;
    case AGENT_VERDICT_TIMED_OUT:
        return AGENT_EDGE_LATE;
    case AGENT_VERDICT_UNDONE:
    case AGENT_VERDICT_RESTARTED: // what people do
        return AGENT_EDGE_UNDONE;
    default:
        return AGENT_EDGE_ENDED;
    }
}

static bool is_rejection(enum agent_verdict verdict) {
    return verdict == AGENT_VERDICT_REJECTED || verdict == AGENT_VERDICT_CONFIG_REJECTED;
}

// is_news_at_first: of what people do, programs before this one did not take everything down. Who
// went back to what this agent has seen come up has done it since.
static bool is_news_at_first(const struct agent_releases *all, const struct agent_decision *what) {
    int64_t newest_ms = 0;

    for (size_t i = 0; all != NULL && i < AGENT_EDGES; i++) {
        newest_ms = all->edges[i] > newest_ms ? all->edges[i] : newest_ms;
    }
    if (what->verdict == AGENT_VERDICT_RESTARTED) {
        return newest_ms != 0 && what->at_ms > newest_ms;
    }
    if (what->verdict == AGENT_VERDICT_UNDONE && newest_ms == 0) {
        return what->good[0] != '\0' && find_release(all, what->good) != NULL;
    }
    return newest_ms != 0 ? what->at_ms > all->edges[edge_of(what->verdict)]
                          : what->verdict == AGENT_VERDICT_REJECTED ||
                                what->verdict == AGENT_VERDICT_PROMOTED ||
                                what->verdict == AGENT_VERDICT_WAITING;
}

// is_news: who only observes keeps no edges: to the agent that applies one day what is so then is
// news. Its hub knows what it was told before.
static bool is_news(struct agent_watch *w, const struct agent_decision *what) {
    bool observed = only_observes(w);
    const struct agent_releases *all = observed ? NULL : agent_cache_releases(w->cache, what->key);

    if (what->verdict == AGENT_VERDICT_WEIGHT) {
        return !what->first && watch_share_is_due(&w->shares, what);
    }
    if (edge_of(what->verdict) != AGENT_EDGE_UNDONE) {
        watch_share_forget(&w->shares, what->key);
    }
    bool news = !what->first || is_news_at_first(all, what);
    if (!observed) {
        agent_cache_set_edge(w->cache, what->key, edge_of(what->verdict), what->at_ms);
    }
    return news;
}

// ---- Writing it down

static Holdfast__V1__Verdict verdict_of(enum agent_verdict verdict) {
    static const Holdfast__V1__Verdict all[] = {
        [AGENT_VERDICT_STARTED] = HOLDFAST__V1__VERDICT__STARTED,
        [AGENT_VERDICT_WEIGHT] = HOLDFAST__V1__VERDICT__WEIGHT,
        [AGENT_VERDICT_PROMOTED] = HOLDFAST__V1__VERDICT__PROMOTED,
        [AGENT_VERDICT_REJECTED] = HOLDFAST__V1__VERDICT__REJECTED,
        [AGENT_VERDICT_CONFIG_REJECTED] = HOLDFAST__V1__VERDICT__CONFIG_REJECTED,
        [AGENT_VERDICT_FAILED_FORWARD] = HOLDFAST__V1__VERDICT__FAILED_FORWARD,
        [AGENT_VERDICT_TIMED_OUT] = HOLDFAST__V1__VERDICT__TIMED_OUT,
        [AGENT_VERDICT_UNDONE] = HOLDFAST__V1__VERDICT__UNDONE,
        [AGENT_VERDICT_RESTARTED] = HOLDFAST__V1__VERDICT__RESTARTED,
        [AGENT_VERDICT_WAITING] = HOLDFAST__V1__VERDICT__WAITING,
    };

    return all[verdict];
}

static ProtobufCBinaryData hash_in(struct cm_arena *a, const struct cm_sha256 *hash) {
    if (is_none(hash)) {
        return (ProtobufCBinaryData){0};
    }
    uint8_t *copy = cm_arena_get(a, CM_SHA256_SIZE);
    memcpy(copy, hash->bytes, CM_SHA256_SIZE);
    return (ProtobufCBinaryData){.len = CM_SHA256_SIZE, .data = copy};
}

// id_of: the same edge has the same one, whoever looks; but what was only observed is no answer to
// an agent that is held back for it one day.
static struct cm_sha256 id_of(const struct agent_watch *w, const struct agent_decision *what) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_str_addf(&text, "%s\n%s\n%s\n%s\n%s\n%lld\n%d\n%d", w->host.cluster_id(w->host.ctx),
                what->uid, what->controller, what->bad, what->good, (long long)what->at_ms,
                (int)verdict_of(what->verdict),
                what->verdict == AGENT_VERDICT_WEIGHT ? what->weight : 0);
    if (only_observes(w)) {
        cm_str_add(&text, "\nobserved");
    }
    return cm_sha256(text.data, text.len);
}

// add_good: the hub may not have the form that runs any more.
static void add_good(const struct agent_watch *w, struct cm_arena *a,
                     const struct agent_release *good, Holdfast__V1__Decision *m) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    struct cm_err err;

    m->good_sha256 = hash_in(a, &good->sha256);
    m->good_bundle = hash_in(a, &good->bundle);
    m->good_revision = watch_clip(a, good->revision, WORD_MAX);
    if (!m->provisional || agent_cache_blob(w->cache, &good->sha256, false, &bytes, &err) < 0 ||
        bytes->size > WIRE_DECIDED_MAX) {
        return;
    }
    m->good_object.len = bytes->size;
    m->good_object.data = cm_arena_get(a, bytes->size);
    memcpy(m->good_object.data, bytes->data, bytes->size);
}

// A decision, with what is known of the releases that it is about.
struct known {
    const struct agent_item *item;
    const struct agent_decision *what;
    struct agent_release bad;
    const struct agent_release *good; // NULL: nothing is known
    bool observed;                    // nothing is done about it
    bool holds;                       // the App is held back for it
    const char *text;                 // the decision's own, and what becomes of it
    struct cm_sha256 id;
};

static void add_releases(const struct agent_watch *w, struct cm_arena *a, const struct known *k,
                         Holdfast__V1__Decision *m) {
    if (k->observed) {
        *(k->what->verdict == AGENT_VERDICT_PROMOTED ? &m->good_revision : &m->bad_revision) =
            watch_clip(a, k->bad.revision, WORD_MAX);
        return;
    }
    if (k->what->verdict != AGENT_VERDICT_PROMOTED) {
        m->bad_sha256 = hash_in(a, &k->bad.sha256);
        m->bad_bundle = hash_in(a, &k->bad.bundle);
        m->bad_revision = watch_clip(a, k->bad.revision, WORD_MAX);
    }
    if (k->good != NULL) {
        add_good(w, a, k->good, m);
    }
}

static struct cm_buf *pack(const struct agent_watch *w, const struct known *k) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct agent_decision *what = k->what;
    Holdfast__V1__Decision m;

    holdfast__v1__decision__init(&m);
    m.id = hash_in(a, &k->id);
    m.app = watch_clip(a, k->item->app, WIRE_NAME_MAX);
    m.key = watch_clip(a, what->key, strlen(what->key));
    m.controller = watch_clip(a, what->controller, WORD_MAX);
    m.controller_key = watch_clip(a, what->controller_key, strlen(what->controller_key));
    m.verdict = verdict_of(what->verdict);
    m.text = watch_clip(a, k->text, WIRE_MESSAGE_MAX);
    m.weight = what->weight;
    m.at_ms = what->at_ms;
    m.observed = k->observed;
    m.provisional = k->holds;
    m.actor = watch_clip(a, what->actor, WORD_MAX);
    m.actor_ms = what->actor_ms;
    add_releases(w, a, k, &m);
    return wire_pack(&m.base);
}

// begin_hold fills in at what the App of a rejected release stays: what is in force; where that is
// not known yet, what the release was of. It tells whether there is an App to be held back: not to
// a manifest in whose place there may be a newer one.
static bool begin_hold(const struct agent_watch *w, const struct known *k, struct agent_hold *out) {
    const struct agent_desired_app *app = in_force(w, k->item->app);
    bool loaded = w->apply != NULL && agent_apply_desired(w->apply) != NULL;

    *out = (struct agent_hold){.app = k->item->app,
                               .revision = app != NULL ? app->revision : k->bad.revision,
                               .bundle = app != NULL ? app->bundle_sha256 : k->bad.bundle};
    return (app != NULL || !loaded) && !is_none(&out->bundle) && !agent_cache_is_doubted(w->cache);
}

// why_held is the caller's to free.
static char *why_held(const struct known *k) {
    const char *of = k->bad.revision[0] == '\0' ? "a commit that is not known" : k->bad.revision;

    return k->what->verdict == AGENT_VERDICT_UNDONE
               ? cm_strf("held back: somebody went back by hand from %s of %s: %.500s",
                         k->item->key, of, k->text)
               : cm_strf("held back: %s rejected %s of %s: %.500s", k->what->controller,
                         k->item->key, of, k->text);
}

static void hold_back(struct agent_watch *w, const struct known *k, struct cm_buf *bytes) {
    const struct agent_hold *before = agent_cache_hold(w->cache, k->item->app);
    struct agent_hold hold;
    CM_AUTOFREE char *why = why_held(k);

    if (before != NULL) {
        hold = *before;
    } else if (!begin_hold(w, k, &hold)) {
        return;
    }
    hold.why = why;
    if (hold.id_count == AGENT_HOLD_IDS_MAX) {
        memmove(&hold.ids[0], &hold.ids[1], --hold.id_count * sizeof(hold.ids[0]));
        memmove(&hold.says[0], &hold.says[1], hold.id_count * sizeof(hold.says[0]));
    }
    hold.ids[hold.id_count] = k->id;
    hold.says[hold.id_count++] = cm_sha256(bytes->data, bytes->size);
    CM_AUTOFREE char *app = cm_strdup(hold.app);
    CM_AUTOFREE char *revision = cm_strdup(hold.revision);
    hold.app = app;
    hold.revision = revision;
    agent_cache_put_blob(w->cache, &hold.says[hold.id_count - 1], bytes);
    agent_cache_put_hold(w->cache, &hold);
    w->host.held(w->host.ctx);
}

static void log_decision(const struct known *k) {
    static const char *const words[] = {
        [AGENT_VERDICT_STARTED] = "started",
        [AGENT_VERDICT_WEIGHT] = "another share of the traffic",
        [AGENT_VERDICT_PROMOTED] = "promoted",
        [AGENT_VERDICT_REJECTED] = "rejected",
        [AGENT_VERDICT_CONFIG_REJECTED] = "its configuration was rejected",
        [AGENT_VERDICT_FAILED_FORWARD] = "failed, and serves all the same",
        [AGENT_VERDICT_TIMED_OUT] = "timed out",
        [AGENT_VERDICT_UNDONE] = "undone by hand",
        [AGENT_VERDICT_RESTARTED] = "restarted by hand",
        [AGENT_VERDICT_WAITING] = "waits for somebody",
    };

    cm_log(is_rejection(k->what->verdict) ? CM_LOG_WARN : CM_LOG_INFO, "agent.decided",
           words[k->what->verdict], "app", k->item->app, "object", k->what->key, "controller",
           k->what->controller, "says", k->text, NULL);
}

static void on_disk(void *ctx, const struct cm_err *error) {
    struct agent_watch *w = ctx;

    CM_FAULT_POINT("decision-on-disk");
    w->deciding--;
    if (error->code == CM_OK && !w->shut) {
        watch_tell_journal(w); // if one gave way
        watch_tell_decisions(w);
    }
}

// learn_observed: what is there as Git says is what Git says.
static struct known learn_observed(const struct agent_watch *w, const struct agent_item *item,
                                   const struct agent_decision *what) {
    const struct agent_desired_app *app = what->other ? NULL : in_force(w, item->app);

    return (struct known){.item = item,
                          .what = what,
                          .text = what->text,
                          .id = id_of(w, what),
                          .observed = true,
                          .bad = {.token = "", .revision = app == NULL ? "" : app->revision}};
}

// ---- What people undo

// holds_undo tells whether it is one, of an App that wants it to be a decision.
static bool holds_undo(const struct agent_desired_app *app, const struct agent_decision *what) {
    return what->verdict == AGENT_VERDICT_UNDONE && app != NULL && app->bundle != NULL &&
           app->bundle->health.holds_undo;
}

// is_known_undo tells whether somebody went back to another form that this agent has applied and
// seen come up, and from which release: only of that can a Hold be made.
static bool is_known_undo(const struct known *k) {
    return k->what->good[0] != '\0' && k->good != NULL && !is_none(&k->bad.bundle) &&
           !cm_sha256_equal(&k->good->sha256, &k->bad.sha256);
}

// words_of is what is told of a decision; the caller frees it.
static char *words_of(const struct agent_watch *w, const struct known *k) {
    bool unknown = k->good == NULL || k->what->good[0] == '\0';
    const char *why = unknown                   ? "has not seen come up what that is"
                      : is_none(&k->bad.bundle) ? "does not know of which release what was left is"
                                                : NULL;

    return holds_undo(in_force(w, k->item->app), k->what) && !k->observed && why != NULL
               ? cm_strf("%s; it is no decision but a change by hand, for this agent %s",
                         k->what->text, why)
               : cm_strdup(k->what->text);
}

void watch_note_undone(struct seen *s, int64_t at_ms) {
    if (at_ms != 0 && at_ms != s->undone_ms) {
        s->undone_ms = at_ms;
        s->undone_seen_ms = cm_clock_now_ms();
    }
}

void watch_end_undone(struct seen *s, const struct agent_observation *what) {
    bool as_it_shall_be = what->undone_ms == 0 && s->drift_count == 0;

    if (as_it_shall_be || what->health == AGENT_HEALTH_MISSING) {
        s->undone_ms = 0;
    }
}

// holds_for tells whether one of the decisions that hold an App back is that somebody went back
// with this object. What is not kept any more may be one.
static bool holds_for(const struct agent_watch *w, const struct agent_hold *hold, const char *key) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    bool found = false;

    for (size_t i = 0; !found && i < hold->id_count; i++) {
        CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
        Holdfast__V1__Decision *m = NULL;
        struct cm_err ignored;

        found = agent_cache_blob(w->cache, &hold->says[i], false, &bytes, &ignored) < 0 ||
                WIRE_UNPACK(a, Holdfast__V1__Decision, holdfast__v1__decision, bytes->data,
                            bytes->size, &m, &ignored) < 0 ||
                (m->verdict == HOLDFAST__V1__VERDICT__UNDONE && strcmp(m->key, key) == 0);
    }
    return found;
}

// Its controller may take up later what somebody has done; then the App is held back, or not.
bool watch_leaves_undone(const struct agent_watch *w, const struct seen *s) {
    const struct agent_desired_app *app = in_force(w, s->app->name);
    const struct agent_releases *all = agent_cache_releases(w->cache, s->key);

    if (s->undone_ms == 0 || app == NULL || app->bundle == NULL ||
        !app->bundle->health.holds_undo) {
        return false;
    }
    const struct agent_hold *hold = agent_cache_hold(w->cache, s->app->name);
    bool decided = all != NULL && all->edges[AGENT_EDGE_UNDONE] >= s->undone_ms;
    return decided ? hold != NULL && holds_for(w, hold, s->key)
                   : cm_clock_now_ms() - s->undone_seen_ms < UNDONE_MS;
}

// release_of returns the newest release that has this form, or NULL.
static const struct agent_release *release_of(const struct agent_releases *all,
                                              const struct cm_sha256 *form) {
    for (size_t i = all == NULL ? 0 : all->count; i > 0; i--) {
        if (cm_sha256_equal(&all->all[i - 1].sha256, form)) {
            return &all->all[i - 1];
        }
    }
    return NULL;
}

// fill_in finds out of which bundle the form is that was left, if what is in force has another one
// that is not applied yet. Of a Hold nothing else will do: it would keep out what Git says next.
static void fill_in(const struct agent_releases *all, const struct agent_desired_app *app,
                    struct known *k) {
    const struct agent_release *r = release_of(all, &k->bad.sha256);

    if (r != NULL && !is_none(&r->bundle)) {
        k->bad.bundle = r->bundle;
        k->bad.revision = r->revision;
    } else if (app != NULL && !holds_undo(app, k->what)) { // it is the best that is known
        k->bad.bundle = app->bundle_sha256;
        k->bad.revision = app->revision;
    }
}

// learn finds out which releases a decision is about. What was good before this agent was there is
// found out when it is told (good.c).
static struct known learn(const struct agent_watch *w, const struct agent_item *item,
                          const struct agent_decision *what) {
    const struct agent_releases *all = agent_cache_releases(w->cache, what->key);
    const struct agent_release *bad = what->bad[0] == '\0' ? NULL : find_release(all, what->bad);
    struct known k = {.item = item, .what = what, .text = what->text, .id = id_of(w, what)};
    const struct agent_desired_app *app = in_force(w, item->app);

    k.bad = bad != NULL ? *bad : present(w, item);
    k.good = find_release(all, what->good);
    if (is_none(&k.bad.bundle)) {
        fill_in(all, app, &k);
    }
    k.holds = is_rejection(what->verdict) || (holds_undo(app, what) && is_known_undo(&k));
    return k;
}

// is_about_another tells whether a decision is about what somebody else made of the template. What
// somebody did by hand is told as what it is.
static bool is_about_another(const struct agent_watch *w, const struct agent_decision *what) {
    const struct agent_releases *all = agent_cache_releases(w->cache, what->key);
    const char *token = what->verdict == AGENT_VERDICT_PROMOTED ? what->good : what->bad;

    return what->other && edge_of(what->verdict) != AGENT_EDGE_UNDONE &&
           (token[0] == '\0' || find_release(all, token) == NULL);
}

// is_of_what_came_up: a release that was promoted is not late when it loses pods; a driver that has
// just begun does not know that it was.
static bool is_of_what_came_up(const struct agent_watch *w, const struct agent_decision *what) {
    const struct agent_releases *all = agent_cache_releases(w->cache, what->key);
    const struct agent_release *bad = what->bad[0] == '\0' ? NULL : find_release(all, what->bad);

    return what->verdict == AGENT_VERDICT_TIMED_OUT && bad != NULL &&
           bad == find_release(all, what->good);
}

static void log_another(const struct agent_item *item, const struct agent_decision *what) {
    cm_log(CM_LOG_WARN, "agent.decided_another",
           "a controller decided about a template that somebody changed in the cluster; what Git "
           "says is neither rejected nor promoted by that",
           "app", item->app, "object", what->key, "controller", what->controller, "says",
           what->text, NULL);
}

// is_answered: a hub that knows no decisions would leave an App held back for ever.
static bool is_answered(const struct agent_watch *w) {
    return !w->connected || w->takes_decisions;
}

// write_down keeps it until a hub takes it, whichever one is connected now.
static void write_down(struct agent_watch *w, const struct known *k) {
    enum agent_verdict verdict = k->what->verdict;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = pack(w, k);
    bool weighty = verdict != AGENT_VERDICT_STARTED && verdict != AGENT_VERDICT_WEIGHT &&
                   verdict != AGENT_VERDICT_PROMOTED;

    if (k->holds && is_answered(w)) {
        hold_back(w, k, bytes);
    }
    agent_cache_decided_add(w->cache, weighty, bytes->data, bytes->size);
    w->deciding++;
    w->author_late = false; // until it is known whether this one may wait, too
    agent_cache_commit(w->cache, on_disk, w);
}

static void tell(struct agent_watch *w, const struct agent_item *item,
                 const struct agent_decision *what) {
    bool observed = only_observes(w);

    if (!observed && is_about_another(w, what)) {
        log_another(item, what);
        return;
    }
    struct known k = observed ? learn_observed(w, item, what) : learn(w, item, what);
    CM_AUTOFREE char *words = words_of(w, &k);

    k.text = words;
    log_decision(&k);
    write_down(w, &k);
    if (w->author_until_ms == 0) { // what comes meanwhile makes nobody wait longer
        w->author_until_ms = cm_clock_now_ms() + w->host.author_wait_ms;
    }
}

void watch_tell_share(void *watch, const struct agent_decision *what) {
    struct agent_watch *w = watch;
    struct agent_item observed;
    const struct agent_item *item = find_item(w, what->key, &observed);

    if (item != NULL && !w->shut) {
        tell(w, item, what);
    }
}

// tell_present tells the share of a release that is no news itself: another one may have been told
// last, by a program before this one or before the link to the target broke.
static void tell_present(struct agent_watch *w, const struct agent_item *item,
                         const struct agent_decision *what) {
    struct agent_decision share = *what;

    share.verdict = AGENT_VERDICT_WEIGHT;
    share.at_ms = cm_clock_unix_ms();
    if (what->first && what->verdict == AGENT_VERDICT_STARTED && what->weight > 0 &&
        watch_share_is_due(&w->shares, &share)) {
        tell(w, item, &share);
    }
}

// note_wait: what people do with its pods ends no wait.
static void note_wait(struct agent_watch *w, const struct agent_decision *what) {
    const char *led = what->leader[0] == '\0' ? what->key : what->leader;

    if (what->verdict != AGENT_VERDICT_RESTARTED) {
        watch_set_waits(w, led, what->verdict == AGENT_VERDICT_WAITING);
    }
}

static void note_undone(struct agent_watch *w, const struct agent_decision *what) {
    struct seen *s = cm_map_get(w->objects, what->key);

    if (s != NULL && what->verdict == AGENT_VERDICT_UNDONE) {
        watch_note_undone(s, what->at_ms);
    }
}

void agent_watch_decided(void *watch, const struct agent_decision *what) {
    struct agent_watch *w = watch;
    struct agent_item observed;
    const struct agent_item *item = find_item(w, what->key, &observed);

    if (item == NULL || w->shut || is_of_what_came_up(w, what)) {
        return;
    }
    note_wait(w, what);
    note_undone(w, what);
    if (is_news(w, what)) {
        tell(w, item, what);
    } else {
        tell_present(w, item, what);
    }
}

// ---- Telling

struct packing {
    struct agent_watch *w;
    bool unnamed; // it may still become known who decided
    bool urgent;  // the hub does something about one of them
    bool waits;   // until it is known what was good; what comes after it, too
    struct cm_arena *arena;
    Holdfast__V1__Decisions m;
    size_t bytes;
};

// name_author: who it was the target knows a moment later than what he did.
static void name_author(struct packing *p, Holdfast__V1__Decision *m) {
    const struct agent_watch_host *host = &p->w->host;
    const char *key = m->controller_key[0] != '\0' ? m->controller_key : m->key;
    bool never = false;

    if (host->author == NULL || m->actor[0] == '\0' || m->actor_ms == 0) {
        return;
    }
    m->user =
        cm_arena_strdup(p->arena, host->author(host->ctx, key, m->actor, m->actor_ms, &never));
    p->unnamed |= !never && m->user[0] == '\0';
}

static bool pack_one(void *ctx, const struct agent_decided *d) {
    struct packing *p = ctx;
    Holdfast__V1__Decision *m = NULL;
    struct cm_err err;

    if (p->m.n_decisions == WIRE_DECISIONS_MAX ||
        (p->m.n_decisions > 0 && p->bytes + d->size > BYTES_MAX)) {
        return false;
    }
    if (WIRE_UNPACK(p->arena, Holdfast__V1__Decision, holdfast__v1__decision, d->bytes, d->size, &m,
                    &err) < 0) { // of a version that says more: its number is told all the same
        m = cm_arena_get(p->arena, sizeof(*m));
        holdfast__v1__decision__init(m);
    }
    m->number = d->number;
    p->waits |= !watch_add_good(p->w, p->arena, m);
    if (p->waits) { // it is asked of the others meanwhile
        return true;
    }
    name_author(p, m);
    p->urgent |= m->provisional || m->verdict == HOLDFAST__V1__VERDICT__TIMED_OUT ||
                 m->verdict == HOLDFAST__V1__VERDICT__FAILED_FORWARD;
    p->m.decisions[p->m.n_decisions++] = m;
    p->bytes += d->size + m->good_object.len;
    return true;
}

static bool has_decisions(const struct agent_watch *w) {
    return w->takes_decisions && agent_cache_decided_count(w->cache) > 0;
}

bool watch_waits_for_decisions(const struct agent_watch *w) {
    return has_decisions(w) && !w->author_late;
}

// waits_for_author: a log that is late holds up nothing but what only its words are missing of.
static bool waits_for_author(struct agent_watch *w, const struct packing *p) {
    int64_t now_ms = cm_clock_now_ms();
    int64_t began_ms = w->author_until_ms - w->host.author_wait_ms;

    if (!p->unnamed || now_ms >= w->author_until_ms) {
        return false;
    }
    w->author_late = !p->urgent && now_ms - began_ms >= AUTHOR_HOLDS_MS;
    return w->author_late || now_ms - began_ms < AUTHOR_HOLDS_MS;
}

void watch_tell_decisions(struct agent_watch *w) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    struct packing p = {.w = w, .arena = arena};

    if (!w->connected || w->shut || w->decisions_sent || w->deciding > 0 ||
        watch_waits_for_journal(w) || !has_decisions(w)) {
        return;
    }
    holdfast__v1__decisions__init(&p.m);
    p.m.run = cm_arena_strdup(arena, agent_cache_report_run(w->cache));
    p.m.decisions = cm_arena_get(arena, WIRE_DECISIONS_MAX * sizeof(void *));
    agent_cache_decided_each(w->cache, pack_one, &p);
    if (p.m.n_decisions == 0) {
        return;
    }
    if (waits_for_author(w, &p)) {
        cm_timer_start(w->loop, &w->author, AUTHOR_PAUSE_MS);
        watch_schedule(w);
        return;
    }
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = wire_pack(&p.m.base);
    w->decisions_sent = w->host.decide(w->host.ctx, bytes);
    w->author_late = false;
    if (w->decisions_sent) {
        w->author_until_ms = 0;
        agent_cache_decided_sent(w->cache, p.m.decisions[p.m.n_decisions - 1]->number);
    }
}

void watch_author(void *watch) {
    watch_tell_decisions(watch);
}

void agent_watch_decisions_acked(struct agent_watch *w, const char *run, uint64_t number) {
    if (strcmp(run, agent_cache_report_run(w->cache)) != 0 || !w->decisions_sent) {
        return;
    }
    w->decisions_sent = false;
    agent_cache_decided_told(w->cache, number);
    watch_forget_goods(w, number);
    watch_tell_journal(w); // if one gave way
    watch_tell_decisions(w);
    watch_schedule(w);
}

// release_all: a hub that does not know decisions would never answer them. They stay written down
// for one that does.
static void release_all(struct agent_watch *w) {
    CM_AUTOFREE const char **apps = agent_cache_hold_apps(w->cache);
    size_t count = agent_cache_hold_count(w->cache);

    for (size_t i = 0; i < count; i++) {
        CM_AUTOFREE char *app = cm_strdup(apps[i]);

        agent_cache_drop_hold(w->cache, app);
    }
    if (count > 0) {
        agent_cache_commit(w->cache, NULL, NULL);
        w->host.held(w->host.ctx);
    }
}

void watch_begin_decisions(struct agent_watch *w, bool takes) {
    w->takes_decisions = takes;
    w->decisions_sent = false;
    agent_cache_decided_sent(w->cache, 0);
    if (takes) {
        agent_cache_decided_again(w->cache);
    } else {
        release_all(w);
    }
    watch_tell_decisions(w);
}
