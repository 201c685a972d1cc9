#include "agent/plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"

static int place_of(const struct agent_entry *entry) {
    static const int places[] = {[AGENT_PHASE_GROUND] = 0,
                                 [AGENT_PHASE_PRE_APPLY] = 1,
                                 [AGENT_PHASE_MAIN] = 2,
                                 [AGENT_PHASE_POST_APPLY] = 3};

    return places[entry->phase];
}

static int compare_steps(const void *left, const void *right) {
    const struct agent_step *a = left;
    const struct agent_step *b = right;

    if (a->place != b->place) {
        return a->place < b->place ? -1 : 1;
    }
    if (a->wave != b->wave) {
        return a->wave < b->wave ? -1 : 1;
    }
    if (a->rank != b->rank) {
        return a->rank < b->rank ? -1 : 1;
    }
    return strcmp(a->entry->key, b->entry->key);
}

static bool is_none(const struct cm_sha256 *hash) {
    static const struct cm_sha256 none;

    return cm_sha256_equal(hash, &none);
}

// is_current tells whether an object was applied in this form by this App and is still so.
static bool is_current(const struct agent_plan_world *world, const struct agent_entry *entry,
                       const struct agent_item *item, const struct agent_desired_app *app) {
    return item != NULL && item->applied && !item->release &&
           cm_sha256_equal(&item->sha256, &entry->sha256) && is_none(&item->sent) &&
           strcmp(item->app, app->name) == 0 && strcmp(item->account, app->bundle->account) == 0 &&
           (strcmp(item->default_namespace, app->bundle->namespace) == 0 ||
            !world->moved(world->ctx, item, app->bundle->namespace)) &&
           !world->wrong(world->ctx, entry->key);
}

// What is made only once others are healthy holds up nothing beside it.
enum { RANK_AWAITING = 1000 };

void agent_plan_apply(struct cm_arena *a, const struct agent_plan_world *world,
                      const struct agent_desired_app *app, bool all, struct agent_plan *out) {
    const struct agent_bundle *b = app->bundle;

    *out =
        (struct agent_plan){.steps = cm_arena_get(a, (b->entry_count + 1) * sizeof(*out->steps))};
    for (size_t i = 0; i < b->entry_count; i++) {
        const struct agent_entry *entry = &b->entries[i];
        const struct agent_item *item = world->item(world->ctx, entry->key);
        struct agent_place place = {0};

        world->place(world->ctx, entry->key, &place);
        bool hook = agent_entry_is_hook(entry);
        bool changes = hook ? !entry->rests && !world->ran(world->ctx, entry->key, b)
                            : all || !is_current(world, entry, item, app);
        if (!changes && (hook || !place.gate)) {
            continue;
        }
        bool is_new = item == NULL || item->release || strcmp(item->app, app->name) != 0;
        bool awaits = place.awaits && changes && item == NULL; // else it is there already
        out->steps[out->count++] = (struct agent_step){
            .entry = entry,
            .place = place_of(entry),
            .wave = entry->wave,
            .rank = place.rank + (awaits ? RANK_AWAITING : 0),
            .gate = place.gate,
            .awaits = awaits,
            .hook = hook,
            .changes = changes,
            .is_new = is_new,
        };
        out->changes += changes ? 1 : 0;
    }
    qsort(out->steps, out->count, sizeof(*out->steps), compare_steps);
}

size_t agent_plan_stage(const struct agent_plan *plan, size_t from) {
    size_t end = from;

    while (end < plan->count && plan->steps[end].place == plan->steps[from].place &&
           plan->steps[end].wave == plan->steps[from].wave &&
           plan->steps[end].rank == plan->steps[from].rank) {
        end++;
    }
    return end;
}

bool agent_plan_needs(const struct agent_step *step, const struct agent_entry *entry) {
    int place = place_of(entry);

    return !agent_entry_is_hook(entry) &&
           (place < step->place || (place == step->place && entry->wave < step->wave));
}

bool agent_plan_beside(const struct agent_step *step, const struct agent_entry *entry) {
    return !agent_entry_is_hook(entry) && place_of(entry) == step->place &&
           entry->wave == step->wave;
}

static int compare_removals(const void *left, const void *right) {
    const struct agent_removal *a = left;
    const struct agent_removal *b = right;

    if (a->release != b->release) {
        return a->release ? -1 : 1;
    }
    if (a->wave != b->wave) {
        return a->wave > b->wave ? -1 : 1;
    }
    if (a->rank != b->rank) {
        return a->rank > b->rank ? -1 : 1;
    }
    return strcmp(a->key, b->key);
}

// is_kept tells whether an item is not to be removed, and why.
static bool is_kept(const struct agent_item *item, const struct agent_place *place,
                    const struct agent_pruning *how, enum agent_kept *why) {
    *why = !how->prune  ? AGENT_KEPT_PRUNE_OFF
           : item->keep ? AGENT_KEPT_ANNOTATED
                        : AGENT_KEPT_PRECIOUS;
    return !how->prune || item->keep || (place->precious && !how->precious);
}

// ---- What would go with it

struct looking {
    const struct agent_plan_world *world;
    const struct agent_desired *desired;
    const struct agent_item *item; // that would go
    const struct agent_item *first;
};

// pruning_of is how an App removes what it lists no longer; one that is not known does not.
static struct agent_pruning pruning_of(const struct agent_desired *d, const char *name) {
    const struct agent_desired_app *app = agent_desired_app(d, name);
    struct agent_pruning how = {0};

    if (app != NULL && app->bundle != NULL) {
        return (struct agent_pruning){.prune = app->bundle->prune,
                                      .precious = app->bundle->prune_precious};
    }
    for (size_t i = 0; i < d->gone_count; i++) {
        if (strcmp(d->gone[i].name, name) == 0) {
            how = (struct agent_pruning){.prune = d->gone[i].prune, .gone = true};
        }
    }
    return how;
}

static void look_for_first(void *arg, const struct agent_item *item) {
    struct looking *l = arg;
    struct agent_pruning how = pruning_of(l->desired, item->app);
    struct agent_place place = {0};
    enum agent_kept why;

    if (strcmp(item->key, l->item->key) == 0 ||
        (l->first != NULL && strcmp(l->first->key, item->key) < 0)) {
        return;
    }
    l->world->place(l->world->ctx, item->key, &place);
    bool not_yet =
        strcmp(item->app, l->item->app) != 0 && !l->world->prunes(l->world->ctx, item->app);
    if (agent_desired_claim(l->desired, item->key) != NULL || item->release || not_yet ||
        is_kept(item, &place, &how, &why)) {
        l->first = item;
    }
}

// first_inside returns the first item that stays and would go with another; NULL: none would.
static const struct agent_item *first_inside(const struct agent_plan_world *world,
                                             const struct agent_desired *desired,
                                             const struct agent_item *item) {
    struct looking l = {.world = world, .desired = desired, .item = item};

    world->inside(world->ctx, item->key, look_for_first, &l);
    return l.first;
}

void agent_plan_prune(struct cm_arena *a, const struct agent_plan_world *world,
                      const struct agent_desired *desired, const struct agent_item *const *items,
                      size_t item_count, const struct agent_pruning *how, struct agent_prune *out) {
    *out = (struct agent_prune){
        .removals = cm_arena_get(a, (item_count + 1) * sizeof(*out->removals)),
        .left = cm_arena_get(a, (item_count + 1) * sizeof(*out->left)),
    };
    for (size_t i = 0; i < item_count; i++) {
        const struct agent_item *item = items[i];
        struct agent_place place = {0};
        enum agent_kept why;

        if (agent_desired_claim(desired, item->key) != NULL) {
            continue;
        }
        world->place(world->ctx, item->key, &place);
        bool kept = is_kept(item, &place, how, &why);
        const struct agent_item *other =
            kept || item->release || !place.precious ? NULL : first_inside(world, desired, item);
        if (other != NULL) {
            kept = true;
            why = AGENT_KEPT_FOR_OTHERS;
        }
        bool release = item->release || (kept && how->gone);
        if (kept && !release) {
            out->left[out->left_count++] = (struct agent_left){item, why, other};
            continue;
        }
        out->removals[out->count++] =
            (struct agent_removal){cm_arena_strdup(a, item->key), item->wave, place.rank, release};
        out->released += release ? 1 : 0;
    }
    qsort(out->removals, out->count, sizeof(*out->removals), compare_removals);
}

size_t agent_prune_stage(const struct agent_prune *prune, size_t from) {
    size_t end = from;

    while (end < prune->count && prune->removals[end].release == prune->removals[from].release &&
           prune->removals[end].wave == prune->removals[from].wave &&
           prune->removals[end].rank == prune->removals[from].rank) {
        end++;
    }
    return end;
}
