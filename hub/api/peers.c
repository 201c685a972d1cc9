#include "hub/api/peers.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/map.h"
#include "common/mem.h"

struct hub_peers {
    unsigned most;
    pthread_mutex_t mu;    // guards the map
    struct cm_map *counts; // of unsigned, by address; those that have any
};

struct hub_peers *hub_peers_new(unsigned most) {
    struct hub_peers *p = cm_new(1, sizeof(*p));

    p->most = most;
    p->counts = cm_map_new(free);
    (void)pthread_mutex_init(&p->mu, NULL);
    return p;
}

void hub_peers_free(struct hub_peers *p) {
    if (p == NULL) {
        return;
    }
    cm_map_free(p->counts);
    (void)pthread_mutex_destroy(&p->mu);
    free(p);
}

bool hub_peers_has_room(struct hub_peers *p, const char *address) {
    (void)pthread_mutex_lock(&p->mu);
    const unsigned *count = cm_map_get(p->counts, address);
    bool may = count == NULL || *count < p->most;
    (void)pthread_mutex_unlock(&p->mu);
    return may;
}

void hub_peers_add(struct hub_peers *p, const char *address) {
    (void)pthread_mutex_lock(&p->mu);
    unsigned *count = cm_map_get(p->counts, address);
    if (count == NULL) {
        count = cm_new(1, sizeof(*count));
        cm_map_put(p->counts, address, count);
    }
    (*count)++;
    (void)pthread_mutex_unlock(&p->mu);
}

void hub_peers_remove(struct hub_peers *p, const char *address) {
    (void)pthread_mutex_lock(&p->mu);
    unsigned *count = cm_map_get(p->counts, address);
    if (count != NULL && --*count == 0) {
        (void)cm_map_remove(p->counts, address);
    }
    (void)pthread_mutex_unlock(&p->mu);
}
