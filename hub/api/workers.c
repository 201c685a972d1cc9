#include "hub/api/workers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

enum { THREADS_MAX = 16 };

struct lane {
    char *key;
    struct cm_list jobs;
    unsigned running;
    struct cm_list in_turns;
};

struct hub_workers {
    pthread_t threads[THREADS_MAX];
    unsigned count;
    unsigned most;      // of one lane at once
    pthread_mutex_t mu; // guards everything below
    pthread_cond_t changed;
    struct cm_list turns; // lanes with jobs or running ones; who had his turn goes to the end
    bool stopped;
};

static struct lane *lane_at(struct cm_list *at) {
    return CM_CONTAINER(at, struct lane, in_turns);
}

static struct lane *find_lane(struct hub_workers *w, const char *key) {
    for (struct cm_list *at = w->turns.next; at != &w->turns; at = at->next) {
        if (strcmp(lane_at(at)->key, key) == 0) {
            return lane_at(at);
        }
    }
    struct lane *lane = cm_new(1, sizeof(*lane));
    lane->key = cm_strdup(key);
    cm_list_init(&lane->jobs);
    cm_list_append(&w->turns, &lane->in_turns);
    return lane;
}

static void free_if_done(struct lane *lane) {
    if (lane->running == 0 && cm_list_empty(&lane->jobs)) {
        cm_list_remove(&lane->in_turns);
        free(lane->key);
        free(lane);
    }
}

// Whose turn it is; NULL: nobody's.
static struct lane *next_lane(struct hub_workers *w) {
    for (struct cm_list *at = w->turns.next; at != &w->turns; at = at->next) {
        struct lane *lane = lane_at(at);

        if (lane->running < w->most && !cm_list_empty(&lane->jobs)) {
            cm_list_remove(at);
            cm_list_append(&w->turns, at);
            return lane;
        }
    }
    return NULL;
}

static struct hub_job *take_job(struct lane *lane) {
    struct cm_list *first = lane->jobs.next;

    cm_list_remove(first);
    return CM_CONTAINER(first, struct hub_job, in_lane);
}

// Gives up the lock while the job runs.
static void run_one(struct hub_workers *w, struct lane *lane, bool stopping) {
    struct hub_job *job = take_job(lane);

    lane->running++;
    (void)pthread_mutex_unlock(&w->mu);
    job->run(job, stopping);
    (void)pthread_mutex_lock(&w->mu);
    lane->running--;
    free_if_done(lane);
}

static void *work(void *arg) {
    struct hub_workers *w = arg;

    (void)pthread_setname_np(pthread_self(), "api-read");
    (void)pthread_mutex_lock(&w->mu);
    while (!w->stopped) {
        struct lane *lane = next_lane(w);

        if (lane == NULL) {
            (void)pthread_cond_wait(&w->changed, &w->mu);
        } else {
            run_one(w, lane, false);
        }
    }
    (void)pthread_mutex_unlock(&w->mu);
    return NULL;
}

struct hub_workers *hub_workers_new(unsigned threads) {
    struct hub_workers *w = cm_new(1, sizeof(*w));

    w->count = threads < THREADS_MAX ? threads : THREADS_MAX;
    w->most = (w->count + 1) / 2;
    cm_list_init(&w->turns);
    (void)pthread_mutex_init(&w->mu, NULL);
    (void)pthread_cond_init(&w->changed, NULL);
    for (unsigned i = 0; i < w->count; i++) {
        if (pthread_create(&w->threads[i], NULL, work, w) != 0) {
            abort(); // no threads: as good as no memory
        }
    }
    return w;
}

void hub_workers_put(struct hub_workers *w, const char *key, struct hub_job *job) {
    (void)pthread_mutex_lock(&w->mu);
    bool stopped = w->stopped;
    if (!stopped) {
        cm_list_append(&find_lane(w, key)->jobs, &job->in_lane);
        (void)pthread_cond_signal(&w->changed);
    }
    (void)pthread_mutex_unlock(&w->mu);
    if (stopped) {
        job->run(job, true);
    }
}

void hub_workers_stop(struct hub_workers *w) {
    if (w == NULL || w->stopped) {
        return;
    }
    (void)pthread_mutex_lock(&w->mu);
    w->stopped = true;
    (void)pthread_cond_broadcast(&w->changed);
    (void)pthread_mutex_unlock(&w->mu);
    for (unsigned i = 0; i < w->count; i++) {
        (void)pthread_join(w->threads[i], NULL);
    }
    (void)pthread_mutex_lock(&w->mu);
    while (!cm_list_empty(&w->turns)) {
        run_one(w, lane_at(w->turns.next), true);
    }
    (void)pthread_mutex_unlock(&w->mu);
}

void hub_workers_free(struct hub_workers *w) {
    if (w == NULL) {
        return;
    }
    (void)pthread_cond_destroy(&w->changed);
    (void)pthread_mutex_destroy(&w->mu);
    free(w);
}
