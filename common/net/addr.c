#include "common/net/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define HOST_MAX 253 // RFC 1035

static bool is_port(const char *text, bool may_be_zero) {
    long value = 0;
    size_t len = strnlen(text, 6);

    if (len == 0 || len > 5 || strspn(text, "0123456789") != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        value = value * 10 + (text[i] - '0');
    }
    return value <= 65535 && (value > 0 || may_be_zero);
}

static bool is_ipv6(const char *host, size_t len) {
    struct in6_addr ip;
    char text[INET6_ADDRSTRLEN];

    if (len < 3 || len - 2 >= sizeof(text) || host[0] != '[' || host[len - 1] != ']') {
        return false;
    }
    memcpy(text, host + 1, len - 2);
    text[len - 2] = '\0';
    return inet_pton(AF_INET6, text, &ip) == 1;
}

static bool is_name(const char *host, size_t len) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";

    return len > 0 && len <= HOST_MAX && strspn(host, allowed) == len;
}

enum cm_rc cm_net_addr_check(const char *addr, bool listener, struct cm_err *err) {
    const char *colon = strrchr(addr, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - addr);
    bool all = listener && colon != NULL && (len == 0 || (len == 1 && addr[0] == '*'));

    if (colon != NULL && is_port(colon + 1, listener) &&
        (all || is_name(addr, len) || is_ipv6(addr, len))) {
        return CM_OK;
    }
    return cm_fail(err, CM_EINVAL, "'%.256s' is not an address: use HOST:PORT, e.g. '%s'", addr,
                   listener ? "0.0.0.0:7443" : "hub.example:7443");
}

bool cm_net_addr_is_numeric(const char *addr) {
    return addr[0] == '[' || addr[strspn(addr, "0123456789.")] == ':';
}

static void write_v6(const struct in6_addr *in6, char out[CM_NET_ORIGIN_MAX]) {
    struct in6_addr prefix = *in6;
    char text[INET6_ADDRSTRLEN] = "";

    if (IN6_IS_ADDR_V4MAPPED(in6)) {
        (void)inet_ntop(AF_INET, &in6->s6_addr[12], out, CM_NET_ORIGIN_MAX);
        return;
    }
    memset(&prefix.s6_addr[8], 0, 8);
    (void)inet_ntop(AF_INET6, &prefix, text, sizeof(text));
    (void)snprintf(out, CM_NET_ORIGIN_MAX, "%s/64", text);
}

void cm_net_addr_origin(const struct sockaddr *addr, char out[CM_NET_ORIGIN_MAX]) {
    (void)snprintf(out, CM_NET_ORIGIN_MAX, "unknown");
    if (addr != NULL && addr->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, addr, sizeof(in));
        (void)inet_ntop(AF_INET, &in.sin_addr, out, CM_NET_ORIGIN_MAX);
    } else if (addr != NULL && addr->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, addr, sizeof(in6));
        write_v6(&in6.sin6_addr, out);
    }
}

void cm_net_addr_origin_of(const char *addr, char out[CM_NET_ORIGIN_MAX]) {
    const char *begin = addr + (addr[0] == '[' ? 1 : 0);
    const char *end = strrchr(addr, addr[0] == '[' ? ']' : ':');
    char host[INET6_ADDRSTRLEN] = "";
    struct in6_addr in6;
    struct in_addr in;

    if (end != NULL && (size_t)(end - begin) < sizeof(host)) {
        memcpy(host, begin, (size_t)(end - begin));
    }
    (void)snprintf(out, CM_NET_ORIGIN_MAX, "unknown");
    if (inet_pton(AF_INET, host, &in) == 1) {
        (void)inet_ntop(AF_INET, &in, out, CM_NET_ORIGIN_MAX);
    } else if (inet_pton(AF_INET6, host, &in6) == 1) {
        write_v6(&in6, out);
    }
}
