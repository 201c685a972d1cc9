// raw_peer: a blocking TCP peer on 127.0.0.1, with TLS if wanted, that can misbehave.
//
// Threads: one at a time; not the thread whose loop serves the other end.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/tls/session.h"

struct raw_peer;

// raw_peer_connect connects; NULL if that failed. Reading gives up after a minute.
struct raw_peer *raw_peer_connect(uint16_t port);
void raw_peer_close(struct raw_peer *p);
void raw_peer_dribble(struct raw_peer *p); // from now on each byte is sent by itself
void raw_peer_end(struct raw_peer *p);     // sends a FIN, without a word of TLS; can still read
void raw_peer_reset(struct raw_peer *p);   // closes with a TCP reset

// raw_peer_handshake tells whether TLS came up. Without it bytes are sent as they are.
bool raw_peer_handshake(struct raw_peer *p, struct cm_tls_context *tls);

// raw_peer_hello sends the first flight of a handshake and no more.
void raw_peer_hello(struct raw_peer *p, struct cm_tls_context *tls);

bool raw_peer_send(struct raw_peer *p, const void *bytes, size_t size);

// raw_peer_send_header sends a frame's header with whatever it claims.
bool raw_peer_send_header(struct raw_peer *p, uint32_t size, uint16_t type, uint64_t sequence);

// raw_peer_wait_closed reads until the other end closes; false if it does not.
bool raw_peer_wait_closed(struct raw_peer *p);
