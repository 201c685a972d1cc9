// stream: our TLS sessions over the TCP streams of NNG.
//
// NNG 1.5.2 has TLS of its own, which is not used: mbedTLS with TLS 1.2, or whatever is registered
// as its engine, keeps two buffers of 16 KiB for each connection as long as it lives, and tells
// nobody of a connection that breaks while nothing is received. Here a session of common/tls moves
// its ciphertext through the two operations of a TCP stream:
//
// * Receiving. One receive is outstanding while the handshake, or the next frame, lacks bytes; it
//   has a small piece of memory in the stream, and a large one after that was filled. A frame that
//   is whole is told to the loop, and until the loop has taken it nothing is read: that is the
//   back-pressure. How the connection ended is told in the same way, after the frames before it.
// * Sending. Frames are gathered into whole TLS records, one of which is on its way at a time.
//   Their payloads are copied nowhere but into TLS.
//
// So an idle connection holds no buffers, and one whose peer does his worst holds, beside a frame
// and OpenSSL's two records, a record in either direction. A server's session begins with the first
// bytes that come: who connects and keeps silent, or goes without a word, costs no session.
//
// NNG's aio timeouts and cancellation are not used: deadlines are timers of the loop, and closing
// ends both operations.
//
// Threads: `loop`, `tls`, `tcp` and the tasks are set before start; all functions but init, which
// any thread may call, are for the loop. Under `mu` whoever finds work does it: NNG's callbacks do
// most of TLS, handshakes among it, and the loop what sending, resuming and closing begin.
// Callbacks post: `ready` and `sent`, and last `ended`, when the stream is closed and no operation
// of NNG is left. What was posted may be read by the loop without the lock: `phase`, `broken`, the
// reader and the peer until it resumes, `send_result` until it sends.
#pragma once

#include <nng/nng.h>
#include <pthread.h>

#include "common/loop.h"
#include "common/net/frame.h"
#include "common/tls/session.h"

// What is received while nothing much comes: most records of an agent.
#define CM_NET_SMALL 512

enum cm_net_phase {
    CM_NET_HANDSHAKING,
    CM_NET_OPENED, // the handshake is done and the peer known
    CM_NET_READING,
    CM_NET_HAS_FRAME,
    CM_NET_BROKEN, // nothing more will come: `broken` is why
};

struct cm_net_stream {
    struct cm_loop *loop;
    struct cm_tls_context *tls; // borrowed
    struct cm_task ready;       // the phase became OPENED, HAS_FRAME or BROKEN
    struct cm_task sent;        // the batch was handed to TCP, or failed: send_result
    struct cm_task ended;       // after close: nothing more will be posted
    nng_stream *tcp;            // owned; NULL until connected
    nng_aio *recv_aio;
    nng_aio *send_aio;

    pthread_mutex_t mu; // guards everything below
    enum cm_net_phase phase;
    int broken;
    struct cm_net_reader reader;
    struct cm_tls_peer peer;
    struct cm_tls_session *session; // NULL until the handshake begins
    bool shut;                      // that nothing more will come is still to be said
    bool closed;
    bool receiving; // recv_aio is NNG's, with the memory that `in` points to
    bool sending;   // send_aio is NNG's, with `out`
    int lost;       // not 0: why nothing more will be received
    int cut;        // not 0: why nothing more will be sent

    uint8_t small[CM_NET_SMALL];
    uint8_t *large; // NULL while `small` will do
    bool filled;    // the last receive had no room for more
    const uint8_t *in;
    size_t in_size; // of what has come and TLS has not taken

    uint8_t *out; // records on their way
    size_t out_size;
    size_t out_sent;
    struct cm_net_batch *batch; // the caller's until `sent`, or `ended`
    int send_result;            // of that batch, once it is `sent`
};

void cm_net_stream_init(struct cm_net_stream *s, size_t (*max_payload)(uint16_t type));

// cm_net_stream_start begins TLS on `tcp`; a client speaks first.
void cm_net_stream_start(struct cm_net_stream *s, bool is_client);

// cm_net_stream_resume gives the reader back and reads on; `ready` follows.
void cm_net_stream_resume(struct cm_net_stream *s);

void cm_net_stream_send(struct cm_net_stream *s, struct cm_net_batch *batch);

// cm_net_stream_shut tells the peer that nothing more will come. Receiving goes on.
void cm_net_stream_shut(struct cm_net_stream *s);

// cm_net_stream_close says good-bye if it can do so at once, and closes; `ended` follows. Once.
void cm_net_stream_close(struct cm_net_stream *s);

// cm_net_stream_why copies the reason why TLS failed.
void cm_net_stream_why(struct cm_net_stream *s, char *out, size_t size);

// cm_net_stream_done frees what was not started, or has ended.
void cm_net_stream_done(struct cm_net_stream *s);
