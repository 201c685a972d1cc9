#include "proto/squeeze.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "common/buf.h"
#include "common/mem.h"
#include "proto/wire.h"

#define LEVEL 3       // higher ones bring less than they cost
#define SMALLEST 64   // nothing shorter is worth it
#define NAME_COSTS 36 // what naming the base takes in a message

struct wire_squeezer {
    ZSTD_CCtx *zstd;
    uint8_t room[ZSTD_COMPRESSBOUND(WIRE_BLOB_PIECE)];
};

struct wire_bytes wire_base_slice(struct wire_bytes base, size_t offset) {
    if (base.data == NULL || base.size > WIRE_BASE_MAX || base.size <= offset) {
        return (struct wire_bytes){0};
    }
    size_t left = base.size - offset;
    return (struct wire_bytes){base.data + offset, left < WIRE_BLOB_PIECE ? left : WIRE_BLOB_PIECE};
}

static void must(size_t result) {
    if (ZSTD_isError(result) != 0) {
        cm_mem_end(); // of what we ask for nothing but memory can be lacking
    }
}

struct wire_squeezer *wire_squeezer_new(void) {
    struct wire_squeezer *s = cm_new(1, sizeof(*s));

    s->zstd = ZSTD_createCCtx();
    if (s->zstd == NULL) {
        cm_mem_end();
    }
    must(ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_compressionLevel, LEVEL));
    must(ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_contentSizeFlag, 0));
    return s;
}

void wire_squeezer_free(struct wire_squeezer *s) {
    if (s != NULL) {
        (void)ZSTD_freeCCtx(s->zstd);
        free(s);
    }
}

struct cm_buf *wire_squeeze(struct wire_squeezer *s, struct wire_bytes bytes,
                            struct wire_bytes base) {
    if (bytes.size < SMALLEST || bytes.size > WIRE_BLOB_PIECE) {
        return NULL;
    }
    must(ZSTD_CCtx_refPrefix(s->zstd, base.data, base.size));
    size_t size = ZSTD_compress2(s->zstd, s->room, sizeof(s->room), bytes.data, bytes.size);
    must(size);
    if (size + (base.size > 0 ? NAME_COSTS : 0) >= bytes.size) {
        return NULL;
    }
    return cm_buf_copy(s->room, size);
}

// zstd itself would take several frames, ones to skip, and formats of long ago.
static bool is_one_frame(struct wire_bytes squeezed) {
    static const uint8_t magic[] = {0x28, 0xB5, 0x2F, 0xFD};

    return squeezed.size > sizeof(magic) && memcmp(squeezed.data, magic, sizeof(magic)) == 0 &&
           ZSTD_findFrameCompressedSize(squeezed.data, squeezed.size) == squeezed.size;
}

enum cm_rc wire_unsqueeze(struct wire_bytes squeezed, struct wire_bytes base, uint8_t *out,
                          size_t size, struct cm_err *err) {
    if (!is_one_frame(squeezed)) {
        return cm_fail(err, CM_EINVAL, "what was squeezed is damaged, or not one frame of zstd");
    }
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    if (zstd == NULL) {
        cm_mem_end();
    }
    must(ZSTD_DCtx_refPrefix(zstd, base.data, base.size));
    size_t came = ZSTD_decompressDCtx(zstd, out, size, squeezed.data, squeezed.size);
    (void)ZSTD_freeDCtx(zstd);
    if (ZSTD_isError(came) != 0 || came != size) {
        return cm_fail(err, CM_EINVAL, "what was squeezed is damaged, or not of %zu bytes", size);
    }
    return CM_OK;
}
