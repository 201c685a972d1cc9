// What is packed once for many agents.
#include "hub/session/framed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/buf.h"

static struct cm_sha256 name_of(uint8_t first, uint8_t last) {
    struct cm_sha256 name = {0};

    name.bytes[0] = first;
    name.bytes[sizeof(name.bytes) - 1] = last;
    return name;
}

static struct cm_buf *find(const struct hub_framed *f, const struct cm_sha256 *name,
                           size_t offset) {
    return hub_framed_find(f, &(struct hub_framed_key){.name = *name, .offset = offset});
}

static struct cm_buf *keep(struct hub_framed *f, const struct cm_sha256 *name, size_t offset,
                           size_t size) {
    struct cm_buf *payload = cm_buf_new(size);

    hub_framed_keep(f, &(struct hub_framed_key){.name = *name, .offset = offset}, payload);
    cm_buf_unref(payload);
    return payload; // still there while it is kept
}

static void a_piece_is_found_by_the_name_and_the_offset_of_its_blob(void **state) {
    struct hub_framed f = {0};
    struct cm_sha256 one = name_of(1, 1);
    struct cm_sha256 other = name_of(1, 2); // has the same place

    (void)state;
    assert_null(find(&f, &one, 0));
    struct cm_buf *first = keep(&f, &one, 0, 10);
    struct cm_buf *second = keep(&f, &one, 4096, 20);
    assert_ptr_equal(find(&f, &one, 0), first);
    assert_ptr_equal(find(&f, &one, 4096), second);
    assert_null(find(&f, &one, 1));
    assert_null(find(&f, &other, 0));
    hub_framed_clear(&f);
    assert_null(find(&f, &one, 0));
}

static void what_is_squeezed_against_another_base_is_another_piece(void **state) {
    struct hub_framed f = {0};
    struct hub_framed_key plain = {.name = name_of(1, 1)};
    struct hub_framed_key squeezed = {.name = plain.name, .squeezed = true};
    struct hub_framed_key newer = squeezed;
    struct cm_buf *payload = cm_buf_new(10);

    (void)state;
    newer.base = name_of(2, 2);
    hub_framed_keep(&f, &squeezed, payload);
    assert_null(hub_framed_find(&f, &plain));
    assert_null(hub_framed_find(&f, &newer));
    assert_ptr_equal(hub_framed_find(&f, &squeezed), payload);
    hub_framed_keep(&f, &newer, payload);
    assert_ptr_equal(hub_framed_find(&f, &newer), payload);
    assert_ptr_equal(hub_framed_find(&f, &squeezed), payload);
    hub_framed_clear(&f);
    cm_buf_unref(payload);
}

static void what_has_the_same_place_takes_it(void **state) {
    struct hub_framed f = {0};
    struct cm_sha256 one = name_of(1, 1);
    struct cm_sha256 other = name_of(1, 2);

    (void)state;
    (void)keep(&f, &one, 0, 10);
    struct cm_buf *second = keep(&f, &other, 0, 20);
    assert_null(find(&f, &one, 0));
    assert_ptr_equal(find(&f, &other, 0), second);
    assert_int_equal(f.bytes, 20);
    hub_framed_clear(&f);
}

static void no_more_is_kept_than_there_is_room_for(void **state) {
    struct hub_framed f = {0};

    (void)state;
    for (int i = 0; i < 256; i++) {
        struct cm_sha256 name = name_of((uint8_t)i, 0);

        (void)keep(&f, &name, 0, HUB_FRAMED_BYTES / 10);
        assert_true(f.bytes <= HUB_FRAMED_BYTES);
        assert_non_null(find(&f, &name, 0));
    }
    struct cm_buf *huge = cm_buf_new(HUB_FRAMED_BYTES + 1);
    struct cm_sha256 name = name_of(7, 7);
    hub_framed_keep(&f, &(struct hub_framed_key){.name = name}, huge);
    assert_null(find(&f, &name, 0));
    cm_buf_unref(huge);
    hub_framed_clear(&f);
    assert_int_equal(f.bytes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_piece_is_found_by_the_name_and_the_offset_of_its_blob),
        cmocka_unit_test(what_is_squeezed_against_another_base_is_another_piece),
        cmocka_unit_test(what_has_the_same_place_takes_it),
        cmocka_unit_test(no_more_is_kept_than_there_is_room_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
