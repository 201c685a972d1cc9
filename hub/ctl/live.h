// live: what the agents of a plan's clusters say of objects that are new there: whose they are.
//
// One question for each App on each cluster, of at most 100 objects, one after the other. Of a wide
// plan the first clusters are asked, and the others said to be left out.
//
// Threads: one.
#pragma once

#include "common/err.h"

struct ctl;
struct hub_fleet;
struct hub_plan;
struct hub_plan_live;

// ctl_live asks; the answer lives in the ctl's arena. It fails if the hub cannot be asked at all.
CM_MUSTUSE enum cm_rc ctl_live(struct ctl *c, const struct hub_plan *plan,
                               const struct hub_fleet *fleet, struct hub_plan_live *out);
