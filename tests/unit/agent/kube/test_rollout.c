#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/rollout.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "tests/support/json.h"

#define NOTHING (-1)

// ---- Flagger

// A step: the Canary's status, and what is to be made of it.
struct step {
    const char *phase;
    const char *applied;
    const char *promoted;
    int weight;
    const char *configs; // trackedConfigs
    int second;          // of the condition's transition
    int verdict;         // NOTHING
    const char *token;
    bool good;
    const char *bad_is;
    const char *good_is;
};

static struct cm_json *canary(struct cm_arena *a, const struct step *s) {
    return parse(
        a, cm_arena_strf(
               a,
               "{\"apiVersion\":\"flagger.app/v1beta1\",\"kind\":\"Canary\",\"metadata\":{\"name\":"
               "\"web\",\"namespace\":\"prod\",\"managedFields\":[{\"manager\":\"flagger\","
               "\"operation\":\"Update\",\"time\":\"2026-01-01T00:00:00Z\",\"fieldsV1\":{"
               "\"f:status\":{\"f:phase\":{}}}}]},\"status\":{\"phase\":\"%s\",\"canaryWeight\":%d,"
               "\"lastAppliedSpec\":\"%s\",\"lastPromotedSpec\":\"%s\",\"trackedConfigs\":%s,"
               "\"lastTransitionTime\":\"2026-01-01T01:00:00Z\",\"conditions\":[{\"type\":"
               "\"Promoted\",\"status\":\"False\",\"reason\":\"%s\",\"message\":\"the words of "
               "%s\",\"lastTransitionTime\":\"2026-01-01T00:00:%02dZ\"}]}}",
               s->phase, s->weight, s->applied, s->promoted, s->configs, s->phase, s->phase,
               s->second));
}

static void walk(const struct step *steps, size_t count) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_rollout_seen seen = {0};

    for (size_t i = 0; i < count; i++) {
        const struct step *s = &steps[i];
        struct kube_rollout r;

        print_message("%zu: %s %s %d\n", i, s->phase, s->applied, s->weight);
        kube_rollout_flagger(a, canary(a, s), &seen, &r);
        assert_int_equal(r.decided ? (int)r.decision.verdict : NOTHING, s->verdict);
        assert_string_equal(r.token, s->token);
        assert_int_equal(r.promoted, s->good);
        if (r.decided) {
            assert_string_equal(r.decision.actor, "flagger");
            assert_int_equal(r.decision.actor_ms, 1767225600000);
            assert_string_equal(r.decision.bad, s->bad_is);
            assert_string_equal(r.decision.good, s->good_is);
            assert_non_null(strstr(r.decision.text, s->phase));
        }
        kube_rollout_flagger(a, canary(a, s), &seen, &r); // seen again it is no news
        assert_false(r.decided);
    }
}

#define WALK(steps) walk(steps, sizeof(steps) / sizeof((steps)[0]))

static void a_canary_that_fails_is_rejected_at_its_edge_and_is_no_news_when_held(void **state) {
    static const struct step steps[] = {
        {"Initializing", "", "", 0, "{}", 0, NOTHING, "", false, "", ""},
        {"Initialized", "a", "a", 0, "{}", 1, AGENT_VERDICT_PROMOTED, "a", true, "", "a"},
        {"Progressing", "b", "a", 0, "{}", 2, AGENT_VERDICT_STARTED, "b", false, "b", ""},
        {"Progressing", "b", "a", 10, "{}", 2, AGENT_VERDICT_WEIGHT, "b", false, "b", ""},
        {"Failed", "b", "a", 0, "{}", 3, AGENT_VERDICT_REJECTED, "b", false, "b", "a"},
        {"Failed", "a", "a", 0, "{}", 3, NOTHING, "a", false, "", ""}, // the hold
        {"Progressing", "c", "a", 0, "{}", 4, AGENT_VERDICT_STARTED, "c", false, "c", ""},
        {"Failed", "c", "a", 0, "{}", 5, AGENT_VERDICT_REJECTED, "c", false, "c", "a"},
        {"Progressing", "d", "a", 0, "{}", 6, AGENT_VERDICT_STARTED, "d", false, "d", ""},
        {"Promoting", "d", "a", 50, "{}", 6, AGENT_VERDICT_WEIGHT, "d", false, "d", ""},
        {"Finalising", "d", "a", 50, "{}", 6, NOTHING, "d", false, "", ""},
        {"Succeeded", "d", "d", 0, "{}", 7, AGENT_VERDICT_PROMOTED, "d", true, "", "d"},
    };

    (void)state;
    WALK(steps);
}

#define AB(phase, iterations, weight)                                                              \
    "{\"kind\":\"Canary\",\"spec\":{\"analysis\":{\"iterations\":10}},\"status\":{\"phase\":"      \
    "\"" phase "\",\"canaryWeight\":" weight ",\"iterations\":" iterations                         \
    ",\"lastAppliedSpec\":\"b\",\"lastPromotedSpec\":\"a\",\"conditions\":[{\"type\":"             \
    "\"Promoted\",\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]}}"

// Its share is 0 until all of the traffic is its.
static void an_ab_test_is_told_by_its_iterations(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_rollout_seen seen = {.known = true};
    struct kube_rollout r;

    (void)state;
    kube_rollout_flagger(a, parse(a, AB("Progressing", "0", "0")), &seen, &r);
    assert_int_equal(r.decision.verdict, AGENT_VERDICT_STARTED);
    kube_rollout_flagger(a, parse(a, AB("Progressing", "3", "0")), &seen, &r);
    assert_true(r.decided);
    assert_int_equal(r.decision.verdict, AGENT_VERDICT_WEIGHT);
    assert_int_equal(r.decision.weight, -1);
    assert_string_equal(r.decision.text, "iteration 3 of 10");
    kube_rollout_flagger(a, parse(a, AB("Progressing", "3", "0")), &seen, &r);
    assert_false(r.decided);
    kube_rollout_flagger(a, parse(a, AB("Promoting", "10", "100")), &seen, &r);
    assert_int_equal(r.decision.weight, 100);
    assert_string_equal(r.decision.text, "iteration 10 of 10");
    kube_rollout_flagger(a, parse(a, AB("Finalising", "10", "0")), &seen, &r);
    assert_int_equal(r.decision.weight, 0); // as of any canary
}

static void one_that_failed_forward_is_not_rolled_back(void **state) {
    static const struct step steps[] = {
        {"Initialized", "a", "a", 0, "{}", 1, AGENT_VERDICT_PROMOTED, "a", true, "", "a"},
        {"Promoting", "b", "a", 50, "{}", 2, AGENT_VERDICT_STARTED, "b", false, "b", ""},
        {"Failed", "b", "a", 100, "{}", 3, AGENT_VERDICT_FAILED_FORWARD, "b", false, "b", ""},
    };

    (void)state;
    WALK(steps);
}

static void configuration_alone_can_be_rejected(void **state) {
    static const struct step steps[] = {
        {"Succeeded", "a", "a", 0, "{\"configmap/c\":\"1\"}", 1, AGENT_VERDICT_PROMOTED,
         "a:7e0cbc0ef45a2bc4", true, "", "a:7e0cbc0ef45a2bc4"},
        {"Progressing", "a", "a", 0, "{\"configmap/c\":\"2\"}", 2, AGENT_VERDICT_STARTED,
         "a:7e0cbc0ef45a2bc5", false, "a:7e0cbc0ef45a2bc5", ""},
        {"Failed", "a", "a", 0, "{\"configmap/c\":\"2\"}", 3, AGENT_VERDICT_CONFIG_REJECTED,
         "a:7e0cbc0ef45a2bc5", false, "a:7e0cbc0ef45a2bc5", ""},
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_rollout_seen seen = {0};
    struct kube_rollout r;
    const char *first;

    (void)state;
    kube_rollout_flagger(a, canary(a, &steps[0]), &seen, &r);
    first = r.token;
    assert_int_equal(strncmp(first, "a:", 2), 0);
    kube_rollout_flagger(a, canary(a, &steps[1]), &seen, &r);
    assert_int_equal(r.decision.verdict, AGENT_VERDICT_STARTED);
    assert_string_not_equal(r.token, first); // though its template is the same
    kube_rollout_flagger(a, canary(a, &steps[2]), &seen, &r);
    assert_true(r.decided);
    assert_int_equal(r.decision.verdict, AGENT_VERDICT_CONFIG_REJECTED);
    assert_string_equal(r.decision.good, ""); // what was promoted last
    assert_string_not_equal(r.decision.bad, first);
}

#define GATED(phase, weight, updated)                                                              \
    "{\"spec\":{\"analysis\":{\"webhooks\":[{\"type\":\"rollout\",\"name\":\"load\"},{\"type\":"   \
    "\"confirm-promotion\",\"name\":\"gate\"}]}},\"status\":{\"phase\":\"" phase                   \
    "\",\"canaryWeight\":" weight                                                                  \
    ",\"lastAppliedSpec\":\"b\",\"lastPromotedSpec\":\"a\",\"conditions\":[{"                      \
    "\"type\":\"Promoted\",\"message\":\"Words.\",\"lastTransitionTime\":\"2026-01-01T00:00:"      \
    "01Z\","                                                                                       \
    "\"lastUpdateTime\":\"2026-01-01T00:00:" updated "Z\"}]}}"

static void a_canary_waits_for_somebody_until_its_webhook_allows_it_to_go_on(void **state) {
    static const struct {
        const char *canary;
        int verdict;
        int weight;
        int second;
        const char *text;
    } steps[] = {
        {GATED("Waiting", "30", "02"), AGENT_VERDICT_WAITING, 30, 2,
         "Words.; to go on let its webhook (confirm-rollout) allow it"},
        {GATED("Progressing", "30", "03"), AGENT_VERDICT_STARTED, 30, 3, "Words."},
        {GATED("WaitingPromotion", "0", "04"), AGENT_VERDICT_WAITING, -1, 4, // it says none
         "Words.; to go on let its webhook gate (confirm-promotion) allow it"},
        {GATED("Promoting", "30", "05"), AGENT_VERDICT_STARTED, 30, 5, "Words."},
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_rollout_seen seen = {0};
    struct kube_rollout r;

    (void)state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        kube_rollout_flagger(a, parse(a, steps[i].canary), &seen, &r);
        assert_true(r.decided);
        assert_int_equal(r.decision.verdict, steps[i].verdict);
        assert_string_equal(r.decision.text, steps[i].text);
        assert_int_equal(r.decision.at_ms, INT64_C(1767225600000) + steps[i].second * 1000);
        assert_int_equal(r.decision.weight, steps[i].weight);
        kube_rollout_flagger(a, parse(a, steps[i].canary), &seen, &r);
        assert_false(r.decided);
    }
}

static void what_was_so_at_first_is_said_to_be(void **state) {
    static const struct step failed = {"Failed", "b", "a", 0, "{}", 3, 0, "", false, "", ""};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_rollout_seen seen = {0};
    struct kube_rollout r;

    (void)state;
    kube_rollout_flagger(a, canary(a, &failed), &seen, &r);
    assert_true(r.decided);
    assert_true(r.decision.first);
    assert_int_equal(r.decision.at_ms, INT64_C(1767225603000));
    kube_rollout_flagger(a, parse(a, "{}"), &seen, &r);
    assert_false(r.decided);
    assert_string_equal(r.token, "");
}

// ---- Argo Rollouts

#define ROLLOUT(strategy, status)                                                                  \
    "{\"apiVersion\":\"argoproj.io/"                                                               \
    "v1alpha1\",\"kind\":\"Rollout\",\"metadata\":{\"name\":\"web\","                              \
    "\"namespace\":\"prod\",\"generation\":2},\"spec\":{\"strategy\":" strategy "},\"status\":{"   \
    "\"observedGeneration\":\"2\"," status "}}"
#define CANARY "{\"canary\":{\"steps\":[{\"setWeight\":20},{\"pause\":{}},{\"setWeight\":60}]}}"
#define BLUE "{\"blueGreen\":{}}"
#define PROGRESSING(reason, second)                                                                \
    "\"conditions\":[{\"type\":\"Progressing\",\"reason\":\"" reason "\",\"message\":\"" reason    \
    " says so\",\"lastTransitionTime\":\"2026-01-01T00:00:" second "Z\"}]"
#define HASHES(current, stable) "\"currentPodHash\":\"" current "\",\"stableRS\":\"" stable "\","

static const char healthy_a[] = ROLLOUT(
    CANARY, HASHES("a", "a") "\"phase\":\"Healthy\"," PROGRESSING("NewReplicaSetAvailable", "01"));

struct argo_step {
    const char *rollout;
    int verdict;
    int weight;
    const char *token;
    bool good;
};

static void walk_argo(const struct argo_step *steps, size_t count) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_rollout_seen seen = {0};

    for (size_t i = 0; i < count; i++) {
        struct kube_rollout r;

        print_message("%zu\n", i);
        kube_rollout_argo(a, parse(a, steps[i].rollout), &seen, &r);
        assert_int_equal(r.decided ? (int)r.decision.verdict : NOTHING, steps[i].verdict);
        assert_string_equal(r.token, steps[i].token);
        assert_int_equal(r.promoted, steps[i].good);
        if (r.decided) {
            assert_int_equal(r.decision.weight, steps[i].weight);
        }
        kube_rollout_argo(a, parse(a, steps[i].rollout), &seen, &r);
        assert_false(r.decided);
    }
}

#define WALK_ARGO(steps) walk_argo(steps, sizeof(steps) / sizeof((steps)[0]))

static void an_abort_is_a_rejection_and_going_back_fast_is_no_promotion(void **state) {
    static const struct argo_step steps[] = {
        {healthy_a, AGENT_VERDICT_PROMOTED, -1, "a", true},
        {ROLLOUT(CANARY,
                 HASHES("b", "a") "\"phase\":\"Progressing\",\"currentStepIndex\":0," PROGRESSING(
                     "ReplicaSetUpdated", "02")),
         AGENT_VERDICT_STARTED, 20, "b", false},
        {ROLLOUT(CANARY,
                 HASHES("b", "a") "\"phase\":\"Paused\",\"currentStepIndex\":2," PROGRESSING(
                     "RolloutPaused", "03")),
         AGENT_VERDICT_WEIGHT, 60, "b", false},
        {ROLLOUT(CANARY,
                 HASHES("b", "a") "\"phase\":\"Degraded\",\"abort\":true,\"abortedAt\":"
                                  "\"2026-01-01T00:00:04Z\"," PROGRESSING("RolloutAborted", "04")),
         AGENT_VERDICT_REJECTED, -1, "b", false},
        {healthy_a, NOTHING, 0, "a", true},
    };

    (void)state;
    WALK_ARGO(steps);
}

#define PAUSED(reason, second)                                                                     \
    HASHES("b", "a")                                                                               \
    "\"phase\":\"Paused\",\"currentStepIndex\":1,\"pauseConditions\":[{\"reason\":\"" reason       \
    "\",\"startTime\":\"2026-01-01T00:00:" second "Z\"}]," PROGRESSING("RolloutPaused", second)
#define TIMED "{\"canary\":{\"steps\":[{\"setWeight\":20},{\"pause\":{\"duration\":\"1h\"}}]}}"
#define TIMED_BLUE "{\"blueGreen\":{\"autoPromotionSeconds\":60}}"

static void only_a_pause_that_nobody_but_a_person_ends_is_waited_for(void **state) {
    static const struct argo_step steps[] = {
        {healthy_a, AGENT_VERDICT_PROMOTED, -1, "a", true},
        {ROLLOUT(TIMED, PAUSED("CanaryPauseStep", "02")), AGENT_VERDICT_STARTED, 20, "b", false},
        {ROLLOUT(CANARY, PAUSED("CanaryPauseStep", "03")), AGENT_VERDICT_WAITING, 20, "b", false},
        {ROLLOUT(CANARY, PAUSED("CanaryPauseStep", "04")), AGENT_VERDICT_WAITING, 20, "b", false},
        {ROLLOUT(CANARY,
                 HASHES("b", "a") "\"phase\":\"Progressing\",\"currentStepIndex\":2," PROGRESSING(
                     "RolloutResumed", "05")),
         AGENT_VERDICT_STARTED, 60, "b", false},
        {ROLLOUT(TIMED, PAUSED("InconclusiveAnalysisRun", "06")), AGENT_VERDICT_WAITING, 20, "b",
         false},
        {healthy_a, AGENT_VERDICT_STARTED, -1, "a", true}, // Git went back
        {ROLLOUT(TIMED_BLUE, PAUSED("BlueGreenPause", "07")), AGENT_VERDICT_STARTED, -1, "b",
         false},
        {ROLLOUT(BLUE, PAUSED("BlueGreenPause", "08")), AGENT_VERDICT_WAITING, -1, "b", false},
        {ROLLOUT(BLUE, HASHES("b", "b") "\"phase\":\"Progressing\"," PROGRESSING("x", "09")),
         NOTHING, 0, "b", false},
        {ROLLOUT(BLUE, HASHES("b", "b") "\"phase\":\"Healthy\"," PROGRESSING("x", "09")),
         AGENT_VERDICT_PROMOTED, -1, "b", true},
    };

    (void)state;
    WALK_ARGO(steps);
}

// That both are seen at once changes nothing of what happened.
static void a_release_that_waits_at_once_has_started_before(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    static const struct step good = {"Initialized", "a", "a", 0, "{}", 1, 0, "", false, "", ""};
    struct kube_rollout_seen argo = {0};
    struct kube_rollout_seen flagger = {0};
    struct kube_rollout r;

    (void)state;
    kube_rollout_argo(a, parse(a, healthy_a), &argo, &r);
    kube_rollout_flagger(a, canary(a, &good), &flagger, &r);
    for (int i = 0; i < 3; i++) {
        static const int verdicts[] = {AGENT_VERDICT_STARTED, AGENT_VERDICT_WAITING, NOTHING};

        kube_rollout_argo(a, parse(a, ROLLOUT(CANARY, PAUSED("CanaryPauseStep", "03"))), &argo, &r);
        assert_int_equal(r.decided ? (int)r.decision.verdict : NOTHING, verdicts[i]);
        kube_rollout_flagger(a, parse(a, GATED("Waiting", "30", "02")), &flagger, &r);
        assert_int_equal(r.decided ? (int)r.decision.verdict : NOTHING, verdicts[i]);
    }
}

static void who_waits_says_since_when_and_how_to_go_on(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_rollout_seen seen = {0};
    struct kube_rollout r;

    (void)state;
    kube_rollout_argo(a, parse(a, ROLLOUT(CANARY, PAUSED("CanaryPauseStep", "03"))), &seen, &r);
    assert_true(r.decision.first);
    assert_int_equal(r.decision.at_ms, INT64_C(1767225603000));
    assert_string_equal(r.decision.text,
                        "CanaryPauseStep at step 2; to go on: kubectl argo rollouts promote web -n"
                        " prod; to go back: kubectl argo rollouts abort web -n prod");
    kube_rollout_argo(a,
                      parse(a,
                            "{\"metadata\":{\"name\":\"web\",\"generation\":2,\"managedFields\":[{"
                            "\"manager\":\"kubectl-argo-rollouts\",\"time\":"
                            "\"2026-01-01T00:00:04Z\",\"fieldsV1\":{\"f:spec\":{\"f:paused\":{}}}}"
                            "]},\"spec\":{\"paused\":true},\"status\":{"
                            "\"observedGeneration\":\"2\"," HASHES("b", "a")
                                PROGRESSING("RolloutPaused", "05") "}}"),
                      &seen, &r);
    assert_int_equal(r.decision.verdict, AGENT_VERDICT_WAITING);
    assert_string_equal(r.decision.actor, "kubectl-argo-rollouts");
    assert_int_equal(strncmp(r.decision.text, "spec.paused; to go on", 21), 0);
}

static void what_is_installed_first_is_promoted(void **state) {
    static const struct argo_step steps[] = {
        {ROLLOUT(CANARY, HASHES("a", "") "\"phase\":\"Progressing\"," PROGRESSING(
                             "ReplicaSetUpdated", "01")),
         NOTHING, 0, "a", false},
        {healthy_a, AGENT_VERDICT_PROMOTED, -1, "a", true},
    };

    (void)state;
    WALK_ARGO(steps);
}

static void a_deadline_without_an_abort_rejects_nothing(void **state) {
    static const struct argo_step steps[] = {
        {healthy_a, AGENT_VERDICT_PROMOTED, -1, "a", true},
        {ROLLOUT(CANARY,
                 HASHES("b", "a") "\"phase\":\"Degraded\",\"currentStepIndex\":0," PROGRESSING(
                     "ProgressDeadlineExceeded", "05")),
         AGENT_VERDICT_TIMED_OUT, 20, "b", false},
        {ROLLOUT(CANARY, HASHES("b", "b") "\"phase\":\"Healthy\"," PROGRESSING(
                             "NewReplicaSetAvailable", "06")),
         AGENT_VERDICT_PROMOTED, -1, "b", true},
    };

    (void)state;
    WALK_ARGO(steps);
}

static void a_blue_green_is_rejected_once_the_stable_one_serves(void **state) {
    static const struct argo_step steps[] = {
        {healthy_a, AGENT_VERDICT_PROMOTED, -1, "a", true},
        {ROLLOUT(BLUE, HASHES("b", "a") "\"abort\":true,\"blueGreen\":{\"activeSelector\":\"b\"}"
                                        "," PROGRESSING("RolloutAborted", "02")),
         AGENT_VERDICT_STARTED, -1, "b", false},
        {ROLLOUT(BLUE, HASHES("b", "a") "\"abort\":true,\"blueGreen\":{\"activeSelector\":\"a\"}"
                                        "," PROGRESSING("RolloutAborted", "02")),
         AGENT_VERDICT_REJECTED, -1, "b", false},
    };

    (void)state;
    WALK_ARGO(steps);
}

static void a_status_of_an_older_spec_says_nothing(void **state) {
    static const struct argo_step steps[] = {
        {"{\"metadata\":{\"generation\":3},\"status\":{\"observedGeneration\":\"2\","
         "\"currentPodHash\":\"b\",\"stableRS\":\"b\",\"phase\":\"Healthy\"}}",
         NOTHING, 0, "", false},
        {"{\"metadata\":{\"generation\":3}}", NOTHING, 0, "", false},
    };

    (void)state;
    WALK_ARGO(steps);
}

static void the_person_who_aborts_or_undoes_is_named(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_rollout_seen seen = {0};
    struct kube_rollout r;

    (void)state;
    kube_rollout_argo(a,
                      parse(a, "{\"metadata\":{\"generation\":1,\"managedFields\":[{\"manager\":"
                               "\"kubectl-argo-rollouts\",\"time\":\"2026-01-01T00:00:09Z\","
                               "\"fieldsV1\":{\"f:status\":{\"f:abort\":{}}}}]},\"status\":{"
                               "\"observedGeneration\":1,\"currentPodHash\":\"b\",\"stableRS\":"
                               "\"a\",\"abort\":true,\"message\":\"RolloutAborted: enough\","
                               "\"conditions\":[{\"type\":\"Progressing\",\"reason\":"
                               "\"RolloutAborted\"}]}}"),
                      &seen, &r);
    assert_int_equal(r.decision.verdict, AGENT_VERDICT_REJECTED);
    assert_string_equal(r.decision.actor, "kubectl-argo-rollouts");
    assert_int_equal(r.decision.actor_ms, 1767225609000);
    assert_string_equal(r.decision.text, "RolloutAborted: enough");
    assert_string_equal(r.decision.good, "a");

    kube_rollout_argo(
        a,
        parse(a, "{\"metadata\":{\"generation\":2,\"managedFields\":[{\"manager\":"
                 "\"kubectl-argo-rollouts\",\"operation\":\"Update\","
                 "\"time\":\"2026-01-01T00:01:00Z\","
                 "\"fieldsV1\":{\"f:spec\":{\"f:template\":{\"f:spec\":{}}}}},{\"manager\":"
                 "\"rollouts-controller\",\"time\":\"2026-01-01T00:01:01Z\","
                 "\"fieldsV1\":{\"f:spec\":{\"f:template\":{\"f:spec\":{}}}}}]},"
                 "\"status\":{\"observedGeneration\":2,\"currentPodHash\":\"a\","
                 "\"stableRS\":\"a\",\"phase\":\"Progressing\"}}"),
        &seen, &r);
    assert_true(r.decided);
    assert_int_equal(r.decision.verdict, AGENT_VERDICT_UNDONE);
    assert_int_equal(r.decision.actor_ms, 1767225660000);
    assert_string_equal(r.token, ""); // it is not what was applied
}

// ---- Deployments

#define DEPLOYMENT(fields, updated, reason, second)                                                \
    "{\"metadata\":{\"generation\":2,\"annotations\":{\"deployment.kubernetes.io/revision\":"      \
    "\"5\"},\"managedFields\":[" fields "]},\"spec\":{\"replicas\":2},\"status\":{"                \
    "\"observedGeneration\":2,\"replicas\":2,\"updatedReplicas\":" updated                         \
    ",\"availableReplicas\":2," PROGRESSING(reason, second) "}}"
#define WRITER(manager, operation, more)                                                           \
    "{\"manager\":\"" manager "\",\"operation\":\"" operation                                      \
    "\",\"time\":\"2026-01-01T00:02:00Z\",\"fieldsV1\":{\"f:spec\":{" more "}}}"
#define OF_PODS "\"f:template\":{\"f:spec\":{}}"
#define WRITTEN(manager, operation, more)                                                          \
    DEPLOYMENT(WRITER(manager, operation, more), "2", "NewReplicaSetAvailable", "01")

static const struct {
    const char *deployment;
    bool led;
    int verdict;
    const char *token;
} deployments[] = {
    {DEPLOYMENT("", "2", "NewReplicaSetAvailable", "01"), false, NOTHING, "5"},
    {DEPLOYMENT("", "2", "NewReplicaSetAvailable", "01"), true, NOTHING, ""},
    {DEPLOYMENT("", "1", "ReplicaSetUpdated", "01"), false, NOTHING, ""},
    {DEPLOYMENT("", "1", "ProgressDeadlineExceeded", "01"), false, AGENT_VERDICT_TIMED_OUT, ""},
    {DEPLOYMENT("", "1", "ProgressDeadlineExceeded", "01"), true, NOTHING, ""},
    {WRITTEN("kubectl", "Update", OF_PODS), false, AGENT_VERDICT_UNDONE, ""},
    {WRITTEN("kubectl-argo-rollouts", "Update", OF_PODS), true, AGENT_VERDICT_UNDONE, ""},
    // What else people do with kubectl undoes nothing: `set image`, `edit`, `apply --server-side`,
    // what an old one made, and `rollout restart`.
    {WRITTEN("kubectl-set", "Update", OF_PODS), false, NOTHING, "5"},
    {WRITTEN("kubectl-edit", "Update", OF_PODS), false, NOTHING, "5"},
    {WRITTEN("kubectl", "Apply", OF_PODS), false, NOTHING, "5"},
    {WRITTEN("kubectl", "Update", "\"f:selector\":{}," OF_PODS), false, NOTHING, "5"},
    {WRITTEN("kubectl-rollout", "Update", "\"f:template\":{\"f:metadata\":{}}"), false, NOTHING,
     "5"},
    {"{\"metadata\":{\"generation\":3},\"status\":{\"observedGeneration\":2}}", false, NOTHING, ""},
};

static void deployments_time_out_and_are_undone(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < sizeof(deployments) / sizeof(deployments[0]); i++) {
        struct kube_rollout_seen seen = {0};
        struct kube_rollout r;

        print_message("%zu\n", i);
        kube_rollout_deployment(parse(a, deployments[i].deployment), deployments[i].led, &seen, &r);
        assert_int_equal(r.decided ? (int)r.decision.verdict : NOTHING, deployments[i].verdict);
        assert_string_equal(r.token, deployments[i].token);
        kube_rollout_deployment(parse(a, deployments[i].deployment), deployments[i].led, &seen, &r);
        assert_false(r.decided);
    }
}

#define REVISION "\"deployment.kubernetes.io/revision\":\"5\""

static void what_is_put_in_place_of_what_was_undone_is_not_undone(void **state) {
    static const char later[] = "{\"metadata\":{\"managedFields\":[" WRITER(
        "kubectl", "Update", OF_PODS) ",{\"manager\":\"kubectl-set\",\"operation\":\"Update\","
                                      "\"time\":\"2026-01-01T00:02:01Z\","
                                      "\"fieldsV1\":{\"f:spec\":{" OF_PODS "}}}]}}";
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    int64_t at_ms = 0;

    (void)state;
    assert_null(kube_rollout_undoer(parse(a, later), &at_ms));
}

// A Deployment gives what comes back a new revision, and a DaemonSet knows none.
static void what_is_gone_back_to_is_known_by_its_template(void **state) {
    static const char *const up =
        "{\"spec\":{\"template\":{\"spec\":{\"containers\":[]}}},\"status\":{"
        "\"desiredNumberScheduled\":1,\"updatedNumberScheduled\":1,\"numberAvailable\":1}}";
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE char *here = cm_strdup(DEPLOYMENT("", "2", "NewReplicaSetAvailable", "01"));
    struct kube_rollout r = {.token = "5", .promoted = true};
    struct kube_rollout_seen seen = {0};

    (void)state;
    kube_rollout_add_form(a, parse(a, here), &r);
    assert_string_equal(r.token, "5"); // it has no template
    kube_rollout_add_form(a, parse(a, up), &r);
    const char *form = strchr(r.token, ':');
    assert_non_null(form);
    assert_int_equal(form - r.token, 1);
    r = (struct kube_rollout){
        .token = "", .decided = true, .decision = {.verdict = AGENT_VERDICT_UNDONE, .good = ""}};
    kube_rollout_add_form(a, parse(a, up), &r);
    assert_string_equal(r.decision.good, form);
    assert_string_equal(r.token, "");
    r = (struct kube_rollout){
        .token = "", .decided = true, .decision = {.verdict = AGENT_VERDICT_TIMED_OUT, .good = ""}};
    kube_rollout_add_form(a, parse(a, up), &r);
    assert_string_equal(r.decision.good, "");
    kube_rollout_daemon_set(parse(a, up), &seen, &r);
    assert_false(r.promoted); // the status is not known to be of this one
    kube_rollout_daemon_set(
        parse(a, "{\"metadata\":{\"generation\":2},\"spec\":{\"template\":{\"spec\":{"
                 "\"containers\":[]}}},\"status\":{\"observedGeneration\":2,"
                 "\"desiredNumberScheduled\":1,\"updatedNumberScheduled\":1,"
                 "\"numberAvailable\":1}}"),
        &seen, &r);
    assert_true(r.promoted && !r.decided);
    kube_rollout_daemon_set(
        parse(a, "{\"metadata\":{\"generation\":2},\"status\":{\"observedGeneration\":2,"
                 "\"desiredNumberScheduled\":2,\"updatedNumberScheduled\":1,"
                 "\"numberAvailable\":2}}"),
        &seen, &r);
    assert_false(r.promoted);
}

static void what_comes_up_after_its_deadline_is_told_once_if_it_is_still_the_same(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *late = DEPLOYMENT("", "1", "ProgressDeadlineExceeded", "01");
    const char *up = DEPLOYMENT("", "2", "NewReplicaSetAvailable", "09");
    CM_AUTOFREE char *next = cm_strdup(up);
    struct kube_rollout_seen seen = {0};
    struct kube_rollout r;

    (void)state;
    strstr(next, REVISION)[sizeof(REVISION) - 3] = '6';
    kube_rollout_deployment(parse(a, late), false, &seen, &r);
    kube_rollout_deployment(parse(a, up), false, &seen, &r);
    assert_true(r.decided);
    assert_int_equal(r.decision.verdict, AGENT_VERDICT_PROMOTED);
    assert_string_equal(r.decision.good, "5");
    kube_rollout_deployment(parse(a, up), false, &seen, &r);
    assert_false(r.decided);

    seen = (struct kube_rollout_seen){0};
    kube_rollout_deployment(parse(a, late), false, &seen, &r);
    kube_rollout_deployment(parse(a, next), false, &seen, &r); // another release
    assert_false(r.decided);
    kube_rollout_deployment(parse(a, up), false, &seen, &r);
    assert_false(r.decided);
}

// ---- What people have replaced

#define RESTARTED(kind, operation, more)                                                           \
    "{\"kind\":\"" kind                                                                            \
    "\",\"metadata\":{\"managedFields\":[{\"manager\":\"kubectl-rollout\",\"operation\":"          \
    "\"" operation                                                                                 \
    "\",\"time\":\"2026-01-01T00:00:03Z\",\"fieldsV1\":{\"f:spec\":{\"f:template\":{"              \
    "\"f:metadata\":{\"f:annotations\":{"                                                          \
    "\"f:kubectl.kubernetes.io/restartedAt\":{}}}}}}}]},\"spec\":{\"template\":{\"metadata\":{"    \
    "\"annotations\":{\"kubectl.kubernetes.io/restartedAt\":\"2026-01-01T00:00:0" more "\"}}}}}"

static void pods_that_people_have_replaced_are_told_once(void **state) {
    static const char *const rollout =
        "{\"kind\":\"Rollout\",\"metadata\":{\"managedFields\":[{\"manager\":\"kubectl-argo-"
        "rollouts\","
        "\"operation\":\"Update\",\"fieldsV1\":{\"f:spec\":{\"f:restartAt\":{}}}}]},\"spec\":{"
        "\"restartAt\":\"2026-01-01T00:00:05Z\"}}";
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_rollout_seen seen = {0};
    struct kube_rollout r;

    (void)state;
    kube_rollout_restart(a, parse(a, "{\"kind\":\"DaemonSet\"}"), &seen, &r);
    assert_false(r.decided);
    kube_rollout_restart(a, parse(a, RESTARTED("DaemonSet", "Update", "1Z")), &seen, &r);
    assert_true(r.decided && !r.decision.first);
    assert_int_equal(r.decision.verdict, AGENT_VERDICT_RESTARTED);
    assert_string_equal(r.decision.controller, "daemonset");
    assert_string_equal(r.decision.actor, "kubectl-rollout");
    assert_int_equal(r.decision.at_ms, 1767225601000);    // as he says
    assert_int_equal(r.decision.actor_ms, 1767225603000); // as the server does
    kube_rollout_restart(a, parse(a, RESTARTED("DaemonSet", "Update", "1Z")), &seen, &r);
    assert_false(r.decided);
    kube_rollout_restart(a, parse(a, RESTARTED("DaemonSet", "Update", "0Z")), &seen, &r); // undone
    assert_false(r.decided);
    kube_rollout_restart(a, parse(a, RESTARTED("DaemonSet", "Apply", "2Z")), &seen, &r); // in Git
    assert_false(r.decided);
    kube_rollout_restart(a, parse(a, rollout), &seen, &r);
    assert_true(r.decided);
    assert_string_equal(r.decision.controller, "argo-rollouts");
    assert_string_equal(r.decision.actor, "kubectl-argo-rollouts");
}

// ---- StatefulSets

#define SET_FIELDS                                                                                 \
    "{\"manager\":\"holdfast-agent\",\"time\":\"2026-01-01T00:00:00Z\",\"fieldsV1\":{\"f:spec\":{" \
    "\"f:template\":{}}}}"
#define STATEFUL_SET(spec, revisions, updated, available)                                          \
    "{\"metadata\":{\"generation\":2,\"managedFields\":[" SET_FIELDS                               \
    "]},\"spec\":{\"replicas\":3" spec "},\"status\":{\"observedGeneration\":2,\"replicas\":3,"    \
    "\"updatedReplicas\":" updated ",\"availableReplicas\":" available "," revisions "}}"
#define UPDATING "\"currentRevision\":\"db-1\",\"updateRevision\":\"db-2\""
#define WENT_BACK "\"currentRevision\":\"db-1\",\"updateRevision\":\"db-1\""
#define SET_DUE_MS (1767225600000 + 60000) // a minute after it was set

#define BACK_BY_HAND SET_FIELDS "," WRITER("kubectl", "Update", OF_PODS)

static void sets_that_people_go_back_with_are_told_of_once(void **state) {
    static const char daemons[] = "{\"metadata\":{\"managedFields\":[" BACK_BY_HAND "]}}";
    static const char *const set =
        "{\"metadata\":{\"generation\":2,\"managedFields\":[" BACK_BY_HAND
        "]},\"spec\":{\"replicas\":3},\"status\":{\"observedGeneration\":2,\"replicas\":3,"
        "\"updatedReplicas\":3,\"availableReplicas\":3," WENT_BACK "}}";
    const struct kube_rollout_time time = {.timeout_s = 60, .now_ms = 1000, .unix_ms = SET_DUE_MS};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_rollout_seen seen = {0};
    struct kube_rollout r;

    (void)state;
    kube_rollout_stateful_set(a, parse(a, set), &time, &seen, &r);
    assert_true(r.decided && r.decision.verdict == AGENT_VERDICT_UNDONE && !r.promoted);
    assert_string_equal(r.token, "");
    assert_string_equal(r.decision.actor, "kubectl");
    kube_rollout_stateful_set(a, parse(a, set), &time, &seen, &r);
    assert_false(r.decided);
    seen = (struct kube_rollout_seen){0};
    kube_rollout_daemon_set(parse(a, daemons), &seen, &r);
    assert_true(r.decided && r.decision.verdict == AGENT_VERDICT_UNDONE && r.decision.first);
    assert_string_equal(r.decision.controller, "daemonset");
    kube_rollout_daemon_set(parse(a, daemons), &seen, &r);
    assert_false(r.decided);
}

// saw_set is what is said of it at a time, in seconds, where its pods have one minute.
static struct kube_rollout saw_set(struct cm_arena *a, const char *set, int64_t at_s,
                                   struct kube_rollout_seen *seen) {
    const struct kube_rollout_time time = {
        .timeout_s = 60, .now_ms = at_s * 1000, .unix_ms = 1767225600000 + at_s * 1000};
    struct kube_rollout r;

    kube_rollout_stateful_set(a, parse(a, set), &time, seen, &r);
    return r;
}

static void a_stateful_set_is_late_when_no_pod_more_comes_up_in_its_time(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_rollout_seen seen = {0};

    (void)state;
    struct kube_rollout r = saw_set(a, STATEFUL_SET("", UPDATING, "0", "3"), 1, &seen);
    assert_false(r.decided);
    assert_int_equal(r.again_ms, 60000);
    r = saw_set(a, STATEFUL_SET("", UPDATING, "1", "2"), 2, &seen); // no more than there were
    assert_int_equal(r.again_ms, 59000);
    r = saw_set(a, STATEFUL_SET("", UPDATING, "1", "3"), 40, &seen);
    assert_int_equal(r.again_ms, 60000);
    r = saw_set(a, STATEFUL_SET("", UPDATING, "2", "2"), 99, &seen);
    assert_false(r.decided);
    r = saw_set(a, STATEFUL_SET("", UPDATING, "2", "2"), 100, &seen);
    assert_true(r.decided);
    assert_int_equal(r.decision.verdict, AGENT_VERDICT_TIMED_OUT);
    assert_string_equal(r.decision.bad, "db-2");
    assert_string_equal(r.decision.controller, "statefulset");
    assert_string_equal(r.decision.text, "of 3 pods 2 are of revision db-2, and 2 available; no "
                                         "more for 60 s");
    assert_int_equal(r.decision.at_ms, SET_DUE_MS); // whoever looks, and whenever
    r = saw_set(a, STATEFUL_SET("", UPDATING, "2", "2"), 300, &seen);
    assert_false(r.decided);
    assert_int_equal(r.again_ms, 0);
    r = saw_set(a, STATEFUL_SET("", UPDATING, "3", "3"), 301, &seen);
    assert_int_equal(r.decision.verdict, AGENT_VERDICT_PROMOTED);
    assert_string_equal(r.decision.good, "db-2");
    assert_string_equal(r.token, "db-2");
    r = saw_set(a, STATEFUL_SET("", UPDATING, "3", "3"), 302, &seen);
    assert_true(r.promoted && !r.decided);
}

static void
a_release_that_came_up_is_not_late_when_a_pod_is_lost_or_more_are_asked_for(void **state) {
    static const char *const later[] = {
        STATEFUL_SET("", WENT_BACK, "3", "2"),
        "{\"metadata\":{\"generation\":3},\"spec\":{\"replicas\":5},\"status\":{"
        "\"observedGeneration\":3,\"replicas\":4,\"updatedReplicas\":4,\"availableReplicas\":3,"
        "\"currentRevision\":\"db-1\",\"updateRevision\":\"db-1\"}}",
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        struct kube_rollout_seen seen = {0};

        assert_true(saw_set(a, STATEFUL_SET("", WENT_BACK, "3", "3"), 1, &seen).promoted);
        struct kube_rollout r = saw_set(a, later[i], 7200, &seen);
        assert_true(!r.decided && r.again_ms == 0);
        assert_false(saw_set(a, later[i], 9000, &seen).decided);
        r = saw_set(a, STATEFUL_SET("", UPDATING, "0", "2"), 9001, &seen); // the next one can be
        assert_int_equal(r.again_ms, 60000);
        assert_true(saw_set(a, STATEFUL_SET("", UPDATING, "0", "2"), 9061, &seen).decided);
    }
}

static void what_came_up_is_not_late_when_it_is_gone_back_to(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_rollout_seen seen = {0};

    (void)state;
    assert_true(saw_set(a, STATEFUL_SET("", WENT_BACK, "3", "3"), 1, &seen).promoted);
    assert_true(saw_set(a, STATEFUL_SET("", UPDATING, "1", "2"), 2, &seen).again_ms > 0);
    assert_true(saw_set(a, STATEFUL_SET("", UPDATING, "1", "2"), 100, &seen).decided);
    struct kube_rollout r = saw_set(a, STATEFUL_SET("", WENT_BACK, "2", "2"), 101, &seen);
    assert_true(r.stuck && !r.decided && r.again_ms == 0);
    assert_false(saw_set(a, STATEFUL_SET("", WENT_BACK, "2", "2"), 1000, &seen).decided);
}

static void pods_that_are_replaced_by_hand_or_in_part_are_not_looked_at(void **state) {
    static const char *const sets[] = {
        STATEFUL_SET(",\"updateStrategy\":{\"type\":\"OnDelete\"}", UPDATING, "1", "2"),
        STATEFUL_SET(",\"updateStrategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{"
                     "\"partition\":2}}",
                     UPDATING, "1", "3"),
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        struct kube_rollout_seen seen = {0};
        struct kube_rollout r = saw_set(a, sets[i], 1, &seen);

        assert_true(!r.decided && !r.promoted && r.again_ms == 0);
        r = saw_set(a, sets[i], 1000, &seen);
        assert_true(!r.decided && !r.stuck);
    }
}

// Also of a set whose pods are replaced by hand, and before its status is of this template.
static void who_goes_back_with_a_set_is_told_however_its_pods_are_replaced(void **state) {
    static const char *const sets[] = {
        "{\"metadata\":{\"generation\":2,\"managedFields\":[" BACK_BY_HAND "]},\"spec\":{"
        "\"updateStrategy\":{\"type\":\"OnDelete\"}},\"status\":{\"observedGeneration\":2}}",
        "{\"metadata\":{\"generation\":2,\"managedFields\":[" BACK_BY_HAND "]},\"spec\":{},"
        "\"status\":{\"observedGeneration\":1}}",
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        struct kube_rollout_seen seen = {0};
        struct kube_rollout r = saw_set(a, sets[i], 1, &seen);

        assert_true(r.decided && r.decision.verdict == AGENT_VERDICT_UNDONE && r.decision.first);
        assert_true(seen.known);
        assert_false(saw_set(a, sets[i], 2, &seen).decided);
    }
}

static void what_people_go_back_with_hides_nothing_that_the_same_look_shows(void **state) {
    static const char undone[] =
        "{\"metadata\":{\"generation\":2,\"managedFields\":[" BACK_BY_HAND
        "]},\"spec\":{\"replicas\":3},\"status\":{\"observedGeneration\":2,\"replicas\":3,"
        "\"updatedReplicas\":3,\"availableReplicas\":3," UPDATING "}}";
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_rollout_seen seen = {0};

    (void)state;
    (void)saw_set(a, STATEFUL_SET("", UPDATING, "2", "2"), 1, &seen);
    assert_true(saw_set(a, STATEFUL_SET("", UPDATING, "2", "2"), 61, &seen).decided);
    struct kube_rollout r = saw_set(a, undone, 62, &seen);
    assert_int_equal(r.decision.verdict, AGENT_VERDICT_UNDONE);
    assert_true(r.again_ms > 0);
    r = saw_set(a, undone, 63, &seen);
    assert_true(r.decided);
    assert_int_equal(r.decision.verdict, AGENT_VERDICT_PROMOTED);
}

static void
a_stateful_set_that_went_back_is_stuck_only_where_it_waits_for_pods_in_order(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_rollout_seen seen = {0};

    (void)state;
    assert_false(saw_set(a, STATEFUL_SET("", UPDATING, "1", "2"), 1, &seen).stuck);
    assert_true(saw_set(a, STATEFUL_SET("", WENT_BACK, "2", "2"), 2, &seen).stuck);
    assert_false(saw_set(a,
                         STATEFUL_SET(",\"podManagementPolicy\":\"Parallel\"", WENT_BACK, "2", "2"),
                         3, &seen)
                     .stuck);
    assert_false(saw_set(a, STATEFUL_SET("", WENT_BACK, "3", "2"), 4, &seen).stuck);
    assert_false(saw_set(a, STATEFUL_SET("", WENT_BACK, "3", "3"), 5, &seen).stuck);
}

#define POD(name, revision, uid, ready, more)                                                      \
    "{\"metadata\":{\"name\":\"" name "\",\"labels\":{\"controller-revision-hash\":\"" revision    \
    "\"},\"ownerReferences\":[{\"controller\":true,\"uid\":\"" uid "\"}]" more                     \
    "},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"" ready "\"}]}}"
#define GOING ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\""

static void the_pod_that_holds_it_up_is_of_the_set_of_another_revision_and_not_ready(void **state) {
    static const char *const others[] = {
        POD("ready", "db-2", "u", "True", ""),
        POD("good", "db-1", "u", "False", ""),
        POD("anothers", "db-2", "v", "False", ""),
        POD("going", "db-2", "u", "False", GOING),
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        const struct cm_json *list = parse(a, cm_arena_strf(a, "{\"items\":[%s]}", others[i]));

        assert_null(kube_rollout_stuck_pod(list, "u", "db-1"));
    }
    const struct cm_json *list = parse(a, cm_arena_strf(a, "{\"items\":[%s,%s]}", others[0],
                                                        POD("bad", "db-2", "u", "False", "")));
    const struct cm_json *pod = kube_rollout_stuck_pod(list, "u", "db-1");
    assert_string_equal(cm_json_string(cm_json_path(pod, "metadata", "name", NULL)), "bad");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_canary_that_fails_is_rejected_at_its_edge_and_is_no_news_when_held),
        cmocka_unit_test(an_ab_test_is_told_by_its_iterations),
        cmocka_unit_test(one_that_failed_forward_is_not_rolled_back),
        cmocka_unit_test(configuration_alone_can_be_rejected),
        cmocka_unit_test(what_was_so_at_first_is_said_to_be),
        cmocka_unit_test(an_abort_is_a_rejection_and_going_back_fast_is_no_promotion),
        cmocka_unit_test(a_canary_waits_for_somebody_until_its_webhook_allows_it_to_go_on),
        cmocka_unit_test(only_a_pause_that_nobody_but_a_person_ends_is_waited_for),
        cmocka_unit_test(a_release_that_waits_at_once_has_started_before),
        cmocka_unit_test(who_waits_says_since_when_and_how_to_go_on),
        cmocka_unit_test(what_is_installed_first_is_promoted),
        cmocka_unit_test(a_deadline_without_an_abort_rejects_nothing),
        cmocka_unit_test(a_blue_green_is_rejected_once_the_stable_one_serves),
        cmocka_unit_test(a_status_of_an_older_spec_says_nothing),
        cmocka_unit_test(the_person_who_aborts_or_undoes_is_named),
        cmocka_unit_test(deployments_time_out_and_are_undone),
        cmocka_unit_test(what_is_put_in_place_of_what_was_undone_is_not_undone),
        cmocka_unit_test(what_is_gone_back_to_is_known_by_its_template),
        cmocka_unit_test(sets_that_people_go_back_with_are_told_of_once),
        cmocka_unit_test(what_comes_up_after_its_deadline_is_told_once_if_it_is_still_the_same),
        cmocka_unit_test(pods_that_people_have_replaced_are_told_once),
        cmocka_unit_test(a_stateful_set_is_late_when_no_pod_more_comes_up_in_its_time),
        cmocka_unit_test(
            a_release_that_came_up_is_not_late_when_a_pod_is_lost_or_more_are_asked_for),
        cmocka_unit_test(what_came_up_is_not_late_when_it_is_gone_back_to),
        cmocka_unit_test(pods_that_are_replaced_by_hand_or_in_part_are_not_looked_at),
        cmocka_unit_test(who_goes_back_with_a_set_is_told_however_its_pods_are_replaced),
        cmocka_unit_test(what_people_go_back_with_hides_nothing_that_the_same_look_shows),
        cmocka_unit_test(
            a_stateful_set_that_went_back_is_stuck_only_where_it_waits_for_pods_in_order),
        cmocka_unit_test(the_pod_that_holds_it_up_is_of_the_set_of_another_revision_and_not_ready),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
