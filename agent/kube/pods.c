// Why a workload is not ready: its pods are asked while it is not.
//
// Nothing watches pods: they are many, and say nothing while all is well. A workload that is ill is
// looked into at once, one that is in progress after some patience, so that an ordinary rollout
// costs nothing; then in growing pauses, a few times after each change of the workload. At most two
// questions are under way, so that many ill workloads delay nothing else.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/causes.h"
#include "agent/kube/internal.h"
#include "common/arena.h"
#include "common/backoff.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

enum {
    ILL_MS = 500,
    PATIENCE_MS = 8000,
    BUSY_MS = 500,
    PAUSE_MS = 5000, // doubled after each look
    LOOKS_MAX = 6,
    LOOKING_MAX = 2,
    PODS_MAX = 100, // of a workload; bounds the answer
};

struct kube_pods {
    struct kube_entry *entry; // NULL: nobody wants to know any more
    struct agent_kube *k;
    struct cm_timer timer;
    struct kube_call *call;
    char *path;
    char *cause; // NULL: none is known
    unsigned looks;
    bool waiting; // for the timer
    bool ill;
};

static void free_pods(struct kube_pods *p) {
    cm_timer_stop(p->k->loop, &p->timer);
    free(p->path);
    free(p->cause);
    free(p);
}

void kube_pods_forget(struct kube_entry *e) {
    struct kube_pods *p = e->pods;

    e->pods = NULL;
    if (p == NULL) {
        return;
    }
    p->entry = NULL;
    if (p->call != NULL) {
        cm_timer_stop(p->k->loop, &p->timer);
        kube_call_cancel(p->call); // its end frees p
    } else {
        free_pods(p);
    }
}

const char *kube_pods_cause(const struct kube_entry *e) {
    return e->pods == NULL || e->pods->cause == NULL ? "" : e->pods->cause;
}

static void wait_for(struct kube_pods *p, int64_t ms) {
    p->waiting = true;
    cm_timer_start(p->k->loop, &p->timer, ms);
}

static void take_cause(struct kube_pods *p, const char *cause) {
    if (strcmp(cause, kube_pods_cause(p->entry)) == 0) {
        return;
    }
    free(p->cause);
    p->cause = cm_strdup(cause);
    kube_entry_reword(p->entry);
}

static void on_pods(void *ctx, const struct kube_answer *answer) {
    struct kube_pods *p = ctx;

    p->call = NULL;
    p->k->pods_looking--;
    if (p->entry == NULL) {
        free_pods(p);
        return;
    }
    if (kube_answer_ok(answer) && answer->json != NULL) {
        take_cause(p, kube_causes_of(answer->arena, answer->json));
    } else if (answer->status == 403) {
        take_cause(p, "its pods would say why, but the agent may not list pods here");
    }
    if (++p->looks < LOOKS_MAX && !p->k->stopping) {
        wait_for(p, (int64_t)PAUSE_MS << (p->looks - 1));
    }
}

static void on_timer(void *ctx) {
    struct kube_pods *p = ctx;
    struct kube_request request = {.method = "GET", .path = p->path, .done = on_pods, .ctx = p};

    p->waiting = false;
    if (p->k->stopping) {
        return;
    }
    if (p->k->reach != KUBE_UP || p->k->pods_looking >= LOOKING_MAX) {
        wait_for(p, BUSY_MS + cm_jitter_ms(BUSY_MS));
        return;
    }
    p->k->pods_looking++;
    p->call = kube_call(p->k, &request);
}

static char *path_of(const struct cm_json *live, const char *selector) {
    const char *ns = cm_json_string(cm_json_path(live, "metadata", "namespace", NULL));
    CM_AUTOFREE char *space = cm_http_escape(ns == NULL ? "default" : ns);
    CM_AUTOFREE char *labels = cm_http_escape(selector);

    return cm_strf("/api/v1/namespaces/%s/pods?labelSelector=%s&limit=%d", space, labels, PODS_MAX);
}

static struct kube_pods *pods_of(struct kube_entry *e) {
    if (e->pods == NULL) {
        e->pods = cm_new(1, sizeof(*e->pods));
        e->pods->entry = e;
        e->pods->k = e->k;
        e->pods->timer = (struct cm_timer){.run = on_timer, .ctx = e->pods};
    }
    return e->pods;
}

void kube_pods_follow(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live) {
    bool ill = e->health == AGENT_HEALTH_DEGRADED;
    bool asks = ill || e->health == AGENT_HEALTH_PROGRESSING;
    const char *selector = asks && !e->k->stopping ? kube_causes_selector(a, live) : NULL;

    if (selector == NULL) {
        kube_pods_forget(e);
        return;
    }
    struct kube_pods *p = pods_of(e);
    bool sooner = ill && !p->ill;
    free(p->path);
    p->path = path_of(live, selector);
    p->ill = ill;
    p->looks = 0;
    if (p->call == NULL && (!p->waiting || sooner)) {
        wait_for(p, ill ? ILL_MS : PATIENCE_MS);
    }
}
