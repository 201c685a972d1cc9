// addresses: under which names and ports agents reach the hub.
//
// Threads: any; nothing changes once made.
#pragma once

#include <stddef.h>

#include "common/err.h"

struct hub_config;

struct hub_addresses {
    char **link; // "host:port", told to agents
    size_t link_count;
    char **enroll; // the same hosts, the port of --enroll-listen
    size_t enroll_count;
    char **hosts; // for the server's certificate
    size_t host_count;
};

// hub_addresses_make works them out: from --advertise if it is given, else from --listen, where
// "any address" becomes this machine's name.
CM_MUSTUSE enum cm_rc hub_addresses_make(const struct hub_config *config, struct hub_addresses *out,
                                         struct cm_err *err);
void hub_addresses_done(struct hub_addresses *a);

// hub_addresses_check fails with CM_EINVAL if an address is none, or is one at which the API may
// not be served without TLS. A name that has to be looked up is left to whoever listens.
CM_MUSTUSE enum cm_rc hub_addresses_check(const struct hub_config *config, struct cm_err *err);
