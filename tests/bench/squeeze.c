#include "tests/bench/squeeze.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zdict.h>
#include <zlib.h>
#include <zstd.h>

#include "common/mem.h"

#define DEFLATE_WINDOW ((size_t)32 * 1024)
#define RAW_DEFLATE (-15) // no header: the name says whether it is whole

const struct squeeze_way squeeze_ways[] = {
    {"as it is", false, 0, false, false},
    {"deflate 6", true, 6, false, false},
    {"deflate 6, dictionary", true, 6, true, false},
    {"deflate 6, what it has", true, 6, false, true},
    {"zstd 1", false, 1, false, false},
    {"zstd 3", false, 3, false, false},
    {"zstd 9", false, 9, false, false},
    {"zstd 19", false, 19, false, false},
    {"zstd 3, dictionary", false, 3, true, false},
    {"zstd 19, dictionary", false, 19, true, false},
    {"zstd 1, what it has", false, 1, false, true},
    {"zstd 3, what it has", false, 3, false, true},
    {"zstd 3, what it has, else dictionary", false, 3, true, true},
};
const size_t squeeze_way_count = sizeof(squeeze_ways) / sizeof(squeeze_ways[0]);

struct squeeze {
    const struct squeeze_way *way;
    const uint8_t *dictionary;
    size_t dictionary_size;
    ZSTD_CCtx *packer;
    ZSTD_DCtx *unpacker;
    ZSTD_CDict *to_pack;
    ZSTD_DDict *to_unpack;
    z_stream deflating;
    z_stream inflating;
};

static void must(bool ok, const char *what) {
    if (!ok) {
        (void)fprintf(stderr, "bench.compression: %s failed\n", what);
        exit(1);
    }
}

static size_t took(size_t result, const char *what) {
    must(ZSTD_isError(result) == 0, what);
    return result;
}

static void begin_zstd(struct squeeze *s) {
    s->packer = ZSTD_createCCtx();
    s->unpacker = ZSTD_createDCtx();
    // How long it is says the message, and whether it is whole its name.
    (void)took(ZSTD_CCtx_setParameter(s->packer, ZSTD_c_compressionLevel, s->way->level), "level");
    (void)took(ZSTD_CCtx_setParameter(s->packer, ZSTD_c_contentSizeFlag, 0), "size");
    (void)took(ZSTD_CCtx_setParameter(s->packer, ZSTD_c_dictIDFlag, 0), "id");
    if (s->way->dictionary) {
        s->to_pack = ZSTD_createCDict(s->dictionary, s->dictionary_size, s->way->level);
        s->to_unpack = ZSTD_createDDict(s->dictionary, s->dictionary_size);
    }
}

struct squeeze *squeeze_new(const struct squeeze_way *way, const void *dictionary, size_t size) {
    struct squeeze *s = cm_new(1, sizeof(*s));

    *s = (struct squeeze){.way = way, .dictionary = dictionary, .dictionary_size = size};
    if (way->deflate) {
        must(deflateInit2(&s->deflating, way->level, Z_DEFLATED, RAW_DEFLATE, 8,
                          Z_DEFAULT_STRATEGY) == Z_OK,
             "deflateInit2");
        must(inflateInit2(&s->inflating, RAW_DEFLATE) == Z_OK, "inflateInit2");
    } else if (way->level > 0) {
        begin_zstd(s);
    }
    return s;
}

void squeeze_free(struct squeeze *s) {
    if (s->way->deflate) {
        (void)deflateEnd(&s->deflating);
        (void)inflateEnd(&s->inflating);
    }
    (void)ZSTD_freeCCtx(s->packer);
    (void)ZSTD_freeDCtx(s->unpacker);
    (void)ZSTD_freeCDict(s->to_pack);
    (void)ZSTD_freeDDict(s->to_unpack);
    free(s);
}

size_t squeeze_room(size_t size) {
    return ZSTD_compressBound(size) + compressBound(size);
}

// What a stream is told before the bytes come: the end of it is what deflate can look back to.
struct told {
    const uint8_t *bytes;
    unsigned size;
};

static struct told what_is_told(const struct squeeze *s, const void *base, size_t base_size) {
    bool has_base = s->way->base && base != NULL;
    const uint8_t *bytes = has_base ? base : s->way->dictionary ? s->dictionary : NULL;
    size_t size = has_base ? base_size : s->way->dictionary ? s->dictionary_size : 0;
    size_t left_out = size > DEFLATE_WINDOW ? size - DEFLATE_WINDOW : 0;

    return (struct told){bytes == NULL ? NULL : bytes + left_out, (unsigned)(size - left_out)};
}

static size_t deflate_it(struct squeeze *s, const void *bytes, size_t size, struct told told,
                         uint8_t *out) {
    z_stream *z = &s->deflating;

    (void)deflateReset(z);
    if (told.bytes != NULL) {
        must(deflateSetDictionary(z, told.bytes, told.size) == Z_OK, "deflateSetDictionary");
    }
    z->next_in = (Bytef *)(uintptr_t)bytes;
    z->avail_in = (uInt)size;
    z->next_out = out;
    z->avail_out = (uInt)squeeze_room(size);
    must(deflate(z, Z_FINISH) == Z_STREAM_END, "deflate");
    return z->total_out;
}

static void inflate_it(struct squeeze *s, const void *packed, size_t packed_size, struct told told,
                       uint8_t *out, size_t size) {
    z_stream *z = &s->inflating;

    (void)inflateReset(z);
    if (told.bytes != NULL) {
        must(inflateSetDictionary(z, told.bytes, told.size) == Z_OK, "inflateSetDictionary");
    }
    z->next_in = (Bytef *)(uintptr_t)packed;
    z->avail_in = (uInt)packed_size;
    z->next_out = out;
    z->avail_out = (uInt)size;
    must(inflate(z, Z_FINISH) == Z_STREAM_END && z->total_out == size, "inflate");
}

size_t squeeze_pack(struct squeeze *s, const void *bytes, size_t size, const void *base,
                    size_t base_size, uint8_t *out) {
    if (s->way->deflate) {
        return deflate_it(s, bytes, size, what_is_told(s, base, base_size), out);
    }
    if (s->way->base && base != NULL) {
        (void)took(ZSTD_CCtx_refPrefix(s->packer, base, base_size), "refPrefix");
    } else {
        (void)took(ZSTD_CCtx_refCDict(s->packer, s->to_pack), "refCDict");
    }
    return took(ZSTD_compress2(s->packer, out, squeeze_room(size), bytes, size), "compress2");
}

void squeeze_unpack(struct squeeze *s, const void *packed, size_t packed_size, const void *base,
                    size_t base_size, uint8_t *out, size_t size) {
    if (s->way->deflate) {
        inflate_it(s, packed, packed_size, what_is_told(s, base, base_size), out, size);
        return;
    }
    if (s->way->base && base != NULL) {
        (void)took(ZSTD_DCtx_refPrefix(s->unpacker, base, base_size), "refPrefix");
    } else {
        (void)took(ZSTD_DCtx_refDDict(s->unpacker, s->to_unpack), "refDDict");
    }
    must(took(ZSTD_decompressDCtx(s->unpacker, out, size, packed, packed_size), "decompress") ==
             size,
         "decompress");
}

size_t squeeze_train(const void *samples, const size_t *sizes, size_t count, uint8_t *out) {
    size_t size = ZDICT_trainFromBuffer(out, SQUEEZE_DICTIONARY, samples, sizes, (unsigned)count);

    must(ZDICT_isError(size) == 0, "training");
    return size;
}

double squeeze_cpu_us(void) {
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}
