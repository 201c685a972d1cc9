#include "common/workers.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"

struct queue {
    struct cm_job *first;
    struct cm_job *last;
    size_t len;
};

struct cm_workers {
    char name[16]; // as long as the kernel allows
    pthread_t *threads;
    size_t thread_count;
    struct cm_workers_batch batch; // begin is NULL without hooks
    size_t batch_max;

    pthread_mutex_t mu; // guards everything below
    pthread_cond_t work;
    struct queue urgent;
    struct queue waiting;
    bool shut;
    bool left;    // nobody waits for what its jobs say
    size_t ended; // threads
};

static void push(struct queue *q, struct cm_job *job) {
    job->next = NULL;
    if (q->first == NULL) {
        q->first = job;
    } else {
        q->last->next = job;
    }
    q->last = job;
    q->len++;
}

static struct cm_job *pop(struct queue *q) {
    struct cm_job *job = q->first;

    if (job != NULL) {
        q->first = job->next;
        q->len--;
    }
    return job;
}

static void call_done(void *ctx) {
    struct cm_job *job = ctx;

    job->done(job);
}

// put_before puts all of `a` before what is in `q`.
static void put_before(struct queue *q, const struct queue *a) {
    if (a->len == 0) {
        return;
    }
    a->last->next = q->first;
    q->last = q->len == 0 ? a->last : q->last;
    q->first = a->first;
    q->len += a->len;
}

// send_home hands the job to its loop. The job may be gone when this returns.
static void send_home(struct cm_job *job) {
    job->task = (struct cm_task){.run = call_done, .ctx = job};
    cm_loop_post_first(job->home, &job->task);
}

static void cancel_all(struct queue *q) {
    struct cm_job *job;

    while ((job = pop(q)) != NULL) {
        job->canceled = true;
        send_home(job);
    }
}

// goes_along tells whether the next job that waits belongs to the batch.
static bool goes_along(const struct cm_workers *w, const struct queue *batch) {
    if (w->waiting.len == 0 || batch->len >= w->batch_max) {
        return false;
    }
    return batch->len == 0 || (!batch->first->apart && !w->waiting.first->apart);
}

static void fill(struct cm_workers *w, struct queue *batch) {
    while (goes_along(w, batch)) {
        push(batch, pop(&w->waiting));
    }
}

// take_batch waits for work and moves at most batch_max jobs to *out; none means: it is time to
// end.
static void take_batch(struct cm_workers *w, struct queue *out) {
    (void)pthread_mutex_lock(&w->mu);
    while (w->urgent.len + w->waiting.len == 0 && !w->shut) {
        (void)pthread_cond_wait(&w->work, &w->mu);
    }
    if (w->urgent.len > 0) {
        push(out, pop(&w->urgent));
    } else {
        fill(w, out);
    }
    (void)pthread_mutex_unlock(&w->mu);
}

// give_way puts back what a batch has not run yet if something is urgent.
static bool give_way(struct cm_workers *w, struct queue *rest) {
    (void)pthread_mutex_lock(&w->mu);
    bool urgent = w->urgent.len > 0;
    if (urgent) {
        put_before(&w->waiting, rest);
        (void)pthread_cond_signal(&w->work);
    }
    (void)pthread_mutex_unlock(&w->mu);
    return urgent;
}

// run_batch leaves in *batch what it has run.
static void run_batch(struct cm_workers *w, struct queue *batch) {
    struct queue rest = *batch;
    struct cm_err err = {0};

    *batch = (struct queue){0};
    if (w->batch.begin != NULL) {
        w->batch.begin(w->batch.ctx);
    }
    do {
        push(batch, pop(&rest));
        batch->last->run(batch->last);
    } while (rest.len > 0 && !give_way(w, &rest));
    if (w->batch.end == NULL || w->batch.end(w->batch.ctx, &err) == CM_OK) {
        return;
    }
    for (struct cm_job *job = batch->first; job != NULL; job = job->next) {
        job->failed = err;
    }
}

// send_all sends jobs to their loops; under the lock, as the loops may go when the pool is left.
static bool send_all(struct cm_workers *w, struct queue *batch) {
    struct cm_job *job;

    (void)pthread_mutex_lock(&w->mu);
    bool left = w->left;
    while (!left && (job = pop(batch)) != NULL) {
        send_home(job);
    }
    (void)pthread_mutex_unlock(&w->mu);
    return !left;
}

static void work(struct cm_workers *w) {
    for (;;) {
        struct queue batch = {0};

        take_batch(w, &batch);
        if (batch.len == 0) {
            return;
        }
        run_batch(w, &batch);
        if (!send_all(w, &batch)) {
            return;
        }
    }
}

static void *begin(void *ctx) {
    struct cm_workers *w = ctx;

    (void)pthread_setname_np(pthread_self(), w->name);
    work(w);
    (void)pthread_mutex_lock(&w->mu);
    w->ended++;
    (void)pthread_cond_broadcast(&w->work);
    (void)pthread_mutex_unlock(&w->mu);
    return NULL;
}

static void init_condition(pthread_cond_t *condition) {
    pthread_condattr_t attributes;

    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(condition, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

struct cm_workers *cm_workers_new(const char *name, size_t threads,
                                  const struct cm_workers_batch *batch) {
    struct cm_workers *w = cm_new(1, sizeof(*w));

    assert(threads > 0);
    (void)snprintf(w->name, sizeof(w->name), "%s", name);
    w->batch_max = 1;
    if (batch != NULL) {
        assert(batch->batch_max > 0);
        w->batch = *batch;
        w->batch_max = batch->batch_max;
    }
    (void)pthread_mutex_init(&w->mu, NULL);
    init_condition(&w->work);
    w->threads = cm_new(threads, sizeof(*w->threads));
    for (; w->thread_count < threads; w->thread_count++) {
        if (pthread_create(&w->threads[w->thread_count], NULL, begin, w) != 0) {
            (void)fprintf(stderr, "cannot start thread '%s'\n", w->name);
            abort();
        }
    }
    return w;
}

// enqueue tells whether the pool still takes jobs.
static bool enqueue(struct cm_workers *w, struct queue *q, struct cm_job *job) {
    (void)pthread_mutex_lock(&w->mu);
    bool open = !w->shut;
    if (open) {
        push(q, job);
        (void)pthread_cond_signal(&w->work);
    }
    (void)pthread_mutex_unlock(&w->mu);
    return open;
}

static void submit(struct cm_workers *w, struct queue *q, struct cm_job *job) {
    assert(job->run != NULL && job->done != NULL && job->home != NULL);
    job->canceled = false;
    job->failed = (struct cm_err){0};
    if (!enqueue(w, q, job)) {
        job->canceled = true;
        send_home(job);
    }
}

void cm_workers_submit(struct cm_workers *w, struct cm_job *job) {
    submit(w, &w->waiting, job);
}

void cm_workers_submit_first(struct cm_workers *w, struct cm_job *job) {
    submit(w, &w->urgent, job);
}

static struct queue take_all(struct cm_workers *w) {
    struct queue all = w->waiting;

    put_before(&all, &w->urgent);
    w->urgent = (struct queue){0};
    w->waiting = (struct queue){0};
    return all;
}

// shut lets no new job in; without `drain` it also takes out those that wait.
static struct queue shut(struct cm_workers *w, bool drain) {
    struct queue left = {0};

    (void)pthread_mutex_lock(&w->mu);
    w->shut = true;
    if (!drain) {
        left = take_all(w);
    }
    (void)pthread_cond_broadcast(&w->work);
    (void)pthread_mutex_unlock(&w->mu);
    return left;
}

void cm_workers_stop(struct cm_workers *w, bool drain) {
    struct queue left = shut(w, drain);

    cancel_all(&left);
    for (size_t i = 0; i < w->thread_count; i++) {
        (void)pthread_join(w->threads[i], NULL);
    }
    w->thread_count = 0;
}

static struct timespec in_ms(int64_t wait_ms) {
    struct timespec at;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t ns = at.tv_nsec + wait_ms % 1000 * 1000000;
    at.tv_sec += (time_t)(wait_ms / 1000 + ns / 1000000000);
    at.tv_nsec = (long)(ns % 1000000000);
    return at;
}

// await_end tells whether all threads have come to their end by a time; else the pool is left, and
// what still waits is taken out.
static bool await_end(struct cm_workers *w, int64_t wait_ms, struct queue *out) {
    struct timespec until = in_ms(wait_ms);
    int rc = 0;

    (void)pthread_mutex_lock(&w->mu);
    while (w->ended < w->thread_count && rc == 0) {
        rc = pthread_cond_timedwait(&w->work, &w->mu, &until);
    }
    w->left = w->ended < w->thread_count;
    *out = take_all(w);
    bool all = !w->left;
    (void)pthread_mutex_unlock(&w->mu);
    return all;
}

bool cm_workers_leave(struct cm_workers *w, int64_t wait_ms) {
    struct queue waiting = shut(w, true); // nothing

    bool all = await_end(w, wait_ms, &waiting);
    cancel_all(&waiting);
    for (size_t i = 0; i < w->thread_count; i++) {
        (void)(all ? pthread_join(w->threads[i], NULL) : pthread_detach(w->threads[i]));
    }
    w->thread_count = 0;
    return all;
}

void cm_workers_free(struct cm_workers *w) {
    if (w == NULL) {
        return;
    }
    assert(w->thread_count == 0);
    (void)pthread_mutex_destroy(&w->mu);
    (void)pthread_cond_destroy(&w->work);
    free(w->threads);
    free(w);
}

size_t cm_workers_waiting(struct cm_workers *w) {
    (void)pthread_mutex_lock(&w->mu);
    size_t len = w->urgent.len + w->waiting.len;
    (void)pthread_mutex_unlock(&w->mu);
    return len;
}
