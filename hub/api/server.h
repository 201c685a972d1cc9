// server: HTTP by libmicrohttpd: connections, headers, bodies, and answers on their way out.
//
// A few threads serve all connections and none of them waits for anything but a socket and SQLite.
// Bounded: connections (also of one address), size of headers and bodies, idle time, and the time
// until a connection must have made a whole request, so that one that trickles is cut off.
//
// Threads: start and stop: the owner.
#pragma once

#include <stdint.h>

#include "common/err.h"

struct hub_api;
struct hub_server;

// hub_server_start serves on api->config.addr. `api` stays the caller's.
CM_MUSTUSE enum cm_rc hub_server_start(struct hub_api *api, struct hub_server **out,
                                       struct cm_err *err);
uint16_t hub_server_port(const struct hub_server *s);

// hub_server_stop takes no more, lets running requests end for a moment, and frees s (NULL is
// fine).
void hub_server_stop(struct hub_server *s);
