#include "rig.h"

#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "hub/access/keys.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/freeze_set.h"
#include "hub/jobs/renewal.h"
#include "hub/jobs/store.h"
#include "hub/render/bundle.h"
#include "hub/store/agents.h"
#include "hub/store/db.h"
#include "proto/squeeze.h"
#include "proto/wire.h"

#define PATIENCE_S 100

// protobuf-c wants texts that may be changed.
static char test_text[] = "test";
static char run_text[] = "9d0e5c4e-3f0f-4d2b-9a0b-1d2c3b4a5f60";
static char app_text[] = "web";
static char revision_text[] = "abcdef0";

static void check(enum cm_rc rc, const struct cm_err *err) {
    if (rc < 0) {
        fail_msg("%s", err->msg);
    }
}

static struct cm_cert *cert_from(const uint8_t *der, size_t size) {
    struct cm_cert *cert = NULL;
    struct cm_err err;

    check(cm_cert_from_der(der, size, &cert, &err), &err);
    return cert;
}

static void free_blob(void *value) {
    cm_buf_unref(value);
}

// ---- The hub

static void on_enrolled(void *ctx, const char *cluster, const char *cluster_id) {
    (void)ctx;
    (void)cluster;
    (void)cluster_id;
}

static void on_behind(void *ctx, const char *cluster, uint64_t epoch, uint64_t generation,
                      bool new_disk) {
    struct rig *r = ctx;

    (void)cluster;
    (void)epoch;
    r->behind++;
    r->behind_new += new_disk ? 1 : 0;
    r->behind_generation = generation;
}

static void on_removed(void *ctx, const char *cluster, const char *const *apps, size_t count) {
    (void)cluster;
    (void)apps;
    ((struct rig *)ctx)->removed += count;
}

static void on_decided(void *ctx) {
    ((struct rig *)ctx)->decided++;
}

static void on_evicted(void *ctx) {
    ((struct rig *)ctx)->evicted++;
}

static void on_frozen(void *ctx, const char *cluster) {
    assert_string_equal(cluster, "paris-1");
    ((struct rig *)ctx)->frozen++;
}

static void on_proven(void *ctx, const char *cluster, const char *cluster_id) {
    (void)cluster;
    (void)cluster_id;
    ((struct rig *)ctx)->proven++;
}

int rig_open(void **state) {
    struct rig *r = cm_new(1, sizeof(*r));
    struct hub_sessions_config config = {
        .link_addr = "127.0.0.1:0",
        .enroll_addr = "127.0.0.1:0",
        .epoch = 1,
        .heartbeat_ms = 60000,
        .certificate_life_ms = INT64_C(7) * 86400000,
        .offline_budget_ms = INT64_C(90) * 86400000,
        .max_connections = 100,
        .enrolled = on_enrolled,
        .behind = on_behind,
        .removed = on_removed,
        .decided = on_decided,
        .evicted = on_evicted,
        .frozen = on_frozen,
        .proven = on_proven,
        .ctx = r,
    };
    static const char *const hosts[] = {"127.0.0.1"};
    struct cm_err err;

    cm_clock_fake(cm_clock_unix_ms());
    scratch_dir_make(r->dir);
    cm_list_init(&r->peers);
    config.loop = r->loop = cm_loop_new();
    config.metrics = r->metrics = cm_metrics_new();
    check(hub_authority_open(r->dir, hosts, 1, &r->authority, &err), &err);
    check(hub_store_open(":memory:", r->loop, &r->store, &err), &err);
    config.authority = r->authority;
    config.store = r->store;
    check(hub_sessions_new(&config, &r->sessions, &err), &err);
    check(hub_sessions_listen(r->sessions, &err), &err);
    *state = r;
    return 0;
}

static void free_peer(struct peer *p) {
    cm_list_remove(&p->in_peers);
    cm_map_free(p->blobs);
    cm_loop_free(p->loop);
    cm_key_free(p->key);
    cm_cert_free(p->fresh);
    free(p);
}

static bool all_closed(struct rig *r) {
    for (struct cm_list *at = r->peers.next; at != &r->peers; at = at->next) {
        const struct peer *p = CM_CONTAINER(at, struct peer, in_peers);

        if (p->conn != NULL) {
            return false;
        }
    }
    return true;
}

static void close_peers(struct rig *r) {
    for (struct cm_list *at = r->peers.next; at != &r->peers; at = at->next) {
        struct peer *p = CM_CONTAINER(at, struct peer, in_peers);

        p->paused = false;
        if (p->conn != NULL) {
            cm_net_close(p->conn, false, "the test is over");
        }
    }
    RIG_UNTIL(r, all_closed(r));
}

static void on_stopped(void *ctx) {
    ((struct rig *)ctx)->stopped = true;
}

int rig_close(void **state) {
    struct rig *r = *state;

    cm_clock_fake(-1);
    if (r->held) { // the test has failed
        rig_release(r);
    }
    close_peers(r);
    hub_sessions_stop(r->sessions, on_stopped, r);
    RIG_UNTIL(r, r->stopped);
    hub_store_stop(r->store);
    while (cm_loop_turn(r->loop)) {
    }
    while (!cm_list_empty(&r->peers)) {
        free_peer(CM_CONTAINER(r->peers.next, struct peer, in_peers));
    }
    hub_sessions_free(r->sessions);
    hub_store_free(r->store);
    hub_authority_free(r->authority);
    cm_metrics_free(r->metrics);
    cm_loop_free(r->loop);
    scratch_dir_remove(r->dir);
    free(r);
    return 0;
}

// ---- Waiting

time_t rig_deadline(void) {
    return time(NULL) + PATIENCE_S;
}

void rig_turn(struct rig *r, time_t until_s, const char *what) {
    bool ran = cm_loop_turn(r->loop);

    for (struct cm_list *at = r->peers.next; at != &r->peers; at = at->next) {
        struct peer *p = CM_CONTAINER(at, struct peer, in_peers);

        ran = (!p->paused && cm_loop_turn(p->loop)) || ran;
    }
    if (!ran) {
        (void)poll(NULL, 0, 1); // other threads have the work
    }
    if (time(NULL) > until_s) {
        fail_msg("waited in vain for: %s", what);
    }
}

// A test that fails leaves its stack at once, so the store gets nothing that is on it.
struct store_wait {
    struct hub_store_job job;
    struct rig *rig;
    sem_t *released; // NULL: does not wait
};

static enum cm_rc run_wait(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct store_wait *w = CM_CONTAINER(job, struct store_wait, job);

    (void)db;
    (void)err;
    if (w->released != NULL) {
        (void)sem_wait(w->released);
    }
    return CM_OK;
}

static void wait_done(struct hub_store_job *job, const struct cm_err *err) {
    struct store_wait *w = CM_CONTAINER(job, struct store_wait, job);

    (void)err;
    w->rig->waits_done++;
    free(w);
}

static size_t begin_wait(struct rig *r, sem_t *until) {
    struct store_wait *w = cm_new(1, sizeof(*w));

    *w = (struct store_wait){
        .job = {.run = run_wait, .done = wait_done}, .rig = r, .released = until};
    hub_store_submit(r->store, &w->job);
    return ++r->waits;
}

static sem_t released;

void rig_hold(struct rig *r) {
    assert_int_equal(sem_init(&released, 0, 0), 0);
    r->held = true;
    r->hold = begin_wait(r, &released);
}

void rig_release(struct rig *r) {
    r->held = false;
    assert_int_equal(sem_post(&released), 0);
    RIG_UNTIL(r, r->waits_done >= r->hold);
    assert_int_equal(sem_destroy(&released), 0);
}

void rig_settle(struct rig *r) {
    size_t number = begin_wait(r, NULL);

    RIG_UNTIL(r, r->waits_done >= number);
}

// The store's thread, kept from its handle while a test uses that. What the loop hears meanwhile
// may have it go on at any time.
struct owning {
    struct hub_store_job job;
    sem_t entered;
    sem_t given;
    bool done;
};

static enum cm_rc run_owning(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct owning *o = CM_CONTAINER(job, struct owning, job);

    (void)db;
    (void)err;
    (void)sem_post(&o->entered);
    (void)sem_wait(&o->given);
    return CM_OK;
}

static void owning_done(struct hub_store_job *job, const struct cm_err *err) {
    (void)err;
    CM_CONTAINER(job, struct owning, job)->done = true;
}

static struct hub_db *own(struct rig *r, struct owning *o) {
    *o = (struct owning){.job = {.run = run_owning, .done = owning_done}};
    assert_int_equal(sem_init(&o->entered, 0, 0), 0);
    assert_int_equal(sem_init(&o->given, 0, 0), 0);
    hub_store_submit(r->store, &o->job);
    assert_int_equal(sem_wait(&o->entered), 0);
    return hub_store_db(r->store);
}

static void give(struct rig *r, struct owning *o) {
    (void)sem_post(&o->given);
    RIG_UNTIL(r, o->done);
    (void)sem_destroy(&o->entered);
    (void)sem_destroy(&o->given);
}

int64_t rig_count(struct rig *r, const char *sql) {
    struct hub_stmt *stmt = NULL;
    struct owning o;
    struct cm_err err;

    rig_settle(r);
    check(hub_db_query_texts(own(r, &o), &stmt, &err, sql, NULL, 0), &err);
    int64_t count = hub_stmt_next(stmt, &err) == CM_OK ? hub_stmt_int(stmt, 0) : -1;
    hub_stmt_end(stmt);
    give(r, &o);
    return count;
}

void rig_run(struct rig *r, const char *sql) {
    struct owning o;
    struct cm_err err;

    rig_settle(r);
    check(hub_db_run(own(r, &o), &err, sql, ""), &err);
    give(r, &o);
}

void rig_freeze(struct rig *r, const char *sql) {
    struct hub_freeze_set *set = NULL;
    struct owning o;
    struct cm_err err;

    if (sql != NULL) {
        rig_run(r, sql);
    }
    check(hub_freeze_set_load(own(r, &o), &set, &err), &err);
    give(r, &o);
    hub_sessions_freeze(r->sessions, set);
    hub_freeze_set_unref(set);
}

// ---- Peers

static void on_opened(void *ctx, struct cm_net_conn *conn) {
    (void)conn;
    ((struct peer *)ctx)->opened = true;
}

static bool is_secret(const void *text, size_t size) {
    return memmem(text, size, RIG_SECRET, strlen(RIG_SECRET)) != NULL;
}

// Of a Secret the length would tell how much of it somebody has guessed.
static void unsqueeze(struct peer *p, const ProtobufCBinaryData *squeezed,
                      const ProtobufCBinaryData *base_name, size_t offset, uint8_t *out,
                      size_t size) {
    CM_AUTOFREE char *name = cm_hex(base_name->data, base_name->len);
    struct cm_buf *base = base_name->len == 0 ? NULL : cm_map_get(p->blobs, name);
    struct wire_bytes slice = {0};
    struct cm_err err;

    assert_true(p->unsqueezes && (base_name->len == 0 || base != NULL));
    if (base != NULL) {
        assert_true(base->size <= WIRE_BASE_MAX);
        slice = wire_base_slice((struct wire_bytes){base->data, base->size}, offset);
    }
    check(
        wire_unsqueeze((struct wire_bytes){squeezed->data, squeezed->len}, slice, out, size, &err),
        &err);
    p->told_of_secrets = p->told_of_secrets || is_secret(out, size) ||
                         (base != NULL && is_secret(base->data, base->size));
}

static void take_manifest(struct peer *p, const Holdfast__V1__Desired *m) {
    CM_AUTOFREE uint8_t *bytes = cm_new(m->manifest_size + 1, 1);

    p->manifest_based = m->squeezed.len > 0;
    if (p->manifest_based) {
        unsqueeze(p, &m->squeezed, &m->base_sha256, 0, bytes, m->manifest_size);
    } else if (m->manifest.len == m->manifest_size) {
        memcpy(bytes, m->manifest.data, m->manifest.len);
    }
    struct cm_sha256 hash = cm_sha256(bytes, m->manifest_size);
    p->manifest = memcmp(hash.bytes, m->manifest_sha256.data, sizeof(hash.bytes)) == 0;
}

static void keep_blob(struct peer *p, const Holdfast__V1__Blob *m) {
    CM_AUTOFREE char *name = cm_hex(m->sha256.data, m->sha256.len);
    struct cm_buf *before = cm_map_get(p->blobs, name);

    if (m->missing) {
        p->missing++;
        return;
    }
    before = p->plain && m->offset == 0 ? NULL : before;
    assert_int_equal(m->offset, before == NULL ? 0 : before->size);
    CM_CLEANUP(cm_str_done) struct cm_str whole = {0};
    if (before != NULL) {
        cm_str_add_n(&whole, before->data, before->size);
    }
    if (m->squeezed.len > 0) {
        size_t left = m->total_size - m->offset;
        size_t size = left < WIRE_BLOB_PIECE ? left : WIRE_BLOB_PIECE;
        CM_AUTOFREE uint8_t *bytes = cm_new(1, size);

        unsqueeze(p, &m->squeezed, &m->base_sha256, m->offset, bytes, size);
        cm_str_add_n(&whole, bytes, size);
        p->squeezed++;
        p->based += m->base_sha256.len > 0 ? 1 : 0;
    }
    cm_str_add_n(&whole, m->data.data, m->data.len);
    cm_map_put(p->blobs, name, cm_buf_copy(whole.data, whole.len));
}

static void take_certificate(struct peer *p, const char *refused, const ProtobufCBinaryData *ders,
                             size_t count) {
    (void)snprintf(p->refused, sizeof(p->refused), "%s", refused);
    if (count > 0) {
        cm_cert_free(p->fresh);
        p->fresh = cert_from(ders[0].data, ders[0].len);
    }
}

static void take_freeze(struct peer *p, const Holdfast__V1__Freeze *m) {
    p->freeze = m->number;
    p->freezes = m->n_entries;
    p->freeze_first = p->frames[WIRE_DESIRED] == 0;
    p->freezes_all = m->n_entries > 0 && m->entries[0]->app[0] == '\0';
}

static void take(struct peer *p, uint16_t type, const ProtobufCMessage *m) {
    const Holdfast__V1__Renewed *renewed = (const Holdfast__V1__Renewed *)m;
    const Holdfast__V1__EnrollReply *reply = (const Holdfast__V1__EnrollReply *)m;

    switch (type) {
    case WIRE_RENEWED:
        take_certificate(p, renewed->refused, renewed->certificates_der,
                         renewed->n_certificates_der);
        break;
    case WIRE_ENROLL_REPLY:
        take_certificate(p, reply->refused, reply->certificates_der, reply->n_certificates_der);
        p->retry_after = reply->retry_after_ms;
        break;
    case WIRE_WELCOME:
        p->full_report = ((const Holdfast__V1__Welcome *)m)->full_report;
        p->journal_reports = ((const Holdfast__V1__Welcome *)m)->journal_reports;
        p->protocol = ((const Holdfast__V1__Welcome *)m)->protocol;
        p->renew_within = ((const Holdfast__V1__Welcome *)m)->renew_within_ms;
        break;
    case WIRE_DESIRED:
        p->generation = ((const Holdfast__V1__Desired *)m)->generation;
        take_manifest(p, (const Holdfast__V1__Desired *)m);
        p->signers += ((const Holdfast__V1__Desired *)m)->signer_der.len > 0 ? 1 : 0;
        break;
    case WIRE_BLOB:
        keep_blob(p, (const Holdfast__V1__Blob *)m);
        break;
    case WIRE_TRUST:
        p->told = ((const Holdfast__V1__Trust *)m)->version;
        break;
    case WIRE_JOURNAL_ACK:
        p->journaled = ((const Holdfast__V1__JournalAck *)m)->number;
        break;
    case WIRE_REPORT_ACK:
        p->acknowledged = ((const Holdfast__V1__ReportAck *)m)->number;
        break;
    case WIRE_DECISIONS_ACK:
        p->decided = ((const Holdfast__V1__DecisionsAck *)m)->number;
        break;
    case WIRE_FREEZE:
        take_freeze(p, (const Holdfast__V1__Freeze *)m);
        break;
    case WIRE_PROVE:
        p->prove = ((const Holdfast__V1__Prove *)m)->id;
        break;
    case WIRE_LOOK:
        p->look = ((const Holdfast__V1__Look *)m)->id;
        break;
    case WIRE_GOODBYE:
        p->goodbye = (int)((const Holdfast__V1__Goodbye *)m)->reason;
        p->retry_after = ((const Holdfast__V1__Goodbye *)m)->retry_after_ms;
        break;
    default:
        break;
    }
}

static void on_frame(void *ctx, struct cm_net_conn *conn, const struct cm_net_frame *frame) {
    static const ProtobufCMessageDescriptor *const types[] = {
        [WIRE_WELCOME] = &holdfast__v1__welcome__descriptor,
        [WIRE_GOODBYE] = &holdfast__v1__goodbye__descriptor,
        [WIRE_PONG] = &holdfast__v1__pong__descriptor,
        [WIRE_DESIRED] = &holdfast__v1__desired__descriptor,
        [WIRE_BLOB] = &holdfast__v1__blob__descriptor,
        [WIRE_JOURNAL_ACK] = &holdfast__v1__journal_ack__descriptor,
        [WIRE_DECISIONS_ACK] = &holdfast__v1__decisions_ack__descriptor,
        [WIRE_REPORT_ACK] = &holdfast__v1__report_ack__descriptor,
        [WIRE_SYNC] = &holdfast__v1__sync__descriptor,
        [WIRE_LOOK] = &holdfast__v1__look__descriptor,
        [WIRE_PROVE] = &holdfast__v1__prove__descriptor,
        [WIRE_TRUST] = &holdfast__v1__trust__descriptor,
        [WIRE_FREEZE] = &holdfast__v1__freeze__descriptor,
        [WIRE_RENEWED] = &holdfast__v1__renewed__descriptor,
        [WIRE_ENROLL_REPLY] = &holdfast__v1__enroll_reply__descriptor,
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct peer *p = ctx;
    ProtobufCMessage *m = NULL;
    struct cm_err err;

    (void)conn;
    assert_true(frame->type < sizeof(types) / sizeof(types[0]) && types[frame->type] != NULL);
    check(wire_unpack(a, types[frame->type], frame->payload, frame->size, &m, &err), &err);
    take(p, frame->type, m);
    p->frames[frame->type]++;
}

static void on_closed(void *ctx, struct cm_net_conn *conn, const struct cm_err *why) {
    struct peer *p = ctx;

    (void)conn;
    (void)why;
    p->conn = NULL;
    p->closed = true;
}

static struct peer *add_peer(struct rig *r, const char *cluster, const char *id,
                             struct cm_key *key) {
    struct peer *p = cm_new(1, sizeof(*p));

    p->rig = r;
    p->cluster = cluster;
    p->id = id;
    p->key = key;
    p->loop = cm_loop_new();
    p->blobs = cm_map_new(free_blob);
    cm_list_append(&r->peers, &p->in_peers);
    return p;
}

struct peer *rig_admit(struct rig *r, const char *cluster, const char *id) {
    struct peer *p = add_peer(r, cluster, id, cm_key_new());
    struct hub_keys keys = {.current = cm_key_sha256(p->key)};

    hub_sessions_admit(r->sessions, cluster, id, &keys);
    return p;
}

static struct cm_key *copy_key(const struct cm_key *key) {
    char *pem = cm_key_to_pem(key);
    struct cm_key *copy = NULL;
    struct cm_err err;

    check(cm_key_from_pem(pem, strlen(pem), &copy, &err), &err);
    cm_secret_free(pem);
    return copy;
}

struct peer *rig_copy(const struct peer *p) {
    struct peer *copy = add_peer(p->rig, p->cluster, p->id, copy_key(p->key));

    copy->life_ms = p->life_ms;
    return copy;
}

static void certify(struct peer *p, struct hub_certificate *out) {
    const struct hub_certify_ask ask = {
        .key = p->key, .cluster_id = p->id, .cluster = p->cluster, .life_ms = p->life_ms};
    struct cm_err err;

    check(hub_authority_certify(p->rig->authority, &ask, out, &err), &err);
    cm_cert_free(p->fresh);
    p->fresh = cert_from(out->der, out->size);
}

struct peer *rig_enroll(struct rig *r, const char *cluster, const char *id) {
    struct peer *p = add_peer(r, cluster, id, cm_key_new());
    struct hub_certificate made = {0};
    struct owning o;
    struct cm_err err;

    p->life_ms = INT64_C(7) * 86400000;
    certify(p, &made);
    struct hub_keys keys = {
        .current = cm_key_sha256(p->key), .begins_ms = made.begins_ms, .ends_ms = made.ends_ms};
    struct hub_agent_row row = {.id = id,
                                .cluster = cluster,
                                .key = keys.current,
                                .begins_ms = made.begins_ms,
                                .ends_ms = made.ends_ms};
    free(made.der);
    rig_settle(r);
    check(hub_agents_enroll(own(r, &o), &row, cm_clock_unix_ms(), &err), &err);
    give(r, &o);
    hub_sessions_admit(r->sessions, cluster, id, &keys);
    return p;
}

static struct cm_tls_context *make_context(struct peer *p) {
    const struct hub_authority *a = p->rig->authority;
    struct cm_tls_context *tls = NULL;
    struct cm_err err;
    size_t size;

    if (p->fresh == NULL) {
        struct hub_certificate made = {0};

        certify(p, &made);
        free(made.der);
    }
    const uint8_t *issuer_der = hub_authority_issuer(a, &size);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *issuer = cert_from(issuer_der, size);
    const uint8_t *root_der = hub_authority_root(a, &size);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *root = cert_from(root_der, size);
    struct cm_cert *chain[] = {p->fresh, issuer};
    struct cm_tls_config config = {.role = CM_TLS_CLIENT,
                                   .key = p->enrolls ? NULL : p->key,
                                   .chain = chain,
                                   .chain_count = 2,
                                   .roots = &root,
                                   .root_count = 1};
    check(cm_tls_context_new(&config, &tls, &err), &err);
    return tls;
}

static size_t max_payload(uint16_t type) {
    size_t link = wire_max_payload(type);

    return link > 0 ? link : wire_max_enroll(type);
}

void rig_dial(struct peer *p) {
    static const struct cm_net_limits limits = {.max_payload = max_payload,
                                                .send_queue_bytes = (size_t)4 << 20,
                                                .handshake_ms = 20000,
                                                .silence_ms = 60000};
    struct cm_net_handlers handlers = {
        .opened = on_opened, .frame = on_frame, .closed = on_closed, .ctx = p};
    CM_AUTOFREE char *addr =
        cm_strf("127.0.0.1:%u", (unsigned)(p->enrolls ? hub_sessions_enroll_port(p->rig->sessions)
                                                      : hub_sessions_link_port(p->rig->sessions)));
    struct cm_tls_context *tls = make_context(p);
    struct cm_err err;

    p->opened = p->closed = false;
    check(cm_net_dial(p->loop, addr, tls, &limits, &handlers, &p->conn, &err), &err);
    cm_tls_context_unref(tls);
    RIG_UNTIL(p->rig, p->opened || p->closed);
    assert_true(p->opened);
}

struct peer *rig_connect(struct rig *r, const char *cluster, const char *id) {
    struct peer *p = rig_admit(r, cluster, id);

    rig_dial(p);
    rig_hello(p, NULL);
    RIG_UNTIL(r, p->frames[WIRE_WELCOME] == 1);
    return p;
}

void rig_send(struct peer *p, uint16_t type, const ProtobufCMessage *m) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *payload = wire_pack(m);
    struct cm_err err;

    if (p->may_be_gone && p->conn == NULL) {
        return;
    }
    enum cm_rc rc = cm_net_send(p->conn, type, 0, payload, &err);
    if (!p->may_be_gone || rc != CM_ECANCELED) {
        check(rc, &err);
    }
}

static Holdfast__V1__Hello hello_speaking(const struct peer *p, uint32_t min, uint32_t max) {
    Holdfast__V1__Hello m;

    holdfast__v1__hello__init(&m);
    m.protocol_min = min;
    m.protocol_max = max;
    m.agent_version = m.driver = m.target_version = test_text;
    m.report_run = run_text;
    m.looks = !p->old;
    m.proves = !p->old;
    m.impersonates = !p->old;
    m.freezes = !p->old;
    m.unsqueezes = p->unsqueezes;
    return m;
}

void rig_hello_speaking(struct peer *p, uint32_t min, uint32_t max) {
    Holdfast__V1__Hello m = hello_speaking(p, min, max);

    rig_send(p, WIRE_HELLO, &m.base);
}

static void say_hello(struct peer *p, const struct hub_publication *held_now, bool whole) {
    Holdfast__V1__Hello m = hello_speaking(p, WIRE_PROTOCOL_MIN, WIRE_PROTOCOL_MAX);
    uint8_t instance[16];

    memset(instance, p->instance, sizeof(instance));
    m.instance =
        (ProtobufCBinaryData){.len = p->instance == 0 ? 0 : sizeof(instance), .data = instance};
    m.renews = p->instance != 0;
    m.disk_generation = p->disk_generation;
    m.new_disk = p->new_disk;
    m.now_ms = p->clock_ms;
    m.trust = p->trust;
    m.signer_sha256 = (ProtobufCBinaryData){.len = p->keeps_signer ? sizeof(p->signer.bytes) : 0,
                                            .data = p->signer.bytes};

    if (held_now != NULL) {
        m.epoch = held_now->epoch;
        m.generation = held_now->generation;
    }
    if (held_now != NULL && !p->new_disk) {
        *(whole ? &m.manifest_sha256 : &m.seen_sha256) =
            (ProtobufCBinaryData){.len = 32, .data = (uint8_t *)(uintptr_t)held_now->sha256.bytes};
    }
    rig_send(p, WIRE_HELLO, &m.base);
}

void rig_hello(struct peer *p, const struct hub_publication *held_now) {
    say_hello(p, held_now, true);
}

void rig_hello_broken(struct peer *p, const struct hub_publication *held_now) {
    say_hello(p, held_now, false);
}

void rig_want(struct peer *p, const struct cm_sha256 *names, size_t count) {
    CM_AUTOFREE ProtobufCBinaryData *list = cm_new(count, sizeof(*list));
    Holdfast__V1__Want m;

    holdfast__v1__want__init(&m);
    for (size_t i = 0; i < count; i++) {
        list[i] = (ProtobufCBinaryData){.len = 32, .data = (uint8_t *)(uintptr_t)names[i].bytes};
    }
    m.sha256 = list;
    m.n_sha256 = count;
    rig_send(p, WIRE_WANT, &m.base);
}

void rig_want_plain(struct peer *p, const struct cm_sha256 *name) {
    ProtobufCBinaryData one = {.len = 32, .data = (uint8_t *)(uintptr_t)name->bytes};
    Holdfast__V1__Want m;

    holdfast__v1__want__init(&m);
    m.sha256 = &one;
    m.n_sha256 = 1;
    m.plain = true;
    p->plain = true;
    rig_send(p, WIRE_WANT, &m.base);
}

static void keep(struct peer *p, const struct cm_sha256 *name, struct cm_buf *bytes) {
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(name, hex);
    cm_map_put(p->blobs, hex, cm_buf_ref(bytes));
}

void rig_keep(struct peer *p, const struct hub_publication *held) {
    const struct hub_bundle *bundle = held->desired->pairs[0].bundle;

    keep(p, &held->sha256, held->manifest);
    keep(p, &bundle->sha256, bundle->bytes);
    for (size_t i = 0; i < bundle->spec.object_count; i++) {
        keep(p, &bundle->spec.objects[i].sha256, bundle->spec.objects[i].bytes);
    }
}

void rig_journal(struct peer *p, uint64_t first, uint64_t second) {
    Holdfast__V1__Journal m;
    Holdfast__V1__JournalEntry one;
    Holdfast__V1__JournalEntry two;
    Holdfast__V1__JournalEntry *entries[] = {&one, &two};

    holdfast__v1__journal__init(&m);
    holdfast__v1__journal_entry__init(&one);
    holdfast__v1__journal_entry__init(&two);
    one.number = first;
    two.number = second;
    m.run = run_text;
    m.entries = entries;
    m.n_entries = 2;
    rig_send(p, WIRE_JOURNAL, &m.base);
}

void rig_report(struct peer *p, uint64_t number) {
    Holdfast__V1__Report m;
    Holdfast__V1__AppReport app;
    Holdfast__V1__AppReport *apps[] = {&app};

    holdfast__v1__report__init(&m);
    holdfast__v1__app_report__init(&app);
    app.app = app_text;
    app.revision = revision_text;
    app.applied = HOLDFAST__V1__APPLIED__APPLIED;
    m.run = run_text;
    m.number = number;
    m.apps = apps;
    m.n_apps = 1;
    rig_send(p, WIRE_REPORT, &m.base);
}

void rig_decisions(struct peer *p, uint64_t number) {
    Holdfast__V1__Decisions m;
    Holdfast__V1__Decision one;
    Holdfast__V1__Decision *list[] = {&one};

    holdfast__v1__decisions__init(&m);
    holdfast__v1__decision__init(&one);
    one.number = number;
    m.run = run_text;
    m.decisions = list;
    m.n_decisions = 1;
    rig_send(p, WIRE_DECISIONS, &m.base);
}

void rig_report_full(struct peer *p, uint64_t number, bool ends) {
    Holdfast__V1__Report m;

    holdfast__v1__report__init(&m);
    m.run = run_text;
    m.number = number;
    m.full = true;
    m.full_end = ends;
    rig_send(p, WIRE_REPORT, &m.base);
}

void rig_frozen(struct peer *p, uint64_t number) {
    Holdfast__V1__Frozen m;

    holdfast__v1__frozen__init(&m);
    m.number = number;
    rig_send(p, WIRE_FROZEN, &m.base);
}

void rig_ping(struct peer *p) {
    size_t before = p->frames[WIRE_PONG];
    Holdfast__V1__Ping m;

    holdfast__v1__ping__init(&m);
    m.now_ms = p->clock_ms;
    rig_send(p, WIRE_PING, &m.base);
    RIG_UNTIL(p->rig, p->frames[WIRE_PONG] > before || p->closed);
}

// ---- Keys

struct approval {
    struct rig *rig;
    struct cm_err err;
    bool done;
};

static void on_approved(void *ctx, const struct cm_err *err, const char *id,
                        const struct hub_keys *keys) {
    struct approval *a = ctx;

    a->err = *err;
    a->done = true;
    if (err->code == CM_OK) {
        hub_sessions_approve(a->rig->sessions, id, keys);
    }
}

const struct cm_err *rig_approve(struct rig *r, const char *key) {
    static struct approval a; // may be answered after a test that failed

    a = (struct approval){.rig = r};
    hub_renewal_approve(r->store, "paris-1", key, "anna", on_approved, &a);
    RIG_UNTIL(r, a.done);
    return &a.err;
}

void rig_renew(struct peer *p, const struct cm_key *key) {
    size_t before = p->frames[WIRE_RENEWED];
    CM_AUTOFREE uint8_t *csr = NULL;
    size_t size = 0;
    Holdfast__V1__Renew m;

    holdfast__v1__renew__init(&m);
    cm_csr_make(key, &csr, &size);
    m.csr_der = (ProtobufCBinaryData){.len = size, .data = csr};
    rig_send(p, WIRE_RENEW, &m.base);
    RIG_UNTIL(p->rig, p->frames[WIRE_RENEWED] > before || p->closed);
}

// Signs for the peer's certificate with a key; the caller frees what *der is.
static size_t prove(const struct peer *p, const char *purpose, const struct cm_key *key,
                    ProtobufCBinaryData *der, uint8_t out[CM_SIGNATURE_MAX]) {
    cm_cert_to_der(p->fresh, &der->data, &der->len);
    struct cm_buf *text =
        wire_key_to_be_signed(purpose, cm_net_conn_peer(p->conn)->exporter, der->data, der->len);
    size_t size = cm_sign(key, text->data, text->size, out);

    cm_buf_unref(text);
    return size;
}

void rig_confirm(struct peer *p, const struct cm_key *key) {
    uint8_t signature[CM_SIGNATURE_MAX];
    Holdfast__V1__Confirm m;

    holdfast__v1__confirm__init(&m);
    m.signature.len = prove(p, WIRE_PROVES_CONFIRM, key, &m.certificate_der, signature);
    m.signature.data = signature;
    rig_send(p, WIRE_CONFIRM, &m.base);
    free(m.certificate_der.data);
    rig_ping(p);
}

void rig_expired(struct peer *p, bool proves) {
    size_t before = p->frames[WIRE_ENROLL_REPLY];
    uint8_t signature[CM_SIGNATURE_MAX];
    Holdfast__V1__EnrollRequest m;

    p->enrolls = true;
    rig_dial(p);
    holdfast__v1__enroll_request__init(&m);
    m.cluster_id = (char *)(uintptr_t)p->id;
    m.signature.len = prove(p, proves ? WIRE_PROVES_EXPIRED : WIRE_PROVES_CONFIRM, p->key,
                            &m.certificate_der, signature);
    m.signature.data = signature;
    rig_send(p, WIRE_ENROLL_REQUEST, &m.base);
    free(m.certificate_der.data);
    RIG_UNTIL(p->rig, p->frames[WIRE_ENROLL_REPLY] > before);
    RIG_UNTIL(p->rig, p->closed);
    p->enrolls = false;
}

// ---- Publications

struct hub_publication *rig_publication(const struct rig *r, const struct peer *p,
                                        uint64_t generation, const char *const *texts) {
    size_t count = 0;
    while (texts[count] != NULL) {
        count++;
    }
    CM_AUTOFREE struct hub_object *objects = cm_new(count + 1, sizeof(*objects));
    CM_AUTOFREE char(*keys)[40] = cm_new(count + 1, sizeof(*keys));
    struct hub_bundle_spec spec = {.app = "web",
                                   .namespace = "",
                                   .account = r->account == NULL ? "" : r->account,
                                   .objects = objects};

    for (; spec.object_count < count; spec.object_count++) {
        struct hub_object *o = &objects[spec.object_count];
        size_t size = strlen(texts[spec.object_count]);

        (void)snprintf(keys[spec.object_count], sizeof(keys[0]), "ConfigMap/default/%08zu",
                       spec.object_count);
        o->key = keys[spec.object_count];
        o->bytes = cm_buf_copy(texts[spec.object_count], size);
        o->sha256 = cm_sha256(o->bytes->data, size);
        o->secret = is_secret(texts[spec.object_count], size);
    }
    struct hub_bundle *bundle = hub_bundle_new(&spec);
    struct hub_pair pair = {.app = "web", .bundle = bundle, .revision = "abcdef0", .repo = "fleet"};
    struct hub_desired *desired = hub_desired_copy(
        &(struct hub_desired){.refs = 1, .cluster = p->cluster, .pairs = &pair, .pair_count = 1});
    struct hub_publication *out =
        hub_publication_new(r->authority, desired, NULL, p->id, 1, generation);
    hub_desired_unref(desired);
    hub_bundle_unref(bundle);
    for (size_t i = 0; i < spec.object_count; i++) {
        cm_buf_unref(objects[i].bytes);
    }
    return out;
}

struct cm_sha256 rig_bundle(const struct hub_publication *p) {
    return p->desired->pairs[0].bundle->sha256;
}

struct cm_sha256 rig_object(const struct hub_publication *p, size_t at) {
    return p->desired->pairs[0].bundle->spec.objects[at].sha256;
}

bool rig_has(const struct peer *p, const struct cm_sha256 *name) {
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(name, hex);
    struct cm_buf *blob = cm_map_get(p->blobs, hex);
    if (blob == NULL) {
        return false;
    }
    struct cm_sha256 hash = cm_sha256(blob->data, blob->size);
    return cm_sha256_equal(&hash, name);
}
