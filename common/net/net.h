// net: frames over NNG byte streams. Nothing outside common/net sees NNG.
//
// A frame is   u32 length | u16 type | u16 flags | u64 sequence | payload   (big endian; length
// counts the payload only). Sequences count from 1 in each direction and are checked. Anything
// wrong (a length above the cap of the frame's type, a wrong sequence, silence beyond the deadline)
// closes the connection with a reason.
//
// NNG's SP sockets are not used: in Debian's 1.5.2 an SP listener can be stopped from outside and
// an SP dialer can stop trying for ever. The accept loop here goes on after any error but its own
// shutdown.
//
// Threads: handlers are called on the loop given at open, one after the other, never after
// `closed`. cm_net_send, cm_net_close on that loop. NNG's own threads accept, do handshakes,
// encrypt, decrypt and check what a frame claims, and post. At most one received frame of a
// connection waits for the loop, so a slow owner slows its peers.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/session.h"

struct cm_buf;
struct cm_loop;
struct cm_net_listener;
struct cm_net_conn;

#define CM_NET_HEADER_SIZE 16
#define CM_NET_ADDR_MAX 64

struct cm_net_frame {
    uint16_t type;
    uint16_t flags;
    const uint8_t *payload; // good until the handler returns
    size_t size;
};

struct cm_net_limits {
    // max_payload gives the cap of a type; 0 refuses the type. Called on NNG's threads too.
    size_t (*max_payload)(uint16_t type);
    size_t send_queue_bytes; // above it cm_net_send refuses
    int64_t handshake_ms;   // for TCP and TLS, and once more until the first frame; a listener does
                            // not count the time during which others are before it, up to 4 times
    int64_t silence_ms;     // longest pause between frames afterwards; 1 ms more for each 8 bytes
                            // of a frame that is under way
    size_t max_connections; // listener: beyond it the oldest one without a frame is closed, and if
                            // there is none the new one; 0: no limit. While it is us whom the
                            // oldest one waits for, new ones wait to be accepted
    bool brief;             // listener: connections last a moment, so there is soon room: new ones
                            // wait while all others are in use, and who only closes is in use
};

// Why a listener had no use for a connection: it ended before its first frame.
enum cm_net_refusal {
    CM_NET_NOT_REFUSED,
    CM_NET_FLOOD,   // far too many at once: closed unseen
    CM_NET_CROWDED, // the oldest one without a frame gave way to a new one
    CM_NET_SLOW,    // no handshake, or no frame, in time
    CM_NET_NO_TLS,  // the handshake failed: no TLS 1.3, or a certificate that is not accepted
    CM_NET_GARBAGE, // its first bytes are no frame that is allowed
    CM_NET_GONE,    // the peer went away
    CM_NET_REFUSALS
};

struct cm_net_handlers {
    // opened: the TLS handshake is done. Listener: the place to set cm_net_conn_set_ctx, or to
    // refuse with cm_net_close.
    void (*opened)(void *ctx, struct cm_net_conn *conn);
    void (*frame)(void *ctx, struct cm_net_conn *conn, const struct cm_net_frame *frame);
    // closed: called exactly once for each connection that was opened, and for a dial that failed.
    // The connection is freed when it returns.
    void (*closed)(void *ctx, struct cm_net_conn *conn, const struct cm_err *why);
    // drained: what was queued has been handed to the transport; may be NULL.
    void (*drained)(void *ctx, struct cm_net_conn *conn);
    void *ctx;
    // refused: a listener's connection ended before its first frame; only to be counted, on any
    // thread. May be NULL.
    void (*refused)(void *ctx, enum cm_net_refusal why);
};

// cm_net_listen starts to accept on "host:port" (port 0: any).
CM_MUSTUSE enum cm_rc cm_net_listen(struct cm_loop *loop, const char *addr,
                                    struct cm_tls_context *tls, const struct cm_net_limits *limits,
                                    const struct cm_net_handlers *handlers,
                                    struct cm_net_listener **out, struct cm_err *err);
uint16_t cm_net_listener_port(const struct cm_net_listener *l);

// cm_net_listener_stop stops accepting and closes connections that were not opened yet; open ones
// stay. cm_net_listener_quiet tells, after stop, that no connection is left: close the open ones,
// then turn the loop until it does. Free may come earlier; then the listener goes with its last
// connection, if the loop still turns.
void cm_net_listener_stop(struct cm_net_listener *l);
bool cm_net_listener_quiet(const struct cm_net_listener *l);
void cm_net_listener_free(struct cm_net_listener *l); // NULL is fine

// cm_net_dial begins to connect to "host:port" and returns at once; `opened` or `closed` follows.
// It fails at once only if the address is malformed, or NNG cannot start (CM_EIO).
CM_MUSTUSE enum cm_rc cm_net_dial(struct cm_loop *loop, const char *addr,
                                  struct cm_tls_context *tls, const struct cm_net_limits *limits,
                                  const struct cm_net_handlers *handlers, struct cm_net_conn **out,
                                  struct cm_err *err);

// cm_net_conn_set_ctx replaces the ctx that this connection's handlers get.
void cm_net_conn_set_ctx(struct cm_net_conn *conn, void *ctx);
const char *cm_net_conn_addr(const struct cm_net_conn *conn); // "192.0.2.1:4711"
const struct cm_tls_peer *cm_net_conn_peer(const struct cm_net_conn *conn);

// cm_net_conn_closed_ms says, for the handler `closed`, since when (monotonic) nothing was sent to
// the peer nor heard of it: `closed` comes only after all else that the loop has to do for it.
int64_t cm_net_conn_closed_ms(const struct cm_net_conn *conn);

// cm_net_send queues a frame; the payload is shared, not copied (a NULL payload is empty). It fails
// with CM_EBUSY when the queue is full (nothing was queued), CM_ECANCELED when not open or closing,
// and CM_EINVAL when the frame is larger than the whole queue.
CM_MUSTUSE enum cm_rc cm_net_send(struct cm_net_conn *conn, uint16_t type, uint16_t flags,
                                  struct cm_buf *payload, struct cm_err *err);

// cm_net_hold keeps frames in the queue until cm_net_let_go (or cm_net_close), so that those of one
// occasion leave together.
void cm_net_hold(struct cm_net_conn *conn);
void cm_net_let_go(struct cm_net_conn *conn);
// cm_net_pause is for the frame handler: it keeps the frame, and reads nothing more, until
// cm_net_resume (from elsewhere) has it handed over once more. Meanwhile neither silence nor its
// end closes a connection.
void cm_net_pause(struct cm_net_conn *conn);
void cm_net_resume(struct cm_net_conn *conn);

size_t cm_net_queued_bytes(const struct cm_net_conn *conn);

// cm_net_close closes; with `flush`, what is queued goes out first and the peer closes its end
// (within two seconds), so that it has read everything. `closed` follows with this reason and
// CM_ECANCELED, never before this returns. Frames that still come are dropped.
void cm_net_close(struct cm_net_conn *conn, bool flush, const char *reason);

// cm_net_close_within flushes likewise, but the connection ends after this time at the latest, also
// if it is flushing already.
void cm_net_close_within(struct cm_net_conn *conn, int64_t ms, const char *reason);

// cm_net_done ends NNG's threads at the end of the process, after every listener and connection.
void cm_net_done(void);
