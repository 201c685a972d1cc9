// causes: why pods are not ready, in words, from the pods themselves.
//
// A workload says how many of its pods are ready, not why the others are not. Pods say it: one that
// no node takes (with the scheduler's words), a container that waits (CrashLoopBackOff,
// ImagePullBackOff and so on, with what the kubelet says) or that ended (exit code, OOMKilled), one
// that runs and fails its probe. Pods with the same cause are counted together.
//
// Threads: any; pure.
#pragma once

struct cm_arena;
struct cm_json;

// kube_causes_of reads a PodList: "3 pods: container web: CrashLoopBackOff: back-off restarting
// (exit code 137, OOMKilled); 1 pod: ...", the most frequent first, two at most. "" if no pod has
// one. The text is the arena's.
const char *kube_causes_of(struct cm_arena *a, const struct cm_json *pods);

// kube_causes_selector makes the labelSelector of a query that finds the pods of a live workload;
// NULL if it is of no kind that has pods.
const char *kube_causes_selector(struct cm_arena *a, const struct cm_json *workload);
