#include "hub/jobs/store.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/list.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/str.h"
#include "hub/store/db.h"

#define BATCH_MAX 1024

struct hub_store {
    struct hub_db *db;
    struct cm_loop *loop;
    struct cm_workers *writer;
    struct cm_err broken; // why nothing of the running batch can be kept; the store thread's
    _Atomic bool failing;
    _Atomic int64_t rows; // that were changed
    char *path;
    struct {
        struct cm_metric *seconds;
        struct cm_metric *jobs;
        struct cm_metric *failures;
        struct cm_metric *waiting;
        struct cm_metric *bytes;
    } counts; // all NULL: nothing is counted
};

static void begin_batch(void *ctx) {
    struct hub_store *store = ctx;

    store->broken.code = CM_OK;
    if (hub_db_begin(store->db, &store->broken) == CM_OK) {
        store->broken.code = CM_OK;
    }
}

static enum cm_rc commit(struct hub_store *store, struct cm_err *err) {
    if (store->broken.code != CM_OK) {
        *err = store->broken;
        return err->code;
    }
    return hub_db_commit(store->db, err);
}

static enum cm_rc end_batch(void *ctx, struct cm_err *err) {
    struct hub_store *store = ctx;
    int64_t began_ms = cm_clock_now_ms();
    enum cm_rc rc = commit(store, err);

    store->failing = rc < 0;
    store->rows = hub_db_all_changes(store->db);
    if (store->counts.seconds != NULL) {
        cm_metric_observe_ms(store->counts.seconds, cm_clock_now_ms() - began_ms);
        cm_metric_add(store->counts.failures, rc < 0);
    }
    return rc;
}

enum cm_rc hub_store_open(const char *path, struct cm_loop *loop, struct hub_store **out,
                          struct cm_err *err) {
    struct hub_db *db = NULL;
    enum cm_rc rc = hub_db_open(path, HUB_DB_WRITER, &db, err);

    if (rc < 0) {
        return rc;
    }

    struct hub_store *store = cm_new(1, sizeof(*store));
    struct cm_workers_batch batch = {
        .batch_max = BATCH_MAX, .begin = begin_batch, .end = end_batch, .ctx = store};
    store->path = cm_strdup(path);
    store->db = db;
    store->loop = loop;
    store->writer = cm_workers_new("store", 1, &batch);
    *out = store;
    return CM_OK;
}

struct hub_db *hub_store_db(struct hub_store *store) {
    return store->db;
}

// SQLite takes a whole transaction back by itself when the disk fails. What other jobs of the batch
// wrote is gone then, and what is still to come would be committed piece by piece: so the rest of
// the batch is not run, and all of it is told that it failed.
static void note_rollback(struct hub_store *store, const struct cm_err *why) {
    if (!hub_db_in_transaction(store->db)) {
        store->broken = *why;
        store->broken.code = CM_EIO;
    }
}

// run_apart carries out a job that has the transaction to itself: it needs no savepoint.
static void run_apart(struct hub_store *store, struct hub_store_job *job) {
    if (job->run(job, store->db, &job->err) == CM_OK) {
        job->err.code = CM_OK;
        return;
    }
    note_rollback(store, &job->err);
    if (store->broken.code != CM_OK) {
        return;
    }
    hub_db_rollback(store->db);
    if (hub_db_begin(store->db, &store->broken) == CM_OK) {
        store->broken.code = CM_OK;
    }
}

static void run_within(struct hub_store *store, struct hub_store_job *job) {
    if (hub_db_savepoint(store->db, &job->err) < 0) {
        note_rollback(store, &job->err);
        return;
    }
    bool kept = job->run(job, store->db, &job->err) == CM_OK;
    if (kept) {
        job->err.code = CM_OK;
    } else {
        note_rollback(store, &job->err);
    }
    struct cm_err err;
    if (store->broken.code == CM_OK && hub_db_savepoint_end(store->db, kept, &err) < 0) {
        // What the job wrote, or a part of it, may still be there.
        store->broken = err;
        store->broken.code = CM_EIO;
    }
}

static void run_job(struct cm_job *base) {
    struct hub_store_job *job = CM_CONTAINER(base, struct hub_store_job, job);
    struct hub_store *store = job->store;

    if (store->counts.jobs != NULL) {
        cm_metric_add(store->counts.jobs, 1);
    }
    if (store->broken.code != CM_OK) {
        return;
    }
    if (base->apart) {
        run_apart(store, job);
    } else {
        run_within(store, job);
    }
}

static void job_done(struct cm_job *base) {
    struct hub_store_job *job = CM_CONTAINER(base, struct hub_store_job, job);

    if (base->canceled) {
        (void)cm_fail(&job->err, CM_ECANCELED, "the hub is stopping");
    } else if (base->failed.code != CM_OK) {
        job->err = base->failed; // the commit failed: nothing of the batch is kept
    }
    job->done(job, &job->err);
}

void hub_store_make_metrics(struct hub_store *store, struct cm_metrics *m) {
    store->counts.seconds = cm_metrics_histogram(m, "holdfast_store_commit_seconds", NULL,
                                                 "How long commits to the database's disk took.");
    store->counts.jobs = cm_metrics_counter(m, "holdfast_store_jobs_total", NULL,
                                            "Changes of the database; many share a commit.");
    store->counts.failures =
        cm_metrics_counter(m, "holdfast_store_failures_total", NULL,
                           "Commits to the database that failed: nothing of them is kept.");
    store->counts.waiting = cm_metrics_gauge(m, "holdfast_store_queue_length", NULL,
                                             "Changes that wait to be written.");
    store->counts.bytes = cm_metrics_gauge(m, "holdfast_store_bytes", NULL,
                                           "Size of the database and of its log on the disk.");
}

static int64_t size_of(const char *path) {
    struct stat st;

    return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

void hub_store_size(struct hub_store *store, int64_t *out_bytes, int64_t *out_waiting) {
    CM_AUTOFREE char *wal = cm_strf("%s-wal", store->path);

    *out_bytes = size_of(store->path) + size_of(wal);
    *out_waiting = (int64_t)cm_workers_waiting(store->writer);
}

bool hub_store_is_failing(const struct hub_store *store) {
    return store->failing;
}

int64_t hub_store_rows(const struct hub_store *store) {
    return store->rows;
}

void hub_store_measure(struct hub_store *store) {
    int64_t bytes;
    int64_t waiting;

    hub_store_size(store, &bytes, &waiting);
    cm_metric_set(store->counts.bytes, bytes);
    cm_metric_set(store->counts.waiting, waiting);
}

static void prepare(struct hub_store *store, struct hub_store_job *job) {
    job->store = store;
    job->err = (struct cm_err){.code = CM_OK};
    job->job = (struct cm_job){.run = run_job, .done = job_done, .home = store->loop};
}

void hub_store_submit_first(struct hub_store *store, struct hub_store_job *job) {
    prepare(store, job);
    cm_workers_submit_first(store->writer, &job->job);
}

void hub_store_submit(struct hub_store *store, struct hub_store_job *job) {
    prepare(store, job);
    cm_workers_submit(store->writer, &job->job);
}

void hub_store_submit_large(struct hub_store *store, struct hub_store_job *job) {
    prepare(store, job);
    job->job.apart = true;
    cm_workers_submit(store->writer, &job->job);
}

void hub_store_stop(struct hub_store *store) {
    cm_workers_stop(store->writer, true);
}

void hub_store_free(struct hub_store *store) {
    if (store == NULL) {
        return;
    }
    cm_workers_free(store->writer);
    hub_db_close(store->db);
    free(store->path);
    free(store);
}
