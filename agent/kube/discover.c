// Which kinds the API server offers.
//
// A round asks /api and /apis for the aggregated form and follows whatever lists an older server
// names instead, one after the other. Rounds begin at most once a second: many objects of an
// unknown kind wait for the same round.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/internal.h"
#include "agent/kube/status.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/id.h"

enum { ROUND_PAUSE_MS = 1000 };

static const char ACCEPT[] = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
                             "application/json;g=apidiscovery.k8s.io;v=v2beta1;"
                             "as=APIGroupDiscoveryList,application/json";

static void ask_next(struct agent_kube *k);

static void free_paths(struct agent_kube *k) {
    for (size_t i = 0; i < k->discover_count; i++) {
        free(k->discover_paths[i]);
    }
    free(k->discover_paths);
    k->discover_paths = NULL;
    k->discover_count = 0;
    k->discover_next = 0;
}

static void add_paths(struct agent_kube *k, const char *const *paths, size_t count) {
    k->discover_paths =
        cm_resize(k->discover_paths, (k->discover_count + count) * sizeof(*k->discover_paths));
    for (size_t i = 0; i < count; i++) {
        k->discover_paths[k->discover_count++] = cm_strdup(paths[i]);
    }
}

static void begin_round(struct agent_kube *k) {
    static const char *const roots[] = {"/api", "/apis"};

    k->discovering = true;
    k->discover_again = false;
    k->discover_round++;
    k->discover_began_ms = cm_clock_now_ms();
    k->found = kube_resources_new();
    add_paths(k, roots, 2);
    ask_next(k);
}

static void end_round(struct agent_kube *k) {
    k->discovering = false;
    free_paths(k);
    if (k->discover_again && !k->stopping) {
        (void)kube_discover_want(k);
    }
}

static void fail_round(struct agent_kube *k, const struct cm_err *why) {
    kube_resources_free(k->found);
    k->found = NULL;
    end_round(k);
    if (k->stopping) {
        return;
    }
    if (k->reach != KUBE_UP) {
        kube_reach_down(k, why);
        return;
    }
    // Who waits for this round goes on with what was known before it.
    kube_ops_discovered(k);
}

static void finish_round(struct agent_kube *k) {
    kube_resources_free(k->resources);
    k->resources = CM_TAKE(k->found);
    end_round(k);
    kube_table_discovered(k);
    kube_audited_discovered(k);
    kube_absent_discovered(k);
    kube_exempt_discovered(k);
    kube_survey_discovered(k);
    kube_ops_discovered(k);
    kube_reach_up(k);
}

// take reads one answer. An old server's answer for one group may be missing (an extension that is
// away): that leaves the round incomplete, not broken.
static enum cm_rc take(struct agent_kube *k, const struct kube_answer *answer, struct cm_err *err) {
    static const struct kube_asked asked = {"get", NULL, "", NULL, NULL};
    const char *kind = cm_json_string(cm_json_get(answer->json, "kind"));
    const char **paths = NULL;
    size_t count = 0;

    if (!kube_answer_ok(answer)) {
        if (k->discover_next > 2 && answer->status >= 500) {
            kube_resources_set_stale(k->found);
            return CM_OK;
        }
        return kube_answer_error(answer, &asked, err);
    }
    if (kind != NULL && (strcmp(kind, "APIVersions") == 0 || strcmp(kind, "APIGroupList") == 0)) {
        enum cm_rc rc = kube_resources_groups(answer->arena, answer->json, &paths, &count, err);
        add_paths(k, paths, count);
        return rc;
    }
    return kube_resources_add(k->found, answer->json, err);
}

static void on_answer(void *ctx, const struct kube_answer *answer) {
    struct agent_kube *k = ctx;
    struct cm_err err;

    if (take(k, answer, &err) < 0) {
        (void)cm_wrap(&err, "ask for the kinds of the API server");
        fail_round(k, &err);
        return;
    }
    if (k->discover_next < k->discover_count) {
        ask_next(k);
    } else {
        finish_round(k);
    }
}

static void ask_next(struct agent_kube *k) {
    struct kube_request request = {
        .method = "GET",
        .path = k->discover_paths[k->discover_next++],
        .accept = ACCEPT,
        .done = on_answer,
        .ctx = k,
    };

    (void)kube_call(k, &request);
}

static void on_timer(void *ctx) {
    struct agent_kube *k = ctx;

    if (!k->discovering) {
        begin_round(k);
    }
}

void kube_discover_now(struct agent_kube *k) {
    cm_timer_stop(k->loop, &k->discover_timer);
    if (!k->discovering) {
        begin_round(k);
    }
}

uint64_t kube_discover_want(struct agent_kube *k) {
    int64_t pause_ms = k->discover_began_ms + ROUND_PAUSE_MS - cm_clock_now_ms();

    k->discover_timer.run = on_timer;
    k->discover_timer.ctx = k;
    if (k->discovering) {
        k->discover_again = true;
    } else if (k->discover_timer.at == 0) {
        cm_timer_start(k->loop, &k->discover_timer, pause_ms);
    }
    return k->discover_round + 1;
}

void kube_discover_stop(struct agent_kube *k) {
    cm_timer_stop(k->loop, &k->discover_timer);
}

const struct kube_resource *kube_resolve(struct agent_kube *k, struct cm_arena *a, const char *key,
                                         const char *default_namespace, const char *version,
                                         const char **out_ns) {
    struct cm_object_id id;

    if (k->resources == NULL || !cm_object_key_parse(a, key, &id)) {
        return NULL;
    }
    const struct kube_resource *found =
        kube_resources_find(k->resources, id.group, version, id.kind);
    if (found == NULL) {
        return NULL;
    }
    const char *fallback = k->access.namespace == NULL ? "default" : k->access.namespace;
    const char *ns = default_namespace[0] != '\0' ? default_namespace : fallback;
    ns = id.namespace[0] != '\0' ? id.namespace : ns;
    *out_ns = found->namespaced ? ns : "";
    return found;
}
