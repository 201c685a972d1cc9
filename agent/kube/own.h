// own: what the agent itself lives in, which no App may take away from under it.
//
// The namespaces of its pod and of its inventory, and the workload that the pod is of, as the pod's
// name tells: nobody needs to be asked. An App in Git may keep them, and change them: that is how
// an agent is upgraded from Git.
//
// Kubernetes makes the name of a pod of the name of what it is of, a hyphen and five characters, of
// a Deployment with a hash between them; what comes before the five is cut at 58 bytes
// (k8s.io/apiserver/pkg/storage/names). Where it was cut, whatever begins alike counts as its own.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>

struct cm_json;

struct kube_own {
    const char *inventory; // its namespace
    const char *ns;        // of the pod that the agent runs in; "": not known
    const char *pod;       // "": it runs in none, or that is not known
};

// kube_own_has tells whether the object of a key ("Deployment.apps/NS/NAME"), which is in a
// namespace ("" for none), is one that the agent lives in.
bool kube_own_has(const struct kube_own *own, const char *key, const char *ns);

// kube_own_stops tells whether a form of such an object would have nothing of it run.
bool kube_own_stops(const struct cm_json *form);
