#include "proto/wire.h"

#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "proto/check.h"
#include "proto/holdfast.pb-c.h"

#define PURPOSE "holdfast manifest v1"

enum {
    SMALL_MAX = 1024, // Ping, Pong, and what acknowledges
    LOOK_MAX = 256 * 1024,
    RENEW_MAX = 8 * 1024,
    EXPORTER_SIZE = 32,
    BUDGET_FACTOR = 16,
    BUDGET_BASE = 64 * 1024,
};

static const struct {
    const char *name;
    size_t link;
    size_t enroll;
} types[] = {
    [WIRE_HELLO] = {"Hello", WIRE_CONTROL_MAX, 0},
    [WIRE_WELCOME] = {"Welcome", WIRE_CONTROL_MAX, 0},
    [WIRE_GOODBYE] = {"Goodbye", WIRE_CONTROL_MAX, WIRE_ENROLL_MAX},
    [WIRE_PING] = {"Ping", SMALL_MAX, 0},
    [WIRE_PONG] = {"Pong", SMALL_MAX, 0},
    [WIRE_DESIRED] = {"Desired", WIRE_BULK_MAX, 0},
    [WIRE_WANT] = {"Want", WIRE_CONTROL_MAX, 0},
    [WIRE_BLOB] = {"Blob", WIRE_BULK_MAX, 0},
    [WIRE_REPORT] = {"Report", WIRE_BULK_MAX, 0},
    [WIRE_REPORT_ACK] = {"ReportAck", SMALL_MAX, 0},
    [WIRE_SYNC] = {"Sync", SMALL_MAX, 0},
    [WIRE_LOOK] = {"Look", LOOK_MAX, 0},
    [WIRE_FOUND] = {"Found", LOOK_MAX, 0},
    [WIRE_RENEW] = {"Renew", RENEW_MAX, 0},
    [WIRE_RENEWED] = {"Renewed", WIRE_ENROLL_MAX, 0},
    [WIRE_CONFIRM] = {"Confirm", RENEW_MAX, 0},
    [WIRE_TRUST] = {"Trust", WIRE_ENROLL_MAX + RENEW_MAX, 0},
    [WIRE_JOURNAL] = {"Journal", WIRE_BULK_MAX, 0},
    [WIRE_JOURNAL_ACK] = {"JournalAck", SMALL_MAX, 0},
    [WIRE_DECISIONS] = {"Decisions", WIRE_BULK_MAX, 0},
    [WIRE_DECISIONS_ACK] = {"DecisionsAck", SMALL_MAX, 0},
    [WIRE_FREEZE] = {"Freeze", WIRE_CONTROL_MAX, 0},
    [WIRE_FROZEN] = {"Frozen", SMALL_MAX, 0},
    [WIRE_PROVE] = {"Prove", WIRE_BULK_MAX, 0},
    [WIRE_PROVEN] = {"Proven", WIRE_CONTROL_MAX, 0},
    [WIRE_EXEMPTED] = {"Exempted", WIRE_BULK_MAX, 0},
    [WIRE_EXEMPTED_ACK] = {"ExemptedAck", WIRE_CONTROL_MAX, 0},
    [WIRE_ENROLL_REQUEST] = {"EnrollRequest", 0, WIRE_ENROLL_MAX},
    [WIRE_ENROLL_REPLY] = {"EnrollReply", 0, WIRE_ENROLL_MAX},
};

static bool is_known(uint16_t type) {
    return type < sizeof(types) / sizeof(types[0]) && types[type].name != NULL;
}

bool wire_is_skipped(uint16_t type) {
    return type > 0 && type <= WIRE_SKIPPED_MAX && !is_known(type);
}

size_t wire_max_payload(uint16_t type) {
    if (wire_is_skipped(type)) {
        return WIRE_CONTROL_MAX;
    }
    return is_known(type) ? types[type].link : 0;
}

size_t wire_max_enroll(uint16_t type) {
    return is_known(type) ? types[type].enroll : 0;
}

const char *wire_type_name(uint16_t type) {
    return is_known(type) ? types[type].name : NULL;
}

struct cm_buf *wire_pack(const ProtobufCMessage *message) {
    struct cm_buf *buf = cm_buf_new(protobuf_c_message_get_packed_size(message));

    (void)protobuf_c_message_pack(message, buf->data);
    return buf;
}

// What one message may take from the arena, and has taken.
struct budget {
    struct cm_arena *arena;
    size_t left;
};

static void *alloc(void *data, size_t size) {
    struct budget *b = data;

    if (size > b->left) {
        return NULL;
    }
    b->left -= size;
    return cm_arena_try(b->arena, size);
}

// release does nothing: what was allocated goes with the arena.
static void release(void *data, void *pointer) {
    (void)data;
    (void)pointer;
}

enum cm_rc wire_unpack(struct cm_arena *a, const ProtobufCMessageDescriptor *type,
                       const void *bytes, size_t size, ProtobufCMessage **out, struct cm_err *err) {
    static const uint8_t none;
    struct budget budget = {.arena = a, .left = size * BUDGET_FACTOR + BUDGET_BASE};
    ProtobufCAllocator allocator = {.alloc = alloc, .free = release, .allocator_data = &budget};

    if (size > WIRE_BLOB_MAX) {
        return cm_fail(err, CM_EINVAL, "%s is larger than any message", type->short_name);
    }
    enum cm_rc rc = wire_check(type, bytes, size, err);
    if (rc < 0) {
        return rc;
    }
    ProtobufCMessage *message =
        protobuf_c_message_unpack(type, &allocator, size, size == 0 ? &none : bytes);
    if (message == NULL) {
        return cm_fail(err, CM_EINVAL, "%s cannot be decoded within its budget", type->short_name);
    }
    *out = message;
    return CM_OK;
}

struct cm_buf *wire_key_to_be_signed(const char *purpose, const uint8_t exporter[32],
                                     const uint8_t *der, size_t size) {
    size_t len = strlen(purpose);
    struct cm_buf *out = cm_buf_new(len + EXPORTER_SIZE + size);

    memcpy(out->data, purpose, len);
    memcpy(out->data + len, exporter, EXPORTER_SIZE);
    memcpy(out->data + len + EXPORTER_SIZE, der, size);
    return out;
}

struct cm_buf *wire_desired_to_be_signed(const char *cluster_id, uint64_t epoch,
                                         uint64_t generation, const uint8_t sha256[32]) {
    Holdfast__V1__DesiredToBeSigned m;
    char purpose[] = PURPOSE;
    uint8_t hash[32];

    memcpy(hash, sha256, sizeof(hash));
    holdfast__v1__desired_to_be_signed__init(&m);
    m.purpose = purpose;
    m.cluster_id = (char *)(uintptr_t)cluster_id; // protobuf-c has no const; packing only reads
    m.epoch = epoch;
    m.generation = generation;
    m.manifest_sha256 = (ProtobufCBinaryData){.len = sizeof(hash), .data = hash};
    return wire_pack(&m.base);
}
