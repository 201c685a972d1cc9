// fleet: what every cluster should run, worked out from what Git says.
//
// The fleet is fed with changes of trees (paths and blob ids, never whole trees after the first)
// and keeps the documents in memory with reverse indexes, so that a change costs what it touches:
//
//     path ──▶ document (Cluster, ClusterGroup, App) or file of an App
//     group, label ──▶ Apps that target it        App ──▶ clusters, files, variables that it uses
//
// hub_fleet_update works out which (App, cluster) pairs a commit may change, renders each *distinct
// input* once (hub/render), and returns what each cluster shall run now. Random sequences of
// commits give what one update with the final tree gives: a property test holds it to that.
//
// What is wrong stays as it was: a document that does not parse keeps its last good version, a pair
// that does not render keeps its last good bundle, and nothing else is touched. Every such place is
// a problem with repository, path, line, column, words and what to do; it goes when it is mended.
//
// Removals that are larger than a guard allows wait: what is in force of the App stays, and a
// problem says which Confirmation lets it happen (hub/fleet/guard.c).
//
// Documents are found by their path below the repository's root folder:
//     clusters/**.yaml  Cluster      groups/**.yaml  ClusterGroup      **/app.yaml  App
//     confirmations/**.yaml  Confirmation
//     holds/**.yaml  Hold  bans/**.yaml  Ban  freezes/**.yaml  Freeze
// everything below the folder of an app.yaml belongs to that App (an app.yaml deeper down takes its
// own folder out of it), but for what overlays name and .holdfastignore files leave out.
//
// A release that a cluster rejected is kept out of it by a Hold (hub/hold): what is in force is
// what Git says, and then what the Holds that list the cluster make of it. One that is decided and
// not in Git yet does the same (hub_fleet_hold).
//
// An App's manifests may be in another repository, at a branch, tag, range of versions or commit: a
// *source*. Somebody else fetches it (hub_fleet_sources says which are wanted) and feeds its tree
// as commits of their own, whose `repo` is the source's name. Its documents mean nothing, and are
// refused among an App's manifests; only Apps that want it are touched. Until it comes they stay as
// they are.
//
// Threads: one at a time (the sync worker); what results point to is immutable and shared.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tls/digest.h"

struct cm_arena;
struct cm_buf;
struct cm_json;
struct hub_ban;
struct hub_bundle;
struct hub_fleet;
struct hub_freeze;
struct hub_hold;

#define HUB_OID_SIZE 20

// Which state of another repository an App wants.
enum hub_ref {
    HUB_REF_DEFAULT, // the branch of the hub's configuration
    HUB_REF_BRANCH,
    HUB_REF_TAG,
    HUB_REF_SEMVER, // the highest version in a range
    HUB_REF_COMMIT,
};

struct hub_fleet_change {
    const char *path;          // below the repository's root folder, cm_fsys_path_ok
    uint8_t oid[HUB_OID_SIZE]; // of the blob
    bool removed;
    bool special; // a symlink or submodule: an error if it matters
};

struct hub_fleet_commit {
    const char *repo;     // its name in the hub's configuration, or a source's name
    const char *revision; // commit id, hex
    const struct hub_fleet_change *changes;
    size_t change_count;
    bool complete;    // the changes are the whole tree: what is not named is gone
    bool source_only; // of a source; without effect if no App wants it (any more)
};

// A tree that Apps want from another repository.
struct hub_fleet_source {
    const char *name;       // hub_fleet_source_name
    const char *repository; // its name in the hub's configuration
    enum hub_ref ref;
    const char *text; // of the branch, tag, range or commit; "" for HUB_REF_DEFAULT
    bool loaded;      // a complete commit of it was taken in
};

// hub_fleet_source_name returns the name of a source, "shop-config@semver:>=1.2 <2", which no
// repository can have; the caller frees it.
char *hub_fleet_source_name(const char *repository, enum hub_ref ref, const char *text);

// How the fleet gets a file's content. It may be called for blobs of this commit or earlier ones,
// and of other repositories; `repo` is what the commit named that they came with.
struct hub_fleet_reader {
    enum cm_rc (*read)(void *ctx, const char *repo, const uint8_t oid[HUB_OID_SIZE],
                       size_t max_bytes, struct cm_buf **out, struct cm_err *err);
    void *ctx;
    // stopped tells, while a fleet is rendered, that nobody wants to know any more; NULL: somebody
    // does. What it makes of the fleet then is good for nothing but to be freed.
    bool (*stopped)(void *ctx);
};

struct hub_problem {
    const char *repo;
    const char *path;
    uint32_t line; // 0: the file as a whole
    uint32_t column;
    const char *message; // ends with what to do
    const char *app;     // what it touches: NULL or a name
    const char *cluster; // the first cluster it touches; NULL: all of the App's, or none
    size_t clusters;     // how many
    bool waiting;        // nothing is wrong: a source is not fetched yet, and nobody said why
    const char *removal; // nothing is wrong: it waits for a confirmation; NULL: it does not
};

// One App on one cluster.
struct hub_pair {
    const char *app;
    struct hub_bundle *bundle;
    const char *revision; // commit at which the bundle became what it is on this cluster
    const char *repo;     // of that commit: a repository, or a source where its tree moved
    bool stale;           // a problem keeps the last good bundle in force
    const char *waits;    // removal that waits for a confirmation; NULL: none
    const char *held;     // what Holds keep out, and what runs instead, in words; NULL: nothing
    // Keys of objects whose controllers have promoted nothing there yet, a line each, so that what
    // others rejected is not begun with; NULL: none.
    const char *begins;
};

// The tombstone of an App.
struct hub_gone {
    const char *app;
    const char *revision;
    const char *account; // in whose name its objects are removed; "": the agent's own
    bool prune;
    bool held; // the App is back in Git, and cannot be what it says yet: nothing is removed
};

// hub_desired is all that one cluster shall run. Immutable, counted.
struct hub_desired {
    _Atomic uint32_t refs;
    const char *cluster;
    const struct hub_pair *pairs; // sorted by app
    size_t pair_count;
    const struct hub_gone *gone; // sorted by app
    size_t gone_count;
};

// hub_desired_copy makes one that owns copies of all strings and references to the bundles.
struct hub_desired *hub_desired_copy(const struct hub_desired *d);
struct hub_desired *hub_desired_ref(struct hub_desired *d);
void hub_desired_unref(struct hub_desired *d);

// hub_desired_same_manifest tells whether two make the same manifest. If so, hub_desired_same_marks
// tells whether what is shown beside it is the same: what is stale, and whose commits they are.
bool hub_desired_same_manifest(const struct hub_desired *a, const struct hub_desired *b);
bool hub_desired_same_marks(const struct hub_desired *a, const struct hub_desired *b);

struct hub_fleet_result {
    struct hub_desired **changed; // clusters for which something changed, one reference each
    size_t changed_count;
    const char **removed; // clusters that are no longer in Git: they become unmanaged
    size_t removed_count;
    size_t evaluated; // pairs of App and cluster that were looked at
    size_t rendered;  // distinct inputs that were rendered
    size_t made;      // objects that this made anew
    size_t documents; // documents that were parsed
    bool problems_changed;
    bool documents_changed; // a document changed, or where a Hold is in force
    bool sources_changed;   // hub_fleet_sources says something else
};

void hub_fleet_result_free(struct hub_fleet_result *r);
void hub_fleet_result_freep(struct hub_fleet_result **r);

// hub_fleet_new makes an empty fleet. secret_key names Secrets (32 bytes).
struct hub_fleet *hub_fleet_new(const uint8_t secret_key[32]);
void hub_fleet_free(struct hub_fleet *f);

// What may be removed without a confirmation: up to a share, and fewer than a minimum in any case.
struct hub_fleet_guard {
    uint32_t share_percent; // of the objects of a cluster, and of the clusters of an App
    uint32_t objects_min;   // that a cluster loses
    uint32_t clusters_min;  // that lose an App
};
#define HUB_GUARD_DEFAULT                                                                          \
    ((struct hub_fleet_guard){.share_percent = 30, .objects_min = 10, .clusters_min = 10})
void hub_fleet_set_guard(struct hub_fleet *f, const struct hub_fleet_guard *guard);

// hub_fleet_look_back says that what comes is history, for which nobody wrote confirmations:
// nothing begins to wait until it is over.
void hub_fleet_look_back(struct hub_fleet *f, bool yes);

// hub_fleet_expect names a repository that will be loaded. What is seeded is taken as gone from Git
// only when every repository that is expected has had its complete commit.
void hub_fleet_expect(struct hub_fleet *f, const char *repo);

// hub_fleet_is_loaded tells whether they all have had it.
bool hub_fleet_is_loaded(const struct hub_fleet *f);

// hub_fleet_seed says, before the first update, what a cluster ran when the hub stopped: it stays
// in force where Git is wrong now, and keeps its revision where nothing changed. References are
// taken.
void hub_fleet_seed(struct hub_fleet *f, const char *cluster, const struct hub_pair *pairs,
                    size_t pair_count, const struct hub_gone *gone, size_t gone_count);

// hub_fleet_seed_used says which removal a confirmation has let happen: it does so once.
void hub_fleet_seed_used(struct hub_fleet *f, const char *confirmation, const char *removal);
void hub_fleet_each_used(const struct hub_fleet *f,
                         void (*visit)(void *ctx, const char *confirmation, const char *removal),
                         void *ctx);

// hub_fleet_update takes a commit in. It cannot fail as a whole: what is wrong becomes a problem. A
// blob that cannot be read (CM_EIO of the reader) is a problem of its document.
struct hub_fleet_result *hub_fleet_update(struct hub_fleet *f,
                                          const struct hub_fleet_commit *commit,
                                          const struct hub_fleet_reader *reader);

// hub_fleet_hold makes a decision known that is not in Git yet, by its event, which must not be "":
// it holds like a document from the next update on (which may be one without changes; with revision
// "" what it changes keeps the commit that it has). When a document comes that is its answer, that
// one counts; when such a document merely vanishes, the decision does again. One that says `retry`
// ends those that it lists and that are known by then. `written`: a document was its answer before
// a restart. The Hold is copied; told again with another one, it restores that from then on.
// One that holdfast decided itself (hub_hold_is_own) only waits until a document was its answer;
// one that goes back with another (hub_hold_goes_with) only as long as that one waits or is in
// force. hub_fleet_unhold forgets it.
void hub_fleet_hold(struct hub_fleet *f, const struct hub_hold *hold, bool written);
void hub_fleet_unhold(struct hub_fleet *f, const char *event);

// What was promoted last of a workload on a cluster.
struct hub_proven {
    const char *app;
    const char *key;   // of the workload
    const char *needs; // key of the object whose controller promotes; not in Git: this is ignored
    const char *revision;
    struct hub_bundle *bundle; // of the App; may lack the bytes of Secrets
};

// hub_fleet_begin_with has a cluster whose agent is a new one begin with what was proven to be good
// on it, from the next update on, whatever release Git says; other objects are as Git says. It
// replaces what was said of the cluster before: with nothing, Git alone counts again. The texts are
// copied.
void hub_fleet_begin_with(struct hub_fleet *f, const char *cluster, const struct hub_proven *list,
                          size_t count);

// hub_fleet_begin_new says that an App was never tried on a cluster, though it may be in force
// there as the first agent came after it. From the next update on it begins, there as wherever it
// comes new, without what others rejected: the decisions that count on their clusters count there,
// too. That ends when the object whose controller rejected it there has one that promoted
// something.
void hub_fleet_begin_new(struct hub_fleet *f, const char *cluster, const char *app);

struct hub_promoted {
    const char *cluster; // "": whichever
    const char *app;
    const char *needs;    // key of the object whose controller did
    const char *revision; // commit of the release
};

// hub_fleet_promoted says, after the decisions that reject it, that a release was promoted: who did
// begins with whatever Git says from the next update on, and so do others with that release.
void hub_fleet_promoted(struct hub_fleet *f, const struct hub_promoted *promoted);

// hub_fleet_proven_hold makes the Hold that puts it in the place of what another bundle of the App
// says; as hub_hold_make.
CM_MUSTUSE enum cm_rc hub_fleet_proven_hold(const struct hub_proven *proven, const char *cluster,
                                            const struct hub_bundle *instead_of,
                                            struct hub_hold **out, struct cm_err *err);

// hub_fleet_retry ends a decision as a document that says `retry` does.
void hub_fleet_retry(struct hub_fleet *f, const char *event);

struct hub_hold_info {
    const struct hub_hold *hold;
    const char *rejected; // "1.5.0"
    const char *restored;
    const char *repo; // "": not in Git yet
    const char *path;
    size_t in_force; // clusters on which it is; 0: it is void, or waits for its answer
    size_t waits;    // clusters on which it would be if Git said it: holdfast decided it itself
    bool written;    // of a decision: a document is its answer, or was
    bool retried;    // it says, or the answer said, that the release may be tried again
    // Of a document that the hub wrote: the App that is gone, or else the first cluster; NULL:
    // none.
    const char *gone_app;
    const char *gone_cluster;
};

// hub_fleet_each_hold visits all Holds: those of documents by name, then decisions by event.
void hub_fleet_each_hold(const struct hub_fleet *f,
                         void (*visit)(void *ctx, const struct hub_hold_info *h), void *ctx);

// hub_fleet_was_held tells whether a Hold of the same rejected release was on a cluster once, and
// no Hold of it counts there any more. hub_fleet_each_decided visits what was decided of an App on
// a cluster and is not to be tried again; `written`: it is, or was, in Git. hub_fleet_each_waiting
// visits Holds of an App on a cluster that holdfast decided itself and Git has never said. Neither
// looks at what is held elsewhere: all clusters may ask at once.
bool hub_fleet_was_held(const struct hub_fleet *f, const struct hub_hold *hold,
                        const char *cluster);

// hub_fleet_left tells whether no cluster of a Hold has its App any more, and all are kept from the
// release without it: by what was decided, should they come back.
bool hub_fleet_left(const struct hub_fleet *f, const struct hub_hold *hold);
void hub_fleet_each_decided(const struct hub_fleet *f, const char *app, const char *cluster,
                            void (*visit)(void *ctx, const struct hub_hold *hold, bool written),
                            void *ctx);
void hub_fleet_each_waiting(const struct hub_fleet *f, const char *app, const char *cluster,
                            void (*visit)(void *ctx, const struct hub_hold *hold), void *ctx);

// hub_fleet_missing_holds visits decisions that are in force, or would be if Git said them, and
// that it says nothing of.
void hub_fleet_missing_holds(const struct hub_fleet *f,
                             void (*visit)(void *ctx, const struct hub_hold_info *h), void *ctx);

// hub_fleet_repo_of returns the repository of an App; NULL: there is none.
const char *hub_fleet_repo_of(const struct hub_fleet *f, const char *app);

// hub_fleet_goes_back returns the repository of an App that says `onFailure: rollback`; NULL: it
// does not, or there is none.
const char *hub_fleet_goes_back(const struct hub_fleet *f, const char *app);

// hub_fleet_only_reports tells whether an App says `onReject: report`.
bool hub_fleet_only_reports(const struct hub_fleet *f, const char *app);

// hub_fleet_holds_undo tells whether an App says `undo: hold`.
bool hub_fleet_holds_undo(const struct hub_fleet *f, const char *app);

// hub_fleet_reverts tells whether an App says `writeBack: revert`.
bool hub_fleet_reverts(const struct hub_fleet *f, const char *app);

// hub_fleet_answer notes that Git has answered a decision that holds nothing any more: where its
// release is pushed again that counts as what was in Git before.
void hub_fleet_answer(struct hub_fleet *f, const char *event);

// hub_fleet_find_ban tells which image of an object (canonical form) a Ban forbids for an App, and
// the Ban's name; NULL: none. Both are the arena's.
const char *hub_fleet_find_ban(const struct hub_fleet *f, struct cm_arena *a, const char *app,
                               const struct cm_buf *object, const char **out_ban);

// Freezes change nothing of what clusters shall run; the fleet knows their documents, and no more.
struct hub_freeze_info {
    const struct hub_freeze *freeze;
    const char *repo;
    const char *path;
};
void hub_fleet_each_freeze(const struct hub_fleet *f,
                           void (*visit)(void *ctx, const struct hub_freeze_info *i), void *ctx);
struct hub_exemption;
struct hub_exemption_info {
    const struct hub_exemption *exemption;
    const char *repo;
    const char *path;
};
void hub_fleet_each_exemption(const struct hub_fleet *f,
                              void (*visit)(void *ctx, const struct hub_exemption_info *e),
                              void *ctx);

// hub_fleet_clock tells what time it is: the next update ends Exemptions. hub_fleet_due_ms returns
// when the next one ends that is in force; INT64_MAX: none is.
void hub_fleet_clock(struct hub_fleet *f, int64_t now_ms);
int64_t hub_fleet_due_ms(const struct hub_fleet *f);

struct hub_ban_info {
    const struct hub_ban *ban;
    const char *repo;
    const char *path;
};
void hub_fleet_each_ban(const struct hub_fleet *f,
                        void (*visit)(void *ctx, const struct hub_ban_info *b), void *ctx);

// hub_fleet_forget_gone drops the tombstone of an App that the agent reported as removed; the next
// manifest is without it. No result: nothing needs to be sent for it.
void hub_fleet_forget_gone(struct hub_fleet *f, const char *cluster, const char *app);

// hub_fleet_desired returns what a cluster shall run (borrowed until the next update), or NULL if
// there is no such Cluster document and it was not seeded.
struct hub_desired *hub_fleet_desired(const struct hub_fleet *f, const char *cluster);

// hub_fleet_sources returns the sources that Apps want now, sorted by name; borrowed until the next
// update. A source that was not in the list before needs a complete commit.
const struct hub_fleet_source *hub_fleet_sources(const struct hub_fleet *f, size_t *count);

// hub_fleet_source_tell says why a source that is wanted and has not come cannot be fetched (NULL:
// no longer); that Apps wait for it is then a problem as others are, and told with these words. It
// tells whether the list of problems is another one.
bool hub_fleet_source_tell(struct hub_fleet *f, const char *name, const char *why);

// hub_fleet_problems returns all present problems, sorted by repository, path, line; borrowed until
// the next update or hub_fleet_source_tell.
const struct hub_problem *hub_fleet_problems(const struct hub_fleet *f, size_t *count);

// For the store and the offline verbs: the documents as they are in force, sorted by name. Strings
// and trees are borrowed until the next update.
struct hub_cluster_info {
    const char *name;
    const struct cm_json *labels; // object of strings
    bool suspend;
    const char *repo;
    const char *path;
};
struct hub_group_info {
    const char *name;
    const char *repo;
    const char *path;
    const char *const *clusters; // members, sorted
    size_t cluster_count;
};
struct hub_app_info {
    const char *name;
    const char *repo;
    const char *path; // of its app.yaml
    const char *namespace;
    const char *drift;   // "report", "correct", "capture", "off"
    const char *capture; // a literal: "pull-request", "commit"; "": it does not say
    bool prune;
    bool suspend;
    bool adopt;
    bool prune_on_loss;        // onTargetLoss: prune
    bool plain_secrets;        // plainSecrets: allow
    bool goes_back;            // onFailure: rollback
    bool holds_undo;           // undo: hold
    const char *on_reject;     // a literal: "alone", "group" or "report"
    bool reverts;              // writeBack: revert
    const char *release_group; // NULL: none
    uint32_t group_line;       // where that stands
    uint32_t group_column;
    const char *source; // name of its source; NULL: its own repository
    const char *const *depends_on;
    size_t depends_on_count;
    size_t clusters; // that it is on
};
// What a Confirmation is called, of an App and a removal, where the hub names it; its file is
// called after it.
#define HUB_CONFIRMATION_NAME "%.50s-%s"

struct hub_confirmation_info {
    const char *name;
    const char *repo;
    const char *path;
    uint32_t line;
    uint32_t column;
    const char *app;
    const char *removal;
    bool used; // what it confirms has happened
};
void hub_fleet_each_confirmation(const struct hub_fleet *f,
                                 void (*visit)(void *ctx, const struct hub_confirmation_info *c),
                                 void *ctx);
void hub_fleet_each_cluster(const struct hub_fleet *f,
                            void (*visit)(void *ctx, const struct hub_cluster_info *c), void *ctx);
void hub_fleet_each_group(const struct hub_fleet *f,
                          void (*visit)(void *ctx, const struct hub_group_info *g), void *ctx);
void hub_fleet_each_app(const struct hub_fleet *f,
                        void (*visit)(void *ctx, const struct hub_app_info *a), void *ctx);

// hub_fleet_find_target finds the place of the entry of an App's `targets` that counts for a
// cluster; false: none does.
bool hub_fleet_find_target(const struct hub_fleet *f, const char *app, const char *cluster,
                           size_t *out);
