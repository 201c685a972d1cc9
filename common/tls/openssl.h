// openssl: what the files of this folder share about OpenSSL. For this folder only.
//
// Threads: any.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/tls/keys.h"

struct cm_key {
    EVP_PKEY *pkey;
    bool is_private;
};

struct cm_cert {
    X509 *x509;
};

// The longest text or DER we read: certificates and keys of ours are below 2 KiB.
#define CM_PEM_MAX ((size_t)64 << 10)
#define CM_DER_MAX ((size_t)16 << 10)

// cm_openssl_library is what certificates, keys and sessions are made in: OpenSSL's default
// provider, of whose kinds of keys and their encodings it knows only ours. OpenSSL walks along all
// that there are for each key and certificate that it reads or writes, which took longer than any
// other part of a handshake. Providers that the system's openssl.cnf names, FIPS among them, do not
// reach it. It lasts as long as the process.
OSSL_LIB_CTX *cm_openssl_library(void);

// cm_openssl_must ends the process: used where OpenSSL can fail only when memory is out.
void cm_openssl_must(bool ok, const char *what);

// cm_openssl_why returns OpenSSL's words for what just failed on this thread and forgets it.
const char *cm_openssl_why(void);

// cm_pem_block finds the only PEM block of a text. *der is OpenSSL's memory, for cm_pem_block_done.
struct cm_pem_block {
    char *name; // "CERTIFICATE"
    unsigned char *der;
    long der_size;
};
CM_MUSTUSE enum cm_rc cm_pem_block_read(const char *pem, size_t size, struct cm_pem_block *out,
                                        struct cm_err *err);
void cm_pem_block_done(struct cm_pem_block *b); // zeroes first

// cm_spki_is_p256 tells whether a public key is a P-256 point with the curve named and the point
// uncompressed: one key has one encoding and so one hash.
bool cm_spki_is_p256(X509_PUBKEY *spki);
bool cm_pkey_is_p256(EVP_PKEY *pkey);
struct cm_sha256 cm_spki_sha256(X509_PUBKEY *spki);

// cm_x509_uri is cm_cert_uri; cm_x509_check_use tells in words what is wrong, or returns NULL.
bool cm_x509_uri(const X509 *x509, char out[CM_CERT_URI_MAX]);
const char *cm_x509_check_use(X509 *x509, enum cm_cert_use use);

// cm_key_wrap and cm_cert_wrap take ownership.
struct cm_key *cm_key_wrap(EVP_PKEY *pkey, bool is_private);
struct cm_cert *cm_cert_wrap(X509 *x509);
