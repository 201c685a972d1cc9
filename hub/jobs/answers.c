#include "hub/jobs/answers.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "hub/fleet/fleet.h"
#include "hub/render/bundle.h"

void hub_answers_done(struct hub_answers *all) {
    for (size_t i = 0; i < all->count; i++) {
        free(all->items[i].app);
    }
    free(all->items);
    *all = (struct hub_answers){0};
}

static void drop(struct hub_answers *all, size_t at) {
    free(all->items[at].app);
    all->count--;
    memmove(&all->items[at], &all->items[at + 1], (all->count - at) * sizeof(all->items[0]));
}

// make_room drops the oldest of an App if it has too many.
static void make_room(struct hub_answers *all, const char *app) {
    size_t oldest = all->count;
    size_t count = 0;

    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->items[i].app, app) == 0) {
            oldest = count++ == 0 ? i : oldest;
        }
    }
    if (count >= HUB_ANSWERS_MAX) {
        drop(all, oldest);
    }
}

void hub_answers_add(struct hub_answers *all, const struct hub_answer *answer) {
    for (size_t i = 0; i < all->count; i++) {
        if (cm_sha256_equal(&all->items[i].id, &answer->id)) {
            drop(all, i);
            break;
        }
    }
    make_room(all, answer->app);
    all->items = cm_resize(all->items, (all->count + 1) * sizeof(all->items[0]));
    all->items[all->count] = *answer;
    all->items[all->count++].app = cm_strdup(answer->app);
}

bool hub_answers_is_given(const struct hub_answer *answer, const struct hub_pair *pair) {
    return strcmp(answer->app, pair->app) == 0 &&
           (answer->always || !cm_sha256_equal(&answer->bad_bundle, &pair->bundle->sha256));
}
