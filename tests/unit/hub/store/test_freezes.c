#include "tests/unit/hub/store/memory_db.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/store/freezes.h"

#define NOW_MS ((int64_t)1790856000000)
#define HOUR_MS ((int64_t)60 * 60 * 1000)

static int set_up(void **state) {
    int rc = open_db(state);

    cm_clock_fake(NOW_MS);
    return rc;
}

static int tear_down(void **state) {
    cm_clock_fake(-1);
    return close_db(state);
}

static void run(struct hub_db *db, const char *sql) {
    struct cm_err err = {0};

    if (hub_db_run(db, &err, sql, "") < 0) {
        fail_msg("%s", err.msg);
    }
}

static void make_fleet(struct hub_db *db) {
    run(db, "INSERT INTO cluster (name, labels, suspend, repo, path) VALUES"
            " ('a', '{\"env\":\"prod\"}', 0, 'fleet', 'clusters/a.yaml'),"
            " ('b', '{\"env\":\"prod\"}', 0, 'fleet', 'clusters/b.yaml'),"
            " ('c', '{\"env\":\"dev\"}', 0, 'edge', 'clusters/c.yaml')");
    run(db, "INSERT INTO cluster_group (name, repo, path) VALUES ('west', 'fleet', 'g.yaml')");
    run(db, "INSERT INTO group_member (grp, cluster) VALUES ('west', 'a'), ('west', 'c')");
    run(db, "INSERT INTO app (name, repo, path, namespace, drift, prune, suspend, depends_on)"
            " VALUES ('shop', 'team', 'app.yaml', '', 'report', 1, 0, '[]')");
}

static struct hub_freeze_row stop(void) {
    return (struct hub_freeze_row){.name = "stop",
                                   .app = "",
                                   .cluster = "",
                                   .group = "",
                                   .selector = "",
                                   .reason = "it burns",
                                   .actor = "ann",
                                   .at_ms = NOW_MS,
                                   .repo = "home",
                                   .path = "freezes/stop.yaml",
                                   .note = ""};
}

static void start(struct hub_db *db, const struct hub_freeze_row *row) {
    struct cm_err err = {0};

    if (hub_freezes_start(db, row, &err) < 0 || hub_freezes_resolve(db, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

static void put(struct hub_db *db, const struct hub_freeze_row *row) {
    struct hub_freeze_row written = *row;
    struct cm_err err = {0};

    written.git = HUB_FREEZE_WRITTEN;
    if (hub_freezes_put(db, &written, &err) < 0 || hub_freezes_resolve(db, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

static void end(struct hub_db *db) {
    struct cm_err err = {0};

    assert_int_equal(hub_freezes_end(db, "stop", "bob", "it was unfrozen", NOW_MS + 1, &err),
                     CM_OK);
}

static void note_cluster(void *ctx, const char *cluster) {
    cm_str_add(ctx, cluster);
}

static void expect_clusters(struct hub_db *db, const char *wanted) {
    CM_CLEANUP(cm_str_done) struct cm_str names = {0};
    struct cm_err err = {0};

    assert_int_equal(hub_freezes_each_cluster(db, "stop", note_cluster, &names, &err), CM_OK);
    assert_string_equal(cm_str_get(&names), wanted);
}

struct looked {
    size_t count;
    bool ended;
    enum hub_freeze_git git;
    char repo[16];
    char reason[32];
};

static void note_row(void *ctx, const struct hub_freeze_row *row) {
    struct looked *l = ctx;

    l->count++;
    l->ended = row->ended_ms != 0;
    l->git = row->git;
    (void)snprintf(l->repo, sizeof(l->repo), "%s", row->repo);
    (void)snprintf(l->reason, sizeof(l->reason), "%s", row->reason);
}

static struct looked look(struct hub_db *db) {
    struct looked l = {0};
    struct cm_err err = {0};

    assert_int_equal(hub_freezes_each(db, note_row, &l, &err), CM_OK);
    return l;
}

static int64_t count_events(struct hub_db *db, const char *kind) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_err err = {0};

    assert_int_equal(
        hub_db_query(db, &stmt, &err, "SELECT count(*) FROM event WHERE kind = ?1", "t", kind),
        CM_OK);
    assert_int_equal(hub_stmt_next(stmt, &err), CM_OK);
    return hub_stmt_int(stmt, 0);
}

static void a_freeze_finds_its_clusters_by_name_group_and_labels(void **state) {
    static const struct {
        const char *cluster;
        const char *group;
        const char *selector;
        const char *wanted;
    } cases[] = {{"", "", "", "abc"},
                 {"b", "", "", "b"},
                 {"", "west", "", "ac"},
                 {"", "", "env=prod", "ab"},
                 {"", "", "env notin (prod, dev)", ""}};
    struct hub_db *db = *state;

    make_fleet(db);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hub_freeze_row row = stop();

        row.cluster = cases[i].cluster;
        row.group = cases[i].group;
        row.selector = cases[i].selector;
        start(db, &row);
        expect_clusters(db, cases[i].wanted);
        run(db, "DELETE FROM freeze");
    }
}

static void clusters_follow_labels_and_keep_who_has_stopped(void **state) {
    struct hub_freeze_row row = stop();
    struct hub_db *db = *state;
    struct cm_err err = {0};

    make_fleet(db);
    row.selector = "env=prod";
    start(db, &row);
    assert_int_equal(hub_freezes_told(db, "stop", "a", NOW_MS, &err), CM_OK);
    run(db, "UPDATE cluster SET labels = '{\"env\":\"prod\"}' WHERE name = 'c'");
    run(db, "DELETE FROM cluster WHERE name = 'b'");
    assert_int_equal(hub_freezes_resolve(db, &err), CM_OK);
    expect_clusters(db, "ac");
    run(db, "DELETE FROM freeze_cluster WHERE told_ms = 0");
    expect_clusters(db, "a");
}

static void it_is_written_where_what_it_names_is(void **state) {
    struct hub_freeze_row row = stop();
    struct hub_db *db = *state;

    make_fleet(db);
    start(db, &row);
    assert_string_equal(look(db).repo, "home");
    run(db, "DELETE FROM freeze");
    row.cluster = "c";
    start(db, &row);
    assert_string_equal(look(db).repo, "edge");
    run(db, "DELETE FROM freeze");
    row.app = "shop";
    start(db, &row);
    assert_string_equal(look(db).repo, "team");
}

static void what_git_does_not_have_and_what_is_there_already_is_refused(void **state) {
    struct hub_freeze_row row = stop();
    struct hub_db *db = *state;
    struct cm_err err = {0};

    make_fleet(db);
    row.app = "shpo";
    assert_int_equal(hub_freezes_start(db, &row, &err), CM_ENOTFOUND);
    row.app = "";
    row.group = "east";
    assert_int_equal(hub_freezes_start(db, &row, &err), CM_ENOTFOUND);
    row.group = "";
    start(db, &row);
    assert_int_equal(hub_freezes_start(db, &row, &err), CM_EEXISTS);
    assert_int_equal(hub_freezes_end(db, "other", "bob", "", NOW_MS, &err), CM_ENOTFOUND);
    end(db);
    assert_int_equal(hub_freezes_end(db, "stop", "bob", "", NOW_MS, &err), CM_ENOTFOUND);
    assert_int_equal(hub_freezes_start(db, &row, &err), CM_EEXISTS); // its file is to go first
}

static void its_document_is_the_same_freeze_and_ends_it_when_it_goes(void **state) {
    struct hub_freeze_row row = stop();
    struct hub_db *db = *state;
    struct cm_err err = {0};

    make_fleet(db);
    start(db, &row);
    row.reason = "it burns still"; // somebody changed the file
    put(db, &row);
    assert_int_equal(count_events(db, "freeze.started"), 1);
    assert_int_equal(look(db).git, HUB_FREEZE_WRITTEN);
    assert_string_equal(look(db).reason, "it burns still");
    assert_int_equal(hub_freezes_remove(db, "stop", &err), CM_OK);
    assert_int_equal(look(db).count, 0);
    assert_int_equal(count_events(db, "freeze.ended"), 1);
}

static void a_document_that_comes_after_the_end_begins_nothing_unless_it_was_changed(void **state) {
    struct hub_freeze_row row = stop();
    struct hub_db *db = *state;
    struct cm_err err = {0};

    make_fleet(db);
    start(db, &row);
    end(db);
    put(db, &row); // it was on its way
    assert_true(look(db).ended);
    expect_clusters(db, "");
    row.until_ms = NOW_MS + HOUR_MS;
    put(db, &row);
    assert_false(look(db).ended);
    expect_clusters(db, "abc");
    end(db);
    assert_int_equal(hub_freezes_remove(db, "stop", &err), CM_OK);
    assert_int_equal(look(db).count, 0);
    assert_int_equal(count_events(db, "freeze.ended"), 2);
}

static void a_document_of_people_starts_a_freeze_and_one_that_is_over_does_not(void **state) {
    struct hub_freeze_row row = stop();
    struct hub_db *db = *state;

    make_fleet(db);
    row.until_ms = NOW_MS - 1;
    put(db, &row);
    assert_true(look(db).ended); // so that its file goes
    assert_int_equal(count_events(db, "freeze.started"), 0);
    run(db, "DELETE FROM freeze");
    row.until_ms = 0;
    put(db, &row);
    assert_false(look(db).ended);
    assert_int_equal(count_events(db, "freeze.started"), 1);
}

static void what_left_git_while_the_hub_was_away_ends_and_what_never_was_there_stays(void **state) {
    struct hub_freeze_row row = stop();
    struct hub_db *db = *state;
    struct cm_err err = {0};

    make_fleet(db);
    put(db, &row);
    assert_int_equal(hub_freezes_doubt(db, &err), CM_OK);
    put(db, &row); // it is still there
    assert_int_equal(hub_freezes_sweep(db, &err), CM_OK);
    assert_int_equal(look(db).count, 1);
    row.name = "other";
    start(db, &row);
    assert_int_equal(hub_freezes_doubt(db, &err), CM_OK);
    assert_int_equal(hub_freezes_sweep(db, &err), CM_OK);
    assert_int_equal(look(db).count, 1);
    assert_int_equal(look(db).git, HUB_FREEZE_NOT_WRITTEN);
    assert_int_equal(count_events(db, "freeze.ended"), 1);
}

static void it_ends_by_time(void **state) {
    struct hub_freeze_row row = stop();
    struct hub_db *db = *state;
    struct cm_err err = {0};

    make_fleet(db);
    row.until_ms = NOW_MS + HOUR_MS;
    start(db, &row);
    assert_int_equal(hub_freezes_expire(db, NOW_MS + HOUR_MS - 1, &err), CM_OK);
    assert_false(look(db).ended);
    assert_int_equal(hub_freezes_expire(db, NOW_MS + HOUR_MS, &err), CM_OK);
    assert_true(look(db).ended);
    expect_clusters(db, "");
    assert_int_equal(hub_freezes_expire(db, NOW_MS + 48 * HOUR_MS, &err), CM_OK);
    assert_int_equal(look(db).count, 0); // it never came into Git
}

static void so_many_are_in_force_at_a_time(void **state) {
    struct hub_freeze_row row = stop();
    struct hub_db *db = *state;
    struct cm_err err = {0};

    for (int i = 0; i < HUB_FREEZES_MAX; i++) {
        CM_AUTOFREE char *name = cm_strf("stop-%d", i);

        row.name = name;
        assert_int_equal(hub_freezes_start(db, &row, &err), CM_OK);
    }
    row.name = "stop";
    assert_int_equal(hub_freezes_start(db, &row, &err), CM_EEXISTS);
}

static void the_breaker_leaves_room_for_people(void **state) {
    struct hub_freeze_row row = stop();
    struct hub_db *db = *state;
    struct cm_err err = {0};

    make_fleet(db);
    row.app = "shop";
    row.source = HUB_FREEZE_BY_BREAKER;
    for (int i = 0; i < HUB_FREEZES_BREAKER_MAX; i++) {
        CM_AUTOFREE char *name = cm_strf("trip-%d", i);

        row.name = name;
        assert_int_equal(hub_freezes_start(db, &row, &err), CM_OK);
    }
    row.name = "trip";
    assert_int_equal(hub_freezes_start(db, &row, &err), CM_EEXISTS);
    assert_non_null(strstr(err.msg, "of the breaker are in force"));
    row.name = "stop";
    row.source = HUB_FREEZE_BY_HAND;
    assert_int_equal(hub_freezes_start(db, &row, &err), CM_OK);
}

static void what_was_frozen_from_when_to_when_and_where_stays_on_record(void **state) {
    struct hub_freeze_row row = stop();
    struct hub_db *db = *state;
    struct cm_err err = {0};

    make_fleet(db);
    row.selector = "env=prod";
    start(db, &row);
    cm_clock_advance(HOUR_MS);
    run(db, "UPDATE cluster SET labels = '{}' WHERE name = 'b'");
    assert_int_equal(hub_freezes_resolve(db, &err), CM_OK);
    cm_clock_advance(HOUR_MS);
    assert_int_equal(hub_freezes_end(db, "stop", "bob", "", NOW_MS + 2 * HOUR_MS, &err), CM_OK);
    assert_int_equal(hub_freezes_resolve(db, &err), CM_OK);
    run(db, "DELETE FROM freeze");
    assert_int_equal(count_rows(db, "SELECT to_ms - from_ms FROM freeze_past WHERE actor = 'ann'"
                                    " AND ended_by = 'bob'"),
                     2 * HOUR_MS);
    assert_int_equal(count_rows(db, "SELECT to_ms - from_ms FROM freeze_past_cluster"
                                    " WHERE cluster = 'b'"),
                     HOUR_MS);
    assert_int_equal(count_rows(db, "SELECT to_ms - from_ms FROM freeze_past_cluster"
                                    " WHERE cluster = 'a'"),
                     2 * HOUR_MS);
}

static void what_a_commit_makes_of_a_freeze_is_another_time(void **state) {
    struct hub_freeze_row row = stop();
    struct hub_db *db = *state;

    make_fleet(db);
    start(db, &row);
    cm_clock_advance(HOUR_MS);
    put(db, &row);
    assert_int_equal(count_rows(db, "SELECT count(*) FROM freeze_past"), 1);
    row.app = "shop";
    put(db, &row);
    assert_int_equal(count_rows(db, "SELECT count(*) FROM freeze_past WHERE to_ms != 0"), 1);
    assert_int_equal(count_rows(db, "SELECT count(*) FROM freeze_past_cluster c JOIN freeze_past p"
                                    " ON p.id = c.freeze WHERE p.app = 'shop' AND c.to_ms = 0"),
                     3);
}

static void its_past_is_kept_for_a_time(void **state) {
    struct hub_freeze_row row = stop();
    struct hub_db *db = *state;
    struct cm_err err = {0};

    make_fleet(db);
    start(db, &row);
    end(db);
    assert_int_equal(hub_freezes_keep(db, NOW_MS, &err), CM_OK);
    assert_int_equal(count_rows(db, "SELECT count(*) FROM freeze_past"), 1);
    assert_int_equal(hub_freezes_keep(db, NOW_MS + HOUR_MS, &err), CM_OK);
    assert_int_equal(count_rows(db, "SELECT count(*) FROM freeze_past"), 0);
    assert_int_equal(count_rows(db, "SELECT count(*) FROM freeze_past_cluster"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    TEST(a_freeze_finds_its_clusters_by_name_group_and_labels),
    TEST(clusters_follow_labels_and_keep_who_has_stopped),
    TEST(it_is_written_where_what_it_names_is),
    TEST(what_git_does_not_have_and_what_is_there_already_is_refused),
    TEST(its_document_is_the_same_freeze_and_ends_it_when_it_goes),
    TEST(a_document_that_comes_after_the_end_begins_nothing_unless_it_was_changed),
    TEST(a_document_of_people_starts_a_freeze_and_one_that_is_over_does_not),
    TEST(what_left_git_while_the_hub_was_away_ends_and_what_never_was_there_stays),
    TEST(it_ends_by_time),
    TEST(so_many_are_in_force_at_a_time),
    TEST(the_breaker_leaves_room_for_people),
    TEST(what_was_frozen_from_when_to_when_and_where_stays_on_record),
    TEST(what_a_commit_makes_of_a_freeze_is_another_time),
    TEST(its_past_is_kept_for_a_time),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
