// Whatever an object of a controller says, what is read from it is whole: a decision names who made
// it, a share of traffic is one, and the same object seen again is no news.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/rollout.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTROLLERS = 5 };

static const struct kube_rollout_time now = {
    .timeout_s = 600, .now_ms = 5000000, .unix_ms = 1700000000000};

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void look(struct cm_arena *a, int which, const struct cm_json *object,
                 struct kube_rollout_seen *seen, struct kube_rollout *out) {
    *out = (struct kube_rollout){0};
    switch (which) {
    case 0:
        kube_rollout_flagger(a, object, seen, out);
        break;
    case 1:
        kube_rollout_argo(a, object, seen, out);
        break;
    case 2:
        kube_rollout_deployment(object, false, seen, out);
        break;
    case 3:
        kube_rollout_deployment(object, true, seen, out);
        break;
    default:
        kube_rollout_stateful_set(a, object, &now, seen, out);
        break;
    }
}

static void check(const struct kube_rollout *r) {
    const struct agent_decision *d = &r->decision;

    require(r->token != NULL && r->again_ms >= 0);
    if (r->decided) {
        require(d->controller != NULL && d->controller[0] != '\0');
        require(d->bad != NULL && d->good != NULL && d->text != NULL && d->actor != NULL);
        require(d->weight >= -1 && d->weight <= 100);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct cm_json_limits limits = {65536, 64, 5000};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_json *object = NULL;
    struct cm_err err;

    if (cm_json_parse(a, (const char *)data, size, &limits, &object, &err) < 0) {
        return 0;
    }
    for (int i = 0; i < CONTROLLERS; i++) {
        struct kube_rollout_seen seen = {0};
        struct kube_rollout first;
        struct kube_rollout again;

        look(a, i, object, &seen, &first);
        check(&first);
        look(a, i, object, &seen, &again);
        check(&again);
        require(strcmp(first.token, again.token) == 0);
        require(!again.decided);
    }
    (void)kube_rollout_stuck_pod(object, "uid", "revision");
    return 0;
}
