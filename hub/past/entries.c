#include "hub/past/entries.h"

#include "common/str.h"

enum { GROUP_BITS = 7, GROUP_MASK = 0x7f, MORE = 0x80, SHIFT_MAX = 63 };

static void add_number(struct cm_str *out, uint64_t n) {
    while (n > GROUP_MASK) {
        cm_str_add_char(out, (char)((n & GROUP_MASK) | MORE));
        n >>= GROUP_BITS;
    }
    cm_str_add_char(out, (char)n);
}

static void add_time(struct cm_str *out, int64_t at_ms, int64_t base_ms) {
    int64_t difference = at_ms - base_ms;

    add_number(out, ((uint64_t)difference << 1) ^ (difference < 0 ? UINT64_MAX : 0));
}

static bool read_number(struct hub_entries *walk, uint64_t *out) {
    *out = 0;
    for (unsigned shift = 0; walk->at < walk->end && shift <= SHIFT_MAX; shift += GROUP_BITS) {
        uint8_t byte = *walk->at++;

        *out |= (uint64_t)(byte & GROUP_MASK) << shift;
        if ((byte & MORE) == 0) {
            return true;
        }
    }
    walk->at = walk->end;
    return false;
}

static bool read_small(struct hub_entries *walk, uint32_t *out) {
    uint64_t n;
    bool ok = read_number(walk, &n) && n <= UINT32_MAX;

    *out = ok ? (uint32_t)n : 0;
    return ok;
}

static bool read_time(struct hub_entries *walk, int64_t *out) {
    uint64_t n;

    if (!read_number(walk, &n)) {
        return false;
    }
    int64_t difference = (int64_t)(n >> 1) ^ ((n & 1) != 0 ? -1 : 0);
    return !__builtin_add_overflow(walk->base_ms, difference, out);
}

void hub_entries_add(struct cm_str *out, const struct hub_entry *entry, int64_t base_ms) {
    add_number(out, entry->cluster);
    add_time(out, entry->at_ms, base_ms);
}

bool hub_entries_next(struct hub_entries *walk, struct hub_entry *out) {
    return read_small(walk, &out->cluster) && read_time(walk, &out->at_ms);
}

void hub_cells_add(struct cm_str *out, const struct hub_cell *cell, int64_t base_ms) {
    add_number(out, cell->cluster);
    add_number(out, cell->value);
    add_time(out, cell->since_ms, base_ms);
}

bool hub_cells_next(struct hub_entries *walk, struct hub_cell *out) {
    return read_small(walk, &out->cluster) && read_small(walk, &out->value) &&
           read_time(walk, &out->since_ms);
}
