// spare: which differences of a live object are let be, and how the rest of it is applied then.
//
// A rule names fields: by JSON pointers, by paths as diff.h writes them, or by who set them. Asked
// about a difference, the first rule that is about it counts. One that names an owner holds only
// while that object exists.
//
// What is to be let be must not be written while other fields of the object are. A field that
// somebody else keeps is left out of what is applied; one that nobody keeps, or that is a part of
// what has one owner as a whole (an atomic list), is applied as it is in the cluster. The same is
// done in
//     https://fluxcd.io/flux/components/kustomize/kustomizations/#controlling-the-apply-behavior-of-resources
//
// In a pointer a list's element is its index in the desired object, whose counterpart in the live
// one is found by the list's keys; "*" is all elements, "[name=web]" the one with these keys.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_arena;
struct cm_differences;
struct cm_json;

struct cm_spare_rule {
    const char *const *fields; // JSON pointers and paths
    size_t field_count;
    const char *const *managers; // as they call themselves
    size_t manager_count;        // without fields and managers a rule is about all fields
    const char *owner;           // key of the object while which exists it holds; NULL: always
};

#define CM_SPARE_NO_RULE SIZE_MAX

struct cm_spare {
    const struct cm_spare_rule *rules;
    size_t count;
    // manager_of tells who set a field of the live object last; "" if nobody is known to have.
    const char *(*manager_of)(void *ctx, const char *path);
    // is_kept tells whether somebody else keeps a field as it is when we leave it out.
    bool (*is_kept)(void *ctx, const char *path);
    // holds tells whether an owner exists; NULL: all of them do.
    bool (*holds)(void *ctx, const char *owner);
    void *ctx;
};

// cm_spare_field_check fails with CM_EINVAL if a text names no field.
CM_MUSTUSE enum cm_rc cm_spare_field_check(const char *text, struct cm_err *err);

// cm_spare_sort finds for each difference between the two the place of the rule that is about it,
// or CM_SPARE_NO_RULE. `live` NULL: of what is there beside what was desired, with `desired` a tree
// that has it; a rule that names only a part of a difference is not about it then.
void cm_spare_sort(struct cm_arena *a, const struct cm_spare *s, const struct cm_json *desired,
                   const struct cm_json *live, const struct cm_differences *all, size_t *rules);

// What becomes of a difference in a field.
enum cm_spare_how {
    CM_SPARE_NEVER,      // it is applied as desired
    CM_SPARE_UNLESS_NEW, // it is let be, unless `before` did not desire it like this
    CM_SPARE_ALWAYS,     // it is let be
};

// cm_spare_apply changes a desired object such that applying it lets be what shall be. `how` is in
// the order of the rules, `otherwise` for what no rule is about; `before` is the form that was
// applied last, NULL: not known, then nothing is new. It tells whether something was taken over
// from the live object as it is now.
bool cm_spare_apply(struct cm_arena *a, const struct cm_spare *s, const enum cm_spare_how *how,
                    enum cm_spare_how otherwise, const struct cm_json *before,
                    struct cm_json *desired, const struct cm_json *live);
