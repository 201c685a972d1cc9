// feed: tells those who watch that there is news in the store.
//
// One thread looks, while somebody waits, five times a second whether anything was committed and
// which event is the newest; it reads nothing else. Who watches reads for himself, from where he
// is, so a slow reader holds up nobody and costs no memory here.
//
// Threads: any; new, stop and free: the owner.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/list.h"

struct hub_feed;
struct hub_readers;

struct hub_listener {
    void (*sleep)(struct hub_listener *l); // both under the feed's lock: they must not wait
    void (*wake)(struct hub_listener *l);
    int64_t seen;          // woken for an event with a higher number
    bool any_change;       // … and for whatever else was committed,
    int64_t version;       // after this,
    int64_t not_before_ms; // but not before this moment (monotonic)
    int64_t due_ms;        // woken then at the latest

    // The feed's.
    struct cm_list in_feed;
    bool waiting;
};

// hub_feed_new lets at most `max` listen at once.
struct hub_feed *hub_feed_new(struct hub_readers *readers, unsigned max);

// hub_feed_join fails with CM_EBUSY if too many listen, or the feed was stopped.
CM_MUSTUSE enum cm_rc hub_feed_join(struct hub_feed *f, struct hub_listener *l, struct cm_err *err);

// hub_feed_leave: afterwards neither sleep nor wake is called or running.
void hub_feed_leave(struct hub_feed *f, struct hub_listener *l);

// hub_feed_wait calls sleep, and wake once there is news. It returns false, and has called nothing,
// if there is some already.
bool hub_feed_wait(struct hub_feed *f, struct hub_listener *l);

// hub_feed_version is a number that changes when anything was committed.
int64_t hub_feed_version(struct hub_feed *f);

// hub_feed_listeners is how many listen.
unsigned hub_feed_listeners(struct hub_feed *f);

// hub_feed_is_stopped tells that nothing will come any more.
bool hub_feed_is_stopped(struct hub_feed *f);

// hub_feed_stop ends the thread and wakes all.
void hub_feed_stop(struct hub_feed *f);
void hub_feed_free(struct hub_feed *f); // after stop, when all have left; NULL is fine
