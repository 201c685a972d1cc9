// Two bundles of an App compared object by object, and the clusters that go from one to the other.
#include <string.h>

#include "common/arena.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/keep.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/plan/internal.h"

void *plan_grow(struct cm_arena *a, void *items, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) {
        return items;
    }
    *capacity = *capacity == 0 ? 4 : *capacity * 2;
    void *more = cm_arena_get(a, *capacity * size);
    if (count > 0) {
        memcpy(more, items, count * size);
    }
    return more;
}

struct plan_app *plan_app_get(struct plan_making *m, const char *name) {
    struct plan_app *app = cm_map_get(m->apps, name);

    if (app == NULL) {
        app = cm_arena_get(m->arena, sizeof(*app));
        app->name = cm_arena_strdup(m->arena, name);
        app->by_key = cm_map_new(NULL);
        cm_map_put(m->apps, name, app);
    }
    return app;
}

// ---- Steps

static void add_object(struct plan_making *m, struct plan_step *step, size_t *capacity,
                       const struct hub_object *before, const struct hub_object *after) {
    step->objects =
        plan_grow(m->arena, step->objects, step->count, capacity, sizeof(*step->objects));
    step->objects[step->count++] = (struct plan_object){before, after};
    step->coming += before == NULL ? 1 : 0;
    step->leaving += after == NULL ? 1 : 0;
}

// object_at returns the object at a position of a bundle, NULL behind its end or without a bundle.
static const struct hub_object *object_at(const struct hub_bundle *bundle, size_t at) {
    return bundle == NULL || at >= bundle->spec.object_count ? NULL : &bundle->spec.objects[at];
}

static int compare_keys(const struct hub_object *a, const struct hub_object *b) {
    if (a == NULL || b == NULL) {
        return a == NULL ? 1 : -1;
    }
    return strcmp(a->key, b->key);
}

bool plan_step_keeps(const struct plan_step *step, const struct hub_object *object) {
    bool precious_goes = step->after != NULL && step->after->spec.prune_precious;

    return !step->prune || object->keep || (!precious_goes && cm_object_is_precious(object->key));
}

static void compare_bundles(struct plan_making *m, struct plan_step *step) {
    const struct hub_object *old = object_at(step->before, 0);
    const struct hub_object *now = object_at(step->after, 0);
    size_t capacity = 0;
    size_t i = 0;
    size_t k = 0;

    while (old != NULL || now != NULL) {
        int order = compare_keys(old, now);

        if (order < 0) {
            add_object(m, step, &capacity, old, NULL);
            step->kept += plan_step_keeps(step, old) ? 1 : 0;
        } else if (order > 0) {
            add_object(m, step, &capacity, NULL, now);
        } else if (!cm_sha256_equal(&old->sha256, &now->sha256)) {
            add_object(m, step, &capacity, old, now);
        }
        old = order <= 0 ? object_at(step->before, ++i) : old;
        now = order >= 0 ? object_at(step->after, ++k) : now;
    }
}

#define NAME_BYTES 16 // of a SHA-256: enough to tell bundles apart

static char *put_name(char *out, const struct hub_bundle *bundle) {
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; bundle != NULL && i < NAME_BYTES; i++) {
        *out++ = digits[bundle->sha256.bytes[i] >> 4];
        *out++ = digits[bundle->sha256.bytes[i] & 15];
    }
    *out++ = '.';
    return out;
}

struct plan_step *plan_step_get(struct plan_making *m, const struct hub_bundle *before,
                                const struct hub_bundle *after, bool prune) {
    char key[4 * NAME_BYTES + 4];
    char *end = put_name(put_name(key, before), after);

    *end++ = prune ? 'p' : '-';
    *end = '\0';
    struct plan_step *step = cm_map_get(m->steps, key);
    if (step == NULL) {
        step = cm_arena_get(m->arena, sizeof(*step));
        *step = (struct plan_step){.before = before, .after = after, .prune = prune};
        compare_bundles(m, step);
        cm_map_put(m->steps, key, step);
    }
    return step;
}

// ---- Objects that change hands

static const char *key_of(const struct plan_object *object) {
    return object->before != NULL ? object->before->key : object->after->key;
}

// find_object finds an object that comes (or leaves) in a step.
static const struct plan_object *find_object(const struct plan_step *step, const char *key,
                                             bool coming) {
    size_t low = 0;
    size_t high = step->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct plan_object *object = &step->objects[middle];
        int order = strcmp(key_of(object), key);

        if (order == 0) {
            return (coming ? object->before : object->after) == NULL ? object : NULL;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

// find_partner finds the other App of the cluster that gives or takes an object.
static bool find_partner(const struct plan_touch *touches, size_t count, size_t self,
                         const struct plan_object *object, struct plan_move *out) {
    bool coming = object->before != NULL; // it leaves here, so it comes there

    for (size_t i = 0; i < count; i++) {
        const struct plan_step *step = touches[i].step;
        const struct plan_object *there = i == self || (coming ? step->coming : step->leaving) == 0
                                              ? NULL
                                              : find_object(step, key_of(object), coming);

        if (there != NULL) {
            *out = (struct plan_move){.app = touches[i].app, .before = there->before};
            return true;
        }
    }
    return false;
}

static const struct plan_move *find_moves(struct plan_making *m, const struct plan_touch *touches,
                                          size_t count, size_t self, size_t *out_count) {
    const struct plan_step *step = touches[self].step;
    struct plan_move *moves = NULL;
    size_t capacity = 0;

    *out_count = 0;
    for (size_t i = 0; i < step->count; i++) {
        const struct plan_object *object = &step->objects[i];
        struct plan_move move;

        if ((object->before != NULL && object->after != NULL) ||
            !find_partner(touches, count, self, object, &move)) {
            continue;
        }
        moves = plan_grow(m->arena, moves, *out_count, &capacity, sizeof(*moves));
        move.at = i;
        moves[(*out_count)++] = move;
    }
    return moves;
}

// may_move tells whether an object may go from one App of the cluster to another.
static bool may_move(const struct plan_touch *touches, size_t count) {
    size_t coming = 0;
    size_t leaving = 0;

    for (size_t i = 0; i < count; i++) {
        coming += touches[i].step->coming;
        leaving += touches[i].step->leaving;
    }
    return count > 1 && coming > 0 && leaving > 0;
}

// ---- Classes

static void write_key(const struct plan_step *step, const struct plan_move *moves, size_t count,
                      struct cm_str *out) {
    cm_str_addf(out, "%p", (const void *)step);
    for (size_t i = 0; i < count; i++) {
        cm_str_addf(out, " %zu %s %p", moves[i].at, moves[i].app, (const void *)moves[i].before);
    }
}

static struct plan_class *add_class(struct plan_making *m, struct plan_app *app,
                                    struct plan_class class) {
    struct plan_class *added = cm_arena_get(m->arena, sizeof(*added));

    *added = class;
    app->classes = plan_grow(m->arena, app->classes, app->class_count, &app->capacity,
                             sizeof(struct plan_class *));
    app->classes[app->class_count++] = added;
    return added;
}

static struct plan_class *get_plain(struct plan_making *m, struct plan_app *app,
                                    struct plan_step *step) {
    if (step->plain == NULL) {
        step->plain = add_class(m, app, (struct plan_class){.step = step});
    }
    return step->plain;
}

static struct plan_class *get_class(struct plan_making *m, struct plan_app *app,
                                    struct plan_step *step, const struct plan_move *moves,
                                    size_t move_count) {
    CM_CLEANUP(cm_str_done) struct cm_str key = {0};

    if (move_count == 0) {
        return get_plain(m, app, step);
    }
    write_key(step, moves, move_count, &key);
    struct plan_class *class = cm_map_get(app->by_key, cm_str_get(&key));
    if (class == NULL) {
        class = add_class(
            m, app, (struct plan_class){.step = step, .moves = moves, .move_count = move_count});
        cm_map_put(app->by_key, cm_str_get(&key), class);
    }
    return class;
}

static void count_objects(struct plan_making *m, const struct plan_class *class) {
    const struct plan_step *step = class->step;
    size_t moved_away = 0;
    size_t kept = step->kept;

    for (size_t i = 0; i < class->move_count; i++) {
        const struct plan_object *object = &step->objects[class->moves[i].at];

        moved_away += object->after == NULL ? 1 : 0;
        kept -= object->after == NULL && plan_step_keeps(step, object->before) ? 1 : 0;
    }
    m->totals.moved += moved_away;
    m->totals.added += step->coming - (class->move_count - moved_away);
    m->totals.changed += step->count - step->coming - step->leaving;
    m->totals.released += kept;
    m->totals.removed += step->leaving - moved_away - kept;
}

void plan_classes_add(struct plan_making *m, const char *cluster, const struct plan_touch *touches,
                      size_t count) {
    bool moves_possible = may_move(touches, count);

    for (size_t i = 0; i < count; i++) {
        struct plan_app *app = plan_app_get(m, touches[i].app);
        size_t move_count = 0;
        const struct plan_move *moves =
            moves_possible ? find_moves(m, touches, count, i, &move_count) : NULL;
        if (m->filter->app != NULL && strcmp(m->filter->app, app->name) != 0) {
            continue;
        }
        struct plan_class *class = get_class(m, app, touches[i].step, moves, move_count);

        class->clusters = plan_grow(m->arena, class->clusters, class->cluster_count,
                                    &class->capacity, sizeof(const char *));
        class->clusters[class->cluster_count++] = cluster;
        count_objects(m, class);
    }
}
