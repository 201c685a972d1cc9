// enroll.c: the enrolment listener: one request, one answer, then closed. Who asks has a join
// token, or a certificate of ours that has ended.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/fault.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/net/addr.h"
#include "common/throttle.h"
#include "hub/access/authority.h"
#include "hub/jobs/renewal.h"
#include "hub/session/internal.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

struct enrolling {
    struct hub_sessions *owner;
    struct cm_net_conn *conn; // NULL once closed
    bool asked;
    bool waiting;         // for the store
    char id[CM_UUID_MAX]; // whose certificate has ended
    struct cm_list in_enrolling;
};

static void release(struct enrolling *e) {
    struct hub_sessions *owner = e->owner;

    if (e->conn != NULL || e->waiting) {
        return;
    }
    cm_list_remove(&e->in_enrolling);
    free(e);
    hub_sessions_check_stopped(owner);
}

static void on_opened(void *ctx, struct cm_net_conn *conn) {
    struct enrolling *e = cm_new(1, sizeof(*e));

    e->owner = ctx;
    e->conn = conn;
    cm_list_append(&e->owner->enrolling, &e->in_enrolling);
    cm_net_conn_set_ctx(conn, e);
}

static void answer(struct enrolling *e, const Holdfast__V1__EnrollReply *reply) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *payload = wire_pack(&reply->base);
    struct cm_err err;

    if (cm_net_send(e->conn, WIRE_ENROLL_REPLY, 0, payload, &err) < 0) {
        cm_log(CM_LOG_DEBUG, "enroll.failed", err.msg, NULL);
    }
    cm_net_close(e->conn, true, "answered");
}

// origin_of is one machine, or all behind one router.
static const char *origin_of(const struct enrolling *e, char out[CM_NET_ORIGIN_MAX]) {
    cm_net_addr_origin_of(cm_net_conn_addr(e->conn), out);
    return out;
}

static void say_refused(struct enrolling *e, const char *why, uint32_t retry_after_ms) {
    Holdfast__V1__EnrollReply reply;

    holdfast__v1__enroll_reply__init(&reply);
    reply.refused = (char *)(uintptr_t)why;
    reply.now_ms = cm_clock_unix_ms();
    reply.retry_after_ms = retry_after_ms;
    answer(e, &reply);
}

static void refuse(struct enrolling *e, const char *why) {
    cm_log(CM_LOG_WARN, "enroll.refused", why, "address", cm_net_conn_addr(e->conn), NULL);
    say_refused(e, why, 0);
}

// Wrong requests are counted by address: beyond so many the next ones are not looked at, nor
// logged. Right ones are not, as a whole fleet may come from behind one router.
static void refuse_wrong(struct enrolling *e, const char *why) {
    char origin[CM_NET_ORIGIN_MAX];

    (void)cm_throttle_take(e->owner->wrong_enrolments, origin_of(e, origin), cm_clock_now_ms());
    refuse(e, why);
}

static bool is_throttled(struct enrolling *e) {
    char origin[CM_NET_ORIGIN_MAX];

    if (cm_throttle_has(e->owner->wrong_enrolments, origin_of(e, origin), cm_clock_now_ms())) {
        return false;
    }
    hub_sessions_count_enrolment(e->owner, HUB_ENROL_THROTTLED);
    cm_log(CM_LOG_DEBUG, "enroll.throttled", "too many wrong requests", "address",
           cm_net_conn_addr(e->conn), NULL);
    say_refused(e, "too many wrong requests came from this address; try again in a while", 0);
    return true;
}

static void accept(struct enrolling *e, const struct hub_enrolled *enrolled) {
    const struct hub_sessions_config *config = &e->owner->config;
    Holdfast__V1__EnrollReply reply;
    ProtobufCBinaryData chain[HUB_CHAIN_MAX];

    holdfast__v1__enroll_reply__init(&reply);
    reply.cluster_id = (char *)(uintptr_t)enrolled->cluster_id;
    reply.cluster_name = (char *)(uintptr_t)enrolled->cluster;
    reply.hub_id = (char *)(uintptr_t)hub_authority_hub_id(config->authority);
    reply.n_certificates_der = hub_trust_chain(config->authority, enrolled->certificate,
                                               enrolled->certificate_size, chain);
    reply.certificates_der = chain;
    reply.root_der.data =
        (uint8_t *)(uintptr_t)hub_authority_root(config->authority, &reply.root_der.len);
    reply.n_hub_addresses = config->advertise_count;
    reply.hub_addresses = e->owner->advertise;
    reply.now_ms = cm_clock_unix_ms();
    reply.n_enroll_addresses = config->advertise_enroll_count;
    reply.enroll_addresses = e->owner->advertise_enroll;
    answer(e, &reply);
}

static void log_pending(const struct hub_enrolled *enrolled) {
    char key[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&enrolled->key, key);
    cm_log(CM_LOG_WARN, "agent.pending",
           "it is let in once somebody accepts its key: 'holdfast "
           "approve' with --key",
           "cluster", enrolled->cluster, "key", key, NULL);
}

void hub_sessions_enrolled(struct hub_sessions *s, const struct hub_enrolled *enrolled) {
    struct hub_keys keys = {
        .current = enrolled->key, .begins_ms = enrolled->begins_ms, .ends_ms = enrolled->ends_ms};

    if (hub_member_find(s, enrolled->cluster_id) != NULL) {
        return; // it asked once more: what is in force for it stays, and is not made again
    }
    cm_log(CM_LOG_INFO, "agent.enrolled", "a cluster was enrolled", "cluster", enrolled->cluster,
           "id", enrolled->cluster_id, NULL);
    hub_sessions_supersede(s, enrolled->cluster);
    hub_sessions_admit(s, enrolled->cluster, enrolled->cluster_id, &keys);
    if (enrolled->pending_ms != 0) {
        log_pending(enrolled);
        hub_sessions_pend(s, enrolled->cluster_id, enrolled->pending_ms);
    }
    s->config.enrolled(s->config.ctx, enrolled->cluster, enrolled->cluster_id);
}

static enum hub_enrolment what_became(const struct cm_err *err) {
    if (err->code == CM_OK) {
        return HUB_ENROLLED;
    }
    return err->code == CM_EAUTH || err->code == CM_EINVAL ? HUB_ENROL_REFUSED : HUB_ENROL_FAILED;
}

static void refuse_broken(struct enrolling *e, const struct cm_err *err) {
    // What is wrong with our disk is not for strangers.
    cm_log(CM_LOG_ERROR, "store.failed", err->msg, NULL);
    refuse(e, "the hub cannot enroll anybody at the moment; try again");
}

static void on_decided(void *ctx, const struct cm_err *err, const struct hub_enrolled *enrolled) {
    struct enrolling *e = ctx;

    e->waiting = false;
    hub_sessions_count_enrolment(e->owner, what_became(err));
    if (enrolled != NULL) {
        CM_FAULT_POINT("enrolment-recorded");
        // The token is used up and the agent known, even if it does not hear the answer: it asks
        // again with the same key.
        hub_sessions_enrolled(e->owner, enrolled);
    }
    if (e->conn != NULL && enrolled != NULL) {
        accept(e, enrolled);
    } else if (e->conn != NULL && (err->code == CM_EAUTH || err->code == CM_EINVAL)) {
        refuse_wrong(e, err->msg);
    } else if (e->conn != NULL) {
        refuse_broken(e, err);
    }
    release(e);
}

// ---- Certificates that have ended

static void accept_again(struct enrolling *e, const struct hub_member *member,
                         const struct hub_renewed *renewed) {
    struct hub_enrolled enrolled = {.cluster_id = member->cluster_id,
                                    .cluster = member->cluster,
                                    .certificate = renewed->certificate->der,
                                    .certificate_size = renewed->certificate->size};

    cm_log(CM_LOG_INFO, "agent.expired_renewed", "a certificate that had ended was renewed",
           "cluster", member->cluster, NULL);
    accept(e, &enrolled);
}

// Whoever has been refused on the link for good comes here once its certificate has ended.
static void count_refused(struct enrolling *e) {
    struct hub_sessions *s = e->owner;

    cm_metric_add(s->metric_refused, 1);
    if (cm_throttle_take(s->told_refused, e->id, cm_clock_now_ms())) {
        hub_renewal_refused(s->config.store, e->id);
    }
}

static void say_renewed(struct enrolling *e, const struct hub_member *member,
                        const struct hub_renewed *renewed) {
    if (renewed->held && member != NULL && member->pending_ms != 0) {
        say_refused(e, renewed->refused, hub_keys_pause_ms(e->owner, member)); // as it should be
    } else if (renewed->held || renewed->unneeded) {
        refuse(e, renewed->refused);
    } else {
        refuse_wrong(e, renewed->refused == NULL ? "this agent is no longer enrolled"
                                                 : renewed->refused);
    }
}

// Only who has proven the key is charged: nobody else can use up an agent's allowance here.
static size_t cost_of(const struct hub_renewed *renewed) {
    if (renewed->certificate != NULL) {
        return HUB_RENEW_COST;
    }
    return renewed->held || renewed->unneeded ? HUB_RENEW_COST / 8 : 0; // two signatures to check
}

static void on_renewed(void *ctx, const struct cm_err *err, const struct hub_renewed *renewed) {
    struct enrolling *e = ctx;
    struct hub_member *member = hub_member_find(e->owner, e->id);
    bool good = err->code == CM_OK && renewed->certificate != NULL && member != NULL;

    e->waiting = false;
    if (err->code == CM_OK && renewed->held) {
        hub_sessions_hold(e->owner, e->id);
    }
    if (err->code == CM_OK && renewed->unknown) {
        count_refused(e);
    }
    if (good) {
        hub_keys_note_certified(member, renewed);
        cm_metric_add(e->owner->metric_expired, 1);
    }
    if (err->code == CM_OK && member != NULL) {
        (void)hub_allowance_take(&member->allowance, cost_of(renewed), cm_clock_now_ms());
    }
    if (e->conn != NULL && err->code != CM_OK) {
        refuse_broken(e, err);
    } else if (e->conn != NULL && good) {
        accept_again(e, member, renewed);
    } else if (e->conn != NULL) {
        say_renewed(e, member, renewed);
    }
    release(e);
}

static bool has_allowance(const struct enrolling *e) {
    struct hub_member *member = hub_member_find(e->owner, e->id);

    return member == NULL || hub_allowance_take(&member->allowance, 0, cm_clock_now_ms());
}

static enum cm_rc read_expired(struct enrolling *e, const Holdfast__V1__EnrollRequest *request,
                               struct cm_err *err) {
    const struct hub_sessions_config *config = &e->owner->config;
    struct hub_expired_ask ask = {.id = e->id,
                                  .certificate = request->certificate_der.data,
                                  .certificate_size = request->certificate_der.len,
                                  .signature = request->signature.data,
                                  .signature_size = request->signature.len,
                                  .life_ms = config->certificate_life_ms,
                                  .budget_ms = config->offline_budget_ms,
                                  .address = cm_net_conn_addr(e->conn)};

    if (!cm_uuid_ok(request->cluster_id)) {
        return cm_fail(err, CM_EINVAL, "the request is malformed");
    }
    memcpy(e->id, request->cluster_id, sizeof(e->id));
    if (!has_allowance(e)) {
        refuse(e, "this agent asks too much; it may go on in a while");
        return CM_OK;
    }
    memcpy(ask.exporter, cm_net_conn_peer(e->conn)->exporter, sizeof(ask.exporter));
    e->waiting = true;
    hub_renewal_expired(config->store, config->authority, &ask, on_renewed, e);
    return CM_OK;
}

// ---- Requests

static enum cm_rc read_token(struct enrolling *e, const Holdfast__V1__EnrollRequest *request,
                             struct cm_err *err) {
    struct hub_enroll_ask ask = {0};

    if (strlen(request->token_id) != WIRE_TOKEN_ID_MAX - 1 ||
        request->proof.len != sizeof(ask.proof.bytes)) {
        return cm_fail(err, CM_EINVAL, "the request is malformed");
    }
    memcpy(ask.token_id, request->token_id, WIRE_TOKEN_ID_MAX);
    memcpy(ask.proof.bytes, request->proof.data, sizeof(ask.proof.bytes));
    memcpy(ask.exporter, cm_net_conn_peer(e->conn)->exporter, sizeof(ask.exporter));
    ask.csr = request->csr_der.data;
    ask.csr_size = request->csr_der.len;
    ask.life_ms = request->renews ? e->owner->config.certificate_life_ms : 0;
    ask.needs_approval = e->owner->config.enroll_needs_approval;
    ask.address = cm_net_conn_addr(e->conn);
    e->waiting = true;
    hub_identity_enroll(e->owner->config.store, e->owner->config.authority, &ask, on_decided, e);
    return CM_OK;
}

static enum cm_rc read_request(struct enrolling *e, const struct cm_net_frame *frame,
                               struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    Holdfast__V1__EnrollRequest *request = NULL;
    enum cm_rc rc = WIRE_UNPACK(a, Holdfast__V1__EnrollRequest, holdfast__v1__enroll_request,
                                frame->payload, frame->size, &request, err);

    if (rc < 0) {
        return rc;
    }
    return request->cluster_id[0] == '\0' ? read_token(e, request, err)
                                          : read_expired(e, request, err);
}

static void on_frame(void *ctx, struct cm_net_conn *conn, const struct cm_net_frame *frame) {
    struct enrolling *e = ctx;
    struct cm_err err;

    (void)conn;
    if (frame->type != WIRE_ENROLL_REQUEST || e->asked) {
        cm_net_close(e->conn, false, "out of turn");
        return;
    }
    e->asked = true;
    if (!is_throttled(e) && read_request(e, frame, &err) < 0) {
        hub_sessions_count_enrolment(e->owner, HUB_ENROL_REFUSED);
        refuse_wrong(e, err.msg);
    }
}

static void on_closed(void *ctx, struct cm_net_conn *conn, const struct cm_err *why) {
    struct enrolling *e = ctx;

    (void)conn;
    (void)why;
    e->conn = NULL;
    release(e);
}

void hub_enroll_close_all(struct hub_sessions *s) {
    for (struct cm_list *at = s->enrolling.next; at != &s->enrolling; at = at->next) {
        struct enrolling *e = CM_CONTAINER(at, struct enrolling, in_enrolling);

        if (e->conn != NULL) {
            cm_net_close(e->conn, false, "the hub is stopping");
        }
    }
}

const struct cm_net_handlers hub_enroll_handlers = {
    .opened = on_opened,
    .frame = on_frame,
    .closed = on_closed,
    .refused = hub_sessions_count_unenrolled,
};
