// kube: the driver for Kubernetes, over common/http.
//
// Objects are made by server-side apply with one field manager, by force unless the App says
// `conflicts: fail`, and carry two labels: `applyset.kubernetes.io/part-of` with the id of this
// agent's ApplySet, by which they are watched and found again, and `holdfast.dev/app`. The
// ApplySet's parent is a Secret in the inventory namespace that lists which kinds and namespaces
// may hold members; it is written before the first member of a new kind or namespace. So the
// cluster itself knows what an agent owns, and an agent that lost its disk finds it (`recover`).
// What stays in the cluster when its App leaves loses both labels.
//
// Each agent has an ApplySet of its own, named after its cluster and its hub (`identify`). Once all
// agents shared one: what is in the inventory and has that label still is ours, and gets our own as
// soon as it is seen; of what is not in the inventory it says nothing.
//
// An object that is there already and not ours is taken over if nobody keeps it (made by kubectl or
// Helm), with the fields that they own (adopt.h), and else left to its owner
// (common/object/owner.h) unless the App says `adopt: true`.
//
// What another controller has by right (right.h: replicas under an autoscaler, weights of a route
// under a canary) is left to it while it exists. For that such controllers' objects are watched,
// where the agent may, while there is anything of ours that they could have a part of.
//
// Nothing is polled, but once a day everything is listed and compared anew, in case a watch told
// less than happened. One watch per kind that has tracked objects (one per kind and namespace where
// it may not watch all of them), selected by label, feeds health and drift. "Missing" is said only
// after a complete list and a GET of the object itself.
//
// Rights that it needs: get, list, watch, create, patch and delete of what it applies, for the
// whole cluster or in each namespace; the same on Secrets of the inventory namespace, and create of
// that namespace if it is not there; list of pods and events, to say why objects are not ready, and
// get of pods/log for Apps that allow it. What is missing is said in the error of the App. What an
// App with an account (account.h) changes needs rights of that ServiceAccount instead, and ours to
// impersonate it. Without the right to list and watch autoscalers and canaries, they are not
// heeded.
//
// Who changed what is what managedFields claim; with the API server's audit log (audit.h) it is the
// user whom the API server let in. A difference that is new waits for that, at most two seconds.
//
// Threads: the loop given at new. agent_kube_new reads files; a token file is read again by the
// loop.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct agent_driver;
struct cm_http;
struct cm_loop;
struct cm_workers;

struct agent_kube_config {
    const char *kubeconfig;          // path; NULL: the service account of the pod we run in
    const char *context;             // of the kubeconfig; NULL: its current one
    const char *service_account_dir; // NULL: /var/run/secrets/kubernetes.io/serviceaccount
    const char *pod;                 // that we run in; NULL or "": as the machine is called, if
                                     // there is no kubeconfig
    const char *pod_namespace;       // NULL or "": as the service account says
    const char *field_manager;       // NULL: "holdfast"
    const char *inventory_namespace; // NULL: "holdfast-system"
    long max_in_flight;      // operations at once, and up to three times as many slow ones; 0: 16
    bool observes;           // nothing is ever written
    const char *survey;      // who observes also tells of workloads that nobody names, in these
                             // namespaces, with commas; "*": all but the cluster's own and the
                             // agent's; NULL or "": of none
    const char *audit_log;   // of the API server; NULL or "": who did what is only claimed
    int64_t audit_wait_ms;   // for what it says of a change that was just seen
    struct cm_workers *disk; // which read it; they stop before the driver is freed
    int64_t verify_ms;       // between lists of everything; 0: a day
};

// agent_kube_new makes the driver; *out is freed through its ops. It fails with CM_EINVAL, in words
// for the user, if the configuration cannot be used. Nothing is connected before `start`.
CM_MUSTUSE enum cm_rc agent_kube_new(struct cm_loop *loop, struct cm_http *http,
                                     const struct agent_kube_config *config,
                                     struct agent_driver **out, struct cm_err *err);
