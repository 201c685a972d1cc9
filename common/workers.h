// workers: threads for what blocks; the answer comes back to the owner's loop.
//
// A job's `run` is called on a worker and may block; it must not touch what a loop owns. Then its
// `done` is called on the job's home loop, always, also when the job was cancelled before it ran
// (then `canceled` is true and run was not called). The job belongs to whoever submitted it and may
// be freed in `done`.
//
// A pool may have batch hooks: a worker takes all that waits, at most `batch_max` jobs, calls
// batch_begin, runs them one by one, calls batch_end, and only then posts their `done`. The store's
// writer uses it for one transaction per batch: nobody is told before the commit. If batch_end
// fails, `failed` of each job of the batch says why. A job that is `apart` shares its batch with no
// other.
//
// Threads: cm_workers_submit from any; new, stop, leave and free from the owner.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/loop.h"

struct cm_workers;

struct cm_job {
    void (*run)(struct cm_job *job);
    void (*done)(struct cm_job *job);
    struct cm_loop *home;
    bool apart; // it is a batch of its own
    bool canceled;
    struct cm_err failed; // code is CM_OK unless the batch that held the job failed
    struct cm_task task;  // the pool's
    struct cm_job *next;  // the pool's
};

struct cm_workers_batch {
    size_t batch_max;
    void (*begin)(void *ctx);
    enum cm_rc (*end)(void *ctx, struct cm_err *err);
    void *ctx;
};

// cm_workers_new starts `threads` threads named `name`. batch may be NULL; it is copied.
struct cm_workers *cm_workers_new(const char *name, size_t threads,
                                  const struct cm_workers_batch *batch);

void cm_workers_submit(struct cm_workers *w, struct cm_job *job);

// cm_workers_submit_first has a job run before all that waits, in a batch of its own; a batch that
// is under way ends before its next job. It is for what is urgent and rare.
void cm_workers_submit_first(struct cm_workers *w, struct cm_job *job);

// cm_workers_stop lets running jobs end, cancels those that wait (their `done` is posted to their
// loops all the same) and joins the threads. With `drain`, waiting jobs are run first.
void cm_workers_stop(struct cm_workers *w, bool drain);
// cm_workers_leave is a stop with `drain` that waits no longer than that for jobs that hang, on a
// disk that does not answer, say. It tells whether all have ended. If not, those that still wait
// are cancelled, and the threads end by themselves when they can: nothing of what hangs is told any
// more, and neither the pool nor what it was given may ever be freed.
bool cm_workers_leave(struct cm_workers *w, int64_t wait_ms);
void cm_workers_free(struct cm_workers *w); // after stop; NULL is fine

// cm_workers_waiting tells how many jobs wait, for metrics.
size_t cm_workers_waiting(struct cm_workers *w);
