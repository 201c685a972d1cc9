// sha1: HMAC-SHA1, which OpenSSH hashes host names with. Nothing here trusts in it: it only finds
// the line of known_hosts that an operator wrote for a host.
//
// Threads: any; pure.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HUB_SHA1_SIZE 20

void hub_hmac_sha1(const uint8_t *key, size_t key_size, const void *bytes, size_t size,
                   uint8_t out[HUB_SHA1_SIZE]);
