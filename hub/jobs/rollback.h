// rollback: whether holdfast itself goes back to the release before.
//
// The controllers of Deployments and StatefulSets roll nothing back: of a release that does not
// come up in its time it is only said so. Where the App says `onFailure: rollback`, that becomes a
// Hold, too, which counts once Git says it: nothing happens in the cluster before. It is done once
// for a release on a cluster, only if its pod template is a new one, and only back to what came up
// on that very cluster and no Ban forbids; all else a human must settle. If the release comes up
// after all before Git says so, nothing is done. What goes back with it (group.h) waits for Git as
// it does, and is nothing any more when it is not; so one that fails by itself meanwhile is held
// for that, too.
//
// Threads: the planner's; nothing blocks.
#pragma once

#include <stdbool.h>

#include "common/err.h"

struct hub_decided;
struct hub_decision_row;
struct hub_fleet;
struct hub_hold;

// hub_rollback_is_plain tells whether a controller, as agents call it, is one of these.
bool hub_rollback_is_plain(const char *controller);

// hub_rollback_is_late tells whether a decision says that a release does not come up, with nothing
// rolled back: no agent holds an App back for it.
bool hub_rollback_is_late(const struct hub_decision_row *row);

// hub_rollback_is_over tells whether it says that a release was promoted, or came up after all:
// nobody goes back from it, and it is what is restored from now on (promoted.c).
bool hub_rollback_is_over(const struct hub_decision_row *row);

// hub_rollback_check tells what there is to go back to. CM_EBUSY: nothing that may be gone back to;
// err says why.
CM_MUSTUSE enum cm_rc hub_rollback_check(const struct hub_fleet *f, const struct hub_decided *d,
                                         struct cm_err *err);

// hub_rollback_check_ban tells whether what is gone back to is known, and no Ban forbids it; as
// above.
CM_MUSTUSE enum cm_rc hub_rollback_check_ban(const struct hub_fleet *f, const struct hub_decided *d,
                                             struct cm_err *err);

// hub_rollback_fits tells whether the Hold that was made of it is to be; as above.
CM_MUSTUSE enum cm_rc hub_rollback_fits(const struct hub_fleet *f, const struct hub_decided *d,
                                        const struct hub_hold *hold, struct cm_err *err);

// hub_rollback_joins tells whether the Hold of what goes back with another App of its release group
// (group.h) is to be; as above.
CM_MUSTUSE enum cm_rc hub_rollback_joins(const struct hub_fleet *f, const struct hub_decided *d,
                                         const struct hub_hold *hold, struct cm_err *err);

// hub_rollback_end lets those of that workload that wait for Git be no longer wanted.
void hub_rollback_end(struct hub_fleet *f, const struct hub_decision_row *row);
