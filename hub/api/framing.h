// framing: whether a request says in one way only where its body ends.
//
// libmicrohttpd 0.9.75 takes a request with both a length and chunks, or with two lengths, and a
// proxy in front may read it otherwise than it does: what one takes for the body, the other takes
// for the next request. RFC 9112, sections 6.1 and 6.3. It also takes names of headers that are no
// tokens (RFC 9110, section 5.6.2), such as "Content-Length ".
//
// Threads: the server's.
#pragma once

#include <stdbool.h>

struct MHD_Connection;

// hub_framing_ok tells whether there is at most one Content-Length, of digits, or else one
// Transfer-Encoding, which is "chunked", and every name of a header is a token.
bool hub_framing_ok(struct MHD_Connection *connection);
