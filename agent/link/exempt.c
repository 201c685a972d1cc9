// What the site allows: it is in the rules of the bundles, so these are decoded anew when it
// changes.
#include <string.h>

#include "agent/cache/cache.h"
#include "agent/link/internal.h"
#include "proto/wire.h"

bool link_exempts_alike(const struct agent_link *l, const struct agent_bundle *b) {
    size_t count;
    const struct agent_exemption *all = agent_cache_exemptions(l->cache, &count);

    return agent_bundle_exempts_alike(b, all, count);
}

bool link_exempts_otherwise(const struct agent_link *l, const struct agent_desired *d) {
    for (size_t i = 0; i < d->app_count; i++) {
        if (d->apps[i].bundle != NULL && !link_exempts_alike(l, d->apps[i].bundle)) {
            return true;
        }
    }
    return false;
}

bool agent_link_send_exempted(struct agent_link *l, struct cm_buf *exempted) {
    struct cm_err err;

    return l->state == LINK_UP && cm_net_send(l->conn, WIRE_EXEMPTED, 0, exempted, &err) == CM_OK;
}

void link_exempted_ack(struct agent_link *l, const Holdfast__V1__ExemptedAck *m) {
    struct cm_sha256 over[WIRE_EXEMPTED_MAX];
    size_t count = 0;

    for (size_t i = 0; i < m->n_over && count < WIRE_EXEMPTED_MAX; i++) {
        if (m->over[i].len == CM_SHA256_SIZE) {
            memcpy(over[count++].bytes, m->over[i].data, CM_SHA256_SIZE);
        }
    }
    l->host.exempted_acked(l->host.ctx, m->number, over, count);
}
