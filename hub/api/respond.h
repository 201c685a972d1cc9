// respond: an answer on its way out through libmicrohttpd: body or stream, headers, ETag.
//
// Threads: the server's.
#pragma once

#include <microhttpd.h>

struct hub_request;

// hub_respond queues the request's answer, and takes its body or stream. MHD_NO: the connection
// must be closed.
enum MHD_Result hub_respond(struct hub_request *r);

// hub_server_outlast lets a connection last beyond the time of a request (hub/api/server.c).
void hub_server_outlast(const struct hub_request *r);
