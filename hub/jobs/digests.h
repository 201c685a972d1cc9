// digests: what runs behind the tags of an App on a cluster, for the past (hub/store/past.h).
//
// A tag may mean another image tomorrow, and on the next node. Agents tell which digests their pods
// run; all of an App together are a value of HUB_PAST_DIGESTS. It says nothing of which images run:
// a digest counts where its image is one that does.
//
// Threads: the store's.
#pragma once

#include "common/err.h"
#include "hub/jobs/running.h"

struct hub_db;

// hub_digests_note notes what is on record of an App's objects, if it is other than what was noted
// last: since of->at_ms, but not before that.
CM_MUSTUSE enum cm_rc hub_digests_note(struct hub_db *db, const struct hub_running *of,
                                       struct cm_err *err);
