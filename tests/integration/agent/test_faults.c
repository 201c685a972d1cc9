// Random faults against a real agent with its disk and a link over TLS, and a model that says which
// deletions are right. Everything else is a wrong one, and there must be none.
//
// What is there: ConfigMaps in two namespaces, one that an annotation keeps, one that
// goes where its App goes, a claim on a volume,
// the second namespace itself, and a definition with an object of its kind. Beside what Git says
// somebody makes an object anew, or takes our label off it, just before Git has it no longer.
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

enum { APPS = 3, OBJECTS = 13, STEPS = 10, NOBODY = APPS };
enum { RUNS = 60, WORKERS = 10, REAL_RUNS = 4, REAL_WORKERS = 4 };
enum { PATIENCE = 2 }; // times what turn_until has

enum standing { LISTED, PRUNED, ORPHANED, UNNAMED };

// EITHER: what takes others with it goes at once, or when these have gone.
enum presence { AWAY, THERE, EITHER };

// Objects by their places; sorted by key, of which MOVED is in whatever namespace its App has:
// here, or ELSEWHERE, which nothing else names.
enum {
    MOVED = 0,
    PLAIN = 3,
    PLAIN_END = 7,
    DEFINITION = 8,
    DEFINED = 9,
    SPACE = 10,
    ELSEWHERE = 12
};

// HERE and AWAY_FROM_HERE are namespaces that a run has; BESIDE is SPACE.
enum where { NOWHERE, HERE, BESIDE, AWAY_FROM_HERE };

// What is %s is the run's namespace.
static const struct thing {
    const char *kind; // as a key says it
    const char *head; // of its JSON
    const char *name;
    const char *more; // of its annotations
    const char *tail;
    enum where where;
    bool keep;
    bool precious;
} things[OBJECTS] = {
#define CONFIG_MAP "ConfigMap", "\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\""
    {CONFIG_MAP, "o0", "", "", HERE, false, false},
    {CONFIG_MAP, "o1", "", "", BESIDE, false, false},
    {CONFIG_MAP, "o2", "", "", BESIDE, false, false},
    {CONFIG_MAP, "o3", "", "", HERE, false, false},
    {CONFIG_MAP, "o4", "", "", HERE, false, false},
    {CONFIG_MAP, "o5", "", "", HERE, false, false},
    {CONFIG_MAP, "o6", "", "", HERE, false, false},
    {CONFIG_MAP, "o7", ",\"holdfast.dev/prune\":\"disabled\"", "", HERE, true, false},
#undef CONFIG_MAP
    {"CustomResourceDefinition.apiextensions.k8s.io",
     "\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\"",
     "gears.%s.example", "",
     ",\"spec\":{\"group\":\"%s.example\",\"scope\":\"Namespaced\",\"names\":{\"plural\":\"gears\","
     "\"singular\":\"gear\",\"kind\":\"Gear\"},\"versions\":[{\"name\":\"v1\",\"served\":true,"
     "\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}}]}",
     NOWHERE, false, true},
    {"Gear.%s.example", "\"apiVersion\":\"%s.example/v1\",\"kind\":\"Gear\"", "o9", "", "", HERE,
     false, false},
    {"Namespace", "\"apiVersion\":\"v1\",\"kind\":\"Namespace\"", "%s-2", "", "", NOWHERE, false,
     true},
    {"PersistentVolumeClaim", "\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\"", "o11", "",
     ",\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],"
     "\"resources\":{\"requests\":{\"storage\":\"1Mi\"}}}",
     BESIDE, false, true},
    {"ConfigMap", "\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"", "o0", "", "", AWAY_FROM_HERE,
     false, false},
};

// What one manifest says.
struct said {
    enum standing apps[APPS];
    bool prune[APPS];
    bool precious[APPS];
    bool moved[APPS];       // to the other namespace
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
    int owner[OBJECTS]; // App that owns it in the cluster; NOBODY: unmanaged
    enum presence present[OBJECTS];
    bool marked[OBJECTS];  // it must not have been away
    bool foreign[OBJECTS]; // it was made somebody else's; who has it in Git again may have taken it
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

// fill puts the run's namespace into a text.
static void fill(struct cm_str *out, const struct run *r, const char *text) {
    const char *gap = strstr(text, "%s");

    cm_str_add_n(out, text, gap == NULL ? strlen(text) : (size_t)(gap - text));
    if (gap != NULL) {
        cm_str_add(out, r->cluster->namespace);
        cm_str_add(out, gap + 2);
    }
}

static const char *end_of_space(enum where where) {
    return where == BESIDE ? "-2" : where == AWAY_FROM_HERE ? "-3" : "";
}

// key_of writes the key of an object. The caller frees it.
static char *key_of(const struct run *r, int object) {
    const struct thing *t = &things[object];
    struct cm_str key = {0};

    fill(&key, r, t->kind);
    cm_str_add_char(&key, '/');
    if (t->where != NOWHERE) {
        cm_str_addf(&key, "%s%s", r->cluster->namespace, end_of_space(t->where));
    }
    cm_str_add_char(&key, '/');
    fill(&key, r, t->name);
    return cm_str_take(&key);
}

// json_of writes an object with these labels (JSON) and annotations. The caller frees it.
static char *json_of(const struct run *r, int object, const char *labels, const char *annotations) {
    const struct thing *t = &things[object];
    struct cm_str json = {0};

    cm_str_add_char(&json, '{');
    fill(&json, r, t->head);
    cm_str_add(&json, ",\"metadata\":{\"name\":\"");
    fill(&json, r, t->name);
    cm_str_add_char(&json, '"');
    if (t->where != NOWHERE && object != MOVED) {
        cm_str_addf(&json, ",\"namespace\":\"%s%s\"", r->cluster->namespace,
                    end_of_space(t->where));
    }
    cm_str_addf(&json, ",\"labels\":%s,\"annotations\":{%s%s}}", labels, annotations, t->more);
    fill(&json, r, t->tail);
    cm_str_add_char(&json, '}');
    return cm_str_take(&json);
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

// What a manifest is made of.
struct text {
    struct test_object objects[APPS][OBJECTS];
    char *keys[OBJECTS];
    char *json[OBJECTS];
    char *spaces[APPS];
    char revision[32];
};

static struct test_app app_of(const struct run *r, const struct said *said, int a,
                              struct text *text) {
    text->spaces[a] = cm_strf("%s%s", r->cluster->namespace,
                              end_of_space(said->moved[a] ? AWAY_FROM_HERE : HERE));
    struct test_app app = {.name = app_names[a],
                           .namespace = text->spaces[a],
                           .revision = text->revision,
                           .no_prune = !said->prune[a],
                           .prune_precious = said->precious[a],
                           .objects = text->objects[a]};

    for (int k = 0; k < ELSEWHERE; k++) {
        if (said->owner[k] == a) {
            CM_AUTOFREE char *version = cm_strf("\"v\":\"%u\"", said->version[a]);

            text->keys[k] = k == MOVED ? cm_strdup("ConfigMap//o0") : key_of(r, k);
            text->json[k] = json_of(r, k, "{}", version);
            text->objects[a][app.object_count++] = (struct test_object){
                .key = text->keys[k], .json = text->json[k], .keep = things[k].keep};
        }
    }
    return app;
}

static void publish(struct run *r, const struct said *said, uint64_t generation, bool replay) {
    struct text text = {0};
    struct test_app apps[APPS];
    struct test_gone gone[APPS];
    struct test_manifest m = {.epoch = 1, .generation = generation, .apps = apps, .gone = gone};

    (void)snprintf(text.revision, sizeof(text.revision), "r%llu", (unsigned long long)generation);
    for (int a = 0; a < APPS; a++) {
        struct test_app app = app_of(r, said, a, &text);

        if (said->apps[a] == LISTED) {
            apps[m.app_count++] = app;
        } else if (said->apps[a] != UNNAMED) {
            gone[m.gone_count++] =
                (struct test_gone){.name = app_names[a], .prune = said->apps[a] == PRUNED};
        }
    }
    (replay ? fake_hub_offer : fake_hub_publish)(r->hub, &m);
    for (int k = 0; k < OBJECTS; k++) {
        free(text.keys[k]);
        free(text.json[k]);
    }
    for (int a = 0; a < APPS; a++) {
        free(text.spaces[a]);
    }
}

static void random_said(struct said *s) {
    int app = (int)roll(APPS);

    switch (roll(8)) {
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
    case 5:
        s->precious[app] = !s->precious[app];
        break;
    case 6:
        s->moved[app] = !s->moved[app];
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
    bool either = object == MOVED || object == ELSEWHERE;
    int app = s->owner[either ? MOVED : object];

    return app != NOBODY && s->apps[app] == LISTED &&
                   (!either || s->moved[app] == (object == ELSEWHERE))
               ? app
               : NOBODY;
}

// holder_of returns what takes an object with it when it goes; NOBODY_HOLDS: nothing does.
enum { NOBODY_HOLDS = -1 };

static int holder_of(int object) {
    return things[object].where == BESIDE ? SPACE : object == DEFINED ? DEFINITION : NOBODY_HOLDS;
}

// goes tells whether what its owner does not list any more may be removed.
static bool goes(const struct said *s, int owner, int object) {
    const struct thing *t = &things[object];
    bool listed = s->apps[owner] == LISTED;

    return !t->keep && (!t->precious || (listed && s->precious[owner])) &&
           (listed ? s->prune[owner] : s->apps[owner] == PRUNED);
}

// let_go: nothing that the agent has goes with a holder, or it stays; all else in it goes with it.
static void let_go(struct run *r, int holder) {
    for (int k = 0; k < OBJECTS; k++) {
        if (holder_of(k) == holder && r->owner[k] != NOBODY) {
            return;
        }
    }
    for (int k = 0; k < OBJECTS; k++) {
        if ((k == holder || holder_of(k) == holder) && r->present[k] == THERE) {
            r->present[k] = EITHER;
            r->marked[k] = false;
        }
    }
}

static void advance_one(struct run *r, const struct said *s, int k) {
    int app = lister(s, k);
    int owner = r->owner[k];
    bool holds = k == SPACE || k == DEFINITION;

    if (app != NOBODY) {
        r->owner[k] = app;
        r->present[k] = THERE;
    } else if (owner == NOBODY || s->apps[owner] == UNNAMED) {
        return;
    } else if (!goes(s, owner, k)) {
        r->owner[k] = s->apps[owner] == LISTED ? owner : NOBODY; // it is left to whoever wants it
    } else if (!holds) {
        r->owner[k] = NOBODY;
        r->present[k] = r->foreign[k] ? EITHER : AWAY;
        r->marked[k] = false;
    }
}

// advance says what a manifest makes of the cluster.
static void advance(struct run *r, const struct said *s) {
    static const int holders[] = {SPACE, DEFINITION};

    for (int k = 0; k < OBJECTS; k++) {
        advance_one(r, s, k);
    }
    for (size_t i = 0; i < 2; i++) {
        int owner = r->owner[holders[i]];

        if (lister(s, holders[i]) == NOBODY && owner != NOBODY && s->apps[owner] != UNNAMED &&
            goes(s, owner, holders[i])) {
            let_go(r, holders[i]);
        }
    }
}

// make_possible takes out of a manifest what could not be there: what a holder would take along
// that is not there, or is about to go.
static void make_possible(const struct run *r, struct said *s) {
    // The hub does not let two Apps have one key, also where it is in two namespaces.
    s->owner[MOVED] = s->owner[MOVED] == NOBODY ? NOBODY : 0;
    for (int k = 0; k < OBJECTS; k++) {
        int holder = holder_of(k);
        bool stays = holder != NOBODY_HOLDS && r->present[holder] == THERE &&
                     (r->owner[holder] == NOBODY || r->owner[k] != NOBODY);

        if (holder != NOBODY_HOLDS && lister(s, holder) == NOBODY && !stays) {
            s->owner[k] = NOBODY;
        }
    }
}

static bool is_there(const struct run *r, int object, bool *marked) {
    CM_AUTOFREE char *key = key_of(r, object);

    *marked = false;
    if (!r->cluster->exists(r->cluster, key)) {
        return false;
    }
    *marked = r->cluster->field(r->cluster, key, "metadata.annotations", "mark")[0] != '\0';
    return true;
}

static bool is_right(const struct run *r, int object, bool there) {
    return r->present[object] == EITHER || there == (r->present[object] == THERE);
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
        if (!is_right(r, k, is_there(r, k, &marked))) {
            return false;
        }
    }
    return true;
}

static void mark_all(struct run *r) {
    for (int k = 0; k < OBJECTS; k++) {
        CM_AUTOFREE char *key = key_of(r, k);
        bool marked;
        bool there = is_there(r, k, &marked);

        if (r->present[k] == THERE && there && !marked) {
            r->cluster->change(r->cluster, key, "metadata.annotations", "mark", "\"1\"",
                               "somebody");
        }
        r->marked[k] = r->present[k] == THERE;
        r->foreign[k] = r->foreign[k] && there;
    }
}

static void check(struct run *r, const char *after) {
    bool settled = settles(r, is_as_said);

    for (int k = 0; k < OBJECTS; k++) {
        bool marked;
        bool there = is_there(r, k, &marked);

        if (!is_right(r, k, there) || (r->marked[k] && !marked)) {
            CM_AUTOFREE char *key = key_of(r, k);

            fail_msg("seed %llu, generation %llu, after %s: %s %s", (unsigned long long)r->seed,
                     (unsigned long long)r->generation, after, key,
                     !there                  ? "was deleted, and should not have been"
                     : r->present[k] == AWAY ? "is still there"
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

        if (holder_of(k) != NOBODY_HOLDS || things[k].where == NOWHERE) {
            continue; // nobody could tell what of it has gone already when it is taken back
        }
        other.owner[k] = NOBODY;
        r->marked[k] = r->marked[k] && !(owner != NOBODY && goes(&r->now, owner, k));
    }
    publish(r, &other, ++r->generation, false);
}

// make_anew has somebody delete an object and make another one of that name, with all labels.
static void make_anew(struct run *r, int object) {
    CM_AUTOFREE char *key = key_of(r, object);
    CM_AUTOFREE char *labels = cm_strdup(r->cluster->labels(r->cluster, key));
    CM_AUTOFREE char *json =
        json_of(r, object, labels[0] == '\0' ? "{}" : labels, "\"mark\":\"1\"");

    r->cluster->delete (r->cluster, key);
    r->cluster->create(r->cluster, key, json, "somebody");
}

static void take_label_off(struct run *r, int object) {
    CM_AUTOFREE char *key = key_of(r, object);

    r->cluster->change(r->cluster, key, "metadata.labels", "applyset.kubernetes.io/part-of", "null",
                       "somebody");
}

// meddle makes an object somebody else's while no agent looks, and has Git drop it then; it says
// what it did.
static const char *meddle(struct run *r) {
    int k = PLAIN + (int)roll(PLAIN_END - PLAIN);
    bool anew = roll(2) == 0 || kubeconfig == NULL; // in a simulated cluster nothing has labels

    if (r->owner[k] == NOBODY || r->present[k] != THERE) {
        return "nothing";
    }
    end_agent(r, roll(2) == 0);
    (anew ? make_anew : take_label_off)(r, k);
    r->foreign[k] = true;
    r->owner[k] = NOBODY;
    r->now.owner[k] = NOBODY;
    publish(r, &r->now, ++r->generation, false);
    start_agent(r);
    return anew ? "another object of the name" : "a lost label";
}

static void step(struct run *r) {
    const char *before = "nothing";

    r->old = r->now;
    r->old_generation = r->generation;
    if (roll(4) == 0) {
        before = meddle(r);
    } else if (roll(5) == 0) {
        flicker(r);
        before = "a manifest of nothing";
    }
    if (roll(4) != 0) {
        random_said(&r->now);
        make_possible(r, &r->now);
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

// make_space makes the namespace that no App makes.
static void make_space(struct run *r) {
    CM_AUTOFREE char *name = cm_strf("%s-3", r->cluster->namespace);
    CM_AUTOFREE char *key = cm_strf("Namespace//%s", name);
    CM_AUTOFREE char *json = cm_strf(
        "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"%s\"}}", name);

    r->cluster->create(r->cluster, key, json, "somebody");
}

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
    make_space(r);
    for (int a = 0; a < APPS; a++) {
        r->now.prune[a] = true;
    }
    for (int k = 0; k < OBJECTS; k++) {
        r->now.owner[k] = (int)roll(APPS + 1);
        r->owner[k] = NOBODY;
    }
    make_possible(r, &r->now);
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
