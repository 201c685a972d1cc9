// status: what an answer of the API server means for the user and for whoever tries again.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct cm_json;
struct kube_resource;

// What was asked for.
struct kube_asked {
    const char *verbs;                    // as RBAC says it: "patch and create"
    const struct kube_resource *resource; // NULL: no resource
    const char *ns;                       // "" if none
    const char *name;
    const char *account; // "NAMESPACE/NAME" of the ServiceAccount that asked; NULL: we ourselves
};

// kube_status_error fills *err from an answer that is no success and returns its code: CM_EINVAL,
// CM_EBUSY, CM_EAUTH, CM_ENOTFOUND (this very object does not exist), CM_EEXISTS (a precondition
// failed) or CM_EIO. `answer` is a Status or NULL.
enum cm_rc kube_status_error(const struct kube_asked *asked, int status,
                             const struct cm_json *answer, struct cm_err *err);

// kube_status_is_taken tells whether a conflict is about fields that others have set; with `field`,
// about no other than this one.
bool kube_status_is_taken(const struct cm_json *answer, const char *field);
// kube_status_is_early tells whether only something was missing that may appear at any moment: a
// kind, or whoever answers for a webhook.
bool kube_status_is_early(int status, const struct cm_json *answer);
// kube_status_is_homeless tells whether the namespace of an object is not there.
bool kube_status_is_homeless(int status, const struct cm_json *answer, const char *ns);
