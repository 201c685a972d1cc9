// record: how the log's frames and records look, and reading them back within bounds.
//
//     file    "holdfast log 1\n\0", frames
//     frame   u32 length | 16 bytes of SHA-256 over the payload | payload of `length` bytes
//     payload records: u8 type | u32 length | bytes
//
// Numbers are little endian. A frame is the unit that is there or not.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/str.h"
#include "common/tls/digest.h"

#define AGENT_LOG_MAGIC "holdfast log 1\n"
#define AGENT_LOG_MAGIC_SIZE 16
#define AGENT_FRAME_HEADER 20
#define AGENT_FRAME_MAX ((size_t)64 * 1024 * 1024)
#define AGENT_RECORD_HEADER 5

enum agent_record_type {
    AGENT_RECORD_BLOB = 1,
    AGENT_RECORD_IN_FORCE = 2,
    AGENT_RECORD_ITEM = 3,
    AGENT_RECORD_ITEM_GONE = 4,
    AGENT_RECORD_REPORTS = 5,
    AGENT_RECORD_RECOVERED = 6,
    AGENT_RECORD_HOOK = 7,
    AGENT_RECORD_HOOK_GONE = 8,
    AGENT_RECORD_JOURNAL = 9,
    AGENT_RECORD_JOURNAL_CUT = 10,
    AGENT_RECORD_RELEASES = 11,
    AGENT_RECORD_DECISION = 12,
    AGENT_RECORD_DECISION_CUT = 13,
    AGENT_RECORD_HOLD = 14,
    AGENT_RECORD_HOLD_GONE = 15,
    AGENT_RECORD_FREEZES = 16,
    AGENT_RECORD_EXEMPTIONS = 17,
    AGENT_RECORD_LAST = AGENT_RECORD_EXEMPTIONS,
};

// Writing. agent_put_begin starts a record and returns where it is; agent_put_end closes it.
void agent_put_u8(struct cm_str *s, uint8_t v);
void agent_put_u32(struct cm_str *s, uint32_t v);
void agent_put_u64(struct cm_str *s, uint64_t v);
void agent_put_bytes(struct cm_str *s, const void *bytes, size_t size); // with their length
void agent_put_text(struct cm_str *s, const char *text);                // NULL is ""
size_t agent_put_begin(struct cm_str *s, enum agent_record_type type);
void agent_put_end(struct cm_str *s, size_t begin);

// agent_put_frame appends a frame with this payload.
void agent_put_frame(struct cm_str *s, const void *payload, size_t size);

// Reading. After a short read `bad` is set and everything reads as zero and "".
struct agent_reader {
    const uint8_t *at;
    size_t left;
    bool bad;
};

uint8_t agent_get_u8(struct agent_reader *r);
uint32_t agent_get_u32(struct agent_reader *r);
uint64_t agent_get_u64(struct agent_reader *r);
const uint8_t *agent_get_raw(struct agent_reader *r, size_t size); // NULL when bad
const uint8_t *agent_get_bytes(struct agent_reader *r, size_t *size);

// agent_get_text returns a text that ends in a NUL, inside the bytes.
const char *agent_get_text(struct agent_reader *r);

// agent_frame_ok checks a frame's header against its payload.
bool agent_frame_ok(const uint8_t header[AGENT_FRAME_HEADER], const void *payload, size_t size);
uint32_t agent_frame_size(const uint8_t header[AGENT_FRAME_HEADER]);
