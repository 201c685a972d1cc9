#include "desk.h"

#include <poll.h>
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

// What comes of a job may be another one, and of that one more: a collection takes a dozen.
void desk_settle(struct desk *d) {
    for (int i = 0; i < 50; i++) {
        struct mark m = {.job = {.run = run_nothing, .done = mark_done}};

        hub_store_submit(d->store, &m.job);
        while (!m.done) {
            if (!cm_loop_turn(d->loop)) {
                (void)poll(NULL, 0, 1);
            }
        }
    }
}

void desk_run(struct desk *d, const char *sql) {
    struct cm_err err;

    desk_settle(d);
    if (hub_db_run(hub_store_db(d->store), &err, sql, "") < 0) {
        fail_msg("%s", err.msg);
    }
}

int64_t desk_count(struct desk *d, const char *sql) {
    struct hub_stmt *stmt = NULL;
    struct cm_err err;

    desk_settle(d);
    if (hub_db_query_texts(hub_store_db(d->store), &stmt, &err, sql, NULL, 0) < 0) {
        fail_msg("%s", err.msg);
    }
    int64_t count = hub_stmt_next(stmt, &err) == CM_OK ? hub_stmt_int(stmt, 0) : -1;
    hub_stmt_end(stmt);
    return count;
}

void desk_fail(struct desk *d) {
    desk_run(d, "PRAGMA query_only = ON");
}

void desk_mend(struct desk *d) {
    desk_run(d, "PRAGMA query_only = OFF");
}
