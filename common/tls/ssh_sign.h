// ssh_sign: signatures with an SSH key, as `ssh-keygen -Y sign` makes them and Git verifies them.
//
// Formats: OpenSSH's PROTOCOL.key (the private key's file) and PROTOCOL.sshsig. Ed25519 keys
// without a passphrase only: they need nothing but their 32 bytes.
//
// Threads: any; pure.
#pragma once

#include <stddef.h>

#include "common/err.h"

#define CM_SSH_KEY_MAX ((size_t)16 << 10) // bytes of a private key's file

// cm_ssh_sign signs bytes for a purpose ("git") and returns the armoured text, which the caller
// frees. CM_EINVAL: the text is no such key.
CM_MUSTUSE enum cm_rc cm_ssh_sign(const char *key, const char *purpose, const char *bytes,
                                  char **out, struct cm_err *err);

// cm_ssh_key_check tells with CM_EINVAL what is wrong with the text of a private key.
CM_MUSTUSE enum cm_rc cm_ssh_key_check(const char *key, struct cm_err *err);
