// framed: pieces of blobs as they go out, packed once for all agents that need them.
//
// A commit that changes all clusters sends most of them the same bytes at nearly the same time. The
// packed message is kept for a little while, so that thousands of queues share one buffer: what
// waits for slow agents then costs its size once. What is kept is bounded; when there is no room,
// all of it is let go. As it is, and squeezed against this or that, a piece is another one.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/tls/digest.h"

struct cm_buf;

#define HUB_FRAMED_BYTES ((size_t)8 << 20)

struct hub_framed_key {
    struct cm_sha256 name; // of the blob
    size_t offset;
    bool squeezed;
    struct cm_sha256 base; // against this; zeros: none
};

struct hub_framed_piece {
    struct hub_framed_key key;
    struct cm_buf *payload; // NULL: none
};

struct hub_framed {
    size_t bytes; // of all payloads
    struct hub_framed_piece pieces[256];
};

// hub_framed_find returns the packed message, borrowed, or NULL.
struct cm_buf *hub_framed_find(const struct hub_framed *f, const struct hub_framed_key *key);

// hub_framed_keep takes a reference to a message that was packed.
void hub_framed_keep(struct hub_framed *f, const struct hub_framed_key *key,
                     struct cm_buf *payload);

void hub_framed_clear(struct hub_framed *f);
