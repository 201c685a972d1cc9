// throttle: how often somebody may do what costs us something.
//
// Each key (an address, a repository) has a bucket that fills again with time. Only the keys used
// last are remembered; so the memory is bounded, whoever asks.
//
// Threads: any.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cm_throttle;

// cm_throttle_new allows `burst` at once and one more every refill_ms.
struct cm_throttle *cm_throttle_new(unsigned burst, int64_t refill_ms);
void cm_throttle_free(struct cm_throttle *t); // NULL is fine

// cm_throttle_has tells whether cm_throttle_take would give something now, and takes nothing.
bool cm_throttle_has(struct cm_throttle *t, const char *key, int64_t now_ms);

// cm_throttle_take tells whether the key may do it once more now.
bool cm_throttle_take(struct cm_throttle *t, const char *key, int64_t now_ms);
