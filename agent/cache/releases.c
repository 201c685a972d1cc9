// Which form of a workload its controller calls by which token, and which edges are no news.
//
// One record is all that is known of a workload. Tokens are learned again from the target if they
// are lost, so nobody waits for the disk.
#include <stdlib.h>
#include <string.h>

#include "agent/cache/internal.h"
#include "common/mem.h"

enum { PROMOTED = 1 };

static void free_texts(struct agent_release *release) {
    free((char *)(uintptr_t)release->token);
    free((char *)(uintptr_t)release->revision);
}

void agent_releases_free(void *value) {
    struct agent_releases *all = value;

    for (size_t i = 0; i < all->count; i++) {
        free_texts(&all->all[i]);
    }
    free((char *)(uintptr_t)all->key);
    free(all);
}

const struct agent_releases *agent_cache_releases(const struct agent_cache *c, const char *key) {
    return cm_map_get(c->releases, key);
}

static struct agent_releases *releases_of(struct agent_cache *c, const char *key) {
    struct agent_releases *all = cm_map_get(c->releases, key);

    if (all == NULL) {
        all = cm_new(1, sizeof(*all));
        all->key = cm_strdup(key);
        cm_map_put(c->releases, key, all);
    }
    return all;
}

static void record(struct cm_str *out, const struct agent_releases *all) {
    size_t begin = agent_put_begin(out, AGENT_RECORD_RELEASES);

    agent_put_text(out, all->key);
    for (size_t i = 0; i < AGENT_EDGES; i++) {
        agent_put_u64(out, (uint64_t)all->edges[i]);
    }
    agent_put_u8(out, (uint8_t)all->count);
    for (size_t i = 0; i < all->count; i++) {
        const struct agent_release *r = &all->all[i];

        agent_put_text(out, r->token);
        agent_put_text(out, r->revision);
        cm_str_add_n(out, r->sha256.bytes, sizeof(r->sha256.bytes));
        cm_str_add_n(out, r->bundle.bytes, sizeof(r->bundle.bytes));
        agent_put_u8(out, r->promoted ? PROMOTED : 0);
    }
    agent_put_end(out, begin);
}

// append takes the texts over by copying them.
static void append(struct agent_releases *all, const struct agent_release *release) {
    if (all->count == AGENT_RELEASES_MAX) {
        free_texts(&all->all[0]);
        all->count--;
        memmove(&all->all[0], &all->all[1], all->count * sizeof(all->all[0]));
    }
    struct agent_release *to = &all->all[all->count++];
    *to = *release;
    to->token = cm_strdup(release->token);
    to->revision = cm_strdup(release->revision);
}

void agent_cache_add_release(struct agent_cache *c, const char *key,
                             const struct agent_release *release) {
    struct agent_releases *all = releases_of(c, key);

    append(all, release);
    record(&c->open, all);
}

void agent_cache_set_promoted(struct agent_cache *c, const char *key, const char *token) {
    struct agent_releases *all = cm_map_get(c->releases, key);
    bool changed = false;

    for (size_t i = 0; all != NULL && i < all->count; i++) {
        bool promoted = strcmp(all->all[i].token, token) == 0;

        changed |= promoted != all->all[i].promoted;
        all->all[i].promoted = promoted;
    }
    if (changed) {
        record(&c->open, all);
    }
}

void agent_cache_set_edge(struct agent_cache *c, const char *key, enum agent_edge edge,
                          int64_t at_ms) {
    struct agent_releases *all = releases_of(c, key);

    // Of several that come from other clocks, an older one is no news that was not.
    if (edge == AGENT_EDGE_UNDONE ? all->edges[edge] < at_ms : all->edges[edge] != at_ms) {
        all->edges[edge] = at_ms;
        record(&c->open, all);
    }
}

void agent_releases_drop(struct agent_cache *c, const char *key) {
    (void)cm_map_remove(c->releases, key);
}

static bool record_one(void *ctx, const char *key, void *value) {
    (void)key;
    record(ctx, value);
    return true;
}

void agent_releases_record(const struct agent_cache *c, struct cm_str *out) {
    cm_map_each(c->releases, record_one, out);
}

static bool need_one(void *ctx, const char *key, void *value) {
    const struct agent_releases *all = value;

    (void)key;
    for (size_t i = 0; i < all->count; i++) {
        (void)agent_cache_has(ctx, &all->all[i].sha256);
    }
    return true;
}

void agent_releases_need(struct agent_cache *c) {
    cm_map_each(c->releases, need_one, c);
}

static bool read_release(struct agent_reader *r, struct agent_release *out) {
    *out = (struct agent_release){.token = agent_get_text(r)};
    out->revision = agent_get_text(r);
    const uint8_t *sha256 = agent_get_raw(r, CM_SHA256_SIZE);
    const uint8_t *bundle = agent_get_raw(r, CM_SHA256_SIZE);
    out->promoted = agent_get_u8(r) == PROMOTED;
    if (r->bad) {
        return false;
    }
    memcpy(out->sha256.bytes, sha256, CM_SHA256_SIZE);
    memcpy(out->bundle.bytes, bundle, CM_SHA256_SIZE);
    return true;
}

bool agent_releases_read(struct agent_cache *c, struct agent_reader *r) {
    const char *key = agent_get_text(r);
    struct agent_releases all = {.count = 0};
    struct agent_release release;

    for (size_t i = 0; i < AGENT_EDGES; i++) {
        all.edges[i] = (int64_t)agent_get_u64(r);
    }
    size_t count = agent_get_u8(r);
    if (r->bad) {
        return false;
    }
    if (c != NULL) {
        (void)cm_map_remove(c->releases, key);
        memcpy(releases_of(c, key)->edges, all.edges, sizeof(all.edges));
    }
    for (size_t i = 0; i < count; i++) {
        if (!read_release(r, &release)) {
            return false;
        }
        if (c != NULL) {
            append(releases_of(c, key), &release);
        }
    }
    return true;
}
