// What Argo Rollouts does, read from a Rollout.
//
//     https://argo-rollouts.readthedocs.io/en/stable/features/specification/
//     https://github.com/argoproj/argo-rollouts/blob/v1.9.2/utils/conditions/conditions.go
//
// A status is about the spec only if observedGeneration says so. An abort leaves the spec as it is:
// stableRS goes on, currentPodHash is the one that was rejected. A deadline that is exceeded aborts
// nothing by itself. Going back to what stableRS is takes no steps, and is no promotion: stableRS
// did not change. What is installed first is promoted: it is what others are compared with. An undo
// (of the kubectl plugin, the dashboard) only replaces the template. A pause without a duration,
// one of a person, and an analysis that has found nothing out last until somebody promotes or
// aborts.
#include <string.h>

#include "agent/kube/rollout.h"
#include "common/arena.h"
#include "common/json.h"

#define CONTROLLER "argo-rollouts"

struct status {
    const struct cm_json *status;
    const struct cm_json *progressing;
    const char *current;
    const char *stable;
    const char *phase;
    bool aborted;
    int weight;
};

// weight_by_steps is the last weight that a step has set, where no traffic is routed.
static int weight_by_steps(const struct cm_json *rollout, int64_t step) {
    const struct cm_json *steps =
        cm_json_path(rollout, "spec", "strategy", "canary", "steps", NULL);
    int64_t weight = -1;

    if (steps == NULL || steps->type != CM_ARRAY) {
        return -1;
    }
    for (const struct cm_json *s = steps->first; s != NULL && step-- >= 0; s = s->next) {
        weight = cm_json_int(cm_json_get(s, "setWeight"), weight);
    }
    return weight < -1 || weight > 100 ? -1 : (int)weight;
}

static int weight_of(const struct cm_json *rollout, const struct cm_json *status) {
    int64_t weight =
        cm_json_int(cm_json_path(status, "canary", "weights", "canary", "weight", NULL), -1);

    return weight >= 0 && weight <= 100
               ? (int)weight
               : weight_by_steps(rollout, cm_json_int(cm_json_get(status, "currentStepIndex"), -1));
}

// is_aborted: of a blue-green rollout only once the stable one serves again.
static bool is_aborted(const struct cm_json *status, const struct cm_json *progressing,
                       const char *stable) {
    const char *active = cm_json_string(cm_json_path(status, "blueGreen", "activeSelector", NULL));
    const char *how = cm_json_string(cm_json_path(status, "duration", "completionStatus", NULL));
    bool says = cm_json_true(cm_json_get(status, "abort")) ||
                kube_rollout_text(status, "abortedAt")[0] != '\0';
    bool aborted =
        (says && strcmp(kube_rollout_text(progressing, "reason"), "RolloutAborted") == 0) ||
        (how != NULL && strcmp(how, "Aborted") == 0);

    return aborted && (active == NULL || strcmp(active, stable) == 0);
}

static struct status status_of(const struct cm_json *rollout) {
    const struct cm_json *status = cm_json_get(rollout, "status");
    struct status s = {.status = status,
                       .progressing = kube_rollout_condition(rollout, "Progressing"),
                       .current = kube_rollout_text(status, "currentPodHash"),
                       .stable = kube_rollout_text(status, "stableRS"),
                       .phase = kube_rollout_text(status, "phase")};

    s.aborted = is_aborted(status, s.progressing, s.stable);
    s.weight = weight_of(rollout, status);
    return s;
}

// aborter is who said so: the controller, or a person with the plugin.
static const char *aborter(const struct cm_json *rollout) {
    static const char *const abort[] = {"f:status", "f:abort", NULL};
    int64_t at_ms;
    const char *who = kube_rollout_manager(rollout, abort, NULL, &at_ms);

    return who[0] == '\0' ? "rollouts-controller" : who;
}

static const char *words_of(const struct status *s) {
    const char *words = kube_rollout_text(s->status, "message");

    return words[0] != '\0' ? words : kube_rollout_text(s->progressing, "message");
}

static void decide(struct kube_rollout *out, const struct status *s, enum agent_verdict verdict,
                   int64_t at_ms, const char *actor) {
    bool promoted = verdict == AGENT_VERDICT_PROMOTED;

    out->decided = true;
    out->decision = (struct agent_decision){
        .controller = CONTROLLER,
        .verdict = verdict,
        .bad = promoted ? "" : s->current,
        .good = promoted ? s->current : s->stable,
        .text = words_of(s),
        .weight = promoted || verdict == AGENT_VERDICT_REJECTED ? -1 : s->weight,
        .at_ms = at_ms,
        .actor = actor,
    };
}

static int64_t changed_ms(const struct status *s) {
    int64_t ms = kube_rollout_time(s->progressing, "lastTransitionTime");

    return ms != 0 ? ms : kube_rollout_time(s->progressing, "lastUpdateTime");
}

// fail looks whether a release that is not the stable one came to an end.
static void fail(const struct cm_json *rollout, const struct status *s,
                 struct kube_rollout_seen *seen, struct kube_rollout *out) {
    bool late =
        strcmp(kube_rollout_text(s->progressing, "reason"), "ProgressDeadlineExceeded") == 0;
    int64_t aborted_ms = kube_rollout_time(s->status, "abortedAt");
    int64_t edge_ms = s->aborted && aborted_ms != 0 ? aborted_ms : changed_ms(s);
    bool is_edge = edge_ms != seen->edge_ms || seen->token != kube_rollout_print(s->current);

    if (is_edge && s->aborted) {
        decide(out, s, AGENT_VERDICT_REJECTED, edge_ms, aborter(rollout));
    } else if (is_edge && late) {
        decide(out, s, AGENT_VERDICT_TIMED_OUT, edge_ms, "rollouts-controller");
    }
    seen->edge_ms = s->aborted || late ? edge_ms : seen->edge_ms;
}

// ---- Waiting for somebody

struct wait {
    int64_t since_ms;
    const char *reason; // NULL: it does not wait
    const char *actor;
};

static const struct cm_json *step_of(const struct cm_json *rollout, int64_t index) {
    const struct cm_json *steps =
        cm_json_path(rollout, "spec", "strategy", "canary", "steps", NULL);
    const struct cm_json *step = steps == NULL || steps->type != CM_ARRAY ? NULL : steps->first;

    while (step != NULL && index-- > 0) {
        step = step->next;
    }
    return index < 0 ? step : NULL;
}

static int64_t index_of(const struct status *s) {
    return cm_json_int(cm_json_get(s->status, "currentStepIndex"), -1);
}

// is_for_good tells whether nobody but a person ends a pause of that reason.
static bool is_for_good(const struct cm_json *rollout, const struct status *s, const char *reason) {
    if (strcmp(reason, "CanaryPauseStep") == 0) {
        const struct cm_json *pause = cm_json_get(step_of(rollout, index_of(s)), "pause");

        return pause != NULL && cm_json_get(pause, "duration") == NULL;
    }
    if (strcmp(reason, "BlueGreenPause") == 0) {
        return cm_json_int(cm_json_path(rollout, "spec", "strategy", "blueGreen",
                                        "autoPromotionSeconds", NULL),
                           0) == 0;
    }
    return strncmp(reason, "Inconclusive", strlen("Inconclusive")) == 0;
}

static struct wait wait_of(const struct cm_json *rollout, const struct status *s) {
    static const char *const paused[] = {"f:spec", "f:paused", NULL};
    const struct cm_json *all = cm_json_get(s->status, "pauseConditions");
    int64_t at_ms;

    for (const struct cm_json *c = all == NULL || all->type != CM_ARRAY ? NULL : all->first;
         c != NULL; c = c->next) {
        const char *reason = kube_rollout_text(c, "reason");

        if (is_for_good(rollout, s, reason)) {
            at_ms = kube_rollout_time(c, "startTime");
            return (struct wait){at_ms != 0 ? at_ms : changed_ms(s), reason, "rollouts-controller"};
        }
    }
    if (!cm_json_true(cm_json_path(rollout, "spec", "paused", NULL))) {
        return (struct wait){.reason = NULL};
    }
    const char *actor = kube_rollout_manager(rollout, paused, NULL, &at_ms);
    return (struct wait){changed_ms(s), "spec.paused", actor};
}

static void wait(struct cm_arena *a, const struct cm_json *rollout, const struct status *s,
                 const struct wait *w, struct kube_rollout *out) {
    const struct cm_json *meta = cm_json_get(rollout, "metadata");
    const char *name = kube_rollout_text(meta, "name");
    const char *ns = kube_rollout_text(meta, "namespace");
    int64_t index = index_of(s);
    const char *step = index < 0 ? "" : cm_arena_strf(a, " at step %lld", (long long)index + 1);

    decide(out, s, AGENT_VERDICT_WAITING, w->since_ms, w->actor);
    out->decision.text = cm_arena_strf(a,
                                       "%.100s%s; to go on: kubectl argo rollouts promote %s -n %s;"
                                       " to go back: kubectl argo rollouts abort %s -n %s",
                                       w->reason, step, name, ns, name, ns);
}

static void go_on(struct cm_arena *a, const struct cm_json *rollout, const struct status *s,
                  struct kube_rollout_seen *seen, struct kube_rollout *out) {
    bool same = seen->running && seen->token == kube_rollout_print(s->current);
    const struct wait w = wait_of(rollout, s);
    bool waited = seen->waits_ms != 0;

    if (w.reason != NULL && (same || !seen->known)) { // it begins before that
        if (!same || w.since_ms != seen->waits_ms) {
            wait(a, rollout, s, &w, out);
        }
        seen->waits_ms = w.since_ms;
        return;
    }
    seen->waits_ms = 0;
    if (!same || waited) {
        decide(out, s, AGENT_VERDICT_STARTED, changed_ms(s), "rollouts-controller");
    } else if (s->weight != seen->weight) {
        decide(out, s, AGENT_VERDICT_WEIGHT, kube_rollout_time(s->progressing, "lastUpdateTime"),
               "rollouts-controller");
    }
}

static void find_undo(const struct cm_json *rollout, const struct status *s,
                      struct kube_rollout_seen *seen, struct kube_rollout *out) {
    int64_t at_ms = 0;
    const char *who = kube_rollout_undoer(rollout, &at_ms);

    if (who == NULL) {
        return;
    }
    out->token = ""; // which is not what was applied
    out->promoted = false;
    if (at_ms == seen->undone_ms || out->decided) {
        return;
    }
    decide(out, s, AGENT_VERDICT_UNDONE, at_ms, who);
    out->decision.actor_ms = at_ms;
    out->decision.bad = "";
    out->decision.good = s->current;
    seen->undone_ms = at_ms;
}

void kube_rollout_argo(struct cm_arena *a, const struct cm_json *rollout,
                       struct kube_rollout_seen *seen, struct kube_rollout *out) {
    struct status s = status_of(rollout);

    *out = (struct kube_rollout){.token = ""};
    if (!kube_rollout_is_current(rollout) || s.current[0] == '\0') {
        return;
    }
    bool stable = strcmp(s.current, s.stable) == 0;
    bool late = strcmp(kube_rollout_text(s.progressing, "reason"), "ProgressDeadlineExceeded") == 0;
    out->token = s.current;
    out->promoted = stable && strcmp(s.phase, "Healthy") == 0;
    if (out->promoted && seen->promoted != kube_rollout_print(s.stable)) {
        decide(out, &s, AGENT_VERDICT_PROMOTED, changed_ms(&s), "rollouts-controller");
        seen->promoted = kube_rollout_print(s.stable);
    } else if (!stable && (s.aborted || late)) {
        fail(rollout, &s, seen, out);
    } else if (!stable && s.stable[0] != '\0') {
        go_on(a, rollout, &s, seen, out);
    }
    find_undo(rollout, &s, seen, out);
    if (stable && seen->running && seen->token != kube_rollout_print(s.current) && !out->decided) {
        // what was on its way is there no more
        decide(out, &s, AGENT_VERDICT_STARTED, changed_ms(&s), "rollouts-controller");
    }
    kube_rollout_date(rollout, out);
    out->decision.first = !seen->known;
    seen->known = true;
    seen->running = !stable && !s.aborted && !late;
    seen->waits_ms = seen->running ? seen->waits_ms : 0;
    seen->weight = s.weight;
    seen->token = kube_rollout_print(s.current);
}
