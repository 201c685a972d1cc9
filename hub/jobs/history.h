// history: how a hub that starts empty finds the last good state of what is wrong in Git now.
//
// The fleet keeps what it has seen working. A hub that has seen nothing (a new one, or one that
// lost its disk) would leave out every App that is wrong at this moment. So, if the first commit of
// a repository has problems, the fleet is taken back along the first parents and then forward
// again, commit by commit; where that ends, what was right once in between is in force.
//
// Nothing is deleted by looking back: the tombstones of Apps that went meanwhile are dropped.
//
// Threads: the sync worker; blocks on the mirror's files.
#pragma once

#include <stddef.h>

#include "common/err.h"

#define HUB_HISTORY_MAX 200 // commits that are looked back at

struct hub_fleet;
struct hub_reading;
struct hub_repo_id;

// hub_history_replay takes the fleet, which has taken in `tip` of the repository `at`, back and
// forward again. It tells in *commits how many there were; 0: there is no history, nothing was
// done. If a commit cannot be read the fleet has taken in `tip` all the same, and it fails.
CM_MUSTUSE enum cm_rc hub_history_replay(struct hub_fleet *fleet, struct hub_reading *r, size_t at,
                                         const struct hub_repo_id *tip, size_t *commits,
                                         struct cm_err *err);
