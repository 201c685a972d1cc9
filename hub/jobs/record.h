// record: writes an outcome of the planner into the database.
//
// Threads: the store's thread.
#pragma once

#include "common/err.h"

struct hub_db;
struct hub_outcome;

// hub_record_outcome writes manifests, pairs, blobs, documents, problems, revisions and events.
CM_MUSTUSE enum cm_rc hub_record_outcome(struct hub_db *db, const struct hub_outcome *outcome,
                                         struct cm_err *err);
