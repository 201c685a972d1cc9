#include "desk.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "hub/access/authority.h"
#include "hub/config/config.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/planner_state.h"
#include "hub/jobs/publication.h"
#include "hub/jobs/store.h"
#include "hub/jobs/sync_state.h"
#include "tests/unit/hub/repo/scratch.h"

enum { MANY = 100 }; // more than one piece

struct fixture {
    struct desk *desk;
    void *scratch;
    struct hub_authority *authority;
    struct cm_metrics *metrics;
    struct hub_sync *sync;
    size_t published;
    size_t withdrawn;
    size_t asked;
    size_t published_when_heard;
    int64_t takes_ms; // each to put in force
    bool stopped;
};

static void on_published(void *ctx, struct hub_publication *p) {
    struct fixture *f = ctx;

    assert_int_equal(p->generation, f->published + 1); // each once, in order
    f->published++;
    if (f->takes_ms > 0) {
        cm_clock_advance(f->takes_ms);
    }
}

static void on_withdrawn(void *ctx, const char *cluster) {
    struct fixture *f = ctx;

    assert_string_equal(cluster, "gone");
    assert_int_equal(f->published, MANY);
    f->withdrawn++;
}

static void on_holds(void *ctx, const struct hub_hold_ask *asks, size_t count) {
    struct fixture *f = ctx;

    (void)asks;
    assert_int_equal(f->withdrawn, 1);
    f->asked += count;
}

static void on_stopped(void *ctx) {
    ((struct fixture *)ctx)->stopped = true;
}

static int open_fixture(void **state) {
    static const struct hub_repositories none;
    struct fixture *f = cm_new(1, sizeof(*f));
    struct cm_err err;

    assert_int_equal(desk_open((void **)&f->desk), 0);
    assert_int_equal(scratch_open(&f->scratch), 0);
    CM_AUTOFREE char *keys = scratch_path(f->scratch, "keys");
    assert_int_equal(hub_authority_open(keys, NULL, 0, &f->authority, &err), CM_OK);
    f->metrics = cm_metrics_new();
    struct hub_sync_config config = {.loop = f->desk->loop,
                                     .store = f->desk->store,
                                     .authority = f->authority,
                                     .metrics = f->metrics,
                                     .repositories = &none,
                                     .data_dir = "/nowhere",
                                     .epoch = 1,
                                     .git_workers = 1,
                                     .published = on_published,
                                     .withdrawn = on_withdrawn,
                                     .holds = on_holds,
                                     .ctx = f};
    assert_int_equal(hub_sync_new(&config, &f->sync, &err), CM_OK);
    *state = f;
    return 0;
}

static int close_fixture(void **state) {
    struct fixture *f = *state;

    hub_sync_free(f->sync);
    hub_authority_free(f->authority);
    cm_metrics_free(f->metrics);
    assert_int_equal(scratch_close(&f->scratch), 0);
    assert_int_equal(desk_close((void **)&f->desk), 0);
    free(f);
    return 0;
}

// add_step makes a step whose outcome, which is on record, changes so many clusters, takes one out
// of Git and asks for a Hold.
static struct hub_step *add_step(struct fixture *f) {
    struct hub_step *step = hub_step_add(f->sync, HUB_STEP_COMMIT, NULL, NULL);
    struct cm_arena *a = cm_arena_new(0);
    struct hub_outcome *o = cm_arena_get(a, sizeof(*o));

    *o = (struct hub_outcome){.arena = a, .change_count = 1, .ask_count = 1};
    o->refreshed = cm_arena_get(a, MANY * sizeof(*o->refreshed));
    for (; o->refreshed_count < MANY; o->refreshed_count++) {
        struct hub_publication *p = cm_new(1, sizeof(*p));

        p->refs = 1;
        p->generation = o->refreshed_count + 1;
        o->refreshed[o->refreshed_count] = p;
    }
    o->changes = cm_arena_get(a, sizeof(*o->changes));
    o->changes[0] = (struct hub_cluster_change){.cluster = cm_arena_strdup(a, "gone")};
    o->asks = cm_arena_get(a, sizeof(*o->asks));
    *o->asks = (struct hub_hold_ask){0};
    step->outcome = o;
    f->sync->busy = true;
    return step;
}

static void hear(void *ctx) {
    struct fixture *f = ctx;

    f->published_when_heard = f->published;
}

static void what_many_clusters_get_leaves_others_their_turn(void **state) {
    struct fixture *f = *state;
    struct cm_task frame = {.run = hear, .ctx = f};
    struct hub_step *step = add_step(f);

    cm_loop_post(f->desk->loop, &frame);
    hub_step_publish(step);
    assert_true(f->published < MANY);
    desk_settle(f->desk);
    assert_true(f->published_when_heard < MANY);
    assert_int_equal(f->published, MANY);
    assert_int_equal(f->asked, 1);
    assert_true(cm_list_empty(&f->sync->steps));
    assert_false(f->sync->busy);
}

static void what_takes_long_to_send_leaves_others_their_turn_sooner(void **state) {
    struct fixture *f = *state;

    cm_clock_fake(cm_clock_unix_ms());
    f->takes_ms = 10;
    hub_step_publish(add_step(f));
    assert_int_equal(f->published, 3); // after 0, 10 and 20 ms
    desk_settle(f->desk);
    cm_clock_fake(-1);
    assert_int_equal(f->published, MANY);
    assert_int_equal(f->asked, 1);
}

static void stopping_waits_until_all_of_it_is_in_force(void **state) {
    struct fixture *f = *state;

    hub_step_publish(add_step(f));
    hub_sync_stop(f->sync, on_stopped, f);
    assert_false(f->stopped);
    desk_settle(f->desk);
    assert_int_equal(f->published, MANY);
    assert_true(f->stopped);
}

// What the branch of Holds says may be read just then.
static void a_mirror_that_no_app_wants_goes_but_for_that_of_holds(void **state) {
    struct fixture *f = *state;
    const struct scratch *scratch = f->scratch;

    scratch_run(scratch, "mkdir -p git/fleet git/fleet@holds git/fleet@0123456789abcdef");
    f->sync->config.data_dir = scratch->folder;
    f->sync->ready = true;
    hub_watch_wants(f->sync, &(struct hub_outcome){0});
    while (f->sync->jobs > 0) {
        desk_settle(f->desk);
    }
    CM_AUTOFREE char *left = scratch_sh(scratch, "ls git | tr '\\n' ' '");
    assert_string_equal(left, "fleet fleet@holds ");
}

static void what_could_not_be_read_of_a_cluster_is_read_again(void **state) {
    struct fixture *f = *state;
    struct hub_sync *s = f->sync;

    desk_run(f->desk, "ALTER TABLE proven RENAME TO away");
    hub_sync_enrolled(s, "paris", "one");
    while (s->jobs > 0) {
        desk_settle(f->desk);
    }
    assert_non_null(cm_map_get(s->unproven, "paris"));
    assert_string_equal(hub_planner_cluster(s->planner, "paris")->id, "one"); // it has enrolled
    s->retry_proven.run(s);
    while (s->jobs > 0) {
        desk_settle(f->desk);
    }
    assert_non_null(cm_map_get(s->unproven, "paris")); // still
    assert_true(s->proven_backoff.last_ms > 0);
    desk_run(f->desk, "ALTER TABLE away RENAME TO proven");
    s->retry_proven.run(s);
    while (s->jobs > 0) {
        desk_settle(f->desk);
    }
    assert_int_equal(cm_map_len(s->unproven), 0);
    assert_int_equal(s->proven_backoff.last_ms, 0); // it works again
    assert_string_equal(hub_planner_cluster(s->planner, "paris")->id, "one");
}

static void what_was_promoted_before_it_was_waited_for_is_looked_for(void **state) {
    static const struct hub_pair pair = {.app = "web", .begins = "Canary\n"};
    struct fixture *f = *state;
    struct hub_step *step = hub_step_add(f->sync, HUB_STEP_ENROLL, "paris", "one");
    struct cm_arena *a = cm_arena_new(0);
    struct hub_desired now = {.refs = 2, .cluster = "paris", .pairs = &pair, .pair_count = 1};
    struct hub_cluster_change change = {.cluster = "paris", .now = &now};

    step->outcome = cm_arena_get(a, sizeof(*step->outcome));
    *step->outcome = (struct hub_outcome){.arena = a, .changes = &change, .change_count = 1};
    f->sync->busy = true;
    hub_step_publish(step);
    while (f->sync->jobs > 0) {
        desk_settle(f->desk);
    }
    assert_non_null(cm_map_get(f->sync->planner->clusters, "paris")); // a step came of it
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_fixture, close_fixture)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_promoted_before_it_was_waited_for_is_looked_for),
        TEST(what_could_not_be_read_of_a_cluster_is_read_again),
        TEST(what_many_clusters_get_leaves_others_their_turn),
        TEST(what_takes_long_to_send_leaves_others_their_turn_sooner),
        TEST(stopping_waits_until_all_of_it_is_in_force),
        TEST(a_mirror_that_no_app_wants_goes_but_for_that_of_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
