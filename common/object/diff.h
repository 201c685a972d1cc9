// diff: where an object differs from what is wanted, field by field.
//
// Only what `desired` says is compared: fields that it does not name are somebody else's, and null
// or an empty map or list says nothing. Lists are matched by Kubernetes' list keys (listkeys.h);
// atomic ones, and the few maps that have one owner (selectors), are reported as a whole.
// `apiVersion`, `status` and server-owned metadata are left out. Values that Kubernetes reads as
// equal are equal: quantities ("1000m" and "1"), false, 0 or "" where the server does not store
// them against an absent field (schema.h), a Secret's stringData against its data.
//
// Values of a Secret appear as "***", changed or not, so that a list of differences can be shown.
//
// Paths are written as people do in kubectl: spec.replicas,
// spec.template.spec.containers[name=web].image, metadata.labels['app.kubernetes.io/name']; path.h
// has the whole grammar.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_arena;
struct cm_json;

struct cm_difference {
    const char *path;
    const struct cm_json *desired; // NULL never
    const struct cm_json *actual;  // NULL if the field is missing
};

struct cm_differences {
    struct cm_difference *items; // in the arena
    size_t count;
    bool more; // there were more than `max`
};

// cm_object_diff lists at most `max` differences of `actual` against `desired`, in the order of the
// desired object's members. Whole trees must have apiVersion and kind, which choose the list keys.
void cm_object_diff(struct cm_arena *a, const struct cm_json *desired, const struct cm_json *actual,
                    size_t max, struct cm_differences *out);

// cm_object_changes lists both directions: also what `actual` has and `desired` has not, with
// `desired` a CM_NULL node. For comparing two desired states, as `plan` and `diff` do.
void cm_object_changes(struct cm_arena *a, const struct cm_json *before,
                       const struct cm_json *after, size_t max, struct cm_differences *out);

// cm_object_mask replaces the values below data and stringData of a Secret by "***" in place, and
// the annotation in which kubectl repeats them, so that what is shown or logged can be made from
// it.
void cm_object_mask(struct cm_arena *a, struct cm_json *object);

// cm_difference_text writes a value for people, on one line, cut at `max` bytes with "…"; NULL is
// "<none>".
const char *cm_difference_text(struct cm_arena *a, const struct cm_json *value, size_t max);
