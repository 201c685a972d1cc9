// values: what variables stand for, from several layers.
//
// The layers are maps, the strongest first: values of the Cluster, of the target, of the App. A
// dotted name goes into maps. Where several layers have a map under a name, the maps are merged;
// all else of a stronger layer hides the weaker one's. Besides there are
//     cluster.name        the cluster's name
//     cluster.labels.X    its label X
//
// Threads: one at a time; pure.
#pragma once

#include <stddef.h>

struct cm_arena;
struct cm_json;
struct cm_map;

#define HUB_VALUE_LAYERS 3

struct hub_values {
    const struct cm_json *layers[HUB_VALUE_LAYERS]; // objects or NULL
    const struct cm_map *indexes[HUB_VALUE_LAYERS]; // hub_values_index of each, or NULL
    const char *cluster;
    const struct cm_json *labels;
};

// hub_values_find returns what `name` stands for, or NULL if it is undefined. New nodes come from
// the arena; others are the layers'.
const struct cm_json *hub_values_find(const struct hub_values *values, struct cm_arena *a,
                                      const char *name);

// hub_values_index returns the values of a layer by their dotted names, for those of documents that
// are asked for many; NULL if there are few. The caller frees it before the layer.
struct cm_map *hub_values_index(const struct cm_json *layer);

// hub_values_nearest returns the defined name that a person most likely meant, or NULL.
const char *hub_values_nearest(const struct hub_values *values, struct cm_arena *a,
                               const char *name);
