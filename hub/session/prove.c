// prove.c: what an agent is asked before a Hold is written: whether that is what a controller runs.
//
// An answer is owed to whoever asked, soon, also if the agent keeps silent or goes away: so each
// question has a timer, and ends with its connection. That nobody can tell is an answer, too.
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "hub/session/internal.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

enum { PATIENCE_MS = 3000 };

struct hub_question {
    struct hub_session *session;
    size_t place; // in its proofs
    uint32_t id;
    struct cm_timer timer;
    hub_proved_fn done;
    void *ctx;
};

static void end(struct hub_question *q, enum hub_proof proof, const char *text) {
    q->session->proofs[q->place] = NULL;
    cm_timer_stop(q->session->owner->config.loop, &q->timer);
    q->done(q->ctx, proof, text);
    free(q);
}

static void on_timer(void *ctx) {
    end(ctx, HUB_PROOF_NONE, "the agent does not answer in time");
}

void hub_prove_end(struct hub_session *session) {
    for (size_t i = 0; i < HUB_PROOFS_MAX; i++) {
        if (session->proofs[i] != NULL) {
            end(session->proofs[i], HUB_PROOF_NONE, "the agent went away");
        }
    }
}

static enum hub_proof proof_of(Holdfast__V1__Proof proof) {
    switch (proof) {
    case HOLDFAST__V1__PROOF__PROOF_SAME:
        return HUB_PROOF_SAME;
    case HOLDFAST__V1__PROOF__PROOF_DIFFERENT:
        return HUB_PROOF_DIFFERENT;
    default:
        return HUB_PROOF_NONE;
    }
}

void hub_prove_heard(struct hub_session *session, const void *message) {
    const Holdfast__V1__Proven *proven = message;

    for (size_t i = 0; i < HUB_PROOFS_MAX; i++) {
        struct hub_question *q = session->proofs[i];

        if (q != NULL && q->id == proven->id) { // else it is too late
            end(q, proof_of(proven->proof), proven->text);
            return;
        }
    }
}

// find_room returns a place for one more question; HUB_PROOFS_MAX: there is none.
static size_t find_room(const struct hub_session *session) {
    size_t i = 0;

    while (i < HUB_PROOFS_MAX && session->proofs[i] != NULL) {
        i++;
    }
    return i;
}

static enum cm_rc check(const struct hub_member *member, const struct hub_prove_ask *what,
                        struct cm_err *err) {
    const struct hub_session *session = member == NULL ? NULL : member->session;

    if (session == NULL || session->state != HUB_SESSION_SERVING) {
        return cm_fail(err, CM_ENOTFOUND, "no agent is connected");
    }
    if (!session->proves) {
        return cm_fail(err, CM_EINVAL, "its agent is too old, or only observes");
    }
    if (find_room(session) == HUB_PROOFS_MAX || what->size > WIRE_PROVE_MAX) {
        return cm_fail(err, CM_EBUSY,
                       what->size > WIRE_PROVE_MAX ? "the object is too large"
                                                   : "too much is asked there");
    }
    return CM_OK;
}

static void send(const struct hub_question *q, const struct hub_prove_ask *what) {
    Holdfast__V1__Prove m;

    holdfast__v1__prove__init(&m);
    m.id = q->id;
    m.app = (char *)(uintptr_t)what->app; // packing only reads
    m.key = (char *)(uintptr_t)what->key;
    m.controller = (char *)(uintptr_t)what->controller;
    m.object.len = what->size;
    m.object.data = (uint8_t *)(uintptr_t)what->bytes;
    hub_session_send(q->session, WIRE_PROVE, &m);
}

enum cm_rc hub_sessions_prove(struct hub_sessions *s, const struct hub_prove_ask *what,
                              hub_proved_fn done, void *ctx, struct cm_err *err) {
    const struct hub_member *member = cm_map_get(s->by_name, what->cluster);
    enum cm_rc rc = check(member, what, err);

    if (rc < 0) {
        return rc;
    }
    struct hub_session *session = member->session;
    struct hub_question *q = cm_new(1, sizeof(*q));
    *q = (struct hub_question){.session = session,
                               .place = find_room(session),
                               .id = ++s->proofs,
                               .timer = {.run = on_timer, .ctx = q},
                               .done = done,
                               .ctx = ctx};
    session->proofs[q->place] = q;
    cm_timer_start(s->config.loop, &q->timer, PATIENCE_MS);
    send(q, what);
    return CM_OK;
}
