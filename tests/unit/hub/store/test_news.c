#include "tests/unit/hub/store/memory_db.h"

#include "hub/store/events.h"
#include "hub/store/news.h"

static struct hub_news read_news(void **state) {
    struct hub_news news;
    struct cm_err err;

    assert_int_equal(hub_news_read(*state, &news, &err), CM_OK);
    return news;
}

static void add_events(void **state, int count) {
    struct cm_err err;

    for (int i = 0; i < count; i++) {
        assert_int_equal(hub_events_add(*state, &(struct hub_event){.kind = "a.b"}, &err), CM_OK);
    }
}

static void an_empty_store_has_no_event(void **state) {
    assert_int_equal(read_news(state).newest, 0);
    assert_int_equal(read_news(state).oldest, 0);
}

static void the_range_follows_what_comes_and_what_is_trimmed(void **state) {
    struct cm_err err;

    add_events(state, 5);
    assert_int_equal(read_news(state).newest, 5);
    assert_int_equal(read_news(state).oldest, 1);
    assert_int_equal(hub_events_trim(*state, 2, 0, &err), CM_OK);
    assert_int_equal(read_news(state).newest, 5);
    assert_int_equal(read_news(state).oldest, 4);
}

static void add_event(void **state, const char *kind, const char *cluster) {
    struct cm_err err;

    assert_int_equal(
        hub_events_add(*state, &(struct hub_event){.kind = kind, .cluster = cluster}, &err), CM_OK);
}

static void what_agents_tell_wipes_out_nothing_else(void **state) {
    struct cm_err err;

    add_event(state, "api.changed", "");
    add_event(state, "agent.enrolled", "paris-1");
    for (int i = 0; i < 10; i++) {
        add_event(state, "object.adopted", "paris-1");
    }
    assert_int_equal(hub_events_trim(*state, 4, 0, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM event WHERE kind LIKE 'a%'"), 2);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM event"), 4);
    assert_int_equal(read_news(state).oldest, 11);
}

static void one_cluster_wipes_out_no_other_ones(void **state) {
    struct cm_err err;

    for (int i = 0; i < 20; i++) {
        add_event(state, "drift.found", "vienna-1"); // that stays, so it is not too much of it
    }
    add_event(state, "app.applied", "rome-1");
    add_event(state, "app.healthy", "rome-1");
    for (int i = 0; i < 10; i++) {
        add_event(state, "app.applied", "paris-1");
    }
    assert_int_equal(hub_events_trim(*state, 4, 0, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM event WHERE cluster = 'rome-1'"), 2);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM event WHERE cluster = 'paris-1'"), 2);
}

static void add_drift(void **state, const char *cluster, int64_t at_ms) {
    struct cm_err err;
    const struct hub_event event = {.kind = "drift.found", .cluster = cluster, .at_ms = at_ms};

    assert_int_equal(hub_events_add(*state, &event, &err), CM_OK);
}

static void what_the_past_tells_goes_by_age(void **state) {
    struct cm_err err;

    for (int64_t i = 1; i <= 5; i++) {
        add_drift(state, "rome-1", i);
    }
    for (int i = 0; i < 10; i++) {
        add_event(state, "app.applied", "rome-1");
    }
    assert_int_equal(hub_events_trim(*state, 2, 0, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM event WHERE kind = 'drift.found'"),
                     5);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM event"), 5 + 1);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_gap"), 0);
    assert_int_equal(hub_events_trim(*state, 2, 3, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM event WHERE kind = 'drift.found'"),
                     3);
    assert_int_equal(count_rows(*state, "SELECT from_ms FROM past_gap WHERE source = 'events'"), 3);
}

static void what_goes_by_age_makes_no_gap_older(void **state) {
    struct cm_err err;

    assert_int_equal(hub_db_run(*state, &err, "INSERT INTO past_gap VALUES ('events', '', 4)", ""),
                     CM_OK);
    for (int64_t i = 1; i <= 5; i++) {
        add_drift(state, "rome-1", i);
    }
    assert_int_equal(hub_events_trim(*state, 2, 3, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT from_ms FROM past_gap"), 4);
    assert_int_equal(hub_events_trim(*state, 2, 5, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT from_ms FROM past_gap"), 5);
}

static void of_a_cluster_that_tells_without_end_the_newest_are_kept(void **state) {
    struct cm_err err;

    add_drift(state, "rome-1", 1);
    for (int64_t i = 1; i <= HUB_EVENTS_TOLD + 2; i++) {
        add_drift(state, "paris-1", i);
    }
    assert_int_equal(hub_events_trim(*state, 2, 0, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM event"), HUB_EVENTS_TOLD + 1);
    assert_int_equal(count_rows(*state, "SELECT from_ms FROM past_gap WHERE cluster = 'paris-1'"),
                     3);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_gap"), 1);
}

static void add_scaled(void **state, const char *cluster, int64_t at_ms) {
    const struct hub_event event = {.kind = "app.scaled", .cluster = cluster, .at_ms = at_ms};
    struct cm_err err;

    assert_int_equal(hub_events_add(*state, &event, &err), CM_OK);
}

#define SCALED_OF "SELECT count(*) FROM event WHERE kind = 'app.scaled' AND cluster = "
#define SCALED_GAP "SELECT from_ms FROM past_gap WHERE source = 'scaled' AND cluster = "

static void what_was_scaled_is_a_quarter_of_what_agents_tell(void **state) {
    struct cm_err err;

    for (int i = 0; i < 6; i++) {
        add_event(state, "app.degraded", "paris-1");
    }
    for (int64_t i = 1; i <= 5; i++) {
        add_scaled(state, "paris-1", 99 - i);
        add_scaled(state, "rome-1", 89 - i);
    }
    assert_int_equal(hub_events_trim(*state, 8, 0, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT min(number) FROM event WHERE kind = 'app.scaled'"),
                     15); // what was told last, whenever it happened
    assert_int_equal(count_rows(*state, SCALED_OF "'paris-1'"), 1);
    assert_int_equal(count_rows(*state, SCALED_OF "'rome-1'"), 1);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM event"), 8);
    assert_int_equal(
        count_rows(*state, "SELECT value FROM meta WHERE name = '" HUB_EVENTS_TRIMMED "'"), 14);
}

static void what_scales_on_one_cluster_wipes_out_nothing_of_others(void **state) {
    struct cm_err err;

    add_scaled(state, "rome-1", 1);
    add_scaled(state, "rome-1", 2);
    for (int64_t i = 1; i <= 10; i++) {
        add_scaled(state, "paris-1", 10 + i);
    }
    assert_int_equal(hub_events_trim(*state, 16, 0, &err), CM_OK);
    assert_int_equal(count_rows(*state, SCALED_OF "'rome-1'"), 2);
    assert_int_equal(count_rows(*state, SCALED_OF "'paris-1'"), 2);
    assert_int_equal(count_rows(*state, SCALED_GAP "'paris-1'"), 19);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_gap"), 1);
}

// What scales is of what comes and goes, too.
static void since_when_all_that_was_scaled_is_kept_is_on_record(void **state) {
    struct cm_err err;

    add_scaled(state, "rome-1", 5);
    for (int64_t i = 1; i <= 8; i++) {
        add_event(state, "app.applied", i % 2 == 0 ? "paris-1" : "oslo-1");
    }
    assert_int_equal(hub_events_trim(*state, 9, 0, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_gap"), 0);
    assert_int_equal(hub_events_trim(*state, 7, 0, &err), CM_OK);
    assert_int_equal(count_rows(*state, SCALED_OF "'rome-1'"), 0);
    assert_int_equal(count_rows(*state, SCALED_GAP "''"), 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_store_has_no_event, open_db, close_db),
        cmocka_unit_test_setup_teardown(the_range_follows_what_comes_and_what_is_trimmed, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(what_agents_tell_wipes_out_nothing_else, open_db, close_db),
        cmocka_unit_test_setup_teardown(one_cluster_wipes_out_no_other_ones, open_db, close_db),
        cmocka_unit_test_setup_teardown(what_the_past_tells_goes_by_age, open_db, close_db),
        cmocka_unit_test_setup_teardown(what_goes_by_age_makes_no_gap_older, open_db, close_db),
        cmocka_unit_test_setup_teardown(what_was_scaled_is_a_quarter_of_what_agents_tell, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(what_scales_on_one_cluster_wipes_out_nothing_of_others,
                                        open_db, close_db),
        cmocka_unit_test_setup_teardown(since_when_all_that_was_scaled_is_kept_is_on_record,
                                        open_db, close_db),
        cmocka_unit_test_setup_teardown(of_a_cluster_that_tells_without_end_the_newest_are_kept,
                                        open_db, close_db),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
