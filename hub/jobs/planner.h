// planner: turns commits into what each cluster is sent.
//
// It holds the fleet (hub/fleet) and, per cluster, what was published last; a step takes something
// in (a commit, an enrolment, …) and gives an outcome: publications to send, rows to write. The
// outcome is recorded first and sent afterwards (hub/jobs/sync.h), so nothing is in force that a
// restart would forget.
//
// At the start the planner is seeded from the database with what was in force, and takes in once
// more, from the mirrors on disk, the commits that were resolved last. Two things wait then, for
// different repositories:
//
//     publishing      for those that were read before: a fleet that is half loaded must not look
//                     like one that lost its Apps; one that is new and wrong holds up nobody
//     taking as gone  for all that are configured (hub_fleet_expect): what is not where it was may
//                     have moved to the one that is new
//
// A repository that stands behind something in force and is configured no longer is *lost*: it may
// go by another name now, so publishing waits for all others. Once they are read, what is in none
// of them is taken as deleted from Git. Without any other repository nothing is: then rather the
// configuration was lost.
//
// A cluster's generation counts its manifests; a step that changes none of its Apps makes no new
// one. If an agent holds a higher one than the hub knows, the hub's disk is an older copy: what it
// seeds, and what it takes in once more from the mirrors, may be older than what that agent runs.
// Then its cluster is held: it is offered nothing until all that was known before the start was
// fetched since; then the next manifest goes above the agent's. After a second one that is ahead
// all clusters are held, for agents that are away now may be ahead, too. A hub that was restored
// from a backup knows it from its epoch, which is above that of what is on record, and holds all of
// them from the start.
//
// Threads: seed at start, then the sync worker only; outcomes move to other threads.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "hub/fleet/fleet.h"
#include "hub/repo/id.h"
#include "hub/store/decisions.h"

struct cm_arena;
struct hub_authority;
struct hub_db;
struct hub_decided_list;
struct hub_proven_list;
struct hub_desired;
struct hub_document_set;
struct hub_found;
struct hub_planner;
struct hub_publication;
struct hub_revision_row;

struct hub_planner_source {
    const char *name;   // of the repository, or of what Apps want of one
    const char *folder; // of its mirror
    const char *prefix; // root folder inside; ""
    bool writes;        // the hub may write there
};

struct hub_planner_config {
    const struct hub_authority *authority;
    const struct hub_planner_source *sources; // repositories with documents; copied
    size_t source_count;
    uint64_t epoch;
    struct hub_fleet_guard guard;
};

// A tree that Apps want from another repository (hub/fleet/fleet.h).
struct hub_planner_want {
    const char *name;
    const char *repository;
    enum hub_ref ref;
    const char *text;
};

struct hub_cluster_change {
    const char *cluster;
    struct hub_desired *before; // NULL: none, or not known
    struct hub_desired *now;    // NULL: the cluster left Git
    uint64_t generation;
    struct hub_publication *publication; // NULL: not enrolled, left, or the manifest is as it was
};

// What became of a decision.
struct hub_settlement {
    const struct hub_decision_row *row;
    enum hub_settled settled;
    const char *why; // of a rollback that waits for Git: what shall run instead of what
    const char *hold;
    bool fresh; // it is not on record yet: it goes back with one that is
};

#define HUB_EFFECT_CLUSTERS 3

// A form that a Hold gives a workload, the same on some clusters.
struct hub_hold_effect {
    const char *key;
    const char *controller; // that decided; "": none did
    const void *bytes;      // canonical form
    size_t size;
    const char *clusters[HUB_EFFECT_CLUSTERS]; // the first of them
    size_t cluster_count;
};

// A Hold that Git should have, or (text NULL) should have no longer. Paths are below the root
// folder of the repository.
struct hub_hold_ask {
    const char *id; // the same twice is one
    const char *repo;
    const char *path;
    const char *app;
    const char *text;
    const char *why;      // it should have it no longer
    const char *rejected; // "1.5.0"
    const char *restored;
    const char *bad_revision;
    const char *controller;
    const char *actor; // who decided on all of the clusters, if not the controller; ""
    const char *object;
    const char *words;   // the controller's
    const char *cluster; // the first
    const char *names;   // the first fifty, with spaces between
    size_t clusters;
    bool again;                            // it was in Git before
    bool revert;                           // a document is to say it instead, if one can
    bool back;                             // that was done before, and Git says it once more
    bool own;                              // holdfast goes back itself
    bool undone;                           // somebody did, by hand
    bool found;                            // all of it was found on the branch of Holds
    const struct hub_hold_effect *effects; // what it makes of the workload, each form once
    size_t effect_count;
    size_t effects_more; // forms that are not in the list
};

// What became known of the Hold that was made of a decision.
struct hub_hold_mark {
    const char *event; // the decision's id, hex
    bool written;      // it is, or was, in Git
    bool retried;      // people want the release to be tried again
    const char *hold;  // what it is instead; NULL: what it was
};

struct hub_problem_rows; // problems.c writes them

// What a step gives. Members are NULL or empty where nothing changed.
struct hub_outcome {
    struct cm_arena *arena;
    struct hub_cluster_change *changes; // to be recorded, then sent
    size_t change_count;
    // As before, but whole (again) after a restart: only to be sent.
    struct hub_publication **refreshed;
    size_t refreshed_count;
    struct hub_revision_row *revisions; // commits that are resolved now
    size_t revision_count;
    struct hub_decided_list *decided;   // the outcome's own
    struct hub_settlement *settlements; // of these
    size_t settlement_count;
    struct hub_hold_ask *asks;
    size_t ask_count;
    struct hub_hold_mark *marks;
    size_t mark_count;
    bool complete; // clusters that are not in `documents` are not in Git
    struct hub_document_set *documents_before; // NULL with `documents`: to be written anew
    struct hub_document_set *documents;
    const struct hub_problem_rows *problems;
    bool wants_changed; // `wants` is what Apps want now, sorted by name
    struct hub_planner_want *wants;
    size_t want_count;
    struct cm_err err; // a commit that could not be read at all; all else is empty then
};

void hub_outcome_free(struct hub_outcome *o); // NULL is fine

struct hub_planner *hub_planner_new(const struct hub_planner_config *config);
void hub_planner_free(struct hub_planner *p);

// hub_planner_taken names the commit of a source that is on record as taken in; "": none is. It is
// the planner's.
const char *hub_planner_taken(const struct hub_planner *p, size_t source);

// hub_planner_seed loads what was in force and who is enrolled.
CM_MUSTUSE enum cm_rc hub_planner_seed(struct hub_planner *p, struct hub_db *db,
                                       struct cm_err *err);

// hub_planner_start returns the publications of the seed that are whole (no Secret is missing), so
// that agents are served before any repository is.
struct hub_outcome *hub_planner_start(struct hub_planner *p);

// The steps. resume takes in the commit that was resolved last before the restart, from the mirror;
// if that cannot be read the outcome is empty, and the next fetch will do. commit takes in what was
// fetched.
struct hub_outcome *hub_planner_resume(struct hub_planner *p, size_t source);
struct hub_outcome *hub_planner_commit(struct hub_planner *p, size_t source,
                                       const struct hub_repo_id *commit);

// The same for a tree that Apps want, from its mirror: `commit`, or NULL for what was fetched last
// (then, if there is nothing, the outcome is empty). trouble: why it cannot be fetched; NULL: it
// can.
struct hub_outcome *hub_planner_tree(struct hub_planner *p, const struct hub_planner_source *tree,
                                     const struct hub_repo_id *commit);
struct hub_outcome *hub_planner_trouble(struct hub_planner *p, const char *tree, const char *why);

// hub_planner_decide takes in what controllers in clusters decided. Takes the list. What is about
// Apps that are not known, as Git is not read yet, is left as it is.
struct hub_outcome *hub_planner_decide(struct hub_planner *p, struct hub_decided_list *list);

// hub_planner_decides_again tells once that what had to wait for Git to be read can be decided now.
bool hub_planner_decides_again(struct hub_planner *p);

// hub_planner_found takes in what stands on the branch of Holds (found.h), before the first commit
// of its repository is. Borrows it.
struct hub_outcome *hub_planner_found(struct hub_planner *p, const struct hub_found *found);

// hub_planner_overrule ends what is decided about an App, would be in Git as the Hold with this
// path, and is not: people do not want it.
struct hub_outcome *hub_planner_overrule(struct hub_planner *p, const char *app, const char *path);

// hub_planner_note_reverted: what the Hold with this path would make is in Git, maybe without it;
// the decisions are on record as answered. Once Git is read that says the release all the same,
// somebody pushed it again.
void hub_planner_note_reverted(struct hub_planner *p, const char *app, const char *path);

// hub_planner_clock tells what time it is, before each step; hub_planner_pass_time takes in that it
// has passed: what ends by time ends. hub_planner_due_ms is when something does; INT64_MAX:
// nothing.
void hub_planner_clock(struct hub_planner *p, int64_t now_ms);
struct hub_outcome *hub_planner_pass_time(struct hub_planner *p);
int64_t hub_planner_due_ms(const struct hub_planner *p);

// hub_planner_ask_holds puts into the outcome of a step what of the Holds Git lacks, or has in
// vain, unless that was asked for before.
void hub_planner_ask_holds(struct hub_planner *p, struct hub_outcome *o);

// hub_planner_enroll: cluster_id "" is the one that the cluster has.
struct hub_outcome *hub_planner_enroll(struct hub_planner *p, const char *cluster,
                                       const char *cluster_id,
                                       const struct hub_proven_list *proven);

// hub_planner_raise takes in what the agent of a cluster holds, which is more than the hub knew.
// The agent of a new disk holds nothing, and goes by its target: that says nothing of other
// clusters.
struct hub_outcome *hub_planner_raise(struct hub_planner *p, const char *cluster, uint64_t epoch,
                                      uint64_t generation, bool new_disk);
void hub_planner_forget_gone(struct hub_planner *p, const char *cluster, const char *app);

// hub_planner_is_ready tells whether no repository holds publishing back any more.
bool hub_planner_is_ready(const struct hub_planner *p);
