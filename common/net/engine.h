// engine: our TLS sessions as the TLS engine of NNG.
//
// NNG 1.5.2 brings mbedTLS: TLS 1.2, eight times the CPU per handshake, and no way to ask who the
// peer is. nng_tls_engine_register replaces it. The engine here does three things more than the
// interface was meant for, because NNG's TLS layer would otherwise lose bytes or errors:
//
// * Receiving. nng_stream_recv is called once per connection, with a cm_net_watch where the bytes
//   should go. The engine reads frames into the watch, tells the loop, and says "would block" to
//   NNG, so the receive stays pending and ends only when the connection does. (NNG tells nobody
//   about a connection that breaks while no receive is pending, and a later receive would wait for
//   ever.) Until the loop has taken a frame the engine reads nothing: that is the back-pressure.
// * Sending. NNG's TLS layer takes the first iovec only, so each header would be a record and a
//   packet of its own. nng_stream_send is given a cm_net_batch instead of bytes, and the engine
//   gathers whole TLS records from its frames. Payloads are copied nowhere but into TLS.
// * Asking. Reading NNG_OPT_TLS_VERIFIED makes NNG call `verified` of the engine on the caller's
//   thread with the connection's lock held. A thread-local variable says what to do there.
//
// NNG's aio timeouts and cancellation are not used: cancelling a receive or send of its TLS layer
// does nothing when the TCP operation it would abort is not in flight. Deadlines are timers of the
// loop, and nng_stream_close ends both operations for certain.
//
// Threads: a watch belongs to the engine in phases HANDSHAKE and READING and to the loop in phases
// OPENED and FRAME; a batch to the engine from nng_stream_send to its callback.
#pragma once

#include <nng/nng.h>

#include "common/loop.h"
#include "common/net/frame.h"
#include "common/tls/session.h"

enum cm_net_phase {
    CM_NET_HANDSHAKING,
    CM_NET_OPENED, // the handshake is done and the peer known
    CM_NET_READING,
    CM_NET_HAS_FRAME,
};

struct cm_net_watch {
    enum cm_net_phase phase;
    struct cm_net_reader reader;
    struct cm_tls_peer peer;
    struct cm_loop *loop;
    struct cm_task ready; // posted when the phase becomes OPENED or HAS_FRAME
};

// cm_net_engine_start starts NNG, if need be, and registers the engine. It fails with CM_EIO.
CM_MUSTUSE enum cm_rc cm_net_engine_start(struct cm_err *err);

// cm_net_engine_hand_over gives the context to the TLS dialer or listener that this thread makes
// next. Pass NULL afterwards.
void cm_net_engine_hand_over(struct cm_tls_context *tls);

// cm_net_engine_watch makes the one receive of a stream; the aio ends with the connection.
void cm_net_engine_watch(nng_stream *stream, struct cm_net_watch *watch, nng_aio *aio);

// cm_net_engine_resume gives the watch back and reads on. It returns 0 when the watch has the next
// frame already (nothing is posted then), NNG_EAGAIN when `ready` will come, else the error.
int cm_net_engine_resume(nng_stream *stream, struct cm_net_watch *watch);

void cm_net_engine_send(nng_stream *stream, struct cm_net_batch *batch, nng_aio *aio);

// cm_net_engine_shut tells the peer that nothing more will come. Receiving goes on.
void cm_net_engine_shut(nng_stream *stream);

// cm_net_engine_why copies the reason why TLS failed.
void cm_net_engine_why(nng_stream *stream, char *out, size_t size);
