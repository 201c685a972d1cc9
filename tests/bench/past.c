// past: how long questions about a year of a large fleet take.
//
// 10,000 clusters in ten groups, ten of them in a small one besides, and 20 Apps; each App is
// released once a week, to everybody within half an hour; on one cluster in a hundred it fails at
// first and is put right a day later; on another one somebody sets an image by hand, for a day.
// Every fourth App has a controller that decides of each release on each cluster, and rejects those
// that fail; on one cluster in a thousand somebody changes something of each release by hand; of
// every fourth App an autoscaler on each tenth cluster changes the replicas once a week. Written as
// the hub writes it (hub/store/past.h), but many rows at a time, with a checkpoint of each App and
// axis every fourth week. Prints the median and the slowest of each question.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/past/entries.h"
#include "hub/store/db.h"
#include "hub/store/past.h"
#include "hub/store/past_query.h"

#define APPS 20
#define WEEKS 52
#define ROW_ENTRIES 128
#define ASKED 15 // times each question
#define MINUTE_MS ((int64_t)60 * 1000)
#define DAY_MS (24 * 60 * MINUTE_MS)
#define WEEK_MS (7 * DAY_MS)

struct bench {
    struct hub_db *db;
    unsigned clusters;
    int64_t now_ms;
};

static void check(enum cm_rc rc, const struct cm_err *err) {
    if (rc < 0) {
        (void)fprintf(stderr, "%s\n", err->msg);
        exit(1);
    }
}

// ---- A year

static void run_sql(struct bench *b, const char *sql) {
    struct cm_err err;

    check(hub_db_run(b->db, &err, sql, ""), &err);
}

static void put_clusters(struct bench *b) {
    struct cm_err err;
    char name[16];
    char group[16];

    run_sql(b, "INSERT INTO cluster_group VALUES ('small', 'f', 'g')");
    for (unsigned i = 0; i < b->clusters; i++) {
        (void)snprintf(name, sizeof(name), "c%05u", i);
        (void)snprintf(group, sizeof(group), "g%u", i % 10);
        check(hub_db_run(b->db, &err, "INSERT INTO past_cluster (name) VALUES (?1)", "t", name),
              &err);
        check(hub_db_run(b->db, &err, "INSERT OR IGNORE INTO cluster_group VALUES (?1, 'f', 'g')",
                         "t", group),
              &err);
        check(
            hub_db_run(b->db, &err, "INSERT INTO group_member VALUES (?1, ?2)", "tt", group, name),
            &err);
    }
    run_sql(b, "INSERT INTO group_member SELECT 'small', name FROM past_cluster"
               " WHERE number % 1000 = 10");
}

struct wave {
    const char *app;
    enum hub_past_axis axis;
    int64_t value;
    int64_t at_ms;
    unsigned first; // cluster, from 0
    unsigned step;  // each so many
};

static void put_row(struct bench *b, const struct wave *w, int64_t at_ms, unsigned count,
                    const struct cm_str *entries) {
    struct cm_err err;

    check(hub_db_run(b->db, &err,
                     "INSERT INTO past_change (app, axis, value, at_ms, seen_ms, count, late,"
                     " entries) VALUES (?1, ?2, ?3, ?4, ?4, ?5, 0, ?6)",
                     "tiiiib", w->app, (int64_t)w->axis, w->value, at_ms, (int64_t)count,
                     entries->data, entries->len),
          &err);
}

// Half an hour for all of them, a row of entries at a time.
static void put_wave(struct bench *b, const struct wave *w) {
    int64_t pause_ms = 30 * MINUTE_MS * ROW_ENTRIES * w->step / b->clusters;
    int64_t at_ms = w->at_ms;
    struct cm_err err;

    for (unsigned i = w->first; i < b->clusters; at_ms += pause_ms) {
        CM_CLEANUP(cm_str_done) struct cm_str entries = {0};
        unsigned count = 0;

        for (; count < ROW_ENTRIES && i < b->clusters; count++, i += w->step) {
            hub_entries_add(&entries, &(struct hub_entry){i + 1, at_ms + count}, at_ms);
        }
        put_row(b, w, at_ms, count, &entries);
    }
    check(
        hub_db_run(b->db, &err,
                   "INSERT OR REPLACE INTO past_now (app, axis, cluster, value, since_ms)"
                   " SELECT ?1, ?2, number, ?3, ?4 FROM past_cluster WHERE (number - 1) % ?5 = ?6",
                   "tiiiii", w->app, (int64_t)w->axis, w->value, at_ms, (int64_t)w->step,
                   (int64_t)w->first),
        &err);
}

static int64_t make_release(struct bench *b, unsigned app, unsigned week, const char *name) {
    struct hub_past_bundle bundle = {.app = name, .repo = "fleet"};
    char revision[41];
    char image[64];
    int64_t value = 0;
    struct cm_err err;
    bool made;

    (void)snprintf(revision, sizeof(revision), "%08x%032u", app * 1000 + week, week);
    (void)snprintf(image, sizeof(image), "reg.example.com/%s:1.%u", name, week);
    (void)snprintf((char *)bundle.bundle.bytes, sizeof(bundle.bundle.bytes), "%u.%u", app, week);
    bundle.revision = revision;
    check(hub_past_value(b->db, &bundle, &value, &made, &err), &err);
    check(hub_past_image(b->db, value, image, &err), &err);
    check(hub_db_run(b->db, &err,
                     "INSERT INTO revision (repo, id, author, subject, committed_ms, resolved_ms,"
                     " clusters, problems) VALUES ('fleet', ?1, 'ann', ?2, 1, 1, 1, 0)",
                     "tt", revision, image),
          &err);
    return value;
}

static void set_by_hand(struct bench *b, const char *name, unsigned week, int64_t at_ms) {
    char image[64];
    const char *const images[] = {image};
    struct wave w = {name, HUB_PAST_IMAGES, 0, at_ms, (week + 50) % 100, 100};
    struct cm_err err;

    (void)snprintf(image, sizeof(image), "reg.example.com/%s:1.%u-debug", name, week);
    check(hub_past_images(b->db, &(struct hub_past_set){.app = name, .images = images, .count = 1},
                          &w.value, &err),
          &err);
    put_wave(b, &w);
    w.value = 0;
    w.at_ms += DAY_MS;
    put_wave(b, &w);
}

// put_decisions: one that began and was promoted, or rejected on each hundredth cluster.
static void put_decisions(struct bench *b, const struct wave *w, unsigned week) {
    struct cm_err err;

    check(hub_db_run(
              b->db, &err,
              "INSERT INTO decision (id, cluster, cluster_id, app, key, controller,"
              " controller_key, verdict, bad, good, bad_bundle, good_bundle, bad_revision,"
              " good_revision, good_object, text, weight, at_ms, seen_ms, actor, provisional,"
              " settled) SELECT CAST(?1 || '/' || ?2 || '/' || number AS BLOB), name, name, ?1,"
              " 'Deployment.apps/prod/' || ?1, 'flagger', 'prod/' || ?1, iif(number % 100 = ?2 %"
              " 100, 'rejected', 'promoted'), zeroblob(32), zeroblob(32), zeroblob(32),"
              " zeroblob(32), v.revision, v.revision, x'', iif(number % 100 = ?2 % 100, 'Failed"
              " checks threshold reached 5', 'Promotion completed'), -1, ?3 + number * 180, ?3 +"
              " number * 180, 'flagger', 0, 0 FROM past_cluster, (SELECT revision FROM past_value "
              "WHERE number = ?4) v",
              "tiii", w->app, (int64_t)week, w->at_ms, w->value),
          &err);
}

static void put_changes(struct bench *b, const struct wave *w, unsigned week) {
    struct cm_err err;

    check(hub_db_run(b->db, &err,
                     "INSERT INTO event (at_ms, happened_ms, kind, cluster, app, key, revision,"
                     " actor, message) SELECT ?3 + number * 180, 0, 'drift.found', name, ?1,"
                     " 'Deployment.apps/prod/' || ?1, '', 'kubectl-edit', 'spec.replicas: 1 -> 3'"
                     " FROM past_cluster WHERE number % 1000 = ?2",
                     "tii", w->app, (int64_t)week, w->at_ms),
          &err);
}

static void put_scaled(struct bench *b, const struct wave *w) {
    struct cm_err err;

    check(hub_db_run(b->db, &err,
                     "INSERT INTO event (at_ms, happened_ms, kind, cluster, app, key, revision,"
                     " actor, message) SELECT ?2 + number * 180, 0, 'app.scaled', name, ?1,"
                     " 'Deployment.apps/prod/' || ?1, '', 'kube-controller-manager', '3 to 9"
                     " replicas (at least 3, at most 9; changes: 4 within 280 s)'"
                     " FROM past_cluster WHERE number % 10 = 0",
                     "ti", w->app, w->at_ms),
          &err);
}

static void release(struct bench *b, unsigned app, unsigned week, int64_t at_ms) {
    char name[16];

    (void)snprintf(name, sizeof(name), "app-%02u", app);
    int64_t value = make_release(b, app, week, name);
    struct wave w = {name, HUB_PAST_DESIRED, value, at_ms, 0, 1};
    put_wave(b, &w);
    if (app % 4 == 0) {
        put_decisions(b, &w, week);
    }
    put_changes(b, &w, week);
    if (app % 4 == 1) {
        put_scaled(b, &w);
    }
    w.axis = HUB_PAST_ACTUAL;
    w.at_ms += MINUTE_MS;
    put_wave(b, &w);
    w = (struct wave){name, HUB_PAST_VERDICT, HUB_VERDICT_FAILED, at_ms + MINUTE_MS, week % 100,
                      100};
    put_wave(b, &w);
    w.value = HUB_VERDICT_HEALTHY;
    w.at_ms += DAY_MS;
    put_wave(b, &w);
    set_by_hand(b, name, week, at_ms + 2 * DAY_MS);
}

static void put_year(struct bench *b) {
    int64_t from_ms = b->now_ms - WEEKS * WEEK_MS;
    struct cm_err err;
    struct wave seen = {"", HUB_PAST_SEEN, 1, from_ms, 0, 1};

    check(hub_db_begin(b->db, &err), &err);
    put_clusters(b);
    put_wave(b, &seen);
    for (unsigned week = 0; week < WEEKS; week++) {
        for (unsigned app = 0; app < APPS; app++) {
            release(b, app, week, from_ms + week * WEEK_MS + app * 3 * 60 * MINUTE_MS);
        }
        check(hub_past_keep(b->db, from_ms + (week + 1) * WEEK_MS - MINUTE_MS, &err), &err);
    }
    check(hub_db_commit(b->db, &err), &err);
    run_sql(b, "ANALYZE");
}

// ---- Questions

typedef enum cm_rc (*query_fn)(struct hub_db *db, struct cm_arena *a,
                               const struct hub_past_ask *ask, struct cm_json **out,
                               struct cm_err *err);

static int by_size(const void *a, const void *b) {
    return *(const double *)a < *(const double *)b ? -1 : 1;
}

static void measure(struct bench *b, const char *name, query_fn query, struct hub_past_ask ask) {
    double ms[ASKED];
    struct cm_err err;

    ask.now_ms = b->now_ms;
    for (size_t i = 0; i < ASKED; i++) {
        struct cm_arena *a = cm_arena_new(0);
        struct cm_json *answer = NULL;
        int64_t began_us = cm_clock_now_us();

        check(query(b->db, a, &ask, &answer, &err), &err);
        ms[i] = (double)(cm_clock_now_us() - began_us) / 1000;
        cm_arena_free(a);
    }
    qsort(ms, ASKED, sizeof(ms[0]), by_size);
    (void)printf(",\n  \"%s\": {\"median_ms\": %.1f, \"slowest_ms\": %.1f}", name, ms[ASKED / 2],
                 ms[ASKED - 1]);
}

// The moment for which most rows are read: the next checkpoint does not count yet.
static const char *before_a_checkpoint(struct bench *b) {
    static char select[64];
    char at[CM_CLOCK_TEXT_MAX];
    struct hub_stmt *stmt = NULL;
    struct cm_err err;

    check(hub_db_query(b->db, &stmt, &err,
                       "SELECT at_ms - 1 FROM past_checkpoint WHERE app = 'app-00' AND axis = 0"
                       " ORDER BY at_ms DESC LIMIT 1 OFFSET 1",
                       ""),
          &err);
    check(hub_stmt_next(stmt, &err), &err);
    cm_clock_format(hub_stmt_int(stmt, 0), at);
    hub_stmt_end(stmt);
    (void)snprintf(select, sizeof(select), "@{%s}", at);
    return select;
}

static void ask_all(struct bench *b) {
    measure(b, "show, all, now", hub_past_show, (struct hub_past_ask){.select = ""});
    measure(b, "show, all, half a year ago", hub_past_show,
            (struct hub_past_ask){.select = "@{6.months.ago}"});
    measure(b, "show, a group, 100 days ago", hub_past_show,
            (struct hub_past_ask){.select = "g3@{100.days.ago}"});
    measure(b, "show, an App on a cluster, half a year ago", hub_past_show,
            (struct hub_past_ask){.select = "c00017:app-03@{6.months.ago}"});
    measure(b, "show, a group, five changes back", hub_past_show,
            (struct hub_past_ask){.select = "g3~5"});
    measure(b, "log, all", hub_past_log, (struct hub_past_ask){.select = ""});
    measure(b, "log, an App on a cluster, from half a year ago", hub_past_log,
            (struct hub_past_ask){.select = "c00017:app-03@{6.months.ago}"});
    measure(b, "log, an App with a controller", hub_past_log,
            (struct hub_past_ask){.select = ":app-04"});
    measure(b, "log, what was rejected", hub_past_log,
            (struct hub_past_ask){.select = "", .kind = "rejected"});
    measure(b, "log, what was changed by hand", hub_past_log,
            (struct hub_past_ask){.select = "", .kind = "drifted"});
    measure(b, "log, a small group", hub_past_log, (struct hub_past_ask){.select = "small"});
    measure(b, "log, a small group, what was rejected", hub_past_log,
            (struct hub_past_ask){.select = "small", .kind = "rejected"});
    measure(b, "log, a small group, what was changed by hand", hub_past_log,
            (struct hub_past_ask){.select = "small", .kind = "drifted"});
    measure(b, "log, a small group, what was scaled", hub_past_log,
            (struct hub_past_ask){.select = "small", .kind = "scaled"});
    measure(b, "log, a group, what was scaled", hub_past_log,
            (struct hub_past_ask){.select = "g9", .kind = "scaled"});
    measure(b, "why, half a year ago", hub_past_why,
            (struct hub_past_ask){.select = "c00017:app-04@{6.months.ago}"});
    measure(b, "where, an image, now", hub_past_where,
            (struct hub_past_ask){.select = "", .what = "1.51"});
    measure(b, "where, an image that was set by hand, half a year ago", hub_past_where,
            (struct hub_past_ask){.select = "@{6.months.ago}", .what = "1.26-debug"});
    measure(b, "where, an image is missing, half a year ago", hub_past_where,
            (struct hub_past_ask){.select = "@{6.months.ago}",
                                  .what = "reg.example.com/app-03:1.20",
                                  .missing = true});
    measure(b, "diff, two groups, now", hub_past_diff, (struct hub_past_ask){.select = "g1..g2"});
    measure(b, "show, all, right before a checkpoint", hub_past_show,
            (struct hub_past_ask){.select = before_a_checkpoint(b)});
    measure(b, "diff, all, a month ago and now", hub_past_diff,
            (struct hub_past_ask){.select = "@{1.month.ago}.."});
}

int main(int argc, char **argv) {
    struct bench b = {.clusters = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000,
                      .now_ms = cm_clock_unix_ms()};
    char path[] = "/tmp/holdfast-bench-past-XXXXXX";
    struct cm_err err;
    int fd = mkstemp(path);
    int64_t began_ms = cm_clock_now_ms();

    check(hub_db_open(path, HUB_DB_WRITER, &b.db, &err), &err);
    put_year(&b);
    (void)printf("{\n  \"bench\": \"past\", \"clusters\": %u, \"apps\": %u, \"weeks\": %u,"
                 " \"made_ms\": %lld, \"bytes\": %lld",
                 b.clusters, APPS, WEEKS, (long long)(cm_clock_now_ms() - began_ms),
                 (long long)lseek(fd, 0, SEEK_END));
    ask_all(&b);
    (void)printf("\n}\n");
    hub_db_close(b.db);
    (void)close(fd);
    (void)unlink(path);
    return 0;
}
