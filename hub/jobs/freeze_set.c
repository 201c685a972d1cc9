#include "hub/jobs/freeze_set.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/map.h"
#include "common/mem.h"

// What is frozen on one cluster.
struct list {
    const struct hub_freeze_row **items;
    size_t count;
};

struct hub_freeze_set {
    _Atomic uint32_t refs;
    uint64_t number;
    struct cm_arena *arena;
    struct hub_freeze_row *rows;
    size_t *sizes; // of each, its clusters
    size_t count;
    size_t room;
    size_t in_force;
    struct cm_map *clusters; // struct list
};

static void free_list(void *value) {
    struct list *l = value;

    free(l->items);
    free(l);
}

struct hub_freeze_set *hub_freeze_set_ref(struct hub_freeze_set *set) {
    set->refs++;
    return set;
}

void hub_freeze_set_unref(struct hub_freeze_set *set) {
    if (set != NULL && --set->refs == 0) {
        cm_map_free(set->clusters);
        cm_arena_free(set->arena);
        free(set->rows);
        free(set->sizes);
        free(set);
    }
}

void hub_freeze_set_unrefp(struct hub_freeze_set **set) {
    hub_freeze_set_unref(*set);
}

static void add_row(void *ctx, const struct hub_freeze_row *row) {
    struct hub_freeze_set *set = ctx;
    struct hub_freeze_row copy = *row;
    const char **const texts[] = {&copy.name,     &copy.app,    &copy.cluster, &copy.group,
                                  &copy.selector, &copy.reason, &copy.actor,   &copy.repo,
                                  &copy.path,     &copy.note,   &copy.source};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        *texts[i] = cm_arena_strdup(set->arena, *texts[i]);
    }
    if (set->count == set->room) {
        set->room = 2 * set->room + 4;
        set->rows = cm_resize(set->rows, set->room * sizeof(*set->rows));
    }
    set->rows[set->count++] = copy;
    set->in_force += copy.ended_ms == 0 ? 1 : 0;
}

struct listing {
    struct hub_freeze_set *set;
    const struct hub_freeze_row *row;
    size_t count;
};

static void add_cluster(void *ctx, const char *cluster) {
    struct listing *l = ctx;
    struct list *list = cm_map_get(l->set->clusters, cluster);

    if (list == NULL) {
        list = cm_new(1, sizeof(*list));
        cm_map_put(l->set->clusters, cluster, list);
    }
    list->items = cm_resize(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count++] = l->row;
    l->count++;
}

enum cm_rc hub_freeze_set_load(struct hub_db *db, struct hub_freeze_set **out, struct cm_err *err) {
    static _Atomic uint64_t last; // not below the time, so that a restart does not go back
    CM_CLEANUP(hub_freeze_set_unrefp) struct hub_freeze_set *set = cm_new(1, sizeof(*set));
    uint64_t now = (uint64_t)cm_clock_unix_ms();

    set->refs = 1;
    set->arena = cm_arena_new(0);
    set->clusters = cm_map_new(free_list);
    last = last + 1 > now ? last + 1 : now;
    set->number = last;
    enum cm_rc rc = hub_freezes_each(db, add_row, set, err);
    set->sizes = cm_new(set->count + 1, sizeof(*set->sizes));
    for (size_t i = 0; rc == CM_OK && i < set->count; i++) {
        struct listing l = {.set = set, .row = &set->rows[i]};

        rc = set->rows[i].ended_ms != 0
                 ? CM_OK
                 : hub_freezes_each_cluster(db, set->rows[i].name, add_cluster, &l, err);
        set->sizes[i] = l.count;
    }
    if (rc == CM_OK) {
        *out = CM_TAKE(set);
    }
    return rc;
}

uint64_t hub_freeze_set_number(const struct hub_freeze_set *set) {
    return set->number;
}

const struct hub_freeze_row *hub_freeze_set_rows(const struct hub_freeze_set *set, size_t *count) {
    *count = set->count;
    return set->rows;
}

size_t hub_freeze_set_in_force(const struct hub_freeze_set *set) {
    return set->in_force;
}

const struct hub_freeze_row *const *hub_freeze_set_of(const struct hub_freeze_set *set,
                                                      const char *cluster, size_t *count) {
    const struct list *list = cm_map_get(set->clusters, cluster);

    *count = list == NULL ? 0 : list->count;
    return list == NULL ? NULL : list->items;
}

size_t hub_freeze_set_clusters(const struct hub_freeze_set *set, const char *name) {
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->rows[i].name, name) == 0) {
            return set->sizes[i];
        }
    }
    return 0;
}
