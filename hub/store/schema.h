// schema: the tables of the hub's database, as a list of steps that only grows.
//
// A database knows how many steps it has taken (PRAGMA user_version); opening takes the rest, each
// in a transaction. A step that was released is never changed.
//
// Threads: the writer's.
#pragma once

#include "common/err.h"

struct hub_db;

// hub_schema_migrate brings the tables up to date. CM_EINVAL: the file is of a newer version.
CM_MUSTUSE enum cm_rc hub_schema_migrate(struct hub_db *db, struct cm_err *err);

// hub_schema_count_anew counts pairs that are at the same from the rows, where that is less work
// than what the triggers do (hub_db_set_triggers).
CM_MUSTUSE enum cm_rc hub_schema_count_anew(struct hub_db *db, struct cm_err *err);

// hub_schema_take takes the steps up to one: hub_schema_steps are all that there are. For tests.
int hub_schema_steps(void);
CM_MUSTUSE enum cm_rc hub_schema_take(struct hub_db *db, int to, struct cm_err *err);
