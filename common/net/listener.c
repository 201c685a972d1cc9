#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/net/addr.h"
#include "common/net/conn.h"
#include "common/str.h"

// How long accepting pauses after an error: the usual one is that no descriptors are left, and it
// would come again at once.
#define PAUSE_MS 20

// Connections that may wait to be accepted; the kernel caps it at net.core.somaxconn. A whole fleet
// comes back at once when its hub was restarted, and whoever finds the queue full comes again only
// after a second.
#define BACKLOG 4096

// How many connections there may be for a moment beyond the limit: new ones, and old ones that are
// on their way out because of these.
#define BEYOND(limit) ((limit) / 8 + 8)

// A connection so new gives way to nobody: it had no time to say anything.
#define NEW_MS 250

// Handshakes are being done if the last one was so long ago.
#define BUSY_MS 1000

// A connection was passed over if handshakes of others are through that came so much later.
#define PASSED_MS 1000

// So many handshakes are done at a time. More would only take longer, all of them, until they are
// closed for being slow: whoever waits in the kernel's queue has cost nothing yet.
#define HANDSHAKES_MAX 256

struct cm_net_listener {
    struct cm_loop *loop;
    struct cm_net_limits limits;
    struct cm_net_handlers handlers;
    struct cm_tls_context *tls;
    nng_stream_listener *nng;
    nng_aio *aio;
    bool pausing; // the callback's
    atomic_bool stopping;
    atomic_size_t count;  // connections, also those that the loop has not seen yet
    struct cm_list conns; // the loop's: in_listener of each
    struct cm_list
        unproven; // the loop's: in_unproven of those that can be done without, oldest first
    bool freed;   // the loop's: goes with its last connection
    _Atomic int64_t opened_ms;    // when a handshake was through last
    _Atomic int64_t reached_ms;   // when the newest one whose handshake is through was accepted
    atomic_size_t unproven_count; // connections that have not said anything yet
    _Atomic int64_t oldest_ms; // since when the first of `unproven` waits; INT64_MAX: there is none
};

static _Thread_local int wanted_backlog;

// NNG 1.5.2 listens with a backlog of 128 and has no option for it. This definition takes the place
// of libc's in our programs, where libnng.so finds it first; it changes nothing unless the calling
// thread is in cm_net_listen. Were NNG linked statically with its calls bound to libc, the backlog
// would stay at 128 and all else work: the test of the backlog tells.
int listen(int fd, int backlog) {
    return (int)syscall(SYS_listen, fd, backlog > wanted_backlog ? backlog : wanted_backlog);
}

// ---- Who waits for whom

static bool keeps_waiting(const struct cm_net_listener *l, int64_t since_ms) {
    int64_t now_ms = cm_clock_now_ms();

    return now_ms - since_ms < NEW_MS ||
           (now_ms - l->opened_ms < BUSY_MS && l->reached_ms <= since_ms + PASSED_MS);
}

bool cm_net_listener_keeps_waiting(const struct cm_net_conn *c) {
    return c->listener != NULL && keeps_waiting(c->listener, c->since_ms);
}

static void note_oldest(struct cm_net_listener *l) {
    l->oldest_ms = cm_list_empty(&l->unproven)
                       ? INT64_MAX
                       : CM_CONTAINER(l->unproven.next, struct cm_net_conn, in_unproven)->since_ms;
}

void cm_net_listener_opened(struct cm_net_conn *c) {
    struct cm_net_listener *l = c->listener;
    int64_t now_ms = cm_clock_now_ms();

    if (l != NULL) {
        l->opened_ms = now_ms;
        l->reached_ms = c->since_ms > l->reached_ms ? c->since_ms : l->reached_ms;
        c->since_ms = now_ms;
        note_oldest(l);
    }
}

// ---- Accepting

// Whoever keeps silent after connecting must not keep others out: beyond the limit the oldest one
// that has not said anything yet gives way. Tells whether there is room.
static bool make_room(struct cm_net_listener *l) {
    if (l->limits.max_connections == 0 || l->count <= l->limits.max_connections) {
        return true;
    }
    if (cm_list_empty(&l->unproven)) {
        return false;
    }
    if (keeps_waiting(l, l->oldest_ms)) {
        return true; // a few more; those after them wait to be accepted
    }
    struct cm_net_conn *c = CM_CONTAINER(l->unproven.next, struct cm_net_conn, in_unproven);
    cm_list_remove(&c->in_unproven);
    note_oldest(l);
    cm_net_conn_refuse(c, CM_NET_CROWDED);
    cm_net_conn_fail(c, CM_EBUSY, "too many connections: the oldest without a message gives way");
    return true;
}

static void on_accepted(void *ctx) {
    struct cm_net_conn *c = ctx;

    cm_list_append(&c->listener->conns, &c->in_listener);
    if (c->listener->stopping || !make_room(c->listener)) {
        cm_net_listener_refused(c->listener, CM_NET_FLOOD);
        cm_net_listener_forget(c->listener, c);
        cm_net_conn_abandon(c);
        return;
    }
    cm_list_append(&c->listener->unproven, &c->in_unproven);
    note_oldest(c->listener);
    cm_net_conn_start(c);
}

static bool is_flooded(struct cm_net_listener *l) {
    size_t limit = l->limits.max_connections;

    return limit != 0 && l->count >= limit + BEYOND(limit);
}

// Tells whether new connections had better wait in the kernel's queue: there is no room, and those
// that have it only wait for us. They would be closed halfway otherwise, and come again, and again.
static bool is_behind(const struct cm_net_listener *l) {
    bool full = l->limits.max_connections != 0 && l->count >= l->limits.max_connections;

    if (!full && l->unproven_count < HANDSHAKES_MAX) {
        return false;
    }
    return l->oldest_ms == INT64_MAX ? !full || l->limits.brief : keeps_waiting(l, l->oldest_ms);
}

static void take(struct cm_net_listener *l, nng_stream *tcp) {
    if (l->stopping || is_flooded(l)) {
        nng_stream_free(tcp); // closes
        cm_net_listener_refused(l, CM_NET_FLOOD);
        return;
    }
    struct cm_net_conn *c = cm_net_conn_new(l->loop, l->tls, &l->limits, &l->handlers);
    l->count++;
    c->listener = l;
    c->since_ms = cm_clock_now_ms();
    c->is_counted = true;
    l->unproven_count++;
    c->stream.tcp = tcp;
    c->accept_task = (struct cm_task){.run = on_accepted, .ctx = c};
    cm_loop_post(l->loop, &c->accept_task);
}

// accept_cb goes on after any error but our own stop. NNG's own accept loop, in its SP sockets,
// gives up when a peer vanishes at the wrong moment.
static void accept_cb(void *arg) {
    struct cm_net_listener *l = arg;
    int rv = nng_aio_result(l->aio);
    bool paused = l->pausing;

    l->pausing = false;
    if (rv == 0 && !paused) {
        take(l, nng_aio_get_output(l->aio, 0));
    }
    if (l->stopping) {
        return;
    }
    if ((rv != 0 && !paused) || is_behind(l)) {
        l->pausing = true;
        nng_sleep_aio(PAUSE_MS, l->aio);
        return;
    }
    nng_stream_listener_accept(l->nng, l->aio);
}

static int open_nng(struct cm_net_listener *l, const char *addr) {
    CM_AUTOFREE char *url = cm_strf("tcp://%s", addr);
    int rv = nng_stream_listener_alloc(&l->nng, url);

    if (rv != 0) {
        return rv;
    }
    // Without it small frames wait 40 ms for an acknowledgement (Nagle).
    (void)nng_stream_listener_set_bool(l->nng, NNG_OPT_TCP_NODELAY, true);
    wanted_backlog = BACKLOG;
    rv = nng_stream_listener_listen(l->nng);
    wanted_backlog = 0;
    return rv;
}

static void destroy(struct cm_net_listener *l) {
    nng_stream_listener_free(l->nng);
    nng_aio_free(l->aio);
    cm_tls_context_unref(l->tls);
    free(l);
}

// NOLINTNEXTLINE(readability-function-size): seven parameters, none of which can be left out
enum cm_rc cm_net_listen(struct cm_loop *loop, const char *addr, struct cm_tls_context *tls,
                         const struct cm_net_limits *limits, const struct cm_net_handlers *handlers,
                         struct cm_net_listener **out, struct cm_err *err) {
    if (cm_net_addr_check(addr, true, err) < 0) {
        return err->code;
    }
    struct cm_net_listener *l = cm_new(1, sizeof(*l));
    l->loop = loop;
    l->tls = cm_tls_context_ref(tls);
    l->limits = *limits;
    l->handlers = *handlers;
    cm_list_init(&l->conns);
    cm_list_init(&l->unproven);
    l->oldest_ms = INT64_MAX;
    int rv = nng_aio_alloc(&l->aio, accept_cb, l);
    if (rv != 0) {
        destroy(l);
        return cm_fail(err, CM_EIO, "start NNG: %s", nng_strerror(rv));
    }
    rv = open_nng(l, addr);
    if (rv != 0) {
        destroy(l);
        return cm_fail(err, rv == NNG_EADDRINUSE ? CM_EEXISTS : CM_EIO, "cannot listen on %s: %s",
                       addr, nng_strerror(rv));
    }
    nng_stream_listener_accept(l->nng, l->aio);
    *out = l;
    return CM_OK;
}

uint16_t cm_net_listener_port(const struct cm_net_listener *l) {
    int port = 0;

    (void)nng_stream_listener_get_int(l->nng, NNG_OPT_TCP_BOUND_PORT, &port);
    return (uint16_t)port;
}

static void close_unopened(struct cm_net_listener *l) {
    struct cm_list *item = l->conns.next;

    while (item != &l->conns) {
        struct cm_net_conn *c = CM_CONTAINER(item, struct cm_net_conn, in_listener);

        item = item->next;
        if (!c->opened) {
            cm_net_conn_fail(c, CM_ECANCELED, "the listener stops");
        }
    }
}

void cm_net_listener_stop(struct cm_net_listener *l) {
    assert(cm_loop_is_owner(l->loop));
    if (!l->stopping) {
        l->stopping = true;
        nng_stream_listener_close(l->nng);
        close_unopened(l);
    }
}

bool cm_net_listener_quiet(const struct cm_net_listener *l) {
    return l->stopping && l->count == 0;
}

void cm_net_listener_free(struct cm_net_listener *l) {
    if (l == NULL) {
        return;
    }
    cm_net_listener_stop(l);
    nng_aio_wait(l->aio); // ends soon: the socket is closed, and a pause is short
    if (l->count == 0) {
        destroy(l);
    } else {
        l->freed = true;
    }
}

static void uncount(struct cm_net_conn *c) {
    c->listener->unproven_count -= c->is_counted ? 1 : 0;
    c->is_counted = false;
}

void cm_net_listener_settle(struct cm_net_conn *c, bool proven) {
    cm_list_remove(&c->in_unproven);
    if (c->listener == NULL) {
        return;
    }
    uncount(c);
    if (!proven && !c->listener->limits.brief) {
        c->since_ms = cm_clock_now_ms();
        cm_list_append(&c->listener->unproven, &c->in_unproven);
    }
    note_oldest(c->listener);
}

void cm_net_listener_refused(struct cm_net_listener *l, enum cm_net_refusal why) {
    if (l->handlers.refused != NULL && why != CM_NET_NOT_REFUSED && !l->stopping) {
        l->handlers.refused(l->handlers.ctx, why);
    }
}

void cm_net_listener_forget(struct cm_net_listener *l, struct cm_net_conn *c) {
    cm_list_remove(&c->in_listener);
    cm_list_remove(&c->in_unproven);
    uncount(c);
    note_oldest(l);
    if (atomic_fetch_sub(&l->count, 1) == 1 && l->freed) {
        destroy(l);
    }
}
