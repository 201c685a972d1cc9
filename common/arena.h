// arena: many small things that are freed at once.
//
// For "read, compute, throw away": one document, one API request, one frame. An arena may have a
// budget; asking for more than it allows returns NULL from cm_arena_try and aborts in the others,
// so code that parses what a peer sent uses cm_arena_try or checks cm_arena_room first.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_arena;

// cm_arena_new returns an empty arena. `budget_bytes` limits what it hands out; 0 means no limit.
struct cm_arena *cm_arena_new(size_t budget_bytes);
void cm_arena_free(struct cm_arena *a); // NULL is fine
void cm_arena_freep(struct cm_arena **a);

// cm_arena_reset takes back all that was handed out and keeps some of the memory for what comes.
void cm_arena_reset(struct cm_arena *a);

// cm_arena_get returns zeroed memory aligned for any type; never NULL.
void *cm_arena_get(struct cm_arena *a, size_t size);

// cm_arena_try is cm_arena_get that returns NULL when the budget is used up.
void *cm_arena_try(struct cm_arena *a, size_t size);

char *cm_arena_strdup(struct cm_arena *a, const char *s);
char *cm_arena_strndup(struct cm_arena *a, const char *s, size_t n);
char *cm_arena_strf(struct cm_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), nonnull(1, 2)));

// cm_arena_used tells how many bytes have been handed out.
size_t cm_arena_used(const struct cm_arena *a);
