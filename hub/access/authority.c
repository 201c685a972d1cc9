#include "hub/access/authority.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "common/tls/session.h"
#include "hub/access/keyfiles.h"

#define ROOT_ENDING_MS (365 * KEYS_DAY_MS) // agents must be reached before

// What is used at a time; never changed once it is.
struct state {
    struct keypair root;
    struct keypair issuer;
    struct keypair signer;
    struct hub_signer told; // of the signer
    struct keypair server;
    struct cm_cert *issuer_before; // NULL: there was none
    struct cm_cert *root_before;   // NULL: there was none
    uint8_t *cross_der;
    size_t cross_size;
    struct cm_cert *cross; // the root's key, certified by the one before; NULL
    struct hub_trust trust;
    struct state *older; // what was lent is good until the end
};

struct hub_authority {
    char *dir;
    char **hosts;
    size_t host_count;
    char hub_id[CM_UUID_MAX];
    uint8_t secret_key[32];
    uint8_t value_key[32];
    struct state *_Atomic now;
};

static const struct state *now_of(const struct hub_authority *a) {
    return atomic_load(&a->now);
}

static void state_free(struct state *s) {
    keypair_done(&s->root);
    keypair_done(&s->issuer);
    keypair_done(&s->signer);
    keypair_done(&s->server);
    cm_cert_free(s->issuer_before);
    cm_cert_free(s->root_before);
    cm_cert_free(s->cross);
    free(s->cross_der);
    hub_trust_done(&s->trust);
    free(s);
}

static void state_freep(struct state **s) {
    if (*s != NULL) {
        state_free(*s);
    }
}

void hub_authority_free(struct hub_authority *a) {
    if (a == NULL) {
        return;
    }

    for (struct state *s = atomic_load(&a->now); s != NULL;) {
        struct state *older = s->older;

        state_free(s);
        s = older;
    }
    for (size_t i = 0; i < a->host_count; i++) {
        free(a->hosts[i]);
    }
    free(a->hosts);
    free(a->dir);
    explicit_bzero(a->secret_key, sizeof(a->secret_key));
    explicit_bzero(a->value_key, sizeof(a->value_key));
    free(a);
}

static void free_authority(struct hub_authority **a) {
    hub_authority_free(*a);
}

// ---- Opening

// What ends with its root cannot be made to live longer.
static bool is_fresh(const struct state *s, const struct cm_cert *cert) {
    int64_t life_ms = cm_cert_not_after_ms(cert) - cm_cert_not_before_ms(cert);

    if (cm_cert_not_after_ms(cert) >= cm_cert_not_after_ms(s->root.cert)) {
        return true;
    }

    life_ms = life_ms > KEYS_LIFE_MS ? KEYS_LIFE_MS : life_ms;
    return cm_cert_not_after_ms(cert) - cm_clock_unix_ms() > life_ms / 3;
}

static enum cm_rc fail_interrupted(struct cm_err *err) {
    return cm_fail(
        err, CM_EINVAL,
        "a change of the root was interrupted; run 'holdfast-hub rotate-root finish' once "
        "more");
}

// A new root is made for a new hub only: agents would never believe it.
static enum cm_rc open_root(struct state *s, const char *dir, struct cm_err *err) {
    struct cm_cert_request request = {.use = CM_CERT_ROOT, .common_name = "holdfast root"};
    enum cm_rc rc = keypair_load(dir, "root", &s->root, err);

    if (rc != CM_ENOTFOUND) {
        return rc;
    }
    if (s->root.cert != NULL && keys_exist(dir, "root.next.crt")) {
        return fail_interrupted(err);
    }
    if (s->root.cert != NULL) {
        return err->code = CM_EINVAL;
    }
    if (keys_exist(dir, "issuer.crt")) {
        return cm_fail(err, CM_EINVAL, "%s/root.crt is missing; restore it from a backup", dir);
    }
    rc = keypair_certify(&s->root, &request, KEYS_ROOT_LIFE_MS, NULL, err);
    return rc < 0 ? rc : keypair_save(dir, "root", &s->root, err);
}

static enum cm_rc load_optional(const char *dir, const char *name, struct cm_cert **out,
                                struct cm_err *err) {
    enum cm_rc rc = keys_read_cert(dir, name, out, err);

    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

static enum cm_rc check_issued(const struct state *s, const char *dir, const char *name,
                               const struct keypair *p, enum cm_cert_use use, struct cm_err *err) {
    // Its age is judged elsewhere.
    int64_t at_ms = cm_cert_not_before_ms(p->cert);

    if (cm_cert_verify(p->cert, use, NULL, 0, s->root.cert, at_ms, err) == CM_OK) {
        return CM_OK;
    }
    if (keys_exist(dir, "root.next.crt")) {
        return fail_interrupted(err);
    }
    return cm_wrap(err, "%s/%s.crt", dir, name);
}

// load_certified loads what the root certifies; *out_old tells that it is to be made (again).
static enum cm_rc load_certified(const struct state *s, const char *dir, const char *name,
                                 enum cm_cert_use use, struct keypair *out, bool *out_old,
                                 struct cm_err *err) {
    enum cm_rc rc = keypair_load(dir, name, out, err);

    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    if (rc == CM_OK && check_issued(s, dir, name, out, use, err) < 0) {
        return err->code;
    }
    bool good = rc == CM_OK && out->key != NULL;
    *out_old = !good || (s->root.key != NULL && !is_fresh(s, out->cert));
    if (*out_old && s->root.key == NULL) {
        return cm_fail(err, CM_EINVAL,
                       "%s/%s.key and .crt must be made anew and the root's key is offline; put "
                       "root.key back for one start",
                       dir, name);
    }
    return CM_OK;
}

static enum cm_rc open_issuer(struct state *s, const char *dir, struct cm_err *err) {
    bool old = false;
    enum cm_rc rc = load_certified(s, dir, "issuer", CM_CERT_ISSUER, &s->issuer, &old, err);

    return rc < 0 || !old ? rc : keys_make_issuer(dir, &s->root, &s->issuer, err);
}

static enum cm_rc open_signer(struct state *s, const char *dir, const char *hub_id,
                              struct cm_err *err) {
    bool old = false;
    enum cm_rc rc = load_certified(s, dir, "signer", CM_CERT_SIGNER, &s->signer, &old, err);

    rc = rc < 0 || !old ? rc : keys_make_signer(dir, &s->root, hub_id, &s->signer, err);
    if (rc == CM_OK) {
        s->told = (struct hub_signer){.der = s->signer.der,
                                      .size = s->signer.der_size,
                                      .sha256 = cm_sha256(s->signer.der, s->signer.der_size)};
    }
    return rc;
}

static enum cm_rc make_server(const struct hub_authority *a, struct state *s, struct cm_err *err) {
    CM_AUTOFREE char *uri = cm_strf("holdfast://%s/hub", a->hub_id);
    struct cm_cert_request request = {
        .use = CM_CERT_SERVER,
        .common_name = "holdfast hub",
        .uri = uri,
        .hosts = (const char *const *)a->hosts,
        .host_count = a->host_count,
    };

    return keypair_certify(&s->server, &request, KEYS_LIFE_MS, &s->issuer, err);
}

static enum cm_rc open_state(const struct hub_authority *a, struct state **out,
                             struct cm_err *err) {
    CM_CLEANUP(state_freep) struct state *s = cm_new(1, sizeof(*s));
    enum cm_rc rc = open_root(s, a->dir, err);

    rc = rc < 0 ? rc : open_issuer(s, a->dir, err);
    rc = rc < 0 ? rc : load_optional(a->dir, "issuer.before", &s->issuer_before, err);
    rc = rc < 0 ? rc : load_optional(a->dir, "root.before", &s->root_before, err);
    rc = rc < 0 ? rc : load_optional(a->dir, "root.cross", &s->cross, err);
    rc = rc < 0 ? rc : open_signer(s, a->dir, a->hub_id, err);
    rc = rc < 0 ? rc : keys_read_trust(a->dir, s->root.cert, &s->trust, err);
    rc = rc < 0 ? rc : make_server(a, s, err);
    if (rc < 0) {
        return cm_wrap(err, "open the hub's keys");
    }
    if (s->cross != NULL) {
        cm_cert_to_der(s->cross, &s->cross_der, &s->cross_size);
    }
    *out = CM_TAKE(s);
    return CM_OK;
}

static enum cm_rc make_facts(struct hub_authority *a, struct cm_err *err) {
    CM_AUTOFREE char *id_path = cm_strf("%s/hub.id", a->dir);
    CM_AUTOFREE char *key_path = cm_strf("%s/secrets.key", a->dir);
    enum cm_rc rc;

    cm_uuid(a->hub_id);
    cm_random(a->secret_key, sizeof(a->secret_key));
    rc = cm_fsys_replace(key_path, a->secret_key, sizeof(a->secret_key), 0600, err);
    return rc < 0 ? rc : cm_fsys_replace(id_path, a->hub_id, CM_UUID_MAX - 1, 0644, err);
}

static void make_value_key(struct hub_authority *a) {
    static const char purpose[] = "holdfast values v1";
    struct cm_sha256 key =
        cm_hmac_sha256(a->secret_key, sizeof(a->secret_key), purpose, strlen(purpose));

    memcpy(a->value_key, key.bytes, sizeof(a->value_key));
    explicit_bzero(&key, sizeof(key));
}

// The id is written last: where it is, the key is too.
static enum cm_rc open_facts(struct hub_authority *a, struct cm_err *err) {
    CM_AUTOFREE char *id_path = cm_strf("%s/hub.id", a->dir);
    CM_AUTOFREE char *key_path = cm_strf("%s/secrets.key", a->dir);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *id = NULL;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *key = NULL;
    enum cm_rc rc = cm_fsys_read(id_path, 64, &id, err);

    if (rc == CM_ENOTFOUND) {
        return make_facts(a, err);
    }
    rc = rc < 0 ? rc : cm_fsys_read(key_path, 64, &key, err);
    if (rc < 0) {
        return rc;
    }
    if (id->size != CM_UUID_MAX - 1 || key->size != sizeof(a->secret_key)) {
        return cm_fail(err, CM_EINVAL, "%s or %s is damaged; restore it from a backup", id_path,
                       key_path);
    }
    memcpy(a->hub_id, id->data, id->size);
    memcpy(a->secret_key, key->data, key->size);
    return cm_uuid_ok(a->hub_id)
               ? CM_OK
               : cm_fail(err, CM_EINVAL, "%s holds no UUID; restore it from a backup", id_path);
}

static void copy_hosts(struct hub_authority *a, const char *const *hosts, size_t count) {
    a->hosts = cm_new(count + 1, sizeof(*a->hosts));
    for (; a->host_count < count; a->host_count++) {
        a->hosts[a->host_count] = cm_strdup(hosts[a->host_count]);
    }
}

enum cm_rc hub_authority_open(const char *dir, const char *const *hosts, size_t host_count,
                              struct hub_authority **out, struct cm_err *err) {
    CM_CLEANUP(free_authority) struct hub_authority *a = cm_new(1, sizeof(*a));
    struct state *s = NULL;
    enum cm_rc rc = cm_fsys_make_dir(dir, 0700, err);

    a->dir = cm_strdup(dir);
    copy_hosts(a, hosts, host_count);
    rc = rc < 0 ? rc : open_facts(a, err);
    make_value_key(a);
    if (rc < 0) {
        return cm_wrap(err, "open the hub's keys");
    }
    rc = open_state(a, &s, err);
    if (rc < 0) {
        return rc;
    }
    atomic_store(&a->now, s);
    *out = CM_TAKE(a);
    return CM_OK;
}

// ---- Anew, while it is used

static bool is_same(const struct keypair *a, const struct keypair *b) {
    return a->der_size == b->der_size && memcmp(a->der, b->der, a->der_size) == 0;
}

enum cm_rc hub_authority_reload(struct hub_authority *a, struct hub_authority_news *out_news,
                                struct cm_err *err) {
    struct state *before = atomic_load(&a->now);
    struct state *s = NULL;
    enum cm_rc rc = open_state(a, &s, err);

    if (rc < 0) {
        return rc;
    }
    *out_news = (struct hub_authority_news){
        .issuer = !is_same(&before->issuer, &s->issuer),
        .signer = !is_same(&before->signer, &s->signer),
        .roots = before->trust.set.version != s->trust.set.version,
    };
    s->older = before;
    atomic_store(&a->now, s);
    return CM_OK;
}

// A server's certificate that begins in the future was made when the clock was ahead.
bool hub_authority_is_due(const struct hub_authority *a) {
    const struct state *s = now_of(a);
    bool old =
        s->root.key != NULL && (!is_fresh(s, s->issuer.cert) || !is_fresh(s, s->signer.cert));

    return old || cm_cert_not_before_ms(s->server.cert) > cm_clock_unix_ms();
}

int64_t hub_authority_ends_ms(const struct hub_authority *a) {
    const struct state *s = now_of(a);
    int64_t issuer_ms = cm_cert_not_after_ms(s->issuer.cert);
    int64_t signer_ms = cm_cert_not_after_ms(s->signer.cert);

    if (s->root.key != NULL || (is_fresh(s, s->issuer.cert) && is_fresh(s, s->signer.cert))) {
        return 0;
    }
    return issuer_ms < signer_ms ? issuer_ms : signer_ms;
}

int64_t hub_authority_root_ends_ms(const struct hub_authority *a) {
    int64_t ends_ms = cm_cert_not_after_ms(now_of(a)->root.cert);

    return ends_ms - cm_clock_unix_ms() < ROOT_ENDING_MS ? ends_ms : 0;
}

// ---- What it is asked for

const char *hub_authority_hub_id(const struct hub_authority *a) {
    return a->hub_id;
}

const uint8_t *hub_authority_secret_key(const struct hub_authority *a) {
    return a->secret_key;
}

const uint8_t *hub_authority_value_key(const struct hub_authority *a) {
    return a->value_key;
}

struct cm_sha256 hub_authority_pin(const struct hub_authority *a) {
    return cm_cert_key_sha256(now_of(a)->root.cert);
}

static const uint8_t *lend(const struct keypair *p, size_t *out_size) {
    *out_size = p->der_size;
    return p->der;
}

const uint8_t *hub_authority_root(const struct hub_authority *a, size_t *out_size) {
    return lend(&now_of(a)->root, out_size);
}

const uint8_t *hub_authority_issuer(const struct hub_authority *a, size_t *out_size) {
    return lend(&now_of(a)->issuer, out_size);
}

const uint8_t *hub_authority_cross(const struct hub_authority *a, size_t *out_size) {
    *out_size = now_of(a)->cross_size;
    return now_of(a)->cross_der;
}

const uint8_t *hub_authority_signer(const struct hub_authority *a, size_t *out_size) {
    return lend(&now_of(a)->signer, out_size);
}

const struct hub_trust *hub_authority_trust(const struct hub_authority *a) {
    return &now_of(a)->trust;
}

enum cm_rc hub_authority_certify(const struct hub_authority *a, const struct hub_certify_ask *ask,
                                 struct hub_certificate *out, struct cm_err *err) {
    CM_AUTOFREE char *uri = cm_strf("holdfast://%s/cluster/%s", a->hub_id, ask->cluster_id);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *cert = NULL;
    const struct keypair *issuer = &now_of(a)->issuer;
    int64_t now_ms = cm_clock_unix_ms();
    struct cm_cert_request request = {
        .use = CM_CERT_AGENT,
        .common_name = ask->cluster,
        .uri = uri,
        .not_before_ms = now_ms - HUB_CERTIFY_EARLY_MS,
        .not_after_ms = keys_end_of(issuer, ask->life_ms == 0 ? INT64_MAX : now_ms + ask->life_ms),
    };
    enum cm_rc rc = cm_cert_issue(&request, ask->key, issuer->cert, issuer->key, &cert, err);

    if (rc < 0) {
        return rc;
    }
    cm_cert_to_der(cert, &out->der, &out->size);
    out->begins_ms = cm_cert_not_before_ms(cert);
    out->ends_ms = cm_cert_not_after_ms(cert);
    return CM_OK;
}

enum cm_rc hub_authority_check(const struct hub_authority *a, const struct cm_cert *cert,
                               struct cm_err *err) {
    const struct state *s = now_of(a);
    struct cm_cert *chain[] = {s->issuer.cert, s->issuer_before};
    size_t count = s->issuer_before == NULL ? 1 : 2;
    int64_t at_ms = cm_cert_not_before_ms(cert);
    enum cm_rc rc = cm_cert_verify(cert, CM_CERT_AGENT, chain, count, s->root.cert, at_ms, err);

    return rc == CM_OK || s->root_before == NULL
               ? rc
               : cm_cert_verify(cert, CM_CERT_AGENT, chain, count, s->root_before, at_ms, err);
}

size_t hub_authority_sign(const struct hub_authority *a, const void *bytes, size_t size,
                          uint8_t out[CM_SIGNATURE_MAX], struct hub_signer *out_signer) {
    const struct state *s = now_of(a);

    *out_signer = s->told;
    return cm_sign(s->signer.key, bytes, size, out);
}

const char *hub_authority_cluster_id(const struct hub_authority *a, const char *uri) {
    CM_AUTOFREE char *prefix = cm_strf("holdfast://%s/cluster/", a->hub_id);
    size_t len = strlen(prefix);

    if (strncmp(uri, prefix, len) != 0 || !cm_uuid_ok(uri + len)) {
        return NULL;
    }
    return uri + len;
}

// ---- TLS

// What a listener's configuration points to.
struct tls {
    struct cm_cert *chain[4];
    struct cm_cert *roots[2];
    struct cm_tls_config config;
};

// The root's key as the root before certified it comes before the root itself: for who believes
// only that one, the first of the two counts. Who enrolls looks for the root.
static void fill_tls(const struct state *s, enum cm_tls_role role, struct tls *t) {
    size_t count = 0;

    t->chain[count++] = s->server.cert;
    t->chain[count++] = s->issuer.cert;
    if (s->cross != NULL) {
        t->chain[count++] = s->cross;
    }
    t->chain[count++] = s->root.cert;
    t->roots[0] = s->root.cert;
    t->roots[1] = s->root_before;
    t->config = (struct cm_tls_config){.role = role,
                                       .key = s->server.key,
                                       .chain = t->chain,
                                       .chain_count = count,
                                       .roots = t->roots,
                                       .root_count = s->root_before == NULL ? 1 : 2};
}

enum cm_rc hub_authority_link_tls(const struct hub_authority *a, struct cm_tls_context **out,
                                  struct cm_err *err) {
    struct tls t;

    fill_tls(now_of(a), CM_TLS_SERVER_MUTUAL, &t);
    return cm_tls_context_new(&t.config, out, err);
}

enum cm_rc hub_authority_enroll_tls(const struct hub_authority *a, struct cm_tls_context **out,
                                    struct cm_err *err) {
    struct tls t;

    fill_tls(now_of(a), CM_TLS_SERVER, &t);
    return cm_tls_context_new(&t.config, out, err);
}

enum cm_rc hub_authority_renew_tls(const struct hub_authority *a, struct cm_tls_context *link,
                                   struct cm_tls_context *enroll, struct cm_err *err) {
    struct tls t;

    fill_tls(now_of(a), CM_TLS_SERVER_MUTUAL, &t);
    enum cm_rc rc = cm_tls_context_replace(link, &t.config, err);
    t.config.role = CM_TLS_SERVER;
    return rc < 0 ? rc : cm_tls_context_replace(enroll, &t.config, err);
}

void hub_authority_api_tls(const struct hub_authority *a, char **out_key_pem,
                           char **out_chain_pem) {
    const struct state *s = now_of(a);
    CM_AUTOFREE char *server = cm_cert_to_pem(s->server.cert);
    CM_AUTOFREE char *issuer = cm_cert_to_pem(s->issuer.cert);
    CM_AUTOFREE char *cross = s->cross == NULL ? cm_strdup("") : cm_cert_to_pem(s->cross);

    *out_key_pem = cm_key_to_pem(s->server.key);
    *out_chain_pem = cm_strf("%s%s%s", server, issuer, cross);
}
