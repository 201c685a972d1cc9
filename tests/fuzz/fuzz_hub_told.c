// Any journal, decisions and exemptions that an agent may send are committed, and the same message
// again changes nothing: no row and no event more. The first byte says which of the three it is.
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/loop.h"
#include "common/tls/digest.h"
#include "hub/jobs/decisions.h"
#include "hub/jobs/exempted.h"
#include "hub/jobs/journal.h"
#include "hub/jobs/store.h"
#include "hub/store/db.h"
#include "proto/wire.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { JOURNAL, DECISIONS, EXEMPTED, KINDS };
enum { NUMBER_BITS = 62 }; // of the highest that a session takes

static const char agent_id[] = "0f6b2a54-53e8-4c53-8c1e-6a1c8f1f0001";
static const char cluster[] =
    "INSERT INTO presence (cluster, connected, seen_ms, version, driver, target, address)"
    " VALUES ('paris-1', 1, 1, '', '', '', '')";
static const char *const begin[] = {
    "DELETE FROM event",    "DELETE FROM status",         "DELETE FROM object",
    "DELETE FROM drift",    "DELETE FROM decision",       "DELETE FROM verdict",
    "DELETE FROM presence", "DELETE FROM site_exemption", cluster};
static const char *const counts[] = {
    "SELECT count(*) FROM event",         "SELECT count(*) FROM status",
    "SELECT count(*) FROM object",        "SELECT count(*) FROM drift",
    "SELECT count(*) FROM decision",      "SELECT count(*) FROM verdict",
    "SELECT count(*) FROM site_exemption"};
enum { COUNTS = sizeof(counts) / sizeof(counts[0]) };
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

static void is_done(void *ctx, const struct cm_err *err) {
    require(err->code == CM_OK);
    *(bool *)ctx = true;
}

static void journaled(void *ctx, const struct cm_err *err, const struct hub_journal_result *r) {
    (void)r;
    is_done(ctx, err);
}

static void decided(void *ctx, const struct cm_err *err, const struct hub_decisions_result *r) {
    (void)r;
    is_done(ctx, err);
}

static void exempted(void *ctx, const struct cm_err *err, const struct hub_exempted_result *r) {
    (void)r;
    is_done(ctx, err);
}

// follows tells whether a number may come after the one before: a session sees to that.
static bool follows(uint64_t number, uint64_t *before) {
    bool ok = number > *before && number >> NUMBER_BITS == 0;

    *before = number;
    return ok;
}

static bool submit_journal(struct cm_arena *a, const uint8_t *data, size_t size, bool *done) {
    Holdfast__V1__Journal *m = NULL;
    uint64_t before = 0;
    struct cm_err err;

    if (WIRE_UNPACK(a, Holdfast__V1__Journal, holdfast__v1__journal, data, size, &m, &err) < 0) {
        return false;
    }
    for (size_t i = 0; i < m->n_entries; i++) {
        if (!follows(m->entries[i]->number, &before)) {
            return false;
        }
    }
    hub_journal_commit(store, "paris-1", a, m,
                       &(struct hub_journal_done){.done = journaled, .ctx = done});
    return true;
}

static bool submit_decisions(struct cm_arena *a, const uint8_t *data, size_t size, bool *done) {
    Holdfast__V1__Decisions *m = NULL;
    uint64_t before = 0;
    struct cm_err err;

    if (WIRE_UNPACK(a, Holdfast__V1__Decisions, holdfast__v1__decisions, data, size, &m, &err) <
        0) {
        return false;
    }
    for (size_t i = 0; i < m->n_decisions; i++) {
        if (!follows(m->decisions[i]->number, &before)) {
            return false;
        }
    }
    hub_decisions_commit(store, "paris-1", agent_id, a, m,
                         &(struct hub_decisions_done){.done = decided, .ctx = done});
    return true;
}

static bool submit_exempted(struct cm_arena *a, const uint8_t *data, size_t size, bool *done) {
    Holdfast__V1__Exempted *m = NULL;
    struct cm_err err;

    if (WIRE_UNPACK(a, Holdfast__V1__Exempted, holdfast__v1__exempted, data, size, &m, &err) < 0) {
        return false;
    }
    hub_exempted_commit(store, "paris-1", a, m, true,
                        &(struct hub_exempted_done){.done = exempted, .ctx = done});
    return true;
}

// commit tells whether the bytes are a message; it has been committed then, and the store rests.
static bool commit(const uint8_t *data, size_t size) {
    static bool (*const submit[KINDS])(struct cm_arena * a, const uint8_t *data, size_t size,
                                       bool *done) = {submit_journal, submit_decisions,
                                                      submit_exempted};
    struct cm_arena *a = cm_arena_new(0);
    bool done = false;

    if (!submit[data[0] % KINDS](a, data + 1, size - 1, &done)) {
        cm_arena_free(a);
        return false;
    }
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

    for (size_t i = 0; i < COUNTS; i++) {
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
    if (size == 0 || !commit(data, size)) {
        return 0;
    }
    count(before);
    require(commit(data, size));
    count(after);
    require(memcmp(before, after, sizeof(before)) == 0);
    return 0;
}
