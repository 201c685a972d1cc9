// entries: which clusters changed, and when, packed: a pair of numbers each, as few bytes as
// needed.
//
// An entry is the number of a cluster and a time; times are written as differences to a base,
// zigzag (small differences of either sign are small numbers), numbers in groups of seven bits,
// lowest first, the eighth bit says that more follow. Source: "Encoding" in the documentation of
// protocol buffers (varint, sint64).
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cm_str;

#define HUB_ENTRY_BYTES_MAX 15

struct hub_entry {
    uint32_t cluster;
    int64_t at_ms; // Unix
};

void hub_entries_add(struct cm_str *out, const struct hub_entry *entry, int64_t base_ms);

// A walk along packed entries. hub_entries_next tells whether there was one more; what is damaged
// ends the walk.
struct hub_entries {
    const uint8_t *at;
    const uint8_t *end;
    int64_t base_ms;
};
bool hub_entries_next(struct hub_entries *walk, struct hub_entry *out);

// The same for what was the case of a cluster since then.
struct hub_cell {
    uint32_t cluster;
    uint32_t value;
    int64_t since_ms;
};
void hub_cells_add(struct cm_str *out, const struct hub_cell *cell, int64_t base_ms);
bool hub_cells_next(struct hub_entries *walk, struct hub_cell *out);
