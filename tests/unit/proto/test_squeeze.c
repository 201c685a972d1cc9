// Bytes made fewer for the way.
#include "proto/squeeze.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/tls/digest.h"
#include "proto/wire.h"

// Bytes in which nothing comes twice.
static void fill(uint8_t *out, size_t size, uint32_t seed) {
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = (uint8_t)(seed >> 24);
    }
}

static int make(void **state) {
    *state = wire_squeezer_new();
    return 0;
}

static int drop(void **state) {
    wire_squeezer_free(*state);
    return 0;
}

static void a_version_costs_little_against_the_one_before(void **state) {
    uint8_t before[5000];
    uint8_t now[5000];
    uint8_t out[5000];
    struct wire_bytes base = {before, sizeof(before)};
    struct cm_err err;

    fill(before, sizeof(before), 1);
    memcpy(now, before, sizeof(now));
    now[2500] ^= 1;
    CM_CLEANUP(cm_buf_unrefp)
    struct cm_buf *squeezed = wire_squeeze(*state, (struct wire_bytes){now, sizeof(now)}, base);
    assert_non_null(squeezed);
    assert_true(squeezed->size < 100);
    assert_int_equal(wire_unsqueeze((struct wire_bytes){squeezed->data, squeezed->size}, base, out,
                                    sizeof(out), &err),
                     CM_OK);
    assert_memory_equal(out, now, sizeof(now));
}

static void another_length_or_a_part_of_it_is_refused(void **state) {
    uint8_t zeros[1000] = {0};
    uint8_t out[1001];
    struct wire_bytes none = {0};
    struct cm_err err;
    CM_CLEANUP(cm_buf_unrefp)
    struct cm_buf *squeezed = wire_squeeze(*state, (struct wire_bytes){zeros, 1000}, none);
    struct wire_bytes bytes = {squeezed->data, squeezed->size};

    assert_int_equal(wire_unsqueeze(bytes, none, out, 1000, &err), CM_OK);
    assert_int_equal(wire_unsqueeze(bytes, none, out, 999, &err), CM_EINVAL);
    assert_int_equal(wire_unsqueeze(bytes, none, out, 1001, &err), CM_EINVAL);
    bytes.size--;
    assert_int_equal(wire_unsqueeze(bytes, none, out, 1000, &err), CM_EINVAL);
}

static void only_one_frame_of_todays_format_is_taken(void **state) {
    static const uint8_t skipped[] = {0x50, 0x2A, 0x4D, 0x18, 1, 0, 0, 0, 0};
    static const uint8_t old[] = {0x25, 0xB5, 0x2F, 0xFD, 0, 0, 0, 0, 0}; // version 0.5
    uint8_t zeros[1000] = {0};
    uint8_t bytes[1000];
    uint8_t out[2000];
    struct wire_bytes none = {0};
    struct cm_err err;
    CM_CLEANUP(cm_buf_unrefp)
    struct cm_buf *one = wire_squeeze(*state, (struct wire_bytes){zeros, sizeof(zeros)}, none);
    size_t size = one->size;

    memcpy(bytes, one->data, size);
    assert_int_equal(wire_unsqueeze((struct wire_bytes){bytes, size}, none, out, 1000, &err),
                     CM_OK);
    memcpy(bytes + size, one->data, size);
    assert_int_equal(wire_unsqueeze((struct wire_bytes){bytes, 2 * size}, none, out, 2000, &err),
                     CM_EINVAL);
    memcpy(bytes + size, skipped, sizeof(skipped));
    assert_int_equal(
        wire_unsqueeze((struct wire_bytes){bytes, size + sizeof(skipped)}, none, out, 1000, &err),
        CM_EINVAL);
    memcpy(bytes, skipped, sizeof(skipped));
    memcpy(bytes + sizeof(skipped), one->data, size);
    assert_int_equal(
        wire_unsqueeze((struct wire_bytes){bytes, size + sizeof(skipped)}, none, out, 1000, &err),
        CM_EINVAL);
    assert_int_equal(wire_unsqueeze((struct wire_bytes){old, sizeof(old)}, none, out, 0, &err),
                     CM_EINVAL);
    assert_non_null(strstr(err.msg, "not one frame"));
}

// The frame does not say which base it was made against: the name by hash of what comes out does.
static void against_another_base_other_bytes_come_out_or_none(void **state) {
    uint8_t before[2000];
    uint8_t now[2000];
    uint8_t other[2000];
    uint8_t out[2000];
    struct wire_bytes base = {before, sizeof(before)};
    struct cm_err err;

    fill(before, sizeof(before), 1);
    fill(other, sizeof(other), 2);
    memcpy(now, before, sizeof(now));
    CM_CLEANUP(cm_buf_unrefp)
    struct cm_buf *squeezed = wire_squeeze(*state, (struct wire_bytes){now, sizeof(now)}, base);
    struct wire_bytes bytes = {squeezed->data, squeezed->size};
    enum cm_rc rc =
        wire_unsqueeze(bytes, (struct wire_bytes){other, sizeof(other)}, out, sizeof(out), &err);
    struct cm_sha256 name = cm_sha256(now, sizeof(now));
    struct cm_sha256 came = cm_sha256(out, sizeof(out));
    assert_true(rc == CM_EINVAL || !cm_sha256_equal(&name, &came));
    assert_int_equal(wire_unsqueeze(bytes, base, out, sizeof(out), &err), CM_OK);
    came = cm_sha256(out, sizeof(out));
    assert_true(cm_sha256_equal(&name, &came));
}

static void what_would_not_be_fewer_bytes_stays_as_it_is(void **state) {
    uint8_t bytes[1000];
    struct wire_bytes none = {0};

    fill(bytes, sizeof(bytes), 1);
    assert_null(wire_squeeze(*state, (struct wire_bytes){bytes, sizeof(bytes)}, none));
    memset(bytes, 0, sizeof(bytes));
    assert_null(wire_squeeze(*state, (struct wire_bytes){bytes, 10}, none));
}

static void a_piece_is_held_against_the_same_place_of_its_base(void **state) {
    uint8_t byte = 0;
    struct wire_bytes base = {&byte, WIRE_BLOB_PIECE + 10};

    (void)state;
    assert_int_equal(wire_base_slice(base, 0).size, WIRE_BLOB_PIECE);
    assert_ptr_equal(wire_base_slice(base, 0).data, &byte);
    assert_int_equal(wire_base_slice(base, WIRE_BLOB_PIECE).size, 10);
    assert_null(wire_base_slice(base, WIRE_BLOB_PIECE + 10).data);
    base.size = WIRE_BASE_MAX;
    assert_non_null(wire_base_slice(base, 0).data);
    base.size = WIRE_BASE_MAX + 1;
    assert_null(wire_base_slice(base, 0).data);
    assert_null(wire_base_slice((struct wire_bytes){0}, 0).data);
}

static void a_whole_piece_against_a_whole_piece_can_be_squeezed(void **state) {
    CM_AUTOFREE uint8_t *bytes = cm_new(3, WIRE_BLOB_PIECE);
    uint8_t *now = bytes + WIRE_BLOB_PIECE;
    uint8_t *out = now + WIRE_BLOB_PIECE;
    struct wire_bytes base = {bytes, WIRE_BLOB_PIECE};
    struct cm_err err;

    fill(bytes, WIRE_BLOB_PIECE, 1);
    memcpy(now, bytes + 7, WIRE_BLOB_PIECE - 7); // it moved
    CM_CLEANUP(cm_buf_unrefp)
    struct cm_buf *squeezed = wire_squeeze(*state, (struct wire_bytes){now, WIRE_BLOB_PIECE}, base);
    assert_non_null(squeezed);
    assert_true(squeezed->size < 200);
    assert_int_equal(wire_unsqueeze((struct wire_bytes){squeezed->data, squeezed->size}, base, out,
                                    WIRE_BLOB_PIECE, &err),
                     CM_OK);
    assert_memory_equal(out, now, WIRE_BLOB_PIECE);
    assert_null(wire_squeeze(*state, (struct wire_bytes){bytes, WIRE_BLOB_PIECE + 1}, base));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_costs_little_against_the_one_before),
        cmocka_unit_test(another_length_or_a_part_of_it_is_refused),
        cmocka_unit_test(only_one_frame_of_todays_format_is_taken),
        cmocka_unit_test(against_another_base_other_bytes_come_out_or_none),
        cmocka_unit_test(what_would_not_be_fewer_bytes_stays_as_it_is),
        cmocka_unit_test(a_piece_is_held_against_the_same_place_of_its_base),
        cmocka_unit_test(a_whole_piece_against_a_whole_piece_can_be_squeezed),
    };

    return cmocka_run_group_tests_name("squeeze", tests, make, drop);
}
