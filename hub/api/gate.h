// gate: who a request comes from, whether it is one that we know, and whether he may make it.
//
// Threads: the server's.
#pragma once

#include <stdint.h>

#include "hub/api/request.h"

struct sockaddr;

// hub_gate_address writes the address by which wrong tokens are counted: an IPv4 address, or the
// first 64 bits of an IPv6 one. NULL: "unknown".
void hub_gate_address(const struct sockaddr *addr, char out[HUB_ADDRESS_MAX]);

// hub_gate_pass finds the route, checks token and role and how much body is announced. Either the
// request has its route and may go on, or it has its answer.
void hub_gate_pass(struct hub_request *r, uint64_t announced);
