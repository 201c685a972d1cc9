// meta: the few facts about the hub itself that must survive: its id, its epoch.
//
// Threads: a handle belongs to one thread at a time. Blocks.
#pragma once

#include <stdint.h>

#include "common/err.h"

struct hub_db;

// hub_meta_get_int and hub_meta_get_text fail with CM_ENOTFOUND if the fact was never set. The text
// is the caller's to free.
CM_MUSTUSE enum cm_rc hub_meta_get_int(struct hub_db *db, const char *name, int64_t *out,
                                       struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_meta_get_text(struct hub_db *db, const char *name, char **out,
                                        struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_meta_set_int(struct hub_db *db, const char *name, int64_t value,
                                       struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_meta_set_text(struct hub_db *db, const char *name, const char *value,
                                        struct cm_err *err);
