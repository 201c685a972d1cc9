#include "hub/jobs/breaker.h"

#include "freeze_rig.h"

#include "common/clock.h"
#include "common/metrics.h"
#include "hub/jobs/store.h"
#include "hub/repo/source.h"
#include "hub/store/decisions.h"
#include "hub/store/freezes.h"

#define MOST 2
#define SECOND_MS INT64_C(1000)
#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define FROZEN "SELECT count(*) FROM freeze WHERE source = 'breaker'"
#define FROZEN_ON(cluster) FROZEN " AND app = 'shop' AND cluster = '" cluster "'"

struct fixture {
    struct freeze_rig *rig;
    struct hub_breaker *breaker;
    struct cm_metrics *metrics;
    int decisions;
};

static void start(struct fixture *f, int64_t most) {
    cm_metrics_free(f->metrics);
    f->metrics = cm_metrics_new();
    f->breaker = hub_breaker_new(&(struct hub_breaker_config){.loop = f->rig->desk->loop,
                                                              .store = f->rig->desk->store,
                                                              .metrics = f->metrics,
                                                              .freezer = f->rig->freezer,
                                                              .most = most,
                                                              .freeze_ms = DAY_MS});
}

#define PUT_PAIRS(bundle)                                                                          \
    "INSERT OR REPLACE INTO pair (cluster, app, bundle, repo, revision, generation, objects,"      \
    " suspend, stale) SELECT name, 'shop', " bundle ", 'fleet', '', 1, 1, 0, 0 FROM cluster"

static int set_up(void **state) {
    struct fixture *f = cm_new(1, sizeof(*f));
    void *rig;

    assert_int_equal(freeze_rig_open(&rig), 0);
    f->rig = rig;
    f->rig->repository.write = HUB_WRITE_OFF; // nothing is pushed while time is moved
    start(f, MOST);
    desk_run(f->rig->desk, PUT_PAIRS("x'00'"));
    *state = f;
    return 0;
}

static void restart(struct fixture *f) {
    hub_breaker_stop(f->breaker);
    desk_settle(f->rig->desk);
    hub_breaker_free(f->breaker);
    freeze_rig_restart(f->rig);
    start(f, MOST);
    hub_breaker_look(f->breaker);
    freeze_rig_pass(f->rig, SECOND_MS);
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    void *rig = f->rig;

    hub_breaker_stop(f->breaker);
    desk_settle(f->rig->desk);
    hub_breaker_free(f->breaker);
    cm_metrics_free(f->metrics);
    free(f);
    return freeze_rig_close(&rig);
}

// reject puts a decision on record that keeps a release out; what runs instead lands, or not yet.
static void reject(struct fixture *f, const char *cluster, const char *release) {
    const struct hub_decision_row row = {.id = cm_sha256(&f->decisions, sizeof(f->decisions)),
                                         .cluster = cluster,
                                         .cluster_id = cluster,
                                         .app = "shop",
                                         .key = "apps/Deployment/shop/web",
                                         .verdict = "rejected",
                                         .bad_revision = release,
                                         .at_ms = cm_clock_unix_ms(),
                                         .seen_ms = cm_clock_unix_ms(),
                                         .provisional = true};
    struct cm_err err = {0};
    bool is_new;

    f->decisions++;
    enum cm_rc rc = hub_decisions_add(desk_own(f->rig->desk), &row, &is_new, &err);
    desk_give(f->rig->desk);
    assert_int_equal(rc, CM_OK);
}

static void land(struct fixture *f) {
    desk_run(f->rig->desk, "UPDATE decision SET settled = 1");
    desk_run(f->rig->desk, PUT_PAIRS("x'01'"));
    desk_run(f->rig->desk, "INSERT OR REPLACE INTO status (cluster, app, bundle, revision, applied,"
                           " message, health, health_message, objects, drifted, at_ms) SELECT"
                           " name, 'shop', x'01', '', 3, '', 1, '', 1, 0, 1 FROM cluster");
}

static void look(struct fixture *f) {
    hub_breaker_look(f->breaker);
    freeze_rig_pass(f->rig, SECOND_MS);
}

static void reject_three(struct fixture *f, const char *cluster) {
    reject(f, cluster, "v1");
    reject(f, cluster, "v2");
    reject(f, cluster, "v3");
}

static void as_many_as_may_be_freeze_nothing(void **state) {
    struct fixture *f = *state;

    reject(f, "a", "v1");
    reject(f, "a", "v2");
    reject(f, "b", "v2");
    land(f);
    look(f);
    assert_int_equal(desk_count(f->rig->desk, FROZEN), 0);
}

static void a_canary_of_good_on_good_is_no_bad_release(void **state) {
    struct fixture *f = *state;

    reject(f, "a", "v1");
    reject(f, "a", "v2");
    land(f);
    reject(f, "a", "v3"); // what runs instead, as its configuration is another one for the canary
    desk_run(f->rig->desk, "UPDATE decision SET settled = 3 WHERE bad_revision = 'v3'");
    look(f);
    assert_int_equal(desk_count(f->rig->desk, FROZEN), 0);
}

static void what_somebody_undid_counts_only_if_it_is_held(void **state) {
    struct fixture *f = *state;

    reject_three(f, "a");
    land(f);
    desk_run(f->rig->desk, "UPDATE decision SET verdict = 'undone', settled = 2 WHERE bad_revision"
                           " = 'v3'");
    look(f);
    assert_int_equal(desk_count(f->rig->desk, FROZEN), 0);
    desk_run(f->rig->desk, "UPDATE decision SET settled = 1");
    look(f);
    freeze_rig_until(f->rig, FROZEN_ON("a"), 1);
}

static void what_somebody_undid_counts_though_what_is_rejected_is_only_told(void **state) {
    struct fixture *f = *state;

    desk_run(f->rig->desk,
             "INSERT INTO app_group (app, name, on_reject) VALUES ('shop', '', 'report')");
    reject_three(f, "a");
    land(f);
    desk_run(f->rig->desk, "UPDATE decision SET verdict = 'undone'");
    look(f);
    freeze_rig_until(f->rig, FROZEN_ON("a"), 1);
}

static void what_is_only_told_is_not_kept_out(void **state) {
    struct fixture *f = *state;

    desk_run(f->rig->desk,
             "INSERT INTO app_group (app, name, on_reject) VALUES ('shop', '', 'report')");
    reject_three(f, "a");
    land(f);
    look(f);
    assert_int_equal(desk_count(f->rig->desk, FROZEN), 0);
    desk_run(f->rig->desk, "DELETE FROM app_group");
    look(f);
    freeze_rig_until(f->rig, FROZEN_ON("a"), 1);
}

static void one_more_freezes_the_app_there_and_says_so_once(void **state) {
    struct fixture *f = *state;

    reject_three(f, "a");
    land(f);
    look(f);
    look(f);
    freeze_rig_until(f->rig, FROZEN_ON("a") " AND ended_ms = 0 AND until_ms > at_ms", 1);
    assert_int_equal(desk_count(f->rig->desk, "SELECT count(*) FROM event WHERE kind ="
                                              " 'freeze.started' AND actor = 'breaker'"),
                     1);
    assert_int_equal(desk_count(f->rig->desk, FROZEN " AND reason LIKE '3 releases %'"), 1);
}

static void two_clusters_freeze_it_everywhere_at_once(void **state) {
    struct fixture *f = *state;

    reject_three(f, "a");
    reject_three(f, "b");
    land(f);
    look(f);
    freeze_rig_until(f->rig, FROZEN_ON(""), 1);
    assert_int_equal(desk_count(f->rig->desk, FROZEN), 1);
}

static void it_waits_until_what_runs_instead_is_applied(void **state) {
    struct fixture *f = *state;

    reject_three(f, "a");
    look(f);
    assert_int_equal(desk_count(f->rig->desk, FROZEN), 0);
    land(f);
    freeze_rig_pass(f->rig, SECOND_MS);
    freeze_rig_until(f->rig, FROZEN_ON("a"), 1);
}

static void it_does_not_wait_for_ever(void **state) {
    struct fixture *f = *state;

    reject_three(f, "a");
    look(f);
    assert_int_equal(desk_count(f->rig->desk, FROZEN), 0);
    freeze_rig_pass(f->rig, 30 * SECOND_MS);
    freeze_rig_until(f->rig, FROZEN_ON("a"), 1);
}

static void what_froze_it_once_does_not_again_after_its_end(void **state) {
    struct fixture *f = *state;
    struct freeze_rig *r = f->rig;

    reject_three(f, "a");
    land(f);
    look(f);
    freeze_rig_until(r, FROZEN_ON("a"), 1);
    freeze_rig_end(r, r->last, false, CM_OK);
    restart(f);
    look(f);
    assert_int_equal(desk_count(r->desk, FROZEN " AND ended_ms = 0"), 0);
    freeze_rig_pass(r, SECOND_MS);
    reject(f, "a", "v4");
    land(f);
    look(f);
    assert_int_equal(desk_count(r->desk, FROZEN " AND ended_ms = 0"), 0);
}

static void nor_does_it_after_the_clock_was_set_back(void **state) {
    struct fixture *f = *state;
    struct freeze_rig *r = f->rig;

    reject_three(f, "a");
    cm_clock_set_on(-HOUR_MS / 2);
    look(f);
    freeze_rig_until(r, FROZEN_ON("a"), 1);
    freeze_rig_end(r, r->last, false, CM_OK);
    look(f);
    assert_int_equal(desk_count(r->desk, FROZEN " AND ended_ms = 0"), 0);
}

static void what_came_before_a_restart_counts_after_it(void **state) {
    struct fixture *f = *state;

    reject_three(f, "a");
    land(f);
    restart(f);
    freeze_rig_until(f->rig, FROZEN_ON("a"), 1);
}

static void what_is_older_than_an_hour_does_not_count(void **state) {
    struct fixture *f = *state;

    reject(f, "a", "v1");
    freeze_rig_pass(f->rig, HOUR_MS);
    reject(f, "a", "v2");
    reject(f, "a", "v3");
    land(f);
    look(f);
    assert_int_equal(desk_count(f->rig->desk, FROZEN), 0);
}

static void what_comes_all_the_time_does_not_put_it_off(void **state) {
    struct fixture *f = *state;

    reject_three(f, "a");
    land(f);
    for (int i = 0; i < 6; i++) {
        hub_breaker_look(f->breaker);
        freeze_rig_pass(f->rig, SECOND_MS / 2);
    }
    freeze_rig_until(f->rig, FROZEN_ON("a"), 1);
}

// A freeze before that would keep the release that does not come up; nobody looks but the breaker.
static void what_only_does_not_come_up_counts_once_git_holds_it(void **state) {
    struct fixture *f = *state;

    reject_three(f, "a");
    desk_run(f->rig->desk, "UPDATE decision SET verdict = 'timed_out'");
    land(f);
    look(f);
    freeze_rig_pass(f->rig, 40 * SECOND_MS);
    freeze_rig_pass(f->rig, 40 * SECOND_MS);
    assert_int_equal(desk_count(f->rig->desk, FROZEN), 0);
    desk_run(f->rig->desk, "UPDATE decision SET written = 1");
    freeze_rig_pass(f->rig, 40 * SECOND_MS);
    freeze_rig_until(f->rig, FROZEN_ON("a"), 1);
}

static void what_is_said_of_an_app_that_is_not_there_counts_nowhere(void **state) {
    struct fixture *f = *state;

    desk_run(f->rig->desk, "DELETE FROM pair WHERE cluster = 'b'");
    reject_three(f, "a");
    reject_three(f, "b");
    desk_run(f->rig->desk, "UPDATE decision SET settled = 2");
    look(f);
    freeze_rig_pass(f->rig, 40 * SECOND_MS);
    freeze_rig_until(f->rig, FROZEN_ON("a"), 1);
    assert_int_equal(desk_count(f->rig->desk, FROZEN), 1);
}

static void it_can_be_off(void **state) {
    struct fixture *f = *state;

    hub_breaker_stop(f->breaker);
    desk_settle(f->rig->desk);
    hub_breaker_free(f->breaker);
    start(f, 0);
    reject_three(f, "a");
    land(f);
    look(f);
    assert_int_equal(desk_count(f->rig->desk, FROZEN), 0);
}

static void what_cannot_be_frozen_is_tried_again_later(void **state) {
    struct fixture *f = *state;

    desk_run(f->rig->desk, "UPDATE app SET name = 'away'");
    reject_three(f, "a");
    land(f);
    look(f);
    assert_int_equal(desk_count(f->rig->desk, FROZEN), 0);
    desk_run(f->rig->desk, "UPDATE app SET name = 'shop'");
    freeze_rig_pass(f->rig, HOUR_MS / 6);
    freeze_rig_until(f->rig, FROZEN_ON("a"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv) {
    hub_repo_child_main(argc, argv);
    const struct CMUnitTest tests[] = {
        TEST(as_many_as_may_be_freeze_nothing),
        TEST(a_canary_of_good_on_good_is_no_bad_release),
        TEST(what_somebody_undid_counts_only_if_it_is_held),
        TEST(what_somebody_undid_counts_though_what_is_rejected_is_only_told),
        TEST(what_is_only_told_is_not_kept_out),
        TEST(one_more_freezes_the_app_there_and_says_so_once),
        TEST(two_clusters_freeze_it_everywhere_at_once),
        TEST(it_waits_until_what_runs_instead_is_applied),
        TEST(it_does_not_wait_for_ever),
        TEST(what_froze_it_once_does_not_again_after_its_end),
        TEST(nor_does_it_after_the_clock_was_set_back),
        TEST(what_came_before_a_restart_counts_after_it),
        TEST(what_is_older_than_an_hour_does_not_count),
        TEST(what_comes_all_the_time_does_not_put_it_off),
        TEST(what_only_does_not_come_up_counts_once_git_holds_it),
        TEST(what_is_said_of_an_app_that_is_not_there_counts_nowhere),
        TEST(it_can_be_off),
        TEST(what_cannot_be_frozen_is_tried_again_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
