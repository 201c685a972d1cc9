// serve.c: what an agent is sent: Desired, and the blobs that it lacks.
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/presence.h"
#include "hub/jobs/publication.h"
#include "hub/render/bundle.h"
#include "hub/session/internal.h"
#include "proto/holdfast.pb-c.h"
#include "proto/squeeze.h"
#include "proto/wire.h"

#define INLINE_MANIFEST_MAX ((size_t)32 * 1024)

// The queue takes pieces until it holds this much; the rest follows when it has drained.
#define PUMP_BYTES WIRE_BLOB_PIECE

// Of what is squeezed much fits into that, so no more than this is each time that one has room.
#define SQUEEZE_BYTES ((size_t)4 * WIRE_BLOB_PIECE)

// So much of what one agent asked for may wait; it asks for WIRE_WANT_MAX at a time.
#define WAITING_MAX ((size_t)4 * WIRE_WANT_MAX)

// Agents that need the same ask for it within this time.
#define FRAMED_MS 5000

// An object of which the agent has no version comes against the one that came before it only if
// both are as small as this: what is large is the same for many agents, and is to be packed once.
#define CHAIN_MAX ((size_t)8 * 1024)

#define MISSING_COST 1024
#define MISSING_APP_COST 4

// ---- What waits to be sent

static struct hub_outgoing *enqueue(struct hub_session *session, const struct cm_sha256 *name,
                                    bool was_asked) {
    if (session->outgoing_count == session->outgoing_capacity) {
        session->outgoing_capacity =
            session->outgoing_capacity == 0 ? 16 : 2 * session->outgoing_capacity;
        session->outgoing =
            cm_resize(session->outgoing, session->outgoing_capacity * sizeof(*session->outgoing));
    }
    struct hub_outgoing *out = &session->outgoing[session->outgoing_count++];
    *out = (struct hub_outgoing){.name = *name, .was_asked = was_asked};
    session->asked += was_asked ? 1 : 0;
    return out;
}

// A blob of which the agent has a version already, an older one, comes with that as its base.
static void enqueue_newer(struct hub_session *session, const struct cm_sha256 *name,
                          const struct cm_sha256 *base_name, struct cm_buf *base) {
    struct hub_outgoing *out = enqueue(session, name, false);

    if (base != NULL) {
        out->older = cm_new(1, sizeof(*out->older));
        *out->older = (struct hub_base){.name = *base_name, .bytes = cm_buf_ref(base)};
    }
}

static void forget_older(struct hub_outgoing *out) {
    if (out->older != NULL) {
        cm_buf_unref(out->older->bytes);
        free(out->older);
        out->older = NULL;
    }
}

static void forget_last(struct hub_session *session) {
    cm_buf_unref(session->last.bytes);
    session->last = (struct hub_base){0};
}

// The list is freed when it is through, so that an idle session holds none.
void hub_session_forget_outgoing(struct hub_session *session) {
    for (size_t i = session->outgoing_at; i < session->outgoing_count; i++) {
        forget_older(&session->outgoing[i]);
    }
    forget_last(session);
    free(session->outgoing);
    session->outgoing = NULL;
    session->outgoing_count = 0;
    session->outgoing_at = 0;
    session->outgoing_capacity = 0;
    session->asked = 0;
}

// ---- Where blobs come from: only this cluster's own publication

struct found {
    struct cm_buf *bytes; // NULL: it is nowhere
    bool object;          // not a list of these
    bool secret;
};

static struct found find_in(const struct hub_bundle *bundle, const struct cm_sha256 *name) {
    if (cm_sha256_equal(&bundle->sha256, name)) {
        return (struct found){.bytes = bundle->bytes};
    }
    const struct hub_object *object = hub_bundle_find(bundle, name);
    return object == NULL ? (struct found){0} : (struct found){object->bytes, true, object->secret};
}

// Blobs are asked for and pushed App by App, so the next one is nearly always where the last one
// was, or in the App after it.
static struct found find_blob(struct hub_session *session, const struct cm_sha256 *name) {
    const struct hub_publication *p = session->sending;
    size_t count = p->desired->pair_count;

    if (cm_sha256_equal(&p->sha256, name)) {
        return (struct found){.bytes = p->manifest};
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = (session->found_in + i) % count;
        struct found found = find_in(p->desired->pairs[at].bundle, name);

        if (found.bytes != NULL) {
            session->found_in = at;
            return found;
        }
    }
    return (struct found){0};
}

// What is nowhere was looked for everywhere: that is charged, so that nobody keeps the hub busy
// with names that he made up.
static void charge_missing(struct hub_session *session) {
    size_t apps = session->sending->desired->pair_count;

    (void)hub_allowance_take(&session->member->allowance, MISSING_COST + MISSING_APP_COST * apps,
                             cm_clock_now_ms());
}

static size_t piece_size(const struct hub_outgoing *out, const struct cm_buf *blob) {
    size_t left = blob == NULL ? 0 : blob->size - out->offset;

    return left < WIRE_BLOB_PIECE ? left : WIRE_BLOB_PIECE;
}

static void clear_later(struct hub_sessions *s) {
    if (s->unframe.at == 0) {
        cm_timer_start(s->config.loop, &s->unframe, FRAMED_MS);
    }
}

static struct wire_squeezer *squeezer_of(struct hub_sessions *s) {
    if (s->squeezer == NULL) {
        s->squeezer = wire_squeezer_new();
        clear_later(s);
    }
    return s->squeezer;
}

static struct wire_bytes bytes_of(const struct cm_buf *buf) {
    return buf == NULL ? (struct wire_bytes){0} : (struct wire_bytes){buf->data, buf->size};
}

// What a piece is squeezed against: what the agent has of the blob, or what was sent before it.
struct base {
    const struct cm_sha256 *name; // NULL: none
    struct wire_bytes slice;
};

static struct base base_from(const struct cm_sha256 *name, const struct cm_buf *bytes,
                             size_t offset) {
    struct wire_bytes slice = wire_base_slice(bytes_of(bytes), offset);

    return slice.size == 0 ? (struct base){0} : (struct base){name, slice};
}

static bool may_chain(const struct found *found) {
    return found->object && !found->secret && found->bytes->size <= CHAIN_MAX;
}

static struct base find_base(const struct hub_session *session, const struct hub_outgoing *out,
                             const struct found *found) {
    if (out->older != NULL) {
        return base_from(&out->older->name, out->older->bytes, out->offset);
    }
    return may_chain(found) ? base_from(&session->last.name, session->last.bytes, out->offset)
                            : (struct base){0};
}

static void note_last(struct hub_session *session, const struct hub_outgoing *out,
                      const struct found *found) {
    forget_last(session);
    if (may_chain(found)) {
        session->last = (struct hub_base){out->name, cm_buf_ref(found->bytes)};
    }
}

static ProtobufCBinaryData name_of(const struct base *base) {
    return base->name == NULL
               ? (ProtobufCBinaryData){0}
               : (ProtobufCBinaryData){.len = sizeof(base->name->bytes),
                                       .data = (uint8_t *)(uintptr_t)base->name->bytes};
}

// `base` is NULL if the piece goes as it is.
static struct cm_buf *pack_piece(struct hub_sessions *s, const struct hub_outgoing *out,
                                 const struct cm_buf *blob, const struct base *base) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *squeezed = NULL;
    Holdfast__V1__Blob message;

    holdfast__v1__blob__init(&message);
    message.sha256 = (ProtobufCBinaryData){.len = sizeof(out->name.bytes),
                                           .data = (uint8_t *)(uintptr_t)out->name.bytes};
    message.missing = blob == NULL;
    if (blob != NULL) {
        message.total_size = (uint32_t)blob->size;
        message.offset = (uint32_t)out->offset;
        message.data = (ProtobufCBinaryData){
            .len = piece_size(out, blob), .data = (uint8_t *)(uintptr_t)blob->data + out->offset};
    }
    if (base != NULL) {
        squeezed = wire_squeeze(
            squeezer_of(s), (struct wire_bytes){message.data.data, message.data.len}, base->slice);
    }
    if (squeezed != NULL) {
        message.squeezed = (ProtobufCBinaryData){.len = squeezed->size, .data = squeezed->data};
        message.data = (ProtobufCBinaryData){0};
        message.base_sha256 = name_of(base);
    }
    return wire_pack(&message.base);
}

// Packs a piece, unless it was packed for another agent already. Returns a reference.
static struct cm_buf *get_piece(struct hub_session *session, const struct hub_outgoing *out,
                                const struct found *found) {
    struct hub_sessions *s = session->owner;
    bool squeezes = session->unsqueezes && !out->plain && found->bytes != NULL && !found->secret;
    struct base base = squeezes ? find_base(session, out, found) : (struct base){0};
    struct hub_framed_key key = {.name = out->name, .offset = out->offset, .squeezed = squeezes};

    if (base.name != NULL) {
        key.base = *base.name;
    }
    struct cm_buf *payload = hub_framed_find(&s->framed, &key);
    if (found->bytes != NULL && payload != NULL) {
        return cm_buf_ref(payload);
    }
    payload = pack_piece(s, out, found->bytes, squeezes ? &base : NULL);
    if (found->bytes != NULL) {
        hub_framed_keep(&s->framed, &key, payload);
        clear_later(s);
    }
    return payload;
}

static void count_spared(struct hub_session *session, size_t size, size_t sent) {
    cm_metric_add(session->owner->metric_spared, size > sent ? (int64_t)(size - sent) : 0);
}

static enum cm_rc send_piece(struct hub_session *session, struct hub_outgoing *out,
                             const struct found *found, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *payload = get_piece(session, out, found);
    size_t size = piece_size(out, found->bytes);
    enum cm_rc rc = hub_session_give(session, WIRE_BLOB, payload, err);

    if (rc == CM_OK) {
        out->offset += (uint32_t)size;
        session->pumped += session->unsqueezes ? size : 0;
        count_spared(session, size, payload->size);
    }
    return rc;
}

static bool is_same(const struct hub_publication *a, const struct hub_publication *b) {
    return a != NULL && a->epoch == b->epoch && a->generation == b->generation &&
           cm_sha256_equal(&a->sha256, &b->sha256);
}

// has_signer tells whether the agent has the certificate of whoever signed.
static bool has_signer(const struct hub_session *session, const struct hub_signer *signer) {
    return session->keeps_signer && cm_sha256_equal(&session->signer, &signer->sha256);
}

static void name_signer(const struct hub_session *session, const struct hub_signer *signer,
                        Holdfast__V1__Desired *desired) {
    if (has_signer(session, signer)) {
        desired->signer_sha256 =
            (ProtobufCBinaryData){.len = sizeof(signer->sha256.bytes),
                                  .data = (uint8_t *)(uintptr_t)signer->sha256.bytes};
    } else {
        desired->signer_der =
            (ProtobufCBinaryData){.len = signer->size, .data = (uint8_t *)(uintptr_t)signer->der};
    }
}

// A manifest says nearly what the one before said. It returns what the message refers to.
static struct cm_buf *add_manifest(struct hub_session *session, Holdfast__V1__Desired *desired) {
    const struct hub_publication *p = session->sending;
    const struct hub_publication *held = session->held;
    struct base base = {0};
    struct cm_buf *squeezed = NULL;

    if (p->manifest->size > INLINE_MANIFEST_MAX || is_same(held, p)) {
        return NULL;
    }
    if (held != NULL && session->unsqueezes) {
        base = base_from(&held->sha256, held->manifest, 0);
        squeezed = wire_squeeze(squeezer_of(session->owner), bytes_of(p->manifest), base.slice);
    }
    if (squeezed == NULL) {
        desired->manifest =
            (ProtobufCBinaryData){.len = p->manifest->size, .data = p->manifest->data};
        return NULL;
    }
    desired->squeezed = (ProtobufCBinaryData){.len = squeezed->size, .data = squeezed->data};
    desired->base_sha256 = name_of(&base);
    count_spared(session, p->manifest->size, squeezed->size);
    return squeezed;
}

static void send_desired(struct hub_session *session) {
    const struct hub_publication *p = session->sending;
    Holdfast__V1__Desired desired;
    struct cm_err err;

    holdfast__v1__desired__init(&desired);
    desired.epoch = p->epoch;
    desired.generation = p->generation;
    desired.manifest_sha256 = (ProtobufCBinaryData){.len = sizeof(p->sha256.bytes),
                                                    .data = (uint8_t *)(uintptr_t)p->sha256.bytes};
    desired.manifest_size = (uint32_t)p->manifest->size;
    desired.signature =
        (ProtobufCBinaryData){.len = p->signature_size, .data = (uint8_t *)(uintptr_t)p->signature};
    name_signer(session, &p->signer, &desired);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *squeezed = add_manifest(session, &desired);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *payload = wire_pack(&desired.base);
    if (hub_session_give(session, WIRE_DESIRED, payload, &err) == CM_OK) {
        session->desired_due = false;
        session->signer = p->signer.sha256;
        cm_metric_add(session->owner->metric_manifests, 1);
    }
}

// Sends what is left of one blob; false when the queue is full and the rest must wait.
static bool send_blob(struct hub_session *session, struct hub_outgoing *out) {
    const struct found found = find_blob(session, &out->name);
    struct cm_err err;

    if (found.bytes == NULL && !out->was_asked) {
        return true;
    }
    if (found.bytes == NULL) {
        charge_missing(session);
    }
    do {
        if (cm_net_queued_bytes(session->conn) > PUMP_BYTES || session->pumped > SQUEEZE_BYTES ||
            send_piece(session, out, &found, &err) < 0) {
            return false;
        }
    } while (found.bytes != NULL && out->offset < found.bytes->size);
    note_last(session, out, &found);
    cm_metric_add(session->owner->metric_blobs, 1);
    return true;
}

static void pump(struct hub_session *session) {
    while (session->outgoing_at < session->outgoing_count) {
        if (!send_blob(session, &session->outgoing[session->outgoing_at])) {
            return;
        }
        forget_older(&session->outgoing[session->outgoing_at]);
        session->asked -= session->outgoing[session->outgoing_at].was_asked ? 1 : 0;
        session->outgoing_at++;
    }
    hub_session_forget_outgoing(session);
    if (session->desired_due) {
        send_desired(session);
    }
}

// What is sent in one go leaves in one go: a record and a packet instead of one for each frame.
void hub_session_pump(struct hub_session *session) {
    session->pumped = 0;
    cm_net_hold(session->conn);
    pump(session);
    cm_net_let_go(session->conn);
}

// ---- What to push ahead: what the manifest that the agent holds did not have

static const struct hub_pair *find_pair(const struct hub_desired *d, const char *app) {
    size_t low = 0;
    size_t high = d->pair_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(d->pairs[middle].app, app);

        if (order == 0) {
            return &d->pairs[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

static void push_object(struct hub_session *session, const struct hub_object *object,
                        const struct hub_object *before) {
    if (before == NULL) {
        (void)enqueue(session, &object->sha256, false);
    } else if (!cm_sha256_equal(&before->sha256, &object->sha256)) {
        enqueue_newer(session, &object->sha256, &before->sha256,
                      before->secret ? NULL : before->bytes);
    }
}

// Both lists are sorted by key: a walk along both finds what is new.
static void push_bundle(struct hub_session *session, const struct hub_bundle *bundle,
                        const struct hub_bundle *before) {
    const struct hub_bundle_spec *now = &bundle->spec;
    size_t old_count = before == NULL ? 0 : before->spec.object_count;
    size_t k = 0;

    enqueue_newer(session, &bundle->sha256, before == NULL ? NULL : &before->sha256,
                  before == NULL ? NULL : before->bytes);
    for (size_t i = 0; i < now->object_count; i++) {
        while (k < old_count && strcmp(before->spec.objects[k].key, now->objects[i].key) < 0) {
            k++;
        }
        bool known = k < old_count && strcmp(before->spec.objects[k].key, now->objects[i].key) == 0;
        push_object(session, &now->objects[i], known ? &before->spec.objects[k] : NULL);
    }
}

static void push_news(struct hub_session *session) {
    const struct hub_desired *now = session->sending->desired;
    const struct hub_desired *then = session->held == NULL ? NULL : session->held->desired;

    for (size_t i = 0; i < now->pair_count; i++) {
        const struct hub_pair *pair = &now->pairs[i];
        const struct hub_pair *before = then == NULL ? NULL : find_pair(then, pair->app);

        if (before == NULL || !cm_sha256_equal(&before->bundle->sha256, &pair->bundle->sha256)) {
            push_bundle(session, pair->bundle, before == NULL ? NULL : before->bundle);
        }
    }
}

// An agent that holds what the hub never made or made differently: the hub's database is an older
// copy than the one that the agent was served from. It refuses what goes back in epoch or
// generation, and another manifest of the same ones, also if it lacks a part of what it holds.
static bool is_ahead(const struct hub_claim *claim, const struct hub_publication *p) {
    if (claim->generation == 0) {
        return false;
    }
    if (claim->epoch > p->epoch || claim->generation > p->generation) {
        return true;
    }
    return claim->epoch == p->epoch && claim->generation == p->generation && claim->known &&
           !cm_sha256_equal(&claim->sha256, &p->sha256);
}

// find_beyond returns an App that the agent would apply with its own rights, not knowing that there
// are others; NULL: none.
static const char *find_beyond(const struct hub_session *session, const struct hub_desired *d) {
    for (size_t i = 0; !session->impersonates && i < d->pair_count; i++) {
        if (d->pairs[i].bundle->spec.account[0] != '\0') {
            return d->pairs[i].app;
        }
    }
    return NULL;
}

static void tell_old(struct hub_session *session, const char *app) {
    const char *cluster = session->member->cluster;
    CM_AUTOFREE char *why =
        cm_strf("nothing new is sent to this agent: it is too old for App '%.200s', which has a "
                "serviceAccountName, and would apply it with its own rights; upgrade the agent",
                app);

    if (session->told_old) {
        return;
    }
    session->told_old = true;
    cm_log(CM_LOG_WARN, "agent.too_old", why, "cluster", cluster, NULL);
    hub_presence_too_old(session->owner->config.store, cluster, app, why);
}

void hub_session_offer(struct hub_session *session) {
    const struct hub_sessions_config *config = &session->owner->config;
    struct hub_publication *p = session->member->in_force;
    const char *beyond = p == NULL ? NULL : find_beyond(session, p->desired);

    if (beyond != NULL) {
        tell_old(session, beyond);
    }
    if (p == NULL || beyond != NULL || session->trust_due || hub_freeze_holds_up(session)) {
        return;
    }
    bool again = is_same(session->sending, p);
    hub_publication_unref(session->sending);
    session->sending = hub_publication_ref(p);
    bool unproved = session->keeps_signer && !has_signer(session, &p->signer);
    if (again) { // what is under way goes on, from the new one
        session->desired_due |= unproved && !is_ahead(&session->claim, p);
        hub_session_pump(session);
        return;
    }
    hub_session_forget_outgoing(session);
    if (is_ahead(&session->claim, p)) {
        config->behind(config->ctx, session->member->cluster, session->claim.epoch,
                       session->claim.generation, session->claim.new_disk);
        return; // the next publication is above what the agent holds
    }
    bool news = !is_same(session->held, p);
    // What it has is proved by another signer: its signature is sent anew, and nothing else.
    session->desired_due = news || unproved;
    if (news && session->held != NULL) {
        push_news(session);
    }
    hub_session_pump(session);
}

// One of the names that a Want asks for.
struct wanted {
    struct cm_sha256 name;
    size_t place; // in the message
    bool waits;   // is on its way already
};

static int compare_wanted(const void *a, const void *b) {
    return memcmp(a, b, sizeof(struct cm_sha256));
}

static int compare_places(const void *a, const void *b) {
    size_t x = ((const struct wanted *)a)->place;
    size_t y = ((const struct wanted *)b)->place;

    return x < y ? -1 : x > y;
}

// take_names gives the names of a message, sorted, each of them once.
static size_t take_names(const Holdfast__V1__Want *want, struct wanted *out) {
    size_t count = 0;
    size_t kept = 0;

    for (size_t i = 0; i < want->n_sha256; i++) {
        if (want->sha256[i].len == sizeof(out->name.bytes)) {
            out[count] = (struct wanted){.place = i};
            memcpy(out[count++].name.bytes, want->sha256[i].data, sizeof(out->name.bytes));
        }
    }
    qsort(out, count, sizeof(*out), compare_wanted);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare_wanted(&out[kept - 1], &out[i]) != 0) {
            out[kept++] = out[i];
        }
    }
    return kept;
}

// What could not be read of a blob may be what was sent of it already, and who asks for it anew
// passes that over.
static void make_plain(struct hub_outgoing *out) {
    out->plain = true;
    out->offset = 0;
}

// Marks as asked for what is on its way already. The list is gone through once a message.
static void ask_waiting(struct hub_session *session, struct wanted *names, size_t count,
                        bool plain) {
    for (size_t i = session->outgoing_at; i < session->outgoing_count; i++) {
        struct hub_outgoing *out = &session->outgoing[i];
        struct wanted *name = bsearch(&out->name, names, count, sizeof(*names), compare_wanted);

        if (name != NULL) {
            session->asked += out->was_asked ? 0 : 1;
            out->was_asked = true;
            name->waits = true;
            if (plain) {
                make_plain(out);
            }
        }
    }
}

size_t hub_session_waiting(const struct hub_session *session) {
    return session->outgoing_count - session->outgoing_at;
}

enum cm_rc hub_session_want(struct hub_session *session, const void *message, struct cm_err *err) {
    const Holdfast__V1__Want *want = message;

    if (session->asked + want->n_sha256 > WAITING_MAX) {
        return cm_fail(err, CM_EINVAL, "more than %zu blobs are asked for at once", WAITING_MAX);
    }
    if (session->sending == NULL) {
        return CM_OK; // nothing is in force; what was asked for is asked again once something is
    }
    CM_AUTOFREE struct wanted *names = cm_new(want->n_sha256 + 1, sizeof(*names));
    size_t count = take_names(want, names);
    ask_waiting(session, names, count, want->plain);
    qsort(names, count, sizeof(*names),
          compare_places); // in the order in which they were asked for
    for (size_t i = 0; i < count; i++) {
        if (!names[i].waits) {
            enqueue(session, &names[i].name, true)->plain = want->plain;
        }
    }
    hub_session_pump(session);
    return CM_OK;
}

void hub_session_learn(struct hub_session *session, const struct hub_claim *claim) {
    struct hub_publication *p = session->member->in_force;

    session->claim = *claim;
    if (claim->whole && p != NULL && p->epoch == claim->epoch &&
        p->generation == claim->generation && cm_sha256_equal(&p->sha256, &claim->sha256)) {
        hub_publication_unref(session->held);
        session->held = hub_publication_ref(p);
    }
}

void hub_session_learn_report(struct hub_session *session, uint64_t epoch, uint64_t generation) {
    struct hub_publication *p = session->sending;

    // The agent works on it, so it is whole on its disk.
    if (p != NULL && p != session->held && p->epoch == epoch && p->generation == generation) {
        hub_publication_unref(session->held);
        session->held = hub_publication_ref(p);
    }
}
