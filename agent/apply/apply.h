// apply: brings the cluster to what the manifest says, App by App, through the driver.
//
// Each App has a run. A run waits for the Apps that it depends on, applies its objects stage by
// stage (agent/plan), waits for gates and for the health of a wave before the next, then removes
// what the App owns and nobody lists any more, and is done. Runs know nothing of each other but
// dependsOn, so one broken App delays no other.
//
//     waiting ──▶ stepping ──▶ pruning ──▶ done          error: stuck     suspend: suspended
//
// Hooks run before and after all else of an App, once for each new bundle: what was begun and what
// has ended for which bundle is on disk, so neither a restart nor drift runs one again. One that
// failed stops its run until a new bundle, a sync, or until somebody deletes what it made.
//
// An object that is applied for the first time goes into the inventory on disk before the request
// leaves, so that a crash in between cannot make us forget it; what came of it (uid, note) goes to
// disk before anybody is told. Objects of a stage are begun at once, at most 128 of a run at a time
// (16 while none has succeeded); a run begins when fewer than 64 have something under way, so that
// one App after the other is brought to its end rather than all of them one step further. Who has
// heard nothing of it for two seconds does not count, so that none waits for targets that do not
// answer others. Apps with gates begin first. What fails is tried again by itself, with growing
// pauses; what the target refuses for what it is, every five minutes.
//
// A newer manifest takes effect at the next step: waits end at once, requests that are under way
// are let finish (and their outcome is kept), then the App's new run plans from what is. A run of
// an unchanged bundle goes on.
//
// Of an App that is frozen no request begins any more; what is under way is let finish. Its run
// goes on where it was when the freeze ends, by word of the hub or by the time that it was told.
//
// Threads: the loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/driver.h"
#include "agent/item.h"
#include "agent/plan/desired.h"

struct agent_apply;
struct agent_cache;
struct agent_freeze;
struct cm_loop;

enum agent_applied_state {
    AGENT_APP_PENDING,
    AGENT_APP_APPLYING,
    AGENT_APP_APPLIED,
    AGENT_APP_FAILED,
    AGENT_APP_SUSPENDED,
    AGENT_APP_OBSERVED, // nothing is applied; how its objects are is told
};

struct agent_app_state {
    const char *app;
    const char *revision;
    struct cm_sha256 bundle_sha256;
    enum agent_applied_state applied;
    const char *message; // the first failure, or what is waited for; ""
    const char *images;  // of a group that no App names, each ended by '\n'; NULL: none
};

// What became of an App that is gone.
struct agent_app_removed {
    const char *app;
    const char *revision;   // took it away
    size_t removed;         // objects
    size_t left;            // objects that were left where they are, and forgotten
    bool found;             // it was a group of what no App names (agent/apply/found.h),
    const char *claimed_by; // whose last object this App in Git has now; NULL: it is gone
};

// Who is told, and asked. Strings are good until the call returns.
struct agent_apply_host {
    void (*app_state)(void *ctx, const struct agent_app_state *state);
    void (*app_removed)(void *ctx, const struct agent_app_removed *what);
    // written: the target has just changed the object to what is desired, or it became ours as it
    // was.
    void (*written)(void *ctx, const char *app, const char *key,
                    const struct agent_applied *result);
    // applied: the object is as desired, and on disk; it is tracked from now on.
    void (*applied)(void *ctx, const struct agent_item *item);
    // listed: an object that is tracked without being applied belongs to this App.
    void (*listed)(void *ctx, const char *app, const char *key);
    void (*failed)(void *ctx, const char *app, const char *key, const char *why);
    void (*removed)(void *ctx, const char *app, const char *key);
    void (*left)(void *ctx, const char *app, const char *key, const char *why);

    enum agent_health (*health)(void *ctx, const char *key);
    const char *(*why)(void *ctx, const char *key); // it has this health, in words; "" unknown
    enum agent_health (*app_health)(void *ctx, const char *app);
    char *(*app_why)(void *ctx, const char *app); // in words; NULL unknown; the caller frees it
    // app_late: it has not been healthy for longer than it may.
    bool (*app_late)(void *ctx, const char *app);
    // wrong: the object is known to be missing or to differ from what was applied.
    bool (*wrong)(void *ctx, const char *key);
    // afresh: the App's bundle is another one now, or somebody asked for a sync.
    void (*afresh)(void *ctx, const char *app);
    // refrozen: other Apps are frozen now.
    void (*refrozen)(void *ctx);
    void *ctx;
};

struct agent_apply *agent_apply_new(struct cm_loop *loop, struct agent_driver *driver,
                                    struct agent_cache *cache, const struct agent_apply_host *host);

// agent_apply_observes tells whether the driver only observes: then no App is ever applied or
// removed, and what the manifest names is tracked as it is.
bool agent_apply_observes(const struct agent_apply *a);

// agent_apply_shut begins nothing new. Free after the driver has stopped and the cache has closed.
void agent_apply_shut(struct agent_apply *a);
void agent_apply_free(struct agent_apply *a); // NULL is fine

// agent_apply_track_all asks the driver to watch everything in the inventory; once, at the start.
void agent_apply_track_all(struct agent_apply *a);

// agent_apply_set makes a manifest the one to bring about; it is on disk already, with its blobs.
// One that is doubted takes nothing away. Takes it.
void agent_apply_set(struct agent_apply *a, struct agent_desired *desired);

// agent_apply_desired is the manifest that was set, or NULL; borrowed until the next set.
const struct agent_desired *agent_apply_desired(const struct agent_apply *a);

// agent_apply_freeze has these be all freezes there are; they are put on record (agent/cache), to
// be committed by the caller. agent_apply_begin_freezes takes up those that are on record, at the
// start.
void agent_apply_freeze(struct agent_apply *a, const struct agent_freeze *all, size_t count);
void agent_apply_begin_freezes(struct agent_apply *a);
bool agent_apply_is_frozen(const struct agent_apply *a, const char *app);

// agent_apply_sync applies everything of an App again, changed or not; "" means every App. It tells
// whether there is such an App.
bool agent_apply_sync(struct agent_apply *a, const char *app);

// agent_apply_correct applies one object again, in the form in which it was applied last, whatever
// else of its App fails or is waited for; it tells whether it begins. Differences that are not to
// be corrected are let be, unless the object is `due`.
bool agent_apply_correct(struct agent_apply *a, const char *key, bool due);

// agent_apply_forget drops an object that no App lists, or a hook that has run, from the inventory,
// or from what was found: it is no longer there.
void agent_apply_forget(struct agent_apply *a, const char *key);

// agent_apply_names tells whether the manifest says anything of an App, or may yet: none was set.
bool agent_apply_names(const struct agent_apply *a, const char *app);

// agent_apply_is_idle tells whether no object is on its way and no App waits for its turn.
bool agent_apply_is_idle(const struct agent_apply *a);

// agent_apply_woken is called when health changed: gates and dependsOn are looked at again soon.
void agent_apply_woken(struct agent_apply *a);

// agent_apply_ready tries an object that failed once more now, if its App is at it.
void agent_apply_ready(struct agent_apply *a, const char *key);

// agent_apply_reachable is called when the target answers again: what failed is tried now.
void agent_apply_reachable(struct agent_apply *a);
