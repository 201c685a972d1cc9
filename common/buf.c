#include "common/buf.h"

#include <assert.h>
#include <string.h>

#include "common/mem.h"

struct cm_buf *cm_buf_new(size_t size) {
    assert(size < SIZE_MAX - sizeof(struct cm_buf));
    struct cm_buf *buf = cm_resize(NULL, sizeof(*buf) + size);

    buf->refs = 1;
    buf->size = size;
    return buf;
}

struct cm_buf *cm_buf_copy(const void *bytes, size_t size) {
    struct cm_buf *buf = cm_buf_new(size);

    if (size > 0) {
        memcpy(buf->data, bytes, size);
    }
    return buf;
}

struct cm_buf *cm_buf_ref(struct cm_buf *buf) {
    uint32_t before = buf->refs++;

    assert(before > 0 && before < UINT32_MAX);
    return buf;
}

void cm_buf_unref(struct cm_buf *buf) {
    if (buf == NULL) {
        return;
    }
    uint32_t before = buf->refs--;
    assert(before > 0);
    if (before == 1) {
        cm_free_wiped(buf, sizeof(*buf) + buf->size);
    }
}

void cm_buf_unrefp(struct cm_buf **buf) {
    cm_buf_unref(*buf);
}
