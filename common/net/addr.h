// addr: what "host:port" may look like.
//
// Threads: any.
#pragma once

#include <stdbool.h>

#include "common/err.h"

struct sockaddr;

// cm_net_addr_check fails with CM_EINVAL unless the text is "host:port", "192.0.2.1:port" or
// "[2001:db8::1]:port". A listener may have port 0 (any) and an empty host or '*' (all).
CM_MUSTUSE enum cm_rc cm_net_addr_check(const char *addr, bool listener, struct cm_err *err);

// cm_net_addr_is_numeric tells whether the host of a checked address is an IP address.
bool cm_net_addr_is_numeric(const char *addr);

#define CM_NET_ORIGIN_MAX 64

// cm_net_addr_origin writes as whom an address counts where somebody is slowed down: an IPv4
// address (also one inside IPv6), or the first 64 bits of an IPv6 one, for one machine may have all
// of these; else, and for NULL, "unknown".
void cm_net_addr_origin(const struct sockaddr *addr, char out[CM_NET_ORIGIN_MAX]);

// cm_net_addr_origin_of does so with "192.0.2.1:port" or "[2001:db8::1]:port".
void cm_net_addr_origin_of(const char *addr, char out[CM_NET_ORIGIN_MAX]);
