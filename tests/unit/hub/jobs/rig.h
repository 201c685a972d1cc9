// rig: a planner with real mirrors, a real authority and a database in memory, one step at a time.
//
// Threads: one.
#pragma once

#include "tests/unit/hub/repo/scratch.h"
#include "tests/unit/hub/store/memory_db.h"

#include "hub/jobs/planner.h"

#define RIG_SOURCES_MAX 4

struct rig {
    struct scratch *scratch;
    struct hub_db *db;
    struct hub_authority *authority;
    struct hub_planner *planner;
    struct hub_planner_source sources[RIG_SOURCES_MAX];
    char *folders[RIG_SOURCES_MAX];
    size_t source_count;
    uint64_t epoch;           // of the next start
    bool reads;               // then the hub may write to no repository
    struct hub_outcome *last; // the rig's
};

int rig_open(void **state);
int rig_close(void **state);

// rig_start begins anew, as a hub that is started, with these repositories (NULL ends them).
void rig_start(struct rig *r, const char *const *names);

// The steps; what they give is recorded first. A commit's script works in a copy and may use these:
// cluster NAME; app NAME; config APP NAME VALUE; workload APP NAME IMAGE VALUE;
// secret APP NAME VALUE.
struct hub_outcome *rig_begin(struct rig *r);
struct hub_outcome *rig_resume(struct rig *r, const char *name);
struct hub_outcome *rig_commit(struct rig *r, const char *name, const char *script);
// rig_tree commits to a repository of which Apps want a tree by this name; with NULL as the script
// what was fetched last is taken in again.
struct hub_outcome *rig_tree(struct rig *r, const char *repository, const char *want,
                             const char *script);
struct hub_outcome *rig_enroll(struct rig *r, const char *cluster, const char *id);
struct hub_outcome *rig_raise(struct rig *r, const char *cluster, uint64_t generation);
// rig_raise_new: its disk is new, and only its target knows that.
struct hub_outcome *rig_raise_new(struct rig *r, const char *cluster, uint64_t generation);

// rig_decide takes in one decision, which is put on record first.
struct hub_outcome *rig_decide(struct rig *r, const struct hub_decision_row *row);

// rig_prove has a release promoted; it returns NULL if that changes nothing.
struct hub_proven_row;
struct hub_outcome *rig_prove(struct rig *r, const struct hub_proven_row *row);

// rig_found takes in the text of a Hold that stands on the branch of Holds.
struct hub_outcome *rig_found(struct rig *r, const char *text);

// rig_overrule has people not want a Hold; on record first, too.
struct hub_outcome *rig_overrule(struct rig *r, const char *app, const char *path);
// rig_pass_time has the planner look at its clock.
struct hub_outcome *rig_pass_time(struct rig *r);
// rig_note_reverted has that in Git which a Hold would make; on record first, too.
void rig_note_reverted(struct rig *r, const char *app, const char *path);

size_t rig_source(const struct rig *r, const char *name); // as the planner counts them

// rig_lose_mirror removes what was fetched of a repository.
void rig_lose_mirror(struct rig *r, const char *name);

// rig_change returns what a step did to a cluster, or NULL; rig_runs and rig_has_lost tell whether
// an App is in force there or to be taken away.
const struct hub_cluster_change *rig_change(const struct hub_outcome *o, const char *cluster);
bool rig_runs(const struct hub_outcome *o, const char *cluster, const char *app);
bool rig_has_lost(const struct hub_outcome *o, const char *cluster, const char *app);
