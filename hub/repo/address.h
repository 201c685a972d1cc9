// address: which hosts the hub may be sent to by a URL.
//
// Threads: any. hub_address_check_host blocks (DNS).
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/err.h"

// hub_address_is_private tells whether an address is not one of the public Internet: loopback,
// link-local, private, shared, documentation, multicast and the like. Families other than IP are.
bool hub_address_is_private(const struct sockaddr *address);

// hub_address_check_host resolves the host: CM_EIO if it cannot be, CM_EINVAL if any of its
// addresses is private and that is not allowed.
CM_MUSTUSE enum cm_rc hub_address_check_host(const char *host, uint16_t port, bool allow_private,
                                             struct cm_err *err);

// hub_address_check_sockets looks at whom this process is connected to over IP, on all its
// descriptors. CM_EINVAL if one is private and that is not allowed, or is on another port.
CM_MUSTUSE enum cm_rc hub_address_check_sockets(uint16_t port, bool allow_private,
                                                struct cm_err *err);
