#include "agent/exempt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/cache/cache.h"
#include "agent/driver.h"
#include "agent/plan/desired.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/workers.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"
#include "tests/unit/agent/support.h"

#define NOW_MS INT64_C(1790856000000) // 2026-10-01T12:00:00Z
#define HOUR_MS INT64_C(3600000)
#define CFG "ConfigMap/shop/cfg"

struct fixture {
    char *root;
    struct cm_loop *loop;
    struct cm_workers *disk;
    struct agent_cache *cache;
    struct agent_exempt *exempt;
    struct agent_desired *desired; // NULL: nothing is known
    struct cm_arena *arena;
    Holdfast__V1__Exempted *told; // the last one
    size_t tellings;
    size_t changes;
    bool decodes; // what changed comes into force at once, as it does
    char *said;   // the last one
    bool said_taken;
    bool closed;
    size_t wanted; // of tellings
};

static void on_changed(void *ctx) {
    struct fixture *f = ctx;

    f->changes++;
    if (f->decodes) {
        agent_exempt_in_force(f->exempt);
    }
}

static bool on_send(void *ctx, struct cm_buf *exempted) {
    struct fixture *f = ctx;
    struct cm_err err;

    if (WIRE_UNPACK(f->arena, Holdfast__V1__Exempted, holdfast__v1__exempted, exempted->data,
                    exempted->size, &f->told, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    f->tellings++;
    return true;
}

static void on_say(void *ctx, const struct agent_site_object *object, bool taken,
                   const char *words) {
    struct fixture *f = ctx;

    free(f->said);
    f->said = cm_strf("%s: %s", object->name, words);
    f->said_taken = taken;
}

static const struct agent_desired *on_desired(void *ctx) {
    return ((struct fixture *)ctx)->desired;
}

static void open_all(struct fixture *f) {
    const struct agent_exempt_host host = {
        .changed = on_changed, .send = on_send, .say = on_say, .desired = on_desired, .ctx = f};
    struct cm_err err;

    if (agent_cache_open(f->loop, f->disk, f->root, &f->cache, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    f->exempt = agent_exempt_new(f->loop, f->cache, &host);
    agent_exempt_start(f->exempt);
}

static void on_closed(void *ctx) {
    ((struct fixture *)ctx)->closed = true;
}

static bool is_closed(void *ctx) {
    return ((struct fixture *)ctx)->closed;
}

static void close_all(struct fixture *f) {
    agent_exempt_stop(f->exempt);
    f->closed = false;
    agent_cache_close(f->cache, true, on_closed, f);
    assert_true(turn_until(f->loop, is_closed, f));
    agent_exempt_free(f->exempt);
    agent_cache_free(f->cache);
}

static void want_object(struct fixture *f) {
    const struct test_object objects[] = {{.key = CFG}};
    const struct test_app app = {.name = "shop",
                                 .namespace = "shop",
                                 .revision = "r1",
                                 .drift = AGENT_DRIFT_CORRECT,
                                 .objects = objects,
                                 .object_count = 1};
    struct test_release *r = release_new(
        &(struct test_manifest){.epoch = 1, .generation = 1, .apps = &app, .app_count = 1});

    f->desired = desired_new(r);
    release_free(r);
}

static int set_up(void **state) {
    struct fixture *f = cm_new(1, sizeof(*f));

    cm_clock_fake(NOW_MS);
    f->root = temp_dir();
    f->loop = cm_loop_new();
    f->disk = cm_workers_new("disk", 1, NULL);
    f->arena = cm_arena_new(0);
    want_object(f);
    open_all(f);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    close_all(f);
    agent_desired_free(f->desired);
    cm_workers_stop(f->disk, true);
    cm_workers_free(f->disk);
    cm_loop_free(f->loop);
    cm_arena_free(f->arena);
    temp_dir_remove(f->root);
    free(f->said);
    free(f);
    cm_clock_fake(-1);
    return 0;
}

// until formats a time of what an object says.
static void until(int64_t ahead_ms, char out[CM_CLOCK_TEXT_MAX]) {
    cm_clock_format(NOW_MS + ahead_ms, out);
}

// found has the driver say that these objects are there, each ending then and then.
static void found(struct fixture *f, const char *const *names, size_t count, int64_t ahead_ms) {
    struct agent_site_object all[AGENT_SITE_OBJECTS_MAX];
    char end[CM_CLOCK_TEXT_MAX];

    until(ahead_ms, end);
    for (size_t i = 0; i < count; i++) {
        const char *text = cm_arena_strf(f->arena,
                                         "{\"app\":\"shop\",\"object\":\"" CFG
                                         "\",\"until\":\"%s\",\"reason\":\"r\",\"by\":\"ada\"}",
                                         end);
        struct cm_json *spec = NULL;
        struct cm_err err;

        assert_int_equal(cm_json_parse(f->arena, text, strlen(text), NULL, &spec, &err), CM_OK);
        all[i] = (struct agent_site_object){.name = names[i],
                                            .uid = names[i],
                                            .manager = "kubectl",
                                            .made_ms = NOW_MS + (int64_t)i,
                                            .spec = spec};
    }
    agent_exempt_found(f->exempt, all, count);
    while (cm_loop_turn(f->loop)) {
    }
}

static void found_one(struct fixture *f, int64_t ahead_ms) {
    const char *const name = "inc-1";

    found(f, &name, 1, ahead_ms);
}

static size_t in_force(const struct fixture *f) {
    size_t count;
    const struct agent_exemption *all = agent_cache_exemptions(f->cache, &count);
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        n += agent_exemption_counts(&all[i]) ? 1 : 0;
    }
    return n;
}

static bool is_told(void *ctx) {
    const struct fixture *f = ctx;

    return f->tellings >= f->wanted;
}

static void wait_told(struct fixture *f, size_t count) {
    f->wanted = count;
    assert_true(turn_until(f->loop, is_told, f));
}

static void pass(struct fixture *f, int64_t ms) {
    cm_clock_advance(ms);
    while (cm_loop_turn(f->loop)) {
    }
}

static void it_is_in_force_without_a_hub_and_after_a_restart(void **state) {
    struct fixture *f = *state;

    found_one(f, 2 * HOUR_MS);
    assert_int_equal(in_force(f), 1);
    assert_int_equal(f->changes, 1);
    assert_true(f->said_taken);
    close_all(f);
    open_all(f);
    assert_int_equal(in_force(f), 1);
    found_one(f, 2 * HOUR_MS);
    assert_int_equal(f->changes, 1); // it is the same
    found(f, NULL, 0, 0);
    assert_int_equal(in_force(f), 0);
    assert_int_equal(f->changes, 2);
}

static void it_ends_by_time_and_warns_a_day_before(void **state) {
    struct fixture *f = *state;

    found_one(f, 120 * HOUR_MS);
    pass(f, 95 * HOUR_MS);
    assert_non_null(strstr(f->said, "in force until"));
    pass(f, 2 * HOUR_MS);
    assert_string_equal(f->said, "inc-1: ends soon, at 2026-10-06T12:00:00.000Z");
    assert_int_equal(in_force(f), 1);
    pass(f, 24 * HOUR_MS);
    assert_int_equal(in_force(f), 0);
    close_all(f);
    open_all(f);
    found_one(f, 120 * HOUR_MS);
    assert_int_equal(in_force(f), 0);
}

static void of_a_short_one_it_warns_in_its_last_quarter(void **state) {
    struct fixture *f = *state;

    found_one(f, 8 * HOUR_MS);
    pass(f, 5 * HOUR_MS);
    assert_non_null(strstr(f->said, "in force until"));
    pass(f, 2 * HOUR_MS);
    assert_string_equal(f->said, "inc-1: ends soon, at 2026-10-01T20:00:00.000Z");
}

static void one_that_was_over_before_the_agent_was_back_is_so_at_once(void **state) {
    struct fixture *f = *state;

    found_one(f, HOUR_MS);
    close_all(f);
    cm_clock_advance(2 * HOUR_MS);
    open_all(f);
    assert_int_equal(in_force(f), 0);
}

static void come_into_force(void *ctx) {
    agent_exempt_in_force(((struct fixture *)ctx)->exempt);
}

static void it_ends_in_the_moment_in_which_another_manifest_comes_into_force(void **state) {
    struct fixture *f = *state;
    struct cm_timer manifest = {.run = come_into_force, .ctx = f};

    found_one(f, HOUR_MS);
    f->decodes = true;
    cm_timer_start(f->loop, &manifest, 1); // before its own
    pass(f, HOUR_MS);
    assert_int_equal(in_force(f), 0);
    assert_int_equal(f->changes, 2);
}

static void what_ended_is_told_with_its_times_until_the_hub_has_it(void **state) {
    struct fixture *f = *state;

    found_one(f, HOUR_MS);
    cm_clock_advance(1000);
    found(f, NULL, 0, 0);
    agent_exempt_connected(f->exempt, true, false);
    wait_told(f, 1);
    assert_int_equal(f->told->n_exemptions, 1);
    assert_int_equal(f->told->exemptions[0]->began_ms, NOW_MS);
    assert_int_equal(f->told->exemptions[0]->ended_ms, NOW_MS + 1000);
    assert_string_equal(f->told->exemptions[0]->actor, "ada");
    agent_exempt_disconnected(f->exempt); // before it was acknowledged
    agent_exempt_connected(f->exempt, true, false);
    wait_told(f, 2);
    agent_exempt_acked(f->exempt, f->told->number, NULL, 0);
    size_t count;
    (void)agent_cache_exemptions(f->cache, &count);
    assert_int_equal(count, 0);
}

static void what_git_does_not_want_ends_and_stays_so(void **state) {
    struct fixture *f = *state;
    struct cm_sha256 id;

    agent_exempt_connected(f->exempt, true, false);
    found_one(f, HOUR_MS);
    wait_told(f, 1);
    memcpy(id.bytes, f->told->exemptions[0]->id.data, sizeof(id.bytes));
    agent_exempt_acked(f->exempt, f->told->number, &id, 1);
    assert_int_equal(in_force(f), 0);
    wait_told(f, 2);
    agent_exempt_acked(f->exempt, f->told->number, NULL, 0);
    found_one(f, HOUR_MS);
    assert_int_equal(in_force(f), 0);
}

static void what_cannot_be_is_looked_at_again_with_another_manifest(void **state) {
    struct fixture *f = *state;

    agent_desired_free(f->desired);
    f->desired = NULL;
    found_one(f, HOUR_MS);
    assert_int_equal(in_force(f), 0);
    assert_string_equal(f->said, "inc-1: the agent does not know yet what shall run here");
    assert_false(f->said_taken);
    want_object(f);
    agent_exempt_in_force(f->exempt);
    pass(f, 0);
    assert_int_equal(in_force(f), 1);
}

static void what_was_refused_is_told_until_the_hub_has_it(void **state) {
    struct fixture *f = *state;

    found_one(f, -HOUR_MS);
    agent_exempt_connected(f->exempt, true, false);
    wait_told(f, 1);
    assert_int_equal(f->told->exemptions[0]->began_ms, 0);
    assert_string_equal(f->told->exemptions[0]->message, "spec.until is over");
    agent_exempt_disconnected(f->exempt);
    agent_exempt_connected(f->exempt, true, false);
    wait_told(f, 2);
    agent_exempt_acked(f->exempt, f->told->number, NULL, 0);
    agent_exempt_disconnected(f->exempt);
    agent_exempt_connected(f->exempt, true, false);
    assert_int_equal(f->tellings, 2);
}

static void more_than_so_many_are_refused_and_taken_when_there_is_room(void **state) {
    const char *names[AGENT_EXEMPTIONS_IN_FORCE + 1];
    struct fixture *f = *state;

    for (size_t i = 0; i <= AGENT_EXEMPTIONS_IN_FORCE; i++) {
        names[i] = cm_arena_strf(f->arena, "n%02zu", i);
    }
    found(f, names, AGENT_EXEMPTIONS_IN_FORCE + 1, HOUR_MS);
    assert_int_equal(in_force(f), AGENT_EXEMPTIONS_IN_FORCE);
    assert_string_equal(f->said, "n16: 16 are in force here already, more there cannot be: delete "
                                 "one that is not needed");
    found(f, names + 1, AGENT_EXEMPTIONS_IN_FORCE, HOUR_MS);
    assert_int_equal(in_force(f), AGENT_EXEMPTIONS_IN_FORCE);
    assert_true(f->said_taken);
}

static void room_that_git_makes_is_taken_at_once(void **state) {
    const char *names[AGENT_EXEMPTIONS_IN_FORCE + 1];
    struct fixture *f = *state;
    struct cm_sha256 id;

    for (size_t i = 0; i <= AGENT_EXEMPTIONS_IN_FORCE; i++) {
        names[i] = cm_arena_strf(f->arena, "n%02zu", i);
    }
    agent_exempt_connected(f->exempt, true, false);
    found(f, names, AGENT_EXEMPTIONS_IN_FORCE + 1, HOUR_MS);
    assert_false(f->said_taken);
    wait_told(f, 1);
    memcpy(id.bytes, f->told->exemptions[0]->id.data, sizeof(id.bytes));
    agent_exempt_acked(f->exempt, f->told->number, &id, 1);
    assert_int_equal(in_force(f), AGENT_EXEMPTIONS_IN_FORCE - 1);
    pass(f, 0);
    assert_int_equal(in_force(f), AGENT_EXEMPTIONS_IN_FORCE);
    assert_true(f->said_taken);
    assert_non_null(strstr(f->said, "n16: in force until"));
}

static void a_hub_that_knows_nothing_is_told_that_there_is_nothing(void **state) {
    struct fixture *f = *state;

    agent_exempt_connected(f->exempt, true, true);
    assert_int_equal(f->tellings, 0); // nobody has looked
    found(f, NULL, 0, 0);
    wait_told(f, 1);
    assert_int_equal(f->told->n_exemptions, 0);
}

static void a_hub_that_does_not_take_it_is_told_nothing(void **state) {
    struct fixture *f = *state;

    agent_exempt_connected(f->exempt, false, true);
    found_one(f, HOUR_MS);
    assert_int_equal(in_force(f), 1);
    assert_int_equal(f->tellings, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(it_is_in_force_without_a_hub_and_after_a_restart),
        TEST(it_ends_by_time_and_warns_a_day_before),
        TEST(of_a_short_one_it_warns_in_its_last_quarter),
        TEST(one_that_was_over_before_the_agent_was_back_is_so_at_once),
        TEST(it_ends_in_the_moment_in_which_another_manifest_comes_into_force),
        TEST(what_ended_is_told_with_its_times_until_the_hub_has_it),
        TEST(what_git_does_not_want_ends_and_stays_so),
        TEST(what_cannot_be_is_looked_at_again_with_another_manifest),
        TEST(what_was_refused_is_told_until_the_hub_has_it),
        TEST(more_than_so_many_are_refused_and_taken_when_there_is_room),
        TEST(room_that_git_makes_is_taken_at_once),
        TEST(a_hub_that_knows_nothing_is_told_that_there_is_nothing),
        TEST(a_hub_that_does_not_take_it_is_told_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
