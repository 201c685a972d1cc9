#include "desk.h"

#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/mem.h"
#include "hub/jobs/store.h"
#include "hub/store/db.h"

int desk_open(void **state) {
    struct desk *d = cm_new(1, sizeof(*d));
    struct cm_err err;

    d->loop = cm_loop_new();
    assert_int_equal(hub_store_open(":memory:", d->loop, &d->store, &err), CM_OK);
    *state = d;
    return 0;
}

static void turn(struct desk *d) {
    while (cm_loop_turn(d->loop)) {
    }
}

int desk_close(void **state) {
    struct desk *d = *state;

    cm_clock_fake(-1);
    hub_store_stop(d->store);
    turn(d);
    hub_store_free(d->store);
    cm_loop_free(d->loop);
    free(d);
    return 0;
}

struct mark {
    struct hub_store_job job;
    bool done;
};

static enum cm_rc run_nothing(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    (void)job;
    (void)db;
    (void)err;
    return CM_OK;
}

static void mark_done(struct hub_store_job *job, const struct cm_err *err) {
    (void)err;
    CM_CONTAINER(job, struct mark, job)->done = true;
}

static void turn_once(struct desk *d) {
    if (!cm_loop_turn(d->loop)) {
        (void)poll(NULL, 0, 1); // other threads have the work
    }
}

// What comes of a job may be another one, and of that one more: a collection takes a dozen.
void desk_settle(struct desk *d) {
    for (int i = 0; i < 50; i++) {
        struct mark m = {.job = {.run = run_nothing, .done = mark_done}};

        hub_store_submit(d->store, &m.job);
        while (!m.done) {
            turn_once(d);
        }
    }
}

// The store's thread, kept from its handle while the test uses that: what another thread has posted
// may have given it work again.
struct owning {
    struct mark mark;
    sem_t entered;
    sem_t given;
};

static struct owning *own_of(struct hub_store_job *job) {
    struct mark *mark = CM_CONTAINER(job, struct mark, job);

    return CM_CONTAINER(mark, struct owning, mark);
}

static enum cm_rc run_owning(struct hub_store_job *job, struct hub_db *db, struct cm_err *err) {
    struct owning *o = own_of(job);

    (void)db;
    (void)err;
    (void)sem_post(&o->entered);
    (void)sem_wait(&o->given);
    return CM_OK;
}

// A store that fails runs nothing, and leaves its handle alone.
struct hub_db *desk_own(struct desk *d) {
    struct owning *o = cm_new(1, sizeof(*o));

    desk_settle(d);
    o->mark.job = (struct hub_store_job){.run = run_owning, .done = mark_done};
    (void)sem_init(&o->entered, 0, 0);
    (void)sem_init(&o->given, 0, 0);
    d->owning = o;
    hub_store_submit(d->store, &o->mark.job);
    while (sem_trywait(&o->entered) != 0 && !o->mark.done) {
        turn_once(d);
    }
    return hub_store_db(d->store);
}

void desk_give(struct desk *d) {
    struct owning *o = d->owning;

    d->owning = NULL;
    (void)sem_post(&o->given);
    while (!o->mark.done) {
        turn_once(d);
    }
    (void)sem_destroy(&o->entered);
    (void)sem_destroy(&o->given);
    free(o);
}

void desk_run(struct desk *d, const char *sql) {
    struct cm_err err;
    enum cm_rc rc = hub_db_run(desk_own(d), &err, sql, "");

    desk_give(d);
    if (rc < 0) {
        fail_msg("%s", err.msg);
    }
}

static enum cm_rc count(struct hub_db *db, const char *sql, int64_t *out, struct cm_err *err) {
    struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query_texts(db, &stmt, err, sql, NULL, 0);

    if (rc < 0) {
        return rc;
    }
    *out = hub_stmt_next(stmt, err) == CM_OK ? hub_stmt_int(stmt, 0) : -1;
    hub_stmt_end(stmt);
    return CM_OK;
}

int64_t desk_count(struct desk *d, const char *sql) {
    int64_t found = -1;
    struct cm_err err;
    enum cm_rc rc = count(desk_own(d), sql, &found, &err);

    desk_give(d);
    if (rc < 0) {
        fail_msg("%s", err.msg);
    }
    return found;
}

void desk_fail(struct desk *d) {
    desk_run(d, "PRAGMA query_only = ON");
}

void desk_mend(struct desk *d) {
    desk_run(d, "PRAGMA query_only = OFF");
}
