#include "common/net/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/mem.h"

enum { SMALL = 1, LARGE = 2 };

static size_t max_payload(uint16_t type) {
    return type == SMALL ? 8 : type == LARGE ? 1 << 20 : 0;
}

static int set_up(void **state) {
    static struct cm_net_reader reader;

    cm_net_reader_init(&reader, max_payload);
    *state = &reader;
    return 0;
}

static int tear_down(void **state) {
    cm_net_reader_done(*state);
    return 0;
}

// feed gives bytes in pieces of at most `step` and stops at the first whole frame or fault.
static enum cm_net_read feed(struct cm_net_reader *r, const uint8_t *bytes, size_t size,
                             size_t step) {
    enum cm_net_read read = CM_NET_MORE;

    while (size > 0 && read == CM_NET_MORE) {
        uint8_t *room;
        size_t n = cm_net_reader_room(r, &room);

        n = n < step ? n : step;
        n = n < size ? n : size;
        memcpy(room, bytes, n);
        bytes += n;
        size -= n;
        read = cm_net_reader_add(r, n);
    }
    return read;
}

static enum cm_net_read feed_header(struct cm_net_reader *r, uint32_t size, uint16_t type,
                                    uint64_t sequence) {
    struct cm_net_header h = {.size = size, .type = type, .flags = 7, .sequence = sequence};
    uint8_t bytes[CM_NET_HEADER_SIZE];

    cm_net_header_write(&h, bytes);
    return feed(r, bytes, sizeof(bytes), sizeof(bytes));
}

static void a_header_is_sixteen_bytes_big_endian(void **state) {
    static const uint8_t want[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    struct cm_net_header h = {0x00010203, 0x0405, 0x0607, 0x08090a0b0c0d0e0f};
    uint8_t bytes[CM_NET_HEADER_SIZE];

    (void)state;
    cm_net_header_write(&h, bytes);
    assert_memory_equal(bytes, want, sizeof(want));
    struct cm_net_header back = cm_net_header_read(bytes);
    assert_int_equal(back.size, h.size);
    assert_int_equal(back.type, h.type);
    assert_int_equal(back.flags, h.flags);
    assert_true(back.sequence == h.sequence);
}

static void a_frame_is_read_however_it_is_cut(void **state) {
    struct cm_net_reader *r = *state;
    struct cm_net_header h = {.size = 8, .type = SMALL, .flags = 3, .sequence = 0};
    uint8_t bytes[CM_NET_HEADER_SIZE + 8];
    struct cm_net_frame frame;

    memset(bytes + CM_NET_HEADER_SIZE, '!', 8);
    for (size_t step = 1; step <= sizeof(bytes); step++) {
        h.sequence++;
        cm_net_header_write(&h, bytes);
        assert_int_equal(feed(r, bytes, sizeof(bytes), step), CM_NET_FRAME);
        cm_net_reader_frame(r, &frame);
        assert_int_equal(frame.type, SMALL);
        assert_int_equal(frame.flags, 3);
        assert_int_equal(frame.size, 8);
        assert_memory_equal(frame.payload, "!!!!!!!!", 8);
        cm_net_reader_next(r);
    }
}

static void an_empty_frame_is_whole_with_its_header(void **state) {
    assert_int_equal(feed_header(*state, 0, SMALL, 1), CM_NET_FRAME);
}

static void a_type_has_its_own_cap(void **state) {
    struct cm_net_reader *r = *state;
    struct cm_err err;

    assert_int_equal(feed_header(r, 9, LARGE, 1), CM_NET_MORE);
    cm_net_reader_init(r, max_payload);
    assert_int_equal(feed_header(r, 9, SMALL, 1), CM_NET_FAULT);
    cm_net_reader_why(r, &err);
    assert_string_equal(err.msg, "the peer sent a frame of type 1 with 9 bytes; 8 may be");
}

static void an_unknown_type_is_a_fault(void **state) {
    struct cm_err err;

    assert_int_equal(feed_header(*state, 0, 99, 1), CM_NET_FAULT);
    cm_net_reader_why(*state, &err);
    assert_string_equal(err.msg, "the peer sent a frame of unknown type 99");
}

static void a_wrong_sequence_is_a_fault_that_stays(void **state) {
    struct cm_net_reader *r = *state;
    struct cm_err err;

    assert_int_equal(feed_header(r, 0, SMALL, 2), CM_NET_FAULT);
    cm_net_reader_why(r, &err);
    assert_string_equal(err.msg, "the peer sent frame 2 where 1 was due");
    assert_int_equal(cm_net_reader_add(r, 0), CM_NET_FAULT);
}

static void a_claim_of_a_megabyte_costs_no_megabyte(void **state) {
    struct cm_net_reader *r = *state;
    uint8_t *room;

    assert_int_equal(feed_header(r, 1 << 20, LARGE, 1), CM_NET_MORE);
    assert_in_range(cm_net_reader_room(r, &room), 1, 16 << 10);
    assert_int_equal(r->expected, 1 << 20);
}

static struct cm_net_out *new_out(const char *text) {
    struct cm_net_out *out = cm_new(1, sizeof(*out));

    memset(out->header, '#', sizeof(out->header));
    out->payload = text == NULL ? NULL : cm_buf_copy(text, strlen(text));
    return out;
}

static void a_batch_gathers_its_frames(void **state) {
    static const char want[] = "################one################################two";
    struct cm_net_out *first = new_out("one");
    struct cm_net_batch batch = {.first = first, .current = first};
    char have[sizeof(want)] = {0};
    uint8_t scratch[7];
    const uint8_t *at;
    size_t n;

    (void)state;
    first->next = new_out(NULL);
    first->next->next = new_out("two");
    batch.bytes = sizeof(want) - 1;
    while ((n = cm_net_batch_peek(&batch, scratch, sizeof(scratch), &at)) > 0) {
        memcpy(have + batch.sent, at, n);
        cm_net_batch_advance(&batch, n);
    }
    assert_string_equal(have, want);
    assert_int_equal(batch.sent, batch.bytes);
    cm_net_outs_free(first);
}

static void peeking_twice_shows_the_same_bytes(void **state) {
    struct cm_net_out *first = new_out("abcdefgh");
    struct cm_net_batch batch = {.first = first, .current = first, .bytes = 24};
    uint8_t scratch[24];
    const uint8_t *at;

    (void)state;
    cm_net_batch_advance(&batch, 10);
    assert_int_equal(cm_net_batch_peek(&batch, scratch, sizeof(scratch), &at), 14);
    assert_memory_equal(at, "######abcdefgh", 14);
    assert_int_equal(cm_net_batch_peek(&batch, scratch, sizeof(scratch), &at), 14);
    assert_memory_equal(at, "######abcdefgh", 14);
    cm_net_outs_free(first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_sixteen_bytes_big_endian),
        cmocka_unit_test_setup_teardown(a_frame_is_read_however_it_is_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_frame_is_whole_with_its_header, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_type_has_its_own_cap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_type_is_a_fault, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_sequence_is_a_fault_that_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_claim_of_a_megabyte_costs_no_megabyte, set_up, tear_down),
        cmocka_unit_test(a_batch_gathers_its_frames),
        cmocka_unit_test(peeking_twice_shows_the_same_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
