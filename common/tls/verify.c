#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/mem.h"
#include "common/tls/keys.h"
#include "common/tls/openssl.h"

static void free_store(X509_STORE **store) {
    X509_STORE_free(*store);
}

static void free_stack(STACK_OF(X509) * *stack) {
    sk_X509_free(*stack); // the certificates are borrowed
}

static void free_store_ctx(X509_STORE_CTX **ctx) {
    X509_STORE_CTX_free(*ctx);
}

// Exactly one purpose: a certificate that is good for two things is none of ours.
static const char *check_leaf(X509 *x509, uint32_t purpose, const char *words) {
    if (X509_check_ca(x509) != 0) {
        return "it is an authority's certificate";
    }
    if ((X509_get_extension_flags(x509) & EXFLAG_XKUSAGE) == 0 ||
        X509_get_extended_key_usage(x509) != purpose) {
        return words;
    }
    if ((X509_get_key_usage(x509) & KU_DIGITAL_SIGNATURE) == 0) {
        return "its key may not sign";
    }
    return NULL;
}

static const char *check_authority(X509 *x509, bool self_signed) {
    if (X509_check_ca(x509) != 1) {
        return "it is not an authority's certificate";
    }
    if (((X509_get_extension_flags(x509) & EXFLAG_SS) != 0) != self_signed) {
        return self_signed ? "it is not self-signed" : "it is a root";
    }
    return NULL;
}

const char *cm_x509_check_use(X509 *x509, enum cm_cert_use use) {
    switch (use) {
    case CM_CERT_ROOT:
        return check_authority(x509, true);
    case CM_CERT_ISSUER:
    case CM_CERT_CROSS:
        return check_authority(x509, false);
    case CM_CERT_SERVER:
        return check_leaf(x509, XKU_SSL_SERVER, "it is not a hub's certificate");
    case CM_CERT_AGENT:
        return check_leaf(x509, XKU_SSL_CLIENT, "it is not an agent's certificate");
    case CM_CERT_SIGNER:
        return check_leaf(x509, XKU_CODE_SIGN, "it is not for signing manifests");
    }
    return "unknown use";
}

// NOLINTNEXTLINE(readability-function-size): seven parameters, none of which can be left out
enum cm_rc cm_cert_verify(const struct cm_cert *cert, enum cm_cert_use use,
                          struct cm_cert *const *chain, size_t chain_count,
                          const struct cm_cert *root, int64_t at_ms, struct cm_err *err) {
    CM_CLEANUP(free_store) X509_STORE *store = X509_STORE_new();
    CM_CLEANUP(free_stack) STACK_OF(X509) *between = sk_X509_new_null();
    CM_CLEANUP(free_store_ctx)
    X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(cm_openssl_library(), NULL);

    cm_openssl_must(store != NULL && between != NULL && ctx != NULL &&
                        X509_STORE_add_cert(store, root->x509) == 1,
                    "allocate");
    for (size_t i = 0; i < chain_count; i++) {
        cm_openssl_must(sk_X509_push(between, chain[i]->x509) > 0, "allocate");
    }
    cm_openssl_must(X509_STORE_CTX_init(ctx, store, cert->x509, between) == 1, "allocate");

    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_auth_level(param, 2);
    X509_VERIFY_PARAM_set_time(param, (time_t)(at_ms / 1000));
    if (X509_verify_cert(ctx) != 1) {
        int code = X509_STORE_CTX_get_error(ctx);
        ERR_clear_error();
        return cm_fail(err, CM_EAUTH, "the certificate is not good: %s",
                       X509_verify_cert_error_string(code));
    }

    const char *wrong = cm_x509_check_use(cert->x509, use);
    if (wrong != NULL) {
        return cm_fail(err, CM_EAUTH, "the certificate is not good: %s", wrong);
    }
    return CM_OK;
}
