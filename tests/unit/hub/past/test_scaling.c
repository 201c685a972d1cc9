#include "hub/past/scaling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/mem.h"

#define HPA "HorizontalPodAutoscaler.autoscaling/shop/checkout"
#define WORDS "3 to 12 replicas (at least 2, at most 14; changes: 4 within 280 s)"

static const struct hub_scaling up = {
    .from = 3, .last = 12, .least = 3, .most = 12, .changes = 1, .owner = HPA};

static const char *short_of(struct cm_arena *a, const struct hub_scaling *all, size_t count) {
    struct hub_scaling_sum sum = {0};

    for (size_t i = 0; i < count; i++) {
        hub_scaling_add(&sum, &all[i]);
    }
    return hub_scaling_sum_words(a, &sum);
}

static void what_is_said_is_read_again(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct hub_scaling s = {
        .from = 3, .last = 12, .least = 2, .most = 14, .changes = 4, .seconds = 280, .owner = HPA};
    struct hub_scaling back = {0};

    (void)state;
    assert_string_equal(hub_scaling_words(a, &s), WORDS " for " HPA);
    assert_true(hub_scaling_read(WORDS " for " HPA, &back));
    assert_int_equal(back.from, 3);
    assert_int_equal(back.last, 12);
    assert_int_equal(back.least, 2);
    assert_int_equal(back.most, 14);
    assert_int_equal(back.changes, 4);
    assert_int_equal(back.seconds, 280);
    assert_string_equal(back.owner, HPA);
    assert_true(hub_scaling_read(WORDS, &back));
    assert_string_equal(back.owner, "");
}

static void other_words_are_not_read(void **state) {
    static const char *const others[] = {"",
                                         "[purged]",
                                         "3 to 12",
                                         " 3 to 12 replicas",
                                         "3 to -1 replicas (at least 2, at most 14; changes: 4 "
                                         "within 280 s)",
                                         WORDS ".",
                                         "3 to 12 replicas (at least 2, at most 14; changes: 4 "
                                         "within 280 m)",
                                         WORDS " of " HPA};
    struct hub_scaling out;

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(hub_scaling_read(others[i], &out));
    }
}

static void what_is_alike_everywhere_is_said_once(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct hub_scaling all[] = {up, up, up};

    (void)state;
    assert_string_equal(short_of(a, all, 3), "3 to 12 (HorizontalPodAutoscaler checkout)");
}

static void what_differs_is_said_by_its_bounds(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_scaling all[] = {up, up};

    (void)state;
    all[1].last = 2;
    all[1].least = 2;
    all[1].changes = 7;
    assert_string_equal(short_of(a, all, 2),
                        "between 2 and 12, 8 changes (HorizontalPodAutoscaler checkout)");
    all[1].owner = "ScaledObject.keda.sh/shop/checkout";
    assert_string_equal(short_of(a, all, 2),
                        "between 2 and 12, 8 changes (HorizontalPodAutoscaler checkout and "
                        "others)");
}

static void what_was_beyond_the_ends_is_said(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct hub_scaling s = {
        .from = 3, .last = 3, .least = 1, .most = 9, .changes = 5, .owner = ""};

    (void)state;
    assert_string_equal(short_of(a, &s, 1), "3 to 3, between 1 and 9, 5 changes");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_said_is_read_again),
    cmocka_unit_test(other_words_are_not_read),
    cmocka_unit_test(what_is_alike_everywhere_is_said_once),
    cmocka_unit_test(what_differs_is_said_by_its_bounds),
    cmocka_unit_test(what_was_beyond_the_ends_is_said),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
