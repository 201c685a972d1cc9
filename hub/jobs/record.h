// record: writes an outcome of the planner into the database.
//
// Threads: the snapshots are taken on the sync worker, hub_record_outcome runs on the store's
// thread.
#pragma once

#include "common/err.h"

struct cm_arena;
struct hub_db;
struct hub_fleet;
struct hub_lost;
struct hub_outcome;
struct hub_problem_rows;

// hub_record_problems copies what is wrong now into the arena.
const struct hub_problem_rows *
hub_record_problems(struct cm_arena *a, const struct hub_fleet *fleet, const struct hub_lost *lost);

// hub_record_outcome writes manifests, pairs, blobs, documents, problems, revisions and events.
CM_MUSTUSE enum cm_rc hub_record_outcome(struct hub_db *db, const struct hub_outcome *outcome,
                                         struct cm_err *err);
