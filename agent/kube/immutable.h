// immutable: fields that the API server lets nobody change, once they are set.
//
// It says so in many words, all with status 422. Such an object can only be deleted and made anew.
// The phrases are those of k8s.io/kubernetes/pkg/apis (validation of updates) and of the rules in
// schemas (self == oldSelf) that are in use.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>

struct cm_arena;
struct cm_json;

// kube_immutable_is tells whether an answer refuses to change a field for ever.
bool kube_immutable_is(int status, const struct cm_json *answer);

// kube_immutable_fields names the fields that an answer is about, ", " between them; "" if it does
// not say. The text is the arena's.
const char *kube_immutable_fields(struct cm_arena *a, const struct cm_json *answer);

// kube_immutable_names says it better where the answer names only what holds the fields ("spec"):
// those in it that differ, but for those that may change.
const char *kube_immutable_names(struct cm_arena *a, const char *fields,
                                 const struct cm_json *desired, const struct cm_json *live);
