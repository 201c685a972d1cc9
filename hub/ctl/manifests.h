// manifests: what to apply in a Kubernetes cluster, so that an agent runs and enrolls there.
//
// deploy/kubernetes/agent.yaml, which is built in, with an image and the join token, and the rights
// that are wished: everything in the whole cluster, in some namespaces, or only some resources.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>

#include "common/err.h"

struct cm_arena;
struct cm_str;

struct ctl_manifests {
    const char *image;
    const char *hub; // HOST:PORT where to enroll
    const char *token;
    const char *namespaces; // with commas between them; NULL: the whole cluster
    const char *resources;  // "deployments.apps,configmaps"; NULL: all of them
    bool observes;          // it changes nothing, and may only read
    const char *audit_log;  // of the API server, a file on its node; NULL: none
    bool impersonate;       // Apps may name a ServiceAccount in whose name it works
};

// ctl_manifests_check fails with CM_EINVAL if image, namespaces or resources are none, or
// one that observes shall impersonate.
CM_MUSTUSE enum cm_rc ctl_manifests_check(const struct ctl_manifests *m, struct cm_err *err);

// ctl_manifests_write appends YAML documents; *m was checked.
void ctl_manifests_write(struct cm_arena *a, const struct ctl_manifests *m, struct cm_str *out);
