// What a buffer, a string, an arena or a frame held is in no block that is given back.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/net/frame.h"
#include "common/str.h"
#include "tests/support/told.h"

static int forget(void **state) {
    (void)state;
    told = 0;
    return 0;
}

static void the_test_itself_sees_what_is_told(void **state) {
    char *text = strdup(SECRET);

    (void)state;
    __wrap_free(text);
    assert_int_equal(told, 1);
}

static void a_buffer_leaves_nothing(void **state) {
    struct cm_buf *buf = cm_buf_copy(SECRET, strlen(SECRET));

    (void)state;
    cm_buf_unref(cm_buf_ref(buf));
    assert_memory_equal(buf->data, SECRET, strlen(SECRET));
    cm_buf_unref(buf);
    assert_int_equal(told, 0);
}

static void a_string_that_grows_or_goes_leaves_nothing(void **state) {
    struct cm_str s = {0};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        cm_str_add(&s, SECRET);
    }
    cm_str_clear(&s);
    cm_str_add(&s, "x");
    assert_null(memmem(s.data, s.capacity, SECRET, strlen(SECRET)));
    cm_str_add(&s, SECRET);
    s.len = 0; // somebody cut it
    cm_str_done(&s);
    assert_int_equal(told, 0);
    for (int i = 0; i < 2; i++) {
        cm_str_add(&s, "0123456789");
        cm_str_add(&s, SECRET);
        s.len = 10;
        cm_str_reserve(&s, 1000); // it grows when it was cut
        cm_str_done(&s);
        assert_int_equal(told, 0);
    }
}

static void an_arena_leaves_nothing(void **state) {
    enum { MUCH = 100 * 1024 };
    struct cm_arena *a = cm_arena_new(0);
    char *own = cm_arena_get(a, MUCH); // a chunk of its own

    (void)state;
    memcpy(own, SECRET, sizeof(SECRET));
    for (int i = 0; i < 1000; i++) {
        (void)cm_arena_strdup(a, SECRET);
    }
    cm_arena_reset(a);
    (void)cm_arena_strdup(a, SECRET);
    cm_arena_free(a);
    assert_int_equal(told, 0);
}

static size_t any_size(uint16_t type) {
    (void)type;
    return (size_t)1 << 20;
}

static void receive(struct cm_net_reader *r, const void *bytes, size_t size) {
    const uint8_t *at = bytes;

    while (size > 0) {
        uint8_t *room;
        size_t n = cm_net_reader_room(r, &room);

        n = n < size ? n : size;
        memcpy(room, at, n);
        (void)cm_net_reader_add(r, n);
        at += n;
        size -= n;
    }
}

static void a_frame_leaves_nothing(void **state) {
    static char payload[40000] = SECRET;
    uint8_t header[CM_NET_HEADER_SIZE];
    struct cm_net_reader r;

    (void)state;
    cm_net_reader_init(&r, any_size);
    for (uint64_t i = 1; i <= 2; i++) {
        cm_net_header_write(
            &(struct cm_net_header){.size = sizeof(payload), .type = 1, .sequence = i}, header);
        receive(&r, header, sizeof(header));
        receive(&r, payload, sizeof(payload) / 2); // it grows meanwhile
        if (i == 1) {
            receive(&r, payload + sizeof(payload) / 2, sizeof(payload) / 2);
            cm_net_reader_next(&r);
        }
    }
    cm_net_reader_done(&r); // the peer went in the middle of it
    assert_int_equal(told, 0);
}

#define WIPE_TEST(name) cmocka_unit_test_setup(name, forget)

int main(void) {
    const struct CMUnitTest tests[] = {
        WIPE_TEST(the_test_itself_sees_what_is_told),
        WIPE_TEST(a_buffer_leaves_nothing),
        WIPE_TEST(a_string_that_grows_or_goes_leaves_nothing),
        WIPE_TEST(an_arena_leaves_nothing),
        WIPE_TEST(a_frame_leaves_nothing),
    };

    return cmocka_run_group_tests_name("wipe", tests, NULL, NULL);
}
