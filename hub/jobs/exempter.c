#include "hub/jobs/exempter.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/fault.h"
#include "common/json.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"
#include "hub/config/config.h"
#include "hub/jobs/made.h"
#include "hub/jobs/store.h"
#include "hub/jobs/writer.h"
#include "hub/store/exemptions.h"
#include "hub/store/intents.h"
#include "hub/store/site_exemptions.h"

#define LOOK_MS 2000
#define SOON_MS ((int64_t)10 * 1000)       // what is not on record, or not out of Git, yet
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

// What a site allows, or no more, and Git shall say. All of it is the arena's.
struct site {
    struct hub_exempter *owner;
    struct cm_arena *arena;
    struct hub_store_job asked; // notes that it is on record
    const char *id;             // of the change
    const char *kind;
    const char *cluster;
    const char *site_id;
    const char *app;
    const char *repo;
    const char *path; // below the root of the fleet
    const char *text; // NULL: the file goes
    const char *who;
    const char *subject;
    const char *reason;
    const char *said;
    const char *manager;
    const char *wrong; // why it cannot be; NULL: it can
    struct site *next;
};

struct hub_exempter {
    struct cm_loop *loop;
    struct hub_store *store;
    struct hub_writer *writer;
    const struct hub_repositories *repositories;
    struct cm_timer timer;
    struct hub_store_job job;
    struct over *over; // that a look found
    struct site *sites;
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
static bool shall_ask(struct hub_exempter *x, const char *key, int64_t again_ms) {
    int64_t now_ms = cm_clock_now_ms();
    int64_t *asked_ms = cm_map_get(x->asked, key);

    if (asked_ms != NULL && now_ms - *asked_ms < again_ms) {
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
    const char *key = cm_arena_strf(a, "unexempt\n%s\n%lld", o->name, (long long)o->until_ms);
    struct cm_sha256 digest = cm_sha256(key, strlen(key));
    char id[CM_SHA256_HEX_MAX];
    bool by_pulls = hub_writer_by_pulls(x->writer, o->repo); // what people refused rests then

    if (r == NULL || r->write == HUB_WRITE_OFF || !shall_ask(x, key, AGAIN_MS)) {
        return;
    }
    cm_sha256_hex(&digest, id);
    cm_json_set_string(a, json, "path",
                       cm_arena_strf(a, "%s%s%s", r->path, r->path[0] == '\0' ? "" : "/", o->path));
    cm_json_set_int(a, json, "until", o->until_ms);
    cm_json_write_compact(json, &args);
    hub_writer_add(x->writer,
                   &(struct hub_writer_ask){.repository = o->repo,
                                            .id = by_pulls ? id : NULL,
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

// ---- What sites allow

static void site_free(struct site *s) {
    cm_arena_free(s->arena);
}

static void free_sites(struct hub_exempter *x) {
    while (x->sites != NULL) {
        struct site *next = x->sites->next;

        site_free(x->sites);
        x->sites = next;
    }
}

static struct site *add_site(struct hub_exempter *x, const struct hub_site_exemption *e,
                             bool goes) {
    struct cm_arena *a = cm_arena_new(0);
    struct site *s = cm_arena_get(a, sizeof(*s));
    CM_AUTOFREE char *id = hub_site_exemptions_intent(e->cluster, e->id, goes);

    *s = (struct site){.owner = x,
                       .arena = a,
                       .id = cm_arena_strdup(a, id),
                       .kind = goes ? "unexempt" : "exempt",
                       .cluster = cm_arena_strdup(a, e->cluster),
                       .site_id = cm_arena_strdup(a, e->id),
                       .app = cm_arena_strdup(a, e->app),
                       .who = cm_arena_strdup(a, e->actor[0] != '\0' ? e->actor : "unknown"),
                       .said = cm_arena_strdup(a, e->said),
                       .manager = cm_arena_strdup(a, e->manager),
                       .next = x->sites};
    x->sites = s;
    return s;
}

// Rows that are to be made into files, once the query that found them is over.
struct finding {
    struct hub_exempter *x;
    struct cm_arena *a;
    struct hub_site_exemption *rows;
    size_t count;
};

static void copy_row(void *ctx, const struct hub_site_exemption *e) {
    struct finding *f = ctx;

    if ((f->count & (f->count - 1)) == 0) { // grows when it is a power of two
        f->rows = cm_resize(f->rows, (f->count == 0 ? 1 : f->count * 2) * sizeof(*f->rows));
    }
    struct hub_site_exemption *to = &f->rows[f->count++];
    *to = *e;
    to->cluster = cm_arena_strdup(f->a, e->cluster);
    to->name = cm_arena_strdup(f->a, e->name);
    to->said = cm_arena_strdup(f->a, e->said);
    to->app = cm_arena_strdup(f->a, e->app);
    to->object = cm_arena_strdup(f->a, e->object);
    to->field = cm_arena_strdup(f->a, e->field);
    to->reason = cm_arena_strdup(f->a, e->reason);
    to->actor = cm_arena_strdup(f->a, e->actor);
    to->manager = cm_arena_strdup(f->a, e->manager);
    to->message = "";
}

static enum cm_rc make_text(struct site *s, const struct hub_site_exemption *e, struct hub_db *db,
                            struct cm_err *err) {
    CM_CLEANUP(hub_located_done) struct hub_located located = {0};
    const struct hub_exempt_ask ask = {.app = e->app,
                                       .clusters = &e->cluster,
                                       .cluster_count = 1,
                                       .object = e->object,
                                       .field = e->field,
                                       .name = e->name,
                                       .by = s->who,
                                       .reason = e->reason,
                                       .site = e->id,
                                       .until_ms = e->until_ms};
    struct hub_made made;
    enum cm_rc rc = hub_intents_locate(db, e->app, NULL, &located, err);

    rc = rc < 0 ? rc : hub_made_exemption(s->arena, db, &ask, &made, err);
    if (rc == CM_OK) {
        s->repo = cm_arena_strdup(s->arena, located.repository);
        s->path = made.path;
        s->text = made.text;
    }
    return rc;
}

static enum cm_rc make_new(struct hub_exempter *x, const struct hub_site_exemption *e,
                           struct hub_db *db, struct cm_err *err) {
    struct site *s = add_site(x, e, false);
    enum cm_rc rc = make_text(s, e, db, err);

    s->reason = cm_arena_strdup(s->arena, e->reason);
    s->subject =
        cm_arena_strf(s->arena, "%s%s%s may be changed by hand on %s, which allows it itself",
                      e->object, e->field[0] == '\0' ? "" : ", ", e->field, e->cluster);
    if (rc != CM_ENOTFOUND && rc != CM_EINVAL) {
        return rc;
    }
    s->wrong = cm_arena_strdup(s->arena, err->msg);
    return hub_site_exemptions_failed(db, e->cluster, e->id, cm_clock_unix_ms(), err);
}

// writable_of lists the repositories that may be written to, as JSON.
static const char *writable_of(const struct hub_exempter *x, struct cm_arena *a) {
    struct cm_json *names = cm_json_new(a, CM_ARRAY);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    for (size_t i = 0; i < x->repositories->count; i++) {
        const struct hub_repository *r = &x->repositories->items[i];

        if (r->write != HUB_WRITE_OFF) {
            cm_json_append(names, cm_json_new_string(a, r->name));
        }
    }
    cm_json_write_compact(names, &text);
    return cm_arena_strdup(a, cm_str_get(&text));
}

static enum cm_rc find_new(struct hub_exempter *x, struct hub_db *db, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct finding f = {.x = x, .a = a};
    enum cm_rc rc =
        hub_site_exemptions_each_new(db, writable_of(x, a), cm_clock_unix_ms(), copy_row, &f, err);

    for (size_t i = 0; rc == CM_OK && i < f.count; i++) {
        rc = make_new(x, &f.rows[i], db, err);
    }
    free(f.rows);
    return rc;
}

static void take_gone(void *ctx, const struct hub_site_exemption_file *e) {
    struct site *s = add_site(ctx, &e->row, true);

    s->repo = cm_arena_strdup(s->arena, e->repo);
    s->path = cm_arena_strdup(s->arena, e->path);
    s->reason = cm_arena_strdup(s->arena, e->row.message);
    s->subject = cm_arena_strf(s->arena, "%s does not allow it any more", e->row.cluster);
}

static const char *args_of(const struct site *s, const char *root) {
    struct cm_arena *a = s->arena;
    struct cm_json *args = cm_json_new(a, CM_OBJECT);
    struct cm_json *trailers = cm_json_new(a, CM_OBJECT);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    cm_json_set_string(a, args, "path",
                       cm_arena_strf(a, "%s%s%s", root, root[0] == '\0' ? "" : "/", s->path));
    if (s->text != NULL) {
        cm_json_set_string(a, args, "text", s->text);
    }
    cm_json_set_string(a, args, "subject", s->subject);
    cm_json_set_string(a, args, "reason", s->reason);
    cm_json_set_string(a, args, "author", s->who);
    cm_json_set_string(a, trailers, "Site-Object", s->said);
    cm_json_set_string(a, trailers, "Site-Manager", s->manager);
    cm_json_set_string(a, trailers, "Site-Id", s->site_id);
    cm_json_set(a, args, "trailers", trailers);
    cm_json_write_compact(args, &text);
    return cm_arena_strdup(a, cm_str_get(&text));
}

static enum cm_rc run_asked(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    const struct site *s = CM_CONTAINER(job, struct site, asked);

    return hub_site_exemptions_asked(db, s->cluster, s->site_id, cm_clock_unix_ms(), err);
}

static void asked_done(struct hub_store_job *job, const struct cm_err *err) {
    struct site *s = CM_CONTAINER(job, struct site, asked);

    CM_FAULT_POINT("exemption-noted");
    (void)err; // then it is asked for again, and is on record already
    site_free(s);
}

static void complain(const struct site *s, const char *why) {
    cm_log(CM_LOG_WARN, "exemption.not_written", why, "cluster", s->cluster, "app", s->app,
           "exemption", s->said, NULL);
}

static void site_added(void *ctx, const struct cm_err *err,
                       const struct hub_writer_answer *answer) {
    struct site *s = ctx;
    bool on_record = err->code == CM_OK && answer->state != HUB_WRITER_OFF;

    CM_FAULT_POINT("exemption-recorded");
    if (on_record && s->text != NULL) {
        s->asked = (struct hub_store_job){.run = run_asked, .done = asked_done};
        hub_store_submit(s->owner->store, &s->asked);
        return;
    }
    if (err->code != CM_OK && err->code != CM_ECANCELED && err->code != CM_EBUSY) {
        complain(s, err->msg);
    }
    site_free(s);
}

// ask_for_site takes what it is given. Where the hub may not write it stays with the site.
static void ask_for_site(struct hub_exempter *x, struct site *s) {
    const struct hub_repository *r = s->wrong == NULL ? find_repository(x, s->repo) : NULL;

    if (x->stopped || r == NULL || r->write == HUB_WRITE_OFF || !shall_ask(x, s->id, SOON_MS)) {
        site_free(s);
        return;
    }
    hub_writer_add(x->writer,
                   &(struct hub_writer_ask){.repository = s->repo,
                                            .id = s->id,
                                            .kind = s->kind,
                                            .app = s->app,
                                            .cluster = s->cluster,
                                            .args = args_of(s, r->path),
                                            .actor = s->who},
                   site_added, s);
}

static void ask_for_sites(struct hub_exempter *x) {
    while (x->sites != NULL) {
        struct site *s = x->sites;

        x->sites = s->next;
        if (s->wrong != NULL) {
            complain(s, s->wrong);
        }
        ask_for_site(x, s);
    }
}

// ---- Looking

static enum cm_rc run_look(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct hub_exempter *x = CM_CONTAINER(job, struct hub_exempter, job);
    int64_t now_ms = cm_clock_unix_ms();
    enum cm_rc rc = hub_exemptions_look(db, now_ms, take_over, x, err);

    rc = rc < 0 ? rc : hub_site_exemptions_expire(db, now_ms, err);
    rc = rc < 0 ? rc : find_new(x, db, err);
    return rc < 0 ? rc : hub_site_exemptions_each_gone(db, now_ms, take_gone, x, err);
}

static void look_done(struct hub_store_job *job, const struct cm_err *err) {
    struct hub_exempter *x = CM_CONTAINER(job, struct hub_exempter, job);

    for (const struct over *o = x->over; err->code == CM_OK && !x->stopped && o != NULL;
         o = o->next) {
        ask(x, o);
    }
    if (err->code == CM_OK) {
        ask_for_sites(x);
    }
    free_over(x);
    free_sites(x);
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
        free_sites(x);
        cm_map_free(x->asked);
    }
    free(x);
}
