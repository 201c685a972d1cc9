#include "common/tls/digest.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="; // 64: padding
static const char base64url_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// OpenSSL's digests fail only when memory is out or the library is broken; both end the process.
static void must(int ok) {
    if (ok != 1) {
        (void)fprintf(stderr, "OpenSSL cannot compute digests or random bytes\n");
        abort();
    }
}

static EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void fetch_sha256(void) {
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    must(sha256 != NULL);
}

// get_sha256 returns the digest as it was fetched once: EVP_sha256() is looked up by each use.
static const EVP_MD *get_sha256(void) {
    (void)pthread_once(&sha256_once, fetch_sha256);
    return sha256;
}

struct cm_sha256 cm_sha256(const void *bytes, size_t size) {
    struct cm_sha256_stream *s = cm_sha256_begin();

    cm_sha256_add(s, bytes, size);
    return cm_sha256_end(s);
}

// The stream is OpenSSL's own context under our name.
struct cm_sha256_stream *cm_sha256_begin(void) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    must(ctx != NULL && EVP_DigestInit_ex(ctx, get_sha256(), NULL) == 1);
    return (struct cm_sha256_stream *)ctx;
}

void cm_sha256_add(struct cm_sha256_stream *s, const void *bytes, size_t size) {
    must(EVP_DigestUpdate((EVP_MD_CTX *)s, bytes, size));
}

struct cm_sha256 cm_sha256_end(struct cm_sha256_stream *s) {
    struct cm_sha256 out;

    must(EVP_DigestFinal_ex((EVP_MD_CTX *)s, out.bytes, NULL));
    EVP_MD_CTX_free((EVP_MD_CTX *)s);
    return out;
}

static void hmac(const EVP_MD *md, const void *key, size_t key_size, const void *bytes, size_t size,
                 uint8_t *out) {
    assert(key_size <= INT32_MAX);
    // OpenSSL takes a NULL key for "the one set before".
    must(HMAC(md, key == NULL ? "" : key, (int)key_size, bytes, size, out, NULL) != NULL);
}

struct cm_sha256 cm_hmac_sha256(const void *key, size_t key_size, const void *bytes, size_t size) {
    struct cm_sha256 out;

    hmac(EVP_sha256(), key, key_size, bytes, size, out.bytes);
    return out;
}

void cm_hmac_sha1(const void *key, size_t key_size, const void *bytes, size_t size,
                  uint8_t out[CM_SHA1_SIZE]) {
    hmac(EVP_sha1(), key, key_size, bytes, size, out);
}

bool cm_sha256_equal(const struct cm_sha256 *a, const struct cm_sha256 *b) {
    return memcmp(a->bytes, b->bytes, CM_SHA256_SIZE) == 0;
}

static void write_hex(const uint8_t *bytes, size_t size, char *out) {
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = hex_digits[bytes[i] >> 4];
        out[2 * i + 1] = hex_digits[bytes[i] & 15];
    }
    out[2 * size] = '\0';
}

void cm_sha256_hex(const struct cm_sha256 *h, char out[CM_SHA256_HEX_MAX]) {
    write_hex(h->bytes, CM_SHA256_SIZE, out);
}

bool cm_sha256_parse(const char *hex, struct cm_sha256 *out) {
    struct cm_sha256 parsed;

    if (!cm_hex_decode(hex, parsed.bytes, CM_SHA256_SIZE)) {
        return false;
    }
    *out = parsed;
    return true;
}

bool cm_equal_secret(const void *a, const void *b, size_t size) {
    return CRYPTO_memcmp(a, b, size) == 0;
}

void cm_random(void *out, size_t size) {
    assert(size <= INT32_MAX);
    must(RAND_bytes(out, (int)size));
}

void cm_uuid(char out[CM_UUID_MAX]) {
    static const size_t parts[] = {4, 2, 2, 2, 6};
    uint8_t bytes[16];
    const uint8_t *from = bytes;

    cm_random(bytes, sizeof(bytes));
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); // version 4
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80); // variant 10
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (i > 0) {
            *out++ = '-';
        }
        write_hex(from, parts[i], out);
        from += parts[i];
        out += 2 * parts[i];
    }
}

static bool is_lower_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// One UUID has one text (lower case), so that texts can be compared byte for byte.
bool cm_uuid_ok(const char *text) {
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        if (shape[i] == '-' ? text[i] != '-' : !is_lower_hex(text[i])) {
            return false;
        }
    }
    return text[sizeof(shape) - 1] == '\0';
}

char *cm_hex(const void *bytes, size_t size) {
    char *out = cm_new(2 * size + 1, 1);

    write_hex(bytes, size, out);
    return out;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool cm_hex_decode(const char *hex, void *out, size_t size) {
    uint8_t *bytes = out;

    if (strnlen(hex, 2 * size + 1) != 2 * size) {
        return false;
    }
    for (size_t i = 0; i < 2 * size; i++) {
        if (hex_value(hex[i]) < 0) {
            return false;
        }
    }
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
    }
    return true;
}

static char *encode64(const uint8_t *bytes, size_t size, const char *digits, bool pad) {
    char *text = cm_new(size / 3 * 4 + 5, 1);
    char *out = text;

    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t bits = (uint32_t)bytes[i] << 16;

        bits |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        bits |= left > 2 ? (uint32_t)bytes[i + 2] : 0;
        *out++ = digits[bits >> 18];
        *out++ = digits[bits >> 12 & 63];
        if (left > 1 || pad) {
            *out++ = digits[left > 1 ? bits >> 6 & 63 : 64];
        }
        if (left > 2 || pad) {
            *out++ = digits[left > 2 ? bits & 63 : 64];
        }
    }
    *out = '\0';
    return text;
}

char *cm_base64(const void *bytes, size_t size) {
    return encode64(bytes, size, base64_digits, true);
}

char *cm_base64url(const void *bytes, size_t size) {
    return encode64(bytes, size, base64url_digits, false);
}

static int value64(char c, const char *digits) {
    const char *at = memchr(digits, c, 64);

    return at == NULL ? -1 : (int)(at - digits);
}

// decode64 reads `len` digits without padding. A text has one meaning and a meaning one text, so
// bits that stand for nothing must be zero.
static bool decode64(const char *text, size_t len, const char *digits, uint8_t **out,
                     size_t *out_size) {
    CM_AUTOFREE uint8_t *bytes = cm_new(len / 4 * 3 + 3, 1);
    size_t size = 0;
    uint32_t bits = 0;
    unsigned have = 0;

    for (size_t i = 0; i < len; i++) {
        int value = value64(text[i], digits);

        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            bytes[size++] = (uint8_t)(bits >> have);
        }
    }
    if (len % 4 == 1 || (bits & ((1U << have) - 1)) != 0) {
        return false;
    }
    *out = CM_TAKE(bytes);
    *out_size = size;
    return true;
}

bool cm_base64_decode(const char *text, size_t len, uint8_t **out, size_t *out_size) {
    if (len % 4 != 0) {
        return false;
    }
    if (len > 0 && text[len - 1] == '=') {
        len -= text[len - 2] == '=' ? 2 : 1;
    }
    return decode64(text, len, base64_digits, out, out_size);
}

bool cm_base64url_decode(const char *text, size_t len, uint8_t **out, size_t *out_size) {
    return decode64(text, len, base64url_digits, out, out_size);
}
