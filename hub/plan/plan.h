// plan: what a commit would change on which clusters, before it is merged.
//
// The desired states before and after an update of the fleet are compared. What they share costs
// nothing: a cluster whose desired state is the same, a bundle of the same name, an object of the
// same name are not looked into, and a pair of bundles is compared once however many clusters go
// from the one to the other.
//
//     clusters ──▶ classes: the App goes from one bundle to another ──▶ changes ──▶ groups
//
// A *change* is one thing that happens: a field gets another value, an object is added or removed,
// an App comes or leaves. Changes that happen on the same clusters are a *group*, so that "400
// clusters get the image 1.5.0; eu-017 also gets three replicas" are two groups. Together the
// groups are exact: what they say, done to the objects of before, gives those of after.
//
// Values of Secrets are "***"; that one changes is known from its name, which is keyed.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "hub/fleet/fleet.h"

struct cm_arena;
struct cm_json;
struct hub_object;

// More fields of one object than this are one change, of the object as a whole (path "").
#define HUB_PLAN_FIELDS_MAX 1000

enum hub_plan_action {  // in the order in which they are told
    HUB_PLAN_LEAVES,    // the App is for these clusters no longer
    HUB_PLAN_REMOVED,   // an object is deleted
    HUB_PLAN_RELEASED,  // an object is left there, unmanaged
    HUB_PLAN_MOVED,     // an object is handed to another App
    HUB_PLAN_COMES,     // the App is new on these clusters
    HUB_PLAN_OPTION,    // suspend, prune and so on
    HUB_PLAN_RUNS,      // a hook runs, as it does for each change of its App
    HUB_PLAN_ADDED,     // an object is new
    HUB_PLAN_TAKEN,     // an object comes from another App; its changes are told as fields
    HUB_PLAN_FIELD,     // a field of an object
    HUB_PLAN_REWRITTEN, // an object is written otherwise and means the same to Kubernetes
};
#define HUB_PLAN_ACTIONS 11

struct hub_plan_change {
    enum hub_plan_action action;
    const char *key;              // the object's; "" for what concerns the App
    const char *path;             // of the field, name of the option, when a hook runs; or ""
    const struct cm_json *before; // of fields and options; NULL: there was none
    const struct cm_json *after;
    const struct hub_object *object; // ADDED
    const char *app;                 // MOVED: to, TAKEN: from; else ""
};

struct hub_plan_group {
    const char *const *clusters; // sorted
    size_t cluster_count;
    const struct hub_plan_change *changes; // sorted by action, object
    size_t change_count;
    size_t shape; // groups that differ in values only have the same number and stand together
    bool also;    // all its clusters are in groups before it
};

struct hub_plan_app {
    const char *name;
    const struct hub_plan_group *groups;
    size_t group_count;
    const struct hub_plan_change *settings; // options that do nothing now and decide of later
    size_t setting_count;
    size_t clusters;  // on which something changes
    size_t suspended; // of these: the agent does nothing there for now
    size_t held;      // clusters, changed or not, where a problem keeps the last good version
    bool was_wrong;   // before: what the hub has in force of it may be older than what was compared
};

enum hub_plan_news { HUB_PLAN_NEW, HUB_PLAN_KNOWN, HUB_PLAN_MENDED };

struct hub_plan_problem {
    struct hub_problem problem;
    enum hub_plan_news news;
};

// An App whose manifests are in a repository that is not here: what is in them is not known.
struct hub_plan_unseen {
    const char *name;
    size_t loses; // clusters on which it is no longer: all it has there goes, whatever it is
    bool gone;    // it is in Git no longer
    bool prune;   // what goes is deleted
};

// A Hold that comes into force, ends, or keeps something of the commit out.
struct hub_plan_hold {
    const char *name;
    const char *app;
    const char *path; // of its file, below the repository's root folder
    const char *rejected;
    const char *restored;
    const char *controller; // "" where nothing is known
    const char *text;
    size_t clusters; // on which it is in force
    size_t before;   // on which it was
    bool retry;      // it says that the release may be tried again
    bool gone;       // its file goes
};

// A Freeze that the commit brings or takes away, or that keeps something of it from being applied.
struct hub_plan_freeze {
    const char *name;
    const char *app;   // "": all
    const char *where; // "group prod"
    const char *path;  // of its file, below the repository's root folder
    const char *reason;
    const char *until; // "": until its file goes
    bool is_new;
    bool gone;
};

// Objects, each counted on each cluster.
struct hub_plan_totals {
    size_t removed;
    size_t released;
    size_t moved;
    size_t added;
    size_t changed;
    size_t clusters; // on which something changes
    size_t settings; // Apps with options that decide of later
    size_t compared; // distinct pairs of objects whose fields were looked at
};

struct hub_plan {
    const struct hub_plan_app *apps; // that change or are held, sorted by name
    size_t app_count;
    const char *const *joined; // clusters that are new
    size_t joined_count;
    const char *const *unmanaged; // clusters that are in Git no longer
    size_t unmanaged_count;
    const struct hub_plan_unseen *not_compared; // sorted by name
    size_t not_compared_count;
    const struct hub_plan_hold *holds;
    size_t hold_count;
    const struct hub_plan_freeze *freezes;
    size_t freeze_count;
    const struct hub_plan_problem *problems; // new ones first
    size_t problem_count;
    struct hub_plan_totals totals;
};

// What to leave out. All fields may be NULL.
struct hub_plan_filter {
    const char *app; // the only App to look at
    bool (*wants)(void *ctx, const char *cluster);
    void *ctx;
};

// hub_plan_remember takes references to what is in force, before the update.
struct hub_plan_before;
struct hub_plan_before *hub_plan_remember(const struct hub_fleet *f);
void hub_plan_before_free(struct hub_plan_before *before); // NULL is fine

// hub_plan_make compares that with what is in force now. The plan owns all that it points to;
// `before` may be freed.
struct hub_plan *hub_plan_make(const struct hub_plan_before *before, const struct hub_fleet *f,
                               const struct hub_plan_filter *filter);
void hub_plan_free(struct hub_plan *plan); // NULL is fine
void hub_plan_freep(struct hub_plan **plan);

// hub_plan_changes tells whether anything but problems is in the plan.
bool hub_plan_changes(const struct hub_plan *plan);

// hub_plan_setting_words says what such an option means.
const char *hub_plan_setting_words(const struct hub_plan_change *setting);

// hub_plan_count_problems tells how many there are now, or were mended.
size_t hub_plan_count_problems(const struct hub_plan *plan, enum hub_plan_news news);
