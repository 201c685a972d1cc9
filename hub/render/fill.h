// fill: values put into the holes of a template.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "hub/render/diag.h"

struct cm_arena;
struct cm_json;
struct hub_template;
struct hub_values;

struct hub_fill {
    const struct hub_template *template;
    const struct hub_values *values;
    struct cm_arena *arena; // of what is made
    struct hub_diags *diags;
    // What follows belongs to fill.c.
    size_t next_hole;
    bool too_large; // reported
};

// hub_fill_object copies the template's object with the holes filled. What cannot be filled is in
// diags; the object is then of no use.
struct cm_json *hub_fill_object(struct hub_fill *f);
