// Keys over the years: renewed, used twice, expired, held, approved.
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "hub/access/keys.h"
#include "hub/jobs/renewal.h"
#include "hub/session/internal.h"
#include "hub/store/agents.h"
#include "proto/wire.h"
#include "tests/unit/hub/session/rig.h"

#define PARIS "0b7c3f60-8c0e-4c3a-9d10-5d3b8e1c2f4d"
#define ROME "1c8d4071-9d1f-4d4b-8e21-6e4c9f2d305e"
#define MINUTE_MS INT64_C(60000)
#define DAY_MS INT64_C(86400000)

static void leave(struct peer *p) {
    if (p->conn != NULL) {
        cm_net_close(p->conn, false, "it leaves");
        RIG_UNTIL(p->rig, p->conn == NULL);
    }
}

static void greet(struct peer *p) {
    size_t before = p->frames[WIRE_WELCOME];

    leave(p);
    rig_dial(p);
    rig_hello(p, NULL);
    RIG_UNTIL(p->rig, p->frames[WIRE_WELCOME] > before || p->closed);
}

static struct peer *enroll(struct rig *r) {
    struct peer *p = rig_enroll(r, "paris-1", PARIS);

    p->instance = 1;
    greet(p);
    assert_int_equal(p->frames[WIRE_WELCOME], 1);
    return p;
}

static bool is_let_in(struct peer *p) {
    p->frames[WIRE_WELCOME] = 0;
    greet(p);
    bool in = p->frames[WIRE_WELCOME] > 0;

    leave(p);
    return in;
}

static int64_t events(struct rig *r, const char *kind) {
    CM_AUTOFREE char *sql = cm_strf("SELECT count(*) FROM event WHERE kind = '%s'", kind);

    return rig_count(r, sql);
}

// renew gives the peer a new certificate and key, confirmed or not; it returns one with the old.
static struct peer *renew(struct peer *p, bool confirms) {
    struct peer *old = rig_copy(p);
    struct cm_key *key = cm_key_new();

    rig_renew(p, key);
    assert_string_equal(p->refused, "");
    if (confirms) {
        rig_confirm(p, key);
    }
    cm_key_free(p->key);
    p->key = key;
    return old;
}

static void
a_new_key_counts_once_it_is_confirmed_and_the_old_one_for_ten_minutes_more(void **state) {
    struct rig *r = *state;
    struct peer *now = enroll(r);
    struct peer *old = renew(now, true);

    assert_int_equal(events(r, "agent.renewed"), 1);
    assert_int_equal(rig_count(r, "SELECT count(*) FROM agent WHERE next_key = zeroblob(32)"), 1);
    assert_true(is_let_in(old));
    cm_clock_advance(9 * MINUTE_MS);
    assert_true(is_let_in(old));
    assert_true(is_let_in(now));
    assert_int_equal(events(r, "agent.held"), 0);
}

// Killed before its new key was on disk.
static void an_agent_that_lost_its_new_key_comes_with_the_old_one(void **state) {
    struct rig *r = *state;
    struct peer *now = enroll(r);
    struct peer *old = renew(now, false);

    cm_clock_advance(3 * DAY_MS);
    assert_true(is_let_in(old));
    greet(old);
    struct peer *older = renew(old, true);
    assert_true(is_let_in(older));
    assert_true(is_let_in(old));
    assert_int_equal(events(r, "agent.held"), 0);
    assert_false(is_let_in(now)); // its key was lost, and another certified since
    assert_int_equal(events(r, "agent.held"), 1);
}

// Killed after that, before it could confirm.
static void a_new_key_counts_from_its_first_connection_too(void **state) {
    struct rig *r = *state;
    struct peer *now = enroll(r);
    struct peer *old = renew(now, false);

    assert_true(is_let_in(now));
    assert_int_equal(events(r, "agent.renewed"), 1);
    assert_true(is_let_in(old));
    cm_clock_advance(11 * MINUTE_MS);
    assert_false(is_let_in(old));
}

static struct cm_cert *copy_cert(const struct cm_cert *cert) {
    CM_AUTOFREE uint8_t *der = NULL;
    struct cm_cert *copy = NULL;
    struct cm_err err;
    size_t size;

    cm_cert_to_der(cert, &der, &size);
    assert_int_equal(cm_cert_from_der(der, size, &copy, &err), CM_OK);
    return copy;
}

// Else two could take turns with it: the one who has a copy of the key, and the agent itself.
static void the_key_before_gets_no_new_one_and_holds_both_once_its_time_is_over(void **state) {
    struct rig *r = *state;
    struct peer *now = enroll(r);
    struct peer *old = renew(now, true);
    struct cm_key *key = cm_key_new();

    old->instance = 1;
    greet(old);
    assert_int_equal(old->renew_within, 0);
    rig_renew(old, key);
    assert_non_null(strstr(old->refused, "was replaced minutes ago"));
    assert_int_equal(events(r, "agent.held"), 0);
    cm_clock_advance(11 * MINUTE_MS);
    RIG_UNTIL(r, old->closed);
    assert_false(is_let_in(old));
    assert_int_equal(events(r, "agent.held"), 1);
    assert_false(is_let_in(now));
    cm_key_free(key);
}

static void the_key_before_gets_none_where_its_certificate_has_ended_either(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);
    struct peer *old = rig_copy(p);

    cm_clock_advance(8 * DAY_MS);
    RIG_UNTIL(r, p->closed);
    old->fresh = copy_cert(p->fresh);
    rig_expired(p, true);
    greet(p);
    (void)renew(p, true);
    rig_expired(old, true);
    assert_non_null(strstr(old->refused, "was replaced minutes ago"));
    assert_true(is_let_in(p));
}

static void an_agent_with_a_long_certificate_is_asked_to_renew_in_an_hour(void **state) {
    struct rig *r = *state;
    struct peer *p = rig_admit(r, "paris-1", PARIS);

    p->instance = 1;
    greet(p);
    assert_int_equal(p->renew_within, 3600000);
}

static void an_agent_that_does_not_know_how_is_not_asked(void **state) {
    struct rig *r = *state;
    struct peer *p = rig_connect(r, "paris-1", PARIS);

    assert_int_equal(p->renew_within, 0);
}

static void a_confirmation_with_a_wrong_signature_ends_the_connection(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);
    struct cm_key *key = cm_key_new();

    rig_renew(p, key);
    rig_confirm(p, p->key);
    RIG_UNTIL(r, p->closed);
    assert_int_equal(p->goodbye, HOLDFAST__V1__GOODBYE__REASON__PROTOCOL);
    assert_int_equal(events(r, "agent.renewed"), 0);
    cm_key_free(key);
}

static void
a_revoked_agent_gets_no_certificate_even_over_a_connection_that_is_still_there(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);
    struct cm_key *key = cm_key_new();

    rig_run(r, "UPDATE agent SET state = 'revoked'");
    rig_renew(p, key);
    assert_non_null(strstr(p->refused, "no longer enrolled"));
    hub_sessions_evict(r->sessions, PARIS);
    RIG_UNTIL(r, p->closed);
    assert_false(is_let_in(p));
    rig_expired(p, true);
    assert_non_null(strstr(p->refused, "not enrolled here"));
    cm_key_free(key);
}

// ---- Used twice

static void an_old_key_after_its_time_holds_both_until_a_person_looks(void **state) {
    struct rig *r = *state;
    struct peer *now = enroll(r);
    struct peer *old = renew(now, true);

    cm_clock_advance(11 * MINUTE_MS);
    greet(now);
    assert_false(is_let_in(old));
    assert_int_equal(old->goodbye, HOLDFAST__V1__GOODBYE__REASON__REVOKED);
    RIG_UNTIL(r, now->closed);
    assert_int_equal(now->goodbye, HOLDFAST__V1__GOODBYE__REASON__REVOKED);
    assert_false(is_let_in(now));
    assert_int_equal(events(r, "agent.held"), 1);
    assert_int_equal(rig_count(r, "SELECT count(*) FROM agent WHERE held LIKE '%two have this%'"),
                     1);
}

static bool has_metric(struct rig *r, const char *line) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_metrics_write(r->metrics, &text);
    return strstr(text.data, line) != NULL;
}

static enum cm_rc approve(struct rig *r) {
    return rig_approve(r, NULL)->code;
}

static const char *begin_of(const struct cm_key *key) {
    static char hex[CM_SHA256_HEX_MAX];
    struct cm_sha256 hash = cm_key_sha256(key);

    cm_sha256_hex(&hash, hex);
    hex[8] = '\0';
    return hex;
}

static enum cm_rc approve_this(const struct peer *p) {
    return rig_approve(p->rig, begin_of(p->key))->code;
}

// hold_both uses the key before once more, after its time; `now` has the one that is newest.
static struct peer *hold_both(struct peer *now) {
    struct peer *old = renew(now, true);

    cm_clock_advance(11 * MINUTE_MS);
    RIG_UNTIL(now->rig, now->closed);
    assert_false(is_let_in(old));
    return old;
}

static void who_approves_one_of_two_keys_must_say_which(void **state) {
    struct rig *r = *state;
    struct peer *now = enroll(r);
    struct peer *old = hold_both(now);
    const struct cm_err *refused = rig_approve(r, NULL);

    assert_int_equal(refused->code, CM_EINVAL);
    assert_non_null(strstr(refused->msg, begin_of(now->key)));
    assert_non_null(strstr(refused->msg, begin_of(old->key)));
    assert_int_equal(rig_approve(r, "00000000")->code, CM_EINVAL);
    assert_int_equal(rig_approve(r, "")->code, CM_EINVAL);
    assert_int_equal(events(r, "agent.approved"), 0);
    assert_int_equal(rig_count(r, "SELECT count(*) FROM event WHERE kind = 'agent.held' AND message"
                                  " GLOB '*came from 127.0.0.1:*last of 127.0.0.1:*'"),
                     1);
}

static void the_newest_key_can_be_approved_and_the_old_one_holds_nobody_any_more(void **state) {
    struct rig *r = *state;
    struct peer *now = enroll(r);
    struct peer *old = hold_both(now);

    assert_int_equal(approve_this(now), CM_OK);
    assert_false(is_let_in(old));
    now->instance = 2;
    greet(now);
    assert_int_equal(now->renew_within, 1);
    assert_int_equal(events(r, "agent.held"), 1);
}

static void the_key_that_came_last_can_be_approved(void **state) {
    struct rig *r = *state;
    struct peer *now = enroll(r);
    struct peer *old = hold_both(now);

    assert_int_equal(approve_this(old), CM_OK);
    assert_int_equal(events(r, "agent.approved"), 1);
    assert_true(has_metric(r, "holdfast_agents_approvals_total 1"));
    assert_false(is_let_in(now));
    old->instance = 2;
    greet(old);
    assert_int_equal(old->renew_within, 1); // whoever has a copy has nothing then
    assert_int_equal(approve(r), CM_ENOTFOUND);
}

static void a_key_that_a_person_decided_against_holds_the_agent_no_more(void **state) {
    struct rig *r = *state;
    struct peer *now = enroll(r);
    struct peer *old = renew(now, true);

    cm_clock_advance(11 * MINUTE_MS);
    RIG_UNTIL(r, now->closed);
    assert_false(is_let_in(old));
    assert_int_equal(approve_this(old), CM_OK);
    cm_clock_advance(MINUTE_MS);
    old->instance = 2;
    greet(old);
    (void)renew(old, true);
    assert_false(is_let_in(now));
    rig_expired(now, true);
    assert_non_null(strstr(now->refused, "not the agent's any more"));
    assert_true(is_let_in(old));
    assert_int_equal(events(r, "agent.held"), 1);
}

// replace_each_other connects them in turn until both are held.
static void replace_each_other(struct peer *one, struct peer *two) {
    struct rig *r = one->rig;

    for (int i = 0; i < 4 && events(r, "agent.held") == 0; i++) {
        greet(two);
        greet(one);
    }
    RIG_UNTIL(r, one->closed && two->closed);
    assert_int_equal(events(r, "agent.held"), 1);
}

static void two_processes_that_replace_each_other_are_held(void **state) {
    struct rig *r = *state;
    struct peer *one = enroll(r);
    struct peer *two = rig_copy(one);

    two->instance = 2;
    replace_each_other(one, two);
    assert_int_equal(r->evicted, 1);
    assert_false(is_let_in(one));
    assert_int_equal(approve(r), CM_OK);
    assert_int_equal(r->evicted, 2);
    assert_true(is_let_in(one));
}

// A copy that keeps to itself which process it is.
static void a_process_that_does_not_say_which_it_is_is_another_one(void **state) {
    struct rig *r = *state;
    struct peer *one = enroll(r);
    struct peer *two = rig_copy(one);

    two->instance = 0;
    replace_each_other(one, two);
}

static void an_agent_of_a_version_before_never_says_it_and_is_one(void **state) {
    struct rig *r = *state;
    struct peer *p = rig_enroll(r, "paris-1", PARIS);

    for (int i = 0; i < 5; i++) {
        struct peer *again = rig_copy(p);

        greet(again);
        assert_int_equal(again->frames[WIRE_WELCOME], 1);
    }
    assert_int_equal(events(r, "agent.returned"), 0);
}

static void an_agent_that_starts_again_and_again_is_one(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);

    for (uint8_t i = 2; i < 20; i++) {
        struct peer *again = rig_copy(p);

        again->instance = i;
        greet(again);
        assert_int_equal(again->frames[WIRE_WELCOME], 1);
    }
    assert_int_equal(events(r, "agent.held"), 0);
}

static void an_agent_that_moves_and_comes_back_once_is_one(void **state) {
    struct rig *r = *state;
    struct peer *one = enroll(r);
    struct peer *two = rig_copy(one);

    two->instance = 2;
    greet(two);
    assert_int_equal(events(r, "agent.returned"), 0);
    greet(one);
    greet(two);
    assert_int_equal(two->frames[WIRE_WELCOME], 2);
    assert_int_equal(events(r, "agent.held"), 0);
    assert_int_equal(events(r, "agent.returned"), 2); // but it is shown
    assert_true(has_metric(r, "holdfast_agents_returned_total 2"));
}

// ---- Connections that say nothing

static size_t greeters(const struct rig *r) {
    return hub_member_find(r->sessions, PARIS)->greeters;
}

// keep_silent connects a copy that says nothing, until its time is over.
static void keep_silent(struct peer *one) {
    struct rig *r = one->rig;
    struct peer *copy = rig_copy(one);

    rig_dial(copy);
    RIG_UNTIL(r, greeters(r) == 1);
    for (int i = 0; i < 4 && !copy->closed; i++) {
        cm_clock_advance(6000); // a listener that is busy gives more time, up to four times as much
        rig_ping(one);
    }
    RIG_UNTIL(r, copy->closed && greeters(r) == 0);
}

static void a_copy_that_says_nothing_is_closed_and_shown_and_replaces_nobody(void **state) {
    struct rig *r = *state;
    struct peer *one = enroll(r);

    keep_silent(one);
    keep_silent(one);
    assert_int_equal(events(r, "agent.silent"), 0);
    keep_silent(one);
    keep_silent(one);
    assert_int_equal(events(r, "agent.silent"), 1); // once an hour
    assert_int_equal(rig_count(r, "SELECT count(*) FROM event WHERE kind = 'agent.silent' AND "
                                  "message LIKE '%127.0.0.1%while the agent was connected%'"),
                     1);
    assert_true(has_metric(r, "holdfast_agents_silent_total 4"));
    assert_int_equal(events(r, "agent.held"), 0);
    rig_ping(one);
    assert_false(one->closed);
}

// Whatever addresses they come from.
static void an_identity_has_a_few_connections_at_most_that_say_nothing(void **state) {
    struct rig *r = *state;
    struct peer *one = enroll(r);
    struct peer *copies[6];

    for (int i = 0; i < 6; i++) {
        copies[i] = rig_copy(one);
        rig_dial(copies[i]);
        RIG_UNTIL(r, greeters(r) == (size_t)(i < 4 ? i + 1 : 4));
        if (i >= 4) {
            RIG_UNTIL(r, copies[i - 4]->closed);
        }
    }
    assert_false(copies[2]->closed || copies[5]->closed);
    greet(one); // and the agent still gets in
    assert_int_equal(one->frames[WIRE_WELCOME], 2);
}

static void who_is_held_or_revoked_keeps_no_connection_that_says_nothing(void **state) {
    struct rig *r = *state;
    struct peer *one = enroll(r);
    struct peer *silent = rig_copy(one);

    rig_dial(silent);
    RIG_UNTIL(r, greeters(r) == 1);
    hub_sessions_hold(r->sessions, PARIS);
    RIG_UNTIL(r, one->closed && silent->closed);
    hub_sessions_approve(r->sessions, PARIS, &hub_member_find(r->sessions, PARIS)->keys);
    rig_dial(silent);
    RIG_UNTIL(r, greeters(r) == 1);
    hub_sessions_revoke(r->sessions, PARIS, cm_clock_now_ms());
    RIG_UNTIL(r, silent->closed);
    assert_int_equal(silent->goodbye, HOLDFAST__V1__GOODBYE__REASON__REVOKED);
    assert_int_equal(events(r, "agent.silent"), 0);
}

// It is known until its connection has ended: whoever is revoked meanwhile takes it along.
static void who_is_refused_for_his_hello_is_cut_off_with_the_agent(void **state) {
    struct rig *r = *state;
    struct peer *one = enroll(r);
    struct peer *copy = rig_copy(one);

    rig_dial(copy);
    RIG_UNTIL(r, greeters(r) == 1 && copy->opened);
    struct hub_session *session = CM_CONTAINER(hub_member_find(r->sessions, PARIS)->greeting.next,
                                               struct hub_session, in_greeting);
    rig_hello_speaking(copy, WIRE_PROTOCOL_MAX + 1, WIRE_PROTOCOL_MAX + 2);
    session->jobs++; // it stays in memory for this test
    RIG_UNTIL(r, session->state == HUB_SESSION_HELLO);
    assert_true(session->conn == NULL || greeters(r) == 1);
    hub_sessions_evict(r->sessions, PARIS);
    assert_null(session->member);
    RIG_UNTIL(r, copy->closed && one->closed);
    session->jobs--;
    hub_session_release(session);
}

// forget_renewal does to the hub what a backup of before the renewal does. Returns one with the key
// that the backup knows.
static struct peer *forget_renewal(struct rig *r, struct peer *now, int64_t restored_ms) {

    cm_clock_advance(2 * DAY_MS);
    RIG_UNTIL(r, now->closed);
    greet(now);
    rig_run(r, "CREATE TABLE copy AS SELECT key_sha256, begins_ms FROM agent");
    struct peer *old = renew(now, true);
    hub_sessions_evict(r->sessions, PARIS);
    RIG_UNTIL(r, now->closed);
    rig_run(r, "UPDATE agent SET key_sha256 = (SELECT key_sha256 FROM copy), next_key = x'',"
               " before_key = x'', begins_ms = (SELECT begins_ms FROM copy)");
    struct hub_keys keys = {.current = {{9}},
                            .begins_ms = rig_count(r, "SELECT begins_ms FROM copy"),
                            .forgot_until_ms = restored_ms};
    hub_sessions_admit(r->sessions, "paris-1", PARIS, &keys);
    return old;
}

static void a_hub_that_was_never_restored_believes_its_table(void **state) {
    struct rig *r = *state;
    struct peer *now = enroll(r);

    (void)forget_renewal(r, now, 0);
    assert_false(is_let_in(now));
}

static void a_restored_hub_that_forgot_a_renewal_takes_its_own_certificate_for_it(void **state) {
    struct rig *r = *state;
    struct peer *now = enroll(r);

    (void)forget_renewal(r, now, cm_clock_unix_ms() + 3 * DAY_MS);
    assert_true(is_let_in(now));
    assert_int_equal(rig_count(r, "SELECT count(*) FROM event WHERE message LIKE '%forgotten%'"),
                     1);
    assert_int_equal(
        rig_count(r, "SELECT count(*) FROM agent, copy WHERE agent.begins_ms > copy.begins_ms"), 1);
}

static void a_certificate_of_after_the_restore_takes_a_person_at_a_restored_hub(void **state) {
    struct rig *r = *state;
    struct peer *now = enroll(r);

    (void)forget_renewal(r, now, cm_clock_unix_ms());
    assert_false(is_let_in(now));
    assert_int_equal(now->goodbye, HOLDFAST__V1__GOODBYE__REASON__REVOKED);
    assert_int_equal(rig_count(r, "SELECT count(*) FROM agent WHERE held LIKE '%clock was ahead%'"),
                     1);
    assert_true(has_metric(r, "holdfast_agents_copied_total 0"));
    assert_int_equal(approve(r), CM_EINVAL);
    assert_int_equal(approve_this(now), CM_OK);
    assert_true(is_let_in(now));
}

static void a_certificate_of_after_the_restore_that_a_person_shuts_out_holds_nobody(void **state) {
    struct rig *r = *state;
    struct peer *now = enroll(r);

    rig_run(r, "INSERT INTO meta (name, value) VALUES ('restored_ms', 1)");
    const struct peer *known = forget_renewal(r, now, 1);
    assert_false(is_let_in(now));
    cm_clock_advance(MINUTE_MS);
    assert_int_equal(approve_this(known), CM_OK);
    assert_false(is_let_in(now));
    assert_int_equal(events(r, "agent.held"), 1);
}

// ---- Expired

static struct peer *away_for(struct rig *r, int64_t days) {
    struct peer *p = enroll(r);

    cm_clock_advance(days * DAY_MS);
    RIG_UNTIL(r, p->closed);
    return p;
}

static void a_certificate_that_ended_while_away_is_renewed_for_the_same_key(void **state) {
    struct rig *r = *state;
    struct peer *p = away_for(r, 60);

    rig_expired(p, true);
    assert_string_equal(p->refused, "");
    assert_true(is_let_in(p));
    assert_int_equal(events(r, "agent.expired_renewed"), 1);
}

static void beyond_the_budget_a_person_must_approve(void **state) {
    struct rig *r = *state;
    struct peer *p = away_for(r, 98);

    rig_expired(p, true);
    assert_non_null(strstr(p->refused, "holdfast approve paris-1"));
    rig_expired(p, true);
    assert_int_equal(events(r, "agent.held"), 1);
    assert_int_equal(approve(r), CM_OK);
    rig_expired(p, true);
    assert_string_equal(p->refused, "");
    assert_true(is_let_in(p));
}

static void assert_goes_on_without_a_key(struct peer *p) {
    rig_expired(p, true);
    assert_non_null(strstr(p->refused, "too long"));
    assert_int_equal(rig_count(p->rig, "SELECT count(*) FROM agent WHERE held LIKE '%key%'"), 0);
    assert_int_equal(approve(p->rig), CM_OK);
    rig_expired(p, true);
    assert_string_equal(p->refused, "");
    assert_true(is_let_in(p));
}

static void a_key_that_was_not_used_when_it_ended_is_none_of_two(void **state) {
    struct rig *r = *state;
    struct peer *now = enroll(r);

    (void)renew(now, false);
    cm_clock_advance(98 * DAY_MS);
    RIG_UNTIL(r, now->closed);
    assert_goes_on_without_a_key(now);
}

static void a_key_that_the_hub_forgot_before_it_ended_is_none_of_two(void **state) {
    struct rig *r = *state;
    struct peer *now = enroll(r);

    rig_run(r, "INSERT INTO meta (name, value) VALUES ('restored_ms', 9000000000000)");
    (void)forget_renewal(r, now, INT64_C(9000000000000));
    cm_clock_advance(98 * DAY_MS);
    assert_goes_on_without_a_key(now);
}

static void without_the_key_there_is_nothing(void **state) {
    struct rig *r = *state;
    struct peer *p = away_for(r, 60);
    struct peer *thief = rig_copy(p);

    rig_expired(p, false); // a signature for something else
    assert_non_null(strstr(p->refused, "proof of the key is wrong"));
    thief->fresh = copy_cert(p->fresh);
    cm_key_free(thief->key);
    thief->key = cm_key_new();
    rig_expired(thief, true);
    assert_non_null(strstr(thief->refused, "proof of the key is wrong"));
    assert_int_equal(events(r, "agent.expired_renewed"), 0);
}

static void a_certificate_of_another_cluster_is_worth_nothing_here(void **state) {
    struct rig *r = *state;
    struct peer *paris = away_for(r, 60);
    struct peer *rome = rig_enroll(r, "rome-1", ROME);

    rome->id = paris->id;
    rig_expired(rome, true);
    assert_non_null(strstr(rome->refused, "another agent's"));
}

static void a_replaced_key_that_comes_back_after_months_holds_the_agent(void **state) {
    struct rig *r = *state;
    struct peer *now = enroll(r);
    struct peer *old = rig_copy(now);

    old->fresh = copy_cert(now->fresh);
    (void)renew(now, true);
    cm_clock_advance(2 * DAY_MS);
    RIG_UNTIL(r, now->closed);
    greet(now);
    (void)renew(now, true); // once more
    cm_clock_advance(30 * DAY_MS);
    RIG_UNTIL(r, now->closed);
    rig_expired(old, true);
    assert_non_null(strstr(old->refused, "holdfast approve"));
    assert_int_equal(events(r, "agent.held"), 1);
}

// It waits to be let in again, or for its ten minutes to be over; others come from that address.
static void the_key_before_does_not_use_up_what_its_address_may_ask_wrongly(void **state) {
    enum { MORE_THAN_WRONG_ONES = 25 };
    struct rig *r = *state;
    struct peer *now = enroll(r);
    struct peer *old = rig_copy(now);

    old->fresh = copy_cert(now->fresh);
    (void)renew(now, true);
    for (int i = 0; i < MORE_THAN_WRONG_ONES; i++) {
        rig_expired(old, true);
        assert_non_null(strstr(old->refused, "was replaced minutes ago"));
    }
    assert_int_equal(events(r, "agent.held"), 0);
}

static void a_certificate_that_has_not_ended_is_not_renewed_that_way(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);

    leave(p);
    for (int i = 0; i < 30; i++) { // nor is asking wrong: a storm may make many do it
        rig_expired(p, true);
        assert_non_null(strstr(p->refused, "has not ended"));
    }
    assert_int_equal(events(r, "agent.expired_renewed"), 0);
    assert_true(is_let_in(p));
}

static void a_revoked_agent_whose_certificate_ended_is_counted_too(void **state) {
    struct rig *r = *state;
    struct peer *p = away_for(r, 60);

    rig_run(r, "UPDATE agent SET state = 'revoked'");
    hub_sessions_revoke(r->sessions, PARIS, cm_clock_now_ms());
    rig_expired(p, true);
    assert_non_null(strstr(p->refused, "not enrolled here"));
    assert_true(has_metric(r, "holdfast_agents_refused_total 1"));
    assert_int_equal(events(r, "agent.refused"), 1);
}

// ---- What it may cost

// use_up leaves nothing of what the agent may make the hub write.
static void use_up(struct rig *r) {
    (void)hub_allowance_take(&hub_member_find(r->sessions, PARIS)->allowance,
                             (size_t)HUB_ALLOWANCE_BYTES, cm_clock_now_ms());
}

static void an_agent_that_renews_without_end_is_sent_away(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);

    use_up(r);
    struct cm_key *key = cm_key_new();
    rig_renew(p, key);
    RIG_UNTIL(r, p->closed);
    assert_int_equal(p->goodbye, HOLDFAST__V1__GOODBYE__REASON__OVERLOADED);
    assert_int_equal(p->frames[WIRE_RENEWED], 0);
    cm_key_free(key);
}

static void a_certificate_that_ended_is_not_renewed_without_end(void **state) {
    struct rig *r = *state;
    struct peer *p = away_for(r, 60);
    struct hub_allowance *allowance = &hub_member_find(r->sessions, PARIS)->allowance;

    rig_expired(p, true);
    assert_string_equal(p->refused, "");
    assert_int_equal(allowance->used_bytes, HUB_RENEW_COST);
    use_up(r);
    rig_expired(p, true);
    assert_non_null(strstr(p->refused, "asks too much"));
}

// Whoever asks has the key.
static void an_agent_that_asks_for_what_it_needs_not_is_charged_for_the_looking(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);
    const struct hub_allowance *allowance = &hub_member_find(r->sessions, PARIS)->allowance;

    leave(p);
    int64_t before = allowance->used_bytes;
    rig_expired(p, true);
    assert_non_null(strstr(p->refused, "has not ended"));
    assert_int_equal(allowance->used_bytes, before + HUB_RENEW_COST / 8);
    rig_expired(p, false); // without the key
    assert_int_equal(allowance->used_bytes, before + HUB_RENEW_COST / 8);
    use_up(r);
    rig_expired(p, true);
    assert_non_null(strstr(p->refused, "asks too much"));
}

static void an_agent_that_is_held_is_charged_for_asking_again(void **state) {
    struct rig *r = *state;
    struct peer *p = away_for(r, 98);
    const struct hub_allowance *allowance = &hub_member_find(r->sessions, PARIS)->allowance;

    rig_expired(p, true);
    rig_expired(p, true);
    assert_non_null(strstr(p->refused, "holdfast approve"));
    assert_int_equal(allowance->used_bytes, HUB_RENEW_COST / 4);
}

static void wrong_requests_of_one_address_are_no_longer_looked_at(void **state) {
    struct rig *r = *state;
    struct peer *p = away_for(r, 60);

    for (int i = 0; i < 20; i++) {
        rig_expired(p, false);
    }
    assert_non_null(strstr(p->refused, "proof of the key is wrong"));
    rig_expired(p, false);
    assert_non_null(strstr(p->refused, "too many"));
    cm_clock_advance(3001);
    rig_expired(p, true);
    assert_string_equal(p->refused, "");
}

// ---- Clocks

static void a_wrong_clock_is_told_until_it_is_right(void **state) {
    struct rig *r = *state;
    struct peer *p = rig_enroll(r, "paris-1", PARIS);

    p->instance = 1;
    p->clock_ms = cm_clock_unix_ms() - 25 * 60 * MINUTE_MS;
    greet(p);
    assert_int_equal(rig_count(r, "SELECT skew_ms FROM agent"), -25 * 60 * MINUTE_MS);
    rig_ping(p);
    assert_int_equal(events(r, "agent.clock_wrong"), 1);
    p->clock_ms = cm_clock_unix_ms() + MINUTE_MS / 2;
    rig_ping(p);
    assert_int_equal(rig_count(r, "SELECT skew_ms FROM agent"), 0);
    assert_int_equal(events(r, "agent.clock_right"), 1);
}

static void a_clock_that_jumps_without_end_is_not_kept_without_end(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);

    use_up(r);
    p->clock_ms = cm_clock_unix_ms() + 2 * MINUTE_MS;
    rig_ping(p);
    RIG_UNTIL(r, p->closed);
    assert_int_equal(p->goodbye, HOLDFAST__V1__GOODBYE__REASON__OVERLOADED);
    assert_int_equal(events(r, "agent.clock_wrong"), 0);
}

static void no_time_is_too_wrong_to_be_told(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);

    p->clock_ms = INT64_MIN;
    rig_ping(p);
    assert_int_equal(rig_count(r, "SELECT skew_ms FROM agent"), -cm_clock_unix_ms());
    p->clock_ms = INT64_MAX;
    rig_ping(p);
    assert_true(rig_count(r, "SELECT skew_ms FROM agent") > 0);
    assert_int_equal(events(r, "agent.clock_wrong"), 1);
}

// ---- The hub's own keys

static void begin_root(struct rig *r) {
    struct cm_err err;
    struct hub_authority_news news = {0};

    assert_int_equal(hub_authority_root_begin(r->dir, NULL, &err), CM_OK);
    assert_int_equal(hub_authority_reload(r->authority, &news, &err), CM_OK);
    assert_true(news.roots && !news.issuer && !news.signer);
    assert_int_equal(hub_sessions_reload(r->sessions, &err), CM_OK);
}

static void connected_agents_are_told_of_another_root_and_say_when_they_believe_it(void **state) {
    struct rig *r = *state;
    struct peer *p = rig_enroll(r, "paris-1", PARIS);
    struct peer *old = rig_enroll(r, "rome-1", ROME); // of a version that knows no sets
    Holdfast__V1__Trust m;

    p->trust = 1;
    greet(p);
    greet(old);
    begin_root(r);
    RIG_UNTIL(r, p->told == 2);
    assert_int_equal(rig_count(r, "SELECT trust FROM presence WHERE cluster = 'paris-1'"), 1);
    holdfast__v1__trust__init(&m);
    m.version = 2;
    rig_send(p, WIRE_TRUST, &m.base);
    RIG_UNTIL(r, rig_count(r, "SELECT trust FROM presence WHERE cluster = 'paris-1'") == 2);
    assert_int_equal(events(r, "agent.trusts"), 1);
    rig_ping(old);
    RIG_UNTIL(r, old->frames[WIRE_PONG] == 1);
    assert_int_equal(old->told, 0);
}

static void an_agent_that_was_away_is_told_right_after_welcome(void **state) {
    struct rig *r = *state;
    struct peer *p = rig_enroll(r, "paris-1", PARIS);

    begin_root(r);
    p->trust = 1;
    greet(p);
    RIG_UNTIL(r, p->told == 2);
    p->told = 0;
    p->trust = 2;
    greet(p);
    rig_ping(p);
    RIG_UNTIL(r, p->frames[WIRE_PONG] == 1);
    assert_int_equal(p->told, 0);
}

static void a_set_of_roots_that_was_never_made_is_not_believed_of_an_agent(void **state) {
    struct rig *r = *state;
    struct peer *p = rig_enroll(r, "paris-1", PARIS);
    Holdfast__V1__Trust m;

    p->trust = 1;
    greet(p);
    holdfast__v1__trust__init(&m);
    m.version = 7;
    rig_send(p, WIRE_TRUST, &m.base);
    RIG_UNTIL(r, p->closed);
    assert_int_equal(p->goodbye, HOLDFAST__V1__GOODBYE__REASON__PROTOCOL);
}

static void offer(struct rig *r, struct peer *p, uint64_t generation) {
    const char *const objects[] = {"one", NULL};
    struct hub_publication *made = rig_publication(r, p, generation, objects);

    hub_sessions_publish(r->sessions, made);
    hub_publication_unref(made);
    RIG_UNTIL(r, p->generation == generation);
}

static void a_signers_certificate_is_sent_once_to_those_who_keep_it(void **state) {
    struct rig *r = *state;
    struct peer *keeps = rig_enroll(r, "paris-1", PARIS);
    struct peer *old = rig_enroll(r, "rome-1", ROME);

    keeps->keeps_signer = true;
    greet(keeps);
    greet(old);
    for (uint64_t generation = 1; generation < 4; generation++) {
        offer(r, keeps, generation);
        offer(r, old, generation);
    }
    assert_int_equal(keeps->signers, 1);
    assert_int_equal(old->signers, 3);
}

static void what_an_agent_holds_is_proved_anew_by_another_signer(void **state) {
    const char *const objects[] = {"one", NULL};
    struct rig *r = *state;
    struct peer *p = rig_enroll(r, "paris-1", PARIS);
    struct hub_publication *made = rig_publication(r, p, 1, objects);

    hub_sessions_publish(r->sessions, made);
    p->keeps_signer = true;
    p->signer = made->signer.sha256;
    leave(p);
    rig_dial(p);
    rig_hello(p, made);
    RIG_UNTIL(r, p->frames[WIRE_WELCOME] == 1);
    rig_ping(p);
    RIG_UNTIL(r, p->frames[WIRE_PONG] == 1);
    assert_int_equal(p->frames[WIRE_DESIRED], 0); // it holds it, by this signer
    memset(p->signer.bytes, 7, sizeof(p->signer.bytes));
    leave(p);
    rig_dial(p);
    rig_hello(p, made);
    RIG_UNTIL(r, p->frames[WIRE_DESIRED] == 1);
    assert_int_equal(p->signers, 1);
    assert_int_equal(p->frames[WIRE_BLOB], 0);
    hub_publication_unref(made);
}

// The issuer stays: what vouches for agents is not what this is about.
static void change_signer(struct rig *r) {
    CM_AUTOFREE char *path = cm_strf("%s/signer.crt", r->dir);
    struct cm_err err;
    struct hub_authority_news news = {0};

    assert_int_equal(unlink(path), 0);
    assert_int_equal(hub_authority_reload(r->authority, &news, &err), CM_OK);
    assert_true(news.signer && !news.issuer && !news.roots);
    assert_int_equal(hub_sessions_reload(r->sessions, &err), CM_OK);
}

static void what_is_in_force_is_signed_anew_when_the_signer_changes(void **state) {
    const char *const objects[] = {"one", NULL};
    struct rig *r = *state;
    struct peer *here = rig_enroll(r, "paris-1", PARIS);
    struct peer *away = rig_enroll(r, "rome-1", ROME);
    struct hub_publication *made = rig_publication(r, away, 1, objects);

    here->keeps_signer = true;
    greet(here);
    offer(r, here, 1);
    hub_sessions_publish(r->sessions, made);
    change_signer(r);
    RIG_UNTIL(r, here->frames[WIRE_DESIRED] == 2);
    assert_int_equal(here->signers, 2);
    assert_int_equal(here->generation, 1);

    away->keeps_signer = true;
    away->signer = made->signer.sha256;
    rig_dial(away);
    rig_hello(away, made);
    RIG_UNTIL(r, away->frames[WIRE_DESIRED] == 1);
    assert_int_equal(away->signers, 1);
    assert_int_equal(away->frames[WIRE_BLOB], 0); // it has all of it
    hub_publication_unref(made);
}

// A worker made it while the signer changed.
static void what_the_signer_before_signed_is_signed_anew_before_it_is_sent(void **state) {
    const char *const objects[] = {"one", NULL};
    struct rig *r = *state;
    struct peer *p = rig_enroll(r, "paris-1", PARIS);
    struct hub_publication *made = rig_publication(r, p, 1, objects);

    p->keeps_signer = true;
    p->signer = made->signer.sha256;
    change_signer(r);
    greet(p);
    hub_sessions_publish(r->sessions, made);
    RIG_UNTIL(r, p->generation == 1);
    assert_int_equal(p->signers, 1); // which is not the one that it has
    hub_publication_unref(made);
}

// ---- Revoked

static void a_revoked_agent_is_cut_off_and_that_is_counted(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);

    hub_sessions_revoke(r->sessions, PARIS, cm_clock_now_ms() - 250);
    RIG_UNTIL(r, p->closed);
    assert_int_equal(p->goodbye, HOLDFAST__V1__GOODBYE__REASON__REVOKED);
    assert_false(is_let_in(p));
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    cm_metrics_write(r->metrics, &text);
    assert_non_null(strstr(text.data, "holdfast_agents_revoked_seconds_count 1"));
    assert_non_null(strstr(text.data, "holdfast_agents_revoked_seconds_sum 0.25"));
}

static bool has_counted_one(struct rig *r) {
    return has_metric(r, "holdfast_agents_revoked_seconds_count 1");
}

static void
an_agent_that_is_revoked_while_it_is_away_is_counted_and_shown_when_it_comes(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);

    leave(p);
    rig_run(r, "UPDATE agent SET state = 'revoked'");
    hub_sessions_revoke(r->sessions, PARIS, cm_clock_now_ms());
    assert_true(has_metric(r, "holdfast_agents_revocations_total 1"));
    assert_int_equal(events(r, "agent.refused"), 0);
    for (int i = 0; i < 3; i++) {
        assert_false(is_let_in(p));
    }
    hub_renewal_refused(r->store, PARIS);            // so many others came that this was forgotten
    assert_int_equal(events(r, "agent.refused"), 1); // of a day
    cm_clock_advance(24 * 60 * MINUTE_MS);
    assert_false(is_let_in(p));
    assert_int_equal(events(r, "agent.refused"), 2);
}

static size_t count_of(const char *text, const char *what) {
    size_t count = 0;

    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what)) {
        count++;
    }
    return count;
}

static void a_revoked_agent_that_comes_again_and_again_does_not_fill_the_log(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);
    CM_CLEANUP(cm_str_done) struct cm_str log = {0};

    leave(p);
    hub_sessions_revoke(r->sessions, PARIS, cm_clock_now_ms());
    cm_log_keep((size_t)64 * 1024);
    for (int i = 0; i < 4; i++) {
        cm_clock_advance(i == 3 ? 60 * MINUTE_MS : 0);
        assert_false(is_let_in(p));
    }
    cm_log_kept(&log);
    cm_log_keep(0);
    assert_int_equal(count_of(log.data, "level=warn id=agent.refused"), 2); // of an hour each
}

static void a_revoked_agent_that_does_not_read_is_cut_off_within_a_second(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);

    p->paused = true;
    hub_sessions_revoke(r->sessions, PARIS, cm_clock_now_ms());
    assert_false(has_counted_one(r));
    cm_clock_advance(999);
    RIG_UNTIL(r, has_counted_one(r));
    p->paused = false;
}

static void a_revoked_agent_that_was_being_sent_away_has_no_more_time_to_read(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);

    p->paused = true;
    hub_session_goodbye(hub_member_find(r->sessions, PARIS)->session,
                        HOLDFAST__V1__GOODBYE__REASON__OVERLOADED, "it asks too much");
    hub_sessions_revoke(r->sessions, PARIS, cm_clock_now_ms());
    assert_false(has_counted_one(r));
    cm_clock_advance(999);
    RIG_UNTIL(r, has_counted_one(r));
    p->paused = false;
}

static void
what_a_revocation_has_taken_is_no_time_to_read_and_the_close_is_what_counts(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);

    p->paused = true;
    hub_sessions_revoke(r->sessions, PARIS, cm_clock_now_ms() - 450);
    cm_clock_advance(50);
    (void)cm_loop_turn(r->loop);
    cm_clock_advance(5000); // the loop is busy
    RIG_UNTIL(r, has_counted_one(r));
    assert_true(has_metric(r, "holdfast_agents_revoked_seconds_sum 0.500\n"));
    p->paused = false;
}

static bool is_asked_to_come_later(struct peer *p) {
    return !is_let_in(p) && p->goodbye == HOLDFAST__V1__GOODBYE__REASON__OVERLOADED;
}

static void who_is_to_be_revoked_is_cut_off_however_long_the_store_takes(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);

    rig_hold(r);
    hub_sessions_revoking(r->sessions, "paris-1", cm_clock_now_ms() - 100);
    cm_clock_advance(149);
    rig_ping(p); // is answered
    cm_clock_advance(1);
    p->paused = true; // and reads nothing
    (void)cm_loop_turn(r->loop);
    assert_null(hub_member_find(r->sessions, PARIS)->session);
    cm_clock_advance(250);
    RIG_UNTIL(r, has_counted_one(r));
    assert_true(has_metric(r, "holdfast_agents_revoked_seconds_sum 0.500\n"));
    p->paused = false;
    RIG_UNTIL(r, p->closed);
    assert_true(is_asked_to_come_later(p));
    rig_release(r);
    assert_true(is_asked_to_come_later(p));
    hub_sessions_revoke(r->sessions, PARIS, cm_clock_now_ms());
    assert_false(is_let_in(p));
    assert_int_equal(p->goodbye, HOLDFAST__V1__GOODBYE__REASON__REVOKED);
}

static void who_could_not_be_revoked_after_all_comes_again(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);

    hub_sessions_revoking(r->sessions, "paris-1", cm_clock_now_ms());
    cm_clock_advance(250);
    RIG_UNTIL(r, p->closed);
    assert_int_equal(p->goodbye, HOLDFAST__V1__GOODBYE__REASON__OVERLOADED);
    assert_true(is_asked_to_come_later(p));
    hub_sessions_spare(r->sessions, "paris-1");
    greet(p);
    assert_int_equal(p->frames[WIRE_WELCOME], 1);
    cm_clock_advance(250);
    rig_ping(p);
}

static void who_is_revoked_by_two_at_once_is_cut_off_by_the_first_and_forgotten(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);

    hub_sessions_revoking(r->sessions, "paris-1", cm_clock_now_ms());
    cm_clock_advance(100);
    hub_sessions_revoking(r->sessions, "paris-1", cm_clock_now_ms());
    cm_clock_advance(150);
    (void)cm_loop_turn(r->loop);
    assert_null(hub_member_find(r->sessions, PARIS)->session);
    hub_sessions_revoke(r->sessions, PARIS, cm_clock_now_ms());
    cm_clock_advance(250); // nothing of it runs any more
    RIG_UNTIL(r, p->closed);
    assert_true(has_counted_one(r));
}

static void who_was_revoked_in_time_is_told_so(void **state) {
    struct rig *r = *state;
    struct peer *p = enroll(r);

    hub_sessions_revoking(r->sessions, "paris-1", cm_clock_now_ms());
    cm_clock_advance(249);
    hub_sessions_revoke(r->sessions, PARIS, cm_clock_now_ms() - 249);
    cm_clock_advance(1);
    RIG_UNTIL(r, p->closed);
    assert_int_equal(p->goodbye, HOLDFAST__V1__GOODBYE__REASON__REVOKED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_open, rig_close)

static const struct CMUnitTest tests[] = {
    TEST(a_new_key_counts_once_it_is_confirmed_and_the_old_one_for_ten_minutes_more),
    TEST(an_agent_that_lost_its_new_key_comes_with_the_old_one),
    TEST(a_new_key_counts_from_its_first_connection_too),
    TEST(the_key_before_gets_no_new_one_and_holds_both_once_its_time_is_over),
    TEST(the_key_before_gets_none_where_its_certificate_has_ended_either),
    TEST(an_agent_with_a_long_certificate_is_asked_to_renew_in_an_hour),
    TEST(an_agent_that_does_not_know_how_is_not_asked),
    TEST(a_confirmation_with_a_wrong_signature_ends_the_connection),
    TEST(a_revoked_agent_gets_no_certificate_even_over_a_connection_that_is_still_there),
    TEST(an_old_key_after_its_time_holds_both_until_a_person_looks),
    TEST(who_approves_one_of_two_keys_must_say_which),
    TEST(the_newest_key_can_be_approved_and_the_old_one_holds_nobody_any_more),
    TEST(the_key_that_came_last_can_be_approved),
    TEST(a_key_that_a_person_decided_against_holds_the_agent_no_more),
    TEST(two_processes_that_replace_each_other_are_held),
    TEST(a_process_that_does_not_say_which_it_is_is_another_one),
    TEST(an_agent_of_a_version_before_never_says_it_and_is_one),
    TEST(an_agent_that_starts_again_and_again_is_one),
    TEST(an_agent_that_moves_and_comes_back_once_is_one),
    TEST(a_copy_that_says_nothing_is_closed_and_shown_and_replaces_nobody),
    TEST(an_identity_has_a_few_connections_at_most_that_say_nothing),
    TEST(who_is_held_or_revoked_keeps_no_connection_that_says_nothing),
    TEST(who_is_refused_for_his_hello_is_cut_off_with_the_agent),
    TEST(a_hub_that_was_never_restored_believes_its_table),
    TEST(a_restored_hub_that_forgot_a_renewal_takes_its_own_certificate_for_it),
    TEST(a_certificate_of_after_the_restore_takes_a_person_at_a_restored_hub),
    TEST(a_certificate_of_after_the_restore_that_a_person_shuts_out_holds_nobody),
    TEST(a_certificate_that_ended_while_away_is_renewed_for_the_same_key),
    TEST(beyond_the_budget_a_person_must_approve),
    TEST(a_key_that_was_not_used_when_it_ended_is_none_of_two),
    TEST(a_key_that_the_hub_forgot_before_it_ended_is_none_of_two),
    TEST(without_the_key_there_is_nothing),
    TEST(a_certificate_of_another_cluster_is_worth_nothing_here),
    TEST(a_replaced_key_that_comes_back_after_months_holds_the_agent),
    TEST(the_key_before_does_not_use_up_what_its_address_may_ask_wrongly),
    TEST(a_certificate_that_has_not_ended_is_not_renewed_that_way),
    TEST(a_revoked_agent_whose_certificate_ended_is_counted_too),
    TEST(an_agent_that_renews_without_end_is_sent_away),
    TEST(a_certificate_that_ended_is_not_renewed_without_end),
    TEST(an_agent_that_asks_for_what_it_needs_not_is_charged_for_the_looking),
    TEST(an_agent_that_is_held_is_charged_for_asking_again),
    TEST(wrong_requests_of_one_address_are_no_longer_looked_at),
    TEST(a_wrong_clock_is_told_until_it_is_right),
    TEST(a_clock_that_jumps_without_end_is_not_kept_without_end),
    TEST(no_time_is_too_wrong_to_be_told),
    TEST(connected_agents_are_told_of_another_root_and_say_when_they_believe_it),
    TEST(an_agent_that_was_away_is_told_right_after_welcome),
    TEST(a_set_of_roots_that_was_never_made_is_not_believed_of_an_agent),
    TEST(a_signers_certificate_is_sent_once_to_those_who_keep_it),
    TEST(what_an_agent_holds_is_proved_anew_by_another_signer),
    TEST(what_is_in_force_is_signed_anew_when_the_signer_changes),
    TEST(what_the_signer_before_signed_is_signed_anew_before_it_is_sent),
    TEST(a_revoked_agent_is_cut_off_and_that_is_counted),
    TEST(an_agent_that_is_revoked_while_it_is_away_is_counted_and_shown_when_it_comes),
    TEST(a_revoked_agent_that_comes_again_and_again_does_not_fill_the_log),
    TEST(a_revoked_agent_that_does_not_read_is_cut_off_within_a_second),
    TEST(a_revoked_agent_that_was_being_sent_away_has_no_more_time_to_read),
    TEST(what_a_revocation_has_taken_is_no_time_to_read_and_the_close_is_what_counts),
    TEST(who_is_to_be_revoked_is_cut_off_however_long_the_store_takes),
    TEST(who_could_not_be_revoked_after_all_comes_again),
    TEST(who_is_revoked_by_two_at_once_is_cut_off_by_the_first_and_forgotten),
    TEST(who_was_revoked_in_time_is_told_so),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
