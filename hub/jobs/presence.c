#include "hub/jobs/presence.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/list.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/jobs/note.h"
#include "hub/jobs/store.h"
#include "hub/store/events.h"

struct presence_job {
    struct hub_store_job job;
    char *cluster;
    char *version;
    char *driver;
    char *target;
    char *address;
    char *app;
    char *why;
    const char *kind; // of an event
    int64_t seen_ms;
    bool observes;
    bool cannot_freeze;
    int64_t skew_ms;
    int64_t cert_ends_ms;
    uint64_t trust;
    struct hub_report_mark last;
    hub_presence_fn done;
    void *ctx;
};

static void free_job(struct presence_job *p) {
    free(p->cluster);
    free(p->version);
    free(p->driver);
    free(p->target);
    free(p->address);
    free(p->app);
    free(p->why);
    free(p);
}

static enum cm_rc add_event(const struct presence_job *p, struct hub_db *db, const char *kind,
                            const char *message, struct cm_err *err) {
    return hub_events_add(db,
                          &(struct hub_event){.at_ms = cm_clock_unix_ms(),
                                              .kind = kind,
                                              .cluster = p->cluster,
                                              .app = p->app,
                                              .actor = "agent",
                                              .message = message},
                          err);
}

// tell_upgrade tells that an agent is of another version than the one that was connected last.
static enum cm_rc tell_upgrade(const struct presence_job *p, struct hub_db *db,
                               struct cm_err *err) {
    CM_AUTOFREE char *before = NULL;
    enum cm_rc rc = hub_presence_version(db, p->cluster, &before, err);

    if (rc < 0 || before[0] == '\0' || strcmp(before, p->version) == 0) {
        return rc;
    }
    CM_AUTOFREE char *message = cm_strf("%s -> %s", before, p->version);
    return add_event(p, db, "agent.upgraded", message, err);
}

static enum cm_rc run_connected(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct presence_job *p = CM_CONTAINER(job, struct presence_job, job);
    struct hub_presence_row row = {
        .cluster = p->cluster,
        .connected = true,
        .seen_ms = cm_clock_unix_ms(),
        .version = p->version,
        .driver = p->driver,
        .target = p->target,
        .observes = p->observes,
        .cannot_freeze = p->cannot_freeze,
        .address = p->address,
        .skew_ms = p->skew_ms,
        .cert_ends_ms = p->cert_ends_ms,
        .trust = p->trust,
    };
    enum cm_rc rc = hub_reports_last(db, p->cluster, &p->last, err);

    rc = rc < 0 ? rc : tell_upgrade(p, db, err);
    rc = rc < 0 ? rc : hub_presence_put(db, &row, err);
    rc = rc < 0 ? rc : hub_note_seen(db, p->cluster, true, row.seen_ms, err);
    return rc < 0 ? rc : add_event(p, db, "agent.connected", p->address, err);
}

static void connected_done(struct hub_store_job *job, const struct cm_err *err) {
    struct presence_job *p = CM_CONTAINER(job, struct presence_job, job);

    p->done(p->ctx, err, &p->last);
    free_job(p);
}

void hub_presence_connected(struct hub_store *store, const struct hub_presence_row *row,
                            hub_presence_fn done, void *ctx) {
    struct presence_job *p = cm_new(1, sizeof(*p));

    p->job.run = run_connected;
    p->job.done = connected_done;
    p->cluster = cm_strdup(row->cluster);
    p->version = cm_strdup(row->version);
    p->driver = cm_strdup(row->driver);
    p->target = cm_strdup(row->target);
    p->observes = row->observes;
    p->cannot_freeze = row->cannot_freeze;
    p->address = cm_strdup(row->address);
    p->skew_ms = row->skew_ms;
    p->cert_ends_ms = row->cert_ends_ms;
    p->trust = row->trust;
    p->done = done;
    p->ctx = ctx;
    hub_store_submit(store, &p->job);
}

static enum cm_rc run_disconnected(struct hub_store_job *job, struct hub_db *db,
                                   struct cm_err *err) {
    struct presence_job *p = CM_CONTAINER(job, struct presence_job, job);
    enum cm_rc rc = hub_presence_offline(db, p->cluster, p->seen_ms, err);

    rc = rc < 0 ? rc : hub_note_seen(db, p->cluster, false, p->seen_ms, err);
    return rc < 0 ? rc : add_event(p, db, "agent.disconnected", p->why, err);
}

static void told(struct hub_store_job *job, const struct cm_err *err) {
    struct presence_job *p = CM_CONTAINER(job, struct presence_job, job);

    if (err->code != CM_OK) {
        cm_log(CM_LOG_WARN, "store.failed", err->msg, "cluster", p->cluster, NULL);
    }
    free_job(p);
}

void hub_presence_disconnected(struct hub_store *store, const char *cluster, int64_t seen_ms,
                               const char *why) {
    struct presence_job *p = cm_new(1, sizeof(*p));

    p->job.run = run_disconnected;
    p->job.done = told;
    p->cluster = cm_strdup(cluster);
    p->why = cm_strdup(why);
    p->seen_ms = seen_ms;
    hub_store_submit(store, &p->job);
}

static enum cm_rc run_trust(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    const struct presence_job *p = CM_CONTAINER(job, struct presence_job, job);

    CM_AUTOFREE char *words =
        cm_strf("it believes the set of roots %llu now", (unsigned long long)p->trust);
    enum cm_rc rc = hub_presence_set_trust(db, p->cluster, p->trust, err);

    return rc < 0 ? rc : add_event(p, db, "agent.trusts", words, err);
}

void hub_presence_trust(struct hub_store *store, const char *cluster, uint64_t version) {
    struct presence_job *p = cm_new(1, sizeof(*p));

    p->job.run = run_trust;
    p->job.done = told;
    p->cluster = cm_strdup(cluster);
    p->trust = version;
    hub_store_submit(store, &p->job);
}

static enum cm_rc run_tell(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    const struct presence_job *p = CM_CONTAINER(job, struct presence_job, job);

    return add_event(p, db, p->kind, p->why, err);
}

static struct presence_job *new_telling(const char *cluster, const char *kind, const char *words) {
    struct presence_job *p = cm_new(1, sizeof(*p));

    p->job.run = run_tell;
    p->job.done = told;
    p->cluster = cm_strdup(cluster);
    p->kind = kind;
    p->why = cm_strdup(words);
    return p;
}

void hub_presence_tell(struct hub_store *store, const char *cluster, const char *kind,
                       const char *words) {
    hub_store_submit(store, &new_telling(cluster, kind, words)->job);
}

void hub_presence_too_old(struct hub_store *store, const char *cluster, const char *app,
                          const char *why) {
    struct presence_job *p = new_telling(cluster, "agent.too_old", why);

    p->app = cm_strdup(app);
    hub_store_submit(store, &p->job);
}

// ---- Heard last

struct seen_job {
    struct hub_store_job job;
    struct cm_arena *arena;
    struct hub_presence_beat *beats;
    size_t count;
};

static enum cm_rc run_seen(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    const struct seen_job *s = CM_CONTAINER(job, struct seen_job, job);
    enum cm_rc rc = CM_OK;

    for (size_t i = 0; rc == CM_OK && i < s->count; i++) {
        rc = hub_presence_seen(db, s->beats[i].cluster, s->beats[i].seen_ms, err);
    }
    return rc;
}

static void seen_done(struct hub_store_job *job, const struct cm_err *err) {
    struct seen_job *s = CM_CONTAINER(job, struct seen_job, job);

    if (err->code != CM_OK) {
        cm_log(CM_LOG_WARN, "store.failed", err->msg, NULL);
    }
    cm_arena_free(s->arena);
    free(s);
}

void hub_presence_seen_all(struct hub_store *store, const struct hub_presence_beat *beats,
                           size_t count) {
    if (count == 0) {
        return;
    }

    struct seen_job *s = cm_new(1, sizeof(*s));
    s->job.run = run_seen;
    s->job.done = seen_done;
    s->arena = cm_arena_new(0);
    s->beats = cm_arena_get(s->arena, count * sizeof(*s->beats));
    s->count = count;
    for (size_t i = 0; i < count; i++) {
        s->beats[i] = (struct hub_presence_beat){
            .cluster = cm_arena_strdup(s->arena, beats[i].cluster), .seen_ms = beats[i].seen_ms};
    }
    hub_store_submit(store, &s->job);
}
