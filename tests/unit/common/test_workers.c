#include "common/workers.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/list.h"
#include "common/mem.h"
#include "tests/support/asleep.h"

// A gate holds a worker until the test opens it.
struct gate {
    pthread_mutex_t mu;
    pthread_cond_t changed;
    bool reached;
    bool open;
};

struct work {
    struct cm_job job;
    struct gate *gate; // NULL: run at once
    bool ran;
    bool done;
    int sequence; // of done, from 1
};

static struct cm_loop *loop;
static int done_count;
static int stop_after;
static struct cm_workers *left_pool;
static struct work *left_work;

static int set_up(void **state) {
    (void)state;
    loop = cm_loop_new();
    done_count = 0;
    stop_after = 0;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    cm_loop_free(loop);
    return 0;
}

static void pass(struct gate *gate) {
    (void)pthread_mutex_lock(&gate->mu);
    gate->reached = true;
    (void)pthread_cond_broadcast(&gate->changed);
    while (!gate->open) {
        (void)pthread_cond_wait(&gate->changed, &gate->mu);
    }
    (void)pthread_mutex_unlock(&gate->mu);
}

static void await_gate(struct gate *gate) {
    (void)pthread_mutex_lock(&gate->mu);
    while (!gate->reached) {
        (void)pthread_cond_wait(&gate->changed, &gate->mu);
    }
    (void)pthread_mutex_unlock(&gate->mu);
}

static void open_gate(struct gate *gate) {
    (void)pthread_mutex_lock(&gate->mu);
    gate->open = true;
    (void)pthread_cond_broadcast(&gate->changed);
    (void)pthread_mutex_unlock(&gate->mu);
}

static void run_work(struct cm_job *job) {
    struct work *work = CM_CONTAINER(job, struct work, job);

    if (work->gate != NULL) {
        pass(work->gate);
    }
    work->ran = true;
}

static void work_done(struct cm_job *job) {
    struct work *work = CM_CONTAINER(job, struct work, job);

    assert_true(cm_loop_is_owner(loop));
    work->done = true;
    work->sequence = ++done_count;
    if (done_count == stop_after) {
        cm_loop_stop(loop);
    }
}

static void submit(struct cm_workers *w, struct work *work) {
    work->job =
        (struct cm_job){.run = run_work, .done = work_done, .home = loop, .apart = work->job.apart};
    cm_workers_submit(w, &work->job);
}

static void run_until_done(int count) {
    stop_after = count;
    if (done_count < count) {
        cm_loop_run(loop);
    }
}

static void end_pool(struct cm_workers *w) {
    cm_workers_stop(w, true);
    cm_workers_free(w);
}

static void a_job_runs_on_a_worker_and_is_done_on_the_loop(void **state) {
    (void)state;
    struct cm_workers *w = cm_workers_new("test", 1, NULL);
    struct work work = {0};

    submit(w, &work);
    run_until_done(1);
    assert_true(work.ran && work.done);
    assert_false(work.job.canceled);
    assert_int_equal(work.job.failed.code, CM_OK);
    end_pool(w);
}

static void many_jobs_on_many_threads_all_come_home(void **state) {
    (void)state;
    enum { MANY = 2000 };
    static struct work works[MANY];
    struct cm_workers *w = cm_workers_new("test", 4, NULL);

    for (int i = 0; i < MANY; i++) {
        submit(w, &works[i]);
    }
    run_until_done(MANY);
    for (int i = 0; i < MANY; i++) {
        assert_true(works[i].ran && works[i].done);
    }
    end_pool(w);
}

static void free_job(struct cm_job *job) {
    free(job);
    cm_loop_stop(loop);
}

static void run_nothing(struct cm_job *job) {
    (void)job;
}

static void a_job_may_be_freed_when_it_is_done(void **state) {
    (void)state;
    struct cm_workers *w = cm_workers_new("test", 1, NULL);
    struct cm_job *job = calloc(1, sizeof(*job));

    *job = (struct cm_job){.run = run_nothing, .done = free_job, .home = loop};
    cm_workers_submit(w, job);
    cm_loop_run(loop);
    end_pool(w);
}

#define GATE                                                                                       \
    { .mu = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER }

static void *stop_pool(void *arg) {
    cm_workers_stop(arg, false);
    return NULL;
}

static void a_stop_cancels_what_waits_and_lets_what_runs_end(void **state) {
    (void)state;
    struct gate gate = GATE;
    struct cm_workers *w = cm_workers_new("test", 1, NULL);
    struct work running = {.gate = &gate};
    struct work waiting = {0};
    pthread_t stopper;

    submit(w, &running);
    await_gate(&gate);
    submit(w, &waiting);
    assert_int_equal(cm_workers_waiting(w), 1);
    assert_int_equal(pthread_create(&stopper, NULL, stop_pool, w), 0);
    run_until_done(1);
    assert_true(waiting.done && waiting.job.canceled && !waiting.ran);
    assert_false(running.done);
    open_gate(&gate);
    (void)pthread_join(stopper, NULL);
    run_until_done(2);
    assert_true(running.ran && running.done && !running.job.canceled);
    cm_workers_free(w);
}

struct opener {
    struct gate *gate;
    pid_t waiter;
};

static void *open_when_asleep(void *arg) {
    const struct opener *opener = arg;

    await_asleep(opener->waiter);
    open_gate(opener->gate);
    return NULL;
}

static void a_drain_runs_what_waits(void **state) {
    (void)state;
    struct gate gate = GATE;
    struct cm_workers *w = cm_workers_new("test", 1, NULL);
    struct work running = {.gate = &gate};
    struct work waiting = {0};
    struct opener opener = {.gate = &gate, .waiter = gettid()};
    pthread_t thread;

    submit(w, &running);
    await_gate(&gate);
    submit(w, &waiting);
    assert_int_equal(pthread_create(&thread, NULL, open_when_asleep, &opener), 0);
    cm_workers_stop(w, true); // sleeps until the running job ends
    (void)pthread_join(thread, NULL);
    (void)cm_loop_turn(loop);
    assert_true(waiting.ran && waiting.done && !waiting.job.canceled);
    cm_workers_free(w);
}

static void a_job_submitted_after_the_stop_is_cancelled(void **state) {
    (void)state;
    struct cm_workers *w = cm_workers_new("test", 2, NULL);
    struct work late = {0};

    cm_workers_stop(w, true);
    submit(w, &late);
    (void)cm_loop_turn(loop);
    assert_true(late.done && late.job.canceled && !late.ran);
    cm_workers_free(w);
}

struct books {
    int begun;
    int ended;
    bool fails;
    struct gate *gate; // of the end
};

static void begin_batch(void *ctx) {
    struct books *books = ctx;

    books->begun++;
}

static enum cm_rc end_batch(void *ctx, struct cm_err *err) {
    struct books *books = ctx;

    books->ended++;
    if (books->gate != NULL) {
        pass(books->gate);
    }
    return books->fails ? cm_fail(err, CM_EIO, "the disk is full") : CM_OK;
}

static struct cm_workers *batch_pool(struct books *books, size_t batch_max) {
    const struct cm_workers_batch batch = {
        .batch_max = batch_max, .begin = begin_batch, .end = end_batch, .ctx = books};

    return cm_workers_new("batch", 1, &batch);
}

static void jobs_that_wait_share_a_batch_of_limited_size(void **state) {
    (void)state;
    struct gate gate = GATE;
    struct books books = {0};
    struct work works[6] = {{.gate = &gate}};
    struct cm_workers *w = batch_pool(&books, 3);

    submit(w, &works[0]);
    await_gate(&gate);
    for (int i = 1; i < 6; i++) {
        submit(w, &works[i]);
    }
    open_gate(&gate);
    run_until_done(6);
    end_pool(w);
    assert_int_equal(books.begun, 3); // 1, then 3, then 2
    assert_int_equal(books.ended, 3);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(works[i].sequence, i + 1);
    }
}

static void a_job_apart_shares_its_batch_with_no_other(void **state) {
    (void)state;
    struct gate gate = GATE;
    struct books books = {0};
    struct work works[6] = {{.gate = &gate}, [3] = {.job.apart = true}};
    struct cm_workers *w = batch_pool(&books, 10);

    submit(w, &works[0]);
    await_gate(&gate);
    for (int i = 1; i < 6; i++) {
        submit(w, &works[i]);
    }
    open_gate(&gate);
    run_until_done(6);
    end_pool(w);
    assert_int_equal(books.begun, 4); // 1, then 2, the one apart, and 2
    for (int i = 0; i < 6; i++) {
        assert_int_equal(works[i].sequence, i + 1);
    }
}

static void what_is_urgent_waits_for_one_job_of_the_batch_under_way(void **state) {
    (void)state;
    struct gate before = GATE;
    struct gate under_way = GATE;
    struct books books = {0};
    struct work works[5] = {{.gate = &before}, {.gate = &under_way}};
    struct work urgent = {.job = {.run = run_work, .done = work_done, .home = loop}};
    struct cm_workers *w = batch_pool(&books, 10);

    submit(w, &works[0]);
    await_gate(&before);
    for (int i = 1; i < 5; i++) {
        submit(w, &works[i]);
    }
    open_gate(&before);
    await_gate(&under_way);
    cm_workers_submit_first(w, &urgent.job);
    open_gate(&under_way);
    run_until_done(6);
    end_pool(w);
    assert_int_equal(books.begun, 4); // 1, the one under way, what is urgent, and 3
    assert_int_equal(urgent.sequence, 3);
    for (int i = 2; i < 5; i++) {
        assert_int_equal(works[i].sequence, i + 2);
    }
}

static void note_done_count(void *ctx) {
    *(int *)ctx = done_count;
}

static void an_answer_comes_before_what_else_waits_for_the_loop(void **state) {
    (void)state;
    struct cm_workers *w = cm_workers_new("answers", 1, NULL);
    struct work works[2] = {0};
    int told = 0;
    struct cm_task waits = {.run = note_done_count, .ctx = &told};

    cm_loop_post(loop, &waits);
    submit(w, &works[0]);
    submit(w, &works[1]);
    cm_workers_stop(w, true);
    (void)cm_loop_turn(loop);
    cm_workers_free(w);
    assert_int_equal(told, 2);
    assert_int_equal(works[0].sequence, 1);
}

static void nobody_is_told_before_the_batch_has_ended(void **state) {
    (void)state;
    struct gate gate = GATE;
    struct books books = {.gate = &gate};
    struct work work = {0};
    struct cm_workers *w = batch_pool(&books, 10);

    submit(w, &work);
    await_gate(&gate);
    assert_false(cm_loop_turn(loop));
    open_gate(&gate);
    run_until_done(1);
    assert_true(work.done);
    end_pool(w);
}

static void a_batch_that_fails_tells_each_of_its_jobs(void **state) {
    (void)state;
    struct books books = {.fails = true};
    struct work works[2] = {0};
    struct cm_workers *w = batch_pool(&books, 10);

    submit(w, &works[0]);
    submit(w, &works[1]);
    run_until_done(2);
    end_pool(w);
    assert_int_equal(works[0].job.failed.code, CM_EIO);
    assert_string_equal(works[1].job.failed.msg, "the disk is full");
    assert_true(works[0].ran && works[1].ran);
}

#define POOL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

// What hangs is never freed: its thread may go on when the test is over.
static void what_hangs_is_left_and_is_told_no_more(void **state) {
    struct gate *gate = cm_new(1, sizeof(*gate));
    struct work *hangs = cm_new(1, sizeof(*hangs));
    struct cm_workers *pool = cm_workers_new("hangs", 1, NULL);
    struct work waits = {.job = {.run = run_work, .done = work_done, .home = loop}};

    (void)state;
    *gate = (struct gate){.mu = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    *hangs = (struct work){.job = waits.job, .gate = gate};
    left_pool = pool; // reachable, so that nobody takes it for lost
    left_work = hangs;
    cm_workers_submit(pool, &hangs->job);
    await_gate(gate);
    cm_workers_submit(pool, &waits.job);
    assert_false(cm_workers_leave(pool, 10));
    while (cm_loop_turn(loop)) {
    }
    assert_true(waits.done && waits.job.canceled && !hangs->done);
    open_gate(gate);
}

static void what_ends_in_time_is_told(void **state) {
    struct cm_workers *pool = cm_workers_new("ends", 2, NULL);
    struct work work = {.job = {.run = run_work, .done = work_done, .home = loop}};

    (void)state;
    cm_workers_submit(pool, &work.job); // may not have begun yet
    assert_true(cm_workers_leave(pool, 60000));
    while (cm_loop_turn(loop)) {
    }
    assert_true(work.done && work.ran);
    cm_workers_free(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        POOL_TEST(a_job_runs_on_a_worker_and_is_done_on_the_loop),
        POOL_TEST(many_jobs_on_many_threads_all_come_home),
        POOL_TEST(a_job_may_be_freed_when_it_is_done),
        POOL_TEST(a_stop_cancels_what_waits_and_lets_what_runs_end),
        POOL_TEST(a_drain_runs_what_waits),
        POOL_TEST(a_job_submitted_after_the_stop_is_cancelled),
        POOL_TEST(jobs_that_wait_share_a_batch_of_limited_size),
        POOL_TEST(a_job_apart_shares_its_batch_with_no_other),
        POOL_TEST(what_is_urgent_waits_for_one_job_of_the_batch_under_way),
        POOL_TEST(an_answer_comes_before_what_else_waits_for_the_loop),
        POOL_TEST(nobody_is_told_before_the_batch_has_ended),
        POOL_TEST(a_batch_that_fails_tells_each_of_its_jobs),
        POOL_TEST(what_hangs_is_left_and_is_told_no_more),
        POOL_TEST(what_ends_in_time_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
