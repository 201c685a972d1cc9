// Random commits of releases, edits, Holds and clean-ups, with decisions between them, against a
// model that knows only numbers of releases. What was rejected is never in force where it is held,
// what people edit always is, and a fleet that sees only the final tree comes to the same.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/fleet/fleet.h"
#include "hub/hold/hold.h"
#include "hub/render/bundle.h"
#include "world.h"

#define CLUSTERS 5
#define RELEASES 7
#define DECISIONS 30
#define COMMITS 40
#define RUNS 15
#define ALL ((1U << CLUSTERS) - 1)

static uint64_t random_state;

static unsigned roll(unsigned n) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 11) % n);
}

// A file, of a rejected release and the one that is used.
struct file {
    bool present;
    bool retry;
    bool retried; // it said so in the commit before
    unsigned clusters;
};

struct decided {
    bool known;
    bool written;
    bool retried;
    bool own; // by holdfast: nothing before Git has said it
    unsigned bad;
    unsigned good;
    unsigned cluster;
};

struct model {
    unsigned release;
    unsigned env;
    bool broken;           // the App is, by a file beside the manifest
    unsigned last_release; // as it was when it was right
    unsigned last_env;
    unsigned present; // clusters
    bool joined;      // one may have come in this commit
    struct file files[RELEASES][RELEASES];
    struct decided decided[DECISIONS];
};

// ---- Writing

static char *hold_text(unsigned bad, unsigned good, unsigned clusters, const char *rest) {
    struct cm_str names = {0};

    for (unsigned c = 0; c < CLUSTERS; c++) {
        if ((clusters >> c & 1) != 0) {
            cm_str_addf(&names, "c%u, ", c);
        }
    }
    char *text = cm_strf("apiVersion: holdfast/v1alpha1\nkind: Hold\n"
                         "metadata: {name: shop-%u-%u}\nspec:\n"
                         "  app: shop\n  clusters: [%s]\n  rejects: {identity: [{object: "
                         "apps/Deployment/p/web, at: '/spec/template/spec/containers/[name=main]/"
                         "image', value: 'web:%u'}]}\n"
                         "  delta: [{object: apps/Deployment/p/web, at: "
                         "'/spec/template/spec/containers/[name=main]/image', bad: 'web:%u', use: "
                         "'web:%u'}]\n%s",
                         bad, good, cm_str_get(&names), bad, bad, good, rest);
    cm_str_done(&names);
    return text;
}

static void write_release(struct world *w, const struct model *m) {
    CM_AUTOFREE char *text =
        cm_strf("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: p}\n"
                "spec: {template: {spec: {containers: [{name: main, image: 'web:%u', env: [{name: "
                "X, value: 'e%u'}]}]}}}\n",
                m->release, m->env);

    world_put(w, "apps/shop/web.yaml", text);
    if (m->broken) {
        world_put(w, "apps/shop/broken.yaml", "a: [");
    } else {
        world_remove(w, "apps/shop/broken.yaml");
    }
}

static void write_file(struct world *w, const struct model *m, unsigned bad, unsigned good) {
    const struct file *f = &m->files[bad][good];
    CM_AUTOFREE char *path = cm_strf("holds/shop/%u-%u.yaml", bad, good);
    CM_AUTOFREE char *text = hold_text(bad, good, f->clusters, f->retry ? "  retry: true\n" : "");

    if (f->present) {
        world_put(w, path, text);
    } else {
        world_remove(w, path);
    }
}

static void write_cluster(struct world *w, const struct model *m, unsigned c) {
    CM_AUTOFREE char *name = cm_strf("c%u", c);
    CM_AUTOFREE char *path = cm_strf("clusters/c%u.yaml", c);

    if ((m->present >> c & 1) != 0) {
        world_put_cluster(w, name, "", "");
    } else {
        world_remove(w, path);
    }
}

static void write_all(struct world *w, const struct model *m) {
    world_put_app(w, "shop", "  targets: [{clusterSelector: {}}]");
    write_release(w, m);
    for (unsigned c = 0; c < CLUSTERS; c++) {
        write_cluster(w, m, c);
    }
    for (unsigned bad = 1; bad < RELEASES; bad++) {
        for (unsigned good = 0; good < bad; good++) {
            write_file(w, m, bad, good);
        }
    }
}

static void tell_decision(struct hub_fleet *f, const struct model *m, unsigned i) {
    const struct decided *d = &m->decided[i];
    CM_AUTOFREE char *event =
        cm_strf("  event: 'e%02u'\n%s", i, d->own ? "  cause: {controller: holdfast}\n" : "");
    CM_AUTOFREE char *text = hold_text(d->bad, d->good, 1U << d->cluster, event);
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = NULL;
    struct cm_err err = {0};

    assert_int_equal(hub_hold_parse(text, strlen(text), &hold, &err), CM_OK);
    hub_fleet_hold(f, hold, d->written);
}

// ---- What should be

// is_answered: a file that does not list the cluster lets it go if it is that of the decision.
static bool is_answered(const struct model *m, const struct decided *d) {
    for (unsigned good = 0; good < d->bad; good++) {
        const struct file *f = &m->files[d->bad][good];

        if (f->present &&
            ((f->clusters >> d->cluster & 1) != 0 ? !f->retry : d->written && good == d->good)) {
            return true;
        }
    }
    return false;
}

static void note_answers(struct model *m) {
    for (unsigned i = 0; i < DECISIONS; i++) {
        struct decided *d = &m->decided[i];

        for (unsigned good = 0; d->known && good < d->bad; good++) {
            const struct file *f = &m->files[d->bad][good];

            if (f->present && (f->clusters >> d->cluster & 1) != 0) {
                d->retried = d->retried || (f->retry && !f->retried);
                d->written = d->written || !f->retry || d->retried;
            }
        }
    }
    for (unsigned bad = 1; bad < RELEASES; bad++) {
        for (unsigned good = 0; good < bad; good++) {
            m->files[bad][good].retried = m->files[bad][good].present && m->files[bad][good].retry;
        }
    }
}

// held_at returns what is used instead of a release on a cluster: by the first name of a Hold.
static unsigned held_at(const struct model *m, unsigned release, unsigned cluster) {
    for (unsigned good = 0; good < release; good++) {
        const struct file *f = &m->files[release][good];

        for (unsigned i = 0; i < DECISIONS; i++) {
            const struct decided *d = &m->decided[i];

            if (d->known && !d->retried && (d->written || !d->own) && d->bad == release &&
                d->good == good && d->cluster == cluster && !is_answered(m, d)) {
                return good;
            }
        }
        if (f->present && !f->retry && (f->clusters >> cluster & 1) != 0) {
            return good;
        }
    }
    return release;
}

static unsigned effective(const struct model *m, unsigned cluster) {
    unsigned release = m->last_release;

    for (unsigned next; (next = held_at(m, release, cluster)) != release;) {
        release = next;
    }
    return release;
}

// ---- Comparison

static void compare(struct world *w, const struct model *m, const unsigned *runs) {
    for (unsigned c = 0; c < CLUSTERS; c++) {
        CM_AUTOFREE char *name = cm_strf("c%u", c);
        CM_AUTOFREE char *image = cm_strf("\"web:%u\"", runs[c]);
        CM_AUTOFREE char *env = cm_strf("\"e%u\"", m->last_env);
        const char *text = world_object(w, name, "shop", "Deployment.apps/p/web");

        if ((text != NULL) != ((m->present >> c & 1) != 0)) {
            print_error("r%u: c%u is%s there\n%s\n", w->commits, c, text != NULL ? "" : " not",
                        world_problems(w));
            fail();
        }
        if (text != NULL && (strstr(text, image) == NULL || strstr(text, env) == NULL)) {
            print_error("r%u: c%u should run %s with %s, Git says %u\n%s\n%s\n", w->commits, c,
                        image, env, m->last_release, text, world_problems(w));
            fail();
        }
    }
}

static void compare_fresh(struct world *w, const struct model *m) {
    struct world fresh;

    world_init(&fresh);
    write_all(&fresh, m);
    (void)world_commit_all(&fresh);
    for (unsigned i = 0; i < DECISIONS; i++) { // no retry that is there was for those that are left
        if (m->decided[i].known && !m->decided[i].retried) {
            tell_decision(fresh.fleet, m, i);
        }
    }
    (void)world_commit(&fresh);
    for (unsigned c = 0; c < CLUSTERS; c++) {
        CM_AUTOFREE char *name = cm_strf("c%u", c);
        const struct hub_pair *old = world_pair(w, name, "shop");
        const struct hub_pair *new = world_pair(&fresh, name, "shop");

        assert_int_equal(old != NULL, new != NULL);
        if (old != NULL) {
            assert_true(cm_sha256_equal(&old->bundle->sha256, &new->bundle->sha256));
            assert_string_equal(old->held != NULL ? old->held : "",
                                new->held != NULL ? new->held : "");
        }
    }
    world_done(&fresh);
}

// ---- Random steps

static void decide(struct world *w, struct model *m, unsigned *next) {
    unsigned cluster = roll(CLUSTERS);
    unsigned bad = effective(m, cluster);

    if (bad == 0 || *next == DECISIONS) {
        return;
    }
    m->decided[*next] = (struct decided){
        .known = true, .own = roll(3) == 0, .bad = bad, .good = roll(bad), .cluster = cluster};
    tell_decision(w->fleet, m, (*next)++);
}

static void edit_file(struct world *w, struct model *m) {
    unsigned bad = 1 + roll(RELEASES - 1);
    unsigned good = roll(bad);
    struct file *f = &m->files[bad][good];

    switch (roll(4)) {
    case 0:
        f->present = false;
        f->retry = false;
        break;
    case 1:
        f->retry = f->present && !f->retry;
        break;
    default:
        f->present = true;
        f->clusters = roll(ALL + 1);
        break;
    }
    write_file(w, m, bad, good);
}

static void edit(struct world *w, struct model *m, unsigned *next) {
    switch (roll(8)) {
    case 0:
    case 1:
        m->release = roll(RELEASES);
        write_release(w, m);
        break;
    case 2:
        m->env = roll(4);
        write_release(w, m);
        break;
    case 3: {
        unsigned c = roll(CLUSTERS);

        // A new cluster has nothing to keep while the App is broken.
        m->present ^= m->broken ? 0 : 1U << c;
        m->joined = true;
        write_cluster(w, m, c);
    } break;
    case 4:
        m->broken = !m->joined && roll(3) == 0;
        write_release(w, m);
        break;
    case 5:
        decide(w, m, next);
        break;
    default:
        edit_file(w, m);
        break;
    }
}

// advance works out what runs now: while the App is broken only what Holds make of what runs.
static void advance(struct model *m, unsigned *runs) {
    note_answers(m);
    if (!m->broken) {
        m->last_release = m->release;
        m->last_env = m->env;
    }
    for (unsigned c = 0; c < CLUSTERS; c++) {
        unsigned from = m->broken ? runs[c] : m->last_release;

        for (unsigned to; (to = held_at(m, from, c)) != from;) {
            from = to;
        }
        runs[c] = from;
    }
}

static void run(uint64_t seed) {
    unsigned runs[CLUSTERS] = {0};
    struct model m = {.present = ALL};
    unsigned next = 0;
    struct world w;

    random_state = seed * 0x9E3779B97F4A7C15u + 1;
    world_init(&w);
    write_all(&w, &m);
    (void)world_commit(&w);
    for (unsigned i = 1; i <= COMMITS; i++) {
        m.joined = false;
        for (unsigned edits = 1 + roll(3); edits > 0; edits--) {
            edit(&w, &m, &next);
        }
        (void)world_commit(&w);
        advance(&m, runs);
        compare(&w, &m, runs);
        if (!m.broken) {
            compare_fresh(&w, &m);
        }
    }
    world_done(&w);
}

static void rejected_releases_stay_out_and_all_else_lands(void **state) {
    const char *given = getenv("HOLDFAST_SEED");
    uint64_t first = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);

    (void)state;
    for (uint64_t seed = first; seed < first + (given != NULL ? 1 : RUNS); seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        run(seed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rejected_releases_stay_out_and_all_else_lands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
