// merge: a registry of agents (hub/access/registry.h) and a database meet. For this room alone.
//
// Threads: the owner of a process that does nothing else; blocks.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_arena;
struct hub_backup_facts;
struct hub_db;
struct hub_registered;
struct hub_registry;

// What a registry brought.
struct backup_merged {
    size_t revoked;
    size_t added;
};

// backup_merge reads the file and takes it in, also whom it lets in. CM_EINVAL: it is another
// hub's.
CM_MUSTUSE enum cm_rc backup_merge(struct hub_db *db, const char *path,
                                   struct hub_backup_facts *facts, struct backup_merged *out,
                                   struct cm_err *err);

CM_MUSTUSE enum cm_rc backup_count_agents(struct hub_db *db, uint64_t *out, struct cm_err *err);

// backup_row gives what the database keeps of an agent; it borrows.
struct hub_agent_row backup_row(const struct hub_registered *agent);

// backup_raise_epoch raises it by one, says so in an event, and notes what belongs to it.
CM_MUSTUSE enum cm_rc backup_raise_epoch(struct hub_db *db, uint64_t *epoch,
                                         const struct backup_merged *merged, struct cm_err *err);
