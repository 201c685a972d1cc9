// Which Apps are held back, at what, and until which decisions are answered.
#include <stdlib.h>
#include <string.h>

#include "agent/cache/internal.h"
#include "common/mem.h"

// A hold with its strings behind it.
struct held_back {
    struct agent_hold hold;
    char texts[];
};

static void keep(struct agent_cache *c, const struct agent_hold *hold) {
    const char *const from[] = {hold->app, hold->revision, hold->why};
    size_t size = strlen(from[0]) + strlen(from[1]) + strlen(from[2]) + 3;
    struct held_back *h = cm_new(1, sizeof(*h) + size);
    char *at = h->texts;
    const char **to[] = {&h->hold.app, &h->hold.revision, &h->hold.why};

    h->hold = *hold;
    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(from[i]) + 1;

        *to[i] = memcpy(at, from[i], len);
        at += len;
    }
    cm_map_put(c->holds, h->hold.app, h);
}

static void record(struct cm_str *out, const struct agent_hold *hold) {
    size_t begin = agent_put_begin(out, AGENT_RECORD_HOLD);

    agent_put_text(out, hold->app);
    agent_put_text(out, hold->revision);
    agent_put_text(out, hold->why);
    cm_str_add_n(out, hold->bundle.bytes, sizeof(hold->bundle.bytes));
    agent_put_u8(out, (uint8_t)hold->id_count);
    for (size_t i = 0; i < hold->id_count; i++) {
        cm_str_add_n(out, hold->ids[i].bytes, sizeof(hold->ids[i].bytes));
    }
    agent_put_end(out, begin);
}

const struct agent_hold *agent_cache_hold(const struct agent_cache *c, const char *app) {
    const struct held_back *h = cm_map_get(c->holds, app);

    return h == NULL ? NULL : &h->hold;
}

void agent_cache_put_hold(struct agent_cache *c, const struct agent_hold *hold) {
    record(&c->open, hold);
    keep(c, hold);
}

void agent_cache_drop_hold(struct agent_cache *c, const char *app) {
    size_t begin = agent_put_begin(&c->open, AGENT_RECORD_HOLD_GONE);

    agent_put_text(&c->open, app);
    agent_put_end(&c->open, begin);
    (void)cm_map_remove(c->holds, app);
}

size_t agent_cache_hold_count(const struct agent_cache *c) {
    return cm_map_len(c->holds);
}

const char **agent_cache_hold_apps(const struct agent_cache *c) {
    return cm_map_keys(c->holds);
}

static bool record_one(void *ctx, const char *app, void *value) {
    (void)app;
    record(ctx, &((const struct held_back *)value)->hold);
    return true;
}

void agent_holds_record(const struct agent_cache *c, struct cm_str *out) {
    cm_map_each(c->holds, record_one, out);
}

bool agent_holds_read(struct agent_cache *c, struct agent_reader *r) {
    struct agent_hold hold = {.app = agent_get_text(r)};

    hold.revision = agent_get_text(r);
    hold.why = agent_get_text(r);
    const uint8_t *bundle = agent_get_raw(r, CM_SHA256_SIZE);
    hold.id_count = agent_get_u8(r);
    const uint8_t *ids = hold.id_count > AGENT_HOLD_IDS_MAX
                             ? NULL
                             : agent_get_raw(r, hold.id_count * CM_SHA256_SIZE);
    if (bundle == NULL || ids == NULL || r->bad) {
        return false;
    }
    memcpy(hold.bundle.bytes, bundle, CM_SHA256_SIZE);
    for (size_t i = 0; i < hold.id_count; i++) {
        memcpy(hold.ids[i].bytes, ids + i * CM_SHA256_SIZE, CM_SHA256_SIZE);
    }
    if (c != NULL) {
        keep(c, &hold);
    }
    return true;
}

bool agent_holds_read_gone(struct agent_cache *c, struct agent_reader *r) {
    const char *app = agent_get_text(r);

    if (c != NULL && !r->bad) {
        (void)cm_map_remove(c->holds, app);
    }
    return !r->bad;
}
