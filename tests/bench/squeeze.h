// squeeze: the ways in which the bench of compression makes bytes fewer, and their processor time.
//
// Threads: one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SQUEEZE_DICTIONARY ((size_t)64 * 1024)

// A way: a library with its level, and what it is told of before the bytes come.
struct squeeze_way {
    const char *name;
    bool deflate;    // else zstd
    int level;       // 0: as it is
    bool dictionary; // made of what others publish
    bool base;       // what the receiver has already
};

extern const struct squeeze_way squeeze_ways[];
extern const size_t squeeze_way_count;

struct squeeze;

// squeeze_new takes what is needed for a way; the dictionary is borrowed.
struct squeeze *squeeze_new(const struct squeeze_way *way, const void *dictionary, size_t size);
void squeeze_free(struct squeeze *s);

// squeeze_pack returns how many bytes were written to `out`, which has room for squeeze_room. The
// base is NULL where there is none.
size_t squeeze_room(size_t size);
size_t squeeze_pack(struct squeeze *s, const void *bytes, size_t size, const void *base,
                    size_t base_size, uint8_t *out);

// squeeze_unpack ends the program if it does not come out as so many bytes.
void squeeze_unpack(struct squeeze *s, const void *packed, size_t packed_size, const void *base,
                    size_t base_size, uint8_t *out, size_t size);

// squeeze_train makes a dictionary of samples that lie one behind the other; it returns its size.
size_t squeeze_train(const void *samples, const size_t *sizes, size_t count, uint8_t *out);

double squeeze_cpu_us(void); // that this process has used
