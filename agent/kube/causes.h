// causes: why pods are not ready, in words, from the pods themselves and from Events.
//
// A workload says how many of its pods are ready, not why the others are not. Pods say it: one that
// no node takes (with the scheduler's words), a container that waits (CrashLoopBackOff,
// ImagePullBackOff and so on, with what the kubelet says) or that ended (exit code, OOMKilled), an
// init container that does not end. Pods with the same cause are counted together. What fails a
// probe or cannot mount a volume only Events tell, and so it is with pods that cannot be made.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cm_arena;
struct cm_json;

#define KUBE_CAUSES_SLOW_MS 300000 // the longest pause between looks

// What pods say. All texts are the arena's.
struct kube_causes {
    // "3 pods: container web: CrashLoopBackOff: back-off restarting (exit code 137, OOMKilled); 1
    // pod: ...", the most frequent first, two at most. "" if no pod has a cause.
    const char *words;
    bool failing;            // some container cannot run as it is: waiting does not help
    const char *ask;         // uid of a pod of which Events may say more; NULL
    const char *crashed_pod; // whose log says more; NULL
    const char *crashed_container;
    bool crashed_before; // it is the log of its run before this one
};

// kube_causes_find reads a PodList. `logs` tells whether it may say what a container left as its
// termination message, which may be the end of its log.
void kube_causes_find(struct cm_arena *a, const struct cm_json *pods, bool logs,
                      struct kube_causes *out);

// kube_causes_event returns what the newest Event of a list says that is a warning, or says what is
// waited for: "FailedMount: ..."; "" if none does.
const char *kube_causes_event(struct cm_arena *a, const struct cm_json *events);

// kube_causes_selector makes the labelSelector of a query that finds the pods of a live workload;
// NULL if it is of no kind that has pods.
const char *kube_causes_selector(struct cm_arena *a, const struct cm_json *workload);

// kube_causes_is_pod tells whether an object is a pod itself.
bool kube_causes_is_pod(const struct cm_json *object);

// kube_causes_pause_ms is how long nobody looks again after so many looks (at least one) since the
// workload changed.
int64_t kube_causes_pause_ms(unsigned looks);

// kube_causes_more returns the token of the next page of a list of pods, if that is to be asked
// for after so many pages: only while no pod has a cause. Else NULL.
const char *kube_causes_more(const struct kube_causes *found, const struct cm_json *pods,
                             unsigned pages);

// kube_causes_says_itself tells whether a workload itself says that it failed, whatever its pods
// are at: a Job makes and restarts them until its own limits are reached.
bool kube_causes_says_itself(const struct cm_json *workload);

// kube_causes_unseen tells whether a workload's controller has not seen it as it is, so that nobody
// has made its pods: neither they nor Events could say anything.
bool kube_causes_unseen(const struct cm_json *workload);

// kube_causes_has_events tells whether an object that is no workload is told about in Events only
// (a claim that no volume fits, an address that nobody gives).
bool kube_causes_has_events(const struct cm_json *object);
