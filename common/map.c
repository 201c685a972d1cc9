#include "common/map.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/mem.h"

// Keys come from peers and repositories, so the hash is keyed: nobody outside can choose keys that
// all fall into one bucket.
static unsigned hash_key(const char *key, size_t len);

#define HASH_FUNCTION(key, len, hash) ((hash) = hash_key((const char *)(key), (len)))
#define uthash_malloc(size) cm_new(1, (size))
#include <uthash.h>

struct entry {
    void *value;
    UT_hash_handle hh;
    char key[];
};

struct cm_map {
    struct entry *entries;
    void (*free_value)(void *);
};

static uint64_t secret[2];
static pthread_once_t secret_once = PTHREAD_ONCE_INIT;

static void choose_secret(void) {
    if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret)) {
        abort();
    }
}

static uint64_t rotate(uint64_t x, int bits) {
    return (x << bits) | (x >> (64 - bits));
}

static void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

// hash_key is SipHash-1-3 (Aumasson and Bernstein 2012), folded to the width that uthash wants.
static unsigned hash_key(const char *key, size_t len) {
    (void)pthread_once(&secret_once, choose_secret);
    uint64_t v[4] = {
        secret[0] ^ UINT64_C(0x736f6d6570736575),
        secret[1] ^ UINT64_C(0x646f72616e646f6d),
        secret[0] ^ UINT64_C(0x6c7967656e657261),
        secret[1] ^ UINT64_C(0x7465646279746573),
    };
    uint64_t word;

    for (size_t left = len; left >= sizeof(word); left -= sizeof(word)) {
        memcpy(&word, key + (len - left), sizeof(word));
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)len << 56;
    for (size_t i = 0; i < len % 8; i++) {
        word |= (uint64_t)(unsigned char)key[len - len % 8 + i] << (8 * i);
    }
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++) {
        sip_round(v);
    }
    uint64_t hash = v[0] ^ v[1] ^ v[2] ^ v[3];
    return (unsigned)(hash ^ (hash >> 32));
}

struct cm_map *cm_map_new(void (*free_value)(void *)) {
    struct cm_map *m = cm_new(1, sizeof(*m));

    m->free_value = free_value;
    return m;
}

static void drop_value(const struct cm_map *m, void *value) {
    if (m->free_value != NULL && value != NULL) {
        m->free_value(value);
    }
}

// The macros of uthash stand in these three functions and nowhere else.
// NOLINTBEGIN(readability-function-size,readability-function-cognitive-complexity)
static void link_entry(struct cm_map *m, struct entry *entry) {
    HASH_ADD(hh, m->entries, key, strlen(entry->key), entry);
}

// unlink_entry takes the entry out of the table, frees it and returns its value.
static void *unlink_entry(struct cm_map *m, struct entry *entry) {
    void *value = entry->value;

    HASH_DEL(m->entries, entry);
    free(entry);
    return value;
}

static struct entry *find_entry(const struct cm_map *m, const char *key) {
    struct entry *entry;

    HASH_FIND(hh, m->entries, key, strlen(key), entry);
    return entry;
}
// NOLINTEND(readability-function-size,readability-function-cognitive-complexity)

void cm_map_free(struct cm_map *m) {
    if (m == NULL) {
        return;
    }
    while (m->entries != NULL) {
        drop_value(m, unlink_entry(m, m->entries));
    }
    free(m);
}

void cm_map_freep(struct cm_map **m) {
    cm_map_free(*m);
}

size_t cm_map_len(const struct cm_map *m) {
    return HASH_COUNT(m->entries);
}

void *cm_map_get(const struct cm_map *m, const char *key) {
    struct entry *entry = find_entry(m, key);

    return entry == NULL ? NULL : entry->value;
}

void cm_map_put(struct cm_map *m, const char *key, void *value) {
    struct entry *entry = find_entry(m, key);

    if (entry != NULL) {
        void *old = entry->value;

        entry->value = value;
        drop_value(m, old == value ? NULL : old);
        return;
    }

    size_t len = strlen(key);
    entry = cm_new(1, sizeof(*entry) + len + 1);
    memcpy(entry->key, key, len);
    entry->value = value;
    link_entry(m, entry);
}

bool cm_map_remove(struct cm_map *m, const char *key) {
    struct entry *entry = find_entry(m, key);

    if (entry == NULL) {
        return false;
    }
    drop_value(m, unlink_entry(m, entry));
    return true;
}

void *cm_map_take(struct cm_map *m, const char *key) {
    struct entry *entry = find_entry(m, key);

    return entry == NULL ? NULL : unlink_entry(m, entry);
}

void cm_map_each(const struct cm_map *m, bool (*visit)(void *ctx, const char *key, void *value),
                 void *ctx) {
    struct entry *entry = m->entries;

    while (entry != NULL) {
        struct entry *next = entry->hh.next;

        if (!visit(ctx, entry->key, entry->value)) {
            return;
        }
        entry = next;
    }
}

static int compare_keys(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **cm_map_keys(const struct cm_map *m) {
    size_t n = 0;
    const char **keys = cm_new(cm_map_len(m) + 1, sizeof(*keys));

    for (const struct entry *entry = m->entries; entry != NULL; entry = entry->hh.next) {
        keys[n++] = entry->key;
    }
    qsort(keys, n, sizeof(*keys), compare_keys);
    return keys;
}
