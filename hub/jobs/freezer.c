#include "hub/jobs/freezer.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/fault.h"
#include "common/json.h"
#include "common/list.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "hub/config/config.h"
#include "hub/hold/freeze.h"
#include "hub/jobs/freeze_set.h"
#include "hub/jobs/store.h"
#include "hub/jobs/writer.h"
#include "hub/store/breaker.h"
#include "hub/store/freezes.h"

#define PAUSE_MIN_MS 2000 // between two tries to put on record what Git shall have
#define PAUSE_MAX_MS ((int64_t)5 * 60 * 1000)
#define LOOK_MS ((int64_t)60 * 1000) // the clock may be set

// What Git shall have, or have no longer. It stays as long as the hub runs, so that it is asked for
// once.
struct wish {
    struct hub_freezer *freezer;
    char *name; // of the freeze
    bool asking;
    bool done;
    int64_t pause_ms;
    int64_t next_ms; // monotonic
};

struct hub_freezer {
    struct hub_freezer_config config;
    struct hub_freeze_set *set;
    struct cm_map *wishes; // by the intent's id
    struct cm_timer timer;
    bool begun;
    bool stopped;
    struct cm_metric *metric;
    struct cm_metric *metric_oldest;
};

enum what { START, END, LOOK, NOTE, TOLD };

// A change of what is on record.
struct change {
    struct hub_store_job job;
    struct hub_freezer *owner;
    struct cm_arena *arena;
    enum what what;
    struct hub_freeze_row row;
    bool dry_run;
    size_t clusters;   // of what ends
    const char **told; // freezes that an agent has heard of
    size_t told_count;
    struct hub_freeze_set *set; // afterwards
    hub_freezer_fn done;        // NULL: nobody asked
    void *ctx;
};

static void adopt(struct hub_freezer *f, struct hub_freeze_set *set);

// ---- The store's thread

static enum cm_rc start_one(struct hub_db *db, const struct hub_freeze_row *row,
                            struct cm_err *err) {
    enum cm_rc rc = hub_freezes_start(db, row, err);

    return rc < 0 || strcmp(row->source, HUB_FREEZE_BY_BREAKER) != 0
               ? rc
               : hub_breaker_tripped(db, row->app, row->cluster, row->at_ms, err);
}

static enum cm_rc run_told(struct change *c, struct hub_db *db, int64_t now_ms,
                           struct cm_err *err) {
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < c->told_count; i++) {
        rc = hub_freezes_told(db, c->told[i], c->row.cluster, now_ms, err);
    }
    return rc;
}

static enum cm_rc run_what(struct change *c, struct hub_db *db, struct cm_err *err) {
    int64_t now_ms = cm_clock_unix_ms();

    switch (c->what) {
    case START:
        return start_one(db, &c->row, err);
    case END:
        return hub_freezes_end(db, c->row.name, c->row.actor, "it was unfrozen", now_ms, err);
    case NOTE:
        return hub_freezes_note(db, c->row.name, c->row.note, err);
    case TOLD:
        return run_told(c, db, now_ms, err);
    case LOOK:
        break;
    }
    return hub_freezes_expire(db, now_ms, err);
}

static enum cm_rc run(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct change *c = CM_CONTAINER(job, struct change, job);
    enum cm_rc rc = run_what(c, db, err);

    if (c->what == TOLD) {
        return rc;
    }
    rc = rc < 0 ? rc : hub_freezes_resolve(db, err);
    rc = rc < 0 ? rc : hub_freeze_set_load(db, &c->set, err);
    // What fails is taken back.
    return rc == CM_OK && c->dry_run ? cm_fail(err, CM_ECANCELED, "it was only tried") : rc;
}

// ---- Changes

static struct change *change_new(struct hub_freezer *f, enum what what) {
    struct cm_arena *a = cm_arena_new(0);
    struct change *c = cm_new(1, sizeof(*c));

    c->owner = f;
    c->arena = a;
    c->what = what;
    c->row = (struct hub_freeze_row){.name = "",
                                     .app = "",
                                     .cluster = "",
                                     .group = "",
                                     .selector = "",
                                     .reason = "",
                                     .actor = "",
                                     .repo = "",
                                     .path = "",
                                     .note = "",
                                     .source = ""};
    return c;
}

static void change_free(struct change *c) {
    hub_freeze_set_unref(c->set);
    cm_arena_free(c->arena);
    free(c);
}

static const struct hub_freeze_row *find_row(const struct hub_freeze_set *set, const char *name) {
    size_t count;
    const struct hub_freeze_row *rows = hub_freeze_set_rows(set, &count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static const struct hub_repository *find_repository(const struct hub_freezer *f, const char *name) {
    for (size_t i = 0; i < f->config.repositories->count; i++) {
        if (strcmp(f->config.repositories->items[i].name, name) == 0) {
            return &f->config.repositories->items[i];
        }
    }
    return NULL;
}

static void write_text(const struct hub_freeze_row *row, struct cm_str *out) {
    const struct hub_freeze freeze = {.name = row->name,
                                      .app = row->app,
                                      .cluster = row->cluster,
                                      .group = row->group,
                                      .selector = row->selector,
                                      .reason = row->reason,
                                      .actor = row->actor,
                                      .at_ms = row->at_ms,
                                      .until_ms = row->until_ms};

    hub_freeze_write(&freeze, out);
}

static void answer(const struct change *c, const struct hub_freeze_row *row) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    const struct hub_repository *r = find_repository(c->owner, row->repo);
    struct hub_frozen frozen = {
        .row = row,
        .clusters = c->what == END ? c->clusters : hub_freeze_set_clusters(c->set, row->name),
        .writes = r != NULL && r->write != HUB_WRITE_OFF};

    write_text(row, &text);
    frozen.text = cm_str_get(&text);
    c->done(c->ctx, &(struct cm_err){.code = CM_OK}, &frozen);
}

static void tell(const struct change *c, const struct cm_err *err) {
    const struct hub_freeze_row *row = c->set == NULL ? NULL : find_row(c->set, c->row.name);
    bool tried = c->dry_run && err->code == CM_ECANCELED;

    if (c->done == NULL) {
        return;
    }
    if (row != NULL && (err->code == CM_OK || tried)) {
        answer(c, row);
    } else {
        c->done(c->ctx, err, NULL);
    }
}

static void log_change(const struct change *c) {
    const struct hub_freeze_row *row = find_row(c->set, c->row.name);

    if (row == NULL || c->what > END) {
        return;
    }
    CM_AUTOFREE char *where = hub_freezes_where(row);
    if (c->what == START) {
        cm_log(CM_LOG_WARN, "freeze.started", row->reason, "freeze", row->name, "what", where,
               "actor", c->row.actor, NULL);
    } else {
        cm_log(CM_LOG_WARN, "freeze.ended", "somebody ended it", "freeze", row->name, "what", where,
               "actor", c->row.actor, NULL);
    }
}

static void change_done(struct hub_store_job *job, const struct cm_err *err) {
    struct change *c = CM_CONTAINER(job, struct change, job);

    if (err->code == CM_OK && c->set != NULL) {
        CM_FAULT_POINT("freeze-recorded");
        log_change(c);
        adopt(c->owner, c->set);
    } else if (err->code != CM_OK && c->done == NULL) {
        cm_log(CM_LOG_WARN, "store.failed", err->msg, NULL); // it is tried again
    }
    tell(c, err);
    change_free(c);
}

static void submit(struct change *c, bool first) {
    c->job.run = run;
    c->job.done = change_done;
    if (first) {
        hub_store_submit_first(c->owner->config.store, &c->job);
    } else {
        hub_store_submit(c->owner->config.store, &c->job);
    }
}

// ---- Into Git

static void look_later(struct hub_freezer *f);

static void note(struct hub_freezer *f, const char *name, const char *why) {
    const struct hub_freeze_row *row = find_row(f->set, name);

    if (row == NULL || strcmp(row->note, why) == 0 || f->stopped) {
        return;
    }
    struct change *c = change_new(f, NOTE);
    c->row.name = cm_arena_strdup(c->arena, name);
    c->row.note = cm_arena_strdup(c->arena, why);
    submit(c, false);
}

static void added(void *ctx, const struct cm_err *err, const struct hub_writer_answer *answer) {
    struct wish *w = ctx;
    struct hub_freezer *f = w->freezer;

    w->asking = false;
    if (err->code == CM_ECANCELED) {
        return; // the hub is stopping
    }
    if (err->code == CM_OK) {
        w->done = true;
        note(f, w->name,
             answer->state == HUB_WRITER_OFF ? "the hub does not write to this repository" : "");
        return;
    }
    w->pause_ms = w->pause_ms == 0 ? PAUSE_MIN_MS : 2 * w->pause_ms;
    w->pause_ms = w->pause_ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : w->pause_ms;
    w->next_ms = cm_clock_now_ms() + w->pause_ms;
    note(f, w->name, err->msg);
    look_later(f);
}

static void free_wish(void *value) {
    struct wish *w = value;

    free(w->name);
    free(w);
}

static struct wish *wish_of(struct hub_freezer *f, const char *id, const char *name) {
    struct wish *w = cm_map_get(f->wishes, id);

    if (w == NULL) {
        w = cm_new(1, sizeof(*w));
        w->freezer = f;
        w->name = cm_strdup(name);
        cm_map_put(f->wishes, id, w);
    }
    return w;
}

static const char *args_of(struct cm_arena *a, const struct hub_freezer *f,
                           const struct hub_freeze_row *row, bool ended) {
    const struct hub_repository *r = find_repository(f, row->repo);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    CM_CLEANUP(cm_str_done) struct cm_str all = {0};
    CM_AUTOFREE char *where = hub_freezes_where(row);
    struct cm_json *args = cm_json_new(a, CM_OBJECT);
    const char *root = r == NULL ? "" : r->path;

    cm_json_set_string(a, args, "path",
                       cm_arena_strf(a, "%s%s%s", root, root[0] == '\0' ? "" : "/", row->path));
    if (!ended) {
        write_text(row, &text);
        cm_json_set_string(a, args, "text", cm_str_get(&text));
    } else if (row->until_ms != 0 && row->ended_ms >= row->until_ms) {
        cm_json_set_int(a, args, "until", row->until_ms); // somebody may put off the end
    }
    cm_json_set_string(a, args, "subject",
                       cm_arena_strf(a, ended ? "%s goes on" : "%s is frozen", where));
    cm_json_set_string(a, args, "body", row->reason);
    cm_json_write_compact(args, &all);
    return cm_arena_strdup(a, cm_str_get(&all));
}

static void ask(struct hub_freezer *f, struct wish *w, const char *id,
                const struct hub_freeze_row *row) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    bool ended = row->ended_ms != 0;
    const struct hub_writer_ask what = {.repository = row->repo,
                                        .id = id,
                                        .kind = ended ? "unfreeze" : "freeze",
                                        .app = row->app,
                                        .cluster = row->cluster,
                                        .args = args_of(a, f, row, ended),
                                        .actor = row->actor};

    w->asking = true;
    hub_writer_add(f->config.writer, &what, added, w);
}

// wish_for asks for what Git shall have of a freeze, unless that was done or is to wait.
static void wish_for(struct hub_freezer *f, const struct hub_freeze_row *row) {
    bool ended = row->ended_ms != 0;
    CM_AUTOFREE char *id = cm_strf("%s-%s-%lld", ended ? "unfreeze" : "freeze", row->name,
                                   (long long)(ended ? row->ended_ms : row->at_ms));

    if ((!ended && row->git != HUB_FREEZE_NOT_WRITTEN) || row->repo[0] == '\0') {
        return;
    }
    struct wish *w = wish_of(f, id, row->name);
    if (!w->asking && !w->done && w->next_ms <= cm_clock_now_ms()) {
        ask(f, w, id, row);
    }
}

// ---- Time

// due_ms tells in how long there is something to do.
static int64_t due_ms(struct hub_freezer *f) {
    size_t count;
    const struct hub_freeze_row *rows = hub_freeze_set_rows(f->set, &count);
    int64_t now_ms = cm_clock_unix_ms();
    int64_t due = count == 0 ? INT64_MAX : LOOK_MS;

    for (size_t i = 0; i < count; i++) {
        int64_t left_ms = rows[i].until_ms - now_ms;

        if (rows[i].ended_ms == 0 && rows[i].until_ms != 0 && left_ms < due) {
            due = left_ms < 0 ? 0 : left_ms;
        }
    }
    return due;
}

static bool look_at_wish(void *ctx, const char *id, void *value) {
    const struct wish *w = value;
    int64_t *due = ctx;
    int64_t left_ms = w->next_ms - cm_clock_now_ms();

    (void)id;
    if (!w->done && !w->asking && w->next_ms != 0 && left_ms < *due) {
        *due = left_ms < 0 ? 0 : left_ms;
    }
    return true;
}

static void look_later(struct hub_freezer *f) {
    int64_t due = due_ms(f);

    cm_map_each(f->wishes, look_at_wish, &due);
    cm_timer_stop(f->config.loop, &f->timer);
    if (due != INT64_MAX && f->begun && !f->stopped) {
        cm_timer_start(f->config.loop, &f->timer, due + 1);
    }
}

static void write_all(struct hub_freezer *f) {
    size_t count;
    struct hub_freeze_set *set = hub_freeze_set_ref(f->set);
    const struct hub_freeze_row *rows = hub_freeze_set_rows(set, &count);

    for (size_t i = 0; i < count && f->begun && !f->stopped; i++) {
        wish_for(f, &rows[i]);
    }
    hub_freeze_set_unref(set);
}

static bool is_over(const struct hub_freeze_row *row, int64_t now_ms) {
    return row->ended_ms == 0 && row->until_ms != 0 && row->until_ms <= now_ms;
}

static void tick(void *ctx) {
    struct hub_freezer *f = ctx;
    size_t count;
    const struct hub_freeze_row *rows = hub_freeze_set_rows(f->set, &count);
    bool over = false;

    for (size_t i = 0; i < count; i++) {
        over = over || is_over(&rows[i], cm_clock_unix_ms());
    }
    if (over) {
        submit(change_new(f, LOOK), true);
    }
    write_all(f);
    if (!over) { // else when it is on record
        look_later(f);
    }
}

// oldest_ms tells since when there is a freeze; 0: there is none.
static int64_t oldest_ms(const struct hub_freeze_set *set) {
    size_t count;
    const struct hub_freeze_row *rows = hub_freeze_set_rows(set, &count);
    int64_t oldest = 0;

    for (size_t i = 0; i < count; i++) {
        if (rows[i].ended_ms == 0 && (oldest == 0 || rows[i].at_ms < oldest)) {
            oldest = rows[i].at_ms;
        }
    }
    return oldest;
}

static void adopt(struct hub_freezer *f, struct hub_freeze_set *set) {
    struct hub_freeze_set *old = f->set;

    f->set = hub_freeze_set_ref(set);
    hub_freeze_set_unref(old);
    cm_metric_set(f->metric, (int64_t)hub_freeze_set_in_force(set));
    cm_metric_set(f->metric_oldest, oldest_ms(set) / 1000);
    f->config.changed(f->config.ctx, set);
    write_all(f);
    look_later(f);
}

// ---- From outside

void hub_freezer_adopt(struct hub_freezer *f, struct hub_freeze_set *set) {
    adopt(f, set);
}

// home returns the repository for what belongs into none in particular: the first that the hub
// writes to, or the first.
static const char *home(const struct hub_freezer *f) {
    const struct hub_repositories *all = f->config.repositories;
    const char *first = NULL;

    for (size_t i = 0; i < all->count; i++) {
        if (all->items[i].source_only) {
            continue;
        }
        if (all->items[i].write != HUB_WRITE_OFF) {
            return all->items[i].name;
        }
        first = first == NULL ? all->items[i].name : first;
    }
    return first == NULL ? "" : first;
}

static const char *make_name(struct cm_arena *a, const struct hub_freeze_row *row, int64_t now_ms) {
    const char *what = row->app[0] != '\0'        ? row->app
                       : row->cluster[0] != '\0'  ? row->cluster
                       : row->group[0] != '\0'    ? row->group
                       : row->selector[0] != '\0' ? "selected"
                                                  : "all";
    char text[CM_CLOCK_TEXT_MAX]; // 2026-10-01T12:00:00.123Z

    cm_clock_format(now_ms, text);
    return cm_arena_strf(a, "%.60s-%.4s%.2s%.2s-%.2s%.2s%.2s.%.3s", what, text, text + 5, text + 8,
                         text + 11, text + 14, text + 17, text + 20);
}

void hub_freezer_start(struct hub_freezer *f, const struct hub_freeze_row *row, bool dry_run,
                       hub_freezer_fn done, void *ctx) {
    struct change *c = change_new(f, START);
    int64_t now_ms = cm_clock_unix_ms();
    struct hub_freeze_row own = *row;
    struct cm_err err;

    c->dry_run = dry_run;
    c->done = done;
    c->ctx = ctx;
    if (row->until_ms != 0 && row->until_ms <= now_ms) {
        (void)cm_fail(&err, CM_EINVAL, "this time is over already: name one that is to come");
        done(ctx, &err, NULL);
        change_free(c);
        return;
    }
    own.name = row->name[0] != '\0' ? cm_arena_strdup(c->arena, row->name)
                                    : make_name(c->arena, row, now_ms);
    own.app = cm_arena_strdup(c->arena, row->app);
    own.cluster = cm_arena_strdup(c->arena, row->cluster);
    own.group = cm_arena_strdup(c->arena, row->group);
    own.selector = cm_arena_strdup(c->arena, row->selector);
    own.reason = cm_arena_strdup(c->arena, row->reason);
    own.actor = cm_arena_strdup(c->arena, row->actor);
    own.at_ms = now_ms;
    own.ended_ms = 0;
    own.git = HUB_FREEZE_NOT_WRITTEN;
    own.repo = home(f);
    own.path = cm_arena_strf(c->arena, "freezes/%s.yaml", own.name);
    own.note = "";
    own.source = row->source == NULL ? HUB_FREEZE_BY_HAND : cm_arena_strdup(c->arena, row->source);
    c->row = own;
    submit(c, true);
}

void hub_freezer_end(struct hub_freezer *f, const char *name, const char *actor, bool dry_run,
                     hub_freezer_fn done, void *ctx) {
    struct change *c = change_new(f, END);

    c->dry_run = dry_run;
    c->clusters = hub_freeze_set_clusters(f->set, name);
    c->done = done;
    c->ctx = ctx;
    c->row.name = cm_arena_strdup(c->arena, name);
    c->row.actor = cm_arena_strdup(c->arena, actor);
    submit(c, true);
}

// What is being put on record meanwhile no agent has heard of yet.
void hub_freezer_told(struct hub_freezer *f, const char *cluster) {
    struct change *c = change_new(f, TOLD);
    const struct hub_freeze_row *const *rows = hub_freeze_set_of(f->set, cluster, &c->told_count);

    c->told = cm_arena_get(c->arena, (c->told_count + 1) * sizeof(*c->told));
    for (size_t i = 0; i < c->told_count; i++) {
        c->told[i] = cm_arena_strdup(c->arena, rows[i]->name);
    }
    c->row.cluster = cm_arena_strdup(c->arena, cluster);
    submit(c, false);
}

enum cm_rc hub_freezer_new(const struct hub_freezer_config *config, struct hub_freezer **out,
                           struct cm_err *err) {
    struct hub_freeze_set *set = NULL;
    enum cm_rc rc = hub_freeze_set_load(hub_store_db(config->store), &set, err);

    if (rc < 0) {
        return rc;
    }
    struct hub_freezer *f = cm_new(1, sizeof(*f));
    f->config = *config;
    f->wishes = cm_map_new(free_wish);
    f->timer = (struct cm_timer){.run = tick, .ctx = f};
    f->metric = cm_metrics_gauge(config->metrics, "holdfast_freezes", NULL,
                                 "Freezes that are in force: what they name is not applied.");
    f->metric_oldest =
        cm_metrics_gauge(config->metrics, "holdfast_freeze_oldest_timestamp_seconds", NULL,
                         "Since when the oldest freeze that is in force is; 0: none "
                         "is.");
    adopt(f, set);
    hub_freeze_set_unref(set);
    *out = f;
    return CM_OK;
}

void hub_freezer_begin(struct hub_freezer *f) {
    f->begun = true;
    tick(f);
}

void hub_freezer_stop(struct hub_freezer *f) {
    f->stopped = true;
    cm_timer_stop(f->config.loop, &f->timer);
}

void hub_freezer_free(struct hub_freezer *f) {
    if (f != NULL) {
        hub_freeze_set_unref(f->set);
        cm_map_free(f->wishes);
    }
    free(f);
}
