// internal: what the files of hub/plan share.
//
//     remember.c  desired states and problems of before
//     plan.c      clusters -> Apps that change on them -> classes
//     classes.c   two bundles of an App, compared object by object; who takes over what
//     changes.c   a class -> changes, each known once
//     fold.c      changes -> groups of clusters
//     problems.c  new, known, mended
//     settings.c  options that do nothing now
//     holds.c     releases that are kept out, or no longer
//     freezes.c   where nothing is applied for now
//     unseen.c    Apps whose manifests are in repositories that are not here
//
// A *step* is an App's way from one bundle to another. A *class* is the clusters that take the same
// step, with the same objects changing hands between Apps.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/plan/plan.h"
#include "hub/render/bundle.h"

struct cm_arena;
struct cm_map;

// An App that waited for its source.
struct plan_waiting {
    const char *name;
    size_t clusters;
    bool prune;
};

// What an App says of later.
struct plan_settings {
    const char *app;
    const char *release_group; // NULL: none
    bool prune_on_loss;
    bool plain_secrets;
    bool goes_back;
    bool holds_undo;
    const char *on_reject;
    bool reverts;
    const char *drift;   // a constant: "report", "correct", "capture", "off"
    const char *capture; // likewise: "pull-request", "commit", ""
};
#define HUB_PLAN_SETTINGS 9

struct hub_plan_before {
    struct cm_arena *arena;
    struct plan_settings *settings; // sorted by app
    size_t setting_count;
    struct plan_waiting *waiting; // sorted by name
    size_t waiting_count;
    struct hub_plan_hold *holds;
    size_t hold_count;
    struct hub_plan_freeze *freezes;
    size_t freeze_count;
    struct hub_desired **states; // sorted by cluster; one reference each
    size_t count;
    struct hub_problem *problems;
    size_t problem_count;
};

struct plan_object {
    const struct hub_object *before; // NULL: it comes
    const struct hub_object *after;  // NULL: it leaves
};

struct plan_class;

struct plan_step {
    const struct hub_bundle *before; // NULL: the App comes
    const struct hub_bundle *after;  // NULL: the App leaves
    bool prune;                      // what leaves is deleted
    struct plan_object *objects;     // that differ, sorted by key
    size_t count;
    size_t coming;
    size_t leaving;
    size_t kept;              // of these, what stays though the App prunes
    struct plan_class *plain; // without objects that change hands; NULL: none yet
};

// An object that changes hands on a cluster.
struct plan_move {
    size_t at; // in the step's objects
    const char *app;
    const struct hub_object *before; // of what comes: as it was in the other App
};

struct plan_class {
    const struct plan_step *step;
    const struct plan_move *moves; // sorted by `at`
    size_t move_count;
    const char **clusters; // sorted
    size_t cluster_count;
    size_t capacity;
};

struct plan_app {
    const char *name;
    struct plan_class **classes;
    size_t class_count;
    size_t capacity;
    struct cm_map *by_key; // -> class
    struct hub_plan_change *settings;
    size_t setting_count;
    size_t held;
};

struct plan_making {
    struct cm_arena *arena; // the plan's
    const struct hub_plan_filter *filter;
    struct cm_map *steps; // by bundles -> struct plan_step
    struct cm_map *apps;  // by name -> struct plan_app
    struct cm_map *diffs; // by objects -> struct plan_fields
    struct cm_arena *scratch;
    struct hub_plan_totals totals;
};

// An App on the cluster that is being looked at.
struct plan_touch {
    const char *app;
    struct plan_step *step;
};

// plan_grow makes room for one more in an array that lives in an arena.
void *plan_grow(struct cm_arena *a, void *items, size_t count, size_t *capacity, size_t size);

// ---- classes.c
struct plan_app *plan_app_get(struct plan_making *m, const char *name);
// plan_step_keeps tells whether an object that leaves stays where it is.
bool plan_step_keeps(const struct plan_step *step, const struct hub_object *object);
struct plan_step *plan_step_get(struct plan_making *m, const struct hub_bundle *before,
                                const struct hub_bundle *after, bool prune);
// plan_classes_add puts a cluster into a class of each App that is touched on it.
void plan_classes_add(struct plan_making *m, const char *cluster, const struct plan_touch *touches,
                      size_t count);

// ---- changes.c
struct plan_fields {
    struct hub_plan_change *items;
    size_t count;
};
// plan_changes_of calls `take` for each change of a class.
void plan_changes_of(struct plan_making *m, const struct plan_class *class,
                     void (*take)(void *ctx, const struct hub_plan_change *change), void *ctx);

// ---- fold.c
void plan_fold(struct plan_making *m, const struct plan_app *app, struct hub_plan_app *out);

// ---- settings.c
void plan_settings_remember(struct hub_plan_before *before, const struct hub_fleet *f);
void plan_settings_make(struct plan_making *m, const struct hub_plan_before *before,
                        const struct hub_fleet *f);

// ---- holds.c
void plan_holds_remember(struct hub_plan_before *before, const struct hub_fleet *f);
void plan_holds_make(struct plan_making *m, const struct hub_plan_before *before,
                     const struct hub_fleet *f, struct hub_plan *plan); // once its Apps are known

// ---- freezes.c
void plan_freezes_remember(struct hub_plan_before *before, const struct hub_fleet *f);
void plan_freezes_make(struct plan_making *m, const struct hub_plan_before *before,
                       const struct hub_fleet *f, struct hub_plan *plan); // likewise

// ---- unseen.c
void plan_unseen_remember(struct hub_plan_before *before, const struct hub_fleet *f);
void plan_unseen_make(struct plan_making *m, const struct hub_plan_before *before,
                      const struct hub_fleet *f, struct hub_plan *plan);

// ---- problems.c
struct hub_problem *plan_problems_copy(struct cm_arena *a, const struct hub_problem *problems,
                                       size_t count);
void plan_problems_make(struct plan_making *m, const struct hub_plan_before *before,
                        const struct hub_fleet *f, struct hub_plan *plan);
bool plan_problems_touch(const struct hub_problem *problems, size_t count, const char *app);
