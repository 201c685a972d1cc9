#include "agent/kube/causes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/utf8.h"

enum {
    CAUSES_MAX = 2,
    WORDS_MAX = 240,
    PAUSE_MS = 5000, // doubled after each look
    LOOKS_MAX = 6,   // then
    PAGES_MAX = 20,
};

struct cause {
    const char *text;
    size_t pods;
};

static const char *text_of(const struct cm_json *node, const char *key) {
    const char *text = cm_json_string(cm_json_get(node, key));

    return text == NULL ? "" : text;
}

// fit is how much of a message is told.
static int fit(const char *message) {
    return (int)cm_utf8_fit(message, WORDS_MAX);
}

static const struct cm_json *first_of(const struct cm_json *node, const char *key) {
    const struct cm_json *list = cm_json_get(node, key);

    return list == NULL || list->type != CM_ARRAY ? NULL : list->first;
}

// Why one pod is not ready.
struct pod_cause {
    const char *text;      // NULL: there is no cause
    const char *container; // that crashed; NULL
    bool before;           // its log is that of its last run
    bool failing;
    bool ask; // Events may say more
};

// ---- Containers

enum { RESTARTS_MIN = 3 }; // who has crashed less often may yet come up

// "(exit code 137, OOMKilled)"; the reason Error says no more than the code.
static const char *ending(struct cm_arena *a, const struct cm_json *terminated) {
    long long code = cm_json_int(cm_json_get(terminated, "exitCode"), 0);
    const char *reason = text_of(terminated, "reason");
    bool says = reason[0] != '\0' && strcmp(reason, "Error") != 0;

    return cm_arena_strf(a, "exit code %lld%s%s", code, says ? ", " : "", says ? reason : "");
}

// was_killed tells whether something outside ended it that Events may name: a liveness probe.
static bool was_killed(const struct cm_json *terminated) {
    int64_t code = cm_json_int(cm_json_get(terminated, "exitCode"), 0);

    return (code == 137 || code == 143) && strcmp(text_of(terminated, "reason"), "OOMKilled") != 0;
}

static bool is_among(const char *word, const char *const *words) {
    while (*words != NULL && strcmp(*words, word) != 0) {
        words++;
    }
    return *words != NULL;
}

// Every container begins by waiting for these.
static bool is_ordinary(const char *reason) {
    static const char *const ordinary[] = {"", "ContainerCreating", "PodInitializing", NULL};

    return is_among(reason, ordinary);
}

// is_failing tells whether what a container waits for does not come by waiting.
static bool is_failing(const struct cm_json *container, const char *reason) {
    static const char *const failing[] = {"ImagePullBackOff",
                                          "InvalidImageName",
                                          "ErrImageNeverPull",
                                          "CreateContainerConfigError",
                                          "CreateContainerError",
                                          "RunContainerError",
                                          NULL};

    if (strcmp(reason, "CrashLoopBackOff") == 0) {
        return cm_json_int(cm_json_get(container, "restartCount"), 0) >= RESTARTS_MIN;
    }
    return is_among(reason, failing);
}

static struct pod_cause waiting(struct cm_arena *a, const struct cm_json *container,
                                const struct cm_json *state) {
    const struct cm_json *last = cm_json_path(container, "lastState", "terminated", NULL);
    const char *name = text_of(container, "name");
    const char *reason = text_of(state, "reason");
    const char *message = text_of(state, "message");

    if (is_ordinary(reason)) {
        return (struct pod_cause){.text = NULL};
    }
    return (struct pod_cause){.text = cm_arena_strf(a, "container %s: %s%s%.*s%s%s%s", name, reason,
                                                    message[0] == '\0' ? "" : ": ", fit(message),
                                                    message, last == NULL ? "" : " (",
                                                    last == NULL ? "" : ending(a, last),
                                                    last == NULL ? "" : ")"),
                              .container = strcmp(reason, "CrashLoopBackOff") == 0 ? name : NULL,
                              .before = true,
                              .failing = is_failing(container, reason),
                              .ask = last != NULL && was_killed(last)};
}

static struct pod_cause ended(struct cm_arena *a, const struct cm_json *container,
                              const struct cm_json *terminated, bool logs) {
    const char *name = text_of(container, "name");
    const char *message = logs ? text_of(terminated, "message") : "";

    if (cm_json_int(cm_json_get(terminated, "exitCode"), 0) == 0) {
        return (struct pod_cause){.text = NULL};
    }
    return (struct pod_cause){
        .text = cm_arena_strf(a, "container %s ended (%s)%s%.*s", name, ending(a, terminated),
                              message[0] == '\0' ? "" : ": ", fit(message), message),
        .container = name,
        .ask = was_killed(terminated)};
}

static struct pod_cause cause_of_container(struct cm_arena *a, const struct cm_json *container,
                                           bool logs) {
    const struct cm_json *state = cm_json_get(container, "state");
    const struct cm_json *waits = cm_json_get(state, "waiting");
    const struct cm_json *terminated = cm_json_get(state, "terminated");

    if (waits != NULL) {
        return waiting(a, container, waits);
    }
    return terminated == NULL ? (struct pod_cause){.text = NULL}
                              : ended(a, container, terminated, logs);
}

static struct pod_cause cause_among(struct cm_arena *a, const struct cm_json *status,
                                    const char *list, bool logs) {
    struct pod_cause cause = {.text = NULL};

    for (const struct cm_json *c = first_of(status, list); c != NULL && cause.text == NULL;
         c = c->next) {
        cause = cause_of_container(a, c, logs);
    }
    return cause;
}

// running_unready returns the first container that runs and is not ready.
static const struct cm_json *running_unready(const struct cm_json *status, const char *list) {
    for (const struct cm_json *c = first_of(status, list); c != NULL; c = c->next) {
        if (!cm_json_true(cm_json_get(c, "ready")) &&
            cm_json_path(c, "state", "running", NULL) != NULL) {
            return c;
        }
    }
    return NULL;
}

// A container that runs, and has run for long enough to be asked, but is not ready.
static struct pod_cause unready(struct cm_arena *a, const struct cm_json *status) {
    const struct cm_json *init = running_unready(status, "initContainerStatuses");
    const struct cm_json *container = running_unready(status, "containerStatuses");

    if (init != NULL) {
        return (struct pod_cause){
            .text = cm_arena_strf(a, "init container %s has not ended", text_of(init, "name"))};
    }
    if (container == NULL) {
        return (struct pod_cause){.text = NULL};
    }
    return (struct pod_cause){
        .text = cm_arena_strf(a, "container %s runs but is not ready", text_of(container, "name")),
        .ask = true};
}

// ---- Pods

static const struct cm_json *condition(const struct cm_json *status, const char *type) {
    for (const struct cm_json *c = first_of(status, "conditions"); c != NULL; c = c->next) {
        if (strcmp(text_of(c, "type"), type) == 0) {
            return c;
        }
    }
    return NULL;
}

static bool is_status(const struct cm_json *c, const char *status) {
    return c != NULL && strcmp(text_of(c, "status"), status) == 0;
}

static const char *reason_and_message(struct cm_arena *a, const struct cm_json *node) {
    const char *message = text_of(node, "message");

    return cm_arena_strf(a, "%s%s%.*s", text_of(node, "reason"), message[0] == '\0' ? "" : ": ",
                         fit(message), message);
}

static struct pod_cause cause_of_pod(struct cm_arena *a, const struct cm_json *pod, bool logs) {
    const struct cm_json *status = cm_json_get(pod, "status");
    const struct cm_json *scheduled = condition(status, "PodScheduled");
    const char *phase = text_of(status, "phase");

    if (cm_json_path(pod, "metadata", "deletionTimestamp", NULL) != NULL ||
        is_status(condition(status, "Ready"), "True") || strcmp(phase, "Succeeded") == 0) {
        return (struct pod_cause){.text = NULL};
    }
    if (is_status(scheduled, "False")) {
        return (struct pod_cause){.text = reason_and_message(a, scheduled)};
    }
    struct pod_cause cause = cause_among(a, status, "initContainerStatuses", logs);
    cause = cause.text != NULL ? cause : cause_among(a, status, "containerStatuses", logs);
    if (cause.text == NULL && text_of(status, "reason")[0] != '\0') {
        cause.text = reason_and_message(a, status); // evicted, and so on
    }
    cause = cause.text != NULL ? cause : unready(a, status);
    cause.ask |= cause.text == NULL && strcmp(phase, "Pending") == 0; // it may lack a volume
    return cause;
}

// ---- Counting

static void count(struct cause *causes, size_t *total, const char *text) {
    for (size_t i = 0; i < *total; i++) {
        if (strcmp(causes[i].text, text) == 0) {
            causes[i].pods++;
            return;
        }
    }
    causes[(*total)++] = (struct cause){text, 1};
}

static int compare(const void *left, const void *right) {
    const struct cause *a = left;
    const struct cause *b = right;

    if (a->pods != b->pods) {
        return a->pods > b->pods ? -1 : 1;
    }
    return strcmp(a->text, b->text);
}

static const char *say(struct cm_arena *a, struct cause *causes, size_t total) {
    const char *words = "";

    qsort(causes, total, sizeof(*causes), compare);
    for (size_t i = 0; i < total && i < CAUSES_MAX; i++) {
        words = cm_arena_strf(a, "%s%s%zu %s: %s", words, i == 0 ? "" : "; ", causes[i].pods,
                              causes[i].pods == 1 ? "pod" : "pods", causes[i].text);
    }
    return words;
}

// note_pod remembers the first pod of which more can be asked.
static void note_pod(const struct cm_json *pod, const struct pod_cause *cause,
                     struct kube_causes *out) {
    const struct cm_json *metadata = cm_json_get(pod, "metadata");

    out->failing |= cause->failing;
    if (cause->ask && out->ask == NULL) {
        out->ask = cm_json_string(cm_json_get(metadata, "uid"));
    }
    if (cause->container != NULL && out->crashed_pod == NULL) {
        out->crashed_pod = cm_json_string(cm_json_get(metadata, "name"));
        out->crashed_container = cause->container;
        out->crashed_before = cause->before;
    }
}

void kube_causes_find(struct cm_arena *a, const struct cm_json *pods, bool logs,
                      struct kube_causes *out) {
    const struct cm_json *items = cm_json_get(pods, "items");
    size_t most = items == NULL || items->type != CM_ARRAY ? 0 : items->count;
    struct cause *causes = cm_arena_get(a, (most + 1) * sizeof(*causes));
    size_t total = 0;

    *out = (struct kube_causes){.words = ""};
    for (const struct cm_json *pod = most == 0 ? NULL : items->first; pod != NULL;
         pod = pod->next) {
        struct pod_cause cause = cause_of_pod(a, pod, logs);

        note_pod(pod, &cause, out);
        if (cause.text != NULL) {
            count(causes, &total, cause.text);
        }
    }
    out->words = say(a, causes, total);
}

// ---- Events

static const char *time_of(const struct cm_json *event) {
    static const char *const members[] = {"lastTimestamp", "eventTime", "firstTimestamp"};
    const char *series = cm_json_string(cm_json_path(event, "series", "lastObservedTime", NULL));
    const char *time = series == NULL ? "" : series;

    for (size_t i = 0; time[0] == '\0' && i < sizeof(members) / sizeof(members[0]); i++) {
        time = text_of(event, members[i]);
    }
    return time[0] != '\0' ? time : text_of(cm_json_get(event, "metadata"), "creationTimestamp");
}

// says_why: a warning does, but for one that says what the pod says itself.
static bool says_why(const struct cm_json *event) {
    static const char *const others[] = {"FailedBinding", "WaitForFirstConsumer",
                                         "ExternalProvisioning", NULL};
    const char *reason = text_of(event, "reason");

    return strcmp(text_of(event, "type"), "Warning") == 0 ? strcmp(reason, "BackOff") != 0
                                                          : is_among(reason, others);
}

const char *kube_causes_event(struct cm_arena *a, const struct cm_json *events) {
    const struct cm_json *newest = NULL;

    for (const struct cm_json *e = first_of(events, "items"); e != NULL; e = e->next) {
        if (says_why(e) && (newest == NULL || strcmp(time_of(e), time_of(newest)) >= 0)) {
            newest = e;
        }
    }
    return newest == NULL ? "" : reason_and_message(a, newest);
}

static bool is_of_kinds(const struct cm_json *object, const char *const kinds[][2], size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text_of(object, "apiVersion"), kinds[i][0]) == 0 &&
            strcmp(text_of(object, "kind"), kinds[i][1]) == 0) {
            return true;
        }
    }
    return false;
}

bool kube_causes_has_events(const struct cm_json *object) {
    static const char *const kinds[][2] = {
        {"v1", "PersistentVolumeClaim"}, {"v1", "Service"}, {"networking.k8s.io/v1", "Ingress"}};

    return is_of_kinds(object, kinds, sizeof(kinds) / sizeof(kinds[0]));
}

bool kube_causes_is_pod(const struct cm_json *object) {
    static const char *const kinds[][2] = {{"v1", "Pod"}};

    return is_of_kinds(object, kinds, sizeof(kinds) / sizeof(kinds[0]));
}

int64_t kube_causes_pause_ms(unsigned looks) {
    return looks < LOOKS_MAX ? (int64_t)PAUSE_MS << (looks - 1) : KUBE_CAUSES_SLOW_MS;
}

const char *kube_causes_more(const struct kube_causes *found, const struct cm_json *pods,
                             unsigned pages) {
    const char *token = cm_json_string(cm_json_path(pods, "metadata", "continue", NULL));

    return found->words[0] != '\0' || token == NULL || token[0] == '\0' || pages >= PAGES_MAX
               ? NULL
               : token;
}

bool kube_causes_says_itself(const struct cm_json *workload) {
    static const char *const kinds[][2] = {{"batch/v1", "Job"}};

    return is_of_kinds(workload, kinds, sizeof(kinds) / sizeof(kinds[0]));
}

bool kube_causes_unseen(const struct cm_json *workload) {
    static const char *const kinds[][2] = {{"apps/v1", "Deployment"},
                                           {"apps/v1", "StatefulSet"},
                                           {"apps/v1", "DaemonSet"},
                                           {"apps/v1", "ReplicaSet"}};
    int64_t form = cm_json_int(cm_json_path(workload, "metadata", "generation", NULL), 0);
    int64_t seen = cm_json_int(cm_json_path(workload, "status", "observedGeneration", NULL), 0);

    return seen < form && is_of_kinds(workload, kinds, sizeof(kinds) / sizeof(kinds[0]));
}

// ---- Which pods

static bool has_pods(const struct cm_json *workload) {
    static const char *const kinds[][2] = {
        {"apps/v1", "Deployment"}, {"apps/v1", "StatefulSet"}, {"apps/v1", "DaemonSet"},
        {"apps/v1", "ReplicaSet"}, {"batch/v1", "Job"},        {"argoproj.io/v1alpha1", "Rollout"},
    };

    return is_of_kinds(workload, kinds, sizeof(kinds) / sizeof(kinds[0]));
}

// "key in (a,b)", "key", "!key"
static void add_expression(struct cm_str *out, const struct cm_json *expression) {
    const char *op = text_of(expression, "operator");
    const char *key = text_of(expression, "key");
    bool in = strcmp(op, "In") == 0;

    cm_str_add(out, out->len == 0 ? "" : ",");
    if (!in && strcmp(op, "NotIn") != 0) {
        cm_str_addf(out, "%s%s", strcmp(op, "Exists") == 0 ? "" : "!", key);
        return;
    }
    cm_str_addf(out, "%s %s (", key, in ? "in" : "notin");
    for (const struct cm_json *v = first_of(expression, "values"); v != NULL; v = v->next) {
        const char *value = cm_json_string(v);

        cm_str_addf(out, "%s%s", value == NULL ? "" : value, v->next == NULL ? "" : ",");
    }
    cm_str_add_char(out, ')');
}

const char *kube_causes_selector(struct cm_arena *a, const struct cm_json *workload) {
    const struct cm_json *selector = cm_json_path(workload, "spec", "selector", NULL);
    const struct cm_json *labels = cm_json_get(selector, "matchLabels");
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    if (!has_pods(workload)) {
        return NULL;
    }
    for (const struct cm_json *l = labels == NULL ? NULL : labels->first; l != NULL; l = l->next) {
        const char *value = cm_json_string(l);

        cm_str_addf(&text, "%s%s=%s", text.len == 0 ? "" : ",", l->key, value == NULL ? "" : value);
    }
    for (const struct cm_json *e = first_of(selector, "matchExpressions"); e != NULL; e = e->next) {
        add_expression(&text, e);
    }
    return text.len == 0 ? NULL : cm_arena_strdup(a, cm_str_get(&text));
}
