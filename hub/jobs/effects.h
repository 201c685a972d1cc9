// effects: what a Hold makes of the workload that it is about, on its clusters.
//
// Clusters that run the same form share it: the same of them asked for one are asked for all. What
// a Hold that waits for Git would make counts as if it was in force.
//
// Threads: the planner's; nothing blocks.
#pragma once

struct cm_arena;
struct hub_fleet;
struct hub_hold;
struct hub_hold_ask;

#define HUB_EFFECTS_MAX 8

// hub_effects_find fills in the effects of an ask; they are the arena's. None: the Hold changes no
// pod template, or what it is about is not there.
void hub_effects_find(struct hub_fleet *f, struct cm_arena *a, const struct hub_hold *hold,
                      struct hub_hold_ask *ask);
