#include "tests/support/raw_peer.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"

struct raw_peer {
    int fd;
    bool dribbles;
    struct cm_tls_session *session; // NULL: plain TCP
};

struct raw_peer *raw_peer_connect(uint16_t port) {
    struct sockaddr_in sa = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 60};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return NULL;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
        (void)close(fd);
        return NULL;
    }
    struct raw_peer *p = cm_new(1, sizeof(*p));
    p->fd = fd;
    return p;
}

void raw_peer_close(struct raw_peer *p) {
    if (p != NULL) {
        cm_tls_session_free(p->session);
        (void)close(p->fd);
        free(p);
    }
}

void raw_peer_dribble(struct raw_peer *p) {
    int on = 1;

    (void)setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    p->dribbles = true;
}

void raw_peer_end(struct raw_peer *p) {
    (void)shutdown(p->fd, SHUT_WR);
}

void raw_peer_reset(struct raw_peer *p) {
    struct linger at_once = {.l_onoff = 1};

    (void)setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    raw_peer_close(p);
}

static long tcp_send(void *arg, const void *bytes, size_t size) {
    const struct raw_peer *p = arg;
    ssize_t n = send(p->fd, bytes, p->dribbles ? 1 : size, MSG_NOSIGNAL);

    return n > 0 ? (long)n : -1;
}

static long tcp_recv(void *arg, void *bytes, size_t size) {
    ssize_t n = recv(((struct raw_peer *)arg)->fd, bytes, size, 0);

    return n > 0 ? (long)n : -1;
}

static long recv_nothing(void *arg, void *bytes, size_t size) {
    (void)arg, (void)bytes, (void)size;
    return 0;
}

bool raw_peer_handshake(struct raw_peer *p, struct cm_tls_context *tls) {
    p->session = cm_tls_session_new(tls, &(struct cm_tls_io){tcp_send, tcp_recv, p});
    return cm_tls_handshake(p->session) == CM_TLS_OK;
}

void raw_peer_hello(struct raw_peer *p, struct cm_tls_context *tls) {
    p->session = cm_tls_session_new(tls, &(struct cm_tls_io){tcp_send, recv_nothing, p});
    (void)cm_tls_handshake(p->session);
}

bool raw_peer_send(struct raw_peer *p, const void *bytes, size_t size) {
    const uint8_t *at = bytes;

    while (size > 0) {
        size_t n = size;
        long sent;

        if (p->session == NULL) {
            sent = tcp_send(p, at, size);
        } else {
            sent = cm_tls_send(p->session, at, &n) == CM_TLS_OK ? (long)n : -1;
        }
        if (sent <= 0) {
            return false;
        }
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

bool raw_peer_send_header(struct raw_peer *p, uint32_t size, uint16_t type, uint64_t sequence) {
    uint8_t bytes[16] = {0};

    size = htobe32(size);
    type = htobe16(type);
    sequence = htobe64(sequence);
    memcpy(bytes, &size, 4);
    memcpy(bytes + 4, &type, 2);
    memcpy(bytes + 8, &sequence, 8);
    return raw_peer_send(p, bytes, sizeof(bytes));
}

bool raw_peer_wait_closed(struct raw_peer *p) {
    uint8_t bytes[4096];
    ssize_t n;

    do {
        n = recv(p->fd, bytes, sizeof(bytes), 0);
    } while (n > 0);
    return n == 0 || errno == ECONNRESET;
}
