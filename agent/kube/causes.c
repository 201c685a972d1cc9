#include "agent/kube/causes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

enum { CAUSES_MAX = 2, WORDS_MAX = 240 };

struct cause {
    const char *text;
    size_t pods;
};

static const char *text_of(const struct cm_json *node, const char *key) {
    const char *text = cm_json_string(cm_json_get(node, key));

    return text == NULL ? "" : text;
}

static const struct cm_json *first_of(const struct cm_json *node, const char *key) {
    const struct cm_json *list = cm_json_get(node, key);

    return list == NULL || list->type != CM_ARRAY ? NULL : list->first;
}

// ---- Containers

// "(exit code 137, OOMKilled)"; the reason Error says no more than the code.
static const char *ending(struct cm_arena *a, const struct cm_json *terminated) {
    long long code = cm_json_int(cm_json_get(terminated, "exitCode"), 0);
    const char *reason = text_of(terminated, "reason");
    bool says = reason[0] != '\0' && strcmp(reason, "Error") != 0;

    return cm_arena_strf(a, "exit code %lld%s%s", code, says ? ", " : "", says ? reason : "");
}

// Every container begins by waiting for these.
static bool is_ordinary(const char *reason) {
    return reason[0] == '\0' || strcmp(reason, "ContainerCreating") == 0 ||
           strcmp(reason, "PodInitializing") == 0;
}

static const char *waiting(struct cm_arena *a, const struct cm_json *container,
                           const struct cm_json *state) {
    const struct cm_json *last = cm_json_path(container, "lastState", "terminated", NULL);
    const char *reason = text_of(state, "reason");
    const char *message = text_of(state, "message");

    if (is_ordinary(reason)) {
        return NULL;
    }
    return cm_arena_strf(a, "container %s: %s%s%.*s%s%s%s", text_of(container, "name"), reason,
                         message[0] == '\0' ? "" : ": ", WORDS_MAX, message,
                         last == NULL ? "" : " (", last == NULL ? "" : ending(a, last),
                         last == NULL ? "" : ")");
}

static const char *ended(struct cm_arena *a, const struct cm_json *container,
                         const struct cm_json *terminated) {
    const char *message = text_of(terminated, "message");

    if (cm_json_int(cm_json_get(terminated, "exitCode"), 0) == 0) {
        return NULL;
    }
    return cm_arena_strf(a, "container %s ended (%s)%s%.*s", text_of(container, "name"),
                         ending(a, terminated), message[0] == '\0' ? "" : ": ", WORDS_MAX, message);
}

static const char *cause_of_container(struct cm_arena *a, const struct cm_json *container) {
    const struct cm_json *state = cm_json_get(container, "state");
    const struct cm_json *waits = cm_json_get(state, "waiting");
    const struct cm_json *terminated = cm_json_get(state, "terminated");

    if (waits != NULL) {
        return waiting(a, container, waits);
    }
    return terminated == NULL ? NULL : ended(a, container, terminated);
}

static const char *cause_among(struct cm_arena *a, const struct cm_json *status, const char *list) {
    const char *cause = NULL;

    for (const struct cm_json *c = first_of(status, list); c != NULL && cause == NULL;
         c = c->next) {
        cause = cause_of_container(a, c);
    }
    return cause;
}

// A container that runs, and has run for long enough to be asked, but is not ready.
static const char *unready_container(struct cm_arena *a, const struct cm_json *status) {
    for (const struct cm_json *c = first_of(status, "containerStatuses"); c != NULL; c = c->next) {
        if (!cm_json_true(cm_json_get(c, "ready")) &&
            cm_json_path(c, "state", "running", NULL) != NULL) {
            return cm_arena_strf(a, "container %s runs but is not ready (its readiness probe?)",
                                 text_of(c, "name"));
        }
    }
    return NULL;
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
                         WORDS_MAX, message);
}

static const char *cause_of_pod(struct cm_arena *a, const struct cm_json *pod) {
    const struct cm_json *status = cm_json_get(pod, "status");
    const struct cm_json *scheduled = condition(status, "PodScheduled");

    if (cm_json_path(pod, "metadata", "deletionTimestamp", NULL) != NULL ||
        is_status(condition(status, "Ready"), "True")) {
        return NULL;
    }
    if (is_status(scheduled, "False")) {
        return reason_and_message(a, scheduled);
    }
    const char *cause = cause_among(a, status, "initContainerStatuses");
    cause = cause != NULL ? cause : cause_among(a, status, "containerStatuses");
    if (cause == NULL && text_of(status, "reason")[0] != '\0') {
        cause = reason_and_message(a, status); // evicted, and so on
    }
    return cause != NULL ? cause : unready_container(a, status);
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

const char *kube_causes_of(struct cm_arena *a, const struct cm_json *pods) {
    const struct cm_json *items = cm_json_get(pods, "items");
    size_t most = items == NULL || items->type != CM_ARRAY ? 0 : items->count;
    struct cause *causes = cm_arena_get(a, (most + 1) * sizeof(*causes));
    const char *words = "";
    size_t total = 0;

    for (const struct cm_json *pod = most == 0 ? NULL : items->first; pod != NULL;
         pod = pod->next) {
        const char *cause = cause_of_pod(a, pod);

        if (cause != NULL) {
            count(causes, &total, cause);
        }
    }
    qsort(causes, total, sizeof(*causes), compare);
    for (size_t i = 0; i < total && i < CAUSES_MAX; i++) {
        words = cm_arena_strf(a, "%s%s%zu %s: %s", words, i == 0 ? "" : "; ", causes[i].pods,
                              causes[i].pods == 1 ? "pod" : "pods", causes[i].text);
    }
    return words;
}

// ---- Which pods

static bool has_pods(const struct cm_json *workload) {
    static const char *const kinds[][2] = {
        {"apps/v1", "Deployment"}, {"apps/v1", "StatefulSet"}, {"apps/v1", "DaemonSet"},
        {"apps/v1", "ReplicaSet"}, {"batch/v1", "Job"},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(text_of(workload, "apiVersion"), kinds[i][0]) == 0 &&
            strcmp(text_of(workload, "kind"), kinds[i][1]) == 0) {
            return true;
        }
    }
    return false;
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
