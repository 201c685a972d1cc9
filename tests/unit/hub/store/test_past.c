#include "tests/unit/hub/store/memory_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/store/past.h"
#include "hub/store/past_state.h"

#define NOW_MS ((int64_t)1790000000000)
#define MINUTE_MS ((int64_t)60 * 1000)
#define DAY_MS (24 * 60 * MINUTE_MS)

static void note_late(struct hub_db *db, enum hub_past_axis axis, const char *cluster,
                      int64_t value, int64_t at_ms, int64_t seen_ms) {
    struct cm_err err;
    const struct hub_past_change change = {.app = "web",
                                           .axis = axis,
                                           .cluster = cluster,
                                           .value = value,
                                           .at_ms = at_ms,
                                           .seen_ms = seen_ms};

    assert_int_equal(hub_past_note(db, &change, &err), CM_OK);
}

static void note(struct hub_db *db, const char *cluster, int64_t value, int64_t at_ms) {
    note_late(db, HUB_PAST_DESIRED, cluster, value, at_ms, at_ms);
}

// The values at a moment of the first clusters, by number: "1 2 0".
static void assert_state(struct hub_db *db, const struct hub_past_when *when,
                         const char *expected) {
    struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct hub_past_state state;
    struct cm_err err;
    size_t count = 0;

    assert_int_equal(hub_past_clusters(db, &count, &err), CM_OK);
    state.count = count;
    assert_int_equal(hub_past_read(db, a, "web", HUB_PAST_DESIRED, when, &state, &err), CM_OK);
    for (size_t i = 1; i < count; i++) {
        cm_str_addf(&text, "%s%u", i > 1 ? " " : "", state.cells[i].value);
    }
    cm_arena_free(a);
    assert_string_equal(cm_str_get(&text), expected);
}

static void assert_at(struct hub_db *db, int64_t at_ms, const char *expected) {
    assert_state(db, &(struct hub_past_when){.at_ms = at_ms}, expected);
}

static void keep(struct hub_db *db, int64_t now_ms) {
    const struct hub_past_bundle web = {.app = "web", .revision = "r", .repo = "fleet"};
    struct cm_err err;
    int64_t value;
    bool made;

    assert_int_equal(hub_past_value(db, &web, &value, &made, &err), CM_OK);
    assert_int_equal(hub_past_keep(db, now_ms, &err), CM_OK);
}

static int64_t rows(struct hub_db *db) {
    return count_rows(db, "SELECT count(*) FROM past_change");
}

static void it_is_as_the_last_change_before_a_moment_left_it(void **state) {
    note(*state, "a", 1, NOW_MS);
    note(*state, "b", 1, NOW_MS + 10);
    note(*state, "a", 2, NOW_MS + 20);
    assert_at(*state, NOW_MS - 1, "0 0");
    assert_at(*state, NOW_MS, "1 0");
    assert_at(*state, NOW_MS + 19, "1 1");
    assert_at(*state, NOW_MS + 20, "2 1");
}

static void what_is_so_already_is_no_change(void **state) {
    note(*state, "a", 0, NOW_MS);
    assert_int_equal(rows(*state), 0);
    note(*state, "a", 1, NOW_MS);
    note(*state, "a", 1, NOW_MS + 5 * MINUTE_MS);
    assert_int_equal(rows(*state), 1);
}

static void clusters_that_change_alike_share_a_row(void **state) {
    char name[16];

    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "c%04d", i);
        note(*state, name, 1, NOW_MS + i);
    }
    assert_int_equal(rows(*state), 8);
    note(*state, "later", 1, NOW_MS + 2 * MINUTE_MS);
    assert_int_equal(rows(*state), 9);
}

static void there_and_back_within_a_row_is_told_apart_by_time(void **state) {
    note(*state, "a", 1, NOW_MS);
    note(*state, "a", 2, NOW_MS + 10);
    note(*state, "a", 1, NOW_MS + 20);
    assert_int_equal(rows(*state), 2);
    assert_at(*state, NOW_MS + 15, "2");
    assert_at(*state, NOW_MS + 25, "1");
}

static void what_is_told_late_stands_where_it_happened(void **state) {
    note(*state, "a", 1, NOW_MS);
    note(*state, "a", 3, NOW_MS + 100 * MINUTE_MS);
    note_late(*state, HUB_PAST_DESIRED, "a", 2, NOW_MS + 10 * MINUTE_MS, NOW_MS + 100 * MINUTE_MS);
    assert_at(*state, NOW_MS + 50 * MINUTE_MS, "2");
    assert_at(*state, NOW_MS + 100 * MINUTE_MS, "3");
    assert_state(*state, &(struct hub_past_when){NOW_MS + 50 * MINUTE_MS, true}, "1");
    assert_at(*state, NOW_MS + 200 * MINUTE_MS, "3");
}

static void values_and_images_have_numbers(void **state) {
    struct hub_past_bundle b = {.app = "web", .revision = "r1", .repo = "fleet"};
    int64_t first, second, again;
    struct cm_err err;
    bool made;

    assert_int_equal(hub_past_value(*state, &b, &first, &made, &err), CM_OK);
    assert_true(made);
    assert_int_equal(hub_past_value(*state, &b, &again, &made, &err), CM_OK);
    assert_false(made);
    assert_int_equal(first, again);
    b.revision = "r2";
    assert_int_equal(hub_past_value(*state, &b, &second, &made, &err), CM_OK);
    assert_true(made && first != second && first > 0 && second > 0);
    assert_int_equal(hub_past_image(*state, first, "web:1", &err), CM_OK);
    assert_int_equal(hub_past_image(*state, second, "web:1", &err), CM_OK);
    assert_int_equal(hub_past_image(*state, second, "web:1", &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_image"), 1);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_value_image"), 2);
}

static void a_cluster_that_leaves_git_should_run_nothing(void **state) {
    struct cm_err err;

    note(*state, "a", 1, NOW_MS);
    note(*state, "b", 1, NOW_MS);
    assert_int_equal(hub_past_forget(*state, "a", NOW_MS + 10, &err), CM_OK);
    assert_int_equal(hub_past_forget(*state, "unknown", NOW_MS + 10, &err), CM_OK);
    assert_at(*state, NOW_MS + 9, "1 1");
    assert_at(*state, NOW_MS + 10, "0 1");
}

static void a_hub_that_stops_sees_nobody(void **state) {
    const struct hub_past_change seen = {"", HUB_PAST_SEEN, "a", 1, NOW_MS, NOW_MS};
    struct cm_err err;

    assert_int_equal(hub_past_note(*state, &seen, &err), CM_OK);
    assert_int_equal(hub_past_unseen(*state, NOW_MS + 5, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT value FROM past_now WHERE axis = 3"), 0);
    assert_int_equal(rows(*state), 2);
    assert_int_equal(hub_past_unseen(*state, NOW_MS + 6, &err), CM_OK);
    assert_int_equal(rows(*state), 2);
}

// Random changes, some told late, with checkpoints and without, against a list of all of them.
enum { CLUSTERS = 5, CHANGES = 9000 };

struct change {
    unsigned cluster;
    unsigned value;
    int64_t at_ms;
};

static unsigned model(const struct change *all, size_t count, unsigned cluster, int64_t at_ms) {
    int64_t latest = -1;
    unsigned value = 0;

    for (size_t i = 0; i < count; i++) {
        if (all[i].cluster == cluster && all[i].at_ms <= at_ms && all[i].at_ms > latest) {
            latest = all[i].at_ms;
            value = all[i].value;
        }
    }
    return value;
}

static void assert_like_model(struct hub_db *db, const struct change *all, size_t count,
                              int64_t at_ms) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    for (unsigned c = 0; c < CLUSTERS; c++) {
        cm_str_addf(&text, "%s%u", c > 0 ? " " : "", model(all, count, c, at_ms));
    }
    assert_at(db, NOW_MS + at_ms, cm_str_get(&text));
}

static void checkpoints_change_nothing(void **state) {
    CM_AUTOFREE struct change *all = cm_new(CHANGES, sizeof(*all));
    int64_t clock_ms = 0;

    srandom(7);
    for (size_t i = 0; i < CHANGES; i++) {
        unsigned c = i < CLUSTERS ? (unsigned)i : (unsigned)random() % CLUSTERS;
        const char name[] = {(char)('a' + c), '\0'};

        // Some are told late. Values are never the same twice in a row, so that none is left out.
        clock_ms += 1 + random() % 60000;
        int64_t away_ms = i >= CLUSTERS && random() % 10 == 0 ? random() % (30 * MINUTE_MS) : 0;
        int64_t at_ms = away_ms < clock_ms ? clock_ms - away_ms : clock_ms;
        all[i] = (struct change){c, 1 + (unsigned)i, at_ms};
        note_late(*state, HUB_PAST_DESIRED, name, all[i].value, NOW_MS + at_ms, NOW_MS + clock_ms);
        if (i % 2500 == 0) {
            keep(*state, NOW_MS + clock_ms);
        }
    }
    assert_true(count_rows(*state, "SELECT count(*) FROM past_checkpoint") > 1);
    for (int i = 0; i < 200; i++) {
        assert_like_model(*state, all, CHANGES, random() % (clock_ms + 1));
    }
}

static void a_clock_that_is_ahead_changes_nothing_to_come(void **state) {
    note_late(*state, HUB_PAST_DESIRED, "a", 1, NOW_MS + DAY_MS, NOW_MS);
    assert_at(*state, NOW_MS, "1");
    note(*state, "a", 2, NOW_MS + 5);
    assert_at(*state, NOW_MS + 5, "2");
}

static void what_is_too_old_goes_but_how_it_was_then_stays_known(void **state) {
    for (int i = 0; i < HUB_PAST_ROWS + 10; i++) {
        note(*state, "a", 1 + i % 2, NOW_MS + i * 2 * MINUTE_MS);
    }
    int64_t then = NOW_MS + (HUB_PAST_ROWS + 10) * 2 * MINUTE_MS;
    keep(*state, then);
    note(*state, "a", 9, then + DAY_MS);
    keep(*state, then + (HUB_PAST_DAYS - 1) * DAY_MS);
    assert_true(rows(*state) > HUB_PAST_ROWS);
    keep(*state, then + (HUB_PAST_DAYS + 1) * DAY_MS);
    assert_true(rows(*state) < 10);
    assert_at(*state, then + 1, "2");
    assert_at(*state, then + DAY_MS, "9");
}

static int64_t set_of(struct hub_db *db, const char *image) {
    const struct hub_past_set set = {.app = "web", .images = &image, .count = 1};
    struct cm_err err;
    int64_t value;

    assert_int_equal(hub_past_images(db, &set, &value, &err), CM_OK);
    return value;
}

static void run(struct hub_db *db, const char *image, int64_t at_ms) {
    note_late(db, HUB_PAST_IMAGES, "a", image == NULL ? 0 : set_of(db, image), at_ms, at_ms);
}

static void sets_of_images_go_with_the_last_that_tells_of_them(void **state) {
    const int64_t end_ms = NOW_MS + (HUB_PAST_ROWS + 10) * 2 * MINUTE_MS;

    run(*state, "evil:0", NOW_MS);
    for (int i = 1; i < HUB_PAST_ROWS + 10; i++) {
        run(*state, i % 2 ? "evil:1" : NULL, NOW_MS + i * 2 * MINUTE_MS);
    }
    keep(*state, end_ms); // a checkpoint has the second one
    run(*state, "evil:2", end_ms + DAY_MS);
    run(*state, "evil:3", end_ms + 2 * DAY_MS);
    run(*state, "evil:4", end_ms + (HUB_PAST_DAYS + 3) * DAY_MS);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_image"), 5);
    keep(*state, end_ms + (HUB_PAST_DAYS - 1) * DAY_MS);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_image"), 5);
    keep(*state, end_ms + (HUB_PAST_DAYS + 1) * DAY_MS);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_image WHERE image = 'evil:0'"),
                     0);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_value_image"), 4);
    assert_int_equal(
        count_rows(*state, "SELECT count(*) FROM past_value WHERE revision = '' AND repo = ''"), 4);
}

// SQLite plans anew what depends on a value, each time that one is bound.
static void no_change_is_planned_anew(void **state) {
    note(*state, "a", 1, NOW_MS);
    note(*state, "b", 1, NOW_MS);
    note_late(*state, HUB_PAST_ACTUAL, "a", 1, NOW_MS, NOW_MS + DAY_MS);
    int64_t plans = hub_db_plans(*state);
    note(*state, "b", 2, NOW_MS + 1);
    note_late(*state, HUB_PAST_VERDICT, "a", 1, NOW_MS, NOW_MS + DAY_MS);
    note_late(*state, HUB_PAST_VERDICT, "b", 1, NOW_MS, NOW_MS + DAY_MS);
    assert_int_equal(hub_db_plans(*state), plans);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_as_the_last_change_before_a_moment_left_it, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(sets_of_images_go_with_the_last_that_tells_of_them, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(what_is_so_already_is_no_change, open_db, close_db),
        cmocka_unit_test_setup_teardown(clusters_that_change_alike_share_a_row, open_db, close_db),
        cmocka_unit_test_setup_teardown(there_and_back_within_a_row_is_told_apart_by_time, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(what_is_told_late_stands_where_it_happened, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(values_and_images_have_numbers, open_db, close_db),
        cmocka_unit_test_setup_teardown(a_cluster_that_leaves_git_should_run_nothing, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(a_hub_that_stops_sees_nobody, open_db, close_db),
        cmocka_unit_test_setup_teardown(checkpoints_change_nothing, open_db, close_db),
        cmocka_unit_test_setup_teardown(a_clock_that_is_ahead_changes_nothing_to_come, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(what_is_too_old_goes_but_how_it_was_then_stays_known,
                                        open_db, close_db),
        cmocka_unit_test_setup_teardown(no_change_is_planned_anew, open_db, close_db),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
