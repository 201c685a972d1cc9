// undone: whether what somebody undid by hand is a decision.
//
// `rollout undo` is a change by hand like any other, unless the App says `undo: hold`: then the
// release that was left is kept out of that cluster, and the one that somebody went back to is what
// runs, like what a controller decided. An agent tells so only of a form that it has seen come up
// there. What a Ban forbids, and what a Hold keeps out of that very cluster, is not gone back to by
// this: it stays a change by hand, and it is said why.
//
// Threads: the planner's; nothing blocks.
#pragma once

#include <stdbool.h>

#include "common/err.h"

struct hub_decided;
struct hub_decision_row;
struct hub_fleet;
struct hub_hold;

// hub_undone_is tells whether a decision is that somebody undid a release by hand.
bool hub_undone_is(const struct hub_decision_row *row);

// hub_undone_check tells whether the Hold that was made of it is to be. CM_EBUSY: it is not; err
// says why.
CM_MUSTUSE enum cm_rc hub_undone_check(const struct hub_fleet *f, const struct hub_decided *d,
                                       const struct hub_hold *hold, struct cm_err *err);
