#include "common/net/frame.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"

// The first piece of memory for a payload; it doubles as bytes come.
#define FIRST_CAPACITY ((size_t)8 << 10)

static size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

void cm_net_header_write(const struct cm_net_header *h, uint8_t out[CM_NET_HEADER_SIZE]) {
    uint32_t size = htobe32(h->size);
    uint16_t type = htobe16(h->type);
    uint16_t flags = htobe16(h->flags);
    uint64_t sequence = htobe64(h->sequence);

    memcpy(out, &size, 4);
    memcpy(out + 4, &type, 2);
    memcpy(out + 6, &flags, 2);
    memcpy(out + 8, &sequence, 8);
}

struct cm_net_header cm_net_header_read(const uint8_t in[CM_NET_HEADER_SIZE]) {
    struct cm_net_header h;

    memcpy(&h.size, in, 4);
    memcpy(&h.type, in + 4, 2);
    memcpy(&h.flags, in + 6, 2);
    memcpy(&h.sequence, in + 8, 8);
    h.size = be32toh(h.size);
    h.type = be16toh(h.type);
    h.flags = be16toh(h.flags);
    h.sequence = be64toh(h.sequence);
    return h;
}

void cm_net_reader_init(struct cm_net_reader *r, size_t (*max_payload)(uint16_t type)) {
    *r = (struct cm_net_reader){.max_payload = max_payload, .next_sequence = 1};
}

static void forget_payload(struct cm_net_reader *r) {
    if (r->payload != NULL) {
        cm_free_wiped(r->payload, r->have - CM_NET_HEADER_SIZE);
    }
    r->payload = NULL;
    r->capacity = 0;
}

void cm_net_reader_done(struct cm_net_reader *r) {
    forget_payload(r);
}

static void grow(struct cm_net_reader *r) {
    size_t had = r->capacity;

    r->capacity = min_size(had == 0 ? FIRST_CAPACITY : 2 * had, r->header.size);
    r->payload = cm_resize_wiped(r->payload, had, r->capacity);
}

size_t cm_net_reader_room(struct cm_net_reader *r, uint8_t **out) {
    if (r->have < CM_NET_HEADER_SIZE) {
        *out = r->bytes + r->have;
        return CM_NET_HEADER_SIZE - r->have;
    }
    size_t have = r->have - CM_NET_HEADER_SIZE;
    if (have == r->capacity && have < r->header.size) {
        grow(r);
    }
    *out = r->payload + have;
    return r->capacity - have;
}

static enum cm_net_fault check(const struct cm_net_reader *r) {
    size_t max = r->max_payload(r->header.type);

    if (max == 0) {
        return CM_NET_BAD_TYPE;
    }
    if (r->header.size > max) {
        return CM_NET_BAD_SIZE;
    }
    return r->header.sequence == r->next_sequence ? CM_NET_SOUND : CM_NET_BAD_SEQUENCE;
}

enum cm_net_read cm_net_reader_add(struct cm_net_reader *r, size_t n) {
    if (r->fault != CM_NET_SOUND) {
        return CM_NET_FAULT;
    }
    bool had_header = r->have >= CM_NET_HEADER_SIZE;
    r->have += n;
    if (r->have < CM_NET_HEADER_SIZE) {
        return CM_NET_MORE;
    }
    if (!had_header) {
        r->header = cm_net_header_read(r->bytes);
        r->fault = check(r);
        if (r->fault != CM_NET_SOUND) {
            return CM_NET_FAULT;
        }
        r->expected = r->header.size;
    }
    return r->have == CM_NET_HEADER_SIZE + (size_t)r->header.size ? CM_NET_FRAME : CM_NET_MORE;
}

void cm_net_reader_frame(const struct cm_net_reader *r, struct cm_net_frame *out) {
    *out = (struct cm_net_frame){
        .type = r->header.type,
        .flags = r->header.flags,
        .payload = r->payload,
        .size = r->header.size,
    };
}

void cm_net_reader_next(struct cm_net_reader *r) {
    forget_payload(r); // idle connections hold no memory for frames
    r->have = 0;
    r->expected = 0;
    r->next_sequence++;
}

void cm_net_reader_why(const struct cm_net_reader *r, struct cm_err *err) {
    const struct cm_net_header *h = &r->header;

    switch (r->fault) {
    case CM_NET_BAD_TYPE:
        (void)cm_fail(err, CM_EINVAL, "the peer sent a frame of unknown type %u", h->type);
        break;
    case CM_NET_BAD_SIZE:
        (void)cm_fail(err, CM_EINVAL, "the peer sent a frame of type %u with %u bytes; %zu may be",
                      h->type, h->size, r->max_payload(h->type));
        break;
    case CM_NET_BAD_SEQUENCE:
        (void)cm_fail(err, CM_EINVAL, "the peer sent frame %llu where %llu was due",
                      (unsigned long long)h->sequence, (unsigned long long)r->next_sequence);
        break;
    case CM_NET_SOUND:
        (void)cm_fail(err, CM_EINVAL, "the peer sent something wrong");
        break;
    }
}

size_t cm_net_out_size(const struct cm_net_out *out) {
    return CM_NET_HEADER_SIZE + (out->payload == NULL ? 0 : out->payload->size);
}

// piece returns what is left in one place from this byte of a frame on.
static size_t piece(const struct cm_net_out *out, size_t offset, const uint8_t **at) {
    assert(out != NULL);
    if (offset < CM_NET_HEADER_SIZE) {
        *at = out->header + offset;
        return CM_NET_HEADER_SIZE - offset;
    }
    assert(out->payload != NULL); // else the frame would be over
    *at = out->payload->data + (offset - CM_NET_HEADER_SIZE);
    return out->payload->size - (offset - CM_NET_HEADER_SIZE);
}

size_t cm_net_batch_peek(const struct cm_net_batch *b, uint8_t *scratch, size_t room,
                         const uint8_t **out) {
    struct cm_net_batch ahead = *b;
    const uint8_t *at;
    size_t size = 0;

    room = min_size(room, b->bytes - b->sent);
    if (room > 0 && piece(b->current, b->offset, &at) >= room) {
        *out = at;
        return room;
    }
    while (size < room) {
        size_t n = min_size(piece(ahead.current, ahead.offset, &at), room - size);

        memcpy(scratch + size, at, n);
        size += n;
        cm_net_batch_advance(&ahead, n);
    }
    *out = scratch;
    return size;
}

void cm_net_batch_advance(struct cm_net_batch *b, size_t n) {
    b->sent += n;
    b->offset += n;
    while (b->current != NULL && b->offset >= cm_net_out_size(b->current)) {
        b->offset -= cm_net_out_size(b->current);
        b->current = b->current->next;
    }
}

void cm_net_outs_free(struct cm_net_out *first) {
    while (first != NULL) {
        struct cm_net_out *next = first->next;

        cm_buf_unref(first->payload);
        free(first);
        first = next;
    }
}
