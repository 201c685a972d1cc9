#include "hub/hold/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/arena.h"

#define MOST 3
#define ENTRIES_MAX 40
#define WEB "apps/Deployment/shop/web"

struct fixture {
    struct cm_arena *arena;
    struct hub_stream_entry entries[ENTRIES_MAX];
    size_t count;
    const struct hub_stream_stop *stops;
    size_t stop_count;
};

static int set_up(void **state) {
    struct cm_arena *a = cm_arena_new(0);
    struct fixture *f = cm_arena_get(a, sizeof(*f));

    *f = (struct fixture){.arena = a};
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    cm_arena_free(((struct fixture *)*state)->arena);
    return 0;
}

static void reject(struct fixture *f, const char *cluster, const char *key, const char *release) {
    assert_true(f->count < ENTRIES_MAX);
    f->entries[f->count++] =
        (struct hub_stream_entry){.cluster = cluster, .key = key, .release = release};
}

static void reject_from(struct fixture *f, const char *cluster, int from, int to) {
    for (int i = from; i <= to; i++) {
        reject(f, cluster, WEB, cm_arena_strf(f->arena, "v%d", i));
    }
}

static void judge(struct fixture *f) {
    f->stops = hub_stream_judge(f->arena, f->entries, f->count, MOST, &f->stop_count);
}

static void expect_nothing(struct fixture *f) {
    judge(f);
    assert_int_equal(f->stop_count, 0);
}

static void expect_one(struct fixture *f, const char *cluster) {
    judge(f);
    assert_int_equal(f->stop_count, 1);
    assert_string_equal(f->stops[0].cluster, cluster);
}

static void nothing_rejected_stops_nothing(void **state) {
    expect_nothing(*state);
}

static void as_many_releases_as_may_be_stop_nothing(void **state) {
    struct fixture *f = *state;

    reject_from(f, "a", 1, MOST);
    expect_nothing(f);
}

static void one_release_more_stops_the_app_on_that_cluster(void **state) {
    struct fixture *f = *state;

    reject_from(f, "a", 1, MOST + 1);
    reject_from(f, "b", 1, 1);
    expect_one(f, "a");
    assert_int_equal(f->stops[0].releases, MOST + 1);
    assert_string_equal(hub_stream_words(f->arena, &f->stops[0]),
                        "4 releases of it were rejected there within an hour");
}

static void a_release_that_many_clusters_reject_is_one(void **state) {
    struct fixture *f = *state;

    for (int i = 0; i < ENTRIES_MAX; i++) {
        reject(f, cm_arena_strf(f->arena, "c%d", i), WEB, "v1");
    }
    expect_nothing(f);
}

static void a_release_with_many_workloads_is_one(void **state) {
    struct fixture *f = *state;

    for (int i = 0; i < ENTRIES_MAX; i++) {
        reject(f, i % 2 == 0 ? "a" : "b", cm_arena_strf(f->arena, "apps/Deployment/shop/w%d", i),
               "v1");
    }
    expect_nothing(f);
}

static void the_word_of_one_cluster_does_not_stop_others(void **state) {
    struct fixture *f = *state;

    reject_from(f, "liar", 1, ENTRIES_MAX - MOST);
    reject_from(f, "b", 1, MOST);
    expect_one(f, "liar");
}

static void two_clusters_that_both_reject_too_much_stop_it_everywhere(void **state) {
    struct fixture *f = *state;

    reject_from(f, "a", 1, MOST + 1);
    reject_from(f, "b", 1, MOST + 1);
    expect_one(f, "");
    assert_string_equal(hub_stream_words(f->arena, &f->stops[0]),
                        "4 releases of it were rejected on 2 clusters within an hour");
}

static void releases_that_fail_one_after_the_other_on_others_stop_it_everywhere(void **state) {
    struct fixture *f = *state;

    reject_from(f, "a", 1, 2);
    reject_from(f, "b", 3, 4);
    expect_nothing(f); // without either it is not too much
    reject_from(f, "c", 5, 6);
    expect_one(f, "");
}

static void a_workload_that_goes_there_and_back_stops_it(void **state) {
    struct fixture *f = *state;

    for (int i = 0; i < HUB_STREAM_FLIPS * MOST; i++) {
        reject(f, "a", WEB, "v1");
    }
    expect_nothing(f);
    reject(f, "a", WEB, "v1");
    expect_one(f, "a");
    assert_string_equal(hub_stream_words(f->arena, &f->stops[0]),
                        "releases of it were rejected 7 times there within an hour");
}

static void what_stopped_it_there_before_does_not_again(void **state) {
    struct fixture *f = *state;

    reject_from(f, "a", 1, MOST + 1);
    for (size_t i = 0; i < f->count; i++) {
        f->entries[i].spent = true;
    }
    reject_from(f, "a", MOST + 2, MOST + 2);
    expect_nothing(f);
    reject_from(f, "a", MOST + 3, 2 * MOST + 2);
    expect_one(f, "a");
    assert_int_equal(f->stops[0].releases, MOST + 1);
}

static void a_second_cluster_joins_one_that_stopped_before(void **state) {
    struct fixture *f = *state;

    reject_from(f, "a", 1, MOST + 1);
    for (size_t i = 0; i < f->count; i++) {
        f->entries[i].spent = true;
    }
    reject_from(f, "b", 1, MOST + 1);
    expect_one(f, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(nothing_rejected_stops_nothing),
        TEST(as_many_releases_as_may_be_stop_nothing),
        TEST(one_release_more_stops_the_app_on_that_cluster),
        TEST(a_release_that_many_clusters_reject_is_one),
        TEST(a_release_with_many_workloads_is_one),
        TEST(the_word_of_one_cluster_does_not_stop_others),
        TEST(two_clusters_that_both_reject_too_much_stop_it_everywhere),
        TEST(releases_that_fail_one_after_the_other_on_others_stop_it_everywhere),
        TEST(a_workload_that_goes_there_and_back_stops_it),
        TEST(what_stopped_it_there_before_does_not_again),
        TEST(a_second_cluster_joins_one_that_stopped_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
