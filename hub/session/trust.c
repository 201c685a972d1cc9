// trust.c: the roots that agents believe, told before the hub proves itself by one of them.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "hub/access/authority.h"
#include "hub/jobs/presence.h"
#include "hub/jobs/publication.h"
#include "hub/session/internal.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

size_t hub_trust_chain(const struct hub_authority *a, const uint8_t *der, size_t size,
                       void *chain) {
    ProtobufCBinaryData *out = chain;
    size_t issuer_size;
    size_t cross_size;
    const uint8_t *issuer = hub_authority_issuer(a, &issuer_size);
    const uint8_t *cross = hub_authority_cross(a, &cross_size);

    out[0] = (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)der};
    out[1] = (ProtobufCBinaryData){.len = issuer_size, .data = (uint8_t *)(uintptr_t)issuer};
    out[2] = (ProtobufCBinaryData){.len = cross_size, .data = (uint8_t *)(uintptr_t)cross};
    return cross == NULL ? 2 : 3;
}

static const struct hub_trust *newest(const struct hub_session *session) {
    return hub_authority_trust(session->owner->config.authority);
}

static void tell(struct hub_session *session) {
    const struct hub_trust *t = newest(session);
    ProtobufCBinaryData roots[CM_TRUST_ROOTS_MAX];
    ProtobufCBinaryData signatures[CM_TRUST_ROOTS_MAX];
    Holdfast__V1__Trust m;

    if (session->trust == 0 || session->trust >= t->set.version) {
        return;
    }
    holdfast__v1__trust__init(&m);
    m.version = t->set.version;
    m.roots_der = roots;
    m.signatures = signatures;
    for (; m.n_roots_der < t->set.count; m.n_roots_der++) {
        ProtobufCBinaryData *root = &roots[m.n_roots_der];

        cm_cert_to_der(t->set.roots[m.n_roots_der], &root->data, &root->len);
    }
    for (; m.n_signatures < t->signature_count; m.n_signatures++) {
        const struct hub_trust_signature *s = &t->signatures[m.n_signatures];

        signatures[m.n_signatures] =
            (ProtobufCBinaryData){.len = s->size, .data = (uint8_t *)(uintptr_t)s->bytes};
    }
    hub_session_send(session, WIRE_TRUST, &m.base);
    session->trust_due = true;
    for (size_t i = 0; i < m.n_roots_der; i++) {
        free(roots[i].data);
    }
}

void hub_trust_greet(struct hub_session *session, const void *message) {
    const Holdfast__V1__Hello *hello = message;

    session->trust = hello->trust;
    session->keeps_signer = hello->signer_sha256.len == sizeof(session->signer.bytes);
    if (session->keeps_signer) {
        memcpy(session->signer.bytes, hello->signer_sha256.data, sizeof(session->signer.bytes));
    }
    tell(session);
}

// An agent knows no set that the hub has not made; after a restore it may know one that is lost.
uint64_t hub_trust_known(const struct hub_session *session, uint64_t version) {
    uint64_t highest = newest(session)->set.version;

    return version < highest ? version : highest;
}

enum cm_rc hub_trust_heard(struct hub_session *session, const struct cm_net_frame *frame,
                           struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_sessions *s = session->owner;
    Holdfast__V1__Trust *m = NULL;
    enum cm_rc rc = WIRE_UNPACK(a, Holdfast__V1__Trust, holdfast__v1__trust, frame->payload,
                                frame->size, &m, err);

    if (rc < 0) {
        return rc;
    }
    if (m->version > newest(session)->set.version) {
        return cm_fail(err, CM_EINVAL, "Trust of a set of roots that the agent was not told");
    }
    bool news = m->version > session->trust;
    if (news) {
        session->trust = m->version;
        hub_presence_trust(s->config.store, session->member->cluster, m->version);
    }
    // What was held back goes out also if it did not take the set: it says why in its log.
    session->trust_due = false;
    if (news) {
        tell(session); // it may have answered to one before
    }
    hub_session_offer(session);
    return CM_OK;
}

// sign_anew runs over the members. What is sent already is proved anew by hub_session_offer.
static bool sign_anew(void *ctx, const char *id, void *value) {
    struct hub_sessions *s = ctx;
    struct hub_member *member = value;
    struct hub_publication *before = member->in_force;

    (void)id;
    if (before == NULL) {
        return true;
    }
    member->in_force = hub_publication_signed(s->config.authority, before);
    if (member->in_force != before && member->session != NULL &&
        member->session->state == HUB_SESSION_SERVING) {
        hub_session_offer(member->session);
    }
    hub_publication_unref(before);
    return true;
}

enum cm_rc hub_sessions_reload(struct hub_sessions *s, struct cm_err *err) {
    enum cm_rc rc = hub_authority_renew_tls(s->config.authority, s->link_tls, s->enroll_tls, err);

    for (struct cm_list *at = s->sessions.next; rc == CM_OK && at != &s->sessions; at = at->next) {
        struct hub_session *session = CM_CONTAINER(at, struct hub_session, in_sessions);

        if (session->state == HUB_SESSION_SERVING && session->member != NULL &&
            session->conn != NULL) {
            tell(session);
        }
    }
    cm_map_each(s->members, sign_anew, s);
    return rc;
}
