#include "tests/unit/hub/store/memory_db.h"

#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/store/decisions.h"
#include "hub/store/past_lines.h"

static void add_as(struct hub_db *db, int number, const char *verdict, bool provisional) {
    const struct hub_decision_row row = {.id = cm_sha256(&number, sizeof(number)),
                                         .cluster = "paris",
                                         .cluster_id = "id",
                                         .app = "web",
                                         .key = "Deployment.apps/web/web",
                                         .verdict = verdict,
                                         .at_ms = number,
                                         .seen_ms = number,
                                         .provisional = provisional};
    struct cm_err err;
    bool is_new = false;

    assert_int_equal(hub_decisions_add(db, &row, &is_new, &err), CM_OK);
    assert_true(is_new);
}

static void add(struct hub_db *db, int number, bool provisional) {
    add_as(db, number, provisional ? "rejected" : "started", provisional);
}

struct of_workload {
    const char *cluster;
    const char *app;
    const char *key;
    const char *verdict;
};

static void add_of(struct hub_db *db, const struct of_workload *w, int number) {
    const struct hub_decision_row row = {.id = cm_sha256(&number, sizeof(number)),
                                         .cluster = w->cluster,
                                         .cluster_id = "id",
                                         .app = w->app,
                                         .key = w->key,
                                         .controller = w->verdict,
                                         .verdict = w->verdict,
                                         .seen_ms = number};
    struct cm_err err;
    bool is_new = false;

    assert_int_equal(hub_decisions_add(db, &row, &is_new, &err), CM_OK);
}

static void note_key(void *ctx, const struct hub_decision_row *row) {
    cm_str_add(ctx, row->key);
}

static void note_controller(void *ctx, const char *key, const char *controller) {
    cm_str_addf(ctx, "%s%s", key, controller);
}

static void of_each_workload_of_an_app_the_last_that_counts_is_told(void **state) {
    static const struct of_workload all[] = {
        {"paris", "web", "a ", "rejected"}, {"paris", "web", "a ", "weight"},
        {"paris", "web", "b ", "rejected"}, {"paris", "web", "b ", "started"},
        {"paris", "db", "c ", "rejected"},  {"paris", "web", "d ", "promoted"},
        {"paris", "web", "d ", "rejected"}, {"paris", "web", "d ", "restarted"},
        {"rome", "web", "e ", "rejected"},
    };
    CM_CLEANUP(cm_str_done) struct cm_str rejected = {0};
    CM_CLEANUP(cm_str_done) struct cm_str controllers = {0};
    struct cm_err err;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        add_of(*state, &all[i], (int)i + 1);
    }
    assert_int_equal(hub_decisions_each_rejected(*state, "paris", "web", note_key, &rejected, &err),
                     CM_OK);
    assert_string_equal(cm_str_get(&rejected), "a d ");
    assert_int_equal(
        hub_decisions_each_controller(*state, "paris", "web", note_controller, &controllers, &err),
        CM_OK);
    assert_string_equal(cm_str_get(&controllers), "a weightb startedd restarted");
    assert_int_equal(hub_decisions_each_rejected(*state, "oslo", "web", note_key, &rejected, &err),
                     CM_OK);
    assert_string_equal(cm_str_get(&rejected), "a d ");
}

static void what_only_tells_pushes_out_nothing_that_holds(void **state) {
    add(*state, 0, true);
    for (int i = 1; i <= HUB_DECISIONS_KEPT + 50; i++) {
        add(*state, i, false);
    }
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM decision WHERE provisional"), 1);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM decision WHERE NOT provisional"),
                     HUB_DECISIONS_KEPT);
}

static void of_those_that_hold_the_newest_are_kept(void **state) {
    for (int i = 0; i < HUB_DECISIONS_KEPT + 5; i++) {
        add(*state, i, true);
    }
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM decision WHERE provisional"),
                     HUB_DECISIONS_KEPT);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM decision"), HUB_DECISIONS_KEPT + 5);
    assert_int_equal(count_rows(*state, "SELECT min(number) FROM decision WHERE provisional"), 6);
}

static void words_that_nobody_has_read_yet_push_out_nothing_that_holds(void **state) {
    add(*state, 0, true);
    for (int i = 1; i <= HUB_DECISIONS_KEPT + 5; i++) {
        add_as(*state, i, i % 2 == 0 ? "promoted" : "timed_out", true);
    }
    assert_int_equal(
        count_rows(*state, "SELECT provisional FROM decision WHERE verdict = 'rejected'"), 1);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM decision WHERE provisional"),
                     HUB_DECISIONS_KEPT + 6);
}

static void steps_push_out_nothing_that_was_decided(void **state) {
    add_as(*state, 1, "promoted", false);
    add_as(*state, 2, "undone", false);
    for (int i = 3; i < 1000; i++) {
        add_as(*state, i, i % 2 == 0 ? "weight" : "started", false);
    }
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM decision"), HUB_DECISIONS_KEPT + 2);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_gap"), 0);
}

static void what_is_told_without_end_is_cut_and_that_is_on_record(void **state) {
    for (int i = 1; i <= HUB_DECISIONS_TOLD + 3; i++) {
        add_as(*state, i, "promoted", false);
    }
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM decision"), HUB_DECISIONS_TOLD);
    assert_int_equal(count_rows(*state, "SELECT from_ms FROM past_gap WHERE source = 'decisions'"
                                        " AND cluster = 'paris'"),
                     4);
}

static void name_cluster(struct hub_db *db) {
    struct cm_err err;

    assert_int_equal(hub_db_run(db, &err,
                                "INSERT INTO cluster (name, labels, suspend, repo, path) VALUES"
                                " ('paris', '{}', 0, 'fleet', 'clusters/paris.yaml')",
                                ""),
                     CM_OK);
}

static void what_is_old_goes_but_what_holds(void **state) {
    struct cm_err err;

    name_cluster(*state);
    add_as(*state, 1, "rejected", true);
    add_as(*state, 2, "promoted", false);
    assert_int_equal(hub_decisions_keep(*state, 2, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_gap"), 0);
    add_as(*state, 3, "promoted", false);
    assert_int_equal(hub_decisions_keep(*state, 3, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT sum(seen_ms) FROM decision"), 1 + 3);
    assert_int_equal(count_rows(*state, "SELECT from_ms FROM past_gap WHERE cluster = ''"), 3);
}

static void what_a_cluster_that_is_gone_rejected_goes_too(void **state) {
    struct cm_err err;

    add_as(*state, 1, "rejected", true);
    add_as(*state, 3, "rejected", true);
    assert_int_equal(
        hub_db_run(*state, &err,
                   "INSERT INTO agent (id, cluster, state, key_sha256, enrolled_ms) VALUES ('a',"
                   " 'paris', 'active', x'', 1)",
                   ""),
        CM_OK);
    assert_int_equal(hub_decisions_keep(*state, 3, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT sum(provisional) FROM decision"), 2);
    assert_int_equal(hub_db_run(*state, &err, "UPDATE agent SET state = 'revoked'", ""), CM_OK);
    assert_int_equal(hub_decisions_keep(*state, 3, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT sum(seen_ms) FROM decision WHERE provisional"), 3);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM decision"), 1);
}

static void a_clock_that_was_wrong_keeps_nothing(void **state) {
    struct cm_err err;

    add_as(*state, 1000, "promoted", false);
    add_as(*state, 1, "promoted", false);
    assert_int_equal(hub_decisions_keep(*state, 3, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT sum(seen_ms) FROM decision"), 1000);
}

static void what_goes_by_age_makes_no_gap_older(void **state) {
    struct cm_err err;

    assert_int_equal(
        hub_db_run(*state, &err, "INSERT INTO past_gap VALUES ('decisions', '', 4)", ""), CM_OK);
    add_as(*state, 2, "promoted", false);
    assert_int_equal(hub_decisions_keep(*state, 3, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT from_ms FROM past_gap"), 4);
    add_as(*state, 4, "promoted", false);
    assert_int_equal(hub_decisions_keep(*state, 5, &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT from_ms FROM past_gap"), 5);
}

static void what_only_lines_told_gives_way_to_what_holds(void **state) {
    const struct cm_sha256 id = cm_sha256("d", 1);
    struct hub_decision_row row = {.id = id,
                                   .cluster = "paris",
                                   .cluster_id = "id",
                                   .app = "web",
                                   .key = "Deployment.apps/web/web",
                                   .verdict = "rejected"};
    struct cm_err err;
    bool is_new = false;

    assert_int_equal(hub_decisions_add(*state, &row, &is_new, &err), CM_OK); // as lines tell it
    assert_int_equal(hub_decisions_add(*state, &row, &is_new, &err), CM_OK);
    assert_false(is_new);
    row.provisional = true;
    row.bad_bundle = id;
    assert_int_equal(hub_decisions_add(*state, &row, &is_new, &err), CM_OK);
    assert_true(is_new);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM decision"), 1);
    assert_int_equal(count_rows(*state, "SELECT provisional FROM decision"), 1);
    assert_int_equal(hub_decisions_settle(*state, &id, HUB_SETTLED_HELD, "", "hold", &err), CM_OK);
    assert_int_equal(hub_decisions_add(*state, &row, &is_new, &err), CM_OK);
    assert_false(is_new);
    assert_int_equal(count_rows(*state, "SELECT settled FROM decision"), HUB_SETTLED_HELD);
}

// keep_out puts a decision on record of which there is a Hold.
static void keep_out(struct hub_db *db, const char *key, const char *hold) {
    const struct hub_decision_row row = {.id = cm_sha256(key, strlen(key)),
                                         .cluster = "paris",
                                         .cluster_id = "id",
                                         .app = "web",
                                         .key = key,
                                         .verdict = "rejected",
                                         .bad_revision = "abc",
                                         .provisional = true};
    struct cm_err err;
    bool is_new;

    assert_int_equal(hub_decisions_add(db, &row, &is_new, &err), CM_OK);
    assert_int_equal(hub_decisions_settle(db, &row.id, HUB_SETTLED_HELD, "", hold, &err), CM_OK);
}

static void write_hold(struct hub_db *db, const char *id, const char *file, const char *proof) {
    struct cm_err err;

    assert_int_equal(
        hub_db_run(
            db, &err,
            "INSERT INTO intent (id, repo, kind, app, cluster, cause, args, actor, automatic,"
            " made_ms) VALUES (?1, 'fleet', 'hold', 'web', '', 'holds/web/' || ?2 || '.yaml',"
            " json_object('trailers', json_object('Proof', ?3, 'Rejects-Commit', 'abc')),"
            " 'flagger', 1, 5)",
            "ttt", id, file, proof),
        CM_OK);
}

static void what_is_proven_of_a_hold_is_said_of_its_own_decisions_once(void **state) {
    struct cm_err err;

    keep_out(*state, "api", "metadata: {name: web-2-aa}");
    keep_out(*state, "worker", "metadata: {name: web-2-bb}");
    assert_int_equal(hub_past_lines_want(*state, true, &err), CM_OK);
    write_hold(*state, "i", "2-aa", "same (paris)");
    write_hold(*state, "j", "2-bb", "none: why");
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM decision WHERE (key = 'api' AND proof"
                                        " = 'same (paris)') OR (key = 'worker' AND proof ="
                                        " 'none: why')"),
                     2);
    int64_t lines = count_rows(*state, "SELECT count(*) FROM past_unwritten");
    assert_int_equal(lines, 2);
    write_hold(*state, "k", "2-aa", "same (paris)");
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_unwritten"), lines);
}

static void a_hold_that_is_renewed_is_a_line_only_if_it_was_proven(void **state) {
    const struct cm_sha256 id = cm_sha256("api", 3);
    struct cm_err err;

    keep_out(*state, "api", "metadata: {name: web-2-aa}");
    assert_int_equal(hub_past_lines_want(*state, true, &err), CM_OK);
    assert_int_equal(hub_decisions_renew(*state, &id, "metadata: {name: web-2-cc}", &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_unwritten"), 0);
    write_hold(*state, "i", "2-cc", "same (paris)");
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_unwritten"), 1);
    assert_int_equal(hub_decisions_renew(*state, &id, "metadata: {name: web-2-dd}", &err), CM_OK);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM past_unwritten"), 2);
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM decision WHERE proof = '' AND hold ="
                                        " 'metadata: {name: web-2-dd}'"),
                     1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_each_workload_of_an_app_the_last_that_counts_is_told,
                                        open_db, close_db),
        cmocka_unit_test_setup_teardown(what_only_tells_pushes_out_nothing_that_holds, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(what_only_lines_told_gives_way_to_what_holds, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(what_is_proven_of_a_hold_is_said_of_its_own_decisions_once,
                                        open_db, close_db),
        cmocka_unit_test_setup_teardown(a_hold_that_is_renewed_is_a_line_only_if_it_was_proven,
                                        open_db, close_db),
        cmocka_unit_test_setup_teardown(steps_push_out_nothing_that_was_decided, open_db, close_db),
        cmocka_unit_test_setup_teardown(what_is_told_without_end_is_cut_and_that_is_on_record,
                                        open_db, close_db),
        cmocka_unit_test_setup_teardown(what_is_old_goes_but_what_holds, open_db, close_db),
        cmocka_unit_test_setup_teardown(what_a_cluster_that_is_gone_rejected_goes_too, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(a_clock_that_was_wrong_keeps_nothing, open_db, close_db),
        cmocka_unit_test_setup_teardown(what_goes_by_age_makes_no_gap_older, open_db, close_db),
        cmocka_unit_test_setup_teardown(of_those_that_hold_the_newest_are_kept, open_db, close_db),
        cmocka_unit_test_setup_teardown(words_that_nobody_has_read_yet_push_out_nothing_that_holds,
                                        open_db, close_db),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
