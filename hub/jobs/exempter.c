#include "hub/jobs/exempter.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/config/config.h"
#include "hub/jobs/store.h"
#include "hub/jobs/writer.h"
#include "hub/store/exemptions.h"

#define LOOK_MS 2000
#define AGAIN_MS ((int64_t)10 * 60 * 1000) // a file that is still there

// One whose file shall go.
struct over {
    char *name;
    char *app;
    char *repo;
    char *path;
    int64_t until_ms;
    struct over *next;
};

struct hub_exempter {
    struct cm_loop *loop;
    struct hub_store *store;
    struct hub_writer *writer;
    const struct hub_repositories *repositories;
    struct cm_timer timer;
    struct hub_store_job job;
    struct over *over;    // that a look found
    struct cm_map *asked; // name and end -> monotonic time of it
    bool stopped;
};

static void free_over(struct hub_exempter *x) {
    while (x->over != NULL) {
        struct over *next = x->over->next;

        free(x->over->name);
        free(x->over->app);
        free(x->over->repo);
        free(x->over->path);
        free(x->over);
        x->over = next;
    }
}

static const struct hub_repository *find_repository(const struct hub_exempter *x,
                                                    const char *name) {
    for (size_t i = 0; i < x->repositories->count; i++) {
        if (strcmp(x->repositories->items[i].name, name) == 0) {
            return &x->repositories->items[i];
        }
    }
    return NULL;
}

// shall_ask: what cannot be put on record now is asked for again later.
static bool shall_ask(struct hub_exempter *x, const struct over *o) {
    CM_AUTOFREE char *key = cm_strf("%s\n%lld", o->name, (long long)o->until_ms);
    int64_t now_ms = cm_clock_now_ms();
    int64_t *asked_ms = cm_map_get(x->asked, key);

    if (asked_ms != NULL && now_ms - *asked_ms < AGAIN_MS) {
        return false;
    }
    asked_ms = cm_new(1, sizeof(*asked_ms));
    *asked_ms = now_ms;
    cm_map_put(x->asked, key, asked_ms);
    return true;
}

static void added(void *ctx, const struct cm_err *err, const struct hub_writer_answer *answer) {
    (void)ctx;
    (void)answer;
    if (err->code != CM_OK && err->code != CM_ECANCELED) {
        cm_log(CM_LOG_WARN, "exemption.not_removed", err->msg, NULL);
    }
}

static void ask(struct hub_exempter *x, const struct over *o) {
    const struct hub_repository *r = find_repository(x, o->repo);
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str args = {0};
    struct cm_json *json = cm_json_new(a, CM_OBJECT);

    if (r == NULL || r->write != HUB_WRITE_DIRECT || !shall_ask(x, o)) {
        return;
    }
    cm_json_set_string(a, json, "path",
                       cm_arena_strf(a, "%s%s%s", r->path, r->path[0] == '\0' ? "" : "/", o->path));
    cm_json_set_int(a, json, "until", o->until_ms);
    cm_json_write_compact(json, &args);
    hub_writer_add(x->writer,
                   &(struct hub_writer_ask){.repository = o->repo,
                                            .kind = "unexempt",
                                            .app = o->app,
                                            .args = cm_str_get(&args),
                                            .actor = "holdfast",
                                            .automatic = true},
                   added, x);
}

static void take_over(void *ctx, const struct hub_exemption_over *e) {
    struct hub_exempter *x = ctx;
    struct over *o = cm_new(1, sizeof(*o));

    *o = (struct over){.name = cm_strdup(e->name),
                       .app = cm_strdup(e->app),
                       .repo = cm_strdup(e->repo),
                       .path = cm_strdup(e->path),
                       .until_ms = e->until_ms,
                       .next = x->over};
    x->over = o;
}

static enum cm_rc run_look(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct hub_exempter *x = CM_CONTAINER(job, struct hub_exempter, job);

    return hub_exemptions_look(db, cm_clock_unix_ms(), take_over, x, err);
}

static void look_done(struct hub_store_job *job, const struct cm_err *err) {
    struct hub_exempter *x = CM_CONTAINER(job, struct hub_exempter, job);

    for (const struct over *o = x->over; err->code == CM_OK && !x->stopped && o != NULL;
         o = o->next) {
        ask(x, o);
    }
    free_over(x);
    if (!x->stopped) {
        cm_timer_start(x->loop, &x->timer, LOOK_MS);
    }
}

static void look(void *ctx) {
    struct hub_exempter *x = ctx;

    x->job = (struct hub_store_job){.run = run_look, .done = look_done};
    hub_store_submit(x->store, &x->job);
}

struct hub_exempter *hub_exempter_new(struct cm_loop *loop, struct hub_store *store,
                                      struct hub_writer *writer,
                                      const struct hub_repositories *repositories) {
    struct hub_exempter *x = cm_new(1, sizeof(*x));

    *x = (struct hub_exempter){
        .loop = loop, .store = store, .writer = writer, .repositories = repositories};
    x->asked = cm_map_new(free);
    x->timer = (struct cm_timer){.run = look, .ctx = x};
    cm_timer_start(loop, &x->timer, LOOK_MS);
    return x;
}

void hub_exempter_stop(struct hub_exempter *x) {
    x->stopped = true;
    cm_timer_stop(x->loop, &x->timer);
}

void hub_exempter_free(struct hub_exempter *x) {
    if (x != NULL) {
        free_over(x);
        cm_map_free(x->asked);
    }
    free(x);
}
