#include "common/net/net.h"

#include <dirent.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nng/nng.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/loop.h"
#include "common/mem.h"
#include "tests/support/pki.h"
#include "tests/support/raw_peer.h"

enum { NOTE = 1, BULK = 2 };

// ---- What stands before functions of others: the linker's --wrap

static atomic_int aio_error; // not 0: no operation can be made
static atomic_int sessions;  // of TLS, that were begun
static struct {
    pthread_mutex_t mu;
    int countdown; // to the send that waits for let_send
    nng_stream *stream;
    nng_aio *aio;
} held = {.mu = PTHREAD_MUTEX_INITIALIZER};

// NOLINTBEGIN(cert-dcl51-cpp,bugprone-reserved-identifier) the linker's names
int __real_nng_aio_alloc(nng_aio **out, void (*done)(void *arg), void *arg);
int __wrap_nng_aio_alloc(nng_aio **out, void (*done)(void *arg), void *arg);
struct cm_tls_session *__real_cm_tls_session_new(struct cm_tls_context *ctx,
                                                 const struct cm_tls_io *io);
struct cm_tls_session *__wrap_cm_tls_session_new(struct cm_tls_context *ctx,
                                                 const struct cm_tls_io *io);
void __real_nng_stream_send(nng_stream *stream, nng_aio *aio);
void __wrap_nng_stream_send(nng_stream *stream, nng_aio *aio);

int __wrap_nng_aio_alloc(nng_aio **out, void (*done)(void *arg), void *arg) {
    return aio_error != 0 ? aio_error : __real_nng_aio_alloc(out, done, arg);
}

struct cm_tls_session *__wrap_cm_tls_session_new(struct cm_tls_context *ctx,
                                                 const struct cm_tls_io *io) {
    sessions++;
    return __real_cm_tls_session_new(ctx, io);
}

void __wrap_nng_stream_send(nng_stream *stream, nng_aio *aio) {
    (void)pthread_mutex_lock(&held.mu);
    bool hold = held.countdown > 0 && --held.countdown == 0;
    if (hold) {
        held.stream = stream;
        held.aio = aio;
    }
    (void)pthread_mutex_unlock(&held.mu);
    if (!hold) {
        __real_nng_stream_send(stream, aio);
    }
}
// NOLINTEND(cert-dcl51-cpp,bugprone-reserved-identifier)

static void hold_send(int number) {
    (void)pthread_mutex_lock(&held.mu);
    held.countdown = number;
    (void)pthread_mutex_unlock(&held.mu);
}

static void let_send(void) {
    (void)pthread_mutex_lock(&held.mu);
    nng_aio *aio = held.aio;
    held.aio = NULL;
    (void)pthread_mutex_unlock(&held.mu);
    assert_non_null(aio);
    nng_stream_send(held.stream, aio);
}

static size_t max_payload(uint16_t type) {
    return type == NOTE ? 64 : type == BULK ? 1 << 20 : 0;
}

static const struct cm_net_limits limits = {
    .max_payload = max_payload,
    .send_queue_bytes = 4 << 20,
    .handshake_ms = 5000,
    .silence_ms = 60000,
};

enum { HANDSHAKES = 256, BEHIND = 44 }; // that are begun at a time, and that wait
enum { PATIENCE_S = 60 };

// What one end has seen.
struct seen {
    struct fixture *fixture;
    struct cm_net_conn *conn; // open now
    struct cm_tls_peer peer;
    int opened;
    int frames;
    int wanted; // frames, if a test waits for so many
    int drained;
    int closed;
    size_t bytes;
    uint16_t last_flags;
    uint8_t sum; // of the payload bytes
    bool in_order;
    bool refuse;     // closes in `opened`
    bool close_soon; // closes in `frame`
    int pauses;      // so many frames are not taken at first
    struct cm_err why;
};

struct fixture {
    struct pki pki;
    struct cm_loop *loop;
    struct cm_tls_context *hub_tls;
    struct cm_tls_context *agent_tls;
    struct cm_net_listener *listener;
    struct seen hub;
    struct seen agent;
    bool (*done)(const struct fixture *f);
    atomic_int gone; // connections that ended before a frame since their peer went
};

// The loop stops as soon as what the test waits for has come.
static void check(struct fixture *f) {
    if (f->done != NULL && f->done(f)) {
        cm_loop_stop(f->loop);
    }
}

static void wait_for(struct fixture *f, bool (*done)(const struct fixture *f)) {
    f->done = done;
    if (!done(f)) {
        cm_loop_run(f->loop);
    }
    f->done = NULL;
}

static void on_opened(void *ctx, struct cm_net_conn *conn) {
    struct seen *s = ctx;

    s->conn = conn;
    s->peer = *cm_net_conn_peer(conn);
    s->opened++;
    if (s->refuse) {
        cm_net_close(conn, false, "refused");
    }
    check(s->fixture);
}

static void on_frame(void *ctx, struct cm_net_conn *conn, const struct cm_net_frame *frame) {
    struct seen *s = ctx;

    assert_ptr_equal(conn, s->conn);
    if (s->pauses > 0) {
        s->pauses--;
        cm_net_pause(conn);
        check(s->fixture);
        return;
    }
    s->in_order &= frame->flags == (uint16_t)s->frames;
    s->frames++;
    s->bytes += frame->size;
    s->last_flags = frame->flags;
    for (size_t i = 0; i < frame->size; i++) {
        s->sum = (uint8_t)(s->sum + frame->payload[i]);
    }
    if (s->close_soon) {
        cm_net_close(conn, false, "enough");
    }
    check(s->fixture);
}

static void on_closed(void *ctx, struct cm_net_conn *conn, const struct cm_err *why) {
    struct seen *s = ctx;

    (void)conn;
    s->conn = NULL;
    s->why = *why;
    s->closed++;
    check(s->fixture);
}

static void on_drained(void *ctx, struct cm_net_conn *conn) {
    struct seen *s = ctx;

    assert_ptr_equal(conn, s->conn);
    s->drained++;
    check(s->fixture);
}

static struct cm_net_handlers handlers(struct seen *s) {
    return (struct cm_net_handlers){on_opened, on_frame, on_closed, on_drained, s, NULL};
}

static void on_refused(void *ctx, enum cm_net_refusal why) {
    ((struct seen *)ctx)->fixture->gone += why == CM_NET_GONE ? 1 : 0;
}

static void listen_on(struct fixture *f, uint16_t port, const struct cm_net_limits *l) {
    struct cm_net_handlers h = handlers(&f->hub);
    h.refused = on_refused;
    char addr[32];
    struct cm_err err;

    (void)snprintf(addr, sizeof(addr), "127.0.0.1:%u", port);
    assert_int_equal(cm_net_listen(f->loop, addr, f->hub_tls, l, &h, &f->listener, &err), CM_OK);
}

static struct cm_net_conn *dial_host(struct fixture *f, const char *host, uint16_t port,
                                     const struct cm_net_limits *l) {
    struct cm_net_handlers h = handlers(&f->agent);
    struct cm_net_conn *conn = NULL;
    char addr[64];
    struct cm_err err;

    (void)snprintf(addr, sizeof(addr), "%s:%u", host, port);
    assert_int_equal(cm_net_dial(f->loop, addr, f->agent_tls, l, &h, &conn, &err), CM_OK);
    return conn;
}

static struct cm_net_conn *dial(struct fixture *f) {
    return dial_host(f, "127.0.0.1", cm_net_listener_port(f->listener), &limits);
}

static bool both_open(const struct fixture *f) {
    return f->hub.conn != NULL && f->agent.conn != NULL;
}

static bool agent_opened(const struct fixture *f) {
    return f->agent.opened > 0;
}

static bool both_closed(const struct fixture *f) {
    return f->hub.closed > 0 && f->agent.closed > 0;
}

static bool hub_closed(const struct fixture *f) {
    return f->hub.closed > 0;
}

static bool agent_closed(const struct fixture *f) {
    return f->agent.closed > 0;
}

static bool hub_got_one(const struct fixture *f) {
    return f->hub.frames > 0;
}

static void connect_both(struct fixture *f) {
    (void)dial(f);
    wait_for(f, both_open);
}

static void send_text(struct cm_net_conn *conn, uint16_t type, uint16_t flags, const char *text) {
    struct cm_buf *buf = cm_buf_copy(text, strlen(text));
    struct cm_err err;

    assert_int_equal(cm_net_send(conn, type, flags, buf, &err), CM_OK);
    cm_buf_unref(buf);
}

static int set_up(void **state) {
    struct fixture *f = cm_new(1, sizeof(*f));

    cm_clock_fake(cm_clock_unix_ms()); // no deadline ends what a busy machine is slow to do
    pki_init(&f->pki);
    f->loop = cm_loop_new();
    f->hub_tls = pki_hub_context(&f->pki, CM_TLS_SERVER_MUTUAL);
    f->agent_tls = pki_agent_context(&f->pki);
    f->hub = (struct seen){.fixture = f, .in_order = true};
    f->agent = (struct seen){.fixture = f, .in_order = true};
    listen_on(f, 0, &limits);
    *state = f;
    return 0;
}

static bool all_quiet(const struct fixture *f) {
    return cm_net_listener_quiet(f->listener) && f->agent.conn == NULL;
}

// What a test left open is closed; quiet comes with no handler call when nothing was opened, so the
// loop is turned by its own posts.
static void stop_listener(struct fixture *f) {
    cm_net_listener_stop(f->listener);
    while (!all_quiet(f)) {
        if (f->hub.conn != NULL) {
            cm_net_close(f->hub.conn, false, "test over");
        }
        if (f->agent.conn != NULL) {
            cm_net_close(f->agent.conn, false, "test over");
        }
        (void)cm_loop_turn(f->loop);
    }
    cm_net_listener_free(f->listener);
    f->listener = NULL;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    cm_clock_fake(-1);
    if (f->listener != NULL) {
        stop_listener(f);
    }
    cm_loop_free(f->loop);
    cm_tls_context_unref(f->hub_tls);
    cm_tls_context_unref(f->agent_tls);
    pki_done(&f->pki);
    free(f);
    return 0;
}

static void each_end_sees_who_the_other_is(void **state) {
    struct fixture *f = *state;

    connect_both(f);
    assert_string_equal(f->hub.peer.uri, PKI_AGENT_URI);
    assert_string_equal(f->agent.peer.uri, PKI_HUB_URI);
    assert_memory_equal(f->hub.peer.exporter, f->agent.peer.exporter, 32);
    assert_non_null(strstr(cm_net_conn_addr(f->hub.conn), "127.0.0.1:"));
}

static bool all_arrived(const struct fixture *f) {
    return f->hub.frames == 500 && f->agent.frames == 500;
}

static void frames_go_both_ways_in_order(void **state) {
    struct fixture *f = *state;
    struct cm_buf *buf = cm_buf_new(5000);
    struct cm_err err;
    size_t bytes = 0;

    memset(buf->data, 1, buf->size);
    connect_both(f);
    for (uint16_t i = 0; i < 500; i++) {
        struct cm_buf *payload = i % 3 == 0 ? NULL : buf;

        bytes += payload == NULL ? 0 : buf->size;
        assert_int_equal(cm_net_send(f->agent.conn, BULK, i, payload, &err), CM_OK);
        assert_int_equal(cm_net_send(f->hub.conn, BULK, i, payload, &err), CM_OK);
    }
    cm_buf_unref(buf);
    wait_for(f, all_arrived);
    assert_true(f->hub.in_order && f->agent.in_order);
    assert_int_equal(f->hub.bytes, bytes);
    assert_int_equal(f->agent.bytes, bytes);
    assert_int_equal(f->hub.sum, (uint8_t)bytes);
}

static void a_frame_may_be_larger_than_all_buffers(void **state) {
    struct fixture *f = *state;
    struct cm_buf *buf = cm_buf_new(1 << 20);
    uint8_t sum = 0;
    struct cm_err err;

    for (size_t i = 0; i < buf->size; i++) {
        buf->data[i] = (uint8_t)(i * 7 + i / 4096);
        sum = (uint8_t)(sum + buf->data[i]);
    }
    connect_both(f);
    assert_int_equal(cm_net_send(f->agent.conn, BULK, 0, buf, &err), CM_OK);
    assert_int_equal(buf->refs, 2); // shared, not copied
    wait_for(f, hub_got_one);
    assert_int_equal(f->hub.bytes, 1 << 20);
    assert_int_equal(f->hub.sum, sum);
    cm_buf_unref(buf);
}

static bool hub_has_caught_up(const struct fixture *f) {
    return f->hub.frames == f->hub.wanted;
}

// Records that just fill the memory for receiving, or just do not.
static void frames_of_every_size_arrive(void **state) {
    struct fixture *f = *state;
    const size_t around[] = {474, 474 + (16 << 10), 474 + (32 << 10)};
    size_t bytes = 0;

    connect_both(f);
    for (size_t i = 0; i < 3 * 100; i++) {
        struct cm_buf *buf = cm_buf_new(around[i / 100] - 50 + i % 100);
        struct cm_err err;

        memset(buf->data, 1, buf->size);
        bytes += buf->size;
        assert_int_equal(cm_net_send(f->agent.conn, BULK, (uint16_t)i, buf, &err), CM_OK);
        cm_buf_unref(buf);
        f->hub.wanted = (int)i + 1;
        wait_for(f, hub_has_caught_up);
    }
    assert_true(f->hub.in_order);
    assert_int_equal(f->hub.bytes, bytes);
    assert_int_equal(f->hub.sum, (uint8_t)bytes);
}

static bool agent_drained(const struct fixture *f) {
    return f->agent.drained > 0;
}

static void a_full_queue_refuses_until_it_has_drained(void **state) {
    struct fixture *f = *state;
    struct cm_buf *buf = cm_buf_new(1 << 20);
    struct cm_err err;
    int queued = 0;

    memset(buf->data, 0, buf->size);
    connect_both(f);
    while (cm_net_send(f->agent.conn, BULK, (uint16_t)queued, buf, &err) == CM_OK) {
        queued++;
    }
    assert_int_equal(err.code, CM_EBUSY);
    assert_int_equal(queued, 3); // four do not fit with their headers
    assert_int_equal(cm_net_queued_bytes(f->agent.conn), 3 * (buf->size + CM_NET_HEADER_SIZE));
    wait_for(f, agent_drained);
    assert_int_equal(cm_net_queued_bytes(f->agent.conn), 0);
    assert_int_equal(cm_net_send(f->agent.conn, BULK, 3, buf, &err), CM_OK);
    cm_buf_unref(buf);
}

static void a_frame_larger_than_the_queue_never_fits(void **state) {
    struct fixture *f = *state;
    struct cm_buf *buf = cm_buf_new(4 << 20);
    struct cm_err err;

    memset(buf->data, 0, buf->size);
    connect_both(f);
    assert_int_equal(cm_net_send(f->agent.conn, BULK, 0, buf, &err), CM_EINVAL);
    cm_buf_unref(buf);
}

static void closing_with_flush_delivers_everything(void **state) {
    struct fixture *f = *state;
    struct cm_buf *buf = cm_buf_new(100000);
    struct cm_err err;

    memset(buf->data, 1, buf->size);
    connect_both(f);
    for (uint16_t i = 0; i < 20; i++) {
        assert_int_equal(cm_net_send(f->hub.conn, BULK, i, buf, &err), CM_OK);
    }
    cm_buf_unref(buf);
    cm_net_close(f->hub.conn, true, "moving house");
    assert_int_equal(cm_net_send(f->hub.conn, NOTE, 0, NULL, &err), CM_ECANCELED);
    wait_for(f, both_closed);
    assert_int_equal(f->agent.frames, 20);
    assert_true(f->agent.in_order);
    assert_string_equal(f->hub.why.msg, "moving house");
    assert_int_equal(f->hub.why.code, CM_ECANCELED);
    assert_string_equal(f->agent.why.msg, "the peer closed the connection");
}

static void everything_arrives_though_the_peer_is_talking(void **state) {
    struct fixture *f = *state;
    struct cm_buf *buf = cm_buf_new(100000);
    struct cm_err err;

    memset(buf->data, 1, buf->size);
    connect_both(f);
    for (uint16_t i = 0; i < 30; i++) {
        assert_int_equal(cm_net_send(f->hub.conn, BULK, i, buf, &err), CM_OK);
        assert_int_equal(cm_net_send(f->agent.conn, BULK, i, buf, &err), CM_OK);
    }
    cm_buf_unref(buf);
    cm_net_close(f->hub.conn, true, "enough");
    wait_for(f, both_closed);
    assert_int_equal(f->agent.frames, 30);
    assert_int_equal(f->hub.frames, 0); // who closes does not listen
}

static void a_last_word_arrives_though_the_peer_is_talking(void **state) {
    struct fixture *f = *state;

    connect_both(f);
    for (uint16_t i = 0; i < 100; i++) {
        send_text(f->agent.conn, NOTE, i, "something the hub will not read");
    }
    send_text(f->hub.conn, NOTE, 0, "go away");
    cm_net_close(f->hub.conn, true, "refused");
    wait_for(f, both_closed);
    assert_int_equal(f->agent.frames, 1);
    assert_int_equal(f->hub.frames, 0);
}

// The hub's deadlines are at stake; the agent is patient.
static void connect_patiently(struct fixture *f) {
    struct cm_net_limits patient = limits;

    patient.silence_ms = patient.handshake_ms = 3600000;
    (void)dial_host(f, "127.0.0.1", cm_net_listener_port(f->listener), &patient);
    wait_for(f, both_open);
}

static bool hub_paused(const struct fixture *f) {
    return f->hub.pauses == 0;
}

static bool agent_paused(const struct fixture *f) {
    return f->agent.pauses == 0;
}

static bool hub_got_three(const struct fixture *f) {
    return f->hub.frames == 3;
}

static bool agent_got_one(const struct fixture *f) {
    return f->agent.frames == 1;
}

static void a_frame_that_is_not_taken_is_handed_over_again(void **state) {
    struct fixture *f = *state;

    connect_both(f);
    f->hub.pauses = 1;
    for (uint16_t i = 0; i < 3; i++) {
        send_text(f->agent.conn, BULK, i, "abc");
    }
    wait_for(f, hub_paused);
    send_text(f->hub.conn, BULK, 0, "the other way goes on");
    wait_for(f, agent_got_one);
    assert_int_equal(f->hub.frames, 0);
    cm_net_resume(f->hub.conn);
    wait_for(f, hub_got_three);
    assert_true(f->hub.in_order);
    assert_int_equal(f->hub.bytes, 9);
    cm_net_resume(f->hub.conn); // is fine, and does nothing
}

static void a_paused_connection_is_not_closed_for_silence(void **state) {
    struct fixture *f = *state;

    connect_patiently(f);
    f->hub.pauses = 1;
    send_text(f->agent.conn, BULK, 0, "abc");
    wait_for(f, hub_paused);
    for (int i = 0; i < 4; i++) {
        f->agent.frames = 0;
        send_text(f->hub.conn, BULK, 0, "still here"); // so the agent is content
        wait_for(f, agent_got_one);
        cm_clock_advance(limits.silence_ms - 1000);
    }
    cm_net_resume(f->hub.conn);
    wait_for(f, hub_got_one);
    assert_int_equal(f->hub.closed, 0);
}

static void the_end_of_a_paused_connection_is_seen_when_it_goes_on(void **state) {
    struct fixture *f = *state;

    connect_both(f);
    f->hub.pauses = 1;
    send_text(f->agent.conn, BULK, 0, "abc");
    wait_for(f, hub_paused);
    cm_net_close(f->agent.conn, false, "gone");
    wait_for(f, agent_closed);
    cm_net_resume(f->hub.conn);
    wait_for(f, hub_closed);
    assert_int_equal(f->hub.frames, 1);
}

static void a_paused_connection_can_say_a_last_word(void **state) {
    struct fixture *f = *state;

    connect_both(f);
    f->hub.pauses = 1;
    for (uint16_t i = 0; i < 3; i++) {
        send_text(f->agent.conn, BULK, i, "abc");
    }
    wait_for(f, hub_paused);
    send_text(f->hub.conn, BULK, 0, "goodbye");
    cm_net_close(f->hub.conn, true, "enough");
    wait_for(f, both_closed);
    assert_int_equal(f->agent.frames, 1);
    assert_int_equal(f->hub.frames, 0);
}

static void a_connection_that_flushes_can_be_closed_sooner_and_not_later(void **state) {
    struct fixture *f = *state;

    connect_patiently(f);
    f->agent.pauses = 1;
    send_text(f->hub.conn, BULK, 0, "abc");
    wait_for(f, agent_paused);
    cm_net_close_within(f->hub.conn, 500, "enough");
    cm_net_close_within(f->hub.conn, 400, "at once");
    cm_net_close_within(f->hub.conn, 1000, "later");
    cm_clock_advance(400);
    wait_for(f, hub_closed);
    assert_string_equal(f->hub.why.msg, "enough");
}

static void closing_without_flush_is_immediate(void **state) {
    struct fixture *f = *state;

    connect_both(f);
    cm_net_close(f->agent.conn, false, "bye");
    assert_int_equal(f->agent.closed, 0); // never from inside
    wait_for(f, both_closed);
    assert_string_equal(f->agent.why.msg, "bye");
    assert_int_equal(f->agent.closed, 1);
    assert_int_equal(f->hub.closed, 1);
}

static void a_listener_refuses_when_opened(void **state) {
    struct fixture *f = *state;

    f->hub.refuse = true;
    (void)dial(f);
    wait_for(f, both_closed);
    assert_int_equal(f->hub.frames, 0);
    assert_string_equal(f->hub.why.msg, "refused");
}

static void closing_in_the_frame_handler_ends_it_there(void **state) {
    struct fixture *f = *state;

    connect_both(f);
    f->hub.close_soon = true;
    for (uint16_t i = 0; i < 10; i++) {
        send_text(f->agent.conn, NOTE, i, "x");
    }
    wait_for(f, both_closed);
    assert_int_equal(f->hub.frames, 1);
}

static void silence_closes_a_connection(void **state) {
    struct fixture *f = *state;

    connect_patiently(f);
    send_text(f->agent.conn, NOTE, 0, "here");
    wait_for(f, hub_got_one);
    cm_clock_advance(limits.silence_ms - 1);
    (void)cm_loop_turn(f->loop);
    assert_int_equal(f->hub.closed, 0);
    cm_clock_advance(1);
    wait_for(f, hub_closed);
    assert_string_equal(f->hub.why.msg, "nothing was heard from the peer for 60000 ms");
}

static bool hub_got_two(const struct fixture *f) {
    return f->hub.frames == 2;
}

static bool hub_got_three_or_closed(const struct fixture *f) {
    return f->hub.frames == 3 || f->hub.closed > 0;
}

static void each_frame_moves_the_deadline(void **state) {
    struct fixture *f = *state;

    connect_patiently(f);
    send_text(f->agent.conn, NOTE, 0, "here");
    wait_for(f, hub_got_one);
    cm_clock_advance(40000);
    send_text(f->agent.conn, NOTE, 1, "still here");
    wait_for(f, hub_got_two);
    cm_clock_advance(40000);
    (void)cm_loop_turn(f->loop);
    send_text(f->agent.conn, NOTE, 2, "and here");
    wait_for(f, hub_got_three_or_closed);
    assert_int_equal(f->hub.frames, 3);
}

static void the_first_frame_is_due_soon(void **state) {
    struct fixture *f = *state;

    connect_patiently(f);
    cm_clock_advance(limits.handshake_ms);
    wait_for(f, hub_closed);
    assert_string_equal(f->hub.why.msg, "nothing was heard from the peer for 5000 ms");
}

// What a raw peer does, on a thread of its own.
struct raw {
    struct fixture *fixture;
    uint16_t port;
    void (*act)(struct raw_peer *peer, struct fixture *f);
    bool closed_by_hub;
    atomic_bool acted;
    atomic_bool over;
};

static void *run_raw(void *arg) {
    struct raw *raw = arg;
    struct raw_peer *peer = raw_peer_connect(raw->port);

    if (peer != NULL) {
        raw->act(peer, raw->fixture);
        raw->acted = true;
        raw->closed_by_hub = raw_peer_wait_closed(peer);
        raw_peer_close(peer);
    }
    raw->over = true;
    return NULL;
}

static void misbehave(struct fixture *f, void (*act)(struct raw_peer *peer, struct fixture *f),
                      bool (*done)(const struct fixture *f)) {
    struct raw raw = {.fixture = f, .port = cm_net_listener_port(f->listener), .act = act};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, run_raw, &raw), 0);
    wait_for(f, done);
    (void)pthread_join(thread, NULL);
    assert_true(raw.closed_by_hub);
}

static void skip_a_number(struct raw_peer *peer, struct fixture *f) {
    (void)(raw_peer_handshake(peer, f->agent_tls) && raw_peer_send_header(peer, 0, NOTE, 1) &&
           raw_peer_send_header(peer, 0, NOTE, 3));
}

static void a_skipped_number_closes_the_connection(void **state) {
    struct fixture *f = *state;

    misbehave(f, skip_a_number, hub_closed);
    assert_int_equal(f->hub.frames, 1);
    assert_string_equal(f->hub.why.msg, "the peer sent frame 3 where 2 was due");
    assert_int_equal(f->hub.why.code, CM_EINVAL);
}

// A hundred frames in one TLS record, and the end of the stream right behind them.
static void say_all_and_go(struct raw_peer *peer, struct fixture *f) {
    uint8_t frames[100 * CM_NET_HEADER_SIZE] = {0};

    for (size_t i = 0; i < 100; i++) {
        frames[i * CM_NET_HEADER_SIZE + 5] = NOTE;
        frames[i * CM_NET_HEADER_SIZE + 7] = (uint8_t)i; // flags
        frames[i * CM_NET_HEADER_SIZE + 15] = (uint8_t)(i + 1);
    }
    if (raw_peer_handshake(peer, f->agent_tls)) {
        (void)raw_peer_send(peer, frames, sizeof(frames));
        raw_peer_end(peer);
    }
}

static void dribble(struct raw_peer *peer, struct fixture *f) {
    raw_peer_dribble(peer);
    say_all_and_go(peer, f);
}

static void a_peer_may_send_each_byte_by_itself(void **state) {
    struct fixture *f = *state;

    misbehave(f, dribble, hub_closed);
    assert_int_equal(f->hub.frames, 100);
    assert_true(f->hub.in_order);
}

static void frames_before_the_end_are_not_lost(void **state) {
    struct fixture *f = *state;

    misbehave(f, say_all_and_go, hub_closed);
    assert_int_equal(f->hub.frames, 100);
    assert_true(f->hub.in_order);
    assert_string_equal(f->hub.why.msg, "the peer closed the connection");
}

static void send_a_long_note(struct raw_peer *peer, struct fixture *f) {
    (void)(raw_peer_handshake(peer, f->agent_tls) && raw_peer_send_header(peer, 65, NOTE, 1));
}

static void a_frame_too_long_for_its_type_closes_the_connection(void **state) {
    struct fixture *f = *state;

    misbehave(f, send_a_long_note, hub_closed);
    assert_string_equal(f->hub.why.msg, "the peer sent a frame of type 1 with 65 bytes; 64 may be");
}

static void send_an_unknown_type(struct raw_peer *peer, struct fixture *f) {
    (void)(raw_peer_handshake(peer, f->agent_tls) && raw_peer_send_header(peer, 0, 77, 1));
}

static void an_unknown_type_closes_the_connection(void **state) {
    struct fixture *f = *state;

    misbehave(f, send_an_unknown_type, hub_closed);
    assert_string_equal(f->hub.why.msg, "the peer sent a frame of unknown type 77");
}

static void say_nothing(struct raw_peer *peer, struct fixture *f) {
    (void)peer, (void)f;
}

static void begin_only(struct raw_peer *peer, struct fixture *f) {
    raw_peer_hello(peer, f->agent_tls);
}

// Nobody is told of connections that were never opened, so time goes on until the peer is; but not
// before it has done what is not enough.
static void an_unfinished_handshake_is_closed(struct fixture *f,
                                              void (*act)(struct raw_peer *, struct fixture *)) {
    struct raw raw = {.fixture = f, .port = cm_net_listener_port(f->listener), .act = act};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, run_raw, &raw), 0);
    while (!raw.over) {
        if (!cm_loop_turn(f->loop)) {
            (void)poll(NULL, 0, 1);
            cm_clock_advance(raw.acted ? 100 : 0);
        }
    }
    (void)pthread_join(thread, NULL);
    assert_true(raw.closed_by_hub);
    assert_int_equal(f->hub.opened, 0);
    assert_int_equal(f->hub.closed, 0);
}

static void a_silent_peer_is_closed(void **state) {
    an_unfinished_handshake_is_closed(*state, say_nothing);
}

static void half_a_handshake_is_closed(void **state) {
    an_unfinished_handshake_is_closed(*state, begin_only);
}

static void a_wrong_root_is_told_to_the_dialler(void **state) {
    struct fixture *f = *state;
    struct pki other;

    pki_init(&other);
    cm_tls_context_unref(f->agent_tls);
    f->agent_tls = pki_agent_context(&other);
    (void)dial(f);
    wait_for(f, agent_closed);
    assert_int_equal(f->agent.why.code, CM_EAUTH);
    assert_non_null(strstr(f->agent.why.msg, "certificate is not good"));
    assert_int_equal(f->agent.opened, 0);
    assert_int_equal(f->hub.opened, 0);
    pki_done(&other);
}

static void a_refused_dial_is_told_once(void **state) {
    struct fixture *f = *state;
    uint16_t port = cm_net_listener_port(f->listener);

    stop_listener(f);
    (void)dial_host(f, "127.0.0.1", port, &limits);
    wait_for(f, agent_closed);
    assert_int_equal(f->agent.opened, 0);
    assert_int_equal(f->agent.closed, 1);
    assert_int_equal(f->agent.why.code, CM_EIO);
    assert_non_null(strstr(f->agent.why.msg, "cannot connect to 127.0.0.1:"));
}

static void a_dial_can_be_given_up(void **state) {
    struct fixture *f = *state;
    struct cm_net_conn *conn = dial(f);

    cm_net_close(conn, true, "changed my mind");
    assert_int_equal(f->agent.closed, 0);
    wait_for(f, agent_closed);
    assert_string_equal(f->agent.why.msg, "changed my mind");
}

static void a_dial_has_a_deadline(void **state) {
    struct fixture *f = *state;
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);
    uint8_t hello[64];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    // It hears the first word of the handshake and never says anything.
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    (void)dial_host(f, "127.0.0.1", ntohs(sa.sin_port), &limits);
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(peer >= 0);
    while (recv(peer, hello, sizeof(hello), MSG_DONTWAIT) <= 0) {
        (void)cm_loop_turn(f->loop);
    }
    cm_clock_advance(limits.handshake_ms);
    wait_for(f, agent_closed);
    assert_string_equal(f->agent.why.msg, "no TLS handshake within 5000 ms");
    (void)close(peer);
    (void)close(fd);
}

static void a_name_can_be_dialled(void **state) {
    struct fixture *f = *state;

    (void)dial_host(f, "localhost", cm_net_listener_port(f->listener), &limits);
    wait_for(f, both_open);
}

static void malformed_addresses_are_refused_at_once(void **state) {
    struct fixture *f = *state;
    struct cm_net_handlers h = handlers(&f->agent);
    struct cm_net_listener *l = NULL;
    struct cm_net_conn *conn = NULL;
    struct cm_err err;

    assert_int_equal(cm_net_dial(f->loop, "nonsense", f->agent_tls, &limits, &h, &conn, &err),
                     CM_EINVAL);
    assert_int_equal(cm_net_listen(f->loop, "nonsense", f->hub_tls, &limits, &h, &l, &err),
                     CM_EINVAL);
    assert_null(conn);
    assert_null(l);
}

static void a_port_in_use_is_told(void **state) {
    struct fixture *f = *state;
    struct cm_net_handlers h = handlers(&f->hub);
    struct cm_net_listener *l = NULL;
    char addr[32];
    struct cm_err err;

    (void)snprintf(addr, sizeof(addr), "127.0.0.1:%u", cm_net_listener_port(f->listener));
    assert_int_equal(cm_net_listen(f->loop, addr, f->hub_tls, &limits, &h, &l, &err), CM_EEXISTS);
    assert_non_null(strstr(err.msg, addr));
}

static void an_agent_comes_back_after_the_hub_restarted(void **state) {
    struct fixture *f = *state;
    uint16_t port = cm_net_listener_port(f->listener);

    connect_both(f);
    stop_listener(f);
    assert_int_equal(f->agent.closed, 1);
    f->agent.closed = 0;
    (void)dial_host(f, "127.0.0.1", port, &limits);
    wait_for(f, agent_closed);
    listen_on(f, port, &limits);
    connect_both(f);
    send_text(f->agent.conn, NOTE, 0, "back");
    wait_for(f, hub_got_one);
}

// The sender hears of it, too, and not after the test has let go of the connection.
static bool one_is_over(const struct fixture *f) {
    return f->hub.frames > 0 && f->agent.drained > 0;
}

static void connections_beyond_the_limit_are_closed_at_once(void **state) {
    struct fixture *f = *state;
    struct cm_net_limits one = limits;

    stop_listener(f);
    one.max_connections = 1;
    listen_on(f, 0, &one);
    connect_both(f);
    send_text(f->agent.conn, NOTE, 0, "here");
    wait_for(f, one_is_over);
    f->agent.conn = NULL; // looked after by the hub's end
    (void)dial(f);
    wait_for(f, agent_closed);
    assert_int_equal(f->hub.opened, 1);
    f->agent.closed = 0;
    cm_net_close(f->hub.conn, false, "make room");
    wait_for(f, both_closed);
    connect_both(f);
}

static void who_says_nothing_gives_way_to_new_connections(void **state) {
    struct fixture *f = *state;
    struct cm_net_limits one = limits;

    stop_listener(f);
    one.max_connections = 1;
    listen_on(f, 0, &one);
    struct raw raw = {.fixture = f, .port = cm_net_listener_port(f->listener), .act = say_nothing};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_raw, &raw), 0);
    while (!cm_loop_turn(f->loop)) { // until it is accepted
    }
    cm_clock_advance(1000); // it had time to say something
    connect_both(f);
    send_text(f->agent.conn, NOTE, 0, "here");
    wait_for(f, hub_got_one);
    (void)pthread_join(thread, NULL);
    assert_true(raw.closed_by_hub);
}

// As many as a listener accepts without a word of theirs.
enum { SILENT = 200, SILENT_MOST_BYTES = 6 << 10 };

static void who_says_nothing_costs_little(void **state) {
    struct fixture *f = *state;
    struct raw_peer *peers[SILENT];
    size_t before = mallinfo2().uordblks; // 0 under a sanitizer, as is what follows

    for (size_t i = 0; i < SILENT; i++) {
        peers[i] = raw_peer_connect(cm_net_listener_port(f->listener));
        assert_non_null(peers[i]);
    }
    connect_both(f); // comes after them all
    assert_true(mallinfo2().uordblks < before + (size_t)SILENT * SILENT_MOST_BYTES + (256 << 10));
    for (size_t i = 0; i < SILENT; i++) {
        raw_peer_close(peers[i]);
    }
}

static void who_goes_without_a_word_costs_no_session(void **state) {
    struct fixture *f = *state;
    int before = sessions;

    for (size_t i = 0; i < SILENT; i++) {
        struct raw_peer *peer = raw_peer_connect(cm_net_listener_port(f->listener));

        assert_non_null(peer);
        raw_peer_close(peer);
    }
    while (f->gone < SILENT) {
        (void)cm_loop_turn(f->loop);
    }
    assert_int_equal(sessions, before);
}

// A client is open as soon as it has said its last word of the handshake, which may be on its way.
static void the_end_is_said_after_what_is_on_its_way(void **state) {
    struct fixture *f = *state;

    hold_send(3); // after both said hello
    (void)dial(f);
    wait_for(f, agent_opened);
    cm_net_close(f->agent.conn, true, "over");
    let_send();
    wait_for(f, both_closed);
    assert_string_equal(f->hub.why.msg, "the peer closed the connection");
}

static void nng_that_cannot_start_is_an_error(void **state) {
    struct fixture *f = *state;
    struct cm_net_handlers h = handlers(&f->agent);
    struct cm_net_listener *listener;
    struct cm_net_conn *conn;
    struct cm_err dial_err;
    struct cm_err err;

    aio_error = NNG_EAGAIN;
    enum cm_rc listens =
        cm_net_listen(f->loop, "127.0.0.1:0", f->hub_tls, &limits, &h, &listener, &err);
    enum cm_rc dials =
        cm_net_dial(f->loop, "127.0.0.1:1", f->agent_tls, &limits, &h, &conn, &dial_err);
    aio_error = 0;
    assert_int_equal(listens, CM_EIO);
    assert_string_equal(err.msg, "start NNG: Try again");
    assert_int_equal(dials, CM_EIO);
    assert_string_equal(dial_err.msg, "start NNG: Try again");
    assert_int_equal(f->agent.closed, 0);
}

static void stopping_closes_what_was_not_opened(void **state) {
    struct fixture *f = *state;
    struct raw raw = {.fixture = f, .port = cm_net_listener_port(f->listener), .act = say_nothing};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, run_raw, &raw), 0);
    while (!cm_loop_turn(f->loop)) { // until it is accepted
    }
    stop_listener(f);
    (void)pthread_join(thread, NULL);
    assert_true(raw.closed_by_hub);
}

// What the kernel says of the sockets of a port.
struct sockets {
    int backlog; // how many may wait to be accepted
    int waiting; // how many do
    int accepted;
};

static struct sockets sockets_of(uint16_t port) {
    DIR *dir = opendir("/proc/self/fd");
    struct sockets found = {.backlog = -1};
    struct dirent *entry;

    while ((entry = readdir(dir)) != NULL) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        struct sockaddr_in sa = {0};
        struct tcp_info info;
        socklen_t sa_len = sizeof(sa);
        socklen_t info_len = sizeof(info);

        if (getsockname(fd, (struct sockaddr *)&sa, &sa_len) != 0 || ntohs(sa.sin_port) != port ||
            getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_len) != 0) {
            continue;
        }
        if (info.tcpi_state == TCP_LISTEN) { // then these have another meaning
            found.backlog = (int)info.tcpi_sacked;
            found.waiting = (int)info.tcpi_unacked;
        } else if (info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_CLOSE_WAIT) {
            found.accepted++; // and not closed by us: NNG needs a moment to free those
        }
    }
    (void)closedir(dir);
    return found;
}

static void a_whole_fleet_may_wait_to_be_accepted(void **state) {
    struct fixture *f = *state;
    FILE *file = fopen("/proc/sys/net/core/somaxconn", "re");
    char line[32];

    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    (void)fclose(file);
    long most = strtol(line, NULL, 10);
    assert_int_equal(sockets_of(cm_net_listener_port(f->listener)).backlog,
                     most < 4096 ? most : 4096);
}

// turn_until_waiting turns the loop until no more than so many wait to be accepted. It gives up
// long before the program is killed, to say how far it came.
static void turn_until_waiting(struct fixture *f, int most) {
    uint16_t port = cm_net_listener_port(f->listener);
    struct sockets now = sockets_of(port);
    time_t end = time(NULL) + PATIENCE_S; // the loop's clock stands still

    while (now.waiting > most || now.accepted < HANDSHAKES) {
        if (time(NULL) >= end) {
            fail_msg("after %d s %d wait to be accepted, and not at most %d; %d of %d are accepted",
                     PATIENCE_S, now.waiting, most, now.accepted, HANDSHAKES);
        }
        (void)cm_loop_turn(f->loop);
        now = sockets_of(port);
        assert_in_range(now.accepted, 0, HANDSHAKES);
    }
}

static void so_many_handshakes_are_begun_and_the_others_wait_their_turn(void **state) {
    struct fixture *f = *state;
    struct raw_peer *silent[HANDSHAKES + BEHIND]; // nobody had time yet to say something

    for (size_t i = 0; i < HANDSHAKES + BEHIND; i++) {
        silent[i] = raw_peer_connect(cm_net_listener_port(f->listener));
        assert_non_null(silent[i]);
    }
    turn_until_waiting(f, BEHIND);
    for (int i = 0; i < BEHIND; i++) {
        raw_peer_close(silent[i]);
        turn_until_waiting(f, BEHIND - i - 1);
    }
    for (int i = BEHIND; i < HANDSHAKES + BEHIND; i++) {
        raw_peer_close(silent[i]);
    }
    connect_both(f);
}

int main(void) {
#define NET_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        NET_TEST(each_end_sees_who_the_other_is),
        NET_TEST(frames_go_both_ways_in_order),
        NET_TEST(a_frame_may_be_larger_than_all_buffers),
        NET_TEST(frames_of_every_size_arrive),
        NET_TEST(a_full_queue_refuses_until_it_has_drained),
        NET_TEST(a_frame_larger_than_the_queue_never_fits),
        NET_TEST(closing_with_flush_delivers_everything),
        NET_TEST(everything_arrives_though_the_peer_is_talking),
        NET_TEST(a_last_word_arrives_though_the_peer_is_talking),
        NET_TEST(a_frame_that_is_not_taken_is_handed_over_again),
        NET_TEST(a_paused_connection_is_not_closed_for_silence),
        NET_TEST(the_end_of_a_paused_connection_is_seen_when_it_goes_on),
        NET_TEST(a_paused_connection_can_say_a_last_word),
        NET_TEST(a_connection_that_flushes_can_be_closed_sooner_and_not_later),
        NET_TEST(closing_without_flush_is_immediate),
        NET_TEST(a_listener_refuses_when_opened),
        NET_TEST(closing_in_the_frame_handler_ends_it_there),
        NET_TEST(silence_closes_a_connection),
        NET_TEST(each_frame_moves_the_deadline),
        NET_TEST(the_first_frame_is_due_soon),
        NET_TEST(a_skipped_number_closes_the_connection),
        NET_TEST(frames_before_the_end_are_not_lost),
        NET_TEST(a_peer_may_send_each_byte_by_itself),
        NET_TEST(a_frame_too_long_for_its_type_closes_the_connection),
        NET_TEST(an_unknown_type_closes_the_connection),
        NET_TEST(a_silent_peer_is_closed),
        NET_TEST(half_a_handshake_is_closed),
        NET_TEST(a_wrong_root_is_told_to_the_dialler),
        NET_TEST(a_refused_dial_is_told_once),
        NET_TEST(a_dial_can_be_given_up),
        NET_TEST(a_dial_has_a_deadline),
        NET_TEST(a_name_can_be_dialled),
        NET_TEST(malformed_addresses_are_refused_at_once),
        NET_TEST(a_port_in_use_is_told),
        NET_TEST(an_agent_comes_back_after_the_hub_restarted),
        NET_TEST(connections_beyond_the_limit_are_closed_at_once),
        NET_TEST(who_says_nothing_gives_way_to_new_connections),
        NET_TEST(who_says_nothing_costs_little),
        NET_TEST(who_goes_without_a_word_costs_no_session),
        NET_TEST(the_end_is_said_after_what_is_on_its_way),
        NET_TEST(nng_that_cannot_start_is_an_error),
        NET_TEST(stopping_closes_what_was_not_opened),
        NET_TEST(a_whole_fleet_may_wait_to_be_accepted),
        NET_TEST(so_many_handshakes_are_begun_and_the_others_wait_their_turn),
    };
    int failed;

    (void)alarm(600); // a test that waits for what never comes
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    cm_net_done();
    return failed;
}
