// conn: one connection, accepted or dialled, as its loop sees it. For this folder only.
//
// A connection ends in one way: its stream (or dialer) is closed, which ends the pending operations
// of NNG; the last of them is posted to the loop, which frees everything and calls `closed`.
// Nothing is freed in a callback of NNG, and no operation is cancelled or waited for.
//
// Threads: the loop's, but for what stream.h says of its stream.
#pragma once

#include <nng/nng.h>

#include "common/list.h"
#include "common/loop.h"
#include "common/net/net.h"
#include "common/net/stream.h"

enum cm_net_state {
    CM_NET_CONNECTING, // TCP, or the TLS handshake
    CM_NET_OPEN,
    CM_NET_FLUSHING,  // what is queued goes out, nothing else is done
    CM_NET_LINGERING, // all is out; the peer closes first, so that it reads everything
    CM_NET_CLOSING,   // waiting for NNG
};

struct cm_net_conn {
    enum cm_net_state state;
    struct cm_loop *loop;
    const struct cm_net_limits *limits;
    const struct cm_net_handlers *handlers;
    void *ctx;
    struct cm_net_listener *listener; // NULL when dialled
    struct cm_net_dial *dial;         // NULL when accepted
    struct cm_list in_listener;
    struct cm_list in_unproven; // of the listener: what it closes first when it is full
    bool is_counted;            // as one of the listener that has not said anything yet
    int64_t since_ms;           // since when it is where it is: accepted, opened, closing
    char addr[CM_NET_ADDR_MAX];

    struct cm_net_stream stream;
    struct cm_task accept_task;
    bool pending;     // a dial, or a stream that was started, has not ended
    bool sending;     // the batch is the stream's
    bool send_broken; // a send has failed; receiving will say why
    bool held;        // what is queued waits for cm_net_let_go
    bool paused;      // the frame that was read waits for cm_net_resume

    bool opened;
    enum cm_net_refusal refusal; // the listener is told if the first frame has not come
    bool greeted;                // the first frame came
    int calls;                   // of handlers that are running

    struct cm_net_out *queue_first;
    struct cm_net_out *queue_last;
    size_t queued_bytes; // with those of the batch
    uint64_t next_sequence;
    struct cm_net_batch batch;

    struct cm_timer deadline;
    int64_t heard_ms;
    int64_t closed_ms;
    struct cm_err *why; // set when closing begins
};

// cm_net_conn_new makes a connection that is not connected; the context is borrowed. It may be
// called on any thread.
struct cm_net_conn *cm_net_conn_new(struct cm_loop *loop, struct cm_tls_context *tls,
                                    const struct cm_net_limits *limits,
                                    const struct cm_net_handlers *handlers);

// cm_net_conn_start begins TLS on its TCP stream, which is connected.
void cm_net_conn_start(struct cm_net_conn *c);

// cm_net_conn_enter and _leave stand around whatever the loop calls, so that closing frees nothing
// under its feet: a connection that is to go goes when the last one leaves.
void cm_net_conn_enter(struct cm_net_conn *c);
void cm_net_conn_leave(struct cm_net_conn *c);

// cm_net_conn_abandon frees a connection on which nothing was begun, without a word.
void cm_net_conn_abandon(struct cm_net_conn *c);

// cm_net_conn_fail closes for a reason; `closed` comes later if anything of NNG is pending.
void cm_net_conn_fail(struct cm_net_conn *c, enum cm_rc code, const char *fmt, ...) CM_PRINTF(3, 4);

// cm_net_conn_refuse notes why a listener will have had no use for it; the first reason counts.
void cm_net_conn_refuse(struct cm_net_conn *c, enum cm_net_refusal why);

// What the other files do for a connection.
void cm_net_dial_cancel(struct cm_net_conn *c);
void cm_net_dial_free(struct cm_net_dial *dial); // NULL is fine
void cm_net_listener_forget(struct cm_net_listener *l, struct cm_net_conn *c);
void cm_net_listener_refused(struct cm_net_listener *l, enum cm_net_refusal why); // to be counted

// cm_net_listener_settle tells the listener, if there is one, whether a connection has proven to be
// of use (a frame came) or is no longer (it only waits for the peer to close).
void cm_net_listener_settle(struct cm_net_conn *c, bool proven);

// cm_net_listener_opened notes that a handshake is through.
void cm_net_listener_opened(struct cm_net_conn *c);

// cm_net_listener_keeps_waiting tells whether it is we who keep a connection waiting, and not its
// peer: it is quite new, or handshakes are being done, of connections that came before it.
bool cm_net_listener_keeps_waiting(const struct cm_net_conn *c);
