// check: whether a request carries what its route says, and nothing else.
//
// Messages begin with the name of what is wrong, which also becomes the problem's `field`.
//
// Threads: the server's.
#pragma once

#include "common/err.h"

struct cm_json;
struct hub_request;

// hub_check_params checks the parameters of a route that has no list, which checks its own.
// CM_EINVAL.
CM_MUSTUSE enum cm_rc hub_check_params(const struct hub_request *r, struct cm_err *err);

// hub_check_body reads the body as a JSON object with the members that the route has; no body is an
// empty object. CM_EINVAL.
CM_MUSTUSE enum cm_rc hub_check_body(struct hub_request *r, struct cm_json **out,
                                     struct cm_err *err);
