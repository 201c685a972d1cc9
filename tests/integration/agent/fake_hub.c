#include "tests/integration/agent/fake_hub.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/net/net.h"
#include "common/str.h"
#include "common/tls/keys.h"
#include "common/tls/session.h"
#include "common/tls/trust.h"
#include "proto/holdfast.pb-c.h"
#include "proto/squeeze.h"
#include "proto/token.h"
#include "proto/wire.h"

#define HUB_ID "0d7e2b1f-7a55-4a8e-9a34-0d7e2b1f0a11"
#define OTHER_ID "99999999-7a55-4a8e-9a34-0d7e2b1f0a11"
#define DAY_MS INT64_C(86400000)
#define KEPT_MAX 32

struct fake_hub {
    struct cm_loop *loop;
    struct cm_key *root_key, *hub_key, *signer_key, *stranger_key;
    struct cm_cert *root, *hub, *signer, *stranger;
    struct cm_key *next_key; // of the next root, and it; NULL: there is none
    struct cm_cert *next;
    struct wire_token token;
    char token_text[WIRE_TOKEN_TEXT_MAX];
    char addr[64];
    char enroll_addr[64];
    struct cm_net_listener *listener;
    struct cm_net_listener *enroll_listener;
    struct cm_net_conn *conn;
    struct cm_net_conn *enroll_conn;
    bool welcomed;

    struct test_release *release; // in force
    uint64_t epoch, generation;
    struct test_release *offered; // what was offered last, if it is another one
    enum fake_lie lie;
    bool silent;
    bool refers;                     // the agent keeps signers' certificates,
    struct cm_sha256 known;          // and has this one
    struct cm_sha256 kept[KEPT_MAX]; // wanted, and not sent yet
    size_t kept_count;
    bool ahead;
    enum fake_squeeze squeeze;
    bool unsqueezes; // the agent does
    bool plain;      // what is being answered shall come as it is
    struct wire_squeezer *squeezer;
    struct cm_sha256 last_name; // of what was sent last on this connection, and is no Secret,
    struct cm_buf *last;        // which is this; NULL: nothing
    struct cm_buf *before;      // the manifest before; NULL: none
    bool older;
    bool mute; // Hello is not answered
    bool takes_journal;
    bool knows_observed;
    char *frozen; // App; NULL: none
    int64_t frozen_until_ms;
    uint64_t freezes; // that were told
    bool want_full;
    bool in_full;
    struct cm_map *apps;
    struct cm_map *objects;
    struct fake_counts counts;
    enum fake_renewal renewal;
    int64_t begins_ms; // of agents' certificates, from now
    int64_t ends_ms;
};

// ---- Authority

// by NULL: by itself.
static struct cm_cert *issue_by(const struct fake_hub *h, enum cm_cert_use use, const char *uri,
                                const struct cm_key *key, const struct cm_cert *by,
                                const struct cm_key *by_key) {
    const char *const hosts[] = {"127.0.0.1", "localhost"};
    int64_t begins_ms = use == CM_CERT_AGENT ? h->begins_ms : -3600000;
    int64_t ends_ms = use == CM_CERT_AGENT ? h->ends_ms : DAY_MS;
    const struct cm_cert_request request = {.use = use,
                                            .common_name = "test",
                                            .uri = uri,
                                            .hosts = hosts,
                                            .host_count = use == CM_CERT_SERVER ? 2 : 0,
                                            .not_before_ms = cm_clock_unix_ms() + begins_ms,
                                            .not_after_ms = cm_clock_unix_ms() + ends_ms};
    struct cm_cert *cert = NULL;
    struct cm_err err;

    if (cm_cert_issue(&request, key, by, by == NULL ? key : by_key, &cert, &err) < 0) {
        (void)fprintf(stderr, "fake hub: %s\n", err.msg);
        abort();
    }
    return cert;
}

static struct cm_cert *issue(const struct fake_hub *h, enum cm_cert_use use, const char *uri,
                             const struct cm_key *key, bool self_signed) {
    return issue_by(h, use, uri, key, self_signed ? NULL : h->root, h->root_key);
}

static void make_authority(struct fake_hub *h) {
    h->root_key = cm_key_new();
    h->hub_key = cm_key_new();
    h->signer_key = cm_key_new();
    h->stranger_key = cm_key_new();
    h->root = issue(h, CM_CERT_ROOT, NULL, h->root_key, true);
    h->hub = issue(h, CM_CERT_SERVER, "holdfast://" HUB_ID "/hub", h->hub_key, false);
    h->signer = issue(h, CM_CERT_SIGNER, "holdfast://" HUB_ID "/signer", h->signer_key, false);
    h->stranger = issue(h, CM_CERT_SIGNER, "holdfast://" HUB_ID "/signer", h->stranger_key, true);
    struct cm_sha256 pin = cm_cert_key_sha256(h->root);
    wire_token_make(&pin, &h->token);
    wire_token_text(&h->token, h->token_text);
}

static struct cm_tls_context *context(const struct fake_hub *h, enum cm_tls_role role) {
    struct cm_cert *chain[] = {h->hub, h->root};
    struct cm_cert *roots[] = {h->root};
    const struct cm_tls_config config = {.role = role,
                                         .key = h->hub_key,
                                         .chain = chain,
                                         .chain_count = role == CM_TLS_SERVER ? 2 : 1,
                                         .roots = roots,
                                         .root_count = 1};
    struct cm_tls_context *ctx = NULL;
    struct cm_err err;

    if (cm_tls_context_new(&config, &ctx, &err) < 0) {
        (void)fprintf(stderr, "fake hub: %s\n", err.msg);
        abort();
    }
    return ctx;
}

// ---- Sending

static void send_message(struct cm_net_conn *conn, uint16_t type, const ProtobufCMessage *m) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *payload = wire_pack(m);
    struct cm_err err;

    if (conn != NULL && cm_net_send(conn, type, 0, payload, &err) < 0) {
        (void)fprintf(stderr, "fake hub: %s\n", err.msg);
    }
}

void fake_hub_raw(struct fake_hub *h, uint16_t type, const void *bytes, size_t size) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *payload = cm_buf_copy(bytes, size);
    struct cm_err err;

    if (cm_net_send(h->conn, type, 0, payload, &err) < 0) {
        (void)fprintf(stderr, "fake hub: %s\n", err.msg);
    }
}

static bool is_secret(const struct fake_hub *h, const struct cm_sha256 *name) {
    const struct test_release *r = h->offered == NULL ? h->release : h->offered;
    const struct test_blob *found = r == NULL ? NULL : release_find(r, name);

    return found != NULL && found->secret;
}

// squeeze returns NULL if the bytes go as they are.
static struct cm_buf *squeeze(struct fake_hub *h, struct wire_bytes bytes, struct cm_buf *last,
                              size_t offset) {
    struct wire_bytes base = {last == NULL ? NULL : last->data, last == NULL ? 0 : last->size};
    bool wrong = h->squeeze == FAKE_SQUEEZES_WRONG;

    if (h->squeeze == FAKE_PLAIN || !h->unsqueezes || h->plain || (last == NULL && !wrong)) {
        return NULL;
    }
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *same = cm_buf_copy(bytes.data, bytes.size);
    struct cm_buf *squeezed = wire_squeeze(h->squeezer, bytes,
                                           wrong ? (struct wire_bytes){same->data, same->size}
                                                 : wire_base_slice(base, offset));
    h->counts.squeezed += squeezed == NULL ? 0 : 1;
    return squeezed;
}

static void note_sent(struct fake_hub *h, const struct cm_sha256 *name, struct cm_buf *blob) {
    cm_buf_unref(h->last);
    h->last = is_secret(h, name) ? NULL : cm_buf_ref(blob);
    h->last_name = *name;
}

static void send_piece(struct fake_hub *h, const struct cm_sha256 *name, const struct cm_buf *blob,
                       size_t offset, size_t size) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *squeezed = NULL;
    Holdfast__V1__Blob m;
    struct cm_sha256 copy = *name;
    struct cm_sha256 base = h->last_name;

    holdfast__v1__blob__init(&m);
    m.sha256 = (ProtobufCBinaryData){.len = sizeof(copy.bytes), .data = copy.bytes};
    m.missing = blob == NULL;
    if (blob != NULL) {
        m.total_size = (uint32_t)blob->size;
        m.offset = (uint32_t)offset;
        m.data =
            (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)blob->data + offset};
        if (is_secret(h, name) == (h->squeeze == FAKE_SQUEEZES_SECRETS)) {
            squeezed = squeeze(h, (struct wire_bytes){m.data.data, m.data.len}, h->last, offset);
        }
    }
    if (squeezed != NULL) {
        base.bytes[0] ^= h->squeeze == FAKE_SQUEEZES_WRONG ? 1 : 0;
        m.data = (ProtobufCBinaryData){0};
        m.squeezed = (ProtobufCBinaryData){.len = squeezed->size, .data = squeezed->data};
        m.base_sha256 = (ProtobufCBinaryData){.len = sizeof(base.bytes), .data = base.bytes};
    }
    send_message(h->conn, WIRE_BLOB, &m.base);
}

static void send_blob(struct fake_hub *h, const struct cm_sha256 *name, struct cm_buf *blob) {
    size_t at = h->lie == FAKE_CUT_BLOBS ? 1 : 0;

    if (h->lie == FAKE_START_TWICE) {
        send_piece(h, name, blob, 0, 1);
    }
    do {
        size_t left = blob->size - at;
        size_t size = left < WIRE_BLOB_PIECE ? left : WIRE_BLOB_PIECE;

        send_piece(h, name, blob, at, size);
        at += size;
    } while (at < blob->size);
    note_sent(h, name, blob);
}

static void spoil(struct fake_hub *h, const struct cm_sha256 *name, const struct cm_buf *blob) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *other = cm_buf_copy(blob->data, blob->size);

    other->data[other->size / 2] ^= 1;
    send_blob(h, name, other);
}

static void answer(struct fake_hub *h, const struct cm_sha256 *name) {
    const struct test_release *r = h->offered == NULL ? h->release : h->offered;
    const struct test_blob *blob = r == NULL ? NULL : release_find(r, name);

    h->counts.wants++;
    if (r != NULL && cm_sha256_equal(&r->manifest_sha256, name)) {
        send_blob(h, name, r->manifest);
    } else if (blob == NULL || h->lie == FAKE_MISSING_BLOBS) {
        send_piece(h, name, NULL, 0, 0);
    } else if (h->lie == FAKE_SPOIL_BLOBS) {
        spoil(h, name, blob->bytes);
    } else {
        send_blob(h, name, blob->bytes);
    }
}

static size_t sign(const struct fake_hub *h, uint64_t epoch, uint64_t generation,
                   const struct cm_sha256 *manifest, uint8_t out[CM_SIGNATURE_MAX]) {
    uint64_t signed_generation = generation + (h->lie == FAKE_SIGN_WRONG ? 1 : 0);
    struct cm_buf *text =
        wire_desired_to_be_signed(h->lie == FAKE_SIGN_OTHER ? OTHER_ID : TEST_CLUSTER, epoch,
                                  signed_generation, manifest->bytes);
    const struct cm_key *key = h->lie == FAKE_OTHER_SIGNER ? h->stranger_key
                               : h->lie == FAKE_HUB_SIGNS  ? h->hub_key
                                                           : h->signer_key;
    size_t size = cm_sign(key, text->data, text->size, out);

    cm_buf_unref(text);
    return size;
}

static void offer(struct fake_hub *h, const struct test_release *r, uint64_t epoch,
                  uint64_t generation) {
    const struct cm_cert *signer = h->lie == FAKE_OTHER_SIGNER ? h->stranger
                                   : h->lie == FAKE_HUB_SIGNS  ? h->hub
                                                               : h->signer;
    uint8_t signature[CM_SIGNATURE_MAX];
    struct cm_sha256 name = r->manifest_sha256;
    CM_AUTOFREE uint8_t *der = NULL;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *squeezed = NULL;
    size_t der_size = 0;
    struct cm_sha256 base;
    Holdfast__V1__Desired m;

    if (h->conn == NULL || !h->welcomed) {
        return;
    }
    for (size_t i = 0; h->ahead && i < r->blob_count; i++) {
        send_blob(h, &r->blobs[i].name, r->blobs[i].bytes);
    }
    cm_cert_to_der(signer, &der, &der_size);
    holdfast__v1__desired__init(&m);
    m.epoch = epoch;
    m.generation = generation;
    m.manifest_sha256 = (ProtobufCBinaryData){.len = sizeof(name.bytes), .data = name.bytes};
    m.manifest_size = (uint32_t)r->manifest->size;
    m.signature = (ProtobufCBinaryData){.len = sign(h, epoch, generation, &name, signature),
                                        .data = signature};
    struct cm_sha256 signer_name = cm_sha256(der, der_size);
    if (h->refers && cm_sha256_equal(&signer_name, &h->known)) {
        m.signer_sha256 =
            (ProtobufCBinaryData){.len = sizeof(signer_name.bytes), .data = signer_name.bytes};
    } else {
        m.signer_der = (ProtobufCBinaryData){.len = der_size, .data = der};
        h->counts.signers++;
        h->known = signer_name;
    }
    if (generation % 2 == 0) { // both ways are taken: along with Desired, and asked for
        m.manifest = (ProtobufCBinaryData){.len = r->manifest->size, .data = r->manifest->data};
        squeezed = squeeze(h, (struct wire_bytes){m.manifest.data, m.manifest.len}, h->before, 0);
    }
    if (squeezed != NULL) {
        base = cm_sha256(h->before->data, h->before->size);
        base.bytes[0] ^= h->squeeze == FAKE_SQUEEZES_WRONG ? 1 : 0;
        m.manifest = (ProtobufCBinaryData){0};
        m.squeezed = (ProtobufCBinaryData){.len = squeezed->size, .data = squeezed->data};
        m.base_sha256 = (ProtobufCBinaryData){.len = sizeof(base.bytes), .data = base.bytes};
    }
    send_message(h->conn, WIRE_DESIRED, &m.base);
}

void fake_hub_publish(struct fake_hub *h, const struct test_manifest *m) {
    cm_buf_unref(h->before);
    h->before = h->release == NULL ? NULL : cm_buf_ref(h->release->manifest);
    release_free(h->release);
    release_free(h->offered);
    h->offered = NULL;
    h->release = release_new(m);
    h->epoch = m->epoch;
    h->generation = m->generation;
    offer(h, h->release, m->epoch, m->generation);
}

void fake_hub_offer(struct fake_hub *h, const struct test_manifest *m) {
    release_free(h->offered);
    h->offered = release_new(m);
    offer(h, h->offered, m->epoch, m->generation);
}

void fake_hub_sync(struct fake_hub *h, const char *app) {
    Holdfast__V1__Sync m;

    holdfast__v1__sync__init(&m);
    m.app = (char *)(uintptr_t)app;
    send_message(h->conn, WIRE_SYNC, &m.base);
}

// ---- Reports

static void take_app(struct fake_hub *h, const Holdfast__V1__AppReport *m) {
    struct fake_app *a = cm_new(1, sizeof(*a));

    a->known = true;
    a->removed = m->removed;
    a->applied = (int)m->applied;
    a->health = (int)m->health;
    a->drifted = m->drifted;
    a->objects = m->objects;
    (void)snprintf(a->revision, sizeof(a->revision), "%s", m->revision);
    (void)snprintf(a->message, sizeof(a->message), "%s", m->message);
    cm_map_put(h->apps, m->app, a);
}

static void take_object(struct fake_hub *h, const Holdfast__V1__ObjectReport *m) {
    struct fake_object *o = cm_new(1, sizeof(*o));

    o->known = true;
    o->removed = m->removed;
    o->health = (int)m->health;
    if (m->sha256.len == sizeof(o->sha256.bytes)) {
        memcpy(o->sha256.bytes, m->sha256.data, sizeof(o->sha256.bytes));
    }
    (void)snprintf(o->message, sizeof(o->message), "%s", m->message);
    o->drift_count = m->n_drift;
    if (m->n_drift > 0) {
        (void)snprintf(o->path, sizeof(o->path), "%s", m->drift[0]->path);
        (void)snprintf(o->desired, sizeof(o->desired), "%s", m->drift[0]->desired);
        (void)snprintf(o->actual, sizeof(o->actual), "%s", m->drift[0]->actual);
        (void)snprintf(o->manager, sizeof(o->manager), "%s", m->drift[0]->manager);
    }
    cm_map_put(h->objects, m->key, o);
}

// ---- Roots

static void tell_roots(struct fake_hub *h, const struct cm_trust *set, const struct cm_key *by) {
    ProtobufCBinaryData roots[CM_TRUST_ROOTS_MAX];
    uint8_t bytes[CM_SIGNATURE_MAX];
    ProtobufCBinaryData signature = {.data = bytes};
    Holdfast__V1__Trust m;

    signature.len = cm_trust_sign(set, HUB_ID, by, bytes);
    holdfast__v1__trust__init(&m);
    m.version = set->version;
    for (; m.n_roots_der < set->count; m.n_roots_der++) {
        cm_cert_to_der(set->roots[m.n_roots_der], &roots[m.n_roots_der].data,
                       &roots[m.n_roots_der].len);
    }
    m.roots_der = roots;
    m.signatures = &signature;
    m.n_signatures = 1;
    send_message(h->conn, WIRE_TRUST, &m.base);
    for (size_t i = 0; i < m.n_roots_der; i++) {
        free(roots[i].data);
    }
}

void fake_hub_new_root(struct fake_hub *h, bool vouched) {
    struct cm_trust set = {.version = 2, .roots = {h->root, NULL}, .count = 2};

    h->next_key = cm_key_new();
    h->next = issue(h, CM_CERT_ROOT, NULL, h->next_key, true);
    set.roots[1] = h->next;
    tell_roots(h, &set, vouched ? h->root_key : h->next_key);
    cm_cert_free(h->signer);
    h->signer = issue_by(h, CM_CERT_SIGNER, "holdfast://" HUB_ID "/signer", h->signer_key, h->next,
                         h->next_key);
}

void fake_hub_drop_root(struct fake_hub *h) {
    struct cm_trust set = {.version = 3, .roots = {h->next}, .count = 1};

    tell_roots(h, &set, h->next_key);
}

static void on_report(struct fake_hub *h, const Holdfast__V1__Report *m) {
    Holdfast__V1__ReportAck ack;

    h->counts.reports++;
    if (m->full) {
        h->in_full = true;
        fake_hub_forget_reports(h);
    }
    for (size_t i = 0; i < m->n_apps; i++) {
        take_app(h, m->apps[i]);
    }
    for (size_t i = 0; i < m->n_objects; i++) {
        take_object(h, m->objects[i]);
    }
    h->counts.full_reports += h->in_full && m->full_end ? 1 : 0;
    h->in_full = h->in_full && !m->full_end;
    if (!h->silent) {
        holdfast__v1__report_ack__init(&ack);
        ack.run = m->run;
        ack.number = m->number;
        send_message(h->conn, WIRE_REPORT_ACK, &ack.base);
    }
}

static void on_journal(struct fake_hub *h, const Holdfast__V1__Journal *m) {
    Holdfast__V1__JournalAck ack;

    holdfast__v1__journal_ack__init(&ack);
    ack.run = m->run;
    for (size_t i = 0; i < m->n_entries; i++) {
        h->counts.told_entries += m->entries[i]->report != 0 ? 1 : 0;
        ack.number = m->entries[i]->number;
    }
    send_message(h->conn, WIRE_JOURNAL_ACK, &ack.base);
}

static void on_decisions(struct fake_hub *h, const Holdfast__V1__Decisions *m) {
    Holdfast__V1__DecisionsAck ack;

    holdfast__v1__decisions_ack__init(&ack);
    ack.run = m->run;
    for (size_t i = 0; i < m->n_decisions; i++) {
        const Holdfast__V1__Decision *d = m->decisions[i];

        h->counts.decisions++;
        memcpy(h->counts.decision.bytes, d->id.data, sizeof(h->counts.decision.bytes));
        ack.number = d->number;
    }
    send_message(h->conn, WIRE_DECISIONS_ACK, &ack.base);
}

// ---- What is frozen

static void send_freeze(struct fake_hub *h) {
    Holdfast__V1__FreezeEntry entry;
    Holdfast__V1__FreezeEntry *entries[] = {&entry};
    Holdfast__V1__Freeze m;
    char name[] = "stop";
    char who[] = "ann";
    char why[] = "it burns";

    holdfast__v1__freeze__init(&m);
    holdfast__v1__freeze_entry__init(&entry);
    entry.name = name;
    entry.app = h->frozen;
    entry.actor = who;
    entry.reason = why;
    entry.until_ms = h->frozen_until_ms;
    m.number = h->freezes;
    m.now_ms = cm_clock_unix_ms();
    m.entries = entries;
    m.n_entries = h->frozen == NULL ? 0 : 1;
    send_message(h->conn, WIRE_FREEZE, &m.base);
}

void fake_hub_freeze(struct fake_hub *h, const char *app, int64_t for_ms) {
    free(h->frozen);
    h->frozen = cm_strdup(app);
    h->frozen_until_ms = for_ms == 0 ? 0 : cm_clock_unix_ms() + for_ms;
    h->freezes++;
    if (h->conn != NULL && h->welcomed) {
        send_freeze(h);
    }
}

// ---- The main listener

static void say_overloaded(struct fake_hub *h) {
    Holdfast__V1__Goodbye m;

    holdfast__v1__goodbye__init(&m);
    m.reason = HOLDFAST__V1__GOODBYE__REASON__OVERLOADED;
    m.retry_after_ms = FAKE_RETRY_MS;
    send_message(h->conn, WIRE_GOODBYE, &m.base);
}

static void welcome(struct fake_hub *h) {
    char hub_id[] = HUB_ID;
    char other_id[] = OTHER_ID;
    char name[] = "paris-1";
    Holdfast__V1__Welcome m;

    holdfast__v1__welcome__init(&m);
    m.protocol = h->lie == FAKE_NEWER_HUB ? WIRE_PROTOCOL_MAX + 1 : WIRE_PROTOCOL_MAX;
    m.hub_id = h->lie == FAKE_OTHER_HUB_ID ? other_id : hub_id;
    m.epoch = h->epoch;
    m.heartbeat_ms = 200;
    m.now_ms = cm_clock_unix_ms();
    m.full_report = h->want_full;
    m.cluster_name = name;
    m.journal = h->takes_journal;
    m.journal_reports = h->takes_journal;
    m.decisions = !h->older;
    m.observed = h->knows_observed;
    m.renews = h->renewal != FAKE_NO_RENEWAL;
    h->want_full = false;
    h->welcomed = true;
    send_message(h->conn, WIRE_WELCOME, &m.base);
}

static void on_hello(struct fake_hub *h, const Holdfast__V1__Hello *hello) {
    h->counts.hellos++;
    h->counts.hello_generation = hello->generation;
    h->counts.disk_generation =
        hello->disk_generation != 0 ? hello->disk_generation : h->counts.disk_generation;
    h->counts.new_disks += hello->new_disk ? 1 : 0;
    h->counts.trust = hello->trust;
    h->unsqueezes = hello->unsqueezes;
    cm_buf_unref(h->last);
    h->last = NULL;
    h->refers = hello->signer_sha256.len == sizeof(h->known.bytes);
    if (h->refers) {
        memcpy(h->known.bytes, hello->signer_sha256.data, sizeof(h->known.bytes));
    }
    if (h->lie == FAKE_OVERLOADED) {
        say_overloaded(h);
        return;
    }
    if (h->mute) {
        return;
    }
    welcome(h);
    if (h->release != NULL &&
        (hello->manifest_sha256.len == 0 ||
         memcmp(hello->manifest_sha256.data, h->release->manifest_sha256.bytes, 32) != 0)) {
        offer(h, h->release, h->epoch, h->generation);
    }
}

static void on_want(struct fake_hub *h, const Holdfast__V1__Want *m) {
    h->counts.plains += m->plain ? 1 : 0;
    h->plain = m->plain;
    for (size_t i = 0; i < m->n_sha256; i++) {
        struct cm_sha256 name;

        memcpy(name.bytes, m->sha256[i].data, sizeof(name.bytes));
        if (h->lie == FAKE_KEEPS_BLOBS && h->kept_count < KEPT_MAX) {
            h->kept[h->kept_count++] = name;
        } else {
            answer(h, &name);
        }
    }
    h->plain = false;
}

// ---- Renewal

static struct cm_cert *certify(struct fake_hub *h, const struct cm_key *key) {
    h->counts.certified = cm_key_sha256(key);
    return issue(h, CM_CERT_AGENT, "holdfast://" HUB_ID "/cluster/" TEST_CLUSTER, key, false);
}

static void on_renew(struct fake_hub *h, const Holdfast__V1__Renew *m) {
    struct cm_key *asked = NULL;
    ProtobufCBinaryData chain;
    Holdfast__V1__Renewed reply;
    struct cm_err err;

    h->counts.renews++;
    if (h->renewal == FAKE_KEEPS_SILENT) {
        return;
    }
    if (cm_csr_key(m->csr_der.data, m->csr_der.len, &asked, &err) < 0) {
        (void)fprintf(stderr, "fake hub: %s\n", err.msg);
        abort();
    }
    struct cm_cert *cert = certify(h, h->renewal == FAKE_OTHER_KEY ? h->stranger_key : asked);
    cm_cert_to_der(cert, &chain.data, &chain.len);
    holdfast__v1__renewed__init(&reply);
    reply.certificates_der = &chain;
    reply.n_certificates_der = 1;
    send_message(h->conn, WIRE_RENEWED, &reply.base);
    free(chain.data);
    cm_cert_free(cert);
    cm_key_free(asked);
}

static bool proves(const struct cm_net_conn *conn, const char *purpose,
                   const ProtobufCBinaryData *der, const ProtobufCBinaryData *signature,
                   struct cm_cert **out) {
    CM_CLEANUP(cm_buf_unrefp)
    struct cm_buf *text =
        wire_key_to_be_signed(purpose, cm_net_conn_peer(conn)->exporter, der->data, der->len);
    struct cm_err err;

    return cm_cert_from_der(der->data, der->len, out, &err) == CM_OK &&
           cm_cert_check(*out, text->data, text->size, signature->data, signature->len);
}

static void on_confirm(struct fake_hub *h, const struct cm_net_conn *conn,
                       const Holdfast__V1__Confirm *m) {
    CM_CLEANUP(cm_cert_freep) struct cm_cert *cert = NULL;

    if (proves(conn, WIRE_PROVES_CONFIRM, &m->certificate_der, &m->signature, &cert)) {
        struct cm_sha256 key = cm_cert_key_sha256(cert);

        h->counts.confirms += cm_sha256_equal(&key, &h->counts.certified) ? 1 : 0;
    }
}

void fake_hub_renewal(struct fake_hub *h, enum fake_renewal how) {
    h->renewal = how;
}

void fake_hub_life(struct fake_hub *h, int64_t begins_ms, int64_t ends_ms) {
    h->begins_ms = begins_ms;
    h->ends_ms = ends_ms;
}

static const ProtobufCMessageDescriptor *descriptor_of(uint16_t type) {
    switch (type) {
    case WIRE_RENEW:
        return &holdfast__v1__renew__descriptor;
    case WIRE_CONFIRM:
        return &holdfast__v1__confirm__descriptor;
    case WIRE_HELLO:
        return &holdfast__v1__hello__descriptor;
    case WIRE_WANT:
        return &holdfast__v1__want__descriptor;
    case WIRE_REPORT:
        return &holdfast__v1__report__descriptor;
    case WIRE_JOURNAL:
        return &holdfast__v1__journal__descriptor;
    case WIRE_DECISIONS:
        return &holdfast__v1__decisions__descriptor;
    case WIRE_TRUST:
        return &holdfast__v1__trust__descriptor;
    case WIRE_FROZEN:
        return &holdfast__v1__frozen__descriptor;
    case WIRE_GOODBYE:
        return &holdfast__v1__goodbye__descriptor;
    default:
        return &holdfast__v1__ping__descriptor;
    }
}

static void on_frame(void *ctx, struct cm_net_conn *conn, const struct cm_net_frame *frame) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct fake_hub *h = ctx;
    ProtobufCMessage *m = NULL;
    Holdfast__V1__Pong pong;
    struct cm_err err;

    if (wire_unpack(a, descriptor_of(frame->type), frame->payload, frame->size, &m, &err) < 0) {
        (void)fprintf(stderr, "fake hub: %s\n", err.msg);
        abort();
    }
    switch (frame->type) {
    case WIRE_HELLO:
        on_hello(h, (const Holdfast__V1__Hello *)m);
        break;
    case WIRE_WANT:
        on_want(h, (const Holdfast__V1__Want *)m);
        break;
    case WIRE_REPORT:
        on_report(h, (const Holdfast__V1__Report *)m);
        break;
    case WIRE_JOURNAL:
        on_journal(h, (const Holdfast__V1__Journal *)m);
        break;
    case WIRE_DECISIONS:
        on_decisions(h, (const Holdfast__V1__Decisions *)m);
        break;
    case WIRE_GOODBYE:
        h->counts.goodbyes++;
        break;
    case WIRE_TRUST:
        h->counts.trust = ((const Holdfast__V1__Trust *)m)->version;
        h->counts.trusts++;
        break;
    case WIRE_FROZEN:
        h->counts.frozen = ((const Holdfast__V1__Frozen *)m)->number;
        break;
    case WIRE_RENEW:
        on_renew(h, (const Holdfast__V1__Renew *)m);
        break;
    case WIRE_CONFIRM:
        on_confirm(h, conn, (const Holdfast__V1__Confirm *)m);
        break;
    default:
        h->counts.pings++;
        holdfast__v1__pong__init(&pong);
        send_message(conn, WIRE_PONG, &pong.base);
        break;
    }
}

static void on_opened(void *ctx, struct cm_net_conn *conn) {
    struct fake_hub *h = ctx;

    h->conn = conn;
    h->welcomed = false;
    h->counts.connected = true;
    h->counts.key = cm_net_conn_peer(conn)->key_sha256;
}

static void on_closed(void *ctx, struct cm_net_conn *conn, const struct cm_err *why) {
    struct fake_hub *h = ctx;

    (void)why;
    if (h->conn == conn) {
        h->conn = NULL;
        h->counts.connected = false;
    }
}

// ---- The enrolment listener

static void send_identity(struct fake_hub *h, struct cm_net_conn *conn, const struct cm_key *key);

static void enroll(struct fake_hub *h, struct cm_net_conn *conn,
                   const Holdfast__V1__EnrollRequest *m) {
    struct cm_sha256 key = cm_sha256(h->token.secret, sizeof(h->token.secret));
    struct cm_sha256 proof =
        wire_token_proof(&key, cm_net_conn_peer(conn)->exporter, m->csr_der.data, m->csr_der.len);
    Holdfast__V1__EnrollReply reply;
    struct cm_key *public_key = NULL;
    struct cm_err err;

    holdfast__v1__enroll_reply__init(&reply);
    if (m->proof.len != sizeof(proof.bytes) ||
        memcmp(m->proof.data, proof.bytes, sizeof(proof.bytes)) != 0 ||
        cm_csr_key(m->csr_der.data, m->csr_der.len, &public_key, &err) < 0) {
        char refused[] = "the proof is wrong";

        reply.refused = refused;
        send_message(conn, WIRE_ENROLL_REPLY, &reply.base);
        return;
    }
    send_identity(h, conn, public_key);
    h->counts.enrolled++;
    cm_key_free(public_key);
}

static void send_identity(struct fake_hub *h, struct cm_net_conn *conn, const struct cm_key *key) {
    char cluster[] = TEST_CLUSTER;
    char name[] = "paris-1";
    char hub_id[] = HUB_ID;
    char *addrs[] = {h->addr};
    struct cm_cert *cert = certify(h, key);
    Holdfast__V1__EnrollReply reply;
    ProtobufCBinaryData chain;

    holdfast__v1__enroll_reply__init(&reply);
    cm_cert_to_der(cert, &chain.data, &chain.len);
    cm_cert_to_der(h->root, &reply.root_der.data, &reply.root_der.len);
    reply.cluster_id = cluster;
    reply.cluster_name = name;
    reply.hub_id = hub_id;
    reply.n_certificates_der = 1;
    reply.certificates_der = &chain;
    reply.n_hub_addresses = 1;
    reply.hub_addresses = addrs;
    reply.now_ms = cm_clock_unix_ms();
    if (reply.now_ms >= cm_cert_not_after_ms(cert)) {
        reply.now_ms = cm_cert_not_after_ms(cert) - 60000;
    }
    send_message(conn, WIRE_ENROLL_REPLY, &reply.base);
    free(chain.data);
    free(reply.root_der.data);
    cm_cert_free(cert);
}

static void renew_expired(struct fake_hub *h, struct cm_net_conn *conn,
                          const Holdfast__V1__EnrollRequest *m) {
    CM_CLEANUP(cm_cert_freep) struct cm_cert *cert = NULL;

    if (proves(conn, WIRE_PROVES_EXPIRED, &m->certificate_der, &m->signature, &cert)) {
        CM_CLEANUP(cm_key_freep) struct cm_key *key = cm_cert_key(cert);

        h->counts.expired++;
        fake_hub_life(h, -3600000, DAY_MS);
        send_identity(h, conn, key);
    }
}

static void on_enroll_frame(void *ctx, struct cm_net_conn *conn, const struct cm_net_frame *f) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    Holdfast__V1__EnrollRequest *m = NULL;
    struct cm_err err;

    if (WIRE_UNPACK(a, Holdfast__V1__EnrollRequest, holdfast__v1__enroll_request, f->payload,
                    f->size, &m, &err) < 0) {
        return;
    }
    if (m->cluster_id[0] != '\0') {
        renew_expired(ctx, conn, m);
    } else {
        enroll(ctx, conn, m);
    }
    cm_net_close(conn, true, "answered");
}

static void on_enroll_opened(void *ctx, struct cm_net_conn *conn) {
    ((struct fake_hub *)ctx)->enroll_conn = conn;
}

static void on_enroll_closed(void *ctx, struct cm_net_conn *conn, const struct cm_err *why) {
    struct fake_hub *h = ctx;

    (void)why;
    if (h->enroll_conn == conn) {
        h->enroll_conn = NULL;
    }
}

// ---- Life

static struct cm_net_listener *listen_at(struct fake_hub *h, const char *addr,
                                         enum cm_tls_role role) {
    static const struct cm_net_limits link = {.max_payload = wire_max_payload,
                                              .send_queue_bytes = 64 << 20,
                                              .handshake_ms = 10000,
                                              .silence_ms = 60000};
    static const struct cm_net_limits enrolment = {.max_payload = wire_max_enroll,
                                                   .send_queue_bytes = 1 << 20,
                                                   .handshake_ms = 10000,
                                                   .silence_ms = 10000};
    const struct cm_net_handlers handlers = {
        .opened = on_opened, .frame = on_frame, .closed = on_closed, .ctx = h};
    const struct cm_net_handlers enroll_handlers = {
        .opened = on_enroll_opened, .frame = on_enroll_frame, .closed = on_enroll_closed, .ctx = h};
    bool is_link = role == CM_TLS_SERVER_MUTUAL;
    struct cm_tls_context *tls = context(h, role);
    struct cm_net_listener *l = NULL;
    struct cm_err err;

    if (cm_net_listen(h->loop, addr, tls, is_link ? &link : &enrolment,
                      is_link ? &handlers : &enroll_handlers, &l, &err) < 0) {
        (void)fprintf(stderr, "fake hub: %s\n", err.msg);
        abort();
    }
    cm_tls_context_unref(tls);
    return l;
}

void fake_hub_up(struct fake_hub *h) {
    h->listener = listen_at(h, h->addr, CM_TLS_SERVER_MUTUAL);
    h->enroll_listener = listen_at(h, h->enroll_addr, CM_TLS_SERVER);
    (void)snprintf(h->addr, sizeof(h->addr), "127.0.0.1:%u",
                   (unsigned)cm_net_listener_port(h->listener));
    (void)snprintf(h->enroll_addr, sizeof(h->enroll_addr), "127.0.0.1:%u",
                   (unsigned)cm_net_listener_port(h->enroll_listener));
}

static bool is_quiet(void *ctx) {
    const struct fake_hub *h = ctx;

    return cm_net_listener_quiet(h->listener) && cm_net_listener_quiet(h->enroll_listener);
}

void fake_hub_down(struct fake_hub *h) {
    if (h->listener == NULL) {
        return;
    }
    cm_net_listener_stop(h->listener);
    cm_net_listener_stop(h->enroll_listener);
    if (h->conn != NULL) {
        cm_net_close(h->conn, false, "the hub goes down");
    }
    if (h->enroll_conn != NULL) {
        cm_net_close(h->enroll_conn, false, "the hub goes down");
    }
    if (!turn_until(h->loop, is_quiet, h)) {
        abort();
    }
    cm_net_listener_free(h->listener);
    cm_net_listener_free(h->enroll_listener);
    h->listener = NULL;
    h->enroll_listener = NULL;
}

struct fake_hub *fake_hub_new(struct cm_loop *loop) {
    struct fake_hub *h = cm_new(1, sizeof(*h));

    h->loop = loop;
    h->apps = cm_map_new(free);
    h->objects = cm_map_new(free);
    h->squeezer = wire_squeezer_new();
    fake_hub_life(h, -3600000, DAY_MS);
    make_authority(h);
    (void)snprintf(h->addr, sizeof(h->addr), "127.0.0.1:0");
    (void)snprintf(h->enroll_addr, sizeof(h->enroll_addr), "127.0.0.1:0");
    fake_hub_up(h);
    return h;
}

void fake_hub_free(struct fake_hub *h) {
    fake_hub_down(h);
    release_free(h->release);
    release_free(h->offered);
    wire_squeezer_free(h->squeezer);
    cm_buf_unref(h->before);
    cm_buf_unref(h->last);
    cm_map_free(h->apps);
    cm_map_free(h->objects);
    cm_cert_free(h->root);
    cm_cert_free(h->next);
    cm_key_free(h->next_key);
    cm_cert_free(h->hub);
    cm_cert_free(h->signer);
    cm_cert_free(h->stranger);
    cm_key_free(h->root_key);
    cm_key_free(h->hub_key);
    cm_key_free(h->signer_key);
    cm_key_free(h->stranger_key);
    free(h->frozen);
    free(h);
}

const char *fake_hub_token(const struct fake_hub *h) {
    return h->token_text;
}

const char *fake_hub_addr(const struct fake_hub *h) {
    return h->addr;
}

const char *fake_hub_enroll_addr(const struct fake_hub *h) {
    return h->enroll_addr;
}

void fake_hub_lie(struct fake_hub *h, enum fake_lie lie) {
    h->lie = lie;
    while (lie != FAKE_KEEPS_BLOBS && h->kept_count > 0) {
        answer(h, &h->kept[--h->kept_count]);
    }
}

size_t fake_hub_keeps(const struct fake_hub *h) {
    return h->kept_count;
}

void fake_hub_knows_observed(struct fake_hub *h) {
    h->knows_observed = true;
}

void fake_hub_takes_journal(struct fake_hub *h) {
    h->takes_journal = true;
}

void fake_hub_greet(struct fake_hub *h, bool yes) {
    h->mute = !yes;
    if (yes && h->conn != NULL && !h->welcomed) {
        welcome(h);
    }
}

void fake_hub_older(struct fake_hub *h) {
    h->older = true;
}

void fake_hub_acknowledge(struct fake_hub *h, bool yes) {
    h->silent = !yes;
}

void fake_hub_squeeze(struct fake_hub *h, enum fake_squeeze how) {
    h->squeeze = how;
}

void fake_hub_push(struct fake_hub *h, bool ahead) {
    h->ahead = ahead;
}

void fake_hub_want_full(struct fake_hub *h) {
    h->want_full = true;
}

void fake_hub_forget_reports(struct fake_hub *h) {
    cm_map_free(h->apps);
    cm_map_free(h->objects);
    h->apps = cm_map_new(free);
    h->objects = cm_map_new(free);
}

struct fake_app fake_hub_app(const struct fake_hub *h, const char *app) {
    const struct fake_app *a = cm_map_get(h->apps, app);

    return a == NULL ? (struct fake_app){0} : *a;
}

struct fake_object fake_hub_object(const struct fake_hub *h, const char *key) {
    const struct fake_object *o = cm_map_get(h->objects, key);

    return o == NULL ? (struct fake_object){0} : *o;
}

struct fake_counts fake_hub_counts(const struct fake_hub *h) {
    return h->counts;
}
