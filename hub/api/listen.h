// listen: the socket that the API is served on.
//
// Threads: any; blocks while a name is looked up.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

// hub_listen opens "host:port"; an empty host or '*' is any address. With `loopback_only`, an
// address that other machines can reach is refused (CM_EINVAL). *out_port tells which port it got.
CM_MUSTUSE enum cm_rc hub_listen(const char *addr, bool loopback_only, int *out_fd,
                                 uint16_t *out_port, struct cm_err *err);
