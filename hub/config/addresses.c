#include "hub/config/addresses.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/config/config.h"

#define ADDRESSES_MAX 16
#define HOST_MAX 256

static void add(char ***list, size_t *count, char *text) {
    *list = cm_resize(*list, (*count + 1) * sizeof(**list));
    (*list)[(*count)++] = text;
}

static void free_list(char **list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(list[i]);
    }
    free(list);
}

void hub_addresses_done(struct hub_addresses *a) {
    free_list(a->link, a->link_count);
    free_list(a->enroll, a->enroll_count);
    free_list(a->hosts, a->host_count);
    *a = (struct hub_addresses){0};
}

// The host of "host:port" or "[v6]:port", without brackets; *port points behind the colon.
static enum cm_rc split(const char *addr, char **host, const char **port, struct cm_err *err) {
    const char *colon = strrchr(addr, ':');
    bool bracketed = addr[0] == '[' && colon != NULL && colon > addr + 1 && colon[-1] == ']';

    if (colon == NULL || colon == addr || colon[1] == '\0' ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1)) {
        return cm_fail(err, CM_EINVAL, "'%.80s' is no HOST:PORT", addr);
    }
    *host = bracketed ? cm_strndup(addr + 1, (size_t)(colon - addr) - 2)
                      : cm_strndup(addr, (size_t)(colon - addr));
    *port = colon + 1;
    return CM_OK;
}

static bool is_any(const char *host) {
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0 || strcmp(host, "*") == 0;
}

static char *join(const char *host, const char *port) {
    return strchr(host, ':') != NULL ? cm_strf("[%s]:%s", host, port)
                                     : cm_strf("%s:%s", host, port);
}

static enum cm_rc add_address(struct hub_addresses *a, const char *addr, const char *enroll_port,
                              struct cm_err *err) {
    CM_AUTOFREE char *host = NULL;
    char name[HOST_MAX] = "localhost";
    const char *port;
    enum cm_rc rc = split(addr, &host, &port, err);

    if (rc < 0) {
        return rc;
    }
    if (is_any(host)) {
        (void)gethostname(name, sizeof(name) - 1);
    }
    const char *reached = is_any(host) ? name : host;
    add(&a->link, &a->link_count, join(reached, port));
    add(&a->enroll, &a->enroll_count, join(reached, enroll_port));
    add(&a->hosts, &a->host_count, cm_strdup(reached));
    return CM_OK;
}

static enum cm_rc add_all(struct hub_addresses *a, const char *list, const char *enroll_port,
                          struct cm_err *err) {
    CM_AUTOFREE char *copy = cm_strdup(list);
    char *rest = copy;
    char *addr;

    while ((addr = strsep(&rest, ", ")) != NULL) {
        if (addr[0] == '\0' && rest != NULL) {
            continue; // after a comma comes a space
        }
        if (a->link_count == ADDRESSES_MAX) {
            return cm_fail(err, CM_EINVAL, "--advertise: more than %d addresses", ADDRESSES_MAX);
        }
        if (add_address(a, addr, enroll_port, err) < 0) {
            return err->code;
        }
    }
    return CM_OK;
}

enum cm_rc hub_addresses_make(const struct hub_config *config, struct hub_addresses *out,
                              struct cm_err *err) {
    const char *list = config->advertise != NULL && config->advertise[0] != '\0' ? config->advertise
                                                                                 : config->listen;
    CM_AUTOFREE char *enroll_host = NULL;
    const char *enroll_port;
    struct hub_addresses a = {0};
    enum cm_rc rc = split(config->enroll_listen, &enroll_host, &enroll_port, err);

    if (rc < 0) {
        return cm_wrap(err, "--enroll-listen");
    }
    add(&a.hosts, &a.host_count, cm_strdup("localhost"));
    add(&a.hosts, &a.host_count, cm_strdup("127.0.0.1"));
    if (add_all(&a, list, enroll_port, err) < 0) {
        hub_addresses_done(&a);
        return cm_wrap(err, list == config->listen ? "--listen" : "--advertise");
    }
    *out = a;
    return CM_OK;
}

// Whether the host is certainly an address that other machines reach.
static bool is_public(const char *host) {
    static const struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, host, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 != 127;
    }
    if (inet_pton(AF_INET6, host, &v6) == 1) {
        return memcmp(&v6, &loopback, sizeof(v6)) != 0;
    }
    return is_any(host);
}

static enum cm_rc check_api(const struct hub_config *config, struct cm_err *err) {
    CM_AUTOFREE char *host = NULL;
    const char *port;

    if (split(config->api_listen, &host, &port, err) < 0) {
        return cm_wrap(err, "--api-listen");
    }
    if (config->api_insecure && is_public(host)) {
        return cm_fail(err, CM_EINVAL,
                       "--api-listen: '%.80s' can be reached from other machines, so the API is "
                       "served there with TLS only: leave out --api-insecure or listen on "
                       "127.0.0.1",
                       config->api_listen);
    }
    return CM_OK;
}

enum cm_rc hub_addresses_check(const struct hub_config *config, struct cm_err *err) {
    struct hub_addresses tried = {0};
    enum cm_rc rc = hub_addresses_make(config, &tried, err);

    hub_addresses_done(&tried);
    return rc < 0 ? rc : check_api(config, err);
}
