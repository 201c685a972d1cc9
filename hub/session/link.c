// link.c: the conversation with one agent. serve.c is what it is sent.
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
#include "common/str.h"
#include "common/throttle.h"
#include "hub/access/authority.h"
#include "hub/jobs/decisions.h"
#include "hub/jobs/exempted.h"
#include "hub/jobs/journal.h"
#include "hub/jobs/presence.h"
#include "hub/jobs/publication.h"
#include "hub/jobs/report.h"
#include "hub/session/internal.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

#define UNPACK_BUDGET ((size_t)32 * 1024 * 1024)
#define TELL_PROTOCOL_MS ((int64_t)60 * 60 * 1000)
#define REVOKED_WITHIN_MS 500 // of what was asked, whether or not the agent reads
#define RETRY_AFTER_STOP_MS 1000
#define RETRY_AFTER_OVERLOAD_MS 5000
#define HANDSHAKE_COST_MS 1 // of one core
#define REPORTS_MAX 8       // that may wait for the store; agents wait then

// Epochs and generations above it are no hub's: the next ones must fit the database's numbers.
#define COUNT_MAX (UINT64_MAX / 4)

// What is taken from an agent's allowance beside the bytes that it sends: rows and events cost more
// than their texts.
#define HELLO_COST ((size_t)16 * 1024)
#define WANT_COST 1024
#define WANT_NAME_COST 64
#define WANT_LOOK_COST 16 // of what waits to be sent: it is looked through
#define FOUND_COST 1024
#define REPORT_COST ((size_t)4 * 1024)
#define REPORT_APP_COST 1024 // it may be two events
#define REPORT_OBJECT_COST 256
#define REPORT_DRIFT_COST 1024 // one field
#define REPORT_MARK_COST 64    // one row of a full report, that is rewritten as it begins

static const char *cluster_of(const struct hub_session *session) {
    return session->member == NULL ? "?" : session->member->cluster;
}

enum cm_rc hub_session_give(struct hub_session *session, uint16_t type, struct cm_buf *payload,
                            struct cm_err *err) {
    enum cm_rc rc = cm_net_send(session->conn, type, 0, payload, err);

    if (rc == CM_OK) {
        cm_metric_add(session->owner->metric_sent, CM_NET_HEADER_SIZE + (int64_t)payload->size);
    }
    return rc;
}

static void send_message(struct hub_session *session, uint16_t type,
                         const ProtobufCMessage *message) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *payload = wire_pack(message);
    struct cm_err err;

    if (hub_session_give(session, type, payload, &err) == CM_EBUSY) {
        // The queue is bounded; control messages are small and few, so the peer does not read.
        cm_net_close(session->conn, false, "the agent does not read what it is sent");
    }
}

// spread_ms is what is asked for: agents come back between that and twice that, and they shall not
// come faster than handshakes can be made.
static uint32_t spread_ms(const struct hub_sessions *all, size_t least_ms) {
    size_t handshakes_ms = cm_map_len(all->members) * HANDSHAKE_COST_MS;

    return (uint32_t)(handshakes_ms > least_ms ? handshakes_ms : least_ms);
}

static uint32_t retry_after_ms(const struct hub_sessions *all, int reason) {
    switch (reason) {
    case HOLDFAST__V1__GOODBYE__REASON__SHUTDOWN:
        return spread_ms(all, RETRY_AFTER_STOP_MS);
    case HOLDFAST__V1__GOODBYE__REASON__OVERLOADED:
        return spread_ms(all, RETRY_AFTER_OVERLOAD_MS);
    default:
        return 0;
    }
}

// What it took to put the revocation on record is no time to read why.
static int64_t time_to_read_ms(const struct hub_session *session) {
    int64_t asked_ms = session->revoked_ms;
    int64_t left_ms = REVOKED_WITHIN_MS - (asked_ms == 0 ? 0 : cm_clock_now_ms() - asked_ms);

    return left_ms > 0 ? left_ms : 0;
}

void hub_session_goodbye(struct hub_session *session, int reason, const char *why) {
    Holdfast__V1__Goodbye goodbye;

    holdfast__v1__goodbye__init(&goodbye);
    if (session->conn == NULL) {
        return;
    }
    hub_sessions_count_goodbye(session->owner, reason);
    goodbye.reason = (Holdfast__V1__Goodbye__Reason)reason;
    goodbye.message = (char *)(uintptr_t)why;
    goodbye.retry_after_ms = retry_after_ms(session->owner, reason);
    send_message(session, WIRE_GOODBYE, &goodbye.base);
    if (reason == HOLDFAST__V1__GOODBYE__REASON__REVOKED || session->revoked_ms != 0) {
        cm_net_close_within(session->conn, time_to_read_ms(session), why);
    } else {
        cm_net_close(session->conn, true, why);
    }
}

void hub_session_send(struct hub_session *session, uint16_t type, const void *message) {
    send_message(session, type, message);
}

void hub_session_send_sync(struct hub_session *session, const char *app) {
    Holdfast__V1__Sync sync;

    holdfast__v1__sync__init(&sync);
    sync.app = (char *)(uintptr_t)app;
    send_message(session, WIRE_SYNC, &sync.base);
}

// Who waits for a place must not be given one any more: he would be served as a member.
void hub_session_part(struct hub_session *session) {
    session->member = NULL;
    cm_list_remove(&session->in_greeting);
    hub_resync_end(session);
}

static void free_session(struct hub_session *session) {
    struct hub_sessions *owner = session->owner;

    cm_list_remove(&session->in_sessions);
    cm_arena_free(session->hello_arena);
    hub_publication_unref(session->held);
    hub_publication_unref(session->sending);
    hub_session_forget_outgoing(session);
    free(session);
    hub_sessions_check_stopped(owner);
}

void hub_session_release(struct hub_session *session) {
    if (session->conn == NULL && session->jobs == 0) {
        free_session(session);
    }
}

// Says goodbye to a connection that becomes no session.
static void turn_away(struct hub_sessions *all, struct cm_net_conn *conn,
                      const struct hub_refusal *no) {
    Holdfast__V1__Goodbye goodbye;
    struct cm_err err;

    holdfast__v1__goodbye__init(&goodbye);
    goodbye.reason = (Holdfast__V1__Goodbye__Reason)no->reason;
    goodbye.message = (char *)(uintptr_t)no->why;
    goodbye.retry_after_ms =
        no->retry_after_ms != 0 ? no->retry_after_ms : retry_after_ms(all, no->reason);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *payload = wire_pack(&goodbye.base);
    if (cm_net_send(conn, WIRE_GOODBYE, 0, payload, &err) < 0) {
        cm_log(CM_LOG_DEBUG, "agent.refused", err.msg, NULL);
    }
    cm_net_conn_set_ctx(conn, NULL);
    cm_net_close(conn, true, no->why);
}

// is_news: whoever is turned away comes again as often as it likes, and shall not fill the log.
static bool is_news(struct hub_sessions *s, const struct cm_net_conn *conn) {
    const char *uri = cm_net_conn_peer(conn)->uri;
    const char *id = hub_authority_cluster_id(s->config.authority, uri);

    return cm_throttle_take(s->told_turned_away, id == NULL ? "" : id, cm_clock_now_ms());
}

// Who is pending does what he should.
static void refuse(struct hub_sessions *s, struct cm_net_conn *conn, const struct hub_refusal *no) {
    bool pending = no->reason == HOLDFAST__V1__GOODBYE__REASON__PENDING;

    cm_metric_add(s->metric_refused, pending ? 0 : 1);
    hub_sessions_count_goodbye(s, no->reason);
    cm_log(!pending && is_news(s, conn) ? CM_LOG_WARN : CM_LOG_DEBUG, "agent.refused", no->why,
           "address", cm_net_conn_addr(conn), "uri", cm_net_conn_peer(conn)->uri, NULL);
    turn_away(s, conn, no);
}

// take_place makes a session the agent's. What the database shows of the one before is the new
// one's to take back, should it get no further.
static void take_place(struct hub_session *session) {
    struct hub_session *old = session->member->session;

    hub_greet_heard(session);
    session->member->session = session;
    if (old != NULL) {
        session->on_record = old->on_record;
        hub_session_goodbye(old, HOLDFAST__V1__GOODBYE__REASON__REPLACED,
                            "the agent connected again");
        hub_session_part(old);
    }
}

static void on_opened(void *ctx, struct cm_net_conn *conn) {
    static const struct hub_refusal stopping = {.reason = HOLDFAST__V1__GOODBYE__REASON__SHUTDOWN,
                                                .why = "the hub is stopping"};
    static const struct hub_refusal revoking = {.reason = HOLDFAST__V1__GOODBYE__REASON__OVERLOADED,
                                                .why = hub_revoking_words};
    struct hub_sessions *s = ctx;
    struct hub_refusal no = {0};
    struct hub_member *member = s->stopping ? NULL : hub_keys_authenticate(s, conn, &no);

    if (s->stopping) {
        turn_away(s, conn, &stopping);
        return;
    }
    if (member == NULL) {
        refuse(s, conn, &no);
        return;
    }
    if (member->revoking_ms != 0) {
        turn_away(s, conn, &revoking);
        return;
    }
    struct hub_session *session = cm_new(1, sizeof(*session));
    session->owner = s;
    session->conn = conn;
    session->member = member;
    session->key = cm_net_conn_peer(conn)->key_sha256;
    cm_list_append(&s->sessions, &session->in_sessions);
    cm_list_init(&session->in_greeting);
    cm_list_init(&session->in_inbox);
    cm_list_init(&session->in_resyncs);
    cm_net_conn_set_ctx(conn, session);
    hub_greet_begin(session);
}

// The highest version that both know; check_hello saw that there is one.
static uint32_t common_protocol(const Holdfast__V1__Hello *hello) {
    return hello->protocol_max < WIRE_PROTOCOL_MAX ? hello->protocol_max : WIRE_PROTOCOL_MAX;
}

static void send_welcome(struct hub_session *session, uint32_t protocol, bool full_report) {
    struct hub_sessions *s = session->owner;
    Holdfast__V1__Welcome welcome;

    holdfast__v1__welcome__init(&welcome);
    welcome.protocol = protocol;
    welcome.hub_version = (char *)(uintptr_t)HOLDFAST_VERSION;
    welcome.hub_id = (char *)(uintptr_t)hub_authority_hub_id(s->config.authority);
    welcome.epoch = s->config.epoch;
    welcome.heartbeat_ms = (uint32_t)s->config.heartbeat_ms;
    welcome.now_ms = cm_clock_unix_ms();
    welcome.full_report = full_report;
    welcome.cluster_name = session->member->cluster;
    welcome.journal = true;
    welcome.journal_reports = true;
    welcome.decisions = true;
    welcome.exempted = true;
    welcome.observed = true;
    if (s->config.tells_actual) {
        const uint8_t *key = hub_authority_value_key(s->config.authority);

        welcome.actual = true;
        welcome.value_key = (ProtobufCBinaryData){.len = 32, .data = (uint8_t *)(uintptr_t)key};
    }
    welcome.enroll_addresses = s->advertise_enroll;
    welcome.n_enroll_addresses = s->config.advertise_enroll_count;
    welcome.renews = true;
    welcome.renew_within_ms = session->renews ? hub_keys_renew_within_ms(session) : 0;
    cm_metric_add(s->metric_full, full_report ? 1 : 0);
    send_message(session, WIRE_WELCOME, &welcome.base);
}

bool hub_session_is_allowed(struct hub_session *session, size_t cost) {
    if (hub_allowance_take(&session->member->allowance, cost, cm_clock_now_ms())) {
        return true;
    }
    cm_log(CM_LOG_WARN, "agent.excess", "it reports more than the hub keeps up with", "cluster",
           cluster_of(session), "address", cm_net_conn_addr(session->conn), NULL);
    hub_session_goodbye(session, HOLDFAST__V1__GOODBYE__REASON__OVERLOADED,
                        "this agent reports too much; it may go on in a while");
    return false;
}

static bool needs_full_report(const Holdfast__V1__Hello *hello,
                              const struct hub_report_mark *last) {
    return strcmp(hello->report_run, last->run) != 0 || hello->reports_acked > last->number;
}

static struct hub_claim claim_of(const Holdfast__V1__Hello *hello) {
    struct hub_claim claim = {
        .new_disk = hello->new_disk, .epoch = hello->epoch, .generation = hello->generation};

    claim.whole = hello->manifest_sha256.len == sizeof(claim.sha256.bytes);
    const ProtobufCBinaryData *seen = claim.whole ? &hello->manifest_sha256 : &hello->seen_sha256;
    claim.known = seen->len == sizeof(claim.sha256.bytes);
    if (claim.known) {
        memcpy(claim.sha256.bytes, seen->data, sizeof(claim.sha256.bytes));
    }
    return claim;
}

static void forget_hello(struct hub_session *session) {
    cm_arena_free(session->hello_arena);
    session->hello_arena = NULL;
    session->hello = NULL;
}

void hub_session_serve(struct hub_session *session, bool full_report) {
    const Holdfast__V1__Hello *hello = session->hello;
    struct hub_claim claim = claim_of(hello);
    struct hub_sessions *s = session->owner;

    session->state = HUB_SESSION_SERVING;
    s->connected++;
    cm_metric_add(s->metric_connects, 1);
    cm_metric_set(s->metric_connected, (int64_t)s->connected);
    send_welcome(session, common_protocol(hello), full_report);
    hub_freeze_greet(session, hello);
    hub_trust_greet(session, hello);
    forget_hello(session);
    hub_session_learn(session, &claim);
    hub_session_offer(session);
}

static void serve_in_turn(struct hub_session *session, const struct hub_report_mark *last) {
    bool full = needs_full_report(session->hello, last);

    if (!full || hub_resync_begin(session)) {
        hub_session_serve(session, full);
    }
}

static void on_presence(void *ctx, const struct cm_err *err, const struct hub_report_mark *last) {
    struct hub_session *session = ctx;

    session->jobs--;
    if (session->conn != NULL && err->code != CM_OK) {
        cm_log(CM_LOG_WARN, "store.failed", err->msg, "cluster", cluster_of(session), NULL);
        hub_session_goodbye(session, HOLDFAST__V1__GOODBYE__REASON__OVERLOADED,
                            "the hub cannot write; try again");
    } else if (session->conn != NULL && session->member != NULL) {
        serve_in_turn(session, last);
    }
    hub_session_release(session);
}

static enum cm_rc check_hello(const Holdfast__V1__Hello *hello, struct cm_err *err) {
    if (hello->protocol_min > WIRE_PROTOCOL_MAX || hello->protocol_max < WIRE_PROTOCOL_MIN) {
        return cm_fail(err, CM_EINVAL,
                       "no common protocol: the hub speaks %d to %d, the agent %u to %u; upgrade "
                       "the older one",
                       WIRE_PROTOCOL_MIN, WIRE_PROTOCOL_MAX, hello->protocol_min,
                       hello->protocol_max);
    }
    if (hello->epoch > COUNT_MAX || hello->generation > COUNT_MAX) {
        return cm_fail(err, CM_EINVAL, "no hub makes manifests of epoch %llu, generation %llu",
                       (unsigned long long)hello->epoch, (unsigned long long)hello->generation);
    }
    return CM_OK;
}

// By how much the agent's clock is ahead; agents that say nothing of it are right. What a Hello
// takes on its way is no skew that anybody would mind.
static int64_t skew_of(const Holdfast__V1__Hello *hello) {
    return hello->now_ms <= 0 ? 0 : hello->now_ms - cm_clock_unix_ms();
}

// note_outdated: the agent would have gone back to what an older copy of its disk says.
static void note_outdated(struct hub_session *session, const Holdfast__V1__Hello *hello) {
    struct hub_sessions *s = session->owner;
    CM_AUTOFREE char *words = cm_strf(
        "its disk is an older copy, of generation %llu, while %llu was applied in its cluster; it "
        "has done nothing by that, and is given what counts now",
        (unsigned long long)hello->disk_generation, (unsigned long long)hello->generation);

    cm_metric_add(s->metric_outdated, 1);
    cm_log(CM_LOG_WARN, "agent.disk_outdated", words, "cluster", cluster_of(session), NULL);
    hub_presence_tell(s->config.store, cluster_of(session), "agent.disk_outdated", words);
}

static enum cm_rc on_hello(struct hub_session *session, const struct cm_net_frame *frame,
                           struct cm_err *err) {
    Holdfast__V1__Hello *hello = NULL;

    if (session->state != HUB_SESSION_OPENED) {
        return cm_fail(err, CM_EINVAL, "a second Hello");
    }
    session->state = HUB_SESSION_HELLO;
    session->hello_arena = cm_arena_new(UNPACK_BUDGET);
    enum cm_rc rc = WIRE_UNPACK(session->hello_arena, Holdfast__V1__Hello, holdfast__v1__hello,
                                frame->payload, frame->size, &hello, err);
    rc = rc < 0 ? rc : check_hello(hello, err);
    if (rc < 0) {
        return rc;
    }
    if (!hub_session_is_allowed(session, HELLO_COST)) {
        return CM_OK;
    }
    take_place(session);
    if (!hub_keys_hello(session, hello) || !hub_keys_clock(session, hello->now_ms)) {
        return CM_OK;
    }
    if (hello->disk_generation != 0) {
        note_outdated(session, hello);
    }
    session->on_record = true;
    session->looks = hello->looks;
    session->unsqueezes = hello->unsqueezes;
    session->proves = hello->proves;
    session->impersonates = hello->impersonates;
    session->hello = hello;
    session->jobs++;
    hub_presence_connected(
        session->owner->config.store,
        &(struct hub_presence_row){.cluster = session->member->cluster,
                                   .version = hello->agent_version,
                                   .driver = hello->driver,
                                   .target = hello->target_version,
                                   .observes = hello->observes,
                                   .cannot_freeze = !hello->freezes && !hello->observes,
                                   .address = cm_net_conn_addr(session->conn),
                                   .skew_ms = skew_of(hello),
                                   .trust = hub_trust_known(session, hello->trust),
                                   .cert_ends_ms = cm_net_conn_peer(session->conn)->not_after_ms},
        on_presence, session);
    return CM_OK;
}

static enum cm_rc on_ping(struct hub_session *session, const struct cm_net_frame *frame,
                          struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    Holdfast__V1__Ping *ping = NULL;
    Holdfast__V1__Pong pong;
    enum cm_rc rc = WIRE_UNPACK(a, Holdfast__V1__Ping, holdfast__v1__ping, frame->payload,
                                frame->size, &ping, err);

    if (rc < 0 || !hub_keys_still_good(session)) {
        return rc;
    }
    if (!hub_keys_clock(session, ping->now_ms)) {
        return CM_OK;
    }
    holdfast__v1__pong__init(&pong);
    pong.now_ms = cm_clock_unix_ms();
    send_message(session, WIRE_PONG, &pong.base);
    return CM_OK;
}

static enum cm_rc on_want(struct hub_session *session, const struct cm_net_frame *frame,
                          struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(UNPACK_BUDGET);
    Holdfast__V1__Want *want = NULL;
    enum cm_rc rc = WIRE_UNPACK(a, Holdfast__V1__Want, holdfast__v1__want, frame->payload,
                                frame->size, &want, err);

    if (rc < 0 ||
        !hub_session_is_allowed(session, WANT_COST + WANT_NAME_COST * want->n_sha256 +
                                             WANT_LOOK_COST * hub_session_waiting(session))) {
        return rc;
    }
    return hub_session_want(session, want, err);
}

struct report_ctx {
    struct hub_session *session;
    char *cluster;
    char *run;
    uint64_t number;
    size_t bytes; // in the inbox
    bool full_end;
};

// What a report cost is known in part only once it is committed: that is a debt.
static void take_in(struct report_ctx *r, const struct hub_report_result *result) {
    const struct hub_sessions_config *config = &r->session->owner->config;
    struct hub_member *member = r->session->member;

    if (member != NULL && result->marked > 0) {
        (void)hub_allowance_take(&member->allowance, REPORT_MARK_COST * result->marked,
                                 cm_clock_now_ms());
    }
    if (result->removed_count > 0) {
        config->removed(config->ctx, r->cluster, result->removed, result->removed_count);
    }
}

static void on_reported(void *ctx, const struct cm_err *err,
                        const struct hub_report_result *result) {
    struct report_ctx *r = ctx;
    struct hub_session *session = r->session;
    Holdfast__V1__ReportAck ack;

    holdfast__v1__report_ack__init(&ack);
    session->jobs--;
    session->reports--;
    hub_inbox_give(session, r->bytes);
    if (err->code != CM_OK) {
        cm_log(CM_LOG_WARN, "store.failed", err->msg, "cluster", r->cluster, NULL);
        // What was not acknowledged is sent again after Hello.
        hub_session_goodbye(session, HOLDFAST__V1__GOODBYE__REASON__OVERLOADED,
                            "the hub cannot write; try again");
    } else {
        CM_FAULT_POINT("report-recorded");
        take_in(r, result);
        cm_metric_add(session->owner->metric_degraded, (int64_t)result->degraded);
        cm_metric_add(session->owner->metric_recovered, (int64_t)result->recovered);
        if (session->conn != NULL) {
            ack.run = r->run;
            ack.number = r->number;
            send_message(session, WIRE_REPORT_ACK, &ack.base);
        }
        if (r->full_end) {
            hub_resync_end(session);
        }
    }
    free(r->cluster);
    free(r->run);
    free(r);
    hub_session_release(session);
}

static enum cm_rc check_report(const struct hub_session *session,
                               const Holdfast__V1__Report *report, struct cm_err *err) {
    if (session->reports == REPORTS_MAX) {
        return cm_fail(err, CM_EINVAL, "more than %d reports wait for their acknowledgement",
                       REPORTS_MAX);
    }
    if (report->full && session->in_full) {
        return cm_fail(err, CM_EINVAL, "a full report begins before the last one has ended");
    }
    return CM_OK;
}

static size_t cost_of(const Holdfast__V1__Report *report, size_t size) {
    size_t cost = REPORT_COST + size + REPORT_APP_COST * report->n_apps +
                  REPORT_OBJECT_COST * report->n_objects;

    for (size_t i = 0; i < report->n_objects; i++) {
        cost += REPORT_DRIFT_COST * report->objects[i]->n_drift;
    }
    return cost;
}

// Tells whether there is room for it, of the inbox and of the agent's allowance.
static bool admit(struct hub_session *session, size_t unpacked, size_t cost) {
    if (!hub_inbox_take(session, unpacked)) {
        return false;
    }
    if (!hub_session_is_allowed(session, cost)) {
        hub_inbox_give(session, unpacked);
        return false;
    }
    return true;
}

static enum cm_rc on_report(struct hub_session *session, const struct cm_net_frame *frame,
                            struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(UNPACK_BUDGET);
    Holdfast__V1__Report *report = NULL;
    enum cm_rc rc = WIRE_UNPACK(a, Holdfast__V1__Report, holdfast__v1__report, frame->payload,
                                frame->size, &report, err);

    rc = rc < 0 ? rc : check_report(session, report, err);
    if (rc < 0 || !admit(session, cm_arena_used(a), cost_of(report, frame->size))) {
        return rc;
    }
    struct report_ctx *r = cm_new(1, sizeof(*r));
    r->session = session;
    r->bytes = cm_arena_used(a);
    r->full_end = report->full_end;
    session->in_full = (session->in_full || report->full) && !report->full_end;
    r->cluster = cm_strdup(session->member->cluster);
    r->run = cm_strdup(report->run);
    r->number = report->number;
    session->jobs++;
    session->reports++;
    hub_session_learn_report(session, report->epoch, report->generation);
    cm_metric_add(session->owner->metric_reports, 1);
    hub_report_commit(session->owner->config.store, session->member->in_force, r->cluster,
                      CM_TAKE(a), report, &(struct hub_report_done){.done = on_reported, .ctx = r});
    return CM_OK;
}

// ---- The journal

struct journal_ctx {
    struct hub_session *session;
    char *run;
    uint64_t number; // of the last entry
    size_t bytes;    // in the inbox
};

static void count_journal(struct hub_sessions *s, const struct hub_journal_result *result) {
    cm_metric_add(s->metric_journal, (int64_t)result->entries);
    cm_metric_add(s->metric_journal_lost, (int64_t)result->dropped);
    cm_metric_add(s->metric_scaled, (int64_t)result->scaled);
    cm_metric_add(s->metric_degraded, (int64_t)result->degraded);
    cm_metric_add(s->metric_recovered, (int64_t)result->recovered);
}

static void on_journaled(void *ctx, const struct cm_err *err,
                         const struct hub_journal_result *result) {
    struct journal_ctx *j = ctx;
    struct hub_session *session = j->session;
    Holdfast__V1__JournalAck ack;

    holdfast__v1__journal_ack__init(&ack);
    session->jobs--;
    session->reports--;
    hub_inbox_give(session, j->bytes);
    if (err->code != CM_OK) {
        cm_log(CM_LOG_WARN, "store.failed", err->msg, "cluster", cluster_of(session), NULL);
        hub_session_goodbye(session, HOLDFAST__V1__GOODBYE__REASON__OVERLOADED,
                            "the hub cannot write; try again");
    } else {
        CM_FAULT_POINT("journal-recorded");
        count_journal(session->owner, result);
        if (session->conn != NULL) {
            ack.run = j->run;
            ack.number = j->number;
            send_message(session, WIRE_JOURNAL_ACK, &ack.base);
        }
    }
    free(j->run);
    free(j);
    hub_session_release(session);
}

static size_t cost_of_journal(const Holdfast__V1__Journal *journal, size_t size) {
    size_t cost = REPORT_COST + size;

    for (size_t i = 0; i < journal->n_entries; i++) {
        const Holdfast__V1__JournalEntry *entry = journal->entries[i];

        cost += REPORT_APP_COST;
        cost += entry->object == NULL ? 0 : REPORT_DRIFT_COST * entry->object->n_drift;
    }
    return cost;
}

static enum cm_rc check_journal(const struct hub_session *session,
                                const Holdfast__V1__Journal *journal, struct cm_err *err) {
    for (size_t i = 0; i < journal->n_entries; i++) {
        uint64_t number = journal->entries[i]->number;

        if (number > COUNT_MAX || (i > 0 && number <= journal->entries[i - 1]->number)) {
            return cm_fail(err, CM_EINVAL, "the numbers of a journal's entries do not count up");
        }
    }
    return session->reports < REPORTS_MAX
               ? CM_OK
               : cm_fail(err, CM_EINVAL, "more than %d reports wait for their acknowledgement",
                         REPORTS_MAX);
}

static enum cm_rc on_journal(struct hub_session *session, const struct cm_net_frame *frame,
                             struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(UNPACK_BUDGET);
    Holdfast__V1__Journal *journal = NULL;
    enum cm_rc rc = WIRE_UNPACK(a, Holdfast__V1__Journal, holdfast__v1__journal, frame->payload,
                                frame->size, &journal, err);

    rc = rc < 0 ? rc : check_journal(session, journal, err);
    if (rc < 0 || !admit(session, cm_arena_used(a), cost_of_journal(journal, frame->size))) {
        return rc;
    }
    struct journal_ctx *j = cm_new(1, sizeof(*j));
    j->session = session;
    j->bytes = cm_arena_used(a);
    j->run = cm_strdup(journal->run);
    j->number = journal->n_entries == 0 ? 0 : journal->entries[journal->n_entries - 1]->number;
    session->jobs++;
    session->reports++;
    hub_journal_commit(session->owner->config.store, session->member->cluster, CM_TAKE(a), journal,
                       &(struct hub_journal_done){.done = on_journaled, .ctx = j});
    return CM_OK;
}

// ---- Decisions

struct decisions_ctx {
    struct hub_session *session;
    char *run;
    uint64_t number; // of the last one
    size_t bytes;    // in the inbox
};

static void count_decisions(struct hub_sessions *s, const struct hub_decisions_result *result) {
    for (size_t i = 0; i < HUB_VERDICTS; i++) {
        cm_metric_add(s->metric_releases[i], (int64_t)result->counts[i]);
    }
    if (result->provisional > 0) {
        s->config.decided(s->config.ctx);
    }
    if (result->proven) {
        s->config.proven(s->config.ctx, result->cluster, result->cluster_id);
    }
}

static void on_decided(void *ctx, const struct cm_err *err,
                       const struct hub_decisions_result *result) {
    struct decisions_ctx *d = ctx;
    struct hub_session *session = d->session;
    Holdfast__V1__DecisionsAck ack;

    holdfast__v1__decisions_ack__init(&ack);
    CM_FAULT_POINT("before-ack");
    session->jobs--;
    session->reports--;
    hub_inbox_give(session, d->bytes);
    if (err->code != CM_OK) {
        cm_log(CM_LOG_WARN, "store.failed", err->msg, "cluster", cluster_of(session), NULL);
        hub_session_goodbye(session, HOLDFAST__V1__GOODBYE__REASON__OVERLOADED,
                            "the hub cannot write; try again");
    } else {
        count_decisions(session->owner, result);
        if (session->conn != NULL) {
            ack.run = d->run;
            ack.number = d->number;
            send_message(session, WIRE_DECISIONS_ACK, &ack.base);
        }
    }
    free(d->run);
    free(d);
    hub_session_release(session);
}

static enum cm_rc check_decisions(const struct hub_session *session,
                                  const Holdfast__V1__Decisions *m, struct cm_err *err) {
    for (size_t i = 0; i < m->n_decisions; i++) {
        uint64_t number = m->decisions[i]->number;

        if (number > COUNT_MAX || (i > 0 && number <= m->decisions[i - 1]->number)) {
            return cm_fail(err, CM_EINVAL, "the numbers of decisions do not count up");
        }
    }
    return session->reports < REPORTS_MAX
               ? CM_OK
               : cm_fail(err, CM_EINVAL, "more than %d reports wait for their acknowledgement",
                         REPORTS_MAX);
}

static enum cm_rc on_decisions(struct hub_session *session, const struct cm_net_frame *frame,
                               struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(UNPACK_BUDGET);
    Holdfast__V1__Decisions *m = NULL;
    enum cm_rc rc = WIRE_UNPACK(a, Holdfast__V1__Decisions, holdfast__v1__decisions, frame->payload,
                                frame->size, &m, err);

    rc = rc < 0 ? rc : check_decisions(session, m, err);
    if (rc < 0 ||
        !admit(session, cm_arena_used(a), frame->size + REPORT_COST * (m->n_decisions + 1))) {
        return rc;
    }
    struct decisions_ctx *d = cm_new(1, sizeof(*d));
    d->session = session;
    d->bytes = cm_arena_used(a);
    d->run = cm_strdup(m->run);
    d->number = m->n_decisions == 0 ? 0 : m->decisions[m->n_decisions - 1]->number;
    session->jobs++;
    session->reports++;
    hub_decisions_commit(session->owner->config.store, session->member->cluster,
                         session->member->cluster_id, CM_TAKE(a), m,
                         &(struct hub_decisions_done){.done = on_decided, .ctx = d});
    return CM_OK;
}

// ---- What the site allows

struct exempted_ctx {
    struct hub_session *session;
    uint64_t number;
    size_t bytes; // in the inbox
};

static void answer_exempted(struct hub_session *session, uint64_t number,
                            const struct hub_exempted_result *result) {
    ProtobufCBinaryData over[WIRE_EXEMPTED_MAX];
    Holdfast__V1__ExemptedAck ack;

    holdfast__v1__exempted_ack__init(&ack);
    ack.number = number;
    ack.over = over;
    for (; ack.n_over < result->over_count; ack.n_over++) {
        over[ack.n_over] = (ProtobufCBinaryData){
            .len = CM_SHA256_SIZE, .data = (uint8_t *)(uintptr_t)result->over[ack.n_over].bytes};
    }
    send_message(session, WIRE_EXEMPTED_ACK, &ack.base);
}

static void on_exempted_committed(void *ctx, const struct cm_err *err,
                                  const struct hub_exempted_result *result) {
    struct exempted_ctx *e = ctx;
    struct hub_session *session = e->session;

    session->jobs--;
    session->reports--;
    hub_inbox_give(session, e->bytes);
    if (err->code != CM_OK) {
        cm_log(CM_LOG_WARN, "store.failed", err->msg, "cluster", cluster_of(session), NULL);
        hub_session_goodbye(session, HOLDFAST__V1__GOODBYE__REASON__OVERLOADED,
                            "the hub cannot write; try again");
    } else if (session->conn != NULL) {
        answer_exempted(session, e->number, result);
    }
    free(e);
    hub_session_release(session);
}

static enum cm_rc on_exempted(struct hub_session *session, const struct cm_net_frame *frame,
                              struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(UNPACK_BUDGET);
    Holdfast__V1__Exempted *m = NULL;
    enum cm_rc rc = WIRE_UNPACK(a, Holdfast__V1__Exempted, holdfast__v1__exempted, frame->payload,
                                frame->size, &m, err);

    if (rc == CM_OK && session->reports >= REPORTS_MAX) {
        rc = cm_fail(err, CM_EINVAL, "more than %d reports wait for their acknowledgement",
                     REPORTS_MAX);
    }
    if (rc < 0 ||
        !admit(session, cm_arena_used(a), frame->size + REPORT_COST * (m->n_exemptions + 1))) {
        return rc;
    }
    struct exempted_ctx *e = cm_new(1, sizeof(*e));
    *e = (struct exempted_ctx){.session = session, .number = m->number, .bytes = cm_arena_used(a)};
    session->jobs++;
    session->reports++;
    // A restored hub offers nothing before it has read what Git says.
    hub_exempted_commit(session->owner->config.store, session->member->cluster, CM_TAKE(a), m,
                        session->member->in_force != NULL,
                        &(struct hub_exempted_done){.done = on_exempted_committed, .ctx = e});
    return CM_OK;
}

static enum cm_rc on_found(struct hub_session *session, const struct cm_net_frame *frame,
                           struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(UNPACK_BUDGET);
    Holdfast__V1__Found *found = NULL;
    enum cm_rc rc = WIRE_UNPACK(a, Holdfast__V1__Found, holdfast__v1__found, frame->payload,
                                frame->size, &found, err);

    if (rc == CM_OK && hub_session_is_allowed(session, FOUND_COST + frame->size)) {
        hub_look_found(session, found);
    }
    return rc;
}

static enum cm_rc on_proven(struct hub_session *session, const struct cm_net_frame *frame,
                            struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(UNPACK_BUDGET);
    Holdfast__V1__Proven *proven = NULL;
    enum cm_rc rc = WIRE_UNPACK(a, Holdfast__V1__Proven, holdfast__v1__proven, frame->payload,
                                frame->size, &proven, err);

    if (rc == CM_OK && hub_session_is_allowed(session, FOUND_COST + frame->size)) {
        hub_prove_heard(session, proven);
    }
    return rc;
}

static enum cm_rc on_goodbye(struct hub_session *session, const struct cm_net_frame *frame,
                             struct cm_err *err) {
    (void)frame;
    (void)err;
    cm_net_close(session->conn, false, "the agent said goodbye");
    return CM_OK;
}

static enum cm_rc handle(struct hub_session *session, const struct cm_net_frame *frame,
                         struct cm_err *err) {
    if (frame->type == WIRE_HELLO) {
        return on_hello(session, frame, err);
    }
    if (frame->type == WIRE_GOODBYE) {
        return on_goodbye(session, frame, err);
    }
    if (session->state != HUB_SESSION_SERVING) {
        return cm_fail(err, CM_EINVAL, "a message before Welcome");
    }
    switch (frame->type) {
    case WIRE_PING:
        return on_ping(session, frame, err);
    case WIRE_WANT:
        return on_want(session, frame, err);
    case WIRE_REPORT:
        return on_report(session, frame, err);
    case WIRE_FOUND:
        return on_found(session, frame, err);
    case WIRE_PROVEN:
        return on_proven(session, frame, err);
    case WIRE_JOURNAL:
        return on_journal(session, frame, err);
    case WIRE_DECISIONS:
        return on_decisions(session, frame, err);
    case WIRE_EXEMPTED:
        return on_exempted(session, frame, err);
    case WIRE_RENEW:
        return hub_keys_renew(session, frame, err);
    case WIRE_TRUST:
        return hub_trust_heard(session, frame, err);
    case WIRE_FROZEN:
        return hub_freeze_heard(session, frame, err);
    case WIRE_CONFIRM:
        return hub_keys_confirm(session, frame, err);
    default:
        return wire_is_skipped(frame->type)
                   ? CM_OK // of a newer agent
                   : cm_fail(err, CM_EINVAL, "a %s, which only a hub sends",
                             wire_type_name(frame->type));
    }
}

// is_protocol_news: a whole fleet may be too old, so each agent has its own hour.
static bool is_protocol_news(struct hub_member *member) {
    int64_t now_ms = cm_clock_now_ms();
    bool told =
        member->protocol_told_ms != 0 && now_ms - member->protocol_told_ms < TELL_PROTOCOL_MS;

    member->protocol_told_ms = told ? member->protocol_told_ms : now_ms;
    return !told;
}

static void refuse_protocol(struct hub_session *session, const char *why) {
    struct hub_sessions *s = session->owner;
    bool news = session->member != NULL && is_protocol_news(session->member);

    cm_log(news ? CM_LOG_WARN : CM_LOG_DEBUG, "agent.protocol", why, "cluster", cluster_of(session),
           "address", cm_net_conn_addr(session->conn), NULL);
    if (news) {
        hub_presence_tell(s->config.store, cluster_of(session), "agent.protocol", why);
    }
    hub_session_goodbye(session, HOLDFAST__V1__GOODBYE__REASON__PROTOCOL, why);
}

static void on_frame(void *ctx, struct cm_net_conn *conn, const struct cm_net_frame *frame) {
    struct hub_session *session = ctx;
    struct cm_err err;

    (void)conn;
    if (session == NULL || session->member == NULL) {
        return; // refused or evicted; the close is on its way
    }
    session->seen_ms = cm_clock_unix_ms();
    if (handle(session, frame, &err) < 0) {
        refuse_protocol(session, err.msg);
    }
}

static void on_closed(void *ctx, struct cm_net_conn *conn, const struct cm_err *why) {
    struct hub_session *session = ctx;

    if (session == NULL) {
        return;
    }
    if (session->state == HUB_SESSION_SERVING) {
        session->owner->connected--;
        cm_metric_set(session->owner->metric_connected, (int64_t)session->owner->connected);
    }
    // A session that was replaced or evicted is not what the table shows: it writes nothing.
    if (session->member != NULL) {
        if (session->on_record && !session->owner->stopping) {
            hub_presence_disconnected(session->owner->config.store, session->member->cluster,
                                      session->seen_ms, why->msg);
        }
        hub_greet_lost(session);
        if (session->member->session == session) {
            session->member->session = NULL;
        }
    }
    session->conn = NULL;
    hub_inbox_leave(session);
    hub_resync_end(session);
    if (session->revoked_ms != 0) {
        cm_metric_observe_ms(session->owner->metric_revoked,
                             cm_net_conn_closed_ms(conn) - session->revoked_ms);
    }
    hub_look_end(session, "the agent went away");
    hub_prove_end(session);
    hub_session_release(session);
}

static void on_drained(void *ctx, struct cm_net_conn *conn) {
    struct hub_session *session = ctx;

    (void)conn;
    if (session != NULL && session->member != NULL && session->state == HUB_SESSION_SERVING) {
        hub_session_pump(session);
    }
}

const struct cm_net_handlers hub_link_handlers = {
    .opened = on_opened,
    .frame = on_frame,
    .closed = on_closed,
    .drained = on_drained,
    .refused = hub_sessions_count_unused,
};
