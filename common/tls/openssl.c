#include "common/tls/openssl.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

void cm_openssl_must(bool ok, const char *what) {
    if (!ok) {
        (void)fprintf(stderr, "OpenSSL cannot %s: %s\n", what, cm_openssl_why());
        abort();
    }
}

const char *cm_openssl_why(void) {
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return reason == NULL ? "no reason given" : reason;
}

static bool holds_two_blocks(const char *pem, size_t size) {
    static const char begin[] = "-----BEGIN ";
    const char *first = memmem(pem, size, begin, sizeof(begin) - 1);

    if (first == NULL) {
        return false;
    }
    first += sizeof(begin) - 1;
    return memmem(first, size - (size_t)(first - pem), begin, sizeof(begin) - 1) != NULL;
}

enum cm_rc cm_pem_block_read(const char *pem, size_t size, struct cm_pem_block *out,
                             struct cm_err *err) {
    struct cm_pem_block block = {0};
    char *header = NULL;

    if (size > CM_PEM_MAX) {
        return cm_fail(err, CM_EINVAL, "the PEM text is longer than %zu bytes", CM_PEM_MAX);
    }
    if (holds_two_blocks(pem, size)) {
        return cm_fail(err, CM_EINVAL, "the PEM text holds more than one block");
    }

    BIO *bio = BIO_new_mem_buf(pem, (int)size);
    cm_openssl_must(bio != NULL, "allocate");
    int ok = PEM_read_bio(bio, &block.name, &header, &block.der, &block.der_size);
    BIO_free(bio);
    if (ok != 1) {
        return cm_fail(err, CM_EINVAL, "not a PEM text (%s)", cm_openssl_why());
    }

    bool encrypted = header[0] != '\0';
    OPENSSL_free(header);
    if (encrypted) {
        cm_pem_block_done(&block);
        return cm_fail(err, CM_EINVAL,
                       "the PEM text is encrypted or has a header; use a plain one");
    }
    *out = block;
    return CM_OK;
}

void cm_pem_block_done(struct cm_pem_block *b) {
    OPENSSL_free(b->name);
    OPENSSL_clear_free(b->der, (size_t)b->der_size);
    *b = (struct cm_pem_block){0};
}

// SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING { 04 x y } }, without x and y
static const uint8_t p256_prefix[] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
    0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
};
#define P256_SPKI_SIZE (sizeof(p256_prefix) + 64)

bool cm_spki_is_p256(X509_PUBKEY *spki) {
    uint8_t *der = NULL;
    int size = i2d_X509_PUBKEY(spki, &der);
    bool is = size == (int)P256_SPKI_SIZE && memcmp(der, p256_prefix, sizeof(p256_prefix)) == 0 &&
              X509_PUBKEY_get0(spki) != NULL; // decodes: the point is on the curve

    OPENSSL_free(der);
    ERR_clear_error();
    return is;
}

bool cm_pkey_is_p256(EVP_PKEY *pkey) {
    uint8_t *der = NULL;
    int size = i2d_PUBKEY(pkey, &der);
    bool is = size == (int)P256_SPKI_SIZE && memcmp(der, p256_prefix, sizeof(p256_prefix)) == 0;

    OPENSSL_free(der);
    ERR_clear_error();
    return is;
}

struct cm_sha256 cm_spki_sha256(X509_PUBKEY *spki) {
    uint8_t *der = NULL;
    int size = i2d_X509_PUBKEY(spki, &der);

    cm_openssl_must(size > 0, "encode a public key");
    struct cm_sha256 out = cm_sha256(der, (size_t)size);
    OPENSSL_free(der);
    return out;
}
