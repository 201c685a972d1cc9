// hold: a release that a cluster rejected, kept out while Git still says it.
//
// A controller in a cluster (a canary, an analysis, a deadline) went back to the release before;
// Git still says the one that it rejected. A Hold says so in Git itself: one file for an App, a
// rejected and a restored release, with the clusters that it is for,
// `holds/<app>/<release>-<id>.yaml`.
//
//     identity  what makes it that release: images, or keys of ConfigMaps; else what changed
//     delta     every field in which the two differ: what it was in the bad one, and what is used
//     keep      objects of the good one that the bad one has no more: they are not pruned
//
// It is *in force* while all of the identity is what Git says. Then each field of the delta that
// still is as in the bad release becomes what it was in the good one, and one that somebody changed
// since is what Git says: so all that people commit lands, but for the release that was rejected.
// Another identity makes it void. A list is merged entry by entry, a file in a ConfigMap line by
// line; where both sides changed the same lines the good ones stay. A file of thousands of lines
// is not merged: once it is edited, it is no longer the rejected one.
//
// Objects are named as GROUP/KIND/NAMESPACE/NAME in files, without the group for the core one, and
// by their key (common/object/id.h) in memory; fields as in common/object/field.h. No Secret ever
// is in a Hold.
//
// Threads: a hold does not change once made; its arena belongs to one thread at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct cm_arena;
struct cm_json;
struct cm_sha256;
struct cm_str;

#define HUB_HOLD_CLUSTERS_MAX 100000
#define HUB_HOLD_FIELDS_MAX 1000
#define HUB_HOLD_BYTES_MAX ((size_t)1024 * 1024) // of its file

// A value that makes the rejected release what it is. With neither value nor digest: that there is
// none.
struct hub_hold_identity {
    const char *object; // key
    const char *at;
    const struct cm_json *value;
    const char *sha256; // of a text that is too long to stand here, hex; NULL
};

struct hub_hold_delta {
    const char *object;
    const char *at;            // "": the whole object, which only the good release has
    const struct cm_json *bad; // NULL: it was not there
    const struct cm_json *use; // NULL: it is taken away
};

// The controller of a Hold that none decided: holdfast goes back itself, as the App says.
#define HUB_HOLD_OWN "holdfast"

// What the controller said; "" where nothing is known.
struct hub_hold_cause {
    const char *controller;
    const char *actor; // who decided, if not the controller itself (cm_who_else)
    const char *object;
    const char *phase;
    const char *text;
    const char *at;
};

struct hub_hold {
    struct cm_arena *arena; // its own; NULL: it is in somebody else's
    const char *name;
    const char *app;
    const char *const *clusters; // sorted, each once
    size_t cluster_count;
    const char *bad_revision; // ""
    const struct hub_hold_identity *identity;
    size_t identity_count;
    const char *good_revision; // ""
    const struct hub_hold_delta *delta;
    size_t delta_count;
    const char *const *keep; // keys
    size_t keep_count;
    struct hub_hold_cause cause;
    const char *event; // the same decision twice is one; ""
    bool retry;        // an explicit act: the rejected release may be tried again
    // Not in the file: keys of Secrets that changed with the release; they are not held.
    const char *const *left_out;
    size_t left_out_count;
};

// ---- Documents

// hub_hold_read reads a parsed document; the strings and values are copied into the arena. It fails
// with CM_EINVAL; *wrong is then the node that is.
CM_MUSTUSE enum cm_rc hub_hold_read(struct cm_arena *a, const struct cm_json *document,
                                    struct hub_hold *out, const struct cm_json **wrong,
                                    struct cm_err *err);

// hub_hold_parse reads the text of a file with one Hold.
CM_MUSTUSE enum cm_rc hub_hold_parse(const char *text, size_t size, struct hub_hold **out,
                                     struct cm_err *err);

// hub_hold_write writes a file: the same Hold gives the same bytes.
void hub_hold_write(const struct hub_hold *hold, struct cm_str *out);

// hub_hold_path returns where its file belongs, in the arena.
const char *hub_hold_path(struct cm_arena *a, const struct hub_hold *hold);

struct hub_hold *hub_hold_copy(const struct hub_hold *hold);
void hub_hold_free(struct hub_hold *hold); // NULL is fine; one with an arena of its own
void hub_hold_freep(struct hub_hold **hold);

// hub_hold_with makes a copy that is for these clusters too: for a file at the tip into which a
// decision is written.
struct hub_hold *hub_hold_with(const struct hub_hold *hold, const char *const *clusters,
                               size_t count);

bool hub_hold_lists(const struct hub_hold *hold, const char *cluster);

// hub_hold_is_own tells whether holdfast itself decided it. Nothing has happened in the cluster
// then: it counts only once Git says it.
bool hub_hold_is_own(const struct hub_hold *hold);

// hub_hold_is_undone tells whether somebody went back from its release by hand, and the App takes
// that for a decision.
#define HUB_HOLD_UNDONE "undone" // the phase of such a cause
bool hub_hold_is_undone(const struct hub_hold *hold);

// hub_hold_meets tells whether what a Hold restores, or some of it, is what another one rejects.
bool hub_hold_meets(const struct hub_hold *hold, const struct hub_hold *other);

// hub_hold_changes tells whether it puts another pod template into the workload of that key.
bool hub_hold_changes(const struct hub_hold *hold, const char *workload);

// hub_hold_event_with makes the event of what goes back with what was decided (its event): a
// workload of another App. The same makes the same one. hub_hold_goes_with tells whether a Hold was
// made of such.
void hub_hold_event_with(const char *event, const char *app, const char *workload,
                         struct cm_sha256 *out);
bool hub_hold_goes_with(const struct hub_hold *hold, const struct hub_hold *with);

// What the words of such a decision begin with: nobody in a cluster made it. hub_hold_joins tells
// whether a Hold is of such a one, whatever it goes with.
#define HUB_HOLD_JOINS "with App '"
bool hub_hold_joins(const struct hub_hold *hold);
// hub_hold_joined returns the App that it goes with; NULL: it goes with none. The caller frees it.
char *hub_hold_joined(const struct hub_hold *hold);

// hub_hold_same tells whether two are about the same rejected release of the same App.
bool hub_hold_same(const struct hub_hold *a, const struct hub_hold *b);

// For people: what is kept out, and what runs instead: "1.5.0", "1.4.2".
const char *hub_hold_rejected(struct cm_arena *a, const struct hub_hold *hold);
const char *hub_hold_restored(struct cm_arena *a, const struct hub_hold *hold);

// hub_hold_runs tells whether an object would run an image that makes the rejected release what it
// is.
bool hub_hold_runs(const struct hub_hold *hold, const struct cm_json *object);

// ---- Making one

struct hub_hold_object {
    const char *key;
    const void *bytes; // canonical form; NULL: not known (a Secret)
    size_t size;
};

// What a controller decided, with all objects of the two releases of the App.
struct hub_hold_decision {
    const char *app;
    const char *const *clusters;
    size_t cluster_count;
    const char *workload; // key
    const struct hub_hold_object *good;
    size_t good_count;
    const struct hub_hold_object *bad;
    size_t bad_count;
    const char *good_revision;
    const char *bad_revision;
    struct hub_hold_cause cause;
    const char *event;
};

// hub_hold_make works out what is to be held: how the workload's pod template differs between the
// two releases, and the ConfigMaps that it refers to. It fails with CM_ENOTFOUND if nothing
// differs, with CM_EBUSY if only a human can settle it (err says why), with CM_EINVAL if an object
// cannot be read.
CM_MUSTUSE enum cm_rc hub_hold_make(const struct hub_hold_decision *d, struct hub_hold **out,
                                    struct cm_err *err);

// hub_hold_renew makes one of the same rejected release that restores what was promoted since, of
// which these are all objects: what makes the release what it is stays, and each field that the
// Hold names becomes what was promoted has there. CM_EEXISTS: that is the release which it rejects
// or restores anyway; else it fails as hub_hold_make.
CM_MUSTUSE enum cm_rc hub_hold_renew(const struct hub_hold *hold, const char *workload,
                                     const struct hub_hold_object *good, size_t count,
                                     const char *revision, struct hub_hold **out,
                                     struct cm_err *err);

// hub_hold_pin makes one that nobody in a cluster decided: of the objects that Git says (`bad`)
// each container with an image of this name gets this one. Of the decision neither the workload nor
// the good release counts. CM_EEXISTS: Git says so already; CM_ENOTFOUND: nothing has such an
// image.
CM_MUSTUSE enum cm_rc hub_hold_pin(const struct hub_hold_decision *d, const char *image,
                                   struct hub_hold **out, struct cm_err *err);

// ---- Applying them

// The objects of an App, in trees that may be changed.
struct hub_hold_objects {
    struct cm_json *(*find)(void *ctx, const char *key); // NULL: there is none
    void (*add)(void *ctx, const char *key, struct cm_json *object);
    // touch says that a tree is about to be changed.
    void (*touch)(void *ctx, const char *key);
    void *ctx;
    struct cm_arena *arena; // of the trees
};

// hub_hold_in_force tells whether all of the identity is what the objects say.
bool hub_hold_in_force(const struct hub_hold *hold, const struct hub_hold_objects *objects);

// hub_hold_elsewhere tells whether a Hold would be in force but for an object or container that is
// gone, and whose rejected image another place of the App would begin to run: it returns the first
// object's key; NULL: no. `keys` are those of all objects. `running`: the objects that are in
// force, which are only looked at.
const char *hub_hold_elsewhere(const struct hub_hold *hold, const struct hub_hold_objects *objects,
                               const struct hub_hold_objects *running, const char *const *keys,
                               size_t count);

// hub_hold_apply applies those that are in force, each at most once, until none is any more: the
// good release of one may be the rejected one of another. `applied` gets one mark a hold. It
// returns the first hold whose rejected release is there all the same, because its good one is
// rejected too and there is no other; SIZE_MAX: none.
size_t hub_hold_apply(const struct hub_hold *const *holds, size_t count,
                      const struct hub_hold_objects *objects, bool *applied);

// ---- Texts

enum hub_merged { HUB_MERGE_CLEAN, HUB_MERGE_CONFLICT, HUB_MERGE_TOO_LARGE };

// hub_merge_text brings what changed from bad to good into a text; unless that is clean, *out is
// untouched. A text of thousands of lines is too large to tell.
enum hub_merged hub_merge_text(struct cm_arena *a, const char *bad, const char *now,
                               const char *good, const char **out);
