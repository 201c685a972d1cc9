#include "tests/unit/hub/store/memory_db.h"

#include <string.h>

#include "hub/store/agents.h"
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_present_agent_told_is_of_nobody_before, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(what_was_promoted_outlives_the_agent_that_told_it, open_db,
                                        close_db),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
