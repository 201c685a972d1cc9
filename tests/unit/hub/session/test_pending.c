// An agent that enrolled, and is let in once a person has accepted its key.
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "hub/access/keys.h"
#include "hub/jobs/renewal.h"
#include "hub/session/internal.h"
#include "hub/store/agents.h"
#include "proto/wire.h"
#include "tests/unit/hub/session/rig.h"

#define PARIS "0b7c3f60-8c0e-4c3a-9d10-5d3b8e1c2f4d"
#define MINUTE_MS INT64_C(60000)
#define DAY_MS INT64_C(86400000)

// ---- Enrolling with a token

struct enrolment {
    struct rig *rig;
    struct wire_token token;
    struct cm_key *key;
    struct cm_err err;
    char id[CM_UUID_MAX];
    bool done;
};

static void on_token(void *ctx, const struct cm_err *err, const char *token, const char *warning) {
    struct enrolment *e = ctx;
    struct cm_err ignored;

    (void)warning;
    e->err = *err;
    e->done = true;
    if (err->code == CM_OK) {
        assert_int_equal(wire_token_parse(token, &e->token, &ignored), CM_OK);
    }
}

static enum cm_rc make_token(struct enrolment *e, bool needs_approval, bool again) {
    const struct hub_token_ask ask = {.cluster = "paris-1",
                                      .life_ms = MINUTE_MS,
                                      .again = again,
                                      .needs_approval = needs_approval,
                                      .made_by = "anna"};

    e->done = false;
    hub_identity_make_token(e->rig->store, e->rig->authority, &ask, on_token, e);
    RIG_UNTIL(e->rig, e->done);
    return e->err.code;
}

static void on_enrolled(void *ctx, const struct cm_err *err, const struct hub_enrolled *enrolled) {
    struct enrolment *e = ctx;

    e->err = *err;
    e->done = true;
    if (enrolled != NULL) {
        (void)snprintf(e->id, sizeof(e->id), "%s", enrolled->cluster_id);
        hub_sessions_enrolled(e->rig->sessions, enrolled);
    }
}

// enroll uses the token; the hub may want a person, whatever that says.
static enum cm_rc enroll(struct enrolment *e, bool hub_wants_one) {
    struct cm_sha256 secret = cm_sha256(e->token.secret, sizeof(e->token.secret));
    CM_AUTOFREE uint8_t *csr = NULL;
    struct hub_enroll_ask ask = {.needs_approval = hub_wants_one, .address = "10.1.2.3:4567"};

    cm_csr_make(e->key, &csr, &ask.csr_size);
    ask.csr = csr;
    ask.life_ms = 7 * DAY_MS;
    ask.proof = wire_token_proof(&secret, ask.exporter, csr, ask.csr_size);
    memcpy(ask.token_id, e->token.id, sizeof(ask.token_id));
    e->done = false;
    hub_identity_enroll(e->rig->store, e->rig->authority, &ask, on_enrolled, e);
    RIG_UNTIL(e->rig, e->done);
    return e->err.code;
}

static const struct hub_member *member_of(const struct enrolment *e) {
    return hub_member_find(e->rig->sessions, e->id);
}

static int64_t count(struct rig *r, const char *what) {
    CM_AUTOFREE char *sql = cm_strf("SELECT count(*) FROM %s", what);

    return rig_count(r, sql);
}

static bool has_metric(struct rig *r, const char *line) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_metrics_write(r->metrics, &text);
    return strstr(text.data, line) != NULL;
}

static void a_token_is_the_approval_unless_somebody_says_otherwise(void **state) {
    struct enrolment e = {.rig = *state, .key = cm_key_new()};

    assert_int_equal(make_token(&e, false, false), CM_OK);
    assert_int_equal(enroll(&e, false), CM_OK);
    assert_false(member_of(&e)->held);
    assert_int_equal(count(*state, "agent WHERE held = ''"), 1);
    assert_int_equal(count(*state, "event WHERE kind = 'agent.pending'"), 0);
    cm_key_free(e.key);
}

static void who_enrolls_with_a_token_that_needs_approval_waits_from_the_beginning(void **state) {
    struct enrolment e = {.rig = *state, .key = cm_key_new()};

    assert_int_equal(make_token(&e, true, false), CM_OK);
    assert_int_equal(enroll(&e, false), CM_OK);
    assert_true(member_of(&e)->held);
    assert_int_equal(member_of(&e)->pending_ms, cm_clock_unix_ms());
    assert_int_equal(count(*state, "agent WHERE held LIKE '%key; % from 10.1.2.3:4567'"
                                   " AND held_key = key_sha256"),
                     1);
    assert_int_equal(count(*state, "event WHERE kind = 'agent.pending' AND cluster = 'paris-1'"),
                     1);
    assert_true(has_metric(*state, "holdfast_agents_pending 1"));
    cm_key_free(e.key);
}

static void a_hub_that_wants_a_person_holds_whoever_enrolls(void **state) {
    struct enrolment e = {.rig = *state, .key = cm_key_new()};

    assert_int_equal(make_token(&e, false, false), CM_OK);
    assert_int_equal(enroll(&e, true), CM_OK);
    assert_true(member_of(&e)->held);
    cm_key_free(e.key);
}

static void who_asks_once_more_is_given_the_same_and_waits_on(void **state) {
    struct enrolment e = {.rig = *state, .key = cm_key_new()};

    assert_int_equal(make_token(&e, true, false), CM_OK);
    assert_int_equal(enroll(&e, false), CM_OK);
    CM_AUTOFREE char *id = cm_strdup(e.id);
    assert_int_equal(enroll(&e, false), CM_OK);
    assert_string_equal(e.id, id);
    assert_true(member_of(&e)->held);
    assert_int_equal(count(*state, "agent WHERE held <> ''"), 1);
    cm_key_free(e.key);
}

static void while_one_waits_the_name_is_taken_unless_another_shall_have_it(void **state) {
    struct enrolment e = {.rig = *state, .key = cm_key_new()};

    assert_int_equal(make_token(&e, true, false), CM_OK);
    assert_int_equal(enroll(&e, false), CM_OK);
    assert_int_equal(make_token(&e, true, false), CM_EEXISTS);
    assert_non_null(strstr(e.err.msg, "waits until somebody accepts its key"));
    assert_int_equal(make_token(&e, true, true), CM_OK);
    cm_key_free(e.key);
    e.key = cm_key_new();
    assert_int_equal(enroll(&e, false), CM_OK);
    assert_int_equal(count(*state, "agent WHERE state = 'superseded'"), 1);
    assert_true(has_metric(*state, "holdfast_agents_pending 1"));
    cm_key_free(e.key);
}

// ---- Waiting

static struct peer *wait_as_paris(struct rig *r) {
    struct peer *p = rig_enroll(r, "paris-1", PARIS);

    rig_run(r, "UPDATE agent SET held = 'it enrolled', held_key = key_sha256, held_ms = 1");
    hub_sessions_pend(r->sessions, PARIS, cm_clock_unix_ms());
    return p;
}

static void knock(struct peer *p) {
    p->goodbye = 0;
    rig_dial(p);
    RIG_UNTIL(p->rig, p->closed);
}

static void nothing_reaches_it_and_it_is_told_to_wait(void **state) {
    struct rig *r = *state;
    struct peer *p = wait_as_paris(r);
    struct hub_publication *work =
        rig_publication(r, p, 1, (const char *const[]){"{\"kind\":\"ConfigMap\"}", NULL});

    p->may_be_gone = true;
    hub_sessions_publish(r->sessions, work);
    rig_dial(p);
    rig_hello(p, NULL);
    RIG_UNTIL(r, p->closed);
    assert_int_equal(p->goodbye, HOLDFAST__V1__GOODBYE__REASON__PENDING);
    assert_int_equal(p->frames[WIRE_WELCOME], 0);
    assert_int_equal(p->frames[WIRE_DESIRED], 0);
    assert_int_equal(p->frames[WIRE_BLOB], 0);
    assert_true(has_metric(r, "holdfast_agents_refused_total 0"));
    assert_true(has_metric(r, "holdfast_agents_sent_away_total{reason=\"pending\"} 1"));
    hub_publication_unref(work);
}

static void the_longer_it_waits_the_less_it_asks(void **state) {
    struct rig *r = *state;
    struct peer *p = wait_as_paris(r);

    knock(p);
    assert_int_equal(p->retry_after, 5000);
    cm_clock_advance(4 * MINUTE_MS);
    knock(p);
    assert_int_equal(p->retry_after, MINUTE_MS);
    cm_clock_advance(DAY_MS);
    knock(p);
    assert_int_equal(p->retry_after, 5 * MINUTE_MS);
}

static void many_that_wait_ask_less_yet(void **state) {
    struct rig *r = *state;
    struct peer *p = wait_as_paris(r);

    for (int i = 0; i < 1000; i++) {
        CM_AUTOFREE char *id = cm_strf("id-%d", i);
        const struct hub_keys keys = {.current = {{1}}};

        hub_sessions_admit(r->sessions, id, id, &keys);
        hub_sessions_pend(r->sessions, id, cm_clock_unix_ms());
    }
    knock(p);
    assert_in_range(p->retry_after, 20000, 21000);
}

static void its_certificate_that_ends_meanwhile_is_not_renewed(void **state) {
    struct rig *r = *state;
    struct peer *p = wait_as_paris(r);

    cm_clock_advance(8 * DAY_MS);
    rig_expired(p, true);
    assert_non_null(strstr(p->refused, "'holdfast approve paris-1 --key' lets it go on"));
    assert_int_equal(p->retry_after, 5 * MINUTE_MS);
}

// ---- Being accepted

static const char *key_of(const struct peer *p, size_t digits) {
    static char hex[CM_SHA256_HEX_MAX];
    struct cm_sha256 hash = cm_key_sha256(p->key);

    cm_sha256_hex(&hash, hex);
    hex[digits] = '\0';
    return hex;
}

static void without_enough_of_its_key_or_with_another_one_nothing_changes(void **state) {
    struct rig *r = *state;
    struct peer *p = wait_as_paris(r);

    assert_int_equal(rig_approve(r, NULL)->code, CM_EINVAL);
    assert_int_equal(rig_approve(r, key_of(p, 15))->code, CM_EINVAL);
    const struct cm_err *err = rig_approve(r, "0123456789abcdef");
    assert_int_equal(err->code, CM_EINVAL);
    assert_non_null(strstr(err->msg, key_of(p, 16)));
    assert_non_null(strstr(err->msg, "not 0123456789abcdef"));
    assert_int_equal(count(r, "agent WHERE held <> '' AND approved_ms = 0"), 1);
    assert_int_equal(count(r, "event WHERE kind = 'agent.approved'"), 0);
    knock(p);
    assert_int_equal(p->goodbye, HOLDFAST__V1__GOODBYE__REASON__PENDING);
}

static void assert_is_let_in(struct peer *p) {
    rig_dial(p);
    p->instance = 1;
    rig_hello(p, NULL);
    RIG_UNTIL(p->rig, p->frames[WIRE_WELCOME] > 0 || p->closed);
    assert_int_equal(p->frames[WIRE_WELCOME], 1);
}

static void accepted_by_its_key_it_is_let_in_and_who_did_it_is_told(void **state) {
    struct rig *r = *state;
    struct peer *p = wait_as_paris(r);

    assert_int_equal(rig_approve(r, key_of(p, 16))->code, CM_OK);
    assert_int_equal(count(r, "event WHERE kind = 'agent.approved' AND actor = 'anna'"), 1);
    assert_true(has_metric(r, "holdfast_agents_pending 0"));
    assert_true(has_metric(r, "holdfast_agents_held 0"));
    assert_is_let_in(p);
    assert_int_equal(rig_approve(r, key_of(p, 16))->code, CM_ENOTFOUND);
}

static void accepted_after_its_certificate_has_ended_it_gets_another_one(void **state) {
    struct rig *r = *state;
    struct peer *p = wait_as_paris(r);

    cm_clock_advance(100 * DAY_MS);
    rig_expired(p, true);
    assert_int_equal(rig_approve(r, key_of(p, 64))->code, CM_OK);
    rig_expired(p, true);
    assert_string_equal(p->refused, "");
    assert_is_let_in(p);
}

// ---- A hub of an older copy of its database

// forget_acceptance does to the hub what a backup of while Paris waited does, after that was
// accepted and has renewed.
static struct peer *forget_acceptance(struct rig *r) {
    struct peer *p = wait_as_paris(r);
    struct cm_key *key = cm_key_new();
    struct hub_keys keys = {.current = cm_key_sha256(p->key),
                            .begins_ms = rig_count(r, "SELECT begins_ms FROM agent"),
                            .forgot_until_ms = cm_clock_unix_ms() + DAY_MS};

    rig_run(r, "CREATE TABLE copy AS SELECT * FROM agent");
    assert_int_equal(rig_approve(r, key_of(p, 16))->code, CM_OK);
    cm_clock_advance(MINUTE_MS);
    assert_is_let_in(p);
    rig_renew(p, key);
    rig_confirm(p, key);
    RIG_UNTIL(r, count(r, "event WHERE kind = 'agent.renewed'") == 1);
    hub_sessions_evict(r->sessions, PARIS);
    RIG_UNTIL(r, p->closed);
    cm_key_free(p->key);
    p->key = key;
    rig_run(r, "DELETE FROM agent");
    rig_run(r, "INSERT INTO agent SELECT * FROM copy");
    rig_run(r, "DELETE FROM event");
    CM_AUTOFREE char *restored =
        cm_strf("INSERT INTO meta (name, value) VALUES ('restored_ms', %lld)",
                (long long)keys.forgot_until_ms);
    rig_run(r, restored);
    hub_sessions_admit(r->sessions, "paris-1", PARIS, &keys);
    hub_sessions_pend(r->sessions, PARIS, 1);
    p->frames[WIRE_WELCOME] = 0;
    return p;
}

static void assert_was_let_go_on(struct rig *r) {
    assert_int_equal(count(r, "event WHERE kind = 'agent.approved' AND actor = 'hub'"), 1);
    assert_int_equal(count(r, "agent WHERE held = '' AND held_key = zeroblob(32)"), 1);
    assert_true(has_metric(r, "holdfast_agents_pending 0"));
}

// Nobody is given another key who was not accepted.
static void one_whose_acceptance_was_forgotten_is_let_in_with_its_newer_key(void **state) {
    struct rig *r = *state;
    struct peer *p = forget_acceptance(r);

    assert_non_null(strstr(rig_approve(r, key_of(p, 16))->msg, "the hub was restored since"));
    assert_is_let_in(p);
    assert_was_let_go_on(r);
    assert_int_equal(count(r, "event WHERE kind = 'agent.held'"), 0);
}

static void one_whose_acceptance_was_forgotten_has_what_ended_renewed(void **state) {
    struct rig *r = *state;
    struct peer *p = forget_acceptance(r);

    cm_clock_advance(8 * DAY_MS);
    rig_expired(p, true);
    assert_string_equal(p->refused, "");
    assert_was_let_go_on(r);
    assert_is_let_in(p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_open, rig_close)

static const struct CMUnitTest tests[] = {
    TEST(a_token_is_the_approval_unless_somebody_says_otherwise),
    TEST(who_enrolls_with_a_token_that_needs_approval_waits_from_the_beginning),
    TEST(a_hub_that_wants_a_person_holds_whoever_enrolls),
    TEST(who_asks_once_more_is_given_the_same_and_waits_on),
    TEST(while_one_waits_the_name_is_taken_unless_another_shall_have_it),
    TEST(nothing_reaches_it_and_it_is_told_to_wait),
    TEST(the_longer_it_waits_the_less_it_asks),
    TEST(many_that_wait_ask_less_yet),
    TEST(its_certificate_that_ends_meanwhile_is_not_renewed),
    TEST(without_enough_of_its_key_or_with_another_one_nothing_changes),
    TEST(accepted_by_its_key_it_is_let_in_and_who_did_it_is_told),
    TEST(accepted_after_its_certificate_has_ended_it_gets_another_one),
    TEST(one_whose_acceptance_was_forgotten_is_let_in_with_its_newer_key),
    TEST(one_whose_acceptance_was_forgotten_has_what_ended_renewed),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
