// What was good before this agent applied anything, for who decides what shall run.
//
// An agent that came to a cluster where a release was rejected already has never applied the one
// that runs. The driver is asked what its form would be before the rejection is told; after a
// restart, or at the next connection, again. The App is held back meanwhile. A target that does not
// answer has not said that nothing is known, so it is asked again, for ten minutes.
#include <stdlib.h>
#include <string.h>

#include "agent/cache/cache.h"
#include "agent/watch/internal.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/wire.h"

enum { AGAIN_MS = 5000, PATIENCE_MS = 600000 };

struct good {
    struct agent_watch *watch;
    char *app;
    char *key;
    uint64_t number;  // of the decision
    int64_t until_ms; // monotonic: when it is taken to be unknown
    bool asked;       // the driver is
    bool rests;       // it could not be told; it is asked again soon
    bool answered;
    bool said;           // to whoever reads the log, that it is not known
    struct cm_buf *form; // NULL: it is not known
};

static void good_free(void *value) {
    struct good *g = value;

    cm_buf_unref(g->form);
    free(g->app);
    free(g->key);
    free(g);
}

struct cm_map *watch_goods_new(void) {
    return cm_map_new(good_free);
}

static void say_unknown(struct good *g, const char *why) {
    if (!g->said) {
        g->said = true;
        cm_log(CM_LOG_WARN, "agent.good_unknown",
               "what ran before the release that was rejected is not known, so nothing keeps that "
               "release out: put the good one into Git",
               "app", g->app, "object", g->key, "why", why, NULL);
    }
}

static void on_good(void *ctx, struct cm_buf *form, bool later, const char *why) {
    struct good *g = ctx;
    struct agent_watch *w = g->watch;

    g->asked = false;
    if (w->shut) {
        return;
    }
    g->rests = later && cm_clock_now_ms() < g->until_ms;
    if (g->rests) {
        cm_timer_start(w->loop, &w->good, AGAIN_MS);
        return;
    }
    g->answered = true;
    if (form != NULL && form->size <= WIRE_DECIDED_MAX) {
        g->form = cm_buf_ref(form);
    } else {
        say_unknown(g, form == NULL ? why : "it is too large");
    }
    watch_tell_decisions(w);
}

// ask has the driver find out; it tells whether there is anything to ask.
static bool ask(const struct agent_watch *w, const Holdfast__V1__Decision *m, struct good *g) {
    const struct agent_item *item = agent_cache_item(w->cache, m->key);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bad = NULL;
    struct cm_sha256 hash;
    struct cm_err err;

    if (item == NULL || m->bad_sha256.len != sizeof(hash.bytes)) {
        return false;
    }
    memcpy(hash.bytes, m->bad_sha256.data, sizeof(hash.bytes));
    if (agent_cache_blob(w->cache, &hash, false, &bad, &err) < 0) {
        return false;
    }
    const struct agent_proof_ask what = {.app = m->app,
                                         .key = m->key,
                                         .default_namespace = item->default_namespace,
                                         .controller = m->controller,
                                         .controller_key = m->controller_key,
                                         .good = "",
                                         .bytes = (const char *)bad->data,
                                         .size = bad->size};

    g->asked = true;
    w->host.good(w->host.ctx, &what, on_good, g);
    return true;
}

static struct good *good_of(struct agent_watch *w, const char *id,
                            const Holdfast__V1__Decision *m) {
    struct good *g = cm_map_get(w->goods, id);

    if (g == NULL) {
        g = cm_new(1, sizeof(*g));
        g->watch = w;
        g->app = cm_strdup(m->app);
        g->key = cm_strdup(m->key);
        cm_map_put(w->goods, id, g);
    }
    g->number = m->number;
    if (g->until_ms == 0) {
        g->until_ms = cm_clock_now_ms() + PATIENCE_MS;
    }
    return g;
}

// may_be_known: of a configuration there is no form to be known.
static bool may_be_known(const struct agent_watch *w, const Holdfast__V1__Decision *m) {
    return w->host.good != NULL && m->provisional &&
           m->verdict == HOLDFAST__V1__VERDICT__REJECTED && m->good_sha256.len == 0 &&
           m->good_object.len == 0 && m->id.len == CM_SHA256_SIZE;
}

bool watch_add_good(struct agent_watch *w, struct cm_arena *a, Holdfast__V1__Decision *m) {
    char id[CM_SHA256_HEX_MAX];
    struct cm_sha256 hash;

    if (!may_be_known(w, m)) {
        return true;
    }
    memcpy(hash.bytes, m->id.data, sizeof(hash.bytes));
    cm_sha256_hex(&hash, id);
    struct good *g = good_of(w, id, m);
    if (!g->answered && !g->asked && !g->rests) {
        g->answered = !ask(w, m, g);
    }
    if (g->form != NULL) {
        m->good_object.len = g->form->size;
        m->good_object.data = cm_arena_get(a, g->form->size);
        memcpy(m->good_object.data, g->form->data, g->form->size);
    }
    return g->answered;
}

// forget_one keeps only what was said about it.
static bool forget_one(void *ctx, const char *id, void *value) {
    const uint64_t *number = ctx;
    struct good *g = value;

    (void)id;
    if (g->answered && g->number <= *number) {
        cm_buf_unref(g->form);
        g->form = NULL;
        g->answered = false;
        g->until_ms = 0;
    }
    return true;
}

void watch_forget_goods(struct agent_watch *w, uint64_t number) {
    cm_map_each(w->goods, forget_one, &number);
}

static bool wake_one(void *ctx, const char *id, void *value) {
    (void)ctx;
    (void)id;
    ((struct good *)value)->rests = false;
    return true;
}

void watch_good_again(void *watch) {
    struct agent_watch *w = watch;

    cm_map_each(w->goods, wake_one, NULL);
    watch_tell_decisions(w);
}
