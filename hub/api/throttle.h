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

struct hub_throttle;

// hub_throttle_new allows `burst` at once and one more every refill_ms.
struct hub_throttle *hub_throttle_new(unsigned burst, int64_t refill_ms);
void hub_throttle_free(struct hub_throttle *t); // NULL is fine

// hub_throttle_take tells whether the key may do it once more now.
bool hub_throttle_take(struct hub_throttle *t, const char *key, int64_t now_ms);
