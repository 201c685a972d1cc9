// Whether the API server answers.
//
// At start, whenever a request did not get through, and when it has been silent for long, GET
// /version decides. One that works is not: each watch brings a bookmark a minute. After the server
// was away its kinds are discovered anew before we say that it is back: what it offers may have
// changed.
#include <stdio.h>
#include <string.h>

#include "agent/kube/internal.h"
#include "common/clock.h"
#include "common/json.h"

enum {
    PROBE_MIN_MS = 500,
    PROBE_MAX_MS = 15000,
    SILENCE_MS = 75000, // bookmarks are a little late at times
};

static void probe(struct agent_kube *k);

static void on_probe_timer(void *ctx) {
    probe(ctx);
}

static void probe_later(struct agent_kube *k) {
    cm_timer_start(k->loop, &k->probe_timer, cm_backoff_next(&k->probe_backoff));
}

void kube_reach_down(struct agent_kube *k, const struct cm_err *why) {
    bool news = k->reach != KUBE_DOWN;

    k->reach = KUBE_DOWN;
    k->why_down = *why;
    if (k->stopping) {
        return;
    }
    probe_later(k);
    kube_ops_fail_all(k, why);
    kube_recover_fail(k, why);
    kube_applyset_recall_end(k, why);
    if (news) {
        k->host.reachable(k->host.ctx, false, why);
    }
}

void kube_reach_up(struct agent_kube *k) {
    bool news = k->reach != KUBE_UP;

    k->reach = KUBE_UP;
    cm_backoff_reset(&k->probe_backoff);
    if (!news) {
        return;
    }
    kube_table_forget_versions(k);
    k->host.reachable(k->host.ctx, true, NULL);
    kube_watch_wake_all(k);
    kube_recover_wake(k);
    kube_applyset_check(k);
    kube_ops_wake(k);
    kube_table_wake(k);
}

static void refused(struct agent_kube *k, const struct kube_answer *answer) {
    struct cm_err why = answer->error;

    if (answer->status == 401) {
        (void)cm_fail(&why, CM_EAUTH, "the API server does not accept the agent's credentials");
    } else if (why.code == CM_OK) {
        (void)cm_fail(&why, CM_EIO, "the API server answers %d", answer->status);
    }
    kube_reach_down(k, &why);
}

static void on_version(void *ctx, const struct kube_answer *answer) {
    struct agent_kube *k = ctx;
    const char *version = cm_json_string(cm_json_get(answer->json, "gitVersion"));

    k->probing = false;
    if (k->stopping) {
        return;
    }
    if (answer->error.code != CM_OK || answer->status == 401 || answer->status >= 500) {
        refused(k, answer);
        return;
    }
    if (version != NULL) {
        (void)snprintf(k->target_version, sizeof(k->target_version), "%s", version);
    }
    if (k->reach != KUBE_UP) {
        kube_discover_now(k); // says up or down
    }
}

static void probe(struct agent_kube *k) {
    struct kube_request request = {
        .method = "GET", .path = "/version", .done = on_version, .ctx = k, .probe = true};

    if (!k->probing) {
        k->probing = true;
        (void)kube_call(k, &request);
    }
}

void kube_reach_doubt(struct agent_kube *k) {
    if (k->reach == KUBE_UP) {
        probe(k);
    }
}

void kube_reach_minute(struct agent_kube *k) {
    if (cm_clock_now_ms() - k->heard_ms >= SILENCE_MS) {
        kube_reach_doubt(k);
    }
}

void kube_reach_start(struct agent_kube *k) {
    k->reach = KUBE_CONNECTING;
    k->probe_backoff = (struct cm_backoff){.min_ms = PROBE_MIN_MS, .max_ms = PROBE_MAX_MS};
    k->probe_timer = (struct cm_timer){.run = on_probe_timer, .ctx = k};
    probe(k);
}

void kube_reach_stop(struct agent_kube *k) {
    cm_timer_stop(k->loop, &k->probe_timer);
}
