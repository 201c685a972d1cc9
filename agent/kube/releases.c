// What controllers do with releases of our workloads: told to the core as it is seen.
//
// What a workload itself says is seen with it (table.c), a Canary with the other owners of fields
// (owners.c). What it means is rollout.h's; here is only who it is about. A Deployment counts as
// led by its own controller only once it is known that there is no Canary for it: by its own status
// it would be promoted while its Canary is still at work.
#include <stdlib.h>
#include <string.h>

#include "agent/kube/internal.h"
#include "agent/kube/object.h"
#include "agent/kube/rollout.h"
#include "common/mem.h"

struct kube_releases {
    bool led;   // by another controller than its own
    bool waits; // until it is known who leads it
    struct kube_rollout_seen own;
    struct kube_rollout_seen leader;
};

static struct kube_releases *releases_of(struct kube_entry *e) {
    if (e->releases == NULL) {
        e->releases = cm_new(1, sizeof(*e->releases));
    }
    return e->releases;
}

static bool is_kind(const struct kube_entry *e, const char *kind) {
    size_t size = strlen(kind);

    return strncmp(e->key, kind, size) == 0 && e->key[size] == '/';
}

static void tell(struct kube_entry *e, const struct kube_rollout *r, const char *leader) {
    const struct agent_driver_host *host = &e->k->host;
    struct agent_decision decision = r->decision;

    if (!e->tracked || e->k->stopping) {
        return;
    }
    if (r->token[0] != '\0') {
        host->released(host->ctx, e->key, r->token, r->promoted);
    }
    if (r->decided) {
        decision.key = e->key;
        decision.uid = e->uid;
        decision.controller_key = leader;
        host->decided(host->ctx, &decision);
    }
}

void kube_releases_saw(struct kube_entry *e, const struct cm_json *live) {
    struct kube_rollout r = {.token = ""};

    if (is_kind(e, "Rollout.argoproj.io")) {
        kube_rollout_argo(live, &releases_of(e)->own, &r);
    } else if (is_kind(e, "Deployment.apps")) {
        struct kube_releases *releases = releases_of(e);

        releases->waits = !releases->led && kube_owners_leaders(e) == KUBE_PENDING;
        if (releases->waits) {
            return;
        }
        kube_rollout_deployment(live, releases->led, &releases->own, &r);
    }
    tell(e, &r, "");
}

bool kube_releases_wait(const struct kube_entry *e) {
    return e->releases != NULL && e->releases->waits && kube_owners_leaders(e) != KUBE_PENDING;
}

void kube_releases_led(struct agent_kube *k, struct cm_arena *a, const char *target,
                       const struct cm_json *leader) {
    struct kube_entry *e = kube_entry_at(k, target);
    const char *key = kube_object_key(a, leader);
    struct kube_rollout r;

    if (e == NULL || !e->tracked || key == NULL) {
        return;
    }
    struct kube_releases *releases = releases_of(e);
    releases->led = true;
    kube_rollout_flagger(a, leader, &releases->leader, &r);
    tell(e, &r, key);
}

void kube_releases_lost(struct agent_kube *k, const char *target) {
    struct kube_entry *e = kube_entry_at(k, target);

    if (e != NULL && e->releases != NULL) {
        e->releases->led = false;
        e->releases->leader = (struct kube_rollout_seen){0};
    }
}
