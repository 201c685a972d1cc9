#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

#include "common/mem.h"
#include "common/tls/keys.h"
#include "common/tls/openssl.h"

// Ours have about 220 bytes.
#define CSR_MAX 4096

static void free_request(X509_REQ **req) {
    X509_REQ_free(*req);
}

void cm_csr_make(const struct cm_key *key, uint8_t **out, size_t *out_size) {
    CM_CLEANUP(free_request) X509_REQ *req = X509_REQ_new_ex(cm_openssl_library(), NULL);
    uint8_t *der = NULL;

    cm_openssl_must(req != NULL && X509_REQ_set_version(req, X509_REQ_VERSION_1) == 1 &&
                        X509_REQ_set_pubkey(req, key->pkey) == 1 &&
                        X509_REQ_sign(req, key->pkey, EVP_sha256()) > 0,
                    "make a certificate request");
    int size = i2d_X509_REQ(req, &der);
    cm_openssl_must(size > 0, "encode a certificate request");
    *out = memcpy(cm_new((size_t)size, 1), der, (size_t)size);
    *out_size = (size_t)size;
    OPENSSL_free(der);
}

enum cm_rc cm_csr_key(const uint8_t *der, size_t size, struct cm_key **out, struct cm_err *err) {
    CM_CLEANUP(free_request) X509_REQ *req = X509_REQ_new_ex(cm_openssl_library(), NULL);
    const uint8_t *at = der;

    if (size > CSR_MAX) {
        return cm_fail(err, CM_EINVAL, "the certificate request is longer than %d bytes", CSR_MAX);
    }
    cm_openssl_must(req != NULL, "allocate");
    if (d2i_X509_REQ(&req, &at, (long)size) == NULL || at != der + size) {
        ERR_clear_error();
        return cm_fail(err, CM_EINVAL, "the certificate request is malformed");
    }
    // First the kind of key: a giant RSA key would make checking the signature dear.
    if (!cm_spki_is_p256(X509_REQ_get_X509_PUBKEY(req))) {
        return cm_fail(err, CM_EINVAL, "the certificate request is not for a P-256 key");
    }
    if (X509_REQ_get_signature_nid(req) != NID_ecdsa_with_SHA256 ||
        X509_REQ_verify(req, X509_REQ_get0_pubkey(req)) != 1) {
        ERR_clear_error();
        return cm_fail(err, CM_EINVAL, "the certificate request is not signed by its own key");
    }
    *out = cm_key_wrap(X509_REQ_get_pubkey(req), false);
    return CM_OK;
}
