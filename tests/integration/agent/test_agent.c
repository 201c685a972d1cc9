#include "agent/agent.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/cache/cache.h"
#include "agent/cache/record.h"
#include "agent/sim/sim.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/list.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/net/net.h"
#include "common/str.h"
#include "common/workers.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"
#include "tests/integration/agent/fake_hub.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define WEB "Deployment.apps/shop/web"
#define CFG "ConfigMap/shop/cfg"
#define OLD "ConfigMap/shop/old"
#define KEY "Secret/shop/key"
#define SECOND                                                                                     \
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\","          \
    "\"namespace\":\"shop\"},\"spec\":{\"release\":\"second\"}}"
#define THIRD                                                                                      \
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\","          \
    "\"namespace\":\"shop\"},\"spec\":{\"release\":\"third\"}}"
#define HOUR_MS INT64_C(3600000)
#define DISK_WORKERS 2

struct fixture {
    char *root;
    char *dir;
    struct cm_loop *loop;
    struct cm_workers *disk;
    struct fake_hub *hub;
    struct agent_sim *sim;
    struct agent *agent;
    bool stopped;
    const char *what; // of the present wait
    uint64_t number;
    int64_t until_ms;
    struct cm_buf *identity; // as it was on disk
    bool observes;           // the agent that is started next
    size_t many;             // that a condition waits for
};

// ---- What stands before a function of others: the linker's --wrap

static atomic_bool fails_after_replacing; // the identity, once

// NOLINTBEGIN(cert-dcl51-cpp,bugprone-reserved-identifier) the linker's names
enum cm_rc __real_cm_fsys_replace(const char *path, const void *bytes, size_t size, mode_t mode,
                                  struct cm_err *err);
enum cm_rc __wrap_cm_fsys_replace(const char *path, const void *bytes, size_t size, mode_t mode,
                                  struct cm_err *err);

enum cm_rc __wrap_cm_fsys_replace(const char *path, const void *bytes, size_t size, mode_t mode,
                                  struct cm_err *err) {
    const char *end = strrchr(path, '/');
    enum cm_rc rc = __real_cm_fsys_replace(path, bytes, size, mode, err);

    if (rc == CM_OK && strcmp(end, "/identity") == 0 &&
        atomic_exchange(&fails_after_replacing, false)) {
        return cm_fail(err, CM_EIO, "sync folder: %s", path);
    }
    return rc;
}
// NOLINTEND(cert-dcl51-cpp,bugprone-reserved-identifier)

// ---- Set up and take down

static void start_agent_that_pauses(struct fixture *f, int64_t most_ms) {
    const struct agent_config config = {.data_dir = f->dir,
                                        .join_token = fake_hub_token(f->hub),
                                        .enroll_hub = fake_hub_enroll_addr(f->hub),
                                        .report_interval_ms = 20,
                                        .reconnect_min_ms = 10,
                                        .reconnect_max_ms = most_ms};
    struct cm_err err;

    struct agent_driver *driver = agent_sim_driver_new(f->sim);

    driver->observes |= f->observes;
    if (agent_new(f->loop, f->disk, &config, driver, &f->agent, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    agent_start(f->agent);
}

static void start_agent(struct fixture *f) {
    start_agent_that_pauses(f, 100);
}

static void on_stopped(void *ctx) {
    ((struct fixture *)ctx)->stopped = true;
}

static bool is_stopped(void *ctx) {
    return ((struct fixture *)ctx)->stopped;
}

static void end_agent(struct fixture *f, bool kill) {
    f->stopped = false;
    if (kill) {
        agent_kill(f->agent, on_stopped, f);
    } else {
        agent_stop(f->agent, on_stopped, f);
    }
    assert_true(turn_until(f->loop, is_stopped, f));
    agent_free(f->agent);
    f->agent = NULL;
}

static int set_up(void **state) {
    struct fixture *f = cm_new(1, sizeof(*f));

    cm_clock_fake(cm_clock_unix_ms());
    time_goes_on = true;
    f->root = temp_dir();
    f->dir = cm_strf("%s/agent", f->root);
    f->loop = cm_loop_new();
    f->disk = cm_workers_new("disk", DISK_WORKERS, NULL);
    f->hub = fake_hub_new(f->loop);
    f->sim = agent_sim_new(f->loop, &(struct agent_sim_config){.latency_ms = 1, .health_ms = 20});
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    if (f->agent != NULL) {
        end_agent(f, false);
    }
    fake_hub_free(f->hub);
    cm_workers_stop(f->disk, true);
    cm_workers_free(f->disk);
    agent_sim_free(f->sim);
    cm_loop_free(f->loop);
    free(f->dir);
    temp_dir_remove(f->root);
    free(f);
    time_goes_on = false;
    cm_clock_fake(-1);
    return 0;
}

static const struct test_object shop_objects[] = {
    {.key = CFG}, {.key = WEB}, {.key = KEY, .secret = true}};
static const struct test_app shop = {
    .name = "shop", .revision = "c1", .objects = shop_objects, .object_count = 3};

static struct test_manifest manifest_of(const struct test_app *apps, size_t count,
                                        uint64_t generation) {
    return (struct test_manifest){
        .epoch = 1, .generation = generation, .apps = apps, .app_count = count};
}

static void publish(struct fixture *f, const struct test_app *app, uint64_t generation) {
    struct test_manifest m = manifest_of(app, 1, generation);

    fake_hub_publish(f->hub, &m);
}

// ---- What to wait for

static bool shop_is_healthy(void *ctx) {
    const struct fixture *f = ctx;
    struct fake_app app = fake_hub_app(f->hub, "shop");

    return app.known && app.applied == HOLDFAST__V1__APPLIED__APPLIED &&
           app.health == HOLDFAST__V1__HEALTH__HEALTHY;
}

static bool sim_has(struct fixture *f, const char *key) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = agent_sim_get(f->sim, key);

    return bytes != NULL;
}

static bool sim_has_what(void *ctx) {
    struct fixture *f = ctx;

    return sim_has(f, f->what);
}

static bool sim_lacks_what(void *ctx) {
    struct fixture *f = ctx;

    return !sim_has(f, f->what);
}

static bool is_at_generation(void *ctx) {
    const struct fixture *f = ctx;
    struct agent_state state;

    agent_state_get(f->agent, &state);
    return state.generation == f->number;
}

static bool hub_saw_hellos(void *ctx) {
    const struct fixture *f = ctx;

    return fake_hub_counts(f->hub).hellos >= f->number;
}

static bool hub_saw_pings(void *ctx) {
    const struct fixture *f = ctx;

    return fake_hub_counts(f->hub).pings >= f->number;
}

static bool object_is_reported(void *ctx) {
    const struct fixture *f = ctx;

    return fake_hub_object(f->hub, f->what).known;
}

static bool object_is_gone(void *ctx) {
    const struct fixture *f = ctx;

    return fake_hub_object(f->hub, f->what).removed;
}

static bool object_has_drifted(void *ctx) {
    const struct fixture *f = ctx;

    return fake_hub_object(f->hub, f->what).drift_count > 0;
}

static bool object_is_missing(void *ctx) {
    const struct fixture *f = ctx;

    return fake_hub_object(f->hub, f->what).health == HOLDFAST__V1__HEALTH__MISSING;
}

static bool shop_is_what_and_healthy(void *ctx) {
    const struct fixture *f = ctx;

    return strcmp(fake_hub_app(f->hub, "shop").revision, f->what) == 0 && shop_is_healthy(ctx);
}

static bool hub_heard_goodbye(void *ctx) {
    return fake_hub_counts(((struct fixture *)ctx)->hub).goodbyes > 0;
}

static bool hub_heard_all_anew(void *ctx) {
    const struct fixture *f = ctx;

    return fake_hub_counts(f->hub).full_reports >= f->number;
}

static void install(struct fixture *f) {
    publish(f, &shop, 1);
    start_agent(f);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
}

// wait_a_while lets some pings go by, so that what must not happen has its time to.
static void wait_a_while(struct fixture *f) {
    f->number = fake_hub_counts(f->hub).pings + 2;
    assert_true(turn_until(f->loop, hub_saw_pings, f));
}

static bool time_has_come(void *ctx) {
    return cm_clock_now_ms() >= ((const struct fixture *)ctx)->until_ms;
}

// let_time_pass does so without a hub.
static void let_time_pass(struct fixture *f) {
    f->until_ms = cm_clock_now_ms() + 200;
    assert_true(turn_until(f->loop, time_has_come, f));
}

static uint64_t sim_applies(const struct fixture *f) {
    struct agent_sim_stats stats;

    agent_sim_stats_get(f->sim, &stats);
    return stats.applies;
}

// ---- The tests

static void an_agent_enrolls_and_brings_a_manifest_about(void **state) {
    struct fixture *f = *state;

    install(f);
    assert_int_equal(fake_hub_counts(f->hub).enrolled, 1);
    assert_true(sim_has(f, WEB) && sim_has(f, CFG) && sim_has(f, KEY));
    f->what = KEY;
    assert_true(turn_until(f->loop, object_is_reported, f));
    f->what = CFG;
    assert_true(turn_until(f->loop, object_is_reported, f));
    struct cm_sha256 name = object_name(&shop_objects[0]);
    struct fake_object cfg = fake_hub_object(f->hub, CFG);
    assert_true(cm_sha256_equal(&cfg.sha256, &name));
    struct fake_app app = fake_hub_app(f->hub, "shop");
    assert_string_equal(app.revision, "c1");
    assert_int_equal(app.objects, 3);
}

static void blobs_that_come_ahead_are_not_asked_for(void **state) {
    struct fixture *f = *state;

    fake_hub_push(f->hub, true);
    install(f);
    // The manifest alone: odd generations do not bring it along.
    assert_int_equal(fake_hub_counts(f->hub).wants, 1);
    assert_true(sim_has(f, KEY));
}

static void a_blob_that_is_begun_anew_is_taken(void **state) {
    struct fixture *f = *state;

    fake_hub_lie(f->hub, FAKE_START_TWICE);
    install(f);
    assert_true(sim_has(f, KEY));
}

static void an_identity_is_used_again(void **state) {
    struct fixture *f = *state;

    install(f);
    uint64_t applies = sim_applies(f);
    end_agent(f, false);
    assert_true(turn_until(f->loop, hub_heard_goodbye, f));
    assert_int_equal(fake_hub_counts(f->hub).goodbyes, 1);
    fake_hub_forget_reports(f->hub);
    start_agent(f);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    assert_int_equal(fake_hub_counts(f->hub).enrolled, 1);
    assert_int_equal(fake_hub_counts(f->hub).hello_generation, 1);
    assert_int_equal(sim_applies(f), applies); // nothing was written again
}

static void a_change_touches_what_changed(void **state) {
    struct fixture *f = *state;
    struct test_object objects[COUNT(shop_objects)];
    struct test_app app = shop;

    install(f);
    uint64_t applies = sim_applies(f);
    memcpy(objects, shop_objects, sizeof(objects));
    objects[0].json = "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
                      "\"cfg\",\"namespace\":\"shop\"},\"data\":{\"a\":\"b\"}}";
    app.objects = objects;
    app.revision = "c2";
    size_t wants = fake_hub_counts(f->hub).wants;
    publish(f, &app, 2);
    f->number = 2;
    assert_true(turn_until(f->loop, is_at_generation, f));
    f->what = "c2";
    assert_true(turn_until(f->loop, shop_is_what_and_healthy, f));
    wait_a_while(f);
    assert_int_equal(sim_applies(f), applies + 1);
    assert_int_equal(fake_hub_counts(f->hub).wants - wants, 2); // bundle and object
}

// Two objects that are long, and alike, and a Secret; `colour` makes a release another one.
static const char long_text[] = "The quick brown fox jumps over the lazy dog; 3.14159265358979";

static char *long_revision(const char *colour) {
    return cm_strf("%.40s-%s", long_text, colour);
}

static void put_long(struct fixture *f, const char *colour, const char *secret,
                     uint64_t generation) {
    struct test_object objects[COUNT(shop_objects)];
    struct test_app app = shop;
    CM_AUTOFREE char *revision = long_revision(colour);
    CM_AUTOFREE char *value = cm_strf("%s-%s", long_text, colour);
    CM_AUTOFREE char *key =
        cm_strf("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{"
                "\"name\":\"key\",\"namespace\":\"shop\"},\"data\":{\"a\":\"%s-%s\"}}",
                long_text, secret);
    CM_AUTOFREE char *cfg =
        cm_strf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
                "\"name\":\"cfg\",\"namespace\":\"shop\"},\"data\":{\"a\":\"%s\"}}",
                value);
    CM_AUTOFREE char *web =
        cm_strf("{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":"
                "{\"name\":\"web\",\"namespace\":\"shop\"},\"a\":\"%s\"}",
                value);

    memcpy(objects, shop_objects, sizeof(objects));
    objects[0].json = cfg;
    objects[1].json = web;
    objects[2].json = key;
    app.objects = objects;
    app.revision = revision;
    publish(f, &app, generation);
    f->number = generation;
}

static void publish_long(struct fixture *f, const char *colour, uint64_t generation) {
    CM_AUTOFREE char *revision = long_revision(colour);

    put_long(f, colour, "one", generation);
    assert_true(turn_until(f->loop, is_at_generation, f));
    f->what = revision;
    assert_true(turn_until(f->loop, shop_is_what_and_healthy, f));
}

static void what_is_squeezed_against_what_the_agent_has_is_taken(void **state) {
    struct fixture *f = *state;

    fake_hub_squeeze(f->hub, FAKE_SQUEEZES);
    install(f);
    publish_long(f, "red", 2);
    size_t before = fake_hub_counts(f->hub).squeezed;
    publish_long(f, "blue", 4);
    // The manifest, which comes along, and an object, at least.
    assert_true(fake_hub_counts(f->hub).squeezed - before >= 2);
    assert_int_equal(fake_hub_counts(f->hub).plains, 0);
}

static void what_cannot_be_read_as_its_base_is_lacking_is_asked_for_as_it_is(void **state) {
    struct fixture *f = *state;

    install(f);
    publish_long(f, "red", 2);
    for (int ahead = 0; ahead < 2; ahead++) {
        end_agent(f, false); // what it said holds for a connection
        start_agent(f);
        fake_hub_squeeze(f->hub, FAKE_SQUEEZES_WRONG);
        fake_hub_push(f->hub, ahead == 1);
        size_t plains = fake_hub_counts(f->hub).plains;
        size_t squeezed = fake_hub_counts(f->hub).squeezed;
        publish_long(f, ahead == 1 ? "green" : "blue", 4 + 2 * (uint64_t)ahead);
        assert_true(fake_hub_counts(f->hub).squeezed > squeezed);
        assert_true(fake_hub_counts(f->hub).plains > plains);
    }
}

static bool hub_keeps_so_many(void *ctx) {
    const struct fixture *f = ctx;

    return fake_hub_keeps(f->hub) == f->many;
}

static bool hub_squeezed_so_many(void *ctx) {
    const struct fixture *f = ctx;

    return fake_hub_counts(f->hub).squeezed >= f->many;
}

// None of them was asked for plain, so no hub is wrong: nothing waits for the time when what was
// refused is asked for again. Time stands still.
static void all_that_are_on_their_way_and_cannot_be_read_are_asked_for_again_at_once(void **state) {
    struct fixture *f = *state;

    install(f);
    publish_long(f, "red", 2);
    time_goes_on = false;
    f->many = 1;
    fake_hub_lie(f->hub, FAKE_KEEPS_BLOBS);
    put_long(f, "blue", "one", 4);
    assert_true(turn_until(f->loop, hub_keeps_so_many, f)); // the bundle
    fake_hub_lie(f->hub, FAKE_HONEST);
    fake_hub_lie(f->hub, FAKE_KEEPS_BLOBS);
    f->many = 2;
    assert_true(turn_until(f->loop, hub_keeps_so_many, f)); // two objects
    size_t squeezed = fake_hub_counts(f->hub).squeezed;
    fake_hub_squeeze(f->hub, FAKE_SQUEEZES_WRONG);
    fake_hub_lie(f->hub, FAKE_HONEST);
    assert_int_equal(fake_hub_counts(f->hub).squeezed, squeezed + 2);
    assert_true(turn_until(f->loop, is_at_generation, f));
    assert_int_equal(fake_hub_counts(f->hub).plains, 1);
    fake_hub_squeeze(f->hub, FAKE_PLAIN);
    f->many = 1;
    fake_hub_lie(f->hub, FAKE_KEEPS_BLOBS);
    put_long(f, "green", "one", 6); // that was for one manifest
    assert_true(turn_until(f->loop, hub_keeps_so_many, f));
    assert_int_equal(fake_hub_counts(f->hub).plains, 1);
    time_goes_on = true;
}

// Its other pieces were on their way as the first could not be read.
static void what_is_left_over_of_a_blob_that_is_asked_for_again_is_passed_over(void **state) {
    enum { SIZE = 2 * WIRE_BLOB_PIECE + 100 };
    struct fixture *f = *state;
    struct test_object objects[COUNT(shop_objects)];
    struct test_app app = shop;
    CM_AUTOFREE char *value = cm_new(1, SIZE + 1);

    memset(value, 'x', SIZE);
    CM_AUTOFREE char *json =
        cm_strf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
                "\"name\":\"cfg\",\"namespace\":\"shop\"},\"data\":{\"a\":\"%s\"}}",
                value);
    memcpy(objects, shop_objects, sizeof(objects));
    objects[0].json = json;
    app.objects = objects;
    install(f);
    time_goes_on = false;
    f->many = 1;
    fake_hub_lie(f->hub, FAKE_KEEPS_BLOBS);
    publish(f, &app, 2);
    assert_true(turn_until(f->loop, hub_keeps_so_many, f)); // the bundle
    fake_hub_lie(f->hub, FAKE_HONEST);
    fake_hub_lie(f->hub, FAKE_KEEPS_BLOBS);
    assert_true(turn_until(f->loop, hub_keeps_so_many, f)); // the object
    fake_hub_squeeze(f->hub, FAKE_SQUEEZES_WRONG);
    fake_hub_lie(f->hub, FAKE_HONEST);
    assert_int_equal(fake_hub_counts(f->hub).squeezed, 3);
    f->number = 2;
    assert_true(turn_until(f->loop, is_at_generation, f));
    assert_int_equal(fake_hub_counts(f->hub).plains, 1);
    time_goes_on = true;
}

// Whoever counts bytes on the way would learn from a Secret that is squeezed what is in it.
static void a_secret_that_comes_squeezed_is_not_taken(void **state) {
    struct fixture *f = *state;

    install(f);
    publish_long(f, "red", 2);
    fake_hub_squeeze(f->hub, FAKE_SQUEEZES_SECRETS);
    for (size_t ahead = 0; ahead < 2; ahead++) {
        uint64_t generation = 4 + 2 * ahead;

        fake_hub_push(f->hub, ahead == 1);
        f->many = fake_hub_counts(f->hub).squeezed + 1 + ahead; // as it comes it is not kept either
        put_long(f, "blue", ahead == 1 ? "two" : "three", generation);
        assert_true(turn_until(f->loop, hub_squeezed_so_many, f));
        wait_a_while(f);
        f->number = generation;
        assert_false(is_at_generation(f));
    }
    fake_hub_push(f->hub, false);
    fake_hub_squeeze(f->hub, FAKE_SQUEEZES);
    publish_long(f, "green", 8);
}

static void what_is_no_longer_listed_is_removed_and_nothing_else(void **state) {
    const struct test_object more[] = {{.key = CFG}, {.key = OLD}};
    const struct test_app before = {.name = "shop", .objects = more, .object_count = 2};
    const struct test_app after = {.name = "shop", .objects = more, .object_count = 1};
    struct fixture *f = *state;
    struct cm_err err;

    assert_int_equal(agent_sim_create(f->sim, "ConfigMap/shop/foreign",
                                      "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"}", "somebody",
                                      &err),
                     CM_OK);
    publish(f, &before, 1);
    start_agent(f);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    publish(f, &after, 2);
    f->what = OLD;
    assert_true(turn_until(f->loop, sim_lacks_what, f));
    assert_true(turn_until(f->loop, object_is_gone, f));
    assert_true(sim_has(f, CFG) && sim_has(f, "ConfigMap/shop/foreign"));
}

static void an_app_that_the_manifest_does_not_name_is_left_alone(void **state) {
    struct fixture *f = *state;

    install(f);
    struct test_manifest empty = manifest_of(NULL, 0, 2);
    fake_hub_publish(f->hub, &empty);
    f->number = 2;
    assert_true(turn_until(f->loop, is_at_generation, f));
    wait_a_while(f);
    assert_true(sim_has(f, WEB) && sim_has(f, CFG) && sim_has(f, KEY));
}

static bool shop_is_removed(void *ctx) {
    return fake_hub_app(((struct fixture *)ctx)->hub, "shop").removed;
}

static void a_tombstone_takes_an_app_away(void **state) {
    const struct test_gone gone = {.name = "shop", .prune = true};
    struct fixture *f = *state;

    install(f);
    struct test_manifest m = manifest_of(NULL, 0, 2);
    m.gone = &gone;
    m.gone_count = 1;
    fake_hub_publish(f->hub, &m);
    assert_true(turn_until(f->loop, shop_is_removed, f));
    assert_false(sim_has(f, WEB) || sim_has(f, CFG) || sim_has(f, KEY));
}

static void a_tombstone_may_leave_the_objects(void **state) {
    const struct test_gone gone = {.name = "shop", .prune = false};
    struct fixture *f = *state;
    struct agent_state after;

    install(f);
    struct test_manifest m = manifest_of(NULL, 0, 2);
    m.gone = &gone;
    m.gone_count = 1;
    fake_hub_publish(f->hub, &m);
    assert_true(turn_until(f->loop, shop_is_removed, f));
    assert_true(sim_has(f, WEB) && sim_has(f, CFG) && sim_has(f, KEY));
    agent_state_get(f->agent, &after);
    assert_int_equal(after.objects, 0);
}

static bool b_has_it(void *ctx) {
    const struct fixture *f = ctx;

    return fake_hub_app(f->hub, "b").objects == 1 && fake_hub_app(f->hub, "a").objects == 0;
}

static void an_object_that_moves_to_another_app_is_never_deleted(void **state) {
    const struct test_object one[] = {{.key = CFG}};
    const struct test_app before[] = {{.name = "a", .objects = one, .object_count = 1},
                                      {.name = "b"}};
    const struct test_app after[] = {{.name = "a"},
                                     {.name = "b", .objects = one, .object_count = 1}};
    struct fixture *f = *state;
    struct agent_sim_stats stats;
    struct test_manifest m = manifest_of(before, 2, 1);

    fake_hub_publish(f->hub, &m);
    start_agent(f);
    f->what = CFG;
    assert_true(turn_until(f->loop, sim_has_what, f));
    m = manifest_of(after, 2, 2);
    fake_hub_publish(f->hub, &m);
    f->number = 2;
    assert_true(turn_until(f->loop, is_at_generation, f));
    assert_true(turn_until(f->loop, b_has_it, f));
    wait_a_while(f);
    agent_sim_stats_get(f->sim, &stats);
    assert_int_equal(stats.removes, 0);
}

static void the_agent_works_from_its_disk_without_the_hub(void **state) {
    struct fixture *f = *state;

    agent_sim_set_reachable(f->sim, true);
    agent_sim_fail(f->sim, "shop", CM_EBUSY); // nothing can be applied yet
    publish(f, &shop, 1);
    start_agent(f);
    f->number = 1;
    assert_true(turn_until(f->loop, is_at_generation, f));
    end_agent(f, true);
    fake_hub_down(f->hub);
    agent_sim_fail(f->sim, "shop", CM_OK);
    start_agent(f);
    f->what = WEB;
    assert_true(turn_until(f->loop, sim_has_what, f));
    f->what = KEY;
    assert_true(turn_until(f->loop, sim_has_what, f));
    fake_hub_up(f->hub);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
}

static void a_kill_in_the_middle_of_an_apply_loses_nothing(void **state) {
    enum { OBJECTS = 60 };
    struct fixture *f = *state;
    struct test_object objects[OBJECTS];
    char keys[OBJECTS][32];
    struct test_app app = {.name = "shop", .objects = objects, .object_count = OBJECTS};
    struct agent_sim_stats stats = {0};

    for (size_t i = 0; i < OBJECTS; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "ConfigMap/shop/c%02zu", i);
        objects[i] = (struct test_object){.key = keys[i]};
    }
    publish(f, &app, 1);
    for (size_t i = 0; i < 20 && stats.objects < OBJECTS; i++) {
        start_agent(f);
        f->what = keys[i * 3];
        assert_true(turn_until(f->loop, sim_has_what, f));
        end_agent(f, true);
        agent_sim_stats_get(f->sim, &stats);
    }
    start_agent(f);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    app.object_count = 0; // what was applied before any of the kills is owned, and goes
    publish(f, &app, 2);
    for (size_t i = 0; i < OBJECTS; i++) {
        f->what = keys[i];
        assert_true(turn_until(f->loop, sim_lacks_what, f));
    }
}

static void a_lost_disk_is_made_good_from_the_cluster(void **state) {
    const struct test_app less = {
        .name = "shop", .revision = "c2", .objects = shop_objects, .object_count = 2};
    struct fixture *f = *state;
    CM_AUTOFREE char *log = cm_strf("%s/log", f->dir);

    install(f);
    end_agent(f, true);
    assert_int_equal(unlink(log), 0);
    fake_hub_forget_reports(f->hub);
    start_agent(f);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    assert_int_equal(fake_hub_counts(f->hub).enrolled, 1);
    publish(f, &less, 2); // what the old disk knew of is still owned
    f->what = KEY;
    assert_true(turn_until(f->loop, sim_lacks_what, f));
    assert_true(sim_has(f, CFG) && sim_has(f, WEB));
}

static bool all_is_applied(void *ctx) {
    const struct fixture *f = ctx;
    struct agent_state state;

    agent_state_get(f->agent, &state);
    return state.apps > 0 && state.apps_applied == state.apps;
}

static off_t log_size(const struct fixture *f) {
    CM_AUTOFREE char *log = cm_strf("%s/log", f->dir);
    struct stat st;

    assert_int_equal(stat(log, &st), 0);
    return st.st_size;
}

// damage_log spoils one byte of the log, so that it ends before it.
static void damage_log(const struct fixture *f, off_t at) {
    CM_AUTOFREE char *log = cm_strf("%s/log", f->dir);
    FILE *file = fopen(log, "r+e");

    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 0x40, file), byte ^ 0x40);
    assert_int_equal(fclose(file), 0);
}

static void a_manifest_from_before_the_damage_takes_nothing_away(void **state) {
    const struct test_app less = {
        .name = "shop", .revision = "c1", .objects = shop_objects, .object_count = 1};
    struct fixture *f = *state;

    publish(f, &less, 1);
    start_agent(f);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    end_agent(f, false);
    off_t end = log_size(f);
    start_agent(f);
    publish(f, &shop, 2);
    f->what = WEB;
    assert_true(turn_until(f->loop, sim_has_what, f));
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    end_agent(f, true);
    fake_hub_down(f->hub);
    damage_log(f, end + 30);
    agent_sim_forget(f->sim); // else it would do nothing at all
    start_agent(f);
    f->number = 1;
    assert_true(turn_until(f->loop, is_at_generation, f)); // which lists neither WEB nor KEY
    assert_true(turn_until(f->loop, all_is_applied, f));
    assert_true(sim_has(f, WEB) && sim_has(f, KEY));
    fake_hub_up(f->hub);
    f->number = 2;
    assert_true(turn_until(f->loop, is_at_generation, f));
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    publish(f, &less, 3); // and from now on it removes again
    assert_true(turn_until(f->loop, sim_lacks_what, f));
}

static void a_manifest_that_the_hub_confirms_after_the_damage_takes_away(void **state) {
    const struct test_app less = {
        .name = "shop", .revision = "c2", .objects = shop_objects, .object_count = 1};
    struct fixture *f = *state;

    install(f);
    agent_sim_fail(f->sim, "shop", CM_EBUSY); // so that nothing can be removed yet
    publish(f, &less, 2);
    f->number = 2;
    assert_true(turn_until(f->loop, is_at_generation, f));
    end_agent(f, false);
    damage_log(f, log_size(f) - 1);
    agent_sim_fail(f->sim, "shop", CM_OK);
    start_agent(f); // the same manifest is offered again
    f->what = WEB;
    assert_true(turn_until(f->loop, sim_lacks_what, f));
    assert_true(sim_has(f, CFG));
}

static bool shop_waits(void *ctx) {
    struct fake_app app = fake_hub_app(((struct fixture *)ctx)->hub, "shop");

    return app.applied == HOLDFAST__V1__APPLIED__PENDING && app.message[0] != '\0';
}

static void an_agent_that_cannot_find_again_what_it_owns_says_so(void **state) {
    struct fixture *f = *state;
    CM_AUTOFREE char *log = cm_strf("%s/log", f->dir);

    install(f);
    end_agent(f, true);
    assert_int_equal(unlink(log), 0);
    agent_sim_set_reachable(f->sim, false);
    size_t before = fake_hub_counts(f->hub).full_reports;
    start_agent(f);
    assert_true(turn_until(f->loop, shop_waits, f));
    assert_non_null(strstr(fake_hub_app(f->hub, "shop").message, "does not answer"));
    assert_int_equal(fake_hub_counts(f->hub).full_reports, before); // what is known there stays
    agent_sim_set_reachable(f->sim, true);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    f->number = before + 1;
    assert_true(turn_until(f->loop, hub_heard_all_anew, f));
    assert_int_equal(fake_hub_counts(f->hub).full_reports, before + 1);
    assert_string_equal(fake_hub_app(f->hub, "shop").message, "");
}

static void drift_that_was_let_be_is_told_once_the_app_wants_it(void **state) {
    struct fixture *f = *state;
    struct test_app app = shop;
    struct cm_err err;

    app.drift = AGENT_DRIFT_OFF;
    publish(f, &app, 1);
    start_agent(f);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    assert_int_equal(agent_sim_change(f->sim, WEB, "spec.replicas", "5", "kubectl-edit", &err),
                     CM_OK);
    wait_a_while(f);
    f->what = WEB;
    assert_false(object_has_drifted(f));
    publish(f, &shop, 2);
    assert_true(turn_until(f->loop, object_has_drifted, f));
}

static void a_hub_that_restarts_gets_what_it_did_not_acknowledge(void **state) {
    struct fixture *f = *state;
    struct cm_err err;

    install(f);
    fake_hub_acknowledge(f->hub, false);
    assert_int_equal(agent_sim_change(f->sim, WEB, "spec.replicas", "5", "kubectl-edit", &err),
                     CM_OK);
    f->what = WEB;
    assert_true(turn_until(f->loop, object_has_drifted, f));
    fake_hub_down(f->hub);
    fake_hub_forget_reports(f->hub); // it was never committed
    fake_hub_acknowledge(f->hub, true);
    fake_hub_up(f->hub);
    assert_true(turn_until(f->loop, object_has_drifted, f));
}

static void a_hub_that_forgot_is_told_everything(void **state) {
    struct fixture *f = *state;
    size_t before;

    install(f);
    f->number = 1;
    assert_true(turn_until(f->loop, hub_heard_all_anew, f));
    before = fake_hub_counts(f->hub).full_reports;
    assert_int_equal(before, 1); // a process that begins knows not what was told
    fake_hub_down(f->hub);
    fake_hub_forget_reports(f->hub);
    fake_hub_want_full(f->hub);
    fake_hub_up(f->hub);
    f->what = CFG;
    assert_true(turn_until(f->loop, object_is_reported, f));
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    f->number = before + 1;
    assert_true(turn_until(f->loop, hub_heard_all_anew, f));
    assert_int_equal(fake_hub_counts(f->hub).full_reports, before + 1);
}

static bool shop_has_drifted(void *ctx) {
    return fake_hub_app(((struct fixture *)ctx)->hub, "shop").drifted == 1;
}

static void drift_is_told_with_field_values_and_name(void **state) {
    struct fixture *f = *state;
    struct cm_err err;

    install(f);
    assert_int_equal(agent_sim_change(f->sim, WEB, "spec.replicas", "5", "kubectl-edit", &err),
                     CM_OK);
    f->what = WEB;
    assert_true(turn_until(f->loop, object_has_drifted, f));
    struct fake_object web = fake_hub_object(f->hub, WEB);
    assert_string_equal(web.path, "spec.replicas");
    assert_string_equal(web.desired, "1");
    assert_string_equal(web.actual, "5");
    assert_string_equal(web.manager, "kubectl-edit");
    assert_true(turn_until(f->loop, shop_has_drifted, f));
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = agent_sim_get(f->sim, WEB);
    assert_non_null(memmem(bytes->data, bytes->size, "\"replicas\": 5", 13)); // only told
}

static bool web_is_as_desired(void *ctx) {
    return fake_hub_object(((struct fixture *)ctx)->hub, WEB).drift_count == 0;
}

static bool hub_heard_again_what_a_report_told(void *ctx) {
    return fake_hub_counts(((struct fixture *)ctx)->hub).told_entries > 0;
}

static void
what_came_and_went_is_told_again_to_a_hub_that_knows_which_report_told_it(void **state) {
    struct fixture *f = *state;
    struct cm_err err;

    fake_hub_takes_journal(f->hub);
    install(f);
    fake_hub_acknowledge(f->hub, false);
    assert_int_equal(agent_sim_change(f->sim, WEB, "spec.replicas", "5", "kubectl-edit", &err),
                     CM_OK);
    f->what = WEB;
    assert_true(turn_until(f->loop, object_has_drifted, f));
    assert_int_equal(agent_sim_change(f->sim, WEB, "spec.replicas", "1", "kubectl-edit", &err),
                     CM_OK);
    assert_true(turn_until(f->loop, web_is_as_desired, f));
    fake_hub_down(f->hub);
    fake_hub_acknowledge(f->hub, true);
    fake_hub_up(f->hub);
    assert_true(turn_until(f->loop, hub_heard_again_what_a_report_told, f));
}

static void a_secret_s_value_is_never_told(void **state) {
    struct fixture *f = *state;
    struct cm_err err;

    install(f);
    f->what = KEY;
    assert_int_equal(agent_sim_delete(f->sim, KEY, &err), CM_OK);
    assert_true(turn_until(f->loop, object_is_missing, f));
    fake_hub_sync(f->hub, "shop");
    assert_true(turn_until(f->loop, sim_has_what, f));
}

static bool is_corrected(void *ctx) {
    struct fixture *f = ctx;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = agent_sim_get(f->sim, WEB);

    return bytes != NULL && memmem(bytes->data, bytes->size, "\"replicas\": 1", 13) != NULL;
}

static void drift_is_corrected_where_the_app_says_so(void **state) {
    struct fixture *f = *state;
    struct test_app app = shop;
    struct cm_err err;

    app.drift = AGENT_DRIFT_CORRECT;
    publish(f, &app, 1);
    start_agent(f);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    assert_int_equal(agent_sim_change(f->sim, WEB, "spec.replicas", "5", "kubectl-edit", &err),
                     CM_OK);
    assert_true(turn_until(f->loop, is_corrected, f));
    f->what = CFG;
    assert_int_equal(agent_sim_delete(f->sim, CFG, &err), CM_OK);
    assert_true(turn_until(f->loop, sim_has_what, f));
    assert_true(turn_until(f->loop, shop_is_healthy, f));
}

static bool shop_has_failed(void *ctx) {
    const struct fixture *f = ctx;

    return fake_hub_app(f->hub, "shop").applied == HOLDFAST__V1__APPLIED__FAILED;
}

static bool web_was_refused(void *ctx) {
    const struct fixture *f = ctx;

    return strstr(fake_hub_object(f->hub, WEB).message, "refused on request") != NULL;
}

static bool other_is_applied(void *ctx) {
    const struct fixture *f = ctx;

    return fake_hub_app(f->hub, "other").applied == HOLDFAST__V1__APPLIED__APPLIED;
}

static void a_broken_app_delays_no_other_and_heals_by_a_new_revision(void **state) {
    const struct test_object other_objects[] = {{.key = "ConfigMap/other/x"}};
    const struct test_app apps[] = {{.name = "other", .objects = other_objects, .object_count = 1},
                                    shop};
    struct fixture *f = *state;
    struct test_manifest m = manifest_of(apps, 2, 1);

    agent_sim_fail(f->sim, WEB, CM_EINVAL);
    fake_hub_publish(f->hub, &m);
    start_agent(f);
    assert_true(turn_until(f->loop, shop_has_failed, f));
    assert_true(turn_until(f->loop, other_is_applied, f));
    assert_non_null(strstr(fake_hub_app(f->hub, "shop").message, WEB));
    assert_true(turn_until(f->loop, web_was_refused, f));
    agent_sim_fail(f->sim, WEB, CM_OK);
    const struct test_app fixed[] = {
        apps[0], {.name = "shop", .revision = "c2", .objects = shop_objects, .object_count = 2}};
    m = manifest_of(fixed, 2, 2);
    fake_hub_publish(f->hub, &m);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
}

// ---- A release that was rejected

static const struct test_object second_objects[] = {
    {.key = CFG}, {.key = WEB, .json = SECOND}, {.key = KEY, .secret = true}};
static const struct test_object third_objects[] = {
    {.key = CFG}, {.key = WEB, .json = THIRD}, {.key = KEY, .secret = true}};
static const struct test_object more_objects[] = {{.key = "ConfigMap/other/x"},
                                                  {.key = "ConfigMap/other/y"}};

// publish_two publishes an App beside the shop; the release of the shop is given by its objects.
static void publish_two(struct fixture *f, size_t others, const struct test_object *objects,
                        const struct cm_sha256 *answers, uint64_t generation) {
    const struct test_app apps[] = {
        {.name = "other", .objects = more_objects, .object_count = others},
        {.name = "shop",
         .revision = "c2",
         .objects = objects,
         .object_count = 3,
         .answers = answers}};
    struct test_manifest m = manifest_of(apps, 2, generation);

    fake_hub_publish(f->hub, &m);
}

static bool web_is_what(void *ctx) {
    struct fixture *f = ctx;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = agent_sim_get(f->sim, WEB);

    return bytes != NULL && memmem(bytes->data, bytes->size, f->what, strlen(f->what)) != NULL;
}

static bool hub_heard_decisions(void *ctx) {
    const struct fixture *f = ctx;

    return fake_hub_counts(f->hub).decisions >= f->number;
}

static void run_second(struct fixture *f) {
    publish_two(f, 1, second_objects, NULL, 2);
    f->what = "second";
    assert_true(turn_until(f->loop, web_is_what, f));
    assert_true(turn_until(f->loop, shop_is_healthy, f));
}

static void decide_against(struct fixture *f) {
    const struct agent_sim_decision what = {
        .key = WEB, .verdict = AGENT_VERDICT_REJECTED, .weight = -1, .text = "its words"};
    struct cm_err err;

    assert_int_equal(agent_sim_decide(f->sim, &what, &err), CM_OK);
}

// reject has the second release run and be rejected.
static void reject(struct fixture *f) {
    run_second(f);
    decide_against(f);
}

static void expect_held(struct fixture *f) {
    f->what = "ConfigMap/other/y";
    assert_true(turn_until(f->loop, sim_has_what, f)); // others go on
    wait_a_while(f);
    f->what = "second";
    assert_true(web_is_what(f));
}

static bool shop_is_held(void *ctx) {
    return strstr(fake_hub_app(((struct fixture *)ctx)->hub, "shop").message, "held back: ") !=
           NULL;
}

static void a_rejected_release_stays_until_a_manifest_answers_and_others_go_on(void **state) {
    struct fixture *f = *state;

    install(f);
    reject(f);
    f->number = 1;
    assert_true(turn_until(f->loop, hub_heard_decisions, f));
    publish_two(f, 2, third_objects, NULL, 3);
    expect_held(f);
    assert_true(turn_until(f->loop, shop_is_held, f));
    struct cm_sha256 id = fake_hub_counts(f->hub).decision;
    end_agent(f, true);
    start_agent(f);
    expect_held(f);
    f->number = fake_hub_counts(f->hub).decisions + 1; // it is told until it is answered
    fake_hub_down(f->hub);
    fake_hub_up(f->hub);
    assert_true(turn_until(f->loop, hub_heard_decisions, f));
    struct cm_sha256 again = fake_hub_counts(f->hub).decision;
    assert_memory_equal(again.bytes, id.bytes, sizeof(id.bytes));
    publish_two(f, 2, third_objects, &id, 4);
    f->what = "third";
    assert_true(turn_until(f->loop, web_is_what, f));
    size_t told = fake_hub_counts(f->hub).decisions;
    end_agent(f, true);
    start_agent(f);
    wait_a_while(f);
    f->what = "third";
    assert_true(web_is_what(f));
    assert_int_equal(fake_hub_counts(f->hub).decisions, told);
}

static void what_is_rejected_while_the_hub_is_away_is_held_before_anything_newer(void **state) {
    struct fixture *f = *state;

    install(f);
    run_second(f);
    fake_hub_down(f->hub);
    decide_against(f); // while nobody hears it
    publish_two(f, 2, third_objects, NULL, 3);
    fake_hub_up(f->hub);
    expect_held(f);
    f->number = 1;
    assert_true(turn_until(f->loop, hub_heard_decisions, f));
}

// The bundle that was held back was never fetched.
static void what_is_let_go_by_an_older_hub_is_fetched_and_applied(void **state) {
    struct fixture *f = *state;

    install(f);
    reject(f);
    f->number = 1;
    assert_true(turn_until(f->loop, hub_heard_decisions, f));
    publish_two(f, 2, third_objects, NULL, 3);
    expect_held(f);
    fake_hub_older(f->hub);
    fake_hub_down(f->hub);
    fake_hub_up(f->hub);
    f->what = "third";
    assert_true(turn_until(f->loop, web_is_what, f));
}

// hears_what_is_decided decides again and again: the agent may have begun just now.
static bool hears_what_is_decided(void *ctx) {
    decide_against(ctx);
    return hub_heard_decisions(ctx);
}

// A hub that knows no decisions that are only observed would act upon some.
static void who_observes_tells_decisions_to_a_hub_that_knows_what_that_is(void **state) {
    struct fixture *f = *state;

    install(f);
    run_second(f);
    end_agent(f, false);
    f->observes = true;
    start_agent(f);
    wait_a_while(f);
    decide_against(f);
    wait_a_while(f);
    assert_int_equal(fake_hub_counts(f->hub).decisions, 0);
    fake_hub_knows_observed(f->hub);
    fake_hub_down(f->hub);
    fake_hub_up(f->hub);
    f->number = 1;
    assert_true(turn_until(f->loop, hears_what_is_decided, f));
}

// A job that keeps a worker of the disk from all others.
struct blocker {
    struct cm_job job;
    sem_t end;
    bool ended;
};

static void block(struct cm_job *job) {
    while (sem_wait(&CM_CONTAINER(job, struct blocker, job)->end) != 0) {
    }
}

static void on_unblocked(struct cm_job *job) {
    CM_CONTAINER(job, struct blocker, job)->ended = true;
}

static bool is_unblocked(void *ctx) {
    const struct blocker *all = ctx;
    bool all_ended = true;

    for (size_t i = 0; i < DISK_WORKERS; i++) {
        all_ended = all_ended && all[i].ended;
    }
    return all_ended;
}

static void block_disk(struct fixture *f, struct blocker *all) {
    for (size_t i = 0; i < DISK_WORKERS; i++) {
        all[i] = (struct blocker){.job = {.run = block, .done = on_unblocked, .home = f->loop}};
        assert_int_equal(sem_init(&all[i].end, 0, 0), 0);
        cm_workers_submit(f->disk, &all[i].job);
    }
}

static void unblock_disk(struct fixture *f, struct blocker *all) {
    for (size_t i = 0; i < DISK_WORKERS; i++) {
        assert_int_equal(sem_post(&all[i].end), 0);
    }
    assert_true(turn_until(f->loop, is_unblocked, all));
    for (size_t i = 0; i < DISK_WORKERS; i++) {
        (void)sem_destroy(&all[i].end);
    }
}

static void what_is_not_on_disk_is_not_in_force_whatever_is_held_back(void **state) {
    struct fixture *f = *state;
    struct blocker blockers[DISK_WORKERS];
    struct agent_state now;

    install(f);
    run_second(f);
    block_disk(f, blockers);
    publish_two(f, 2, third_objects, NULL, 4);
    wait_a_while(f); // it is here whole, and on its way to the disk
    decide_against(f);
    wait_a_while(f);
    agent_state_get(f->agent, &now);
    assert_int_equal(now.generation, 2);
    assert_false(sim_has(f, "ConfigMap/other/y"));
    unblock_disk(f, blockers);
    f->number = 4;
    assert_true(turn_until(f->loop, is_at_generation, f));
    expect_held(f);
}

static void an_app_that_goes_is_held_no_more(void **state) {
    struct fixture *f = *state;
    const struct test_app other = {.name = "other", .objects = more_objects, .object_count = 1};
    const struct test_gone gone = {.name = "shop", .prune = true};
    struct test_manifest m = manifest_of(&other, 1, 3);

    install(f);
    reject(f);
    m.gone = &gone;
    m.gone_count = 1;
    fake_hub_publish(f->hub, &m);
    f->what = WEB;
    assert_true(turn_until(f->loop, sim_lacks_what, f));
    publish_two(f, 1, third_objects, NULL, 4);
    f->what = "third";
    assert_true(turn_until(f->loop, web_is_what, f));
}

// ---- What is frozen

static bool shop_is_frozen(void *ctx) {
    const struct fixture *f = ctx;

    return strcmp(fake_hub_app(f->hub, "shop").message, "frozen by ann ('stop'): it burns") == 0;
}

static bool freeze_is_acknowledged(void *ctx) {
    const struct fixture *f = ctx;

    return fake_hub_counts(f->hub).frozen == f->number;
}

static void expect_frozen(struct fixture *f) {
    wait_a_while(f);
    f->what = "second";
    assert_false(web_is_what(f));
}

static void what_is_frozen_stays_as_it_is_over_kills_and_without_the_hub(void **state) {
    struct fixture *f = *state;

    install(f);
    fake_hub_freeze(f->hub, "shop", 0);
    f->number = 1;
    assert_true(turn_until(f->loop, freeze_is_acknowledged, f));
    publish_two(f, 1, second_objects, NULL, 2);
    assert_true(turn_until(f->loop, shop_is_frozen, f));
    expect_frozen(f);
    end_agent(f, true);
    start_agent(f); // nobody tells it again
    expect_frozen(f);
    fake_hub_freeze(f->hub, NULL, 0);
    f->what = "second";
    assert_true(turn_until(f->loop, web_is_what, f));
    f->number = 2;
    assert_true(turn_until(f->loop, freeze_is_acknowledged, f));
}

static void drift_is_let_be_while_all_is_frozen_and_corrected_afterwards(void **state) {
    struct fixture *f = *state;
    struct test_app app = shop;
    struct cm_err err;

    app.drift = AGENT_DRIFT_CORRECT;
    publish(f, &app, 1);
    start_agent(f);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    fake_hub_freeze(f->hub, "", 0);
    f->number = 1;
    assert_true(turn_until(f->loop, freeze_is_acknowledged, f));
    assert_int_equal(agent_sim_change(f->sim, WEB, "spec.replicas", "5", "kubectl-edit", &err),
                     CM_OK);
    f->what = WEB;
    assert_true(turn_until(f->loop, object_has_drifted, f)); // it is told all the same
    wait_a_while(f);
    assert_false(is_corrected(f));
    fake_hub_freeze(f->hub, NULL, 0);
    assert_true(turn_until(f->loop, is_corrected, f));
}

static void a_large_manifest_and_large_blobs_come_in_pieces(void **state) {
    enum { BIG = 900 * 1024 };
    struct fixture *f = *state;
    CM_AUTOFREE char *value = cm_new(1, BIG + 1);
    memset(value, 'x', BIG);
    CM_AUTOFREE char *json =
        cm_strf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":"
                "{\"name\":\"big\",\"namespace\":\"shop\"},\"data\":{\"a\":\"%s\"}}",
                value);
    const struct test_object big[] = {{.key = "ConfigMap/shop/big", .json = json}};
    const struct test_app app = {.name = "shop", .objects = big, .object_count = 1};

    publish(f, &app, 1);
    start_agent(f);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
}

// ---- A hub that lies, or somebody in its place

static void stays_at_one(struct fixture *f) {
    struct agent_state state;

    wait_a_while(f);
    agent_state_get(f->agent, &state);
    assert_int_equal(state.generation, 1);
    assert_true(sim_has(f, WEB));
}

static void expect_refused(struct fixture *f, enum fake_lie lie) {
    const struct test_app less = {.name = "shop", .objects = shop_objects, .object_count = 1};

    install(f);
    fake_hub_lie(f->hub, lie);
    publish(f, &less, 2);
    stays_at_one(f);
    fake_hub_lie(f->hub, FAKE_HONEST);
    publish(f, &less, 3);
    f->what = WEB;
    assert_true(turn_until(f->loop, sim_lacks_what, f));
}

static void a_manifest_signed_by_a_stranger_is_refused(void **state) {
    expect_refused(*state, FAKE_OTHER_SIGNER);
}

static void a_manifest_signed_by_another_kind_of_certificate_is_refused(void **state) {
    expect_refused(*state, FAKE_HUB_SIGNS);
}

static void a_signature_over_another_generation_is_refused(void **state) {
    expect_refused(*state, FAKE_SIGN_WRONG);
}

static void a_signature_for_another_cluster_is_refused(void **state) {
    expect_refused(*state, FAKE_SIGN_OTHER);
}

static void an_old_manifest_is_refused(void **state) {
    const struct test_app less = {.name = "shop", .objects = shop_objects, .object_count = 1};
    struct fixture *f = *state;
    struct test_manifest old = manifest_of(&less, 1, 1);
    struct agent_state now;

    publish(f, &shop, 2);
    start_agent(f);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    fake_hub_offer(f->hub, &old);
    wait_a_while(f);
    agent_state_get(f->agent, &now);
    assert_int_equal(now.generation, 2);
    assert_true(sim_has(f, WEB));
    end_agent(f, false); // nor after a restart
    start_agent(f);
    wait_a_while(f);
    fake_hub_offer(f->hub, &old);
    wait_a_while(f);
    assert_true(sim_has(f, WEB));
}

static void another_manifest_of_the_same_generation_is_refused(void **state) {
    const struct test_app less = {.name = "shop", .objects = shop_objects, .object_count = 1};
    struct fixture *f = *state;
    struct test_manifest same = manifest_of(&less, 1, 1);

    install(f);
    fake_hub_offer(f->hub, &same);
    stays_at_one(f);
}

static void a_spoiled_blob_is_refused(void **state) {
    const struct test_object other[] = {{.key = OLD}};
    const struct test_app app = {.name = "shop", .objects = other, .object_count = 1};
    struct fixture *f = *state;

    install(f);
    fake_hub_lie(f->hub, FAKE_SPOIL_BLOBS);
    publish(f, &app, 2);
    stays_at_one(f);
    assert_false(sim_has(f, OLD));
}

static void pieces_in_the_wrong_order_are_refused(void **state) {
    const struct test_object other[] = {{.key = OLD}};
    const struct test_app app = {.name = "shop", .objects = other, .object_count = 1};
    struct fixture *f = *state;

    install(f);
    fake_hub_lie(f->hub, FAKE_CUT_BLOBS);
    publish(f, &app, 2);
    stays_at_one(f);
}

static void a_manifest_with_missing_blobs_does_not_come_into_force(void **state) {
    const struct test_object other[] = {{.key = OLD}};
    const struct test_app app = {.name = "shop", .objects = other, .object_count = 1};
    struct fixture *f = *state;

    install(f);
    fake_hub_lie(f->hub, FAKE_MISSING_BLOBS);
    publish(f, &app, 2);
    stays_at_one(f);
}

static bool has_left_or_obeyed(void *ctx) {
    return hub_saw_hellos(ctx) || sim_has(ctx, WEB);
}

static void check_that_it_leaves(struct fixture *f, enum fake_lie lie) {
    fake_hub_lie(f->hub, lie);
    publish(f, &shop, 1);
    start_agent(f);
    f->number = 3; // it comes again, and leaves each time
    assert_true(turn_until(f->loop, has_left_or_obeyed, f));
    assert_false(sim_has(f, WEB));
}

static void a_hub_with_another_id_is_left(void **state) {
    check_that_it_leaves(*state, FAKE_OTHER_HUB_ID);
}

static void a_hub_of_a_protocol_that_it_does_not_know_is_left(void **state) {
    check_that_it_leaves(*state, FAKE_NEWER_HUB);
}

static bool is_connected_again(void *ctx) {
    const struct fixture *f = ctx;
    struct agent_state state;

    agent_state_get(f->agent, &state);
    return fake_hub_counts(f->hub).goodbyes > 0;
}

static void a_message_out_of_turn_ends_the_connection(void **state) {
    struct fixture *f = *state;

    install(f);
    fake_hub_raw(f->hub, 2, "", 0); // a second Welcome
    assert_true(turn_until(f->loop, is_connected_again, f));
}

static void what_a_newer_hub_sends_beside_is_passed_over(void **state) {
    struct fixture *f = *state;

    install(f);
    fake_hub_raw(f->hub, WIRE_SKIPPED_MAX, "no message that is known", 24);
    publish(f, &shop, 2);
    f->number = 2;
    assert_true(turn_until(f->loop, is_at_generation, f));
    assert_int_equal(fake_hub_counts(f->hub).goodbyes, 0);
    assert_int_equal(fake_hub_counts(f->hub).hellos, 1);
}

static bool has_said_so_many_hellos(void *ctx) {
    const struct fixture *f = ctx;

    return fake_hub_counts(f->hub).hellos >= f->number;
}

static void a_hub_that_serves_nobody_is_asked_less_and_less(void **state) {
    struct fixture *f = *state;

    install(f);
    end_agent(f, false);
    fake_hub_lie(f->hub, FAKE_OVERLOADED);
    f->number = fake_hub_counts(f->hub).hellos + 1;
    start_agent_that_pauses(f, 2000);
    assert_true(turn_until(f->loop, has_said_so_many_hellos, f));
    for (int i = 0; i < 5; i++) {
        int64_t before = cm_clock_now_ms();

        f->number++;
        assert_true(turn_until(f->loop, has_said_so_many_hellos, f));
        assert_true(cm_clock_now_ms() + 1 - before >= (int64_t)FAKE_RETRY_MS << i);
    }
    fake_hub_lie(f->hub, FAKE_HONEST);
    wait_a_while(f);
}

static bool has_given_up(void *ctx) {
    const struct fixture *f = ctx;

    return !fake_hub_counts(f->hub).connected;
}

static void a_token_for_another_hub_tells_that_hub_nothing(void **state) {
    struct fixture *f = *state;
    struct fake_hub *other = fake_hub_new(f->loop);
    const struct agent_config config = {.data_dir = f->dir,
                                        .join_token = fake_hub_token(other),
                                        .enroll_hub = fake_hub_enroll_addr(f->hub),
                                        .reconnect_min_ms = 10,
                                        .reconnect_max_ms = 20};
    struct agent_state now;
    struct cm_err err;

    assert_int_equal(
        agent_new(f->loop, f->disk, &config, agent_sim_driver_new(f->sim), &f->agent, &err), CM_OK);
    agent_start(f->agent);
    f->number = 0;
    for (int i = 0; i < 3; i++) {
        assert_true(turn_until(f->loop, has_given_up, f));
    }
    agent_state_get(f->agent, &now);
    assert_false(now.enrolled);
    assert_int_equal(fake_hub_counts(f->hub).enrolled, 0);
    end_agent(f, false);
    fake_hub_free(other);
}

// ---- Keys over the years

static bool is_renewed(void *ctx) {
    return fake_hub_counts(((struct fixture *)ctx)->hub).confirms > 0;
}

static bool has_asked(void *ctx) {
    return fake_hub_counts(((struct fixture *)ctx)->hub).renews > 0;
}

static bool is_connected(void *ctx) {
    return fake_hub_counts(((struct fixture *)ctx)->hub).connected;
}

static bool is_away(void *ctx) {
    return !is_connected(ctx);
}

static bool has_renewed_expired(void *ctx) {
    const struct fake_counts counts = fake_hub_counts(((struct fixture *)ctx)->hub);

    return counts.expired > 0 && counts.hellos > 0;
}

// Two thirds of its life are over.
static void enroll_to_renew(struct fixture *f, enum fake_renewal how) {
    fake_hub_renewal(f->hub, how);
    fake_hub_life(f->hub, -2 * HOUR_MS, HOUR_MS);
    start_agent(f);
}

static void start_again(struct fixture *f) {
    end_agent(f, true);
    assert_true(turn_until(f->loop, is_away, f));
    start_agent(f);
    assert_true(turn_until(f->loop, is_connected, f));
}

static void a_key_is_renewed_in_time_and_the_new_one_is_on_disk(void **state) {
    struct fixture *f = *state;

    enroll_to_renew(f, FAKE_RENEWS);
    assert_true(turn_until(f->loop, has_asked, f));
    fake_hub_life(f->hub, -HOUR_MS, 24 * HOUR_MS);
    struct cm_sha256 before = fake_hub_counts(f->hub).key;
    assert_true(turn_until(f->loop, is_renewed, f));
    struct cm_sha256 now = fake_hub_counts(f->hub).certified;
    assert_false(cm_sha256_equal(&before, &now));
    start_again(f);
    struct cm_sha256 after = fake_hub_counts(f->hub).key;
    assert_true(cm_sha256_equal(&after, &now));
}

// Its name is on disk, and nobody knows for how long: the key that the agent uses is the one that
// it starts with.
static void a_key_that_is_on_disk_is_used_though_the_save_failed(void **state) {
    struct fixture *f = *state;

    enroll_to_renew(f, FAKE_KEEPS_SILENT);
    assert_true(turn_until(f->loop, has_asked, f));
    struct cm_sha256 before = fake_hub_counts(f->hub).key;
    fake_hub_renewal(f->hub, FAKE_RENEWS);
    fake_hub_life(f->hub, -HOUR_MS, 24 * HOUR_MS);
    fails_after_replacing = true;
    start_again(f);
    assert_true(turn_until(f->loop, is_renewed, f));
    assert_false(fails_after_replacing);
    struct cm_sha256 now = fake_hub_counts(f->hub).certified;
    assert_false(cm_sha256_equal(&before, &now));
    start_again(f);
    struct cm_sha256 after = fake_hub_counts(f->hub).key;
    assert_true(cm_sha256_equal(&after, &now));
}

static void an_agent_killed_before_the_answer_has_its_old_key(void **state) {
    struct fixture *f = *state;

    enroll_to_renew(f, FAKE_KEEPS_SILENT);
    assert_true(turn_until(f->loop, has_asked, f));
    struct cm_sha256 before = fake_hub_counts(f->hub).key;
    start_again(f);
    struct cm_sha256 after = fake_hub_counts(f->hub).key;
    assert_true(cm_sha256_equal(&before, &after));
}

// Where between the answer and the confirmation it is killed says how far the disk was.
static void an_agent_killed_after_the_answer_has_one_of_both(void **state) {
    struct fixture *f = *state;

    enroll_to_renew(f, FAKE_RENEWS);
    assert_true(turn_until(f->loop, has_asked, f));
    struct cm_sha256 before = fake_hub_counts(f->hub).key;
    struct cm_sha256 certified = fake_hub_counts(f->hub).certified;
    start_again(f);
    struct cm_sha256 after = fake_hub_counts(f->hub).key;
    assert_true(cm_sha256_equal(&after, &before) || cm_sha256_equal(&after, &certified));
}

static bool has_another_identity(void *ctx) {
    const struct fixture *f = ctx;
    CM_AUTOFREE char *path = cm_strf("%s/identity", f->dir);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *now = NULL;
    struct cm_err err;

    return cm_fsys_read(path, 1 << 20, &now, &err) == CM_OK &&
           (now->size != f->identity->size || memcmp(now->data, f->identity->data, now->size) != 0);
}

static bool has_said_hello(void *ctx) {
    const struct fixture *f = ctx;

    return fake_hub_counts(f->hub).hellos >= f->number;
}

static bool is_new_key_known(void *ctx) {
    const struct fake_counts counts = fake_hub_counts(((struct fixture *)ctx)->hub);

    return counts.confirms > 0 || cm_sha256_equal(&counts.key, &counts.certified);
}

static void come_back(struct fixture *f) {
    f->number = fake_hub_counts(f->hub).hellos + 1;
    fake_hub_down(f->hub);
    assert_true(turn_until(f->loop, is_away, f));
    fake_hub_up(f->hub);
    assert_true(turn_until(f->loop, has_said_hello, f));
}

// Else nobody knew of it, and it would be forgotten at the next renewal.
static void a_key_that_is_on_disk_once_a_connection_was_begun_with_the_old_one_is_confirmed_there(
    void **state) {
    struct fixture *f = *state;
    struct blocker blockers[DISK_WORKERS];
    CM_AUTOFREE char *path = cm_strf("%s/identity", f->dir);
    struct cm_err err;

    enroll_to_renew(f, FAKE_KEEPS_SILENT);
    assert_true(turn_until(f->loop, has_asked, f));
    assert_int_equal(cm_fsys_read(path, 1 << 20, &f->identity, &err), CM_OK);
    fake_hub_renewal(f->hub, FAKE_RENEWS);
    fake_hub_life(f->hub, -HOUR_MS, 24 * HOUR_MS);
    block_disk(f, blockers);
    come_back(f);
    wait_a_while(f); // for the answer
    fake_hub_greet(f->hub, false);
    come_back(f);
    unblock_disk(f, blockers);
    assert_true(turn_until(f->loop, has_another_identity, f));
    cm_buf_unref(f->identity);
    let_time_pass(f);
    fake_hub_greet(f->hub, true);
    assert_true(turn_until(f->loop, is_new_key_known, f));
}

static void a_certificate_for_another_key_is_not_taken(void **state) {
    struct fixture *f = *state;

    enroll_to_renew(f, FAKE_OTHER_KEY);
    assert_true(turn_until(f->loop, has_asked, f));
    wait_a_while(f);
    assert_int_equal(fake_hub_counts(f->hub).confirms, 0);
    struct cm_sha256 before = fake_hub_counts(f->hub).key;
    start_again(f);
    struct cm_sha256 after = fake_hub_counts(f->hub).key;
    assert_true(cm_sha256_equal(&before, &after));
}

static void a_hub_of_the_version_before_is_not_asked_to_renew(void **state) {
    struct fixture *f = *state;

    enroll_to_renew(f, FAKE_NO_RENEWAL);
    assert_true(turn_until(f->loop, is_connected, f));
    wait_a_while(f);
    assert_int_equal(fake_hub_counts(f->hub).renews, 0);
}

static void a_key_is_not_renewed_before_its_time(void **state) {
    struct fixture *f = *state;

    fake_hub_renewal(f->hub, FAKE_RENEWS);
    start_agent(f);
    assert_true(turn_until(f->loop, is_connected, f));
    wait_a_while(f);
    assert_int_equal(fake_hub_counts(f->hub).renews, 0);
}

// The agent's clock says nothing of it: the hub ends the connection without a word.
static void a_certificate_that_has_ended_is_renewed_for_the_same_key(void **state) {
    struct fixture *f = *state;

    fake_hub_life(f->hub, -HOUR_MS * 5 / 6, -HOUR_MS / 12);
    start_agent(f);
    assert_true(turn_until(f->loop, has_renewed_expired, f));
    assert_int_equal(fake_hub_counts(f->hub).enrolled, 1);
    struct cm_sha256 key = fake_hub_counts(f->hub).key;
    start_again(f);
    struct cm_sha256 after = fake_hub_counts(f->hub).key;
    assert_true(cm_sha256_equal(&key, &after));
    assert_int_equal(fake_hub_counts(f->hub).expired, 1);
}

// ---- Roots, and signers' certificates

static bool believes_the_second_set(void *ctx) {
    return fake_hub_counts(((struct fixture *)ctx)->hub).trust == 2;
}

static void a_root_that_a_believed_one_vouches_for_is_believed_from_then_on(void **state) {
    struct fixture *f = *state;

    install(f);
    assert_int_equal(fake_hub_counts(f->hub).trust, 1);
    fake_hub_new_root(f->hub, true);
    assert_true(turn_until(f->loop, believes_the_second_set, f));
    publish(f, &shop, 2);
    f->number = 2;
    assert_true(turn_until(f->loop, is_at_generation, f));
    start_again(f); // it is on its disk
    assert_int_equal(fake_hub_counts(f->hub).trust, 2);
    publish(f, &shop, 3);
    f->number = 3;
    assert_true(turn_until(f->loop, is_at_generation, f));
}

static void a_root_that_vouches_for_itself_is_not_believed(void **state) {
    struct fixture *f = *state;

    install(f);
    fake_hub_new_root(f->hub, false);
    publish(f, &shop, 2);
    stays_at_one(f);
    assert_int_equal(fake_hub_counts(f->hub).trust, 1);
}

static void a_signers_certificate_is_sent_once(void **state) {
    struct fixture *f = *state;

    install(f);
    for (f->number = 2; f->number < 5; f->number++) {
        publish(f, &shop, f->number);
        assert_true(turn_until(f->loop, is_at_generation, f));
    }
    start_again(f);
    publish(f, &shop, 5);
    f->number = 5;
    assert_true(turn_until(f->loop, is_at_generation, f));
    assert_int_equal(fake_hub_counts(f->hub).signers, 1);
}

static bool hub_is_wanted_from(void *ctx) {
    return fake_hub_keeps(((struct fixture *)ctx)->hub) > 0;
}

// What proves a manifest while it is fetched proves it afterwards.
static void another_signature_of_what_is_being_fetched_is_kept(void **state) {
    struct fixture *f = *state;
    const struct test_app next = {.name = "shop", .objects = second_objects, .object_count = 3};

    install(f);
    fake_hub_lie(f->hub, FAKE_KEEPS_BLOBS);
    publish(f, &next, 2);
    assert_true(turn_until(f->loop, hub_is_wanted_from, f));
    fake_hub_new_root(f->hub, true);
    assert_true(turn_until(f->loop, believes_the_second_set, f));
    publish(f, &next, 2); // as it was, but for the signer
    fake_hub_lie(f->hub, FAKE_HONEST);
    f->number = 2;
    assert_true(turn_until(f->loop, is_at_generation, f));
    size_t signers = fake_hub_counts(f->hub).signers;
    start_again(f);
    publish(f, &shop, 3);
    f->number = 3;
    assert_true(turn_until(f->loop, is_at_generation, f));
    assert_int_equal(fake_hub_counts(f->hub).signers, signers); // the agent has that one
}

static bool trust_was_answered(void *ctx) {
    const struct fixture *f = ctx;

    return fake_hub_counts(f->hub).trusts >= f->number;
}

static void a_root_that_proves_what_is_being_fetched_is_not_dropped(void **state) {
    struct fixture *f = *state;

    fake_hub_lie(f->hub, FAKE_KEEPS_BLOBS);
    publish(f, &shop, 1);
    start_agent(f);
    assert_true(turn_until(f->loop, hub_is_wanted_from, f));
    fake_hub_new_root(f->hub, true);
    assert_true(turn_until(f->loop, believes_the_second_set, f));
    f->number = fake_hub_counts(f->hub).trusts + 1;
    fake_hub_drop_root(f->hub);
    assert_true(turn_until(f->loop, trust_was_answered, f));
    assert_int_equal(fake_hub_counts(f->hub).trust, 2);
}

static bool believes_the_third_set(void *ctx) {
    return fake_hub_counts(((struct fixture *)ctx)->hub).trust == 3;
}

static void a_root_is_dropped_once_what_is_in_force_is_signed_anew(void **state) {
    struct fixture *f = *state;

    install(f);
    fake_hub_new_root(f->hub, true);
    assert_true(turn_until(f->loop, believes_the_second_set, f));
    f->number = fake_hub_counts(f->hub).trusts + 1;
    fake_hub_drop_root(f->hub);
    assert_true(turn_until(f->loop, trust_was_answered, f));
    assert_int_equal(fake_hub_counts(f->hub).trust, 2);
    publish(f, &shop, 1); // as it was, but for the signer
    assert_true(turn_until(f->loop, believes_the_third_set, f));
}

// ---- What is on disk is verified, too

// forge puts a manifest in force on the agent's disk that the hub never signed: with the signature
// that is there.
static void forge(struct fixture *f, const struct test_manifest *m) {
    struct test_release *r = release_new(m);
    struct agent_cache *cache = NULL;
    struct cm_err err;

    assert_int_equal(agent_cache_open(f->loop, f->disk, f->dir, &cache, &err), CM_OK);
    struct agent_in_force forged = *agent_cache_in_force(cache);
    uint8_t signature[256];
    CM_AUTOFREE uint8_t *signer = cm_new(forged.signer_size, 1);
    memcpy(signature, forged.signature, forged.signature_size);
    memcpy(signer, forged.signer_der, forged.signer_size);
    forged.signature = signature;
    forged.signer_der = signer;
    forged.generation = m->generation;
    forged.manifest = r->manifest_sha256;
    agent_cache_put_blob(cache, &r->manifest_sha256, r->manifest);
    for (size_t i = 0; i < r->blob_count; i++) {
        agent_cache_put_blob(cache, &r->blobs[i].name, r->blobs[i].bytes);
    }
    agent_cache_set_in_force(cache, &forged);
    f->stopped = false;
    agent_cache_close(cache, true, on_stopped, f);
    assert_true(turn_until(f->loop, is_stopped, f));
    agent_cache_free(cache);
    release_free(r);
}

static void what_the_hub_did_not_sign_is_not_applied_from_disk_either(void **state) {
    const struct test_object evil_objects[] = {{.key = OLD}};
    const struct test_app evil = {
        .name = "shop", .revision = "c9", .objects = evil_objects, .object_count = 1};
    struct test_manifest m = manifest_of(&evil, 1, 1);
    struct fixture *f = *state;

    install(f);
    end_agent(f, false);
    forge(f, &m);
    fake_hub_down(f->hub);
    start_agent(f);
    f->number = 0;
    assert_true(is_at_generation(f));
    let_time_pass(f);
    assert_false(sim_has(f, OLD));
    fake_hub_up(f->hub); // and the hub puts it right
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    assert_false(sim_has(f, OLD));
    assert_true(sim_has(f, WEB));
}

// A hostile hand at the agent's disk: what it wants to run, and what the hub signed.
struct foul {
    struct test_release *evil;
    struct test_release *signed_one;
    struct cm_sha256 evil_bundle;
    struct cm_sha256 signed_bundle;
};

static const struct test_object evil_objects[] = {{.key = OLD}, {.key = WEB, .json = THIRD}};

static struct cm_sha256 bundle_name(const struct test_release *r) {
    struct agent_desired *d = desired_new(r);
    struct cm_sha256 name = d->apps[0].bundle_sha256;

    agent_desired_free(d);
    return name;
}

static void foul_init(struct foul *x) {
    const struct test_app evil = {
        .name = "shop", .revision = "c1", .objects = evil_objects, .object_count = 2};
    const struct test_manifest evils = manifest_of(&evil, 1, 1);
    const struct test_manifest ours = manifest_of(&shop, 1, 1);

    x->evil = release_new(&evils);
    x->signed_one = release_new(&ours);
    x->evil_bundle = bundle_name(x->evil);
    x->signed_bundle = bundle_name(x->signed_one);
}

static void foul_done(struct foul *x) {
    release_free(x->evil);
    release_free(x->signed_one);
}

// write_as appends bytes under a name to the agent's log, as the agent does; the newest counts.
static void write_as(const struct fixture *f, const struct cm_sha256 *name,
                     const struct cm_buf *bytes) {
    CM_AUTOFREE char *path = cm_strf("%s/log", f->dir);
    CM_CLEANUP(cm_str_done) struct cm_str payload = {0};
    CM_CLEANUP(cm_str_done) struct cm_str frame = {0};
    struct cm_sha256 hash = cm_sha256(bytes->data, bytes->size);
    uint64_t check;

    memcpy(&check, hash.bytes, sizeof(check));
    size_t begin = agent_put_begin(&payload, AGENT_RECORD_BLOB);
    cm_str_add_n(&payload, name->bytes, sizeof(name->bytes));
    agent_put_u64(&payload, check);
    cm_str_add_n(&payload, bytes->data, bytes->size);
    agent_put_end(&payload, begin);
    agent_put_frame(&frame, payload.data, payload.len);
    FILE *log = fopen(path, "ae");
    assert_non_null(log);
    assert_int_equal(fwrite(frame.data, 1, frame.len, log), frame.len);
    assert_int_equal(fclose(log), 0);
}

static void write_evil_blobs(const struct fixture *f, const struct foul *x) {
    for (size_t i = 0; i < x->evil->blob_count; i++) {
        write_as(f, &x->evil->blobs[i].name, x->evil->blobs[i].bytes);
    }
}

// assert_nothing_comes_of_it: not without the hub, and the hub puts the disk right.
static void assert_nothing_comes_of_it(struct fixture *f) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *web = NULL;

    fake_hub_down(f->hub);
    start_agent(f);
    let_time_pass(f);
    assert_false(sim_has(f, OLD));
    fake_hub_up(f->hub);
    wait_a_while(f);
    f->what = WEB;
    assert_true(turn_until(f->loop, sim_has_what, f));
    web = agent_sim_get(f->sim, WEB);
    assert_null(memmem(web->data, web->size, "third", strlen("third")));
    assert_false(sim_has(f, OLD));
}

static void another_manifest_under_the_signed_name_is_not_applied_from_disk(void **state) {
    struct fixture *f = *state;
    struct foul x;

    foul_init(&x);
    install(f);
    end_agent(f, false);
    write_evil_blobs(f, &x);
    write_as(f, &x.signed_one->manifest_sha256, x.evil->manifest);
    assert_nothing_comes_of_it(f);
    foul_done(&x);
}

static void another_bundle_under_the_signed_name_is_not_applied_from_disk(void **state) {
    struct fixture *f = *state;
    struct foul x;

    foul_init(&x);
    install(f);
    end_agent(f, false);
    write_evil_blobs(f, &x);
    write_as(f, &x.signed_bundle, release_find(x.evil, &x.evil_bundle)->bytes);
    assert_nothing_comes_of_it(f);
    foul_done(&x);
}

static void another_object_under_the_signed_name_is_not_applied_from_disk(void **state) {
    struct fixture *f = *state;
    struct cm_sha256 name = object_name(&shop_objects[1]);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = object_bytes(&evil_objects[1]);
    struct test_app correcting = shop;
    struct cm_err err;

    correcting.drift = AGENT_DRIFT_CORRECT;
    publish(f, &correcting, 1);
    start_agent(f);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    end_agent(f, false);
    write_as(f, &name, bytes);
    assert_int_equal(agent_sim_delete(f->sim, WEB, &err), CM_OK);
    assert_nothing_comes_of_it(f);
}

// ---- An older copy of the disk

static void copy_file(const char *from, const char *to, const char *name) {
    CM_AUTOFREE char *source = cm_strf("%s/%s", from, name);
    CM_AUTOFREE char *copy = cm_strf("%s/%s", to, name);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    struct cm_err err;

    assert_int_equal(cm_fsys_read(source, (size_t)64 << 20, &bytes, &err), CM_OK);
    assert_int_equal(cm_fsys_replace(copy, bytes->data, bytes->size, 0600, &err), CM_OK);
}

static void copy_disk(const char *from, const char *to) {
    struct cm_err err;

    assert_int_equal(cm_fsys_make_dir(to, 0700, &err), CM_OK);
    copy_file(from, to, "identity");
    copy_file(from, to, "log");
}

static bool is_outdated(void *ctx) {
    const struct fixture *f = ctx;
    struct agent_state state;

    agent_state_get(f->agent, &state);
    return state.outdated;
}

static const struct test_object objects_before[] = {{.key = CFG}, {.key = OLD}};
static const struct test_object objects_after[] = {{.key = CFG}, {.key = WEB}};

// go_back_between puts one manifest in force and another, and has the disk be what it was in
// between.
static void go_back_between(struct fixture *f, const struct test_manifest *before,
                            const struct test_manifest *after, bool (*holds)(void *ctx)) {
    CM_AUTOFREE char *aside = cm_strf("%s/aside", f->root);

    fake_hub_publish(f->hub, before);
    start_agent(f);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    end_agent(f, false);
    copy_disk(f->dir, aside);
    start_agent(f);
    fake_hub_publish(f->hub, after);
    assert_true(turn_until(f->loop, holds, f));
    end_agent(f, false);
    copy_disk(aside, f->dir);
}

static bool has_what_came_after(void *ctx) {
    return sim_has(ctx, WEB) && !sim_has(ctx, OLD);
}

static void go_back(struct fixture *f) {
    const struct test_app before = {
        .name = "shop", .revision = "c1", .objects = objects_before, .object_count = 2};
    const struct test_app after = {
        .name = "shop", .revision = "c2", .objects = objects_after, .object_count = 2};
    const struct test_manifest manifests[] = {manifest_of(&before, 1, 1),
                                              manifest_of(&after, 1, 2)};

    go_back_between(f, &manifests[0], &manifests[1], has_what_came_after);
}

// has_decided: what the disk holds is passed over, or brought about.
static bool has_decided(void *ctx) {
    struct fixture *f = ctx;

    f->number = 0;
    return is_at_generation(f) || !is_outdated(f);
}

static void an_older_copy_of_the_disk_does_nothing_before_the_hub_has_spoken(void **state) {
    struct fixture *f = *state;

    go_back(f);
    fake_hub_down(f->hub);
    uint64_t applies = sim_applies(f);
    for (int starts = 0; starts < 2; starts++) { // nor after a restart
        start_agent(f);
        assert_true(turn_until(f->loop, is_outdated, f));
        assert_true(turn_until(f->loop, has_decided, f));
        assert_true(is_outdated(f));
        let_time_pass(f);
        assert_int_equal(sim_applies(f), applies);
        end_agent(f, true);
    }
    assert_true(sim_has(f, WEB) && !sim_has(f, OLD));
}

static bool is_current(void *ctx) {
    return !is_outdated(ctx) && shop_is_healthy(ctx);
}

static void what_an_older_copy_of_the_disk_does_not_know_is_found_and_removed(void **state) {
    const struct test_app less = {
        .name = "shop", .revision = "c3", .objects = objects_before, .object_count = 1};
    struct fixture *f = *state;

    go_back(f);
    fake_hub_down(f->hub);
    start_agent(f);
    assert_true(turn_until(f->loop, is_outdated, f));
    publish(f, &less, 3);
    fake_hub_up(f->hub);
    f->what = WEB; // of which the disk knows nothing
    assert_true(turn_until(f->loop, sim_lacks_what, f));
    assert_true(turn_until(f->loop, is_current, f));
    assert_int_equal(fake_hub_counts(f->hub).hello_generation, 2);
    assert_int_equal(fake_hub_counts(f->hub).disk_generation, 1);
    assert_int_equal(fake_hub_counts(f->hub).new_disks, 0);
    assert_false(sim_has(f, OLD));
}

static bool web_says_what(void *ctx) {
    const struct fixture *f = ctx;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *web = agent_sim_get(f->sim, WEB);

    return web != NULL && memmem(web->data, web->size, f->what, strlen(f->what)) != NULL;
}

static const struct test_object second_form[] = {{.key = WEB, .json = SECOND}};
static const struct test_object third_form[] = {{.key = WEB, .json = THIRD}};
static const struct test_app with_second = {
    .name = "shop", .revision = "c1", .objects = second_form, .object_count = 1};
static const struct test_app with_third = {
    .name = "shop", .revision = "c2", .objects = third_form, .object_count = 1};

// The disk has it as applied already.
static void what_git_goes_back_to_is_applied_though_an_older_copy_of_the_disk_has_it(void **state) {
    const struct test_manifest manifests[] = {manifest_of(&with_second, 1, 1),
                                              manifest_of(&with_third, 1, 2)};
    struct fixture *f = *state;

    f->what = "third";
    go_back_between(f, &manifests[0], &manifests[1], web_says_what);
    publish(f, &with_second, 3);
    start_agent(f);
    f->what = "second";
    assert_true(turn_until(f->loop, web_says_what, f));
    assert_true(turn_until(f->loop, is_current, f));
}

// tear_end has the log end in the middle of a frame, as after a crash.
static void tear_end(const struct fixture *f) {
    CM_AUTOFREE char *log = cm_strf("%s/log", f->dir);

    assert_int_equal(truncate(log, log_size(f) + 1), 0);
}

// Of the one that the disk has as applied another one took the place, in another form.
static void what_was_made_anew_behind_a_torn_end_is_applied(void **state) {
    CM_AUTOFREE char *aside = cm_strf("%s/aside", ((struct fixture *)*state)->root);
    struct fixture *f = *state;
    struct cm_err err;

    publish(f, &with_second, 1);
    start_agent(f);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    end_agent(f, false);
    copy_disk(f->dir, aside);
    assert_int_equal(agent_sim_delete(f->sim, WEB, &err), CM_OK);
    publish(f, &with_third, 2);
    start_agent(f);
    f->what = "third";
    assert_true(turn_until(f->loop, web_says_what, f));
    end_agent(f, false);
    copy_disk(aside, f->dir);
    tear_end(f);
    agent_sim_forget(f->sim); // else it would do nothing at all
    fake_hub_down(f->hub);
    start_agent(f);
    f->what = "second";
    assert_true(turn_until(f->loop, web_says_what, f));
}

// has_manifest tells whether a frame puts a manifest in force.
static bool has_manifest(const uint8_t *payload, size_t size) {
    struct agent_reader r = {.at = payload, .left = size};
    bool has = false;
    size_t ignored;

    while (r.left > 0 && !r.bad) {
        has |= agent_get_u8(&r) == AGENT_RECORD_IN_FORCE;
        (void)agent_get_bytes(&r, &ignored);
    }
    return has;
}

// tear_behind_manifest has the log end in the middle of what followed the last manifest.
static void tear_behind_manifest(const struct fixture *f) {
    CM_AUTOFREE char *log = cm_strf("%s/log", f->dir);
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    size_t at = AGENT_LOG_MAGIC_SIZE;
    size_t end = 0;
    struct cm_err err;

    assert_int_equal(cm_fsys_read(log, (size_t)64 << 20, &bytes, &err), CM_OK);
    while (at < bytes->size) {
        size_t size = agent_frame_size(bytes->data + at);
        bool has = has_manifest(bytes->data + at + AGENT_FRAME_HEADER, size);

        at += AGENT_FRAME_HEADER + size;
        end = has ? at : end;
    }
    assert_true(end > 0 && end < bytes->size);
    assert_int_equal(truncate(log, (off_t)end + 1), 0);
}

// What came of applying did not reach the disk, and Git went back before it was applied again.
static void what_git_goes_back_to_is_applied_behind_a_torn_end(void **state) {
    struct fixture *f = *state;

    publish(f, &with_second, 1);
    start_agent(f);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    publish(f, &with_third, 2);
    f->what = "c2";
    assert_true(turn_until(f->loop, shop_is_what_and_healthy, f));
    end_agent(f, false);
    tear_behind_manifest(f);
    agent_sim_set_reachable(f->sim, false); // what it owns cannot be looked for
    publish(f, &with_second, 3);
    start_agent(f);
    f->number = 3;
    assert_true(turn_until(f->loop, is_at_generation, f));
    agent_sim_set_reachable(f->sim, true);
    f->what = "second";
    assert_true(turn_until(f->loop, web_says_what, f));
}

static bool lacks_old(void *ctx) {
    return !sim_has(ctx, OLD);
}

static bool is_current_and_told(void *ctx) {
    return is_current(ctx) && hub_heard_all_anew(ctx);
}

static bool side_is_gone(void *ctx) {
    const struct fixture *f = ctx;
    struct fake_app app = fake_hub_app(f->hub, "side");
    struct fake_object object = fake_hub_object(f->hub, OLD);

    return (!app.known || app.removed) && (!object.known || object.removed);
}

// Neither Git nor the cluster has any of it.
static void an_app_that_only_an_older_copy_of_the_disk_knows_is_forgotten(void **state) {
    static const struct test_object old[] = {{.key = OLD}};
    static const struct test_object cfg[] = {{.key = CFG}};
    static const struct test_app apps[] = {
        {.name = "shop", .revision = "c1", .objects = cfg, .object_count = 1},
        {.name = "side", .revision = "c1", .objects = old, .object_count = 1}};
    static const struct test_gone gone = {.name = "side", .prune = true};
    const struct test_manifest before = manifest_of(apps, 2, 1);
    struct test_manifest after = manifest_of(apps, 1, 2);
    struct fixture *f = *state;

    after.gone = &gone;
    after.gone_count = 1;
    go_back_between(f, &before, &after, lacks_old);
    fake_hub_down(f->hub);
    f->number = fake_hub_counts(f->hub).full_reports + 1;
    start_agent(f);
    assert_true(turn_until(f->loop, is_outdated, f));
    publish(f, &apps[0], 3); // its tombstone is no longer needed
    fake_hub_up(f->hub);
    assert_true(turn_until(f->loop, is_current_and_told, f));
    assert_true(turn_until(f->loop, side_is_gone, f));
}

static void a_hub_that_speaks_first_is_told_that_the_disk_is_an_older_copy(void **state) {
    struct fixture *f = *state;

    go_back(f);
    agent_sim_set_reachable(f->sim, false);
    start_agent(f);
    f->number = 2;
    assert_true(turn_until(f->loop, is_at_generation, f)); // the hub says it
    agent_sim_set_reachable(f->sim, true);
    f->number = fake_hub_counts(f->hub).hellos + 1;
    assert_true(turn_until(f->loop, hub_saw_hellos, f));
    assert_int_equal(fake_hub_counts(f->hub).disk_generation, 1);
    assert_int_equal(fake_hub_counts(f->hub).hello_generation, 2);
    assert_true(turn_until(f->loop, is_current, f));
    assert_true(sim_has(f, WEB) && !sim_has(f, OLD));
}

static bool hub_was_told(void *ctx) {
    const struct fixture *f = ctx;
    const struct fake_counts counts = fake_hub_counts(f->hub);

    return counts.new_disks > 0 && counts.hello_generation == f->number;
}

static bool cluster_knows(void *ctx) {
    const struct fixture *f = ctx;

    return agent_sim_in_force(f->sim) == f->number;
}

// Its hub counts anew: Git did not name the cluster for a while.
static void a_new_disk_goes_by_nothing_older_than_what_the_cluster_knows(void **state) {
    CM_AUTOFREE char *log = cm_strf("%s/log", ((struct fixture *)*state)->dir);
    struct fixture *f = *state;
    const struct test_app before = {
        .name = "shop", .revision = "c1", .objects = objects_before, .object_count = 2};
    const struct test_app after = {
        .name = "shop", .revision = "c2", .objects = objects_after, .object_count = 2};
    const struct test_manifest manifests[] = {manifest_of(&before, 1, 7), manifest_of(&after, 1, 1),
                                              manifest_of(&after, 1, 8)};

    fake_hub_publish(f->hub, &manifests[0]);
    start_agent(f);
    assert_true(turn_until(f->loop, shop_is_healthy, f));
    f->number = 7;
    assert_true(turn_until(f->loop, cluster_knows, f));
    end_agent(f, false);
    assert_int_equal(unlink(log), 0);
    fake_hub_publish(f->hub, &manifests[1]);
    start_agent(f);
    assert_true(turn_until(f->loop, hub_was_told, f));
    assert_false(is_outdated(f)); // it is new
    assert_int_equal(fake_hub_counts(f->hub).disk_generation, 0);
    assert_true(fake_hub_counts(f->hub).new_disks > 0);
    assert_true(sim_has(f, OLD));
    fake_hub_publish(f->hub, &manifests[2]);
    assert_true(turn_until(f->loop, has_what_came_after, f));
}

// The agent was upgraded, or its cluster built anew.
static void a_cluster_that_says_nothing_has_the_disk_count(void **state) {
    struct fixture *f = *state;

    go_back(f);
    agent_sim_free(f->sim);
    f->sim = agent_sim_new(f->loop, &(struct agent_sim_config){.latency_ms = 1});
    fake_hub_down(f->hub);
    start_agent(f);
    f->number = 1;
    assert_true(turn_until(f->loop, is_at_generation, f));
    assert_true(turn_until(f->loop, all_is_applied, f));
    assert_false(is_outdated(f));
}

static void an_agent_without_identity_and_token_says_what_to_do(void **state) {
    struct fixture *f = *state;
    const struct agent_config config = {.data_dir = f->dir};
    struct cm_err err;

    assert_int_equal(
        agent_new(f->loop, f->disk, &config, agent_sim_driver_new(f->sim), &f->agent, &err),
        CM_EINVAL);
    assert_non_null(strstr(err.msg, "--join-token"));
}

static int end_net(void **state) {
    (void)state;
    cm_net_done();
    return 0;
}

static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    TEST(an_agent_enrolls_and_brings_a_manifest_about),
    TEST(blobs_that_come_ahead_are_not_asked_for),
    TEST(what_is_squeezed_against_what_the_agent_has_is_taken),
    TEST(all_that_are_on_their_way_and_cannot_be_read_are_asked_for_again_at_once),
    TEST(what_is_left_over_of_a_blob_that_is_asked_for_again_is_passed_over),
    TEST(a_secret_that_comes_squeezed_is_not_taken),
    TEST(what_cannot_be_read_as_its_base_is_lacking_is_asked_for_as_it_is),
    TEST(a_blob_that_is_begun_anew_is_taken),
    TEST(an_identity_is_used_again),
    TEST(a_change_touches_what_changed),
    TEST(what_is_no_longer_listed_is_removed_and_nothing_else),
    TEST(an_app_that_the_manifest_does_not_name_is_left_alone),
    TEST(a_tombstone_takes_an_app_away),
    TEST(a_tombstone_may_leave_the_objects),
    TEST(an_object_that_moves_to_another_app_is_never_deleted),
    TEST(the_agent_works_from_its_disk_without_the_hub),
    TEST(a_kill_in_the_middle_of_an_apply_loses_nothing),
    TEST(a_lost_disk_is_made_good_from_the_cluster),
    TEST(a_manifest_from_before_the_damage_takes_nothing_away),
    TEST(a_manifest_that_the_hub_confirms_after_the_damage_takes_away),
    TEST(an_agent_that_cannot_find_again_what_it_owns_says_so),
    TEST(drift_that_was_let_be_is_told_once_the_app_wants_it),
    TEST(a_hub_that_restarts_gets_what_it_did_not_acknowledge),
    TEST(a_hub_that_forgot_is_told_everything),
    TEST(drift_is_told_with_field_values_and_name),
    TEST(what_came_and_went_is_told_again_to_a_hub_that_knows_which_report_told_it),
    TEST(a_secret_s_value_is_never_told),
    TEST(drift_is_corrected_where_the_app_says_so),
    TEST(a_broken_app_delays_no_other_and_heals_by_a_new_revision),
    TEST(a_rejected_release_stays_until_a_manifest_answers_and_others_go_on),
    TEST(what_is_rejected_while_the_hub_is_away_is_held_before_anything_newer),
    TEST(what_is_let_go_by_an_older_hub_is_fetched_and_applied),
    TEST(who_observes_tells_decisions_to_a_hub_that_knows_what_that_is),
    TEST(what_is_not_on_disk_is_not_in_force_whatever_is_held_back),
    TEST(an_app_that_goes_is_held_no_more),
    TEST(what_is_frozen_stays_as_it_is_over_kills_and_without_the_hub),
    TEST(drift_is_let_be_while_all_is_frozen_and_corrected_afterwards),
    TEST(a_large_manifest_and_large_blobs_come_in_pieces),
    TEST(a_manifest_signed_by_a_stranger_is_refused),
    TEST(a_manifest_signed_by_another_kind_of_certificate_is_refused),
    TEST(a_signature_over_another_generation_is_refused),
    TEST(a_signature_for_another_cluster_is_refused),
    TEST(an_old_manifest_is_refused),
    TEST(another_manifest_of_the_same_generation_is_refused),
    TEST(a_spoiled_blob_is_refused),
    TEST(pieces_in_the_wrong_order_are_refused),
    TEST(a_manifest_with_missing_blobs_does_not_come_into_force),
    TEST(a_hub_with_another_id_is_left),
    TEST(a_hub_of_a_protocol_that_it_does_not_know_is_left),
    TEST(a_message_out_of_turn_ends_the_connection),
    TEST(a_hub_that_serves_nobody_is_asked_less_and_less),
    TEST(what_a_newer_hub_sends_beside_is_passed_over),
    TEST(a_token_for_another_hub_tells_that_hub_nothing),
    TEST(a_key_is_renewed_in_time_and_the_new_one_is_on_disk),
    TEST(a_key_that_is_on_disk_is_used_though_the_save_failed),
    TEST(an_agent_killed_before_the_answer_has_its_old_key),
    TEST(an_agent_killed_after_the_answer_has_one_of_both),
    TEST(a_key_that_is_on_disk_once_a_connection_was_begun_with_the_old_one_is_confirmed_there),
    TEST(a_certificate_for_another_key_is_not_taken),
    TEST(a_hub_of_the_version_before_is_not_asked_to_renew),
    TEST(a_key_is_not_renewed_before_its_time),
    TEST(a_certificate_that_has_ended_is_renewed_for_the_same_key),
    TEST(a_root_that_a_believed_one_vouches_for_is_believed_from_then_on),
    TEST(a_root_that_vouches_for_itself_is_not_believed),
    TEST(a_signers_certificate_is_sent_once),
    TEST(another_signature_of_what_is_being_fetched_is_kept),
    TEST(a_root_that_proves_what_is_being_fetched_is_not_dropped),
    TEST(a_root_is_dropped_once_what_is_in_force_is_signed_anew),
    TEST(what_the_hub_did_not_sign_is_not_applied_from_disk_either),
    TEST(an_older_copy_of_the_disk_does_nothing_before_the_hub_has_spoken),
    TEST(what_an_older_copy_of_the_disk_does_not_know_is_found_and_removed),
    TEST(what_git_goes_back_to_is_applied_though_an_older_copy_of_the_disk_has_it),
    TEST(an_app_that_only_an_older_copy_of_the_disk_knows_is_forgotten),
    TEST(a_hub_that_speaks_first_is_told_that_the_disk_is_an_older_copy),
    TEST(what_was_made_anew_behind_a_torn_end_is_applied),
    TEST(what_git_goes_back_to_is_applied_behind_a_torn_end),
    TEST(a_new_disk_goes_by_nothing_older_than_what_the_cluster_knows),
    TEST(a_cluster_that_says_nothing_has_the_disk_count),
    TEST(another_manifest_under_the_signed_name_is_not_applied_from_disk),
    TEST(another_bundle_under_the_signed_name_is_not_applied_from_disk),
    TEST(another_object_under_the_signed_name_is_not_applied_from_disk),
    TEST(an_agent_without_identity_and_token_says_what_to_do),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, end_net);
}
