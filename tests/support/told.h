// told: counts the blocks that are given back with the secret of a test in them.
//
// The linker is to wrap free and realloc (-Wl,--wrap=free,--wrap=realloc). One file of a program
// includes this. What a shared library gives back is not seen.
//
// Threads: one.
#pragma once

#include <malloc.h>
#include <stddef.h>
#include <string.h>

#define SECRET "a-secret-of-the-test"

static unsigned told; // blocks that were given back with the secret in them

// As the linker calls them.
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
void __real_free(void *p);
void *__real_realloc(void *p, size_t size);
void __wrap_free(void *p);
void *__wrap_realloc(void *p, size_t size);
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

static void look_at(void *p) {
    told += p != NULL && memmem(p, malloc_usable_size(p), SECRET, strlen(SECRET)) != NULL;
}

void __wrap_free(void *p) {
    look_at(p);
    __real_free(p);
}

void *__wrap_realloc(void *p, size_t size) {
    look_at(p); // it may go elsewhere
    return __real_realloc(p, size);
}
