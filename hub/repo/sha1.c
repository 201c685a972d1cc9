#include "hub/repo/sha1.h"

#include <assert.h>
#include <string.h>

#define BLOCK 64

struct sha1 {
    uint32_t h[5];
    uint64_t size;
    uint8_t block[BLOCK];
};

static uint32_t roll(uint32_t x, unsigned n) {
    return x << n | x >> (32 - n);
}

// RFC 3174 §5: f and K of round t.
static uint32_t mix(unsigned t, uint32_t b, uint32_t c, uint32_t d) {
    if (t < 20) {
        return ((b & c) | (~b & d)) + 0x5a827999U;
    }
    if (t < 40) {
        return (b ^ c ^ d) + 0x6ed9eba1U;
    }
    if (t < 60) {
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcU;
    }
    return (b ^ c ^ d) + 0xca62c1d6U;
}

static void expand(const uint8_t block[BLOCK], uint32_t w[80]) {
    for (size_t t = 0; t < 16; t++) {
        const uint8_t *p = block + 4 * t;

        w[t] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    }
    for (size_t t = 16; t < 80; t++) {
        w[t] = roll(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    }
}

static void digest_block(struct sha1 *s) {
    uint32_t w[80];
    uint32_t v[5];

    expand(s->block, w);
    memcpy(v, s->h, sizeof(v));
    for (unsigned t = 0; t < 80; t++) {
        uint32_t next = roll(v[0], 5) + mix(t, v[1], v[2], v[3]) + v[4] + w[t];

        v[4] = v[3];
        v[3] = v[2];
        v[2] = roll(v[1], 30);
        v[1] = v[0];
        v[0] = next;
    }
    for (size_t i = 0; i < 5; i++) {
        s->h[i] += v[i];
    }
}

static void begin(struct sha1 *s) {
    *s = (struct sha1){
        .h = {0x67452301U, 0xefcdab89U, 0x98badcfeU, 0x10325476U, 0xc3d2e1f0U},
    };
}

static void add(struct sha1 *s, const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        s->block[s->size++ % BLOCK] = bytes[i];
        if (s->size % BLOCK == 0) {
            digest_block(s);
        }
    }
}

static void end(struct sha1 *s, uint8_t out[HUB_SHA1_SIZE]) {
    uint64_t bits = s->size * 8;
    uint8_t length[8];

    for (unsigned i = 0; i < 8; i++) {
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    add(s, (const uint8_t[]){0x80}, 1);
    while (s->size % BLOCK != BLOCK - sizeof(length)) {
        add(s, (const uint8_t[]){0}, 1);
    }
    add(s, length, sizeof(length));
    for (size_t i = 0; i < HUB_SHA1_SIZE; i++) {
        out[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i % 4)));
    }
}

// One of the two hashes of RFC 2104: the padded key, then the bytes.
static void keyed(const uint8_t pad[BLOCK], const void *bytes, size_t size,
                  uint8_t out[HUB_SHA1_SIZE]) {
    struct sha1 s;

    begin(&s);
    add(&s, pad, BLOCK);
    add(&s, bytes, size);
    end(&s, out);
}

void hub_hmac_sha1(const uint8_t *key, size_t key_size, const void *bytes, size_t size,
                   uint8_t out[HUB_SHA1_SIZE]) {
    uint8_t inner[BLOCK];
    uint8_t outer[BLOCK];
    uint8_t hash[HUB_SHA1_SIZE];

    assert(key_size <= BLOCK); // OpenSSH's salts have 20 bytes; longer ones are refused before
    memset(inner, 0x36, BLOCK);
    memset(outer, 0x5c, BLOCK);
    for (size_t i = 0; i < key_size; i++) {
        inner[i] ^= key[i];
        outer[i] ^= key[i];
    }
    keyed(inner, bytes, size, hash);
    keyed(outer, hash, sizeof(hash), out);
}
