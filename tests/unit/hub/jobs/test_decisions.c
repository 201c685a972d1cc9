// What controllers in clusters did with releases: events, verdicts, and each of them once.
#include "hub/jobs/decisions.h"

#include "desk.h"

#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"

#define RUN "9d0e5c4e-3f0f-4d2b-9a0b-1d2c3b4a5f60"
#define KEY "Deployment.apps/default/web"

#define REJECTED HOLDFAST__V1__VERDICT__REJECTED
#define PROMOTED HOLDFAST__V1__VERDICT__PROMOTED
#define WEIGHT HOLDFAST__V1__VERDICT__WEIGHT

enum { MOST = 300 };

struct draft {
    struct cm_arena *arena;
    Holdfast__V1__Decisions *m;
};

struct outcome {
    size_t count;
    enum cm_rc code;
    struct hub_decisions_result result;
};

static struct draft begin(void) {
    struct draft d = {.arena = cm_arena_new(0)};

    d.m = cm_arena_get(d.arena, sizeof(*d.m));
    holdfast__v1__decisions__init(d.m);
    d.m->run = cm_arena_strdup(d.arena, RUN);
    d.m->decisions = cm_arena_get(d.arena, MOST * sizeof(void *));
    return d;
}

static ProtobufCBinaryData hash_of(struct draft *d, const char *text) {
    struct cm_sha256 hash = cm_sha256(text, strlen(text));
    uint8_t *copy = cm_arena_get(d->arena, sizeof(hash.bytes));

    memcpy(copy, hash.bytes, sizeof(hash.bytes));
    return (ProtobufCBinaryData){.len = sizeof(hash.bytes), .data = copy};
}

static Holdfast__V1__Decision *add(struct draft *d, uint64_t number, Holdfast__V1__Verdict verdict,
                                   const char *id) {
    Holdfast__V1__Decision *one = cm_arena_get(d->arena, sizeof(*one));

    holdfast__v1__decision__init(one);
    one->number = number;
    one->id = hash_of(d, id);
    one->app = cm_arena_strdup(d->arena, "web");
    one->key = cm_arena_strdup(d->arena, KEY);
    one->controller = cm_arena_strdup(d->arena, "flagger");
    one->verdict = verdict;
    one->bad_revision = cm_arena_strdup(d->arena, "bbbbbbbbbb");
    one->good_revision = cm_arena_strdup(d->arena, "aaaaaaaaaa");
    one->text = cm_arena_strdup(d->arena, "its words");
    one->weight = verdict == WEIGHT ? 10 : -1;
    one->provisional = verdict == REJECTED;
    d->m->decisions[d->m->n_decisions++] = one;
    return one;
}

static void on_done(void *ctx, const struct cm_err *err,
                    const struct hub_decisions_result *result) {
    struct outcome *o = ctx;

    o->count++;
    o->code = err->code;
    o->result = *result;
}

static struct outcome commit(struct desk *d, struct draft *m) {
    struct outcome o = {0};

    hub_decisions_commit(d->store, "paris-1", "id-1", m->arena, m->m,
                         &(struct hub_decisions_done){.done = on_done, .ctx = &o});
    desk_settle(d);
    assert_int_equal(o.count, 1);
    assert_int_equal(o.code, CM_OK);
    return o;
}

static int open_with_agent(void **state) {
    int rc = desk_open(state);

    desk_run(*state, "INSERT INTO presence (cluster, connected, seen_ms, version, driver, target,"
                     " address) VALUES ('paris-1', 1, 1, '', '', '', '')");
    desk_run(*state, "INSERT INTO pair (cluster, app, bundle, repo, revision, generation, objects,"
                     " suspend, stale) VALUES ('paris-1', 'web', x'', 'fleet', '', 1, 1, 0, 0)");
    return rc;
}

static void a_rejection_is_an_event_with_the_words_of_its_controller(void **state) {
    struct desk *d = *state;
    struct draft m = begin();

    (void)add(&m, 7, REJECTED, "one");
    struct outcome o = commit(d, &m);
    assert_int_equal(o.result.counts[REJECTED], 1);
    assert_int_equal(o.result.provisional, 1);
    assert_int_equal(
        desk_count(d, "SELECT count(*) FROM event WHERE kind = 'release.rejected' AND cluster ="
                      " 'paris-1' AND app = 'web' AND revision = 'bbbbbbbbbb' AND message ="
                      " 'flagger rejected bbbbbbb, aaaaaaa runs on: its words'"),
        1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM decision WHERE provisional = 1 AND settled"
                                   " = 0 AND cluster_id = 'id-1'"),
                     1);
}

static void the_same_twice_is_one_by_its_number_and_by_its_id(void **state) {
    struct desk *d = *state;
    struct draft first = begin();
    struct draft again = begin();
    struct draft other = begin();

    (void)add(&first, 7, REJECTED, "one");
    (void)commit(d, &first);
    (void)add(&again, 7, REJECTED, "two"); // a number that was committed
    assert_int_equal(commit(d, &again).result.provisional, 0);
    (void)add(&other, 8, REJECTED, "one"); // a disk that was lost
    assert_int_equal(commit(d, &other).result.provisional, 0);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event"), 1);
}

static void what_failed_and_serves_needs_people_until_a_release_is_promoted(void **state) {
    static const char needs[] = "SELECT count(*) FROM needs_human WHERE app = 'web' AND why LIKE"
                                " 'flagger failed to promote, and left serving, bbbbbbb: its"
                                " words: commit another release%'";
    struct desk *d = *state;
    struct draft failed = begin();
    struct draft other = begin();
    struct draft promoted = begin();

    (void)add(&failed, 1, HOLDFAST__V1__VERDICT__FAILED_FORWARD, "one");
    (void)commit(d, &failed);
    assert_int_equal(desk_count(d, needs), 1);
    add(&other, 2, PROMOTED, "two")->key = cm_arena_strdup(other.arena, "Deployment.apps/b/c");
    (void)commit(d, &other);
    assert_int_equal(desk_count(d, needs), 1);
    (void)add(&promoted, 3, PROMOTED, "three");
    (void)commit(d, &promoted);
    assert_int_equal(desk_count(d, needs), 0);
}

static void who_waits_for_somebody_is_noted_until_he_does_anything_else(void **state) {
    static const char waits[] = "SELECT count(*) FROM needs_human WHERE waits = 1 AND why LIKE"
                                " 'since 1970-01-01T00:00:01% flagger waits for somebody to let it"
                                " go on with bbbbbbb (30 %): its words' AND at_ms = 1000";
    struct desk *d = *state;
    struct draft waiting = begin();
    struct draft restarted = begin();
    struct draft started = begin();

    Holdfast__V1__Decision *one = add(&waiting, 1, HOLDFAST__V1__VERDICT__WAITING, "one");
    one->weight = 30;
    one->at_ms = 1000;
    assert_int_equal(commit(d, &waiting).result.provisional, 0);
    assert_int_equal(desk_count(d, waits), 1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event WHERE kind = 'release.waiting'"), 1);
    (void)add(&restarted, 2, HOLDFAST__V1__VERDICT__RESTARTED, "two");
    (void)commit(d, &restarted);
    assert_int_equal(desk_count(d, waits), 1);
    (void)add(&started, 3, HOLDFAST__V1__VERDICT__STARTED, "three");
    (void)commit(d, &started);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM needs_human"), 0);
}

// That another release goes on settles nothing of one that failed and serves.
static void that_a_release_goes_on_ends_no_other_need(void **state) {
    struct desk *d = *state;
    struct draft m = begin();

    (void)add(&m, 1, HOLDFAST__V1__VERDICT__FAILED_FORWARD, "one");
    (void)add(&m, 2, HOLDFAST__V1__VERDICT__STARTED, "two");
    (void)commit(d, &m);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM needs_human WHERE waits = 0"), 1);
}

// An agent without a link tells a whole canary at once when it has one again.
static void shares_of_traffic_are_all_on_record_and_become_events_now_and_then(void **state) {
    struct desk *d = *state;
    struct draft m = begin();

    (void)add(&m, 1, WEIGHT, "one");
    add(&m, 2, WEIGHT, "two")->weight = 20;
    add(&m, 3, WEIGHT, "three")->weight = 20;
    (void)commit(d, &m);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event WHERE kind = 'release.weight'"), 1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM decision WHERE verdict = 'weight'"), 2);
    assert_int_equal(desk_count(d, "SELECT weight FROM decision ORDER BY number DESC LIMIT 1"), 20);
}

// Values that wait to be written to the state repository are part of what was decided.
static void an_edge_ends_the_wait_of_what_waits_to_be_written_and_a_share_does_not(void **state) {
    struct desk *d = *state;
    struct draft share = begin();
    struct draft edge = begin();

    desk_run(d, "INSERT OR REPLACE INTO unobserved (cluster, app, due_ms) VALUES"
                " ('paris-1', 'web', 5), ('paris-1', 'api', 5)");
    (void)add(&share, 1, WEIGHT, "one");
    (void)commit(d, &share);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM unobserved WHERE due_ms = 5"), 2);
    (void)add(&edge, 2, PROMOTED, "two");
    (void)commit(d, &edge);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM unobserved WHERE app = 'web' AND"
                                   " due_ms = 0"),
                     1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM unobserved WHERE due_ms = 5"), 1);
}

static void a_step_without_a_share_is_told_as_one(void **state) {
    struct desk *d = *state;
    struct draft m = begin();
    char third[] = "iteration 3 of 10";
    char fourth[] = "iteration 4 of 10";
    Holdfast__V1__Decision *step = add(&m, 1, WEIGHT, "one");

    step->weight = -1;
    step->text = third;
    step = add(&m, 2, WEIGHT, "two");
    step->weight = -1;
    step->text = fourth;
    (void)commit(d, &m);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM decision WHERE verdict = 'weight'"), 2);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event WHERE kind = 'release.weight' AND"
                                   " message LIKE '%is a step further with%: iteration 3 of 10'"),
                     1);
}

static void a_share_is_news_again_once_another_release_has_begun(void **state) {
    struct desk *d = *state;
    struct draft m = begin();

    (void)add(&m, 1, WEIGHT, "one");
    (void)add(&m, 2, HOLDFAST__V1__VERDICT__STARTED, "two");
    (void)add(&m, 3, WEIGHT, "three");
    (void)commit(d, &m);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM decision WHERE verdict = 'weight'"), 2);
}

static void what_is_only_observed_is_told_and_nothing_is_done_about_it(void **state) {
    struct desk *d = *state;
    struct draft m = begin();

    add(&m, 1, REJECTED, "one")->observed = true;
    add(&m, 2, HOLDFAST__V1__VERDICT__FAILED_FORWARD, "two")->observed = true;
    Holdfast__V1__Decision *late = add(&m, 3, HOLDFAST__V1__VERDICT__TIMED_OUT, "three");
    late->controller = cm_arena_strdup(m.arena, "deployment");
    late->observed = true;
    struct outcome o = commit(d, &m);
    assert_int_equal(o.result.provisional, 0);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM decision WHERE provisional = 0"), 3);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM needs_human"), 0);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event WHERE kind = 'release.rejected' AND"
                                   " message LIKE '% only observes, so nothing keeps it out)'"),
                     1);
}

static void what_people_have_replaced_becomes_an_event_in_their_name(void **state) {
    struct desk *d = *state;
    struct draft m = begin();

    add(&m, 1, HOLDFAST__V1__VERDICT__RESTARTED, "one")->actor =
        cm_arena_strdup(m.arena, "kubectl");
    (void)commit(d, &m);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event WHERE kind = 'release.restarted' AND"
                                   " actor = 'kubectl' AND message LIKE"
                                   " 'flagger was told to replace the pods of bbbbbbb%'"),
                     1);
}

static void nothing_was_decided_after_it_was_heard_of(void **state) {
    struct desk *d = *state;
    struct draft m = begin();

    add(&m, 1, REJECTED, "ahead")->at_ms = cm_clock_unix_ms() + 3600000;
    add(&m, 2, PROMOTED, "mad")->at_ms = INT64_MAX;
    add(&m, 3, PROMOTED, "none")->at_ms = 0;
    add(&m, 4, PROMOTED, "before")->at_ms = 5;
    (void)commit(d, &m);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM decision WHERE at_ms = seen_ms"), 3);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM decision WHERE at_ms = 5"), 1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event WHERE happened_ms <= at_ms AND"
                                   " message LIKE '%: its words (at %, says a clock there that is"
                                   " ahead)'"),
                     2);
}

static void what_is_kept_of_a_cluster_is_bounded(void **state) {
    struct desk *d = *state;

    for (uint64_t i = 1; i < 5; i++) {
        struct draft m = begin();

        for (uint64_t k = 0; k < 60; k++) {
            CM_AUTOFREE char *id = cm_strf("%d", (int)(100 * i + k));
            (void)add(&m, 100 * i + k, HOLDFAST__V1__VERDICT__STARTED, id);
        }
        (void)commit(d, &m);
    }
    assert_int_equal(desk_count(d, "SELECT count(*) FROM decision"), 200);
}

static const char object[] =
    "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"image\":\"reg/b:2\",\"name\":\"b\"},{"
    "\"image\":\"reg/a:1\",\"name\":\"a\"}]}}}}";

static void a_release_is_known_by_its_images_and_the_last_word_counts(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct desk *d = *state;
    struct draft m = begin();

    assert_string_equal(hub_release_identity(a, object, strlen(object)), "a=reg/a:1 b=reg/b:2");
    assert_string_equal(hub_release_identity(a, "[", 1), "");
    CM_AUTOFREE char *hex = cm_hex(hash_of(&m, object).data, CM_SHA256_SIZE);
    CM_AUTOFREE char *sql =
        cm_strf("INSERT INTO blob (sha256, bytes) VALUES (x'%s', '%s')", hex, object);
    desk_run(d, sql);
    add(&m, 1, PROMOTED, "one")->good_sha256 = hash_of(&m, object);
    add(&m, 2, REJECTED, "two")->bad_sha256 = hash_of(&m, object);
    add(&m, 3, REJECTED, "three")->bad_sha256 = hash_of(&m, "nobody has this");
    (void)commit(d, &m);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM verdict WHERE cluster_id = 'id-1' AND app"
                                   " = 'web' AND verdict = 'rejected' AND identity ="
                                   " 'a=reg/a:1 b=reg/b:2'"),
                     1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM verdict"), 2);
}

static void what_runs_must_be_what_it_is_called(void **state) {
    struct desk *d = *state;
    struct draft m = begin();
    Holdfast__V1__Decision *one = add(&m, 1, REJECTED, "one");
    Holdfast__V1__Decision *two = add(&m, 2, REJECTED, "two");

    one->good_sha256 = hash_of(&m, object);
    two->good_sha256 = hash_of(&m, "something else");
    one->good_object = two->good_object = (ProtobufCBinaryData){
        .len = strlen(object), .data = (uint8_t *)cm_arena_strdup(m.arena, object)};
    (void)commit(d, &m);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM decision WHERE good_object = ''"), 0);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM decision WHERE length(good_object) = 0"),
                     1);
}

static void what_does_not_come_up_is_looked_at_where_no_other_controller_leads_it(void **state) {
    static const char *const controllers[] = {"deployment", "statefulset", "argo-rollouts"};
    struct desk *d = *state;
    struct draft m = begin();

    for (size_t i = 0; i < 3; i++) {
        add(&m, i + 1, HOLDFAST__V1__VERDICT__TIMED_OUT, controllers[i])->controller =
            cm_arena_strdup(m.arena, controllers[i]);
    }
    assert_int_equal(commit(d, &m).result.provisional, 2);
    assert_int_equal(
        desk_count(d, "SELECT provisional FROM decision WHERE controller = 'argo-rollouts'"), 0);
}

static void a_deployment_that_comes_up_after_all_is_not_what_a_new_agent_begins_with(void **state) {
    struct desk *d = *state;
    struct draft m = begin();
    Holdfast__V1__Decision *up = add(&m, 1, PROMOTED, "up");

    up->controller = cm_arena_strdup(m.arena, "deployment");
    up->good_bundle = hash_of(&m, "good");
    assert_int_equal(commit(d, &m).result.provisional, 1);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM proven"), 0);
}

static void what_a_controller_goes_back_to_is_what_runs_until_it_promotes(void **state) {
    static const char good[] = "{\"spec\":{\"containers\":[{\"image\":\"reg/web:1\"}]}}";
    static const char runs[] =
        "SELECT count(*) FROM past_now n JOIN past_value_image v ON v.value ="
        " n.value WHERE n.axis = 4";
    struct desk *d = *state;
    struct draft rejected = begin();
    struct draft promoted = begin();
    struct draft setup = begin();
    ProtobufCBinaryData bad = hash_of(&setup, "bad");
    char hex[2 * CM_SHA256_SIZE + 1] = "";

    for (size_t i = 0; i < bad.len; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", bad.data[i]);
    }
    CM_AUTOFREE char *put = cm_strf("INSERT INTO object (cluster, app, key, sha256, health,"
                                    " message, at_ms) VALUES ('paris-1', 'web', '" KEY "',"
                                    " x'%s', 2, '', 1)",
                                    hex);
    desk_run(d, put);
    desk_run(d, "INSERT INTO status (cluster, app, bundle, revision, applied, message, health,"
                " health_message, objects, drifted, at_ms) VALUES ('paris-1', 'web', x'', 'r', 3,"
                " '', 2, '', 1, 0, 1)");
    Holdfast__V1__Decision *one = add(&rejected, 1, REJECTED, "one");
    one->bad_sha256 = hash_of(&rejected, "bad");
    one->good_object.len = strlen(good);
    one->good_object.data = (uint8_t *)cm_arena_strdup(rejected.arena, good);
    (void)commit(d, &rejected);
    assert_int_equal(desk_count(d, runs), 1);
    (void)add(&promoted, 2, PROMOTED, "two");
    (void)commit(d, &promoted);
    assert_int_equal(desk_count(d, runs), 0);
    cm_arena_free(setup.arena);
}

static void what_makes_no_sense_is_passed_over(void **state) {
    struct desk *d = *state;
    struct draft m = begin();

    add(&m, 1, REJECTED, "one")->id.len = 0;
    (void)add(&m, 2, (Holdfast__V1__Verdict)77, "two"); // of a newer agent
    add(&m, 3, REJECTED, "three")->app = (char *)(uintptr_t) "";
    assert_int_equal(commit(d, &m).result.provisional, 0);
    assert_int_equal(desk_count(d, "SELECT count(*) FROM event"), 0);
    assert_int_equal(desk_count(d, "SELECT decided FROM presence"), 3);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_with_agent, desk_close)
    const struct CMUnitTest tests[] = {
        TEST(a_rejection_is_an_event_with_the_words_of_its_controller),
        TEST(the_same_twice_is_one_by_its_number_and_by_its_id),
        TEST(what_failed_and_serves_needs_people_until_a_release_is_promoted),
        TEST(who_waits_for_somebody_is_noted_until_he_does_anything_else),
        TEST(that_a_release_goes_on_ends_no_other_need),
        TEST(shares_of_traffic_are_all_on_record_and_become_events_now_and_then),
        TEST(an_edge_ends_the_wait_of_what_waits_to_be_written_and_a_share_does_not),
        TEST(a_step_without_a_share_is_told_as_one),
        TEST(a_share_is_news_again_once_another_release_has_begun),
        TEST(what_is_only_observed_is_told_and_nothing_is_done_about_it),
        TEST(what_people_have_replaced_becomes_an_event_in_their_name),
        TEST(nothing_was_decided_after_it_was_heard_of),
        TEST(what_is_kept_of_a_cluster_is_bounded),
        TEST(a_release_is_known_by_its_images_and_the_last_word_counts),
        TEST(what_runs_must_be_what_it_is_called),
        TEST(what_does_not_come_up_is_looked_at_where_no_other_controller_leads_it),
        TEST(a_deployment_that_comes_up_after_all_is_not_what_a_new_agent_begins_with),
        TEST(what_a_controller_goes_back_to_is_what_runs_until_it_promotes),
        TEST(what_makes_no_sense_is_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
