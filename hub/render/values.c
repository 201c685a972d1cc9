#include "hub/render/values.h"

#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/render/substitute.h"

#define LABELS "cluster.labels."

// Names beyond this many are not proposed.
#define NAMES_MAX 1000

#define INDEX_MIN 64 // members of a layer

static const struct cm_json *member(const struct cm_json *object, const char *name, size_t len) {
    if (object == NULL || object->type != CM_OBJECT) {
        return NULL;
    }
    for (const struct cm_json *item = object->first; item != NULL; item = item->next) {
        if (strncmp(item->key, name, len) == 0 && item->key[len] == '\0') {
            return item;
        }
    }
    return NULL;
}

static const struct cm_json *follow(const struct hub_values *values, size_t layer,
                                    const char *name) {
    const struct cm_json *node = values->layers[layer];

    if (values->indexes[layer] != NULL) {
        return cm_map_get(values->indexes[layer], name);
    }
    while (node != NULL) {
        size_t len = strcspn(name, ".");

        node = member(node, name, len);
        if (name[len] == '\0') {
            return node;
        }
        name += len + 1;
    }
    return NULL;
}

// merge puts into `into` what only the weaker map has.
static void merge(struct cm_arena *a, struct cm_json *into, const struct cm_json *weaker) {
    for (const struct cm_json *item = weaker->first; item != NULL; item = item->next) {
        struct cm_json *own = cm_json_get(into, item->key);

        if (own == NULL) {
            cm_json_set(a, into, item->key, cm_json_copy(a, item));
        } else if (own->type == CM_OBJECT && item->type == CM_OBJECT) {
            merge(a, own, item);
        }
    }
}

// blocked tells whether a layer has something on the way to `name` that is no map, so that weaker
// layers do not show through: {db: off} hides {db: {host: x}}.
static bool blocked(const struct hub_values *values, size_t layer, const char *name) {
    CM_AUTOFREE char *way = cm_strdup(name);

    for (char *dot = strchr(way, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        *dot = '\0';
        const struct cm_json *node = follow(values, layer, way);
        *dot = '.';
        if (node == NULL || node->type != CM_OBJECT) {
            return node != NULL;
        }
    }
    return false;
}

static const struct cm_json *find_value(const struct hub_values *values, struct cm_arena *a,
                                        const char *name) {
    struct cm_json *merged = NULL;
    const struct cm_json *first = NULL;

    for (size_t i = 0; i < HUB_VALUE_LAYERS; i++) {
        const struct cm_json *found = follow(values, i, name);

        if (found == NULL) {
            if (blocked(values, i, name)) {
                break;
            }
            continue;
        }
        if (first != NULL && found->type != CM_OBJECT) {
            break;
        }
        if (first == NULL) {
            first = found;
            if (found->type != CM_OBJECT) {
                break;
            }
            continue;
        }
        if (merged == NULL) {
            merged = cm_json_copy(a, first);
        }
        merge(a, merged, found);
    }
    return merged != NULL ? merged : first;
}

const struct cm_json *hub_values_find(const struct hub_values *values, struct cm_arena *a,
                                      const char *name) {
    if (strcmp(name, "cluster.name") == 0) {
        return cm_json_new_string(a, values->cluster);
    }
    if (strncmp(name, LABELS, strlen(LABELS)) == 0) {
        return cm_json_get(values->labels, name + strlen(LABELS));
    }
    return find_value(values, a, name);
}

// ---- Finding one of many

static void add_to_index(struct cm_map *index, const struct cm_json *object, struct cm_str *name) {
    size_t len = name->len;

    for (const struct cm_json *item = object->first; item != NULL; item = item->next) {
        if (strchr(item->key, '.') != NULL) { // no name means it
            continue;
        }
        cm_str_addf(name, "%s%s", len > 0 ? "." : "", item->key);
        cm_map_put(index, cm_str_get(name), (void *)(uintptr_t)item);
        if (item->type == CM_OBJECT && name->len < HUB_VARIABLE_MAX) {
            add_to_index(index, item, name);
        }
        name->len = len;
        name->data[len] = '\0';
    }
}

static size_t count_members(const struct cm_json *object) {
    size_t count = object->count;

    for (const struct cm_json *item = object->first; item != NULL; item = item->next) {
        count += item->type == CM_OBJECT ? count_members(item) : 0;
    }
    return count;
}

struct cm_map *hub_values_index(const struct cm_json *layer) {
    struct cm_str name = {0};

    if (layer == NULL || layer->type != CM_OBJECT || count_members(layer) < INDEX_MIN) {
        return NULL;
    }
    struct cm_map *index = cm_map_new(NULL);
    add_to_index(index, layer, &name);
    cm_str_done(&name);
    return index;
}

// ---- What was meant

struct names {
    struct cm_arena *arena;
    const char *items[NAMES_MAX];
    size_t count;
};

static void add_names(struct names *names, const struct cm_json *object, const char *prefix) {
    if (object == NULL || object->type != CM_OBJECT) {
        return;
    }
    for (const struct cm_json *item = object->first; item != NULL; item = item->next) {
        const char *name = cm_arena_strf(names->arena, "%s%s", prefix, item->key);

        if (names->count < NAMES_MAX) {
            names->items[names->count++] = name;
        }
        if (item->type == CM_OBJECT && names->count < NAMES_MAX) {
            add_names(names, item, cm_arena_strf(names->arena, "%s.", name));
        }
    }
}

const char *hub_values_nearest(const struct hub_values *values, struct cm_arena *a,
                               const char *name) {
    struct names *names = cm_arena_get(a, sizeof(*names));

    names->arena = a;
    names->items[names->count++] = "cluster.name";
    for (size_t i = 0; i < HUB_VALUE_LAYERS; i++) {
        add_names(names, values->layers[i], "");
    }
    add_names(names, values->labels, LABELS);
    return cm_str_nearest(name, names->items, names->count);
}
