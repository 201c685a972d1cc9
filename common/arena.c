#include "common/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

// Under ASan a gap of poisoned bytes follows each piece, so that running over its end is noticed
// as it would be with malloc.
#ifdef __SANITIZE_ADDRESS__
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
enum { GAP = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
enum { GAP = 0 };
#endif

enum { ALIGNMENT = _Alignof(max_align_t), FIRST_CHUNK = 2048, LARGEST_CHUNK = 256 * 1024 };

struct chunk {
    struct chunk *next;
    size_t size;
    size_t used;
    _Alignas(max_align_t) char bytes[];
};

struct cm_arena {
    struct chunk *chunks; // the first one is the one that is being filled
    size_t next_chunk;
    size_t budget; // SIZE_MAX: none
    size_t used;
};

struct cm_arena *cm_arena_new(size_t budget_bytes) {
    struct cm_arena *a = cm_new(1, sizeof(*a));

    a->budget = budget_bytes == 0 ? SIZE_MAX : budget_bytes;
    a->next_chunk = FIRST_CHUNK;
    return a;
}

static void free_chunk(struct chunk *chunk) {
    ASAN_UNPOISON_MEMORY_REGION(chunk->bytes, chunk->size);
    cm_free_wiped(chunk, sizeof(*chunk) + chunk->used);
}

void cm_arena_free(struct cm_arena *a) {
    if (a == NULL) {
        return;
    }
    while (a->chunks != NULL) {
        struct chunk *chunk = a->chunks;

        a->chunks = chunk->next;
        free_chunk(chunk);
    }
    free(a);
}

void cm_arena_freep(struct cm_arena **a) {
    cm_arena_free(*a);
}

void cm_arena_reset(struct cm_arena *a) {
    struct chunk *kept = a->chunks;

    a->used = 0;
    if (kept == NULL) {
        return;
    }
    for (struct chunk *chunk = kept->next; chunk != NULL; chunk = kept->next) {
        kept->next = chunk->next;
        free_chunk(chunk);
    }
    ASAN_UNPOISON_MEMORY_REGION(kept->bytes, kept->size);
    memset(kept->bytes, 0, kept->used);
    ASAN_POISON_MEMORY_REGION(kept->bytes, kept->size);
    kept->used = 0;
}

static struct chunk *new_chunk(size_t size) {
    struct chunk *chunk = cm_new(1, sizeof(*chunk) + size);

    chunk->size = size;
    ASAN_POISON_MEMORY_REGION(chunk->bytes, chunk->size);
    return chunk;
}

// chunk_for returns a chunk that has room for size bytes. A piece that is large for the next chunk
// gets one of its own, behind the one that is being filled.
static struct chunk *chunk_for(struct cm_arena *a, size_t size) {
    struct chunk *chunk = a->chunks;

    if (chunk != NULL && chunk->size - chunk->used >= size) {
        return chunk;
    }
    if (chunk != NULL && size > a->next_chunk / 4) {
        struct chunk *own = new_chunk(size);

        own->next = chunk->next;
        chunk->next = own;
        return own;
    }
    chunk = new_chunk(size > a->next_chunk ? size : a->next_chunk);
    chunk->next = a->chunks;
    a->chunks = chunk;
    if (a->next_chunk < LARGEST_CHUNK) {
        a->next_chunk *= 2;
    }
    return chunk;
}

void *cm_arena_try(struct cm_arena *a, size_t size) {
    if (size > a->budget - a->used || size > SIZE_MAX / 2) {
        return NULL;
    }

    size_t padded = (size + GAP + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct chunk *chunk = chunk_for(a, padded);
    char *piece = chunk->bytes + chunk->used;

    chunk->used += padded;
    a->used += size;
    ASAN_UNPOISON_MEMORY_REGION(piece, size);
    return piece;
}

void *cm_arena_get(struct cm_arena *a, size_t size) {
    void *piece = cm_arena_try(a, size);

    if (piece == NULL) {
        (void)fprintf(stderr, "arena: %zu bytes do not fit into a budget of %zu\n", size,
                      a->budget);
        abort();
    }
    return piece;
}

char *cm_arena_strdup(struct cm_arena *a, const char *s) {
    return cm_arena_strndup(a, s, strlen(s));
}

char *cm_arena_strndup(struct cm_arena *a, const char *s, size_t n) {
    size_t len = strnlen(s, n);
    char *copy = cm_arena_get(a, len + 1);

    return memcpy(copy, s, len);
}

char *cm_arena_strf(struct cm_arena *a, const char *fmt, ...) {
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(n >= 0);

    char *text = cm_arena_get(a, (size_t)n + 1);
    va_start(args, fmt);
    (void)vsnprintf(text, (size_t)n + 1, fmt, args);
    va_end(args);
    return text;
}

size_t cm_arena_used(const struct cm_arena *a) {
    return a->used;
}
