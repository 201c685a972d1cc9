// What the Deployment controller does, and what people do with kubectl.
//
//     https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
//
// It rolls nothing back: a release that does not come up in progressDeadlineSeconds only says so.
// `kubectl rollout undo` puts an older template in the place of ours, under a field manager of its
// own, which `kubectl rollout restart` uses, too, but for an annotation only. The token is the
// revision, and only a complete rollout has one: before that nothing says which form it is of.
#include <string.h>

#include "agent/kube/rollout.h"
#include "common/arena.h"
#include "common/json.h"

#define CONTROLLER "deployment"
#define BY_KUBECTL "kubectl-rollout"

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

static void find_undo(const struct cm_json *deployment, struct kube_rollout_seen *seen,
                      struct kube_rollout *out) {
    static const char *const template[] = {"f:spec", "f:template", "f:spec", NULL};
    int64_t at_ms;
    const char *who = kube_rollout_manager(deployment, template, BY_KUBECTL, &at_ms);

    if (who[0] == '\0') {
        return;
    }
    out->token = ""; // which is not what was applied
    out->promoted = false;
    out->decided = at_ms != seen->undone_ms;
    out->decision = (struct agent_decision){.controller = CONTROLLER,
                                            .verdict = AGENT_VERDICT_UNDONE,
                                            .bad = "",
                                            .good = "",
                                            .text = "the template was replaced by an older one",
                                            .weight = -1,
                                            .at_ms = at_ms,
                                            .actor = who};
    seen->undone_ms = at_ms;
}

static void find_late(const struct cm_json *deployment, struct kube_rollout_seen *seen,
                      struct kube_rollout *out) {
    const struct cm_json *progressing = kube_rollout_condition(deployment, "Progressing");
    int64_t edge_ms = kube_rollout_time(progressing, "lastTransitionTime");

    if (strcmp(kube_rollout_text(progressing, "reason"), "ProgressDeadlineExceeded") != 0 ||
        edge_ms == seen->edge_ms) {
        return;
    }
    out->decided = true;
    out->decision = (struct agent_decision){.controller = CONTROLLER,
                                            .verdict = AGENT_VERDICT_TIMED_OUT,
                                            .bad = "",
                                            .good = "",
                                            .text = kube_rollout_text(progressing, "message"),
                                            .weight = -1,
                                            .at_ms = edge_ms,
                                            .actor = "kube-controller-manager"};
    seen->edge_ms = edge_ms;
}

void kube_rollout_deployment(struct cm_arena *a, const struct cm_json *deployment, bool led,
                             struct kube_rollout_seen *seen, struct kube_rollout *out) {
    const char *revision = cm_json_string(cm_json_path(deployment, "metadata", "annotations",
                                                       "deployment.kubernetes.io/revision", NULL));

    (void)a;
    *out = (struct kube_rollout){.token = ""};
    if (!kube_rollout_is_current(deployment)) {
        return;
    }
    if (!led && revision != NULL && is_complete(deployment)) {
        out->token = revision;
        out->promoted = true;
    } else if (!led) {
        find_late(deployment, seen, out);
    }
    find_undo(deployment, seen, out);
    out->decision.first = !seen->known;
    seen->known = true;
}
