// merge: a partial object put into a whole one, as `kubectl patch` and kustomize do it.
//
// For Kubernetes' built-in kinds this is the strategic merge patch: maps merge member by member,
// null removes, lists of entries with a key (containers by name, ports by containerPort and
// protocol, …) merge entry by entry, sets (finalizers) unite, all other lists are replaced. For
// other kinds it is RFC 7386: all lists are replaced. In both, these directives are understood:
//     $patch: delete     in a map or an entry: it goes; in a list as an entry of its own: the list
//     $patch: replace    likewise: it is replaced instead of merged
//     $patch: merge      what happens anyway
//     $retainKeys: […]   members of the map that are not named go
// `$setElementOrder/…` and `$deleteFromPrimitiveList/…`, which `kubectl apply` computes for itself,
// are refused, as is what else begins with a dollar, but for variables and the words of JSON Schema
// ($ref, …).
//
// The order is kustomize's: the entries of the patch first, in its order, then the others; where an
// entry has two keys, new entries first, then the list as it was. An entry may leave out the second
// key (protocol); then the first one finds its like.
//
// Sources: kubernetes.io "Update API Objects in Place Using kubectl patch"; the struct tags
// patchStrategy and patchMergeKey of k8s.io/api 0.34; kyaml's merge2; RFC 7386.
//
// Threads: one a tree; pure.
#pragma once

#include "common/err.h"

struct cm_arena;
struct cm_json;

struct cm_merged {
    struct cm_json *object;      // NULL: the patch deletes it
    const struct cm_json *wrong; // on failure: the node of the patch that is
};

// cm_object_merge merges `patch` into `object`, whose apiVersion and kind say how. The patch's
// nodes become part of the object; both are used up, also by a failure, and no node is made anew.
// It fails with CM_EINVAL and sets only out->wrong if the patch makes no sense.
CM_MUSTUSE enum cm_rc cm_object_merge(struct cm_arena *a, struct cm_json *object,
                                      struct cm_json *patch, struct cm_merged *out,
                                      struct cm_err *err);
