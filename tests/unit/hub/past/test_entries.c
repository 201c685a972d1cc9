#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/past/entries.h"

#define BASE_MS ((int64_t)1790000000000)

static struct hub_entries walk_of(const struct cm_str *bytes) {
    const uint8_t *data = (const uint8_t *)bytes->data;

    return (struct hub_entries){data, data + bytes->len, BASE_MS};
}

static void what_is_packed_comes_back(void **state) {
    static const struct hub_entry entries[] = {
        {1, BASE_MS}, {127, BASE_MS + 1}, {128, BASE_MS - 1}, {UINT32_MAX, 0}, {0, INT64_MAX}};
    CM_CLEANUP(cm_str_done) struct cm_str bytes = {0};
    struct hub_entry back;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        hub_entries_add(&bytes, &entries[i], BASE_MS);
    }
    struct hub_entries walk = walk_of(&bytes);
    for (size_t i = 0; i < 5; i++) {
        assert_true(hub_entries_next(&walk, &back));
        assert_int_equal(back.cluster, entries[i].cluster);
        assert_int_equal(back.at_ms, entries[i].at_ms);
    }
    assert_false(hub_entries_next(&walk, &back));
}

static void an_entry_of_a_near_time_takes_few_bytes(void **state) {
    CM_CLEANUP(cm_str_done) struct cm_str bytes = {0};

    (void)state;
    hub_entries_add(&bytes, &(struct hub_entry){9999, BASE_MS + 60}, BASE_MS);
    assert_int_equal(bytes.len, 2 + 1);
}

static void cells_come_back(void **state) {
    CM_CLEANUP(cm_str_done) struct cm_str bytes = {0};
    struct hub_cell back;

    (void)state;
    hub_cells_add(&bytes, &(struct hub_cell){7, 70000, BASE_MS - 5000}, BASE_MS);
    struct hub_entries walk = walk_of(&bytes);
    assert_true(hub_cells_next(&walk, &back));
    assert_int_equal(back.cluster, 7);
    assert_int_equal(back.value, 70000);
    assert_int_equal(back.since_ms, BASE_MS - 5000);
    assert_false(hub_cells_next(&walk, &back));
}

static void what_is_damaged_ends_the_walk(void **state) {
    static const uint8_t cut[] = {0x85};
    static const uint8_t endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0x01, 0x01, 0x01};
    static const uint8_t large[] = {0xff, 0xff, 0xff, 0xff, 0x7f, 0x01};
    struct hub_entry back;

    (void)state;
    struct hub_entries walk = {cut, cut + sizeof(cut), BASE_MS};
    assert_false(hub_entries_next(&walk, &back));
    walk = (struct hub_entries){endless, endless + sizeof(endless), BASE_MS};
    assert_false(hub_entries_next(&walk, &back));
    assert_false(hub_entries_next(&walk, &back));
    walk = (struct hub_entries){large, large + sizeof(large), BASE_MS};
    assert_false(hub_entries_next(&walk, &back));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_comes_back),
        cmocka_unit_test(an_entry_of_a_near_time_takes_few_bytes),
        cmocka_unit_test(cells_come_back),
        cmocka_unit_test(what_is_damaged_ends_the_walk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
