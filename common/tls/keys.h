// keys: key pairs, certificates, requests and signatures. All keys are P-256.
//
// The hub's authority is a root (10 years, can be kept offline) that certifies an issuing CA for
// agents, the hub's server certificates and the key that signs manifests. A certificate says what
// it is for: a URI name  holdfast://HUB-UUID/cluster/UUID  for agents,  holdfast://HUB-UUID/hub for
// the hub,  holdfast://HUB-UUID/signer  for manifests, which is compared byte for byte.
//
// Threads: any; a key may be shared once made. Making keys takes under a millisecond.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct cm_key;  // private, or public only
struct cm_cert; // one X.509 certificate

#define CM_CERT_URI_MAX 256

void cm_key_free(struct cm_key *key); // zeroes the secret; NULL is fine
void cm_key_freep(struct cm_key **key);
void cm_cert_free(struct cm_cert *cert);
void cm_cert_freep(struct cm_cert **cert);

struct cm_key *cm_key_new(void);

// PEM texts; PKCS#8 for private keys. The caller frees the text (cm_secret_free for keys).
char *cm_key_to_pem(const struct cm_key *key);
CM_MUSTUSE enum cm_rc cm_key_from_pem(const char *pem, size_t size, struct cm_key **out,
                                      struct cm_err *err);
char *cm_cert_to_pem(const struct cm_cert *cert);
CM_MUSTUSE enum cm_rc cm_cert_from_pem(const char *pem, size_t size, struct cm_cert **out,
                                       struct cm_err *err);
CM_MUSTUSE enum cm_rc cm_cert_from_der(const uint8_t *der, size_t size, struct cm_cert **out,
                                       struct cm_err *err);
void cm_cert_to_der(const struct cm_cert *cert, uint8_t **out, size_t *out_size);
void cm_secret_free(char *text); // zeroes, then frees

// cm_key_sha256 is the SHA-256 of the DER SubjectPublicKeyInfo: how a key is pinned and known.
struct cm_sha256 cm_key_sha256(const struct cm_key *key);
struct cm_sha256 cm_cert_key_sha256(const struct cm_cert *cert);

// cm_cert_key is the public key of a certificate; the caller frees it.
struct cm_key *cm_cert_key(const struct cm_cert *cert);

// cm_cert_uri copies the only URI name of a certificate; false if it has none or several.
bool cm_cert_uri(const struct cm_cert *cert, char out[CM_CERT_URI_MAX]);
int64_t cm_cert_not_after_ms(const struct cm_cert *cert); // Unix time
int64_t cm_cert_not_before_ms(const struct cm_cert *cert);

// CM_CERT_CROSS: a root's key, certified by the root before it.
enum cm_cert_use {
    CM_CERT_ROOT,
    CM_CERT_ISSUER,
    CM_CERT_SERVER,
    CM_CERT_AGENT,
    CM_CERT_SIGNER,
    CM_CERT_CROSS
};

struct cm_cert_request {
    enum cm_cert_use use;
    const char *common_name;
    const char *uri;          // NULL for roots and issuers
    const char *const *hosts; // servers: DNS names and IP addresses
    size_t host_count;
    int64_t not_before_ms;
    int64_t not_after_ms;
};

// cm_cert_issue makes a certificate for the public part of `key`. issuer_cert NULL: self-signed by
// issuer_key. Serial numbers are 127 random bits; extensions are set by `use` and nothing is taken
// from a request.
CM_MUSTUSE enum cm_rc cm_cert_issue(const struct cm_cert_request *request, const struct cm_key *key,
                                    const struct cm_cert *issuer_cert,
                                    const struct cm_key *issuer_key, struct cm_cert **out,
                                    struct cm_err *err);

// cm_cert_cross makes a certificate for the key of a root with that root's own name, by another
// root: who believes only that one can believe what the first one certifies. It is good as long as
// both are.
CM_MUSTUSE enum cm_rc cm_cert_cross(const struct cm_cert *root, const struct cm_key *root_key,
                                    const struct cm_cert *by, const struct cm_key *by_key,
                                    struct cm_cert **out, struct cm_err *err);

// cm_cert_verify checks that cert chains to root through `chain` (may be empty), is valid at the
// time and is for this use.
CM_MUSTUSE enum cm_rc cm_cert_verify(const struct cm_cert *cert, enum cm_cert_use use,
                                     struct cm_cert *const *chain, size_t chain_count,
                                     const struct cm_cert *root, int64_t at_ms, struct cm_err *err);

// cm_csr_make returns a DER PKCS#10 request of this key with an empty subject;
// cm_csr_key checks its own signature (P-256 only) and returns its public key.
void cm_csr_make(const struct cm_key *key, uint8_t **out, size_t *out_size);
CM_MUSTUSE enum cm_rc cm_csr_key(const uint8_t *der, size_t size, struct cm_key **out,
                                 struct cm_err *err);

#define CM_SIGNATURE_MAX 80

// cm_sign makes an ECDSA signature over SHA-256 of the bytes (DER); cm_cert_check verifies one.
size_t cm_sign(const struct cm_key *key, const void *bytes, size_t size,
               uint8_t out[CM_SIGNATURE_MAX]);
bool cm_cert_check(const struct cm_cert *cert, const void *bytes, size_t size,
                   const uint8_t *signature, size_t signature_size);
