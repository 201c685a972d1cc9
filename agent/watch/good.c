// What was good before this agent applied anything, for who decides what shall run.
//
// An agent that came to a cluster where a release was rejected already has never applied the one
// that runs. The driver is asked what its form would be before the rejection is told; after a
// restart, or at the next connection, again. The App is held back meanwhile.
#include <stdlib.h>
#include <string.h>

#include "agent/cache/cache.h"
#include "agent/watch/internal.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/wire.h"

struct good {
    struct agent_watch *watch;
    char *app;
    char *key;
    bool answered;
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

static void on_good(void *ctx, struct cm_buf *form, const char *why) {
    struct good *g = ctx;

    g->answered = true;
    if (form != NULL && form->size <= WIRE_DECIDED_MAX) {
        g->form = cm_buf_ref(form);
    } else {
        cm_log(CM_LOG_WARN, "agent.good_unknown",
               "what ran before the release that was rejected is not known, so nothing keeps that "
               "release out: put the good one into Git",
               "app", g->app, "object", g->key, "why", form == NULL ? why : "it is too large",
               NULL);
    }
    watch_tell_decisions(g->watch);
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

    w->host.good(w->host.ctx, &what, on_good, g);
    return true;
}

bool watch_add_good(struct agent_watch *w, struct cm_arena *a, Holdfast__V1__Decision *m) {
    char id[CM_SHA256_HEX_MAX];
    struct cm_sha256 hash;

    if (w->host.good == NULL || !m->provisional || m->good_sha256.len > 0 ||
        m->good_object.len > 0 || m->id.len != sizeof(hash.bytes)) {
        return true;
    }
    memcpy(hash.bytes, m->id.data, sizeof(hash.bytes));
    cm_sha256_hex(&hash, id);
    struct good *g = cm_map_get(w->goods, id);
    if (g == NULL) {
        g = cm_new(1, sizeof(*g));
        g->watch = w;
        g->app = cm_strdup(m->app);
        g->key = cm_strdup(m->key);
        cm_map_put(w->goods, id, g);
        g->answered = !ask(w, m, g);
    }
    if (g->form != NULL) {
        m->good_object.len = g->form->size;
        m->good_object.data = cm_arena_get(a, g->form->size);
        memcpy(m->good_object.data, g->form->data, g->form->size);
    }
    return g->answered;
}

static bool forget_one(void *ctx, const char *id, void *value) {
    struct agent_watch *w = ctx;
    const struct good *g = value;

    if (g->answered) {
        cm_map_remove(w->goods, id);
    }
    return true;
}

void watch_forget_goods(struct agent_watch *w) {
    cm_map_each(w->goods, forget_one, w);
}
