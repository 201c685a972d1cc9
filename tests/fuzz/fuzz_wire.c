// Any bytes given as any message: what can be unpacked packs to bytes that unpack and pack to the
// same, and never takes more memory than 16 times the payload and 64 KiB.
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/mem.h"
#include "proto/wire.h"
#include "tests/unit/proto/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cm_buf *unpack_and_pack(const ProtobufCMessageDescriptor *type, const uint8_t *data,
                                      size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    ProtobufCMessage *message = NULL;
    struct cm_err err;
    enum cm_rc rc = wire_unpack(a, type, data, size, &message, &err);

    // Rounding to the arena's alignment adds at most 16 bytes to each piece, of one byte or more.
    assert(cm_arena_used(a) <= (size * 16 + 64 * 1024) * 17);
    return rc < 0 ? NULL : wire_pack(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || data[0] >= all_messages_count) {
        return 0;
    }
    const ProtobufCMessageDescriptor *type = all_messages[data[0]];
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *once = unpack_and_pack(type, data + 1, size - 1);
    if (once == NULL) {
        return 0;
    }
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *twice = unpack_and_pack(type, once->data, once->size);
    assert(twice != NULL);
    assert(twice->size == once->size && memcmp(twice->data, once->data, once->size) == 0);
    return 0;
}
