// A webhook's signature is taken if and only if it is what the forge would make of the secret and
// the body, however the body is cut into pieces.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/api/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void add_hex(struct cm_str *out, const struct cm_sha256 *digest) {
    for (size_t i = 0; i < sizeof(digest->bytes); i++) {
        cm_str_addf(out, "%02x", digest->bytes[i]);
    }
}

// What the forge would send.
static char *right_value(enum hub_forge forge, const char *secret, const char *body, size_t size) {
    struct cm_str value = {0};
    struct cm_sha256 digest = cm_hmac_sha256(secret, strlen(secret), body, size);

    if (forge == HUB_FORGE_GITLAB) {
        return cm_strdup(secret);
    }
    cm_str_add(&value, forge == HUB_FORGE_GITHUB ? "sha256=" : "");
    add_hex(&value, &digest);
    return cm_str_take(&value);
}

static bool is_taken(enum hub_forge forge, const char *secret, const char *body, size_t size,
                     size_t step, const char *value) {
    struct hub_signature *s = hub_signature_begin(forge, secret);

    for (size_t at = 0; at < size; at += step) {
        hub_signature_add(s, body + at, size - at < step ? size - at : step);
    }
    return hub_signature_end(s, value);
}

// Hexadecimal digits may be of either case.
static bool is_same(enum hub_forge forge, const char *value, const char *right) {
    size_t exact = forge == HUB_FORGE_GITHUB ? strlen("sha256=") : 0;

    return forge == HUB_FORGE_GITLAB
               ? strcmp(value, right) == 0
               : strncmp(value, right, exact) == 0 && strcasecmp(value, right) == 0;
}

// The input: forge, a step, then secret, header and body with a NUL after each of the first two.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_AUTOFREE char *text = cm_new(1, size + 3);

    if (size < 2) {
        return 0;
    }
    memcpy(text, data + 2, size - 2);
    enum hub_forge forge = data[0] % HUB_FORGES;
    size_t step = (size_t)data[1] + 1;
    const char *secret = text;
    const char *value = secret + strlen(secret) + 1;
    const char *end = text + size - 2;
    value = value > end ? end : value;
    const char *body = value + strlen(value) + 1;
    body = body > end ? end : body;
    size_t body_size = (size_t)(end - body);
    CM_AUTOFREE char *right = right_value(forge, secret, body, body_size);

    require(is_taken(forge, secret, body, body_size, step, right));
    require(is_taken(forge, secret, body, body_size, step, value) == is_same(forge, value, right));
    require(!is_taken(forge, secret, body, body_size, step, NULL));
    return 0;
}
