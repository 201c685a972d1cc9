#include "hub/api/watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"
#include "common/mem.h"

#define NEVER INT64_MAX

struct hub_watch {
    pthread_t thread;
    pthread_mutex_t mu; // guards everything below
    pthread_cond_t changed;
    struct cm_list entries; // in no order: a few hundred at most
    int64_t wakes_ms;       // when the thread will look next
    bool stopped;
};

static struct hub_due *entry_of(struct cm_list *at) {
    return CM_CONTAINER(at, struct hub_due, in_watch);
}

static bool is_in(const struct hub_due *due) {
    return due->in_watch.next != NULL && !cm_list_empty(&due->in_watch);
}

// expire settles what is due by now_ms and returns when the next one is.
static int64_t expire(struct hub_watch *w, int64_t now_ms) {
    int64_t next_ms = NEVER;
    struct cm_list *next;

    for (struct cm_list *at = w->entries.next; at != &w->entries; at = next) {
        struct hub_due *due = entry_of(at);

        next = at->next;
        if (due->at_ms <= now_ms) {
            cm_list_remove(at);
            due->expired(due);
        } else if (due->at_ms < next_ms) {
            next_ms = due->at_ms;
        }
    }
    return next_ms;
}

static void wait_until(struct hub_watch *w, int64_t at_ms) {
    struct timespec at = {.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000};

    if (at_ms == NEVER) {
        (void)pthread_cond_wait(&w->changed, &w->mu);
    } else {
        (void)pthread_cond_timedwait(&w->changed, &w->mu, &at);
    }
}

static void *run(void *arg) {
    struct hub_watch *w = arg;

    (void)pthread_setname_np(pthread_self(), "api-watch");
    (void)pthread_mutex_lock(&w->mu);
    while (!w->stopped) {
        w->wakes_ms = expire(w, cm_clock_now_ms());
        wait_until(w, w->wakes_ms);
    }
    (void)expire(w, NEVER);
    (void)pthread_mutex_unlock(&w->mu);
    return NULL;
}

struct hub_watch *hub_watch_new(void) {
    struct hub_watch *w = cm_new(1, sizeof(*w));
    pthread_condattr_t attr;

    cm_list_init(&w->entries);
    (void)pthread_mutex_init(&w->mu, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    if (pthread_create(&w->thread, NULL, run, w) != 0) {
        abort(); // no threads: as good as no memory
    }
    return w;
}

bool hub_watch_add(struct hub_watch *w, struct hub_due *due, int64_t delay_ms) {
    (void)pthread_mutex_lock(&w->mu);
    bool added = !w->stopped;
    if (is_in(due)) {
        cm_list_remove(&due->in_watch);
    }
    if (added) {
        due->at_ms = cm_clock_now_ms() + delay_ms;
        cm_list_append(&w->entries, &due->in_watch);
        if (due->at_ms < w->wakes_ms) {
            (void)pthread_cond_signal(&w->changed);
        }
    }
    (void)pthread_mutex_unlock(&w->mu);
    return added;
}

bool hub_watch_take(struct hub_watch *w, struct hub_due *due) {
    (void)pthread_mutex_lock(&w->mu);
    bool was_in = is_in(due);
    if (was_in) {
        cm_list_remove(&due->in_watch);
    }
    (void)pthread_mutex_unlock(&w->mu);
    return was_in;
}

void hub_watch_stop(struct hub_watch *w) {
    (void)pthread_mutex_lock(&w->mu);
    bool running = !w->stopped;
    w->stopped = true;
    (void)pthread_cond_signal(&w->changed);
    (void)pthread_mutex_unlock(&w->mu);
    if (running) {
        (void)pthread_join(w->thread, NULL);
    }
}

void hub_watch_free(struct hub_watch *w) {
    if (w == NULL) {
        return;
    }
    (void)pthread_cond_destroy(&w->changed);
    (void)pthread_mutex_destroy(&w->mu);
    free(w);
}
