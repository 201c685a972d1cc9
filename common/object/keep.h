// keep: which objects stay in the cluster when they leave Git.
//
// An object says so itself, in an annotation: ours, or one that says the same to Flux, Argo CD or
// Helm, so that manifests mean what they meant before. And what holds data or other objects is
// precious: its removal takes more with it than is seen.
//
//     Flux
//     https://fluxcd.io/flux/components/kustomize/kustomizations/#controlling-the-apply-behavior-of-resources
//     Argo CD  https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#no-prune-resources
//     Helm https://helm.sh/docs/howto/charts_tips_and_tricks/#tell-helm-not-to-uninstall-a-resource
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>

#include "common/err.h"

struct cm_json;

#define CM_KEEP_ANNOTATION "holdfast.dev/prune"

// cm_object_says_keep tells whether an annotation of the object says that it is not to be pruned.
bool cm_object_says_keep(const struct cm_json *object);

// cm_object_keep_check fails with CM_EINVAL if our annotation has a value that means nothing.
CM_MUSTUSE enum cm_rc cm_object_keep_check(const struct cm_json *object, struct cm_err *err);

// cm_object_is_precious tells whether a key is that of a Namespace, a CustomResourceDefinition, a
// PersistentVolumeClaim or a PersistentVolume.
bool cm_object_is_precious(const char *key);
