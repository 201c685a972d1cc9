// A new key for the old one, in good time, over the link.
//
//     due ──Renew──▶ asked ──Renewed──▶ saving ──on disk──▶ in use ──Confirm──▶
//
// The new key is in memory only until the hub has certified it; then one file takes the place of
// another, so that the disk has the old identity or the new one, each of which the hub lets in.
// What is interrupted begins anew with another key.
//
// When it is time says the hub's clock: ours may be wrong.
#include <stdlib.h>
#include <string.h>

#include "agent/link/internal.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/fault.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/keys.h"
#include "proto/wire.h"

enum { AGAIN_MS = 60000, AGAIN_MAX_MS = 3600000, SKEW_MAX_MS = 60000, TURNED_AWAY_MAX = 2 };

// ---- The hub's clock

void link_hear_clock(struct agent_link *l, int64_t hub_ms) {
    int64_t ahead_ms = cm_clock_unix_ms() - hub_ms;
    bool wrong = llabs(ahead_ms) > SKEW_MAX_MS;
    char text[CM_LOG_INT_MAX];

    if (hub_ms == 0) {
        return;
    }
    l->hub_ms = hub_ms;
    l->hub_heard_ms = cm_clock_now_ms();
    if (wrong != l->clock_wrong) {
        cm_log(wrong ? CM_LOG_WARN : CM_LOG_INFO, wrong ? "agent.clock_wrong" : "agent.clock_right",
               wrong ? "this clock differs from the hub's; set it right" : "the clocks agree again",
               "cluster", agent_link_cluster(l), "ahead_ms", cm_log_int(ahead_ms, text), NULL);
    }
    l->clock_wrong = wrong;
}

int64_t link_hub_ms(const struct agent_link *l) {
    return l->hub_ms == 0 ? cm_clock_unix_ms() : l->hub_ms + cm_clock_now_ms() - l->hub_heard_ms;
}

// ---- When

// Half its life, give or take a tenth, which the key decides: it stays what it is over restarts,
// and a fleet that was enrolled in one hour does not renew in one.
int64_t link_renew_due_ms(int64_t begins_ms, int64_t ends_ms, const struct cm_sha256 *key) {
    int64_t share = 400 + (key->bytes[0] * 256 + key->bytes[1]) * 200 / 65536;

    return begins_ms + (ends_ms - begins_ms) / 1000 * share;
}

static int64_t due_ms(const struct agent_link *l) {
    const struct cm_cert *own = l->identity.chain[0];
    struct cm_sha256 key = cm_cert_key_sha256(own);

    return link_renew_due_ms(cm_cert_not_before_ms(own), cm_cert_not_after_ms(own), &key);
}

bool link_has_expired(const struct agent_link *l) {
    int64_t ends_ms = cm_cert_not_after_ms(l->identity.chain[0]);

    // A hub that closed twice without a word may know better what time it is.
    return link_hub_ms(l) >= ends_ms || l->turned_away >= TURNED_AWAY_MAX;
}

// ---- Asking

static void forget_key(struct agent_link *l) {
    cm_key_free(l->renewing);
    l->renewing = NULL;
}

static void ask(struct agent_link *l) {
    CM_AUTOFREE uint8_t *csr = NULL;
    size_t csr_size = 0;
    Holdfast__V1__Renew m;

    l->renewing = cm_key_new();
    cm_csr_make(l->renewing, &csr, &csr_size);
    holdfast__v1__renew__init(&m);
    m.csr_der = (ProtobufCBinaryData){.len = csr_size, .data = csr};
    if (!link_send(l, WIRE_RENEW, &m.base)) {
        forget_key(l);
    }
}

void link_renew_if_due(struct agent_link *l) {
    int64_t now_ms = link_hub_ms(l);
    bool asked_to = l->renew_at_ms != 0 && now_ms >= l->renew_at_ms;

    if (l->state != LINK_UP || !l->hub_renews || l->renewing != NULL || l->saving ||
        cm_clock_now_ms() < l->renew_again_ms) {
        return;
    }
    if (asked_to || now_ms >= due_ms(l)) {
        ask(l);
    }
}

static void confirm(struct agent_link *l) {
    CM_AUTOFREE uint8_t *der = NULL;
    uint8_t signature[CM_SIGNATURE_MAX];
    size_t size = 0;
    Holdfast__V1__Confirm m;

    l->unconfirmed = l->state != LINK_UP;
    if (l->unconfirmed) {
        return; // one that is dialed after this is the first use, one that is being made is not
    }
    cm_cert_to_der(l->identity.chain[0], &der, &size);
    CM_CLEANUP(cm_buf_unrefp)
    struct cm_buf *text =
        wire_key_to_be_signed(WIRE_PROVES_CONFIRM, cm_net_conn_peer(l->conn)->exporter, der, size);
    holdfast__v1__confirm__init(&m);
    m.certificate_der = (ProtobufCBinaryData){.len = size, .data = der};
    m.signature.len = cm_sign(l->identity.key, text->data, text->size, signature);
    m.signature.data = signature;
    (void)link_send(l, WIRE_CONFIRM, &m.base);
}

void link_renew_welcome(struct agent_link *l, const Holdfast__V1__Welcome *m) {
    l->hub_renews = m->renews;
    l->renew_at_ms =
        m->renew_within_ms == 0 ? 0 : link_hub_ms(l) + cm_jitter_ms(m->renew_within_ms - 1);
    l->turned_away = 0;
    l->renew_again_ms = 0;
    if (l->unconfirmed) {
        confirm(l);
    }
    link_renew_if_due(l);
}

void link_renew_reset(struct agent_link *l) {
    if (!l->saving) {
        forget_key(l); // the answer will not come
    }
}

// ---- The answer

static void again_later(struct agent_link *l, int64_t after_ms, const char *why) {
    int64_t pause_ms = after_ms < AGAIN_MS       ? AGAIN_MS
                       : after_ms > AGAIN_MAX_MS ? AGAIN_MAX_MS
                                                 : after_ms;

    cm_log(CM_LOG_WARN, "agent.renew_failed", why, "cluster", agent_link_cluster(l), NULL);
    forget_key(l);
    l->renew_again_ms = cm_clock_now_ms() + pause_ms + cm_jitter_ms(pause_ms / 2);
    link_trust_store(l);
}

static void renewed(struct agent_link *l, const struct cm_err *error) {
    if (error->code != CM_OK) {
        agent_identity_drop_fresh(&l->identity);
        again_later(l, 0, error->msg);
        return;
    }
    CM_FAULT_POINT("identity-on-disk");
    agent_identity_use_fresh(&l->identity, CM_TAKE(l->renewing));
    l->renew_at_ms = 0;
    cm_log(CM_LOG_INFO, "agent.renewed", "this agent has a new key", "cluster",
           agent_link_cluster(l), NULL);
    confirm(l);
    link_trust_store(l);
}

enum cm_rc link_renewed(struct agent_link *l, const Holdfast__V1__Renewed *m, struct cm_err *err) {
    if (l->renewing == NULL || l->saving) {
        return cm_fail(err, CM_EINVAL, "Renewed came out of turn");
    }
    if (m->n_certificates_der == 0) {
        again_later(l, m->retry_after_ms, m->refused);
        return CM_OK;
    }
    if (link_take_fresh(l, l->renewing, m->certificates_der, m->n_certificates_der, err) < 0) {
        agent_identity_drop_fresh(&l->identity);
        again_later(l, AGAIN_MAX_MS, err->msg);
        return CM_OK;
    }
    link_save_fresh(l, l->renewing, renewed);
    return CM_OK;
}
