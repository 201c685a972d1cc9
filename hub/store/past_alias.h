// past_alias: what numbers of values and freezes mean in lines (hub/past/line.h) that another epoch
// gave than the lines before them: a restored database counts on from its backup, so its numbers
// may be others' by then.
//
// Such lines say what they name before they use it. Kept in a temporary table of the database.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include "common/err.h"
#include "hub/past/line.h"

struct hub_db;

// hub_past_alias_begin forgets all.
CM_MUSTUSE enum cm_rc hub_past_alias_begin(struct hub_db *db, struct cm_err *err);

// hub_past_alias_apply makes a line one of the index as it is.
CM_MUSTUSE enum cm_rc hub_past_alias_apply(struct hub_db *db, struct hub_line *line,
                                           struct cm_err *err);
