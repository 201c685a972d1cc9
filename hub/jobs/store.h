// store: the one writer of the hub's database, as a job queue.
//
// Jobs are carried out in order on the store's thread, all that wait together in one transaction.
// Each is a savepoint of its own, or a transaction if it is large: one that fails takes nothing
// else with it. `done` comes on the loop after the commit, never before: what it acknowledges is on
// disk.
//
// Threads: open, submit and close on the loop's thread or before it runs; run on the store's
// thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/workers.h"

struct cm_loop;
struct cm_metrics;
struct hub_db;
struct hub_store;

struct hub_store_job {
    // run changes the database. What it fails with is what done is told.
    enum cm_rc (*run)(struct hub_store_job *job, struct hub_db *db, struct cm_err *err);
    // done is told CM_OK once all is committed. It may free the job.
    void (*done)(struct hub_store_job *job, const struct cm_err *err);
    struct cm_err err; // the store's
    struct hub_store *store;
    struct cm_job job;
};

CM_MUSTUSE enum cm_rc hub_store_open(const char *path, struct cm_loop *loop, struct hub_store **out,
                                     struct cm_err *err);

// hub_store_db lends the writer's handle; only before the first job is submitted or after the stop.
struct hub_db *hub_store_db(struct hub_store *store);

// hub_store_make_metrics counts what is written from now on; before the first job is submitted.
// hub_store_measure updates what is only known when it is looked at; any thread.
void hub_store_make_metrics(struct hub_store *store, struct cm_metrics *metrics);
void hub_store_measure(struct hub_store *store);

// hub_store_size tells how large the database is on its disk and how many changes wait; any thread.
void hub_store_size(struct hub_store *store, int64_t *out_bytes, int64_t *out_waiting);

// hub_store_rows tells how many rows of the database were changed so far; any thread.
int64_t hub_store_rows(const struct hub_store *store);

// hub_store_is_failing tells whether the last changes could not be written; any thread.
bool hub_store_is_failing(const struct hub_store *store);

void hub_store_submit(struct hub_store *store, struct hub_store_job *job);

// hub_store_submit_first has a job carried out and committed before all that waits: for what is
// urgent and rare, and has nothing to do with that.
void hub_store_submit_first(struct hub_store *store, struct hub_store_job *job);

// hub_store_submit_large is for a job that changes thousands of rows: it has a transaction of its
// own. Within a savepoint SQLite keeps what each page was in a list, and walks it from its begin
// after each statement (memjrnlTruncate of 3.40), so that such a job would take time by the square.
void hub_store_submit_large(struct hub_store *store, struct hub_store_job *job);

// hub_store_stop carries out what waits and ends the thread; every `done` has then been posted.
void hub_store_stop(struct hub_store *store);
void hub_store_free(struct hub_store *store); // NULL is fine
