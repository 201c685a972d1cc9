// Who enrolls, and in which order his request is looked at.
#include "hub/jobs/identity.h"

#include "desk.h"

#include <string.h>

static void on_done(void *ctx, const struct cm_err *err, const struct hub_enrolled *enrolled) {
    assert_null(enrolled);
    *(struct cm_err *)ctx = *err;
}

static enum cm_rc ask(struct desk *d, const char *token) {
    static const uint8_t junk[] = "no certificate signing request";
    struct hub_enroll_ask ask = {.csr = junk, .csr_size = sizeof(junk)};
    struct cm_err err = {.code = CM_OK};

    memcpy(ask.token_id, token, strlen(token) + 1);
    hub_identity_enroll(d->store, NULL, &ask, on_done, &err);
    desk_settle(d);
    return err.code;
}

// Its signature takes longer to check than all else, and strangers may send as many as they like.
static void who_has_no_token_has_no_request_checked(void **state) {
    assert_int_equal(ask(*state, "unknown"), CM_EAUTH);
}

static void who_has_a_used_token_and_no_proof_has_none_checked_either(void **state) {
    struct desk *d = *state;

    desk_run(d, "INSERT INTO join_token (id, cluster, secret, expires_ms, used_ms, made_by) VALUES"
                " ('used', 'paris-1', zeroblob(32), 9000000000000000, 7, '')");
    desk_run(d, "INSERT INTO agent (id, cluster, state, key_sha256, enrolled_ms) VALUES"
                " ('id-1', 'paris-1', 'active', zeroblob(32), 7)");
    assert_int_equal(ask(d, "used"), CM_EAUTH);
    assert_int_equal(desk_count(d, "SELECT failures FROM join_token"), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_has_no_token_has_no_request_checked, desk_open,
                                        desk_close),
        cmocka_unit_test_setup_teardown(who_has_a_used_token_and_no_proof_has_none_checked_either,
                                        desk_open, desk_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
