// A certificate that ended while the agent was away: a new one for the same key, from the enrolment
// listener, which asks for no client certificate. The key is proved by a signature over this TLS
// session, the hub by its certificate as on the link.
#include <stdlib.h>
#include <string.h>

#include "agent/link/internal.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/tls/keys.h"
#include "proto/wire.h"

static void on_opened(void *ctx, struct cm_net_conn *conn) {
    struct agent_link *l = ctx;
    CM_AUTOFREE uint8_t *der = NULL;
    uint8_t signature[CM_SIGNATURE_MAX];
    size_t size = 0;
    Holdfast__V1__EnrollRequest m;

    cm_cert_to_der(l->identity.chain[0], &der, &size);
    CM_CLEANUP(cm_buf_unrefp)
    struct cm_buf *text =
        wire_key_to_be_signed(WIRE_PROVES_EXPIRED, cm_net_conn_peer(conn)->exporter, der, size);
    holdfast__v1__enroll_request__init(&m);
    m.agent_version = (char *)(uintptr_t)HOLDFAST_VERSION;
    m.cluster_id = l->identity.cluster_id;
    m.certificate_der = (ProtobufCBinaryData){.len = size, .data = der};
    m.signature.len = cm_sign(l->identity.key, text->data, text->size, signature);
    m.signature.data = signature;
    m.renews = true;
    (void)link_send(l, WIRE_ENROLL_REQUEST, &m.base);
}

static enum cm_rc take_reply(struct agent_link *l, const Holdfast__V1__EnrollReply *m,
                             struct cm_err *err) {
    if (m->refused[0] != '\0') {
        return cm_fail(err, CM_EAUTH, "%s", m->refused);
    }
    return link_take_fresh(l, l->identity.key, m->certificates_der, m->n_certificates_der, err);
}

static void on_frame(void *ctx, struct cm_net_conn *conn, const struct cm_net_frame *frame) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct agent_link *l = ctx;
    Holdfast__V1__EnrollReply *m = NULL;
    int64_t asked_ms = 0;
    struct cm_err err;

    (void)conn;
    if (frame->type != WIRE_ENROLL_REPLY || l->identity.fresh_count > 0) {
        link_close(l, "the hub's answer came out of turn");
        return;
    }
    enum cm_rc rc = WIRE_UNPACK(a, Holdfast__V1__EnrollReply, holdfast__v1__enroll_reply,
                                frame->payload, frame->size, &m, &err);
    if (rc == CM_OK) {
        link_hear_clock(l, m->now_ms);
        asked_ms = m->retry_after_ms;
        rc = take_reply(l, m, &err);
    }
    if (rc < 0) {
        agent_identity_drop_fresh(&l->identity);
        cm_log(CM_LOG_ERROR, "agent.expired_refused", err.msg, "cluster", agent_link_cluster(l),
               NULL);
        if (link_hub_ms(l) >= cm_cert_not_after_ms(l->identity.chain[0])) {
            // Else it needs none, and the link is tried again.
            l->retry_after_ms = asked_ms > LINK_REFUSED_MS ? asked_ms : LINK_REFUSED_MS;
        }
        link_close(l, err.msg);
        return;
    }
    link_close(l, "renewed");
}

// A certificate that cannot be written is used all the same: with the one on disk the agent would
// only ask again.
static void saved(struct agent_link *l, const struct cm_err *error) {
    if (error->code != CM_OK) {
        cm_log(CM_LOG_WARN, "agent.renew_failed", error->msg, "cluster", agent_link_cluster(l),
               NULL);
    }
    agent_identity_use_fresh(&l->identity, NULL);
    cm_log(CM_LOG_INFO, "agent.expired_renewed", "the certificate had ended and was renewed",
           "cluster", agent_link_cluster(l), NULL);
    link_dial(l);
}

static void on_closed(void *ctx, struct cm_net_conn *conn, const struct cm_err *why) {
    struct agent_link *l = ctx;

    (void)conn;
    l->conn = NULL;
    l->turned_away = 0; // the link is tried next, whatever came of this
    if (l->identity.fresh_count > 0 && !l->stopping && !l->saving) {
        l->state = LINK_SAVING;
        link_save_fresh(l, l->identity.key, saved);
        return;
    }
    agent_identity_drop_fresh(&l->identity);
    if (!l->stopping) {
        link_complain(l, why->msg);
    }
    link_retry(l);
    link_check_stopped(l);
}

static const char *pick_address(struct agent_link *l) {
    size_t count = l->identity.enroll_count;

    if (l->enroll_hub != NULL) {
        return l->enroll_hub;
    }
    return count == 0 ? NULL : l->identity.enroll_hubs[l->next_hub++ % count];
}

static enum cm_rc dial(struct agent_link *l, const char *addr, struct cm_err *err) {
    const struct cm_net_handlers handlers = {
        .opened = on_opened, .frame = on_frame, .closed = on_closed, .ctx = l};
    const struct cm_tls_config config = {.role = CM_TLS_CLIENT,
                                         .roots = l->identity.trust.roots,
                                         .root_count = l->identity.trust.count,
                                         .expected_uri = l->hub_uri};
    struct cm_tls_context *tls = NULL;
    enum cm_rc rc = cm_tls_context_new(&config, &tls, err);

    l->state = LINK_ENROLLING;
    if (rc == CM_OK) {
        rc = cm_net_dial(l->loop, addr, tls, &link_enroll_limits, &handlers, &l->conn, err);
    }
    cm_tls_context_unref(tls);
    return rc;
}

bool link_renew_expired(struct agent_link *l) {
    const char *addr = link_has_expired(l) ? pick_address(l) : NULL;
    struct cm_err err;

    if (addr == NULL) {
        return false;
    }
    if (dial(l, addr, &err) < 0) {
        link_complain(l, err.msg);
        l->turned_away = 0;
        link_retry(l);
    }
    return true;
}
