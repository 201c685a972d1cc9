// rollout: what controllers do with releases, read from their objects.
//
// One file for each: Flagger (rollout_flagger.c), Argo Rollouts (rollout_argo.c), and the
// controllers of Deployments and StatefulSets (rollout_deployment.c, rollout_stateful.c). Each
// looks at one object and at what was seen of it before, and says what its controller calls the
// release at work, and what has become of it. It is the edge that counts: a Canary stays Failed
// after the release that failed is long gone. Of a release that has just started the same object
// may tell more when it is looked at again.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/driver.h"

struct cm_arena;
struct cm_json;

// Who calls himself so changed a template by `rollout undo`: kubectl, and Argo Rollouts' plugin.
#define KUBE_ROLLOUT_KUBECTL "kubectl"
#define KUBE_ROLLOUT_PLUGIN "kubectl-argo-rollouts"

// What was seen of a controller's object last. Zeroed: nothing yet.
struct kube_rollout_seen {
    bool known;
    bool running; // a release was on its way
    int weight;
    int64_t iteration;   // of an analysis that has such
    int64_t edge_ms;     // when it came to an end last; 0: not known
    int64_t undone_ms;   // when somebody did something by hand
    int64_t waits_ms;    // since when its controller waits for somebody; 0: it does not
    uint64_t late;       // kube_rollout_print of the revision that is past its deadline
    uint64_t token;      // kube_rollout_print of it
    uint64_t promoted;   // kube_rollout_print of what was found to be good last
    int64_t best;        // of a StatefulSet: pods that were updated or available
    int64_t progress_ms; // when that was more than before; monotonic
};

// What an object says. Strings are the arena's or the object's.
struct kube_rollout {
    const char *token; // of what it works on; "": it does not say
    bool promoted;     // that is found to be good
    bool decided;
    struct agent_decision decision; // without the workload's key and uid
    int64_t again_ms;               // not 0: to be looked at again after so long
    bool stuck;                     // pods of a release that it went back from hold it up
};

// The time that a StatefulSet has, which knows none itself.
struct kube_rollout_time {
    uint32_t timeout_s; // for its next pod; 0: no bound
    int64_t now_ms;     // monotonic
    int64_t unix_ms;
};

// Each fills *out and brings *seen up to date.
void kube_rollout_flagger(struct cm_arena *a, const struct cm_json *canary,
                          struct kube_rollout_seen *seen, struct kube_rollout *out);
void kube_rollout_argo(struct cm_arena *a, const struct cm_json *rollout,
                       struct kube_rollout_seen *seen, struct kube_rollout *out);
// kube_rollout_deployment: `led`: another controller decides about its releases.
void kube_rollout_deployment(const struct cm_json *deployment, bool led,
                             struct kube_rollout_seen *seen, struct kube_rollout *out);
// kube_rollout_stateful_set tells nothing of one whose pods are replaced by hand (OnDelete) or only
// in part (partition). *out is the arena's.
void kube_rollout_stateful_set(struct cm_arena *a, const struct cm_json *set,
                               const struct kube_rollout_time *time, struct kube_rollout_seen *seen,
                               struct kube_rollout *out);
// kube_rollout_daemon_set: its controller says nothing of releases, but people go back. Its token
// is all that kube_rollout_add_form adds.
void kube_rollout_daemon_set(const struct cm_json *set, struct kube_rollout_seen *seen,
                             struct kube_rollout *out);
// kube_rollout_add_form says of a Deployment, StatefulSet or DaemonSet which pod template it is
// that came up, behind ':' in the token, and which one somebody went back to, as the good one's:
// their controllers call the same template by another name when it comes back, or by none. Of a
// template that the server would fill in otherwise by now it is another one.
void kube_rollout_add_form(struct cm_arena *a, const struct cm_json *workload,
                           struct kube_rollout *out);
// kube_rollout_restart tells of pods of any workload that somebody had replaced by hand.
void kube_rollout_restart(struct cm_arena *a, const struct cm_json *workload,
                          struct kube_rollout_seen *seen, struct kube_rollout *out);
// kube_rollout_stuck_pod finds in a PodList one that holds the StatefulSet of that uid up: of
// another revision than this one, and not ready. NULL: there is none.
const struct cm_json *kube_rollout_stuck_pod(const struct cm_json *pods, const char *uid,
                                             const char *revision);

// ---- What they share (rollout.c)

// kube_rollout_condition returns the condition of that type, or NULL.
const struct cm_json *kube_rollout_condition(const struct cm_json *object, const char *type);
// kube_rollout_text returns a string in an object, "" if it is not there.
const char *kube_rollout_text(const struct cm_json *object, const char *name);
// kube_rollout_time reads an RFC 3339 time in an object; 0 if there is none.
int64_t kube_rollout_time(const struct cm_json *object, const char *name);
// kube_rollout_is_current tells whether the status is about the present spec.
bool kube_rollout_is_current(const struct cm_json *object);
// kube_rollout_manager returns who set a field last: its path as managedFields write it, from the
// root on, ended by NULL; "" if nobody is known. `only`: only this manager counts; NULL: any.
const char *kube_rollout_manager(const struct cm_json *object, const char *const *path,
                                 const char *only, int64_t *at_ms);
// kube_rollout_undoer returns what `rollout undo` calls itself if the template is as that left it,
// and since when; else NULL.
const char *kube_rollout_undoer(const struct cm_json *object, int64_t *at_ms);
// kube_rollout_undo decides that, once, and takes back what *out says of the release.
void kube_rollout_undo(const struct cm_json *workload, const char *controller,
                       struct kube_rollout_seen *seen, struct kube_rollout *out);
// kube_rollout_decide fills in a decision without tokens and weight. Texts are borrowed.
void kube_rollout_decide(struct kube_rollout *out, const char *controller,
                         enum agent_verdict verdict, const char *text, int64_t at_ms,
                         const char *actor);
// kube_rollout_date fills in when the actor wrote a decision, if that is not known: with the status
// that tells of it.
void kube_rollout_date(const struct cm_json *object, struct kube_rollout *out);
// kube_rollout_print is short for a token; 0 for none.
uint64_t kube_rollout_print(const char *token);
