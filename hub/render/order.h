// order: what an object's annotations say about when it is applied.
//
//     holdfast.dev/wave    an integer from -1000 to 1000, 0 if left out; where it is, Argo CD's
//                          argocd.argoproj.io/sync-wave is not looked at
//     holdfast.dev/hook    pre-apply or post-apply, on a Job; where it is not there, Argo CD's
//                          argocd.argoproj.io/hook: PreSync or PostSync on a Job means the same
//     holdfast.dev/hook-delete-policy
//                          before-creation (if left out), succeeded or never, on a hook
//
// Namespaces and CustomResourceDefinitions come before what needs them, whatever wave they name:
// hub_order_settle gives them the lowest wave of an object in the namespace, or of the group. What
// a pre-apply hook needs of them is ground: it comes before the hook.
//
// A Job that Argo CD would run when something fails or is deleted, or never, is a problem: applied
// as an ordinary object it would run at once.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "hub/render/bundle.h"

struct cm_json;
struct cm_object_id;
struct hub_diags;
struct hub_template;

// hub_order_read reads the annotations of an object that was made of a template; what is wrong is
// reported where it was written. It tells whether all was well.
bool hub_order_read(const struct hub_template *t, const struct cm_json *object,
                    const struct cm_object_id *id, struct hub_order *out, struct hub_diags *diags);

// hub_order_settle goes over all objects of an App; `namespace` is the App's.
void hub_order_settle(struct hub_object *objects, size_t count, const char *namespace);
