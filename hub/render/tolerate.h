// tolerate: which rules about differences are about an object.
//
// An App's ignoreDifferences name objects and fields; an object's annotation names fields of
// itself:
//
//     holdfast.dev/ignore-differences    JSON pointers, with spaces between them: differences in
//                                        these fields are ignored
//
// Objects of which the same rules speak share a list of them in the bundle.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "hub/render/bundle.h"

struct cm_arena;
struct cm_json;
struct hub_diags;
struct hub_template;

// The object that must exist for a rule to hold.
struct hub_owner {
    const char *group;     // ""
    const char *kind;      // NULL: the rule holds always
    const char *name;      // NULL: that of the object that the rule is about
    const char *namespace; // NULL: that of the object
};

// A rule of an App. Selectors are shell patterns; NULL: any.
struct hub_tolerance {
    const char *group;
    const char *kind;
    const char *name;
    const char *namespace;
    struct hub_owner owner;
    struct hub_drift_rule rule; // without the owner
};

// hub_tolerate_read reads the annotation of an object that was made of a template; what is wrong is
// reported where it was written. *out is its text, which the caller frees, or NULL. It tells
// whether all was well.
bool hub_tolerate_read(const struct hub_template *t, const struct cm_json *object, char **out,
                       struct hub_diags *diags);

struct hub_tolerating {
    const struct hub_tolerance *rules; // the App's, in order
    size_t count;
    const char *namespace;      // the App's
    struct hub_drift_list *out; // in the arena
    size_t out_count;
    size_t capacity;
};

// hub_tolerate finds the list for one object; `ignored` is what hub_tolerate_read found. It returns
// what stands in hub_object.drift_list.
unsigned hub_tolerate(struct cm_arena *a, struct hub_tolerating *t, const char *key,
                      const char *ignored);
