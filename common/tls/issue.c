#include <ctype.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "common/mem.h"
#include "common/tls/keys.h"
#include "common/tls/openssl.h"

// What a certificate of each use says besides its names.
struct profile {
    const char *constraints;
    const char *key_usage;
    const char *purpose; // NULL for authorities
};

static const struct profile profiles[] = {
    [CM_CERT_ROOT] = {"critical,CA:TRUE", "critical,keyCertSign,cRLSign", NULL},
    [CM_CERT_ISSUER] = {"critical,CA:TRUE,pathlen:0", "critical,keyCertSign,cRLSign", NULL},
    [CM_CERT_CROSS] = {"critical,CA:TRUE,pathlen:1", "critical,keyCertSign,cRLSign", NULL},
    [CM_CERT_SERVER] = {"critical,CA:FALSE", "critical,digitalSignature", "critical,serverAuth"},
    [CM_CERT_AGENT] = {"critical,CA:FALSE", "critical,digitalSignature", "critical,clientAuth"},
    [CM_CERT_SIGNER] = {"critical,CA:FALSE", "critical,digitalSignature", "critical,codeSigning"},
};

static void free_names(GENERAL_NAMES **names) {
    GENERAL_NAMES_free(*names);
}

static bool is_printable(const char *text, size_t max) {
    size_t len = strnlen(text, max + 1);

    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return false;
        }
    }
    return len > 0 && len <= max;
}

static bool is_dns_name(const char *host) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    size_t len = strnlen(host, 254);

    return len > 0 && len <= 253 && host[0] != '.' && strspn(host, allowed) == len;
}

static enum cm_rc check_request(const struct cm_cert_request *r, struct cm_err *err) {
    if (r->common_name == NULL || strnlen(r->common_name, 65) == 0 ||
        strnlen(r->common_name, 65) > 64) {
        return cm_fail(err, CM_EINVAL, "a certificate's common name has 1 to 64 bytes");
    }
    if (r->uri != NULL && !is_printable(r->uri, CM_CERT_URI_MAX - 1)) {
        return cm_fail(err, CM_EINVAL,
                       "a certificate's URI name has 1 to %d printable bytes without spaces",
                       CM_CERT_URI_MAX - 1);
    }
    if (r->not_after_ms <= r->not_before_ms) {
        return cm_fail(err, CM_EINVAL, "a certificate must end after it begins");
    }
    return CM_OK;
}

static enum cm_rc check_issuer(const struct cm_key *key, const struct cm_cert *issuer_cert,
                               const struct cm_key *issuer_key, struct cm_err *err) {
    if (!issuer_key->is_private) {
        return cm_fail(err, CM_EINVAL, "the issuer's key is only its public part");
    }
    EVP_PKEY *signer = issuer_cert == NULL ? key->pkey : X509_get0_pubkey(issuer_cert->x509);
    if (EVP_PKEY_eq(signer, issuer_key->pkey) != 1) {
        ERR_clear_error();
        return cm_fail(err, CM_EINVAL, "the issuer's key does not belong to its certificate");
    }
    if (issuer_cert != NULL && X509_check_ca(issuer_cert->x509) != 1) {
        return cm_fail(err, CM_EINVAL, "the issuer's certificate is not an authority's");
    }
    return CM_OK;
}

// 127 random bits: positive in DER, never seen twice, not to be guessed.
static void set_serial(X509 *x509) {
    uint8_t bytes[16];

    cm_random(bytes, sizeof(bytes));
    bytes[0] &= 0x7f;
    bytes[sizeof(bytes) - 1] |= 1; // never zero
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    cm_openssl_must(number != NULL &&
                        BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != NULL,
                    "make a serial number");
    BN_free(number);
}

static void set_times(X509 *x509, const struct cm_cert_request *r) {
    cm_openssl_must(
        ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)(r->not_before_ms / 1000)) != NULL &&
            ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)(r->not_after_ms / 1000)) != NULL,
        "set a certificate's time");
}

static enum cm_rc set_subject(X509 *x509, const char *common_name, struct cm_err *err) {
    X509_NAME *name = X509_get_subject_name(x509);

    if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                   -1, -1, 0) != 1) {
        ERR_clear_error();
        return cm_fail(err, CM_EINVAL, "'%s' cannot be a certificate's common name", common_name);
    }
    return CM_OK;
}

// The values are our constants. Names are never put together into OpenSSL's configuration text, in
// which a comma would add a name.
static void add_extension(X509 *x509, X509V3_CTX *ctx, int nid, const char *value) {
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, ctx, nid, value);

    cm_openssl_must(ext != NULL && X509_add_ext(x509, ext, -1) == 1, "add an extension");
    X509_EXTENSION_free(ext);
}

static void add_profile(X509 *x509, X509 *issuer, const struct profile *p) {
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
    add_extension(x509, &ctx, NID_basic_constraints, p->constraints);
    add_extension(x509, &ctx, NID_key_usage, p->key_usage);
    if (p->purpose != NULL) {
        add_extension(x509, &ctx, NID_ext_key_usage, p->purpose);
    }
    add_extension(x509, &ctx, NID_subject_key_identifier, "hash");
    if (issuer != x509) {
        add_extension(x509, &ctx, NID_authority_key_identifier, "keyid:always");
    }
}

static void push_name(GENERAL_NAMES *names, int type, void *value) {
    GENERAL_NAME *name = GENERAL_NAME_new();

    cm_openssl_must(name != NULL && value != NULL, "allocate");
    GENERAL_NAME_set0_value(name, type, value);
    cm_openssl_must(sk_GENERAL_NAME_push(names, name) > 0, "allocate");
}

static ASN1_IA5STRING *ia5(const char *text) {
    ASN1_IA5STRING *out = ASN1_IA5STRING_new();

    cm_openssl_must(out != NULL && ASN1_STRING_set(out, text, (int)strlen(text)) == 1, "allocate");
    return out;
}

static enum cm_rc push_host(GENERAL_NAMES *names, const char *host, struct cm_err *err) {
    ASN1_OCTET_STRING *ip = a2i_IPADDRESS(host);

    if (ip != NULL) {
        push_name(names, GEN_IPADD, ip);
        return CM_OK;
    }
    ERR_clear_error();
    if (!is_dns_name(host)) {
        return cm_fail(err, CM_EINVAL, "'%.128s' is neither a DNS name nor an IP address", host);
    }
    push_name(names, GEN_DNS, ia5(host));
    return CM_OK;
}

static enum cm_rc add_names(X509 *x509, const struct cm_cert_request *r, struct cm_err *err) {
    CM_CLEANUP(free_names) GENERAL_NAMES *names = GENERAL_NAMES_new();

    cm_openssl_must(names != NULL, "allocate");
    if (r->uri != NULL) {
        push_name(names, GEN_URI, ia5(r->uri));
    }
    for (size_t i = 0; i < r->host_count; i++) {
        if (push_host(names, r->hosts[i], err) < 0) {
            return err->code;
        }
    }
    if (sk_GENERAL_NAME_num(names) > 0) {
        cm_openssl_must(X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0, 0) == 1,
                        "add names");
    }
    return CM_OK;
}

enum cm_rc cm_cert_issue(const struct cm_cert_request *request, const struct cm_key *key,
                         const struct cm_cert *issuer_cert, const struct cm_key *issuer_key,
                         struct cm_cert **out, struct cm_err *err) {
    CM_CLEANUP(cm_cert_freep) struct cm_cert *cert = NULL;

    if (check_request(request, err) < 0 || check_issuer(key, issuer_cert, issuer_key, err) < 0) {
        return cm_wrap(err, "issue a certificate");
    }
    X509 *x509 = X509_new_ex(cm_openssl_library(), NULL);
    cm_openssl_must(x509 != NULL && X509_set_version(x509, X509_VERSION_3) == 1 &&
                        X509_set_pubkey(x509, key->pkey) == 1,
                    "make a certificate");
    cert = cm_cert_wrap(x509);
    set_serial(x509);
    set_times(x509, request);
    if (set_subject(x509, request->common_name, err) < 0 || add_names(x509, request, err) < 0) {
        return cm_wrap(err, "issue a certificate");
    }

    X509 *issuer = issuer_cert == NULL ? x509 : issuer_cert->x509;
    cm_openssl_must(X509_set_issuer_name(x509, X509_get_subject_name(issuer)) == 1, "allocate");
    add_profile(x509, issuer, &profiles[request->use]);
    cm_openssl_must(X509_sign(x509, issuer_key->pkey, EVP_sha256()) > 0, "sign a certificate");
    *out = CM_TAKE(cert);
    return CM_OK;
}

static enum cm_rc common_name(const struct cm_cert *cert, char out[65], struct cm_err *err) {
    X509_NAME *name = X509_get_subject_name(cert->x509);

    return X509_NAME_get_text_by_NID(name, NID_commonName, out, 65) > 0
               ? CM_OK
               : cm_fail(err, CM_EINVAL, "a root without a common name");
}

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

enum cm_rc cm_cert_cross(const struct cm_cert *root, const struct cm_key *root_key,
                         const struct cm_cert *by, const struct cm_key *by_key,
                         struct cm_cert **out, struct cm_err *err) {
    int64_t ends_ms[] = {cm_cert_not_after_ms(root), cm_cert_not_after_ms(by)};
    char name[65];
    struct cm_cert_request request = {
        .use = CM_CERT_CROSS,
        .common_name = name,
        .not_before_ms = later(cm_cert_not_before_ms(root), cm_cert_not_before_ms(by)),
        .not_after_ms = ends_ms[0] < ends_ms[1] ? ends_ms[0] : ends_ms[1],
    };
    enum cm_rc rc = common_name(root, name, err);

    return rc < 0 ? rc : cm_cert_issue(&request, root_key, by, by_key, out, err);
}
