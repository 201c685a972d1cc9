// older_table: makes a program speak the older table of messages (tests/unit/proto/older.proto).
//
// The linker puts these functions before those of proto/wire.c and of cm_net_send: what the older
// table does not have is gone from all that the program says and hears, and frames of newer types
// are passed over. So its other half believes to talk to a program that was built with that table.
// What a program keeps on its own disk alone is as the present one has it.
#include <assert.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/mem.h"
#include "common/net/net.h"
#include "proto/check.h"
#include "proto/wire.h"
#include "tests/unit/proto/older.pb-c.h"

// As the linker calls them.
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
struct cm_buf *__real_wire_pack(const ProtobufCMessage *message);
enum cm_rc __real_wire_unpack(struct cm_arena *a, const ProtobufCMessageDescriptor *type,
                              const void *bytes, size_t size, ProtobufCMessage **out,
                              struct cm_err *err);
size_t __real_wire_max_payload(uint16_t type);
enum cm_rc __real_cm_net_send(struct cm_net_conn *conn, uint16_t type, uint16_t flags,
                              struct cm_buf *payload, struct cm_err *err);
struct cm_buf *__wrap_wire_pack(const ProtobufCMessage *message);
enum cm_rc __wrap_wire_unpack(struct cm_arena *a, const ProtobufCMessageDescriptor *type,
                              const void *bytes, size_t size, ProtobufCMessage **out,
                              struct cm_err *err);
bool __wrap_wire_is_skipped(uint16_t type);
size_t __wrap_wire_max_payload(uint16_t type);
enum cm_rc __wrap_cm_net_send(struct cm_net_conn *conn, uint16_t type, uint16_t flags,
                              struct cm_buf *payload, struct cm_err *err);
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

static const ProtobufCMessageDescriptor *const older[] = {
    &holdfast__older__hello__descriptor,
    &holdfast__older__welcome__descriptor,
    &holdfast__older__goodbye__descriptor,
    &holdfast__older__ping__descriptor,
    &holdfast__older__pong__descriptor,
    &holdfast__older__desired__descriptor,
    &holdfast__older__desired_to_be_signed__descriptor,
    &holdfast__older__want__descriptor,
    &holdfast__older__blob__descriptor,
    &holdfast__older__report__descriptor,
    &holdfast__older__report_ack__descriptor,
    &holdfast__older__sync__descriptor,
    &holdfast__older__manifest__descriptor,
    &holdfast__older__bundle__descriptor,
    &holdfast__older__enroll_request__descriptor,
    &holdfast__older__enroll_reply__descriptor,
};

static bool is_known(uint16_t type) {
    return (type >= WIRE_HELLO && type <= WIRE_SYNC) || type == WIRE_ENROLL_REQUEST ||
           type == WIRE_ENROLL_REPLY;
}

static const ProtobufCMessageDescriptor *older_of(const ProtobufCMessageDescriptor *type) {
    for (size_t i = 0; i < sizeof(older) / sizeof(older[0]); i++) {
        if (strcmp(older[i]->short_name, type->short_name) == 0) {
            return older[i];
        }
    }
    return NULL;
}

static void *alloc(void *arena, size_t size) {
    return cm_arena_get(arena, size);
}

static void release(void *arena, void *pointer) {
    (void)arena, (void)pointer; // it goes with the arena
}

static void *at(const ProtobufCMessage *m, size_t offset) {
    return (uint8_t *)(uintptr_t)m + offset;
}

// Whether there are more unknown fields than a program takes; a list is one.
static bool has_too_many(const ProtobufCMessage *m) {
    size_t count = 0;

    for (size_t i = 0; i < m->n_unknown_fields; i++) {
        bool again = false;

        for (size_t j = 0; j < i && !again; j++) {
            again = m->unknown_fields[j].tag == m->unknown_fields[i].tag;
        }
        count += !again;
    }
    return count > WIRE_UNKNOWN_FIELDS_MAX;
}

static bool forget_unknown(ProtobufCMessage *m);

// forget_unknown_of goes on with the messages in a field.
static bool forget_unknown_of( // NOLINT(misc-no-recursion)
    const ProtobufCMessage *m, const ProtobufCFieldDescriptor *field) {
    ProtobufCMessage **value = at(m, field->offset);
    size_t count = 1;

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        count = *(size_t *)at(m, field->quantifier_offset);
        value = *(ProtobufCMessage ***)value;
    }
    for (size_t i = 0; i < count; i++) {
        if (value[i] != NULL && !forget_unknown(value[i])) {
            return false;
        }
    }
    return true;
}

// forget_unknown takes away what the table does not have; false if that is too much.
static bool forget_unknown(ProtobufCMessage *m) { // NOLINT(misc-no-recursion): four levels
    if (has_too_many(m)) {
        return false;
    }
    m->n_unknown_fields = 0;
    for (unsigned f = 0; f < m->descriptor->n_fields; f++) {
        const ProtobufCFieldDescriptor *field = &m->descriptor->fields[f];

        if (field->type == PROTOBUF_C_TYPE_MESSAGE && !forget_unknown_of(m, field)) {
            return false;
        }
    }
    return true;
}

// as_older returns what an older program has of a message; NULL if that is none.
static struct cm_buf *as_older(const ProtobufCMessageDescriptor *type, const void *bytes,
                               size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    ProtobufCAllocator allocator = {.alloc = alloc, .free = release, .allocator_data = a};
    ProtobufCMessage *m = protobuf_c_message_unpack(type, &allocator, size, bytes);

    return m != NULL && forget_unknown(m) ? __real_wire_pack(m) : NULL;
}

struct cm_buf *__wrap_wire_pack(const ProtobufCMessage *message) {
    const ProtobufCMessageDescriptor *type = older_of(message->descriptor);
    struct cm_buf *whole = __real_wire_pack(message);

    if (type == NULL) {
        return whole;
    }
    struct cm_buf *less = as_older(type, whole->data, whole->size);
    assert(less != NULL);
    cm_buf_unref(whole);
    return less;
}

enum cm_rc __wrap_wire_unpack(struct cm_arena *a, const ProtobufCMessageDescriptor *type,
                              const void *bytes, size_t size, ProtobufCMessage **out,
                              struct cm_err *err) {
    const ProtobufCMessageDescriptor *known = older_of(type);

    if (known == NULL) {
        return __real_wire_unpack(a, type, bytes, size, out, err);
    }
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *less = as_older(known, bytes, size);
    return less == NULL ? cm_fail(err, CM_EINVAL, "%s is not for this version", type->short_name)
                        : __real_wire_unpack(a, type, less->data, less->size, out, err);
}

bool __wrap_wire_is_skipped(uint16_t type) {
    return type > 0 && type <= WIRE_SKIPPED_MAX && !is_known(type);
}

size_t __wrap_wire_max_payload(uint16_t type) {
    return __wrap_wire_is_skipped(type) ? WIRE_CONTROL_MAX : __real_wire_max_payload(type);
}

// What it sends must be in its table: a newer message only goes to who says that he knows it.
enum cm_rc __wrap_cm_net_send(struct cm_net_conn *conn, uint16_t type, uint16_t flags,
                              struct cm_buf *payload, struct cm_err *err) {
    assert(is_known(type));
    return __real_cm_net_send(conn, type, flags, payload, err);
}
