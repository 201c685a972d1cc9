// What the Deployment controller does.
//
//     https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
//
// It rolls nothing back: a release that does not come up in progressDeadlineSeconds only says so;
// if it comes up after all, that is told, too, for somebody may be about to go back.
// The token is the revision, and only a complete rollout has one: before that nothing says which
// form it is of.
#include <string.h>

#include "agent/kube/rollout.h"
#include "common/json.h"

#define CONTROLLER "deployment"
#define BY_CONTROLLER "kube-controller-manager"

static int64_t count_of(const struct cm_json *deployment, const char *part, const char *name,
                        int64_t otherwise) {
    return cm_json_int(cm_json_path(deployment, part, name, NULL), otherwise);
}

static bool is_complete(const struct cm_json *deployment) {
    int64_t wanted = count_of(deployment, "spec", "replicas", 1);

    return wanted > 0 && count_of(deployment, "status", "updatedReplicas", 0) == wanted &&
           count_of(deployment, "status", "replicas", 0) == wanted &&
           count_of(deployment, "status", "availableReplicas", 0) == wanted;
}

static void find_late(const struct cm_json *deployment, const char *revision,
                      struct kube_rollout_seen *seen, struct kube_rollout *out) {
    const struct cm_json *progressing = kube_rollout_condition(deployment, "Progressing");
    int64_t edge_ms = kube_rollout_time(progressing, "lastTransitionTime");

    if (strcmp(kube_rollout_text(progressing, "reason"), "ProgressDeadlineExceeded") != 0 ||
        edge_ms == seen->edge_ms) {
        return;
    }
    kube_rollout_decide(out, CONTROLLER, AGENT_VERDICT_TIMED_OUT,
                        kube_rollout_text(progressing, "message"), edge_ms, BY_CONTROLLER);
    seen->edge_ms = edge_ms;
    seen->late = kube_rollout_print(revision);
}

static void find_after_all(const struct cm_json *deployment, struct kube_rollout_seen *seen,
                           struct kube_rollout *out) {
    const struct cm_json *progressing = kube_rollout_condition(deployment, "Progressing");

    if (!out->promoted || seen->late == 0) {
        return;
    }
    if (seen->late == kube_rollout_print(out->token)) {
        kube_rollout_decide(out, CONTROLLER, AGENT_VERDICT_PROMOTED,
                            "it came up after its deadline",
                            kube_rollout_time(progressing, "lastUpdateTime"), BY_CONTROLLER);
        out->decision.good = out->token;
    }
    seen->late = 0;
}

void kube_rollout_deployment(const struct cm_json *deployment, bool led,
                             struct kube_rollout_seen *seen, struct kube_rollout *out) {
    const char *revision = cm_json_string(cm_json_path(deployment, "metadata", "annotations",
                                                       "deployment.kubernetes.io/revision", NULL));

    *out = (struct kube_rollout){.token = ""};
    if (!kube_rollout_is_current(deployment)) {
        return;
    }
    if (!led && revision != NULL && is_complete(deployment)) {
        out->token = revision;
        out->promoted = true;
    }
    kube_rollout_undo(deployment, CONTROLLER, seen, out);
    if (!led && !out->decided && !out->promoted) { // else it is told next time, or not at all
        find_late(deployment, revision != NULL ? revision : "", seen, out);
    }
    if (!out->decided) {
        find_after_all(deployment, seen, out);
    }
    kube_rollout_date(deployment, out);
    out->decision.first = !seen->known;
    seen->known = true;
}
