#include "hub/access/keyfiles.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/access/authority.h"

#define PEM_MAX ((size_t)64 * 1024)

void keypair_done(struct keypair *p) {
    cm_key_free(p->key);
    cm_cert_free(p->cert);
    free(p->der);
    *p = (struct keypair){0};
}

enum cm_rc keys_read_key(const char *path, struct cm_key **out, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *pem = NULL;
    enum cm_rc rc = cm_fsys_read(path, PEM_MAX, &pem, err);

    rc = rc < 0 ? rc : cm_key_from_pem((const char *)pem->data, pem->size, out, err);
    return rc < 0 && rc != CM_ENOTFOUND ? cm_wrap(err, "%s", path) : rc;
}

enum cm_rc keys_read_cert(const char *dir, const char *name, struct cm_cert **out,
                          struct cm_err *err) {
    CM_AUTOFREE char *path = cm_strf("%s/%s.crt", dir, name);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *pem = NULL;
    enum cm_rc rc = cm_fsys_read(path, PEM_MAX, &pem, err);

    rc = rc < 0 ? rc : cm_cert_from_pem((const char *)pem->data, pem->size, out, err);
    return rc < 0 && rc != CM_ENOTFOUND ? cm_wrap(err, "%s", path) : rc;
}

static enum cm_rc write_key(const char *dir, const char *name, const struct cm_key *key,
                            struct cm_err *err) {
    CM_AUTOFREE char *path = cm_strf("%s/%s.key", dir, name);
    char *pem = cm_key_to_pem(key);
    enum cm_rc rc = cm_fsys_replace(path, pem, strlen(pem), 0600, err);

    cm_secret_free(pem);
    return rc;
}

enum cm_rc keys_write_cert(const char *dir, const char *name, const struct cm_cert *cert,
                           struct cm_err *err) {
    CM_AUTOFREE char *path = cm_strf("%s/%s.crt", dir, name);
    CM_AUTOFREE char *pem = cm_cert_to_pem(cert);

    return cm_fsys_replace(path, pem, strlen(pem), 0644, err);
}

bool keys_exist(const char *dir, const char *file) {
    CM_AUTOFREE char *path = cm_strf("%s/%s", dir, file);

    return access(path, F_OK) == 0;
}

struct cm_cert *keys_copy_cert(const struct cm_cert *cert) {
    CM_AUTOFREE char *pem = cm_cert_to_pem(cert);
    struct cm_cert *copy = NULL;
    struct cm_err err;

    return cm_cert_from_pem(pem, strlen(pem), &copy, &err) < 0 ? NULL : copy;
}

// ---- A key with its certificate

bool keypair_belongs(const struct keypair *p) {
    struct cm_sha256 key = cm_key_sha256(p->key);
    struct cm_sha256 certified = cm_cert_key_sha256(p->cert);

    return cm_sha256_equal(&key, &certified);
}

enum cm_rc keypair_load(const char *dir, const char *name, struct keypair *out,
                        struct cm_err *err) {
    CM_AUTOFREE char *key_path = cm_strf("%s/%s.key", dir, name);
    enum cm_rc rc = keys_read_cert(dir, name, &out->cert, err);

    if (rc < 0) {
        return rc;
    }
    cm_cert_to_der(out->cert, &out->der, &out->der_size);
    rc = keys_read_key(key_path, &out->key, err);
    if (rc == CM_ENOTFOUND) {
        return CM_OK;
    }
    if (rc == CM_OK && !keypair_belongs(out)) {
        return cm_fail(err, CM_ENOTFOUND,
                       "%s and %s.crt do not belong together; restore them from a backup", key_path,
                       name);
    }
    return rc;
}

enum cm_rc keypair_save(const char *dir, const char *name, const struct keypair *p,
                        struct cm_err *err) {
    enum cm_rc rc = p->key == NULL ? CM_OK : write_key(dir, name, p->key, err);

    return rc < 0 ? rc : keys_write_cert(dir, name, p->cert, err);
}

int64_t keys_end_of(const struct keypair *issuer, int64_t end_ms) {
    int64_t latest_ms = issuer == NULL ? end_ms : cm_cert_not_after_ms(issuer->cert);

    return end_ms < latest_ms ? end_ms : latest_ms;
}

// Nothing begins before 1970 on a machine whose clock does.
static int64_t early(int64_t now_ms) {
    return now_ms > KEYS_EARLY_MS ? now_ms - KEYS_EARLY_MS : 0;
}

enum cm_rc keypair_certify(struct keypair *out, struct cm_cert_request *request, int64_t life_ms,
                           const struct keypair *issuer, struct cm_err *err) {
    int64_t now_ms = cm_clock_unix_ms();

    request->not_before_ms = early(now_ms);
    request->not_after_ms = keys_end_of(issuer, now_ms + life_ms);
    out->key = cm_key_new();

    enum cm_rc rc = cm_cert_issue(request, out->key, issuer == NULL ? NULL : issuer->cert,
                                  issuer == NULL ? out->key : issuer->key, &out->cert, err);
    if (rc < 0) {
        return rc;
    }
    cm_cert_to_der(out->cert, &out->der, &out->der_size);
    return CM_OK;
}

// ---- What the root certifies

static enum cm_rc make_certified(const char *dir, const char *name, const struct keypair *root,
                                 struct cm_cert_request *request, struct keypair *out,
                                 struct cm_err *err) {
    keypair_done(out);
    enum cm_rc rc = keypair_certify(out, request, KEYS_LIFE_MS, root, err);

    return rc < 0 ? rc : keypair_save(dir, name, out, err);
}

// The certificate of the one that gives way is on disk before anything else is written.
enum cm_rc keys_make_issuer(const char *dir, const struct keypair *root, struct keypair *issuer,
                            struct cm_err *err) {
    struct cm_cert_request request = {.use = CM_CERT_ISSUER, .common_name = "holdfast issuer"};
    enum cm_rc rc =
        issuer->cert == NULL ? CM_OK : keys_write_cert(dir, "issuer.before", issuer->cert, err);

    return rc < 0 ? rc : make_certified(dir, "issuer", root, &request, issuer, err);
}

enum cm_rc keys_make_signer(const char *dir, const struct keypair *root, const char *hub_id,
                            struct keypair *signer, struct cm_err *err) {
    CM_AUTOFREE char *uri = cm_strf("holdfast://%s/signer", hub_id);
    struct cm_cert_request request = {
        .use = CM_CERT_SIGNER, .common_name = "holdfast signer", .uri = uri};

    return make_certified(dir, "signer", root, &request, signer, err);
}
