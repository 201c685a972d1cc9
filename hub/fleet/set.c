#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "hub/fleet/internal.h"

void hub_set_done(struct hub_set *s) {
    free(s->items);
    *s = (struct hub_set){0};
}

void hub_set_add(struct hub_set *s, void *item) {
    if (s->count == s->capacity) {
        s->capacity = s->capacity == 0 ? 4 : s->capacity * 2;
        s->items = cm_resize(s->items, s->capacity * sizeof(*s->items));
    }
    s->items[s->count++] = item;
}

bool hub_set_has(const struct hub_set *s, const void *item) {
    for (size_t i = 0; i < s->count; i++) {
        if (s->items[i] == item) {
            return true;
        }
    }
    return false;
}

bool hub_set_remove(struct hub_set *s, const void *item) {
    for (size_t i = s->count; i > 0; i--) { // what came last goes first
        if (s->items[i - 1] == item) {
            s->items[i - 1] = s->items[--s->count];
            return true;
        }
    }
    return false;
}
