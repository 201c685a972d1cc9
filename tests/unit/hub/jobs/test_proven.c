#include "common/buf.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/publication.h"
#include "hub/render/bundle.h"
#include "hub/store/agents.h"
#include "hub/store/db.h"
#include "hub/store/decisions.h"
#include "hub/store/proven.h"
#include "rig.h"

#define BEFORE "11111111-1111-4111-8111-111111111111"
#define NEW "22222222-2222-4222-8222-222222222222"
#define KEY "Deployment.apps/default/w"

static const char *const fleet[] = {"fleet", NULL};

static const struct hub_pair *pair_of(const struct hub_outcome *o) {
    assert_non_null(rig_change(o, "paris-1"));
    return &rig_change(o, "paris-1")->now->pairs[0];
}

// runs looks into the last object: ConfigMaps come before Deployments.
static bool runs(const struct hub_outcome *o, const char *text) {
    const struct hub_bundle_spec *spec = &pair_of(o)->bundle->spec;
    const struct cm_buf *bytes = spec->objects[spec->object_count - 1].bytes;

    return memmem(bytes->data, bytes->size, text, strlen(text)) != NULL;
}

// begin_canary has one release promoted on a cluster, and another one on its way.
static struct hub_proven_row begin_canary(struct rig *r) {
    struct hub_proven_row row = {.cluster = "paris-1",
                                 .agent = BEFORE,
                                 .app = "web",
                                 .key = KEY,
                                 .needs = KEY,
                                 .revision = "one"};

    rig_start(r, fleet);
    (void)rig_enroll(r, "paris-1", BEFORE);
    struct hub_outcome *o =
        rig_commit(r, "fleet", "cluster paris-1; app web; workload web w one a");
    row.bundle = pair_of(o)->bundle->sha256;
    assert_null(rig_prove(r, &row));
    (void)rig_commit(r, "fleet", "workload web w two a");
    return row;
}

static void who_is_built_anew_begins_with_what_was_promoted_on_it(void **state) {
    struct rig *r = *state;
    struct hub_proven_row row = begin_canary(r);
    struct hub_outcome *o = rig_enroll(r, "paris-1", NEW);

    assert_true(runs(o, "reg/one"));
    assert_string_equal(rig_change(o, "paris-1")->publication->cluster_id, NEW);
    assert_non_null(strstr(pair_of(o)->held, "reg/one instead of reg/two (the cluster's agent"));
    assert_int_equal(o->ask_count, 0); // Git needs to say nothing of it
    o = rig_commit(r, "fleet", "workload web w three b");
    assert_true(runs(o, "reg/one")); // nor with any other that comes meanwhile
    row.agent = NEW;
    o = rig_prove(r, &row);
    assert_true(runs(o, "reg/three"));
    assert_null(pair_of(o)->held);
}

static void it_does_so_after_a_restart_too(void **state) {
    struct rig *r = *state;

    (void)begin_canary(r);
    (void)rig_enroll(r, "paris-1", NEW);
    rig_start(r, fleet);
    struct hub_outcome *o = rig_begin(r);
    assert_int_equal(o->refreshed_count, 1); // it is as it shall be
    (void)rig_resume(r, "fleet");
    o = rig_commit(r, "fleet", "workload web w two b; config web z red");
    assert_int_equal(pair_of(o)->bundle->spec.object_count, 2);
    assert_true(runs(o, "reg/one"));
}

static void what_a_cluster_begins_with_stays_while_the_record_cannot_be_read(void **state) {
    struct rig *r = *state;

    (void)begin_canary(r);
    assert_true(runs(rig_enroll(r, "paris-1", NEW), "reg/one"));
    struct hub_outcome *o = hub_planner_enroll(r->planner, "paris-1", NEW, NULL);
    assert_int_equal(o->change_count, 0);
    hub_outcome_free(o);
    o = hub_planner_enroll(r->planner, "paris-1", "yet another", NULL); // anew, before it was done
    assert_true(runs(o, "reg/one"));
    hub_outcome_free(o);
    assert_true(runs(rig_commit(r, "fleet", "workload web w three b"), "reg/one"));
}

static void a_hub_that_was_killed_when_it_enrolled_offers_nothing_untried(void **state) {
    struct rig *r = *state;
    struct hub_agent_row row = {
        .id = NEW, .cluster = "paris-1", .key = cm_sha256(NEW, sizeof(NEW))};
    struct cm_err err;

    (void)begin_canary(r);
    assert_int_equal(hub_agents_enroll(r->db, &row, 1, &err), CM_OK);
    rig_start(r, fleet);
    assert_int_equal(rig_begin(r)->refreshed_count, 0);
    assert_true(runs(rig_commit(r, "fleet", "touch notes"), "reg/one"));
}

static void where_what_is_in_force_was_promoted_there_is_nothing_to_prove(void **state) {
    struct rig *r = *state;
    struct hub_proven_row row = begin_canary(r);
    struct hub_outcome *o = rig_commit(r, "fleet", "workload web w two c");

    row.bundle = pair_of(o)->bundle->sha256;
    assert_null(rig_prove(r, &row));
    assert_true(runs(rig_enroll(r, "paris-1", NEW), "reg/two"));
    assert_true(runs(rig_commit(r, "fleet", "workload web w three c"), "reg/three"));
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    assert_true(runs(rig_commit(r, "fleet", "workload web w four c"), "reg/four"));
}

static void nobody_waits_for_a_controller_that_git_does_not_have(void **state) {
    struct rig *r = *state;
    struct hub_proven_row row = begin_canary(r);

    row.needs = "Canary.flagger.app/default/w";
    assert_null(rig_prove(r, &row));
    assert_true(runs(rig_enroll(r, "paris-1", NEW), "reg/two"));
}

// reject_of has release two rejected by paris-1, of which release one runs; `all` is in Git first.
static struct hub_outcome *reject_of(struct rig *r, const char *all, char revision[65]) {
    struct hub_decision_row row = {.id = cm_sha256("one", 3),
                                   .cluster = "paris-1",
                                   .cluster_id = BEFORE,
                                   .app = "web",
                                   .key = KEY,
                                   .controller = "flagger",
                                   .verdict = "rejected",
                                   .provisional = true};

    rig_start(r, fleet);
    (void)rig_enroll(r, "paris-1", BEFORE);
    struct hub_outcome *o = rig_commit(r, "fleet", all);
    row.good_bundle = pair_of(o)->bundle->sha256;
    o = rig_commit(r, "fleet", "workload web w two a");
    row.bad_bundle = pair_of(o)->bundle->sha256;
    (void)snprintf(revision, 65, "%s", pair_of(o)->revision);
    row.bad_revision = revision;
    o = rig_decide(r, &row);
    assert_true(runs(o, "reg/one"));
    return o;
}

static struct hub_outcome *reject(struct rig *r) {
    char revision[65];

    return reject_of(r, "cluster paris-1; app web; workload web w one a", revision);
}

// ---- Clusters that are new

static const struct hub_pair *pair_on(const struct hub_outcome *o, const char *cluster) {
    assert_non_null(rig_change(o, cluster));
    return &rig_change(o, cluster)->now->pairs[0];
}

static bool runs_on(const struct hub_outcome *o, const char *cluster, const char *text) {
    const struct hub_bundle_spec *spec = &pair_on(o, cluster)->bundle->spec;
    const struct cm_buf *bytes = spec->objects[spec->object_count - 1].bytes;

    return memmem(bytes->data, bytes->size, text, strlen(text)) != NULL;
}

// reject_two returns the commit of what paris-1 rejected, while Git has rome-1 or not.
static const char *reject_two(struct rig *r, bool rome) {
    static char revision[65];

    (void)reject_of(r,
                    rome ? "cluster paris-1; cluster rome-1; app web; workload web w one a"
                         : "cluster paris-1; app web; workload web w one a",
                    revision);
    return revision;
}

static struct hub_proven_row promoted_on(const char *cluster, const char *revision) {
    return (struct hub_proven_row){.cluster = cluster,
                                   .agent = NEW,
                                   .app = "web",
                                   .key = KEY,
                                   .needs = KEY,
                                   .revision = revision,
                                   .bundle = cm_sha256("some", 4)};
}

static void who_comes_after_a_rejection_does_not_begin_with_what_was_rejected(void **state) {
    struct rig *r = *state;
    struct hub_outcome *o;

    (void)reject_two(r, false);
    (void)rig_enroll(r, "rome-1", NEW);
    o = rig_commit(r, "fleet", "cluster rome-1");
    assert_true(runs_on(o, "rome-1", "reg/one"));
    rig_start(r, fleet);
    assert_int_equal(rig_begin(r)->refreshed_count, 2); // both are as they shall be
    (void)rig_resume(r, "fleet");
    o = rig_commit(r, "fleet", "workload web w two b");
    assert_true(runs_on(o, "rome-1", "reg/one") && runs_on(o, "rome-1", "\"b\""));
    const struct hub_proven_row row = promoted_on("rome-1", "abc");
    o = rig_prove(r, &row);
    assert_true(runs_on(o, "rome-1", "reg/two"));
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    o = rig_commit(r, "fleet", "workload web w two c");
    assert_true(runs_on(o, "rome-1", "reg/two"));
    assert_true(runs_on(o, "paris-1", "reg/one"));
}

static void what_was_promoted_before_an_app_left_ends_nothing_when_it_comes_again(void **state) {
    struct rig *r = *state;
    const struct hub_proven_row row = promoted_on("rome-1", "abc");

    struct hub_proven_row other = row;

    other.key = other.needs = "Deployment.apps/default/else";
    (void)reject_two(r, true);
    (void)rig_enroll(r, "rome-1", NEW);
    (void)rig_prove(r, &row);
    (void)rig_commit(r, "fleet", "rm clusters/rome-1.yaml");
    assert_true(runs_on(rig_commit(r, "fleet", "cluster rome-1"), "rome-1", "reg/one"));
    assert_non_null(rig_prove(r, &other)); // nobody waits for it, but all of the App is looked at
    assert_true(runs_on(rig_commit(r, "fleet", "workload web w two b"), "rome-1", "reg/one"));
    (void)rig_prove(r, &row);
    assert_true(runs_on(rig_commit(r, "fleet", "workload web w two c"), "rome-1", "reg/two"));
}

// reject_too has another release rejected as well.
static void reject_too(struct rig *r, const char *revision) {
    struct cm_err err;

    assert_int_equal(
        hub_db_run(r->db, &err,
                   "INSERT INTO decision (id, cluster, cluster_id, app, key, controller,"
                   " controller_key, verdict, bad, good, bad_bundle, good_bundle, bad_revision,"
                   " good_revision, good_object, text, weight, at_ms, seen_ms, actor, provisional,"
                   " settled, why, hold) SELECT randomblob(32), cluster, cluster_id, app, key,"
                   " controller, controller_key, verdict, bad, good, bad_bundle, good_bundle, ?1,"
                   " good_revision, good_object, text, weight, at_ms, seen_ms, actor, provisional,"
                   " settled, why, hold FROM decision",
                   "t", revision),
        CM_OK);
}

static void what_was_promoted_before_ends_nothing_after_a_restart(void **state) {
    struct rig *r = *state;
    const struct hub_proven_row row = promoted_on("rome-1", "abc");

    (void)reject_two(r, true);
    (void)rig_enroll(r, "rome-1", NEW);
    (void)rig_prove(r, &row);
    reject_too(r, "abc"); // so it is kept that this was promoted
    (void)rig_commit(r, "fleet", "rm clusters/rome-1.yaml");
    assert_true(runs_on(rig_commit(r, "fleet", "cluster rome-1"), "rome-1", "reg/one"));
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    assert_true(runs_on(rig_commit(r, "fleet", "workload web w two b"), "rome-1", "reg/one"));
}

static void a_hub_that_was_killed_when_that_was_promoted_goes_on(void **state) {
    struct rig *r = *state;
    const struct hub_proven_row row = promoted_on("rome-1", "abc");
    bool earlier = false;
    struct cm_err err;

    (void)reject_two(r, true);
    assert_true(runs_on(rig_enroll(r, "rome-1", NEW), "rome-1", "reg/one"));
    assert_int_equal(hub_proven_put(r->db, &row, &earlier, &err), CM_OK);
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    assert_true(runs_on(rig_commit(r, "fleet", "workload web w two b"), "rome-1", "reg/two"));
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    assert_true(runs_on(rig_commit(r, "fleet", "workload web w two c"), "rome-1", "reg/two"));
}

static void who_gets_its_first_agent_after_a_rejection_does_not_begin_with_it(void **state) {
    struct rig *r = *state;

    (void)reject_two(r, true);
    struct hub_outcome *o = rig_enroll(r, "rome-1", NEW);
    assert_true(runs_on(o, "rome-1", "reg/one"));
    assert_string_equal(rig_change(o, "rome-1")->publication->cluster_id, NEW);
}

static void a_hub_that_was_killed_when_it_enrolled_does_not_offer_it(void **state) {
    struct rig *r = *state;
    struct hub_agent_row row = {.id = NEW, .cluster = "rome-1", .key = cm_sha256(NEW, sizeof(NEW))};
    struct cm_err err;

    (void)reject_two(r, true);
    assert_int_equal(hub_agents_enroll(r->db, &row, 1, &err), CM_OK);
    rig_start(r, fleet);
    assert_int_equal(rig_begin(r)->refreshed_count, 1); // paris-1
    assert_true(runs_on(rig_commit(r, "fleet", "touch notes"), "rome-1", "reg/one"));
}

static void what_somebody_promoted_a_new_cluster_begins_with(void **state) {
    struct rig *r = *state;
    const struct hub_proven_row row = promoted_on("oslo-1", reject_two(r, false));

    (void)rig_enroll(r, "oslo-1", NEW);
    (void)rig_commit(r, "fleet", "cluster rome-1");
    struct hub_outcome *o = rig_prove(r, &row);
    assert_true(runs_on(o, "rome-1", "reg/two"));
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    assert_true(runs_on(rig_commit(r, "fleet", "cluster bern-1"), "bern-1", "reg/two"));
}

static void what_was_promoted_before_somebody_rejected_it_is_begun_with(void **state) {
    struct rig *r = *state;
    const struct hub_proven_row row = promoted_on("oslo-1", "abc");
    struct hub_decision_row rejected = {.id = cm_sha256("one", 3),
                                        .cluster = "paris-1",
                                        .cluster_id = BEFORE,
                                        .app = "web",
                                        .key = KEY,
                                        .controller = "flagger",
                                        .verdict = "rejected",
                                        .bad_revision = "abc",
                                        .provisional = true};

    rig_start(r, fleet);
    (void)rig_enroll(r, "paris-1", BEFORE);
    (void)rig_enroll(r, "oslo-1", NEW);
    struct hub_outcome *o =
        rig_commit(r, "fleet", "cluster paris-1; app web; workload web w one a");
    rejected.good_bundle = pair_of(o)->bundle->sha256;
    rejected.bad_bundle = pair_of(rig_commit(r, "fleet", "workload web w two a"))->bundle->sha256;
    assert_null(rig_prove(r, &row));
    assert_true(runs(rig_decide(r, &rejected), "reg/one"));
    assert_true(runs_on(rig_commit(r, "fleet", "cluster rome-1"), "rome-1", "reg/two"));
}

// ---- Who has the name of another one

static void what_a_cluster_rejected_is_kept_out_of_who_has_its_name_then(void **state) {
    struct rig *r = *state;

    (void)reject(r);
    (void)rig_commit(r, "fleet", "rm clusters/paris-1.yaml");
    (void)rig_enroll(r, "paris-1", NEW);
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    assert_true(runs(rig_commit(r, "fleet", "cluster paris-1"), "reg/one"));
}

// begin_unknown has a release rejected by an agent that knows of none before.
static struct hub_decision_row begin_unknown(struct rig *r) {
    struct hub_proven_row promoted = begin_canary(r);

    return (struct hub_decision_row){.id = cm_sha256("one", 3),
                                     .cluster = promoted.cluster,
                                     .cluster_id = BEFORE,
                                     .app = "web",
                                     .key = KEY,
                                     .controller = "flagger",
                                     .verdict = "rejected",
                                     .bad_bundle = pair_of(r->last)->bundle->sha256,
                                     .provisional = true};
}

static const char *good(const char *image) {
    static char text[256];

    (void)snprintf(
        text, sizeof(text),
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"w\"},"
        "\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"image\":\"%s\",\"name\":"
        "\"main\"}]}}}}",
        image);
    return text;
}

static void where_the_agent_knows_nothing_what_was_promoted_there_is_restored(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_unknown(r);
    struct hub_outcome *o = rig_decide(r, &row);

    assert_true(runs(o, "reg/one"));
    assert_non_null(strstr(pair_of(o)->held, "reg/one instead of reg/two"));
    assert_true(runs(rig_commit(r, "fleet", "workload web w two b"), "reg/one"));
}

static void what_runs_counts_more_than_what_was_promoted_there(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_unknown(r);

    row.good_object = good("reg/half");
    row.good_object_size = strlen(row.good_object);
    assert_true(runs(rig_decide(r, &row), "reg/half"));
}

static void what_was_promoted_there_is_restored_whole_if_it_is_what_runs(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_unknown(r);

    row.bad_bundle = pair_of(rig_commit(r, "fleet", "workload web w two b"))->bundle->sha256;
    row.good_object = good("reg/one");
    row.good_object_size = strlen(row.good_object);
    struct hub_outcome *o = rig_decide(r, &row);
    assert_true(runs(o, "reg/one") && runs(o, "\"a\""));
}

static void it_is_so_if_nobody_had_the_name_when_the_hub_started(void **state) {
    struct rig *r = *state;
    struct cm_err err;

    (void)reject(r);
    (void)rig_commit(r, "fleet", "rm clusters/paris-1.yaml");
    assert_int_equal(hub_db_run(r->db, &err, "DELETE FROM agent", ""), CM_OK);
    assert_int_equal(hub_db_run(r->db, &err, "DELETE FROM pair", ""), CM_OK);
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    (void)rig_enroll(r, "paris-1", NEW);
    assert_true(runs(rig_commit(r, "fleet", "cluster paris-1"), "reg/one"));
}

// put_asked commits the file that was asked for.
static void put_asked(struct rig *r, const struct hub_hold_ask *ask) {
    CM_AUTOFREE char *script =
        cm_strf("mkdir -p holds/web; cat >%s <<'END'\n%s\nEND", ask->path, ask->text);

    (void)rig_commit(r, "fleet", script);
}

// assert_goes tells whether a file is to be taken out, and why.
static void assert_goes(const struct hub_outcome *o, const char *path, const char *why) {
    assert_int_equal(o->ask_count, 1);
    assert_null(o->asks[0].text);
    assert_string_equal(o->asks[0].path, path);
    assert_string_equal(o->asks[0].why, why);
}

static void a_hold_goes_with_the_last_of_its_clusters_and_comes_back_with_the_name(void **state) {
    struct rig *r = *state;
    const struct hub_hold_ask *asked = &reject(r)->asks[0];
    CM_AUTOFREE char *path = cm_strdup(asked->path);

    put_asked(r, asked);
    assert_goes(rig_commit(r, "fleet", "rm clusters/paris-1.yaml"), path,
                "no cluster of it has App 'web' any more");
    CM_AUTOFREE char *gone = cm_strf("rm %s", path);
    (void)rig_commit(r, "fleet", gone);
    struct hub_outcome *o = rig_commit(r, "fleet", "cluster paris-1");
    assert_true(runs(o, "reg/one"));
    assert_int_equal(o->ask_count, 1);
    assert_non_null(o->asks[0].text);
}

static void a_hold_goes_with_what_ran_the_release(void **state) {
    struct rig *r = *state;
    const struct hub_hold_ask *asked = &reject(r)->asks[0];
    CM_AUTOFREE char *path = cm_strdup(asked->path);

    put_asked(r, asked);
    assert_goes(rig_commit(r, "fleet", "rm apps/web/w.yaml; workload web other three a"), path,
                KEY " is gone");
}

// What another record keeps is not this hub's to take out.
static void a_hold_stays_without_its_clusters_if_no_decision_is_known(void **state) {
    struct rig *r = *state;
    struct cm_err err;

    put_asked(r, &reject(r)->asks[0]);
    assert_int_equal(hub_db_run(r->db, &err, "DELETE FROM decision", ""), CM_OK);
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    assert_int_equal(rig_commit(r, "fleet", "rm clusters/paris-1.yaml")->ask_count, 0);
}

int main(void) {
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)
    const struct CMUnitTest tests[] = {
        RIG_TEST(who_is_built_anew_begins_with_what_was_promoted_on_it),
        RIG_TEST(it_does_so_after_a_restart_too),
        RIG_TEST(what_a_cluster_begins_with_stays_while_the_record_cannot_be_read),
        RIG_TEST(a_hub_that_was_killed_when_it_enrolled_offers_nothing_untried),
        RIG_TEST(where_what_is_in_force_was_promoted_there_is_nothing_to_prove),
        RIG_TEST(nobody_waits_for_a_controller_that_git_does_not_have),
        RIG_TEST(where_the_agent_knows_nothing_what_was_promoted_there_is_restored),
        RIG_TEST(what_runs_counts_more_than_what_was_promoted_there),
        RIG_TEST(what_was_promoted_there_is_restored_whole_if_it_is_what_runs),
        RIG_TEST(who_comes_after_a_rejection_does_not_begin_with_what_was_rejected),
        RIG_TEST(what_was_promoted_before_an_app_left_ends_nothing_when_it_comes_again),
        RIG_TEST(what_was_promoted_before_ends_nothing_after_a_restart),
        RIG_TEST(a_hub_that_was_killed_when_that_was_promoted_goes_on),
        RIG_TEST(who_gets_its_first_agent_after_a_rejection_does_not_begin_with_it),
        RIG_TEST(a_hub_that_was_killed_when_it_enrolled_does_not_offer_it),
        RIG_TEST(what_somebody_promoted_a_new_cluster_begins_with),
        RIG_TEST(what_was_promoted_before_somebody_rejected_it_is_begun_with),
        RIG_TEST(what_a_cluster_rejected_is_kept_out_of_who_has_its_name_then),
        RIG_TEST(it_is_so_if_nobody_had_the_name_when_the_hub_started),
        RIG_TEST(a_hold_goes_with_the_last_of_its_clusters_and_comes_back_with_the_name),
        RIG_TEST(a_hold_goes_with_what_ran_the_release),
        RIG_TEST(a_hold_stays_without_its_clusters_if_no_decision_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
