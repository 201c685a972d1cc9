#include "agent/watch/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/apply/found.h"
#include "agent/cache/cache.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/workers.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"
#include "tests/unit/agent/fake_driver.h"
#include "tests/unit/agent/support.h"

#define INTERVAL_MS 1000
#define CFG "ConfigMap/shop/cfg"
#define SVC "Service/shop/web"
#define HOOK "Job.batch/shop/migrate"

enum { REPORTS_MAX = 64 };

struct fixture {
    char *root;
    struct cm_loop *loop;
    struct cm_workers *disk;
    struct agent_cache *cache;
    struct agent_driver *driver;
    struct fake_driver *fake;
    struct agent_apply *apply;
    struct agent_watch *watch;
    struct cm_arena *arena; // of the reports
    Holdfast__V1__Report *reports[REPORTS_MAX];
    size_t count;
    Holdfast__V1__Journal *journal; // the last one
    size_t journals;
    Holdfast__V1__Decisions *decisions; // the last ones
    size_t tellings;                    // of decisions
    const char *author;                 // of decisions, as the target says; NULL: it never does
    const char *asked;                  // for an author: object, manager, time
    const char *asked_good;             // for what was good: object, controller, its object, form
    agent_good_fn tell_good;            // whom to tell
    void *tell_good_ctx;
    size_t held;
    bool refuse;
    bool closed;
};

static bool on_send(void *ctx, struct cm_buf *report) {
    struct fixture *f = ctx;
    struct cm_err err;

    if (f->refuse) {
        return false;
    }
    assert_true(f->count < REPORTS_MAX);
    assert_true(report->size <= WIRE_BULK_MAX);
    if (WIRE_UNPACK(f->arena, Holdfast__V1__Report, holdfast__v1__report, report->data,
                    report->size, &f->reports[f->count], &err) < 0) {
        fail_msg("%s", err.msg);
    }
    f->count++;
    return true;
}

static bool on_tell(void *ctx, struct cm_buf *journal) {
    struct fixture *f = ctx;
    struct cm_err err;

    if (f->refuse) {
        return false;
    }
    if (WIRE_UNPACK(f->arena, Holdfast__V1__Journal, holdfast__v1__journal, journal->data,
                    journal->size, &f->journal, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    f->journals++;
    return true;
}

static bool on_decide(void *ctx, struct cm_buf *decisions) {
    struct fixture *f = ctx;
    struct cm_err err;

    if (WIRE_UNPACK(f->arena, Holdfast__V1__Decisions, holdfast__v1__decisions, decisions->data,
                    decisions->size, &f->decisions, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    f->tellings++;
    return true;
}

static void on_held(void *ctx) {
    ((struct fixture *)ctx)->held++;
}

static const char *on_cluster_id(void *ctx) {
    (void)ctx;
    return "id";
}

static const char *on_author(void *ctx, const char *key, const char *name, int64_t at_ms,
                             bool *never) {
    struct fixture *f = ctx;

    f->asked = cm_arena_strf(f->arena, "%s %s %lld", key, name, (long long)at_ms);
    *never = f->author == NULL;
    return *never ? "" : f->author;
}

static void on_good(void *ctx, const struct agent_proof_ask *what, agent_good_fn done,
                    void *done_ctx) {
    struct fixture *f = ctx;

    assert_null(f->tell_good);
    f->asked_good = cm_arena_strf(f->arena, "%s %s %s %.*s", what->key, what->controller,
                                  what->controller_key, (int)what->size, what->bytes);
    f->tell_good = done;
    f->tell_good_ctx = done_ctx;
}

static const struct test_object objects[] = {{.key = CFG}, {.key = SVC}};

static struct agent_desired *put_release(struct fixture *f, const struct test_app *app,
                                         uint64_t generation) {
    struct test_release *r = release_new(
        &(struct test_manifest){.epoch = 1, .generation = generation, .apps = app, .app_count = 1});
    struct agent_desired *d = desired_new(r);

    for (size_t i = 0; i < r->blob_count; i++) {
        agent_cache_put_blob(f->cache, &r->blobs[i].name, r->blobs[i].bytes);
    }
    release_free(r);
    return d;
}

static void replace(struct fixture *f, const struct test_app *app, uint64_t generation) {
    agent_apply_set(f->apply, put_release(f, app, generation));
}

// start puts an App with both objects in force, with its inventory, as after a restart.
static void start(struct fixture *f, const struct test_app *app) {
    struct agent_desired *d = put_release(f, app, 7);

    for (size_t i = 0; i < app->object_count; i++) {
        agent_cache_put_item(f->cache, &(struct agent_item){.key = app->objects[i].key,
                                                            .app = app->name,
                                                            .uid = "uid",
                                                            .sha256 = object_name(&app->objects[i]),
                                                            .applied = true});
    }
    agent_watch_start(f->watch, f->apply);
    agent_apply_set(f->apply, d);
}

static int set_up(void **state) {
    struct fixture *f = cm_new(1, sizeof(*f));
    const struct agent_watch_host host = {.send = on_send,
                                          .tell = on_tell,
                                          .decide = on_decide,
                                          .held = on_held,
                                          .cluster_id = on_cluster_id,
                                          .author = on_author,
                                          .author_wait_ms = 10000,
                                          .good = on_good,
                                          .ctx = f};
    struct cm_err err;

    cm_clock_fake(1000000);
    f->root = temp_dir();
    f->loop = cm_loop_new();
    f->disk = cm_workers_new("disk", 1, NULL);
    f->arena = cm_arena_new(0);
    if (agent_cache_open(f->loop, f->disk, f->root, &f->cache, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    f->driver = fake_driver_new(f->loop, &f->fake);
    f->watch = agent_watch_new(f->loop, f->cache, INTERVAL_MS, &host);
    const struct agent_apply_host apply = {.app_state = agent_watch_app_state,
                                           .app_removed = agent_watch_app_removed,
                                           .written = agent_watch_written,
                                           .applied = agent_watch_applied,
                                           .failed = agent_watch_failed,
                                           .removed = agent_watch_removed,
                                           .left = agent_watch_left,
                                           .health = agent_watch_health,
                                           .why = agent_watch_why,
                                           .app_health = agent_watch_app_health,
                                           .app_why = agent_watch_app_why,
                                           .app_late = agent_watch_app_late,
                                           .wrong = agent_watch_wrong,
                                           .afresh = agent_watch_afresh,
                                           .refrozen = agent_watch_refrozen,
                                           .listed = agent_watch_listed,
                                           .ctx = f->watch};
    f->apply = agent_apply_new(f->loop, f->driver, f->cache, &apply);
    *state = f;
    return 0;
}

static void on_closed(void *ctx) {
    ((struct fixture *)ctx)->closed = true;
}

static bool is_closed(void *ctx) {
    return ((struct fixture *)ctx)->closed;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    agent_apply_shut(f->apply);
    agent_watch_shut(f->watch);
    fake_cancel_all(f->fake);
    agent_cache_close(f->cache, true, on_closed, f);
    assert_true(turn_until(f->loop, is_closed, f));
    agent_apply_free(f->apply);
    agent_watch_free(f->watch);
    f->driver->ops->free(f->driver);
    agent_cache_free(f->cache);
    cm_workers_stop(f->disk, true);
    cm_workers_free(f->disk);
    cm_loop_free(f->loop);
    cm_arena_free(f->arena);
    temp_dir_remove(f->root);
    free(f);
    cm_clock_fake(-1);
    return 0;
}

static void on_commit(void *ctx, const struct cm_err *error) {
    (void)error;
    ((struct fixture *)ctx)->closed = true;
}

static void settle(struct fixture *f) {
    for (int i = 0; i < 3; i++) {
        f->closed = false;
        agent_cache_commit(f->cache, on_commit, f);
        assert_true(turn_until(f->loop, is_closed, f));
        while (cm_loop_turn(f->loop)) {
        }
    }
    f->closed = false;
}

static void observe(struct fixture *f, const char *key, enum agent_health health,
                    const char *drift_path) {
    const struct agent_field_drift field = {.path = drift_path,
                                            .desired = "1",
                                            .actual = "5",
                                            .manager = "kubectl-edit",
                                            .operation = "Update"};

    agent_watch_observed(f->watch,
                         &(struct agent_observation){.key = key,
                                                     .uid = "uid",
                                                     .health = health,
                                                     .message = "",
                                                     .drift = &field,
                                                     .drift_count = drift_path != NULL ? 1 : 0});
}

static void ail(struct fixture *f, const char *key, enum agent_health health, const char *why) {
    agent_watch_observed(f->watch, &(struct agent_observation){
                                       .key = key, .uid = "uid", .health = health, .message = why});
}

static bool is_healthy(struct fixture *f) {
    return agent_watch_app_health(f->watch, "shop") == AGENT_HEALTH_HEALTHY;
}

static const Holdfast__V1__Report *last(const struct fixture *f) {
    assert_true(f->count > 0);
    return f->reports[f->count - 1];
}

static const Holdfast__V1__ObjectReport *object_in(const Holdfast__V1__Report *r, const char *key) {
    for (size_t i = 0; i < r->n_objects; i++) {
        if (strcmp(r->objects[i]->key, key) == 0) {
            return r->objects[i];
        }
    }
    return NULL;
}

#define LEFT "ConfigMap/shop/left"

static const struct test_app shop = {.name = "shop", .objects = objects, .object_count = 2};

// connect begins a connection and acknowledges the full report that comes first.
static void connect(struct fixture *f) {
    agent_watch_connected(f->watch, false, true, true, true);
    settle(f);
    assert_true(last(f)->full_end);
    agent_watch_acked(f->watch, agent_cache_report_run(f->cache), last(f)->number);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
}

static const Holdfast__V1__AppReport *shop_in(const Holdfast__V1__Report *r) {
    assert_int_equal(r->n_apps, 1);
    return r->apps[0];
}

static const Holdfast__V1__JournalEntry *entry(const struct fixture *f, size_t at) {
    assert_non_null(f->journal);
    assert_true(at < f->journal->n_entries);
    return f->journal->entries[at];
}

// acknowledge_journal is what a hub does with the last piece.
static void acknowledge_journal(struct fixture *f) {
    uint64_t number = entry(f, f->journal->n_entries - 1)->number;

    agent_watch_journal_acked(f->watch, agent_cache_report_run(f->cache), number);
    settle(f);
}

// come_back begins a connection and has the journal acknowledged.
static void come_back(struct fixture *f) {
    agent_watch_connected(f->watch, false, true, true, true);
    settle(f);
    if (agent_cache_journal_count(f->cache) > 0) {
        acknowledge_journal(f);
    }
}

// ---- The tests

static void a_new_process_tells_everything_first(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    agent_watch_connected(f->watch, false, true, true, true);
    settle(f);
    assert_int_equal(f->count, 1);
    const Holdfast__V1__Report *r = last(f);
    assert_true(r->full && r->full_end);
    assert_int_equal(r->generation, 7);
    assert_int_equal(r->n_apps, 1);
    assert_int_equal(r->n_objects, 2);
    assert_int_equal(r->apps[0]->applied, HOLDFAST__V1__APPLIED__APPLIED);
    assert_int_equal(r->apps[0]->health, HOLDFAST__V1__HEALTH__HEALTH_UNKNOWN); // not green
}

static void the_first_change_is_told_at_once_and_the_next_are_gathered(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    size_t before = f->count;
    observe(f, CFG, AGENT_HEALTH_HEALTHY, NULL);
    settle(f);
    assert_int_equal(f->count, before + 1);
    observe(f, SVC, AGENT_HEALTH_PROGRESSING, NULL);
    settle(f);
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    settle(f);
    assert_int_equal(f->count, before + 1);
    cm_clock_advance(INTERVAL_MS / 8); // what follows a first change is told soon
    settle(f);
    assert_int_equal(f->count, before + 2);
    assert_int_equal(object_in(last(f), SVC)->health, HOLDFAST__V1__HEALTH__HEALTHY);
    assert_int_equal(last(f)->apps[0]->health, HOLDFAST__V1__HEALTH__HEALTHY);
}

static void what_goes_on_is_gathered_for_the_whole_interval(void **state) {
    enum { STEP_MS = 10, STEPS = 1000 };
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    size_t before = f->count;
    for (int i = 0; i < STEPS; i++) {
        observe(f, CFG, i % 2 == 0 ? AGENT_HEALTH_DEGRADED : AGENT_HEALTH_HEALTHY, NULL);
        cm_clock_advance(STEP_MS);
        (void)cm_loop_turn(f->loop);
        (void)cm_loop_turn(f->loop);
        if (f->count > before) {
            agent_watch_acked(f->watch, agent_cache_report_run(f->cache), last(f)->number);
        }
    }
    assert_in_range(f->count - before, STEPS * STEP_MS / INTERVAL_MS,
                    STEPS * STEP_MS / INTERVAL_MS + 6);
}

// change_for_long lets changes go on until the pause between reports is a whole interval.
static void change_for_long(struct fixture *f) {
    for (int i = 0; i < 10; i++) {
        observe(f, CFG, i % 2 == 0 ? AGENT_HEALTH_DEGRADED : AGENT_HEALTH_HEALTHY, NULL);
        cm_clock_advance(INTERVAL_MS);
        settle(f);
        agent_watch_acked(f->watch, agent_cache_report_run(f->cache), last(f)->number);
    }
}

static void the_end_of_many_changes_is_told_soon(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    change_for_long(f);
    size_t before = f->count;
    observe(f, SVC, AGENT_HEALTH_PROGRESSING, NULL);
    cm_clock_advance(INTERVAL_MS / 8);
    settle(f);
    assert_int_equal(f->count, before);
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    settle(f);
    assert_int_equal(f->count, before + 1);
}

// begin_applying begins to apply the App once more, after a quiet time; it returns how many reports
// there were before.
static size_t begin_applying(struct fixture *f) {
    start(f, &shop);
    connect(f);
    cm_clock_advance(2 * INTERVAL_MS);
    assert_true(agent_apply_sync(f->apply, "shop"));
    settle(f);
    assert_true(fake_pending(f->fake) > 0);
    return f->count;
}

static void what_is_applied_at_once_is_told_at_once_and_in_one_report(void **state) {
    struct fixture *f = *state;
    size_t before = begin_applying(f);

    assert_int_equal(f->count, before);
    while (fake_succeed(f->fake, NULL)) {
        settle(f);
    }
    assert_int_equal(f->count, before + 1);
    assert_int_equal(shop_in(last(f))->applied, HOLDFAST__V1__APPLIED__APPLIED);
}

static void what_takes_longer_to_apply_is_told_to_be_on_its_way(void **state) {
    struct fixture *f = *state;
    size_t before = begin_applying(f);

    cm_clock_advance(INTERVAL_MS / 8);
    settle(f);
    assert_int_equal(f->count, before + 1);
    assert_int_equal(shop_in(last(f))->applied, HOLDFAST__V1__APPLIED__APPLYING);
}

static void while_more_is_to_come_nothing_is_the_end(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    change_for_long(f);
    assert_true(agent_apply_sync(f->apply, "shop"));
    settle(f);
    assert_true(fake_pending(f->fake) > 0);
    size_t before = f->count;
    observe(f, SVC, AGENT_HEALTH_PROGRESSING, NULL);
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    cm_clock_advance(INTERVAL_MS / 8);
    settle(f);
    assert_int_equal(f->count, before);
}

static void what_is_well_again_and_again_is_told_once_an_interval(void **state) {
    enum { STEP_MS = 10, STEPS = 1000 };
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    size_t before = f->count;
    for (int i = 0; i < STEPS; i++) {
        observe(f, CFG, i % 2 == 0 ? AGENT_HEALTH_PROGRESSING : AGENT_HEALTH_HEALTHY, NULL);
        cm_clock_advance(STEP_MS);
        (void)cm_loop_turn(f->loop);
        (void)cm_loop_turn(f->loop);
        if (f->count > before) {
            agent_watch_acked(f->watch, agent_cache_report_run(f->cache), last(f)->number);
        }
    }
    assert_in_range(f->count - before, STEPS * STEP_MS / INTERVAL_MS,
                    STEPS * STEP_MS / INTERVAL_MS + 6);
}

static void what_did_not_change_is_not_told(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, NULL);
    settle(f);
    size_t before = f->count;
    observe(f, CFG, AGENT_HEALTH_HEALTHY, NULL);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_int_equal(f->count, before);
}

static void what_was_not_acknowledged_is_told_again(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    observe(f, CFG, AGENT_HEALTH_DEGRADED, NULL);
    settle(f);
    agent_watch_disconnected(f->watch);
    size_t before = f->count;
    cm_clock_advance(INTERVAL_MS);
    come_back(f);
    assert_int_equal(f->count, before + 1);
    assert_false(last(f)->full);
    assert_int_equal(last(f)->n_objects, 1); // only what was told in that report
    assert_int_equal(object_in(last(f), CFG)->health, HOLDFAST__V1__HEALTH__DEGRADED);
}

static void adopt(struct fixture *f) {
    agent_watch_written(f->watch, "shop", CFG,
                        &(struct agent_applied){.written = true,
                                                .besides = AGENT_BESIDES_ADOPTED,
                                                .whose = "helm",
                                                .said = "it is ours now"});
}

static void what_an_apply_did_besides_is_told_until_it_is_acknowledged(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    adopt(f);
    settle(f);
    const Holdfast__V1__ObjectReport *cfg = object_in(last(f), CFG);
    assert_int_equal(cfg->n_happened, 1);
    assert_int_equal(cfg->happened[0]->what, HOLDFAST__V1__WHAT__ADOPTED);
    assert_string_equal(cfg->happened[0]->who, "helm");
    assert_string_equal(cfg->happened[0]->message, "it is ours now");
    int64_t at_ms = cfg->happened[0]->at_ms;
    agent_watch_disconnected(f->watch);
    cm_clock_advance(INTERVAL_MS);
    agent_watch_connected(f->watch, false, true, true, true);
    settle(f);
    cfg = object_in(last(f), CFG);
    assert_true(cfg->n_happened == 1 && cfg->happened[0]->at_ms == at_ms);
    agent_watch_acked(f->watch, agent_cache_report_run(f->cache), last(f)->number);
    adopt(f); // at the same time, as the clock stands
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    cfg = object_in(last(f), CFG);
    assert_true(cfg->n_happened == 1 && cfg->happened[0]->at_ms > at_ms);
    agent_watch_acked(f->watch, agent_cache_report_run(f->cache), last(f)->number);
    cm_clock_advance(INTERVAL_MS);
    observe(f, CFG, AGENT_HEALTH_DEGRADED, NULL);
    settle(f);
    assert_int_equal(object_in(last(f), CFG)->n_happened, 0);
}

static void whose_field_a_sync_takes_is_told(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, "data.a");
    settle(f);
    agent_watch_written(f->watch, "shop", CFG, &(struct agent_applied){.written = true});
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    const Holdfast__V1__ObjectReport *cfg = object_in(last(f), CFG);
    assert_int_equal(cfg->n_happened, 1);
    assert_int_equal(cfg->happened[0]->what, HOLDFAST__V1__WHAT__TAKEN);
    assert_string_equal(cfg->happened[0]->who, "kubectl-edit");
    assert_string_equal(cfg->happened[0]->message,
                        "data.a: set by 'kubectl-edit', and now as Git says");
}

static void what_was_acknowledged_is_not_told_again(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    agent_watch_disconnected(f->watch);
    size_t before = f->count;
    agent_watch_connected(f->watch, false, true, true, true);
    settle(f);
    assert_int_equal(f->count, before);
}

static void an_acknowledgement_of_another_run_counts_for_nothing(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    agent_watch_connected(f->watch, false, true, true, true);
    settle(f);
    agent_watch_acked(f->watch, "somebody-else", last(f)->number);
    agent_watch_acked(f->watch, agent_cache_report_run(f->cache), last(f)->number + 1);
    assert_int_equal(agent_cache_reports_acked(f->cache), 0);
}

static void a_hub_that_asks_gets_a_full_report_in_pieces(void **state) {
    enum { MANY = 1200 };
    struct fixture *f = *state;
    struct test_object *many = cm_new(MANY, sizeof(*many));
    char(*keys)[32] = cm_new(MANY, sizeof(*keys));
    const struct test_app app = {.name = "shop", .objects = many, .object_count = MANY};
    size_t told = 0;

    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "ConfigMap/shop/%04zu", i);
        many[i] = (struct test_object){.key = keys[i]};
    }
    start(f, &app);
    connect(f);
    agent_watch_disconnected(f->watch);
    size_t first = f->count;
    agent_watch_connected(f->watch, true, true, true, true);
    settle(f);
    assert_true(f->count - first >= 3);
    for (size_t i = first; i < f->count; i++) {
        assert_int_equal(f->reports[i]->full, i == first);
        assert_int_equal(f->reports[i]->full_end, i + 1 == f->count);
        told += f->reports[i]->n_objects;
    }
    assert_int_equal(told, MANY);
    free(many);
    free(keys);
}

static void a_window_bounds_what_is_not_acknowledged(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    size_t before = f->count;
    for (int i = 0; i < 20; i++) {
        observe(f, CFG, i % 2 == 0 ? AGENT_HEALTH_DEGRADED : AGENT_HEALTH_HEALTHY, NULL);
        cm_clock_advance(INTERVAL_MS);
        settle(f);
    }
    assert_int_equal(f->count - before, 8);
    agent_watch_acked(f->watch, agent_cache_report_run(f->cache), last(f)->number);
    settle(f);
    assert_int_equal(f->count - before, 9);
}

static void a_connection_that_takes_no_more_is_tried_again(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    f->refuse = true;
    observe(f, CFG, AGENT_HEALTH_DEGRADED, NULL);
    settle(f);
    size_t before = f->count;
    f->refuse = false;
    agent_watch_can_send(f->watch);
    settle(f);
    assert_int_equal(f->count, before + 1);
}

static void an_app_is_as_bad_as_its_worst_object(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    assert_false(is_healthy(f));
    observe(f, CFG, AGENT_HEALTH_HEALTHY, NULL);
    observe(f, SVC, AGENT_HEALTH_PROGRESSING, NULL);
    assert_false(is_healthy(f));
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    assert_true(is_healthy(f));
}

static void a_target_that_does_not_answer_is_never_green(void **state) {
    struct fixture *f = *state;
    struct cm_err why;

    start(f, &shop);
    connect(f);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, NULL);
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    settle(f);
    (void)cm_fail(&why, CM_EIO, "connection refused");
    agent_watch_reachable(f->watch, false, &why);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_int_equal(last(f)->apps[0]->health, HOLDFAST__V1__HEALTH__HEALTH_UNKNOWN);
    assert_string_equal(last(f)->apps[0]->health_message, "connection refused");
    assert_false(is_healthy(f));
    agent_watch_reachable(f->watch, true, NULL);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_int_equal(last(f)->apps[0]->health, HOLDFAST__V1__HEALTH__HEALTHY);
}

static void drift_is_told_and_taken_back(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, "data.a");
    settle(f);
    const Holdfast__V1__ObjectReport *cfg = object_in(last(f), CFG);
    assert_int_equal(cfg->n_drift, 1);
    assert_string_equal(cfg->drift[0]->path, "data.a");
    assert_string_equal(cfg->drift[0]->manager, "kubectl-edit");
    assert_int_equal(last(f)->apps[0]->drifted, 1);
    assert_true(agent_watch_wrong(f->watch, CFG));
    observe(f, CFG, AGENT_HEALTH_HEALTHY, NULL);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_int_equal(object_in(last(f), CFG)->n_drift, 0);
    assert_int_equal(last(f)->apps[0]->drifted, 0);
    assert_int_equal(fake_pending(f->fake), 0); // drift: report changes nothing
}

static void who_changed_a_field_is_told_when_it_becomes_known(void **state) {
    struct agent_field_drift field = {.path = "data.a",
                                      .desired = "1",
                                      .actual = "5",
                                      .manager = "kubectl-edit",
                                      .operation = "Update"};
    const struct agent_observation seen = {.key = CFG,
                                           .uid = "uid",
                                           .health = AGENT_HEALTH_HEALTHY,
                                           .message = "",
                                           .drift = &field,
                                           .drift_count = 1};
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    for (int i = 0; i < 2; i++, field.user = "alice") {
        agent_watch_observed(f->watch, &seen);
        cm_clock_advance(INTERVAL_MS);
        settle(f);
        assert_string_equal(object_in(last(f), CFG)->drift[0]->user, i == 0 ? "" : "alice");
    }
}

static void health_is_told_while_drift_stands(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, "data.a");
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    agent_watch_observed(f->watch, &(struct agent_observation){.key = CFG,
                                                               .uid = "uid",
                                                               .health = AGENT_HEALTH_DEGRADED,
                                                               .message = "no pods",
                                                               .drift_stands = true});
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_string_equal(object_in(last(f), CFG)->message, "no pods");
    assert_int_equal(object_in(last(f), CFG)->n_drift, 1);
}

static void that_more_differs_than_is_named_is_told_and_taken_back(void **state) {
    const struct agent_field_drift field = {
        .path = "data.a", .desired = "1", .actual = "5", .manager = "", .operation = ""};
    struct agent_observation seen = {.key = CFG,
                                     .uid = "uid",
                                     .health = AGENT_HEALTH_HEALTHY,
                                     .message = "",
                                     .drift = &field,
                                     .drift_count = 1,
                                     .drift_more = true};
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    for (int i = 0; i < 2; i++, seen.drift_more = false) {
        agent_watch_observed(f->watch, &seen);
        cm_clock_advance(INTERVAL_MS);
        settle(f);
        assert_int_equal(object_in(last(f), CFG)->n_drift, 1);
        assert_int_equal(object_in(last(f), CFG)->drift_more, seen.drift_more);
    }
}

// observe_whole observes a ConfigMap that somebody changed.
static void observe_whole(struct fixture *f, const char *actual) {
    agent_watch_observed(
        f->watch, &(struct agent_observation){.key = CFG,
                                              .uid = "uid",
                                              .health = AGENT_HEALTH_HEALTHY,
                                              .message = "",
                                              .actual = actual,
                                              .actual_size = actual == NULL ? 0 : strlen(actual)});
    cm_clock_advance(INTERVAL_MS);
    settle(f);
}

static const char *whole_in(const struct fixture *f, const char *key) {
    const Holdfast__V1__ObjectReport *o = object_in(last(f), key);

    return o->actual.len == 0
               ? ""
               : cm_arena_strndup(f->arena, (const char *)o->actual.data, o->actual.len);
}

static const uint8_t value_key[32] = {1};

static void a_hub_that_takes_whole_objects_gets_them_without_what_may_be_secret(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    agent_watch_actual(f->watch, value_key);
    connect(f);
    observe_whole(f, "{\"data\": {\"word\": \"hunter2\"}, \"other\": 5}");
    assert_null(strstr(whole_in(f, CFG), "hunter2"));
    assert_non_null(strstr(whole_in(f, CFG), "\"word\": \"hmac:"));
    assert_non_null(strstr(whole_in(f, CFG), "\"other\": 5"));
    observe_whole(f, NULL);
    assert_string_equal(whole_in(f, CFG), "");
}

static void see_digests(struct fixture *f, const char *image, bool more) {
    const char *const images[] = {image, "reg/web:1@sha256:zz"};

    agent_watch_digests(
        f->watch, &(struct agent_digests){
                      .key = CFG, .images = images, .count = image == NULL ? 0 : 2, .more = more});
    cm_clock_advance(INTERVAL_MS);
    settle(f);
}

static void what_runs_behind_tags_is_told_once_somebody_has_looked(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    assert_false(object_in(last(f), CFG)->digests_known);
    see_digests(f, "reg/web:1@sha256:aa", true);
    const Holdfast__V1__ObjectReport *o = object_in(last(f), CFG);
    assert_true(o->digests_known);
    assert_true(o->digests_more);
    assert_int_equal(o->n_digests, 2);
    assert_string_equal(o->digests[0], "reg/web:1@sha256:aa");
    assert_string_equal(o->digests[1], "reg/web:1@sha256:zz");
    size_t count = f->count;
    see_digests(f, "reg/web:1@sha256:aa", true); // which is no news
    assert_int_equal(f->count, count);
    see_digests(f, NULL, false);
    assert_true(object_in(last(f), CFG)->digests_known);
    assert_int_equal(object_in(last(f), CFG)->n_digests, 0);
}

static void a_tag_that_moves_without_a_hub_is_written_down(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    see_digests(f, "reg/web:1@sha256:aa", false);
    agent_watch_disconnected(f->watch);
    see_digests(f, "reg/web:1@sha256:bb", false);
    see_digests(f, "reg/web:1@sha256:cc", false);
    come_back(f);
    bool found = false;
    for (size_t i = 0; i < f->journal->n_entries; i++) {
        const Holdfast__V1__ObjectReport *o = entry(f, i)->object;

        found |= o != NULL && o->n_digests > 0 && strcmp(o->digests[0], "reg/web:1@sha256:bb") == 0;
    }
    assert_true(found);
}

// Else the same difference would have another name, and be found anew by the hub.
static void what_a_new_process_finds_without_a_hub_has_the_names_that_it_had(void **state) {
    struct fixture *f = *state;

    agent_cache_set_value_key(f->cache, value_key);
    start(f, &shop);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, "data.a");
    agent_watch_connected(f->watch, false, true, true, true);
    settle(f);
    size_t at = 0;
    while (entry(f, at)->object == NULL) { // entry fails behind the last one
        at++;
    }
    assert_non_null(strstr(entry(f, at)->object->drift[0]->actual, "hmac:"));
}

static void another_hub_is_told_of_them_once_it_takes_them(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    observe_whole(f, "{\"other\": 5}");
    assert_string_equal(whole_in(f, CFG), "");
    agent_watch_acked(f->watch, agent_cache_report_run(f->cache), last(f)->number);
    agent_watch_disconnected(f->watch);
    agent_watch_actual(f->watch, value_key);
    agent_watch_connected(f->watch, false, true, true, true);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_string_equal(whole_in(f, CFG), "{\n  \"other\": 5\n}\n");
}

static void an_object_that_is_too_large_is_not_told_and_that_is_said(void **state) {
    CM_AUTOFREE char *large = cm_strf("{\"other\": \"%*s\"}", (int)WIRE_ACTUAL_MAX, "x");
    struct fixture *f = *state;

    start(f, &shop);
    agent_watch_actual(f->watch, value_key);
    connect(f);
    observe_whole(f, large);
    assert_string_equal(whole_in(f, CFG), "");
    assert_true(object_in(last(f), CFG)->drift_more);
    observe_whole(f, "{\"other\": 5}");
    assert_false(object_in(last(f), CFG)->drift_more);
}

static void the_end_of_drift_is_told_with_who_brought_it_about(void **state) {
    struct fixture *f = *state;
    struct test_app app = shop;

    app.drift = AGENT_DRIFT_CORRECT;
    start(f, &app);
    connect(f);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, "data.a");
    settle(f);
    assert_true(fake_is_pending(f->fake, CFG));
    observe(f, CFG, AGENT_HEALTH_HEALTHY, NULL); // seen before our request is over
    assert_true(fake_succeed(f->fake, CFG));
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_int_equal(object_in(last(f), CFG)->drift_end,
                     HOLDFAST__V1__DRIFT_END__DRIFT_END_CORRECTED);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, "data.a"); // the next correction is not due yet
    settle(f);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, NULL);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_int_equal(object_in(last(f), CFG)->drift_end,
                     HOLDFAST__V1__DRIFT_END__DRIFT_END_PUT_BACK);
}

static void drift_is_not_told_where_the_app_does_not_want_it(void **state) {
    struct fixture *f = *state;
    struct test_app app = shop;

    app.drift = AGENT_DRIFT_OFF;
    start(f, &app);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, "data.a");
    assert_false(agent_watch_wrong(f->watch, CFG));
}

static const struct test_app corrected = {
    .name = "shop", .drift = AGENT_DRIFT_CORRECT, .objects = objects, .object_count = 2};

static const struct test_object ruled_objects[] = {{.key = CFG, .rules = 1}, {.key = SVC}};

// observe_two observes a field that a rule is about, and one that none is about.
static void observe_two(struct fixture *f, bool other) {
    const struct agent_field_drift fields[] = {
        {.rule = 1,
         .path = "data.a",
         .desired = "1",
         .actual = "5",
         .manager = "m",
         .operation = ""},
        {.path = "data.b", .desired = "1", .actual = "5", .manager = "m", .operation = ""},
    };

    agent_watch_observed(f->watch, &(struct agent_observation){.key = CFG,
                                                               .uid = "uid",
                                                               .health = AGENT_HEALTH_HEALTHY,
                                                               .message = "",
                                                               .drift = fields,
                                                               .drift_count = other ? 2 : 1});
    settle(f);
}

static void start_ruled(struct fixture *f, enum agent_drift drift, enum agent_drift of_rule) {
    const struct test_rule rule = {.field = "/data/a", .drift = of_rule, .capture = true};
    const struct test_app app = {.name = "shop",
                                 .drift = drift,
                                 .objects = ruled_objects,
                                 .object_count = 2,
                                 .rules = &rule,
                                 .rule_count = 1};

    start(f, &app);
    connect(f);
}

static void what_a_rule_ignores_is_told_and_is_no_drift(void **state) {
    struct fixture *f = *state;

    start_ruled(f, AGENT_DRIFT_CORRECT, AGENT_DRIFT_OFF);
    observe_two(f, false);
    assert_int_equal(object_in(last(f), CFG)->n_drift, 1);
    assert_int_equal(object_in(last(f), CFG)->drift[0]->difference,
                     HOLDFAST__V1__DIFFERENCE__IGNORED);
    assert_false(object_in(last(f), CFG)->drift[0]->capture);
    assert_false(agent_watch_wrong(f->watch, CFG));
    assert_false(fake_is_pending(f->fake, CFG));
    observe_two(f, true);
    assert_true(fake_is_pending(f->fake, CFG));
    const struct agent_sparing *spared = &fake_object(f->fake, CFG)->sparing;
    assert_int_equal(spared->count, 1);
    assert_int_equal(spared->how[0], CM_SPARE_ALWAYS);
    assert_int_equal(spared->otherwise, CM_SPARE_NEVER);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_string_equal(object_in(last(f), CFG)->drift[0]->path, "data.b"); // drift comes first
    assert_int_equal(last(f)->apps[0]->drifted, 1);
}

static void what_a_rule_says_of_taking_over_is_told_of_its_drift(void **state) {
    struct fixture *f = *state;

    start_ruled(f, AGENT_DRIFT_REPORT, AGENT_DRIFT_REPORT);
    observe_two(f, true);
    assert_int_equal(object_in(last(f), CFG)->n_drift, 2);
    assert_true(object_in(last(f), CFG)->drift[0]->capture);
    assert_false(object_in(last(f), CFG)->drift[1]->capture);
}

static void a_rule_corrects_where_the_app_only_reports(void **state) {
    struct fixture *f = *state;

    start_ruled(f, AGENT_DRIFT_REPORT, AGENT_DRIFT_CORRECT);
    observe_two(f, true);
    assert_int_equal(object_in(last(f), CFG)->n_drift, 2);
    assert_true(fake_is_pending(f->fake, CFG));
    assert_int_equal(fake_object(f->fake, CFG)->sparing.how[0], CM_SPARE_NEVER);
    assert_int_equal(fake_object(f->fake, CFG)->sparing.otherwise, CM_SPARE_ALWAYS);
}

static void an_app_without_drift_hears_of_what_its_rules_are_about(void **state) {
    struct fixture *f = *state;

    start_ruled(f, AGENT_DRIFT_OFF, AGENT_DRIFT_REPORT);
    observe_two(f, true);
    assert_int_equal(object_in(last(f), CFG)->n_drift, 1);
    assert_string_equal(object_in(last(f), CFG)->drift[0]->path, "data.a");
    assert_false(fake_is_pending(f->fake, CFG));
}

static void what_is_by_right_or_noise_is_told_and_is_no_drift(void **state) {
    struct agent_field_drift field = {.difference = AGENT_DIFFERENCE_RIGHT,
                                      .path = "spec.replicas",
                                      .desired = "1",
                                      .actual = "5",
                                      .manager = "",
                                      .operation = ""};
    const struct agent_observation seen = {.key = CFG,
                                           .uid = "uid",
                                           .health = AGENT_HEALTH_HEALTHY,
                                           .message = "",
                                           .drift = &field,
                                           .drift_count = 1};
    struct fixture *f = *state;

    start(f, &corrected);
    connect(f);
    for (int i = 0; i < 2; i++, field.difference = AGENT_DIFFERENCE_NOISE) {
        agent_watch_observed(f->watch, &seen);
        cm_clock_advance(INTERVAL_MS);
        settle(f);
        assert_int_equal(object_in(last(f), CFG)->drift[0]->difference,
                         i == 0 ? HOLDFAST__V1__DIFFERENCE__BY_RIGHT
                                : HOLDFAST__V1__DIFFERENCE__NOISE);
        assert_false(agent_watch_wrong(f->watch, CFG));
        assert_false(fake_is_pending(f->fake, CFG));
    }
}

// observe_added tells that somebody has put something beside what is desired, or not any more.
static void observe_beside(struct fixture *f, bool there, enum agent_difference difference) {
    const struct agent_field_drift field = {.difference = difference,
                                            .path = "metadata.annotations.note",
                                            .desired = "",
                                            .actual = "\"mine\"",
                                            .manager = "kubectl-annotate",
                                            .operation = "Update"};
    const struct agent_observation seen = {.key = CFG,
                                           .uid = "uid",
                                           .health = AGENT_HEALTH_HEALTHY,
                                           .message = "",
                                           .drift = &field,
                                           .drift_count = there ? 1 : 0};

    agent_watch_observed(f->watch, &seen);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
}

static void observe_added(struct fixture *f, bool there) {
    observe_beside(f, there, AGENT_DIFFERENCE_ADDED);
}

// What the target does not let go is told, and not applied for again and again.
static void what_is_added_and_stays_is_told_and_left_as_it_is(void **state) {
    struct fixture *f = *state;

    start(f, &corrected);
    connect(f);
    observe_beside(f, true, AGENT_DIFFERENCE_STAYS);
    const Holdfast__V1__ObjectReport *cfg = object_in(last(f), CFG);
    assert_int_equal(cfg->n_drift, 1);
    assert_int_equal(cfg->drift[0]->difference, HOLDFAST__V1__DIFFERENCE__FOREIGN);
    assert_int_equal(last(f)->apps[0]->drifted, 1);
    assert_false(agent_watch_wrong(f->watch, CFG));
    assert_false(fake_is_pending(f->fake, CFG));
}

static void what_is_added_is_drift_which_an_apply_does_not_end(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    observe_added(f, true);
    const Holdfast__V1__ObjectReport *cfg = object_in(last(f), CFG);
    assert_int_equal(cfg->n_drift, 1);
    assert_int_equal(cfg->drift[0]->difference, HOLDFAST__V1__DIFFERENCE__FOREIGN);
    assert_string_equal(cfg->drift[0]->desired, "");
    assert_string_equal(cfg->drift[0]->manager, "kubectl-annotate");
    assert_int_equal(last(f)->apps[0]->drifted, 1);
    assert_false(agent_watch_wrong(f->watch, CFG));
    assert_false(fake_is_pending(f->fake, CFG));
    agent_watch_written(f->watch, "shop", CFG, &(struct agent_applied){.written = true});
    agent_watch_applied(f->watch, agent_cache_item(f->cache, CFG));
    observe_added(f, false);
    cfg = object_in(last(f), CFG);
    assert_int_equal(cfg->n_drift, 0);
    assert_int_equal(cfg->n_happened, 0);
    assert_int_equal(cfg->drift_end, HOLDFAST__V1__DRIFT_END__DRIFT_END_PUT_BACK);
}

static void what_is_added_is_taken_away_where_the_app_corrects(void **state) {
    struct fixture *f = *state;

    start(f, &corrected);
    connect(f);
    observe_added(f, true);
    assert_true(agent_watch_wrong(f->watch, CFG));
    assert_true(fake_is_pending(f->fake, CFG));
    assert_true(fake_object(f->fake, CFG)->sparing.takes_added);
    assert_true(fake_succeed(f->fake, CFG));
    settle(f);
    observe_added(f, false);
    const Holdfast__V1__ObjectReport *cfg = object_in(last(f), CFG);
    assert_int_equal(cfg->n_drift, 0);
    assert_int_equal(cfg->drift_end, HOLDFAST__V1__DRIFT_END__DRIFT_END_CORRECTED);
}

static void another_rule_asks_how_the_objects_are(void **state) {
    struct fixture *f = *state;

    start_ruled(f, AGENT_DRIFT_REPORT, AGENT_DRIFT_OFF);
    size_t looks = fake_looks(f->fake);
    replace(f, &shop, 8);
    assert_int_equal(fake_looks(f->fake), looks + 2);
}

static void what_is_still_to_be_applied_has_not_drifted(void **state) {
    struct fixture *f = *state;
    struct agent_item item;

    start(f, &shop);
    item = *agent_cache_item(f->cache, CFG);
    item.sha256 = cm_sha256("older", 5);
    agent_watch_applied(f->watch, &item); // Git has another form meanwhile
    observe(f, CFG, AGENT_HEALTH_HEALTHY, "data.a");
    assert_false(agent_watch_wrong(f->watch, CFG));
}

static void a_correction_is_told_as_drift_and_not_once_more(void **state) {
    struct fixture *f = *state;

    start(f, &corrected);
    connect(f);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, "data.a");
    settle(f);
    assert_true(fake_succeed(f->fake, CFG));
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    for (size_t i = 0; i < f->count; i++) {
        const Holdfast__V1__ObjectReport *cfg = object_in(f->reports[i], CFG);

        assert_true(cfg == NULL || cfg->n_happened == 0);
    }
}

// fight lets somebody undo each correction for an hour, and returns how many there were.
static size_t fight(struct fixture *f, enum agent_health health, const char *path) {
    size_t corrections = 0;

    for (int64_t spent_ms = 0; spent_ms < 3600000; spent_ms += 1000) {
        if (fake_succeed(f->fake, CFG)) {
            corrections++;
            settle(f);
            observe(f, CFG, AGENT_HEALTH_HEALTHY, NULL);
            observe(f, CFG, health, path); // somebody does it again, at once
        }
        cm_clock_advance(1000);
        (void)cm_loop_turn(f->loop);
        (void)cm_loop_turn(f->loop);
    }
    return corrections;
}

static void begin_fight(struct fixture *f) {
    start(f, &corrected);
    connect(f);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, "data.a");
    settle(f);
    assert_true(fake_is_pending(f->fake, CFG)); // the first time at once
    assert_int_equal(fight(f, AGENT_HEALTH_HEALTHY, "data.a"), 5);
}

static void a_fight_is_told_and_given_up(void **state) {
    struct fixture *f = *state;

    begin_fight(f);
    const Holdfast__V1__ObjectReport *cfg = object_in(last(f), CFG);
    assert_int_equal(cfg->fought, 5);
    assert_int_equal(cfg->n_drift, 1);
    assert_non_null(strstr(cfg->message, "kubectl-edit changed data.a again after each of 5 "));
    assert_false(agent_watch_wrong(f->watch, CFG)); // what is new for other Apps does not begin it
}

static void one_that_deletes_again_and_again_is_a_fight_too(void **state) {
    struct fixture *f = *state;

    start(f, &corrected);
    connect(f);
    observe(f, CFG, AGENT_HEALTH_MISSING, NULL);
    settle(f);
    assert_int_equal(fight(f, AGENT_HEALTH_MISSING, NULL), 5);
    assert_int_equal(object_in(last(f), CFG)->fought, 5);
    assert_non_null(strstr(object_in(last(f), CFG)->message, "somebody deleted it again"));
}

static void a_fight_that_somebody_else_ends_is_over(void **state) {
    struct fixture *f = *state;

    begin_fight(f);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, NULL);
    settle(f);
    assert_int_equal(object_in(last(f), CFG)->fought, 0);
    assert_string_equal(object_in(last(f), CFG)->message, "");
    observe(f, CFG, AGENT_HEALTH_HEALTHY, "data.a"); // after an hour of quiet
    settle(f);
    assert_true(fake_is_pending(f->fake, CFG));
}

static void a_sync_begins_a_fight_again(void **state) {
    struct fixture *f = *state;

    begin_fight(f);
    assert_true(agent_apply_sync(f->apply, "shop"));
    settle(f);
    assert_true(fake_succeed(f->fake, CFG));
    settle(f);
    assert_int_equal(object_in(last(f), CFG)->fought, 0);
}

static void a_new_bundle_begins_a_fight_again(void **state) {
    struct fixture *f = *state;
    struct test_app app = corrected;

    begin_fight(f);
    replace(f, &app, 8); // the same bundle: decoded anew, so it counts as another one
    settle(f);
    assert_true(fake_is_pending(f->fake, CFG));
}

static void corrections_far_apart_are_no_fight(void **state) {
    struct fixture *f = *state;

    start(f, &corrected);
    connect(f);
    for (int i = 0; i < 10; i++) {
        observe(f, CFG, AGENT_HEALTH_HEALTHY, "data.a");
        settle(f);
        assert_true(fake_succeed(f->fake, CFG));
        settle(f);
        observe(f, CFG, AGENT_HEALTH_HEALTHY, NULL);
        cm_clock_advance(600000);
    }
}

static void a_correction_that_fails_is_tried_again(void **state) {
    struct fixture *f = *state;

    start(f, &corrected);
    settle(f);
    observe(f, CFG, AGENT_HEALTH_MISSING, NULL);
    settle(f);
    assert_true(fake_fail(f->fake, CFG, CM_EBUSY, "the namespace does not exist"));
    for (int i = 0; i < 60 && !fake_is_pending(f->fake, CFG); i++) { // and nobody says anything new
        cm_clock_advance(1000);
        settle(f);
    }
    assert_true(fake_is_pending(f->fake, CFG));
}

static void what_is_wrong_when_the_target_is_back_is_put_right(void **state) {
    struct fixture *f = *state;
    struct cm_err why;

    start(f, &corrected);
    settle(f);
    (void)cm_fail(&why, CM_EIO, "connection refused");
    agent_watch_reachable(f->watch, false, &why);
    observe(f, CFG, AGENT_HEALTH_MISSING, NULL);
    settle(f);
    assert_false(fake_is_pending(f->fake, CFG));
    agent_watch_reachable(f->watch, true, NULL);
    settle(f);
    assert_true(fake_is_pending(f->fake, CFG));
}

static void another_drift_mode_asks_how_the_objects_are(void **state) {
    struct fixture *f = *state;
    struct test_app app = shop;

    app.drift = AGENT_DRIFT_OFF;
    start(f, &app);
    settle(f);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, "data.a"); // not told, and not said again by itself
    size_t looks = fake_looks(f->fake);
    replace(f, &shop, 8);
    assert_int_equal(fake_looks(f->fake), looks + 2);
}

// told_bundle gathers what is told, and says which bundle of the App that was last.
static struct cm_sha256 told_bundle(struct fixture *f) {
    struct cm_sha256 bundle = {{0}};

    cm_clock_advance(INTERVAL_MS);
    settle(f);
    for (size_t i = 0; i < f->count; i++) {
        const Holdfast__V1__Report *r = f->reports[i];

        if (r->n_apps == 1 && r->apps[0]->bundle_sha256.len == sizeof(bundle.bytes)) {
            memcpy(bundle.bytes, r->apps[0]->bundle_sha256.data, sizeof(bundle.bytes));
        }
    }
    return bundle;
}

// Else what was not seen to differ yet would seem to be there already.
static void who_observes_tells_of_a_newer_bundle_once_all_was_looked_at_beside_it(void **state) {
    static const struct test_object newer[] = {
        {.key = CFG,
         .json = "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"cfg\","
                 "\"namespace\":\"shop\"},\"data\":{\"a\":\"2\"}}"},
        {.key = SVC}};
    struct fixture *f = *state;
    struct test_app app = shop;

    f->driver->observes = true;
    start(f, &shop);
    connect(f);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, NULL);
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    struct cm_sha256 before = told_bundle(f);
    app.objects = newer;
    replace(f, &app, 8);
    observe(f, SVC, AGENT_HEALTH_PROGRESSING, NULL);
    struct cm_sha256 meanwhile = told_bundle(f);
    assert_true(cm_sha256_equal(&before, &meanwhile));
    observe(f, CFG, AGENT_HEALTH_HEALTHY, "data.a");
    struct cm_sha256 after = told_bundle(f);
    assert_false(cm_sha256_equal(&before, &after));
    assert_int_equal(last(f)->apps[0]->drifted, 1);
}

// What stands of a difference, while it is being found out who made it, was not told by this
// process.
static void how_an_object_differs_is_not_told_before_it_was_seen(void **state) {
    struct agent_observation waits = {.key = CFG,
                                      .uid = "uid",
                                      .health = AGENT_HEALTH_HEALTHY,
                                      .message = "",
                                      .drift_stands = true};
    struct fixture *f = *state;

    start(f, &shop);
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    connect(f);
    assert_true(object_in(f->reports[0], CFG)->unseen);
    assert_false(object_in(f->reports[0], SVC)->unseen);
    assert_true(shop_in(f->reports[0])->unseen);
    agent_watch_observed(f->watch, &waits);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_true(object_in(last(f), CFG)->unseen);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, NULL); // and it differs no more
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_false(object_in(last(f), CFG)->unseen);
    assert_false(shop_in(last(f))->unseen);
}

// Else what is on record of how it differs would seem to be over, and to begin anew.
static void what_an_object_says_before_it_was_seen_is_not_all_there_is_to_tell(void **state) {
    struct agent_observation waits = {.key = CFG,
                                      .uid = "uid",
                                      .health = AGENT_HEALTH_DEGRADED,
                                      .message = "no room",
                                      .drift_stands = true};
    struct fixture *f = *state;

    start(f, &shop);
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    connect(f);
    agent_watch_observed(f->watch, &waits);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_string_equal(object_in(last(f), CFG)->message, "no room");
    assert_true(object_in(last(f), CFG)->unseen);
}

static void what_nobody_looks_at_is_not_waited_for(void **state) {
    struct fixture *f = *state;

    agent_cache_put_item(
        f->cache, &(struct agent_item){.key = LEFT, .app = "shop", .uid = "uid", .applied = true});
    agent_cache_set_release(f->cache, LEFT);
    start(f, &shop);
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    agent_watch_removed(f->watch, "shop", CFG);
    agent_watch_listed(f->watch, "shop", CFG); // another one of that name
    connect(f);
    assert_false(object_in(f->reports[0], LEFT)->unseen);
    assert_false(object_in(f->reports[0], CFG)->unseen);
    assert_false(shop_in(f->reports[0])->unseen);
}

#define OURS "Deployment.apps/shop/web"

static void find(struct fixture *f, const char *key) {
    agent_apply_found(
        f->apply,
        &(struct agent_found){.key = key, .group = "argocd.shop", .runs = "web:1\n", .form = "{}"});
}

// find_one has the survey find a workload that no App names.
static void find_one(struct fixture *f) {
    f->driver->observes = true;
    f->driver->surveys = true;
    agent_watch_survey(f->watch);
    agent_watch_start(f->watch, f->apply);
    agent_watch_connected(f->watch, true, true, true, true);
    find(f, OURS);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
}

// Else what was not found yet would seem to be gone.
static void nothing_is_told_until_all_that_was_found_was_seen(void **state) {
    struct fixture *f = *state;

    find_one(f);
    find(f, "Deployment.apps/other/api");
    find(f, "Deployment.apps/third/api");
    agent_watch_surveyed(f->watch);
    observe(f, "Deployment.apps/other/api", AGENT_HEALTH_HEALTHY, NULL);
    observe(f, OURS, AGENT_HEALTH_HEALTHY, NULL);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_int_equal(f->count, 0);
    observe(f, "Deployment.apps/third/api", AGENT_HEALTH_MISSING, NULL); // it went again
    settle(f);
    assert_int_equal(f->count, 1);
    assert_true(last(f)->full && last(f)->full_end);
    assert_non_null(object_in(last(f), "Deployment.apps/other/api"));
    assert_null(object_in(last(f), "Deployment.apps/third/api"));
    const Holdfast__V1__AppReport *app = shop_in(last(f));
    assert_string_equal(app->app, "argocd.shop");
    assert_string_equal(app->revision, "");
    assert_int_equal(app->n_images, 1);
    assert_string_equal(app->images[0], "web:1");
    assert_non_null(object_in(last(f), OURS));
}

// A bundle names its images, also of what was not seen yet.
static void what_is_found_later_is_told_with_the_images_of_its_group(void **state) {
    struct fixture *f = *state;

    find_one(f);
    observe(f, OURS, AGENT_HEALTH_HEALTHY, NULL);
    agent_watch_surveyed(f->watch);
    settle(f);
    struct cm_sha256 before = told_bundle(f);
    agent_apply_found(f->apply, &(struct agent_found){.key = "Deployment.apps/shop/api",
                                                      .group = "argocd.shop",
                                                      .runs = "api:1\n",
                                                      .form = "{}"});
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    struct cm_sha256 after = told_bundle(f);
    assert_false(cm_sha256_equal(&before, &after));
    assert_int_equal(shop_in(last(f))->n_images, 2);
    assert_string_equal(shop_in(last(f))->images[0], "api:1");
}

static void a_survey_that_goes_on_keeps_only_what_is_told_in_full(void **state) {
    struct fixture *f = *state;

    find_one(f);
    cm_clock_advance(30000);
    settle(f);
    assert_int_equal(f->count, 1);
    assert_false(last(f)->full || last(f)->full_end);
    observe(f, OURS, AGENT_HEALTH_HEALTHY, NULL);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_false(last(f)->full_end);
    agent_watch_surveyed(f->watch);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_true(last(f)->full && last(f)->full_end);
    assert_non_null(object_in(last(f), OURS)); // once more
}

static void what_was_found_and_goes_takes_its_group_away(void **state) {
    struct fixture *f = *state;

    find_one(f);
    observe(f, OURS, AGENT_HEALTH_HEALTHY, NULL);
    agent_watch_surveyed(f->watch);
    settle(f);
    observe(f, OURS, AGENT_HEALTH_MISSING, NULL);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_true(object_in(last(f), OURS)->removed);
    assert_true(shop_in(last(f))->removed);
    assert_string_equal(shop_in(last(f))->claimed_by, "");
    assert_string_equal(shop_in(last(f))->message, "nothing of it runs there any more");
}

static void what_was_found_says_which_app_has_it_now(void **state) {
    static const struct test_object web[] = {{.key = OURS}};
    static const struct test_app app = {.name = "shop", .objects = web, .object_count = 1};
    struct fixture *f = *state;
    bool told = false;

    find_one(f);
    observe(f, OURS, AGENT_HEALTH_HEALTHY, NULL);
    agent_watch_surveyed(f->watch);
    settle(f);
    replace(f, &app, 8);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_string_equal(object_in(last(f), OURS)->app, "shop");
    assert_false(object_in(last(f), OURS)->removed);
    for (size_t i = 0; i < last(f)->n_apps; i++) {
        told |= strcmp(last(f)->apps[i]->claimed_by, "shop") == 0 && last(f)->apps[i]->removed;
    }
    assert_true(told);
}

static void the_commit_that_turns_drift_off_undoes_nothing(void **state) {
    struct fixture *f = *state;
    struct test_app app = shop;

    start(f, &shop);
    settle(f);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, "data.a");
    observe(f, SVC, AGENT_HEALTH_MISSING, NULL);
    app.drift = AGENT_DRIFT_OFF;
    replace(f, &app, 8);
    settle(f);
    assert_false(fake_is_pending(f->fake, CFG));
    assert_true(fake_is_pending(f->fake, SVC)); // a new commit makes what is not there
}

static void nothing_is_told_in_full_before_the_inventory_is_known(void **state) {
    struct fixture *f = *state;

    agent_watch_connected(f->watch, true, true, true, true);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_int_equal(f->count, 0);
    agent_watch_app_state(f->watch, &(struct agent_app_state){.app = "shop",
                                                              .revision = "c1",
                                                              .applied = AGENT_APP_PENDING,
                                                              .message = "waits"});
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_int_equal(f->count, 1);
    assert_false(last(f)->full || last(f)->full_end);
    assert_string_equal(last(f)->apps[0]->message, "waits");
    assert_int_equal(last(f)->apps[0]->health, HOLDFAST__V1__HEALTH__HEALTH_UNKNOWN);
    start(f, &shop);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_true(last(f)->full && last(f)->full_end);
    assert_int_equal(last(f)->n_objects, 2);
    assert_int_equal(last(f)->n_apps, 1);
}

static void an_app_says_which_object_ails_and_why(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    ail(f, CFG, AGENT_HEALTH_PROGRESSING, "0 of 1 replicas");
    ail(f, SVC, AGENT_HEALTH_DEGRADED, "it has no address");
    settle(f);
    assert_int_equal(shop_in(last(f))->health, HOLDFAST__V1__HEALTH__DEGRADED);
    assert_string_equal(shop_in(last(f))->health_message, SVC ": it has no address");
    ail(f, CFG, AGENT_HEALTH_DEGRADED, "it crashes");
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_string_equal(shop_in(last(f))->health_message, CFG ": it crashes (and 1 more)");
    ail(f, CFG, AGENT_HEALTH_DEGRADED, "out of memory");
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_string_equal(shop_in(last(f))->health_message, CFG ": out of memory (and 1 more)");
    ail(f, CFG, AGENT_HEALTH_MISSING, "");
    ail(f, SVC, AGENT_HEALTH_HEALTHY, "");
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_string_equal(shop_in(last(f))->health_message, CFG ": it is missing");
    ail(f, CFG, AGENT_HEALTH_HEALTHY, "");
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_string_equal(shop_in(last(f))->health_message, "");
}

static void what_ended_and_went_by_itself_is_not_missing(void **state) {
    struct agent_observation gone = {.key = CFG,
                                     .uid = "",
                                     .health = AGENT_HEALTH_MISSING,
                                     .message = "it is gone",
                                     .ended = true};
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    ail(f, SVC, AGENT_HEALTH_HEALTHY, "");
    agent_watch_observed(f->watch, &gone);
    assert_true(is_healthy(f));
    assert_false(agent_watch_wrong(f->watch, CFG));
    gone.ended = false;
    agent_watch_observed(f->watch, &gone);
    assert_false(is_healthy(f));
    assert_true(agent_watch_wrong(f->watch, CFG));
}

static const struct test_object hooked[] = {{.key = HOOK, .phase = AGENT_PHASE_PRE_APPLY},
                                            {.key = SVC}};
static const struct test_app hooked_shop = {.name = "shop", .objects = hooked, .object_count = 2};
static const struct agent_observation hook_gone = {
    .key = HOOK, .uid = "", .health = AGENT_HEALTH_MISSING, .message = "it is gone", .ended = true};

static void a_hook_that_succeeded_and_went_before_its_run_could_see_has_run(void **state) {
    struct fixture *f = *state;

    start(f, &hooked_shop);
    connect(f);
    assert_true(fake_succeed(f->fake, HOOK)); // it is made
    settle(f);
    ail(f, HOOK, AGENT_HEALTH_HEALTHY, "");
    agent_watch_observed(f->watch,
                         &hook_gone); // as a freeze would have it: before the run has looked
    settle(f);
    assert_true(agent_cache_hook(f->cache, HOOK)->done);
    agent_watch_observed(f->watch, &hook_gone); // now that it is over
    settle(f);
    assert_null(agent_cache_item(f->cache, HOOK));
}

static void a_hook_of_which_nobody_saw_the_end_may_not_have_run(void **state) {
    struct fixture *f = *state;

    start(f, &hooked_shop);
    connect(f);
    assert_true(fake_succeed(f->fake, HOOK));
    settle(f);
    ail(f, HOOK, AGENT_HEALTH_PROGRESSING, "");
    agent_watch_observed(f->watch, &hook_gone);
    settle(f);
    assert_int_equal(agent_watch_health(f->watch, HOOK), AGENT_HEALTH_MISSING);
    assert_false(agent_cache_hook(f->cache, HOOK)->done);
}

static void how_an_object_is_that_is_left_there_is_nobodys_business(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    ail(f, CFG, AGENT_HEALTH_HEALTHY, "");
    ail(f, SVC, AGENT_HEALTH_DEGRADED, "it has no address");
    assert_false(is_healthy(f));
    agent_watch_left(f->watch, "shop", SVC, "no longer in Git");
    assert_true(is_healthy(f));
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_int_equal(shop_in(last(f))->health, HOLDFAST__V1__HEALTH__HEALTHY);
    assert_int_equal(shop_in(last(f))->objects, 2);
    ail(f, SVC, AGENT_HEALTH_PROGRESSING, "it is on its way");
    assert_true(is_healthy(f));
    const struct agent_item again = {.key = SVC, .app = "shop", .applied = true};
    agent_watch_applied(f->watch, &again);
    assert_false(is_healthy(f));
}

static void what_is_not_healthy_in_time_is_degraded(void **state) {
    struct fixture *f = *state;
    struct test_app app = shop;

    app.health_timeout_s = 60;
    start(f, &app);
    settle(f);
    ail(f, CFG, AGENT_HEALTH_HEALTHY, "");
    ail(f, SVC, AGENT_HEALTH_PROGRESSING, "no address yet");
    cm_clock_advance(59000);
    settle(f);
    assert_int_equal(agent_watch_app_health(f->watch, "shop"), AGENT_HEALTH_PROGRESSING);
    cm_clock_advance(1000);
    settle(f);
    assert_int_equal(agent_watch_app_health(f->watch, "shop"), AGENT_HEALTH_DEGRADED);
    assert_true(agent_watch_app_late(f->watch, "shop"));
    CM_AUTOFREE char *why = agent_watch_app_why(f->watch, "shop");
    assert_string_equal(why, "not healthy after 60s: " SVC ": no address yet");
    ail(f, SVC, AGENT_HEALTH_HEALTHY, "");
    assert_true(is_healthy(f));
    ail(f, SVC, AGENT_HEALTH_PROGRESSING, "no address any more"); // has its own time
    cm_clock_advance(59000);
    settle(f);
    assert_int_equal(agent_watch_app_health(f->watch, "shop"), AGENT_HEALTH_PROGRESSING);
    app.health_timeout_s = 61; // and so has what is new
    replace(f, &app, 8);
    cm_clock_advance(60000);
    settle(f);
    assert_int_equal(agent_watch_app_health(f->watch, "shop"), AGENT_HEALTH_PROGRESSING);
    cm_clock_advance(1000);
    settle(f);
    assert_int_equal(agent_watch_app_health(f->watch, "shop"), AGENT_HEALTH_DEGRADED);
}

#define LEADER "Canary.flagger.app//web"

static const struct agent_decision rejection = {.key = SVC,
                                                .uid = "uid",
                                                .controller = "flagger",
                                                .controller_key = "Canary.flagger.app/shop/web",
                                                .leader = LEADER,
                                                .verdict = AGENT_VERDICT_REJECTED,
                                                .bad = "bad",
                                                .good = "good",
                                                .text = "the words",
                                                .weight = -1,
                                                .at_ms = 5000,
                                                .actor = "flagger",
                                                .actor_ms = 4000};

// is_late_after lets so many milliseconds pass.
static bool is_late_after(struct fixture *f, int64_t ms) {
    cm_clock_advance(ms);
    settle(f);
    return agent_watch_app_late(f->watch, "shop");
}

// What waits for somebody goes on when he says so, however long that takes.
static void what_waits_for_somebody_has_time(void **state) {
    struct agent_decision decision = {.key = SVC,
                                      .uid = "u",
                                      .controller = "argo-rollouts",
                                      .controller_key = "",
                                      .leader = "",
                                      .verdict = AGENT_VERDICT_WAITING,
                                      .bad = "",
                                      .good = "",
                                      .text = "promote it",
                                      .weight = -1,
                                      .at_ms = 1,
                                      .actor = ""};
    struct fixture *f = *state;
    struct test_app app = shop;

    app.health_timeout_s = 60;
    start(f, &app);
    settle(f);
    ail(f, CFG, AGENT_HEALTH_HEALTHY, "");
    ail(f, SVC, AGENT_HEALTH_PROGRESSING, "paused");
    assert_true(is_late_after(f, 60000)); // of its steps before
    agent_watch_decided(f->watch, &decision);
    decision.verdict = AGENT_VERDICT_RESTARTED;
    agent_watch_decided(f->watch, &decision);
    settle(f);
    assert_int_equal(agent_watch_app_health(f->watch, "shop"), AGENT_HEALTH_PROGRESSING);
    assert_false(is_late_after(f, 60000));
    ail(f, CFG, AGENT_HEALTH_PROGRESSING, "no address yet"); // of others that is no excuse
    assert_true(is_late_after(f, 60000));
    ail(f, CFG, AGENT_HEALTH_HEALTHY, "");
    assert_false(agent_watch_app_late(f->watch, "shop"));
    decision.verdict = AGENT_VERDICT_STARTED;
    agent_watch_decided(f->watch, &decision);
    assert_true(is_late_after(f, 60000));
}

// The one that waits is another object than the one that it waits for; its namespace is open.
static void what_leads_what_waits_for_somebody_has_time(void **state) {
    static const struct test_object led[] = {{.key = LEADER}, {.key = SVC}};
    static const struct test_app app = {
        .name = "shop", .objects = led, .object_count = 2, .health_timeout_s = 60};
    struct fixture *f = *state;
    struct agent_decision decision = rejection;

    decision.verdict = AGENT_VERDICT_WAITING;
    start(f, &app);
    settle(f);
    ail(f, SVC, AGENT_HEALTH_HEALTHY, "");
    ail(f, LEADER, AGENT_HEALTH_PROGRESSING, "paused");
    agent_watch_decided(f->watch, &decision);
    assert_false(is_late_after(f, 60000));
}

// wait_for has SVC wait for somebody until it is as late as it may be.
static void wait_for(struct fixture *f, const struct test_app *app) {
    struct agent_decision decision = rejection;

    decision.leader = "";
    decision.verdict = AGENT_VERDICT_WAITING;
    start(f, app);
    settle(f);
    ail(f, CFG, AGENT_HEALTH_HEALTHY, "");
    ail(f, SVC, AGENT_HEALTH_PROGRESSING, "paused");
    agent_watch_decided(f->watch, &decision);
    assert_false(is_late_after(f, 60000));
}

static void the_next_one_of_that_name_waits_for_nobody(void **state) {
    struct fixture *f = *state;
    struct test_app app = shop;

    app.health_timeout_s = 60;
    wait_for(f, &app);
    ail(f, SVC, AGENT_HEALTH_MISSING, "");
    ail(f, SVC, AGENT_HEALTH_PROGRESSING, "no address yet");
    assert_true(is_late_after(f, 60000));
}

static void nor_does_it_after_it_was_removed(void **state) {
    struct fixture *f = *state;
    struct test_app app = shop;

    app.health_timeout_s = 60;
    wait_for(f, &app);
    agent_watch_removed(f->watch, "shop", SVC);
    agent_watch_listed(f->watch, "shop", SVC);
    ail(f, SVC, AGENT_HEALTH_PROGRESSING, "no address yet");
    assert_true(is_late_after(f, 60000));
}

// It was away for most of that time.
static void nor_right_after_it_is_back(void **state) {
    const struct cm_err why = {.code = CM_EBUSY, .msg = "away"};
    struct fixture *f = *state;
    struct test_app app = shop;

    app.health_timeout_s = 60;
    start(f, &app);
    settle(f);
    ail(f, CFG, AGENT_HEALTH_HEALTHY, "");
    ail(f, SVC, AGENT_HEALTH_PROGRESSING, "no address yet");
    cm_clock_advance(1000);
    agent_watch_reachable(f->watch, false, &why);
    cm_clock_advance(58000);
    agent_watch_reachable(f->watch, true, NULL);
    settle(f);
    assert_false(is_late_after(f, 59000));
    assert_true(is_late_after(f, 1000));
}

static void nobody_is_late_while_the_target_is_away(void **state) {
    struct fixture *f = *state;
    struct test_app app = shop;
    struct cm_err why;

    app.health_timeout_s = 60;
    start(f, &app);
    settle(f);
    ail(f, SVC, AGENT_HEALTH_PROGRESSING, "no address yet");
    (void)cm_fail(&why, CM_EIO, "connection refused");
    agent_watch_reachable(f->watch, false, &why);
    cm_clock_advance(60000);
    settle(f);
    agent_watch_reachable(f->watch, true, NULL);
    assert_false(agent_watch_app_late(f->watch, "shop"));
    assert_true(is_late_after(f, 60000));
}

static void what_is_due_is_applied_whatever_the_app_says_of_drift(void **state) {
    struct agent_observation due = {
        .key = CFG, .uid = "uid", .health = AGENT_HEALTH_HEALTHY, .message = "", .due = true};
    struct fixture *f = *state;
    struct test_app app = shop;

    app.drift = AGENT_DRIFT_OFF;
    start(f, &app);
    settle(f);
    agent_watch_observed(f->watch, &due);
    settle(f);
    assert_true(fake_succeed(f->fake, CFG));
    settle(f);
    due.due = false;
    agent_watch_observed(f->watch, &due);
    cm_clock_advance(600000);
    settle(f);
    assert_false(fake_is_pending(f->fake, CFG));
}

static void what_is_due_waits_while_the_app_is_suspended(void **state) {
    struct fixture *f = *state;
    struct test_app app = shop;

    app.suspend = true;
    start(f, &app);
    settle(f);
    agent_watch_observed(
        f->watch,
        &(struct agent_observation){
            .key = CFG, .uid = "uid", .health = AGENT_HEALTH_HEALTHY, .message = "", .due = true});
    settle(f);
    assert_false(fake_is_pending(f->fake, CFG));
}

static void an_object_that_is_gone_is_told_until_it_is_acknowledged(void **state) {
    struct fixture *f = *state;
    struct agent_watch_counts counts;

    start(f, &shop);
    connect(f);
    agent_watch_removed(f->watch, "shop", CFG);
    settle(f);
    assert_true(object_in(last(f), CFG)->removed);
    agent_watch_disconnected(f->watch);
    cm_clock_advance(INTERVAL_MS);
    come_back(f);
    assert_true(object_in(last(f), CFG)->removed);
    agent_watch_acked(f->watch, agent_cache_report_run(f->cache), last(f)->number);
    agent_watch_disconnected(f->watch);
    size_t before = f->count;
    agent_watch_connected(f->watch, false, true, true, true);
    settle(f);
    assert_int_equal(f->count, before);
    agent_watch_counts_get(f->watch, &counts);
    assert_int_equal(counts.objects, 1);
}

static void
an_app_that_is_gone_is_told_with_the_commit_and_what_became_of_its_objects(void **state) {
    static const struct {
        size_t removed;
        size_t left;
        const char *words;
    } cases[] = {{0, 0, "it owned nothing any more"},
                 {1, 0, "removed 1 object"},
                 {0, 2, "left 2 objects there"},
                 {3, 1, "removed 3 objects, left 1 there"}};
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agent_watch_app_removed(f->watch, &(struct agent_app_removed){.app = "shop",
                                                                      .revision = "c0ffee",
                                                                      .removed = cases[i].removed,
                                                                      .left = cases[i].left});
        cm_clock_advance(INTERVAL_MS);
        settle(f);
        const Holdfast__V1__AppReport *app = last(f)->apps[0];
        assert_true(app->removed);
        assert_string_equal(app->revision, "c0ffee");
        assert_string_equal(app->message, cases[i].words);
    }
}

static void what_is_left_there_and_is_gone_already_is_forgotten(void **state) {
    const struct test_app less = {
        .name = "shop", .objects = objects, .object_count = 1, .no_prune = true};
    struct agent_watch_counts counts;
    struct fixture *f = *state;

    start(f, &shop);
    settle(f);
    observe(f, SVC, AGENT_HEALTH_MISSING, NULL); // deleted by hand, then from Git
    replace(f, &less, 8);
    settle(f);
    agent_watch_counts_get(f->watch, &counts);
    assert_int_equal(counts.objects, 1);
    assert_null(agent_cache_item(f->cache, SVC));
}

static void long_texts_are_cut_at_a_character(void **state) {
    struct fixture *f = *state;
    char text[3001];

    for (size_t i = 0; i + 2 < sizeof(text); i += 2) {
        memcpy(text + i, "ä", 2);
    }
    text[3000] = '\0';
    text[0] = 'x'; // so that the limit falls into a character
    text[1] = 'x';
    memmove(text + 1, text + 2, sizeof(text) - 2);
    start(f, &shop);
    connect(f);
    agent_watch_failed(f->watch, "shop", CFG, text);
    settle(f);
    size_t len = strlen(object_in(last(f), CFG)->message);
    assert_true(len <= WIRE_MESSAGE_MAX && len >= WIRE_MESSAGE_MAX - 1);
}

static void what_is_no_text_is_mended_before_it_is_told(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    agent_watch_failed(f->watch, "shop", CFG, "cut in the middle: \xe4\xbd");
    settle(f);
    assert_string_equal(object_in(last(f), CFG)->message, "cut in the middle: ??");
}

// ---- Without a hub

// go_away begins with an App that is well, and known to be so.
static void go_away(struct fixture *f) {
    start(f, &shop);
    connect(f);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, NULL);
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    settle(f);
    agent_watch_acked(f->watch, agent_cache_report_run(f->cache), last(f)->number);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    agent_watch_acked(f->watch, agent_cache_report_run(f->cache), last(f)->number);
    agent_watch_disconnected(f->watch);
    assert_int_equal(agent_cache_journal_count(f->cache), 0);
}

static void what_happens_without_a_hub_is_told_in_its_order_with_its_times(void **state) {
    struct fixture *f = *state;

    go_away(f);
    int64_t fell_ms = cm_clock_unix_ms();
    observe(f, SVC, AGENT_HEALTH_DEGRADED, NULL);
    cm_clock_advance(3600000);
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    cm_clock_advance(60000);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, "data.a");
    observe(f, CFG, AGENT_HEALTH_HEALTHY, NULL);
    agent_watch_connected(f->watch, false, true, true, true);
    settle(f);
    assert_int_equal(f->journals, 1);
    assert_int_equal(f->journal->n_entries, 4);
    assert_int_equal(entry(f, 0)->app->health, HOLDFAST__V1__HEALTH__DEGRADED);
    assert_int_equal(entry(f, 0)->at_ms, fell_ms);
    assert_int_equal(entry(f, 1)->app->health, HOLDFAST__V1__HEALTH__HEALTHY);
    assert_int_equal(entry(f, 1)->at_ms, fell_ms + 3600000);
    assert_int_equal(entry(f, 2)->object->n_drift, 1);
    assert_int_equal(entry(f, 3)->object->n_drift, 0);
    assert_true(entry(f, 3)->number > entry(f, 2)->number);
}

// be_well begins a connection over which all is known to be well.
static void be_well(struct fixture *f) {
    go_away(f);
    agent_watch_connected(f->watch, false, true, true, true);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
}

static void what_came_and_went_before_the_link_was_found_dead_is_told(void **state) {
    struct fixture *f = *state;

    be_well(f);
    int64_t fell_ms = cm_clock_unix_ms();
    observe(f, SVC, AGENT_HEALTH_DEGRADED, NULL);
    cm_clock_advance(INTERVAL_MS);
    settle(f); // a report tells it, which nobody gets
    uint64_t number = last(f)->number;
    observe(f, CFG, AGENT_HEALTH_HEALTHY, "data.a");
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, NULL);
    agent_watch_disconnected(f->watch);
    agent_watch_connected(f->watch, false, true, true, true);
    settle(f);
    assert_int_equal(entry(f, 0)->app->health, HOLDFAST__V1__HEALTH__DEGRADED);
    assert_int_equal(entry(f, 0)->at_ms, fell_ms);
    assert_int_equal(entry(f, 0)->report, number); // the hub may have it
    assert_int_equal(entry(f, 1)->object->n_drift, 1);
    assert_int_equal(entry(f, 1)->report, 0);
    const Holdfast__V1__JournalEntry *end = entry(f, f->journal->n_entries - 1);
    assert_int_equal(end->app->health, HOLDFAST__V1__HEALTH__HEALTHY);
}

static void what_a_hub_has_acknowledged_is_not_told_again(void **state) {
    struct fixture *f = *state;

    be_well(f);
    observe(f, SVC, AGENT_HEALTH_DEGRADED, NULL);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    agent_watch_acked(f->watch, agent_cache_report_run(f->cache), last(f)->number);
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    agent_watch_disconnected(f->watch);
    assert_int_equal(agent_cache_journal_count(f->cache), 1); // how it is now
}

static void more_than_is_kept_for_later_goes_into_the_journal_at_once(void **state) {
    struct fixture *f = *state;

    be_well(f);
    for (int i = 0; i < 300; i++) {
        observe(f, SVC, i % 2 == 0 ? AGENT_HEALTH_DEGRADED : AGENT_HEALTH_HEALTHY, NULL);
    }
    assert_int_equal(agent_cache_journal_count(f->cache), 300 - 256);
    agent_watch_disconnected(f->watch);
    assert_int_equal(agent_cache_journal_count(f->cache), 300);
}

// A burst over a link that is well is no history yet.
static void how_many_things_are_now_does_not_go_into_the_journal(void **state) {
    enum { OBJECTS = 400 };
    struct fixture *f = *state;
    struct test_object *many = cm_arena_get(f->arena, OBJECTS * sizeof(*many));
    const struct test_app app = {.name = "shop", .objects = many, .object_count = OBJECTS};

    for (int i = 0; i < OBJECTS; i++) {
        many[i].key = cm_arena_strf(f->arena, "ConfigMap/shop/cfg-%03d", i);
    }
    start(f, &app);
    connect(f);
    for (int i = 0; i < OBJECTS; i++) {
        observe(f, many[i].key, AGENT_HEALTH_HEALTHY, "data.a");
    }
    assert_int_equal(agent_cache_journal_count(f->cache), 0);
    agent_watch_disconnected(f->watch);
    assert_in_range(agent_cache_journal_count(f->cache), OBJECTS, OBJECTS + 1); // and the App
}

static void no_more_is_kept_for_later_than_the_journal_has_room_for(void **state) {
    enum { LARGE = 2000, FIELDS = 16, CHANGES = 20 };
    struct agent_field_drift fields[FIELDS];
    struct fixture *f = *state;
    char path[LARGE + 1];

    memset(path, 'x', LARGE);
    path[LARGE] = '\0';
    be_well(f);
    for (int i = 0; i < CHANGES; i++) {
        CM_AUTOFREE char *value = cm_strf("%d", i);

        for (int k = 0; k < FIELDS; k++) {
            fields[k] = (struct agent_field_drift){.path = path,
                                                   .desired = "1",
                                                   .actual = value,
                                                   .manager = "kubectl-edit",
                                                   .operation = "Update"};
        }
        agent_watch_observed(f->watch, &(struct agent_observation){.key = CFG,
                                                                   .uid = "uid",
                                                                   .health = AGENT_HEALTH_HEALTHY,
                                                                   .message = "",
                                                                   .drift = fields,
                                                                   .drift_count = FIELDS});
    }
    assert_in_range(agent_cache_journal_count(f->cache), 1, CHANGES - 2);
}

static void fail_app(struct fixture *f) {
    agent_watch_app_state(f->watch, &(struct agent_app_state){.app = "shop",
                                                              .revision = "c2",
                                                              .bundle_sha256 = {{9}},
                                                              .applied = AGENT_APP_FAILED,
                                                              .message = "no room"});
}

static void how_something_was_before_it_went_is_told(void **state) {
    struct fixture *f = *state;

    be_well(f);
    fail_app(f);
    agent_watch_app_removed(f->watch, &(struct agent_app_removed){.app = "shop", .revision = "c3"});
    agent_watch_disconnected(f->watch);
    agent_watch_connected(f->watch, false, true, true, true);
    settle(f);
    assert_int_equal(f->journal->n_entries, 1);
    assert_int_equal(entry(f, 0)->app->applied, HOLDFAST__V1__APPLIED__FAILED);
}

// What its entry says would bring it back.
static void what_a_full_report_leaves_out_is_not_told_later(void **state) {
    struct fixture *f = *state;

    agent_watch_survey(f->watch);
    start(f, &shop);
    agent_watch_connected(f->watch, true, true, true, true);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, "data.a");
    agent_watch_removed(f->watch, "shop", CFG);
    agent_watch_surveyed(f->watch);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_true(last(f)->full && last(f)->full_end);
    assert_null(object_in(last(f), CFG));
    agent_watch_disconnected(f->watch);
    assert_int_equal(agent_cache_journal_count(f->cache), 1); // how the App is
}

static void what_came_and_went_is_on_disk_before_the_program_ends(void **state) {
    struct fixture *f = *state;

    be_well(f);
    observe(f, SVC, AGENT_HEALTH_DEGRADED, NULL);
    cm_clock_advance(INTERVAL_MS);
    settle(f); // a report tells it, which nobody gets
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    agent_watch_last(f->watch);
    assert_int_equal(agent_cache_journal_count(f->cache), 1);
}

// It would make of one thing two.
static void a_hub_that_compares_no_reports_gets_no_entries_that_they_told(void **state) {
    struct fixture *f = *state;

    go_away(f);
    agent_watch_connected(f->watch, false, true, false, true);
    observe(f, SVC, AGENT_HEALTH_DEGRADED, NULL);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    agent_watch_last(f->watch);
    assert_int_equal(agent_cache_journal_count(f->cache), 0);
    agent_watch_disconnected(f->watch);
    assert_int_equal(agent_cache_journal_count(f->cache), 1); // how it is now
}

static void no_report_comes_before_the_journal_is_acknowledged(void **state) {
    struct fixture *f = *state;

    go_away(f);
    observe(f, SVC, AGENT_HEALTH_DEGRADED, NULL);
    size_t before = f->count;
    agent_watch_connected(f->watch, false, true, true, true);
    cm_clock_advance(INTERVAL_MS);
    settle(f);
    assert_int_equal(f->journals, 1);
    assert_int_equal(f->count, before);
    agent_watch_journal_acked(f->watch, "somebody-else", entry(f, 0)->number);
    settle(f);
    assert_int_equal(f->count, before);
    acknowledge_journal(f);
    assert_int_equal(f->count, before + 1);
    assert_int_equal(agent_cache_journal_count(f->cache), 0);
    assert_int_equal(last(f)->apps[0]->health, HOLDFAST__V1__HEALTH__DEGRADED);
}

static void a_journal_that_was_not_acknowledged_is_told_again_with_its_numbers(void **state) {
    struct fixture *f = *state;

    go_away(f);
    observe(f, SVC, AGENT_HEALTH_DEGRADED, NULL);
    agent_watch_connected(f->watch, false, true, true, true);
    settle(f);
    uint64_t number = entry(f, 0)->number;
    agent_watch_disconnected(f->watch);
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    agent_watch_connected(f->watch, false, true, true, true);
    settle(f);
    assert_int_equal(f->journals, 2);
    assert_int_equal(entry(f, 0)->number, number);
    assert_int_equal(entry(f, f->journal->n_entries - 1)->app->health,
                     HOLDFAST__V1__HEALTH__HEALTHY);
}

static void what_a_new_process_finds_well_is_no_news(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    observe(f, CFG, AGENT_HEALTH_HEALTHY, NULL);
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    settle(f);
    assert_int_equal(agent_cache_journal_count(f->cache), 0);
    observe(f, SVC, AGENT_HEALTH_DEGRADED, NULL);
    assert_int_equal(agent_cache_journal_count(f->cache), 1);
}

static void what_was_under_way_as_the_link_was_lost_is_noted_when_it_ends(void **state) {
    struct fixture *f = *state;

    go_away(f);
    agent_watch_connected(f->watch, false, true, true, true);
    observe(f, SVC, AGENT_HEALTH_PROGRESSING, NULL);
    agent_watch_disconnected(f->watch);
    size_t before = agent_cache_journal_count(f->cache);
    agent_watch_app_state(f->watch, &(struct agent_app_state){.app = "shop",
                                                              .revision = "c2",
                                                              .bundle_sha256 = {{9}},
                                                              .applied = AGENT_APP_APPLYING,
                                                              .message = ""});
    assert_int_equal(agent_cache_journal_count(f->cache), before);
    agent_watch_app_state(f->watch, &(struct agent_app_state){.app = "shop",
                                                              .revision = "c2",
                                                              .bundle_sha256 = {{9}},
                                                              .applied = AGENT_APP_FAILED,
                                                              .message = "no room"});
    agent_watch_connected(f->watch, false, true, true, true);
    settle(f);
    const Holdfast__V1__AppReport *failed = entry(f, f->journal->n_entries - 1)->app;
    assert_int_equal(failed->applied, HOLDFAST__V1__APPLIED__FAILED);
    assert_string_equal(failed->message, "no room");
    assert_int_equal(failed->bundle_sha256.data[0], 9);
}

// ---- Replicas that are somebody else's

#define HPA "HorizontalPodAutoscaler.autoscaling/shop/web"
#define WINDOW_MS (5 * 60 * 1000)

static void scale_as(struct fixture *f, const char *key, int64_t replicas, bool theirs,
                     const char *manager) {
    agent_watch_scaled(f->watch, &(struct agent_scaled){.key = key,
                                                        .replicas = replicas,
                                                        .theirs = theirs,
                                                        .owner = theirs ? HPA : "",
                                                        .manager = manager});
}

static void scale(struct fixture *f, int64_t replicas) {
    scale_as(f, SVC, replicas, true, "kube-controller-manager");
}

static const Holdfast__V1__Scaled *scaled(const struct fixture *f) {
    assert_non_null(f->journal);
    assert_int_equal(f->journal->n_entries, 1);
    assert_non_null(f->journal->entries[0]->scaled);
    return f->journal->entries[0]->scaled;
}

static void let_pass(struct fixture *f, int64_t ms) {
    cm_clock_advance(ms);
    settle(f);
}

static void what_an_autoscaler_does_is_told_when_its_window_is_over(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    scale(f, 3);
    let_pass(f, WINDOW_MS);
    assert_int_equal(f->journals, 0); // nobody knows what was before
    int64_t first_ms = cm_clock_unix_ms();
    scale(f, 9);
    scale(f, 9);
    let_pass(f, 1000);
    scale(f, 1);
    scale_as(f, SVC, 4, true, "kubectl");
    let_pass(f, WINDOW_MS - 2000);
    assert_int_equal(f->journals, 0);
    let_pass(f, 1000);
    assert_int_equal(f->journals, 1);
    const Holdfast__V1__Scaled *m = scaled(f);
    assert_string_equal(m->app, "shop");
    assert_string_equal(m->key, SVC);
    assert_string_equal(m->owner, HPA);
    assert_string_equal(m->manager, "kube-controller-manager, kubectl");
    assert_int_equal(m->from, 3);
    assert_int_equal(m->least, 1);
    assert_int_equal(m->most, 9);
    assert_int_equal(m->last, 4);
    assert_int_equal(m->changes, 3);
    assert_int_equal(m->first_ms, first_ms);
    assert_int_equal(m->last_ms, first_ms + 1000);
    acknowledge_journal(f);
    let_pass(f, WINDOW_MS);
    assert_int_equal(f->journals, 1);
    assert_int_equal(agent_cache_journal_count(f->cache), 0);
}

static void when_replicas_are_ours_again_it_is_told_at_once(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    scale(f, 3);
    scale(f, 9);
    settle(f);
    assert_int_equal(f->journals, 0);
    scale_as(f, SVC, 9, false, "");
    settle(f);
    assert_int_equal(scaled(f)->last, 9);
    scale_as(f, SVC, 2, false, "holdfast"); // as Git says
    scale(f, 5);
    acknowledge_journal(f);
    let_pass(f, 2 * WINDOW_MS);
    assert_int_equal(scaled(f)->from, 2);
    assert_int_equal(scaled(f)->changes, 1);
}

static void without_a_hub_what_an_autoscaler_does_is_told_when_it_is_back(void **state) {
    struct fixture *f = *state;

    go_away(f);
    scale(f, 3);
    scale(f, 9);
    let_pass(f, WINDOW_MS);
    assert_int_equal(agent_cache_journal_count(f->cache), 1);
    agent_watch_connected(f->watch, false, true, true, true);
    settle(f);
    assert_int_equal(scaled(f)->most, 9);
    acknowledge_journal(f);
    assert_int_equal(agent_cache_journal_count(f->cache), 0);
}

static void the_longer_there_is_no_hub_the_longer_the_windows(void **state) {
    struct fixture *f = *state;

    go_away(f);
    scale(f, 0);
    for (int minute = 0; minute < 24 * 60; minute++) {
        scale(f, minute % 2 + 1);
        let_pass(f, 60000);
    }
    assert_true(agent_cache_journal_count(f->cache) >= 7);
    assert_true(agent_cache_journal_count(f->cache) <= 9);
}

static void once_a_hub_is_back_no_window_is_longer_than_with_one(void **state) {
    struct fixture *f = *state;

    go_away(f);
    scale(f, 0);
    for (int minute = 0; minute < 24 * 60; minute++) {
        scale(f, minute % 2 + 1);
        let_pass(f, 60000);
    }
    come_back(f);
    assert_int_equal(f->journals, 2); // what was written down, and the window that is over now
    acknowledge_journal(f);
    assert_int_equal(scaled(f)->last, 2);
    assert_int_equal(agent_cache_journal_count(f->cache), 0);
}

static void what_is_gathered_is_on_disk_before_the_program_ends(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    scale(f, 3);
    scale(f, 9);
    agent_watch_disconnected(f->watch);
    agent_watch_last(f->watch);
    assert_int_equal(agent_cache_journal_count(f->cache), 1);
    agent_watch_last(f->watch);
    assert_int_equal(agent_cache_journal_count(f->cache), 1);
}

static void what_is_gathered_of_an_object_that_goes_is_told(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    scale(f, 3);
    scale(f, 0);
    agent_watch_removed(f->watch, "shop", SVC);
    assert_int_equal(f->journals, 1);
    assert_int_equal(scaled(f)->last, 0);
    acknowledge_journal(f);
    agent_watch_listed(f->watch, "shop", SVC); // another one of that name
    scale(f, 3);
    let_pass(f, 2 * WINDOW_MS);
    assert_int_equal(f->journals, 1);
}

static void objects_beyond_the_first_share_the_window_of_their_app(void **state) {
    enum { OBJECTS = 70, OF_ITS_OWN = 64 };
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    for (int i = 0; i < OBJECTS; i++) {
        CM_AUTOFREE char *key = cm_strf("Deployment.apps/shop/web-%02d", i);

        agent_watch_listed(f->watch, "shop", key);
        scale_as(f, key, i, true, "kube-controller-manager");
        scale_as(f, key, i + 1, true, "kube-controller-manager");
    }
    let_pass(f, WINDOW_MS);
    assert_int_equal(f->journals, 1);
    acknowledge_journal(f); // the first came alone
    assert_int_equal(f->journals, 2);
    assert_int_equal(f->journal->n_entries, OF_ITS_OWN);
    const Holdfast__V1__Scaled *rest = entry(f, OF_ITS_OWN - 1)->scaled;
    assert_string_equal(rest->key, "");
    assert_int_equal(rest->least, OF_ITS_OWN);
    assert_int_equal(rest->most, OBJECTS);
    assert_int_equal(rest->changes, OBJECTS - OF_ITS_OWN);
}

static void an_older_hub_is_told_nothing_of_what_autoscalers_do(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    agent_watch_connected(f->watch, false, false, false, true);
    scale(f, 3);
    scale(f, 9);
    let_pass(f, WINDOW_MS);
    assert_int_equal(agent_cache_journal_count(f->cache), 0);
}

static void a_hub_that_takes_no_journal_gets_reports_and_the_next_one_a_gap(void **state) {
    struct fixture *f = *state;

    go_away(f);
    observe(f, SVC, AGENT_HEALTH_DEGRADED, NULL);
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    size_t before = f->count;
    agent_watch_connected(f->watch, false, false, false, false);
    settle(f);
    assert_int_equal(f->journals, 0);
    assert_int_equal(f->count, before + 1);
    agent_watch_acked(f->watch, agent_cache_report_run(f->cache), last(f)->number);
    agent_watch_disconnected(f->watch);
    agent_watch_connected(f->watch, false, true, true, true);
    settle(f);
    assert_int_equal(f->journal->n_entries, 1);
    assert_int_equal(entry(f, 0)->gap->count, 2);
}

static void lose_decisions(struct fixture *f, int count) {
    for (int i = 0; i < AGENT_DECISIONS_MAX + count; i++) {
        agent_cache_decided_add(f->cache, true, "no decision", 11);
    }
}

static void decisions_that_gave_way_are_told_though_nothing_else_happened(void **state) {
    struct fixture *f = *state;

    lose_decisions(f, 1);
    agent_watch_connected(f->watch, false, true, true, false);
    settle(f);
    assert_int_equal(f->journal->n_entries, 1);
    assert_int_equal(entry(f, 0)->gap->count, 1);
    assert_true(entry(f, 0)->gap->decisions);
}

static void decisions_that_gave_way_are_told_in_their_place(void **state) {
    struct fixture *f = *state;

    go_away(f);
    observe(f, SVC, AGENT_HEALTH_DEGRADED, NULL);
    lose_decisions(f, 2);
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    agent_watch_connected(f->watch, false, true, true, false);
    settle(f);
    size_t at = 0;
    while (entry(f, at)->gap == NULL) { // entry fails behind the last one
        at++;
    }
    assert_true(at > 0 && at + 1 < f->journal->n_entries);
    assert_true(entry(f, at)->gap->decisions);
    assert_int_equal(entry(f, at)->gap->count, 2);
    assert_true(entry(f, at - 1)->number < entry(f, at)->number);
    assert_true(entry(f, at)->number < entry(f, at + 1)->number);
    acknowledge_journal(f);
    assert_int_equal(agent_cache_decided_gap(f->cache)->count, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

// ---- Decisions

// take_up has both releases known, each of another form.
static void take_up(struct fixture *f) {
    static const struct test_object other[] = {{.key = CFG}, {.key = SVC, .json = "{\"two\":2}"}};
    static const struct test_app next = {.name = "shop", .objects = other, .object_count = 2};

    agent_watch_released(f->watch, SVC, "good", true);
    replace(f, &next, 8);
    agent_cache_put_item(f->cache, &(struct agent_item){.key = SVC,
                                                        .app = "shop",
                                                        .uid = "uid",
                                                        .sha256 = object_name(&other[1]),
                                                        .applied = true});
    agent_watch_released(f->watch, SVC, "bad", false);
}

// decide has both taken up, and says what became of the second.
static void decide(struct fixture *f, const struct agent_decision *what) {
    take_up(f);
    agent_watch_decided(f->watch, what);
    settle(f);
}

static struct cm_sha256 bundle_in_force(const struct fixture *f) {
    return agent_desired_app(agent_apply_desired(f->apply), "shop")->bundle_sha256;
}

static const Holdfast__V1__Decision *decided(const struct fixture *f) {
    assert_non_null(f->decisions);
    assert_int_equal(f->decisions->n_decisions, 1);
    return f->decisions->decisions[0];
}

static void a_rejection_says_which_forms_it_is_about_and_holds_the_app_back(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    struct cm_sha256 before = object_name(&objects[1]);
    decide(f, &rejection);
    const Holdfast__V1__Decision *d = decided(f);
    assert_int_equal(d->verdict, HOLDFAST__V1__VERDICT__REJECTED);
    assert_string_equal(d->app, "shop");
    assert_string_equal(d->text, "the words");
    assert_true(d->provisional);
    assert_memory_equal(d->good_sha256.data, before.bytes, sizeof(before.bytes));
    assert_memory_not_equal(d->bad_sha256.data, before.bytes, sizeof(before.bytes));
    assert_true(d->good_object.len > 0);
    const struct agent_hold *hold = agent_cache_hold(f->cache, "shop");
    assert_non_null(hold);
    assert_memory_equal(d->id.data, hold->ids[0].bytes, sizeof(hold->ids[0].bytes));
    assert_memory_equal(d->bad_bundle.data, hold->bundle.bytes, sizeof(hold->bundle.bytes));
    assert_non_null(strstr(hold->why, "flagger rejected " SVC));
    assert_int_equal(f->held, 1);
}

static void a_rejection_holds_at_once_and_waits_a_moment_for_who_it_was(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    f->author = "";
    decide(f, &rejection);
    assert_non_null(agent_cache_hold(f->cache, "shop"));
    assert_null(f->decisions);
    assert_string_equal(f->asked, "Canary.flagger.app/shop/web flagger 4000");
    f->author = "system:serviceaccount:flagger-system:flagger";
    cm_clock_advance(100);
    settle(f);
    assert_string_equal(decided(f)->user, f->author);
    assert_string_equal(decided(f)->actor, "flagger");
}

static void who_decided_is_not_waited_for_for_ever(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    f->author = "";
    decide(f, &rejection);
    for (int i = 0; i < 20; i++) { // though for people it may be longer
        assert_null(f->decisions);
        cm_clock_advance(100);
        settle(f);
    }
    assert_string_equal(decided(f)->user, "");
}

// pass waits so many tenths of a second.
static void pass(struct fixture *f, int tenths) {
    for (int i = 0; i < tenths; i++) {
        cm_clock_advance(100);
        settle(f);
    }
}

static void a_log_that_is_late_holds_up_neither_reports_nor_what_is_rejected(void **state) {
    struct fixture *f = *state;
    struct agent_decision restarted = rejection;

    start(f, &shop);
    connect(f);
    f->author = "";
    restarted.verdict = AGENT_VERDICT_RESTARTED;
    decide(f, &restarted);
    size_t before = f->count;
    observe(f, CFG, AGENT_HEALTH_DEGRADED, NULL);
    pass(f, 19);
    assert_int_equal(f->count, before);
    pass(f, 40);
    assert_true(f->count > before);
    assert_null(f->decisions);
    agent_watch_decided(f->watch, &rejection);
    pass(f, 1);
    assert_int_equal(f->decisions->n_decisions, 2);
}

static void who_did_something_is_waited_for_as_long_as_is_asked_for(void **state) {
    struct fixture *f = *state;
    struct agent_decision restarted = rejection;

    start(f, &shop);
    connect(f);
    f->author = "";
    restarted.verdict = AGENT_VERDICT_RESTARTED;
    decide(f, &restarted);
    pass(f, 99);
    assert_null(f->decisions);
    pass(f, 2);
    assert_string_equal(decided(f)->user, "");
}

// Somebody who makes controllers decide again and again hides nothing by that.
static void what_is_decided_meanwhile_makes_nobody_wait_longer(void **state) {
    struct fixture *f = *state;
    struct agent_decision next = rejection;

    start(f, &shop);
    connect(f);
    f->author = "";
    decide(f, &rejection);
    for (int i = 0; i < 4 && f->decisions == NULL; i++) {
        cm_clock_advance(900);
        next.at_ms += 900;
        agent_watch_decided(f->watch, &next);
        settle(f);
    }
    assert_non_null(f->decisions);
}

// What came since the release was taken up is not undone: not even its token is another one.
static void
what_is_decided_about_a_template_that_somebody_changed_holds_nothing_back(void **state) {
    struct fixture *f = *state;
    struct agent_decision other = rejection;

    start(f, &shop);
    connect(f);
    other.other = true;
    other.bad = "by hand";
    decide(f, &other);
    assert_null(agent_cache_hold(f->cache, "shop"));
    assert_null(f->decisions);
    other.bad = "bad"; // that one is known
    other.at_ms++;
    agent_watch_decided(f->watch, &other);
    settle(f);
    assert_non_null(agent_cache_hold(f->cache, "shop"));
}

static void an_app_is_held_back_as_it_was_when_the_release_was_rejected(void **state) {
    static const struct test_object more[] = {{.key = CFG, .json = "{\"later\":1}"},
                                              {.key = SVC, .json = "{\"two\":2}"}};
    static const struct test_app later = {
        .name = "shop", .revision = "c9", .objects = more, .object_count = 2};
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    take_up(f);
    struct cm_sha256 first = bundle_in_force(f);
    replace(f, &later, 9);
    struct cm_sha256 second = bundle_in_force(f);
    agent_watch_decided(f->watch, &rejection);
    settle(f);
    assert_memory_equal(decided(f)->bad_bundle.data, first.bytes, sizeof(first.bytes));
    const struct agent_hold *hold = agent_cache_hold(f->cache, "shop");
    assert_non_null(hold);
    assert_memory_equal(hold->bundle.bytes, second.bytes, sizeof(second.bytes));
    assert_string_equal(hold->revision, "c9");
}

static void of_an_app_that_is_gone_nothing_is_held_back(void **state) {
    static const struct test_app other = {.name = "other", .objects = objects, .object_count = 1};
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    take_up(f);
    replace(f, &other, 9);
    agent_watch_decided(f->watch, &rejection);
    settle(f);
    assert_null(agent_cache_hold(f->cache, "shop"));
}

static void no_report_comes_before_what_was_decided(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    size_t before = f->count;
    decide(f, &rejection);
    cm_clock_advance(2 * INTERVAL_MS);
    settle(f);
    assert_int_equal(f->count, before);
    assert_int_equal(f->tellings, 1);
    agent_watch_decisions_acked(f->watch, agent_cache_report_run(f->cache), decided(f)->number);
    cm_clock_advance(2 * INTERVAL_MS);
    settle(f);
    assert_true(f->count > before);
    assert_int_equal(f->tellings, 1);
}

// A gap comes before whatever else there is to tell: it must not wait for a next connection.
static void decisions_that_give_way_beside_a_hub_are_told_at_once(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    decide(f, &rejection);
    assert_int_equal(f->journals, 0);
    lose_decisions(f, 1);
    agent_watch_decisions_acked(f->watch, agent_cache_report_run(f->cache), decided(f)->number);
    assert_int_equal(f->journals, 1);
    assert_int_equal(f->tellings, 1);
    acknowledge_journal(f);
    assert_int_equal(f->tellings, 2);
}

static void a_decision_that_makes_another_one_give_way_says_so(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    take_up(f);
    lose_decisions(f, 0);
    agent_watch_decided(f->watch, &rejection);
    settle(f);
    assert_int_equal(f->journals, 1);
    assert_int_equal(entry(f, 0)->gap->count, 1);
}

static void what_was_decided_while_the_hub_is_away_is_told_when_it_is_back(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    decide(f, &rejection);
    assert_int_equal(f->tellings, 0);
    come_back(f);
    assert_string_equal(decided(f)->text, "the words");
}

// Nothing would let the App go on but another connection.
static void a_hub_that_knows_no_decisions_holds_nothing_back_and_the_next_one_hears(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    agent_watch_connected(f->watch, false, true, true, false);
    decide(f, &rejection);
    assert_null(agent_cache_hold(f->cache, "shop"));
    assert_int_equal(f->held, 0);
    assert_int_equal(f->tellings, 0);
    assert_true(f->count > 0); // nobody waits for it
    agent_watch_disconnected(f->watch);
    come_back(f);
    assert_string_equal(decided(f)->text, "the words");
}

// A hub that was restored from a backup would never answer it else.
static void a_rejection_is_told_at_each_connect_until_it_is_answered(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    decide(f, &rejection);
    uint64_t number = decided(f)->number;
    agent_watch_decisions_acked(f->watch, agent_cache_report_run(f->cache), number);
    agent_watch_disconnected(f->watch);
    come_back(f);
    assert_int_equal(f->tellings, 2);
    assert_string_equal(decided(f)->text, "the words");
    assert_true(decided(f)->number > number);
    agent_watch_decisions_acked(f->watch, agent_cache_report_run(f->cache), decided(f)->number);
    agent_cache_drop_hold(f->cache, "shop"); // as its answer has it
    agent_watch_disconnected(f->watch);
    come_back(f);
    assert_int_equal(f->tellings, 2);
}

static void an_edge_that_is_found_again_is_no_news(void **state) {
    struct fixture *f = *state;
    struct agent_decision again = rejection;

    start(f, &shop);
    connect(f);
    decide(f, &rejection);
    agent_watch_decisions_acked(f->watch, agent_cache_report_run(f->cache), decided(f)->number);
    again.first = true; // as after a restart
    agent_watch_decided(f->watch, &again);
    again.verdict = AGENT_VERDICT_CONFIG_REJECTED; // as it looks while the hold rests
    agent_watch_decided(f->watch, &again);
    settle(f);
    assert_int_equal(f->tellings, 1);
    again = rejection;
    again.first = true;
    again.at_ms++; // it happened while nobody looked
    agent_watch_decided(f->watch, &again);
    settle(f);
    assert_int_equal(f->tellings, 2);
}

static void of_what_was_so_at_first_only_the_end_of_a_release_counts(void **state) {
    struct fixture *f = *state;
    struct agent_decision promoted = rejection;
    struct agent_decision late = rejection;

    start(f, &shop);
    connect(f);
    promoted.verdict = AGENT_VERDICT_PROMOTED;
    promoted.first = true;
    late.verdict = AGENT_VERDICT_TIMED_OUT;
    late.first = true;
    agent_watch_decided(f->watch, &late);
    settle(f);
    assert_int_equal(f->tellings, 0);
    agent_watch_decided(f->watch, &promoted);
    settle(f);
    assert_int_equal(f->tellings, 1);
    assert_int_equal(decided(f)->verdict, HOLDFAST__V1__VERDICT__PROMOTED);
}

// What happened, happened, whether or not it is known to which form.
static void a_rejection_counts_though_the_disk_has_lost_what_was_applied(void **state) {
    struct fixture *f = *state;
    struct agent_decision first = rejection;

    start(f, &shop);
    agent_cache_doubt(f->cache, false);
    connect(f);
    first.first = true;
    agent_watch_released(f->watch, SVC, "bad", false);
    agent_watch_decided(f->watch, &first);
    settle(f);
    assert_int_equal(f->tellings, 1);
    struct cm_sha256 bundle = bundle_in_force(f);
    assert_int_equal(decided(f)->verdict, HOLDFAST__V1__VERDICT__REJECTED);
    assert_int_equal(decided(f)->bad_sha256.len, 0);
    assert_memory_equal(decided(f)->bad_bundle.data, bundle.bytes, sizeof(bundle.bytes));
    assert_non_null(agent_cache_hold(f->cache, "shop"));
    assert_int_equal(agent_cache_releases(f->cache, SVC)->count, 0);
}

static void nothing_is_held_to_a_manifest_that_is_doubted(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    agent_cache_set_in_force(f->cache, &(struct agent_in_force){.generation = 7});
    agent_cache_doubt(f->cache, true);
    connect(f);
    agent_watch_decided(f->watch, &rejection);
    settle(f);
    assert_int_equal(f->tellings, 1);
    assert_null(agent_cache_hold(f->cache, "shop"));
}

// Who starts while a controller waits does not know whether anybody was told.
static void that_a_release_waits_is_news_at_first_and_once(void **state) {
    struct fixture *f = *state;
    struct agent_decision waiting = rejection;

    start(f, &shop);
    connect(f);
    waiting.verdict = AGENT_VERDICT_WAITING;
    waiting.first = true;
    agent_watch_decided(f->watch, &waiting);
    settle(f);
    assert_int_equal(f->tellings, 1);
    assert_int_equal(decided(f)->verdict, HOLDFAST__V1__VERDICT__WAITING);
    assert_null(agent_cache_hold(f->cache, "shop"));
    agent_watch_decisions_acked(f->watch, agent_cache_report_run(f->cache), decided(f)->number);
    agent_watch_decided(f->watch, &waiting); // as after a restart
    settle(f);
    assert_int_equal(f->tellings, 1);
    waiting.verdict = AGENT_VERDICT_STARTED; // it went on while nobody looked
    waiting.at_ms++;
    agent_watch_decided(f->watch, &waiting);
    settle(f);
    assert_int_equal(f->tellings, 2);
}

static void a_restart_that_is_found_at_first_is_news_if_nothing_is_known_since(void **state) {
    struct fixture *f = *state;
    struct agent_decision restarted = rejection;

    start(f, &shop);
    connect(f);
    decide(f, &rejection);
    agent_watch_decisions_acked(f->watch, agent_cache_report_run(f->cache), decided(f)->number);
    restarted.verdict = AGENT_VERDICT_RESTARTED;
    restarted.first = true;
    restarted.at_ms = rejection.at_ms - 1; // a program before this one did not tell of it
    agent_watch_decided(f->watch, &restarted);
    settle(f);
    assert_int_equal(f->tellings, 1);
    restarted.at_ms = rejection.at_ms + 1; // it happened while nobody looked
    agent_watch_decided(f->watch, &restarted);
    settle(f);
    assert_int_equal(f->tellings, 2);
}

static void a_release_that_was_promoted_is_not_late(void **state) {
    struct fixture *f = *state;
    struct agent_decision late = rejection;

    start(f, &shop);
    connect(f);
    take_up(f);
    late.verdict = AGENT_VERDICT_TIMED_OUT;
    late.bad = "good"; // the program that saw it come up is another one
    late.good = "";
    agent_watch_decided(f->watch, &late);
    settle(f);
    assert_int_equal(f->tellings, 0);
    late.bad = "bad";
    agent_watch_decided(f->watch, &late);
    settle(f);
    assert_int_equal(f->tellings, 1);
}

static void acknowledge_decisions(struct fixture *f) {
    agent_watch_decisions_acked(f->watch, agent_cache_report_run(f->cache), decided(f)->number);
}

static void shift(struct fixture *f, int from, int to) {
    struct agent_decision share = rejection;

    share.verdict = AGENT_VERDICT_WEIGHT;
    for (share.weight = from; share.weight <= to; share.weight += 10) {
        agent_watch_decided(f->watch, &share);
        settle(f);
    }
}

static void of_shares_of_the_traffic_the_last_is_told_when_the_pause_is_over(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    shift(f, 10, 40);
    assert_int_equal(f->tellings, 1);
    assert_int_equal(decided(f)->weight, 10);
    acknowledge_decisions(f);
    cm_clock_advance(31000);
    settle(f);
    assert_int_equal(f->tellings, 2);
    assert_int_equal(decided(f)->weight, 40);
    assert_null(agent_cache_hold(f->cache, "shop"));
    acknowledge_decisions(f);
    shift(f, 50, 50); // which is within the pause after that
    assert_int_equal(f->tellings, 2);
    cm_clock_advance(31000);
    settle(f);
    assert_int_equal(decided(f)->weight, 50);
}

static void a_share_that_was_kept_first_makes_no_other_late(void **state) {
    struct agent_decision share = rejection;
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    share.verdict = AGENT_VERDICT_WEIGHT;
    share.weight = 10;
    agent_watch_decided(f->watch, &share);
    settle(f);
    acknowledge_decisions(f);
    cm_clock_advance(20000);
    share.key = CFG;
    agent_watch_decided(f->watch, &share);
    share.weight = 20; // is kept until 50 s
    agent_watch_decided(f->watch, &share);
    share.key = SVC; // until 30 s
    agent_watch_decided(f->watch, &share);
    settle(f);
    acknowledge_decisions(f);
    cm_clock_advance(10000);
    settle(f);
    assert_int_equal(f->tellings, 3);
    assert_string_equal(decided(f)->key, SVC);
}

static void
a_share_that_waits_is_nothing_any_more_when_the_release_has_come_to_its_end(void **state) {
    struct fixture *f = *state;
    struct agent_decision promoted = rejection;

    start(f, &shop);
    connect(f);
    shift(f, 10, 20);
    acknowledge_decisions(f);
    promoted.verdict = AGENT_VERDICT_PROMOTED;
    agent_watch_decided(f->watch, &promoted);
    settle(f);
    acknowledge_decisions(f);
    cm_clock_advance(31000);
    settle(f);
    assert_int_equal(f->tellings, 2);
    assert_int_equal(decided(f)->verdict, HOLDFAST__V1__VERDICT__PROMOTED);
}

static void a_program_that_finds_a_release_on_its_way_tells_its_share(void **state) {
    struct fixture *f = *state;
    struct agent_decision started = rejection;

    start(f, &shop);
    connect(f);
    started.verdict = AGENT_VERDICT_STARTED;
    started.first = true;
    started.weight = 0; // there is nothing to tell yet
    agent_watch_decided(f->watch, &started);
    settle(f);
    assert_int_equal(f->tellings, 0);
    started.weight = 30;
    agent_watch_decided(f->watch, &started);
    settle(f);
    assert_int_equal(f->tellings, 1);
    assert_int_equal(decided(f)->verdict, HOLDFAST__V1__VERDICT__WEIGHT);
    assert_int_equal(decided(f)->weight, 30);
}

// An agent that came when the release was rejected already has only applied that one.
static void of_a_rejection_before_its_time_it_is_found_out_what_runs(void **state) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *form = cm_buf_copy("{\"good\":1}", 10);
    struct agent_decision first = rejection;
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    first.first = true;
    agent_watch_decided(f->watch, &first);
    settle(f);
    assert_non_null(agent_cache_hold(f->cache, "shop"));
    assert_int_equal(f->tellings, 0);
    const char *asked = SVC " flagger Canary.flagger.app/shop/web {"; // and its form
    assert_memory_equal(f->asked_good, asked, strlen(asked));
    f->tell_good(f->tell_good_ctx, form, false, "");
    settle(f);
    assert_int_equal(f->tellings, 1);
    assert_int_equal(decided(f)->good_object.len, form->size);
    assert_memory_equal(decided(f)->good_object.data, form->data, form->size);
    assert_int_equal(decided(f)->good_sha256.len, 0);
}

static void what_cannot_be_found_out_makes_nobody_wait(void **state) {
    struct agent_decision first = rejection;
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    first.first = true;
    agent_watch_decided(f->watch, &first);
    settle(f);
    f->tell_good(f->tell_good_ctx, NULL, false, "there is no primary");
    settle(f);
    assert_int_equal(f->tellings, 1);
    assert_int_equal(decided(f)->good_object.len, 0);
}

static void what_runs_is_found_out_again_for_a_hub_that_is_told_again(void **state) {
    struct agent_decision first = rejection;
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    first.first = true;
    agent_watch_decided(f->watch, &first);
    settle(f);
    f->tell_good(f->tell_good_ctx, NULL, false, "there is no primary");
    f->tell_good = NULL;
    settle(f);
    acknowledge_decisions(f);
    agent_watch_disconnected(f->watch);
    come_back(f);
    assert_int_equal(f->tellings, 1);
    assert_non_null(f->tell_good);
    f->tell_good(f->tell_good_ctx, NULL, false, "there is no primary");
    settle(f);
    assert_int_equal(f->tellings, 2);
}

// reject_before_its_time also takes down whom to tell what was good.
static void reject_before_its_time(struct fixture *f) {
    struct agent_decision first = rejection;

    start(f, &shop);
    connect(f);
    first.first = true;
    agent_watch_decided(f->watch, &first);
    settle(f);
    assert_non_null(f->tell_good);
}

static void answer_good(struct fixture *f, struct cm_buf *form, bool later) {
    agent_good_fn tell = f->tell_good;

    assert_non_null(tell);
    f->tell_good = NULL;
    tell(f->tell_good_ctx, form, later, form == NULL ? "nobody knows" : "");
    settle(f);
}

static void a_target_that_does_not_answer_is_asked_again_what_runs(void **state) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *form = cm_buf_copy("{\"good\":1}", 10);
    struct fixture *f = *state;

    reject_before_its_time(f);
    answer_good(f, NULL, true);
    assert_int_equal(f->tellings, 0);
    assert_null(f->tell_good); // not at once
    cm_clock_advance(5000);
    settle(f);
    answer_good(f, NULL, true);
    agent_watch_reachable(f->watch, true, NULL);
    answer_good(f, form, false);
    assert_int_equal(f->tellings, 1);
    assert_int_equal(decided(f)->good_object.len, form->size);
}

static void a_target_that_never_answers_what_runs_is_not_waited_for_for_ever(void **state) {
    struct fixture *f = *state;

    reject_before_its_time(f);
    for (int i = 0; i < 120; i++) {
        answer_good(f, NULL, true);
        assert_int_equal(f->tellings, 0);
        cm_clock_advance(5000);
        settle(f);
    }
    answer_good(f, NULL, true);
    assert_int_equal(f->tellings, 1);
    assert_int_equal(decided(f)->good_object.len, 0);
}

static void what_was_decided_before_one_that_waits_does_not_wait(void **state) {
    struct agent_decision before = rejection;
    struct agent_decision first = rejection;
    struct agent_decision after = rejection;
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    before.verdict = AGENT_VERDICT_STARTED;
    agent_watch_decided(f->watch, &before);
    first.first = true;
    agent_watch_decided(f->watch, &first);
    after.verdict = AGENT_VERDICT_PROMOTED;
    after.at_ms += 1;
    agent_watch_decided(f->watch, &after);
    settle(f);
    assert_int_equal(f->tellings, 1);
    assert_int_equal(decided(f)->verdict, HOLDFAST__V1__VERDICT__STARTED);
    acknowledge_decisions(f);
    settle(f);
    assert_int_equal(f->tellings, 1);
    answer_good(f, NULL, false);
    assert_int_equal(f->tellings, 2);
    assert_int_equal(f->decisions->n_decisions, 2);
    assert_int_equal(f->decisions->decisions[0]->verdict, HOLDFAST__V1__VERDICT__REJECTED);
    assert_int_equal(f->decisions->decisions[1]->verdict, HOLDFAST__V1__VERDICT__PROMOTED);
}

static void of_a_rejected_configuration_it_is_not_asked_what_runs(void **state) {
    struct agent_decision config = rejection;
    struct fixture *f = *state;

    start(f, &shop);
    connect(f);
    config.verdict = AGENT_VERDICT_CONFIG_REJECTED;
    agent_watch_decided(f->watch, &config);
    settle(f);
    assert_null(f->tell_good);
    assert_int_equal(f->tellings, 1);
    assert_true(decided(f)->provisional);
}

static void an_agent_that_only_observes_tells_a_rejection_and_holds_nothing_back(void **state) {
    static const struct test_app seventh = {
        .name = "shop", .revision = "c7", .objects = objects, .object_count = 2};
    struct agent_decision other = rejection;
    struct fixture *f = *state;

    f->driver->observes = true;
    start(f, &seventh);
    connect(f);
    agent_watch_decided(f->watch, &rejection);
    settle(f);
    assert_string_equal(decided(f)->bad_revision, "c7");
    assert_true(decided(f)->observed);
    assert_false(decided(f)->provisional);
    assert_int_equal(decided(f)->bad_bundle.len, 0);
    assert_null(agent_cache_hold(f->cache, "shop"));
    assert_null(f->tell_good);
    acknowledge_decisions(f);
    other.other = true; // what is there is not what Git says
    other.at_ms++;
    agent_watch_decided(f->watch, &other);
    settle(f);
    assert_string_equal(decided(f)->bad_revision, "");
}

static void a_rejection_of_what_no_app_names_is_told_of_its_group(void **state) {
    struct agent_decision ours = rejection;
    struct fixture *f = *state;

    find_one(f);
    observe(f, OURS, AGENT_HEALTH_HEALTHY, NULL);
    agent_watch_surveyed(f->watch);
    settle(f);
    ours.key = OURS;
    agent_watch_decided(f->watch, &ours);
    settle(f);
    assert_string_equal(decided(f)->app, "argocd.shop");
    assert_string_equal(decided(f)->bad_revision, "");
    assert_true(decided(f)->observed);
}

static void what_was_only_observed_is_news_once_the_agent_applies(void **state) {
    struct agent_decision first = rejection;
    struct fixture *f = *state;

    first.first = true;
    f->driver->observes = true;
    start(f, &shop);
    connect(f);
    agent_watch_decided(f->watch, &first);
    settle(f);
    struct cm_sha256 id;
    memcpy(id.bytes, decided(f)->id.data, sizeof(id.bytes));
    acknowledge_decisions(f);
    f->driver->observes = false;
    take_up(f);
    agent_watch_decided(f->watch, &first);
    settle(f);
    assert_int_equal(f->tellings, 2);
    assert_true(decided(f)->provisional);
    assert_memory_not_equal(decided(f)->id.data, id.bytes, sizeof(id.bytes));
    assert_non_null(agent_cache_hold(f->cache, "shop"));
}

// ---- What people undo

static const struct test_object newer[] = {{.key = CFG}, {.key = SVC, .json = "{\"two\":2}"}};

static struct test_app newer_app(bool holds) {
    return (struct test_app){.name = "shop",
                             .drift = AGENT_DRIFT_CORRECT,
                             .holds_undo = holds,
                             .objects = newer,
                             .object_count = 2};
}

// undo has one form come up, then another, with which somebody goes back while the agent puts right
// what differs; `good` is what its controller calls that.
static void undo(struct fixture *f, bool holds, const char *good) {
    const struct test_app next = newer_app(holds);
    struct agent_decision what = rejection;

    start(f, &corrected);
    connect(f);
    agent_watch_released(f->watch, SVC, "1:aa", true);
    replace(f, &next, 8);
    settle(f);
    while (fake_succeed(f->fake, NULL)) {
        settle(f);
    }
    agent_watch_released(f->watch, SVC, "2:bb", true);
    what.verdict = AGENT_VERDICT_UNDONE;
    what.controller = "deployment";
    what.actor = "kubectl";
    what.bad = "";
    what.good = good;
    agent_watch_decided(f->watch, &what);
    observe(f, SVC, AGENT_HEALTH_HEALTHY, "spec.template");
    settle(f);
}

static void what_somebody_undoes_is_a_decision_if_the_app_says_so(void **state) {
    struct cm_sha256 good = object_name(&objects[1]);
    struct cm_sha256 bad = object_name(&newer[1]);
    struct fixture *f = *state;

    undo(f, true, ":aa");
    const Holdfast__V1__Decision *d = decided(f);
    assert_int_equal(d->verdict, HOLDFAST__V1__VERDICT__UNDONE);
    assert_true(d->provisional);
    assert_memory_equal(d->good_sha256.data, good.bytes, sizeof(good.bytes));
    assert_memory_equal(d->bad_sha256.data, bad.bytes, sizeof(bad.bytes));
    assert_string_equal(d->text, "the words");
    assert_non_null(strstr(agent_cache_hold(f->cache, "shop")->why, "by hand from " SVC));
}

static void what_is_undone_is_not_put_right_before_it_is_answered(void **state) {
    const struct test_app same = newer_app(true);
    struct fixture *f = *state;

    undo(f, true, ":aa");
    for (int i = 0; i < 100; i++) {
        cm_clock_advance(1000);
        settle(f);
        assert_false(fake_is_pending(f->fake, SVC));
    }
    replace(f, &same, 9); // for another App's sake
    settle(f);
    assert_false(fake_is_pending(f->fake, SVC));
    agent_cache_drop_hold(f->cache, "shop"); // as an answer does that holds nothing
    for (int i = 0; i < 3 && !fake_is_pending(f->fake, SVC); i++) {
        cm_clock_advance(1000);
        settle(f);
    }
    assert_true(fake_is_pending(f->fake, SVC));
}

// The link applies the App again once it is held back.
static void what_is_undone_is_not_put_right_by_what_applies_the_app_again(void **state) {
    static const struct test_object others[] = {{.key = CFG, .json = "{\"other\":1}"},
                                                {.key = SVC, .json = "{\"two\":2}"}};
    const struct test_app again = {.name = "shop",
                                   .drift = AGENT_DRIFT_CORRECT,
                                   .holds_undo = true,
                                   .objects = others,
                                   .object_count = 2};
    struct fixture *f = *state;

    undo(f, true, ":aa");
    replace(f, &again, 9);
    settle(f);
    assert_true(fake_succeed(f->fake, CFG));
    settle(f);
    assert_int_equal(fake_pending(f->fake), 0);
    assert_false(agent_watch_wrong(f->watch, SVC));
}

static void what_was_undone_and_is_deleted_is_made_again(void **state) {
    struct fixture *f = *state;

    undo(f, true, ":aa");
    assert_false(fake_is_pending(f->fake, SVC));
    agent_watch_observed(f->watch, &(struct agent_observation){.key = SVC,
                                                               .uid = "",
                                                               .health = AGENT_HEALTH_MISSING,
                                                               .message = "",
                                                               .undone_ms = rejection.at_ms});
    for (int i = 0; i < 3 && !fake_is_pending(f->fake, SVC); i++) {
        cm_clock_advance(1000);
        settle(f);
    }
    assert_true(fake_is_pending(f->fake, SVC));
}

// hold_for_another has the App held back for what a controller rejected in another workload.
static void hold_for_another(struct fixture *f) {
    struct agent_decision other = rejection;

    other.key = CFG;
    other.at_ms = rejection.at_ms + 1;
    agent_watch_decided(f->watch, &other);
    settle(f);
    assert_non_null(agent_cache_hold(f->cache, "shop"));
}

static void
what_was_undone_once_is_put_right_while_its_app_is_held_for_something_else(void **state) {
    struct fixture *f = *state;

    undo(f, true, ":aa");
    agent_cache_drop_hold(f->cache, "shop"); // as an answer does
    hold_for_another(f);
    for (int i = 0; i < 3 && !fake_is_pending(f->fake, SVC); i++) {
        cm_clock_advance(1000);
        settle(f);
    }
    assert_true(fake_is_pending(f->fake, SVC));
}

static void what_is_as_it_shall_be_again_is_not_undone_any_more(void **state) {
    struct fixture *f = *state;

    undo(f, true, ":aa"); // and it is not answered
    observe(f, SVC, AGENT_HEALTH_HEALTHY, NULL);
    settle(f);
    assert_false(fake_is_pending(f->fake, SVC));
    observe(f, SVC, AGENT_HEALTH_HEALTHY, "spec.paused");
    for (int i = 0; i < 3 && !fake_is_pending(f->fake, SVC); i++) {
        cm_clock_advance(1000);
        settle(f);
    }
    assert_true(fake_is_pending(f->fake, SVC));
}

// undo_while_another_waits has somebody go back while Git says a third form, and that waits.
static void undo_while_another_waits(struct fixture *f) {
    static const struct test_object third[] = {{.key = CFG}, {.key = SVC, .json = "{\"three\":3}"}};
    const struct test_app next = {
        .name = "shop", .holds_undo = true, .objects = newer, .object_count = 2};
    struct test_app last = next;
    struct agent_decision what = rejection;

    start(f, &shop);
    connect(f);
    agent_watch_released(f->watch, SVC, "1:aa", true);
    replace(f, &next, 8);
    settle(f);
    while (fake_succeed(f->fake, NULL)) {
        settle(f);
    }
    agent_watch_released(f->watch, SVC, "2:bb", true);
    last.objects = third;
    replace(f, &last, 9);
    settle(f);
    what.verdict = AGENT_VERDICT_UNDONE;
    what.bad = "";
    what.good = ":aa";
    agent_watch_decided(f->watch, &what);
    settle(f);
}

static void what_somebody_leaves_is_the_release_that_ran_not_the_one_that_waits(void **state) {
    struct fixture *f = *state;

    undo_while_another_waits(f);
    const Holdfast__V1__Decision *d = decided(f);
    const struct agent_desired_app *waits =
        agent_desired_app(agent_apply_desired(f->apply), "shop");
    struct cm_sha256 left = object_name(&newer[1]);
    assert_true(d->provisional);
    assert_memory_equal(d->bad_sha256.data, left.bytes, sizeof(left.bytes));
    assert_int_equal(d->bad_bundle.len, CM_SHA256_SIZE);
    assert_memory_not_equal(d->bad_bundle.data, waits->bundle_sha256.bytes, CM_SHA256_SIZE);
}

static void what_somebody_undoes_is_a_change_by_hand_if_the_app_says_nothing(void **state) {
    struct fixture *f = *state;

    undo(f, false, ":aa");
    assert_false(decided(f)->provisional);
    assert_string_equal(decided(f)->text, "the words");
    assert_null(agent_cache_hold(f->cache, "shop"));
    assert_true(fake_is_pending(f->fake, SVC));
}

static void who_goes_back_to_what_never_came_up_here_is_told_why_that_is_no_decision(void **state) {
    struct fixture *f = *state;

    undo(f, true, ":cc");
    assert_false(decided(f)->provisional);
    assert_non_null(strstr(decided(f)->text, "has not seen come up what that is"));
    assert_null(agent_cache_hold(f->cache, "shop"));
    assert_true(fake_is_pending(f->fake, SVC));
}

static void who_goes_back_to_what_git_says_has_decided_nothing(void **state) {
    struct fixture *f = *state;

    undo(f, true, ":bb");
    assert_false(decided(f)->provisional);
    assert_string_equal(decided(f)->text, "the words");
}

// An Argo Rollout is told as undone once its controller has seen it.
static void what_may_be_a_decision_is_not_put_right_for_a_minute(void **state) {
    struct agent_field_drift field = {
        .path = "spec.template", .desired = "1", .actual = "5", .manager = "kubectl", .user = ""};
    const struct agent_observation seen = {.key = SVC,
                                           .uid = "uid",
                                           .health = AGENT_HEALTH_HEALTHY,
                                           .message = "",
                                           .drift = &field,
                                           .drift_count = 1,
                                           .undone_ms = 5000};
    struct test_app app = corrected;
    struct fixture *f = *state;

    field.operation = "Update";
    app.holds_undo = true;
    start(f, &app);
    connect(f);
    agent_watch_observed(f->watch, &seen);
    for (int i = 0; i < 58; i++) {
        cm_clock_advance(1000);
        settle(f);
        assert_false(fake_is_pending(f->fake, SVC));
    }
    cm_clock_advance(3000);
    settle(f);
    cm_clock_advance(1000);
    settle(f);
    assert_true(fake_is_pending(f->fake, SVC));
}

static void what_was_undone_while_the_agent_was_away_counts_if_it_is_known(void **state) {
    struct agent_decision what = rejection;
    struct fixture *f = *state;

    what.verdict = AGENT_VERDICT_UNDONE;
    what.first = true;
    start(f, &shop);
    connect(f);
    agent_watch_decided(f->watch, &what);
    settle(f);
    assert_null(f->decisions);
    what.key = CFG; // of which something came up
    agent_watch_released(f->watch, CFG, "good", true);
    agent_watch_decided(f->watch, &what);
    settle(f);
    assert_int_equal(decided(f)->verdict, HOLDFAST__V1__VERDICT__UNDONE);
}

static void an_older_hub_is_told_nothing_of_it_and_nothing_is_held_back(void **state) {
    struct fixture *f = *state;

    start(f, &shop);
    decide(f, &rejection);
    assert_non_null(agent_cache_hold(f->cache, "shop"));
    agent_watch_connected(f->watch, false, true, true, false);
    settle(f);
    assert_int_equal(f->tellings, 0);
    assert_null(agent_cache_hold(f->cache, "shop"));
    assert_int_equal(agent_cache_decided_count(f->cache), 1); // for the next one
    assert_int_equal(f->held, 2);
}

static const struct CMUnitTest tests[] = {
    TEST(a_rejection_says_which_forms_it_is_about_and_holds_the_app_back),
    TEST(what_is_decided_about_a_template_that_somebody_changed_holds_nothing_back),
    TEST(an_app_is_held_back_as_it_was_when_the_release_was_rejected),
    TEST(of_an_app_that_is_gone_nothing_is_held_back),
    TEST(no_report_comes_before_what_was_decided),
    TEST(what_was_decided_while_the_hub_is_away_is_told_when_it_is_back),
    TEST(a_hub_that_knows_no_decisions_holds_nothing_back_and_the_next_one_hears),
    TEST(a_rejection_is_told_at_each_connect_until_it_is_answered),
    TEST(an_edge_that_is_found_again_is_no_news),
    TEST(of_what_was_so_at_first_only_the_end_of_a_release_counts),
    TEST(a_rejection_counts_though_the_disk_has_lost_what_was_applied),
    TEST(nothing_is_held_to_a_manifest_that_is_doubted),
    TEST(that_a_release_waits_is_news_at_first_and_once),
    TEST(a_restart_that_is_found_at_first_is_news_if_nothing_is_known_since),
    TEST(a_release_that_was_promoted_is_not_late),
    TEST(a_share_that_was_kept_first_makes_no_other_late),
    TEST(of_shares_of_the_traffic_the_last_is_told_when_the_pause_is_over),
    TEST(a_share_that_waits_is_nothing_any_more_when_the_release_has_come_to_its_end),
    TEST(a_program_that_finds_a_release_on_its_way_tells_its_share),
    TEST(of_a_rejection_before_its_time_it_is_found_out_what_runs),
    TEST(what_cannot_be_found_out_makes_nobody_wait),
    TEST(what_runs_is_found_out_again_for_a_hub_that_is_told_again),
    TEST(a_target_that_does_not_answer_is_asked_again_what_runs),
    TEST(a_target_that_never_answers_what_runs_is_not_waited_for_for_ever),
    TEST(what_was_decided_before_one_that_waits_does_not_wait),
    TEST(of_a_rejected_configuration_it_is_not_asked_what_runs),
    TEST(an_agent_that_only_observes_tells_a_rejection_and_holds_nothing_back),
    TEST(a_rejection_of_what_no_app_names_is_told_of_its_group),
    TEST(what_was_only_observed_is_news_once_the_agent_applies),
    TEST(what_somebody_undoes_is_a_decision_if_the_app_says_so),
    TEST(what_is_undone_is_not_put_right_before_it_is_answered),
    TEST(what_is_undone_is_not_put_right_by_what_applies_the_app_again),
    TEST(what_was_undone_and_is_deleted_is_made_again),
    TEST(what_was_undone_once_is_put_right_while_its_app_is_held_for_something_else),
    TEST(what_is_as_it_shall_be_again_is_not_undone_any_more),
    TEST(what_somebody_leaves_is_the_release_that_ran_not_the_one_that_waits),
    TEST(what_somebody_undoes_is_a_change_by_hand_if_the_app_says_nothing),
    TEST(who_goes_back_to_what_never_came_up_here_is_told_why_that_is_no_decision),
    TEST(who_goes_back_to_what_git_says_has_decided_nothing),
    TEST(what_may_be_a_decision_is_not_put_right_for_a_minute),
    TEST(what_was_undone_while_the_agent_was_away_counts_if_it_is_known),
    TEST(an_older_hub_is_told_nothing_of_it_and_nothing_is_held_back),
    TEST(a_new_process_tells_everything_first),
    TEST(what_happens_without_a_hub_is_told_in_its_order_with_its_times),
    TEST(what_came_and_went_before_the_link_was_found_dead_is_told),
    TEST(what_a_hub_has_acknowledged_is_not_told_again),
    TEST(more_than_is_kept_for_later_goes_into_the_journal_at_once),
    TEST(how_many_things_are_now_does_not_go_into_the_journal),
    TEST(no_more_is_kept_for_later_than_the_journal_has_room_for),
    TEST(how_something_was_before_it_went_is_told),
    TEST(what_a_full_report_leaves_out_is_not_told_later),
    TEST(what_came_and_went_is_on_disk_before_the_program_ends),
    TEST(a_hub_that_compares_no_reports_gets_no_entries_that_they_told),
    TEST(no_report_comes_before_the_journal_is_acknowledged),
    TEST(a_journal_that_was_not_acknowledged_is_told_again_with_its_numbers),
    TEST(what_a_new_process_finds_well_is_no_news),
    TEST(what_was_under_way_as_the_link_was_lost_is_noted_when_it_ends),
    TEST(a_hub_that_takes_no_journal_gets_reports_and_the_next_one_a_gap),
    TEST(what_an_autoscaler_does_is_told_when_its_window_is_over),
    TEST(when_replicas_are_ours_again_it_is_told_at_once),
    TEST(without_a_hub_what_an_autoscaler_does_is_told_when_it_is_back),
    TEST(the_longer_there_is_no_hub_the_longer_the_windows),
    TEST(once_a_hub_is_back_no_window_is_longer_than_with_one),
    TEST(what_is_gathered_is_on_disk_before_the_program_ends),
    TEST(what_is_gathered_of_an_object_that_goes_is_told),
    TEST(objects_beyond_the_first_share_the_window_of_their_app),
    TEST(an_older_hub_is_told_nothing_of_what_autoscalers_do),
    TEST(decisions_that_gave_way_are_told_in_their_place),
    TEST(decisions_that_gave_way_are_told_though_nothing_else_happened),
    TEST(decisions_that_give_way_beside_a_hub_are_told_at_once),
    TEST(a_decision_that_makes_another_one_give_way_says_so),
    TEST(the_first_change_is_told_at_once_and_the_next_are_gathered),
    TEST(what_goes_on_is_gathered_for_the_whole_interval),
    TEST(the_end_of_many_changes_is_told_soon),
    TEST(what_is_applied_at_once_is_told_at_once_and_in_one_report),
    TEST(what_takes_longer_to_apply_is_told_to_be_on_its_way),
    TEST(while_more_is_to_come_nothing_is_the_end),
    TEST(what_is_well_again_and_again_is_told_once_an_interval),
    TEST(what_did_not_change_is_not_told),
    TEST(what_was_not_acknowledged_is_told_again),
    TEST(what_an_apply_did_besides_is_told_until_it_is_acknowledged),
    TEST(whose_field_a_sync_takes_is_told),
    TEST(a_correction_is_told_as_drift_and_not_once_more),
    TEST(what_was_acknowledged_is_not_told_again),
    TEST(an_acknowledgement_of_another_run_counts_for_nothing),
    TEST(a_hub_that_asks_gets_a_full_report_in_pieces),
    TEST(a_window_bounds_what_is_not_acknowledged),
    TEST(a_connection_that_takes_no_more_is_tried_again),
    TEST(an_app_is_as_bad_as_its_worst_object),
    TEST(a_target_that_does_not_answer_is_never_green),
    TEST(drift_is_told_and_taken_back),
    TEST(who_changed_a_field_is_told_when_it_becomes_known),
    TEST(health_is_told_while_drift_stands),
    TEST(a_rejection_holds_at_once_and_waits_a_moment_for_who_it_was),
    TEST(who_decided_is_not_waited_for_for_ever),
    TEST(what_is_decided_meanwhile_makes_nobody_wait_longer),
    TEST(a_log_that_is_late_holds_up_neither_reports_nor_what_is_rejected),
    TEST(who_did_something_is_waited_for_as_long_as_is_asked_for),
    TEST(that_more_differs_than_is_named_is_told_and_taken_back),
    TEST(a_hub_that_takes_whole_objects_gets_them_without_what_may_be_secret),
    TEST(what_runs_behind_tags_is_told_once_somebody_has_looked),
    TEST(a_tag_that_moves_without_a_hub_is_written_down),
    TEST(what_a_new_process_finds_without_a_hub_has_the_names_that_it_had),
    TEST(another_hub_is_told_of_them_once_it_takes_them),
    TEST(an_object_that_is_too_large_is_not_told_and_that_is_said),
    TEST(the_end_of_drift_is_told_with_who_brought_it_about),
    TEST(drift_is_not_told_where_the_app_does_not_want_it),
    TEST(what_is_still_to_be_applied_has_not_drifted),
    TEST(what_a_rule_ignores_is_told_and_is_no_drift),
    TEST(what_a_rule_says_of_taking_over_is_told_of_its_drift),
    TEST(a_rule_corrects_where_the_app_only_reports),
    TEST(an_app_without_drift_hears_of_what_its_rules_are_about),
    TEST(what_is_added_and_stays_is_told_and_left_as_it_is),
    TEST(what_is_added_is_drift_which_an_apply_does_not_end),
    TEST(what_is_added_is_taken_away_where_the_app_corrects),
    TEST(what_is_by_right_or_noise_is_told_and_is_no_drift),
    TEST(another_rule_asks_how_the_objects_are),
    TEST(a_fight_is_told_and_given_up),
    TEST(one_that_deletes_again_and_again_is_a_fight_too),
    TEST(a_fight_that_somebody_else_ends_is_over),
    TEST(a_sync_begins_a_fight_again),
    TEST(a_new_bundle_begins_a_fight_again),
    TEST(corrections_far_apart_are_no_fight),
    TEST(a_correction_that_fails_is_tried_again),
    TEST(what_is_wrong_when_the_target_is_back_is_put_right),
    TEST(another_drift_mode_asks_how_the_objects_are),
    TEST(who_observes_tells_of_a_newer_bundle_once_all_was_looked_at_beside_it),
    TEST(how_an_object_differs_is_not_told_before_it_was_seen),
    TEST(what_an_object_says_before_it_was_seen_is_not_all_there_is_to_tell),
    TEST(what_nobody_looks_at_is_not_waited_for),
    TEST(nothing_is_told_until_all_that_was_found_was_seen),
    TEST(what_is_found_later_is_told_with_the_images_of_its_group),
    TEST(a_survey_that_goes_on_keeps_only_what_is_told_in_full),
    TEST(what_was_found_and_goes_takes_its_group_away),
    TEST(what_was_found_says_which_app_has_it_now),
    TEST(the_commit_that_turns_drift_off_undoes_nothing),
    TEST(nothing_is_told_in_full_before_the_inventory_is_known),
    TEST(what_is_due_is_applied_whatever_the_app_says_of_drift),
    TEST(what_is_due_waits_while_the_app_is_suspended),
    TEST(an_app_says_which_object_ails_and_why),
    TEST(what_is_not_healthy_in_time_is_degraded),
    TEST(what_waits_for_somebody_has_time),
    TEST(what_leads_what_waits_for_somebody_has_time),
    TEST(the_next_one_of_that_name_waits_for_nobody),
    TEST(nor_does_it_after_it_was_removed),
    TEST(nobody_is_late_while_the_target_is_away),
    TEST(nor_right_after_it_is_back),
    TEST(what_ended_and_went_by_itself_is_not_missing),
    TEST(a_hook_of_which_nobody_saw_the_end_may_not_have_run),
    TEST(a_hook_that_succeeded_and_went_before_its_run_could_see_has_run),
    TEST(how_an_object_is_that_is_left_there_is_nobodys_business),
    TEST(an_object_that_is_gone_is_told_until_it_is_acknowledged),
    TEST(an_app_that_is_gone_is_told_with_the_commit_and_what_became_of_its_objects),
    TEST(what_is_left_there_and_is_gone_already_is_forgotten),
    TEST(long_texts_are_cut_at_a_character),
    TEST(what_is_no_text_is_mended_before_it_is_told),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
