#include "proto/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "proto/check.h"
#include "proto/holdfast.pb-c.h"
#include "tests/unit/proto/messages.h"

// golden_text returns what the file of a message says, without the line feed.
static char *golden_text(const char *name) {
    CM_AUTOFREE char *path = cm_strf("%s/%s.hex", GOLDEN_DIR, name);
    FILE *file = fopen(path, "re");
    char line[8192] = "";

    if (file != NULL) {
        line[fread(line, 1, sizeof(line) - 1, file)] = '\0';
        (void)fclose(file);
    }
    line[strcspn(line, "\n")] = '\0';
    return cm_strdup(line);
}

static void every_message_has_the_bytes_that_were_agreed(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    (void)state;
    for (size_t i = 0; i < all_messages_count; i++) {
        const ProtobufCMessageDescriptor *type = all_messages[i];
        struct cm_buf *buf = wire_pack(sample_message(a, type));
        CM_AUTOFREE char *hex = cm_hex(buf->data, buf->size);
        CM_AUTOFREE char *golden = golden_text(type->short_name);

        if (strcmp(hex, golden) != 0) {
            (void)fprintf(stderr, "%s is now\n%s\n", type->short_name, hex);
            fail_msg("%s has other bytes", type->short_name);
        }
        cm_buf_unref(buf);
    }
}

static bool knows_all(const ProtobufCMessage *m);

// knows_all_in tells whether the messages in a field have nothing that is not in the table.
static bool knows_all_in(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *field) {
    const uint8_t *at = (const uint8_t *)m + field->offset;

    if (field->type != PROTOBUF_C_TYPE_MESSAGE) {
        return true;
    }
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        const ProtobufCMessage *one = *(const ProtobufCMessage *const *)at;

        return one == NULL || knows_all(one);
    }
    size_t count = *(const size_t *)((const uint8_t *)m + field->quantifier_offset);
    const ProtobufCMessage *const *all = *(const ProtobufCMessage *const *const *)at;
    for (size_t i = 0; i < count; i++) {
        if (!knows_all(all[i])) {
            return false;
        }
    }
    return true;
}

static bool knows_all(const ProtobufCMessage *m) {
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        if (!knows_all_in(m, &m->descriptor->fields[i])) {
            return false;
        }
    }
    return m->n_unknown_fields == 0;
}

static const ProtobufCMessageDescriptor *type_named(const char *name) {
    for (size_t i = 0; i < all_messages_count; i++) {
        if (strcmp(all_messages[i]->short_name, name) == 0) {
            return all_messages[i];
        }
    }
    fail_msg("%s is gone: a peer of version 1 sends it", name);
    return NULL;
}

static void understand_whole(const char *name) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE char *path = cm_strf("v1/%s", name);
    CM_AUTOFREE char *hex = golden_text(path);
    size_t size = strlen(hex) / 2;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = cm_buf_new(size);
    ProtobufCMessage *read = NULL;
    struct cm_err err;

    assert_true(cm_hex_decode(hex, bytes->data, size));
    if (wire_unpack(a, type_named(name), bytes->data, size, &read, &err) < 0) {
        fail_msg("%s: %s", name, err.msg);
    }
    assert_true(knows_all(read));
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *again = wire_pack(read);
    assert_int_equal(again->size, size);
    assert_memory_equal(again->data, bytes->data, size);
}

// The files in golden/v1 are what peers of protocol 1 say. They are never edited: what was said
// once means the same for ever.
static void what_version_1_says_is_understood_whole(void **state) {
    DIR *dir = opendir(GOLDEN_DIR "/v1");
    struct dirent *entry;
    size_t count = 0;

    (void)state;
    while ((entry = readdir(dir)) != NULL) {
        char *dot = strstr(entry->d_name, ".hex");

        if (dot == NULL) {
            continue;
        }
        *dot = '\0';
        understand_whole(entry->d_name);
        count++;
    }
    (void)closedir(dir);
    assert_int_equal(count, 45);
}

// corpus_path is where the fuzzer's sample of a message is: "app_report" of AppReport.
static char *corpus_path(const ProtobufCMessageDescriptor *type) {
    struct cm_str path = {0};

    cm_str_addf(&path, "%s/", CORPUS_DIR);
    for (const char *at = type->short_name; *at != '\0'; at++) {
        bool upper = *at >= 'A' && *at <= 'Z';

        if (upper && at > type->short_name) {
            cm_str_add_char(&path, '_');
        }
        cm_str_add_char(&path, cm_lower(*at));
    }
    return cm_str_take(&path);
}

static void the_fuzzer_takes_each_sample_for_the_message_that_it_is(void **state) {
    (void)state;
    for (size_t i = 0; i < all_messages_count; i++) {
        CM_AUTOFREE char *path = corpus_path(all_messages[i]);
        FILE *file = fopen(path, "re");
        int number = file == NULL ? EOF : fgetc(file);

        if (file != NULL) {
            (void)fclose(file);
        }
        if (number != (int)i) {
            fail_msg("%s begins with %d, not with %zu", path, number, i);
        }
    }
}

static void what_was_packed_is_unpacked_the_same(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < all_messages_count; i++) {
        struct cm_buf *buf = wire_pack(sample_message(a, all_messages[i]));
        ProtobufCMessage *back = NULL;

        assert_int_equal(wire_unpack(a, all_messages[i], buf->data, buf->size, &back, &err), CM_OK);
        struct cm_buf *again = wire_pack(back);
        assert_int_equal(again->size, buf->size);
        assert_memory_equal(again->data, buf->data, buf->size);
        cm_buf_unref(again);
        cm_buf_unref(buf);
    }
}

static void an_empty_payload_is_an_empty_message(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    Holdfast__V1__Sync *sync = NULL;
    struct cm_err err;

    (void)state;
    assert_int_equal(WIRE_UNPACK(a, Holdfast__V1__Sync, holdfast__v1__sync, NULL, 0, &sync, &err),
                     CM_OK);
    assert_string_equal(sync->app, "");
}

static size_t put_varint(uint8_t *out, size_t value) {
    size_t n = 0;

    for (; value >= 0x80; value >>= 7) {
        out[n++] = (uint8_t)(value & 0x7f) | 0x80;
    }
    out[n++] = (uint8_t)value;
    return n;
}

// one_field is a message with a single length-prefixed field of `size` bytes 'a'.
static size_t one_field(uint8_t *out, unsigned number, size_t size) {
    size_t n = put_varint(out, (size_t)number << 3 | 2);

    n += put_varint(out + n, size);
    memset(out + n, 'a', size);
    return n + size;
}

static void every_string_and_byte_field_has_a_limit(void **state) {
    enum { TOO_LONG = 2 * 1024 * 1024 };
    CM_AUTOFREE uint8_t *bytes = cm_new(1, TOO_LONG + 16);
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < all_messages_count; i++) {
        for (unsigned f = 0; f < all_messages[i]->n_fields; f++) {
            const ProtobufCFieldDescriptor *field = &all_messages[i]->fields[f];

            if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_BYTES) {
                continue;
            }
            assert_int_equal(
                wire_check(all_messages[i], bytes, one_field(bytes, field->id, TOO_LONG), &err),
                CM_EINVAL);
            assert_non_null(strstr(err.msg, "is too long"));
        }
    }
}

static void every_list_has_a_limit(void **state) {
    enum { COUNT = 200000 };
    CM_AUTOFREE uint8_t *bytes = cm_new(COUNT, 3);
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < all_messages_count; i++) {
        for (unsigned f = 0; f < all_messages[i]->n_fields; f++) {
            const ProtobufCFieldDescriptor *field = &all_messages[i]->fields[f];
            unsigned tag = field->id << 3 | 2;
            size_t size = 0;

            if (field->label != PROTOBUF_C_LABEL_REPEATED) {
                continue;
            }
            for (size_t n = 0; n < COUNT; n++) {
                if (tag >= 0x80) {
                    bytes[size++] = (uint8_t)(0x80 | (tag & 0x7f));
                }
                bytes[size++] = (uint8_t)(tag >= 0x80 ? tag >> 7 : tag);
                bytes[size++] = 0;
            }
            assert_int_equal(wire_check(all_messages[i], bytes, size, &err), CM_EINVAL);
            assert_non_null(strstr(err.msg, "too many entries"));
        }
    }
}

static enum cm_rc unpack_sync(const void *bytes, size_t size, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    Holdfast__V1__Sync *sync = NULL;

    return WIRE_UNPACK(a, Holdfast__V1__Sync, holdfast__v1__sync, bytes, size, &sync, err);
}

static void text_that_is_not_utf8_is_refused(void **state) {
    struct cm_err err;

    (void)state;
    assert_int_equal(unpack_sync("\x0a\x02\xc3\x28", 4, &err), CM_EINVAL);
    assert_string_equal(err.msg, "Sync.app is not UTF-8 text");
}

static void text_with_a_nul_is_refused(void **state) {
    struct cm_err err;

    (void)state;
    assert_int_equal(unpack_sync("\x0a\x03"
                                 "a\0b",
                                 5, &err),
                     CM_EINVAL);
}

static void a_hash_of_the_wrong_size_is_refused(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    Holdfast__V1__Want *want = NULL;
    struct cm_err err;

    (void)state;
    assert_int_equal(
        WIRE_UNPACK(a, Holdfast__V1__Want, holdfast__v1__want, "\x0a\x03zzz", 5, &want, &err),
        CM_EINVAL);
    assert_string_equal(err.msg, "Want.sha256 is no SHA-256");
}

// What it overwrites would stay in memory until the message is through.
static void a_field_that_is_no_list_is_refused_a_second_time(void **state) {
    struct cm_err err;

    (void)state;
    assert_int_equal(unpack_sync("\x0a\x01x\x0a\x01y", 6, &err), CM_EINVAL);
    assert_string_equal(err.msg, "Sync.app is there twice");
}

// unknown_fields writes fields of numbers that no message has; each takes three bytes.
static void unknown_fields(uint8_t *bytes, size_t count, unsigned step) {
    for (size_t i = 0; i < count; i++) {
        unsigned tag = (1000 + (unsigned)i * step) << 3;

        bytes[3 * i] = (uint8_t)(0x80 | (tag & 0x7f));
        bytes[3 * i + 1] = (uint8_t)(tag >> 7);
        bytes[3 * i + 2] = 1;
    }
}

static void a_few_unknown_fields_are_passed_over(void **state) {
    uint8_t bytes[3 * (WIRE_UNKNOWN_FIELDS_MAX + 1)];
    struct cm_err err;

    (void)state;
    unknown_fields(bytes, WIRE_UNKNOWN_FIELDS_MAX + 1, 1);
    assert_int_equal(unpack_sync(bytes, sizeof(bytes) - 3, &err), CM_OK);
    assert_int_equal(unpack_sync(bytes, sizeof(bytes), &err), CM_EINVAL);
    assert_string_equal(err.msg, "Sync has more than 16 unknown fields");
}

static void a_list_that_is_not_known_is_passed_over_within_the_budget(void **state) {
    enum { LIST = 200, FLOOD = 20000 };
    CM_AUTOFREE uint8_t *bytes = cm_new(FLOOD, 3);
    struct cm_err err;

    (void)state;
    unknown_fields(bytes, FLOOD, 0);
    assert_int_equal(unpack_sync(bytes, (size_t)3 * LIST, &err), CM_OK);
    assert_int_equal(unpack_sync(bytes, (size_t)3 * FLOOD, &err), CM_EINVAL);
    assert_string_equal(err.msg, "Sync cannot be decoded within its budget");
}

// As many as a newer hub may name in a bundle, each with a field that we do not know.
static void each_of_many_entries_may_have_unknown_fields(void **state) {
    enum { COUNT = 1000, ENTRY = 2 + 2 + 16 + 3 };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE uint8_t *bytes = cm_new(COUNT, ENTRY);
    Holdfast__V1__Bundle *bundle = NULL;
    struct cm_err err;

    (void)state;
    for (size_t n = 0; n < COUNT; n++) {
        uint8_t *at = bytes + n * ENTRY;

        at[0] = 8 << 3 | 2; // an entry
        at[1] = ENTRY - 2;
        (void)one_field(at + 2, 1, 16); // its key
        at[20] = 0x80 | (20 << 3 & 0x7f);
        at[21] = 20 << 3 >> 7;
        at[22] = 1;
    }
    assert_int_equal(WIRE_UNPACK(a, Holdfast__V1__Bundle, holdfast__v1__bundle, bytes,
                                 (size_t)COUNT * ENTRY, &bundle, &err),
                     CM_OK);
    assert_int_equal(bundle->n_entries, COUNT);
}

static void a_small_payload_cannot_make_us_allocate_much(void **state) {
    enum { COUNT = 90000 };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE uint8_t *bytes = cm_new(COUNT, 2);
    Holdfast__V1__Bundle *bundle = NULL;
    struct cm_err err;

    (void)state;
    for (size_t n = 0; n < COUNT; n++) {
        bytes[2 * n] = 8 << 3 | 2; // an empty BundleEntry
    }
    assert_int_equal(WIRE_UNPACK(a, Holdfast__V1__Bundle, holdfast__v1__bundle, bytes,
                                 (size_t)COUNT * 2, &bundle, &err),
                     CM_EINVAL);
    assert_true(cm_arena_used(a) <= (size_t)COUNT * 2 * 16 + 64 * 1024);
}

static void types_belong_to_one_of_the_two_listeners(void **state) {
    (void)state;
    assert_int_equal(wire_max_payload(WIRE_HELLO), WIRE_CONTROL_MAX);
    assert_int_equal(wire_max_payload(WIRE_ENROLL_REQUEST), 0);
    assert_int_equal(wire_max_enroll(WIRE_ENROLL_REQUEST), WIRE_ENROLL_MAX);
    assert_int_equal(wire_max_enroll(WIRE_HELLO), 0);
    assert_int_equal(wire_max_payload(0), 0);
    assert_int_equal(wire_max_payload(WIRE_SKIPPED_MAX + 1), 0);
    assert_int_equal(wire_max_payload(UINT16_MAX), 0);
    assert_string_equal(wire_type_name(WIRE_REPORT_ACK), "ReportAck");
    assert_null(wire_type_name(77));
}

static void types_of_a_newer_version_are_passed_over_on_the_link_alone(void **state) {
    (void)state;
    assert_true(wire_is_skipped(77));
    assert_int_equal(wire_max_payload(77), WIRE_CONTROL_MAX);
    assert_int_equal(wire_max_enroll(77), 0);
    assert_true(wire_is_skipped(WIRE_SKIPPED_MAX));
    assert_false(wire_is_skipped(WIRE_SKIPPED_MAX + 1));
    assert_false(wire_is_skipped(WIRE_ENROLL_REQUEST));
    assert_false(wire_is_skipped(WIRE_PING));
    assert_false(wire_is_skipped(0));
}

static void a_signature_is_made_over_cluster_epoch_generation_and_hash(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    Holdfast__V1__DesiredToBeSigned *m = NULL;
    uint8_t hash[32] = {1, 2, 3};
    struct cm_buf *buf = wire_desired_to_be_signed("some-cluster", 3, 4, hash);
    struct cm_err err;

    (void)state;
    assert_int_equal(WIRE_UNPACK(a, Holdfast__V1__DesiredToBeSigned,
                                 holdfast__v1__desired_to_be_signed, buf->data, buf->size, &m,
                                 &err),
                     CM_OK);
    assert_string_equal(m->purpose, "holdfast manifest v1");
    assert_string_equal(m->cluster_id, "some-cluster");
    assert_int_equal(m->epoch, 3);
    assert_int_equal(m->generation, 4);
    assert_memory_equal(m->manifest_sha256.data, hash, sizeof(hash));
    cm_buf_unref(buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_has_the_bytes_that_were_agreed),
        cmocka_unit_test(what_version_1_says_is_understood_whole),
        cmocka_unit_test(the_fuzzer_takes_each_sample_for_the_message_that_it_is),
        cmocka_unit_test(what_was_packed_is_unpacked_the_same),
        cmocka_unit_test(an_empty_payload_is_an_empty_message),
        cmocka_unit_test(every_string_and_byte_field_has_a_limit),
        cmocka_unit_test(every_list_has_a_limit),
        cmocka_unit_test(text_that_is_not_utf8_is_refused),
        cmocka_unit_test(text_with_a_nul_is_refused),
        cmocka_unit_test(a_hash_of_the_wrong_size_is_refused),
        cmocka_unit_test(a_field_that_is_no_list_is_refused_a_second_time),
        cmocka_unit_test(a_few_unknown_fields_are_passed_over),
        cmocka_unit_test(a_list_that_is_not_known_is_passed_over_within_the_budget),
        cmocka_unit_test(a_small_payload_cannot_make_us_allocate_much),
        cmocka_unit_test(types_belong_to_one_of_the_two_listeners),
        cmocka_unit_test(types_of_a_newer_version_are_passed_over_on_the_link_alone),
        cmocka_unit_test(each_of_many_entries_may_have_unknown_fields),
        cmocka_unit_test(a_signature_is_made_over_cluster_epoch_generation_and_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
