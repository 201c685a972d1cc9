// own: what the agent itself lives in, which no App may take away from under it.
//
// The namespace of its inventory, and the workload that its pod is of, as that pod's name tells:
// nobody needs to be asked. An App in Git may keep them, and change them: that is how an agent is
// upgraded from Git.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>

struct cm_json;

struct kube_own {
    const char *ns;  // of the agent
    const char *pod; // it runs in; "": in none
};

// kube_own_has tells whether the object of a key ("Deployment.apps/NS/NAME"), which is in a
// namespace ("" for none), is one that the agent lives in.
bool kube_own_has(const struct kube_own *own, const char *key, const char *ns);

// kube_own_stops tells whether a form of such an object would have nothing of it run.
bool kube_own_stops(const struct cm_json *form);
