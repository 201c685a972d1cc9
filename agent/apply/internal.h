// internal: runs and operations, for agent/apply's own files only.
//
// Threads: the loop.
#pragma once

#include "agent/apply/apply.h"
#include "agent/cache/cache.h"
#include "agent/plan/plan.h"
#include "common/backoff.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/map.h"

enum run_phase {
    RUN_WAITING,  // for dependsOn, then for its turn
    RUN_STEPPING, // applying, stage by stage
    RUN_PRUNING,  // removing, stage by stage
    RUN_DONE,
    RUN_STUCK, // cannot be applied as it is: app->error
    RUN_SUSPENDED,
};

enum step_state { STEP_TODO, STEP_BUSY, STEP_DONE, STEP_FAILED };

// A hook is made, waited for, and then what its policy says is done. Meanwhile its step is busy.
enum hook_state { HOOK_NONE, HOOK_MAKING, HOOK_AWAITED, HOOK_ENDING, HOOK_FAILED };

// How one object of a run is doing.
struct step {
    enum step_state state;
    enum hook_state hook;
    enum cm_rc code; // of the last failure
    char *why;       // of the last failure, until it succeeds
    int64_t due_ms;  // when it is tried again; monotonic
    struct cm_backoff backoff;
};

struct run {
    struct agent_apply *owner;
    char *app;
    char *revision;
    struct agent_bundle *bundle; // NULL for an App that is gone
    char *error;                 // RUN_STUCK
    char *held;                  // why its bundle is not the manifest's; NULL: it is
    bool gone;
    char *account; // of an App that is gone, in whose name; NULL: who applied it last
    struct agent_pruning pruning; // whether what nobody lists is removed
    bool all;                     // apply what is as it should be, too
    bool for_others;              // it left something for what is inside
    bool again;                   // it was done, and only prunes once more
    bool heal; // apply what somebody else changed, too: the bundle is new, or drift: correct
    enum run_phase phase;

    struct cm_arena *arena; // plan and prune, while there are any
    struct agent_plan plan;
    struct agent_prune removals;
    struct step *steps; // of the plan or the removals
    size_t step_count;
    size_t stage; // first step of the present stage
    size_t stage_end;
    bool *awaited;        // of the bundle's entries, by the present stage; NULL: not asked for yet
    bool stage_begun;     // all that it waits for was healthy
    size_t next;          // no step of the stage before this one is STEP_TODO
    size_t succeeded;     // steps of the stage
    size_t failed;        // steps of the stage that wait to be tried again
    bool any_failed;      // some step of the stage failed at some time
    size_t in_flight;     // operations under way, corrections too
    size_t applying;      // of these, objects that are applied
    size_t sent;          // of these, those that the target has been asked for
    bool answered;        // one of the operations has succeeded
    bool late;            // nothing was heard for long; until something ends in time
    struct cm_list heard; // in owner->heard while it applies something and is not late
    int64_t heard_ms;     // when the first one began or was sent, or one ended; monotonic
    struct cm_list turn;  // in owner->turns while it waits for its turn
    struct cm_list waits; // in owner->waiting while somebody's health may let it go on
    bool going;           // run_go is at work
    bool go_again;        // it was called from within
    struct cm_timer retry;
    struct cm_backoff vanished; // when what is waited for is made again
    int64_t vanished_due_ms;    // monotonic

    bool superseded;       // ends when nothing is in flight
    struct run *successor; // begins then; NULL if the App is no longer there
    struct run *held_by;   // the run that this one succeeds, while that has something in flight

    enum agent_applied_state told;
    char *told_message;
    bool was_told;
};

struct cm_arena;

struct agent_apply {
    struct cm_loop *loop;
    struct agent_driver *driver;
    struct agent_cache *cache;
    struct agent_apply_host host;
    struct agent_desired *desired;
    struct cm_map *runs;     // by App
    struct cm_map *unowned;  // App: what of its objects no App lists, struct keys
    struct cm_map *observed; // key: what is tracked without being applied
    struct {
        struct cm_map *all;    // by key: what no App need name (found.c)
        struct cm_map *groups; // of those that are tracked
        struct cm_map *places; // App that names what is there, with the namespace left open
        size_t most;           // to be tracked
        size_t tracked;
        struct cm_list waits; // for room, as they came
        size_t waiting;
        bool cut; // it was told that some wait
    } found;
    bool shut;
    size_t draining;         // superseded runs with something in flight
    size_t busy;             // runs with objects to apply that wait at the target, or were sent
    size_t late;             // of these, those that are late
    struct cm_list heard;    // the others; who was not heard of for longest comes first
    struct cm_timer overdue; // when the first of them is late
    struct cm_list turns;    // runs that begin when there are fewer
    struct cm_list waiting;  // runs that go on when something becomes healthy
    struct cm_list woken;    // of these, those that are looked at now
    struct cm_task turn;
    bool turn_posted;
    struct cm_task wake;
    bool wake_posted;
    struct cm_timer thaw;  // when a freeze may have ended
    int64_t heard_unix_ms; // when the freezes were told, or read from disk, by both clocks
    int64_t heard_ms;
};

// One request on its way: intent to disk, to the target, outcome to disk.
struct op {
    struct run *run;
    size_t step;                 // index into run->steps; CORRECTION or AGAIN for a single object
    struct agent_bundle *bundle; // keeps the entry
    const struct agent_entry *entry;
    int64_t sent_ms; // when the target was asked; monotonic; 0: it waits there for its turn
    bool hook;       // it is made anew
    bool told;       // why it is left
    bool own;        // it is done in the agent's own name, whatever the App says
    char *key;
    char *app;
};

#define CORRECTION SIZE_MAX
#define AGAIN (SIZE_MAX - 1) // as a correction, but for all that differs

// op_apply and op_remove begin a request for a step; run_op_ended is called when it is over.
void op_apply(struct run *r, size_t step, const struct agent_entry *entry, bool is_new);
void op_remove(struct run *r, size_t step, const struct agent_item *item);
// op_run makes a hook; op_settle says on disk that it has run, and does what its policy says then;
// op_explain asks what it wrote, which hook_explained is told.
void op_run(struct run *r, size_t step, const struct agent_entry *entry);
void op_settle(struct run *r, size_t step, const struct agent_entry *entry);
void op_explain(struct run *r, size_t step, const char *key);
// op_release has our mark taken off an object and forgets it.
void op_release(struct run *r, size_t step, const struct agent_item *item);
// op_forget drops an object from the inventory and leaves it where it is.
void op_forget(struct agent_apply *a, const struct agent_item *item);

// run_op_ended: error NULL when it succeeded; retry_after_ms 0: our own pause.
void run_op_ended(struct run *r, size_t step, const char *key, const struct cm_err *error,
                  int64_t retry_after_ms);

// run_step_failed takes down why a step failed and when it is tried again.
void run_step_failed(struct run *r, size_t step, const char *why, enum cm_rc code,
                     int64_t pause_ms);

// hook_begin makes a hook, or goes on with one that was made before this run began.
void hook_begin(struct run *r, size_t step);
// hook_look goes on with the hooks of the present stage that have ended; hook_awaited returns the
// key of one that has not, or NULL.
void hook_look(struct run *r);
const char *hook_awaited(const struct run *r);
// hook_waits tells whether what becomes of a hook of the present stage may let the run go on.
bool hook_waits(const struct run *r);
void hook_explained(struct run *r, size_t step, const char *text, const struct cm_err *error);
// hook_has_run tells whether a hook has run to its end for a bundle, or for what that names.
bool hook_has_run(const struct agent_apply *a, const char *key, const struct agent_bundle *bundle);
// hook_is_over tells whether a hook has run to its end for the bundle that lists it, or rests.
bool hook_is_over(const struct agent_apply *a, const struct agent_claim *claim);
// hook_forget forgets hooks that the App has no longer.
void hook_forget(struct run *r);

struct run *run_new(struct agent_apply *a, const char *app);
void run_free(struct run *r);

// run_begin plans and starts; run_go takes it as far as it can go now.
void run_begin(struct run *r);
void run_prune(struct run *r); // once more, of a run that is done
void run_go(struct run *r);
// run_may_correct tells whether an object may be applied once more beside what the run does: its
// App has it already as it is desired, and nothing is under way for it.
bool run_may_correct(const struct run *r, const struct agent_entry *entry);
void run_retry_now(struct run *r);
void run_try(struct run *r, const struct agent_entry *entry); // now, if it failed

// run_tell says what has become of the App, if that changed.
void run_tell(struct run *r, enum agent_applied_state applied, const char *message);

// apply_unowned returns the objects of an App that no App lists any more: an array of items that
// the caller frees.
const struct agent_item **apply_unowned(struct agent_apply *a, const char *app, size_t *count);

// apply_locate tells whether an object is in the same place for an App with another default
// namespace; `there`: where it is, the arena's. apply_leave_behind makes what is there an object of
// its own, which no App lists and which goes like any such; the item is no more then.
enum apply_where { APPLY_SAME_PLACE, APPLY_OTHER_PLACE, APPLY_UNKNOWN_PLACE };
enum apply_where apply_locate(const struct agent_apply *a, struct cm_arena *scratch,
                              const struct agent_item *item, const char *default_namespace,
                              const char **there);
void apply_leave_behind(struct agent_apply *a, const struct agent_item *item, const char *there);

// apply_awaited returns what the driver wants healthy before the present stage begins and is not,
// or NULL. apply_form reads an object's form into an arena; NULL: it is not known. `keyed`: it is a
// Secret, whose name is no hash of its bytes.
const char *apply_awaited(struct run *r);
struct cm_json *apply_form(const struct agent_apply *a, struct cm_arena *arena,
                           const struct cm_sha256 *sha256, bool keyed);

// apply_observe tracks all that the manifest names, and nothing else.
void apply_observe(struct agent_apply *a);
void apply_observed_free(void *value);

// apply_found_give_way ends what Apps name now; apply_found_come_back tracks what none names any
// more, and what there is room for. apply_found_missing: it is gone; false: it is none of these.
void apply_found_init(struct agent_apply *a);
void apply_found_done(struct agent_apply *a);
void apply_found_give_way(struct agent_apply *a);
void apply_found_come_back(struct agent_apply *a);
bool apply_found_missing(struct agent_apply *a, const char *key);

// apply_run_over is called when a superseded run has nothing in flight any more; it frees it.
void apply_run_over(struct run *r);

// apply_freeze_of returns what keeps an App from being applied, or NULL; borrowed from the cache.
const struct agent_freeze *apply_freeze_of(const struct agent_apply *a, const char *app);
void apply_freeze_init(struct agent_apply *a);

// apply_waits has a run gone on with (run_go) when something has become healthy.
void apply_waits(struct run *r);

// apply_pruned is called when a run has removed something: others may have left something for that.
void apply_pruned(struct agent_apply *a);

// apply_has_turn tells whether a run may begin now; else it is called (run_go) when it may.
bool apply_has_turn(struct run *r);
// apply_object_begins and _over are called before an object is given to the driver, and when it is
// there, or is not; apply_object_sent when it is its turn there, at sent_ms (0: it never was).
void apply_object_begins(struct run *r);
void apply_object_sent(struct run *r);
void apply_object_over(struct run *r, int64_t sent_ms);

struct agent_plan_world apply_world(struct run *r);
