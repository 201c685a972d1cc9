#include "hub/jobs/effects.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/canonical.h"
#include "hub/fleet/fleet.h"
#include "hub/hold/hold.h"
#include "hub/jobs/planner.h"
#include "hub/render/bundle.h"

#define TEMPLATE "/spec/template"

// The objects of a bundle, as trees that a Hold may change.
struct trees {
    struct cm_arena *arena;
    const struct hub_bundle *bundle;
    struct cm_map *by_key;
};

static struct cm_json *find(void *ctx, const char *key) {
    struct trees *t = ctx;
    struct cm_json *tree = cm_map_get(t->by_key, key);
    const struct hub_object *o = tree == NULL ? hub_bundle_find_key(t->bundle, key) : NULL;
    struct cm_err err;

    if (o != NULL && !o->secret && o->bytes != NULL &&
        cm_json_parse(t->arena, (const char *)o->bytes->data, o->bytes->size, NULL, &tree, &err) ==
            CM_OK) {
        cm_map_put(t->by_key, key, tree);
    }
    return tree;
}

static void add(void *ctx, const char *key, struct cm_json *object) {
    cm_map_put(((struct trees *)ctx)->by_key, key, object);
}

static void touch(void *ctx, const char *key) {
    (void)ctx;
    (void)key;
}

// form_of makes what a Hold makes of a workload in a bundle; NULL: it is not there.
static struct cm_buf *form_of(const struct hub_hold *hold, const struct hub_bundle *bundle,
                              const char *key, struct cm_sha256 *hash) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct trees t = {.arena = a, .bundle = bundle, .by_key = cm_map_new(NULL)};
    const struct hub_hold_objects objects = {
        .find = find, .add = add, .touch = touch, .ctx = &t, .arena = a};
    bool applied;

    (void)hub_hold_apply(&hold, 1, &objects, &applied);
    const struct cm_json *tree = find(&t, key);
    struct cm_buf *bytes = tree == NULL ? NULL : cm_object_hash(tree, hash);
    cm_map_free(t.by_key);
    return bytes;
}

static const struct hub_bundle *bundle_of(struct hub_fleet *f, const char *cluster,
                                          const char *app) {
    const struct hub_desired *d = hub_fleet_desired(f, cluster);

    for (size_t i = 0; d != NULL && i < d->pair_count; i++) {
        if (strcmp(d->pairs[i].app, app) == 0) {
            return d->pairs[i].bundle;
        }
    }
    return NULL;
}

struct gathering {
    struct cm_arena *arena;
    const struct hub_hold *hold;
    struct hub_hold_ask *ask;
    struct hub_hold_effect *effects;
    struct cm_map *seen; // names of bundles and of forms -> the effect
    const char *key;
};

static void add_cluster(struct hub_hold_effect *e, const char *cluster) {
    if (e->cluster_count < HUB_EFFECT_CLUSTERS) {
        e->clusters[e->cluster_count++] = cluster;
    }
}

// new_effect returns the effect of a form, NULL if there is no room.
static struct hub_hold_effect *new_effect(struct gathering *g, const struct cm_buf *form) {
    if (g->ask->effect_count == HUB_EFFECTS_MAX) {
        g->ask->effects_more++;
        return NULL;
    }
    struct hub_hold_effect *e = &g->effects[g->ask->effect_count++];
    uint8_t *copy = cm_arena_get(g->arena, form->size);
    memcpy(copy, form->data, form->size);
    *e = (struct hub_hold_effect){.key = g->key,
                                  .controller =
                                      hub_hold_is_own(g->hold) ? ""
                                      : hub_hold_is_undone(g->hold) && !hub_hold_joins(g->hold)
                                          ? HUB_HOLD_UNDONE
                                          : cm_arena_strdup(g->arena, g->hold->cause.controller),
                                  .bytes = copy,
                                  .size = form->size};
    return e;
}

static struct hub_hold_effect *effect_of(struct gathering *g, const struct hub_bundle *bundle) {
    char name[CM_SHA256_HEX_MAX];
    struct cm_sha256 hash;

    cm_sha256_hex(&bundle->sha256, name);
    struct hub_hold_effect *e = cm_map_get(g->seen, name);
    if (e != NULL) {
        return e;
    }
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *form = form_of(g->hold, bundle, g->key, &hash);
    if (form == NULL) {
        return NULL;
    }
    char form_name[CM_SHA256_HEX_MAX];
    cm_sha256_hex(&hash, form_name);
    e = cm_map_get(g->seen, form_name);
    e = e != NULL ? e : new_effect(g, form);
    if (e != NULL) {
        cm_map_put(g->seen, name, e);
        cm_map_put(g->seen, form_name, e);
    }
    return e;
}

// workload_of returns the object whose pod template is held; NULL: there is none.
static const char *workload_of(const struct hub_hold *hold) {
    for (size_t i = 0; i < hold->delta_count; i++) {
        if (strncmp(hold->delta[i].at, TEMPLATE, strlen(TEMPLATE)) == 0) {
            return hold->delta[i].object;
        }
    }
    return NULL;
}

void hub_effects_find(struct hub_fleet *f, struct cm_arena *a, const struct hub_hold *hold,
                      struct hub_hold_ask *ask) {
    const char *key = workload_of(hold);
    struct gathering g = {.arena = a, .hold = hold, .ask = ask};

    if (key == NULL) {
        return;
    }
    g.key = cm_arena_strdup(a, key);
    g.effects = cm_arena_get(a, HUB_EFFECTS_MAX * sizeof(*g.effects));
    g.seen = cm_map_new(NULL);
    for (size_t i = 0; i < hold->cluster_count; i++) {
        const struct hub_bundle *bundle = bundle_of(f, hold->clusters[i], hold->app);
        struct hub_hold_effect *e = bundle == NULL ? NULL : effect_of(&g, bundle);

        if (e != NULL) {
            add_cluster(e, cm_arena_strdup(a, hold->clusters[i]));
        }
    }
    ask->effects = g.effects;
    cm_map_free(g.seen);
}
