// problems: what is wrong now, as rows, and which commit brought it.
//
// A problem is the commit's in which it appears, and every later one's that touches its file, or a
// file beside or below one of its App, and leaves it: whoever waits for such a commit waits for
// something that stays at its last good state, and is told so.
//
// Threads: rows are made on the sync worker and written on the store's thread.
#pragma once

#include <stdbool.h>

#include "common/err.h"

struct cm_arena;
struct hub_db;
struct hub_fleet;
struct hub_fleet_commit;
struct hub_lost;
struct hub_outcome;
struct hub_problem_rows;

// hub_problem_rows_new copies what is wrong now into the arena. `commit` is the one that was just
// taken in.
struct hub_problem_rows *hub_problem_rows_new(struct cm_arena *a, const struct hub_fleet *fleet,
                                              const struct hub_lost *lost,
                                              const struct hub_fleet_commit *commit);

// hub_problem_rows_touched tells whether the commit touched any of them.
bool hub_problem_rows_touched(const struct hub_problem_rows *rows);

// hub_problem_rows_write replaces what is on record; what comes or goes is an event.
CM_MUSTUSE enum cm_rc hub_problem_rows_write(struct hub_db *db, const struct hub_outcome *outcome,
                                             struct cm_err *err);
