// repositories: what is fetched from where, and how that went the last time.
//
// A row for each tree that is kept: a repository with documents, or what Apps take from another one
// at a ref. The rows are those of this run of the hub: they are cleared when it starts.
//
// Threads: the store thread.
#pragma once

#include <stdint.h>

#include "common/err.h"

struct hub_db;

struct hub_repository_row {
    const char *name; // "fleet", or "charts at tag v1"
    const char *url;
    const char *revision; // the newest commit that was taken in; NULL: as it was said before
    const char *failure;  // why the last fetch came to nothing; "": it did not
    int64_t checked_ms;   // when the last fetch began that is over; 0: none yet
};

CM_MUSTUSE enum cm_rc hub_repositories_put(struct hub_db *db, const struct hub_repository_row *row,
                                           struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_repositories_drop(struct hub_db *db, const char *name,
                                            struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_repositories_clear(struct hub_db *db, struct cm_err *err);
