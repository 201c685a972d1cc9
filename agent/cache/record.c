#include "agent/cache/record.h"

#include <assert.h>
#include <string.h>

enum { HASH_SIZE = 16 };

void agent_put_u8(struct cm_str *s, uint8_t v) {
    cm_str_add_n(s, &v, 1);
}

static void encode(uint8_t *out, uint64_t v, size_t size) {
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(v >> (8 * i));
    }
}

static uint64_t decode(const uint8_t *bytes, size_t size) {
    uint64_t v = 0;

    for (size_t i = 0; i < size; i++) {
        v |= (uint64_t)bytes[i] << (8 * i);
    }
    return v;
}

void agent_put_u32(struct cm_str *s, uint32_t v) {
    uint8_t bytes[4];

    encode(bytes, v, sizeof(bytes));
    cm_str_add_n(s, bytes, sizeof(bytes));
}

void agent_put_u64(struct cm_str *s, uint64_t v) {
    uint8_t bytes[8];

    encode(bytes, v, sizeof(bytes));
    cm_str_add_n(s, bytes, sizeof(bytes));
}

void agent_put_bytes(struct cm_str *s, const void *bytes, size_t size) {
    assert(size <= UINT32_MAX);
    agent_put_u32(s, (uint32_t)size);
    if (size > 0) {
        cm_str_add_n(s, bytes, size);
    }
}

void agent_put_text(struct cm_str *s, const char *text) {
    const char *some = text == NULL ? "" : text;

    agent_put_bytes(s, some, strlen(some) + 1);
}

size_t agent_put_begin(struct cm_str *s, enum agent_record_type type) {
    size_t begin = s->len;

    agent_put_u8(s, (uint8_t)type);
    agent_put_u32(s, 0);
    return begin;
}

void agent_put_end(struct cm_str *s, size_t begin) {
    size_t size = s->len - begin - AGENT_RECORD_HEADER;

    assert(size <= UINT32_MAX);
    encode((uint8_t *)s->data + begin + 1, size, 4);
}

void agent_put_frame(struct cm_str *s, const void *payload, size_t size) {
    struct cm_sha256 hash = cm_sha256(payload, size);

    assert(size <= AGENT_FRAME_MAX);
    agent_put_u32(s, (uint32_t)size);
    cm_str_add_n(s, hash.bytes, HASH_SIZE);
    cm_str_add_n(s, payload, size);
}

const uint8_t *agent_get_raw(struct agent_reader *r, size_t size) {
    if (r->bad || size > r->left) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *at = r->at;
    r->at += size;
    r->left -= size;
    return at;
}

static uint64_t get_number(struct agent_reader *r, size_t size) {
    const uint8_t *bytes = agent_get_raw(r, size);

    return bytes == NULL ? 0 : decode(bytes, size);
}

uint8_t agent_get_u8(struct agent_reader *r) {
    return (uint8_t)get_number(r, 1);
}

uint32_t agent_get_u32(struct agent_reader *r) {
    return (uint32_t)get_number(r, 4);
}

uint64_t agent_get_u64(struct agent_reader *r) {
    return get_number(r, 8);
}

const uint8_t *agent_get_bytes(struct agent_reader *r, size_t *size) {
    size_t n = agent_get_u32(r);
    const uint8_t *bytes = agent_get_raw(r, n);

    *size = bytes == NULL ? 0 : n;
    return bytes;
}

const char *agent_get_text(struct agent_reader *r) {
    size_t size;
    const uint8_t *bytes = agent_get_bytes(r, &size);

    if (bytes == NULL || size == 0 || memchr(bytes, 0, size) != bytes + size - 1) {
        r->bad = true;
        return "";
    }
    return (const char *)bytes;
}

uint32_t agent_frame_size(const uint8_t header[AGENT_FRAME_HEADER]) {
    return (uint32_t)decode(header, 4);
}

bool agent_frame_ok(const uint8_t header[AGENT_FRAME_HEADER], const void *payload, size_t size) {
    struct cm_sha256 hash = cm_sha256(payload, size);

    return agent_frame_size(header) == size && memcmp(header + 4, hash.bytes, HASH_SIZE) == 0;
}
