// adopt: taking over an object that is there already from whoever made it by hand.
//
// The API server takes a field away when all who own it stop to apply it. What `kubectl` or Helm
// made they own for ever, as nobody applies it with their name again: a field that goes from Git
// would stay in the cluster. So before the first apply their entries in metadata.managedFields
// become ours, and the copy of the object goes that kubectl keeps in an annotation, as in
//     https://github.com/fluxcd/pkg/blob/main/ssa/patch.go
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>

struct cm_arena;
struct cm_differences;
struct cm_json;

// kube_adopt_patch returns a JSON patch that makes fields ours which tools for people set on an
// object; with `tools`, also those of other GitOps tools. `manager` is our name, `api_version` that
// in which we are going to apply. NULL: there is nothing to take over.
const char *kube_adopt_patch(struct cm_arena *a, const struct cm_json *live, const char *manager,
                             const char *api_version, bool tools);

// kube_adopt_fields does so with what tools for people (added.h) have at these paths alone, of an
// object that we have applied: the next apply takes it away, as it does not say it. NULL: they have
// nothing of it.
const char *kube_adopt_fields(struct cm_arena *a, const struct cm_json *live, const char *manager,
                              const struct cm_differences *which);

// kube_adopt_undo returns a JSON patch that gives back what was taken over, between what the object
// was before and after; what has changed since in an entry stays.
const char *kube_adopt_undo(struct cm_arena *a, const struct cm_json *live,
                            const struct cm_json *before, const struct cm_json *after);

// kube_adopt_words says for the log which fields of a desired object were set to something else,
// and by whom.
const char *kube_adopt_words(struct cm_arena *a, const struct cm_json *live,
                             const struct cm_json *desired);
