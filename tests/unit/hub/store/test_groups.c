#include "tests/unit/hub/store/memory_db.h"

#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/store/desired.h"
#include "hub/store/groups.h"

// become has an App become what a commit says.
static void become(struct hub_db *db, const char *app, const char *revision) {
    const struct hub_pair_row row = {.cluster = "paris",
                                     .app = app,
                                     .bundle = cm_sha256(revision, strlen(revision)),
                                     .repo = "fleet",
                                     .revision = revision,
                                     .generation = 1};
    struct cm_err err;

    assert_int_equal(hub_groups_leave(db, "paris", app, revision, &err), CM_OK);
    assert_int_equal(hub_desired_put_pair(db, &row, &err), CM_OK);
}

static void group(struct hub_db *db, const char *app, const char *name) {
    struct cm_err err;

    assert_int_equal(hub_groups_put(db, app, name, name == NULL ? "alone" : "group", &err), CM_OK);
}

static void see(void *ctx, const struct hub_group_member *m) {
    cm_str_addf(ctx, "%s %s %s;", m->app, m->revision, m->own_revision);
}

static void assert_members(struct hub_db *db, const char *revision, const char *expected) {
    CM_CLEANUP(cm_str_done) struct cm_str all = {0};
    struct cm_err err;

    assert_int_equal(hub_groups_each_member(db, "paris", "web", revision, see, &all, &err), CM_OK);
    assert_string_equal(cm_str_get(&all), expected);
}

static void an_app_goes_back_to_what_it_was_before_the_commit(void **state) {
    group(*state, "web", "g");
    group(*state, "pay", "g");
    become(*state, "web", "one");
    become(*state, "web", "two");
    become(*state, "pay", "one");
    become(*state, "web", "three");
    become(*state, "pay", "three");
    assert_members(*state, "three", "pay one two;");
    assert_members(*state, "two", "");
}

static void what_an_app_was_before_it_left_its_group_is_forgotten(void **state) {
    group(*state, "web", "g");
    group(*state, "pay", "g");
    become(*state, "pay", "one");
    become(*state, "pay", "two");
    group(*state, "pay", NULL);
    become(*state, "pay", "two"); // a Hold, not a commit
    assert_int_equal(count_rows(*state, "SELECT count(*) FROM pair_before"), 1);
    become(*state, "pay", "three");
    group(*state, "pay", "g");
    assert_members(*state, "three", "");
    become(*state, "pay", "four");
    assert_members(*state, "four", "pay three ;");
}

static void assert_any(struct hub_db *db, bool expected) {
    struct cm_err err;
    bool any = !expected;

    assert_int_equal(hub_groups_any(db, &any, &err), CM_OK);
    assert_true(any == expected);
}

// What an App was in its group is to be forgotten with its next commit.
static void it_is_known_whether_there_is_a_group_or_was_one(void **state) {
    group(*state, "web", NULL);
    become(*state, "web", "one");
    assert_any(*state, false);
    group(*state, "web", "g");
    assert_any(*state, true);
    become(*state, "web", "two");
    group(*state, "web", NULL);
    assert_any(*state, true);
    become(*state, "web", "three");
    assert_any(*state, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_app_goes_back_to_what_it_was_before_the_commit, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(what_an_app_was_before_it_left_its_group_is_forgotten,
                                        open_db, close_db),
        cmocka_unit_test_setup_teardown(it_is_known_whether_there_is_a_group_or_was_one, open_db,
                                        close_db),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
