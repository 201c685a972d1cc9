#include "common/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"

enum { SIGNALS_MAX = 8 };

// What the last task of a queue points to, so that a task whose next is NULL is in no queue.
static struct cm_task end_of_queue;

struct queue {
    struct cm_task *first;
    struct cm_task *last;
};

struct handler {
    int signal;
    void (*run)(void *ctx, int signal);
    void *ctx;
};

struct cm_loop {
    // the loop's thread only
    struct cm_timer **heap; // places from 1, the soonest first
    size_t timers;
    size_t heap_capacity;
    uint64_t next_order;
    struct handler handlers[SIGNALS_MAX];
    size_t handler_count;
    sigset_t signals;
    int signal_fd; // -1 without handlers

    int wake_fd;         // readable when a task was posted to an empty queue, or on stop
    atomic_bool stopped; // read by the loop, set by anyone
    atomic_bool hurries; // something is in `urgent`
    _Atomic pid_t owner; // 0 while nobody runs the loop

    pthread_mutex_t mu; // guards everything below
    struct queue urgent;
    struct queue waiting;
};

static _Noreturn void die(const char *what) {
    perror(what);
    abort();
}

struct cm_loop *cm_loop_new(void) {
    struct cm_loop *loop = cm_new(1, sizeof(*loop));

    loop->signal_fd = -1;
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0) {
        die("eventfd");
    }
    (void)sigemptyset(&loop->signals);
    (void)pthread_mutex_init(&loop->mu, NULL);
    return loop;
}

void cm_loop_free(struct cm_loop *loop) {
    if (loop == NULL) {
        return;
    }
    assert(loop->owner == 0);
    (void)close(loop->wake_fd);
    if (loop->signal_fd >= 0) {
        (void)close(loop->signal_fd);
    }
    (void)pthread_mutex_destroy(&loop->mu);
    free(loop->heap);
    free(loop);
}

bool cm_loop_is_owner(const struct cm_loop *loop) {
    pid_t owner = loop->owner;

    return owner == 0 || owner == gettid();
}

static void wake(struct cm_loop *loop) {
    uint64_t one = 1;
    ssize_t n = write(loop->wake_fd, &one, sizeof(one));

    // EAGAIN: the count is at its limit, so the loop will wake anyhow.
    if (n < 0 && errno != EAGAIN) {
        die("write to eventfd");
    }
}

void cm_loop_stop(struct cm_loop *loop) {
    loop->stopped = true;
    wake(loop);
}

// append adds the task and tells whether the queue was empty.
static bool append(struct cm_loop *loop, struct queue *q, struct cm_task *task) {
    (void)pthread_mutex_lock(&loop->mu);
    bool was_empty = q->first == NULL;
    if (was_empty) {
        q->first = task;
    } else {
        q->last->next = task;
    }
    q->last = task;
    loop->hurries = loop->urgent.first != NULL;
    (void)pthread_mutex_unlock(&loop->mu);
    return was_empty;
}

static void post(struct cm_loop *loop, struct queue *q, struct cm_task *task) {
    assert(task->run != NULL);
    assert(task->next == NULL);
    task->next = &end_of_queue;
    if (append(loop, q, task)) {
        wake(loop);
    }
}

void cm_loop_post(struct cm_loop *loop, struct cm_task *task) {
    post(loop, &loop->waiting, task);
}

void cm_loop_post_first(struct cm_loop *loop, struct cm_task *task) {
    post(loop, &loop->urgent, task);
}

// cut takes the first tasks of the queue, at most so many; NULL: it is empty.
static struct cm_task *cut(struct queue *q, size_t most) {
    struct cm_task *first = q->first;
    struct cm_task *last = first;

    if (first == NULL) {
        return NULL;
    }
    for (size_t i = 1; i < most && last != q->last; i++) {
        last = last->next;
    }
    q->first = last == q->last ? NULL : last->next;
    last->next = &end_of_queue;
    return first;
}

static struct cm_task *take_waiting(struct cm_loop *loop) {
    (void)pthread_mutex_lock(&loop->mu);
    struct cm_task *first = cut(&loop->waiting, CM_LOOP_TURN);
    (void)pthread_mutex_unlock(&loop->mu);
    return first;
}

static struct cm_task *take_urgent(struct cm_loop *loop) {
    if (!loop->hurries) {
        return NULL;
    }
    (void)pthread_mutex_lock(&loop->mu);
    struct cm_task *first = loop->urgent.first;
    loop->urgent = (struct queue){0};
    loop->hurries = false;
    (void)pthread_mutex_unlock(&loop->mu);
    return first;
}

static bool has_tasks(struct cm_loop *loop) {
    (void)pthread_mutex_lock(&loop->mu);
    bool some = loop->urgent.first != NULL || loop->waiting.first != NULL;
    (void)pthread_mutex_unlock(&loop->mu);
    return some;
}

// run_first runs the first of these tasks, which may free it, and returns the next one.
static struct cm_task *run_first(struct cm_task *task) {
    struct cm_task *next = task->next == &end_of_queue ? NULL : task->next;

    task->next = NULL;
    task->run(task->ctx);
    return next;
}

// run_urgent runs what was posted first; what these tasks post first waits for one task more.
static bool run_urgent(struct cm_loop *loop) {
    struct cm_task *task = take_urgent(loop);
    bool ran = task != NULL;

    while (task != NULL) {
        task = run_first(task);
    }
    return ran;
}

// run_tasks runs what is queued now, as far as a turn goes; what these tasks post runs in the next
// one.
static bool run_tasks(struct cm_loop *loop) {
    struct cm_task *task = take_waiting(loop);
    bool ran = task != NULL;

    while (task != NULL) {
        (void)run_urgent(loop);
        task = run_first(task);
    }
    return run_urgent(loop) || ran;
}

static bool is_sooner(const struct cm_timer *a, const struct cm_timer *b) {
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void put_at(struct cm_loop *loop, size_t at, struct cm_timer *timer) {
    loop->heap[at] = timer;
    timer->at = at;
}

static void move_up(struct cm_loop *loop, size_t at, struct cm_timer *timer) {
    while (at > 1 && is_sooner(timer, loop->heap[at / 2])) {
        put_at(loop, at, loop->heap[at / 2]);
        at /= 2;
    }
    put_at(loop, at, timer);
}

static void move_down(struct cm_loop *loop, size_t at, struct cm_timer *timer) {
    for (;;) {
        size_t child = at * 2;

        if (child < loop->timers && is_sooner(loop->heap[child + 1], loop->heap[child])) {
            child++;
        }
        if (child > loop->timers || !is_sooner(loop->heap[child], timer)) {
            break;
        }
        put_at(loop, at, loop->heap[child]);
        at = child;
    }
    put_at(loop, at, timer);
}

void cm_timer_start(struct cm_loop *loop, struct cm_timer *timer, int64_t delay_ms) {
    assert(cm_loop_is_owner(loop));
    assert(timer->run != NULL);
    cm_timer_stop(loop, timer);
    timer->due_ms = cm_clock_now_ms() + (delay_ms > 0 ? delay_ms : 0);
    timer->order = loop->next_order++;
    loop->timers++;
    if (loop->timers >= loop->heap_capacity) {
        loop->heap_capacity = loop->heap_capacity == 0 ? 16 : loop->heap_capacity * 2;
        loop->heap = cm_resize(loop->heap, loop->heap_capacity * sizeof(struct cm_timer *));
    }
    move_up(loop, loop->timers, timer);
}

void cm_timer_stop(struct cm_loop *loop, struct cm_timer *timer) {
    size_t at = timer->at;

    assert(cm_loop_is_owner(loop));
    if (at == 0) {
        return;
    }
    assert(at <= loop->timers && loop->heap[at] == timer);
    struct cm_timer *last = loop->heap[loop->timers];
    loop->timers--;
    timer->at = 0;
    if (last == timer) {
        return;
    }
    if (at > 1 && is_sooner(last, loop->heap[at / 2])) {
        move_up(loop, at, last);
    } else {
        move_down(loop, at, last);
    }
}

// run_timers runs the timers that are due now. One that starts itself again with no delay has an
// order from after the beginning of this turn, so it waits for the next one.
static bool run_timers(struct cm_loop *loop) {
    int64_t now = cm_clock_now_ms();
    uint64_t end = loop->next_order;
    size_t ran = 0;

    while (ran < CM_LOOP_TURN && loop->timers > 0 && loop->heap[1]->due_ms <= now &&
           loop->heap[1]->order < end) {
        struct cm_timer *timer = loop->heap[1];

        cm_timer_stop(loop, timer);
        timer->run(timer->ctx);
        (void)run_urgent(loop);
        ran++;
    }
    return ran > 0;
}

void cm_loop_on_signal(struct cm_loop *loop, int signal, void (*run)(void *ctx, int signal),
                       void *ctx) {
    assert(cm_loop_is_owner(loop));
    assert(loop->handler_count < SIGNALS_MAX);
    loop->handlers[loop->handler_count++] = (struct handler){signal, run, ctx};
    (void)sigaddset(&loop->signals, signal);
    if (pthread_sigmask(SIG_BLOCK, &loop->signals, NULL) != 0) {
        die("pthread_sigmask");
    }
    loop->signal_fd = signalfd(loop->signal_fd, &loop->signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (loop->signal_fd < 0) {
        die("signalfd");
    }
}

static void handle_signal(struct cm_loop *loop, int signal) {
    for (size_t i = 0; i < loop->handler_count; i++) {
        if (loop->handlers[i].signal == signal) {
            loop->handlers[i].run(loop->handlers[i].ctx, signal);
        }
    }
}

static bool run_signals(struct cm_loop *loop) {
    struct signalfd_siginfo info;
    bool ran = false;

    if (loop->signal_fd < 0) {
        return false;
    }
    while (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        handle_signal(loop, (int)info.ssi_signo);
        ran = true;
    }
    return ran;
}

bool cm_loop_turn(struct cm_loop *loop) {
    assert(cm_loop_is_owner(loop));
    bool ran = run_signals(loop);

    ran |= run_tasks(loop);
    ran |= run_timers(loop);
    return ran;
}

static int wait_ms(struct cm_loop *loop) {
    if (has_tasks(loop)) {
        return 0;
    }
    if (loop->timers == 0) {
        return -1;
    }
    int64_t left = loop->heap[1]->due_ms - cm_clock_now_ms();
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

// wait_for_work returns when something may be due. A post or a stop between wait_ms and poll is not
// missed: it made wake_fd readable.
static void wait_for_work(struct cm_loop *loop) {
    struct pollfd fds[] = {
        {.fd = loop->wake_fd, .events = POLLIN},
        {.fd = loop->signal_fd, .events = POLLIN}, // a negative one is left out by poll
    };
    uint64_t count;

    if (poll(fds, 2, wait_ms(loop)) < 0 && errno != EINTR) {
        die("poll");
    }
    if (read(loop->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR) {
        die("read from eventfd");
    }
}

void cm_loop_run(struct cm_loop *loop) {
    assert(loop->owner == 0);
    loop->owner = gettid();
    while (!loop->stopped) {
        (void)cm_loop_turn(loop);
        if (!loop->stopped) {
            wait_for_work(loop);
        }
    }
    loop->stopped = false;
    loop->owner = 0;
}
