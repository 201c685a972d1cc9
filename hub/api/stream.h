// stream: what a watcher is sent: server-sent events, from the events in the store.
//
//     id: 77                          the number of the event: Last-Event-ID to go on from
//     event: event                    | status | cluster | rollout | gap
//     data: {…}                       a row, as in the lists
//
// A stream remembers the number of the last event that it has looked at, nothing else: each time
// the connection can take more, one page is read and written out. So a slow reader costs a page,
// and one that stays away too long finds a gap and is told so. While there is nothing new the
// connection sleeps (feed.h); every quarter of a minute it gets a sign of life, and the token is
// looked at again.
//
// Threads: one at a time, the server's.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

struct hub_request;
struct hub_stream;

// hub_get_watch answers with a stream (hub/api/handlers.h has its declaration).

// hub_stream_read copies up to `size` bytes of what is to be sent. 0: nothing yet, the connection
// sleeps; -1: it is over.
ssize_t hub_stream_read(struct hub_stream *s, char *out, size_t size);
void hub_stream_free(struct hub_stream *s); // NULL is fine
