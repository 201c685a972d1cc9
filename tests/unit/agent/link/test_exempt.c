// When rules that hold for a time end on an agent, by which clock, and what is said of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/cache/cache.h"
#include "agent/link/internal.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/workers.h"
#include "tests/unit/agent/support.h"

enum { MINUTE_MS = 60000 };

struct fixture {
    struct agent_link link;
    struct agent_bundle bundle;
    struct cm_workers *disk;
    char *root;
    bool closed;
};

static int set_up(void **state) {
    struct fixture *f = cm_new(1, sizeof(*f));
    struct agent_link *l = &f->link;
    struct cm_err err;

    cm_clock_fake(1000000);
    f->root = temp_dir();
    f->disk = cm_workers_new("disk", 1, NULL);
    l->loop = cm_loop_new();
    if (agent_cache_open(l->loop, f->disk, f->root, &l->cache, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    l->bundles = cm_map_new(NULL);
    l->ends = (struct cm_timer){.run = link_end_exemptions, .ctx = l};
    l->began_ms = cm_clock_now_ms();
    f->bundle = (struct agent_bundle){.app = "shop", .rules_until_ms = INT64_MAX};
    cm_map_put(l->bundles, "shop", &f->bundle);
    *state = f;
    return 0;
}

static void on_closed(void *ctx) {
    ((struct fixture *)ctx)->closed = true;
}

static bool is_closed(void *ctx) {
    return ((struct fixture *)ctx)->closed;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    cm_timer_stop(f->link.loop, &f->link.ends);
    agent_cache_close(f->link.cache, true, on_closed, f);
    assert_true(turn_until(f->link.loop, is_closed, f));
    agent_cache_free(f->link.cache);
    cm_map_free(f->link.bundles);
    cm_workers_stop(f->disk, true);
    cm_workers_free(f->disk);
    cm_loop_free(f->link.loop);
    temp_dir_remove(f->root);
    free(f);
    cm_clock_fake(-1);
    return 0;
}

static size_t times_said(void) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    size_t n = 0;

    cm_log_kept(&text);
    for (const char *at = cm_str_get(&text); (at = strstr(at, "agent.exemption_over")); at++) {
        n++;
    }
    return n;
}

static void a_clock_of_its_own_ends_nothing_before_the_hub_could_be_heard(void **state) {
    struct fixture *f = *state;
    struct agent_link *l = &f->link;

    f->bundle.rules_until_ms = cm_clock_unix_ms() - 1;
    assert_true(link_exempts_alike(l, &f->bundle));
    cm_clock_advance(2 * MINUTE_MS - 1);
    assert_true(link_exempts_alike(l, &f->bundle));
    cm_clock_advance(1);
    assert_false(link_exempts_alike(l, &f->bundle));
}

static void the_clock_of_a_hub_counts_at_once(void **state) {
    struct fixture *f = *state;
    struct agent_link *l = &f->link;

    f->bundle.rules_until_ms = cm_clock_unix_ms() - 1;
    link_hear_clock(l, cm_clock_unix_ms() - MINUTE_MS); // ours is ahead
    assert_true(link_exempts_alike(l, &f->bundle));
    cm_clock_advance(MINUTE_MS);
    assert_false(link_exempts_alike(l, &f->bundle));
}

static void an_end_is_said_once_though_it_cannot_come_into_force(void **state) {
    struct fixture *f = *state;
    struct agent_link *l = &f->link;
    size_t before = times_said();

    link_hear_clock(l, cm_clock_unix_ms());
    f->bundle.rules_until_ms = cm_clock_unix_ms();
    for (int i = 0; i < 3; i++) {
        link_end_exemptions(l);
        cm_clock_advance(MINUTE_MS);
    }
    assert_int_equal(times_said(), before + 1);
    f->bundle.rules_until_ms = cm_clock_unix_ms();
    link_end_exemptions(l);
    assert_int_equal(times_said(), before + 2);
}

static void nothing_is_over_where_a_clock_was_set_back(void **state) {
    struct fixture *f = *state;
    size_t before = times_said();

    link_hear_clock(&f->link, cm_clock_unix_ms());
    f->bundle.rules_from_ms = cm_clock_unix_ms() + MINUTE_MS; // it was over before
    link_end_exemptions(&f->link);
    assert_int_equal(times_said(), before);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_clock_of_its_own_ends_nothing_before_the_hub_could_be_heard),
        TEST(the_clock_of_a_hub_counts_at_once),
        TEST(an_end_is_said_once_though_it_cannot_come_into_force),
        TEST(nothing_is_over_where_a_clock_was_set_back),
    };

    cm_log_keep(65536);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
