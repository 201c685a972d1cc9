// squeeze: bytes made fewer for the way (zstd), against others that the receiver has: the version
// before, or a small object that came just before. A change of one line then costs tens of bytes,
// whatever it is in (ARCHITECTURE.md has the figures).
//
// The receiver knows from the rest of the message how many bytes come out. Exactly so many do, or
// it is refused: what a peer sends makes nobody allocate, and a name by hash tells whether they are
// the right ones. What is secret is never squeezed, and nothing is squeezed against it: the length
// would tell of it.
//
// Threads: any; a squeezer one at a time.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_buf;

#define WIRE_BASE_MAX ((size_t)1024 * 1024) // a blob that others are squeezed against

struct wire_squeezer;

struct wire_bytes {
    const uint8_t *data; // NULL: none
    size_t size;
};

// wire_base_slice is the part of a base against which the piece of a blob from `offset` on is
// squeezed; none, if the base is too large or too short.
struct wire_bytes wire_base_slice(struct wire_bytes base, size_t offset);

// wire_squeezer_new makes one that keeps up to 1.5 MiB, by the longest that it has squeezed;
// wire_squeezer_free takes NULL.
struct wire_squeezer *wire_squeezer_new(void);
void wire_squeezer_free(struct wire_squeezer *s);

// wire_squeeze returns a new buffer, or NULL if that would not be fewer bytes. At most
// WIRE_BLOB_PIECE bytes are squeezed, against as many.
struct cm_buf *wire_squeeze(struct wire_squeezer *s, struct wire_bytes bytes,
                            struct wire_bytes base);

// wire_unsqueeze takes one frame of zstd, no more and no older format, and writes exactly `size`
// bytes to `out`, whose content is undefined if it fails with CM_EINVAL.
CM_MUSTUSE enum cm_rc wire_unsqueeze(struct wire_bytes squeezed, struct wire_bytes base,
                                     uint8_t *out, size_t size, struct cm_err *err);
