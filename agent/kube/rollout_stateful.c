// What the StatefulSet controller does with releases.
//
//     https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#rolling-updates
//
// It knows no deadline: it waits for its next pod for ever. So the time is the App's, and counts
// from when a pod more was updated, or available, than ever of that revision. The token is the
// revision that it updates to; it is promoted once all pods are of it and available. From then on
// it is not late: a pod that is lost, or asked for besides, says nothing of the release.
//
// With `podManagementPolicy: OrderedReady` it waits for a pod that does not come up even after the
// template is what it was before, for it looks at revisions only once all pods are well
// (https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback): stuck.
// What it would do with such a pod, and with `Parallel` does, is delete it.
#include <string.h>

#include "agent/kube/object.h"
#include "agent/kube/rollout.h"
#include "common/arena.h"
#include "common/json.h"

#define CONTROLLER "statefulset"
#define BY_CONTROLLER "kube-controller-manager"
#define REVISION_LABEL "controller-revision-hash"

struct state {
    const char *revision; // that it updates to
    bool went_back;       // to the one that came up last
    bool ordered;
    int64_t wanted;
    int64_t pods;
    int64_t updated;
    int64_t available;
};

// is_rolling: pods are replaced by the controller itself, all of them.
static bool is_rolling(const struct cm_json *set) {
    const struct cm_json *strategy = cm_json_path(set, "spec", "updateStrategy", NULL);
    const char *type = kube_rollout_text(strategy, "type");

    return (type[0] == '\0' || strcmp(type, "RollingUpdate") == 0) &&
           cm_json_int(cm_json_path(strategy, "rollingUpdate", "partition", NULL), 0) == 0;
}

static struct state state_of(const struct cm_json *set) {
    const struct cm_json *spec = cm_json_get(set, "spec");
    const struct cm_json *status = cm_json_get(set, "status");
    const char *update = kube_rollout_text(status, "updateRevision");
    int64_t ready = cm_json_int(cm_json_get(status, "readyReplicas"), 0);

    return (struct state){
        .revision = update,
        .went_back = strcmp(update, kube_rollout_text(status, "currentRevision")) == 0,
        .ordered = strcmp(kube_rollout_text(spec, "podManagementPolicy"), "Parallel") != 0,
        .wanted = cm_json_int(cm_json_get(spec, "replicas"), 1),
        .pods = cm_json_int(cm_json_get(status, "replicas"), 0),
        .updated = cm_json_int(cm_json_get(status, "updatedReplicas"), 0),
        .available = cm_json_int(cm_json_get(status, "availableReplicas"), ready),
    };
}

static bool is_complete(const struct state *s) {
    return s->wanted > 0 && s->pods == s->wanted && s->updated == s->wanted &&
           s->available == s->wanted;
}

static void note_progress(const struct state *s, int64_t now_ms, struct kube_rollout_seen *seen) {
    uint64_t print = kube_rollout_print(s->revision);
    int64_t sum = s->updated + s->available;

    if (print != seen->token) {
        seen->token = print;
        seen->late = 0;
        seen->best = -1;
    }
    if (sum > seen->best) {
        seen->best = sum;
        seen->progress_ms = now_ms;
    }
}

// due_ms_of is the same for all who look: from when the template was set.
static int64_t due_ms_of(const struct cm_json *set, const struct kube_rollout_time *time) {
    static const char *const template[] = {"f:spec", "f:template", NULL};
    int64_t set_ms;

    (void)kube_rollout_manager(set, template, NULL, &set_ms);
    return set_ms == 0 ? time->unix_ms : set_ms + (int64_t)time->timeout_s * 1000;
}

static void find_late(struct cm_arena *a, const struct cm_json *set, const struct state *s,
                      const struct kube_rollout_time *time, struct kube_rollout_seen *seen,
                      struct kube_rollout *out) {
    int64_t due_ms = seen->progress_ms + (int64_t)time->timeout_s * 1000;

    if (time->timeout_s == 0 || s->wanted == 0 || seen->late != 0 ||
        seen->promoted == seen->token) {
        return;
    }
    if (due_ms > time->now_ms) {
        out->again_ms = due_ms - time->now_ms;
        return;
    }
    if (out->decided) {
        out->again_ms = 1; // one look tells one thing
        return;
    }
    kube_rollout_decide(
        out, CONTROLLER, AGENT_VERDICT_TIMED_OUT,
        cm_arena_strf(a,
                      "of %lld pods %lld are of revision %.100s, and %lld available; no more "
                      "for %u s",
                      (long long)s->wanted, (long long)s->updated, s->revision,
                      (long long)s->available, (unsigned)time->timeout_s),
        due_ms_of(set, time), BY_CONTROLLER);
    out->decision.bad = s->revision;
    seen->late = seen->token;
}

static void find_after_all(const struct state *s, const struct kube_rollout_time *time,
                           struct kube_rollout_seen *seen, struct kube_rollout *out) {
    if (seen->late != 0 && out->decided) {
        out->again_ms = 1;
        return;
    }
    if (seen->late != 0) {
        kube_rollout_decide(out, CONTROLLER, AGENT_VERDICT_PROMOTED, "it came up after its time",
                            time->unix_ms, BY_CONTROLLER);
        out->decision.good = s->revision;
    }
    seen->late = 0;
}

// find_release finds what became of the newest revision. Of a template that people went back with
// it is not what was applied.
static void find_release(struct cm_arena *a, const struct cm_json *set,
                         const struct kube_rollout_time *time, struct kube_rollout_seen *seen,
                         struct kube_rollout *out) {
    struct state s = state_of(set);
    int64_t at_ms = 0;

    if (!kube_rollout_is_current(set) || !is_rolling(set) || s.revision[0] == '\0') {
        return;
    }
    note_progress(&s, time->now_ms, seen);
    if (is_complete(&s)) {
        out->promoted = kube_rollout_undoer(set, &at_ms) == NULL;
        out->token = out->promoted ? s.revision : "";
        seen->promoted = seen->token;
        find_after_all(&s, time, seen, out);
    } else {
        out->stuck = s.ordered && s.went_back && s.updated < s.pods && s.available < s.wanted;
        find_late(a, set, &s, time, seen, out);
    }
}

void kube_rollout_stateful_set(struct cm_arena *a, const struct cm_json *set,
                               const struct kube_rollout_time *time, struct kube_rollout_seen *seen,
                               struct kube_rollout *out) {
    *out = (struct kube_rollout){.token = ""};
    kube_rollout_undo(set, CONTROLLER, seen, out);
    find_release(a, set, time, seen, out);
    out->decision.first = !seen->known && out->decided;
    seen->known = true;
}

// ---- A pod that holds it up

static bool is_ready(const struct cm_json *pod) {
    return strcmp(kube_rollout_text(kube_rollout_condition(pod, "Ready"), "status"), "True") == 0;
}

static bool is_owned(const struct cm_json *pod, const char *uid) {
    const struct cm_json *owners = cm_json_path(pod, "metadata", "ownerReferences", NULL);

    if (owners == NULL || owners->type != CM_ARRAY) {
        return false;
    }
    for (const struct cm_json *o = owners->first; o != NULL; o = o->next) {
        if (cm_json_true(cm_json_get(o, "controller"))) {
            return strcmp(kube_rollout_text(o, "uid"), uid) == 0;
        }
    }
    return false;
}

const struct cm_json *kube_rollout_stuck_pod(const struct cm_json *pods, const char *uid,
                                             const char *revision) {
    const struct cm_json *items = cm_json_get(pods, "items");

    if (items == NULL || items->type != CM_ARRAY) {
        return NULL;
    }
    for (const struct cm_json *pod = items->first; pod != NULL; pod = pod->next) {
        const char *of = kube_object_label(pod, REVISION_LABEL);
        bool going = cm_json_path(pod, "metadata", "deletionTimestamp", NULL) != NULL;

        if (of != NULL && strcmp(of, revision) != 0 && !going && !is_ready(pod) &&
            is_owned(pod, uid)) {
            return pod;
        }
    }
    return NULL;
}
