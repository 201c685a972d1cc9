// overrule: what became of a Hold that the hub wanted, where no document in Git says it: people do
// not want it, so the release may be tried again; or it was reverted instead, so whoever pushes the
// release again finds it held.
//
// The decisions that the Hold was made of and that Git says nothing of are marked on record,
// together with what became of the intent; the fleet is told afterwards (hub/jobs/sync.h), and by
// the record after a restart.
//
// Threads: the store's. Blocks.
#pragma once

#include "common/err.h"

struct hub_db;

// hub_overrule marks the decisions about an App whose Hold has this path, told from the root of the
// fleet.
CM_MUSTUSE enum cm_rc hub_overrule(struct hub_db *db, const char *app, const char *path,
                                   struct cm_err *err);
// hub_overrule_answer marks them as answered by Git.
CM_MUSTUSE enum cm_rc hub_overrule_answer(struct hub_db *db, const char *app, const char *path,
                                          struct cm_err *err);
