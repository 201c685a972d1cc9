// Changes that happen on the same clusters become a group; groups that differ in values only stand
// together.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/plan/internal.h"

// A change and the classes that it happens in.
struct atom {
    struct hub_plan_change change;
    size_t number; // in the order in which they were met
    uint32_t *classes;
    size_t count;
    size_t capacity;
};

struct bunch { // a group being made
    struct hub_plan_group public;
    const struct atom *first; // one of its atoms, for its classes
    struct atom **atoms;
    size_t atom_count;
    size_t capacity;
    size_t shape_clusters;
    const char *shape; // text
};

struct folding {
    struct plan_making *m;
    const struct plan_app *app;
    struct cm_map *atoms; // by content
    struct atom **list;
    size_t count;
    size_t capacity;
    uint32_t class;
    struct cm_str key;
};

// ---- Atoms

static void write_value(const struct cm_json *value, struct cm_str *out) {
    if (value != NULL) {
        cm_json_write_compact(value, out);
    }
    cm_str_add_char(out, '\n');
}

static void write_change(const struct hub_plan_change *change, struct cm_str *out) {
    cm_str_clear(out);
    cm_str_addf(out, "%d\n%s\n%s\n%s\n", change->action, change->key, change->path, change->app);
    write_value(change->before, out);
    write_value(change->after, out);
    if (change->object != NULL) {
        cm_str_add_n(out, change->object->sha256.bytes, CM_SHA256_SIZE);
    }
}

static struct atom *get_atom(struct folding *f, const struct hub_plan_change *change) {
    char name[CM_SHA256_HEX_MAX];

    write_change(change, &f->key);
    struct cm_sha256 hash = cm_sha256(f->key.data, f->key.len);
    cm_sha256_hex(&hash, name);
    struct atom *atom = cm_map_get(f->atoms, name);
    if (atom == NULL) {
        atom = cm_arena_get(f->m->arena, sizeof(*atom));
        *atom = (struct atom){.change = *change, .number = f->count};
        cm_map_put(f->atoms, name, atom);
        f->list = plan_grow(f->m->arena, f->list, f->count, &f->capacity, sizeof(struct atom *));
        f->list[f->count++] = atom;
    }
    return atom;
}

static void take_change(void *ctx, const struct hub_plan_change *change) {
    struct folding *f = ctx;
    struct atom *atom = get_atom(f, change);

    if (atom->count > 0 && atom->classes[atom->count - 1] == f->class) {
        return;
    }
    atom->classes =
        plan_grow(f->m->arena, atom->classes, atom->count, &atom->capacity, sizeof(uint32_t));
    atom->classes[atom->count++] = f->class;
}

// ---- Bunches

static struct bunch *get_bunch(struct folding *f, struct cm_map *by_classes, struct atom *atom,
                               struct bunch ***list, size_t *count, size_t *capacity) {
    char name[CM_SHA256_HEX_MAX];
    struct cm_sha256 hash = cm_sha256(atom->classes, atom->count * sizeof(uint32_t));

    cm_sha256_hex(&hash, name);
    struct bunch *bunch = cm_map_get(by_classes, name);
    if (bunch == NULL) {
        bunch = cm_arena_get(f->m->arena, sizeof(*bunch));
        bunch->first = atom;
        cm_map_put(by_classes, name, bunch);
        *list = plan_grow(f->m->arena, *list, *count, capacity, sizeof(struct bunch *));
        (*list)[(*count)++] = bunch;
    }
    return bunch;
}

static int compare_atoms(const void *left, const void *right) {
    const struct atom *a = *(const struct atom *const *)left;
    const struct atom *b = *(const struct atom *const *)right;
    bool told_by_object = a->change.action >= HUB_PLAN_ADDED && b->change.action >= HUB_PLAN_ADDED;
    int order = told_by_object ? 0 : (int)a->change.action - (int)b->change.action;

    order = order != 0 ? order : strcmp(a->change.key, b->change.key);
    return order != 0 ? order : a->number < b->number ? -1 : 1;
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void fill_clusters(struct folding *f, struct bunch *bunch) {
    const struct atom *atom = bunch->first;
    size_t count = 0;

    for (size_t i = 0; i < atom->count; i++) {
        count += f->app->classes[atom->classes[i]]->cluster_count;
    }
    const char **clusters = cm_arena_get(f->m->arena, count * sizeof(*clusters));
    count = 0;
    for (size_t i = 0; i < atom->count; i++) {
        const struct plan_class *class = f->app->classes[atom->classes[i]];

        memcpy(clusters + count, class->clusters, class->cluster_count * sizeof(*clusters));
        count += class->cluster_count;
    }
    if (atom->count > 1) {
        qsort(clusters, count, sizeof(*clusters), compare_texts);
    }
    bunch->public.clusters = clusters;
    bunch->public.cluster_count = count;
}

static void fill_changes(struct folding *f, struct bunch *bunch) {
    CM_CLEANUP(cm_str_done) struct cm_str shape = {0};
    struct hub_plan_change *changes =
        cm_arena_get(f->m->arena, bunch->atom_count * sizeof(*changes));

    if (bunch->atom_count > 1) {
        qsort(bunch->atoms, bunch->atom_count, sizeof(*bunch->atoms), compare_atoms);
    }
    for (size_t i = 0; i < bunch->atom_count; i++) {
        changes[i] = bunch->atoms[i]->change;
        cm_str_addf(&shape, "%d\n%s\n%s\n%s\n", changes[i].action, changes[i].key, changes[i].path,
                    changes[i].app);
    }
    bunch->public.changes = changes;
    bunch->public.change_count = bunch->atom_count;
    bunch->shape = cm_arena_strdup(f->m->arena, cm_str_get(&shape));
}

static struct bunch **make_bunches(struct folding *f, size_t *out_count) {
    CM_CLEANUP(cm_map_freep) struct cm_map *by_classes = cm_map_new(NULL);
    struct bunch **list = NULL;
    size_t capacity = 0;

    *out_count = 0;
    for (size_t i = 0; i < f->count; i++) {
        struct bunch *bunch = get_bunch(f, by_classes, f->list[i], &list, out_count, &capacity);

        bunch->atoms = plan_grow(f->m->arena, bunch->atoms, bunch->atom_count, &bunch->capacity,
                                 sizeof(struct atom *));
        bunch->atoms[bunch->atom_count++] = f->list[i];
    }
    for (size_t i = 0; i < *out_count; i++) {
        fill_clusters(f, list[i]);
        fill_changes(f, list[i]);
    }
    return list;
}

// ---- Order

struct shape {
    size_t number;
    size_t clusters;
};

static void find_shapes(struct folding *f, struct bunch **list, size_t count) {
    CM_CLEANUP(cm_map_freep) struct cm_map *shapes = cm_map_new(NULL);

    for (size_t i = 0; i < count; i++) {
        struct shape *shape = cm_map_get(shapes, list[i]->shape);

        if (shape == NULL) {
            shape = cm_arena_get(f->m->arena, sizeof(*shape));
            shape->number = cm_map_len(shapes);
            cm_map_put(shapes, list[i]->shape, shape);
        }
        shape->clusters += list[i]->public.cluster_count;
        list[i]->public.shape = shape->number;
    }
    for (size_t i = 0; i < count; i++) {
        const struct shape *shape = cm_map_get(shapes, list[i]->shape);

        list[i]->shape_clusters = shape->clusters;
    }
}

static int compare_sizes(size_t a, size_t b) {
    return a == b ? 0 : a > b ? -1 : 1;
}

static int compare_bunches(const void *left, const void *right) {
    const struct bunch *a = *(const struct bunch *const *)left;
    const struct bunch *b = *(const struct bunch *const *)right;
    int order = compare_sizes(a->shape_clusters, b->shape_clusters);

    order = order != 0 ? order : compare_sizes(b->public.shape, a->public.shape);
    order = order != 0 ? order : compare_sizes(a->public.cluster_count, b->public.cluster_count);
    return order != 0 ? order : compare_sizes(b->first->number, a->first->number);
}

// mark_also marks groups all of whose clusters were told of already.
static void mark_also(struct folding *f, struct bunch **list, size_t count) {
    CM_AUTOFREE bool *seen = cm_new(f->app->class_count + 1, sizeof(*seen));

    for (size_t i = 0; i < count; i++) {
        const struct atom *atom = list[i]->first;
        bool all = true;

        for (size_t k = 0; k < atom->count; k++) {
            all = all && seen[atom->classes[k]];
            seen[atom->classes[k]] = true;
        }
        list[i]->public.also = all;
    }
}

static void finish(struct folding *f, struct hub_plan_app *out) {
    size_t count = 0;
    struct bunch **list = make_bunches(f, &count);

    find_shapes(f, list, count);
    if (count > 1) {
        qsort(list, count, sizeof(*list), compare_bunches);
    }
    mark_also(f, list, count);
    struct hub_plan_group *groups = cm_arena_get(f->m->arena, (count + 1) * sizeof(*groups));
    for (size_t i = 0; i < count; i++) {
        groups[i] = list[i]->public;
    }
    out->groups = groups;
    out->group_count = count;
}

void plan_fold(struct plan_making *m, const struct plan_app *app, struct hub_plan_app *out) {
    struct folding f = {.m = m, .app = app, .atoms = cm_map_new(NULL)};

    *out = (struct hub_plan_app){.name = app->name,
                                 .settings = app->settings,
                                 .setting_count = app->setting_count,
                                 .held = app->held};
    for (size_t i = 0; i < app->class_count; i++) {
        const struct plan_class *class = app->classes[i];
        const struct hub_bundle *now = class->step->after;

        f.class = (uint32_t)i;
        plan_changes_of(m, class, take_change, &f);
        out->clusters += class->cluster_count;
        out->suspended += now != NULL && now->spec.suspend ? class->cluster_count : 0;
    }
    finish(&f, out);
    cm_map_free(f.atoms);
    cm_str_done(&f.key);
}
