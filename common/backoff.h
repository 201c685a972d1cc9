// backoff: when to try again.
//
// Decorrelated jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015): each pause is uniform
// between `min` and three times the last one, at most `max`. A whole fleet that lost its hub in the
// same moment comes back spread out.
//
// A peer that cannot serve anybody may ask for pauses of its own. Asked for again, and again in
// vain, they double: else all who are turned away keep it busy for ever with turning them away.
//
// Threads: any, one struct each.
#pragma once

#include <stdint.h>

struct cm_backoff {
    int64_t min_ms;
    int64_t max_ms;
    int64_t last_ms;  // 0: nothing has failed yet
    int64_t asked_ms; // 0: nothing was asked for since the last reset
};

// cm_backoff_next returns the pause before the next try, in milliseconds.
int64_t cm_backoff_next(struct cm_backoff *b);

// cm_backoff_asked returns the same after the peer asked for a pause: never less than that, nor
// than twice what it was after the one before (up to half of `max`), and up to once more of that,
// at random.
int64_t cm_backoff_asked(struct cm_backoff *b, int64_t asked_ms);

// cm_backoff_reset is called when things work again.
void cm_backoff_reset(struct cm_backoff *b);

// cm_jitter_ms returns a random value in [0, span_ms].
int64_t cm_jitter_ms(int64_t span_ms);
