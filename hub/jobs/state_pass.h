// state_pass: what the state repository does not tell yet, read from the database and committed.
//
// A pass reads events and rows of `unwritten`, makes the folder of each App that changed, makes a
// commit for each branch, and writes all of it at once. An App's folder comes from its bundle
// alone, so clusters that share a bundle share it, and a pass that is repeated after a crash
// changes nothing.
//
// Events are numbered by the database, and the newest commit of `events` says up to which number,
// and of which of the hub's epochs, it has them: each is in the branch exactly once.
//
// Once a month has ended each branch begins anew with its next commit (hub/repo/state_shards.h), if
// months are kept apart. What is older than shall be kept loses its name, and then its place on the
// disk, in a child process.
//
// Threads: one at a time; blocks. The database's handle is a reader of its own.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct hub_state_pass;

struct hub_state_pass_config {
    const char *folder; // of the repository
    const char *db_path;
    const char *hub_id;
    const char *registry; // file of agents (hub/jobs/registry.h); NULL: it is not told
    uint64_t epoch;
    const uint8_t *value_key; // 32 bytes; names values that may be secret
    int64_t keep_months;      // months that are kept besides this one; 0: all is one history
    int cancel_fd;            // readable: packs are not merged to the end; -1: none
};

struct hub_state_done {
    bool fresh; // it is new, or of another epoch: nothing was done, all is to be written
    int64_t desired_written; // up to this row of what is unwritten; 0: none
    int64_t actual_written;
    int64_t now_ms;          // what was due then, Unix time
    bool wants_changes;      // lines of the past are to be kept from now on
    int64_t changes_written; // up to this line; 0: none
    bool changes_listed;     // and all that was before
    size_t commits;
    size_t files;        // Apps' folders and events
    bool more;           // there is more to do at once
    uint64_t bytes;      // of the repository's packs
    struct cm_err merge; // why packs could not be merged, which spoils nothing; code CM_OK: none
};

struct hub_state_pass *hub_state_pass_new(const struct hub_state_pass_config *config);
void hub_state_pass_free(struct hub_state_pass *p); // NULL is fine

// hub_state_pass_run opens what is not open and makes one pass. After a failure each branch has all
// of it or nothing, for they move one by one; the next pass opens everything anew and writes the
// rest.
CM_MUSTUSE enum cm_rc hub_state_pass_run(struct hub_state_pass *p, struct hub_state_done *out,
                                         struct cm_err *err);
