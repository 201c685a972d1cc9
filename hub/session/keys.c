// keys.c: whose key a connection has, new keys over a connection, and doubts about an identity.
// hub/access/keys.h says which key is good when, hub/jobs/renewal.h keeps it.
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/fault.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/throttle.h"
#include "hub/access/authority.h"
#include "hub/jobs/presence.h"
#include "hub/jobs/renewal.h"
#include "hub/session/internal.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

#define LATEST_MS INT64_C(253402300799999) // the end of the year 9999
#define SKEW_COST ((size_t)64 * 1024)
#define RENEW_NOW_MS 1
#define RENEW_LONG_MS ((uint32_t)60 * 60 * 1000) // a certificate that lives longer than it should
#define RETRY_MS ((uint32_t)60 * 1000)
#define RECORD_WITHIN_MS 250 // that an agent is revoked; else it is cut off before
#define PENDING_LEAST_MS 5000
#define PENDING_MOST_MS ((int64_t)5 * 60 * 1000)
#define PENDING_EACH_MS 20 // so long are two of those that are pending apart, or longer
#define RETURNS_MAX 3
#define RETURNS_WITHIN_MS ((int64_t)10 * 60 * 1000)

static const char copied_words[] =
    "two agents have this identity at the same time and replace each other";
static const char waits_words[] = "this agent waits for a person's approval; 'holdfast approve' "
                                  "with the name of its cluster lets "
                                  "it go on";
const char hub_revoking_words[] = "the hub is busy with what it was asked about this agent; it may "
                                  "come again later";
static const char pending_words[] = "this agent is enrolled, and waits until somebody accepts its "
                                    "key: 'holdfast approve', the name of its cluster, and --key "
                                    "with the key as this log shows it";
static const char unknown_words[] = "this agent is not enrolled here; enroll it anew";

void hub_keys_make_metrics(struct hub_sessions *s) {
    struct cm_metrics *m = s->config.metrics;

    s->metric_renewed = cm_metrics_counter(m, "holdfast_certificates_renewed_total", NULL,
                                           "New keys that agents began to use.");
    s->metric_expired =
        cm_metrics_counter(m, "holdfast_certificates_expired_renewed_total", NULL,
                           "Certificates that had ended and were renewed for the same key.");
    s->metric_held = cm_metrics_gauge(m, "holdfast_agents_held", NULL,
                                      "Agents that wait for a person's approval.");
    s->metric_pending = cm_metrics_gauge(
        m, "holdfast_agents_pending", NULL,
        "Agents that enrolled and whose key nobody has accepted yet; they are held, too.");
    s->metric_revoked = cm_metrics_histogram(
        m, "holdfast_agents_revoked_seconds", NULL,
        "From the request to revoke an agent until its connection was closed.");
    hub_greet_make_metrics(s);
    s->metric_outdated =
        cm_metrics_counter(m, "holdfast_agents_disk_outdated_total", NULL,
                           "How often an agent came back with an older copy of its disk.");
    s->metric_copied = cm_metrics_counter(m, "holdfast_agents_copied_total", NULL,
                                          "How often two were found to have one identity.");
    s->metric_revocations =
        cm_metrics_counter(m, "holdfast_agents_revocations_total", NULL,
                           "Agents that were revoked, whether or not they were connected.");
    s->metric_approvals = cm_metrics_counter(m, "holdfast_agents_approvals_total", NULL,
                                             "Agents that a person let go on.");
    s->metric_returned =
        cm_metrics_counter(m, "holdfast_agents_returned_total", NULL,
                           "How often a process came back after another one with its identity had "
                           "taken its place.");
}

// ---- Holding

static void set_pending(struct hub_sessions *s, struct hub_member *member, int64_t since_ms) {
    s->pending += (since_ms != 0 ? 1 : 0) - (member->pending_ms != 0 ? 1 : 0);
    member->pending_ms = since_ms;
    cm_metric_set(s->metric_pending, s->pending);
}

static void set_held(struct hub_sessions *s, struct hub_member *member, bool held) {
    if (!held) {
        set_pending(s, member, 0);
    }
    if (member->held != held) {
        member->held = held;
        s->held += held ? 1 : -1;
        cm_metric_set(s->metric_held, s->held);
    }
}

static void tell(const struct hub_sessions *s) {
    if (s->config.evicted != NULL) {
        s->config.evicted(s->config.ctx);
    }
}

// The connection ends, and is none of this agent's any more.
static void disconnect(struct hub_sessions *s, struct hub_member *member, int reason,
                       const char *why) {
    struct hub_session *session = member->session;

    hub_greet_end(member, reason, why);
    if (session == NULL) {
        return;
    }
    hub_session_goodbye(session, reason, why);
    if (session->on_record) {
        hub_presence_disconnected(s->config.store, member->cluster, session->seen_ms, why);
    }
    member->session = NULL;
    hub_session_part(session);
}

// Whoever is connected is cut off, too: nobody knows which of the two is the right one.
static void doubt(struct hub_sessions *s, struct hub_member *member, const char *why,
                  const struct cm_sha256 *key, const char *address) {
    char came[CM_SHA256_HEX_MAX];
    char known[CM_SHA256_HEX_MAX];
    const struct hub_session *other = member->session;

    cm_sha256_hex(key == NULL ? &member->keys.current : key, came);
    cm_sha256_hex(&member->keys.current, known);
    cm_log(CM_LOG_ERROR, "agent.held", why, "cluster", member->cluster, "key", came, "address",
           address, "newest_key", known, "connected_from",
           other == NULL || other->conn == NULL ? "" : cm_net_conn_addr(other->conn), NULL);
    set_held(s, member, true);
    hub_renewal_hold(s->config.store, member->cluster_id, why, key, address);
    disconnect(s, member, HOLDFAST__V1__GOODBYE__REASON__REVOKED, waits_words);
    tell(s);
}

static void suspect(struct hub_sessions *s, struct hub_member *member, const char *why,
                    const struct cm_sha256 *key, const char *address) {
    cm_metric_add(s->metric_copied, 1);
    doubt(s, member, why, key, address);
}

void hub_sessions_hold(struct hub_sessions *s, const char *cluster_id) {
    struct hub_member *member = hub_member_find(s, cluster_id);

    if (member != NULL) {
        set_held(s, member, true);
        disconnect(s, member, HOLDFAST__V1__GOODBYE__REASON__REVOKED, waits_words);
        tell(s);
    }
}

void hub_sessions_pend(struct hub_sessions *s, const char *cluster_id, int64_t since_ms) {
    struct hub_member *member = hub_member_find(s, cluster_id);

    if (member != NULL) {
        set_held(s, member, true);
        set_pending(s, member, since_ms);
    }
}

void hub_sessions_approve(struct hub_sessions *s, const char *cluster_id,
                          const struct hub_keys *keys) {
    struct hub_member *member = hub_member_find(s, cluster_id);

    if (member == NULL) {
        return;
    }
    cm_metric_add(s->metric_approvals, member->held ? 1 : 0);
    set_held(s, member, false);
    member->keys = *keys;
    memset(&member->instances, 0, sizeof(member->instances));
    tell(s);
}

void hub_keys_forget(struct hub_sessions *s, struct hub_member *member) {
    set_held(s, member, false);
}

// accept_forgotten: only who was accepted is given another key than the one that it enrolled with,
// so who has one waits in an older copy of the database alone.
static void accept_forgotten(struct hub_sessions *s, struct hub_member *member) {
    if (member->pending_ms != 0) {
        member->keys.approved_ms = member->pending_ms; // it was later
        set_held(s, member, false);
        tell(s);
    }
}

// ---- Being revoked

void hub_keys_cut_off(void *ctx) {
    struct hub_member *member = ctx;

    if (member->session != NULL) {
        member->session->revoked_ms = member->revoking_ms;
    }
    disconnect(member->owner, member, HOLDFAST__V1__GOODBYE__REASON__OVERLOADED,
               hub_revoking_words);
}

void hub_sessions_revoking(struct hub_sessions *s, const char *cluster, int64_t asked_ms) {
    struct hub_member *member = cm_map_get(s->by_name, cluster);

    if (member != NULL && member->revoking_ms == 0) { // else who asked first is waited for
        member->revoking_ms = asked_ms;
        cm_timer_start(s->config.loop, &member->cut,
                       asked_ms + RECORD_WITHIN_MS - cm_clock_now_ms());
    }
}

void hub_sessions_spare(struct hub_sessions *s, const char *cluster) {
    struct hub_member *member = cm_map_get(s->by_name, cluster);

    if (member != NULL) {
        member->revoking_ms = 0;
        cm_timer_stop(s->config.loop, &member->cut);
    }
}

// ---- Who is this?

static void use_key(struct hub_sessions *s, struct hub_member *member, const struct cm_sha256 *key,
                    int64_t begins_ms, bool was_lost) {
    hub_keys_use(&member->keys, key, begins_ms, cm_clock_unix_ms());
    hub_renewal_use(s->config.store, member->cluster_id, key, begins_ms, was_lost);
    cm_metric_add(s->metric_renewed, 1);
    cm_log(CM_LOG_INFO, "agent.renewed",
           was_lost ? "it uses a key that this hub had forgotten" : "it uses a new key", "cluster",
           member->cluster, NULL);
}

// Who has waited for an hour is not let in within the minute. However many wait, turning them away
// takes a twentieth of a processor.
uint32_t hub_keys_pause_ms(const struct hub_sessions *s, const struct hub_member *member) {
    int64_t waited_ms = cm_clock_unix_ms() - member->pending_ms;
    int64_t crowd_ms = s->pending * PENDING_EACH_MS;
    int64_t pause = waited_ms / 4 > PENDING_LEAST_MS ? waited_ms / 4 : PENDING_LEAST_MS;

    pause = pause < PENDING_MOST_MS ? pause : PENDING_MOST_MS;
    return (uint32_t)(pause > crowd_ms ? pause : crowd_ms);
}

static struct hub_refusal keep_waiting(const struct hub_sessions *s,
                                       const struct hub_member *member) {
    if (member->pending_ms == 0) {
        return (struct hub_refusal){.why = waits_words,
                                    .reason = HOLDFAST__V1__GOODBYE__REASON__REVOKED};
    }
    return (struct hub_refusal){.why = pending_words,
                                .reason = HOLDFAST__V1__GOODBYE__REASON__PENDING,
                                .retry_after_ms = hub_keys_pause_ms(s, member)};
}

static struct hub_member *judge(struct hub_sessions *s, struct hub_member *member,
                                const struct cm_net_conn *conn, struct hub_refusal *no) {
    const struct cm_tls_peer *peer = cm_net_conn_peer(conn);
    const char *address = cm_net_conn_addr(conn);
    enum hub_key_verdict verdict =
        hub_keys_judge(&member->keys, &peer->key_sha256, peer->not_before_ms, cm_clock_unix_ms());

    if (verdict == HUB_KEY_UNKNOWN) {
        return NULL;
    }
    if (verdict == HUB_KEY_LOST) {
        accept_forgotten(s, member);
    }
    if (!member->held && verdict == HUB_KEY_STALE) {
        suspect(s, member, hub_renewal_stale, &peer->key_sha256, address);
    }
    if (!member->held && verdict == HUB_KEY_AHEAD) {
        doubt(s, member, hub_renewal_ahead, &peer->key_sha256, address);
    }
    if (member->held) {
        *no = keep_waiting(s, member);
        return NULL;
    }
    if (verdict == HUB_KEY_NEXT || verdict == HUB_KEY_LOST) {
        use_key(s, member, &peer->key_sha256, peer->not_before_ms, verdict == HUB_KEY_LOST);
    }
    return member;
}

struct hub_member *hub_keys_authenticate(struct hub_sessions *s, const struct cm_net_conn *conn,
                                         struct hub_refusal *out) {
    const struct cm_tls_peer *peer = cm_net_conn_peer(conn);
    const char *id =
        peer->has_cert ? hub_authority_cluster_id(s->config.authority, peer->uri) : NULL;
    struct hub_member *member = id == NULL ? NULL : hub_member_find(s, id);

    *out = (struct hub_refusal){.why = unknown_words,
                                .reason = HOLDFAST__V1__GOODBYE__REASON__REVOKED};
    if (id != NULL && member == NULL && cm_throttle_take(s->told_refused, id, cm_clock_now_ms())) {
        hub_renewal_refused(s->config.store, id);
    }
    return member == NULL ? NULL : judge(s, member, conn, out);
}

// ---- Two of one identity

static bool is_same(const uint8_t *a, const uint8_t *b) {
    return memcmp(a, b, HUB_INSTANCE_SIZE) == 0;
}

static bool was_here(const struct hub_instances *in, const uint8_t *instance) {
    for (size_t i = 0; i < HUB_INSTANCES_MAX; i++) {
        if (is_same(in->earlier[i], instance)) {
            return true;
        }
    }
    return false;
}

// A process that another one has replaced comes back only if both live. It may happen once or twice
// while a cluster moves an agent to another machine. Returns how often it did of late, 0: not now.
static unsigned comes_back(struct hub_instances *in, const uint8_t *instance, int64_t now_ms) {
    bool back = was_here(in, instance);

    if (is_same(in->now, instance)) {
        return 0;
    }
    memcpy(in->earlier[in->next], in->now, HUB_INSTANCE_SIZE);
    in->next = (uint8_t)((in->next + 1) % HUB_INSTANCES_MAX);
    memcpy(in->now, instance, HUB_INSTANCE_SIZE);
    if (!back) {
        return 0;
    }
    if (now_ms - in->since_ms > RETURNS_WITHIN_MS) {
        in->since_ms = now_ms;
        in->returns = 0;
    }
    return ++in->returns;
}

bool hub_keys_hello(struct hub_session *session, const void *message) {
    static const uint8_t none[HUB_INSTANCE_SIZE];
    static const uint8_t silent[HUB_INSTANCE_SIZE] = {0xff};
    const Holdfast__V1__Hello *hello = message;
    struct hub_member *member = session->member;
    const ProtobufCBinaryData *instance = &hello->instance;

    session->renews = hello->renews;
    bool says = instance->len == HUB_INSTANCE_SIZE && !is_same(instance->data, none);
    if (!says && is_same(member->instances.now, none)) {
        return true; // an agent of a version before
    }
    // One that does not say it where one did is another one, and all of these are one more.
    unsigned returns =
        comes_back(&member->instances, says ? instance->data : silent, cm_clock_now_ms());
    if (returns > 0) {
        cm_metric_add(session->owner->metric_returned, 1);
        hub_renewal_returned(session->owner->config.store, member->cluster_id);
    }
    if (returns >= RETURNS_MAX) {
        suspect(session->owner, member, copied_words, NULL, cm_net_conn_addr(session->conn));
        return false;
    }
    return true;
}

// ---- Clocks, and keys that have had their time

bool hub_keys_clock(struct hub_session *session, int64_t agent_ms) {
    struct hub_member *member = session->member;
    int64_t told_ms = agent_ms < 0 ? 0 : agent_ms > LATEST_MS ? LATEST_MS : agent_ms;
    int64_t skew_ms = told_ms - cm_clock_unix_ms();
    bool wrong = llabs(skew_ms) > HUB_AGENT_SKEW_MS;

    if (agent_ms == 0) {
        return true; // it does not say
    }
    // It is kept when it begins, ends, or has grown by a minute.
    if (wrong ? llabs(skew_ms - member->skew_ms) <= HUB_AGENT_SKEW_MS : member->skew_ms == 0) {
        return true;
    }
    if (!hub_session_is_allowed(session, SKEW_COST)) {
        return false;
    }
    member->skew_ms = wrong ? skew_ms : 0;
    hub_renewal_skew(session->owner->config.store, member->cluster_id, member->skew_ms);
    return true;
}

bool hub_keys_still_good(struct hub_session *session) {
    struct hub_member *member = session->member;

    if (hub_keys_judge(&member->keys, &session->key, 0, cm_clock_unix_ms()) != HUB_KEY_STALE) {
        return true;
    }
    suspect(session->owner, member, hub_renewal_stale, &session->key,
            cm_net_conn_addr(session->conn));
    return false;
}

// ---- Renewal

uint32_t hub_keys_renew_within_ms(const struct hub_session *session) {
    const struct hub_member *member = session->member;
    const struct hub_keys *keys = &member->keys;
    int64_t made_ms = keys->begins_ms + HUB_CERTIFY_EARLY_MS;
    int64_t latest_ms =
        cm_clock_unix_ms() + session->owner->config.certificate_life_ms + HUB_CERTIFY_EARLY_MS;

    if (made_ms < keys->approved_ms) { // a person let it go on
        return RENEW_NOW_MS;
    }
    return cm_net_conn_peer(session->conn)->not_after_ms > latest_ms ? RENEW_LONG_MS : 0;
}

static void send_renewed(struct hub_session *session, const struct hub_renewed *renewed) {
    Holdfast__V1__Renewed m;
    ProtobufCBinaryData chain[HUB_CHAIN_MAX];

    holdfast__v1__renewed__init(&m);
    if (renewed->certificate != NULL) {
        m.certificates_der = chain;
        m.n_certificates_der =
            hub_trust_chain(session->owner->config.authority, renewed->certificate->der,
                            renewed->certificate->size, chain);
    } else {
        m.refused = (char *)(uintptr_t)renewed->refused;
        m.retry_after_ms = RETRY_MS;
    }
    hub_session_send(session, WIRE_RENEWED, &m.base);
}

void hub_keys_note_certified(struct hub_member *member, const struct hub_renewed *renewed) {
    accept_forgotten(member->owner, member); // by the record, who is pending is not certified
    hub_keys_certified(&member->keys, &renewed->key, renewed->certificate->begins_ms,
                       renewed->certificate->ends_ms);
}

static void on_certified(void *ctx, const struct cm_err *err, const struct hub_renewed *renewed) {
    static const struct hub_renewed later = {.refused = "the hub cannot write; try again"};
    struct hub_session *session = ctx;

    session->jobs--;
    session->renewing = false;
    if (err->code != CM_OK) {
        cm_log(CM_LOG_ERROR, "store.failed", err->msg, NULL);
        renewed = &later;
    }
    if (session->member != NULL && renewed->certificate != NULL) {
        CM_FAULT_POINT("key-certified");
        hub_keys_note_certified(session->member, renewed);
    }
    if (session->member != NULL && session->conn != NULL) {
        send_renewed(session, renewed);
    }
    hub_session_release(session);
}

enum cm_rc hub_keys_renew(struct hub_session *session, const struct cm_net_frame *frame,
                          struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct hub_sessions_config *config = &session->owner->config;
    Holdfast__V1__Renew *m = NULL;
    enum cm_rc rc = WIRE_UNPACK(a, Holdfast__V1__Renew, holdfast__v1__renew, frame->payload,
                                frame->size, &m, err);

    if (rc < 0) {
        return rc;
    }
    if (session->renewing) {
        return cm_fail(err, CM_EINVAL, "a second Renew before the answer to the first");
    }
    if (!hub_session_is_allowed(session, HUB_RENEW_COST)) {
        return CM_OK;
    }
    struct hub_renew_ask ask = {.id = session->member->cluster_id,
                                .key = session->key,
                                .csr = m->csr_der.data,
                                .csr_size = m->csr_der.len,
                                .life_ms = config->certificate_life_ms};
    session->renewing = true;
    session->jobs++;
    hub_renewal_certify(config->store, config->authority, &ask, on_certified, session);
    return CM_OK;
}

// The exporter makes the proof worth nothing on another connection.
static enum cm_rc check_confirm(const struct hub_session *session, const Holdfast__V1__Confirm *m,
                                struct cm_sha256 *out, struct cm_err *err) {
    CM_CLEANUP(cm_cert_freep) struct cm_cert *cert = NULL;
    CM_CLEANUP(cm_buf_unrefp)
    struct cm_buf *text =
        wire_key_to_be_signed(WIRE_PROVES_CONFIRM, cm_net_conn_peer(session->conn)->exporter,
                              m->certificate_der.data, m->certificate_der.len);
    enum cm_rc rc = cm_cert_from_der(m->certificate_der.data, m->certificate_der.len, &cert, err);

    if (rc < 0) {
        return rc;
    }
    *out = cm_cert_key_sha256(cert);
    if (hub_keys_judge(&session->member->keys, out, 0, cm_clock_unix_ms()) != HUB_KEY_NEXT) {
        return cm_fail(err, CM_EINVAL, "Confirm for a key that was not certified last");
    }
    return cm_cert_check(cert, text->data, text->size, m->signature.data, m->signature.len)
               ? CM_OK
               : cm_fail(err, CM_EAUTH, "Confirm with a wrong signature");
}

enum cm_rc hub_keys_confirm(struct hub_session *session, const struct cm_net_frame *frame,
                            struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    Holdfast__V1__Confirm *m = NULL;
    struct cm_sha256 key;
    enum cm_rc rc = WIRE_UNPACK(a, Holdfast__V1__Confirm, holdfast__v1__confirm, frame->payload,
                                frame->size, &m, err);

    rc = rc < 0 ? rc : check_confirm(session, m, &key, err);
    if (rc == CM_OK) {
        use_key(session->owner, session->member, &key, 0, false);
        session->key = key;
    }
    return rc;
}
