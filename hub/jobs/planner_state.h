// planner_state: what the files of the planner share.
//
//     planner.c   the whole: sources, clusters, the seed, who enrolls
//     take.c      commits: into the fleet, and what comes of it
//     settle.c    what controllers in clusters decided
//     found_settle.c  what of that was found on the branch of Holds
//     promoted.c  what they promoted since
//     holds.c     what of that Git should say
//     offer.c     outcomes, and what one cluster is to be sent
//
// Threads: the planner's.
#pragma once

#include "common/tls/digest.h"
#include "common/tls/keys.h"
#include "hub/jobs/answers.h"
#include "hub/jobs/lost.h"
#include "hub/jobs/planner.h"
#include "hub/repo/tree.h"

struct cm_map;
struct hub_fleet;

// What is known of a cluster, in Git or enrolled or both.
struct hub_cluster_state {
    char id[CM_UUID_MAX]; // "" while not enrolled
    uint64_t epoch;
    uint64_t generation;         // of the last manifest; 0: none
    struct cm_sha256 manifest;   // its hash; zero: none, or of an earlier id
    struct hub_desired *desired; // that it was made from; NULL: none
    struct hub_answers answers;  // to what its controllers decided
    bool answers_more;           // the last manifest lacks some that can be given
    bool held;                   // its agent is ahead: nothing is offered until all is fetched
};

struct hub_source_state {
    bool tree_only;            // Apps want it; it has no documents
    struct hub_repo_id commit; // that the fleet has taken in
    bool loaded;
    bool awaited;                   // was read before the restart: publishing waits for it
    bool fetched;                   // since the start
    char last[HUB_REPO_ID_HEX_MAX]; // on record as resolved; "": none
    struct hub_commit pending;      // taken in but not on record
    bool has_pending;
    char *passed; // commits that came with it since the last on record (hub_repo_passed), or NULL
};

struct hub_planner {
    struct hub_planner_config config;
    struct hub_fleet *fleet;
    struct cm_map *clusters; // by name
    // Repositories with documents, then what Apps want; each with its place in both arrays.
    struct hub_planner_source *sources;
    struct hub_source_state *states;
    size_t source_count;
    struct cm_map *trees; // revision on record of what Apps wanted before the start, by name
    struct hub_document_set *documents; // that the database shows; NULL: not known
    struct cm_map *marked;              // what became known of Holds, by event (hub_hold_marks)
    struct cm_map *not_renewed;         // what was said of it already (promoted.c)
    struct cm_map
        *reverted;        // path of a Hold that may have been -> commit that was read last before
    struct cm_map *known; // cluster and release of every Hold that was made of a decision
    struct cm_map *found; // events of those that were found on the branch of Holds since the start
    struct cm_map *asked; // what Holds were asked for last, by path, as a hash
    struct hub_lost lost;
    bool undecided; // something waits for Git to be read
    size_t ahead;   // agents that held more than was known
    bool ready;     // everything was published at least once
    bool fetched;   // everything that was known before the start was fetched since
    bool swept;     // clusters that are not in Git are off the record
};

// planner.c. hub_planner_cluster makes what is known of a cluster if there is nothing yet;
// hub_planner_add_source returns the place of a new source.
struct hub_cluster_state *hub_planner_cluster(struct hub_planner *p, const char *cluster);
size_t hub_planner_add_source(struct hub_planner *p, const struct hub_planner_source *source);

// take.c. hub_note_documents puts the documents, as they are now, into the outcome.
void hub_note_documents(struct hub_planner *p, struct hub_outcome *o);

// settle.c. hub_settle_seed takes in a decision that was settled before the start; `state` NULL:
// there is no such cluster.
void hub_settle_seed(struct hub_planner *p, struct hub_cluster_state *state,
                     const struct hub_decision_row *row);

// hub_settle_apply has the fleet work out what was made known to it without a commit, and offers
// what changes; `more`: for how many other clusters there shall be room.
void hub_settle_apply(struct hub_planner *p, struct hub_outcome *o, size_t more);

// hub_settle_make makes a Hold of what was decided; as hub_hold_make, and CM_EBUSY where holdfast
// would go back itself and may not (rollback.h). hub_settle_words says in the arena what it does.
// hub_settle_note puts what became of it into the outcome.
struct hub_decided;
struct hub_hold;
CM_MUSTUSE enum cm_rc hub_settle_make(struct hub_planner *p, struct cm_arena *a,
                                      const struct hub_decided *d, struct hub_hold **out,
                                      struct cm_err *err);
const char *hub_settle_words(struct cm_arena *a, const struct hub_hold *hold);
void hub_settle_note(struct hub_outcome *o, const struct hub_settlement *s);

// found_settle.c. hub_found_know: there is a decision that a Hold was made of, whatever became of
// it. hub_found_is tells whether an event is one that was found. hub_found_same finds a Hold of the
// release that a decision rejected, if some were found, and makes it that decision's; NULL: there
// is none.
#define HUB_FOUND_WHY "as the branch of Holds says"
struct hub_hold;
void hub_found_know(struct hub_planner *p, const struct hub_hold *hold);
bool hub_found_is(const struct hub_planner *p, const char *event);
struct hub_hold *hub_found_same(struct hub_planner *p, const struct hub_decision_row *row);

// hub_settle_objects lists the objects of a bundle; `other` is what one of them is instead, if not
// NULL. The arena's.
struct hub_bundle;
struct hub_hold_object;
struct hub_hold_object *hub_settle_objects(struct cm_arena *a, const struct hub_bundle *bundle,
                                           const struct hub_hold_object *other);

// promoted.c. hub_promoted_renew has what was promoted be what is restored from now on
// where releases of that workload are kept out of the cluster.
void hub_promoted_renew(struct hub_planner *p, struct hub_outcome *o, const struct hub_decided *d);

// holds.c. hub_hold_marks writes down what became known of a Hold; hub_hold_add_mark puts it into
// the outcome.
const char *hub_hold_marks(bool written, bool retried);
struct hub_hold_mark *hub_hold_add_mark(struct hub_outcome *o);

// offer.c. The arrays of an outcome are made for a known number of clusters.
struct hub_outcome *hub_outcome_new(void);
void hub_outcome_room(struct hub_outcome *o, size_t clusters);
struct hub_publication *hub_offer_publication(const struct hub_planner *p,
                                              const struct hub_cluster_state *state,
                                              struct hub_desired *desired, uint64_t generation);
// hub_offer puts what a cluster shall run now into the outcome; hub_offer_again does so after a
// restart; hub_offer_nothing says that it left Git.
void hub_offer(struct hub_planner *p, struct hub_outcome *o, struct hub_desired *desired);
void hub_offer_again(struct hub_planner *p, struct hub_outcome *o, struct hub_desired *desired);
void hub_offer_nothing(struct hub_planner *p, struct hub_outcome *o, const char *cluster);
