// The end of what a Job's pods wrote: a list of the pods, then the log of the one that says most.
//
// A log is asked for only when a hook has failed: pods' logs may hold what nobody else shall see,
// and an agent may lack the right to read them, which is said in its place.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "agent/kube/status.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/utf8.h"

enum {
    PODS_MAX = 50,
    LOG_MAX = 64 << 10, // asked for: lines may be long
};

static const struct kube_resource pods = {"", "v1", "Pod", "pods", true};

struct tail {
    struct agent_kube *k;
    char *ns;
    agent_tail_fn done;
    void *ctx;
    struct cm_task task; // when there is nothing to ask for
};

// ---- Which log

static const char *text_of(const struct cm_json *node, const char *key) {
    const char *text = cm_json_string(cm_json_get(node, key));

    return text == NULL ? "" : text;
}

static bool has_failed(const struct cm_json *pod) {
    return strcmp(text_of(cm_json_get(pod, "status"), "phase"), "Failed") == 0;
}

// is_better tells whether a pod says more than another (may be NULL). Times of creation sort as
// text.
static bool is_better(const struct cm_json *pod, const struct cm_json *than) {
    if (than == NULL || has_failed(pod) != has_failed(than)) {
        return than == NULL || has_failed(pod);
    }
    return strcmp(text_of(cm_json_get(pod, "metadata"), "creationTimestamp"),
                  text_of(cm_json_get(than, "metadata"), "creationTimestamp")) > 0;
}

static const struct cm_json *first_of(const struct cm_json *list) {
    return list != NULL && list->type == CM_ARRAY ? list->first : NULL;
}

static const char *container_of(const struct cm_json *pod) {
    const struct cm_json *statuses = cm_json_path(pod, "status", "containerStatuses", NULL);
    const struct cm_json *containers = cm_json_path(pod, "spec", "containers", NULL);

    for (const struct cm_json *c = first_of(statuses); c != NULL; c = c->next) {
        if (cm_json_int(cm_json_path(c, "state", "terminated", "exitCode", NULL), 0) != 0) {
            return text_of(c, "name");
        }
    }
    return text_of(first_of(containers), "name");
}

bool kube_logs_choose(const struct cm_json *list, struct kube_log_source *out) {
    const struct cm_json *best = NULL;

    for (const struct cm_json *pod = first_of(cm_json_get(list, "items")); pod != NULL;
         pod = pod->next) {
        best = is_better(pod, best) ? pod : best;
    }
    if (best == NULL) {
        return false;
    }
    *out = (struct kube_log_source){text_of(cm_json_get(best, "metadata"), "name"),
                                    container_of(best)};
    return out->pod[0] != '\0';
}

// ---- What of it

// last_lines returns where the last lines begin.
static size_t last_lines(const char *text, size_t size) {
    size_t lines = 0;

    for (size_t at = size; at > 0; at--) {
        if (text[at - 1] == '\n' && ++lines == AGENT_TAIL_LINES) {
            return at;
        }
    }
    return 0;
}

// add_character takes one character over, or a question mark for what is none, and returns its
// size.
static size_t add_character(struct cm_str *out, const char *at, size_t left) {
    size_t size = cm_utf8_sequence(at, left);

    if (*at == '\n') {
        cm_str_add(out, " | ");
    } else if (*at == '\t') {
        cm_str_add_char(out, ' ');
    } else if (size == 0) {
        cm_str_add_char(out, '?');
    } else if ((unsigned char)*at >= ' ' && *at != 0x7f) {
        cm_str_add_n(out, at, size);
    }
    return size == 0 ? 1 : size;
}

char *kube_logs_join(const char *text, size_t size) {
    struct cm_str joined = {0};

    while (size > 0 && strchr("\r\n ", text[size - 1]) != NULL) {
        size--;
    }
    for (size_t at = last_lines(text, size); at < size;) {
        at += add_character(&joined, text + at, size - at);
    }
    const char *from = cm_str_get(&joined);
    if (joined.len > AGENT_TAIL_MAX) { // its end says most
        from += joined.len - AGENT_TAIL_MAX;
        while (((unsigned char)*from & 0xc0) == 0x80) {
            from++;
        }
    }
    char *end = cm_strdup(from);
    cm_str_done(&joined);
    return end;
}

// ---- Asking

static void finish(struct tail *t, const char *text, const struct cm_err *error) {
    t->done(t->ctx, text, error);
    free(t->ns);
    free(t);
}

static void fail(struct tail *t, const struct kube_answer *answer, const char *plural) {
    struct kube_resource resource = pods;
    struct kube_asked asked = {"get", &resource, t->ns, NULL, NULL};
    struct cm_err err;

    resource.plural = plural;
    (void)kube_answer_error(answer, &asked, &err);
    finish(t, "", &err);
}

static void on_log(void *ctx, const struct kube_answer *answer) {
    const struct cm_err none = {0};

    if (!kube_answer_ok(answer)) {
        fail(ctx, answer, "pods/log");
        return;
    }
    CM_AUTOFREE char *text = kube_logs_join(answer->text, answer->size);
    finish(ctx, text, &none);
}

static void on_pods(void *ctx, const struct kube_answer *answer) {
    const struct cm_err none = {0};
    struct tail *t = ctx;
    struct kube_log_source from;

    if (!kube_answer_ok(answer)) {
        fail(t, answer, "pods");
        return;
    }
    if (!kube_logs_choose(answer->json, &from)) {
        finish(t, "", &none); // none was ever made
        return;
    }
    CM_AUTOFREE char *pod = kube_resource_path(&pods, t->ns, from.pod);
    CM_AUTOFREE char *container = cm_http_escape(from.container);
    CM_AUTOFREE char *path = cm_strf("%s/log?container=%s&tailLines=%d&limitBytes=%d", pod,
                                     container, AGENT_TAIL_LINES, LOG_MAX);
    struct kube_request request = {.method = "GET",
                                   .path = path,
                                   .accept = "text/plain, */*",
                                   .text = true,
                                   .done = on_log,
                                   .ctx = t};
    (void)kube_call(t->k, &request);
}

static void nothing_to_read(void *ctx) {
    const struct cm_err none = {0};

    finish(ctx, "", &none);
}

void kube_logs_tail(struct agent_kube *k, const char *key, agent_tail_fn done, void *ctx) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct tail *t = cm_new(1, sizeof(*t));
    struct kube_entry *e = kube_entry_find(k, key);
    const char *ns = "";

    *t = (struct tail){.k = k, .done = done, .ctx = ctx};
    if (e == NULL || kube_resolve(k, a, key, e->default_namespace, NULL, &ns) == NULL) {
        t->task = (struct cm_task){.run = nothing_to_read, .ctx = t};
        cm_loop_post(k->loop, &t->task);
        return;
    }
    t->ns = cm_strdup(ns);
    CM_AUTOFREE char *list = kube_resource_path(&pods, ns, NULL);
    CM_AUTOFREE char *name = cm_http_escape(kube_key_name(key));
    CM_AUTOFREE char *path =
        cm_strf("%s?labelSelector=job-name%%3D%s&limit=%d", list, name, PODS_MAX);
    struct kube_request request = {.method = "GET", .path = path, .done = on_pods, .ctx = t};
    (void)kube_call(k, &request);
}
