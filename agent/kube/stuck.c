// A StatefulSet that went back, and waits for a pod of the release before that: the pod is deleted.
//
// Its controller deletes pods of another revision only once all are ready; such a pod never is. So
// nothing that is committed brings the set up again until somebody deletes it. We do, if the App
// says that a release is gone back from, and only a pod that is this set's, of another revision
// than the one that came up last (which is what Git says again), and not ready: neither that the
// very pod is another one by then, nor that it changed since it was looked at, goes through. It is
// deleted as `kubectl delete pod` does: nothing is forced, and its volumes stay. Without the right
// to that it is said what to do by hand.
//
// The same timer looks again at a set that has not come up, for nothing happens when its time is
// over.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/account.h"
#include "agent/kube/causes.h"
#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "agent/kube/rollout.h"
#include "agent/kube/status.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"

enum {
    PATIENCE_MS = 3000, // for the controller, which may do it itself
    PAUSE_MS = 10000,
    PAGE = 200, // pods
};

struct kube_stuck {
    struct kube_entry *entry; // NULL: nobody wants to know any more
    struct agent_kube *k;
    struct cm_timer timer;
    struct kube_call *call;
    bool waiting; // for the timer
    bool stuck;   // else it is looked at again
    bool told;    // that the pod cannot be deleted
    char *ns;
    char *selector;
    char *uid;
    char *revision;
    char *pod; // that is being deleted
};

static void free_texts(struct kube_stuck *s) {
    free(s->ns);
    free(s->selector);
    free(s->uid);
    free(s->revision);
}

static void free_stuck(struct kube_stuck *s) {
    cm_timer_stop(s->k->loop, &s->timer);
    free_texts(s);
    free(s->pod);
    free(s);
}

void kube_stuck_forget(struct kube_entry *e) {
    struct kube_stuck *s = e->stuck;

    e->stuck = NULL;
    if (s == NULL) {
        return;
    }
    s->entry = NULL;
    if (s->call != NULL) {
        cm_timer_stop(s->k->loop, &s->timer);
        kube_call_cancel(s->call); // its end frees s
    } else {
        free_stuck(s);
    }
}

static void wait_for(struct kube_stuck *s, int64_t ms) {
    if (!s->k->stopping) {
        s->waiting = true;
        cm_timer_start(s->k->loop, &s->timer, ms);
    }
}

// is_over ends what nobody wants any more.
static bool is_over(struct kube_stuck *s) {
    s->call = NULL;
    if (s->entry == NULL) {
        free_stuck(s);
        return true;
    }
    return false;
}

static void tell_refused(struct kube_stuck *s, const struct kube_answer *answer) {
    CM_AUTOFREE char *words =
        cm_strf("pod '%s' of a release that was gone back from holds its StatefulSet up and could "
                "not be deleted (status %d): kubectl delete pod -n %s %s, or let the agent, or the "
                "App's ServiceAccount, delete pods there",
                s->pod, answer->status, s->ns, s->pod);

    if (!s->told) {
        cm_log(CM_LOG_WARN, "agent.pod_stuck", words, "app", s->entry->app, "object", s->entry->key,
               NULL);
    }
    s->told = true;
}

static void on_deleted(void *ctx, const struct kube_answer *answer) {
    struct kube_stuck *s = ctx;

    if (is_over(s)) {
        return;
    }
    if (kube_answer_ok(answer)) {
        s->told = false;
        cm_log(CM_LOG_INFO, "agent.pod_deleted",
               "a pod of a release that was gone back from held its StatefulSet up", "app",
               s->entry->app, "object", s->entry->key, "pod", s->pod, NULL);
    } else if (answer->status != 0 && answer->status != 404 && answer->status != 409) {
        tell_refused(s, answer);
    }
    wait_for(s, PAUSE_MS);
}

static void delete_pod(struct kube_stuck *s, const struct cm_json *pod) {
    struct agent_health_options options = {0};
    const struct cm_json *metadata = cm_json_get(pod, "metadata");
    const char *uid = kube_object_uid(pod);
    const char *version = kube_rollout_text(metadata, "resourceVersion");

    s->k->host.health(s->k->host.ctx, s->entry->app, &options);
    // A quotation mark would end the string that it becomes in the body.
    if (!options.goes_back || s->entry->retouched || strchr(uid, '"') != NULL ||
        strchr(version, '"') != NULL) {
        return;
    }
    s->told = s->told && strcmp(s->pod, kube_rollout_text(metadata, "name")) == 0;
    free(s->pod);
    s->pod = cm_strdup(kube_rollout_text(metadata, "name"));
    CM_AUTOFREE char *space = cm_http_escape(s->ns);
    CM_AUTOFREE char *name = cm_http_escape(s->pod);
    CM_AUTOFREE char *path = cm_strf("/api/v1/namespaces/%s/pods/%s", space, name);
    CM_AUTOFREE char *body =
        cm_strf("{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"preconditions\":"
                "{\"uid\":\"%s\",\"resourceVersion\":\"%s\"}}",
                uid, version);
    struct kube_request request = {
        .method = "DELETE",
        .path = path,
        .content_type = "application/json",
        .body = body,
        .account = kube_account_given(options.account),
        .done = on_deleted,
        .ctx = s,
    };
    s->call = kube_call(s->k, &request);
}

static void ask_pods(struct kube_stuck *s, const char *more);

static void on_pods(void *ctx, const struct kube_answer *answer) {
    struct kube_stuck *s = ctx;

    if (is_over(s)) {
        return;
    }
    const struct cm_json *all = kube_answer_ok(answer) && !s->k->stopping ? answer->json : NULL;
    const struct cm_json *pod =
        all == NULL ? NULL : kube_rollout_stuck_pod(all, s->uid, s->revision);
    const char *more = kube_rollout_text(cm_json_get(all, "metadata"), "continue");
    if (pod != NULL) {
        delete_pod(s, pod);
    } else if (more[0] != '\0') {
        ask_pods(s, more);
    }
    if (s->call == NULL) {
        wait_for(s, PAUSE_MS);
    }
}

// ask_pods asks for a page of pods: `more` says which, "": the first.
static void ask_pods(struct kube_stuck *s, const char *more) {
    CM_AUTOFREE char *space = cm_http_escape(s->ns);
    CM_AUTOFREE char *labels = cm_http_escape(s->selector);
    CM_AUTOFREE char *token = cm_http_escape(more);
    CM_AUTOFREE char *path =
        cm_strf("/api/v1/namespaces/%s/pods?labelSelector=%s&limit=%d%s%s", space, labels, PAGE,
                more[0] == '\0' ? "" : "&continue=", token);
    struct kube_request request = {.method = "GET", .path = path, .done = on_pods, .ctx = s};

    s->call = kube_call(s->k, &request);
}

static void on_timer(void *ctx) {
    struct kube_stuck *s = ctx;

    s->waiting = false;
    if (s->k->stopping) {
        return;
    }
    if (s->k->reach != KUBE_UP) {
        wait_for(s, PAUSE_MS);
    } else if (s->stuck) {
        ask_pods(s, "");
    } else {
        kube_entry_look(s->entry, false);
    }
}

static struct kube_stuck *stuck_of(struct kube_entry *e) {
    if (e->stuck == NULL) {
        e->stuck = cm_new(1, sizeof(*e->stuck));
        e->stuck->entry = e;
        e->stuck->k = e->k;
        e->stuck->timer = (struct cm_timer){.run = on_timer, .ctx = e->stuck};
    }
    return e->stuck;
}

static void take_texts(struct kube_stuck *s, const char *selector, const struct cm_json *live) {
    const char *ns = kube_rollout_text(cm_json_get(live, "metadata"), "namespace");
    const char *revision = kube_rollout_text(cm_json_get(live, "status"), "updateRevision");

    free_texts(s);
    s->ns = cm_strdup(ns);
    s->selector = cm_strdup(selector);
    s->uid = cm_strdup(kube_object_uid(live));
    s->revision = cm_strdup(revision);
}

void kube_stuck_follow(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live,
                       const struct kube_rollout *said) {
    const char *selector = said->stuck ? kube_causes_selector(a, live) : NULL;
    bool stuck = selector != NULL;

    if (e->k->stopping || (!stuck && said->again_ms == 0)) {
        kube_stuck_forget(e);
        return;
    }
    struct kube_stuck *s = stuck_of(e);
    if (stuck) {
        take_texts(s, selector, live);
    }
    if (s->call == NULL && (!stuck || !s->stuck || !s->waiting)) {
        wait_for(s, stuck ? PATIENCE_MS : said->again_ms);
    }
    s->stuck = stuck;
}
