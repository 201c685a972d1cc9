// Enrolment: the join token and a key made here become an identity.
#include <stdlib.h>
#include <string.h>

#include "agent/link/internal.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/keys.h"
#include "proto/wire.h"

enum { SEND_QUEUE = 64 * 1024, HANDSHAKE_MS = 10000, SILENCE_MS = 30000 };

const struct cm_net_limits link_enroll_limits = {
    .max_payload = wire_max_enroll,
    .send_queue_bytes = SEND_QUEUE,
    .handshake_ms = HANDSHAKE_MS,
    .silence_ms = SILENCE_MS,
};

static void send_request(struct agent_link *l) {
    const struct cm_tls_peer *peer = cm_net_conn_peer(l->conn);
    struct cm_sha256 key = cm_sha256(l->token.secret, sizeof(l->token.secret));
    CM_AUTOFREE uint8_t *csr = NULL;
    size_t csr_size = 0;
    Holdfast__V1__EnrollRequest m;

    cm_csr_make(l->identity.key, &csr, &csr_size);
    struct cm_sha256 proof = wire_token_proof(&key, peer->exporter, csr, csr_size);
    holdfast__v1__enroll_request__init(&m);
    m.token_id = l->token.id;
    m.csr_der = (ProtobufCBinaryData){.len = csr_size, .data = csr};
    m.proof = (ProtobufCBinaryData){.len = sizeof(proof.bytes), .data = proof.bytes};
    m.agent_version = (char *)(uintptr_t)HOLDFAST_VERSION;
    m.renews = true;
    (void)link_send(l, WIRE_ENROLL_REQUEST, &m.base);
    explicit_bzero(&key, sizeof(key));
}

static void on_opened(void *ctx, struct cm_net_conn *conn) {
    (void)conn;
    send_request(ctx);
}

static enum cm_rc take_chain(struct agent_identity *id, const ProtobufCBinaryData *ders,
                             size_t count, struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    if (count == 0 || count > AGENT_CHAIN_MAX) {
        return cm_fail(err, CM_EINVAL, "the hub sent no certificate");
    }
    for (size_t i = 0; rc == CM_OK && i < count; i++) {
        rc = cm_cert_from_der(ders[i].data, ders[i].len, &id->fresh[i], err);
        id->fresh_count += rc == CM_OK ? 1 : 0;
    }
    return rc;
}

static enum cm_rc check_roots(const struct agent_link *l, const struct agent_identity *id,
                              struct cm_err *err) {
    enum cm_rc rc = cm_fail(err, CM_EAUTH, "no root is believed");

    for (size_t i = 0; rc < 0 && i < id->trust.count; i++) {
        rc = cm_cert_verify(id->fresh[0], CM_CERT_AGENT, id->fresh + 1, id->fresh_count - 1,
                            id->trust.roots[i], link_hub_ms(l), err);
    }
    return rc;
}

// check_chain: the certificate is for our key, by our root, for this id.
static enum cm_rc check_chain(const struct agent_link *l, const struct agent_identity *id,
                              const struct cm_key *key, struct cm_err *err) {
    CM_AUTOFREE char *expected = cm_strf("holdfast://%s/cluster/%s", id->hub_id, id->cluster_id);
    struct cm_sha256 certified = cm_cert_key_sha256(id->fresh[0]);
    struct cm_sha256 own = cm_key_sha256(key);
    char uri[CM_CERT_URI_MAX];

    if (!cm_sha256_equal(&certified, &own)) {
        return cm_fail(err, CM_EAUTH, "the hub certified another key");
    }
    if (!cm_cert_uri(id->fresh[0], uri) || strcmp(uri, expected) != 0) {
        return cm_fail(err, CM_EAUTH, "the certificate is not for cluster '%s'", id->cluster_id);
    }
    return check_roots(l, id, err);
}

enum cm_rc link_take_fresh(struct agent_link *l, const struct cm_key *key,
                           const ProtobufCBinaryData *ders, size_t count, struct cm_err *err) {
    enum cm_rc rc = take_chain(&l->identity, ders, count, err);

    return rc < 0 ? rc : check_chain(l, &l->identity, key, err);
}

static enum cm_rc take_root(const struct agent_link *l, struct agent_identity *id,
                            const ProtobufCBinaryData *der, struct cm_err *err) {
    struct cm_cert *cert = NULL;
    enum cm_rc rc = cm_cert_from_der(der->data, der->len, &cert, err);

    rc = rc < 0 ? rc : cm_trust_add(&id->trust, cert, err);
    if (rc < 0) {
        return rc;
    }
    id->trust.version = 1;
    struct cm_sha256 root = cm_cert_key_sha256(id->trust.roots[0]);
    return cm_sha256_equal(&root, &l->token.pin)
               ? CM_OK
               : cm_fail(err, CM_EAUTH, "the hub's root is not the one that the token names");
}

static enum cm_rc take_reply(struct agent_link *l, const Holdfast__V1__EnrollReply *m,
                             struct cm_err *err) {
    CM_CLEANUP(agent_identity_done) struct agent_identity id = {0};

    if (m->refused[0] != '\0') {
        return cm_fail(err, CM_EAUTH, "%s", m->refused);
    }
    if (!cm_uuid_ok(m->cluster_id) || !cm_uuid_ok(m->hub_id) || m->cluster_name[0] == '\0') {
        return cm_fail(err, CM_EINVAL, "the hub's answer lacks the cluster's or the hub's id");
    }
    id.cluster_id = cm_strdup(m->cluster_id);
    id.cluster_name = cm_strdup(m->cluster_name);
    id.hub_id = cm_strdup(m->hub_id);
    link_hear_clock(l, m->now_ms);
    enum cm_rc rc = take_root(l, &id, &m->root_der, err);
    rc = rc < 0 ? rc : take_chain(&id, m->certificates_der, m->n_certificates_der, err);
    rc = rc < 0 ? rc : check_chain(l, &id, l->identity.key, err);
    if (rc < 0) {
        return rc;
    }
    agent_identity_use_fresh(&id, NULL);
    (void)agent_identity_set_enroll_hubs(&id, m->enroll_addresses, m->n_enroll_addresses);
    for (size_t i = 0; i < m->n_hub_addresses && id.hub_count < AGENT_HUBS_MAX; i++) {
        id.hubs[id.hub_count++] = cm_strdup(m->hub_addresses[i]);
    }
    id.key = CM_TAKE(l->identity.key);
    id.enrolled = true;
    l->identity = id;
    id = (struct agent_identity){0};
    return CM_OK;
}

static void enrolled(struct agent_link *l) {
    char key[CM_SHA256_HEX_MAX];

    link_key_hex(l, key);
    cm_log(CM_LOG_INFO, "agent.enrolled", "this agent is enrolled", "cluster",
           l->identity.cluster_name, "id", l->identity.cluster_id, "key", key, NULL);
    explicit_bzero(&l->token, sizeof(l->token));
    l->has_token = false;
    link_set_uris(l);
    l->host.enrolled(l->host.ctx);
    link_dial(l);
}

static void on_frame(void *ctx, struct cm_net_conn *conn, const struct cm_net_frame *frame) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct agent_link *l = ctx;
    Holdfast__V1__EnrollReply *m = NULL;
    struct cm_err err;

    (void)conn;
    if (frame->type != WIRE_ENROLL_REPLY || l->identity.enrolled) {
        link_close(l, "the hub's answer came out of turn");
        return;
    }
    enum cm_rc rc = WIRE_UNPACK(a, Holdfast__V1__EnrollReply, holdfast__v1__enroll_reply,
                                frame->payload, frame->size, &m, &err);
    if (rc == CM_OK) {
        rc = take_reply(l, m, &err);
    }
    if (rc < 0) {
        cm_log(CM_LOG_ERROR, "agent.enroll_refused", err.msg, "token", l->token.id, NULL);
        l->retry_after_ms = LINK_REFUSED_MS;
        link_close(l, err.msg);
        return;
    }
    link_close(l, "enrolled");
}

static void on_closed(void *ctx, struct cm_net_conn *conn, const struct cm_err *why) {
    struct agent_link *l = ctx;

    (void)conn;
    l->conn = NULL;
    if (l->identity.enrolled) {
        link_save_identity(l, enrolled);
        return;
    }
    if (!l->stopping) {
        link_complain(l, why->msg);
    }
    link_retry(l);
    link_check_stopped(l);
}

static void dial(struct agent_link *l) {
    const struct cm_net_handlers handlers = {
        .opened = on_opened, .frame = on_frame, .closed = on_closed, .ctx = l};
    const struct cm_tls_config config = {.role = CM_TLS_CLIENT_PINNED, .pin = l->token.pin};
    struct cm_tls_context *tls = NULL;
    struct cm_err err;
    enum cm_rc rc = cm_tls_context_new(&config, &tls, &err);

    l->state = LINK_ENROLLING;
    if (rc == CM_OK) {
        rc = cm_net_dial(l->loop, l->enroll_hub, tls, &link_enroll_limits, &handlers, &l->conn,
                         &err);
    }
    cm_tls_context_unref(tls);
    if (rc < 0) {
        link_complain(l, err.msg);
        link_retry(l);
    }
}

// The key goes to disk before it is certified: an agent that dies in between has it still.
void link_enroll(struct agent_link *l) {
    if (l->identity.key == NULL) {
        l->identity.key = cm_key_new();
        link_save_identity(l, dial);
    } else {
        dial(l);
    }
}
