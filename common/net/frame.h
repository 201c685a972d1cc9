// frame: the bytes of a frame, in and out, without any I/O.
//
// A reader is filled where it says and tells when a frame is whole. What a peer claims is not
// believed: the payload's memory grows with the bytes that really came, so a header costs a peer's
// victim nothing.
//
// Threads: a reader is used by one thread at a time; `expected` may be read by any.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/net/net.h"

struct cm_buf;

struct cm_net_header {
    uint32_t size; // of the payload
    uint16_t type;
    uint16_t flags;
    uint64_t sequence;
};

void cm_net_header_write(const struct cm_net_header *h, uint8_t out[CM_NET_HEADER_SIZE]);
struct cm_net_header cm_net_header_read(const uint8_t in[CM_NET_HEADER_SIZE]);

enum cm_net_fault { CM_NET_SOUND, CM_NET_BAD_TYPE, CM_NET_BAD_SIZE, CM_NET_BAD_SEQUENCE };

struct cm_net_reader {
    size_t (*max_payload)(uint16_t type);
    uint64_t next_sequence;
    struct cm_net_header header;
    size_t have; // bytes of this frame that came, header included
    uint8_t bytes[CM_NET_HEADER_SIZE];
    uint8_t *payload;
    size_t capacity;
    enum cm_net_fault fault;   // once set, it stays
    _Atomic uint32_t expected; // size of the payload that is under way, for the deadline
};

void cm_net_reader_init(struct cm_net_reader *r, size_t (*max_payload)(uint16_t type));
void cm_net_reader_done(struct cm_net_reader *r);

// cm_net_reader_room says where the next bytes of this frame go, and how many at most: never 0
// while the frame is not whole.
size_t cm_net_reader_room(struct cm_net_reader *r, uint8_t **out);

enum cm_net_read { CM_NET_MORE, CM_NET_FRAME, CM_NET_FAULT };

// cm_net_reader_add counts n bytes that were put into the room.
enum cm_net_read cm_net_reader_add(struct cm_net_reader *r, size_t n);

// cm_net_reader_frame shows the whole frame, which is good until cm_net_reader_next.
void cm_net_reader_frame(const struct cm_net_reader *r, struct cm_net_frame *out);
void cm_net_reader_next(struct cm_net_reader *r);

// cm_net_reader_why puts the fault into words.
void cm_net_reader_why(const struct cm_net_reader *r, struct cm_err *err);

// A frame on its way out; the payload is shared.
struct cm_net_out {
    struct cm_net_out *next;
    struct cm_buf *payload; // NULL: empty
    uint8_t header[CM_NET_HEADER_SIZE];
};

// Frames that are handed to the transport together.
struct cm_net_batch {
    struct cm_net_out *first;
    size_t bytes;               // of all its frames
    size_t sent;                // of these
    struct cm_net_out *current; // the frame that holds the next byte to send
    size_t offset;              // of that byte in its frame
};

size_t cm_net_out_size(const struct cm_net_out *out);

// cm_net_batch_peek gathers the next bytes, at most `room`, in the scratch memory, or shows them
// where they are if there are that many in one place. It returns how many; the batch is unchanged.
size_t cm_net_batch_peek(const struct cm_net_batch *b, uint8_t *scratch, size_t room,
                         const uint8_t **out);
void cm_net_batch_advance(struct cm_net_batch *b, size_t n);

// cm_net_outs_free frees a list of frames and lets go of their payloads.
void cm_net_outs_free(struct cm_net_out *first);
