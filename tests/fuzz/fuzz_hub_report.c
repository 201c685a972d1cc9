// Any report that an agent may send is committed, and the same one again changes nothing: no row
// and no event more. Of one report only so many differences become events.
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/loop.h"
#include "common/tls/digest.h"
#include "hub/jobs/report.h"
#include "hub/jobs/store.h"
#include "hub/store/db.h"
#include "proto/wire.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COUNTS = 4, EVENTS_MAX = 4000 };

static const char cluster[] =
    "INSERT INTO presence (cluster, connected, seen_ms, version, driver, target, address)"
    " VALUES ('paris-1', 1, 1, '', '', '', '')";
static const char *const begin[] = {"DELETE FROM event",    "DELETE FROM status",
                                    "DELETE FROM object",   "DELETE FROM drift",
                                    "DELETE FROM presence", cluster};
static const char *const counts[COUNTS] = {
    "SELECT count(*) FROM event", "SELECT count(*) FROM status", "SELECT count(*) FROM object",
    "SELECT count(*) FROM drift"};
static struct cm_loop *loop;
static struct hub_store *store;

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void end(void) {
    hub_store_stop(store);
    while (cm_loop_turn(loop)) {
    }
    hub_store_free(store);
    cm_loop_free(loop);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    struct cm_err err;

    (void)argc, (void)argv;
    (void)cm_sha256("",
                    0); // so that OpenSSL's own end comes after ours, and after the store's thread
    loop = cm_loop_new();
    require(hub_store_open(":memory:", loop, &store, &err) == CM_OK);
    return atexit(end);
}

static void on_done(void *ctx, const struct cm_err *err, const struct hub_report_result *result) {
    (void)result;
    require(err->code == CM_OK);
    *(bool *)ctx = true;
}

// commit tells whether the bytes are a report; it has been committed then, and the store rests.
static bool commit(const uint8_t *data, size_t size) {
    struct cm_arena *a = cm_arena_new(0);
    Holdfast__V1__Report *report = NULL;
    struct cm_err err;
    bool done = false;

    if (WIRE_UNPACK(a, Holdfast__V1__Report, holdfast__v1__report, data, size, &report, &err) < 0) {
        cm_arena_free(a);
        return false;
    }
    hub_report_commit(store, NULL, "paris-1", a, report,
                      &(struct hub_report_done){.done = on_done, .ctx = &done});
    while (!done) {
        if (!cm_loop_turn(loop)) {
            (void)poll(NULL, 0, 1);
        }
    }
    return true;
}

static void begin_anew(void) {
    struct cm_err err;

    for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++) {
        require(hub_db_run(hub_store_db(store), &err, begin[i], "") == CM_OK);
    }
}

static void count(int64_t out[COUNTS]) {
    struct cm_err err;

    for (int i = 0; i < COUNTS; i++) {
        struct hub_stmt *stmt = NULL;

        require(hub_db_query(hub_store_db(store), &stmt, &err, counts[i], "") == CM_OK);
        require(hub_stmt_next(stmt, &err) == CM_OK);
        out[i] = hub_stmt_int(stmt, 0);
        hub_stmt_end(stmt);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int64_t before[COUNTS];
    int64_t after[COUNTS];

    begin_anew();
    if (!commit(data, size)) {
        return 0;
    }
    count(before);
    require(before[0] <= EVENTS_MAX);
    require(commit(data, size));
    count(after);
    require(memcmp(before, after, sizeof(before)) == 0);
    return 0;
}
