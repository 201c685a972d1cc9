// state_changes: the folder `changes` of the branch `events`: what the index of the past took in
// (hub/store/past_lines.h), as segments of lines (hub/past/line.h).
//
//     changes/2026-11/28/00007.jsonl     a month, a day, the segments of that day (UTC)
//
// Lines stand in the order of their numbers, also where a clock was set back: a day that has ended
// is not gone back to. A segment is at an end once it has HUB_STATE_SEGMENT_MAX bytes. The commit
// says up to which number lines are in it ("Holdfast-Change: EPOCH/NUMBER"), so that each is in the
// branch exactly once, whatever is killed when; a listing of all that is known is one commit.
//
// Threads: the pass's.
#pragma once

#include "hub/jobs/state_work.h"

// A month begins with a `base` of all that is so, or with a listing.
//
// hub_state_changes_turn tells whether this pass can begin one: not while more is to be written
// than a pass takes.
CM_MUSTUSE enum cm_rc hub_state_changes_turn(const struct hub_state_pass *p, bool *out,
                                             struct cm_err *err);

// hub_state_changes_fill makes the segments of what is not written yet and adds them to `edits`;
// *out_count tells how many lines that is.
CM_MUSTUSE enum cm_rc hub_state_changes_fill(struct hub_state_pass *p,
                                             struct hub_state_edits *edits,
                                             struct hub_state_done *out, size_t *out_count,
                                             struct cm_err *err);
