#include "common/tls/keys.h"

#include <assert.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/tls/openssl.h"

struct cm_key *cm_key_wrap(EVP_PKEY *pkey, bool is_private) {
    struct cm_key *key = cm_new(1, sizeof(*key));

    key->pkey = pkey;
    key->is_private = is_private;
    return key;
}

struct cm_key *cm_key_new(void) {
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(cm_openssl_library(), NULL, "EC", "P-256");

    cm_openssl_must(pkey != NULL, "make a key");
    return cm_key_wrap(pkey, true);
}

void cm_key_free(struct cm_key *key) {
    if (key != NULL) {
        EVP_PKEY_free(key->pkey); // the secret number is a BIGNUM that OpenSSL clears
        free(key);
    }
}

void cm_key_freep(struct cm_key **key) {
    cm_key_free(*key);
}

void cm_secret_free(char *text) {
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

char *cm_key_to_pem(const struct cm_key *key) {
    BIO *bio = BIO_new(BIO_s_secmem());
    char *data = NULL;

    cm_openssl_must(bio != NULL, "allocate");
    int ok = key->is_private
                 ? PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL)
                 : PEM_write_bio_PUBKEY(bio, key->pkey);
    cm_openssl_must(ok == 1, "write a key");

    size_t size = (size_t)BIO_get_mem_data(bio, &data);
    char *text = cm_new(size + 1, 1);
    memcpy(text, data, size);
    BIO_free(bio); // clears
    return text;
}

static EVP_PKEY *private_key(const struct cm_pem_block *block) {
    const unsigned char *at = block->der;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, block->der_size);
    EVP_PKEY *pkey = NULL;

    if (info != NULL && at == block->der + block->der_size) {
        pkey = EVP_PKCS82PKEY_ex(info, cm_openssl_library(), NULL);
    }
    PKCS8_PRIV_KEY_INFO_free(info);
    return pkey;
}

static EVP_PKEY *public_key(const struct cm_pem_block *block) {
    const unsigned char *at = block->der;
    EVP_PKEY *pkey = d2i_PUBKEY_ex(NULL, &at, block->der_size, cm_openssl_library(), NULL);

    if (pkey != NULL && at != block->der + block->der_size) {
        EVP_PKEY_free(pkey);
        return NULL;
    }
    return pkey;
}

// A private key could come with a public point that is not its own.
static bool is_pair(EVP_PKEY *pkey) {
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(cm_openssl_library(), pkey, NULL);
    bool is = ctx != NULL && EVP_PKEY_pairwise_check(ctx) == 1;

    EVP_PKEY_CTX_free(ctx);
    return is;
}

enum cm_rc cm_key_from_pem(const char *pem, size_t size, struct cm_key **out, struct cm_err *err) {
    CM_CLEANUP(cm_pem_block_done) struct cm_pem_block block = {0};
    CM_CLEANUP(cm_key_freep) struct cm_key *key = NULL;

    if (cm_pem_block_read(pem, size, &block, err) < 0) {
        return cm_wrap(err, "read a key");
    }
    bool is_private = strcmp(block.name, "PRIVATE KEY") == 0;
    if (!is_private && strcmp(block.name, "PUBLIC KEY") != 0) {
        return cm_fail(err, CM_EINVAL,
                       "read a key: the PEM text holds '%.32s'; use an unencrypted PKCS#8 "
                       "'PRIVATE KEY' or a 'PUBLIC KEY'",
                       block.name);
    }

    EVP_PKEY *pkey = is_private ? private_key(&block) : public_key(&block);
    if (pkey == NULL) {
        return cm_fail(err, CM_EINVAL, "read a key: malformed (%s)", cm_openssl_why());
    }
    key = cm_key_wrap(pkey, is_private);
    if (!cm_pkey_is_p256(pkey) || (is_private && !is_pair(pkey))) {
        ERR_clear_error();
        return cm_fail(err, CM_EINVAL, "read a key: not a sound P-256 key");
    }
    *out = CM_TAKE(key);
    return CM_OK;
}

struct cm_sha256 cm_key_sha256(const struct cm_key *key) {
    uint8_t *der = NULL;
    int size = i2d_PUBKEY(key->pkey, &der);

    cm_openssl_must(size > 0, "encode a public key");
    struct cm_sha256 out = cm_sha256(der, (size_t)size);
    OPENSSL_free(der);
    return out;
}

size_t cm_sign(const struct cm_key *key, const void *bytes, size_t size,
               uint8_t out[CM_SIGNATURE_MAX]) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t len = CM_SIGNATURE_MAX;

    assert(key->is_private);
    cm_openssl_must(ctx != NULL &&
                        EVP_DigestSignInit_ex(ctx, NULL, "SHA256", cm_openssl_library(), NULL,
                                              key->pkey, NULL) == 1 &&
                        EVP_DigestSign(ctx, out, &len, bytes, size) == 1,
                    "sign");
    EVP_MD_CTX_free(ctx);
    return len;
}

bool cm_cert_check(const struct cm_cert *cert, const void *bytes, size_t size,
                   const uint8_t *signature, size_t signature_size) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    cm_openssl_must(ctx != NULL, "allocate");
    bool good = EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", cm_openssl_library(), NULL,
                                        X509_get0_pubkey(cert->x509), NULL) == 1 &&
                EVP_DigestVerify(ctx, signature, signature_size, bytes, size) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return good;
}
