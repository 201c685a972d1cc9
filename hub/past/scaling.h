// scaling: how replicas changed that are not Git's to say, over a window of time, as the words of
// an event:
//
//     3 to 12 replicas (at least 2, at most 14; changes: 4 within 280 s) for
//     HorizontalPodAutoscaler.autoscaling/shop/web
//
// People read them, and so does the log of the past, of the state repository's segments too: so the
// words are all there is of it.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cm_arena;

struct hub_scaling {
    int64_t from;
    int64_t last;
    int64_t least;
    int64_t most;
    int64_t changes;
    int64_t seconds;   // between the first and the last of them
    const char *owner; // key of whose the replicas are; "": nobody's that is known
};

// hub_scaling_words says it; the arena's.
const char *hub_scaling_words(struct cm_arena *a, const struct hub_scaling *s);

// hub_scaling_read reads such words, and tells whether they are. The owner is a part of them.
bool hub_scaling_read(const char *words, struct hub_scaling *out);

// Several of them as one.
struct hub_scaling_sum {
    struct hub_scaling all;
    size_t count;
    bool differ; // in from or last
    bool owners; // in whose they are
};
// hub_scaling_add keeps the owner of the first.
void hub_scaling_add(struct hub_scaling_sum *sum, const struct hub_scaling *s);

// hub_scaling_sum_words says it in short: "3 to 12 (HorizontalPodAutoscaler checkout)"; the
// arena's.
const char *hub_scaling_sum_words(struct cm_arena *a, const struct hub_scaling_sum *sum);
