#include "common/tls/openssl.h"

#include <openssl/core_dispatch.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <pthread.h>
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

static OSSL_LIB_CTX *library;
static OSSL_PROVIDER *whole; // the default provider, in a library of its own

// What is kept of the operations of which there are many for each kind of key; ended by zeros.
enum { FEW_MAX = 32 };
static struct few {
    int operation;
    OSSL_ALGORITHM kept[FEW_MAX + 1];
} few[] = {{OSSL_OP_KEYMGMT, {{0}}}, {OSSL_OP_DECODER, {{0}}}, {OSSL_OP_ENCODER, {{0}}}};
enum { OPERATIONS = sizeof(few) / sizeof(few[0]) };

// is_ours: the keys that we have (P-256), those of which a session's secret is made, and DER, in
// which a key is found before it is known of what kind it is.
static bool is_ours(const OSSL_ALGORITHM *a) {
    static const char *const names[] = {"EC", "X25519", "DER"};
    size_t size = strcspn(a->algorithm_names, ":"); // aliases follow

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (size == strlen(names[i]) && memcmp(a->algorithm_names, names[i], size) == 0) {
            return true;
        }
    }
    return false;
}

static void keep_few(struct few *f) {
    int no_cache = 0;
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(whole, f->operation, &no_cache);

    for (size_t count = 0; all != NULL && all->algorithm_names != NULL; all++) {
        if (is_ours(all)) {
            cm_openssl_must(count < FEW_MAX, "keep few of its algorithms");
            f->kept[count++] = *all;
        }
    }
}

static const OSSL_ALGORITHM *query(void *ctx, int operation, int *no_cache) {
    (void)ctx;
    for (size_t i = 0; i < OPERATIONS; i++) {
        if (few[i].operation == operation) {
            *no_cache = 0;
            return few[i].kept;
        }
    }
    return OSSL_PROVIDER_query_operation(whole, operation, no_cache);
}

// capabilities: the groups of TLS.
static int capabilities(void *ctx, const char *which, OSSL_CALLBACK *take, void *arg) {
    (void)ctx;
    return OSSL_PROVIDER_get_capabilities(whole, which, take, arg);
}

static int begin_few(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                     const OSSL_DISPATCH **out, void **ctx) {
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))capabilities},
        {0, NULL}};

    (void)handle, (void)in;
    *out = functions;
    *ctx = OSSL_PROVIDER_get0_provider_ctx(whole); // the algorithms are that one's
    return 1;
}

static void make_library(void) {
    OSSL_LIB_CTX *around = OSSL_LIB_CTX_new();

    whole = around == NULL ? NULL : OSSL_PROVIDER_load(around, "default");
    cm_openssl_must(whole != NULL, "load its default provider");
    for (size_t i = 0; i < OPERATIONS; i++) {
        keep_few(&few[i]);
    }
    library = OSSL_LIB_CTX_new();
    cm_openssl_must(library != NULL && OSSL_PROVIDER_add_builtin(library, "few", begin_few) == 1 &&
                        OSSL_PROVIDER_load(library, "few") != NULL,
                    "load what we need of its default provider");
}

OSSL_LIB_CTX *cm_openssl_library(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, make_library);
    return library;
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
