#include "common/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/str.h"
#include "tests/support/asleep.h"

// TEXT is a text that may be passed as a void *.
#define TEXT(text) ((char[]){text})

static struct cm_str trace;
static struct cm_loop *loop;

static int set_up(void **state) {
    (void)state;
    cm_clock_fake(1000);
    loop = cm_loop_new();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    cm_loop_free(loop);
    cm_str_done(&trace);
    cm_clock_fake(-1);
    return 0;
}

static void note(void *ctx) {
    cm_str_add(&trace, ctx);
}

static void tasks_run_in_the_order_they_were_posted(void **state) {
    (void)state;
    struct cm_task a = {.run = note, .ctx = TEXT("a")};
    struct cm_task b = {.run = note, .ctx = TEXT("b")};

    cm_loop_post(loop, &b);
    cm_loop_post(loop, &a);
    assert_true(cm_loop_turn(loop));
    assert_string_equal(cm_str_get(&trace), "ba");
    assert_false(cm_loop_turn(loop));
}

static void post_again(void *ctx) {
    cm_str_add(&trace, "x");
    cm_loop_post(loop, ctx);
}

static void a_task_that_posts_itself_runs_once_a_turn(void **state) {
    (void)state;
    struct cm_task task = {.run = post_again};

    task.ctx = &task;
    cm_loop_post(loop, &task);
    (void)cm_loop_turn(loop);
    assert_string_equal(cm_str_get(&trace), "x");
    (void)cm_loop_turn(loop);
    assert_string_equal(cm_str_get(&trace), "xx");
}

static void a_task_may_free_what_it_lives_in(void **state) {
    (void)state;
    struct cm_task *task = malloc(sizeof(*task));
    struct cm_task after = {.run = note, .ctx = TEXT("after")};

    *task = (struct cm_task){.run = free, .ctx = task};
    cm_loop_post(loop, task);
    cm_loop_post(loop, &after);
    (void)cm_loop_turn(loop);
    assert_string_equal(cm_str_get(&trace), "after");
}

static void note_first(void *ctx) {
    static char sign[] = "!";
    static struct cm_task first = {.run = note, .ctx = sign};

    cm_str_add(&trace, ctx);
    cm_loop_post_first(loop, &first);
}

static void what_is_posted_first_waits_only_for_the_task_that_runs(void **state) {
    (void)state;
    struct cm_task tasks[] = {{.run = note, .ctx = TEXT("a")},
                              {.run = note_first, .ctx = TEXT("b")},
                              {.run = note, .ctx = TEXT("c")}};

    for (int i = 0; i < 3; i++) {
        cm_loop_post(loop, &tasks[i]);
    }
    (void)cm_loop_turn(loop);
    assert_string_equal(cm_str_get(&trace), "ab!c");
}

static void what_is_posted_first_keeps_its_order_and_comes_before_what_waits(void **state) {
    (void)state;
    struct cm_task waits = {.run = note, .ctx = TEXT("w")};
    struct cm_task a = {.run = note, .ctx = TEXT("a")};
    struct cm_task b = {.run = note, .ctx = TEXT("b")};

    cm_loop_post(loop, &waits);
    cm_loop_post_first(loop, &a);
    cm_loop_post_first(loop, &b);
    assert_true(cm_loop_turn(loop));
    assert_string_equal(cm_str_get(&trace), "abw");
    assert_false(cm_loop_turn(loop));
}

static void post_first_again(void *ctx) {
    cm_str_add(&trace, "x");
    cm_loop_post_first(loop, ctx);
}

static void a_task_that_posts_itself_first_keeps_nobody_out(void **state) {
    (void)state;
    struct cm_task task = {.run = post_first_again};
    struct cm_task a = {.run = note, .ctx = TEXT("a")};
    struct cm_task b = {.run = note, .ctx = TEXT("b")};

    task.ctx = &task;
    cm_loop_post(loop, &a);
    cm_loop_post(loop, &b);
    cm_loop_post_first(loop, &task);
    (void)cm_loop_turn(loop);
    assert_string_equal(cm_str_get(&trace), "xaxbx");
}

enum { TOO_MANY = CM_LOOP_TURN + 1 };

static size_t traced(char c) {
    const char *text = cm_str_get(&trace);
    size_t count = 0;

    for (; *text != '\0'; text++) {
        count += *text == c ? 1 : 0;
    }
    return count;
}

static void timers_wait_for_a_turn_of_tasks_however_many_there_are(void **state) {
    (void)state;
    struct cm_task tasks[TOO_MANY];
    struct cm_timer timer = {.run = note, .ctx = TEXT("t")};
    char name[] = "a";

    cm_timer_start(loop, &timer, 0);
    for (int i = 0; i < TOO_MANY; i++) {
        tasks[i] = (struct cm_task){.run = note, .ctx = name};
        cm_loop_post(loop, &tasks[i]);
    }
    (void)cm_loop_turn(loop);
    assert_int_equal(traced('a'), CM_LOOP_TURN);
    assert_int_equal(traced('t'), 1);
    assert_true(cm_loop_turn(loop));
    assert_int_equal(traced('a'), TOO_MANY);
    assert_false(cm_loop_turn(loop));
}

static void tasks_wait_for_a_turn_of_timers_however_many_are_due(void **state) {
    (void)state;
    struct cm_timer timers[TOO_MANY];
    char name[] = "t";

    for (int i = 0; i < TOO_MANY; i++) {
        timers[i] = (struct cm_timer){.run = note, .ctx = name};
        cm_timer_start(loop, &timers[i], 0);
    }
    timers[0].run = note_first;
    (void)cm_loop_turn(loop);
    assert_int_equal(traced('t'), CM_LOOP_TURN);
    assert_int_equal(cm_str_get(&trace)[1], '!'); // before the next timer
    assert_true(cm_loop_turn(loop));
    assert_int_equal(traced('t'), TOO_MANY);
    assert_false(cm_loop_turn(loop));
}

static void a_timer_runs_once_when_it_is_due(void **state) {
    (void)state;
    struct cm_timer timer = {.run = note, .ctx = TEXT("t")};

    cm_timer_start(loop, &timer, 50);
    cm_clock_advance(49);
    assert_false(cm_loop_turn(loop));
    cm_clock_advance(1);
    assert_true(cm_loop_turn(loop));
    cm_clock_advance(1000);
    assert_false(cm_loop_turn(loop));
    assert_string_equal(cm_str_get(&trace), "t");
}

static void a_stopped_timer_does_not_run(void **state) {
    (void)state;
    struct cm_timer timer = {.run = note, .ctx = TEXT("t")};

    cm_timer_start(loop, &timer, 50);
    cm_timer_stop(loop, &timer);
    cm_timer_stop(loop, &timer);
    cm_clock_advance(100);
    assert_false(cm_loop_turn(loop));
}

static void a_running_timer_can_be_moved(void **state) {
    (void)state;
    struct cm_timer timer = {.run = note, .ctx = TEXT("t")};

    cm_timer_start(loop, &timer, 50);
    cm_timer_start(loop, &timer, 200);
    cm_clock_advance(100);
    assert_false(cm_loop_turn(loop));
    cm_clock_advance(100);
    assert_true(cm_loop_turn(loop));
}

static void timers_due_in_one_moment_run_as_they_were_started(void **state) {
    (void)state;
    static char names[26][2];
    struct cm_timer timers[26];

    for (int i = 0; i < 26; i++) {
        names[i][0] = (char)('a' + i);
        timers[i] = (struct cm_timer){.run = note, .ctx = names[i]};
        cm_timer_start(loop, &timers[i], 10);
    }
    cm_clock_advance(10);
    (void)cm_loop_turn(loop);
    assert_string_equal(cm_str_get(&trace), "abcdefghijklmnopqrstuvwxyz");
}

static void restart_at_once(void *ctx) {
    cm_str_add(&trace, "r");
    cm_timer_start(loop, ctx, 0);
}

static void a_timer_that_restarts_with_no_delay_lets_others_in(void **state) {
    (void)state;
    struct cm_timer timer = {.run = restart_at_once};
    struct cm_timer other = {.run = note, .ctx = TEXT("o")};

    timer.ctx = &timer;
    cm_timer_start(loop, &timer, 0);
    cm_timer_start(loop, &other, 0);
    (void)cm_loop_turn(loop);
    assert_string_equal(cm_str_get(&trace), "ro");
}

static int64_t last_due;
static int fired;

static void check_order(void *ctx) {
    const struct cm_timer *timer = ctx;

    assert_true(timer->due_ms >= last_due);
    last_due = timer->due_ms;
    fired++;
}

static void many_timers_started_moved_and_stopped_run_in_order(void **state) {
    (void)state;
    enum { MANY = 500 };
    static struct cm_timer timers[MANY];
    uint32_t random = 1;
    int stopped = 0;

    last_due = 0;
    fired = 0;
    for (int i = 0; i < 4 * MANY; i++) {
        struct cm_timer *timer = &timers[i % MANY];

        random = random * 1103515245 + 12345;
        timer->run = check_order;
        timer->ctx = timer;
        cm_timer_start(loop, timer, (random >> 16) % 1000);
    }
    for (int i = 0; i < MANY; i += 3, stopped++) {
        cm_timer_stop(loop, &timers[i]);
    }
    cm_clock_advance(1000);
    while (cm_loop_turn(loop)) {
    }
    assert_int_equal(fired, MANY - stopped);
}

static void note_signal(void *ctx, int signal) {
    cm_str_addf(&trace, "%s%d", (const char *)ctx, signal == SIGUSR1 ? 1 : 2);
}

static void signals_become_calls_on_the_loop(void **state) {
    (void)state;

    cm_loop_on_signal(loop, SIGUSR1, note_signal, TEXT("a"));
    cm_loop_on_signal(loop, SIGUSR2, note_signal, TEXT("b"));
    assert_int_equal(kill(getpid(), SIGUSR2), 0);
    assert_true(cm_loop_turn(loop));
    assert_string_equal(cm_str_get(&trace), "b2");
}

static void stop_it(void *ctx) {
    cm_loop_stop(ctx);
}

static void a_stop_before_the_run_ends_it_at_once(void **state) {
    (void)state;

    cm_loop_stop(loop);
    cm_loop_run(loop);
}

static void *stop_when_asleep(void *ctx) {
    await_asleep(*(const pid_t *)ctx);
    cm_loop_stop(loop);
    return NULL;
}

static void a_stop_wakes_a_waiting_loop(void **state) {
    (void)state;
    pid_t me = gettid();
    pthread_t stopper;

    assert_int_equal(pthread_create(&stopper, NULL, stop_when_asleep, &me), 0);
    cm_loop_run(loop);
    (void)pthread_join(stopper, NULL);
}

static void *post_first_when_asleep(void *ctx) {
    static struct cm_task stop = {.run = stop_it};

    await_asleep(*(const pid_t *)ctx);
    stop.ctx = loop;
    cm_loop_post_first(loop, &stop);
    return NULL;
}

static void what_is_posted_first_wakes_a_waiting_loop(void **state) {
    (void)state;
    pid_t me = gettid();
    pthread_t poster;

    assert_int_equal(pthread_create(&poster, NULL, post_first_when_asleep, &me), 0);
    cm_loop_run(loop);
    (void)pthread_join(poster, NULL);
}

static void a_waiting_loop_runs_its_timers_by_the_real_clock(void **state) {
    (void)state;
    struct cm_timer timer = {.run = stop_it, .ctx = loop};

    cm_clock_fake(-1);
    cm_timer_start(loop, &timer, 2);
    cm_loop_run(loop);
}

enum { POSTERS = 4, EACH = 2000 };

// A poster may post its task again only when it has run: exactly what a network callback does.
struct poster {
    struct cm_task task;
    pthread_mutex_t mu;
    pthread_cond_t ran;
    bool pending;
    int count; // the loop's
};

static int posters_done;

static void count_run(void *ctx) {
    struct poster *p = ctx;

    assert_true(cm_loop_is_owner(loop));
    if (++p->count == EACH && ++posters_done == POSTERS) {
        cm_loop_stop(loop);
    }
    (void)pthread_mutex_lock(&p->mu);
    p->pending = false;
    (void)pthread_cond_signal(&p->ran);
    (void)pthread_mutex_unlock(&p->mu);
}

static void *post_many(void *arg) {
    struct poster *p = arg;

    for (int i = 0; i < EACH; i++) {
        (void)pthread_mutex_lock(&p->mu);
        while (p->pending) {
            (void)pthread_cond_wait(&p->ran, &p->mu);
        }
        p->pending = true;
        (void)pthread_mutex_unlock(&p->mu);
        cm_loop_post(loop, &p->task);
    }
    return NULL;
}

static void every_task_posted_by_many_threads_runs(void **state) {
    (void)state;
    static struct poster posters[POSTERS];
    pthread_t threads[POSTERS];

    cm_clock_fake(-1);
    posters_done = 0;
    for (int i = 0; i < POSTERS; i++) {
        posters[i].task = (struct cm_task){.run = count_run, .ctx = &posters[i]};
        (void)pthread_mutex_init(&posters[i].mu, NULL);
        (void)pthread_cond_init(&posters[i].ran, NULL);
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
    }
    cm_loop_run(loop);
    for (int i = 0; i < POSTERS; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(posters[i].count, EACH);
    }
}

static void *ask_owner(void *arg) {
    *(bool *)arg = cm_loop_is_owner(loop);
    cm_loop_stop(loop);
    return NULL;
}

static void start_asker(void *ctx) {
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, ask_owner, ctx), 0);
    (void)pthread_join(thread, NULL);
}

static void another_thread_is_not_the_owner_of_a_running_loop(void **state) {
    (void)state;
    bool other_is_owner = true;
    struct cm_task task = {.run = start_asker, .ctx = &other_is_owner};

    cm_loop_post(loop, &task);
    cm_loop_run(loop);
    assert_false(other_is_owner);
    assert_true(cm_loop_is_owner(loop));
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        LOOP_TEST(tasks_run_in_the_order_they_were_posted),
        LOOP_TEST(a_task_that_posts_itself_runs_once_a_turn),
        LOOP_TEST(a_task_may_free_what_it_lives_in),
        LOOP_TEST(what_is_posted_first_waits_only_for_the_task_that_runs),
        LOOP_TEST(what_is_posted_first_keeps_its_order_and_comes_before_what_waits),
        LOOP_TEST(a_task_that_posts_itself_first_keeps_nobody_out),
        LOOP_TEST(timers_wait_for_a_turn_of_tasks_however_many_there_are),
        LOOP_TEST(tasks_wait_for_a_turn_of_timers_however_many_are_due),
        LOOP_TEST(a_timer_runs_once_when_it_is_due),
        LOOP_TEST(a_stopped_timer_does_not_run),
        LOOP_TEST(a_running_timer_can_be_moved),
        LOOP_TEST(timers_due_in_one_moment_run_as_they_were_started),
        LOOP_TEST(a_timer_that_restarts_with_no_delay_lets_others_in),
        LOOP_TEST(many_timers_started_moved_and_stopped_run_in_order),
        LOOP_TEST(signals_become_calls_on_the_loop),
        LOOP_TEST(a_stop_before_the_run_ends_it_at_once),
        LOOP_TEST(a_stop_wakes_a_waiting_loop),
        LOOP_TEST(what_is_posted_first_wakes_a_waiting_loop),
        LOOP_TEST(a_waiting_loop_runs_its_timers_by_the_real_clock),
        LOOP_TEST(every_task_posted_by_many_threads_runs),
        LOOP_TEST(another_thread_is_not_the_owner_of_a_running_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
