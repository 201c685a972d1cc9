#include "hub/ctl/live.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/fleet/fleet.h"
#include "hub/plan/show.h"
#include "hub/render/bundle.h"

enum { AT_ONCE = 100, CLUSTERS_MAX = 100 };

struct names {
    const char **items;
    size_t count;
};

// What is new of an App on one cluster.
struct place {
    const char *cluster;
    const char *app;
    const char *ns;
    struct names keys;
};

struct live {
    struct ctl *c;
    const struct hub_fleet *fleet;
    struct cm_map *places;  // "cluster app" -> struct place
    struct cm_map *owned;   // "app key owner" -> struct hub_plan_owned, names in `clusters`
    struct cm_map *blind;   // why -> struct names
    struct cm_map *looked;  // clusters that answered
    struct cm_map *skipped; // clusters that are left out, or have said why they cannot answer
    size_t asked;           // clusters
    const char *last;       // cluster that was asked last
};

static void add_name(struct cm_arena *a, struct names *names, const char *name) {
    if ((names->count & (names->count - 1)) == 0) { // 0, 1, 2, 4, 8: it is full
        const char **more =
            cm_arena_get(a, (names->count == 0 ? 1 : 2 * names->count) * sizeof(*more));

        if (names->count > 0) {
            memcpy(more, names->items, names->count * sizeof(*more));
        }
        names->items = more;
    }
    names->items[names->count++] = name;
}

// ---- What is new

static const struct hub_bundle *bundle_on(const struct live *l, const char *cluster,
                                          const char *app) {
    const struct hub_desired *d = hub_fleet_desired(l->fleet, cluster);

    for (size_t i = 0; d != NULL && i < d->pair_count; i++) {
        if (strcmp(d->pairs[i].app, app) == 0) {
            return d->pairs[i].bundle;
        }
    }
    return NULL;
}

static void add_place(struct live *l, const char *cluster, const char *app, const char *key) {
    const char *name = cm_arena_strf(l->c->arena, "%s %s", cluster, app);
    struct place *place = cm_map_get(l->places, name);

    if (place == NULL) {
        const struct hub_bundle *bundle = bundle_on(l, cluster, app);

        place = cm_arena_get(l->c->arena, sizeof(*place));
        *place = (struct place){.cluster = cluster, .app = app};
        if (bundle != NULL && !bundle->spec.adopt) {
            place->ns = bundle->spec.namespace;
        }
        cm_map_put(l->places, name, place);
    }
    add_name(l->c->arena, &place->keys, key);
}

static void collect(struct live *l, const struct hub_plan_app *app) {
    for (size_t g = 0; g < app->group_count; g++) {
        const struct hub_plan_group *group = &app->groups[g];

        for (size_t i = 0; i < group->change_count; i++) {
            for (size_t k = 0;
                 group->changes[i].action == HUB_PLAN_ADDED && k < group->cluster_count; k++) {
                add_place(l, group->clusters[k], app->name, group->changes[i].key);
            }
        }
    }
}

// ---- Asking

static void note_blind(struct live *l, const char *cluster, const char *why) {
    struct names *names = cm_map_get(l->blind, why);

    if (cm_map_get(l->skipped, cluster) != NULL) {
        return;
    }
    cm_map_put(l->skipped, cluster, l);
    if (names == NULL) {
        names = cm_arena_get(l->c->arena, sizeof(*names));
        cm_map_put(l->blind, why, names);
    }
    add_name(l->c->arena, names, cluster);
}

static void note_owned(struct live *l, const struct place *place, const char *key,
                       const char *owner) {
    struct cm_arena *a = l->c->arena;
    const char *name = cm_arena_strf(a, "%s\n%s\n%s", place->app, key, owner);
    struct hub_plan_owned *owned = cm_map_get(l->owned, name);

    if (owned == NULL) {
        owned = cm_arena_get(a, sizeof(*owned));
        *owned = (struct hub_plan_owned){
            .app = place->app, .key = cm_arena_strdup(a, key), .owner = cm_arena_strdup(a, owner)};
        cm_map_put(l->owned, name, owned);
    }
    struct names clusters = {(const char **)(uintptr_t)owned->clusters, owned->cluster_count};
    add_name(a, &clusters, place->cluster);
    owned->clusters = clusters.items;
    owned->cluster_count = clusters.count;
}

static void take_answer(struct live *l, const struct place *place, const struct cm_json *answer) {
    const struct cm_json *owners = cm_json_get(answer, "owners");
    const char *why = cm_json_string(cm_json_get(answer, "notLooked"));

    if (why != NULL && why[0] != '\0') {
        note_blind(l, place->cluster, why);
    } else {
        cm_map_put(l->looked, place->cluster, l);
    }
    for (const struct cm_json *m = owners != NULL && owners->type == CM_OBJECT ? owners->first
                                                                               : NULL;
         m != NULL; m = m->next) {
        const char *owner = cm_json_string(m);

        note_owned(l, place, m->key, owner == NULL ? "another tool" : owner);
    }
}

static enum cm_rc ask(struct live *l, const struct place *place, size_t from) {
    struct cm_arena *a = l->c->arena;
    struct cm_json *body = cm_json_new(a, CM_OBJECT);
    struct cm_json *keys = cm_json_new(a, CM_ARRAY);
    struct cm_json *answer = NULL;

    for (size_t i = from; i < place->keys.count && i < from + AT_ONCE; i++) {
        cm_json_append(keys, cm_json_new_string(a, place->keys.items[i]));
    }
    cm_json_set_string(a, body, "cluster", place->cluster);
    if (place->ns[0] != '\0') {
        cm_json_set_string(a, body, "namespace", place->ns);
    }
    cm_json_set(a, body, "objects", keys);
    if (ctl_call(l->c, "POST", "/owners", NULL, body, &answer) < 0) {
        return l->c->err.code;
    }
    take_answer(l, place, answer);
    return CM_OK;
}

static bool is_left_out(struct live *l, const struct place *place) {
    if (l->last == NULL || strcmp(l->last, place->cluster) != 0) {
        l->last = place->cluster;
        l->asked++;
    }
    if (l->asked > CLUSTERS_MAX) {
        note_blind(l, place->cluster,
                   "at most 100 clusters are asked; narrow the plan to see more");
    }
    return cm_map_get(l->skipped, place->cluster) != NULL;
}

static enum cm_rc ask_all(struct live *l) {
    CM_AUTOFREE const char **names = cm_map_keys(l->places);
    size_t count = cm_map_len(l->places);
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < count; i++) {
        const struct place *place = cm_map_get(l->places, names[i]);

        for (size_t from = 0;
             place->ns != NULL && rc == CM_OK && from < place->keys.count && !is_left_out(l, place);
             from += AT_ONCE) {
            rc = ask(l, place, from);
        }
    }
    return rc;
}

// ---- The answer

static int compare_owned(const void *left, const void *right) {
    const struct hub_plan_owned *a = left;
    const struct hub_plan_owned *b = right;
    int order = strcmp(a->app, b->app);

    order = order != 0 ? order : strcmp(a->key, b->key);
    return order != 0 ? order : strcmp(a->owner, b->owner);
}

static void fill(const struct live *l, struct hub_plan_live *out) {
    CM_AUTOFREE const char **owned = cm_map_keys(l->owned);
    CM_AUTOFREE const char **whys = cm_map_keys(l->blind);
    size_t owned_count = cm_map_len(l->owned);
    size_t blind_count = cm_map_len(l->blind);
    struct hub_plan_owned *rows = cm_arena_get(l->c->arena, (owned_count + 1) * sizeof(*rows));
    struct hub_plan_blind *blind = cm_arena_get(l->c->arena, (blind_count + 1) * sizeof(*blind));

    for (size_t i = 0; i < owned_count; i++) {
        rows[i] = *(const struct hub_plan_owned *)cm_map_get(l->owned, owned[i]);
    }
    qsort(rows, owned_count, sizeof(*rows), compare_owned);
    for (size_t i = 0; i < blind_count; i++) {
        const struct names *names = cm_map_get(l->blind, whys[i]);

        blind[i] = (struct hub_plan_blind){cm_arena_strdup(l->c->arena, whys[i]), names->items,
                                           names->count};
    }
    *out = (struct hub_plan_live){.owned = rows,
                                  .owned_count = owned_count,
                                  .blind = blind,
                                  .blind_count = blind_count,
                                  .looked = cm_map_len(l->looked)};
}

enum cm_rc ctl_live(struct ctl *c, const struct hub_plan *plan, const struct hub_fleet *fleet,
                    struct hub_plan_live *out) {
    struct live l = {.c = c,
                     .fleet = fleet,
                     .places = cm_map_new(NULL),
                     .owned = cm_map_new(NULL),
                     .blind = cm_map_new(NULL),
                     .looked = cm_map_new(NULL),
                     .skipped = cm_map_new(NULL)};

    for (size_t i = 0; i < plan->app_count; i++) {
        collect(&l, &plan->apps[i]);
    }
    enum cm_rc rc = ask_all(&l);
    if (rc == CM_OK) {
        fill(&l, out);
    }
    cm_map_free(l.places);
    cm_map_free(l.owned);
    cm_map_free(l.blind);
    cm_map_free(l.looked);
    cm_map_free(l.skipped);
    return rc;
}
