#include "hub/jobs/capture.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/capture/capture.h"
#include "hub/capture/stable.h"
#include "hub/config/config.h"
#include "hub/jobs/changed.h"
#include "hub/jobs/store.h"
#include "hub/jobs/writer.h"
#include "hub/store/events.h"

#define LOOK_MS 10000  // at most
#define LOOKS 4        // in the time that something must stay
#define ROWS_MAX 10000 // fields that are looked at

struct hub_capturer {
    struct cm_loop *loop;
    struct hub_store *store;
    struct hub_writer *writer;
    const struct hub_repositories *repositories; // borrowed
    struct hub_stable *stable;
    int64_t look_ms;
    struct cm_timer timer;
    struct hub_store_job job; // a look, or an event
    struct hub_capture_list list;
    size_t next; // of the list
    struct cm_err why;
    bool stopped;
};

struct hub_capturer *hub_capturer_new(struct cm_loop *loop, struct hub_store *store,
                                      struct hub_writer *writer,
                                      const struct hub_repositories *repositories,
                                      int64_t after_ms) {
    struct hub_capturer *c = cm_new(1, sizeof(*c));

    *c = (struct hub_capturer){
        .loop = loop, .store = store, .writer = writer, .repositories = repositories};
    c->stable = hub_stable_new(after_ms);
    c->look_ms = after_ms / LOOKS < LOOK_MS ? after_ms / LOOKS : LOOK_MS;
    return c;
}

static void forget_list(struct hub_capturer *c) {
    free(c->list.items);
    cm_arena_free(c->list.arena);
    c->list = (struct hub_capture_list){0};
}

void hub_capturer_stop(struct hub_capturer *c) {
    c->stopped = true;
    cm_timer_stop(c->loop, &c->timer);
}

void hub_capturer_free(struct hub_capturer *c) {
    if (c != NULL) {
        forget_list(c);
        hub_stable_free(c->stable);
    }
    free(c);
}

// ---- One after the other

static void go_on(struct hub_capturer *c);

static const struct hub_capture_object *current(const struct hub_capturer *c) {
    return &c->list.items[c->next];
}

static char *key_of(const struct hub_capture_object *object) {
    return cm_strf("%s\n%s", object->cluster, object->key);
}

static enum cm_rc run_event(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct hub_capturer *c = CM_CONTAINER(job, struct hub_capturer, job);
    CM_AUTOFREE char *words = cm_strf("capture: %s", c->why.msg);
    const struct hub_event event = {.at_ms = cm_clock_unix_ms(),
                                    .kind = "write.impossible",
                                    .app = current(c)->app,
                                    .cluster = current(c)->cluster,
                                    .key = current(c)->key,
                                    .actor = "hub",
                                    .message = words};

    return hub_events_add(db, &event, err);
}

static void event_done(struct hub_store_job *job, const struct cm_err *err) {
    struct hub_capturer *c = CM_CONTAINER(job, struct hub_capturer, job);

    if (err->code != CM_OK && err->code != CM_ECANCELED) {
        cm_log(CM_LOG_WARN, "store.failed", err->msg, NULL);
    }
    c->next++;
    go_on(c);
}

static void tell_impossible(struct hub_capturer *c, const struct cm_err *why) {
    CM_AUTOFREE char *words = cm_strf("capture: %s", why->msg);

    cm_log(CM_LOG_WARN, "write.impossible", words, "app", current(c)->app, "cluster",
           current(c)->cluster, "object", current(c)->key, NULL);
    c->why = *why;
    c->job = (struct hub_store_job){.run = run_event, .done = event_done};
    hub_store_submit(c->store, &c->job);
}

static void added(void *ctx, const struct cm_err *err, const struct hub_writer_answer *answer) {
    struct hub_capturer *c = ctx;
    CM_AUTOFREE char *key = key_of(current(c));
    struct cm_err why = *err;

    if (c->stopped) {
        return;
    }
    if (err->code == CM_OK && answer->state == HUB_WRITER_OFF) {
        (void)cm_fail(&why, CM_EAUTH,
                      "the hub does not write to repository '%.100s': run 'holdfast capture %s "
                      "--cluster %s' and commit what it prints",
                      current(c)->repo, current(c)->app, current(c)->cluster);
    }
    if (why.code == CM_EINVAL || why.code == CM_ENOTFOUND || why.code == CM_EAUTH) {
        tell_impossible(c, &why);
        return;
    }
    if (why.code != CM_OK) { // it may pass
        hub_stable_again(c->stable, key, cm_clock_now_ms());
    }
    c->next++;
    go_on(c);
}

static bool has_provider(const struct hub_capturer *c, const char *repository) {
    for (size_t i = 0; i < c->repositories->count; i++) {
        if (strcmp(c->repositories->items[i].name, repository) == 0) {
            return c->repositories->items[i].provider != NULL;
        }
    }
    return false;
}

// wants_pull: people see it before it is in Git, unless the App says that they need not.
static bool wants_pull(const struct hub_capture_object *object) {
    return strcmp(object->way, "commit") != 0;
}

static void ask(struct hub_capturer *c) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str args = {0};
    const struct hub_capture_object *object = current(c);
    CM_AUTOFREE char *whole = cm_strf("capture\n%s\n%s\n%s\n%s", object->app, object->cluster,
                                      object->key, object->content);
    struct cm_sha256 digest = cm_sha256(whole, strlen(whole));
    char id[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&digest, id);
    struct cm_json *json = hub_capture_args(a, object, false, true);
    if (wants_pull(object)) {
        cm_json_set_bool(a, json, "pull", true);
    }
    cm_json_write_compact(json, &args);
    const struct hub_writer_ask what = {.repository = object->repo,
                                        .id = id,
                                        .kind = "capture",
                                        .app = object->app,
                                        .cluster = object->cluster,
                                        .args = cm_str_get(&args),
                                        .automatic = true};
    hub_writer_add(c->writer, &what, added, c);
}

// check: what may be a secret is written only if a person asks for it.
static enum cm_rc check(const struct hub_capturer *c, const struct hub_capture_object *object,
                        struct cm_err *err) {
    if (err->code != CM_OK) {
        return err->code;
    }
    if (wants_pull(object) && !has_provider(c, object->repo)) {
        return cm_fail(err, CM_EINVAL,
                       "it takes a pull request unless the App '%s' says 'capture: commit', and "
                       "repository '%.100s' has no 'provider' in the hub's configuration: set one, "
                       "or say that",
                       object->app, object->repo);
    }
    if (object->secret == NULL) {
        return CM_OK;
    }
    return cm_fail(err, CM_EINVAL,
                   "%s of %s may be a secret, so it is not written by itself: 'holdfast capture %s "
                   "--cluster %s --object %s' does",
                   object->secret, object->key, object->app, object->cluster, object->key);
}

static void look_again(struct hub_capturer *c) {
    if (!c->stopped) {
        cm_timer_start(c->loop, &c->timer, c->look_ms);
    }
}

// go_on takes the next object of the list that is due.
static void go_on(struct hub_capturer *c) {
    for (; c->next < c->list.count && !c->stopped; c->next++) {
        const struct hub_capture_object *object = current(c);
        CM_AUTOFREE char *key = key_of(object);

        if (!hub_stable_see(c->stable, key, object->content, cm_clock_now_ms())) {
            continue;
        }
        hub_stable_told(c->stable, key);
        struct cm_err err = object->err;
        if (check(c, object, &err) < 0) {
            tell_impossible(c, &err);
        } else {
            ask(c);
        }
        return;
    }
    hub_stable_end(c->stable);
    forget_list(c);
    look_again(c);
}

// ---- Looking

static enum cm_rc run_look(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct hub_capturer *c = CM_CONTAINER(job, struct hub_capturer, job);

    return hub_changed_find(db, NULL, NULL, ROWS_MAX, &c->list, err);
}

static void look_done(struct hub_store_job *job, const struct cm_err *err) {
    struct hub_capturer *c = CM_CONTAINER(job, struct hub_capturer, job);

    c->next = 0;
    if (err->code == CM_OK) {
        hub_stable_begin(c->stable);
        go_on(c);
        return;
    }
    forget_list(c);
    look_again(c);
}

static void look(void *ctx) {
    struct hub_capturer *c = ctx;

    c->list.arena = cm_arena_new(0);
    c->job = (struct hub_store_job){.run = run_look, .done = look_done};
    hub_store_submit(c->store, &c->job);
}

void hub_capturer_start(struct hub_capturer *c) {
    c->timer = (struct cm_timer){.run = look, .ctx = c};
    cm_timer_start(c->loop, &c->timer, c->look_ms);
}
