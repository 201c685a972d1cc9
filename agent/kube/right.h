// right: fields that another controller has by right, and who that is.
//
// A HorizontalPodAutoscaler, a KEDA ScaledObject, a Flagger Canary and an Argo Rollout say which
// workload's replicas, which route's weights or which Service's selector are theirs. While such an
// owner exists, these fields are left out of what we apply, whatever Git says, and are no drift;
// when it goes they are ours again. One table says who may own what. Weights that somebody else
// than its controller set while no release is under way are nobody's by right after a minute.
//
// To leave out a field that nobody else owns yet would have the API server put its default there
// (one replica), and the lists of routes have one owner as a whole. So what cannot be left out is
// applied as it is in the cluster. The same is done in
//     https://fluxcd.io/flux/components/kustomize/kustomizations/#controlling-the-apply-behavior-of-resources
//
// A HorizontalPodAutoscaler does nothing about a workload of no replicas. So where Flagger or Argo
// Rollouts has taken one there and goes, the autoscaler's right begins once it has some again.
//     https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#implicit-maintenance-mode-deactivation
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cm_arena;
struct cm_json;

enum {
    KUBE_RIGHT_REPLICAS = 1, // spec.replicas of any kind
    KUBE_RIGHT_WEIGHTS = 2,  // of the backends of a route, and what selects pods of a release
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
    const char *target; // key of the object, with its namespace; the arena's
    unsigned right;
};

enum { KUBE_RIGHT_CLAIMS_MAX = 16 };

// kube_right_claims lists what a live object owns of others; it returns how many there are.
size_t kube_right_claims(struct cm_arena *a, const struct cm_json *owner,
                         struct kube_right_claim out[KUBE_RIGHT_CLAIMS_MAX]);

// On what terms an owner has what it has; of several, all that they say. Lists are names with a
// line break after each; "": none.
struct kube_right_terms {
    bool idle;               // no release is under way
    int64_t idle_ms;         // since when, Unix time; 0: for long
    const char *controllers; // who sets its fields; "": not known
    const char *routes;      // that they put into routes, and take out again, by name
    const char *canaries;    // Services: rules for nothing else, without a name, are put in, too
    int64_t least;           // replicas that it starts from; 0: none is fine, it begins there, too
};

// kube_right_terms_of reads them from an owner, but for the time. The texts are the arena's.
struct kube_right_terms kube_right_terms_of(struct cm_arena *a, const struct cm_json *owner);

// kube_right_is_asleep tells whether a controller of releases took a live object to no pods, for
// another one serves, and nobody has changed that since: it has no replicas, or is a DaemonSet that
// fits no node. An autoscaler leaves such an object alone.
bool kube_right_is_asleep(const struct cm_json *live, const char *manager);

// kube_right_wake returns a merge patch that gives such an object pods again, if it is still as it
// was seen: as many replicas as Git says, else `least`. It is no apply: what Git does not say shall
// not be ours, for a later apply without it would take it away. The text is the arena's.
const char *kube_right_wake(struct cm_arena *a, const struct cm_json *desired,
                            const struct cm_json *live, int64_t least);

// What is given, to whom.
struct kube_right_gift {
    const char *manager; // our own name
    unsigned rights;
    struct kube_right_terms terms; // of weights
    int64_t now_ms;                // Unix time
};

struct kube_right_given {
    unsigned differing; // rights to fields that are not as desired in the cluster
    bool copied;        // something was taken over from the live object as it is now
    bool by_hand;       // weights were set by somebody else: they may be given no longer later
};

// kube_right_give changes a desired object such that fields of these rights stay as they are in the
// live object.
struct kube_right_given kube_right_give(struct cm_arena *a, struct cm_json *desired,
                                        const struct cm_json *live,
                                        const struct kube_right_gift *gift);
