// known_hosts: which key an ssh server must show, read from OpenSSH's format.
//
// A line is   [@revoked] NAMES TYPE KEY [COMMENT]   where NAMES are host names with '*' and '?',
// '!' before what shall not match, "[host]:port" for ports other than 22, or a hashed name
// (|1|salt|hash). As an addition KEY alone may be SHA256:… , the fingerprint that Git hosters
// publish:   github.com SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU
// Certificate authorities (@cert-authority) are passed over: libssh2 knows no host certificates.
//
// We check ourselves because libgit2 looks into the home folder of whoever runs it, and before 1.5
// did not look at all.
//
// Threads: any; pure.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define HUB_KNOWN_HOSTS_MAX (256U << 10) // bytes of the text

enum hub_known_host {
    HUB_HOST_KNOWN,   // this key is this host's
    HUB_HOST_UNKNOWN, // no line names the host
    HUB_HOST_CHANGED, // the host is named, with other keys
    HUB_HOST_REVOKED, // the key is marked as stolen or retired
};

// hub_known_hosts_check looks up the key (as ssh sends it, not base64) of a host. Lines that make
// no sense match nothing.
enum hub_known_host hub_known_hosts_check(const char *text, const char *host, uint16_t port,
                                          const uint8_t *key, size_t key_size);

// hub_known_hosts_for returns one plain line "NAME TYPE KEY" with the best key that is known for
// the host, or NULL; the caller frees it. The client asks the server for a key of this type.
char *hub_known_hosts_for(const char *text, const char *host, uint16_t port);

// hub_known_hosts_validate fails with CM_EINVAL, naming the line, if the text is too large, a line
// is malformed, or there is no line at all.
CM_MUSTUSE enum cm_rc hub_known_hosts_validate(const char *text, struct cm_err *err);
