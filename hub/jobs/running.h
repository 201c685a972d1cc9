// running: which images an App really runs on a cluster, for the past (hub/store/past.h).
//
// What was applied is not what runs where somebody changed an image by hand, an apply stopped in
// its middle, an object was deleted, or a controller rejected a release and went back. All of it is
// on record, as reports and decisions told it: of each object what is there, else what was applied.
// What only pods know is not: a digest behind a tag is noted by hub/jobs/digests.h, of containers
// that a webhook puts in nothing is known.
//
// Threads: the store's.
#pragma once

#include <stdint.h>

#include "common/err.h"

struct hub_db;

// hub_running_note notes what an App on a cluster runs, as it is on record: since `at_ms`, but not
// before what was noted last, heard at `seen_ms` (Unix). While it is being applied nothing is
// noted.
struct hub_running {
    const char *cluster;
    const char *app;
    int64_t at_ms;
    int64_t seen_ms;
};
CM_MUSTUSE enum cm_rc hub_running_note(struct hub_db *db, const struct hub_running *of,
                                       struct cm_err *err);

// hub_running_look does so if there is a sign that it runs something else than was applied.
CM_MUSTUSE enum cm_rc hub_running_look(struct hub_db *db, const struct hub_running *of,
                                       struct cm_err *err);

// hub_running_begin does so for what was reported to a hub that did not look, and at every start
// for what is changed by hand and still runs the images of its bundle.
CM_MUSTUSE enum cm_rc hub_running_begin(struct hub_db *db, int64_t now_ms, struct cm_err *err);
