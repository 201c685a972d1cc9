// admin: the token of the first administrator, in a file that only the hub's user can read.
//
// Whoever may write into the hub's data folder may do everything anyhow, so the file always opens
// the door: one that is there with the right mode and that the database does not know (it was
// restored, or made anew) is taken in. One that was expired, is damaged, or that others could read
// before the database knew it, is replaced. One that was taken away, while the database knows an
// administrator, stays away; an empty file asks for a new one.
//
// Threads: any, one at a time. Blocks.
#pragma once

#include <stdint.h>

#include "common/err.h"

struct hub_db;

#define HUB_ADMIN_TOKEN_NAME "admin"

CM_MUSTUSE enum cm_rc hub_admin_ensure(struct hub_db *db, const char *data_dir, int64_t now_ms,
                                       struct cm_err *err);
