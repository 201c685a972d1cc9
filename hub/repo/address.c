#include "hub/repo/address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"

#define SOCKETS_MAX 256 // descriptors looked at; the child has no more

struct range4 {
    uint32_t net;
    unsigned bits;
};

// IANA's special-purpose registry: what is not globally reachable.
static const struct range4 private4[] = {
    {0x00000000U, 8},  // "this network"
    {0x0a000000U, 8},  // 10/8
    {0x64400000U, 10}, // 100.64/10, shared
    {0x7f000000U, 8},  // loopback
    {0xa9fe0000U, 16}, // link-local, metadata services of clouds
    {0xac100000U, 12}, // 172.16/12
    {0xc0000000U, 24}, // 192.0.0/24
    {0xc0000200U, 24}, // documentation
    {0xc0a80000U, 16}, // 192.168/16
    {0xc6120000U, 15}, // benchmarks
    {0xc6336400U, 24}, // documentation
    {0xcb007100U, 24}, // documentation
    {0xe0000000U, 3},  // multicast, reserved, broadcast
};

static bool is_private4(uint32_t address) {
    for (size_t i = 0; i < sizeof(private4) / sizeof(private4[0]); i++) {
        uint32_t mask = ~(0xffffffffU >> private4[i].bits);

        if ((address & mask) == private4[i].net) {
            return true;
        }
    }
    return false;
}

static uint32_t word(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool is_private6(const uint8_t *a) {
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const uint8_t translated[12] = {0, 0x64, 0xff, 0x9b};

    if (memcmp(a, mapped, sizeof(mapped)) == 0 || memcmp(a, translated, sizeof(translated)) == 0) {
        return is_private4(word(a + 12));
    }
    if (a[0] == 0x20 && a[1] == 0x02) { // 6to4
        return is_private4(word(a + 2));
    }
    if (word(a) == 0x20010db8U ||
        (word(a) & 0xfffffe00U) == 0x20010000U) { // documentation, Teredo…
        return true;
    }
    return (a[0] & 0xe0) != 0x20; // what is global is in 2000::/3
}

bool hub_address_is_private(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, address, sizeof(in));
        return is_private4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, address, sizeof(in6));
        return is_private6(in6.sin6_addr.s6_addr);
    }
    return true;
}

static enum cm_rc refuse(const struct sockaddr *address, socklen_t size, struct cm_err *err) {
    char text[NI_MAXHOST] = "?";

    (void)getnameinfo(address, size, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
    return cm_fail(err, CM_EINVAL,
                   "its address %s is not one of the public Internet: allow private hosts for this "
                   "repository if that is meant",
                   text);
}

static void free_addresses(struct addrinfo **list) {
    if (*list != NULL) {
        freeaddrinfo(*list);
    }
}

enum cm_rc hub_address_check_host(const char *host, uint16_t port, bool allow_private,
                                  struct cm_err *err) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    CM_CLEANUP(free_addresses) struct addrinfo *list = NULL;
    char service[8];

    (void)snprintf(service, sizeof(service), "%u", (unsigned)port);
    int rc = getaddrinfo(host, service, &hints, &list);
    if (rc != 0) {
        return cm_fail(err, CM_EIO, "the name '%s' cannot be resolved: %s", host, gai_strerror(rc));
    }
    for (const struct addrinfo *a = list; a != NULL && !allow_private; a = a->ai_next) {
        if (hub_address_is_private(a->ai_addr)) {
            return refuse(a->ai_addr, a->ai_addrlen, err);
        }
    }
    return CM_OK;
}

static uint16_t port_of(const struct sockaddr_storage *address) {
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (address->ss_family == AF_INET) {
        memcpy(&in, address, sizeof(in));
        return ntohs(in.sin_port);
    }
    memcpy(&in6, address, sizeof(in6));
    return ntohs(in6.sin6_port);
}

// next_peer finds the next descriptor from *fd on that is connected over IP.
static bool next_peer(int *fd, struct sockaddr_storage *out, socklen_t *size) {
    while (++*fd < SOCKETS_MAX) {
        *size = sizeof(*out);
        if (getpeername(*fd, (struct sockaddr *)out, size) == 0 &&
            (out->ss_family == AF_INET || out->ss_family == AF_INET6)) {
            return true;
        }
    }
    return false;
}

enum cm_rc hub_address_check_peers(struct cm_err *err) {
    struct sockaddr_storage peer = {0};
    socklen_t size = 0;

    for (int fd = -1; next_peer(&fd, &peer, &size);) {
        if (hub_address_is_private((const struct sockaddr *)&peer)) {
            return refuse((const struct sockaddr *)&peer, size, err);
        }
    }
    return CM_OK;
}

enum cm_rc hub_address_check_ports(uint16_t port, struct cm_err *err) {
    struct sockaddr_storage peer = {0};
    socklen_t size = 0;

    for (int fd = -1; next_peer(&fd, &peer, &size);) {
        if (port_of(&peer) != port) {
            return cm_fail(
                err, CM_EINVAL,
                "it redirects to port %u: put the address where the repository really is "
                "into its URL",
                (unsigned)port_of(&peer));
        }
    }
    return CM_OK;
}
