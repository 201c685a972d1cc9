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
struct cm_json;

// kube_adopt_patch returns a JSON patch that makes fields ours which tools for people set on an
// object; with `tools`, also those of other GitOps tools. `manager` is our name, `api_version` that
// in which we are going to apply. NULL: there is nothing to take over.
const char *kube_adopt_patch(struct cm_arena *a, const struct cm_json *live, const char *manager,
                             const char *api_version, bool tools);

// kube_adopt_words says for the log which fields of a desired object were set to something else,
// and by whom.
const char *kube_adopt_words(struct cm_arena *a, const struct cm_json *live,
                             const struct cm_json *desired);
