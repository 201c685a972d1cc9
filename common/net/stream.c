#include "common/net/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

// The largest plaintext of a TLS record.
#define RECORD_MAX ((size_t)16 << 10)

// What is received at once of a peer who has much to say.
#define LARGE RECORD_MAX

static _Thread_local uint8_t scratch[RECORD_MAX];

static size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

// ---- What a session is given for I/O

static long io_send(void *arg, const void *bytes, size_t size) {
    struct cm_net_stream *s = arg;

    if (s->cut != 0) {
        return -1;
    }
    if (s->sending) {
        return 0;
    }
    s->out = cm_resize(s->out, s->out_size + size);
    memcpy(s->out + s->out_size, bytes, size);
    s->out_size += size;
    return (long)size;
}

static long io_recv(void *arg, void *bytes, size_t size) {
    struct cm_net_stream *s = arg;

    size = min_size(size, s->in_size);
    if (size == 0) {
        return s->lost == 0 ? 0 : -1;
    }
    memcpy(bytes, s->in, size);
    s->in += size;
    s->in_size -= size;
    return (long)size;
}

static int nng_code(const struct cm_net_stream *s, enum cm_tls_result result) {
    switch (result) {
    case CM_TLS_OK:
        return 0;
    case CM_TLS_AGAIN:
        return NNG_EAGAIN;
    case CM_TLS_CLOSED:
        return s->lost != 0 ? s->lost : s->cut != 0 ? s->cut : NNG_ECONNSHUT;
    case CM_TLS_FAILED:
        break;
    }
    return NNG_ECRYPTO;
}

// ---- Receiving

static int shake_hands(struct cm_net_stream *s) {
    if (s->session == NULL && s->lost != 0) {
        return s->lost; // it went without a word
    }
    if (s->session == NULL) {
        s->session = cm_tls_session_new(s->tls, &(struct cm_tls_io){io_send, io_recv, s});
    }
    int rv = nng_code(s, cm_tls_handshake(s->session));
    if (rv == 0) {
        cm_tls_peer_get(s->session, &s->peer);
        s->phase = CM_NET_OPENED;
    }
    return rv;
}

static int read_frame(struct cm_net_stream *s) {
    enum cm_net_read read = CM_NET_MORE;

    while (read == CM_NET_MORE) {
        uint8_t *room;
        size_t size = cm_net_reader_room(&s->reader, &room);
        int rv = nng_code(s, cm_tls_recv(s->session, room, &size));

        if (rv != 0) {
            return rv;
        }
        read = cm_net_reader_add(&s->reader, size);
    }
    if (read == CM_NET_FAULT) {
        return NNG_EPROTO;
    }
    s->phase = CM_NET_HAS_FRAME;
    return 0;
}

static bool wants_bytes(const struct cm_net_stream *s) {
    return s->phase == CM_NET_HANDSHAKING || s->phase == CM_NET_READING;
}

// advance goes on until bytes are lacking, or the loop has something to see.
static void advance(struct cm_net_stream *s) {
    if (!wants_bytes(s)) {
        return;
    }
    int rv = s->phase == CM_NET_HANDSHAKING ? shake_hands(s) : read_frame(s);
    if (rv == NNG_EAGAIN) {
        return;
    }
    if (rv != 0) {
        s->phase = CM_NET_BROKEN;
        s->broken = rv;
    }
    cm_loop_post(s->loop, &s->ready);
}

// choose_memory makes the memory for the next receive fit to what came with the last one.
static nng_iov choose_memory(struct cm_net_stream *s) {
    if (!s->filled) {
        free(s->large);
        s->large = NULL;
        return (nng_iov){.iov_buf = s->small, .iov_len = sizeof(s->small)};
    }
    if (s->large == NULL) {
        s->large = cm_resize(NULL, LARGE);
    }
    return (nng_iov){.iov_buf = s->large, .iov_len = LARGE};
}

static void receive(struct cm_net_stream *s) {
    nng_iov iov = choose_memory(s);

    s->receiving = true;
    s->in = iov.iov_buf;
    (void)nng_aio_set_iov(s->recv_aio, 1, &iov); // cannot fail for one
    nng_stream_recv(s->tcp, s->recv_aio);
}

// ---- Sending

static int encrypt_record(struct cm_net_stream *s, struct cm_net_batch *b) {
    const uint8_t *bytes;
    size_t n = cm_net_batch_peek(b, scratch, sizeof(scratch), &bytes);
    size_t filled = bytes == scratch ? n : 0;
    int rv = nng_code(s, cm_tls_send(s->session, bytes, &n));

    explicit_bzero(scratch, filled); // the thread lives on, and what follows may be shorter
    if (rv == 0) {
        cm_net_batch_advance(b, n);
    }
    return rv;
}

// encrypt puts what follows of the batch on its way. OpenSSL demands the same bytes again after
// "would block": it gets them, since the batch remembers how far it came.
static void encrypt(struct cm_net_stream *s) {
    struct cm_net_batch *b = s->batch;
    int rv = s->cut;

    if (b == NULL || s->sending) {
        return;
    }
    while (rv == 0 && b->sent < b->bytes && s->out_size < RECORD_MAX) {
        rv = encrypt_record(s, b);
    }
    if (rv == NNG_EAGAIN || (rv == 0 && (s->out_size > 0 || b->sent < b->bytes))) {
        return;
    }
    s->cut = rv;
    s->send_result = rv;
    s->batch = NULL;
    cm_loop_post(s->loop, &s->sent);
}

static void drop_out(struct cm_net_stream *s) {
    free(s->out);
    s->out = NULL;
    s->out_size = s->out_sent = 0;
}

static void transmit(struct cm_net_stream *s) {
    nng_iov iov = {.iov_buf = s->out + s->out_sent, .iov_len = s->out_size - s->out_sent};

    if (s->sending || iov.iov_len == 0) {
        return;
    }
    s->sending = true;
    (void)nng_aio_set_iov(s->send_aio, 1, &iov);
    nng_stream_send(s->tcp, s->send_aio);
}

// ---- Both

// say_shut says that nothing more will come, once all that was to come is on its way.
static void say_shut(struct cm_net_stream *s) {
    if (s->shut && s->batch == NULL && !s->sending) {
        s->shut = false;
        cm_tls_shutdown(s->session);
    }
}

// go_on does all that can be done now, and leaves NNG to call back for the rest.
static void go_on(struct cm_net_stream *s) {
    if (s->closed) {
        return;
    }
    advance(s);
    encrypt(s);
    say_shut(s);
    transmit(s);
    if (wants_bytes(s) && !s->receiving && s->in_size == 0 && s->lost == 0) {
        receive(s);
    }
}

static void tell_end(struct cm_net_stream *s) {
    if (s->closed && !s->receiving && !s->sending) {
        cm_loop_post(s->loop, &s->ended);
    }
}

static void recv_cb(void *arg) {
    struct cm_net_stream *s = arg;

    (void)pthread_mutex_lock(&s->mu);
    s->receiving = false;
    s->lost = nng_aio_result(s->recv_aio);
    s->in_size = s->lost == 0 ? nng_aio_count(s->recv_aio) : 0;
    s->filled = s->in_size == (s->large == NULL ? sizeof(s->small) : LARGE);
    go_on(s);
    tell_end(s);
    (void)pthread_mutex_unlock(&s->mu);
}

static void send_cb(void *arg) {
    struct cm_net_stream *s = arg;

    (void)pthread_mutex_lock(&s->mu);
    s->sending = false;
    s->cut = s->cut != 0 ? s->cut : nng_aio_result(s->send_aio);
    s->out_sent += nng_aio_count(s->send_aio);
    if (s->cut != 0 || s->out_sent == s->out_size) {
        drop_out(s);
    }
    go_on(s);
    tell_end(s);
    (void)pthread_mutex_unlock(&s->mu);
}

// ---- What the loop calls

void cm_net_stream_init(struct cm_net_stream *s, size_t (*max_payload)(uint16_t type)) {
    cm_net_reader_init(&s->reader, max_payload);
    (void)pthread_mutex_init(&s->mu, NULL);
    int rv = nng_aio_alloc(&s->recv_aio, recv_cb, s);
    rv = rv != 0 ? rv : nng_aio_alloc(&s->send_aio, send_cb, s);
    if (rv != 0) { // NNG has started: only memory can be lacking
        (void)fprintf(stderr, "NNG: %s\n", nng_strerror(rv));
        abort();
    }
}

void cm_net_stream_start(struct cm_net_stream *s, bool is_client) {
    (void)pthread_mutex_lock(&s->mu);
    if (is_client) {
        go_on(s);
    } else {
        receive(s);
    }
    (void)pthread_mutex_unlock(&s->mu);
}

void cm_net_stream_resume(struct cm_net_stream *s) {
    (void)pthread_mutex_lock(&s->mu);
    if (s->phase == CM_NET_HAS_FRAME) {
        cm_net_reader_next(&s->reader);
    }
    s->phase = CM_NET_READING;
    go_on(s);
    (void)pthread_mutex_unlock(&s->mu);
}

void cm_net_stream_send(struct cm_net_stream *s, struct cm_net_batch *batch) {
    (void)pthread_mutex_lock(&s->mu);
    s->batch = batch;
    go_on(s);
    (void)pthread_mutex_unlock(&s->mu);
}

void cm_net_stream_shut(struct cm_net_stream *s) {
    (void)pthread_mutex_lock(&s->mu);
    s->shut = true;
    say_shut(s);
    transmit(s);
    (void)pthread_mutex_unlock(&s->mu);
}

void cm_net_stream_close(struct cm_net_stream *s) {
    (void)pthread_mutex_lock(&s->mu);
    if (s->session != NULL) {
        cm_tls_shutdown(s->session);
        transmit(s);
    }
    s->closed = true;
    nng_stream_close(s->tcp);
    tell_end(s);
    (void)pthread_mutex_unlock(&s->mu);
}

void cm_net_stream_why(struct cm_net_stream *s, char *out, size_t size) {
    (void)pthread_mutex_lock(&s->mu);
    (void)snprintf(out, size, "%s", cm_tls_error(s->session));
    (void)pthread_mutex_unlock(&s->mu);
}

void cm_net_stream_done(struct cm_net_stream *s) {
    // Both operations have ended; freeing waits at most for the last line of a callback.
    nng_aio_free(s->recv_aio);
    nng_aio_free(s->send_aio);
    nng_stream_free(s->tcp); // NNG's reaper does the work
    cm_tls_session_free(s->session);
    cm_net_reader_done(&s->reader);
    drop_out(s);
    free(s->large);
    (void)pthread_mutex_destroy(&s->mu);
}
