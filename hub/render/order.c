#include "hub/render/order.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/object/id.h"
#include "common/str.h"
#include "hub/render/source.h"

#define WAVE "holdfast.dev/wave"
#define ARGO_WAVE "argocd.argoproj.io/sync-wave"

enum { WAVE_MAX = 1000, DIGITS_MAX = 9 };

// An object whose annotations are read.
struct reading {
    const struct hub_template *template;
    const struct cm_json *annotations;
    const struct cm_object_id *id;
    struct hub_diags *diags;
};

static const struct cm_json *annotations_of(const struct cm_json *object) {
    return cm_json_path(object, "metadata", "annotations", NULL);
}

// report says what is wrong with an annotation where it was written: what is filled in has lost its
// file.
static void report(struct reading *r, const char *name, const char *message) {
    const struct hub_template *t = r->template;
    const struct cm_json *at = cm_json_get(annotations_of(t->object), name);

    at = at != NULL ? at : t->object;
    hub_diags_add(r->diags, hub_template_path(t, at), at->line, at->column, "the annotation %s %s",
                  name, message);
}

// ---- Waves

static bool is_integer(const char *text) {
    const char *digits = text + (text[0] == '-' || text[0] == '+' ? 1 : 0);
    size_t count = strspn(digits, "0123456789");

    return count > 0 && count <= DIGITS_MAX && digits[count] == '\0';
}

static bool read_wave(struct reading *r, const char *name, struct hub_order *out) {
    const char *text = cm_json_string(cm_json_get(r->annotations, name));
    long wave = text != NULL && is_integer(text) ? strtol(text, NULL, 10) : WAVE_MAX + 1;

    if (wave < -WAVE_MAX || wave > WAVE_MAX) {
        report(r, name, "is an integer from -1000 to 1000, in quotes");
        return false;
    }
    out->wave = (int16_t)wave;
    return true;
}

bool hub_order_read(const struct hub_template *t, const struct cm_json *object,
                    const struct cm_object_id *id, struct hub_order *out, struct hub_diags *diags) {
    struct reading r = {t, annotations_of(object), id, diags};

    *out = (struct hub_order){0};
    if (cm_json_get(r.annotations, WAVE) != NULL) {
        return read_wave(&r, WAVE, out);
    }
    return cm_json_get(r.annotations, ARGO_WAVE) == NULL || read_wave(&r, ARGO_WAVE, out);
}

// ---- What others need

// What is needed, and the first turn of an object that needs it.
struct needs {
    struct cm_arena *arena;
    struct cm_map *namespaces; // by name: struct hub_order
    struct cm_map *groups;
    const char *namespace; // the App's
};

static bool is_before(const struct hub_order *a, const struct hub_order *b) {
    return a->wave < b->wave;
}

static void need(struct needs *n, struct cm_map *map, const char *name,
                 const struct hub_order *order) {
    struct hub_order *first = cm_map_get(map, name);

    if (first == NULL) {
        first = cm_arena_get(n->arena, sizeof(*first));
        *first = *order;
        cm_map_put(map, name, first);
    } else if (is_before(order, first)) {
        *first = *order;
    }
}

static bool is_namespace(const struct cm_object_id *id) {
    return id->group[0] == '\0' && strcmp(id->kind, "Namespace") == 0;
}

static bool is_definition(const struct cm_object_id *id) {
    return strcmp(id->group, "apiextensions.k8s.io") == 0 &&
           strcmp(id->kind, "CustomResourceDefinition") == 0;
}

static void note_needs(struct needs *n, const struct hub_object *object) {
    struct cm_object_id id;

    if (!cm_object_key_parse(n->arena, object->key, &id) || is_namespace(&id) ||
        is_definition(&id)) {
        return;
    }
    // One that names no namespace may be cluster-scoped: then its turn changes nothing either.
    need(n, n->namespaces, id.namespace[0] != '\0' ? id.namespace : n->namespace, &object->order);
    need(n, n->groups, id.group, &object->order);
}

// settle moves a namespace or definition before what needs it.
static void settle(struct needs *n, struct hub_object *object) {
    struct cm_object_id id;
    const struct hub_order *first = NULL;

    if (!cm_object_key_parse(n->arena, object->key, &id)) {
        return;
    }
    if (is_namespace(&id)) {
        first = cm_map_get(n->namespaces, id.name);
    } else if (is_definition(&id)) {
        const char *dot = strchr(id.name, '.'); // widgets.example.com

        first = dot == NULL ? NULL : cm_map_get(n->groups, dot + 1);
    }
    if (first != NULL && is_before(first, &object->order)) {
        object->order = *first;
    }
}

static bool has_order(const struct hub_object *objects, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (objects[i].order.wave != 0) {
            return true;
        }
    }
    return false;
}

void hub_order_settle(struct hub_object *objects, size_t count, const char *namespace) {
    struct needs n = {.namespace = namespace};

    if (!has_order(objects, count)) {
        return;
    }
    n.arena = cm_arena_new(0);
    n.namespaces = cm_map_new(NULL);
    n.groups = cm_map_new(NULL);
    for (size_t i = 0; i < count; i++) {
        note_needs(&n, &objects[i]);
    }
    for (size_t i = 0; i < count; i++) {
        settle(&n, &objects[i]);
    }
    cm_map_free(n.namespaces);
    cm_map_free(n.groups);
    cm_arena_free(n.arena);
}
