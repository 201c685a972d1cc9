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
    for (size_t i = 0; i < hold->id_count; i++) {
        cm_str_add_n(out, hold->says[i].bytes, sizeof(hold->says[i].bytes));
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

struct saying {
    const struct cm_sha256 *decision;
    bool found;
};

static bool says(void *ctx, const char *app, void *value) {
    const struct agent_hold *hold = &((const struct held_back *)value)->hold;
    struct saying *s = ctx;

    (void)app;
    for (size_t i = 0; i < hold->id_count; i++) {
        s->found |= cm_sha256_equal(&hold->says[i], s->decision);
    }
    return !s->found;
}

bool agent_holds_say(const struct agent_cache *c, const struct cm_sha256 *decision) {
    struct saying s = {.decision = decision};

    cm_map_each(c->holds, says, &s);
    return s.found;
}

static bool need_one(void *ctx, const char *app, void *value) {
    const struct agent_hold *hold = &((const struct held_back *)value)->hold;

    (void)app;
    for (size_t i = 0; i < hold->id_count; i++) {
        (void)agent_cache_has(ctx, &hold->says[i]);
    }
    return true;
}

void agent_holds_need(struct agent_cache *c) {
    cm_map_each(c->holds, need_one, c);
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
    if (r->bad || hold.id_count > AGENT_HOLD_IDS_MAX) {
        return false;
    }
    size_t size = hold.id_count * CM_SHA256_SIZE;
    const uint8_t *ids = agent_get_raw(r, size);
    const uint8_t *says = r->left < size ? NULL : agent_get_raw(r, size); // it is newer
    if (ids == NULL || r->bad) {
        return false;
    }
    memcpy(hold.bundle.bytes, bundle, CM_SHA256_SIZE);
    memcpy(hold.ids, ids, size);
    if (says != NULL) {
        memcpy(hold.says, says, size);
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
