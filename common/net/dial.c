#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/net/addr.h"
#include "common/net/conn.h"
#include "common/str.h"

// What a dialled connection has besides.
struct cm_net_dial {
    nng_stream_dialer *dialer; // until NNG's dial has ended
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
    cm_tls_context_unref(dial->tls);
    free(dial->addr);
    free(dial);
}

void cm_net_dial_cancel(struct cm_net_conn *c) {
    if (c->dial->dialer != NULL) {
        nng_stream_dialer_close(c->dial->dialer);
    }
}

static enum cm_rc begin(struct cm_net_conn *c, struct cm_err *err) {
    struct cm_net_dial *dial = c->dial;
    CM_AUTOFREE char *url = cm_strf("tls+tcp%s://%s", dial->only_ipv4 ? "4" : "", dial->addr);

    cm_net_engine_hand_over(dial->tls);
    int rv = nng_stream_dialer_alloc(&dial->dialer, url);
    cm_net_engine_hand_over(NULL);
    if (rv != 0) {
        return cm_fail(err, CM_EINVAL, "cannot dial '%s': %s", dial->addr, nng_strerror(rv));
    }
    // Without it small frames wait 40 ms for an acknowledgement (Nagle).
    (void)nng_stream_dialer_set_bool(dial->dialer, NNG_OPT_TCP_NODELAY, true);
    c->recv_pending = true;
    nng_stream_dialer_dial(dial->dialer, c->recv_aio);
    return CM_OK;
}

// NNG tries the first address of a name only, which for "localhost" may be ::1 where nobody
// listens; so a name is tried once more with its IPv4 address.
static bool try_ipv4(struct cm_net_conn *c) {
    struct cm_err err;

    if (c->dial->only_ipv4 || cm_net_addr_is_numeric(c->dial->addr)) {
        return false;
    }
    c->dial->only_ipv4 = true;
    return begin(c, &err) == CM_OK; // else the first error is the better one
}

void cm_net_dial_done(struct cm_net_conn *c, int result) {
    nng_stream *stream = result == 0 ? nng_aio_get_output(c->recv_aio, 0) : NULL;

    nng_stream_dialer_free(c->dial->dialer);
    c->dial->dialer = NULL;
    if (c->state == CM_NET_CLOSING) {
        nng_stream_free(stream);
        return;
    }
    if (result == 0) {
        cm_net_conn_start(c, stream);
    } else if (!try_ipv4(c)) {
        cm_net_conn_fail(c, CM_EIO, "cannot connect to %s: %s", c->dial->addr,
                         nng_strerror(result));
    }
}

// NOLINTNEXTLINE(readability-function-size): seven parameters, none of which can be left out
enum cm_rc cm_net_dial(struct cm_loop *loop, const char *addr, struct cm_tls_context *tls,
                       const struct cm_net_limits *limits, const struct cm_net_handlers *handlers,
                       struct cm_net_conn **out, struct cm_err *err) {
    if (cm_net_addr_check(addr, false, err) < 0 || cm_net_engine_start(err) < 0) {
        return err->code;
    }
    struct cm_net_dial *dial = cm_new(1, sizeof(*dial));
    dial->tls = cm_tls_context_ref(tls);
    dial->limits = *limits;
    dial->handlers = *handlers;
    dial->addr = cm_strdup(addr);
    struct cm_net_conn *c = cm_net_conn_new(loop, &dial->limits, &dial->handlers);
    c->dial = dial;
    (void)snprintf(c->addr, sizeof(c->addr), "%s", addr);
    if (begin(c, err) < 0) {
        cm_net_conn_abandon(c);
        return err->code;
    }
    cm_timer_start(loop, &c->deadline, limits->handshake_ms);
    *out = c;
    return CM_OK;
}
