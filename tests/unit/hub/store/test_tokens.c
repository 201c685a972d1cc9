#include "tests/unit/hub/store/memory_db.h"

#include <string.h>

#include "common/mem.h"
#include "hub/store/tokens.h"

// make adds a token and writes its text.
static struct hub_api_token make(struct hub_db *db, const char *name, enum hub_role role,
                                 int64_t expires_ms, char text[HUB_CREDENTIAL_TEXT_MAX]) {
    struct hub_credential c;
    struct hub_api_token token = {.role = role, .expires_ms = expires_ms};
    struct cm_err err;

    hub_credential_make(&c);
    hub_credential_text(&c, text);
    memcpy(token.id, c.id, sizeof(token.id));
    memcpy(token.name, name, strlen(name) + 1);
    token.secret = cm_sha256(c.secret, sizeof(c.secret));
    assert_int_equal(hub_api_tokens_add(db, &token, &err), CM_OK);
    return token;
}

static void a_token_reads_back_as_it_was_written(void **state) {
    char text[HUB_CREDENTIAL_TEXT_MAX];
    struct hub_credential made;
    struct hub_credential read;

    (void)state;
    hub_credential_make(&made);
    hub_credential_text(&made, text);
    assert_int_equal(strlen(text), HUB_CREDENTIAL_TEXT_MAX - 1);
    assert_true(hub_credential_parse(text, &read));
    assert_string_equal(read.id, made.id);
    assert_memory_equal(read.secret, made.secret, sizeof(made.secret));
}

static void what_is_no_token_is_not_read(void **state) {
    char text[HUB_CREDENTIAL_TEXT_MAX + 1] = "";
    struct hub_credential c;

    (void)state;
    assert_false(hub_credential_parse("", &c));
    assert_false(hub_credential_parse("hft_", &c));
    for (size_t i = 0; i < HUB_CREDENTIAL_TEXT_MAX - 1; i++) {
        hub_credential_make(&c);
        hub_credential_text(&c, text);
        text[i] = 'x';
        assert_false(hub_credential_parse(text, &c));
    }
    hub_credential_make(&c);
    hub_credential_text(&c, text);
    text[HUB_CREDENTIAL_TEXT_MAX - 1] = '0';
    assert_false(hub_credential_parse(text, &c));
}

static void who_shows_a_token_is_let_in_under_its_name_and_role(void **state) {
    char text[HUB_CREDENTIAL_TEXT_MAX];
    struct hub_api_token found;
    struct cm_err err;

    (void)make(*state, "grafana", HUB_ROLE_READ, 0, text);
    assert_int_equal(hub_api_tokens_check(*state, text, 1000, &found, &err), CM_OK);
    assert_string_equal(found.name, "grafana");
    assert_int_equal(found.role, HUB_ROLE_READ);
}

static void wrong_unknown_and_malformed_tokens_are_refused_in_the_same_words(void **state) {
    char text[HUB_CREDENTIAL_TEXT_MAX];
    struct hub_api_token found;
    struct cm_err wrong;
    struct cm_err unknown;
    struct cm_err malformed;

    (void)make(*state, "ann", HUB_ROLE_ADMIN, 0, text);
    text[HUB_CREDENTIAL_TEXT_MAX - 2] = text[HUB_CREDENTIAL_TEXT_MAX - 2] == '0' ? '1' : '0';
    assert_int_equal(hub_api_tokens_check(*state, text, 0, &found, &wrong), CM_EAUTH);
    text[4] = text[4] == '0' ? '1' : '0';
    assert_int_equal(hub_api_tokens_check(*state, text, 0, &found, &unknown), CM_EAUTH);
    assert_int_equal(hub_api_tokens_check(*state, "hft_x", 0, &found, &malformed), CM_EAUTH);
    assert_string_equal(wrong.msg, unknown.msg);
    assert_string_equal(wrong.msg, malformed.msg);
}

static void a_token_is_good_until_it_expires(void **state) {
    char text[HUB_CREDENTIAL_TEXT_MAX];
    struct hub_api_token found;
    struct cm_err err;

    (void)make(*state, "ann", HUB_ROLE_ADMIN, 5000, text);
    assert_int_equal(hub_api_tokens_check(*state, text, 4999, &found, &err), CM_OK);
    assert_int_equal(hub_api_tokens_check(*state, text, 5000, &found, &err), CM_EAUTH);
}

static void the_database_does_not_have_the_secret(void **state) {
    struct hub_token_order o = {.name = "ann", .role = HUB_ROLE_ADMIN, .made_by = "ann"};
    CM_CLEANUP(hub_credential_done) struct hub_credential c;
    struct hub_stmt *stmt = NULL;
    struct hub_api_token made;
    struct cm_err err;
    size_t size;

    assert_int_equal(hub_api_tokens_make(*state, &o, 7, &made, &c, &err), CM_OK);
    assert_int_equal(hub_db_query(*state, &stmt, &err, "SELECT secret FROM api_token", ""), CM_OK);
    assert_int_equal(hub_stmt_next(stmt, &err), CM_OK);
    const void *kept = hub_stmt_blob(stmt, 0, &size);
    assert_int_equal(size, sizeof(c.secret));
    assert_memory_not_equal(kept, c.secret, size);
    hub_stmt_end(stmt);
}

static void the_last_use_only_goes_forward(void **state) {
    char text[HUB_CREDENTIAL_TEXT_MAX];
    struct hub_api_token token = make(*state, "ann", HUB_ROLE_ADMIN, 0, text);
    struct cm_err err;

    assert_int_equal(hub_api_tokens_used(*state, token.id, 500, &err), CM_OK);
    assert_int_equal(hub_api_tokens_used(*state, token.id, 400, &err), CM_OK);
    assert_int_equal(hub_api_tokens_find(*state, token.id, &token, &err), CM_OK);
    assert_int_equal(token.used_ms, 500);
}

static void tokens_of_a_name_can_be_ended(void **state) {
    char text[HUB_CREDENTIAL_TEXT_MAX];
    char other[HUB_CREDENTIAL_TEXT_MAX];
    struct hub_api_token token = make(*state, "ann", HUB_ROLE_ADMIN, 0, text);
    int64_t admins = 0;
    struct cm_err err;

    (void)make(*state, "bob", HUB_ROLE_ADMIN, 0, other);
    assert_int_equal(hub_api_tokens_expire(*state, "ann", 1000, &err), CM_OK);
    assert_int_equal(hub_api_tokens_check(*state, text, 1000, &token, &err), CM_EAUTH);
    assert_int_equal(hub_api_tokens_check(*state, other, 1000, &token, &err), CM_OK);
    assert_int_equal(hub_api_tokens_admins(*state, 1000, &admins, &err), CM_OK);
    assert_int_equal(admins, 1);
}

static void an_id_is_taken_once(void **state) {
    char text[HUB_CREDENTIAL_TEXT_MAX];
    struct hub_api_token token = make(*state, "ann", HUB_ROLE_ADMIN, 0, text);
    struct cm_err err;

    assert_int_equal(hub_api_tokens_add(*state, &token, &err), CM_EEXISTS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_db, close_db)

// ---- Making and revoking

static enum cm_rc order(struct hub_db *db, const char *name, enum hub_role role, int64_t now_ms,
                        struct hub_api_token *out, struct cm_err *err) {
    struct hub_token_order o = {.name = name, .role = role, .life_ms = 100, .made_by = "ann"};
    struct hub_credential shown;

    return hub_api_tokens_make(db, &o, now_ms, out, &shown, err);
}

static void a_token_that_is_made_remembers_who_made_it_and_when(void **state) {
    struct hub_token_order o = {.name = "ci", .role = HUB_ROLE_READ, .made_by = "ann"};
    CM_CLEANUP(hub_credential_done) struct hub_credential shown;
    struct hub_api_token made;
    struct hub_api_token found;
    struct cm_err err;

    assert_int_equal(hub_api_tokens_make(*state, &o, 7, &made, &shown, &err), CM_OK);
    assert_int_equal(hub_api_tokens_find(*state, made.id, &found, &err), CM_OK);
    assert_string_equal(found.made_by, "ann");
    assert_int_equal(found.made_ms, 7);
    assert_int_equal(found.expires_ms, 0);
    assert_true(hub_credential_opens(&shown, &found));
}

static void a_name_is_free_again_once_its_token_is_not_good(void **state) {
    struct hub_api_token made;
    struct cm_err err;

    assert_int_equal(order(*state, "ci", HUB_ROLE_READ, 7, &made, &err), CM_OK);
    assert_int_equal(order(*state, "ci", HUB_ROLE_READ, 50, &made, &err), CM_EEXISTS);
    assert_int_equal(order(*state, "ci", HUB_ROLE_READ, 107, &made, &err), CM_OK);
}

static void names_that_would_mislead_are_refused(void **state) {
    static const char *const wrong[] = {"", "-a", "a b", "a\nb", "\xc3\xa9", ".", "a/b"};
    struct hub_api_token made;
    struct cm_err err;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(order(*state, wrong[i], HUB_ROLE_READ, 7, &made, &err), CM_EINVAL);
    }
    assert_true(hub_token_name_ok("ci-2_x.y@example.org"));
}

static void a_token_is_revoked_by_id_before_name(void **state) {
    struct hub_api_token first;
    struct hub_api_token second;
    struct hub_api_token gone;
    struct cm_err err;

    assert_int_equal(order(*state, "a", HUB_ROLE_READ, 7, &first, &err), CM_OK);
    assert_int_equal(order(*state, first.id, HUB_ROLE_READ, 7, &second, &err), CM_EEXISTS);
    assert_int_equal(hub_api_tokens_revoke(*state, first.id, 8, &gone, &err), CM_OK);
    assert_string_equal(gone.name, "a");
    assert_int_equal(hub_api_tokens_revoke(*state, "a", 8, &gone, &err), CM_ENOTFOUND);
}

static void the_last_administrator_cannot_be_revoked(void **state) {
    struct hub_api_token made;
    struct cm_err err;

    assert_int_equal(order(*state, "a", HUB_ROLE_ADMIN, 7, &made, &err), CM_OK);
    assert_int_equal(hub_api_tokens_revoke(*state, "a", 8, &made, &err), CM_EEXISTS);
    assert_int_equal(order(*state, "b", HUB_ROLE_ADMIN, 7, &made, &err), CM_OK);
    assert_int_equal(hub_api_tokens_revoke(*state, "a", 8, &made, &err), CM_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_reads_back_as_it_was_written),
        cmocka_unit_test(what_is_no_token_is_not_read),
        TEST(who_shows_a_token_is_let_in_under_its_name_and_role),
        TEST(wrong_unknown_and_malformed_tokens_are_refused_in_the_same_words),
        TEST(a_token_is_good_until_it_expires),
        TEST(the_database_does_not_have_the_secret),
        TEST(the_last_use_only_goes_forward),
        TEST(tokens_of_a_name_can_be_ended),
        TEST(an_id_is_taken_once),
        TEST(a_token_that_is_made_remembers_who_made_it_and_when),
        TEST(a_name_is_free_again_once_its_token_is_not_good),
        TEST(names_that_would_mislead_are_refused),
        TEST(a_token_is_revoked_by_id_before_name),
        TEST(the_last_administrator_cannot_be_revoked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
