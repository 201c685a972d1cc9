// watch: what must come to an end in time: slow connections, answers of the loop.
//
// One thread that sleeps until the next of them is due. Whoever takes an entry out, the watch
// because it is due or its owner because it is done, is the only one to settle it.
//
// Threads: any; stop and free from the owner.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/list.h"

struct hub_watch;

struct hub_due {
    void (*expired)(struct hub_due *due); // on the watch's thread, under its lock: must not wait
    int64_t at_ms;                        // monotonic
    struct cm_list in_watch;              // the watch's
};

struct hub_watch *hub_watch_new(void);

// hub_watch_add puts an entry in, or moves one that is in, to be due after delay_ms. It tells
// whether it did: a stopped watch takes nothing.
bool hub_watch_add(struct hub_watch *w, struct hub_due *due, int64_t delay_ms);

// hub_watch_take takes an entry out; false if it is not in. Afterwards expired is neither called
// nor running.
bool hub_watch_take(struct hub_watch *w, struct hub_due *due);

// hub_watch_stop ends the thread; all that is in expires at once.
void hub_watch_stop(struct hub_watch *w);
void hub_watch_free(struct hub_watch *w); // after stop; NULL is fine
