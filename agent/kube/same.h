// same: whether two pod templates are the same one to a controller.
//
// What a controller runs is not written like what Git says: the API server filled in defaults,
// Kubernetes and Argo Rollouts put a label with a hash on it, and Flagger's primary has copies of
// its own, `NAME-primary`, of the ConfigMaps and Secrets that the template names, labels and
// selectors likewise, and an annotation `flagger-id`. All of that is looked past, each in its
// place; anything else is another release.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_arena;
struct cm_json;
struct cm_spare_rule;

// kube_same_template returns NULL if they are the same, or the path of the first field that is not,
// without values, for these may be secret. `primary`: `theirs` is Flagger's. The arena's.
const char *kube_same_template(struct cm_arena *a, const struct cm_json *ours,
                               const struct cm_json *theirs, bool primary);

// kube_same_images puts the images of a template into the same containers of another one, by their
// names; it tells how many were others.
size_t kube_same_images(struct cm_arena *a, struct cm_json *ours, const struct cm_json *theirs);

// kube_same_is_spared tells whether one of these rules may let a field of a pod template be as it
// is, so that an apply may not make of it what is desired.
bool kube_same_is_spared(const struct cm_spare_rule *rules, size_t count);
