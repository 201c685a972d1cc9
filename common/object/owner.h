// owner: which tool a live Kubernetes object belongs to, by what that tool leaves on it.
//
// Flux, Argo CD, Rancher Fleet and everyone who follows KEP-3659 (ApplySets) put labels or
// annotations on what they apply, and the API server keeps their names as managers of fields. Two
// tools that apply the same object undo each other's changes for ever, so we ask before we begin.
// What kubectl or Helm made has no owner: nobody will apply it again by himself.
//
//     Flux           https://fluxcd.io/flux/components/kustomize/kustomizations/ ("Garbage
//                    collection"), https://fluxcd.io/flux/components/helm/helmreleases/
//     Argo CD        https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/
//     Rancher Fleet  https://github.com/rancher/wrangler/blob/master/pkg/apply/desiredset.go
//     ApplySets
//     https://github.com/kubernetes/enhancements/tree/master/keps/sig-cli/3659-kubectl-apply-prune
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>

#include "common/err.h"

struct cm_json;

// What a tool leaves on what it applies.
struct cm_owner_sign {
    const char *tool;
    const char *kind; // what of the tool it is that the object is a part of
    const char *short_name;
    const char *where; // "labels" or "annotations"
    const char *key;
    const char *space; // key of its namespace; NULL: it has none
    const char *ends;  // its name ends before one of these
    bool owns;         // the tool applies it again by itself
};

#define CM_OWNER_SIGNS 7
// The more telling ones first.
extern const struct cm_owner_sign cm_owner_signs[CM_OWNER_SIGNS];

#define CM_OWNER_APPLYSET "applyset.kubernetes.io/part-of"
#define CM_OWNER_APP "holdfast.dev/app"

// cm_object_owner_check fails with CM_EINVAL, in words for the user, if the object belongs to
// another tool, or to another ApplySet than `applyset` (our own id; NULL: to any).
CM_MUSTUSE enum cm_rc cm_object_owner_check(const struct cm_json *live, const char *applyset,
                                            struct cm_err *err);

#define CM_OWNER_MAX 384

// cm_object_owner_find tells whether it does, and to whom: "Flux (Kustomization 'apps/shop')".
bool cm_object_owner_find(const struct cm_json *live, const char *applyset, char out[CM_OWNER_MAX]);
