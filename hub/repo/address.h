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

// Both look at whom this process is connected to over IP, on all its descriptors.
// hub_address_check_peers fails with CM_EINVAL if one is private, hub_address_check_ports if one is
// on another port than this.
CM_MUSTUSE enum cm_rc hub_address_check_peers(struct cm_err *err);
CM_MUSTUSE enum cm_rc hub_address_check_ports(uint16_t port, struct cm_err *err);
