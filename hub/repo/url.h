// url: where a repository is.
//
//     https://git.example.com/fleet.git        file:///srv/git/fleet.git
//     ssh://git@git.example.com:2222/fleet.git git@git.example.com:fleet.git
//
// Nothing else: plain http and git:// prove neither who answers nor what he says. Secrets do not
// belong into a URL, because URLs are printed; a user name in an https one is refused as well, so
// that there is one place to look for it.
//
// Threads: any; pure.
#pragma once

#include <stdint.h>

#include "common/err.h"

enum hub_url_scheme { HUB_URL_FILE, HUB_URL_HTTPS, HUB_URL_SSH };

#define HUB_URL_MAX 2048

struct hub_url {
    enum hub_url_scheme scheme;
    char *text; // for libgit2, and safe to print
    char *user; // ssh only, NULL if none is named
    char *host; // lower case, IPv6 without brackets; NULL for files
    char *path; // for files the folder's
    uint16_t port;
};

void hub_url_done(struct hub_url *url);

// hub_url_parse takes a URL apart. It fails with CM_EINVAL and says which part is wrong.
CM_MUSTUSE enum cm_rc hub_url_parse(const char *text, struct hub_url *out, struct cm_err *err);
