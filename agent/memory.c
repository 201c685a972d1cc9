#include "agent/memory.h"

#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LARGE_BYTES = 128 * 1024 };

void agent_memory_set(void) {
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

// is_constant: nobody writes there, so that the file says the same.
static bool is_constant(const ElfW(Phdr) * part) {
    return part->p_type == PT_LOAD && (part->p_flags & PF_W) == 0;
}

static void unmap_pages(uintptr_t begin, size_t size) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = begin & ~(page - 1);

    // It fails for what is no file (the kernel's own code for us), which is as well.
    (void)madvise((void *)first, begin + size - first, MADV_DONTNEED);
}

static int unmap_constants(struct dl_phdr_info *object, size_t size, void *ctx) {
    (void)size;
    (void)ctx;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        if (is_constant(&object->dlpi_phdr[i])) {
            unmap_pages(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr,
                        object->dlpi_phdr[i].p_memsz);
        }
    }
    return 0;
}

void agent_memory_give_back(void) {
    (void)malloc_trim(0);
    (void)dl_iterate_phdr(unmap_constants, NULL);
}
