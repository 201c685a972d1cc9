#include "common/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"

static void pieces_are_zeroed_aligned_and_apart(void **state) {
    (void)state;
    struct cm_arena *a = cm_arena_new(0);
    unsigned char *last = NULL;

    for (size_t size = 1; size < 300; size++) {
        unsigned char *piece = cm_arena_get(a, size);

        assert_int_equal((uintptr_t)piece % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(piece[i], 0);
        }
        memset(piece, (int)(size & 0xff), size);
        if (last != NULL) {
            assert_int_equal(last[0], (size - 1) & 0xff);
            assert_int_equal(last[size - 2], (size - 1) & 0xff);
        }
        last = piece;
    }
    cm_arena_free(a);
}

static void large_and_small_pieces_mix(void **state) {
    (void)state;
    struct cm_arena *a = cm_arena_new(0);
    char *small = cm_arena_strdup(a, "small");
    char *large = cm_arena_get(a, 1 << 20);
    char *after = cm_arena_strdup(a, "after");

    memset(large, 'x', 1 << 20);
    assert_string_equal(small, "small");
    assert_string_equal(after, "after");
    cm_arena_free(a);
}

static void a_budget_is_kept(void **state) {
    (void)state;
    struct cm_arena *a = cm_arena_new(100);

    assert_non_null(cm_arena_try(a, 60));
    assert_null(cm_arena_try(a, 41));
    assert_non_null(cm_arena_try(a, 40));
    assert_null(cm_arena_try(a, 1));
    assert_null(cm_arena_try(a, SIZE_MAX));
    assert_int_equal(cm_arena_used(a), 100);
    cm_arena_free(a);
}

static void what_comes_after_a_reset_is_zeroed_and_has_the_whole_budget(void **state) {
    (void)state;
    struct cm_arena *a = cm_arena_new(20000);

    cm_arena_reset(a);
    for (int round = 0; round < 3; round++) {
        for (size_t size = 1; size < 4096; size *= 2) {
            unsigned char *piece = cm_arena_get(a, size);

            for (size_t i = 0; i < size; i++) {
                assert_int_equal(piece[i], 0);
            }
            memset(piece, 0xff, size);
        }
        memset(cm_arena_get(a, 10000), 0xff, 10000);
        assert_null(cm_arena_try(a, 10000));
        cm_arena_reset(a);
        assert_int_equal(cm_arena_used(a), 0);
    }
    cm_arena_free(a);
}

static void an_absurd_size_is_refused_without_a_budget_too(void **state) {
    (void)state;
    struct cm_arena *a = cm_arena_new(0);

    assert_null(cm_arena_try(a, SIZE_MAX));
    assert_null(cm_arena_try(a, SIZE_MAX - 8));
    cm_arena_free(a);
}

static void texts_are_copied_and_formatted(void **state) {
    (void)state;
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);

    assert_string_equal(cm_arena_strndup(a, "paris-1", 5), "paris");
    assert_string_equal(cm_arena_strf(a, "%s-%d", "rome", 2), "rome-2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(large_and_small_pieces_mix),
        cmocka_unit_test(a_budget_is_kept),
        cmocka_unit_test(what_comes_after_a_reset_is_zeroed_and_has_the_whole_budget),
        cmocka_unit_test(an_absurd_size_is_refused_without_a_budget_too),
        cmocka_unit_test(texts_are_copied_and_formatted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
