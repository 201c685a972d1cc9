#include "agent/apply/apply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/apply/found.h"
#include "agent/cache/cache.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/workers.h"
#include "tests/unit/agent/fake_driver.h"
#include "tests/unit/agent/support.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define NS "Namespace//shop"
#define CFG "ConfigMap/shop/cfg"
#define WEB "Deployment.apps/shop/web"
#define SVC "Service/shop/web"
#define BEFORE "Job.batch/shop/before"
#define AFTER "Job.batch/shop/after"

struct fixture {
    char *root;
    struct cm_loop *loop;
    struct cm_workers *disk;
    struct agent_cache *cache;
    struct agent_driver *driver;
    struct fake_driver *fake;
    struct agent_apply *apply;
    struct agent_apply_host host;
    struct cm_map *states;   // by App: the last state's number + 1, as a pointer
    struct cm_map *messages; // by App
    struct cm_map *healthy;  // keys and Apps that are
    struct cm_map *wrong;    // keys
    struct cm_map *sick;     // keys
    struct cm_map *missing;  // keys
    struct cm_map *left;     // by key: why
    size_t listed;
    size_t removed;
    size_t apps_removed;
    size_t afresh;
    size_t refrozen;
    char images[200]; // of what was found, told last, with what names them
    struct cm_sha256 bundle;
    bool closed;
    const char *what;
    size_t count;
};

// ---- What apply tells and asks

static void on_app_state(void *ctx, const struct agent_app_state *s) {
    struct fixture *f = ctx;

    cm_map_put(f->states, s->app, (void *)(uintptr_t)(s->applied + 1));
    if (s->images != NULL) {
        (void)snprintf(f->images, sizeof(f->images), "%s", s->images);
        f->bundle = s->bundle_sha256;
    }
    cm_map_put(f->messages, s->app, cm_strdup(s->message));
}

static void on_app_removed(void *ctx, const struct agent_app_removed *what) {
    struct fixture *f = ctx;

    f->apps_removed++;
    cm_map_put(
        f->messages, what->app,
        what->found
            ? cm_strf("claimed by %s", what->claimed_by == NULL ? "nobody" : what->claimed_by)
            : cm_strf("%s: %zu removed, %zu left", what->revision, what->removed, what->left));
}

static void on_written(void *ctx, const char *app, const char *key,
                       const struct agent_applied *result) {
    (void)ctx;
    assert_non_null(app);
    assert_non_null(key);
    assert_int_equal(result->error.code, CM_OK);
}

static void on_applied(void *ctx, const struct agent_item *item) {
    (void)ctx;
    assert_true(item->applied);
}

static void on_listed(void *ctx, const char *app, const char *key) {
    assert_non_null(app);
    assert_non_null(key);
    ((struct fixture *)ctx)->listed++;
}

static void on_failed(void *ctx, const char *app, const char *key, const char *why) {
    (void)ctx;
    (void)app;
    (void)key;
    (void)why;
}

static void on_removed(void *ctx, const char *app, const char *key) {
    (void)app;
    (void)key;
    ((struct fixture *)ctx)->removed++;
}

static void on_left(void *ctx, const char *app, const char *key, const char *why) {
    (void)app;
    cm_map_put(((struct fixture *)ctx)->left, key, cm_strdup(why));
}

static enum agent_health health_of(void *ctx, const char *key) {
    const struct fixture *f = ctx;

    if (cm_map_get(f->sick, key) != NULL) {
        return AGENT_HEALTH_DEGRADED;
    }
    if (cm_map_get(f->missing, key) != NULL) {
        return AGENT_HEALTH_MISSING;
    }
    return cm_map_get(f->healthy, key) != NULL ? AGENT_HEALTH_HEALTHY : AGENT_HEALTH_PROGRESSING;
}

static const char *why_of(void *ctx, const char *key) {
    (void)ctx;
    (void)key;
    return "it has reached the specified backoff limit";
}

static char *app_why(void *ctx, const char *app) {
    (void)ctx;
    return cm_strf("%s crashes", app);
}

static bool app_is_late(void *ctx, const char *app) {
    return cm_map_get(((struct fixture *)ctx)->wrong, app) != NULL;
}

static bool is_wrong(void *ctx, const char *key) {
    return cm_map_get(((struct fixture *)ctx)->wrong, key) != NULL;
}

static void on_afresh(void *ctx, const char *app) {
    struct fixture *f = ctx;

    assert_non_null(app);
    f->afresh++;
}

static void on_refrozen(void *ctx) {
    ((struct fixture *)ctx)->refrozen++;
}

static enum agent_applied_state state_of(const struct fixture *f, const char *app) {
    return (enum agent_applied_state)((uintptr_t)cm_map_get(f->states, app) - 1);
}

static const char *message_of(const struct fixture *f, const char *app) {
    return cm_map_get(f->messages, app);
}

// ---- Set up and take down

static int set_up(void **state) {
    const struct agent_apply_host host = {.app_state = on_app_state,
                                          .app_removed = on_app_removed,
                                          .written = on_written,
                                          .applied = on_applied,
                                          .listed = on_listed,
                                          .failed = on_failed,
                                          .removed = on_removed,
                                          .left = on_left,
                                          .health = health_of,
                                          .why = why_of,
                                          .app_health = health_of,
                                          .app_why = app_why,
                                          .app_late = app_is_late,
                                          .wrong = is_wrong,
                                          .afresh = on_afresh,
                                          .refrozen = on_refrozen};
    struct fixture *f = cm_new(1, sizeof(*f));
    struct agent_apply_host with_ctx = host;
    struct cm_err err;

    with_ctx.ctx = f;
    f->host = with_ctx;
    cm_clock_fake(1000000);
    f->root = temp_dir();
    f->loop = cm_loop_new();
    f->disk = cm_workers_new("disk", 1, NULL);
    f->states = cm_map_new(NULL);
    f->messages = cm_map_new(free);
    f->healthy = cm_map_new(NULL);
    f->wrong = cm_map_new(NULL);
    f->sick = cm_map_new(NULL);
    f->missing = cm_map_new(NULL);
    f->left = cm_map_new(free);
    if (agent_cache_open(f->loop, f->disk, f->root, &f->cache, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    f->driver = fake_driver_new(f->loop, &f->fake);
    f->apply = agent_apply_new(f->loop, f->driver, f->cache, &with_ctx);
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

    agent_apply_shut(f->apply);
    fake_cancel_all(f->fake);
    agent_cache_close(f->cache, true, on_closed, f);
    assert_true(turn_until(f->loop, is_closed, f));
    agent_apply_free(f->apply);
    f->driver->ops->free(f->driver);
    agent_cache_free(f->cache);
    cm_workers_stop(f->disk, true);
    cm_workers_free(f->disk);
    cm_loop_free(f->loop);
    cm_map_free(f->states);
    cm_map_free(f->messages);
    cm_map_free(f->healthy);
    cm_map_free(f->wrong);
    cm_map_free(f->sick);
    cm_map_free(f->missing);
    cm_map_free(f->left);
    temp_dir_remove(f->root);
    free(f);
    cm_clock_fake(-1);
    return 0;
}

// set puts a manifest into the cache and gives it to apply, keeping bundles that did not change, as
// the link does.
static void set(struct fixture *f, const struct test_app *apps, size_t count, uint64_t generation,
                const struct test_gone *gone) {
    struct test_release *r = release_new(&(struct test_manifest){.epoch = 1,
                                                                 .generation = generation,
                                                                 .apps = apps,
                                                                 .app_count = count,
                                                                 .gone = gone,
                                                                 .gone_count = gone != NULL});
    struct agent_desired *d = desired_new(r);
    const struct agent_desired *old = agent_apply_desired(f->apply);

    assert_non_null(d);
    for (size_t i = 0; i < r->blob_count; i++) {
        agent_cache_put_blob(f->cache, &r->blobs[i].name, r->blobs[i].bytes);
    }
    release_free(r);
    for (size_t i = 0; old != NULL && i < d->app_count; i++) {
        const struct agent_desired_app *same = agent_desired_app(old, d->apps[i].name);

        if (same != NULL && cm_sha256_equal(&same->bundle_sha256, &d->apps[i].bundle_sha256)) {
            agent_desired_free(d);
            fail_msg("this helper makes new bundles only; give '%s' another", same->name);
        }
    }
    agent_apply_set(f->apply, d);
}

static const struct test_object objects[] = {{.key = CFG}, {.key = WEB}, {.key = NS}, {.key = SVC}};
static const struct test_app shop = {.name = "shop", .objects = objects, .object_count = 4};

static void make_healthy(struct fixture *f, const char *what) {
    cm_map_put(f->healthy, what, f);
    agent_apply_woken(f->apply);
}

// ---- What to wait for

static bool what_is_pending(void *ctx) {
    const struct fixture *f = ctx;

    return fake_is_pending(f->fake, f->what);
}

static bool count_is_pending(void *ctx) {
    const struct fixture *f = ctx;

    return fake_pending(f->fake) == f->count;
}

static bool shop_is_applied(void *ctx) {
    return state_of(ctx, "shop") == AGENT_APP_APPLIED;
}

static bool shop_has_failed(void *ctx) {
    return state_of(ctx, "shop") == AGENT_APP_FAILED;
}

static void wait_pending(struct fixture *f, const char *key) {
    f->what = key;
    assert_true(turn_until(f->loop, what_is_pending, f));
}

static void let(struct fixture *f, const char *key) {
    wait_pending(f, key);
    assert_true(fake_succeed(f->fake, key));
}

static void on_commit(void *ctx, const struct cm_err *error) {
    (void)error;
    ((struct fixture *)ctx)->closed = true;
}

// settle lets everything that needs no outside help happen.
static void settle(struct fixture *f) {
    for (int i = 0; i < 3; i++) {
        f->closed = false;
        agent_cache_commit(f->cache, on_commit, f);
        assert_true(turn_until(f->loop, is_closed, f));
        while (cm_loop_turn(f->loop)) {
        }
    }
    f->closed = false;
}

static void apply_all(struct fixture *f) {
    cm_map_put(f->healthy, NS, f);
    while (state_of(f, "shop") != AGENT_APP_APPLIED) {
        settle(f);
        while (fake_succeed(f->fake, NULL)) {
        }
    }
}

// ---- The tests

static void stages_go_by_rank_and_wait_for_their_gate(void **state) {
    struct fixture *f = *state;

    set(f, &shop, 1, 1, NULL);
    let(f, NS);
    settle(f);
    assert_int_equal(fake_pending(f->fake), 0);
    assert_string_equal(message_of(f, "shop"), "waits until " NS " is healthy");
    make_healthy(f, NS);
    let(f, CFG);
    f->count = 2;
    assert_true(turn_until(f->loop, count_is_pending, f));
    assert_true(fake_succeed(f->fake, WEB));
    assert_true(fake_succeed(f->fake, SVC));
    assert_true(turn_until(f->loop, shop_is_applied, f));
    assert_true(fake_is_tracked(f->fake, WEB));
}

static void a_wave_waits_until_all_before_it_is_healthy(void **state) {
    const struct test_object waves[] = {
        {.key = CFG, .wave = 1}, {.key = WEB, .wave = -1}, {.key = SVC, .wave = 2}};
    const struct test_app app = {.name = "shop", .objects = waves, .object_count = 3};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    let(f, WEB);
    settle(f);
    assert_int_equal(fake_pending(f->fake), 0);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_APPLYING);
    assert_string_equal(message_of(f, "shop"), "wave 1 waits until " WEB " is healthy");
    cm_map_put(f->wrong, "shop", f);
    agent_apply_woken(f->apply);
    settle(f);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_FAILED);
    assert_string_equal(message_of(f, "shop"),
                        "wave 1 waits longer than health.timeout allows until " WEB
                        " is healthy: it has reached the specified backoff limit");
    make_healthy(f, WEB);
    let(f, CFG);
    make_healthy(f, CFG);
    let(f, SVC);
    assert_true(turn_until(f->loop, shop_is_applied, f)); // the last one is waited for by nobody
    assert_int_equal(agent_cache_item(f->cache, WEB)->wave, -1);
}

static void what_is_waited_for_and_vanishes_is_made_again(void **state) {
    const struct test_object waves[] = {{.key = NS}, {.key = SVC, .wave = 2}};
    const struct test_app app = {.name = "shop", .objects = waves, .object_count = 2};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    let(f, NS);
    settle(f);
    cm_map_put(f->missing, NS, f);
    agent_apply_woken(f->apply);
    wait_pending(f, NS);
    assert_string_equal(message_of(f, "shop"),
                        "waits until " NS " is healthy: it has vanished, and is made again");
    assert_true(fake_fail(f->fake, NS, CM_EBUSY, "not now"));
    settle(f);
    assert_int_equal(fake_pending(f->fake), 0); // after a pause
    cm_clock_fake(cm_clock_now_ms() + 60000);
    let(f, NS);
    (void)cm_map_remove(f->missing, NS);
    make_healthy(f, NS);
    let(f, SVC);
    assert_true(turn_until(f->loop, shop_is_applied, f));
}

static void
what_somebody_changed_is_put_right_when_git_changes_the_app_not_when_rules_do(void **state) {
    static const struct test_object plain[] = {{.key = CFG}, {.key = SVC}};
    static const struct test_object ruled[] = {{.key = CFG}, {.key = SVC, .rules = 1}};
    static const struct test_object changed[] = {{.key = CFG}, {.key = SVC, .json = "{}"}};
    struct test_app app = {.name = "shop", .objects = plain, .object_count = 2};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    let(f, CFG);
    let(f, SVC);
    assert_true(turn_until(f->loop, shop_is_applied, f));
    cm_map_put(f->wrong, CFG, f);
    app.objects = ruled;
    app.rules = &(struct test_rule){.field = "/data"};
    app.rule_count = 1;
    set(f, &app, 1, 2, NULL);
    settle(f);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_APPLIED);
    assert_int_equal(fake_pending(f->fake), 0);
    app.objects = changed;
    set(f, &app, 1, 3, NULL);
    let(f, CFG);
    let(f, SVC);
    assert_true(turn_until(f->loop, shop_is_applied, f));
}

static void what_waits_says_what_ails_the_other(void **state) {
    const struct test_object waves[] = {{.key = WEB}, {.key = SVC, .wave = 2}};
    const struct test_object own[] = {{.key = CFG}};
    const struct test_app apps[] = {
        {.name = "after", .objects = own, .object_count = 1, .depends_on = {"shop"}},
        {.name = "shop", .objects = waves, .object_count = 2}};
    struct fixture *f = *state;

    set(f, apps, COUNT(apps), 1, NULL);
    let(f, WEB);
    settle(f);
    cm_map_put(f->sick, WEB, f);
    cm_map_put(f->sick, "shop", f);
    agent_apply_woken(f->apply);
    settle(f);
    assert_string_equal(message_of(f, "shop"), "wave 2 waits until " WEB " is healthy: it has "
                                               "reached the specified backoff limit");
    assert_string_equal(message_of(f, "after"),
                        "waits for App 'shop' to be applied and healthy: shop crashes");
    assert_int_equal(state_of(f, "after"), AGENT_APP_PENDING);
}

static void a_wave_waits_for_what_did_not_change_too(void **state) {
    const struct test_object before[] = {{.key = CFG, .wave = 1}, {.key = WEB}};
    const struct test_object after[] = {{.key = CFG, .json = "{\"a\":1}", .wave = 1}, {.key = WEB}};
    const struct test_app first = {.name = "shop", .objects = before, .object_count = 2};
    const struct test_app second = {.name = "shop", .objects = after, .object_count = 2};
    struct fixture *f = *state;

    cm_map_put(f->healthy, WEB, f);
    set(f, &first, 1, 1, NULL);
    apply_all(f);
    (void)cm_map_remove(f->healthy, WEB);
    set(f, &second, 1, 2, NULL);
    settle(f);
    assert_int_equal(fake_pending(f->fake), 0);
    assert_string_equal(message_of(f, "shop"), "wave 1 waits until " WEB " is healthy");
    make_healthy(f, WEB);
    let(f, CFG);
    assert_true(turn_until(f->loop, shop_is_applied, f));
}

static void a_new_revision_ends_the_wait_for_a_wave(void **state) {
    const struct test_object broken[] = {{.key = CFG, .wave = 1}, {.key = WEB}};
    const struct test_object mended[] = {{.key = CFG, .wave = 1},
                                         {.key = WEB, .json = "{\"mended\":true}"}};
    const struct test_app first = {.name = "shop", .objects = broken, .object_count = 2};
    const struct test_app second = {.name = "shop", .objects = mended, .object_count = 2};
    struct fixture *f = *state;

    set(f, &first, 1, 1, NULL);
    let(f, WEB);
    settle(f);
    set(f, &second, 1, 2, NULL);
    let(f, WEB); // at once
    make_healthy(f, WEB);
    let(f, CFG);
    assert_true(turn_until(f->loop, shop_is_applied, f));
}

static void waves_are_removed_backwards_also_when_only_the_order_changed(void **state) {
    const struct test_object before[] = {{.key = CFG, .wave = 3}, {.key = NS}, {.key = SVC}};
    const struct test_object after[] = {
        {.key = CFG, .wave = 3}, {.key = NS, .wave = -4}, {.key = SVC}};
    const struct test_app first = {.name = "shop", .objects = before, .object_count = 3};
    const struct test_app second = {.name = "shop", .objects = after, .object_count = 3};
    const struct test_gone gone = {.name = "shop", .prune = true};
    struct fixture *f = *state;

    cm_map_put(f->healthy, SVC, f);
    set(f, &first, 1, 1, NULL);
    apply_all(f);
    set(f, &second, 1, 2, NULL);
    settle(f);
    assert_int_equal(agent_cache_item(f->cache, NS)->wave, -4);
    assert_int_equal(fake_pending(f->fake), 0);
    set(f, NULL, 0, 3, &gone);
    let(f, NS); // is precious, so it is let go
    let(f, CFG);
    let(f, SVC);
    settle(f);
    assert_int_equal(f->apps_removed, 1);
}

// base gives its Namespace up in the commit in which shop gives up what it has in there.
static void a_namespace_waits_for_an_app_that_is_not_to_remove_what_it_has_in_there(void **state) {
    const struct test_object space[] = {{.key = NS}, {.key = "Widget/base/x"}};
    const struct test_object things[] = {{.key = CFG}, {.key = SVC}};
    struct test_app apps[] = {
        {.name = "base", .prune_precious = true, .objects = space, .object_count = 2},
        {.name = "shop", .objects = things, .object_count = 2},
    };
    struct fixture *f = *state;

    cm_map_put(f->healthy, NS, f);
    set(f, apps, 2, 1, NULL);
    apply_all(f);
    apps[0].objects = &space[1];
    apps[0].object_count = 1;
    apps[1].object_count = 0;
    apps[1].suspend = true;
    set(f, apps, 2, 2, NULL);
    settle(f);
    assert_int_equal(fake_removes(f->fake), 0);
    assert_non_null(strstr(cm_map_get(f->left, NS), "of App 'shop'"));
    apps[0].drift = AGENT_DRIFT_OFF; // this helper's wish for another bundle
    apps[1].suspend = false;
    set(f, apps, 2, 3, NULL);
    let(f, SVC);
    settle(f);
    assert_false(fake_is_pending(f->fake, NS));
    let(f, CFG);
    let(f, NS); // and nobody has said so once more
    settle(f);
    assert_int_equal(fake_removes(f->fake), 3);
}

static void what_awaits_others_holds_up_nothing_and_waits_only_while_they_have_time(void **state) {
    static const struct test_object hooks[] = {
        {.key = WEB}, {.key = "Webhook//new"}, {.key = "Widget/shop/z"}};
    const struct test_app app = {.name = "shop", .objects = hooks, .object_count = 3};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    let(f, WEB);
    let(f, "Widget/shop/z");
    settle(f);
    assert_int_equal(fake_pending(f->fake), 0);
    assert_string_equal(message_of(f, "shop"), "Webhook//new waits until " WEB " is healthy");
    cm_map_put(f->wrong, "shop", f); // it is late
    agent_apply_woken(f->apply);
    let(f, "Webhook//new");
    settle(f);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_APPLIED);
}

static void the_inventory_owns_an_object_before_it_is_applied(void **state) {
    struct fixture *f = *state;

    set(f, &shop, 1, 1, NULL);
    wait_pending(f, NS);
    const struct agent_item *item = agent_cache_item(f->cache, NS);
    assert_non_null(item);
    assert_false(item->applied);
    struct agent_cache_stats stats;
    agent_cache_stats_get(f->cache, &stats);
    assert_true(stats.frames > 0); // on disk, not only in memory
}

static void at_most_a_window_is_under_way_of_one_app(void **state) {
    enum { MANY = 300 };
    struct fixture *f = *state;
    struct test_object many[MANY];
    char keys[MANY][32];
    const struct test_app app = {.name = "shop", .objects = many, .object_count = MANY};

    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "ConfigMap/shop/%03zu", i);
        many[i] = (struct test_object){.key = keys[i]};
    }
    set(f, &app, 1, 1, NULL);
    settle(f);
    assert_int_equal(fake_pending(f->fake), 16); // the target may not answer at all
    assert_true(fake_succeed(f->fake, NULL));
    settle(f);
    assert_int_equal(fake_pending(f->fake), 128);
    apply_all(f);
    assert_int_equal(agent_cache_item_count(f->cache), MANY);
}

static void what_is_due_while_the_window_is_full_waits_without_turning_in_circles(void **state) {
    enum { MANY = 200 };
    struct fixture *f = *state;
    struct test_object many[MANY];
    char keys[MANY][40];
    struct test_app app = {.name = "shop", .objects = many, .object_count = MANY};
    int turns = 0;

    for (int i = 0; i < MANY; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "ConfigMap/shop/c%03d", i);
        many[i] = (struct test_object){.key = keys[i]};
    }
    set(f, &app, 1, 1, NULL);
    f->count = 16;
    assert_true(turn_until(f->loop, count_is_pending, f));
    assert_true(fake_succeed(f->fake, keys[3]));
    f->count = 128;
    assert_true(turn_until(f->loop, count_is_pending, f));
    assert_true(fake_fail(f->fake, keys[0], CM_EBUSY, "later"));
    assert_true(turn_until(f->loop, count_is_pending, f));
    cm_clock_advance(120000);
    while (turns < 1000 && cm_loop_turn(f->loop)) {
        turns++;
    }
    assert_true(turns < 1000);
    assert_false(fake_is_pending(f->fake, keys[0]));
    assert_true(fake_succeed(f->fake, keys[1]));
    assert_true(fake_succeed(f->fake, keys[2]));
    while (fake_succeed(f->fake, NULL)) {
        settle(f);
        if (fake_is_pending(f->fake, keys[0])) {
            return;
        }
    }
    fail_msg("what failed is not tried again");
}

static void apps_that_have_begun_go_on_before_others_begin(void **state) {
    enum { APPS = 80, TURNS = 64 };
    struct fixture *f = *state;
    struct test_app apps[APPS];
    struct test_object parts[APPS][2];
    char texts[APPS][3][32];

    for (size_t i = 0; i < APPS; i++) {
        (void)snprintf(texts[i][0], sizeof(texts[i][0]), "app-%02zu", i);
        (void)snprintf(texts[i][1], sizeof(texts[i][1]), "ConfigMap/shop/%02zu", i);
        (void)snprintf(texts[i][2], sizeof(texts[i][2]), "Service/shop/%02zu", i);
        parts[i][0] = (struct test_object){.key = texts[i][1]};
        parts[i][1] = (struct test_object){.key = texts[i][2]};
        apps[i] = (struct test_app){.name = texts[i][0], .objects = parts[i], .object_count = 2};
    }
    set(f, apps, APPS, 1, NULL);
    settle(f);
    assert_int_equal(fake_pending(f->fake), TURNS);
    let(f, texts[3][1]);
    settle(f);
    assert_true(fake_is_pending(f->fake, texts[3][2]));
    assert_int_equal(fake_pending(f->fake), TURNS);
    assert_false(fake_is_pending(f->fake, texts[TURNS][1]));
    let(f, texts[3][2]);
    settle(f);
    assert_true(fake_is_pending(f->fake, texts[TURNS][1]));
    while (state_of(f, texts[APPS - 1][0]) != AGENT_APP_APPLIED) {
        assert_true(fake_succeed(f->fake, NULL));
        settle(f);
    }
}

enum { TURNS = 64, LATE_MS = 5000, MANY_APPS = 150, OF_EACH = 20, FIRST_WINDOW = 16 };

// Many Apps with some objects each, all in one stage.
struct crowd {
    struct test_app apps[MANY_APPS];
    struct test_object parts[MANY_APPS][OF_EACH];
    char names[MANY_APPS][32];
    char keys[MANY_APPS][OF_EACH][64];
};

// crowd makes them; `version` is in all their objects.
static void set_crowd(struct fixture *f, struct crowd *c, size_t apps, size_t of_each,
                      int version) {
    static char text[32];

    (void)snprintf(text, sizeof(text), "{\"a\":%d}", version);
    for (size_t i = 0; i < apps; i++) {
        (void)snprintf(c->names[i], sizeof(c->names[i]), "app-%03zu", i);
        for (size_t j = 0; j < of_each; j++) {
            (void)snprintf(c->keys[i][j], sizeof(c->keys[i][j]), "ConfigMap/shop/%03zu-%02zu", i,
                           j);
            c->parts[i][j] = (struct test_object){.key = c->keys[i][j], .json = text};
        }
        c->apps[i] =
            (struct test_app){.name = c->names[i], .objects = c->parts[i], .object_count = of_each};
    }
    set(f, c->apps, apps, (uint64_t)version, NULL);
    settle(f);
}

static void apps_that_the_target_does_not_answer_keep_no_other_from_beginning(void **state) {
    static struct crowd c;
    struct fixture *f = *state;

    set_crowd(f, &c, MANY_APPS, 1, 1);
    for (size_t begun = TURNS; begun < MANY_APPS; begun += TURNS) {
        assert_int_equal(fake_pending(f->fake), begun);
        assert_int_equal(fake_begin(f->fake, MANY_APPS), TURNS);
        cm_clock_advance(LATE_MS);
        settle(f);
    }
    assert_int_equal(fake_pending(f->fake), MANY_APPS);
    assert_false(agent_apply_is_idle(f->apply));
    while (fake_succeed(f->fake, NULL)) {
        settle(f);
    }
    assert_true(agent_apply_is_idle(f->apply));
}

static void what_only_waits_at_a_slow_target_gives_no_turn_away(void **state) {
    static struct crowd c;
    struct fixture *f = *state;

    set_crowd(f, &c, MANY_APPS, 1, 1);
    cm_clock_advance(LATE_MS);
    settle(f);
    assert_int_equal(fake_pending(f->fake), TURNS);
    assert_int_equal(fake_begin(f->fake, 1), 1);
    cm_clock_advance(LATE_MS - 1);
    settle(f);
    assert_int_equal(fake_pending(f->fake), TURNS);
    assert_true(fake_succeed(f->fake, c.keys[0][0]));
    settle(f);
    cm_clock_advance(LATE_MS);
    settle(f);
    assert_int_equal(fake_pending(f->fake), TURNS); // another one has begun
}

// Perhaps it waits for those.
static void what_waits_at_a_target_that_answers_some_not_gives_its_turn_away(void **state) {
    static struct crowd c;
    struct fixture *f = *state;

    set_crowd(f, &c, MANY_APPS, 1, 1);
    assert_int_equal(fake_begin(f->fake, 1), 1);
    cm_clock_advance(LATE_MS);
    settle(f);
    assert_int_equal(fake_pending(f->fake), 2 * TURNS);
}

static void little_waits_of_apps_that_begin_while_others_are_not_answered(void **state) {
    static struct crowd c;
    struct fixture *f = *state;

    set_crowd(f, &c, MANY_APPS, OF_EACH, 1);
    assert_int_equal(fake_pending(f->fake), TURNS * FIRST_WINDOW);
    (void)fake_begin(f->fake, TURNS * FIRST_WINDOW);
    cm_clock_advance(LATE_MS);
    settle(f);
    assert_int_equal(fake_pending(f->fake), TURNS * FIRST_WINDOW + TURNS);
    assert_true(fake_succeed(f->fake, c.keys[TURNS][0])); // it is answered
    settle(f);
    assert_true(fake_is_pending(f->fake, c.keys[TURNS][OF_EACH - 1]));
}

static void who_was_not_answered_holds_no_turn_until_something_ends_in_time(void **state) {
    static struct crowd c;
    struct fixture *f = *state;

    set_crowd(f, &c, TURNS + 2, 1, 1);
    (void)fake_begin(f->fake, TURNS);
    cm_clock_advance(LATE_MS);
    settle(f);
    assert_int_equal(fake_pending(f->fake), TURNS + 2);
    while (fake_fail(f->fake, NULL, CM_EBUSY, "cut off")) {
    }
    set_crowd(f, &c, TURNS + 2, 1, 2); // all change
    assert_int_equal(fake_begin(f->fake, 2 * TURNS), TURNS + 2);
    while (fake_succeed(f->fake, NULL)) { // in time
        settle(f);
    }
    set_crowd(f, &c, TURNS + 2, 1, 3);
    assert_int_equal(fake_pending(f->fake), TURNS);
}

static void what_a_newer_manifest_overtook_is_not_begun(void **state) {
    const struct test_object old[] = {{.key = CFG, .json = "{\"a\":1}"}};
    const struct test_object new[] = {{.key = CFG, .json = "{\"a\":2}"}};
    const struct test_app first = {.name = "shop", .objects = old, .object_count = 1};
    const struct test_app second = {.name = "shop", .objects = new, .object_count = 1};
    struct fixture *f = *state;

    set(f, &first, 1, 1, NULL);
    settle(f);
    assert_true(fake_is_pending(f->fake, CFG));
    set(f, &second, 1, 2, NULL);
    settle(f);
    let(f, CFG); // which would have had success
    settle(f);
    assert_false(agent_cache_item(f->cache, CFG)->applied);
    let(f, CFG);
    assert_true(turn_until(f->loop, shop_is_applied, f));
}

static void an_app_of_many_objects_keeps_no_other_from_beginning(void **state) {
    enum { MANY = 100 };
    struct fixture *f = *state;
    struct test_object many[MANY];
    char keys[MANY][32];
    const struct test_app apps[] = {{.name = "large", .objects = many, .object_count = MANY},
                                    {.name = "shop", .objects = objects, .object_count = 1}};

    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "ConfigMap/large/%03zu", i);
        many[i] = (struct test_object){.key = keys[i]};
    }
    set(f, apps, COUNT(apps), 1, NULL);
    settle(f);
    assert_true(fake_is_pending(f->fake, CFG));
}

static void apps_with_gates_begin_first(void **state) {
    enum { APPS = 80 };
    const struct test_object space = {.key = NS};
    struct fixture *f = *state;
    struct test_app apps[APPS];
    struct test_object parts[APPS];
    char texts[APPS][2][32];

    for (size_t i = 0; i < APPS; i++) {
        (void)snprintf(texts[i][0], sizeof(texts[i][0]), "app-%02zu", i);
        (void)snprintf(texts[i][1], sizeof(texts[i][1]), "ConfigMap/shop/%02zu", i);
        parts[i] = (struct test_object){.key = texts[i][1]};
        apps[i] = (struct test_app){.name = texts[i][0], .objects = &parts[i], .object_count = 1};
    }
    apps[APPS - 1].objects = &space;
    set(f, apps, APPS, 1, NULL);
    settle(f);
    assert_true(fake_is_pending(f->fake, NS));
}

static void what_fails_is_tried_again_after_a_pause(void **state) {
    const struct test_app app = {.name = "shop", .objects = objects, .object_count = 1};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    wait_pending(f, CFG);
    assert_true(fake_fail(f->fake, CFG, CM_EBUSY, "not yet"));
    assert_true(turn_until(f->loop, shop_has_failed, f));
    assert_string_equal(message_of(f, "shop"), CFG ": not yet");
    settle(f);
    assert_int_equal(fake_pending(f->fake), 0);
    cm_clock_advance(3001);
    let(f, CFG);
    assert_true(turn_until(f->loop, shop_is_applied, f));
}

// set_form gives the App one object, in a form.
static void set_form(struct fixture *f, const char *form, uint64_t generation) {
    const struct test_rule rule = {.field = "data.x", .drift = AGENT_DRIFT_OFF};
    const struct test_object object = {.key = CFG, .json = form, .rules = 1};
    const struct test_app app = {
        .name = "shop", .rules = &rule, .rule_count = 1, .objects = &object, .object_count = 1};

    set(f, &app, 1, generation, NULL);
}

// The answer was lost; a rule that lets data.x be does not keep it from going back.
static void what_may_have_come_though_it_failed_is_applied_when_git_goes_back(void **state) {
    static const char one[] = "{\n  \"data\": {\n    \"x\": \"1\"\n  }\n}\n";
    static const char two[] = "{\n  \"data\": {\n    \"x\": \"2\"\n  }\n}\n";
    struct fixture *f = *state;

    set_form(f, one, 1);
    let(f, CFG);
    assert_true(turn_until(f->loop, shop_is_applied, f));
    set_form(f, two, 2);
    wait_pending(f, CFG);
    assert_int_equal(fake_begin(f->fake, 1), 1);
    assert_string_equal(fake_before(f->fake), one);
    assert_true(fake_fail(f->fake, CFG, CM_EIO, "it broke off"));
    assert_true(turn_until(f->loop, shop_has_failed, f));
    set_form(f, one, 3);
    let(f, CFG);
    assert_true(turn_until(f->loop, shop_is_applied, f));
    assert_string_equal(fake_before(f->fake), two);
    set_form(f, two, 4);
    wait_pending(f, CFG);
    set_form(f, one, 5); // it had not begun
    assert_true(fake_fail(f->fake, CFG, CM_EIO, "there is no way"));
    settle(f);
    assert_int_equal(fake_pending(f->fake), 0);
    assert_true(shop_is_applied(f));
}

// pause_before measures how long a failed object waits, in steps of 100 ms.
static int64_t pause_before(struct fixture *f, const char *key) {
    int64_t pause_ms = 0;

    while (!fake_is_pending(f->fake, key)) {
        cm_clock_advance(100);
        pause_ms += 100;
        settle(f);
    }
    return pause_ms;
}

static void a_pause_that_the_target_asks_for_is_kept(void **state) {
    const struct test_app app = {.name = "shop", .objects = objects, .object_count = 1};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    for (int i = 0; i < 5; i++) {
        wait_pending(f, CFG);
        assert_true(fake_fail_busy(f->fake, CFG, 8000));
        settle(f);
        assert_in_range(pause_before(f, CFG), 8000, 10100); // with jitter, never sooner
    }
}

// However long its pause is: what it waits for has come.
static void what_waits_is_tried_as_soon_as_it_is_said_to_be_ready(void **state) {
    const struct test_app app = {.name = "shop", .objects = objects, .object_count = 1};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    wait_pending(f, CFG);
    assert_true(fake_fail_busy(f->fake, CFG, 3600000));
    assert_true(turn_until(f->loop, shop_has_failed, f));
    agent_apply_ready(f->apply, WEB); // nobody's
    settle(f);
    assert_int_equal(fake_pending(f->fake), 0);
    agent_apply_ready(f->apply, CFG); // the clock stands still
    let(f, CFG);
    assert_true(turn_until(f->loop, shop_is_applied, f));
}

static void pauses_grow_to_a_minute_and_differ(void **state) {
    const struct test_app app = {.name = "shop", .objects = objects, .object_count = 1};
    struct fixture *f = *state;
    int64_t last = 1000;
    int64_t longest = 0;
    size_t different = 0;

    set(f, &app, 1, 1, NULL);
    for (int i = 0; i < 20; i++) {
        wait_pending(f, CFG);
        assert_true(fake_fail(f->fake, CFG, CM_EBUSY, "not yet"));
        settle(f);
        int64_t pause_ms = pause_before(f, CFG);
        assert_in_range(pause_ms, 1000, last * 3 + 200);
        assert_true(pause_ms <= 60100);
        different += pause_ms != last ? 1 : 0;
        longest = pause_ms > longest ? pause_ms : longest;
        last = pause_ms;
    }
    assert_true(longest > 3000 && different > 10);
}

static void what_the_target_refuses_is_tried_every_five_minutes(void **state) {
    const struct test_app app = {.name = "shop", .objects = objects, .object_count = 1};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    wait_pending(f, CFG);
    assert_true(fake_fail(f->fake, CFG, CM_EINVAL, "no such field"));
    settle(f);
    cm_clock_advance(299000);
    settle(f);
    assert_int_equal(fake_pending(f->fake), 0);
    cm_clock_advance(1001);
    wait_pending(f, CFG);
}

static void a_failure_stops_the_stages_behind_it_only(void **state) {
    const struct test_object two[] = {{.key = CFG}, {.key = "ConfigMap/shop/other"}, {.key = SVC}};
    const struct test_app app = {.name = "shop", .objects = two, .object_count = 3};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    wait_pending(f, CFG);
    assert_true(fake_fail(f->fake, CFG, CM_EINVAL, "bad"));
    let(f, "ConfigMap/shop/other");
    settle(f);
    assert_false(fake_is_pending(f->fake, SVC));
}

static void a_newer_manifest_ends_a_wait_at_once(void **state) {
    const struct test_app broken = {.name = "shop", .objects = objects, .object_count = 1};
    const struct test_app mended = {.name = "shop", .objects = objects + 3, .object_count = 1};
    struct fixture *f = *state;

    set(f, &broken, 1, 1, NULL);
    wait_pending(f, CFG);
    assert_true(fake_fail(f->fake, CFG, CM_EINVAL, "bad"));
    settle(f);
    set(f, &mended, 1, 2, NULL);
    let(f, SVC);
    let(f, CFG); // removal of what was only intended
    assert_true(turn_until(f->loop, shop_is_applied, f));
    assert_int_equal(fake_removes(f->fake), 1);
}

static void what_is_under_way_ends_before_the_newer_manifest_begins(void **state) {
    const struct test_object changed[] = {
        {.key = CFG,
         .json = "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"cfg\"}}"}};
    const struct test_app first = {.name = "shop", .objects = objects, .object_count = 1};
    const struct test_app second = {.name = "shop", .objects = changed, .object_count = 1};
    struct fixture *f = *state;

    set(f, &first, 1, 1, NULL);
    wait_pending(f, CFG);
    set(f, &second, 1, 2, NULL);
    settle(f);
    assert_int_equal(fake_pending(f->fake), 1); // never two of one object
    let(f, CFG);
    let(f, CFG);
    assert_true(turn_until(f->loop, shop_is_applied, f));
    struct cm_sha256 name = object_name(&changed[0]);
    assert_true(cm_sha256_equal(&agent_cache_item(f->cache, CFG)->sha256, &name));
}

static void nothing_is_removed_before_the_whole_app_is_applied(void **state) {
    const struct test_app after = {.name = "shop", .objects = objects + 1, .object_count = 1};
    const struct test_object web[] = {{.key = WEB,
                                       .json = "{\"apiVersion\":\"apps/v1\",\"kind\":"
                                               "\"Deployment\",\"metadata\":{\"name\":"
                                               "\"web\"}}"}};
    struct test_app changed = after;
    struct fixture *f = *state;

    set(f, &shop, 1, 1, NULL);
    apply_all(f);
    changed.objects = web;
    set(f, &changed, 1, 2, NULL);
    wait_pending(f, WEB);
    assert_true(fake_fail(f->fake, WEB, CM_EINVAL, "bad"));
    settle(f);
    assert_int_equal(fake_removes(f->fake), 0);
    cm_clock_advance(300001);
    let(f, WEB);
    let(f, SVC); // the highest rank goes first
    let(f, CFG);
    assert_true(turn_until(f->loop, shop_is_applied, f));
    assert_non_null(strstr(cm_map_get(f->left, NS), "delete it by hand"));
    assert_non_null(agent_cache_item(f->cache, NS));
    assert_int_equal(f->removed, 2);
}

static void without_prune_what_is_not_listed_stays_and_says_so(void **state) {
    const struct test_app less = {
        .name = "shop", .objects = objects, .object_count = 1, .no_prune = true};
    struct fixture *f = *state;

    set(f, &shop, 1, 1, NULL);
    apply_all(f);
    set(f, &less, 1, 2, NULL);
    settle(f);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_APPLIED);
    assert_int_equal(fake_removes(f->fake), 0);
    assert_non_null(strstr(cm_map_get(f->left, WEB), "prune is false"));
}

static void what_lost_our_mark_stays_and_says_so(void **state) {
    const struct test_app less = {.name = "shop", .objects = objects, .object_count = 1};
    struct fixture *f = *state;

    set(f, &shop, 1, 1, NULL);
    apply_all(f);
    set(f, &less, 1, 2, NULL);
    wait_pending(f, WEB);
    assert_true(fake_fail(f->fake, WEB, CM_EEXISTS, "it stays"));
    let(f, SVC);
    settle(f);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_APPLIED);
    assert_string_equal(cm_map_get(f->left, WEB), "it stays");
    assert_non_null(agent_cache_item(f->cache, WEB));
}

static void what_vanished_before_it_was_to_be_removed_is_not_asked_for(void **state) {
    const struct test_object web[] = {{.key = WEB, .json = "{\"apiVersion\":\"apps/v1\"}"}};
    const struct test_app less = {.name = "shop", .objects = web, .object_count = 1};
    struct fixture *f = *state;

    set(f, &shop, 1, 1, NULL);
    apply_all(f);
    set(f, &less, 1, 2, NULL);
    let(f, WEB);
    wait_pending(f, SVC); // of a higher rank: the other one waits for it
    agent_apply_forget(f->apply, CFG);
    let(f, SVC);
    assert_true(turn_until(f->loop, shop_is_applied, f));
    assert_int_equal(fake_removes(f->fake), 1);
}

static void what_vanished_after_its_removal_failed_is_not_asked_for_again(void **state) {
    const struct test_object web[] = {{.key = WEB, .json = "{\"apiVersion\":\"apps/v1\"}"}};
    const struct test_app less = {.name = "shop", .objects = web, .object_count = 1};
    struct fixture *f = *state;

    set(f, &shop, 1, 1, NULL);
    apply_all(f);
    set(f, &less, 1, 2, NULL);
    let(f, WEB);
    wait_pending(f, SVC);
    assert_true(fake_fail(f->fake, SVC, CM_EAUTH, "forbidden"));
    settle(f);
    agent_apply_forget(f->apply, SVC);
    cm_clock_advance(300001);
    let(f, CFG);
    assert_true(turn_until(f->loop, shop_is_applied, f));
    assert_int_equal(fake_removes(f->fake), 2);
}

static void an_app_waits_for_those_it_depends_on(void **state) {
    const struct test_app apps[] = {
        {.name = "base", .objects = objects, .object_count = 1},
        {.name = "shop", .objects = objects + 3, .object_count = 1, .depends_on = {"base"}}};
    struct fixture *f = *state;

    set(f, apps, 2, 1, NULL);
    let(f, CFG);
    settle(f);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_PENDING);
    assert_string_equal(message_of(f, "shop"), "waits for App 'base' to be applied and healthy");
    make_healthy(f, "base");
    let(f, SVC);
    assert_true(turn_until(f->loop, shop_is_applied, f));
}

static void a_circle_is_said_and_changes_nothing(void **state) {
    const struct test_app apps[] = {
        {.name = "base", .objects = objects, .object_count = 1, .depends_on = {"shop"}},
        {.name = "shop", .objects = objects + 3, .object_count = 1, .depends_on = {"base"}}};
    struct fixture *f = *state;

    set(f, apps, 2, 1, NULL);
    settle(f);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_FAILED);
    assert_non_null(strstr(message_of(f, "shop"), "circle"));
    assert_int_equal(fake_pending(f->fake), 0);
}

static void a_suspended_app_is_left_as_it_is(void **state) {
    const struct test_app app = {
        .name = "shop", .objects = objects, .object_count = 1, .suspend = true};
    struct fixture *f = *state;

    set(f, &shop, 1, 1, NULL);
    apply_all(f);
    set(f, &app, 1, 2, NULL);
    settle(f);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_SUSPENDED);
    assert_int_equal(fake_removes(f->fake), 0);
}

static void what_another_tool_owns_is_taken_over_as_soon_as_the_app_says_so(void **state) {
    struct test_app app = {.name = "shop", .objects = objects, .object_count = 1};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    wait_pending(f, CFG);
    assert_false(fake_is_adopting(f->fake, CFG));
    assert_true(fake_fail(f->fake, CFG, CM_EINVAL, "it belongs to Flux"));
    settle(f);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_FAILED);
    app.adopt = true;
    set(f, &app, 1, 2, NULL);
    wait_pending(f, CFG);
    assert_true(fake_is_adopting(f->fake, CFG));
    let(f, CFG);
    assert_true(turn_until(f->loop, shop_is_applied, f));
}

static void what_an_app_changes_is_changed_in_its_name_and_again_in_another(void **state) {
    static const struct test_object two[] = {{.key = CFG}, {.key = SVC}};
    const struct test_gone gone = {.name = "shop", .prune = true};
    struct test_app app = {.name = "shop", .objects = two, .object_count = 2, .account = "shop/a"};
    struct fixture *f = *state;

    cm_map_put(f->healthy, SVC, f);
    set(f, &app, 1, 1, NULL);
    wait_pending(f, CFG);
    assert_string_equal(fake_account(f->fake, CFG), "shop/a");
    apply_all(f);
    app.account = "shop/b";
    app.object_count = 1;
    set(f, &app, 1, 2, NULL);
    wait_pending(f, CFG);
    assert_string_equal(fake_account(f->fake, CFG), "shop/b");
    let(f, CFG);
    wait_pending(f, SVC);
    assert_string_equal(fake_account(f->fake, SVC), "shop/b"); // the App's, not who applied it
    let(f, SVC);
    settle(f);
    set(f, NULL, 0, 3, &gone);
    wait_pending(f, CFG);
    assert_string_equal(fake_account(f->fake, CFG), "shop/b");
    let(f, CFG);
    settle(f);
    assert_int_equal(f->apps_removed, 1);
}

static void what_a_lost_disk_forgot_goes_in_the_name_that_the_tombstone_knows(void **state) {
    static const struct test_object one[] = {{.key = CFG}};
    const struct test_gone gone = {.name = "shop", .prune = true, .account = "shop/a"};
    const struct test_app app = {.name = "shop", .objects = one, .object_count = 1};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL); // nobody remembers an account
    wait_pending(f, CFG);
    let(f, CFG);
    settle(f);
    set(f, NULL, 0, 2, &gone);
    wait_pending(f, CFG);
    assert_string_equal(fake_account(f->fake, CFG), "shop/a");
    let(f, CFG);
    settle(f);
    assert_int_equal(f->apps_removed, 1);
}

#define WIDGET "Widget.example.com//w"

static void objects_move_with_the_default_namespace_of_their_app(void **state) {
    static const struct test_object two[] = {{.key = NS}, {.key = WIDGET}};
    struct test_app app = {.name = "shop", .namespace = "old", .objects = two, .object_count = 2};
    struct fixture *f = *state;

    make_healthy(f, NS);
    set(f, &app, 1, 1, NULL);
    let(f, NS);
    let(f, WIDGET);
    assert_true(turn_until(f->loop, shop_is_applied, f));
    app.namespace = "new";
    set(f, &app, 1, 2, NULL);
    wait_pending(f, WIDGET);
    assert_int_equal(fake_pending(f->fake), 1); // where the Namespace is did not change
    assert_int_equal(fake_removes(f->fake), 0); // first it is there anew
    assert_string_equal(agent_cache_item(f->cache, WIDGET)->uid, "");
    assert_non_null(agent_cache_item(f->cache, "Widget.example.com/old/w"));
    let(f, WIDGET);
    let(f, "Widget.example.com/old/w");
    settle(f);
    assert_int_equal(fake_removes(f->fake), 1);
    assert_null(agent_cache_item(f->cache, "Widget.example.com/old/w"));
    assert_string_equal(agent_cache_item(f->cache, WIDGET)->default_namespace, "new");
    assert_int_equal(state_of(f, "shop"), AGENT_APP_APPLIED);
}

static void what_an_app_left_in_its_old_namespace_stays_without_prune(void **state) {
    static const struct test_object one[] = {{.key = WIDGET}};
    struct test_app app = {
        .name = "shop", .namespace = "old", .no_prune = true, .objects = one, .object_count = 1};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    let(f, WIDGET);
    settle(f);
    app.namespace = "new";
    set(f, &app, 1, 2, NULL);
    let(f, WIDGET);
    settle(f);
    assert_int_equal(fake_removes(f->fake), 0);
    assert_non_null(cm_map_get(f->left, "Widget.example.com/old/w"));
}

static void the_driver_is_told_how_an_object_may_be_changed(void **state) {
    static const struct test_object some[] = {{.key = CFG, .once = true}, {.key = SVC}};
    const struct test_app app = {
        .name = "shop", .objects = some, .object_count = 2, .yields = true, .recreate = true};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    wait_pending(f, CFG);
    const struct agent_object *object = fake_object(f->fake, CFG);
    assert_true(object->once && object->yields && object->recreate && !object->adopt);
    let(f, CFG);
    wait_pending(f, SVC);
    object = fake_object(f->fake, SVC);
    assert_true(!object->once && object->yields && object->recreate);
    let(f, SVC);
}

static void what_is_precious_is_made_anew_only_if_it_says_so_itself(void **state) {
    static const struct test_object silent[] = {{.key = NS}};
    static const struct test_object willing[] = {{.key = NS, .recreate = true}};
    struct test_app app = {.name = "shop", .objects = silent, .object_count = 1, .recreate = true};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    wait_pending(f, NS);
    assert_false(fake_object(f->fake, NS)->recreate);
    let(f, NS);
    app.objects = willing;
    app.recreate = false;
    set(f, &app, 1, 2, NULL);
    (void)agent_apply_sync(f->apply, "shop");
    wait_pending(f, NS);
    assert_true(fake_object(f->fake, NS)->recreate);
    let(f, NS);
}

static void what_could_not_reach_the_target_is_tried_when_it_answers(void **state) {
    const struct test_app app = {.name = "shop", .objects = objects, .object_count = 1};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    wait_pending(f, CFG);
    assert_true(fake_fail(f->fake, CFG, CM_EIO, "no answer"));
    settle(f);
    agent_apply_reachable(f->apply);
    let(f, CFG);
    assert_true(turn_until(f->loop, shop_is_applied, f));
}

static void a_sync_applies_everything_again(void **state) {
    struct fixture *f = *state;

    set(f, &shop, 1, 1, NULL);
    apply_all(f);
    assert_int_equal(f->afresh, 0);
    assert_true(agent_apply_sync(f->apply, "shop"));
    let(f, NS);
    let(f, CFG);
    wait_pending(f, WEB);
    assert_false(agent_apply_sync(f->apply, "nobody"));
    assert_int_equal(f->afresh, 1);
}

// break_web brings about a commit of which the Deployment cannot be applied.
static void break_web(struct fixture *f) {
    const struct test_object broken[] = {
        {.key = CFG}, {.key = WEB, .json = "{\"broken\":true}"}, {.key = NS}, {.key = SVC}};
    const struct test_app next = {.name = "shop", .objects = broken, .object_count = 4};

    set(f, &shop, 1, 1, NULL);
    apply_all(f);
    set(f, &next, 1, 2, NULL);
    wait_pending(f, WEB);
    assert_true(fake_fail(f->fake, WEB, CM_EINVAL, "bad"));
    f->what = NULL;
    assert_true(turn_until(f->loop, shop_has_failed, f));
}

static void a_correction_goes_on_while_another_object_of_the_app_fails(void **state) {
    struct fixture *f = *state;

    break_web(f);
    assert_true(agent_apply_correct(f->apply, CFG, false));
    let(f, CFG);
    assert_false(agent_apply_correct(f->apply, WEB, false)); // that form was never there
    settle(f);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_FAILED);
    assert_int_equal(f->afresh, 1);
}

static void a_correction_waits_while_its_object_is_being_applied(void **state) {
    struct fixture *f = *state;

    set(f, &shop, 1, 1, NULL);
    apply_all(f);
    assert_true(agent_apply_sync(f->apply, "shop"));
    wait_pending(f, NS);
    assert_false(agent_apply_correct(f->apply, NS, false));
    assert_true(agent_apply_correct(f->apply, SVC, false)); // its turn has not come
}

static void a_correction_applies_one_object_of_an_app_that_is_done(void **state) {
    struct fixture *f = *state;

    set(f, &shop, 1, 1, NULL);
    assert_false(agent_apply_correct(f->apply, WEB, false));
    apply_all(f);
    assert_true(agent_apply_correct(f->apply, WEB, false));
    wait_pending(f, WEB);
    assert_int_equal(fake_pending(f->fake), 1);
    assert_true(fake_succeed(f->fake, WEB));
    settle(f);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_APPLIED);
    assert_false(agent_apply_correct(f->apply, "Service/shop/unknown", false));
}

// ---- What is frozen

static void freeze(struct fixture *f, const char *app, int64_t until_ms) {
    const struct agent_freeze all[] = {
        {.name = "stop", .app = app, .who = "ann", .why = "it burns", .until_ms = until_ms}};

    agent_apply_freeze(f->apply, all, 1);
}

static void what_is_under_way_lands_when_an_app_is_frozen_and_nothing_else_begins(void **state) {
    struct fixture *f = *state;

    set(f, &shop, 1, 1, NULL);
    wait_pending(f, NS);
    freeze(f, "shop", 0);
    assert_int_equal(f->refrozen, 1);
    make_healthy(f, NS);
    let(f, NS);
    settle(f);
    assert_int_equal(fake_pending(f->fake), 0);
    assert_true(agent_cache_item(f->cache, NS)->applied);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_PENDING);
    assert_string_equal(message_of(f, "shop"), "frozen by ann ('stop'): it burns");
    agent_apply_freeze(f->apply, NULL, 0);
    let(f, CFG);
    apply_all(f);
}

static void a_freeze_of_another_app_stops_nothing_and_one_of_all_stops_each(void **state) {
    struct fixture *f = *state;

    freeze(f, "other", 0);
    set(f, &shop, 1, 1, NULL);
    wait_pending(f, NS);
    freeze(f, "", 0);
    assert_true(agent_apply_is_frozen(f->apply, "shop"));
    assert_true(agent_apply_is_frozen(f->apply, "other"));
}

static void what_is_as_it_should_be_is_applied_though_it_is_frozen(void **state) {
    struct fixture *f = *state;

    set(f, &shop, 1, 1, NULL);
    apply_all(f);
    freeze(f, "shop", 0);
    settle(f);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_APPLIED);
    assert_true(agent_apply_sync(f->apply, "shop"));
    settle(f);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_PENDING);
    assert_int_equal(fake_pending(f->fake), 0);
}

static void what_is_frozen_is_neither_corrected_nor_pruned(void **state) {
    const struct test_gone gone = {.name = "shop", .prune = true};
    struct fixture *f = *state;

    set(f, &shop, 1, 1, NULL);
    apply_all(f);
    freeze(f, "shop", 0);
    assert_false(agent_apply_correct(f->apply, WEB, false));
    set(f, NULL, 0, 2, &gone);
    settle(f);
    assert_int_equal(fake_pending(f->fake), 0);
    assert_int_equal(f->apps_removed, 0);
    agent_apply_freeze(f->apply, NULL, 0);
    settle(f);
    assert_true(fake_pending(f->fake) > 0);
}

static void what_failed_is_not_tried_again_while_it_is_frozen(void **state) {
    const struct test_app app = {.name = "shop", .objects = objects, .object_count = 1};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    wait_pending(f, CFG);
    assert_true(fake_fail(f->fake, CFG, CM_EIO, "no answer"));
    settle(f);
    freeze(f, "shop", 0);
    cm_clock_advance(300001);
    settle(f);
    agent_apply_reachable(f->apply);
    settle(f);
    assert_int_equal(fake_pending(f->fake), 0);
    agent_apply_freeze(f->apply, NULL, 0);
    let(f, CFG);
    assert_true(turn_until(f->loop, shop_is_applied, f));
}

static void a_freeze_ends_by_its_time_without_a_word(void **state) {
    struct fixture *f = *state;

    freeze(f, "shop", cm_clock_unix_ms() + 7200000);
    set(f, &shop, 1, 1, NULL);
    settle(f);
    cm_clock_advance(7199999);
    settle(f);
    assert_int_equal(fake_pending(f->fake), 0);
    cm_clock_advance(60000);
    wait_pending(f, NS);
    assert_false(agent_apply_is_frozen(f->apply, "shop"));
}

// NTP at its first answer, or somebody's hand: no time has passed.
static void a_clock_that_is_set_on_ends_no_freeze(void **state) {
    struct fixture *f = *state;

    freeze(f, "shop", cm_clock_unix_ms() + 7200000);
    set(f, &shop, 1, 1, NULL);
    cm_clock_set_on(86400000);
    cm_clock_advance(60000);
    settle(f);
    assert_true(agent_apply_is_frozen(f->apply, "shop"));
    assert_int_equal(fake_pending(f->fake), 0);
    cm_clock_advance(7200000);
    wait_pending(f, NS);
    assert_false(agent_apply_is_frozen(f->apply, "shop"));
}

static void a_tombstone_removes_and_tells_also_if_there_was_nothing(void **state) {
    const struct test_gone gone = {.name = "shop", .prune = true};
    const struct test_gone never = {.name = "never", .prune = true};
    struct fixture *f = *state;

    set(f, &shop, 1, 1, NULL);
    apply_all(f);
    set(f, NULL, 0, 2, &gone);
    while (f->apps_removed == 0) {
        settle(f);
        while (fake_succeed(f->fake, NULL)) {
        }
    }
    assert_int_equal(fake_removes(f->fake), 3); // the Namespace is precious: it is let go
    assert_int_equal(fake_releases(f->fake), 1);
    assert_string_equal(message_of(f, "shop"), "c0ffee: 3 removed, 1 left");
    assert_int_equal(agent_cache_item_count(f->cache), 0);
    set(f, NULL, 0, 3, &never);
    settle(f);
    assert_int_equal(f->apps_removed, 2);
    assert_string_equal(message_of(f, "never"), "c0ffee: 0 removed, 0 left");
}

static void what_goes_takes_along_what_the_app_said_last(void **state) {
    static const struct test_object less[] = {{.key = NS}, {.key = SVC}};
    const struct test_gone gone = {.name = "shop", .prune = true};
    const struct test_app first = {.name = "shop",
                                   .objects = objects,
                                   .object_count = 4,
                                   .propagation = AGENT_PROPAGATION_FOREGROUND};
    const struct test_app second = {.name = "shop",
                                    .objects = less,
                                    .object_count = 2,
                                    .propagation = AGENT_PROPAGATION_ORPHAN};
    struct fixture *f = *state;

    set(f, &first, 1, 1, NULL);
    apply_all(f);
    assert_int_equal(agent_cache_item(f->cache, SVC)->propagation, AGENT_PROPAGATION_FOREGROUND);
    set(f, &second, 1, 2, NULL);
    let(f, WEB);
    assert_int_equal(fake_propagation(f->fake), AGENT_PROPAGATION_ORPHAN);
    let(f, CFG);
    assert_true(turn_until(f->loop, shop_is_applied, f));
    set(f, NULL, 0, 3, &gone);
    let(f, NS);
    let(f, SVC);
    assert_int_equal(fake_propagation(f->fake), AGENT_PROPAGATION_ORPHAN);
}

static void what_a_tombstone_leaves_is_ours_until_its_mark_is_off(void **state) {
    const struct test_gone gone = {.name = "shop", .prune = false};
    struct fixture *f = *state;

    set(f, &shop, 1, 1, NULL);
    apply_all(f);
    set(f, NULL, 0, 2, &gone);
    wait_pending(f, WEB);
    assert_true(agent_cache_item(f->cache, CFG)->release); // though its turn has not come
    assert_false(fake_is_tracked(f->fake, WEB));
    assert_true(fake_fail(f->fake, WEB, CM_EIO, "the target is away"));
    settle(f);
    assert_int_equal(f->apps_removed, 0);
    agent_apply_reachable(f->apply);
    while (f->apps_removed == 0) {
        settle(f);
        while (fake_succeed(f->fake, NULL)) {
        }
    }
    assert_int_equal(agent_cache_item_count(f->cache), 0);
    assert_string_equal(message_of(f, "shop"), "c0ffee: 0 removed, 4 left");
    assert_int_equal(fake_removes(f->fake), 0);
}

static void what_the_target_leaves_of_an_app_that_is_gone_loses_its_mark(void **state) {
    const struct test_object web[] = {{.key = WEB}};
    const struct test_app app = {.name = "shop", .objects = web, .object_count = 1};
    const struct test_gone gone = {.name = "shop", .prune = true};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    apply_all(f);
    set(f, NULL, 0, 2, &gone);
    wait_pending(f, WEB);
    assert_int_equal(fake_removes(f->fake), 1);
    assert_true(fake_fail(f->fake, WEB, CM_EEXISTS, "it stays"));
    wait_pending(f, WEB);
    assert_int_equal(fake_releases(f->fake), 1);
    assert_true(agent_cache_item(f->cache, WEB)->release); // should it end before
    let(f, WEB);
    settle(f);
    assert_int_equal(f->apps_removed, 1);
    assert_int_equal(agent_cache_item_count(f->cache), 0);
}

static void what_another_app_has_taken_over_is_not_let_go_by_one_that_is_gone(void **state) {
    const struct test_object web[] = {{.key = WEB}};
    const struct test_app app = {.name = "shop", .objects = web, .object_count = 1};
    const struct test_app next = {.name = "next", .objects = web, .object_count = 1};
    const struct test_gone gone = {.name = "shop", .prune = true};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    apply_all(f);
    set(f, NULL, 0, 2, &gone);
    wait_pending(f, WEB);
    set(f, &next, 1, 3, &gone);
    for (int i = 0; i < 1000 && strcmp(agent_cache_item(f->cache, WEB)->app, "next") != 0; i++) {
        settle(f);
    }
    assert_string_equal(agent_cache_item(f->cache, WEB)->app, "next");
    assert_true(fake_fail(f->fake, WEB, CM_EEXISTS, "it stays")); // the removal, which is older
    settle(f);
    assert_int_equal(fake_releases(f->fake), 0);
    assert_false(agent_cache_item(f->cache, WEB)->release);
    assert_null(cm_map_get(f->left, WEB));
}

static void what_its_account_may_not_let_go_any_more_the_agent_does(void **state) {
    const struct test_object web[] = {{.key = WEB}};
    const struct test_app app = {
        .name = "shop", .objects = web, .object_count = 1, .account = "shop/a"};
    const struct test_gone gone = {.name = "shop", .prune = false, .account = "shop/a"};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    apply_all(f);
    set(f, NULL, 0, 2, &gone);
    wait_pending(f, WEB);
    assert_string_equal(fake_account(f->fake, WEB), "shop/a");
    assert_true(fake_fail(f->fake, WEB, CM_EAUTH, "it may not"));
    assert_string_equal(fake_account(f->fake, WEB), "");
    let(f, WEB);
    settle(f);
    assert_int_equal(f->apps_removed, 1);
    assert_int_equal(agent_cache_item_count(f->cache), 0);
}

static void what_was_let_go_is_not_removed_by_an_app_that_comes_back_without_it(void **state) {
    const struct test_gone gone = {.name = "shop", .prune = false};
    const struct test_object less[] = {{.key = WEB}, {.key = NS}};
    const struct test_app back = {.name = "shop", .objects = less, .object_count = 2};
    struct fixture *f = *state;

    set(f, &shop, 1, 1, NULL);
    apply_all(f);
    set(f, NULL, 0, 2, &gone);
    wait_pending(f, WEB);
    while (fake_fail(f->fake, NULL, CM_EIO, "the target is away")) {
    }
    set(f, &back, 1, 3, NULL);
    while (state_of(f, "shop") != AGENT_APP_APPLIED) {
        settle(f);
        while (fake_succeed(f->fake, NULL)) {
        }
    }
    assert_int_equal(fake_removes(f->fake), 0);
    assert_int_equal(agent_cache_item_count(f->cache), 2);
    assert_true(agent_cache_item(f->cache, WEB)->applied); // and it has the mark again
    assert_false(agent_cache_item(f->cache, WEB)->release);
}

// ---- Hooks

static const struct test_object hooked[] = {
    {.key = CFG},
    {.key = AFTER, .phase = AGENT_PHASE_POST_APPLY},
    {.key = BEFORE, .phase = AGENT_PHASE_PRE_APPLY},
};
static const struct test_app hooked_app = {.name = "shop", .objects = hooked, .object_count = 3};

// let_run lets a hook be made and run to its end.
static void let_run(struct fixture *f, const char *key) {
    (void)cm_map_remove(f->healthy, key);
    wait_pending(f, key);
    assert_true(fake_is_anew(f->fake, key));
    assert_true(fake_succeed(f->fake, key));
    settle(f);
    make_healthy(f, key);
    settle(f);
}

static void run_hooked(struct fixture *f) {
    set(f, &hooked_app, 1, 1, NULL);
    let_run(f, BEFORE);
    let(f, CFG);
    make_healthy(f, CFG);
    let_run(f, AFTER);
    assert_true(turn_until(f->loop, shop_is_applied, f));
}

// restart makes apply anew, as a new process of the agent has it, with the same manifest.
static void restart(struct fixture *f, const struct test_app *app) {
    agent_apply_shut(f->apply);
    fake_cancel_all(f->fake);
    settle(f);
    agent_apply_free(f->apply);
    f->apply = agent_apply_new(f->loop, f->driver, f->cache, &f->host);
    cm_map_free(f->states);
    f->states = cm_map_new(NULL);
    set(f, app, 1, 1, NULL);
    settle(f);
}

static void hooks_run_before_and_after_all_else(void **state) {
    struct fixture *f = *state;

    set(f, &hooked_app, 1, 1, NULL);
    wait_pending(f, BEFORE);
    assert_int_equal(fake_pending(f->fake), 1);
    assert_true(fake_succeed(f->fake, BEFORE));
    settle(f);
    assert_int_equal(fake_pending(f->fake), 0); // it has to run to its end
    assert_string_equal(message_of(f, "shop"),
                        "hook " BEFORE " runs: it has reached the specified backoff limit");
    make_healthy(f, BEFORE);
    let(f, CFG);
    settle(f);
    assert_int_equal(fake_pending(f->fake), 0);
    assert_string_equal(message_of(f, "shop"), "hook " AFTER " waits until " CFG " is healthy");
    make_healthy(f, CFG);
    let_run(f, AFTER);
    assert_true(turn_until(f->loop, shop_is_applied, f));
    assert_non_null(agent_cache_item(f->cache, BEFORE));
}

static void a_hook_runs_once_for_each_bundle(void **state) {
    const struct test_object changed[] = {{.key = CFG, .json = "{\"a\":2}"}, hooked[1], hooked[2]};
    const struct test_app second = {.name = "shop", .objects = changed, .object_count = 3};
    struct fixture *f = *state;

    run_hooked(f);
    restart(f, &hooked_app);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_APPLIED);
    assert_int_equal(fake_pending(f->fake), 0);
    cm_map_put(f->wrong, BEFORE, f); // drift
    assert_true(agent_apply_sync(f->apply, "shop"));
    let(f, CFG);
    assert_true(turn_until(f->loop, shop_is_applied, f));
    assert_int_equal(fake_pending(f->fake), 0);
    set(f, &second, 1, 2, NULL);
    let_run(f, BEFORE);
    let(f, CFG);
    let_run(f, AFTER);
    assert_true(turn_until(f->loop, shop_is_applied, f));
}

// What a Hold or an Exemption makes of an App is a new bundle, but no new release.
static void a_hook_does_not_run_for_what_only_holds_or_exemptions_changed(void **state) {
    const struct test_object held[] = {{.key = CFG, .json = "{\"a\":2}"}, hooked[1], hooked[2]};
    const struct test_app git = {
        .name = "shop", .objects = hooked, .object_count = 3, .hooks_for = "git"};
    const struct test_app other = {
        .name = "shop", .objects = held, .object_count = 3, .hooks_for = "git"};
    const struct test_app next = {
        .name = "shop", .objects = held, .object_count = 3, .hooks_for = "next"};
    struct fixture *f = *state;

    set(f, &git, 1, 1, NULL);
    let_run(f, BEFORE);
    let(f, CFG);
    make_healthy(f, CFG);
    let_run(f, AFTER);
    assert_true(turn_until(f->loop, shop_is_applied, f));
    set(f, &other, 1, 2, NULL);
    let(f, CFG); // which no hook precedes
    settle(f);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_APPLIED);
    assert_int_equal(fake_pending(f->fake), 0);
    set(f, &next, 1, 3, NULL);
    wait_pending(f, BEFORE);
}

static void note_run(struct fixture *f, const struct test_app *app, const char *key) {
    struct test_release *r = release_new(
        &(struct test_manifest){.epoch = 1, .generation = 1, .apps = app, .app_count = 1});
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = desired_new(r);

    release_free(r);
    agent_cache_put_hook(
        f->cache, &(struct agent_hook){
                      .key = key, .app = "shop", .bundle = d->apps[0].bundle_sha256, .done = true});
}

// An agent that did not know what bundles name has run them for the bundle itself.
static void a_hook_that_a_former_agent_has_run_does_not_run_again(void **state) {
    const struct test_app app = {
        .name = "shop", .objects = hooked, .object_count = 3, .hooks_for = "git"};
    struct fixture *f = *state;

    note_run(f, &app, BEFORE);
    note_run(f, &app, AFTER);
    set(f, &app, 1, 1, NULL);
    let(f, CFG);
    settle(f);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_APPLIED);
    assert_int_equal(fake_pending(f->fake), 0);
}

static void a_hook_that_rests_is_neither_run_nor_missed_nor_removed(void **state) {
    struct test_object resting[] = {{.key = CFG, .json = "{\"a\":2}"}, hooked[1], hooked[2]};
    const struct test_app app = {.name = "shop", .objects = resting, .object_count = 3};
    struct fixture *f = *state;

    run_hooked(f);
    resting[1].rests = true;
    resting[2].rests = true;
    set(f, &app, 1, 2, NULL);
    let(f, CFG);
    settle(f);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_APPLIED);
    assert_int_equal(fake_pending(f->fake), 0);
    assert_non_null(agent_cache_item(f->cache, BEFORE));
    agent_apply_forget(f->apply, BEFORE); // it vanished
    assert_null(agent_cache_item(f->cache, BEFORE));
}

static void a_restart_waits_for_a_hook_where_it_was(void **state) {
    struct fixture *f = *state;

    set(f, &hooked_app, 1, 1, NULL);
    let(f, BEFORE);
    settle(f);
    restart(f, &hooked_app);
    assert_int_equal(fake_pending(f->fake), 0); // it is not made again
    make_healthy(f, BEFORE);
    wait_pending(f, CFG);
}

static void a_hook_that_was_only_intended_is_made_after_a_restart(void **state) {
    struct fixture *f = *state;

    set(f, &hooked_app, 1, 1, NULL);
    wait_pending(f, BEFORE);
    restart(f, &hooked_app);
    wait_pending(f, BEFORE);
    assert_true(fake_is_anew(f->fake, BEFORE));
}

// What was made for the bundle before must not be taken for it.
static void one_that_was_only_intended_again_is_made_after_a_restart(void **state) {
    const struct test_object changed[] = {{.key = CFG, .json = "{\"a\":2}"}, hooked[1], hooked[2]};
    const struct test_app second = {.name = "shop", .objects = changed, .object_count = 3};
    struct fixture *f = *state;

    run_hooked(f);
    set(f, &second, 1, 2, NULL);
    wait_pending(f, BEFORE);
    restart(f, &second);
    wait_pending(f, BEFORE);
    assert_true(fake_is_anew(f->fake, BEFORE));
}

static void fail_before(struct fixture *f) {
    let(f, BEFORE);
    settle(f);
    cm_map_put(f->sick, BEFORE, f);
    agent_apply_woken(f->apply);
    wait_pending(f, BEFORE);
    assert_true(fake_is_tail(f->fake, BEFORE));
    assert_true(fake_succeed(f->fake, BEFORE));
    assert_true(turn_until(f->loop, shop_has_failed, f));
}

static void a_hook_that_fails_stops_the_app_and_tells_its_log(void **state) {
    struct fixture *f = *state;

    set(f, &hooked_app, 1, 1, NULL);
    fail_before(f);
    assert_string_equal(message_of(f, "shop"),
                        "hook " BEFORE " failed: it has reached the specified backoff limit; its "
                        "log ends: line 1 | line 2");
    for (int i = 0; i < 10; i++) { // it is not run again by itself
        cm_clock_advance(600000);
        settle(f);
        assert_int_equal(fake_pending(f->fake), 0);
    }
    restart(f, &hooked_app);
    assert_true(fake_is_tail(f->fake, BEFORE)); // nor after a restart: it is only told again
}

static void a_log_that_cannot_be_read_is_said(void **state) {
    struct fixture *f = *state;

    set(f, &hooked_app, 1, 1, NULL);
    let(f, BEFORE);
    settle(f);
    cm_map_put(f->sick, BEFORE, f);
    agent_apply_woken(f->apply);
    wait_pending(f, BEFORE);
    assert_true(fake_fail(f->fake, BEFORE, CM_EAUTH, "the agent may not get pods/log"));
    assert_true(turn_until(f->loop, shop_has_failed, f));
    assert_non_null(
        strstr(message_of(f, "shop"), "cannot be read: the agent may not get pods/log"));
}

static void a_failed_hook_runs_again_by_a_sync_or_when_it_is_deleted(void **state) {
    struct fixture *f = *state;

    set(f, &hooked_app, 1, 1, NULL);
    fail_before(f);
    assert_true(agent_apply_sync(f->apply, "shop"));
    wait_pending(f, BEFORE);
    assert_true(fake_is_anew(f->fake, BEFORE));
    (void)cm_map_remove(f->sick, BEFORE);
    fail_before(f);
    (void)cm_map_remove(f->sick, BEFORE);
    cm_map_put(f->missing, BEFORE, f);
    agent_apply_woken(f->apply);
    wait_pending(f, BEFORE);
    assert_true(fake_is_anew(f->fake, BEFORE));
    (void)cm_map_remove(f->missing, BEFORE);
    let_run(f, BEFORE);
    wait_pending(f, CFG);
}

static void a_failed_hook_that_succeeds_after_all_is_over(void **state) {
    struct fixture *f = *state;

    set(f, &hooked_app, 1, 1, NULL);
    fail_before(f);
    (void)cm_map_remove(f->sick, BEFORE);
    make_healthy(f, BEFORE);
    let(f, CFG); // nothing was made again before that
    assert_true(agent_cache_hook(f->cache, BEFORE)->done);
}

static void a_new_revision_ends_the_wait_for_a_hook(void **state) {
    const struct test_object changed[] = {{.key = CFG, .json = "{\"a\":2}"}, hooked[1], hooked[2]};
    const struct test_app second = {.name = "shop", .objects = changed, .object_count = 3};
    struct fixture *f = *state;

    set(f, &hooked_app, 1, 1, NULL);
    let(f, BEFORE);
    settle(f);
    set(f, &second, 1, 2, NULL);
    let_run(f, BEFORE); // anew, for the new bundle
    wait_pending(f, CFG);
}

static void what_a_hook_made_goes_as_its_policy_says(void **state) {
    const struct test_object all[] = {
        {.key = BEFORE, .phase = AGENT_PHASE_PRE_APPLY, .hook_delete = AGENT_HOOK_SUCCEEDED}};
    const struct test_object kept[] = {
        {.key = BEFORE, .phase = AGENT_PHASE_PRE_APPLY, .hook_delete = AGENT_HOOK_NEVER}};
    const struct test_app app = {.name = "shop", .objects = all, .object_count = 1};
    const struct test_app never = {.name = "shop", .objects = kept, .object_count = 1};
    struct fixture *f = *state;

    set(f, &app, 1, 1, NULL);
    let_run(f, BEFORE);
    let(f, BEFORE);
    assert_true(turn_until(f->loop, shop_is_applied, f));
    assert_int_equal(fake_removes(f->fake), 1);
    assert_null(agent_cache_item(f->cache, BEFORE));
    restart(f, &app);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_APPLIED);
    set(f, &never, 1, 2, NULL);
    wait_pending(f, BEFORE);
    assert_false(fake_is_anew(f->fake, BEFORE)); // it runs once under its name
    let(f, BEFORE);
    let(f, BEFORE); // and is let go
    assert_int_equal(fake_releases(f->fake), 1);
    assert_true(turn_until(f->loop, shop_is_applied, f));
    assert_null(agent_cache_item(f->cache, BEFORE));
    assert_int_equal(fake_removes(f->fake), 1);
}

static void what_a_hook_made_may_vanish_when_it_has_run(void **state) {
    struct fixture *f = *state;

    run_hooked(f);
    agent_apply_forget(f->apply, CFG); // that is no hook
    assert_non_null(agent_cache_item(f->cache, CFG));
    agent_apply_forget(f->apply, BEFORE);
    assert_null(agent_cache_item(f->cache, BEFORE));
    restart(f, &hooked_app);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_APPLIED);
}

static void hooks_that_left_git_are_forgotten_and_removed(void **state) {
    const struct test_app after = {.name = "shop", .objects = hooked, .object_count = 1};
    const struct test_gone gone = {.name = "shop", .prune = true};
    struct fixture *f = *state;

    run_hooked(f);
    set(f, &after, 1, 2, NULL);
    while (state_of(f, "shop") != AGENT_APP_APPLIED) {
        settle(f);
        while (fake_succeed(f->fake, NULL)) {
        }
    }
    assert_int_equal(fake_removes(f->fake), 2);
    assert_null(agent_cache_hook(f->cache, BEFORE));
    set(f, NULL, 0, 3, &gone);
    let(f, CFG);
    settle(f);
    assert_int_equal(f->apps_removed, 1);
}

static void an_object_whose_bytes_are_lost_fails_in_words(void **state) {
    const struct test_app app = {.name = "shop", .objects = objects, .object_count = 1};
    struct fixture *f = *state;
    struct test_release *r = release_new(
        &(struct test_manifest){.epoch = 1, .generation = 1, .apps = &app, .app_count = 1});

    agent_apply_set(f->apply, desired_new(r));
    release_free(r);
    let(f, CFG);
    settle(f);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_FAILED);
    assert_non_null(strstr(message_of(f, "shop"), "not on the agent's disk"));
}

// ---- Who only observes

static void who_observes_tracks_what_is_named_and_applies_nothing(void **state) {
    struct fixture *f = *state;

    f->driver->observes = true;
    set(f, &shop, 1, 1, NULL);
    settle(f);
    assert_int_equal(fake_pending(f->fake), 0);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_OBSERVED);
    assert_true(fake_is_tracked(f->fake, NS));
    assert_true(fake_is_tracked(f->fake, WEB));
    assert_int_equal(f->listed, 4);
    assert_null(agent_cache_item(f->cache, WEB));
    assert_true(agent_apply_sync(f->apply, "shop"));
    assert_false(agent_apply_correct(f->apply, WEB, false));
    freeze(f, "shop", 0);
    settle(f);
    assert_int_equal(fake_pending(f->fake), 0);
    assert_int_equal(state_of(f, "shop"), AGENT_APP_OBSERVED); // also while it is frozen
}

static void who_observes_lets_go_of_what_left_git_without_removing_it(void **state) {
    static const struct test_object fewer[] = {{.key = CFG}, {.key = WEB}};
    static const struct test_app less = {.name = "shop", .objects = fewer, .object_count = 2};
    static const struct test_gone gone = {.name = "shop", .prune = true};
    struct fixture *f = *state;

    f->driver->observes = true;
    set(f, &shop, 1, 1, NULL);
    settle(f);
    set(f, &less, 1, 2, NULL);
    settle(f);
    assert_false(fake_is_tracked(f->fake, SVC));
    assert_true(fake_is_tracked(f->fake, WEB));
    assert_int_equal(f->removed, 2);
    set(f, NULL, 0, 3, &gone);
    settle(f);
    assert_false(fake_is_tracked(f->fake, WEB));
    assert_int_equal(f->apps_removed, 1);
    assert_int_equal(fake_removes(f->fake), 0);
    assert_int_equal(fake_releases(f->fake), 0);
}

static void who_observes_leaves_the_inventory_of_before_as_it_is(void **state) {
    struct fixture *f = *state;

    set(f, &shop, 1, 1, NULL);
    apply_all(f);
    f->driver->observes = true;
    set(f, NULL, 0, 2, &(const struct test_gone){.name = "shop", .prune = true});
    settle(f);
    assert_int_equal(fake_removes(f->fake), 0);
    assert_non_null(agent_cache_item(f->cache, WEB));
}

// ---- What no App names

static void find(struct fixture *f, const char *key, const char *group, const char *runs) {
    f->driver->observes = true;
    f->driver->surveys = true;
    agent_apply_found(
        f->apply, &(struct agent_found){.key = key, .group = group, .runs = runs, .form = "{}"});
}

static void what_no_app_names_is_tracked_as_a_part_of_its_group(void **state) {
    struct fixture *f = *state;

    find(f, WEB, "argocd.shop", "web:1\nproxy:1\n");
    assert_true(fake_is_tracked(f->fake, WEB));
    struct cm_sha256 first = f->bundle;
    find(f, "Deployment.apps/shop/api", "argocd.shop", "api:1\nproxy:1\n");
    assert_int_equal(state_of(f, "argocd.shop"), AGENT_APP_OBSERVED);
    assert_string_equal(f->images, "api:1\nproxy:1\nweb:1\n");
    assert_int_equal(f->listed, 2);
    const struct agent_claim *claim = agent_apply_claim(f->apply, WEB);
    assert_true(claim->found);
    assert_string_equal(claim->app->name, "argocd.shop");
    agent_apply_forget(f->apply, "Deployment.apps/shop/api"); // it is gone
    assert_string_equal(f->images, "proxy:1\nweb:1\n");
    assert_true(cm_sha256_equal(&first, &f->bundle)); // whatever came before
    assert_int_equal(f->apps_removed, 0);
    agent_apply_forget(f->apply, WEB);
    assert_string_equal(message_of(f, "argocd.shop"), "claimed by nobody");
    assert_null(agent_apply_claim(f->apply, WEB));
}

static void another_image_is_another_release_of_its_group(void **state) {
    struct fixture *f = *state;

    find(f, WEB, "argocd.shop", "web:1\n");
    struct cm_sha256 first = f->bundle;
    find(f, WEB, "argocd.shop", "web:2\n");
    assert_string_equal(f->images, "web:2\n");
    assert_false(cm_sha256_equal(&first, &f->bundle));
    find(f, WEB, "argocd.shop", "web:1\n");
    assert_true(cm_sha256_equal(&first, &f->bundle));
    find(f, WEB, "app.shop.web", "web:1\n");
    assert_string_equal(message_of(f, "argocd.shop"), "claimed by nobody");
    assert_string_equal(agent_apply_claim(f->apply, WEB)->app->name, "app.shop.web");
    assert_int_equal(f->removed, 0);
}

static void an_app_in_git_has_what_was_found_before_it(void **state) {
    static const struct test_object open[] = {{.key = "Deployment.apps//api"}};
    static const struct test_app apps[] = {
        {.name = "api", .namespace = "shop", .objects = open, .object_count = 1},
        {.name = "shop", .objects = objects, .object_count = 4}};
    static const struct test_gone gone = {.name = "shop"};
    struct fixture *f = *state;

    find(f, WEB, "argocd.shop", "web:1\n");
    find(f, "Deployment.apps/shop/api", "argocd.api", "api:1\n");
    set(f, apps, 2, 1, NULL);
    settle(f);
    assert_string_equal(message_of(f, "argocd.shop"), "claimed by shop");
    assert_string_equal(message_of(f, "argocd.api"), "claimed by api");
    assert_true(fake_is_tracked(f->fake, WEB));
    assert_true(fake_is_tracked(f->fake, "Deployment.apps//api"));
    assert_false(fake_is_tracked(f->fake, "Deployment.apps/shop/api"));
    assert_int_equal(f->removed, 1); // what has another key now
    assert_string_equal(agent_apply_claim(f->apply, WEB)->app->name, "shop");
    set(f, NULL, 0, 2, &gone);
    settle(f);
    assert_true(fake_is_tracked(f->fake, WEB));
    assert_string_equal(agent_apply_claim(f->apply, WEB)->app->name, "argocd.shop");
    assert_true(fake_is_tracked(f->fake, "Deployment.apps/shop/api"));
}

static void what_an_app_names_already_is_not_found(void **state) {
    struct fixture *f = *state;

    f->driver->observes = true;
    set(f, &shop, 1, 1, NULL);
    settle(f);
    find(f, WEB, "argocd.shop", "web:1\n");
    assert_string_equal(agent_apply_claim(f->apply, WEB)->app->name, "shop");
    assert_int_equal(f->listed, 4);
    agent_apply_lost(f->apply, WEB);
    assert_true(fake_is_tracked(f->fake, WEB));
}

static void what_an_app_has_for_a_hook_is_no_longer_tracked(void **state) {
    static const struct test_object hook[] = {{.key = WEB, .phase = AGENT_PHASE_PRE_APPLY}};
    static const struct test_app app = {.name = "shop", .objects = hook, .object_count = 1};
    struct fixture *f = *state;

    find(f, WEB, "argocd.shop", "web:1\n");
    set(f, &app, 1, 1, NULL);
    settle(f);
    assert_string_equal(message_of(f, "argocd.shop"), "claimed by shop");
    assert_false(fake_is_tracked(f->fake, WEB));
    assert_int_equal(f->removed, 1);
}

// Where an App that leaves the namespace open has it was not known at first.
static void what_turns_out_to_be_an_app_s_leaves_its_group_and_makes_room(void **state) {
    static const struct test_object open[] = {{.key = "Widget.shop//api"}};
    static const struct test_app app = {
        .name = "api", .namespace = "shop", .objects = open, .object_count = 1};
    struct agent_found what = {
        .key = "Widget.shop/other/api", .group = "argocd.api", .runs = "api:1\n", .form = "{}"};
    struct fixture *f = *state;

    agent_apply_set_found_max(f->apply, 1);
    f->driver->observes = true;
    set(f, &app, 1, 1, NULL);
    find(f, what.key, what.group, what.runs);
    find(f, WEB, "argocd.shop", "web:1\n");
    assert_true(fake_is_tracked(f->fake, what.key));
    assert_false(fake_is_tracked(f->fake, WEB));
    what.as = "Widget.shop//api";
    agent_apply_found(f->apply, &what);
    assert_string_equal(message_of(f, "argocd.api"), "claimed by api");
    assert_false(fake_is_tracked(f->fake, what.key));
    assert_true(fake_is_tracked(f->fake, WEB));
    agent_apply_found(f->apply, &what);
    assert_false(fake_is_tracked(f->fake, what.key));
}

static void more_than_there_is_room_for_is_said(void **state) {
    struct fixture *f = *state;

    agent_apply_set_found_max(f->apply, 2);
    find(f, "Deployment.apps/shop/a", "app.shop.a", "a:1\n");
    find(f, "Deployment.apps/shop/b", "app.shop.b", "b:1\n");
    assert_null(message_of(f, AGENT_FOUND_CUT));
    find(f, "Deployment.apps/shop/c", "app.shop.c", "c:1\n");
    find(f, "Deployment.apps/shop/d", "app.shop.d", "d:1\n");
    assert_false(fake_is_tracked(f->fake, "Deployment.apps/shop/c"));
    assert_non_null(strstr(message_of(f, AGENT_FOUND_CUT), "observes 2 of 4 workloads"));
    agent_apply_lost(f->apply, "Deployment.apps/shop/d");
    assert_non_null(strstr(message_of(f, AGENT_FOUND_CUT), "observes 2 of 3 workloads"));
    agent_apply_forget(f->apply, "Deployment.apps/shop/a");
    assert_true(fake_is_tracked(f->fake, "Deployment.apps/shop/c"));
    assert_string_equal(message_of(f, AGENT_FOUND_CUT), "claimed by nobody");
}

static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    TEST(who_observes_tracks_what_is_named_and_applies_nothing),
    TEST(who_observes_lets_go_of_what_left_git_without_removing_it),
    TEST(who_observes_leaves_the_inventory_of_before_as_it_is),
    TEST(what_no_app_names_is_tracked_as_a_part_of_its_group),
    TEST(another_image_is_another_release_of_its_group),
    TEST(an_app_in_git_has_what_was_found_before_it),
    TEST(what_an_app_names_already_is_not_found),
    TEST(what_an_app_has_for_a_hook_is_no_longer_tracked),
    TEST(what_turns_out_to_be_an_app_s_leaves_its_group_and_makes_room),
    TEST(more_than_there_is_room_for_is_said),
    TEST(stages_go_by_rank_and_wait_for_their_gate),
    TEST(a_wave_waits_until_all_before_it_is_healthy),
    TEST(what_is_waited_for_and_vanishes_is_made_again),
    TEST(what_somebody_changed_is_put_right_when_git_changes_the_app_not_when_rules_do),
    TEST(what_waits_says_what_ails_the_other),
    TEST(a_wave_waits_for_what_did_not_change_too),
    TEST(a_new_revision_ends_the_wait_for_a_wave),
    TEST(waves_are_removed_backwards_also_when_only_the_order_changed),
    TEST(a_namespace_waits_for_an_app_that_is_not_to_remove_what_it_has_in_there),
    TEST(what_awaits_others_holds_up_nothing_and_waits_only_while_they_have_time),
    TEST(the_inventory_owns_an_object_before_it_is_applied),
    TEST(at_most_a_window_is_under_way_of_one_app),
    TEST(what_is_due_while_the_window_is_full_waits_without_turning_in_circles),
    TEST(apps_that_have_begun_go_on_before_others_begin),
    TEST(apps_with_gates_begin_first),
    TEST(apps_that_the_target_does_not_answer_keep_no_other_from_beginning),
    TEST(what_only_waits_at_a_slow_target_gives_no_turn_away),
    TEST(what_waits_at_a_target_that_answers_some_not_gives_its_turn_away),
    TEST(little_waits_of_apps_that_begin_while_others_are_not_answered),
    TEST(who_was_not_answered_holds_no_turn_until_something_ends_in_time),
    TEST(what_a_newer_manifest_overtook_is_not_begun),
    TEST(an_app_of_many_objects_keeps_no_other_from_beginning),
    TEST(what_fails_is_tried_again_after_a_pause),
    TEST(what_may_have_come_though_it_failed_is_applied_when_git_goes_back),
    TEST(a_pause_that_the_target_asks_for_is_kept),
    TEST(what_waits_is_tried_as_soon_as_it_is_said_to_be_ready),
    TEST(pauses_grow_to_a_minute_and_differ),
    TEST(what_the_target_refuses_is_tried_every_five_minutes),
    TEST(a_failure_stops_the_stages_behind_it_only),
    TEST(a_newer_manifest_ends_a_wait_at_once),
    TEST(what_is_under_way_ends_before_the_newer_manifest_begins),
    TEST(nothing_is_removed_before_the_whole_app_is_applied),
    TEST(without_prune_what_is_not_listed_stays_and_says_so),
    TEST(what_lost_our_mark_stays_and_says_so),
    TEST(what_vanished_before_it_was_to_be_removed_is_not_asked_for),
    TEST(what_vanished_after_its_removal_failed_is_not_asked_for_again),
    TEST(an_app_waits_for_those_it_depends_on),
    TEST(a_circle_is_said_and_changes_nothing),
    TEST(a_suspended_app_is_left_as_it_is),
    TEST(what_another_tool_owns_is_taken_over_as_soon_as_the_app_says_so),
    TEST(what_an_app_changes_is_changed_in_its_name_and_again_in_another),
    TEST(what_a_lost_disk_forgot_goes_in_the_name_that_the_tombstone_knows),
    TEST(objects_move_with_the_default_namespace_of_their_app),
    TEST(what_an_app_left_in_its_old_namespace_stays_without_prune),
    TEST(the_driver_is_told_how_an_object_may_be_changed),
    TEST(what_is_precious_is_made_anew_only_if_it_says_so_itself),
    TEST(what_could_not_reach_the_target_is_tried_when_it_answers),
    TEST(a_sync_applies_everything_again),
    TEST(a_correction_applies_one_object_of_an_app_that_is_done),
    TEST(what_is_under_way_lands_when_an_app_is_frozen_and_nothing_else_begins),
    TEST(a_freeze_of_another_app_stops_nothing_and_one_of_all_stops_each),
    TEST(what_is_as_it_should_be_is_applied_though_it_is_frozen),
    TEST(what_is_frozen_is_neither_corrected_nor_pruned),
    TEST(what_failed_is_not_tried_again_while_it_is_frozen),
    TEST(a_freeze_ends_by_its_time_without_a_word),
    TEST(a_clock_that_is_set_on_ends_no_freeze),
    TEST(a_correction_goes_on_while_another_object_of_the_app_fails),
    TEST(a_correction_waits_while_its_object_is_being_applied),
    TEST(a_tombstone_removes_and_tells_also_if_there_was_nothing),
    TEST(what_goes_takes_along_what_the_app_said_last),
    TEST(what_a_tombstone_leaves_is_ours_until_its_mark_is_off),
    TEST(what_the_target_leaves_of_an_app_that_is_gone_loses_its_mark),
    TEST(what_another_app_has_taken_over_is_not_let_go_by_one_that_is_gone),
    TEST(what_its_account_may_not_let_go_any_more_the_agent_does),
    TEST(what_was_let_go_is_not_removed_by_an_app_that_comes_back_without_it),
    TEST(hooks_run_before_and_after_all_else),
    TEST(a_hook_runs_once_for_each_bundle),
    TEST(a_hook_does_not_run_for_what_only_holds_or_exemptions_changed),
    TEST(a_hook_that_a_former_agent_has_run_does_not_run_again),
    TEST(a_hook_that_rests_is_neither_run_nor_missed_nor_removed),
    TEST(a_restart_waits_for_a_hook_where_it_was),
    TEST(a_hook_that_was_only_intended_is_made_after_a_restart),
    TEST(one_that_was_only_intended_again_is_made_after_a_restart),
    TEST(a_hook_that_fails_stops_the_app_and_tells_its_log),
    TEST(a_log_that_cannot_be_read_is_said),
    TEST(a_failed_hook_runs_again_by_a_sync_or_when_it_is_deleted),
    TEST(a_failed_hook_that_succeeds_after_all_is_over),
    TEST(a_new_revision_ends_the_wait_for_a_hook),
    TEST(what_a_hook_made_goes_as_its_policy_says),
    TEST(what_a_hook_made_may_vanish_when_it_has_run),
    TEST(hooks_that_left_git_are_forgotten_and_removed),
    TEST(an_object_whose_bytes_are_lost_fails_in_words),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
