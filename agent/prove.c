#include "agent/prove.h"

#include <stdlib.h>
#include <string.h>

#include "agent/cache/cache.h"
#include "agent/driver.h"
#include "agent/item.h"
#include "common/buf.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

enum { AT_ONCE = 4 };

struct agent_prove {
    struct agent_driver *driver;
    const struct agent_cache *cache;
    void (*send)(void *ctx, struct cm_buf *proven);
    void *ctx;
    size_t in_flight;
};

struct one {
    struct agent_prove *prove;
    uint32_t id;
};

struct agent_prove *agent_prove_new(struct agent_driver *driver, const struct agent_cache *cache,
                                    void (*send)(void *ctx, struct cm_buf *proven), void *ctx) {
    struct agent_prove *p = cm_new(1, sizeof(*p));

    *p = (struct agent_prove){.driver = driver, .cache = cache, .send = send, .ctx = ctx};
    return p;
}

void agent_prove_free(struct agent_prove *p) {
    free(p);
}

static void send(struct agent_prove *p, uint32_t id, enum agent_proof proof, const char *text) {
    static const Holdfast__V1__Proof words[] = {
        [AGENT_PROOF_NONE] = HOLDFAST__V1__PROOF__PROOF_NONE,
        [AGENT_PROOF_SAME] = HOLDFAST__V1__PROOF__PROOF_SAME,
        [AGENT_PROOF_DIFFERENT] = HOLDFAST__V1__PROOF__PROOF_DIFFERENT,
    };
    CM_AUTOFREE char *clipped = cm_strndup(text, cm_utf8_fit(text, WIRE_MESSAGE_MAX));
    Holdfast__V1__Proven m;

    cm_utf8_mend(clipped);
    holdfast__v1__proven__init(&m);
    m.id = id;
    m.proof = words[proof];
    m.text = clipped;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *packed = wire_pack(&m.base);
    p->send(p->ctx, packed);
}

static void on_proof(void *ctx, enum agent_proof proof, const char *text) {
    struct one *one = ctx;

    one->prove->in_flight--;
    send(one->prove, one->id, proof, text);
    free(one);
}

// good_of returns the token of what was promoted last.
static const char *good_of(const struct agent_releases *all) {
    const char *good = "";

    for (size_t i = 0; all != NULL && i < all->count; i++) {
        good = all->all[i].promoted ? all->all[i].token : good;
    }
    return good;
}

void agent_prove_ask(struct agent_prove *p, const Holdfast__V1__Prove *what) {
    const struct agent_item *item = agent_cache_item(p->cache, what->key);

    if (p->driver->ops->prove == NULL || p->driver->observes) {
        send(p, what->id, AGENT_PROOF_NONE, "this agent cannot try it");
    } else if (item == NULL || strcmp(item->app, what->app) != 0) {
        send(p, what->id, AGENT_PROOF_NONE, "the object is not this App's there");
    } else if (p->in_flight >= AT_ONCE) {
        send(p, what->id, AGENT_PROOF_NONE, "the agent proves others");
    } else {
        struct one *one = cm_new(1, sizeof(*one));

        *one = (struct one){.prove = p, .id = what->id};
        p->in_flight++;
        p->driver->ops->prove(
            p->driver,
            &(struct agent_proof_ask){.app = what->app,
                                      .key = what->key,
                                      .default_namespace = item->default_namespace,
                                      .controller = what->controller,
                                      .controller_key = "",
                                      .good = good_of(agent_cache_releases(p->cache, what->key)),
                                      .bytes = (const char *)what->object.data,
                                      .size = what->object.len},
            on_proof, one);
    }
}
