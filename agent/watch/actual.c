// All that is there of an object that is not as desired, told to a hub that takes it.
//
// It is kept as the driver told it and told without its secrets: values that may be secret are
// named by a hash under the hub's key. An object that is too large to be told is told by some of
// its fields, like to a hub of before.
#include <string.h>

#include "agent/cache/cache.h"
#include "agent/watch/internal.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/hiding.h"
#include "common/str.h"
#include "proto/wire.h"

#define KEPT_MAX ((size_t)8 * 1024 * 1024) // of all objects

static bool is_kept(const struct seen *s, const struct agent_observation *what) {
    if (what == NULL || what->actual == NULL) {
        return s->actual == NULL && !s->actual_large;
    }
    return s->actual != NULL && s->actual->size == what->actual_size &&
           memcmp(s->actual->data, what->actual, what->actual_size) == 0;
}

bool watch_keep_actual(struct agent_watch *w, struct seen *s,
                       const struct agent_observation *what) {
    if (is_kept(s, what)) {
        return false;
    }
    bool was_large = s->actual_large;
    size_t size = what == NULL || what->actual == NULL ? 0 : what->actual_size;

    w->actual_bytes -= s->actual == NULL ? 0 : s->actual->size;
    cm_buf_unref(s->actual);
    s->actual = NULL;
    s->actual_large = size > WIRE_ACTUAL_MAX || size > KEPT_MAX - w->actual_bytes;
    if (size > 0 && !s->actual_large) {
        s->actual = cm_buf_copy(what->actual, size);
        w->actual_bytes += size;
    }
    return !(was_large && s->actual_large);
}

struct cm_hiding watch_hiding(const struct agent_watch *w, const struct seen *s,
                              const struct agent_claim *claim) {
    struct cm_hiding h = {.key = agent_cache_value_key(w->cache), .object_key = s->key};

    if (claim != NULL) {
        h.secret = claim->entry->secret;
        h.nobodys = claim->found;
        h.shown = claim->app->bundle->shown;
        h.shown_count = claim->app->bundle->shown_count;
    }
    return h;
}

// hide reads what is there and what is desired, and writes what may be told.
static bool hide(const struct agent_watch *w, const struct seen *s, const struct agent_claim *claim,
                 struct cm_str *out) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    const struct cm_hiding h = watch_hiding(w, s, claim);
    struct cm_json *form = NULL;
    struct cm_json *actual = NULL;
    struct cm_err err;

    if (cm_json_parse(a, (const char *)s->actual->data, s->actual->size, NULL, &actual, &err) < 0) {
        return false;
    }
    if (agent_cache_blob(w->cache, &claim->entry->sha256, claim->entry->secret, &bytes, &err) < 0 ||
        cm_json_parse(a, (const char *)bytes->data, bytes->size, NULL, &form, &err) < 0) {
        form = NULL; // nothing is known to be shown in Git
    }
    cm_json_write_canonical(cm_object_hide(a, &h, form, actual), out);
    return true;
}

void watch_add_actual(const struct agent_watch *w, struct cm_arena *a, const struct seen *s,
                      Holdfast__V1__ObjectReport *m) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    const struct agent_claim *claim = watch_claim(w, s);

    if (!w->takes_actual || s->actual == NULL || claim == NULL || m->removed ||
        !hide(w, s, claim, &text)) {
        return;
    }
    if (text.len > WIRE_ACTUAL_MAX) {
        m->drift_more = true; // a hash is longer than what it stands for
        return;
    }
    m->actual.len = text.len;
    m->actual.data = (uint8_t *)cm_arena_strndup(a, cm_str_get(&text), text.len);
}

static bool tell_again(void *ctx, const char *key, void *value) {
    struct seen *s = value;

    (void)key;
    if (s->actual != NULL) {
        watch_dirty_object(ctx, s);
    }
    return true;
}

void agent_watch_actual(struct agent_watch *w, const uint8_t *value_key) {
    const uint8_t *before = w->takes_actual ? agent_cache_value_key(w->cache) : NULL;
    bool other = value_key != NULL &&
                 (before == NULL || memcmp(before, value_key, AGENT_VALUE_KEY_SIZE) != 0);

    w->takes_actual = value_key != NULL;
    agent_cache_set_value_key(w->cache, value_key);
    if (other) {
        cm_map_each(w->objects, tell_again, w);
    }
}
