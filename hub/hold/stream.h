// stream: tells a stream of releases that are rejected, one after the other, from a release that
// many clusters reject.
//
// What counts is how many releases of an App are rejected, not on how many clusters: two thousand
// clusters that reject the same one are one. It is too much where a cluster rejects more than
// `most` of them, or one workload of it more than HUB_STREAM_FLIPS times as often: it goes there
// and back. An agent's word binds its own cluster only, so the App stops everywhere only if it is
// still too much without any one cluster, whichever that is.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cm_arena;

#define HUB_STREAM_FLIPS 2

// A release of the App that was rejected; texts are borrowed.
struct hub_stream_entry {
    const char *cluster;
    const char *key; // of the workload
    const char *release;
    bool spent; // it made the App stop on that cluster before; that does not come of it again
};

// Where the App is to stop.
struct hub_stream_stop {
    const char *cluster; // "": everywhere
    size_t releases;     // that were rejected there
    size_t clusters;     // that rejected some
    size_t times;        // that one workload went there and back; 0: not too often
};

// hub_stream_judge returns where it is too much; *count 0: nowhere. The arena's.
const struct hub_stream_stop *hub_stream_judge(struct cm_arena *a,
                                               const struct hub_stream_entry *entries,
                                               size_t entry_count, size_t most, size_t *count);

// hub_stream_words says why, for people: "6 releases of it were rejected on 3 clusters within an
// hour". The arena's.
const char *hub_stream_words(struct cm_arena *a, const struct hub_stream_stop *stop);
