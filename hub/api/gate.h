// gate: who a request comes from, whether it is one that we know, and whether he may make it.
//
// Threads: the server's.
#pragma once

#include <stdint.h>

#include "hub/api/request.h"

// hub_gate_pass finds the route, checks token and role and how much body is announced. Either the
// request has its route and may go on, or it has its answer.
void hub_gate_pass(struct hub_request *r, uint64_t announced);
