#include "hub/api/readers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "hub/store/db.h"

#define READ_MS 20000

enum { IDLE_MAX = 16 };

struct hub_readers {
    char *path;
    atomic_bool stopped;
    pthread_mutex_t mu; // guards everything below
    struct hub_db *idle[IDLE_MAX];
    size_t count;
};

struct hub_readers *hub_readers_new(const char *db_path) {
    struct hub_readers *r = cm_new(1, sizeof(*r));

    r->path = cm_strdup(db_path);
    (void)pthread_mutex_init(&r->mu, NULL);
    return r;
}

void hub_readers_free(struct hub_readers *r) {
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; i < r->count; i++) {
        hub_db_close(r->idle[i]);
    }
    (void)pthread_mutex_destroy(&r->mu);
    free(r->path);
    free(r);
}

void hub_readers_stop(struct hub_readers *r) {
    r->stopped = true;
}

enum cm_rc hub_readers_take(struct hub_readers *r, struct hub_db **out, struct cm_err *err) {
    struct hub_db *db = NULL;

    (void)pthread_mutex_lock(&r->mu);
    if (r->count > 0) {
        db = r->idle[--r->count];
    }
    (void)pthread_mutex_unlock(&r->mu);
    if (db == NULL && hub_db_open(r->path, HUB_DB_READER, &db, err) < 0) {
        return err->code;
    }
    hub_db_set_deadline(db, cm_clock_now_ms() + READ_MS);
    hub_db_set_stop(db, &r->stopped);
    *out = db;
    return CM_OK;
}

void hub_readers_give(struct hub_readers *r, struct hub_db *db) {
    if (db == NULL) {
        return;
    }
    if (hub_db_in_transaction(db)) { // it was interrupted: its next reader would see the past
        hub_db_rollback(db);
    }
    (void)pthread_mutex_lock(&r->mu);
    if (r->count < IDLE_MAX) {
        r->idle[r->count++] = CM_TAKE(db);
    }
    (void)pthread_mutex_unlock(&r->mu);
    hub_db_close(db);
}
