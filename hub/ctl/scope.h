// scope: which clusters and Apps an offline verb looks at: --cluster, --group, -l and --app.
//
// Threads: one.
#pragma once

#include <stdbool.h>

#include "common/err.h"

struct cm_map;
struct ctl;
struct hub_fleet;

struct ctl_scope {
    struct cm_map *clusters; // NULL: all
    struct cm_map *names[3]; // every cluster (if not all are wanted), group and App that was seen
};

void ctl_scope_init(const struct ctl *c, struct ctl_scope *out);
void ctl_scope_done(struct ctl_scope *scope);

// ctl_scope_add takes in what a fleet has now; a fleet that changes is taken in before and after.
CM_MUSTUSE enum cm_rc ctl_scope_add(struct ctl *c, struct ctl_scope *scope,
                                    const struct hub_fleet *fleet);

// ctl_scope_check fails with CM_ENOTFOUND, with the nearest name, if --cluster, --group or --app
// name nothing that was seen.
CM_MUSTUSE enum cm_rc ctl_scope_check(struct ctl *c, const struct ctl_scope *scope);

// ctl_scope_find fails so for one name.
CM_MUSTUSE enum cm_rc ctl_scope_find_app(struct ctl *c, const struct ctl_scope *scope,
                                         const char *name);

// ctl_scope_wants tells whether a cluster is looked at; ctx is the scope.
bool ctl_scope_wants(void *ctx, const char *cluster);
