// What is allowed by hand, by the site or for a time: it is in the rules of the bundles, so these
// are decoded anew when that changes.
#include <stdint.h>
#include <string.h>

#include "agent/cache/cache.h"
#include "agent/link/internal.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "proto/wire.h"

enum { LOOK_MS = 60000, UNHEARD_MS = 120000 };

int64_t link_rules_ms(const struct agent_link *l) {
    bool may_be_heard = l->hub_ms == 0 && cm_clock_now_ms() - l->began_ms < UNHEARD_MS;

    return may_be_heard ? 0 : link_hub_ms(l);
}

struct agent_allowed link_allowed(const struct agent_link *l) {
    struct agent_allowed allowed = {.now_ms = link_rules_ms(l)};

    allowed.all = agent_cache_exemptions(l->cache, &allowed.count);
    return allowed;
}

bool link_exempts_alike(const struct agent_link *l, const struct agent_bundle *b) {
    const struct agent_allowed allowed = link_allowed(l);

    return agent_bundle_exempts_alike(b, &allowed);
}

bool link_exempts_otherwise(const struct agent_link *l, const struct agent_desired *d) {
    for (size_t i = 0; i < d->app_count; i++) {
        if (d->apps[i].bundle != NULL && !link_exempts_alike(l, d->apps[i].bundle)) {
            return true;
        }
    }
    return false;
}

// ---- What ends by itself

// Bundles in force of which some rules end.
struct ending {
    const struct agent_link *l;
    int64_t until_ms; // when the next does; INT64_MAX: none
    bool any;         // ends, or has ended
    bool otherwise;   // it is time to read one anew
};

static bool look_at(void *ctx, const char *key, void *value) {
    struct ending *e = ctx;
    const struct agent_bundle *b = value;

    (void)key;
    e->any = e->any || b->rules_from_ms > 0 || b->rules_until_ms < INT64_MAX;
    e->until_ms = b->rules_until_ms < e->until_ms ? b->rules_until_ms : e->until_ms;
    e->otherwise = e->otherwise || !link_exempts_alike(e->l, b);
    return true;
}

static struct ending look(const struct agent_link *l) {
    struct ending e = {.l = l, .until_ms = INT64_MAX};

    cm_map_each(l->bundles, look_at, &e);
    return e;
}

// wait starts the timer. There is a look each minute, too, for a clock may be set.
static void wait(struct agent_link *l, int64_t left_ms) {
    left_ms = left_ms < LOOK_MS ? left_ms : LOOK_MS;
    cm_timer_start(l->loop, &l->ends, left_ms > 0 ? left_ms : 0);
}

void link_await_end(struct agent_link *l) {
    const struct ending e = look(l);

    cm_timer_stop(l->loop, &l->ends);
    if (e.any && !l->stopping) {
        wait(l, e.until_ms - link_rules_ms(l));
    }
}

static void say_over(struct agent_link *l, int64_t until_ms) {
    if (until_ms <= link_rules_ms(l) && until_ms != l->said_over_ms) { // else a clock was set back
        l->said_over_ms = until_ms;
        cm_log(CM_LOG_INFO, "agent.exemption_over", "the time of an Exemption in Git is over",
               "cluster", agent_link_cluster(l), NULL);
    }
}

void link_end_exemptions(void *ctx) {
    struct agent_link *l = ctx;
    const struct ending e = look(l);

    if (!e.otherwise) {
        link_await_end(l);
        return;
    }
    say_over(l, e.until_ms);
    wait(l, LOOK_MS); // should they not be read
    agent_link_exempted(l);
}

// ---- What the site allows

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
