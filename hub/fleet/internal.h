// internal: what the files of hub/fleet share.
//
//     tree.c       files by folder
//     files.c      a commit -> files to look at
//     documents.c  files -> documents; which document a name means; what stays of a wrong file
//     strays.c     documents where none are looked for
//     targets.c    labels -> clusters; App and cluster -> target
//     groups.c     groups, also of groups -> members
//     references.c names of what does not exist, circles
//     sources.c    trees of other repositories that Apps want
//     content.c    folder of an App -> templates
//     filter.c     what of a folder counts: globs, .holdfastignore
//     crds.c       scopes of kinds that CRDs define
//     drafts.c     folders whose app.yaml is wrong -> what else is
//     editions.c   overlays, images, labels of App and target -> editions
//     links.c      (App, cluster) -> input -> rendered once; who claims which object
//     settle.c     what is in force on a cluster; conflicts
//     release.c    Apps whose changes land together
//     holds.c      Holds and Bans, of Git and of decisions
//     held.c       what they make of a version
//     guard.c      removals that wait for a confirmation
//     confirmations.c  which Git lets happen
//     desired.c    desired states
//     problems.c   everything that is wrong, as one list
//     fleet.c      the update, in order
//
// A *link* is an App on a cluster. What a link shall be comes from its *variant*: all links of an
// App with the same input share one, so it is rendered once. What is in force on it is a *version*:
// a bundle and where its objects were written. When a variant does not render, or another App
// claims one of its objects, the link keeps the version that it has.
//
// Threads: one at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/fleet/doc.h"
#include "hub/fleet/fleet.h"
#include "hub/fleet/tree.h"
#include "hub/render/diag.h"
#include "hub/render/render.h"

struct cm_arena;
struct cm_buf;
struct cm_map;
struct cm_str;
struct hub_edition;
struct hub_glob;

// ---- A set of pointers, for few members or many; order means nothing

struct hub_set {
    void **items;
    size_t count;
    size_t capacity;
};

void hub_set_done(struct hub_set *s);
void hub_set_add(struct hub_set *s, void *item); // must not be in it
bool hub_set_remove(struct hub_set *s, const void *item);
bool hub_set_has(const struct hub_set *s, const void *item);

#define HUB_REMOVAL_MAX 13
#define HUB_LOSS_SHOWN 3

// ---- Names: a Cluster, ClusterGroup or App, whether or not there is a document for it now

struct hub_named {
    char *name;
    enum hub_kind kind;
    struct hub_doc *doc;    // in force; NULL: none
    struct hub_doc *claims; // all documents of this name
    bool seeded;            // known from before a restart, no document yet
    // During an update
    bool touched;
    struct hub_doc *before;
    struct hub_file *before_file; // a document that is kept may move to another one
    bool before_kept;
    // While circles are looked for
    bool in_graph;
    size_t waiters;
};

// The tombstone of an App. It stays until the agent has reported it as done, or the App is in force
// again; until then it is held if the App is back in Git and objects would go.
struct hub_gone_mark {
    char *app;
    struct cm_buf *revision; // ends in NUL
    char *account;           // in whose name it is removed; "": the agent's own
    bool prune;
    bool held;
};

// What keeps an App of a cluster as it is: an object that another App claims too, or an App of its
// release group.
struct hub_conflict {
    struct hub_app *app;
    struct hub_diag diag;          // owns its texts
    char removal[HUB_REMOVAL_MAX]; // that waits for a confirmation; "": it is none
};

// A Hold: of a document, or of a decision that is not in Git yet.
struct hub_hold_entry {
    const struct hub_hold *hold;
    const struct hub_doc *doc; // NULL: of a decision
    struct hub_hold *own;      // of a decision, else NULL
    size_t serial;             // another one for each of its states
    bool written;              // a document was the answer to it, now or before
    bool *retried;             // of a decision, by cluster: one said that it may be tried again
};

// The Holds of an App.
struct hub_app_holds {
    struct hub_set documents; // entries
    struct hub_set decisions;
    struct cm_map *by_cluster; // -> struct hub_set of decisions
};

struct hub_held_doc {
    struct hub_named named;
    struct hub_hold_entry entry;
};

// An Exemption.
struct hub_exempt_doc {
    struct hub_named named;
    bool in_force;
    size_t serial; // another one for each of its documents
};

// What a version becomes where certain Holds, Bans and Exemptions count.
struct hub_held {
    struct hub_version *base; // a reference
    char *key;                // what counts
    size_t links;
    struct hub_version
        *version;    // a reference, maybe to the base; NULL: nothing is left that may run
    size_t *applied; // serials of the Holds that are in force
    size_t applied_count;
    size_t *waiting; // of those that would be, if Git said them
    size_t waiting_count;
    // Why nothing is left; NULL: something is
    char *message;
    char *repo;
    char *path;
    uint32_t line;
    uint32_t column;
};

struct hub_cluster {
    struct hub_named named;
    struct hub_set groups;
    struct hub_link **links; // sorted by App
    size_t link_count;
    size_t link_capacity;
    struct hub_gone_mark *gone; // sorted by App
    size_t gone_count;
    struct hub_conflict *conflicts;
    size_t conflict_count;
    struct hub_desired *desired;
    bool touched; // to be settled
    bool dirty;   // to be linked anew
    bool fresh;   // made by this update
    bool listed;
    // While it is settled
    bool had_conflicts;
    bool again; // something that it was settled with is not so
};

struct hub_confirmation {
    struct hub_named named;
    // During an update
    bool named_by; // something that it confirms
    bool released; // what it confirms happened
    bool pending;  // or could not, for another reason
};

// An App that leaves clusters and waits for a confirmation to.
struct hub_leave {
    char removal[HUB_REMOVAL_MAX];
    char *message; // NULL: nothing waits
    size_t clusters;
    const char *first; // of them
};

struct hub_group {
    struct hub_named named;
    struct hub_set members; // clusters
    const char **names;     // of members, sorted, for those who ask; NULL: not made
    struct hub_set reach;   // itself and groups that it names, directly or not
    struct hub_diags wrong; // names of groups that do not exist, circles
    // During an update
    struct hub_set delta; // clusters that joined or left
    bool regroup;         // members may have changed
    bool reached;
    bool has_own; // the cluster that is being placed
};

struct hub_app {
    struct hub_named named;
    struct hub_link **links;
    size_t link_count;
    size_t link_capacity;
    // Content
    struct hub_repo *tree; // of another repository, where its manifests are; NULL: its own
    struct hub_manifest *manifests;
    size_t manifest_count;
    struct cm_map *foreign; // manifests of the tree by path -> struct hub_foreign
    struct hub_template **templates;
    size_t template_count;
    struct hub_set files;     // of its own repository, also those of overlays and refused ones
    struct hub_diags content; // problems of the folder as a whole
    bool content_broken;      // a file or the folder is wrong
    bool partial;             // and not all objects could be read
    bool unsure;              // and which files are its manifests
    bool content_dirty;
    bool waiting;      // the tree is not fetched yet
    size_t serial;     // of its loading, by which files know whether an overlay names them
    const char **used; // variables, sorted
    size_t used_count;
    struct cm_map *overlays; // by path -> struct hub_overlay_files
    struct hub_app_edition *editions;
    size_t edition_count;
    size_t *edition_of;      // by target
    struct cm_map *variants; // by input
    size_t broken_variants;
    size_t blocked; // helds with nothing left that may run
    size_t begins;  // links of which something is waited for to be promoted
    // References to others
    struct hub_diags frozen; // not empty: nothing about this App changes
    bool was_frozen;
    bool listed;       // in the update's list
    bool render_dirty; // variants are out of date
    bool targets_dirty;
    bool evaluated;   // on every cluster that a target of it may mean, in this update
    bool prune;       // of the last document
    size_t contested; // objects that other Apps claim too, somewhere
    size_t leaving;   // links that are
    bool leaving_changed;
    struct hub_leave leave;
    // The last two of its versions of which the second is known to drop nothing of the first
    const struct hub_version *kept_from;
    const struct hub_version *kept_by;
};

// A file of manifests of an App, or of one of its overlays.
struct hub_manifest {
    struct hub_file *file;
    struct hub_source *source; // the file's, or that of App's `foreign`
    bool overlay;
};

// A file of another repository as an App reads it: Apps that share a tree share no templates, for
// these remember what they were rendered to by the rules of one App.
struct hub_foreign {
    uint8_t oid[HUB_OID_SIZE];
    bool literal;
    bool unreadable; // for now
    bool seen;
    struct hub_source *source;
};

// What an overlay's path names.
struct hub_overlay_files {
    struct hub_diags diags; // besides those of the files
    struct hub_source **sources;
    size_t count;
    bool broken;
};

// What an App is for those of its targets that make the same changes to it.
struct hub_app_edition {
    char *key;
    struct hub_edition *made;     // NULL: it is the App as it is, or too large
    struct hub_overlay *overlays; // what it was made of
    size_t overlay_count;
    struct hub_diags diags;
    bool broken;
    bool unknown; // what its objects are
    // Borrowed from `made` or the App
    struct hub_template *const *templates;
    size_t template_count;
    const char *const *used;
    size_t used_count;
};

// A bundle of an App.
struct hub_version {
    size_t refs;
    struct hub_app *app;
    struct hub_rendered rendered;
    struct hub_version *turned; // with the other `suspend`; NULL: not made
    struct hub_set helds;       // what it becomes; each has a reference to it
    struct cm_buf *told;        // Holds that are applied, as hub_pair tells them; NULL: none
};

struct hub_variant {
    size_t links;
    size_t edition;
    char *key;
    struct hub_version *version; // NULL: it did not render
    struct hub_diags diags;
    const char *first_cluster; // while problems are listed
};

// Objects that would be removed from a cluster.
struct hub_loss {
    size_t count;
    const char *first[HUB_LOSS_SHOWN]; // keys, of the version in force
    char removal[HUB_REMOVAL_MAX];     // names them all
    const struct hub_app *taker;       // that takes `taken` over, and cannot yet; NULL: none
    const char *taken;
};

struct hub_link {
    struct hub_app *app;
    struct hub_cluster *cluster;
    size_t at;                   // in app->links
    struct hub_variant *variant; // what it shall be; NULL: not known
    struct hub_version *version; // in force; NULL: none
    struct hub_held *outcome;    // where Holds or Bans count; NULL: none do
    struct cm_buf *revision;     // of that, ends in NUL
    struct cm_buf *repo;         // of the revision, ends in NUL
    bool stale;
    bool is_new;           // its cluster did not have it when all was known (begins.c)
    bool leaving;          // Git takes the App and its objects off the cluster
    struct cm_buf *waits;  // removal that waits for a confirmation, ends in NUL; NULL: none
    struct cm_buf *begins; // as in hub_pair, ends in NUL; NULL: none (begins.c)
    // While its cluster is settled
    struct hub_version *chosen;            // NULL: none, or it leaves
    struct hub_loss *loss;                 // NULL: none
    bool lost;                             // to another App that claims one of its objects
    bool held;                             // by an App of its release group
    bool keeps;                            // what another App takes over and cannot yet
    struct hub_confirmation *confirmation; // that lets the loss happen; NULL: none
    bool over;                             // its cluster would lose more than may go
    bool guarded;                          // it waits for a confirmation
};

struct hub_repo {
    char *name;
    struct hub_folder *root;
    struct cm_map *crds; // "group/kind" -> struct hub_crd
    size_t ignore_files;
    bool loaded; // a complete commit was taken in
    // Of a source
    bool source_only;
    struct hub_fleet_source source; // owns its texts
    struct hub_set users;           // Apps that want it
    char *why;                      // it could not be fetched; NULL: nobody said
};

struct hub_crd {
    size_t namespaced; // CRDs that say so
    size_t cluster;
};

struct hub_claim {
    struct hub_claimant {
        struct hub_app *app;
        size_t count; // versions
    } * items;
    size_t count;
};

struct hub_fleet {
    uint8_t secret_key[CM_SHA256_SIZE];
    struct cm_map *repos;
    struct cm_map *trees; // of sources, by name -> struct hub_repo
    struct hub_fleet_source *sources;
    size_t source_count;
    struct cm_map *names[HUB_KINDS]; // -> struct hub_named
    struct cm_map *labels;           // "key" and "key=value" -> struct hub_set of clusters
    struct hub_set clusters;         // with a document
    struct cm_map *claims;           // object key -> struct hub_claim
    struct hub_set wrong;            // files of documents
    struct hub_set unreadable;       // files to be read again
    struct hub_set strays;           // files with documents that are not looked for there
    struct hub_set seeded;           // names without a document
    struct hub_set conflicted;       // clusters with conflicts
    struct hub_fleet_guard guard;
    bool restarted;               // something was seeded
    bool looking_back;            // nothing waits but what waits already
    struct hub_set leaving;       // Apps with links that are
    struct cm_map *confirmations; // "app/removal" -> struct hub_set
    struct cm_map *used;          // names of confirmations -> removal that happened
    struct cm_map *holds;         // App -> struct hub_app_holds
    struct cm_map *decided;       // event -> struct hub_hold_entry, its own
    struct cm_map *beginnings;    // cluster -> struct beginnings (proven.c)
    struct cm_map *begun;         // clusters that begin otherwise since the last update
    struct cm_map *untried;       // "cluster\napp" that were never tried; looked at in an update
    struct cm_map *promoted;      // "app\nrevision" that some rejected and some promoted
    struct hub_set fresh_holds;   // of those, that came since the last update
    struct hub_set old_holds;     // that went, and are freed in the next one
    struct hub_set bans;          // names with a document
    size_t ban_serial;
    struct hub_set exemptions; // names with a document
    int64_t now_ms;            // Unix time, for exemptions
    struct hub_problem *problems;
    size_t problem_count;
    struct cm_arena *problem_arena;
    size_t serials;
};

// What one hub_fleet_update knows.
struct hub_update {
    struct hub_fleet *fleet;
    bool was_loaded; // or it is known what was in force
    bool stopped;
    struct hub_repo *repo;
    const struct hub_fleet_commit *commit;
    const struct hub_fleet_reader *reader;
    struct cm_buf *revision;
    struct cm_buf *repo_name;
    struct hub_set files;    // that changed and are there
    struct hub_set removed;  // files that are gone
    struct hub_set old_docs; // to be freed in the end
    struct hub_set touched;  // names
    struct hub_set clusters; // to be settled
    struct hub_set dirty_clusters;
    struct hub_set dirty_apps; // content, rendering or targets
    struct hub_set gone_clusters;
    struct hub_set regrouped;      // groups whose members may have changed
    struct hub_set changed_groups; // with a delta
    struct hub_set confirmed;      // confirmations that are named by something
    struct cm_map *kinds;          // whose CRDs changed
    struct cm_map *strays;         // "kind/name" -> file; NULL: not made
    bool references;               // what Apps refer to may have changed
    bool sources;                  // which ones are wanted may have changed
    bool problems;                 // the list of problems is to be made again
    bool documents;
    size_t evaluated;
    size_t rendered;
    size_t made;
    struct cm_arena *scratch; // of an object that is being made
    size_t parsed;
};

// ---- files.c
void hub_files_take(struct hub_update *u);

// ---- documents.c
void hub_documents_take(struct hub_update *u);
void hub_documents_release_file(struct hub_file *file); // when the fleet is freed
struct hub_named *hub_named_get(struct hub_fleet *f, enum hub_kind kind, const char *name);
void hub_named_touch(struct hub_update *u, struct hub_named *named);
// hub_named_tidy frees the names that nothing stands behind any more.
void hub_named_tidy(struct hub_update *u);
void hub_named_free(struct hub_named *named);

static inline struct hub_cluster *hub_cluster_of(struct hub_named *named) {
    return (struct hub_cluster *)(void *)named;
}
static inline struct hub_group *hub_group_of(struct hub_named *named) {
    return (struct hub_group *)(void *)named;
}
static inline struct hub_app *hub_app_of(struct hub_named *named) {
    return (struct hub_app *)(void *)named;
}
struct hub_cluster *hub_find_cluster(const struct hub_fleet *f,
                                     const char *name); // with a document
struct hub_group *hub_find_group(const struct hub_fleet *f, const char *name);
struct hub_app *hub_find_app(const struct hub_fleet *f, const char *name);

// hub_app_stays tells whether an App stays as it is: there is no good document of it now, or it
// names what does not exist.
static inline bool hub_app_stays(const struct hub_app *app) {
    return app->named.doc == NULL || app->named.doc->kept || app->frozen.count > 0;
}

// ---- strays.c
// hub_strays_may tells whether a file is to be looked into for documents that it must not hold.
bool hub_strays_may(const struct hub_file *file);
void hub_strays_read(struct hub_update *u, struct hub_file *file);
void hub_strays_forget(struct hub_update *u, struct hub_file *file);
// hub_strays_find returns the file that has a document of a name where it is not looked for, or
// NULL. All changed files have been read.
struct hub_file *hub_strays_find(struct hub_update *u, enum hub_kind kind, const char *name);

// ---- targets.c
void hub_targets_unindex(struct hub_fleet *f, struct hub_cluster *c, const struct hub_doc *doc);
void hub_targets_index(struct hub_fleet *f, struct hub_cluster *c, const struct hub_doc *doc);
void hub_targets_select(const struct hub_fleet *f, const struct hub_selector *s,
                        void (*visit)(void *ctx, struct hub_cluster *c), void *ctx);
// hub_targets_find returns the target of an App that counts for a cluster, or NULL.
const struct hub_target *hub_targets_find(const struct hub_app *app, const struct hub_cluster *c);
void hub_targets_candidates(const struct hub_fleet *f, const struct hub_target *t,
                            void (*visit)(void *ctx, struct hub_cluster *c), void *ctx);

// ---- groups.c: first what groups reach, then changed clusters are placed, then groups made anew
void hub_groups_reach(struct hub_update *u);
void hub_groups_place(struct hub_update *u, struct hub_cluster *c);
void hub_groups_regroup(struct hub_update *u);

// ---- references.c
void hub_references_check(struct hub_update *u); // of all Apps and groups

// ---- sources.c
struct hub_repo *hub_repo_new(const char *name);
void hub_repo_free(void *repo);
void hub_file_free(struct hub_file *file);
// hub_sources_want makes an App want what its document names, and nothing else.
void hub_sources_want(struct hub_update *u, struct hub_app *app);
void hub_sources_leave(struct hub_app *app);
void hub_sources_touch(struct hub_update *u, const struct hub_repo *tree); // all Apps that want it
void hub_sources_changed(struct hub_update *u, const struct hub_file *file);
void hub_sources_sweep(struct hub_update *u); // lets go of what nobody wants
bool hub_sources_is_name(const char *repo);
// hub_sources_path tells whether a path of a problem is one of the App's source: *out is then the
// path in there.
bool hub_sources_path(const struct hub_app *app, const char *path, const char **out);

// ---- content.c
struct hub_app *hub_content_owner(const struct hub_folder *folder);
void hub_content_dirty(struct hub_update *u, struct hub_app *app);
void hub_content_list(struct hub_update *u, struct hub_app *app); // for evaluation
void hub_content_drop_source(struct hub_update *u, struct hub_file *file);
void hub_content_load(struct hub_update *u); // of all dirty Apps
void hub_content_clear(struct hub_app *app);
void hub_content_free(struct hub_app *app);
// hub_content_add takes a file of the App's repository up as one of its manifests or overlays.
struct hub_source *hub_content_add(struct hub_update *u, struct hub_app *app, struct hub_file *file,
                                   bool overlay);
// hub_content_read reads a file as manifests, unless that was done. The file keeps it.
const struct hub_source *hub_content_read(struct hub_update *u, struct hub_file *file,
                                          bool literal);
// hub_content_wait says of an App that its source is not fetched yet, and nothing else.
void hub_content_wait(struct hub_app *app);
// hub_content_advice says what to do about a file that is refused.
const char *hub_content_advice(const char *name);
// hub_content_crosses tells whether an app.yaml stands between a folder and one above it.
bool hub_content_crosses(const struct hub_folder *folder, const struct hub_folder *home);
// hub_file_read reads a file for its reader or reports why it cannot be.
struct cm_buf *hub_file_read(struct hub_update *u, struct hub_file *file, size_t max,
                             struct hub_diags *diags);

// ---- drafts.c
void hub_drafts_look(struct hub_update *u);

// ---- filter.c
struct hub_filter {
    struct cm_arena *arena;
    size_t root; // length of what stands before paths below the source's folder
    const struct hub_glob **include;
    size_t include_count;
    const struct hub_glob **exclude;
    size_t exclude_count;
};
void hub_filter_init(struct hub_filter *filter, const struct hub_source_doc *doc, size_t root);
void hub_filter_done(struct hub_filter *filter);
enum hub_filtered { HUB_TAKEN, HUB_NOT_INCLUDED, HUB_EXCLUDED, HUB_IGNORED, HUB_FILTERED_KINDS };
// hub_filter_judge tells whether a file counts, or what leaves it out.
enum hub_filtered hub_filter_judge(struct hub_update *u, const struct hub_filter *filter,
                                   const struct hub_file *file, struct hub_diags *diags);
// hub_filter_ignores tells whether a .holdfastignore leaves a file out; one that cannot be read is
// reported.
bool hub_filter_ignores(struct hub_update *u, const struct hub_file *file, struct hub_diags *diags);
void hub_filter_changed(struct hub_update *u, struct hub_file *file); // a .holdfastignore

// ---- crds.c
enum cm_object_scope hub_crds_scope(void *app, const char *group, const char *kind);
void hub_crds_count(struct hub_update *u, struct hub_repo *repo, const struct hub_source *source,
                    bool add);
void hub_crds_forget(struct hub_update *u); // what was rendered of kinds that changed

// ---- editions.c
void hub_editions_make(struct hub_update *u, struct hub_app *app);
void hub_editions_clear(struct hub_app *app);
// hub_editions_load reads what the App's overlays name, and marks it as no manifests of its own.
void hub_editions_load(struct hub_update *u, struct hub_app *app);
// hub_editions_hide tells whether an overlay of the App names a file.
bool hub_editions_hide(const struct hub_app *app, const struct hub_file *file);

// ---- links.c
struct hub_link *hub_link_find(const struct hub_cluster *c, const struct hub_app *app);
struct hub_link *hub_link_make(struct hub_app *app, struct hub_cluster *c);
void hub_link_evaluate(struct hub_update *u, struct hub_app *app, struct hub_cluster *c);
// hub_link_leave begins to take an App off a cluster: at once, or when its cluster is settled if
// objects go with it.
void hub_link_leave(struct hub_update *u, struct hub_link *link, bool prune);
// hub_link_remove takes an App off a cluster; a tombstone stays if something was in force, or the
// one before is not done yet.
void hub_link_remove(struct hub_fleet *f, struct hub_link *link, struct cm_buf *revision,
                     bool prune);
void hub_link_drop(struct hub_fleet *f, struct hub_link *link); // without a tombstone
void hub_links_reset(struct hub_app *app);                      // variants are made anew
struct hub_version *hub_version_new(struct hub_fleet *f, struct hub_app *app,
                                    struct hub_rendered rendered);
void hub_version_unref(struct hub_fleet *f, struct hub_version *v);
// hub_version_share puts the bundle in force in the place of one that came out the same.
void hub_version_share(struct hub_rendered *rendered, const struct hub_version *in_force);
void hub_cluster_touch(struct hub_update *u, struct hub_cluster *c);
// hub_link_suspend suspends what is in force, or no longer, though it is not what it shall be: that
// does not wait until something else is mended.
void hub_link_suspend(struct hub_fleet *f, struct hub_link *link);

// ---- settle.c
void hub_settle(struct hub_update *u, struct hub_fleet_result *result);
// hub_settle_rendered is what Git says of a link, hub_settle_candidate what Holds make of it; NULL:
// there is none.
struct hub_version *hub_settle_rendered(const struct hub_link *link);
struct hub_version *hub_settle_candidate(const struct hub_link *link);
const struct hub_object *hub_version_object(const struct hub_version *v, const char *key);
bool hub_version_has(const struct hub_version *v, const char *key); // NULL has nothing
// hub_version_walk does the same for keys that are asked for in their order; *at begins at 0.
bool hub_version_walk(const struct hub_version *v, const char *key, size_t *at);
bool hub_settle_same_bundle(const struct hub_version *a, const struct hub_version *b);
// hub_gone_put puts up a tombstone that is not held; one that is there stays as it is.
void hub_gone_put(struct hub_cluster *c, const char *app, struct cm_buf *revision, bool prune,
                  const char *account);
void hub_gone_hold(struct hub_cluster *c, const char *app, bool held); // if there is one
bool hub_gone_take(struct hub_cluster *c, const char *app);            // whether there was one
void hub_conflicts_clear(struct hub_cluster *c);
// hub_conflicts_add copies the path and takes the message. `removal`: what waits; "": it is none.
void hub_conflicts_add(struct hub_cluster *c, struct hub_app *app, struct hub_diag diag,
                       const char *removal);

// ---- guard.c
// hub_guard_leaves notes that Git takes an App off a cluster, or no longer.
void hub_guard_leaves(struct hub_fleet *f, struct hub_link *link, bool leaves);
bool hub_guard_lets_go(const struct hub_update *u, const struct hub_link *link); // if nothing waits
void hub_guard_spread(struct hub_update *u); // to all clusters that must be settled together
// hub_guard_hold refuses candidates that must wait; it tells whether there was one more.
bool hub_guard_hold(struct hub_update *u, struct hub_cluster *c);
// hub_guard_hold_apps does so for Apps that leave, when all clusters are settled but for that;
// those that must be once more are marked `again`.
bool hub_guard_hold_apps(struct hub_update *u);
void hub_guard_forget(struct hub_app *app); // what is said of its leaving

// ---- confirmations.c
void hub_confirmations_changed(struct hub_update *u, struct hub_named *named);
struct hub_confirmation *hub_confirmations_find(struct hub_update *u, const char *app,
                                                const char *removal); // NULL: there is none
// hub_confirmations_note says whether something that one confirms has happened.
void hub_confirmations_note(struct hub_update *u, struct hub_confirmation *c, bool happened);
void hub_confirmations_settle(struct hub_update *u);
void hub_confirmations_free_set(void *set);

// ---- holds.c
void hub_holds_changed(struct hub_update *u, struct hub_named *named);
void hub_bans_changed(struct hub_update *u, struct hub_named *named);
void hub_holds_take(struct hub_update *u); // those that came or went without a document
// hub_holds_find lists the Holds that count for an App on a cluster, sorted by name; the caller
// frees the list.
size_t hub_holds_find(const struct hub_fleet *f, const char *app, const char *cluster,
                      const struct hub_hold_entry ***out);
// hub_holds_find_waiting lists those that would count, had Git said them; as hub_holds_find.
size_t hub_holds_find_waiting(const struct hub_fleet *f, const char *app, const char *cluster,
                              const struct hub_hold_entry ***out);
// hub_holds_standing returns what keeps a decided release out of a cluster that decided it: the
// document if there is one, else the decision; NULL: it is tried again, waits for Git, or Git has
// no word of these clusters any more.
const struct hub_hold_entry *hub_holds_standing(const struct hub_app_holds *holds,
                                                const struct hub_hold_entry *entry);
// hub_holds_leader returns what a decision goes with on a cluster that decided it; NULL: that is
// not there.
const struct hub_hold_entry *hub_holds_leader(const struct hub_fleet *f,
                                              const struct hub_hold_entry *entry,
                                              const char *cluster);
bool hub_bans_any(const struct hub_fleet *f, const char *app);
void hub_holds_free_app(void *holds);
void hub_holds_free_entry(void *entry);
void hub_holds_free(struct hub_fleet *f);

// ---- proven.c
void hub_proven_take_begun(struct hub_update *u);
void hub_proven_free_cluster(void *beginnings);
// hub_proven_add puts behind `count` entries (in *entries, which may be another array then) those
// that keep out of a version what was not proven on its cluster; it returns how many there are.
size_t hub_proven_add(struct hub_update *u, const struct hub_link *link,
                      const struct hub_version *base, const struct hub_hold_entry ***entries,
                      size_t count);

// hub_proven_will tells whether Git has, on a cluster, the object whose controller is to promote.
bool hub_proven_will(const struct hub_cluster *c, const char *needs);

// ---- begins.c
// hub_begins_add puts behind `count` entries, as hub_proven_add, those of other clusters with whose
// rejected releases an App is not to begin.
size_t hub_begins_add(struct hub_update *u, struct hub_link *link,
                      const struct hub_hold_entry ***entries, size_t count);
void hub_begins_touch(struct hub_update *u, const char *app); // where something is waited for
void hub_begins_seed(struct hub_link *link, const char *begins);
// hub_begins_leave ends what a link, which its cluster lists no more, and those that go with it
// wait for.
void hub_begins_leave(struct hub_fleet *f, struct hub_link *link);

// ---- exemptions.c
void hub_exemptions_changed(struct hub_update *u, struct hub_named *named);
void hub_exemptions_take(struct hub_update *u); // those whose time is over
// hub_exemptions_find lists those in force for an App on a cluster, by name; the caller frees.
size_t hub_exemptions_find(const struct hub_fleet *f, const char *app, const char *cluster,
                           const struct hub_exempt_doc ***out);

// ---- held.c
// hub_held_choose works out what Holds, Bans and Exemptions make of what a link shall be.
void hub_held_choose(struct hub_update *u, struct hub_link *link);
void hub_held_leave(struct hub_fleet *f, struct hub_link *link);
bool hub_held_applies(const struct hub_link *link, size_t serial);
bool hub_held_waits(const struct hub_link *link, size_t serial); // it would apply

// ---- release.c
bool hub_release_hold(struct hub_cluster *c); // whether a candidate is refused that was not
// hub_release_tell_split tells, as conflicts, of Apps that still are of a release that is kept out
// of another App of their group; before what was chosen is put in force.
void hub_release_tell_split(const struct hub_fleet *f, struct hub_cluster *c);

// ---- desired.c
struct hub_desired *hub_settle_desired(const struct hub_cluster *c);
bool hub_settle_same(const struct hub_desired *a, const struct hub_desired *b);

// ---- problems.c
bool hub_problems_make(struct hub_fleet *f); // whether they are others than before
void hub_problems_done(struct hub_fleet *f);
