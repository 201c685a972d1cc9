#include "hub/api/feed.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "hub/api/readers.h"
#include "hub/store/db.h"
#include "hub/store/news.h"

#define LOOK_MS 200

struct hub_feed {
    struct hub_readers *readers;
    unsigned max;
    pthread_t thread;
    pthread_mutex_t mu; // guards everything below
    pthread_cond_t changed;
    struct cm_list listeners;
    unsigned count;
    unsigned waiting;
    int64_t newest;
    int64_t version;
    bool stopped;
};

// ---- Looking

static bool has_news(const struct hub_feed *f, const struct hub_listener *l, int64_t now_ms) {
    bool changed = l->any_change && l->version != f->version && now_ms >= l->not_before_ms;

    return f->stopped || f->newest > l->seen || changed || now_ms >= l->due_ms;
}

static struct hub_listener *listener_of(struct cm_list *at) {
    return CM_CONTAINER(at, struct hub_listener, in_feed);
}

static void wake_those_with_news(struct hub_feed *f) {
    int64_t now_ms = cm_clock_now_ms();

    for (struct cm_list *at = f->listeners.next; at != &f->listeners; at = at->next) {
        struct hub_listener *l = listener_of(at);

        if (l->waiting && has_news(f, l, now_ms)) {
            l->waiting = false;
            f->waiting--;
            l->wake(l);
        }
    }
}

// Waits for a moment, or while nobody waits, for somebody.
static void pause_looking(struct hub_feed *f) {
    struct timespec until;
    int64_t at_ms = cm_clock_now_ms() + LOOK_MS;

    while (f->waiting == 0 && !f->stopped) {
        (void)pthread_cond_wait(&f->changed, &f->mu);
        at_ms = cm_clock_now_ms() + LOOK_MS;
    }
    until = (struct timespec){.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000};
    while (!f->stopped && pthread_cond_timedwait(&f->changed, &f->mu, &until) == 0) {
    }
}

// The handle is kept: it counts what others commit only from its own first look on.
static enum cm_rc look(struct hub_feed *f, struct hub_db **db, struct hub_news *news,
                       struct cm_err *err) {
    enum cm_rc rc = *db != NULL ? CM_OK : hub_readers_take(f->readers, db, err);

    if (rc < 0) {
        return rc;
    }
    hub_db_set_deadline(*db, 0);
    return hub_news_read(*db, news, err);
}

static void *run(void *arg) {
    struct hub_feed *f = arg;
    struct hub_db *db = NULL;
    struct cm_err err;

    (void)pthread_setname_np(pthread_self(), "api-feed");
    (void)pthread_mutex_lock(&f->mu);
    while (!f->stopped) {
        struct hub_news news = {.newest = f->newest, .version = f->version};

        pause_looking(f);
        (void)pthread_mutex_unlock(&f->mu);
        if (look(f, &db, &news, &err) < 0) {
            cm_log(CM_LOG_DEBUG, "api.feed", err.msg, NULL); // the next look may see more
        }
        (void)pthread_mutex_lock(&f->mu);
        f->newest = news.newest;
        f->version = news.version;
        wake_those_with_news(f);
    }
    (void)pthread_mutex_unlock(&f->mu);
    hub_readers_give(f->readers, db);
    return NULL;
}

// ---- From outside

struct hub_feed *hub_feed_new(struct hub_readers *readers, unsigned max) {
    struct hub_feed *f = cm_new(1, sizeof(*f));
    pthread_condattr_t attr;

    f->readers = readers;
    f->max = max;
    cm_list_init(&f->listeners);
    (void)pthread_mutex_init(&f->mu, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&f->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    if (pthread_create(&f->thread, NULL, run, f) != 0) {
        abort(); // no threads: as good as no memory
    }
    return f;
}

enum cm_rc hub_feed_join(struct hub_feed *f, struct hub_listener *l, struct cm_err *err) {
    (void)pthread_mutex_lock(&f->mu);
    bool may = !f->stopped && f->count < f->max;
    if (may) {
        cm_list_append(&f->listeners, &l->in_feed);
        f->count++;
    }
    (void)pthread_mutex_unlock(&f->mu);
    return may ? CM_OK
               : cm_fail(err, CM_EBUSY, "%u watch already, and no more can; try again later",
                         f->max);
}

void hub_feed_leave(struct hub_feed *f, struct hub_listener *l) {
    (void)pthread_mutex_lock(&f->mu);
    cm_list_remove(&l->in_feed);
    f->count--;
    f->waiting -= l->waiting;
    (void)pthread_mutex_unlock(&f->mu);
}

bool hub_feed_wait(struct hub_feed *f, struct hub_listener *l) {
    (void)pthread_mutex_lock(&f->mu);
    bool wait = !has_news(f, l, cm_clock_now_ms());
    if (wait) {
        l->waiting = true;
        l->sleep(l);
        if (f->waiting++ == 0) {
            (void)pthread_cond_signal(&f->changed);
        }
    }
    (void)pthread_mutex_unlock(&f->mu);
    return wait;
}

int64_t hub_feed_version(struct hub_feed *f) {
    (void)pthread_mutex_lock(&f->mu);
    int64_t version = f->version;
    (void)pthread_mutex_unlock(&f->mu);
    return version;
}

unsigned hub_feed_listeners(struct hub_feed *f) {
    (void)pthread_mutex_lock(&f->mu);
    unsigned count = f->count;
    (void)pthread_mutex_unlock(&f->mu);
    return count;
}

bool hub_feed_is_stopped(struct hub_feed *f) {
    (void)pthread_mutex_lock(&f->mu);
    bool stopped = f->stopped;
    (void)pthread_mutex_unlock(&f->mu);
    return stopped;
}

void hub_feed_stop(struct hub_feed *f) {
    (void)pthread_mutex_lock(&f->mu);
    bool running = !f->stopped;
    f->stopped = true;
    (void)pthread_cond_signal(&f->changed);
    (void)pthread_mutex_unlock(&f->mu);
    if (running) {
        (void)pthread_join(f->thread, NULL);
        (void)pthread_mutex_lock(&f->mu);
        wake_those_with_news(f);
        (void)pthread_mutex_unlock(&f->mu);
    }
}

void hub_feed_free(struct hub_feed *f) {
    if (f == NULL) {
        return;
    }
    (void)pthread_cond_destroy(&f->changed);
    (void)pthread_mutex_destroy(&f->mu);
    free(f);
}
