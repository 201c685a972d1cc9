// holes: where variables stand in the texts of a tree.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/render/diag.h"
#include "hub/render/substitute.h"

struct cm_arena;
struct cm_json;

// A string or a member's name with variables in it.
struct hub_hole {
    const struct cm_json *node;
    const char *path; // of the file
    bool in_key;      // the member's name, else the value
    bool typed;
    struct hub_text text;
    uint32_t line; // of the node
    uint32_t column;
    struct hub_spot {
        uint32_t line;
        uint32_t column;
    } * spots; // of each "${"
    size_t spot_count;
};

// A file while holes are looked for in trees that were made of it.
struct hub_holes {
    struct cm_arena *arena; // of what is found
    const char *path;
    const char *text; // NULL: not known, then a variable stands where its node does
    size_t size;
    bool json;
    bool secret;             // problems quote nothing of it
    struct hub_diags *diags; // malformed variables
    struct hub_hole *items;  // in the order in which a walk meets them, a key before its value
    size_t count;
    // What follows belongs to holes.c.
    size_t capacity;
    const char **lines; // where each begins; made when first asked for
    size_t line_count;
    size_t misses;
};

// hub_holes_find appends the holes of a tree to the items.
void hub_holes_find(struct hub_holes *h, const struct cm_json *node);
void hub_holes_done(struct hub_holes *h);

// hub_holes_add appends the hole of a single text, the node's or its key.
void hub_holes_add(struct hub_holes *h, const struct cm_json *node, bool in_key);

// hub_holes_add_known appends a hole that was found in another tree, where the same text stands in
// `node` now.
void hub_holes_add_known(struct hub_holes *h, const struct cm_json *node,
                         const struct hub_hole *known);

// hub_holes_take moves the items into the arena.
struct hub_hole *hub_holes_take(struct hub_holes *h, size_t *count);

// hub_names_sort sorts names and drops the second of two that are equal; it returns how many are
// left.
size_t hub_names_sort(const char **names, size_t count);

// hub_holes_names lists the variables of holes, sorted, each once.
const char **hub_holes_names(struct cm_arena *a, const struct hub_hole *holes, size_t hole_count,
                             size_t *count);
