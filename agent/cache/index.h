// index: where in the log each blob is.
//
// An open-addressing table keyed by the blob's hash: 64 bytes an entry, so that an agent with
// thousands of objects stays small.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/tls/digest.h"

struct cm_buf;

struct agent_place_in_log {
    struct cm_sha256 name;
    uint64_t offset;        // of the bytes; good when pending is NULL
    uint64_t check;         // first 8 bytes of SHA-256 over the bytes
    struct cm_buf *pending; // not on disk yet: the bytes, a reference
    uint32_t size;
    uint32_t asked; // in which era somebody last asked for it
};

struct agent_index {
    struct agent_place_in_log *slots;
    size_t capacity; // a power of two, or 0
    size_t count;
};

void agent_index_done(struct agent_index *x);

// agent_index_find returns the entry of a name, or NULL; good until the next add.
struct agent_place_in_log *agent_index_find(const struct agent_index *x,
                                            const struct cm_sha256 *name);

// agent_index_add returns the entry of a name, new and zeroed but for the name if there was none.
struct agent_place_in_log *agent_index_add(struct agent_index *x, const struct cm_sha256 *name);

// agent_index_remove forgets a name; its reference goes with it.
void agent_index_remove(struct agent_index *x, const struct cm_sha256 *name);

// agent_index_next steps through the entries; start with *at = 0; NULL at the end.
struct agent_place_in_log *agent_index_next(const struct agent_index *x, size_t *at);
