#include "proto/token.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define PREFIX "hf1"
#define PROOF_LABEL "holdfast-enroll-v1"

enum { ID_LEN = WIRE_TOKEN_ID_MAX - 1, HEX_LEN = CM_SHA256_HEX_MAX - 1 };

void wire_token_make(const struct cm_sha256 *pin, struct wire_token *out) {
    uint8_t id[ID_LEN / 2];

    cm_random(id, sizeof(id));
    for (size_t i = 0; i < sizeof(id); i++) {
        (void)snprintf(out->id + 2 * i, 3, "%02x", id[i]);
    }
    cm_random(out->secret, sizeof(out->secret));
    out->pin = *pin;
}

void wire_token_text(const struct wire_token *t, char out[WIRE_TOKEN_TEXT_MAX]) {
    struct cm_sha256 secret;
    char secret_hex[CM_SHA256_HEX_MAX];
    char pin_hex[CM_SHA256_HEX_MAX];

    memcpy(secret.bytes, t->secret, sizeof(secret.bytes));
    cm_sha256_hex(&secret, secret_hex);
    cm_sha256_hex(&t->pin, pin_hex);
    (void)snprintf(out, WIRE_TOKEN_TEXT_MAX, "%s_%s_%s_%s", PREFIX, t->id, secret_hex, pin_hex);
    explicit_bzero(&secret, sizeof(secret));
    explicit_bzero(secret_hex, sizeof(secret_hex));
}

// take_part copies the text up to the next '_' or the end, which must have exactly `len` bytes.
static bool take_part(const char **at, size_t len, char *out) {
    if (strcspn(*at, "_") != len) {
        return false;
    }
    memcpy(out, *at, len);
    out[len] = '\0';
    *at += len;
    if (**at == '_') {
        *at += 1;
    }
    return true;
}

static bool parse(const char *text, struct wire_token *t) {
    char prefix[sizeof(PREFIX)];
    char hex[CM_SHA256_HEX_MAX];
    struct cm_sha256 secret;
    bool ok = take_part(&text, sizeof(PREFIX) - 1, prefix) && strcmp(prefix, PREFIX) == 0 &&
              take_part(&text, ID_LEN, t->id) && strspn(t->id, "0123456789abcdef") == ID_LEN &&
              take_part(&text, HEX_LEN, hex) && cm_sha256_parse(hex, &secret);

    if (ok) {
        memcpy(t->secret, secret.bytes, sizeof(t->secret));
        ok = take_part(&text, HEX_LEN, hex) && cm_sha256_parse(hex, &t->pin) && *text == '\0';
    }
    explicit_bzero(&secret, sizeof(secret));
    explicit_bzero(hex, sizeof(hex));
    return ok;
}

enum cm_rc wire_token_parse(const char *text, struct wire_token *out, struct cm_err *err) {
    struct wire_token t = {0};
    // The text is a secret, so the error does not repeat it.
    bool ok = strnlen(text, WIRE_TOKEN_TEXT_MAX) < WIRE_TOKEN_TEXT_MAX && parse(text, &t) &&
              text[strlen(text) - 1] != '_';

    if (ok) {
        *out = t;
    }
    explicit_bzero(&t, sizeof(t));
    return ok ? CM_OK
              : cm_fail(err, CM_EINVAL,
                        "this is no join token: copy the whole text that 'holdfast enroll' "
                        "printed, beginning with '" PREFIX "_'");
}

struct cm_sha256 wire_token_proof(const struct cm_sha256 *key, const uint8_t exporter[32],
                                  const uint8_t *csr, size_t csr_size) {
    size_t label = sizeof(PROOF_LABEL) - 1;
    size_t size = label + 32 + csr_size;
    uint8_t *bytes = cm_new(1, size);

    memcpy(bytes, PROOF_LABEL, label);
    memcpy(bytes + label, exporter, 32);
    memcpy(bytes + label + 32, csr, csr_size);
    struct cm_sha256 proof = cm_hmac_sha256(key->bytes, sizeof(key->bytes), bytes, size);
    free(bytes);
    return proof;
}
