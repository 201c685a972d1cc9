// reindex: makes the index of the past anew from the state repository, with the hub stopped.
//
// Lines are read from the first on (hub/jobs/state_changes.h), month by month, as many as are kept
// and follow one another up to now; then those that the database has and
// the repository has not yet; events that the database lacks are taken from it, too. All of it is
// one transaction: it is made anew, or as it was. What would be lost is not begun: an index that
// knows what no line tells (the state repository was off, or is an older copy).
//
// Threads: the owner of a process that does nothing else; blocks.
#pragma once

#include <stdint.h>

#include "common/err.h"

struct hub_reindex_config {
    const char *data_dir;
    int64_t events_kept;
};

struct hub_reindex_facts {
    uint64_t lines;    // of the repository, that counted
    uint64_t repeated; // that did not: told before, or void
    uint64_t kept;     // that the database still had
    uint64_t purged;
    uint64_t lost;
    uint64_t unknown; // releases that lines name and none tells of: it was lost, or purged
    uint64_t events;  // that the database lacked
    uint64_t clusters;
    uint64_t releases; // bundles at a commit
    uint64_t rows;
    int64_t kept_from_ms; // Unix; 0: from the first line ever
};

// hub_reindex fails with CM_EBUSY while the hub runs, CM_ENOTFOUND if there is no database or no
// state repository, and CM_EINVAL if that does not tell all that the index knows, or it or the
// database is damaged.
CM_MUSTUSE enum cm_rc hub_reindex(const struct hub_reindex_config *config,
                                  struct hub_reindex_facts *out, struct cm_err *err);
