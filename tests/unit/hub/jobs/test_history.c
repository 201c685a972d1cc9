// What a hub that starts empty takes from the past.
#include "rig.h"

#include "common/buf.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/publication.h"
#include "hub/render/bundle.h"

#define PARIS "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0001"
#define COMMIT "git add -A; git commit -q --allow-empty -m earlier >&2\n"

static const char *const fleet[] = {"fleet", NULL};
static const char *const fleet_and_team[] = {"fleet", "team", NULL};

static void begin(struct rig *r, const char *const *names) {
    rig_start(r, names);
    (void)rig_enroll(r, "paris-1", PARIS);
}

static const struct hub_pair *pair_of(const struct hub_outcome *o, const char *app) {
    const struct hub_desired *now = rig_change(o, "paris-1")->now;

    for (size_t i = 0; i < now->pair_count; i++) {
        if (strcmp(now->pairs[i].app, app) == 0) {
            return &now->pairs[i];
        }
    }
    return NULL;
}

static bool has_text(const struct hub_pair *pair, const char *text) {
    const struct cm_buf *bytes = pair->bundle->spec.objects[0].bytes;

    return memmem(bytes->data, bytes->size, text, strlen(text)) != NULL;
}

static void what_is_wrong_now_runs_as_it_was_right_last(void **state) {
    struct rig *r = *state;

    begin(r, fleet);
    struct hub_outcome *o = rig_commit(r, "fleet",
                                       "cluster paris-1; app web; config web colours red\n" COMMIT
                                       "config web colours blue\n" COMMIT
                                       "echo 'broken: [' > apps/web/colours.yaml\n" COMMIT
                                       "app good; config good size 1");

    assert_true(pair_of(o, "web")->stale);
    assert_true(has_text(pair_of(o, "web"), "blue"));
    assert_false(pair_of(o, "good")->stale);
    assert_non_null(rig_change(o, "paris-1")->publication);
    assert_int_equal(count_rows(r->db, "SELECT count(*) FROM problem"), 1);
}

static void what_was_never_right_is_left_out_and_all_else_goes_on(void **state) {
    struct rig *r = *state;

    begin(r, fleet);
    struct hub_outcome *o =
        rig_commit(r, "fleet",
                   "cluster paris-1; app good; config good size 1; app web\n"
                   "echo 'broken: [' > apps/web/colours.yaml\n" COMMIT "config good size 2");

    assert_null(pair_of(o, "web"));
    assert_true(has_text(pair_of(o, "good"), "2"));
}

static void what_went_meanwhile_is_not_deleted(void **state) {
    struct rig *r = *state;

    begin(r, fleet);
    struct hub_outcome *o =
        rig_commit(r, "fleet",
                   "cluster paris-1; app old; config old a 1\n"
                   "app web; config web colours red\n" COMMIT "rm -r apps/old\n" COMMIT
                   "echo 'broken: [' > apps/web/colours.yaml");

    assert_true(rig_runs(o, "paris-1", "web"));
    assert_false(rig_has_lost(o, "paris-1", "old"));
    assert_int_equal(rig_change(o, "paris-1")->now->gone_count, 0);
}

static void a_repository_that_comes_later_is_looked_back_at_too(void **state) {
    struct rig *r = *state;

    begin(r, fleet_and_team);
    (void)rig_commit(r, "fleet", "cluster paris-1; app web; config web colours red");
    struct hub_outcome *o = rig_commit(r, "team",
                                       "app crew; config crew size 3\n" COMMIT
                                       "echo 'broken: [' > apps/crew/size.yaml");

    assert_true(pair_of(o, "crew")->stale);
    assert_true(has_text(pair_of(o, "crew"), "3"));
    assert_true(rig_runs(o, "paris-1", "web"));
}

static void what_is_on_record_needs_no_history(void **state) {
    struct rig *r = *state;

    begin(r, fleet);
    (void)rig_commit(r, "fleet", "cluster paris-1; app web; config web colours red");
    (void)rig_commit(r, "fleet", "echo 'broken: [' > apps/web/colours.yaml");
    rig_start(r, fleet);
    (void)rig_begin(r);
    struct hub_outcome *o = rig_resume(r, "fleet");

    assert_null(rig_change(o, "paris-1"));
    assert_int_equal(o->refreshed_count, 1);
}

static void the_revision_is_that_at_which_it_was_right(void **state) {
    struct rig *r = *state;

    begin(r, fleet);
    struct hub_outcome *o = rig_commit(r, "fleet",
                                       "cluster paris-1; app web; config web colours red\n" COMMIT
                                       "git rev-parse HEAD > ../right\n"
                                       "echo 'broken: [' > apps/web/colours.yaml");
    struct hub_repo_id right = scratch_id(r->scratch, "cat right");
    char hex[HUB_REPO_ID_HEX_MAX];

    hub_repo_id_hex(&right, hex);
    assert_string_equal(pair_of(o, "web")->revision, hex);
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, rig_open, rig_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(what_is_wrong_now_runs_as_it_was_right_last),
        RIG_TEST(what_was_never_right_is_left_out_and_all_else_goes_on),
        RIG_TEST(what_went_meanwhile_is_not_deleted),
        RIG_TEST(a_repository_that_comes_later_is_looked_back_at_too),
        RIG_TEST(what_is_on_record_needs_no_history),
        RIG_TEST(the_revision_is_that_at_which_it_was_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
