#include "hub/access/authority.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/session.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define ROOT_LIFE_MS (3650 * DAY_MS)
#define ISSUER_LIFE_MS (1825 * DAY_MS)
#define PEM_MAX ((size_t)64 * 1024)

struct identity {
    struct cm_key *key; // NULL for a root whose key was taken offline
    struct cm_cert *cert;
    uint8_t *der;
    size_t der_size;
};

struct hub_authority {
    char hub_id[CM_UUID_MAX];
    uint8_t secret_key[32];
    struct identity root;
    struct identity issuer;
    struct cm_cert *before; // the issuer before it; NULL: there was none
    struct identity signer;
    struct identity server;
};

static void identity_done(struct identity *id) {
    cm_key_free(id->key);
    cm_cert_free(id->cert);
    free(id->der);
    *id = (struct identity){0};
}

void hub_authority_free(struct hub_authority *a) {
    if (a == NULL) {
        return;
    }

    identity_done(&a->root);
    identity_done(&a->issuer);
    cm_cert_free(a->before);
    identity_done(&a->signer);
    identity_done(&a->server);
    explicit_bzero(a->secret_key, sizeof(a->secret_key));
    free(a);
}

static void free_authority(struct hub_authority **a) {
    hub_authority_free(*a);
}

static void unref_buf(struct cm_buf **buf) {
    if (*buf != NULL) {
        explicit_bzero((*buf)->data, (*buf)->size);
    }
    cm_buf_unref(*buf);
}

static enum cm_rc read_key(const char *path, struct cm_key **out, struct cm_err *err) {
    CM_CLEANUP(unref_buf) struct cm_buf *pem = NULL;
    enum cm_rc rc = cm_fsys_read(path, PEM_MAX, &pem, err);

    rc = rc < 0 ? rc : cm_key_from_pem((const char *)pem->data, pem->size, out, err);
    return rc < 0 && rc != CM_ENOTFOUND ? cm_wrap(err, "%s", path) : rc;
}

static enum cm_rc read_cert(const char *path, struct cm_cert **out, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *pem = NULL;
    enum cm_rc rc = cm_fsys_read(path, PEM_MAX, &pem, err);

    rc = rc < 0 ? rc : cm_cert_from_pem((const char *)pem->data, pem->size, out, err);
    return rc < 0 && rc != CM_ENOTFOUND ? cm_wrap(err, "%s", path) : rc;
}

static enum cm_rc write_key(const char *path, const struct cm_key *key, struct cm_err *err) {
    char *pem = cm_key_to_pem(key);
    enum cm_rc rc = cm_fsys_replace(path, pem, strlen(pem), 0600, err);

    cm_secret_free(pem);
    return rc;
}

static enum cm_rc write_cert(const char *path, const struct cm_cert *cert, struct cm_err *err) {
    CM_AUTOFREE char *pem = cm_cert_to_pem(cert);

    return cm_fsys_replace(path, pem, strlen(pem), 0644, err);
}

static bool belong_together(const struct identity *id) {
    struct cm_sha256 key = cm_key_sha256(id->key);
    struct cm_sha256 certified = cm_cert_key_sha256(id->cert);

    return cm_sha256_equal(&key, &certified);
}

// load reads NAME.key and NAME.crt. It fails with CM_ENOTFOUND if there is no certificate, or it is
// of another key: making them anew was interrupted. A certificate without a key is fine: id->key
// stays NULL.
static enum cm_rc load(const char *dir, const char *name, struct identity *id, struct cm_err *err) {
    CM_AUTOFREE char *key_path = cm_strf("%s/%s.key", dir, name);
    CM_AUTOFREE char *cert_path = cm_strf("%s/%s.crt", dir, name);
    enum cm_rc rc = read_cert(cert_path, &id->cert, err);

    if (rc < 0) {
        return rc;
    }
    cm_cert_to_der(id->cert, &id->der, &id->der_size);
    rc = read_key(key_path, &id->key, err);
    if (rc == CM_ENOTFOUND) {
        return CM_OK;
    }
    if (rc == CM_OK && !belong_together(id)) {
        return cm_fail(err, CM_ENOTFOUND,
                       "%s and %s do not belong together; restore them from a "
                       "backup",
                       key_path, cert_path);
    }
    return rc;
}

static enum cm_rc save(const char *dir, const char *name, const struct identity *id,
                       struct cm_err *err) {
    CM_AUTOFREE char *key_path = cm_strf("%s/%s.key", dir, name);
    CM_AUTOFREE char *cert_path = cm_strf("%s/%s.crt", dir, name);
    enum cm_rc rc = write_key(key_path, id->key, err);

    return rc < 0 ? rc : write_cert(cert_path, id->cert, err);
}

// What an issuer certifies ends with it at the latest: it would not be believed for longer.
static int64_t end_of(const struct identity *issuer, int64_t end_ms) {
    int64_t latest_ms = issuer == NULL ? end_ms : cm_cert_not_after_ms(issuer->cert);

    return end_ms < latest_ms ? end_ms : latest_ms;
}

static enum cm_rc certify(struct identity *id, struct cm_cert_request *request, int64_t life_ms,
                          const struct identity *issuer, struct cm_err *err) {
    int64_t now_ms = cm_clock_unix_ms();

    request->not_before_ms = now_ms - HUB_CERTIFY_EARLY_MS;
    request->not_after_ms = end_of(issuer, now_ms + life_ms);
    id->key = cm_key_new();

    enum cm_rc rc = cm_cert_issue(request, id->key, issuer == NULL ? NULL : issuer->cert,
                                  issuer == NULL ? id->key : issuer->key, &id->cert, err);
    if (rc < 0) {
        return rc;
    }
    cm_cert_to_der(id->cert, &id->der, &id->der_size);
    return CM_OK;
}

static bool is_fresh(const struct cm_cert *cert) {
    int64_t life_ms = cm_cert_not_after_ms(cert) - cm_cert_not_before_ms(cert);

    return cm_cert_not_after_ms(cert) - cm_clock_unix_ms() > life_ms / 3;
}

static bool exists(const char *dir, const char *file) {
    CM_AUTOFREE char *path = cm_strf("%s/%s", dir, file);

    return access(path, F_OK) == 0;
}

// A new root is made for a new hub only: agents would never believe it.
static enum cm_rc open_root(struct hub_authority *a, const char *dir, struct cm_err *err) {
    struct cm_cert_request request = {.use = CM_CERT_ROOT, .common_name = "holdfast root"};
    enum cm_rc rc = load(dir, "root", &a->root, err);

    if (rc != CM_ENOTFOUND) {
        return rc;
    }
    if (a->root.cert != NULL) {
        return err->code = CM_EINVAL;
    }
    if (exists(dir, "issuer.crt")) {
        return cm_fail(err, CM_EINVAL, "%s/root.crt is missing; restore it from a backup", dir);
    }
    rc = certify(&a->root, &request, ROOT_LIFE_MS, NULL, err);
    return rc < 0 ? rc : save(dir, "root", &a->root, err);
}

static enum cm_rc check_issued(const struct hub_authority *a, const struct identity *id,
                               enum cm_cert_use use, struct cm_err *err) {
    // Its age is judged elsewhere.
    int64_t at_ms = cm_cert_not_before_ms(id->cert);

    return cm_cert_verify(id->cert, use, NULL, 0, a->root.cert, at_ms, err);
}

static enum cm_rc make_certified(const struct hub_authority *a, const char *dir, const char *name,
                                 struct identity *id, struct cm_cert_request *request,
                                 struct cm_err *err) {
    identity_done(id);
    enum cm_rc rc = certify(id, request, ISSUER_LIFE_MS, &a->root, err);
    return rc < 0 ? rc : save(dir, name, id, err);
}

// keep_before writes the certificate of an issuer that gives way, before anything else is written.
static enum cm_rc keep_before(const char *dir, const struct identity *issuer, struct cm_err *err) {
    CM_AUTOFREE char *path = cm_strf("%s/issuer.before.crt", dir);

    return issuer->cert == NULL ? CM_OK : write_cert(path, issuer->cert, err);
}

static enum cm_rc load_before(struct hub_authority *a, const char *dir, struct cm_err *err) {
    CM_AUTOFREE char *path = cm_strf("%s/issuer.before.crt", dir);
    enum cm_rc rc = read_cert(path, &a->before, err);

    return rc == CM_ENOTFOUND ? CM_OK : rc;
}

// open_certified loads what the root certifies, and makes it (again) when it is missing or old.
static enum cm_rc open_certified(struct hub_authority *a, const char *dir, const char *name,
                                 struct identity *id, struct cm_cert_request *request,
                                 struct cm_err *err) {
    enum cm_rc rc = load(dir, name, id, err);

    if (rc < 0 && rc != CM_ENOTFOUND) {
        return rc;
    }
    if (rc == CM_OK && check_issued(a, id, request->use, err) < 0) {
        return cm_wrap(err, "%s/%s.crt", dir, name);
    }
    if (rc == CM_OK && id->key != NULL && (is_fresh(id->cert) || a->root.key == NULL)) {
        return CM_OK;
    }
    if (a->root.key == NULL) {
        return cm_fail(err, CM_EINVAL,
                       "%s/%s.key and .crt must be made anew and the root's key is offline; put "
                       "root.key back for one start",
                       dir, name);
    }
    rc = id == &a->issuer ? keep_before(dir, id, err) : CM_OK;
    return rc < 0 ? rc : make_certified(a, dir, name, id, request, err);
}

static enum cm_rc make_server(struct hub_authority *a, const char *const *hosts, size_t host_count,
                              struct cm_err *err) {
    CM_AUTOFREE char *uri = cm_strf("holdfast://%s/hub", a->hub_id);
    struct cm_cert_request request = {
        .use = CM_CERT_SERVER,
        .common_name = "holdfast hub",
        .uri = uri,
        .hosts = hosts,
        .host_count = host_count,
    };

    return certify(&a->server, &request, ISSUER_LIFE_MS, &a->issuer, err);
}

static enum cm_rc make_facts(struct hub_authority *a, const char *dir, struct cm_err *err) {
    CM_AUTOFREE char *id_path = cm_strf("%s/hub.id", dir);
    CM_AUTOFREE char *key_path = cm_strf("%s/secrets.key", dir);
    enum cm_rc rc;

    cm_uuid(a->hub_id);
    cm_random(a->secret_key, sizeof(a->secret_key));
    rc = cm_fsys_replace(key_path, a->secret_key, sizeof(a->secret_key), 0600, err);
    return rc < 0 ? rc : cm_fsys_replace(id_path, a->hub_id, CM_UUID_MAX - 1, 0644, err);
}

// The id is written last: where it is, the key is too.
static enum cm_rc open_facts(struct hub_authority *a, const char *dir, struct cm_err *err) {
    CM_AUTOFREE char *id_path = cm_strf("%s/hub.id", dir);
    CM_AUTOFREE char *key_path = cm_strf("%s/secrets.key", dir);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *id = NULL;
    CM_CLEANUP(unref_buf) struct cm_buf *key = NULL;
    enum cm_rc rc = cm_fsys_read(id_path, 64, &id, err);

    if (rc == CM_ENOTFOUND) {
        return make_facts(a, dir, err);
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

enum cm_rc hub_authority_open(const char *dir, const char *const *hosts, size_t host_count,
                              struct hub_authority **out, struct cm_err *err) {
    CM_CLEANUP(free_authority) struct hub_authority *a = cm_new(1, sizeof(*a));
    struct cm_cert_request issuer = {.use = CM_CERT_ISSUER, .common_name = "holdfast issuer"};
    CM_AUTOFREE char *signer_uri = NULL;
    enum cm_rc rc = cm_fsys_make_dir(dir, 0700, err);

    rc = rc < 0 ? rc : open_facts(a, dir, err);
    rc = rc < 0 ? rc : open_root(a, dir, err);
    rc = rc < 0 ? rc : open_certified(a, dir, "issuer", &a->issuer, &issuer, err);
    rc = rc < 0 ? rc : load_before(a, dir, err);
    if (rc < 0) {
        return cm_wrap(err, "open the hub's keys");
    }

    signer_uri = cm_strf("holdfast://%s/signer", a->hub_id);
    struct cm_cert_request signer = {
        .use = CM_CERT_SIGNER, .common_name = "holdfast signer", .uri = signer_uri};
    rc = open_certified(a, dir, "signer", &a->signer, &signer, err);
    rc = rc < 0 ? rc : make_server(a, hosts, host_count, err);
    if (rc < 0) {
        return cm_wrap(err, "open the hub's keys");
    }
    *out = CM_TAKE(a);
    return CM_OK;
}

// ---- Rotation by hand

static enum cm_rc load_root(struct hub_authority *a, const char *dir, const char *root_key,
                            struct cm_err *err) {
    enum cm_rc rc = load(dir, "root", &a->root, err);

    if (rc == CM_OK && root_key != NULL) {
        cm_key_free(a->root.key);
        a->root.key = NULL;
        rc = read_key(root_key, &a->root.key, err);
    }
    if (rc < 0) {
        return rc;
    }
    if (a->root.key == NULL) {
        return cm_fail(err, CM_EINVAL,
                       "the root's key is offline; say where it is: holdfast-hub rotate ROOT-KEY");
    }
    return belong_together(&a->root)
               ? CM_OK
               : cm_fail(err, CM_EINVAL, "%s is the key of another root", root_key);
}

enum cm_rc hub_authority_rotate(const char *dir, const char *root_key, struct cm_err *err) {
    CM_CLEANUP(free_authority) struct hub_authority *a = cm_new(1, sizeof(*a));
    struct cm_cert_request issuer = {.use = CM_CERT_ISSUER, .common_name = "holdfast issuer"};
    CM_AUTOFREE char *signer_uri = NULL;
    enum cm_rc rc = load_root(a, dir, root_key, err);

    rc = rc < 0 ? rc : open_facts(a, dir, err);
    rc = rc < 0 ? rc : load(dir, "issuer", &a->issuer, err);
    rc = rc < 0 ? rc : keep_before(dir, &a->issuer, err);
    rc = rc < 0 ? rc : make_certified(a, dir, "issuer", &a->issuer, &issuer, err);
    if (rc < 0) {
        return cm_wrap(err, "rotate the hub's issuer");
    }
    signer_uri = cm_strf("holdfast://%s/signer", a->hub_id);
    struct cm_cert_request signer = {
        .use = CM_CERT_SIGNER, .common_name = "holdfast signer", .uri = signer_uri};
    rc = make_certified(a, dir, "signer", &a->signer, &signer, err);
    return rc < 0 ? cm_wrap(err, "rotate the hub's signer") : CM_OK;
}

int64_t hub_authority_ends_ms(const struct hub_authority *a) {
    int64_t issuer_ms = cm_cert_not_after_ms(a->issuer.cert);
    int64_t signer_ms = cm_cert_not_after_ms(a->signer.cert);

    if (a->root.key != NULL || (is_fresh(a->issuer.cert) && is_fresh(a->signer.cert))) {
        return 0;
    }
    return issuer_ms < signer_ms ? issuer_ms : signer_ms;
}

const char *hub_authority_hub_id(const struct hub_authority *a) {
    return a->hub_id;
}

const uint8_t *hub_authority_secret_key(const struct hub_authority *a) {
    return a->secret_key;
}

struct cm_sha256 hub_authority_pin(const struct hub_authority *a) {
    return cm_cert_key_sha256(a->root.cert);
}

const uint8_t *hub_authority_root(const struct hub_authority *a, size_t *out_size) {
    *out_size = a->root.der_size;
    return a->root.der;
}

const uint8_t *hub_authority_issuer(const struct hub_authority *a, size_t *out_size) {
    *out_size = a->issuer.der_size;
    return a->issuer.der;
}

const uint8_t *hub_authority_signer(const struct hub_authority *a, size_t *out_size) {
    *out_size = a->signer.der_size;
    return a->signer.der;
}

enum cm_rc hub_authority_certify(const struct hub_authority *a, const struct hub_certify_ask *ask,
                                 struct hub_certificate *out, struct cm_err *err) {
    CM_AUTOFREE char *uri = cm_strf("holdfast://%s/cluster/%s", a->hub_id, ask->cluster_id);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *cert = NULL;
    int64_t now_ms = cm_clock_unix_ms();
    struct cm_cert_request request = {
        .use = CM_CERT_AGENT,
        .common_name = ask->cluster,
        .uri = uri,
        .not_before_ms = now_ms - HUB_CERTIFY_EARLY_MS,
        .not_after_ms = end_of(&a->issuer, ask->life_ms == 0 ? INT64_MAX : now_ms + ask->life_ms),
    };
    enum cm_rc rc = cm_cert_issue(&request, ask->key, a->issuer.cert, a->issuer.key, &cert, err);

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
    struct cm_cert *chain[] = {a->issuer.cert, a->before};

    return cm_cert_verify(cert, CM_CERT_AGENT, chain, a->before == NULL ? 1 : 2, a->root.cert,
                          cm_cert_not_before_ms(cert), err);
}

size_t hub_authority_sign(const struct hub_authority *a, const void *bytes, size_t size,
                          uint8_t out[CM_SIGNATURE_MAX]) {
    return cm_sign(a->signer.key, bytes, size, out);
}

const char *hub_authority_cluster_id(const struct hub_authority *a, const char *uri) {
    CM_AUTOFREE char *prefix = cm_strf("holdfast://%s/cluster/", a->hub_id);
    size_t len = strlen(prefix);

    if (strncmp(uri, prefix, len) != 0 || !cm_uuid_ok(uri + len)) {
        return NULL;
    }
    return uri + len;
}

static enum cm_rc make_tls(const struct hub_authority *a, enum cm_tls_role role,
                           struct cm_tls_context **out, struct cm_err *err) {
    struct cm_cert *chain[] = {a->server.cert, a->issuer.cert, a->root.cert};
    struct cm_cert *roots[] = {a->root.cert};
    struct cm_tls_config config = {
        .role = role,
        .key = a->server.key,
        .chain = chain,
        .chain_count = sizeof(chain) / sizeof(chain[0]),
        .roots = roots,
        .root_count = 1,
    };

    return cm_tls_context_new(&config, out, err);
}

enum cm_rc hub_authority_link_tls(const struct hub_authority *a, struct cm_tls_context **out,
                                  struct cm_err *err) {
    return make_tls(a, CM_TLS_SERVER_MUTUAL, out, err);
}

enum cm_rc hub_authority_enroll_tls(const struct hub_authority *a, struct cm_tls_context **out,
                                    struct cm_err *err) {
    return make_tls(a, CM_TLS_SERVER, out, err);
}

void hub_authority_api_tls(const struct hub_authority *a, char **out_key_pem,
                           char **out_chain_pem) {
    CM_AUTOFREE char *server = cm_cert_to_pem(a->server.cert);
    CM_AUTOFREE char *issuer = cm_cert_to_pem(a->issuer.cert);

    *out_key_pem = cm_key_to_pem(a->server.key);
    *out_chain_pem = cm_strf("%s%s", server, issuer);
}
