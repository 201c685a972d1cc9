// Whether holdfast itself goes back when a release does not come up, and that Git says so first.
#include "hub/jobs/rollback.h"

#include "rig.h"

#include "common/buf.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/publication.h"
#include "hub/render/bundle.h"

#define PARIS "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0001"
#define KEY "Deployment.apps/default/w"
#define ROLLBACK "sed -i 's/prune: true/prune: true, onFailure: rollback/' apps/web/app.yaml"

static const char *const fleet[] = {"fleet", NULL};

static const struct hub_pair *pair_of(const struct hub_outcome *o, const char *app) {
    const struct hub_cluster_change *change = rig_change(o, "paris-1");
    size_t i = 0;

    assert_non_null(change);
    while (i < change->now->pair_count && strcmp(change->now->pairs[i].app, app) != 0) {
        i++;
    }
    assert_true(i < change->now->pair_count);
    return &change->now->pairs[i];
}

static const struct hub_bundle *bundle_of(const struct hub_outcome *o) {
    return pair_of(o, "web")->bundle;
}

static bool runs(const struct hub_outcome *o, const char *text) {
    const struct cm_buf *bytes = bundle_of(o)->spec.objects[0].bytes;

    return memmem(bytes->data, bytes->size, text, strlen(text)) != NULL;
}

// begin has a workload run in one release; what is decided of it is that another one does not come
// up.
static struct hub_decision_row begin(struct rig *r, const char *first) {
    struct hub_decision_row row = {.id = cm_sha256("one", 3),
                                   .cluster = "paris-1",
                                   .cluster_id = PARIS,
                                   .app = "web",
                                   .key = KEY,
                                   .controller = "deployment",
                                   .verdict = "timed_out",
                                   .text = "ReplicaSet \"w-1\" has timed out progressing.",
                                   .bad_revision = "bad",
                                   .provisional = true};
    CM_AUTOFREE char *script = cm_strf("cluster paris-1; app web; %s", first);

    rig_start(r, fleet);
    (void)rig_enroll(r, "paris-1", PARIS);
    (void)rig_commit(r, "fleet", script);
    return row;
}

static void note_good(const struct rig *r, struct hub_decision_row *row) {
    const struct hub_bundle *bundle = pair_of(r->last, row->app)->bundle;

    row->good_bundle = bundle->sha256;
    row->good = bundle->spec.objects[0].sha256;
}

static void note_bad(const struct rig *r, struct hub_decision_row *row) {
    const struct hub_bundle *bundle = pair_of(r->last, row->app)->bundle;

    row->bad_bundle = bundle->sha256;
    row->bad = bundle->spec.objects[0].sha256;
}

// deliver has a workload run in one release and then in another, which does not come up.
static struct hub_decision_row deliver(struct rig *r, const char *first, const char *then) {
    struct hub_decision_row row = begin(r, first);

    note_good(r, &row);
    (void)rig_commit(r, "fleet", then);
    note_bad(r, &row);
    return row;
}

static struct hub_decision_row deliver_two(struct rig *r) {
    return deliver(r, "workload web w one:1 a; " ROLLBACK, "workload web w one:2 a");
}

static size_t events(struct rig *r, const char *kind, const char *words) {
    CM_AUTOFREE char *sql = cm_strf(
        "SELECT count(*) FROM event WHERE kind = '%s' AND instr(message, '%s')", kind, words);

    return (size_t)count_rows(r->db, sql);
}

static struct hub_outcome *put_hold(struct rig *r, const char *text) {
    CM_AUTOFREE char *script =
        cm_strf("mkdir -p holds/web; cat >holds/web/two.yaml <<'END'\n%s\nEND", text);

    return rig_commit(r, "fleet", script);
}

static void nothing_happens_in_the_cluster_before_git_says_so(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = deliver_two(r);
    struct hub_outcome *o = rig_decide(r, &row);

    assert_null(rig_change(o, "paris-1"));
    assert_int_equal(events(r, "release.rollback", "1 instead of 2, once a Hold in Git says so"),
                     1);
    assert_int_equal(o->ask_count, 1);
    assert_true(o->asks[0].own);
    assert_string_equal(o->asks[0].controller, "holdfast");
    assert_non_null(strstr(o->asks[0].text, "controller: holdfast\n"));
    assert_non_null(strstr(o->asks[0].text, "w-1"));
    assert_non_null(strstr(o->asks[0].text, "object: " KEY));
    assert_int_equal(o->asks[0].effect_count, 1); // as if it was in force
    assert_string_equal(o->asks[0].effects[0].key, KEY);
    assert_string_equal(o->asks[0].effects[0].controller, "");
    assert_string_equal(o->asks[0].effects[0].clusters[0], "paris-1");
    assert_non_null(
        memmem(o->asks[0].effects[0].bytes, o->asks[0].effects[0].size, "reg/one:1", 9));
    o = put_hold(r, o->asks[0].text);
    assert_true(runs(o, "reg/one:1"));
    assert_int_equal(o->ask_count, 0);
}

#define REVERT                                                                                     \
    "sed -i 's/onFailure: rollback/onFailure: rollback, writeBack: revert/' apps/web/app.yaml"

static void what_was_reverted_and_is_pushed_again_is_held_at_once(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row =
        deliver(r, "workload web w one:1 a; " ROLLBACK "; " REVERT, "workload web w one:2 a");
    struct hub_outcome *o = rig_decide(r, &row);

    assert_null(rig_change(o, "paris-1"));
    assert_true(o->asks[0].own && o->asks[0].revert);
    o = rig_commit(r, "fleet", "workload web w one:1 a"); // that is what is asked for
    assert_int_equal(o->ask_count, 1);
    assert_null(o->asks[0].text); // which may be in a pull request
    assert_int_equal(count_rows(r->db, "SELECT written FROM decision"), 1);
    o = rig_commit(r, "fleet", "workload web w one:2 b");
    assert_true(runs(o, "reg/one:1") && runs(o, "\"b\""));
    assert_int_equal(o->ask_count, 1);
    assert_true(o->asks[0].back && !o->asks[0].revert && !o->asks[0].again);
    o = rig_commit(r, "fleet", "workload web w three b"); // so is that Hold, maybe
    assert_int_equal(o->ask_count, 1);
    assert_null(o->asks[0].text);
    CM_AUTOFREE char *dropped = cm_strdup(o->asks[0].id);
    (void)rig_commit(r, "fleet", "workload web w one:2 b");
    o = rig_commit(r, "fleet", "workload web w three b");
    assert_null(o->asks[0].text);
    assert_string_not_equal(o->asks[0].id, dropped);
}

// A bot pushes the release again before the hub has read that it was reverted.
static void what_is_pushed_again_before_the_revert_is_read_is_held(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row =
        deliver(r, "workload web w one:1 a; " ROLLBACK "; " REVERT, "workload web w one:2 a");
    struct hub_outcome *o = rig_decide(r, &row);
    CM_AUTOFREE char *path = cm_strdup(o->asks[0].path);

    rig_note_reverted(r, "web", path);
    assert_int_equal(count_rows(r->db, "SELECT written FROM decision"), 1);
    o = rig_pass_time(r);
    assert_int_equal(o->ask_count, 0); // nothing was read since
    o = rig_commit(r, "fleet", "workload web w one:2 b");
    assert_true(runs(o, "reg/one:1") && runs(o, "\"b\""));
    assert_int_equal(o->ask_count, 1);
    assert_true(o->asks[0].back && !o->asks[0].revert);
}

static void what_was_reverted_is_known_after_a_kill(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row =
        deliver(r, "workload web w one:1 a; " ROLLBACK "; " REVERT, "workload web w one:2 a");
    struct hub_outcome *o = rig_decide(r, &row);
    CM_AUTOFREE char *path = cm_strdup(o->asks[0].path);

    rig_note_reverted(r, "web", path);
    rig_start(r, fleet);
    o = rig_resume(r, "fleet");
    assert_int_equal(o->ask_count, 1);
    assert_true(o->asks[0].back && !o->asks[0].revert);
}

static void all_else_lands_and_the_hold_is_wanted_still(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = deliver_two(r);
    CM_AUTOFREE char *text = cm_strdup(rig_decide(r, &row)->asks[0].text);
    struct hub_outcome *o = rig_commit(r, "fleet", "workload web w one:2 b");

    assert_true(runs(o, "reg/one:2") && runs(o, "\"b\""));
    o = put_hold(r, text);
    assert_true(runs(o, "reg/one:1") && runs(o, "\"b\""));
}

static void another_release_is_nothing_to_go_back_from(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = deliver_two(r);

    (void)rig_decide(r, &row);
    struct hub_outcome *o = rig_commit(r, "fleet", "workload web w three a");
    assert_true(runs(o, "reg/three"));
    assert_int_equal(o->ask_count, 1);
    assert_null(o->asks[0].text); // what was asked for is not wanted any more
}

static void unless_the_app_says_so_it_is_only_told(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = deliver(r, "workload web w one a", "workload web w two a");
    struct hub_outcome *o = rig_decide(r, &row);

    assert_int_equal(o->ask_count, 0);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM event WHERE kind LIKE 'release%'"), 0);
    assert_int_equal(count_rows(r->db, "SELECT goes_back FROM app"), 0);
    o = rig_commit(r, "fleet", ROLLBACK); // is for what comes
    assert_int_equal(o->ask_count, 0);
    assert_int_equal(count_rows(r->db, "SELECT goes_back FROM app"), 1);
    (void)rig_commit(r, "fleet", REVERT);
    assert_int_equal(count_rows(r->db, "SELECT reverts FROM app"), 1);
    assert_int_equal(count_rows(r->db, "SELECT provisional FROM decision"), 0);
}

// assert_stays decides, and checks why nothing comes of it.
static void assert_stays(struct rig *r, const struct hub_decision_row *row, const char *why) {
    struct hub_outcome *o = rig_decide(r, row);

    assert_null(rig_change(o, "paris-1"));
    assert_int_equal(o->ask_count, 0);
    assert_int_equal(events(r, "release.not_held", why), 1);
}

static void only_what_came_up_there_before_is_gone_back_to(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = deliver_two(r);
    struct hub_decision_row unknown = row;

    unknown.good = (struct cm_sha256){{0}};
    assert_stays(r, &unknown, "not known what came up");
    row.id = cm_sha256("two", 3);
    row.good_bundle = cm_sha256("gone", 4); // it is not on record any more
    assert_int_equal(rig_decide(r, &row)->ask_count, 0);
    assert_int_equal(events(r, "release.not_held", "not known what came up"), 2);
}

static void what_is_no_new_release_is_not_gone_back_from(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = deliver_two(r);

    row.bad = row.good; // a node is gone
    row.bad_bundle = row.good_bundle;
    assert_stays(r, &row, "the release is not what is wrong");
}

static void a_release_with_the_same_pods_is_not_gone_back_from(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row =
        deliver(r, "workload web w one a; " ROLLBACK,
                "sed -i 's/spec: {/spec: {replicas: 9, /' apps/web/w.yaml");

    assert_stays(r, &row, "are the same");
}

static void what_is_banned_is_not_gone_back_to(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = deliver_two(r);

    (void)rig_commit(r, "fleet",
                     "document bans/b.yaml holdfast/v1alpha1 Ban b 'spec: {images: [{name: "
                     "reg/one, tag: \"1\"}]}'");
    assert_stays(r, &row, "reg/one:1, which Ban ");
}

static void where_the_hub_may_not_write_it_says_so(void **state) {
    struct rig *r = *state;

    r->reads = true;
    struct hub_decision_row row = deliver_two(r);
    assert_stays(r, &row, "needs a commit");
}

static void it_is_done_once_for_a_release_on_a_cluster(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = deliver_two(r);
    CM_AUTOFREE char *text = cm_strdup(rig_decide(r, &row)->asks[0].text);
    CM_AUTOFREE char *retry = cm_strf("%s  retry: true", text);

    (void)put_hold(r, text);
    assert_true(runs(put_hold(r, retry), "reg/one:2"));
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    (void)rig_commit(r, "fleet", "rm -r holds"); // by which nothing is forgotten
    row.id = cm_sha256("two", 3);
    row.at_ms = 9;
    assert_stays(r, &row, "that was done once for this release");
}

static void what_comes_up_after_all_stays(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = deliver_two(r);
    struct hub_decision_row up = row;

    (void)rig_decide(r, &row);
    up.id = cm_sha256("up", 2);
    up.verdict = "promoted";
    struct hub_outcome *o = rig_decide(r, &up);
    assert_null(rig_change(o, "paris-1"));
    assert_int_equal(o->ask_count, 1);
    assert_null(o->asks[0].text);
    rig_start(r, fleet);
    (void)rig_resume(r, "fleet");
    o = rig_commit(r, "fleet", "workload web w one:2 b");
    assert_true(runs(o, "reg/one:2"));
    assert_int_equal(o->ask_count, 0);
}

// As long as a repository cannot be read the hub makes nothing of it, but it may be killed
// meanwhile.
static void what_comes_up_while_git_is_away_stays_after_a_restart_too(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = deliver_two(r);
    struct hub_decision_row up = row;

    (void)rig_decide(r, &row);
    up.id = cm_sha256("up", 2);
    up.verdict = "promoted";
    rig_start(r, fleet);
    (void)rig_decide(r, &up);
    rig_start(r, fleet);
    assert_int_equal(rig_resume(r, "fleet")->ask_count, 0);
    struct hub_outcome *o = rig_commit(r, "fleet", "workload web w one:2 b");
    assert_true(runs(o, "reg/one:2"));
    assert_int_equal(o->ask_count, 0);
}

static void what_waits_for_git_waits_after_a_restart_too(void **state) {
    struct rig *r = *state;
    struct hub_decision_row row = deliver_two(r);
    CM_AUTOFREE char *text = cm_strdup(rig_decide(r, &row)->asks[0].text);

    rig_start(r, fleet);
    struct hub_outcome *o = rig_resume(r, "fleet");
    assert_null(rig_change(o, "paris-1"));
    assert_int_equal(o->ask_count, 1);
    assert_true(runs(put_hold(r, text), "reg/one:1"));
}

// ---- Release groups

#define GROUP "sed -i 's/prune: true/prune: true, releaseGroup: shop, onReject: group/'"

// deliver_group has web and pay run in one release and then in another of the same commit, which
// does not come up in web. If pay does not, either, that is *pay.
static struct hub_decision_row deliver_group(struct rig *r, const char *more,
                                             struct hub_decision_row *pay) {
    CM_AUTOFREE char *first =
        cm_strf("app pay; workload web w one:1 a; workload pay p pay:1 a; " ROLLBACK "; " GROUP
                " apps/web/app.yaml apps/pay/app.yaml%s",
                more);
    struct hub_decision_row row = begin(r, first);

    *pay = row;
    pay->id = cm_sha256("pay", 3);
    pay->app = "pay";
    pay->key = "Deployment.apps/default/p";
    note_good(r, &row);
    note_good(r, pay);
    (void)rig_commit(r, "fleet", "workload web w one:2 a; workload pay p pay:2 a");
    note_bad(r, &row);
    note_bad(r, pay);
    row.bad_revision = pay->bad_revision = cm_strdup(pair_of(r->last, "web")->revision);
    return row;
}

static void end_group(struct hub_decision_row *row) {
    free((void *)(uintptr_t)row->bad_revision);
}

// asked returns what is asked for of an App; NULL: nothing.
static const struct hub_hold_ask *asked(const struct hub_outcome *o, const char *app) {
    for (size_t i = 0; i < o->ask_count; i++) {
        if (strcmp(o->asks[i].app, app) == 0) {
            return &o->asks[i];
        }
    }
    return NULL;
}

static bool wants(const struct hub_outcome *o, const char *app) {
    return asked(o, app) != NULL && asked(o, app)->text != NULL;
}

// drops tells whether what was asked for of an App is not wanted any more.
static bool drops(const struct hub_outcome *o, const char *app) {
    return asked(o, app) != NULL && asked(o, app)->text == NULL;
}

static void what_is_of_its_group_waits_for_git_with_it(void **state) {
    struct rig *r = *state;
    struct hub_decision_row pay;
    struct hub_decision_row row = deliver_group(r, "", &pay);
    struct hub_outcome *o = rig_decide(r, &row);

    assert_null(rig_change(o, "paris-1"));
    assert_true(wants(o, "web") && wants(o, "pay"));
    assert_true(asked(o, "pay")->own);
    assert_non_null(strstr(asked(o, "pay")->text, "with App 'web' of its release group: Replica"));
    assert_int_equal(
        events(r, "release.rollback", "1 instead of 2, once a Hold in Git says so; with App"), 1);
    rig_start(r, fleet); // killed before any of it is written
    o = rig_resume(r, "fleet");
    assert_true(wants(o, "web") && wants(o, "pay"));
    CM_AUTOFREE char *first = cm_strdup(asked(o, "web")->text);
    CM_AUTOFREE char *second = cm_strdup(asked(o, "pay")->text);
    CM_AUTOFREE char *script = cm_strf("mkdir -p holds/web holds/pay; cat >holds/web/a.yaml "
                                       "<<'END'\n%s\nEND\ncat >holds/pay/b.yaml <<'END'\n%s\nEND",
                                       first, second);
    const struct hub_desired *now = rig_change(rig_commit(r, "fleet", script), "paris-1")->now;
    for (size_t i = 0; i < 2; i++) {
        assert_non_null(now->pairs[i].held);
    }
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM problem"), 0);
    end_group(&row);
}

static void what_comes_up_after_all_holds_nobody_of_its_group(void **state) {
    struct rig *r = *state;
    struct hub_decision_row pay;
    struct hub_decision_row row = deliver_group(r, "", &pay);
    struct hub_decision_row up = row;

    (void)rig_decide(r, &row);
    up.id = cm_sha256("up", 2);
    up.verdict = "promoted";
    struct hub_outcome *o = rig_decide(r, &up);
    assert_true(drops(o, "web") && drops(o, "pay"));
    rig_start(r, fleet);
    assert_int_equal(rig_resume(r, "fleet")->ask_count, 0);
    end_group(&row);
}

static void that_another_of_the_group_came_up_ends_nothing(void **state) {
    struct rig *r = *state;
    struct hub_decision_row up;
    struct hub_decision_row row = deliver_group(r, "", &up);

    (void)rig_decide(r, &row);
    up.verdict = "promoted";
    assert_int_equal(rig_decide(r, &up)->ask_count, 0);
    rig_start(r, fleet);
    struct hub_outcome *o = rig_resume(r, "fleet");
    assert_true(wants(o, "web") && wants(o, "pay"));
    end_group(&row);
}

static void another_release_lets_the_rest_of_the_group_stay(void **state) {
    struct rig *r = *state;
    struct hub_decision_row pay;
    struct hub_decision_row row = deliver_group(r, "", &pay);

    (void)rig_decide(r, &row);
    struct hub_outcome *o = rig_commit(r, "fleet", "workload web w one:3 a");
    assert_true(drops(o, "web") && drops(o, "pay"));
    o = rig_commit(r, "fleet", "workload web w one:2 a"); // a bot pushes it again
    assert_true(wants(o, "web") && wants(o, "pay"));
    end_group(&row);
}

static void one_that_people_do_not_want_holds_nobody_of_its_group(void **state) {
    struct rig *r = *state;
    struct hub_decision_row pay;
    struct hub_decision_row row = deliver_group(r, "", &pay);
    CM_AUTOFREE char *path = cm_strdup(asked(rig_decide(r, &row), "web")->path);
    struct hub_outcome *o = rig_overrule(r, "web", path);

    assert_false(wants(o, "web"));
    assert_true(drops(o, "pay"));
    end_group(&row);
}

static void what_fails_by_itself_meanwhile_is_held_for_that_too(void **state) {
    struct rig *r = *state;
    struct hub_decision_row late;
    struct hub_decision_row row = deliver_group(
        r, "; sed -i 's/onReject: group/onFailure: rollback/' apps/pay/app.yaml", &late);
    struct hub_decision_row up = row;

    (void)rig_decide(r, &row);
    (void)rig_decide(r, &late);
    assert_int_equal(events(r, "release.not_held", ""), 0);
    up.id = cm_sha256("up", 2);
    up.verdict = "promoted";
    struct hub_outcome *o = rig_decide(r, &up);
    assert_true(drops(o, "web"));
    assert_false(drops(o, "pay"));
    rig_start(r, fleet);
    o = rig_resume(r, "fleet");
    assert_true(wants(o, "pay") && asked(o, "web") == NULL);
    assert_null(strstr(asked(o, "pay")->text, "with App"));
    end_group(&row);
}

static void what_is_banned_is_not_gone_back_to_with_a_group(void **state) {
    struct rig *r = *state;
    struct hub_decision_row pay;
    struct hub_decision_row row = deliver_group(r, "", &pay);

    (void)rig_commit(r, "fleet",
                     "document bans/b.yaml holdfast/v1alpha1 Ban b 'spec: {images: [{name: "
                     "reg/pay, tag: \"1\"}]}'");
    struct hub_outcome *o = rig_decide(r, &row);
    assert_true(wants(o, "web") && asked(o, "pay") == NULL);
    end_group(&row);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(nothing_happens_in_the_cluster_before_git_says_so),
        RIG_TEST(what_was_reverted_and_is_pushed_again_is_held_at_once),
        RIG_TEST(what_is_pushed_again_before_the_revert_is_read_is_held),
        RIG_TEST(what_was_reverted_is_known_after_a_kill),
        RIG_TEST(all_else_lands_and_the_hold_is_wanted_still),
        RIG_TEST(another_release_is_nothing_to_go_back_from),
        RIG_TEST(unless_the_app_says_so_it_is_only_told),
        RIG_TEST(only_what_came_up_there_before_is_gone_back_to),
        RIG_TEST(what_is_no_new_release_is_not_gone_back_from),
        RIG_TEST(a_release_with_the_same_pods_is_not_gone_back_from),
        RIG_TEST(what_is_banned_is_not_gone_back_to),
        RIG_TEST(where_the_hub_may_not_write_it_says_so),
        RIG_TEST(it_is_done_once_for_a_release_on_a_cluster),
        RIG_TEST(what_comes_up_after_all_stays),
        RIG_TEST(what_comes_up_while_git_is_away_stays_after_a_restart_too),
        RIG_TEST(what_waits_for_git_waits_after_a_restart_too),
        RIG_TEST(what_is_of_its_group_waits_for_git_with_it),
        RIG_TEST(what_comes_up_after_all_holds_nobody_of_its_group),
        RIG_TEST(that_another_of_the_group_came_up_ends_nothing),
        RIG_TEST(another_release_lets_the_rest_of_the_group_stay),
        RIG_TEST(one_that_people_do_not_want_holds_nobody_of_its_group),
        RIG_TEST(what_fails_by_itself_meanwhile_is_held_for_that_too),
        RIG_TEST(what_is_banned_is_not_gone_back_to_with_a_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
