// sync_state: what the files of sync share.
//
//     sync.c    the whole: repositories, start and stop
//     steps.c   one step after the other: plan, record, publish
//     watch.c   what is fetched for the steps, what Apps want of other repositories, and mirrors
//               that nobody wants any more
//
// Threads: the loop; a step's `outcome` is the sync worker's and the store's while it is with them.
#pragma once

#include "common/backoff.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/workers.h"
#include "hub/jobs/fetcher.h"
#include "hub/jobs/planner.h"
#include "hub/jobs/store.h"
#include "hub/jobs/sync.h"

struct cm_metric;
struct hub_repository;

// A tree that is kept up to date: a repository with documents, or what Apps want of one.
struct hub_tracked {
    struct hub_sync *owner;
    const struct hub_repository *config;
    struct hub_fetcher *fetcher;
    struct hub_found *found; // the fetcher's while it fetches; NULL: nothing, or on its way
    char *name;
    char *folder;
    size_t index;            // of a repository with documents: as the planner counts them
    bool wanted;             // of what Apps want: still, while the list is gone through
    struct cm_list in_trees; // of what Apps want
};

enum hub_step_kind {
    HUB_STEP_RESUME,
    HUB_STEP_COMMIT,
    HUB_STEP_FOUND,
    HUB_STEP_TREE_RESUME,
    HUB_STEP_TREE,
    HUB_STEP_TROUBLE,
    HUB_STEP_ENROLL,
    HUB_STEP_RAISE,
    HUB_STEP_FORGET,
    HUB_STEP_DECIDE,
    HUB_STEP_OVERRULE,
    HUB_STEP_REVERTED,
    HUB_STEP_TIME,
};

struct hub_step {
    struct hub_sync *owner;
    enum hub_step_kind kind;
    size_t source;
    struct hub_repo_id commit;
    char *name; // of a cluster, an App, or of what Apps want
    char *text; // cluster id, Apps (each ended by NUL, and one more), folder of the mirror,
                // trouble, or path of a Hold
    uint64_t epoch;
    uint64_t generation;
    bool new_disk;
    struct hub_decided_list *decided;
    struct hub_found *found;
    struct hub_proven_list *proven; // NULL: nothing is known
    struct hub_outcome *outcome;
    struct hub_freeze_set *freezes; // as documents of the outcome have it; NULL: it has none
    struct cm_job plan;
    struct hub_store_job record;
    size_t published; // of what the outcome puts in force
    struct cm_task more;
    int64_t since_ms; // when it came
    struct cm_list in_steps;
};

struct hub_sync {
    struct hub_sync_config config;
    struct hub_fetching fetching;
    struct hub_tracked *repositories; // with documents
    size_t repository_count;
    struct cm_list trees;
    struct hub_planner *planner;
    struct cm_workers *plan;
    struct cm_list steps; // the first one is under way if `busy`
    bool busy;
    _Atomic bool ready;
    bool swept;   // mirrors that nobody wants were looked for
    bool looking; // for decisions
    bool look_again;
    size_t jobs;         // fetches, plans and records that are out
    struct cm_timer due; // something ends by time
    struct cm_timer retry_record;
    struct cm_backoff record_backoff;
    struct cm_map *unproven;      // clusters of which nobody could read what was promoted there
    struct cm_timer retry_proven; // one for all of these
    struct cm_backoff proven_backoff;
    struct cm_map *told_ahead; // when it was told last that an agent is, by its cluster
    bool stopping;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
    struct cm_metric *metric_commits;
    struct cm_metric *metric_published;
    struct cm_metric *metric_ahead;
    struct cm_metric *metric_resolve;
    struct cm_metric *metric_steps;
    struct cm_metric *metric_ready;
    struct cm_metric *metric_fetches_waiting;
};

// steps.c. hub_step_add puts a step at the end of the queue (texts are copied) and hub_steps_go
// begins with the next one, if none is under way.
struct hub_step *hub_step_add(struct hub_sync *s, enum hub_step_kind kind, const char *name,
                              const char *text);
void hub_steps_go(struct hub_sync *s);
void hub_step_free(struct hub_step *step);
void hub_sync_note_ready(struct hub_sync *s);
void hub_sync_looked(struct hub_sync *s); // what was decided is settled
void hub_sync_publish(struct hub_sync *s, const struct hub_outcome *o); // all at once
// hub_step_publish puts in force what is on record: a commit may change ten thousand clusters, so
// piece by piece. Then the step has ended.
void hub_step_publish(struct hub_step *step);
void hub_sync_retry_record(void *sync); // a timer's
void hub_sync_due(void *sync);          // a timer's
void hub_sync_wait_due(struct hub_sync *s);
void hub_sync_check_stopped(struct hub_sync *s);

// watch.c. hub_watch_config is all of a fetcher's configuration but the state that is wanted;
// hub_watch_repository and hub_watch_find return NULL if there is none; hub_watch_wants follows
// what an outcome says that Apps want.
struct hub_fetcher_config hub_watch_config(struct hub_tracked *t);
const struct hub_repository *hub_watch_repository(const struct hub_sync *s, const char *name);
void hub_sync_tell_news(const struct hub_tracked *t);
struct hub_tracked *hub_watch_find(struct hub_sync *s, const char *name);
void hub_watch_wants(struct hub_sync *s, const struct hub_outcome *o);
void hub_watch_drop(struct hub_tracked *t);
