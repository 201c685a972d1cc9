// share: the share of the traffic that a workload's release has, told now and then.
//
// The first is told at once. Of those that come within half a minute after one was told only the
// last is, when that time is over: so whoever hears them all knows the present one in the end.
//
// Threads: the loop.
#pragma once

#include <stdbool.h>

#include "agent/driver.h"
#include "common/loop.h"

struct cm_map;

struct watch_shares {
    struct cm_loop *loop;
    struct cm_map *by_key; // of workloads
    struct cm_timer timer;
    void (*tell)(void *ctx, const struct agent_decision *what);
    void *ctx;
};

// watch_shares_init: `tell` is called for what was kept; what it is given is good until it returns.
void watch_shares_init(struct watch_shares *all, struct cm_loop *loop,
                       void (*tell)(void *ctx, const struct agent_decision *what), void *ctx);
void watch_shares_done(struct watch_shares *all);
// watch_shares_stop ends telling.
void watch_shares_stop(struct watch_shares *all);

// watch_share_is_due tells whether one is to be told now; else it is kept.
bool watch_share_is_due(struct watch_shares *all, const struct agent_decision *what);

// watch_share_forget drops what is kept of a workload: its controller went on to something else.
void watch_share_forget(struct watch_shares *all, const char *key);
