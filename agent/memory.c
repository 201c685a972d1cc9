#include "agent/memory.h"

#include <malloc.h>

enum { LARGE_BYTES = 128 * 1024 };

void agent_memory_set(void) {
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

void agent_memory_give_back(void) {
    (void)malloc_trim(0);
}
