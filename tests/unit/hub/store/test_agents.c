#include "tests/unit/hub/store/memory_db.h"

#include <string.h>

#include "common/str.h"
#include "hub/store/agents.h"
#include "hub/store/status.h"

#define NOW 1000000

static struct hub_join_token token_for(const char *id, const char *cluster) {
    return (struct hub_join_token){.id = id,
                                   .cluster = cluster,
                                   .secret = cm_sha256(id, strlen(id)),
                                   .expires_ms = NOW + 1000,
                                   .made_by = "test"};
}

static void add_token(struct hub_db *db, const char *id, const char *cluster) {
    struct hub_join_token token = token_for(id, cluster);
    struct cm_err err;

    assert_int_equal(hub_join_tokens_add(db, &token, false, &err), CM_OK);
}

static void enroll(struct hub_db *db, const char *id, const char *cluster) {
    struct hub_agent_row row = {.id = id, .cluster = cluster, .key = cm_sha256(id, strlen(id))};
    struct cm_err err;

    assert_int_equal(hub_agents_enroll(db, &row, NOW, &err), CM_OK);
}

static void a_token_works_once(void **state) {
    struct hub_join_claim claim;
    struct cm_err err;

    add_token(*state, "t1", "paris-1");
    assert_int_equal(hub_join_tokens_find(*state, "t1", NOW, &claim, &err), CM_OK);
    assert_string_equal(claim.cluster, "paris-1");
    assert_int_equal(hub_join_tokens_use(*state, "t1", NOW, &err), CM_OK);
    assert_int_equal(hub_join_tokens_use(*state, "t1", NOW, &err), CM_EAUTH);
    assert_int_equal(hub_join_tokens_find(*state, "t1", NOW, &claim, &err), CM_EAUTH);
}

static void an_expired_token_does_not_work(void **state) {
    struct hub_join_claim claim;
    struct cm_err err;

    add_token(*state, "t1", "paris-1");
    assert_int_equal(hub_join_tokens_find(*state, "t1", NOW + 1000, &claim, &err), CM_EAUTH);
    assert_int_equal(hub_join_tokens_use(*state, "t1", NOW + 1000, &err), CM_EAUTH);
}

static void a_token_is_void_after_five_wrong_proofs(void **state) {
    struct hub_join_claim claim;
    struct cm_err err;

    add_token(*state, "t1", "paris-1");
    for (int i = 0; i < HUB_TOKEN_FAILURES_MAX; i++) {
        assert_int_equal(hub_join_tokens_find(*state, "t1", NOW, &claim, &err), CM_OK);
        assert_int_equal(hub_join_tokens_fail(*state, "t1", &err), CM_OK);
    }
    assert_int_equal(hub_join_tokens_find(*state, "t1", NOW, &claim, &err), CM_EAUTH);
}

static void a_new_token_voids_the_one_that_was_not_used(void **state) {
    struct hub_join_claim claim;
    struct cm_err err;

    add_token(*state, "t1", "paris-1");
    add_token(*state, "t2", "paris-1");
    assert_int_equal(hub_join_tokens_find(*state, "t1", NOW, &claim, &err), CM_EAUTH);
    assert_int_equal(hub_join_tokens_find(*state, "t2", NOW, &claim, &err), CM_OK);
}

static void an_enrolled_cluster_gets_a_token_only_if_it_is_built_anew(void **state) {
    struct hub_join_token token = token_for("t1", "paris-1");
    struct cm_err err;

    enroll(*state, "id-1", "paris-1");
    assert_int_equal(hub_join_tokens_add(*state, &token, false, &err), CM_EEXISTS);
    assert_string_equal(err.msg, "cluster 'paris-1' is enrolled already; if it was built anew, say "
                                 "--again");
    assert_int_equal(hub_join_tokens_add(*state, &token, true, &err), CM_OK);
}

static void remember_id(void *ctx, const struct hub_agent_row *row) {
    struct cm_str *ids = ctx;

    cm_str_addf(ids, "%s ", row->id);
}

static void a_cluster_has_one_active_agent(void **state) {
    struct cm_str ids = {0};
    struct cm_err err;

    enroll(*state, "id-1", "paris-1");
    enroll(*state, "id-2", "oslo-1");
    enroll(*state, "id-3", "paris-1");
    assert_int_equal(hub_agents_each(*state, remember_id, &ids, &err), CM_OK);
    assert_string_equal(cm_str_get(&ids), "id-2 id-3 ");
    cm_str_done(&ids);
}

static void a_revoked_agent_is_active_no_more(void **state) {
    struct cm_str ids = {0};
    char id[CM_UUID_MAX];
    struct cm_err err;

    enroll(*state, "id-1", "paris-1");
    assert_int_equal(hub_agents_revoke(*state, "paris-1", id, &err), CM_OK);
    assert_string_equal(id, "id-1");
    assert_int_equal(hub_agents_each(*state, remember_id, &ids, &err), CM_OK);
    assert_string_equal(cm_str_get(&ids), "");
    cm_str_done(&ids);
    assert_int_equal(hub_agents_revoke(*state, "paris-1", id, &err), CM_ENOTFOUND);
}

static void to_revoke_a_cluster_voids_the_token_that_nobody_used(void **state) {
    struct hub_join_claim claim;
    char id[CM_UUID_MAX] = "?";
    struct cm_err err;

    add_token(*state, "t1", "paris-1");
    assert_int_equal(hub_agents_revoke(*state, "paris-1", id, &err), CM_OK);
    assert_string_equal(id, "");
    assert_int_equal(hub_join_tokens_find(*state, "t1", NOW, &claim, &err), CM_EAUTH);
    assert_int_equal(hub_agents_revoke(*state, "paris-1", id, &err), CM_ENOTFOUND);
    assert_string_equal(err.msg, "no agent is enrolled for cluster 'paris-1', and no join token "
                                 "waits for one");
}

static void an_id_is_never_used_twice(void **state) {
    struct hub_agent_row row = {.id = "id-1", .cluster = "oslo-1"};
    struct cm_err err;

    enroll(*state, "id-1", "paris-1");
    assert_int_equal(hub_agents_enroll(*state, &row, NOW, &err), CM_EEXISTS);
}

// ---- Certificates of before

// hold gives an agent a certificate, the last one that it was seen with ends at seen_ms; 0: it was
// not seen.
static void hold(struct hub_db *db, const char *name, int64_t begins_ms, int64_t seen_ms) {
    struct hub_agent_row row = {.id = name, .cluster = name, .begins_ms = begins_ms};
    const struct hub_presence_row presence = {.cluster = name,
                                              .connected = name[0] != 'x',
                                              .version = "",
                                              .driver = "",
                                              .target = "",
                                              .address = "",
                                              .cert_ends_ms = seen_ms};
    struct cm_err err;

    row.ends_ms = begins_ms + 1000;
    assert_int_equal(hub_agents_enroll(db, &row, NOW, &err), CM_OK);
    if (seen_ms > 0) {
        assert_int_equal(hub_presence_put(db, &presence, &err), CM_OK);
    }
}

static void assert_before(struct hub_db *db, uint64_t count, int64_t renewed_ms) {
    uint64_t before = 0;
    int64_t at_ms = -1;
    struct cm_err err;

    assert_int_equal(hub_agents_count_before(db, 5000, 300, &before, &at_ms, &err), CM_OK);
    assert_int_equal(before, count);
    assert_int_equal(at_ms, renewed_ms);
}

static void certificates_of_before_are_counted_until_they_are_renewed(void **state) {
    assert_before(*state, 0, 0);
    hold(*state, "new", 6000, 7000);
    hold(*state, "enrolled", 6000, 0);
    assert_before(*state, 0, 0);
    hold(*state, "old", 3000, 4000);
    hold(*state, "older", 2000, 3000);
    assert_before(*state, 2, 3600);
    hold(*state, "x-away", 4000, 5000); // nobody knows when it comes
    assert_before(*state, 3, 3600);
}

// Which of the two it is, whole seconds do not tell.
static void a_certificate_of_the_same_second_counts_as_one_of_before(void **state) {
    hold(*state, "same", 5000, 6000);
    assert_before(*state, 1, 5600);
}

// Its answer may have been lost.
static void a_certificate_counts_once_its_agent_was_seen_with_it(void **state) {
    struct cm_err err;

    hold(*state, "asks", 6000, 4000);
    assert_before(*state, 1, 0);
    assert_int_equal(hub_presence_set_certificate(*state, "asks", 7000, &err), CM_OK);
    assert_before(*state, 0, 0);
}

// What it has then may be a key of long before, which the person chose.
static void whom_a_person_let_go_on_counts_until_it_is_certified_anew(void **state) {
    struct cm_err err;

    hold(*state, "chosen", 6000, 7000);
    assert_int_equal(hub_db_run(*state, &err, "UPDATE agent SET approved_ms = 6301", ""), CM_OK);
    assert_before(*state, 1, 0);
    assert_int_equal(hub_db_run(*state, &err, "UPDATE agent SET begins_ms = 6001", ""), CM_OK);
    assert_before(*state, 0, 0);
}

static void names_are_dns_labels(void **state) {
    (void)state;
    assert_true(hub_cluster_name_ok("a"));
    assert_true(hub_cluster_name_ok("eu-west-01"));
    assert_false(hub_cluster_name_ok(""));
    assert_false(hub_cluster_name_ok("-a"));
    assert_false(hub_cluster_name_ok("a-"));
    assert_false(hub_cluster_name_ok("A"));
    assert_false(hub_cluster_name_ok("a/b"));
    assert_false(
        hub_cluster_name_ok("a23456789-123456789-123456789-123456789-123456789-123456789-1234"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_token_works_once, open_db, close_db),
        cmocka_unit_test_setup_teardown(an_expired_token_does_not_work, open_db, close_db),
        cmocka_unit_test_setup_teardown(a_token_is_void_after_five_wrong_proofs, open_db, close_db),
        cmocka_unit_test_setup_teardown(a_new_token_voids_the_one_that_was_not_used, open_db,
                                        close_db),
        cmocka_unit_test_setup_teardown(an_enrolled_cluster_gets_a_token_only_if_it_is_built_anew,
                                        open_db, close_db),
        cmocka_unit_test_setup_teardown(a_cluster_has_one_active_agent, open_db, close_db),
        cmocka_unit_test_setup_teardown(a_revoked_agent_is_active_no_more, open_db, close_db),
        cmocka_unit_test_setup_teardown(to_revoke_a_cluster_voids_the_token_that_nobody_used,
                                        open_db, close_db),
        cmocka_unit_test_setup_teardown(an_id_is_never_used_twice, open_db, close_db),
        cmocka_unit_test_setup_teardown(certificates_of_before_are_counted_until_they_are_renewed,
                                        open_db, close_db),
        cmocka_unit_test_setup_teardown(whom_a_person_let_go_on_counts_until_it_is_certified_anew,
                                        open_db, close_db),
        cmocka_unit_test_setup_teardown(a_certificate_of_the_same_second_counts_as_one_of_before,
                                        open_db, close_db),
        cmocka_unit_test_setup_teardown(a_certificate_counts_once_its_agent_was_seen_with_it,
                                        open_db, close_db),
        cmocka_unit_test(names_are_dns_labels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
