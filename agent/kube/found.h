// found: which workloads are told of though nobody in Git names them, and what each is a part of.
//
// Kinds are those that run something and say of a release how it does; what they made of it
// (ReplicaSets, Pods, the Deployment that Flagger makes of a Canary's) is told by them.
//
// A workload is a part of what whoever applied it calls it, in this order:
//     Argo CD        argocd.APP               its tracking id, or its label of an instance
//     Flux           kustomization.NS.NAME    the labels of its two controllers
//                    helmrelease.NS.NAME
//     Rancher Fleet  fleet.ID                 the id of its object set
//     Helm           helm.NS.RELEASE
//     labels         app.NS.INSTANCE          app.kubernetes.io/instance, or /name
//     nothing        app.NS.NAME              by itself
// No App in Git has a dot in its name, so none is taken for another.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_arena;
struct cm_json;

struct kube_found_kind {
    const char *group;
    const char *kind;
};

#define KUBE_FOUND_KINDS 6
extern const struct kube_found_kind kube_found_kinds[KUBE_FOUND_KINDS];

// As in struct agent_found; texts are the arena's.
struct kube_found {
    const char *group;
    const char *runs;
    const char *form;
};

// kube_found_of reads a live object of one of these kinds. It is false for one that a controller
// made of another one of them.
bool kube_found_of(struct cm_arena *a, const struct cm_json *live, struct kube_found *out);
