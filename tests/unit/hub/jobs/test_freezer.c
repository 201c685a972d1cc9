#include "freeze_rig.h"

#include "common/clock.h"
#include "hub/repo/source.h"
#include "hub/store/freezes.h"

#define MINUTE_MS INT64_C(60000)
#define IN_FORCE "SELECT count(*) FROM freeze WHERE ended_ms = 0"
#define ASKED "SELECT count(*) FROM intent WHERE kind = 'freeze'"
#define ASKED_TO_GO "SELECT count(*) FROM intent WHERE kind = 'unfreeze'"
#define NOTED "SELECT count(*) FROM freeze WHERE note <> ''"

static void freeze_all(struct freeze_rig *r) {
    struct hub_freeze_row row = freeze_rig_row();

    freeze_rig_start(r, &row, false, CM_OK);
}

static void a_freeze_is_on_record_told_and_answered(void **state) {
    struct freeze_rig *r = *state;
    size_t changes = r->changes;

    freeze_all(r);
    assert_int_equal(r->changes, changes + 1);
    assert_int_equal(r->clusters, 2);
    assert_true(r->writes);
    assert_non_null(strstr(r->text, "kind: Freeze\n"));
    assert_int_equal(desk_count(r->desk, IN_FORCE " AND source = 'hand'"), 1);
    assert_int_equal(desk_count(r->desk, "SELECT count(*) FROM event WHERE kind = 'freeze.started'"
                                         " AND actor = 'ann'"),
                     1);
}

static void without_a_name_one_is_made_of_what_it_is_about(void **state) {
    struct freeze_rig *r = *state;
    struct hub_freeze_row row = freeze_rig_row();

    row.name = "";
    row.app = "shop";
    freeze_rig_start(r, &row, false, CM_OK);
    assert_string_equal(r->name, "shop-20261001-120000.000");
    row.app = "";
    row.selector = "env=prod"; // not all
    freeze_rig_start(r, &row, false, CM_OK);
    assert_string_equal(r->name, "selected-20261001-120000.000");
}

static void a_trial_tells_what_would_be_and_keeps_nothing(void **state) {
    struct freeze_rig *r = *state;
    struct hub_freeze_row row = freeze_rig_row();
    size_t changes = r->changes;

    row.cluster = "a";
    freeze_rig_start(r, &row, true, CM_OK);
    assert_int_equal(r->clusters, 1);
    assert_int_equal(r->changes, changes);
    assert_int_equal(desk_count(r->desk, "SELECT count(*) FROM freeze"), 0);
    assert_int_equal(desk_count(r->desk, "SELECT count(*) FROM freeze_past"), 0);
}

static void a_time_that_is_over_is_refused(void **state) {
    struct freeze_rig *r = *state;
    struct hub_freeze_row row = freeze_rig_row();

    row.until_ms = FREEZE_NOW_MS;
    freeze_rig_start(r, &row, false, CM_EINVAL);
    assert_int_equal(desk_count(r->desk, "SELECT count(*) FROM freeze"), 0);
}

static void what_git_does_not_have_is_refused(void **state) {
    struct freeze_rig *r = *state;
    struct hub_freeze_row row = freeze_rig_row();

    row.app = "shpo";
    freeze_rig_start(r, &row, false, CM_ENOTFOUND);
    assert_int_equal(desk_count(r->desk, "SELECT count(*) FROM freeze"), 0);
}

static void it_ends_when_its_time_is_over(void **state) {
    struct freeze_rig *r = *state;
    struct hub_freeze_row row = freeze_rig_row();

    r->repository.write = HUB_WRITE_OFF; // nothing is pushed while time is moved
    row.until_ms = FREEZE_NOW_MS + 5 * MINUTE_MS;
    freeze_rig_start(r, &row, false, CM_OK);
    freeze_rig_pass(r, 5 * MINUTE_MS - 1);
    assert_int_equal(desk_count(r->desk, IN_FORCE), 1);
    freeze_rig_pass(r, 2);
    freeze_rig_until(r, IN_FORCE, 0);
    assert_int_equal(desk_count(r->desk, "SELECT count(*) FROM event WHERE kind = 'freeze.ended'"
                                         " AND actor = 'hub'"),
                     1);
}

static void who_ends_it_is_told_on_how_many_clusters_it_was(void **state) {
    struct freeze_rig *r = *state;
    size_t changes;

    freeze_all(r);
    changes = r->changes;
    freeze_rig_end(r, "stop", false, CM_OK);
    assert_int_equal(r->clusters, 2);
    assert_int_equal(r->changes, changes + 1);
    assert_int_equal(desk_count(r->desk, IN_FORCE), 0);
    assert_int_equal(desk_count(r->desk, "SELECT count(*) FROM freeze_past WHERE name = 'stop'"
                                         " AND ended_by = 'bob' AND to_ms != 0"),
                     1);
}

static void a_trial_of_ending_it_ends_nothing(void **state) {
    struct freeze_rig *r = *state;
    size_t changes;

    freeze_all(r);
    changes = r->changes;
    freeze_rig_end(r, "stop", true, CM_OK);
    assert_int_equal(r->clusters, 2);
    assert_int_equal(r->changes, changes);
    assert_int_equal(desk_count(r->desk, IN_FORCE), 1);
    freeze_rig_end(r, "other", true, CM_ENOTFOUND);
}

static void it_goes_into_git_once_and_out_of_it_once(void **state) {
    struct freeze_rig *r = *state;

    freeze_all(r);
    freeze_rig_until(r, ASKED, 1);
    freeze_rig_end(r, "stop", false, CM_OK);
    freeze_rig_until(r, ASKED_TO_GO, 1);
    freeze_rig_restart(r); // which asks anew
    freeze_rig_until(r, ASKED_TO_GO, 1);
    assert_int_equal(desk_count(r->desk, ASKED), 1);
}

// Whoever puts off the end in Git in that moment loses nothing.
static void what_ends_by_time_goes_out_of_git_only_if_that_still_says_so(void **state) {
    struct freeze_rig *r = *state;
    struct hub_freeze_row row = freeze_rig_row();

    row.until_ms = FREEZE_NOW_MS + 5 * MINUTE_MS;
    freeze_rig_start(r, &row, false, CM_OK);
    freeze_rig_until(r, ASKED, 1);
    freeze_rig_pass(r, 5 * MINUTE_MS + 2);
    freeze_rig_until(r, ASKED_TO_GO " AND args LIKE '%\"until\":1790856300000%'", 1);
    row.name = "other";
    row.until_ms += 5 * MINUTE_MS;
    freeze_rig_start(r, &row, false, CM_OK);
    freeze_rig_end(r, "other", false, CM_OK);
    freeze_rig_until(r, ASKED_TO_GO " AND args NOT LIKE '%until%'", 1);
}

static void one_that_is_in_force_is_known_after_a_restart(void **state) {
    struct freeze_rig *r = *state;
    size_t changes;

    freeze_all(r);
    changes = r->changes;
    freeze_rig_restart(r);
    assert_int_equal(r->changes, changes + 1);
    freeze_rig_end(r, "stop", true, CM_OK);
}

static void where_the_hub_may_not_write_it_says_so(void **state) {
    struct freeze_rig *r = *state;

    r->repository.write = HUB_WRITE_OFF;
    freeze_all(r);
    assert_false(r->writes);
    freeze_rig_until(r, NOTED " AND note LIKE '%does not write%'", 1);
    assert_int_equal(desk_count(r->desk, ASKED), 0);
}

static void what_could_not_be_written_is_asked_for_again(void **state) {
    struct freeze_rig *r = *state;

    scratch_run(r->scratch, "mv git/fleet git/away");
    freeze_all(r);
    freeze_rig_until(r, NOTED, 1);
    assert_int_equal(desk_count(r->desk, ASKED), 0);
    scratch_run(r->scratch, "mv git/away git/fleet");
    freeze_rig_pass(r, 3000);
    freeze_rig_until(r, ASKED, 1);
    freeze_rig_until(r, NOTED, 0);
}

static void what_agents_have_stopped_is_on_record(void **state) {
    struct freeze_rig *r = *state;

    freeze_all(r);
    hub_freezer_told(r->freezer, "a");
    freeze_rig_until(r, "SELECT count(*) FROM freeze_cluster WHERE told_ms != 0", 1);
}

// The answer is to what was frozen before; the other freeze is on its way into the record.
static void what_no_agent_has_heard_of_yet_is_not_said_to_be_stopped(void **state) {
    struct freeze_rig *r = *state;
    struct hub_freeze_row row = freeze_rig_row();
    size_t answers;

    freeze_all(r);
    answers = r->answers;
    row.name = "later";
    hub_freezer_start(r->freezer, &row, false, freeze_rig_answer, r);
    hub_freezer_told(r->freezer, "a");
    freeze_rig_wait(r, answers, CM_OK);
    freeze_rig_until(r, "SELECT count(*) FROM freeze_cluster WHERE told_ms != 0", 1);
    assert_int_equal(desk_count(r->desk,
                                "SELECT count(*) FROM freeze_cluster WHERE freeze = 'later'"
                                " AND told_ms != 0"),
                     0);
}

static void what_the_breaker_freezes_is_on_record_with_that(void **state) {
    struct freeze_rig *r = *state;
    struct hub_freeze_row row = freeze_rig_row();

    row.app = "shop";
    row.cluster = "a";
    row.source = HUB_FREEZE_BY_BREAKER;
    freeze_rig_start(r, &row, false, CM_OK);
    assert_int_equal(desk_count(r->desk, "SELECT count(*) FROM breaker WHERE app = 'shop' AND"
                                         " cluster = 'a'"),
                     1);
    freeze_rig_end(r, "stop", false, CM_OK);
    assert_int_equal(desk_count(r->desk, "SELECT count(*) FROM breaker"), 1);
}

static void after_the_stop_nothing_is_asked_for(void **state) {
    struct freeze_rig *r = *state;

    r->repository.write = HUB_WRITE_OFF;
    hub_freezer_stop(r->freezer);
    freeze_all(r);
    desk_settle(r->desk);
    assert_int_equal(desk_count(r->desk, NOTED), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, freeze_rig_open, freeze_rig_close)

int main(int argc, char **argv) {
    hub_repo_child_main(argc, argv);
    const struct CMUnitTest tests[] = {
        TEST(a_freeze_is_on_record_told_and_answered),
        TEST(without_a_name_one_is_made_of_what_it_is_about),
        TEST(a_trial_tells_what_would_be_and_keeps_nothing),
        TEST(a_time_that_is_over_is_refused),
        TEST(what_git_does_not_have_is_refused),
        TEST(it_ends_when_its_time_is_over),
        TEST(who_ends_it_is_told_on_how_many_clusters_it_was),
        TEST(a_trial_of_ending_it_ends_nothing),
        TEST(it_goes_into_git_once_and_out_of_it_once),
        TEST(what_ends_by_time_goes_out_of_git_only_if_that_still_says_so),
        TEST(one_that_is_in_force_is_known_after_a_restart),
        TEST(where_the_hub_may_not_write_it_says_so),
        TEST(what_could_not_be_written_is_asked_for_again),
        TEST(what_agents_have_stopped_is_on_record),
        TEST(what_no_agent_has_heard_of_yet_is_not_said_to_be_stopped),
        TEST(what_the_breaker_freezes_is_on_record_with_that),
        TEST(after_the_stop_nothing_is_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
