// allowance: how much of the store one agent may use up, so that one that lies or runs wild cannot
// fill the hub's disk or keep it from writing what the others report.
//
// A bucket that holds enough for a full report of the largest cluster, and fills again slowly. What
// is taken may exceed what is left by one message: the rest is a debt.
//
// Threads: pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HUB_ALLOWANCE_BYTES ((int64_t)128 << 20)
#define HUB_ALLOWANCE_BYTES_PER_MS 64

struct hub_allowance {
    int64_t used_bytes;
    int64_t at_ms; // when that was so
};

// hub_allowance_take tells whether something is left, and takes `bytes` if so.
bool hub_allowance_take(struct hub_allowance *a, size_t bytes, int64_t now_ms);
