// care: what an object's annotations say about how it may be changed.
//
//     holdfast.dev/apply       once: it is made if it is not there, and never changed; where it is
//                              not there, Flux's kustomize.toolkit.fluxcd.io/ssa: IfNotPresent
//                              means the same
//     holdfast.dev/recreate    true: where a field cannot be changed, it is deleted and made anew;
//                              false, as if left out; where it is not there, Flux's
//                              kustomize.toolkit.fluxcd.io/force: enabled means the same
//
// Flux's ssa: Ignore and reconcile: disabled, which leave an object alone, are wrong without
// holdfast.dev/apply.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>

#include "hub/render/bundle.h"

struct cm_json;
struct hub_diags;
struct hub_template;

// hub_care_read reads the annotations of an object that was made of a template; what is wrong is
// reported where it was written. It tells whether all was well.
bool hub_care_read(const struct hub_template *t, const struct cm_json *object, struct hub_care *out,
                   struct hub_diags *diags);
