#include "agent/kube/health.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/object/rules.h"

enum {
    UNSCHEDULABLE_MS = 15000, // kstatus' patience with a pod that no node takes
    SETTLE_MS = 5000,         // for a controller to say something of a change
};

struct view {
    struct cm_arena *a;
    const struct cm_json *object;
    const struct cm_json *spec;
    const struct cm_json *status;
    const struct agent_health_options *options;
    int64_t now_ms;
};

typedef struct kube_health (*rule_fn)(const struct view *v);

static const struct kube_health HEALTHY = {.health = AGENT_HEALTH_HEALTHY, .message = ""};

static struct kube_health progressing(const char *message) {
    return (struct kube_health){.health = AGENT_HEALTH_PROGRESSING, .message = message};
}

static struct kube_health degraded(const char *message) {
    return (struct kube_health){.health = AGENT_HEALTH_DEGRADED, .message = message};
}

// until is progressing for so long, which a clock that is wrong makes no longer, and then what
// else.
static struct kube_health until(const char *message, int64_t ms, enum agent_health then) {
    int64_t most_ms = then == AGENT_HEALTH_DEGRADED ? UNSCHEDULABLE_MS : SETTLE_MS;

    return (struct kube_health){.health = AGENT_HEALTH_PROGRESSING,
                                .message = message,
                                .again_ms = ms < most_ms ? ms : most_ms,
                                .then = then};
}

static const char *text_of(const struct cm_json *node, const char *key) {
    const char *text = cm_json_string(cm_json_get(node, key));

    return text == NULL ? "" : text;
}

static int64_t number(const struct cm_json *node, const char *key, int64_t otherwise) {
    return cm_json_int(cm_json_get(node, key), otherwise);
}

static const struct cm_json *condition(const struct view *v, const char *type) {
    const struct cm_json *list = cm_json_get(v->status, "conditions");

    if (list == NULL || list->type != CM_ARRAY) {
        return NULL;
    }
    for (const struct cm_json *c = list->first; c != NULL; c = c->next) {
        if (strcmp(text_of(c, "type"), type) == 0) {
            return c;
        }
    }
    return NULL;
}

static bool is_status(const struct cm_json *c, const char *status) {
    return c != NULL && strcmp(text_of(c, "status"), status) == 0;
}

static bool is_reason(const struct cm_json *c, const char *reason) {
    return c != NULL && strcmp(text_of(c, "reason"), reason) == 0;
}

// generation_of: Argo Rollouts writes it as a text.
static int64_t generation_of(const struct cm_json *node) {
    const char *text = cm_json_string(node);

    return text == NULL ? cm_json_int(node, 0) : strtoll(text, NULL, 10);
}

// has_seen tells whether a condition or status speaks of the present generation; false if it does
// not say so.
static bool has_seen(const struct view *v, const struct cm_json *node) {
    const struct cm_json *generation = cm_json_path(v->object, "metadata", "generation", NULL);
    const struct cm_json *observed = cm_json_get(node, "observedGeneration");

    return generation != NULL && observed != NULL &&
           cm_json_int(generation, 0) == generation_of(observed);
}

// is_stale tells whether it speaks of an earlier one.
static bool is_stale(const struct view *v, const struct cm_json *node) {
    return cm_json_path(v->object, "metadata", "generation", NULL) != NULL &&
           cm_json_get(node, "observedGeneration") != NULL && !has_seen(v, node);
}

// said is what a condition says, or what we say if it says nothing.
static const char *said(const struct view *v, const struct cm_json *c, const char *otherwise) {
    const char *reason = text_of(c, "reason");
    const char *message = text_of(c, "message");

    if (message[0] == '\0') {
        return reason[0] == '\0' ? otherwise : cm_arena_strdup(v->a, reason);
    }
    if (reason[0] == '\0') {
        return cm_arena_strdup(v->a, message);
    }
    return cm_arena_strf(v->a, "%s: %s", reason, message);
}

static struct kube_health count(const struct view *v, int64_t have, int64_t want,
                                const char *what) {
    return progressing(
        cm_arena_strf(v->a, "%lld of %lld %s", (long long)have, (long long)want, what));
}

#define UNSEEN "its controller has not seen the last change yet"

static struct kube_health other_health(const struct view *v) {
    const struct cm_json *ready = condition(v, "Ready");

    if (is_stale(v, ready)) {
        return progressing(UNSEEN);
    }
    if (ready == NULL || is_status(ready, "True")) {
        return HEALTHY;
    }
    return progressing(said(v, ready, "it is not ready"));
}

static struct kube_health always_healthy(const struct view *v) {
    (void)v;
    return HEALTHY;
}

static struct kube_health namespace_health(const struct view *v) {
    const char *phase = text_of(v->status, "phase");

    return strcmp(phase, "Active") == 0 ? HEALTHY : progressing("the namespace is not active yet");
}

static bool is_empty(const struct cm_json *list) {
    return list == NULL || list->type != CM_ARRAY || list->count == 0;
}

// balanced_health is that of what a load balancer may give an address.
static struct kube_health balanced_health(const struct view *v) {
    const struct cm_json *ingress = cm_json_path(v->status, "loadBalancer", "ingress", NULL);

    return v->options->addresses && is_empty(ingress)
               ? progressing("no load balancer has given it an address yet")
               : HEALTHY;
}

static struct kube_health service_health(const struct view *v) {
    if (strcmp(text_of(v->spec, "type"), "LoadBalancer") == 0 &&
        text_of(v->spec, "clusterIP")[0] == '\0') {
        return progressing("the service has no cluster IP yet");
    }
    return strcmp(text_of(v->spec, "type"), "LoadBalancer") == 0 ? balanced_health(v) : HEALTHY;
}

static struct kube_health gateway_health(const struct view *v) {
    struct kube_health health = other_health(v);

    return health.health == AGENT_HEALTH_HEALTHY && v->options->addresses &&
                   is_empty(cm_json_get(v->status, "addresses"))
               ? progressing("the gateway has no address yet")
               : health;
}

static struct kube_health claim_health(const struct view *v) {
    return strcmp(text_of(v->status, "phase"), "Bound") == 0
               ? HEALTHY
               : progressing("the claim is not bound");
}

static bool has_no_deadline(const struct view *v) {
    int64_t seconds = number(v->spec, "progressDeadlineSeconds", INT32_MAX);

    return seconds == INT32_MAX;
}

static struct kube_health deployment_replicas(const struct view *v) {
    int64_t want = number(v->spec, "replicas", 1);
    int64_t have = number(v->status, "replicas", 0);
    int64_t updated = number(v->status, "updatedReplicas", 0);
    int64_t ready = number(v->status, "readyReplicas", 0);
    int64_t available = number(v->status, "availableReplicas", 0);

    if (want > have) {
        return count(v, have, want, "replicas exist");
    }
    if (want > updated) {
        return count(v, updated, want, "replicas are updated");
    }
    if (have > want) {
        return progressing(
            cm_arena_strf(v->a, "%lld old replicas are not gone yet", (long long)(have - want)));
    }
    if (updated > available) {
        return count(v, available, updated, "replicas are available");
    }
    if (want > ready) {
        return count(v, ready, want, "replicas are ready");
    }
    return HEALTHY;
}

// unmakeable adds why pods cannot be made (a quota), and that nothing happens while it is paused.
static struct kube_health unmakeable(const struct view *v, struct kube_health health) {
    const struct cm_json *failure = condition(v, "ReplicaFailure");

    if (is_status(failure, "True")) {
        health.message = cm_arena_strf(v->a, "%s; %s", health.message,
                                       said(v, failure, "replicas cannot be made"));
    } else if (cm_json_true(cm_json_get(v->spec, "paused"))) {
        health.message = cm_arena_strf(v->a, "%s; the deployment is paused", health.message);
    }
    return health;
}

static struct kube_health deployment_health(const struct view *v) {
    const struct cm_json *progress = condition(v, "Progressing");

    if (is_reason(progress, "ProgressDeadlineExceeded")) {
        return degraded(said(v, progress, "the progress deadline is exceeded"));
    }
    struct kube_health replicas = deployment_replicas(v);
    if (replicas.health != AGENT_HEALTH_HEALTHY) {
        return unmakeable(v, replicas);
    }
    if (!has_no_deadline(v) &&
        !(is_status(progress, "True") && is_reason(progress, "NewReplicaSetAvailable"))) {
        return progressing("the new replica set is not available yet");
    }
    const struct cm_json *available = condition(v, "Available");
    return is_status(available, "True")
               ? HEALTHY
               : progressing(said(v, available, "the deployment is not available"));
}

static struct kube_health partitioned(const struct view *v, int64_t want, int64_t partition) {
    int64_t updated = number(v->status, "updatedReplicas", 0);

    return updated < want - partition ? count(v, updated, want - partition, "replicas are updated")
                                      : HEALTHY;
}

static struct kube_health stateful_set_health(const struct view *v) {
    int64_t want = number(v->spec, "replicas", 1);
    int64_t have = number(v->status, "replicas", 0);
    int64_t ready = number(v->status, "readyReplicas", 0);
    int64_t current = number(v->status, "currentReplicas", 0);
    const struct cm_json *strategy = cm_json_get(v->spec, "updateStrategy");
    const struct cm_json *partition = cm_json_path(strategy, "rollingUpdate", "partition", NULL);

    if (strcmp(text_of(strategy, "type"), "OnDelete") == 0) {
        return HEALTHY;
    }
    if (want > have) {
        return count(v, have, want, "replicas exist");
    }
    if (want > ready) {
        return count(v, ready, want, "replicas are ready");
    }
    if (have > want) {
        return progressing(
            cm_arena_strf(v->a, "%lld replicas are not gone yet", (long long)(have - want)));
    }
    // The API server fills in a partition of 0, which means none.
    if (cm_json_int(partition, 0) != 0) {
        return partitioned(v, want, cm_json_int(partition, 0));
    }
    if (want > current) {
        return count(v, current, want, "replicas are current");
    }
    if (strcmp(text_of(v->status, "currentRevision"), text_of(v->status, "updateRevision")) != 0) {
        return progressing("not all replicas have the new revision");
    }
    return HEALTHY;
}

static struct kube_health daemon_set_health(const struct view *v) {
    static const struct {
        const char *field;
        const char *words;
    } counts[] = {
        {"currentNumberScheduled", "pods are scheduled"},
        {"updatedNumberScheduled", "pods are updated"},
        {"numberAvailable", "pods are available"},
        {"numberReady", "pods are ready"},
    };
    const struct cm_json *observed = cm_json_get(v->status, "observedGeneration");
    int64_t want = number(v->status, "desiredNumberScheduled", -1);

    if (cm_json_path(v->object, "metadata", "generation", NULL) == NULL || observed == NULL ||
        want < 0) {
        return progressing("the controller has not seen it yet");
    }
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        int64_t have = number(v->status, counts[i].field, 0);

        if (want > have) {
            return count(v, have, want, counts[i].words);
        }
    }
    return HEALTHY;
}

static struct kube_health replica_set_health(const struct view *v) {
    static const struct {
        const char *field;
        const char *words;
    } counts[] = {
        {"fullyLabeledReplicas", "replicas are labelled"},
        {"availableReplicas", "replicas are available"},
        {"readyReplicas", "replicas are ready"},
    };
    const struct cm_json *failure = condition(v, "ReplicaFailure");
    int64_t want = number(v->spec, "replicas", 1);

    if (is_status(failure, "True")) {
        return progressing(said(v, failure, "replicas cannot be made"));
    }
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        int64_t have = number(v->status, counts[i].field, 0);

        if (want > have) {
            return count(v, have, want, counts[i].words);
        }
    }
    if (number(v->status, "replicas", 0) > want) {
        return progressing("extra replicas are not gone yet");
    }
    return HEALTHY;
}

static bool is_crash_looping(const struct view *v) {
    const struct cm_json *list = cm_json_get(v->status, "containerStatuses");

    if (list == NULL || list->type != CM_ARRAY) {
        return false;
    }
    for (const struct cm_json *c = list->first; c != NULL; c = c->next) {
        const char *reason = cm_json_string(cm_json_path(c, "state", "waiting", "reason", NULL));

        if (reason != NULL && strcmp(reason, "CrashLoopBackOff") == 0) {
            return true;
        }
    }
    return false;
}

static struct kube_health running_pod(const struct view *v) {
    const struct cm_json *ready = condition(v, "Ready");

    if (is_status(ready, "True")) {
        return HEALTHY;
    }
    if (is_crash_looping(v)) {
        return degraded("a container crashes again and again");
    }
    return progressing(said(v, ready, "the pod is not ready"));
}

static struct kube_health pending_pod(const struct view *v) {
    const struct cm_json *scheduled = condition(v, "PodScheduled");
    const char *created =
        cm_json_string(cm_json_path(v->object, "metadata", "creationTimestamp", NULL));
    int64_t born_ms = 0;

    if (!is_status(scheduled, "False") || !is_reason(scheduled, "Unschedulable")) {
        return progressing("the pod is pending");
    }
    const char *why = said(v, scheduled, "no node takes the pod");
    if (created != NULL && cm_clock_parse(created, &born_ms) &&
        v->now_ms - born_ms < UNSCHEDULABLE_MS) {
        return until(why, UNSCHEDULABLE_MS - (v->now_ms - born_ms), AGENT_HEALTH_DEGRADED);
    }
    return degraded(why);
}

static struct kube_health pod_health(const struct view *v) {
    const char *phase = text_of(v->status, "phase");

    if (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0) {
        return HEALTHY; // it ran to its end, as a bare pod may
    }
    if (strcmp(phase, "Running") == 0) {
        return running_pod(v);
    }
    if (strcmp(phase, "Pending") == 0) {
        return pending_pod(v);
    }
    return progressing("the pod has no phase yet");
}

static struct kube_health job_health(const struct view *v) {
    const struct cm_json *failed = condition(v, "Failed");

    if (is_status(condition(v, "Complete"), "True")) {
        return HEALTHY;
    }
    if (is_status(failed, "True")) {
        return degraded(said(v, failed, "the job failed"));
    }
    if (is_status(condition(v, "Suspended"), "True") &&
        cm_json_true(cm_json_get(v->spec, "suspend"))) {
        return HEALTHY;
    }
    if (cm_json_get(v->status, "startTime") == NULL) {
        return progressing("the job has not started");
    }
    return count(v, number(v->status, "succeeded", 0), number(v->spec, "completions", 1),
                 "pods of the job succeeded");
}

static struct kube_health definition_health(const struct view *v) {
    const struct cm_json *names = condition(v, "NamesAccepted");
    const struct cm_json *established = condition(v, "Established");

    if (is_status(names, "False")) {
        return degraded(said(v, names, "its names are not accepted"));
    }
    if (is_status(established, "True")) {
        return HEALTHY;
    }
    if (is_status(established, "False") && !is_reason(established, "Installing")) {
        return degraded(said(v, established, "it is not established"));
    }
    return progressing("it is not established yet");
}

static struct kube_health api_service_health(const struct view *v) {
    const struct cm_json *available = condition(v, "Available");

    return is_status(available, "True") ? HEALTHY
                                        : progressing(said(v, available, "it is not available"));
}

// A Rollout says it all in its phase; what is paused waits for somebody.
static struct kube_health rollout_health(const struct view *v) {
    const char *phase = text_of(v->status, "phase");
    const char *message = text_of(v->status, "message");

    if (strcmp(phase, "Healthy") == 0) {
        return HEALTHY;
    }
    if (strcmp(phase, "Degraded") == 0) {
        return degraded(message[0] == '\0' ? "its controller calls it degraded" : message);
    }
    return progressing(message[0] == '\0' ? "the rollout is not complete" : message);
}

static const struct {
    const char *group;
    const char *kind;
    rule_fn rule;
} rules[] = {
    {"", "Namespace", namespace_health},
    {"", "Service", service_health},
    {"", "Secret", always_healthy},
    {"", "ConfigMap", always_healthy},
    {"", "PersistentVolumeClaim", claim_health},
    {"", "Pod", pod_health},
    {"apps", "Deployment", deployment_health},
    {"extensions", "Deployment", deployment_health},
    {"apps", "StatefulSet", stateful_set_health},
    {"apps", "DaemonSet", daemon_set_health},
    {"extensions", "DaemonSet", daemon_set_health},
    {"apps", "ReplicaSet", replica_set_health},
    {"extensions", "ReplicaSet", replica_set_health},
    {"batch", "Job", job_health},
    {"batch", "CronJob", always_healthy},
    {"policy", "PodDisruptionBudget", always_healthy},
    {"apiextensions.k8s.io", "CustomResourceDefinition", definition_health},
    {"apiregistration.k8s.io", "APIService", api_service_health},
    {"networking.k8s.io", "Ingress", balanced_health},
    {"extensions", "Ingress", balanced_health},
    {"gateway.networking.k8s.io", "Gateway", gateway_health},
    {"argoproj.io", "Rollout", rollout_health},
};

static rule_fn rule_of(const struct cm_json *object) {
    const char *version = text_of(object, "apiVersion");
    const char *kind = text_of(object, "kind");
    const char *slash = strchr(version, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - version);

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (strcmp(rules[i].kind, kind) == 0 && strlen(rules[i].group) == size &&
            memcmp(rules[i].group, version, size) == 0) {
            return rules[i].rule;
        }
    }
    return other_health;
}

// ---- Kinds that are not built in

static bool is_built_in(const struct cm_json *object) {
    static const char *const groups[] = {"apps",
                                         "autoscaling",
                                         "batch",
                                         "extensions",
                                         "policy",
                                         "admissionregistration.k8s.io",
                                         "apiextensions.k8s.io",
                                         "apiregistration.k8s.io",
                                         "authentication.k8s.io",
                                         "authorization.k8s.io",
                                         "certificates.k8s.io",
                                         "coordination.k8s.io",
                                         "discovery.k8s.io",
                                         "events.k8s.io",
                                         "flowcontrol.apiserver.k8s.io",
                                         "internal.apiserver.k8s.io",
                                         "networking.k8s.io",
                                         "node.k8s.io",
                                         "rbac.authorization.k8s.io",
                                         "resource.k8s.io",
                                         "scheduling.k8s.io",
                                         "storage.k8s.io",
                                         "storagemigration.k8s.io"};
    const char *version = text_of(object, "apiVersion");
    const char *slash = strchr(version, '/');

    for (size_t i = 0; slash != NULL && i < sizeof(groups) / sizeof(groups[0]); i++) {
        if (strncmp(version, groups[i], (size_t)(slash - version)) == 0 &&
            groups[i][slash - version] == '\0') {
            return true;
        }
    }
    return slash == NULL;
}

// changed_ms is when somebody last wrote anything but the status.
static int64_t changed_ms(const struct view *v) {
    const struct cm_json *metadata = cm_json_get(v->object, "metadata");
    const struct cm_json *managers = cm_json_get(metadata, "managedFields");
    int64_t newest_ms = 0;
    int64_t ms = 0;

    (void)cm_clock_parse(text_of(metadata, "creationTimestamp"), &newest_ms);
    for (const struct cm_json *m = is_empty(managers) ? NULL : managers->first; m != NULL;
         m = m->next) {
        if (text_of(m, "subresource")[0] == '\0' && cm_clock_parse(text_of(m, "time"), &ms) &&
            ms > newest_ms) {
            newest_ms = ms;
        }
    }
    return newest_ms;
}

// settled: where the status does not tell whether it speaks of the last change, it has some time
// to.
static struct kube_health settled(const struct view *v, struct kube_health health) {
    const struct cm_json *ready = condition(v, "Ready");
    int64_t age_ms = v->now_ms - changed_ms(v);

    if (health.health != AGENT_HEALTH_HEALTHY || is_built_in(v->object) || has_seen(v, v->status) ||
        has_seen(v, ready) || age_ms >= SETTLE_MS) {
        return health;
    }
    return until("its controller may not have seen it yet", SETTLE_MS - age_ms,
                 AGENT_HEALTH_HEALTHY);
}

// ---- All together

// ruled reads what the App says of its kind; false if it says nothing.
static bool ruled(const struct view *v, struct kube_health *out) {
    const char *why = "";

    switch (v->options->rules == NULL ? CM_VERDICT_NONE
                                      : cm_rules_judge(v->options->rules, v->a, v->object, &why)) {
    case CM_VERDICT_HEALTHY:
        *out = HEALTHY;
        return true;
    case CM_VERDICT_PROGRESSING:
        *out = progressing(why[0] == '\0' ? "no rule of the App calls it healthy" : why);
        return true;
    case CM_VERDICT_DEGRADED:
        *out = degraded(why[0] == '\0' ? "a rule of the App calls it degraded" : why);
        return true;
    default:
        return false;
    }
}

// reconciling reads the conditions that count for every kind, the first that says something.
static bool reconciling(const struct view *v, struct kube_health *out) {
    const struct cm_json *list = cm_json_get(v->status, "conditions");

    for (const struct cm_json *c = is_empty(list) ? NULL : list->first; c != NULL; c = c->next) {
        if (strcmp(text_of(c, "type"), "Reconciling") == 0 && is_status(c, "True")) {
            *out = progressing(said(v, c, "it is being reconciled"));
            return true;
        }
        if (strcmp(text_of(c, "type"), "Stalled") == 0 && is_status(c, "True")) {
            *out = degraded(said(v, c, "it is stalled"));
            return true;
        }
    }
    return false;
}

static struct kube_health judge(const struct view *v) {
    struct kube_health health;

    if (cm_json_path(v->object, "metadata", "deletionTimestamp", NULL) != NULL) {
        return progressing("it is being deleted");
    }
    if (is_stale(v, v->status)) {
        return progressing(UNSEEN);
    }
    if (ruled(v, &health)) {
        return settled(v, health);
    }
    if (reconciling(v, &health)) {
        return health;
    }
    return settled(v, rule_of(v->object)(v));
}

void kube_health_of(struct cm_arena *a, const struct cm_json *object,
                    const struct agent_health_options *options, int64_t now_ms,
                    struct kube_health *out) {
    struct view v = {
        .a = a,
        .object = object,
        .spec = cm_json_get(object, "spec"),
        .status = cm_json_get(object, "status"),
        .options = options,
        .now_ms = now_ms,
    };

    *out = judge(&v);
}

static bool is_job(const struct cm_json *object) {
    return rule_of(object) == job_health;
}

bool kube_health_goes(const struct cm_json *object) {
    return is_job(object) && cm_json_path(object, "spec", "ttlSecondsAfterFinished", NULL) != NULL;
}

bool kube_health_done(const struct cm_json *live) {
    const struct view v = {.status = cm_json_get(live, "status")};

    return is_job(live) && is_status(condition(&v, "Complete"), "True");
}
