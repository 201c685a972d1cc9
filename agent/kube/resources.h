// resources: which kinds the API server offers, and where: group, version and kind to URL.
//
// Filled from discovery: the aggregated form (apidiscovery.k8s.io) or the older one with a list per
// group and version. The first version of a group is the server's preferred one.
//
// Threads: one at a time; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct cm_arena;
struct cm_json;
struct kube_resources;

#define KUBE_RESOURCES_MAX 20000

struct kube_resource {
    const char *group; // "" for the core group
    const char *version;
    const char *kind;
    const char *plural;
    bool namespaced;
};

struct kube_resources *kube_resources_new(void);
void kube_resources_free(struct kube_resources *r); // NULL is fine

// kube_resources_add adds an APIGroupDiscoveryList, or an APIResourceList of the older form. It
// fails with CM_EINVAL if the answer is neither, or holds too much.
CM_MUSTUSE enum cm_rc kube_resources_add(struct kube_resources *r, const struct cm_json *answer,
                                         struct cm_err *err);

// kube_resources_groups lists the URL paths below which an older server tells its resources, from
// an APIVersions or APIGroupList, preferred versions first. The strings are the arena's.
CM_MUSTUSE enum cm_rc kube_resources_groups(struct cm_arena *a, const struct cm_json *answer,
                                            const char ***out, size_t *out_count,
                                            struct cm_err *err);

// kube_resources_find returns a resource or NULL. `version` NULL or "": the preferred one.
const struct kube_resource *kube_resources_find(const struct kube_resources *r, const char *group,
                                                const char *version, const char *kind);

// kube_resources_named returns the resource that a group calls by this plural, or NULL.
const struct kube_resource *kube_resources_named(const struct kube_resources *r, const char *group,
                                                 const char *plural);

// kube_resources_stale tells whether the server could not ask one of its groups, so that a kind
// that is not here may exist all the same.
bool kube_resources_stale(const struct kube_resources *r);
void kube_resources_set_stale(struct kube_resources *r);

// kube_resource_path writes the URL path of a collection, or of an object if name is not NULL. The
// caller frees it. `ns` "" or NULL: all namespaces.
char *kube_resource_path(const struct kube_resource *r, const char *ns, const char *name);
