// How many replicas a workload wants, where that is for somebody else to say: who has them by right
// (right.h), or anybody, if Git does not say. What changes them is told to the core, which gathers
// it; nothing is watched for that.
#include "agent/kube/internal.h"
#include "agent/kube/right.h"
#include "common/json.h"
#include "common/object/owned.h"

static const struct cm_json *replicas_of(const struct cm_json *object) {
    const struct cm_json *replicas = cm_json_path(object, "spec", "replicas", NULL);

    return replicas != NULL && replicas->type == CM_NUMBER ? replicas : NULL;
}

static const char *manager_of(const struct cm_json *live) {
    struct cm_manager manager;

    return cm_object_manager_of(live, "spec.replicas", &manager) ? manager.name : "";
}

static void tell(struct kube_entry *e, const struct cm_json *live, int64_t replicas, bool theirs) {
    const struct agent_driver_host *host = &e->k->host;
    bool same = e->counted && e->replicas == replicas && e->scales == theirs;

    e->counted = true;
    e->replicas = replicas;
    e->scales = theirs;
    if (!same && e->tracked) {
        host->scaled(host->ctx, &(struct agent_scaled){.key = e->key,
                                                       .replicas = replicas,
                                                       .theirs = theirs,
                                                       .owner = kube_owners_scaler(e),
                                                       .manager = manager_of(live)});
    }
}

void kube_scaled_saw(struct kube_entry *e, const struct cm_json *desired,
                     const struct cm_json *live) {
    const struct cm_json *replicas = replicas_of(live);

    if (replicas != NULL) {
        bool theirs = replicas_of(desired) == NULL || kube_owners_scale(e);

        tell(e, live, cm_json_int(replicas, 0), theirs);
    }
}

void kube_scaled_applied(struct kube_entry *e, const struct cm_json *live) {
    const struct cm_json *replicas = replicas_of(live);

    if (replicas != NULL) {
        tell(e, live, cm_json_int(replicas, 0), e->scales);
    }
}
