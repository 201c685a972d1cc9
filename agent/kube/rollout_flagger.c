// What Flagger does, read from a Canary.
//
//     https://docs.flagger.app/usage/how-it-works#canary-status
//     https://github.com/fluxcd/flagger/blob/v1.44.0/pkg/canary/status.go
//     https://github.com/fluxcd/flagger/blob/v1.44.0/pkg/controller/scheduler.go
//
// lastAppliedSpec is a hash that only Flagger can make, of the target's pod template. It says
// nothing of ConfigMaps and Secrets; these are in trackedConfigs, so both together are the token. A
// Canary whose primary did not become ready at its promotion is Failed with all traffic on the
// canary: that release is live, not rolled back. Of the condition `Promoted` the transition time is
// that of the edge, and the time of its update that of the phase; status.lastTransitionTime changes
// with every write. What is installed first (Initialized) is promoted: it is what runs. A Canary
// waits where a webhook of the kind that gates its start, or its promotion, does not allow that. Of
// A/B tests and blue-green releases canaryWeight says nothing before their end, but iterations do.
#include <string.h>

#include "agent/kube/object.h"
#include "agent/kube/rollout.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

enum { ALL_OF_IT = 100 };

struct status {
    const char *phase;
    const char *applied;
    const char *promoted;
    const char *token;
    int weight;
    int64_t iteration;  // of an A/B test or a blue-green release, which are told by these
    int64_t iterations; // that there will be; 0: it goes by shares of the traffic
    const struct cm_json *condition;
};

static bool is_any(const char *phase, const char *const *phases) {
    while (*phases != NULL && strcmp(phase, *phases) != 0) {
        phases++;
    }
    return *phases != NULL;
}

static bool is_running(const char *phase) {
    static const char *const phases[] = {"Waiting",   "Progressing", "WaitingPromotion",
                                         "Promoting", "Finalising",  NULL};

    return is_any(phase, phases);
}

static bool is_good(const char *phase) {
    static const char *const phases[] = {"Initialized", "Succeeded", NULL};

    return is_any(phase, phases);
}

// token_of tells releases apart that differ in configuration only.
static const char *token_of(struct cm_arena *a, const char *applied, const struct cm_json *status) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    const struct cm_json *configs = cm_json_get(status, "trackedConfigs");

    if (applied[0] == '\0' || configs == NULL || configs->type != CM_OBJECT ||
        configs->first == NULL) {
        return applied;
    }
    cm_json_write_canonical(configs, &text);
    return cm_arena_strf(a, "%.100s:%016llx", applied,
                         (unsigned long long)kube_hash(0, text.data, text.len));
}

static struct status status_of(struct cm_arena *a, const struct cm_json *canary) {
    const struct cm_json *s = cm_json_get(canary, "status");
    struct status out = {.phase = kube_rollout_text(s, "phase"),
                         .applied = kube_rollout_text(s, "lastAppliedSpec"),
                         .promoted = kube_rollout_text(s, "lastPromotedSpec"),
                         .condition = kube_rollout_condition(canary, "Promoted")};
    int64_t weight = cm_json_int(cm_json_get(s, "canaryWeight"), 0);

    out.token = token_of(a, out.applied, s);
    out.weight = weight < 0 || weight > ALL_OF_IT ? 0 : (int)weight;
    out.iteration = cm_json_int(cm_json_get(s, "iterations"), 0);
    out.iterations = cm_json_int(cm_json_path(canary, "spec", "analysis", "iterations", NULL), 0);
    return out;
}

static const char *actor_of(const struct cm_json *canary) {
    static const char *const phase[] = {"f:status", "f:phase", NULL};
    int64_t at_ms;
    const char *actor = kube_rollout_manager(canary, phase, NULL, &at_ms);

    return actor[0] == '\0' ? "flagger" : actor;
}

// failure_of: with an equal template only configuration can have been new.
static enum agent_verdict failure_of(const struct status *s) {
    if (s->weight == ALL_OF_IT) {
        return AGENT_VERDICT_FAILED_FORWARD;
    }
    return s->promoted[0] != '\0' && strcmp(s->applied, s->promoted) == 0
               ? AGENT_VERDICT_CONFIG_REJECTED
               : AGENT_VERDICT_REJECTED;
}

// weight_at: where a release has come to its end the share of its traffic is no news.
static int weight_at(const struct status *s, enum agent_verdict verdict) {
    bool ended = verdict == AGENT_VERDICT_PROMOTED || verdict == AGENT_VERDICT_REJECTED ||
                 verdict == AGENT_VERDICT_CONFIG_REJECTED;

    return ended ? -1 : s->weight;
}

static void decide(struct kube_rollout *out, const struct cm_json *canary, const struct status *s,
                   enum agent_verdict verdict, int64_t at_ms) {
    const char *text = kube_rollout_text(s->condition, "message");
    bool failed = verdict == AGENT_VERDICT_REJECTED;

    out->decided = true;
    out->decision = (struct agent_decision){
        .controller = "flagger",
        .verdict = verdict,
        .bad = verdict == AGENT_VERDICT_PROMOTED ? "" : s->token,
        .good = verdict == AGENT_VERDICT_PROMOTED ? s->token
                : failed                          ? s->promoted
                                                  : "",
        .text = text,
        .weight = weight_at(s, verdict),
        .at_ms = at_ms,
        .actor = actor_of(canary),
    };
}

// end looks whether a release has come to its end since it was looked last.
static void end(const struct cm_json *canary, const struct status *s, int64_t edge_ms,
                struct kube_rollout_seen *seen, struct kube_rollout *out) {
    bool is_edge = seen->running || edge_ms != seen->edge_ms || !seen->known;
    bool failed = strcmp(s->phase, "Failed") == 0;

    if (is_edge && failed) {
        decide(out, canary, s, failure_of(s), edge_ms);
    } else if (is_edge && is_good(s->phase) && strcmp(s->applied, s->promoted) == 0) {
        decide(out, canary, s, AGENT_VERDICT_PROMOTED, edge_ms);
    }
    seen->edge_ms = edge_ms;
}

// gate_of is the kind of webhook that is to let a Canary in this phase go on; NULL: none.
static const char *gate_of(const char *phase) {
    return strcmp(phase, "Waiting") == 0            ? "confirm-rollout"
           : strcmp(phase, "WaitingPromotion") == 0 ? "confirm-promotion"
                                                    : NULL;
}

// hook_of is what the first webhook of that kind is called, "" if there is none.
static const char *hook_of(const struct cm_json *canary, const char *gate) {
    const struct cm_json *hooks = cm_json_path(canary, "spec", "analysis", "webhooks", NULL);

    if (hooks == NULL || hooks->type != CM_ARRAY) {
        return "";
    }
    for (const struct cm_json *h = hooks->first; h != NULL; h = h->next) {
        if (strcmp(kube_rollout_text(h, "type"), gate) == 0) {
            return kube_rollout_text(h, "name");
        }
    }
    return "";
}

// wait tells how to go on. In some phases Flagger does not say which share the release has.
static void wait(struct cm_arena *a, const struct cm_json *canary, const struct status *s,
                 int64_t since_ms, struct kube_rollout *out) {
    const char *gate = gate_of(s->phase);
    const char *hook = hook_of(canary, gate);
    const char *words = kube_rollout_text(s->condition, "message");

    decide(out, canary, s, AGENT_VERDICT_WAITING, since_ms);
    out->decision.weight = s->weight > 0 ? s->weight : -1;
    out->decision.text =
        cm_arena_strf(a, "%.200s; to go on let its webhook %.100s%s(%s) allow it",
                      words[0] == '\0' ? s->phase : words, hook, hook[0] == '\0' ? "" : " ", gate);
}

static int64_t written_ms(const struct cm_json *canary) {
    return kube_rollout_time(cm_json_get(canary, "status"), "lastTransitionTime");
}

// step tells how far it is. Flagger gives it a share only at the end, or none.
static void step(struct cm_arena *a, const struct cm_json *canary, const struct status *s,
                 struct kube_rollout *out) {
    decide(out, canary, s, AGENT_VERDICT_WEIGHT, written_ms(canary));
    out->decision.weight = s->weight > 0 ? s->weight : -1;
    out->decision.text = cm_arena_strf(a, "iteration %lld of %lld", (long long)s->iteration,
                                       (long long)s->iterations);
}

static void go_on(struct cm_arena *a, const struct cm_json *canary, const struct status *s,
                  int64_t edge_ms, struct kube_rollout_seen *seen, struct kube_rollout *out) {
    int64_t updated_ms = kube_rollout_time(s->condition, "lastUpdateTime");
    int64_t phase_ms = updated_ms > edge_ms ? updated_ms : edge_ms;
    bool same = seen->running && seen->token == kube_rollout_print(s->token);
    bool waits = gate_of(s->phase) != NULL && (same || !seen->known); // it begins before that

    if (waits && (!same || seen->waits_ms == 0)) {
        wait(a, canary, s, phase_ms, out);
        seen->waits_ms = phase_ms;
    } else if (!waits && (!same || seen->waits_ms != 0)) {
        bool waited = seen->waits_ms != 0 || strcmp(s->phase, "Progressing") == 0;

        decide(out, canary, s, AGENT_VERDICT_STARTED, waited ? phase_ms : edge_ms);
        seen->waits_ms = 0;
    } else if (!waits && s->iterations > 0 && s->iteration != seen->iteration) {
        step(a, canary, s, out);
    } else if (!waits && s->weight != seen->weight) {
        decide(out, canary, s, AGENT_VERDICT_WEIGHT, written_ms(canary));
    }
}

void kube_rollout_flagger(struct cm_arena *a, const struct cm_json *canary,
                          struct kube_rollout_seen *seen, struct kube_rollout *out) {
    struct status s = status_of(a, canary);
    int64_t edge_ms = kube_rollout_time(s.condition, "lastTransitionTime");
    bool running = is_running(s.phase);

    *out = (struct kube_rollout){.token = s.token};
    if (s.applied[0] == '\0') {
        return;
    }
    out->promoted = is_good(s.phase) && strcmp(s.applied, s.promoted) == 0;
    if (running) {
        go_on(a, canary, &s, edge_ms, seen, out);
    } else {
        end(canary, &s, edge_ms, seen, out);
        seen->waits_ms = 0;
    }
    kube_rollout_date(canary, out);
    out->decision.first = !seen->known;
    seen->known = true;
    seen->running = running;
    seen->weight = s.weight;
    seen->iteration = s.iteration;
    seen->token = kube_rollout_print(s.token);
}
