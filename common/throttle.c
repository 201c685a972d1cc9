#include "common/throttle.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

enum { KEYS_MAX = 256, KEY_MAX = 64 };

struct bucket {
    char key[KEY_MAX];
    unsigned left;
    int64_t filled_ms; // when `left` was last brought up to date
    int64_t used_ms;
};

struct cm_throttle {
    unsigned burst;
    int64_t refill_ms;
    pthread_mutex_t mu; // guards everything below
    struct bucket buckets[KEYS_MAX];
    size_t count;
};

struct cm_throttle *cm_throttle_new(unsigned burst, int64_t refill_ms) {
    struct cm_throttle *t = cm_new(1, sizeof(*t));

    t->burst = burst;
    t->refill_ms = refill_ms;
    (void)pthread_mutex_init(&t->mu, NULL);
    return t;
}

void cm_throttle_free(struct cm_throttle *t) {
    if (t == NULL) {
        return;
    }
    (void)pthread_mutex_destroy(&t->mu);
    free(t);
}

static struct bucket *oldest(struct cm_throttle *t) {
    struct bucket *found = &t->buckets[0];

    for (size_t i = 1; i < t->count; i++) {
        if (t->buckets[i].used_ms < found->used_ms) {
            found = &t->buckets[i];
        }
    }
    return found;
}

static struct bucket *find(struct cm_throttle *t, const char *key, int64_t now_ms) {
    for (size_t i = 0; i < t->count; i++) {
        if (strncmp(t->buckets[i].key, key, KEY_MAX - 1) == 0) {
            return &t->buckets[i];
        }
    }
    struct bucket *b = t->count < KEYS_MAX ? &t->buckets[t->count++] : oldest(t);
    *b = (struct bucket){.left = t->burst, .filled_ms = now_ms};
    (void)snprintf(b->key, sizeof(b->key), "%s", key);
    return b;
}

static void refill(const struct cm_throttle *t, struct bucket *b, int64_t now_ms) {
    int64_t more = (now_ms - b->filled_ms) / t->refill_ms;

    if (more <= 0) {
        return;
    }
    b->filled_ms += more * t->refill_ms;
    b->left = more >= t->burst - b->left ? t->burst : b->left + (unsigned)more;
}

bool cm_throttle_has(struct cm_throttle *t, const char *key, int64_t now_ms) {
    bool has = true; // nothing is known of most keys

    (void)pthread_mutex_lock(&t->mu);
    for (size_t i = 0; i < t->count; i++) {
        if (strncmp(t->buckets[i].key, key, KEY_MAX - 1) == 0) {
            refill(t, &t->buckets[i], now_ms);
            has = t->buckets[i].left > 0;
        }
    }
    (void)pthread_mutex_unlock(&t->mu);
    return has;
}

bool cm_throttle_take(struct cm_throttle *t, const char *key, int64_t now_ms) {
    (void)pthread_mutex_lock(&t->mu);
    struct bucket *b = find(t, key, now_ms);
    refill(t, b, now_ms);
    bool may = b->left > 0;
    b->left -= may;
    b->used_ms = now_ms;
    (void)pthread_mutex_unlock(&t->mu);
    return may;
}
