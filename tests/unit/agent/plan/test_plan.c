#include "agent/plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/unit/agent/support.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

// A world whose inventory is a map of items.
struct world {
    struct cm_map *items;
    const char *wrong;
    const char *ran;  // a hook that has
    const char *idle; // an App that does not come to removing
};

static const struct agent_item *find_item(void *ctx, const char *key) {
    return cm_map_get(((struct world *)ctx)->items, key);
}

static bool is_wrong(void *ctx, const char *key) {
    const struct world *w = ctx;

    return w->wrong != NULL && strcmp(w->wrong, key) == 0;
}

// place: namespaces are gates and precious, then config, then the rest.
static void place(void *ctx, const char *key, struct agent_place *out) {
    bool is_namespace = strncmp(key, "Namespace/", 10) == 0;

    (void)ctx;
    *out = (struct agent_place){
        .rank = is_namespace                          ? 0
                : strncmp(key, "ConfigMap/", 10) == 0 ? 1
                                                      : 2,
        .gate = is_namespace,
        .precious = is_namespace,
        .awaits = strncmp(key, "Webhook/", 8) == 0,
    };
}

static bool has_run(void *ctx, const char *key, const struct agent_bundle *bundle) {
    const struct world *w = ctx;

    (void)bundle;
    return w->ran != NULL && strcmp(w->ran, key) == 0;
}

static bool app_prunes(void *ctx, const char *app) {
    const struct world *w = ctx;

    return w->idle == NULL || strcmp(w->idle, app) != 0;
}

// has_moved: what is of a kind of its own goes where the App's default namespace is.
static bool has_moved(void *ctx, const struct agent_item *item, const char *default_namespace) {
    (void)ctx;
    (void)default_namespace;
    return strncmp(item->key, "Widget", 6) == 0;
}

// inside: what is in a namespace.
static void give_inside(void *ctx, const char *key,
                        void (*take)(void *arg, const struct agent_item *item), void *arg) {
    const struct world *w = ctx;
    CM_AUTOFREE const char **keys = cm_map_keys(w->items);
    CM_AUTOFREE char *middle = cm_strf("/%s/", strrchr(key, '/') + 1);

    for (size_t i = 0; i < cm_map_len(w->items); i++) {
        if (strstr(keys[i], middle) != NULL) {
            take(arg, cm_map_get(w->items, keys[i]));
        }
    }
}

static struct agent_plan_world plan_world(struct world *w) {
    return (struct agent_plan_world){.item = find_item,
                                     .wrong = is_wrong,
                                     .place = place,
                                     .moved = has_moved,
                                     .inside = give_inside,
                                     .prunes = app_prunes,
                                     .ran = has_run,
                                     .ctx = w};
}

static void own(struct world *w, const char *app, const struct test_object *o) {
    struct agent_item *item = cm_new(1, sizeof(*item));

    *item = (struct agent_item){.key = o->key,
                                .app = app,
                                .default_namespace = "",
                                .uid = "",
                                .note = "",
                                .account = "",
                                .sha256 = object_name(o),
                                .wave = o->wave,
                                .applied = true};
    cm_map_put(w->items, o->key, item);
}

static const struct test_object shop[] = {
    {.key = "ConfigMap/shop/cfg"},
    {.key = "Deployment.apps/shop/web"},
    {.key = "Namespace//shop"},
    {.key = "Service/shop/web"},
};

static struct agent_desired *shop_desired(void) {
    const struct test_app app = {.name = "shop", .objects = shop, .object_count = COUNT(shop)};
    struct test_release *r =
        release_new(&(struct test_manifest){.generation = 1, .apps = &app, .app_count = 1});
    struct agent_desired *d = desired_new(r);

    release_free(r);
    assert_non_null(d);
    return d;
}

static struct agent_desired *desired_with(uint32_t timeout_s, const char *rules) {
    const struct test_app app = {.name = "shop",
                                 .objects = shop,
                                 .object_count = 1,
                                 .health_timeout_s = timeout_s,
                                 .health_rules = rules};
    struct test_release *r =
        release_new(&(struct test_manifest){.generation = 1, .apps = &app, .app_count = 1});
    struct agent_desired *d = desired_new(r);

    release_free(r);
    assert_non_null(d);
    return d;
}

static void how_health_is_read_comes_with_the_bundle(void **state) {
    static const char rules[] = "[{\"kind\":\"Thing\"}]";
    CM_CLEANUP(agent_desired_freep) struct agent_desired *with = desired_with(90, rules);
    CM_CLEANUP(agent_desired_freep) struct agent_desired *longer = desired_with(91, rules);
    CM_CLEANUP(agent_desired_freep) struct agent_desired *without = desired_with(90, NULL);
    CM_CLEANUP(agent_desired_freep) struct agent_desired *strange = desired_with(90, "{");

    (void)state;
    assert_int_equal(with->apps[0].bundle->health_timeout_s, 90);
    assert_non_null(with->apps[0].bundle->health.rules);
    assert_null(without->apps[0].bundle->health.rules);
    assert_null(strange->apps[0].bundle->health.rules);
    assert_false(agent_bundle_same_health(with->apps[0].bundle, longer->apps[0].bundle));
    assert_true(agent_bundle_same_health(with->apps[0].bundle, with->apps[0].bundle));
    assert_false(agent_bundle_same_health(with->apps[0].bundle, without->apps[0].bundle));
}

static void what_is_new_goes_by_rank_and_says_its_intent_first(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = shop_desired();
    struct world w = {.items = cm_map_new(free)};
    struct agent_plan_world world = plan_world(&w);
    struct agent_plan plan;

    (void)state;
    agent_plan_apply(a, &world, &d->apps[0], false, &plan);
    assert_int_equal(plan.count, 4);
    assert_string_equal(plan.steps[0].entry->key, "Namespace//shop");
    assert_true(plan.steps[0].gate && plan.steps[0].is_new);
    assert_int_equal(agent_plan_stage(&plan, 0), 1);
    assert_string_equal(plan.steps[1].entry->key, "ConfigMap/shop/cfg");
    assert_int_equal(agent_plan_stage(&plan, 1), 2);
    assert_int_equal(agent_plan_stage(&plan, 2), 4);
    cm_map_free(w.items);
}

static void what_was_applied_already_is_left_alone(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = shop_desired();
    struct world w = {.items = cm_map_new(free)};
    struct agent_plan_world world = plan_world(&w);
    struct agent_plan plan;

    (void)state;
    for (size_t i = 0; i < COUNT(shop); i++) {
        own(&w, "shop", &shop[i]);
    }
    agent_plan_apply(a, &world, &d->apps[0], false, &plan);
    assert_int_equal(plan.changes, 0);
    assert_int_equal(plan.count, 1); // the gate is still waited for
    agent_plan_apply(a, &world, &d->apps[0], true, &plan);
    assert_int_equal(plan.changes, 4);
    cm_map_free(w.items);
}

static void what_is_missing_or_changed_is_applied_again(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = shop_desired();
    struct world w = {.items = cm_map_new(free), .wrong = "Service/shop/web"};
    struct agent_plan_world world = plan_world(&w);
    struct agent_plan plan;

    (void)state;
    for (size_t i = 0; i < COUNT(shop); i++) {
        own(&w, "shop", &shop[i]);
    }
    agent_plan_apply(a, &world, &d->apps[0], false, &plan);
    assert_int_equal(plan.changes, 1);
    assert_string_equal(plan.steps[plan.count - 1].entry->key, "Service/shop/web");
    assert_false(plan.steps[plan.count - 1].is_new);
    cm_map_free(w.items);
}

static void an_object_of_another_app_is_taken_over_by_applying_it(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = shop_desired();
    struct world w = {.items = cm_map_new(free)};
    struct agent_plan_world world = plan_world(&w);
    struct agent_plan plan;

    (void)state;
    for (size_t i = 0; i < COUNT(shop); i++) {
        own(&w, i == 3 ? "old-shop" : "shop", &shop[i]);
    }
    agent_plan_apply(a, &world, &d->apps[0], false, &plan);
    assert_int_equal(plan.changes, 1);
    assert_true(plan.steps[plan.count - 1].is_new);
    cm_map_free(w.items);
}

static void what_is_made_only_when_others_are_healthy_holds_up_nothing_beside_it(void **state) {
    static const struct test_object hooks[] = {
        {.key = "Webhook//a-new"}, {.key = "Webhook//b-handed-over"}, {.key = "Webhook//c-mended"}};
    const struct test_object older = {.key = "Webhook//c-mended", .wave = 1};
    const struct test_app app = {.name = "shop", .objects = hooks, .object_count = COUNT(hooks)};
    struct test_release *r =
        release_new(&(struct test_manifest){.generation = 1, .apps = &app, .app_count = 1});
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = desired_new(r);
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct world w = {.items = cm_map_new(free), .wrong = "Webhook//c-mended"};
    struct agent_plan_world world = plan_world(&w);
    struct agent_plan plan;

    (void)state;
    release_free(r);
    own(&w, "old-shop", &hooks[1]);
    own(&w, "shop", &older);
    agent_plan_apply(a, &world, &d->apps[0], false, &plan);
    assert_int_equal(plan.changes, 3);
    assert_string_equal(plan.steps[0].entry->key, "Webhook//b-handed-over");
    assert_false(plan.steps[0].awaits); // it is there
    assert_string_equal(plan.steps[1].entry->key, "Webhook//c-mended");
    assert_false(plan.steps[1].awaits);
    assert_int_equal(agent_plan_stage(&plan, 0), 2);
    assert_string_equal(plan.steps[2].entry->key, "Webhook//a-new");
    assert_true(plan.steps[2].awaits);
    cm_map_free(w.items);
}

static const struct agent_pruning all = {.prune = true};
static const struct agent_pruning none = {.prune = false};

static void removal_goes_by_falling_rank_and_leaves_what_is_precious(void **state) {
    const struct test_object old[] = {{.key = "ConfigMap/old/cfg"},
                                      {.key = "Namespace//old"},
                                      {.key = "Service/old/web"},
                                      {.key = "Service/shop/web"}};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = shop_desired();
    struct world w = {.items = cm_map_new(free)};
    struct agent_plan_world world = plan_world(&w);
    const struct agent_item *items[COUNT(old)];
    struct agent_prune prune;

    (void)state;
    for (size_t i = 0; i < COUNT(old); i++) {
        own(&w, "old", &old[i]);
        items[i] = find_item(&w, old[i].key);
    }
    agent_plan_prune(a, &world, d, items, COUNT(old), &all, &prune);
    assert_int_equal(prune.count, 2);
    assert_string_equal(prune.removals[0].key, "Service/old/web");
    assert_int_equal(agent_prune_stage(&prune, 0), 1);
    assert_string_equal(prune.removals[1].key, "ConfigMap/old/cfg");
    assert_int_equal(prune.left_count, 1);
    assert_int_equal(prune.left[0].why, AGENT_KEPT_PRECIOUS);
    agent_plan_prune(a, &world, d, items, COUNT(old), &none, &prune);
    assert_int_equal(prune.count, 0);
    assert_int_equal(prune.left_count, 3);
    cm_map_free(w.items);
}

static void what_says_so_stays_and_precious_objects_go_where_the_app_says_so(void **state) {
    static const struct agent_pruning precious = {.prune = true, .precious = true};
    const struct agent_item kept = {.key = "ConfigMap/old/cfg", .app = "old", .keep = true};
    const struct agent_item space = {.key = "Namespace//old", .app = "old"};
    const struct agent_item *const items[] = {&kept, &space};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = shop_desired();
    struct world w = {.items = cm_map_new(free)};
    struct agent_plan_world world = plan_world(&w);
    struct agent_prune prune;

    (void)state;
    agent_plan_prune(a, &world, d, items, COUNT(items), &precious, &prune);
    assert_int_equal(prune.count, 1);
    assert_string_equal(prune.removals[0].key, "Namespace//old");
    assert_int_equal(prune.left_count, 1);
    assert_int_equal(prune.left[0].why, AGENT_KEPT_ANNOTATED);
    cm_map_free(w.items);
}

struct guest {
    const char *app; // whose it is
    const char *key;
    bool keep;
    bool stays; // so that its namespace does
};

static const struct guest guests[] = {
    {"shop", "Service/shop/web", false, true}, // which Git has
    {"shop", "Service/shop/old", false, false},   {"shop", "Service/shop/old", true, true},
    {"keeper", "Service/shop/old", false, true}, // it does not prune
    {"leaver", "Service/shop/old", false, false}, {"leaver", "Service/shop/old", true, true},
    {"nobody", "Service/shop/old", false, true}, // what nobody knows of
    {"base", "Service/shop/old", true, true},     {"base", "Service/shop/old", false, false},
    {"sleeper", "Service/shop/old", false, true}, // it does not come to removing
};

static void a_namespace_stays_while_what_stays_would_go_with_it(void **state) {
    static const struct agent_pruning precious = {.prune = true, .precious = true};
    static const struct test_app apps[] = {
        {.name = "base"},
        {.name = "keeper", .no_prune = true},
        {.name = "shop", .objects = &shop[3], .object_count = 1},
        {.name = "sleeper"},
    };
    static const struct test_gone gone = {.name = "leaver", .prune = true};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct test_release *r = release_new(&(struct test_manifest){
        .generation = 1, .apps = apps, .app_count = COUNT(apps), .gone = &gone, .gone_count = 1});
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = desired_new(r);

    (void)state;
    release_free(r);
    for (size_t i = 0; i < COUNT(guests); i++) {
        const struct test_object guest = {.key = guests[i].key};
        const struct agent_item space = {.key = "Namespace//shop", .app = "base"};
        const struct agent_item *const items[] = {&space};
        struct world w = {.items = cm_map_new(free), .idle = "sleeper"};
        struct agent_plan_world world = plan_world(&w);
        struct agent_prune prune;

        own(&w, guests[i].app, &guest);
        ((struct agent_item *)cm_map_get(w.items, guest.key))->keep = guests[i].keep;
        agent_plan_prune(a, &world, d, items, 1, &precious, &prune);
        assert_int_equal(prune.left_count, guests[i].stays);
        assert_int_equal(prune.count, !guests[i].stays);
        if (guests[i].stays) {
            assert_int_equal(prune.left[0].why, AGENT_KEPT_FOR_OTHERS);
            assert_string_equal(prune.left[0].other->key, guests[i].key);
        }
        cm_map_free(w.items);
    }
}

static void what_stays_of_an_app_that_is_gone_is_released_first(void **state) {
    static const struct agent_pruning gone = {.prune = true, .gone = true};
    const struct agent_item kept = {.key = "ConfigMap/old/kept", .app = "old", .keep = true};
    const struct agent_item other = {.key = "Service/old/web", .app = "old"};
    const struct agent_item *const items[] = {&other, &kept};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = shop_desired();
    struct world w = {.items = cm_map_new(free)};
    struct agent_plan_world world = plan_world(&w);
    struct agent_prune prune;

    (void)state;
    agent_plan_prune(a, &world, d, items, COUNT(items), &gone, &prune);
    assert_int_equal(prune.count, 2);
    assert_int_equal(prune.released, 1);
    assert_true(prune.removals[0].release);
    assert_string_equal(prune.removals[0].key, kept.key);
    assert_int_equal(agent_prune_stage(&prune, 0), 1);
    assert_int_equal(prune.left_count, 0);
    cm_map_free(w.items);
}

static void what_is_to_be_released_is_so_whatever_the_app_says_later(void **state) {
    const struct agent_item item = {.key = "Service/old/web", .app = "old", .release = true};
    const struct agent_item *const items[] = {&item};
    const struct agent_pruning *const hows[] = {&all, &none};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = shop_desired();
    struct world w = {.items = cm_map_new(free)};
    struct agent_plan_world world = plan_world(&w);
    struct agent_prune prune;

    (void)state;
    for (size_t i = 0; i < COUNT(hows); i++) {
        agent_plan_prune(a, &world, d, items, COUNT(items), hows[i], &prune);
        assert_int_equal(prune.count, 1);
        assert_true(prune.removals[0].release);
    }
    cm_map_free(w.items);
}

static void waves_count_before_ranks_and_backwards_for_removal(void **state) {
    const struct test_object waves[] = {{.key = "ConfigMap/shop/a", .wave = 2},
                                        {.key = "ConfigMap/shop/b"},
                                        {.key = "Service/shop/a", .wave = -1},
                                        {.key = "Service/shop/b"}};
    const char *const order[] = {"Service/shop/a", "ConfigMap/shop/b", "Service/shop/b",
                                 "ConfigMap/shop/a"};
    const struct test_app app = {.name = "shop", .objects = waves, .object_count = COUNT(waves)};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct test_release *r =
        release_new(&(struct test_manifest){.generation = 1, .apps = &app, .app_count = 1});
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = desired_new(r);
    CM_CLEANUP(agent_desired_freep) struct agent_desired *other = shop_desired();
    struct world w = {.items = cm_map_new(free)};
    struct agent_plan_world world = plan_world(&w);
    const struct agent_item *items[COUNT(waves)];
    struct agent_plan plan;
    struct agent_prune prune;

    (void)state;
    release_free(r);
    agent_plan_apply(a, &world, &d->apps[0], false, &plan);
    assert_int_equal(plan.count, COUNT(waves));
    for (size_t i = 0; i < COUNT(waves); i++) {
        assert_string_equal(plan.steps[i].entry->key, order[i]);
        assert_int_equal(agent_plan_stage(&plan, i), i + 1);
        own(&w, "shop", &waves[i]);
        items[i] = find_item(&w, waves[i].key);
    }
    assert_true(agent_plan_needs(&plan.steps[1], plan.steps[0].entry));
    assert_false(agent_plan_needs(&plan.steps[2], plan.steps[1].entry));
    agent_plan_prune(a, &world, other, items, COUNT(waves), &(struct agent_pruning){.prune = true},
                     &prune);
    for (size_t i = 0; i < COUNT(waves); i++) {
        assert_string_equal(prune.removals[i].key, order[COUNT(waves) - 1 - i]);
        assert_int_equal(agent_prune_stage(&prune, i), i + 1);
    }
    cm_map_free(w.items);
}

static void hooks_come_around_all_else_until_they_have_run(void **state) {
    const struct test_object hooks[] = {
        {.key = "ConfigMap/shop/a", .wave = -1000},
        {.key = "Job.batch/shop/after", .wave = -1000, .phase = AGENT_PHASE_POST_APPLY},
        {.key = "Job.batch/shop/before", .wave = 1000, .phase = AGENT_PHASE_PRE_APPLY},
        {.key = "Namespace//shop", .wave = 1000, .phase = AGENT_PHASE_GROUND}};
    const char *const order[] = {"Namespace//shop", "Job.batch/shop/before", "ConfigMap/shop/a",
                                 "Job.batch/shop/after"};
    const struct test_app app = {.name = "shop", .objects = hooks, .object_count = COUNT(hooks)};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct test_release *r =
        release_new(&(struct test_manifest){.generation = 1, .apps = &app, .app_count = 1});
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = desired_new(r);
    struct world w = {.items = cm_map_new(free)};
    struct agent_plan_world world = plan_world(&w);
    struct agent_plan plan;

    (void)state;
    release_free(r);
    agent_plan_apply(a, &world, &d->apps[0], false, &plan);
    for (size_t i = 0; i < COUNT(hooks); i++) {
        assert_string_equal(plan.steps[i].entry->key, order[i]);
        assert_int_equal(plan.steps[i].hook, i % 2);
    }
    assert_true(agent_plan_needs(&plan.steps[3], plan.steps[2].entry));
    assert_true(agent_plan_needs(&plan.steps[1], plan.steps[0].entry));
    assert_false(agent_plan_needs(&plan.steps[2], plan.steps[1].entry)); // it has ended
    for (size_t i = 0; i < COUNT(hooks); i++) {
        own(&w, "shop", &hooks[i]);
    }
    w.wrong = "Job.batch/shop/after"; // drift of a hook is nothing
    w.ran = "Job.batch/shop/after";
    agent_plan_apply(a, &world, &d->apps[0], false, &plan);
    assert_int_equal(plan.changes, 1);
    assert_string_equal(plan.steps[plan.count - 1].entry->key, "Job.batch/shop/before");
    w.ran = "Job.batch/shop/before";
    agent_plan_apply(a, &world, &d->apps[0], true, &plan);
    assert_int_equal(plan.changes, 3); // also what was applied; not what has run
    cm_map_free(w.items);
}

static void a_wave_beyond_the_bounds_is_refused(void **state) {
    const struct test_object far = {.key = "A//x", .wave = 1001};
    const struct test_app app = {.name = "a", .objects = &far, .object_count = 1};
    struct test_release *r =
        release_new(&(struct test_manifest){.generation = 1, .apps = &app, .app_count = 1});

    (void)state;
    assert_null(desired_new(r));
    release_free(r);
}

static struct agent_desired *desired_of(const struct test_app *apps, size_t count) {
    struct test_release *r =
        release_new(&(struct test_manifest){.generation = 1, .apps = apps, .app_count = count});
    struct agent_desired *d = desired_new(r);

    release_free(r);
    return d;
}

static void apps_that_need_each_other_in_a_circle_are_named(void **state) {
    const struct test_app apps[] = {{.name = "a", .depends_on = {"b"}},
                                    {.name = "b", .depends_on = {"c"}},
                                    {.name = "c", .depends_on = {"b"}},
                                    {.name = "d", .depends_on = {"nobody"}}};
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = desired_of(apps, COUNT(apps));

    (void)state;
    assert_non_null(d);
    assert_null(d->apps[0].error); // it only waits for one in a circle
    assert_string_equal(d->apps[1].error,
                        "dependsOn goes in a circle: it needs 'c', which in the end needs 'b'");
    assert_string_equal(d->apps[2].error,
                        "dependsOn goes in a circle: it needs 'b', which in the end needs 'c'");
    assert_null(d->apps[3].error);
}

static void an_object_that_two_apps_list_belongs_to_the_first(void **state) {
    const struct test_app apps[] = {
        {.name = "a", .objects = &shop[3], .object_count = 1},
        {.name = "b", .objects = shop, .object_count = COUNT(shop)},
    };
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = desired_of(apps, COUNT(apps));

    (void)state;
    assert_null(d->apps[0].error);
    assert_string_equal(d->apps[1].error, "'Service/shop/web' is claimed by App 'a' too");
    assert_string_equal(agent_desired_claim(d, "Service/shop/web")->app->name, "a");
    assert_null(agent_desired_claim(d, "Service/shop/x"));
}

static void unsorted_or_double_names_are_refused(void **state) {
    const struct test_object wrong[] = {{.key = "B//x"}, {.key = "A//x"}};
    const struct test_app unsorted = {.name = "a", .objects = wrong, .object_count = 2};
    const struct test_app twice[] = {{.name = "a"}, {.name = "a"}};

    (void)state;
    assert_null(desired_of(&unsorted, 1));
    assert_null(desired_of(twice, 2));
}

static void an_app_cannot_be_gone_and_there(void **state) {
    const struct test_app app = {.name = "a"};
    const struct test_gone gone = {.name = "a"};
    struct test_release *r = release_new(&(struct test_manifest){
        .generation = 1, .apps = &app, .app_count = 1, .gone = &gone, .gone_count = 1});

    (void)state;
    assert_null(desired_new(r));
    release_free(r);
}

static void of_a_tombstone_that_is_held_nothing_is_known(void **state) {
    const struct test_gone gone[] = {{.name = "a", .held = true}, {.name = "b", .prune = true}};
    struct test_release *r =
        release_new(&(struct test_manifest){.generation = 1, .gone = gone, .gone_count = 2});
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = desired_new(r);

    (void)state;
    assert_non_null(d);
    assert_int_equal(d->gone_count, 1);
    assert_string_equal(d->gone[0].name, "b");
    release_free(r);
}

static void a_manifest_of_another_cluster_is_refused(void **state) {
    const struct test_app app = {.name = "a"};
    struct test_release *r =
        release_new(&(struct test_manifest){.generation = 1, .apps = &app, .app_count = 1});
    struct agent_desired *d = NULL;
    struct cm_err err;

    (void)state;
    assert_int_equal(agent_desired_decode(r->manifest->data, r->manifest->size, "other", &d, &err),
                     CM_EINVAL);
    release_free(r);
}

// ---- Whatever the inventory and the manifest say, what any App lists is never removed, and
// nothing that is not in the inventory.

static unsigned next_random(unsigned *seed) {
    *seed = *seed * 1103515245U + 12345U;
    return *seed >> 16;
}

enum { KEYS = 24, APPS = 4 };

// random_apps deals each key to at most one App.
static size_t deal(unsigned *seed, struct test_app apps[APPS],
                   struct test_object objects[APPS][KEYS], char (*keys)[32]) {
    static const char *const names[APPS] = {"a", "b", "c", "d"};

    for (size_t i = 0; i < APPS; i++) {
        apps[i] = (struct test_app){.name = names[i], .objects = objects[i]};
    }
    for (size_t k = 0; k < KEYS; k++) {
        unsigned who = next_random(seed) % (APPS + 2);

        if (who < APPS) {
            objects[who][apps[who].object_count++] = (struct test_object){.key = keys[k]};
        }
    }
    return 1 + next_random(seed) % APPS;
}

static void check_prune(const struct agent_prune *prune, const struct agent_desired *d,
                        const struct world *w) {
    for (size_t i = 0; i < prune->count; i++) {
        const char *key = prune->removals[i].key;

        assert_null(agent_desired_claim(d, key));
        for (size_t n = 0; n < d->app_count; n++) {
            assert_null(agent_bundle_find(d->apps[n].bundle, key));
        }
        assert_non_null(cm_map_get(w->items, key));
    }
}

static void one_random_round(unsigned *seed, char (*keys)[32]) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct test_object objects[APPS][KEYS];
    struct test_app apps[APPS];
    size_t count = deal(seed, apps, objects, keys);
    CM_CLEANUP(agent_desired_freep) struct agent_desired *d = desired_of(apps, count);
    struct world w = {.items = cm_map_new(free)};
    struct agent_plan_world world = plan_world(&w);
    const struct agent_item *items[KEYS];
    size_t owned = 0;

    assert_non_null(d);
    for (size_t k = 0; k < KEYS; k++) {
        if (next_random(seed) % 2 == 0) {
            own(&w, apps[next_random(seed) % APPS].name, &(struct test_object){.key = keys[k]});
            items[owned++] = cm_map_get(w.items, keys[k]);
        }
    }
    struct agent_prune prune;
    agent_plan_prune(a, &world, d, items, owned, &all, &prune);
    check_prune(&prune, d, &w);
    for (size_t i = 0; i < d->app_count; i++) {
        struct agent_plan plan;

        agent_plan_apply(a, &world, &d->apps[i], false, &plan);
        for (size_t s = 0; s < plan.count; s++) {
            assert_non_null(agent_bundle_find(d->apps[i].bundle, plan.steps[s].entry->key));
            assert_true(s == 0 || plan.steps[s - 1].rank <= plan.steps[s].rank);
        }
    }
    cm_map_free(w.items);
}

static void what_any_app_lists_is_never_removed(void **state) {
    char keys[KEYS][32];
    unsigned seed = 1;

    (void)state;
    for (size_t k = 0; k < KEYS; k++) {
        (void)snprintf(keys[k], sizeof(keys[k]), "%s/n/%02zu",
                       k < 8    ? "ConfigMap"
                       : k < 16 ? "Pod"
                                : "Service",
                       k);
    }
    for (int round = 0; round < 300; round++) {
        one_random_round(&seed, keys);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_new_goes_by_rank_and_says_its_intent_first),
        cmocka_unit_test(how_health_is_read_comes_with_the_bundle),
        cmocka_unit_test(what_was_applied_already_is_left_alone),
        cmocka_unit_test(what_is_missing_or_changed_is_applied_again),
        cmocka_unit_test(an_object_of_another_app_is_taken_over_by_applying_it),
        cmocka_unit_test(what_is_made_only_when_others_are_healthy_holds_up_nothing_beside_it),
        cmocka_unit_test(removal_goes_by_falling_rank_and_leaves_what_is_precious),
        cmocka_unit_test(what_says_so_stays_and_precious_objects_go_where_the_app_says_so),
        cmocka_unit_test(a_namespace_stays_while_what_stays_would_go_with_it),
        cmocka_unit_test(what_stays_of_an_app_that_is_gone_is_released_first),
        cmocka_unit_test(what_is_to_be_released_is_so_whatever_the_app_says_later),
        cmocka_unit_test(waves_count_before_ranks_and_backwards_for_removal),
        cmocka_unit_test(hooks_come_around_all_else_until_they_have_run),
        cmocka_unit_test(a_wave_beyond_the_bounds_is_refused),
        cmocka_unit_test(apps_that_need_each_other_in_a_circle_are_named),
        cmocka_unit_test(an_object_that_two_apps_list_belongs_to_the_first),
        cmocka_unit_test(unsorted_or_double_names_are_refused),
        cmocka_unit_test(an_app_cannot_be_gone_and_there),
        cmocka_unit_test(of_a_tombstone_that_is_held_nothing_is_known),
        cmocka_unit_test(a_manifest_of_another_cluster_is_refused),
        cmocka_unit_test(what_any_app_lists_is_never_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
