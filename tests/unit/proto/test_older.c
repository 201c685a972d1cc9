// A peer that was built with an older table: what it says means the same here, and what is said
// here it understands as far as it knows it.
#include "proto/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/mem.h"
#include "tests/unit/proto/messages.h"
#include "tests/unit/proto/older.pb-c.h"

#define PAIR(name)                                                                                 \
    { &holdfast__older__##name##__descriptor, #name }

static const struct {
    const ProtobufCMessageDescriptor *type;
    const char *name;
} older[] = {
    PAIR(hello),
    PAIR(welcome),
    PAIR(goodbye),
    PAIR(ping),
    PAIR(pong),
    PAIR(desired),
    PAIR(desired_to_be_signed),
    PAIR(want),
    PAIR(blob),
    PAIR(report),
    PAIR(report_ack),
    PAIR(sync),
    PAIR(app_report),
    PAIR(object_report),
    PAIR(field_drift),
    PAIR(manifest),
    PAIR(gone_app),
    PAIR(manifest_app),
    PAIR(bundle),
    PAIR(bundle_entry),
    PAIR(enroll_request),
    PAIR(enroll_reply),
};

static const ProtobufCMessageDescriptor *present_of(const ProtobufCMessageDescriptor *type) {
    for (size_t i = 0; i < all_messages_count; i++) {
        if (strcmp(all_messages[i]->short_name, type->short_name) == 0) {
            return all_messages[i];
        }
    }
    fail_msg("%s is gone: an older peer still sends it", type->short_name);
    return NULL;
}

static struct cm_buf *pack(const ProtobufCMessage *message) {
    struct cm_buf *buf = wire_pack(message);

    assert_true(buf->size > 0);
    return buf;
}

// read_older reads as the older program does; what it does not know it keeps apart.
static ProtobufCMessage *read_older(const ProtobufCMessageDescriptor *type,
                                    const struct cm_buf *bytes) {
    ProtobufCMessage *m = protobuf_c_message_unpack(type, NULL, bytes->size, bytes->data);

    assert_non_null(m);
    return m;
}

static void what_an_older_peer_says_is_understood_whole(void **state) {
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(older) / sizeof(older[0]); i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        CM_CLEANUP(cm_buf_unrefp) struct cm_buf *said = pack(sample_message(a, older[i].type));
        ProtobufCMessage *read = NULL;

        if (wire_unpack(a, present_of(older[i].type), said->data, said->size, &read, &err) < 0) {
            fail_msg("%s: %s", older[i].name, err.msg);
        }
        assert_int_equal(read->n_unknown_fields, 0);
        CM_CLEANUP(cm_buf_unrefp) struct cm_buf *again = pack(read);
        assert_int_equal(again->size, said->size);
        assert_memory_equal(again->data, said->data, said->size);
    }
}

static void an_older_peer_understands_what_it_knows_of_what_is_said(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(older) / sizeof(older[0]); i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        ProtobufCMessage *sample = sample_message(a, present_of(older[i].type));
        CM_CLEANUP(cm_buf_unrefp) struct cm_buf *said = pack(sample);
        ProtobufCMessage *read = read_older(older[i].type, said);

        for (unsigned f = 0; f < older[i].type->n_fields; f++) {
            const ProtobufCFieldDescriptor *was = &older[i].type->fields[f];
            const ProtobufCFieldDescriptor *is =
                protobuf_c_message_descriptor_get_field(sample->descriptor, was->id);

            assert_non_null(is);
            assert_string_equal(is->name, was->name);
            assert_int_equal(is->type, was->type);
            assert_int_equal(is->label, was->label);
        }
        assert_true(read->n_unknown_fields + older[i].type->n_fields >=
                    sample->descriptor->n_fields);
        protobuf_c_message_free_unpacked(read, NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_older_peer_says_is_understood_whole),
        cmocka_unit_test(an_older_peer_understands_what_it_knows_of_what_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
