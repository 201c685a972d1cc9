// group: what goes back with a release that was rejected.
//
// Apps of one release group are one release. Where one that says `onReject: group` is rejected on a
// cluster and held, each other App that is there what the same commit made it is held, too: at what
// it was right before, by a Hold of its own, which is on record as a decision of its own. From then
// on it is a Hold like any other; where holdfast itself goes back (rollback.h), from when Git says
// it. Where none can be made, or where the rejected App went back
// further than that, the fleet tells that the group is split.
//
// Threads: the planner's.
#pragma once

struct hub_decided;
struct hub_outcome;
struct hub_planner;

// hub_group_hold holds what goes back with what was decided and is held.
void hub_group_hold(struct hub_planner *p, struct hub_outcome *o, const struct hub_decided *d);
