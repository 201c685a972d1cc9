#include "hub/jobs/breaker.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/list.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "hub/hold/stream.h"
#include "hub/jobs/freezer.h"
#include "hub/jobs/store.h"
#include "hub/store/breaker.h"
#include "hub/store/freezes.h"

#define LOOK_MS 1000 // clusters reject one after the other
#define LAND_MS 30000
#define FAILED_MS ((int64_t)10 * 60 * 1000)
#define ACTOR "breaker"

// Where an App is to stop.
struct stop {
    const char *app;
    const char *cluster;
    const char *reason;
    bool landed;       // what runs instead is applied
    int64_t latest_ms; // when the last of what counts came
    struct stop *next;
};

struct hub_breaker {
    struct hub_breaker_config config;
    struct cm_metric *metric;
    struct cm_timer timer;
    bool waiting; // the timer runs, until:
    int64_t due_ms;
    bool again; // something came meanwhile
    bool waits; // something counts once Git says it
    bool stopped;
    size_t starting; // freezes
    // One look at a time:
    bool looking;
    struct hub_store_job job;
    struct cm_arena *arena;
    struct hub_breaker_row *rows;
    size_t count;
    size_t room;
    struct stop *stops;
};

// ---- The store's thread

static void take_row(void *ctx, const struct hub_breaker_row *row) {
    struct hub_breaker *b = ctx;
    struct hub_breaker_row copy = *row;

    if (row->waits) {
        b->waits = true;
        return;
    }
    if (b->count == b->room) {
        b->room = 2 * b->room + 16;
        b->rows = cm_resize(b->rows, b->room * sizeof(*b->rows));
    }
    copy.app = cm_arena_strdup(b->arena, row->app);
    copy.cluster = cm_arena_strdup(b->arena, row->cluster);
    copy.key = cm_arena_strdup(b->arena, row->key);
    copy.release = cm_arena_strdup(b->arena, row->release);
    b->rows[b->count++] = copy;
}

static void add_stop(struct hub_breaker *b, const struct hub_stream_stop *from,
                     const struct hub_breaker_row *rows, size_t count) {
    struct stop *s = cm_arena_get(b->arena, sizeof(*s));

    *s = (struct stop){.app = rows[0].app,
                       .cluster = from->cluster,
                       .reason = hub_stream_words(b->arena, from),
                       .landed = true,
                       .next = b->stops};
    for (size_t i = 0; i < count; i++) {
        if (from->cluster[0] == '\0' || strcmp(rows[i].cluster, from->cluster) == 0) {
            s->landed = s->landed && rows[i].landed;
            s->latest_ms = rows[i].seen_ms > s->latest_ms ? rows[i].seen_ms : s->latest_ms;
        }
    }
    b->stops = s;
}

static void judge_app(struct hub_breaker *b, const struct hub_breaker_row *rows, size_t count) {
    struct hub_stream_entry *entries = cm_arena_get(b->arena, count * sizeof(*entries));
    size_t stop_count = 0;

    for (size_t i = 0; i < count; i++) {
        entries[i] = (struct hub_stream_entry){.cluster = rows[i].cluster,
                                               .key = rows[i].key,
                                               .release = rows[i].release,
                                               .spent = rows[i].spent};
    }
    const struct hub_stream_stop *stops =
        hub_stream_judge(b->arena, entries, count, (size_t)b->config.most, &stop_count);
    for (size_t i = 0; i < stop_count; i++) {
        add_stop(b, &stops[i], rows, count);
    }
}

static enum cm_rc run_look(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct hub_breaker *b = CM_CONTAINER(job, struct hub_breaker, job);
    size_t from = 0;

    b->stops = NULL; // of a try that failed
    b->count = 0;
    b->waits = false;
    enum cm_rc rc = hub_breaker_each(db, cm_clock_unix_ms(), take_row, b, err);
    for (size_t i = 1; rc == CM_OK && i <= b->count; i++) {
        if (i == b->count || strcmp(b->rows[i].app, b->rows[from].app) != 0) {
            judge_app(b, &b->rows[from], i - from);
            from = i;
        }
    }
    return rc;
}

// ---- The loop

// look_in looks by then: what comes meanwhile may bring that nearer, but never put it off.
static void look_in(struct hub_breaker *b, int64_t ms) {
    int64_t due_ms = cm_clock_now_ms() + ms;

    if (b->stopped || (b->waiting && b->due_ms <= due_ms)) {
        return;
    }
    if (b->waiting) {
        cm_timer_stop(b->config.loop, &b->timer);
    }
    b->waiting = true;
    b->due_ms = due_ms;
    cm_timer_start(b->config.loop, &b->timer, ms);
}

// at_rest: what came meanwhile is looked at; what was just frozen no longer counts.
static void at_rest(struct hub_breaker *b) {
    if (b->again && !b->looking && b->starting == 0) {
        b->again = false;
        look_in(b, LOOK_MS);
    }
}

static void started(void *ctx, const struct cm_err *err, const struct hub_frozen *frozen) {
    struct hub_breaker *b = ctx;

    (void)frozen; // the event freeze.started and the log say all of it
    b->starting--;
    if (err->code == CM_OK) {
        cm_metric_add(b->metric, 1);
    } else if (err->code != CM_ECANCELED) {
        cm_log(CM_LOG_WARN, "breaker.failed", err->msg, NULL);
        look_in(b, FAILED_MS);
    }
    at_rest(b);
}

static void freeze(struct hub_breaker *b, const struct stop *s) {
    int64_t now_ms = cm_clock_unix_ms();
    const struct hub_freeze_row row = {
        .name = "",
        .app = s->app,
        .cluster = s->cluster,
        .group = "",
        .selector = "",
        .reason = s->reason,
        .actor = ACTOR,
        .until_ms = b->config.freeze_ms == 0 ? 0 : now_ms + b->config.freeze_ms,
        .source = HUB_FREEZE_BY_BREAKER,
    };

    b->starting++;
    hub_freezer_start(b->config.freezer, &row, false, started, b);
}

static void look_done(struct hub_store_job *job, const struct cm_err *err) {
    struct hub_breaker *b = CM_CONTAINER(job, struct hub_breaker, job);
    int64_t now_ms = cm_clock_unix_ms();

    b->looking = false;
    if (err->code != CM_OK) {
        cm_log(CM_LOG_WARN, "store.failed", err->msg, NULL);
    }
    if (err->code != CM_OK || b->waits) {
        look_in(b, LAND_MS);
    }
    for (const struct stop *s = b->stops; err->code == CM_OK && s != NULL; s = s->next) {
        if (b->stopped) {
            break;
        }
        int64_t ago_ms = now_ms - s->latest_ms; // negative: the clock was set back

        if (s->landed || ago_ms < 0 || ago_ms >= LAND_MS) {
            freeze(b, s);
        } else {
            b->again = true;
        }
    }
    cm_arena_free(b->arena);
    b->arena = NULL;
    b->stops = NULL;
    at_rest(b);
}

static void tick(void *ctx) {
    struct hub_breaker *b = ctx;

    b->waiting = false;
    if (b->looking || b->starting > 0) {
        b->again = true;
        return;
    }
    b->looking = true;
    b->arena = cm_arena_new(0);
    b->job.run = run_look;
    b->job.done = look_done;
    hub_store_submit(b->config.store, &b->job);
}

void hub_breaker_look(struct hub_breaker *b) {
    if (b->config.most > 0) {
        look_in(b, LOOK_MS);
    }
}

struct hub_breaker *hub_breaker_new(const struct hub_breaker_config *config) {
    struct hub_breaker *b = cm_new(1, sizeof(*b));

    b->config = *config;
    b->timer = (struct cm_timer){.run = tick, .ctx = b};
    b->metric = cm_metrics_counter(config->metrics, "holdfast_breaker_trips_total", NULL,
                                   "Freezes that the hub made because too many releases of an App "
                                   "were rejected.");
    return b;
}

void hub_breaker_stop(struct hub_breaker *b) {
    b->stopped = true;
    cm_timer_stop(b->config.loop, &b->timer);
}

void hub_breaker_free(struct hub_breaker *b) {
    if (b != NULL) {
        cm_arena_free(b->arena);
        free(b->rows);
    }
    free(b);
}
