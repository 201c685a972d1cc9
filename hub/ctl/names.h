// names: do the names exist that somebody typed, and which did he mean?
//
// Threads: one; asks the hub.
#pragma once

#include "common/err.h"

struct ctl;
struct ctl_resource;

// ctl_check_named fails with CM_ENOTFOUND, proposing the nearest name, if there is nothing of this
// name; fine for NULL and "".
CM_MUSTUSE enum cm_rc ctl_check_named(struct ctl *c, const struct ctl_resource *r,
                                      const char *name);

// ctl_check_names does so for what --cluster, --app and --group name: a filter that is misspelt
// must not look like a fleet without faults.
CM_MUSTUSE enum cm_rc ctl_check_names(struct ctl *c);

// ctl_check_selector fails with CM_ENOTFOUND if no cluster has the labels that -l asks for;
// ctl_fail_selector does so in any case.
CM_MUSTUSE enum cm_rc ctl_check_selector(struct ctl *c);
enum cm_rc ctl_fail_selector(struct ctl *c);

// ctl_target_read takes "app NAME", "cluster/NAME" or "group NAME" from the verb's arguments as if
// they were --app, --cluster or --group, where the verb has these; fine without arguments.
CM_MUSTUSE enum cm_rc ctl_target_read(struct ctl *c);

// ctl_find_owner finds what a bare name is of: an App, a cluster or a group. It fails with
// CM_ENOTFOUND if none has it, CM_EINVAL if several have.
CM_MUSTUSE enum cm_rc ctl_find_owner(struct ctl *c, const char *name,
                                     const struct ctl_resource **out);

// ctl_fail_unnamed fails with CM_ENOTFOUND: there is nothing of this name; it proposes the nearest.
enum cm_rc ctl_fail_unnamed(struct ctl *c, const struct ctl_resource *r, const char *name);
