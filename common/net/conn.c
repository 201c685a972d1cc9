#include "common/net/conn.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"

// How long a closing connection may take to send what is queued and to hear the peer close.
#define FLUSH_MS 2000

// What goes to the transport in one go: enough for whole TLS records, little enough that memory is
// given back as it leaves.
#define BATCH_BYTES ((size_t)64 << 10)

// A large frame may take longer than the silence that is allowed, but not below this rate.
#define SLOWEST_BYTES_PER_MS 8

// How many times the handshake's time a connection may wait for us.
#define PATIENCE 4

static void on_ready(void *ctx);
static void on_sent(void *ctx);
static void on_ended(void *ctx);
static void on_deadline(void *ctx);

struct cm_net_conn *cm_net_conn_new(struct cm_loop *loop, struct cm_tls_context *tls,
                                    const struct cm_net_limits *limits,
                                    const struct cm_net_handlers *handlers) {
    struct cm_net_conn *c = cm_new(1, sizeof(*c));

    c->loop = loop;
    c->limits = limits;
    c->handlers = handlers;
    c->ctx = handlers->ctx;
    c->next_sequence = 1;
    c->deadline = (struct cm_timer){.run = on_deadline, .ctx = c};
    c->stream.loop = loop;
    c->stream.tls = tls;
    c->stream.ready = (struct cm_task){.run = on_ready, .ctx = c};
    c->stream.sent = (struct cm_task){.run = on_sent, .ctx = c};
    c->stream.ended = (struct cm_task){.run = on_ended, .ctx = c};
    cm_net_stream_init(&c->stream, limits->max_payload);
    cm_list_init(&c->in_listener);
    cm_list_init(&c->in_unproven);
    return c;
}

static void free_conn(struct cm_net_conn *c) {
    cm_net_stream_done(&c->stream);
    cm_net_outs_free(c->batch.first);
    cm_net_outs_free(c->queue_first);
    cm_net_dial_free(c->dial);
    free(c->why);
    free(c);
}

void cm_net_conn_abandon(struct cm_net_conn *c) {
    free_conn(c);
}

void cm_net_conn_refuse(struct cm_net_conn *c, enum cm_net_refusal why) {
    if (c->refusal == CM_NET_NOT_REFUSED) {
        c->refusal = why;
    }
}

static void finish(struct cm_net_conn *c) {
    if (c->opened || c->dial != NULL) {
        c->handlers->closed(c->ctx, c, c->why);
    }
    if (c->listener != NULL && !c->greeted) {
        cm_net_listener_refused(c->listener, c->refusal);
    }
    if (c->listener != NULL) {
        cm_net_listener_forget(c->listener, c);
    }
    free_conn(c);
}

void cm_net_conn_enter(struct cm_net_conn *c) {
    c->calls++;
}

// What closes a connection from elsewhere leaves a dial or a stream pending, whose end comes here
// after all else that was posted.
void cm_net_conn_leave(struct cm_net_conn *c) {
    c->calls--;
    if (c->calls == 0 && c->state == CM_NET_CLOSING && !c->pending) {
        c->calls++; // whatever `closed` does to the connection, it is freed once
        finish(c);
    }
}

static void set_why(struct cm_net_conn *c, const struct cm_err *why) {
    if (c->why == NULL) { // the first reason is the cause, later ones follow from it
        c->why = cm_new(1, sizeof(*why));
        *c->why = *why;
    }
}

static void close_now(struct cm_net_conn *c, const struct cm_err *why) {
    if (c->state == CM_NET_CLOSING) {
        return;
    }
    set_why(c, why);
    c->closed_ms = cm_clock_now_ms();
    c->state = CM_NET_CLOSING;
    cm_list_remove(&c->in_unproven);
    cm_timer_stop(c->loop, &c->deadline);
    if (c->stream.tcp != NULL) {
        cm_net_stream_close(&c->stream);
    } else if (c->dial != NULL) {
        cm_net_dial_cancel(c);
    }
}

void cm_net_conn_fail(struct cm_net_conn *c, enum cm_rc code, const char *fmt, ...) {
    struct cm_err why = {.code = code};
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(why.msg, sizeof(why.msg), fmt, args);
    va_end(args);
    close_now(c, &why);
}

// lose closes after an error of the stream.
static void lose(struct cm_net_conn *c, int rv) {
    struct cm_err why;
    char tls[160];

    switch (rv) {
    case NNG_EPROTO:
        cm_net_conn_refuse(c, CM_NET_GARBAGE);
        cm_net_reader_why(&c->stream.reader, &why);
        break;
    case NNG_ECRYPTO:
        cm_net_conn_refuse(c, CM_NET_NO_TLS);
        cm_net_stream_why(&c->stream, tls, sizeof(tls));
        (void)cm_fail(&why, CM_EAUTH, "TLS with %s: %s", c->addr, tls);
        break;
    case NNG_ECONNSHUT:
    case NNG_ECLOSED:
        (void)cm_fail(&why, CM_EIO,
                      c->opened ? "the peer closed the connection"
                                : "the peer closed the connection during the TLS handshake");
        break;
    default:
        (void)cm_fail(&why, CM_EIO, "connection with %s: %s", c->addr, nng_strerror(rv));
        break;
    }
    cm_net_conn_refuse(c, CM_NET_GONE);
    close_now(c, &why);
}

static void write_addr(struct cm_net_conn *c) {
    nng_sockaddr sa;
    char host[INET6_ADDRSTRLEN] = "";

    if (nng_stream_get_addr(c->stream.tcp, NNG_OPT_REMADDR, &sa) != 0) {
        (void)snprintf(c->addr, sizeof(c->addr), "an unknown address"); // gone already
    } else if (sa.s_family == NNG_AF_INET6) {
        (void)inet_ntop(AF_INET6, sa.s_in6.sa_addr, host, sizeof(host));
        (void)snprintf(c->addr, sizeof(c->addr), "[%s]:%u", host, ntohs(sa.s_in6.sa_port));
    } else {
        (void)inet_ntop(AF_INET, &sa.s_in.sa_addr, host, sizeof(host));
        (void)snprintf(c->addr, sizeof(c->addr), "%s:%u", host, ntohs(sa.s_in.sa_port));
    }
}

void cm_net_conn_start(struct cm_net_conn *c) {
    write_addr(c);
    if (c->deadline.at == 0) { // a dial has started it
        cm_timer_start(c->loop, &c->deadline, c->limits->handshake_ms);
    }
    c->pending = true;
    cm_net_stream_start(&c->stream, c->dial != NULL);
}

// Receiving

static bool is_reading(const struct cm_net_conn *c) {
    return c->state == CM_NET_OPEN || c->state == CM_NET_FLUSHING || c->state == CM_NET_LINGERING;
}

static void open_conn(struct cm_net_conn *c) {
    if (c->state != CM_NET_CONNECTING) {
        return;
    }
    c->state = CM_NET_OPEN;
    c->opened = true;
    c->heard_ms = cm_clock_now_ms();
    cm_net_listener_opened(c);
    cm_timer_start(c->loop, &c->deadline, c->limits->handshake_ms);
    c->handlers->opened(c->ctx, c);
}

static void hand_frame(struct cm_net_conn *c) {
    struct cm_net_frame frame;

    c->heard_ms = cm_clock_now_ms();
    if (!c->greeted) {
        c->greeted = true;
        cm_net_listener_settle(c, true);
        cm_timer_start(c->loop, &c->deadline, c->limits->silence_ms);
    }
    cm_net_reader_frame(&c->stream.reader, &frame);
    c->handlers->frame(c->ctx, c, &frame);
}

// on_ready asks for the next frame in the end. One that is there already waits its turn in the
// loop's queue, so that a busy peer does not keep the others waiting.
static void on_ready(void *ctx) {
    struct cm_net_conn *c = ctx;

    cm_net_conn_enter(c);
    if (c->stream.phase == CM_NET_BROKEN) {
        lose(c, c->stream.broken);
    } else if (c->stream.phase == CM_NET_OPENED) {
        open_conn(c);
    } else if (c->state == CM_NET_OPEN) {
        hand_frame(c);
    }
    if (is_reading(c) && !c->paused) {
        cm_net_stream_resume(&c->stream);
    }
    cm_net_conn_leave(c);
}

static void on_ended(void *ctx) {
    struct cm_net_conn *c = ctx;

    cm_net_conn_enter(c);
    c->pending = false;
    cm_net_conn_leave(c);
}

void cm_net_pause(struct cm_net_conn *conn) {
    conn->paused = true;
}

void cm_net_resume(struct cm_net_conn *conn) {
    if (!conn->paused) {
        return;
    }
    conn->paused = false;
    if (is_reading(conn)) {
        cm_loop_post(conn->loop, &conn->stream.ready);
    }
}

// Sending

static void take_batch(struct cm_net_conn *c) {
    struct cm_net_out *last = c->queue_first;
    size_t bytes = cm_net_out_size(last);

    while (last->next != NULL && bytes + cm_net_out_size(last->next) <= BATCH_BYTES) {
        last = last->next;
        bytes += cm_net_out_size(last);
    }
    c->batch =
        (struct cm_net_batch){.first = c->queue_first, .bytes = bytes, .current = c->queue_first};
    c->queue_first = last->next;
    last->next = NULL;
}

static void send_on(struct cm_net_conn *c) {
    take_batch(c);
    c->sending = true;
    cm_net_stream_send(&c->stream, &c->batch);
}

static void linger(struct cm_net_conn *c) {
    c->state = CM_NET_LINGERING;
    cm_net_stream_shut(&c->stream);
}

static void sent_all(struct cm_net_conn *c) {
    if (c->state == CM_NET_OPEN && c->handlers->drained != NULL) {
        c->handlers->drained(c->ctx, c);
    } else if (c->state == CM_NET_FLUSHING) {
        linger(c);
    }
}

// go_on_sending: after an error receiving usually ends too and says why, with frames of the peer
// before it; so it gets a little time to do so.
static void go_on_sending(struct cm_net_conn *c) {
    if (c->send_broken) {
        cm_timer_start(c->loop, &c->deadline, FLUSH_MS);
    } else if (c->queue_first != NULL) {
        send_on(c);
    } else {
        sent_all(c);
    }
}

static void on_sent(void *ctx) {
    struct cm_net_conn *c = ctx;

    c->sending = false;
    c->send_broken = c->stream.send_result != 0;
    c->queued_bytes -= c->batch.bytes;
    cm_net_outs_free(c->batch.first);
    c->batch = (struct cm_net_batch){0};
    cm_net_conn_enter(c);
    if (c->state != CM_NET_CLOSING) {
        go_on_sending(c);
    }
    cm_net_conn_leave(c);
}

static struct cm_net_out *new_out(struct cm_net_conn *c, uint16_t type, uint16_t flags,
                                  struct cm_buf *payload) {
    struct cm_net_out *out = cm_new(1, sizeof(*out));
    struct cm_net_header header = {
        .size = payload == NULL ? 0 : (uint32_t)payload->size,
        .type = type,
        .flags = flags,
        .sequence = c->next_sequence++,
    };

    cm_net_header_write(&header, out->header);
    out->payload = payload == NULL ? NULL : cm_buf_ref(payload);
    return out;
}

static void enqueue(struct cm_net_conn *c, struct cm_net_out *out) {
    if (c->queue_first == NULL) {
        c->queue_first = out;
    } else {
        c->queue_last->next = out;
    }
    c->queue_last = out;
    c->queued_bytes += cm_net_out_size(out);
}

enum cm_rc cm_net_send(struct cm_net_conn *conn, uint16_t type, uint16_t flags,
                       struct cm_buf *payload, struct cm_err *err) {
    size_t limit = conn->limits->send_queue_bytes;
    size_t size = CM_NET_HEADER_SIZE + (payload == NULL ? 0 : payload->size);

    assert(cm_loop_is_owner(conn->loop));
    if (conn->state != CM_NET_OPEN) {
        return cm_fail(err, CM_ECANCELED, "the connection is not open");
    }
    if (size > limit || size > UINT32_MAX) {
        return cm_fail(err, CM_EINVAL, "a frame of %zu bytes never fits into a queue of %zu", size,
                       limit);
    }
    if (size > limit - conn->queued_bytes) {
        return cm_fail(err, CM_EBUSY, "%zu bytes wait to be sent to %s", conn->queued_bytes,
                       conn->addr);
    }
    enqueue(conn, new_out(conn, type, flags, payload));
    if (!conn->held && !conn->sending && !conn->send_broken) {
        send_on(conn);
    }
    return CM_OK;
}

void cm_net_hold(struct cm_net_conn *conn) {
    conn->held = true;
}

void cm_net_let_go(struct cm_net_conn *conn) {
    conn->held = false;
    if (conn->state == CM_NET_OPEN && conn->queue_first != NULL && !conn->sending &&
        !conn->send_broken) {
        send_on(conn);
    }
}

size_t cm_net_queued_bytes(const struct cm_net_conn *conn) {
    return conn->queued_bytes;
}

// Ending

static int64_t allowed_ms(const struct cm_net_conn *c) {
    int64_t base = c->greeted ? c->limits->silence_ms : c->limits->handshake_ms;

    return base + c->stream.reader.expected / SLOWEST_BYTES_PER_MS;
}

// Tells whether a handshake may take longer, since it is our turn. When a whole fleet comes back,
// to close those that waited would be to have them all again.
static bool is_patient(const struct cm_net_conn *c) {
    return cm_clock_now_ms() - c->since_ms < PATIENCE * c->limits->handshake_ms &&
           cm_net_listener_keeps_waiting(c);
}

// on_deadline fires where the deadline was when it was set; what was heard since moves it.
static void on_deadline(void *ctx) {
    struct cm_net_conn *c = ctx;
    int64_t now_ms = cm_clock_now_ms();

    cm_net_conn_enter(c);
    switch (c->state) {
    case CM_NET_CONNECTING:
        if (is_patient(c)) {
            cm_timer_start(c->loop, &c->deadline, c->limits->handshake_ms / PATIENCE);
            break;
        }
        cm_net_conn_refuse(c, CM_NET_SLOW);
        cm_net_conn_fail(c, CM_EIO, "%s within %lld ms",
                         c->stream.tcp == NULL ? "no connection" : "no TLS handshake",
                         (long long)c->limits->handshake_ms);
        break;
    case CM_NET_OPEN:
        if (c->send_broken) {
            cm_net_conn_fail(c, CM_EIO, "cannot send to %s: %s", c->addr,
                             nng_strerror(c->stream.send_result));
            break;
        }
        if (c->paused) {
            c->heard_ms = now_ms; // it is not the peer who keeps silent
        }
        if (now_ms - c->heard_ms < allowed_ms(c)) {
            cm_timer_start(c->loop, &c->deadline, c->heard_ms + allowed_ms(c) - now_ms);
            break;
        }
        cm_net_conn_refuse(c, CM_NET_SLOW);
        cm_net_conn_fail(c, CM_EIO, "nothing was heard from the peer for %lld ms",
                         (long long)(now_ms - c->heard_ms));
        break;
    case CM_NET_FLUSHING:
    case CM_NET_LINGERING:
        cm_net_conn_fail(c, CM_EIO, "the peer did not close");
        break;
    case CM_NET_CLOSING:
        break;
    }
    cm_net_conn_leave(c);
}

void cm_net_close(struct cm_net_conn *conn, bool flush, const char *reason) {
    struct cm_err why;

    assert(cm_loop_is_owner(conn->loop));
    (void)cm_fail(&why, CM_ECANCELED, "%s", reason);
    if (!flush || conn->state == CM_NET_CONNECTING) {
        close_now(conn, &why);
        return;
    }
    cm_net_close_within(conn, FLUSH_MS, reason);
}

// hurry moves the end of a connection that flushes already, never to a later time.
static void hurry(struct cm_net_conn *c, int64_t ms) {
    bool flushes = c->state == CM_NET_FLUSHING || c->state == CM_NET_LINGERING;

    if (flushes && cm_clock_now_ms() + ms < c->deadline.due_ms) {
        cm_timer_start(c->loop, &c->deadline, ms);
    }
}

void cm_net_close_within(struct cm_net_conn *conn, int64_t ms, const char *reason) {
    struct cm_err why;

    assert(cm_loop_is_owner(conn->loop));
    (void)cm_fail(&why, CM_ECANCELED, "%s", reason);
    if (conn->state != CM_NET_OPEN) {
        hurry(conn, ms);
        return;
    }
    cm_net_let_go(conn);
    set_why(conn, &why);
    conn->state = CM_NET_FLUSHING;
    cm_net_resume(conn); // to see the peer close
    cm_net_listener_settle(conn, false);
    cm_timer_start(conn->loop, &conn->deadline, ms);
    if (!conn->sending) {
        linger(conn);
    }
}

void cm_net_conn_set_ctx(struct cm_net_conn *conn, void *ctx) {
    conn->ctx = ctx;
}

const char *cm_net_conn_addr(const struct cm_net_conn *conn) {
    return conn->addr;
}

const struct cm_tls_peer *cm_net_conn_peer(const struct cm_net_conn *conn) {
    return &conn->stream.peer;
}

int64_t cm_net_conn_closed_ms(const struct cm_net_conn *conn) {
    return conn->closed_ms;
}
