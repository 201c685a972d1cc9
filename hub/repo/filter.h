// filter: the system calls that a fetch may make (seccomp).
//
// The child reads what strangers' servers send, by libgit2, libssh2 and OpenSSL. Should one of them
// be taken over, it cannot start a program, look into another process, change identity, mount,
// load into the kernel or open sockets of odd families; every call that a fetch does not need fails
// with EPERM. Files are bounded by the rights of the hub's user and the unit's sandbox.
//
// Threads: the child has one when it is set; later ones inherit it.
#pragma once

#include "common/err.h"

// hub_filter_set confines the process for good. CM_OK also where it was compiled out, as under
// sanitizers, whose own calls it would not know; CM_EIO where the kernel refuses it.
CM_MUSTUSE enum cm_rc hub_filter_set(struct cm_err *err);
