// digest: SHA-256, HMAC, random bytes and their texts.
//
// Threads: any; nothing here blocks or fails (without random bytes the process ends).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CM_SHA256_SIZE 32
#define CM_SHA256_HEX_MAX 65

struct cm_sha256 {
    uint8_t bytes[CM_SHA256_SIZE];
};

struct cm_sha256 cm_sha256(const void *bytes, size_t size);

// For what comes in pieces.
struct cm_sha256_stream;
struct cm_sha256_stream *cm_sha256_begin(void);
void cm_sha256_add(struct cm_sha256_stream *s, const void *bytes, size_t size);
struct cm_sha256 cm_sha256_end(struct cm_sha256_stream *s); // frees s

struct cm_sha256 cm_hmac_sha256(const void *key, size_t key_size, const void *bytes, size_t size);

#define CM_SHA1_SIZE 20

// cm_hmac_sha1 is only for formats that demand it (ssh's known_hosts).
void cm_hmac_sha1(const void *key, size_t key_size, const void *bytes, size_t size,
                  uint8_t out[CM_SHA1_SIZE]);

bool cm_sha256_equal(const struct cm_sha256 *a, const struct cm_sha256 *b);
void cm_sha256_hex(const struct cm_sha256 *h, char out[CM_SHA256_HEX_MAX]);
bool cm_sha256_parse(const char *hex, struct cm_sha256 *out);

// cm_equal_secret compares in a time that does not depend on where the bytes differ.
bool cm_equal_secret(const void *a, const void *b, size_t size);

void cm_random(void *out, size_t size);

#define CM_UUID_MAX 37

// cm_uuid makes a random UUID (RFC 9562 version 4) as text.
void cm_uuid(char out[CM_UUID_MAX]);
bool cm_uuid_ok(const char *text);

// Text forms. Encoders return a string that the caller frees; decoders return false on malformed
// text. base64url has no padding.
char *cm_hex(const void *bytes, size_t size);
bool cm_hex_decode(const char *hex, void *out, size_t size); // exactly `size` bytes
char *cm_base64(const void *bytes, size_t size);
char *cm_base64url(const void *bytes, size_t size);
bool cm_base64_decode(const char *text, size_t len, uint8_t **out, size_t *out_size);
bool cm_base64url_decode(const char *text, size_t len, uint8_t **out, size_t *out_size);
