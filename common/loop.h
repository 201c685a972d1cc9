// loop: the thread that owns state.
//
// One thread runs the loop; what it owns needs no lock. Other threads hand it tasks; it also keeps
// timers and turns signals into calls. Tasks are intrusive: whoever posts owns the memory of the
// task, embedded in his connection, request or job, and posts it at most once until it has run. So
// posting never allocates and is never refused, and the queue is bounded by the number of things
// that can post. A callback that may fire again must wait until its task has run (leave no receive
// outstanding meanwhile): that is the back-pressure.
//
// A turn is short, however much waits: so many tasks and so many timers at most, and what is left
// is for the next one. What was posted first (an answer of the workers, what somebody waits for)
// waits only for the task or timer that runs:
//
//     first ───▶ all that are there, before each task and after each timer
//     tasks ───▶ CM_LOOP_TURN of them
//     timers ──▶ CM_LOOP_TURN of those that are due
//
// Threads: cm_loop_post, cm_loop_post_first and cm_loop_stop from any thread; all else on the
// loop's thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/list.h"

struct cm_loop;

#define CM_LOOP_TURN 64

struct cm_task {
    void (*run)(void *ctx);
    void *ctx;
    struct cm_task *next; // the loop's; NULL while the task is not queued
};

struct cm_timer {
    void (*run)(void *ctx);
    void *ctx;
    int64_t due_ms; // monotonic
    size_t at;      // place in the heap, from 1; 0 while not running
    uint64_t order; // the loop's: timers that are due in the same moment run as they were started
};

struct cm_loop *cm_loop_new(void);

// cm_loop_free frees a loop that is not running. Tasks still queued are dropped: their owners free
// them.
void cm_loop_free(struct cm_loop *loop);

// cm_loop_run runs tasks and timers on the calling thread until cm_loop_stop, which also counts
// when it came before. What the turn has begun with is still run.
void cm_loop_run(struct cm_loop *loop);
void cm_loop_stop(struct cm_loop *loop);

// cm_loop_turn runs what is due now, as much as a turn may, and returns without waiting; for tests
// and orderly take-down. It tells whether anything ran.
bool cm_loop_turn(struct cm_loop *loop);

// cm_loop_post queues the task, in order. `task->run` and `task->ctx` are set by the caller, who
// zeroed the rest. Posting a task that is queued already is a programming error and aborts.
void cm_loop_post(struct cm_loop *loop, struct cm_task *task);

// cm_loop_post_first queues the task before all that cm_loop_post has queued, in order with others
// that were posted first. It is for what ends something (what waits for it, and the memory that it
// holds) or is rare and urgent, never for what a peer can send at will: all else waits for it.
void cm_loop_post_first(struct cm_loop *loop, struct cm_task *task);

// cm_timer_start runs the timer once after delay_ms; a running one is moved. `run` and `ctx` are
// set by the caller.
void cm_timer_start(struct cm_loop *loop, struct cm_timer *timer, int64_t delay_ms);
void cm_timer_stop(struct cm_loop *loop, struct cm_timer *timer);

// cm_loop_on_signal calls run on the loop whenever the process gets the signal. Call it before any
// other thread is started, so that they inherit the blocked mask. At most 8 signals.
void cm_loop_on_signal(struct cm_loop *loop, int signal, void (*run)(void *ctx, int signal),
                       void *ctx);

// cm_loop_is_owner tells whether the caller is the loop's thread (or nobody runs it yet).
bool cm_loop_is_owner(const struct cm_loop *loop);
