#include "tests/unit/hub/store/memory_db.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "hub/store/intents.h"
#include "hub/store/pulls.h"

#define HOUR_MS ((int64_t)60 * 60 * 1000)

static enum cm_rc add_saying(void **state, const char *id, const char *cause, const char *args,
                             bool automatic, int64_t at_ms, bool *is_new) {
    const struct hub_intent_row row = {.id = id,
                                       .repository = "fleet",
                                       .kind = "hold",
                                       .app = "shop",
                                       .cluster = "",
                                       .cause = cause,
                                       .args = args,
                                       .actor = "ada",
                                       .automatic = automatic,
                                       .made_ms = at_ms};
    struct cm_err err = {0};

    return hub_intents_add(*state, &row, 3, is_new, &err);
}

static enum cm_rc add_about(void **state, const char *id, const char *cause, bool automatic,
                            int64_t at_ms, bool *is_new) {
    return add_saying(state, id, cause, "{}", automatic, at_ms, is_new);
}

static enum cm_rc add(void **state, const char *id, bool automatic, int64_t at_ms, bool *is_new) {
    return add_about(state, id, id, automatic, at_ms, is_new);
}

static void note_id(void *ctx, const struct hub_intent_row *row) {
    char *ids = ctx;
    size_t len = strlen(ids);

    (void)snprintf(ids + len, 100 - len, "%s ", row->id);
}

static void assert_waiting(void **state, const char *wanted) {
    char ids[100] = "";
    struct cm_err err = {0};

    assert_int_equal(hub_intents_each(*state, note_id, ids, &err), CM_OK);
    assert_string_equal(ids, wanted);
}

static void what_was_asked_for_twice_is_there_once(void **state) {
    bool is_new = false;

    assert_int_equal(add(state, "a", false, 1, &is_new), CM_OK);
    assert_true(is_new);
    assert_int_equal(add(state, "b", false, 1, &is_new), CM_OK);
    assert_int_equal(add(state, "a", false, 1, &is_new), CM_OK);
    assert_false(is_new);
    assert_waiting(state, "a b ");
}

static void what_has_ended_does_not_wait_and_stays_one(void **state) {
    bool is_new = false;
    struct cm_err err = {0};

    assert_int_equal(add(state, "a", false, 1, &is_new), CM_OK);
    assert_int_equal(hub_intents_end(*state, "a", "done", "abc", "", 2, &err), CM_OK);
    assert_waiting(state, "");
    assert_int_equal(add(state, "a", false, 3, &is_new), CM_OK);
    assert_false(is_new);
    assert_waiting(state, "");
}

static void what_ended_long_ago_may_be_asked_for_again(void **state) {
    const int64_t week_ms = 7 * 24 * HOUR_MS;
    bool is_new = false;
    struct cm_err err = {0};

    assert_int_equal(add(state, "a", false, 1, &is_new), CM_OK);
    assert_int_equal(hub_intents_end(*state, "a", "failed", "", "no", 2, &err), CM_OK);
    assert_int_equal(add(state, "a", false, 2 + week_ms, &is_new), CM_OK);
    assert_false(is_new);
    assert_int_equal(add(state, "a", false, 3 + week_ms, &is_new), CM_OK);
    assert_true(is_new);
    assert_waiting(state, "a ");
}

static void the_hub_alone_writes_so_much_within_an_hour(void **state) {
    bool is_new = false;

    assert_int_equal(add(state, "a", true, HOUR_MS, &is_new), CM_OK);
    assert_int_equal(add(state, "b", true, HOUR_MS, &is_new), CM_OK);
    assert_int_equal(add(state, "c", true, HOUR_MS, &is_new), CM_OK);
    assert_int_equal(add(state, "d", true, HOUR_MS + 1, &is_new), CM_EBUSY);
    assert_int_equal(add(state, "c", true, HOUR_MS + 1, &is_new), CM_OK);  // known already
    assert_int_equal(add(state, "e", false, HOUR_MS + 1, &is_new), CM_OK); // a person
    assert_int_equal(add(state, "d", true, 3 * HOUR_MS, &is_new), CM_OK);
}

static void one_hold_counts_once_however_many_clusters_come(void **state) {
    static const char *const grown[] = {"a", "b", "c", "d", "e"};
    bool is_new = false;

    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(add_about(state, grown[i], "v2", true, 1, &is_new), CM_OK);
        assert_true(is_new);
    }
    assert_int_equal(add_about(state, "f", "v3", true, 2, &is_new), CM_OK);
    assert_int_equal(add_about(state, "g", "v4", true, 2, &is_new), CM_OK);
    assert_int_equal(add_about(state, "h", "v5", true, 2, &is_new), CM_EBUSY);
    assert_int_equal(add_about(state, "i", "v2", true, 2, &is_new), CM_OK);
}

// Somebody takes its file away each time.
static void a_hold_that_goes_round_in_circles_counts_each_time(void **state) {
    static const char again[] = "{\"again\":true}";
    bool is_new = false;

    assert_int_equal(add_about(state, "a", "v2", true, 1, &is_new), CM_OK);
    assert_int_equal(add_saying(state, "b", "v2", again, true, 1, &is_new), CM_OK);
    assert_int_equal(add_saying(state, "c", "v2", again, true, 1, &is_new), CM_OK);
    assert_int_equal(add_saying(state, "d", "v2", again, true, 1, &is_new), CM_EBUSY);
    assert_int_equal(add_about(state, "e", "v2", true, 1, &is_new), CM_OK); // it grows
}

static void put_waiting(struct hub_db *db, const char *cluster, const char *app,
                        const char *removal) {
    struct cm_err err;

    assert_int_equal(hub_db_run(db, &err,
                                "INSERT INTO pair (cluster, app, bundle, repo, revision,"
                                " generation, objects, suspend, stale, waits)"
                                " VALUES (?1, ?2, x'00', 'fleet', '', 1, 1, 0, 1, ?3)",
                                "ttt", cluster, app, removal),
                     CM_OK);
}

static void assert_refused(struct hub_db *db, const char *app, const char *words) {
    struct hub_located located = {0};
    struct cm_err err = {0};

    assert_true(hub_intents_find_removal(db, app, NULL, &located, &err) < 0);
    assert_string_equal(err.msg, words);
}

static void who_names_no_removal_is_told_which_wait(void **state) {
    assert_refused(*state, NULL, "no removal waits for a Confirmation");
    put_waiting(*state, "paris", "shop", "r1");
    put_waiting(*state, "rome", "shop", "r2");
    put_waiting(*state, "rome", "web", "r3");
    put_waiting(*state, "rome", "db", "");
    assert_refused(*state, NULL, "name the App, removals of these wait: shop, web");
    assert_refused(*state, "db",
                   "no removal of the App 'db' waits for a Confirmation; these have "
                   "one that does: shop, web");
    assert_refused(*state, "shop",
                   "several removals of the App 'shop' wait: name one of r1, r2, "
                   "which 'holdfast get problems' tells");
}

static void note_pull(void *ctx, const struct hub_pull_row *row) {
    char *all = ctx;
    size_t len = strlen(all);

    (void)snprintf(all + len, 200 - len, "%s#%lld %s %s\n", row->branch, (long long)row->number,
                   row->head, row->title);
}

static void a_pull_request_is_open_until_it_is_not(void **state) {
    struct hub_pull_row row = {.repository = "fleet",
                               .branch = "holdfast/ban/web",
                               .number = 7,
                               .app = "web",
                               .title = "one",
                               .url = "https://x/7",
                               .state = "open",
                               .head = "abc",
                               .content = "c",
                               .at_ms = 1};
    char all[200] = "";
    struct cm_err err;

    assert_int_equal(hub_pulls_put(*state, &row, &err), CM_OK);
    row.title = "two";
    row.head = "def";
    assert_int_equal(hub_pulls_put(*state, &row, &err), CM_OK);
    assert_int_equal(hub_pulls_each_open(*state, note_pull, all, &err), CM_OK);
    assert_string_equal(all, "holdfast/ban/web#7 def two\n");
    row.state = "merged";
    assert_int_equal(hub_pulls_put(*state, &row, &err), CM_OK);
    all[0] = '\0';
    assert_int_equal(hub_pulls_each_open(*state, note_pull, all, &err), CM_OK);
    assert_string_equal(all, "");
}

static void note_number(void *ctx, const struct hub_intent_row *row) {
    *(int64_t *)ctx = row->pull;
}

static void which_pull_request_it_is_in_is_kept(void **state) {
    bool is_new = false;
    int64_t pull = 0;
    struct cm_err err;

    assert_int_equal(add(state, "a", false, 1, &is_new), CM_OK);
    assert_int_equal(hub_intents_note(*state, "a", "it waits", 7, &err), CM_OK);
    assert_int_equal(hub_intents_each(*state, note_number, &pull, &err), CM_OK);
    assert_int_equal(pull, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_asked_for_twice_is_there_once, open_db, close_db),
        cmocka_unit_test_setup_teardown(what_has_ended_does_not_wait_and_stays_one, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(what_ended_long_ago_may_be_asked_for_again, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(a_pull_request_is_open_until_it_is_not, open_db, close_db),
        cmocka_unit_test_setup_teardown(which_pull_request_it_is_in_is_kept, open_db, close_db),
        cmocka_unit_test_setup_teardown(the_hub_alone_writes_so_much_within_an_hour, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(one_hold_counts_once_however_many_clusters_come, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(a_hold_that_goes_round_in_circles_counts_each_time, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(who_names_no_removal_is_told_which_wait, open_db, close_db),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
