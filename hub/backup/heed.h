// heed: a hub that starts takes to heart what the registry that it wrote earlier says of whom it
// must not let in: its database may be an older one by now.
//
// Only what lets in less is taken; who was enrolled since needs `restore --registry`. If the
// registry is of a higher epoch the hub was restored since the database was written, which goes
// above it as a restored one does.
//
// Threads: the owner of a process that does nothing else yet; blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct hub_db;

struct hub_heed {
    const char *hub_id;
    const char *own;  // file; one that is missing, is none, or is another hub's says nothing
    const char *copy; // on a disk that may not answer; NULL: there is none
};

struct hub_heeded {
    size_t ended;
    size_t held;
    uint64_t epoch; // to which it was raised; 0: it was not
    bool silent;    // the disk of the copy did not answer
};

CM_MUSTUSE enum cm_rc hub_heed_registries(struct hub_db *db, const struct hub_heed *what,
                                          struct hub_heeded *out, struct cm_err *err);
