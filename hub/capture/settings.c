// settings.c: what documents say that is in no bundle: whether an App is suspended or goes back,
// what becomes of its objects on other targets, whether a cluster is left alone. An edit that takes
// such a line along changes nothing now, and much later.
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/capture/internal.h"

struct noting {
    struct cm_arena *arena;
    struct cm_map *out;
};

static void note_app(void *ctx, const struct hub_app_info *info) {
    struct noting *n = ctx;
    const char *key = cm_arena_strf(n->arena, "App '%s'", info->name);

    cm_map_put(n->out, key,
               cm_arena_strf(n->arena, "%s %s %d %d %d %d %d %d %d %s %d %s %s", info->drift,
                             info->capture, info->prune, info->suspend, info->adopt,
                             info->prune_on_loss, info->plain_secrets, info->goes_back,
                             info->holds_undo, info->on_reject, info->reverts,
                             info->release_group != NULL ? info->release_group : "",
                             info->source != NULL ? info->source : ""));
}

static void note_cluster(void *ctx, const struct hub_cluster_info *info) {
    struct noting *n = ctx;
    const char *key = cm_arena_strf(n->arena, "cluster '%s'", info->name);
    CM_CLEANUP(cm_str_done) struct cm_str labels = {0};

    cm_json_write_canonical(info->labels, &labels);
    cm_map_put(n->out, key, cm_arena_strf(n->arena, "%d %s", info->suspend, cm_str_get(&labels)));
}

static void note_group(void *ctx, const struct hub_group_info *info) {
    struct noting *n = ctx;
    const char *key = cm_arena_strf(n->arena, "group '%s'", info->name);
    CM_CLEANUP(cm_str_done) struct cm_str members = {0};

    for (size_t i = 0; i < info->cluster_count; i++) {
        cm_str_addf(&members, "%s ", info->clusters[i]);
    }
    cm_map_put(n->out, key, cm_arena_strdup(n->arena, cm_str_get(&members)));
}

struct cm_map *capture_settings(struct cm_arena *a, const struct hub_fleet *fleet) {
    struct noting n = {.arena = a, .out = cm_map_new(NULL)};

    hub_fleet_each_app(fleet, note_app, &n);
    hub_fleet_each_cluster(fleet, note_cluster, &n);
    hub_fleet_each_group(fleet, note_group, &n);
    return n.out;
}

struct comparing {
    const struct cm_map *now;
    const char *other; // the first that is not the same
};

static bool compare(void *ctx, const char *key, void *value) {
    struct comparing *c = ctx;
    const char *now = cm_map_get(c->now, key);

    c->other = now != NULL && strcmp(now, value) == 0 ? NULL : key;
    return c->other == NULL;
}

enum cm_rc capture_settings_check(const struct cm_map *before, const struct hub_fleet *fleet,
                                  struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_map_freep) struct cm_map *now = capture_settings(a, fleet);
    struct comparing c = {.now = now};

    cm_map_each(before, compare, &c);
    if (c.other == NULL && cm_map_len(now) == cm_map_len(before)) {
        return CM_OK;
    }
    return cm_fail(err, CM_EINVAL, "it would change settings of %s, too",
                   c.other != NULL ? c.other : "what is not there now");
}
