// A manifest's way from the hub to being in force: proof, blobs, disk.
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
#include "proto/squeeze.h"
#include "proto/wire.h"

enum {
    ASKED_MAX = 8 * 1024 * 1024, // bytes asked for and not here yet, unless one blob is larger
    UNASKED_MAX = 16 * 1024 * 1024,
    UNPROVEN_MAX = 4 * 1024 * 1024,
    AGAIN_MS = 30000,
};

static void evaluate(struct agent_link *l);

static void assembly_free(void *value) {
    struct assembly *a = value;

    cm_buf_unref(a->bytes);
    free(a);
}

static void unref_buf(void *buf) {
    cm_buf_unref(buf);
}

static void unref_bundle(void *bundle) {
    agent_bundle_unref(bundle);
}

static void candidate_free(struct candidate *c) {
    if (c != NULL) {
        agent_desired_free(c->desired);
        free(c->proof);
        free(c);
    }
}

static void run_again(void *ctx) {
    struct agent_link *l = ctx;

    if (l->state == LINK_UP && l->candidate != NULL) {
        evaluate(l);
    }
}

void fetch_init(struct agent_link *l) {
    l->bundles = cm_map_new(unref_bundle);
    l->assemblies = cm_map_new(assembly_free);
    l->unproven = cm_map_new(unref_buf);
    l->again = (struct cm_timer){.run = run_again, .ctx = l};
    l->ends = (struct cm_timer){.run = link_end_exemptions, .ctx = l};
}

static void forget_asked(struct agent_link *l) {
    cm_map_free(l->assemblies);
    l->assemblies = cm_map_new(assembly_free);
    l->asked_bytes = 0;
    l->asked_count = 0;
    l->unasked_bytes = 0;
    free(l->lacks);
    l->lacks = NULL;
    l->lack_count = 0;
    l->lack_next = 0;
    l->is_missing = false;
    cm_timer_stop(l->loop, &l->again);
}

static void drop_candidate(struct agent_link *l) {
    candidate_free(l->candidate);
    l->candidate = NULL;
    forget_asked(l);
}

void fetch_reset(struct agent_link *l) {
    drop_candidate(l);
    l->plain = false;
    cm_map_free(l->unproven);
    l->unproven = cm_map_new(unref_buf);
    l->unproven_bytes = 0;
    cm_buf_unref(l->signer);
    l->signer = NULL;
}

void fetch_done(struct agent_link *l) {
    fetch_reset(l);
    cm_timer_stop(l->loop, &l->ends);
    cm_map_free(l->bundles);
    cm_map_free(l->assemblies);
    cm_map_free(l->unproven);
}

static const char *hex_of(const struct cm_sha256 *name, char hex[CM_SHA256_HEX_MAX]) {
    cm_sha256_hex(name, hex);
    return hex;
}

// ---- Proof

static enum cm_rc check_proof(const struct agent_link *l, const struct cm_trust *trust,
                              const struct agent_in_force *f, int64_t at_ms, struct cm_err *err) {
    CM_CLEANUP(cm_cert_freep) struct cm_cert *signer = NULL;
    char uri[CM_CERT_URI_MAX];
    enum cm_rc rc = cm_cert_from_der(f->signer_der, f->signer_size, &signer, err);

    if (rc < 0) {
        return cm_wrap(err, "the manifest's signer");
    }
    at_ms = at_ms == 0 ? cm_cert_not_before_ms(signer) : at_ms;
    if (cm_trust_verify(trust, signer, CM_CERT_SIGNER, at_ms, err) < 0) {
        return cm_fail(err, CM_EAUTH, "the manifest's signer is not certified by our root");
    }
    if (!cm_cert_uri(signer, uri) || strcmp(uri, l->signer_uri) != 0) {
        return cm_fail(err, CM_EAUTH, "the manifest's signer is not our hub's");
    }
    CM_CLEANUP(cm_buf_unrefp)
    struct cm_buf *text = wire_desired_to_be_signed(l->identity.cluster_id, f->epoch, f->generation,
                                                    f->manifest.bytes);
    if (!cm_cert_check(signer, text->data, text->size, f->signature, f->signature_size)) {
        return cm_fail(err, CM_EAUTH, "the manifest's signature is wrong");
    }
    return CM_OK;
}

enum cm_rc fetch_check_proof(const struct agent_link *l, const struct agent_in_force *f,
                             int64_t at_ms, struct cm_err *err) {
    return check_proof(l, &l->identity.trust, f, at_ms, err);
}

bool fetch_is_proven_by(const struct agent_link *l, const struct cm_trust *trust) {
    const struct agent_in_force *f = agent_cache_in_force(l->cache);
    const struct candidate *c = l->candidate;
    struct cm_err err;

    return (f->generation == 0 || check_proof(l, trust, f, 0, &err) == CM_OK) &&
           (c == NULL || check_proof(l, trust, &c->meta, 0, &err) == CM_OK);
}

// ---- Signers' certificates, which the hub sends once

struct cm_sha256 fetch_signer_held(const struct agent_link *l) {
    const struct agent_in_force *f = agent_cache_in_force(l->cache);

    return f->generation == 0 ? (struct cm_sha256){0} : cm_sha256(f->signer_der, f->signer_size);
}

// find_signer gives the certificate that a hash names, if it came on this connection or is on disk.
static bool find_signer(const struct agent_link *l, const ProtobufCBinaryData *name,
                        struct agent_in_force *f) {
    const struct agent_in_force *held = agent_cache_in_force(l->cache);
    struct cm_sha256 last =
        l->signer == NULL ? (struct cm_sha256){0} : cm_sha256(l->signer->data, l->signer->size);
    struct cm_sha256 on_disk = fetch_signer_held(l);

    if (name->len != CM_SHA256_SIZE) {
        return false;
    }
    if (l->signer != NULL && memcmp(last.bytes, name->data, CM_SHA256_SIZE) == 0) {
        f->signer_der = l->signer->data;
        f->signer_size = l->signer->size;
        return true;
    }
    f->signer_der = held->signer_der;
    f->signer_size = held->signer_size;
    return held->generation > 0 && memcmp(on_disk.bytes, name->data, CM_SHA256_SIZE) == 0;
}

static bool take_signer(struct agent_link *l, const Holdfast__V1__Desired *m,
                        struct agent_in_force *f) {
    if (m->signer_der.len == 0) {
        return find_signer(l, &m->signer_sha256, f);
    }
    cm_buf_unref(l->signer);
    l->signer = cm_buf_copy(m->signer_der.data, m->signer_der.len);
    f->signer_der = l->signer->data;
    f->signer_size = l->signer->size;
    return true;
}

// ---- What is lacking

static void lack(struct agent_link *l, struct cm_map *seen, const struct cm_sha256 *name,
                 uint32_t size, bool secret) {
    char hex[CM_SHA256_HEX_MAX];

    if (cm_map_get(seen, hex_of(name, hex)) != NULL) {
        return;
    }
    cm_map_put(seen, hex, l);
    if ((l->lack_count & (l->lack_count - 1)) == 0) { // grows when it is a power of two
        size_t capacity = l->lack_count == 0 ? 1 : l->lack_count * 2;

        l->lacks = cm_resize(l->lacks, capacity * sizeof(*l->lacks));
    }
    l->lacks[l->lack_count++] = (struct lack){*name, size, secret};
}

// load_bundle gives an App its bundle, decoded before or from disk; CM_ENOTFOUND if it is lacking.
static enum cm_rc load_bundle(struct agent_link *l, struct agent_desired_app *app,
                              struct cm_err *err) {
    CM_CLEANUP(agent_bundle_unrefp) struct agent_bundle *fresh = NULL;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    char hex[CM_SHA256_HEX_MAX];
    struct agent_bundle *known = cm_map_get(l->bundles, hex_of(&app->bundle_sha256, hex));
    const struct agent_allowed allowed = link_allowed(l);

    // Asking also keeps it from being left behind by a snapshot.
    if (!agent_cache_has(l->cache, &app->bundle_sha256)) {
        return cm_fail(err, CM_ENOTFOUND, "the bundle of App '%s' is lacking", app->name);
    }
    if (known != NULL && link_exempts_alike(l, known)) {
        return agent_desired_attach(app, known, err);
    }
    enum cm_rc rc = agent_cache_blob(l->cache, &app->bundle_sha256, false, &bytes, err);
    if (rc < 0) {
        return rc == CM_EIO ? cm_fail(err, CM_ENOTFOUND, "the bundle cannot be read") : rc;
    }
    rc = agent_bundle_decode_exempt(bytes->data, bytes->size, &app->bundle_sha256, &allowed, &fresh,
                                    err);
    return rc == CM_OK ? agent_desired_attach(app, fresh, err) : rc;
}

static enum cm_rc load_bundles(struct agent_link *l, struct agent_desired *d, struct cm_map *seen,
                               struct cm_err *err) {
    for (size_t i = 0; i < d->app_count; i++) {
        struct agent_desired_app *app = &d->apps[i];
        enum cm_rc rc = app->bundle != NULL ? CM_OK : load_bundle(l, app, err);

        if (rc == CM_ENOTFOUND) {
            lack(l, seen, &app->bundle_sha256, app->bundle_size, false);
        } else if (rc < 0) {
            return rc;
        }
    }
    return CM_OK;
}

// take_unproven: a bundle says that these bytes are a Secret's.
static bool take_unproven(struct agent_link *l, const struct agent_entry *entry) {
    char hex[CM_SHA256_HEX_MAX];
    struct cm_buf *bytes = cm_map_get(l->unproven, hex_of(&entry->sha256, hex));

    if (bytes == NULL || !entry->secret || bytes->size != entry->size) {
        return false;
    }
    agent_cache_put_blob(l->cache, &entry->sha256, bytes);
    l->unproven_bytes -= bytes->size;
    (void)cm_map_remove(l->unproven, hex);
    return true;
}

static void find_objects(struct agent_link *l, const struct agent_bundle *b, struct cm_map *seen) {
    for (size_t i = 0; i < b->entry_count; i++) {
        const struct agent_entry *e = &b->entries[i];

        if (!agent_cache_has(l->cache, &e->sha256) && !take_unproven(l, e)) {
            lack(l, seen, &e->sha256, e->size, e->secret);
        }
    }
}

static enum cm_rc load_manifest(struct agent_link *l, const struct agent_in_force *meta,
                                struct agent_desired **out, struct cm_err *err) {
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = NULL;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    enum cm_rc rc = agent_cache_blob(l->cache, &meta->manifest, false, &bytes, err);

    if (rc == CM_OK) {
        rc = agent_desired_decode(bytes->data, bytes->size, l->identity.cluster_id, &d, err);
    }
    if (rc < 0) {
        return rc;
    }
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference) it was decoded
    if (d->epoch != meta->epoch || d->generation != meta->generation) {
        return cm_fail(err, CM_EINVAL,
                       "the manifest is of another generation than it was signed "
                       "for");
    }
    link_hold_back(l, d);
    *out = CM_TAKE(d);
    return CM_OK;
}

// find_all finds the objects of an App. What is held back is not asked for.
static void find_all(struct agent_link *l, struct agent_desired *d, struct agent_desired_app *app,
                     struct cm_map *seen) {
    size_t before = l->lack_count;

    if (app->held == NULL) {
        find_objects(l, app->bundle, seen);
        return;
    }
    CM_CLEANUP(cm_map_freep) struct cm_map *own = cm_map_new(NULL);
    find_objects(l, app->bundle, own);
    if (l->lack_count > before) {
        l->lack_count = before;
        link_hold_still(d, app);
    }
}

// find_lacks fills l->lacks with what a candidate still needs; none: it is complete.
static enum cm_rc find_lacks(struct agent_link *l, struct candidate *c, struct cm_err *err) {
    CM_CLEANUP(cm_map_freep) struct cm_map *seen = cm_map_new(NULL);
    enum cm_rc rc = CM_OK;

    if (c->desired == NULL && !agent_cache_has(l->cache, &c->meta.manifest)) {
        lack(l, seen, &c->meta.manifest, c->size, false);
        return CM_OK;
    }
    if (c->desired == NULL) {
        rc = load_manifest(l, &c->meta, &c->desired, err);
    }
    if (rc == CM_OK) {
        rc = load_bundles(l, c->desired, seen, err);
    }
    if (rc < 0 || l->lack_count > 0) {
        return rc;
    }
    for (size_t i = 0; i < c->desired->app_count; i++) {
        find_all(l, c->desired, &c->desired->apps[i], seen);
    }
    return CM_OK;
}

// ---- In force

struct adopting {
    struct agent_link *link;
    struct agent_desired *desired;
};

static void keep_bundles(struct agent_link *l, const struct agent_desired *d) {
    cm_map_free(l->bundles);
    l->bundles = cm_map_new(unref_bundle);
    for (size_t i = 0; i < d->app_count; i++) {
        char hex[CM_SHA256_HEX_MAX];

        cm_map_put(l->bundles, hex_of(&d->apps[i].bundle_sha256, hex),
                   agent_bundle_ref(d->apps[i].bundle));
    }
}

static void put_in_force(struct agent_link *l, struct agent_desired *d) {
    agent_desired_finish(d);
    keep_bundles(l, d);
    link_await_end(l);
    l->host.in_force(l->host.ctx, d);
}

// load_anew gives what the disk says, once it says it (adopted calls again), and asks for what was
// not fetched while it was held back.
static void load_anew(struct agent_link *l) {
    if (l->adopting > 0) {
        return;
    }
    agent_link_load(l);
    if (!l->whole && !agent_cache_is_doubted(l->cache)) {
        agent_link_refetch(l);
    }
}

static void proven_anew(void *ctx, const struct cm_err *error) {
    struct agent_link *l = ctx;

    if (error->code == CM_OK && !l->stopping) {
        link_trust_proven(l);
    }
}

static void adopted(void *ctx, const struct cm_err *error) {
    struct adopting *a = ctx;

    CM_FAULT_POINT("manifest-on-disk");
    a->link->adopting--;
    proven_anew(a->link, error);
    if (error->code == CM_OK && !a->link->stopping &&
        (link_holds_otherwise(a->link, a->desired) ||
         link_exempts_otherwise(a->link, a->desired))) {
        agent_desired_free(a->desired);
        load_anew(a->link);
    } else if (error->code == CM_OK && !a->link->stopping) {
        put_in_force(a->link, a->desired);
    } else {
        agent_desired_free(a->desired);
    }
    free(a);
}

static void adopt(struct agent_link *l) {
    struct candidate *c = CM_TAKE(l->candidate);
    struct adopting *a = cm_new(1, sizeof(*a));
    char generation[CM_LOG_INT_MAX];

    cm_log(CM_LOG_INFO, "agent.manifest", "a new manifest is here whole", "cluster",
           l->identity.cluster_name, "generation",
           cm_log_int((int64_t)c->meta.generation, generation), NULL);
    forget_asked(l);
    a->link = l;
    a->desired = CM_TAKE(c->desired);
    agent_cache_set_in_force(l->cache, &c->meta);
    link_hold_no_more(l, a->desired);
    l->adopting++;
    agent_cache_commit(l->cache, adopted, a);
    l->whole = true;
    l->proven = true;
    l->plain = false;
    candidate_free(c);
}

static void refuse(struct agent_link *l, const struct agent_in_force *f, const char *why) {
    char generation[CM_LOG_INT_MAX];

    cm_log(CM_LOG_ERROR, "agent.manifest_refused", why, "cluster", l->identity.cluster_name,
           "generation", cm_log_int((int64_t)f->generation, generation), NULL);
}

static void evaluate(struct agent_link *l) {
    struct cm_err err;

    forget_asked(l);
    if (find_lacks(l, l->candidate, &err) < 0) {
        refuse(l, &l->candidate->meta, err.msg);
        drop_candidate(l);
    } else if (l->lack_count > 0) {
        fetch_pump(l);
    } else {
        adopt(l);
    }
}

// ---- Desired

// newest is the manifest that nothing may be older than.
static const struct agent_in_force *newest(const struct agent_link *l) {
    static const struct agent_in_force none;

    if (l->candidate != NULL) {
        return &l->candidate->meta;
    }
    return l->proven ? agent_cache_in_force(l->cache) : &none;
}

static bool is_same(const struct agent_in_force *a, const struct agent_in_force *b) {
    return a->epoch == b->epoch && a->generation == b->generation &&
           cm_sha256_equal(&a->manifest, &b->manifest);
}

static enum cm_rc check_order(const struct agent_in_force *f, const struct agent_in_force *known,
                              struct cm_err *err) {
    if (f->generation == 0) {
        return cm_fail(err, CM_EINVAL, "a manifest without a generation");
    }
    if (f->epoch < known->epoch || f->generation < known->generation) {
        return cm_fail(err, CM_EINVAL,
                       "it is older than what is known (epoch %llu, generation %llu)",
                       (unsigned long long)known->epoch, (unsigned long long)known->generation);
    }
    if (f->epoch == known->epoch && f->generation == known->generation &&
        !cm_sha256_equal(&f->manifest, &known->manifest)) {
        return cm_fail(err, CM_EINVAL, "another manifest has this generation already");
    }
    return CM_OK;
}

static struct candidate *candidate_new(const struct agent_in_force *f, uint32_t size) {
    struct candidate *c = cm_new(1, sizeof(*c));

    c->proof = cm_new(1, f->signature_size + f->signer_size + 1);
    memcpy(c->proof, f->signature, f->signature_size);
    memcpy(c->proof + f->signature_size, f->signer_der, f->signer_size);
    c->meta = *f;
    c->meta.signature = c->proof;
    c->meta.signer_der = c->proof + f->signature_size;
    c->size = size;
    return c;
}

// say_plain has what is asked for from now on come as it is, until we have all of a manifest: then
// we have what the next one is squeezed against.
static void say_plain(struct agent_link *l, const char *why) {
    if (!l->plain) {
        cm_log(CM_LOG_INFO, "agent.squeezed_unread", why, "cluster", l->identity.cluster_name,
               NULL);
    }
    l->plain = true;
}

// unsqueeze makes the bytes of a blob from an offset on of what was squeezed. It may be that it
// cannot, as we lack what that was squeezed against.
static bool unsqueeze(struct agent_link *l, const ProtobufCBinaryData *squeezed,
                      const ProtobufCBinaryData *base_name, size_t offset, uint8_t *out,
                      size_t size) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *base = NULL;
    struct wire_bytes slice = {0};
    struct cm_sha256 name;
    struct cm_err err;
    enum cm_rc rc = CM_OK;

    if (base_name->len == sizeof(name.bytes)) {
        memcpy(name.bytes, base_name->data, sizeof(name.bytes));
        rc = agent_cache_blob_size(l->cache, &name) > WIRE_BASE_MAX
                 ? cm_fail(&err, CM_EINVAL, "it is squeezed against what is too large")
                 : agent_cache_blob(l->cache, &name, false, &base, &err);
        slice =
            rc < 0 ? slice : wire_base_slice((struct wire_bytes){base->data, base->size}, offset);
    }
    if (rc == CM_OK) {
        rc = wire_unsqueeze((struct wire_bytes){squeezed->data, squeezed->len}, slice, out, size,
                            &err);
    }
    if (rc < 0) {
        rc = cm_wrap(&err, "what came squeezed cannot be read");
        say_plain(l, err.msg);
    }
    return rc == CM_OK;
}

// The bytes are good if they are what the manifest's name says; else they are asked for.
static void take_inline(struct agent_link *l, const struct agent_in_force *f,
                        const Holdfast__V1__Desired *m) {
    bool squeezed = m->squeezed.len > 0;
    size_t size = squeezed ? m->manifest_size : m->manifest.len;

    if (size == 0 || size > WIRE_BLOB_PIECE) {
        return;
    }
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = cm_buf_new(size);
    if (!squeezed) {
        memcpy(bytes->data, m->manifest.data, size);
    } else if (!unsqueeze(l, &m->squeezed, &m->base_sha256, 0, bytes->data, size)) {
        return;
    }
    struct cm_sha256 hash = cm_sha256(bytes->data, bytes->size);
    if (cm_sha256_equal(&hash, &f->manifest)) {
        agent_cache_put_blob(l->cache, &f->manifest, bytes);
    }
}

static void candidate_prove(struct candidate *c, const struct agent_in_force *f) {
    struct candidate *other = candidate_new(f, c->size);
    uint8_t *proof = c->proof;

    c->meta = other->meta;
    c->proof = other->proof;
    other->proof = proof;
    candidate_free(other);
}

// prove_anew keeps another signature under what is in force, or on its way there: the hub has
// another signer now.
static void prove_anew(struct agent_link *l, const struct agent_in_force *f) {
    const struct agent_in_force *known = newest(l);
    struct cm_sha256 held = cm_sha256(known->signer_der, known->signer_size);
    struct cm_sha256 signer = cm_sha256(f->signer_der, f->signer_size);
    struct cm_err err;

    if (cm_sha256_equal(&held, &signer)) {
        return;
    }
    if (fetch_check_proof(l, f, link_hub_ms(l), &err) < 0) {
        refuse(l, f, err.msg);
        return;
    }
    if (l->candidate != NULL) {
        candidate_prove(l->candidate, f);
        return;
    }
    agent_cache_set_in_force(l->cache, f);
    agent_cache_commit(l->cache, proven_anew, l);
}

void fetch_desired(struct agent_link *l, const Holdfast__V1__Desired *m) {
    struct agent_in_force f = {.epoch = m->epoch,
                               .generation = m->generation,
                               .signature = m->signature.data,
                               .signature_size = m->signature.len};
    struct cm_err err;

    if (m->manifest_sha256.len != sizeof(f.manifest.bytes) || m->manifest_size > WIRE_BLOB_MAX ||
        m->signature.len == 0 || !take_signer(l, m, &f)) {
        refuse(l, &f, "it is malformed");
        return;
    }
    memcpy(f.manifest.bytes, m->manifest_sha256.data, sizeof(f.manifest.bytes));
    if (is_same(&f, newest(l)) && (l->candidate != NULL || l->whole)) {
        prove_anew(l, &f);
        return;
    }
    if (check_order(&f, newest(l), &err) < 0 ||
        fetch_check_proof(l, &f, link_hub_ms(l), &err) < 0) {
        refuse(l, &f, err.msg);
        return;
    }
    drop_candidate(l);
    l->candidate = candidate_new(&f, m->manifest_size);
    take_inline(l, &f, m);
    evaluate(l);
}

// ---- Blobs

static void restart(struct assembly *a, uint32_t size) {
    cm_buf_unref(a->bytes);
    a->bytes = NULL;
    a->have = 0;
    a->size = size;
}

// ask_for notes that a blob is asked for.
static void ask_for(struct agent_link *l, const struct lack *want) {
    char hex[CM_SHA256_HEX_MAX];
    struct assembly *a = cm_map_get(l->assemblies, hex_of(&want->name, hex));

    if (a == NULL) {
        a = cm_new(1, sizeof(*a));
        a->name = want->name;
        a->size = want->size;
        cm_map_put(l->assemblies, hex, a);
    } else {
        l->unasked_bytes -= a->size; // it is on its way already
        if (want->size != 0 && want->size != a->size) {
            restart(a, want->size); // as another one than it shall be
        }
    }
    a->asked = true;
    a->secret = want->secret;
    a->plain = l->plain;
    l->asked_bytes += a->size;
    l->asked_count++;
}

void fetch_pump(struct agent_link *l) {
    Holdfast__V1__Want m;
    ProtobufCBinaryData names[WIRE_WANT_MAX];
    size_t next = l->lack_next;
    size_t bytes = l->asked_bytes;

    holdfast__v1__want__init(&m);
    m.sha256 = names;
    while (next < l->lack_count && m.n_sha256 + l->asked_count < WIRE_WANT_MAX &&
           (bytes == 0 || bytes + l->lacks[next].size <= ASKED_MAX)) {
        bytes += l->lacks[next].size;
        names[m.n_sha256++] =
            (ProtobufCBinaryData){.len = CM_SHA256_SIZE, .data = l->lacks[next++].name.bytes};
    }
    m.plain = l->plain;
    if (m.n_sha256 == 0 || !link_send(l, WIRE_WANT, &m.base)) {
        return; // nothing to ask, or when the queue has drained
    }
    while (l->lack_next < next) {
        ask_for(l, &l->lacks[l->lack_next++]);
    }
}

// settle goes on when a blob has come, or will not.
static void settle(struct agent_link *l) {
    if (l->candidate == NULL) {
        return;
    }
    fetch_pump(l);
    if (l->asked_count > 0 || l->lack_next < l->lack_count) {
        return;
    }
    if (l->is_missing) {
        cm_timer_start(l->loop, &l->again, AGAIN_MS);
    } else {
        evaluate(l);
    }
}

static void end_assembly(struct agent_link *l, struct assembly *a, const char *hex) {
    if (a->asked) {
        l->asked_bytes -= a->size;
        l->asked_count--;
    } else {
        l->unasked_bytes -= a->size;
    }
    (void)cm_map_remove(l->assemblies, hex);
}

static void give_up(struct agent_link *l, struct assembly *a, const char *hex, const char *why) {
    bool asked = a->asked;

    cm_log(CM_LOG_WARN, "agent.blob_refused", why, "cluster", l->identity.cluster_name, "blob", hex,
           NULL);
    end_assembly(l, a, hex);
    if (asked) {
        l->is_missing = true;
        settle(l);
    }
}

static void keep_unproven(struct agent_link *l, const struct assembly *a, const char *hex) {
    if (l->unproven_bytes + a->size <= UNPROVEN_MAX && cm_map_get(l->unproven, hex) == NULL) {
        l->unproven_bytes += a->size;
        cm_map_put(l->unproven, hex, cm_buf_ref(a->bytes));
    }
}

static void complete(struct agent_link *l, struct assembly *a, const char *hex) {
    struct cm_sha256 hash = cm_sha256(a->bytes->data, a->bytes->size);
    bool proven = cm_sha256_equal(&hash, &a->name);
    bool asked = a->asked;

    if (proven || (asked && a->secret && !a->squeezed)) {
        agent_cache_put_blob(l->cache, &a->name, a->bytes);
        agent_cache_commit(l->cache, NULL, NULL);
    } else if (!asked && !a->squeezed) { // it may be a Secret's
        keep_unproven(l, a, hex);
    } else {
        give_up(l, a, hex,
                a->secret ? "a Secret came squeezed: its length would tell of it"
                          : "its bytes are not what its name says");
        return;
    }
    end_assembly(l, a, hex);
    if (asked) {
        settle(l);
    }
}

// unasked begins a blob that the hub sends ahead; NULL if we do not take it.
static struct assembly *unasked(struct agent_link *l, const Holdfast__V1__Blob *m, const char *hex,
                                const struct cm_sha256 *name) {
    if (m->offset != 0 || m->missing || m->total_size > WIRE_BLOB_MAX ||
        l->unasked_bytes + m->total_size > UNASKED_MAX || agent_cache_has(l->cache, name)) {
        return NULL;
    }
    struct assembly *a = cm_new(1, sizeof(*a));
    a->name = *name;
    a->size = m->total_size;
    l->unasked_bytes += a->size;
    cm_map_put(l->assemblies, hex, a);
    return a;
}

// size_of is how many bytes a piece has that belongs where the assembly ends; of one that was
// squeezed as many as are left.
static size_t size_of(const struct assembly *a, const Holdfast__V1__Blob *m) {
    size_t left = a->size - a->have;

    if (m->squeezed.len == 0) {
        return m->data.len;
    }
    return left < WIRE_BLOB_PIECE ? left : WIRE_BLOB_PIECE;
}

// is_left_over tells whether a piece is of what was sent squeezed before it was asked for plain.
static bool is_left_over(const struct assembly *a, const Holdfast__V1__Blob *m) {
    return a->plain && a->have == 0 && m->offset > 0 && m->total_size == a->size;
}

static bool fits(const struct assembly *a, const Holdfast__V1__Blob *m) {
    return m->total_size == a->size && m->offset == a->have &&
           size_of(a, m) <= (size_t)(a->size - a->have) && (size_of(a, m) > 0 || a->size == 0);
}

// add_piece tells whether the piece could be read.
static bool add_piece(struct agent_link *l, struct assembly *a, const Holdfast__V1__Blob *m) {
    size_t size = size_of(a, m);

    if (a->bytes == NULL) {
        a->bytes = cm_buf_new(a->size);
    }
    if (m->squeezed.len > 0) {
        a->squeezed = true;
        if (!unsqueeze(l, &m->squeezed, &m->base_sha256, a->have, a->bytes->data + a->have, size)) {
            return false;
        }
    } else if (size > 0) {
        memcpy(a->bytes->data + a->have, m->data.data, size);
    }
    a->have += (uint32_t)size;
    return true;
}

// ask_again lets a blob be asked for once more, plain; a hub that squeezes it all the same is
// wrong.
static void ask_again(struct agent_link *l, struct assembly *a, const char *hex) {
    bool asked = a->asked;

    if (a->plain) {
        give_up(l, a, hex, "what was squeezed of it cannot be read");
        return;
    }
    end_assembly(l, a, hex);
    if (asked) {
        settle(l);
    }
}

void fetch_blob(struct agent_link *l, const Holdfast__V1__Blob *m) {
    char hex[CM_SHA256_HEX_MAX];
    struct cm_sha256 name;

    if (m->sha256.len != sizeof(name.bytes)) {
        return;
    }
    memcpy(name.bytes, m->sha256.data, sizeof(name.bytes));
    struct assembly *a = cm_map_get(l->assemblies, hex_of(&name, hex));
    if (a == NULL) {
        a = unasked(l, m, hex, &name);
    }
    if (a == NULL) {
        return;
    }
    if (m->missing) {
        give_up(l, a, hex, "the hub does not have it");
        return;
    }
    if (a->size == 0 && m->total_size <= WIRE_BLOB_MAX) { // asked for without knowing its size
        a->size = m->total_size;
        l->asked_bytes += a->size;
    }
    if (m->offset == 0 && a->have > 0) {
        restart(a, a->size); // the hub begins anew
    }
    if (is_left_over(a, m)) {
        return;
    }
    if (!fits(a, m)) {
        give_up(l, a, hex, "a piece of it is of the wrong size or in the wrong place");
    } else if (!add_piece(l, a, m)) {
        ask_again(l, a, hex);
    } else if (a->have == a->size) {
        complete(l, a, hex);
    }
}

// ---- From disk

static bool has_objects(struct agent_link *l, struct agent_desired *d) {
    CM_CLEANUP(cm_map_freep) struct cm_map *seen = cm_map_new(NULL);

    for (size_t i = 0; i < d->app_count; i++) {
        find_all(l, d, &d->apps[i], seen);
    }
    bool all = l->lack_count == 0;
    forget_asked(l);
    return all;
}

void agent_link_load(struct agent_link *l) {
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = NULL;
    CM_CLEANUP(cm_map_freep) struct cm_map *seen = cm_map_new(NULL);
    const struct agent_in_force *f = agent_cache_in_force(l->cache);
    struct cm_err err;

    if (!l->identity.enrolled || f->generation == 0) {
        return;
    }
    if (fetch_check_proof(l, f, 0, &err) < 0) {
        refuse(l, f, err.msg);
        return;
    }
    l->proven = true; // what is older than it is refused, even if not all of it is here
    enum cm_rc rc = load_manifest(l, f, &d, &err);
    if (rc == CM_OK) {
        rc = load_bundles(l, d, seen, &err);
    }
    bool bundles = l->lack_count == 0;
    forget_asked(l);
    if (rc < 0 || !bundles) {
        l->whole = false;
        refuse(l, f, rc < 0 ? err.msg : "some of its bundles are not on disk");
        return;
    }
    d->doubted = agent_cache_is_doubted(l->cache);
    l->whole = has_objects(l, d) && !d->doubted;
    put_in_force(l, CM_TAKE(d));
}

void agent_link_exempted(struct agent_link *l) {
    agent_link_held(l);
}

void agent_link_held(struct agent_link *l) {
    if (l->candidate != NULL && l->candidate->desired != NULL) {
        agent_desired_free(l->candidate->desired); // it is read again, as it is to be held
        l->candidate->desired = NULL;
        evaluate(l);
    }
    if (l->proven && !l->stopping) {
        load_anew(l);
    }
}

void agent_link_refetch(struct agent_link *l) {
    const struct agent_in_force *f = agent_cache_in_force(l->cache);

    l->whole = false;
    if (l->state == LINK_UP && l->candidate == NULL && l->proven) {
        l->candidate = candidate_new(f, 0);
        evaluate(l);
    }
}
