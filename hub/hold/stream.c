#include "hub/hold/stream.h"

#include <string.h>

#include "common/arena.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"

// What a cluster rejected.
struct cluster {
    const char *name;
    size_t releases; // of all entries
    size_t unspent;  // of those that are not spent
    size_t alone;    // that nobody else rejected
    size_t times;    // of the workload that did so most often
    size_t unspent_times;
};

struct release {
    struct cluster *first;
    bool many; // more than one cluster rejected it
};

struct judging {
    struct cm_arena *arena;
    size_t most;
    struct cm_map *clusters;
    struct cm_map *releases;
    struct cm_map *seen; // what is in a count: number of entries, by a text that says of what
    struct cluster **list;
    size_t count;
    size_t flipping; // clusters of which one workload goes there and back
};

static bool too_often(const struct judging *j, size_t times) {
    return times > HUB_STREAM_FLIPS * j->most;
}

static struct cluster *find_cluster(struct judging *j, const char *name) {
    struct cluster *c = cm_map_get(j->clusters, name);

    if (c == NULL) {
        c = cm_arena_get(j->arena, sizeof(*c));
        *c = (struct cluster){.name = name};
        cm_map_put(j->clusters, name, c);
        j->list[j->count++] = c;
    }
    return c;
}

// again counts a text, and returns how often it came until now.
static size_t again(struct judging *j, const char *what, const char *cluster, const char *name) {
    const char *key = cm_arena_strf(j->arena, "%s\n%s\n%s", what, cluster, name);
    size_t *n = cm_map_get(j->seen, key);

    if (n == NULL) {
        n = cm_arena_get(j->arena, sizeof(*n));
        *n = 0;
        cm_map_put(j->seen, key, n);
    }
    return ++*n;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static void add_release(struct judging *j, struct cluster *c, const char *name) {
    struct release *r = cm_map_get(j->releases, name);

    c->releases++;
    if (r == NULL) {
        r = cm_arena_get(j->arena, sizeof(*r));
        *r = (struct release){.first = c};
        cm_map_put(j->releases, name, r);
        c->alone++;
    } else if (!r->many) {
        r->many = true;
        r->first->alone--;
    }
}

static void add(struct judging *j, const struct hub_stream_entry *e) {
    struct cluster *c = find_cluster(j, e->cluster);

    if (again(j, "release", e->cluster, e->release) == 1) {
        add_release(j, c, e->release);
    }
    c->times = larger(c->times, again(j, "workload", e->cluster, e->key));
    if (!e->spent) {
        c->unspent += again(j, "unspent release", e->cluster, e->release) == 1 ? 1 : 0;
        c->unspent_times =
            larger(c->unspent_times, again(j, "unspent workload", e->cluster, e->key));
    }
}

// is_everywhere: whichever cluster is left out, what the others say is too much.
static bool is_everywhere(const struct judging *j) {
    size_t releases = cm_map_len(j->releases);

    for (size_t i = 0; i < j->count; i++) {
        const struct cluster *c = j->list[i];
        size_t flipping = j->flipping - (too_often(j, c->times) ? 1 : 0);

        if (releases - c->alone <= j->most && flipping == 0) {
            return false;
        }
    }
    return j->count > 0;
}

static const struct hub_stream_stop *judge(struct judging *j, size_t *count) {
    struct hub_stream_stop *stops = cm_arena_get(j->arena, (j->count + 1) * sizeof(*stops));
    size_t n = 0;

    for (size_t i = 0; i < j->count; i++) {
        j->flipping += too_often(j, j->list[i]->times) ? 1 : 0;
    }
    if (is_everywhere(j)) {
        *count = 1;
        stops[0] = (struct hub_stream_stop){
            .cluster = "", .releases = cm_map_len(j->releases), .clusters = j->count};
        return stops;
    }
    for (size_t i = 0; i < j->count; i++) {
        const struct cluster *c = j->list[i];
        bool flips = too_often(j, c->unspent_times);

        if (c->unspent > j->most || flips) {
            stops[n++] = (struct hub_stream_stop){.cluster = c->name,
                                                  .releases = c->unspent,
                                                  .clusters = 1,
                                                  .times = flips ? c->unspent_times : 0};
        }
    }
    *count = n;
    return stops;
}

const struct hub_stream_stop *hub_stream_judge(struct cm_arena *a,
                                               const struct hub_stream_entry *entries,
                                               size_t entry_count, size_t most, size_t *count) {
    struct judging j = {.arena = a,
                        .most = most,
                        .clusters = cm_map_new(NULL),
                        .releases = cm_map_new(NULL),
                        .seen = cm_map_new(NULL),
                        .list = cm_arena_get(a, (entry_count + 1) * sizeof(struct cluster *))};

    for (size_t i = 0; i < entry_count; i++) {
        add(&j, &entries[i]);
    }
    const struct hub_stream_stop *stops = judge(&j, count);
    cm_map_free(j.clusters);
    cm_map_free(j.releases);
    cm_map_free(j.seen);
    return stops;
}

const char *hub_stream_words(struct cm_arena *a, const struct hub_stream_stop *stop) {
    if (stop->times > 0) {
        return cm_arena_strf(a, "releases of it were rejected %zu times there within an hour",
                             stop->times);
    }
    return stop->cluster[0] != '\0'
               ? cm_arena_strf(a, "%zu releases of it were rejected there within an hour",
                               stop->releases)
               : cm_arena_strf(a, "%zu releases of it were rejected on %zu clusters within an hour",
                               stop->releases, stop->clusters);
}
