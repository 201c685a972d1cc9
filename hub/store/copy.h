// copy: a database as a file of its own, while others go on writing to it.
//
// Threads: any; blocks.
#pragma once

#include "common/err.h"

// hub_db_copy makes a whole and consistent copy (SQLite's backup interface) and checks it; nothing
// else is beside it, no log. `to` is made anew.
CM_MUSTUSE enum cm_rc hub_db_copy(const char *from, const char *to, struct cm_err *err);

// hub_db_check reads a database that nobody uses from begin to end. CM_EINVAL: it is damaged.
CM_MUSTUSE enum cm_rc hub_db_check(const char *path, struct cm_err *err);
