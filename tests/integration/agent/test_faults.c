// Random faults against a real agent with its disk and a link over TLS, and a model that says which
// deletions are right. Everything else is a wrong one, and there must be none.
//
// Each object that is there carries a mark that somebody else set: one that is deleted and made
// anew has lost it, so a deletion is seen though the object is back before anybody looks.
//
// The cluster is a simulated one, or a real API server, on which each run has a namespace and an
// inventory of its own:
//
//     test_faults [KUBECONFIG]
//     HOLDFAST_SEED=N       run that one seed again
//     HOLDFAST_RUNS=1000    so many seeds, from the present time on
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/workers.h"
#include "proto/holdfast.pb-c.h"
#include "tests/integration/agent/fake_hub.h"
#include "tests/integration/driver/contract.h"

enum { APPS = 3, OBJECTS = 9, STEPS = 10, NOBODY = APPS };
enum { RUNS = 60, WORKERS = 10, REAL_RUNS = 4, REAL_WORKERS = 4 };
enum { PATIENCE = 12 }; // times ten seconds, of a loaded machine

enum standing { LISTED, PRUNED, ORPHANED, UNNAMED };

// What one manifest says.
struct said {
    enum standing apps[APPS];
    bool prune[APPS];
    int owner[OBJECTS];     // App that lists it; NOBODY
    unsigned version[APPS]; // of the Apps' objects
};

struct run {
    struct cm_loop *loop;
    struct cm_workers *disk;
    struct fake_hub *hub;
    struct outside *cluster;
    struct agent *agent;
    char *root;
    char *dir;
    bool stopped;
    uint64_t seed;
    uint64_t generation;
    struct said now;
    struct said old; // some generation before
    uint64_t old_generation;
    int owner[OBJECTS];    // App that owns it in the cluster; NOBODY: unmanaged
    bool present[OBJECTS]; // what must be there
    bool marked[OBJECTS];  // and must not have been away
};

static uint64_t random_state;
static const char *kubeconfig; // NULL: simulated clusters

static unsigned roll(unsigned n) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 11) % n);
}

static const char *const app_names[APPS] = {"a", "b", "c"};

static void key_of(const struct run *r, int object, char out[64]) {
    (void)snprintf(out, 64, "ConfigMap/%s/o%d", r->cluster->namespace, object);
}

// settles waits long: what does not come at all is a failure, what comes late is none.
static bool settles(struct run *r, bool (*holds)(void *ctx)) {
    for (int i = 0; i < PATIENCE; i++) {
        if (turn_until(r->loop, holds, r)) {
            return true;
        }
    }
    return false;
}

// ---- The agent

static void start_agent(struct run *r) {
    const struct agent_config config = {.data_dir = r->dir,
                                        .join_token = fake_hub_token(r->hub),
                                        .enroll_hub = fake_hub_enroll_addr(r->hub),
                                        .report_interval_ms = 5,
                                        .reconnect_min_ms = 2,
                                        .reconnect_max_ms = 10};
    struct cm_err err;

    if (agent_new(r->loop, r->disk, &config, r->cluster->driver_new(r->cluster, r->loop), &r->agent,
                  &err) < 0) {
        fail_msg("%s", err.msg);
    }
    agent_start(r->agent);
}

static void on_stopped(void *ctx) {
    ((struct run *)ctx)->stopped = true;
}

static bool is_stopped(void *ctx) {
    return ((struct run *)ctx)->stopped;
}

static void end_agent(struct run *r, bool kill) {
    r->stopped = false;
    (kill ? agent_kill : agent_stop)(r->agent, on_stopped, r);
    assert_true(settles(r, is_stopped));
    agent_free(r->agent);
    r->agent = NULL;
}

static void lose_disk(struct run *r) {
    CM_AUTOFREE char *log = cm_strf("%s/log", r->dir);

    end_agent(r, true);
    assert_int_equal(unlink(log), 0);
    start_agent(r);
}

static bool has_met_hub(void *ctx) {
    const struct run *r = ctx;

    return fake_hub_counts(r->hub).connected;
}

// ---- What the hub says

static void publish(struct run *r, const struct said *said, uint64_t generation, bool replay) {
    struct test_object objects[APPS][OBJECTS];
    char keys[OBJECTS][64];
    char revision[32];
    char json[APPS][OBJECTS][200];
    struct test_app apps[APPS];
    struct test_gone gone[APPS];
    struct test_manifest m = {.epoch = 1, .generation = generation, .apps = apps, .gone = gone};

    (void)snprintf(revision, sizeof(revision), "r%llu", (unsigned long long)generation);
    for (int a = 0; a < APPS; a++) {
        struct test_app app = {.name = app_names[a],
                               .revision = revision,
                               .no_prune = !said->prune[a],
                               .objects = objects[a]};

        for (int k = 0; k < OBJECTS; k++) {
            if (said->owner[k] == a) {
                key_of(r, k, keys[k]);
                (void)snprintf(json[a][k], sizeof(json[a][k]),
                               "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
                               "\"name\":\"o%d\",\"namespace\":\"%s\"},\"data\":{\"v\":\"%u\"}}",
                               k, r->cluster->namespace, said->version[a]);
                objects[a][app.object_count++] =
                    (struct test_object){.key = keys[k], .json = json[a][k]};
            }
        }
        if (said->apps[a] == LISTED) {
            apps[m.app_count++] = app;
        } else if (said->apps[a] != UNNAMED) {
            gone[m.gone_count++] =
                (struct test_gone){.name = app_names[a], .prune = said->apps[a] == PRUNED};
        }
    }
    (replay ? fake_hub_offer : fake_hub_publish)(r->hub, &m);
}

static void random_said(struct said *s) {
    int app = (int)roll(APPS);

    switch (roll(6)) {
    case 0: // an App leaves, or returns
        s->apps[app] = s->apps[app] == LISTED ? (enum standing)(PRUNED + roll(3)) : LISTED;
        break;
    case 1:
        s->prune[app] = !s->prune[app];
        break;
    case 2: // it becomes empty
        for (int k = 0; k < OBJECTS; k++) {
            s->owner[k] = s->owner[k] == app ? NOBODY : s->owner[k];
        }
        break;
    case 3: // it takes objects over
        for (int k = 0; k < OBJECTS; k++) {
            s->owner[k] = roll(2) == 0 ? app : s->owner[k];
        }
        break;
    case 4:
        s->version[app]++;
        break;
    default:
        for (int k = 0; k < OBJECTS; k++) {
            s->owner[k] = roll(3) == 0 ? (int)roll(APPS + 1) : s->owner[k];
        }
        break;
    }
}

// ---- The model

static int lister(const struct said *s, int object) {
    int app = s->owner[object];

    return app != NOBODY && s->apps[app] == LISTED ? app : NOBODY;
}

// advance says what a manifest makes of the cluster.
static void advance(struct run *r, const struct said *s) {
    for (int k = 0; k < OBJECTS; k++) {
        int app = lister(s, k);
        int owner = r->owner[k];

        if (app != NOBODY) {
            r->owner[k] = app;
            r->present[k] = true;
        } else if (owner != NOBODY && s->apps[owner] == ORPHANED) {
            r->owner[k] = NOBODY;
        } else if (owner != NOBODY &&
                   (s->apps[owner] == PRUNED || (s->apps[owner] == LISTED && s->prune[owner]))) {
            r->owner[k] = NOBODY;
            r->present[k] = false;
            r->marked[k] = false;
        }
    }
}

static bool is_there(const struct run *r, int object, bool *marked) {
    char key[64];

    key_of(r, object, key);
    *marked = false;
    if (!r->cluster->exists(r->cluster, key)) {
        return false;
    }
    *marked = r->cluster->field(r->cluster, key, "data", "mark")[0] != '\0';
    return true;
}

static bool is_as_said(void *ctx) {
    const struct run *r = ctx;
    struct agent_state state;
    bool marked;

    agent_state_get(r->agent, &state);
    if (state.generation != r->generation) {
        return false;
    }
    for (int a = 0; a < APPS; a++) {
        char revision[32];
        struct fake_app app = fake_hub_app(r->hub, app_names[a]);

        (void)snprintf(revision, sizeof(revision), "r%llu", (unsigned long long)r->generation);
        if (r->now.apps[a] == LISTED && (app.applied != HOLDFAST__V1__APPLIED__APPLIED ||
                                         strcmp(app.revision, revision) != 0)) {
            return false;
        }
    }
    for (int k = 0; k < OBJECTS; k++) {
        if (is_there(r, k, &marked) != r->present[k]) {
            return false;
        }
    }
    return true;
}

static void mark_all(struct run *r) {
    for (int k = 0; k < OBJECTS; k++) {
        char key[64];
        bool marked;

        key_of(r, k, key);
        if (is_there(r, k, &marked) && !marked) {
            r->cluster->change(r->cluster, key, "data", "mark", "\"1\"", "somebody");
        }
        r->marked[k] = r->present[k];
    }
}

static void check(struct run *r, const char *after) {
    bool settled = settles(r, is_as_said);

    for (int k = 0; k < OBJECTS; k++) {
        bool marked;
        bool there = is_there(r, k, &marked);

        if (there != r->present[k] || (r->marked[k] && !marked)) {
            fail_msg("seed %llu, generation %llu, after %s: o%d %s", (unsigned long long)r->seed,
                     (unsigned long long)r->generation, after, k,
                     !there           ? "was deleted, and should not have been"
                     : !r->present[k] ? "is still there"
                                      : "was deleted and made anew");
        }
    }
    if (!settled) {
        fail_msg("seed %llu, generation %llu, after %s: it does not come to rest",
                 (unsigned long long)r->seed, (unsigned long long)r->generation, after);
    }
    mark_all(r);
}

// ---- Faults

// disturb does what may happen at any time; it says what.
static const char *disturb(struct run *r) {
    switch (roll(8)) {
    case 0:
        end_agent(r, true);
        start_agent(r);
        return "a kill";
    case 1:
        end_agent(r, false);
        start_agent(r);
        return "a restart";
    case 2:
        fake_hub_down(r->hub);
        fake_hub_up(r->hub);
        return "a reconnect";
    case 3:
        lose_disk(r);
        return "a lost disk";
    case 4:
        if (r->old_generation > 0) {
            publish(r, &r->old, r->old_generation, true);
        }
        return "an old manifest";
    case 5:
        if (r->cluster->blink != NULL) {
            r->cluster->blink(r->cluster);
        }
        return "a pause of the API server";
    default:
        return "nothing";
    }
}

// flicker publishes that all Apps are empty, or gone from the manifest, and takes it back at once:
// what is deleted in between is right.
static void flicker(struct run *r) {
    struct said other = r->now;
    bool empty = roll(2) == 0;

    for (int a = 0; a < APPS; a++) {
        other.apps[a] = !empty && other.apps[a] == LISTED ? UNNAMED : other.apps[a];
    }
    for (int k = 0; k < OBJECTS && empty; k++) {
        int owner = lister(&r->now, k);

        other.owner[k] = NOBODY;
        r->marked[k] = r->marked[k] && !(owner != NOBODY && r->now.prune[owner]);
    }
    publish(r, &other, ++r->generation, false);
}

static void step(struct run *r) {
    const char *before = "nothing";

    r->old = r->now;
    r->old_generation = r->generation;
    if (roll(5) == 0) {
        flicker(r);
        before = "a manifest of nothing";
    }
    if (roll(4) != 0) {
        random_said(&r->now);
    }
    if (roll(3) == 0) {
        before = disturb(r);
    }
    publish(r, &r->now, ++r->generation, false);
    advance(r, &r->now);
    const char *after = disturb(r);
    publish(r, &r->now, r->generation, false); // the fake hub answers of what it said last
    CM_AUTOFREE char *what = cm_strf("%s and %s", before, after);
    check(r, what);
}

// ---- Runs

static void begin(struct run *r, uint64_t seed) {
    *r = (struct run){.seed = seed};
    random_state = seed * 0x9E3779B97F4A7C15u + 1;
    r->root = temp_dir();
    r->dir = cm_strf("%s/agent", r->root);
    r->loop = cm_loop_new();
    r->disk = cm_workers_new("disk", 1, NULL);
    r->hub = fake_hub_new(r->loop);
    r->cluster =
        kubeconfig == NULL ? outside_sim_open(r->loop) : outside_kube_open(kubeconfig, NULL);
    r->cluster->own_inventory = true;
    for (int a = 0; a < APPS; a++) {
        r->now.prune[a] = true;
    }
    for (int k = 0; k < OBJECTS; k++) {
        r->now.owner[k] = (int)roll(APPS + 1);
        r->owner[k] = NOBODY;
    }
}

static void end(struct run *r) {
    end_agent(r, false);
    fake_hub_free(r->hub);
    cm_workers_stop(r->disk, true);
    cm_workers_free(r->disk);
    r->cluster->close(r->cluster);
    cm_loop_free(r->loop);
    free(r->dir);
    temp_dir_remove(r->root);
}

static void run_seed(uint64_t seed) {
    struct run r;

    begin(&r, seed);
    publish(&r, &r.now, ++r.generation, false);
    advance(&r, &r.now);
    start_agent(&r);
    assert_true(settles(&r, has_met_hub));
    check(&r, "the first manifest");
    for (int i = 0; i < STEPS; i++) {
        step(&r);
    }
    end(&r);
}

// A run waits most of the time, so several processes share the seeds. One that fails comes to its
// end as the test itself would, and says its seed.
static pid_t begin_share(uint64_t first, uint64_t runs, uint64_t share, uint64_t shares) {
    (void)fflush(NULL);
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        for (uint64_t i = share; i < runs; i += shares) {
            run_seed(first + i);
        }
        _exit(0);
    }
    return child;
}

static void run_all(uint64_t first, uint64_t runs) {
    uint64_t shares = kubeconfig == NULL ? WORKERS : REAL_WORKERS;
    pid_t children[WORKERS];
    bool failed = false;

    for (uint64_t i = 0; i < shares; i++) {
        children[i] = begin_share(first, runs, i, shares);
    }
    for (uint64_t i = 0; i < shares; i++) {
        int status = 0;

        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        failed = failed || status != 0;
        if (WIFSIGNALED(status)) {
            print_error("share %llu of %llu was ended by signal %d\n", (unsigned long long)i,
                        (unsigned long long)shares, WTERMSIG(status));
        }
    }
    assert_false(failed);
}

static uint64_t number_of(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void no_fault_deletes_what_it_should_not(void **state) {
    bool given = getenv("HOLDFAST_SEED") != NULL;
    uint64_t first = number_of("HOLDFAST_SEED", (uint64_t)time(NULL));
    uint64_t runs = given ? 1 : number_of("HOLDFAST_RUNS", kubeconfig == NULL ? RUNS : REAL_RUNS);

    (void)state;
    print_message("seeds %llu to %llu\n", (unsigned long long)first,
                  (unsigned long long)(first + runs - 1));
    if (given) {
        run_seed(first);
    } else {
        run_all(first, runs);
    }
}

int main(int argc, char **argv) {
    FILE *nowhere = fopen("/dev/null", "we"); // each replay that is refused is an error
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_fault_deletes_what_it_should_not),
    };

    kubeconfig = argc > 1 ? argv[1] : NULL;
    (void)signal(SIGPIPE, SIG_IGN); // as in the agent's program
    if (nowhere != NULL) {
        cm_log_setup(CM_LOG_ERROR, CM_LOG_LOGFMT, nowhere);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
