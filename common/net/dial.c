#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/net/addr.h"
#include "common/net/conn.h"
#include "common/str.h"

// What a dialled connection has besides.
struct cm_net_dial {
    struct cm_net_conn *conn;
    nng_stream_dialer *dialer; // until NNG's dial has ended
    nng_aio *aio;
    struct cm_task task;
    struct cm_tls_context *tls;
    struct cm_net_limits limits;
    struct cm_net_handlers handlers;
    char *addr;
    bool only_ipv4;
};

void cm_net_dial_free(struct cm_net_dial *dial) {
    if (dial == NULL) {
        return;
    }
    nng_stream_dialer_free(dial->dialer);
    nng_aio_free(dial->aio);
    cm_tls_context_unref(dial->tls);
    free(dial->addr);
    free(dial);
}

void cm_net_dial_cancel(struct cm_net_conn *c) {
    if (c->dial->dialer != NULL) {
        nng_stream_dialer_close(c->dial->dialer);
    }
}

static enum cm_rc begin(struct cm_net_dial *dial, struct cm_err *err) {
    CM_AUTOFREE char *url = cm_strf("tcp%s://%s", dial->only_ipv4 ? "4" : "", dial->addr);
    int rv = nng_stream_dialer_alloc(&dial->dialer, url);

    if (rv != 0) {
        return cm_fail(err, CM_EINVAL, "cannot dial '%s': %s", dial->addr, nng_strerror(rv));
    }
    // Without it small frames wait 40 ms for an acknowledgement (Nagle).
    (void)nng_stream_dialer_set_bool(dial->dialer, NNG_OPT_TCP_NODELAY, true);
    dial->conn->pending = true;
    nng_stream_dialer_dial(dial->dialer, dial->aio);
    return CM_OK;
}

// NNG tries the first address of a name only, which for "localhost" may be ::1 where nobody
// listens; so a name is tried once more with its IPv4 address.
static bool try_ipv4(struct cm_net_dial *dial) {
    struct cm_err err;

    if (dial->only_ipv4 || cm_net_addr_is_numeric(dial->addr)) {
        return false;
    }
    dial->only_ipv4 = true;
    return begin(dial, &err) == CM_OK; // else the first error is the better one
}

static void end_dial(struct cm_net_dial *dial) {
    struct cm_net_conn *c = dial->conn;
    int rv = nng_aio_result(dial->aio);
    nng_stream *tcp = rv == 0 ? nng_aio_get_output(dial->aio, 0) : NULL;

    nng_stream_dialer_free(dial->dialer);
    dial->dialer = NULL;
    c->pending = false;
    if (c->state == CM_NET_CLOSING) {
        nng_stream_free(tcp);
    } else if (rv == 0) {
        c->stream.tcp = tcp;
        cm_net_conn_start(c);
    } else if (!try_ipv4(dial)) {
        cm_net_conn_fail(c, CM_EIO, "cannot connect to %s: %s", dial->addr, nng_strerror(rv));
    }
}

static void on_dialled(void *ctx) {
    struct cm_net_conn *c = ctx;

    cm_net_conn_enter(c);
    end_dial(c->dial);
    cm_net_conn_leave(c);
}

static void dial_cb(void *arg) {
    struct cm_net_dial *dial = arg;

    cm_loop_post(dial->conn->loop, &dial->task);
}

static struct cm_net_dial *new_dial(const char *addr, struct cm_tls_context *tls,
                                    const struct cm_net_limits *limits,
                                    const struct cm_net_handlers *handlers) {
    struct cm_net_dial *dial = cm_new(1, sizeof(*dial));

    dial->tls = cm_tls_context_ref(tls);
    dial->limits = *limits;
    dial->handlers = *handlers;
    dial->addr = cm_strdup(addr);
    return dial;
}

// NOLINTNEXTLINE(readability-function-size): seven parameters, none of which can be left out
enum cm_rc cm_net_dial(struct cm_loop *loop, const char *addr, struct cm_tls_context *tls,
                       const struct cm_net_limits *limits, const struct cm_net_handlers *handlers,
                       struct cm_net_conn **out, struct cm_err *err) {
    if (cm_net_addr_check(addr, false, err) < 0) {
        return err->code;
    }
    struct cm_net_dial *dial = new_dial(addr, tls, limits, handlers);
    int rv = nng_aio_alloc(&dial->aio, dial_cb, dial);
    if (rv != 0) {
        cm_net_dial_free(dial);
        return cm_fail(err, CM_EIO, "start NNG: %s", nng_strerror(rv));
    }
    struct cm_net_conn *c = cm_net_conn_new(loop, tls, &dial->limits, &dial->handlers);
    dial->conn = c;
    dial->task = (struct cm_task){.run = on_dialled, .ctx = c};
    c->dial = dial;
    (void)snprintf(c->addr, sizeof(c->addr), "%s", addr);
    if (begin(dial, err) < 0) {
        cm_net_conn_abandon(c);
        return err->code;
    }
    cm_timer_start(loop, &c->deadline, limits->handshake_ms);
    *out = c;
    return CM_OK;
}
