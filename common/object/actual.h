// actual: an object as it is, written like the form that is desired of it, so that a difference of
// the two texts is one of the objects.
//
// It is the desired form with each field set to what is there that differs, and with what others
// have put beside. What the target filled in or writes in another way ("1000m" and "1") is neither.
// Labels and annotations with which tools remember what they applied say nothing of the object, and
// are left out. Fields that cannot be set are named in a list `_changed`.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cm_arena;
struct cm_difference;
struct cm_json;

#define CM_ACTUAL_CHANGED "_changed"

struct cm_actual {
    const struct cm_json *form;    // as desired
    const struct cm_json *desired; // as it is compared; may be `form`
    const struct cm_json *live;
    const struct cm_json *others; // of `live` what others have set; NULL: nothing
    // counts tells whether a difference is one; NULL: all are.
    bool (*counts)(const void *ctx, const struct cm_difference *d);
    const void *ctx;
};

// cm_actual_is_note tells whether a label or an annotation is what a tool remembers of an apply.
bool cm_actual_is_note(const char *name);

// cm_object_actual makes it, with all secrets in it; NULL: it is as desired.
struct cm_json *cm_object_actual(struct cm_arena *a, const struct cm_actual *what);
