#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "common/tls/keys.h"
#include "common/tls/openssl.h"

struct cm_cert *cm_cert_wrap(X509 *x509) {
    struct cm_cert *cert = cm_new(1, sizeof(*cert));

    cert->x509 = x509;
    return cert;
}

void cm_cert_free(struct cm_cert *cert) {
    if (cert != NULL) {
        X509_free(cert->x509);
        free(cert);
    }
}

void cm_cert_freep(struct cm_cert **cert) {
    cm_cert_free(*cert);
}

char *cm_cert_to_pem(const struct cm_cert *cert) {
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;

    cm_openssl_must(bio != NULL && PEM_write_bio_X509(bio, cert->x509) == 1, "write a certificate");
    size_t size = (size_t)BIO_get_mem_data(bio, &data);
    char *text = memcpy(cm_new(size + 1, 1), data, size);
    BIO_free(bio);
    return text;
}

enum cm_rc cm_cert_from_pem(const char *pem, size_t size, struct cm_cert **out,
                            struct cm_err *err) {
    CM_CLEANUP(cm_pem_block_done) struct cm_pem_block block = {0};

    if (cm_pem_block_read(pem, size, &block, err) < 0) {
        return cm_wrap(err, "read a certificate");
    }
    if (strcmp(block.name, "CERTIFICATE") != 0) {
        return cm_fail(err, CM_EINVAL,
                       "read a certificate: the PEM text holds '%.32s'; use a 'CERTIFICATE'",
                       block.name);
    }
    return cm_cert_from_der(block.der, (size_t)block.der_size, out, err);
}

enum cm_rc cm_cert_from_der(const uint8_t *der, size_t size, struct cm_cert **out,
                            struct cm_err *err) {
    CM_CLEANUP(cm_cert_freep) struct cm_cert *cert = NULL;
    const uint8_t *at = der;

    if (size > CM_DER_MAX) {
        return cm_fail(err, CM_EINVAL, "the certificate is longer than %zu bytes", CM_DER_MAX);
    }
    X509 *x509 = X509_new_ex(cm_openssl_library(), NULL);
    cm_openssl_must(x509 != NULL, "allocate");
    if (d2i_X509(&x509, &at, (long)size) == NULL) { // it is freed
        return cm_fail(err, CM_EINVAL, "the certificate is malformed (%s)", cm_openssl_why());
    }
    cert = cm_cert_wrap(x509);
    if (at != der + size) {
        return cm_fail(err, CM_EINVAL, "the certificate is followed by other bytes");
    }
    if (!cm_spki_is_p256(X509_get_X509_PUBKEY(x509))) {
        return cm_fail(err, CM_EINVAL, "the certificate's key is not a P-256 key");
    }
    *out = CM_TAKE(cert);
    return CM_OK;
}

void cm_cert_to_der(const struct cm_cert *cert, uint8_t **out, size_t *out_size) {
    uint8_t *der = NULL;
    int size = i2d_X509(cert->x509, &der);

    cm_openssl_must(size > 0, "encode a certificate");
    *out = memcpy(cm_new((size_t)size, 1), der, (size_t)size);
    *out_size = (size_t)size;
    OPENSSL_free(der);
}

struct cm_sha256 cm_cert_key_sha256(const struct cm_cert *cert) {
    return cm_spki_sha256(X509_get_X509_PUBKEY(cert->x509));
}

struct cm_key *cm_cert_key(const struct cm_cert *cert) {
    EVP_PKEY *pkey = X509_get_pubkey(cert->x509);

    cm_openssl_must(pkey != NULL, "read a certificate's key"); // it was a P-256 key when it came in
    return cm_key_wrap(pkey, false);
}

static bool copy_uri(const ASN1_IA5STRING *uri, char out[CM_CERT_URI_MAX]) {
    const unsigned char *bytes = ASN1_STRING_get0_data(uri);
    int size = ASN1_STRING_length(uri);

    if (size <= 0 || size >= CM_CERT_URI_MAX) {
        return false;
    }
    for (int i = 0; i < size; i++) {
        if (bytes[i] <= ' ' || bytes[i] > '~') { // a NUL would hide what follows it
            return false;
        }
    }
    memcpy(out, bytes, (size_t)size);
    out[size] = '\0';
    return true;
}

bool cm_x509_uri(const X509 *x509, char out[CM_CERT_URI_MAX]) {
    GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    const GENERAL_NAME *found = NULL;
    int uris = 0;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_URI) {
            found = name;
            uris++;
        }
    }
    bool ok = uris == 1 && copy_uri(found->d.uniformResourceIdentifier, out);
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return ok;
}

bool cm_cert_uri(const struct cm_cert *cert, char out[CM_CERT_URI_MAX]) {
    return cm_x509_uri(cert->x509, out);
}

static int64_t time_ms(const ASN1_TIME *time) {
    struct tm tm = {0};

    return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) * 1000 : 0;
}

int64_t cm_cert_not_after_ms(const struct cm_cert *cert) {
    return time_ms(X509_get0_notAfter(cert->x509));
}

int64_t cm_cert_not_before_ms(const struct cm_cert *cert) {
    return time_ms(X509_get0_notBefore(cert->x509));
}
