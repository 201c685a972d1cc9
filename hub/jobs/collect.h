// collect: removes bundles and objects from the database that nothing needs any more.
//
// Needed is what a manifest on record or an App in force names, what agents run of it and the
// objects that they report as theirs, so that differences can be shown, what was promoted last on a
// cluster, and what its controllers said last to be good: where the next release is rejected that
// is what is brought back. It goes in small steps, each a job of the store, so that publishing and
// reports go on between them (hub/store/blobs.h says why that is safe). Blobs are needed for
// restarts and for showing: agents are served from memory.
//
// Threads: the store's, one step at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "hub/store/blobs.h"

struct hub_db;

enum hub_collect_phase {
    HUB_COLLECT_BEGIN,
    HUB_COLLECT_MANIFESTS,
    HUB_COLLECT_PAIRS,
    HUB_COLLECT_PROVEN,
    HUB_COLLECT_APPLIED,
    HUB_COLLECT_REPORTED,
    HUB_COLLECT_GOOD,
    HUB_COLLECT_BEFORE,
    HUB_COLLECT_SWEEP,
    HUB_COLLECT_END,
    HUB_COLLECT_DONE,
};

// A zeroed one is at its beginning.
struct hub_collection {
    enum hub_collect_phase phase;
    char *cluster; // where the phase goes on
    char *name;
    struct hub_blobs_cursor cursor;
    size_t removed;
};

void hub_collection_done(struct hub_collection *c); // ready to begin anew

// hub_collection_step does a little; go on until the phase is HUB_COLLECT_DONE. After a failure the
// collection is given up: begin anew.
CM_MUSTUSE enum cm_rc hub_collection_step(struct hub_collection *c, struct hub_db *db,
                                          struct cm_err *err);
