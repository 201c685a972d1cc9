#include "common/net/engine.h"

#include <nng/supplemental/tls/engine.h>
#include <pthread.h>
#include <stdio.h>

// The largest plaintext of a TLS record.
#define RECORD_MAX ((size_t)16 << 10)

struct nng_tls_engine_config {
    struct cm_tls_context *tls;
};

struct nng_tls_engine_conn {
    void *nng; // what nng_tls_engine_send and _recv want
    struct cm_tls_session *session;
    bool opened;
    bool closed;
};

// What `verified` is to do instead of answering.
struct command {
    enum { RESUME, SHUT, WHY } kind;
    struct cm_net_watch *watch;
    char *text;
    size_t text_size;
    int result;
};

static _Thread_local struct cm_tls_context *handed_over;
static _Thread_local struct command *command;
static _Thread_local uint8_t scratch[RECORD_MAX];

static long transport_send(void *arg, const void *bytes, size_t size) {
    int rv = nng_tls_engine_send(arg, bytes, &size);

    return rv == 0 ? (long)size : rv == NNG_EAGAIN ? 0 : -1;
}

static long transport_recv(void *arg, void *bytes, size_t size) {
    int rv = nng_tls_engine_recv(arg, bytes, &size);

    return rv == 0 ? (long)size : rv == NNG_EAGAIN ? 0 : -1;
}

static int nng_code(enum cm_tls_result result) {
    switch (result) {
    case CM_TLS_OK:
        return 0;
    case CM_TLS_AGAIN:
        return NNG_EAGAIN;
    case CM_TLS_CLOSED:
        return NNG_ECONNSHUT;
    case CM_TLS_FAILED:
        break;
    }
    return NNG_ECRYPTO;
}

static int conn_init(nng_tls_engine_conn *conn, void *nng, nng_tls_engine_config *config) {
    struct cm_tls_io io = {transport_send, transport_recv, nng};

    conn->nng = nng;
    conn->session = cm_tls_session_new(config->tls, &io);
    return 0;
}

// conn_fini is also called for connections that never came to be: all zero then.
static void conn_fini(nng_tls_engine_conn *conn) {
    cm_tls_session_free(conn->session);
}

static void conn_close(nng_tls_engine_conn *conn) {
    if (!conn->closed) {
        conn->closed = true;
        cm_tls_shutdown(conn->session);
    }
}

static int conn_handshake(nng_tls_engine_conn *conn) {
    if (conn->opened) {
        return 0;
    }
    int rv = nng_code(cm_tls_handshake(conn->session));
    conn->opened = rv == 0;
    return rv;
}

static int open_watch(nng_tls_engine_conn *conn, struct cm_net_watch *watch) {
    int rv = conn_handshake(conn);

    if (rv == 0) {
        cm_tls_peer_get(conn->session, &watch->peer);
        watch->phase = CM_NET_OPENED;
    }
    return rv;
}

static int read_frame(nng_tls_engine_conn *conn, struct cm_net_watch *watch) {
    enum cm_net_read read = watch->reader.fault == CM_NET_SOUND ? CM_NET_MORE : CM_NET_FAULT;

    while (read == CM_NET_MORE) {
        uint8_t *room;
        size_t size = cm_net_reader_room(&watch->reader, &room);
        int rv = nng_code(cm_tls_recv(conn->session, room, &size));

        if (rv != 0) {
            return rv;
        }
        read = cm_net_reader_add(&watch->reader, size);
    }
    if (read == CM_NET_FAULT) {
        return NNG_EPROTO;
    }
    watch->phase = CM_NET_HAS_FRAME;
    return 0;
}

// advance returns 0 when the watch came to a phase that the loop must see.
static int advance(nng_tls_engine_conn *conn, struct cm_net_watch *watch) {
    if (conn->closed) {
        return NNG_ECLOSED;
    }
    switch (watch->phase) {
    case CM_NET_HANDSHAKING:
        return open_watch(conn, watch);
    case CM_NET_READING:
        return read_frame(conn, watch);
    case CM_NET_OPENED:
    case CM_NET_HAS_FRAME:
        break;
    }
    return NNG_EAGAIN; // the loop has the watch
}

// conn_recv never succeeds in NNG's eyes: see the header.
static int conn_recv(nng_tls_engine_conn *conn, uint8_t *buf, size_t *size) {
    struct cm_net_watch *watch = (struct cm_net_watch *)(void *)buf;
    int rv = advance(conn, watch);

    *size = 0;
    if (rv != 0) {
        return rv;
    }
    cm_loop_post(watch->loop, &watch->ready);
    return NNG_EAGAIN;
}

// conn_send succeeds when the whole batch is in TLS. Asked again after "would block", it offers
// OpenSSL the same bytes again, as OpenSSL demands, since the batch remembers how far it came.
static int conn_send(nng_tls_engine_conn *conn, const uint8_t *buf, size_t *size) {
    union {
        const uint8_t *buf;
        struct cm_net_batch *batch;
    } given = {.buf = buf}; // ours, and not const: see cm_net_engine_send
    struct cm_net_batch *batch = given.batch;

    *size = batch->bytes;
    if (conn->closed) {
        return NNG_ECLOSED;
    }
    while (batch->sent < batch->bytes) {
        const uint8_t *bytes;
        size_t n = cm_net_batch_peek(batch, scratch, sizeof(scratch), &bytes);
        int rv = nng_code(cm_tls_send(conn->session, bytes, &n));

        if (rv != 0) {
            return rv;
        }
        cm_net_batch_advance(batch, n);
    }
    return 0;
}

static void obey(nng_tls_engine_conn *conn, struct command *c) {
    switch (c->kind) {
    case RESUME:
        if (c->watch->phase == CM_NET_HAS_FRAME) {
            cm_net_reader_next(&c->watch->reader);
        }
        c->watch->phase = CM_NET_READING;
        c->result = advance(conn, c->watch);
        break;
    case SHUT:
        cm_tls_shutdown(conn->session);
        break;
    case WHY:
        (void)snprintf(c->text, c->text_size, "%s", cm_tls_error(conn->session));
        break;
    }
}

static bool conn_verified(nng_tls_engine_conn *conn) {
    if (command != NULL && conn->session != NULL) {
        obey(conn, command);
    }
    return conn->opened;
}

static int config_init(nng_tls_engine_config *config, nng_tls_mode mode) {
    (void)mode; // the context knows its role
    if (handed_over == NULL) {
        return NNG_ENOTSUP;
    }
    config->tls = cm_tls_context_ref(handed_over);
    return 0;
}

static void config_fini(nng_tls_engine_config *config) {
    cm_tls_context_unref(config->tls);
}

// NNG's dialer sets a server name; ours are known by a URI in the certificate.
static int config_server(nng_tls_engine_config *config, const char *name) {
    (void)config, (void)name;
    return 0;
}

static int config_auth(nng_tls_engine_config *config, nng_tls_auth_mode mode) {
    (void)config, (void)mode;
    return NNG_ENOTSUP;
}

static int config_ca_chain(nng_tls_engine_config *config, const char *certs, const char *crl) {
    (void)config, (void)certs, (void)crl;
    return NNG_ENOTSUP;
}

static int config_own_cert(nng_tls_engine_config *config, const char *cert, const char *key,
                           const char *password) {
    (void)config, (void)cert, (void)key, (void)password;
    return NNG_ENOTSUP;
}

static int config_version(nng_tls_engine_config *config, nng_tls_version min, nng_tls_version max) {
    (void)config, (void)min, (void)max;
    return NNG_ENOTSUP;
}

static nng_tls_engine_config_ops config_ops = {
    .size = sizeof(struct nng_tls_engine_config),
    .init = config_init,
    .fini = config_fini,
    .server = config_server,
    .auth = config_auth,
    .ca_chain = config_ca_chain,
    .own_cert = config_own_cert,
    .version = config_version,
};

static nng_tls_engine_conn_ops conn_ops = {
    .size = sizeof(struct nng_tls_engine_conn),
    .init = conn_init,
    .fini = conn_fini,
    .close = conn_close,
    .handshake = conn_handshake,
    .recv = conn_recv,
    .send = conn_send,
    .verified = conn_verified,
};

static const nng_tls_engine engine = {
    .version = NNG_TLS_ENGINE_VERSION,
    .config_ops = &config_ops,
    .conn_ops = &conn_ops,
    .name = "holdfast",
    .description = "OpenSSL, TLS 1.3",
};

enum cm_rc cm_net_engine_start(struct cm_err *err) {
    // Asking for the name starts NNG, which would overwrite an engine registered before.
    (void)nng_tls_engine_name();
    int rv = nng_tls_engine_register(&engine);
    return rv == 0 ? CM_OK : cm_fail(err, CM_EIO, "start NNG: %s", nng_strerror(rv));
}

void cm_net_engine_hand_over(struct cm_tls_context *tls) {
    handed_over = tls;
}

void cm_net_engine_watch(nng_stream *stream, struct cm_net_watch *watch, nng_aio *aio) {
    nng_iov iov = {.iov_buf = watch, .iov_len = sizeof(*watch)};

    (void)nng_aio_set_iov(aio, 1, &iov); // cannot fail for one
    nng_stream_recv(stream, aio);
}

void cm_net_engine_send(nng_stream *stream, struct cm_net_batch *batch, nng_aio *aio) {
    nng_iov iov = {.iov_buf = batch, .iov_len = sizeof(*batch)};

    (void)nng_aio_set_iov(aio, 1, &iov);
    nng_stream_send(stream, aio);
}

static void give(nng_stream *stream, struct command *c) {
    bool ignored;

    command = c;
    (void)nng_stream_get_bool(stream, NNG_OPT_TLS_VERIFIED, &ignored);
    command = NULL;
}

int cm_net_engine_resume(nng_stream *stream, struct cm_net_watch *watch) {
    struct command c = {.kind = RESUME, .watch = watch, .result = NNG_ECLOSED};

    give(stream, &c);
    return c.result;
}

void cm_net_engine_shut(nng_stream *stream) {
    struct command c = {.kind = SHUT};

    give(stream, &c);
}

void cm_net_engine_why(nng_stream *stream, char *out, size_t size) {
    struct command c = {.kind = WHY, .text = out, .text_size = size};

    out[0] = '\0';
    give(stream, &c);
}
