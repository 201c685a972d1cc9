#include "common/backoff.h"

#include <stdlib.h>
#include <sys/random.h>

int64_t cm_jitter_ms(int64_t span_ms) {
    uint64_t random;

    if (span_ms <= 0) {
        return 0;
    }
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        abort(); // cannot happen for 8 bytes on a kernel that we support
    }
    return (int64_t)(random % ((uint64_t)span_ms + 1));
}

int64_t cm_backoff_next(struct cm_backoff *b) {
    int64_t last = b->last_ms > b->min_ms ? b->last_ms : b->min_ms;
    int64_t most = last > b->max_ms / 3 ? b->max_ms : last * 3;

    b->last_ms = b->min_ms + cm_jitter_ms(most - b->min_ms);
    return b->last_ms;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

int64_t cm_backoff_asked(struct cm_backoff *b, int64_t asked_ms) {
    int64_t most = b->max_ms / 2;
    int64_t doubled = b->asked_ms > most / 2 ? most : b->asked_ms * 2;

    b->asked_ms = larger(asked_ms, doubled);
    return larger(cm_backoff_next(b), b->asked_ms + cm_jitter_ms(b->asked_ms));
}

void cm_backoff_reset(struct cm_backoff *b) {
    b->last_ms = 0;
    b->asked_ms = 0;
}
