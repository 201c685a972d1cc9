#include "tests/unit/hub/store/memory_db.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "hub/store/status.h"

static void put_status(struct hub_db *db, const char *app, int applied) {
    struct hub_status_row row = {.cluster = "paris-1",
                                 .app = app,
                                 .revision = "abc",
                                 .applied = applied,
                                 .message = "",
                                 .health_message = ""};
    struct cm_err err;

    assert_int_equal(hub_status_put(db, &row, &err), CM_OK);
}

static void put_object(struct hub_db *db, const char *key) {
    struct hub_object_row row = {
        .cluster = "paris-1", .app = "web", .key = key, .message = "", .sha256_size = 0};
    struct cm_err err;

    assert_int_equal(hub_objects_put(db, &row, &err), CM_OK);
}

static struct hub_drift_row drift_of(const char *key, const char *actual) {
    return (struct hub_drift_row){.cluster = "paris-1",
                                  .app = "web",
                                  .key = key,
                                  .path = "spec.replicas",
                                  .desired = "3",
                                  .actual = actual,
                                  .manager = "kubectl-edit",
                                  .operation = "Update",
                                  .class = "foreign"};
}

static void put_drift(struct hub_db *db, const char *key) {
    struct hub_drift_row row = drift_of(key, "9");
    struct cm_err err;

    assert_int_equal(hub_drift_put(db, &row, &err), CM_OK);
}

static void put_app(struct hub_db *db, const char *drift) {
    struct cm_err err;

    assert_int_equal(
        hub_db_run(db, &err,
                   "INSERT OR REPLACE INTO app (name, repo, path, namespace, drift, prune, suspend,"
                   " depends_on) VALUES ('web', 'fleet', 'app.yaml', '', ?1, 1, 0, '[]')",
                   "t", drift),
        CM_OK);
}

static void note_seen(void *ctx, const struct hub_drift_seen *seen) {
    char *text = ctx;

    (void)snprintf(text + strlen(text), 200 - strlen(text), "%s %s %s %s %d;", seen->row.key,
                   seen->row.path, seen->row.actual, seen->repo, seen->more);
}

static void what_somebody_changed_is_found_of_one_app_or_of_those_that_capture(void **state) {
    char all[200] = "";
    char one[200] = "";
    struct cm_err err;

    put_app(*state, "report");
    put_object(*state, "a");
    put_drift(*state, "b");
    put_drift(*state, "a");
    assert_int_equal(hub_drift_foreign(*state, NULL, NULL, 9, note_seen, all, &err), CM_OK);
    assert_string_equal(all, "");
    assert_int_equal(hub_drift_foreign(*state, "web", "paris-1", 9, note_seen, one, &err), CM_OK);
    assert_string_equal(one, "a spec.replicas 9 fleet 0;b spec.replicas 9 fleet 0;");
    struct hub_drift_row ruled = drift_of("b", "9");
    ruled.capture = 1;
    assert_int_equal(hub_drift_put(*state, &ruled, &err), CM_OK);
    assert_int_equal(hub_drift_foreign(*state, NULL, NULL, 9, note_seen, all, &err), CM_OK);
    assert_string_equal(all, "b spec.replicas 9 fleet 0;");
    all[0] = '\0';
    put_app(*state, "capture");
    assert_int_equal(hub_drift_foreign(*state, NULL, NULL, 1, note_seen, all, &err), CM_OK);
    assert_string_equal(all, "a spec.replicas 9 fleet 0;");
    struct hub_drift_row paused = drift_of("a", "9"); // no object is cut
    paused.path = "spec.paused";
    assert_int_equal(hub_drift_put(*state, &paused, &err), CM_OK);
    all[0] = '\0';
    assert_int_equal(hub_drift_foreign(*state, NULL, NULL, 1, note_seen, all, &err), CM_OK);
    assert_string_equal(all, "a spec.paused 9 fleet 0;a spec.replicas 9 fleet 0;");
    one[0] = '\0';
    assert_int_equal(hub_drift_foreign(*state, "web", "tokyo", 9, note_seen, one, &err), CM_OK);
    assert_string_equal(one, "");
}

static void what_a_rule_says_counts_before_what_the_app_says(void **state) {
    struct hub_drift_row ruled = drift_of("a", "9");
    char all[200] = "";
    struct cm_err err;

    put_app(*state, "capture");
    put_object(*state, "a");
    put_drift(*state, "b");
    ruled.capture = -1;
    assert_int_equal(hub_drift_put(*state, &ruled, &err), CM_OK);
    assert_int_equal(hub_drift_foreign(*state, NULL, NULL, 9, note_seen, all, &err), CM_OK);
    assert_string_equal(all, "b spec.replicas 9 fleet 0;");
}

static void of_a_cluster_that_is_only_observed_nothing_is_taken_over_by_itself(void **state) {
    char all[200] = "";
    char one[200] = "";
    struct cm_err err;

    put_app(*state, "capture");
    put_drift(*state, "a");
    assert_int_equal(hub_db_run(*state, &err,
                                "INSERT INTO presence (cluster, connected, seen_ms, version,"
                                " driver, target, address, observes)"
                                " VALUES ('paris-1', 1, 0, '', '', '', '', 1)",
                                ""),
                     CM_OK);
    assert_int_equal(hub_drift_foreign(*state, NULL, NULL, 9, note_seen, all, &err), CM_OK);
    assert_string_equal(all, "");
    assert_int_equal(hub_drift_foreign(*state, "web", "paris-1", 9, note_seen, one, &err), CM_OK);
    assert_string_equal(one, "a spec.replicas 9 fleet 0;");
}

static void the_state_before_is_known_for_events(void **state) {
    struct hub_status_before before;
    struct cm_err err;

    assert_int_equal(hub_status_find(*state, "paris-1", "web", &before, &err), CM_OK);
    assert_false(before.known);
    put_status(*state, "web", 3);
    assert_int_equal(hub_status_find(*state, "paris-1", "web", &before, &err), CM_OK);
    assert_true(before.known);
    assert_int_equal(before.applied, 3);
    assert_string_equal(before.revision, "abc");
}

static void a_removed_app_takes_its_objects_and_drift_along(void **state) {
    struct cm_err err;
    bool had;

    put_status(*state, "web", 3);
    put_object(*state, "ConfigMap/a/x");
    put_drift(*state, "ConfigMap/a/x");
    assert_int_equal(hub_status_remove(*state, "paris-1", "web", &had, &err), CM_OK);
    assert_true(had);
    assert_int_equal(count_rows(*state, "SELECT (SELECT count(*) FROM status) + (SELECT count(*)"
                                        " FROM object) + (SELECT count(*) FROM drift)"),
                     0);
}

static void a_difference_is_known_only_with_the_same_values(void **state) {
    struct hub_drift_row same = drift_of("ConfigMap/a/x", "9");
    struct hub_drift_row other = drift_of("ConfigMap/a/x", "10");
    struct cm_err err;
    bool known = false;

    put_drift(*state, "ConfigMap/a/x");
    assert_int_equal(hub_drift_known(*state, &same, &known, &err), CM_OK);
    assert_true(known);
    assert_int_equal(hub_drift_known(*state, &other, &known, &err), CM_OK);
    assert_false(known);
}

static void a_full_report_removes_what_it_does_not_name(void **state) {
    struct cm_err err;
    size_t marked;

    put_status(*state, "web", 3);
    put_status(*state, "old", 3);
    put_object(*state, "ConfigMap/a/x");
    put_object(*state, "ConfigMap/a/old");
    put_drift(*state, "ConfigMap/a/old");
    assert_int_equal(hub_status_full_begin(*state, "paris-1", &marked, &err), CM_OK);
    assert_int_equal(marked, 4);
    put_status(*state, "web", 3);
    put_object(*state, "ConfigMap/a/x");
    assert_int_equal(hub_status_full_end(*state, "paris-1", 7, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM status WHERE app = 'old'"), 0);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM status"), 1);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM object"), 1);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM drift"), 0);
    assert_int_equal(
        count_rows(*state, "SELECT count(*) FROM event WHERE kind = 'drift.cleared' AND at_ms = 7"
                           " AND app = 'web' AND key = 'ConfigMap/a/old' AND message ="
                           " 'spec.replicas: the agent no longer has this object'"),
        1);
}

static void who_was_connected_when_the_hub_ended_is_told_once_as_disconnected(void **state) {
    static const char told[] =
        "SELECT count(*) FROM event WHERE kind = 'agent.disconnected'"
        " AND cluster = 'paris-1' AND actor = 'hub' AND at_ms = 7 AND message = 'killed'";
    const struct hub_presence_row row = {
        .connected = true, .version = "", .driver = "", .target = "", .address = ""};
    struct hub_presence_row rows[] = {row, row};
    struct cm_err err;

    rows[0].cluster = "paris-1";
    rows[1].cluster = "rome-1";
    rows[1].connected = false;
    assert_int_equal(hub_presence_put(*state, &rows[0], &err), CM_OK);
    assert_int_equal(hub_presence_put(*state, &rows[1], &err), CM_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hub_presence_all_offline(*state, 7, "killed", &err), CM_OK);
        assert_int_equal(count_rows(*state, told), 1);
        assert_int_equal(count_rows(*state, "SELECT count(*) FROM event"), 1);
    }
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM presence WHERE connected"), 0);
}

static void the_last_report_survives_a_reconnect_but_not_a_new_enrolment(void **state) {
    struct hub_presence_row row = {.cluster = "paris-1",
                                   .connected = true,
                                   .version = "",
                                   .driver = "",
                                   .target = "",
                                   .address = ""};
    struct hub_report_mark mark;
    struct cm_err err;

    assert_int_equal(hub_presence_put(*state, &row, &err), CM_OK);
    assert_int_equal(hub_reports_set(*state, "paris-1", "run-1", 7, 3, 100, &err), CM_OK);
    assert_int_equal(hub_presence_put(*state, &row, &err), CM_OK);
    assert_int_equal(hub_reports_last(*state, "paris-1", &mark, &err), CM_OK);
    assert_string_equal(mark.run, "run-1");
    assert_int_equal(mark.number, 7);
    assert_int_equal(hub_presence_reset(*state, "paris-1", &err), CM_OK);
    assert_int_equal(hub_reports_last(*state, "paris-1", &mark, &err), CM_OK);
    assert_string_equal(mark.run, "");
    assert_int_equal(mark.number, 0);
}

// The state repository asks so for each App of a cluster (hub/store/unwritten.c).
static void drift_of_an_app_is_found_without_a_walk_over_that_of_its_cluster(void **state) {
    static const char sql[] =
        "EXPLAIN QUERY PLAN SELECT key FROM drift INDEXED BY drift_app"
        " WHERE cluster = ?1 AND app = ?2 AND class <> 'noise' ORDER BY key, path";
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_err err;

    assert_int_equal(hub_db_query(*state, &stmt, &err, sql, "tt", "paris-1", "web"), CM_OK);
    assert_int_equal(hub_stmt_next(stmt, &err), CM_OK);
    assert_non_null(strstr(hub_stmt_text(stmt, 3), "drift_app (cluster=? AND app=?)"));
    assert_int_equal(hub_stmt_next(stmt, &err), CM_ENOTFOUND); // and nothing is sorted
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_state_before_is_known_for_events, open_db, close_db),
        cmocka_unit_test_setup_teardown(
            what_somebody_changed_is_found_of_one_app_or_of_those_that_capture, open_db, close_db),
        cmocka_unit_test_setup_teardown(what_a_rule_says_counts_before_what_the_app_says, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(
            of_a_cluster_that_is_only_observed_nothing_is_taken_over_by_itself, open_db, close_db),
        cmocka_unit_test_setup_teardown(a_removed_app_takes_its_objects_and_drift_along, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(a_difference_is_known_only_with_the_same_values, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(a_full_report_removes_what_it_does_not_name, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(
            who_was_connected_when_the_hub_ended_is_told_once_as_disconnected, open_db, close_db),
        cmocka_unit_test_setup_teardown(
            the_last_report_survives_a_reconnect_but_not_a_new_enrolment, open_db, close_db),
        cmocka_unit_test_setup_teardown(
            drift_of_an_app_is_found_without_a_walk_over_that_of_its_cluster, open_db, close_db),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
