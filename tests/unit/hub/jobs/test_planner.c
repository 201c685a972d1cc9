// What the planner publishes, and when: over restarts, lost mirrors and other configurations.
#include "rig.h"

#include "common/arena.h"
#include "common/buf.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/publication.h"
#include "hub/jobs/seed.h"
#include "hub/render/bundle.h"
#include "hub/store/intents.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

#define PARIS "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0001"
#define OTHER "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0002"

static const char *const fleet[] = {"fleet", NULL};
static const char *const fleet_and_team[] = {"fleet", "team", NULL};
static const char *const team_only[] = {"team", NULL};

static size_t count_published(const struct hub_outcome *o) {
    size_t count = 0;

    for (size_t i = 0; i < o->change_count; i++) {
        count += o->changes[i].publication != NULL ? 1 : 0;
    }
    return count;
}

// One cluster with an agent, one App.
static void begin_fleet(struct rig *r, const char *const *names) {
    rig_start(r, names);
    (void)rig_enroll(r, "paris-1", PARIS);
    (void)rig_commit(r, "fleet", "cluster paris-1; app web; config web colours red");
}

static void begin_both(struct rig *r) {
    begin_fleet(r, fleet_and_team);
    (void)rig_commit(r, "team", "app crew; config crew size 3");
}

static void a_commit_is_published_to_the_clusters_that_it_changes(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    struct hub_outcome *o = rig_commit(r, "fleet", "config web colours blue");

    assert_int_equal(o->change_count, 1);
    assert_non_null(rig_change(o, "paris-1")->publication);
    assert_int_equal(rig_change(o, "paris-1")->publication->generation, 2);
    assert_int_equal(count_rows(r->db, "SELECT generation FROM manifest"), 2);
}

static void of_a_secret_no_byte_is_recorded(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    struct hub_outcome *o =
        rig_commit(r, "fleet", "secret web login hidden-word; config web colours open-word");

    assert_int_equal(rig_change(o, "paris-1")->publication->generation, 2);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM blob WHERE"
                                       " instr(bytes, CAST('open-word' AS BLOB)) > 0"),
                     1);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM blob WHERE"
                                       " instr(bytes, CAST('hidden-word' AS BLOB)) > 0 OR"
                                       " instr(bytes, CAST('aGlkZGVuLXdvcmQ=' AS BLOB)) > 0"),
                     0);
}

static void a_commit_that_changes_no_app_makes_no_manifest(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    struct hub_outcome *o = rig_commit(r, "fleet", "echo hello > README");

    assert_int_equal(count_published(o), 0);
    assert_int_equal(o->revision_count, 1);
    assert_int_equal(count_rows(r->db, "SELECT generation FROM manifest"), 1);
}

static void a_cluster_without_an_agent_is_planned_but_not_published(void **state) {
    struct rig *r = *state;

    rig_start(r, fleet);
    struct hub_outcome *o =
        rig_commit(r, "fleet", "cluster paris-1; app web; config web colours red");

    assert_true(rig_runs(o, "paris-1", "web"));
    assert_null(rig_change(o, "paris-1")->publication);
}

static void who_enrolls_is_sent_what_is_in_force_under_its_own_id(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    struct hub_outcome *o = rig_enroll(r, "paris-1", OTHER);

    assert_string_equal(rig_change(o, "paris-1")->publication->cluster_id, OTHER);
    assert_int_equal(rig_change(o, "paris-1")->publication->generation, 2);
}

static void an_agent_that_is_ahead_gets_a_manifest_above_its_own(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    struct hub_outcome *o = rig_raise(r, "paris-1", 41);

    assert_int_equal(rig_change(o, "paris-1")->publication->generation, 42);
}

static void run_sql(struct rig *r, const char *sql) {
    struct cm_err err;

    assert_int_equal(hub_db_run(r->db, &err, sql, ""), CM_OK);
}

static void a_hub_of_before_there_was_a_past_begins_one_with_what_is(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    run_sql(r, "INSERT INTO status (cluster, app, bundle, revision, applied, message, health,"
               " health_message, objects, drifted, at_ms) SELECT cluster, app, bundle, revision, 3,"
               " '', 2, '', 1, 0, 5 FROM pair");
    run_sql(r, "DELETE FROM past_cluster");
    run_sql(r, "DELETE FROM past_now");
    run_sql(r, "DELETE FROM past_change");
    run_sql(r, "DELETE FROM past_value");
    rig_start(r, fleet);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM past_now WHERE app = 'web'"), 3);
    assert_int_equal(count_rows(r->db, "SELECT count(DISTINCT value) FROM past_now WHERE axis < 2"),
                     1); // desired and actual are the same
    rig_start(r, fleet);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM past_change"), 3);
}

// ---- What controllers decided

// begin_release has a workload run in one release and then in another.
static struct hub_decision_row begin_release(struct rig *r) {
    rig_start(r, fleet);
    (void)rig_enroll(r, "paris-1", PARIS);
    struct hub_outcome *o =
        rig_commit(r, "fleet", "cluster paris-1; app web; workload web w one a");
    struct hub_decision_row row = {.id = cm_sha256("one", 3),
                                   .cluster = "paris-1",
                                   .cluster_id = PARIS,
                                   .app = "web",
                                   .key = "Deployment.apps/default/w",
                                   .controller = "flagger",
                                   .verdict = "rejected",
                                   .provisional = true};

    row.good_bundle = rig_change(o, "paris-1")->now->pairs[0].bundle->sha256;
    o = rig_commit(r, "fleet", "workload web w two a");
    const struct hub_bundle *bad = rig_change(o, "paris-1")->now->pairs[0].bundle;
    row.bad_bundle = bad->sha256;
    row.bad = bad->spec.objects[0].sha256;
    return row;
}

// answered tells how many decisions a publication answers.
static size_t answered_at(const struct hub_publication *p, size_t app) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    Holdfast__V1__Manifest *m = NULL;
    struct cm_err err;

    assert_non_null(p);
    assert_int_equal(WIRE_UNPACK(a, Holdfast__V1__Manifest, holdfast__v1__manifest,
                                 p->manifest->data, p->manifest->size, &m, &err),
                     CM_OK);
    return m->apps[app]->n_answered;
}

static size_t answered(const struct hub_publication *p) {
    return answered_at(p, 0);
}

static bool runs(const struct hub_publication *p, const char *text) {
    const struct cm_buf *bytes = p->desired->pairs[0].bundle->spec.objects[0].bytes;

    return memmem(bytes->data, bytes->size, text, strlen(text)) != NULL;
}

static void a_rejected_release_is_kept_out_while_all_else_lands(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);
    struct hub_outcome *o = rig_decide(r, &row);
    const struct hub_publication *p = rig_change(o, "paris-1")->publication;

    assert_int_equal(answered(p), 1);
    assert_true(runs(p, "reg/one"));
    assert_int_equal(count_rows(r->db, "SELECT settled FROM decision"), HUB_SETTLED_HELD);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM event WHERE kind = 'release.held'"),
                     1);
    assert_int_equal(count_rows(r->db, "SELECT held FROM unwritten"), 1);
    o = rig_commit(r, "fleet", "workload web w two b");
    assert_int_equal(count_rows(r->db, "SELECT held FROM unwritten"), 0);
    p = rig_change(o, "paris-1")->publication;
    assert_true(runs(p, "reg/one") && runs(p, "\"b\""));
    assert_int_equal(answered(p), 1);
    o = rig_commit(r, "fleet", "workload web w three b"); // another release
    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/three"));
    o = rig_commit(r, "fleet", "workload web w two b"); // a bot that does not give up
    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/one"));
}

// promote has what is in force on the cluster promoted there by the controller of a decision.
static struct hub_outcome *promote(struct rig *r, const struct hub_decision_row *rejected,
                                   const struct hub_outcome *in_force) {
    const struct hub_bundle *bundle = rig_change(in_force, "paris-1")->now->pairs[0].bundle;
    struct hub_decision_row row = *rejected;

    row.id = bundle->sha256;
    row.verdict = "promoted";
    row.bad = row.bad_bundle = (struct cm_sha256){{0}};
    row.good = bundle->spec.objects[0].sha256;
    row.good_bundle = bundle->sha256;
    row.good_revision = "promoted";
    return rig_decide(r, &row);
}

static void a_rejected_release_that_comes_back_leaves_what_was_promoted_since(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);
    CM_AUTOFREE char *path = cm_strdup(rig_decide(r, &row)->asks[0].path);

    struct hub_outcome *o = rig_commit(r, "fleet", "workload web w nine a");
    o = promote(r, &row, o);
    assert_null(rig_change(o, "paris-1"));
    (void)rig_commit(r, "fleet", "workload web w ten a"); // not promoted yet
    o = rig_commit(r, "fleet", "workload web w two a");   // a bot
    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/nine"));
    assert_int_equal(o->ask_count, 1);
    assert_string_equal(o->asks[0].restored, "reg/nine");
    assert_string_not_equal(o->asks[0].path, path);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM decision WHERE provisional = 1"), 1);
}

static void what_was_promoted_since_is_known_after_a_restart(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);

    (void)rig_decide(r, &row);
    (void)promote(r, &row, rig_commit(r, "fleet", "workload web w nine a"));
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    struct hub_outcome *o = rig_commit(r, "fleet", "workload web w two a");
    assert_null(rig_change(o, "paris-1")->publication); // it stays as it is
    assert_string_equal(o->asks[0].restored, "reg/nine");
}

// A canary of the good release with an edit is no other release.
static void what_a_hold_makes_may_be_promoted_and_the_hold_stays_as_it_is(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);
    CM_AUTOFREE char *before = cm_strdup(rig_decide(r, &row)->asks[0].text);

    struct hub_outcome *o = promote(r, &row, rig_commit(r, "fleet", "workload web w two b"));
    assert_null(rig_change(o, "paris-1"));
    assert_int_equal(o->ask_count + o->mark_count, 0);
    CM_AUTOFREE char *sql = cm_strf("SELECT count(*) FROM decision WHERE hold = '%s'", before);
    assert_int_equal(count_rows(r->db, sql), 1);
}

static size_t count_kept(const char *text) {
    CM_CLEANUP(cm_str_done) struct cm_str kept = {0};
    size_t count = 0;

    cm_log_kept(&kept);
    for (const char *at = cm_str_get(&kept); (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    return count;
}

static void why_a_hold_restores_nothing_newer_is_said_once(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);

    cm_log_keep((size_t)64 * 1024);
    (void)rig_decide(r, &row);
    for (const char *image = "nine\0ten\0"; image[0] != '\0'; image += strlen(image) + 1) {
        CM_AUTOFREE char *script = cm_strf(
            "workload web w %s a; sed -i s/name:.main/name:\\ other/ apps/web/w.yaml", image);

        (void)promote(r, &row, rig_commit(r, "fleet", script));
    }
    assert_int_equal(count_kept("release.not_renewed"), 1);
}

static void git_is_asked_to_say_what_is_kept_out_once(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);
    struct hub_outcome *o = rig_decide(r, &row);

    assert_int_equal(o->ask_count, 1);
    assert_string_equal(o->asks[0].repo, "fleet");
    assert_int_equal(strncmp(o->asks[0].path, "holds/web/", 10), 0);
    assert_non_null(strstr(o->asks[0].text, "- paris-1"));
    assert_string_equal(o->asks[0].names, "paris-1");
    assert_false(o->asks[0].again);
    o = rig_commit(r, "fleet", "workload web w two b");
    assert_int_equal(o->ask_count, 0);
}

// put_hold commits a Hold that was asked for, with a line at the end.
static struct hub_outcome *put_hold(struct rig *r, const char *text, const char *line) {
    CM_AUTOFREE char *script =
        cm_strf("mkdir -p holds/web; cat >holds/web/two.yaml <<'END'\n%s%s\nEND", text, line);

    return rig_commit(r, "fleet", script);
}

#define STARTED "SELECT count(*) FROM event WHERE kind = 'hold.started'"

static void a_hold_of_people_that_came_while_the_hub_was_away_has_a_start(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);
    struct hub_outcome *o = rig_decide(r, &row);
    char *cause = strstr(o->asks[0].text, "  cause:");

    assert_non_null(cause);
    *cause = '\0'; // nor is it known of which decision it is
    CM_AUTOFREE char *text = cm_strdup(o->asks[0].text);
    rig_start(r, fleet);
    (void)put_hold(r, text, "");
    assert_int_equal(count_rows(r->db, "SELECT at_ms FROM hold"), 0);
    assert_int_equal(count_rows(r->db, STARTED " AND app = 'web' AND key = 'holds/web/two.yaml' AND"
                                               " at_ms > 0 AND actor = ''"),
                     1);
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    assert_int_equal(count_rows(r->db, STARTED), 1);
}

static void a_hold_that_was_in_git_is_missed_after_a_restart_too(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);
    struct hub_outcome *o = rig_decide(r, &row);

    (void)put_hold(r, o->asks[0].text, "");
    assert_int_equal(count_rows(r->db, "SELECT written FROM decision"), 1);
    rig_start(r, fleet);
    o = rig_commit(r, "fleet", "rm -r holds"); // while the hub was away
    assert_int_equal(o->ask_count, 1);
    assert_true(o->asks[0].again);
}

static void what_people_wanted_to_be_tried_again_is_not_kept_out_after_a_restart(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);
    struct hub_outcome *o = rig_decide(r, &row);

    o = put_hold(r, o->asks[0].text, "  retry: true");
    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/two"));
    assert_int_equal(count_rows(r->db, "SELECT retried FROM decision"), 1);
    (void)rig_commit(r, "fleet", "rm -r holds");
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    o = rig_commit(r, "fleet", "workload web w two b");
    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/two"));
}

static void what_was_asked_for_is_dropped_when_git_makes_it_void(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);
    CM_AUTOFREE char *first = NULL;

    first = cm_strdup(rig_decide(r, &row)->asks[0].id);
    struct hub_outcome *o = rig_commit(r, "fleet", "workload web w three b");
    assert_int_equal(o->ask_count, 1);
    assert_null(o->asks[0].text);
    o = rig_commit(r, "fleet", "workload web w two b"); // a bot that does not give up
    assert_int_equal(o->ask_count, 1);
    assert_non_null(o->asks[0].text);
    assert_string_not_equal(o->asks[0].id, first);
}

// wait_for_git puts on record that what was asked for is to be written.
static void wait_for_git(struct rig *r, const struct hub_hold_ask *ask) {
    CM_AUTOFREE char *args = cm_strf("{\"path\":\"%s\"}", ask->path);
    const struct hub_intent_row row = {.id = ask->id,
                                       .repository = ask->repo,
                                       .kind = "hold",
                                       .app = ask->app,
                                       .cluster = "",
                                       .cause = "",
                                       .args = args,
                                       .actor = "",
                                       .automatic = true};
    struct cm_err err;
    bool is_new = false;

    assert_int_equal(hub_intents_add(r->db, &row, 1, &is_new, &err), CM_OK);
}

static void what_waits_for_git_is_dropped_by_a_hub_that_was_killed_before_it_asked(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);

    wait_for_git(r, &rig_decide(r, &row)->asks[0]);
    (void)rig_commit(r, "fleet", "workload web w three b"); // nobody hears what it asks for
    rig_start(r, fleet);
    struct hub_outcome *o = rig_resume(r, "fleet");
    assert_int_equal(o->ask_count, 1);
    assert_null(o->asks[0].text);
    assert_int_equal(strncmp(o->asks[0].path, "holds/web/", 10), 0);
}

static void what_waits_for_nothing_is_not_dropped_after_a_restart(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);

    (void)rig_decide(r, &row);
    (void)rig_commit(r, "fleet", "workload web w three b");
    rig_start(r, fleet);
    assert_int_equal(rig_resume(r, "fleet")->ask_count, 0);
}

static void what_people_do_not_want_held_is_tried_again(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);
    CM_AUTOFREE char *path = cm_strdup(rig_decide(r, &row)->asks[0].path);

    struct hub_outcome *o = rig_overrule(r, "web", path);
    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/two"));
    assert_int_equal(o->ask_count, 0);
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    o = rig_commit(r, "fleet", "workload web w two b");
    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/two"));
    assert_int_equal(o->ask_count, 0);
}

#define NEEDS "SELECT count(*) FROM needs_human"

// ---- What stands on the branch of Holds alone

// lose_decisions has the hub start from a record that knows none, and returns what stands there.
static char *lose_decisions(struct rig *r, const struct hub_decision_row *row) {
    char *text = cm_strdup(rig_decide(r, row)->asks[0].text);

    run_sql(r, "DELETE FROM decision");
    rig_start(r, fleet);
    return text;
}

static void what_the_branch_of_holds_says_is_kept_out_and_asked_for(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);
    CM_AUTOFREE char *text = lose_decisions(r, &row);

    (void)rig_found(r, text);
    struct hub_outcome *o = rig_commit(r, "fleet", "workload web w two b");
    const struct hub_publication *p = rig_change(o, "paris-1")->publication;
    assert_true(runs(p, "reg/one") && runs(p, "\"b\""));
    assert_int_equal(o->ask_count, 1);
    assert_true(o->asks[0].found);
    assert_string_equal(o->asks[0].names, "paris-1");
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM event WHERE kind = 'release.held' AND"
                                       " message LIKE '%as the branch of Holds says%'"),
                     1);
    rig_start(r, fleet);
    (void)rig_found(r, text); // it still stands there
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM decision WHERE settled = 1"), 1);
    o = rig_commit(r, "fleet", "workload web w two c");
    assert_true(o->asks[0].found); // killed before it was asked for, the hub knows it still
    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/one"));
    o = rig_commit(r, "fleet", "workload web w three c");
    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/three"));
}

static void what_was_found_has_its_time_author_and_workload(void **state) {
    struct rig *r = *state;

    (void)begin_release(r);
    rig_start(r, fleet);
    (void)rig_found(r, "apiVersion: holdfast/v1alpha1\nkind: Hold\nmetadata: {name: web-2-1}\n"
                       "spec: {app: web, clusters: [paris-1], rejects: {identity: [{object: "
                       "ConfigMap/web/web, at: /data/v, value: '2'}]}, delta: [{object: "
                       "ConfigMap/web/web, at: /data/v, bad: '2', use: '1'}, {object: "
                       "Deployment.apps/web/w, at: /spec/template/x, bad: '2', use: '1'}], cause: "
                       "{controller: flagger, actor: ada, at: '2025-11-28T21:14:05.000Z'}, event: "
                       "e1}\n");
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM decision WHERE actor = 'ada' AND"
                                       " key = 'Deployment.apps/web/w' AND"
                                       " at_ms = 1764364445000"),
                     1);
}

static void what_is_on_record_counts_and_not_the_branch_of_holds(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);
    struct hub_outcome *o = rig_decide(r, &row);
    CM_AUTOFREE char *text = cm_strdup(o->asks[0].text);
    CM_AUTOFREE char *path = cm_strdup(o->asks[0].path);

    (void)rig_overrule(r, "web", path);
    rig_start(r, fleet);
    (void)rig_found(r, text);
    o = rig_commit(r, "fleet", "workload web w two b");
    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/two"));
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM decision"), 1);
}

static void
what_is_restored_as_of_the_record_is_so_whatever_the_branch_of_holds_says(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);
    CM_AUTOFREE char *text = cm_strdup(rig_decide(r, &row)->asks[0].text);

    (void)promote(r, &row, rig_commit(r, "fleet", "workload web w nine a"));
    rig_start(r, fleet);
    (void)rig_found(r, text);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM decision WHERE settled = 1"), 1);
    (void)rig_resume(r, "fleet");
    struct hub_outcome *o = rig_commit(r, "fleet", "workload web w two a");
    assert_int_equal(o->ask_count, 1);
    assert_string_equal(o->asks[0].restored, "reg/nine");
}

static void what_git_says_of_the_release_is_the_answer_to_what_was_found(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);
    CM_AUTOFREE char *text = lose_decisions(r, &row);

    (void)rig_found(r, text);
    struct hub_outcome *o = put_hold(r, text, "  retry: true");
    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/two"));
    assert_int_equal(o->ask_count, 0);
}

static void what_is_told_once_more_is_held_as_it_was_found(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);

    row.bad_revision = "8a1f";
    CM_AUTOFREE char *text = lose_decisions(r, &row);
    row.bad_bundle = row.good_bundle = cm_sha256("not on record any more", 22);
    (void)rig_found(r, text);
    (void)rig_commit(r, "fleet", "workload web w two b");
    struct hub_outcome *o = rig_decide(r, &row);
    const struct hub_publication *p = rig_change(o, "paris-1")->publication;
    assert_int_equal(answered(p), 1);
    assert_true(runs(p, "reg/one"));
    assert_int_equal(o->ask_count, 1);
    assert_true(o->asks[0].found);
    assert_int_equal(count_rows(r->db, NEEDS), 0);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM decision WHERE settled = 1"), 2);
}

static void what_was_found_of_one_workload_is_no_hold_of_another_one(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);

    row.bad_revision = "8a1f"; // one commit was both releases
    CM_AUTOFREE char *text = lose_decisions(r, &row);
    row.bad_bundle = cm_sha256("not on record any more", 22);
    row.key = "Deployment.apps/default/worker";
    (void)rig_found(r, text);
    (void)rig_commit(r, "fleet", "workload web w two b; workload web worker two b");
    (void)rig_decide(r, &row);
    assert_int_equal(count_rows(r->db, NEEDS), 1);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM decision WHERE settled = 1"), 1);
}

static void what_people_had_tried_again_is_not_held_as_it_was_found(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);

    row.bad_revision = "8a1f";
    CM_AUTOFREE char *text = lose_decisions(r, &row);
    row.bad_bundle = cm_sha256("not on record any more", 22);
    (void)rig_found(r, text);
    (void)put_hold(r, text, "  retry: true");
    (void)rig_decide(r, &row);
    assert_int_equal(count_rows(r->db, NEEDS), 1);
}

static void what_is_told_before_git_is_read_waits_for_that(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);

    run_sql(r, "DELETE FROM manifest");
    run_sql(r, "DELETE FROM pair");
    rig_start(r, fleet);
    struct hub_outcome *o = rig_decide(r, &row);
    assert_int_equal(o->settlement_count, 0);
    assert_false(hub_planner_decides_again(r->planner));
    (void)rig_commit(r, "fleet", "echo x >README");
    assert_true(hub_planner_decides_again(r->planner));
    assert_false(hub_planner_decides_again(r->planner));
    o = rig_decide(r, &row);
    assert_int_equal(answered(rig_change(o, "paris-1")->publication), 1);
    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/one"));
}

// A record that was brought back has what is in force; what people wrote is fetched first.
static void what_is_told_before_the_app_is_read_waits_for_what_people_say_there(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);

    (void)rig_commit(r, "fleet", "sed -i 's/prune: true/onReject: report/' apps/web/app.yaml");
    rig_start(r, fleet);
    assert_int_equal(rig_decide(r, &row)->settlement_count, 0);
    (void)rig_resume(r, "fleet");
    assert_true(hub_planner_decides_again(r->planner));
    (void)rig_decide(r, &row);
    assert_int_equal(count_rows(r->db, "SELECT settled FROM decision"), HUB_SETTLED_NEVER);
}

static void what_is_kept_out_is_so_after_a_restart(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);

    assert_int_equal(answered(rig_change(rig_decide(r, &row), "paris-1")->publication), 1);
    rig_start(r, fleet);
    struct hub_outcome *o = rig_resume(r, "fleet");
    assert_null(rig_change(o, "paris-1")); // it comes out the same
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM pair WHERE held <> ''"), 1);
    o = rig_commit(r, "fleet", "workload web w two b");
    const struct hub_publication *p = rig_change(o, "paris-1")->publication;
    assert_int_equal(answered(p), 1);
    assert_true(runs(p, "reg/one") && runs(p, "\"b\""));
}

static void where_nothing_can_be_held_the_agent_goes_on_and_people_are_called(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);

    row.good_bundle = (struct cm_sha256){{0}};
    struct hub_outcome *o = rig_decide(r, &row);
    const struct hub_publication *p = rig_change(o, "paris-1")->publication;
    assert_int_equal(answered(p), 1);
    assert_true(runs(p, "reg/two"));
    assert_int_equal(
        count_rows(r->db, "SELECT count(*) FROM event WHERE kind = 'release.not_held'"), 1);
}

// reject_unknown has a release rejected of which nobody knows what ran before.
static void reject_unknown(struct rig *r) {
    struct hub_decision_row row = begin_release(r);

    row.good_bundle = (struct cm_sha256){{0}};
    (void)rig_decide(r, &row);
}

static void that_people_are_needed_lasts_until_git_says_another_release(void **state) {
    struct rig *r = *state;

    reject_unknown(r);
    assert_int_equal(count_rows(r->db, NEEDS " WHERE cluster = 'paris-1' AND app = 'web' AND key ="
                                             " 'Deployment.apps/default/w' AND why LIKE"
                                             " '%the next change of its pods starts it again%'"),
                     1);
    assert_int_equal(count_rows(r->db,
                                "SELECT count(*) FROM problem_any WHERE app = 'web' AND cluster ="
                                " 'paris-1' AND path = 'apps/web/app.yaml'"),
                     1);
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    assert_int_equal(count_rows(r->db, NEEDS), 1);
    (void)rig_commit(r, "fleet", "config web beside x");
    assert_int_equal(count_rows(r->db, NEEDS), 1); // another object
    (void)rig_commit(r, "fleet", "workload web w three a");
    assert_int_equal(count_rows(r->db, NEEDS), 0);
}

static void nobody_is_needed_for_an_app_that_is_gone(void **state) {
    struct rig *r = *state;

    reject_unknown(r);
    assert_int_equal(count_rows(r->db, NEEDS), 1);
    (void)rig_commit(r, "fleet", "rm -r clusters");
    assert_int_equal(count_rows(r->db, NEEDS), 0);
}

static void that_what_runs_is_rejected_keeps_nothing_out_and_needs_nobody(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);

    row.good_bundle = row.bad_bundle;
    struct hub_outcome *o = rig_decide(r, &row);
    assert_int_equal(answered(rig_change(o, "paris-1")->publication), 1);
    assert_int_equal(count_rows(r->db, "SELECT settled FROM decision"), HUB_SETTLED_SAME);
    assert_int_equal(count_rows(r->db, NEEDS), 0);
}

static void where_the_app_says_so_a_rejection_is_only_told(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);

    (void)rig_commit(r, "fleet", "sed -i 's/prune: true/onReject: report/' apps/web/app.yaml");
    struct hub_outcome *o = rig_decide(r, &row);
    const struct hub_publication *p = rig_change(o, "paris-1")->publication;
    assert_int_equal(answered(p), 1);
    assert_true(runs(p, "reg/two"));
    assert_int_equal(o->ask_count, 0);
    assert_int_equal(count_rows(r->db, NEEDS), 0);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM event WHERE kind LIKE 'release.%'"),
                     0);
}

// ---- What people undo

#define UNDO_HOLD "sed -i 's/prune: true/onReject: report, undo: hold/' apps/web/app.yaml"

// begin_undone has somebody go back by hand from the second release, and the App say `spec` of it.
static struct hub_decision_row begin_undone(struct rig *r, const char *spec) {
    struct hub_decision_row row = begin_release(r);
    struct hub_outcome *o = rig_commit(r, "fleet", spec);

    row.bad_bundle = rig_change(o, "paris-1")->now->pairs[0].bundle->sha256;
    row.verdict = "undone";
    row.controller = "deployment";
    row.actor = "kubectl";
    row.text = "the template was replaced";
    return row;
}

static void what_somebody_undid_is_held_like_what_was_rejected(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_undone(r, UNDO_HOLD);
    struct hub_outcome *o = rig_decide(r, &row);
    const struct hub_publication *p = rig_change(o, "paris-1")->publication;

    assert_int_equal(answered(p), 1);
    assert_true(runs(p, "reg/one"));
    assert_int_equal(o->ask_count, 1);
    assert_true(o->asks[0].undone);
    assert_string_equal(o->asks[0].actor, "kubectl (claimed)");
    assert_non_null(strstr(o->asks[0].text, "phase: undone"));
    assert_string_equal(o->asks[0].effects[0].controller, "undone");
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM event WHERE kind = 'release.held' AND"
                                       " message LIKE 'undo: hold: what somebody went back from%'"),
                     1);
    o = rig_commit(r, "fleet", "workload web w two b"); // all else lands
    p = rig_change(o, "paris-1")->publication;
    assert_true(runs(p, "reg/one") && runs(p, "\"b\""));
    o = rig_commit(r, "fleet", "workload web w three b");
    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/three"));
}

static void what_somebody_undid_is_no_decision_unless_the_app_says_so(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row =
        begin_undone(r, "sed -i 's/prune: true/drift: correct/' apps/web/app.yaml");
    struct hub_outcome *o = rig_decide(r, &row);

    assert_int_equal(answered(rig_change(o, "paris-1")->publication), 1);
    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/two"));
    assert_int_equal(o->ask_count, 0);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM event WHERE kind LIKE 'release.%'"),
                     0);
}

static void who_goes_back_to_what_a_hold_keeps_out_is_told_how_to_try_it_again(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_undone(r, UNDO_HOLD);
    struct cm_sha256 bad = row.bad_bundle;
    struct hub_outcome *o = rig_decide(r, &row);
    const struct hub_bundle *held = rig_change(o, "paris-1")->now->pairs[0].bundle;

    row.id = cm_sha256("two", 3);
    row.good_bundle = bad;
    row.bad_bundle = held->sha256;
    row.bad = held->spec.objects[0].sha256;
    o = rig_decide(r, &row);
    assert_int_equal(answered(rig_change(o, "paris-1")->publication), 2);
    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/one"));
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM event WHERE kind ="
                                       " 'release.not_held' AND message LIKE"
                                       " '%holdfast retry web --clusters paris-1%'"),
                     1);
    assert_int_equal(count_rows(r->db, NEEDS), 0);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM problem_any"), 0);
}

static void who_goes_back_to_what_a_ban_forbids_is_told_so(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_undone(
        r, UNDO_HOLD "; mkdir bans; printf 'apiVersion: holdfast/v1alpha1\nkind: Ban\nmetadata: {"
                     "name: one}\nspec:\n  images: [{name: reg/one}]\n  reason: bad\n'"
                     " >bans/one.yaml");
    struct hub_outcome *o = rig_decide(r, &row);

    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/two"));
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM event WHERE kind ="
                                       " 'release.not_held' AND message LIKE"
                                       " 'undo: hold: %stays a change by hand: %Ban ''one''%'"),
                     1);
    assert_int_equal(count_rows(r->db, NEEDS), 0);
}

static void what_somebody_undid_on_one_cluster_is_for_that_one(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_undone(r, UNDO_HOLD);

    (void)rig_decide(r, &row);
    (void)rig_enroll(r, "paris-2", "5f0c9ae2-5f4e-4d0c-8a55-3f5a1c0d2e77");
    struct hub_outcome *o = rig_commit(r, "fleet", "cluster paris-2");
    assert_true(runs(rig_change(o, "paris-2")->publication, "reg/two"));
}

// An agent of before may name what Git says next, and that is not applied yet.
static void what_was_left_as_no_release_on_record_has_it_is_no_decision(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_undone(r, UNDO_HOLD);

    row.bad = cm_sha256("what ran", 8);
    struct hub_outcome *o = rig_decide(r, &row);
    assert_int_equal(answered(rig_change(o, "paris-1")->publication), 1);
    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/two"));
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM event WHERE kind ="
                                       " 'release.not_held' AND message LIKE '%holdfast hold%'"),
                     1);
}

// ---- Release groups

// runs_of tells whether a workload of an App that is on a cluster has this image.
static bool runs_of(const struct hub_outcome *o, const char *app, const char *image) {
    const struct hub_cluster_change *change = rig_change(o, "paris-1");
    bool found = false;

    for (size_t i = 0; change != NULL && i < change->now->pair_count; i++) {
        const struct hub_bundle *bundle = change->now->pairs[i].bundle;
        bool is_it = strcmp(change->now->pairs[i].app, app) == 0;

        for (size_t k = 0; is_it && k < bundle->spec.object_count; k++) {
            const struct cm_buf *bytes = bundle->spec.objects[k].bytes;

            found |= memmem(bytes->data, bytes->size, image, strlen(image)) != NULL;
        }
    }
    return found;
}

#define GROUP "releaseGroup: checkout, onReject: group"

// begin_group has web and pay run in one release and then in another of the same commit; `other`
// is of the group, too, and not in that commit.
static struct hub_decision_row begin_group(struct rig *r, const char *group) {
    CM_AUTOFREE char *first =
        cm_strf("cluster paris-1; for app in web pay other; do app $app; workload $app $app one a;"
                " sed -i 's/prune: true/prune: true, %s/' apps/$app/app.yaml; done",
                group);

    rig_start(r, fleet);
    (void)rig_enroll(r, "paris-1", PARIS);
    struct hub_outcome *o = rig_commit(r, "fleet", first);
    struct hub_decision_row row = {.id = cm_sha256("one", 3),
                                   .cluster = "paris-1",
                                   .cluster_id = PARIS,
                                   .app = "web",
                                   .key = "Deployment.apps/default/web",
                                   .controller = "flagger",
                                   .verdict = "rejected",
                                   .text = "it failed",
                                   .provisional = true};

    row.good_bundle = rig_change(o, "paris-1")->now->pairs[2].bundle->sha256;
    o = rig_commit(r, "fleet", "workload web web two a; workload pay pay two a");
    const struct hub_bundle *bad = rig_change(o, "paris-1")->now->pairs[2].bundle;
    row.bad = bad->spec.objects[0].sha256;
    row.bad_bundle = bad->sha256;
    row.bad_revision = cm_strdup(rig_change(o, "paris-1")->now->pairs[2].revision);
    return row;
}

static void end_group(struct hub_decision_row *row) {
    free((void *)(uintptr_t)row->bad_revision);
}

static void what_is_of_the_rejected_release_goes_back_with_its_group(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_group(r, GROUP);
    struct hub_outcome *o = rig_decide(r, &row);

    assert_true(runs_of(o, "web", "reg/one"));
    assert_true(runs_of(o, "pay", "reg/one"));
    assert_int_equal(o->ask_count, 2); // in one commit
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM decision WHERE settled = 1"), 2);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM decision WHERE app = 'pay' AND key ="
                                       " 'Deployment.apps/default/pay' AND controller = 'flagger'"
                                       " AND verdict = 'rejected' AND text ="
                                       " 'with App ''web'' of its release group: it failed'"),
                     1);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM event WHERE kind = 'release.held' AND"
                                       " app = 'pay' AND message LIKE '%with App ''web''%'"),
                     1);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM problem"), 0);
    end_group(&row);
}

static void of_what_goes_back_with_something_undone_its_own_controller_is_asked(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_group(r, GROUP ", undo: hold");
    const struct hub_hold_ask *pay = NULL;

    row.verdict = "undone";
    row.controller = "deployment";
    struct hub_outcome *o = rig_decide(r, &row);
    assert_int_equal(o->ask_count, 2);
    for (size_t i = 0; i < o->ask_count; i++) {
        pay = strcmp(o->asks[i].app, "pay") == 0 ? &o->asks[i] : pay;
    }
    assert_non_null(pay);
    assert_int_equal(pay->effect_count, 1);
    assert_string_not_equal(pay->effects[0].controller, "undone");
    end_group(&row);
}

static void what_went_back_with_its_group_is_kept_out_after_a_restart(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_group(r, GROUP);

    (void)rig_decide(r, &row);
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM pair WHERE held <> ''"), 2);
    struct hub_outcome *o = rig_commit(r, "fleet", "workload pay pay two b");
    assert_true(runs_of(o, "pay", "reg/one"));
    assert_int_equal(answered_at(rig_change(o, "paris-1")->publication, 1), 0); // none waits
    assert_int_equal(answered_at(rig_change(o, "paris-1")->publication, 2), 1);
    o = rig_commit(r, "fleet", "workload pay pay three b"); // each by its own identity
    assert_true(runs_of(o, "pay", "reg/three"));
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM pair WHERE held <> ''"), 1);
    end_group(&row);
}

// hold_has tells whether what is written of the Hold of an App has this text.
static bool hold_has(const struct rig *r, const char *app, const char *text) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_err err;

    assert_int_equal(hub_db_query(r->db, &stmt, &err,
                                  "SELECT 1 FROM decision WHERE app = ?1 AND settled = 1 AND"
                                  " instr(hold, ?2) > 0",
                                  "tt", app, text),
                     CM_OK);
    return hub_stmt_next(stmt, &err) == CM_OK;
}

static void what_went_back_with_its_group_is_no_others_controllers(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_group(r, GROUP);

    row.controller_key = "Canary.flagger.app/default/web";
    struct hub_outcome *o = rig_decide(r, &row);
    assert_true(hold_has(r, "web", "flagger") && hold_has(r, "web", "Canary"));
    assert_false(hold_has(r, "pay", "flagger") || hold_has(r, "pay", "Canary"));
    assert_int_equal(o->ask_count, 2);
    for (size_t i = 0; i < o->ask_count; i++) {
        bool web = strcmp(o->asks[i].app, "web") == 0;

        assert_string_equal(o->asks[i].controller, web ? "flagger" : "release-group");
        assert_int_equal(o->asks[i].effect_count, 1);
        assert_string_equal(o->asks[i].effects[0].controller, web ? "flagger" : "");
    }
    end_group(&row);
}

static void what_went_back_with_its_group_is_of_whoever_decided_of_it_last(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_group(r, GROUP);
    struct hub_decision_row own = {.id = cm_sha256("own", 3),
                                   .cluster = "paris-1",
                                   .cluster_id = PARIS,
                                   .app = "pay",
                                   .key = "Deployment.apps/default/pay",
                                   .controller = "argo-rollouts",
                                   .verdict = "promoted"};
    struct cm_err err;
    bool is_new;

    assert_int_equal(hub_decisions_add(r->db, &own, &is_new, &err), CM_OK);
    (void)rig_decide(r, &row);
    assert_true(hold_has(r, "pay", "controller: argo-rollouts"));
    end_group(&row);
}

static char *text_of(const struct rig *r, const char *sql) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    struct cm_err err;

    assert_int_equal(hub_db_query(r->db, &stmt, &err, sql, ""), CM_OK);
    assert_int_equal(hub_stmt_next(stmt, &err), CM_OK);
    return cm_strdup(hub_stmt_text(stmt, 0));
}

// reject_third has web rejected at a third commit, and go back to the first; `second` is the commit
// between.
static struct hub_outcome *reject_third(struct rig *r, const char *second) {
    struct hub_decision_row row = begin_group(r, GROUP);
    CM_AUTOFREE char *good =
        text_of(r, "SELECT revision FROM pair_before WHERE app = 'web'"); // of what ran first

    if (second != NULL) {
        (void)rig_commit(r, "fleet", "workload web web one a; workload pay pay one a");
        (void)rig_commit(r, "fleet", second);
    }
    const struct hub_desired *now =
        rig_change(rig_commit(r, "fleet", "workload web web three a; workload pay pay three a"),
                   "paris-1")
            ->now;
    CM_AUTOFREE char *bad = cm_strdup(now->pairs[2].revision);
    end_group(&row);
    row.bad_bundle = now->pairs[2].bundle->sha256;
    row.bad_revision = bad;
    row.good_revision = good;
    return rig_decide(r, &row);
}

static void a_group_is_split_where_the_rejected_one_went_back_further(void **state) {
    struct rig *r = *state;
    struct hub_outcome *o = reject_third(r, NULL); // the second was replaced before it was good

    assert_true(runs_of(o, "web", "reg/one"));
    assert_true(runs_of(o, "pay", "reg/three"));
    assert_int_equal(count_rows(r->db,
                                "SELECT count(*) FROM problem WHERE app = 'pay' AND message LIKE"
                                " 'release group ''checkout'' is split%'"),
                     1);
}

static void a_commit_that_changed_no_release_is_no_step_of_a_group(void **state) {
    struct rig *r = *state;
    struct hub_outcome *o = reject_third(r, "config web beside x; config pay along x");

    assert_true(runs_of(o, "web", "reg/one"));
    assert_true(runs_of(o, "pay", "reg/one"));
}

static void a_group_of_which_each_goes_back_alone_is_split_and_told(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_group(r, "releaseGroup: checkout");
    struct hub_outcome *o = rig_decide(r, &row);

    assert_true(runs_of(o, "web", "reg/one"));
    assert_true(runs_of(o, "pay", "reg/two"));
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM decision"), 1);
    assert_int_equal(
        count_rows(r->db, "SELECT count(*) FROM problem WHERE app = 'pay' AND cluster = 'paris-1'"
                          " AND message LIKE 'release group ''checkout'' is split%'"),
        1);
    end_group(&row);
}

static void a_group_is_split_where_it_is_not_known_what_one_was_before(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_group(r, GROUP);
    struct cm_err err;

    assert_int_equal(hub_db_run(r->db, &err,
                                "DELETE FROM blob WHERE sha256 IN (SELECT bundle FROM"
                                " pair_before WHERE app = 'pay')",
                                ""),
                     CM_OK);
    struct hub_outcome *o = rig_decide(r, &row);
    assert_true(runs_of(o, "pay", "reg/two"));
    assert_int_equal(count_rows(r->db,
                                "SELECT count(*) FROM problem WHERE app = 'pay' AND message LIKE"
                                " 'release group ''checkout'' is split%'"),
                     1);
    end_group(&row);
}

static void what_another_commit_made_of_an_app_does_not_go_back_with_its_group(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_group(r, GROUP);

    (void)rig_commit(r, "fleet", "workload pay pay three a");
    struct hub_outcome *o = rig_decide(r, &row);
    assert_true(runs_of(o, "web", "reg/one"));
    assert_true(runs_of(o, "pay", "reg/three"));
    end_group(&row);
}

static void the_form_that_runs_is_enough_to_restore_it(void **state) {
    static const char good[] = "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{"
                               "\"name\":\"w\"},\"spec\":{\"template\":{\"spec\":{\"containers\":[{"
                               "\"image\":\"reg/one\",\"name\":\"main\"}]}}}}";
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);

    row.good_bundle = cm_sha256("gone", 4);
    row.good_object = good;
    row.good_object_size = strlen(good);
    struct hub_outcome *o = rig_decide(r, &row);
    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/one"));
}

static void what_became_known_too_late_is_kept_out_all_the_same(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);

    (void)rig_commit(r, "fleet", "workload web w two b"); // in the very second of the failure
    struct hub_outcome *o = rig_decide(r, &row);
    const struct hub_publication *p = rig_change(o, "paris-1")->publication;
    assert_int_equal(answered(p), 1);
    assert_true(runs(p, "reg/one") && runs(p, "\"b\""));
}

static void an_agent_is_believed_of_its_own_cluster_only(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = begin_release(r);

    row.cluster_id = OTHER; // the agent that had this name before
    struct hub_outcome *o = rig_decide(r, &row);
    assert_null(rig_change(o, "paris-1"));
    o = rig_commit(r, "fleet", "workload web w two b");
    assert_int_equal(answered(rig_change(o, "paris-1")->publication), 0);
    assert_true(runs(rig_change(o, "paris-1")->publication, "reg/two"));
}

static char *last_revision(struct rig *r) {
    struct hub_stmt *stmt = NULL;
    struct cm_err err;

    assert_int_equal(
        hub_db_query(r->db, &stmt, &err, "SELECT id FROM revision ORDER BY number DESC", ""),
        CM_OK);
    assert_int_equal(hub_stmt_next(stmt, &err), CM_OK);
    char *id = cm_strdup(hub_stmt_text(stmt, 0));
    hub_stmt_end(stmt);
    return id;
}

// begin_restored starts a hub on what may be an older copy of its disk; the agent knows more.
static void begin_restored(struct rig *r, const char *const *names) {
    rig_start(r, names);
    (void)rig_begin(r);
    assert_null(rig_change(rig_raise(r, "paris-1", 41), "paris-1"));
}

static void assert_offered_above(const struct hub_outcome *o, uint64_t generation) {
    const struct hub_cluster_change *change = rig_change(o, "paris-1");

    assert_non_null(change);
    assert_non_null(change->publication);
    assert_int_equal(change->publication->generation, generation + 1);
}

static void who_is_ahead_after_a_restart_waits_until_git_is_fetched(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    begin_restored(r, fleet);
    assert_null(rig_change(rig_resume(r, "fleet"), "paris-1"));
    assert_true(hub_planner_is_ready(r->planner));
    assert_offered_above(rig_commit(r, "fleet", "config web colours blue"), 41);
    assert_int_equal(count_rows(r->db, "SELECT generation FROM manifest"), 42);
}

static void it_waits_also_if_the_mirror_was_read_before(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");

    assert_null(rig_change(rig_raise(r, "paris-1", 41), "paris-1"));
    assert_offered_above(rig_commit(r, "fleet", "true"), 41);
}

static void after_a_restore_nothing_is_offered_until_all_is_fetched(void **state) {
    struct rig *r = *state;

    begin_both(r);
    r->epoch = 2;
    rig_start(r, fleet_and_team);
    assert_int_equal(rig_begin(r)->refreshed_count, 0); // it may be older than what agents run
    assert_null(rig_change(rig_resume(r, "fleet"), "paris-1"));
    assert_null(rig_change(rig_resume(r, "team"), "paris-1"));
    assert_true(hub_planner_is_ready(r->planner));
    assert_null(rig_change(rig_commit(r, "fleet", "config web colours blue"), "paris-1"));
    struct hub_outcome *o = rig_commit(r, "team", "true");
    assert_non_null(rig_change(o, "paris-1")->publication);
    assert_int_equal(rig_change(o, "paris-1")->publication->epoch, 2);
    assert_int_equal(count_rows(r->db, "SELECT epoch FROM manifest"), 2);
}

static void after_a_restore_what_is_as_it_was_is_offered_anew_in_the_new_epoch(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    r->epoch = 2;
    rig_start(r, fleet);
    struct hub_outcome *o = rig_commit(r, "fleet", "true");
    assert_offered_above(o, 1);
    assert_int_equal(rig_change(o, "paris-1")->publication->epoch, 2);
    rig_start(r, fleet); // and from then on it is a hub like any other
    assert_int_equal(rig_begin(r)->refreshed_count, 1);
}

static void two_that_are_ahead_let_all_wait(void **state) {
    struct rig *r = *state;

    begin_both(r);
    (void)rig_enroll(r, "oslo-1", OTHER);
    (void)rig_commit(r, "fleet", "cluster oslo-1; cluster rome-1");
    begin_restored(r, fleet_and_team);
    (void)rig_raise(r, "rome-1", 41);
    (void)rig_resume(r, "fleet");
    (void)rig_resume(r, "team");
    struct hub_outcome *o = rig_commit(r, "fleet", "config web colours blue");
    assert_null(rig_change(o, "oslo-1")); // its agent may be away, and ahead too
    o = rig_commit(r, "team", "true");
    assert_non_null(rig_change(o, "oslo-1")->publication);
    assert_offered_above(o, 41);
}

static void one_that_is_ahead_with_a_new_disk_lets_no_other_wait(void **state) {
    struct rig *r = *state;

    begin_both(r);
    (void)rig_enroll(r, "oslo-1", OTHER);
    (void)rig_commit(r, "fleet", "cluster oslo-1; cluster rome-1");
    begin_restored(r, fleet_and_team);
    (void)rig_raise_new(r, "rome-1", 41); // itself it waits
    (void)rig_resume(r, "fleet");
    (void)rig_resume(r, "team");
    struct hub_outcome *o = rig_commit(r, "fleet", "config web colours blue");
    assert_non_null(rig_change(o, "oslo-1")->publication);
    assert_null(rig_change(o, "paris-1"));
    assert_offered_above(rig_commit(r, "team", "true"), 41);
}

static void a_fetch_that_brings_nothing_new_ends_the_wait(void **state) {
    struct hub_repo_id id;
    struct rig *r = *state;

    begin_fleet(r, fleet);
    CM_AUTOFREE char *revision = last_revision(r);
    begin_restored(r, fleet);
    (void)rig_resume(r, "fleet");
    assert_true(hub_repo_id_parse(revision, &id));
    struct hub_outcome *o = hub_planner_commit(r->planner, 0, &id);

    assert_offered_above(o, 41);
    hub_outcome_free(o);
}

static void it_waits_for_every_repository_that_was_known(void **state) {
    struct rig *r = *state;

    begin_both(r);
    begin_restored(r, fleet_and_team);
    (void)rig_resume(r, "fleet");
    (void)rig_resume(r, "team");
    assert_null(rig_change(rig_commit(r, "fleet", "config web colours blue"), "paris-1"));
    struct hub_outcome *o = rig_commit(r, "team", "true");

    assert_offered_above(o, 41);
    assert_true(rig_runs(o, "paris-1", "crew"));
}

static void others_are_published_meanwhile(void **state) {
    struct rig *r = *state;

    begin_both(r);
    (void)rig_enroll(r, "oslo-1", OTHER);
    (void)rig_commit(r, "fleet", "cluster oslo-1");
    begin_restored(r, fleet_and_team);
    (void)rig_resume(r, "fleet");
    (void)rig_resume(r, "team");
    struct hub_outcome *o = rig_commit(r, "fleet", "config web colours blue");

    assert_null(rig_change(o, "paris-1"));
    assert_non_null(rig_change(o, "oslo-1")->publication);
}

static void after_a_restart_what_was_in_force_is_served_as_it_was(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    rig_start(r, fleet);
    struct hub_outcome *o = rig_begin(r);

    assert_int_equal(o->refreshed_count, 1);
    assert_int_equal(o->refreshed[0]->generation, 1);
    o = rig_resume(r, "fleet");
    assert_int_equal(o->change_count, 0);
    assert_int_equal(o->refreshed_count, 1);
    assert_true(hub_planner_is_ready(r->planner));
}

static void a_cluster_whose_document_is_wrong_is_served_over_a_restart(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    (void)rig_commit(r, "fleet", "echo 'kind: [' > clusters/paris-1.yaml");
    rig_start(r, fleet);
    assert_int_equal(rig_begin(r)->refreshed_count, 1);
    struct hub_outcome *o = rig_resume(r, "fleet");

    assert_true(hub_planner_is_ready(r->planner));
    assert_null(rig_change(o, "paris-1"));
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM manifest"), 1);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM pair"), 1);
    o = rig_commit(r, "fleet", "cluster paris-1; config web colours blue");
    assert_int_equal(count_published(o), 1);
    assert_true(rig_runs(o, "paris-1", "web"));
}

static void an_app_whose_group_is_wrong_stays_over_a_restart(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    (void)rig_commit(
        r, "fleet",
        "document groups/all.yaml holdfast/v1alpha1 ClusterGroup all 'spec: {clusters: "
        "[paris-1]}'; document apps/shop/app.yaml holdfast/v1alpha1 App shop 'spec: "
        "{namespace: default, targets: [{clusterGroup: all}], prune: true}'; "
        "config shop shades red");
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM pair WHERE app = 'shop'"), 1);
    (void)rig_commit(r, "fleet", "echo 'kind: [' > groups/all.yaml");
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM pair WHERE app = 'shop'"), 1);
    rig_start(r, fleet);
    (void)rig_begin(r);
    struct hub_outcome *o = rig_resume(r, "fleet");

    assert_true(hub_planner_is_ready(r->planner));
    assert_false(rig_has_lost(o, "paris-1", "shop"));
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM pair WHERE app = 'shop'"), 1);
    o = rig_commit(r, "fleet", "config web colours blue");
    assert_true(rig_runs(o, "paris-1", "shop"));
}

static void a_tombstone_of_an_app_that_came_back_broken_survives_a_restart(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    (void)rig_commit(r, "fleet", "rm -r apps/web");
    struct hub_outcome *o = rig_commit(r, "fleet", "app web; config web colours '${missing}'");
    assert_true(rig_change(o, "paris-1")->now->gone[0].held);
    rig_start(r, fleet);
    (void)rig_begin(r);
    (void)rig_resume(r, "fleet");
    o = rig_commit(r, "fleet", "rm -r apps/web");

    assert_true(rig_has_lost(o, "paris-1", "web"));
    assert_true(rig_change(o, "paris-1")->now->gone[0].prune);
    assert_false(rig_change(o, "paris-1")->now->gone[0].held);
}

static void what_holds_a_secret_is_served_once_git_is_read_again(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    (void)rig_commit(r, "fleet", "secret web key 42");
    rig_start(r, fleet);
    assert_int_equal(rig_begin(r)->refreshed_count, 0);
    struct hub_outcome *o = rig_resume(r, "fleet");

    assert_int_equal(o->refreshed_count, 1);
    assert_int_equal(o->refreshed[0]->generation, 2);
}

// begin_with_source has an App whose manifests are in the repository "config".
static void begin_with_source(struct rig *r, const char *script) {
    begin_fleet(r, fleet);
    (void)rig_commit(r, "fleet",
                     "document apps/shop/app.yaml holdfast/v1alpha1 App shop 'spec: {namespace: "
                     "default, targets: [{clusterSelector: {}}], plainSecrets: allow, source: "
                     "{repository: config}}'");
    (void)rig_tree(r, "config", "config@default", script);
}

static void secrets_of_another_repository_are_served_once_it_is_read_again(void **state) {
    struct rig *r = *state;

    begin_with_source(r, "document key.yaml v1 Secret key \"stringData: {x: '42'}\"");
    rig_start(r, fleet);
    (void)rig_begin(r);
    (void)rig_resume(r, "fleet");
    struct hub_outcome *o = rig_tree(r, "config", "config@default", NULL);

    assert_int_equal(o->refreshed_count, 1);
    assert_int_equal(o->refreshed[0]->generation, 2);
    assert_true(hub_seed_is_whole(o->refreshed[0]->desired));
}

// Who asked says which repository it is.
static void a_commit_that_cannot_be_read_is_said_without_its_repository(void **state) {
    const struct hub_repo_id unknown = {{1}};
    struct rig *r = *state;

    begin_fleet(r, fleet);
    struct hub_outcome *o = hub_planner_commit(r->planner, 0, &unknown);

    assert_int_not_equal(o->err.code, CM_OK);
    assert_null(strstr(o->err.msg, "repository 'fleet'"));
    hub_outcome_free(o);
}

static void who_is_ahead_waits_for_what_apps_take_from_other_repositories(void **state) {
    struct rig *r = *state;

    begin_with_source(r, "document a.yaml v1 ConfigMap a 'data: {x: y}'");
    begin_restored(r, fleet);
    (void)rig_resume(r, "fleet");
    (void)rig_tree(r, "config", "config@default", NULL);
    assert_null(rig_change(rig_commit(r, "fleet", "true"), "paris-1"));

    assert_offered_above(
        rig_tree(r, "config", "config@default", "document a.yaml v1 ConfigMap a 'data: {x: z}'"),
        41);
}

static void a_commit_of_another_repository_is_resolved_once(void **state) {
    struct rig *r = *state;

    begin_with_source(r, "document a.yaml v1 ConfigMap a 'data: {x: y}'");
    rig_start(r, fleet);
    (void)rig_begin(r);
    (void)rig_resume(r, "fleet");
    assert_int_equal(rig_tree(r, "config", "config@default", NULL)->revision_count, 0);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM event WHERE kind = 'sync.resolved'"
                                       " AND message LIKE 'config@default:%'"),
                     1);
}

static void nothing_is_published_until_what_was_read_before_is_read_again(void **state) {
    struct rig *r = *state;

    begin_both(r);
    rig_lose_mirror(r, "team");
    rig_start(r, fleet_and_team);
    (void)rig_resume(r, "fleet");
    (void)rig_resume(r, "team");
    struct hub_outcome *o = rig_commit(r, "fleet", "config web colours blue");

    assert_int_equal(o->change_count + o->revision_count, 0);
    assert_false(hub_planner_is_ready(r->planner));
    o = rig_commit(r, "team", "true");
    assert_int_equal(count_published(o), 1);
    assert_int_equal(o->revision_count, 2);
    assert_true(hub_planner_is_ready(r->planner));
}

static void a_new_repository_that_cannot_be_read_holds_up_nobody(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    rig_start(r, fleet_and_team);
    (void)rig_resume(r, "fleet");
    (void)rig_resume(r, "team");
    assert_true(hub_planner_is_ready(r->planner));
    struct hub_outcome *o = rig_commit(r, "fleet", "config web colours blue");

    assert_int_equal(count_published(o), 1);
    assert_int_equal(o->revision_count, 1);
}

static void nothing_is_gone_while_a_repository_may_have_it(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    rig_start(r, fleet_and_team);
    (void)rig_resume(r, "fleet");
    rig_start(r, fleet_and_team);
    struct hub_outcome *o = rig_commit(r, "fleet", "git rm -qr apps/web; rm -rf apps/web");

    assert_false(o->complete);
    assert_false(rig_has_lost(o, "paris-1", "web"));
    o = rig_commit(r, "team", "app web; config web colours blue");
    assert_true(o->complete);
    assert_true(rig_runs(o, "paris-1", "web"));
    assert_false(rig_has_lost(o, "paris-1", "web"));
}

static void what_is_in_no_repository_is_gone_once_all_are_read(void **state) {
    struct rig *r = *state;

    begin_both(r);
    rig_start(r, fleet_and_team);
    (void)rig_commit(r, "fleet", "git rm -qr apps/web; rm -rf apps/web");
    struct hub_outcome *o = rig_commit(r, "team", "true");

    assert_false(rig_runs(o, "paris-1", "web"));
    assert_true(rig_has_lost(o, "paris-1", "web"));
    assert_true(rig_runs(o, "paris-1", "crew"));
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM unwritten JOIN revision"
                                       " ON revision.id = unwritten.revision WHERE app = 'web'"),
                     1); // the commit that took it away is known
}

static void a_cluster_that_left_while_nobody_looked_is_off_the_record(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    rig_start(r, fleet_and_team);
    (void)rig_commit(r, "fleet", "git rm -q clusters/paris-1.yaml");

    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM manifest"), 1);
    struct hub_outcome *o = rig_commit(r, "team", "true");
    assert_non_null(rig_change(o, "paris-1"));
    assert_null(rig_change(o, "paris-1")->now);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM manifest"), 0);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM unwritten WHERE revision = ''"), 0);
}

// ---- Which commit a problem is of

static int64_t count_problems_of(struct rig *r, const char *revision) {
    struct hub_stmt *stmt = NULL;
    struct cm_err err;

    assert_int_equal(hub_db_query(r->db, &stmt, &err,
                                  "SELECT count(*) FROM problem WHERE revision = ?1", "t",
                                  revision),
                     CM_OK);
    assert_int_equal(hub_stmt_next(stmt, &err), CM_OK);
    int64_t count = hub_stmt_int(stmt, 0);
    hub_stmt_end(stmt);
    return count;
}

#define BREAK_WEB "echo 'kind: [' > apps/web/colours.yaml"

static void a_problem_is_of_the_commit_that_brought_it(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    (void)rig_commit(r, "fleet", BREAK_WEB);
    CM_AUTOFREE char *revision = last_revision(r);

    assert_int_equal(count_problems_of(r, revision), 1);
}

static void it_stays_with_it_while_others_go_by(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    (void)rig_commit(r, "fleet", BREAK_WEB);
    CM_AUTOFREE char *revision = last_revision(r);
    (void)rig_commit(r, "fleet", "app api; config api limits 3");
    (void)rig_commit(r, "fleet", "echo 'kind: [' > clusters/wrong.yaml");

    assert_int_equal(count_problems_of(r, revision), 1);
}

static void it_moves_on_to_a_commit_that_changes_the_app_and_leaves_it(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    (void)rig_commit(r, "fleet", BREAK_WEB);
    (void)rig_commit(r, "fleet", "config web limits 3");
    CM_AUTOFREE char *revision = last_revision(r);

    assert_int_equal(count_problems_of(r, revision), 1);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM event WHERE kind = 'problem.found'"),
                     1);
}

static void it_is_still_of_it_after_a_restart(void **state) {
    struct rig *r = *state;

    begin_fleet(r, fleet);
    (void)rig_commit(r, "fleet", BREAK_WEB);
    CM_AUTOFREE char *revision = last_revision(r);
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");

    assert_int_equal(count_problems_of(r, revision), 1);
}

// ---- A repository that is configured no longer

static void apps_of_a_repository_that_was_taken_out_are_gone_as_if_deleted(void **state) {
    struct rig *r = *state;

    begin_both(r);
    rig_start(r, fleet);
    struct hub_outcome *o = rig_resume(r, "fleet");

    assert_true(rig_has_lost(o, "paris-1", "crew"));
    assert_true(rig_change(o, "paris-1")->now->gone[0].prune);
    assert_true(rig_runs(o, "paris-1", "web"));
    assert_int_equal(count_published(o), 1);
}

static void it_is_said_by_a_problem_and_an_event(void **state) {
    struct rig *r = *state;

    begin_both(r);
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");

    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM problem WHERE repo = 'team'"
                                       " AND message LIKE '%not configured%: crew;%'"),
                     1);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM event WHERE kind = 'problem.found'"
                                       " AND message LIKE '%team%crew%'"),
                     1);
}

static void it_is_said_until_the_next_start(void **state) {
    struct rig *r = *state;

    begin_both(r);
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    (void)rig_commit(r, "fleet", "echo 'kind: nonsense' > clusters/wrong.yaml");
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM problem WHERE repo = 'team'"), 1);

    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM problem WHERE repo = 'team'"), 0);
}

static void it_waits_until_every_other_repository_is_read(void **state) {
    static const char *const fleet_and_new[] = {"fleet", "new", NULL};
    struct rig *r = *state;

    begin_both(r);
    rig_start(r, fleet_and_new);
    struct hub_outcome *o = rig_resume(r, "fleet");

    assert_int_equal(o->change_count, 0);
    assert_false(hub_planner_is_ready(r->planner));
    o = rig_commit(r, "new", "app crew; config crew size 4"); // the same under another name
    assert_true(rig_runs(o, "paris-1", "crew"));
    assert_false(rig_has_lost(o, "paris-1", "crew"));
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM problem"), 0);
}

static void a_hub_without_repositories_takes_nothing_away(void **state) {
    static const char *const none[] = {NULL};
    struct rig *r = *state;

    begin_both(r);
    rig_start(r, none);
    struct hub_outcome *o = rig_begin(r);

    assert_int_equal(o->refreshed_count, 1);
    assert_int_equal(o->change_count, 0);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM pair"), 2);
}

static void clusters_of_a_repository_that_was_taken_out_are_unmanaged(void **state) {
    struct rig *r = *state;

    begin_both(r);
    rig_start(r, team_only);
    struct hub_outcome *o = rig_resume(r, "team");

    assert_non_null(rig_change(o, "paris-1"));
    assert_null(rig_change(o, "paris-1")->now);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

static const struct CMUnitTest tests[] = {
    RIG_TEST(a_commit_is_published_to_the_clusters_that_it_changes),
    RIG_TEST(of_a_secret_no_byte_is_recorded),
    RIG_TEST(a_commit_that_changes_no_app_makes_no_manifest),
    RIG_TEST(a_cluster_without_an_agent_is_planned_but_not_published),
    RIG_TEST(who_enrolls_is_sent_what_is_in_force_under_its_own_id),
    RIG_TEST(a_hub_of_before_there_was_a_past_begins_one_with_what_is),
    RIG_TEST(a_rejected_release_is_kept_out_while_all_else_lands),
    RIG_TEST(a_rejected_release_that_comes_back_leaves_what_was_promoted_since),
    RIG_TEST(what_was_promoted_since_is_known_after_a_restart),
    RIG_TEST(why_a_hold_restores_nothing_newer_is_said_once),
    RIG_TEST(what_a_hold_makes_may_be_promoted_and_the_hold_stays_as_it_is),
    RIG_TEST(git_is_asked_to_say_what_is_kept_out_once),
    RIG_TEST(what_was_asked_for_is_dropped_when_git_makes_it_void),
    RIG_TEST(what_waits_for_git_is_dropped_by_a_hub_that_was_killed_before_it_asked),
    RIG_TEST(what_waits_for_nothing_is_not_dropped_after_a_restart),
    RIG_TEST(what_people_do_not_want_held_is_tried_again),
    RIG_TEST(a_hold_that_was_in_git_is_missed_after_a_restart_too),
    RIG_TEST(what_people_wanted_to_be_tried_again_is_not_kept_out_after_a_restart),
    RIG_TEST(what_is_told_before_the_app_is_read_waits_for_what_people_say_there),
    RIG_TEST(what_is_kept_out_is_so_after_a_restart),
    RIG_TEST(what_the_branch_of_holds_says_is_kept_out_and_asked_for),
    RIG_TEST(what_is_on_record_counts_and_not_the_branch_of_holds),
    RIG_TEST(what_is_restored_as_of_the_record_is_so_whatever_the_branch_of_holds_says),
    RIG_TEST(what_git_says_of_the_release_is_the_answer_to_what_was_found),
    RIG_TEST(what_was_found_has_its_time_author_and_workload),
    RIG_TEST(what_is_told_once_more_is_held_as_it_was_found),
    RIG_TEST(what_was_found_of_one_workload_is_no_hold_of_another_one),
    RIG_TEST(what_people_had_tried_again_is_not_held_as_it_was_found),
    RIG_TEST(what_is_told_before_git_is_read_waits_for_that),
    RIG_TEST(where_nothing_can_be_held_the_agent_goes_on_and_people_are_called),
    RIG_TEST(that_people_are_needed_lasts_until_git_says_another_release),
    RIG_TEST(nobody_is_needed_for_an_app_that_is_gone),
    RIG_TEST(that_what_runs_is_rejected_keeps_nothing_out_and_needs_nobody),
    RIG_TEST(where_the_app_says_so_a_rejection_is_only_told),
    RIG_TEST(what_somebody_undid_is_held_like_what_was_rejected),
    RIG_TEST(what_somebody_undid_is_no_decision_unless_the_app_says_so),
    RIG_TEST(who_goes_back_to_what_a_hold_keeps_out_is_told_how_to_try_it_again),
    RIG_TEST(who_goes_back_to_what_a_ban_forbids_is_told_so),
    RIG_TEST(what_somebody_undid_on_one_cluster_is_for_that_one),
    RIG_TEST(what_was_left_as_no_release_on_record_has_it_is_no_decision),
    RIG_TEST(what_is_of_the_rejected_release_goes_back_with_its_group),
    RIG_TEST(of_what_goes_back_with_something_undone_its_own_controller_is_asked),
    RIG_TEST(what_went_back_with_its_group_is_kept_out_after_a_restart),
    RIG_TEST(what_went_back_with_its_group_is_no_others_controllers),
    RIG_TEST(what_went_back_with_its_group_is_of_whoever_decided_of_it_last),
    RIG_TEST(a_group_is_split_where_the_rejected_one_went_back_further),
    RIG_TEST(a_commit_that_changed_no_release_is_no_step_of_a_group),
    RIG_TEST(a_group_of_which_each_goes_back_alone_is_split_and_told),
    RIG_TEST(a_hold_of_people_that_came_while_the_hub_was_away_has_a_start),
    RIG_TEST(a_group_is_split_where_it_is_not_known_what_one_was_before),
    RIG_TEST(what_another_commit_made_of_an_app_does_not_go_back_with_its_group),
    RIG_TEST(the_form_that_runs_is_enough_to_restore_it),
    RIG_TEST(what_became_known_too_late_is_kept_out_all_the_same),
    RIG_TEST(an_agent_is_believed_of_its_own_cluster_only),
    RIG_TEST(an_agent_that_is_ahead_gets_a_manifest_above_its_own),
    RIG_TEST(who_is_ahead_after_a_restart_waits_until_git_is_fetched),
    RIG_TEST(after_a_restore_nothing_is_offered_until_all_is_fetched),
    RIG_TEST(after_a_restore_what_is_as_it_was_is_offered_anew_in_the_new_epoch),
    RIG_TEST(two_that_are_ahead_let_all_wait),
    RIG_TEST(one_that_is_ahead_with_a_new_disk_lets_no_other_wait),
    RIG_TEST(it_waits_also_if_the_mirror_was_read_before),
    RIG_TEST(a_fetch_that_brings_nothing_new_ends_the_wait),
    RIG_TEST(it_waits_for_every_repository_that_was_known),
    RIG_TEST(others_are_published_meanwhile),
    RIG_TEST(after_a_restart_what_was_in_force_is_served_as_it_was),
    RIG_TEST(a_cluster_whose_document_is_wrong_is_served_over_a_restart),
    RIG_TEST(an_app_whose_group_is_wrong_stays_over_a_restart),
    RIG_TEST(a_tombstone_of_an_app_that_came_back_broken_survives_a_restart),
    RIG_TEST(what_holds_a_secret_is_served_once_git_is_read_again),
    RIG_TEST(secrets_of_another_repository_are_served_once_it_is_read_again),
    RIG_TEST(a_commit_that_cannot_be_read_is_said_without_its_repository),
    RIG_TEST(who_is_ahead_waits_for_what_apps_take_from_other_repositories),
    RIG_TEST(a_commit_of_another_repository_is_resolved_once),
    RIG_TEST(nothing_is_published_until_what_was_read_before_is_read_again),
    RIG_TEST(a_new_repository_that_cannot_be_read_holds_up_nobody),
    RIG_TEST(nothing_is_gone_while_a_repository_may_have_it),
    RIG_TEST(what_is_in_no_repository_is_gone_once_all_are_read),
    RIG_TEST(a_cluster_that_left_while_nobody_looked_is_off_the_record),
    RIG_TEST(a_problem_is_of_the_commit_that_brought_it),
    RIG_TEST(it_stays_with_it_while_others_go_by),
    RIG_TEST(it_moves_on_to_a_commit_that_changes_the_app_and_leaves_it),
    RIG_TEST(it_is_still_of_it_after_a_restart),
    RIG_TEST(apps_of_a_repository_that_was_taken_out_are_gone_as_if_deleted),
    RIG_TEST(it_is_said_by_a_problem_and_an_event),
    RIG_TEST(it_is_said_until_the_next_start),
    RIG_TEST(it_waits_until_every_other_repository_is_read),
    RIG_TEST(a_hub_without_repositories_takes_nothing_away),
    RIG_TEST(clusters_of_a_repository_that_was_taken_out_are_unmanaged),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
