// buf: bytes that several owners share and nobody changes.
//
// The same frame goes to ten thousand agents, the same manifest to many clusters: they hold a
// reference to one buffer. Nobody knows any more then whether it was of a Secret: what a buffer
// held is wiped when it goes.
//
// Threads: any; the count is atomic. Only the maker may write, before the first ref is shared.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct cm_buf {
    _Atomic uint32_t refs;
    size_t size;
    uint8_t data[];
};

// cm_buf_new returns a buffer of `size` uninitialised bytes with one reference.
struct cm_buf *cm_buf_new(size_t size);
struct cm_buf *cm_buf_copy(const void *bytes, size_t size);
struct cm_buf *cm_buf_ref(struct cm_buf *buf);
void cm_buf_unref(struct cm_buf *buf); // NULL is fine
void cm_buf_unrefp(struct cm_buf **buf);
