// What agents are sent, and what they are not.
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/throttle.h"
#include "hub/session/internal.h"
#include "proto/wire.h"

#define PARIS "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0001"
#define ROME "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0002"
#define OSLO "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0003"
#define BERN "2d9e5182-ae20-4e5c-9f32-7f5dae3e416f"
#define HOUR_MS INT64_C(3600000)

static const char *const red[] = {"{\"colour\":\"red\"}", NULL};
static const char *const blue[] = {"{\"colour\":\"blue\"}", NULL};
static const char *const red_and_blue[] = {"{\"colour\":\"red\"}", "{\"colour\":\"blue\"}", NULL};

static void unref(struct hub_publication **p) {
    hub_publication_unref(*p);
}

#define PUBLICATION CM_CLEANUP(unref) struct hub_publication

static const struct hub_session *session_of(const struct rig *r, const char *id) {
    return hub_member_find(r->sessions, id)->session;
}

static int64_t used_by(const struct rig *r, const char *id) {
    return hub_member_find(r->sessions, id)->allowance.used_bytes;
}

// ---- What is frozen

#define FREEZE(name, app)                                                                          \
    "INSERT INTO freeze (name, app, cluster, grp, selector, reason, actor, at_ms, until_ms, repo," \
    " path, git, ended_ms, note) VALUES ('" name "', '" app "', 'paris-1', '', '', 'it burns',"    \
    " 'ann', 1, 0, '', '', 0, 0, '')"
#define ON_PARIS                                                                                   \
    "INSERT INTO freeze_cluster (freeze, cluster, told_ms, found)"                                 \
    " SELECT name, 'paris-1', 0, 1 FROM freeze"

static void freeze_paris(struct rig *r) {
    rig_run(r, FREEZE("stop", "web"));
    rig_freeze(r, ON_PARIS);
}

static void an_agent_is_told_what_is_frozen_before_what_is_in_force(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    struct peer *oslo = rig_admit(r, "oslo-1", OSLO);
    PUBLICATION *p = rig_publication(r, paris, 3, red);

    freeze_paris(r);
    hub_sessions_publish(r->sessions, p);
    rig_dial(paris);
    rig_hello(paris, NULL);
    RIG_UNTIL(r, paris->frames[WIRE_FREEZE] == 1);
    assert_true(paris->freeze_first);
    assert_int_equal(paris->freezes, 1);
    RIG_UNTIL(r, paris->frames[WIRE_DESIRED] == 1); // it is sent all the same
    rig_dial(oslo);
    rig_hello(oslo, NULL);
    RIG_UNTIL(r, oslo->frames[WIRE_FREEZE] == 1);
    assert_int_equal(oslo->freezes, 0);
}

static void an_agent_is_told_once_and_its_word_counts_for_what_it_was_told_last(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);

    rig_freeze(r, NULL);
    RIG_UNTIL(r, paris->frames[WIRE_FREEZE] == 1);
    rig_frozen(paris, paris->freeze); // of nothing
    freeze_paris(r);
    RIG_UNTIL(r, paris->frames[WIRE_FREEZE] == 2);
    rig_freeze(r, NULL); // the same
    rig_frozen(paris, paris->freeze - 1);
    rig_frozen(paris, paris->freeze);
    RIG_UNTIL(r, r->frozen == 1);
    rig_ping(paris);
    RIG_UNTIL(r, paris->frames[WIRE_PONG] == 1);
    assert_int_equal(paris->frames[WIRE_FREEZE], 2);
    assert_int_equal(r->frozen, 1);
    rig_freeze(r, "DELETE FROM freeze");
    RIG_UNTIL(r, paris->frames[WIRE_FREEZE] == 3);
    assert_int_equal(paris->freezes, 0);
}

static void an_agent_too_old_to_stop_is_sent_nothing_newer_while_it_is_frozen(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *before = rig_publication(r, paris, 1, red);
    PUBLICATION *after = rig_publication(r, paris, 2, blue);

    paris->old = true;
    hub_sessions_publish(r->sessions, before);
    rig_dial(paris);
    rig_hello(paris, NULL);
    RIG_UNTIL(r, paris->frames[WIRE_DESIRED] == 1);
    freeze_paris(r);
    hub_sessions_publish(r->sessions, after);
    rig_ping(paris);
    RIG_UNTIL(r, paris->frames[WIRE_PONG] == 1);
    assert_int_equal(paris->frames[WIRE_DESIRED], 1);
    assert_int_equal(paris->frames[WIRE_FREEZE], 0);
    assert_int_equal(rig_count(r, "SELECT count(*) FROM event WHERE kind = 'agent.too_old' AND "
                                  "app = 'web' AND message LIKE '%upgrade the agent'"),
                     1);
    rig_freeze(r, "DELETE FROM freeze");
    RIG_UNTIL(r, paris->frames[WIRE_DESIRED] == 2);
}

static void more_freezes_than_a_message_holds_stop_all(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);

    rig_run(r, FREEZE("stop", "web"));
    rig_run(r,
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 64)"
            " INSERT INTO freeze SELECT 'stop-' || i, app, cluster, grp, selector, reason, actor,"
            " at_ms, until_ms, repo, path, git, ended_ms, note, source FROM n, freeze");
    assert_int_equal(rig_count(r, "SELECT count(*) FROM freeze"), WIRE_FREEZES_MAX + 1);
    rig_freeze(r, ON_PARIS);
    RIG_UNTIL(r, paris->frames[WIRE_FREEZE] == 1);
    assert_int_equal(paris->freezes, 1);
    assert_true(paris->freezes_all);
}

// ---- Desired states

static void an_agent_is_sent_what_is_in_force_when_it_connects(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *p = rig_publication(r, paris, 3, red);

    hub_sessions_publish(r->sessions, p);
    rig_dial(paris);
    rig_hello(paris, NULL);
    RIG_UNTIL(r, paris->frames[WIRE_DESIRED] == 1);
    assert_int_equal(paris->generation, 3);
}

static void an_agent_that_enrolled_twice_is_sent_what_is_in_force(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    const struct hub_enrolled again = {.cluster_id = PARIS,
                                       .cluster = "paris-1",
                                       .key = cm_key_sha256(paris->key),
                                       .ends_ms = INT64_MAX};
    PUBLICATION *p = rig_publication(r, paris, 3, red);

    hub_sessions_publish(r->sessions, p);
    hub_sessions_enrolled(r->sessions, &again); // it had not heard the answer
    rig_dial(paris);
    rig_hello(paris, NULL);
    RIG_UNTIL(r, paris->frames[WIRE_DESIRED] == 1);
    assert_int_equal(paris->generation, 3);
}

static void an_agent_that_would_use_its_own_rights_is_sent_nothing_new(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *before = rig_publication(r, paris, 1, red);
    r->account = "shop/deployer";
    PUBLICATION *p = rig_publication(r, paris, 2, red);
    struct cm_sha256 bundle = rig_bundle(p);

    paris->old = true;
    hub_sessions_publish(r->sessions, before);
    rig_dial(paris);
    rig_hello(paris, NULL);
    RIG_UNTIL(r, paris->frames[WIRE_DESIRED] == 1);
    hub_sessions_publish(r->sessions, p);
    rig_want(paris, &bundle, 1);
    RIG_UNTIL(r, paris->missing == 1);
    assert_int_equal(paris->frames[WIRE_DESIRED], 1);
    assert_int_equal(rig_count(r, "SELECT count(*) FROM event WHERE kind = 'agent.too_old' AND "
                                  "app = 'web' AND message LIKE '%upgrade the agent'"),
                     1);
}

static void an_agent_that_impersonates_is_sent_an_app_with_an_account(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    r->account = "shop/deployer";
    PUBLICATION *p = rig_publication(r, paris, 2, red);

    hub_sessions_publish(r->sessions, p);
    rig_dial(paris);
    rig_hello(paris, NULL);
    RIG_UNTIL(r, paris->frames[WIRE_DESIRED] == 1);
}

static void an_agent_that_holds_it_is_sent_nothing(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *p = rig_publication(r, paris, 3, red);

    hub_sessions_publish(r->sessions, p);
    rig_dial(paris);
    rig_hello(paris, p);
    RIG_UNTIL(r, paris->frames[WIRE_WELCOME] == 1);
    rig_ping(paris);
    assert_int_equal(paris->frames[WIRE_DESIRED], 0);
}

static void what_the_agent_lacks_is_sent_ahead_of_a_new_state(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *before = rig_publication(r, paris, 1, red);
    PUBLICATION *now = rig_publication(r, paris, 2, red_and_blue);
    struct cm_sha256 bundle = rig_bundle(now);
    struct cm_sha256 old_object = rig_object(now, 0);
    struct cm_sha256 new_object = rig_object(now, 1);

    hub_sessions_publish(r->sessions, before);
    rig_dial(paris);
    rig_hello(paris, before);
    RIG_UNTIL(r, paris->frames[WIRE_WELCOME] == 1);
    hub_sessions_publish(r->sessions, now);
    RIG_UNTIL(r, paris->frames[WIRE_DESIRED] == 1);
    assert_true(rig_has(paris, &bundle));
    assert_true(rig_has(paris, &new_object));
    assert_false(rig_has(paris, &old_object));
}

// What is sent without being asked for does not count as asked for.
static void an_agent_may_ask_while_much_is_sent_ahead(void **state) {
    enum { COUNT = 6 * WIRE_WANT_MAX };
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *held = rig_publication(r, paris, 1, red);
    CM_AUTOFREE const char **texts = cm_new(COUNT + 1, sizeof(*texts));
    CM_AUTOFREE char *digits = cm_new(COUNT, 128);
    Holdfast__V1__Want want;
    struct cm_err err;

    for (size_t i = 0; i < COUNT; i++) {
        texts[i] = digits + i * 128;
        (void)snprintf(digits + i * 128, 128, "%0127zu", i);
    }
    PUBLICATION *next = rig_publication(r, paris, 2, texts);
    struct cm_sha256 name = rig_object(next, COUNT - 1);
    ProtobufCBinaryData names = {.len = sizeof(name.bytes), .data = name.bytes};
    holdfast__v1__want__init(&want);
    want.n_sha256 = 1;
    want.sha256 = &names;

    hub_sessions_publish(r->sessions, held);
    rig_dial(paris);
    rig_hello(paris, held);
    RIG_UNTIL(r, paris->frames[WIRE_WELCOME] == 1);
    hub_sessions_publish(r->sessions, next);
    struct hub_session *session = (struct hub_session *)(uintptr_t)session_of(r, PARIS);
    assert_int_equal(hub_session_want(session, &want, &err), CM_OK);
    RIG_UNTIL(r, rig_has(paris, &name) && paris->frames[WIRE_DESIRED] == 1);
}

static void what_is_asked_for_twice_at_once_is_sent_once(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    PUBLICATION *p = rig_publication(r, paris, 1, red);
    struct cm_sha256 none = {{1}};
    struct cm_sha256 names[] = {rig_object(p, 0), rig_bundle(p), rig_object(p, 0), none, none};

    hub_sessions_publish(r->sessions, p);
    RIG_UNTIL(r, paris->frames[WIRE_DESIRED] == 1);
    rig_want(paris, names, 5);
    rig_ping(paris);
    assert_int_equal(paris->frames[WIRE_BLOB], 3);
    assert_int_equal(paris->missing, 1);
}

static void names_that_are_made_up_use_up_the_allowance(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    PUBLICATION *p = rig_publication(r, paris, 1, red);
    struct cm_sha256 known = rig_object(p, 0);
    struct cm_sha256 none = {{1}};

    hub_sessions_publish(r->sessions, p);
    RIG_UNTIL(r, paris->frames[WIRE_DESIRED] == 1);
    int64_t begin = used_by(r, PARIS);
    rig_want(paris, &known, 1);
    rig_ping(paris);
    int64_t of_known = used_by(r, PARIS) - begin;
    rig_want(paris, &none, 1);
    rig_ping(paris);
    assert_true(of_known > 1024);
    assert_true(used_by(r, PARIS) - begin > 2 * of_known + 1024);
}

static void an_older_publication_is_dropped(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    PUBLICATION *newer = rig_publication(r, paris, 3, red);
    PUBLICATION *older = rig_publication(r, paris, 2, blue);

    hub_sessions_publish(r->sessions, newer);
    hub_sessions_publish(r->sessions, older);
    RIG_UNTIL(r, paris->frames[WIRE_DESIRED] == 1);
    rig_ping(paris);
    assert_int_equal(paris->frames[WIRE_DESIRED], 1);
    assert_int_equal(paris->generation, 3);
}

static void an_agent_that_is_ahead_is_told_of_and_sent_nothing(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *p = rig_publication(r, paris, 3, red);
    PUBLICATION *above = rig_publication(r, paris, 9, blue);

    hub_sessions_publish(r->sessions, p);
    rig_dial(paris);
    rig_hello(paris, above);
    RIG_UNTIL(r, r->behind == 1);
    rig_ping(paris);
    assert_int_equal(r->behind_generation, 9);
    assert_int_equal(paris->frames[WIRE_DESIRED], 0);
}

static void an_agent_that_is_ahead_and_lost_a_part_is_told_of_too(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *p = rig_publication(r, paris, 3, red);
    PUBLICATION *above = rig_publication(r, paris, 9, blue);

    hub_sessions_publish(r->sessions, p);
    rig_dial(paris);
    rig_hello_broken(paris, above);
    RIG_UNTIL(r, r->behind == 1);
    rig_ping(paris);
    assert_int_equal(r->behind_generation, 9);
    assert_int_equal(paris->frames[WIRE_DESIRED], 0);
}

static void one_that_is_ahead_because_its_disk_is_new_is_known_for_it(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *p = rig_publication(r, paris, 3, red);
    PUBLICATION *above = rig_publication(r, paris, 9, blue);

    hub_sessions_publish(r->sessions, p);
    paris->new_disk = true;
    rig_dial(paris);
    rig_hello(paris, above);
    RIG_UNTIL(r, r->behind == 1);
    rig_ping(paris);
    assert_int_equal(r->behind_new, 1);
    assert_int_equal(r->behind_generation, 9);
    assert_int_equal(paris->frames[WIRE_DESIRED], 0);
}

static void one_that_lost_a_part_of_another_manifest_of_that_number_is_ahead(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *p = rig_publication(r, paris, 3, red);
    PUBLICATION *other = rig_publication(r, paris, 3, blue);

    hub_sessions_publish(r->sessions, p);
    rig_dial(paris);
    rig_hello_broken(paris, other);
    RIG_UNTIL(r, r->behind == 1);
    rig_ping(paris);
    assert_int_equal(paris->frames[WIRE_DESIRED], 0);
}

static void a_higher_epoch_does_not_make_up_for_a_lower_generation(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *p = rig_publication(r, paris, 3, red);
    PUBLICATION *before = rig_publication(r, paris, 9, blue);

    before->epoch = p->epoch - 1; // of the time before a restore
    hub_sessions_publish(r->sessions, p);
    rig_dial(paris);
    rig_hello(paris, before);
    RIG_UNTIL(r, r->behind == 1);
    rig_ping(paris);
    assert_int_equal(r->behind_generation, 9);
    assert_int_equal(paris->frames[WIRE_DESIRED], 0); // the agent would refuse it
}

static void an_agent_that_lost_a_part_of_what_is_in_force_is_sent_it_again(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *p = rig_publication(r, paris, 3, red);

    hub_sessions_publish(r->sessions, p);
    rig_dial(paris);
    rig_hello_broken(paris, p);
    RIG_UNTIL(r, paris->frames[WIRE_DESIRED] == 1);
    assert_int_equal(r->behind, 0);
}

static void a_generation_that_leaves_no_room_above_it_ends_the_link(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *p = rig_publication(r, paris, 3, red);
    PUBLICATION *last = rig_publication(r, paris, UINT64_MAX, blue);

    hub_sessions_publish(r->sessions, p);
    rig_dial(paris);
    rig_hello(paris, last);
    RIG_UNTIL(r, paris->closed);
    assert_int_equal(paris->goodbye, HOLDFAST__V1__GOODBYE__REASON__PROTOCOL);
    assert_int_equal(r->behind, 0);
}

// ---- Whose bytes

static void a_cluster_never_gets_what_only_another_one_has(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    struct peer *rome = rig_connect(r, "rome-1", ROME);
    PUBLICATION *of_paris = rig_publication(r, paris, 1, red);
    PUBLICATION *of_rome = rig_publication(r, rome, 1, blue);
    struct cm_sha256 foreign[] = {rig_object(of_rome, 0), rig_bundle(of_rome), of_rome->sha256};
    struct cm_sha256 own = rig_object(of_paris, 0);

    hub_sessions_publish(r->sessions, of_paris);
    hub_sessions_publish(r->sessions, of_rome);
    RIG_UNTIL(r, paris->frames[WIRE_DESIRED] + rome->frames[WIRE_DESIRED] == 2);
    rig_want(paris, foreign, 3);
    rig_want(paris, &own, 1);
    RIG_UNTIL(r, rig_has(paris, &own));
    assert_int_equal(paris->missing, 3);
    assert_int_equal(cm_map_len(paris->blobs), 1);
}

static void a_publication_goes_to_the_id_that_it_was_made_for(void **state) {
    struct rig *r = *state;
    struct peer *old = rig_connect(r, "paris-1", PARIS);
    PUBLICATION *p = rig_publication(r, old, 1, red);

    hub_sessions_evict(r->sessions, PARIS);
    RIG_UNTIL(r, old->closed);
    struct peer *now = rig_connect(r, "paris-1", ROME);
    hub_sessions_publish(r->sessions, p);
    rig_ping(now);
    assert_int_equal(now->frames[WIRE_DESIRED], 0);
}

static void a_key_that_is_not_in_the_table_is_refused(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    struct hub_keys other = {.current = {{1}}};

    hub_sessions_evict(r->sessions, PARIS);
    hub_sessions_admit(r->sessions, "paris-1", PARIS, &other);
    rig_dial(paris);
    RIG_UNTIL(r, paris->closed);
    assert_int_equal(paris->goodbye, HOLDFAST__V1__GOODBYE__REASON__REVOKED);
}

// dial_again connects once more as the agent that is connected, up to Hello.
static struct peer *dial_again(struct rig *r, const struct peer *first) {
    struct peer *second = rig_admit(r, "rome-1", ROME); // a peer of its own, for its loop
    CM_AUTOFREE char *pem = cm_key_to_pem(first->key);
    struct cm_err err;

    second->id = first->id;
    second->cluster = first->cluster;
    cm_key_free(second->key);
    assert_int_equal(cm_key_from_pem(pem, strlen(pem), &second->key, &err), CM_OK);
    rig_dial(second);
    return second;
}

static void who_connects_again_replaces_himself(void **state) {
    struct rig *r = *state;
    struct peer *first = rig_connect(r, "paris-1", PARIS);
    struct peer *second = dial_again(r, first);

    rig_hello(second, NULL);
    RIG_UNTIL(r, first->closed && second->frames[WIRE_WELCOME] == 1);
    assert_int_equal(first->goodbye, HOLDFAST__V1__GOODBYE__REASON__REPLACED);
    assert_int_equal(rig_count(r, "SELECT connected FROM presence"), 1);
    assert_int_equal(rig_count(r, "SELECT count(*) FROM event WHERE kind = 'agent.upgraded'"), 0);
}

static void an_agent_of_another_version_than_before_is_an_event(void **state) {
    struct rig *r = *state;
    struct peer *first = rig_connect(r, "paris-1", PARIS);

    rig_run(r, "UPDATE presence SET version = 'before'");
    rig_hello(dial_again(r, first), NULL);
    RIG_UNTIL(r, rig_count(r, "SELECT count(*) FROM event WHERE kind = 'agent.upgraded' AND"
                              " cluster = 'paris-1' AND message GLOB 'before -> ?*'") == 1);
}

static void who_connects_again_and_breaks_off_replaces_nobody(void **state) {
    struct rig *r = *state;
    struct peer *first = rig_connect(r, "paris-1", PARIS);
    const struct hub_session *before = session_of(r, PARIS);
    struct peer *second = dial_again(r, first);

    RIG_UNTIL(r, hub_member_find(r->sessions, PARIS)->greeters == 1);
    assert_ptr_equal(session_of(r, PARIS), before);
    cm_net_close(second->conn, false, "lost before Hello");
    RIG_UNTIL(r, second->closed && hub_member_find(r->sessions, PARIS)->greeters == 0);
    rig_ping(first);
    assert_false(first->closed);
    assert_int_equal(rig_count(r, "SELECT connected FROM presence"), 1);
}

static void who_connects_again_and_is_turned_away_is_not_shown_as_connected(void **state) {
    struct rig *r = *state;
    struct peer *first = rig_connect(r, "paris-1", PARIS);
    struct peer *second = dial_again(r, first);

    rig_hold(r);
    rig_hello(second, NULL);
    RIG_UNTIL(r, first->closed);
    cm_net_close(second->conn, false, "lost before Welcome");
    RIG_UNTIL(r, second->closed && session_of(r, PARIS) == NULL);
    rig_release(r);
    assert_int_equal(rig_count(r, "SELECT connected FROM presence"), 0);
    assert_true(rig_count(r, "SELECT seen_ms FROM presence") > 0);
}

static void an_agent_whose_disk_is_an_older_copy_is_an_event(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    PUBLICATION *above = rig_publication(r, paris, 9, blue);

    paris->disk_generation = 4;
    rig_dial(paris);
    rig_hello(paris, above);
    RIG_UNTIL(r, paris->frames[WIRE_WELCOME] == 1);
    assert_int_equal(rig_count(r, "SELECT count(*) FROM event WHERE kind = 'agent.disk_outdated'"
                                  " AND cluster = 'paris-1' AND message LIKE '%generation 4,%9%'"),
                     1);
}

// ---- Reports

static void a_report_is_acknowledged_after_the_commit_and_not_before(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);

    rig_hold(r);
    rig_report(paris, 1);
    rig_ping(paris); // so the report has been read
    assert_int_equal(paris->frames[WIRE_REPORT_ACK], 0);
    rig_release(r);
    RIG_UNTIL(r, paris->frames[WIRE_REPORT_ACK] == 1);
    assert_int_equal(paris->acknowledged, 1);
    assert_int_equal(rig_count(r, "SELECT report FROM presence"), 1);
}

static void a_journal_is_acknowledged_after_the_commit_and_not_before(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);

    rig_hold(r);
    assert_true(paris->journal_reports);
    rig_journal(paris, 3, 7);
    rig_ping(paris); // so the journal has been read
    assert_int_equal(paris->frames[WIRE_JOURNAL_ACK], 0);
    rig_release(r);
    RIG_UNTIL(r, paris->frames[WIRE_JOURNAL_ACK] == 1);
    assert_int_equal(paris->journaled, 7);
    assert_int_equal(rig_count(r, "SELECT journal FROM presence"), 7);
}

static void a_journal_whose_numbers_do_not_count_up_ends_the_link(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);

    rig_journal(paris, 7, 7);
    RIG_UNTIL(r, paris->closed);
    assert_int_equal(paris->goodbye, HOLDFAST__V1__GOODBYE__REASON__PROTOCOL);
}

static void too_many_reports_at_once_end_the_link(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);

    rig_hold(r);
    for (uint64_t i = 1; i <= 9; i++) {
        rig_report(paris, i);
    }
    RIG_UNTIL(r, paris->closed);
    assert_int_equal(paris->goodbye, HOLDFAST__V1__GOODBYE__REASON__PROTOCOL);
    rig_release(r);
}

static void use_up_allowance(struct rig *r, const char *id) {
    hub_member_find(r->sessions, id)->allowance =
        (struct hub_allowance){.used_bytes = HUB_ALLOWANCE_BYTES, .at_ms = cm_clock_now_ms()};
}

static void a_full_report_within_another_ends_the_link(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);

    rig_report_full(paris, 1, true);
    rig_report_full(paris, 2, false);
    RIG_UNTIL(r, paris->acknowledged == 2);
    rig_report_full(paris, 3, false);
    RIG_UNTIL(r, paris->closed);
    assert_int_equal(paris->goodbye, HOLDFAST__V1__GOODBYE__REASON__PROTOCOL);
}

// turn_many_away: more than are remembered.
static void turn_many_away(struct rig *r) {
    for (size_t i = 0; i < 1000; i++) {
        CM_AUTOFREE char *id = cm_strf("%zu", i);

        (void)cm_throttle_take(r->sessions->told_refused, id, cm_clock_now_ms());
        (void)cm_throttle_take(r->sessions->told_turned_away, id, cm_clock_now_ms());
    }
}

static void one_that_knows_no_protocol_of_ours_is_an_event_once_an_hour(void **state) {
    static const char count[] = "SELECT count(*) FROM event WHERE kind = 'agent.protocol'"
                                " AND cluster = 'paris-1' AND message LIKE '%upgrade the older%'";
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);

    for (int64_t i = 0; i < 4; i++) {
        rig_dial(paris);
        rig_hello_speaking(paris, WIRE_PROTOCOL_MAX + 1, WIRE_PROTOCOL_MAX + 2);
        RIG_UNTIL(r, paris->closed);
        assert_int_equal(paris->goodbye, HOLDFAST__V1__GOODBYE__REASON__PROTOCOL);
        assert_int_equal(rig_count(r, count), 1 + i / 3);
        turn_many_away(r);
        cm_clock_advance(i == 2 ? HOUR_MS : 0);
    }
}

static void each_row_that_a_full_report_marks_is_charged(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);

    rig_run(r, "INSERT INTO object (cluster, app, key, sha256, health, message, at_ms)"
               " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
               " SELECT 'paris-1', 'web', 'ConfigMap/default/' || i, x'', 0, '', 1 FROM n");
    int64_t before = used_by(r, PARIS);
    rig_report_full(paris, 1, false);
    RIG_UNTIL(r, paris->acknowledged == 1);
    assert_true(used_by(r, PARIS) - before > 64000);
}

static void an_agent_that_reports_too_much_is_sent_away_and_others_are_not(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    struct peer *rome = rig_connect(r, "rome-1", ROME);

    use_up_allowance(r, PARIS);
    rig_report(paris, 1);
    RIG_UNTIL(r, paris->closed);
    assert_int_equal(paris->goodbye, HOLDFAST__V1__GOODBYE__REASON__OVERLOADED);
    assert_int_equal(rig_count(r, "SELECT count(*) FROM status"), 0);
    rig_report(rome, 1);
    RIG_UNTIL(r, rome->frames[WIRE_REPORT_ACK] == 1);
}

static void it_may_come_again_when_it_has_paused(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);

    use_up_allowance(r, PARIS);
    rig_dial(paris);
    rig_hello(paris, NULL);
    RIG_UNTIL(r, paris->closed);
    assert_int_equal(paris->goodbye, HOLDFAST__V1__GOODBYE__REASON__OVERLOADED);
    cm_clock_advance(1);
    rig_dial(paris);
    rig_hello(paris, NULL);
    RIG_UNTIL(r, paris->frames[WIRE_WELCOME] == 1);
}

// ---- What waits for the store

static bool waits(const struct rig *r, const char *id) {
    return session_of(r, id) != NULL && session_of(r, id)->wanted_bytes > 0;
}

static void who_finds_no_room_for_a_report_waits_and_slows_nobody(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    struct peer *rome = rig_connect(r, "rome-1", ROME);
    struct peer *oslo = rig_connect(r, "oslo-1", OSLO);

    r->sessions->inbox.limit = 1;
    rig_hold(r);
    rig_report(paris, 1);
    rig_ping(paris);
    rig_report(rome, 1);
    rig_report(rome, 2);
    RIG_UNTIL(r, waits(r, ROME));
    rig_ping(oslo);
    rig_ping(paris);
    assert_int_equal(session_of(r, PARIS)->reports, 1);
    assert_int_equal(session_of(r, ROME)->reports, 0);
    assert_int_equal(r->sessions->inbox.bytes, session_of(r, PARIS)->held_bytes);
    rig_release(r);
    RIG_UNTIL(r, paris->acknowledged == 1 && rome->acknowledged == 2);
    assert_int_equal(r->sessions->inbox.bytes, 0);
    rig_ping(rome);
}

static void who_waits_longest_for_room_is_next(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    struct peer *rome = rig_connect(r, "rome-1", ROME);
    struct peer *oslo = rig_connect(r, "oslo-1", OSLO);

    rig_run(r, "CREATE TABLE came (cluster)");
    rig_run(r, "CREATE TRIGGER comes AFTER UPDATE OF report, journal ON presence"
               " BEGIN INSERT INTO came VALUES (new.cluster); END");
    r->sessions->inbox.limit = 1;
    rig_hold(r);
    rig_report(paris, 1);
    rig_ping(paris);
    rig_journal(rome, 1, 2);
    RIG_UNTIL(r, waits(r, ROME));
    rig_report(oslo, 1);
    RIG_UNTIL(r, waits(r, OSLO));
    rig_release(r);
    RIG_UNTIL(r, rome->journaled == 2 && oslo->acknowledged == 1);
    assert_int_equal(
        rig_count(r, "SELECT group_concat(cluster) = 'paris-1,rome-1,oslo-1' FROM came"), 1);
}

static void decisions_wait_for_room_too(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    struct peer *rome = rig_connect(r, "rome-1", ROME);

    r->sessions->inbox.limit = 1;
    rig_hold(r);
    rig_decisions(paris, 1);
    rig_ping(paris);
    assert_true(session_of(r, PARIS)->held_bytes > 0);
    rig_decisions(rome, 1);
    RIG_UNTIL(r, waits(r, ROME));
    rig_release(r);
    RIG_UNTIL(r, paris->decided == 1 && rome->decided == 1);
    assert_int_equal(r->sessions->inbox.bytes, 0);
}

static void an_agent_holds_no_more_than_its_share(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    struct peer *rome = rig_connect(r, "rome-1", ROME);

    r->sessions->inbox.share = 1;
    rig_hold(r);
    rig_report(paris, 1);
    rig_report(paris, 2);
    RIG_UNTIL(r, waits(r, PARIS));
    rig_report(rome, 1);
    rig_ping(rome);
    assert_int_equal(session_of(r, PARIS)->reports, 1);
    assert_int_equal(session_of(r, ROME)->reports, 1);
    rig_release(r);
    RIG_UNTIL(r, paris->acknowledged == 2 && rome->acknowledged == 1);
    assert_int_equal(r->sessions->inbox.bytes, 0);
}

static void the_report_of_who_went_while_it_waited_is_not_lost(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    struct peer *rome = rig_connect(r, "rome-1", ROME);
    struct peer *oslo = rig_connect(r, "oslo-1", OSLO);

    r->sessions->inbox.limit = 1;
    rig_hold(r);
    rig_report(paris, 1);
    rig_ping(paris);
    rig_report(rome, 1);
    RIG_UNTIL(r, waits(r, ROME));
    rig_report(oslo, 1);
    RIG_UNTIL(r, waits(r, OSLO));
    cm_net_close(rome->conn, false, "gone");
    RIG_UNTIL(r, rome->closed);
    rig_release(r);
    RIG_UNTIL(r, paris->acknowledged == 1 && oslo->acknowledged == 1);
    RIG_UNTIL(r, session_of(r, ROME) == NULL);
    assert_int_equal(rig_count(r, "SELECT report FROM presence WHERE cluster = 'rome-1'"), 1);
    assert_int_equal(r->sessions->inbox.bytes, 0);
    assert_true(cm_list_empty(&r->sessions->inbox.waiting));
}

static void an_agent_that_is_revoked_while_its_report_waits_is_cut_off(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    struct peer *rome = rig_connect(r, "rome-1", ROME);

    r->sessions->inbox.limit = 1;
    rig_hold(r);
    rig_report(paris, 1);
    rig_ping(paris);
    rig_report(rome, 1);
    RIG_UNTIL(r, waits(r, ROME));
    hub_sessions_evict(r->sessions, ROME);
    RIG_UNTIL(r, rome->closed);
    assert_int_equal(rome->goodbye, HOLDFAST__V1__GOODBYE__REASON__REVOKED);
    rig_release(r);
    RIG_UNTIL(r, paris->acknowledged == 1 && r->sessions->inbox.bytes == 0);
}

// ---- Full reports

static struct peer *greet(struct rig *r, const char *cluster, const char *id) {
    struct peer *p = rig_admit(r, cluster, id);

    rig_dial(p);
    rig_hello(p, NULL);
    return p;
}

static void only_so_many_report_everything_anew_at_once(void **state) {
    struct rig *r = *state;

    r->sessions->resyncs.max = 1;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    struct peer *rome = greet(r, "rome-1", ROME);
    assert_true(paris->full_report);
    RIG_UNTIL(r, r->sessions->resyncs.waiting_count == 1);
    rig_ping(paris);
    assert_int_equal(rome->frames[WIRE_WELCOME], 0);
    rig_report_full(paris, 1, false);
    RIG_UNTIL(r, paris->acknowledged == 1);
    assert_int_equal(rome->frames[WIRE_WELCOME], 0);
    cm_net_close(paris->conn, false, "broken off");
    RIG_UNTIL(r, rome->frames[WIRE_WELCOME] == 1);
    assert_true(rome->full_report);
    assert_int_equal(r->sessions->resyncs.count, 1);
}

static void who_has_ended_his_full_report_makes_room_for_the_next(void **state) {
    struct rig *r = *state;

    r->sessions->resyncs.max = 1;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    struct peer *rome = greet(r, "rome-1", ROME);
    RIG_UNTIL(r, r->sessions->resyncs.waiting_count == 1);
    rig_report_full(paris, 1, true);
    RIG_UNTIL(r, paris->acknowledged == 1 && rome->frames[WIRE_WELCOME] == 1);
    // One that the hub knows already needs no place.
    cm_net_close(paris->conn, false, "gone");
    RIG_UNTIL(r, paris->closed && session_of(r, PARIS) == NULL);
    paris->frames[WIRE_WELCOME] = 0;
    rig_dial(paris);
    rig_hello(paris, NULL);
    RIG_UNTIL(r, paris->frames[WIRE_WELCOME] == 1);
    assert_false(paris->full_report);
}

static void who_does_not_end_his_full_report_loses_his_place(void **state) {
    struct rig *r = *state;

    r->sessions->resyncs.max = 1;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    cm_clock_advance(9000);
    struct peer *rome = greet(r, "rome-1", ROME);
    RIG_UNTIL(r, r->sessions->resyncs.waiting_count == 1);
    cm_clock_advance(1000);
    RIG_UNTIL(r, rome->frames[WIRE_WELCOME] == 1);
    rig_ping(paris); // it is served on
}

static void who_comes_to_wait_does_not_keep_others_waiting(void **state) {
    static const char *const others[] = {
        "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0011", "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0012",
        "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0013", "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0014",
        "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0015", "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0016",
        "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0017"};
    struct rig *r = *state;

    r->sessions->resyncs.max = 1;
    (void)rig_connect(r, "paris-1", PARIS); // and never ends
    cm_clock_advance(9000);
    struct peer *rome = greet(r, "rome-1", ROME);
    RIG_UNTIL(r, r->sessions->resyncs.waiting_count == 1);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        cm_clock_advance(200);
        (void)greet(r, others[i], others[i]);
        RIG_UNTIL(r, session_of(r, others[i]) != NULL &&
                         session_of(r, others[i])->resync == HUB_RESYNC_WAITS);
    }
    RIG_UNTIL(r, rome->frames[WIRE_WELCOME] == 1);
}

static void who_waits_long_for_a_place_is_asked_to_come_again(void **state) {
    struct rig *r = *state;

    r->sessions->resyncs.max = 0;
    struct peer *rome = greet(r, "rome-1", ROME);
    RIG_UNTIL(r, r->sessions->resyncs.waiting_count == 1);
    cm_clock_advance(8000);
    RIG_UNTIL(r, rome->closed);
    assert_int_equal(rome->goodbye, HOLDFAST__V1__GOODBYE__REASON__OVERLOADED);
    assert_int_equal(rome->frames[WIRE_WELCOME], 0);
    assert_int_equal(r->sessions->resyncs.waiting_count, 0);
}

// Nobody waits for the place that becomes free, though the connection of rome-1 has not ended.
static void place_frees(struct rig *r) {
    assert_int_equal(r->sessions->resyncs.waiting_count, 0);
    hub_resync_end(hub_member_find(r->sessions, PARIS)->session);
    assert_int_equal(r->sessions->resyncs.count, 0);
}

static struct peer *wait_for_a_place(struct rig *r) {
    r->sessions->resyncs.max = 1;
    (void)rig_connect(r, "paris-1", PARIS);
    struct peer *rome = greet(r, "rome-1", ROME);
    RIG_UNTIL(r, r->sessions->resyncs.waiting_count == 1);
    rome->paused = true;
    return rome;
}

static void who_is_revoked_or_held_while_he_waits_for_a_place_gets_none(void **state) {
    struct rig *r = *state;

    (void)wait_for_a_place(r);
    hub_sessions_evict(r->sessions, ROME);
    place_frees(r);
    struct peer *oslo = greet(r, "oslo-1", OSLO);
    RIG_UNTIL(r, oslo->frames[WIRE_WELCOME] == 1);
    struct peer *bern = greet(r, "bern-1", BERN);
    RIG_UNTIL(r, r->sessions->resyncs.waiting_count == 1);
    bern->paused = true;
    hub_sessions_hold(r->sessions, BERN);
    assert_int_equal(r->sessions->resyncs.waiting_count, 0);
    hub_resync_end(hub_member_find(r->sessions, OSLO)->session);
    assert_int_equal(r->sessions->resyncs.count, 0);
}

static void who_is_replaced_while_he_waits_for_a_place_gets_none(void **state) {
    struct rig *r = *state;
    struct peer *rome = wait_for_a_place(r);
    const struct hub_session *before = session_of(r, ROME);
    struct peer *again = rig_copy(rome);

    rig_hold(r); // or the other one waits for a place, too
    rig_dial(again);
    rig_hello(again, NULL);
    RIG_UNTIL(r, session_of(r, ROME) != before);
    place_frees(r);
    assert_int_equal(rome->frames[WIRE_WELCOME], 0);
    rig_release(r);
    RIG_UNTIL(r, again->frames[WIRE_WELCOME] == 1);
}

static void the_highest_protocol_that_both_know_holds(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    struct peer *rome = rig_admit(r, "rome-1", ROME);

    rig_dial(paris);
    rig_hello_speaking(paris, WIRE_PROTOCOL_MIN, WIRE_PROTOCOL_MAX + 8);
    RIG_UNTIL(r, paris->frames[WIRE_WELCOME] == 1);
    assert_int_equal(paris->protocol, WIRE_PROTOCOL_MAX);
    rig_dial(rome);
    rig_hello_speaking(rome, 0, WIRE_PROTOCOL_MIN);
    RIG_UNTIL(r, rome->frames[WIRE_WELCOME] == 1);
    assert_int_equal(rome->protocol, WIRE_PROTOCOL_MIN);
}

static void without_a_common_protocol_the_link_ends(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);

    rig_dial(paris);
    rig_hello_speaking(paris, WIRE_PROTOCOL_MAX + 1, WIRE_PROTOCOL_MAX + 2);
    RIG_UNTIL(r, paris->closed);
    assert_int_equal(paris->goodbye, HOLDFAST__V1__GOODBYE__REASON__PROTOCOL);
    assert_int_equal(paris->frames[WIRE_WELCOME], 0);
}

static void what_only_a_hub_sends_ends_the_link(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    Holdfast__V1__Pong pong;

    holdfast__v1__pong__init(&pong);
    rig_send(paris, WIRE_PONG, &pong.base);
    RIG_UNTIL(r, paris->closed);
    assert_int_equal(paris->goodbye, HOLDFAST__V1__GOODBYE__REASON__PROTOCOL);
}

static void what_a_newer_agent_sends_beside_is_passed_over(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    Holdfast__V1__Hello more; // any message will do

    holdfast__v1__hello__init(&more);
    rig_send(paris, WIRE_SKIPPED_MAX, &more.base);
    rig_ping(paris);
    RIG_UNTIL(r, paris->frames[WIRE_PONG] == 1);
    assert_false(paris->closed);
}

static void before_welcome_nothing_is_passed_over(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);
    Holdfast__V1__Hello more;

    holdfast__v1__hello__init(&more);
    rig_dial(paris);
    rig_send(paris, WIRE_SKIPPED_MAX, &more.base);
    RIG_UNTIL(r, paris->closed);
    assert_int_equal(paris->goodbye, HOLDFAST__V1__GOODBYE__REASON__PROTOCOL);
}

static void a_message_before_welcome_ends_the_link(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_admit(r, "paris-1", PARIS);

    rig_dial(paris);
    rig_report(paris, 1);
    RIG_UNTIL(r, paris->closed);
    assert_int_equal(paris->goodbye, HOLDFAST__V1__GOODBYE__REASON__PROTOCOL);
}

// ---- Slow readers

#define LARGE ((size_t)1 << 20)
#define LARGE_COUNT 24 // more than a socket's buffers hold

struct large {
    char *texts[LARGE_COUNT + 1];
};

static void make_large(struct large *l, char with) {
    for (size_t i = 0; i < LARGE_COUNT; i++) {
        l->texts[i] = cm_new(1, LARGE + 1);
        memset(l->texts[i], with, LARGE);
        l->texts[i][0] = (char)('a' + i);
    }
    l->texts[LARGE_COUNT] = NULL;
}

static void free_large(struct large *l) {
    for (size_t i = 0; i < LARGE_COUNT; i++) {
        free(l->texts[i]);
    }
}

static void want_all(struct peer *p, const struct hub_publication *of) {
    struct cm_sha256 names[LARGE_COUNT];

    for (size_t i = 0; i < LARGE_COUNT; i++) {
        names[i] = rig_object(of, i);
    }
    rig_want(p, names, LARGE_COUNT);
}

static bool has_all(const struct peer *p, const struct hub_publication *of) {
    for (size_t i = 0; i < LARGE_COUNT; i++) {
        struct cm_sha256 name = rig_object(of, i);

        if (!rig_has(p, &name)) {
            return false;
        }
    }
    return true;
}

// Asks for all, and stops reading once the hub has begun to answer.
static void stall(struct peer *p, const struct hub_publication *of) {
    struct rig *r = p->rig;

    hub_sessions_publish(r->sessions, (struct hub_publication *)(uintptr_t)of);
    RIG_UNTIL(r, p->frames[WIRE_DESIRED] == 1);
    want_all(p, of);
    p->paused = true;
    RIG_UNTIL(r, session_of(r, p->id)->outgoing_count > 0);
}

static void a_slow_reader_is_bounded_and_slows_nobody(void **state) {
    struct rig *r = *state;
    struct peer *slow = rig_connect(r, "paris-1", PARIS);
    struct peer *quick = rig_connect(r, "rome-1", ROME);
    struct large large;
    make_large(&large, 'x');
    PUBLICATION *of_slow = rig_publication(r, slow, 1, (const char *const *)large.texts);
    PUBLICATION *of_quick = rig_publication(r, quick, 1, (const char *const *)large.texts);

    stall(slow, of_slow);
    hub_sessions_publish(r->sessions, of_quick);
    RIG_UNTIL(r, quick->frames[WIRE_DESIRED] == 1);
    want_all(quick, of_quick);
    RIG_UNTIL(r, has_all(quick, of_quick));
    const struct hub_session *session = session_of(r, PARIS);
    assert_true(cm_net_queued_bytes(session->conn) < 3 * WIRE_BLOB_PIECE);
    assert_true(session->outgoing_at < session->outgoing_count);
    slow->paused = false;
    RIG_UNTIL(r, has_all(slow, of_slow));
    free_large(&large);
}

static void a_state_that_was_replaced_while_it_waited_is_not_sent(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    struct large large;
    make_large(&large, 'x');
    PUBLICATION *first = rig_publication(r, paris, 1, (const char *const *)large.texts);
    PUBLICATION *second = rig_publication(r, paris, 2, red);
    PUBLICATION *third = rig_publication(r, paris, 3, blue);
    struct cm_sha256 last = rig_object(first, LARGE_COUNT - 1);

    stall(paris, first);
    hub_sessions_publish(r->sessions, second);
    hub_sessions_publish(r->sessions, third);
    paris->paused = false;
    RIG_UNTIL(r, paris->generation == 3);
    rig_ping(paris);
    assert_false(rig_has(paris, &last));
    free_large(&large);
}

// ---- When agents were heard last

static int64_t seen(struct rig *r, const char *which, int64_t began_ms) {
    CM_AUTOFREE char *sql = cm_strf("SELECT %s(seen_ms) FROM presence", which);

    return rig_count(r, sql) - began_ms;
}

static void heartbeats_are_written_once_a_minute_for_all(void **state) {
    struct rig *r = *state;
    int64_t began_ms = cm_clock_unix_ms();
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    struct peer *rome = rig_connect(r, "rome-1", ROME);

    cm_clock_advance(20000);
    rig_ping(paris);
    assert_int_equal(seen(r, "max", began_ms), 0);
    cm_clock_advance(20000);
    rig_ping(rome);
    cm_clock_advance(30000);
    rig_settle(r); // turns the loop, so the timer has fired
    assert_int_equal(seen(r, "max", began_ms), 40000);
    assert_int_equal(seen(r, "min", began_ms), 20000);
}

static void who_leaves_was_seen_when_he_was_heard_last(void **state) {
    struct rig *r = *state;
    int64_t began_ms = cm_clock_unix_ms();
    struct peer *paris = rig_connect(r, "paris-1", PARIS);

    cm_clock_advance(5000);
    rig_ping(paris);
    cm_clock_advance(7000);
    cm_net_close(paris->conn, false, "lost");
    RIG_UNTIL(r, paris->closed && session_of(r, PARIS) == NULL);
    assert_int_equal(seen(r, "max", began_ms), 5000);
    assert_int_equal(rig_count(r, "SELECT count(*) FROM presence WHERE connected"), 0);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

// ---- Looking

struct looked {
    size_t times;
    enum cm_rc code;
    char msg[200];
    char owner[200];
};

static void on_looked(void *ctx, const struct cm_err *err, const struct hub_looked *looked) {
    struct looked *l = ctx;

    l->times++;
    l->code = err->code;
    (void)snprintf(l->msg, sizeof(l->msg), "%.199s", err->code == CM_OK ? "" : err->msg);
    (void)snprintf(l->owner, sizeof(l->owner), "%s", looked->count > 0 ? looked->owners[0] : "");
}

static enum cm_rc look(struct rig *r, struct looked *out, struct cm_err *err) {
    static const char *const keys[] = {"ConfigMap/shop/a", "ConfigMap//b"};
    const struct hub_look_ask what = {"paris-1", "shop", keys, 2};

    return hub_sessions_look(r->sessions, &what, on_looked, out, err);
}

static void say_found(struct peer *p, uint32_t id) {
    char key[] = "ConfigMap//b";
    char owner[] = "Flux (Kustomization 'a/b')";
    Holdfast__V1__OwnedObject row;
    Holdfast__V1__OwnedObject *rows[] = {&row};
    Holdfast__V1__Found found;

    holdfast__v1__owned_object__init(&row);
    row.key = key;
    row.owner = owner;
    holdfast__v1__found__init(&found);
    found.id = id;
    found.objects = rows;
    found.n_objects = 1;
    rig_send(p, WIRE_FOUND, &found.base);
}

static void an_agent_is_asked_whose_objects_are(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    struct looked first = {0};
    struct looked second = {0};
    struct cm_err err;

    assert_int_equal(look(r, &first, &err), CM_OK);
    assert_int_equal(look(r, &second, &err), CM_EBUSY); // one at a time
    RIG_UNTIL(r, paris->frames[WIRE_LOOK] == 1);
    say_found(paris, paris->look + 7); // nobody asked for that
    say_found(paris, paris->look);
    RIG_UNTIL(r, first.times > 0);
    assert_int_equal(first.times, 1);
    assert_int_equal(first.code, CM_OK);
    assert_string_equal(first.owner, "Flux (Kustomization 'a/b')");
    assert_int_equal(second.times, 0);
    assert_int_equal(look(r, &second, &err), CM_OK);
    RIG_UNTIL(r, paris->frames[WIRE_LOOK] == 2);
    say_found(paris, paris->look);
    RIG_UNTIL(r, second.times > 0);
    assert_int_equal(second.code, CM_OK);
}

// ---- Proofs

struct proof {
    size_t times;
    enum hub_proof proof;
    char text[64];
};

static void on_proved(void *ctx, enum hub_proof proof, const char *text) {
    struct proof *p = ctx;

    p->times++;
    p->proof = proof;
    (void)snprintf(p->text, sizeof(p->text), "%s", text);
}

static enum cm_rc prove(struct rig *r, struct proof *out, struct cm_err *err) {
    const struct hub_prove_ask what = {.cluster = "paris-1",
                                       .app = "web",
                                       .key = "Deployment.apps/x/web",
                                       .controller = "flagger",
                                       .bytes = "{}",
                                       .size = 2};

    return hub_sessions_prove(r->sessions, &what, on_proved, out, err);
}

static void say_proven(struct peer *p, uint32_t id, Holdfast__V1__Proof proof) {
    char text[] = ".spec";
    Holdfast__V1__Proven m;

    holdfast__v1__proven__init(&m);
    m.id = id;
    m.proof = proof;
    m.text = text;
    rig_send(p, WIRE_PROVEN, &m.base);
}

static void an_agent_is_asked_what_a_form_would_be(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    struct proof first = {0};
    struct proof second = {0};
    struct cm_err err;

    assert_int_equal(prove(r, &first, &err), CM_OK);
    assert_int_equal(prove(r, &second, &err), CM_OK);
    RIG_UNTIL(r, paris->frames[WIRE_PROVE] == 2);
    say_proven(paris, paris->prove + 7, HOLDFAST__V1__PROOF__PROOF_SAME); // nobody asked for that
    say_proven(paris, paris->prove, HOLDFAST__V1__PROOF__PROOF_SAME);
    RIG_UNTIL(r, second.times > 0);
    assert_int_equal(second.proof, HUB_PROOF_SAME);
    assert_int_equal(first.times, 0);
    say_proven(paris, paris->prove - 1, HOLDFAST__V1__PROOF__PROOF_DIFFERENT);
    RIG_UNTIL(r, first.times > 0);
    assert_int_equal(first.proof, HUB_PROOF_DIFFERENT);
    assert_string_equal(first.text, ".spec");
}

static void no_proof_is_waited_for_in_vain(void **state) {
    struct rig *r = *state;
    struct proof out = {0};
    struct cm_err err;

    assert_int_equal(prove(r, &out, &err), CM_ENOTFOUND);
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    assert_int_equal(prove(r, &out, &err), CM_OK);
    RIG_UNTIL(r, paris->frames[WIRE_PROVE] == 1);
    cm_net_close(paris->conn, false, "gone");
    RIG_UNTIL(r, out.times > 0);
    assert_int_equal(out.proof, HUB_PROOF_NONE);
    assert_string_equal(out.text, "the agent went away");
    paris = rig_connect(r, "paris-1", PARIS);
    out.times = 0;
    assert_int_equal(prove(r, &out, &err), CM_OK);
    RIG_UNTIL(r, paris->frames[WIRE_PROVE] == 1);
    cm_clock_advance(3000); // it keeps silent
    RIG_UNTIL(r, out.times > 0);
    assert_string_equal(out.text, "the agent does not answer in time");
    hub_member_find(r->sessions, PARIS)->session->proves = false;
    assert_int_equal(prove(r, &out, &err), CM_EINVAL);
}

static void who_asks_an_agent_that_is_away_or_goes_is_told(void **state) {
    struct rig *r = *state;
    struct looked out = {0};
    struct cm_err err;

    assert_int_equal(look(r, &out, &err), CM_ENOTFOUND);
    assert_string_equal(err.msg, "no agent is connected");
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    assert_int_equal(look(r, &out, &err), CM_OK);
    cm_net_close(paris->conn, false, "gone");
    RIG_UNTIL(r, out.times == 1);
    assert_int_equal(out.code, CM_EBUSY);
    assert_string_equal(out.msg, "the agent went away");
}

static void an_agent_that_is_too_old_is_not_asked(void **state) {
    struct rig *r = *state;
    struct peer *paris = rig_connect(r, "paris-1", PARIS);
    struct looked out = {0};
    struct cm_err err;

    hub_member_find(r->sessions, PARIS)->session->looks = false;
    assert_int_equal(look(r, &out, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "too old"));
    assert_int_equal(paris->frames[WIRE_LOOK], 0);
}

static const struct CMUnitTest tests[] = {
    RIG_TEST(an_agent_is_told_what_is_frozen_before_what_is_in_force),
    RIG_TEST(an_agent_is_told_once_and_its_word_counts_for_what_it_was_told_last),
    RIG_TEST(an_agent_too_old_to_stop_is_sent_nothing_newer_while_it_is_frozen),
    RIG_TEST(more_freezes_than_a_message_holds_stop_all),
    RIG_TEST(an_agent_is_sent_what_is_in_force_when_it_connects),
    RIG_TEST(an_agent_that_enrolled_twice_is_sent_what_is_in_force),
    RIG_TEST(an_agent_that_holds_it_is_sent_nothing),
    RIG_TEST(an_agent_that_would_use_its_own_rights_is_sent_nothing_new),
    RIG_TEST(an_agent_that_impersonates_is_sent_an_app_with_an_account),
    RIG_TEST(an_agent_is_asked_whose_objects_are),
    RIG_TEST(who_asks_an_agent_that_is_away_or_goes_is_told),
    RIG_TEST(an_agent_that_is_too_old_is_not_asked),
    RIG_TEST(an_agent_is_asked_what_a_form_would_be),
    RIG_TEST(no_proof_is_waited_for_in_vain),
    RIG_TEST(what_the_agent_lacks_is_sent_ahead_of_a_new_state),
    RIG_TEST(an_agent_may_ask_while_much_is_sent_ahead),
    RIG_TEST(what_is_asked_for_twice_at_once_is_sent_once),
    RIG_TEST(names_that_are_made_up_use_up_the_allowance),
    RIG_TEST(an_older_publication_is_dropped),
    RIG_TEST(an_agent_that_is_ahead_is_told_of_and_sent_nothing),
    RIG_TEST(an_agent_that_is_ahead_and_lost_a_part_is_told_of_too),
    RIG_TEST(one_that_is_ahead_because_its_disk_is_new_is_known_for_it),
    RIG_TEST(one_that_lost_a_part_of_another_manifest_of_that_number_is_ahead),
    RIG_TEST(a_higher_epoch_does_not_make_up_for_a_lower_generation),
    RIG_TEST(an_agent_that_lost_a_part_of_what_is_in_force_is_sent_it_again),
    RIG_TEST(a_generation_that_leaves_no_room_above_it_ends_the_link),
    RIG_TEST(a_cluster_never_gets_what_only_another_one_has),
    RIG_TEST(a_publication_goes_to_the_id_that_it_was_made_for),
    RIG_TEST(a_key_that_is_not_in_the_table_is_refused),
    RIG_TEST(who_connects_again_replaces_himself),
    RIG_TEST(an_agent_of_another_version_than_before_is_an_event),
    RIG_TEST(who_connects_again_and_breaks_off_replaces_nobody),
    RIG_TEST(who_connects_again_and_is_turned_away_is_not_shown_as_connected),
    RIG_TEST(an_agent_whose_disk_is_an_older_copy_is_an_event),
    RIG_TEST(a_report_is_acknowledged_after_the_commit_and_not_before),
    RIG_TEST(a_journal_is_acknowledged_after_the_commit_and_not_before),
    RIG_TEST(a_journal_whose_numbers_do_not_count_up_ends_the_link),
    RIG_TEST(too_many_reports_at_once_end_the_link),
    RIG_TEST(a_full_report_within_another_ends_the_link),
    RIG_TEST(one_that_knows_no_protocol_of_ours_is_an_event_once_an_hour),
    RIG_TEST(each_row_that_a_full_report_marks_is_charged),
    RIG_TEST(an_agent_that_reports_too_much_is_sent_away_and_others_are_not),
    RIG_TEST(it_may_come_again_when_it_has_paused),
    RIG_TEST(who_finds_no_room_for_a_report_waits_and_slows_nobody),
    RIG_TEST(who_waits_longest_for_room_is_next),
    RIG_TEST(decisions_wait_for_room_too),
    RIG_TEST(an_agent_holds_no_more_than_its_share),
    RIG_TEST(the_report_of_who_went_while_it_waited_is_not_lost),
    RIG_TEST(an_agent_that_is_revoked_while_its_report_waits_is_cut_off),
    RIG_TEST(only_so_many_report_everything_anew_at_once),
    RIG_TEST(who_has_ended_his_full_report_makes_room_for_the_next),
    RIG_TEST(who_does_not_end_his_full_report_loses_his_place),
    RIG_TEST(who_comes_to_wait_does_not_keep_others_waiting),
    RIG_TEST(who_waits_long_for_a_place_is_asked_to_come_again),
    RIG_TEST(who_is_revoked_or_held_while_he_waits_for_a_place_gets_none),
    RIG_TEST(who_is_replaced_while_he_waits_for_a_place_gets_none),
    RIG_TEST(the_highest_protocol_that_both_know_holds),
    RIG_TEST(without_a_common_protocol_the_link_ends),
    RIG_TEST(what_only_a_hub_sends_ends_the_link),
    RIG_TEST(what_a_newer_agent_sends_beside_is_passed_over),
    RIG_TEST(before_welcome_nothing_is_passed_over),
    RIG_TEST(a_message_before_welcome_ends_the_link),
    RIG_TEST(a_slow_reader_is_bounded_and_slows_nobody),
    RIG_TEST(a_state_that_was_replaced_while_it_waited_is_not_sent),
    RIG_TEST(heartbeats_are_written_once_a_minute_for_all),
    RIG_TEST(who_leaves_was_seen_when_he_was_heard_last),
};

int main(void) {
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cm_net_done();
    return failed;
}
