#include "tests/unit/proto/messages.h"

#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "proto/holdfast.pb-c.h"

const ProtobufCMessageDescriptor *const all_messages[] = {
    &holdfast__v1__hello__descriptor,
    &holdfast__v1__welcome__descriptor,
    &holdfast__v1__goodbye__descriptor,
    &holdfast__v1__ping__descriptor,
    &holdfast__v1__pong__descriptor,
    &holdfast__v1__desired__descriptor,
    &holdfast__v1__desired_to_be_signed__descriptor,
    &holdfast__v1__want__descriptor,
    &holdfast__v1__blob__descriptor,
    &holdfast__v1__report__descriptor,
    &holdfast__v1__report_ack__descriptor,
    &holdfast__v1__sync__descriptor,
    &holdfast__v1__app_report__descriptor,
    &holdfast__v1__object_report__descriptor,
    &holdfast__v1__happened__descriptor,
    &holdfast__v1__field_drift__descriptor,
    &holdfast__v1__manifest__descriptor,
    &holdfast__v1__manifest_app__descriptor,
    &holdfast__v1__gone_app__descriptor,
    &holdfast__v1__bundle__descriptor,
    &holdfast__v1__bundle_entry__descriptor,
    &holdfast__v1__enroll_request__descriptor,
    &holdfast__v1__enroll_reply__descriptor,
    &holdfast__v1__look__descriptor,
    &holdfast__v1__found__descriptor,
    &holdfast__v1__prove__descriptor,
    &holdfast__v1__proven__descriptor,
    &holdfast__v1__owned_object__descriptor,
    &holdfast__v1__journal__descriptor,
    &holdfast__v1__journal_entry__descriptor,
    &holdfast__v1__journal_gap__descriptor,
    &holdfast__v1__journal_ack__descriptor,
    &holdfast__v1__renew__descriptor,
    &holdfast__v1__renewed__descriptor,
    &holdfast__v1__confirm__descriptor,
    &holdfast__v1__decisions__descriptor,
    &holdfast__v1__decision__descriptor,
    &holdfast__v1__decisions_ack__descriptor,
    &holdfast__v1__trust__descriptor,
    &holdfast__v1__freeze__descriptor,
    &holdfast__v1__freeze_entry__descriptor,
    &holdfast__v1__frozen__descriptor,
    &holdfast__v1__exempted__descriptor,
    &holdfast__v1__site_exemption__descriptor,
    &holdfast__v1__exempted_ack__descriptor,
    &holdfast__v1__scaled__descriptor,
};
const size_t all_messages_count = sizeof(all_messages) / sizeof(all_messages[0]);

static size_t size_of(const ProtobufCFieldDescriptor *field) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return sizeof(uint64_t);
    }
}

static void fill(struct cm_arena *a, const ProtobufCFieldDescriptor *field, void *at) {
    ProtobufCBinaryData bytes;
    uint64_t wide;
    uint32_t narrow;
    void *pointer;

    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        pointer = cm_arena_strf(a, "%.20s-%u", field->name, field->id);
        memcpy(at, &pointer, sizeof(pointer));
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        pointer = sample_message(a, field->descriptor);
        memcpy(at, &pointer, sizeof(pointer));
        break;
    case PROTOBUF_C_TYPE_BYTES:
        bytes = (ProtobufCBinaryData){.len = 32, .data = cm_arena_get(a, 32)};
        memset(bytes.data, (int)field->id, bytes.len);
        memcpy(at, &bytes, sizeof(bytes));
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
        wide = UINT64_C(1000000000000) + field->id;
        memcpy(at, &wide, sizeof(wide));
        break;
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        narrow = 1;
        memcpy(at, &narrow, sizeof(narrow));
        break;
    default:
        narrow = 1000 + field->id;
        memcpy(at, &narrow, sizeof(narrow));
        break;
    }
}

static void fill_list(struct cm_arena *a, const ProtobufCFieldDescriptor *field, char *base) {
    size_t count = 2;
    size_t size = size_of(field);
    char *list = cm_arena_get(a, count * size);

    for (size_t i = 0; i < count; i++) {
        fill(a, field, list + i * size);
    }
    memcpy(base + field->quantifier_offset, &count, sizeof(count));
    memcpy(base + field->offset, &list, sizeof(void *));
}

ProtobufCMessage *sample_message(struct cm_arena *a, const ProtobufCMessageDescriptor *type) {
    ProtobufCMessage *message = cm_arena_get(a, type->sizeof_message);

    type->message_init(message);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        char *base = (char *)message;

        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            fill_list(a, field, base);
        } else {
            fill(a, field, base + field->offset);
        }
    }
    return message;
}
