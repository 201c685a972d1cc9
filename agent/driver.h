// driver: what a target must offer, so that the agent can keep it as Git says.
//
// The core of the agent knows no Kubernetes. It has keys (common/object/id.h), which it compares
// and stores but never takes apart, and bytes (an object's canonical form). A driver turns them
// into something: objects of a Kubernetes API server (agent/kube), entries of a map in memory with
// faults on request (agent/sim), and later files and units of a Linux host.
//
// Everything is asynchronous. An operation is begun by a call that returns at once; its `done`
// comes on the loop exactly once, never from inside the call, also when the driver is stopped
// (CM_ECANCELED). The driver bounds how many requests it has in flight; the core may begin as many
// operations as it likes, and each waits its turn; those on one key go one after the other, in the
// order in which they were begun.
//
// What happens to objects behind our back arrives as observations: for each tracked object one soon
// after `track` (once the driver has seen the target, so that "missing" means missing), then one
// whenever health, existence or drift changes. The driver compares; the core decides. That a
// tracked object is no longer healthy because of what an apply changed is observed by the next turn
// of the loop after the apply's `done`, so that nobody takes the health of the form before for that
// of the new one.
//
// What changes the target is done in the name of an account, if one is given, and so can do no more
// than that account may; what looks is done in the agent's own name. Accounts are the target's, and
// so is how they are written ("NAMESPACE/NAME" of a Kubernetes ServiceAccount).
//
// Other controllers may roll out what we apply, and reject it. A driver that knows them says what
// they call what was applied (`released`) and what becomes of it (`decided`), once for each edge: a
// release that was rejected and stays so is no news.
//
// A driver that observes changes nothing at its target, ever: apply, run, remove and release end
// with CM_EAUTH before anything is asked of the target. What is tracked is compared with what is
// desired, whoever applied it, and nothing is due.
//
// Errors carry the words for the user. Codes: CM_EINVAL the target refuses this object for what it
// is (do not try again until it changes), CM_EBUSY try again (after retry_after_ms if set; what it
// depends on may not be there yet), CM_EAUTH we, or the account, lack a right, CM_EIO the target
// was not reached, CM_ECANCELED stopped.
//
// Threads: the loop that the driver was made with; nothing blocks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/object/spare.h"
#include "common/tls/digest.h"

struct agent_driver;
struct cm_arena;
struct cm_buf;
struct cm_json;
struct cm_rules;

enum agent_health {
    AGENT_HEALTH_UNKNOWN,
    AGENT_HEALTH_PROGRESSING,
    AGENT_HEALTH_HEALTHY,
    AGENT_HEALTH_DEGRADED,
    AGENT_HEALTH_MISSING,
};

// What an apply lets be (common/object/spare.h). What is here is good until `done`.
struct agent_sparing {
    const struct cm_spare_rule *rules;
    const enum cm_spare_how *how; // one a rule
    size_t count;
    enum cm_spare_how otherwise;
    // What people have added is taken away where the rule that is about it says CM_SPARE_NEVER
    // here (NULL: none does), and where none is about it if `takes_added`.
    const enum cm_spare_how *added;
    bool takes_added;
    struct cm_buf *before; // canonical form that was applied last; NULL: not known
};

// The forms of an object, read when its turn has come; references for whoever asked.
struct agent_read {
    struct cm_buf *bytes;  // canonical form
    struct cm_buf *before; // as in struct agent_sparing
};

// Called when an operation begins, before anything is asked of the target for it (from inside the
// call, perhaps; again, if it had to wait for something since), with the ctx of its `done`. So what
// waits for its turn costs little, however large it is. With an error the operation ends.
typedef enum cm_rc (*agent_read_fn)(void *ctx, struct agent_read *out, struct cm_err *err);

// One object that shall be there.
struct agent_object {
    const char *app;
    const char *key;               // as in the bundle; its namespace may be left open
    const char *default_namespace; // for objects that name none and need one; may be ""
    struct cm_buf *bytes; // canonical form; borrowed until the call returns; NULL: `read` gives it
    agent_read_fn read;
    size_t size; // of what `read` gives
    struct cm_sha256 sha256;
    bool secret;
    bool adopt;          // take it over from another GitOps tool
    bool yields;         // fields that somebody else has set stay his
    bool recreate;       // delete it and make it anew if it cannot be changed
    bool once;           // make it if it is not there, and never change it
    const char *account; // in whose name it is done; "": the agent's own
    struct agent_sparing sparing;
};

// Where a key belongs in the order of applying. Smaller ranks first; what follows a gate waits
// until every gate before it is healthy (a CustomResourceDefinition, a Namespace). Removal goes the
// other way round. `precious` objects are never pruned (their removal would take data with it).
struct agent_place {
    int rank;
    bool gate;
    bool precious;
    bool awaits; // `awaits` may know something
};

// The objects of an App, as they are desired.
struct agent_forms {
    size_t count;
    const char *(*key)(void *ctx, size_t i);
    const struct cm_json *(*form)(void *ctx, size_t i); // NULL: not known
    const char *default_namespace;
    void *ctx;
};

// What an apply did to an object besides.
enum agent_besides {
    AGENT_BESIDES_NOTHING,
    AGENT_BESIDES_ADOPTED,   // it was there, and is ours from now on
    AGENT_BESIDES_RECREATED, // it was deleted and made anew
};

// What the core must remember of an applied object (on disk, with its inventory) and give back.
// All strings are good until the callback returns.
struct agent_applied {
    struct cm_err error;    // code CM_OK: it is applied
    int64_t retry_after_ms; // 0: the caller's own pause
    const char *uid;        // the target's identity of this very object, "" if it has none
    const char *note;       // opaque, at most AGENT_NOTE_MAX: the driver's own baseline for drift
    bool written;           // the target was changed
    enum agent_besides besides;
    const char *whose; // adopted: whose it was, as far as is known; NULL or "": not known
    const char *said;  // in words what was done besides; NULL: nothing
};

#define AGENT_NOTE_MAX 2048
#define AGENT_TAIL_LINES 10
#define AGENT_TAIL_MAX 500 // with the reason, what a report's text holds

// What becomes of what a removed object owns itself.
enum agent_propagation {
    AGENT_PROPAGATION_BACKGROUND, // it goes afterwards
    AGENT_PROPAGATION_FOREGROUND, // it goes first
    AGENT_PROPAGATION_ORPHAN,     // it stays
};

// One object that the core owns and wants to hear of.
struct agent_owned {
    const char *app;
    const char *key;
    const char *default_namespace;
    const char *uid;
    const char *note;
    const char *account; // remove, release: in whose name it is done; "": the agent's own
    enum agent_propagation propagation; // remove
    bool keep;                          // of what was found: it says that it is not to be pruned
    bool once;                          // track, by who observes: no field of it is drift
    bool nobodys;                       // as that: nothing of it is desired, nor set by us
};

// Why a field is not as it is desired. What is neither foreign nor added is no drift, and what
// stays is told and left as it is.
enum agent_difference {
    AGENT_DIFFERENCE_FOREIGN, // somebody else set it
    AGENT_DIFFERENCE_ADDED,   // people have put it beside what is desired, which says nothing there
    AGENT_DIFFERENCE_STAYS,   // as that, and the target does not let it go
    AGENT_DIFFERENCE_RIGHT,   // another controller has it by right
    AGENT_DIFFERENCE_NOISE,   // the target itself made that of it when it was applied
};

struct agent_field_drift {
    enum agent_difference difference;
    size_t rule; // 1 + place of the rule that is about it; 0: none
    const char *path;
    const char *desired; // JSON on one line, at most 256 bytes; "***" for secrets; added: ""
    const char *actual;  // "" if the field is missing
    const char *manager; // who set it, as he calls himself; "" unknown
    const char *user;    // who it was, as the target knows him; "" or NULL: unknown
    const char *operation;
    int64_t at_ms; // Unix time; 0 unknown
};

// How an App wants the health of its objects to be read, beside what their kinds say.
struct agent_health_options {
    bool addresses;               // what is given an address is healthy only once it has one
    bool logs;                    // why a container crashes may be told with its last lines
    const struct cm_rules *rules; // of kinds (common/object/rules.h); NULL: none
    uint32_t timeout_s;           // what does not come up for so long is late; 0: no bound
    bool goes_back;               // a release that is late is gone back from, by a commit; false
                                  // while nothing may be changed
    bool holds_undo;              // a release that somebody goes back from is to be kept out
    const char *account;          // in whose name objects are changed; "": the agent's own
    bool yields;                  // fields that somebody else has set stay his
    bool corrects;                // drift is put right
};

// What a controller did with a release of a workload.
enum agent_verdict {
    AGENT_VERDICT_STARTED,
    AGENT_VERDICT_WEIGHT, // another share of the traffic goes to it; without one `text` says how
                          // far it is
    AGENT_VERDICT_PROMOTED,
    AGENT_VERDICT_REJECTED,        // what ran before runs again
    AGENT_VERDICT_CONFIG_REJECTED, // as that, but all that was new is configuration
    AGENT_VERDICT_FAILED_FORWARD,  // it failed, and serves all the same
    AGENT_VERDICT_TIMED_OUT,       // it does not come up in its time; nothing was rolled back
    AGENT_VERDICT_UNDONE,          // somebody went back to another release by hand
    AGENT_VERDICT_RESTARTED,       // somebody had its pods replaced by hand
    AGENT_VERDICT_WAITING,         // its controller waits until somebody lets it go on
};

// A controller calls releases by names of its own, which mean nothing to anybody else: tokens. A
// part behind ':' tells releases apart that the controller itself calls by one name.
#define AGENT_TOKEN_MAX 128

struct agent_decision {
    const char *key; // of the workload, as it was tracked
    const char *uid;
    const char *controller;     // "flagger"
    const char *controller_key; // of the object that decided; "": the workload itself
    const char *leader;         // the same one, as it was tracked, if it is ours
    enum agent_verdict verdict;
    const char *bad;   // token of what was rejected; "": what was applied last
    const char *good;  // token of what runs; "": what was promoted last
    const char *text;  // the controller's own words
    int weight;        // per cent on the new release; -1: none
    int64_t at_ms;     // when that came to be, Unix time by the target's clock
    bool first;        // it was so when the driver first looked
    bool other;        // somebody changed the template: it may be about what nobody applied
    const char *actor; // who did it, as it calls itself; "": nobody is known
    int64_t actor_ms;  // when he wrote that, by the target's clock; 0: not known
};

// How many replicas a workload wants.
struct agent_scaled {
    const char *key; // as it was tracked
    int64_t replicas;
    bool theirs;         // they are somebody else's: by right, or since Git does not say how many
    const char *owner;   // key of whose they are by right; "": nobody's that is known
    const char *manager; // who set them, as he calls himself; ""
};

// What a form of a workload would be for its controller.
enum agent_proof {
    AGENT_PROOF_NONE,      // it cannot be told
    AGENT_PROOF_SAME,      // its pod template is the one that it runs already as the good one
    AGENT_PROOF_DIFFERENT, // it is another one: a release
};

// Whose decision it was, of a release that somebody went back from by hand.
#define AGENT_PROOF_UNDONE "undone"

struct agent_proof_ask {
    const char *app;
    const char *key;
    const char *default_namespace;
    const char *controller;     // as in a decision, or AGENT_PROOF_UNDONE; "": not known
    const char *controller_key; // of a Rollout that refers to it; "": the workload itself
    const char *good;           // token of what was promoted last; "": not known
    const char *bytes;          // canonical form; borrowed until the call returns
    size_t size;
};

// text: what differs, without values, or why it cannot be told; good until the call returns.
typedef void (*agent_proof_fn)(void *ctx, enum agent_proof proof, const char *text);
// form: canonical, borrowed; NULL: it is not known, and `why` says why. `later`: the target did not
// answer now, so the same question may have an answer another time.
typedef void (*agent_good_fn)(void *ctx, struct cm_buf *form, bool later, const char *why);

// An object at the target by which somebody there allows a change by hand for a time. What it says
// is whatever he wrote (agent/plan/exempt.h reads it). What is here is good until the call returns.
struct agent_site_object {
    const char *name;
    const char *uid;
    const char *manager;        // who made it, as the target knows him; "": not known
    int64_t made_ms;            // Unix time, by the target's clock
    const struct cm_json *spec; // NULL: it says nothing
};

#define AGENT_SITE_OBJECTS_MAX 64

// A workload that is there, whether any App names it or not, told by a driver that observes.
struct agent_found {
    const char *key;   // complete
    const char *group; // what it is a part of, as whoever applies it says: "argocd.shop"
    const char *runs;  // other words once it runs another release: its images
    const char *form;  // canonical: what it is called, and nothing that anybody could desire
    const char *as;    // the key, with the namespace left open, by which it is tracked; NULL: none
};

// What runs behind the tags of a workload's template: "web:1.4@sha256:…" each, sorted; none: that
// cannot be known. What is here is good until the call returns.
struct agent_digests {
    const char *key; // as it was tracked
    const char *const *images;
    size_t count; // at most AGENT_DIGESTS_MAX
    bool more;    // there may be others
};

#define AGENT_DIGESTS_MAX 32
#define AGENT_DIGESTS_IMAGE_MAX ((size_t)512) // characters

#define AGENT_DRIFT_MAX 16 // fields named per object, foreign and added ones first

struct agent_observation {
    const char *key; // as it was tracked
    const char *uid; // "" if missing
    enum agent_health health;
    const char *message; // why it is not healthy; ""
    const struct agent_field_drift *drift;
    size_t drift_count;
    bool drift_more; // more of these
    // The canonical form of what is there, written like what is desired, with what others have put
    // beside (common/object/actual.h); all secrets are in it. NULL: it is as desired, or is not
    // compared.
    const char *actual;
    size_t actual_size;
    int64_t undone_ms; // since when its pod template is as an undo by hand left it; 0: it is not
    bool drift_stands; // of drift and actual nothing is said yet: what was told last stands
    bool due;          // to be applied again, though nobody changed what was applied: see apply
    bool ended;        // missing, because it had run to its end and goes by itself then; no drift
};

// Which manifest was put in force last. Neither of the two ever goes back.
struct agent_mark {
    uint64_t epoch;
    uint64_t generation; // 0: none
};

static inline bool agent_mark_is_older(uint64_t epoch, uint64_t generation,
                                       const struct agent_mark *than) {
    return epoch < than->epoch || generation < than->generation;
}

// What the core offers to the driver. Called on the loop.
struct agent_driver_host {
    void (*observed)(void *ctx, const struct agent_observation *what);
    // reachable: the target answers again, or no longer; `why` is NULL when it does.
    void (*reachable)(void *ctx, bool yes, const struct cm_err *why);
    // desired: a reference to the canonical form that is in force for a tracked key, or NULL.
    struct cm_buf *(*desired)(void *ctx, const char *key);
    // health tells the options of an App; its rules are good until the next turn of the loop. What
    // is tracked is observed anew when they change.
    void (*health)(void *ctx, const char *app, struct agent_health_options *out);
    // ready: what an apply of this key failed for want of (a kind, a namespace) may have come, so
    // it is worth a try now. A driver may do without.
    void (*ready)(void *ctx, const char *key);
    // rules: those about differences of a tracked key, in order; borrowed until the next turn.
    const struct cm_spare_rule *(*rules)(void *ctx, const char *key, size_t *count);
    // released: the workload's controller has taken up the form that was applied last, and calls it
    // by this token; `promoted`: it has found it to be good. It may be told again. What somebody
    // else made of the template is not that form.
    void (*released)(void *ctx, const char *key, const char *token, bool promoted);
    // decided: a controller did something with a release of a tracked workload. It may be told
    // again, with the same time: after a start, or a new list.
    void (*decided)(void *ctx, const struct agent_decision *what);
    // scaled: a tracked workload has other replicas now, or they belong to another one; it may be
    // told again. A driver may do without.
    void (*scaled)(void *ctx, const struct agent_scaled *what);
    // digests: somebody has looked what runs behind the tags of a tracked workload; it may be told
    // again. What is not told again stands. A driver may do without.
    void (*digests)(void *ctx, const struct agent_digests *what);
    // exempted: these are all objects there by which changes by hand are allowed, but for those
    // above AGENT_SITE_OBJECTS_MAX, which are the newest. Told once all are known, and whenever
    // there are others.
    void (*exempted)(void *ctx, const struct agent_site_object *all, size_t count);
    // found, if the driver was told to look for workloads: one is there; it may be told again.
    // lost: it is gone, and was not tracked (else an observation says so). surveyed: all that may
    // be seen were told, once.
    void (*found)(void *ctx, const struct agent_found *what);
    void (*lost)(void *ctx, const char *key);
    void (*surveyed)(void *ctx);
    void *ctx;
};

typedef void (*agent_applied_fn)(void *ctx, const struct agent_applied *result);
// What an object wrote, or why that cannot be read; good until the call returns.
typedef void (*agent_tail_fn)(void *ctx, const char *text, const struct cm_err *error);
// Whose an object is: "" if nobody keeps it, or it is not there.
typedef void (*agent_owner_fn)(void *ctx, const char *owner, const struct cm_err *error);
typedef void (*agent_removed_fn)(void *ctx, const struct cm_err *error, int64_t retry_after_ms);
typedef void (*agent_found_fn)(void *ctx, const struct agent_owned *found);
typedef void (*agent_recovered_fn)(void *ctx, const struct cm_err *error);
// mark: zeros: nothing is kept there. Good until the call returns.
typedef void (*agent_recalled_fn)(void *ctx, const struct agent_mark *mark,
                                  const struct cm_err *error);

struct agent_driver_ops {
    const char *name; // "kube"

    // start begins to connect to the target; reachable follows. stop cancels everything; when
    // `stopped` comes, nothing will come any more and free may be called.
    void (*start)(struct agent_driver *d, const struct agent_driver_host *host);
    void (*stop)(struct agent_driver *d, void (*stopped)(void *ctx), void *ctx);
    void (*free)(struct agent_driver *d);

    // identify says who the agent is: the same words for one that lost its disk, others for every
    // other agent, so that two of them on one target never take each other's objects for their
    // own. Once, before anything is applied, removed, tracked or recovered.
    void (*identify)(struct agent_driver *d, const char *who);

    // target_version is what the target calls itself ("v1.34.4"), "" while unknown.
    const char *(*target_version)(const struct agent_driver *d);

    // locate gives the key of an object with its namespace filled in, for an App with that default
    // namespace; keys that mean the same object then are the same. The arena's, or `key` itself;
    // NULL: that cannot be told now, for its kind is not known.
    const char *(*locate)(const struct agent_driver *d, struct cm_arena *a, const char *key,
                          const char *default_namespace);

    // takes tells whether removing the object of `key` takes another one (of an App with that
    // default namespace) with it, as a Namespace does. `form` is how the first is desired; NULL:
    // that is not known. NULL: nothing takes anything with it.
    bool (*takes)(const struct agent_driver *d, const char *key, const struct cm_json *form,
                  const char *other, const char *default_namespace);

    // awaits marks in `out` (one a form, all false) what of an App must be healthy before an object
    // of this form is made: a webhook is asked as soon as its configuration is there. NULL: nothing
    // of that kind is known. It is pure.
    void (*awaits)(const struct cm_json *form, const struct agent_forms *forms, bool *out);

    // place is pure.
    void (*place)(const struct agent_driver *d, const char *key, struct agent_place *out);

    // apply makes the object as it shall be: fields that we set, no others; ours are taken back
    // from whoever changed them. Repeating it changes nothing. An object that is there, is not ours
    // and has on it that another GitOps tool (or an agent with another inventory) applies it is
    // left as it is, with CM_EINVAL and its owner's name, unless `adopt`. What was made by hand, or
    // is adopted, becomes ours with all that was set by whoever made it: of that, what the desired
    // form does not have goes. With `yields` nothing is
    // taken from anybody: if somebody else has set a field of ours to something else, nothing is
    // changed, and CM_EINVAL names each such field and who has it.
    //
    // If the target can never change a field of what is there (a selector), that is CM_EINVAL with
    // the field's name and what to do; with `recreate` the object is deleted and made anew instead,
    // with another uid, but only where the target has just refused, and only if it is ours or may
    // be taken over. The core sets `recreate` for precious objects only if the object itself says
    // so.
    //
    // With `once` an object that is there, whoever made it, is left as it is, which is no error and
    // no write, and its fields are never drift; that it is missing is told like of any other. It
    // does not become ours by that: if it was not, `remove` leaves it alone.
    //
    // With `sparing`, differences are let be as it says, which is not written: who has such a field
    // keeps it. That a spared field differs is observed like before.
    //
    // A driver may know of fields that another controller has by right while it exists (an
    // autoscaler's number of replicas). It leaves them out and calls them theirs by right; when
    // such an owner comes or goes it observes the object as due, and the core applies it again.
    void (*apply)(struct agent_driver *d, const struct agent_object *object, agent_applied_fn done,
                  void *ctx);

    // run makes the object anew, for what is done once and then is over (a hook): one of ours that
    // is there is removed first, and what it made with it; then it is made. One that is there and
    // is not ours is left alone, with CM_EINVAL. That it succeeded is observed as healthy, that it
    // failed as degraded.
    void (*run)(struct agent_driver *d, const struct agent_object *object, agent_applied_fn done,
                void *ctx);

    // tail reads the end of what a tracked object wrote last (the log of a Job's pod): at most
    // AGENT_TAIL_LINES lines, put on one with " | " between them, of at most AGENT_TAIL_MAX bytes
    // of UTF-8. It may be NULL: the target has none.
    void (*tail)(struct agent_driver *d, const char *key, agent_tail_fn done, void *ctx);

    // remove deletes the object if it still is the very one we applied (same uid) and carries our
    // mark; else it leaves it alone. No error: it is gone, or was not ours. It is called back when
    // the object has really gone; CM_EBUSY with words if something holds it (finalizers);
    // CM_EEXISTS with words if it stays because somebody took our mark off it.
    void (*remove)(struct agent_driver *d, const struct agent_owned *object, agent_removed_fn done,
                   void *ctx);

    // release takes our mark off the object, if it still is the very one we applied, and leaves all
    // else of it as it is. No error: it does not carry our mark, and recover will not find it. What
    // another key of ours wants keeps its mark.
    void (*release)(struct agent_driver *d, const struct agent_owned *object, agent_removed_fn done,
                    void *ctx);

    // track begins to watch an object; tracking it again replaces uid and note. untrack ends it.
    void (*track)(struct agent_driver *d, const struct agent_owned *object);
    void (*untrack)(struct agent_driver *d, const char *key);

    // author tells who changed an object under that name at that time (actor_ms), as the target
    // knows him; "": nobody is known. NULL: the target never tells; so does *never. `key`
    // may be of an object that is not tracked. The text is good until the next call.
    const char *(*author)(struct agent_driver *d, const char *key, const char *name, int64_t at_ms,
                          bool *never);

    // observe looks at a tracked object now: an observation follows in any case.
    void (*observe)(struct agent_driver *d, const char *key);

    // owner tells who owns an object that is there and not ours: for whom `apply` would leave it
    // as it is, without `adopt`. It changes nothing. It may be NULL: the target cannot tell.
    void (*owner)(struct agent_driver *d, const char *key, const char *default_namespace,
                  agent_owner_fn done, void *ctx);

    // prove finds out, without changing anything, whether a form of a workload has the pod template
    // that its controller runs already as the good one. It may be NULL: the target cannot tell.
    void (*prove)(struct agent_driver *d, const struct agent_proof_ask *what, agent_proof_fn done,
                  void *ctx);

    // good finds out, without changing anything, what a form of a workload would be of the release
    // that its controller runs as the good one, where nobody here has applied that: the same, with
    // the images that run. It may be NULL: the target cannot tell.
    void (*good)(struct agent_driver *d, const struct agent_proof_ask *what, agent_good_fn done,
                 void *ctx);

    // say tells beside such an object (its name and uid) what became of it, for who looks there. It
    // may be lost. It may be NULL: the target has no place for it.
    void (*say)(struct agent_driver *d, const struct agent_site_object *object, bool taken,
                const char *words);

    // recover finds what this agent once applied from the target itself, when its disk was lost:
    // `found` for each object, then done. An error means that not all could be found.
    void (*recover)(struct agent_driver *d, agent_found_fn found, agent_recovered_fn done,
                    void *ctx);

    // remember keeps, at the target and for this agent, which manifest was put in force last: where
    // an older copy of the agent's disk does not reach. It is written within some seconds, with
    // what else is to be written there, and only if it is another one. recall gives what is kept;
    // an error means that it cannot be known now. Both may be NULL: the target has no place for it.
    void (*remember)(struct agent_driver *d, const struct agent_mark *mark);
    void (*recall)(struct agent_driver *d, agent_recalled_fn done, void *ctx);
};

// A driver begins with this.
#define AGENT_OBSERVES "this agent only observes and changes nothing: run it with --mode apply"

struct agent_driver {
    const struct agent_driver_ops *ops;
    bool observes;
    bool surveys; // host.found and the like are told
};
