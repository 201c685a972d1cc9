#include "common/workers.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    struct queue waiting;
    bool shut;
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

static void push_first(struct queue *q, struct cm_job *job) {
    job->next = q->first;
    q->last = q->first == NULL ? job : q->last;
    q->first = job;
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

// send_home hands the job to its loop. The job may be gone when this returns.
static void send_home(struct cm_job *job) {
    job->task = (struct cm_task){.run = call_done, .ctx = job};
    cm_loop_post(job->home, &job->task);
}

static void cancel_all(struct queue *q) {
    struct cm_job *job;

    while ((job = pop(q)) != NULL) {
        job->canceled = true;
        send_home(job);
    }
}

// take_batch waits for work and moves at most batch_max jobs to *out; none means: it is time to
// end.
static void take_batch(struct cm_workers *w, struct queue *out) {
    (void)pthread_mutex_lock(&w->mu);
    while (w->waiting.len == 0 && !w->shut) {
        (void)pthread_cond_wait(&w->work, &w->mu);
    }
    while (w->waiting.len > 0 && out->len < w->batch_max) {
        push(out, pop(&w->waiting));
    }
    (void)pthread_mutex_unlock(&w->mu);
}

static void run_batch(struct cm_workers *w, const struct queue *batch) {
    struct cm_err err = {0};

    if (w->batch.begin != NULL) {
        w->batch.begin(w->batch.ctx);
    }
    for (struct cm_job *job = batch->first; job != NULL; job = job->next) {
        job->run(job);
    }
    if (w->batch.end == NULL || w->batch.end(w->batch.ctx, &err) == CM_OK) {
        return;
    }
    for (struct cm_job *job = batch->first; job != NULL; job = job->next) {
        job->failed = err;
    }
}

static void *work(void *ctx) {
    struct cm_workers *w = ctx;

    (void)pthread_setname_np(pthread_self(), w->name);
    for (;;) {
        struct queue batch = {0};
        struct cm_job *job;

        take_batch(w, &batch);
        if (batch.len == 0) {
            return NULL;
        }
        run_batch(w, &batch);
        while ((job = pop(&batch)) != NULL) {
            send_home(job);
        }
    }
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
    (void)pthread_cond_init(&w->work, NULL);
    w->threads = cm_new(threads, sizeof(*w->threads));
    for (; w->thread_count < threads; w->thread_count++) {
        if (pthread_create(&w->threads[w->thread_count], NULL, work, w) != 0) {
            (void)fprintf(stderr, "cannot start thread '%s'\n", w->name);
            abort();
        }
    }
    return w;
}

// enqueue tells whether the pool still takes jobs.
static bool enqueue(struct cm_workers *w, struct cm_job *job,
                    void (*put)(struct queue *q, struct cm_job *job)) {
    (void)pthread_mutex_lock(&w->mu);
    bool open = !w->shut;
    if (open) {
        put(&w->waiting, job);
        (void)pthread_cond_signal(&w->work);
    }
    (void)pthread_mutex_unlock(&w->mu);
    return open;
}

static void submit(struct cm_workers *w, struct cm_job *job,
                   void (*put)(struct queue *q, struct cm_job *job)) {
    assert(job->run != NULL && job->done != NULL && job->home != NULL);
    job->canceled = false;
    job->failed = (struct cm_err){0};
    if (!enqueue(w, job, put)) {
        job->canceled = true;
        send_home(job);
    }
}

void cm_workers_submit(struct cm_workers *w, struct cm_job *job) {
    submit(w, job, push);
}

void cm_workers_submit_first(struct cm_workers *w, struct cm_job *job) {
    submit(w, job, push_first);
}

// shut lets no new job in; without `drain` it also takes out those that wait.
static struct queue shut(struct cm_workers *w, bool drain) {
    struct queue left = {0};

    (void)pthread_mutex_lock(&w->mu);
    w->shut = true;
    if (!drain) {
        left = w->waiting;
        w->waiting = (struct queue){0};
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
    size_t len = w->waiting.len;
    (void)pthread_mutex_unlock(&w->mu);
    return len;
}
