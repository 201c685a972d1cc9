// query: the parameters that the API gets for a list, from options.
//
// Threads: one.
#pragma once

#include "hub/ctl/client.h"

struct ctl;
struct ctl_resource;

// ctl_query_options returns the options that this list can be filtered by: "--app, --cluster".
const char *ctl_query_options(struct ctl *c, const struct ctl_resource *r);

// ctl_query_check fails with CM_EINVAL if an option is given that this list cannot be filtered by.
CM_MUSTUSE enum cm_rc ctl_query_check(struct ctl *c, const struct ctl_resource *r);

// ctl_query_params returns what the options say, and `name` if it is not NULL.
struct ctl_param *ctl_query_params(struct ctl *c, const struct ctl_resource *r, const char *name);
