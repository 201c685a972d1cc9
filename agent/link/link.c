#include "agent/link/link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/link/internal.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/keys.h"
#include "proto/wire.h"

enum {
    SEND_QUEUE = 4 * 1024 * 1024,
    HANDSHAKE_MS = 20000,
    SILENCE_MS = 180000, // the heartbeat notices sooner
    HEARTBEAT_MS = 20000,
    HEARTBEAT_MIN_MS = 100,
    HEARTBEAT_MAX_MS = 3600000,
    FIRST_RETRY_MS = 2000,
    STABLE_MS = 60000,
    REFUSED_MS = 60000, // the hub does not want us: a person must act
};

static const struct cm_net_limits limits = {
    .max_payload = wire_max_payload,
    .send_queue_bytes = SEND_QUEUE,
    .handshake_ms = HANDSHAKE_MS,
    .silence_ms = SILENCE_MS,
};

static void save_addresses(struct agent_link *l);

// ---- Sending

bool link_send(struct agent_link *l, uint16_t type, const ProtobufCMessage *message) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *payload = wire_pack(message);
    struct cm_err err;

    return l->conn != NULL && cm_net_send(l->conn, type, 0, payload, &err) == CM_OK;
}

bool agent_link_send_report(struct agent_link *l, struct cm_buf *report) {
    struct cm_err err;

    return l->state == LINK_UP && cm_net_send(l->conn, WIRE_REPORT, 0, report, &err) == CM_OK;
}

bool agent_link_send_journal(struct agent_link *l, struct cm_buf *journal) {
    struct cm_err err;

    return l->state == LINK_UP && cm_net_send(l->conn, WIRE_JOURNAL, 0, journal, &err) == CM_OK;
}

bool agent_link_send_decisions(struct agent_link *l, struct cm_buf *decisions) {
    struct cm_err err;

    return l->state == LINK_UP && cm_net_send(l->conn, WIRE_DECISIONS, 0, decisions, &err) == CM_OK;
}

void agent_link_send_found(struct agent_link *l, struct cm_buf *found) {
    struct cm_err err;

    if (l->state == LINK_UP && cm_net_send(l->conn, WIRE_FOUND, 0, found, &err) < 0) {
        cm_log(CM_LOG_DEBUG, "agent.look", err.msg, NULL); // whoever asked is told in time
    }
}

void agent_link_send_proven(struct agent_link *l, struct cm_buf *proven) {
    struct cm_err err;

    if (l->state == LINK_UP && cm_net_send(l->conn, WIRE_PROVEN, 0, proven, &err) < 0) {
        cm_log(CM_LOG_DEBUG, "agent.prove", err.msg, NULL); // whoever asked is told in time
    }
}

void link_close(struct agent_link *l, const char *reason) {
    if (l->conn != NULL) {
        cm_net_close(l->conn, true, reason);
    }
}

static void say_goodbye(struct agent_link *l, Holdfast__V1__Goodbye__Reason reason,
                        const char *why) {
    Holdfast__V1__Goodbye m;

    holdfast__v1__goodbye__init(&m);
    m.reason = reason;
    m.message = (char *)(uintptr_t)why; // packing only reads
    (void)link_send(l, WIRE_GOODBYE, &m.base);
    link_close(l, why);
}

// claim_lost says what was in force last if the disk has only an older one.
static void claim_lost(const struct agent_link *l, Holdfast__V1__Hello *m) {
    m->disk_generation = l->lost_untold;
    if (m->epoch < l->lost_epoch || m->generation < l->lost_generation) {
        m->new_disk = l->lost_all;
        m->epoch = m->epoch < l->lost_epoch ? l->lost_epoch : m->epoch;
        m->generation = m->generation < l->lost_generation ? l->lost_generation : m->generation;
        m->manifest_sha256.len = 0;
        m->seen_sha256.len = 0;
    }
}

void agent_link_outdated(struct agent_link *l, uint64_t held, uint64_t epoch, uint64_t generation) {
    l->lost_epoch = epoch;
    l->lost_generation = generation;
    l->lost_untold = held;
    l->lost_all = held == 0;
    if (l->state == LINK_GREETING || l->state == LINK_UP) {
        link_close(l, "a newer manifest was applied in this cluster than this agent's disk has");
    }
}

static void send_hello(struct agent_link *l) {
    const struct agent_in_force *f = agent_cache_in_force(l->cache);
    Holdfast__V1__Hello m;

    holdfast__v1__hello__init(&m);
    m.protocol_min = WIRE_PROTOCOL_MIN;
    m.protocol_max = WIRE_PROTOCOL_MAX;
    m.agent_version = (char *)(uintptr_t)HOLDFAST_VERSION;
    m.driver = l->driver;
    m.target_version = (char *)(uintptr_t)l->host.target_version(l->host.ctx);
    m.epoch = f->epoch;
    m.generation = f->generation;
    ProtobufCBinaryData seen = {.len = sizeof(f->manifest.bytes),
                                .data = (uint8_t *)(uintptr_t)f->manifest.bytes};
    if (l->whole) {
        m.manifest_sha256 = seen;
    } else if (f->generation > 0) { // the hub shall offer it again
        m.seen_sha256 = seen;
    }
    claim_lost(l, &m);
    m.report_run = (char *)(uintptr_t)agent_cache_report_run(l->cache);
    m.reports_acked = agent_cache_reports_acked(l->cache);
    m.now_ms = cm_clock_unix_ms();
    m.looks = true;
    m.impersonates = true;
    m.observes = l->observes;
    m.instance = (ProtobufCBinaryData){.len = sizeof(l->instance), .data = l->instance};
    m.renews = true;
    m.decides = !l->observes; // what runs is nobody's release
    m.freezes = true;
    m.proves = !l->observes;
    m.trust = l->identity.trust.version;
    struct cm_sha256 signer = fetch_signer_held(l);
    m.unsqueezes = true;
    m.signer_sha256 = (ProtobufCBinaryData){.len = sizeof(signer.bytes), .data = signer.bytes};
    (void)link_send(l, WIRE_HELLO, &m.base);
}

// ---- Trying

// link_retry sets the timer for the next try.
void link_retry(struct agent_link *l) {
    int64_t pause;

    if (l->stopping) {
        return;
    }
    l->state = LINK_WAITING;
    if (l->retry_after_ms > 0) {
        pause = cm_backoff_asked(&l->backoff, l->retry_after_ms);
    } else if (l->first_retry) {
        pause = cm_jitter_ms(FIRST_RETRY_MS);
    } else {
        pause = cm_backoff_next(&l->backoff);
    }
    l->first_retry = false;
    l->retry_after_ms = 0;
    cm_timer_start(l->loop, &l->timer, pause);
}

static const char *pick_hub(struct agent_link *l) {
    if (l->hub != NULL) {
        return l->hub;
    }
    return l->identity.hub_count == 0 ? NULL
                                      : l->identity.hubs[l->next_hub++ % l->identity.hub_count];
}

static enum cm_rc make_context(const struct agent_link *l, struct cm_tls_context **out,
                               struct cm_err *err) {
    const struct cm_tls_config config = {.role = CM_TLS_CLIENT,
                                         .key = l->identity.key,
                                         .chain = l->identity.chain,
                                         .chain_count = l->identity.chain_count,
                                         .roots = l->identity.trust.roots,
                                         .root_count = l->identity.trust.count,
                                         .expected_uri = l->hub_uri};

    return cm_tls_context_new(&config, out, err);
}

// link_complain logs why there is no connection; once per outage above debug.
void link_complain(struct agent_link *l, const char *why) {
    cm_log(l->complained ? CM_LOG_DEBUG : CM_LOG_WARN, "agent.hub_unreachable", why, "cluster",
           agent_link_cluster(l), NULL);
    l->complained = true;
}

// ---- The conversation

static void beat(struct agent_link *l) {
    Holdfast__V1__Ping m;

    if (!l->heard) {
        link_close(l, "the hub does not answer");
        return;
    }
    l->heard = false;
    holdfast__v1__ping__init(&m);
    m.now_ms = cm_clock_unix_ms();
    (void)link_send(l, WIRE_PING, &m.base);
    cm_timer_start(l->loop, &l->timer, l->heartbeat_ms);
    link_renew_if_due(l);
    link_trust_store(l);
}

static void dial(struct agent_link *l) {
    if (!link_renew_expired(l)) {
        link_dial(l);
    }
}

static void run_timer(void *ctx) {
    struct agent_link *l = ctx;

    if (l->state == LINK_UP) {
        beat(l);
    } else if (l->state == LINK_WAITING && l->unsaved) {
        link_save_identity(l, l->saved);
    } else if (l->state == LINK_WAITING && l->identity.enrolled) {
        dial(l);
    } else if (l->state == LINK_WAITING) {
        link_enroll(l);
    }
}

static enum cm_rc check_welcome(const struct agent_link *l, const Holdfast__V1__Welcome *m,
                                struct cm_err *err) {
    if (m->protocol < WIRE_PROTOCOL_MIN || m->protocol > WIRE_PROTOCOL_MAX) {
        return cm_fail(err, CM_EINVAL, "the hub speaks protocol %u, this agent %d to %d",
                       m->protocol, WIRE_PROTOCOL_MIN, WIRE_PROTOCOL_MAX);
    }
    if (strcmp(m->hub_id, l->identity.hub_id) != 0) {
        return cm_fail(err, CM_EAUTH, "this is hub '%s', not '%s'", m->hub_id, l->identity.hub_id);
    }
    return CM_OK;
}

static enum cm_rc on_welcome(struct agent_link *l, const Holdfast__V1__Welcome *m,
                             struct cm_err *err) {
    if (l->state != LINK_GREETING) {
        return cm_fail(err, CM_EINVAL, "Welcome came out of turn");
    }
    enum cm_rc rc = check_welcome(l, m, err);
    if (rc < 0) {
        return rc;
    }
    l->state = LINK_UP;
    l->complained = false;
    l->lost_untold = 0;
    l->heartbeat_ms = m->heartbeat_ms == 0                 ? HEARTBEAT_MS
                      : m->heartbeat_ms < HEARTBEAT_MIN_MS ? HEARTBEAT_MIN_MS
                      : m->heartbeat_ms > HEARTBEAT_MAX_MS ? HEARTBEAT_MAX_MS
                                                           : m->heartbeat_ms;
    cm_timer_start(l->loop, &l->timer, cm_jitter_ms(l->heartbeat_ms));
    cm_log(CM_LOG_INFO, "agent.connected", "connected to the hub", "cluster", agent_link_cluster(l),
           "hub", cm_net_conn_addr(l->conn), "hub_version", m->hub_version, NULL);
    link_hear_clock(l, m->now_ms);
    if (agent_identity_set_enroll_hubs(&l->identity, m->enroll_addresses, m->n_enroll_addresses)) {
        save_addresses(l);
    }
    link_renew_welcome(l, m);
    l->host.value_key(l->host.ctx, m->actual && m->value_key.len == 32 ? m->value_key.data : NULL);
    l->host.takes_exempted(l->host.ctx, m->exempted, m->full_report);
    l->host.connected(l->host.ctx, m->full_report, m->journal, m->journal_reports,
                      m->decisions && (m->observed || !l->observes));
    return CM_OK;
}

void link_key_hex(const struct agent_link *l, char out[CM_SHA256_HEX_MAX]) {
    struct cm_sha256 key = cm_key_sha256(l->identity.key);

    cm_sha256_hex(&key, out);
}

static void on_goodbye(struct agent_link *l, const Holdfast__V1__Goodbye *m) {
    char key[CM_SHA256_HEX_MAX];

    l->retry_after_ms = m->retry_after_ms;
    if (m->reason == HOLDFAST__V1__GOODBYE__REASON__PENDING) {
        link_key_hex(l, key);
        cm_log(CM_LOG_WARN, "agent.pending", m->message, "cluster", agent_link_cluster(l), "key",
               key, NULL);
    } else if (m->reason == HOLDFAST__V1__GOODBYE__REASON__REVOKED ||
               m->reason == HOLDFAST__V1__GOODBYE__REASON__PROTOCOL) {
        l->retry_after_ms = l->retry_after_ms > REFUSED_MS ? l->retry_after_ms : REFUSED_MS;
        cm_log(CM_LOG_ERROR, "agent.refused", m->message, "cluster", agent_link_cluster(l), NULL);
    } else {
        cm_log(CM_LOG_INFO, "agent.goodbye", m->message, "cluster", agent_link_cluster(l), NULL);
    }
    link_close(l, "the hub said goodbye");
}

static void hear_look(struct agent_link *l, const Holdfast__V1__Look *look) {
    l->host.look(l->host.ctx, look->id, look->namespace_, (const char *const *)look->keys,
                 look->n_keys);
}

static void hear_ack(struct agent_link *l, uint16_t type, const ProtobufCMessage *m) {
    const struct agent_link_host *host = &l->host;

    if (type == WIRE_REPORT_ACK) {
        const Holdfast__V1__ReportAck *ack = (const Holdfast__V1__ReportAck *)m;

        host->acked(host->ctx, ack->run, ack->number);
    } else if (type == WIRE_JOURNAL_ACK) {
        const Holdfast__V1__JournalAck *ack = (const Holdfast__V1__JournalAck *)m;

        host->journal_acked(host->ctx, ack->run, ack->number);
    } else if (type == WIRE_DECISIONS_ACK) {
        const Holdfast__V1__DecisionsAck *ack = (const Holdfast__V1__DecisionsAck *)m;

        host->decisions_acked(host->ctx, ack->run, ack->number);
    } else {
        link_exempted_ack(l, (const Holdfast__V1__ExemptedAck *)m);
    }
}

// A message of the conversation, decoded.
static enum cm_rc handle(struct agent_link *l, uint16_t type, const ProtobufCMessage *m,
                         struct cm_err *err) {
    if (type == WIRE_WELCOME) {
        return on_welcome(l, (const Holdfast__V1__Welcome *)m, err);
    }
    if (type == WIRE_GOODBYE) {
        on_goodbye(l, (const Holdfast__V1__Goodbye *)m);
        return CM_OK;
    }
    if (l->state != LINK_UP) {
        return cm_fail(err, CM_EINVAL, "%s came before Welcome", wire_type_name(type));
    }
    switch (type) {
    case WIRE_DESIRED:
        fetch_desired(l, (const Holdfast__V1__Desired *)m);
        return CM_OK;
    case WIRE_BLOB:
        fetch_blob(l, (const Holdfast__V1__Blob *)m);
        return CM_OK;
    case WIRE_REPORT_ACK:
    case WIRE_JOURNAL_ACK:
    case WIRE_DECISIONS_ACK:
    case WIRE_EXEMPTED_ACK:
        hear_ack(l, type, m);
        return CM_OK;
    case WIRE_SYNC:
        l->host.sync(l->host.ctx, ((const Holdfast__V1__Sync *)m)->app);
        return CM_OK;
    case WIRE_FREEZE:
        link_freeze(l, (const Holdfast__V1__Freeze *)m);
        return CM_OK;
    case WIRE_TRUST:
        link_trust_hear(l, (const Holdfast__V1__Trust *)m);
        return CM_OK;
    case WIRE_PONG:
        link_hear_clock(l, ((const Holdfast__V1__Pong *)m)->now_ms);
        return CM_OK;
    case WIRE_LOOK:
        hear_look(l, (const Holdfast__V1__Look *)m);
        return CM_OK;
    case WIRE_PROVE:
        l->host.prove(l->host.ctx, (const Holdfast__V1__Prove *)m);
        return CM_OK;
    default:
        return link_renewed(l, (const Holdfast__V1__Renewed *)m, err);
    }
}

static const ProtobufCMessageDescriptor *descriptor_of(uint16_t type) {
    switch (type) {
    case WIRE_WELCOME:
        return &holdfast__v1__welcome__descriptor;
    case WIRE_GOODBYE:
        return &holdfast__v1__goodbye__descriptor;
    case WIRE_PONG:
        return &holdfast__v1__pong__descriptor;
    case WIRE_DESIRED:
        return &holdfast__v1__desired__descriptor;
    case WIRE_TRUST:
        return &holdfast__v1__trust__descriptor;
    case WIRE_BLOB:
        return &holdfast__v1__blob__descriptor;
    case WIRE_REPORT_ACK:
        return &holdfast__v1__report_ack__descriptor;
    case WIRE_JOURNAL_ACK:
        return &holdfast__v1__journal_ack__descriptor;
    case WIRE_DECISIONS_ACK:
        return &holdfast__v1__decisions_ack__descriptor;
    case WIRE_SYNC:
        return &holdfast__v1__sync__descriptor;
    case WIRE_FREEZE:
        return &holdfast__v1__freeze__descriptor;
    case WIRE_EXEMPTED_ACK:
        return &holdfast__v1__exempted_ack__descriptor;
    case WIRE_LOOK:
        return &holdfast__v1__look__descriptor;
    case WIRE_PROVE:
        return &holdfast__v1__prove__descriptor;
    case WIRE_RENEWED:
        return &holdfast__v1__renewed__descriptor;
    default:
        return NULL;
    }
}

static void on_frame(void *ctx, struct cm_net_conn *conn, const struct cm_net_frame *frame) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct agent_link *l = ctx;
    const ProtobufCMessageDescriptor *type = descriptor_of(frame->type);
    ProtobufCMessage *m = NULL;
    struct cm_err err;

    (void)conn;
    l->heard = true;
    l->answered = true;
    if (wire_is_skipped(frame->type) && l->state == LINK_UP) {
        return; // of a newer hub
    }
    enum cm_rc rc = type == NULL
                        ? cm_fail(&err, CM_EINVAL, "frame type %u is not the hub's to send",
                                  (unsigned)frame->type)
                        : wire_unpack(a, type, frame->payload, frame->size, &m, &err);
    if (rc == CM_OK) {
        rc = handle(l, frame->type, m, &err);
    }
    if (rc < 0) {
        cm_log(CM_LOG_WARN, "agent.protocol", err.msg, "cluster", agent_link_cluster(l), NULL);
        say_goodbye(l, HOLDFAST__V1__GOODBYE__REASON__PROTOCOL, err.msg);
    }
}

static void on_opened(void *ctx, struct cm_net_conn *conn) {
    struct agent_link *l = ctx;

    (void)conn;
    l->state = LINK_GREETING;
    l->opened_ms = cm_clock_now_ms();
    l->heard = true;
    l->answered = false;
    send_hello(l);
}

static void tell_stopped(void *ctx) {
    struct agent_link *l = ctx;

    l->stopped(l->stopped_ctx);
}

void link_check_stopped(struct agent_link *l) {
    if (l->stopping && l->conn == NULL && !l->saving && l->state != LINK_STOPPED) {
        l->state = LINK_STOPPED;
        l->stopped_task = (struct cm_task){.run = tell_stopped, .ctx = l};
        cm_loop_post(l->loop, &l->stopped_task);
    }
}

static void on_closed(void *ctx, struct cm_net_conn *conn, const struct cm_err *why) {
    struct agent_link *l = ctx;
    bool was_up = l->state == LINK_UP;

    (void)conn;
    l->conn = NULL;
    if (l->state == LINK_GREETING) {
        l->turned_away += l->answered ? 0 : 1;
    }
    l->state = LINK_WAITING;
    cm_timer_stop(l->loop, &l->timer);
    fetch_reset(l);
    link_renew_reset(l);
    if (was_up && cm_clock_now_ms() - l->opened_ms >= STABLE_MS) {
        cm_backoff_reset(&l->backoff);
        l->first_retry = true;
    }
    if (was_up) {
        cm_log(CM_LOG_INFO, "agent.disconnected", why->msg, "cluster", agent_link_cluster(l), NULL);
        l->host.disconnected(l->host.ctx);
    } else if (!l->stopping) {
        link_complain(l, why->msg);
    }
    link_retry(l);
    link_check_stopped(l);
}

static void on_drained(void *ctx, struct cm_net_conn *conn) {
    struct agent_link *l = ctx;

    (void)conn;
    if (l->state == LINK_UP) {
        fetch_pump(l);
        l->host.can_send(l->host.ctx);
    }
}

void link_dial(struct agent_link *l) {
    const struct cm_net_handlers handlers = {.opened = on_opened,
                                             .frame = on_frame,
                                             .closed = on_closed,
                                             .drained = on_drained,
                                             .ctx = l};
    const char *addr = pick_hub(l);
    struct cm_tls_context *tls = NULL;
    struct cm_err err;
    enum cm_rc rc = addr == NULL ? cm_fail(&err, CM_EINVAL,
                                           "the hub told no address; give one "
                                           "with --hub")
                                 : make_context(l, &tls, &err);

    l->unconfirmed = false;
    l->state = LINK_DIALING;
    if (rc == CM_OK) {
        rc = cm_net_dial(l->loop, addr, tls, &limits, &handlers, &l->conn, &err);
    }
    cm_tls_context_unref(tls);
    if (rc < 0) {
        link_complain(l, err.msg);
        link_retry(l);
    }
}

// ---- The identity on disk

static bool is_on_disk(const char *path, const char *text) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *there = NULL;
    size_t size = strlen(text);
    struct cm_err err;

    return cm_fsys_read(path, size, &there, &err) == CM_OK && there->size == size &&
           memcmp(there->data, text, size) == 0;
}

// What was written counts, also if it is not sure that its name is durable: whoever is killed then
// starts with it.
static void run_save(struct cm_job *job) {
    struct agent_link *l = CM_CONTAINER(job, struct agent_link, save);
    enum cm_rc rc = cm_fsys_replace(l->identity_path, l->save_text, strlen(l->save_text), 0600,
                                    &l->save_result);

    if (rc < 0 && is_on_disk(l->identity_path, l->save_text)) {
        cm_log(CM_LOG_WARN, "agent.save_failed", l->save_result.msg, NULL);
        rc = CM_OK;
    }
    l->save_result.code = rc;
}

static void tell_saved_fresh(struct agent_link *l, bool canceled) {
    void (*done)(struct agent_link *, const struct cm_err *) = l->saved_fresh;

    if (canceled) {
        (void)cm_fail(&l->save_result, CM_ECANCELED, "the disk's workers have stopped");
    }
    l->saved_fresh = NULL;
    done(l, &l->save_result);
}

static void save_done(struct cm_job *job) {
    struct agent_link *l = CM_CONTAINER(job, struct agent_link, save);

    l->saving = false;
    cm_secret_free(l->save_text);
    l->save_text = NULL;
    if (l->stopping) {
        link_check_stopped(l);
    } else if (l->saved_fresh != NULL) {
        tell_saved_fresh(l, job->canceled);
    } else if (job->canceled || l->save_result.code != CM_OK) {
        link_complain(l, job->canceled ? "the disk's workers have stopped" : l->save_result.msg);
        link_retry(l);
    } else {
        l->unsaved = false;
        l->saved(l);
    }
}

static void submit_save(struct agent_link *l, char *text) {
    assert(!l->saving);
    l->saving = true;
    l->save_text = text;
    l->save_result = (struct cm_err){0};
    l->save = (struct cm_job){.run = run_save, .done = save_done, .home = l->loop};
    cm_workers_submit(l->disk, &l->save);
}

void link_save_identity(struct agent_link *l, void (*done)(struct agent_link *l)) {
    l->state = LINK_SAVING;
    l->saved = done;
    l->unsaved = true;
    submit_save(l, agent_identity_text(&l->identity));
}

void link_save_text(struct agent_link *l, char *text,
                    void (*done)(struct agent_link *l, const struct cm_err *error)) {
    l->saved_fresh = done;
    submit_save(l, text);
}

void link_save_fresh(struct agent_link *l, struct cm_key *key,
                     void (*done)(struct agent_link *l, const struct cm_err *error)) {
    link_save_text(l, agent_identity_fresh_text(&l->identity, key), done);
}

static void addresses_saved(struct agent_link *l, const struct cm_err *error) {
    if (error->code != CM_OK) { // the next Welcome tells them again
        cm_log(CM_LOG_WARN, "agent.save_failed", error->msg, "cluster", agent_link_cluster(l),
               NULL);
    }
    link_renew_if_due(l);
    link_trust_store(l);
}

static void save_addresses(struct agent_link *l) {
    if (!l->saving) {
        l->saved_fresh = addresses_saved;
        submit_save(l, agent_identity_text(&l->identity));
    }
}

void link_set_uris(struct agent_link *l) {
    free(l->hub_uri);
    free(l->signer_uri);
    l->hub_uri = cm_strf("holdfast://%s/hub", l->identity.hub_id);
    l->signer_uri = cm_strf("holdfast://%s/signer", l->identity.hub_id);
}

// ---- Life

static enum cm_rc load_identity(struct agent_link *l, const struct agent_link_config *config,
                                struct cm_err *err) {
    enum cm_rc rc = agent_identity_load(l->identity_path, &l->identity, err);

    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    if (l->identity.enrolled) {
        link_set_uris(l);
        return CM_OK;
    }
    if (config->join_token == NULL || config->join_token[0] == '\0') {
        return cm_fail(err, CM_EINVAL,
                       "this agent is not enrolled yet: give it the token that 'holdfast enroll' "
                       "printed, with --join-token");
    }
    if (l->enroll_hub == NULL) {
        return cm_fail(err, CM_EINVAL, "say where to enroll, with --enroll-hub HOST:PORT");
    }
    l->has_token = true;
    return wire_token_parse(config->join_token, &l->token, err);
}

static void agent_link_freep(struct agent_link **l) {
    agent_link_free(*l);
}

enum cm_rc agent_link_new(const struct agent_link_config *config, struct agent_link **out,
                          struct cm_err *err) {
    CM_CLEANUP(agent_link_freep) struct agent_link *l = cm_new(1, sizeof(*l));

    l->loop = config->loop;
    l->disk = config->disk;
    l->cache = config->cache;
    l->host = config->host;
    l->identity_path = cm_strf("%s/identity", config->data_dir);
    l->hub = cm_strdup(config->hub);
    l->enroll_hub = cm_strdup(config->enroll_hub);
    l->driver = cm_strdup(config->driver);
    l->observes = config->observes;
    l->began_ms = cm_clock_now_ms();
    l->first_retry = true;
    cm_random(l->instance, sizeof(l->instance));
    l->backoff =
        (struct cm_backoff){.min_ms = config->reconnect_min_ms, .max_ms = config->reconnect_max_ms};
    l->timer = (struct cm_timer){.run = run_timer, .ctx = l};
    fetch_init(l);
    enum cm_rc rc = load_identity(l, config, err);
    if (rc == CM_OK) {
        *out = CM_TAKE(l);
    }
    return rc;
}

void agent_link_start(struct agent_link *l) {
    if (l->identity.enrolled) {
        dial(l);
    } else {
        link_enroll(l);
    }
}

void agent_link_stop(struct agent_link *l, bool at_once, void (*stopped)(void *ctx), void *ctx) {
    l->stopping = true;
    l->stopped = stopped;
    l->stopped_ctx = ctx;
    cm_timer_stop(l->loop, &l->timer);
    cm_timer_stop(l->loop, &l->again);
    cm_timer_stop(l->loop, &l->ends);
    if (at_once && l->conn != NULL) {
        cm_net_close(l->conn, false, "the agent is stopping");
    } else if (l->state == LINK_UP) {
        say_goodbye(l, HOLDFAST__V1__GOODBYE__REASON__SHUTDOWN, "the agent is stopping");
    } else {
        link_close(l, "the agent is stopping");
    }
    link_check_stopped(l);
}

void agent_link_free(struct agent_link *l) {
    if (l == NULL) {
        return;
    }
    assert(l->conn == NULL && !l->saving);
    cm_timer_stop(l->loop, &l->timer);
    fetch_done(l);
    cm_key_free(l->renewing);
    cm_trust_done(&l->told);
    cm_trust_done(&l->later);
    agent_identity_done(&l->identity);
    explicit_bzero(&l->token, sizeof(l->token));
    free(l->identity_path);
    free(l->hub);
    free(l->enroll_hub);
    free(l->driver);
    free(l->hub_uri);
    free(l->signer_uri);
    free(l);
}

bool agent_link_is_up(const struct agent_link *l) {
    return l->state == LINK_UP;
}

bool agent_link_is_enrolled(const struct agent_link *l) {
    return l->identity.enrolled;
}

const char *agent_link_hub_id(const struct agent_link *l) {
    return l->identity.hub_id == NULL ? "" : l->identity.hub_id;
}

const char *agent_link_cluster_id(const struct agent_link *l) {
    return l->identity.cluster_id == NULL ? "" : l->identity.cluster_id;
}

const char *agent_link_cluster(const struct agent_link *l) {
    return l->identity.cluster_name == NULL ? "" : l->identity.cluster_name;
}
