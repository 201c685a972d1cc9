// right: fields that another controller has by right, and who that is.
//
// A HorizontalPodAutoscaler, a KEDA ScaledObject, a Flagger Canary and an Argo Rollout say which
// workload's replicas, which route's weights or which Service's selector are theirs. While such an
// owner exists, these fields are left out of what we apply, whatever Git says, and are no drift;
// when it goes they are ours again. One table says who may own what.
//
// To leave out a field that nobody else owns yet would have the API server put its default there
// (one replica), and the lists of routes have one owner as a whole. So what cannot be left out is
// applied as it is in the cluster. The same is done in
//     https://fluxcd.io/flux/components/kustomize/kustomizations/#controlling-the-apply-behavior-of-resources
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_arena;
struct cm_json;

enum {
    KUBE_RIGHT_REPLICAS = 1, // spec.replicas of any kind
    KUBE_RIGHT_WEIGHTS = 2,  // of the backends of a route, and a Service's selector
    KUBE_RIGHT_RELEASES = 4, // to reject what we apply; no field is left out for that
};

// A kind of owners.
struct kube_right_kind {
    const char *group;
    const char *kind;
    unsigned rights; // that it may have
};

enum { KUBE_RIGHT_KINDS = 4 };
extern const struct kube_right_kind kube_right_kinds[KUBE_RIGHT_KINDS];

// kube_right_of tells which rights somebody could have to fields that a desired object sets.
unsigned kube_right_of(const struct cm_json *desired);

// What an owner has.
struct kube_right_claim {
    const char *target; // key of the object, in the owner's namespace; the arena's
    unsigned right;
};

enum { KUBE_RIGHT_CLAIMS_MAX = 16 };

// kube_right_claims lists what a live object owns of others; it returns how many there are.
size_t kube_right_claims(struct cm_arena *a, const struct cm_json *owner,
                         struct kube_right_claim out[KUBE_RIGHT_CLAIMS_MAX]);

struct kube_right_given {
    unsigned differing; // rights to fields that are not as desired in the cluster
    bool copied;        // something was taken over from the live object as it is now
};

// kube_right_give changes a desired object such that fields of these rights stay as they are in the
// live object. `manager` is our own name.
struct kube_right_given kube_right_give(struct cm_arena *a, struct cm_json *desired,
                                        const struct cm_json *live, const char *manager,
                                        unsigned rights);
