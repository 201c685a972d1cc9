// past_log: for the files that put the log of the past together: actions, and what they are made
// of.
//
// Threads: as hub/store/past_read.h.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "hub/store/past_read.h"

struct cm_map;
struct hub_entry;
struct hub_scaling_sum;

#define PAST_LOG_ROWS_MAX 100000   // that are looked at
#define PAST_LOG_ACTIONS_MORE 4000 // that are kept beside those that are asked for

#define PAST_LOG_SCALED "scaled"

struct past_action {
    const char *kind;
    const char *app;
    const struct past_info *info; // of releases, and of what a commit did
    const char *actor;            // of decisions: the controller; else who did it; NULL: not told
    const char *text;             // and its words; why
    bool more;                    // there are others
    struct past_fold desired;     // or of whatever is counted
    struct past_fold applied;     // of releases and removals
    uint8_t *in_desired;          // a bit for each number of a cluster
    uint8_t *in_applied;
    struct hub_scaling_sum *scaling; // of what was scaled; NULL: nothing
    const char *key;                 // of it: the first workload; "": several
    int64_t from_ms;
    int64_t to_ms;
    bool told;                 // by others: it is left out
    struct past_action *older; // the next in the list
};

struct past_log {
    struct past_read *read;
    const struct past_scope *scope;
    const char *few;  // names of the clusters that are asked for, as JSON, if they are so few that
                      // their rows are read by cluster and sorted then; "": all are read
    const char *kind; // only this one; "": all but progressing
    bool releases;    // only what Git says
    size_t limit;     // of actions
    struct cm_map *last; // by key: the one that went on earliest so far
    struct past_action *first;
    struct past_action **end;
    size_t count;
    bool cut;        // there was too much to look at all of it
    int64_t edge_ms; // before this nothing belongs to the first `limit` actions
};

struct past_log_row {
    const char *app;
    int64_t axis;
    uint32_t value;
    int64_t at_ms;
    const char *text; // what else tells it from others
};

// past_log_find finds the action that a row belongs to, or makes one. Rows of one kind come newest
// first.
struct past_action *past_log_find(struct past_log *l, const struct past_log_row *row,
                                  const char *kind, const struct past_info *info);
void past_log_add(struct past_log *l, struct past_action *action, const struct past_log_row *row,
                  const struct hub_entry *entry);

// past_log_counts tells whether something on a cluster is asked for, and of a time of which all is
// known: of before there is only what was so still then. past_log_heard_by until when
// the hub had to hear of it.
bool past_log_counts(const struct past_log *l, const struct hub_entry *entry);
int64_t past_log_heard_by(const struct past_log *l);

// past_log_is_enough tells, of rows that come newest first, whether nothing of the next one belongs
// to the answer.
bool past_log_is_enough(struct past_log *l, int64_t at_ms, size_t rows);

// past_log_events adds what events tell: who changed something by hand, what Git keeps out, bans or
// allows, what could not be written, and upgrades of agents.
// past_log_events_tell tells whether only events tell of a kind of action.
bool past_log_events_tell(const char *kind);
enum cm_rc past_log_events(struct past_log *l, struct cm_err *err);

// past_log_scaled adds what autoscalers did.
enum cm_rc past_log_scaled(struct past_log *l, struct cm_err *err);
