// token: the join token, which a person carries from the hub to a new cluster.
//
//     hf1_<id: 16 hex digits>_<secret: 64 hex digits>_<SHA-256 of the root's public key: 64 hex
//     digits>
//
// The hub keeps only the SHA-256 of the secret. The pin lets the agent know the hub before it says
// anything; the secret never leaves the agent: it proves that it has it by an HMAC that is bound to
// the TLS connection and to the key that shall be certified.
//
// Threads: any; pure.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

#define WIRE_TOKEN_ID_MAX 17
#define WIRE_TOKEN_TEXT_MAX 160

struct wire_token {
    char id[WIRE_TOKEN_ID_MAX];
    uint8_t secret[32];
    struct cm_sha256 pin;
};

void wire_token_make(const struct cm_sha256 *pin, struct wire_token *out);
void wire_token_text(const struct wire_token *t, char out[WIRE_TOKEN_TEXT_MAX]);
CM_MUSTUSE enum cm_rc wire_token_parse(const char *text, struct wire_token *out,
                                       struct cm_err *err);

// wire_token_proof is HMAC-SHA256(secret, "holdfast-enroll-v1" || exporter || csr). The hub, which
// has only SHA-256(secret), uses that as the key: both sides call this with key = SHA-256(secret).
struct cm_sha256 wire_token_proof(const struct cm_sha256 *key, const uint8_t exporter[32],
                                  const uint8_t *csr, size_t csr_size);
