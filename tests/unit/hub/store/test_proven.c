#include "tests/unit/hub/store/memory_db.h"

#include <stdio.h>
#include <string.h>

#include "hub/store/agents.h"
#include "hub/store/decisions.h"
#include "hub/store/desired.h"
#include "hub/store/proven.h"

static const struct hub_proven_row promoted = {.cluster = "paris",
                                               .agent = "one",
                                               .app = "web",
                                               .key = "Deployment.apps/web/web",
                                               .needs = "Canary.flagger.app/web/web",
                                               .revision = "abc"};

static void enroll(struct hub_db *db, const char *cluster, const char *id) {
    const struct hub_agent_row row = {
        .id = id, .cluster = cluster, .key = cm_sha256(id, strlen(id))};
    struct cm_err err;

    assert_int_equal(hub_agents_enroll(db, &row, 1, &err), CM_OK);
}

static bool put(struct hub_db *db, const struct hub_proven_row *row) {
    bool earlier = false;
    struct cm_err err;

    assert_int_equal(hub_proven_put(db, row, &earlier, &err), CM_OK);
    return earlier;
}

static void visit(void *ctx, const struct hub_proven_before *before) {
    assert_string_equal(before->row.agent, "two");
    assert_string_equal(before->row.needs, promoted.needs);
    assert_string_equal(before->row.revision, "abc");
    assert_false(before->held);
    (*(size_t *)ctx)++;
}

static size_t count_before(struct hub_db *db, const char *cluster) {
    size_t count = 0;
    struct cm_err err;

    assert_int_equal(hub_proven_each_before(db, cluster, visit, &count, &err), CM_OK);
    return count;
}

static void what_the_present_agent_told_is_of_nobody_before(void **state) {
    enroll(*state, "paris", "one");
    assert_false(put(*state, &promoted));
    assert_false(put(*state, &promoted));
    assert_int_equal(count_before(*state, NULL), 0);
}

static void what_was_promoted_outlives_the_agent_that_told_it(void **state) {
    struct hub_proven_row again = promoted;
    struct cm_err err;

    enroll(*state, "paris", "one");
    assert_false(put(*state, &promoted));
    enroll(*state, "paris", "two");
    assert_int_equal(count_before(*state, NULL), 1);
    assert_int_equal(count_before(*state, "paris"), 1);
    assert_int_equal(count_before(*state, "rome"), 0);
    again.agent = "two";
    assert_true(put(*state, &again));
    assert_int_equal(count_before(*state, "paris"), 0);
    assert_false(put(*state, &again));
    enroll(*state, "paris", "three");
    again.agent = "three";
    assert_int_equal(hub_proven_take(*state, &again, &err), CM_OK);
    assert_int_equal(count_before(*state, NULL), 0);
}

// ---- What nobody begins with

static void run(struct hub_db *db, const char *sql) {
    struct cm_err err;

    assert_int_equal(hub_db_run(db, &err, sql, ""), CM_OK);
}

// reject puts on record that some cluster rejected a release, and keeps it out.
static void reject(struct hub_db *db, const char *revision) {
    const struct hub_decision_row row = {.id = cm_sha256(revision, strlen(revision)),
                                         .cluster = "rome",
                                         .cluster_id = "r",
                                         .app = "web",
                                         .key = promoted.key,
                                         .controller = "flagger",
                                         .verdict = "rejected",
                                         .bad_revision = revision,
                                         .provisional = true};
    bool is_new = false;
    struct cm_err err;

    assert_int_equal(hub_decisions_add(db, &row, &is_new, &err), CM_OK);
    assert_int_equal(hub_decisions_settle(db, &row.id, HUB_SETTLED_HELD, "", "hold", &err), CM_OK);
}

static bool is_awaited(struct hub_db *db) {
    bool awaited = false;
    struct cm_err err;

    assert_int_equal(hub_proven_is_awaited(db, &promoted, &awaited, &err), CM_OK);
    return awaited;
}

static bool any(struct hub_db *db, const char *revision) {
    bool found = false;
    struct cm_err err;

    assert_int_equal(hub_proven_any(db, "web", revision, &found, &err), CM_OK);
    return found;
}

static void a_promotion_is_awaited_where_something_begins_or_somebody_rejected_it(void **state) {
    struct hub_proven_row other = promoted;
    struct cm_err err;

    assert_false(is_awaited(*state));
    assert_int_equal(hub_desired_put_begins(*state, "paris", "web", "Canary\n", &err), CM_OK);
    assert_true(is_awaited(*state));
    assert_int_equal(hub_desired_put_begins(*state, "paris", "web", NULL, &err), CM_OK);
    assert_false(is_awaited(*state));
    reject(*state, "def");
    assert_false(is_awaited(*state));
    reject(*state, "abc");
    assert_true(is_awaited(*state));
    assert_false(put(*state, &promoted));
    assert_true(is_awaited(*state)); // who asks is no other
    other.cluster = "oslo";
    assert_false(put(*state, &other));
    assert_false(is_awaited(*state));
}

static void note_release(void *ctx, const struct hub_proven_row *row) {
    char *text = ctx;

    (void)snprintf(text + strlen(text), 200 - strlen(text), "%s %s %s %s;", row->cluster, row->app,
                   row->needs, row->revision);
}

static const char *releases(struct hub_db *db, const char *cluster) {
    static char text[200];
    struct cm_err err;

    text[0] = '\0';
    assert_int_equal(hub_proven_each_release(db, cluster, note_release, text, &err), CM_OK);
    return text;
}

static void what_was_promoted_is_known_of_a_cluster_and_of_what_others_rejected(void **state) {
    struct cm_err err;

    enroll(*state, "paris", "one");
    assert_false(put(*state, &promoted));
    assert_true(any(*state, "abc"));
    assert_false(any(*state, "def"));
    assert_false(any(*state, ""));
    assert_string_equal(releases(*state, "paris"), "paris web Canary.flagger.app/web/web abc;");
    assert_string_equal(releases(*state, NULL), "");
    reject(*state, "def");
    assert_string_equal(releases(*state, NULL), "");
    reject(*state, "abc");
    assert_string_equal(releases(*state, NULL), " web  abc;");
    assert_int_equal(hub_desired_put_begins(*state, "paris", "web", "Canary\n", &err), CM_OK);
    assert_int_equal(hub_desired_put_begins(*state, "rome", "web", "Canary\n", &err), CM_OK);
    assert_string_equal(releases(*state, NULL),
                        " web  abc;paris web Canary.flagger.app/web/web abc;");
    enroll(*state, "paris", "two"); // which has promoted nothing yet
    assert_string_equal(releases(*state, "paris"), "");
    assert_string_equal(releases(*state, NULL), " web  abc;");
}

static void what_comes_again_was_promoted_at_another_time(void **state) {
    struct cm_err err;

    enroll(*state, "paris", "one");
    assert_false(put(*state, &promoted));
    assert_int_equal(hub_proven_forget(*state, "paris", "other", &err), CM_OK);
    assert_int_equal(hub_proven_forget(*state, "rome", "web", &err), CM_OK);
    reject(*state, "abc");
    assert_int_equal(hub_proven_forget(*state, "paris", "web", &err), CM_OK);
    assert_true(any(*state, "abc"));                                   // which others rejected
    assert_string_equal(releases(*state, "paris"), "paris web  abc;"); // nothing waits for that now
    run(*state, "UPDATE decision SET settled = 2");
    assert_int_equal(hub_proven_forget(*state, "paris", "web", &err), CM_OK);
    assert_false(any(*state, "abc"));
}

static void note_fresh(void *ctx, const char *cluster, const char *app) {
    char *text = ctx;

    (void)snprintf(text + strlen(text), 200 - strlen(text), "%s:%s ", cluster, app);
}

static const char *fresh(struct hub_db *db, const char *cluster) {
    static char text[200];
    struct cm_err err;

    text[0] = '\0';
    assert_int_equal(hub_proven_each_fresh(db, cluster, note_fresh, text, &err), CM_OK);
    return text;
}

#define PAIR(cluster, app)                                                                         \
    "INSERT INTO pair (cluster, app, bundle, repo, revision, generation, objects, suspend, stale)" \
    " VALUES ('" cluster "', '" app "', x'b1', 'fleet', 'abc', 1, 1, 0, 0)"

static void what_is_new_to_a_cluster_is_what_no_agent_of_it_reported(void **state) {
    struct hub_db *db = *state;
    struct cm_err err;

    run(db, PAIR("paris", "web"));
    run(db, PAIR("oslo", "web"));
    run(db, PAIR("paris", "other"));
    enroll(db, "paris", "one");
    assert_string_equal(fresh(db, NULL), "");
    reject(db, "abc"); // of web; oslo has no agent
    assert_string_equal(fresh(db, NULL), "paris:web ");
    assert_string_equal(fresh(db, "paris"), "paris:web ");
    assert_string_equal(fresh(db, "oslo"), "");
    assert_int_equal(hub_desired_put_begins(db, "paris", "web", "Canary\n", &err), CM_OK);
    assert_string_equal(fresh(db, NULL), ""); // that is known already
    assert_int_equal(hub_desired_put_begins(db, "paris", "web", NULL, &err), CM_OK);
    run(db, "INSERT INTO status (cluster, app, bundle, revision, applied, message, health,"
            " health_message, objects, drifted, at_ms)"
            " VALUES ('paris', 'web', x'b1', 'abc', 3, '', 2, '', 1, 0, 1)");
    assert_string_equal(fresh(db, NULL), "");
}

static void what_went_back_with_another_app_is_new_to_a_cluster_as_that_one(void **state) {
    struct hub_db *db = *state;
    struct cm_err err;

    run(db, PAIR("paris", "web"));
    enroll(db, "paris", "one");
    reject(db, "abc");
    const struct cm_sha256 id = cm_sha256("abc", 3);
    assert_int_equal(hub_decisions_settle(db, &id, HUB_SETTLED_HELD, "found in Git", "hold", &err),
                     CM_OK);
    assert_string_equal(fresh(db, NULL), "");
    assert_string_equal(fresh(db, "paris"), "");
    assert_int_equal(hub_decisions_settle(db, &id, HUB_SETTLED_HELD,
                                          "with App 'shop' of its release group", "hold", &err),
                     CM_OK);
    assert_string_equal(fresh(db, NULL), "paris:web ");
    assert_string_equal(fresh(db, "paris"), "paris:web ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_present_agent_told_is_of_nobody_before, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(what_was_promoted_outlives_the_agent_that_told_it, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(
            a_promotion_is_awaited_where_something_begins_or_somebody_rejected_it, open_db,
            close_db),
        cmocka_unit_test_setup_teardown(
            what_was_promoted_is_known_of_a_cluster_and_of_what_others_rejected, open_db, close_db),
        cmocka_unit_test_setup_teardown(what_comes_again_was_promoted_at_another_time, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(what_is_new_to_a_cluster_is_what_no_agent_of_it_reported,
                                        open_db, close_db),
        cmocka_unit_test_setup_teardown(
            what_went_back_with_another_app_is_new_to_a_cluster_as_that_one, open_db, close_db),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
