// field: a place in an object, found and changed by name.
//
// Written as a JSON pointer in which a list's element is its index or, in brackets, its keys, so
// that it is the same field though others come and go before it:
//     /spec/template/spec/containers/[name=main]/image
// or as a path as diff.h writes them (path.h). "*" is all elements, and where one is asked for, the
// first.
//
// Threads: one a tree; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/object/path.h"
#include "common/object/schema.h"

struct cm_arena;
struct cm_json;
struct cm_list_rule;
struct cm_str;

// cm_field_parse reads a pointer or a path; it tells whether the text was one.
bool cm_field_parse(struct cm_arena *a, const char *text, struct cm_path *out);

// Where we are in an object.
struct cm_cursor {
    struct cm_json *node; // NULL: nowhere
    struct cm_place place;
};

struct cm_cursor cm_field_root(struct cm_arena *a, const struct cm_json *object);
struct cm_cursor cm_field_step(struct cm_cursor at, const struct cm_segment *segment);
struct cm_cursor cm_field_walk(struct cm_cursor at, const struct cm_segment *segments,
                               size_t count);

// cm_field_means tells whether a segment means an element of a list under a rule.
bool cm_field_means(const struct cm_list_rule *rule, const struct cm_segment *segment,
                    const struct cm_json *element, size_t index);

// cm_field_put gives the field that a segment means in its parent a copy of a value; NULL takes it
// away. `own` is what is there now, or NULL.
void cm_field_put(struct cm_arena *a, struct cm_json *parent, const struct cm_segment *last,
                  struct cm_json *own, const struct cm_json *value);

// cm_field_set does so from the root of the object, and makes what is missing on the way. A new
// element of a list comes last. It tells whether the field can be there: false if something else
// than a map or list stands in its way.
bool cm_field_set(struct cm_arena *a, struct cm_json *object, const struct cm_path *path,
                  const struct cm_json *value);

// Writing a pointer, part by part.
void cm_field_add_member(struct cm_str *pointer, const char *name);
void cm_field_add_entry(struct cm_str *pointer, const struct cm_list_rule *rule,
                        const struct cm_json *entry);
