#include "hub/api/signature.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/tls/digest.h"

enum { BLOCK = 64 };

// HMAC (RFC 2104) in pieces: SHA-256(outer || SHA-256(inner || body)).
struct hub_signature {
    enum hub_forge forge;
    struct cm_sha256 secret; // GitLab: what the token must digest to
    uint8_t outer[BLOCK];
    struct cm_sha256_stream *inner;
};

static const struct {
    const char *name;
    const char *header;
} forges[HUB_FORGES] = {
    [HUB_FORGE_GITHUB] = {"github", "X-Hub-Signature-256"},
    [HUB_FORGE_GITLAB] = {"gitlab", "X-Gitlab-Token"},
    [HUB_FORGE_GITEA] = {"gitea", "X-Gitea-Signature"},
};

enum hub_forge hub_forge_find(const char *name) {
    enum hub_forge forge = HUB_FORGE_GITHUB;

    while (forge < HUB_FORGES && strcmp(forges[forge].name, name) != 0) {
        forge++;
    }
    return forge;
}

const char *hub_forge_header(enum hub_forge forge) {
    return forges[forge].header;
}

static void set_key(struct hub_signature *s, const char *secret) {
    uint8_t key[BLOCK] = {0};
    uint8_t inner[BLOCK];
    size_t len = strlen(secret);

    if (len > BLOCK) {
        struct cm_sha256 digest = cm_sha256(secret, len);
        memcpy(key, digest.bytes, sizeof(digest.bytes));
    } else {
        memcpy(key, secret, len); // NOLINT(bugprone-not-null-terminated-result) a key, no text
    }
    for (size_t i = 0; i < BLOCK; i++) {
        inner[i] = key[i] ^ 0x36;
        s->outer[i] = key[i] ^ 0x5c;
    }
    s->inner = cm_sha256_begin();
    cm_sha256_add(s->inner, inner, BLOCK);
    explicit_bzero(key, sizeof(key));
    explicit_bzero(inner, sizeof(inner));
}

struct hub_signature *hub_signature_begin(enum hub_forge forge, const char *secret) {
    struct hub_signature *s = cm_new(1, sizeof(*s));

    s->forge = forge;
    s->secret = cm_sha256(secret, strlen(secret));
    set_key(s, secret);
    return s;
}

void hub_signature_add(struct hub_signature *s, const void *bytes, size_t size) {
    cm_sha256_add(s->inner, bytes, size);
}

static struct cm_sha256 end_hmac(struct hub_signature *s) {
    uint8_t bytes[BLOCK + CM_SHA256_SIZE];
    struct cm_sha256 inner = cm_sha256_end(CM_TAKE(s->inner));

    memcpy(bytes, s->outer, BLOCK);
    memcpy(bytes + BLOCK, inner.bytes, sizeof(inner.bytes));
    struct cm_sha256 hmac = cm_sha256(bytes, sizeof(bytes));
    explicit_bzero(bytes, sizeof(bytes));
    return hmac;
}

static bool is_right(const struct hub_signature *s, const struct cm_sha256 *hmac,
                     const char *value) {
    struct cm_sha256 given;

    if (s->forge == HUB_FORGE_GITLAB) {
        given = cm_sha256(value, strlen(value)); // so that lengths do not show either
        return cm_equal_secret(given.bytes, s->secret.bytes, sizeof(given.bytes));
    }
    if (s->forge == HUB_FORGE_GITHUB) {
        if (strncmp(value, "sha256=", 7) != 0) {
            return false;
        }
        value += 7;
    }
    return cm_sha256_parse(value, &given) &&
           cm_equal_secret(given.bytes, hmac->bytes, sizeof(given.bytes));
}

bool hub_signature_end(struct hub_signature *s, const char *value) {
    if (s == NULL) {
        return false;
    }
    struct cm_sha256 hmac = end_hmac(s);
    bool right = value != NULL && is_right(s, &hmac, value);
    explicit_bzero(s, sizeof(*s));
    free(s);
    return right;
}
