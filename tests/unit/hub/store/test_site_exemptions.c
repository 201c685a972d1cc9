#include "tests/unit/hub/store/memory_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/store/desired.h"
#include "hub/store/intents.h"
#include "hub/store/site_exemptions.h"

#define NOW_MS ((int64_t)1790856000000)
#define HOUR_MS ((int64_t)60 * 60 * 1000)

static const char id[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static struct hub_site_exemption allowed(const char *cluster) {
    struct hub_site_exemption e = {.cluster = cluster,
                                   .name = "site-x-inc-1",
                                   .said = "inc-1",
                                   .app = "shop",
                                   .object = "ConfigMap/shop/a",
                                   .field = "data.x",
                                   .reason = "INC-1",
                                   .actor = "ada",
                                   .manager = "kubectl",
                                   .message = "",
                                   .until_ms = NOW_MS + HOUR_MS,
                                   .began_ms = NOW_MS - HOUR_MS};

    memcpy(e.id, id, sizeof(id));
    return e;
}

static void put(struct hub_db *db, const struct hub_site_exemption *e, int64_t now_ms) {
    struct cm_err err = {0};

    if (hub_site_exemptions_put(db, e, now_ms, &err) < 0 ||
        hub_site_exemptions_end(db, e->cluster, now_ms, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

static int64_t number(struct hub_db *db, const char *sql) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_err err = {0};

    if (hub_db_query_texts(db, &stmt, &err, sql, NULL, 0) < 0 || hub_stmt_next(stmt, &err) < 0) {
        fail_msg("%s: %s", sql, err.msg);
    }
    return hub_stmt_int(stmt, 0);
}

static void count_one(void *ctx, const struct hub_site_exemption *e) {
    (void)e;
    *(size_t *)ctx += 1;
}

static size_t count_new(struct hub_db *db) {
    struct cm_err err;
    size_t count = 0;

    assert_int_equal(
        hub_site_exemptions_each_new(db, "[\"fleet\"]", NOW_MS, count_one, &count, &err), CM_OK);
    return count;
}

static void count_file(void *ctx, const struct hub_site_exemption_file *e) {
    assert_string_equal(e->path, "exemptions/x.yaml");
    *(size_t *)ctx += 1;
}

static size_t count_gone(struct hub_db *db) {
    struct cm_err err;
    size_t count = 0;

    assert_int_equal(hub_site_exemptions_each_gone(db, NOW_MS, count_file, &count, &err), CM_OK);
    return count;
}

static void put_into_git(struct hub_db *db, const char *clusters) {
    const struct hub_exemption_row row = {.name = "site-x-inc-1",
                                          .app = "shop",
                                          .repo = "fleet",
                                          .path = "exemptions/x.yaml",
                                          .clusters = clusters,
                                          .object = "ConfigMap/shop/a",
                                          .field = "data.x",
                                          .reason = "INC-1",
                                          .actor = "ada",
                                          .site = id,
                                          .until_ms = NOW_MS + HOUR_MS};
    struct cm_err err;

    assert_int_equal(hub_documents_put_exemption(db, &row, &err), CM_OK);
}

static bool is_over(struct hub_db *db, const char *cluster) {
    struct cm_err err;
    bool over = false;

    assert_int_equal(hub_site_exemptions_over(db, cluster, id, true, &over, &err), CM_OK);
    return over;
}

static void what_is_told_twice_is_one(void **state) {
    struct hub_site_exemption e = allowed("c01");

    put(*state, &e, NOW_MS);
    put(*state, &e, NOW_MS + 1);
    assert_int_equal(number(*state, "SELECT count(*) FROM site_exemption"), 1);
    assert_int_equal(number(*state, "SELECT count(*) FROM event WHERE kind = 'site.exempted' AND"
                                    " cluster = 'c01' AND app = 'shop' AND actor = 'ada'"),
                     1);
    assert_int_equal(number(*state, "SELECT happened_ms FROM event"), e.began_ms);
    e.ended_ms = NOW_MS;
    e.message = "its time is over";
    put(*state, &e, NOW_MS + 2);
    put(*state, &e, NOW_MS + 3);
    assert_int_equal(number(*state, "SELECT count(*) FROM event WHERE kind = 'site.ended'"), 1);
}

static void git_shall_have_it_until_that_is_asked_for_or_it_has_it(void **state) {
    struct hub_site_exemption e = allowed("c01");
    struct cm_err err;

    put(*state, &e, NOW_MS);
    assert_int_equal(count_new(*state), 1);
    assert_int_equal(hub_site_exemptions_asked(*state, "c01", id, NOW_MS, &err), CM_OK);
    assert_int_equal(count_new(*state), 0);
    assert_int_equal(number(*state, "SELECT git FROM exemption_any"), 0);
    put_into_git(*state, "[\"c01\"]");
    assert_int_equal(number(*state, "SELECT count(*) FROM exemption_any"), 1);
    assert_int_equal(number(*state, "SELECT git FROM exemption_any"), 1);
    assert_false(is_over(*state, "c01"));
}

static void what_git_has_no_more_is_over_and_never_comes_back(void **state) {
    struct hub_site_exemption e = allowed("c01");
    struct cm_err err;

    put(*state, &e, NOW_MS);
    put_into_git(*state, "[\"c01\"]");
    put_into_git(*state, "[\"c01\"]");
    assert_false(is_over(*state, "c01"));
    assert_int_equal(hub_documents_remove_exemption(*state, "site-x-inc-1", &err), CM_OK);
    put(*state, &e, NOW_MS + 1);
    assert_true(is_over(*state, "c01"));
    assert_int_equal(count_new(*state), 0);
}

static void a_hub_that_forgot_it_believes_that_git_had_it(void **state) {
    struct hub_site_exemption e = allowed("c01");

    struct cm_err err;
    bool over = true;

    e.given = true;
    put(*state, &e, NOW_MS);
    assert_true(is_over(*state, "c01"));
    assert_int_equal(count_new(*state), 0);
    assert_int_equal(hub_site_exemptions_over(*state, "c01", id, false, &over, &err), CM_OK);
    assert_false(over); // not before it knows what Git has
    put_into_git(*state, "[\"c01\"]");
    assert_false(is_over(*state, "c01"));
    e.ended_ms = NOW_MS; // its object went
    put(*state, &e, NOW_MS + 1);
    assert_int_equal(count_gone(*state), 1);
}

static void write_anew(struct hub_db *db, const char *clusters) {
    struct cm_err err;

    assert_int_equal(hub_documents_begin(db, &err), CM_OK);
    if (clusters != NULL) {
        put_into_git(db, clusters);
    }
    assert_int_equal(hub_documents_end(db, &err), CM_OK);
}

static void a_hub_that_starts_anew_takes_out_of_git_what_it_wrote(void **state) {
    struct hub_site_exemption e = allowed("c01");

    put(*state, &e, NOW_MS);
    put_into_git(*state, "[\"c01\"]");
    write_anew(*state, "[\"c01\"]");
    write_anew(*state, "[\"c01\"]");
    assert_false(is_over(*state, "c01"));
    e.ended_ms = NOW_MS;
    put(*state, &e, NOW_MS + 1);
    assert_int_equal(count_gone(*state), 1);
}

static void what_left_git_while_the_hub_was_away_is_over(void **state) {
    struct hub_site_exemption e = allowed("c01");

    put(*state, &e, NOW_MS);
    put_into_git(*state, "[\"c01\"]");
    write_anew(*state, NULL);
    assert_true(is_over(*state, "c01"));
    put_into_git(*state, "[\"c01\"]");
    e.ended_ms = NOW_MS;
    put(*state, &e, NOW_MS + 1);
    write_anew(*state, "[\"c01\"]");
    assert_int_equal(count_gone(*state), 0); // people put it back
}

static void what_people_put_back_into_git_is_theirs(void **state) {
    struct hub_site_exemption e = allowed("c01");
    struct cm_err err;

    put(*state, &e, NOW_MS);
    put_into_git(*state, "[\"c01\"]");
    assert_int_equal(hub_documents_remove_exemption(*state, "site-x-inc-1", &err), CM_OK);
    assert_true(is_over(*state, "c01"));
    e.ended_ms = NOW_MS; // for Git does not have it
    put(*state, &e, NOW_MS + 1);
    put_into_git(*state, "[\"c01\"]");
    assert_int_equal(count_gone(*state), 0);
    put_into_git(*state, "[\"c01\"]");
    assert_int_equal(count_gone(*state), 0);
    assert_int_equal(number(*state, "SELECT git FROM exemption_any"), 1);
    assert_int_equal(hub_documents_remove_exemption(*state, "site-x-inc-1", &err), CM_OK);
    assert_true(is_over(*state, "c01"));
}

static void what_ended_before_a_restored_hub_knew_its_document_is_not_taken_out(void **state) {
    struct hub_site_exemption e = allowed("c01");

    e.given = true;
    put(*state, &e, NOW_MS);
    e.ended_ms = NOW_MS;
    put(*state, &e, NOW_MS + 1);
    put_into_git(*state, "[\"c01\"]");
    assert_int_equal(count_gone(*state), 0);
}

static void put_app(struct hub_db *db, const char *app, const char *repo) {
    struct cm_err err;

    assert_int_equal(
        hub_db_run(
            db, &err,
            "INSERT INTO app (name, repo, path, namespace, drift, prune, suspend, depends_on)"
            " VALUES (?1, ?2, '', '', '', 0, 0, '')",
            "tt", app, repo),
        CM_OK);
}

static void what_may_not_be_written_keeps_nothing_out_that_may(void **state) {
    char cluster[8];
    struct cm_err err;

    put_app(*state, "shop", "fleet");
    put_app(*state, "mail", "read-only");
    for (int i = 0; i < 150; i++) {
        (void)snprintf(cluster, sizeof(cluster), "c%03d", i);
        struct hub_site_exemption e = allowed(cluster);

        e.app = "mail";
        e.began_ms -= HOUR_MS;
        assert_int_equal(hub_site_exemptions_put(*state, &e, NOW_MS, &err), CM_OK);
    }
    struct hub_site_exemption e = allowed("z");
    assert_int_equal(hub_site_exemptions_put(*state, &e, NOW_MS, &err), CM_OK);
    assert_int_equal(count_new(*state), 1);
}

static void of_what_cannot_be_a_document_it_is_tried_again_later(void **state) {
    struct hub_site_exemption e = allowed("c01");
    struct cm_err err;

    put(*state, &e, NOW_MS);
    assert_int_equal(hub_site_exemptions_failed(*state, "c01", id, NOW_MS - HOUR_MS / 60, &err),
                     CM_OK);
    assert_int_equal(count_new(*state), 0);
    assert_int_equal(hub_site_exemptions_failed(*state, "c01", id, NOW_MS - HOUR_MS / 4, &err),
                     CM_OK);
    assert_int_equal(count_new(*state), 1);
    assert_int_equal(hub_site_exemptions_asked(*state, "c01", id, NOW_MS, &err), CM_OK);
    assert_int_equal(count_new(*state), 0);
}

static void an_agents_word_is_for_its_own_cluster(void **state) {
    struct hub_site_exemption mine = allowed("c01");
    struct hub_site_exemption other = allowed("c02");

    put(*state, &mine, NOW_MS);
    put(*state, &other, NOW_MS);
    put_into_git(*state, "[\"c01\"]");
    assert_int_equal(number(*state, "SELECT git FROM site_exemption WHERE cluster = 'c02'"), 0);
    other.ended_ms = NOW_MS;
    put(*state, &other, NOW_MS + 1);
    assert_int_equal(count_gone(*state), 0);
    assert_int_equal(number(*state, "SELECT ended_ms FROM site_exemption WHERE cluster = 'c01'"),
                     0);
}

static void what_ended_at_the_site_goes_from_git_unless_others_have_it_too(void **state) {
    struct hub_site_exemption e = allowed("c01");

    put(*state, &e, NOW_MS);
    put_into_git(*state, "[\"c01\"]");
    assert_int_equal(count_gone(*state), 0);
    e.ended_ms = NOW_MS;
    put(*state, &e, NOW_MS + 1);
    assert_int_equal(count_gone(*state), 1);
    put_into_git(*state, "[\"c01\",\"c02\"]");
    assert_int_equal(count_gone(*state), 0);
}

static void what_its_agent_knows_no_more_has_ended(void **state) {
    struct hub_site_exemption e = allowed("c01");
    struct cm_err err;

    put(*state, &e, NOW_MS);
    assert_int_equal(hub_site_exemptions_end(*state, "c01", NOW_MS + 1, &err), CM_OK);
    assert_int_equal(number(*state, "SELECT ended_ms FROM site_exemption"), NOW_MS + 1);
    assert_int_equal(number(*state, "SELECT count(*) FROM event WHERE kind = 'site.ended'"), 1);
}

static void one_whose_agent_does_not_come_back_ends_a_day_after_its_time(void **state) {
    struct hub_site_exemption e = allowed("c01");
    struct cm_err err;

    put(*state, &e, NOW_MS);
    assert_int_equal(hub_site_exemptions_expire(*state, e.until_ms + 23 * HOUR_MS, &err), CM_OK);
    assert_int_equal(number(*state, "SELECT count(*) FROM exemption_any"), 1);
    assert_int_equal(hub_site_exemptions_expire(*state, e.until_ms + 25 * HOUR_MS, &err), CM_OK);
    assert_int_equal(number(*state, "SELECT count(*) FROM exemption_any"), 0);
    assert_int_equal(number(*state, "SELECT ended_ms FROM site_exemption"), e.until_ms);
    assert_int_equal(number(*state, "SELECT happened_ms FROM event WHERE kind = 'site.ended'"),
                     e.until_ms);
}

static void a_site_fills_git_with_no_more_than_so_many_a_day(void **state) {
    struct cm_err err;

    for (int i = 0; i <= HUB_SITE_EXEMPTIONS_DAY; i++) {
        struct hub_site_exemption e = allowed("c01");

        e.id[0] = (char)('a' + i);
        assert_int_equal(hub_site_exemptions_put(*state, &e, NOW_MS, &err), CM_OK);
        if (i < HUB_SITE_EXEMPTIONS_DAY) {
            assert_int_equal(hub_site_exemptions_asked(*state, "c01", e.id, NOW_MS, &err), CM_OK);
        }
    }
    assert_int_equal(count_new(*state), 0);
    assert_int_equal(number(*state, "SELECT count(*) FROM exemption_any"),
                     HUB_SITE_EXEMPTIONS_DAY + 1); // it is in force all the same
}

static void those_of_one_look_count_as_well(void **state) {
    struct cm_err err;

    for (int i = 0; i < 15; i++) {
        struct hub_site_exemption e = allowed("c01");

        e.id[0] = (char)('a' + i);
        assert_int_equal(hub_site_exemptions_put(*state, &e, NOW_MS, &err), CM_OK);
        assert_int_equal(hub_site_exemptions_asked(*state, "c01", e.id, NOW_MS, &err), CM_OK);
        e.id[1] = 'b';
        assert_int_equal(hub_site_exemptions_put(*state, &e, NOW_MS, &err), CM_OK);
    }
    struct hub_site_exemption other = allowed("c02");
    assert_int_equal(hub_site_exemptions_put(*state, &other, NOW_MS, &err), CM_OK);
    assert_int_equal(count_new(*state), HUB_SITE_EXEMPTIONS_DAY - 15 + 1);
}

static void what_is_not_in_git_yet_cannot_be_taken_out_of_it(void **state) {
    CM_CLEANUP(hub_located_done) struct hub_located located = {0};
    struct hub_site_exemption e = allowed("c01");
    struct cm_err err;

    put(*state, &e, NOW_MS);
    assert_int_equal(hub_intents_find_exemption(*state, e.name, &located, &err), CM_EINVAL);
    assert_string_equal(err.msg,
                        "the Exemption 'site-x-inc-1' is not in Git yet: delete the object "
                        "'inc-1' on cluster 'c01', or wait until Git has it");
    assert_int_equal(hub_intents_find_exemption(*state, "none", &located, &err), CM_ENOTFOUND);
    put_into_git(*state, "[\"c01\"]");
    assert_int_equal(hub_intents_find_exemption(*state, e.name, &located, &err), CM_OK);
    assert_string_equal(located.path, "exemptions/x.yaml");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_db, close_db)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_told_twice_is_one),
        TEST(git_shall_have_it_until_that_is_asked_for_or_it_has_it),
        TEST(what_git_has_no_more_is_over_and_never_comes_back),
        TEST(a_hub_that_forgot_it_believes_that_git_had_it),
        TEST(an_agents_word_is_for_its_own_cluster),
        TEST(what_ended_at_the_site_goes_from_git_unless_others_have_it_too),
        TEST(what_its_agent_knows_no_more_has_ended),
        TEST(what_is_not_in_git_yet_cannot_be_taken_out_of_it),
        TEST(one_whose_agent_does_not_come_back_ends_a_day_after_its_time),
        TEST(a_hub_that_starts_anew_takes_out_of_git_what_it_wrote),
        TEST(what_left_git_while_the_hub_was_away_is_over),
        TEST(what_people_put_back_into_git_is_theirs),
        TEST(what_ended_before_a_restored_hub_knew_its_document_is_not_taken_out),
        TEST(what_may_not_be_written_keeps_nothing_out_that_may),
        TEST(of_what_cannot_be_a_document_it_is_tried_again_later),
        TEST(those_of_one_look_count_as_well),
        TEST(a_site_fills_git_with_no_more_than_so_many_a_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
