#include "hub/api/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/net/addr.h"

#define BACKLOG 128

static bool is_loopback(const struct sockaddr *addr) {
    if (addr->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, addr, sizeof(in));
        return ntohl(in.sin_addr.s_addr) >> 24 == 127;
    }
    if (addr->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, addr, sizeof(in6));
        return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
    }
    return false;
}

// Tries one address; -1 with errno.
static int open_socket(const struct addrinfo *info) {
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1;

    if (fd < 0) {
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
        int why = errno;

        (void)close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static uint16_t port_of(int fd) {
    struct sockaddr_storage addr = {0};
    socklen_t size = sizeof(addr);
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (getsockname(fd, (struct sockaddr *)&addr, &size) < 0) {
        return 0;
    }
    if (addr.ss_family == AF_INET) {
        memcpy(&in, &addr, sizeof(in));
        return ntohs(in.sin_port);
    }
    memcpy(&in6, &addr, sizeof(in6));
    return ntohs(in6.sin6_port);
}

static enum cm_rc open_first(const struct addrinfo *list, const char *addr, bool loopback_only,
                             int *out_fd, struct cm_err *err) {
    int why = 0;

    for (const struct addrinfo *info = list; info != NULL; info = info->ai_next) {
        if (loopback_only && !is_loopback(info->ai_addr)) {
            return cm_fail(err, CM_EINVAL,
                           "'%s' can be reached from other machines, so the API is served there "
                           "with TLS only: leave out --api-insecure or listen on 127.0.0.1",
                           addr);
        }
        *out_fd = open_socket(info);
        if (*out_fd >= 0) {
            return CM_OK;
        }
        why = errno;
    }
    return cm_fail(err, why == EADDRINUSE ? CM_EBUSY : CM_EIO, "listen on '%s': %s", addr,
                   strerror(why));
}

static void free_list(struct addrinfo **list) {
    if (*list != NULL) {
        freeaddrinfo(*list);
    }
}

static enum cm_rc look_up(const char *addr, struct addrinfo **out, struct cm_err *err) {
    const char *colon = strrchr(addr, ':'); // cm_net_addr_check saw it
    bool bracketed = addr[0] == '[';
    size_t len = (size_t)(colon - addr) - (bracketed ? 2 : 0);
    CM_AUTOFREE char *host = cm_strndup(addr + (bracketed ? 1 : 0), len);
    bool any = host[0] == '\0' || strcmp(host, "*") == 0;
    struct addrinfo hints = {
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
        .ai_family = any ? AF_INET6 : AF_UNSPEC, // takes IPv4 too
    };
    int failed = getaddrinfo(any ? NULL : host, colon + 1, &hints, out);

    if (failed != 0 && any) {
        hints.ai_family = AF_INET;
        failed = getaddrinfo(NULL, colon + 1, &hints, out);
    }
    return failed == 0 ? CM_OK
                       : cm_fail(err, CM_EINVAL, "look up '%s': %s", addr, gai_strerror(failed));
}

enum cm_rc hub_listen(const char *addr, bool loopback_only, int *out_fd, uint16_t *out_port,
                      struct cm_err *err) {
    CM_CLEANUP(free_list) struct addrinfo *list = NULL;
    enum cm_rc rc = cm_net_addr_check(addr, true, err);

    rc = rc < 0 ? rc : look_up(addr, &list, err);
    rc = rc < 0 ? rc : open_first(list, addr, loopback_only, out_fd, err);
    if (rc == CM_OK) {
        *out_port = port_of(*out_fd);
    }
    return rc;
}
