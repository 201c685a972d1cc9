// changed: what somebody changed by hand in clusters, by object, as agents told it.
//
// Threads: any that has a database. Blocks.
#pragma once

#include <stddef.h>

#include "common/err.h"
#include "hub/capture/capture.h"

struct hub_db;

// hub_changed_find gathers about `most` fields, of an object all or none: of an App on a cluster,
// or (both NULL) of all Apps that say `drift: capture`. The list has an arena; the caller frees its
// items.
CM_MUSTUSE enum cm_rc hub_changed_find(struct hub_db *db, const char *app, const char *cluster,
                                       size_t most, struct hub_capture_list *out,
                                       struct cm_err *err);
