// addr: what "host:port" may look like.
//
// Threads: any.
#pragma once

#include <stdbool.h>

#include "common/err.h"

// cm_net_addr_check fails with CM_EINVAL unless the text is "host:port", "192.0.2.1:port" or
// "[2001:db8::1]:port". A listener may have port 0 (any) and an empty host or '*' (all).
CM_MUSTUSE enum cm_rc cm_net_addr_check(const char *addr, bool listener, struct cm_err *err);

// cm_net_addr_is_numeric tells whether the host of a checked address is an IP address.
bool cm_net_addr_is_numeric(const char *addr);
