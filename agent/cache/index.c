#include "agent/cache/index.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"

enum { FIRST_CAPACITY = 16 };

// Names are hashes already; those of Secrets are keyed ones. A hub could choose names that collide,
// but the hub is whom we obey.
static size_t home_of(const struct agent_index *x, const struct cm_sha256 *name) {
    uint64_t h;

    memcpy(&h, name->bytes, sizeof(h));
    return (size_t)h & (x->capacity - 1);
}

static bool is_free(const struct agent_place_in_log *slot) {
    static const struct cm_sha256 none;

    return cm_sha256_equal(&slot->name, &none);
}

void agent_index_done(struct agent_index *x) {
    for (size_t i = 0; i < x->capacity; i++) {
        cm_buf_unref(x->slots[i].pending);
    }
    free(x->slots);
    *x = (struct agent_index){0};
}

// slot_of returns where the name is or would go; there is always a free one.
static struct agent_place_in_log *slot_of(const struct agent_index *x,
                                          const struct cm_sha256 *name) {
    size_t at = home_of(x, name);

    while (!is_free(&x->slots[at]) && !cm_sha256_equal(&x->slots[at].name, name)) {
        at = (at + 1) & (x->capacity - 1);
    }
    return &x->slots[at];
}

struct agent_place_in_log *agent_index_find(const struct agent_index *x,
                                            const struct cm_sha256 *name) {
    if (x->capacity == 0) {
        return NULL;
    }
    struct agent_place_in_log *slot = slot_of(x, name);
    return is_free(slot) ? NULL : slot;
}

static void grow(struct agent_index *x) {
    struct agent_index old = *x;

    x->capacity = old.capacity == 0 ? FIRST_CAPACITY : old.capacity * 2;
    x->slots = cm_new(x->capacity, sizeof(*x->slots));
    for (size_t i = 0; i < old.capacity; i++) {
        if (!is_free(&old.slots[i])) {
            *slot_of(x, &old.slots[i].name) = old.slots[i];
        }
    }
    free(old.slots);
}

struct agent_place_in_log *agent_index_add(struct agent_index *x, const struct cm_sha256 *name) {
    if (x->count + x->count / 2 >= x->capacity) {
        grow(x);
    }
    struct agent_place_in_log *slot = slot_of(x, name);
    if (is_free(slot)) {
        slot->name = *name;
        x->count++;
    }
    return slot;
}

void agent_index_remove(struct agent_index *x, const struct cm_sha256 *name) {
    struct agent_place_in_log *slot = agent_index_find(x, name);

    if (slot == NULL) {
        return;
    }
    cm_buf_unref(slot->pending);
    *slot = (struct agent_place_in_log){0};
    x->count--;
    // Entries behind the gap may have their home before it: they are put in again.
    size_t at = (size_t)(slot - x->slots);
    for (at = (at + 1) & (x->capacity - 1); !is_free(&x->slots[at]);
         at = (at + 1) & (x->capacity - 1)) {
        struct agent_place_in_log moved = x->slots[at];

        x->slots[at] = (struct agent_place_in_log){0};
        *slot_of(x, &moved.name) = moved;
    }
}

struct agent_place_in_log *agent_index_next(const struct agent_index *x, size_t *at) {
    while (*at < x->capacity) {
        struct agent_place_in_log *slot = &x->slots[(*at)++];

        if (!is_free(slot)) {
            return slot;
        }
    }
    return NULL;
}
