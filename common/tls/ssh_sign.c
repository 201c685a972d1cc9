#include "common/tls/ssh_sign.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "common/tls/openssl.h"

#define BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"
#define END "-----END OPENSSH PRIVATE KEY-----"
#define MAGIC "openssh-key-v1"
#define TYPE "ssh-ed25519"
#define SEED_SIZE 32U
#define SIGNATURE_SIZE 64U
#define LINE_CHARS 70

struct piece {
    const uint8_t *at;
    size_t size;
};

// What is left to read of a key.
struct reader {
    struct piece left;
    bool broken; // something did not fit
};

static uint32_t take_number(struct reader *r) {
    const uint8_t *at = r->left.at;

    if (r->left.size < 4) {
        r->broken = true;
        return 0;
    }
    r->left.at += 4;
    r->left.size -= 4;
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static struct piece take_piece(struct reader *r) {
    uint32_t size = take_number(r);

    if (size > r->left.size) {
        r->broken = true;
        return (struct piece){0};
    }

    const struct piece piece = {.at = r->left.at, .size = size};
    r->left.at += size;
    r->left.size -= size;
    return piece;
}

static bool is_text(struct piece piece, const char *text) {
    return piece.size == strlen(text) && memcmp(piece.at, text, piece.size) == 0;
}

static void add_number(struct cm_str *out, uint32_t number) {
    const uint8_t bytes[] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16),
                             (uint8_t)(number >> 8), (uint8_t)number};

    cm_str_add_n(out, bytes, sizeof(bytes));
}

static void add_piece(struct cm_str *out, const void *bytes, size_t size) {
    add_number(out, (uint32_t)size);
    cm_str_add_n(out, bytes, size);
}

static void add_text(struct cm_str *out, const char *text) {
    add_piece(out, text, strlen(text));
}

// decode returns the bytes between the lines that frame them, which the caller frees with their
// secret.
static bool decode(const char *text, uint8_t **out, size_t *size) {
    const char *at = strstr(text, BEGIN);
    const char *end = at != NULL ? strstr(at, END) : NULL;

    if (end == NULL || strlen(text) > CM_SSH_KEY_MAX) {
        return false;
    }

    char *plain = cm_new(1, (size_t)(end - at) + 1);
    size_t len = 0;
    for (at += strlen(BEGIN); at < end; at++) {
        if (*at != '\n' && *at != '\r') {
            plain[len++] = *at;
        }
    }
    bool fits = cm_base64_decode(plain, len, out, size);
    cm_secret_free(plain);
    return fits;
}

// read_key finds the seed, and the public key as it stands in signatures.
static enum cm_rc read_key(const uint8_t *bytes, size_t size, struct piece *seed,
                           struct piece *shown, struct cm_err *err) {
    struct reader r = {.left = {.at = bytes, .size = size}};

    if (size < sizeof(MAGIC) || memcmp(bytes, MAGIC, sizeof(MAGIC)) != 0) {
        return cm_fail(err, CM_EINVAL, "it is no private key of OpenSSH");
    }
    r.left.at += sizeof(MAGIC);
    r.left.size -= sizeof(MAGIC);
    if (!is_text(take_piece(&r), "none")) {
        return cm_fail(err, CM_EINVAL, "it has a passphrase: use a key without one");
    }
    (void)take_piece(&r); // how the passphrase makes a key, and with what
    (void)take_piece(&r);
    uint32_t keys = take_number(&r);
    *shown = take_piece(&r);
    struct reader secret = {.left = take_piece(&r)};
    (void)take_number(&secret); // twice the same, to see that it was decrypted right
    (void)take_number(&secret);
    if (!is_text(take_piece(&secret), TYPE)) {
        return cm_fail(err, CM_EINVAL, "it is no Ed25519 key: make one with ssh-keygen -t ed25519");
    }
    (void)take_piece(&secret); // the public half
    *seed = take_piece(&secret);
    if (r.broken || secret.broken || keys != 1 || seed->size != 2 * (size_t)SEED_SIZE) {
        return cm_fail(err, CM_EINVAL, "the private key is damaged");
    }
    return CM_OK;
}

static void sign_ed25519(const uint8_t *seed, const struct cm_str *bytes,
                         uint8_t out[SIGNATURE_SIZE]) {
    size_t size = SIGNATURE_SIZE;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SEED_SIZE);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    cm_openssl_must(
        key != NULL && ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
            EVP_DigestSign(ctx, out, &size, (const uint8_t *)bytes->data, bytes->len) == 1,
        "sign with an SSH key");
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
}

// What is signed: not the bytes but their hash, with what it is for.
static void add_statement(struct cm_str *out, const char *purpose, const char *bytes) {
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    cm_openssl_must(EVP_Digest(bytes, strlen(bytes), hash, &size, EVP_sha512(), NULL) == 1, "hash");
    cm_str_add(out, "SSHSIG");
    add_text(out, purpose);
    add_text(out, "");
    add_text(out, "sha512");
    add_piece(out, hash, size);
}

static char *armour(const struct cm_str *blob) {
    CM_AUTOFREE char *text = cm_base64(blob->data, blob->len);
    size_t len = strlen(text);
    struct cm_str out = {0};

    cm_str_add(&out, "-----BEGIN SSH SIGNATURE-----\n");
    for (size_t at = 0; at < len; at += LINE_CHARS) {
        cm_str_add_n(&out, text + at, len - at < LINE_CHARS ? len - at : LINE_CHARS);
        cm_str_add_char(&out, '\n');
    }
    cm_str_add(&out, "-----END SSH SIGNATURE-----\n");
    return cm_str_take(&out);
}

static char *make_signature(const uint8_t *seed, struct piece shown, const char *purpose,
                            const char *bytes) {
    CM_CLEANUP(cm_str_done) struct cm_str statement = {0};
    CM_CLEANUP(cm_str_done) struct cm_str inner = {0};
    CM_CLEANUP(cm_str_done) struct cm_str blob = {0};
    uint8_t signature[SIGNATURE_SIZE];

    add_statement(&statement, purpose, bytes);
    sign_ed25519(seed, &statement, signature);
    add_text(&inner, TYPE);
    add_piece(&inner, signature, sizeof(signature));
    cm_str_add(&blob, "SSHSIG");
    add_number(&blob, 1);
    add_piece(&blob, shown.at, shown.size);
    add_text(&blob, purpose);
    add_text(&blob, "");
    add_text(&blob, "sha512");
    add_piece(&blob, inner.data, inner.len);
    return armour(&blob);
}

// with_key signs if there is something to sign.
static enum cm_rc with_key(const char *key, const char *purpose, const char *bytes, char **out,
                           struct cm_err *err) {
    struct piece seed = {0};
    struct piece shown = {0};
    uint8_t *raw = NULL;
    size_t size = 0;

    if (!decode(key, &raw, &size)) {
        return cm_fail(err, CM_EINVAL, "it is no private key of OpenSSH");
    }
    enum cm_rc rc = read_key(raw, size, &seed, &shown, err);
    if (rc == CM_OK && bytes != NULL) {
        *out = make_signature(seed.at, shown, purpose, bytes);
    }
    explicit_bzero(raw, size);
    free(raw);
    return rc;
}

enum cm_rc cm_ssh_sign(const char *key, const char *purpose, const char *bytes, char **out,
                       struct cm_err *err) {
    return with_key(key, purpose, bytes, out, err);
}

enum cm_rc cm_ssh_key_check(const char *key, struct cm_err *err) {
    return with_key(key, "", NULL, NULL, err);
}
