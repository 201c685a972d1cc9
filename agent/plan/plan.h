// plan: from what shall be and what is owned to an ordered list of changes.
//
// Applying goes by stages: objects of one phase, wave and rank make one stage; a stage begins when
// all before it is applied and every gate before it (a Namespace, a CustomResourceDefinition) is
// healthy, and a phase or wave when all of those before it is. What was applied in this form and in
// the same name already, is there and has not drifted is left alone. A hook is a step of every plan
// until it has run to its end for what the bundle names (hooks_for).
//
// Removing is worked out only after the whole App was applied, from the inventory as it is then:
// what the App owns and no App of the manifest lists, in the order of falling waves and ranks. So
// an object that moved to another App is handed over and never deleted, and what is not in the
// inventory cannot be named at all. Objects that say so stay, and precious ones unless the App says
// otherwise; also then not while what stays, of whichever App, would go with them, or what another
// App has not come to removing yet. What an App
// leaves behind that is gone itself is released: it stays, without our mark. Once that was decided
// it is never removed, whatever the App says later.
//
// Threads: any; pure. Results live in the arena given and borrow keys from the inputs.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/driver.h"
#include "agent/item.h"
#include "agent/plan/desired.h"

struct cm_arena;

// What plan asks of the world.
struct agent_plan_world {
    // item: what the inventory says about a key, or NULL.
    const struct agent_item *(*item)(void *ctx, const char *key);
    // wrong: the object is known to be missing or changed, so it must be applied again.
    bool (*wrong)(void *ctx, const char *key);
    void (*place)(void *ctx, const char *key, struct agent_place *out);
    // moved: with this default namespace the object is elsewhere, or nobody can tell.
    bool (*moved)(void *ctx, const struct agent_item *item, const char *default_namespace);
    // inside: gives every item of the inventory that goes with an object when that is removed: what
    // is in a Namespace, or of the kind that a CustomResourceDefinition defines.
    void (*inside)(void *ctx, const char *key,
                   void (*take)(void *arg, const struct agent_item *item), void *arg);
    // prunes: an App has come to removing what it lists no longer, and nothing keeps it from that:
    // it is neither suspended nor frozen, nor does it wait or fail before.
    bool (*prunes)(void *ctx, const char *app);
    // ran: the hook of this key has run to its end for a bundle, or for what that names.
    bool (*ran)(void *ctx, const char *key, const struct agent_bundle *bundle);
    void *ctx;
};

struct agent_step {
    const struct agent_entry *entry;
    int place; // of its phase
    int wave;
    int rank;
    bool gate;
    bool awaits; // nobody has made it yet, and it may have to wait for what it needs (the driver's
                 // `awaits`): it comes behind all others of its phase and wave
    bool hook;
    bool changes; // it must be applied; false: a gate that is as it should be, to be waited for
    bool is_new;  // the inventory does not own it for this App: the intent goes to disk first
};

struct agent_plan {
    struct agent_step *steps; // sorted by phase, wave, rank, key: changes, and all gates
    size_t count;
    size_t changes; // how many steps change something
};

// agent_plan_apply says what to do to bring one App's objects about. `all`: also what is as it
// should be.
void agent_plan_apply(struct cm_arena *a, const struct agent_plan_world *world,
                      const struct agent_desired_app *app, bool all, struct agent_plan *out);

// agent_plan_stage returns the end of the stage that begins at step `from`: the first step of
// another phase, wave or rank.
size_t agent_plan_stage(const struct agent_plan *plan, size_t from);

// agent_plan_needs tells whether an entry must be healthy before a step may begin: it is of an
// earlier phase or wave, and no hook (what a hook was may be gone by now).
bool agent_plan_needs(const struct agent_step *step, const struct agent_entry *entry);

// agent_plan_beside tells whether an entry is applied in the phase and wave of a step, and is no
// hook.
bool agent_plan_beside(const struct agent_step *step, const struct agent_entry *entry);

enum agent_kept {
    AGENT_KEPT_PRUNE_OFF,
    AGENT_KEPT_PRECIOUS,
    AGENT_KEPT_ANNOTATED,
    AGENT_KEPT_FOR_OTHERS, // what stays would go with it
};

// What an App says about what it lists no longer.
struct agent_pruning {
    bool prune;    // it is removed
    bool precious; // also what is precious
    bool gone;     // the App is: what stays is released
};

struct agent_removal {
    const char *key; // the arena's: the item may be forgotten before its turn comes
    int wave;
    int rank;
    bool release; // it stays, without our mark
};

struct agent_left {
    const struct agent_item *item;
    enum agent_kept why;
    const struct agent_item *other; // AGENT_KEPT_FOR_OTHERS: the first that would go with it
};

struct agent_prune {
    struct agent_removal *removals; // what is released, then the highest wave and rank
    size_t count;
    size_t released;         // of them
    struct agent_left *left; // owned and no longer listed, but not to be removed
    size_t left_count;
};

// agent_plan_prune says which of the items (all items of one App, in any order) are to be removed.
void agent_plan_prune(struct cm_arena *a, const struct agent_plan_world *world,
                      const struct agent_desired *desired, const struct agent_item *const *items,
                      size_t item_count, const struct agent_pruning *how, struct agent_prune *out);

// agent_prune_stage returns the end of the stage of removals that begins at `from`.
size_t agent_prune_stage(const struct agent_prune *prune, size_t from);
