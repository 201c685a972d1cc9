#include "hub/jobs/keeper.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/list.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/utf8.h"
#include "hub/config/config.h"
#include "hub/jobs/planner.h"
#include "hub/jobs/prover.h"
#include "hub/jobs/writer.h"
#include "hub/write/write.h"

#define TICK_MS 500
#define QUIET_MS 1000 // clusters fail one after the other, and are to be in one commit
#define MOST_MS 5000
#define PAUSE_MIN_MS 5000 // between two commits about one file
#define PAUSE_MAX_MS ((int64_t)10 * 60 * 1000)
#define URGENT_MS 10000 // at most, where the bad release runs until Git has it
#define NAME_SHOWN 60   // bytes of a controller's name, which an agent has told

// What is wanted of one file, as the writer takes it.
struct want {
    struct cm_arena *arena;
    struct hub_writer_ask ask;
    const char *key;
    struct cm_json *args;
    struct cm_json *trailers;  // in them; NULL: a file goes
    struct hub_hold_ask proof; // what is to be proven before
    bool urgent;               // until Git has it nothing keeps the release out
};

struct file {
    struct hub_keeper *keeper;
    struct want *want; // waits for its time; NULL: nothing does
    int64_t since_ms;  // it waits, monotonic
    int64_t due_ms;
    int64_t pause_ms;
    int64_t next_ms; // not before
    bool asking;     // the writer has it
};

// While the writer has what is wanted.
struct asking {
    struct file *file;
    struct want *want;
};

struct hub_keeper {
    struct cm_loop *loop;
    struct hub_writer *writer;
    const struct hub_repositories *repositories;
    struct hub_prover *prover; // NULL: nothing is proven
    struct cm_map *files;      // by repository and path
    struct cm_timer timer;
    bool ticking;
    bool stopped;
};

static void want_free(struct want *w) {
    if (w != NULL) {
        cm_arena_free(w->arena);
    }
}

static void free_file(void *value) {
    struct file *f = value;

    want_free(f->want);
    free(f);
}

struct hub_keeper *hub_keeper_new(struct cm_loop *loop, struct hub_writer *writer,
                                  const struct hub_repositories *repositories,
                                  struct hub_prover *prover) {
    struct hub_keeper *k = cm_new(1, sizeof(*k));

    *k = (struct hub_keeper){
        .loop = loop, .writer = writer, .repositories = repositories, .prover = prover};
    k->files = cm_map_new(free_file);
    return k;
}

void hub_keeper_stop(struct hub_keeper *k) {
    k->stopped = true;
    if (k->ticking) {
        cm_timer_stop(k->loop, &k->timer);
    }
}

void hub_keeper_free(struct hub_keeper *k) {
    if (k != NULL) {
        cm_map_free(k->files);
    }
    free(k);
}

// ---- What is wanted, in the writer's words

static const struct hub_repository *find_repository(const struct hub_keeper *k, const char *name) {
    for (size_t i = 0; i < k->repositories->count; i++) {
        if (strcmp(k->repositories->items[i].name, name) == 0) {
            return &k->repositories->items[i];
        }
    }
    return NULL;
}

static const char *root_of(const struct hub_keeper *k, const char *repository) {
    const struct hub_repository *r = find_repository(k, repository);

    return r == NULL ? "" : r->path;
}

static const char *plural(size_t count) {
    return count == 1 ? "" : "s";
}

// author_of: a controller decides on many clusters, a person once.
static const char *author_of(struct cm_arena *a, const struct hub_hold_ask *ask) {
    return ask->actor[0] != '\0'
               ? ask->actor
               : cm_arena_strf(a, "%.*s (%zu cluster%s)",
                               (int)cm_utf8_fit(ask->controller, NAME_SHOWN), ask->controller,
                               ask->clusters, plural(ask->clusters));
}

// actor_of returns who wants it.
static const char *actor_of(const struct hub_hold_ask *ask) {
    const char *who = ask->actor != NULL && ask->actor[0] != '\0' ? ask->actor : ask->controller;

    return ask->text != NULL ? who : "holdfast";
}

static struct cm_json *add_message(struct cm_arena *a, struct cm_json *args,
                                   const struct hub_hold_ask *ask) {
    const char *again = ask->again  ? " The file was taken away, which is no retry: 'retry: true' "
                                      "in it is."
                        : ask->back ? " Git says it once more, which is no retry: 'retry: true' in "
                                      "the file is."
                                    : "";
    struct cm_json *trailers = cm_json_new(a, CM_OBJECT);

    cm_json_set_string(a, args, "subject",
                       cm_arena_strf(a, "%s on %zu cluster%s, %s %s%s", ask->restored,
                                     ask->clusters, plural(ask->clusters),
                                     ask->own      ? "where"
                                     : ask->undone ? "undone by hand from"
                                                   : "which rejected",
                                     ask->rejected, ask->own ? " did not come up" : ""));
    cm_json_set_string(a, args, "body",
                       cm_arena_strf(a, "First: %s %s on %s: %s.%s", ask->controller, ask->object,
                                     ask->cluster, ask->words, again));
    cm_json_set_string(a, args, "author", author_of(a, ask));
    cm_json_set_string(a, trailers, "Clusters", ask->names);
    cm_json_set_string(a, trailers, "Clusters-Count", cm_arena_strf(a, "%zu", ask->clusters));
    cm_json_set_string(a, trailers, "Rejected", ask->rejected);
    cm_json_set_string(a, trailers, "Restored", ask->restored);
    cm_json_set_string(a, trailers, "Rejects-Commit", ask->bad_revision);
    cm_json_set(a, args, "trailers", trailers);
    return trailers;
}

// copy_proof copies what is to be proven.
static struct hub_hold_ask copy_proof(struct cm_arena *a, const struct hub_hold_ask *ask) {
    size_t size = ask->effect_count * sizeof(*ask->effects);
    struct hub_hold_effect *effects = cm_arena_get(a, size + 1);

    for (size_t i = 0; i < ask->effect_count; i++) {
        const struct hub_hold_effect *from = &ask->effects[i];
        void *bytes = cm_arena_get(a, from->size + 1);

        memcpy(bytes, from->bytes, from->size);
        effects[i] = *from;
        effects[i].key = cm_arena_strdup(a, from->key);
        effects[i].controller = cm_arena_strdup(a, from->controller);
        effects[i].bytes = bytes;
        for (size_t c = 0; c < from->cluster_count; c++) {
            effects[i].clusters[c] = cm_arena_strdup(a, from->clusters[c]);
        }
    }
    return (struct hub_hold_ask){.app = cm_arena_strdup(a, ask->app),
                                 .path = cm_arena_strdup(a, ask->path),
                                 .effects = effects,
                                 .effect_count = ask->effect_count,
                                 .effects_more = ask->effects_more};
}

static struct want *make_want(const struct hub_keeper *k, const struct hub_hold_ask *ask) {
    struct cm_arena *a = cm_arena_new(0);
    struct want *w = cm_arena_get(a, sizeof(*w));
    struct cm_json *args = cm_json_new(a, CM_OBJECT);
    struct cm_json *trailers = NULL;
    const char *root = root_of(k, ask->repo);

    cm_json_set_string(a, args, "path",
                       cm_arena_strf(a, "%s%s%s", root, root[0] == '\0' ? "" : "/", ask->path));
    if (ask->text != NULL) {
        cm_json_set_string(a, args, "text", ask->text);
        cm_json_set_bool(a, args, "revert", ask->revert);
        if (ask->found) {
            cm_json_set_bool(a, args, HUB_WRITE_FOUND, true);
        }
        if (ask->again || ask->back) {
            cm_json_set_bool(a, args, HUB_WRITE_AGAIN, true);
        }
        trailers = add_message(a, args, ask);
    } else {
        cm_json_set_string(a, args, "subject", ask->why);
    }
    *w = (struct want){.arena = a,
                       .args = args,
                       .trailers = trailers,
                       .proof = copy_proof(a, ask),
                       .urgent = ask->own && !ask->again && !ask->back,
                       .key = cm_arena_strf(a, "%s\n%s", ask->repo, ask->path),
                       .ask = {.repository = cm_arena_strdup(a, ask->repo),
                               .id = cm_arena_strdup(a, ask->id),
                               .kind = ask->text != NULL ? "hold" : "unhold",
                               .app = cm_arena_strdup(a, ask->app),
                               .cause = cm_arena_strdup(a, ask->path),
                               .actor = cm_arena_strdup(a, actor_of(ask)),
                               .automatic = true}};
    return w;
}

// ---- Waiting for its time

static void tick(void *ctx);

static void go_on_ticking(struct hub_keeper *k) {
    if (!k->ticking && !k->stopped) {
        k->ticking = true;
        k->timer = (struct cm_timer){.run = tick, .ctx = k};
        cm_timer_start(k->loop, &k->timer, TICK_MS);
    }
}

// rest leaves the file alone for twice as long as the last time.
static void rest(struct file *f) {
    f->pause_ms = f->pause_ms == 0 ? PAUSE_MIN_MS : f->pause_ms * 2;
    f->pause_ms = f->pause_ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : f->pause_ms;
    f->next_ms = cm_clock_now_ms() + f->pause_ms;
}

// set_due: what waits is asked for no sooner than this.
static void set_due(struct file *f, int64_t wanted_ms) {
    int64_t last_ms = f->since_ms + URGENT_MS;
    int64_t next_ms = f->want->urgent && f->next_ms > last_ms ? last_ms : f->next_ms;

    f->due_ms = wanted_ms < next_ms ? next_ms : wanted_ms;
}

// put_back lets what could not be put on record wait, unless something newer does.
static void put_back(struct file *f, struct want *w) {
    rest(f);
    if (f->want != NULL) {
        want_free(w);
        set_due(f, f->due_ms);
    } else {
        f->want = w;
        f->since_ms = cm_clock_now_ms();
        f->due_ms = f->next_ms;
    }
    go_on_ticking(f->keeper);
}

static void added(void *ctx, const struct cm_err *err, const struct hub_writer_answer *answer) {
    struct asking *asking = ctx;
    struct file *f = asking->file;
    struct want *w = asking->want;
    bool may_pass = err->code == CM_EBUSY || err->code == CM_EIO;

    (void)answer;
    free(asking);
    f->asking = false;
    if (may_pass && !f->keeper->stopped) {
        put_back(f, w);
        return;
    }
    if (err->code != CM_OK && err->code != CM_ECANCELED) {
        cm_log(CM_LOG_WARN, "release.not_written", err->msg, "app", w->ask.app, "repository",
               w->ask.repository, NULL);
    }
    rest(f);
    want_free(w);
}

static void add(struct asking *asking) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct want *w = asking->want;

    cm_json_write_compact(w->args, &text);
    w->ask.args = cm_arena_strdup(w->arena, cm_str_get(&text));
    hub_writer_add(asking->file->keeper->writer, &w->ask, added, asking);
}

static void proved(void *ctx, const char *proof) {
    static const struct cm_err stopped = {.code = CM_ECANCELED};
    struct asking *asking = ctx;

    if (asking->file->keeper->stopped) {
        added(asking, &stopped, NULL);
        return;
    }
    cm_json_set_string(asking->want->arena, asking->want->trailers, "Proof", proof);
    add(asking);
}

// is_written tells whether the hub writes to a repository at all.
static bool is_written(const struct hub_keeper *k, const char *repository) {
    const struct hub_repository *r = find_repository(k, repository);

    return r != NULL && r->write != HUB_WRITE_OFF;
}

static void ask_now(struct file *f) {
    struct asking *asking = cm_new(1, sizeof(*asking));
    struct want *w = f->want;

    *asking = (struct asking){.file = f, .want = w};
    f->want = NULL;
    f->asking = true;
    if (w->trailers != NULL && f->keeper->prover != NULL &&
        is_written(f->keeper, w->ask.repository)) {
        hub_prover_prove(f->keeper->prover, &w->proof, proved, asking);
    } else {
        add(asking);
    }
}

static bool look(void *ctx, const char *key, void *value) {
    struct file *f = value;
    bool *waits = ctx;

    (void)key;
    if (f->want != NULL && !f->asking && f->due_ms <= cm_clock_now_ms()) {
        ask_now(f);
    }
    *waits = *waits || f->want != NULL;
    return true;
}

static void tick(void *ctx) {
    struct hub_keeper *k = ctx;
    bool waits = false;

    k->ticking = false;
    cm_map_each(k->files, look, &waits);
    if (waits) {
        go_on_ticking(k);
    }
}

static struct file *find_file(struct hub_keeper *k, const char *key) {
    struct file *f = cm_map_get(k->files, key);

    if (f == NULL) {
        f = cm_new(1, sizeof(*f));
        f->keeper = k;
        cm_map_put(k->files, key, f);
    }
    return f;
}

static void take(struct hub_keeper *k, const struct hub_hold_ask *ask) {
    struct want *w = make_want(k, ask);
    struct file *f = find_file(k, w->key);
    int64_t now_ms = cm_clock_now_ms();

    f->since_ms = f->want == NULL ? now_ms : f->since_ms;
    f->pause_ms = now_ms - f->next_ms > PAUSE_MAX_MS ? 0 : f->pause_ms;
    want_free(f->want);
    f->want = w;
    set_due(f,
            now_ms + QUIET_MS < f->since_ms + MOST_MS ? now_ms + QUIET_MS : f->since_ms + MOST_MS);
    go_on_ticking(k);
}

void hub_keeper_take(struct hub_keeper *k, const struct hub_hold_ask *asks, size_t count) {
    for (size_t i = 0; i < count && !k->stopped; i++) {
        take(k, &asks[i]);
    }
}
