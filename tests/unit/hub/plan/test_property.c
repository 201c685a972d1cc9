// Random edits of a random fleet: what a plan says, done to the objects of before, gives those of
// after, on each cluster; what it does not say did not change.
//
// The objects of before are kept as trees, one set a cluster. Each change of a plan is done to them
// as it is told, and then they must be what the fleet says now. An edit of one App must not show at
// another one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/object/diff.h"
#include "common/object/path.h"
#include "common/str.h"
#include "hub/plan/show.h"
#include "hub/render/bundle.h"
#include "world.h"

#define CLUSTERS 7
#define APPS 4
#define FILES 4
#define EDITS 25
#define RUNS 20

static uint64_t random_state;
static unsigned one_in_shared; // of so many objects one has a name that other Apps use too; 0: none

static unsigned roll(unsigned n) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 11) % n);
}

// ---- What stands in Git

static void put_cluster(struct world *w, unsigned i) {
    CM_AUTOFREE char *name = cm_strf("c%u", i);
    CM_AUTOFREE char *labels = cm_strf("env: e%u", roll(3));
    CM_AUTOFREE char *values = cm_strf("v: %u, own: x%u", roll(3), i);

    world_put_cluster(w, name, labels, values);
}

static void put_app(struct world *w, unsigned app) {
    static const char *const targets[] = {
        "    - clusterSelector: {}\n",
        "    - clusterSelector: {matchLabels: {env: e0}}\n",
        "    - {clusterSelector: {matchLabels: {env: e1}}, doNotDeploy: true}\n"
        "    - clusterSelector: {}\n",
        "    - {clusterSelector: {matchLabels: {env: e2}}, suspend: true, values: {v: 9}}\n"
        "    - {clusterSelector: {}, namespace: other}\n",
    };
    CM_AUTOFREE char *name = cm_strf("a%u", app);
    CM_AUTOFREE char *spec =
        cm_strf("  prune: %s\n  onTargetLoss: %s\n  drift: %s\n"
                "  namespace: ns%u\n  targets:\n%s",
                roll(3) > 0 ? "true" : "false", roll(2) > 0 ? "prune" : "orphan",
                roll(2) > 0 ? "report" : "correct", app, targets[roll(4)]);

    world_put_app(w, name, spec);
}

// A Deployment has what matters: lists with keys, lists of plain values, maps, numbers.
static char *deployment(const char *name) {
    struct cm_str s = {0};

    cm_str_addf(&s,
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: %s, namespace: one, "
                "labels: {a.b/c: 'x%u'}}\nspec:\n  replicas: %s\n  template:\n    spec:\n"
                "      containers:\n",
                name, roll(2), roll(2) > 0 ? "${v}" : "4");
    for (unsigned i = 0; i < 3; i++) {
        if (roll(3) > 0) {
            cm_str_addf(&s, "      - {name: c%u, image: 'i:%u', args: [a, b%u]", i, roll(3),
                        roll(2));
            cm_str_addf(&s, ", env: [{name: E%u, value: '${own}'}, {name: F, value: y%u}]}\n",
                        roll(2), roll(2));
        }
    }
    cm_str_add(&s, "      - {name: last, image: z}\n");
    return cm_str_take(&s);
}

static char *config_map(const char *name) {
    return cm_strf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: one}\n"
                   "data: {k%u: 'w%u', own: '%s', 'dotted.name': \"l1\\nl%u\\n\"}\n",
                   name, roll(2), roll(2), roll(2) > 0 ? "${own}" : "all", roll(3));
}

static void put_file(struct world *w, unsigned app, unsigned file) {
    CM_AUTOFREE char *path = cm_strf("apps/a%u/f%u.yaml", app, file);
    CM_AUTOFREE char *name = one_in_shared > 0 && roll(one_in_shared) == 0
                                 ? cm_strdup("shared")
                                 : cm_strf("o%u-%u", app, file);
    CM_AUTOFREE char *text = roll(2) == 0 ? deployment(name) : config_map(name);

    if (roll(4) == 0) {
        world_remove(w, path);
    } else if (roll(12) == 0) {
        world_put(w, path, "kind: [");
    } else {
        world_put(w, path, text);
    }
}

static void edit_app(struct world *w, unsigned app) {
    if (roll(4) == 0) {
        put_app(w, app);
    } else if (roll(20) == 0) {
        CM_AUTOFREE char *path = cm_strf("apps/a%u/app.yaml", app);
        world_remove(w, path);
    } else {
        put_file(w, app, roll(FILES));
    }
}

static void edit_cluster(struct world *w) {
    unsigned cluster = roll(CLUSTERS);
    CM_AUTOFREE char *path = cm_strf("clusters/c%u.yaml", cluster);

    if (roll(4) == 0) {
        world_remove(w, path);
    } else {
        put_cluster(w, cluster);
    }
}

// ---- The objects of the clusters, as the plans say they are

struct model {
    struct cm_arena *arena;
    struct cm_map *objects; // "cluster app key" -> tree
};

static struct cm_json *parse(struct cm_arena *a, const struct hub_object *object) {
    struct cm_json *tree = NULL;
    struct cm_err err = {0};

    assert_int_equal(
        cm_json_parse(a, (const char *)object->bytes->data, object->bytes->size, NULL, &tree, &err),
        CM_OK);
    return tree;
}

static char *name_of(const char *cluster, const char *app, const char *key) {
    return cm_strf("%s %s %s", cluster, app, key);
}

static struct cm_json *entry_of(const struct cm_json *list, const struct cm_segment *segment) {
    for (struct cm_json *e = list->first; e != NULL; e = e->next) {
        const char *name = cm_json_string(cm_json_get(e, segment->keys[0]));

        if (name != NULL && strcmp(name, segment->values[0]) == 0) {
            return e;
        }
    }
    return NULL;
}

static void remove_entry(struct cm_json *list, const struct cm_json *entry) {
    struct cm_json kept = *list;

    kept.first = NULL;
    kept.last = NULL;
    kept.count = 0;
    for (struct cm_json *e = list->first; e != NULL;) {
        struct cm_json *next = e->next;

        e->next = NULL;
        if (e != entry) {
            cm_json_append(&kept, e);
        }
        e = next;
    }
    list->first = kept.first;
    list->last = kept.last;
    list->count = kept.count;
}

static void set_last(struct cm_arena *a, struct cm_json *parent, const struct cm_segment *segment,
                     const struct cm_json *value) {
    if (segment->type == CM_SEGMENT_MEMBER) {
        (void)cm_json_remove(parent, segment->name);
        if (value != NULL) {
            cm_json_set(a, parent, segment->name, cm_json_copy(a, value));
        }
        return;
    }
    struct cm_json *entry = entry_of(parent, segment);
    if (entry != NULL) {
        remove_entry(parent, entry);
    }
    if (value != NULL) {
        struct cm_json *copy = cm_json_copy(a, value);
        copy->key = NULL;
        cm_json_append(parent, copy);
    }
}

static void set_field(struct cm_arena *a, struct cm_json *object, const char *text,
                      const struct cm_json *value) {
    struct cm_path path;

    assert_true(cm_path_parse(a, text, &path));
    for (size_t i = 0; i + 1 < path.count; i++) {
        const struct cm_segment *segment = &path.segments[i];

        object = segment->type == CM_SEGMENT_MEMBER ? cm_json_get(object, segment->name)
                                                    : entry_of(object, segment);
        assert_non_null(object);
    }
    set_last(a, object, &path.segments[path.count - 1], value);
}

static void do_change(struct model *m, const char *cluster, const char *app,
                      const struct hub_plan_change *c) {
    CM_AUTOFREE char *name = name_of(cluster, app, c->key);
    CM_AUTOFREE char *there = name_of(cluster, c->app, c->key);

    switch (c->action) {
    case HUB_PLAN_REMOVED:
    case HUB_PLAN_RELEASED:
        assert_true(cm_map_remove(m->objects, name));
        break;
    case HUB_PLAN_MOVED: // what takes it over says so too
        assert_non_null(cm_map_get(m->objects, name));
        break;
    case HUB_PLAN_TAKEN:
        assert_null(cm_map_get(m->objects, name));
        cm_map_put(m->objects, name, cm_json_copy(m->arena, cm_map_get(m->objects, there)));
        break;
    case HUB_PLAN_ADDED:
        assert_null(cm_map_get(m->objects, name));
        cm_map_put(m->objects, name, parse(m->arena, c->object));
        break;
    case HUB_PLAN_FIELD:
        assert_non_null(cm_map_get(m->objects, name));
        set_field(m->arena, cm_map_get(m->objects, name), c->path, c->after);
        break;
    default:
        break;
    }
}

// each_change visits all changes of a plan on all their clusters.
static void each_change(struct model *m, const struct hub_plan *plan,
                        void (*visit)(struct model *m, const char *cluster, const char *app,
                                      const struct hub_plan_change *c)) {
    for (size_t i = 0; i < plan->app_count; i++) {
        for (size_t g = 0; g < plan->apps[i].group_count; g++) {
            const struct hub_plan_group *group = &plan->apps[i].groups[g];

            for (size_t c = 0; c < group->cluster_count * group->change_count; c++) {
                visit(m, group->clusters[c / group->change_count], plan->apps[i].name,
                      &group->changes[c % group->change_count]);
            }
        }
    }
}

static void drop_moved(struct model *m, const char *cluster, const char *app,
                       const struct hub_plan_change *c) {
    CM_AUTOFREE char *name = name_of(cluster, app, c->key);

    if (c->action == HUB_PLAN_MOVED) {
        assert_true(cm_map_remove(m->objects, name));
    }
}

static void do_first(struct model *m, const char *cluster, const char *app,
                     const struct hub_plan_change *c) {
    if (c->action == HUB_PLAN_TAKEN) {
        do_change(m, cluster, app, c);
    }
}

static void do_rest(struct model *m, const char *cluster, const char *app,
                    const struct hub_plan_change *c) {
    if (c->action != HUB_PLAN_TAKEN) {
        do_change(m, cluster, app, c);
    }
}

struct drop {
    const char *prefix;
    struct model *m;
};

static bool drop_if(void *ctx, const char *name, void *value) {
    const struct drop *d = ctx;

    (void)value;
    if (strncmp(name, d->prefix, strlen(d->prefix)) == 0) {
        (void)cm_map_remove(d->m->objects, name);
    }
    return true;
}

static void do_plan(struct model *m, const struct hub_plan *plan) {
    for (size_t i = 0; i < plan->unmanaged_count; i++) {
        CM_AUTOFREE char *prefix = cm_strf("%s ", plan->unmanaged[i]);
        struct drop d = {prefix, m};

        cm_map_each(m->objects, drop_if, &d);
    }
    each_change(m, plan, do_first);
    each_change(m, plan, do_rest);
    each_change(m, plan, drop_moved);
}

// ---- Comparison

struct comparison {
    struct model *m;
    struct world *w;
    size_t objects;
};

static void compare_object(struct comparison *c, const char *cluster, const char *app,
                           const struct hub_object *object) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_AUTOFREE char *name = name_of(cluster, app, object->key);
    const struct cm_json *told = cm_map_get(c->m->objects, name);
    struct cm_differences found;

    if (told == NULL) {
        fail_msg("%s is there, and no plan told of it", name);
        return;
    }
    cm_object_changes(a, told, parse(a, object), 1, &found);
    if (found.count > 0) {
        fail_msg("%s: %s was told as %s and is %s", name, found.items[0].path,
                 cm_difference_text(a, found.items[0].desired, 100),
                 cm_difference_text(a, found.items[0].actual, 100));
    }
    c->objects++;
}

static void compare_cluster(void *ctx, const struct hub_cluster_info *info) {
    struct comparison *c = ctx;
    const struct hub_desired *d = hub_fleet_desired(c->w->fleet, info->name);

    for (size_t i = 0; i < d->pair_count; i++) {
        const struct hub_bundle_spec *spec = &d->pairs[i].bundle->spec;

        for (size_t k = 0; k < spec->object_count; k++) {
            compare_object(c, info->name, d->pairs[i].app, &spec->objects[k]);
        }
    }
}

static void compare(struct model *m, struct world *w) {
    struct comparison c = {m, w, 0};

    hub_fleet_each_cluster(w->fleet, compare_cluster, &c);
    assert_int_equal(c.objects, cm_map_len(m->objects)); // and nothing else was told of
}

static void expect_no_other(const struct hub_plan *plan, unsigned app) {
    CM_AUTOFREE char *name = cm_strf("a%u", app);

    for (size_t i = 0; i < plan->app_count; i++) {
        if (plan->apps[i].group_count > 0) {
            assert_string_equal(plan->apps[i].name, name);
        }
    }
}

static void expect_same_text(const struct hub_plan *plan, const struct hub_plan *again) {
    const struct hub_plan_view view = {.from = "a", .to = "b", .folder = ""};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str left = {0};
    CM_CLEANUP(cm_str_done) struct cm_str right = {0};

    hub_plan_text(plan, &view, &left);
    hub_plan_text(again, &view, &right);
    assert_string_equal(cm_str_get(&left), cm_str_get(&right));
    cm_str_clear(&left);
    hub_plan_markdown(plan, &view, 4096, &left);
    assert_true(left.len <= 4096);
    cm_str_clear(&left);
    cm_json_write_canonical(hub_plan_json(a, plan, &view), &left);
    assert_true(left.len > 0);
}

// ---- Runs

// step takes in what was edited. `alone` is the only App that was, or APPS.
static void step(struct world *w, struct model *m, unsigned alone) {
    struct hub_plan_before *before = hub_plan_remember(w->fleet);

    (void)world_commit(w);
    struct hub_plan *plan = hub_plan_make(before, w->fleet, NULL);
    struct hub_plan *again = hub_plan_make(before, w->fleet, NULL);
    expect_same_text(plan, again);
    hub_plan_before_free(before);
    do_plan(m, plan);
    compare(m, w);
    if (alone < APPS) {
        expect_no_other(plan, alone);
    }
    hub_plan_free(plan);
    hub_plan_free(again);
}

static void begin(struct world *w, struct model *m, uint64_t seed) {
    *m = (struct model){.arena = cm_arena_new(0), .objects = cm_map_new(NULL)};
    random_state = seed * 0x9E3779B97F4A7C15u + 1;
    world_init(w);
    for (unsigned i = 0; i < CLUSTERS; i++) {
        put_cluster(w, i);
    }
    for (unsigned i = 0; i < APPS; i++) {
        put_app(w, i);
        for (unsigned k = 0; k < FILES; k++) {
            put_file(w, i, k);
        }
    }
    step(w, m, APPS);
}

static void end(struct world *w, struct model *m) {
    world_done(w);
    cm_map_free(m->objects);
    cm_arena_free(m->arena);
}

static void run_mixed(uint64_t seed) {
    struct model m;
    struct world w;

    one_in_shared = 8;
    begin(&w, &m, seed);
    for (unsigned i = 0; i < EDITS; i++) {
        for (unsigned edits = 1 + roll(4); edits > 0; edits--) {
            roll(5) == 0 ? edit_cluster(&w) : edit_app(&w, roll(APPS));
        }
        step(&w, &m, APPS);
    }
    end(&w, &m);
}

static void run_alone(uint64_t seed) {
    struct model m;
    struct world w;

    one_in_shared = 0;
    begin(&w, &m, seed);
    for (unsigned i = 0; i < EDITS; i++) {
        unsigned app = roll(APPS);

        edit_app(&w, app);
        step(&w, &m, app);
    }
    end(&w, &m);
}

static void run_all(void (*run)(uint64_t seed)) {
    const char *given = getenv("HOLDFAST_SEED");
    uint64_t first = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);

    print_message("seeds from %llu\n", (unsigned long long)first);
    for (uint64_t seed = first; seed < first + (given != NULL ? 1 : RUNS); seed++) {
        run(seed);
    }
}

static void a_plan_done_to_what_was_gives_what_is(void **state) {
    (void)state;
    run_all(run_mixed);
}

static void an_edit_of_an_app_shows_at_no_other_app(void **state) {
    (void)state;
    run_all(run_alone);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_done_to_what_was_gives_what_is),
        cmocka_unit_test(an_edit_of_an_app_shows_at_no_other_app),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
