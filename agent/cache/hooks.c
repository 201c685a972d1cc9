// Which hooks ran, and for which bundle.
#include <stdlib.h>
#include <string.h>

#include "agent/cache/internal.h"
#include "common/mem.h"

// A hook with its strings behind it.
struct held_hook {
    struct agent_hook hook;
    char texts[];
};

static void hold(struct agent_cache *c, const struct agent_hook *hook) {
    size_t key_size = strlen(hook->key) + 1;
    size_t app_size = strlen(hook->app) + 1;
    struct held_hook *h = cm_new(1, sizeof(*h) + key_size + app_size);

    h->hook = *hook;
    h->hook.key = memcpy(h->texts, hook->key, key_size);
    h->hook.app = memcpy(h->texts + key_size, hook->app, app_size);
    cm_map_put(c->hooks, h->hook.key, h);
}

static void record(struct cm_str *out, const struct agent_hook *hook) {
    size_t begin = agent_put_begin(out, AGENT_RECORD_HOOK);

    agent_put_text(out, hook->key);
    agent_put_text(out, hook->app);
    cm_str_add_n(out, hook->bundle.bytes, sizeof(hook->bundle.bytes));
    agent_put_u8(out, hook->done ? 1 : 0);
    agent_put_end(out, begin);
}

const struct agent_hook *agent_cache_hook(const struct agent_cache *c, const char *key) {
    const struct held_hook *h = cm_map_get(c->hooks, key);

    return h == NULL ? NULL : &h->hook;
}

void agent_cache_put_hook(struct agent_cache *c, const struct agent_hook *hook) {
    record(&c->open, hook);
    hold(c, hook);
}

void agent_cache_keep_hooks(struct agent_cache *c, const char *app,
                            bool (*keeps)(void *ctx, const char *key), void *ctx) {
    CM_AUTOFREE const char **keys = cm_map_keys(c->hooks);
    size_t count = cm_map_len(c->hooks);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(agent_cache_hook(c, keys[i])->app, app) == 0 && !keeps(ctx, keys[i])) {
            size_t begin = agent_put_begin(&c->open, AGENT_RECORD_HOOK_GONE);

            agent_put_text(&c->open, keys[i]);
            agent_put_end(&c->open, begin);
            (void)cm_map_remove(c->hooks, keys[i]);
        }
    }
}

static bool record_one(void *ctx, const char *key, void *value) {
    (void)key;
    record(ctx, &((const struct held_hook *)value)->hook);
    return true;
}

void agent_hooks_record(const struct agent_cache *c, struct cm_str *out) {
    cm_map_each(c->hooks, record_one, out);
}

bool agent_hooks_read(struct agent_cache *c, struct agent_reader *r) {
    struct agent_hook hook = {.key = agent_get_text(r)};

    hook.app = agent_get_text(r);
    const uint8_t *bundle = agent_get_raw(r, CM_SHA256_SIZE);
    hook.done = agent_get_u8(r) == 1;
    if (r->bad || c == NULL) {
        return !r->bad;
    }
    memcpy(hook.bundle.bytes, bundle, sizeof(hook.bundle.bytes));
    hold(c, &hook);
    return true;
}

bool agent_hooks_read_gone(struct agent_cache *c, struct agent_reader *r) {
    const char *key = agent_get_text(r);

    if (c != NULL && !r->bad) {
        (void)cm_map_remove(c->hooks, key);
    }
    return !r->bad;
}
