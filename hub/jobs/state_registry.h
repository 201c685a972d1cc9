// state_registry: puts the registry of agents (hub/access/registry.h) into the branch `events`, so
// that a copy of the state repository is one of the registry, too.
//
// Threads: the pass's.
#pragma once

#include <stddef.h>

#include "common/err.h"

struct hub_state_edits;
struct hub_state_pass;

#define HUB_STATE_REGISTRY "registry" // its folder

// hub_state_registry_fill adds the file if it became another one, not more often than once a
// minute; *out_count says whether.
CM_MUSTUSE enum cm_rc hub_state_registry_fill(struct hub_state_pass *p,
                                              struct hub_state_edits *edits, size_t *out_count,
                                              struct cm_err *err);
