// Random commits under a tight guard. After each of them:
//
//     nothing is lost that Git wants, by whatever App
//     what is lost is little, or Git confirms it, with a confirmation that was not used before
//     a hub that restarts there comes to the same: in force, waiting, told
//
// and when all that waits is confirmed, what is in force is what Git wants. Labels flip, objects
// move between Apps, Apps come, go and are emptied; confirmations come for what waits or for what
// somebody made up, and are left lying about.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/fleet.h"
#include "hub/render/bundle.h"
#include "world.h"

#define CLUSTERS 6
#define APPS 4
#define OBJECTS 14
#define COMMITS 40
#define RUNS 150

static const struct hub_fleet_guard guard = {
    .share_percent = 30, .objects_min = 3, .clusters_min = 2};

static uint64_t random_state;

static unsigned roll(unsigned n) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 11) % n);
}

// ---- Git

struct app {
    bool present;
    bool prune;
    bool prune_on_loss;
    unsigned envs; // bits of environments that it is for
};

struct git {
    unsigned env[CLUSTERS];
    struct app apps[APPS];
    int owner[OBJECTS]; // App; APPS: none
    unsigned confirmations;
};

static unsigned wanted_of(const struct git *g, int app, int cluster) {
    unsigned objects = 0;

    if (!g->apps[app].present || (g->apps[app].envs >> g->env[cluster] & 1) == 0) {
        return 0;
    }
    for (int k = 0; k < OBJECTS; k++) {
        objects |= g->owner[k] == app ? 1U << k : 0;
    }
    return objects;
}

static unsigned wanted(const struct git *g, int cluster) {
    unsigned objects = 0;

    for (int a = 0; a < APPS; a++) {
        objects |= wanted_of(g, a, cluster);
    }
    return objects;
}

static void write_git(struct world *w, const struct git *g) {
    for (int c = 0; c < CLUSTERS; c++) {
        CM_AUTOFREE char *name = cm_strf("c%d", c);
        CM_AUTOFREE char *labels = cm_strf("env: e%u", g->env[c]);

        world_put_cluster(w, name, labels, "");
    }
    for (int a = 0; a < APPS; a++) {
        const struct app *app = &g->apps[a];
        CM_AUTOFREE char *name = cm_strf("a%d", a);
        CM_AUTOFREE char *path = cm_strf("apps/a%d/app.yaml", a);
        CM_AUTOFREE char *envs =
            cm_strf("%s%s%s", (app->envs & 1) != 0 ? "e0, " : "",
                    (app->envs & 2) != 0 ? "e1, " : "", (app->envs & 4) != 0 ? "e2, " : "");
        CM_AUTOFREE char *spec =
            cm_strf("  prune: %s\n  onTargetLoss: %s\n  targets: [{clusterSelector: "
                    "{matchExpressions: [{key: env, operator: In, values: [%snone]}]}}]\n",
                    app->prune ? "true" : "false", app->prune_on_loss ? "prune" : "orphan", envs);

        if (app->present) {
            world_put_app(w, name, spec);
        } else {
            world_remove(w, path);
        }
        for (int k = 0; k < OBJECTS; k++) {
            CM_AUTOFREE char *object = cm_strf("o%02d", k);
            CM_AUTOFREE char *file = cm_strf("apps/a%d/o%02d.yaml", a, k);

            if (g->owner[k] == a && app->present) {
                world_put_config(w, name, object, "1");
            } else {
                world_remove(w, file);
            }
        }
    }
}

static void edit(struct git *g) {
    int app = (int)roll(APPS);
    unsigned times;

    switch (roll(7)) {
    case 0:
        g->env[roll(CLUSTERS)] = roll(3);
        break;
    case 1:
        g->apps[app].present = !g->apps[app].present;
        break;
    case 2:
        g->apps[app].envs = roll(8);
        break;
    case 3:
        g->apps[app].prune = roll(4) != 0;
        g->apps[app].prune_on_loss = roll(3) != 0;
        break;
    default:
        times = 1 + roll(5);
        for (unsigned i = 0; i < times; i++) {
            g->owner[roll(OBJECTS)] = roll(3) == 0 ? APPS : app;
        }
        break;
    }
}

// ---- What is in force

struct state {
    unsigned objects[CLUSTERS][APPS];
    bool prune[CLUSTERS][APPS]; // were these to go, they would be deleted
};

static void look(struct world *w, struct state *out) {
    memset(out, 0, sizeof(*out));
    for (int c = 0; c < CLUSTERS; c++) {
        for (int a = 0; a < APPS; a++) {
            CM_AUTOFREE char *cluster = cm_strf("c%d", c);
            CM_AUTOFREE char *app = cm_strf("a%d", a);
            const struct hub_pair *pair = world_pair(w, cluster, app);
            const struct hub_desired *d = hub_fleet_desired(w->fleet, cluster);

            for (size_t i = 0; pair != NULL && i < pair->bundle->spec.object_count; i++) {
                const char *name = strrchr(pair->bundle->spec.objects[i].key, '/') + 1; // "o07"

                out->objects[c][a] |= 1U << (10 * (name[1] - '0') + name[2] - '0');
            }
            out->prune[c][a] = pair != NULL && pair->bundle->spec.prune;
            for (size_t i = 0; d != NULL && i < d->gone_count; i++) {
                if (strcmp(d->gone[i].app, app) == 0) {
                    out->prune[c][a] = d->gone[i].prune;
                }
            }
        }
    }
}

static unsigned all_of(const struct state *s, int cluster) {
    unsigned objects = 0;

    for (int a = 0; a < APPS; a++) {
        objects |= s->objects[cluster][a];
    }
    return objects;
}

static unsigned count(unsigned objects) {
    return (unsigned)__builtin_popcount(objects);
}

// lost_by returns what an App had on a cluster, nothing has any more, and is deleted there.
static unsigned lost_by(const struct state *before, const struct state *now, int app, int cluster) {
    unsigned gone = before->objects[cluster][app] & ~all_of(now, cluster);

    return now->prune[cluster][app] ? gone : 0;
}

static bool is_over(unsigned part, unsigned whole, uint32_t min) {
    return part >= min && part * 100 > whole * guard.share_percent;
}

// ---- What must be so

struct run {
    struct world w;
    struct git git;
    struct cm_map *removals; // of confirmations that were not used, by name -> "app/removal"
    size_t waited;
    size_t released;
};

// drop_used forgets what a confirmation was for once it was used.
static void drop_used(void *ctx, const char *confirmation, const char *removal) {
    (void)removal;
    (void)cm_map_remove(ctx, confirmation);
}

// nothing_confirmed_waits fails if something waits that Git confirms.
static void nothing_confirmed_waits(const struct run *r) {
    CM_AUTOFREE const char **names = cm_map_keys(r->removals);
    size_t problems;
    const struct hub_problem *all = hub_fleet_problems(r->w.fleet, &problems);

    for (size_t i = 0; i < problems; i++) {
        CM_AUTOFREE char *key =
            cm_strf("%s/%s", all[i].app, all[i].removal != NULL ? all[i].removal : "");

        for (size_t k = 0; k < cm_map_len(r->removals); k++) {
            assert_string_not_equal(cm_map_get(r->removals, names[k]), key);
        }
    }
}

// confirmed tells whether Git confirms something about an App.
static bool confirmed(const struct run *r, int app) {
    CM_AUTOFREE const char **names = cm_map_keys(r->removals);
    CM_AUTOFREE char *prefix = cm_strf("a%d/", app);

    for (size_t i = 0; i < cm_map_len(r->removals); i++) {
        if (strncmp(cm_map_get(r->removals, names[i]), prefix, strlen(prefix)) == 0) {
            return true;
        }
    }
    return false;
}

static void check_cluster(const struct run *r, const struct state *before, const struct state *now,
                          int c) {
    unsigned lost = 0;

    for (int a = 0; a < APPS; a++) {
        lost |= lost_by(before, now, a, c);
    }
    if ((lost & wanted(&r->git, c)) != 0) {
        fail_msg("c%d lost %x, of which Git wants %x\n%s", c, lost, lost & wanted(&r->git, c),
                 world_problems((struct world *)(uintptr_t)&r->w));
    }
    for (int a = 0; a < APPS; a++) {
        unsigned own = lost_by(before, now, a, c);

        if (own != 0 && is_over(count(lost), count(all_of(before, c)), guard.objects_min) &&
            !confirmed(r, a)) {
            fail_msg("c%d lost %x of %x by a%d, and nobody confirmed it", c, own, all_of(before, c),
                     a);
        }
    }
}

static void check_app(const struct run *r, const struct state *before, const struct state *now,
                      int a) {
    unsigned left = 0;
    unsigned on = 0;

    for (int c = 0; c < CLUSTERS; c++) {
        CM_AUTOFREE char *cluster = cm_strf("c%d", c);
        CM_AUTOFREE char *app = cm_strf("a%d", a);
        bool is_gone = world_pair((struct world *)(uintptr_t)&r->w, cluster, app) == NULL;

        on += before->objects[c][a] != 0 ? 1 : 0;
        left += is_gone && lost_by(before, now, a, c) != 0 ? 1 : 0;
    }
    if (is_over(left, on, guard.clusters_min) && !confirmed(r, a)) {
        fail_msg("a%d left %u of %u clusters, and nobody confirmed it", a, left, on);
    }
}

static void check(struct run *r, const struct state *before) {
    struct state now;

    look(&r->w, &now);
    for (int c = 0; c < CLUSTERS; c++) {
        check_cluster(r, before, &now, c);
    }
    for (int a = 0; a < APPS; a++) {
        check_app(r, before, &now, a);
    }
    hub_fleet_each_used(r->w.fleet, drop_used, r->removals);
    nothing_confirmed_waits(r);
}

// ---- Restart

static void seed_used(void *ctx, const char *confirmation, const char *removal) {
    hub_fleet_seed_used(ctx, confirmation, removal);
}

static char *describe(struct world *w) {
    struct cm_str out = {0};

    for (int c = 0; c < CLUSTERS; c++) {
        CM_AUTOFREE char *name = cm_strf("c%d", c);
        const struct hub_desired *d = hub_fleet_desired(w->fleet, name);

        for (size_t i = 0; d != NULL && i < d->pair_count; i++) {
            char hex[CM_SHA256_HEX_MAX];

            cm_sha256_hex(&d->pairs[i].bundle->sha256, hex);
            cm_str_addf(&out, "%s %s %.12s %s %d\n", name, d->pairs[i].app, hex,
                        d->pairs[i].revision, d->pairs[i].stale);
        }
        for (size_t i = 0; d != NULL && i < d->gone_count; i++) {
            cm_str_addf(&out, "%s -%s %s %d\n", name, d->gone[i].app, d->gone[i].revision,
                        d->gone[i].prune);
        }
    }
    return cm_str_take(&out);
}

static void put_confirmation(struct run *r, const char *app, const char *removal) {
    unsigned number = r->git.confirmations++;
    CM_AUTOFREE char *path = cm_strf("confirmations/y%u.yaml", number);
    CM_AUTOFREE char *name = cm_strf("y%u", number);
    CM_AUTOFREE char *text =
        cm_strf("apiVersion: holdfast/v1alpha1\nkind: Confirmation\nmetadata: {name: y%u}\n"
                "spec: {app: %s, removal: '%s'}\n",
                number, app, removal);

    world_put(&r->w, path, text);
    cm_map_put(r->removals, name, cm_strf("%s/%s", app, removal));
}

// restart gives what runs to a new fleet, as the store would; it must come to the same. Only which
// of several Apps that hold each other up is the one said to wait may be another.
static void restart(struct run *r) {
    struct hub_fleet *old = r->w.fleet;
    CM_AUTOFREE char *was = describe(&r->w);
    CM_AUTOFREE char *problems = cm_strdup(world_problems(&r->w));

    r->w.fleet = hub_fleet_new((const uint8_t *)"a key for names of Secrets\0\0\0\0\0");
    hub_fleet_set_guard(r->w.fleet, &guard);
    hub_fleet_expect(r->w.fleet, "fleet");
    for (int c = 0; c < CLUSTERS; c++) {
        CM_AUTOFREE char *name = cm_strf("c%d", c);
        const struct hub_desired *d = hub_fleet_desired(old, name);

        if (d != NULL) {
            hub_fleet_seed(r->w.fleet, name, d->pairs, d->pair_count, d->gone, d->gone_count);
        }
    }
    hub_fleet_each_used(old, seed_used, r->w.fleet);
    hub_fleet_result_free(r->w.last);
    r->w.last = NULL;
    hub_fleet_free(old);
    r->w.commits--;
    world_load(&r->w);
    CM_AUTOFREE char *is = describe(&r->w);
    if (strcmp(is, was) != 0) {
        (void)fprintf(stderr, "before:\n%s\n%s\nafter:\n%s\n%s\n", was, problems, is,
                      world_problems(&r->w));
        fail_msg("a restart at r%u came to something else", r->w.commits);
    }
}

// ---- Runs

static void commit(struct run *r) {
    struct state before;

    look(&r->w, &before);
    (void)world_commit(&r->w);
    check(r, &before);
}

// confirm_one confirms one thing that waits; it tells whether there was one.
static bool confirm_one(struct run *r, unsigned which) {
    size_t problems;
    const struct hub_problem *all = hub_fleet_problems(r->w.fleet, &problems);

    for (size_t i = 0; i < problems; i++) {
        const struct hub_problem *p = &all[(i + which) % problems];

        if (p->removal != NULL) {
            put_confirmation(r, p->app, p->removal);
            return true;
        }
    }
    return false;
}

static void step(struct run *r) {
    unsigned edits = 1 + roll(3);

    for (unsigned i = 0; i < edits && roll(4) != 0; i++) {
        edit(&r->git);
    }
    write_git(&r->w, &r->git);
    if (roll(5) == 0) {
        r->released += confirm_one(r, roll(8)) ? 1 : 0;
    } else if (roll(8) == 0) {
        put_confirmation(r, "a0", "0123456789ab");
    }
    size_t waiting = world_waiting(&r->w);
    commit(r);
    r->waited += world_waiting(&r->w) > waiting ? 1 : 0;
    if (roll(4) == 0) {
        restart(r);
    }
}

static void confirm_all(struct run *r) {
    for (int i = 0; i < 100 && confirm_one(r, 0); i++) {
        commit(r);
        r->released++;
    }
    assert_int_equal(world_waiting(&r->w), 0);
}

static void compare_with_git(struct run *r) {
    struct state now;

    look(&r->w, &now);
    for (int c = 0; c < CLUSTERS; c++) {
        for (int a = 0; a < APPS; a++) {
            bool empty = r->git.apps[a].present;

            for (int k = 0; k < OBJECTS; k++) {
                empty = empty && r->git.owner[k] != a;
            }
            if (!empty && now.objects[c][a] != wanted_of(&r->git, a, c)) { // else it is an error
                fail_msg("a%d on c%d has %x, not %x\n%s", a, c, now.objects[c][a],
                         wanted_of(&r->git, a, c), world_problems(&r->w));
            }
        }
    }
}

static void run(struct run *r, uint64_t seed) {
    random_state = seed * 0x9E3779B97F4A7C15u + 1;
    world_init(&r->w);
    hub_fleet_set_guard(r->w.fleet, &guard);
    r->git = (struct git){0};
    r->removals = cm_map_new(free);
    for (int k = 0; k < OBJECTS; k++) {
        r->git.owner[k] = (int)roll(APPS + 1);
    }
    for (int a = 0; a < APPS; a++) {
        r->git.apps[a] = (struct app){true, true, roll(2) == 0, 7};
    }
    write_git(&r->w, &r->git);
    (void)world_commit_all(&r->w);
    for (int i = 0; i < COMMITS; i++) {
        step(r);
    }
    // An App without manifests is an error, which keeps what it has: give each one.
    for (int a = 0; a < APPS; a++) {
        r->git.owner[a] = a;
    }
    write_git(&r->w, &r->git);
    commit(r);
    confirm_all(r);
    compare_with_git(r);
    cm_map_free(r->removals);
    world_done(&r->w);
}

static void random_commits_lose_nothing_that_nobody_confirmed(void **state) {
    const char *given = getenv("HOLDFAST_SEED");
    uint64_t first = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    struct run r = {0};

    (void)state;
    for (uint64_t seed = first; seed < first + (given != NULL ? 1 : RUNS); seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        run(&r, seed);
    }
    print_message("%zu commits began to wait, %zu confirmations\n", r.waited, r.released);
    assert_true(given != NULL || (r.waited > RUNS && r.released > RUNS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_commits_lose_nothing_that_nobody_confirmed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
