// Frames come out the same however the bytes are cut, and a peer cannot make a reader hold more
// memory than twice what it really sent.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/net/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIRST_PIECE ((size_t)8 << 10)

struct outcome {
    size_t frames;
    size_t bytes;
    enum cm_net_fault fault;
};

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static size_t max_payload(uint16_t type) {
    return type == 0 ? 0 : (size_t)type * 1024;
}

static void check_frame(const struct cm_net_reader *r) {
    struct cm_net_frame frame;
    uint8_t header[CM_NET_HEADER_SIZE];

    cm_net_reader_frame(r, &frame);
    require(frame.size <= max_payload(frame.type));
    require(r->header.sequence == r->next_sequence);
    cm_net_header_write(&r->header, header);
    require(memcmp(header, r->bytes, sizeof(header)) == 0);
}

static struct outcome feed(const uint8_t *data, size_t size, size_t step) {
    struct cm_net_reader r;
    struct outcome out = {0};
    struct cm_err err;

    cm_net_reader_init(&r, max_payload);
    while (size > 0 && r.fault == CM_NET_SOUND) {
        uint8_t *room;
        size_t n = cm_net_reader_room(&r, &room);

        require(n > 0 && r.capacity <= FIRST_PIECE + 2 * r.have);
        n = n < step ? n : step;
        n = n < size ? n : size;
        memcpy(room, data, n);
        data += n;
        size -= n;
        if (cm_net_reader_add(&r, n) == CM_NET_FRAME) {
            check_frame(&r);
            out.frames++;
            out.bytes += r.header.size;
            cm_net_reader_next(&r);
        }
    }
    cm_net_reader_why(&r, &err);
    out.fault = r.fault;
    cm_net_reader_done(&r);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct outcome whole = feed(data, size, SIZE_MAX);
    struct outcome cut = feed(data, size, size > 0 ? (size_t)data[0] % 7 + 1 : 1);

    require(whole.frames == cut.frames && whole.bytes == cut.bytes && whole.fault == cut.fault);
    return 0;
}
