// backup: all that a hub needs to go on elsewhere, as one file, and back.
//
// In it are the database as it was at one moment, the keys that are on the disk (root.key too,
// unless it was taken offline) and the administrator's token: who has the file is the hub. The
// copies of repositories are not in it, nor the configuration.
//
// A hub that is restored is older than its fleet. So its epoch is raised: agents and the hub see
// that time went back, and nothing is offered to anybody until every repository was fetched anew
// (hub/jobs/planner.h).
//
// Threads: the owner of a process that does nothing else; blocks.
#pragma once

#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct hub_backup_facts {
    char hub_id[CM_UUID_MAX];
    uint64_t epoch;
    uint64_t agents; // that may connect
};

// hub_backup_write writes `file` whole or not at all, and reads it again. The hub may be running.
CM_MUSTUSE enum cm_rc hub_backup_write(const char *data_dir, const char *file,
                                       struct hub_backup_facts *out, struct cm_err *err);

// hub_backup_restore verifies the file and puts it into an empty or missing folder. It fails with
// CM_EINVAL if the file is not whole and CM_EEXISTS if there is something in the folder; then
// nothing was changed. registry: a newer registry of agents (hub/access/registry.h), so that nobody
// gets in who was revoked since, and who was enrolled since does; NULL: none.
CM_MUSTUSE enum cm_rc hub_backup_restore(const char *file, const char *data_dir,
                                         const char *registry, struct hub_backup_facts *out,
                                         struct cm_err *err);

// hub_backup_recover makes a database from the registry, in a folder that holds the hub's keys and
// no database. CM_EINVAL: it is another hub's, or a restore into the folder was interrupted;
// CM_ENOTFOUND: it lacks some of the keys; CM_EEXISTS: there is a database.
CM_MUSTUSE enum cm_rc hub_backup_recover(const char *registry, const char *data_dir,
                                         struct hub_backup_facts *out, struct cm_err *err);

// hub_backup_check_whole fails with CM_EINVAL if a restore into the folder, or making a database in
// it, was interrupted.
CM_MUSTUSE enum cm_rc hub_backup_check_whole(const char *data_dir, struct cm_err *err);
