// internal: the parts of the driver and what they share.
//
//     client    requests to the API server, with our credentials
//     reach     whether it answers; says so to the core
//     discover  which kinds it offers
//     applyset  the parent Secret that says where our objects may be
//     ops       the queue of apply, remove and run
//     slots     how many of them are under way, and whose
//     account   the ServiceAccount in whose name an App's objects are changed
//     logs      the end of what a Job's pods wrote
//     table     tracked objects and what was last said of them
//     watch     lists and watches
//     pods      why an object is not ready: pods, Events, the end of a log
//     tags      which digests run behind the tags of a workload, once it is
//     watches   which of them tells of an object: one per kind, or one per kind and namespace
//     prove     whether a form of a workload is what its controller runs
//     whose     which other tool an object belongs to, asked before it is applied
//     owners    other controllers that have fields of our objects by right
//     releases  what controllers do with releases of our workloads
//     stuck     a StatefulSet whose pods do not come up
//     exempt    objects by which somebody at the site allows changes by hand
//     conditions  rules about differences that hold only while an owner exists
//
// All of it is one state machine around one struct; each part touches its own members and calls the
// functions of the others.
//
// Threads: the driver's loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/driver.h"
#include "agent/kube/applyset.h"
#include "agent/kube/audit.h"
#include "agent/kube/health.h"
#include "agent/kube/kubeconfig.h"
#include "agent/kube/resources.h"
#include "agent/kube/right.h"
#include "common/backoff.h"
#include "common/http/http.h"
#include "common/list.h"
#include "common/loop.h"

struct agent_kube;
struct cm_arena;
struct cm_json;
struct cm_map;

enum {
    KUBE_ANSWER_MAX = 32 << 20, // bytes of an answer or of a watched event
    KUBE_RETRY_MS = 2000,       // for what may appear at any time
};

// client

struct kube_answer {
    int status;             // 0: not reached
    struct cm_json *json;   // NULL if there is none
    struct cm_arena *arena; // of json
    const char *text;       // of an answer that is not JSON, if it was asked for
    size_t size;            // of the answer
    int64_t retry_after_ms; // 0: not said
    struct cm_err error;    // code CM_OK if there was an answer
};

typedef void (*kube_answer_fn)(void *ctx, const struct kube_answer *answer);

struct kube_request {
    const char *method;
    const char *path;
    const char *content_type;
    const char *accept;  // NULL: JSON
    const char *body;    // NULL: none
    const char *account; // "NAMESPACE/NAME" of the ServiceAccount that asks; NULL: we ourselves
    kube_answer_fn done;
    void *ctx;
    bool probe; // its failure is not told to reach
    bool text;  // a success is no JSON
    // Streams only.
    void (*line)(void *ctx, const char *line, size_t size);
};

struct kube_call; // ends with its `done`

// kube_call sends a request; `done` follows exactly once, never from inside the call.
struct kube_call *kube_call(struct agent_kube *k, const struct kube_request *request);
void kube_call_cancel(struct kube_call *call);
void kube_client_minute(struct agent_kube *k); // reads a token file again
void kube_client_stop(struct agent_kube *k);   // cancels every call

// kube_answer_error turns an answer that is no success into an error for the user; see status.h.
struct kube_asked;
enum cm_rc kube_answer_error(const struct kube_answer *answer, const struct kube_asked *asked,
                             struct cm_err *err);
// kube_answer_too_large tells whether less of it must be asked for.
static inline bool kube_answer_too_large(const struct kube_answer *answer) {
    return answer->error.code == CM_EINVAL;
}
static inline bool kube_answer_ok(const struct kube_answer *answer) {
    return answer->error.code == CM_OK && answer->status >= 200 && answer->status < 300;
}

// reach

enum kube_reach { KUBE_CONNECTING, KUBE_UP, KUBE_DOWN };

void kube_reach_start(struct agent_kube *k);
void kube_reach_stop(struct agent_kube *k);
// kube_reach_doubt is called when a request did not reach the server.
void kube_reach_doubt(struct agent_kube *k);
void kube_reach_minute(struct agent_kube *k); // asks a server that is silent
void kube_reach_up(struct agent_kube *k);
void kube_reach_down(struct agent_kube *k, const struct cm_err *why);

// discover

// kube_discover_want makes a round of discovery begin soon and returns its number; it is the answer
// to everything that was asked before it began.
uint64_t kube_discover_want(struct agent_kube *k);
void kube_discover_now(struct agent_kube *k);
void kube_discover_stop(struct agent_kube *k);

// kube_resolve finds the resource of a key and the namespace in which its object is; the strings
// are the arena's. NULL: the server offers no such kind, as far as we know.
const struct kube_resource *kube_resolve(struct agent_kube *k, struct cm_arena *a, const char *key,
                                         const char *default_namespace, const char *version,
                                         const char **out_ns);

// ops

enum kube_op_type { KUBE_APPLY, KUBE_REMOVE, KUBE_RELEASE, KUBE_RUN };

struct kube_watch;

struct kube_line;  // the operations on one key, in order
struct kube_share; // what one App has under way
struct kube_pool;  // slots
struct kube_pulse; // when those on a kind were answered
struct kube_drift;

struct kube_op {
    struct cm_list at; // in one of the lists of struct kube_ops, or parked in its share
    struct cm_list in_line;
    struct kube_line *line;
    struct kube_share *share;
    struct kube_pulse *pulse;
    bool counted;           // in share
    struct kube_pool *pool; // it has a slot of; NULL: it has none
    int64_t since_ms;       // it has it
    bool cut;               // its request was cut off
    struct agent_kube *k;
    enum kube_op_type type;
    char *app;
    char *key;
    char *default_namespace;
    struct cm_buf *bytes; // apply; NULL: they are not read
    agent_read_fn read;   // apply: gives them; NULL: they are there in any case
    size_t size;          // apply: of them
    bool secret;
    bool adopt;                   // apply: whoever it belongs to
    bool yields;                  // apply: take no field from anybody
    bool recreate;                // apply: delete what cannot be changed
    bool once;                    // apply: change nothing that is there
    char *account;                // who changes the object: account.h; NULL: we ourselves
    char *refusal;                // what the account may not, while it is asked for
    char *uid;                    // remove, release, and what an apply deletes to make it anew
    struct agent_sparing sparing; // apply
    enum agent_propagation propagation; // remove
    bool remembered;                    // remove, release: we were told that our apply succeeded
    agent_applied_fn applied;
    agent_removed_fn removed;
    void *ctx;

    struct kube_entry *entry; // while it runs
    struct kube_call *call;
    uint64_t round;             // of discovery that it waits for or has seen; 0: none
    uint64_t newest_before;     // newest version of anything when it was sent
    uint64_t entry_before;      // version of this object when it was sent
    char *path;                 // of the object
    struct cm_arena *arena;     // apply: of desired
    struct cm_json *desired;    // apply: as sent
    struct cm_json *whole;      // apply: before anything was left out; NULL: nothing will be
    struct kube_drift *drift;   // apply: how it still differs; the arena's; NULL: not compared
    bool only_new;              // apply: must not change an object that is there
    unsigned given;             // apply: rights of others, whose fields are left out
    enum agent_besides besides; // apply
    char *whose;                // apply: whose it was
    char *said;                 // apply: what was done besides; NULL: nothing
    bool own;                   // apply: the agent lives in it
    bool cleared;               // apply, run: nothing is in its way any more
    const char *fixed;          // apply: fields that cannot be changed; the arena's
    bool at_version;            // apply: only to the version that was looked at
    int looks;                  // apply, release: how often it was looked at
    bool has_taken;             // apply: what was added is not taken over (any more)
    uint64_t refused_version;   // apply: at which taking it over was refused; 0: at none
    const char *tried;          // apply: paths of what is taken over; the arena's, as the next two
    const struct cm_json *before; // apply: the object before that; NULL: nothing was
    const struct cm_json *after;  // apply: and behind; NULL: it was given back, or was not
    bool lacks;                   // apply: failed because its kind or namespace is not there
    struct cm_timer timer;        // remove: next look whether it is gone; apply: next try
    int64_t pause_ms;
    int64_t waiting_since_ms;
};

enum kube_pace { KUBE_QUICK, KUBE_SLOW, KUBE_PACES };
enum { KUBE_SLOW_TIMES = 3 }; // as many slots for what takes long or hangs as for all else

struct kube_pool {
    size_t ops;
    size_t heavy; // bytes of large objects
};

struct kube_ops {
    struct cm_list queues[KUBE_PACES]; // they wait for their turn
    struct kube_pool pools[KUBE_PACES];
    size_t slow_apps;              // that have a slow slot
    struct cm_timer slow;          // when something takes long
    struct cm_map *lines;          // by key
    struct cm_map *shares;         // by App
    struct cm_map *pulses;         // by kind
    struct cm_list waiting_kind;   // for a round of discovery
    struct cm_list waiting_parent; // for the ApplySet's parent
    struct cm_list waiting_owners; // until it is known who has fields by right
    struct cm_list running;        // a request is on its way
    struct cm_list lingering;      // for a timer: removed but not gone, refused too early
    struct cm_task task;           // looks at the queues
    bool posted;
};

void kube_ops_init(struct agent_kube *k);
void kube_ops_free(struct agent_kube *k); // when all is quiet
void kube_ops_apply(struct agent_kube *k, const struct agent_object *object, agent_applied_fn done,
                    void *ctx);
void kube_ops_run(struct agent_kube *k, const struct agent_object *object, agent_applied_fn done,
                  void *ctx);
void kube_ops_remove(struct agent_kube *k, const struct agent_owned *object, agent_removed_fn done,
                     void *ctx);
void kube_ops_release(struct agent_kube *k, const struct agent_owned *object, agent_removed_fn done,
                      void *ctx);
void kube_ops_wake(struct agent_kube *k);       // something changed: look at the queue
void kube_ops_discovered(struct agent_kube *k); // a round of discovery is over
void kube_ops_owners_known(struct agent_kube *k);
void kube_ops_parent_written(struct agent_kube *k, const struct cm_err *err, int64_t retry_ms);
void kube_ops_fail_all(struct agent_kube *k, const struct cm_err *why); // what is not running
void kube_ops_stop(struct agent_kube *k);

// slots: how many operations are under way, and whose

void kube_slots_init(struct agent_kube *k);
void kube_slots_free(struct agent_kube *k);
void kube_slots_stop(struct agent_kube *k);
void kube_slots_minute(struct agent_kube *k);
void kube_slots_unpark_all(struct agent_kube *k);
// kube_share_join counts an operation as one of its App, kube_share_part counts it no more.
void kube_share_join(struct kube_op *op);
void kube_share_part(struct kube_op *op);
// kube_share_begins says that it is at work, kube_share_rests that it is not. kube_share_park lets
// it wait until another one of its App is over.
void kube_share_begins(struct kube_op *op);
void kube_share_rests(struct kube_op *op);
void kube_share_park(struct kube_op *op);
// kube_share_pace tells in which queue and of which slots it is.
enum kube_pace kube_share_pace(const struct kube_op *op);
// kube_slots_queue has it wait for its turn: `first`: before those that have not begun yet.
void kube_slots_queue(struct kube_op *op, bool first);
bool kube_slots_are_full(const struct agent_kube *k, enum kube_pace pace);
// kube_slots_fit tells whether it is not too large beside what is under way; kube_share_has_room
// whether its App may have one more.
bool kube_slots_fit(const struct kube_op *op);
bool kube_share_has_room(const struct kube_op *op);
void kube_slots_give(struct kube_op *op); // a slot back, if it has one

// What ops.c and its two kinds share.
void kube_apply_begin(struct kube_op *op);   // apply.c
void kube_remove_begin(struct kube_op *op);  // remove.c
void kube_remove_delete(struct kube_op *op); // deletes what op->uid names
void kube_op_cleared(struct kube_op *op);    // what is made anew is not there any more
// kube_op_is_own tells whether it is about what the agent itself lives in (own.h).
bool kube_op_is_own(const struct kube_op *op, const char *ns);
void kube_op_done(struct kube_op *op, const struct cm_err *err, int64_t retry_after_ms,
                  const struct agent_applied *applied);
void kube_op_free(struct kube_op *op);
void kube_op_drop_forms(struct kube_op *op); // they are read again, if they can be
void kube_op_wait_for_kind(struct kube_op *op);
void kube_op_wait_for_parent(struct kube_op *op);
void kube_op_wait_for_owners(struct kube_op *op);
void kube_op_take_slot(struct kube_op *op); // it begins to send requests
void kube_op_linger(struct kube_op *op);    // it waits without a request now
void kube_op_again(struct kube_op *op);     // it waits for its turn again
// kube_op_refused ends an operation of an account that lacks a right; it finds out whether that is
// there at all.
void kube_op_refused(struct kube_op *op, const struct cm_err *err);

// logs

void kube_logs_tail(struct agent_kube *k, const char *key, agent_tail_fn done, void *ctx);

// kube_logs_choose finds the pod and the container whose log says most about why a Job failed, in a
// list of its pods: the newest pod that failed, else the newest, and its first container that ended
// badly, else its first. It returns false if there is no pod. Pure.
struct kube_log_source {
    const char *pod;
    const char *container; // "" if not known
};
bool kube_logs_choose(const struct cm_json *pods, struct kube_log_source *out);

// kube_logs_join puts the last lines of a log on one, as agent/driver.h says of a tail. The caller
// frees it. Pure.
char *kube_logs_join(const char *text, size_t size);

// whose

void kube_whose(struct agent_kube *k, const char *key, const char *default_namespace,
                agent_owner_fn done, void *ctx);

// prove

void kube_prove(struct agent_kube *k, const struct agent_proof_ask *what, agent_proof_fn done,
                void *ctx);
void kube_good(struct agent_kube *k, const struct agent_proof_ask *what, agent_good_fn done,
               void *ctx);

// table

struct kube_entry {
    struct agent_kube *k;
    char *key;   // as the core says it
    char *place; // with its namespace filled in; NULL if the same or not resolved
    char *app;
    char *default_namespace;
    char *uid;
    char *note;
    char *stays;          // paths of what people have added and the server does not let go
    uint64_t stays_print; // of the form with which that was tried
    char *api_version;    // in which it was applied; NULL: not known
    char *message;        // of health; NULL: ""
    uint64_t version;     // newest resourceVersion seen
    uint64_t print;       // of the last live form that had no drift; 0: none
    uint64_t said;        // hash of the last observation
    uint64_t form;        // of what was wanted when it was compared last; 0: it was not
    uint64_t nameless; // a bit of each manager who set what differs, while nobody knows who he is
    struct kube_audit_wait wait; // for these
    struct kube_watch *watch;
    struct cm_list at_watch;
    struct cm_list at_look; // in table.looks
    struct cm_list at_say;  // in table.to_say
    struct cm_list at_time; // in table.to_time
    int64_t time_ms;        // when time alone makes its health `then`; monotonic
    enum agent_health then;
    int64_t replicas;                  // it wants so many, if `counted`
    struct kube_op *op;                // works on this object
    struct kube_call *call;            // a look
    struct kube_pods *pods;            // are asked why it is not ready; NULL while it is
    struct kube_tags *tags;            // are looked behind; NULL: it has none
    uint32_t round;                    // of the watch's list that had it
    unsigned pins;                     // who still needs it after calling the core
    unsigned rights;                   // that others may have to its fields
    unsigned to_wake;                  // of these: to what is not desired, for when nobody has it
    unsigned had;                      // of these, what somebody had since it was applied last
    struct kube_condition *conditions; // of its rules; NULL: none
    struct kube_releases *releases;    // NULL: nothing is known of any
    struct kube_stuck *stuck;          // waits for the pods of a StatefulSet; NULL: for none
    size_t condition_count;
    int64_t undone_ms; // since when its template is as an undo by hand left it; 0: it is not
    enum agent_health health;
    bool tracked;
    bool known;      // health and version are from the server
    bool seen;       // since this program began
    bool ended;      // a Job that had succeeded when it was seen last, and goes by itself then
    bool drifted;    // the last observation told drift
    bool added;      // people have put something beside what is desired
    bool taken;      // some of it was made ours, to go with an apply that did not come
    bool retouched;  // somebody else changed its template
    bool booked;     // the audit book knows whose fields of it are, or are not
    bool unasked;    // was applied since the book was asked about it
    bool unnamed;    // somebody changed it, and the audit log may still say who
    bool doubtful;   // changed while nobody could say whether that was drift
    bool unmarked;   // has lost our label, so that no watch tells of it
    bool counted;    // `replicas` is known
    bool scales;     // they are somebody else's
    bool once;       // made if it is not there, and never changed
    bool nobodys;    // no App names it: nothing that is there is ours
    bool due;        // what is left out by right is no longer what was left out when applied
    bool by_hand;    // somebody set by hand what is given for now
    bool undecided;  // differs in what perhaps somebody has by right
    bool asleep;     // a controller of releases took it to no pods
    bool slept;      // it was once: with each release it may be again
    bool woken;      // was given some when nobody decided about its releases any more
    bool guessed;    // was compared while it was not known which of its rules hold
    bool look_says;  // the look ends with an observation in any case
    bool look_again; // was asked for while a look was on its way, which may tell what was before
    bool unwanted;   // changed while it was not to be compared: left there, or to be applied
    bool ahead;      // while op: a newer form was seen
    uint64_t ahead_version;
    uint64_t ahead_print; // 0: it was deleted
};

struct kube_table {
    struct cm_map *by_key;
    struct cm_map *by_place; // only those whose place is not their key
    struct cm_list looks;
    struct cm_list to_say;
    struct cm_list to_time;
    struct cm_timer time;
    int64_t time_ms; // when it comes; monotonic
    size_t looking;
    size_t unresolved; // entries whose kind is not known
    size_t alone;      // entries with a watch of their own
    unsigned minutes;  // so many have passed
    struct cm_task task;
    bool posted;
};

bool kube_table_lacks(struct agent_kube *k, const char *group); // some kind of it
struct kube_entry *kube_entry_find(struct agent_kube *k, const char *key);
struct kube_entry *kube_entry_make(struct agent_kube *k, const char *app, const char *key,
                                   const char *default_namespace);
struct kube_entry *kube_entry_at(struct agent_kube *k, const char *place);
// kube_entry_settle frees an entry that nobody needs.
void kube_entry_settle(struct kube_entry *e);
// kube_entry_resolve finds its watch; it tells whether the kind is known.
bool kube_entry_resolve(struct kube_entry *e);
void kube_entry_saw(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live, bool say);
void kube_entry_applied(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live,
                        const char *note);
void kube_entry_set_version(struct kube_entry *e, const char *api_version);
// kube_entry_stays takes down what was added and did not go with the form that was just applied.
void kube_entry_stays(struct kube_entry *e, const char *paths, uint64_t print);
// kube_entry_compare finds how what was just applied still differs; the arena's.
void kube_entry_compare(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live,
                        struct kube_drift *out);
// kube_scaled_saw tells the core of a workload's replicas, if they are news (scaled.c);
// kube_scaled_applied after an apply, when they are whose they were.
void kube_scaled_saw(struct kube_entry *e, const struct cm_json *desired,
                     const struct cm_json *live);
void kube_scaled_applied(struct kube_entry *e, const struct cm_json *live);
// kube_entry_after_op goes on with what kube_entry_compare found; NULL: it was not asked.
void kube_entry_after_op(struct kube_entry *e, const struct kube_drift *drift);
void kube_entry_missing(struct kube_entry *e, bool say);
// kube_entry_gone_ahead takes down that an object was deleted while an operation works on it.
void kube_entry_gone_ahead(struct kube_entry *e, uint64_t version);
void kube_entry_unknown(struct kube_entry *e, const char *why);
void kube_entry_reword(struct kube_entry *e); // why it is not ready is known better now
void kube_entry_look(struct kube_entry *e, bool say);
// kube_entry_judge_anew looks again, also if the object is as it was.
void kube_entry_judge_anew(struct kube_entry *e);
// kube_entry_given tells which rights were left out when it was applied last.
unsigned kube_entry_given(const struct kube_entry *e);
void kube_table_track(struct agent_kube *k, const struct agent_owned *object);
void kube_table_untrack(struct agent_kube *k, const char *key);
void kube_table_discovered(struct agent_kube *k);
void kube_table_minute(struct agent_kube *k);
void kube_table_wake(struct agent_kube *k);
void kube_table_init(struct agent_kube *k);
void kube_table_stop(struct agent_kube *k); // no timer fires any more
void kube_table_forget_versions(struct agent_kube *k);
void kube_table_forget_prints(struct agent_kube *k); // what comes next is compared in any case
void kube_table_free(struct agent_kube *k);          // when all is quiet

// pods

struct kube_pods;

// kube_pods_follow asks the pods of a workload that is not healthy why, or Events, soon, and ends
// that for one that is. `live` is what the entry's health was read from.
void kube_pods_follow(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live);
void kube_pods_forget(struct kube_entry *e);
const char *kube_pods_cause(const struct kube_entry *e); // "": not known
// kube_pods_health is the health of an object with what its pods say.
enum agent_health kube_pods_health(const struct kube_entry *e);

// kube_pods_query is what the pods of a workload, or a pod itself, are asked for with; NULL: it has
// none. The arena's.
const char *kube_pods_query(struct cm_arena *a, const struct cm_json *live);

// tags

struct kube_tags;

// kube_tags_follow looks at the pods of a workload once it has come up, for the digests that run
// behind the tags in its template: soon for each form of that, and now and then while it changes.
void kube_tags_follow(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live);
void kube_tags_forget(struct kube_entry *e);
void kube_tags_init(struct agent_kube *k);
void kube_tags_stop(struct agent_kube *k);

// owners
//
// The kinds of right.h that the server offers are watched while we have objects that they could
// have fields of; nothing depends on whether we may see them.

enum kube_knowledge {
    KUBE_KNOWN,
    KUBE_PENDING, // the first list is under way
    KUBE_UNKNOWN, // we may not see them, or could not
};

// A kind of owners: those of right.h, and those on which rules depend.
struct kube_owner_kind {
    char *group;
    char *kind;
    unsigned rights;   // that it may have
    size_t wanted;     // by objects and conditions
    size_t conditions; // that depend on one of it
};

struct kube_owners {
    struct cm_map *by_key;    // of the owner: struct owner
    struct cm_map *by_target; // key of the object: struct target
    struct kube_owner_kind *kinds;
    size_t kind_count;
};

void kube_owners_init(struct agent_kube *k);
void kube_owners_free(struct agent_kube *k);
// kube_owners_want begins or ends to look for those who could have these rights to an object.
void kube_owners_want(struct kube_entry *e, unsigned rights);
// kube_owners_of tells which rights somebody has to an object, as far as is known.
enum kube_knowledge kube_owners_of(const struct kube_entry *e, unsigned *out);
// kube_owners_rights tells which rights to an object count: of those that others could have to
// fields that a desired form sets, and to its replicas while it is asleep.
unsigned kube_owners_rights(struct kube_entry *e, const struct cm_json *desired);
// kube_owners_scale tells whether somebody has an object's replicas by right, as far as is known;
// kube_owners_scaler returns his key: of several an autoscaler's, the first by name. "": nobody. It
// is good until owners change.
bool kube_owners_scale(const struct kube_entry *e);
const char *kube_owners_scaler(const struct kube_entry *e);
// kube_owners_wake tells how many replicas a live object needs that has none, for it was left so by
// somebody who is gone; 0: it is let be.
int64_t kube_owners_wake(const struct kube_entry *e, const struct cm_json *live);
// kube_owners_terms returns on what terms somebody has weights of an object; the arena's.
struct kube_right_terms kube_owners_terms(const struct kube_entry *e, struct cm_arena *a);
// kube_owners_leaders tells whether it is known who decides about releases of an object; pending,
// too, while it was not compared, so that nobody looks for them yet.
enum kube_knowledge kube_owners_leaders(const struct kube_entry *e);
// kube_owners_leader returns what the object says that decides about releases of this one, NULL if
// none is known. Borrowed.
const char *kube_owners_leader(const struct kube_entry *e);
void kube_owners_discovered(struct agent_kube *k);
// From a watch of owners.
void kube_owners_saw(struct kube_watch *w, struct cm_arena *a, const struct cm_json *owner);
void kube_owners_lost(struct kube_watch *w, struct cm_arena *a, const struct cm_json *owner);
void kube_owners_listed(struct kube_watch *w, bool first);
void kube_owners_refused(struct kube_watch *w, const struct kube_answer *answer);
void kube_owners_split(struct kube_watch *w); // into watches of one namespace each
// kube_owners_are_names tells whether of these owners nothing counts but that they exist.
bool kube_owners_are_names(const struct kube_watch *w);
// kube_owners_kind finds the place of a kind, or adds it.
size_t kube_owners_kind(struct agent_kube *k, const char *group, const char *kind);
// kube_owners_depend counts the conditions of a kind; without any it is watched no longer.
void kube_owners_depend(struct agent_kube *k, size_t kind, bool more);
// kube_owners_knowledge tells whether all owners of a kind in a namespace are known.
enum kube_knowledge kube_owners_knowledge(struct agent_kube *k, size_t kind, const char *ns);

// conditions
//
// Of kinds that only rules depend on, the names are watched, and nothing else.

struct kube_condition {
    char *owner; // key, as the rule has it
    char *place; // with its namespace; NULL: the server has no such kind
    size_t kind; // in kube_owners
};

// kube_conditions_want begins or ends to look for the owners that the rules of an object name.
void kube_conditions_want(struct kube_entry *e, const struct cm_spare_rule *rules, size_t count);
void kube_conditions_discovered(struct kube_entry *e);
enum kube_knowledge kube_conditions_known(const struct kube_entry *e);
// kube_condition_holds tells whether an owner exists, or may exist as far as we can see; `entry` is
// a struct kube_entry.
bool kube_condition_holds(const void *entry, const char *owner);
bool kube_conditions_lack_kind(const struct kube_entry *e);
// kube_conditions_changed: an owner has come or gone.
void kube_conditions_changed(struct agent_kube *k, const char *owner);

// releases

// kube_releases_saw looks at a workload, kube_releases_led at an object of another controller that
// decides about releases of one (`target`: its key).
void kube_releases_saw(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live);
void kube_releases_led(struct agent_kube *k, struct cm_arena *a, const char *target,
                       const struct cm_json *leader);
// kube_releases_words writes down of such an object what counts. The caller frees it.
char *kube_releases_words(struct cm_arena *a, const struct cm_json *leader);
// kube_releases_has tells whether an object can be such a workload.
bool kube_releases_has(const struct cm_json *live);
// kube_releases_wait tells whether a workload was not heard, for nobody knew then who decides about
// it, and is to be looked at again, as that is known now.
bool kube_releases_wait(const struct kube_entry *e);
// kube_releases_unheard tells whether what its controller says in it is still to be looked at: what
// was seen before it was tracked was not heard.
bool kube_releases_unheard(const struct kube_entry *e);
// kube_releases_lost: that object is gone. kube_releases_forget: the workload is not tracked now.
void kube_releases_lost(struct agent_kube *k, const char *target);
void kube_releases_forget(struct kube_entry *e);

// stuck

struct kube_rollout;
struct kube_stuck;

// kube_stuck_follow looks again at a StatefulSet whose pods have some time left, and deletes what
// holds up one that went back.
void kube_stuck_follow(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live,
                       const struct kube_rollout *said);
void kube_stuck_forget(struct kube_entry *e);

// watch

struct kube_watch {
    struct cm_list at; // in agent_kube.watches
    struct agent_kube *k;
    char *group;
    char *api_version;
    char *kind;
    char *ns;   // "": all namespaces
    char *path; // of the collection
    struct cm_list entries;
    struct kube_call *call; // a page of a list, or the watch
    struct cm_timer timer;
    struct cm_backoff backoff;
    int page;                 // objects in a page of a list
    unsigned failures;        // since a list or a watch went well
    int64_t failing_since_ms; // 0: it goes well
    char *version;            // where the watch goes on; NULL: list first
    char *more;               // the list's continue token
    uint64_t list_version;
    uint32_t round; // of its list
    bool complete;  // the list was seen to its end
    bool foreign;   // of owners (it has no entries), not of our objects
    bool scout;     // of names only, of what comes from now on (absent.c; it has no entries)
    bool site;      // of objects that allow changes by hand (exempt.c; it has no entries)
    char *only;     // of this one object, which does not carry our label; NULL: of all ours
    bool survey;    // of workloads that nobody may have named (survey.c): it stays without entries
    bool refused;   // its last list failed
    bool streaming;
    bool namespaced;
    bool split;       // it may not see all namespaces: others of its kind see one each
    bool dead;        // freed when its call is over
    int64_t began_ms; // of the stream
};

struct kube_watch *kube_watch_new(struct agent_kube *k, const struct kube_resource *resource,
                                  const char *ns, bool foreign);
struct kube_watch *kube_watch_scout(struct agent_kube *k, const struct kube_resource *resource);
struct kube_watch *kube_watch_site(struct agent_kube *k, const struct kube_resource *resource,
                                   const char *ns);
void kube_watch_add(struct kube_watch *w, struct kube_entry *e);
void kube_watch_restart(struct kube_watch *w); // by a new list
void kube_watch_end(struct kube_watch *w);
// kube_watch_is_gone tells whether the server offers its kind in its version no longer.
bool kube_watch_is_gone(const struct kube_watch *w);
void kube_watch_wake_all(struct agent_kube *k); // the server is back
void kube_watch_stop_all(struct agent_kube *k); // no timer fires any more
void kube_watch_free_all(struct agent_kube *k);

// kube_page_next tells how many objects to ask for next, as large as those of a page: what a list
// costs in memory is bounded by bytes, not by objects. Pure.
enum { KUBE_PAGE_FIRST = 8 };
int kube_page_next(int page, const struct kube_answer *answer);

// kube_watch_read takes a watch's line apart; `object` is the arena's. Pure.
CM_MUSTUSE enum cm_rc kube_watch_read(struct cm_arena *a, const char *line, size_t size,
                                      const char **type, struct cm_json **object,
                                      struct cm_err *err);

// absent

enum { KUBE_SCOUTS = 3 };

struct kube_absent {
    struct cm_map *by_key;
    size_t kinds;      // that wait for their kind
    size_t namespaces; // for their namespace
    struct kube_watch *scouts[KUBE_SCOUTS];
    struct cm_timer timer; // asks for kinds
    struct cm_backoff asking;
    int64_t until_ms; // they are asked for; monotonic
};

void kube_absent_init(struct agent_kube *k);
void kube_absent_stop(struct agent_kube *k);
void kube_absent_free(struct agent_kube *k);
// kube_absent_pause takes down that an operation fails because a namespace (NULL: its kind, in a
// version or in any, "") is not there; it returns when to try again.
int64_t kube_absent_pause(struct kube_op *op, const char *version, const char *ns);
void kube_absent_end(struct agent_kube *k, const char *key); // it waits for nothing any more
void kube_absent_minute(struct agent_kube *k);
void kube_absent_discovered(struct agent_kube *k);
void kube_absent_saw(const struct kube_watch *w, const struct cm_json *object);
void kube_absent_listed(const struct kube_watch *w); // what came before is not told
void kube_absent_settle(struct agent_kube *k);       // another part waits for kinds, or no longer

// exempt

struct kube_exempt {
    struct kube_watch *watch; // NULL: the server has no such kind
    struct cm_map *by_uid;
    bool told; // what there is
    bool many; // there are more than are kept
};

void kube_exempt_init(struct agent_kube *k);
void kube_exempt_free(struct agent_kube *k);
void kube_exempt_discovered(struct agent_kube *k);
// From its watch.
void kube_exempt_saw(struct kube_watch *w, const struct cm_json *object);
void kube_exempt_lost(struct kube_watch *w, const struct cm_json *object);
void kube_exempt_listed(struct kube_watch *w);
// kube_exempt_say makes an Event of an object.
void kube_exempt_say(struct agent_kube *k, const struct agent_site_object *object, bool taken,
                     const char *words);

// survey

struct kube_survey {
    char *namespaces;     // "*", or names with commas; NULL: it looks for nothing
    struct cm_map *known; // by key with namespace
    bool begun;           // the agent knows who it is
    bool told;            // that all were told
    bool full;            // there are more than may be known, which was said
    size_t lacks;         // kinds that the server does not have
};

void kube_survey_init(struct agent_kube *k, const char *namespaces);
void kube_survey_free(struct agent_kube *k);
void kube_survey_begin(struct agent_kube *k);
void kube_survey_discovered(struct agent_kube *k);
// kube_survey_lacks tells whether it waits for a kind of this group.
bool kube_survey_lacks(const struct agent_kube *k, const char *group);
// From its watches. kube_survey_saw comes before an entry for the object is looked for.
void kube_survey_saw(struct kube_watch *w, struct cm_arena *a, const struct cm_json *live);
void kube_survey_lost(struct agent_kube *k, const char *place);
void kube_survey_listed(struct kube_watch *w);
void kube_survey_refused(struct kube_watch *w, const struct kube_answer *answer);

// audited: who did what, as the audit log says

struct kube_audited {
    char *path; // NULL: there is no audit log
    int64_t wait_ms;
    struct cm_workers *disk;
    struct kube_audit_log *log; // NULL: it is not followed yet
    struct kube_audit_book *book;
    struct cm_timer timer; // for what the log does not say in time
};

void kube_audited_init(struct agent_kube *k, const char *path, int64_t wait_ms,
                       struct cm_workers *disk);
void kube_audited_discovered(struct agent_kube *k); // kinds are known: begins to follow
void kube_audited_stop(struct agent_kube *k);
void kube_audited_free(struct agent_kube *k);
// kube_audited_want says of what form the object is to be from now on.
void kube_audited_want(struct kube_entry *e, uint64_t form);
// kube_audited_name fills in who set the fields that differ, as far as the log says so; names are
// the arena's. It makes the entry unnamed if the log may still say more of what is foreign.
void kube_audited_name(struct kube_entry *e, struct cm_arena *a, const struct cm_json *live,
                       struct kube_drift *drift);
// kube_audited_waits tells whether differences of that hash are to be told later: they are judged
// anew as soon as the log says more, and when they have waited long enough.
bool kube_audited_waits(struct kube_entry *e, uint64_t differences);
// kube_audited_author: see `author` in agent/driver.h.
const char *kube_audited_author(struct agent_kube *k, const char *key, const char *name,
                                int64_t at_ms, bool *never);
// kube_audited_forget: it is as it was applied, or gone, or nobody looks at what it was like.
void kube_audited_forget(struct kube_entry *e);

// watches

struct kube_watch *kube_watch_for(struct agent_kube *k, const struct kube_resource *resource,
                                  const char *ns, bool foreign);
void kube_watch_drop(struct kube_entry *e);
// kube_watch_survey sees to it that a kind is watched in a namespace ("": in all) for survey.c.
void kube_watch_survey(struct agent_kube *k, const struct kube_resource *resource, const char *ns);
// kube_watch_only gives an entry without our label a watch of its own, if there are not too many;
// it tells whether there is one.
bool kube_watch_only(struct kube_entry *e, const struct kube_resource *resource, const char *ns);
// kube_watch_split leaves the entries of a watch of all namespaces to watches of one namespace
// each; kube_watch_join takes them back.
void kube_watch_split(struct kube_watch *w);
void kube_watch_join(struct kube_watch *w);

// recover

void kube_recover(struct agent_kube *k, agent_found_fn found, agent_recovered_fn done, void *ctx);
void kube_recover_wake(struct agent_kube *k);                           // the server is there
void kube_recover_fail(struct agent_kube *k, const struct cm_err *why); // those that have not begun

struct agent_kube {
    struct agent_driver driver; // first
    struct cm_loop *loop;
    struct agent_driver_host host;
    struct kube_access access;
    struct cm_http_endpoint *endpoint;
    char *field_manager;
    size_t max_in_flight;
    char target_version[64];
    uint64_t newest;       // resourceVersion of anything
    int64_t definition_ms; // when we last changed a CustomResourceDefinition; monotonic

    struct cm_list calls;
    unsigned token_round; // counts the tokens that were read
    char *pod;            // that we run in; "": in none, or that is not known
    char *pod_namespace;  // its; "": not known
    struct cm_timer minute;
    struct cm_timer remember; // what is in force is to be written there
    struct cm_timer verify;   // lists everything anew
    int64_t verify_ms;
    bool stopping;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
    struct cm_task stop_task;
    bool stop_begun;
    bool told_stopped;

    enum kube_reach reach;
    int64_t heard_ms; // when the server last said anything; monotonic
    bool probing;
    struct cm_timer probe_timer;
    struct cm_backoff probe_backoff;
    struct cm_err why_down;

    struct kube_resources *resources; // NULL until the first round of discovery
    struct kube_resources *found;     // by the round that runs
    char **discover_paths;
    size_t discover_count;
    size_t discover_next;
    uint64_t discover_round; // begun last
    bool discovering;
    bool discover_again;
    int64_t discover_began_ms;
    struct cm_timer discover_timer;

    struct kube_applyset applyset;
    struct kube_ops ops;
    struct kube_table table;
    size_t pods_looking;        // questions to pods that are under way
    size_t tags_looking;        // looks behind tags that are
    struct cm_list tags;        // that wait for one of these to end
    struct cm_timer tags_timer; // runs: none begins
    bool tags_refused;          // it was said that pods may not be listed
    struct kube_owners owners;
    struct kube_absent absent;
    struct kube_exempt exempt;
    struct kube_survey survey;
    struct kube_audited audited;
    struct cm_list watches;
    uint32_t rounds;            // lists that were begun
    struct cm_list recoveries;  // that have not begun
    agent_recalled_fn recalled; // who waits for the mark; NULL: nobody
    void *recalled_ctx;
};

void kube_place(const char *key, struct agent_place *out); // pure

// kube_stopped_maybe tells the core that all is quiet, once it is.
void kube_stopped_maybe(struct agent_kube *k);

// kube_baseline_print is the hash of bytes as it stands in a note.
uint64_t kube_baseline_print(const struct cm_buf *bytes);
